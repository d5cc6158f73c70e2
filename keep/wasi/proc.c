// SPDX-License-Identifier: Apache-2.0
#include "keep/wasi/call.h"

static enum dj_errno proc_exit(struct call *c)
{
	c->w->exit_code = arg32(c, 0);
	c->trap = DJ_TRAP_EXIT;
	return DJ_ESUCCESS;
}

/* There are no signals here, and none was ever delivered by preview 1. */
static enum dj_errno proc_raise(struct call *c)
{
	(void)c;
	return DJ_ENOSYS;
}

/* One thread: there is nobody to yield to. */
static enum dj_errno sched_yield(struct call *c)
{
	(void)c;
	return DJ_ESUCCESS;
}

static const struct wasi_fn fns[] = {
	{ "proc_exit", "i", proc_exit, true },
	{ "proc_raise", "i", proc_raise, false },
	{ "sched_yield", "", sched_yield, false },
};
const struct wasi_group wasi_proc = GROUP(fns);
