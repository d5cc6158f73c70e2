// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "setjmp.h"

#define C_LONGJMP 1 /* the tag that LLVM catches */

void __wasm_setjmp(struct sjlj_buf *b, unsigned label, const void *func);
void __wasm_setjmp(struct sjlj_buf *b, unsigned label, const void *func)
{
	b->func = func;
	b->label = label;
}

unsigned __wasm_setjmp_test(const struct sjlj_buf *b, const void *func);
unsigned __wasm_setjmp_test(const struct sjlj_buf *b, const void *func)
{
	return b->func == func ? b->label : 0;
}

_Noreturn void __wasm_longjmp(struct sjlj_buf *b, int value);
_Noreturn void __wasm_longjmp(struct sjlj_buf *b, int value)
{
	b->env = b;
	b->value = value == 0 ? 1 : value;
	__builtin_wasm_throw(C_LONGJMP, &b->env);
}

/* What this C library has not, and Lua's os and io only name. */
int system(const char *command)
{
	return command != NULL ? -1 : 0;
}

FILE *tmpfile(void)
{
	return NULL;
}

char *tmpnam(char *name)
{
	(void)name;
	return NULL;
}
