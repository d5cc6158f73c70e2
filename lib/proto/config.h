// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/base/status.h"

/*
 * The launch configuration block, KCF1 (session.md 5). Big-endian. Untrusted
 * until the client has compared its hash with that of the block it asked for.
 *
 *    0   4  "KCF1"              4  u16 flags          6  u16 zero
 *    8  32  owner key hash     40  u32 max linear memory, 64 KiB pages
 *   44  u32 max module bytes   48  items: u16 tag, u16 length, value;
 *                                  known ones at most once, others ignored
 */
#define DJ_CONFIG_HEAD 48
#define DJ_CONFIG_MAX  4096

enum dj_config_flag {
	DJ_CONFIG_OWNER = 1,    /* owner required */
	DJ_CONFIG_RECEIPTS = 2, /* receipts wanted */
	DJ_CONFIG_TRUSTEE = 4,  /* Trustee reports allowed, 3.3 */
};

enum dj_time_policy {
	DJ_TIME_HOST = 0,     /* the host's, clamped */
	DJ_TIME_FIXED = 1,    /* always time_ns */
	DJ_TIME_COUNTING = 2, /* a counter that each look moves */
	DJ_TIME_CLIENT = 3,   /* the client's */
};

#define DJ_CONFIG_MEMORY_DEFAULT (UINT64_C(256) << 20)

struct dj_config {
	uint16_t flags;
	uint8_t owner[32];         /* zero unless DJ_CONFIG_OWNER, set then */
	uint32_t max_memory_pages; /* 64 KiB each */
	uint32_t max_module_bytes; /* 0: the Keep's default */
	uint64_t total_memory;     /* item 1; DJ_CONFIG_MEMORY_DEFAULT */
	uint8_t time_policy;       /* item 2, enum dj_time_policy */
	uint64_t time_ns;          /* with DJ_TIME_FIXED */
};

/* DJ_E_LIMIT: over DJ_CONFIG_MAX bytes. */
dj_status dj_config_parse(const uint8_t *buf, size_t len,
	struct dj_config *ret);
/* Writes items only where they differ from the default. */
dj_status dj_config_write(const struct dj_config *c, uint8_t *dst, size_t cap,
	size_t *ret_len);
