// SPDX-License-Identifier: Apache-2.0
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host/launch/launch.h"
#include "host/vmm/vmm.h"

/* The filter of a running VM: KVM_RUN on its processor, and its eventfds. */
#define LOAD(field) \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define EQ(v, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (v), (yes), (no))
#define RET(v)         BPF_STMT(BPF_RET | BPF_K, (v))
const char *dj_vmm_jail(const struct dj_vmm *vmm, int said)
{
	struct sock_filter insns[] = {
		LOAD(arch),
		EQ(AUDIT_ARCH_X86_64, 1, 0),
		RET(SECCOMP_RET_KILL_PROCESS),
		LOAD(nr),
		EQ(SYS_close, 1, 0), /* of said; opens nothing */
		EQ(SYS_exit_group, 0, 1),
		RET(SECCOMP_RET_ALLOW),
		EQ(SYS_ioctl, 0, 4),
		LOAD(args[0]),
		EQ((uint32_t)vmm->cpu, 0, 11),
		LOAD(args[1]),
		EQ(KVM_RUN, 8, 9),
		EQ(SYS_read, 0, 3),
		LOAD(args[0]),
		EQ((uint32_t)vmm->emu, 5, 0), /* -1 is no descriptor */
		EQ(DJ_LAUNCH_FD_TO_KEEP, 4, 5),
		EQ(SYS_write, 0, 4),
		LOAD(args[0]),
		EQ((uint32_t)vmm->emu, 1, 0),
		EQ(DJ_LAUNCH_FD_TO_HOST, 0, 1),
		RET(SECCOMP_RET_ALLOW),
		RET(SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog prog = {
		.len = sizeof(insns) / sizeof(insns[0]),
		.filter = insns,
	};

	if (prctl(PR_SET_DUMPABLE, 0) != 0 ||
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
		syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) != 0)
		return "cannot jail the VM";
	close(said);
	return NULL;
}
