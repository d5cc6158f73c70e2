// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "keep/engine/engine.h"
#include "lib/wasm/module.h"

/*
 * Stream 3, what the client is told about the run: one JSON object a line,
 * ASCII alone (all else as \u escapes; what is not UTF-8 is \ufffd), at most
 * about 64 KiB in all. A line's keys, in this order, those that apply:
 *
 *   {"refused":TEXT,"name":NAME,"offset":N}       EXIT.how 5
 *   {"trap":TEXT,"code":N,"backtrace":[           EXIT.how 1, 3, 4
 *      {"func":N,"name":NAME,"offset":N},...]}    innermost first
 *   {"counters":{"fuel":N,"memory":N,"stdin":N}}  always, last; memory is the
 *      largest number of bytes that were committed at any time
 *
 * name and offset may be absent: offset is into the module's bytes.
 */
#define DJ_DIAG_NO_OFFSET SIZE_MAX
#define DJ_DIAG_FRAMES    64
#define DJ_DIAG_NAME      160

/* name: of an import, a feature, a file; NULL: none. Any bytes. */
void dj_diag_refused(const char *what, const char *name, size_t name_len,
	size_t offset);
/* frames: innermost first, all of instances whose module is m. */
void dj_diag_trap(const char *what, unsigned code,
	const struct dj_frame *frames, size_t count);
void dj_diag_counters(uint64_t fuel, uint64_t memory, uint64_t stdin_len);
