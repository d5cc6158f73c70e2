// SPDX-License-Identifier: Apache-2.0
#include "keep/clock.h"

#include "keep/core.h"
#include "keep/hostcall.h"
#include "keep/stream.h"
#include "lib/base/secret.h"
#include "lib/base/size.h"

#define TICK_NS UINT64_C(1000)

static struct {
	uint64_t last[2]; /* realtime, monotonic: the host's latest */
	uint64_t moved;   /* virtual time since the start */
	bool is_fresh;    /* realtime was learned a moment ago */

	/* Policy client. */
	uint64_t first, told; /* what it said first, and last */
	bool is_told;
	bool is_asked, ask_due; /* an answer is missing; a record is */
	uint64_t ask_at;
} clk;

void dj_clock_init(void)
{
	dj_wipe(&clk, sizeof(clk));
}

bool dj_clock_is_clients(void)
{
	return dj_core.config.time_policy == DJ_TIME_CLIENT;
}

static void ask(uint64_t at)
{
	clk.is_asked = clk.ask_due = true;
	clk.ask_at = at;
}

void dj_clock_begin(void)
{
	if (dj_clock_is_clients())
		ask(0);
}

bool dj_clock_told(uint64_t ns)
{
	if (!dj_clock_is_clients())
		return false;
	if (!clk.is_told)
		clk.first = clk.told = ns;
	clk.is_told = true;
	if (ns > clk.told)
		clk.told = ns;
	clk.is_asked = clk.ask_due = false;
	clk.is_fresh = true;
	return true;
}

bool dj_clock_next_ask(uint64_t *ret_at)
{
	if (!clk.ask_due)
		return false;
	clk.ask_due = false;
	*ret_at = clk.ask_at;
	return true;
}

void dj_clock_attach(void)
{
	clk.ask_due = clk.is_asked;
}

void dj_clock_age(void)
{
	clk.is_fresh = false;
}

/* The client's answer, waited for. */
static dj_status from_client(void)
{
	dj_status st = DJ_OK;

	if (!clk.is_fresh)
		ask(0);
	while (st == DJ_OK && !clk.is_fresh)
		st = dj_stream_wait(UINT64_MAX);
	return st;
}

dj_status dj_clock_wait_start(void)
{
	dj_status st = DJ_OK;

	while (st == DJ_OK && dj_clock_is_clients() && !clk.is_told)
		st = dj_stream_wait(UINT64_MAX);
	return st;
}

dj_status dj_clock_wait_client(uint64_t deadline)
{
	uint64_t at;

	if (!dj_u64_add(clk.first, deadline, &at))
		at = UINT64_MAX;
	ask(at);
	clk.is_fresh = false;
	return dj_stream_wait(UINT64_MAX);
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
	clk.is_fresh = clk.is_fresh || which == 0;
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
	dj_status st;

	if (dj_clock_is_clients()) {
		st = from_client();
		*ret_ns = clk.told;
		return st;
	}
	if (!dj_clock_is_virtual())
		return from_host(0, ret_ns);
	if (!dj_u64_add(dj_core.config.time_ns, from_policy(), ret_ns))
		*ret_ns = UINT64_MAX;
	return DJ_OK;
}

dj_status dj_clock_recent(uint64_t *ret_ns)
{
	if (dj_clock_is_virtual())
		return dj_clock_realtime(ret_ns);
	if (dj_clock_is_clients())
		*ret_ns = clk.told;
	else if (clk.is_fresh)
		*ret_ns = clk.last[0];
	else
		return from_host(0, ret_ns);
	return DJ_OK;
}

dj_status dj_clock_monotonic(uint64_t *ret_ns)
{
	dj_status st;

	if (dj_clock_is_clients()) {
		st = from_client();
		*ret_ns = clk.told - clk.first;
		return st;
	}
	if (!dj_clock_is_virtual())
		return from_host(1, ret_ns);
	*ret_ns = from_policy();
	return DJ_OK;
}

uint64_t dj_clock_resolution(void)
{
	return dj_clock_is_virtual() ? TICK_NS : 1;
}
