// SPDX-License-Identifier: Apache-2.0
#include "host/vmm/snp.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "host/vmm/snp_abi.h"
#include "lib/evidence/snp_launch.h"
#include "lib/proto/hostcall.h"
#include "lib/proto/vm.h"

#define LEAVES_MAX     256
#define SEV_LEAF       0x8000001f
#define GHCB_VERSION   2
#define IOAPIC_PINS    24
#define INVALID_PARAM  0x16
#define UPDATE_TRIES   1000
#define LOW_SIZE       (DJ_VM_LOW_END - DJ_VM_IMAGE)
#define GHCB_TERMINATE 0x100

static int linux_ioctl(void *ctx, int fd, unsigned long op, void *arg)
{
	(void)ctx;
	return ioctl(fd, op, arg);
}

const struct dj_snp_kernel dj_snp_linux = { .ioctl = linux_ioctl };

const char *dj_snp_firmware_text(uint32_t error)
{
	static const struct {
		uint32_t error;
		const char *text;
	} texts[] = {
		{ 0x01, "INVALID_PLATFORM_STATE" },
		{ 0x02, "INVALID_GUEST_STATE" },
		{ 0x07, "POLICY_FAILURE: this platform has not what the policy asks" },
		{ 0x0a, "BAD_SIGNATURE: the ID block's" },
		{ 0x0b, "BAD_MEASUREMENT: not the digest of the ID block" },
		{ 0x10, "INVALID_GUEST" },
		{ 0x16, "INVALID_PARAM" },
		{ 0x17, "RESOURCE_LIMIT" },
		{ 0x1a, "INVALID_PAGE_STATE" },
		{ 0x1d, "AEAD_OFLOW" },
		{ 0x21, "BAD_SVN" },
		{ 0x22, "BAD_VERSION" },
		{ 0x27, "INVALID_KEY" },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (texts[i].error == error)
			return texts[i].text;
	}
	return "another error";
}

/* A launch under way. */
struct launch {
	const struct dj_snp_kernel *k;
	const struct dj_snp_plan *plan;
	struct dj_snp_vm vm;
	uint32_t error; /* firmware's last */
	_Alignas(4096) uint8_t page[4096];
};

static int call(const struct launch *l, int fd, unsigned long op, void *arg)
{
	return l->k->ioctl(l->k->ctx, fd, op, arg);
}

static int sev(struct launch *l, uint32_t id, void *data)
{
	struct dj_sev_cmd cmd = { .id = id,
		.data = (uint64_t)(uintptr_t)data,
		.sev_fd = (uint32_t)l->plan->sev };
	int r = call(l, l->vm.vm, DJ_KVM_MEMORY_ENCRYPT_OP, &cmd);

	l->error = cmd.error;
	return r;
}

/* what, and what firmware said of it, if it did. One launch a process. */
static const char *refused(const struct launch *l, const char *what)
{
	static char text[160];

	if (l->error == 0)
		return what;
	(void)snprintf(text, sizeof(text), "%s: firmware error 0x%x, %s", what,
		l->error, dj_snp_firmware_text(l->error));
	return text;
}

static bool enable(struct launch *l, uint32_t cap, uint64_t arg)
{
	struct kvm_enable_cap c = { .cap = cap, .args = { arg } };

	return call(l, l->vm.vm, KVM_ENABLE_CAP, &c) == 0;
}

static const char *make_vm(struct launch *l)
{
	struct dj_sev_init init = { .ghcb_version = GHCB_VERSION };
	int types = call(l, l->plan->kvm, KVM_CHECK_EXTENSION,
		(void *)(uintptr_t)DJ_KVM_CAP_VM_TYPES);

	if (types < 0 || (types >> DJ_KVM_X86_SNP_VM & 1) == 0) {
		errno = ENODEV;
		return "this kernel or processor has no SEV-SNP guests";
	}
	l->vm.vm = call(l, l->plan->kvm, KVM_CREATE_VM,
		(void *)(uintptr_t)DJ_KVM_X86_SNP_VM);
	if (l->vm.vm < 0)
		return "cannot make an SEV-SNP VM";
	if (!enable(l, DJ_KVM_CAP_EXIT_HYPERCALL,
		    UINT64_C(1) << DJ_KVM_HC_MAP_GPA_RANGE))
		return "this kernel does not pass page state changes on";
	if (!enable(l, DJ_KVM_CAP_SPLIT_IRQCHIP, IOAPIC_PINS))
		return "cannot make an interrupt controller";
	if (sev(l, DJ_SEV_INIT2, &init) != 0)
		return refused(l, "SEV_INIT2");
	return NULL;
}

static bool add_shared(struct launch *l, uint32_t slot, uint64_t gpa, void *p,
	uint64_t size)
{
	struct dj_kvm_region2 r = { .slot = slot,
		.gpa = gpa,
		.size = size,
		.uaddr = (uint64_t)(uintptr_t)p };

	return call(l, l->vm.vm, DJ_KVM_SET_REGION2, &r) == 0;
}

static bool add_private(struct launch *l, uint32_t slot, uint64_t gpa, void *p,
	uint64_t size)
{
	struct dj_kvm_memfd fd = { .size = size };
	struct dj_kvm_region2 r = { .slot = slot,
		.flags = DJ_KVM_MEM_GUEST_MEMFD,
		.gpa = gpa,
		.size = size,
		.uaddr = (uint64_t)(uintptr_t)p };
	int memfd = call(l, l->vm.vm, DJ_KVM_CREATE_MEMFD, &fd);

	r.memfd = (uint32_t)memfd;
	return memfd >= 0 && call(l, l->vm.vm, DJ_KVM_SET_REGION2, &r) == 0;
}

static bool make_private(struct launch *l, uint64_t gpa, uint64_t size)
{
	struct dj_kvm_attributes a = { .gpa = gpa,
		.size = size,
		.attributes = DJ_KVM_ATTRIBUTE_PRIVATE };

	return call(l, l->vm.vm, DJ_KVM_SET_ATTRIBUTES, &a) == 0;
}

static const char *add_memory(struct launch *l)
{
	const struct dj_snp_plan *p = l->plan;

	if (!add_private(l, 0, DJ_VM_IMAGE, p->low, LOW_SIZE) ||
		!add_shared(l, 1, DJ_VM_REGION, p->region, DJ_HC_REGION_SIZE) ||
		!add_private(l, 2, DJ_VM_FRAMES, p->frames_at, p->frames) ||
		!add_shared(l, 3, DJ_VM_GHCB, p->ghcb, DJ_VM_SNP_SIZE))
		return "cannot give the VM its memory";
	return NULL;
}

static struct kvm_segment segment_of(const struct dj_snp_segment *s)
{
	return (struct kvm_segment){ .base = s->base,
		.limit = s->limit,
		.selector = s->selector,
		.type = s->attrib & 15,
		.s = s->attrib >> 4 & 1,
		.dpl = s->attrib >> 5 & 3,
		.present = s->attrib >> 7 & 1,
		.avl = s->attrib >> 8 & 1,
		.l = s->attrib >> 9 & 1,
		.db = s->attrib >> 10 & 1,
		.g = s->attrib >> 11 & 1 };
}

static struct kvm_dtable table_of(const struct dj_snp_segment *s)
{
	return (struct kvm_dtable){ .base = s->base,
		.limit = (uint16_t)s->limit };
}

void dj_snp_sregs(uint64_t entry, struct kvm_sregs *s)
{
	struct dj_snp_vmsa v;

	dj_snp_vmsa_of(entry, &v);
	s->cs = segment_of(&v.cs);
	s->ds = s->es = s->fs = s->gs = s->ss = segment_of(&v.data);
	s->ldt = segment_of(&v.ldtr);
	s->tr = segment_of(&v.tr);
	s->gdt = table_of(&v.gdtr);
	s->idt = table_of(&v.idtr);
	s->cr0 = v.cr0;
	s->cr3 = v.cr3;
	s->cr4 = v.cr4;
	s->efer = v.efer;
}

/* With the leaf that has the C-bit: without it KVM takes one for wrong. */
static const char *set_cpuid(struct launch *l)
{
	struct kvm_cpuid2 *c = calloc(1,
		sizeof(*c) + LEAVES_MAX * sizeof(struct kvm_cpuid_entry2));
	bool good = false, has_sev = false;

	if (c == NULL)
		return "no memory";
	c->nent = LEAVES_MAX;
	if (call(l, l->plan->kvm, KVM_GET_SUPPORTED_CPUID, c) == 0) {
		for (uint32_t i = 0; i < c->nent; i++)
			has_sev = has_sev || c->entries[i].function == SEV_LEAF;
		dj_vmm_cpuid_write(c, l->plan->cpuid);
		good = call(l, l->vm.cpu, KVM_SET_CPUID2, c) == 0;
	}
	free(c);
	if (good && !has_sev)
		errno = ENODEV;
	return !good      ? "cannot set what the processor has"
		: has_sev ? NULL
			  : "KVM's processors have no SEV";
}

static const char *make_cpu(struct launch *l)
{
	uint64_t entry = l->plan->image->entry;
	struct kvm_regs regs = { .rip = entry, .rflags = 2 };
	struct kvm_sregs s;
	const char *wrong;

	l->vm.cpu = call(l, l->vm.vm, KVM_CREATE_VCPU, NULL);
	if (l->vm.cpu < 0)
		return "cannot make a processor";
	wrong = set_cpuid(l);
	if (wrong != NULL)
		return wrong;
	if (call(l, l->vm.cpu, KVM_GET_SREGS, &s) != 0)
		return "cannot set up the processor";
	dj_snp_sregs(entry, &s);
	return call(l, l->vm.cpu, KVM_SET_SREGS, &s) == 0 &&
			call(l, l->vm.cpu, KVM_SET_REGS, &regs) == 0
		? NULL
		: "cannot set up the processor";
}

/* Until KVM has taken all of it; it may ask for patience. */
static int update(struct launch *l, enum dj_snp_page_type type, uint64_t gpa,
	void *p)
{
	struct dj_snp_update u = { .gfn = gpa >> 12,
		.uaddr = (uint64_t)(uintptr_t)p,
		.len = 4096,
		.type = (uint8_t)type };
	int r = 0;

	for (int i = 0; i < UPDATE_TRIES && u.len != 0; i++) {
		r = sev(l, DJ_SNP_LAUNCH_UPDATE, &u);
		if (r != 0 && errno != EAGAIN)
			return r;
	}
	if (u.len != 0)
		errno = EAGAIN;
	return u.len == 0 ? 0 : -1;
}

/* Firmware that dislikes the table has put a better one in its place. */
static int update_cpuid(struct launch *l, uint64_t gpa)
{
	int r = update(l, DJ_SNP_PAGE_CPUID, gpa, l->plan->cpuid);

	return r != 0 && l->error == INVALID_PARAM
		? update(l, DJ_SNP_PAGE_CPUID, gpa, l->plan->cpuid)
		: r;
}

/* The one walk; KVM itself adds the VMSA when the launch is finished. */
static dj_status add_page(void *ctx, enum dj_snp_page_type type, uint64_t gpa,
	const uint8_t *content)
{
	struct launch *l = ctx;
	int r = 0;

	if (content != NULL)
		memcpy(l->page, content, sizeof(l->page));
	if (type == DJ_SNP_PAGE_CPUID)
		r = update_cpuid(l, gpa);
	else if (type != DJ_SNP_PAGE_VMSA)
		r = update(l, type, gpa, l->page);
	return r == 0 ? DJ_OK : DJ_E_SYS;
}

static const char *fill(struct launch *l)
{
	const struct dj_snp_plan *p = l->plan;
	struct dj_snp_start start = { .policy = p->policy };
	struct dj_snp_finish end = {
		.id_block = (uint64_t)(uintptr_t)p->id_block,
		.id_auth = (uint64_t)(uintptr_t)p->id_auth,
		.has_id_block = p->id_block != NULL,
		/* Whether there is an author key says the second word. */
		.has_author_key = p->id_auth != NULL && p->id_auth[4] != 0,
	};

	memcpy(end.host_data, p->host_data, sizeof(end.host_data));
	if (sev(l, DJ_SNP_LAUNCH_START, &start) != 0)
		return refused(l, "SNP_LAUNCH_START");
	if (dj_snp_launch_walk(p->image, add_page, l) != DJ_OK)
		return refused(l, "SNP_LAUNCH_UPDATE");
	if (sev(l, DJ_SNP_LAUNCH_FINISH, &end) != 0)
		return refused(l, "SNP_LAUNCH_FINISH");
	return NULL;
}

const char *dj_snp_start_vm(const struct dj_snp_kernel *k,
	const struct dj_snp_plan *plan, struct dj_snp_vm *ret)
{
	struct launch l = { .k = k,
		.plan = plan,
		.vm = { .vm = -1, .cpu = -1, .frames = plan->frames } };
	const char *wrong = make_vm(&l);

	if (wrong == NULL)
		wrong = add_memory(&l);
	if (wrong == NULL)
		wrong = make_cpu(&l);
	if (wrong == NULL &&
		(!make_private(&l, DJ_VM_IMAGE, LOW_SIZE) ||
			!make_private(&l, DJ_VM_FRAMES, plan->frames)))
		wrong = "cannot make the VM's memory private";
	if (wrong == NULL)
		wrong = fill(&l);
	if (wrong == NULL)
		*ret = l.vm;
	return wrong;
}

static bool is_private(uint64_t gpa, uint64_t pages, uint64_t frames)
{
	uint64_t base = gpa >= DJ_VM_FRAMES ? DJ_VM_FRAMES : DJ_VM_IMAGE;
	uint64_t size = gpa >= DJ_VM_FRAMES ? frames : LOW_SIZE;

	return gpa % 4096 == 0 && gpa >= base && gpa - base <= size &&
		pages <= (size - (gpa - base)) / 4096;
}

static void map_range(struct kvm_run *run, uint64_t frames)
{
	const uint64_t encrypted = UINT64_C(1) << 4;
	const __u64 *a = run->hypercall.args;
	bool good = (a[2] & encrypted) != 0 && is_private(a[0], a[1], frames);

	run->hypercall.ret = good ? 0 : EINVAL;
}

/* The guest's own end: our reasons are enum dj_halt, others are faults. */
static uint8_t code_of(uint64_t ghcb)
{
	uint64_t set = ghcb >> 12 & 15, reason = ghcb >> 16 & 0xff;

	return (ghcb & 0xfff) == GHCB_TERMINATE && set == DJ_VM_SNP_REASONS &&
			reason < DJ_HALT_COUNT
		? (uint8_t)reason
		: DJ_HALT_FAULT;
}

enum dj_vmm_next dj_snp_exit(struct kvm_run *run, uint64_t frames,
	uint8_t *ret_code)
{
	if (run->exit_reason == KVM_EXIT_HYPERCALL &&
		run->hypercall.nr == DJ_KVM_HC_MAP_GPA_RANGE) {
		map_range(run, frames);
		return DJ_VMM_AGAIN;
	}
	if (run->exit_reason == KVM_EXIT_SYSTEM_EVENT &&
		run->system_event.type == DJ_KVM_SYSTEM_EVENT_SEV_TERM &&
		run->system_event.ndata == 1) {
		*ret_code = code_of(run->system_event.data[0]);
		return DJ_VMM_END;
	}
	return dj_vmm_exit(run, ret_code);
}
