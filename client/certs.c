// SPDX-License-Identifier: Apache-2.0
#include "client/certs.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#include "attest/cert.h"
#include "lib/proto/frame.h"

void dj_certs_done(struct dj_certs *c)
{
	for (size_t i = 0; i < c->cert_count; i++)
		X509_free(c->cert[i]);
	for (size_t i = 0; i < c->crl_count; i++)
		X509_CRL_free(c->crl[i]);
	memset(c, 0, sizeof(*c));
}

static bool add_der(struct dj_certs *c, const uint8_t *p, size_t len)
{
	X509 *cert = dj_der_cert(p, len);
	X509_CRL *crl = cert == NULL ? dj_der_crl(p, len) : NULL;

	if (cert != NULL && c->cert_count < DJ_CERTS_MAX) {
		c->cert[c->cert_count++] = cert;
		return true;
	}
	if (crl != NULL && c->crl_count < DJ_CRLS_MAX) {
		c->crl[c->crl_count++] = crl;
		return true;
	}
	X509_free(cert);
	X509_CRL_free(crl);
	return false;
}

/* Every block of the text; others than certificates and lists are refused. */
static bool add_pem(struct dj_certs *c, const uint8_t *p, size_t len)
{
	BIO *bio = BIO_new_mem_buf(p, (int)len);
	char *name = NULL, *header = NULL;
	uint8_t *der = NULL;
	long der_len = 0;
	size_t n = 0;
	bool good = bio != NULL;

	while (good && PEM_read_bio(bio, &name, &header, &der, &der_len) == 1) {
		good = add_der(c, der, (size_t)der_len);
		n++;
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_free(der);
	}
	BIO_free(bio);
	ERR_clear_error();
	return good && n > 0;
}

static bool is_pem(const uint8_t *p, size_t len)
{
	static const char begin[] = "-----BEGIN ";

	return memchr(p, 0, len) == NULL &&
		memmem(p, len, begin, strlen(begin)) != NULL;
}

bool dj_certs_add(struct dj_certs *c, const uint8_t *p, size_t len)
{
	if (len == 0 || len > INT_MAX)
		return false;
	return p[0] == 0x30 ? add_der(c, p, len)
			    : is_pem(p, len) && add_pem(c, p, len);
}

bool dj_evidence_pack(const struct dj_evidence *e, uint8_t **ret,
	size_t *ret_len, struct dj_err *err)
{
	uint8_t *p = malloc(DJ_EVIDENCE_MAX);
	dj_status st = p == NULL
		? DJ_E_NOMEM
		: dj_evidence_write(e, p, DJ_EVIDENCE_MAX, ret_len);

	if (st == DJ_OK) {
		*ret = p;
		return true;
	}
	free(p);
	return st == DJ_E_NOMEM
		? dj_err_set(err, "internal.memory", "no memory")
		: dj_err_set(err, "evidence.file",
			  "the evidence and what came with it are more than "
			  "%d bytes",
			  DJ_EVIDENCE_MAX);
}
