// SPDX-License-Identifier: Apache-2.0
#include "client/html.h"

#include <string.h>

#include "client/errors.h"

void dj_html_text(FILE *out, const char *text, size_t len)
{
	char clean[DJ_HTML_TEXT_MAX + 1];

	dj_clean(clean, sizeof(clean), text, len);
	for (const char *p = clean; *p != '\0'; p++) {
		switch (*p) {
		case '&':
			(void)fputs("&amp;", out);
			break;
		case '<':
			(void)fputs("&lt;", out);
			break;
		case '>':
			(void)fputs("&gt;", out);
			break;
		case '"':
			(void)fputs("&quot;", out);
			break;
		case '\'':
			(void)fputs("&#39;", out);
			break;
		default:
			(void)fputc(*p, out);
		}
	}
}

void dj_html_str(FILE *out, const char *text)
{
	if (text != NULL)
		dj_html_text(out, text, strlen(text));
}
