// SPDX-License-Identifier: Apache-2.0
#include "client/sgx_file.h"

#include <jansson.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#include "attest/cert.h"
#include "client/certs.h"
#include "lib/evidence/sgx_files.h"
#include "lib/evidence/sgx_quote.h"
#include "lib/proto/evidence.h"
#include "lib/proto/frame.h"
#include "lib/proto/hello.h"

/* What was read so far: items, and the bytes made here for them. */
struct heap {
	struct dj_evidence e;
	uint8_t *made[DJ_EVIDENCE_TAGS];
	struct dj_certs loose; /* of parts without a telling name */
};

static void heap_done(struct heap *h)
{
	for (size_t i = 0; i < DJ_EVIDENCE_TAGS; i++)
		free(h->made[i]);
	dj_certs_done(&h->loose);
}

static bool bad(const struct dj_evidence_part *part, const char *why,
	struct dj_err *err)
{
	char name[400];

	return dj_err_set(err, "evidence.file", "%s: %s",
		dj_clean(name, sizeof(name), part->name, strlen(part->name)),
		why);
}

/* Takes made; a second of a kind is refused rather than chosen from. */
static bool set_made(struct heap *h, enum dj_evidence_tag tag, uint8_t *made,
	size_t len)
{
	if (made == NULL || h->e.item[tag].p != NULL) {
		free(made);
		return false;
	}
	h->made[tag] = made;
	h->e.item[tag].p = made;
	h->e.item[tag].len = len;
	return true;
}

/* PEM of n certificates. */
static bool set_chain(struct heap *h, enum dj_evidence_tag tag,
	X509 *const *cert, size_t n)
{
	BIO *bio = BIO_new(BIO_s_mem());
	bool good = bio != NULL;
	char *text = NULL;
	uint8_t *made = NULL;
	long len;

	for (size_t i = 0; i < n && good; i++)
		good = PEM_write_bio_X509(bio, cert[i]) == 1;
	len = good ? BIO_get_mem_data(bio, &text) : 0;
	if (len > 0)
		made = malloc((size_t)len);
	if (made != NULL)
		memcpy(made, text, (size_t)len);
	BIO_free(bio);
	return set_made(h, tag, made, (size_t)len);
}

static bool set_crl(struct heap *h, enum dj_evidence_tag tag, X509_CRL *crl)
{
	uint8_t *der = NULL, *made = NULL;
	int len = i2d_X509_CRL(crl, &der);

	if (len > 0)
		made = malloc((size_t)len);
	if (made != NULL)
		memcpy(made, der, (size_t)len);
	OPENSSL_free(der);
	return set_made(h, tag, made, (size_t)len);
}

static bool is_named(const X509_NAME *name, const char *want)
{
	char cn[64];

	return dj_cert_common_name(name, cn, sizeof(cn)) &&
		strncmp(cn, want, strlen(want)) == 0;
}

#define CN_ROOT   "Intel SGX Root CA"
#define CN_SIGNER "Intel SGX TCB Signing"

/* Certificates and lists under one of the names: that item as it is. */
static bool add_named(struct heap *h, enum dj_evidence_tag tag,
	const struct dj_evidence_part *part)
{
	struct dj_certs c = { 0 };
	bool list = tag == DJ_EVIDENCE_ROOT_CRL || tag == DJ_EVIDENCE_PCK_CRL;
	bool good = dj_certs_add(&c, part->p, part->len);

	if (good && list)
		good = c.crl_count == 1 && c.cert_count == 0 &&
			set_crl(h, tag, c.crl[0]);
	else if (good)
		good = c.crl_count == 0 &&
			set_chain(h, tag, c.cert, c.cert_count);
	dj_certs_done(&c);
	return good;
}

/* Which document, by its one member that is no signature; 0: none. */
static enum dj_evidence_tag document_of(const struct dj_evidence_part *part)
{
	json_t *o = json_loadb((const char *)part->p, part->len,
		JSON_REJECT_DUPLICATES, NULL);
	enum dj_evidence_tag tag = (enum dj_evidence_tag)0;

	if (json_object_get(o, "tcbInfo") != NULL)
		tag = DJ_EVIDENCE_TCB_INFO;
	else if (json_object_get(o, "enclaveIdentity") != NULL)
		tag = DJ_EVIDENCE_QE_ID;
	json_decref(o);
	return tag;
}

static bool set_document(struct heap *h, enum dj_evidence_tag tag,
	const struct dj_evidence_part *part)
{
	if (h->e.item[tag].p != NULL)
		return false;
	h->e.item[tag].p = part->p;
	h->e.item[tag].len = part->len;
	return true;
}

static enum dj_evidence_tag named(const struct dj_evidence_part *part)
{
	const char *slash = strrchr(part->name, '/');
	const char *last = slash == NULL ? part->name : slash + 1;

	for (size_t i = 0; i < DJ_SGX_FILES; i++) {
		if (strcmp(last, dj_sgx_files[i].name) == 0)
			return dj_sgx_files[i].tag;
	}
	return (enum dj_evidence_tag)0;
}

static bool add_part(struct heap *h, const struct dj_evidence_part *part,
	struct dj_err *err)
{
	enum dj_evidence_tag tag = named(part);
	bool document = tag == DJ_EVIDENCE_TCB_INFO || tag == DJ_EVIDENCE_QE_ID;
	bool good;

	if (tag == 0) {
		tag = document_of(part);
		document = tag != 0;
	}
	if (document)
		good = set_document(h, tag, part);
	else if (tag != 0)
		good = add_named(h, tag, part);
	else
		good = dj_certs_add(&h->loose, part->p, part->len);
	return good ||
		bad(part,
			"neither TCB info nor a QE identity, nor certificates "
			"or a revocation list, or a second one of its kind",
			err);
}

/* The certificate before which none of the same name was taken. */
static X509 *find(const struct heap *h, const char *cn)
{
	for (size_t i = 0; i < h->loose.cert_count; i++) {
		X509 *c = h->loose.cert[i];

		if (is_named(X509_get_subject_name(c), cn))
			return c;
	}
	return NULL;
}

/* A chain of the loose certificates of these names, if all are there. */
static bool place_chain(struct heap *h, enum dj_evidence_tag tag,
	const char *const *cns, size_t n)
{
	X509 *cert[3];

	if (h->e.item[tag].p != NULL)
		return true;
	for (size_t i = 0; i < n; i++) {
		cert[i] = find(h, cns[i]);
		if (cert[i] == NULL)
			return true;
	}
	return set_chain(h, tag, cert, n);
}

static bool place_loose(struct heap *h, bool wants_chain, struct dj_err *err)
{
	static const char *const signer[] = { CN_SIGNER, CN_ROOT };
	static const char *const pck[] = { "Intel SGX PCK Certificate",
		"Intel SGX PCK P", CN_ROOT };
	bool good = place_chain(h, DJ_EVIDENCE_TCB_CHAIN, signer, 2);

	if (good && wants_chain)
		good = place_chain(h, DJ_EVIDENCE_CHAIN, pck, 3);
	for (size_t i = 0; i < h->loose.crl_count && good; i++) {
		X509_CRL *crl = h->loose.crl[i];

		good = set_crl(h,
			is_named(X509_CRL_get_issuer(crl), CN_ROOT)
				? DJ_EVIDENCE_ROOT_CRL
				: DJ_EVIDENCE_PCK_CRL,
			crl);
	}
	return good ||
		dj_err_set(err, "evidence.file",
			"two revocation lists of one kind, or no memory");
}

bool dj_sgx_file_pack(const struct dj_evidence_part *quote,
	const struct dj_evidence_part *parts, size_t count, bool emulated,
	struct dj_sgx_file *ret, struct dj_err *err)
{
	struct heap h = { .e = { .format = DJ_FORMAT_SGX,
				  .purpose = DJ_PURPOSE_OFFER } };
	size_t len = dj_sgx_quote_len(quote->p, quote->len);
	struct dj_sgx_quote q;
	bool good = true, wants_chain;

	memset(ret, 0, sizeof(*ret));
	if (emulated)
		h.e.format += DJ_FORMAT_EMULATED;
	if (len == 0)
		len = quote->len; /* the judge will say what it lacks */
	ret->cut = quote->len - len;
	h.e.item[DJ_EVIDENCE_REPORT].p = quote->p;
	h.e.item[DJ_EVIDENCE_REPORT].len = len;
	wants_chain = dj_sgx_quote_parse(quote->p, len, &q) == DJ_OK &&
		q.cert_kind != DJ_SGX_CERT_CHAIN;
	for (size_t i = 0; i < count && good; i++)
		good = add_part(&h, &parts[i], err);
	good = good && place_loose(&h, wants_chain, err) &&
		dj_evidence_pack(&h.e, &ret->packed, &ret->packed_len, err);
	heap_done(&h);
	return good;
}
