// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/tar.h"
#include "keep/wasi/call.h"
#include "keep/wasi/wasi.h"
#include "lib/wasm/module.h"
#include "tests/support/hostmem.h"
#include "tests/support/hostnative.h"
#include "tests/wasirun/wasirun.h"

#define ARENA_SIZE ((size_t)8 << 30)
#define LIST_MAX   256
#define FRAMES_MAX 32

/* What the command line asked for. */
static struct {
	const char *module;
	struct dj_wasi_text args[LIST_MAX], env[LIST_MAX];
	struct dj_wasi_preopen preopens[LIST_MAX];
	size_t arg_count, env_count, preopen_count;
	uint64_t file_bytes, fuel;
	const char *get_guest, *get_host, *image;
	bool guard;
} opt = { .file_bytes = UINT64_C(4) << 30 };

static const char usage[] =
	"usage: wasirun [OPTION]... MODULE [ARGUMENT]...\n"
	"  --dir HOST::GUEST    a folder, packed; changes stay in memory\n"
	"  --ro HOST::GUEST     the same, read-only\n"
	"  --tmp GUEST          an empty folder in memory\n"
	"  --env NAME=VALUE     --arg0 NAME     --files BYTES     --fuel N\n"
	"  --get GUEST=HOST     copies a file out of a preopen after the run\n"
	"  --guard FILE, --checks FILE   the module's native image, as its\n"
	"                       bounds are; else it is interpreted\n";

static _Noreturn void die(const char *what, const char *why)
{
	fprintf(stderr, "wasirun: %s: %s\n", what, why);
	exit(125);
}

static struct dj_wasi_text text(const char *s)
{
	return (struct dj_wasi_text){ s, (uint32_t)strlen(s) };
}

static void add(struct dj_wasi_text *list, size_t *n, const char *s)
{
	if (*n == LIST_MAX)
		die(s, "too many");
	list[(*n)++] = text(s);
}

/* As the client packs it. */
static uint8_t *pack(const char *folder, size_t *ret_len)
{
	struct dj_err err = { 0 };
	struct dj_tar *t = dj_tar_open(folder, &err);
	uint8_t *p;
	size_t n, at = 0;

	if (t == NULL)
		die(folder, err.text);
	*ret_len = (size_t)dj_tar_size(t);
	p = malloc(*ret_len + 1);
	if (p == NULL)
		die(folder, "no memory");
	do {
		if (!dj_tar_read(t, p + at, *ret_len + 1 - at, &n, &err))
			die(folder, err.text);
		at += n;
	} while (n != 0);
	if (at != *ret_len)
		die(folder, "has not the size it was to have");
	dj_tar_free(t);
	return p;
}

static void add_folder(enum dj_wasi_preopen_kind kind, char *arg)
{
	struct dj_wasi_preopen *p = &opt.preopens[opt.preopen_count];
	char *sep = strstr(arg, "::");

	if (opt.preopen_count == LIST_MAX)
		die(arg, "too many");
	opt.preopen_count++;
	p->kind = kind;
	p->path = text(arg);
	if (kind == DJ_WASI_MEMORY)
		return;
	if (sep != NULL) {
		*sep = '\0';
		p->path = text(sep + 2);
	}
	p->tar = pack(arg, &p->tar_len);
}

static bool option(const char *name, char *value)
{
	if (strcmp(name, "--dir") == 0) {
		add_folder(DJ_WASI_OVERLAY, value);
	} else if (strcmp(name, "--ro") == 0) {
		add_folder(DJ_WASI_PACKED, value);
	} else if (strcmp(name, "--tmp") == 0) {
		add_folder(DJ_WASI_MEMORY, value);
	} else if (strcmp(name, "--env") == 0) {
		add(opt.env, &opt.env_count, value);
	} else if (strcmp(name, "--arg0") == 0) {
		opt.args[0] = text(value);
	} else if (strcmp(name, "--files") == 0) {
		opt.file_bytes = strtoull(value, NULL, 10);
	} else if (strcmp(name, "--fuel") == 0) {
		opt.fuel = strtoull(value, NULL, 10);
	} else if (strcmp(name, "--guard") == 0 ||
		strcmp(name, "--checks") == 0) {
		opt.image = value;
		opt.guard = strcmp(name, "--guard") == 0;
	} else if (strcmp(name, "--get") == 0) {
		opt.get_guest = value;
		opt.get_host = strchr(value, '=');
		if (opt.get_host == NULL)
			return false;
		value[opt.get_host++ - value] = '\0';
	} else {
		return false;
	}
	return true;
}

static void parse(int argc, char **argv)
{
	int i = 1;

	opt.arg_count = 1;
	for (; i < argc && strncmp(argv[i], "--", 2) == 0; i += 2) {
		if (strcmp(argv[i], "--") == 0) {
			i++;
			break;
		}
		if (i + 1 == argc || !option(argv[i], argv[i + 1])) {
			fputs(usage, stderr);
			exit(125);
		}
	}
	if (i == argc) {
		fputs(usage, stderr);
		exit(125);
	}
	opt.module = argv[i++];
	if (opt.args[0].p == NULL)
		opt.args[0] = text(opt.module);
	if (i < argc && strcmp(argv[i], "--") == 0)
		i++;
	for (; i < argc; i++)
		add(opt.args, &opt.arg_count, argv[i]);
}

static uint8_t *read_file(const char *path, size_t *ret_len)
{
	FILE *f = fopen(path, "rb");
	uint8_t *p = NULL;
	long len;

	if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (len = ftell(f)) < 0)
		die(path, strerror(errno));
	rewind(f);
	*ret_len = (size_t)len;
	p = malloc(*ret_len + 1);
	if (p == NULL || fread(p, 1, *ret_len, f) != *ret_len)
		die(path, "cannot be read");
	fclose(f);
	return p;
}

static struct dj_wasi *make_wasi(struct dj_arena *arena)
{
	struct dj_wasi_error err = { .what = "" };
	const struct dj_wasi_config config = {
		.args = opt.args,
		.arg_count = opt.arg_count,
		.env = opt.env,
		.env_count = opt.env_count,
		.preopens = opt.preopens,
		.preopen_count = opt.preopen_count,
		.mem = hostmem,
		.max_file_bytes = opt.file_bytes,
		.error = &err,
	};
	struct dj_wasi *w;
	dj_status st = dj_wasi_new(arena, &config, &w);

	if (st != DJ_OK) {
		fprintf(stderr, "wasirun: files: %s: %s %s\n",
			dj_status_name(st), err.what, err.name);
		exit(125);
	}
	return w;
}

static void backtrace(struct dj_store *s)
{
	struct dj_frame frames[FRAMES_MAX];
	size_t n = dj_store_backtrace(s, frames, FRAMES_MAX);

	for (size_t i = 0; i < n; i++) {
		struct dj_wasm_name name = { "", 0 };

		if (frames[i].inst != NULL)
			(void)dj_wasm_func_name(dj_instance_module(
							frames[i].inst),
				frames[i].func, &name);
		fprintf(stderr, "  #%zu func %u at 0x%x %.*s\n", i,
			frames[i].func, frames[i].offset, (int)name.len,
			name.p);
	}
}

/* The file as the program left it; looks into keep/wasi, being a test. */
static void copy_out(struct dj_wasi *w)
{
	static uint8_t buf[65536];
	struct dj_vfs_at at = { 0 };
	FILE *f = fopen(opt.get_host, "wb");
	uint64_t off = 0;
	size_t n;

	for (size_t i = 0; i < opt.preopen_count; i++) {
		const struct dj_wasi_text *p = &opt.preopens[i].path;
		const char *rest = opt.get_guest + p->len;

		if (w->fds[3 + i].kind != FD_NODE ||
			strncmp(opt.get_guest, p->p, p->len) != 0)
			continue;
		rest += *rest == '/';
		if (dj_vfs_walk(&w->vfs, w->fds[3 + i].node, rest, strlen(rest),
			    true, &at) == DJ_ESUCCESS &&
			at.node != NULL)
			break;
	}
	if (f == NULL || at.node == NULL || at.node->type != DJ_VFS_FILE)
		die(opt.get_guest, "cannot be copied out");
	while ((n = dj_vfs_read(at.node, off, buf, sizeof(buf))) != 0) {
		fwrite(buf, 1, n, f);
		off += n;
	}
	fclose(f);
}

static dj_status make_instance(struct dj_store *s, struct dj_wasi *w,
	const struct dj_wasm_module *m, struct dj_instance **ret,
	struct dj_link_error *err)
{
	uint8_t *image;
	size_t len;

	if (opt.image == NULL)
		return dj_instance_new(s, m, dj_wasi_resolve, w, ret, err);
	/* Code with checks is not to fault. */
	if (opt.guard)
		hostnative_begin();
	image = read_file(opt.image, &len);
	return dj_instance_new_native(s, m, image, len, &hostnative_target,
		dj_wasi_resolve, w, ret, err);
}

static enum dj_trap run(struct dj_arena *arena, struct dj_wasi *w,
	struct dj_store **ret)
{
	const struct dj_store_config config = { .mem = hostmem,
		.max_memory_pages = 65536,
		.fuel = opt.fuel,
		.native = opt.image != NULL,
		.guard = opt.guard,
		.exec = hostnative_exec };
	struct dj_wasm_error err = { .text = "" };
	struct dj_link_error link = { .what = "" };
	struct dj_wasm_module *m;
	struct dj_instance *inst;
	union dj_value v[1] = { { 0 } };
	struct dj_extern start;
	enum dj_trap trap;
	size_t len;
	uint8_t *bytes = read_file(opt.module, &len);

	if (dj_wasm_load(bytes, len, arena, &m, &err) != DJ_OK)
		die(opt.module, err.text);
	if (dj_store_init(arena, &config, ret) != DJ_OK)
		die(opt.module, "no memory");
	dj_wasi_set_store(w, *ret);
	if (make_instance(*ret, w, m, &inst, &link) != DJ_OK) {
		fprintf(stderr, "wasirun: import %u\n", link.import_index);
		die(opt.module, link.what);
	}
	trap = dj_instance_start(inst);
	if (trap != DJ_TRAP_NONE)
		return trap;
	if (!dj_instance_export(inst, "_start", 6, &start) ||
		start.kind != DJ_WASM_FUNC)
		die(opt.module, "no _start");
	return dj_call(*ret, start.func, v);
}

int main(int argc, char **argv)
{
	struct dj_arena arena;
	struct dj_store *store = NULL;
	struct dj_wasi *w;
	enum dj_trap trap;

	parse(argc, argv);
	if (!hostmem_arena(&arena, ARENA_SIZE))
		die(opt.module, "no memory");
	w = make_wasi(&arena);
	trap = run(&arena, w, &store);
	stdio_stream_flush();
	if (opt.get_guest != NULL)
		copy_out(w);
	if (trap == DJ_TRAP_NONE)
		return 0;
	if (trap == DJ_TRAP_EXIT)
		return (int)dj_wasi_exit_code(w);
	fprintf(stderr, "wasirun: trap: %s\n", dj_trap_text(trap));
	backtrace(store);
	return 126;
}
