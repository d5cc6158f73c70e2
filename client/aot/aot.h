// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/status.h"
#include "lib/wasm/module.h"
#include "lib/wasm/native.h"

/*
 * Native code from a validated module, by LLVM 19: the only folder that
 * includes LLVM, linked into donjon-aot and into tests. The image that comes
 * out (lib/wasm/native.h) depends on the module and the options alone: not on
 * the number of threads, the machine or the time.
 */
struct dj_aot_options {
	enum dj_isa isa;       /* 0: that of this machine */
	enum dj_bounds bounds; /* what the Keep's OFFER says */
	uint8_t cpu_level;     /* of the OFFER; 0: the least (x86-64: 2) */
	uint8_t optimise;      /* 0 to 3 */
	/*
	 * x86-64: functions are to be called as tail calls need it although the
	 * module has none: the images of modules that are linked to each other
	 * have to agree (DJ_NATIVE_TAILS).
	 */
	bool tails;
	unsigned threads; /* 0: as many as there are processors */
	/*
	 * Called from any thread, one at a time, when parts are done; false
	 * gives the compilation up (DJ_E_STATE). NULL: none.
	 */
	bool (*progress)(void *ctx, uint64_t done, uint64_t total);
	void *progress_ctx;
	/*
	 * Called with progress_ctx, from a thread of its own and at most once a
	 * run of the parts, if one takes processor time out of all proportion:
	 * there is code on which LLVM comes to no end, and no way to stop it
	 * but to end the process, which is what this is to do. why is a line.
	 * NULL: nobody looks. patience_ms is what a part has; 0: a minute and
	 * 1 ms a byte.
	 */
	void (*stuck)(void *ctx, const char *why);
	uint32_t patience_ms;
	/*
	 * For tests of distances, x86-64: bytes besides in front of the code
	 * and behind it; and how often it may be looked for forbidden bytes, 0
	 * for as often as helps.
	 */
	uint32_t spare_front, spare_back;
	unsigned looks;
};

/*
 * Raised with every mistake that is taken out of the code we make, so that what
 * an earlier build left in a cache is made anew.
 */
#define DJ_AOT_CODE 4

/*
 * The words of this compiler in KNC1: "donjon 0.9 llvm 19.1.7 abi 2.6 code 3",
 * where the first 2 is the image's version, the last DJ_AOT_CODE.
 */
const char *dj_aot_compiler_id(void);

/*
 * Compiles all of module. *ret is an image of *ret_len bytes, the caller's to
 * free(). The bytes are those that dj_wasm_load() got and are still in place.
 *
 * DJ_E_UNSUPPORTED: an option this compiler lacks, or an instruction that it
 * does not know. DJ_E_LIMIT: a code size beyond the format, or a function
 * whose code cannot be made free of forbidden bytes. DJ_E_NOMEM. DJ_E_STATE:
 * progress said no. DJ_E_SYS: LLVM failed. On failure err, of cap bytes, has
 * one line that says where and why.
 *
 * LLVM's options are the process's, and those of the first instruction set that
 * it is asked for: another one's image is as right, but only a process that
 * makes no others gives the same bytes each time.
 */
dj_status dj_aot_compile(const struct dj_wasm_module *module,
	const struct dj_aot_options *options, uint8_t **ret, size_t *ret_len,
	char *err, size_t cap);

/* Has a validated module a tail call? */
bool dj_aot_tails(const struct dj_wasm_module *module);
