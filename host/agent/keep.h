// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>
#include <time.h>

#include "host/agent/http.h"
#include "host/agent/plan.h"
#include "host/agent/request.h"
#include "host/agent/serve.h"
#include "host/agent/tees.h"
#include "host/agent/traffic.h"

/*
 * One Keep, as the host sees it: a launcher process (host/launch/launch.h),
 * an emulator process where the TEE is emulated, the shared region, and at
 * most one client link. The region is the only memory of a Keep that is ever
 * mapped here.
 *
 *   new    its launcher works      fresh  it runs, nobody has claimed it
 *   owned  a client has            exited it was released by its client
 *   gone   it ended otherwise; `reason` says how
 */
enum dj_keep_phase {
	DJ_PHASE_NEW,
	DJ_PHASE_FRESH,
	DJ_PHASE_OWNED,
	DJ_PHASE_EXITED,
	DJ_PHASE_GONE,
	DJ_PHASE_COUNT
};

enum dj_ending {
	DJ_ENDING_RELEASED, /* by its client */
	DJ_ENDING_HALTED,   /* by itself, enum dj_halt */
	DJ_ENDING_KILLED,   /* asked for here: kill, delete, ttl, stop */
	DJ_ENDING_DIED,     /* a signal, or an exit without halting */
	DJ_ENDING_CAUGHT,   /* it said what no honest Keep says */
	DJ_ENDING_FAILED,   /* it never started */
	DJ_ENDING_LOST,     /* with the agent before this one */
	DJ_ENDING_COUNT
};

#define DJ_KEEP_ID_SIZE     24
#define DJ_CONSOLE_LINES    128
#define DJ_CONSOLE_LINE_MAX 400
#define DJ_KEEP_REASON_MAX  160

struct dj_agent;
struct dj_adversary;

struct dj_blob {
	uint8_t *p; /* malloc'd, NULL: none */
	size_t len;
};

struct dj_keep {
	LIST_ENTRY(dj_keep) next;
	struct dj_agent *agent;
	char id[DJ_KEEP_ID_SIZE];
	char owner[DJ_HTTP_CALLER_MAX];
	const struct dj_tee_kind *kind;
	bool is_emulated;
	struct dj_create ask; /* labels, ttl, block */
	char key[132];        /* Idempotency-Key, or "" */
	uint8_t body_hash[32];
	time_t created;
	time_t ended; /* 0: it has not */

	enum dj_keep_phase phase;
	enum dj_ending ending;
	char reason[DJ_KEEP_REASON_MAX]; /* "" while it lives */
	uint8_t measurement[48];         /* as the launcher says */
	size_t measurement_len;          /* 0: not known */

	/* processes; -1 or 0 once gone */
	pid_t launcher;
	pid_t emulator;
	int control;
	int to_host;
	int to_keep;
	int console_fd;
	uint8_t *region;
	struct event *ev_control;
	struct event *ev_to_host;
	struct event *ev_console;
	struct event *ev_deadline; /* of a WAIT */
	struct event *ev_look;     /* while attention is set */
	struct event *ev_end;      /* ttl, then the patience of a kill */
	unsigned look_ms;
	bool is_killed;
	bool has_cgroup;

	struct dj_adversary *adversary; /* NULL: an honest host */
	struct dj_serve serve;
	bool is_waiting;   /* a WAIT stands, and nobody has kicked since */
	bool is_reporting; /* the launcher is making a report */
	bool is_target;    /* ... or fetches for whom it is to be (SGX) */
	enum dj_plan_point answered; /* by the next kick */
	bool has_frames;  /* since the last kick: frames put in its ring ... */
	bool has_room;    /* ... its full ring drained to a quarter */
	uint16_t purpose; /* of that report; 0: no EVIDENCE is wanted */

	/* relay.c */
	struct dj_http_conn *link; /* NULL: no client */
	struct bufferevent *bev;   /* the link's */
	struct event *ev_link;     /* reads a link without TLS */
	uint8_t *in;               /* from the client; relay.c has its size */
	uint32_t in_at;            /* first byte not passed on */
	uint32_t in_len;           /* bytes from there */
	uint32_t mark;    /* in ring: the end of earlier links' frames */
	bool is_clearing; /* the Keep has not done with those yet */
	bool is_offered;  /* this link has had its answer */
	uint64_t links;
	struct dj_blob asked; /* the last HELLO, until it has its OFFER */
	struct dj_blob hello; /* those of the last offer, as relayed */
	struct dj_blob offer;
	struct dj_blob evidence; /* payload */
	struct dj_blob pending;  /* evidence frame that follows the OFFER */
	struct dj_traffic traffic;

	char *console[DJ_CONSOLE_LINES]; /* ring */
	size_t console_count;            /* ever */
	char console_part[DJ_CONSOLE_LINE_MAX];
	size_t console_part_len;
};

/*
 * Starts one; the caller has asked dj_quota_allows(). ask is moved into it.
 * DJ_E_SYS: text says what could not be had. On success *ret belongs to the agent's list.
 */
dj_status dj_keep_new(struct dj_agent *a, const struct dj_tee_kind *kind,
	struct dj_create *ask, const char *owner, struct dj_keep **ret,
	char text[static 256]);

/* Ends its processes for the reason given; the object stays. */
void dj_keep_kill(struct dj_keep *k, const char *reason);
/* Frees it; its processes must be gone, or are killed without waiting. Its
   file in --state-dir stays: dj_keep_unsave() removes that. */
void dj_keep_free(struct dj_keep *k);
/* A child ended (SIGCHLD); false: it was none of this Keep's. */
bool dj_keep_reap(struct dj_keep *k, pid_t pid, int status);
static inline bool dj_keep_is_over(const struct dj_keep *k)
{
	return k->phase == DJ_PHASE_EXITED || k->phase == DJ_PHASE_GONE;
}

/* Removes its control group, if nobody is left in it. */
void dj_keep_leave_cgroup(struct dj_keep *k);

/* Ends the Keep, which said what no honest one says. */
void dj_keep_caught(struct dj_keep *k, const char *why);
/* Frames were put in its ring; its ring drained to a quarter. Kicks it if it
   waits for that, or when it next says that it does. */
void dj_keep_frames_in(struct dj_keep *k);
void dj_keep_room(struct dj_keep *k);
void dj_keep_say(struct dj_keep *k, const char *line);
/* Copies the Keep's line, judges it, and does what it says. */
void dj_keep_look(struct dj_keep *k);

const char *dj_phase_name(enum dj_keep_phase phase);
const char *dj_ending_name(enum dj_ending ending);
/* "killed by SIGSYS: ..." and so on, from a wait status. */
void dj_wait_text(int status, char *dst, size_t cap);
/* donjon.keep/1 as the host knows it (docs/api.md); a new reference. */
json_t *dj_keep_json(const struct dj_keep *k);
/* What a halt code means, for the console. */
const char *dj_halt_text(uint64_t code);
/* DJ_PURPOSE_* by the label in report_data's second half, or 0. */
uint16_t dj_report_purpose(const uint8_t data[static 64]);

/* relay.c: a link after its 101, and what it needs to hear. */
void dj_relay_open(struct dj_keep *k, struct dj_http_conn *c);
/* Ends the link without a word. */
void dj_relay_cut(struct dj_keep *k);
/* Ends the link with an ERROR frame, after all that was sent before. */
void dj_relay_end(struct dj_keep *k, uint16_t code, const char *text);
void dj_relay_to_keep(struct dj_keep *k);
/* After a look at the Keep's line: has it done with earlier links? */
void dj_relay_clear(struct dj_keep *k);
/* force: all of it, for there is no later. False: the Keep was caught. */
bool dj_relay_to_client(struct dj_keep *k, bool force);
/* EVIDENCE payload for what was just reported; frees what it keeps. */
void dj_relay_evidence(struct dj_keep *k, const uint8_t *payload, size_t len);
void dj_relay_no_evidence(struct dj_keep *k);

/*
 * pack.c: EVIDENCE (docs/api.md, "Evidence") of a report and the files that
 * the host has for it, for the client; what it lacks is said on the console.
 */
void dj_keep_pack(struct dj_keep *k, const uint8_t *report, size_t len);

/* spawn.c: the processes and their descriptors. */
dj_status dj_keep_spawn(struct dj_keep *k, char text[static 256]);

/*
 * state.c: the folder --state-dir, made if it is not there. Whoever may write
 * to it says who owns what history, so it is refused (DJ_E_INPUT) if others
 * than our own user or root can; so is one that a living agent has (DJ_E_SYS).
 */
dj_status dj_state_open(struct dj_agent *a, char err[static 256]);
/* A regular file in it, or -1 with errno; nothing else is followed, or waited
   for. A new one is for our user only. */
int dj_state_file(const struct dj_agent *a, const char *name, int flags);
/* A Keep's file there, if there is the folder. */
void dj_keep_save(const struct dj_keep *k);
void dj_keep_unsave(const struct dj_keep *k);
/* What earlier agents left there: Keeps that ended, or were lost with it,
   within the last hour. */
dj_status dj_state_load(struct dj_agent *a);

/* RFC 3339, UTC, seconds; 0 reads as the epoch and is written so. */
void dj_agent_time(time_t t, char dst[static 32]);

void dj_blob_set(struct dj_blob *b, const void *p, size_t len);
/* A file of 1 to 65,535 bytes; false: b is as it was. */
bool dj_blob_read(struct dj_blob *b, const char *path);
/* Its bytes as hex, null if there are none. */
json_t *dj_blob_hex(const struct dj_blob *b);
