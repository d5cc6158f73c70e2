// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/proto/vm.h"

/*
 * One virtual machine, one processor, no devices and no firmware: what a Keep
 * on plain KVM runs in (lib/proto/vm.h). The process that makes it becomes
 * it: descriptors 3, 5 and 6 of the launcher (host/launch/launch.h) are its
 * region and its eventfds, and its exit status is how the Keep ended.
 */
struct dj_vmm_ghcb;
struct dj_vmm {
	int cpu; /* at DJ_JAIL_FD_KEPT or above; it keeps the VM alive */
	struct kvm_run *run;
	struct dj_vmm_ghcb *ghcb; /* NULL: a Keep that has none */
	int emu;                  /* the emulated processor's socket, or -1 */
	uint64_t snp_frames; /* bytes; of a guest under real SEV-SNP, else 0 */
};

/* What an emulated SNP guest begins with, which real firmware would make. */
struct dj_vmm_snp {
	uint8_t cpuid[4096], secrets[4096];
	int emu; /* for guest messages; moved to DJ_JAIL_FD_KEPT or above */
};

struct dj_vmm_plan {
	int kvm;                      /* an open /dev/kvm */
	int image;                    /* a memfd */
	uint64_t total;               /* bytes to commit */
	const struct dj_vmm_snp *snp; /* emulated SEV-SNP; or NULL */
	/* Real SEV-SNP (host/vmm/snp.h): an open /dev/sev; 0: none. */
	int sev;
	uint64_t policy;
	const uint8_t *host_data;
	const uint8_t *id_block, *id_auth; /* or NULL */
};

/*
 * Makes the machine, loads the image into it, and maps the region. All its
 * memory is zero and takes no room until it is touched. NULL, or what failed,
 * errno set; what was made by then goes with the process.
 */
const char *dj_vmm_new(const struct dj_vmm_plan *plan, struct dj_vmm *ret);

/*
 * Closes said and from here on lets the process run the processor, kick,
 * wait, talk to the emulated processor, and exit; any other system call kills
 * it. NULL, or what failed, and then said is still open.
 */
const char *dj_vmm_jail(const struct dj_vmm *vmm, int said);

/* What an exit of the guest asks for: a pure function of what KVM says. */
enum dj_vmm_next {
	DJ_VMM_AGAIN,
	DJ_VMM_KICK,
	DJ_VMM_WAIT,
	DJ_VMM_END,
};

/* What the exit that KVM_RUN came back with asks for; as dj_vmm_exit(). */
enum dj_vmm_next dj_vmm_step(const struct dj_vmm *vmm, uint8_t *ret_code);

/* Runs until the Keep ends. */
_Noreturn void dj_vmm_run(const struct dj_vmm *vmm);

/* *ret_code is set with DJ_VMM_END: an enum dj_halt. */
enum dj_vmm_next dj_vmm_exit(const struct kvm_run *run, uint8_t *ret_code);

/*
 * The same for a guest that thinks it has a GHCB: SEV_STATUS is zero, which
 * tells it that there is no SEV, and all that it asks the hypervisor for is
 * answered as KVM answers (56421 version 2). Large pages are handed over once
 * and validated once; the second time ends the Keep, as hardware would.
 */
#define DJ_VMM_LARGE_PAGES ((DJ_VM_FRAMES >> 21) + (DJ_VM_FRAMES_MAX >> 9))

struct dj_vmm_ghcb {
	uint8_t *pages; /* DJ_VM_SNP_SIZE bytes at DJ_VM_GHCB, shared */
	uint64_t end;   /* of the frames */
	uint64_t msr;
	bool is_registered;
	uint8_t state[DJ_VMM_LARGE_PAGES];
	/* One guest message. False: the emulated processor is gone. */
	bool (*ask)(void *ctx, const uint8_t request[4096],
		uint8_t response[4096], uint32_t *ret_error);
	void *ctx;
};

enum dj_vmm_next dj_vmm_ghcb_exit(struct dj_vmm_ghcb *g, struct kvm_run *run,
	uint8_t *ret_code);

/* The memory of frames for KCF1's total; false: more than a VM Keep can
 * have. */
bool dj_vmm_frames(uint64_t total, uint64_t *ret_size);

/* The CPUID page (56860 section 8.17.2.6) of what KVM can give: at most 64
 * entries, without what firmware refuses. False: errno. */
bool dj_vmm_cpuid_page(int kvm, uint8_t ret[static 4096]);
struct kvm_cpuid2;
void dj_vmm_cpuid_write(const struct kvm_cpuid2 *c, uint8_t ret[static 4096]);
