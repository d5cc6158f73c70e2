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

static const char usage[] =
	"usage: wasmdiff [OPTION...]\n"
	"  --seed N       the first (0)\n"
	"  --count N      how many (100)\n"
	"  --state FILE   go on where the last run with this file ended\n"
	"  --node PROGRAM node (node), or none\n"
	"  --engines LIST of guard,checks (both)\n"
	"  --alternate    one of them a module\n"
	"  --optimise N   0 to 3 (by the seed: mostly 0)\n"
	"  --features HEX allowed ones, bits of lib/wasm/feature.h\n"
	"                 (by the seed: those of V8, or all of ours)\n"
	"  --dir DIR      for counterexamples (build/wasmdiff.d)\n"
	"  --ttf          modules by wasm-opt --translate-to-fuzz\n"
	"  --shrink       make counterexamples small\n"
	"Exit status 1 if any module differs.\n";

/* Shared with the process that works, which may die. */
static struct progress {
	uint64_t next, end;
	uint64_t three, two, lacking, differ;
	uint64_t full;         /* of them, optimised in full */
	uint64_t late, raised; /* the last seed of them, and one */
} * p;

static struct {
	const char *node, *dir, *state;
	uint64_t features, v8;
	unsigned engines, level;
	int optimise;
	bool shrink, alternate, ttf;
} opt = {
	.node = "node",
	.dir = "build/wasmdiff.d",
	.engines = 1u << GUARD | 1u << CHECKS,
	.optimise = -1,
};

/* ---- one seed ---- */

static struct trial trial_of(uint64_t seed)
{
	static const uint8_t optimise[] = { 2, 0, 0, 0, 0, 1, 0, 0, 0, 0 };
	struct trial t = {
		.seed = seed,
		.features = opt.features,
		.which = opt.engines,
		.optimise = optimise[seed / 2 % 10],
		.level = seed / 2 % 2 == 0 ? 0 : opt.level,
		.node = opt.node,
		.dir = opt.dir,
	};

	if (opt.alternate)
		t.which &= seed % 2 == 0 ? 1u << GUARD : 1u << CHECKS;
	if (p->raised == seed + 1)
		t.optimise = 1;
	if (opt.optimise >= 0)
		t.optimise = (unsigned)opt.optimise;
	if (t.features == 0)
		t.features = DJ_WASM_HAVE;
	/* Every eighth may have what V8 lacks. */
	if (opt.features == 0 && opt.v8 != 0 && seed % 8 != 7)
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
	unsigned which = t->which;

	if (opt.ttf)
		make_ttf(t->seed, &m);
	else
		wasmgen_make(&o, &m);
	if (opt.v8 != 0 && (m.features & ~opt.v8) == 0)
		which |= 1u << V8;
	if (drop != NULL && verbose)
		save(t, &m);
	check(m.bytes, m.len, which, t->optimise, t->level, verbose, ret);
	if (ret->differs && verbose && drop == NULL)
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
			opt.v8 = v8_begin(t->node);
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
		p->lacking++;
	else if (v->with_v8)
		p->three++;
	else
		p->two++;
	if (v->differs)
		p->differ++;
	if (t->optimise > 1)
		p->full++;
}

static void work(void)
{
	const struct itimerval cpu = { .it_value.tv_sec = CPU_SECONDS };

	if (opt.v8 != 0)
		opt.v8 = v8_begin(opt.node);
	for (; p->next < p->end; p->next++) {
		struct trial t = trial_of(p->next);
		struct verdict v;

		alarm(TRIAL_SECONDS);
		setitimer(ITIMER_PROF, &cpu, NULL);
		try(&t, NULL, 0, true, &v);
		count(&v, &t);
		if (!v.differs)
			continue;
		printf("seed %llu, features %llx, O%u, level %u: differs, %s\n",
			(unsigned long long)t.seed,
			(unsigned long long)t.features, t.optimise, t.level,
			engine_names[v.other]);
		if (opt.shrink && !opt.ttf)
			shrink(&t);
		fflush(stdout);
	}
	v8_end();
}

static bool read_state(uint64_t count_wanted)
{
	FILE *f = opt.state == NULL ? NULL : fopen(opt.state, "r");
	unsigned long long v[7] = { 0 };

	if (f != NULL) {
		if (fscanf(f,
			    "next %llu three %llu two %llu lacking %llu "
			    "differ %llu full %llu late %llu",
			    &v[0], &v[1], &v[2], &v[3], &v[4], &v[5],
			    &v[6]) < 6) {
			fclose(f);
			fprintf(stderr, "%s: not a state\n", opt.state);
			return false;
		}
		fclose(f);
		*p = (struct progress){ v[0], 0, v[1], v[2], v[3], v[4], v[5],
			v[6], 0 };
	}
	p->end = p->next + count_wanted;
	return true;
}

static void write_state(void)
{
	char path[4096];
	FILE *f;

	if (opt.state == NULL)
		return;
	snprintf(path, sizeof(path), "%s.new", opt.state);
	f = fopen(path, "w");
	if (f == NULL ||
		fprintf(f,
			"next %llu three %llu two %llu lacking %llu "
			"differ %llu full %llu late %llu\n",
			(unsigned long long)p->next,
			(unsigned long long)p->three,
			(unsigned long long)p->two,
			(unsigned long long)p->lacking,
			(unsigned long long)p->differ,
			(unsigned long long)p->full,
			(unsigned long long)p->late) < 0 ||
		fclose(f) != 0 || rename(path, opt.state) != 0) {
		perror(opt.state);
		exit(2);
	}
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
	p->late++;
	return true;
}

/* A process for every two hundred: what dies takes one module with it. */
static void run(void)
{
	uint64_t end = p->end;

	while (p->next < end) {
		pid_t pid;
		int status;

		p->end = end - p->next > 200 ? p->next + 200 : end;
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
			if (opt.shrink && !opt.ttf)
				shrink(&t);
			p->differ++;
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
	if (!read_state(wanted))
		return 2;
	hostnative_begin();
	opt.level = engine_level();
	if (strcmp(opt.node, "none") != 0) {
		opt.v8 = v8_begin(opt.node);
		v8_end();
		if (opt.v8 == 0)
			fprintf(stderr, "wasmdiff: no node: without V8\n");
	}
	run();
	printf("to seed %llu: %llu modules agree with V8 (features %llx), %llu "
	       "of ours alone, %llu lack native code, %llu differ; %llu "
	       "optimised in full, %llu not finished at O0\n",
		(unsigned long long)p->next, (unsigned long long)p->three,
		(unsigned long long)opt.v8, (unsigned long long)p->two,
		(unsigned long long)p->lacking, (unsigned long long)p->differ,
		(unsigned long long)p->full, (unsigned long long)p->late);
	return p->differ == 0 ? 0 : 1;
}
