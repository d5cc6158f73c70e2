// SPDX-License-Identifier: Apache-2.0
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "emu/emu.h"

/*
 * What serving needs: its socket, and a look at the image. mmap only to
 * read; recvmsg may bring descriptors, and nothing here could open one.
 */
#define LOAD(field) \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define EQ(v, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (v), (yes), (no))
#define RET(v)         BPF_STMT(BPF_RET | BPF_K, (v))
#define ALLOW(nr)      EQ((nr), 0, 1), RET(SECCOMP_RET_ALLOW)

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__riscv)
#define ARCH AUDIT_ARCH_RISCV64
#elif defined(__powerpc64__)
#define ARCH AUDIT_ARCH_PPC64LE
#else
#error "which AUDIT_ARCH has this machine?"
#endif

bool dj_emu_filter(void)
{
	struct sock_filter insns[] = {
		LOAD(arch),
		EQ(ARCH, 1, 0),
		RET(SECCOMP_RET_KILL_PROCESS),
		LOAD(nr),
		ALLOW(SYS_recvmsg),
		ALLOW(SYS_sendto),
		ALLOW(SYS_fcntl),
		ALLOW(SYS_fstat),
		ALLOW(SYS_newfstatat), /* fstat(3) since glibc 2.33 */
		ALLOW(SYS_munmap),
		ALLOW(SYS_close),
		ALLOW(SYS_exit_group),
		EQ(SYS_mmap, 0, 3),
		LOAD(args[2]),
		EQ(PROT_READ, 0, 1),
		RET(SECCOMP_RET_ALLOW),
		RET(SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog prog = {
		.len = sizeof(insns) / sizeof(insns[0]),
		.filter = insns,
	};

	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) == 0;
}
