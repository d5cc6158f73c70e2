// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * x86-64: does away with the forbidden bytes at `at`, in len bytes of code
 * whose instructions begin at `from`, by another form of the instruction that
 * has them. False: they are none that this can, and nothing has changed. After
 * the first dj_aot_compile(), which begins LLVM.
 */
bool swap_registers(uint8_t *code, uint32_t len, uint32_t from, uint32_t at);
