// SPDX-License-Identifier: Apache-2.0
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/agent/cgroup.h"
#include "host/agent/options.h"
#include "host/agent/quota.h"
#include "tests/tap.h"

#define MIB (UINT64_C(1) << 20)

static void what_is_left_decides_and_the_refusal_names_it(void)
{
	static const struct {
		const char *what;
		struct dj_use all, own;
		uint64_t ask;
		const char *error; /* NULL: allowed */
		int status;
		bool is_for_ever;
	} rows[] = {
		{ "nothing used", { 0, 0 }, { 0, 0 }, 100 * MIB, NULL, 0,
			false },
		{ "all that is left", { 3, 300 * MIB }, { 0, 0 }, 100 * MIB,
			NULL, 0, false },
		{ "one byte more", { 3, 300 * MIB }, { 0, 0 }, 100 * MIB + 1,
			"host.memory", 503, false },
		{ "the last Keep", { 9, 0 }, { 1, 0 }, 1, NULL, 0, false },
		{ "one Keep more", { 10, 0 }, { 1, 0 }, 1, "host.full", 503,
			false },
		{ "all mine", { 10, 0 }, { 10, 0 }, 1, "quota.keeps", 429,
			false },
		{ "my last Keep", { 5, 0 }, { 4, 0 }, 1, NULL, 0, false },
		{ "one of mine more", { 5, 0 }, { 5, 0 }, 1, "quota.keeps", 429,
			false },
		{ "my memory", { 1, 100 * MIB }, { 1, 100 * MIB }, 100 * MIB,
			NULL, 0, false },
		{ "more than mine", { 1, 100 * MIB }, { 1, 100 * MIB },
			100 * MIB + 1, "quota.memory", 429, false },
		{ "more than anybody's", { 0, 0 }, { 0, 0 }, 200 * MIB + 1,
			"quota.memory", 429, true },
		{ "more given away than there is now", { 3, 500 * MIB },
			{ 0, 0 }, 1, "host.memory", 503, false },
		{ "a sum past 64 bits", { 1, 100 * MIB }, { 0, 0 }, UINT64_MAX,
			"quota.memory", 429, true },
	};
	static const struct dj_quota q = { .max_keeps = 10,
		.max_caller_keeps = 5,
		.memory = 400 * MIB,
		.max_caller_memory = 200 * MIB };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dj_refusal no = { 0 };
		bool yes = dj_quota_allows(&q, &rows[i].all, &rows[i].own,
			rows[i].ask, &no);

		printf("# %s\n", rows[i].what);
		eq_u64(yes, rows[i].error == NULL);
		if (yes || rows[i].error == NULL)
			continue;
		eq_str(no.error, rows[i].error);
		eq_u64(no.status, rows[i].status);
		eq_u64(no.is_for_ever, rows[i].is_for_ever);
	}
}

static void without_quotas_the_host_decides(void)
{
	static const struct dj_quota q = { .max_keeps = 2,
		.memory = UINT64_MAX };
	const struct dj_use one = { 1, UINT64_MAX - 1 };
	const struct dj_use little = { 1, 0 };
	const struct dj_use two = { 2, 0 };
	struct dj_refusal no = { 0 };

	ok(dj_quota_allows(&q, &one, &one, 1, &no));
	ok(!dj_quota_allows(&q, &one, &little, 2, &no));
	eq_str(no.error, "host.memory");
	ok(!dj_quota_allows(&q, &two, &two, 1, &no));
	eq_str(no.error, "host.full");
	/* The caller holds all of it: waiting for others is no use. */
	eq_u64(no.status, 429);
}

static unsigned burst(struct dj_rates *r, const char *who, uint64_t at)
{
	unsigned n = 0;

	while (n < 1000 && dj_rate_allows(r, who, 10, at))
		n++;
	return n;
}

static void a_caller_has_its_rate_and_no_more(void)
{
	static struct dj_rates r;
	const uint64_t s = UINT64_C(1000000000);

	eq_u64(burst(&r, "a", s), 10);
	eq_u64(burst(&r, "a", s), 0);
	eq_u64(burst(&r, "b", s), 10);
	eq_u64(burst(&r, "a", s + s / 2), 5);
	eq_u64(burst(&r, "a", s + s / 2 + s / 20), 0);
	eq_u64(burst(&r, "a", s + s / 2 + s / 10), 1);
	/* Quiet for a year: still one second's worth. */
	eq_u64(burst(&r, "a", s * 31536000), 10);
	/* And no more if not all of it was used before. */
	ok(dj_rate_allows(&r, "a", 10, 2 * s * 31536000));
	eq_u64(burst(&r, "a", 3 * s * 31536000), 10);
	/* Asking often does not lose what accrues between. */
	for (unsigned i = 1; i <= 99; i++)
		ok(!dj_rate_allows(&r, "b2", 0, s));
}

static void many_callers_push_out_the_quietest(void)
{
	static struct dj_rates r;
	char who[16];

	eq_u64(burst(&r, "first", 1), 10);
	for (unsigned i = 0; i < DJ_RATE_CALLERS - 1; i++) {
		snprintf(who, sizeof(who), "c%u", i);
		ok(dj_rate_allows(&r, who, 10, 1000 + i));
	}
	eq_u64(burst(&r, "first", 5000), 0);
	ok(dj_rate_allows(&r, "one more", 10, 6000));
	eq_u64(burst(&r, "c200", 6000), 9);
}

static char root[64];

static void put(const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	f = fopen(path, "w");
	if (f != NULL) {
		(void)fputs(text, f);
		(void)fclose(f);
	}
}

static bool has(const char *name, const char *want)
{
	char path[256];
	char text[256] = "";
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	f = fopen(path, "r");
	if (f == NULL)
		return false;
	(void)!fread(text, 1, sizeof(text) - 1, f);
	(void)fclose(f);
	return strcmp(text, want) == 0;
}

static int drop(const char *path, const struct stat *st, int type,
	struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void make(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	(void)mkdir(path, 0755);
}

/* A folder with the files that the kernel would make. */
static void version_2_moves_the_agent_to_a_leaf_and_limits_each_keep(void)
{
	struct dj_cgroup g;
	char why[256] = "";
	char pid[16];
	int procs[DJ_CGROUP_MAX] = { -1, -1 };

	snprintf(root, sizeof(root), "/tmp/donjon-cg-XXXXXX");
	ok(mkdtemp(root) != NULL);
	put("cgroup.controllers", "memory pids\n");
	make("unit");
	make("unit/agent");
	put("unit/agent/cgroup.procs", "");
	put("unit/cgroup.subtree_control", "");
	make("unit/k-1");
	eq_u64(dj_cgroup_init("self", root, "0::/unit\n", &g, why), DJ_OK);
	eq_u64(g.count, 1);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	ok(has("unit/agent/cgroup.procs", pid));
	ok(has("unit/cgroup.subtree_control", "+memory +pids"));
	/* There already: not ours. */
	ok(dj_cgroup_make(&g, "k-1", MIB, procs) == DJ_E_SYS);
	/* The kernel would have put files there; this folder stays empty. */
	ok(dj_cgroup_make(&g, "k-2", MIB, procs) == DJ_E_SYS);
	ok(!has("unit/k-2/memory.max", ""));
	eq_u64(procs[0], -1);
	ok(dj_cgroup_remove(&g, "k-2"));
	dj_cgroup_done(&g);
}

static void without_a_right_to_it_there_are_no_groups_and_a_reason(void)
{
	struct dj_cgroup g = { .count = 9 };
	char why[256] = "";

	ok(dj_cgroup_init("/nowhere", root, "0::/unit\n", &g, why) != DJ_OK);
	eq_u64(g.count, 0);
	ok(strstr(why, "/nowhere") != NULL);
	g.count = 9;
	/* No line for the hierarchy. */
	ok(dj_cgroup_init("self", root, "4:memory:/a\n", &g, why) != DJ_OK);
	eq_u64(g.count, 0);
	ok(nftw(root, drop, 8, FTW_DEPTH | FTW_PHYS) == 0);
}

static dj_status options(struct dj_options *o, const char *a, const char *b,
	char err[static 256])
{
	char name[] = "donjond";
	char socket[] = "--socket=/x";
	char x[64], y[64];
	char *argv[] = { name, socket, x, y, NULL };

	snprintf(x, sizeof(x), "%s", a);
	snprintf(y, sizeof(y), "%s", b);
	return dj_options_parse(4, argv, o, err);
}

static void sizes_and_limits_are_read_and_bounded(void)
{
	struct dj_options o;
	char err[256];

	eq_u64(options(&o, "--memory", "16GiB", err), DJ_OK);
	ok(o.has_memory && o.memory == UINT64_C(16) << 30);
	eq_u64(options(&o, "--max-caller-memory", "4096", err), DJ_OK);
	eq_u64(o.max_caller_memory, 4096);
	ok(!o.has_memory);
	ok(options(&o, "--memory", "16GB", err) == DJ_E_INPUT);
	ok(options(&o, "--memory", "-1", err) == DJ_E_INPUT);
	ok(options(&o, "--memory", "16777216TiB", err) == DJ_E_INPUT);
	eq_u64(options(&o, "--memory", "16777215TiB", err), DJ_OK);
	ok(options(&o, "--max-waiting", "3", err) == DJ_E_INPUT);
	ok(options(&o, "--max-rate", "0", err) == DJ_E_INPUT);
	ok(options(&o, "--max-caller-keeps", "4097", err) == DJ_E_INPUT);
	eq_u64(options(&o, "--cgroup", "self", err), DJ_OK);
	ok(options(&o, "--cgroup", "relative", err) == DJ_E_INPUT);
	ok(options(&o, "--cgroup", "/a/../b", err) == DJ_E_INPUT);
}

int main(void)
{
	RUN(what_is_left_decides_and_the_refusal_names_it);
	RUN(without_quotas_the_host_decides);
	RUN(a_caller_has_its_rate_and_no_more);
	RUN(many_callers_push_out_the_quietest);
	RUN(version_2_moves_the_agent_to_a_leaf_and_limits_each_keep);
	RUN(without_a_right_to_it_there_are_no_groups_and_a_reason);
	RUN(sizes_and_limits_are_read_and_bounded);
	return done();
}
