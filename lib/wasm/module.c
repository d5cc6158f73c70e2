// SPDX-License-Identifier: Apache-2.0
#include "lib/wasm/reader.h"

size_t dj_wasm_import_count(const struct dj_wasm_module *m)
{
	return m->import_count;
}

const struct dj_wasm_import *dj_wasm_import(const struct dj_wasm_module *m,
	size_t i)
{
	return i < m->import_count ? &m->imports[i] : NULL;
}

size_t dj_wasm_export_count(const struct dj_wasm_module *m)
{
	return m->export_count;
}

const struct dj_wasm_export *dj_wasm_export(const struct dj_wasm_module *m,
	size_t i)
{
	return i < m->export_count ? &m->exports[i] : NULL;
}

const struct dj_wasm_functype *dj_wasm_func_type(const struct dj_wasm_module *m,
	uint32_t func_index)
{
	if (func_index >= m->func_count)
		return NULL;
	return dj_wasm_functype_at(m, m->funcs[func_index].type);
}

size_t dj_wasm_memory_count(const struct dj_wasm_module *m)
{
	return m->memory_count;
}

const struct dj_wasm_limits *dj_wasm_memory(const struct dj_wasm_module *m,
	size_t i)
{
	return i < m->memory_count ? &m->memories[i] : NULL;
}

void dj_wasm_summary(const struct dj_wasm_module *m,
	struct dj_wasm_summary *ret)
{
	*ret = (struct dj_wasm_summary){
		.types = m->type_count,
		.funcs = m->func_count - m->imported_funcs,
		.imported_funcs = m->imported_funcs,
		.tables = m->table_count,
		.memories = m->memory_count,
		.globals = m->global_count,
		.elems = m->elem_count,
		.datas = m->data_count,
		.code_bytes = m->code_bytes,
		.data_bytes = m->data_bytes,
		.custom_bytes = m->custom_bytes,
	};
}

bool dj_wasm_custom(const struct dj_wasm_module *m, size_t i,
	struct dj_wasm_name *ret_name, const uint8_t **ret, size_t *ret_len)
{
	const struct dj_wasm_custom_section *c = m->customs;

	for (; c != NULL && i > 0; i--)
		c = c->next;
	if (c == NULL)
		return false;
	*ret_name = c->name;
	*ret = m->bytes + c->at;
	*ret_len = c->len;
	return true;
}

/* Looks for a function in a name map: index and name, ascending. */
static bool find_name(struct dj_wasm_rd *r, uint32_t func_index,
	struct dj_wasm_name *ret)
{
	uint32_t n = dj_wasm_rd_count(r, 2);

	for (uint32_t i = 0; i < n && r->st == DJ_OK; i++) {
		uint32_t index = dj_wasm_rd_u32(r);
		struct dj_wasm_name name = dj_wasm_rd_name(r);

		if (r->st == DJ_OK && index == func_index) {
			*ret = name;
			return true;
		}
	}
	return false;
}

static bool find_in_section(const struct dj_wasm_module *m,
	const struct dj_wasm_custom_section *c, uint32_t func_index,
	struct dj_wasm_name *ret)
{
	struct dj_wasm_rd r = dj_wasm_rd_of(m->bytes, c->at, c->len);

	while (r.st == DJ_OK && r.p != r.end) {
		uint8_t id = dj_wasm_rd_u8(&r);
		uint32_t len = dj_wasm_rd_u32(&r);
		const uint8_t *p = dj_wasm_rd_bytes(&r, len);
		struct dj_wasm_rd sub;

		if (p == NULL || id != 1)
			continue;
		sub = dj_wasm_rd_of(m->bytes, (size_t)(p - m->bytes), len);
		return find_name(&sub, func_index, ret);
	}
	return false;
}

bool dj_wasm_func_name(const struct dj_wasm_module *m, uint32_t func_index,
	struct dj_wasm_name *ret)
{
	const struct dj_wasm_custom_section *c = m->customs;

	for (; c != NULL; c = c->next) {
		if (c->name.len == 4 && memcmp(c->name.p, "name", 4) == 0)
			return find_in_section(m, c, func_index, ret);
	}
	return false;
}
