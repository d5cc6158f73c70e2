// SPDX-License-Identifier: Apache-2.0
// Ring 0 of a VM Keep: entry, what the processor reads, and the gate.
#include "keep/shim/vm/vm.h"

// ---- what the processor reads; five pages ----
	.section .ring0.data, "aw", @progbits
	.globl dj_ring0_pml4
dj_ring0_pml4:
	.quad dj_ring0_pdpt + PTE_P + PTE_W + PTE_U + PTE_AD
	.fill 511, 8, 0
	.globl dj_ring0_pdpt
dj_ring0_pdpt:
	.quad dj_ring0_pd + PTE_P + PTE_W + PTE_U + PTE_AD
	.fill 511, 8, 0

// The low GiB. The first entry is replaced once the image has its own table;
// the holes around the stack are its guards.
#define RING0_DATA (PTE_P + PTE_W + PTE_AD + PTE_LARGE + PTE_NX)
#define RING3_DATA (RING0_DATA + PTE_U)
	.globl dj_ring0_pd
dj_ring0_pd:
	.quad PTE_P + PTE_W + PTE_AD + PTE_LARGE
	.quad DJ_VM_TABLES + RING0_DATA
	.quad DJ_VM_TABLES + DJ_VM_LARGE + RING0_DATA
	.quad DJ_VM_LISTS + RING3_DATA
	.quad DJ_VM_LISTS + DJ_VM_LARGE + RING3_DATA
	.quad 0
	.quad DJ_VM_STACK + RING3_DATA
	.quad 0
	.quad DJ_VM_REGION + RING3_DATA
	.fill 503, 8, 0

// Every vector ends the Keep, but the breakpoint that is the gate, and a page
// fault of ring 3, which ring 3 is told.
#define GATE(dpl, at)                     \
	.word (at) & 0xffff, SEL_CODE0;   \
	.byte 0, 0x8e + ((dpl) << 5);     \
	.word (at) >> 16;                 \
	.quad 0
idt:
	.rept 3
	GATE(0, RING0_FATAL)
	.endr
	GATE(3, RING0_GATE)
	.rept 10
	GATE(0, RING0_FATAL)
	.endr
	GATE(0, RING0_FAULT)
	.rept 241
	GATE(0, RING0_FATAL)
	.endr

gdt:
	.quad 0
	.quad 0x00af9b000000ffff
	.quad 0x00cf93000000ffff
	.quad 0x00cff3000000ffff
	.quad 0x00affb000000ffff
	// The TSS stands 0x100 into the sixth page; below 16 MiB.
	.word 0x67, TSS & 0xffff
	.byte TSS >> 16, 0x89, 0, 0
	.quad 0
gdt_end:
	.globl dj_ring0_gdt_pointer, dj_ring0_idt_pointer
dj_ring0_gdt_pointer:
	.word gdt_end - gdt - 1
	.quad gdt
dj_ring0_idt_pointer:
	.word 0xfff
	.quad idt
	.set TSS, RING0_CODE - 0x1000 + 0x100
	.balign 0x100
tss:
	.long 0
	.quad RING0_STACK
	.fill 90, 1, 0
	.word 0x68 // no map of ports: ring 3 has none
// Until ring 3 runs: the other memory may not be the Keep's yet.
	.balign 16
	.fill 1024, 1, 0
boot_stack_end:

// ---- the two fixed places ----
	.section .ring0.entry, "ax", @progbits
	.globl dj_ring0_fatal
dj_ring0_fatal:
	movb $6, %al // DJ_HALT_FAULT
	jmp dj_ring0_end
	.org RING0_FAULT - RING0_CODE
	jmp fault
	.org RING0_GATE - RING0_CODE
	.globl dj_ring0_gate
dj_ring0_gate:
// A breakpoint anywhere but in dj_vm_gate(), or made by the host, is fatal.
	cmpq $dj_vm_gate_return, (%rsp)
	jne dj_ring0_fatal
	cmpl $DJ_GATE_WAIT, %eax
	je dj_ring0_wait
	cmpl $DJ_GATE_KICK, %eax
	je dj_ring0_kick
	cld
	cmpl $DJ_GATE_MAP, %eax
	je map
	cmpl $DJ_GATE_UNMAP, %eax
	je unmap
	cmpl $DJ_GATE_EXEC, %eax
	je exec
	cmpl $DJ_GATE_HALT, %eax
	jne dj_ring0_own
	movl %edi, %eax
	jmp dj_ring0_end
// Error code, then rip, cs, flags, rsp, ss. What ring 3's registers held is
// given up but for rbp: it never goes on where it was.
fault:
	testb $3, 16(%rsp)
	je dj_ring0_fatal
	addq $8, %rsp
	movq (%rsp), %rdi
	movq %cr2, %rsi
	movq %rbp, %rdx
	movq $dj_vm_fault, (%rsp)
	movq $dj_vm_fault_stack + DJ_VM_FAULT_STACK, 24(%rsp)
	iretq
map:
	call dj_ring0_map
	iretq
unmap:
	call dj_ring0_unmap
	iretq
exec:
	call dj_ring0_exec
	iretq

// ---- the first instruction in 64-bit mode ----
	.globl dj_ring0_entry
dj_ring0_entry:
	lgdt dj_ring0_gdt_pointer(%rip)
	lidt dj_ring0_idt_pointer(%rip)
	movl $SEL_DATA0, %eax
	movl %eax, %ss
	movl $SEL_TSS, %eax
	ltr %ax
	movl $boot_stack_end, %esp
// What the entry state says of CR0 and CR4, said again: W^X rests on it.
	movl $0x80050033, %eax
	movq %rax, %cr0
	cld
	call dj_ring0_features
	movl %eax, %ecx
	movq %rcx, %cr4
	shrq $32, %rax
	je 3f
	xorl %edx, %edx
	xorl %ecx, %ecx
	xsetbv
3:	call dj_ring0_boot
	movl $SEL_DATA3, %eax
	movl %eax, %ds
	movl %eax, %es
	pushq %rax
	pushq $DJ_VM_STACK + DJ_VM_STACK_SIZE
	pushq $2
	pushq $SEL_CODE3
	pushq $dj_vm_start
	iretq

// ---- ring 3 ----
	.section .text.dj_vm_start, "ax", @progbits
	.type dj_vm_start, @function
dj_vm_start:
	xorl %ebp, %ebp
	call dj_vm_main
	ud2

	.section .text.dj_vm_fault, "ax", @progbits
	.type dj_vm_fault, @function
dj_vm_fault:
	cld
	xorl %ebp, %ebp
	call dj_vm_on_fault
	ud2

// uint64_t dj_vm_gate(call, a, b, c)
	.section .text.dj_vm_gate, "ax", @progbits
	.globl dj_vm_gate, dj_vm_gate_return
	.type dj_vm_gate, @function
dj_vm_gate:
	movl %edi, %eax
	movq %rsi, %rdi
	movq %rdx, %rsi
	movq %rcx, %rdx
	int3
dj_vm_gate_return:
	ret
	.size dj_vm_gate, . - dj_vm_gate

	.section .note.GNU-stack, "", @progbits
