// SPDX-License-Identifier: Apache-2.0
// The way into an SGX Keep and the ways out of it. EENTER changes RIP, FS, GS
// and RAX; everything else is the host's until this file has replaced it, and
// EEXIT hides nothing that this file leaves behind.
#include "keep/shim/sgx/sgx.h"

// Five bytes, so that an emulator can put a call in their place after they
// were measured. It pushes: RSP is valid wherever this stands.
	.macro ENCLU
	.byte 0x0f, 0x01, 0xd7, 0x66, 0x90
	.endm

// What the host may have put into x87, MXCSR and vector registers, and what
// we leave there, becomes their initial state. Clobbers EAX, EDX.
	.macro CLEAN_VECTORS
	movl $-1, %eax
	movl $-1, %edx
	xrstor64 dj_sgx_initial(%rip)
	.endm

// Status flags, DF, AC, NT to zero. Needs a stack of ours.
	.macro CLEAN_FLAGS
	pushq $2
	popfq
	.endm

	.macro ZERO regs:vararg
	.irp r, \regs
	xorl %\r, %\r
	.endr
	.endm

	.section .text.entry, "ax", @progbits
	.globl dj_sgx_entry
	.type dj_sgx_entry, @function
// RAX: CSSA. RCX: where the host wants us to go back to. RSP, RBP: the host's,
// kept for the way out and never used as a stack. RDI: an argument.
dj_sgx_entry:
	cld
	testq %rax, %rax
	jnz .Lexception
	movq %gs:T_STATE, %rax
	cmpq $STATE_OUT, %rax
	je .Lback
	cmpq $STATE_NEW, %rax
	jne .Lrefuse
	movq %rsp, %gs:T_HOST_RSP
	movq %rbp, %gs:T_HOST_RBP
	movq %rcx, %gs:T_HOST_RIP
	leaq dj_sgx_boot_stack+BOOT_STACK(%rip), %rsp
	CLEAN_FLAGS
	CLEAN_VECTORS
	ZERO eax, ebx, ecx, edx, esi, ebp, r8d, r9d, r10d, r11d, r12d, r13d, r14d, r15d
	lfence
	movq $STATE_IN, %gs:T_STATE
	call dj_sgx_boot
	movq %rax, %rsp
	call dj_sgx_main
	ud2

.Lback:
	movq %rsp, %gs:T_HOST_RSP
	movq %rbp, %gs:T_HOST_RBP
	movq %rcx, %gs:T_HOST_RIP
	movq %gs:T_STACK, %rsp
	CLEAN_FLAGS
	CLEAN_VECTORS
	ZERO ecx, edx, esi, r8d, r9d, r10d, r11d
	lfence
	movq $STATE_IN, %gs:T_STATE
	movq %rdi, %rax
	xorl %edi, %edi
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	ret

// One level of exceptions, on a stack of its own: that of the thread may be
// anything, for it can be interrupted between any two instructions above.
.Lexception:
	cmpq $1, %rax
	jne .Lrefuse
	movq %rsp, %gs:T_HANDLER_RSP
	movq %rbp, %gs:T_HANDLER_RBP
	movq %rcx, %gs:T_HANDLER_RIP
	leaq dj_sgx_handler_stack+HANDLER_STACK(%rip), %rsp
	CLEAN_FLAGS
	CLEAN_VECTORS
	ZERO eax, ebx, ecx, edx, esi, edi, ebp, r8d, r9d, r10d, r11d, r12d, r13d, r14d, r15d
	lfence
	call dj_sgx_exception
	movq %rax, %rdi
	CLEAN_VECTORS
	ZERO ecx, edx, r8d, r9d, r10d, r11d, r12d, r13d, r14d, r15d
	movl $FAULT, %esi
	CLEAN_FLAGS
	movq %gs:T_HANDLER_RIP, %rbx
	movq %gs:T_HANDLER_RBP, %rbp
	movq %gs:T_HANDLER_RSP, %rsp
	movl $DJ_SGX_EEXIT, %eax
	ENCLU
	ud2

// Nothing of ours was in a register yet. The host's RSP is where it was.
.Lrefuse:
	movq %rcx, %rbx
	movl $DJ_SGX_CALL_HALT, %edi
	movl $FAULT, %esi
	ZERO ecx, edx, r8d, r9d, r10d, r11d, r12d, r13d, r14d, r15d
	movl $DJ_SGX_EEXIT, %eax
	ENCLU
	ud2
	.size dj_sgx_entry, . - dj_sgx_entry

	.section .text.dj_sgx_call, "ax", @progbits
	.globl dj_sgx_call
	.type dj_sgx_call, @function
dj_sgx_call:
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rcx, %r8
	movq %rdx, %r9
	CLEAN_VECTORS
	movq %r9, %rdx
	ZERO ecx, r9d, r10d, r11d, r12d, r13d, r14d, r15d
	CLEAN_FLAGS
	movq %rsp, %gs:T_STACK
	movq $STATE_OUT, %gs:T_STATE
	movq %gs:T_HOST_RIP, %rbx
	movq %gs:T_HOST_RBP, %rbp
	movq %gs:T_HOST_RSP, %rsp
	movl $DJ_SGX_EEXIT, %eax
	ENCLU
	ud2
	.size dj_sgx_call, . - dj_sgx_call

	.section .text.dj_sgx_enclu, "ax", @progbits
	.globl dj_sgx_enclu
	.type dj_sgx_enclu, @function
dj_sgx_enclu:
	pushq %rbx
	movq %rdi, %rax
	movq %rsi, %rbx
	xchgq %rcx, %rdx
	ENCLU
	popq %rbx
	ret
	.size dj_sgx_enclu, . - dj_sgx_enclu

	.section .text.dj_sgx_fault, "ax", @progbits
	.globl dj_sgx_fault
	.type dj_sgx_fault, @function
dj_sgx_fault:
	leaq dj_sgx_boot_stack+BOOT_STACK(%rip), %rsp
	xorl %ebp, %ebp
	call dj_sgx_on_fault
	ud2
	.size dj_sgx_fault, . - dj_sgx_fault

	.section .text.dj_sgx_dead, "ax", @progbits
	.globl dj_sgx_dead
	.type dj_sgx_dead, @function
dj_sgx_dead:
	ud2
	.size dj_sgx_dead, . - dj_sgx_dead

// XSAVE's standard form with nothing in it but MXCSR's initial value, which
// XRSTOR takes from here in any case.
	.section .rodata.dj_sgx_initial, "a", @progbits
	.balign 64
dj_sgx_initial:
	.zero 24
	.long 0x1f80
	.zero 576 - 28

	.section .bss.dj_sgx_stacks, "aw", @nobits
	.balign 16
dj_sgx_boot_stack:
	.zero BOOT_STACK
dj_sgx_handler_stack:
	.zero HANDLER_STACK

	.section .note.GNU-stack, "", @progbits
