// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Test Anything Protocol, for prove. A test is a function whose name is the
 * sentence that holds; a program is a table of them:
 *
 *   static void a_short_hello_is_refused(void) { eq_u64(parse(...), ...); }
 *   int main(void) { RUN(a_short_hello_is_refused); return done(); }
 *
 * Checks count inside a test; the test fails if any does. skip(why) says what
 * this machine lacks, never that something is unfinished.
 */
static int tap_n, tap_bad, tap_fails;
static const char *tap_skip;

#define ok(cond) tap_ok((cond), #cond, __FILE__, __LINE__)
#define eq_u64(a, b) \
	tap_eq((uint64_t)(a), (uint64_t)(b), #a, #b, __FILE__, __LINE__)
#define eq_mem(a, b, len) tap_mem((a), (b), (len), #a, __FILE__, __LINE__)
#define eq_str(a, b)      tap_str((a), (b), #a, __FILE__, __LINE__)
#define RUN(fn)           tap_run(#fn, fn)

__attribute__((unused)) static bool tap_ok(bool cond, const char *what,
	const char *file, int line)
{
	if (!cond) {
		printf("# %s:%d: %s\n", file, line, what);
		tap_bad++;
	}
	return cond;
}

__attribute__((unused)) static bool tap_eq(uint64_t a, uint64_t b,
	const char *what, const char *want, const char *file, int line)
{
	if (a != b) {
		printf("# %s:%d: %s is %llu (0x%llx), not %s, %llu\n", file,
			line, what, (unsigned long long)a,
			(unsigned long long)a, want, (unsigned long long)b);
		tap_bad++;
	}
	return a == b;
}

__attribute__((unused)) static bool tap_mem(const void *a, const void *b,
	size_t len, const char *what, const char *file, int line)
{
	if (len == 0 || memcmp(a, b, len) == 0)
		return true;
	printf("# %s:%d: %s differs\n", file, line, what);
	tap_bad++;
	return false;
}

__attribute__((unused)) static bool tap_str(const char *a, const char *b,
	const char *what, const char *file, int line)
{
	if (a != NULL && b != NULL && strcmp(a, b) == 0)
		return true;
	printf("# %s:%d: %s is \"%s\", not \"%s\"\n", file, line, what,
		a == NULL ? "(null)" : a, b == NULL ? "(null)" : b);
	tap_bad++;
	return false;
}

__attribute__((unused)) static void skip(const char *why)
{
	tap_skip = why;
}

__attribute__((unused)) static void tap_run(const char *name, void (*fn)(void))
{
	tap_bad = 0;
	tap_skip = NULL;
	fn();
	tap_fails += tap_bad != 0;
	printf("%s %d - ", tap_bad != 0 ? "not ok" : "ok", ++tap_n);
	for (; *name != '\0'; name++)
		putchar(*name == '_' ? ' ' : *name);
	if (tap_skip != NULL)
		printf(" # SKIP %s", tap_skip);
	putchar('\n');
	fflush(stdout);
}

__attribute__((unused)) static int done(void)
{
	printf("1..%d\n", tap_n);
	return tap_fails == 0 ? 0 : 1;
}
