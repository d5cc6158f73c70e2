// SPDX-License-Identifier: Apache-2.0
#include "emu/x509.h"

#include <openssl/bn.h>
#include <openssl/rand.h>

bool dj_emu_x509_extend(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *ext;
	X509V3_CTX ctx;
	bool good;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	good = ext != NULL && X509_add_ext(cert, ext, -1) == 1;
	X509_EXTENSION_free(ext);
	return good;
}

bool dj_emu_x509_extend_raw(X509 *cert, const char *oid, const uint8_t *p,
	size_t len)
{
	ASN1_OBJECT *obj = OBJ_txt2obj(oid, 1);
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	X509_EXTENSION *ext = NULL;
	bool good = obj != NULL && value != NULL &&
		ASN1_OCTET_STRING_set(value, p, (int)len) == 1;

	if (good)
		ext = X509_EXTENSION_create_by_OBJ(NULL, obj, 0, value);
	good = ext != NULL && X509_add_ext(cert, ext, -1) == 1;
	X509_EXTENSION_free(ext);
	ASN1_OCTET_STRING_free(value);
	ASN1_OBJECT_free(obj);
	return good;
}

bool dj_emu_x509_name(X509_NAME *name, const char *field, const char *value)
{
	return X509_NAME_add_entry_by_txt(name, field, MBSTRING_ASC,
		       (const unsigned char *)value, -1, -1, 0) == 1;
}

bool dj_emu_x509_serial(X509 *cert)
{
	uint8_t b[16];
	BIGNUM *n;
	bool good = RAND_bytes(b, sizeof(b)) == 1;

	b[0] = (uint8_t)((b[0] & 0x7f) | 1);
	n = BN_bin2bn(b, sizeof(b), NULL);
	good = good && n != NULL &&
		BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert)) != NULL;
	BN_free(n);
	return good;
}
