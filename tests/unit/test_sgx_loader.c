// SPDX-License-Identifier: Apache-2.0
#include <elf.h>
#include <errno.h>
#include <sys/auxv.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host/launch/sgx.h"
#include "host/launch/sgx_device.h"
#include "lib/evidence/sgx.h"
#include "lib/proto/hostcall.h"
#include "tests/tap.h"

/*
 * The loader of SGX Keeps against a driver that looks at every field it is
 * given, and an enclave that leaves with what the test says. In the place of
 * hardware, on which it has never run.
 */
#define PAGE UINT64_C(4096)

static uint8_t image_file[1 << 20];
static struct dj_image img;
static uint8_t sigstruct[DJ_SGX_SIGSTRUCT];

/* ---- the driver ---- */

static struct {
	struct dj_sgx_hash hash;
	unsigned creates, adds, inits, maps, protects;
	unsigned interrupt_every; /* ADD_PAGES: EINTR, nothing done */
	unsigned long fail;       /* this request fails */
	int fail_errno;
	uint64_t first_map, last_map_end;
	uint64_t trim_off, trim_len, removed;
	unsigned trims, restricts;
	uint64_t restrict_off;
	int prot;
} drv;

static int create(const struct sgx_enclave_create *c)
{
	uint8_t want[PAGE] = { 0 };
	const uint64_t size = DJ_SGX_SIZE, base = DJ_SGX_BASE, flags = 4,
		       xfrm = 3;
	const uint32_t ssa = 1, misc = img.heap == 0;

	memcpy(want, &size, 8);
	memcpy(want + 8, &base, 8);
	memcpy(want + 16, &ssa, 4);
	memcpy(want + 20, &misc, 4);
	memcpy(want + 48, &flags, 8);
	memcpy(want + 56, &xfrm, 8);
	eq_u64(c->src % PAGE, 0);
	eq_mem((const void *)(uintptr_t)c->src, want, PAGE);
	dj_sgx_ecreate(&drv.hash, ssa, size);
	drv.creates++;
	return 0;
}

static int add(struct sgx_enclave_add_pages *a)
{
	const uint64_t *secinfo = (const void *)(uintptr_t)a->secinfo;
	const uint8_t *page = (const void *)(uintptr_t)a->src;

	if (drv.interrupt_every != 0 && ++drv.adds % drv.interrupt_every == 0) {
		errno = EINTR;
		return -1;
	}
	eq_u64(a->src % PAGE, 0);
	eq_u64(a->length, PAGE);
	eq_u64(a->flags, a->offset < DJ_SGX_WINDOW ? SGX_PAGE_MEASURE : 0);
	eq_u64(a->count, 0);
	eq_u64(a->secinfo % 64, 0);
	for (int i = 1; i < 8; i++)
		eq_u64(secinfo[i], 0);
	dj_sgx_eadd(&drv.hash, a->offset, secinfo[0]);
	for (uint64_t i = 0; i < PAGE && a->flags != 0; i += DJ_SGX_CHUNK)
		dj_sgx_eextend(&drv.hash, a->offset + i, page + i);
	a->count = PAGE;
	return 0;
}

static int init(const struct sgx_enclave_init *i)
{
	static const uint8_t zero[PAGE - DJ_SGX_SIGSTRUCT];
	const uint8_t *p = (const void *)(uintptr_t)i->sigstruct;

	eq_u64(i->sigstruct % PAGE, 0);
	eq_mem(p, sigstruct, DJ_SGX_SIGSTRUCT);
	eq_mem(p + DJ_SGX_SIGSTRUCT, zero, sizeof(zero));
	drv.inits++;
	return 0;
}

/* A page at a time, to see that the rest is asked for again. */
static int trim(struct sgx_enclave_modify_types *t)
{
	eq_u64(t->page_type, 4);
	eq_u64(t->count, 0);
	drv.trims++;
	drv.trim_off = t->offset;
	drv.trim_len = t->length;
	t->count = PAGE;
	return 0;
}

/* The same, with one that a signal came before. */
static int restrict_one(struct sgx_enclave_restrict_permissions *r)
{
	eq_u64(r->permissions, DJ_SGX_R);
	eq_u64(r->count | r->result, 0);
	if (drv.restricts == 1 && drv.restrict_off == r->offset - PAGE) {
		drv.restrict_off = r->offset;
		errno = EINTR;
		return -1;
	}
	drv.restricts++;
	drv.restrict_off = r->offset;
	r->count = PAGE;
	return 0;
}

static int control(void *ctx, unsigned long request, void *arg)
{
	struct sgx_enclave_remove_pages *r = arg;

	(void)ctx;
	if (request == drv.fail) {
		errno = drv.fail_errno;
		return -1;
	}
	switch (request) {
	case SGX_IOC_ENCLAVE_CREATE:
		return create(arg);
	case SGX_IOC_ENCLAVE_ADD_PAGES:
		return add(arg);
	case SGX_IOC_ENCLAVE_INIT:
		return init(arg);
	case SGX_IOC_ENCLAVE_MODIFY_TYPES:
		return trim(arg);
	case SGX_IOC_ENCLAVE_RESTRICT_PERMISSIONS:
		return restrict_one(arg);
	case SGX_IOC_ENCLAVE_REMOVE_PAGES:
		drv.removed += r->length;
		r->count = r->length;
		return 0;
	default:
		ok(!"a request that nobody makes");
		return -1;
	}
}

static bool map(void *ctx, uint64_t addr, uint64_t len, int prot)
{
	(void)ctx;
	ok(drv.inits == 1);
	ok((prot & (PROT_WRITE | PROT_EXEC)) != (PROT_WRITE | PROT_EXEC));
	eq_u64(addr % PAGE, 0);
	ok(addr >= drv.last_map_end);
	if (drv.maps++ == 0)
		drv.first_map = addr;
	drv.last_map_end = addr + len;
	return true;
}

static bool protect(void *ctx, uint64_t addr, uint64_t len, int prot)
{
	(void)ctx;
	(void)addr;
	(void)len;
	drv.protects++;
	drv.prot = prot;
	return true;
}

/* ---- the enclave ---- */

struct left {
	int result;                /* of enter() */
	uint32_t function, expect; /* in run; what was asked for */
	uint64_t rdi, rsi, rdx, r8;
};
static const struct left *script;
static size_t step;
static uint64_t answers[64];

struct regs {
	uint64_t rdi, rsi, rdx, r8;
};
void fake_enter_asm(void);
uint64_t fake_enter(uint64_t rdi, unsigned function,
	struct sgx_enclave_run *run, struct regs *ret);

/* As the enclave may: no register but RBP and RSP is what it was. */
__asm__(".text\n"
	".globl fake_enter_asm\n"
	"fake_enter_asm:\n"
	"	endbr64\n"
	"	pushq %rbp\n"
	"	movq %rsp, %rbp\n"
	"	subq $48, %rsp\n"
	"	movl %ecx, %esi\n"
	"	movq 16(%rbp), %rdx\n"
	"	leaq -32(%rbp), %rcx\n"
	"	call fake_enter\n"
	"	movq -32(%rbp), %rdi\n"
	"	movq -24(%rbp), %rsi\n"
	"	movq -16(%rbp), %rdx\n"
	"	movq -8(%rbp), %r8\n"
	"	xorl %r12d, %r12d\n	xorl %r13d, %r13d\n"
	"	xorl %r14d, %r14d\n	xorl %r15d, %r15d\n"
	"	xorl %r9d, %r9d\n"
	"	std\n"
	"	leave\n"
	"	ret\n");

uint64_t fake_enter(uint64_t rdi, unsigned function,
	struct sgx_enclave_run *run, struct regs *ret)
{
	const struct left *l = &script[step];
	static const uint8_t zero[216];

	answers[step] = rdi;
	eq_u64(function, l->expect);
	eq_u64(run->tcs, 0x1000042000);
	eq_u64(run->user_handler | run->user_data, 0);
	eq_mem(run->reserved, zero, sizeof(zero));
	run->function = l->function;
	*ret = (struct regs){ l->rdi, l->rsi, l->rdx, l->r8 };
	step++;
	return (uint64_t)(int64_t)l->result;
}

static const struct dj_sgx_machine *machine(void)
{
	static struct dj_sgx_machine m = { .control = control,
		.map = map,
		.protect = protect };
	union {
		void (*f)(void);
		vdso_sgx_enter_enclave_t enter;
	} u = { .f = fake_enter_asm };

	m.enter = u.enter;
	return &m;
}

static const char *build(void)
{
	const char *wrong;

	wrong = dj_sgx_build(machine(), &img, sigstruct);
	munmap((void *)(uintptr_t)DJ_SGX_BASE, DJ_SGX_SIZE);
	return wrong;
}

static bool skipped(void)
{
#ifdef __SANITIZE_ADDRESS__
	skip("an enclave's addresses are the sanitizer's own");
	return true;
#else
	memset(&drv, 0, sizeof(drv));
	return false;
#endif
}

static void what_the_driver_is_given_has_the_measurement(void)
{
	uint8_t got[32], want[32];

	if (skipped())
		return;
	eq_str(build() == NULL ? "good" : "bad", "good");
	eq_u64(drv.creates, 1);
	eq_u64(drv.inits, 1);
	dj_sgx_hash_final(&drv.hash, got);
	eq_u64(dj_sgx_measure(&img, want), DJ_OK);
	eq_mem(got, want, 32);
	eq_u64(drv.maps, img.segment_count + 2);
	eq_u64(drv.first_map, DJ_SGX_BASE);
	eq_u64(drv.last_map_end, (uint64_t)DJ_SGX_BASE + DJ_SGX_SIZE);
}

static void without_sgx2_the_heap_is_added_and_not_extended(void)
{
	uint8_t got[32], want[32], other[32];

	if (skipped())
		return;
	eq_u64(dj_sgx_measure(&img, other), DJ_OK);
	img.heap = dj_sgx_heap(1);
	ok(build() == NULL);
	dj_sgx_hash_final(&drv.hash, got);
	eq_u64(dj_sgx_measure(&img, want), DJ_OK);
	eq_mem(got, want, 32);
	ok(memcmp(got, other, 32) != 0);
	eq_u64(drv.last_map_end,
		(uint64_t)DJ_SGX_BASE + DJ_SGX_WINDOW + img.heap);
	/* Of whole pages, and no more than there is room for. */
	img.heap = PAGE / 2;
	eq_u64(dj_sgx_measure(&img, want), DJ_E_INPUT);
	img.heap = (uint64_t)DJ_SGX_SIZE;
	eq_u64(dj_sgx_measure(&img, want), DJ_E_INPUT);
	img.heap = 0;
	eq_u64(dj_sgx_heap((uint64_t)1 << 30), (uint64_t)4160 << 20);
	eq_u64(dj_sgx_heap(((uint64_t)1 << 30) + 1), 0);
	eq_u64(dj_sgx_heap(UINT64_MAX), 0);
}

static void a_signal_between_pages_changes_nothing(void)
{
	uint8_t got[32], want[32];

	if (skipped())
		return;
	drv.interrupt_every = 3;
	ok(build() == NULL);
	dj_sgx_hash_final(&drv.hash, got);
	eq_u64(dj_sgx_measure(&img, want), DJ_OK);
	eq_mem(got, want, 32);
}

static void what_the_driver_refuses_is_told(void)
{
	static const struct {
		unsigned long request;
		int err;
		const char *say;
	} cases[] = {
		{ SGX_IOC_ENCLAVE_CREATE, EACCES, "cannot make an enclave" },
		{ SGX_IOC_ENCLAVE_ADD_PAGES, EIO,
			"cannot add pages to the enclave" },
		{ SGX_IOC_ENCLAVE_INIT, EPERM,
			"the processor refuses the enclave's signature" },
	};

	for (size_t i = 0; i < 3; i++) {
		const char *wrong;

		if (skipped())
			return;
		drv.fail = cases[i].request;
		drv.fail_errno = cases[i].err;
		wrong = dj_sgx_build(machine(), &img, sigstruct);
		eq_u64(errno, cases[i].err);
		eq_str(wrong, cases[i].say);
		eq_u64(drv.maps, 0);
		munmap((void *)(uintptr_t)DJ_SGX_BASE, DJ_SGX_SIZE);
	}
}

static uint8_t run(const struct left *s, int to_host, int to_keep)
{
	struct dj_sgx_keep k = { .machine = machine(),
		.tcs = 0x1000042000,
		.cpu = 3,
		.to_host = to_host,
		.to_keep = to_keep };

	memset(&drv, 0, sizeof(drv));
	script = s;
	step = 0;
	return dj_sgx_run(&k);
}

#define OUT(...)                     \
	{                            \
		0, 4, 2, __VA_ARGS__ \
	}

static void calls_are_served_until_it_halts(void)
{
	const uint64_t at = (uint64_t)DJ_SGX_BASE + DJ_SGX_WINDOW;
	const struct left s[] = {
		OUT(DJ_SGX_CALL_KICK, 0, 0, 0),
		OUT(DJ_SGX_CALL_WAIT, 0, 0, 0),
		OUT(DJ_SGX_CALL_TRIM, at, 3 * PAGE, 0),
		OUT(DJ_SGX_CALL_REMOVE, at, 3 * PAGE, 0),
		OUT(DJ_SGX_CALL_PROTECT, at, PAGE, 5),
		/* Nothing below the window, outside, or beyond its end. */
		OUT(DJ_SGX_CALL_PROTECT, DJ_SGX_BASE, PAGE, 7),
		OUT(DJ_SGX_CALL_PROTECT, 0x400000, PAGE, 7),
		OUT(DJ_SGX_CALL_PROTECT, at, UINT64_MAX - 4095, 3),
		OUT(DJ_SGX_CALL_REMOVE, at + 1, PAGE, 0),
		OUT(DJ_SGX_CALL_TRIM, at, 0, 0),
		OUT(DJ_SGX_CALL_PROTECT, at, PAGE, 0x1000003),
		/* Nor what could be written and run, nor rights that none has. */
		OUT(DJ_SGX_CALL_PROTECT, at, PAGE, 7),
		OUT(DJ_SGX_CALL_RESTRICT, at, PAGE, 6),
		OUT(DJ_SGX_CALL_RESTRICT, at, 3 * PAGE, DJ_SGX_R),
		OUT(DJ_SGX_CALL_HALT, DJ_HALT_RELEASED, 0, 0),
	};
	int host = eventfd(0, EFD_NONBLOCK), keep = eventfd(1, EFD_NONBLOCK);
	uint64_t kicks = 0;

	eq_u64(run(s, host, keep), DJ_HALT_RELEASED);
	eq_u64(step, 15);
	eq_u64(answers[0], 3);
	for (int i = 1; i < 6; i++)
		eq_u64(answers[i], 0);
	for (int i = 6; i < 14; i++)
		eq_u64(answers[i], 1);
	eq_u64(answers[14], 0);
	eq_u64(drv.restricts, 3);
	eq_u64(drv.restrict_off, DJ_SGX_WINDOW + 2 * PAGE);
	eq_u64(drv.trims, 3);
	eq_u64(drv.trim_off, DJ_SGX_WINDOW + 2 * PAGE);
	eq_u64(drv.trim_len, PAGE);
	eq_u64(drv.removed, 3 * PAGE);
	eq_u64(drv.protects, 1);
	eq_u64(drv.prot, PROT_READ | PROT_EXEC);
	/* Its own kick, and the one that says that it is over. */
	ok(read(host, &kicks, 8) == 8 && kicks == 2);
	ok(read(keep, &kicks, 8) == -1);
	close(host);
	close(keep);
}

static void a_fault_is_the_handlers_to_judge(void)
{
	static const struct left s[] = {
		{ -EFAULT, 3, 2, 0, 0, 0, 0 },
		{ 0, 4, 2, DJ_SGX_CALL_HANDLED, 6, 0, 0 },
		OUT(DJ_SGX_CALL_HALT, DJ_HALT_HOST, 0, 0),
	};
	struct left t[3] = { s[0], s[1], s[2] };
	int host = eventfd(0, EFD_NONBLOCK);

	t[2].expect = 3; /* resumed */
	eq_u64(run(t, host, -1), DJ_HALT_HOST);
	eq_u64(step, 3);
	t[1].rdi = DJ_SGX_CALL_HALT;
	eq_u64(run(t, host, -1), DJ_HALT_FAULT);
	eq_u64(step, 2);
	/* It cannot even be entered. */
	t[0].function = 2;
	eq_u64(run(t, host, -1), DJ_HALT_FAULT);
	eq_u64(step, 1);
	t[0].result = -EINVAL;
	eq_u64(run(t, host, -1), DJ_HALT_FAULT);
	close(host);
}

static void a_fault_that_stays_is_not_for_ever(void)
{
	static struct left s[64];
	int host = eventfd(0, EFD_NONBLOCK);

	for (int i = 0; i < 64; i += 2) {
		s[i] = (struct left){ -EFAULT, 3, i == 0 ? 2 : 3, 0, 0, 0, 0 };
		s[i + 1] =
			(struct left){ 0, 4, 2, DJ_SGX_CALL_HANDLED, 0, 0, 0 };
	}
	memset(answers, 0, sizeof(answers));
	eq_u64(run(s, host, -1), DJ_HALT_FAULT);
	ok(step < 40);
	close(host);
}

static void an_impossible_call_ends_it(void)
{
	static const struct left s[] = { OUT(99, 0, 0, 0) };
	static const struct left t[] = { OUT(DJ_SGX_CALL_HALT, 200, 0, 0) };
	int host = eventfd(0, EFD_NONBLOCK);

	eq_u64(run(s, host, -1), DJ_HALT_FAULT);
	eq_u64(run(t, host, -1), DJ_HALT_FAULT);
	close(host);
}

/* The kernel puts the heap of a program at a fixed address anywhere in the GiB
 * behind it: in 1,500 starts of one under Linux 6.18, 1 to 1,024 MiB. */
static void the_region_is_where_no_heap_comes(void)
{
#ifdef __SANITIZE_ADDRESS__
	skip("an enclave's addresses are the sanitizer's own");
#else
	const size_t chunk = 1 << 20;
	const int fd = memfd_create("region", 0);
	void *region = (void *)(uintptr_t)DJ_SGX_REGION;

	for (size_t a = chunk; a < (size_t)2 << 30; a += chunk)
		(void)mmap((void *)a, chunk, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
				MAP_FIXED_NOREPLACE,
			-1, 0);
	ok(fd >= 0 && ftruncate(fd, DJ_HC_REGION_SIZE) == 0);
	ok(dj_sgx_map_region(fd) == NULL);
	ok(munmap(region, DJ_HC_REGION_SIZE) == 0);
	close(fd);
#endif
}

static void the_vdsos_symbols_are_found(void)
{
	const void *vdso = (const void *)(uintptr_t)getauxval(AT_SYSINFO_EHDR);

	if (vdso == NULL) {
		skip("no vDSO");
		return;
	}
	ok(dj_sgx_vdso_find(vdso, "__vdso_clock_gettime") != NULL);
	ok(dj_sgx_vdso_find(vdso, "__vdso_sgx_enter_enclav") == NULL);
}

static bool slurp(const char *path, void *dst, size_t cap, size_t *ret)
{
	FILE *f = fopen(path, "rb");

	*ret = f == NULL ? 0 : fread(dst, 1, cap, f);
	return f != NULL && fclose(f) == 0;
}

int main(void)
{
	size_t len, n;

	if (!slurp("build/keep/sgx.elf", image_file, sizeof(image_file),
		    &len) ||
		!slurp("build/keep/sgx.sig", sigstruct, sizeof(sigstruct),
			&n) ||
		dj_image_parse(image_file, len, &img) != DJ_OK)
		return 1;
	RUN(what_the_driver_is_given_has_the_measurement);
	RUN(without_sgx2_the_heap_is_added_and_not_extended);
	RUN(a_signal_between_pages_changes_nothing);
	RUN(what_the_driver_refuses_is_told);
	RUN(calls_are_served_until_it_halts);
	RUN(a_fault_is_the_handlers_to_judge);
	RUN(a_fault_that_stays_is_not_for_ever);
	RUN(an_impossible_call_ends_it);
	RUN(the_vdsos_symbols_are_found);
	RUN(the_region_is_where_no_heap_comes);
	return done();
}
