// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/queue.h>

#include "host/agent/adversary.h"
#include "host/agent/cgroup.h"
#include "host/agent/events.h"
#include "host/agent/http.h"
#include "host/agent/keep.h"
#include "host/agent/options.h"
#include "host/agent/quota.h"
#include "host/agent/tls.h"
#include "host/agent/traffic.h"

/*
 * The host agent: one thread, one loop. It starts Keeps and relays frames it
 * cannot read; tenants do not trust it with anything but availability.
 *
 *   main.c     start, signals, sockets
 *   api.c      requests and answers, on http.c
 *   keep.c     a Keep's processes and calls, on serve.c
 *   relay.c    frames between a client's link and a Keep's rings
 */
struct dj_agent {
	struct event_base *base;
	struct dj_options opt;
	struct dj_http http;
	SSL_CTX *tls;
	struct dj_tokens *tokens;
	FILE *trace; /* NULL: none */
	int state;   /* the folder --state-dir, ours alone; -1: none */
	char image_dir[4096];
	char launcher[4096];
	char emulator[4096];
	time_t started;
	bool is_stopping;
	bool is_private_over;

	LIST_HEAD(, dj_keep) keeps;   /* also those that ended */
	LIST_HEAD(, dj_grave) graves; /* deleted ones, for 410 */
	size_t live;                  /* Keeps with processes */
	uint64_t committed;           /* memory that they may take */
	struct dj_quota quota;
	struct dj_rates rates;
	struct dj_cgroup cgroup;
	struct dj_events events;
	struct dj_adversary_setup adversary;

	/* metrics.c */
	uint64_t created[8]; /* by dj_tee_kinds' order */
	uint64_t ended[DJ_ENDING_COUNT];
	uint64_t reports_good;
	uint64_t reports_bad;
	uint64_t requests[6]; /* by hundreds of the status */
	uint64_t refused_429;
	uint64_t refused_503;
	struct dj_traffic traffic;
};

/* A deleted Keep's id: 410 for an hour. */
struct dj_grave {
	LIST_ENTRY(dj_grave) next;
	char id[DJ_KEEP_ID_SIZE];
	char owner[DJ_HTTP_CALLER_MAX];
	time_t until;
};
#define DJ_GRAVE_SECONDS 3600

/* api.c */
void dj_api_request(struct dj_http_conn *c, void *agent);

/* metrics.c: Prometheus text, malloc'd; NULL: no memory. */
char *dj_metrics_text(const struct dj_agent *a, size_t *ret_len);
