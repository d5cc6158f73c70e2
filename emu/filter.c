// SPDX-License-Identifier: Apache-2.0
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "emu/emu.h"
#include "host/launch/seccomp.h"

/*
 * What serving needs: its socket, and a look at the image. mmap only to
 * read; recvmsg may bring descriptors, and nothing here could open one.
 */
bool dj_emu_filter(void)
{
	struct sock_filter insns[] = {
		SC_BEGIN,
		SC_ALLOW(SYS_recvmsg),
		SC_ALLOW(SYS_sendto),
		SC_ALLOW(SYS_fcntl),
		SC_ALLOW(SYS_fstat),
		SC_ALLOW(SYS_newfstatat), /* fstat(3) since glibc 2.33 */
		SC_ALLOW(SYS_munmap),
		SC_ALLOW(SYS_close),
		SC_ALLOW(SYS_exit_group),
		SC_EQ(SYS_mmap, 0, 3),
		SC_LOAD(args[2]),
		SC_EQ(PROT_READ, 0, 1),
		SC_RET_ALLOW,
		SC_RET_KILL,
	};

	return dj_seccomp_take(insns, sizeof(insns) / sizeof(insns[0]));
}
