// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "client/errors.h"
#include "lib/wasm/module.h"

/*
 * A module decoded and validated here, by the very code that the Keep uses:
 * what is shown to people, and a bad module never costs a Keep. The Keep
 * validates again; nobody there takes our word.
 */
struct dj_module_view {
	struct dj_wasm_module *module; /* borrows the bytes */
	void *map;
};

/*
 * module.invalid, module.unsupported, internal.memory; path is for messages.
 * Release with dj_module_view_done(), also after a failure.
 */
DJ_NODISCARD bool dj_module_view(struct dj_module_view *v, const char *path,
	const uint8_t *bytes, size_t len, struct dj_err *err);
void dj_module_view_done(struct dj_module_view *v);
