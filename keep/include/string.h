// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>

/*
 * The six functions of <string.h> that an image has (keep/arch/ISA/mem.c).
 * The macros let the compiler open-code small constant sizes, which
 * -ffreestanding would otherwise forbid.
 */
void *memcpy(void *restrict dst, const void *restrict src, size_t len);
void *memmove(void *dst, const void *src, size_t len);
void *memset(void *dst, int c, size_t len);
int memcmp(const void *a, const void *b, size_t len);
void *memchr(const void *p, int c, size_t len);
size_t strlen(const char *s);

#define memcpy(dst, src, len)  __builtin_memcpy((dst), (src), (len))
#define memmove(dst, src, len) __builtin_memmove((dst), (src), (len))
#define memset(dst, c, len)    __builtin_memset((dst), (c), (len))
#define memcmp(a, b, len)      __builtin_memcmp((a), (b), (len))
#define memchr(p, c, len)      __builtin_memchr((p), (c), (len))
#define strlen(s)              __builtin_strlen(s)
