// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * What the processes around a Keep write their system call filters with: the
 * launcher, the VM, the enclave's loader, the quoter, the emulators. (The
 * process Keep's own filter is in keep/shim/process, which shares no header
 * with a host.) A filter begins with SC_BEGIN, which ends the process of
 * another instruction set and loads the number; SC_ALLOW passes one call;
 * SC_EQ compares what was loaded and skips yes or no instructions. Only the
 * lower half of an argument is compared, so values must fit in 32 bits.
 */
#define SC_LOAD(field) \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define SC_EQ(v, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (v), (yes), (no))
#define SC_RET_ALLOW      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define SC_RET_KILL       BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)
#define SC_ALLOW(nr)      SC_EQ((nr), 0, 1), SC_RET_ALLOW
#define SC_BEGIN          SC_LOAD(arch), SC_EQ(SC_ARCH, 1, 0), SC_RET_KILL, SC_LOAD(nr)

#if defined(__x86_64__)
#define SC_ARCH AUDIT_ARCH_X86_64
#elif defined(__riscv)
#define SC_ARCH AUDIT_ARCH_RISCV64
#elif defined(__powerpc64__)
#define SC_ARCH AUDIT_ARCH_PPC64LE
#else
#error "which AUDIT_ARCH has this machine?"
#endif

/* Takes it for this process, which gets no privileges and leaves no dump. */
static inline bool dj_seccomp_take(struct sock_filter *insns, size_t n)
{
	struct sock_fprog prog = { .len = (unsigned short)n, .filter = insns };

	return prctl(PR_SET_DUMPABLE, 0) == 0 &&
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
		syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) == 0;
}
