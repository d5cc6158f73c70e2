// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * Archives for tests, good and bad: written without asking whether they make
 * sense. The buffer belongs to the caller and grows (realloc).
 */
struct mktar {
	uint8_t *p;
	size_t len;
};

/* A ustar header as given, with its checksum; link may be NULL. */
void mktar_header(struct mktar *t, const char *name, char type, uint64_t size,
	const char *link);
/* An x header of these records (whole, "12 path=abc\n"). */
void mktar_extended(struct mktar *t, const char *records);
/* "LENGTH KEY=VALUE\n" of any length into dst. */
void mktar_record(char *dst, size_t cap, const char *key, const char *value);
/* Contents and padding. */
void mktar_data(struct mktar *t, const void *p, size_t len);
void mktar_file(struct mktar *t, const char *name, const char *contents);
void mktar_end(struct mktar *t);
/* The checksum of the header at off, after a test has spoilt the header. */
void mktar_sum(struct mktar *t, size_t off);
void mktar_free(struct mktar *t);
