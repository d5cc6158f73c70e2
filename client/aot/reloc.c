// SPDX-License-Identifier: Apache-2.0
#include "client/aot/link.h"

#include <string.h>

/*
 * Relocations, by instruction set. All are of the code to itself, so that
 * they are done here for good; any other type is an error.
 */
struct fix {
	struct linker *l;
	const struct elf *e;
	const struct section *s; /* what is relocated */
	const struct section *relas;
	uint64_t k; /* of r in relas */
	const Elf64_Rela *r;
	uint8_t *at; /* its place */
};

static void unknown(const struct fix *f)
{
	link_fail(f->l, "the code has a relocation of type %u",
		(unsigned)ELF64_R_TYPE(f->r->r_info));
}

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return v;
}

static void put32(uint8_t *p, int64_t v)
{
	uint32_t w = (uint32_t)v;

	memcpy(p, &w, 4);
}

/* Where r leads, as seen from its place. */
static int64_t relative(const struct fix *f)
{
	uint32_t to = 0;

	(void)link_target(f->l, f->e, (uint32_t)ELF64_R_SYM(f->r->r_info),
		f->r->r_addend, &to);
	return (int64_t)to - (int64_t)(f->s->at + f->r->r_offset);
}

static void x86(const struct fix *f)
{
	switch (ELF64_R_TYPE(f->r->r_info)) {
	case R_X86_64_PC32:
	case R_X86_64_PLT32:
		put32(f->at, relative(f));
		break;
	default:
		unknown(f);
	}
}

/* ---- riscv64 ---- */

/* AUIPC's part of a distance; what comes behind adds the low 12 bits. */
static uint32_t high20(int64_t v)
{
	return ((uint32_t)v + 0x800) & 0xfffff000;
}

static void set_high(uint8_t *p, int64_t v)
{
	put32(p, (get32(p) & 0xfff) | high20(v));
}

static void set_low_i(uint8_t *p, int64_t v)
{
	put32(p, (get32(p) & 0xfffff) | (uint32_t)v << 20);
}

static void set_low_s(uint8_t *p, int64_t v)
{
	uint32_t low = (uint32_t)v & 0xfff;

	put32(p, (get32(p) & 0x01fff07f) | low >> 5 << 25 | (low & 0x1f) << 7);
}

/* The distance that the AUIPC at the symbol's place has the high part of. */
static int64_t of_high(const struct fix *f)
{
	const char *name;
	Elf64_Sym s =
		link_symbol(f->e, (uint32_t)ELF64_R_SYM(f->r->r_info), &name);
	struct fix high = *f;
	Elf64_Rela r;

	/* It is in front, and mostly right there. */
	for (uint64_t k = f->k; k >= sizeof(r);) {
		k -= sizeof(r);
		memcpy(&r, f->relas->bytes + k, sizeof(r));
		if (r.r_offset != s.st_value ||
			ELF64_R_TYPE(r.r_info) != R_RISCV_PCREL_HI20)
			continue;
		high.r = &r;
		return relative(&high);
	}
	link_fail(f->l, "the code has half an address");
	return 0;
}

static void riscv(const struct fix *f)
{
	uint32_t to = 0;
	int64_t v;

	switch (ELF64_R_TYPE(f->r->r_info)) {
	case R_RISCV_CALL:
	case R_RISCV_CALL_PLT:
		v = relative(f);
		if (f->r->r_offset + 8 > f->s->h.sh_size) {
			unknown(f);
			break;
		}
		set_high(f->at, v);
		set_low_i(f->at + 4, v);
		break;
	case R_RISCV_PCREL_HI20:
		set_high(f->at, relative(f));
		break;
	case R_RISCV_PCREL_LO12_I:
		set_low_i(f->at, of_high(f));
		break;
	case R_RISCV_PCREL_LO12_S:
		set_low_s(f->at, of_high(f));
		break;
	case R_RISCV_32_PCREL:
		put32(f->at, relative(f));
		break;
	/* The two halves of a jump table's entry. */
	case R_RISCV_ADD32:
	case R_RISCV_SUB32:
		if (!link_target(f->l, f->e,
			    (uint32_t)ELF64_R_SYM(f->r->r_info), f->r->r_addend,
			    &to))
			break;
		put32(f->at,
			ELF64_R_TYPE(f->r->r_info) == R_RISCV_ADD32
				? get32(f->at) + to
				: get32(f->at) - to);
		break;
	default:
		unknown(f);
	}
}

/* ---- ppc64le ---- */

#define REACH (1 << 25) /* of a branch */

/* r2, from the body's start: any number that is the same for all of it. */
static uint32_t toc(const struct linker *l)
{
	return l->code_len + 0x8000;
}

static void set_half(uint8_t *p, uint32_t v)
{
	uint16_t h = (uint16_t)v;

	memcpy(p, &h, 2);
}

/* The instruction that has the halfword at p, which comes first in it. */
static void set_ds(const struct fix *f, uint32_t v)
{
	if ((v & 3) != 0)
		link_fail(f->l, "the code has an address that is not even");
	set_half(f->at, (v & 0xfffc) | (get32(f->at) & 3));
}

static bool is_toc(const struct fix *f)
{
	const char *name;
	Elf64_Sym s =
		link_symbol(f->e, (uint32_t)ELF64_R_SYM(f->r->r_info), &name);

	return s.st_shndx < f->e->section_count &&
		strcmp(f->e->sections[s.st_shndx].name, ".toc") == 0;
}

/* ld of an address from .toc: addi, which makes it. */
static void set_from_toc(const struct fix *f, uint32_t v)
{
	uint32_t insn = get32(f->at);

	if (insn >> 26 != 58 || (insn & 3) != 0) {
		link_fail(f->l, "the code has a TOC entry that is not loaded");
		return;
	}
	put32(f->at, UINT32_C(14) << 26 | (insn & 0x03ff0000) | (v & 0xffff));
}

static void branch(const struct fix *f)
{
	int64_t v = relative(f) +
		link_local_entry(f->l, f->e,
			(uint32_t)ELF64_R_SYM(f->r->r_info));

	if (v >= REACH || v < -REACH)
		link_fail(f->l, "too much native code: a call out of reach");
	put32(f->at, (get32(f->at) & 0xfc000003) | ((uint32_t)v & 0x03fffffc));
}

static void ppc(const struct fix *f)
{
	const char *name;
	uint32_t type = (uint32_t)ELF64_R_TYPE(f->r->r_info), v;
	uint32_t sym = (uint32_t)ELF64_R_SYM(f->r->r_info), to = 0;

	if (type == R_PPC64_REL24) {
		branch(f);
		return;
	}
	(void)link_symbol(f->e, sym, &name);
	if (strcmp(name, ".TOC.") == 0)
		to = toc(f->l) + (uint32_t)f->r->r_addend;
	else if (!link_target(f->l, f->e, sym, f->r->r_addend, &to))
		return;
	v = to - toc(f->l);
	switch (type) {
	case R_PPC64_REL16_HA:
		v = to - (f->s->at + (uint32_t)f->r->r_offset);
		set_half(f->at, (v + 0x8000) >> 16);
		break;
	case R_PPC64_REL16_LO:
		v = to - (f->s->at + (uint32_t)f->r->r_offset);
		set_half(f->at, v);
		break;
	case R_PPC64_REL32:
		put32(f->at, to - (f->s->at + (uint32_t)f->r->r_offset));
		break;
	case R_PPC64_TOC16_HA:
		set_half(f->at, (v + 0x8000) >> 16);
		break;
	case R_PPC64_TOC16_LO:
		set_half(f->at, v);
		break;
	case R_PPC64_TOC16_LO_DS:
		if (is_toc(f))
			set_from_toc(f, v);
		else
			set_ds(f, v);
		break;
	default:
		unknown(f);
	}
}

void relocate(struct linker *l, const struct elf *e,
	const struct section *relas, uint64_t k, const Elf64_Rela *r)
{
	const struct section *s = &e->sections[relas->h.sh_info];
	struct fix f = { .l = l,
		.e = e,
		.s = s,
		.relas = relas,
		.k = k,
		.r = r };

	if (r->r_offset > s->h.sh_size || s->h.sh_size - r->r_offset < 4) {
		link_fail(l, "a relocation is outside its section");
		return;
	}
	f.at = l->body + s->at + r->r_offset;
	switch (l->job->opt.isa) {
	case DJ_ISA_X86_64:
		x86(&f);
		break;
	case DJ_ISA_RISCV64:
		riscv(&f);
		break;
	case DJ_ISA_PPC64LE:
		ppc(&f);
		break;
	}
}
