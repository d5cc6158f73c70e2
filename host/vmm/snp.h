// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/kvm.h>
#include <stddef.h>
#include <stdint.h>

#include "host/vmm/vmm.h"
#include "lib/evidence/image.h"

/*
 * Launching an SEV-SNP guest through KVM (Linux 6.11 and later), and its exits.
 *
 * NEVER RUN ON HARDWARE: there was none. Order and structures follow the
 * kernel's documentation (amd-memory-encryption.rst 18 to 21); tests run it
 * against a fake kernel that checks them (tests/unit/test_vmm_snp.c).
 */

/* What it asks of the kernel. Tests have their own. */
struct dj_snp_kernel {
	int (*ioctl)(void *ctx, int fd, unsigned long op, void *arg);
	void *ctx;
};
extern const struct dj_snp_kernel dj_snp_linux;

struct dj_snp_plan {
	int kvm, sev; /* /dev/kvm, /dev/sev */
	const struct dj_image *image;
	uint64_t frames; /* bytes, whole large pages */
	uint64_t policy; /* guest policy */
	uint8_t host_data[32];
	/* NULL, or lib/evidence/snp_id.h's, by the guest's owner. */
	const uint8_t *id_block, *id_auth;
	uint8_t *cpuid; /* page aligned, 4096; firmware may correct it */
	/* Memory here, page aligned, that stands behind what is shared and
	 * must be named for what is private (never touched). */
	void *low, *region, *ghcb, *frames_at;
};

struct dj_snp_vm {
	int vm, cpu;
	uint64_t frames;
};

/*
 * NULL, or what failed, errno set; a firmware's refusal is in the text. What
 * was made by then goes with the process. Text: constant or in ret's.
 */
const char *dj_snp_start_vm(const struct dj_snp_kernel *k,
	const struct dj_snp_plan *plan, struct dj_snp_vm *ret);

/* Registers at entry, as KVM_SET_SREGS has them (lib/evidence/snp_launch.h);
 * the emulated guest's too. Sets what a VM without SEV can have. */
void dj_snp_sregs(uint64_t entry, struct kvm_sregs *s);

/*
 * An exit of such a guest. Memory that is private from the start is all that
 * it may ask to be private (KVM_HC_MAP_GPA_RANGE); nothing becomes shared.
 */
enum dj_vmm_next dj_snp_exit(struct kvm_run *run, uint64_t frames,
	uint8_t *ret_code);

/* Firmware's word for its error; "another error" for one unknown here. */
const char *dj_snp_firmware_text(uint32_t error);
