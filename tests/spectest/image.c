// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/aot/aot.h"
#include "lib/wasm/layout.h"
#include "tests/spectest/spectest.h"
#include "tests/support/hostnative.h"

/*
 * The compiler runs where LLVM is: a runner for another machine finds what
 * this program left for it, by a digest of the module. A module that the
 * compiler lacks something for has a file that says what.
 */
#pragma weak dj_aot_compile
#pragma weak dj_aot_tails

static char why[256];

static uint64_t digest(const uint8_t *p, size_t len)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	return h;
}

static void path_of(const char *dir, const struct dj_wasm_module *m,
	const char *kind, char *dst, size_t cap)
{
	snprintf(dst, cap, "%s/%016llx-%zu.%s", dir,
		(unsigned long long)digest(m->bytes, m->len), m->len, kind);
}

uint8_t *read_whole(const char *path, size_t *ret_len)
{
	FILE *f = fopen(path, "rb");
	uint8_t *p = NULL;
	long len;

	if (f == NULL)
		return NULL;
	if (fseek(f, 0, SEEK_END) == 0 && (len = ftell(f)) >= 0 &&
		fseek(f, 0, SEEK_SET) == 0) {
		p = malloc((size_t)len + 1);
		*ret_len = (size_t)len;
		if (p != NULL && fread(p, 1, *ret_len, f) != *ret_len) {
			free(p);
			p = NULL;
		}
	}
	fclose(f);
	if (p != NULL)
		p[*ret_len] = 0;
	return p;
}

static bool write_all(const char *path, const void *p, size_t len)
{
	FILE *f = fopen(path, "wb");
	bool good = f != NULL && fwrite(p, 1, len, f) == len;

	if (f != NULL && fclose(f) != 0)
		good = false;
	return good;
}

static dj_status find(const struct totals *t, struct unit *u,
	const struct dj_wasm_module *m, const char **ret_why)
{
	char path[4096];
	size_t len;
	uint8_t *text;

	path_of(t->from, m, "dni", path, sizeof(path));
	u->image = read_whole(path, &u->image_len);
	if (u->image != NULL)
		return DJ_OK;
	path_of(t->from, m, "why", path, sizeof(path));
	text = read_whole(path, &len);
	snprintf(why, sizeof(why), "%s",
		text == NULL ? "no native code was left for it"
			     : (const char *)text);
	*ret_why = why;
	free(text);
	return text == NULL ? DJ_E_SYS : DJ_E_UNSUPPORTED;
}

static dj_status make(const struct script *s, struct unit *u,
	const struct dj_wasm_module *m, const char **ret_why)
{
	const struct totals *t = s->totals;
	const struct dj_aot_options options = {
		.isa = (enum dj_isa)t->isa,
		.bounds = t->engine == ENGINE_GUARD ? DJ_BOUNDS_GUARD
						    : DJ_BOUNDS_CHECKS,
		/* Checks are for SGX, which has no more than the least. */
		.cpu_level = t->engine == ENGINE_GUARD && t->isa == 0
			? hostnative_level()
			: 0,
		.optimise = (uint8_t)t->optimise,
		.tails = s->tails,
		.threads = 1,
	};
	const char *what;
	dj_status st;

	if (dj_aot_compile == NULL) {
		*ret_why = "native code: no compiler in this program";
		return DJ_E_UNSUPPORTED;
	}
	st = dj_aot_compile(m, &options, &u->image, &u->image_len, why,
		sizeof(why));
	if (st == DJ_OK)
		return DJ_OK;
	/* Which function it is does not matter to the count. */
	what = strstr(why, "instruction");
	*ret_why = st != DJ_E_UNSUPPORTED || what == NULL ? why : what;
	return st;
}

bool image_tails(const struct dj_wasm_module *m)
{
	return dj_aot_tails != NULL && dj_aot_tails(m);
}

dj_status image_get(const struct script *s, struct unit *u,
	const struct dj_wasm_module *m, const char **ret_why)
{
	if (u->image != NULL)
		return DJ_OK;
	return s->totals->from != NULL ? find(s->totals, u, m, ret_why)
				       : make(s, u, m, ret_why);
}

dj_status image_leave(const struct script *s, struct unit *u,
	const char **ret_why)
{
	const struct totals *t = s->totals;
	dj_status st = make(s, u, u->module, ret_why);
	bool good = true;
	char path[4096];

	if (st == DJ_OK) {
		path_of(t->to, u->module, "dni", path, sizeof(path));
		good = write_all(path, u->image, u->image_len);
	} else if (st == DJ_E_UNSUPPORTED) {
		path_of(t->to, u->module, "why", path, sizeof(path));
		good = write_all(path, *ret_why, strlen(*ret_why));
	}
	if (good)
		return st;
	snprintf(why, sizeof(why), "%.200s: cannot be written", path);
	*ret_why = why;
	return DJ_E_SYS;
}
