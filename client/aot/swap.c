// SPDX-License-Identifier: Apache-2.0
#include "client/aot/swap.h"

#include <llvm-c/Disassembler.h>
#include <stdio.h>
#include <string.h>

/*
 * x86-64: most of the forbidden bytes that turn up are an address of two
 * registers, [rdi + rcx + 5], whose byte for them is 0f. The sum is the same
 * the other way round, so the two change places where they stand: making the
 * function again, in another form, may have cost as much as making it.
 */
#define SIB     0x0f /* index rcx or r9, base rdi or r15, not scaled */
#define SWAPPED 0x39
#define TEXT    128 /* of an instruction, as the disassembler has it */

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

/*
 * i is one instruction of n bytes, whose byte k, if it is one of index and
 * base, is changed with the bits that each has in a prefix. Whoever calls asks
 * the disassembler what came of it.
 */
static void swap_in(uint8_t *i, size_t n, size_t k)
{
	size_t at = 0;

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

static bool try_swap(LLVMDisasmContextRef d, uint8_t *i, size_t n, size_t k,
	uint32_t pc)
{
	uint8_t old[16];
	char before[TEXT], after[TEXT];

	if (n > sizeof(old))
		return false;
	memcpy(old, i, n);
	(void)LLVMDisasmInstruction(d, i, n, pc, before, TEXT);
	swap_in(i, n, k);
	if (LLVMDisasmInstruction(d, i, n, pc, after, TEXT) == n &&
		is_swapped(before, after))
		return true;
	memcpy(i, old, n);
	return false;
}

bool swap_registers(uint8_t *code, uint32_t len, uint32_t from, uint32_t at)
{
	LLVMDisasmContextRef d;
	char text[TEXT];
	bool done = false;
	size_t n;

	if (at >= len || code[at] != SIB)
		return false;
	d = LLVMCreateDisasmCPUFeatures("x86_64-unknown-linux-gnu", "x86-64-v3",
		"", NULL, 0, NULL, NULL);
	while (d != NULL && from <= at) {
		n = LLVMDisasmInstruction(d, code + from, len - from, from,
			text, TEXT);
		if (n != 0 && at >= from + n) {
			from += (uint32_t)n;
			continue;
		}
		if (n != 0)
			done = try_swap(d, code + from, n, at - from, from);
		break;
	}
	if (d != NULL)
		LLVMDisasmDispose(d);
	return done;
}
