// SPDX-License-Identifier: Apache-2.0
// How ring 0 leaves a plain VM: HLT, and one byte to a port.
#include "keep/shim/vm/vm.h"

	.section .ring0.exit, "ax", @progbits
	.globl dj_ring0_wait, dj_ring0_kick, dj_ring0_own, dj_ring0_end
dj_ring0_wait:
	hlt
	iretq
dj_ring0_kick:
	outb %al, $DJ_VM_PORT_KICK
	iretq
dj_ring0_own:
	jmp dj_ring0_fatal
dj_ring0_end:
	outb %al, $DJ_VM_PORT_HALT
	jmp dj_ring0_end

	.section .note.GNU-stack, "", @progbits
