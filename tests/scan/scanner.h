// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * Looks for 8-byte windows of secrets, at any alignment, raw and in the other
 * shapes in which bytes leak: complemented, byte-reversed in words of 2, 4
 * and 8, as hex in both cases, as base64 in its three phases. One set of
 * secrets a program. Windows of fewer than four different bytes are left out:
 * they are everywhere.
 */
#define SCANNER_SECRET_MAX 4096

/* name is borrowed for as long as the secret is looked for. */
void scanner_add(const char *name, const uint8_t *p, size_t len);
void scanner_reset(void);
uint32_t scanner_windows(void);

/* Returns how many windows were found; says each, if hit is not NULL. */
typedef void scanner_hit(void *ctx, size_t at, const char *name,
	const char *shape);
size_t scanner_scan(const uint8_t *p, size_t len, scanner_hit *hit, void *ctx);
