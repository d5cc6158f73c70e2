// SPDX-License-Identifier: Apache-2.0
#include "host/agent/keep.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/agent/agent.h"
#include "host/agent/log.h"
#include "host/launch/launch.h"
#include "lib/proto/error.h"
#include "lib/proto/offer.h"

/* How long a launcher may take to end its Keep and itself. */
#define KILL_SECONDS  2
/* How soon an attention word is looked after, doubled up to the last. */
#define LOOK_FIRST_MS 2
#define LOOK_LAST_MS  64

static uint64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

void dj_blob_set(struct dj_blob *b, const void *p, size_t len)
{
	uint8_t *copy = p == NULL ? NULL : malloc(len == 0 ? 1 : len);

	free(b->p);
	*b = (struct dj_blob){ 0 };
	if (copy == NULL)
		return;
	memcpy(copy, p, len);
	*b = (struct dj_blob){ copy, len };
}

bool dj_blob_read(struct dj_blob *b, const char *path)
{
	uint8_t buf[65536];
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	n = read(fd, buf, sizeof(buf));
	close(fd);
	if (n <= 0 || n == sizeof(buf))
		return false;
	dj_blob_set(b, buf, (size_t)n);
	return b->p != NULL;
}

void dj_keep_say(struct dj_keep *k, const char *line)
{
	char text[DJ_CONSOLE_LINE_MAX + 32];
	struct tm tm;
	time_t now = time(NULL);
	size_t n;
	char **slot = &k->console[k->console_count % DJ_CONSOLE_LINES];

	gmtime_r(&now, &tm);
	n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ ", &tm);
	for (; *line != '\0' && n < sizeof(text) - 1; line++)
		text[n++] = (char)(*line >= ' ' && *line <= '~' ? *line : '?');
	text[n] = '\0';
	free(*slot);
	*slot = strdup(text);
	k->console_count++;
	dj_console_line(k, text);
}

static void kick(struct dj_keep *k)
{
	uint64_t one = 1;
	ssize_t n;

	k->is_waiting = false;
	k->has_frames = false;
	k->has_room = false;
	event_del(k->ev_deadline);
	dj_adversary_line(k, k->answered);
	k->answered = DJ_POINT_WAIT;
	/* A full counter is a kick that has not been taken yet. */
	do
		n = write(k->to_keep, &one, sizeof(one));
	while (n < 0 && errno == EINTR);
}

static void set_look(struct dj_keep *k, unsigned ms)
{
	struct timeval tv = { .tv_usec = (suseconds_t)ms * 1000 };

	k->look_ms = ms;
	event_add(k->ev_look, &tv);
}

void dj_keep_frames_in(struct dj_keep *k)
{
	k->has_frames = true;
	dj_serve_attention(&k->serve, true);
	if (k->is_waiting)
		kick(k);
	else if (k->look_ms == 0)
		set_look(k, LOOK_FIRST_MS);
}

void dj_keep_room(struct dj_keep *k)
{
	k->has_room = true;
	if (k->is_waiting)
		kick(k);
}

static void drop_event(struct event **ev)
{
	if (*ev != NULL)
		event_free(*ev);
	*ev = NULL;
}

static void drop_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Closing the control socket makes the launcher end the Keep and itself. */
static void let_go(struct dj_keep *k)
{
	drop_event(&k->ev_control);
	drop_event(&k->ev_to_host);
	drop_event(&k->ev_deadline);
	drop_event(&k->ev_look);
	drop_fd(&k->control);
	drop_fd(&k->to_host);
	drop_fd(&k->to_keep);
	if (k->region != NULL)
		munmap(k->region, DJ_HC_REGION_SIZE);
	k->region = NULL;
	dj_blob_set(&k->pending, NULL, 0);
}

/* The end, once: what the Keep had sent is flushed before the link ends. */
static void over(struct dj_keep *k, enum dj_ending ending, const char *reason)
{
	struct timeval patience = { .tv_sec = KILL_SECONDS };

	if (dj_keep_is_over(k))
		return;
	k->ending = ending;
	k->phase =
		ending == DJ_ENDING_RELEASED ? DJ_PHASE_EXITED : DJ_PHASE_GONE;
	snprintf(k->reason, sizeof(k->reason), "%s", reason);
	k->ended = time(NULL);
	k->agent->live--;
	k->agent->committed -= k->ask.config.total_memory;
	k->agent->ended[ending]++;
	dj_keep_say(k, reason);
	dj_log(ending == DJ_ENDING_CAUGHT || ending == DJ_ENDING_FAILED
			? DJ_LOG_WARN
			: DJ_LOG_INFO,
		"keep.ended", "keep", k->id, "how", dj_ending_name(ending),
		"reason", reason, NULL);
	dj_relay_end(k, DJ_ERROR_KEEP_GONE, reason);
	dj_adversary_over(k);
	let_go(k);
	dj_keep_save(k);
	dj_event_emit(k,
		ending == DJ_ENDING_RELEASED ? DJ_EVENT_RELEASED
					     : DJ_EVENT_LOST,
		json_pack("{s:s,s:s}", "how", dj_ending_name(ending), "reason",
			reason));
	if (k->launcher != 0)
		event_add(k->ev_end, &patience);
	else
		event_del(k->ev_end);
}

/* A last look for what was published before the end. */
static void flush_out(struct dj_keep *k)
{
	if (k->region != NULL)
		(void)dj_relay_to_client(k, true);
}

void dj_keep_caught(struct dj_keep *k, const char *why)
{
	char text[DJ_KEEP_REASON_MAX];

	snprintf(text, sizeof(text), "ended by the host agent: impossible %s",
		why);
	over(k, DJ_ENDING_CAUGHT, text);
}

void dj_keep_kill(struct dj_keep *k, const char *reason)
{
	flush_out(k);
	over(k, DJ_ENDING_KILLED, reason);
}

/* Calls. */

static void reply(struct dj_keep *k, enum dj_plan_point point,
	const struct dj_serve_reply *rep)
{
	bool has_frames = k->has_frames;

	dj_serve_reply(&k->serve, rep);
	k->answered = point;
	kick(k);
	/*
	 * The Keep wakes for its answer and may sleep again without a look at
	 * its frames: what came during the call must still wake it then.
	 */
	k->has_frames = has_frames;
}

static void send_launcher(struct dj_keep *k, uint32_t type, const void *p,
	uint32_t len)
{
	uint8_t buf[sizeof(struct dj_launch_msg) + DJ_LAUNCH_ASK_MAX];
	struct dj_launch_msg msg = { .type = type, .len = len };
	ssize_t n;

	memcpy(buf, &msg, sizeof(msg));
	if (len != 0)
		memcpy(buf + sizeof(msg), p, len);
	do {
		n = send(k->control, buf, sizeof(msg) + len, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n >= 0)
		return;
	dj_log(DJ_LOG_WARN, "keep.control_failed", "keep", k->id, "why",
		strerror(errno), NULL);
	/* Its Keep would wait for the answer for ever. */
	over(k, DJ_ENDING_FAILED, "its launcher cannot be reached");
}

/* It has its report from its own secure processor, past us. */
static void on_own_report(struct dj_keep *k, uint32_t len)
{
	uint8_t report[DJ_HC_OWN_MAX];

	dj_serve_report_own(&k->serve, report, len);
	k->agent->reports_good++;
	if (k->purpose != 0)
		dj_keep_pack(k, report, len);
	reply(k, DJ_POINT_REPORT, &(struct dj_serve_reply){ 0 });
}

static void ask_launcher(struct dj_keep *k, uint32_t type, const void *p,
	uint32_t len)
{
	k->is_reporting = true;
	send_launcher(k, type, p, len);
}

static void on_call_report(struct dj_keep *k, uint64_t arg)
{
	const bool is_sgx = k->kind->tee == DJ_TEE_SGX;
	uint8_t data[64], own[DJ_HC_OWN_MAX];
	uint32_t len = (uint32_t)(arg >> 8);

	k->is_target = arg == 1;
	if (k->is_target) {
		/* Target info is SGX's. */
		if (is_sgx)
			ask_launcher(k, DJ_LAUNCH_TARGET, NULL, 0);
		else
			reply(k, DJ_POINT_REPORT,
				&(struct dj_serve_reply){ .error = ENOSYS });
		return;
	}
	dj_serve_report_data(&k->serve, data);
	k->purpose = dj_report_purpose(data);
	if ((arg & 0xff) != DJ_HC_REPORT_OWN) {
		ask_launcher(k, DJ_LAUNCH_REPORT, data, sizeof(data));
	} else if (is_sgx && len == DJ_LAUNCH_ASK_MAX) {
		/* A quoting enclave has to say so to others. */
		dj_serve_report_own(&k->serve, own, len);
		ask_launcher(k, DJ_LAUNCH_REPORT, own, len);
	} else {
		on_own_report(k, len);
	}
}

static void on_call_wait(struct dj_keep *k, uint64_t deadline)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	uint64_t us;
	struct timeval tv;
	bool has_frames = k->has_frames && k->serve.in_tail != k->serve.in_head;

	k->is_waiting = true;
	if (has_frames || k->has_room || (deadline != 0 && deadline <= now)) {
		kick(k);
		return;
	}
	k->has_frames = false;
	event_del(k->ev_deadline);
	if (deadline == 0)
		return;
	us = (deadline - now) / 1000 + 1;
	/* A day is as good as longer: a kick may come early. */
	if (us > UINT64_C(86400000000))
		us = UINT64_C(86400000000);
	tv.tv_sec = (time_t)(us / 1000000);
	tv.tv_usec = (suseconds_t)(us % 1000000);
	event_add(k->ev_deadline, &tv);
}

static void on_call_halt(struct dj_keep *k, uint64_t code)
{
	flush_out(k);
	over(k,
		code == DJ_HALT_RELEASED ? DJ_ENDING_RELEASED
					 : DJ_ENDING_HALTED,
		dj_halt_text(code));
}

static void on_call(struct dj_keep *k, const struct dj_serve_seen *seen)
{
	if (k->is_reporting && seen->op != DJ_HC_HALT) {
		dj_keep_caught(k, "call during a report");
		return;
	}
	k->is_waiting = false;
	switch (seen->op) {
	case DJ_HC_REPORT:
		on_call_report(k, seen->arg);
		return;
	case DJ_HC_CLOCK:
		reply(k, DJ_POINT_CLOCK,
			&(struct dj_serve_reply){
				.value = clock_ns(seen->arg == 0
						? CLOCK_REALTIME
						: CLOCK_MONOTONIC) });
		return;
	case DJ_HC_WAIT:
		on_call_wait(k, seen->arg);
		return;
	case DJ_HC_HALT:
		on_call_halt(k, seen->arg);
		return;
	case DJ_HC_NONE:
		return;
	}
}

void dj_keep_look(struct dj_keep *k)
{
	struct dj_hc_keep line;
	struct dj_serve_seen seen;
	const char *why;

	dj_serve_copy(&k->serve, &line);
	if (dj_serve_decode(&k->serve, &line, &seen, &why) != DJ_OK) {
		dj_keep_caught(k, why);
		return;
	}
	dj_serve_accept(&k->serve, &seen);
	if (k->serve.in_tail == k->serve.in_head)
		dj_serve_attention(&k->serve, false);
	dj_relay_clear(k);
	if (!dj_relay_to_client(k, false))
		return;
	dj_relay_to_keep(k);
	if (seen.is_call && !dj_keep_is_over(k))
		on_call(k, &seen);
}

static void on_to_host(evutil_socket_t fd, short what, void *arg)
{
	struct dj_keep *k = arg;
	uint64_t kicks;
	ssize_t n;

	(void)what;
	n = read(fd, &kicks, sizeof(kicks));
	(void)n;
	dj_keep_look(k);
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
	struct dj_keep *k = arg;
	unsigned ms = k->look_ms;

	(void)fd;
	(void)what;
	k->look_ms = 0;
	dj_keep_look(k);
	if (!dj_keep_is_over(k) && k->look_ms == 0 && !k->is_waiting &&
		k->serve.in_tail != k->serve.in_head)
		set_look(k, ms * 2 > LOOK_LAST_MS ? LOOK_LAST_MS : ms * 2);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct dj_keep *k = arg;

	(void)fd;
	(void)what;
	if (k->is_waiting)
		kick(k);
}

/* What the launcher says. */

/* Whoever was asked may have said it better than a number can. */
static void say_no_report(struct dj_keep *k, uint32_t err, const uint8_t *p,
	uint32_t len)
{
	char text[256];

	snprintf(text, sizeof(text), "%.*s", len > 255 ? 255 : (int)len,
		(const char *)p);
	for (size_t i = 0; text[i] != '\0'; i++)
		if (text[i] < ' ' || text[i] > '~')
			text[i] = '?';
	if (text[0] != '\0')
		dj_keep_say(k, text);
	dj_log(DJ_LOG_WARN, "keep.no_report", "keep", k->id, "why",
		text[0] != '\0' ? text : strerror((int)err), NULL);
}

static void on_reported(struct dj_keep *k, uint32_t err, const uint8_t *p,
	uint32_t len)
{
	if (!k->is_reporting)
		return;
	k->is_reporting = false;
	if (err == 0 && len == 0)
		err = EPROTO;
	if (err != 0) {
		k->agent->reports_bad++;
		say_no_report(k, err, p, len);
		if (k->purpose != 0 && !k->is_target)
			dj_relay_no_evidence(k);
		reply(k, DJ_POINT_REPORT,
			&(struct dj_serve_reply){ .error = err });
		return;
	}
	if (k->is_target) {
		dj_serve_target(&k->serve, p, len);
		reply(k, DJ_POINT_REPORT,
			&(struct dj_serve_reply){ .len = len });
		return;
	}
	k->agent->reports_good++;
	if (k->purpose != 0)
		dj_keep_pack(k, p, len);
	reply(k, DJ_POINT_REPORT,
		&(struct dj_serve_reply){ .bytes = p, .len = len });
}

static void on_started(struct dj_keep *k, const uint8_t *p, uint32_t len)
{
	if ((len != 32 && len != 48) || k->phase != DJ_PHASE_NEW)
		return;
	memcpy(k->measurement, p, len);
	k->measurement_len = len;
	k->phase = DJ_PHASE_FRESH;
	dj_keep_say(k, "started");
	dj_keep_save(k);
	dj_log(DJ_LOG_INFO, "keep.started", "keep", k->id, "tee", k->kind->name,
		"emulated", k->is_emulated ? "yes" : "no", NULL);
}

static void on_failed(struct dj_keep *k, uint32_t err, const uint8_t *p,
	uint32_t len)
{
	char text[DJ_KEEP_REASON_MAX];
	size_t n;

	n = (size_t)snprintf(text, sizeof(text), "did not start: %.*s",
		len > 100 ? 100 : (int)len, (const char *)p);
	for (size_t i = 0; text[i] != '\0'; i++)
		if (text[i] < ' ' || text[i] > '~')
			text[i] = '?';
	if (err != 0 && n < sizeof(text))
		snprintf(text + n, sizeof(text) - n, ": %s",
			strerror((int)err));
	over(k, DJ_ENDING_FAILED, text);
}

static void on_ended(struct dj_keep *k, uint32_t status)
{
	char text[DJ_KEEP_REASON_MAX];

	/* It may have halted and kicked before it was reaped. */
	dj_keep_look(k);
	if (dj_keep_is_over(k))
		return;
	flush_out(k);
	dj_wait_text((int)status, text, sizeof(text));
	over(k, DJ_ENDING_DIED, text);
}

/* False: nothing more to read, or the Keep is over. */
static bool read_control(struct dj_keep *k)
{
	uint8_t buf[DJ_LAUNCH_MSG_MAX];
	struct dj_launch_msg msg;
	const uint8_t *p = buf + sizeof(msg);
	ssize_t n = recv(k->control, buf, sizeof(buf), MSG_TRUNC);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		dj_keep_look(k);
		flush_out(k);
		over(k, DJ_ENDING_DIED, "its launcher is gone");
		return false;
	}
	memcpy(&msg, buf, sizeof(msg));
	if ((size_t)n < sizeof(msg) || (size_t)n > sizeof(buf) ||
		msg.len != (size_t)n - sizeof(msg)) {
		over(k, DJ_ENDING_FAILED, "its launcher talks nonsense");
		return false;
	}
	switch (msg.type) {
	case DJ_LAUNCH_STARTED:
		on_started(k, p, msg.len);
		break;
	case DJ_LAUNCH_FAILED:
		on_failed(k, msg.value, p, msg.len);
		break;
	case DJ_LAUNCH_REPORTED:
		on_reported(k, msg.value, p, msg.len);
		break;
	case DJ_LAUNCH_ENDED:
		on_ended(k, msg.value);
		break;
	default:
		over(k, DJ_ENDING_FAILED, "its launcher talks nonsense");
	}
	return !dj_keep_is_over(k);
}

static void on_control(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	while (read_control(arg))
		continue;
}

static void on_console(evutil_socket_t fd, short what, void *arg)
{
	struct dj_keep *k = arg;
	char buf[1024];
	ssize_t n = read(fd, buf, sizeof(buf));

	(void)what;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	for (ssize_t i = 0; i < n; i++) {
		if (buf[i] != '\n' &&
			k->console_part_len < sizeof(k->console_part) - 1) {
			k->console_part[k->console_part_len++] = buf[i];
			continue;
		}
		k->console_part[k->console_part_len] = '\0';
		if (k->console_part_len != 0)
			dj_keep_say(k, k->console_part);
		k->console_part_len = 0;
		if (buf[i] != '\n')
			k->console_part[k->console_part_len++] = buf[i];
	}
	if (n <= 0) {
		drop_event(&k->ev_console);
		drop_fd(&k->console_fd);
		dj_console_end(k);
	}
}

/* The ttl, or the patience with a launcher that should have ended. */
static void on_end(evutil_socket_t fd, short what, void *arg)
{
	struct dj_keep *k = arg;

	(void)fd;
	(void)what;
	if (!dj_keep_is_over(k)) {
		dj_keep_kill(k, "its time was over (ttl)");
		return;
	}
	if (k->launcher != 0)
		(void)kill(k->launcher, SIGKILL);
	if (k->emulator != 0)
		(void)kill(k->emulator, SIGKILL);
}

bool dj_keep_reap(struct dj_keep *k, pid_t pid, int status)
{
	char text[DJ_KEEP_REASON_MAX];

	(void)status;
	if (pid == k->emulator) {
		k->emulator = 0;
		return true;
	}
	if (pid != k->launcher)
		return false;
	k->launcher = 0;
	/* Its last words may still be in the socket. */
	while (!dj_keep_is_over(k) && read_control(k))
		continue;
	if (!dj_keep_is_over(k)) {
		dj_wait_text(status, text, sizeof(text));
		over(k, DJ_ENDING_DIED, text);
	}
	if (k->emulator != 0)
		(void)kill(k->emulator, SIGKILL);
	event_del(k->ev_end);
	dj_keep_leave_cgroup(k);
	return true;
}

void dj_keep_leave_cgroup(struct dj_keep *k)
{
	/* A Keep whose launcher was killed is a moment behind it. */
	if (k->has_cgroup && dj_cgroup_remove(&k->agent->cgroup, k->id))
		k->has_cgroup = false;
}

/* Making and freeing. */

static bool make_id(struct dj_keep *k)
{
	uint8_t r[6];

	if (getrandom(r, sizeof(r), 0) != sizeof(r))
		return false;
	snprintf(k->id, sizeof(k->id), "k-%02x%02x%02x%02x%02x%02x", r[0], r[1],
		r[2], r[3], r[4], r[5]);
	return true;
}

static bool make_events(struct dj_keep *k)
{
	struct event_base *b = k->agent->base;

	k->ev_control =
		event_new(b, k->control, EV_READ | EV_PERSIST, on_control, k);
	k->ev_to_host =
		event_new(b, k->to_host, EV_READ | EV_PERSIST, on_to_host, k);
	k->ev_console = event_new(b, k->console_fd, EV_READ | EV_PERSIST,
		on_console, k);
	k->ev_deadline = event_new(b, -1, 0, on_deadline, k);
	k->ev_look = event_new(b, -1, 0, on_look, k);
	return k->ev_control != NULL && k->ev_to_host != NULL &&
		k->ev_console != NULL && k->ev_deadline != NULL &&
		k->ev_look != NULL && event_add(k->ev_control, NULL) == 0 &&
		event_add(k->ev_to_host, NULL) == 0 &&
		event_add(k->ev_console, NULL) == 0;
}

static size_t kind_index(const struct dj_tee_kind *kind)
{
	return (size_t)(kind - dj_tee_kinds);
}

dj_status dj_keep_new(struct dj_agent *a, const struct dj_tee_kind *kind,
	struct dj_create *ask, const char *owner, struct dj_keep **ret,
	char text[static 256])
{
	struct dj_keep *k;
	struct timeval ttl = { .tv_sec = ask->ttl };

	k = calloc(1, sizeof(*k));
	if (k == NULL) {
		snprintf(text, 256, "no memory");
		return DJ_E_SYS;
	}
	k->agent = a;
	k->kind = kind;
	k->is_emulated = ask->emulated;
	k->ask = *ask;
	k->control = k->to_host = k->to_keep = k->console_fd = -1;
	k->created = time(NULL);
	snprintf(k->owner, sizeof(k->owner), "%s", owner);
	snprintf(text, 256, "no randomness or memory");
	k->answered = DJ_POINT_WAIT;
	k->ev_end = event_new(a->base, -1, 0, on_end, k);
	if (k->ev_end == NULL || !make_id(k) ||
		dj_adversary_begin(k) != DJ_OK ||
		dj_keep_spawn(k, text) != DJ_OK || !make_events(k)) {
		k->ask.labels = NULL; /* the caller's again */
		k->phase = DJ_PHASE_GONE;
		LIST_INSERT_HEAD(&a->keeps, k, next);
		dj_keep_free(k);
		return DJ_E_SYS;
	}
	if (ask->ttl != 0)
		event_add(k->ev_end, &ttl);
	ask->labels = NULL;
	LIST_INSERT_HEAD(&a->keeps, k, next);
	a->live++;
	a->committed += k->ask.config.total_memory;
	a->created[kind_index(kind)]++;
	dj_event_emit(k, DJ_EVENT_CREATED,
		json_pack("{s:s,s:b,s:I}", "tee", kind->name, "emulated",
			k->is_emulated, "memory",
			(json_int_t)k->ask.config.total_memory));
	*ret = k;
	return DJ_OK;
}

void dj_keep_free(struct dj_keep *k)
{
	if (!dj_keep_is_over(k))
		dj_keep_kill(k, "the host agent let it go");
	LIST_REMOVE(k, next);
	let_go(k);
	if (k->launcher != 0)
		(void)kill(k->launcher, SIGKILL);
	if (k->emulator != 0)
		(void)kill(k->emulator, SIGKILL);
	drop_event(&k->ev_console);
	drop_event(&k->ev_end);
	drop_fd(&k->console_fd);
	dj_console_end(k);
	dj_keep_leave_cgroup(k);
	dj_adversary_end(k);
	for (size_t i = 0; i < DJ_CONSOLE_LINES; i++)
		free(k->console[i]);
	dj_blob_set(&k->asked, NULL, 0);
	dj_blob_set(&k->hello, NULL, 0);
	dj_blob_set(&k->offer, NULL, 0);
	dj_blob_set(&k->evidence, NULL, 0);
	dj_create_done(&k->ask);
	free(k);
}
