// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/base/status.h"

/*
 * The session's error codes (docs/protocol.md, Errors; session.md 9). In an
 * ERROR frame anyone can forge one: a hint to print, nothing else. In a FAIL
 * record it is the Keep's word.
 *
 * The functions that judge a peer's message return one: DJ_ERROR_NONE or the
 * exact code that the other side is told.
 */
enum DJ_NODISCARD dj_error {
	DJ_ERROR_NONE = 0,
	DJ_ERROR_BAD_FRAME = 1,
	DJ_ERROR_BAD_HELLO = 2,
	DJ_ERROR_NO_SUITE = 3,
	DJ_ERROR_KEEP_OWNED = 4,
	DJ_ERROR_KEEP_FRESH = 5,
	DJ_ERROR_WRONG_KEEP = 6,
	DJ_ERROR_BAD_OPEN = 7,
	DJ_ERROR_NO_OFFER = 8,
	DJ_ERROR_STALE_OFFER = 9,
	DJ_ERROR_NO_TICKET = 10,
	DJ_ERROR_BAD_RECORD = 11,
	DJ_ERROR_BAD_INNER = 12,
	DJ_ERROR_BAD_ORDER = 13,
	DJ_ERROR_BAD_OWNER = 14,
	DJ_ERROR_TOO_BIG = 15,
	DJ_ERROR_BUSY = 16,        /* host */
	DJ_ERROR_NO_EVIDENCE = 17, /* host */
	DJ_ERROR_KEEP_GONE = 18,   /* host */
	DJ_ERROR_BAD_OFFER = 32,   /* client */
	DJ_ERROR_SUITE = 33,       /* client */
	DJ_ERROR_EVIDENCE = 34,    /* client */
};

/* "BAD_HELLO" and so on, "NONE" for 0; NULL for a code that is none. */
const char *dj_error_name(uint16_t code);

/* ERROR frame payload: u16 code, text of 0..254 bytes, not terminated. */
#define DJ_ERROR_TEXT_MAX 254

struct dj_error_msg {
	uint16_t code;
	/*
	 * Borrowed. Bytes from a stranger: a terminal must never see them
	 * before dj_error_text() has made them printable.
	 */
	const uint8_t *text;
	size_t text_len;
};

dj_status dj_error_parse(const uint8_t *buf, size_t len,
	struct dj_error_msg *ret);
/* Cuts text at DJ_ERROR_TEXT_MAX. text NULL: the code's name. */
dj_status dj_error_write(uint16_t code, const char *text, uint8_t *dst,
	size_t cap, size_t *ret_len);
/* Printable ASCII, all else as '?', terminated; dst has room for it. */
void dj_error_text(const struct dj_error_msg *m,
	char dst[static DJ_ERROR_TEXT_MAX + 1]);
