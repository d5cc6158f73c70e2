// SPDX-License-Identifier: Apache-2.0
#include "tests/support/nonce_log.h"

#include <string.h>

#include "lib/crypto/aead.h"
#include "lib/crypto/sha256.h"

#ifndef NONCE_LOG_ON
#define NONCE_LOG_ON false
#endif

struct dj_nonce_log dj_nonce_log = { .is_on = NONCE_LOG_ON };
void (*dj_nonce_log_hook)(const uint64_t entry[2]);

void dj_nonce_log_start(void)
{
	memset(&dj_nonce_log, 0, sizeof(dj_nonce_log));
	dj_nonce_log.is_on = true;
}

static void remember(const struct dj_aead *a,
	const uint8_t nonce[static DJ_AEAD_NONCE])
{
	struct dj_nonce_log *l = &dj_nonce_log;
	/* AES-256's schedule is a function of the key, and 240 bytes. */
	size_t key_len = a->alg == DJ_AEAD_AES256_GCM ? 240 : 32;
	uint8_t text[1 + 240 + DJ_AEAD_NONCE], hash[32];
	uint64_t e[2];
	size_t i;

	text[0] = (uint8_t)a->alg;
	memcpy(text + 1, a->state, key_len);
	memcpy(text + 1 + key_len, nonce, DJ_AEAD_NONCE);
	dj_sha256(text, 1 + key_len + DJ_AEAD_NONCE, hash);
	dj_wipe(text, sizeof(text));
	memcpy(e, hash, sizeof(e));
	for (i = e[0] % DJ_NONCE_LOG_MAX; l->at[i][0] != 0 || l->at[i][1] != 0;
		i = (i + 1) % DJ_NONCE_LOG_MAX)
		if (l->at[i][0] == e[0] && l->at[i][1] == e[1])
			__builtin_trap(); /* a nonce twice under one key */
	if (l->count == DJ_NONCE_LOG_MAX - 1)
		__builtin_trap(); /* the log is full: make it larger */
	l->at[i][0] = e[0];
	l->at[i][1] = e[1];
	l->count++;
	if (dj_nonce_log_hook != NULL)
		dj_nonce_log_hook(e);
}

/* Weak: a program that is linked without --wrap has no log, and links. */
__attribute__((weak)) void __real_dj_aead_seal(const struct dj_aead *a,
	const uint8_t nonce[static 12], const void *aad, size_t aad_len,
	uint8_t *data, size_t len, uint8_t ret_tag[static 16]);
void __wrap_dj_aead_seal(const struct dj_aead *a,
	const uint8_t nonce[static 12], const void *aad, size_t aad_len,
	uint8_t *data, size_t len, uint8_t ret_tag[static 16]);
void __wrap_dj_aead_seal(const struct dj_aead *a,
	const uint8_t nonce[static 12], const void *aad, size_t aad_len,
	uint8_t *data, size_t len, uint8_t ret_tag[static 16])
{
	if (dj_nonce_log.is_on)
		remember(a, nonce);
	__real_dj_aead_seal(a, nonce, aad, aad_len, data, len, ret_tag);
}
