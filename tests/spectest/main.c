// SPDX-License-Identifier: Apache-2.0
#include <fts.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/spectest/spectest.h"
#include "tests/support/hostnative.h"

#define REASONS_MAX 64

static struct {
	char text[96];
	uint64_t count;
} reasons[REASONS_MAX];

void spectest_count_skip(const char *reason)
{
	size_t i;

	for (i = 0; i + 1 < REASONS_MAX && reasons[i].count != 0; i++)
		if (strncmp(reasons[i].text, reason,
			    sizeof(reasons[i].text) - 1) == 0)
			break;
	snprintf(reasons[i].text, sizeof(reasons[i].text), "%s", reason);
	reasons[i].count++;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static void walk(char *path, struct totals *t)
{
	char *paths[] = { path, NULL };
	FTS *fts = fts_open(paths, FTS_LOGICAL | FTS_NOCHDIR, by_name);
	FTSENT *e;

	if (fts == NULL) {
		perror(path);
		t->count[FAILED]++;
		return;
	}
	while ((e = fts_read(fts)) != NULL) {
		const char *dot = strrchr(e->fts_name, '.');

		if (e->fts_info == FTS_F &&
			(e->fts_level == 0 ||
				(dot != NULL && strcmp(dot, ".json") == 0))) {
			spectest_run(e->fts_path, t);
		} else if (e->fts_info == FTS_NS || e->fts_info == FTS_ERR ||
			e->fts_info == FTS_DNR) {
			printf("%s: %s\n", e->fts_path, strerror(e->fts_errno));
			t->count[FAILED]++;
		}
	}
	fts_close(fts);
}

/* "guard" or "checks", and perhaps ",O2". */
static bool engine_from(const char *text, struct totals *t)
{
	size_t n = strcspn(text, ",");

	t->optimise = 1;
	if (text[n] == ',' && text[n + 1] == 'O')
		t->optimise = (unsigned)(text[n + 2] - '0');
	if (n == 5 && memcmp(text, "guard", n) == 0)
		t->engine = ENGINE_GUARD;
	else if (n == 6 && memcmp(text, "checks", n) == 0)
		t->engine = ENGINE_CHECKS;
	return t->engine != ENGINE_INTERPRETER && t->optimise <= 3;
}

/* Arguments that it takes: 1 or 2, 0 if it is wrong. */
static int option(const char *name, const char *value, struct totals *t)
{
	static const char *const isas[] = { "x86_64", "riscv64", "ppc64le" };

	if (strcmp(name, "-v") == 0) {
		t->verbose = true;
		return 1;
	}
	if (value == NULL)
		return 0;
	if (strcmp(name, "--native") == 0) {
		hostnative_begin();
		return engine_from(value, t) ? 2 : 0;
	}
	if (strcmp(name, "--wasm") == 0) {
		t->features = spectest_version(value, strlen(value));
		return t->features == 0 ? 0 : 2;
	}
	if (strcmp(name, "--pages") == 0)
		t->pages = strtoull(value, NULL, 10);
	else if (strcmp(name, "--native-to") == 0)
		t->to = value;
	else if (strcmp(name, "--native-from") == 0)
		t->from = value;
	else if (strcmp(name, "--isa") == 0)
		for (uint8_t i = 0; i < 3; i++)
			t->isa = strcmp(value, isas[i]) == 0 ? i + 1 : t->isa;
	else
		return 0;
	return 2;
}

int main(int argc, char **argv)
{
	struct totals t = { .pages = UINT64_C(1) << 20 };
	int i = 1;

	while (i < argc && argv[i][0] == '-') {
		int n = option(argv[i], i + 1 < argc ? argv[i + 1] : NULL, &t);

		i = n == 0 ? argc : i + n;
	}
	if (i >= argc) {
		fprintf(stderr,
			"usage: spectest [-v] [--native guard|checks[,O0..O3]] "
			"[--wasm 1.0|2.0|3.0] [--pages N] "
			"FILE.json|FOLDER...\n"
			"Without --wasm a folder in the path named so "
			"says it. A memory has at most N pages.\n"
			"--native-to DIR --isa ISA leaves native code for "
			"another machine's spectest and runs nothing;\n"
			"--native-from DIR takes what is there. "
			"Both come with --native.\n");
		return 2;
	}
	for (; i < argc; i++)
		walk(argv[i], &t);

	for (i = 0; i < REASONS_MAX && reasons[i].count != 0; i++)
		printf("skipped: %" PRIu64 " for %s\n", reasons[i].count,
			reasons[i].text);
	printf("%" PRIu64 " passed, %" PRIu64 " failed, %" PRIu64 " skipped\n",
		t.count[PASSED], t.count[FAILED], t.count[SKIPPED]);
	return t.count[FAILED] == 0 ? 0 : 1;
}
