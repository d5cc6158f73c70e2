// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "lib/wasm/layout.h"
#include "tests/support/hostmem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x)                  \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

static void exports_refer_to_what_is_there(const struct dj_wasm_module *m)
{
	const uint32_t counts[] = { m->func_count, m->table_count,
		m->memory_count, m->global_count, m->tag_count };

	for (size_t i = 0; i < dj_wasm_export_count(m); i++) {
		const struct dj_wasm_export *e = dj_wasm_export(m, i);

		MUST(e->kind <= DJ_WASM_TAG);
		MUST(e->index < counts[e->kind]);
		if (e->kind == DJ_WASM_FUNC)
			MUST(dj_wasm_func_type(m, e->index) != NULL);
	}
}

static void all_lies_inside(const struct dj_wasm_module *m, size_t size)
{
	struct dj_wasm_name name;
	const uint8_t *p;
	size_t len;

	for (uint32_t i = 0; i < m->func_count; i++) {
		const struct dj_wasm_func *f = &m->funcs[i];

		MUST((uint64_t)f->body + f->len <= size);
		(void)dj_wasm_func_name(m, i, &name);
	}
	for (uint32_t i = 0; i < m->data_count; i++)
		MUST((uint64_t)m->datas[i].bytes + m->datas[i].len <= size);
	for (size_t i = 0; dj_wasm_custom(m, i, &name, &p, &len); i++)
		MUST(p >= m->bytes && len <= size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct dj_arena arena;
	struct dj_wasm_error err = { 0 };
	struct dj_wasm_module *m = NULL;
	dj_status st;

	if (arena.base == NULL)
		MUST(hostmem_arena(&arena, (size_t)16 << 20));
	memset(arena.base, 0, arena.used);
	arena.used = 0;
	st = dj_wasm_load(data, size, &arena, &m, &err);
	if (st != DJ_OK) {
		MUST(err.text != NULL);
		MUST(err.offset <= size);
		return 0;
	}
	exports_refer_to_what_is_there(m);
	all_lies_inside(m, size);
	return 0;
}
