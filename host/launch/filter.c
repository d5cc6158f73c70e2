// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host/launch/jail.h"
#include "host/launch/launch.h"

/*
 * The launcher's own filter: it talks to donjond and the emulator, waits for
 * the Keep and kills it. recvfrom cannot take descriptors in.
 */
#define LOAD(field) \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define EQ(v, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (v), (yes), (no))
#define RET(v)         BPF_STMT(BPF_RET | BPF_K, (v))
#define ALLOW(nr)      EQ((nr), 0, 1), RET(SECCOMP_RET_ALLOW)

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#define POLL SYS_poll
#elif defined(__riscv)
#define ARCH AUDIT_ARCH_RISCV64
#define POLL SYS_ppoll
#elif defined(__powerpc64__)
#define ARCH AUDIT_ARCH_PPC64LE
#define POLL SYS_poll
#else
#error "which AUDIT_ARCH has this machine?"
#endif

const char *dj_jail_self(int pidfd)
{
	struct sock_filter insns[] = {
		LOAD(arch),
		EQ(ARCH, 1, 0),
		RET(SECCOMP_RET_KILL_PROCESS),
		LOAD(nr),
		ALLOW(POLL),
		ALLOW(SYS_restart_syscall),
		ALLOW(SYS_waitid),
		ALLOW(SYS_exit_group),
		/* The last four look at a descriptor, so nr is gone after. */
		EQ(SYS_pidfd_send_signal, 0, 4),
		LOAD(args[0]),
		EQ((uint32_t)pidfd, 0, 1),
		RET(SECCOMP_RET_ALLOW),
		RET(SECCOMP_RET_KILL_PROCESS),
		EQ(SYS_recvfrom, 1, 0),
		EQ(SYS_sendto, 0, 4),
		LOAD(args[0]),
		EQ(DJ_LAUNCH_FD_CONTROL, 1, 0),
		EQ(DJ_LAUNCH_FD_EMU, 0, 1),
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
		return "cannot jail the launcher";
	return NULL;
}
