// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "client/http.h"
#include "client/ticket.h"

/*
 * The host agents that this client has to do with: those that were named, and
 * those of its tickets, each once, reached the way that its ticket says.
 */
#define DJ_HOSTS_MAX 16

struct dj_hosts {
	struct dj_host *list[DJ_HOSTS_MAX];
	size_t count;
};

/* usage.value, input.file; usage.option: more than DJ_HOSTS_MAX. */
DJ_NODISCARD bool dj_hosts_add(struct dj_hosts *h,
	const struct dj_host_options *o, struct dj_err *err);
/* *ret: its place in the list; may be NULL. */
DJ_NODISCARD bool dj_hosts_add_ticket(struct dj_hosts *h,
	const struct dj_ticket_file *t, size_t *ret, struct dj_err *err);
/* Of every Keep of this client; what cannot be read is passed over. */
void dj_hosts_add_tickets(struct dj_hosts *h);
void dj_hosts_done(struct dj_hosts *h);
