// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "host/launch/sgx.h"
#include "lib/base/wr.h"
#include "lib/evidence/sgx.h"
#include "lib/proto/hostcall.h"

#define PAGE ((uint64_t)DJ_SGX_PAGE_SIZE)

/* What the kernel copies pages from must be mapped whole, and not noexec. */
struct add {
	const struct dj_sgx_machine *machine;
	uint8_t *page;
};

static bool reserve(void)
{
	void *want = (void *)(uintptr_t)DJ_SGX_BASE;

	return mmap(want, DJ_SGX_SIZE, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
			       MAP_FIXED_NOREPLACE,
		       -1, 0) == want;
}

/* SECS as ECREATE takes it: what else it has, the processor fills in. */
static void write_secs(uint8_t *page, bool is_sgx1)
{
	struct dj_wr w = dj_wr_of(page, PAGE);

	dj_wr_le(&w, DJ_SGX_SIZE, 8);
	dj_wr_le(&w, DJ_SGX_BASE, 8);
	dj_wr_le(&w, DJ_SGX_SSA_PAGES, 4);
	dj_wr_le(&w, is_sgx1 ? 0 : DJ_SGX_MISCSELECT, 4);
	dj_wr_zero(&w, 24);
	dj_wr_le(&w, DJ_SGX_ATTR(DJ_SGX_ATTR_MODE64BIT), 8);
	dj_wr_le(&w, DJ_SGX_XFRM, 8);
	dj_wr_zero(&w, PAGE - w.len);
}

static bool create(const struct add *a, bool is_sgx1)
{
	struct sgx_enclave_create c = { .src = (uintptr_t)a->page };

	write_secs(a->page, is_sgx1);
	return a->machine->control(a->machine->ctx, SGX_IOC_ENCLAVE_CREATE,
		       &c) == 0;
}

/* The kernel may stop before it added anything: a signal. */
static dj_status add_page(void *ctx, const struct dj_sgx_page *p)
{
	const struct add *a = ctx;
	uint64_t secinfo[8] __attribute__((aligned(64))) = { p->flags };
	struct sgx_enclave_add_pages add = {
		.src = (uintptr_t)a->page,
		.offset = p->offset,
		.length = PAGE,
		.secinfo = (uintptr_t)secinfo,
		.flags = p->is_measured ? SGX_PAGE_MEASURE : 0,
	};

	memcpy(a->page, p->content, PAGE);
	do {
		add.count = 0;
		if (a->machine->control(a->machine->ctx,
			    SGX_IOC_ENCLAVE_ADD_PAGES, &add) != 0 &&
			errno != EINTR)
			return DJ_E_SYS;
	} while (add.count != PAGE);
	return DJ_OK;
}

static bool init(const struct add *a, const uint8_t *sigstruct)
{
	struct sgx_enclave_init i = { .sigstruct = (uintptr_t)a->page };

	memset(a->page, 0, PAGE);
	memcpy(a->page, sigstruct, DJ_SGX_SIGSTRUCT);
	return a->machine->control(a->machine->ctx, SGX_IOC_ENCLAVE_INIT, &i) ==
		0;
}

static int prot_of(uint8_t perm)
{
	return ((perm & DJ_IMAGE_R) != 0 ? PROT_READ : 0) |
		((perm & DJ_IMAGE_W) != 0 ? PROT_WRITE : 0) |
		((perm & DJ_IMAGE_X) != 0 ? PROT_EXEC : 0);
}

/* Every range with the permissions that its pages were measured with, and
 * the window: SGX1's heap, or where pages come later. */
static bool map_all(const struct dj_sgx_machine *m, const struct dj_image *img)
{
	const int rw = PROT_READ | PROT_WRITE;
	bool good = true;

	for (size_t i = 0; i < img->segment_count && good; i++)
		good = m->map(m->ctx, img->segments[i].addr,
			img->segments[i].mem_size,
			prot_of(img->segments[i].perm));
	return good &&
		m->map(m->ctx, DJ_SGX_BASE + dj_sgx_tail(img),
			DJ_SGX_TAIL_PAGES * PAGE, rw) &&
		m->map(m->ctx, (uint64_t)DJ_SGX_BASE + DJ_SGX_WINDOW,
			img->heap != 0 ? img->heap
				       : (uint64_t)DJ_SGX_SIZE - DJ_SGX_WINDOW,
			rw);
}

static const char *build(const struct add *a, const struct dj_image *img,
	const uint8_t *sigstruct)
{
	dj_status st;

	if (!create(a, img->heap != 0))
		return "cannot make an enclave";
	st = dj_sgx_walk(img, add_page, (void *)(uintptr_t)a);
	if (st == DJ_E_INPUT)
		errno = ENOEXEC;
	if (st != DJ_OK)
		return st == DJ_E_INPUT ? "this image is not one for SGX"
					: "cannot add pages to the enclave";
	if (!init(a, sigstruct))
		return "the processor refuses the enclave's signature";
	return map_all(a->machine, img) ? NULL : "cannot map the enclave";
}

const char *dj_sgx_build(const struct dj_sgx_machine *m,
	const struct dj_image *img,
	const uint8_t sigstruct[static DJ_SGX_SIGSTRUCT])
{
	struct add a = { .machine = m };
	const char *wrong;

	if (!reserve())
		return "the enclave's addresses are taken";
	a.page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (a.page == MAP_FAILED)
		return "no memory for a page";
	wrong = build(&a, img, sigstruct);
	munmap(a.page, PAGE);
	return wrong;
}

const char *dj_sgx_map_region(int region)
{
	void *want = (void *)(uintptr_t)DJ_SGX_REGION;

	return mmap(want, DJ_HC_REGION_SIZE, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_FIXED_NOREPLACE, region, 0) == want
		? NULL
		: "cannot map the shared region";
}

uint64_t dj_sgx_tcs_addr(const struct dj_image *img)
{
	return DJ_SGX_BASE + dj_sgx_tail(img) + DJ_SGX_TAIL_TCS * PAGE;
}
