// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/base/status.h"

/*
 * KNC1, what MODULE records carry in format 1 (session.md 6.4): a module and
 * native code for it. Big-endian.
 *
 *   0   4  "KNC1"
 *   4   1  instruction set   5  1  bounds   6  1  CPU level   7  1  zero
 *   8   4  length of the compiler's id, at most DJ_KNC_ID_MAX, then its text
 *       8  length of the Wasm,   32  its SHA-256
 *       8  length of the image,  32  its SHA-256
 *          the Wasm, the image; nothing after it
 */
#define DJ_KNC_ID_MAX 256

struct dj_knc {
	uint8_t isa, bounds, cpu_level;
	const char *compiler; /* printable ASCII, not terminated; borrowed */
	size_t compiler_len;
	uint64_t wasm_len, image_len;
	uint8_t wasm_hash[32], image_hash[32];
	const uint8_t *wasm, *image; /* borrowed */
};

/*
 * Reads buf; digests are read and not computed: whoever uses the parts
 * compares them first. DJ_E_INPUT: malformed; *ret_why, constant, says what.
 */
dj_status dj_knc_parse(const uint8_t *buf, size_t len, struct dj_knc *ret,
	const char **ret_why);
/*
 * Writes all up to the Wasm; the Wasm and the image follow as they are.
 * Nothing of k's two pointers is read.
 */
dj_status dj_knc_write_head(const struct dj_knc *k, uint8_t *dst, size_t cap,
	size_t *ret_len);
