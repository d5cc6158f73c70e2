// SPDX-License-Identifier: Apache-2.0
/*
 * vm_session inject IMAGE MODULE [COUNT [SEED]]: what a host can force into a
 * VM Keep at any instant of a whole session. A session of MODULE (program.c,
 * as Wasm or as KNC1) is stopped at random instants between the Keep's first
 * instruction and its last; at each, every vector (32 exceptions, 20
 * interrupts) that has not had COUNT yet is forced in with
 * KVM_SET_VCPU_EVENTS into the same Keep, put back as it was for the next
 * one. Good: a halt with a fault, or the whole session's right result; and
 * nothing of input, program or keys where the host can see it. TAP.
 *
 * vm_session trap IMAGE KNC1 [COUNT]: page faults that did not happen, forced
 * in while native code runs, with CR2 as it is and with CR2 naming a guard
 * page, which a host of plain KVM can write and one of SEV-SNP cannot.
 *
 * vm_session count IMAGE MODULE: instructions of ring 0 in such a session, by
 * kind of call, counted by single steps.
 */
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "keep/shim/vm/vm.h"
#include "lib/evidence/image.h"
#include "lib/proto/config.h"
#include "tests/scan/scanner.h"
#include "tests/support/ksp_client.h"
#include "tests/vm_session/events.h"
#include "tests/vm_session/vm.h"

#define INPUT       40000
#define SECRET      512  /* bytes of input and of module that are looked for */
#define PER_SESSION 6    /* instants, about */
#define TURNS       4096 /* far more than a session takes */
#define HANGS_US    5000000
#define GATE_FIRST  8     /* bytes of the first instruction at the gate */
#define SOON_US     20000 /* until which a forced event has its effect */
#define PAGE_FAULT  14
#define FRUITLESS   200 /* sessions in a row without an instant */
#define MODULE_MAX  (1 << 20)
#define RING0_END   (RING0_CODE + 0x3000)
#define DR7_FIRST   0x402

/* Shared with the children. */
static struct tally {
	unsigned seen[VECTORS], fault[VECTORS], right[VECTORS], wrong[VECTORS];
	unsigned instants, leaks;
	unsigned made_up[4];
	uint64_t span_us; /* of a session left alone, in the Keep */
} * tally;

static uint8_t module[MODULE_MAX];
static size_t module_len;
static uint8_t input[INPUT];
static struct ksp_client *c;
static uint8_t block[DJ_CONFIG_MAX];
static size_t block_len;

/* ---- the session ---- */

/* What program.c prints. */
static void expect(char ret[static 8 * 17 + 1])
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (unsigned round = 0; round < 8; round++) {
		for (size_t i = 0; i < 4UL * INPUT; i++)
			h = (h ^ input[i % INPUT] ^ round) *
				UINT64_C(0x100000001b3);
		(void)snprintf(ret + 17UL * round, 18, "%016llx\n",
			(unsigned long long)h);
	}
}

static void prepare(void)
{
	struct dj_config config = { .max_memory_pages = 256,
		.total_memory = UINT64_C(20) << 20 };

	if (dj_config_write(&config, block, sizeof(block), &block_len) != DJ_OK)
		abort();
	for (size_t i = 0; i < INPUT; i++)
		input[i] = (uint8_t)(random() >> 8);
	c = calloc(1, sizeof(*c));
}

/* Is there any sense in going on? A disturbed Keep may sleep for ever. */
static bool goes_on(unsigned *turns)
{
	return c->error == 0 && fake.state != FAKE_HALTED && (*turns)++ < TURNS;
}

/* True: the right result, and released. */
static bool session(void)
{
	char want[8 * 17 + 1];
	unsigned turns = 0;
	size_t at = 0;

	expect(want);
	ksp_init(c);
	dj_config_hash(block, block_len, c->config_hash);
	if (!ksp_connect(c, DJ_MODE_NEW))
		return false;
	scanner_add("key", c->keys.c2k.b, 32);
	scanner_add("key", c->keys.k2c.b, 32);
	ksp_load(c, module, module_len, NULL);
	ksp_run(c);
	while (at < INPUT && goes_on(&turns)) {
		size_t n =
			ksp_send_stream(c, 0, at, input + at, INPUT - at, true);

		at += n;
		if (n != 0)
			continue;
		(void)fake_run();
		ksp_drain(c);
	}
	while (!c->has_exit && goes_on(&turns)) {
		(void)fake_run();
		ksp_drain(c);
	}
	if (!c->has_exit || c->out_len[1] != sizeof(want) - 1 ||
		memcmp(c->out[1], want, sizeof(want) - 1) != 0)
		return false;
	ksp_send(c, DJ_KIND_RELEASE, 0, 0, NULL, 0);
	return fake.state == FAKE_HALTED && fake.halt == DJ_HALT_RELEASED;
}

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* ---- injecting ---- */

static unsigned want, forced = VECTORS; /* what the Keep goes on with */
static const char *image;

static void fail(const char *what)
{
	printf("# %s\n", what);
	(void)fflush(stdout);
	_exit(2);
}

static void set_alarm(void)
{
	uint64_t gap = 2 * tally->span_us / PER_SESSION;

	vm_alarm(1 + (unsigned)((uint64_t)random() % gap));
}

static bool is_done(void)
{
	for (unsigned v = 0; v < VECTORS; v++) {
		if (tally->seen[v] < want)
			return false;
	}
	return true;
}

/* The Keep with vector v in it, until it ends, goes on, or us are over. */
static enum dj_vmm_next disturb(unsigned v, unsigned us, uint8_t *ret_code)
{
	enum dj_vmm_next next;

	if (!force_event(vm_cpu(), v))
		fail("an event could not be forced");
	vm_alarm(us);
	next = vm_run(ret_code);
	vm_alarm(0);
	(void)vm_has_rung();
	tally->seen[v]++;
	return next;
}

/* At one instant: each vector in turn. Returns what the Keep goes on with
 * after one that did not end it. */
static enum dj_vmm_next disturb_all(uint8_t *ret_code)
{
	enum dj_vmm_next next;

	if (is_done())
		return DJ_VMM_AGAIN;
	if (!vm_save())
		fail("the Keep could not be saved");
	tally->instants++;
	for (unsigned v = 0; v < VECTORS; v++) {
		if (tally->seen[v] >= want)
			continue;
		next = disturb(v, SOON_US, ret_code);
		tally->leaks += vm_scan() != 0;
		if (next != DJ_VMM_END) {
			forced = v;
			vm_alarm(HANGS_US);
			return next;
		}
		if (*ret_code == DJ_HALT_FAULT)
			tally->fault[v]++;
		else
			tally->wrong[v]++;
		if (!vm_restore())
			fail("the Keep could not be put back");
	}
	set_alarm();
	return DJ_VMM_AGAIN;
}

static enum dj_vmm_next next_disturbed(uint8_t *ret_code)
{
	enum dj_vmm_next next = vm_run(ret_code);

	if (next != DJ_VMM_AGAIN || !vm_has_rung())
		return next;
	if (forced == VECTORS)
		return disturb_all(ret_code);
	tally->wrong[forced]++;
	fail("a Keep hangs");
	return DJ_VMM_END;
}

static void child_start(void)
{
	const char *wrong = vm_start(image, block, block_len);

	if (wrong != NULL)
		fail(wrong);
	scanner_reset();
	scanner_add("input", input, SECRET);
	scanner_add("module", module + module_len / 2, SECRET);
}

static void disturbed(void)
{
	bool is_right;

	child_start();
	vm_next = next_disturbed;
	set_alarm();
	is_right = session();
	vm_alarm(0);
	if (forced == VECTORS && !is_right)
		fail("a session that was put back does not end well");
	if (forced == VECTORS)
		return;
	if (is_right)
		tally->right[forced]++;
	else if (fake.state == FAKE_HALTED && fake.halt == DJ_HALT_FAULT)
		tally->fault[forced]++;
	else
		tally->wrong[forced]++;
}

static void alone(void)
{
	uint64_t start;

	child_start();
	start = now_us();
	if (!session())
		fail("left alone, it does not do its work");
	tally->span_us = now_us() - start;
	/* The scanner sees what is there. */
	memcpy(fake.region + DJ_HC_OUT_OFF + 99, input + 40, 8);
	if (vm_scan() == 0)
		fail("a planted secret is not seen");
}

static bool in_child(void (*fn)(void), unsigned seed)
{
	int status = 0;
	pid_t pid;

	(void)fflush(stdout);
	pid = fork();
	if (pid == 0) {
		srandom(seed);
		fn();
		(void)fflush(stdout);
		_exit(0);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid &&
		WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static int inject(unsigned seed)
{
	unsigned bad = 0, fruitless = 0, sum[4] = { 0 };
	bool is_good = in_child(alone, seed);

	printf("%s 1 - left alone, it does its work\n",
		is_good ? "ok" : "not ok");
	while (is_good && !is_done() && fruitless < FRUITLESS) {
		unsigned before = tally->instants;

		is_good = in_child(disturbed, ++seed);
		fruitless = tally->instants == before ? fruitless + 1 : 0;
	}
	for (unsigned v = 0; v < VECTORS; v++) {
		bool good = tally->wrong[v] == 0 && tally->seen[v] >= want;

		bad += !good;
		sum[0] += tally->seen[v];
		sum[1] += tally->fault[v];
		sum[2] += tally->right[v];
		sum[3] += tally->wrong[v];
		printf("%s %u - %s %u, forced at %u instants of a session\n",
			good ? "ok" : "not ok", v + 2,
			v < EXCEPTIONS ? "exception" : "interrupt",
			event_number(v), tally->seen[v]);
	}
	printf("%s %u - nothing secret where the host can see it\n",
		tally->leaks == 0 ? "ok" : "not ok", VECTORS + 2);
	printf("# %u instants, %u events: %u halted, %u right, %u wrong\n",
		tally->instants, sum[0], sum[1], sum[2], sum[3]);
	printf("1..%u\n", VECTORS + 2);
	return bad != 0 || !is_good || tally->leaks != 0;
}

/* ---- traps that did not happen ---- */

static struct {
	unsigned tried, halted, trapped;
} made_up[2]; /* CR2 as it was; naming a guard page */

/* Ring 3, in what the Keep committed: the program. */
static bool is_in_program(struct kvm_sregs *s)
{
	struct kvm_regs r;

	return ioctl(vm_cpu(), KVM_GET_SREGS, s) == 0 &&
		ioctl(vm_cpu(), KVM_GET_REGS, &r) == 0 && s->cs.dpl == 3 &&
		r.rip >= WINDOW;
}

/* At most one a session goes on; all others are put back. */
static enum dj_vmm_next next_trapped(uint8_t *ret_code)
{
	enum dj_vmm_next next = vm_run(ret_code);
	struct kvm_sregs s;

	if (next != DJ_VMM_AGAIN || !vm_has_rung() || forced != VECTORS)
		return next;
	if (!is_in_program(&s) || vm_guard() == 0) {
		set_alarm();
		return next;
	}
	if (!vm_save())
		fail("the Keep could not be saved");
	made_up[0].tried++;
	next = disturb(PAGE_FAULT, HANGS_US, ret_code);
	made_up[0].halted += next == DJ_VMM_END && *ret_code == DJ_HALT_FAULT;
	if (!vm_restore())
		fail("the Keep could not be put back");
	s.cr2 = vm_guard();
	if (ioctl(vm_cpu(), KVM_SET_SREGS, &s) != 0)
		fail("no registers");
	made_up[1].tried++;
	forced = PAGE_FAULT;
	return disturb(PAGE_FAULT, SOON_US, ret_code);
}

static void trapped(void)
{
	child_start();
	vm_next = next_trapped;
	set_alarm();
	(void)session();
	vm_alarm(0);
	tally->made_up[0] += made_up[0].tried;
	tally->made_up[1] += made_up[0].halted;
	tally->made_up[2] += made_up[1].tried;
	tally->made_up[3] += c->has_exit && c->exit.how == DJ_EXIT_TRAP;
}

static int trap(void)
{
	bool is_good = in_child(alone, 1);

	for (unsigned seed = 1;
		is_good && tally->made_up[2] < want && seed < want + FRUITLESS;
		seed++)
		is_good = in_child(trapped, seed);
	printf("%s 1 - a page fault that did not happen ends the Keep\n",
		is_good && tally->made_up[0] >= want &&
				tally->made_up[0] == tally->made_up[1]
			? "ok"
			: "not ok");
	printf("# CR2 as it was: %u, %u halted; CR2 written: %u, %u traps\n",
		tally->made_up[0], tally->made_up[1], tally->made_up[2],
		tally->made_up[3]);
	printf("1..1\n");
	return !is_good || tally->made_up[0] < want ||
		tally->made_up[0] != tally->made_up[1];
}

/* ---- counting ---- */

static const struct {
	uint64_t call;
	const char *name;
} kinds[] = {
	{ DJ_GATE_WAIT, "wait" },
	{ DJ_GATE_KICK, "kick" },
	{ DJ_GATE_HALT, "halt" },
	{ DJ_GATE_MAP, "map" },
	{ DJ_GATE_UNMAP, "unmap" },
	{ DJ_GATE_EXEC, "exec" },
	{ DJ_GATE_ASK, "ask" },
	{ 0, "boot" },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))
static struct {
	unsigned calls;
	uint64_t steps, least, most, pages;
} counts[KINDS];
static size_t kind = KINDS - 1; /* of the call under way; KINDS: ring 3 */
static uint64_t steps, last_pages;

static void step_on(void)
{
	struct kvm_guest_debug d = { .control = KVM_GUESTDBG_ENABLE |
			KVM_GUESTDBG_SINGLESTEP };

	if (ioctl(vm_cpu(), KVM_SET_GUEST_DEBUG, &d) != 0)
		fail("this kernel cannot stop after each instruction");
}

static void begin_call(void)
{
	struct kvm_regs r;

	if (ioctl(vm_cpu(), KVM_GET_REGS, &r) != 0)
		fail("no registers");
	kind = 0;
	while (kind < KINDS - 1 && kinds[kind].call != (uint32_t)r.rax)
		kind++;
	last_pages = kinds[kind].call == DJ_GATE_MAP ||
			kinds[kind].call == DJ_GATE_UNMAP ||
			kinds[kind].call == DJ_GATE_EXEC
		? r.rdx
		: 0;
	steps = 0;
}

static void end_call(void)
{
	if (counts[kind].calls++ == 0 || steps < counts[kind].least)
		counts[kind].least = steps;
	if (steps > counts[kind].most)
		counts[kind].most = steps;
	counts[kind].steps += steps;
	counts[kind].pages += last_pages;
	kind = KINDS;
}

static bool is_ring0(void)
{
	struct kvm_sregs s;

	if (ioctl(vm_cpu(), KVM_GET_SREGS, &s) != 0)
		fail("no registers");
	return s.cs.dpl == 0;
}

/*
 * After an instruction. Not every machine stops in ring 3, so a call ends at
 * the latest where the next one begins: at the gate, or behind its first
 * instruction.
 */
static enum dj_vmm_next next_counted(uint8_t *ret_code)
{
	enum dj_vmm_next next = vm_run(ret_code);
	uint64_t pc;

	if (next == DJ_VMM_END && kind < KINDS)
		end_call();
	if (next != DJ_VMM_AGAIN ||
		vm_run_page()->exit_reason != KVM_EXIT_DEBUG)
		return next;
	if (!is_ring0()) {
		if (kind < KINDS)
			end_call();
		return DJ_VMM_AGAIN;
	}
	pc = vm_run_page()->debug.arch.pc;
	if (kind == KINDS ||
		(pc > RING0_GATE && pc <= RING0_GATE + GATE_FIRST)) {
		if (kind < KINDS && steps != 0)
			end_call();
		begin_call();
	}
	steps++;
	return DJ_VMM_AGAIN;
}

static void counted(void)
{
	child_start();
	vm_next = next_counted;
	step_on();
	if (!session())
		fail("single-stepped, it does not do its work");
	for (size_t i = 0; i < KINDS; i++) {
		if (counts[i].calls == 0)
			continue;
		printf("%s calls %u least %llu most %llu all %llu pages %llu\n",
			kinds[i].name, counts[i].calls,
			(unsigned long long)counts[i].least,
			(unsigned long long)counts[i].most,
			(unsigned long long)counts[i].steps,
			(unsigned long long)counts[i].pages);
	}
}

/* ---- */

static bool read_module(const char *path)
{
	FILE *f = fopen(path, "rb");

	if (f == NULL)
		return false;
	module_len = fread(module, 1, sizeof(module), f);
	(void)fclose(f);
	return module_len > 0 && module_len < sizeof(module);
}

int main(int argc, char **argv)
{
	unsigned seed = argc > 5 ? (unsigned)atoi(argv[5]) : 1;

	if (argc < 4 || !read_module(argv[3]))
		return 64;
	if (access("/dev/kvm", R_OK | W_OK) != 0) {
		printf("1..0 # SKIP no /dev/kvm that can be opened\n");
		return 0;
	}
	image = argv[2];
	want = argc > 4 ? (unsigned)atoi(argv[4]) : 20;
	tally = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	prepare();
	if (strcmp(argv[1], "inject") == 0)
		return inject(seed);
	if (strcmp(argv[1], "trap") == 0)
		return trap();
	return strcmp(argv[1], "count") == 0 && in_child(counted, seed) ? 0 : 1;
}
