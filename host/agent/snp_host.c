// SPDX-License-Identifier: Apache-2.0
#include "host/agent/snp_host.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/wr.h"
#include "lib/evidence/snp.h"
#include "lib/proto/evidence.h"

/* What was found, by its place in a chain. */
enum place {
	VEK,
	ISSUER,
	ROOT,
	LIST,
	PLACES
};

struct found {
	struct dj_blob table, vek, chain, crl; /* files */
	const uint8_t *p[PLACES];
	size_t len[PLACES];
};

static bool read_one(const char *folder, const char *name, struct dj_blob *ret)
{
	char path[4096 + 64];

	return snprintf(path, sizeof(path), "%s/%s", folder, name) <
		(int)sizeof(path) &&
		dj_blob_read(ret, path);
}

static void put(struct found *f, enum place at, const uint8_t *p, size_t len)
{
	f->p[at] = p;
	f->len[at] = len;
}

static void take_table(struct found *f)
{
	static const enum place places[] = { [DJ_SNP_CERT_VCEK] = VEK,
		[DJ_SNP_CERT_VLEK] = VEK,
		[DJ_SNP_CERT_ASK] = ISSUER,
		[DJ_SNP_CERT_ARK] = ROOT,
		[DJ_SNP_CERT_CRL] = LIST,
		[DJ_SNP_CERT_OTHER] = PLACES };
	struct dj_snp_cert certs[DJ_SNP_CERTS_MAX];
	size_t n = 0;

	if (dj_snp_certs_parse(f->table.p, f->table.len, certs, &n) != DJ_OK)
		return;
	for (size_t i = 0; i < n; i++) {
		if (places[certs[i].kind] != PLACES)
			put(f, places[certs[i].kind], certs[i].p, certs[i].len);
	}
}

/* DER becomes PEM; PEM stays as it is. */
static bool write_cert(BIO *bio, const uint8_t *p, size_t len)
{
	if (len > 0 && p[0] == 0x30)
		return PEM_write_bio(bio, "CERTIFICATE", "", p, (long)len) > 0;
	return BIO_write(bio, p, (int)len) == (int)len &&
		(len == 0 || p[len - 1] == '\n' || BIO_puts(bio, "\n") == 1);
}

static void make_chain(const struct found *f, struct dj_blob *ret)
{
	BIO *bio = BIO_new(BIO_s_mem());
	bool good = bio != NULL;
	char *text = NULL;
	long len;

	for (int i = VEK; i <= ROOT && good; i++)
		good = f->p[i] == NULL || write_cert(bio, f->p[i], f->len[i]);
	len = good ? BIO_get_mem_data(bio, &text) : 0;
	if (len > 0)
		dj_blob_set(ret, text, (size_t)len);
	BIO_free(bio);
}

static void make_list(const struct found *f, struct dj_blob *ret)
{
	size_t size = 4 + f->len[LIST];
	uint8_t *buf = malloc(size);
	struct dj_wr w;

	if (buf == NULL)
		return;
	w = dj_wr_of(buf, size);
	dj_evidence_crl_write(&w, f->p[LIST], f->len[LIST]);
	dj_blob_set(ret, buf, size);
	free(buf);
}

const char *dj_snp_host_read(const char *folder, struct dj_snp_host *ret)
{
	struct found f = { 0 };
	bool has_chain;

	*ret = (struct dj_snp_host){ 0 };
	if (read_one(folder, "certs.bin", &f.table))
		take_table(&f);
	if (f.p[VEK] == NULL && read_one(folder, "vek.der", &f.vek))
		put(&f, VEK, f.vek.p, f.vek.len);
	/* The service gives issuer and root in one file, in that order. */
	if ((f.p[ISSUER] == NULL || f.p[ROOT] == NULL) &&
		read_one(folder, "cert_chain.pem", &f.chain)) {
		put(&f, ISSUER, f.chain.p, f.chain.len);
		put(&f, ROOT, NULL, 0);
	}
	if (f.p[LIST] == NULL && read_one(folder, "crl.der", &f.crl))
		put(&f, LIST, f.crl.p, f.crl.len);
	has_chain =
		f.p[ISSUER] != NULL && (f.p[ROOT] != NULL || f.chain.p != NULL);
	make_chain(&f, &ret->chain);
	if (f.p[LIST] != NULL)
		make_list(&f, &ret->crls);
	free(f.table.p);
	free(f.vek.p);
	free(f.chain.p);
	free(f.crl.p);
	return f.p[VEK] == NULL
		? "no certificate of the chip's key (vek.der, or "
		  "certs.bin with one)"
		: !has_chain ? "no cert_chain.pem, and no issuer and root in "
			       "certs.bin"
			     : NULL;
}
