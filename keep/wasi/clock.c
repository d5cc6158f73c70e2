// SPDX-License-Identifier: Apache-2.0
#include "keep/stream.h"
#include "keep/wasi/call.h"

enum {
	REALTIME = 0,
	MONOTONIC = 1,
	PROCESS_CPU = 2,
	THREAD_CPU = 3
};

uint64_t wasi_now(struct dj_wasi *w)
{
	uint64_t now;

	if (dj_clock_recent(&now) == DJ_OK)
		w->last_time = now;
	return w->last_time;
}

/* The Keep cannot tell CPU time from time: the program's is all since start. */
static dj_status read_clock(struct dj_wasi *w, uint32_t id, uint64_t *ret)
{
	dj_status st;

	if (id == REALTIME)
		return dj_clock_realtime(ret);
	st = dj_clock_monotonic(ret);
	if (st == DJ_OK && id != MONOTONIC)
		*ret -= *ret < w->start ? *ret : w->start;
	return st;
}

static enum dj_errno clock_res_get(struct call *c)
{
	uint8_t *p = wasi_mem(c, arg32(c, 1), 8);

	if (arg32(c, 0) > THREAD_CPU)
		return DJ_EINVAL;
	if (p == NULL)
		return DJ_EFAULT;
	put64(p, dj_clock_resolution());
	return DJ_ESUCCESS;
}

static enum dj_errno clock_time_get(struct call *c)
{
	uint8_t *p = wasi_mem(c, arg32(c, 2), 8);
	uint64_t now;

	if (arg32(c, 0) > THREAD_CPU)
		return DJ_EINVAL;
	if (p == NULL)
		return DJ_EFAULT;
	if (read_clock(c->w, arg32(c, 0), &now) != DJ_OK)
		return DJ_ENOTSUP;
	put64(p, now);
	return DJ_ESUCCESS;
}

static const struct wasi_fn fns[] = {
	{ "clock_res_get", "ii", clock_res_get, false },
	{ "clock_time_get", "iIi", clock_time_get, false },
};
const struct wasi_group wasi_clock = GROUP(fns);
