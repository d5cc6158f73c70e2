// SPDX-License-Identifier: Apache-2.0
#include "lib/crypto/sha384.h"

#include <bearssl.h>

_Static_assert(sizeof(br_sha384_context) <=
		sizeof(((struct dj_sha384 *)NULL)->state),
	"room");

void dj_sha384_init(struct dj_sha384 *c)
{
	br_sha384_init((br_sha384_context *)(void *)c->state);
}

void dj_sha384_update(struct dj_sha384 *c, const void *p, size_t len)
{
	br_sha384_update((br_sha384_context *)(void *)c->state, p, len);
}

void dj_sha384_final(const struct dj_sha384 *c, uint8_t ret[static 48])
{
	br_sha384_out((const br_sha384_context *)(const void *)c->state, ret);
}

void dj_sha384(const void *p, size_t len, uint8_t ret[static 48])
{
	struct dj_sha384 c;

	dj_sha384_init(&c);
	dj_sha384_update(&c, p, len);
	dj_sha384_final(&c, ret);
}
