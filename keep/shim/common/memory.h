// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/status.h"

/*
 * What shims share about private memory: which ranges are reserved, how much
 * of each is committed, and the limit (dj_shim_memory_limit(),
 * dj_shim_committed()). Where a range goes and what commits it is each shim's.
 */
#define DJ_RESERVATIONS 1024

struct dj_reservation {
	uint64_t addr;
	uint64_t len; /* 0: free */
	uint64_t committed;
	uint64_t high; /* nothing is committed from addr + high on */
};

/* So many, zero at the start; where they are is each shim's. */
extern struct dj_reservation *const dj_reservations;

/* One that is free; NULL: none left. len is a caller's: in whole pages. */
struct dj_reservation *dj_reservation_free(size_t len);

/* The one that has all of [p, p + len), whole pages; there must be one. */
struct dj_reservation *dj_reservation_of(const void *p, size_t len);

/* How much may be committed in all. */
uint64_t dj_reservation_limit(void);

/* Is there room below the limit for len more? */
bool dj_reservation_fits(size_t len);

/* Counts [p, p + len) of r, for which there is room, as committed. */
void dj_reservation_commit(struct dj_reservation *r, const void *p, size_t len);

/* Nothing of it is committed any more, and it is free. */
void dj_reservation_drop(struct dj_reservation *r);
