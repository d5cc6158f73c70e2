// SPDX-License-Identifier: Apache-2.0
#include "client/snp_file.h"

#include <ctype.h>
#include <jansson.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#include "client/certs.h"
#include "client/snp_certs.h"
#include "lib/evidence/snp.h"
#include "lib/proto/evidence.h"
#include "lib/proto/frame.h"
#include "lib/proto/hello.h"

struct heap {
	struct dj_certs certs;
	uint8_t *crls; /* item 3 */
	size_t crls_len;
	uint8_t *outblob, *auxblob; /* of JSON */
	size_t outblob_len, auxblob_len;
};

static void heap_done(struct heap *h)
{
	dj_certs_done(&h->certs);
	free(h->crls);
	free(h->outblob);
	free(h->auxblob);
}

static bool bad(const struct dj_evidence_part *part, const char *why,
	struct dj_err *err)
{
	char name[400];

	return dj_err_set(err, "evidence.file", "%s: %s",
		dj_clean(name, sizeof(name), part->name, strlen(part->name)),
		why);
}

static bool add_table(struct heap *h, const uint8_t *p, size_t len)
{
	struct dj_snp_cert certs[DJ_SNP_CERTS_MAX];
	size_t n = 0;
	bool good = dj_snp_certs_parse(p, len, certs, &n) == DJ_OK;

	for (size_t i = 0; i < n && good; i++) {
		if (certs[i].kind != DJ_SNP_CERT_OTHER)
			good = dj_certs_add(&h->certs, certs[i].p,
				certs[i].len);
	}
	return good;
}

static bool add_part(struct heap *h, const struct dj_evidence_part *part,
	struct dj_err *err)
{
	bool one = part->len > 0 && part->p[0] == 0x30;

	/* A table may hold PEM, so it is looked for first. */
	if (!one && add_table(h, part->p, part->len))
		return true;
	return dj_certs_add(&h->certs, part->p, part->len) ||
		bad(part,
			"neither certificates nor revocation lists, in DER, "
			"PEM or a certificate table",
			err);
}

static char base64_of(char c)
{
	if (c == '-')
		c = '+';
	if (c == '_')
		c = '/';
	return c;
}

/* base64url or base64, padded or not. */
static uint8_t *base64url(const char *text, size_t *ret_len)
{
	size_t len = strcspn(text, "="), full = (len + 3) / 4 * 4;
	char *copy = malloc(full + 1);
	uint8_t *bytes = malloc(full / 4 * 3 + 1);
	int n = -1;

	if (copy != NULL && bytes != NULL && full < INT_MAX &&
		text[len + strspn(text + len, "=")] == '\0' && len % 4 != 1) {
		memset(copy, '=', full);
		for (size_t i = 0; i < len; i++)
			copy[i] = base64_of(text[i]);
		n = EVP_DecodeBlock(bytes, (const uint8_t *)copy, (int)full);
	}
	free(copy);
	if (n < 0) {
		free(bytes);
		return NULL;
	}
	*ret_len = (size_t)n - (full - len);
	return bytes;
}

static bool read_json(struct heap *h, const struct dj_evidence_part *part,
	struct dj_err *err)
{
	json_t *o = json_loadb((const char *)part->p, part->len,
		JSON_REJECT_DUPLICATES, NULL);
	const char *out = json_string_value(json_object_get(o, "outblob"));
	const char *aux = json_string_value(json_object_get(o, "auxblob"));

	if (out != NULL)
		h->outblob = base64url(out, &h->outblob_len);
	if (aux != NULL)
		h->auxblob = base64url(aux, &h->auxblob_len);
	json_decref(o);
	if (h->outblob == NULL || (aux != NULL && h->auxblob == NULL))
		return bad(part, "JSON without an \"outblob\" in base64url",
			err);
	return h->auxblob_len == 0 ||
		add_part(h,
			&(struct dj_evidence_part){ part->name, h->auxblob,
				h->auxblob_len },
			err);
}

/* The report's own bytes, out of whatever is around them. */
static bool unwrap(struct heap *h, const struct dj_evidence_part *part,
	struct dj_evidence_item *ret, struct dj_snp_file *file,
	struct dj_err *err)
{
	struct dj_snp_hcl hcl;

	ret->p = part->p;
	ret->len = part->len;
	if (dj_snp_hcl_is(part->p, part->len)) {
		if (dj_snp_hcl_parse(part->p, part->len, &hcl) != DJ_OK)
			return bad(part,
				"an HCL report that does not parse, or not of "
				"SEV-SNP",
				err);
		ret->p = hcl.report;
		ret->len = DJ_SNP_REPORT_SIZE;
		memset(file->report_data, 0, 64);
		file->is_bound = true;
		return EVP_Digest(hcl.json, hcl.json_len, file->report_data,
			       NULL, EVP_sha256(), NULL) == 1 ||
			dj_err_set(err, "internal.memory", "no memory");
	}
	if (part->len != DJ_SNP_REPORT_SIZE && part->len > 0 &&
		(part->p[0] == '{' || isspace(part->p[0]))) {
		if (!read_json(h, part, err))
			return false;
		ret->p = h->outblob;
		ret->len = h->outblob_len;
	}
	return true;
}

/* The certificate that signed this one; by name alone if none did. */
static X509 *issuer_of(const struct heap *h, X509 *cert)
{
	X509 *named = NULL;

	for (size_t i = 0; i < h->certs.cert_count; i++) {
		X509 *c = h->certs.cert[i];

		if (X509_NAME_cmp(X509_get_subject_name(c),
			    X509_get_issuer_name(cert)) != 0)
			continue;
		if (X509_verify(cert, X509_get0_pubkey(c)) == 1)
			return c;
		if (named == NULL)
			named = c;
	}
	ERR_clear_error();
	return named;
}

/* The first on a curve: AMD's own are RSA. */
static X509 *leaf_of(const struct heap *h)
{
	for (size_t i = 0; i < h->certs.cert_count; i++) {
		const EVP_PKEY *key = X509_get0_pubkey(h->certs.cert[i]);

		if (key != NULL && EVP_PKEY_get_base_id(key) == EVP_PKEY_EC)
			return h->certs.cert[i];
	}
	return NULL;
}

/* PEM, leaf first, of what there is of the chain. */
static BIO *chain_of(const struct heap *h)
{
	BIO *bio = BIO_new(BIO_s_mem());
	X509 *cert = leaf_of(h);
	bool good = bio != NULL;

	for (int i = 0; i < 3 && cert != NULL && good; i++) {
		good = PEM_write_bio_X509(bio, cert) == 1;
		cert = issuer_of(h, cert);
	}
	if (good)
		return bio;
	BIO_free(bio);
	return NULL;
}

/* Item 3: the lists as they were, one after the other. */
static bool pack_crls(struct heap *h)
{
	for (size_t i = 0; i < h->certs.crl_count; i++) {
		uint8_t *der = NULL, *more;
		int len = i2d_X509_CRL(h->certs.crl[i], &der);
		struct dj_wr w;

		more = len <= 0
			? NULL
			: realloc(h->crls, h->crls_len + 4 + (size_t)len);
		if (more != NULL) {
			h->crls = more;
			w = dj_wr_of(more + h->crls_len, 4 + (size_t)len);
			dj_evidence_crl_write(&w, der, (size_t)len);
			h->crls_len += 4 + (size_t)len;
		}
		OPENSSL_free(der);
		if (more == NULL)
			return false;
	}
	return true;
}

static bool pack(struct heap *h, struct dj_evidence *e, struct dj_snp_file *ret,
	struct dj_err *err)
{
	BIO *chain = chain_of(h);
	char *text = NULL;
	bool good;

	if (chain == NULL || !pack_crls(h)) {
		BIO_free(chain);
		return dj_err_set(err, "internal.memory", "no memory");
	}
	e->item[DJ_EVIDENCE_CHAIN].len = (size_t)BIO_get_mem_data(chain, &text);
	e->item[DJ_EVIDENCE_CHAIN].p =
		text == NULL ? (const uint8_t *)"" : (uint8_t *)text;
	e->item[DJ_EVIDENCE_CRLS].p = h->crls;
	e->item[DJ_EVIDENCE_CRLS].len = h->crls_len;
	good = dj_evidence_pack(e, &ret->packed, &ret->packed_len, err);
	BIO_free(chain);
	return good;
}

bool dj_snp_file_pack(const struct dj_evidence_part *report,
	const struct dj_evidence_part *parts, size_t count, bool emulated,
	struct dj_snp_file *ret, struct dj_err *err)
{
	struct heap h = { 0 };
	struct dj_evidence e = { .format = DJ_FORMAT_SNP,
		.purpose = DJ_PURPOSE_OFFER };
	bool good = true;

	memset(ret, 0, sizeof(*ret));
	if (emulated)
		e.format += DJ_FORMAT_EMULATED;
	for (size_t i = 0; i < count && good; i++)
		good = add_part(&h, &parts[i], err);
	good = good &&
		unwrap(&h, report, &e.item[DJ_EVIDENCE_REPORT], ret, err);
	/* Last, so that what came with the evidence is looked at first. */
	for (size_t i = 0; i < DJ_SNP_CERTS && good && !emulated; i++)
		good = dj_certs_add(&h.certs, (const uint8_t *)dj_snp_certs[i],
			       strlen(dj_snp_certs[i])) ||
			dj_err_set(err, "evidence.file",
				"too many certificates");
	good = good && pack(&h, &e, ret, err);
	heap_done(&h);
	return good;
}
