// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/status.h"
#include "lib/crypto/sha256.h"
#include "lib/evidence/image.h"
#include "lib/evidence/sgx_layout.h"
#include "lib/evidence/sgx_quote.h"

/*
 * Intel SGX: the measurement of an enclave, and the structures that ENCLU's
 * leaves read and write. Little-endian. SDM volume 3, chapters 37 to 40.
 */

/*
 * MRENCLAVE, instruction by instruction: SHA-256 over a block of 64 bytes for
 * each ECREATE, EADD and EEXTEND, and over what EEXTEND measures.
 */
struct dj_sgx_hash {
	struct dj_sha256 sha;
};

#define DJ_SGX_CHUNK 256 /* what one EEXTEND measures */

void dj_sgx_ecreate(struct dj_sgx_hash *h, uint32_t ssa_pages, uint64_t size);
void dj_sgx_eadd(struct dj_sgx_hash *h, uint64_t offset, uint64_t flags);
void dj_sgx_eextend(struct dj_sgx_hash *h, uint64_t offset,
	const uint8_t chunk[static DJ_SGX_CHUNK]);
void dj_sgx_hash_final(const struct dj_sgx_hash *h, uint8_t ret[static 32]);

/* A page of a Keep's enclave as it is added. */
struct dj_sgx_page {
	uint64_t offset;        /* from DJ_SGX_BASE */
	uint64_t flags;         /* SECINFO.FLAGS */
	const uint8_t *content; /* 4096 bytes, valid in the call */
	bool is_measured;       /* EEXTEND too: all but SGX1's heap */
};
typedef dj_status dj_sgx_visit(void *ctx, const struct dj_sgx_page *page);

/*
 * The one walk over a Keep's enclave, in the order of EADD: the image's pages
 * and the tail of sgx_layout.h. Whoever builds the enclave and whoever
 * measures it offline call this. DJ_E_INPUT: an image for something else.
 */
dj_status dj_sgx_walk(const struct dj_image *img, dj_sgx_visit *visit,
	void *ctx);
dj_status dj_sgx_measure(const struct dj_image *img, uint8_t ret[static 32]);

/*
 * SGX1: bytes of heap that a Keep with so much memory in all is built with,
 * for img.heap. A page there is where it is, so what is reserved takes room
 * before it is used: the program's tables, its memory, its files and a tree
 * that comes in can each have all of the next power of two. 0: too much.
 */
uint64_t dj_sgx_heap(uint64_t total);

/* Offset of the image's end, where the tail begins, from DJ_SGX_BASE. */
uint64_t dj_sgx_tail(const struct dj_image *img);

/*
 * TCS, 4096 bytes: all that a loader may say of a thread.
 *
 *   16 u64 OSSA    28 u32 NSSA       32 u64 OENTRY   48 u64 OFSBASGX
 *   56 u64 OGSBASGX                  64 u32 FSLIMIT  68 u32 GSLIMIT
 */
struct dj_sgx_tcs {
	uint64_t ossa, oentry, ofs, ogs; /* offsets from the base */
	uint32_t nssa;
};
void dj_sgx_tcs_write(const struct dj_sgx_tcs *t,
	uint8_t dst[static DJ_SGX_PAGE_SIZE]);
/* DJ_E_INPUT: a field that the processor sets, or a reserved byte, is not
 * zero. */
dj_status dj_sgx_tcs_parse(const uint8_t buf[static DJ_SGX_PAGE_SIZE],
	struct dj_sgx_tcs *ret);

/*
 * REPORT, 432 bytes: the body (sgx_quote.h), KEYID, and AES-128-CMAC over the
 * body alone under the target's report key.
 */
#define DJ_SGX_REPORT 432
#define DJ_SGX_KEYID  32
#define DJ_SGX_MAC    16

/* TARGETINFO, 512 bytes: for whom a report is. */
#define DJ_SGX_TARGETINFO 512
struct dj_sgx_targetinfo {
	uint8_t mrenclave[32];
	uint64_t flags, xfrm;
	uint16_t configsvn;
	uint32_t miscselect;
	uint8_t configid[64];
};
void dj_sgx_targetinfo_write(const struct dj_sgx_targetinfo *t,
	uint8_t dst[static DJ_SGX_TARGETINFO]);
/* DJ_E_INPUT: a reserved byte is not zero. */
dj_status dj_sgx_targetinfo_parse(const uint8_t buf[static DJ_SGX_TARGETINFO],
	struct dj_sgx_targetinfo *ret);

/* KEYREQUEST, 512 bytes: which key EGETKEY shall derive. */
#define DJ_SGX_KEYREQUEST 512
enum dj_sgx_keyname {
	DJ_SGX_KEY_EINITTOKEN = 0,
	DJ_SGX_KEY_PROVISION = 1,
	DJ_SGX_KEY_PROVISION_SEAL = 2,
	DJ_SGX_KEY_REPORT = 3,
	DJ_SGX_KEY_SEAL = 4,
};
enum dj_sgx_keypolicy { /* bits */
	DJ_SGX_POLICY_MRENCLAVE = 1,
	DJ_SGX_POLICY_MRSIGNER = 2,
};
struct dj_sgx_keyrequest {
	uint16_t name, policy, isvsvn;
	uint8_t cpusvn[16];
	uint64_t flags_mask, xfrm_mask; /* ATTRIBUTEMASK */
	uint8_t keyid[DJ_SGX_KEYID];
	uint32_t miscmask;
	uint16_t configsvn;
};
void dj_sgx_keyrequest_write(const struct dj_sgx_keyrequest *k,
	uint8_t dst[static DJ_SGX_KEYREQUEST]);
/* DJ_E_INPUT: a reserved byte is not zero. */
dj_status dj_sgx_keyrequest_parse(const uint8_t buf[static DJ_SGX_KEYREQUEST],
	struct dj_sgx_keyrequest *ret);

/* What a loader tells its Keep of this processor: enum dj_cpu bits. */
uint32_t dj_sgx_cpu_hint(void);
