// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdint.h>

/* Is there a way into native code on this machine? */
#if defined(__x86_64__)
#define DJ_NATIVE_HAVE 1
#else
#define DJ_NATIVE_HAVE 0
#endif

/*
 * Calls entry(ctx, base, code, slots) with the stack that ends at stack, or
 * on this one if that is NULL; *save gets this one's pointer. Returns 0, or
 * what dj_native_leave() was given.
 */
uint32_t dj_native_enter(void *ctx, void *base, const void *code, void *slots,
	const void *entry, void *stack, void **save);
_Noreturn void dj_native_leave(void *save, uint32_t with);
