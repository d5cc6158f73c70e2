// SPDX-License-Identifier: Apache-2.0
#include "attest/snp.h"

#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "attest/cert.h"

#define OID "1.3.6.1.4.1.3704.1."

/* SHA-256 of the roots' DER; also at https://kdsintf.amd.com/vcek/v1/. */
static const uint8_t roots[DJ_SNP_PRODUCTS][32] = {
	[DJ_SNP_MILAN] = { 0x69, 0xd0, 0x63, 0xb4, 0x53, 0x44, 0xd2, 0x6a, 0x2e,
		0x94, 0xe1, 0xf4, 0x21, 0x0d, 0xe4, 0x9e, 0xf5, 0x55, 0x30,
		0x82, 0x87, 0xd4, 0xc1, 0x74, 0x44, 0x5c, 0x95, 0x63, 0x9a,
		0x54, 0x0b, 0xcd },
	[DJ_SNP_GENOA] = { 0x4c, 0x65, 0x98, 0xd1, 0x9c, 0x18, 0x71, 0x9c, 0x5d,
		0xfd, 0x4a, 0x7d, 0x33, 0x5f, 0x67, 0x4e, 0x5b, 0xfe, 0x1d,
		0x8f, 0x80, 0x0c, 0xea, 0x2c, 0xf2, 0x70, 0xc1, 0x0d, 0x10,
		0x3d, 0xb2, 0xf1 },
	[DJ_SNP_TURIN] = { 0x1f, 0x08, 0x41, 0x61, 0xa4, 0x4b, 0xb6, 0xd9, 0x37,
		0x78, 0xa9, 0x04, 0x87, 0x7d, 0x48, 0x19, 0xca, 0xfa, 0x5d,
		0x05, 0xef, 0x41, 0x93, 0xb2, 0xde, 0xd9, 0xdd, 0x9c, 0x73,
		0xdd, 0x3f, 0x6a },
};

/* A DER INTEGER of 0 to 255 and nothing else. */
static bool small_integer(const uint8_t *p, size_t len, uint8_t *ret)
{
	if (len == 3 && p[0] == 2 && p[1] == 1 && p[2] < 0x80)
		*ret = p[2];
	else if (len == 4 && p[0] == 2 && p[1] == 2 && p[2] == 0 &&
		p[3] >= 0x80)
		*ret = p[3];
	else
		return false;
	return true;
}

/* A DER IA5String of 1 to cap - 1 printable characters. */
static bool ia5(const uint8_t *p, size_t len, char *dst, size_t cap)
{
	if (len < 3 || p[0] != 0x16 || p[1] != len - 2 || len - 2 >= cap)
		return false;
	for (size_t i = 2; i < len; i++) {
		if (p[i] < 0x20 || p[i] > 0x7e)
			return false;
	}
	memcpy(dst, p + 2, len - 2);
	dst[len - 2] = '\0';
	return true;
}

static bool integer_of(X509 *vek, const char *oid, uint8_t *ret)
{
	size_t len = 0;
	const uint8_t *p = dj_cert_extension(vek, oid, &len);

	return p != NULL && small_integer(p, len, ret);
}

/* Security versions; those of parts that no product has must be zero. */
static const char *read_spls(X509 *vek, struct dj_snp_facts *f)
{
	static const char *const oids[DJ_SNP_TCB_PARTS] = {
		[DJ_SNP_TCB_FMC] = OID "3.9",
		[DJ_SNP_TCB_BOOTLOADER] = OID "3.1",
		[DJ_SNP_TCB_TEE] = OID "3.2",
		[DJ_SNP_TCB_SNP] = OID "3.3",
		[DJ_SNP_TCB_MICROCODE] = OID "3.8",
	};
	static const char *const unused[] = { OID "3.4", OID "3.5", OID "3.6",
		OID "3.7" };
	size_t len;
	uint8_t v;

	for (size_t i = 0; i < DJ_SNP_TCB_PARTS; i++) {
		if (i == DJ_SNP_TCB_FMC && f->product != DJ_SNP_TURIN) {
			if (dj_cert_extension(vek, oids[i], &len) != NULL)
				return "a version of a part that the product "
				       "has not";
			f->tcb[i] = 0;
		} else if (!integer_of(vek, oids[i], &f->tcb[i])) {
			return "a security version is missing or no number";
		}
	}
	for (size_t i = 0; i < sizeof(unused) / sizeof(unused[0]); i++) {
		if (dj_cert_extension(vek, unused[i], &len) != NULL &&
			(!integer_of(vek, unused[i], &v) || v != 0))
			return "a security version of a part that there is "
			       "none of";
	}
	return NULL;
}

/* 64 bytes, Turin's 8, as they are or as an OCTET STRING inside. */
static bool read_hwid(X509 *vek, struct dj_snp_facts *f)
{
	size_t len = 0, want = f->product == DJ_SNP_TURIN ? 8 : 64;
	const uint8_t *p = dj_cert_extension(vek, OID "4", &len);

	if (p != NULL && len == want + 2 && p[0] == 4 && p[1] == want) {
		p += 2;
		len -= 2;
	}
	if (p == NULL || len != want)
		return false;
	memset(f->chip_id, 0, sizeof(f->chip_id));
	memcpy(f->chip_id, p, len);
	return true;
}

static bool read_csp(X509 *vek, struct dj_snp_facts *f)
{
	size_t len = 0;
	const uint8_t *p = dj_cert_extension(vek, OID "5", &len);

	if (p == NULL || !ia5(p, len, f->csp, sizeof(f->csp)))
		return false;
	if (strncmp(f->csp, "CN=", 3) == 0)
		memmove(f->csp, f->csp + 3, strlen(f->csp + 3) + 1);
	return true;
}

/* "Milan" itself or, with its stepping, "Milan-B0". */
static bool is_product(const char *text, enum dj_snp_product product)
{
	const char *name = dj_snp_product_name(product);
	size_t n = strlen(name);

	return strncmp(text, name, n) == 0 &&
		(text[n] == '\0' || text[n] == '-');
}

static const char *read_vek(struct dj_snp_facts *f)
{
	X509 *vek = f->cert[DJ_SNP_VEK];
	bool vlek = f->report.signing_key == DJ_SNP_KEY_VLEK;
	const uint8_t *p;
	size_t len = 0;
	char text[32];
	const char *wrong;
	uint8_t version;

	if (!integer_of(vek, OID "1", &version))
		return "the key's certificate has no version";
	p = dj_cert_extension(vek, OID "2", &len);
	if (p == NULL || !ia5(p, len, text, sizeof(text)) ||
		!is_product(text, f->product))
		return "the key's certificate is for another product";
	wrong = read_spls(vek, f);
	if (wrong != NULL)
		return wrong;
	if (dj_cert_extension(vek, vlek ? OID "4" : OID "5", &len) != NULL)
		return "a chip in a VLEK's certificate, or a provider in a "
		       "VCEK's";
	if (vlek ? !read_csp(vek, f) : !read_hwid(vek, f))
		return vlek ? "the VLEK's certificate names no provider"
			    : "the VCEK's certificate names no chip";
	f->has_vek = true;
	return NULL;
}

static bool is_named(const X509 *cert, const char *want)
{
	char cn[64];

	return dj_cert_common_name(X509_get_subject_name(cert), cn,
		       sizeof(cn)) &&
		strcmp(cn, want) == 0;
}

/* The product whose root calls itself so. */
static bool product_of_root(X509 *root, enum dj_snp_product *ret)
{
	char want[32];

	for (int p = 0; p < DJ_SNP_PRODUCTS; p++) {
		(void)snprintf(want, sizeof(want), "ARK-%s",
			dj_snp_product_name((enum dj_snp_product)p));
		if (is_named(root, want)) {
			*ret = (enum dj_snp_product)p;
			return true;
		}
	}
	return false;
}

/* Do the names fit the product and the kind of key that the report says? */
static const char *check_names(struct dj_snp_facts *f)
{
	bool vlek = f->report.signing_key == DJ_SNP_KEY_VLEK;
	enum dj_snp_product by_root;
	char want[32];

	if (!product_of_root(f->cert[DJ_SNP_ROOT], &by_root))
		return "the root's name is no product's";
	if (f->report.version < 3) {
		f->product = by_root;
		f->has_product = true;
	} else if (!f->has_product) {
		return "the report is of a processor that is not known here";
	} else if (f->product != by_root) {
		return "the report is of another product than the root";
	}
	(void)snprintf(want, sizeof(want), "SEV-%s%s", vlek ? "VLEK-" : "",
		dj_snp_product_name(by_root));
	if (!is_named(f->cert[DJ_SNP_ISSUER], want))
		return vlek ? "the report was signed by a VLEK, and the "
			      "issuer is not of that kind"
			    : "the report was signed by a VCEK, and the "
			      "issuer is not of that kind";
	if (!is_named(f->cert[DJ_SNP_VEK], vlek ? "SEV-VLEK" : "SEV-VCEK"))
		return "the key's certificate is of another kind than the "
		       "report says";
	return NULL;
}

/* Profiles, issuers and signatures, whatever the names are. */
static const char *check_certs(struct dj_snp_facts *f)
{
	const char *wrong = dj_cert_is_root(f->cert[DJ_SNP_ROOT]);

	for (size_t i = 0; i < DJ_SNP_ROOT && wrong == NULL; i++) {
		wrong = dj_cert_fits(f->cert[i],
			i == DJ_SNP_VEK ? DJ_CERT_P384_PSS : DJ_CERT_RSA_PSS);
		if (wrong == NULL)
			wrong = dj_cert_is_issued(f->cert[i], f->cert[i + 1]);
	}
	if (wrong == NULL)
		wrong = dj_cert_is_issuer(f->cert[DJ_SNP_ISSUER]);
	if (wrong == NULL &&
		(X509_get_extension_flags(f->cert[DJ_SNP_VEK]) & EXFLAG_CA) !=
			0)
		wrong = "the attestation key's certificate is a CA";
	return wrong;
}

/* The first thing that is wrong; what can be read is read in any case. */
static const char *read_chain(struct dj_snp_facts *f)
{
	const char *certs = check_certs(f), *names, *vek;

	if (!f->has_report)
		return certs != NULL ? certs : "no report";
	names = check_names(f);
	vek = f->has_product ? read_vek(f) : NULL;
	return certs != NULL ? certs : names != NULL ? names : vek;
}

/* AMD's root of that product; of emulated evidence, a root of the policy. */
static bool is_trusted(struct dj_judging *j, struct dj_check *c,
	const struct dj_snp_facts *f)
{
	const struct dj_policy *p = j->in->policy;
	uint8_t digest[32];
	unsigned len = sizeof(digest);
	bool vendor = false;

	if (X509_digest(f->cert[DJ_SNP_ROOT], EVP_sha256(), digest, &len) != 1)
		return false;
	dj_check_got_hex(j, c, digest, sizeof(digest));
	if (!j->v->emulated) {
		if (memcmp(digest, roots[f->product], 32) == 0)
			return true;
		dj_check_want_hex(j, c, roots[f->product], 32);
		return false;
	}
	/* What AMD's root certifies is no emulation, whatever it calls itself. */
	for (size_t i = 0; i < DJ_SNP_PRODUCTS; i++)
		vendor = vendor || memcmp(digest, roots[i], 32) == 0;
	for (size_t i = 0; i < p->root_count && p->development && !vendor;
		i++) {
		if (p->roots[i].der_len != 0 &&
			memcmp(digest, p->roots[i].sha256, 32) == 0)
			return true;
	}
	dj_check_want(j, c, "a development root that the policy allows");
	return false;
}

static void check_wanted(struct dj_judging *j, struct dj_check *c,
	const struct dj_snp_facts *f)
{
	const struct dj_policy_snp *p = &j->in->policy->snp;

	if ((p->products.bits >> f->product & 1) == 0)
		dj_check_fault(j, c, p->products.line, "another product", "%s",
			dj_snp_product_name(f->product));
	if ((p->keys.bits >> f->report.signing_key & 1) == 0)
		dj_check_fault(j, c, p->keys.line, "another signing key",
			"signed by a %s",
			f->report.signing_key == DJ_SNP_KEY_VLEK ? "VLEK"
								 : "VCEK");
}

void dj_snp_check_chain(struct dj_judging *j, struct dj_snp_facts *f)
{
	const struct dj_evidence_item *chain =
		&j->evidence.item[DJ_EVIDENCE_CHAIN];
	struct dj_check *c = dj_check_begin(j, "evidence.chain");
	const char *wrong = "no chain";

	if (f->has_report && f->report.version >= 3)
		f->has_product = dj_snp_product_of(&f->report, &f->product);
	if (chain->p != NULL)
		wrong = dj_pem_certs((const char *)chain->p, chain->len,
			DJ_SNP_CHAIN, f->cert);
	f->has_chain = wrong == NULL;
	if (wrong == NULL)
		wrong = read_chain(f);
	if (wrong != NULL) {
		dj_check_got(j, c, "%s", wrong);
		dj_check_want(j, c,
			"three certificates in PEM: VCEK or VLEK, its ASK or "
			"ASVK, and AMD's root (ARK) of the product");
		return;
	}
	if (!is_trusted(j, c, f))
		return;
	check_wanted(j, c, f);
	dj_check_settle(c);
}

void dj_snp_check_validity(struct dj_judging *j, const struct dj_snp_facts *f)
{
	static const char *const which[] = { "key", "issuer", "root" };

	dj_check_validity(j, f->has_chain ? DJ_SNP_CHAIN : 0, f->cert, which);
}

/* Is one list of the root there, fresh enough, without the issuer on it? */
static void check_list(struct dj_judging *j, struct dj_check *c,
	const struct dj_snp_facts *f, const struct dj_evidence_item *der)
{
	const struct dj_policy_number *age = &j->in->policy->snp.max_crl_age;
	X509_CRL *crl = dj_der_crl(der->p, der->len);
	const char *wrong = crl == NULL
		? "not a revocation list in DER"
		: dj_crl_is_of(crl, f->cert[DJ_SNP_ROOT], DJ_CERT_RSA_PSS);
	int64_t from = 0, to = 0, t = j->in->time;
	char text[2][32];

	if (wrong == NULL && !dj_crl_dates(crl, &from, &to))
		wrong = "a list without dates";
	if (wrong != NULL)
		dj_check_fault(j, c, 0, "lists signed by the root", "%s",
			wrong);
	else if (dj_crl_lists(crl, f->cert[DJ_SNP_ISSUER]) ||
		dj_crl_lists(crl, f->cert[DJ_SNP_ROOT]))
		dj_check_fault(j, c, 0, "an issuer that is not revoked",
			"the key's issuer is revoked");
	dj_time_text(from, text[0], sizeof(text[0]));
	dj_time_text(to, text[1], sizeof(text[1]));
	if (wrong == NULL && age->line != 0 &&
		(t < from || t > to || (uint64_t)(t - from) > age->value))
		dj_check_fault(j, c, age->line, "a list that is fresh",
			"a list of %s, good until %s", text[0], text[1]);
	X509_CRL_free(crl);
}

void dj_snp_check_revocation(struct dj_judging *j, const struct dj_snp_facts *f)
{
	const struct dj_evidence_item *item =
		&j->evidence.item[DJ_EVIDENCE_CRLS];
	const struct dj_policy_number *age = &j->in->policy->snp.max_crl_age;
	struct dj_rd r = dj_rd_of(item->p, item->len);
	struct dj_evidence_item der;
	struct dj_check *c;
	size_t n = 0;

	if (!f->has_chain) {
		dj_check_na(j, "evidence.revocation", "no chain");
		return;
	}
	if (item->p == NULL && age->line == 0) {
		dj_check_na(j, "evidence.revocation",
			"no list, and the policy asks for none (max-crl-age)");
		return;
	}
	c = dj_check_begin(j, "evidence.revocation");
	for (; item->p != NULL && dj_evidence_crl(&r, &der); n++)
		check_list(j, c, f, &der);
	if (n == 0 || (item->p != NULL && dj_rd_end(&r) != DJ_OK))
		dj_check_fault(j, c, age->line, "the root's revocation list",
			"%s", n == 0 ? "none" : "a malformed set of lists");
	dj_check_settle(c);
}

void dj_snp_facts_done(struct dj_snp_facts *f)
{
	for (size_t i = 0; i < DJ_SNP_CHAIN; i++)
		X509_free(f->cert[i]);
}
