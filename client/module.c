// SPDX-License-Identifier: Apache-2.0
#include "client/module.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

/* Address space only; pages come as they are used. */
#define ARENA_SIZE ((size_t)4 << 30)

bool dj_module_view(struct dj_module_view *v, const char *path,
	const uint8_t *bytes, size_t len, struct dj_err *err)
{
	struct dj_wasm_error why = { 0 };
	struct dj_arena arena;
	char shown[300];
	dj_status st;

	*v = (struct dj_module_view){ .map = MAP_FAILED };
	dj_clean(shown, sizeof(shown), path, strlen(path));
	v->map = mmap(NULL, ARENA_SIZE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (v->map == MAP_FAILED)
		return dj_err_set(err, "internal.memory",
			"decoding the module %s: %s", shown, strerror(errno));
	dj_arena_init(&arena, v->map, ARENA_SIZE, NULL);
	st = dj_wasm_load(bytes, len, &arena, &v->module, &why);
	if (st == DJ_OK)
		return true;
	if (st == DJ_E_NOMEM)
		return dj_err_set(err, "internal.memory",
			"decoding the module %s: no memory", shown);
	return dj_err_set(err,
		st == DJ_E_UNSUPPORTED ? "module.unsupported"
				       : "module.invalid",
		"decoding the module %s: %s: %s at byte %zu", shown,
		st != DJ_E_INPUT        ? "not taken"
			: why.malformed ? "malformed"
					: "invalid",
		why.text == NULL ? "no reason" : why.text, why.offset);
}

void dj_module_view_done(struct dj_module_view *v)
{
	if (v->map != MAP_FAILED)
		(void)munmap(v->map, ARENA_SIZE);
	*v = (struct dj_module_view){ .map = MAP_FAILED };
}
