// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "keep/arch/x86_64/cpu.h"
#include "keep/shim.h"
#include "keep/shim/mapped/mapped.h"
#include "keep/shim/process/sys.h"
#include "lib/crypto/cpu.h"

/*
 * The process shim, and the model for others: from the first instruction to
 * dj_keep_main(), everything the host gave us is mapped, checked or thrown
 * away, in this order:
 *
 *   our stacks and the region at fixed places; every other mapping gone
 *   no core dump, no debugger; fault handlers on a stack of their own
 *   every descriptor closed but the two eventfds
 *   the system call filter
 *
 * A step that fails ends the Keep with DJ_HALT_HOST: the launcher did not
 * give what it owes. Nothing here protects from the host; the filter
 * protects the host from what runs in the Keep.
 */
#define SA_SIGINFO  4ul
#define SA_RESTORER 0x04000000ul
#define SA_ONSTACK  0x08000000ul
#define SA_NODEFER  0x40000000ul

#define SIGILL  4
#define SIGTRAP 5
#define SIGBUS  7
#define SIGFPE  8
#define SIGSEGV 11

#define PR_SET_DUMPABLE 4

struct dj_shim_info dj_shim_info = {
	.tee = 0x41,
	.isa = 1,
	.bounds = 1,
	.native_code = 1,
};

const uintptr_t dj_mapped_region = REGION;

struct sigaction {
	void (*handler)(int sig, const void *info, const void *context);
	uint64_t flags;
	void (*restorer)(void);
	uint64_t mask;
};

struct stack {
	uint64_t addr;
	uint64_t flags;
	uint64_t size;
};

extern const uint8_t dj_image_start[];
extern const uint8_t dj_image_end[];

/* Before the region is mapped there is nobody to tell but the launcher. */
static int64_t map(uint64_t addr, size_t len, uint64_t prot, uint64_t flags,
	uint64_t fd)
{
	return dj_process_syscall(SYS_MMAP, addr, len, prot,
		flags | MAP_FIXED_NOREPLACE, fd, 0);
}

uint64_t dj_process_map(void)
{
	int64_t r;

	r = map(REGION, DJ_HC_REGION_SIZE, PROT_RW, MAP_SHARED, FD_REGION);
	if (r != REGION)
		goto fail;
	r = map(STACKS, STACK_TOP - STACKS + PAGE, PROT_NONE, MAP_RESERVE,
		(uint64_t)-1);
	if (r != STACKS)
		goto fail;
	if (sys3(SYS_MPROTECT, ALT, ALT_SIZE, PROT_RW) != 0 ||
		sys3(SYS_MPROTECT, STACK, STACK_SIZE, PROT_RW) != 0)
		goto fail;
	return STACK_TOP;

fail:
	for (;;)
		(void)sys3(SYS_EXIT_GROUP, DJ_HALT_HOST, 0, 0);
}

static void must(bool good)
{
	if (!good)
		dj_shim_halt(DJ_HALT_HOST);
}

/*
 * The kernel's stack, vDSO and heap go; the image, the region and our stacks
 * stay. A kernel that seals the vDSO refuses the last range: what is then
 * left holds no secret and gives no right.
 */
static void unmap_the_rest(void)
{
	uint64_t end = (uint64_t)(uintptr_t)dj_image_end;

	must(sys3(SYS_MUNMAP, 0, (uintptr_t)dj_image_start, 0) == 0);
	must(sys3(SYS_MUNMAP, end, REGION - end, 0) == 0);
	end = REGION + DJ_HC_REGION_SIZE;
	must(sys3(SYS_MUNMAP, end, STACKS - end, 0) == 0);
	end = STACK_TOP + PAGE;
	(void)sys3(SYS_MUNMAP, end, USER_TOP - end, 0);
}

/* siginfo_t and ucontext_t of the kernel's ABI. */
#define INFO_ADDR   16
#define CONTEXT_RBP 120
#define CONTEXT_RIP 168

static uint64_t word_at(const void *p, size_t off)
{
	uint64_t v;

	memcpy(&v, (const uint8_t *)p + off, sizeof(v));
	return v;
}

/*
 * Memory that is not there may be a trap of native code, which the core then
 * leaves for good: so the signal is not blocked here, and nothing returns.
 */
static void on_fault(int sig, const void *info, const void *context)
{
	if (sig == SIGSEGV || sig == SIGBUS)
		dj_keep_fault(word_at(context, CONTEXT_RIP),
			word_at(info, INFO_ADDR),
			word_at(context, CONTEXT_RBP));
	dj_shim_halt(DJ_HALT_FAULT);
}

static void catch_faults(void)
{
	static const uint8_t signals[] = { SIGILL, SIGTRAP, SIGBUS, SIGFPE,
		SIGSEGV };
	struct stack alt = { .addr = ALT, .size = ALT_SIZE };
	struct sigaction act = {
		.handler = on_fault,
		.flags = SA_SIGINFO | SA_RESTORER | SA_ONSTACK | SA_NODEFER,
		.restorer = dj_process_no_return,
	};

	must(sys3(SYS_SIGALTSTACK, (uintptr_t)&alt, 0, 0) == 0);
	for (size_t i = 0; i < sizeof(signals); i++)
		must(dj_process_syscall(SYS_SIGACTION, signals[i],
			     (uintptr_t)&act, 0, 8, 0, 0) == 0);
}

_Noreturn void dj_process_main(void)
{
	unmap_the_rest();
	must(sys3(SYS_PRCTL, PR_SET_DUMPABLE, 0, 0) == 0);
	catch_faults();
	must(sys3(SYS_CLOSE_RANGE, 0, FD_TO_HOST - 1, 0) == 0);
	must(sys3(SYS_CLOSE_RANGE, FD_TO_KEEP + 1, UINT32_MAX, 0) == 0);
	must(dj_process_filter() == 0);
	dj_crypto_cpu(dj_crypto_cpu_detect());
	dj_shim_info.cpu_level = dj_arch_level();
	dj_keep_main();
}
