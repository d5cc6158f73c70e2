// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * setjmp for wasm32-wasi, whose C library in Debian 12 has none: clang's
 * -wasm-enable-sjlj turns it into exceptions and calls what sjlj.c has.
 */
struct sjlj_buf {
	const void *func;     /* which call of a function set it */
	unsigned label;       /* and which setjmp there */
	struct sjlj_buf *env; /* what is thrown: whose, and the value */
	int value;
};
typedef struct sjlj_buf jmp_buf[1];

int setjmp(jmp_buf buf) __attribute__((returns_twice));
_Noreturn void longjmp(jmp_buf buf, int value);
