// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "emu/sgx/cpu.h"
#include "host/launch/sgx.h"
#include "lib/base/wr.h"
#include "lib/evidence/sgx.h"
#include "lib/proto/hostcall.h"
#include "tests/tap.h"

/*
 * The SGX image itself, built/keep/sgx.elf, in the emulated processor, under a
 * host that enters it in every way: what of a host's registers gets in, and
 * what of the Keep's gets out. Each test is a process of its own, for there is
 * one processor in each.
 */
#define PAGE      4096
#define ALLOWED   0x202ull /* RFLAGS at exit: nothing but IF */
#define FLAG_BITS 10

static struct dj_sgx_machine machine = { .control = dj_emu_control,
	.map = dj_emu_map,
	.protect = dj_emu_protect,
	.enter = dj_emu_enter };
static uint8_t image_file[1 << 20];
static size_t image_len;
static uint8_t sigstructs[2][DJ_SGX_SIGSTRUCT], sigstruct[DJ_SGX_SIGSTRUCT];
static struct dj_image img;
static uint64_t tcs;
static bool patched;

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

static uint64_t rnd(void)
{
	static uint64_t s = 88172645463325252ull;

	s ^= s << 13;
	s ^= s >> 7;
	s ^= s << 17;
	return s;
}

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

static void sgx1(void);

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
		if (fn == sgx1)
			become_sgx1();
		if (build())
			fn();
		fflush(stdout);
		_exit(tap_bad > 99 ? 99 : tap_bad);
	}
	eq_u64(waitpid(pid, &status, 0), pid);
	eq_u64(status, 0);
}

/* One of the 2^FLAG_BITS sets of flags that a host can come with. */
static uint64_t flag_set(uint32_t set)
{
	static const uint64_t bits[FLAG_BITS] = { 1, 4, 0x10, 0x40, 0x80, 0x400,
		0x800, 0x4000, 0x40000, 0x200000 };
	uint64_t r = 2;

	for (int i = 0; i < FLAG_BITS; i++)
		r |= (set >> i & 1) != 0 ? bits[i] : 0;
	return r;
}

static void flags(void)
{
	bool good = true;

	quiet();
	for (uint32_t set = 0; set < 1u << FLAG_BITS && good; set++) {
		in.flags = flag_set(set);
		probe_enter();
		good = is_clean();
	}
}

/* Everything that a host can choose, but for where it is to go back to. */
static void dirty(bool is_first)
{
	in.rdx = rnd();
	in.rsi = rnd();
	in.rbp = rnd();
	/* The answer of a call; at the first entry the hint. */
	in.rdi = is_first ? 0 : rnd();
	for (int i = 0; i < 8; i++)
		in.r[i] = rnd();
	for (size_t i = 160; i < 416; i++)
		in.fx[i] = (uint8_t)rnd();
	for (size_t i = 32; i < 160; i++)
		in.fx[i] = (i - 32) % 16 < 10 ? (uint8_t)rnd() : 0;
	in.fx[0] = (uint8_t)rnd();
	in.fx[1] = (uint8_t)(rnd() & 0x0f);
	in.fx[4] = (uint8_t)rnd();
	in.fx[24] = (uint8_t)rnd() & 0x40; /* DAZ, no flags up */
	in.fx[25] = (uint8_t)(rnd() | 0x1f) & 0xff;
	in.fx[24] |= 0x80;
	/* All exceptions masked here: they would be the host's own. */
	in.fx[0] |= 0x3f;
	in.flags = 2 | (rnd() & 0x244cd5);
}

static void registers(void)
{
	bool good = true;

	quiet();
	for (int n = 0; n < 256 && good; n++) {
		dirty(n == 0);
		probe_enter();
		good = is_clean();
	}
}

/* The state at the first look at the region, which SSA has: is anything of
 * the host's in it? */
static bool is_ours(void)
{
	const uint8_t *frame = (const uint8_t *)(uintptr_t)(DJ_SGX_BASE +
		dj_emu_cpu.tcs[0].is.ossa);
	uint64_t gpr[18];
	uint32_t mxcsr;
	uint16_t fcw;
	bool good = true;

	memcpy(gpr, frame + PAGE - 184, sizeof(gpr));
	for (int i = 0; i < 16; i++) {
		good &= ok(gpr[i] != in.rdx) & ok(gpr[i] != in.rsi) &
			ok(gpr[i] != in.rbp) & ok(gpr[i] != in.rdi);
		for (int k = 0; k < 8; k++)
			good &= ok(gpr[i] != in.r[k]);
	}
	memcpy(&mxcsr, frame + 24, 4);
	memcpy(&fcw, frame, 2);
	for (size_t i = 0; i < 256; i += 8)
		for (size_t k = 0; k < 256; k += 8)
			good &= memcmp(frame + 160 + i, in.fx + 160 + k, 8) !=
				0;
	return ok(good) & ok((gpr[16] & 0x244500) == 0) & ok(mxcsr == 0x1f80) &
		ok(fcw == 0x37f) & ok(frame[4] == 0);
}

/* After a fault's AEX: RDI, RSI, RDX are the kernel's word for it, RBX and RBP
 * those of its caller's frame. */
static bool is_told_nothing(void)
{
	uint64_t any = 0;

	for (int i = 0; i < 8; i++)
		any |= out.r[i];
	return ok(any == 0) & ok(out.rcx == in.rcx) & is_initial(0x1fb0) &
		ok((out.flags & ~(in.flags | 0x246)) == 0);
}

static void inside(void)
{
	void *region = (void *)(uintptr_t)DJ_SGX_REGION;
	static uint64_t frame[64];
	bool good = true;

	quiet();
	for (int n = 0; n < 256 && good; n++) {
		struct sgx_enclave_run run = { .tcs = tcs };

		/* Asleep, it looks at the region first when it wakes. */
		in.rax = DJ_SGX_EENTER;
		in.rdi = 0;
		do
			probe_enter();
		while (out.rdi == DJ_SGX_CALL_KICK);
		dirty(false);
		/* A frame of dj_emu_enter()'s, which tells of the fault. */
		in.rbp = (uintptr_t)&frame[40];
		frame[41] = (uintptr_t)probe_back;
		frame[42] = (uintptr_t)&run;
		(void)mprotect(region, DJ_HC_REGION_SIZE, PROT_NONE);
		probe_enter();
		(void)mprotect(region, DJ_HC_REGION_SIZE,
			PROT_READ | PROT_WRITE);
		good = ok(run.exception_vector == 14) & is_ours() &
			is_told_nothing();
		/* From the very frame that entered: that is where it goes. */
		in.rax = DJ_SGX_ERESUME;
		probe_enter();
		good &= ok(out.rdi == DJ_SGX_CALL_KICK ||
			out.rdi == DJ_SGX_CALL_WAIT);
	}
}

static void faults_at(uint64_t where, unsigned function, uint16_t vector)
{
	struct sgx_enclave_run run = { .tcs = where };
	struct dj_sgx_left left;

	eq_u64(dj_sgx_enter(machine.enter, 0, function, &run, &left), -EFAULT);
	eq_u64(run.function, function);
	eq_u64(run.exception_vector, vector);
}

static void wrong_tcs(void)
{
	faults_at(tcs + 8, DJ_SGX_EENTER, 13);
	faults_at(tcs + PAGE, DJ_SGX_EENTER, 14);
	faults_at(DJ_SGX_BASE, DJ_SGX_EENTER, 14);
	faults_at(DJ_SGX_BASE - PAGE, DJ_SGX_EENTER, 14);
	faults_at((uint64_t)DJ_SGX_BASE + DJ_SGX_SIZE, DJ_SGX_EENTER, 14);
	faults_at(0, DJ_SGX_EENTER, 14);
	/* Nothing was interrupted. */
	faults_at(tcs, DJ_SGX_ERESUME, 13);
	quiet();
	probe_enter();
	ok(is_clean());
	/* Out by a call is not interrupted either. */
	faults_at(tcs, DJ_SGX_ERESUME, 13);
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

static void fault_inside(void)
{
	struct sgx_enclave_run run = { .tcs = tcs };
	struct dj_sgx_left left;
	struct dj_hc_keep line;

	enter_and_take_its_region();
	eq_u64(dj_sgx_enter(machine.enter, 0, DJ_SGX_EENTER, &run, &left),
		-EFAULT);
	eq_u64(run.function, DJ_SGX_ERESUME);
	eq_u64(run.exception_vector, 14);
	eq_u64(run.exception_addr & 0xfff, 0);
	/* Nor is there anything of the Keep in the registers. */
	eq_u64(dj_emu_cpu.tcs[0].cssa, 1);
	map_region();
	quiet();
	probe_enter();
	eq_u64(out.rdi, DJ_SGX_CALL_HALT);
	eq_u64(out.rsi, DJ_HALT_FAULT);
	eq_u64(out.rdx | out.r[0] | out.r[1] | out.r[7], 0);
	memcpy(&line, (void *)(uintptr_t)(DJ_SGX_REGION + DJ_HC_KEEP_OFF),
		sizeof(line));
	eq_u64(line.op, DJ_HC_HALT);
	eq_u64(line.arg, DJ_HALT_FAULT);
	/* It says so again, and resumed it gets nowhere. */
	probe_enter();
	eq_u64(out.rdi, DJ_SGX_CALL_HALT);
	for (int i = 0; i < 3; i++) {
		eq_u64(dj_sgx_enter(machine.enter, 0, DJ_SGX_ERESUME, &run,
			       &left),
			-EFAULT);
		eq_u64(run.exception_vector, 6);
	}
}

static void fault_in_the_handler(void)
{
	enter_and_take_its_region();
	for (int i = 0; i < 2; i++) {
		struct sgx_enclave_run run = { .tcs = tcs };
		struct dj_sgx_left left;

		eq_u64(dj_sgx_enter(machine.enter, 0, DJ_SGX_EENTER, &run,
			       &left),
			-EFAULT);
		eq_u64(run.function, DJ_SGX_ERESUME);
	}
	eq_u64(dj_emu_cpu.tcs[0].cssa, 2);
	/* No frame is left. */
	faults_at(tcs, DJ_SGX_EENTER, 13);
}

/* A fault whose RIP is in the window is native code's, for the core to judge:
 * once, and here there is no program that it could be of. */
static void fault_of_native_code(void)
{
	struct sgx_enclave_run run = { .tcs = tcs };
	uint8_t *gpr = (uint8_t *)(uintptr_t)(DJ_SGX_BASE +
		dj_emu_cpu.tcs[0].is.ossa + PAGE - 184);
	const uint64_t pc = DJ_SGX_BASE + DJ_SGX_WINDOW + 0x12345;
	struct dj_sgx_left left;
	uint64_t now, maddr;
	uint32_t info;

	enter_and_take_its_region();
	eq_u64(dj_sgx_enter(machine.enter, 0, DJ_SGX_EENTER, &run, &left),
		-EFAULT);
	memcpy(gpr + 136, &pc, 8);
	memcpy(&maddr, gpr - 16, 8);
	ok(maddr - DJ_SGX_REGION < DJ_HC_REGION_SIZE);
	for (int i = 0; i < 3; i++) {
		eq_u64(dj_sgx_enter(machine.enter, 0, DJ_SGX_EENTER, &run,
			       &left),
			0);
		eq_u64(left.rdi, DJ_SGX_CALL_HANDLED);
		memcpy(&now, gpr + 136, 8);
		ok(now - DJ_SGX_BASE < DJ_SGX_WINDOW);
		memcpy(&now, gpr + 56, 8);
		eq_u64(now, pc);
		memcpy(&now, gpr + 48, 8);
		eq_u64(now, maddr);
		memcpy(&info, gpr + 160, 4);
		eq_u64(info, 0);
	}
	map_region();
	eq_u64(dj_sgx_enter(machine.enter, 0, DJ_SGX_ERESUME, &run, &left), 0);
	eq_u64(left.rdi, DJ_SGX_CALL_HALT);
	eq_u64(left.rsi, DJ_HALT_FAULT);
}

static void interrupts(void)
{
	const struct itimerval often = { { 0, 53 }, { 0, 53 } };
	const struct itimerval never = { 0 };
	uint64_t before = dj_emu_cpu.exits;
	bool good = true;

	quiet();
	setitimer(ITIMER_REAL, &often, NULL);
	/* By the loader's way in: AEP has to be one. */
	for (int i = 0; i < 20000 && good; i++) {
		struct sgx_enclave_run run = { .tcs = tcs };
		struct dj_sgx_left left;

		good = ok(dj_sgx_enter(machine.enter, 0, DJ_SGX_EENTER, &run,
				  &left) == 0) &&
			ok(left.rdi == DJ_SGX_CALL_KICK ||
				left.rdi == DJ_SGX_CALL_WAIT);
	}
	setitimer(ITIMER_REAL, &never, NULL);
	ok(dj_emu_cpu.exits > before);
	eq_u64(dj_emu_cpu.tcs[0].cssa, 0);
}

/* At AEP after an interrupt: all that there is of ERESUME's, and no more.
 * Flags that AEX leaves alone are the host's until the shim has cleared them:
 * of this entry, or of the one that was resumed. */
static bool is_synthetic(uint64_t rbp, uint64_t flags)
{
	uint64_t any = out.rdx | out.rsi | out.rdi;

	for (int i = 0; i < 8; i++)
		any |= out.r[i];
	return ok(out.rbx == tcs) & ok(out.rcx == in.rcx) & ok(any == 0) &
		ok(out.rbp == rbp) & ok(out.rsp == probe_rsp) &
		ok((out.flags & ~(flags | 0x202)) == 0) & is_initial(0x1fb0);
}

enum door {
	ENTER,  /* EENTER, from a call */
	HANDLE, /* EENTER while it is interrupted */
	RESUME  /* ERESUME */
};

/*
 * A host that is interrupted every few microseconds: in by every door with
 * everything in its registers, out wherever that leads. One place enters, for
 * a Keep that is resumed leaves with the stack that it was entered with.
 */
static void interrupted(bool asks_handler)
{
	const struct itimerval often = { { 0, 53 }, { 0, 53 } };
	const struct itimerval never = { 0 };
	unsigned aex = 0, handled = 0, calls = 0;
	enum door door = ENTER;
	uint64_t program_rbp = 0, flags = 0;
	bool good = true;

	quiet();
	in.rcx = (uintptr_t)probe_back;
	setitimer(ITIMER_REAL, &often, NULL);
	for (uint32_t n = 0; good && (aex < 256 || calls < 256) && n < 1u << 21;
		n++) {
		dirty(n == 0);
		in.flags = flag_set(n) | 2;
		in.rax = door == RESUME ? DJ_SGX_ERESUME : DJ_SGX_EENTER;
		flags = in.flags | (door == ENTER ? 0 : flags);
		if (door == ENTER)
			program_rbp = in.rbp;
		if (door == HANDLE)
			entered_rbp = in.rbp;
		probe_enter();
		if (out.rax == DJ_SGX_ERESUME) {
			/* Interrupted; in the handler, that is resumed. */
			aex++;
			good = is_synthetic(in.rbp, flags);
			door = asks_handler && dj_emu_cpu.tcs[0].cssa == 1
				? HANDLE
				: RESUME;
		} else if (dj_emu_cpu.tcs[0].cssa == 1) {
			handled++;
			good = is_scrubbed() &
				left_with(DJ_SGX_CALL_HANDLED, DJ_HALT_FAULT);
			door = RESUME;
		} else {
			calls++;
			entered_rbp = program_rbp;
			good = is_scrubbed() &
				ok(out.rdi == DJ_SGX_CALL_KICK ||
					out.rdi == DJ_SGX_CALL_WAIT) &
				left_with(out.rdi, 0);
			door = ENTER;
		}
	}
	setitimer(ITIMER_REAL, &never, NULL);
	ok(aex >= 256 && calls >= 256);
	ok(!asks_handler || handled >= 64);
}

static void interrupt_exits(void)
{
	interrupted(false);
}

static void handler_exits(void)
{
	interrupted(true);
}

/* The handler of a thread that faulted, by every set of flags and registers. */
static void fault_exits(void)
{
	struct sgx_enclave_run run = { .tcs = tcs };
	struct dj_sgx_left left;
	bool good = true;

	enter_and_take_its_region();
	eq_u64(dj_sgx_enter(machine.enter, 0, DJ_SGX_EENTER, &run, &left),
		-EFAULT);
	map_region();
	quiet();
	for (uint32_t n = 0; n < 1u << FLAG_BITS && good; n++) {
		dirty(false);
		in.flags = flag_set(n);
		entered_rbp = in.rbp;
		probe_enter();
		good = is_scrubbed() &
			left_with(DJ_SGX_CALL_HALT, DJ_HALT_FAULT);
	}
	eq_u64(dj_emu_cpu.tcs[0].cssa, 1);
}

/* Turned away at the door: nothing of ours was in a register yet, and what is
 * there is what the host came with. */
static bool is_refused(void)
{
	uint64_t any = 0;

	for (int i = 0; i < 8; i++)
		any |= out.r[i];
	return ok(out.rax == DJ_SGX_EEXIT) & ok(out.rcx == in.rcx) &
		ok(out.rbp == in.rbp) & ok(out.rsp == probe_rsp) &
		ok(any == 0) & left_with(DJ_SGX_CALL_HALT, DJ_HALT_FAULT) &
		ok((out.flags & ~(in.flags | 0x2d7)) == 0) &
		ok(memcmp(out.fx + 160, in.fx + 160, 256) == 0);
}

static void error_exits(void)
{
	/* IN, DEAD, and what is none: never to be met with CSSA 0. */
	static const uint64_t states[] = { 1, 3, 4, UINT64_MAX };
	uint64_t *state = (uint64_t *)(uintptr_t)(tcs + 3 * (uint64_t)PAGE);
	bool good = true;

	quiet();
	for (uint32_t n = 0; n < 1u << FLAG_BITS && good; n++) {
		*state = states[n % 4];
		dirty(false);
		in.flags = flag_set(n);
		probe_enter();
		good = is_refused() & ok(*state == states[n % 4]);
	}
	/* More exceptions in one another than there are frames for. */
	*state = 1;
	dj_emu_cpu.tcs[0].is.nssa = 4;
	dj_emu_cpu.tcs[0].cssa = 2;
	probe_enter();
	(void)is_refused();
}

static void second_thread(void)
{
	struct dj_emu_tcs *t = &dj_emu_cpu.tcs[0];

	quiet();
	probe_enter();
	ok(is_clean());
	/* While one thread is in, no other is, by neither door. */
	t->busy = true;
	faults_at(tcs, DJ_SGX_EENTER, 13);
	t->cssa = 1;
	faults_at(tcs, DJ_SGX_ERESUME, 13);
	t->cssa = 0;
	t->busy = false;
	/* Nor before EINIT. */
	dj_emu_cpu.is_initialised = false;
	faults_at(tcs, DJ_SGX_EENTER, 13);
	faults_at(tcs, DJ_SGX_ERESUME, 13);
	dj_emu_cpu.is_initialised = true;
	probe_enter();
	ok(is_clean());
}

static uint64_t hint;

/* As far as it gets by itself: to where it waits for a client. */
static void told_of_a_processor(void)
{
	quiet();
	in.rdi = hint;
	for (int i = 0; i < 8; i++) {
		probe_enter();
		ok(is_clean());
		in.rdi = hint;
	}
}

static void what_the_host_says_of_its_processor_changes_nothing(void)
{
	for (int bit = 0; bit < 64; bit++) {
		hint = UINT64_C(1) << bit;
		alone(true, told_of_a_processor);
	}
	hint = UINT64_MAX;
	alone(false, told_of_a_processor);
}

/* A page of the window that the driver has put there unasked. */
static uint16_t unasked;

static void pages_before_they_are_asked_for(void)
{
	for (uint64_t off = 0; off < 2048; off++)
		*dj_emu_page(DJ_SGX_WINDOW + off * PAGE) = unasked;
	quiet();
	probe_enter();
	eq_u64(out.rdi, DJ_SGX_CALL_HALT);
	eq_u64(out.rsi, DJ_HALT_HOST);
}

static void a_page_that_is_not_new_and_empty_ends_it(void)
{
	static const uint16_t cases[] = {
		/* With content, of a build or of before. */
		DJ_SGX_REG | DJ_SGX_R | DJ_SGX_W,
		DJ_SGX_REG | DJ_SGX_PENDING | DJ_SGX_R | DJ_SGX_W | DJ_SGX_X,
		DJ_SGX_REG | DJ_SGX_PENDING | DJ_SGX_R,
		DJ_SGX_TRIM | DJ_SGX_MODIFIED,
		DJ_SGX_TCS | DJ_SGX_PENDING,
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unasked = cases[i];
		alone(false, pages_before_they_are_asked_for);
		alone(true, pages_before_they_are_asked_for);
	}
}

/* The page of its stack is taken away while it is out; again: and an empty one
 * put in its place, by who touches it first. */
static void lose_a_page(bool again)
{
	const uint64_t rsp = *(uint64_t *)(uintptr_t)(tcs + 3 * PAGE + 8);
	const uint64_t off = (rsp & ~(uint64_t)(PAGE - 1)) - DJ_SGX_BASE;
	struct sgx_enclave_run run = { .tcs = tcs };
	struct dj_sgx_left left;

	ok(*dj_emu_page(off) == (DJ_SGX_REG | DJ_SGX_R | DJ_SGX_W));
	*dj_emu_page(off) = 0;
	dj_emu_sync(off, PAGE);
	(void)madvise((void *)(uintptr_t)(DJ_SGX_BASE + off), PAGE,
		MADV_DONTNEED);
	if (again)
		ok(dj_emu_eaug(off));
	eq_u64(dj_sgx_enter(machine.enter, 0, DJ_SGX_EENTER, &run, &left),
		-EFAULT);
	eq_u64(run.exception_vector, 14);
	for (int i = 0; i < 3; i++) {
		quiet();
		probe_enter();
		eq_u64(out.rdi, DJ_SGX_CALL_HALT);
		eq_u64(out.rsi, DJ_HALT_FAULT);
		eq_u64(dj_sgx_enter(machine.enter, 0, DJ_SGX_ERESUME, &run,
			       &left),
			-EFAULT);
	}
	/* It was never accepted a second time. */
	ok((*dj_emu_page(off) & DJ_SGX_PENDING) != 0);
}

static void page_lost(void)
{
	quiet();
	do
		probe_enter();
	while (out.rdi == DJ_SGX_CALL_KICK);
	lose_a_page(false);
}

static void page_replaced(void)
{
	quiet();
	do
		probe_enter();
	while (out.rdi == DJ_SGX_CALL_KICK);
	lose_a_page(true);
}

static int control(unsigned long request, void *arg)
{
	errno = 0;
	return dj_emu_control(NULL, request, arg) == 0 ? 0 : errno;
}

static void driver(void)
{
	struct sgx_enclave_create c = { 0 };
	struct sgx_enclave_init i = { 0 };
	uint8_t page[PAGE] __attribute__((aligned(PAGE))) = { 0 };
	uint64_t secinfo[8] = { DJ_SGX_REG | DJ_SGX_R | DJ_SGX_W };
	struct sgx_enclave_add_pages a = { .src = (uintptr_t)page,
		.offset = DJ_SGX_WINDOW,
		.length = PAGE,
		.secinfo = (uintptr_t)secinfo };
	struct sgx_enclave_remove_pages r = { .length = PAGE };
	struct sgx_enclave_modify_types t = { .offset = DJ_SGX_WINDOW,
		.length = PAGE,
		.page_type = 4 };

	eq_u64(control(SGX_IOC_ENCLAVE_CREATE, &c), EINVAL);
	eq_u64(control(SGX_IOC_ENCLAVE_INIT, &i), EINVAL);
	eq_u64(control(SGX_IOC_ENCLAVE_ADD_PAGES, &a), EINVAL);
	/* No page goes that the enclave has not let go. */
	eq_u64(control(SGX_IOC_ENCLAVE_REMOVE_PAGES, &r), EPERM);
	eq_u64(control(SGX_IOC_ENCLAVE_MODIFY_TYPES, &t), EFAULT);
	eq_u64(control(0, NULL), ENOTTY);
	/* No page gets more than it was measured with. */
	ok(!dj_emu_map(NULL, DJ_SGX_BASE, PAGE, PROT_READ | PROT_WRITE));
	ok(!dj_emu_map(NULL, tcs, PAGE, PROT_READ | PROT_EXEC));
	ok(!dj_emu_map(NULL, DJ_SGX_BASE - PAGE, PAGE, PROT_READ));
}

/* A leaf as the enclave would do it: RAX, or minus the vector of its fault. */
static int64_t leaf(uint64_t rax, uint64_t flags, uint64_t rcx, uint64_t rdx)
{
	static uint8_t fp[4096] __attribute__((aligned(64)));
	const uint64_t at = img.segments[img.segment_count - 1].addr + PAGE;
	struct dj_emu_cpu *c = &dj_emu_cpu;
	struct dj_emu_regs r = { .rax = rax,
		.rbx = at,
		.rcx = rcx,
		.rdx = rdx,
		.rip = img.entry,
		.fp = fp };

	memset((void *)(uintptr_t)at, 0, 64);
	memcpy((void *)(uintptr_t)at, &flags, 8);
	c->inside = &c->tcs[0];
	dj_emu_enclu(&r, 3);
	if (c->inside == NULL) {
		c->tcs[0].cssa = 0;
		return -(int64_t)r.rdi;
	}
	c->inside = NULL;
	return (int64_t)r.rax;
}

#define HEAP  (DJ_SGX_BASE + DJ_SGX_WINDOW)
#define R     DJ_SGX_R
#define RW    (DJ_SGX_R | DJ_SGX_W)
#define RX    (DJ_SGX_R | DJ_SGX_X)
#define EPCM  (*dj_emu_page(DJ_SGX_WINDOW))
#define AEX   (-14)
#define WRONG 19

static int restrict_to(uint64_t rights)
{
	struct sgx_enclave_restrict_permissions r = { .offset = DJ_SGX_WINDOW,
		.length = PAGE,
		.permissions = rights };

	return control(SGX_IOC_ENCLAVE_RESTRICT_PERMISSIONS, &r);
}

/* How memory becomes code and memory again, and every wrong turn. */
static void rights(void)
{
	const uint64_t reg = DJ_SGX_REG, made = reg | DJ_SGX_PENDING | RW;
	uint8_t *page = (uint8_t *)(uintptr_t)HEAP;

	eq_u64(leaf(DJ_SGX_EMODPE, reg | RX, HEAP, 0), AEX);
	eq_u64(restrict_to(R), EFAULT);
	eq_u64(leaf(DJ_SGX_EACCEPT, reg | RW, HEAP, 0), WRONG);
	eq_u64(leaf(DJ_SGX_EACCEPT, made | DJ_SGX_X, HEAP, 0), WRONG);
	eq_u64(leaf(DJ_SGX_EMODPE, reg | RX, HEAP, 0), AEX);
	eq_u64(leaf(DJ_SGX_EACCEPT, made, HEAP, 0), 0);
	eq_u64(EPCM, reg | RW);
	eq_u64(leaf(DJ_SGX_EACCEPT, made, HEAP, 0), WRONG);
	page[0] = 0xc3;
	eq_u64(leaf(DJ_SGX_EMODPE, reg | RX, HEAP, 0), -13);
	eq_u64(EPCM, reg | RW);
	/* Rights go by the host and are seen to be gone. */
	eq_u64(restrict_to(DJ_SGX_W), EINVAL);
	eq_u64(restrict_to(8), EINVAL);
	eq_u64(restrict_to(R | DJ_SGX_X), 0);
	eq_u64(EPCM, reg | DJ_SGX_PR | R);
	eq_u64(leaf(DJ_SGX_EACCEPT, reg | DJ_SGX_PR | RW, HEAP, 0), WRONG);
	eq_u64(leaf(DJ_SGX_EACCEPT, reg | R, HEAP, 0), WRONG);
	eq_u64(leaf(DJ_SGX_EACCEPT, reg | DJ_SGX_PR | R, HEAP, 0), 0);
	eq_u64(EPCM, reg | R);
	/* They come by the enclave alone. */
	eq_u64(leaf(DJ_SGX_EMODPE, reg | RX, HEAP, 0), DJ_SGX_EMODPE);
	eq_u64(EPCM, reg | RX);
	ok(dj_emu_protect(NULL, HEAP, PAGE, PROT_READ | PROT_EXEC));
	eq_u64(page[0], 0xc3);
	eq_u64(restrict_to(R), 0);
	eq_u64(leaf(DJ_SGX_EACCEPT, reg | DJ_SGX_PR | R, HEAP, 0), 0);
	eq_u64(leaf(DJ_SGX_EMODPE, reg | RW, HEAP, 0), DJ_SGX_EMODPE);
	eq_u64(EPCM, reg | RW);
	/* The window's own rights count again, and nothing is left behind. */
	ok(dj_emu_protect(NULL, HEAP, PAGE, PROT_READ | PROT_WRITE));
	page[0] = 1;
	for (int i = 0; i < 3 * DJ_EMU_RANGES_MAX; i++)
		ok(dj_emu_protect(NULL, HEAP + (uint64_t)i * PAGE, PAGE,
			   PROT_READ | PROT_EXEC) &&
			dj_emu_protect(NULL, HEAP + (uint64_t)i * PAGE, PAGE,
				PROT_READ | PROT_WRITE));
}

static void copies(void)
{
	const uint64_t reg = DJ_SGX_REG, from = HEAP, to = HEAP + PAGE;

	eq_u64(leaf(DJ_SGX_EACCEPT, reg | DJ_SGX_PENDING | RW, from, 0), 0);
	memset((void *)(uintptr_t)from, 0x5a, PAGE);
	eq_u64(leaf(DJ_SGX_EACCEPTCOPY, reg | DJ_SGX_W, to, from), -13);
	eq_u64(leaf(DJ_SGX_EACCEPTCOPY, reg | DJ_SGX_PENDING | RX, to, from),
		-13);
	eq_u64(leaf(DJ_SGX_EACCEPTCOPY, reg | RX, to + 8, from), -13);
	eq_u64(leaf(DJ_SGX_EACCEPTCOPY, reg | RX, to, from + 8), -13);
	/* From what is not there, to what is there already. */
	eq_u64(leaf(DJ_SGX_EACCEPTCOPY, reg | RX, to, HEAP + 9 * PAGE), AEX);
	eq_u64(leaf(DJ_SGX_EACCEPTCOPY, reg | RX, from, from), WRONG);
	eq_u64(leaf(DJ_SGX_EACCEPTCOPY, reg | R, to, from), 0);
	eq_mem((void *)(uintptr_t)to, (void *)(uintptr_t)from, PAGE);
	eq_u64(*dj_emu_page(DJ_SGX_WINDOW + PAGE), reg | R);
	eq_u64(leaf(DJ_SGX_EACCEPTCOPY, reg | R, to, from), WRONG);
}

/* Without SGX2: such a Keep does what it does without its leaves. */
static void sgx1(void)
{
	struct sgx_enclave_remove_pages gone = { .offset = DJ_SGX_WINDOW,
		.length = PAGE };
	uint64_t before[3];

	memcpy(before, dj_emu_cpu.leaves + DJ_SGX_EACCEPT, sizeof(before));
	quiet();
	do {
		probe_enter();
		ok(is_clean());
	} while (tap_bad == 0 && out.rdi != DJ_SGX_CALL_WAIT);
	eq_mem(before, dj_emu_cpu.leaves + DJ_SGX_EACCEPT, sizeof(before));
	eq_u64(leaf(DJ_SGX_EACCEPT, DJ_SGX_REG | RW, HEAP, 0), -13);
	eq_u64(leaf(DJ_SGX_EMODPE, DJ_SGX_REG | RX, HEAP, 0), -13);
	eq_u64(leaf(DJ_SGX_EACCEPTCOPY, DJ_SGX_REG | RX, HEAP, HEAP), -13);
	eq_u64(restrict_to(R), ENODEV);
	eq_u64(control(SGX_IOC_ENCLAVE_REMOVE_PAGES, &gone), ENODEV);
	ok(!dj_emu_protect(NULL, HEAP, PAGE, PROT_READ | PROT_EXEC));
}

/* EGETKEY as the enclave would do it, with operands in its own data. */
static uint64_t get_key(const struct dj_sgx_keyrequest *q, uint8_t ret[16])
{
	uint64_t at = img.segments[img.segment_count - 1].addr + PAGE;
	struct dj_emu_regs r = { .rax = DJ_SGX_EGETKEY,
		.rbx = at,
		.rcx = at + 512,
		.rip = img.entry };

	dj_sgx_keyrequest_write(q, (uint8_t *)(uintptr_t)at);
	memset((void *)(uintptr_t)(at + 512), 0, 16);
	dj_emu_cpu.inside = &dj_emu_cpu.tcs[0];
	dj_emu_enclu(&r, 3);
	dj_emu_cpu.inside = NULL;
	memcpy(ret, (void *)(uintptr_t)(at + 512), 16);
	return r.rax;
}

static bool same(const struct dj_sgx_keyrequest *q, const uint8_t want[16])
{
	uint8_t key[16];

	return get_key(q, key) == 0 && memcmp(key, want, 16) == 0;
}

static void sealing(void)
{
	struct dj_sgx_keyrequest q = { .name = DJ_SGX_KEY_SEAL,
		.policy = DJ_SGX_POLICY_MRENCLAVE,
		.flags_mask = UINT64_MAX,
		.xfrm_mask = UINT64_MAX,
		.miscmask = UINT32_MAX,
		.isvsvn = 1 };
	struct dj_emu_cpu *c = &dj_emu_cpu;
	struct dj_sgx_keyrequest by_signer = q, other;
	uint8_t mine[16], signers[16], key[16];

	by_signer.policy = DJ_SGX_POLICY_MRSIGNER;
	eq_u64(get_key(&q, mine), 0);
	eq_u64(get_key(&by_signer, signers), 0);
	ok(memcmp(mine, signers, 16) != 0);
	ok(same(&q, mine));
	/* Another image, of the same signer. */
	c->mrenclave[0] ^= 1;
	ok(!same(&q, mine) && same(&by_signer, signers));
	c->mrenclave[0] ^= 1;
	/* The same image, of another signer. */
	c->mrsigner[0] ^= 1;
	ok(same(&q, mine) && !same(&by_signer, signers));
	c->mrsigner[0] ^= 1;
	/* A debug enclave, another processor, another purpose. */
	c->flags ^= DJ_SGX_ATTR(DJ_SGX_ATTR_DEBUG);
	ok(!same(&q, mine) && !same(&by_signer, signers));
	c->flags ^= DJ_SGX_ATTR(DJ_SGX_ATTR_DEBUG);
	c->fuses[31] ^= 1;
	ok(!same(&q, mine) && !same(&by_signer, signers));
	c->fuses[31] ^= 1;
	other = q;
	other.keyid[0] = 1;
	ok(!same(&other, mine));
	/* Older ones of its own, never newer ones. */
	other = q;
	other.isvsvn = 0;
	eq_u64(get_key(&other, key), 0);
	ok(memcmp(key, mine, 16) != 0);
	other.isvsvn = 2;
	eq_u64(get_key(&other, key), 64);
	other = q;
	other.cpusvn[15] = 2;
	eq_u64(get_key(&other, key), 32);
	other = q;
	other.name = DJ_SGX_KEY_PROVISION;
	eq_u64(get_key(&other, key), 2);
	other.name = 9;
	eq_u64(get_key(&other, key), 256);
	ok(same(&q, mine));
}

/* Nothing that anybody changed in the enclave starts. */
__attribute__((unused)) static void unsigned_(void)
{
	int status = 0;
	pid_t pid;

	for (int what = 0; what < 3; what++) {
		fflush(stdout);
		pid = fork();
		if (pid == 0) {
			const char *wrong;

			/* A bit of code, of the signature, of what is signed. */
			image_file[img.segments[1].file_off + 100] ^= what == 0;
			sigstruct[600] ^= what == 1;
			sigstruct[960] ^= what == 2;
			map_region();
			wrong = dj_sgx_build(&machine, &img, sigstruct);
			_exit(wrong != NULL && errno == EPERM ? 0 : 1);
		}
		eq_u64(waitpid(pid, &status, 0), pid);
		eq_u64(status, 0);
	}
}

#define BOTH(name, sentence)                   \
	static void sentence##_by_faults(void) \
	{                                      \
		alone(false, name);            \
	}                                      \
	static void sentence##_by_calls(void)  \
	{                                      \
		alone(true, name);             \
	}
BOTH(flags, no_flag_of_the_host_matters)
BOTH(registers, no_register_of_a_host_gets_in_and_none_of_ours_out)
BOTH(inside, inside_nothing_of_the_host_is_left)
BOTH(wrong_tcs, only_the_tcs_is_entered_and_only_what_was_interrupted_resumed)
BOTH(fault_inside, a_keep_that_faulted_says_so_and_never_runs_on)
BOTH(fault_in_the_handler, a_fault_in_the_handler_leaves_no_way_in)
BOTH(fault_of_native_code, a_fault_of_native_code_is_the_cores_to_judge_once)
BOTH(rights, memory_becomes_code_and_memory_again_and_never_both)
BOTH(copies, a_copy_is_accepted_once)
BOTH(sgx1, a_keep_without_sgx2_needs_none_of_it)
BOTH(interrupts, interrupts_change_nothing)
BOTH(interrupt_exits, an_interrupt_shows_the_host_nothing)
BOTH(handler_exits, the_handler_of_an_interrupt_leaves_clean)
BOTH(fault_exits, the_handler_of_a_fault_leaves_clean)
BOTH(error_exits, who_is_turned_away_takes_nothing_along)
BOTH(second_thread, no_second_thread_and_nobody_before_einit_gets_in)
BOTH(page_lost, a_page_that_is_taken_away_ends_it)
BOTH(page_replaced, a_page_that_comes_back_empty_is_not_taken)
BOTH(driver, the_driver_refuses_what_the_kernel_refuses)
BOTH(sealing, a_sealing_key_is_for_whom_its_policy_names)

static void what_was_changed_or_not_signed_does_not_start(void)
{
#ifdef __SANITIZE_ADDRESS__
	skip("an enclave's addresses are the sanitizer's own");
#else
	unsigned_();
#endif
}

/* Nanoseconds of EENTER, a look at the region, EEXIT: the least of ten. */
static void round_trips(void)
{
	const int n = patched ? 100000 : 2000;
	double best = 1e18;

	quiet();
	for (int k = 0; k < 10; k++) {
		struct timespec a, b;
		double ns;

		(void)clock_gettime(CLOCK_MONOTONIC, &a);
		for (int i = 0; i < n; i++)
			probe_enter();
		(void)clock_gettime(CLOCK_MONOTONIC, &b);
		ns = ((double)(b.tv_sec - a.tv_sec) * 1e9 +
			     (double)(b.tv_nsec - a.tv_nsec)) /
			n;
		best = ns < best ? ns : best;
	}
	printf("%s %.0f\n", patched ? "calls" : "faults", best);
}

/* --round-trips: no tests, but figures for tools/bench. */
int main(int argc, char **argv)
{
	size_t n;

	dj_image_use_cpu();
	if (!slurp("build/keep/sgx.elf", image_file, sizeof(image_file),
		    &image_len) ||
		!slurp("build/keep/sgx.sig", sigstructs, sizeof(sigstructs),
			&n) ||
		dj_image_parse(image_file, image_len, &img) != DJ_OK) {
		printf("1..0 # SKIP no build/keep/sgx.elf and its signature\n");
		return 0;
	}
	memcpy(sigstruct, sigstructs[0], sizeof(sigstruct));
	if (argc == 2 && strcmp(argv[1], "--round-trips") == 0) {
		alone(false, round_trips);
		alone(true, round_trips);
		return tap_bad != 0;
	}
	RUN(no_flag_of_the_host_matters_by_faults);
	RUN(no_flag_of_the_host_matters_by_calls);
	RUN(no_register_of_a_host_gets_in_and_none_of_ours_out_by_faults);
	RUN(no_register_of_a_host_gets_in_and_none_of_ours_out_by_calls);
	RUN(inside_nothing_of_the_host_is_left_by_faults);
	RUN(inside_nothing_of_the_host_is_left_by_calls);
	RUN(only_the_tcs_is_entered_and_only_what_was_interrupted_resumed_by_faults);
	RUN(only_the_tcs_is_entered_and_only_what_was_interrupted_resumed_by_calls);
	RUN(a_keep_that_faulted_says_so_and_never_runs_on_by_faults);
	RUN(a_keep_that_faulted_says_so_and_never_runs_on_by_calls);
	RUN(a_fault_in_the_handler_leaves_no_way_in_by_faults);
	RUN(a_fault_in_the_handler_leaves_no_way_in_by_calls);
	RUN(a_fault_of_native_code_is_the_cores_to_judge_once_by_faults);
	RUN(a_fault_of_native_code_is_the_cores_to_judge_once_by_calls);
	RUN(memory_becomes_code_and_memory_again_and_never_both_by_faults);
	RUN(memory_becomes_code_and_memory_again_and_never_both_by_calls);
	RUN(a_copy_is_accepted_once_by_faults);
	RUN(a_copy_is_accepted_once_by_calls);
	RUN(a_keep_without_sgx2_needs_none_of_it_by_faults);
	RUN(a_keep_without_sgx2_needs_none_of_it_by_calls);
	RUN(interrupts_change_nothing_by_faults);
	RUN(interrupts_change_nothing_by_calls);
	RUN(an_interrupt_shows_the_host_nothing_by_faults);
	RUN(an_interrupt_shows_the_host_nothing_by_calls);
	RUN(the_handler_of_an_interrupt_leaves_clean_by_faults);
	RUN(the_handler_of_an_interrupt_leaves_clean_by_calls);
	RUN(the_handler_of_a_fault_leaves_clean_by_faults);
	RUN(the_handler_of_a_fault_leaves_clean_by_calls);
	RUN(who_is_turned_away_takes_nothing_along_by_faults);
	RUN(who_is_turned_away_takes_nothing_along_by_calls);
	RUN(no_second_thread_and_nobody_before_einit_gets_in_by_faults);
	RUN(no_second_thread_and_nobody_before_einit_gets_in_by_calls);
	RUN(what_the_host_says_of_its_processor_changes_nothing);
	RUN(a_page_that_is_not_new_and_empty_ends_it);
	RUN(a_page_that_is_taken_away_ends_it_by_faults);
	RUN(a_page_that_is_taken_away_ends_it_by_calls);
	RUN(a_page_that_comes_back_empty_is_not_taken_by_faults);
	RUN(a_page_that_comes_back_empty_is_not_taken_by_calls);
	RUN(the_driver_refuses_what_the_kernel_refuses_by_faults);
	RUN(the_driver_refuses_what_the_kernel_refuses_by_calls);
	RUN(a_sealing_key_is_for_whom_its_policy_names_by_faults);
	RUN(a_sealing_key_is_for_whom_its_policy_names_by_calls);
	RUN(what_was_changed_or_not_signed_does_not_start);
	return done();
}
