// SPDX-License-Identifier: Apache-2.0
#include "lib/wasm/native.h"

#include <string.h>

#include "lib/base/rd.h"
#include "lib/base/wr.h"

/* Invariant of a parsed image: every entry is in the code, behind its mark. */
static const char magic[4] = { 'D', 'J', 'N', 'I' };

#define ALIGN 16u

static uint32_t u32_at(const uint8_t *p, uint32_t i)
{
	p += (size_t)i * 4;
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
		(uint32_t)p[2] << 8 | p[3];
}

uint32_t dj_native_func(const struct dj_native *n, uint32_t i)
{
	return u32_at(n->funcs, i);
}

uint32_t dj_native_enter_at(const struct dj_native *n, uint32_t type)
{
	return u32_at(n->types, 2 * type);
}

uint32_t dj_native_leave_at(const struct dj_native *n, uint32_t type)
{
	return u32_at(n->types, 2 * type + 1);
}

/* A LEB128 number of at most 32 bits; false if it is none. */
static bool leb(const uint8_t **p, const uint8_t *end, uint32_t *ret)
{
	uint32_t v = 0;

	for (unsigned shift = 0; shift < 35; shift += 7) {
		uint8_t b;

		if (*p == end)
			return false;
		b = *(*p)++;
		if (shift == 28 && b > 0x0f)
			return false;
		v |= (uint32_t)(b & 0x7f) << shift;
		if (b < 0x80) {
			*ret = v;
			return true;
		}
	}
	return false;
}

/*
 * One site further; the module's step is zigzag: 0, -1, 1, -2, ... None is 0,
 * so that zeros that follow the table cannot be taken for more of it.
 */
static bool next_site(const uint8_t **p, const uint8_t *end, uint32_t *at,
	uint32_t *offset)
{
	uint32_t code, wasm;

	if (!leb(p, end, &code) || !leb(p, end, &wasm) || wasm == 0)
		return false;
	if (__builtin_add_overflow(*at, code, at))
		return false;
	*offset += (wasm >> 1) ^ (0 - (wasm & 1));
	return true;
}

bool dj_native_site(const struct dj_native *n, uint32_t pc, uint32_t *ret)
{
	const uint8_t *p = n->sites, *end = p + n->sites_len;
	uint32_t at = 0, offset = 0, found = 0;
	bool any = false;

	while (p != end && next_site(&p, end, &at, &offset) && at <= pc) {
		found = offset;
		any = true;
	}
	if (any)
		*ret = found;
	return any;
}

static size_t step_of(enum dj_isa isa)
{
	return isa == DJ_ISA_X86_64 ? 1 : isa == DJ_ISA_RISCV64 ? 2 : 4;
}

/* ---- marks ---- */

#define PRIME 0x01000193u

/*
 * Of every field but the magic. Words go in one by one, by a sum and a product
 * with an odd number: a change of one of them is always a change of the sum.
 */
uint32_t dj_native_sum(const struct dj_native *n)
{
	uint32_t words[] = { DJ_NATIVE_VERSION << 16 | DJ_NATIVE_ABI,
		(uint32_t)n->isa << 24 | (uint32_t)n->bounds << 16 |
			(uint32_t)n->cpu_level << 8 | n->flags,
		n->code_len, n->rodata_len, n->func_count, n->type_count,
		n->sites_len };
	uint32_t h = 0x811c9dc5;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		h = (h ^ words[i]) * PRIME;
	for (uint32_t i = 0; i < sizeof(n->module) / 4; i++)
		h = (h ^ u32_at(n->module, i)) * PRIME;
	return h;
}

/* A module has fewer than 2^30 of each: no two words are the same. */
void dj_native_mark(uint32_t sum, enum dj_native_entry kind, uint32_t i,
	uint8_t ret[DJ_NATIVE_MARK])
{
	uint32_t v = (i << 2 | (uint32_t)kind) * PRIME ^ sum;

	for (unsigned k = 0; k < DJ_NATIVE_MARK; k++, v >>= 4)
		ret[k] = (uint8_t)((k == 0 ? 0x60 : 0x50) | (v & 0x0f));
}

bool dj_native_like_mark(const uint8_t *p)
{
	for (unsigned k = 0; k < DJ_NATIVE_MARK; k++)
		if (p[k] >> 4 != (k == 0 ? 6 : 5))
			return false;
	return true;
}

static bool is_entry(const struct dj_native *n, uint32_t sum,
	enum dj_native_entry kind, uint32_t i, uint32_t at)
{
	uint8_t mark[DJ_NATIVE_MARK];

	if (at < DJ_NATIVE_MARK || at >= n->code_len ||
		at % step_of(n->isa) != 0)
		return false;
	dj_native_mark(sum, kind, i, mark);
	return memcmp(n->body + at - DJ_NATIVE_MARK, mark, sizeof(mark)) == 0;
}

static const char *check_entries(const struct dj_native *n)
{
	uint32_t sum = dj_native_sum(n);

	for (uint32_t i = 0; i < n->func_count; i++)
		if (!is_entry(n, sum, DJ_NATIVE_FUNC, i, dj_native_func(n, i)))
			return "a function's entry in the native code is not "
			       "marked as that";
	for (uint32_t i = 0; i < n->type_count; i++) {
		uint32_t enter = dj_native_enter_at(n, i);
		uint32_t leave = dj_native_leave_at(n, i);

		if ((enter != 0 &&
			    !is_entry(n, sum, DJ_NATIVE_ENTER, i, enter)) ||
			(leave != 0 &&
				!is_entry(n, sum, DJ_NATIVE_LEAVE, i, leave)))
			return "a type's entry in the native code is not "
			       "marked as that";
	}
	return NULL;
}

static const char *check_sites(const struct dj_native *n)
{
	const uint8_t *p = n->sites, *end = p + n->sites_len;
	uint32_t at = 0, offset = 0;

	while (p != end)
		if (!next_site(&p, end, &at, &offset) || at >= n->code_len)
			return "the native code's table of sites is malformed";
	return NULL;
}

static dj_status read_head(struct dj_rd *r, struct dj_native *n,
	const char **why)
{
	const uint8_t *m = dj_rd_bytes(r, sizeof(magic));
	uint16_t version = dj_rd_u16be(r), abi;

	n->isa = (enum dj_isa)dj_rd_u8(r);
	n->bounds = (enum dj_bounds)dj_rd_u8(r);
	n->cpu_level = dj_rd_u8(r);
	n->flags = dj_rd_u8(r);
	abi = dj_rd_u16be(r);
	n->code_len = dj_rd_u32be(r);
	n->rodata_len = dj_rd_u32be(r);
	n->func_count = dj_rd_u32be(r);
	n->type_count = dj_rd_u32be(r);
	n->sites_len = dj_rd_u32be(r);
	dj_rd_copy(r, n->module, sizeof(n->module));
	*why = "the native code is cut off";
	if (r->err != DJ_OK)
		return r->err;

	if (memcmp(m, magic, sizeof(magic)) != 0) {
		*why = "not a native image";
		return DJ_E_INPUT;
	}
	if (version != DJ_NATIVE_VERSION) {
		*why = "native code of another version of the format";
		return DJ_E_UNSUPPORTED;
	}
	if (abi != DJ_NATIVE_ABI) {
		*why = "native code for another version of the engine";
		return DJ_E_UNSUPPORTED;
	}
	if (n->isa < DJ_ISA_X86_64 || n->isa > DJ_ISA_PPC64LE) {
		*why = "native code for an unknown instruction set";
		return DJ_E_UNSUPPORTED;
	}
	if (n->bounds > DJ_BOUNDS_GUARD) {
		*why = "native code with an unknown kind of bounds";
		return DJ_E_INPUT;
	}
	if ((n->flags & ~(DJ_NATIVE_THROWS | DJ_NATIVE_TAILS)) != 0) {
		*why = "native code with an unknown flag";
		return DJ_E_INPUT;
	}
	if (n->code_len > DJ_NATIVE_MAX_CODE ||
		n->rodata_len > DJ_NATIVE_MAX_CODE) {
		*why = "too much native code";
		return DJ_E_LIMIT;
	}
	if (n->code_len % DJ_NATIVE_PAGE != 0) {
		*why = "the native code's length is not whole pages";
		return DJ_E_INPUT;
	}
	return DJ_OK;
}

dj_status dj_native_parse(const uint8_t *buf, size_t len, struct dj_native *ret,
	const char **ret_why)
{
	struct dj_rd r = dj_rd_of(buf, len);
	struct dj_native n = { 0 };
	dj_status st = read_head(&r, &n, ret_why);
	const char *why;

	if (st != DJ_OK)
		return st;
	/* Counts of 32 bits: no product of these overflows 64. */
	n.funcs = dj_rd_bytes(&r, (size_t)n.func_count * 4);
	n.types = dj_rd_bytes(&r, (size_t)n.type_count * 8);
	n.sites = dj_rd_bytes(&r, n.sites_len);
	dj_rd_zero(&r, -(size_t)(len - r.left) % ALIGN);
	n.body = dj_rd_bytes(&r, (size_t)n.code_len + n.rodata_len);
	if (dj_rd_end(&r) != DJ_OK) {
		*ret_why = "the native code's lengths do not add up";
		return r.err;
	}
	why = check_entries(&n);
	if (why == NULL)
		why = check_sites(&n);
	if (why != NULL) {
		*ret_why = why;
		return DJ_E_INPUT;
	}
	*ret = n;
	return DJ_OK;
}

bool dj_native_has_place(enum dj_isa isa, enum dj_bounds bounds)
{
	return isa == DJ_ISA_X86_64 && bounds == DJ_BOUNDS_GUARD;
}

bool dj_native_is_of(const uint8_t *image, size_t len, const uint8_t module[32])
{
	return len >= DJ_NATIVE_HEAD && memcmp(image + 32, module, 32) == 0;
}

bool dj_native_is_for(const uint8_t *image, size_t len, uint8_t isa,
	uint8_t bounds, uint8_t cpu_level)
{
	return len >= DJ_NATIVE_HEAD && image[6] == isa && image[7] == bounds &&
		image[8] == cpu_level;
}

static size_t body_at(const struct dj_native *n)
{
	size_t at = DJ_NATIVE_HEAD + (size_t)n->func_count * 4 +
		(size_t)n->type_count * 8 + n->sites_len;

	return (at + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

size_t dj_native_size(const struct dj_native *n)
{
	return body_at(n) + n->code_len + n->rodata_len;
}

dj_status dj_native_write(const struct dj_native *n, uint8_t *dst, size_t cap)
{
	struct dj_wr w = dj_wr_of(dst, cap);
	size_t len = 0;

	dj_wr_bytes(&w, magic, sizeof(magic));
	dj_wr_u16be(&w, DJ_NATIVE_VERSION);
	dj_wr_u8(&w, (uint8_t)n->isa);
	dj_wr_u8(&w, (uint8_t)n->bounds);
	dj_wr_u8(&w, n->cpu_level);
	dj_wr_u8(&w, n->flags);
	dj_wr_u16be(&w, DJ_NATIVE_ABI);
	dj_wr_u32be(&w, n->code_len);
	dj_wr_u32be(&w, n->rodata_len);
	dj_wr_u32be(&w, n->func_count);
	dj_wr_u32be(&w, n->type_count);
	dj_wr_u32be(&w, n->sites_len);
	dj_wr_bytes(&w, n->module, sizeof(n->module));
	dj_wr_bytes(&w, n->funcs, (size_t)n->func_count * 4);
	dj_wr_bytes(&w, n->types, (size_t)n->type_count * 8);
	dj_wr_bytes(&w, n->sites, n->sites_len);
	dj_wr_zero(&w,
		body_at(n) - DJ_NATIVE_HEAD - (size_t)n->func_count * 4 -
			(size_t)n->type_count * 8 - n->sites_len);
	dj_wr_bytes(&w, n->body, (size_t)n->code_len + n->rodata_len);
	return dj_wr_end(&w, &len);
}

/* 0f: system calls and virtual machines; cd 80: the old system call. */
static bool is_forbidden_x86(const uint8_t *p, size_t left)
{
	if (left < 2)
		return false;
	if (p[0] == 0xcd)
		return p[1] == 0x80;
	if (p[0] != 0x0f)
		return false;
	if (p[1] == 0x05 || p[1] == 0x34)
		return true;
	if (left < 3)
		return false;
	/* VMCALL .. PCONFIG, ENCLS, XSETBV, VMRUN .. ENCLU and their like. */
	return p[1] == 0x01 &&
		((p[2] >= 0xc0 && p[2] <= 0xcf && p[2] != 0xc8 &&
			 p[2] != 0xc9 && p[2] != 0xca && p[2] != 0xcb) ||
			(p[2] >= 0xd1 && p[2] <= 0xdf && p[2] != 0xd5 &&
				p[2] != 0xd6) ||
			p[2] == 0xef || p[2] >= 0xfc);
}

static uint32_t word_le(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
		(uint32_t)p[3] << 24;
}

/*
 * What of SYSTEM is no access to a register: ECALL, EBREAK, the returns, WFI
 * and WRS, and what orders address translation (rs1 and rs2 are in there).
 * CSR instructions have 1 of 128 patterns, so code cannot do without at every
 * second byte; in user mode they reach float flags and counters.
 */
static bool is_forbidden_riscv(const uint8_t *p, size_t left)
{
	uint32_t insn = left < 4 ? 0 : word_le(p);

	if ((insn & 0x7fff) != 0x0073)
		return false;
	switch (insn >> 25) { /* funct7 */
	case 0x09:            /* SFENCE.VMA, SINVAL.VMA */
	case 0x0b:
	case 0x11: /* HFENCE.VVMA, HINVAL.VVMA */
	case 0x13:
	case 0x31: /* HFENCE.GVMA, HINVAL.GVMA */
	case 0x33:
		return true;
	default:
		break;
	}
	switch (insn >> 15) { /* funct12, and rs1, which is 0 */
	case 0x000 << 5:      /* ECALL, EBREAK, URET */
	case 0x001 << 5:
	case 0x002 << 5:
	case 0x00d << 5: /* WRS.NTO, WRS.STO */
	case 0x01d << 5:
	case 0x102 << 5: /* SRET, WFI */
	case 0x105 << 5:
	case 0x180 << 5: /* SFENCE.W.INVAL, SFENCE.INVAL.IR */
	case 0x181 << 5:
	case 0x302 << 5: /* MRET, MNRET, DRET */
	case 0x702 << 5:
	case 0x7b2 << 5:
		return true;
	default:
		return false;
	}
}

/*
 * sc and scv (17), whatever their level; and mtspr of AMR, which is what
 * WRPKRU is on x86-64. What else is privileged faults. Instructions are whole
 * words and nothing else can be jumped to.
 */
static bool is_forbidden_ppc(const uint8_t *p, size_t left)
{
	uint32_t insn = left < 4 ? 0 : word_le(p);
	uint32_t spr = (insn >> 16 & 0x1f) | (insn >> 6 & 0x3e0);

	if (insn >> 26 == 17)
		return true;
	return insn >> 26 == 31 && (insn >> 1 & 0x3ff) == 467 && spr == 13;
}

/* Is there one right here? p has left bytes from here on. */
static bool is_forbidden(enum dj_isa isa, const uint8_t *p, size_t left)
{
	switch (isa) {
	case DJ_ISA_X86_64:
		return is_forbidden_x86(p, left);
	case DJ_ISA_RISCV64:
		return is_forbidden_riscv(p, left);
	case DJ_ISA_PPC64LE:
		return is_forbidden_ppc(p, left);
	}
	return true;
}

/* From i on, the first byte that one can begin with, or len. */
static size_t skip_x86(const uint8_t *code, size_t i, size_t len)
{
	while (i < len && code[i] != 0x0f && code[i] != 0xcd)
		i++;
	return i;
}

size_t dj_native_forbidden(enum dj_isa isa, const uint8_t *code, size_t len)
{
	const size_t by = step_of(isa);

	for (size_t i = 0; i < len; i += by) {
		if (isa == DJ_ISA_X86_64)
			i = skip_x86(code, i, len);
		if (i < len && is_forbidden(isa, code + i, len - i))
			return i;
	}
	return SIZE_MAX;
}
