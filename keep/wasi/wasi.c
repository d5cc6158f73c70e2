// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "keep/stream.h"
#include "keep/wasi/call.h"

#define FILES_DEFAULT 1024
#define FILES_MAX     65536
#define STREAMS       3 /* descriptors 0, 1, 2 */
#define PARAMS_MAX    9

/* What a host function of the store points to. */
struct wasi_binding {
	struct dj_wasi *w;
	const struct wasi_fn *fn;
	struct dj_func *func; /* made when first imported */
	struct dj_wasm_functype type;
	uint32_t params[PARAMS_MAX];
	bool unstable;
};

static const struct wasi_group *const groups[] = { &wasi_args, &wasi_clock,
	&wasi_fd, &wasi_io, &wasi_dir, &wasi_path, &wasi_poll, &wasi_proc,
	&wasi_random, &wasi_sock };
#define GROUPS (sizeof(groups) / sizeof(groups[0]))

static size_t function_count(void)
{
	size_t n = 0;

	for (size_t i = 0; i < GROUPS; i++)
		n += groups[i]->count;
	return n;
}

uint8_t *wasi_mem(const struct call *c, uint32_t addr, uint64_t len)
{
	return c->inst == NULL ? NULL : dj_mem_at(c->inst, addr, len);
}

enum dj_errno wasi_stream_failed(struct call *c, dj_status st)
{
	if (st == DJ_E_STATE)
		c->trap = DJ_TRAP_STOPPED;
	return DJ_EIO;
}

static enum dj_trap enter(void *ctx, struct dj_instance *caller,
	union dj_value *args)
{
	const struct wasi_binding *b = ctx;
	struct call c = { .w = b->w,
		.inst = caller,
		.args = args,
		.unstable = b->unstable,
		.trap = DJ_TRAP_NONE };
	enum dj_errno e = b->fn->run(&c);

	dj_store_worked(b->w->store, c.work);
	args[0].i64 = 0;
	args[0].i32 = e;
	return c.trap;
}

static void bind_all(struct dj_wasi *w)
{
	struct wasi_binding *b = w->bindings;

	for (int unstable = 0; unstable < 2; unstable++)
		for (size_t i = 0; i < GROUPS; i++)
			for (size_t k = 0; k < groups[i]->count; k++)
				*b++ = (struct wasi_binding){ .w = w,
					.fn = &groups[i]->fns[k],
					.unstable = unstable != 0 };
}

static bool texts_ok(const struct dj_wasi_text *t, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (t[i].len != 0 && memchr(t[i].p, 0, t[i].len) != NULL)
			return false;
	return true;
}

static void open_streams(struct dj_wasi *w)
{
	static const uint64_t more[STREAMS] = { R_FD_READ, R_FD_WRITE,
		R_FD_WRITE };

	for (uint8_t i = 0; i < STREAMS; i++) {
		struct fd f = { .kind = FD_STREAM,
			.stream = i,
			.base = R_STREAM | more[i] };

		wasi_fd_set(w, i, &f);
	}
}

static dj_status open_tree(struct dj_wasi *w, const struct dj_wasi_preopen *p,
	struct dj_vfs_error *err, struct dj_vfs_node **ret)
{
	const uint8_t *tar = p->tar;

	switch (p->kind) {
	case DJ_WASI_PACKED:
	case DJ_WASI_OVERLAY:
		if (tar == NULL)
			return DJ_E_INPUT;
		break;
	case DJ_WASI_MEMORY:
		tar = NULL;
		break;
	default:
		return DJ_E_INPUT;
	}
	return dj_vfs_tree(&w->vfs, tar, p->tar_len, p->kind != DJ_WASI_PACKED,
		ret, err);
}

static dj_status open_preopens(struct dj_wasi *w)
{
	struct dj_vfs_error err = { .what = "" };
	struct fd f = { .kind = FD_NODE,
		.base = R_DIR,
		.inheriting = R_ALL & ~R_SOCK };
	dj_status st;

	for (size_t i = 0; i < w->config.preopen_count; i++) {
		const struct dj_wasi_preopen *p = &w->config.preopens[i];

		st = open_tree(w, p, &err, &f.node);
		if (st != DJ_OK) {
			if (w->config.error != NULL) {
				w->config.error->preopen = i;
				w->config.error->what = err.what;
				memcpy(w->config.error->name, err.name,
					sizeof(err.name));
			}
			return st;
		}
		dj_vfs_ref(f.node);
		dj_vfs_ref(f.node);
		w->roots[i] = f.node;
		f.preopen = &p->path;
		wasi_fd_set(w, (uint32_t)(STREAMS + i), &f);
	}
	return DJ_OK;
}

static dj_status refuse_stream(struct dj_wasi *w, const struct dj_wasi_text *t)
{
	struct dj_wasi_error *e = w->config.error;
	size_t n = t->len < sizeof(e->name) ? t->len : sizeof(e->name) - 1;

	if (e != NULL) {
		*e = (struct dj_wasi_error){ .what = "no name for a stream" };
		memcpy(e->name, t->p, n);
	}
	return DJ_E_INPUT;
}

/* The folder of the named streams. */
static dj_status open_named(struct dj_wasi *w)
{
	static const struct dj_wasi_text path = { DJ_WASI_STREAMS,
		sizeof(DJ_WASI_STREAMS) - 1 };
	struct fd f = { .kind = FD_NODE,
		.base = R_DIR,
		.inheriting = R_ALL & ~R_SOCK,
		.preopen = &path };
	dj_status st;

	if (w->config.stream_count == 0)
		return DJ_OK;
	st = dj_vfs_tree(&w->vfs, NULL, 0, false, &f.node, NULL);
	for (size_t i = 0; st == DJ_OK && i < w->config.stream_count; i++) {
		const struct dj_wasi_stream *s = &w->config.streams[i];

		st = dj_vfs_add_stream(&w->vfs, f.node, s->name.p, s->name.len,
			s->number, s->is_in, s->is_out);
		if (st == DJ_E_INPUT)
			return refuse_stream(w, &s->name);
	}
	if (st != DJ_OK)
		return st;
	dj_vfs_ref(f.node);
	wasi_fd_set(w, (uint32_t)(STREAMS + w->config.preopen_count), &f);
	return DJ_OK;
}

static uint32_t open_files(const struct dj_wasi_config *c)
{
	if (c->max_open_files == 0)
		return FILES_DEFAULT;
	return c->max_open_files < FILES_MAX ? c->max_open_files : FILES_MAX;
}

static dj_status check(const struct dj_wasi_config *c)
{
	if (open_files(c) < STREAMS + c->preopen_count + (c->stream_count != 0))
		return DJ_E_LIMIT;
	if (!texts_ok(c->args, c->arg_count) || !texts_ok(c->env, c->env_count))
		return DJ_E_INPUT;
	for (size_t i = 0; i < c->preopen_count; i++)
		if (!texts_ok(&c->preopens[i].path, 1))
			return DJ_E_INPUT;
	return DJ_OK;
}

static bool make_changes(struct dj_wasi *w, struct dj_arena *arena)
{
	bool any = false;

	for (size_t i = 0; i < w->config.preopen_count; i++)
		any = any || w->config.preopens[i].is_returned;
	if (any)
		w->changes = dj_arena_new(arena, struct dj_vfs_changes);
	return !any || w->changes != NULL;
}

dj_status dj_wasi_new(struct dj_arena *arena,
	const struct dj_wasi_config *config, struct dj_wasi **ret)
{
	const struct dj_vfs_pages pages = { config->mem.reserve,
		config->mem.commit, config->mem.release,
		config->max_file_bytes };
	struct dj_wasi *w;
	dj_status st = check(config);

	if (st != DJ_OK)
		return st;
	w = dj_arena_new(arena, struct dj_wasi);
	if (w == NULL)
		return DJ_E_NOMEM;
	w->config = *config;
	w->fd_count = open_files(config);
	w->fds = dj_arena_new_n(arena, w->fd_count, struct fd);
	w->bindings = dj_arena_new_n(arena, 2 * function_count(),
		struct wasi_binding);
	w->roots = dj_arena_new_n(arena, config->preopen_count,
		struct dj_vfs_node *);
	if (w->fds == NULL || w->bindings == NULL || w->roots == NULL ||
		!make_changes(w, arena))
		return DJ_E_NOMEM;
	bind_all(w);
	st = dj_vfs_init(&w->vfs, arena, &pages);
	if (st != DJ_OK)
		return st;
	if (dj_clock_monotonic(&w->start) != DJ_OK)
		w->start = 0;
	open_streams(w);
	st = open_preopens(w);
	if (st == DJ_OK)
		st = open_named(w);
	if (st != DJ_OK) {
		dj_vfs_done(&w->vfs);
		return st;
	}
	dj_vfs_seal(&w->vfs);
	*ret = w;
	return DJ_OK;
}

void dj_wasi_set_store(struct dj_wasi *w, struct dj_store *store)
{
	w->store = store;
}

static bool name_is(const struct dj_wasm_name *n, const char *s)
{
	return n->len == strlen(s) && memcmp(n->p, s, n->len) == 0;
}

static dj_status make(struct dj_wasi *w, struct wasi_binding *b)
{
	static const uint32_t i32 = DJ_WASM_I32;
	const char *p = b->fn->params;
	uint32_t n;

	for (n = 0; p[n] != '\0'; n++)
		b->params[n] = p[n] == 'I' ? DJ_WASM_I64 : DJ_WASM_I32;
	b->type = (struct dj_wasm_functype){ .param_count = n,
		.params = b->params,
		.result_count = b->fn->is_void ? 0 : 1,
		.results = &i32 };
	return dj_func_new_host(w->store, &b->type, enter, b, &b->func);
}

dj_status dj_wasi_resolve(void *ctx, const struct dj_wasm_import *import,
	struct dj_extern *ret)
{
	struct dj_wasi *w = ctx;
	struct wasi_binding *b = w->bindings;
	size_t n = function_count();
	dj_status st;

	if (name_is(&import->module, "wasi_unstable"))
		b += n;
	else if (!name_is(&import->module, "wasi_snapshot_preview1"))
		return DJ_E_INPUT;
	for (; n > 0 && !name_is(&import->name, b->fn->name); n--)
		b++;
	if (n == 0)
		return DJ_E_INPUT;
	if (b->func == NULL) {
		st = make(w, b);
		if (st != DJ_OK)
			return st;
	}
	ret->kind = DJ_WASM_FUNC;
	ret->func = b->func;
	return DJ_OK;
}

bool dj_wasi_returns(const struct dj_wasi *w)
{
	return w->changes != NULL;
}

dj_status dj_wasi_return(struct dj_wasi *w, dj_vfs_put *put, void *ctx,
	uint64_t max, const char **ret_what)
{
	struct dj_vfs_changes *c = w->changes;
	dj_status st = DJ_OK;
	uint64_t number = 0;

	c->put = put;
	c->ctx = ctx;
	c->now = wasi_now(w);
	c->left = max;
	for (size_t i = 0; st == DJ_OK && i < w->config.preopen_count; i++) {
		const struct dj_wasi_preopen *p = &w->config.preopens[i];

		if (p->is_returned)
			st = dj_vfs_changes_put(c, &w->vfs, w->roots[i], p->tar,
				p->tar_len, number++);
	}
	if (st == DJ_OK)
		st = dj_vfs_changes_end(c);
	if (st == DJ_E_LIMIT)
		*ret_what = c->what;
	return st;
}

uint32_t dj_wasi_exit_code(const struct dj_wasi *w)
{
	return w->exit_code;
}

void dj_wasi_done(struct dj_wasi *w)
{
	dj_vfs_done(&w->vfs);
}
