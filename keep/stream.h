// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/status.h"

/*
 * The program's side of the session's streams (session.md 6.3, 6.4): what
 * WASI reads and writes. keep/session.c implements it over records; hosted
 * test programs implement it over stdio.
 *
 * Blocking calls run session steps until they can go on, so an attach may end
 * and another begin inside one. DJ_E_STATE: the tenant asked the program to
 * stop; the caller unwinds the program (DJ_TRAP_STOPPED).
 *
 * Streams: 0 stdin, 1 stdout, 2 stderr, 3 diagnostics, 32.. named.
 */
#define DJ_STREAM_STDIN  0
#define DJ_STREAM_STDOUT 1
#define DJ_STREAM_STDERR 2
#define DJ_STREAM_DIAG   3

/* Takes all of [p, p + len), waiting for the client to acknowledge room. */
dj_status dj_stream_write(uint8_t stream, const void *p, size_t len);

/*
 * At least one byte, at most cap; waits for one. *ret_len == 0 means the
 * stream ended (END was received): an end of file that the client vouches for.
 */
dj_status dj_stream_read(uint8_t stream, void *p, size_t cap, size_t *ret_len);

/* Bytes that dj_stream_read would give now, and whether END was seen. */
uint64_t dj_stream_readable(uint8_t stream, bool *ret_ended);

/* Bytes that dj_stream_write would take now without waiting. */
uint64_t dj_stream_writable(uint8_t stream);

/*
 * Sleeps until a stream can go on that could not, the deadline passes (ns on
 * the clock of dj_clock_monotonic; UINT64_MAX: none) or anything else happens:
 * callers loop and look again.
 */
dj_status dj_stream_wait(uint64_t deadline);

/*
 * Clocks as the time policy of the launch block says (KCF1 item 2), ns.
 * Host time is clamped: never backward within a Keep. Not to be trusted
 * for anything that matters.
 */
dj_status dj_clock_realtime(uint64_t *ret_ns);
/* The same, but may be some milliseconds old: for files. Asks seldom. */
dj_status dj_clock_recent(uint64_t *ret_ns);
dj_status dj_clock_monotonic(uint64_t *ret_ns);
/* Resolution of both, ns. */
uint64_t dj_clock_resolution(void);

/* Random bytes for the program: from the Keep's own generator only. */
dj_status dj_program_random(void *dst, size_t len);
