// SPDX-License-Identifier: Apache-2.0
#include "keep/engine/store.h"

dj_status dj_memory_new(struct dj_store *s, uint64_t min, bool has_max,
	uint64_t max, struct dj_memory **ret)
{
	uint64_t most =
		has_max && max < DJ_WASM_MAX_PAGES ? max : DJ_WASM_MAX_PAGES;
	struct dj_memory *mem;

	if (most > s->config.max_memory_pages)
		most = s->config.max_memory_pages;
	if (min > most)
		return DJ_E_NOMEM;
	mem = dj_arena_new(s->arena, struct dj_memory);
	if (mem == NULL)
		return DJ_E_NOMEM;
	mem->limits.min = min;
	mem->limits.max = max;
	mem->limits.has_max = has_max;
	mem->most = most;
	if (most != 0 || s->config.guard) {
		mem->reserved = s->config.guard ? DJ_NATIVE_GUARD
						: (size_t)most * DJ_WASM_PAGE;
		mem->base = s->config.mem.reserve(mem->reserved);
		if (mem->base == NULL)
			return DJ_E_NOMEM;
	}
	mem->next = s->memories;
	s->memories = mem;
	if (min != 0 && dj_memory_grow(mem, s, (uint32_t)min) == UINT32_MAX)
		return DJ_E_NOMEM;
	*ret = mem;
	return DJ_OK;
}

/*
 * The engine's instructions have 32 bits for an address. One page less than
 * they can name: so an index that is beyond them is beyond the memory too.
 */
dj_status dj_memory64_new(struct dj_store *s, uint64_t min, bool has_max,
	uint64_t max, struct dj_memory **ret)
{
	dj_status st;

	if (min >= DJ_WASM_MAX_PAGES)
		return DJ_E_NOMEM;
	st = dj_memory_new(s, min, has_max, max, ret);
	if (st != DJ_OK)
		return st;
	(*ret)->limits.is64 = true;
	if ((*ret)->most == DJ_WASM_MAX_PAGES)
		(*ret)->most--;
	return DJ_OK;
}

uint32_t dj_memory_grow(struct dj_memory *mem, struct dj_store *s, uint32_t n)
{
	uint64_t old = mem->len / DJ_WASM_PAGE;
	size_t more = (size_t)n * DJ_WASM_PAGE;

	if (n > mem->most - old)
		return UINT32_MAX;
	if (n != 0 && s->config.mem.commit(mem->base + mem->len, more) != DJ_OK)
		return UINT32_MAX;
	mem->len += more;
	mem->limits.min = mem->len / DJ_WASM_PAGE;
	if (n != 0)
		dj_native_grown(s, mem);
	return (uint32_t)old;
}

enum dj_trap dj_memory_init(struct dj_instance *inst, struct dj_memory *mem,
	uint32_t data, uint32_t dst, uint32_t src, uint32_t n)
{
	const struct dj_wasm_data *d = &inst->module->datas[data];
	uint32_t len = inst->data_dropped[data] ? 0 : d->len;

	if (!dj_range_ok(src, n, len) || !dj_range_ok(dst, n, mem->len))
		return DJ_TRAP_MEMORY;
	if (n != 0)
		memcpy(mem->base + dst, inst->module->bytes + d->bytes + src,
			n);
	return DJ_TRAP_NONE;
}

enum dj_trap dj_memory_copy(struct dj_memory *to, struct dj_memory *from,
	uint32_t dst, uint32_t src, uint32_t n)
{
	if (!dj_range_ok(src, n, from->len) || !dj_range_ok(dst, n, to->len))
		return DJ_TRAP_MEMORY;
	if (n != 0)
		memmove(to->base + dst, from->base + src, n);
	return DJ_TRAP_NONE;
}

enum dj_trap dj_memory_fill(struct dj_memory *mem, uint32_t dst, uint32_t byte,
	uint32_t n)
{
	if (!dj_range_ok(dst, n, mem->len))
		return DJ_TRAP_MEMORY;
	if (n != 0)
		memset(mem->base + dst, (uint8_t)byte, n);
	return DJ_TRAP_NONE;
}

uint8_t *dj_instance_memory(struct dj_instance *inst, uint64_t *ret_len)
{
	*ret_len = inst->mem->len;
	return inst->module->memory_count == 0 ? NULL : inst->mem->base;
}

void *dj_mem_at(struct dj_instance *inst, uint64_t addr, uint64_t len)
{
	if (inst == NULL || inst->mem->base == NULL ||
		!dj_range_ok(addr, len, inst->mem->len))
		return NULL;
	return inst->mem->base + addr;
}
