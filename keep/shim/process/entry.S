// SPDX-License-Identifier: Apache-2.0
// The first instruction of a process Keep, and its one way to the kernel.

	.section .text.entry, "ax", @progbits
	.globl dj_process_entry
	.type dj_process_entry, @function
// The kernel's stack holds what the host put on it (arguments, auxiliary
// vector): nothing is read from it, and it is unmapped once ours stands.
dj_process_entry:
	xorl %ebp, %ebp
	cld
	andq $-16, %rsp
	call dj_process_map
	movq %rax, %rsp
	xorl %ebp, %ebp
	call dj_process_main
	ud2
	.size dj_process_entry, . - dj_process_entry

// int64_t dj_process_syscall(nr, a, b, c, d, e, f): the only `syscall`
// instruction of the image; tools/check-image counts.
	.section .text.dj_process_syscall, "ax", @progbits
	.globl dj_process_syscall
	.type dj_process_syscall, @function
dj_process_syscall:
	movq %rdi, %rax
	movq %rsi, %rdi
	movq %rdx, %rsi
	movq %rcx, %rdx
	movq %r8, %r10
	movq %r9, %r8
	movq 8(%rsp), %r9
	syscall
	ret
	.size dj_process_syscall, . - dj_process_syscall

// Where a signal handler would return to; ours do not.
	.section .text.dj_process_no_return, "ax", @progbits
	.globl dj_process_no_return
	.type dj_process_no_return, @function
dj_process_no_return:
	ud2
	.size dj_process_no_return, . - dj_process_no_return

	.section .note.GNU-stack, "", @progbits
