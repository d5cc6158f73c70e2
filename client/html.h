// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdio.h>

/*
 * Text from anywhere made fit for an HTML document, between tags and inside
 * quoted attributes: & < > " ' are escaped, control bytes and bytes that are
 * not UTF-8 become `?`, more than DJ_HTML_TEXT_MAX bytes are cut. What is not
 * text of ours by constant goes through here, without exception.
 */
#define DJ_HTML_TEXT_MAX 4096

void dj_html_text(FILE *out, const char *text, size_t len);
/* The same for a string; NULL is empty. */
void dj_html_str(FILE *out, const char *text);
