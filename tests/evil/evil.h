// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/errors.h"
#include "host/agent/plan.h"
#include "lib/proto/offer.h"
#include "lib/session/chain.h"

/*
 * The evil host: keep core, judge and client in one process, and between
 * them a host that does what a plan says. A session is a function of its
 * plan; only the keys of the development root are new in each process.
 *
 *   world.c    the host: frames, hostcalls, launch, shared memory; the tap
 *   watch.c    what is seen of both sides by link-time wrappers (--wrap):
 *              keys, nonces, records, and the oracles on them
 *   client.c   the product's client on this host: wrapped sockets and clock
 *   tenant.c   a client of lib/session that is cut off and comes back
 *   main.c     campaigns
 */
enum evil_oracle {
	EVIL_NONE,
	EVIL_LEAK,   /* O1 a window of a secret in host-visible bytes */
	EVIL_ACCEPT, /* O2 success, or OPEN, that must not be */
	EVIL_CRASH,  /* O3 a sanitizer, a signal, a halt that is none */
	EVIL_HANG,   /* O4 */
	EVIL_ONCE,   /* O5 output not a prefix, ACK too soon, a second start */
	EVIL_REUSE,  /* O6 (key, nonce) or a KEM key twice */
	EVIL_FETCH,  /* O7 a shared byte read again */
	EVIL_ORACLES
};

enum evil_kind {
	EVIL_CLIENT, /* mode 0, the product's client */
	EVIL_TENANT, /* mode 1: RESUME after a cut */
	EVIL_KINDS
};

struct evil_result {
	enum evil_oracle fault; /* the first */
	char text[160];
	bool is_success;
	char error[64]; /* the client's, if not */
	uint64_t acted; /* steps of the plan that did something */
	uint64_t pairs; /* (key, nonce) seen */
	uint64_t scanned;
};

void evil_run(const struct dj_plan *plan, enum evil_kind kind,
	struct evil_result *ret);

/* ---- world.c ---- */

#define EVIL_INPUT 17000

/* The program, its input and what it must write. */
struct evil_work {
	uint8_t module[512];
	size_t module_len;
	uint8_t module_hash[32];
	uint8_t begin[512];
	size_t begin_len;
	uint8_t in[EVIL_INPUT];
	uint8_t out[EVIL_INPUT];
};
extern struct evil_work evil_work;

void evil_fault(enum evil_oracle oracle, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
bool evil_is_in_keep(void);
const struct dj_plan *evil_plan(void);
/* Bytes of output that are safe with this session's client. */
uint64_t evil_durable(void);

/* Bytes to and from the client's end of the link. */
void evil_link_put(const void *p, size_t len);
size_t evil_link_get(void *p, size_t cap);
size_t evil_link_waiting(void);
bool evil_link_is_closed(void);
/* The host goes on until nothing moves. */
void evil_step(void);
/* Nothing moves and the client waits: what is held back comes, or the line is
   closed. */
void evil_stall(void);
/* The client's line breaks; with what is in it. */
void evil_link_cut(void);
/* A client's new line: true if the host has one for it. */
bool evil_link_new(void);

/* Bytes of a record, before they are sealed by the client. */
void evil_tenant_bytes(uint8_t *text, size_t len);
/* Has the tenant sent its own program and input, or did the plan change them
   before they were sealed? Then nobody knows the right output. */
bool evil_is_true(void);

/* The judge's answer, as client/run.c asks it. keep_id: of a reattach. */
bool evil_judge(const uint8_t *hello, size_t hello_len, const uint8_t *offer,
	size_t offer_len, const uint8_t *evidence, size_t evidence_len,
	const uint8_t *keep_id, uint32_t attach_no, struct dj_err *err);

/* ---- watch.c ---- */

void watch_begin(void);
/* (key, nonce) pairs seen. */
uint64_t watch_end(void);
/* Must a record that the client sealed be refused? */
void watch_refuse(void);
bool watch_is_refused(void);
/* Host-visible bytes are searched for everything secret. */
uint64_t watch_scan(const uint8_t *p, size_t len, const char *where);

/* ---- the two clients; true: success, checked against evil_work ---- */

bool client_run(struct dj_err *err);
bool tenant_run(struct dj_err *err);
/* Bytes of output that are safe with them now. */
uint64_t client_durable(void);
uint64_t tenant_durable(void);
