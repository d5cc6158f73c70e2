// SPDX-License-Identifier: Apache-2.0
#include <sys/mman.h>

#include "tests/support/hostmem.h"

static void *reserve(size_t len)
{
	void *p = mmap(NULL, len, PROT_NONE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static dj_status commit(void *p, size_t len)
{
	if (mprotect(p, len, PROT_READ | PROT_WRITE) != 0)
		return DJ_E_NOMEM;
	return DJ_OK;
}

static void release(void *p, size_t len)
{
	munmap(p, len);
}

const struct dj_mem_ops hostmem = { reserve, commit, release };

bool hostmem_arena(struct dj_arena *a, size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return false;
	dj_arena_init(a, p, len, NULL);
	return true;
}

void hostmem_arena_done(struct dj_arena *a)
{
	if (a->base != NULL)
		munmap(a->base, a->size);
	a->base = NULL;
}
