// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/rd.h"
#include "lib/base/status.h"
#include "lib/evidence/fields.h"

/*
 * AMD SEV-SNP's ATTESTATION_REPORT (56860 section 7.3), evidence format 2 and,
 * under a development root, 0x8102. Little-endian. Bytes 0..0x29f are signed
 * with ECDSA P-384 and SHA-384; r and s are little-endian in 72 bytes each.
 *
 * Versions: 2; 3 adds family, model and stepping; 4 is read as 3; 5 adds the
 * mitigation vectors. What a version does not define must be zero.
 */
#define DJ_SNP_REPORT_SIZE   1184
#define DJ_SNP_REPORT_SIGNED 0x2a0
#define DJ_SNP_VERSION_MIN   2
#define DJ_SNP_VERSION_MAX   5

/* Guest policy: what the guest's owner let the launch have. */
enum dj_snp_policy {
	DJ_SNP_POLICY_SMT = 16,
	DJ_SNP_POLICY_ONE = 17, /* must be set */
	DJ_SNP_POLICY_MIGRATE = 18,
	DJ_SNP_POLICY_DEBUG = 19,
	DJ_SNP_POLICY_SINGLE_SOCKET = 20,
	DJ_SNP_POLICY_CXL = 21,
	DJ_SNP_POLICY_AES_256_XTS = 22,
	DJ_SNP_POLICY_RAPL_DIS = 23,
	DJ_SNP_POLICY_CIPHERTEXT_HIDING = 24,
	DJ_SNP_POLICY_PAGE_SWAP_DISABLE = 25,
	DJ_SNP_POLICY_BITS /* the rest is reserved */
};

/* Platform information; bits without a name have been seen set. */
enum dj_snp_platform {
	DJ_SNP_PLATFORM_SMT = 0,
	DJ_SNP_PLATFORM_TSME = 1,
	DJ_SNP_PLATFORM_ECC = 2,
	DJ_SNP_PLATFORM_RAPL_DIS = 3,
	DJ_SNP_PLATFORM_CIPHERTEXT_HIDING = 4,
	DJ_SNP_PLATFORM_ALIAS_CHECK = 5,
	DJ_SNP_PLATFORM_TIO = 7,
};

enum dj_snp_key {
	DJ_SNP_KEY_VCEK = 0, /* of a chip */
	DJ_SNP_KEY_VLEK = 1, /* of a cloud provider */
	DJ_SNP_KEY_NONE = 7,
};

struct dj_snp_report {
	uint32_t version, guest_svn;
	uint64_t policy;
	uint8_t family_id[16], image_id[16];
	uint32_t vmpl;
	uint64_t platform_info;
	bool has_author_key, is_chip_key_masked;
	uint8_t signing_key; /* enum dj_snp_key */
	uint8_t report_data[64];
	uint8_t measurement[48];
	uint8_t host_data[32];
	uint8_t id_key_digest[48], author_key_digest[48];
	uint8_t report_id[32], report_id_ma[32];
	/* TCB versions as they stand in memory; dj_snp_tcb_read(). */
	uint8_t current[8], reported[8], committed[8], launch[8];
	uint8_t family, model, stepping; /* 0 in version 2 */
	uint8_t chip_id[64];
	uint8_t current_version[3], committed_version[3]; /* major first */
	uint64_t launch_mit, current_mit;
	uint8_t signature[96]; /* r || s, big-endian */
};

/*
 * Reads a report that a stranger handed over. DJ_E_INPUT: another length, a
 * reserved byte or bit that is not zero, a signing key that there is none of;
 * DJ_E_UNSUPPORTED: another version or signature algorithm. Reserved bits of
 * platform_info are let through (firmware sets them before they are written
 * about); those of the guest policy are not. That a report is genuine is the
 * judge's business (attest/).
 */
dj_status dj_snp_report_parse(const uint8_t *buf, size_t len,
	struct dj_snp_report *ret);

/* Writes all of it, so that it parses to the same if it parses; the signature
 * is made over dst[0..0x29f] by the caller. */
void dj_snp_report_write(const struct dj_snp_report *rep,
	uint8_t dst[static DJ_SNP_REPORT_SIZE]);

/* The products whose TCB versions and certificates differ. */
enum dj_snp_product {
	DJ_SNP_MILAN,
	DJ_SNP_GENOA, /* also Bergamo and Siena */
	DJ_SNP_TURIN,
	DJ_SNP_PRODUCTS
};

/* "Milan" and so on, as AMD's certificates spell it. */
const char *dj_snp_product_name(enum dj_snp_product p);
/* Of a version 3 or later; false for a family and model that are none. */
bool dj_snp_product_of(const struct dj_snp_report *r, enum dj_snp_product *ret);

/* Security versions, each to be compared by itself. */
enum dj_snp_tcb {
	DJ_SNP_TCB_FMC, /* Turin's alone; 0 elsewhere */
	DJ_SNP_TCB_BOOTLOADER,
	DJ_SNP_TCB_TEE,
	DJ_SNP_TCB_SNP,
	DJ_SNP_TCB_MICROCODE,
	DJ_SNP_TCB_PARTS
};

const char *dj_snp_tcb_name(enum dj_snp_tcb part);
/* False if a byte that the product does not use is not zero. */
bool dj_snp_tcb_read(enum dj_snp_product p, const uint8_t raw[static 8],
	uint8_t ret[static DJ_SNP_TCB_PARTS]);

void dj_snp_tcb_write(enum dj_snp_product p,
	const uint8_t parts[static DJ_SNP_TCB_PARTS], uint8_t ret[static 8]);

/*
 * For people: calls say for every field of the report, in order, without a
 * gap.
 */
void dj_snp_report_fields(const uint8_t buf[static DJ_SNP_REPORT_SIZE],
	dj_field_say *say, void *ctx);

/*
 * The host's certificate table (56421 section 4.1.8.1; configfs-tsm's
 * auxblob): entries of GUID, offset and length up to one of zeros. Host data:
 * only signatures give it meaning.
 */
enum dj_snp_cert_kind {
	DJ_SNP_CERT_VCEK,
	DJ_SNP_CERT_VLEK,
	DJ_SNP_CERT_ASK, /* or ASVK */
	DJ_SNP_CERT_ARK,
	DJ_SNP_CERT_CRL,
	DJ_SNP_CERT_OTHER, /* a GUID of someone else's; its bytes unread */
};

struct dj_snp_cert {
	enum dj_snp_cert_kind kind;
	const uint8_t *p; /* borrowed; DER or PEM */
	size_t len;
};

#define DJ_SNP_CERTS_MAX 16

/* DJ_E_INPUT: no end mark, a part outside the table, or a kind twice;
 * DJ_E_LIMIT: more than DJ_SNP_CERTS_MAX entries. */
dj_status dj_snp_certs_parse(const uint8_t *buf, size_t len,
	struct dj_snp_cert ret[static DJ_SNP_CERTS_MAX], size_t *ret_count);

/*
 * An Azure HCL report: the hardware report and JSON whose SHA-256 is the first
 * half of report_data, the second being zero.
 */
struct dj_snp_hcl {
	uint32_t version;
	const uint8_t *report; /* borrowed; DJ_SNP_REPORT_SIZE bytes */
	const uint8_t *json;   /* borrowed; hash it as it is */
	size_t json_len;
};

/* Does it begin as an HCL report does? */
bool dj_snp_hcl_is(const uint8_t *buf, size_t len);
/* DJ_E_INPUT: lengths that do not agree or bytes after the JSON that are not
 * zero; DJ_E_UNSUPPORTED: a TDX report, another hash or version. */
dj_status dj_snp_hcl_parse(const uint8_t *buf, size_t len,
	struct dj_snp_hcl *ret);
