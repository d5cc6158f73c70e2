// SPDX-License-Identifier: Apache-2.0
#include "client/collateral.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "attest/cert.h"
#include "attest/sgx.h"
#include "client/certs.h"
#include "client/fetch.h"
#include "client/paths.h"
#include "client/policy_file.h"
#include "client/record.h"
#include "lib/base/hex.h"
#include "lib/evidence/snp.h"

#define PCS "https://api.trustedservices.intel.com"
#define PCS_ROOT \
	"https://certificates.trustedservices.intel.com/IntelSGXRootCA.der"
#define KDS     "https://kdsintf.amd.com"
#define SGX_V4  "/sgx/certification/v4/"
#define OID_SGX "1.2.840.113741.1.13.1"

#define BACKOFF_FIRST 30
#define BACKOFF_MAX   3600
#define URL_MAX       512

struct job {
	const struct dj_collateral_ask *ask;
	struct dj_collateral_done *done;
	struct dj_err *err;
};

static bool path_of(char ret[static DJ_PATH_MAX], const struct job *j,
	const char *name)
{
	return snprintf(ret, DJ_PATH_MAX, "%s/%s", j->ask->folder, name) <
		DJ_PATH_MAX ||
		dj_err_set(j->err, "output.write", "a path that is too long");
}

static bool write_file(const struct job *j, const char *name, const void *p,
	size_t len)
{
	char path[DJ_PATH_MAX];

	return path_of(path, j, name) && dj_durable_write(path, p, len, j->err);
}

/* Nothing is not an error: the file is just not there yet. */
static char *read_file(const struct job *j, const char *name, size_t *ret_len)
{
	char path[DJ_PATH_MAX], *p = NULL;
	struct dj_err ignored = { 0 };
	struct job quiet = { .ask = j->ask, .err = &ignored };

	if (!path_of(path, &quiet, name) ||
		dj_file_read(path, DJ_FETCH_MAX, &p, ret_len) != DJ_OK)
		return NULL;
	return p;
}

/* .retry: "UNTIL SECONDS\n", when to ask again and how long that was. */

static void read_retry(const struct job *j, long long *until, unsigned *wait)
{
	size_t len = 0;
	char *text = read_file(j, ".retry", &len), *end;

	*until = 0;
	*wait = 0;
	if (text == NULL)
		return;
	*until = strtoll(text, &end, 10);
	*wait = (unsigned)strtoul(end, NULL, 10);
	if (*wait > BACKOFF_MAX)
		*wait = BACKOFF_MAX;
	free(text);
}

static bool may_ask(const struct job *j)
{
	long long until;
	unsigned wait;

	read_retry(j, &until, &wait);
	/* Never for longer than the most: a clock may have been wrong. */
	if (j->ask->refresh || j->ask->now >= until ||
		until - j->ask->now > BACKOFF_MAX)
		return true;
	return dj_err_set(j->err, "collateral.backoff",
		"the service failed a moment ago; it is asked again in %lld s",
		until - j->ask->now);
}

static void after_failure(const struct job *j, unsigned asked)
{
	long long until;
	unsigned wait;
	char text[64];
	struct dj_err ignored = { 0 };
	struct job quiet = { .ask = j->ask, .err = &ignored };
	int n;

	read_retry(j, &until, &wait);
	wait = wait == 0                  ? BACKOFF_FIRST
		: wait >= BACKOFF_MAX / 2 ? BACKOFF_MAX
					  : 2 * wait;
	if (asked > wait)
		wait = asked;
	n = snprintf(text, sizeof(text), "%lld %u\n",
		(long long)j->ask->now + wait, wait);
	(void)write_file(&quiet, ".retry", text, (size_t)n);
}

static void after_success(const struct job *j)
{
	char path[DJ_PATH_MAX];
	struct dj_err ignored = { 0 };
	struct job quiet = { .ask = j->ask, .err = &ignored };

	if (path_of(path, &quiet, ".retry"))
		(void)remove(path);
}

static bool get(const struct job *j, const char *url, const char *header,
	struct dj_fetched *ret)
{
	unsigned wait = 0;

	if (!may_ask(j))
		return false;
	if (dj_fetch(url, header, ret, &wait, j->err)) {
		after_success(j);
		return true;
	}
	after_failure(j, wait);
	return false;
}

static void in_force_until(const struct job *j, int64_t t)
{
	if (j->done->until == 0 || t < j->done->until)
		j->done->until = t;
}

static bool bad_answer(const struct job *j, const char *url, const char *why)
{
	char shown[400];

	return dj_err_set(j->err, "collateral.answer", "%s: %s",
		dj_clean(shown, sizeof(shown), url, strlen(url)), why);
}

/* In place; false where a % is not followed by two digits. */
static bool percent_decode(char *s)
{
	char *to = s;

	for (; *s != '\0'; s++) {
		if (*s == '%') {
			int hi = dj_hex_digit(s[1]);
			int lo = hi < 0 ? -1 : dj_hex_digit(s[2]);

			if (lo < 0)
				return false;
			*to++ = (char)(hi << 4 | lo);
			s += 2;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
	return true;
}

/* A PCCS sends lists as hexadecimal text; what is none stays as it is. */
static void hex_decode(struct dj_fetched *f)
{
	if (f->len % 2 != 0)
		return;
	for (size_t i = 0; i < f->len; i++) {
		if (dj_hex_digit((char)f->p[i]) < 0)
			return;
	}
	for (size_t i = 0; i < f->len; i += 2)
		f->p[i / 2] = (uint8_t)(dj_hex_digit((char)f->p[i]) << 4 |
			dj_hex_digit((char)f->p[i + 1]));
	f->len /= 2;
}

/* The list's last moment; false: no list. */
static bool crl_until(const void *p, size_t len, int64_t *ret)
{
	struct dj_certs c = { 0 };
	int64_t from;
	bool good = dj_certs_add(&c, p, len) && c.crl_count == 1 &&
		c.cert_count == 0 && dj_crl_dates(c.crl[0], &from, ret);

	dj_certs_done(&c);
	return good;
}

static bool get_crl(const struct job *j, const char *url, const char *name)
{
	struct dj_fetched f = { 0 };
	int64_t until = 0;
	size_t len = 0;
	char *old = j->ask->refresh ? NULL : read_file(j, name, &len);
	bool keep = old != NULL && crl_until(old, len, &until) &&
		until > j->ask->now,
	     good;

	free(old);
	if (keep) {
		j->done->kept++;
		in_force_until(j, until);
		return true;
	}
	if (!get(j, url, NULL, &f))
		return false;
	hex_decode(&f);
	good = crl_until(f.p, f.len, &until)
		? write_file(j, name, f.p, f.len)
		: bad_answer(j, url, "not a revocation list");
	dj_fetched_done(&f);
	j->done->fetched += good;
	in_force_until(j, until);
	return good;
}

/* One of Intel's two documents, and its signer's chain from a header. */
struct document {
	const char *name, *chain_name, *header;
	const char *(
		*parse)(const uint8_t *p, size_t len, struct dj_sgx_doc *ret);
	const uint8_t *fmspc; /* whose; NULL: of no platform */
};

static bool doc_until(const struct document *d, const void *p, size_t len,
	int64_t *ret)
{
	struct dj_sgx_doc *doc = calloc(1, sizeof(*doc));
	bool good = doc != NULL && d->parse(p, len, doc) == NULL &&
		(d->fmspc == NULL || memcmp(doc->fmspc, d->fmspc, 6) == 0);

	if (good)
		*ret = doc->next;
	if (doc != NULL)
		dj_sgx_doc_done(doc);
	free(doc);
	return good;
}

static bool write_document(const struct job *j, const struct document *d,
	const char *url, struct dj_fetched *f)
{
	struct dj_certs c = { 0 };
	bool chain = f->header != NULL && percent_decode(f->header) &&
		dj_certs_add(&c, (const uint8_t *)f->header,
			strlen(f->header)) &&
		c.cert_count > 0;

	dj_certs_done(&c);
	if (!chain)
		return bad_answer(j, url,
			"no chain of the signer beside the document");
	/* The document last: what is there with it is its chain. */
	return write_file(j, d->chain_name, f->header, strlen(f->header)) &&
		write_file(j, d->name, f->p, f->len);
}

static bool get_document(const struct job *j, const char *url,
	const struct document *d)
{
	struct dj_fetched f = { 0 };
	int64_t until = 0;
	size_t len = 0;
	char *old = j->ask->refresh ? NULL : read_file(j, d->name, &len);
	bool keep = old != NULL && doc_until(d, old, len, &until) &&
		until > j->ask->now,
	     good;

	free(old);
	if (keep) {
		j->done->kept++;
		in_force_until(j, until);
		return true;
	}
	if (!get(j, url, d->header, &f))
		return false;
	good = doc_until(d, f.p, f.len, &until)
		? write_document(j, d, url, &f)
		: bad_answer(j, url, "not the document that was asked for");
	dj_fetched_done(&f);
	j->done->fetched += good;
	in_force_until(j, until);
	return good;
}

static bool make_folder(const struct job *j)
{
	char shown[400];

	if (mkdir(j->ask->folder, 0777) == 0 || errno == EEXIST)
		return true;
	return dj_err_set(j->err, "output.write", "%s: %s",
		dj_clean(shown, sizeof(shown), j->ask->folder,
			strlen(j->ask->folder)),
		strerror(errno));
}

/* What the quote's own chain says of its platform. Not believed: it only
 * says what to ask for. */
static bool platform_of(const uint8_t *quote, size_t len, uint8_t fmspc[6],
	bool *ret_platform_ca)
{
	struct dj_sgx_quote q;
	struct dj_sgx_pck pck;
	X509 *cert[3] = { NULL };
	size_t n = 0, ext = 0;
	const uint8_t *p;
	bool found = false;

	if (dj_sgx_quote_parse(quote, dj_sgx_quote_len(quote, len), &q) !=
			DJ_OK ||
		q.cert_kind != DJ_SGX_CERT_CHAIN ||
		dj_pem_chain((const char *)q.cert, q.cert_len, 3, cert, &n) !=
			NULL)
		return false;
	for (size_t i = 0; i < n; i++) {
		p = dj_cert_extension(cert[i], OID_SGX, &ext);
		if (p != NULL && !found &&
			dj_sgx_pck_parse(p, ext, &pck) == NULL) {
			found = true;
			memcpy(fmspc, pck.fmspc, 6);
			*ret_platform_ca = pck.has_platform;
		}
		X509_free(cert[i]);
	}
	return found;
}

bool dj_collateral_sgx(const uint8_t *quote, size_t len,
	const struct dj_collateral_ask *ask, struct dj_collateral_done *ret,
	struct dj_err *err)
{
	struct job j = { ask, ret, err };
	const char *base = ask->url == NULL ? PCS : ask->url;
	uint8_t fmspc[6] = { 0 };
	bool platform_ca = false;
	char url[4][URL_MAX], hex[13];
	const struct document info = { "tcb_info.json", "tcb_signing_chain.pem",
		"TCB-Info-Issuer-Chain", dj_sgx_tcb_info_parse, fmspc };
	const struct document id = { "qe_identity.json",
		"qe_identity_signing_chain.pem",
		"SGX-Enclave-Identity-Issuer-Chain", dj_sgx_qe_identity_parse,
		NULL };

	*ret = (struct dj_collateral_done){ 0 };
	if (!platform_of(quote, len, fmspc, &platform_ca))
		return dj_err_set(err, "evidence.file",
			"not a quote with the certificates of its platform");
	for (size_t i = 0; i < 6; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", fmspc[i]);
	(void)snprintf(url[0], URL_MAX, "%s" SGX_V4 "tcb?fmspc=%s", base, hex);
	(void)snprintf(url[1], URL_MAX, "%s" SGX_V4 "qe/identity", base);
	(void)snprintf(url[2], URL_MAX, "%s" SGX_V4 "pckcrl?ca=%s&encoding=der",
		base, platform_ca ? "platform" : "processor");
	(void)snprintf(url[3], URL_MAX, "%s" SGX_V4 "rootcacrl", base);
	return make_folder(&j) && get_document(&j, url[0], &info) &&
		get_document(&j, url[1], &id) &&
		get_crl(&j, url[2], "pck_crl.der") &&
		get_crl(&j, ask->url == NULL ? PCS_ROOT : url[3],
			"root_ca_crl.der");
}

/* AMD's. */

static bool get_certs(const struct job *j, const char *url, const char *name,
	size_t count, bool again)
{
	struct dj_fetched f = { 0 };
	struct dj_certs c = { 0 };
	size_t len = 0;
	char *old = again ? NULL : read_file(j, name, &len);
	bool keep = old != NULL &&
		dj_certs_add(&c, (const uint8_t *)old, len) &&
		c.cert_count == count,
	     good;

	dj_certs_done(&c);
	free(old);
	if (keep) {
		j->done->kept++;
		return true;
	}
	if (!get(j, url, NULL, &f))
		return false;
	good = dj_certs_add(&c, f.p, f.len) && c.cert_count == count &&
		c.crl_count == 0;
	dj_certs_done(&c);
	good = good ? write_file(j, name, f.p, f.len)
		    : bad_answer(j, url, "not the certificates asked for");
	dj_fetched_done(&f);
	j->done->fetched += good;
	return good;
}

/* Chip and reported TCB, as the service spells them. */
static bool vcek_path(const struct dj_snp_report *r, enum dj_snp_product p,
	char *dst, size_t cap)
{
	uint8_t tcb[DJ_SNP_TCB_PARTS];
	char hex[2 * 64 + 1] = "", fmc[24] = "";
	size_t n = p == DJ_SNP_TURIN ? 8 : 64;

	if (!dj_snp_tcb_read(p, r->reported, tcb))
		return false;
	for (size_t i = 0; i < n; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", r->chip_id[i]);
	if (p == DJ_SNP_TURIN)
		(void)snprintf(fmc, sizeof(fmc), "fmcSPL=%u&",
			tcb[DJ_SNP_TCB_FMC]);
	return snprintf(dst, cap,
		       "/vcek/v1/%s/%s?%sblSPL=%u&teeSPL=%u&snpSPL=%u&ucodeSPL=%u",
		       dj_snp_product_name(p), hex, fmc,
		       tcb[DJ_SNP_TCB_BOOTLOADER], tcb[DJ_SNP_TCB_TEE],
		       tcb[DJ_SNP_TCB_SNP],
		       tcb[DJ_SNP_TCB_MICROCODE]) < (int)cap;
}

bool dj_collateral_snp(const uint8_t *report, size_t len,
	const struct dj_collateral_ask *ask, struct dj_collateral_done *ret,
	struct dj_err *err)
{
	struct job j = { ask, ret, err };
	const char *base = ask->url == NULL ? KDS : ask->url, *kind;
	enum dj_snp_product product;
	struct dj_snp_report r;
	char path[300], url[3][URL_MAX];
	bool vlek;

	*ret = (struct dj_collateral_done){ 0 };
	if (dj_snp_report_parse(report, len, &r) != DJ_OK)
		return dj_err_set(err, "evidence.file",
			"not a report of SEV-SNP");
	/* A version 2 does not say what it ran on; Milan made those. */
	if (r.version < 3)
		product = DJ_SNP_MILAN;
	else if (!dj_snp_product_of(&r, &product))
		return dj_err_set(err, "evidence.file",
			"a report of a processor that is not known here");
	vlek = r.signing_key == DJ_SNP_KEY_VLEK;
	kind = vlek ? "vlek" : "vcek";
	if (!vcek_path(&r, product, path, sizeof(path)))
		return dj_err_set(err, "evidence.file",
			"a report whose reported TCB does not parse");
	(void)snprintf(url[0], URL_MAX, "%s%s", base, path);
	(void)snprintf(url[1], URL_MAX, "%s/%s/v1/%s/cert_chain", base, kind,
		dj_snp_product_name(product));
	(void)snprintf(url[2], URL_MAX, "%s/%s/v1/%s/crl", base, kind,
		dj_snp_product_name(product));
	/* A VLEK's certificate is the cloud provider's to hand out. */
	return make_folder(&j) &&
		(vlek || get_certs(&j, url[0], "vek.der", 1, true)) &&
		get_certs(&j, url[1], "cert_chain.pem", 2, ask->refresh) &&
		get_crl(&j, url[2], "crl.der");
}
