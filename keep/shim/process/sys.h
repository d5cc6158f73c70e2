// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * What the process shim asks of Linux on x86-64: numbers from the kernel's
 * ABI (asm/unistd_64.h, asm-generic/mman.h, linux/seccomp.h, ...), and the
 * shim's own layout. Results are the kernel's: -errno on failure.
 */
#define SYS_READ        0
#define SYS_WRITE       1
#define SYS_CLOSE       3
#define SYS_MMAP        9
#define SYS_MPROTECT    10
#define SYS_MUNMAP      11
#define SYS_SIGACTION   13
#define SYS_SIGALTSTACK 131
#define SYS_PRCTL       157
#define SYS_EXIT_GROUP  231
#define SYS_SECCOMP     317
#define SYS_CLOSE_RANGE 436

#define PROT_NONE 0
#define PROT_RW   3
#define PROT_RX   5

#define MAP_SHARED          0x01
#define MAP_PRIVATE         0x02
#define MAP_ANONYMOUS       0x20
#define MAP_NORESERVE       0x4000
#define MAP_FIXED_NOREPLACE 0x100000
#define MAP_RESERVE         (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)

/* Descriptors, host/launch/launch.h; 3 is closed once it is mapped. */
#define FD_REGION  3
#define FD_TO_HOST 5
#define FD_TO_KEEP 6

/*
 * Where things are, besides the image at 4 MiB. The stack grows down to an
 * inaccessible page; below that is the stack of the fault handlers.
 *
 *   REGION  the shared region
 *   STACKS  guard page, handlers' stack, guard page, stack
 */
#define PAGE       0x1000ul
#define REGION     0x10000000ul
#define STACKS     0x20000000ul
#define ALT_SIZE   0x10000ul
#define STACK_SIZE 0x100000ul
#define ALT        (STACKS + PAGE)
#define STACK      (ALT + ALT_SIZE + PAGE)
#define STACK_TOP  (STACK + STACK_SIZE)
#define USER_TOP   0x7ffffffff000ul

int64_t dj_process_syscall(int64_t nr, uint64_t a, uint64_t b, uint64_t c,
	uint64_t d, uint64_t e, uint64_t f);
void dj_process_no_return(void);

/* Called from entry.S: the first on the kernel's stack, gives ours. */
uint64_t dj_process_map(void);
_Noreturn void dj_process_main(void);

/* filter.c: from here on only the calls of docs/tees/process.md. */
int64_t dj_process_filter(void);

static inline int64_t sys3(int64_t nr, uint64_t a, uint64_t b, uint64_t c)
{
	return dj_process_syscall(nr, a, b, c, 0, 0, 0);
}
