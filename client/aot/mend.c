// SPDX-License-Identifier: Apache-2.0
#include "client/aot/mend.h"

#include <llvm-c/Disassembler.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/wasm/native.h"

/*
 * x86-64: making a function again, in another form, costs as much as making
 * it; most of the forbidden bytes that turn up can be done away with where
 * they stand. They are
 *
 *   the registers of an address: [rdi + rcx + 5], whose byte for them is 0f,
 *   is the same the other way round;
 *   an instruction of two registers, on its own or with what is behind it:
 *   each has an encoding that reads them and one that writes them;
 *   the distance of a jump or a call: it goes by another jump, elsewhere;
 *   the distance of an operand, as of a constant or of the instance's context:
 *   the instruction stands elsewhere, between a jump there and one back.
 *
 * What came of all but the third is asked of the disassembler, and in each
 * case that no new forbidden bytes are near.
 */
#define SIB     0x0f /* index rcx or r9, base rdi or r15, not scaled */
#define SWAPPED 0x39
#define TEXT    128 /* of an instruction, as the disassembler has it */
#define LONGEST 15  /* bytes of an instruction */
#define REACH   2   /* bytes that forbidden ones have besides the first */
#define JUMP    5   /* bytes of one */
#define TRIES   16  /* places in a room, whose distance may be no good */
#define FAR     4   /* bytes of a distance */

struct insn {
	uint32_t at, n;
};

static bool is_prefix(uint8_t b)
{
	return b == 0x66 || b == 0xf2 || b == 0xf3 || b == 0xf0;
}

/* Bits `a` and `b` of *p change places. */
static void swap_bits(uint8_t *p, uint8_t a, uint8_t b)
{
	if (((*p & a) != 0) != ((*p & b) != 0))
		*p ^= a | b;
}

/* No forbidden bytes in n bytes at `at`, nor from them to their neighbours. */
static bool is_clean(const struct mend *m, uint32_t at, uint32_t n)
{
	uint32_t from = at < REACH ? 0 : at - REACH;
	uint32_t to = m->len - at < n + REACH ? m->len : at + n + REACH;

	return dj_native_forbidden(DJ_ISA_X86_64, m->code + from, to - from) ==
		SIZE_MAX;
}

static uint32_t read_insn(LLVMDisasmContextRef d, const struct mend *m,
	uint32_t at, char text[static TEXT])
{
	size_t n = LLVMDisasmInstruction(d, m->code + at, m->len - at, at, text,
		TEXT);

	return n > LONGEST ? 0 : (uint32_t)n;
}

/* ---- the registers of an address ---- */

/*
 * i is one instruction of n bytes, whose byte k, if it is one of index and
 * base, is changed with the bits that each has in a prefix.
 */
static void swap_in(uint8_t *i, uint32_t n, uint32_t k)
{
	uint32_t at = 0;

	while (at < n && is_prefix(i[at]))
		at++;
	i[k] = SWAPPED;
	if (at < k && (i[at] & 0xf0) == 0x40)
		swap_bits(&i[at], 2, 1);
	else if (at + 1 < k && i[at] == 0xc4)
		swap_bits(&i[at + 1], 0x40, 0x20);
}

/* Is b what a is, but for "(base,index)" the other way round? */
static bool is_swapped(const char *a, const char *b)
{
	const char *open = strchr(a, '('), *comma, *end;
	char want[TEXT];
	int n;

	comma = open == NULL ? NULL : strchr(open, ',');
	end = comma == NULL ? NULL : strchr(comma, ')');
	if (end == NULL || memchr(comma + 1, ',', (size_t)(end - comma - 1)))
		return false;
	n = snprintf(want, sizeof(want), "%.*s(%.*s,%.*s%s", (int)(open - a), a,
		(int)(end - comma - 1), comma + 1, (int)(comma - open - 1),
		open + 1, end);
	return n > 0 && n < TEXT && strcmp(want, b) == 0;
}

static bool try_swap(LLVMDisasmContextRef d, struct mend *m, struct insn i,
	uint32_t at)
{
	char before[TEXT], after[TEXT];
	uint8_t old[LONGEST], *p = m->code + i.at;

	if (m->code[at] != SIB)
		return false;
	memcpy(old, p, i.n);
	(void)read_insn(d, m, i.at, before);
	swap_in(p, i.n, at - i.at);
	if (read_insn(d, m, i.at, after) == i.n && is_swapped(before, after) &&
		is_clean(m, i.at, i.n))
		return true;
	memcpy(p, old, i.n);
	return false;
}

/* ---- an instruction of two registers ---- */

/* The other encoding of mov, add, or, adc, sbb, and, sub, xor or cmp. */
static bool turn_round(uint8_t *i, uint32_t n)
{
	uint8_t *rex = NULL, *op, r;
	uint32_t at = 0;

	while (at < n && is_prefix(i[at]))
		at++;
	if (at < n && (i[at] & 0xf0) == 0x40)
		rex = &i[at++];
	if (at + 2 != n)
		return false;
	op = &i[at];
	r = op[1];
	if (((*op & 0xc4) != 0 && (*op & 0xfc) != 0x88) || (r & 0xc0) != 0xc0)
		return false;
	*op ^= 2;
	op[1] = (uint8_t)(0xc0 | (r & 7) << 3 | (r >> 3 & 7));
	if (rex != NULL)
		swap_bits(rex, 4, 1);
	return true;
}

static bool try_turn(LLVMDisasmContextRef d, struct mend *m, struct insn i)
{
	char before[TEXT], after[TEXT];
	uint8_t old[LONGEST], *p = m->code + i.at;

	memcpy(old, p, i.n);
	(void)read_insn(d, m, i.at, before);
	if (turn_round(p, i.n) && read_insn(d, m, i.at, after) == i.n &&
		strcmp(before, after) == 0 && is_clean(m, i.at, i.n))
		return true;
	memcpy(p, old, i.n);
	return false;
}

/* The instruction that has the byte, or one of those that follow. */
static bool try_turns(LLVMDisasmContextRef d, struct mend *m, struct insn i,
	uint32_t at)
{
	char text[TEXT];

	while (i.n != 0 && i.at <= at + REACH) {
		if (try_turn(d, m, i))
			return true;
		i.at += i.n;
		i.n = i.at < m->len ? read_insn(d, m, i.at, text) : 0;
	}
	return false;
}

/* ---- a distance ---- */

static uint32_t get_far(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
		(uint32_t)p[3] << 24;
}

static void put_far(uint8_t *p, uint32_t v)
{
	for (unsigned i = 0; i < FAR; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static bool is_far_jump(const uint8_t *i, uint32_t n)
{
	if (n == JUMP)
		return i[0] == 0xe8 || i[0] == 0xe9;
	return n == JUMP + 1 && i[0] == 0x0f && (i[1] & 0xf0) == 0x80;
}

static void put_jump(struct mend *m, uint32_t at, uint32_t to)
{
	m->code[at] = 0xe9;
	put_far(m->code + at + 1, to - (at + JUMP));
}

static bool has_room(const struct mend *m, unsigned room, uint32_t at,
	uint32_t n)
{
	return at <= m->rooms[room].end && m->rooms[room].end - at >= n;
}

/* By way of a jump in a room. Distances are from the end of each. */
static bool try_far(struct mend *m, struct insn i, uint32_t at)
{
	uint32_t end = i.at + i.n, to;
	uint8_t *far = m->code + end - FAR, old[JUMP];

	if (!is_far_jump(m->code + i.at, i.n) || at < end - FAR)
		return false;
	to = end + get_far(far);
	for (unsigned k = 0; k < MEND_ROOMS * TRIES; k++) {
		uint32_t *left = &m->rooms[k / TRIES].at;
		uint32_t by = *left + k % TRIES;

		if (!has_room(m, k / TRIES, by, JUMP))
			continue;
		memcpy(old, m->code + by, JUMP);
		put_jump(m, by, to);
		put_far(far, by - end);
		if (is_clean(m, i.at, i.n) && is_clean(m, by, JUMP)) {
			*left = by + JUMP;
			return true;
		}
		memcpy(m->code + by, old, JUMP);
	}
	put_far(far, to - end);
	return false;
}

/* ---- the distance of an operand ---- */

/* The number in "number(%rip)"; NULL: there is none. */
static const char *find_distance(const char *text)
{
	const char *end = strstr(text, "(%rip)"), *p = end;

	if (end == NULL)
		return NULL;
	while (p > text && ((p[-1] >= '0' && p[-1] <= '9') || p[-1] == '-'))
		p--;
	return p == end ? NULL : p;
}

/* Is b what a is, and at another place the same operand's? */
static bool is_moved(const char *a, uint32_t a_at, const char *b, uint32_t b_at)
{
	const char *p = find_distance(a), *q = find_distance(b);
	char *p_end, *q_end;

	if (p == NULL || q == NULL || p - a != q - b ||
		memcmp(a, b, (size_t)(p - a)) != 0)
		return false;
	return a_at + (uint32_t)strtol(p, &p_end, 10) ==
		b_at + (uint32_t)strtol(q, &q_end, 10) &&
		strcmp(p_end, q_end) == 0;
}

/* The instruction i of old at `at`, its operand where it was, and back. */
static bool put_elsewhere(LLVMDisasmContextRef d, struct mend *m, struct insn i,
	const uint8_t *old, uint32_t at)
{
	char before[TEXT], after[TEXT];

	memcpy(m->code + i.at, old, i.n);
	(void)read_insn(d, m, i.at, before);
	/* In front of the distance are an opcode and the byte of operands. */
	for (uint32_t k = 2; k + FAR <= i.n; k++) {
		memcpy(m->code + at, old, i.n);
		put_far(m->code + at + k, get_far(old + k) + (i.at - at));
		put_jump(m, at + i.n, i.at + i.n);
		if (read_insn(d, m, at, after) != i.n ||
			!is_moved(before, i.at, after, at))
			continue;
		/* Nothing comes to what is left of it. */
		memset(m->code + i.at, 0x90, i.n);
		put_jump(m, i.at, at);
		return is_clean(m, i.at, i.n) && is_clean(m, at, i.n + JUMP);
	}
	return false;
}

/* A call would come back to elsewhere, where no function is. */
static bool try_elsewhere(LLVMDisasmContextRef d, struct mend *m, struct insn i)
{
	char text[TEXT];
	uint8_t old[LONGEST], room[LONGEST + JUMP];

	(void)read_insn(d, m, i.at, text);
	if (i.n < JUMP || strstr(text, "(%rip)") == NULL ||
		strstr(text, "call") != NULL)
		return false;
	memcpy(old, m->code + i.at, i.n);
	for (unsigned k = 0; k < MEND_ROOMS * TRIES; k++) {
		uint32_t *left = &m->rooms[k / TRIES].at;
		uint32_t at = *left + k % TRIES;

		if (!has_room(m, k / TRIES, at, i.n + JUMP))
			continue;
		memcpy(room, m->code + at, i.n + JUMP);
		if (put_elsewhere(d, m, i, old, at)) {
			*left = at + i.n + JUMP;
			return true;
		}
		memcpy(m->code + at, room, i.n + JUMP);
	}
	memcpy(m->code + i.at, old, i.n);
	return false;
}

bool mend_forbidden(struct mend *m, uint32_t from, uint32_t at)
{
	LLVMDisasmContextRef d;
	struct insn i = { .at = from };
	char text[TEXT];
	bool done = false;

	if (at >= m->len)
		return false;
	d = LLVMCreateDisasmCPUFeatures("x86_64-unknown-linux-gnu", "x86-64-v3",
		"", NULL, 0, NULL, NULL);
	while (d != NULL && i.at <= at) {
		i.n = read_insn(d, m, i.at, text);
		if (i.n == 0)
			break;
		if (at - i.at < i.n) {
			done = try_swap(d, m, i, at) ||
				try_turns(d, m, i, at) || try_far(m, i, at) ||
				try_elsewhere(d, m, i);
			break;
		}
		i.at += i.n;
	}
	if (d != NULL)
		LLVMDisasmDispose(d);
	return done;
}
