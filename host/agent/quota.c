// SPDX-License-Identifier: Apache-2.0
#include "host/agent/quota.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static bool fits(uint64_t used, uint64_t ask, uint64_t limit)
{
	return used <= limit && ask <= limit - used;
}

bool dj_quota_allows(const struct dj_quota *q, const struct dj_use *all,
	const struct dj_use *own, uint64_t ask, struct dj_refusal *ret)
{
	uint64_t mine =
		q->max_caller_memory == 0 ? UINT64_MAX : q->max_caller_memory;

	if (q->max_caller_keeps != 0 && own->keeps >= q->max_caller_keeps)
		*ret = (struct dj_refusal){ 429, "quota.keeps",
			"you have as many Keeps here as one caller may",
			false };
	else if (!fits(own->memory, ask, mine))
		*ret = (struct dj_refusal){ 429, "quota.memory",
			"your Keeps here would take more memory than one caller may have",
			ask > mine };
	else if (all->keeps >= q->max_keeps)
		*ret = (struct dj_refusal){ own->keeps == all->keeps ? 429
								     : 503,
			"host.full", "this host has as many Keeps as it may",
			false };
	else if (!fits(all->memory, ask, q->memory))
		*ret = (struct dj_refusal){ 503, "host.memory",
			"the memory that the Keeps here may take is given away",
			ask > q->memory };
	else
		return true;
	return false;
}

/* A limit in a file of one number; "max" and absence are none. */
static uint64_t read_limit(const char *path)
{
	char text[32] = "";
	unsigned long long v;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return UINT64_MAX;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(fd);
	v = strtoull(text, NULL, 10);
	return v == 0 ? UINT64_MAX : v;
}

uint64_t dj_quota_machine_memory(void)
{
	/* As a container sees its own group. */
	static const char *const limits[] = { "/sys/fs/cgroup/memory.max",
		"/sys/fs/cgroup/memory/memory.limit_in_bytes" };
	uint64_t least = (uint64_t)sysconf(_SC_PHYS_PAGES) *
		(uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t v;

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		v = read_limit(limits[i]);
		if (v < least)
			least = v;
	}
	return least;
}

static uint64_t hash(const char *s)
{
	uint64_t h = 0xcbf29ce484222325;

	for (; *s != '\0'; s++)
		h = (h ^ (uint8_t)*s) * 0x100000001b3;
	return h == 0 ? 1 : h;
}

bool dj_rate_allows(struct dj_rates *r, const char *caller, uint32_t rate,
	uint64_t now_ns)
{
	uint64_t h = hash(caller);
	uint64_t most = (uint64_t)rate * 1000;
	uint64_t gained;
	size_t oldest = 0;
	size_t i;

	for (i = 0; i < DJ_RATE_CALLERS && r->slots[i].caller != h; i++)
		if (r->slots[i].at < r->slots[oldest].at)
			oldest = i;
	if (i == DJ_RATE_CALLERS) {
		i = oldest;
		r->slots[i].caller = h;
		r->slots[i].at = now_ns;
		r->slots[i].tokens = most;
	}
	/* A second fills it, so more than one need not be multiplied. */
	gained = now_ns - r->slots[i].at >= 1000000000
		? most
		: (now_ns - r->slots[i].at) / 1000 * rate / 1000;
	if (gained != 0) {
		r->slots[i].tokens += gained;
		r->slots[i].at = now_ns;
	}
	if (r->slots[i].tokens > most)
		r->slots[i].tokens = most;
	if (r->slots[i].tokens < 1000)
		return false;
	r->slots[i].tokens -= 1000;
	return true;
}
