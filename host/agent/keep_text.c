// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "host/agent/adversary.h"
#include "host/agent/keep.h"
#include "lib/proto/evidence.h"
#include "lib/proto/hostcall.h"

/* What the host says of a Keep, in words and as JSON. */

const char *dj_phase_name(enum dj_keep_phase phase)
{
	static const char *const names[DJ_PHASE_COUNT] = { "new", "fresh",
		"owned", "exited", "gone" };

	return names[phase];
}

const char *dj_ending_name(enum dj_ending ending)
{
	static const char *const names[DJ_ENDING_COUNT] = { "released",
		"halted", "killed", "died", "caught", "failed", "lost" };

	return names[ending];
}

const char *dj_halt_text(uint64_t code)
{
	static const char *const texts[DJ_HALT_COUNT] = {
		[DJ_HALT_RELEASED] = "released by its client",
		[DJ_HALT_HOST] = "halted: the host answered the impossible",
		[DJ_HALT_RANDOM] = "halted: no usable randomness",
		[DJ_HALT_MEMORY] = "halted: the memory it needs cannot be had",
		[DJ_HALT_CONFIG] = "halted: its launch block does not parse",
		[DJ_HALT_BUG] = "halted: a bug in the keep",
		[DJ_HALT_FAULT] = "halted: a processor fault",
	};

	return code < DJ_HALT_COUNT ? texts[code] : "halted: unknown code";
}

static const char *signal_hint(int sig)
{
	switch (sig) {
	case SIGSYS:
		return "tried a system call that it may not make";
	case SIGKILL:
		return "out of memory, or killed from outside";
	case SIGSEGV:
	case SIGBUS:
		return "touched memory that it does not have";
	case SIGXCPU:
		return "used up its processor time";
	default:
		return "killed from outside";
	}
}

void dj_wait_text(int status, char *dst, size_t cap)
{
	const char *name;

	if (WIFSIGNALED(status)) {
		name = sigabbrev_np(WTERMSIG(status));
		snprintf(dst, cap, "killed by SIG%s: %s",
			name == NULL ? "?" : name,
			signal_hint(WTERMSIG(status)));
	} else if (WEXITSTATUS(status) > 0 &&
		WEXITSTATUS(status) < DJ_HALT_COUNT) {
		snprintf(dst, cap, "%s",
			dj_halt_text((uint64_t)WEXITSTATUS(status)));
	} else {
		snprintf(dst, cap, "exited with %d without halting",
			WEXITSTATUS(status));
	}
}

uint16_t dj_report_purpose(const uint8_t data[static 64])
{
	static const struct {
		char label[32];
		uint16_t purpose;
	} labels[] = {
		{ "keep-session-v1 offer", DJ_PURPOSE_OFFER },
		{ "keep-session-v1 again", DJ_PURPOSE_AGAIN },
		{ "keep-session-v1 receipt", DJ_PURPOSE_RECEIPT },
	};

	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++)
		if (memcmp(data + 32, labels[i].label, 32) == 0)
			return labels[i].purpose;
	return 0;
}

void dj_agent_time(time_t t, char dst[static 32])
{
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(dst, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static json_t *text_time(time_t t)
{
	char text[32];

	if (t == 0)
		return json_null();
	dj_agent_time(t, text);
	return json_string(text);
}

json_t *dj_blob_hex(const struct dj_blob *b)
{
	char *text = malloc(2 * b->len + 1);
	json_t *j = NULL;

	if (b->p == NULL || text == NULL) {
		free(text);
		return json_null();
	}
	text[0] = '\0';
	for (size_t i = 0; i < b->len; i++)
		snprintf(text + 2 * i, 3, "%02x", b->p[i]);
	j = json_string(text);
	free(text);
	return j;
}

static json_t *text_hex(const uint8_t *p, size_t len)
{
	char text[97];

	for (size_t i = 0; i < len && i < 48; i++)
		snprintf(text + 2 * i, 3, "%02x", p[i]);
	return json_string(text);
}

static json_t *traffic_json(const struct dj_traffic *t)
{
	json_t *ways = json_object();
	json_t *way;

	for (enum dj_way w = 0; w < DJ_WAY_COUNT; w++) {
		way = json_object();
		for (enum dj_traffic_kind i = 0; i < DJ_TRAFFIC_COUNT; i++)
			if (t->frames[w][i] != 0)
				json_object_set_new(way,
					dj_traffic_kind_name(i),
					json_pack("{s:I,s:I}", "frames",
						(json_int_t)t->frames[w][i],
						"bytes",
						(json_int_t)t->bytes[w][i]));
		json_object_set_new(ways, dj_traffic_way_name(w), way);
	}
	return ways;
}

json_t *dj_keep_json(const struct dj_keep *k)
{
	bool is_real = !k->is_emulated && k->kind->format != 0;
	json_t *j = json_pack("{s:s,s:s,s:s,s:b,s:s,s:s,s:O,s:o,s:o,s:b}",
		"schema", "donjon.keep/1", "id", k->id, "tee", k->kind->name,
		"emulated", k->is_emulated, "protection",
		is_real ? "hardware" : "none", "state", dj_phase_name(k->phase),
		"labels", k->ask.labels, "created", text_time(k->created),
		"ended", text_time(k->ended), "linked", k->link != NULL);

	if (j == NULL)
		return NULL;
	json_object_set_new(j, "memory",
		json_integer((json_int_t)k->ask.config.total_memory));
	json_object_set_new(j, "ttl",
		k->ask.ttl == 0 ? json_null() : json_integer(k->ask.ttl));
	if (k->measurement_len != 0)
		json_object_set_new(j, "measurement",
			text_hex(k->measurement, k->measurement_len));
	if (dj_keep_is_over(k)) {
		json_object_set_new(j, "how",
			json_string(dj_ending_name(k->ending)));
		json_object_set_new(j, "reason", json_string(k->reason));
	}
	if (dj_adversary_text(k) != NULL)
		json_object_set_new(j, "adversary",
			json_string(dj_adversary_text(k)));
	json_object_set_new(j, "traffic", traffic_json(&k->traffic));
	return j;
}
