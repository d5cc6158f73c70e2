// SPDX-License-Identifier: Apache-2.0
#include "host/sign/sign.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/rsa.h>

EVP_PKEY *dj_sgx_new_key(void)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	BIGNUM *three = BN_new();
	EVP_PKEY *key = NULL;

	if (ctx != NULL && three != NULL && BN_set_word(three, 3) == 1 &&
		EVP_PKEY_keygen_init(ctx) == 1 &&
		EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 3072) == 1 &&
		EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, three) == 1)
		(void)EVP_PKEY_generate(ctx, &key);
	BN_free(three);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

/* Turns n bytes around: OpenSSL's numbers are big-endian. */
static void reverse(uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n / 2; i++) {
		uint8_t b = p[i];

		p[i] = p[n - 1 - i];
		p[n - 1 - i] = b;
	}
}

bool dj_sgx_sign(EVP_PKEY *key, struct dj_sgx_sigstruct *s)
{
	uint8_t bytes[DJ_SGX_SIGSTRUCT_SIGNED];
	size_t len = sizeof(s->signature);
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	BIGNUM *n = NULL, *e = NULL;
	bool good;

	dj_sgx_sigstruct_signed(s, bytes);
	good = md != NULL &&
		EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) == 1 &&
		EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) == 1 &&
		BN_num_bits(n) == 3072 && BN_is_word(e, 3) &&
		BN_bn2lebinpad(n, s->modulus, sizeof(s->modulus)) > 0 &&
		EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, key) == 1 &&
		EVP_DigestSign(md, s->signature, &len, bytes, sizeof(bytes)) ==
			1 &&
		len == sizeof(s->signature);
	if (good)
		reverse(s->signature, sizeof(s->signature));
	BN_free(n);
	BN_free(e);
	EVP_MD_CTX_free(md);
	return good && dj_sgx_sigstruct_quotients(s) &&
		dj_sgx_sigstruct_verify(s);
}
