// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <elf.h>

#include "client/aot/emit.h"

/* What link.c and reloc.c share. Places are bytes in the image's body. */
#define NOWHERE  UINT32_MAX
#define COLD_MAX 16

struct section {
	Elf64_Shdr h;
	const char *name;
	const uint8_t *bytes;
	uint32_t at; /* in the body; NOWHERE: not part of it */
};

struct elf {
	const uint8_t *p;
	size_t len;
	struct section *sections;
	uint32_t section_count;
	const uint8_t *syms;
	uint32_t sym_count;
	const char *names;
	size_t names_len;
	uint32_t text; /* the section that has the functions */
};

struct row {
	uint32_t at, offset;
};

/* Code that a later object has taken the place of. */
struct gone {
	uint32_t from, to;
};

struct linker {
	const struct job *job;
	struct elf *elves;
	size_t count;
	uint8_t *body;
	uint32_t code_len, rodata_len;
	uint32_t front, back; /* mend.h: room up to here, and from here on */
	/* NOWHERE: not seen yet; dispatches per type, entries two each */
	uint32_t *funcs, *entries, *dispatches;
	uint32_t cold[2][COLD_MAX]; /* ways to helpers, and traps */
	uint8_t *
		local; /* per function: ppc64le's local entry, from the other */
	uint32_t own;
	struct row *rows;
	size_t row_count, row_cap;
	struct gone *gones;
	size_t gone_count;
	bool failed;
	char *why;
	size_t cap;
};

__attribute__((format(printf, 2, 3))) void link_fail(struct linker *l,
	const char *fmt, ...);
Elf64_Sym link_symbol(const struct elf *e, uint32_t i, const char **ret_name);
/* Where a symbol is; false, and failed, if it is not part of the image. */
bool link_target(struct linker *l, const struct elf *e, uint32_t sym,
	int64_t addend, uint32_t *ret);
/* ppc64le: bytes from a function's entry to its local one. */
uint32_t link_local_entry(struct linker *l, const struct elf *e, uint32_t sym);

/* ---- reloc.c ---- */
/* Does the relocation r, which is at byte k of the section relas of e. */
void relocate(struct linker *l, const struct elf *e,
	const struct section *relas, uint64_t k, const Elf64_Rela *r);
