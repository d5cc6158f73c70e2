// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/secret.h"
#include "lib/base/status.h"
#include "lib/proto/hostcall.h"

/*
 * What a TEE must provide: the only thing the keep core knows of it. Linked,
 * not a table of pointers: nothing to overwrite, and tests link a fake one.
 * A shim's entry code sets up a stack, then calls dj_keep_main().
 *
 * Shared region: only these functions touch it. Offsets are those of
 * lib/proto/hostcall.h; a range outside the region is a bug of ours and
 * halts. No pointer into the region exists outside the shim.
 */

/* What this Keep is; the shim's, which is done with it before the core runs. */
struct dj_shim_info {
	uint8_t tee;         /* OFFER.tee, session.md 3.2 */
	uint8_t isa;         /* OFFER item 4 */
	uint8_t bounds;      /* 1: guard pages can be had */
	uint8_t native_code; /* 1: dj_shim_exec() works */
	uint64_t cpu_level;  /* OFFER item 5 */
};
extern struct dj_shim_info dj_shim_info;

/* Copies in once: what was read is private from then on (acquire). */
void dj_shim_copy_in(size_t off, void *dst, size_t len);
/* Copies out; a later copy out is not seen before an earlier (release). */
void dj_shim_copy_out(size_t off, const void *src, size_t len);
/* The attention word alone, without a system call. */
bool dj_shim_attention(void);
/* Wakes the host; returns at once. */
void dj_shim_kick(void);
/* Sleeps until the host kicks. May return early, may return late. */
void dj_shim_wait(void);

/*
 * Fills dst from the processor's own generator, checked as session.md 13
 * says (bounded retries; all-zero, all-one and repeated words refused).
 * DJ_E_HOST: no usable randomness; the caller halts. Never from the host.
 */
dj_status dj_shim_random(void *dst, size_t len);

/*
 * Makes a TEE report over data and leaves it with the host, which packs it
 * into EVIDENCE (session.md 3.6): the core never looks at it. It calls this
 * before it sends the frame or record that the report belongs to, and only
 * with one of its own labels in data[32..64) (session.md 3.3).
 * DJ_E_HOST: no report to be had now.
 */
dj_status dj_shim_report(const uint8_t data[static 64]);

/*
 * A key to seal with, which the TEE derives: the same Keep gets it again,
 * later and after a restart, on this processor and on no other. Nothing in a
 * session uses it; images do not contain it until something does.
 *
 * What it is asked with is no secret and is kept beside what was sealed.
 * Versions: with older ones than now, a key of then; with newer ones, none,
 * so that what an updated Keep or platform has sealed stays closed to the old.
 */
enum dj_shim_seal_to {
	DJ_SHIM_SEAL_IMAGE = 0,  /* the very image that asks: its measurement */
	DJ_SHIM_SEAL_SIGNER = 1, /* whatever the same key has signed */
};
struct dj_shim_seal {
	enum dj_shim_seal_to to;
	uint32_t svn;         /* security version of the image */
	uint8_t platform[16]; /* of the platform, in the TEE's own form */
};

/*
 * What to ask with when sealing anew: the image, and the versions of now.
 * DJ_E_UNSUPPORTED: this TEE derives no keys. DJ_E_HOST: none to be had now.
 */
dj_status dj_shim_seal_now(struct dj_shim_seal *ret);
/* As above; DJ_E_AUTH: not for this Keep. Whoever asked wipes the key. */
dj_status dj_shim_seal_key(const struct dj_shim_seal *s, struct dj_key *ret);

/*
 * Private memory. reserve gives inaccessible address space (NULL: none
 * left); commit makes [p, p + len) of it zeroed and writable and counts it
 * against the launch block's total (DJ_E_NOMEM beyond it, nothing done);
 * release wipes nothing, gives back what was committed and the range.
 * All sizes and addresses are multiples of DJ_SHIM_PAGE.
 */
#define DJ_SHIM_PAGE 4096
void dj_shim_memory_limit(uint64_t total);
void *dj_shim_reserve(size_t len);
dj_status dj_shim_commit(void *p, size_t len);
void dj_shim_release(void *p, size_t len);
/*
 * Committed memory becomes code: what was written there can be run, and not
 * be written any more. DJ_E_UNSUPPORTED where
 * dj_shim_info says that there is no native code.
 */
dj_status dj_shim_exec(void *p, size_t len);
/* The other way: what was made code by one call is memory again. */
void dj_shim_unexec(void *p, size_t len);
/* Bytes committed now, and the largest ever. */
uint64_t dj_shim_committed(uint64_t *ret_peak);

/* Ends the Keep: posts DJ_HC_HALT, kicks, and is gone. */
_Noreturn void dj_shim_halt(enum dj_halt code);

/*
 * The core's, for shims that ask the host: one answered hostcall
 * (DJ_HC_REPORT, DJ_HC_CLOCK). The Keep's line has one writer, the core's
 * keep/hostcall.c; a shim writes there only op and arg of DJ_HC_HALT, in
 * dj_shim_halt(), and the 64 bytes at DJ_HC_DATA_OFF before a report.
 * DJ_E_HOST: the host says that it cannot; nothing else is set then.
 * *ret_len is at most DJ_HC_REPORT_MAX. An impossible answer halts.
 */
dj_status dj_hc_call(enum dj_hc_op op, uint64_t arg, uint64_t *ret_value,
	uint32_t *ret_len);

/*
 * The core's, for shims with native code: an instruction at pc touched addr,
 * which is not there or not allowed; fp is the frame pointer. Does not return
 * if the core knows where to go on; else the shim halts with DJ_HALT_FAULT.
 * Called on a stack of the shim's own, with faults possible again.
 */
void dj_keep_fault(uintptr_t pc, uintptr_t addr, uintptr_t fp);

/* The core's entry; the shim calls it once. */
_Noreturn void dj_keep_main(void);
