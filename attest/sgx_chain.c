// SPDX-License-Identifier: Apache-2.0
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "attest/cert.h"
#include "attest/sgx.h"

#define OID_SGX     "1.2.840.113741.1.13.1"
#define CN_ROOT     "Intel SGX Root CA"
#define CN_PCK      "Intel SGX PCK Certificate"
#define CN_PLATFORM "Intel SGX PCK Platform CA"
#define CN_PROC     "Intel SGX PCK Processor CA"

/* SHA-256 of the SubjectPublicKeyInfo of Intel's root, which is 04 0b a9 c4 ...
 * in both of its certificates (until 2033 and until 2049). */
static const uint8_t intel_root[32] = { 0xa0, 0xaf, 0x03, 0x12, 0x89, 0xf5,
	0xd5, 0xd4, 0x13, 0x2f, 0x91, 0x86, 0x06, 0x8a, 0x7f, 0xc1, 0x36, 0x28,
	0x63, 0x3b, 0xa2, 0x35, 0x77, 0x74, 0x72, 0xe2, 0x9b, 0x6b, 0x6c, 0x67,
	0xa4, 0x9e };

bool dj_sgx_is_trusted(const struct dj_judging *j, X509 *root)
{
	const struct dj_policy *p = j->in->policy;
	uint8_t spki[32], digest[32];
	unsigned len = sizeof(digest);
	bool is_intel;

	if (!dj_cert_spki_sha256(root, spki) ||
		X509_digest(root, EVP_sha256(), digest, &len) != 1)
		return false;
	is_intel = memcmp(spki, intel_root, sizeof(spki)) == 0;
	/* What Intel's root certifies is no emulation. */
	if (!j->v->emulated || is_intel)
		return is_intel && !j->v->emulated;
	for (size_t i = 0; i < p->root_count && p->development; i++) {
		if (p->roots[i].der_len != 0 &&
			memcmp(digest, p->roots[i].sha256, 32) == 0)
			return true;
	}
	return false;
}

static bool is_named(const X509 *cert, const char *want)
{
	char cn[64];

	return dj_cert_common_name(X509_get_subject_name(cert), cn,
		       sizeof(cn)) &&
		strcmp(cn, want) == 0;
}

static X509 *take(X509 **from, size_t n, const char *a, const char *b)
{
	for (size_t i = 0; i < n; i++) {
		X509 *c = from[i];

		if (c != NULL && (is_named(c, a) || is_named(c, b))) {
			from[i] = NULL;
			return c;
		}
	}
	return NULL;
}

/* Three of three names, in whatever order they came. */
static const char *sort(struct dj_sgx_facts *f, X509 **from, size_t n)
{
	f->cert[DJ_SGX_PCK] = take(from, n, CN_PCK, CN_PCK);
	f->cert[DJ_SGX_CA] = take(from, n, CN_PLATFORM, CN_PROC);
	f->cert[DJ_SGX_ROOT] = take(from, n, CN_ROOT, CN_ROOT);
	for (size_t i = 0; i < n; i++)
		X509_free(from[i]);
	f->has_chain = f->cert[DJ_SGX_PCK] != NULL &&
		f->cert[DJ_SGX_CA] != NULL && f->cert[DJ_SGX_ROOT] != NULL;
	return f->has_chain && n == DJ_SGX_CHAIN
		? NULL
		: "UNSUPPORTED_CERT_FORMAT: not a PCK, its CA and a root";
}

/* Profiles, names, issuers and signatures. */
static const char *check_certs(const struct dj_sgx_facts *f)
{
	X509 *const *cert = f->cert;

	for (size_t i = 0; i < DJ_SGX_CHAIN; i++) {
		if (dj_cert_fits(cert[i], DJ_CERT_P256) != NULL)
			return "UNSUPPORTED_CERT_FORMAT: not P-256 and "
			       "SHA-256, or an extension that is not known";
	}
	if (dj_cert_is_root(cert[DJ_SGX_ROOT]) != NULL)
		return "ROOT_CA_INVALID_ISSUER: not signed by itself";
	if (dj_cert_is_issuer(cert[DJ_SGX_CA]) != NULL ||
		dj_cert_is_issued(cert[DJ_SGX_CA], cert[DJ_SGX_ROOT]) != NULL)
		return "INTERMEDIATE_CA_INVALID_ISSUER: the CA is not one of "
		       "the root's";
	if (dj_cert_is_issued(cert[DJ_SGX_PCK], cert[DJ_SGX_CA]) != NULL ||
		(X509_get_extension_flags(cert[DJ_SGX_PCK]) & EXFLAG_CA) != 0)
		return "PCK_INVALID_ISSUER: the PCK is not one of the CA's";
	return NULL;
}

static const char *read_pck(struct dj_sgx_facts *f)
{
	size_t len = 0;
	const uint8_t *p =
		dj_cert_extension(f->cert[DJ_SGX_PCK], OID_SGX, &len);
	bool platform = is_named(f->cert[DJ_SGX_CA], CN_PLATFORM);

	if (p == NULL || dj_sgx_pck_parse(p, len, &f->pck) != NULL ||
		f->pck.has_platform != platform)
		return "PCK_INVALID_EXTENSIONS: what the PCK's certificate "
		       "says of its platform does not parse";
	f->has_pck = true;
	return NULL;
}

/* Where the chain is: in the quote, or beside one that has none. */
static const char *chain_of(const struct dj_judging *j,
	const struct dj_sgx_facts *f, struct dj_evidence_item *ret)
{
	const struct dj_evidence_item *item =
		&j->evidence.item[DJ_EVIDENCE_CHAIN];

	if (f->quote.cert_kind == DJ_SGX_CERT_CHAIN) {
		ret->p = f->quote.cert;
		ret->len = f->quote.cert_len;
		return NULL;
	}
	*ret = *item;
	return item->p != NULL
		? NULL
		: "UNSUPPORTED_CERTIFICATION_DATA_TYPE: no chain in the quote, "
		  "and none beside it";
}

static const char *read_chain(struct dj_judging *j, struct dj_sgx_facts *f)
{
	struct dj_evidence_item chain;
	X509 *cert[DJ_SGX_CHAIN];
	const char *wrong = chain_of(j, f, &chain), *pck;
	size_t n = 0;

	if (wrong != NULL)
		return wrong;
	if (dj_pem_chain((const char *)chain.p, chain.len, DJ_SGX_CHAIN, cert,
		    &n) != NULL)
		return "UNSUPPORTED_CERT_FORMAT: not certificates in PEM";
	wrong = sort(f, cert, n);
	if (wrong != NULL)
		return wrong;
	wrong = check_certs(f);
	pck = read_pck(f);
	return wrong != NULL ? wrong : pck;
}

void dj_sgx_check_chain(struct dj_judging *j, struct dj_sgx_facts *f)
{
	struct dj_check *c;
	const char *wrong;

	if (!f->has_quote) {
		dj_check_na(j, "evidence.chain", "no quote");
		return;
	}
	c = dj_check_begin(j, "evidence.chain");
	wrong = read_chain(j, f);
	if (wrong != NULL) {
		dj_check_got(j, c, "%s", wrong);
		dj_check_want(j, c,
			"a PCK's certificate, its CA's and the root's, in PEM");
		return;
	}
	if (!dj_sgx_is_trusted(j, f->cert[DJ_SGX_ROOT])) {
		dj_check_got(j, c, "PCK_CERT_CHAIN_UNTRUSTED: another root");
		dj_check_want(j, c, "%s",
			j->v->emulated
				? "a development root that the policy allows"
				: "Intel's root key");
		return;
	}
	dj_check_settle(c);
}

void dj_sgx_check_validity(struct dj_judging *j, const struct dj_sgx_facts *f)
{
	static const char *const which[] = { "PCK", "CA", "root", "TCB signer",
		"its root", "QE signer", "its root" };
	X509 *all[7] = { f->cert[DJ_SGX_PCK], f->cert[DJ_SGX_CA],
		f->cert[DJ_SGX_ROOT], f->tcb_info.signer, f->tcb_info.root,
		f->qe.signer, f->qe.root };
	X509 *cert[7];
	const char *name[7];
	size_t n = 0;

	for (size_t i = 0; i < 7 && f->has_chain; i++) {
		if (all[i] == NULL)
			continue;
		cert[n] = all[i];
		name[n++] = which[i];
	}
	dj_check_validity(j, n, cert, name);
}

/* Item 8 or 9: signed by that issuer, in force now. */
static X509_CRL *check_list(struct dj_judging *j, struct dj_check *c,
	const struct dj_evidence_item *item, X509 *issuer, const char *whose)
{
	X509_CRL *crl = item->p == NULL ? NULL : dj_der_crl(item->p, item->len);
	int64_t from = 0, to = 0, t = j->in->time;
	char text[2][32];

	if (crl == NULL) {
		dj_check_fault(j, c, 0, whose,
			item->p == NULL ? "no %s" : "not a list in DER: %s",
			whose);
		return NULL;
	}
	if (X509_NAME_cmp(X509_CRL_get_issuer(crl),
		    X509_get_subject_name(issuer)) != 0)
		dj_check_fault(j, c, 0, whose,
			"CRL_UNKNOWN_ISSUER: another's in place of %s", whose);
	else if (X509_CRL_get_ext_by_NID(crl, NID_crl_number, -1) < 0 ||
		X509_CRL_get_ext_by_NID(crl, NID_authority_key_identifier, -1) <
			0)
		dj_check_fault(j, c, 0, whose,
			"CRL_INVALID_EXTENSIONS: %s has no number or no key "
			"identifier",
			whose);
	else if (dj_crl_is_of(crl, issuer, DJ_CERT_P256) != NULL)
		dj_check_fault(j, c, 0, whose, "CRL_INVALID_SIGNATURE: %s",
			whose);
	if (!dj_crl_dates(crl, &from, &to) || t < from || t > to) {
		dj_time_text(from, text[0], sizeof(text[0]));
		dj_time_text(to, text[1], sizeof(text[1]));
		dj_check_fault(j, c, 0, "lists in force at the time of judging",
			"CRL_EXPIRED: %s, of %s to %s", whose, text[0],
			text[1]);
	}
	return crl;
}

void dj_sgx_check_revocation(struct dj_judging *j, struct dj_sgx_facts *f)
{
	struct dj_check *c;
	X509_CRL *pck;

	if (!f->has_chain) {
		dj_check_na(j, "evidence.revocation", "no chain");
		return;
	}
	c = dj_check_begin(j, "evidence.revocation");
	f->root_crl = check_list(j, c, &j->evidence.item[DJ_EVIDENCE_ROOT_CRL],
		f->cert[DJ_SGX_ROOT], "the root's revocation list");
	if (f->root_crl != NULL &&
		dj_crl_lists(f->root_crl, f->cert[DJ_SGX_CA]))
		dj_check_fault(j, c, 0, "a CA that is not revoked",
			"INTERMEDIATE_CA_REVOKED");
	pck = check_list(j, c, &j->evidence.item[DJ_EVIDENCE_PCK_CRL],
		f->cert[DJ_SGX_CA], "the revocation list of the PCK's CA");
	if (pck != NULL && dj_crl_lists(pck, f->cert[DJ_SGX_PCK]))
		dj_check_fault(j, c, 0, "a PCK that is not revoked",
			"PCK_REVOKED");
	X509_CRL_free(pck);
	dj_check_settle(c);
}

void dj_sgx_facts_done(struct dj_sgx_facts *f)
{
	struct dj_sgx_signed *docs[] = { &f->tcb_info, &f->qe };

	for (size_t i = 0; i < DJ_SGX_CHAIN; i++)
		X509_free(f->cert[i]);
	for (size_t i = 0; i < 2; i++) {
		dj_sgx_doc_done(&docs[i]->doc);
		X509_free(docs[i]->signer);
		X509_free(docs[i]->root);
	}
	X509_CRL_free(f->root_crl);
}
