// SPDX-License-Identifier: Apache-2.0
#include "client/owner.h"

#include <errno.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <string.h>

#include "lib/crypto/p256.h"
#include "lib/crypto/sha256.h"
#include "lib/session/binding.h"

static bool point(EVP_PKEY *key, uint8_t ret[static 65], struct dj_err *err)
{
	char group[32] = "";
	size_t len = 0;

	/* Any encoding may come back, but only this one has 65 bytes. */
	if (EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) != 1 ||
		strcmp(group, "prime256v1") != 0 ||
		EVP_PKEY_get_octet_string_param(key, "encoded-pub-key", ret, 65,
			&len) != 1 ||
		len != 65 || ret[0] != 4)
		return dj_err_set(err, "owner.key",
			"using the owner key: it is not a P-256 key with an uncompressed point");
	return true;
}

/* No prompt: a key with a passphrase is an error, not a question. */
static int no_passphrase(char *buf, int size, int writing, void *ctx)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)ctx;
	return -1;
}

EVP_PKEY *dj_owner_load(const char *path, struct dj_err *err)
{
	FILE *f = fopen(path, "re");
	EVP_PKEY *key;
	uint8_t pub[65];

	if (f == NULL) {
		(void)dj_err_set(err, "owner.key",
			"reading the owner key %s: %s", path, strerror(errno));
		return NULL;
	}
	key = PEM_read_PrivateKey(f, NULL, no_passphrase, NULL);
	(void)fclose(f);
	if (key == NULL) {
		(void)dj_err_set(err, "owner.key",
			"reading the owner key %s: no private key in PEM, or one with a passphrase",
			path);
		return NULL;
	}
	if (!point(key, pub, err)) {
		EVP_PKEY_free(key);
		return NULL;
	}
	return key;
}

bool dj_owner_hash(EVP_PKEY *key, uint8_t ret[static 32], struct dj_err *err)
{
	uint8_t pub[65];

	if (!point(key, pub, err))
		return false;
	dj_sha256(pub, sizeof(pub), ret);
	return true;
}

bool dj_owner_sign(EVP_PKEY *key, const uint8_t binding[static 32],
	const struct dj_key *auth, uint8_t ret[static DJ_OWNER_PART],
	struct dj_err *err)
{
	uint8_t digest[32], der[80];
	const unsigned char *p = der;
	size_t len = sizeof(der);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	ECDSA_SIG *sig = NULL;
	bool good;

	dj_owner_digest(binding, auth, digest);
	good = point(key, ret, err) && ctx != NULL &&
		EVP_PKEY_sign_init(ctx) == 1 &&
		EVP_PKEY_sign(ctx, der, &len, digest, sizeof(digest)) == 1;
	if (good)
		sig = d2i_ECDSA_SIG(NULL, &p, (long)len);
	good = good && sig != NULL &&
		BN_bn2binpad(ECDSA_SIG_get0_r(sig), ret + 65, 32) == 32 &&
		BN_bn2binpad(ECDSA_SIG_get0_s(sig), ret + 97, 32) == 32;
	ECDSA_SIG_free(sig);
	EVP_PKEY_CTX_free(ctx);
	return good ||
		dj_err_set(err, "owner.key",
			"signing the claim: OpenSSL failed");
}
