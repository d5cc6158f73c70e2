// SPDX-License-Identifier: Apache-2.0
#include "keep/clock.h"

#include "keep/core.h"
#include "keep/hostcall.h"
#include "keep/stream.h"
#include "lib/base/size.h"

#define TICK_NS UINT64_C(1000)

static struct {
	uint64_t last[2]; /* realtime, monotonic: the host's latest */
	uint64_t moved;   /* virtual time since the start */
} clk;

void dj_clock_init(void)
{
	clk.last[0] = 0;
	clk.last[1] = 0;
	clk.moved = 0;
}

bool dj_clock_supported(void)
{
	return dj_core.config.time_policy != DJ_TIME_CLIENT;
}

bool dj_clock_is_virtual(void)
{
	return dj_core.config.time_policy == DJ_TIME_FIXED ||
		dj_core.config.time_policy == DJ_TIME_COUNTING;
}

void dj_clock_skip(uint64_t deadline)
{
	if (deadline > clk.moved)
		clk.moved = deadline;
}

static dj_status from_host(uint64_t which, uint64_t *ret_ns)
{
	uint64_t now;
	dj_status st;

	st = dj_hc_clock(which, &now);
	if (st != DJ_OK)
		return st;
	if (now > clk.last[which])
		clk.last[which] = now;
	*ret_ns = clk.last[which];
	return DJ_OK;
}

dj_status dj_clock_host(uint64_t *ret_ns)
{
	return from_host(1, ret_ns);
}

static uint64_t from_policy(void)
{
	if (dj_core.config.time_policy == DJ_TIME_COUNTING &&
		clk.moved <= UINT64_MAX - TICK_NS)
		clk.moved += TICK_NS;
	return clk.moved;
}

dj_status dj_clock_realtime(uint64_t *ret_ns)
{
	if (!dj_clock_is_virtual())
		return from_host(0, ret_ns);
	if (!dj_u64_add(dj_core.config.time_ns, from_policy(), ret_ns))
		*ret_ns = UINT64_MAX;
	return DJ_OK;
}

dj_status dj_clock_monotonic(uint64_t *ret_ns)
{
	if (!dj_clock_is_virtual())
		return from_host(1, ret_ns);
	*ret_ns = from_policy();
	return DJ_OK;
}

uint64_t dj_clock_resolution(void)
{
	return dj_clock_is_virtual() ? TICK_NS : 1;
}
