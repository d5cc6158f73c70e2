// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "host/aesm/aesm_msg.h"

/*
 * Quotes from aesmd. Untrusted, as all of the host: who gets the quote judges
 * it. A connection for each request, for so is AESM's protocol.
 *
 *   struct dj_aesm a = { .path = DJ_AESM_PATH, .patience_ms = 30000 };
 *   dj_aesm_target(&a, target)       for whom EREPORT is to be
 *   dj_aesm_quote(&a, report, ...)   the same key, until the next target
 */
#define DJ_AESM_PATH "/var/run/aesmd/aesm.socket"

enum dj_aesm_wrong {
	DJ_AESM_GOOD = 0,
	DJ_AESM_NO_DAEMON,    /* nobody listens at the path; errno is set */
	DJ_AESM_TOO_SLOW,     /* no whole answer in time */
	DJ_AESM_HUNG_UP,      /* it closed the connection without one */
	DJ_AESM_BAD_REPLY,    /* an answer that is none to what was asked */
	DJ_AESM_BUSY,         /* it said so each time */
	DJ_AESM_NO_ALGORITHM, /* no key for ECDSA over P-256 */
	DJ_AESM_REFUSED,      /* another error of its own: a->code */
	DJ_AESM_WRONGS
};

struct dj_aesm {
	const char *path;
	int patience_ms; /* for one answer */
	uint8_t key_id[DJ_AESM_KEY_ID];
	uint32_t code; /* of DJ_AESM_REFUSED */
};

enum dj_aesm_wrong dj_aesm_target(struct dj_aesm *a, uint8_t ret[static 512]);

/* DJ_AESM_BAD_REPLY as well if the quote is longer than cap. */
enum dj_aesm_wrong dj_aesm_quote(struct dj_aesm *a,
	const uint8_t report[static 432], uint8_t *dst, size_t cap,
	size_t *ret_len);

/* For a log: what is wrong, and what may help; a->code in words. */
const char *dj_aesm_text(const struct dj_aesm *a, enum dj_aesm_wrong wrong);
/* As an errno, for those who know no finer. */
int dj_aesm_errno(enum dj_aesm_wrong wrong);
