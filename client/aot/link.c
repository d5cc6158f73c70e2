// SPDX-License-Identifier: Apache-2.0
#include "client/aot/link.h"
#include "client/aot/mend.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/crypto/sha256.h"

/*
 * From relocatable objects to one flat image: sections are laid out, what is
 * relative to the code itself is resolved, and nothing else may be left. The
 * objects are LLVM's and not a stranger's; what is out of shape is an error
 * all the same.
 */

/* Room for mend.h: some ten times what was ever needed, half in front. */
#define ROOM_FRONT(code) ((code) / 4096)
#define ROOM_BACK(code)  (512 + (code) / 4096)

void link_fail(struct linker *l, const char *fmt, ...)
{
	va_list ap;

	if (l->failed)
		return;
	l->failed = true;
	va_start(ap, fmt);
	vsnprintf(l->why, l->cap, fmt, ap);
	va_end(ap);
}

/* ---- objects ---- */

static bool inside(const struct elf *e, uint64_t off, uint64_t len)
{
	return off <= e->len && len <= e->len - off;
}

static void read_sections(struct linker *l, struct elf *e)
{
	Elf64_Ehdr h;

	if (e->len < sizeof(h)) {
		link_fail(l, "an object is cut off");
		return;
	}
	memcpy(&h, e->p, sizeof(h));
	if (memcmp(h.e_ident, ELFMAG, SELFMAG) != 0 ||
		!inside(e, h.e_shoff,
			(uint64_t)h.e_shnum * sizeof(Elf64_Shdr)) ||
		h.e_shstrndx >= h.e_shnum) {
		link_fail(l, "an object is not ELF");
		return;
	}
	e->sections = calloc(h.e_shnum, sizeof(*e->sections));
	if (e->sections == NULL)
		abort();
	e->section_count = h.e_shnum;
	for (uint32_t i = 0; i < h.e_shnum; i++) {
		struct section *s = &e->sections[i];

		memcpy(&s->h, e->p + h.e_shoff + i * sizeof(s->h),
			sizeof(s->h));
		s->at = NOWHERE;
		if (s->h.sh_type != SHT_NOBITS &&
			!inside(e, s->h.sh_offset, s->h.sh_size))
			link_fail(l, "an object's section is cut off");
		else
			s->bytes = e->p + s->h.sh_offset;
	}
	for (uint32_t i = 0; i < h.e_shnum && !l->failed; i++) {
		const struct section *names = &e->sections[h.e_shstrndx];

		if (e->sections[i].h.sh_name >= names->h.sh_size)
			link_fail(l, "an object's section has no name");
		else
			e->sections[i].name = (const char *)names->bytes +
				e->sections[i].h.sh_name;
	}
}

static void read_symbols(struct linker *l, struct elf *e)
{
	for (uint32_t i = 0; i < e->section_count && !l->failed; i++) {
		const Elf64_Shdr *h = &e->sections[i].h;

		if (h->sh_type != SHT_SYMTAB)
			continue;
		if (h->sh_link >= e->section_count) {
			link_fail(l, "an object's symbols have no names");
			return;
		}
		e->syms = e->sections[i].bytes;
		e->sym_count = (uint32_t)(h->sh_size / sizeof(Elf64_Sym));
		e->names = (const char *)e->sections[h->sh_link].bytes;
		e->names_len = e->sections[h->sh_link].h.sh_size;
	}
}

Elf64_Sym link_symbol(const struct elf *e, uint32_t i, const char **ret_name)
{
	Elf64_Sym s = { 0 };

	*ret_name = "";
	if (i >= e->sym_count)
		return s;
	memcpy(&s, e->syms + i * sizeof(s), sizeof(s));
	if (s.st_name < e->names_len)
		*ret_name = e->names + s.st_name;
	return s;
}

static bool is_code(const Elf64_Shdr *h)
{
	return h->sh_type == SHT_PROGBITS && (h->sh_flags & SHF_EXECINSTR) != 0;
}

static bool is_rodata(const Elf64_Shdr *h)
{
	return h->sh_type == SHT_PROGBITS && (h->sh_flags & SHF_ALLOC) != 0 &&
		(h->sh_flags & (SHF_EXECINSTR | SHF_WRITE)) == 0;
}

static uint64_t place(struct linker *l, struct section *s, uint64_t at)
{
	uint64_t align = s->h.sh_addralign < 16 ? 16 : s->h.sh_addralign;

	at = (at + align - 1) & ~(align - 1);
	if (s->h.sh_size > DJ_NATIVE_MAX_CODE ||
		at + s->h.sh_size > DJ_NATIVE_MAX_CODE) {
		link_fail(l, "too much native code");
		return 0;
	}
	s->at = (uint32_t)at;
	return at + s->h.sh_size;
}

static uint64_t code_size(const struct linker *l)
{
	uint64_t n = 0;

	for (size_t i = 0; i < l->count; i++)
		for (uint32_t k = 0; k < l->elves[i].section_count; k++)
			if (is_code(&l->elves[i].sections[k].h))
				n += l->elves[i].sections[k].h.sh_size;
	return n;
}

static void lay_out(struct linker *l)
{
	bool has_rooms = l->job->opt.isa == DJ_ISA_X86_64;
	uint64_t size = code_size(l), at, start;

	at = has_rooms ? ROOM_FRONT(size) + l->job->opt.spare_front : 0;
	if (at > DJ_NATIVE_MAX_CODE) {
		link_fail(l, "too much native code");
		return;
	}
	l->front = (uint32_t)at;
	for (size_t i = 0; i < l->count; i++)
		for (uint32_t k = 0; k < l->elves[i].section_count; k++) {
			struct section *s = &l->elves[i].sections[k];

			if (!is_code(&s->h) || s->h.sh_size == 0)
				continue;
			at = place(l, s, at);
			if (strcmp(s->name, ".text") == 0)
				l->elves[i].text = k;
		}
	l->back = (uint32_t)at;
	if (has_rooms)
		at += ROOM_BACK(size) + l->job->opt.spare_back;
	at = (at + DJ_NATIVE_PAGE - 1) & ~(uint64_t)(DJ_NATIVE_PAGE - 1);
	l->code_len = (uint32_t)at;
	start = at;
	if (dj_native_has_place(l->job->opt.isa, l->job->opt.bounds))
		at += DJ_NATIVE_CONTEXT(
			l->job->m->global_count - l->job->m->imported_globals);
	for (size_t i = 0; i < l->count; i++)
		for (uint32_t k = 0; k < l->elves[i].section_count; k++) {
			struct section *s = &l->elves[i].sections[k];

			if (s->h.sh_size == 0 || is_code(&s->h))
				continue;
			if (is_rodata(&s->h))
				at = place(l, s, at);
			else if ((s->h.sh_flags & SHF_ALLOC) != 0 &&
				strcmp(s->name, ".toc") != 0)
				link_fail(l, "the code has a section %s",
					s->name);
		}
	l->rodata_len = (uint32_t)(at - start);
}

static void copy_sections(struct linker *l)
{
	l->body = malloc((size_t)l->code_len + l->rodata_len + 1);
	if (l->body == NULL) {
		link_fail(l, "out of memory");
		return;
	}
	memset(l->body, l->job->machine->fill, l->code_len);
	memset(l->body + l->code_len, 0, l->rodata_len);
	for (size_t i = 0; i < l->count; i++)
		for (uint32_t k = 0; k < l->elves[i].section_count; k++) {
			const struct section *s = &l->elves[i].sections[k];

			if (s->at != NOWHERE)
				memcpy(l->body + s->at, s->bytes, s->h.sh_size);
		}
}

/* ---- symbols ---- */

/* Where a name of ours is kept: f7, e7, l7, d7, h7, t7, o0; NULL: not ours. */
static uint32_t *slot_of(struct linker *l, const char *name)
{
	char *end;
	unsigned long i;

	if (strchr("feldhto", name[0]) == NULL || name[0] == '\0' ||
		name[1] < '0' || name[1] > '9')
		return NULL;
	i = strtoul(name + 1, &end, 10);
	if (*end != '\0')
		return NULL;
	if (name[0] == 'f') {
		i -= l->job->m->imported_funcs;
		return i < l->own ? &l->funcs[i] : NULL;
	}
	if (name[0] == 'o')
		return &l->code_len;
	if (name[0] == 'h' || name[0] == 't')
		return i < COLD_MAX ? &l->cold[name[0] == 't'][i] : NULL;
	if (i >= l->job->m->types.count)
		return NULL;
	if (name[0] == 'd')
		return &l->dispatches[i];
	return &l->entries[2 * i + (name[0] == 'l')];
}

static void bury(struct linker *l, uint32_t from, uint32_t to)
{
	l->gones = reallocarray(l->gones, l->gone_count + 1, sizeof(*l->gones));
	if (l->gones == NULL)
		abort();
	l->gones[l->gone_count++] = (struct gone){ from, to };
}

/* ppc64le: how far behind the entry the one for calls of the same TOC is. */
static uint8_t local_of(uint8_t other)
{
	return (uint8_t)(((1u << (other >> 5)) >> 2) << 2);
}

/* Sizes of what was defined before are in `sizes`, by the same place. */
static void define_symbols(struct linker *l, struct elf *e, uint32_t *sizes)
{
	for (uint32_t i = 0; i < e->sym_count && !l->failed; i++) {
		const char *name;
		Elf64_Sym s = link_symbol(e, i, &name);
		uint32_t *slot = slot_of(l, name);

		if (slot == NULL || s.st_shndx == SHN_UNDEF ||
			s.st_shndx >= e->section_count ||
			e->sections[s.st_shndx].at == NOWHERE)
			continue;
		if (name[0] == 'f') {
			uint32_t *size = &sizes[slot - l->funcs];

			if (*slot != NOWHERE)
				bury(l, *slot - DJ_NATIVE_MARK, *slot + *size);
			*size = (uint32_t)s.st_size;
			if (l->job->opt.isa == DJ_ISA_PPC64LE)
				l->local[slot - l->funcs] =
					local_of(s.st_other);
		}
		*slot = e->sections[s.st_shndx].at + (uint32_t)s.st_value;
	}
}

static void all_defined(struct linker *l)
{
	for (uint32_t i = 0; i < l->own; i++)
		if (l->funcs[i] == NOWHERE || l->funcs[i] < DJ_NATIVE_MARK)
			link_fail(l, "function %u has no code",
				l->job->m->imported_funcs + i);
	for (uint32_t i = 0; i < 2 * l->job->m->types.count; i++)
		if (l->entries[i] < DJ_NATIVE_MARK ||
			(l->entries[i] == NOWHERE &&
				(l->job->ways[i / 2] &
					(i % 2 == 0 ? WAY_ENTER : WAY_LEAVE)) !=
					0))
			link_fail(l, "type %u has no entry", i / 2);
}

/* ---- relocations ---- */

/*
 * An entry of ppc64le's .toc is the address of something in the image, known
 * relative to the TOC pointer too: reloc.c goes there directly.
 */
static bool toc_entry(struct linker *l, const struct elf *e, uint32_t section,
	uint64_t at, uint32_t *ret)
{
	for (uint32_t i = 0; i < e->section_count; i++) {
		const struct section *s = &e->sections[i];
		Elf64_Rela r;

		if (s->h.sh_type != SHT_RELA || s->h.sh_info != section)
			continue;
		for (uint64_t k = 0; k + sizeof(r) <= s->h.sh_size;
			k += sizeof(r)) {
			memcpy(&r, s->bytes + k, sizeof(r));
			if (r.r_offset == at)
				return link_target(l, e,
					(uint32_t)ELF64_R_SYM(r.r_info),
					r.r_addend, ret);
		}
	}
	link_fail(l, "the code has a TOC entry without an address");
	return false;
}

bool link_target(struct linker *l, const struct elf *e, uint32_t sym,
	int64_t addend, uint32_t *ret)
{
	const char *name;
	Elf64_Sym s = link_symbol(e, sym, &name);
	uint32_t *slot = slot_of(l, name);

	if (slot != NULL && *slot != NOWHERE) {
		*ret = *slot + (uint32_t)addend;
		return true;
	}
	if (s.st_shndx != SHN_UNDEF && s.st_shndx < e->section_count) {
		const struct section *in = &e->sections[s.st_shndx];

		if (in->at != NOWHERE) {
			*ret = in->at + (uint32_t)s.st_value + (uint32_t)addend;
			return true;
		}
		if (strcmp(in->name, ".toc") == 0)
			return toc_entry(l, e, s.st_shndx,
				s.st_value + (uint64_t)addend, ret);
	}
	link_fail(l, "the code needs the symbol %.60s", name);
	return false;
}

uint32_t link_local_entry(struct linker *l, const struct elf *e, uint32_t sym)
{
	const char *name;
	Elf64_Sym s = link_symbol(e, sym, &name);
	const uint32_t *slot = slot_of(l, name);

	if (slot != NULL && name[0] == 'f')
		return l->local[slot - l->funcs];
	return local_of(s.st_other);
}

static void relocate_all(struct linker *l, const struct elf *e)
{
	for (uint32_t i = 0; i < e->section_count && !l->failed; i++) {
		const struct section *s = &e->sections[i];
		Elf64_Rela r;

		if (s->h.sh_type != SHT_RELA ||
			s->h.sh_info >= e->section_count ||
			e->sections[s->h.sh_info].at == NOWHERE)
			continue;
		for (uint64_t k = 0; k + sizeof(r) <= s->h.sh_size;
			k += sizeof(r)) {
			memcpy(&r, s->bytes + k, sizeof(r));
			relocate(l, e, s, k, &r);
		}
	}
}

/* ---- lines, which are offsets in the module ---- */

struct lines {
	const uint8_t *p, *end, *start;
	const uint8_t *relas;
	uint64_t relas_len, rela_at;
	bool is_riscv, failed;
};

static uint64_t get(struct lines *d, unsigned n)
{
	uint64_t v = 0;

	if ((size_t)(d->end - d->p) < n) {
		d->failed = true;
		return 0;
	}
	for (unsigned i = 0; i < n; i++)
		v |= (uint64_t)*d->p++ << (8 * i);
	return v;
}

static uint64_t uleb(struct lines *d)
{
	uint64_t v = 0;

	for (unsigned shift = 0; !d->failed; shift += 7) {
		uint64_t b = get(d, 1);

		if (shift < 64)
			v |= (b & 0x7f) << shift;
		if (b < 0x80)
			break;
	}
	return v;
}

static int64_t sleb(struct lines *d)
{
	uint64_t v = 0, b = 0;
	unsigned shift = 0;

	do {
		b = get(d, 1);
		if (shift < 64)
			v |= (b & 0x7f) << shift;
		shift += 7;
	} while (b >= 0x80 && !d->failed);
	if (shift < 64 && (b & 0x40) != 0)
		v |= ~(uint64_t)0 << shift;
	return (int64_t)v;
}

/*
 * What relocations add to what stands at d->p: a section's offset; on riscv64,
 * where an assembler leaves it to linkers how long code is, a distance too.
 * They are in order, as the program is.
 */
static uint64_t relocated(const struct elf *e, struct lines *d)
{
	uint64_t at = (uint64_t)(d->p - d->start), v = 0, is;
	const char *name;
	Elf64_Rela r;

	for (; d->rela_at + sizeof(r) <= d->relas_len;
		d->rela_at += sizeof(r)) {
		memcpy(&r, d->relas + d->rela_at, sizeof(r));
		if (r.r_offset > at)
			break;
		if (r.r_offset < at)
			continue;
		is = (uint64_t)r.r_addend +
			link_symbol(e, (uint32_t)ELF64_R_SYM(r.r_info), &name)
				.st_value;
		v += d->is_riscv && ELF64_R_TYPE(r.r_info) == R_RISCV_SUB16
			? 0 - is
			: is;
	}
	return v;
}

static int by_from(const void *a, const void *b)
{
	const struct gone *x = a, *y = b;

	return x->from < y->from ? -1 : x->from > y->from;
}

static int inside_gone(const void *at, const void *gone)
{
	const uint32_t *x = at;
	const struct gone *g = gone;

	return *x < g->from ? -1 : *x >= g->to;
}

static bool is_gone(const struct linker *l, uint32_t at)
{
	return l->gone_count != 0 &&
		bsearch(&at, l->gones, l->gone_count, sizeof(*l->gones),
			inside_gone) != NULL;
}

static void add_row(struct linker *l, uint32_t at, uint32_t line)
{
	if (line == 0 || is_gone(l, at))
		return;
	if (l->row_count == l->row_cap) {
		l->row_cap = l->row_cap == 0 ? 4096 : l->row_cap * 2;
		l->rows = reallocarray(l->rows, l->row_cap, sizeof(*l->rows));
		if (l->rows == NULL)
			abort();
	}
	l->rows[l->row_count++] = (struct row){ at, line };
}

struct line_head {
	uint8_t min_insn, range, opcode_base;
	int8_t base;
	uint8_t lengths[256];
};

static void run_lines(struct linker *l, const struct elf *e, struct lines *d,
	const struct line_head *h)
{
	uint32_t text = e->sections[e->text].at;
	uint64_t at = 0, len;
	int64_t line = 1;

	while (d->p < d->end && !d->failed) {
		unsigned op = (unsigned)get(d, 1);
		const uint8_t *next;

		if (op >= h->opcode_base) {
			op -= h->opcode_base;
			at += (uint64_t)(op / h->range) * h->min_insn;
			line += h->base + (int)(op % h->range);
			add_row(l, text + (uint32_t)at, (uint32_t)line);
			continue;
		}
		switch (op) {
		case 0:
			len = uleb(d);
			if (d->failed || len == 0 ||
				len > (uint64_t)(d->end - d->p)) {
				d->failed = true;
				break;
			}
			next = d->p + len;
			op = (unsigned)get(d, 1);
			if (op == 1) {
				at = 0;
				line = 1;
			} else if (op == 2) {
				at = relocated(e, d);
			}
			d->p = next;
			break;
		case 1:
			add_row(l, text + (uint32_t)at, (uint32_t)line);
			break;
		case 2:
			at += uleb(d) * h->min_insn;
			break;
		case 3:
			line += sleb(d);
			break;
		case 8:
			at += (uint64_t)((255 - h->opcode_base) / h->range) *
				h->min_insn;
			break;
		case 9:
			len = relocated(e, d);
			at += (len + get(d, 2)) & 0xffff;
			break;
		default:
			for (unsigned i = 0; i < h->lengths[op]; i++)
				(void)uleb(d);
			break;
		}
	}
}

static void read_lines(struct linker *l, const struct elf *e)
{
	struct lines d = { .is_riscv = l->job->opt.isa == DJ_ISA_RISCV64 };
	struct line_head h = { 0 };
	uint64_t len;
	const uint8_t *program;

	for (uint32_t i = 0; i < e->section_count; i++) {
		const struct section *s = &e->sections[i];

		if (strcmp(s->name, ".debug_line") == 0) {
			d.start = d.p = s->bytes;
			d.end = d.p + s->h.sh_size;
		} else if (strcmp(s->name, ".rela.debug_line") == 0) {
			d.relas = s->bytes;
			d.relas_len = s->h.sh_size;
		}
	}
	if (d.p == NULL || d.p == d.end)
		return;
	(void)get(&d, 4);
	if (get(&d, 2) != 4) {
		link_fail(l, "line numbers of another version");
		return;
	}
	len = get(&d, 4);
	program = d.p + len;
	h.min_insn = (uint8_t)get(&d, 1);
	(void)get(&d, 2);
	h.base = (int8_t)get(&d, 1);
	h.range = (uint8_t)get(&d, 1);
	h.opcode_base = (uint8_t)get(&d, 1);
	for (unsigned i = 1; i < h.opcode_base; i++)
		h.lengths[i] = (uint8_t)get(&d, 1);
	if (d.failed || h.range == 0 || len > (uint64_t)(d.end - d.start)) {
		link_fail(l, "line numbers are malformed");
		return;
	}
	d.p = program;
	run_lines(l, e, &d, &h);
	if (d.failed)
		link_fail(l, "line numbers are cut off");
}

static int by_address(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return 0;
}

static size_t leb(uint8_t *p, uint32_t v)
{
	size_t n = 0;

	while (v >= 0x80) {
		p[n++] = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	p[n++] = (uint8_t)v;
	return n;
}

/* The latest row of an address is the one that holds. */
static uint8_t *make_sites(struct linker *l, uint32_t *ret_len)
{
	uint8_t *p = malloc(l->row_count * 10 + 1);
	uint32_t at = 0, offset = 0;
	size_t n = 0;

	if (p == NULL)
		abort();
	if (l->row_count != 0)
		qsort(l->rows, l->row_count, sizeof(*l->rows), by_address);
	for (size_t i = 0; i < l->row_count; i++) {
		const struct row *r = &l->rows[i];
		int32_t step = (int32_t)(r->offset - offset);

		if (step == 0 || (i + 1 < l->row_count && r[1].at == r->at))
			continue;
		n += leb(p + n, r->at - at);
		n += leb(p + n, (uint32_t)step << 1 ^ (uint32_t)(step >> 31));
		at = r->at;
		offset = r->offset;
	}
	*ret_len = (uint32_t)n;
	return p;
}

/* ---- the image ---- */

static uint32_t owner_of(const struct linker *l, uint32_t at)
{
	uint32_t owner = l->own, best = 0;

	for (uint32_t i = 0; i < l->own; i++)
		if (l->funcs[i] <= at && l->funcs[i] >= best) {
			owner = i;
			best = l->funcs[i];
		}
	return owner;
}

/* Where the code begins that is at `at`, in an object; NOWHERE: in none. */
static uint32_t begin_in(const struct elf *e, uint32_t at)
{
	for (uint32_t i = 0; i < e->sym_count; i++) {
		const char *name;
		Elf64_Sym s = link_symbol(e, i, &name);
		uint64_t from;

		if (ELF64_ST_TYPE(s.st_info) != STT_FUNC ||
			s.st_shndx >= e->section_count ||
			e->sections[s.st_shndx].at == NOWHERE)
			continue;
		from = e->sections[s.st_shndx].at + s.st_value;
		if (at >= from && at - from < s.st_size)
			return (uint32_t)from;
	}
	return NOWHERE;
}

/* Instructions are read from here on. Entries are in the first object. */
static uint32_t begin_of(const struct linker *l, uint32_t at, uint32_t owner)
{
	return owner < l->own ? l->funcs[owner] : begin_in(&l->elves[0], at);
}

/* Marks are not there yet, so what looks like one is not. */
static bool find_like_marks(const struct linker *l, uint8_t *bad)
{
	bool any = false;

	for (size_t at = 0; at + DJ_NATIVE_MARK <= l->code_len; at++)
		if (dj_native_like_mark(l->body + at)) {
			bad[owner_of(l, (uint32_t)at)] = 1;
			any = true;
		}
	return any;
}

static bool find_forbidden(const struct linker *l, uint8_t *bad)
{
	struct mend m = { l->body, l->code_len,
		{ { l->back, l->code_len }, { 0, l->front } } };
	size_t at = 0;
	bool any = false;
	uint32_t owner, from;

	for (;;) {
		size_t k = dj_native_forbidden(l->job->opt.isa, l->body + at,
			l->code_len - at);

		if (k == SIZE_MAX)
			break;
		at += k;
		owner = owner_of(l, (uint32_t)at);
		from = begin_of(l, (uint32_t)at, owner);
		if (l->job->opt.isa != DJ_ISA_X86_64 || from == NOWHERE ||
			!mend_forbidden(&m, from, (uint32_t)at)) {
			bad[owner] = 1;
			any = true;
		}
		at++;
	}
	return find_like_marks(l, bad) || any;
}

static void be32(uint8_t *p, const uint32_t *v, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++, p += 4) {
		p[0] = (uint8_t)(v[i] >> 24);
		p[1] = (uint8_t)(v[i] >> 16);
		p[2] = (uint8_t)(v[i] >> 8);
		p[3] = (uint8_t)v[i];
	}
}

/* There is room in front of each entry: add_mark(). */
static void put_marks(struct linker *l, const struct dj_native *n)
{
	uint32_t sum = dj_native_sum(n);

	for (uint32_t i = 0; i < l->own; i++)
		dj_native_mark(sum, DJ_NATIVE_FUNC, i,
			l->body + l->funcs[i] - DJ_NATIVE_MARK);
	for (uint32_t i = 0; i < 2 * n->type_count; i++)
		if (l->entries[i] != 0)
			dj_native_mark(sum,
				i % 2 == 0 ? DJ_NATIVE_ENTER : DJ_NATIVE_LEAVE,
				i / 2,
				l->body + l->entries[i] - DJ_NATIVE_MARK);
}

static uint8_t flags_of(const struct job *job)
{
	uint8_t tails = job->cc != job->machine->cc ? DJ_NATIVE_TAILS : 0;

	return job->throws ? DJ_NATIVE_THROWS | tails : tails;
}

static dj_status write_image(struct linker *l, uint8_t **ret, size_t *ret_len)
{
	uint32_t types = l->job->m->types.count;
	uint8_t *funcs = malloc((size_t)l->own * 4 + 1);
	uint8_t *entries = malloc((size_t)types * 8 + 1), *sites, *p;
	struct dj_native n = {
		.isa = l->job->opt.isa,
		.bounds = l->job->opt.bounds,
		.cpu_level = l->job->opt.cpu_level,
		.flags = flags_of(l->job),
		.func_count = l->own,
		.type_count = types,
		.code_len = l->code_len,
		.rodata_len = l->rodata_len,
		.body = l->body,
	};
	dj_status st = DJ_E_NOMEM;

	if (funcs == NULL || entries == NULL)
		abort();
	be32(funcs, l->funcs, l->own);
	for (uint32_t i = 0; i < 2 * types; i++)
		if (l->entries[i] == NOWHERE)
			l->entries[i] = 0;
	be32(entries, l->entries, 2 * types);
	sites = make_sites(l, &n.sites_len);
	n.funcs = funcs;
	n.types = entries;
	n.sites = sites;
	dj_sha256(l->job->m->bytes, l->job->m->len, n.module);
	put_marks(l, &n);
	*ret_len = dj_native_size(&n);
	p = malloc(*ret_len);
	if (p != NULL)
		st = dj_native_write(&n, p, *ret_len);
	if (st == DJ_OK)
		*ret = p;
	free(funcs);
	free(entries);
	free(sites);
	return st;
}

static void link_all(struct linker *l, const struct object *objects)
{
	uint32_t *sizes = calloc((size_t)l->own + 1, sizeof(*sizes));
	uint32_t types = l->job->m->types.count;

	l->funcs = malloc(((size_t)l->own + 1) * 4);
	l->local = calloc((size_t)l->own + 1, 1);
	l->entries = malloc(((size_t)types + 1) * 8);
	l->dispatches = malloc(((size_t)types + 1) * 4);
	if (sizes == NULL || l->funcs == NULL || l->local == NULL ||
		l->entries == NULL || l->dispatches == NULL)
		abort();
	memset(l->funcs, 0xff, ((size_t)l->own + 1) * 4);
	memset(l->entries, 0xff, ((size_t)types + 1) * 8);
	memset(l->dispatches, 0xff, ((size_t)types + 1) * 4);
	memset(l->cold, 0xff, sizeof(l->cold));
	for (size_t i = 0; i < l->count && !l->failed; i++) {
		l->elves[i].p = objects[i].bytes;
		l->elves[i].len = objects[i].len;
		read_sections(l, &l->elves[i]);
		if (!l->failed)
			read_symbols(l, &l->elves[i]);
	}
	if (!l->failed)
		lay_out(l);
	if (!l->failed)
		copy_sections(l);
	for (size_t i = 0; i < l->count && !l->failed; i++)
		define_symbols(l, &l->elves[i], sizes);
	if (l->gone_count != 0)
		qsort(l->gones, l->gone_count, sizeof(*l->gones), by_from);
	if (!l->failed)
		all_defined(l);
	for (size_t i = 0; i < l->count && !l->failed; i++)
		relocate_all(l, &l->elves[i]);
	for (size_t i = 0; i < l->count && !l->failed; i++)
		read_lines(l, &l->elves[i]);
	for (size_t i = 0; i < l->gone_count && !l->failed; i++)
		memset(l->body + l->gones[i].from, l->job->machine->fill,
			l->gones[i].to - l->gones[i].from);
	free(sizes);
}

dj_status link_objects(const struct job *job, const struct object *objects,
	size_t n, uint8_t **ret, size_t *ret_len, uint8_t *bad, char *why,
	size_t cap)
{
	struct linker l = {
		.job = job,
		.count = n,
		.own = job->m->func_count - job->m->imported_funcs,
		.why = why,
		.cap = cap,
	};
	dj_status st = DJ_E_SYS;

	l.elves = calloc(n + 1, sizeof(*l.elves));
	if (l.elves == NULL)
		return DJ_E_NOMEM;
	link_all(&l, objects);
	if (!l.failed && find_forbidden(&l, bad))
		st = DJ_E_STATE;
	else if (!l.failed)
		st = write_image(&l, ret, ret_len);
	for (size_t i = 0; i < n; i++)
		free(l.elves[i].sections);
	free(l.elves);
	free(l.body);
	free(l.funcs);
	free(l.local);
	free(l.entries);
	free(l.dispatches);
	free(l.rows);
	free(l.gones);
	return st;
}
