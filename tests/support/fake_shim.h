// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/proto/hostcall.h"

/*
 * keep/shim.h for tests: the shared region is memory, the Keep is a context
 * of its own, and the host is whatever the test does between two runs of it.
 *
 *   fake_start(dj_keep_main, block, len);  a new Keep; nothing has run yet
 *   fake_put_frame(frame, len);            the host puts a frame in the ring
 *   fake_run();                            until the Keep waits or halts
 *   while (fake_get_frame(buf, &len))      what the Keep sent
 *
 * The host is honest by default: it answers reports and clocks at the kick.
 * Hooks make it evil; they run at exact points, so there are no races. One
 * Keep at a time; a halted one stays for inspection until the next start.
 */
enum fake_state {
	FAKE_WAITS,    /* in dj_shim_wait() */
	FAKE_COMPUTES, /* it looked at the attention word `yield_after` times */
	FAKE_HALTED
};

struct fake {
	uint8_t *region;
	struct dj_hc_host host; /* the honest host's own copy of its line */
	enum fake_state state;
	enum dj_halt halt;

	/* Hooks; NULL: nothing. */
	void (*after_copy_in)(size_t off, size_t len);
	void (*before_copy_in)(size_t off, size_t len);
	void (*after_copy_out)(size_t off, size_t len);
	/* Instead of the honest answer to a posted call. */
	void (*serve)(const struct dj_hc_keep *call);

	unsigned yield_after; /* 0: never give way while computing */
	bool attention;
	uint64_t clock[2];     /* realtime, monotonic; what the host answers */
	uint64_t clock_step;   /* added at each answer */
	bool no_report;        /* the host has no evidence */
	bool no_random;        /* the processor has no randomness */
	uint64_t random_state; /* the generator: a function of the seed alone */

	unsigned kicks, waits, reports, clocks;
	uint64_t deadline;       /* of the last WAIT */
	uint8_t report_data[64]; /* of the last report */
	uint64_t limit, committed, peak;
};

extern struct fake fake;

void fake_start(void (*entry)(void), const void *block, size_t len);
enum fake_state fake_run(void);

/* Publishes a frame; false: no room. Sets nothing but the ring and in_head. */
bool fake_put_frame(const void *frame, size_t len);
/* The next frame; buf has room for 8 + 16400 bytes. */
bool fake_get_frame(uint8_t *buf, size_t *ret_len);
/* The host's line as the honest host would write it now. */
void fake_write_line(void);
/* The honest answer to a call. */
void fake_serve(const struct dj_hc_keep *call);

/*
 * Is there an 8-byte window of needle in the region; in private memory, which
 * is what was committed and all static data of this program? So the needle,
 * and the client, must be on the heap.
 */
bool fake_region_has(const void *needle, size_t len);
bool fake_memory_has(const void *needle, size_t len);
