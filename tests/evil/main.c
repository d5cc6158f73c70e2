// SPDX-License-Identifier: Apache-2.0
/*
 * evil --all [--every N] | --pairs [--every N] | --random N [--seed S] |
 *      --replay FILE... | --hours H [--seed S]     [-j N] [--stop] [--verbose]
 *
 * Campaigns of an evil host (evil.h). Each plan is run with both clients.
 * Prints every fault with its plan, made as small as it gets, and one line of
 * JSON. Exit 1 if there was a fault; --stop ends at the first.
 *
 *   --all     every point with every action that has a small argument
 *   --pairs   all pairs of points with the twelve most telling actions
 *   --random  plans of 1 to 8 steps, from seeds S, S + 1, ...
 *   --every N only every Nth plan of the list
 */
#include <err.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/evil/evil.h"

#define JOBS_MAX 64
#define STUCK_S  20

int __real_clock_gettime(clockid_t clock, struct timespec *t);

const char *__asan_default_options(void);
/* A Keep's stack is left in the middle of things: nothing to give back. */
const char *__asan_default_options(void)
{
	return "detect_stack_use_after_return=0:detect_leaks=0";
}

static const char *const oracle_names[EVIL_ORACLES] = { "none", "leaks",
	"false_accepts", "crashes", "hangs", "not_once", "reuses",
	"double_fetches" };

/* Of a worker; in memory that the parent sees when it has died. */
struct worker {
	uint64_t next; /* plan index */
	bool is_running;
	enum evil_kind kind;
	struct dj_plan plan;
	uint64_t runs, acted, successes, pairs, scanned;
	uint64_t faults[EVIL_ORACLES];
};

static struct options {
	enum {
		MODE_NONE,
		MODE_ALL,
		MODE_PAIRS,
		MODE_RANDOM,
		MODE_HOURS,
		MODE_REPLAY
	} mode;
	uint64_t count, seed, every;
	double hours;
	int first; /* operand */
	unsigned jobs;
	bool stop, verbose;
} opt = { .seed = 1, .every = 1, .jobs = 1 };

static struct worker *workers;
static double began;

static double now(void)
{
	struct timespec t;

	(void)__real_clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- what a campaign consists of ---- */

typedef bool visit(void *ctx, const struct dj_plan_step *s);

struct place {
	enum dj_plan_point point;
	uint32_t times;
};

/* As often as an honest session comes by there, and a little more. */
static const struct place places[] = { { DJ_POINT_HELLO, 3 },
	{ DJ_POINT_OPEN, 3 }, { DJ_POINT_C2K, 16 }, { DJ_POINT_OFFER, 3 },
	{ DJ_POINT_EVIDENCE, 3 }, { DJ_POINT_K2C, 14 }, { DJ_POINT_ERROR, 1 } };

static const uint32_t bits[] = { 0, 7, 8, 15, 16, 31, 32, 40, 56, 63, 64, 71,
	96, 111, 191, 199, 333, 600, 1007, 2000, 4095, 131072, UINT32_MAX };
static const uint32_t cuts[] = { 1, 7, 8, 9, 16, 100, 1000, UINT32_MAX };
static const uint32_t grows[] = { 1, 8, 9, 280, 16408, 131071 };
static const uint32_t delays[] = { 1, 2, 5 };

static bool numbers(struct dj_plan_step s, enum dj_plan_action action,
	const uint32_t *list, size_t count, visit *fn, void *ctx)
{
	s.action = action;
	for (size_t i = 0; i < count; i++) {
		s.a = list[i];
		if (!fn(ctx, &s))
			return false;
	}
	return true;
}

static bool sets(struct dj_plan_step s, enum dj_plan_field from,
	enum dj_plan_field to, visit *fn, void *ctx)
{
	const uint64_t *edges;
	size_t n = dj_plan_edges(&edges);

	for (s.action = DJ_ACT_SET; s.action <= DJ_ACT_ADD; s.action++)
		for (s.field = from; s.field <= to; s.field++)
			for (size_t i = 0; i < n; i++) {
				s.value = edges[i];
				if (!fn(ctx, &s))
					return false;
			}
	return true;
}

static bool frames(visit *fn, void *ctx)
{
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		for (uint32_t at = 0; at < places[i].times; at++) {
			struct dj_plan_step s = { .point = places[i].point,
				.at = at };

			for (s.action = DJ_ACT_PASS; s.action <= DJ_ACT_CLOSE;
				s.action++)
				if (!fn(ctx, &s))
					return false;
			if (!numbers(s, DJ_ACT_FLIP, bits,
				    sizeof(bits) / sizeof(bits[0]), fn, ctx) ||
				!numbers(s, DJ_ACT_CUT, cuts,
					sizeof(cuts) / sizeof(cuts[0]), fn,
					ctx) ||
				!numbers(s, DJ_ACT_GROW, grows,
					sizeof(grows) / sizeof(grows[0]), fn,
					ctx) ||
				!numbers(s, DJ_ACT_DELAY, delays, 3, fn, ctx) ||
				!sets(s, DJ_FIELD_TYPE, DJ_FIELD_LENGTH, fn,
					ctx))
				return false;
		}
	return true;
}

static bool calls(visit *fn, void *ctx)
{
	for (uint32_t at = 0; at < 40; at++)
		if (!sets((struct dj_plan_step){ .point = DJ_POINT_LINE,
				  .at = at },
			    DJ_FIELD_MAGIC, DJ_FIELD_VALUE, fn, ctx))
			return false;
	for (uint32_t at = 0; at < 9; at++) {
		struct dj_plan_step s = {
			.point = DJ_POINT_REPORT + at % 3,
			.at = at / 3,
		};

		if (!sets(s, DJ_FIELD_MAGIC, DJ_FIELD_VALUE, fn, ctx))
			return false;
	}
	for (uint32_t i = 0; i < 5 * 2; i++) {
		struct dj_plan_step s = { .point = DJ_POINT_REPORT,
			.at = i % 2,
			.action = DJ_ACT_SET,
			.field = DJ_FIELD_LABEL,
			.value = i / 2 };

		if (!fn(ctx, &s))
			return false;
	}
	return true;
}

static bool launches(visit *fn, void *ctx)
{
	struct dj_plan_step s = { .action = DJ_ACT_FLIP };

	for (s.point = DJ_POINT_CONFIG; s.point <= DJ_POINT_IMAGE; s.point++)
		for (s.a = 0; s.a < (s.point == DJ_POINT_CONFIG ? 480 : 256);
			s.a++)
			if (!fn(ctx, &s))
				return false;
	return true;
}

static bool events(visit *fn, void *ctx)
{
	struct dj_plan_step s = { .point = DJ_POINT_EVENT };

	for (s.at = 0; s.at < 30; s.at++) {
		s.action = DJ_ACT_KICK;
		if (!fn(ctx, &s))
			return false;
		s.action = DJ_ACT_KILL;
		for (s.a = 0; s.a < DJ_KILL_COUNT; s.a++)
			if (!fn(ctx, &s))
				return false;
	}
	return true;
}

static bool memories(visit *fn, void *ctx)
{
	static const uint32_t offs[] = { 0x1000, 0x1008, 0x1010, 0x1014, 0x1018,
		0x1020, 0x2000, 0x6000, 0x8000, 0x8004, 0x8058, 0x8068, 0x80c8,
		0x8100, 0x9000, 0x28000, 0x28004, 0x29000 };
	struct dj_plan_step s = { .point = DJ_POINT_MEMORY,
		.action = DJ_ACT_SCRIBBLE };

	for (s.at = 0; s.at < 60; s.at++)
		for (size_t i = 0; i < sizeof(offs) / sizeof(offs[0]); i++) {
			s.a = offs[i];
			s.value = i % 2 == 0 ? UINT64_MAX : s.at;
			if (!fn(ctx, &s))
				return false;
		}
	return true;
}

static bool tenants(visit *fn, void *ctx)
{
	struct dj_plan_step s = { .point = DJ_POINT_TENANT };

	for (s.at = 0; s.at < 16; s.at++)
		if (!numbers(s, DJ_ACT_FLIP, bits,
			    sizeof(bits) / sizeof(bits[0]), fn, ctx))
			return false;
	return true;
}

static bool each_single(visit *fn, void *ctx)
{
	return frames(fn, ctx) && calls(fn, ctx) && launches(fn, ctx) &&
		events(fn, ctx) && memories(fn, ctx) && tenants(fn, ctx);
}

/* The twelve most telling at each of a session's places. */
static bool each_telling(visit *fn, void *ctx)
{
	static const struct dj_plan_step acts[] = {
		{ .action = DJ_ACT_DROP },
		{ .action = DJ_ACT_REPEAT },
		{ .action = DJ_ACT_SWAP },
		{ .action = DJ_ACT_REPLACE },
		{ .action = DJ_ACT_DELAY, .a = 2 },
		{ .action = DJ_ACT_FLIP, .a = 7 },
		{ .action = DJ_ACT_FLIP, .a = 111 },
		{ .action = DJ_ACT_FLIP, .a = UINT32_MAX },
		{ .action = DJ_ACT_CUT, .a = 1 },
		{ .action = DJ_ACT_GROW, .a = 9 },
		{ .action = DJ_ACT_CLOSE },
		{ .action = DJ_ACT_KILL, .a = DJ_KILL_CLIENT },
	};
	static const struct place few[] = { { DJ_POINT_HELLO, 2 },
		{ DJ_POINT_OPEN, 2 }, { DJ_POINT_C2K, 6 },
		{ DJ_POINT_OFFER, 2 }, { DJ_POINT_EVIDENCE, 2 },
		{ DJ_POINT_K2C, 5 } };

	for (size_t i = 0; i < sizeof(few) / sizeof(few[0]); i++)
		for (uint32_t at = 0; at < few[i].times; at++)
			for (size_t k = 0; k < sizeof(acts) / sizeof(acts[0]);
				k++) {
				struct dj_plan_step s = acts[k];

				s.point = few[i].point;
				s.at = at;
				if (!fn(ctx, &s))
					return false;
			}
	return true;
}

struct list {
	struct dj_plan_step *p;
	size_t n, cap;
};

static bool add(void *ctx, const struct dj_plan_step *s)
{
	struct list *l = ctx;

	if (l->n == l->cap) {
		l->cap = l->cap == 0 ? 4096 : 2 * l->cap;
		l->p = realloc(l->p, l->cap * sizeof(*l->p));
		if (l->p == NULL)
			err(2, "no memory");
	}
	l->p[l->n++] = *s;
	return true;
}

static struct list list;

static uint64_t plan_count(void)
{
	switch (opt.mode) {
	case MODE_ALL:
		return list.n;
	case MODE_PAIRS:
		return (uint64_t)list.n * list.n;
	case MODE_RANDOM:
		return opt.count;
	case MODE_HOURS:
		return UINT64_MAX;
	case MODE_REPLAY:
	case MODE_NONE:
		break;
	}
	return 1;
}

/* False: there is no such plan (half of the square of pairs). */
static bool make_plan(uint64_t i, struct dj_plan *ret)
{
	*ret = (struct dj_plan){ .seed = opt.seed };
	switch (opt.mode) {
	case MODE_ALL:
		ret->step[ret->count++] = list.p[i];
		return true;
	case MODE_PAIRS:
		ret->step[ret->count++] = list.p[i / list.n];
		ret->step[ret->count++] = list.p[i % list.n];
		return i / list.n < i % list.n;
	case MODE_RANDOM:
	case MODE_HOURS:
		dj_plan_random(opt.seed + i, ret);
		return true;
	case MODE_REPLAY:
	case MODE_NONE:
		break;
	}
	return false;
}

/* ---- running ---- */

static void stuck(int sig)
{
	static const char text[] = "evil: stuck\n";

	(void)sig;
	(void)!write(2, text, sizeof(text) - 1);
	_exit(71);
}

static bool still_fails(const struct dj_plan *p, enum evil_kind kind,
	enum evil_oracle fault)
{
	struct evil_result r;

	evil_run(p, kind, &r);
	return r.fault == fault;
}

/* Takes away what is not needed for the same fault. */
static void minimise(struct dj_plan *p, enum evil_kind kind,
	enum evil_oracle fault)
{
	for (size_t i = p->count; i > 0; i--) {
		struct dj_plan less = *p;

		memmove(&less.step[i - 1], &less.step[i],
			(less.count - i) * sizeof(less.step[0]));
		less.count--;
		if (still_fails(&less, kind, fault))
			*p = less;
	}
}

static void say_fault(const struct dj_plan *p, enum evil_kind kind,
	const char *oracle, const char *text)
{
	char plan[DJ_PLAN_TEXT];

	if (dj_plan_write(p, plan, sizeof(plan)) != DJ_OK)
		plan[0] = '\0';
	flockfile(stdout);
	printf("# fault: %s: %s\n# client %d\n%s", oracle, text, kind, plan);
	funlockfile(stdout);
	fflush(stdout);
}

static bool run_plan(struct worker *w, const struct dj_plan *plan)
{
	bool good = true;

	for (enum evil_kind k = EVIL_CLIENT; k < EVIL_KINDS; k++) {
		struct evil_result r;

		w->plan = *plan;
		w->kind = k;
		w->is_running = true;
		alarm(STUCK_S);
		evil_run(plan, k, &r);
		alarm(0);
		w->is_running = false;
		w->runs++;
		w->acted += r.acted != 0;
		w->successes += r.is_success;
		w->pairs += r.pairs;
		w->scanned += r.scanned;
		w->faults[r.fault]++;
		if (opt.verbose)
			printf("# %d %s %s\n", k,
				r.is_success ? "success" : r.error, r.text);
		if (r.fault == EVIL_NONE)
			continue;
		good = false;
		if (!opt.stop) {
			struct dj_plan least = *plan;

			minimise(&least, k, r.fault);
			say_fault(&least, k, oracle_names[r.fault], r.text);
		} else {
			say_fault(plan, k, oracle_names[r.fault], r.text);
		}
	}
	return good;
}

static bool is_over(void)
{
	return opt.mode == MODE_HOURS && now() - began > opt.hours * 3600;
}

static void work(struct worker *w)
{
	uint64_t step = opt.every * opt.jobs;
	uint64_t count = plan_count();
	struct dj_plan plan;

	while (w->next < count && !is_over()) {
		uint64_t i = w->next;

		w->next = count - i > step ? i + step : count;
		if (make_plan(i, &plan) && !run_plan(w, &plan) && opt.stop)
			exit(0);
	}
}

static pid_t spawn(struct worker *w)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		err(2, "fork");
	if (pid != 0)
		return pid;
	signal(SIGALRM, stuck);
	work(w);
	exit(0);
}

/* A worker that died is a fault of the plan that it was at. */
static bool took_end(struct worker *w, int status)
{
	bool is_stuck = WIFEXITED(status) && WEXITSTATUS(status) == 71;

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	w->faults[is_stuck ? EVIL_HANG : EVIL_CRASH]++;
	w->runs++;
	say_fault(&w->plan, w->kind, is_stuck ? "hangs" : "crashes",
		"the process ended");
	return opt.stop;
}

static void campaign(void)
{
	pid_t pids[JOBS_MAX];
	unsigned left = opt.jobs;

	for (unsigned i = 0; i < opt.jobs; i++) {
		workers[i].next = (uint64_t)i * opt.every;
		pids[i] = spawn(&workers[i]);
	}
	while (left > 0) {
		int status;
		pid_t pid = wait(&status);

		for (unsigned i = 0; i < opt.jobs; i++) {
			if (pids[i] != pid)
				continue;
			if (took_end(&workers[i], status))
				left--;
			else
				pids[i] = spawn(&workers[i]);
		}
	}
}

static void replay(const char *path)
{
	static char text[DJ_PLAN_TEXT + 1];
	FILE *f = fopen(path, "re");
	struct dj_plan plan;
	unsigned line = 0;
	size_t n;

	if (f == NULL)
		err(2, "%s", path);
	n = fread(text, 1, sizeof(text), f);
	fclose(f);
	if (dj_plan_parse(text, n, &plan, &line) != DJ_OK)
		errx(2, "%s: line %u is no step of a plan", path, line);
	signal(SIGALRM, stuck);
	(void)run_plan(&workers[0], &plan);
}

static bool report(void)
{
	static const char *const modes[] = { "none", "all", "pairs", "random",
		"hours", "replay" };
	struct worker sum = { 0 };
	struct rusage use;
	bool good = true;

	for (unsigned i = 0; i < opt.jobs; i++) {
		sum.runs += workers[i].runs;
		sum.acted += workers[i].acted;
		sum.successes += workers[i].successes;
		sum.pairs += workers[i].pairs;
		sum.scanned += workers[i].scanned;
		for (int k = 0; k < EVIL_ORACLES; k++)
			sum.faults[k] += workers[i].faults[k];
	}
	printf("{\"schema\":\"donjon.evil/1\",\"campaign\":\"%s\",\"seed\":%llu,"
	       "\"every\":%llu,\"runs\":%llu,\"acted\":%llu,\"successes\":%llu",
		modes[opt.mode], (unsigned long long)opt.seed,
		(unsigned long long)opt.every, (unsigned long long)sum.runs,
		(unsigned long long)sum.acted,
		(unsigned long long)sum.successes);
	for (int k = EVIL_LEAK; k < EVIL_ORACLES; k++) {
		printf(",\"%s\":%llu", oracle_names[k],
			(unsigned long long)sum.faults[k]);
		good = good && sum.faults[k] == 0;
	}
	(void)getrusage(RUSAGE_CHILDREN, &use);
	printf(",\"key_nonce_pairs\":%llu,\"scanned_bytes\":%llu,\"cpu_seconds\":%ld,"
	       "\"seconds\":%.1f}\n",
		(unsigned long long)sum.pairs, (unsigned long long)sum.scanned,
		use.ru_utime.tv_sec + use.ru_stime.tv_sec, now() - began);
	return good;
}

static void usage(void)
{
	errx(64,
		"usage: evil --all | --pairs | --random N | --hours H | "
		"--replay PLAN... [--seed S] [--every N] [-j N] [--stop]");
}

static uint64_t number(const char *s)
{
	char *end;
	uint64_t v = strtoull(s, &end, 10);

	if (*s < '0' || *s > '9' || *end != '\0')
		errx(64, "%s is no number", s);
	return v;
}

static void read_options(int argc, char **argv)
{
	static const struct option longs[] = { { "all", 0, NULL, 'a' },
		{ "pairs", 0, NULL, 'p' }, { "random", 1, NULL, 'r' },
		{ "hours", 1, NULL, 'h' }, { "replay", 0, NULL, 'R' },
		{ "seed", 1, NULL, 's' }, { "every", 1, NULL, 'e' },
		{ "stop", 0, NULL, 'S' }, { "verbose", 0, NULL, 'v' },
		{ NULL, 0, NULL, 0 } };
	int ch;

	while ((ch = getopt_long(argc, argv, "j:v", longs, NULL)) != -1) {
		if (ch == 'a')
			opt.mode = MODE_ALL;
		else if (ch == 'p')
			opt.mode = MODE_PAIRS;
		else if (ch == 'r')
			opt.mode = MODE_RANDOM, opt.count = number(optarg);
		else if (ch == 'h')
			opt.mode = MODE_HOURS, opt.hours = atof(optarg);
		else if (ch == 'R')
			opt.mode = MODE_REPLAY;
		else if (ch == 's')
			opt.seed = number(optarg);
		else if (ch == 'e')
			opt.every = number(optarg);
		else if (ch == 'j')
			opt.jobs = (unsigned)number(optarg);
		else if (ch == 'S')
			opt.stop = true;
		else if (ch == 'v')
			opt.verbose = true;
		else
			usage();
	}
	if (opt.mode == MODE_NONE || opt.jobs == 0 || opt.jobs > JOBS_MAX ||
		opt.every == 0 || (optind < argc) != (opt.mode == MODE_REPLAY))
		usage();
	opt.first = optind;
}

int main(int argc, char **argv)
{
	read_options(argc, argv);
	workers = mmap(NULL, JOBS_MAX * sizeof(*workers),
		PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (workers == MAP_FAILED)
		err(2, "mmap");
	signal(SIGPIPE, SIG_IGN);
	began = now();
	if (opt.mode == MODE_ALL)
		(void)each_single(add, &list);
	else if (opt.mode == MODE_PAIRS)
		(void)each_telling(add, &list);
	if (opt.mode == MODE_REPLAY)
		for (int i = opt.first; i < argc; i++)
			replay(argv[i]);
	else
		campaign();
	return report() ? 0 : 1;
}
