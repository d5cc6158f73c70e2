// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/kvm.h>
#include <stdint.h>

/*
 * What Linux 6.11 and later have for SEV-SNP guests, and Debian 12's headers
 * lack: asm/kvm.h, linux/kvm.h, linux/psp-sev.h. Numbers and layouts are the
 * kernel's; tests/unit/test_vmm_snp.c holds their sizes against the numbers.
 */
#define DJ_KVM_X86_SNP_VM 4

#define DJ_KVM_CAP_SPLIT_IRQCHIP     121
#define DJ_KVM_CAP_EXIT_HYPERCALL    201
#define DJ_KVM_CAP_VM_TYPES          235
#define DJ_KVM_HC_MAP_GPA_RANGE      12
#define DJ_KVM_MEM_GUEST_MEMFD       (1U << 2)
#define DJ_KVM_ATTRIBUTE_PRIVATE     (UINT64_C(1) << 3)
#define DJ_KVM_EXIT_MEMORY_FAULT     39
#define DJ_KVM_SYSTEM_EVENT_SEV_TERM 6

enum dj_sev_command {
	DJ_SEV_INIT2 = 22,
	DJ_SNP_LAUNCH_START = 100,
	DJ_SNP_LAUNCH_UPDATE = 101,
	DJ_SNP_LAUNCH_FINISH = 102,
};

struct dj_sev_cmd {
	uint32_t id, pad;
	uint64_t data;
	uint32_t error; /* firmware's */
	uint32_t sev_fd;
};

struct dj_sev_init {
	uint64_t vmsa_features;
	uint32_t flags;
	uint16_t ghcb_version, pad;
	uint32_t pad2[8];
};

struct dj_snp_start {
	uint64_t policy;
	uint8_t gosvw[16];
	uint16_t flags;
	uint8_t pad[6];
	uint64_t pad2[4];
};

struct dj_snp_update {
	uint64_t gfn, uaddr, len;
	uint8_t type, pad;
	uint16_t flags;
	uint32_t pad1;
	uint64_t pad2[4];
};

struct dj_snp_finish {
	uint64_t id_block, id_auth;
	uint8_t has_id_block, has_author_key, vcek_disabled;
	uint8_t host_data[32];
	uint8_t pad[3];
	uint16_t flags;
	uint64_t pad2[4];
};

struct dj_kvm_region2 {
	uint32_t slot, flags;
	uint64_t gpa, size, uaddr, memfd_off;
	uint32_t memfd, pad;
	uint64_t pad2[14];
};

struct dj_kvm_attributes {
	uint64_t gpa, size, attributes, flags;
};

struct dj_kvm_memfd {
	uint64_t size, flags, reserved[6];
};

#define DJ_KVM_MEMORY_ENCRYPT_OP UINT32_C(0xc008aeba)
#define DJ_KVM_SET_REGION2       _IOW(KVMIO, 0x49, struct dj_kvm_region2)
#define DJ_KVM_SET_ATTRIBUTES    _IOW(KVMIO, 0xd2, struct dj_kvm_attributes)
#define DJ_KVM_CREATE_MEMFD      _IOWR(KVMIO, 0xd4, struct dj_kvm_memfd)

/* /dev/sev. */
#define DJ_SEV_ISSUE_CMD           UINT32_C(0xc0105300)
#define DJ_SEV_SNP_PLATFORM_STATUS 9

struct dj_sev_issue {
	uint32_t cmd;
	uint64_t data;
	uint32_t error;
} __attribute__((packed));

struct dj_snp_platform {
	uint8_t api_major, api_minor, state, rmp; /* rmp: bit 0 initialised */
	uint32_t build, flags, guests;
	uint8_t current_tcb[8], reported_tcb[8];
};
