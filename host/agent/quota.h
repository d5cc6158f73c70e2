// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Who may have how much: pure arithmetic on counts, so that it can be tested
 * by itself. Memory is what launch configuration blocks ask for (KCF1's total,
 * the most that a Keep can take), summed over the Keeps that live.
 */
struct dj_use {
	size_t keeps;
	uint64_t memory;
};

struct dj_quota {
	uint32_t max_keeps;
	uint32_t max_caller_keeps;  /* 0: no limit of its own */
	uint64_t memory;            /* UINT64_MAX: no limit */
	uint64_t max_caller_memory; /* 0: no limit of its own */
};

/* A refusal. status 429 is the caller's doing, 503 the host's. */
struct dj_refusal {
	int status;
	const char *error; /* stable name */
	const char *detail;
	bool is_for_ever; /* one Keep of this size never fits */
};

/* May a caller who has `own`, of all that is in use, have `ask` more? */
bool dj_quota_allows(const struct dj_quota *q, const struct dj_use *all,
	const struct dj_use *own, uint64_t ask, struct dj_refusal *ret);

/* All memory of this machine, or what the group of this process may have. */
uint64_t dj_quota_machine_memory(void);

/*
 * Requests of callers: each has a bucket of `rate` tokens that fills at
 * `rate` a second. The table forgets whoever was quiet longest.
 */
#define DJ_RATE_CALLERS 256
struct dj_rates {
	struct {
		uint64_t caller; /* hash */
		uint64_t at;     /* ns */
		uint64_t tokens; /* thousandths */
	} slots[DJ_RATE_CALLERS];
};
bool dj_rate_allows(struct dj_rates *r, const char *caller, uint32_t rate,
	uint64_t now_ns);
