// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/base/status.h"
#include "lib/evidence/image.h"

/*
 * The launch digest of an SEV-SNP guest (56860 section 8.17): a chain of
 * SHA-384 over 112 bytes a page, in the order in which pages are given to the
 * firmware, and last the register state of each processor (VMSA).
 *
 * One walk, dj_snp_launch_walk(), says which pages a Keep is launched with; the
 * launcher, the emulated secure processor and `donjon measure --tee snp` all
 * follow it. The guest policy, HOST_DATA, the ID block and what is in the
 * CPUID and secrets pages are not in the digest.
 */
#define DJ_SNP_DIGEST   48
#define DJ_SNP_PAGE     4096
/* Where KVM says that each VMSA is. */
#define DJ_SNP_VMSA_GPA UINT64_C(0xfffffffff000)

enum dj_snp_page_type {
	DJ_SNP_PAGE_NORMAL = 1,
	DJ_SNP_PAGE_VMSA = 2,
	DJ_SNP_PAGE_ZERO = 3,
	DJ_SNP_PAGE_UNMEASURED = 4,
	DJ_SNP_PAGE_SECRETS = 5,
	DJ_SNP_PAGE_CPUID = 6,
};

struct dj_snp_launch {
	uint8_t digest[DJ_SNP_DIGEST];
	size_t pages; /* all, the VMSA too */
};

/* The digest of nothing. */
void dj_snp_launch_init(struct dj_snp_launch *l);
/* Content is 4096 bytes for NORMAL and VMSA, and not looked at for others. */
void dj_snp_launch_page(struct dj_snp_launch *l, enum dj_snp_page_type type,
	uint64_t gpa, const uint8_t *content);

/* A segment register as a VMSA has it: attrib is type, S, DPL, P in the low
 * byte, AVL, L, D/B, G above. */
struct dj_snp_segment {
	uint16_t selector;
	uint16_t attrib;
	uint32_t limit;
	uint64_t base;
};

/* The registers that a VMM sets; the rest of a VMSA is what KVM writes. */
struct dj_snp_vmsa {
	struct dj_snp_segment cs, data, gdtr, idtr, ldtr, tr;
	uint64_t efer, cr0, cr3, cr4, rflags, rip, rsp, rsi, rdx;
};

/* The state in which a Keep's one processor begins (docs/tees/snp.md): 32-bit
 * protected mode without paging, flat, at the image's entry. */
void dj_snp_vmsa_of(uint64_t entry, struct dj_snp_vmsa *ret);
void dj_snp_vmsa_write(const struct dj_snp_vmsa *v,
	uint8_t dst[static DJ_SNP_PAGE]);

/*
 * Every page of a Keep's launch in order: the image's, those that are zero as
 * ZERO, then CPUID and secrets page (lib/proto/vm.h), then the VMSA. visit has
 * the content of NORMAL and VMSA pages, and NULL for others.
 */
typedef dj_status dj_snp_visit(void *ctx, enum dj_snp_page_type type,
	uint64_t gpa, const uint8_t *content);
dj_status dj_snp_launch_walk(const struct dj_image *img, dj_snp_visit *visit,
	void *ctx);

/* The digest of that walk. */
dj_status dj_snp_measure(const struct dj_image *img, struct dj_snp_launch *ret);
