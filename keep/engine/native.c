// SPDX-License-Identifier: Apache-2.0
#include "lib/wasm/native.h"
#include "keep/engine/store.h"

dj_status dj_instance_new_native(struct dj_store *s,
	const struct dj_wasm_module *module, const uint8_t *image, size_t len,
	const struct dj_native_target *target, dj_resolve_fn *resolve,
	void *resolve_ctx, struct dj_instance **ret, struct dj_link_error *err)
{
	(void)s;
	(void)module;
	(void)image;
	(void)len;
	(void)target;
	(void)resolve;
	(void)resolve_ctx;
	(void)ret;
	err->import_index = UINT32_MAX;
	err->what = "native code is not there yet";
	return DJ_E_UNSUPPORTED;
}

void dj_native_fault(uintptr_t pc, uintptr_t addr, uintptr_t fp)
{
	(void)pc;
	(void)addr;
	(void)fp;
}
