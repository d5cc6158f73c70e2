// SPDX-License-Identifier: Apache-2.0
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host/launch/launch.h"
#include "host/launch/seccomp.h"
#include "host/vmm/vmm.h"

/* The filter of a running VM: KVM_RUN on its processor, and its eventfds. */
const char *dj_vmm_jail(const struct dj_vmm *vmm, int said)
{
	struct sock_filter insns[] = {
		SC_BEGIN,
		SC_EQ(SYS_close, 1, 0), /* of said; opens nothing */
		SC_EQ(SYS_exit_group, 0, 1),
		SC_RET_ALLOW,
		SC_EQ(SYS_ioctl, 0, 4),
		SC_LOAD(args[0]),
		SC_EQ((uint32_t)vmm->cpu, 0, 11),
		SC_LOAD(args[1]),
		SC_EQ(KVM_RUN, 8, 9),
		SC_EQ(SYS_read, 0, 3),
		SC_LOAD(args[0]),
		SC_EQ((uint32_t)vmm->emu, 5, 0), /* -1 is no descriptor */
		SC_EQ(DJ_LAUNCH_FD_TO_KEEP, 4, 5),
		SC_EQ(SYS_write, 0, 4),
		SC_LOAD(args[0]),
		SC_EQ((uint32_t)vmm->emu, 1, 0),
		SC_EQ(DJ_LAUNCH_FD_TO_HOST, 0, 1),
		SC_RET_ALLOW,
		SC_RET_KILL,
	};

	if (!dj_seccomp_take(insns, sizeof(insns) / sizeof(insns[0])))
		return "cannot jail the VM";
	close(said);
	return NULL;
}
