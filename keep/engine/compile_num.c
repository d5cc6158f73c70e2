// SPDX-License-Identifier: Apache-2.0
#include "keep/engine/compile.h"

static const uint8_t inverse[10] = { 1, 0, 8, 9, 6, 7, 4, 5, 2, 3 };
static const uint8_t swapped[10] = { 0, 1, 4, 5, 2, 3, 8, 9, 6, 7 };

static bool in_group(enum dj_engine_op o, enum dj_engine_op first,
	unsigned count, unsigned size)
{
	return o >= first && o < first + count * size;
}

static bool int_cmp_base(enum dj_engine_op o, enum dj_engine_op *ret)
{
	if (in_group(o, DJ_I_i32_eq_ss, 10, DJ_CMP_SIZE))
		*ret = DJ_I_i32_eq_ss;
	else if (in_group(o, DJ_I_i64_eq_ss, 10, DJ_CMP_SIZE))
		*ret = DJ_I_i64_eq_ss;
	else
		return false;
	return true;
}

static bool float_cmp(enum dj_engine_op o)
{
	return in_group(o, DJ_I_f32_eq_ss, 6, DJ_FCMP_SIZE) ||
		in_group(o, DJ_I_f64_eq_ss, 6, DJ_FCMP_SIZE);
}

struct dj_cond dj_compile_pop_cond(struct dj_compiler *c)
{
	struct dj_cond k = { .group = DJ_I_i32_ne_ss, .is_imm = true };
	enum dj_engine_op base;
	uint32_t w[WORDS_MAX];

	if (dj_emit_last_makes_top(c) &&
		(int_cmp_base(c->last.op, &base) || float_cmp(c->last.op))) {
		k.is_float = float_cmp(c->last.op);
		k.group = c->last.op;
		k.is_imm = false;
		if (!k.is_float) {
			k.is_imm = (c->last.op - base) % DJ_CMP_SIZE == DJ_SI;
			k.group -= k.is_imm ? 1 : 0;
		}
		(void)dj_emit_pop(c);
		(void)dj_emit_take_last(c, w);
		k.a = w[2];
		k.b = w[3];
		return k;
	}
	k.a = dj_emit_pop_slot(c);
	return k;
}

/*
 * Is the latest instruction the step of the loop that o, a compare of i32 in
 * its first variant, goes round? Then both are one.
 */
static bool fuse_step(struct dj_compiler *c, enum dj_engine_op o,
	const struct dj_cond *k)
{
	uint32_t w[WORDS_MAX];
	unsigned imm;

	if (c->last.at == NONE || c->last.dst != k->a ||
		!in_group(o, DJ_I_i32_eq_ss, 10, DJ_CMP_SIZE) ||
		(c->last.op != DJ_I_i32_add_ss &&
			c->last.op != DJ_I_i32_add_si))
		return false;
	imm = c->last.op == DJ_I_i32_add_si ? 2 : 0;
	(void)dj_emit_take_last(c, w);
	o = DJ_I_i32_step_eq_ss + (o - DJ_I_i32_eq_ss) / DJ_CMP_SIZE * 4 + imm +
		(k->is_imm ? 1 : 0);
	dj_emit_op(c, o, NONE);
	dj_emit_put_words(c, w + 1, 3);
	dj_emit_word(c, k->b);
	return true;
}

void dj_compile_cond(struct dj_compiler *c, const struct dj_cond *k, bool sense,
	bool back)
{
	enum dj_engine_op o = k->group, base = k->group;

	if (k->is_float) {
		o += back ? (sense ? DJ_F_BK : DJ_F_BKN)
			  : (sense ? DJ_F_BR : DJ_F_BRN);
	} else {
		(void)int_cmp_base(k->group, &base);
		if (!sense)
			o = base +
				(unsigned)inverse[(k->group - base) /
					DJ_CMP_SIZE] *
					DJ_CMP_SIZE;
		if (back && fuse_step(c, o, k))
			return;
		o += (back ? DJ_BK_SS : DJ_BR_SS) + (k->is_imm ? 1 : 0);
	}
	dj_emit_op(c, o, NONE);
	dj_emit_word(c, k->a);
	dj_emit_word(c, k->b);
}

/* o is the slot-slot variant; the one with an immediate follows it. */
static void emit_binary(struct dj_compiler *c, enum dj_engine_op o,
	const struct dj_entry *x, const struct dj_entry *y, bool imm,
	uint32_t value)
{
	uint32_t a, b;

	a = dj_emit_slot_of(c, x, c->height);
	b = imm ? value : dj_emit_slot_of(c, y, c->height + 1);
	dj_emit_result(c, o + (imm ? 1 : 0));
	dj_emit_word(c, a);
	dj_emit_word(c, b);
	dj_emit_push_home(c, 1);
}

static bool commutes(enum dj_engine_op o)
{
	switch ((int)o) {
	case DJ_I_i32_add_ss:
	case DJ_I_i32_mul_ss:
	case DJ_I_i32_and_ss:
	case DJ_I_i32_or_ss:
	case DJ_I_i32_xor_ss:
	case DJ_I_i64_add_ss:
	case DJ_I_i64_mul_ss:
	case DJ_I_i64_and_ss:
	case DJ_I_i64_or_ss:
	case DJ_I_i64_xor_ss:
		return true;
	default:
		return false;
	}
}

/* local + (index << n), and index * size + base. */
static bool fuse_add(struct dj_compiler *c)
{
	enum dj_engine_op o = c->last.op;
	uint32_t w[WORDS_MAX], other;
	struct dj_entry x;

	if (!dj_emit_last_makes_top(c) ||
		(o != DJ_I_i32_shl_si && o != DJ_I_i32_mul_ss))
		return false;
	if (c->height < 2 || c->stack[c->height - 2].kind == CONST)
		return false;
	(void)dj_emit_pop(c);
	x = dj_emit_pop(c);
	other = x.kind == LOCAL ? x.local : dj_emit_home(c, c->height);
	(void)dj_emit_take_last(c, w);
	if (o == DJ_I_i32_shl_si) {
		dj_emit_result(c, DJ_I_i32_add_shl);
		dj_emit_word(c, other);
		dj_emit_word(c, w[2]);
		dj_emit_word(c, w[3] & 31);
	} else {
		dj_emit_result(c, DJ_I_i32_mul_add);
		dj_emit_word(c, w[2]);
		dj_emit_word(c, w[3]);
		dj_emit_word(c, other);
	}
	dj_emit_push_home(c, 1);
	return true;
}

static void binary(struct dj_compiler *c, enum dj_engine_op o, bool is64)
{
	struct dj_entry x, y, t;

	if (o == DJ_I_i32_add_ss && fuse_add(c))
		return;
	y = dj_emit_pop_pinned(c);
	x = dj_emit_pop_pinned(c);
	/* A constant that needs a slot must keep its own: y may be in the
	 * one that it would be put into after the exchange. */
	if (x.kind == CONST && y.kind != CONST && commutes(o) &&
		dj_emit_fits_imm(x.value, is64)) {
		t = x;
		x = y;
		y = t;
	}
	if (y.kind == CONST && dj_emit_fits_imm(y.value, is64)) {
		if (o == DJ_I_i32_sub_ss ||
			(o == DJ_I_i64_sub_ss &&
				(int32_t)y.value != INT32_MIN)) {
			o = o == DJ_I_i32_sub_ss ? DJ_I_i32_add_ss
						 : DJ_I_i64_add_ss;
			y.value = -y.value;
		}
		emit_binary(c, o, &x, &y, true, (uint32_t)y.value);
		return;
	}
	emit_binary(c, o, &x, &y, false, 0);
}

static void compare(struct dj_compiler *c, enum dj_engine_op base,
	uint32_t which, bool is64)
{
	struct dj_entry y = dj_emit_pop_pinned(c);
	struct dj_entry x = dj_emit_pop_pinned(c);

	if (x.kind == CONST && y.kind != CONST &&
		dj_emit_fits_imm(x.value, is64)) {
		struct dj_entry t = x;

		x = y;
		y = t;
		which = swapped[which];
	}
	emit_binary(c, base + which * DJ_CMP_SIZE, &x, &y,
		y.kind == CONST && dj_emit_fits_imm(y.value, is64),
		(uint32_t)y.value);
}

/* !(a < b) is a >= b for integers; a float compare stays as it is. */
static bool fuse_eqz(struct dj_compiler *c)
{
	enum dj_engine_op base, o = c->last.op;
	uint32_t w[WORDS_MAX], n, which;

	if (!dj_emit_last_makes_top(c) || !int_cmp_base(o, &base))
		return false;
	which = (o - base) / DJ_CMP_SIZE;
	(void)dj_emit_pop(c);
	n = dj_emit_take_last(c, w);
	o = base + inverse[which] * (unsigned)DJ_CMP_SIZE +
		(o - base) % DJ_CMP_SIZE;
	dj_emit_put_back(c, o, w, n, dj_emit_home(c, c->height));
	dj_emit_push_home(c, 1);
	return true;
}

void dj_compile_eqz(struct dj_compiler *c, enum dj_engine_op base)
{
	if (base == DJ_I_i32_eq_ss && fuse_eqz(c))
		return;
	dj_emit_push_const(c, 0);
	compare(c, base, 0, base == DJ_I_i64_eq_ss);
}

/* A float read that a float operation can do itself: slot + constant. */
static bool reads_float(const struct dj_compiler *c, bool is64)
{
	enum dj_engine_op base = is64 ? DJ_I_f64_load_s : DJ_I_f32_load_s;

	return c->last.op == base + DJ_LD_S || c->last.op == base + DJ_LD_SC;
}

/* Takes such a read off; its address in three words. */
static void take_read(struct dj_compiler *c, uint32_t at[static 3])
{
	uint32_t w[WORDS_MAX];
	bool sc = dj_emit_take_last(c, w) == 5;

	at[0] = w[2];
	at[1] = sc ? w[3] : 0;
	at[2] = sc ? w[4] : w[3];
}

/* As dj_emit_last_makes_top(), for the entry below a local on top. */
static bool last_makes_second(const struct dj_compiler *c)
{
	return c->last.at != NONE && c->height > 1 &&
		c->stack[c->height - 1].kind == LOCAL &&
		c->stack[c->height - 2].kind == HOME &&
		c->last.dst == dj_emit_home(c, c->height - 2);
}

/*
 * The other operand of what is about to be fused: below the top, or, when
 * the two change places, the local on top.
 */
static uint32_t pop_other(struct dj_compiler *c, bool second)
{
	struct dj_entry y = dj_emit_pop(c), x = dj_emit_pop(c);

	return second ? y.local : dj_emit_slot_of(c, &x, c->height);
}

/* Product and sum, rounded twice as ever. */
static bool fuse_product(struct dj_compiler *c, enum dj_engine_op o,
	enum dj_engine_op mul_add, bool second)
{
	enum dj_engine_op f = DJ_I_f64_add_ss, mul = c->last.op;
	uint32_t w[WORDS_MAX], n, other;
	unsigned form;

	if (mul_add == DJ_I_f32_mul_add)
		f = DJ_I_f32_add_ss;
	if (mul == f + (DJ_I_f64_mul_ss - DJ_I_f64_add_ss))
		form = 0;
	else if (mul == mul_add + (DJ_I_f64_mul_sm - DJ_I_f64_mul_add))
		form = 1;
	else if (mul == mul_add + (DJ_I_f64_mul_mm - DJ_I_f64_mul_add))
		form = 2;
	else
		return false;
	n = dj_emit_take_last(c, w);
	other = pop_other(c, second);
	dj_emit_result(c, mul_add + form + (o == f ? 0u : 3u));
	dj_emit_word(c, other);
	dj_emit_put_words(c, w + 2, n - 2);
	dj_emit_push_home(c, 1);
	return true;
}

/* add, sub and mul with what a read or a product just made. */
static bool fuse_float(struct dj_compiler *c, enum dj_engine_op o, bool is64)
{
	enum dj_engine_op add = is64 ? DJ_I_f64_add_ss : DJ_I_f32_add_ss;
	enum dj_engine_op mul_add = is64 ? DJ_I_f64_mul_add : DJ_I_f32_mul_add;
	unsigned which = (unsigned)(o - add) / 2;
	bool second = which != 1 && last_makes_second(c);
	uint32_t y[3], x[3], other;

	if (which > 2 || !(second || dj_emit_last_makes_top(c)))
		return false;
	if (which != 2 && fuse_product(c, o, mul_add, second))
		return true;
	if (!reads_float(c, is64))
		return false;
	take_read(c, y);
	mul_add += DJ_I_f64_add_sm - DJ_I_f64_mul_add;
	if (which == 2 && !second && c->last.at != NONE &&
		c->stack[c->height - 2].kind == HOME &&
		c->last.dst == dj_emit_home(c, c->height - 2) &&
		reads_float(c, is64)) {
		take_read(c, x);
		dj_emit_drop_to(c, c->height - 2);
		dj_emit_result(c, mul_add + 3);
		dj_emit_put_words(c, x, 3);
	} else {
		other = pop_other(c, second);
		dj_emit_result(c, mul_add + which);
		dj_emit_word(c, other);
	}
	dj_emit_put_words(c, y, 3);
	dj_emit_push_home(c, 1);
	return true;
}

static void float_binary(struct dj_compiler *c, enum dj_engine_op o, bool is64)
{
	struct dj_entry y, x;
	bool imm;

	if (c->height >= 2 && fuse_float(c, o, is64))
		return;
	y = dj_emit_pop(c);
	x = dj_emit_pop(c);
	imm = y.kind == CONST && (!is64 || (uint32_t)y.value == 0);
	emit_binary(c, o, &x, &y, imm,
		(uint32_t)(is64 ? y.value >> 32 : y.value));
}

static void float_compare(struct dj_compiler *c, enum dj_engine_op o)
{
	struct dj_entry y = dj_emit_pop(c), x = dj_emit_pop(c);

	emit_binary(c, o, &x, &y, false, 0);
}

/* The low half of a slot is what an i32 is: wrapping is nothing to do. */
static void on_wrap(struct dj_compiler *c)
{
	struct dj_entry *e = &c->stack[c->height - 1];

	if (e->kind == CONST)
		e->value = (uint32_t)e->value;
}

void dj_compile_numeric(struct dj_compiler *c, uint32_t w)
{
	switch (w) {
	case 0x45:
		dj_compile_eqz(c, DJ_I_i32_eq_ss);
		break;
	case 0x46 ... 0x4f:
		compare(c, DJ_I_i32_eq_ss, w - 0x46, false);
		break;
	case 0x50:
		dj_compile_eqz(c, DJ_I_i64_eq_ss);
		break;
	case 0x51 ... 0x5a:
		compare(c, DJ_I_i64_eq_ss, w - 0x51, true);
		break;
	case 0x5b ... 0x60:
		float_compare(c, DJ_I_f32_eq_ss + (w - 0x5b) * DJ_FCMP_SIZE);
		break;
	case 0x61 ... 0x66:
		float_compare(c, DJ_I_f64_eq_ss + (w - 0x61) * DJ_FCMP_SIZE);
		break;
	case 0x67 ... 0x69:
		dj_emit_unary(c, DJ_I_i32_clz + (w - 0x67));
		break;
	case 0x6a ... 0x78:
		binary(c, DJ_I_i32_add_ss + (w - 0x6a) * 2, false);
		break;
	case 0x79 ... 0x7b:
		dj_emit_unary(c, DJ_I_i64_clz + (w - 0x79));
		break;
	case 0x7c ... 0x8a:
		binary(c, DJ_I_i64_add_ss + (w - 0x7c) * 2, true);
		break;
	case 0x8b ... 0x91:
		dj_emit_unary(c, DJ_I_f32_abs + (w - 0x8b));
		break;
	case 0x92 ... 0x98:
		float_binary(c, DJ_I_f32_add_ss + (w - 0x92) * 2, false);
		break;
	case 0x99 ... 0x9f:
		dj_emit_unary(c, DJ_I_f64_abs + (w - 0x99));
		break;
	case 0xa0 ... 0xa6:
		float_binary(c, DJ_I_f64_add_ss + (w - 0xa0) * 2, true);
		break;
	case 0xa7:
		on_wrap(c);
		break;
	case 0xa8 ... 0xbb:
		dj_emit_unary(c, DJ_I_i32_wrap_i64 + (w - 0xa7));
		break;
	case 0xbc ... 0xbf:
		break; /* reinterpretations: a slot is its bits */
	case 0xc0 ... 0xc4:
		dj_emit_unary(c, DJ_I_i32_extend8_s + (w - 0xc0));
		break;
	case DJ_OP_TRUNC_SAT_FIRST ... DJ_OP_TRUNC_SAT_LAST:
		dj_emit_unary(c,
			DJ_I_i32_sat_f32_s + (w - DJ_OP_TRUNC_SAT_FIRST));
		break;
	}
}

/* Two or four slots in a row, and the result in the first two. */
void dj_compile_wide(struct dj_compiler *c, uint32_t w)
{
	dj_emit_rare(c, DJ_I_i64_add128 + (w - DJ_OP_ADD128),
		w <= DJ_OP_SUB128 ? 4 : 2);
	dj_emit_push_home(c, 2);
}
