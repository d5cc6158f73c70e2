// SPDX-License-Identifier: Apache-2.0
#include "keep/shim/process/sys.h"

/*
 * The system call filter: what a Keep may ask of Linux once it runs, and
 * with which arguments; anything else kills the process. Memory is writable or
 * executable and never both: mprotect takes these two and nothing else.
 *
 * Conditions compare both halves of a 64-bit argument. A block begins with
 * ON(nr, conditions), holds that many IS(argument, value) and ends in ALLOW.
 */
#define SECCOMP_SET_MODE_FILTER  1
#define SECCOMP_RET_KILL_PROCESS 0x80000000u
#define SECCOMP_RET_ALLOW        0x7fff0000u
#define AUDIT_ARCH_X86_64        0xc000003eu
#define PR_SET_NO_NEW_PRIVS      38

struct insn {
	uint16_t code;
	uint8_t if_true;
	uint8_t if_false;
	uint32_t k;
};

#define LOAD(off)                 \
	{                         \
		0x20, 0, 0, (off) \
	}
#define SKIP_IF_EQ(v)           \
	{                       \
		0x15, 1, 0, (v) \
	}
#define RETURN(v)               \
	{                       \
		0x06, 0, 0, (v) \
	}
#define NR           0
#define ARCH         4
#define LOW(arg)     (16 + 8 * (arg))
#define HIGH(arg)    (LOW(arg) + 4)
#define KILL         RETURN(SECCOMP_RET_KILL_PROCESS)
#define ALLOW        RETURN(SECCOMP_RET_ALLOW)
#define MUST(off, v) LOAD(off), SKIP_IF_EQ(v), KILL
#define IS(arg, v)   MUST(LOW(arg), (v)), MUST(HIGH(arg), 0)
#define ON(nr, n)                          \
	LOAD(NR),                          \
	{                                  \
		0x15, 0, 6 * (n) + 1, (nr) \
	}

/* One of two values; ON(nr, 0) with as many more to pass over. */
#define EITHER_SIZE 7
#define EITHER(arg, a, b)                                        \
	MUST(HIGH(arg), 0), LOAD(LOW(arg)), { 0x15, 2, 0, (a) }, \
		{ 0x15, 1, 0, (b) }, KILL
#define ON_EITHER(nr)                          \
	LOAD(NR),                              \
	{                                      \
		0x15, 0, EITHER_SIZE + 1, (nr) \
	}

static const struct insn filter[] = {
	MUST(ARCH, AUDIT_ARCH_X86_64),

	ON(SYS_READ, 2),
	IS(0, FD_TO_KEEP),
	IS(2, 8),
	ALLOW,
	ON(SYS_WRITE, 2),
	IS(0, FD_TO_HOST),
	IS(2, 8),
	ALLOW,
	ON_EITHER(SYS_MPROTECT),
	EITHER(2, PROT_RW, PROT_RX),
	ALLOW,
	ON(SYS_MMAP, 3),
	IS(0, 0),
	IS(2, PROT_NONE),
	IS(3, MAP_RESERVE),
	ALLOW,
	ON(SYS_MUNMAP, 0),
	ALLOW,
	ON(SYS_EXIT_GROUP, 0),
	ALLOW,

	KILL,
};

int64_t dj_process_filter(void)
{
	struct {
		uint16_t len;
		const struct insn *insns;
	} prog = { sizeof(filter) / sizeof(filter[0]), filter };
	int64_t r;

	r = dj_process_syscall(SYS_PRCTL, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0);
	if (r != 0)
		return r;
	return sys3(SYS_SECCOMP, SECCOMP_SET_MODE_FILTER, 0,
		(uint64_t)(uintptr_t)&prog);
}
