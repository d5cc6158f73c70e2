// SPDX-License-Identifier: Apache-2.0
#include "cli/native.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/common.h"
#include "lib/proto/offer.h"

bool dj_cli_engine(const struct dj_settings *s, struct dj_err *err)
{
	const char *engine = dj_settings_get(s, DJ_SET_ENGINE);
	const char *origin = s->v[DJ_SET_ENGINE].origin;
	char shown[80];

	if (strcmp(engine, "interp") == 0 || strcmp(engine, "aot") == 0)
		return true;
	return dj_err_set(err,
		strncmp(origin, "--", 2) == 0 ? "usage.value" : "config.value",
		"%s: keep.engine is \"interp\" or \"aot\", not \"%s\"", origin,
		dj_clean(shown, sizeof(shown), engine, strlen(engine)));
}

bool dj_cli_is_native(const struct dj_settings *s)
{
	return strcmp(dj_settings_get(s, DJ_SET_ENGINE), "aot") == 0;
}

static void progress(void *ctx, uint64_t done, uint64_t total)
{
	const struct dj_cli *cli = ctx;

	if (!cli->quiet && isatty(STDERR_FILENO))
		(void)fprintf(stderr, "\rcompiling %3u%%",
			(unsigned)(done * 100 / total));
}

bool dj_cli_compile(const struct dj_cli *cli, const char *name,
	const uint8_t *wasm, size_t len, struct dj_native_want *want,
	struct dj_native_made *ret, struct dj_err *err)
{
	struct dj_cli shown = *cli;
	bool good;

	want->progress = progress;
	want->ctx = &shown;
	good = dj_native_make(name, wasm, len, want, ret, err);
	want->ctx = NULL;
	if (!cli->quiet && isatty(STDERR_FILENO))
		(void)fprintf(stderr, "\r\033[K");
	if (good && cli->verbose > 0)
		(void)fprintf(stderr, "native   %llu bytes, %s  %lld ms\n",
			(unsigned long long)ret->packed.image_len,
			ret->is_cached ? "made before" : "compiled",
			(long long)ret->ms);
	return good;
}

bool dj_cli_make_native(const struct dj_cli *cli, const struct dj_settings *s,
	const struct dj_visit *v, struct dj_program *p, struct dj_err *err)
{
	struct dj_offer_info info = { 0 };
	struct dj_native_made made;
	struct dj_native_want want;
	struct dj_knc packed;
	struct dj_offer offer;
	const char *why;

	if (!p->is_native && !dj_cli_is_native(s))
		return true;
	if (dj_offer_parse(v->session.offer, v->session.offer_len, &offer) !=
			DJ_OK ||
		dj_offer_info_parse(offer.info, offer.info_len, &info) != DJ_OK)
		return dj_err_set(err, "session.offer",
			"asking the Keep what it takes: its offer is malformed");
	if (p->is_native)
		return dj_knc_parse(p->module, p->module_len, &packed, &why) ==
			DJ_OK &&
			dj_native_fits(&packed, &info, err);
	if (!dj_native_fits(NULL, &info, err))
		return false;
	want = (struct dj_native_want){ .isa = info.native_isa,
		.bounds = info.native_bounds,
		.cpu_level = info.cpu_level > UINT8_MAX
			? 0
			: (uint8_t)info.cpu_level,
		.optimise = DJ_NATIVE_BY_SIZE };
	if (!dj_cli_compile(cli, "the module", p->module, p->module_len, &want,
		    &made, err))
		return false;
	dj_program_replace(p, &made);
	return true;
}
