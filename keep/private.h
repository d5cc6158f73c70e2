// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/base/status.h"

/*
 * Private memory for the core and the program. The same three calls as the
 * shim's (keep/shim.h), and a list of what was committed: so that whatever is
 * given back is wiped first, and RELEASE wipes everything, whoever asked for
 * it. Sizes need not be whole pages here.
 */
dj_status dj_memory_begin(void);
void *dj_private_reserve(size_t len);
dj_status dj_private_commit(void *p, size_t len);
void dj_private_release(void *p, size_t len);
/*
 * Makes committed memory code: one range at a time (else DJ_E_LIMIT), until it
 * is released or wiped.
 */
dj_status dj_private_exec(void *p, size_t len);
/* Wipes all that is committed, the list last. Nothing may be used after. */
void dj_private_wipe(void);

/*
 * A buffer that grows in place to at most cap bytes; nothing is committed
 * before it is needed. Zero is an empty one without address space.
 */
struct dj_buffer {
	uint8_t *p;
	size_t cap;
	size_t committed;
};

/* DJ_E_NOMEM: no address space. b must be zero. */
dj_status dj_buffer_reserve(struct dj_buffer *b, size_t cap);
/* Makes [0, end) usable; end <= cap. DJ_E_NOMEM: the limit is reached. */
dj_status dj_buffer_grow(struct dj_buffer *b, size_t end);
/* Wipes, gives back; b is zero again. */
void dj_buffer_free(struct dj_buffer *b);
