// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdint.h>

/*
 * What native code's frames look like, in bytes from a frame's pointer (rbp,
 * s0, r1): the pointer of the frame above, and where to go on in that one,
 * which on ppc64le is kept in it. And is there an area for arguments? Other
 * machines have no way in.
 */
#if defined(__x86_64__)
#define DJ_NATIVE_HAVE      1
#define DJ_NATIVE_HAVE_ARGS 0
#define DJ_NATIVE_UP        0
#define DJ_NATIVE_PC        8
#define DJ_NATIVE_PC_IN_UP  0
#elif defined(__riscv) && __riscv_xlen == 64
#define DJ_NATIVE_HAVE      1
#define DJ_NATIVE_HAVE_ARGS 1
#define DJ_NATIVE_UP        (-(uintptr_t)16)
#define DJ_NATIVE_PC        (-(uintptr_t)8)
#define DJ_NATIVE_PC_IN_UP  0
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
#define DJ_NATIVE_HAVE      1
#define DJ_NATIVE_HAVE_ARGS 1
#define DJ_NATIVE_UP        0
#define DJ_NATIVE_PC        16
#define DJ_NATIVE_PC_IN_UP  1
#else
#define DJ_NATIVE_HAVE      0
#define DJ_NATIVE_HAVE_ARGS 0
#define DJ_NATIVE_UP        0
#define DJ_NATIVE_PC        8
#define DJ_NATIVE_PC_IN_UP  0
#endif

/*
 * Calls entry(ctx, base, code, slots) with the stack that ends at stack, or
 * on this one if that is NULL; *save gets this one's pointer. Returns 0, or
 * what dj_native_leave() was given.
 */
uint32_t dj_native_enter(void *ctx, void *base, const void *code, void *slots,
	const void *entry, void *stack, void **save);
_Noreturn void dj_native_leave(void *save, uint32_t with);
