// SPDX-License-Identifier: Apache-2.0
#include "keep/program.h"

#include <string.h>

#include "keep/clock.h"
#include "keep/core.h"
#include "keep/diag.h"
#include "keep/engine/engine.h"
#include "keep/flow.h"
#include "keep/private.h"
#include "keep/session.h"
#include "keep/shim.h"
#include "keep/stream.h"
#include "keep/wasi/wasi.h"
#include "lib/base/arena.h"
#include "lib/base/secret.h"
#include "lib/base/size.h"
#include "lib/crypto/sha256.h"
#include "lib/proto/begin.h"
#include "lib/proto/knc.h"
#include "lib/wasm/native.h"

#define NO_DEADLINE     UINT64_MAX
/* Output that no record is full of is sent every so many polls. */
#define POLLS_PER_STEP  4
/* A look at the host's clock costs a round trip: some 25 ms apart. */
#define POLLS_PER_CLOCK 256
/* Times of files are as exact as Linux has them, some 4 ms. */
#define POLLS_PER_AGE   40

static struct {
	enum dj_phase phase;
	struct dj_buffer body; /* BEGIN */
	size_t body_len;
	struct dj_begin begin; /* borrows from body */
	uint8_t body_hash[32];
	struct dj_buffer module;
	size_t module_len;
	struct dj_sha256 module_sum;
	bool is_due;
	enum dj_trap stop; /* what to unwind the program with */
	uint64_t deadline;
	struct dj_exit exit;
} prog;

/*
 * What the session keeps for itself is a full ring for each stream, but no
 * more than this part of a small Keep.
 */
#define SESSION_DIVISOR 8

/* What one run needs; on the stack of dj_program_go(). */
struct run {
	struct dj_arena arena;
	void *arena_base;
	size_t arena_size;
	struct dj_wasm_module *module;
	struct dj_store *store;
	struct dj_wasi *wasi;
	struct dj_instance *instance;
	const uint8_t *wasm;
	size_t wasm_len;
	const uint8_t *image; /* native code; NULL: interpret */
	size_t image_len;
	uint32_t polls;
};

void dj_program_init(void)
{
	dj_wipe(&prog, sizeof(prog));
	prog.deadline = NO_DEADLINE;
	dj_sha256_init(&prog.module_sum);
}

enum dj_phase dj_program_phase(void)
{
	return prog.phase;
}

/* ---- loading ---- */

static uint64_t module_max(void)
{
	if (dj_core.config.max_module_bytes != 0)
		return dj_core.config.max_module_bytes;
	return dj_core.config.total_memory;
}

static enum dj_error start_loading(void)
{
	struct dj_begin_item item;
	size_t at = 0;
	dj_status st;

	st = dj_begin_parse(prog.body.p, prog.body_len, &prog.begin);
	if (st != DJ_OK)
		return st == DJ_E_LIMIT ? DJ_ERROR_TOO_BIG : DJ_ERROR_BAD_INNER;
	if (prog.begin.module_len > module_max())
		return DJ_ERROR_TOO_BIG;
	if (dj_buffer_reserve(&prog.module, (size_t)prog.begin.module_len) !=
		DJ_OK)
		return DJ_ERROR_TOO_BIG;
	while (dj_begin_next(&prog.begin, &at, &item)) {
		st = DJ_OK;
		if (item.tag == DJ_BEGIN_PREOPEN && item.stream != 0)
			st = dj_flow_tree_open(item.stream);
		else if (item.tag == DJ_BEGIN_STREAM)
			st = dj_flow_named_open(item.stream,
				(enum dj_stream_dir)item.dir);
		if (st != DJ_OK)
			return DJ_ERROR_TOO_BIG;
	}
	dj_sha256(prog.body.p, prog.body_len, prog.body_hash);
	dj_clock_begin();
	prog.phase = DJ_PHASE_LOADING;
	return DJ_ERROR_NONE;
}

enum dj_error dj_program_begin(bool more, uint64_t off, const uint8_t *p,
	size_t len)
{
	if (prog.phase != DJ_PHASE_EMPTY || off != prog.body_len)
		return DJ_ERROR_BAD_ORDER;
	if (len > DJ_BEGIN_MAX - prog.body_len)
		return DJ_ERROR_TOO_BIG;
	if (prog.body.p == NULL &&
		dj_buffer_reserve(&prog.body, DJ_BEGIN_MAX) != DJ_OK)
		return DJ_ERROR_TOO_BIG;
	if (dj_buffer_grow(&prog.body, prog.body_len + len) != DJ_OK)
		return DJ_ERROR_TOO_BIG;
	if (len != 0)
		memcpy(prog.body.p + prog.body_len, p, len);
	prog.body_len += len;
	return more ? DJ_ERROR_NONE : start_loading();
}

void dj_program_attach(void)
{
	if (prog.phase != DJ_PHASE_EMPTY)
		return;
	/* What a refused BEGIN left behind goes too. */
	prog.body_len = 0;
	dj_buffer_free(&prog.module);
	dj_flow_begin_undo();
}

enum dj_error dj_program_module(uint64_t off, const uint8_t *p, size_t len)
{
	if (prog.phase != DJ_PHASE_LOADING || off != prog.module_len)
		return DJ_ERROR_BAD_ORDER;
	if (len > prog.begin.module_len - prog.module_len ||
		dj_buffer_grow(&prog.module, prog.module_len + len) != DJ_OK)
		return DJ_ERROR_TOO_BIG;
	if (len != 0)
		memcpy(prog.module.p + prog.module_len, p, len);
	dj_sha256_update(&prog.module_sum, p, len);
	prog.module_len += len;
	return DJ_ERROR_NONE;
}

uint64_t dj_program_module_next(void)
{
	return prog.module_len;
}

enum dj_error dj_program_run(void)
{
	uint8_t hash[32];

	if (prog.phase != DJ_PHASE_LOADING ||
		prog.module_len != prog.begin.module_len ||
		!dj_flow_trees_ended())
		return DJ_ERROR_BAD_ORDER;
	dj_sha256_final(&prog.module_sum, hash);
	if (memcmp(hash, prog.begin.module_hash, sizeof(hash)) != 0)
		return DJ_ERROR_BAD_INNER;
	prog.phase = DJ_PHASE_RUNNING;
	prog.is_due = true;
	return DJ_ERROR_NONE;
}

bool dj_program_is_due(void)
{
	return prog.is_due;
}

/* ---- stopping ---- */

enum dj_error dj_program_stop(void)
{
	if (prog.phase != DJ_PHASE_EXITED && prog.stop == DJ_TRAP_NONE)
		prog.stop = DJ_TRAP_STOPPED;
	return DJ_ERROR_NONE;
}

bool dj_program_stopping(void)
{
	return prog.stop != DJ_TRAP_NONE;
}

uint64_t dj_program_deadline(void)
{
	return prog.phase == DJ_PHASE_RUNNING ? prog.deadline : NO_DEADLINE;
}

void dj_program_check_time(void)
{
	uint64_t now;

	if (dj_program_deadline() == NO_DEADLINE ||
		dj_clock_host(&now) != DJ_OK || now < prog.deadline)
		return;
	if (prog.stop == DJ_TRAP_NONE)
		prog.stop = DJ_TRAP_TIME;
}

static void set_deadline(void)
{
	uint64_t now, span;

	if (prog.begin.limits.wall_ms == 0 || dj_clock_host(&now) != DJ_OK)
		return;
	if (__builtin_mul_overflow(prog.begin.limits.wall_ms, UINT64_C(1000000),
		    &span) ||
		!dj_u64_add(now, span, &prog.deadline))
		prog.deadline = NO_DEADLINE;
}

static enum dj_trap poll(void *ctx)
{
	struct run *r = ctx;

	r->polls++;
	if (r->polls % POLLS_PER_AGE == 0)
		dj_clock_age();
	if (r->polls % POLLS_PER_CLOCK == 0)
		dj_program_check_time();
	if (r->polls % POLLS_PER_STEP == 0 || dj_shim_attention())
		(void)dj_session_step();
	return prog.stop;
}

/* ---- the run ---- */

/*
 * The program's memory and files end before the Keep's memory does: else one
 * that fills its disk could not say so, since its output has no room either.
 */
static dj_status commit(void *p, size_t len)
{
	uint64_t total = dj_core.config.total_memory, peak, used;
	uint64_t keep = total / SESSION_DIVISOR, has = dj_flow_committed();

	if (keep > dj_flow_most())
		keep = dj_flow_most();
	if (!dj_u64_add(dj_shim_committed(&peak), len, &used) ||
		!dj_u64_add(used, keep > has ? keep - has : 0, &used) ||
		used > total)
		return DJ_E_NOMEM;
	return dj_private_commit(p, len);
}

static void ended(uint8_t how, uint8_t trap)
{
	prog.exit.how = how;
	prog.exit.trap = trap;
}

static bool refused(const char *text, const char *name, size_t name_len,
	size_t offset)
{
	dj_diag_refused(text, name, name_len, offset);
	ended(DJ_EXIT_REFUSED, 0);
	return false;
}

static bool out_of_memory(void)
{
	dj_diag_trap("the memory of this Keep is used up", DJ_LIMIT_MEMORY,
		NULL, 0);
	ended(DJ_EXIT_LIMIT, DJ_LIMIT_MEMORY);
	return false;
}

static bool is_supported(void)
{
	if (prog.begin.format != DJ_MODULE_WASM &&
		dj_shim_info.native_code == 0)
		return refused("this Keep takes no native code", NULL, 0,
			DJ_DIAG_NO_OFFSET);
	return true;
}

static bool has_start(const struct dj_wasm_module *m)
{
	static const char name[] = "_start";

	for (size_t i = 0; i < dj_wasm_export_count(m); i++) {
		const struct dj_wasm_export *e = dj_wasm_export(m, i);
		const struct dj_wasm_functype *t;

		if (e->kind != DJ_WASM_FUNC ||
			e->name.len != sizeof(name) - 1 ||
			memcmp(e->name.p, name, e->name.len) != 0)
			continue;
		t = dj_wasm_func_type(m, e->index);
		return t->param_count == 0 && t->result_count == 0;
	}
	return false;
}

static bool is_digest(const uint8_t *p, size_t len, const uint8_t want[32])
{
	uint8_t got[32];

	dj_sha256(p, len, got);
	return memcmp(got, want, sizeof(got)) == 0;
}

/* The parts of what MODULE brought: a Wasm module, and perhaps its code. */
static bool split(struct run *r)
{
	struct dj_knc k = { 0 };
	const char *why = "";

	r->wasm = prog.module.p;
	r->wasm_len = prog.module_len;
	if (prog.begin.format == DJ_MODULE_WASM)
		return true;
	if (dj_knc_parse(prog.module.p, prog.module_len, &k, &why) != DJ_OK)
		return refused(why, NULL, 0, DJ_DIAG_NO_OFFSET);
	if (k.isa != dj_shim_info.isa)
		why = "native code for another instruction set";
	else if (k.cpu_level > dj_shim_info.cpu_level)
		why = "native code for a later processor";
	else if (k.bounds > dj_shim_info.bounds)
		why = "native code without bounds checks, which this Keep "
		      "needs";
	else if (!is_digest(k.wasm, (size_t)k.wasm_len, k.wasm_hash))
		why = "the digest of the module is not the envelope's";
	else if (!is_digest(k.image, (size_t)k.image_len, k.image_hash))
		why = "the digest of the native code is not the envelope's";
	else if (!dj_native_is_of(k.image, (size_t)k.image_len, k.wasm_hash))
		why = "native code of another module";
	else if (!dj_native_is_for(k.image, (size_t)k.image_len, k.isa,
			 k.bounds, k.cpu_level))
		why = "native code for something else than the envelope says";
	if (why[0] != '\0')
		return refused(why, NULL, 0, DJ_DIAG_NO_OFFSET);
	r->wasm = k.wasm;
	r->wasm_len = (size_t)k.wasm_len;
	r->image = k.image;
	r->image_len = (size_t)k.image_len;
	return true;
}

static bool load(struct run *r)
{
	struct dj_wasm_error err = { 0 };
	dj_status st;

	if (dj_program_stopping()) {
		ended(DJ_EXIT_STOPPED, 0);
		return false;
	}
	if (!is_supported() || !split(r))
		return false;
	if (!dj_size_align((size_t)dj_core.config.total_memory, DJ_ARENA_STEP,
		    &r->arena_size))
		return out_of_memory();
	r->arena_base = dj_private_reserve(r->arena_size);
	if (r->arena_base == NULL)
		return out_of_memory();
	dj_arena_init(&r->arena, r->arena_base, r->arena_size, commit);
	st = dj_wasm_load(r->wasm, r->wasm_len, &r->arena, &r->module, &err);
	if (st == DJ_E_NOMEM)
		return out_of_memory();
	if (st != DJ_OK)
		return refused(err.text == NULL ? "not a module" : err.text,
			NULL, 0, err.offset);
	if (!has_start(r->module))
		return refused("no function _start: only a command is run, "
			       "not a reactor",
			NULL, 0, DJ_DIAG_NO_OFFSET);
	return true;
}

static bool make_store(struct run *r)
{
	const struct dj_store_config config = {
		.mem = { dj_private_reserve, commit, dj_private_release },
		.max_memory_pages = dj_core.config.max_memory_pages,
		.max_call_depth = prog.begin.limits.call_depth,
		.poll = poll,
		.poll_ctx = r,
		.fuel = prog.begin.limits.fuel,
		.native = r->image != NULL,
		.guard = r->image != NULL && dj_shim_info.bounds != 0,
		.exec = dj_private_exec,
	};

	if (dj_store_init(&r->arena, &config, &r->store) != DJ_OK)
		return out_of_memory();
	return true;
}

static bool fill_wasi(struct dj_wasi_config *c, struct run *r)
{
	struct dj_begin *b = &prog.begin;
	struct dj_wasi_text *args, *env;
	struct dj_wasi_preopen *pre;
	struct dj_wasi_stream *streams;
	struct dj_begin_item item;
	size_t at = 0;

	args = dj_arena_new_n(&r->arena, b->arg_count, struct dj_wasi_text);
	env = dj_arena_new_n(&r->arena, b->env_count, struct dj_wasi_text);
	pre = dj_arena_new_n(&r->arena, b->preopen_count,
		struct dj_wasi_preopen);
	streams = dj_arena_new_n(&r->arena, b->stream_count,
		struct dj_wasi_stream);
	if (args == NULL || env == NULL || pre == NULL || streams == NULL)
		return false;
	while (dj_begin_next(b, &at, &item)) {
		struct dj_wasi_text text = { item.text,
			(uint32_t)item.text_len };

		if (item.tag == DJ_BEGIN_ARG)
			args[c->arg_count++] = text;
		else if (item.tag == DJ_BEGIN_ENV)
			env[c->env_count++] = text;
		else if (item.tag == DJ_BEGIN_STREAM)
			streams[c->stream_count++] = (struct dj_wasi_stream){
				.name = text,
				.number = item.stream,
				.is_in = (item.dir & DJ_DIR_IN) != 0,
				.is_out = (item.dir & DJ_DIR_OUT) != 0,
			};
		if (item.tag != DJ_BEGIN_PREOPEN)
			continue;
		pre[c->preopen_count] = (struct dj_wasi_preopen){
			.kind = (enum dj_wasi_preopen_kind)item.kind,
			.path = text,
			.is_returned = (item.flags & DJ_PREOPEN_RETURN) != 0,
		};
		if (item.stream != 0)
			pre[c->preopen_count].tar = dj_flow_tree(item.stream,
				&pre[c->preopen_count].tar_len);
		c->preopen_count++;
	}
	c->args = args;
	c->env = env;
	c->preopens = pre;
	c->streams = streams;
	return true;
}

static size_t name_len(const char *name, size_t cap)
{
	const char *end = memchr(name, 0, cap);

	return end == NULL ? cap : (size_t)(end - name);
}

static bool make_wasi(struct run *r)
{
	struct dj_wasi_error err = { 0 };
	struct dj_wasi_config c = {
		.max_open_files = prog.begin.limits.open_files,
		.mem = { dj_private_reserve, commit, dj_private_release },
		.max_file_bytes = dj_core.config.total_memory,
		.error = &err,
	};
	dj_status st;

	if (!fill_wasi(&c, r))
		return out_of_memory();
	st = dj_wasi_new(&r->arena, &c, &r->wasi);
	if (st == DJ_E_NOMEM)
		return out_of_memory();
	if (st != DJ_OK)
		return refused(err.what == NULL ? "an input tree is refused"
						: err.what,
			err.name, name_len(err.name, sizeof(err.name)),
			DJ_DIAG_NO_OFFSET);
	dj_wasi_set_store(r->wasi, r->store);
	return true;
}

static void trapped(struct run *r, enum dj_trap trap)
{
	struct dj_frame frames[DJ_DIAG_FRAMES];
	size_t n = dj_store_backtrace(r->store, frames, DJ_DIAG_FRAMES);
	uint8_t limit = 0;

	if (trap == DJ_TRAP_STOPPED && prog.stop != DJ_TRAP_NONE)
		trap = prog.stop;
	if (trap == DJ_TRAP_STOPPED) {
		ended(DJ_EXIT_STOPPED, 0);
		return;
	}
	if (trap == DJ_TRAP_FUEL)
		limit = DJ_LIMIT_FUEL;
	else if (trap == DJ_TRAP_TIME)
		limit = DJ_LIMIT_WALL;
	else if (trap == DJ_TRAP_LIMIT)
		limit = DJ_LIMIT_MEMORY;
	dj_diag_trap(dj_trap_text(trap), limit != 0 ? limit : (unsigned)trap,
		frames, n);
	if (limit != 0)
		ended(DJ_EXIT_LIMIT, limit);
	else if (trap <= DJ_EXIT_TRAP_MAX)
		ended(DJ_EXIT_TRAP, (uint8_t)trap);
	else
		ended(DJ_EXIT_ENGINE, 0);
}

static bool went_on(struct run *r, enum dj_trap trap)
{
	if (trap == DJ_TRAP_NONE)
		return true;
	if (trap != DJ_TRAP_EXIT) {
		trapped(r, trap);
		return false;
	}
	ended(DJ_EXIT_EXIT, 0);
	prog.exit.code = dj_wasi_exit_code(r->wasi);
	return false;
}

static bool instantiate(struct run *r)
{
	const struct dj_native_target target = {
		.isa = dj_shim_info.isa,
		.cpu_level = (uint8_t)dj_shim_info.cpu_level,
	};
	struct dj_link_error err = { 0 };
	const struct dj_wasm_import *import;
	dj_status st;

	if (r->image == NULL)
		st = dj_instance_new(r->store, r->module, dj_wasi_resolve,
			r->wasi, &r->instance, &err);
	else
		st = dj_instance_new_native(r->store, r->module, r->image,
			r->image_len, &target, dj_wasi_resolve, r->wasi,
			&r->instance, &err);
	if (st == DJ_E_NOMEM)
		return out_of_memory();
	if (st == DJ_E_STATE)
		return went_on(r, err.trap);
	if (st == DJ_OK)
		return true;
	if (err.import_index >= dj_wasm_import_count(r->module))
		return refused(err.what == NULL ? "cannot be linked" : err.what,
			NULL, 0, DJ_DIAG_NO_OFFSET);
	import = dj_wasm_import(r->module, err.import_index);
	return refused(err.what == NULL ? "cannot be linked" : err.what,
		import->name.p, import->name.len, DJ_DIAG_NO_OFFSET);
}

static void call_start(struct run *r)
{
	union dj_value args[1] = { 0 };
	struct dj_extern start;

	if (!went_on(r, dj_instance_start(r->instance)))
		return;
	if (!dj_instance_export(r->instance, "_start", 6, &start) ||
		start.kind != DJ_WASM_FUNC) {
		ended(DJ_EXIT_ENGINE, 0);
		return;
	}
	if (went_on(r, dj_call(r->store, start.func, args)))
		ended(DJ_EXIT_EXIT, 0);
}

static dj_status put_returned(void *ctx, const void *p, size_t len)
{
	(void)ctx;
	return dj_stream_write(DJ_STREAM_RETURNED, p, len);
}

/* What it changed goes back if it ended by itself, and then all of it. */
static void return_trees(struct run *r)
{
	const char *what = "";
	uint64_t max;
	dj_status st;

	if (prog.exit.how != DJ_EXIT_EXIT || r->wasi == NULL ||
		!dj_wasi_returns(r->wasi))
		return;
	if (__builtin_mul_overflow(dj_core.config.total_memory,
		    DJ_RETURN_FACTOR, &max))
		max = UINT64_MAX;
	dj_flow_returned_open();
	st = dj_wasi_return(r->wasi, put_returned, NULL, max, &what);
	if (st == DJ_OK)
		return;
	prog.exit.code = 0;
	if (st == DJ_E_STATE) {
		trapped(r, DJ_TRAP_STOPPED);
		return;
	}
	dj_diag_trap(st == DJ_E_LIMIT ? what
				      : "the changed files cannot be returned",
		DJ_LIMIT_MEMORY, NULL, 0);
	ended(DJ_EXIT_LIMIT, DJ_LIMIT_MEMORY);
}

static void sum_up(const struct run *r)
{
	struct dj_receipt_stream in, out, err;
	uint64_t peak;

	(void)dj_shim_committed(&peak);
	(void)dj_flow_sum(DJ_STREAM_STDIN, DJ_DIR_IN, &in);
	(void)dj_flow_sum(DJ_STREAM_STDOUT, DJ_DIR_OUT, &out);
	(void)dj_flow_sum(DJ_STREAM_STDERR, DJ_DIR_OUT, &err);
	dj_diag_counters(r->store == NULL ? 0 : dj_store_fuel_used(r->store),
		peak, in.len);
	prog.exit.stdout_len = out.len;
	prog.exit.stderr_len = err.len;
	memcpy(prog.exit.stdout_hash, out.hash, sizeof(out.hash));
	memcpy(prog.exit.stderr_hash, err.hash, sizeof(err.hash));
	memcpy(prog.exit.module_hash, prog.begin.module_hash,
		sizeof(prog.exit.module_hash));
}

static void give_back(struct run *r)
{
	if (r->wasi != NULL)
		dj_wasi_done(r->wasi);
	if (r->store != NULL)
		dj_store_done(r->store);
	if (r->arena_base != NULL)
		dj_private_release(r->arena_base, r->arena_size);
	dj_buffer_free(&prog.module);
}

/* Policy client: no program begins before the client has said the time. */
static bool has_time(struct run *r)
{
	if (dj_clock_wait_start() == DJ_OK)
		return true;
	trapped(r, DJ_TRAP_STOPPED);
	return false;
}

void dj_program_go(void)
{
	struct run r = { 0 };

	prog.is_due = false;
	set_deadline();
	if (load(&r) && make_store(&r) && has_time(&r) && make_wasi(&r) &&
		instantiate(&r))
		call_start(&r);
	return_trees(&r);
	sum_up(&r);
	give_back(&r);
	dj_flow_finish();
	prog.phase = DJ_PHASE_EXITED;
}

void dj_keep_fault(uintptr_t pc, uintptr_t addr, uintptr_t fp)
{
	dj_native_fault(pc, addr, fp);
}

/* ---- how it ended ---- */

void dj_program_exit(uint8_t dst[static DJ_EXIT_SIZE])
{
	dj_exit_write(&prog.exit, dst);
}

bool dj_program_receipt(uint8_t ret_report_data[static 64])
{
	struct dj_receipt_stream streams[DJ_RECEIPT_STREAMS];
	uint8_t exit[DJ_EXIT_SIZE];
	struct dj_receipt r = { .streams = streams };

	if ((dj_core.config.flags & DJ_CONFIG_RECEIPTS) == 0)
		return false;
	for (unsigned id = 0; id <= UINT8_MAX; id++) {
		if (dj_flow_sum((uint8_t)id, DJ_DIR_IN,
			    &streams[r.stream_count]))
			r.stream_count++;
		if (dj_flow_sum((uint8_t)id, DJ_DIR_OUT,
			    &streams[r.stream_count]))
			r.stream_count++;
	}
	dj_program_exit(exit);
	memcpy(r.exit, exit, sizeof(r.exit));
	memcpy(r.keep_id, dj_core.keep_id, sizeof(r.keep_id));
	memcpy(r.config_hash, dj_core.config_hash, sizeof(r.config_hash));
	memcpy(r.module_hash, prog.begin.module_hash, sizeof(r.module_hash));
	memcpy(r.begin_hash, prog.body_hash, sizeof(r.begin_hash));
	dj_receipt_report_data(&r, ret_report_data);
	return true;
}
