// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/base/secret.h"
#include "lib/base/status.h"

/*
 * Messages between an SEV-SNP guest and the secure processor (56860 section 7
 * and 8.26): a page, sealed with AES-256-GCM under a key that the firmware
 * put into the guest's secrets page. What is between them can drop, repeat
 * and change; a message counts once, in order.
 *
 *    0x00  32  tag (16 bytes, then zero)     0x35  1  version of the message
 *    0x20   8  sequence number               0x36  2  payload size
 *    0x28   8  zero                          0x38  4  zero
 *    0x30   1  algorithm, 1                  0x3c  1  which key, 0 to 3
 *    0x31   1  header version, 1             0x3d 35  zero
 *    0x32   2  header size, 0x60             0x60     payload, sealed
 *    0x34   1  type
 *
 * Nonce: sequence number and four zero bytes. Bytes 0x30 to 0x5f are
 * authenticated. Little-endian. Both directions use one key: requests have odd
 * numbers, each answer the number after.
 */
#define DJ_SNP_MSG_SIZE    4096
#define DJ_SNP_MSG_HEADER  0x60
#define DJ_SNP_MSG_PAYLOAD 4000

enum dj_snp_msg_type {
	DJ_SNP_MSG_KEY_REQ = 3,
	DJ_SNP_MSG_KEY_RSP = 4,
	DJ_SNP_MSG_REPORT_REQ = 5,
	DJ_SNP_MSG_REPORT_RSP = 6,
};

struct dj_snp_msg {
	uint64_t seqno;
	uint8_t type;    /* enum dj_snp_msg_type, or one unknown here */
	uint8_t version; /* of the message */
	uint8_t vmpck;   /* 0 to 3 */
	size_t size;
	uint8_t payload[DJ_SNP_MSG_PAYLOAD]; /* secret or not, by type */
};

/* Fills all of page. DJ_E_LIMIT: m->size over DJ_SNP_MSG_PAYLOAD. */
dj_status dj_snp_msg_seal(const struct dj_snp_msg *m, const struct dj_key *key,
	uint8_t page[static DJ_SNP_MSG_SIZE]);

/* The key and the sequence number that a message names, before it is
 * believed. */
struct dj_snp_msg_claim {
	uint64_t seqno;
	uint8_t vmpck;
};
void dj_snp_msg_claim(const uint8_t page[static DJ_SNP_MSG_SIZE],
	struct dj_snp_msg_claim *ret);

/*
 * Opens a page that is the caller's alone. DJ_E_INPUT: a header that is none,
 * DJ_E_LIMIT: a size too large, DJ_E_AUTH: a tag that does not hold. What the
 * message is for and whether its number is the next is the caller's to judge.
 */
dj_status dj_snp_msg_open(const uint8_t page[static DJ_SNP_MSG_SIZE],
	const struct dj_key *key, struct dj_snp_msg *ret);

/*
 * Opens the answer to the request of that type, version and number:
 * DJ_E_STATE for any other, else as above.
 */
dj_status dj_snp_msg_answer(const uint8_t page[static DJ_SNP_MSG_SIZE],
	const struct dj_key *key, const struct dj_snp_msg *request,
	struct dj_snp_msg *ret);

/* Payloads. MSG_REPORT_REQ: 64 bytes to be reported, the VMPL, and which key
 * signs. */
#define DJ_SNP_REPORT_REQ_SIZE 0x60
struct dj_snp_report_req {
	uint8_t data[64];
	uint32_t vmpl;
	uint32_t key_sel; /* 0: VLEK if there is one, else VCEK; 1, 2 */
};
void dj_snp_report_req_write(const struct dj_snp_report_req *r,
	uint8_t dst[static DJ_SNP_REPORT_REQ_SIZE]);
dj_status dj_snp_report_req_parse(const uint8_t *p, size_t len,
	struct dj_snp_report_req *ret);

/* MSG_REPORT_RSP: status, size, and at 0x20 the report. */
#define DJ_SNP_RSP_HEAD 0x20
enum dj_snp_rsp_status {
	DJ_SNP_RSP_GOOD = 0,
	DJ_SNP_RSP_INVALID = 0x16,
	DJ_SNP_RSP_NO_KEY = 0x27,
};
/* DJ_E_HOST: the firmware gave none. *ret is within p. */
dj_status dj_snp_report_rsp_parse(const uint8_t *p, size_t len,
	const uint8_t **ret, size_t *ret_len);

/* MSG_KEY_REQ: a key derived from a root and of what is chosen. */
#define DJ_SNP_KEY_REQ_SIZE 0x20
#define DJ_SNP_KEY_RSP_SIZE 0x40
enum dj_snp_key_field {
	DJ_SNP_KEY_POLICY = 1,
	DJ_SNP_KEY_IMAGE_ID = 2,
	DJ_SNP_KEY_FAMILY_ID = 4,
	DJ_SNP_KEY_MEASUREMENT = 8,
	DJ_SNP_KEY_GUEST_SVN = 16,
	DJ_SNP_KEY_TCB = 32,
};
struct dj_snp_key_req {
	uint32_t root;   /* 0: VCEK, 1: VMRK */
	uint64_t fields; /* enum dj_snp_key_field bits */
	uint32_t vmpl;
	uint32_t guest_svn;
	uint64_t tcb;
};
void dj_snp_key_req_write(const struct dj_snp_key_req *r,
	uint8_t dst[static DJ_SNP_KEY_REQ_SIZE]);
dj_status dj_snp_key_req_parse(const uint8_t *p, size_t len,
	struct dj_snp_key_req *ret);
/* DJ_E_HOST: the firmware gave none. */
dj_status dj_snp_key_rsp_parse(const uint8_t *p, size_t len,
	struct dj_key *ret);

/* The secrets page: its parts that are used here. */
#define DJ_SNP_SECRETS_VMPCK0 0x20
#define DJ_SNP_SECRETS_VMPCKS 4
#define DJ_SNP_SECRETS_SEQNO  0xa0 /* u32 each: messages sent so far */

/* The CPUID page: count, then entries of 48 bytes from 0x10. */
#define DJ_SNP_CPUID_MAX 64
struct dj_snp_cpuid {
	uint32_t eax, ebx, ecx, edx;
};
/* The leaf as the page has it; zero if it has not, or is none. */
struct dj_snp_cpuid dj_snp_cpuid_find(const uint8_t page[static 4096],
	uint32_t leaf, uint32_t sub);
