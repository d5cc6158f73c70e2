// SPDX-License-Identifier: Apache-2.0
#include "host/vmm/vmm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/launch/jail.h"
#include "host/launch/launch.h"
#include "host/vmm/snp.h"
#include "lib/evidence/image.h"
#include "lib/proto/emu.h"
#include "lib/proto/hostcall.h"
#include "lib/proto/vm.h"

#define CPUID_MAX 256
#define LOW_SIZE  (DJ_VM_LOW_END - DJ_VM_IMAGE)

enum slot {
	SLOT_LOW,
	SLOT_REGION,
	SLOT_FRAMES,
	SLOT_SNP
};

static bool add_memory(int vm, enum slot slot, uint64_t gpa, void *p,
	uint64_t size)
{
	struct kvm_userspace_memory_region r = {
		.slot = slot,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uint64_t)(uintptr_t)p,
	};

	return ioctl(vm, KVM_SET_USER_MEMORY_REGION, &r) == 0;
}

static void *new_memory(uint64_t size)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

/*
 * For frames: begins where a large page does, and is made of them where the
 * machine has some. A guest's first touch of a page is a trip through the
 * hypervisor, and that is one for 2 MiB then, not 512.
 */
static void *new_frames(uint64_t size)
{
	uint8_t *p = new_memory(size + DJ_VM_LARGE);
	uint64_t off = -(uint64_t)(uintptr_t)p % DJ_VM_LARGE;

	if (p == MAP_FAILED)
		return p;
	(void)madvise(p + off, size, MADV_HUGEPAGE);
	return p + off;
}

/* ctx: where DJ_VM_IMAGE is here. */
static dj_status load_page(void *ctx, const struct dj_image_page *page)
{
	uint8_t *low = ctx;

	if (page->addr < DJ_VM_IMAGE ||
		page->addr - DJ_VM_IMAGE > DJ_VM_IMAGE_SIZE - DJ_IMAGE_PAGE)
		return DJ_E_INPUT;
	if (page->content != NULL)
		memcpy(low + (page->addr - DJ_VM_IMAGE), page->content,
			DJ_IMAGE_PAGE);
	return DJ_OK;
}

/* The image's file, mapped; it stays so for as long as img is used. */
static const char *map_image(int fd, struct dj_image *ret)
{
	struct stat st;
	void *p;

	if (fstat(fd, &st) != 0)
		return "cannot look at the keep image";
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return "cannot map the keep image";
	if (dj_image_parse(p, (size_t)st.st_size, ret) == DJ_OK &&
		ret->segments[0].addr == DJ_VM_IMAGE)
		return NULL;
	munmap(p, (size_t)st.st_size);
	errno = ENOEXEC;
	return "this image is not one for a VM";
}

static void unmap_image(const struct dj_image *img)
{
	munmap((void *)(uintptr_t)img->file, img->file_len);
}

/* The one walk over the image, which also measured it. */
static const char *load(int fd, uint8_t *low, uint64_t *ret_entry)
{
	struct dj_image img;
	const char *wrong = map_image(fd, &img);

	if (wrong != NULL)
		return wrong;
	if (dj_image_walk(&img, load_page, low) != DJ_OK) {
		errno = ENOEXEC;
		wrong = "this image is not one for a VM";
	}
	*ret_entry = img.entry;
	unmap_image(&img);
	return wrong;
}

static bool set_cpuid(int kvm, int cpu)
{
	struct kvm_cpuid2 *c = calloc(1,
		sizeof(*c) + CPUID_MAX * sizeof(struct kvm_cpuid_entry2));
	bool good;

	if (c == NULL)
		return false;
	c->nent = CPUID_MAX;
	good = ioctl(kvm, KVM_GET_SUPPORTED_CPUID, c) == 0 &&
		ioctl(cpu, KVM_SET_CPUID2, c) == 0;
	free(c);
	return good;
}

/* As far as a VM without SEV can have it. */
static bool set_snp_registers(int cpu, uint64_t entry)
{
	struct kvm_regs regs = { .rip = entry, .rflags = 2 };
	struct kvm_sregs s;

	if (ioctl(cpu, KVM_GET_SREGS, &s) != 0)
		return false;
	dj_snp_sregs(entry, &s);
	return ioctl(cpu, KVM_SET_SREGS, &s) == 0 &&
		ioctl(cpu, KVM_SET_REGS, &regs) == 0;
}

/* lib/proto/vm.h: the state at entry. */
static bool set_registers(int cpu, uint64_t entry)
{
	const struct kvm_segment code = { .limit = UINT32_MAX,
		.selector = 0x08,
		.type = 11,
		.present = 1,
		.s = 1,
		.l = 1,
		.g = 1 };
	const struct kvm_segment data = { .limit = UINT32_MAX,
		.selector = 0x10,
		.type = 3,
		.present = 1,
		.s = 1,
		.db = 1,
		.g = 1 };
	struct kvm_regs regs = { .rip = entry, .rflags = 2 };
	struct kvm_sregs s;

	if (ioctl(cpu, KVM_GET_SREGS, &s) != 0)
		return false;
	s.cs = code;
	s.ds = s.es = s.fs = s.gs = s.ss = data;
	s.cr0 = 0x80050033;
	s.cr3 = DJ_VM_IMAGE;
	s.cr4 = 0x20;
	s.efer = 0xd00;
	return ioctl(cpu, KVM_SET_SREGS, &s) == 0 &&
		ioctl(cpu, KVM_SET_REGS, &regs) == 0;
}

static const char *add_all_memory(int vm, const struct dj_vmm_plan *plan,
	uint64_t *ret_entry, uint64_t *ret_size)
{
	uint64_t size;
	const char *wrong;
	uint8_t *low;
	void *region, *frames;

	errno = EFBIG;
	if (!dj_vmm_frames(plan->total, &size))
		return "a VM Keep has at most 4 GiB";
	low = new_memory(LOW_SIZE);
	frames = new_frames(size);
	region = mmap(NULL, DJ_HC_REGION_SIZE, PROT_READ | PROT_WRITE,
		MAP_SHARED, DJ_LAUNCH_FD_REGION, 0);
	if (low == MAP_FAILED || frames == MAP_FAILED || region == MAP_FAILED)
		return "cannot map the Keep's memory";
	wrong = load(plan->image, low, ret_entry);
	if (wrong != NULL)
		return wrong;
	if (plan->snp != NULL) {
		memcpy(low + (DJ_VM_CPUID - DJ_VM_IMAGE), plan->snp->cpuid,
			4096);
		memcpy(low + (DJ_VM_SECRETS - DJ_VM_IMAGE), plan->snp->secrets,
			4096);
	}
	if (!add_memory(vm, SLOT_LOW, DJ_VM_IMAGE, low, LOW_SIZE) ||
		!add_memory(vm, SLOT_REGION, DJ_VM_REGION, region,
			DJ_HC_REGION_SIZE) ||
		!add_memory(vm, SLOT_FRAMES, DJ_VM_FRAMES, frames, size))
		return "cannot give the VM its memory";
	*ret_size = size;
	return NULL;
}

static bool read_all(int fd, uint8_t *p, size_t len)
{
	return read(fd, p, len) == (ssize_t)len;
}

/* lib/proto/emu.h, DJ_EMU_SNP_REQUEST: one packet each way. */
static bool ask_emulator(void *ctx, const uint8_t request[4096],
	uint8_t response[4096], uint32_t *ret_error)
{
	const struct dj_vmm *v = ctx;
	uint8_t packet[DJ_EMU_SNP_REQUEST_SIZE];
	const uint32_t op = DJ_EMU_SNP_REQUEST;

	memcpy(packet, &op, 4);
	memcpy(packet + 4, request, 4096);
	if (write(v->emu, packet, sizeof(packet)) != (ssize_t)sizeof(packet) ||
		!read_all(v->emu, packet, sizeof(packet)))
		return false;
	memcpy(ret_error, packet, 4);
	memcpy(response, packet + 4, 4096);
	return true;
}

/* The pages that an SNP guest shares, and the exits that stand for SEV. */
static const char *add_snp(int vm, const struct dj_vmm_snp *snp, uint64_t size,
	struct dj_vmm *v)
{
	struct kvm_enable_cap msrs = { .cap = KVM_CAP_X86_USER_SPACE_MSR,
		.args = { KVM_MSR_EXIT_REASON_UNKNOWN |
			KVM_MSR_EXIT_REASON_INVAL } };
	static struct dj_vmm_ghcb ghcb; /* a process is one VM */
	void *pages = new_memory(DJ_VM_SNP_SIZE);

	if (pages == MAP_FAILED ||
		!add_memory(vm, SLOT_SNP, DJ_VM_GHCB, pages, DJ_VM_SNP_SIZE))
		return "cannot give the VM its memory";
	v->emu = fcntl(snp->emu, F_DUPFD_CLOEXEC, DJ_JAIL_FD_KEPT);
	if (v->emu < 0)
		return "no emulated processor";
	v->ghcb = &ghcb;
	ghcb = (struct dj_vmm_ghcb){ .pages = pages,
		.end = DJ_VM_FRAMES + size,
		.ask = ask_emulator };
	if (ioctl(vm, KVM_ENABLE_CAP, &msrs) != 0)
		return "this kernel does not let its user answer for MSRs";
	return NULL;
}

static const char *map_cpu(int kvm, int cpu, struct dj_vmm *v)
{
	int size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	void *run;

	v->cpu = cpu < 0 ? -1 : fcntl(cpu, F_DUPFD_CLOEXEC, DJ_JAIL_FD_KEPT);
	if (v->cpu < 0 || size < (int)sizeof(*v->run))
		return "cannot make a processor";
	run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED,
		v->cpu, 0);
	if (run == MAP_FAILED)
		return "cannot map the processor";
	v->run = run;
	return NULL;
}

/* Never run on hardware (host/vmm/snp.h). */
static const char *new_protected(const struct dj_vmm_plan *plan,
	struct dj_vmm *ret)
{
	static _Alignas(4096) uint8_t cpuid[4096];
	struct dj_vmm v = { .emu = -1 };
	struct dj_snp_plan p = { .kvm = plan->kvm,
		.sev = plan->sev,
		.policy = plan->policy,
		.id_block = plan->id_block,
		.id_auth = plan->id_auth,
		.cpuid = cpuid };
	struct dj_snp_vm vm;
	struct dj_image img;
	const char *wrong;

	errno = EFBIG;
	if (!dj_vmm_frames(plan->total, &p.frames))
		return "a VM Keep has at most 4 GiB";
	memcpy(p.host_data, plan->host_data, sizeof(p.host_data));
	p.low = new_memory(LOW_SIZE);
	p.frames_at = new_memory(p.frames);
	p.ghcb = new_memory(DJ_VM_SNP_SIZE);
	p.region = mmap(NULL, DJ_HC_REGION_SIZE, PROT_READ | PROT_WRITE,
		MAP_SHARED, DJ_LAUNCH_FD_REGION, 0);
	if (p.low == MAP_FAILED || p.frames_at == MAP_FAILED ||
		p.ghcb == MAP_FAILED || p.region == MAP_FAILED)
		return "cannot map the Keep's memory";
	wrong = map_image(plan->image, &img);
	if (wrong != NULL)
		return wrong;
	p.image = &img;
	wrong = dj_snp_start_vm(&dj_snp_linux, &p, &vm);
	unmap_image(&img);
	if (wrong == NULL)
		wrong = map_cpu(plan->kvm, vm.cpu, &v);
	if (wrong != NULL)
		return wrong;
	v.snp_frames = vm.frames;
	*ret = v;
	return NULL;
}

const char *dj_vmm_new(const struct dj_vmm_plan *plan, struct dj_vmm *ret)
{
	struct dj_vmm v = { .emu = -1 };
	uint64_t entry, frames;
	const char *wrong;
	int vm;

	if (plan->sev > 0)
		return new_protected(plan, ret);
	vm = ioctl(plan->kvm, KVM_CREATE_VM, 0);
	if (vm < 0)
		return "cannot make a VM";
	wrong = add_all_memory(vm, plan, &entry, &frames);
	if (wrong == NULL && plan->snp != NULL)
		wrong = add_snp(vm, plan->snp, frames, &v);
	if (wrong == NULL)
		wrong = map_cpu(plan->kvm, ioctl(vm, KVM_CREATE_VCPU, 0), &v);
	if (wrong != NULL)
		return wrong;
	if (!set_cpuid(plan->kvm, v.cpu) ||
		!(plan->snp == NULL ? set_registers(v.cpu, entry)
				    : set_snp_registers(v.cpu, entry)))
		return "cannot set up the processor";
	*ret = v;
	return NULL;
}

static _Noreturn void end(uint8_t code)
{
	const uint64_t one = 1;

	(void)!write(DJ_LAUNCH_FD_TO_HOST, &one, sizeof(one));
	_exit(code);
}

enum dj_vmm_next dj_vmm_step(const struct dj_vmm *vmm, uint8_t *ret_code)
{
	if (vmm->snp_frames != 0)
		return dj_snp_exit(vmm->run, vmm->snp_frames, ret_code);
	return vmm->ghcb == NULL
		? dj_vmm_exit(vmm->run, ret_code)
		: dj_vmm_ghcb_exit(vmm->ghcb, vmm->run, ret_code);
}

_Noreturn void dj_vmm_run(const struct dj_vmm *vmm)
{
	uint64_t n = 1;
	uint8_t code = DJ_HALT_FAULT;
	struct dj_vmm v = *vmm;

	if (v.ghcb != NULL)
		v.ghcb->ctx = &v;
	for (;;) {
		if (ioctl(vmm->cpu, KVM_RUN, 0) != 0) {
			/* A stop and a continue. */
			if (errno == EINTR || errno == EAGAIN)
				continue;
			end(DJ_HALT_FAULT);
		}
		switch (dj_vmm_step(&v, &code)) {
		case DJ_VMM_AGAIN:
			break;
		case DJ_VMM_KICK:
			n = 1;
			if (write(DJ_LAUNCH_FD_TO_HOST, &n, 8) != 8)
				end(DJ_HALT_HOST);
			break;
		case DJ_VMM_WAIT:
			if (read(DJ_LAUNCH_FD_TO_KEEP, &n, 8) != 8 &&
				errno != EINTR)
				end(DJ_HALT_HOST);
			break;
		case DJ_VMM_END:
			end(code);
		}
	}
}
