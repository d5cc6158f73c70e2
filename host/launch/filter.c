// SPDX-License-Identifier: Apache-2.0
#include <sys/syscall.h>
#include <unistd.h>

#include "host/launch/jail.h"
#include "host/launch/launch.h"
#include "host/launch/seccomp.h"

#ifdef __riscv
#define POLL SYS_ppoll
#else
#define POLL SYS_poll
#endif

/*
 * The launcher's own filter: it talks to donjond and the emulator, waits for
 * the Keep and kills it. recvfrom cannot take descriptors in.
 */
const char *dj_jail_self(int pidfd)
{
	struct sock_filter insns[] = {
		SC_BEGIN,
		SC_ALLOW(POLL),
		SC_ALLOW(SYS_restart_syscall),
		SC_ALLOW(SYS_waitid),
		SC_ALLOW(SYS_exit_group),
		/* The last four look at a descriptor, so nr is gone after. */
		SC_EQ(SYS_pidfd_send_signal, 0, 4),
		SC_LOAD(args[0]),
		SC_EQ((uint32_t)pidfd, 0, 1),
		SC_RET_ALLOW,
		SC_RET_KILL,
		SC_EQ(SYS_recvfrom, 1, 0),
		SC_EQ(SYS_sendto, 0, 4),
		SC_LOAD(args[0]),
		SC_EQ(DJ_LAUNCH_FD_CONTROL, 1, 0),
		SC_EQ(DJ_LAUNCH_FD_EMU, 0, 1),
		SC_RET_ALLOW,
		SC_RET_KILL,
	};

	if (!dj_seccomp_take(insns, sizeof(insns) / sizeof(insns[0])))
		return "cannot jail the launcher";
	return NULL;
}
