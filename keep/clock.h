// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/status.h"

/*
 * Time policies (KCF1 item 2). The program's clocks are in keep/stream.h.
 *
 *   host      the host's answer, never below an earlier one
 *   fixed     always the configured instant; monotonic begins at 0
 *   counting  each look moves the clock by one microsecond
 *   client    what the client said last, in records (TIME): it is asked when
 *             BEGIN is there, and by a program that looks when the answer is
 *             no longer fresh; both clocks are made of it
 *
 * Under `fixed` and `counting` no host time reaches the program, and the same program
 * with the same input sees the same times; a program that waits for a time
 * moves the clock to it at once (dj_clock_skip).
 */
void dj_clock_init(void);

/*
 * Policy client, the session's side. The program begins: ask. TIME came:
 * false, nobody wants it. What is to be asked, if anything: *ret_at is when
 * an answer is due. A new attach: a question that was under way is asked again.
 */
void dj_clock_begin(void);
bool dj_clock_told(uint64_t ns);
bool dj_clock_next_ask(uint64_t *ret_at);
void dj_clock_attach(void);
/* Waits until the client has said the time once. DJ_E_STATE: stopping. */
dj_status dj_clock_wait_start(void);
/* Sleeps until the program's monotonic clock may have got so far. */
dj_status dj_clock_wait_client(uint64_t deadline);

/* Some milliseconds went by: what is known of the time is no longer fresh. */
void dj_clock_age(void);

bool dj_clock_is_clients(void);
/* True: time is the Keep's own, and a wait for a time passes at once. */
bool dj_clock_is_virtual(void);
void dj_clock_skip(uint64_t deadline);

/* The host's monotonic clock, clamped, whatever the policy: for deadlines. */
dj_status dj_clock_host(uint64_t *ret_ns);
