// SPDX-License-Identifier: Apache-2.0
#include "keep/engine/ops.h"
#include "keep/engine/store.h"
#include "tests/support/hostmem.h"
#include "tests/tap.h"

/*
 * Every pair of instructions with a handler of its own, against the two
 * handlers of its parts: internal code made here, slots and memory at random.
 */
#define SLOTS  12
#define CALLEE 16 /* where a called function's frame is */
#define MEMORY 4096
#define ROUNDS 400

static const struct {
	const char *a, *b;
	enum dj_engine_op op_a, op_b, op;
	bool link;
} rows[] = {
#define ROW(a, b) { #a, #b, DJ_I_##a, DJ_I_##b, DJ_I_##a##__##b, false },
	DJ_PAIRS(ROW)
#undef ROW
#define ROW(a, b) { #a, #b, DJ_I_##a, DJ_I_##b, DJ_I_##a##_to_##b, true },
		DJ_LINKS(ROW)
#undef ROW
};
#define ROWS (sizeof(rows) / sizeof(*rows))

static const struct {
	const char *name;
	unsigned w;
} seconds[] = {
#define ROW(n, w, c) { #n, w },
	DJ_SECONDS(ROW)
#undef ROW
};
#define SECONDS (sizeof(seconds) / sizeof(*seconds))

static const char *const firsts[] = {
#define ROW(n) #n,
	DJ_FIRSTS(ROW)
#undef ROW
};
#define FIRSTS (sizeof(firsts) / sizeof(*firsts))

/*
 * Operands by name: d slot that is written, s slot, i constant, k shift, o
 * offset, t branch target, g global, f function, c callee's frame, n table.
 */
static const char *const whole[][2] = {
	{ "mov", "ds" },
	{ "mov2", "dsds" },
	{ "const32", "di" },
	{ "const64", "dii" },
	{ "select", "dsss" },
	{ "global_get", "dg" },
	{ "global_set", "sg" },
	{ "br", "t" },
	{ "bk", "t" },
	{ "ret", "" },
	{ "ret1", "s" },
	{ "call", "fc" },
	{ "br_table", "sn" },
	{ "i32_step_ne_ii", "dsiit" },
	{ "i32_add_shl", "dssk" },
	{ "f64_mul_add", "dsss" },
	{ "f64_add_sm", "dssio" },
	{ "f64_mul_sm", "dssio" },
	{ "f64_mul_add_sm", "dsssio" },
	{ "f64_mul_add_mm", "dssiosio" },
};
static const char *const ends[][3] = {
	{ "", "_br_ss", "sst" },
	{ "", "_br_si", "sit" },
	{ "", "_bk_ss", "sst" },
	{ "", "_bk_si", "sit" },
	{ "_store", "_s", "sso" },
	{ "_load", "_s", "dso" },
	{ "_load", "_sc", "dsio" },
	{ "_load", "_ss", "dsso" },
	{ "_load", "_sx", "dssko" },
	{ "", "_ss", "dss" },
	{ "", "_si", "dsi" },
};

static const char *operands(const char *name)
{
	for (size_t i = 0; i < sizeof(whole) / sizeof(*whole); i++)
		if (strcmp(name, whole[i][0]) == 0)
			return whole[i][1];
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		size_t n = strlen(name), m = strlen(ends[i][1]);

		if (n > m && strcmp(name + n - m, ends[i][1]) == 0 &&
			strstr(name, ends[i][0]) != NULL)
			return ends[i][2];
	}
	printf("# operands of %s?\n", name);
	return NULL;
}

static uint64_t seed = 1;

static uint32_t draw(uint32_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % n;
}

struct world {
	union dj_slot slots[CALLEE + SLOTS];
	uint8_t memory[MEMORY];
	struct dj_global global;
	uint32_t trap, count, pc, frame;
};

static struct {
	const int32_t *ops;
	uint32_t code[64], len, ends;
	struct dj_func func, callee;
	struct dj_memory mem;
	struct dj_store store;
	struct dj_vm vm;
	struct dj_call_frame frames[8];
	struct world now;
	uint32_t leave[4];
} t;

static void put(uint32_t w)
{
	t.code[t.len++] = w;
}

static void put_pointer(void *p)
{
	put((uint32_t)(uintptr_t)p);
	put((uint32_t)((uint64_t)(uintptr_t)p >> 32));
}

/* Where branches go: a mark in a slot, and out. */
static void put_target(void)
{
	put(t.ends - t.len);
}

static void put_op(enum dj_engine_op op, const char *kinds)
{
	put((uint32_t)t.ops[op]);
	for (; *kinds != '\0'; kinds++) {
		switch (*kinds) {
		case 'd':
		case 's':
			put(draw(SLOTS - 1));
			break;
		case 'i':
			put(draw(4) == 0 ? UINT32_MAX - draw(8) : draw(16));
			break;
		case 'k':
			put(draw(4));
			break;
		case 'o':
			put(draw(64));
			break;
		case 't':
			put_target();
			break;
		case 'g':
			put_pointer(&t.now.global);
			break;
		case 'f':
			put_pointer(&t.callee);
			break;
		case 'c':
			put(CALLEE);
			break;
		default: /* n */
			put(2);
			for (int i = 0; i < 3; i++)
				put_target();
		}
	}
}

static void end_code(uint32_t mark)
{
	put((uint32_t)t.ops[DJ_I_const32]);
	put(SLOTS - 1);
	put(mark);
	put((uint32_t)t.ops[DJ_I_exit]);
}

static void fill(struct world *w)
{
	memset(w, 0, sizeof(*w));
	for (unsigned i = 0; i < SLOTS; i++)
		w->slots[i].u64 = draw(5) == 0
			? (uint64_t)draw(UINT32_MAX) << 32 | draw(UINT32_MAX)
			: draw(2) == 0 ? draw(4)
				       : draw(MEMORY);
	for (unsigned i = 0; i < MEMORY; i++)
		w->memory[i] = (uint8_t)draw(64); /* no NaN */
	w->global.v.u64 = draw(1000);
}

static void run(const struct world *from, struct world *ret)
{
	t.now = *from;
	t.mem = (struct dj_memory){ .base = t.now.memory, .len = MEMORY };
	memset(t.frames, 0, sizeof(t.frames));
	t.frames[0].func = &t.func;
	t.frames[1] = (struct dj_call_frame){
		.func = &t.func,
		.pc = t.leave,
		.fp = t.now.slots,
	};
	t.vm = (struct dj_vm){
		.frame = &t.frames[1],
		.frame_max = &t.frames[7],
		.stack_max = t.now.slots + CALLEE + SLOTS,
		.store = &t.store,
		.abi.count = 100,
		.frames = t.frames,
		.trap = DJ_TRAP_TIME,
	};
	dj_interp_run(&t.vm, t.code, t.now.slots, &t.mem);
	*ret = t.now;
	ret->trap = t.vm.trap;
	ret->count = t.vm.abi.count;
	ret->pc = t.vm.pc == NULL ? 0 : (uint32_t)(t.vm.pc - t.code) + 1;
	ret->frame = (uint32_t)(t.vm.frame - t.frames);
}

static bool same(size_t i)
{
	static struct world from, apart, together;
	uint32_t at, b;

	t.len = 0;
	t.ends = 48;
	put_op(rows[i].op_a, operands(rows[i].a));
	at = t.code[1];
	b = t.len;
	put_op(rows[i].op_b, operands(rows[i].b));
	for (size_t k = 0; rows[i].link && k < SECONDS; k++)
		if (strcmp(seconds[k].name, rows[i].b) == 0)
			t.code[b + seconds[k].w] = at;
	end_code(1);
	t.len = t.ends;
	end_code(2);
	fill(&from);
	run(&from, &apart);
	t.code[0] = (uint32_t)t.ops[rows[i].op];
	run(&from, &together);
	return memcmp(&apart, &together, sizeof(apart)) == 0;
}

static void a_pair_does_what_its_two_parts_do(void)
{
	t.ops = dj_interp_ops();
	t.leave[0] = (uint32_t)t.ops[DJ_I_const32];
	t.leave[1] = SLOTS - 1;
	t.leave[2] = 3;
	t.leave[3] = (uint32_t)t.ops[DJ_I_exit];
	t.func.mem = t.callee.mem = &t.mem;
	t.callee.code = t.leave;
	t.callee.frame_slots = SLOTS;
	t.callee.zero_end = 3;
	for (size_t i = 0; i < ROWS; i++) {
		if (operands(rows[i].a) == NULL ||
			operands(rows[i].b) == NULL) {
			tap_bad++;
			continue;
		}
		for (unsigned k = 0; k < ROUNDS; k++) {
			if (same(i))
				continue;
			printf("# %s %s%s\n", rows[i].a, rows[i].b,
				rows[i].link ? ", linked" : "");
			tap_bad++;
			break;
		}
	}
}

static void lists_are_in_order(void)
{
	for (size_t i = 1; i < FIRSTS; i++)
		ok(strcmp(firsts[i - 1], firsts[i]) < 0);
	for (size_t i = 1; i < SECONDS; i++)
		ok(strcmp(seconds[i - 1].name, seconds[i].name) < 0);
	for (size_t i = 1; i < ROWS; i++) {
		int c = strcmp(rows[i - 1].a, rows[i].a);

		ok(rows[i - 1].link != rows[i].link || c < 0 ||
			(c == 0 && strcmp(rows[i - 1].b, rows[i].b) < 0));
	}
}

/*
 * (module
 *   (func (export "a") (param i32 i32) (result i32)
 *     (i32.and (i32.shr_u (local.get 0) (i32.const 3)) (i32.const 1)))
 *   (func (export "b") (param i32 i32) (result i32)
 *     (i32.add (local.get 0) (i32.and (local.get 1) (i32.const 3))))
 *   (func (export "c") (param i32 i32) (result i32)
 *     (local.set 0 (i32.add (local.get 0) (i32.const 1)))
 *     (loop (br_if 0 (i32.ne (i32.const 9)
 *       (local.tee 1 (i32.add (local.get 1) (local.get 0))))))
 *     (local.get 1)))
 */
/* clang-format off */
static const uint8_t module[] = {
  0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x07, 0x01, 0x60,
  0x02, 0x7f, 0x7f, 0x01, 0x7f, 0x03, 0x04, 0x03, 0x00, 0x00, 0x00, 0x07,
  0x0d, 0x03, 0x01, 0x61, 0x00, 0x00, 0x01, 0x62, 0x00, 0x01, 0x01, 0x63,
  0x00, 0x02, 0x0a, 0x32, 0x03, 0x0a, 0x00, 0x20, 0x00, 0x41, 0x03, 0x76,
  0x41, 0x01, 0x71, 0x0b, 0x0a, 0x00, 0x20, 0x00, 0x20, 0x01, 0x41, 0x03,
  0x71, 0x6a, 0x0b, 0x1a, 0x00, 0x20, 0x00, 0x41, 0x01, 0x6a, 0x21, 0x00,
  0x03, 0x40, 0x20, 0x01, 0x20, 0x00, 0x6a, 0x22, 0x01, 0x41, 0x09, 0x47,
  0x0d, 0x00, 0x0b, 0x20, 0x01, 0x0b,
};
/* clang-format on */

static void compiled(const char *name, uint32_t x, uint32_t y, uint32_t want,
	enum dj_engine_op first)
{
	const struct dj_store_config config = { .mem = hostmem };
	struct dj_wasm_error err;
	struct dj_link_error link;
	struct dj_wasm_module *m;
	struct dj_instance *inst;
	struct dj_store *s = NULL;
	struct dj_arena arena;
	struct dj_extern e;
	union dj_value v[2] = { { .i32 = x }, { .i32 = y } };

	if (!ok(hostmem_arena(&arena, 1 << 20)))
		return;
	if (ok(dj_wasm_load(module, sizeof(module), &arena, &m, &err) ==
		    DJ_OK) &&
		ok(dj_store_init(&arena, &config, &s) == DJ_OK) &&
		ok(dj_instance_new(s, m, NULL, NULL, &inst, &link) == DJ_OK) &&
		ok(dj_instance_export(inst, name, 1, &e))) {
		eq_u64(dj_call(s, e.func, v), DJ_TRAP_NONE);
		eq_u64(v[0].i32, want);
		eq_u64(e.func->code[0], (uint32_t)dj_interp_ops()[first]);
	}
	if (s != NULL)
		dj_store_done(s);
	hostmem_arena_done(&arena);
}

static void neighbours_become_pairs(void)
{
	compiled("a", 29, 0, 1, DJ_I_i32_shr_u_si_to_i32_and_si);
}

static void operands_change_places_for_a_link(void)
{
	/* and_si comes first; what it makes is add_ss's second operand. */
	compiled("b", 40, 6, 42, DJ_I_i32_and_si_to_i32_add_ss);
}

static void a_loop_does_not_begin_within_a_pair(void)
{
	compiled("c", 2, 0, 9, DJ_I_i32_add_si);
}

int main(void)
{
	RUN(a_pair_does_what_its_two_parts_do);
	RUN(lists_are_in_order);
	RUN(neighbours_become_pairs);
	RUN(operands_change_places_for_a_link);
	RUN(a_loop_does_not_begin_within_a_pair);
	return done();
}
