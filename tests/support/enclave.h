// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "emu/sgx/cpu.h"
#include "host/launch/sgx.h"
#include "lib/evidence/sgx.h"
#include "lib/proto/hostcall.h"
#include "tests/tap.h"

/*
 * The SGX image itself, build/keep/sgx.elf, in the emulated processor, entered
 * and left by the test: load_images(), then alone() for each test, which is a
 * process of its own, for there is one processor in each. probe_enter() enters
 * with all of `in` and leaves all that came out in `out`.
 */
#define PAGE UINT64_C(4096)

static struct dj_sgx_machine machine = { .control = dj_emu_control,
	.map = dj_emu_map,
	.protect = dj_emu_protect,
	.enter = dj_emu_enter };
static uint8_t image_file[1 << 20];
static size_t image_len;
static uint8_t sigstructs[2][DJ_SGX_SIGSTRUCT], sigstruct[DJ_SGX_SIGSTRUCT];
static struct dj_image img;
static uint64_t tcs;
static bool patched;      /* calls in the place of ENCLU */
static bool without_sgx2; /* alone()'s Keep is the image's other enclave */

/* The whole register file, for the assembly below. */
struct file {
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp; /* 0 .. 48 */
	uint64_t r[8];                              /* 56: R8 .. R15 */
	uint64_t flags, rsp;                        /* 120, 128 */
	uint8_t pad[8];
	uint8_t fx[512] __attribute__((aligned(16))); /* 144 */
} __attribute__((aligned(16)));

static struct file in, out;
uint64_t probe_rsp, probe_in, probe_out, probe_patched;
void probe_enter(void);
void probe_back(void);
void dj_emu_gate(void);

__asm__(".text\n"
	".globl probe_enter\n"
	"probe_enter:\n"
	"	endbr64\n"
	"	pushq %rbx\n	pushq %rbp\n	pushq %r12\n"
	"	pushq %r13\n	pushq %r14\n	pushq %r15\n"
	"	movq %rsp, probe_rsp(%rip)\n"
	"	movq probe_in(%rip), %rax\n"
	"	fxrstor64 144(%rax)\n"
	"	movq 8(%rax), %rbx\n	movq 16(%rax), %rcx\n"
	"	movq 24(%rax), %rdx\n	movq 32(%rax), %rsi\n"
	"	movq 40(%rax), %rdi\n	movq 48(%rax), %rbp\n"
	"	movq 56(%rax), %r8\n	movq 64(%rax), %r9\n"
	"	movq 72(%rax), %r10\n	movq 80(%rax), %r11\n"
	"	movq 88(%rax), %r12\n	movq 96(%rax), %r13\n"
	"	movq 104(%rax), %r14\n	movq 112(%rax), %r15\n"
	"	cmpb $0, probe_patched(%rip)\n"
	"	pushq 120(%rax)\n"
	"	movq (%rax), %rax\n"
	"	jne 1f\n"
	"	popfq\n"
	"	.byte 0x0f, 0x01, 0xd7\n"
	"	jmp 2f\n"
	"1:	popfq\n"
	"	call dj_emu_gate\n"
	".globl probe_back\n"
	"probe_back:\n"
	"2:	pushfq\n"
	"	pushq %rax\n"
	"	movq probe_out(%rip), %rax\n"
	"	fxsave64 144(%rax)\n"
	"	movq %rbx, 8(%rax)\n	movq %rcx, 16(%rax)\n"
	"	movq %rdx, 24(%rax)\n	movq %rsi, 32(%rax)\n"
	"	movq %rdi, 40(%rax)\n	movq %rbp, 48(%rax)\n"
	"	movq %r8, 56(%rax)\n	movq %r9, 64(%rax)\n"
	"	movq %r10, 72(%rax)\n	movq %r11, 80(%rax)\n"
	"	movq %r12, 88(%rax)\n	movq %r13, 96(%rax)\n"
	"	movq %r14, 104(%rax)\n	movq %r15, 112(%rax)\n"
	"	popq (%rax)\n"
	"	popq 120(%rax)\n"
	"	movq %rsp, 128(%rax)\n"
	"	movq probe_rsp(%rip), %rsp\n"
	"	pushq $2\n	popfq\n"
	"	popq %r15\n	popq %r14\n	popq %r13\n"
	"	popq %r12\n	popq %rbp\n	popq %rbx\n"
	"	ret\n");

static bool slurp(const char *path, void *dst, size_t cap, size_t *ret)
{
	FILE *f = fopen(path, "rb");

	*ret = f == NULL ? 0 : fread(dst, 1, cap, f);
	return f != NULL && fclose(f) == 0;
}

static void map_region(void)
{
	struct dj_hc_host line = { .magic = DJ_HC_MAGIC };
	void *p = mmap((void *)(uintptr_t)DJ_SGX_REGION, DJ_HC_REGION_SIZE,
		PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		-1, 0);

	if (p == MAP_FAILED)
		abort();
	memcpy((uint8_t *)p + DJ_HC_HOST_OFF, &line, sizeof(line));
}

/* An enclave that was never entered; false, with what failed said. */
static bool build(void)
{
	const char *wrong;
	uint8_t offline[32];

	memset(dj_emu_cpu.fuses, 7, 32);
	dj_emu_cpu.is_patched = patched;
	probe_patched = patched;
	if (!ok(dj_emu_gate_init()))
		return false;
	map_region();
	wrong = dj_sgx_build(&machine, &img, sigstruct);
	if (wrong != NULL)
		printf("# %s: %s\n", wrong, strerror(errno));
	tcs = dj_sgx_tcs_addr(&img);
	eq_u64(dj_sgx_measure(&img, offline), DJ_OK);
	eq_mem(dj_emu_cpu.mrenclave, offline, 32);
	return ok(wrong == NULL);
}

/* The machine's clean state, to change single things of. */
static void quiet(void)
{
	static const uint32_t mxcsr = 0x1f80;
	static const uint16_t fcw = 0x37f;

	memset(&in, 0, sizeof(in));
	in.rax = DJ_SGX_EENTER;
	in.rbx = tcs;
	in.rcx = 0x1234000; /* AEP: only told back */
	in.flags = 2;
	memcpy(in.fx, &fcw, 2);
	memcpy(in.fx + 24, &mxcsr, 4);
	probe_in = (uintptr_t)&in;
	probe_out = (uintptr_t)&out;
}

/* RBP at the last EENTER, which a way out by EEXIT brings back. */
static uint64_t entered_rbp;

/* The initial state of everything that has one, but MXCSR and flags. */
static bool is_initial(uint32_t want_mxcsr)
{
	static const uint8_t zero[256];
	uint32_t mxcsr;
	uint16_t fcw;

	memcpy(&mxcsr, out.fx + 24, 4);
	memcpy(&fcw, out.fx, 2);
	return ok(mxcsr == want_mxcsr) & ok(fcw == 0x37f) & ok(out.fx[4] == 0) &
		ok(memcmp(out.fx + 160, zero, 256) == 0);
}

/* Out by EEXIT, with nothing but RDI, RSI, RDX and R8 to look at. */
static bool is_scrubbed(void)
{
	uint64_t any = 0;

	for (int i = 1; i < 8; i++)
		any |= out.r[i];
	return ok(out.rax == DJ_SGX_EEXIT) & ok(out.rcx == in.rcx) &
		ok(out.rbp == entered_rbp) & ok(out.rsp == probe_rsp) &
		ok(any == 0) & ok((out.flags & ~0x200ull) == 2) &
		is_initial(0x1f80);
}

static bool left_with(uint64_t call, uint64_t argument)
{
	return ok(out.rdi == call) & ok(out.rsi == argument) &
		ok(out.rdx == 0) & ok(out.r[0] == 0);
}

/* Nothing but what the call needs came out. */
static bool is_clean(void)
{
	entered_rbp = in.rbp;
	return is_scrubbed() &
		left_with(out.rdi == DJ_SGX_CALL_KICK ? DJ_SGX_CALL_KICK
						      : DJ_SGX_CALL_WAIT,
			0);
}

/* The image's next enclave, of the smallest memory. */
static void become_sgx1(void)
{
	dj_emu_cpu.is_sgx1 = true;
	img.heap = dj_sgx_heap(DJ_SGX1_MIN);
	memcpy(sigstruct, sigstructs[1], sizeof(sigstruct));
}

/* Runs it in a process of its own; its checks count here. */
static void alone(bool is_patched, void (*fn)(void))
{
	int status = 0;
	pid_t pid;

#ifdef __SANITIZE_ADDRESS__
	skip("an enclave's addresses are the sanitizer's own");
	return;
#endif
	fflush(stdout);
	patched = is_patched;
	pid = fork();
	if (pid == 0) {
		tap_bad = 0;
		if (without_sgx2)
			become_sgx1();
		if (build())
			fn();
		fflush(stdout);
		_exit(tap_bad > 99 ? 99 : tap_bad);
	}
	eq_u64(waitpid(pid, &status, 0), pid);
	eq_u64(status, 0);
}

static void faults_at(uint64_t where, unsigned function, uint16_t vector)
{
	struct sgx_enclave_run run = { .tcs = where };
	struct dj_sgx_left left;

	eq_u64(dj_sgx_enter(machine.enter, 0, function, &run, &left), -EFAULT);
	eq_u64(run.function, function);
	eq_u64(run.exception_vector, vector);
}

/* Until it sleeps: what it does next is to look at the region. */
static void enter_and_take_its_region(void)
{
	quiet();
	do {
		probe_enter();
		ok(is_clean());
	} while (tap_bad == 0 && out.rdi != DJ_SGX_CALL_WAIT);
	munmap((void *)(uintptr_t)DJ_SGX_REGION, DJ_HC_REGION_SIZE);
}

/* False, said as a skip: they were not built. */
static bool load_images(void)
{
	size_t n;

	dj_image_use_cpu();
	if (!slurp("build/keep/sgx.elf", image_file, sizeof(image_file),
		    &image_len) ||
		!slurp("build/keep/sgx.sig", sigstructs, sizeof(sigstructs),
			&n) ||
		dj_image_parse(image_file, image_len, &img) != DJ_OK) {
		printf("1..0 # SKIP no build/keep/sgx.elf and its signature\n");
		return false;
	}
	memcpy(sigstruct, sigstructs[0], sizeof(sigstruct));
	return true;
}

/* A test for each way that the emulated processor takes ENCLU. */
#define BOTH(name, sentence)                   \
	static void sentence##_by_faults(void) \
	{                                      \
		alone(false, name);            \
	}                                      \
	static void sentence##_by_calls(void)  \
	{                                      \
		alone(true, name);             \
	}
