// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "keep/wasi/call.h"

/* Bytes of all texts with a NUL behind each. */
static uint64_t total(const struct dj_wasi_text *t, size_t n)
{
	uint64_t len = 0;

	for (size_t i = 0; i < n; i++)
		len += (uint64_t)t[i].len + 1;
	return len;
}

static enum dj_errno sizes(struct call *c, const struct dj_wasi_text *t,
	size_t n)
{
	uint8_t *count = wasi_mem(c, arg32(c, 0), 4);
	uint8_t *size = wasi_mem(c, arg32(c, 1), 4);
	uint64_t len = total(t, n);

	if (count == NULL || size == NULL)
		return DJ_EFAULT;
	if (n > UINT32_MAX || len > UINT32_MAX)
		return DJ_EOVERFLOW;
	put32(count, (uint32_t)n);
	put32(size, (uint32_t)len);
	return DJ_ESUCCESS;
}

static enum dj_errno get(struct call *c, const struct dj_wasi_text *t, size_t n)
{
	uint8_t *pointers = wasi_mem(c, arg32(c, 0), (uint64_t)n * 4);
	uint32_t addr = arg32(c, 1);
	uint8_t *p = wasi_mem(c, addr, total(t, n));

	if (pointers == NULL || p == NULL)
		return DJ_EFAULT;
	c->work = total(t, n);
	for (size_t i = 0; i < n; i++) {
		put32(pointers + 4 * i, addr);
		if (t[i].len != 0)
			memcpy(p, t[i].p, t[i].len);
		p[t[i].len] = 0;
		p += t[i].len + 1;
		addr += t[i].len + 1;
	}
	return DJ_ESUCCESS;
}

static enum dj_errno args_get(struct call *c)
{
	return get(c, c->w->config.args, c->w->config.arg_count);
}

static enum dj_errno args_sizes_get(struct call *c)
{
	return sizes(c, c->w->config.args, c->w->config.arg_count);
}

static enum dj_errno environ_get(struct call *c)
{
	return get(c, c->w->config.env, c->w->config.env_count);
}

static enum dj_errno environ_sizes_get(struct call *c)
{
	return sizes(c, c->w->config.env, c->w->config.env_count);
}

static const struct wasi_fn fns[] = {
	{ "args_get", "ii", args_get, false },
	{ "args_sizes_get", "ii", args_sizes_get, false },
	{ "environ_get", "ii", environ_get, false },
	{ "environ_sizes_get", "ii", environ_sizes_get, false },
};
const struct wasi_group wasi_args = GROUP(fns);
