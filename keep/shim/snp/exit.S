// SPDX-License-Identifier: Apache-2.0
// The first instruction of an SNP Keep, and how its ring 0 leaves it.
//
// Nothing here or in ring 3 raises #VC, so that vector is as fatal as the
// others: CPUID comes from the firmware's page, ports and MSRs of the host
// through the GHCB.
#include "keep/shim/snp/snp.h"
#include "keep/shim/vm/vm.h"

	.section .ring0.exit, "ax", @progbits

// ---- 32-bit, no paging: all memory is private, whatever bit says so ----
	.code32
	.globl dj_snp_entry
dj_snp_entry:
	lgdt dj_ring0_gdt_pointer
	lidt dj_ring0_idt_pointer
// No host can change what an SEV guest reads here. All zero: no SEV, and the
// secure processor is emulated; SEV or SEV-ES alone: not for us.
	movl $MSR_SEV_STATUS, %ecx
	rdmsr
	movl %eax, %ebx
	xorl %edi, %edi
	orl %edx, %ebx
	jz 3f
	testl %edx, %edx
	jnz refuse
	andl $~SEV_STATUS_ALLOWED, %eax
	cmpl $SEV_STATUS_SNP, %eax
	jne refuse
// Where the C-bit is: leaf 0x8000001f, EBX. Firmware has checked the page.
	movl $DJ_VM_CPUID, %ebx
	movl (%ebx), %ecx
	cmpl $64, %ecx
	ja refuse
	addl $16, %ebx
1:	subl $1, %ecx
	jb refuse
	cmpl $0x8000001f, (%ebx)
	je 2f
	addl $48, %ebx
	jmp 1b
2:	movl 28(%ebx), %ecx
	andl $0x3f, %ecx
	subl $32, %ecx
	cmpl $19, %ecx
	ja refuse
	movl $1, %edi
	shll %cl, %edi
3:	movl %edi, dj_ring0_private + 4
	orl %edi, dj_ring0_pml4 + 4
	orl %edi, dj_ring0_pdpt + 4
// All that the first directory maps but the shared region, which is last.
	movl $dj_ring0_pd, %ebx
4:	testl $PTE_P, (%ebx)
	jz 5f
	orl %edi, 4(%ebx)
5:	addl $8, %ebx
	cmpl $dj_ring0_pd + 8 * (DJ_VM_REGION / DJ_VM_LARGE), %ebx
	jb 4b
// PAE; LME and NXE; paging. The processor takes tables for private.
	movl $0x20, %eax
	movl %eax, %cr4
	movl $dj_ring0_pml4, %eax
	movl %eax, %cr3
	movl $MSR_EFER, %ecx
	rdmsr
	orl $0x900, %eax
	wrmsr
	movl $0x80050033, %eax
	movl %eax, %cr0
	ljmpl $SEL_CODE0, $dj_ring0_entry
refuse:
	movl $SNP_UNSUPPORTED, %eax
	xorl %edx, %edx
	movl $MSR_GHCB, %ecx
	wrmsr
	rep
	vmmcall
	jmp refuse

// ---- 64-bit ----
	.code64
	.globl dj_ring0_wait, dj_ring0_kick, dj_ring0_own, dj_ring0_end
dj_ring0_wait:
	cmpl $0, dj_ring0_private + 4
	jne 1f
	hlt
	iretq
1:	movl $DJ_VM_PORT_WAIT, %edi
	jmp out
dj_ring0_kick:
	cmpl $0, dj_ring0_private + 4
	jne 1f
	outb %al, $DJ_VM_PORT_KICK
	iretq
1:	movl $DJ_VM_PORT_KICK, %edi
out:
	cld
	call dj_snp_out
	iretq
dj_ring0_own:
	cmpl $DJ_GATE_ASK, %eax
	jne dj_ring0_fatal
	call dj_snp_ask
	iretq
// The MSR alone: no memory is trusted any more, the stack neither.
dj_ring0_end:
	cmpl $0, dj_ring0_private + 4
	jne 1f
	outb %al, $DJ_VM_PORT_HALT
	jmp dj_ring0_end
1:	movzbl %al, %eax
	shll $16, %eax
	orl $SNP_ENDED, %eax
	xorl %edx, %edx
	movl $MSR_GHCB, %ecx
2:	wrmsr
	rep
	vmmcall
	jmp 2b

	.section .note.GNU-stack, "", @progbits
