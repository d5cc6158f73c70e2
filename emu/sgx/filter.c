// SPDX-License-Identifier: Apache-2.0
#include <sys/syscall.h>
#include <unistd.h>

#include "emu/sgx/cpu.h"
#include "host/launch/seccomp.h"

/* What the Keep asks for, and what memory and keys are emulated with. */
bool dj_emu_sgx_filter(int to_host, int to_keep)
{
	struct sock_filter insns[] = {
		SC_BEGIN,
		SC_ALLOW(SYS_mprotect),
		SC_ALLOW(SYS_madvise),
		SC_ALLOW(SYS_getrandom),
		SC_ALLOW(SYS_rt_sigreturn),
		SC_ALLOW(SYS_exit_group),
		SC_EQ(SYS_read, 0, 2),
		SC_LOAD(args[0]),
		SC_EQ((uint32_t)to_keep, 3, 4),
		SC_EQ(SYS_write, 0, 3),
		SC_LOAD(args[0]),
		SC_EQ((uint32_t)to_host, 0, 1),
		SC_RET_ALLOW,
		SC_RET_KILL,
	};

	return dj_seccomp_take(insns, sizeof(insns) / sizeof(insns[0]));
}
