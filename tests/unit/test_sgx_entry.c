// SPDX-License-Identifier: Apache-2.0
#include <sys/time.h>
#include <time.h>

#include "tests/support/enclave.h"

/*
 * A host that enters the SGX image in every way: what of a host's registers
 * gets in, and what of the Keep's gets out.
 */
#define FLAG_BITS 10

static uint64_t rnd(void)
{
	static uint64_t s = 88172645463325252ull;

	s ^= s << 13;
	s ^= s >> 7;
	s ^= s << 17;
	return s;
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
	uint64_t *state = (uint64_t *)(uintptr_t)(tcs + 3 * PAGE);
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

BOTH(flags, no_flag_of_the_host_matters)
BOTH(registers, no_register_of_a_host_gets_in_and_none_of_ours_out)
BOTH(inside, inside_nothing_of_the_host_is_left)
BOTH(wrong_tcs, only_the_tcs_is_entered_and_only_what_was_interrupted_resumed)
BOTH(interrupts, interrupts_change_nothing)
BOTH(interrupt_exits, an_interrupt_shows_the_host_nothing)
BOTH(handler_exits, the_handler_of_an_interrupt_leaves_clean)
BOTH(fault_exits, the_handler_of_a_fault_leaves_clean)
BOTH(error_exits, who_is_turned_away_takes_nothing_along)
BOTH(second_thread, no_second_thread_and_nobody_before_einit_gets_in)

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
	if (!load_images())
		return 0;
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
	return done();
}
