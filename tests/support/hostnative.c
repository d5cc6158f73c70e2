// SPDX-License-Identifier: Apache-2.0
#include "tests/support/hostnative.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "lib/base/isa.h"

#define ALT_SIZE ((size_t)64 << 10)

/* The most that there is: whoever compiles says what is made use of. */
const struct dj_native_target hostnative_target = {
#if defined(__x86_64__)
	.isa = DJ_ISA_X86_64,
	.cpu_level = 3,
#elif defined(__riscv)
	.isa = DJ_ISA_RISCV64,
	.cpu_level = 1,
#else
	.isa = DJ_ISA_PPC64LE,
	.cpu_level = 9,
#endif
};

uint8_t hostnative_level(void)
{
#if defined(__x86_64__)
	return __builtin_cpu_supports("x86-64-v3") ? 3 : 2;
#else
	return hostnative_target.cpu_level;
#endif
}

dj_status hostnative_exec(void *p, size_t len)
{
	if (mprotect(p, len, PROT_READ | PROT_EXEC) != 0)
		return DJ_E_SYS;
	__builtin___clear_cache((char *)p, (char *)p + len);
	return DJ_OK;
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
	const ucontext_t *uc = context;
	uintptr_t addr = (uintptr_t)info->si_addr;

	(void)sig;
#if defined(__x86_64__)
	dj_native_fault((uintptr_t)uc->uc_mcontext.gregs[REG_RIP], addr,
		(uintptr_t)uc->uc_mcontext.gregs[REG_RBP]);
#elif defined(__riscv)
	dj_native_fault(uc->uc_mcontext.__gregs[REG_PC], addr,
		uc->uc_mcontext.__gregs[8]);
#else
	dj_native_fault(uc->uc_mcontext.regs->nip, addr,
		uc->uc_mcontext.regs->gpr[1]);
#endif
	abort();
}

void hostnative_begin(void)
{
	static _Alignas(16) char stack[ALT_SIZE];
	stack_t alt = { .ss_sp = stack, .ss_size = sizeof(stack) };
	/* Not to be blocked when it is left for good. */
	struct sigaction act = {
		.sa_sigaction = on_fault,
		.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER,
	};

	if (sigaltstack(&alt, NULL) != 0 ||
		sigaction(SIGSEGV, &act, NULL) != 0 ||
		sigaction(SIGBUS, &act, NULL) != 0)
		abort();
}
