// SPDX-License-Identifier: Apache-2.0
#include "keep/shim.h"
#include "keep/shim/common/halt.h"
#include "keep/shim/process/sys.h"

/* The eventfds: to the host, and from it. */
void dj_shim_kick(void)
{
	uint64_t one = 1;

	if (sys3(SYS_WRITE, FD_TO_HOST, (uint64_t)(uintptr_t)&one, 8) != 8)
		dj_shim_halt(DJ_HALT_HOST);
}

void dj_shim_wait(void)
{
	uint64_t kicks;
	int64_t r;

	/* EINTR: a stop and a continue; the caller looks again. */
	r = sys3(SYS_READ, FD_TO_KEEP, (uint64_t)(uintptr_t)&kicks, 8);
	if (r != 8 && r != -4)
		dj_shim_halt(DJ_HALT_HOST);
}

_Noreturn void dj_shim_halt(enum dj_halt code)
{
	uint64_t one = 1;

	dj_post_halt(code);
	(void)sys3(SYS_WRITE, FD_TO_HOST, (uint64_t)(uintptr_t)&one, 8);
	for (;;)
		(void)sys3(SYS_EXIT_GROUP, code, 0, 0);
}
