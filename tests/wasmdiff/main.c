// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/hostnative.h"
#include "tests/wasmdiff/wasmdiff.h"
#include "tests/wasmgen/wasmgen.h"

#define TRIAL_SECONDS 600
#define CPU_SECONDS   8
#define TTF_MAX       ((size_t)1 << 20)
#define FILE_MAX      ((size_t)256 << 20)
/* So many with one process and one node, by the compiler of every eighth. */
#define BATCH         512

static const char usage[] =
	"usage: wasmdiff [OPTION...]\n"
	"  --seed N       the first (0)\n"
	"  --count N      how many (100)\n"
	"  --state FILE   go on where the last run with this file ended\n"
	"  --node PROGRAM node (node), or none\n"
	"  --engines LIST of guard,checks (both)\n"
	"  --alternate    one of them a module, both for every sixteenth\n"
	"  --optimise N   0 to 3 (by the seed: 2 for 2 in 16, 1 for 1, else 0)\n"
	"  --features HEX allowed ones, bits of lib/wasm/feature.h\n"
	"                 (by the seed: those of V8, or all of ours)\n"
	"  --dir DIR      for counterexamples (build/wasmdiff.d)\n"
	"  --ttf          modules by wasm-opt --translate-to-fuzz\n"
	"  --file FILE    that module, as each seed says\n"
	"  --fuel N       for each instance: of a FILE that need not end\n"
	"  --show         what the interpreter says of each\n"
	"  --shrink       make counterexamples small\n"
	"Exit status 1 if any module differs.\n";

/* What is counted, and the words for it in a state. */
enum counter {
	THREE,   /* agree in all */
	TWO,     /* in ours, having what V8 lacks */
	LACKING, /* no native code */
	DIFFER,
	LATE, /* not finished without optimisation */
	/* Of all of them: */
	BY_GUARD,
	BY_CHECKS,
	SOME, /* optimised a little */
	FULL, /* as donjon-aot does */
	TURBOFAN,
	BYTES,
	COUNTERS
};
static const char *const counter_names[COUNTERS] = { "three", "two", "lacking",
	"differ", "late", "guard", "checks", "some", "full", "turbofan",
	"bytes" };

/* Shared with the process that works, which may die. */
static struct progress {
	uint64_t next, end;
	uint64_t n[COUNTERS];
	uint64_t raised; /* the last seed that was late, and one */
} * p;

static struct {
	const char *node, *dir, *state, *file;
	uint64_t features, v8, fuel;
	unsigned engines, level;
	int optimise;
	bool shrink, alternate, ttf, show, node_there;
} opt = {
	.node = "node",
	.dir = "build/wasmdiff.d",
	.engines = 1u << GUARD | 1u << CHECKS,
	.optimise = -1,
};

/* ---- one seed ---- */

/* The finaliser of splitmix64: what a seed is tried with, by its bits. */
static uint64_t mixed(uint64_t z)
{
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static struct trial trial_of(uint64_t seed)
{
	static const uint8_t optimise[16] = { 2, 2, 1 };
	uint64_t r = mixed(seed + 1);
	struct trial t = {
		.seed = seed,
		.features = opt.features,
		.which = opt.engines,
		.optimise = optimise[r % 16],
		.level = (r >> 4) % 2 == 0 ? 0 : opt.level,
		.turbofan = seed / BATCH % 8 == 0,
		.fuel = opt.fuel,
		.node = opt.node,
		.dir = opt.dir,
	};

	if (opt.alternate && (r >> 8) % 16 != 0)
		t.which &= (r >> 12) % 2 == 0 ? 1u << GUARD : 1u << CHECKS;
	if (p->raised == seed + 1)
		t.optimise = 1;
	if (opt.optimise >= 0)
		t.optimise = (unsigned)opt.optimise;
	if (t.features == 0)
		t.features = DJ_WASM_HAVE;
	/* Every eighth may have what V8 lacks. */
	if (opt.features == 0 && opt.v8 != 0 && (r >> 13) % 8 != 0)
		t.features &= opt.v8;
	return t;
}

static void save(const struct trial *t, const struct wasmgen_module *m)
{
	char path[4096];
	FILE *f;

	(void)mkdir(t->dir, 0777);
	snprintf(path, sizeof(path), "%s/%llu.wasm", t->dir,
		(unsigned long long)t->seed);
	f = fopen(path, "wb");
	if (f == NULL || fwrite(m->bytes, 1, m->len, f) != m->len) {
		perror(path);
		exit(2);
	}
	fclose(f);
	printf("# %s, %zu bytes\n", path, m->len);
}

static void take_file(struct wasmgen_module *ret)
{
	static uint8_t bytes[FILE_MAX];
	FILE *f = fopen(opt.file, "rb");

	if (f == NULL) {
		perror(opt.file);
		_exit(2);
	}
	*ret = (struct wasmgen_module){ .bytes = bytes };
	ret->len = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
}

static void make_ttf(uint64_t seed, struct wasmgen_module *ret)
{
	static uint8_t bytes[TTF_MAX];

	*ret = (struct wasmgen_module){ .bytes = bytes };
	if (!ttf_make(seed, bytes, sizeof(bytes), &ret->len)) {
		fprintf(stderr, "wasmdiff: wasm-opt made nothing of %llu\n",
			(unsigned long long)seed);
		_exit(2);
	}
}

static void try(const struct trial *t, const bool *drop, size_t drop_count,
	bool verbose, struct verdict *ret)
{
	const struct wasmgen_options o = {
		.seed = t->seed,
		.features = t->features,
		.drop = drop,
		.drop_count = drop_count,
	};
	struct wasmgen_module m;
	struct trial how = *t;

	if (opt.file != NULL)
		take_file(&m);
	else if (opt.ttf)
		make_ttf(t->seed, &m);
	else
		wasmgen_make(&o, &m);
	if (opt.v8 != 0 && (m.features & ~opt.v8) == 0)
		how.which |= 1u << V8;
	if (drop != NULL && verbose)
		save(t, &m);
	how.show = opt.show && verbose;
	check(m.bytes, m.len, &how, verbose, ret);
	if (drop == NULL)
		p->n[BYTES] += m.len;
	if ((ret->differs || ret->lacking) && verbose && drop == NULL &&
		opt.file == NULL)
		save(t, &m);
}

bool trial_fails(const struct trial *t, const bool *drop, size_t drop_count,
	bool verbose)
{
	struct verdict v;
	pid_t pid;
	int status;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		return false;
	if (pid == 0) {
		alarm(TRIAL_SECONDS);
		if (opt.v8 != 0)
			opt.v8 = v8_begin(t->node, t->turbofan);
		try(t, drop, drop_count, verbose, &v);
		fflush(stdout);
		_exit(v.differs ? 1 : 0);
	}
	if (waitpid(pid, &status, 0) != pid)
		return false;
	if (WIFSIGNALED(status) && verbose)
		printf("# signal %d\n", WTERMSIG(status));
	return status != 0;
}

/* ---- many ---- */

static void count(const struct verdict *v, const struct trial *t)
{
	if (v->lacking)
		printf("seed %llu, features %llx, O%u, level %u: no code\n",
			(unsigned long long)t->seed,
			(unsigned long long)t->features, t->optimise, t->level);
	p->n[v->differs              ? DIFFER
			: v->lacking ? LACKING
			: v->with_v8 ? THREE
				     : TWO]++;
	p->n[BY_GUARD] += t->which >> GUARD & 1;
	p->n[BY_CHECKS] += t->which >> CHECKS & 1;
	p->n[SOME] += t->optimise == 1;
	p->n[FULL] += t->optimise > 1;
	p->n[TURBOFAN] += v->with_v8 && t->turbofan;
}

static void work(void)
{
	const struct itimerval cpu = { .it_value.tv_sec = CPU_SECONDS };

	if (opt.v8 != 0)
		opt.v8 = v8_begin(opt.node, trial_of(p->next).turbofan);
	if (opt.node_there && opt.v8 == 0) {
		fprintf(stderr, "wasmdiff: node does not start again\n");
		_exit(2);
	}
	for (; p->next < p->end; p->next++) {
		struct trial t = trial_of(p->next);
		struct verdict v;

		alarm(TRIAL_SECONDS);
		if (opt.fuel == 0)
			setitimer(ITIMER_PROF, &cpu, NULL);
		try(&t, NULL, 0, true, &v);
		count(&v, &t);
		if (!v.differs)
			continue;
		printf("seed %llu, features %llx, O%u, level %u: differs, %s\n",
			(unsigned long long)t.seed,
			(unsigned long long)t.features, t.optimise, t.level,
			engine_names[v.other]);
		if (opt.shrink && !opt.ttf && opt.file == NULL)
			shrink(&t);
		fflush(stdout);
	}
	v8_end();
}

/* Pairs of a word and a number: what is not there is none. */
static bool read_state(FILE *f)
{
	unsigned long long v;
	char word[32];

	while (fscanf(f, "%31s %llu", word, &v) == 2) {
		unsigned i = 0;

		if (strcmp(word, "next") == 0) {
			p->next = v;
			continue;
		}
		while (i < COUNTERS && strcmp(word, counter_names[i]) != 0)
			i++;
		if (i == COUNTERS)
			return false;
		p->n[i] = v;
	}
	return feof(f) != 0;
}

static bool begin_at_state(void)
{
	FILE *f = opt.state == NULL ? NULL : fopen(opt.state, "r");
	bool ok = true;

	if (f == NULL)
		return true;
	ok = read_state(f);
	fclose(f);
	if (!ok)
		fprintf(stderr, "%s: not a state\n", opt.state);
	return ok;
}

static void print_state(FILE *f)
{
	fprintf(f, "next %llu", (unsigned long long)p->next);
	for (unsigned i = 0; i < COUNTERS; i++)
		fprintf(f, " %s %llu", counter_names[i],
			(unsigned long long)p->n[i]);
	fputc('\n', f);
}

static void write_state(void)
{
	char path[4096];
	FILE *f;

	if (opt.state == NULL)
		return;
	snprintf(path, sizeof(path), "%s.new", opt.state);
	f = fopen(path, "w");
	if (f != NULL) {
		print_state(f);
		if (ferror(f) == 0 && fclose(f) == 0 &&
			rename(path, opt.state) == 0)
			return;
	}
	perror(opt.state);
	exit(2);
}

/*
 * LLVM 19 does not finish some code that it has not optimised: its instruction
 * combiner undoes what it did. That is counted, and optimised code tried.
 */
static bool raise_level(void)
{
	struct trial t = trial_of(p->next);

	if (t.optimise != 0)
		return false;
	printf("seed %llu, features %llx: no code within %d s at O0\n",
		(unsigned long long)t.seed, (unsigned long long)t.features,
		CPU_SECONDS);
	p->raised = p->next + 1;
	p->n[LATE]++;
	return true;
}

/* A process for each batch: what dies takes one module with it. */
static void run(void)
{
	uint64_t end = p->end;

	while (p->next < end) {
		pid_t pid;
		int status;

		p->end = p->next - p->next % BATCH + BATCH;
		if (p->end > end)
			p->end = end;
		fflush(stdout);
		pid = fork();
		if (pid < 0) {
			perror("fork");
			exit(2);
		}
		if (pid == 0) {
			work();
			fflush(stdout);
			_exit(0);
		}
		if (waitpid(pid, &status, 0) != pid)
			exit(2);
		if (WIFSIGNALED(status) && WTERMSIG(status) == SIGPROF &&
			raise_level()) {
			write_state();
			continue;
		}
		if (status != 0) {
			struct trial t = trial_of(p->next);

			printf("seed %llu, features %llx, O%u, level %u: "
			       "%s %d\n",
				(unsigned long long)t.seed,
				(unsigned long long)t.features, t.optimise,
				t.level,
				WIFSIGNALED(status) ? "signal" : "status",
				WIFSIGNALED(status) ? WTERMSIG(status)
						    : WEXITSTATUS(status));
			if (opt.shrink && !opt.ttf && opt.file == NULL)
				shrink(&t);
			p->n[DIFFER]++;
			p->next++;
		}
		write_state();
	}
}

static bool engines_from(const char *text)
{
	opt.engines = 0;
	if (strstr(text, "guard") != NULL)
		opt.engines |= 1u << GUARD;
	if (strstr(text, "checks") != NULL)
		opt.engines |= 1u << CHECKS;
	return true;
}

static bool option(const char *name, const char *value, uint64_t *count_wanted)
{
	if (strcmp(name, "--seed") == 0)
		p->next = strtoull(value, NULL, 10);
	else if (strcmp(name, "--count") == 0)
		*count_wanted = strtoull(value, NULL, 10);
	else if (strcmp(name, "--state") == 0)
		opt.state = value;
	else if (strcmp(name, "--node") == 0)
		opt.node = value;
	else if (strcmp(name, "--engines") == 0)
		return engines_from(value);
	else if (strcmp(name, "--optimise") == 0)
		opt.optimise = atoi(value);
	else if (strcmp(name, "--features") == 0)
		opt.features = strtoull(value, NULL, 16);
	else if (strcmp(name, "--file") == 0)
		opt.file = value;
	else if (strcmp(name, "--fuel") == 0)
		opt.fuel = strtoull(value, NULL, 10);
	else if (strcmp(name, "--dir") == 0)
		opt.dir = value;
	else
		return false;
	return true;
}

int main(int argc, char **argv)
{
	uint64_t wanted = 100;

	p = mmap(NULL, sizeof(*p), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return 2;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--shrink") == 0) {
			opt.shrink = true;
		} else if (strcmp(argv[i], "--show") == 0) {
			opt.show = true;
		} else if (strcmp(argv[i], "--ttf") == 0) {
			opt.ttf = true;
		} else if (strcmp(argv[i], "--alternate") == 0) {
			opt.alternate = true;
		} else if (i + 1 == argc ||
			!option(argv[i], argv[i + 1], &wanted)) {
			fputs(usage, stderr);
			return 2;
		} else {
			i++;
		}
	}
	if (!begin_at_state())
		return 2;
	p->end = p->next + wanted;
	hostnative_begin();
	opt.level = hostnative_level();
	if (strcmp(opt.node, "none") != 0) {
		opt.v8 = v8_begin(opt.node, false);
		v8_end();
		opt.node_there = opt.v8 != 0;
		if (!opt.node_there)
			fprintf(stderr, "wasmdiff: no node: without V8\n");
	}
	run();
	printf("V8 features %llx; ", (unsigned long long)opt.v8);
	print_state(stdout);
	return p->n[DIFFER] == 0 ? 0 : 1;
}
