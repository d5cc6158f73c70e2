// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * The shared region between a Keep and its host: the whole boundary
 * (docs/hostcall.md). Five hostcalls: frame in, frame out, report, clock,
 * wait. Fixed offsets, no pointers; little-endian on every TEE. One side
 * writes each line, the other only reads it:
 *
 *   offset    size     written by
 *   0x00000   64       Keep   struct dj_hc_keep: request, ring positions
 *   0x00040   64       Keep   argument of a report: REPORT_DATA
 *   0x00080   0xf00    Keep   a report that it made itself
 *   0x01000   64       host   struct dj_hc_host: reply, ring positions,
 *                             attention word
 *   0x01040   1024     host   REPORT target info (SGX); length in the line
 *   0x02000   0x4000   host   report bytes of the last DJ_HC_REPORT
 *   0x06000   4        host   length of the launch configuration block
 *   0x06004   4096     host   the block (KCF1), written before the start
 *   0x08000   0x20000  host   frames to the Keep, a byte ring
 *   0x28000   0x20000  Keep   frames to the host, a byte ring
 *   0x48000            end
 *
 * Rings. Positions are free-running u32 counts of bytes; the byte at
 * position n is at offset n % DJ_HC_RING. `in_head` and `out_head` are moved
 * by the writer of the ring after the bytes are in place (release),
 * `in_tail` and `out_tail` by its reader after they were copied out; the Keep
 * moves `in_tail` only after `out_head` covers all that it said because of
 * those frames, and a host that reads `in_tail` first knows what answers
 * them. A frame
 * (session.md 2: 8-byte header, payload) is stored as it is, contiguous in
 * position, and published whole. head - tail over DJ_HC_RING is impossible:
 * the Keep halts, the host ends the Keep.
 *
 * Calls. Frame in and frame out are the rings. The others put the new number
 * in `begin`, then op and arguments in the Keep's line, then the number in
 * `seq` (release), then kick; a host that finds the two apart looks again at
 * the next kick (a WAIT may be replaced by a call while the host looks). The
 * host answers each seq once by filling its line and setting `reply_seq` =
 * seq (release), then kicks. DJ_HC_NONE posts nothing. A Keep about to sleep
 * posts DJ_HC_WAIT with a deadline: it gets no reply, only a kick when a
 * frame came in, the out ring has drained to at most a quarter, attention
 * was set or the deadline (host's monotonic clock) passed. Kicks may be
 * spurious and may come early; every wait is a loop.
 *
 * Attention: the host sets the word to 1 when it has put a frame in the ring
 * (or lets go of the Keep); a computing program looks at it now and then. It
 * only asks: what there is to do is judged as frames.
 *
 * Halt: the Keep puts its code in `arg`, then op DJ_HC_HALT, whatever `seq`
 * says, kicks and exits.
 * Those codes, enum dj_halt, are all that a console shows of a Keep.
 */
#define DJ_HC_KEEP_OFF    0x00000
#define DJ_HC_DATA_OFF    0x00040
#define DJ_HC_OWN_OFF     0x00080
#define DJ_HC_OWN_MAX     0xf00
#define DJ_HC_HOST_OFF    0x01000
#define DJ_HC_TARGET_OFF  0x01040
#define DJ_HC_TARGET_MAX  1024
#define DJ_HC_REPORT_OFF  0x02000
#define DJ_HC_REPORT_MAX  0x4000
#define DJ_HC_CONFIG_OFF  0x06000
#define DJ_HC_CONFIG_MAX  4096
#define DJ_HC_IN_OFF      0x08000
#define DJ_HC_OUT_OFF     0x28000
#define DJ_HC_RING        0x20000
#define DJ_HC_REGION_SIZE 0x48000
#define DJ_HC_MAGIC       0x31484a44 /* "DJH1" */

enum dj_hc_op {
	DJ_HC_NONE = 0,
	DJ_HC_REPORT = 1, /* arg: 0 make a report, 1 fetch target info only, 2
			     (DJ_HC_REPORT_OWN) and its length << 8: here is
			     one over those 64 bytes; the answer is empty.
			     SGX: one for that target, the answer a quote */
	DJ_HC_CLOCK = 2,  /* arg: 0 realtime, 1 monotonic; value: ns */
	DJ_HC_WAIT = 3,   /* arg: deadline, ns on the host's monotonic clock;
			     0: none */
	DJ_HC_HALT = 4,   /* arg: enum dj_halt */
};

#define DJ_HC_REPORT_OWN 2

/* How a Keep ended, for the host. Nothing finer: a reason is an oracle. */
enum dj_halt {
	DJ_HALT_RELEASED = 0, /* the client released it */
	DJ_HALT_HOST = 1,     /* the host answered the impossible */
	DJ_HALT_RANDOM = 2,   /* no usable randomness */
	DJ_HALT_MEMORY = 3,   /* the launch block's memory cannot be had */
	DJ_HALT_CONFIG = 4,   /* the launch block does not parse */
	DJ_HALT_BUG = 5,      /* an invariant of the keep does not hold */
	DJ_HALT_FAULT = 6,    /* a processor fault outside the program */
	DJ_HALT_COUNT
};

struct dj_hc_keep {
	uint32_t magic;
	uint32_t op;
	uint32_t seq;
	uint32_t in_tail;
	uint32_t out_head;
	uint32_t zero;
	uint64_t arg;
	uint32_t begin;
	uint8_t pad[28];
};

struct dj_hc_host {
	uint32_t magic;
	uint32_t attention;
	uint32_t reply_seq;
	uint32_t error; /* 0, or the call failed (report: no evidence here) */
	uint32_t in_head;
	uint32_t out_tail;
	uint32_t len; /* bytes of report or target info */
	uint32_t zero;
	uint64_t value;
	uint8_t pad[24];
};

_Static_assert(sizeof(struct dj_hc_keep) == 64, "layout");
_Static_assert(sizeof(struct dj_hc_host) == 64, "layout");
_Static_assert(DJ_HC_OUT_OFF + DJ_HC_RING == DJ_HC_REGION_SIZE, "layout");
