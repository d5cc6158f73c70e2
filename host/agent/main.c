// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/agent/agent.h"
#include "host/agent/api.h"
#include "host/agent/log.h"
#include "host/agent/sd.h"
#include "host/agent/sockets.h"

/* Exit codes of sysexits.h. */
#define EXIT_USAGE  64
#define EXIT_SYS    71
#define EXIT_CONFIG 78

#define STOP_SECONDS  5
#define SWEEP_SECONDS 60

static void stop(struct dj_agent *a, const char *why)
{
	struct timeval tv = { .tv_sec = STOP_SECONDS };
	struct dj_keep *k;

	if (a->is_stopping)
		return;
	a->is_stopping = true;
	dj_log(DJ_LOG_INFO, "agent.stopping", "why", why, NULL);
	(void)dj_sd_notify(getenv("NOTIFY_SOCKET"), "STOPPING=1");
	LIST_FOREACH(k, &a->keeps, next)
	if (!dj_keep_is_over(k))
		dj_keep_kill(k, "the host agent stops");
	event_base_loopexit(a->base, &tv);
}

/* Stopping ends as soon as no process is left; links get their last bytes
   out in the same turns of the loop. */
static void leave_if_done(struct dj_agent *a)
{
	struct timeval tv = { .tv_usec = 50000 };
	const struct dj_keep *k;

	if (!a->is_stopping)
		return;
	LIST_FOREACH(k, &a->keeps, next)
	if (k->launcher != 0 || k->emulator != 0)
		return;
	/* A private agent's only link has ended: nobody waits for bytes. */
	event_base_loopexit(a->base, a->is_private_over ? NULL : &tv);
}

static void on_signal(evutil_socket_t sig, short what, void *arg)
{
	(void)what;
	stop(arg, sig == SIGTERM ? "SIGTERM" : "SIGINT");
	leave_if_done(arg);
}

static void on_child(evutil_socket_t sig, short what, void *arg)
{
	struct dj_agent *a = arg;
	struct dj_keep *k;
	int status;
	pid_t pid;

	(void)sig;
	(void)what;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		LIST_FOREACH(k, &a->keeps, next)
	if (dj_keep_reap(k, pid, status))
		break;
	leave_if_done(a);
}

static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	dj_api_sweep(arg);
}

static void on_private_end(void *arg)
{
	struct dj_agent *a = arg;

	a->is_private_over = true;
	stop(arg, "the private connection ended");
	leave_if_done(arg);
}

/* Beside this program as in a build tree, else where `make install` puts it
   from here, else where packages do. */
static void find_path(char *dst, size_t cap, const char *given,
	const char *beside, const char *installed)
{
	char self[4096];
	const char *dir;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (given != NULL) {
		snprintf(dst, cap, "%s", given);
		return;
	}
	if (n > 0) {
		self[n] = '\0';
		dir = dirname(self);
		if ((size_t)snprintf(dst, cap, "%s/%s", dir, beside) < cap &&
			access(dst, X_OK) == 0)
			return;
		if ((size_t)snprintf(dst, cap, "%s/../%s", dir, installed) <
				cap &&
			access(dst, X_OK) == 0)
			return;
	}
	snprintf(dst, cap, "/usr/%s", installed);
}

static void find_paths(struct dj_agent *a)
{
	find_path(a->image_dir, sizeof(a->image_dir), a->opt.image_dir, "keep",
		"lib/donjon/keep");
	find_path(a->launcher, sizeof(a->launcher), a->opt.launcher,
		"donjon-launch", "libexec/donjon/donjon-launch");
	find_path(a->emulator, sizeof(a->emulator), a->opt.emulator,
		"donjon-emu", "libexec/donjon/donjon-emu");
}

/* Each Keep costs about eight descriptors here. */
static void raise_limits(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
		r.rlim_cur = r.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &r);
	}
}

static dj_status setup_tls(struct dj_agent *a, char err[static 256])
{
	const struct dj_options *o = &a->opt;
	dj_status st = DJ_OK;

	if (o->token_file != NULL)
		st = dj_tokens_load(o->token_file, &a->tokens, err);
	if (st != DJ_OK || o->tls_cert == NULL)
		return st;
	return dj_tls_new(o->tls_cert, o->tls_key, o->client_ca,
		a->tokens != NULL, &a->tls, err);
}

static dj_status listen_on(struct dj_agent *a, int fd, bool is_tcp, char *err)
{
	if (is_tcp &&
		(a->tls == NULL ||
			(a->tokens == NULL && a->opt.client_ca == NULL))) {
		snprintf(err, 256,
			"a passed TCP socket needs --tls-cert, --tls-key and --client-ca or --token-file");
		return DJ_E_INPUT;
	}
	if (dj_http_listen(&a->http, fd, is_tcp ? a->tls : NULL) == DJ_OK)
		return DJ_OK;
	snprintf(err, 256, "cannot listen: %s", strerror(errno));
	return DJ_E_SYS;
}

static dj_status take_passed(struct dj_agent *a, int *ret_count, char *err)
{
	struct sockaddr_storage sa = { 0 };
	socklen_t len;
	char name[64];
	dj_status st;
	int fd;

	if (dj_sd_listen_fds(getenv("LISTEN_PID"), getenv("LISTEN_FDS"),
		    getpid(), ret_count) != DJ_OK) {
		snprintf(err, 256, "LISTEN_PID or LISTEN_FDS makes no sense");
		return DJ_E_INPUT;
	}
	for (int i = 0; i < *ret_count; i++) {
		fd = DJ_SD_LISTEN_START + i;
		len = sizeof(sa);
		if (getsockname(fd, (struct sockaddr *)&sa, &len) != 0) {
			snprintf(err, 256, "passed descriptor %d: %s", fd,
				strerror(errno));
			return DJ_E_INPUT;
		}
		dj_sd_listen_name(getenv("LISTEN_FDNAMES"), i, name,
			sizeof(name));
		dj_log(DJ_LOG_INFO, "agent.passed_socket", "name", name, NULL);
		st = listen_on(a, fd, sa.ss_family != AF_UNIX, err);
		if (st != DJ_OK)
			return st;
	}
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return DJ_OK;
}

static dj_status setup_sockets(struct dj_agent *a, char err[static 256])
{
	int passed = 0;
	int fd;
	dj_status st;

	if (a->opt.private_fd >= 0) {
		st = dj_http_serve_fd(&a->http, a->opt.private_fd);
		if (st != DJ_OK)
			snprintf(err, 256, "--private-fd %d: not a socket",
				a->opt.private_fd);
		return st;
	}
	st = take_passed(a, &passed, err);
	if (st == DJ_OK && a->opt.socket != NULL) {
		st = dj_socket_unix(a->opt.socket, &fd, err);
		if (st == DJ_OK)
			st = listen_on(a, fd, false, err);
	}
	if (st == DJ_OK && a->opt.listen != NULL) {
		st = dj_socket_tcp(a->opt.listen, &fd, err);
		if (st == DJ_OK)
			st = listen_on(a, fd, true, err);
	}
	if (st == DJ_OK && passed == 0 && a->opt.socket == NULL &&
		a->opt.listen == NULL) {
		snprintf(err, 256,
			"nothing to serve: --socket PATH, --listen ADDR:PORT or a socket from systemd");
		st = DJ_E_INPUT;
	}
	return st;
}

static dj_status setup_files(struct dj_agent *a, char err[static 256])
{
	if (a->opt.trace_frames != NULL) {
		a->trace = fopen(a->opt.trace_frames, "ae");
		if (a->trace == NULL) {
			snprintf(err, 256, "%.180s: %s", a->opt.trace_frames,
				strerror(errno));
			return DJ_E_SYS;
		}
		setvbuf(a->trace, NULL, _IOLBF, 0);
	}
	if (a->opt.state_dir != NULL) {
		dj_status st = dj_state_open(a, err);

		if (st != DJ_OK)
			return st;
	}
	if (dj_events_init(a) != DJ_OK ||
		(a->opt.state_dir != NULL && dj_state_load(a) != DJ_OK)) {
		snprintf(err, 256, "%.180s: %s",
			a->opt.state_dir == NULL ? "events" : a->opt.state_dir,
			strerror(errno));
		return DJ_E_SYS;
	}
	return DJ_OK;
}

static void read_own_cgroup(char dst[static 4096])
{
	int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, dst, 4095);

	dst[n < 0 ? 0 : n] = '\0';
	if (fd >= 0)
		close(fd);
}

/* Without control groups Keeps still have their jail's limits: said once. */
static void setup_limits(struct dj_agent *a)
{
	const struct dj_options *o = &a->opt;
	char own[4096];
	char why[256];
	uint64_t memory = o->has_memory ? o->memory : UINT64_MAX;

	/* A private agent serves whoever started it, and nobody else. */
	if (!o->has_memory && o->private_fd < 0)
		memory = dj_quota_machine_memory();
	a->quota = (struct dj_quota){ .max_keeps = o->max_keeps,
		.max_caller_keeps = o->max_caller_keeps,
		.memory = memory,
		.max_caller_memory = o->max_caller_memory };
	if (o->cgroup == NULL)
		return;
	read_own_cgroup(own);
	if (dj_cgroup_init(o->cgroup, "/sys/fs/cgroup", own, &a->cgroup, why) !=
		DJ_OK)
		dj_log(DJ_LOG_WARN, "cgroup.unavailable", "why", why, "so",
			"Keeps have the limits of their jail only", NULL);
}

enum {
	ON_TERM,
	ON_INT,
	ON_CHILD,
	ON_SWEEP,
	EVENTS
};

static bool setup_loop(struct dj_agent *a, struct event *evs[EVENTS])
{
	struct event_config *cfg = event_config_new();
	struct timeval minute = { .tv_sec = SWEEP_SECONDS };

	if (cfg == NULL)
		return false;
	event_config_set_flag(cfg, EVENT_BASE_FLAG_PRECISE_TIMER);
	a->base = event_base_new_with_config(cfg);
	event_config_free(cfg);
	if (a->base == NULL)
		return false;
	/*
	 * What these go back to when nobody waits for them any more: a second one
	 * must not cut off what is done at the end.
	 */
	if (signal(SIGTERM, SIG_IGN) == SIG_ERR ||
		signal(SIGINT, SIG_IGN) == SIG_ERR)
		return false;
	evs[ON_TERM] = evsignal_new(a->base, SIGTERM, on_signal, a);
	evs[ON_INT] = evsignal_new(a->base, SIGINT, on_signal, a);
	evs[ON_CHILD] = evsignal_new(a->base, SIGCHLD, on_child, a);
	evs[ON_SWEEP] = event_new(a->base, -1, EV_PERSIST, on_sweep, a);
	for (int i = 0; i < EVENTS; i++)
		if (evs[i] == NULL ||
			event_add(evs[i], i == ON_SWEEP ? &minute : NULL) != 0)
			return false;
	a->http = (struct dj_http){ .base = a->base,
		.ops = { .on_request = dj_api_request,
			.on_private_end = on_private_end },
		.arg = a,
		.max_waiting = a->opt.max_waiting,
		.max_conns = a->opt.max_keeps + a->opt.max_waiting +
			DJ_STREAMS_MAX + 64 };
	dj_http_init(&a->http);
	return true;
}

static void tear_down(struct dj_agent *a, struct event *evs[EVENTS])
{
	struct dj_keep *k;
	struct dj_grave *g;

	/* While we listen nobody takes it for stale, so it still is ours. */
	if (a->opt.socket != NULL)
		(void)unlink(a->opt.socket);
	while ((k = LIST_FIRST(&a->keeps)) != NULL)
		dj_keep_free(k);
	while ((g = LIST_FIRST(&a->graves)) != NULL) {
		LIST_REMOVE(g, next);
		free(g);
	}
	dj_adversary_setup_done(&a->adversary);
	dj_events_done(a);
	dj_cgroup_done(&a->cgroup);
	dj_http_done(&a->http);
	for (int i = 0; i < EVENTS; i++)
		if (evs[i] != NULL)
			event_free(evs[i]);
	if (a->base != NULL)
		event_base_free(a->base);
	if (a->trace != NULL)
		(void)fclose(a->trace);
	if (a->state >= 0)
		close(a->state);
	SSL_CTX_free(a->tls);
	dj_tokens_free(a->tokens);
}

static int fail(const char *err, int code)
{
	fprintf(stderr, "donjond: %s\n", err);
	return code;
}

static int serve(struct dj_agent *a)
{
	struct event *evs[EVENTS] = { NULL };
	char err[256] = "no memory";
	dj_status st = DJ_E_SYS;

	if (setup_loop(a, evs)) {
		st = a->opt.adversary == NULL
			? DJ_OK
			: dj_adversary_read(a->opt.adversary, &a->adversary,
				  err);
		if (st == DJ_OK)
			st = setup_tls(a, err);
		if (st == DJ_OK)
			st = setup_files(a, err);
		if (st == DJ_OK)
			setup_limits(a);
		if (st == DJ_OK)
			st = setup_sockets(a, err);
	}
	if (st != DJ_OK) {
		/* Not ours if we could not have it. */
		a->opt.socket = NULL;
		tear_down(a, evs);
		return fail(err, st == DJ_E_INPUT ? EXIT_CONFIG : EXIT_SYS);
	}
	if (dj_sd_notify(getenv("NOTIFY_SOCKET"), "READY=1") != DJ_OK)
		dj_log(DJ_LOG_WARN, "agent.notify_failed", NULL);
	if (a->adversary.is_on)
		dj_log(DJ_LOG_WARN, "agent.ADVERSARY", "plan", a->opt.adversary,
			"meaning", "every Keep here is attacked, for tests",
			NULL);
	dj_log(DJ_LOG_INFO, "agent.ready", "version", DJ_VERSION, "images",
		a->image_dir, "emulation",
		a->opt.emulation == NULL ? "off" : a->opt.emulation, NULL);
	event_base_dispatch(a->base);
	tear_down(a, evs);
	return 0;
}

int main(int argc, char **argv)
{
	static struct dj_agent a = { .state = -1 };
	char err[256];

	if (dj_options_parse(argc, argv, &a.opt, err) != DJ_OK) {
		(void)fail(err, 0);
		return fail("see donjond --help", EXIT_USAGE);
	}
	if (a.opt.want_help) {
		dj_options_help(stdout);
		return 0;
	}
	if (a.opt.want_version) {
		printf("donjond %s\n", DJ_VERSION);
		return 0;
	}
	/* A private agent speaks for its client, which says what matters. */
	dj_log_init(a.opt.log_json,
		a.opt.verbose > 0               ? DJ_LOG_DEBUG
			: a.opt.private_fd >= 0 ? DJ_LOG_WARN
						: DJ_LOG_INFO);
	signal(SIGPIPE, SIG_IGN);
	raise_limits();
	find_paths(&a);
	a.started = time(NULL);
	return serve(&a);
}
