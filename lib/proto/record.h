// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/rd.h"
#include "lib/base/status.h"

/*
 * What is inside records (session.md 6 and 4). Big-endian. Sealing and opening
 * them is lib/session/chain.h; here are the bytes.
 *
 *   0  u8 kind   1  u8 stream   2  u16 zero   4  u32 n   8  u64 off
 *  16  n bytes of data, zeros to the end of the class
 */
#define DJ_INNER_HEADER 16
#define DJ_CLASS_COUNT  4
#define DJ_CLASS_MAX    3
#define DJ_CLASS_SIZE0  256
#define DJ_CLASS_SIZE3  16384
#define DJ_RECORD_TAG   16
/* Most data that a record carries. */
#define DJ_RECORD_DATA  16368

/* Plaintext size of a class 0..3. */
size_t dj_class_size(uint8_t minclass);
/* The smallest class not below minclass that holds len bytes of data. */
dj_status dj_class_of(size_t len, uint8_t minclass, uint8_t *ret_class);
/* Is this the payload length of a RECORD frame? */
bool dj_record_len_ok(size_t len);

enum dj_kind {
	DJ_KIND_CLAIM = 0x01,
	DJ_KIND_RESUME = 0x02,
	DJ_KIND_BEGIN = 0x03,
	DJ_KIND_MODULE = 0x04,
	DJ_KIND_RUN = 0x05,
	DJ_KIND_DATA = 0x06,
	DJ_KIND_END = 0x07,
	DJ_KIND_ACK = 0x08,
	DJ_KIND_SIGNAL = 0x0a,
	DJ_KIND_DETACH = 0x0b,
	DJ_KIND_AGAIN = 0x0c,
	DJ_KIND_RELEASE = 0x0d,
	DJ_KIND_NOOP = 0x0e,
	DJ_KIND_TIME = 0x10, /* off: the client's time, ns since 1970 */
	DJ_KIND_READY = 0x81,
	DJ_KIND_EXIT = 0x89,
	DJ_KIND_AGAIN_RD = 0x8c,
	DJ_KIND_FAIL = 0x8f,
	DJ_KIND_TIME_ASK = 0x90, /* off: not to be answered before then */
};

/* "CLAIM" and so on; NULL for a number that is none. */
const char *dj_kind_name(uint8_t kind);
/* May this kind go in this direction at all? */
bool dj_kind_from_client(uint8_t kind);
bool dj_kind_from_keep(uint8_t kind);

/* Stream numbers, 6.4. keep/stream.h names the first four for programs. */
#define DJ_STREAM_RETURNED   4
#define DJ_STREAM_TREE_FIRST 16
#define DJ_STREAM_TREE_LAST  31
#define DJ_STREAM_NAMED      32
/* Named streams that one program may have. */
#define DJ_NAMED_MAX         16
/* What may be sent of a stream before an ACK says more, each direction. */
#define DJ_STREAM_WINDOW     (UINT64_C(1) << 20)
/* SIGNAL's stream field. */
#define DJ_SIGNAL_STOP       0
/*
 * NOOP's stream field: 1 asks for steady traffic, a record every `off`
 * milliseconds, 0 ends it (keep/session.h).
 */
#define DJ_NOOP_STEADY       1
#define DJ_STEADY_MAX_MS     3600000

struct dj_inner {
	uint8_t kind;
	uint8_t stream;
	uint64_t off;
	uint8_t *data; /* borrowed: points into the opened frame */
	size_t len;
};

/*
 * CLAIM and RESUME: u8 length of the owner part (0 or 129), that part, then in
 * RESUME for each output stream u8 stream || u64 next wanted byte, ascending.
 */
#define DJ_OWNER_PART 129

struct dj_claim {
	const uint8_t
		*owner; /* borrowed: key (65) || signature (64), or NULL */
	const uint8_t *streams; /* borrowed; RESUME only, 9 bytes each */
	size_t stream_count;
};

dj_status dj_claim_parse(enum dj_kind kind, const uint8_t *buf, size_t len,
	struct dj_claim *ret);
/* Entry i of RESUME's list, i < stream_count. */
uint8_t dj_claim_stream(const struct dj_claim *c, size_t i, uint64_t *ret_next);

struct dj_resume_stream {
	uint8_t stream;
	uint64_t next;
};
/* owner: 129 bytes or NULL. CLAIM: count is 0. Streams ascend. */
dj_status dj_claim_write(const uint8_t *owner,
	const struct dj_resume_stream *streams, size_t count, uint8_t *dst,
	size_t cap, size_t *ret_len);

/* READY, 64 bytes. */
enum dj_phase {
	DJ_PHASE_EMPTY = 0,
	DJ_PHASE_LOADING = 1,
	DJ_PHASE_RUNNING = 2,
	DJ_PHASE_EXITED = 3,
};
#define DJ_READY_SIZE 64

struct dj_ready {
	uint32_t attach_no;
	uint32_t ticket_no;
	uint8_t keep_id[32];
	uint64_t stdin_next;
	uint8_t phase; /* enum dj_phase */
	uint64_t module_next;
};

dj_status dj_ready_parse(const uint8_t *buf, size_t len, struct dj_ready *ret);
void dj_ready_write(const struct dj_ready *r,
	uint8_t dst[static DJ_READY_SIZE]);

/* EXIT, 120 bytes. */
enum dj_exit_how {
	DJ_EXIT_EXIT = 0,
	DJ_EXIT_TRAP = 1,
	DJ_EXIT_STOPPED = 2,
	DJ_EXIT_ENGINE = 3,
	DJ_EXIT_LIMIT = 4,   /* trap: enum dj_exit_limit */
	DJ_EXIT_REFUSED = 5, /* the module */
};
enum dj_exit_limit {
	DJ_LIMIT_FUEL = 1,
	DJ_LIMIT_WALL = 2,
	DJ_LIMIT_MEMORY = 3,
};
/* EXIT.trap goes from 1, unreachable, to 13, array out of bounds. */
#define DJ_EXIT_TRAP_MAX 13
#define DJ_EXIT_SIZE     120

struct dj_exit {
	uint8_t how;  /* enum dj_exit_how */
	uint8_t trap; /* session.md 6.4; 0 unless how is TRAP or LIMIT */
	uint32_t code;
	uint64_t stdout_len;
	uint64_t stderr_len;
	uint8_t stdout_hash[32];
	uint8_t stderr_hash[32];
	uint8_t module_hash[32];
};

dj_status dj_exit_parse(const uint8_t *buf, size_t len, struct dj_exit *ret);
void dj_exit_write(const struct dj_exit *e, uint8_t dst[static DJ_EXIT_SIZE]);
/* "memory out of bounds" and so on; NULL for a number that is none. */
const char *dj_exit_trap_name(uint8_t trap);

/* AGAIN carries a nonce, AGAIN_RD a hash: 32 bytes as they are. */
#define DJ_AGAIN_SIZE 32
dj_status dj_again_parse(const uint8_t *buf, size_t len,
	uint8_t ret[static DJ_AGAIN_SIZE]);

/* FAIL: u16 error, which must be one of enum dj_error but not NONE. */
#define DJ_FAIL_SIZE 2
dj_status dj_fail_parse(const uint8_t *buf, size_t len, uint16_t *ret_code);
void dj_fail_write(uint16_t code, uint8_t dst[static DJ_FAIL_SIZE]);

/* ACK: the data is u64 limit; off is the next byte wanted, at most limit. */
#define DJ_ACK_SIZE 8
dj_status dj_ack_parse(const struct dj_inner *in, uint64_t *ret_limit);
void dj_ack_write(uint64_t limit, uint8_t dst[static DJ_ACK_SIZE]);
