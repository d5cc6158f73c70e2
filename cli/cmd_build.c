// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/common.h"
#include "cli/native.h"
#include "cli/verbs.h"
#include "client/json.h"
#include "client/module.h"
#include "client/policy_file.h"
#include "client/program.h"
#include "lib/crypto/cpu.h"
#include "lib/proto/offer.h"

static const struct dj_option options[] = {
	{ "tee", 0, "TEE", "for Keeps of this kind, process" },
	{ "isa", 0, "x86_64|riscv64|ppc64le", "in place of --tee" },
	{ "bounds", 0, "guard|checks", "other than the TEE's" },
	{ "cpu-level", 0, "N", "other than the TEE's least" },
	{ "optimise", 'O', "N", "0 to 3; 2, and 0 for modules over 8 MiB" },
	{ "threads", 'j', "N", "as many as there are processors" },
	{ "out", 'o', "FILE", "save it, to be run in place of the module" },
	{ "no-cache", 0, NULL, "neither look there nor keep it there" },
	{ "cache-clear", 0, NULL, "first forget all that was made before" },
	{ 0 },
};

/* What Keeps of a kind take at least: as their shims say in an OFFER. */
static const struct target {
	const char *tee;
	uint8_t isa, bounds, cpu_level;
} targets[] = {
	{ "process", DJ_ISA_X86_64, DJ_BOUNDS_GUARD, 2 },
	{ "kvm", DJ_ISA_X86_64, DJ_BOUNDS_GUARD, 2 },
	{ "snp", DJ_ISA_X86_64, DJ_BOUNDS_GUARD, 2 },
	{ "tdx", DJ_ISA_X86_64, DJ_BOUNDS_GUARD, 2 },
	{ "sgx", DJ_ISA_X86_64, DJ_BOUNDS_CHECKS, 2 },
	{ "sanctum", DJ_ISA_RISCV64, DJ_BOUNDS_CHECKS, 1 },
	{ "pef", DJ_ISA_PPC64LE, DJ_BOUNDS_GUARD, 9 },
};

struct build {
	struct dj_cli *cli;
	const char *path, *tee;
	char *bytes;
	size_t len;
	struct dj_native_want want;
	struct dj_module_view view;
	struct dj_native_made made;
};

static const char *const isas[] = { "?", "x86_64", "riscv64", "ppc64le" };

/* The first TEE with that instruction set; *ret is untouched if none is. */
static bool tee_of(const char *isa, const char **ret, struct dj_err *err)
{
	char shown[40];

	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		if (strcmp(isas[targets[i].isa], isa) != 0)
			continue;
		*ret = targets[i].tee;
		return true;
	}
	return dj_err_set(err, "usage.value",
		"--isa: \"%s\" is none of x86_64, riscv64, ppc64le",
		dj_clean(shown, sizeof(shown), isa, strlen(isa)));
}

/* An emulated TEE takes what the real one does: snp-emu is snp. */
static bool choose_target(struct build *b, struct dj_err *err)
{
	const char *tee = dj_cli_value(b->cli, "tee");
	const char *isa = dj_cli_value(b->cli, "isa");
	size_t len;
	char shown[40];

	if (tee != NULL && isa != NULL)
		return dj_err_set(err, "usage.value",
			"--isa: --tee says it already");
	b->tee = tee == NULL ? "process" : tee;
	if (isa != NULL && !tee_of(isa, &b->tee, err))
		return false;
	len = strlen(b->tee);
	if (len > 4 && strcmp(b->tee + len - 4, "-emu") == 0)
		len -= 4;
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		if (strlen(targets[i].tee) != len ||
			strncmp(targets[i].tee, b->tee, len) != 0)
			continue;
		b->want.isa = targets[i].isa;
		b->want.bounds = targets[i].bounds;
		b->want.cpu_level = targets[i].cpu_level;
		return true;
	}
	return dj_err_set(err, "tee.unknown", "--tee: there is no TEE \"%s\"",
		dj_clean(shown, sizeof(shown), b->tee, strlen(b->tee)));
}

static bool choose(struct build *b, struct dj_err *err)
{
	const char *bounds = dj_cli_value(b->cli, "bounds");
	uint64_t level, optimise, threads;
	char shown[40];

	if (!choose_target(b, err) ||
		!dj_cli_number(b->cli, "cpu-level", 1, UINT8_MAX, &level,
			err) ||
		!dj_cli_number(b->cli, "optimise", 0, 3, &optimise, err) ||
		!dj_cli_number(b->cli, "threads", 1, 1024, &threads, err))
		return false;
	if (level != 0)
		b->want.cpu_level = (uint8_t)level;
	b->want.optimise = dj_cli_has(b->cli, "optimise") ? (uint8_t)optimise
							  : DJ_NATIVE_BY_SIZE;
	b->want.threads = (unsigned)threads;
	b->want.no_cache = dj_cli_has(b->cli, "no-cache");
	if (bounds == NULL)
		return true;
	if (strcmp(bounds, "guard") != 0 && strcmp(bounds, "checks") != 0)
		return dj_err_set(err, "usage.value",
			"--bounds: \"%s\" is neither guard nor checks",
			dj_clean(shown, sizeof(shown), bounds, strlen(bounds)));
	b->want.bounds = bounds[0] == 'g' ? DJ_BOUNDS_GUARD : DJ_BOUNDS_CHECKS;
	return true;
}

static bool load(struct build *b, struct dj_err *err)
{
	char shown[300];

	dj_clean(shown, sizeof(shown), b->path, strlen(b->path));
	if (dj_file_read(b->path, DJ_MODULE_MAX, &b->bytes, &b->len) != DJ_OK)
		return dj_err_set(err,
			errno == ENOENT ? "module.missing" : "module.read",
			"reading the module %s: %s", shown, strerror(errno));
	return dj_module_view(&b->view, b->path, (uint8_t *)b->bytes, b->len,
		err);
}

static bool save(const struct build *b, struct dj_err *err)
{
	const char *path = dj_cli_value(b->cli, "out");
	char shown[300];
	FILE *f;
	bool good;

	if (path == NULL)
		return true;
	f = fopen(path, "wb");
	good = f != NULL &&
		fwrite(b->made.bytes, 1, b->made.len, f) == b->made.len;
	if (f != NULL && fclose(f) != 0)
		good = false;
	return good ||
		dj_err_set(err, "output.write", "writing %s: %s",
			dj_clean(shown, sizeof(shown), path, strlen(path)),
			strerror(errno));
}

static json_t *to_json(const struct build *b)
{
	const struct dj_knc *p = &b->made.packed;
	const char *out = dj_cli_value(b->cli, "out");
	json_t *o = json_object(), *list = json_array();
	char hex[65];

	for (size_t i = 0; i < 32; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", b->made.hash[i]);
	(void)json_object_set_new(o, "schema", json_string("donjon.build/1"));
	(void)json_object_set_new(o, "module", dj_json_name(b->path));
	(void)json_object_set_new(o, "tee", json_string(b->tee));
	(void)json_object_set_new(o, "isa", json_string(isas[p->isa]));
	(void)json_object_set_new(o, "bounds",
		json_string(p->bounds == DJ_BOUNDS_GUARD ? "guard" : "checks"));
	(void)json_object_set_new(o, "cpu_level", json_integer(p->cpu_level));
	(void)json_object_set_new(o, "compiler",
		json_stringn(p->compiler, p->compiler_len));
	(void)json_object_set_new(o, "wasm_bytes",
		json_integer((json_int_t)p->wasm_len));
	(void)json_object_set_new(o, "native_bytes",
		json_integer((json_int_t)p->image_len));
	(void)json_object_set_new(o, "sha256", json_string(hex));
	(void)json_object_set_new(o, "cached", json_boolean(b->made.is_cached));
	(void)json_object_set_new(o, "ms",
		json_integer((json_int_t)b->made.ms));
	for (size_t i = 0; i < dj_wasm_import_count(b->view.module); i++) {
		const struct dj_wasm_import *in =
			dj_wasm_import(b->view.module, i);
		json_t *x = json_object();

		(void)json_object_set_new(x, "module",
			json_stringn(in->module.p, in->module.len));
		(void)json_object_set_new(x, "name",
			json_stringn(in->name.p, in->name.len));
		(void)json_array_append_new(list, x);
	}
	(void)json_object_set_new(o, "imports", list);
	if (out != NULL)
		(void)json_object_set_new(o, "file", dj_json_name(out));
	return o;
}

static int report(const struct build *b)
{
	const struct dj_knc *p = &b->made.packed;
	const struct dj_wasm_module *m = b->view.module;
	char name[120], from[120];

	if (b->cli->json)
		return dj_cli_json(b->cli, to_json(b), 0);
	dj_cli_print("wasm     %llu bytes\n", (unsigned long long)p->wasm_len);
	dj_cli_print("native   %llu bytes, %s, %s, CPU level %u\n",
		(unsigned long long)p->image_len, isas[p->isa],
		p->bounds == DJ_BOUNDS_GUARD ? "guard pages"
					     : "explicit checks",
		p->cpu_level);
	dj_cli_print("compiler %.*s\n", (int)p->compiler_len, p->compiler);
	dj_cli_print("time     %lld ms%s\n", (long long)b->made.ms,
		b->made.is_cached ? ", made before" : "");
	for (size_t i = 0; i < dj_wasm_import_count(m); i++) {
		const struct dj_wasm_import *in = dj_wasm_import(m, i);

		dj_cli_print("import   %s %s\n",
			dj_clean(from, sizeof(from), in->module.p,
				in->module.len),
			dj_clean(name, sizeof(name), in->name.p, in->name.len));
	}
	return dj_cli_end(b->cli, 0);
}

static int run(struct dj_cli *cli)
{
	struct build b = { .cli = cli, .path = cli->operands[0] };
	struct dj_err err = { 0 };
	int status;

	dj_crypto_cpu(dj_crypto_cpu_detect());
	if (dj_cli_has(cli, "cache-clear") && !dj_native_cache_clear())
		dj_cli_note(cli, "the cache could not be cleared");
	b.view.map = NULL;
	if (choose(&b, &err) && load(&b, &err) &&
		dj_cli_compile(cli, b.path, (uint8_t *)b.bytes, b.len, &b.want,
			&b.made, &err) &&
		save(&b, &err))
		status = report(&b);
	else
		status = dj_cli_fail(cli, &err);
	if (b.bytes != NULL && b.view.map != NULL)
		dj_module_view_done(&b.view);
	dj_native_done(&b.made);
	free(b.bytes);
	return status;
}

const struct dj_verb dj_verb_build = {
	.name = "build",
	.group = DJ_GROUP_PROGRAMS,
	.operands = "MODULE",
	.summary = "validate a module, and compile it ahead of time for a TEE",
	.options = options,
	.min_operands = 1,
	.max_operands = 1,
	.run = run,
};
