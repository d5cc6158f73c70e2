// SPDX-License-Identifier: Apache-2.0
#include "tests/support/enclave.h"

/*
 * The SGX image as an enclave: what becomes of its faults and its pages,
 * whatever driver and host do, and whom its keys are for.
 */

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
	const uint64_t off = (rsp & ~(PAGE - 1)) - DJ_SGX_BASE;
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

BOTH(fault_inside, a_keep_that_faulted_says_so_and_never_runs_on)
BOTH(fault_in_the_handler, a_fault_in_the_handler_leaves_no_way_in)
BOTH(fault_of_native_code, a_fault_of_native_code_is_the_cores_to_judge_once)
BOTH(rights, memory_becomes_code_and_memory_again_and_never_both)
BOTH(copies, a_copy_is_accepted_once)
BOTH(page_lost, a_page_that_is_taken_away_ends_it)
BOTH(page_replaced, a_page_that_comes_back_empty_is_not_taken)
BOTH(driver, the_driver_refuses_what_the_kernel_refuses)
BOTH(sealing, a_sealing_key_is_for_whom_its_policy_names)

static void a_keep_without_sgx2_needs_none_of_it_by_faults(void)
{
	without_sgx2 = true;
	alone(false, sgx1);
	without_sgx2 = false;
}

static void a_keep_without_sgx2_needs_none_of_it_by_calls(void)
{
	without_sgx2 = true;
	alone(true, sgx1);
	without_sgx2 = false;
}

static void what_was_changed_or_not_signed_does_not_start(void)
{
#ifdef __SANITIZE_ADDRESS__
	skip("an enclave's addresses are the sanitizer's own");
#else
	unsigned_();
#endif
}

int main(void)
{
	if (!load_images())
		return 0;
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
	RUN(a_page_that_is_taken_away_ends_it_by_faults);
	RUN(a_page_that_is_taken_away_ends_it_by_calls);
	RUN(a_page_that_comes_back_empty_is_not_taken_by_faults);
	RUN(a_page_that_comes_back_empty_is_not_taken_by_calls);
	RUN(the_driver_refuses_what_the_kernel_refuses_by_faults);
	RUN(the_driver_refuses_what_the_kernel_refuses_by_calls);
	RUN(a_sealing_key_is_for_whom_its_policy_names_by_faults);
	RUN(a_sealing_key_is_for_whom_its_policy_names_by_calls);
	RUN(a_page_that_is_not_new_and_empty_ends_it);
	RUN(what_was_changed_or_not_signed_does_not_start);
	return done();
}
