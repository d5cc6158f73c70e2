// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/status.h"

/*
 * The two parts of systemd's contract that a service needs: sd_notify(3) and
 * sd_listen_fds(3). Ours, because libsystemd brings five dependencies for
 * forty lines.
 */

/*
 * Sends state ("READY=1", "STOPPING=1") to address, the value of
 * NOTIFY_SOCKET: a path, or @ and an abstract name. NULL address: nothing to
 * do, DJ_OK. DJ_E_INPUT: no such kind of address; DJ_E_SYS: errno.
 */
dj_status dj_sd_notify(const char *address, const char *state);

/* The first descriptor that systemd passes. */
#define DJ_SD_LISTEN_START 3
#define DJ_SD_LISTEN_MAX   16

/*
 * How many sockets were passed to this process, from the values of
 * LISTEN_PID and LISTEN_FDS (NULL: not set); 0 if they are for another
 * process. DJ_E_INPUT: not numbers; DJ_E_LIMIT: over DJ_SD_LISTEN_MAX.
 */
dj_status dj_sd_listen_fds(const char *pid, const char *fds, int self,
	int *ret_count);

/* The name of socket i in LISTEN_FDNAMES, copied; "" if it has none. */
void dj_sd_listen_name(const char *names, int i, char *dst, size_t cap);
