// SPDX-License-Identifier: Apache-2.0
#include "client/aot/aot.h"

#include <llvm-c/Core.h>
#include <stdio.h>

const char *dj_aot_compiler_id(void)
{
	static char id[64];
	unsigned major, minor, patch;

	LLVMGetVersion(&major, &minor, &patch);
	snprintf(id, sizeof(id), "donjon " DJ_VERSION " llvm %u.%u.%u abi %d",
		major, minor, patch, DJ_NATIVE_ABI);
	return id;
}

dj_status dj_aot_compile(const struct dj_wasm_module *module,
	const struct dj_aot_options *options, uint8_t **ret, size_t *ret_len,
	char *err, size_t cap)
{
	(void)module;
	(void)options;
	(void)ret;
	(void)ret_len;
	snprintf(err, cap, "native code is not there yet");
	return DJ_E_UNSUPPORTED;
}
