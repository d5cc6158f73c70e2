// SPDX-License-Identifier: Apache-2.0
#include "tests/vm_session/vm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "emu/snp.h"
#include "host/agent/serve.h"
#include "host/launch/launch.h"
#include "lib/base/rd.h"
#include "lib/proto/frame.h"
#include "tests/scan/scanner.h"

#define PAGE   4096
#define AREAS  4
#define PAGES  65536 /* that a Keep of a test has touched */
#define POLICY 0x30000

/* What fake_shim.h says there is; only what the client looks at is set. */
struct fake fake;

static struct dj_vmm vmm;
static struct dj_serve serve;
static struct dj_emu_snp emu;
static bool has_kick; /* the host kicked since the Keep last slept */
static volatile sig_atomic_t rung;

/* The VM's private memory and what it shares, as the VMM maps it. */
static struct area {
	uint8_t *p;
	size_t len;
} areas[AREAS];
static size_t area_count;
static bool is_noting;

void *__real_mmap(void *p, size_t len, int prot, int flags, int fd, off_t off);
void *__wrap_mmap(void *p, size_t len, int prot, int flags, int fd, off_t off);
void *__wrap_mmap(void *p, size_t len, int prot, int flags, int fd, off_t off)
{
	void *at = __real_mmap(p, len, prot, flags, fd, off);

	if (is_noting && (flags & MAP_NORESERVE) != 0 && area_count < AREAS)
		areas[area_count++] = (struct area){ at, len };
	return at;
}

/* ---- the machine ---- */

static bool ask(void *ctx, const uint8_t request[4096], uint8_t response[4096],
	uint32_t *ret_error)
{
	(void)ctx;
	*ret_error = (uint32_t)dj_emu_snp_request(&emu, request, response);
	return true;
}

/* A chip that is none: nobody here judges its reports. */
static bool launch_snp(int kvm, int image, struct dj_vmm_snp *ret)
{
	static const struct dj_emu_snp_model model = { .product = DJ_SNP_GENOA,
		.version = 5,
		.chip_id = { 1 } };
	static const struct dj_emu_key384 key = { { [47] = 1 } };
	uint8_t random[DJ_EMU_SNP_RANDOM] = { 7 };
	static uint8_t ask_for[DJ_EMU_SNP_CONFIG], made[DJ_EMU_SNP_LAUNCHED];
	const uint64_t policy = POLICY;
	struct stat st;
	void *file;

	if (fstat(image, &st) != 0)
		return false;
	file = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, image, 0);
	memcpy(ask_for, &policy, sizeof(policy));
	dj_emu_snp_init(&emu, &model, &key, random);
	if (file == MAP_FAILED || !dj_vmm_cpuid_page(kvm, ask_for + 40) ||
		dj_emu_snp_launch(&emu, ask_for, sizeof(ask_for), file,
			(size_t)st.st_size, made) != DJ_EMU_SNP_GOOD)
		return false;
	munmap(file, (size_t)st.st_size);
	memcpy(ret->cpuid, made + 48, 4096);
	memcpy(ret->secrets, made + 48 + 4096, 4096);
	ret->emu = open("/dev/null", O_RDWR);
	return true;
}

static void on_alarm(int sig)
{
	(void)sig;
	rung = 1;
	vmm.run->immediate_exit = 1;
}

void vm_alarm(unsigned us)
{
	struct itimerval t = { .it_value = { us / 1000000, us % 1000000 } };

	setitimer(ITIMER_REAL, &t, NULL);
}

bool vm_has_rung(void)
{
	bool was = rung != 0;

	rung = 0;
	vmm.run->immediate_exit = 0;
	return was;
}

static const char *make_region(const void *block, size_t len)
{
	int fd = memfd_create("region", 0);

	if (fd < 0 || ftruncate(fd, DJ_HC_REGION_SIZE) != 0 ||
		(fd != DJ_LAUNCH_FD_REGION &&
			dup2(fd, DJ_LAUNCH_FD_REGION) < 0))
		return "no shared region";
	fake.region = mmap(NULL, DJ_HC_REGION_SIZE, PROT_READ | PROT_WRITE,
		MAP_SHARED, DJ_LAUNCH_FD_REGION, 0);
	if (fake.region == MAP_FAILED ||
		dj_serve_init(&serve, fake.region, block, len) != DJ_OK)
		return "no shared region";
	return NULL;
}

const char *vm_start(const char *image, const void *block, size_t len)
{
	int kvm = fcntl(open("/dev/kvm", O_RDWR), F_DUPFD, 32);
	int fd = fcntl(open(image, O_RDONLY), F_DUPFD, 32);
	/* By its name, as images are called. */
	bool is_snp = strstr(image, "/snp.elf") != NULL;
	struct sigaction act = { .sa_handler = on_alarm };
	static struct dj_vmm_snp snp;
	const char *wrong = make_region(block, len);

	if (wrong != NULL)
		return wrong;
	if (is_snp && !launch_snp(kvm, fd, &snp))
		return "the emulated secure processor refused the launch";
	is_noting = true;
	wrong = dj_vmm_new(&(struct dj_vmm_plan){ .kvm = kvm,
				   .image = fd,
				   .total = UINT64_C(24) << 20,
				   .snp = is_snp ? &snp : NULL },
		&vmm);
	is_noting = false;
	if (wrong != NULL)
		return wrong;
	if (vmm.ghcb != NULL)
		vmm.ghcb->ask = ask;
	areas[area_count++] = (struct area){ fake.region, DJ_HC_REGION_SIZE };
	sigaction(SIGALRM, &act, NULL);
	return NULL;
}

struct kvm_run *vm_run_page(void)
{
	return vmm.run;
}

int vm_cpu(void)
{
	return vmm.cpu;
}

enum dj_vmm_next vm_run(uint8_t *ret_code)
{
	enum dj_vmm_next next;

	*ret_code = DJ_HALT_FAULT;
	for (;;) {
		if (ioctl(vmm.cpu, KVM_RUN, 0) != 0)
			return errno == EINTR ? DJ_VMM_AGAIN : DJ_VMM_END;
		if (vmm.run->exit_reason == KVM_EXIT_INTR ||
			vmm.run->exit_reason == KVM_EXIT_DEBUG)
			return DJ_VMM_AGAIN;
		next = dj_vmm_step(&vmm, ret_code);
		if (next != DJ_VMM_AGAIN)
			return next;
	}
}

enum dj_vmm_next (*vm_next)(uint8_t *ret_code) = vm_run;

/* ---- the honest host ---- */

static void answer(const struct dj_serve_seen *seen)
{
	struct dj_serve_reply r = { 0 };

	if (seen->op == DJ_HC_REPORT) {
		dj_serve_report_data(&serve, fake.report_data);
		r.len = seen->arg == 0 ? 1184 : 0;
	} else if (seen->op == DJ_HC_CLOCK) {
		r.value = UINT64_C(1700000000000000000) + ++fake.clocks * 1000;
	} else {
		return;
	}
	dj_serve_reply(&serve, &r);
	has_kick = true;
}

static bool on_kick(void)
{
	struct dj_hc_keep line;
	struct dj_serve_seen seen;
	const char *why;

	dj_serve_copy(&serve, &line);
	if (dj_serve_decode(&serve, &line, &seen, &why) != DJ_OK)
		return false;
	dj_serve_accept(&serve, &seen);
	fake.kicks++;
	if (seen.is_call)
		answer(&seen);
	return true;
}

enum fake_state fake_run(void)
{
	uint8_t code = DJ_HALT_FAULT;

	while (fake.state != FAKE_HALTED) {
		enum dj_vmm_next next = vm_next(&code);

		if (next == DJ_VMM_AGAIN)
			continue;
		if (next == DJ_VMM_END || !on_kick()) {
			fake.state = FAKE_HALTED;
			fake.halt = (enum dj_halt)code;
		} else if (next == DJ_VMM_WAIT && !has_kick) {
			fake.waits++;
			break;
		}
		if (next == DJ_VMM_WAIT)
			has_kick = false;
	}
	return fake.state;
}

bool fake_put_frame(const void *frame, size_t len)
{
	struct dj_serve_span s;

	if (len > dj_serve_in_space(&serve))
		return false;
	s = dj_serve_in_span(&serve, serve.in_head, (uint32_t)len);
	memcpy(s.p[0], frame, s.n[0]);
	if (s.n[1] != 0)
		memcpy(s.p[1], (const uint8_t *)frame + s.n[0], s.n[1]);
	dj_serve_publish_in(&serve, (uint32_t)len);
	has_kick = true;
	return true;
}

bool fake_get_frame(uint8_t *buf, size_t *ret_len)
{
	uint32_t have = dj_serve_out_len(&serve);
	struct dj_rd r;
	uint32_t n;

	if (have < DJ_FRAME_HEADER)
		return false;
	dj_serve_out_copy(&serve, serve.out_tail, buf, DJ_FRAME_HEADER);
	r = dj_rd_of(buf + 4, 4);
	n = DJ_FRAME_HEADER + dj_rd_u32be(&r);
	if (n > have || n > DJ_FRAME_HEADER + 16400)
		abort();
	dj_serve_out_copy(&serve, serve.out_tail, buf, n);
	dj_serve_release_out(&serve, n);
	*ret_len = n;
	return true;
}

/* ---- stopped and taken up again ---- */

static struct {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_xsave xsave;
	struct kvm_xcrs xcrs;
	struct kvm_vcpu_events events;
	struct kvm_debugregs debug;
	struct dj_serve serve;
	struct dj_vmm_ghcb ghcb;
	struct dj_emu_snp emu;
	struct fake fake;
	bool has_kick;
	uint8_t *at[PAGES];
	uint8_t *copy;
	size_t count;
} saved;

static bool processor(bool is_restore)
{
	const struct {
		unsigned long get, set;
		void *p;
	} parts[] = {
		{ KVM_GET_REGS, KVM_SET_REGS, &saved.regs },
		{ KVM_GET_SREGS, KVM_SET_SREGS, &saved.sregs },
		{ KVM_GET_XSAVE, KVM_SET_XSAVE, &saved.xsave },
		{ KVM_GET_XCRS, KVM_SET_XCRS, &saved.xcrs },
		{ KVM_GET_DEBUGREGS, KVM_SET_DEBUGREGS, &saved.debug },
		{ KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS, &saved.events },
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (ioctl(vmm.cpu, is_restore ? parts[i].set : parts[i].get,
			    parts[i].p) != 0)
			return false;
	}
	return true;
}

/* Calls fn for each page that is there. */
static bool each_page(bool (*fn)(uint8_t *page))
{
	static unsigned char is_here[(UINT64_C(64) << 20) / PAGE];

	for (size_t i = 0; i < area_count; i++) {
		size_t n = areas[i].len / PAGE;

		if (n > sizeof(is_here) ||
			mincore(areas[i].p, areas[i].len, is_here) != 0)
			return false;
		for (size_t k = 0; k < n; k++) {
			if ((is_here[k] & 1) != 0 && !fn(areas[i].p + k * PAGE))
				return false;
		}
	}
	return true;
}

static bool save_page(uint8_t *page)
{
	if (saved.count == PAGES)
		return false;
	memcpy(saved.copy + saved.count * PAGE, page, PAGE);
	saved.at[saved.count++] = page;
	return true;
}

static size_t next_saved;

static bool restore_page(uint8_t *page)
{
	static const uint8_t zero[PAGE];
	const uint8_t *was = zero;

	/* Both lists ascend in each area, in the order of the areas. */
	if (next_saved < saved.count && saved.at[next_saved] == page)
		was = saved.copy + next_saved++ * PAGE;
	if (memcmp(page, was, PAGE) != 0)
		memcpy(page, was, PAGE);
	return true;
}

bool vm_save(void)
{
	if (saved.copy == NULL)
		saved.copy =
			mmap(NULL, (size_t)PAGES * PAGE, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	saved.count = 0;
	saved.serve = serve;
	saved.emu = emu;
	saved.fake = fake;
	saved.has_kick = has_kick;
	if (vmm.ghcb != NULL)
		saved.ghcb = *vmm.ghcb;
	return saved.copy != MAP_FAILED && processor(false) &&
		each_page(save_page);
}

bool vm_restore(void)
{
	/* An OUT is over when the processor is entered again; not entered for
	 * long. */
	vmm.run->immediate_exit = 1;
	(void)ioctl(vmm.cpu, KVM_RUN, 0);
	vmm.run->immediate_exit = 0;
	serve = saved.serve;
	emu = saved.emu;
	fake = saved.fake;
	has_kick = saved.has_kick;
	if (vmm.ghcb != NULL)
		*vmm.ghcb = saved.ghcb;
	next_saved = 0;
	return processor(true) && each_page(restore_page) &&
		next_saved == saved.count;
}

/* keep/shim/vm/memory.c's list, in the first area. */
uint64_t vm_guard(void)
{
	const uint8_t *list =
		areas[0].p + (DJ_VM_LISTS + DJ_VM_LARGE - DJ_VM_IMAGE);
	uint64_t r[4], largest = 0, ret = 0;

	for (size_t i = 0; i < 64; i++) {
		memcpy(r, list + i * sizeof(r), sizeof(r));
		if (r[1] > largest) {
			largest = r[1];
			ret = r[0] + r[1] - PAGE;
		}
	}
	return largest > UINT64_C(1) << 32 ? ret : 0;
}

size_t vm_scan(void)
{
	size_t n = scanner_scan(fake.region, DJ_HC_REGION_SIZE, NULL, NULL);

	if (vmm.ghcb != NULL)
		n += scanner_scan(vmm.ghcb->pages, DJ_VM_SNP_SIZE, NULL, NULL);
	return n;
}
