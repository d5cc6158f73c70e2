// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * KSP/1, the Keep's side (session.md 3, 4, 6, 7, 10). One session at a time;
 * the state machine is the table in session.c.
 *
 * A step takes every frame that waits and sends what there is to send. It
 * never calls the program, so the program may call it from anywhere: from a
 * blocked read or write, and from the engine's poll hook while it computes.
 *
 * Errors: what cannot be opened is answered by an ERROR frame, in one class
 * (BAD_RECORD) whatever was wrong with it. What was opened and is wrong is
 * answered by FAIL inside a record. Both end the attach, not the program.
 *
 * Steady traffic: NOOP with stream = DJ_NOOP_STEADY and off = a number of
 * milliseconds (at most DJ_STEADY_MAX_MS, else BAD_INNER) asks the Keep to
 * send exactly one record in each such interval for the rest of the attach,
 * of the class in minclass, NOOP when it has nothing else; off = 0 ends it.
 * The interval is measured by the host's clock: it shapes traffic, no more.
 * A Keep that does not know this ignores it, as any NOOP.
 */
void dj_session_init(void);

/* Takes all that waits, sends all there is; true if a frame was taken. */
bool dj_session_step(void);

/* Sends what is full (or, with flush, what there is), takes nothing. */
void dj_session_pump(bool flush);

/*
 * Sleeps until the host kicks or the deadline, ns on the host's monotonic
 * clock, UINT64_MAX: none. Wakes for steady traffic and the program's wall
 * time too. Callers loop.
 */
void dj_session_sleep(uint64_t deadline);

/* Is traffic to be steady now? Then steps are wanted in time. */
bool dj_session_is_steady(void);

/* Wipes all keys, tickets and frames. */
void dj_session_wipe(void);
