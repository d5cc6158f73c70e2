// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * One virtual machine, one processor, no devices and no firmware: what a Keep
 * on plain KVM runs in (lib/proto/vm.h). The process that makes it becomes
 * it: descriptors 3, 5 and 6 of the launcher (host/launch/launch.h) are its
 * region and its eventfds, and its exit status is how the Keep ended.
 */
struct dj_vmm {
	int cpu; /* at DJ_JAIL_FD_KEPT or above; it keeps the VM alive */
	struct kvm_run *run;
};

/*
 * Makes the machine with kvm, an open /dev/kvm, and loads the image (a memfd) into it:
 * total bytes to commit, the region mapped. All its memory is zero and takes
 * no room until it is touched. NULL, or what failed, errno set; what was
 * made by then goes with the process.
 */
const char *dj_vmm_new(int kvm, int image, uint64_t total, struct dj_vmm *ret);

/*
 * Closes said and from here on lets the process run the processor, kick,
 * wait, and exit; any other system call kills it. NULL, or what failed, and
 * then said is still open.
 */
const char *dj_vmm_jail(const struct dj_vmm *vmm, int said);

/* Runs until the Keep ends. */
_Noreturn void dj_vmm_run(const struct dj_vmm *vmm);

/* What an exit of the guest asks for: a pure function of what KVM says. */
enum dj_vmm_next {
	DJ_VMM_AGAIN,
	DJ_VMM_KICK,
	DJ_VMM_WAIT,
	DJ_VMM_END,
};

/* *ret_code is set with DJ_VMM_END: an enum dj_halt. */
enum dj_vmm_next dj_vmm_exit(const struct kvm_run *run, uint8_t *ret_code);

/* The memory of frames for KCF1's total; false: more than a VM Keep can
 * have. */
bool dj_vmm_frames(uint64_t total, uint64_t *ret_size);
