// SPDX-License-Identifier: Apache-2.0
#include "host/vmm/vmm.h"
#include "lib/proto/hostcall.h"
#include "lib/proto/vm.h"

/* The one byte of an OUT, which KVM puts into its page; false: anything
 * else. */
static bool out_byte(const struct kvm_run *run, uint8_t *ret)
{
	const uint8_t *page = (const uint8_t *)run;

	if (run->io.direction != KVM_EXIT_IO_OUT || run->io.size != 1 ||
		run->io.count != 1)
		return false;
	*ret = page[run->io.data_offset];
	return true;
}

enum dj_vmm_next dj_vmm_exit(const struct kvm_run *run, uint8_t *ret_code)
{
	uint8_t byte;

	if (run->exit_reason == KVM_EXIT_HLT)
		return DJ_VMM_WAIT;
	if (run->exit_reason == KVM_EXIT_INTR)
		return DJ_VMM_AGAIN;
	*ret_code = DJ_HALT_FAULT;
	if (run->exit_reason != KVM_EXIT_IO || !out_byte(run, &byte))
		return DJ_VMM_END;
	if (run->io.port == DJ_VM_PORT_KICK)
		return DJ_VMM_KICK;
	if (run->io.port == DJ_VM_PORT_WAIT)
		return DJ_VMM_WAIT;
	if (run->io.port == DJ_VM_PORT_HALT && byte < DJ_HALT_COUNT)
		*ret_code = byte;
	return DJ_VMM_END;
}

bool dj_vmm_frames(uint64_t total, uint64_t *ret_size)
{
	const uint64_t most = (uint64_t)DJ_VM_FRAMES_MAX * 4096;

	if (total > most)
		return false;
	*ret_size = (total + DJ_VM_LARGE - 1) / DJ_VM_LARGE * DJ_VM_LARGE;
	/* Ring 3 looks for free frames in whole large pages. */
	if (*ret_size == 0)
		*ret_size = DJ_VM_LARGE;
	return true;
}
