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
 *
 * Under the last two no host time reaches the program, and the same program
 * with the same input sees the same times; a program that waits for a time
 * moves the clock to it at once (dj_clock_skip).
 */
void dj_clock_init(void);

/* False: the policy is one that this Keep does not have (client). */
bool dj_clock_supported(void);
/* True: time is the Keep's own, and a wait for a time passes at once. */
bool dj_clock_is_virtual(void);
void dj_clock_skip(uint64_t deadline);

/* The host's monotonic clock, clamped, whatever the policy: for deadlines. */
dj_status dj_clock_host(uint64_t *ret_ns);
