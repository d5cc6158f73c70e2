// SPDX-License-Identifier: Apache-2.0
#include "lib/wasm/opcode.h"

/*
 * Sections in their order; each part is validated when it is read, because
 * it refers only to what stands before it. A count allocates nothing until
 * the bytes that are left could hold that many.
 */
struct decoder {
	struct dj_wasm_rd r;
	struct dj_wasm_module *m;
	struct dj_arena *arena;
	struct dj_wasm_validator *v;
	struct dj_wasm_custom_section **last_custom;
	bool has_code;
};

enum section {
	SECTION_CUSTOM = 0,
	SECTION_TYPE = 1,
	SECTION_IMPORT = 2,
	SECTION_FUNCTION = 3,
	SECTION_TABLE = 4,
	SECTION_MEMORY = 5,
	SECTION_GLOBAL = 6,
	SECTION_EXPORT = 7,
	SECTION_START = 8,
	SECTION_ELEMENT = 9,
	SECTION_CODE = 10,
	SECTION_DATA = 11,
	SECTION_DATA_COUNT = 12,
	SECTION_TAG = 13,
	SECTIONS = 14,
};

static bool failed(const struct decoder *d)
{
	return d->r.st != DJ_OK;
}

/* n elements, or NULL and a failure; never called for hostile n. */
static void *alloc(struct decoder *d, size_t n, size_t size)
{
	void *p = failed(d) ? NULL : dj_arena_array(d->arena, n, size, 8);

	if (p == NULL)
		dj_wasm_rd_refuse(&d->r, DJ_E_NOMEM, "out of memory");
	return p;
}

static const uint32_t *read_types(struct decoder *d, uint32_t *ret_count)
{
	uint32_t n = dj_wasm_rd_count(&d->r, 1), *types;

	if (n > DJ_WASM_MAX_ARITY)
		dj_wasm_rd_refuse(&d->r, DJ_E_LIMIT,
			"too many parameters or results");
	types = alloc(d, n, sizeof(*types));
	for (uint32_t i = 0; i < n && !failed(d); i++)
		types[i] = dj_wasm_rd_valtype(&d->r, d->m);
	*ret_count = n;
	return types;
}

static struct dj_wasm_field read_field(struct decoder *d)
{
	struct dj_wasm_field f = { 0 };
	uint8_t mut;

	if (d->r.p != d->r.end &&
		(*d->r.p == DJ_WASM_I8 || *d->r.p == DJ_WASM_I16))
		f.type = *d->r.p++;
	else
		f.type = dj_wasm_rd_valtype(&d->r, d->m);
	mut = dj_wasm_rd_u8(&d->r);
	if (mut > 1)
		dj_wasm_rd_malformed(&d->r, "malformed mutability");
	f.is_mutable = mut == 1;
	return f;
}

static void read_fields(struct decoder *d, struct dj_wasm_type *t, uint32_t n)
{
	struct dj_wasm_field *fields;

	if (n > DJ_WASM_MAX_FIELDS)
		dj_wasm_rd_refuse(&d->r, DJ_E_LIMIT, "too many fields");
	fields = alloc(d, n, sizeof(*fields));
	for (uint32_t i = 0; i < n && !failed(d); i++)
		fields[i] = read_field(d);
	t->fields = fields;
	t->field_count = n;
}

static void read_composite(struct decoder *d, struct dj_wasm_type *t,
	uint8_t form)
{
	if (form == DJ_WASM_FORM_STRUCT || form == DJ_WASM_FORM_ARRAY)
		(void)dj_wasm_rd_needs(&d->r, DJ_WASM_F_GC,
			"malformed form of type");
	else if (form != DJ_WASM_FORM_FUNC)
		dj_wasm_rd_malformed(&d->r, "integer representation too long");
	if (failed(d))
		return;
	t->form = (enum dj_wasm_form)form;
	if (form == DJ_WASM_FORM_STRUCT)
		read_fields(d, t, dj_wasm_rd_count(&d->r, 2));
	if (form == DJ_WASM_FORM_ARRAY)
		read_fields(d, t, 1);
	if (form != DJ_WASM_FORM_FUNC)
		return;
	t->func.params = read_types(d, &t->func.param_count);
	t->func.results = read_types(d, &t->func.result_count);
	if (t->func.result_count > 1 &&
		!dj_wasm_rd_knows(&d->r, DJ_WASM_F_MULTI_VALUE))
		dj_wasm_rd_invalid(&d->r, "invalid result arity");
}

/* 0x50, 0x4f: what may have subtypes, or may not, and its supertype. */
static void read_subtype(struct decoder *d, struct dj_wasm_type *t,
	uint32_t index)
{
	uint8_t form = dj_wasm_rd_u8(&d->r);
	uint32_t n, super;

	t->is_final = form != 0x50;
	if (form == 0x50 || form == 0x4f) {
		if (!dj_wasm_rd_needs(&d->r, DJ_WASM_F_GC,
			    "malformed form of type"))
			return;
		n = dj_wasm_rd_u32(&d->r);
		if (n > 1)
			dj_wasm_rd_invalid(&d->r, "sub type");
		super = n == 0 ? 0 : dj_wasm_rd_u32(&d->r);
		if (n != 0 && super >= index)
			dj_wasm_rd_invalid(&d->r, "unknown type");
		else if (n != 0 && !failed(d))
			t->super = d->m->type_ids[super];
		form = dj_wasm_rd_u8(&d->r);
	}
	read_composite(d, t, form);
}

static void check_super(struct decoder *d, uint32_t id)
{
	struct dj_wasm_types *types = &d->m->types;
	struct dj_wasm_type *t = &types->all[id];

	if (t->super == DJ_WASM_NO_TYPE)
		return;
	t->depth = types->all[t->super].depth + 1;
	if (types->all[t->super].is_final ||
		!dj_wasm_type_fits_super(types, id))
		dj_wasm_rd_invalid(&d->r, "sub type");
	else if (t->depth > DJ_WASM_MAX_DEPTH)
		dj_wasm_rd_refuse(&d->r, DJ_E_LIMIT, "too many supertypes");
}

/* Numbers for the n types that come: those they have if they are new. */
static void number_types(struct decoder *d, uint32_t n)
{
	struct dj_wasm_module *m = d->m;
	uint64_t want = (uint64_t)m->type_count + n;
	uint64_t cap = m->type_cap < 16 ? 16 : m->type_cap;
	uint32_t *ids;

	if (want > DJ_WASM_MAX_TYPES) {
		dj_wasm_rd_refuse(&d->r, DJ_E_LIMIT, "too many types");
		return;
	}
	while (cap < want)
		cap *= 2;
	if (cap != m->type_cap) {
		ids = alloc(d, cap, sizeof(*ids));
		if (ids == NULL)
			return;
		if (m->type_count != 0)
			memcpy(ids, m->type_ids, m->type_count * sizeof(*ids));
		m->type_ids = ids;
		m->type_cap = (uint32_t)cap;
	}
	for (uint32_t i = 0; i < n; i++)
		m->type_ids[m->type_count + i] = m->types.count + i;
	m->type_count += n;
}

/*
 * A group of types that may refer to each other. One that is there already
 * has been judged, and its own numbers, which no other type has seen, go.
 */
static void read_group(struct decoder *d, uint32_t n)
{
	struct dj_wasm_module *m = d->m;
	uint32_t at = m->type_count, first;
	struct dj_wasm_type *t;
	bool is_new;
	dj_status st;

	number_types(d, n);
	t = failed(d) ? NULL : dj_wasm_types_open(&m->types, n);
	if (t == NULL) {
		dj_wasm_rd_refuse(&d->r, DJ_E_NOMEM, "out of memory");
		return;
	}
	for (uint32_t i = 0; i < n && !failed(d); i++)
		read_subtype(d, &t[i], at + i);
	if (failed(d))
		return;
	st = dj_wasm_types_close(&m->types, n, &first, &is_new);
	if (st != DJ_OK) {
		dj_wasm_rd_refuse(&d->r, st,
			st == DJ_E_LIMIT ? "too many types with one hash"
					 : "out of memory");
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		m->type_ids[at + i] = first + i;
	for (uint32_t i = 0; is_new && i < n && !failed(d); i++)
		check_super(d, first + i);
}

static void read_type_section(struct decoder *d)
{
	uint32_t n = dj_wasm_rd_count(&d->r, 2);

	for (uint32_t i = 0; i < n && !failed(d); i++) {
		if (d->r.p == d->r.end || *d->r.p != 0x4e) {
			read_group(d, 1);
			continue;
		}
		d->r.p++;
		if (dj_wasm_rd_needs(&d->r, DJ_WASM_F_GC,
			    "malformed form of type"))
			read_group(d, dj_wasm_rd_count(&d->r, 2));
	}
}

/* The number of a function's type. */
static uint32_t read_type_index(struct decoder *d)
{
	uint32_t id = dj_wasm_rd_type(&d->r, d->m);

	if (!failed(d) && d->m->types.all[id].form != DJ_WASM_FORM_FUNC)
		dj_wasm_rd_invalid(&d->r, "unknown type");
	return id;
}

/* Flags: 1 a maximum, 2 shared (threads), 4 of 64 bits, 8 a page size. */
static struct dj_wasm_limits read_limits(struct decoder *d, uint64_t most,
	uint64_t most64, const char *text)
{
	static const char malformed[] = "malformed limits flags";
	struct dj_wasm_limits l = { 0 };
	uint8_t flags = dj_wasm_rd_u8(&d->r);
	bool wide;

	if (flags > 15)
		dj_wasm_rd_malformed(&d->r, malformed);
	else if ((flags & 8) != 0)
		(void)dj_wasm_rd_needs(&d->r, DJ_WASM_F_PAGE_SIZES, malformed);
	else if ((flags & 2) != 0)
		(void)dj_wasm_rd_needs(&d->r, DJ_WASM_F_THREADS, malformed);
	else if ((flags & 4) != 0)
		(void)dj_wasm_rd_needs(&d->r, DJ_WASM_F_MEMORY64, malformed);
	l.is64 = (flags & 4) != 0;
	l.has_max = (flags & 1) != 0;
	wide = dj_wasm_rd_knows(&d->r, DJ_WASM_F_MEMORY64);
	l.min = wide ? dj_wasm_rd_u64(&d->r) : dj_wasm_rd_u32(&d->r);
	if (l.has_max)
		l.max = wide ? dj_wasm_rd_u64(&d->r) : dj_wasm_rd_u32(&d->r);
	if (l.is64)
		most = most64;
	if (l.min > most || (l.has_max && l.max > most))
		dj_wasm_rd_invalid(&d->r, text);
	if (l.has_max && l.min > l.max)
		dj_wasm_rd_invalid(&d->r,
			"size minimum must not be greater than maximum");
	return l;
}

static struct dj_wasm_table read_table(struct decoder *d)
{
	struct dj_wasm_table t;

	t.elem = dj_wasm_rd_reftype(&d->r, d->m);
	t.limits = read_limits(d, UINT32_MAX, UINT64_MAX, "");
	return t;
}

static struct dj_wasm_limits read_memory(struct decoder *d)
{
	return read_limits(d, DJ_WASM_MAX_PAGES, DJ_WASM_MAX_PAGES64,
		"memory size must be at most 65536 pages (4GiB)");
}

static struct dj_wasm_global read_global_type(struct decoder *d)
{
	struct dj_wasm_global g;
	uint8_t mut;

	g.type = dj_wasm_rd_valtype(&d->r, d->m);
	mut = dj_wasm_rd_u8(&d->r);
	if (mut > 1)
		dj_wasm_rd_malformed(&d->r, "malformed mutability");
	g.is_mutable = mut == 1;
	return g;
}

/* An attribute, which is 0, and a type without results. */
static uint32_t read_tag(struct decoder *d)
{
	uint32_t type;

	if (dj_wasm_rd_u8(&d->r) != 0)
		dj_wasm_rd_malformed(&d->r, "malformed tag attribute");
	type = read_type_index(d);
	if (!failed(d) && dj_wasm_functype_at(d->m, type)->result_count != 0)
		dj_wasm_rd_invalid(&d->r, "non-empty tag result type");
	return type;
}

static void read_import(struct decoder *d, struct dj_wasm_import *im)
{
	struct dj_wasm_module *m = d->m;
	uint32_t type;
	uint8_t kind;

	im->module = dj_wasm_rd_name(&d->r);
	im->name = dj_wasm_rd_name(&d->r);
	kind = dj_wasm_rd_u8(&d->r);
	im->kind = (enum dj_wasm_extern_kind)kind;
	switch (kind) {
	case DJ_WASM_FUNC:
		type = read_type_index(d);
		if (failed(d))
			return;
		im->type = type;
		im->func = dj_wasm_functype_at(m, type);
		m->imported_funcs++;
		break;
	case DJ_WASM_TABLE:
		im->table = read_table(d);
		m->imported_tables++;
		break;
	case DJ_WASM_MEMORY:
		im->memory = read_memory(d);
		m->imported_memories++;
		break;
	case DJ_WASM_GLOBAL:
		im->global = read_global_type(d);
		m->imported_globals++;
		break;
	case DJ_WASM_TAG:
		if (!dj_wasm_rd_needs(&d->r, DJ_WASM_F_EXCEPTIONS,
			    "malformed import kind"))
			return;
		type = read_tag(d);
		if (failed(d))
			return;
		im->type = type;
		im->func = dj_wasm_functype_at(m, type);
		m->imported_tags++;
		break;
	default:
		dj_wasm_rd_malformed(&d->r, "malformed import kind");
	}
}

static void read_import_section(struct decoder *d)
{
	uint32_t n = dj_wasm_rd_count(&d->r, 4);

	d->m->imports = alloc(d, n, sizeof(*d->m->imports));
	for (uint32_t i = 0; i < n && !failed(d); i++)
		read_import(d, &d->m->imports[i]);
	d->m->import_count = n;
}

/*
 * Makes the four index spaces, with what was imported first, when the
 * sizes of a module's own parts become known: at each section's head.
 */
static void open_funcs(struct decoder *d, uint32_t own)
{
	struct dj_wasm_module *m = d->m;
	uint32_t n = 0;

	m->funcs = alloc(d, (size_t)m->imported_funcs + own, sizeof(*m->funcs));
	if (failed(d))
		return;
	for (uint32_t i = 0; i < m->import_count; i++) {
		if (m->imports[i].kind == DJ_WASM_FUNC)
			m->funcs[n++].type = m->imports[i].type;
	}
	m->func_count = n + own;
	m->declared_refs = alloc(d, m->func_count, 1);
}

static void open_tables(struct decoder *d, uint32_t own)
{
	struct dj_wasm_module *m = d->m;
	uint32_t n = 0;

	if ((uint64_t)m->imported_tables + own > 1 &&
		!dj_wasm_rd_knows(&d->r, DJ_WASM_F_REF_TYPES)) {
		dj_wasm_rd_invalid(&d->r, "multiple tables");
		return;
	}
	m->tables =
		alloc(d, (size_t)m->imported_tables + own, sizeof(*m->tables));
	m->table_inits = alloc(d, own, sizeof(*m->table_inits));
	if (failed(d))
		return;
	for (uint32_t i = 0; i < m->import_count; i++) {
		if (m->imports[i].kind == DJ_WASM_TABLE)
			m->tables[n++] = m->imports[i].table;
	}
	m->table_count = n;
}

static void open_memories(struct decoder *d, uint32_t own)
{
	struct dj_wasm_module *m = d->m;
	uint32_t n = 0;

	if ((uint64_t)m->imported_memories + own > 1 &&
		!dj_wasm_rd_knows(&d->r, DJ_WASM_F_MULTI_MEMORY)) {
		dj_wasm_rd_invalid(&d->r, "multiple memories");
		return;
	}
	m->memories = alloc(d, (size_t)m->imported_memories + own,
		sizeof(*m->memories));
	if (failed(d))
		return;
	for (uint32_t i = 0; i < m->import_count; i++) {
		if (m->imports[i].kind == DJ_WASM_MEMORY)
			m->memories[n++] = m->imports[i].memory;
	}
	m->memory_count = n;
}

static void open_tags(struct decoder *d, uint32_t own)
{
	struct dj_wasm_module *m = d->m;
	uint32_t n = 0;

	m->tags = alloc(d, (size_t)m->imported_tags + own, sizeof(*m->tags));
	if (failed(d))
		return;
	for (uint32_t i = 0; i < m->import_count; i++) {
		if (m->imports[i].kind == DJ_WASM_TAG)
			m->tags[n++] = m->imports[i].type;
	}
	m->tag_count = n;
}

static void open_globals(struct decoder *d, uint32_t own)
{
	struct dj_wasm_module *m = d->m;
	uint32_t n = 0;

	m->globals = alloc(d, (size_t)m->imported_globals + own,
		sizeof(*m->globals));
	if (failed(d))
		return;
	for (uint32_t i = 0; i < m->import_count; i++) {
		if (m->imports[i].kind == DJ_WASM_GLOBAL)
			m->globals[n++].type = m->imports[i].global;
	}
	m->global_count = n;
}

static void read_function_section(struct decoder *d)
{
	uint32_t n = dj_wasm_rd_count(&d->r, 1);

	open_funcs(d, n);
	for (uint32_t i = 0; i < n && !failed(d); i++)
		d->m->funcs[d->m->imported_funcs + i].type = read_type_index(d);
}

static void read_memory_section(struct decoder *d)
{
	uint32_t n = dj_wasm_rd_count(&d->r, 2);

	open_memories(d, n);
	for (uint32_t i = 0; i < n && !failed(d); i++)
		d->m->memories[d->m->memory_count++] = read_memory(d);
}

static void read_tag_section(struct decoder *d)
{
	uint32_t n = dj_wasm_rd_count(&d->r, 2);

	open_tags(d, n);
	for (uint32_t i = 0; i < n && !failed(d); i++)
		d->m->tags[d->m->tag_count++] = read_tag(d);
}

static void mark_ref(struct decoder *d, uint32_t func)
{
	if (func >= d->m->func_count)
		dj_wasm_rd_invalid(&d->r, "unknown function");
	else if (!failed(d))
		d->m->declared_refs[func] = 1;
}

static struct dj_wasm_const read_const(struct decoder *d, uint32_t want)
{
	struct dj_wasm_const c = { .at = dj_wasm_rd_off(&d->r) };

	if (!failed(d))
		dj_wasm_validate_const(d->v, &d->r, want);
	return c;
}

/* An offset into what is addressed by 32 or 64 bits. */
static struct dj_wasm_const read_offset(struct decoder *d, bool is64)
{
	return read_const(d, is64 ? DJ_WASM_I64 : DJ_WASM_I32);
}

static bool table_is64(const struct decoder *d, uint32_t i)
{
	return i < d->m->table_count && d->m->tables[i].limits.is64;
}

static bool memory_is64(const struct decoder *d, uint32_t i)
{
	return i < d->m->memory_count && d->m->memories[i].is64;
}

/* 0x40 0x00: a table with a first value for its elements. */
static void read_own_table(struct decoder *d, struct dj_wasm_table *t,
	struct dj_wasm_const *init)
{
	bool has_init = dj_wasm_rd_knows(&d->r, DJ_WASM_F_FUNC_REFS) &&
		d->r.p != d->r.end && *d->r.p == 0x40;

	if (has_init) {
		d->r.p++;
		if (dj_wasm_rd_u8(&d->r) != 0)
			dj_wasm_rd_malformed(&d->r, "zero byte expected");
	}
	*t = read_table(d);
	if (has_init)
		*init = read_const(d, t->elem);
	else if (!failed(d) && !dj_wasm_defaultable(t->elem))
		dj_wasm_rd_invalid(&d->r, "type mismatch");
}

static void read_table_section(struct decoder *d)
{
	uint32_t n = dj_wasm_rd_count(&d->r, 3);

	open_tables(d, n);
	/* What a table begins with may name imported globals. */
	open_globals(d, 0);
	for (uint32_t i = 0; i < n && !failed(d); i++) {
		read_own_table(d, &d->m->tables[d->m->table_count],
			&d->m->table_inits[i]);
		d->m->table_count++;
	}
}

static void read_global_section(struct decoder *d)
{
	uint32_t n = dj_wasm_rd_count(&d->r, 3);

	open_globals(d, n);
	for (uint32_t i = 0; i < n && !failed(d); i++) {
		struct dj_wasm_global_def *g =
			&d->m->globals[d->m->global_count];

		g->type = read_global_type(d);
		g->init = read_const(d, g->type.type);
		d->m->global_count++;
	}
}

static void read_export(struct decoder *d, struct dj_wasm_export *e)
{
	static const char *const unknown[] = { "unknown function",
		"unknown table", "unknown memory", "unknown global",
		"unknown tag" };
	const struct dj_wasm_module *m = d->m;
	const uint32_t counts[] = { m->func_count, m->table_count,
		m->memory_count, m->global_count, m->tag_count };
	uint8_t kind;

	e->name = dj_wasm_rd_name(&d->r);
	kind = dj_wasm_rd_u8(&d->r);
	e->index = dj_wasm_rd_u32(&d->r);
	if (kind > DJ_WASM_TAG ||
		(kind == DJ_WASM_TAG &&
			!dj_wasm_rd_knows(&d->r, DJ_WASM_F_EXCEPTIONS))) {
		dj_wasm_rd_malformed(&d->r, "malformed export kind");
		return;
	}
	e->kind = (enum dj_wasm_extern_kind)kind;
	if (e->index >= counts[kind])
		dj_wasm_rd_invalid(&d->r, unknown[kind]);
	else if (kind == DJ_WASM_FUNC)
		mark_ref(d, e->index);
}

static bool is_less(const struct dj_wasm_export *a,
	const struct dj_wasm_export *b)
{
	if (a->name.len != b->name.len)
		return a->name.len < b->name.len;
	return memcmp(a->name.p, b->name.p, a->name.len) < 0;
}

/* Lets what is at i of the heap's n down to where it belongs. */
static void sift(const struct dj_wasm_export *e, uint32_t *heap, uint32_t n,
	uint32_t i)
{
	for (uint32_t k; (k = 2 * i + 1) < n; i = k) {
		uint32_t t = heap[i];

		if (k + 1 < n && is_less(&e[heap[k]], &e[heap[k + 1]]))
			k++;
		if (!is_less(&e[t], &e[heap[k]]))
			return;
		heap[i] = heap[k];
		heap[k] = t;
	}
}

/*
 * By a heap and not by hashes, which a module can be made to have all alike:
 * nothing ends a load that takes long.
 */
static void check_duplicates(struct decoder *d)
{
	const struct dj_wasm_export *e = d->m->exports;
	uint32_t n = d->m->export_count, last;
	uint32_t *heap = alloc(d, n, sizeof(*heap));

	if (failed(d))
		return;
	for (uint32_t i = 0; i < n; i++)
		heap[i] = i;
	for (uint32_t i = n / 2; i > 0; i--)
		sift(e, heap, n, i - 1);
	while (n > 1) {
		last = heap[0];
		heap[0] = heap[--n];
		sift(e, heap, n, 0);
		if (!is_less(&e[heap[0]], &e[last])) {
			dj_wasm_rd_invalid(&d->r, "duplicate export name");
			return;
		}
	}
}

static void read_export_section(struct decoder *d)
{
	uint32_t n = dj_wasm_rd_count(&d->r, 3);

	d->m->exports = alloc(d, n, sizeof(*d->m->exports));
	for (uint32_t i = 0; i < n && !failed(d); i++)
		read_export(d, &d->m->exports[i]);
	d->m->export_count = n;
	if (!failed(d))
		check_duplicates(d);
}

static void read_start_section(struct decoder *d)
{
	struct dj_wasm_module *m = d->m;
	const struct dj_wasm_functype *t;

	m->start = dj_wasm_rd_u32(&d->r);
	m->has_start = true;
	if (m->start >= m->func_count) {
		dj_wasm_rd_invalid(&d->r, "unknown function");
		return;
	}
	t = dj_wasm_functype_at(m, m->funcs[m->start].type);
	if (t->param_count != 0 || t->result_count != 0)
		dj_wasm_rd_invalid(&d->r, "start function");
}

static void read_elem_items(struct decoder *d, struct dj_wasm_elem *e)
{
	e->count = dj_wasm_rd_count(&d->r, 1);
	e->items = dj_wasm_rd_off(&d->r);
	for (uint32_t i = 0; i < e->count && !failed(d); i++) {
		if (e->is_expr)
			(void)read_const(d, e->type);
		else
			mark_ref(d, dj_wasm_rd_u32(&d->r));
	}
}

/* Before there were flags, their place was the table's. */
static void read_elem_1_0(struct decoder *d, struct dj_wasm_elem *e,
	uint32_t table)
{
	e->type = DJ_WASM_FUNCREF;
	e->table = table;
	if (table >= d->m->table_count)
		dj_wasm_rd_invalid(&d->r, "unknown table");
	e->offset = read_const(d, DJ_WASM_I32);
	read_elem_items(d, e);
}

/* The flags: 1 not active, 2 explicit index or declared, 4 expressions. */
static void read_elem(struct decoder *d, struct dj_wasm_elem *e)
{
	uint32_t flags = dj_wasm_rd_u32(&d->r);
	bool active = (flags & 1) == 0;

	if (!dj_wasm_rd_knows(&d->r, DJ_WASM_F_BULK_MEMORY)) {
		read_elem_1_0(d, e, flags);
		return;
	}
	if (flags > 7) {
		dj_wasm_rd_malformed(&d->r, "malformed elements segment kind");
		return;
	}
	e->is_expr = (flags & 4) != 0;
	e->type = DJ_WASM_FUNCREF | (e->is_expr ? 0 : DJ_WASM_NON_NULL);
	e->mode = active      ? DJ_WASM_ACTIVE
		: (flags & 2) ? DJ_WASM_DECLARED
			      : DJ_WASM_PASSIVE;
	if (active) {
		e->table = flags & 2 ? dj_wasm_rd_u32(&d->r) : 0;
		if (e->table >= d->m->table_count)
			dj_wasm_rd_invalid(&d->r, "unknown table");
		e->offset = read_offset(d, table_is64(d, e->table));
	}
	if ((flags & 3) != 0 && e->is_expr)
		e->type = dj_wasm_rd_reftype(&d->r, d->m);
	else if ((flags & 3) != 0 && dj_wasm_rd_u8(&d->r) != 0)
		dj_wasm_rd_malformed(&d->r, "malformed element kind");
	if (failed(d))
		return;
	if (active &&
		!dj_wasm_subtype(&d->m->types, e->type,
			d->m->tables[e->table].elem))
		dj_wasm_rd_invalid(&d->r, "type mismatch");
	read_elem_items(d, e);
}

static void read_element_section(struct decoder *d)
{
	uint32_t n = dj_wasm_rd_count(&d->r, 2);

	d->m->elems = alloc(d, n, sizeof(*d->m->elems));
	for (uint32_t i = 0; i < n && !failed(d); i++)
		read_elem(d, &d->m->elems[i]);
	d->m->elem_count = n;
}

static void read_body(struct decoder *d, struct dj_wasm_func *f)
{
	uint32_t len = dj_wasm_rd_u32(&d->r);
	const uint8_t *p = dj_wasm_rd_bytes(&d->r, len);
	struct dj_wasm_rd r;

	if (p == NULL)
		return;
	f->body = (uint32_t)(p - d->m->bytes);
	f->len = len;
	r = dj_wasm_rd_of(d->m->bytes, f->body, len);
	r.features = d->r.features;
	dj_wasm_validate_body(d->v, &r, dj_wasm_functype_at(d->m, f->type));
	if (r.st != DJ_OK) {
		d->r.st = r.st;
		d->r.err = r.err;
		d->r.p = d->r.end;
	}
}

static void read_code_section(struct decoder *d)
{
	uint32_t n = dj_wasm_rd_count(&d->r, 2);
	struct dj_wasm_module *m = d->m;

	if (failed(d))
		return;
	if (n != m->func_count - m->imported_funcs) {
		dj_wasm_rd_malformed(&d->r,
			"function and code section have inconsistent lengths");
		return;
	}
	for (uint32_t i = 0; i < n && !failed(d); i++)
		read_body(d, &m->funcs[m->imported_funcs + i]);
	m->body_count = n;
	d->has_code = true;
}

static void read_data(struct decoder *d, struct dj_wasm_data *s)
{
	bool has_flags = dj_wasm_rd_knows(&d->r, DJ_WASM_F_BULK_MEMORY);
	uint32_t flags = dj_wasm_rd_u32(&d->r);

	if (has_flags && flags > 2) {
		dj_wasm_rd_malformed(&d->r, "malformed data segment kind");
		return;
	}
	s->mode = has_flags && flags == 1 ? DJ_WASM_PASSIVE : DJ_WASM_ACTIVE;
	if (s->mode == DJ_WASM_ACTIVE) {
		uint32_t mem = has_flags && flags == 2 ? dj_wasm_rd_u32(&d->r)
			: has_flags                    ? 0
						       : flags;

		if (mem >= d->m->memory_count)
			dj_wasm_rd_invalid(&d->r, "unknown memory");
		s->memory = mem;
		s->offset = read_offset(d, memory_is64(d, mem));
	}
	s->len = dj_wasm_rd_u32(&d->r);
	s->bytes = dj_wasm_rd_off(&d->r);
	(void)dj_wasm_rd_bytes(&d->r, s->len);
	d->m->data_bytes += s->len;
}

static void read_data_section(struct decoder *d)
{
	uint32_t n = dj_wasm_rd_count(&d->r, 2);

	d->m->datas = alloc(d, n, sizeof(*d->m->datas));
	for (uint32_t i = 0; i < n && !failed(d); i++)
		read_data(d, &d->m->datas[i]);
	d->m->data_count = n;
}

static void read_data_count_section(struct decoder *d)
{
	d->m->declared_datas = dj_wasm_rd_u32(&d->r);
	d->m->has_data_count = true;
}

static void read_custom_section(struct decoder *d)
{
	struct dj_wasm_custom_section *c = alloc(d, 1, sizeof(*c));

	if (c == NULL)
		return;
	c->name = dj_wasm_rd_name(&d->r);
	c->at = dj_wasm_rd_off(&d->r);
	c->len = (uint32_t)dj_wasm_rd_left(&d->r);
	d->r.p = d->r.end;
	*d->last_custom = c;
	d->last_custom = &c->next;
}

static void (*const readers[SECTIONS])(struct decoder *) = {
	[SECTION_CUSTOM] = read_custom_section,
	[SECTION_TYPE] = read_type_section,
	[SECTION_IMPORT] = read_import_section,
	[SECTION_FUNCTION] = read_function_section,
	[SECTION_TABLE] = read_table_section,
	[SECTION_MEMORY] = read_memory_section,
	[SECTION_GLOBAL] = read_global_section,
	[SECTION_EXPORT] = read_export_section,
	[SECTION_START] = read_start_section,
	[SECTION_ELEMENT] = read_element_section,
	[SECTION_CODE] = read_code_section,
	[SECTION_DATA] = read_data_section,
	[SECTION_DATA_COUNT] = read_data_count_section,
	[SECTION_TAG] = read_tag_section,
};

/* The order that is asked for; the data count stands before the code. */
static const uint8_t rank[SECTIONS] = {
	[SECTION_TYPE] = 1,
	[SECTION_IMPORT] = 2,
	[SECTION_FUNCTION] = 3,
	[SECTION_TABLE] = 4,
	[SECTION_MEMORY] = 5,
	[SECTION_TAG] = 6,
	[SECTION_GLOBAL] = 7,
	[SECTION_EXPORT] = 8,
	[SECTION_START] = 9,
	[SECTION_ELEMENT] = 10,
	[SECTION_DATA_COUNT] = 11,
	[SECTION_CODE] = 12,
	[SECTION_DATA] = 13,
};

/*
 * What the sections passed over would have made: index spaces of what was
 * imported, for those who refer to them.
 */
static void open_spaces(struct decoder *d, uint8_t before)
{
	const struct dj_wasm_module *m = d->m;

	if (before > rank[SECTION_FUNCTION] && m->funcs == NULL)
		open_funcs(d, 0);
	if (before > rank[SECTION_TABLE] && m->tables == NULL)
		open_tables(d, 0);
	if (before > rank[SECTION_MEMORY] && m->memories == NULL)
		open_memories(d, 0);
	if (before > rank[SECTION_TAG] && m->tags == NULL)
		open_tags(d, 0);
	if (before > rank[SECTION_GLOBAL] && m->globals == NULL)
		open_globals(d, 0);
}

static void count_bytes(struct decoder *d, uint8_t id, uint32_t len)
{
	if (id == SECTION_CODE)
		d->m->code_bytes = len;
	if (id == SECTION_CUSTOM)
		d->m->custom_bytes += len;
}

static void read_section(struct decoder *d, uint8_t *last)
{
	const uint8_t *end = d->r.end;
	uint8_t id = dj_wasm_rd_u8(&d->r);
	uint32_t len = dj_wasm_rd_u32(&d->r);

	if (id == SECTION_TAG &&
		!dj_wasm_rd_needs(&d->r, DJ_WASM_F_EXCEPTIONS,
			"malformed section id"))
		return;
	if (id >= SECTIONS ||
		(id == SECTION_DATA_COUNT &&
			!dj_wasm_rd_knows(&d->r, DJ_WASM_F_BULK_MEMORY)))
		dj_wasm_rd_malformed(&d->r, "malformed section id");
	else if (len > dj_wasm_rd_left(&d->r))
		dj_wasm_rd_malformed(&d->r, "length out of bounds");
	else if (id != SECTION_CUSTOM && rank[id] <= *last)
		dj_wasm_rd_malformed(&d->r,
			"unexpected content after last section");
	if (failed(d) || id >= SECTIONS)
		return;
	if (id != SECTION_CUSTOM) {
		*last = rank[id];
		open_spaces(d, rank[id]);
	}
	count_bytes(d, id, len);
	d->r.end = d->r.p + len;
	if (!failed(d))
		readers[id](d);
	if (!failed(d) && d->r.p != d->r.end)
		dj_wasm_rd_malformed(&d->r, "section size mismatch");
	d->r.end = end;
}

static void read_sections(struct decoder *d)
{
	struct dj_wasm_module *m = d->m;
	uint8_t last = 0;

	if (dj_wasm_rd_bits(&d->r, 4) != 0x6d736100)
		dj_wasm_rd_malformed(&d->r, "magic header not detected");
	if (dj_wasm_rd_bits(&d->r, 4) != 1)
		dj_wasm_rd_malformed(&d->r, "unknown binary version");
	while (!failed(d) && d->r.p != d->r.end)
		read_section(d, &last);
	open_spaces(d, UINT8_MAX);
	if (failed(d))
		return;
	if (!d->has_code && m->func_count != m->imported_funcs)
		dj_wasm_rd_malformed(&d->r,
			"function and code section have inconsistent lengths");
	if (m->has_data_count && m->declared_datas != m->data_count)
		dj_wasm_rd_malformed(&d->r,
			"data count and data section have inconsistent lengths");
}

dj_status dj_wasm_load(const uint8_t *bytes, size_t len, struct dj_arena *arena,
	struct dj_wasm_module **ret, struct dj_wasm_error *err)
{
	return dj_wasm_load_as(DJ_WASM_ANY, bytes, len, arena, ret, err);
}

dj_status dj_wasm_load_as(uint64_t features, const uint8_t *bytes, size_t len,
	struct dj_arena *arena, struct dj_wasm_module **ret,
	struct dj_wasm_error *err)
{
	struct decoder d = { .arena = arena };

	d.r = dj_wasm_rd_of(bytes, 0, len);
	d.r.features = features;
	if (len > UINT32_MAX)
		dj_wasm_rd_refuse(&d.r, DJ_E_LIMIT, "module too large");
	d.m = alloc(&d, 1, sizeof(*d.m));
	if (d.m != NULL) {
		d.m->bytes = bytes;
		d.m->len = len;
		d.m->features = features;
		d.m->types.arena = arena;
		d.last_custom = &d.m->customs;
		d.v = dj_wasm_validator_new(d.m, arena);
		if (d.v == NULL)
			dj_wasm_rd_refuse(&d.r, DJ_E_NOMEM, "out of memory");
		read_sections(&d);
	}
	if (failed(&d)) {
		*err = d.r.err;
		return d.r.st;
	}
	*ret = d.m;
	return DJ_OK;
}
