// SPDX-License-Identifier: Apache-2.0
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "host/vmm/vmm.h"

/* Leaves that KVM can give, and then some. */
#define LEAVES_MAX 256
#define ENTRIES    64
#define ENTRY_SIZE 48

/* What firmware refuses, as known (spec of SEV-SNP launch, CPUID page). */
static struct kvm_cpuid_entry2 adjusted(struct kvm_cpuid_entry2 e)
{
	switch (e.function) {
	case 1:
		e.ecx &= ~(1U << 24); /* TSC deadline */
		break;
	case 7:
		if (e.index != 0)
			break;
		e.ebx &= ~(1U << 1); /* TSC adjust */
		e.edx = 0;
		break;
	case 0xd:
		if (e.index < 2)
			e.ebx = 0x240;
		break;
	case 0x80000008:
		e.ebx &= ~(1U << 25);
		break;
	case 0x80000021:
		e.eax &= ~(1U << 9);
		e.ecx = 0;
		break;
	default:
		break;
	}
	return e;
}

static bool is_wanted(const struct kvm_cpuid_entry2 *e)
{
	bool is_vendor = e->function < 0x40000000 || e->function >= 0x80000000;

	return is_vendor && (e->eax | e->ebx | e->ecx | e->edx) != 0;
}

static void put(uint8_t *p, uint32_t v)
{
	memcpy(p, &v, sizeof(v));
}

static void write_entry(uint8_t *p, const struct kvm_cpuid_entry2 *e)
{
	bool is_xsave = e->function == 0xd && e->index < 2;

	put(p, e->function);
	put(p + 4, e->index);
	put(p + 8, is_xsave); /* XCR0 */
	put(p + 24, e->eax);
	put(p + 28, e->ebx);
	put(p + 32, e->ecx);
	put(p + 36, e->edx);
}

void dj_vmm_cpuid_write(const struct kvm_cpuid2 *c, uint8_t ret[static 4096])
{
	uint32_t n = 0;

	memset(ret, 0, 4096);
	for (uint32_t i = 0; i < c->nent && n < ENTRIES; i++) {
		struct kvm_cpuid_entry2 e = adjusted(c->entries[i]);

		if (is_wanted(&e))
			write_entry(ret + 16 + (size_t)ENTRY_SIZE * n++, &e);
	}
	put(ret, n);
}

bool dj_vmm_cpuid_page(int kvm, uint8_t ret[static 4096])
{
	struct kvm_cpuid2 *c = calloc(1,
		sizeof(*c) + LEAVES_MAX * sizeof(struct kvm_cpuid_entry2));
	bool good;

	if (c == NULL)
		return false;
	c->nent = LEAVES_MAX;
	good = ioctl(kvm, KVM_GET_SUPPORTED_CPUID, c) == 0;
	if (good)
		dj_vmm_cpuid_write(c, ret);
	free(c);
	return good;
}
