// SPDX-License-Identifier: Apache-2.0
#include "host/launch/sgx.h"

_Static_assert(sizeof(struct dj_sgx_left) == 40, "stored below");

/*
 * rdi enter, rsi its rdi, edx function, rcx run, r8 what it left. Beside the
 * registers MXCSR and the x87 control word are kept, and DF is cleared: an
 * enclave that keeps to its rules leaves them so, another need not.
 */
__asm__(".text\n"
	".globl dj_sgx_enter\n"
	".type dj_sgx_enter, @function\n"
	"dj_sgx_enter:\n"
	"	endbr64\n"
	"	pushq %rbp\n"
	"	movq %rsp, %rbp\n"
	"	pushq %rbx\n"
	"	pushq %r12\n"
	"	pushq %r13\n"
	"	pushq %r14\n"
	"	pushq %r15\n"
	"	pushq %r8\n"
	"	subq $8, %rsp\n"
	"	stmxcsr (%rsp)\n"
	"	fnstcw 4(%rsp)\n"
	"	movq %rdi, %rax\n"
	"	movq %rsi, %rdi\n"
	"	pushq %rcx\n"
	"	movl %edx, %ecx\n"
	"	xorl %esi, %esi\n"
	"	xorl %edx, %edx\n"
	"	xorl %r8d, %r8d\n"
	"	xorl %r9d, %r9d\n"
	"	call *%rax\n"
	"	cld\n"
	"	leaq -56(%rbp), %rsp\n"
	"	ldmxcsr (%rsp)\n"
	"	fldcw 4(%rsp)\n"
	"	movq 8(%rsp), %rcx\n"
	"	movq %rdi, (%rcx)\n"
	"	movq %rsi, 8(%rcx)\n"
	"	movq %rdx, 16(%rcx)\n"
	"	movq %r8, 24(%rcx)\n"
	"	movq %r9, 32(%rcx)\n"
	"	addq $16, %rsp\n"
	"	popq %r15\n"
	"	popq %r14\n"
	"	popq %r13\n"
	"	popq %r12\n"
	"	popq %rbx\n"
	"	popq %rbp\n"
	"	ret\n"
	".size dj_sgx_enter, . - dj_sgx_enter\n");
