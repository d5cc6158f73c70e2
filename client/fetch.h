// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/errors.h"

/*
 * GET of a public file from a vendor's service, or a cache of one. What comes
 * is not trusted: only signatures inside it give it meaning, so the service
 * may be reached by http: too, as a cache beside the machine is.
 */
struct dj_fetched {
	uint8_t *p; /* to be freed; a NUL follows */
	size_t len;
	char *header; /* of the one header asked for, to be freed; or NULL */
};

#define DJ_FETCH_MAX ((size_t)1 << 20)

/*
 * header: its name, or NULL. Follows no redirection. Errors: usage.value (no
 * URL of http or https), collateral.fetch (no answer, or another than 200),
 * collateral.busy (429 or 503: *ret_wait is the seconds that the service asks
 * for, 0 if it names none), internal.library, internal.memory.
 */
DJ_NODISCARD bool dj_fetch(const char *url, const char *header,
	struct dj_fetched *ret, unsigned *ret_wait, struct dj_err *err);
void dj_fetched_done(struct dj_fetched *f); /* a zeroed one is fine */
