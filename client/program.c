// SPDX-License-Identifier: Apache-2.0
#include "client/program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "client/apply.h"
#include "client/module.h"
#include "client/native.h"
#include "client/policy_file.h"
#include "client/record.h"
#include "client/undo.h"
#include "lib/base/secret.h"
#include "lib/crypto/sha256.h"
#include "lib/proto/begin.h"

#define ENV_FILE_MAX ((size_t)1 << 20)
#define ENV_MAX      4096

struct list {
	char **v; /* owned strings */
	size_t count;
};

static void list_done(struct list *l)
{
	for (size_t i = 0; i < l->count; i++) {
		dj_wipe(l->v[i], strlen(l->v[i]));
		free(l->v[i]);
	}
	free(l->v);
	*l = (struct list){ 0 };
}

/* NAME=value; a name that is there already gets the new value in place. */
static bool set_env(struct list *l, const char *pair, size_t len,
	const char *from, struct dj_err *err)
{
	const char *eq = memchr(pair, '=', len);
	char *copy;
	char **grown;
	char shown[64];
	size_t name;

	if (eq == NULL || eq == pair || memchr(pair, '\0', len) != NULL) {
		/* The value may be secret: only the name is shown. */
		dj_clean(shown, sizeof(shown), pair,
			eq == NULL ? (len < 40 ? len : 40) : 0);
		return dj_err_set(err, "usage.value",
			"%s: %s is not NAME=VALUE", from, shown);
	}
	name = (size_t)(eq - pair) + 1;
	copy = strndup(pair, len);
	if (copy == NULL)
		return dj_err_set(err, "internal.memory", "no memory");
	for (size_t i = 0; i < l->count; i++) {
		if (strncmp(l->v[i], copy, name) == 0) {
			free(l->v[i]);
			l->v[i] = copy;
			return true;
		}
	}
	grown = l->count == ENV_MAX
		? NULL
		: reallocarray(l->v, l->count + 1, sizeof(*grown));
	if (grown == NULL) {
		free(copy);
		return dj_err_set(err, "usage.value",
			"%s: more than %d variables", from, ENV_MAX);
	}
	l->v = grown;
	grown[l->count++] = copy;
	return true;
}

static bool read_env_file(struct list *l, const char *path, struct dj_err *err)
{
	char *text;
	size_t len;
	bool good = true;

	if (dj_file_read(path, ENV_FILE_MAX, &text, &len) != DJ_OK)
		return dj_err_set(err, "input.file",
			"reading variables from %s: %s", path, strerror(errno));
	for (char *p = text; good && p < text + len;) {
		char *eol = memchr(p, '\n', (size_t)(text + len - p));
		size_t n = (size_t)((eol == NULL ? text + len : eol) - p);
		size_t line = n;

		if (line > 0 && p[line - 1] == '\r')
			line--;
		if (line > 0 && p[0] != '#')
			good = set_env(l, p, line, path, err);
		p += n + 1;
	}
	dj_wipe(text, len);
	free(text);
	return good;
}

/* A file of native code has the module in it. */
static bool find_wasm(struct dj_program *p, const char *shown,
	const uint8_t **ret, size_t *ret_len, struct dj_err *err)
{
	struct dj_knc packed;
	const char *why;

	*ret = p->module;
	*ret_len = p->module_len;
	p->is_native = dj_native_is(p->module, p->module_len);
	if (!p->is_native)
		return true;
	if (!dj_native_open(p->module, p->module_len, &packed, &why))
		return dj_err_set(err, "native.invalid",
			"reading native code from %s: %s", shown, why);
	*ret = packed.wasm;
	*ret_len = (size_t)packed.wasm_len;
	return true;
}

static bool load_module(struct dj_program *p,
	const struct dj_program_options *o, struct dj_err *err)
{
	struct dj_module_view view;
	const char *name = "module.read";
	char shown[512], hex[65];
	const uint8_t *wasm;
	size_t wasm_len;
	char *bytes;
	bool good;

	dj_clean(shown, sizeof(shown), o->module, strlen(o->module));
	if (dj_file_read(o->module, DJ_MODULE_MAX, &bytes, &p->module_len) !=
		DJ_OK) {
		if (errno == ENOENT || errno == ENOTDIR)
			name = "module.missing";
		else if (errno == EFBIG)
			name = "module.big";
		return dj_err_set(err, name, "reading the module %s: %s", shown,
			strerror(errno));
	}
	p->module = (uint8_t *)bytes;
	if (!find_wasm(p, shown, &wasm, &wasm_len, err))
		return false;
	good = dj_module_view(&view, o->module, wasm, wasm_len, err);
	dj_module_view_done(&view);
	if (!good)
		return false;
	dj_sha256(p->module, p->module_len, p->module_hash);
	for (size_t i = 0; i < 32; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", p->module_hash[i]);
	if (o->sha256 != NULL && strcasecmp(o->sha256, hex) != 0)
		return dj_err_set(err, "module.sha256",
			"reading the module %s: its SHA-256 is %s, not what program.sha256 says",
			shown, hex);
	return true;
}

/* The first one's folder is where what comes back is gathered. */
static bool add_returned(struct dj_program *p, const char *folder,
	struct dj_err *err)
{
	char *copy = strdup(folder);

	if (copy == NULL)
		return dj_err_set(err, "internal.memory", "no memory");
	p->returned[p->returned_count++] = copy;
	if (p->returned_fd < 0)
		p->returned_fd = dj_apply_spool(folder, err);
	return p->returned_fd >= 0;
}

/* HOST::GUEST or HOST::GUEST:ro, a tree on the next stream. */
static bool add_dir(struct dj_program *p, struct dj_wr *w, const char *spec,
	struct dj_err *err)
{
	const char *sep = strstr(spec, "::");
	const char *guest = sep == NULL ? "" : sep + 2;
	size_t len = strlen(guest);
	char shown[256];
	bool writable = true, good;
	char *folder;

	dj_clean(shown, sizeof(shown), spec, strlen(spec));
	if (sep == NULL || sep == spec || len == 0)
		return dj_err_set(err, "usage.value",
			"--dir %s: write HOST::GUEST or HOST::GUEST:ro", shown);
	if (len > 3 && strcmp(guest + len - 3, ":ro") == 0) {
		writable = false;
		len -= 3;
	}
	if (p->tree_count == DJ_TREES_MAX)
		return dj_err_set(err, "usage.value",
			"--dir %s: at most %d folders", shown, DJ_TREES_MAX);
	folder = strndup(spec, (size_t)(sep - spec));
	if (folder == NULL)
		return dj_err_set(err, "internal.memory", "no memory");
	/* Packed is what an earlier run left whole. */
	if (writable && !dj_undo_earlier(folder, err)) {
		free(folder);
		return false;
	}
	p->trees[p->tree_count] = dj_tar_open(folder, err);
	good = p->trees[p->tree_count] != NULL &&
		(!writable || add_returned(p, folder, err));
	free(folder);
	if (p->trees[p->tree_count] == NULL)
		return false;
	dj_begin_write_preopen(w,
		writable ? DJ_PREOPEN_OVERLAY : DJ_PREOPEN_TREE,
		writable ? DJ_PREOPEN_RETURN : 0,
		(uint8_t)(DJ_STREAM_TREE_FIRST + p->tree_count), guest, len);
	p->tree_count++;
	return good;
}

/* The stream of that name, a new one if need be. */
static struct dj_named *named(struct dj_program *p, const char *name,
	size_t len)
{
	struct dj_named *n;

	for (size_t i = 0; i < p->named_count; i++) {
		n = &p->named[i];
		if (strlen(n->name) == len && memcmp(n->name, name, len) == 0)
			return n;
	}
	if (p->named_count == DJ_NAMED_MAX)
		return NULL;
	n = &p->named[p->named_count];
	*n = (struct dj_named){
		.number = (uint8_t)(DJ_STREAM_NAMED + p->named_count++),
		.in_fd = -1,
		.out_fd = -1,
	};
	memcpy(n->name, name, len);
	return n;
}

static bool is_stream_name(const char *name, size_t len)
{
	char text[sizeof(((struct dj_named *)NULL)->name)];

	if (len >= sizeof(text))
		return false;
	memcpy(text, name, len);
	text[len] = '\0';
	return dj_record_is_name(text);
}

/* NAME=FILE: opened here, so that a missing one costs no Keep. */
static bool add_stream(struct dj_program *p, const char *spec, bool is_out,
	struct dj_err *err)
{
	const char *const option = is_out ? "--stream-out" : "--stream";
	const char *eq = strchr(spec, '=');
	char shown[256];
	struct dj_named *n;
	int *fd;

	dj_clean(shown, sizeof(shown), spec, strlen(spec));
	if (eq == NULL || eq[1] == '\0' ||
		!is_stream_name(spec, (size_t)(eq - spec)))
		return dj_err_set(err, "usage.value",
			"%s %s: write NAME=FILE; a name is letters, digits, `.`, `_`, `-`",
			option, shown);
	n = named(p, spec, (size_t)(eq - spec));
	if (n == NULL)
		return dj_err_set(err, "usage.value",
			"%s %s: at most %d streams have names", option, shown,
			DJ_NAMED_MAX);
	fd = is_out ? &n->out_fd : &n->in_fd;
	if (*fd >= 0)
		return dj_err_set(err, "usage.value",
			"%s %s: there is one of this name already", option,
			shown);
	*fd = is_out
		? open(eq + 1, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)
		: open(eq + 1, O_RDONLY | O_CLOEXEC);
	return *fd >= 0 ||
		dj_err_set(err, is_out ? "output.write" : "input.file",
			"opening the stream %s: %s", shown, strerror(errno));
}

static bool add_streams(struct dj_program *p, struct dj_wr *w,
	const struct dj_program_options *o, struct dj_err *err)
{
	for (size_t i = 0; i < o->stream_in_count; i++)
		if (!add_stream(p, o->streams_in[i], false, err))
			return false;
	for (size_t i = 0; i < o->stream_out_count; i++)
		if (!add_stream(p, o->streams_out[i], true, err))
			return false;
	for (size_t i = 0; i < p->named_count; i++) {
		const struct dj_named *n = &p->named[i];
		int dir = (n->in_fd >= 0 ? DJ_DIR_IN : 0) |
			(n->out_fd >= 0 ? DJ_DIR_OUT : 0);

		dj_begin_write_stream(w, n->number, (enum dj_stream_dir)dir,
			n->name, strlen(n->name));
	}
	return true;
}

static const char *file_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

static bool write_begin(struct dj_program *p,
	const struct dj_program_options *o, const struct list *env,
	struct dj_err *err)
{
	struct dj_wr w = dj_wr_of(p->begin, DJ_BEGIN_MAX);
	struct dj_limits limits = { .fuel = o->fuel, .wall_ms = o->time_ms };
	const char *argv0 = o->argv0 != NULL ? o->argv0 : file_name(o->module);

	dj_begin_write_head(&w, p->module_len, p->module_hash,
		p->is_native ? DJ_MODULE_NATIVE : DJ_MODULE_WASM);
	dj_begin_write_arg(&w, argv0, strlen(argv0));
	for (size_t i = 0; i < o->arg_count; i++)
		dj_begin_write_arg(&w, o->args[i], strlen(o->args[i]));
	for (size_t i = 0; i < env->count; i++)
		dj_begin_write_env(&w, env->v[i], strlen(env->v[i]));
	for (size_t i = 0; i < o->dir_count; i++) {
		if (!add_dir(p, &w, o->dirs[i], err))
			return false;
	}
	if (!o->no_tmp)
		dj_begin_write_preopen(&w, DJ_PREOPEN_MEMORY, 0, 0, "/tmp", 4);
	if (!add_streams(p, &w, o, err))
		return false;
	if (o->fuel != 0 || o->time_ms != 0)
		dj_begin_write_limits(&w, &limits);
	if (dj_wr_end(&w, &p->begin_len) != DJ_OK)
		return dj_err_set(err, "usage.value",
			"describing the program: arguments and variables are more than 1 MiB, or one is more than 64 KiB");
	return true;
}

bool dj_program_load(struct dj_program *p, const struct dj_program_options *o,
	struct dj_err *err)
{
	struct list env = { 0 };
	bool good = true;

	*p = (struct dj_program){ .returned_fd = -1 };
	p->begin = malloc(DJ_BEGIN_MAX);
	if (p->begin == NULL)
		return dj_err_set(err, "internal.memory", "no memory");
	if (!load_module(p, o, err))
		return false;
	for (size_t i = 0; good && i < o->env_file_count; i++)
		good = read_env_file(&env, o->env_files[i], err);
	for (size_t i = 0; good && i < o->env_count; i++)
		good = set_env(&env, o->env[i], strlen(o->env[i]), "--env",
			err);
	good = good && write_begin(p, o, &env, err);
	list_done(&env);
	return good;
}

static void forget_module(struct dj_program *p)
{
	if (p->module_mapped != 0) {
		(void)munmap(p->module, p->module_mapped);
	} else {
		if (p->module != NULL)
			dj_wipe(p->module, p->module_len);
		free(p->module);
	}
	p->module = NULL;
	p->module_mapped = 0;
}

void dj_program_done(struct dj_program *p)
{
	if (p->begin != NULL)
		dj_wipe(p->begin, DJ_BEGIN_MAX);
	free(p->begin);
	forget_module(p);
	for (size_t i = 0; i < p->tree_count; i++)
		dj_tar_free(p->trees[i]);
	for (size_t i = 0; i < p->returned_count; i++)
		free(p->returned[i]);
	if (p->returned_count > 0 && p->returned_fd >= 0)
		close(p->returned_fd);
	for (size_t i = 0; i < p->named_count; i++) {
		if (p->named[i].in_fd >= 0)
			close(p->named[i].in_fd);
		if (p->named[i].out_fd >= 0)
			close(p->named[i].out_fd);
	}
	*p = (struct dj_program){ .returned_fd = -1 };
}

void dj_program_replace(struct dj_program *p, const struct dj_native_made *m)
{
	struct dj_wr w = dj_wr_of(p->begin, DJ_BEGIN_HEAD);

	forget_module(p);
	p->module = m->bytes;
	p->module_len = m->len;
	p->module_mapped = m->mapped;
	p->is_native = true;
	memcpy(p->module_hash, m->hash, sizeof(p->module_hash));
	dj_begin_write_head(&w, m->len, m->hash, DJ_MODULE_NATIVE);
}

void dj_program_job(const struct dj_program *p, struct dj_job *ret)
{
	ret->module = p->module;
	ret->module_len = p->module_len;
	memcpy(ret->module_hash, p->module_hash, sizeof(ret->module_hash));
	ret->begin = p->begin;
	ret->begin_len = p->begin_len;
	memcpy(ret->trees, p->trees, sizeof(ret->trees));
	ret->tree_count = p->tree_count;
	ret->returned = (const char *const *)p->returned;
	ret->returned_count = p->returned_count;
	ret->returned_fd = p->returned_fd;
	ret->named = p->named;
	ret->named_count = p->named_count;
}
