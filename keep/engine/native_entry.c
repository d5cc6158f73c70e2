// SPDX-License-Identifier: Apache-2.0
#include "keep/engine/native_entry.h"

/*
 * The way into native code and out of it, which C cannot say. Both are
 * called as functions; dj_native_leave() returns from the dj_native_enter()
 * whose stack pointer it gets, however deep the code is that calls it.
 */
#if defined(__x86_64__)
__asm__(".text\n"
	".globl dj_native_enter\n"
	".hidden dj_native_enter\n"
	".type dj_native_enter, @function\n"
	"dj_native_enter:\n"
	"	pushq %rbp\n"
	"	pushq %rbx\n"
	"	pushq %r12\n"
	"	pushq %r13\n"
	"	pushq %r14\n"
	"	pushq %r15\n"
	"	movq 56(%rsp), %rax\n"
	"	movq %rsp, (%rax)\n"
	"	movq %rsp, %rbx\n"
	"	testq %r9, %r9\n"
	"	cmovnzq %r9, %rsp\n"
	"	andq $-16, %rsp\n"
	"	xorl %ebp, %ebp\n"
	"	call *%r8\n"
	"	movq %rbx, %rsp\n"
	"	xorl %eax, %eax\n"
	"	jmp 1f\n"
	".globl dj_native_leave\n"
	".hidden dj_native_leave\n"
	".type dj_native_leave, @function\n"
	"dj_native_leave:\n"
	"	movq %rdi, %rsp\n"
	"	movl %esi, %eax\n"
	"1:	popq %r15\n"
	"	popq %r14\n"
	"	popq %r13\n"
	"	popq %r12\n"
	"	popq %rbx\n"
	"	popq %rbp\n"
	"	ret\n"
	".size dj_native_enter, . - dj_native_enter\n");
#else
/* No way in: dj_instance_new_native() refuses before (DJ_NATIVE_HAVE). */
uint32_t dj_native_enter(void *ctx, void *base, const void *code, void *slots,
	const void *entry, void *stack, void **save)
{
	(void)ctx;
	(void)base;
	(void)code;
	(void)slots;
	(void)entry;
	(void)stack;
	(void)save;
	__builtin_trap();
}

_Noreturn void dj_native_leave(void *save, uint32_t with)
{
	(void)save;
	(void)with;
	__builtin_trap();
}
#endif
