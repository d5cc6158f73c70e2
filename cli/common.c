// SPDX-License-Identifier: Apache-2.0
#include "cli/common.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "client/paths.h"
#include "client/verdict_print.h"

static const struct {
	const char *option;
	enum dj_setting which;
} overrides[] = {
	{ "host", DJ_SET_HOST },
	{ "policy", DJ_SET_POLICY },
	{ "tee", DJ_SET_TEE },
	{ "memory", DJ_SET_MEMORY },
	{ "time", DJ_SET_TIME },
	{ "clock", DJ_SET_CLOCK },
	{ "owner", DJ_SET_OWNER },
	{ "engine", DJ_SET_ENGINE },
	{ "ca", DJ_SET_CA },
	{ "cert", DJ_SET_CERT },
	{ "key", DJ_SET_KEY },
	{ "token-file", DJ_SET_TOKEN_FILE },
};

bool dj_cli_settings(const struct dj_cli *cli, struct dj_settings *ret,
	struct dj_err *err)
{
	*ret = (struct dj_settings){ 0 };
	if (!dj_settings_load(ret, dj_cli_value(cli, "config"), err))
		return false;
	for (size_t k = 0; k < sizeof(overrides) / sizeof(overrides[0]); k++) {
		bool is_list = overrides[k].which == DJ_SET_HOST ||
			overrides[k].which == DJ_SET_TEE;
		bool again = false;
		char origin[32];
		const char *v;

		(void)snprintf(origin, sizeof(origin), "--%s",
			overrides[k].option);
		for (size_t i = 0; (v = dj_cli_next(cli, overrides[k].option,
					    &i)) != NULL;) {
			if (!dj_settings_set(ret, overrides[k].which, v, origin,
				    again && is_list, err))
				return false;
			again = true;
		}
	}
	return true;
}

bool dj_cli_bad_setting(const struct dj_settings *s, enum dj_setting which,
	const char *want, struct dj_err *err)
{
	const char *origin = s->v[which].origin;
	const char *value = dj_settings_get(s, which);
	char shown[80];

	dj_clean(shown, sizeof(shown), value, strlen(value));
	return dj_err_set(err,
		strncmp(origin, "--", 2) == 0 ? "usage.value" : "config.value",
		"%s: \"%s\" is not %s", origin, shown, want);
}

bool dj_cli_visit(const struct dj_cli *cli, const struct dj_settings *s,
	struct dj_visit_options *ret, struct dj_err *err)
{
	*ret = (struct dj_visit_options){
		.hosts = (const char *const *)s->v[DJ_SET_HOST].items,
		.host_count = s->v[DJ_SET_HOST].count,
		.host = {
			.ca = dj_settings_get(s, DJ_SET_CA),
			.cert = dj_settings_get(s, DJ_SET_CERT),
			.key = dj_settings_get(s, DJ_SET_KEY),
			.token_file = dj_settings_get(s, DJ_SET_TOKEN_FILE),
			.private_fd = -1,
		},
		.policy = dj_settings_get(s, DJ_SET_POLICY),
		.tees = (const char *const *)s->v[DJ_SET_TEE].items,
		.tee_count = s->v[DJ_SET_TEE].count,
		.owner = dj_settings_get(s, DJ_SET_OWNER),
		.one_size = dj_cli_has(cli, "one-size") ||
			    dj_cli_has(cli, "steady"),
		.verbose_agent = cli->verbose > 1,
	};
	if (!dj_size_parse(dj_settings_get(s, DJ_SET_MEMORY), &ret->memory) ||
		ret->memory < (1u << 20) || ret->memory > (1ull << 46))
		return dj_cli_bad_setting(s, DJ_SET_MEMORY,
			"a size from 1MiB on, such as 256MiB or 2GiB", err);
	if (!dj_clock_parse(dj_settings_get(s, DJ_SET_CLOCK), &ret->time_policy,
		    &ret->time_ns))
		return dj_cli_bad_setting(s, DJ_SET_CLOCK,
			"host, client, counting, or fixed:2026-01-31T12:00:00Z",
			err);
	return true;
}

bool dj_cli_number(const struct dj_cli *cli, const char *name, uint64_t min,
	uint64_t max, uint64_t *ret, struct dj_err *err)
{
	const char *text = dj_cli_value(cli, name);
	char shown[64];
	char *end;
	unsigned long long v;

	*ret = 0;
	if (text == NULL)
		return true;
	errno = 0;
	v = strtoull(text, &end, 10);
	if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 &&
		v >= min && v <= max) {
		*ret = v;
		return true;
	}
	dj_clean(shown, sizeof(shown), text, strlen(text));
	return dj_err_set(err, "usage.value",
		"--%s: \"%s\" is not a number from %llu to %llu", name, shown,
		(unsigned long long)min, (unsigned long long)max);
}

/* ---- progress ---- */

#define PROGRESS_AFTER_US 300000

static char progress_line[96];
static volatile sig_atomic_t progress_shown;

static void show_progress(int sig)
{
	int saved = errno;

	(void)sig;
	progress_shown = 1;
	(void)!write(STDERR_FILENO, progress_line, strlen(progress_line));
	errno = saved;
}

static void set_timer(long us)
{
	struct itimerval t = { .it_value = { .tv_usec = us } };

	(void)setitimer(ITIMER_REAL, &t, NULL);
}

void dj_cli_quiet_line(void)
{
	set_timer(0);
	if (progress_shown)
		(void)!write(STDERR_FILENO, "\r\033[K", 4);
	progress_shown = 0;
}

static void begin_line(enum dj_visit_phase phase)
{
	static const char *const doing[DJ_VISIT_COUNT] = {
		[DJ_VISIT_KEEP] = "asking for a keep",
		[DJ_VISIT_EVIDENCE] = "waiting for evidence",
		[DJ_VISIT_SESSION] = "opening the session",
		[DJ_VISIT_SEND] = "sending the program",
	};
	struct sigaction a = { .sa_handler = show_progress,
		.sa_flags = SA_RESTART };

	dj_cli_quiet_line();
	if (doing[phase] == NULL)
		return;
	(void)snprintf(progress_line, sizeof(progress_line),
		"\r\033[Kdonjon: %s ...", doing[phase]);
	(void)sigaction(SIGALRM, &a, NULL);
	set_timer(PROGRESS_AFTER_US);
}

void dj_cli_watch(void *ctx, enum dj_visit_phase phase, const char *text,
	int64_t ms)
{
	const struct dj_cli *cli = ctx;

	if (phase == DJ_VISIT_COUNT) {
		if (!cli->quiet)
			fprintf(stderr,
				"donjon: making the keys of an emulated %s "
				"processor, once; this takes some seconds\n",
				text);
		return;
	}
	if (cli->verbose > 0 && text != NULL && text[0] != '\0')
		fprintf(stderr, "%-8s %s  %lld ms\n", dj_visit_phases[phase],
			text, (long long)ms);
	if (cli->verbose > 0 || cli->quiet || !isatty(STDERR_FILENO))
		return;
	if (text == NULL)
		begin_line(phase);
	else
		dj_cli_quiet_line();
}

/* ---- verdicts ---- */

void dj_cli_banner(const struct dj_visit *v)
{
	char text[160];
	const char *line = dj_verdict_banner(&v->verdict, text, sizeof(text));

	if (line != NULL)
		fprintf(stderr, "donjon: %s\n", line);
	dj_cli_adversary(v);
}

void dj_cli_adversary(const struct dj_visit *v)
{
	if (v->adversary[0] != '\0')
		fprintf(stderr,
			"donjon: ADVERSARY: this host says that it attacks this keep, for a test: %s\n",
			v->adversary);
}

/* ret: where it was saved, "" if it could not be. */
static void save_bundle(const struct dj_visit *v, char ret[static DJ_PATH_MAX])
{
	struct dj_err ignored = { 0 };
	char name[128];
	size_t len;
	uint8_t *bundle = dj_visit_bundle(v, &len);
	int fd;

	(void)snprintf(name, sizeof(name), "%s.evidence", v->keep);
	if (bundle != NULL && dj_state_make(&ignored) &&
		dj_path_state(ret, name)) {
		fd = open(ret, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		if (fd >= 0 && write(fd, bundle, len) == (ssize_t)len) {
			close(fd);
			free(bundle);
			return;
		}
		if (fd >= 0)
			close(fd);
	}
	free(bundle);
	ret[0] = '\0';
}

bool dj_cli_write_new(const char *path, const void *p, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	int saved;
	ssize_t n;
	bool good;

	if (fd < 0)
		return false;
	n = write(fd, p, len);
	if (n >= 0 && (size_t)n < len)
		errno = ENOSPC;
	good = n == (ssize_t)len && fsync(fd) == 0;
	saved = errno;
	if (close(fd) != 0 && good) {
		saved = errno;
		good = false;
	}
	if (!good)
		(void)unlink(path);
	errno = saved;
	return good;
}

/* A hint is typed as it is: none that is cut or that a shell would change. */
static bool hint_verify(struct dj_err *e, const char *policy, const char *path)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789/._-+,=:@%";
	char line[sizeof(e->hint)];

	if (policy[strspn(policy, plain)] != '\0' ||
		path[strspn(path, plain)] != '\0' ||
		snprintf(line, sizeof(line), "donjon verify --explain -p %s %s",
			policy, path) >= (int)sizeof(line))
		return false;
	dj_err_hint(e, "%s", line);
	return true;
}

int dj_cli_refused(const struct dj_cli *cli, const struct dj_visit *v,
	const struct dj_err *err)
{
	char path[DJ_PATH_MAX], shown[DJ_PATH_MAX];
	struct dj_err e = *err;

	dj_cli_quiet_line();
	dj_cli_adversary(v);
	if (!v->has_verdict || v->verdict.good)
		return dj_cli_fail(cli, err);
	save_bundle(v, path);
	if (!cli->json)
		dj_verdict_print(&v->verdict, false, stderr);
	if (path[0] != '\0' && v->o->policy != NULL &&
		!hint_verify(&e, v->o->policy, path))
		dj_cli_note(cli, "the evidence was saved as %s",
			dj_clean(shown, sizeof(shown), path, strlen(path)));
	return dj_cli_fail(cli, &e);
}
