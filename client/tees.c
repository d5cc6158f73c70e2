// SPDX-License-Identifier: Apache-2.0
#include "client/tees.h"

#include <string.h>

#include "lib/proto/offer.h"

const struct dj_tee_choice dj_tee_choices[] = {
	{ "process", DJ_TEE_PROCESS, false, "sha256", "root.pem", NULL },
	{ "kvm", DJ_TEE_KVM, false, "sha256", "root.pem", NULL },
	{ "snp", DJ_TEE_SNP, false, "sha384", NULL, NULL },
	{ "snp-emu", DJ_TEE_SNP, true, "sha384", "snp-root.pem", "snp" },
	{ "sgx", DJ_TEE_SGX, false, "mrenclave", NULL, NULL },
	{ "sgx-emu", DJ_TEE_SGX, true, "mrenclave", "sgx-root.pem", "sgx" },
	{ 0 },
};

const struct dj_tee_choice *dj_tee_choice_find(const char *word)
{
	for (const struct dj_tee_choice *c = dj_tee_choices; c->word != NULL;
		c++) {
		if (strcmp(c->word, word) == 0)
			return c;
	}
	return NULL;
}

const struct dj_tee_choice *dj_tee_choice_of(uint8_t tee, bool emulated)
{
	for (const struct dj_tee_choice *c = dj_tee_choices; c->word != NULL;
		c++) {
		if (c->tee == tee && c->emulated == emulated)
			return c;
	}
	return NULL;
}

const char *dj_tee_word(uint8_t tee, bool emulated)
{
	const struct dj_tee_choice *c = dj_tee_choice_of(tee, emulated);

	return c == NULL ? dj_tee_name(tee) : c->word;
}
