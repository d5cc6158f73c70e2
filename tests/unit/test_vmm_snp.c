// SPDX-License-Identifier: Apache-2.0
/*
 * The launch of an SEV-SNP guest against a fake kernel that knows the order
 * and the structures (amd-memory-encryption.rst 18 to 21), measures what it is
 * given as firmware does, and refuses at any step. Nothing here has met the
 * hardware. Then the GHCB as our own VMM serves it to an emulated guest.
 */
#include <errno.h>

#include "host/vmm/snp.h"
#include "host/vmm/snp_abi.h"
#include "lib/evidence/snp_launch.h"
#include "lib/proto/hostcall.h"
#include "tests/tap.h"

#define FRAMES (UINT64_C(64) << 20)

/* ---- the kernel ---- */

enum step {
	CHECK,
	CREATE_VM,
	HYPERCALLS,
	IRQCHIP,
	INIT2,
	MEMFD_LOW,
	REGION_LOW,
	REGION_SHARED,
	MEMFD_FRAMES,
	REGION_FRAMES,
	REGION_GHCB,
	CREATE_CPU,
	SUPPORTED,
	SET_CPUID,
	GET_SREGS,
	SET_SREGS,
	SET_REGS,
	PRIVATE_LOW,
	PRIVATE_FRAMES,
	START,
	UPDATE,
	FINISH,
	STEPS
};

static const char *const step_names[STEPS] = { "KVM_CHECK_EXTENSION",
	"KVM_CREATE_VM", "the hypercall exit", "the interrupt controller",
	"SEV_INIT2", "guest_memfd", "the image's region", "the shared region",
	"guest_memfd of the frames", "the frames' region", "the GHCB's region",
	"KVM_CREATE_VCPU", "KVM_GET_SUPPORTED_CPUID", "KVM_SET_CPUID2",
	"KVM_GET_SREGS", "KVM_SET_SREGS", "KVM_SET_REGS",
	"the image's attributes", "the frames' attributes", "SNP_LAUNCH_START",
	"SNP_LAUNCH_UPDATE", "SNP_LAUNCH_FINISH" };

static struct fake {
	int next;       /* enum step */
	int fail;       /* refuses there; STEPS: nowhere */
	uint32_t error; /* firmware's, with it */
	unsigned again; /* EAGAIN that many times before each page */
	unsigned waited;
	bool fix_cpuid; /* refuses the first table and corrects it */
	bool no_sev_leaf;
	bool is_wrong;
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	struct dj_snp_launch l;
	uint8_t host_data[32];
	bool has_id;
} f;

static void must(bool good, const char *what)
{
	if (!good)
		printf("# the kernel: %s\n", what);
	f.is_wrong = f.is_wrong || !good;
}

static bool zero(const void *p, size_t len)
{
	const uint8_t *b = p;
	uint8_t any = 0;

	for (size_t i = 0; i < len; i++)
		any |= b[i];
	return any == 0;
}

/* Is this the step that is due? Then it may be told to refuse. */
static bool due(enum step s)
{
	if (f.next != (int)s) {
		must(false, step_names[s]);
		errno = EPROTO;
		return false;
	}
	if (f.fail == (int)s) {
		errno = EIO;
		return false;
	}
	f.next++;
	return true;
}

static uint32_t attrib(const struct kvm_segment *s)
{
	return (uint32_t)(s->type | s->s << 4 | s->dpl << 5 | s->present << 7 |
		s->avl << 8 | s->l << 9 | s->db << 10 | s->g << 11);
}

static struct dj_snp_segment segment(const struct kvm_segment *s)
{
	return (struct dj_snp_segment){ s->selector, (uint16_t)attrib(s),
		s->limit, s->base };
}

/* What KVM makes of the registers that were set: sev_es_sync_vmsa(). */
static void measure_vmsa(void)
{
	struct dj_snp_vmsa v = { .cs = segment(&f.sregs.cs),
		.data = segment(&f.sregs.ds),
		.gdtr = { 0, 0, f.sregs.gdt.limit, f.sregs.gdt.base },
		.idtr = { 0, 0, f.sregs.idt.limit, f.sregs.idt.base },
		.ldtr = segment(&f.sregs.ldt),
		.tr = segment(&f.sregs.tr),
		.efer = f.sregs.efer,
		.cr0 = f.sregs.cr0,
		.cr3 = f.sregs.cr3,
		.cr4 = f.sregs.cr4,
		.rflags = f.regs.rflags,
		.rip = f.regs.rip,
		.rsp = f.regs.rsp,
		.rsi = f.regs.rsi,
		.rdx = f.regs.rdx };
	uint8_t page[DJ_SNP_PAGE];

	dj_snp_vmsa_write(&v, page);
	dj_snp_launch_page(&f.l, DJ_SNP_PAGE_VMSA, DJ_SNP_VMSA_GPA, page);
}

static int on_update(struct dj_sev_cmd *cmd, struct dj_snp_update *u)
{
	must(f.next == UPDATE, "SNP_LAUNCH_UPDATE");
	must(u->uaddr % 4096 == 0, "uaddr is a page's");
	must(u->len == 4096 && u->flags == 0 && u->pad == 0 && u->pad1 == 0 &&
			zero(u->pad2, sizeof(u->pad2)),
		"one page, zeros in what is reserved");
	must((u->gfn << 12) >= DJ_VM_IMAGE && (u->gfn << 12) < DJ_VM_LOW_END,
		"a page with guest_memfd");
	if (f.waited < f.again) {
		f.waited++;
		errno = EAGAIN;
		return -1;
	}
	f.waited = 0;
	if (u->type == DJ_SNP_PAGE_CPUID && f.fix_cpuid) {
		f.fix_cpuid = false;
		memset((uint8_t *)(uintptr_t)u->uaddr + 4000, 0x5a, 16);
		cmd->error = 0x16;
		errno = EIO;
		return -1;
	}
	if (f.fail == UPDATE) {
		cmd->error = f.error;
		errno = EIO;
		return -1;
	}
	dj_snp_launch_page(&f.l, (enum dj_snp_page_type)u->type, u->gfn << 12,
		(const uint8_t *)(uintptr_t)u->uaddr);
	u->gfn++;
	u->uaddr += 4096;
	u->len = 0;
	return 0;
}

static int on_finish(const struct dj_snp_finish *e)
{
	if (f.next == UPDATE)
		f.next = FINISH;
	must(e->vcek_disabled == 0 && e->flags == 0 &&
			zero(e->pad, sizeof(e->pad)) &&
			zero(e->pad2, sizeof(e->pad2)),
		"zeros in what is reserved");
	if (!due(FINISH))
		return -1;
	memcpy(f.host_data, e->host_data, 32);
	f.has_id = e->has_id_block != 0;
	must(f.has_id == (e->id_block != 0 && e->id_auth != 0), "ID block");
	measure_vmsa();
	return 0;
}

static int on_sev(struct dj_sev_cmd *cmd)
{
	void *data = (void *)(uintptr_t)cmd->data;
	const struct dj_sev_init *init = data;
	const struct dj_snp_start *start = data;
	int r = -1;

	must(cmd->pad == 0 && cmd->error == 0 && cmd->sev_fd == 201,
		"a command with /dev/sev");
	switch (cmd->id) {
	case DJ_SEV_INIT2:
		must(init->vmsa_features == 0 && init->flags == 0 &&
				init->ghcb_version == 2 &&
				zero(init->pad2, sizeof(init->pad2)),
			"SEV_INIT2's values");
		r = due(INIT2) ? 0 : -1;
		break;
	case DJ_SNP_LAUNCH_START:
		must(start->policy == 0x30000 && start->flags == 0 &&
				zero(start->gosvw, 16) &&
				zero(start->pad, sizeof(start->pad)) &&
				zero(start->pad2, sizeof(start->pad2)),
			"SNP_LAUNCH_START's values");
		r = due(START) ? 0 : -1;
		break;
	case DJ_SNP_LAUNCH_UPDATE:
		return on_update(cmd, data);
	case DJ_SNP_LAUNCH_FINISH:
		r = on_finish(data);
		break;
	default:
		must(false, "an unknown command");
	}
	if (r != 0 && f.fail != STEPS)
		cmd->error = f.error;
	return r;
}

static int on_region(const struct dj_kvm_region2 *r)
{
	static const struct {
		uint64_t gpa, size;
		enum step step;
		bool is_private;
	} want[] = {
		{ DJ_VM_IMAGE, DJ_VM_LOW_END - DJ_VM_IMAGE, REGION_LOW, true },
		{ DJ_VM_REGION, DJ_HC_REGION_SIZE, REGION_SHARED, false },
		{ DJ_VM_FRAMES, FRAMES, REGION_FRAMES, true },
		{ DJ_VM_GHCB, DJ_VM_SNP_SIZE, REGION_GHCB, false },
	};

	for (size_t i = 0; i < 4; i++) {
		if (want[i].gpa != r->gpa)
			continue;
		must(r->size == want[i].size && r->uaddr != 0 && r->slot == i &&
				r->pad == 0 && zero(r->pad2, sizeof(r->pad2)),
			"a region's values");
		must(want[i].is_private ? r->flags == DJ_KVM_MEM_GUEST_MEMFD &&
					r->memfd == 300 + r->slot
					: r->flags == 0 && r->memfd == 0,
			"guest_memfd behind what is private alone");
		return due(want[i].step) ? 0 : -1;
	}
	must(false, "a region");
	return -1;
}

static int on_vm(unsigned long op, void *arg)
{
	const struct kvm_enable_cap *cap = arg;
	const struct dj_kvm_memfd *memfd = arg;
	const struct dj_kvm_attributes *a = arg;

	if (op == DJ_KVM_MEMORY_ENCRYPT_OP)
		return on_sev(arg);
	if (op == DJ_KVM_SET_REGION2)
		return on_region(arg);
	if (op == KVM_ENABLE_CAP && cap->cap == DJ_KVM_CAP_EXIT_HYPERCALL) {
		must(cap->args[0] == 1 << 12, "KVM_HC_MAP_GPA_RANGE");
		return due(HYPERCALLS) ? 0 : -1;
	}
	if (op == KVM_ENABLE_CAP && cap->cap == DJ_KVM_CAP_SPLIT_IRQCHIP)
		return due(IRQCHIP) ? 0 : -1;
	if (op == DJ_KVM_CREATE_MEMFD) {
		bool is_low = f.next == MEMFD_LOW;

		must(memfd->flags == 0 &&
				zero(memfd->reserved,
					sizeof(memfd->reserved)) &&
				memfd->size ==
					(is_low ? DJ_VM_LOW_END - DJ_VM_IMAGE
						: FRAMES),
			"guest_memfd's values");
		return due(is_low ? MEMFD_LOW : MEMFD_FRAMES)
			? (is_low ? 300 : 302)
			: -1;
	}
	if (op == DJ_KVM_SET_ATTRIBUTES) {
		bool is_low = a->gpa == DJ_VM_IMAGE;

		must(a->attributes == 8 && a->flags == 0 &&
				a->size ==
					(is_low ? DJ_VM_LOW_END - DJ_VM_IMAGE
						: FRAMES),
			"attributes");
		return due(is_low ? PRIVATE_LOW : PRIVATE_FRAMES) ? 0 : -1;
	}
	if (op == KVM_CREATE_VCPU)
		return due(CREATE_CPU) ? 202 : -1;
	must(false, "a call on the VM");
	return -1;
}

static int on_kvm(unsigned long op, void *arg)
{
	struct kvm_cpuid2 *c = arg;

	if (op == KVM_CHECK_EXTENSION) {
		must((uintptr_t)arg == 235, "KVM_CAP_VM_TYPES");
		if (f.fail == CHECK) /* an Intel machine, or an old kernel */
			return 1;
		return due(CHECK) ? 1 << 4 | 1 : -1;
	}
	if (op == KVM_CREATE_VM) {
		must((uintptr_t)arg == 4, "KVM_X86_SNP_VM");
		return due(CREATE_VM) ? 200 : -1;
	}
	must(op == KVM_GET_SUPPORTED_CPUID && c->nent >= 64, "CPUID");
	c->nent = 2;
	c->entries[0] = (struct kvm_cpuid_entry2){ .function = 1,
		.ecx = 1U << 30 | 1U << 24 };
	c->entries[1] = (struct kvm_cpuid_entry2){ .function = f.no_sev_leaf
			? 0x80000008
			: 0x8000001f,
		.eax = 0x1a,
		.ebx = 51 };
	return due(SUPPORTED) ? 0 : -1;
}

static int on_cpu(unsigned long op, void *arg)
{
	switch (op) {
	case KVM_SET_CPUID2:
		return due(SET_CPUID) ? 0 : -1;
	case KVM_GET_SREGS:
		memset(arg, 0, sizeof(struct kvm_sregs));
		return due(GET_SREGS) ? 0 : -1;
	case KVM_SET_SREGS:
		f.sregs = *(struct kvm_sregs *)arg;
		return due(SET_SREGS) ? 0 : -1;
	case KVM_SET_REGS:
		f.regs = *(struct kvm_regs *)arg;
		return due(SET_REGS) ? 0 : -1;
	default:
		must(false, "a call on the processor");
		return -1;
	}
}

static int fake_ioctl(void *ctx, int fd, unsigned long op, void *arg)
{
	(void)ctx;
	switch (fd) {
	case 100:
		return on_kvm(op, arg);
	case 200:
		return on_vm(op, arg);
	case 202:
		return on_cpu(op, arg);
	default:
		must(false, "a call on another descriptor");
		return -1;
	}
}

/* ---- the image: two segments, a page of it zero ---- */

static _Alignas(4096) uint8_t file[4 * 4096];
static struct dj_image image;
static _Alignas(4096) uint8_t cpuid[4096];

static struct dj_snp_plan plan_of(void)
{
	struct dj_snp_plan p = { .kvm = 100,
		.sev = 201,
		.image = &image,
		.frames = FRAMES,
		.policy = 0x30000,
		.cpuid = cpuid,
		.low = file,
		.region = file,
		.ghcb = file,
		.frames_at = file };

	memset(p.host_data, 0x77, 32);
	for (size_t i = 0; i < sizeof(file); i++)
		file[i] = (uint8_t)(i * 7 + (i >> 8));
	image = (struct dj_image){ .file = file,
		.file_len = sizeof(file),
		.entry = 0x102040,
		.segment_count = 2,
		.segments = {
			{ DJ_VM_IMAGE, 2 * 4096, 0, 4096,
				DJ_IMAGE_R | DJ_IMAGE_W },
			{ DJ_VM_IMAGE + 2 * 4096, 2 * 4096, 4096, 2 * 4096,
				DJ_IMAGE_R | DJ_IMAGE_X },
		} };
	memset(&f, 0, sizeof(f));
	f.fail = STEPS;
	return p;
}

static const struct dj_snp_kernel kernel = { .ioctl = fake_ioctl };

static void structures_have_the_sizes_of_the_kernel(void)
{
	eq_u64(sizeof(struct dj_sev_cmd), 0x18);
	eq_u64(sizeof(struct dj_sev_init), 0x30);
	eq_u64(sizeof(struct dj_snp_start), 0x40);
	eq_u64(sizeof(struct dj_snp_update), 0x40);
	eq_u64(sizeof(struct dj_snp_finish), 0x58);
	eq_u64(sizeof(struct dj_kvm_region2), 0xa0);
	eq_u64(sizeof(struct dj_kvm_attributes), 0x20);
	eq_u64(sizeof(struct dj_kvm_memfd), 0x40);
	eq_u64(sizeof(struct dj_sev_issue), 16);
	eq_u64(sizeof(struct dj_snp_platform), 0x20);
	eq_u64(DJ_KVM_SET_REGION2, 0x40a0ae49);
	eq_u64(DJ_KVM_SET_ATTRIBUTES, 0x4020aed2);
	eq_u64(DJ_KVM_CREATE_MEMFD, 0xc040aed4);
	eq_u64(offsetof(struct dj_snp_finish, host_data), 0x13);
	eq_u64(offsetof(struct dj_snp_finish, flags), 0x36);
	eq_u64(offsetof(struct dj_snp_update, type), 0x18);
	eq_u64(offsetof(struct dj_kvm_region2, memfd), 0x28);
}

static void a_launch_is_what_was_measured_offline(void)
{
	struct dj_snp_plan p = plan_of();
	struct dj_snp_launch want;
	struct dj_snp_vm vm;

	ok(dj_snp_start_vm(&kernel, &p, &vm) == NULL);
	ok(!f.is_wrong);
	eq_u64(f.next, STEPS);
	eq_u64(vm.vm, 200);
	eq_u64(vm.cpu, 202);
	eq_u64(dj_snp_measure(&image, &want), DJ_OK);
	eq_u64(want.pages, 4 + 2 + 1);
	eq_u64(f.l.pages, want.pages);
	eq_mem(f.l.digest, want.digest, 48);
	eq_mem(f.host_data, p.host_data, 32);
	ok(!f.has_id);
	/* TSC deadline is not for such guests. */
	eq_u64(cpuid[0], 2);
	eq_u64(cpuid[16 + 35], 0x40);
}

static void a_launch_waits_for_firmware_that_is_busy(void)
{
	struct dj_snp_plan p = plan_of();
	struct dj_snp_launch want;
	struct dj_snp_vm vm;

	f.again = 3;
	ok(dj_snp_start_vm(&kernel, &p, &vm) == NULL);
	ok(!f.is_wrong);
	eq_u64(dj_snp_measure(&image, &want), DJ_OK);
	eq_mem(f.l.digest, want.digest, 48);
	p = plan_of();
	f.again = 100000;
	ok(dj_snp_start_vm(&kernel, &p, &vm) != NULL);
	eq_u64(errno, EAGAIN);
}

static void a_cpuid_table_that_firmware_corrected_is_used(void)
{
	struct dj_snp_plan p = plan_of();
	struct dj_snp_vm vm;

	f.fix_cpuid = true;
	ok(dj_snp_start_vm(&kernel, &p, &vm) == NULL);
	ok(!f.is_wrong);
	eq_u64(cpuid[4000], 0x5a);
	p = plan_of();
	f.no_sev_leaf = true;
	ok(dj_snp_start_vm(&kernel, &p, &vm) != NULL);
	eq_u64(f.next, GET_SREGS);
}

static void an_id_block_goes_with_the_end_of_the_launch(void)
{
	static uint8_t block[96], auth[4096];
	struct dj_snp_plan p = plan_of();
	struct dj_snp_vm vm;

	p.id_block = block;
	p.id_auth = auth;
	ok(dj_snp_start_vm(&kernel, &p, &vm) == NULL);
	ok(!f.is_wrong);
	ok(f.has_id);
}

/* Each step refused, and at the firmware's each of its errors. */
static void a_refusal_at_any_step_ends_the_launch_and_says_which(void)
{
	static const uint32_t errors[] = { 1, 2, 7, 0xa, 0xb, 0x10, 0x16, 0x17,
		0x1a, 0x1d, 0x21, 0x22, 0x27, 0x99 };
	struct dj_snp_vm vm = { -7, -7, 0 };

	for (int s = 0; s < STEPS; s++) {
		bool is_firmware = s == INIT2 || s >= START;

		for (size_t i = 0; i < (is_firmware ? 14 : 1); i++) {
			struct dj_snp_plan p = plan_of();
			const char *wrong;
			char number[16];

			f.fail = s;
			f.error = errors[i];
			wrong = dj_snp_start_vm(&kernel, &p, &vm);
			if (!ok(wrong != NULL && !f.is_wrong))
				printf("# at %s\n", step_names[s]);
			if (wrong == NULL || !is_firmware)
				continue;
			snprintf(number, sizeof(number), "0x%x,", errors[i]);
			ok(strstr(wrong, step_names[s]) != NULL);
			ok(strstr(wrong, number) != NULL);
			ok(strstr(wrong, dj_snp_firmware_text(errors[i])) !=
				NULL);
		}
	}
	eq_u64(vm.vm, (uint64_t)-7);
}

/* ---- exits ---- */

static union {
	struct kvm_run run;
	uint8_t bytes[8192];
} page;

static uint64_t map_range(uint64_t gpa, uint64_t pages, uint64_t flags)
{
	uint8_t code = 77;

	memset(&page, 0, sizeof(page));
	page.run.exit_reason = KVM_EXIT_HYPERCALL;
	page.run.hypercall.nr = 12;
	page.run.hypercall.args[0] = gpa;
	page.run.hypercall.args[1] = pages;
	page.run.hypercall.args[2] = flags;
	page.run.hypercall.ret = 99;
	eq_u64(dj_snp_exit(&page.run, FRAMES, &code), DJ_VMM_AGAIN);
	return page.run.hypercall.ret;
}

static void only_what_is_private_may_be_asked_to_be(void)
{
	eq_u64(map_range(DJ_VM_TABLES, 512, 0x11), 0);
	eq_u64(map_range(DJ_VM_STACK, 512, 0x10), 0);
	eq_u64(map_range(DJ_VM_FRAMES, FRAMES / 4096, 0x11), 0);
	eq_u64(map_range(DJ_VM_FRAMES, FRAMES / 4096 + 1, 0x11), EINVAL);
	eq_u64(map_range(DJ_VM_FRAMES + FRAMES, 1, 0x10), EINVAL);
	eq_u64(map_range(DJ_VM_FRAMES + 1, 1, 0x10), EINVAL);
	eq_u64(map_range(DJ_VM_REGION, 1, 0x10), EINVAL);
	eq_u64(map_range(0, 1, 0x10), EINVAL);
	eq_u64(map_range(DJ_VM_FRAMES, UINT64_MAX, 0x10), EINVAL);
	eq_u64(map_range(DJ_VM_LOW_END - 4096, 2, 0x10), EINVAL);
	/* To shared: never. */
	eq_u64(map_range(DJ_VM_FRAMES, 512, 0x01), EINVAL);
}

static uint8_t terminated(uint64_t ghcb, uint32_t type)
{
	uint8_t code = 77;

	memset(&page, 0, sizeof(page));
	page.run.exit_reason = KVM_EXIT_SYSTEM_EVENT;
	page.run.system_event.type = type;
	page.run.system_event.ndata = 1;
	page.run.system_event.data[0] = ghcb;
	eq_u64(dj_snp_exit(&page.run, FRAMES, &code), DJ_VMM_END);
	return code;
}

static void a_guest_ends_with_its_own_reason_or_a_fault(void)
{
	uint8_t code = 77;

	for (unsigned i = 0; i < DJ_HALT_COUNT; i++)
		eq_u64(terminated(0xd100 | i << 16, 6), i);
	eq_u64(terminated(0xd100 | DJ_HALT_COUNT << 16, 6), DJ_HALT_FAULT);
	eq_u64(terminated(0x20100, 6), DJ_HALT_FAULT); /* set 0, reason 2 */
	eq_u64(terminated(0xd101, 6), DJ_HALT_FAULT);
	eq_u64(terminated(0xd100, 1), DJ_HALT_FAULT);
	memset(&page, 0, sizeof(page));
	page.run.exit_reason = 39; /* memory that is neither */
	eq_u64(dj_snp_exit(&page.run, FRAMES, &code), DJ_VMM_END);
	eq_u64(code, DJ_HALT_FAULT);
}

/* ---- the GHCB, emulated ---- */

static _Alignas(4096) uint8_t shared[DJ_VM_SNP_SIZE];
static uint32_t asked_error;
static unsigned asked;

static bool ask(void *ctx, const uint8_t request[4096], uint8_t response[4096],
	uint32_t *ret_error)
{
	asked++;
	memset(response, request[0] + 1, 4096);
	*ret_error = asked_error;
	return ctx == NULL;
}

static struct dj_vmm_ghcb ghcb_new(void)
{
	memset(shared, 0, sizeof(shared));
	return (struct dj_vmm_ghcb){ .pages = shared,
		.end = DJ_VM_FRAMES + FRAMES,
		.ask = ask };
}

static enum dj_vmm_next out(struct dj_vmm_ghcb *g, uint16_t port, uint8_t size,
	uint32_t value)
{
	uint8_t code = 77;

	memset(&page, 0, sizeof(page));
	page.run.exit_reason = KVM_EXIT_IO;
	page.run.io.direction = KVM_EXIT_IO_OUT;
	page.run.io.size = size;
	page.run.io.count = 1;
	page.run.io.port = port;
	page.run.io.data_offset = 4096;
	memcpy(page.bytes + 4096, &value, 4);
	return dj_vmm_ghcb_exit(g, &page.run, &code);
}

static uint64_t msr(struct dj_vmm_ghcb *g, uint32_t index, bool is_write,
	uint64_t value)
{
	uint8_t code = 77;

	memset(&page, 0, sizeof(page));
	page.run.exit_reason =
		is_write ? KVM_EXIT_X86_WRMSR : KVM_EXIT_X86_RDMSR;
	page.run.msr.index = index;
	page.run.msr.data = value;
	eq_u64(dj_vmm_ghcb_exit(g, &page.run, &code), DJ_VMM_AGAIN);
	return page.run.msr.error != 0 ? UINT64_MAX : page.run.msr.data;
}

static uint64_t by_msr(struct dj_vmm_ghcb *g, uint64_t value)
{
	msr(g, 0xc0010130, true, value);
	if (out(g, DJ_VM_PORT_VMGEXIT, 1, 0) != DJ_VMM_AGAIN)
		return UINT64_MAX;
	return msr(g, 0xc0010130, false, 0);
}

static void the_msr_protocol_is_that_of_kvm(void)
{
	struct dj_vmm_ghcb g = ghcb_new();

	eq_u64(msr(&g, 0xc0010131, false, 7), 0);
	eq_u64(msr(&g, 0xc0010015, false, 0), UINT64_MAX);
	eq_u64(msr(&g, 0xc0010131, true, 7), UINT64_MAX);
	eq_u64(by_msr(&g, 2) & 0xfff, 1);
	eq_u64(by_msr(&g, 0x80) & 0x1fff, 0x1081);
	eq_u64(by_msr(&g, DJ_VM_REQUEST | 0x12) >> 12, UINT64_MAX >> 12);
	/* No page is registered, so there is none to look at. */
	eq_u64(by_msr(&g, DJ_VM_GHCB), UINT64_MAX);
	eq_u64(by_msr(&g, DJ_VM_GHCB | 0x12), DJ_VM_GHCB | 0x13);
	eq_u64(by_msr(&g, 0xd100), UINT64_MAX); /* its end */
	eq_u64(by_msr(&g, 0x4), UINT64_MAX);    /* not served here */
}

static void put(size_t off, uint64_t v)
{
	memcpy(shared + off, &v, 8);
}

static uint64_t get(size_t off)
{
	uint64_t v;

	memcpy(&v, shared + off, 8);
	return v;
}

/* INFO_1; INFO_2 is at 0x3a0. */
static uint64_t by_page(struct dj_vmm_ghcb *g, uint64_t code, uint64_t info_1,
	uint64_t info_2)
{
	put(0x390, code);
	put(0x398, info_1);
	put(0x3a0, info_2);
	put(0x3a8, DJ_VM_GHCB + 0x800);
	put(0x3f0, UINT64_C(1) << 63);
	put(0x3f8, UINT64_C(15) << 50);
	put(0xff8, UINT64_C(2) << 16);
	msr(g, 0xc0010130, true, DJ_VM_GHCB);
	eq_u64(out(g, DJ_VM_PORT_VMGEXIT, 1, 0), DJ_VMM_AGAIN);
	return get(0x398);
}

static uint64_t psc(struct dj_vmm_ghcb *g, uint64_t entry)
{
	put(0x800, 0);
	put(0x808, entry);
	eq_u64(by_page(g, 0x80000010, 0, 0), 0);
	return get(0x3a0);
}

#define ENTRY (UINT64_C(0x11) << 52)

static void memory_is_handed_over_once_and_validated_once(void)
{
	struct dj_vmm_ghcb g = ghcb_new();

	by_msr(&g, DJ_VM_GHCB | 0x12);
	eq_u64(out(&g, DJ_VM_PORT_PVALIDATE, 4, DJ_VM_STACK >> 12), DJ_VMM_END);
	eq_u64(psc(&g, DJ_VM_STACK | ENTRY), 0);
	eq_u64(get(0x800), 1);
	eq_u64(get(0x808), DJ_VM_STACK | ENTRY | 512);
	eq_u64(out(&g, DJ_VM_PORT_PVALIDATE, 4, DJ_VM_STACK >> 12),
		DJ_VMM_AGAIN);
	eq_u64(out(&g, DJ_VM_PORT_PVALIDATE, 4, DJ_VM_STACK >> 12), DJ_VMM_END);
	ok(psc(&g, DJ_VM_STACK | ENTRY) != 0);
	ok(psc(&g, DJ_VM_REGION | ENTRY) != 0);
	ok(psc(&g, DJ_VM_IMAGE | ENTRY) != 0);
	ok(psc(&g, (DJ_VM_FRAMES + FRAMES) | ENTRY) != 0);
	ok(psc(&g, (DJ_VM_FRAMES + 4096) | ENTRY) != 0);
	ok(psc(&g, DJ_VM_FRAMES | UINT64_C(2) << 52) != 0); /* to shared */
	ok(psc(&g, DJ_VM_FRAMES | ENTRY | 1) != 0);
	eq_u64(psc(&g, (DJ_VM_FRAMES + FRAMES - DJ_VM_LARGE) | ENTRY), 0);
	eq_u64(out(&g, DJ_VM_PORT_PVALIDATE, 2, 0), DJ_VMM_END);
	eq_u64(out(&g, DJ_VM_PORT_PVALIDATE, 4, UINT32_MAX), DJ_VMM_END);
}

static void guest_messages_go_through_copies(void)
{
	struct dj_vmm_ghcb g = ghcb_new();

	by_msr(&g, DJ_VM_GHCB | 0x12);
	shared[0x1000] = 0x41;
	asked_error = 0;
	eq_u64(by_page(&g, 0x80000011, DJ_VM_REQUEST, DJ_VM_RESPONSE), 0);
	eq_u64(get(0x3a0), 0);
	eq_u64(shared[0x2fff], 0x42);
	shared[0x2fff] = 0;
	asked_error = 0x16;
	eq_u64(by_page(&g, 0x80000011, DJ_VM_REQUEST, DJ_VM_RESPONSE), 0);
	eq_u64(get(0x3a0), 0x16);
	eq_u64(shared[0x2fff], 0);
	asked = 0;
	eq_u64(by_page(&g, 0x80000011, DJ_VM_RESPONSE, DJ_VM_REQUEST), 2);
	eq_u64(by_page(&g, 0x80000011, DJ_VM_FRAMES, DJ_VM_RESPONSE), 2);
	eq_u64(asked, 0);
	g.ctx = &g; /* the emulated processor is gone */
	eq_u64(by_page(&g, 0x80000011, DJ_VM_REQUEST, DJ_VM_RESPONSE), 0);
	ok(get(0x3a0) != 0);
}

static void a_malformed_page_is_answered_as_such(void)
{
	struct dj_vmm_ghcb g = ghcb_new();

	by_msr(&g, DJ_VM_GHCB | 0x12);
	eq_u64(by_page(&g, 0x72, 0, 0), 2); /* CPUID: not served */
	eq_u64(get(0x3a0), 6);
	put(0x3f8, UINT64_C(7) << 50); /* without INFO_2's bit or scratch's */
	put(0x3f8, UINT64_C(3) << 50);
	msr(&g, 0xc0010130, true, DJ_VM_GHCB);
	eq_u64(out(&g, DJ_VM_PORT_VMGEXIT, 1, 0), DJ_VMM_AGAIN);
	eq_u64(get(0x398), 2);
	eq_u64(get(0x3a0), 4);
	put(0x3f8, UINT64_C(15) << 50);
	put(0xff8, UINT64_C(1) << 16);
	eq_u64(out(&g, DJ_VM_PORT_VMGEXIT, 1, 0), DJ_VMM_AGAIN);
	eq_u64(get(0x3a0), 2);
	/* And what both VMMs know. */
	eq_u64(out(&g, DJ_VM_PORT_KICK, 1, 0), DJ_VMM_KICK);
	eq_u64(out(&g, DJ_VM_PORT_WAIT, 1, 0), DJ_VMM_WAIT);
	eq_u64(out(&g, DJ_VM_PORT_VMGEXIT, 2, 0), DJ_VMM_END);
}

int main(void)
{
	RUN(structures_have_the_sizes_of_the_kernel);
	RUN(a_launch_is_what_was_measured_offline);
	RUN(a_launch_waits_for_firmware_that_is_busy);
	RUN(a_cpuid_table_that_firmware_corrected_is_used);
	RUN(an_id_block_goes_with_the_end_of_the_launch);
	RUN(a_refusal_at_any_step_ends_the_launch_and_says_which);
	RUN(only_what_is_private_may_be_asked_to_be);
	RUN(a_guest_ends_with_its_own_reason_or_a_fault);
	RUN(the_msr_protocol_is_that_of_kvm);
	RUN(memory_is_handed_over_once_and_validated_once);
	RUN(guest_messages_go_through_copies);
	RUN(a_malformed_page_is_answered_as_such);
	return done();
}
