// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/wasmdiff/wasmdiff.h"
#include "tests/wasmgen/wasmgen.h"

#define TRIES 600

/*
 * Leaves out what it can, first in large pieces: nodes are numbered in the
 * order of the text, so neighbours belong together.
 */
void shrink(const struct trial *t)
{
	struct wasmgen_options o = { .seed = t->seed, .features = t->features };
	struct wasmgen_module m;
	unsigned tries = 0;
	bool *drop, *before;

	alarm(0); /* each trial has its own */
	wasmgen_make(&o, &m);
	drop = calloc(m.nodes + 1, sizeof(*drop));
	before = calloc(m.nodes + 1, sizeof(*before));
	if (drop == NULL || before == NULL)
		abort();
	for (size_t step = m.nodes / 2 + 1; step > 0; step /= 2)
		for (size_t at = 0; at < m.nodes && tries < TRIES; at += step) {
			size_t n = step < m.nodes - at ? step : m.nodes - at;

			if (memchr(drop + at, false, n) == NULL)
				continue;
			memcpy(before, drop + at, n);
			memset(drop + at, true, n);
			tries++;
			if (!trial_fails(t, drop, m.nodes, false))
				memcpy(drop + at, before, n);
		}
	printf("# made small, by %u tries:\n", tries);
	(void)trial_fails(t, drop, m.nodes, true);
	free(drop);
	free(before);
}
