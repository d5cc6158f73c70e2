// SPDX-License-Identifier: Apache-2.0
#include <stddef.h>
#include <stdint.h>

/*
 * What the compiler calls by itself, and keep/include/string.h by name.
 * Built without builtins, so that no loop here becomes a call to itself.
 *
 * Copies of up to 32 bytes are two overlapping moves: everything is loaded
 * before anything is stored, so they serve memmove as well. Longer forward
 * ones go 16 bytes at a time, and from REP_MIN on to the processor's own
 * microcode, whose start-up costs about as much as that many bytes.
 */
#define REP_MIN 512

void *memcpy(void *restrict dst, const void *restrict src, size_t len);
void *memmove(void *dst, const void *src, size_t len);
void *memset(void *dst, int c, size_t len);
int memcmp(const void *a, const void *b, size_t len);
void *memchr(const void *p, int c, size_t len);
size_t strlen(const char *s);

typedef uint8_t vec __attribute__((vector_size(16), aligned(1), may_alias));
typedef uint64_t u64 __attribute__((aligned(1), may_alias));
typedef uint32_t u32 __attribute__((aligned(1), may_alias));
typedef uint16_t u16 __attribute__((aligned(1), may_alias));

static void ends16(uint8_t *d, const uint8_t *s, size_t len)
{
	vec head = *(const vec *)s;
	vec tail = *(const vec *)(s + len - 16);

	*(vec *)d = head;
	*(vec *)(d + len - 16) = tail;
}

static void small(uint8_t *d, const uint8_t *s, size_t len)
{
	if (len >= 16) {
		ends16(d, s, len);
	} else if (len >= 8) {
		uint64_t head = *(const u64 *)s;
		uint64_t tail = *(const u64 *)(s + len - 8);

		*(u64 *)d = head;
		*(u64 *)(d + len - 8) = tail;
	} else if (len >= 4) {
		uint32_t head = *(const u32 *)s;
		uint32_t tail = *(const u32 *)(s + len - 4);

		*(u32 *)d = head;
		*(u32 *)(d + len - 4) = tail;
	} else if (len >= 2) {
		uint16_t head = *(const u16 *)s;
		uint16_t tail = *(const u16 *)(s + len - 2);

		*(u16 *)d = head;
		*(u16 *)(d + len - 2) = tail;
	} else if (len == 1) {
		*d = *s;
	}
}

static void forward(uint8_t *d, const uint8_t *s, size_t len)
{
	vec tail = *(const vec *)(s + len - 16);
	uint8_t *end = d + len - 16;

	for (; d < end; d += 16, s += 16)
		*(vec *)d = *(const vec *)s;
	*(vec *)end = tail;
}

static void backward(uint8_t *d, const uint8_t *s, size_t len)
{
	vec head = *(const vec *)s;

	for (size_t n = len; n > 16; n -= 16)
		*(vec *)(d + n - 16) = *(const vec *)(s + n - 16);
	*(vec *)d = head;
}

void *memcpy(void *restrict dst, const void *restrict src, size_t len)
{
	void *d = dst;

	if (len <= 32)
		small(dst, src, len);
	else if (len < REP_MIN)
		forward(dst, src, len);
	else
		__asm__ volatile("rep movsb"
				 : "+D"(d), "+S"(src), "+c"(len)
				 :
				 : "memory");
	return dst;
}

void *memmove(void *dst, const void *src, size_t len)
{
	/* Wraps to a large number where dst is below src: forward is safe. */
	size_t ahead = (uintptr_t)dst - (uintptr_t)src;

	if (len <= 32)
		small(dst, src, len);
	else if (ahead < len)
		backward(dst, src, len);
	else if (-ahead < len)
		forward(dst, src, len);
	else
		return memcpy(dst, src, len);
	return dst;
}

void *memset(void *dst, int c, size_t len)
{
	uint8_t *d = dst;
	uint8_t b = (uint8_t)c;
	uint64_t word = 0x0101010101010101u * b;
	vec v = (vec){ 0 } + b;
	void *p = dst;

	if (len >= REP_MIN) {
		__asm__ volatile("rep stosb"
				 : "+D"(p), "+c"(len)
				 : "a"(b)
				 : "memory");
	} else if (len >= 16) {
		for (size_t i = 0; i + 16 <= len; i += 16)
			*(vec *)(d + i) = v;
		*(vec *)(d + len - 16) = v;
	} else if (len >= 8) {
		*(u64 *)d = word;
		*(u64 *)(d + len - 8) = word;
	} else if (len >= 4) {
		*(u32 *)d = (uint32_t)word;
		*(u32 *)(d + len - 4) = (uint32_t)word;
	} else if (len != 0) {
		d[0] = b;
		d[len / 2] = b;
		d[len - 1] = b;
	}
	return dst;
}

int memcmp(const void *a, const void *b, size_t len)
{
	const uint8_t *x = a;
	const uint8_t *y = b;
	size_t i = 0;

	while (i + 8 <= len && *(const u64 *)(x + i) == *(const u64 *)(y + i))
		i += 8;
	for (; i < len; i++) {
		if (x[i] != y[i])
			return x[i] - y[i];
	}
	return 0;
}

void *memchr(const void *p, int c, size_t len)
{
	uint8_t *at = (uint8_t *)(uintptr_t)p;

	for (size_t i = 0; i < len; i++) {
		if (at[i] == (uint8_t)c)
			return at + i;
	}
	return NULL;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n] != '\0')
		n++;
	return n;
}
