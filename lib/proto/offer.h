// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/isa.h"
#include "lib/base/status.h"

/*
 * OFFER, the Keep's answer to HELLO (session.md 3.2). Big-endian.
 *
 *     0   4  "KSP1"       4  u16 suite     6  u8 tee     7  u8 state
 *     8  u32 attach_no   12   4  zero     16  32 keep_id
 *    48  32  keep_nonce  80  32  config_hash
 *   112  u16 length of pk, pk; u16 length of info (0..1024), info
 */
enum dj_tee {
	DJ_TEE_SGX = 1,
	DJ_TEE_SNP = 2,
	DJ_TEE_TDX = 3,
	DJ_TEE_SANCTUM = 4,
	DJ_TEE_PEF = 5,
	DJ_TEE_KVM = 0x40,
	DJ_TEE_PROCESS = 0x41,
};

/* "sgx" and so on, as people write it; NULL for a number that is none. */
const char *dj_tee_name(uint8_t tee);

enum dj_keep_state {
	DJ_KEEP_FRESH = 0,
	DJ_KEEP_OWNED = 1,
};

#define DJ_OFFER_PK_MAX   1216
#define DJ_OFFER_INFO_MAX 1024

struct dj_offer {
	uint16_t suite; /* a known one */
	uint8_t tee;
	uint8_t state; /* enum dj_keep_state */
	uint32_t attach_no;
	uint8_t keep_id[32];
	uint8_t keep_nonce[32];
	uint8_t config_hash[32];
	const uint8_t *pk; /* borrowed; length fits the suite */
	size_t pk_len;
	const uint8_t *info; /* borrowed; dj_offer_info_parse() reads it */
	size_t info_len;
};

/* Any failure is BAD_OFFER. */
dj_status dj_offer_parse(const uint8_t *buf, size_t len, struct dj_offer *ret);
dj_status dj_offer_write(const struct dj_offer *o, uint8_t *dst, size_t cap,
	size_t *ret_len);

/*
 * OFFER info: items of u16 tag, u16 length, value, each known tag at most
 * once, unknown tags ignored. What is absent is zero, with has_* false.
 */
struct dj_offer_info {
	bool has_max_module;
	bool has_max_memory;
	bool has_features;
	bool has_native;
	bool has_cpu_level;
	uint64_t max_module;     /* 1: bytes */
	uint64_t max_memory;     /* 2: bytes of linear memory */
	uint64_t features;       /* 3: enum dj_feature bits */
	uint8_t native_isa;      /* 4: enum dj_isa */
	uint8_t native_bounds;   /* 4: enum dj_bounds */
	uint8_t native_accepted; /* 4: 0 or 1 */
	uint64_t cpu_level;      /* 5 */
};

/* Room that dj_offer_info_write() needs at most. */
#define DJ_OFFER_INFO_SIZE 60

dj_status dj_offer_info_parse(const uint8_t *buf, size_t len,
	struct dj_offer_info *ret);
dj_status dj_offer_info_write(const struct dj_offer_info *info, uint8_t *dst,
	size_t cap, size_t *ret_len);
