// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>

#include "keep/shim.h"
#include "lib/crypto/sha256.h"
#include "lib/proto/config.h"
#include "lib/session/binding.h"
#include "tests/support/ksp_client.h"
#include "tests/tap.h"

/* From BEGIN to EXIT, with modules made by wat2wasm --debug-names. */

/*
 * (module (func (export "_start")))
 */
static const uint8_t nop[] = { 0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00,
	0x01, 0x04, 0x01, 0x60, 0x00, 0x00, 0x03, 0x02, 0x01, 0x00, 0x07, 0x0a,
	0x01, 0x06, 0x5f, 0x73, 0x74, 0x61, 0x72, 0x74, 0x00, 0x00, 0x0a, 0x04,
	0x01, 0x02, 0x00, 0x0b, 0x00, 0x0a, 0x04, 0x6e, 0x61, 0x6d, 0x65, 0x02,
	0x03, 0x01, 0x00, 0x00 };

/*
 * (module (func $spin (export "_start") (loop (br 0))))
 */
static const uint8_t spin[] = { 0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00,
	0x01, 0x04, 0x01, 0x60, 0x00, 0x00, 0x03, 0x02, 0x01, 0x00, 0x07, 0x0a,
	0x01, 0x06, 0x5f, 0x73, 0x74, 0x61, 0x72, 0x74, 0x00, 0x00, 0x0a, 0x09,
	0x01, 0x07, 0x00, 0x03, 0x40, 0x0c, 0x00, 0x0b, 0x0b, 0x00, 0x13, 0x04,
	0x6e, 0x61, 0x6d, 0x65, 0x01, 0x07, 0x01, 0x00, 0x04, 0x73, 0x70, 0x69,
	0x6e, 0x02, 0x03, 0x01, 0x00, 0x00 };

/*
 * (module (func $bo\22om\e2\82\ac unreachable) (func $outer (export "_start") call 0))
 */
static const uint8_t trap[] = { 0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00,
	0x01, 0x04, 0x01, 0x60, 0x00, 0x00, 0x03, 0x03, 0x02, 0x00, 0x00, 0x07,
	0x0a, 0x01, 0x06, 0x5f, 0x73, 0x74, 0x61, 0x72, 0x74, 0x00, 0x01, 0x0a,
	0x0a, 0x02, 0x03, 0x00, 0x00, 0x0b, 0x04, 0x00, 0x10, 0x00, 0x0b, 0x00,
	0x28, 0x04, 0x6e, 0x61, 0x6d, 0x65, 0x01, 0x1a, 0x02, 0x00, 0x10, 0x62,
	0x6f, 0x5c, 0x32, 0x32, 0x6f, 0x6d, 0x5c, 0x65, 0x32, 0x5c, 0x38, 0x32,
	0x5c, 0x61, 0x63, 0x01, 0x05, 0x6f, 0x75, 0x74, 0x65, 0x72, 0x02, 0x05,
	0x02, 0x00, 0x00, 0x01, 0x00 };

/*
 * (module (func (export "_initialize")))
 */
static const uint8_t reactor[] = { 0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00,
	0x00, 0x01, 0x04, 0x01, 0x60, 0x00, 0x00, 0x03, 0x02, 0x01, 0x00, 0x07,
	0x0f, 0x01, 0x0b, 0x5f, 0x69, 0x6e, 0x69, 0x74, 0x69, 0x61, 0x6c, 0x69,
	0x7a, 0x65, 0x00, 0x00, 0x0a, 0x04, 0x01, 0x02, 0x00, 0x0b, 0x00, 0x0a,
	0x04, 0x6e, 0x61, 0x6d, 0x65, 0x02, 0x03, 0x01, 0x00, 0x00 };

/*
 * (module
 *   (import "wasi_snapshot_preview1" "fd_read" (func $r (param i32 i32 i32 i32) (result i32)))
 *   (import "wasi_snapshot_preview1" "fd_write" (func $w (param i32 i32 i32 i32) (result i32)))
 *   (import "wasi_snapshot_preview1" "proc_exit" (func $x (param i32)))
 *   (memory (export "memory") 2)
 *   (func (export "_start") (local i32)
 *     (loop
 *       (i32.store (i32.const 0) (i32.const 1024))
 *       (i32.store (i32.const 4) (i32.const 65536))
 *       (if (call $r (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)) (then (call $x (i32.const 1))))
 *       (i32.store (i32.const 4) (i32.load (i32.const 8)))
 *       (if (i32.eqz (i32.load (i32.const 8))) (then (call $x (i32.const 42))))
 *       (if (call $w (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 12)) (then (call $x (i32.const 2))))
 *       (br 0))))
 */
static const uint8_t echo[] = { 0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00,
	0x01, 0x10, 0x03, 0x60, 0x04, 0x7f, 0x7f, 0x7f, 0x7f, 0x01, 0x7f, 0x60,
	0x01, 0x7f, 0x00, 0x60, 0x00, 0x00, 0x02, 0x67, 0x03, 0x16, 0x77, 0x61,
	0x73, 0x69, 0x5f, 0x73, 0x6e, 0x61, 0x70, 0x73, 0x68, 0x6f, 0x74, 0x5f,
	0x70, 0x72, 0x65, 0x76, 0x69, 0x65, 0x77, 0x31, 0x07, 0x66, 0x64, 0x5f,
	0x72, 0x65, 0x61, 0x64, 0x00, 0x00, 0x16, 0x77, 0x61, 0x73, 0x69, 0x5f,
	0x73, 0x6e, 0x61, 0x70, 0x73, 0x68, 0x6f, 0x74, 0x5f, 0x70, 0x72, 0x65,
	0x76, 0x69, 0x65, 0x77, 0x31, 0x08, 0x66, 0x64, 0x5f, 0x77, 0x72, 0x69,
	0x74, 0x65, 0x00, 0x00, 0x16, 0x77, 0x61, 0x73, 0x69, 0x5f, 0x73, 0x6e,
	0x61, 0x70, 0x73, 0x68, 0x6f, 0x74, 0x5f, 0x70, 0x72, 0x65, 0x76, 0x69,
	0x65, 0x77, 0x31, 0x09, 0x70, 0x72, 0x6f, 0x63, 0x5f, 0x65, 0x78, 0x69,
	0x74, 0x00, 0x01, 0x03, 0x02, 0x01, 0x02, 0x05, 0x03, 0x01, 0x00, 0x02,
	0x07, 0x13, 0x02, 0x06, 0x6d, 0x65, 0x6d, 0x6f, 0x72, 0x79, 0x02, 0x00,
	0x06, 0x5f, 0x73, 0x74, 0x61, 0x72, 0x74, 0x00, 0x03, 0x0a, 0x55, 0x01,
	0x53, 0x01, 0x01, 0x7f, 0x03, 0x40, 0x41, 0x00, 0x41, 0x80, 0x08, 0x36,
	0x02, 0x00, 0x41, 0x04, 0x41, 0x80, 0x80, 0x04, 0x36, 0x02, 0x00, 0x41,
	0x00, 0x41, 0x00, 0x41, 0x01, 0x41, 0x08, 0x10, 0x00, 0x04, 0x40, 0x41,
	0x01, 0x10, 0x02, 0x0b, 0x41, 0x04, 0x41, 0x08, 0x28, 0x02, 0x00, 0x36,
	0x02, 0x00, 0x41, 0x08, 0x28, 0x02, 0x00, 0x45, 0x04, 0x40, 0x41, 0x2a,
	0x10, 0x02, 0x0b, 0x41, 0x01, 0x41, 0x00, 0x41, 0x01, 0x41, 0x0c, 0x10,
	0x01, 0x04, 0x40, 0x41, 0x02, 0x10, 0x02, 0x0b, 0x0c, 0x00, 0x0b, 0x0b,
	0x00, 0x1c, 0x04, 0x6e, 0x61, 0x6d, 0x65, 0x01, 0x0a, 0x03, 0x00, 0x01,
	0x72, 0x01, 0x01, 0x77, 0x02, 0x01, 0x78, 0x02, 0x09, 0x04, 0x00, 0x00,
	0x01, 0x00, 0x02, 0x00, 0x03, 0x00 };

/*
 * (module
 *   (import "wasi_snapshot_preview1" "fd_write" (func $w (param i32 i32 i32 i32) (result i32)))
 *   (memory (export "memory") 2)
 *   (func (export "_start") (local $i i32)
 *     (i32.store (i32.const 0) (i32.const 1024))
 *     (i32.store (i32.const 4) (i32.const 60000))
 *     (loop
 *       (i32.store (i32.const 1024) (local.get $i))
 *       (if (call $w (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 12)) (then unreachable))
 *       (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 100))))))
 */
static const uint8_t flood[] = { 0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00,
	0x01, 0x0c, 0x02, 0x60, 0x04, 0x7f, 0x7f, 0x7f, 0x7f, 0x01, 0x7f, 0x60,
	0x00, 0x00, 0x02, 0x23, 0x01, 0x16, 0x77, 0x61, 0x73, 0x69, 0x5f, 0x73,
	0x6e, 0x61, 0x70, 0x73, 0x68, 0x6f, 0x74, 0x5f, 0x70, 0x72, 0x65, 0x76,
	0x69, 0x65, 0x77, 0x31, 0x08, 0x66, 0x64, 0x5f, 0x77, 0x72, 0x69, 0x74,
	0x65, 0x00, 0x00, 0x03, 0x02, 0x01, 0x01, 0x05, 0x03, 0x01, 0x00, 0x02,
	0x07, 0x13, 0x02, 0x06, 0x6d, 0x65, 0x6d, 0x6f, 0x72, 0x79, 0x02, 0x00,
	0x06, 0x5f, 0x73, 0x74, 0x61, 0x72, 0x74, 0x00, 0x01, 0x0a, 0x3d, 0x01,
	0x3b, 0x01, 0x01, 0x7f, 0x41, 0x00, 0x41, 0x80, 0x08, 0x36, 0x02, 0x00,
	0x41, 0x04, 0x41, 0xe0, 0xd4, 0x03, 0x36, 0x02, 0x00, 0x03, 0x40, 0x41,
	0x80, 0x08, 0x20, 0x00, 0x36, 0x02, 0x00, 0x41, 0x01, 0x41, 0x00, 0x41,
	0x01, 0x41, 0x0c, 0x10, 0x00, 0x04, 0x40, 0x00, 0x0b, 0x20, 0x00, 0x41,
	0x01, 0x6a, 0x22, 0x00, 0x41, 0xe4, 0x00, 0x49, 0x0d, 0x00, 0x0b, 0x0b,
	0x00, 0x15, 0x04, 0x6e, 0x61, 0x6d, 0x65, 0x01, 0x04, 0x01, 0x00, 0x01,
	0x77, 0x02, 0x08, 0x02, 0x00, 0x00, 0x01, 0x01, 0x00, 0x01, 0x69 };

#define MIB ((size_t)1 << 20)

static struct ksp_client *c;

static void start_with(const struct dj_config *cfg)
{
	uint8_t block[DJ_CONFIG_MAX];
	size_t len = 0;

	if (c == NULL)
		c = calloc(1, sizeof(*c));
	ksp_init(c);
	if (cfg != NULL) {
		eq_u64(dj_config_write(cfg, block, sizeof(block), &len), DJ_OK);
		dj_sha256(block, len, c->config_hash);
	}
	fake_start(dj_keep_main, block, len);
	eq_u64(fake_run(), FAKE_WAITS);
	ok(ksp_connect(c, DJ_MODE_NEW));
}

static void start(void)
{
	start_with(NULL);
}

static struct dj_config config(void)
{
	return (struct dj_config){
		.max_memory_pages = 256,
		.max_module_bytes = 1 << 20,
		.total_memory = DJ_CONFIG_MEMORY_DEFAULT,
	};
}

static bool diag_has(const char *text)
{
	return memmem(c->out[3], (size_t)c->out_len[3], text, strlen(text)) !=
		NULL;
}

static void hash_holds(const uint8_t *p, size_t len, const uint8_t want[32])
{
	uint8_t hash[32];

	dj_sha256(p, len, hash);
	eq_mem(hash, want, 32);
}

/* EXIT came once, after END of all, and its sums are those of what came. */
static void check_exit(uint8_t how, uint8_t what, uint32_t code)
{
	ok(c->has_exit);
	eq_u64(c->error, 0);
	eq_u64(c->exit.how, how);
	eq_u64(c->exit.trap, what);
	eq_u64(c->exit.code, code);
	for (int s = 1; s <= 3; s++)
		eq_u64(c->out_end[s], c->out_len[s]);
	eq_u64(c->exit.stdout_len, c->out_len[1]);
	hash_holds(c->out[1], (size_t)c->out_len[1], c->exit.stdout_hash);
	eq_u64(c->exit.stderr_len, c->out_len[2]);
	hash_holds(c->out[2], (size_t)c->out_len[2], c->exit.stderr_hash);
	ok(diag_has("{\"counters\":{\"fuel\":"));
}

static void a_program_that_returns_exits_with_0(void)
{
	start();
	ksp_load(c, nop, sizeof(nop), NULL);
	ok(!c->has_exit);
	ksp_run(c);
	check_exit(DJ_EXIT_EXIT, 0, 0);
	hash_holds(nop, sizeof(nop), c->exit.module_hash);
	eq_u64(c->exits, 1);
}

static void stdin_comes_back_as_stdout_and_the_code_is_the_programs(void)
{
	uint8_t *data = malloc(3 * MIB);

	for (size_t i = 0; i < 3 * MIB; i++)
		data[i] = (uint8_t)(i * 2654435761u >> 24);
	for (uint16_t suite = 1; suite <= 2; suite++) {
		start();
		ksp_load(c, echo, sizeof(echo), NULL);
		ksp_run(c);
		eq_u64(ksp_send_stream(c, 0, 0, data, 3 * MIB, true), 3 * MIB);
		check_exit(DJ_EXIT_EXIT, 0, 42);
		eq_u64(c->out_len[1], 3 * MIB);
		eq_mem(c->out[1], data, 3 * MIB);
	}
	free(data);
}

static void input_may_come_before_RUN(void)
{
	start();
	eq_u64(ksp_send_stream(c, 0, 0, "early", 5, true), 5);
	ksp_load(c, echo, sizeof(echo), NULL);
	ksp_run(c);
	check_exit(DJ_EXIT_EXIT, 0, 42);
	eq_u64(c->out_len[1], 5);
	eq_mem(c->out[1], "early", 5);
}

static void a_flood_of_output_is_held_back_and_nothing_is_lost(void)
{
	start();
	c->auto_ack = false;
	ksp_load(c, flood, sizeof(flood), NULL);
	ksp_run(c);
	eq_u64(c->out_len[1], MIB);
	ok(!c->has_exit);
	while (!c->has_exit) {
		uint64_t before = c->out_len[1];

		for (uint8_t s = 1; s <= 3; s++) {
			ksp_ack(c, s);
			ksp_drain(c);
		}
		if (!ok(c->out_len[1] > before || c->has_exit))
			return;
	}
	check_exit(DJ_EXIT_EXIT, 0, 0);
	eq_u64(c->out_len[1], 6000000);
}

static void a_trap_comes_back_with_names_that_are_safe(void)
{
	/* As long as the name in the module, and all that terminals fear. */
	static const char name[] =
		"bo\"om\xe2\x82\xac\x1b\x7f\xf0\x9f\x98\x80\xc3\xa9";
	uint8_t m[sizeof(trap)];
	uint8_t *old;

	memcpy(m, trap, sizeof(m));
	old = memmem(m, sizeof(m), "bo\\22om", 7);
	memcpy(old, name, 16);
	start();
	ksp_load(c, m, sizeof(m), NULL);
	ksp_run(c);
	check_exit(DJ_EXIT_TRAP, 1, 0);
	ok(diag_has("{\"trap\":\"unreachable\",\"code\":1,\"backtrace\":["
		    "{\"func\":0,\"name\":\"bo\\u0022om\\u20ac\\u001b\\u007f"
		    "\\ud83d\\ude00\\u00e9\",\"offset\":36},"
		    "{\"func\":1,\"name\":\"outer\",\"offset\":40}]}\n"));
	for (size_t i = 0; i < c->out_len[3]; i++)
		ok(c->out[3][i] == '\n' ||
			(c->out[3][i] >= 0x20 && c->out[3][i] < 0x7f));
}

/* ---- what is refused ---- */

static void check_refused(const char *why)
{
	check_exit(DJ_EXIT_REFUSED, 0, 0);
	ok(diag_has("{\"refused\":\""));
	if (!ok(diag_has(why)))
		printf("# %.*s\n", (int)c->out_len[3], c->out[3]);
}

static void a_reactor_is_refused_with_a_reason(void)
{
	start();
	ksp_load(c, reactor, sizeof(reactor), NULL);
	ksp_run(c);
	check_refused("_start");
}

static void what_is_no_module_is_refused_with_its_place(void)
{
	start();
	ksp_load(c, "\0asm\1\0\0", 7, NULL);
	ksp_run(c);
	check_refused("\"offset\":");
	start();
	ksp_load(c, "", 0, NULL);
	ksp_run(c);
	check_refused("\"offset\":0");
	for (size_t n = 8; n < sizeof(echo); n += 13) {
		start();
		ksp_load(c, echo, n, NULL);
		ksp_run(c);
		eq_u64(c->exit.how, DJ_EXIT_REFUSED);
	}
}

static void a_missing_import_is_refused_by_name(void)
{
	uint8_t m[sizeof(echo)];
	uint8_t *name;

	memcpy(m, echo, sizeof(m));
	name = memmem(m, sizeof(m), "fd_write", 8);
	memcpy(name, "fd_wrote", 8);
	start();
	ksp_load(c, m, sizeof(m), NULL);
	ksp_run(c);
	check_refused("\"name\":\"fd_wrote\"");
}

static const char *stream_name;
static unsigned stream_count;

static void ask_for_streams(struct dj_wr *w)
{
	dj_begin_write_stream(w, 32, DJ_DIR_BOTH, stream_name,
		strlen(stream_name));
	for (unsigned i = 1; i < stream_count; i++) {
		char name[2] = { (char)('a' + i), '\0' };

		dj_begin_write_stream(w, (uint8_t)(32 + i), DJ_DIR_OUT, name,
			1);
	}
}

static void named_streams_are_there_and_end_with_the_program(void)
{
	stream_name = "db";
	stream_count = 3;
	start();
	ksp_load(c, echo, sizeof(echo), ask_for_streams);
	ksp_run(c);
	eq_u64(ksp_send_stream(c, 32, 0, "data", 4, false), 4);
	ok(!c->has_exit);
	(void)ksp_send_stream(c, 0, 0, "in", 2, true);
	check_exit(DJ_EXIT_EXIT, 0, 42);
	for (int s = 32; s < 35; s++)
		eq_u64(c->out_end[s], 0);
	eq_u64(c->out_end[35], UINT64_MAX);
}

static void a_stream_that_cannot_be_a_file_is_refused_by_name(void)
{
	static const char *const names[] = { "a/b", ".", "..", "/", "\xff" };

	stream_count = 1;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		stream_name = names[i];
		start();
		ksp_load(c, nop, sizeof(nop), ask_for_streams);
		ksp_run(c);
		check_refused("no name for a stream");
	}
	stream_name = "fine";
	stream_count = DJ_NAMED_MAX + 1;
	start();
	ksp_load(c, nop, sizeof(nop), ask_for_streams);
	eq_u64(c->error, DJ_ERROR_TOO_BIG);
}

static void ask_for_returned_tree(struct dj_wr *w)
{
	dj_begin_write_preopen(w, DJ_PREOPEN_MEMORY, DJ_PREOPEN_RETURN, 0,
		"/tmp", 4);
}

static void trees_come_back_when_a_program_ends_and_not_when_it_traps(void)
{
	static const uint8_t empty[1024] = { 0 };

	start();
	ksp_load(c, nop, sizeof(nop), ask_for_returned_tree);
	ksp_run(c);
	check_exit(DJ_EXIT_EXIT, 0, 0);
	eq_u64(c->out_end[DJ_STREAM_RETURNED], sizeof(empty));
	eq_u64(c->out_len[DJ_STREAM_RETURNED], sizeof(empty));
	eq_mem(c->out[DJ_STREAM_RETURNED], empty, sizeof(empty));
	start();
	ksp_load(c, trap, sizeof(trap), ask_for_returned_tree);
	ksp_run(c);
	eq_u64(c->exit.how, DJ_EXIT_TRAP);
	eq_u64(c->out_end[DJ_STREAM_RETURNED], UINT64_MAX);
	start();
	ksp_load(c, nop, sizeof(nop), NULL);
	ksp_run(c);
	eq_u64(c->out_end[DJ_STREAM_RETURNED], UINT64_MAX);
}

static void no_program_begins_before_the_client_has_said_the_time(void)
{
	struct dj_config cfg = config();
	unsigned before;

	cfg.time_policy = DJ_TIME_CLIENT;
	start_with(&cfg);
	eq_u64(c->time_asks, 0);
	ksp_load(c, nop, sizeof(nop), NULL);
	eq_u64(c->time_asks, 1);
	ksp_run(c);
	ok(!c->has_exit);
	/* One that comes back is asked again. */
	ok(ksp_connect(c, DJ_MODE_REATTACH));
	ksp_drain(c);
	eq_u64(c->time_asks, 2);
	before = fake.clocks;
	ksp_send(c, DJ_KIND_TIME, 0, UINT64_C(1900000000000000000), NULL, 0);
	ksp_drain(c);
	check_exit(DJ_EXIT_EXIT, 0, 0);
	eq_u64(fake.clocks, before);

	start_with(&cfg);
	ksp_load(c, nop, sizeof(nop), NULL);
	ksp_run(c);
	ksp_send(c, DJ_KIND_SIGNAL, DJ_SIGNAL_STOP, 0, NULL, 0);
	ksp_drain(c);
	check_exit(DJ_EXIT_STOPPED, 0, 0);
}

static void the_time_of_a_client_is_taken_only_where_the_block_says_so(void)
{
	start();
	ksp_load(c, nop, sizeof(nop), NULL);
	ksp_send(c, DJ_KIND_TIME, 0, 1, NULL, 0);
	ksp_drain(c);
	eq_u64(c->error, DJ_ERROR_BAD_ORDER);
}

static void begin_body(uint8_t body[static 48], uint64_t len,
	const uint8_t hash[static 32])
{
	struct dj_wr w = dj_wr_of(body, 48);

	dj_begin_write_head(&w, len, hash, DJ_MODULE_WASM);
}

static void loading_has_an_order(void)
{
	static const struct {
		const char *what;
		enum dj_kind kind;
		uint8_t stream;
		uint64_t off;
		size_t len;
		uint16_t error;
		bool begun;
	} cases[] = {
		{ "RUN first", DJ_KIND_RUN, 0, 0, 0, 13, false },
		{ "MODULE first", DJ_KIND_MODULE, 0, 0, 1, 13, false },
		{ "BEGIN above", DJ_KIND_BEGIN, 1, 1, 1, 13, false },
		{ "a tree before BEGIN", DJ_KIND_DATA, 16, 0, 1, 13, false },
		{ "RUN too early", DJ_KIND_RUN, 0, 0, 0, 13, true },
		{ "BEGIN again", DJ_KIND_BEGIN, 0, 0, 48, 13, true },
		{ "BEGIN more", DJ_KIND_BEGIN, 0, 48, 48, 13, true },
		{ "MODULE above", DJ_KIND_MODULE, 0, 1, 1, 13, true },
		{ "too much MODULE", DJ_KIND_MODULE, 0, 0, 11, 15, true },
		{ "a tree nobody asked for", DJ_KIND_DATA, 16, 0, 1, 13, true },
	};
	uint8_t body[48], zero[64] = { 0 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		start();
		begin_body(body, 10, zero);
		if (cases[i].begun)
			ksp_send(c, DJ_KIND_BEGIN, 0, 0, body, sizeof(body));
		ksp_send(c, cases[i].kind, cases[i].stream, cases[i].off, zero,
			cases[i].len);
		ksp_drain(c);
		if (!eq_u64(c->error, cases[i].error) || !ok(c->was_fail))
			printf("# %s\n", cases[i].what);
	}
}

static void another_module_than_BEGIN_names_never_runs(void)
{
	uint8_t body[48], hash[32];

	dj_sha256(nop, sizeof(nop), hash);
	for (int bit = 0; bit < 256; bit += 37) {
		start();
		hash[bit / 8] ^= (uint8_t)(1 << bit % 8);
		begin_body(body, sizeof(nop), hash);
		hash[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ksp_send(c, DJ_KIND_BEGIN, 0, 0, body, sizeof(body));
		ksp_send(c, DJ_KIND_MODULE, 0, 0, nop, sizeof(nop));
		ksp_send(c, DJ_KIND_RUN, 0, 0, NULL, 0);
		ksp_drain(c);
		eq_u64(c->error, DJ_ERROR_BAD_INNER);
		ok(!c->has_exit);
	}
}

static void RUN_is_taken_once(void)
{
	start();
	ksp_load(c, echo, sizeof(echo), NULL);
	ksp_run(c);
	ksp_send(c, DJ_KIND_RUN, 0, 0, NULL, 0);
	ksp_drain(c);
	eq_u64(c->error, DJ_ERROR_BAD_ORDER);
}

static void a_module_over_the_limit_is_TOO_BIG(void)
{
	struct dj_config cfg = config();
	uint8_t body[48], zero[32] = { 0 };

	start_with(&cfg);
	begin_body(body, cfg.max_module_bytes, zero);
	ksp_send(c, DJ_KIND_BEGIN, 0, 0, body, sizeof(body));
	ksp_drain(c);
	eq_u64(c->error, 0);
	start_with(&cfg);
	begin_body(body, (uint64_t)cfg.max_module_bytes + 1, zero);
	ksp_send(c, DJ_KIND_BEGIN, 0, 0, body, sizeof(body));
	ksp_drain(c);
	eq_u64(c->error, DJ_ERROR_TOO_BIG);
}

static void a_BEGIN_over_a_megabyte_is_TOO_BIG(void)
{
	static const uint8_t zero[DJ_RECORD_DATA];
	uint64_t at = 0;

	start();
	while (c->error == 0 && at <= DJ_BEGIN_MAX) {
		ksp_send(c, DJ_KIND_BEGIN, 1, at, zero, sizeof(zero));
		ksp_drain(c);
		at += sizeof(zero);
	}
	eq_u64(c->error, DJ_ERROR_TOO_BIG);
	ok(at > DJ_BEGIN_MAX);
}

static void many_args(struct dj_wr *w)
{
	char arg[100];

	memset(arg, 'x', sizeof(arg));
	for (int i = 0; i < 1000; i++)
		dj_begin_write_arg(w, arg, sizeof(arg));
}

static void a_BEGIN_of_many_records_runs(void)
{
	start();
	ksp_load(c, nop, sizeof(nop), many_args);
	ksp_run(c);
	check_exit(DJ_EXIT_EXIT, 0, 0);
}

/* ---- stopping and limits ---- */

static void a_program_that_computes_for_ever_is_stopped(void)
{
	start();
	ksp_load(c, spin, sizeof(spin), NULL);
	fake.yield_after = 10;
	ksp_seal(c, DJ_KIND_RUN, 0, 0, NULL, 0);
	ok(fake_put_frame(c->record, c->record_len));
	eq_u64(fake_run(), FAKE_COMPUTES);
	eq_u64(fake_run(), FAKE_COMPUTES);

	/* It is asked for evidence while it computes. */
	fake.attention = true;
	ksp_send(c, DJ_KIND_AGAIN, 0, 0, c->binding, 32);
	ksp_drain(c);
	ok(c->has_again_rd);
	eq_u64(fake.state, FAKE_COMPUTES);

	/* A client may come and go. */
	ok(ksp_connect(c, DJ_MODE_REATTACH));
	eq_u64(c->ready.phase, DJ_PHASE_RUNNING);
	eq_u64(fake.state, FAKE_COMPUTES);

	ksp_send(c, DJ_KIND_SIGNAL, DJ_SIGNAL_STOP, 0, NULL, 0);
	ksp_drain(c);
	check_exit(DJ_EXIT_STOPPED, 0, 0);
	eq_u64(fake.state, FAKE_WAITS);
}

static void stop_before_RUN_stops_it_at_once(void)
{
	start();
	ksp_load(c, spin, sizeof(spin), NULL);
	ksp_send(c, DJ_KIND_SIGNAL, DJ_SIGNAL_STOP, 0, NULL, 0);
	ksp_run(c);
	check_exit(DJ_EXIT_STOPPED, 0, 0);
}

static void stop_ends_a_program_that_waits_for_input(void)
{
	start();
	ksp_load(c, echo, sizeof(echo), NULL);
	ksp_run(c);
	ok(!c->has_exit);
	ksp_send(c, DJ_KIND_SIGNAL, DJ_SIGNAL_STOP, 0, NULL, 0);
	ksp_drain(c);
	check_exit(DJ_EXIT_STOPPED, 0, 0);
	/* Too late is no error. */
	ksp_send(c, DJ_KIND_SIGNAL, DJ_SIGNAL_STOP, 0, NULL, 0);
	ksp_send(c, DJ_KIND_DATA, 0, 0, "late", 4);
	ksp_drain(c);
	eq_u64(c->error, 0);
}

static void limit_fuel(struct dj_wr *w)
{
	struct dj_limits l = { .fuel = 1000000 };

	dj_begin_write_limits(w, &l);
}

static void limit_time(struct dj_wr *w)
{
	struct dj_limits l = { .wall_ms = 5000 };

	dj_begin_write_limits(w, &l);
}

static void fuel_is_a_limit_that_ends_it(void)
{
	start();
	ksp_load(c, spin, sizeof(spin), limit_fuel);
	ksp_run(c);
	check_exit(DJ_EXIT_LIMIT, DJ_LIMIT_FUEL, 0);
	ok(diag_has("\"name\":\"spin\""));
}

static void wall_time_ends_one_that_computes_and_one_that_waits(void)
{
	start();
	ksp_load(c, spin, sizeof(spin), limit_time);
	fake.clock_step = UINT64_C(1000000000);
	ksp_run(c);
	check_exit(DJ_EXIT_LIMIT, DJ_LIMIT_WALL, 0);
	ok(fake.clocks < 20);

	start();
	ksp_load(c, echo, sizeof(echo), limit_time);
	ksp_run(c);
	ok(!c->has_exit);
	ok(fake.deadline != 0);
	fake.clock[1] = fake.deadline;
	(void)fake_run();
	ksp_drain(c);
	check_exit(DJ_EXIT_LIMIT, DJ_LIMIT_WALL, 0);
}

static void the_total_bounds_everything(void)
{
	struct dj_config cfg = config();
	uint8_t *data = calloc(1, 4 * MIB);

	cfg.total_memory = 2 * MIB;
	cfg.max_module_bytes = 16 << 20;
	start_with(&cfg);
	ksp_load(c, data, 4 * MIB, NULL);
	eq_u64(c->error, DJ_ERROR_TOO_BIG);
	ok(fake.peak <= 2 * MIB);

	cfg.total_memory = 512 << 10;
	start_with(&cfg);
	ksp_load(c, flood, sizeof(flood), NULL);
	ksp_run(c);
	ok(c->has_exit);
	ok(c->exit.how != DJ_EXIT_EXIT);
	ok(fake.peak <= 512 << 10);
	free(data);
}

/* ---- trees ---- */

static void one_tree(struct dj_wr *w)
{
	dj_begin_write_preopen(w, DJ_PREOPEN_TREE, 0, 16, "/data", 5);
}

static void a_tree_must_end_before_RUN(void)
{
	static const uint8_t empty[1024];

	start();
	ksp_load(c, nop, sizeof(nop), one_tree);
	ksp_run(c);
	eq_u64(c->error, DJ_ERROR_BAD_ORDER);

	start();
	ksp_load(c, nop, sizeof(nop), one_tree);
	eq_u64(ksp_send_stream(c, 16, 0, empty, sizeof(empty), true),
		sizeof(empty));
	ksp_run(c);
	check_exit(DJ_EXIT_EXIT, 0, 0);
}

static void a_tree_larger_than_the_window_comes_in(void)
{
	uint8_t *tar = calloc(1, 3 * MIB);

	start();
	ksp_load(c, nop, sizeof(nop), one_tree);
	eq_u64(ksp_send_stream(c, 16, 0, tar, 3 * MIB, true), 3 * MIB);
	ksp_run(c);
	ok(c->has_exit);
	free(tar);
}

static void a_tree_that_is_no_tar_is_refused_with_a_reason(void)
{
	uint8_t junk[1024];

	memset(junk, 0x55, sizeof(junk));
	start();
	ksp_load(c, nop, sizeof(nop), one_tree);
	(void)ksp_send_stream(c, 16, 0, junk, sizeof(junk), true);
	ksp_run(c);
	check_refused("refused");
}

/* ---- the end ---- */

static void EXIT_comes_again_at_each_attach_until_RELEASE(void)
{
	struct dj_exit first;

	start();
	ksp_load(c, nop, sizeof(nop), NULL);
	ksp_run(c);
	first = c->exit;
	for (unsigned i = 2; i < 5; i++) {
		c->has_exit = false;
		ok(ksp_connect(c, DJ_MODE_REATTACH));
		eq_u64(c->ready.phase, DJ_PHASE_EXITED);
		ksp_drain(c);
		ok(c->has_exit);
		eq_u64(c->exits, i);
		eq_mem(&c->exit, &first, sizeof(first));
	}
	ksp_send(c, DJ_KIND_RELEASE, 0, 0, NULL, 0);
	eq_u64(fake.state, FAKE_HALTED);
	eq_u64(fake.halt, DJ_HALT_RELEASED);
}

static void EXIT_waits_until_all_output_is_acknowledged(void)
{
	start();
	c->auto_ack = false;
	ksp_load(c, trap, sizeof(trap), NULL);
	ksp_run(c);
	ok(!c->has_exit);
	ok(c->out_len[3] != 0);
	ksp_ack(c, 3);
	ksp_drain(c);
	check_exit(DJ_EXIT_TRAP, 1, 0);
}

static void a_load_that_was_cut_goes_on_where_it_was(void)
{
	uint8_t body[48], hash[32];

	dj_sha256(echo, sizeof(echo), hash);
	start();
	begin_body(body, sizeof(echo), hash);
	ksp_send(c, DJ_KIND_BEGIN, 1, 0, body, 20);
	ok(ksp_connect(c, DJ_MODE_REATTACH));
	eq_u64(c->ready.phase, DJ_PHASE_EMPTY);
	ksp_send(c, DJ_KIND_BEGIN, 0, 0, body, 48);
	ksp_send(c, DJ_KIND_MODULE, 0, 0, echo, 100);
	ksp_send(c, DJ_KIND_DATA, 0, 0, "abc", 3);
	ok(ksp_connect(c, DJ_MODE_REATTACH));
	eq_u64(c->ready.phase, DJ_PHASE_LOADING);
	eq_u64(c->ready.module_next, 100);
	eq_u64(c->ready.stdin_next, 3);
	ksp_send(c, DJ_KIND_MODULE, 0, 100, echo + 100, sizeof(echo) - 100);
	ksp_run(c);
	ksp_send(c, DJ_KIND_END, 0, 3, NULL, 0);
	ksp_drain(c);
	check_exit(DJ_EXIT_EXIT, 0, 42);
	eq_mem(c->out[1], "abc", 3);
}

/* echo between two custom sections of bytes that are nowhere else. */
#define MARK 20000

static size_t marked(uint8_t *dst)
{
	uint8_t *p = dst;
	uint64_t x = 1;

	memcpy(p, echo, 8);
	p += 8;
	for (unsigned i = 0; i < 2; i++) {
		memcpy(p, "\0\242\234\1\1x", 6); /* 20002 bytes, its name */
		p += 6;
		for (size_t k = 0; k < MARK; k++) {
			x = x * 6364136223846793005 + 1442695040888963407;
			*p++ = (uint8_t)(x >> 56);
		}
		if (i == 0)
			memcpy(p, echo + 8, sizeof(echo) - 8);
		p += i == 0 ? sizeof(echo) - 8 : 0;
	}
	return (size_t)(p - dst);
}

static void after_the_run_the_module_is_gone_after_RELEASE_all_is(void)
{
	uint8_t *data = malloc(256), *module = malloc(2 * MARK + 1024);
	size_t len = marked(module);

	for (int i = 0; i < 256; i++)
		data[i] = (uint8_t)(i * 167 + 13);
	start();
	ksp_load(c, module, len, NULL);
	ok(fake_memory_has(module + 14, 512));
	ksp_run(c);
	(void)ksp_send_stream(c, 0, 0, data, 256, true);
	check_exit(DJ_EXIT_EXIT, 0, 42);
	/* But for what came in the last record, and what of it was hashed. */
	ok(!fake_memory_has(module + 14, 512));
	ok(!fake_region_has(data, 256));
	ksp_send(c, DJ_KIND_RELEASE, 0, 0, NULL, 0);
	eq_u64(fake.halt, DJ_HALT_RELEASED);
	ok(!fake_memory_has(data, 256));
	ok(!fake_memory_has(module + 14, 512));
	ok(!fake_memory_has(module + len - 512, 512));
	free(module);
	free(data);
}

static void a_receipt_is_reported_when_the_block_wants_it(void)
{
	struct dj_config cfg = config();
	struct dj_receipt_stream s[3] = { { .stream = 0 }, { .stream = 1 },
		{ .stream = 3 } };
	uint8_t body[48], hash[32], want[64], exit[DJ_EXIT_SIZE];
	struct dj_receipt r = { .streams = s, .stream_count = 3 };

	cfg.flags = DJ_CONFIG_RECEIPTS;
	start_with(&cfg);
	ksp_load(c, echo, sizeof(echo), NULL);
	ksp_run(c);
	(void)ksp_send_stream(c, 0, 0, "data", 4, true);
	check_exit(DJ_EXIT_EXIT, 0, 42);
	dj_sha256(echo, sizeof(echo), hash);
	begin_body(body, sizeof(echo), hash);
	dj_sha256(body, sizeof(body), r.begin_hash);
	memcpy(r.module_hash, hash, 32);
	memcpy(r.keep_id, c->off.keep_id, 32);
	memcpy(r.config_hash, c->config_hash, 32);
	dj_exit_write(&c->exit, exit);
	memcpy(r.exit, exit, 8);
	s[0].len = s[1].len = 4;
	dj_sha256("data", 4, s[0].hash);
	dj_sha256("data", 4, s[1].hash);
	s[2].len = c->out_len[3];
	dj_sha256(c->out[3], (size_t)c->out_len[3], s[2].hash);
	dj_receipt_report_data(&r, want);
	eq_mem(fake.report_data, want, 64);
}

int main(void)
{
	RUN(a_program_that_returns_exits_with_0);
	RUN(stdin_comes_back_as_stdout_and_the_code_is_the_programs);
	RUN(input_may_come_before_RUN);
	RUN(a_flood_of_output_is_held_back_and_nothing_is_lost);
	RUN(a_trap_comes_back_with_names_that_are_safe);
	RUN(a_reactor_is_refused_with_a_reason);
	RUN(what_is_no_module_is_refused_with_its_place);
	RUN(a_missing_import_is_refused_by_name);
	RUN(trees_come_back_when_a_program_ends_and_not_when_it_traps);
	RUN(named_streams_are_there_and_end_with_the_program);
	RUN(a_stream_that_cannot_be_a_file_is_refused_by_name);
	RUN(no_program_begins_before_the_client_has_said_the_time);
	RUN(the_time_of_a_client_is_taken_only_where_the_block_says_so);
	RUN(loading_has_an_order);
	RUN(another_module_than_BEGIN_names_never_runs);
	RUN(RUN_is_taken_once);
	RUN(a_module_over_the_limit_is_TOO_BIG);
	RUN(a_BEGIN_over_a_megabyte_is_TOO_BIG);
	RUN(a_BEGIN_of_many_records_runs);
	RUN(a_program_that_computes_for_ever_is_stopped);
	RUN(stop_before_RUN_stops_it_at_once);
	RUN(stop_ends_a_program_that_waits_for_input);
	RUN(fuel_is_a_limit_that_ends_it);
	RUN(wall_time_ends_one_that_computes_and_one_that_waits);
	RUN(the_total_bounds_everything);
	RUN(a_tree_must_end_before_RUN);
	RUN(a_tree_larger_than_the_window_comes_in);
	RUN(a_tree_that_is_no_tar_is_refused_with_a_reason);
	RUN(EXIT_comes_again_at_each_attach_until_RELEASE);
	RUN(EXIT_waits_until_all_output_is_acknowledged);
	RUN(a_load_that_was_cut_goes_on_where_it_was);
	RUN(after_the_run_the_module_is_gone_after_RELEASE_all_is);
	RUN(a_receipt_is_reported_when_the_block_wants_it);
	return done();
}
