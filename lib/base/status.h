// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * The one result type. A code says what the caller can do about it, not what
 * went wrong in detail; details travel beside it, where they are wanted.
 * A dropped result is a warning; a meant drop is written (void).
 */
#define DJ_NODISCARD [[nodiscard]]

typedef enum DJ_NODISCARD dj_status {
	DJ_OK = 0,
	DJ_E_INPUT,       /* malformed bytes or arguments from a stranger */
	DJ_E_LIMIT,       /* well formed, but larger or more than is allowed */
	DJ_E_AUTH,        /* a tag, signature or comparison did not hold */
	DJ_E_STATE,       /* right thing, wrong time */
	DJ_E_HOST,        /* the host answered what an honest one cannot */
	DJ_E_NOMEM,       /* no memory, or the tenant's limit is reached */
	DJ_E_UNSUPPORTED, /* a version, suite or feature this build lacks */
	DJ_E_SYS,         /* a system call failed; errno is set (hosted only) */
	DJ_STATUS_COUNT
} dj_status;

/* "DJ_E_INPUT" and so on; a constant string, never NULL. */
const char *dj_status_name(dj_status st);
