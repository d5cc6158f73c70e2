// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "host/agent/agent.h"

/* Prometheus' text format 0.0.4; `promtool check metrics` has no complaint. */

static void head(FILE *f, const char *name, const char *type, const char *help)
{
	fprintf(f, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_keeps(FILE *f, const struct dj_agent *a)
{
	size_t by_phase[DJ_PHASE_COUNT] = { 0 };
	const struct dj_keep *k;

	LIST_FOREACH(k, &a->keeps, next)
	by_phase[k->phase]++;
	head(f, "donjon_keeps", "gauge", "Keeps known, by state.");
	for (enum dj_keep_phase p = 0; p < DJ_PHASE_COUNT; p++)
		fprintf(f, "donjon_keeps{state=\"%s\"} %zu\n", dj_phase_name(p),
			by_phase[p]);
	head(f, "donjon_keeps_capacity", "gauge", "Keeps that may live here.");
	fprintf(f, "donjon_keeps_capacity %u\n", a->opt.max_keeps);
	head(f, "donjon_keeps_memory_bytes", "gauge",
		"Memory that living Keeps may take.");
	fprintf(f, "donjon_keeps_memory_bytes %llu\n",
		(unsigned long long)a->committed);
	if (a->quota.memory != UINT64_MAX) {
		head(f, "donjon_keeps_memory_capacity_bytes", "gauge",
			"Memory that Keeps may take here.");
		fprintf(f, "donjon_keeps_memory_capacity_bytes %llu\n",
			(unsigned long long)a->quota.memory);
	}
	head(f, "donjon_keeps_started_total", "counter", "Keeps started.");
	for (size_t i = 0; i < dj_tee_kind_count; i++)
		fprintf(f, "donjon_keeps_started_total{tee=\"%s\"} %llu\n",
			dj_tee_kinds[i].name,
			(unsigned long long)a->created[i]);
	head(f, "donjon_keeps_ended_total", "counter", "Keeps ended, by how.");
	for (enum dj_ending e = 0; e < DJ_ENDING_COUNT; e++)
		fprintf(f, "donjon_keeps_ended_total{how=\"%s\"} %llu\n",
			dj_ending_name(e), (unsigned long long)a->ended[e]);
	head(f, "donjon_reports_total", "counter", "Reports asked of TEEs.");
	fprintf(f,
		"donjon_reports_total{result=\"good\"} %llu\ndonjon_reports_total{result=\"failed\"} %llu\n",
		(unsigned long long)a->reports_good,
		(unsigned long long)a->reports_bad);
}

static void put_traffic(FILE *f, const char *name, const char *help,
	const uint64_t v[DJ_WAY_COUNT][DJ_TRAFFIC_COUNT])
{
	head(f, name, "counter", help);
	for (enum dj_way w = 0; w < DJ_WAY_COUNT; w++)
		for (enum dj_traffic_kind k = 0; k < DJ_TRAFFIC_COUNT; k++)
			fprintf(f, "%s{direction=\"%s\",kind=\"%s\"} %llu\n",
				name, dj_traffic_way_name(w),
				dj_traffic_kind_name(k),
				(unsigned long long)v[w][k]);
}

static void put_http(FILE *f, const struct dj_agent *a)
{
	head(f, "donjon_http_connections", "gauge", "Open connections.");
	fprintf(f, "donjon_http_connections %zu\n", a->http.conn_count);
	head(f, "donjon_http_connections_total", "counter",
		"Connections accepted.");
	fprintf(f, "donjon_http_connections_total %llu\n",
		(unsigned long long)a->http.conn_total);
	head(f, "donjon_http_waiting", "gauge",
		"Connections without a request.");
	fprintf(f, "donjon_http_waiting %zu\n", a->http.waiting_count);
	head(f, "donjon_http_evicted_total", "counter",
		"Waiting connections closed to make room.");
	fprintf(f, "donjon_http_evicted_total %llu\n",
		(unsigned long long)a->http.evicted_total);
	head(f, "donjon_http_refused_total", "counter",
		"Requests refused for a limit, by status.");
	fprintf(f,
		"donjon_http_refused_total{status=\"429\"} %llu\ndonjon_http_refused_total{status=\"503\"} %llu\n",
		(unsigned long long)a->refused_429,
		(unsigned long long)a->refused_503);
	head(f, "donjon_event_streams", "gauge", "Open event streams.");
	fprintf(f, "donjon_event_streams %zu\n", a->events.stream_count);
	head(f, "donjon_events_total", "counter", "Events, by what happened.");
	for (enum dj_event_kind e = 0; e < DJ_EVENT_COUNT; e++)
		fprintf(f, "donjon_events_total{event=\"%s\"} %llu\n",
			dj_event_name(e),
			(unsigned long long)a->events.by_kind[e]);
	head(f, "donjon_http_requests_total", "counter",
		"Requests answered, by hundreds of the status.");
	for (size_t i = 1; i < 6; i++)
		fprintf(f, "donjon_http_requests_total{code=\"%zuxx\"} %llu\n",
			i, (unsigned long long)a->requests[i]);
}

char *dj_metrics_text(const struct dj_agent *a, size_t *ret_len)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, ret_len);

	if (f == NULL)
		return NULL;
	head(f, "donjon_build_info", "gauge", "Always 1.");
	fprintf(f, "donjon_build_info{version=\"%s\"} 1\n", DJ_VERSION);
	head(f, "donjon_start_time_seconds", "gauge", "When it started.");
	fprintf(f, "donjon_start_time_seconds %lld\n", (long long)a->started);
	put_keeps(f, a);
	put_http(f, a);
	put_traffic(f, "donjon_relayed_frames_total", "Frames relayed.",
		a->traffic.frames);
	put_traffic(f, "donjon_relayed_bytes_total",
		"Bytes relayed, with frame headers.", a->traffic.bytes);
	if (fclose(f) != 0) {
		free(text);
		return NULL;
	}
	return text;
}
