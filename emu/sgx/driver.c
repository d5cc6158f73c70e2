// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "emu/sgx/cpu.h"
#include "lib/base/rd.h"
#include "lib/base/size.h"
#include "lib/base/zero.h"

/*
 * ENCLS and the driver's rules about it (Linux, arch/x86/kernel/cpu/sgx/).
 * ENCLS runs here without a processor that checks: so this does.
 */
#define PAGE   ((uint64_t)DJ_SGX_PAGE_SIZE)
#define PAGES  ((uint64_t)DJ_SGX_SIZE / PAGE)
#define RWX    (DJ_SGX_R | DJ_SGX_W | DJ_SGX_X)
#define STATES (DJ_SGX_PENDING | DJ_SGX_MODIFIED)
/* What the driver lets anybody have. */
#define ATTRIBUTES \
	(DJ_SGX_ATTR(DJ_SGX_ATTR_DEBUG) | DJ_SGX_ATTR(DJ_SGX_ATTR_MODE64BIT))

struct dj_emu_cpu dj_emu_cpu;

static int fail(int err)
{
	errno = err;
	return -1;
}

static uint8_t *at(uint64_t offset)
{
	return (uint8_t *)(uintptr_t)(DJ_SGX_BASE + offset);
}

uint16_t *dj_emu_page(uint64_t offset)
{
	return offset < DJ_SGX_SIZE ? &dj_emu_cpu.epcm[offset / PAGE] : NULL;
}

static int range_prot(uint64_t offset)
{
	const struct dj_emu_cpu *c = &dj_emu_cpu;

	for (size_t i = c->range_count; i > 0; i--) {
		const struct dj_emu_range *r = &c->ranges[i - 1];

		if (offset >= r->from && offset < r->to)
			return r->prot;
	}
	return PROT_NONE;
}

/* What software inside may do with a page: both have to allow it. */
static int prot_of(uint64_t offset)
{
	uint16_t e = *dj_emu_page(offset);
	int may = 0;

	if ((e & DJ_SGX_TYPE) != DJ_SGX_REG || (e & STATES) != 0)
		return PROT_NONE;
	may |= (e & DJ_SGX_R) != 0 ? PROT_READ : 0;
	may |= (e & DJ_SGX_W) != 0 ? PROT_WRITE : 0;
	may |= (e & DJ_SGX_X) != 0 ? PROT_EXEC : 0;
	return may & range_prot(offset);
}

void dj_emu_sync(uint64_t offset, uint64_t len)
{
	while (len != 0) {
		int prot = prot_of(offset);
		uint64_t n = PAGE;

		while (n < len && prot_of(offset + n) == prot)
			n += PAGE;
		(void)mprotect(at(offset), n, prot);
		offset += n;
		len -= n;
	}
}

bool dj_emu_fill(uint64_t offset, const uint8_t *from)
{
	if (mprotect(at(offset), PAGE, PROT_READ | PROT_WRITE) != 0)
		return false;
	memcpy(at(offset), from, PAGE);
	return true;
}

static bool is_range(uint64_t offset, uint64_t len)
{
	return offset % PAGE == 0 && len % PAGE == 0 && len != 0 &&
		dj_range_ok(offset, len, DJ_SGX_SIZE);
}

/* ---- building ---- */

static int create(const struct sgx_enclave_create *arg)
{
	struct dj_emu_cpu *c = &dj_emu_cpu;
	uint64_t size, base;
	struct dj_rd r;

	if (c->is_created)
		return fail(EINVAL);
	r = dj_rd_of((const void *)(uintptr_t)arg->src, PAGE);
	size = dj_rd_u64le(&r);
	base = dj_rd_u64le(&r);
	c->ssa_pages = dj_rd_u32le(&r);
	c->misc = dj_rd_u32le(&r);
	dj_rd_zero(&r, 24);
	c->flags = dj_rd_u64le(&r);
	c->xfrm = dj_rd_u64le(&r);
	dj_rd_zero(&r, PAGE - 64);
	if (dj_rd_end(&r) != DJ_OK || size != DJ_SGX_SIZE ||
		base != DJ_SGX_BASE || c->ssa_pages == 0 ||
		(c->misc & ~(c->is_sgx1 ? 0u : 1u)) != 0 || (c->xfrm & 3) != 3)
		return fail(EINVAL);
	if ((c->flags & ~ATTRIBUTES) != 0 ||
		(c->flags & DJ_SGX_ATTR(DJ_SGX_ATTR_MODE64BIT)) == 0)
		return fail(EACCES);
	c->epcm = mmap(NULL, PAGES * sizeof(*c->epcm), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (c->epcm == MAP_FAILED)
		return -1;
	dj_sgx_ecreate(&c->hash, c->ssa_pages, size);
	c->is_created = true;
	return 0;
}

static bool read_secinfo(uint64_t from, uint64_t *ret)
{
	struct dj_rd r = dj_rd_of((const void *)(uintptr_t)from, 64);
	uint64_t flags = dj_rd_u64le(&r);
	uint64_t type = flags & DJ_SGX_TYPE;

	dj_rd_zero(&r, 56);
	*ret = flags;
	return dj_rd_end(&r) == DJ_OK && (flags & ~(RWX | DJ_SGX_TYPE)) == 0 &&
		((type == DJ_SGX_TCS && (flags & RWX) == 0) ||
			(type == DJ_SGX_REG &&
				((flags & DJ_SGX_W) == 0 ||
					(flags & DJ_SGX_R) != 0)));
}

static bool add_tcs(uint64_t offset, const uint8_t *page)
{
	struct dj_emu_cpu *c = &dj_emu_cpu;
	struct dj_emu_tcs t = { .offset = offset };

	if (c->tcs_count == DJ_EMU_TCS_MAX ||
		dj_sgx_tcs_parse(page, &t.is) != DJ_OK)
		return false;
	c->tcs[c->tcs_count++] = t;
	return true;
}

static int add_page(const struct sgx_enclave_add_pages *a, uint64_t flags)
{
	struct dj_emu_cpu *c = &dj_emu_cpu;
	const uint8_t *src = (const void *)(uintptr_t)a->src;
	uint8_t *page = at(a->offset);

	if (*dj_emu_page(a->offset) != 0)
		return fail(EBUSY);
	/* A heap has many pages, which are zero as they are. */
	if (a->flags == 0 && (flags & DJ_SGX_TYPE) == DJ_SGX_REG &&
		dj_is_zero(src, PAGE)) {
		dj_sgx_eadd(&c->hash, a->offset, flags);
		*dj_emu_page(a->offset) = (uint16_t)flags;
		return 0;
	}
	if (!dj_emu_fill(a->offset, src))
		return -1;
	if ((flags & DJ_SGX_TYPE) == DJ_SGX_TCS && !add_tcs(a->offset, page))
		return fail(EIO);
	dj_sgx_eadd(&c->hash, a->offset, flags);
	for (uint64_t i = 0; (a->flags & SGX_PAGE_MEASURE) != 0 && i < PAGE;
		i += DJ_SGX_CHUNK)
		dj_sgx_eextend(&c->hash, a->offset + i, page + i);
	*dj_emu_page(a->offset) = (uint16_t)flags;
	return mprotect(page, PAGE, PROT_NONE);
}

static int add_pages(struct sgx_enclave_add_pages *a)
{
	uint64_t flags;

	if (dj_emu_cpu.is_initialised || !is_range(a->offset, a->length) ||
		a->src % PAGE != 0 || !read_secinfo(a->secinfo, &flags))
		return fail(EINVAL);
	/* One at a time, which is a kernel that stops early. */
	if (add_page(a, flags) != 0)
		return -1;
	a->count = PAGE;
	return 0;
}

/* EINIT's checks (SDM volume 3, chapter 40): the enclave is what its signer
 * says, and so are its attributes. */
static bool is_signed(const struct dj_sgx_sigstruct *s)
{
	const struct dj_emu_cpu *c = &dj_emu_cpu;

	return dj_sgx_sigstruct_verify(s) &&
		memcmp(s->mrenclave, c->mrenclave, 32) == 0 &&
		((s->flags ^ c->flags) & s->flags_mask) == 0 &&
		((s->xfrm ^ c->xfrm) & s->xfrm_mask) == 0 &&
		((s->miscselect ^ c->misc) & s->miscmask) == 0;
}

static bool patch_all(void)
{
	for (uint64_t off = 0; off < DJ_SGX_WINDOW; off += PAGE) {
		if ((*dj_emu_page(off) & DJ_SGX_X) == 0)
			continue;
		/* An instruction may go on in the next page. */
		uint64_t n = (*dj_emu_page(off + PAGE) & DJ_SGX_X) != 0 ? 2 : 1;

		if (mprotect(at(off), n * PAGE, PROT_READ | PROT_WRITE) != 0 ||
			!dj_emu_patch(at(off), n * PAGE))
			return false;
		dj_emu_sync(off, n * PAGE);
	}
	return true;
}

static int init(const struct sgx_enclave_init *i)
{
	struct dj_emu_cpu *c = &dj_emu_cpu;
	struct dj_sgx_sigstruct s;

	if (c->is_initialised)
		return fail(EINVAL);
	dj_sgx_hash_final(&c->hash, c->mrenclave);
	if (dj_sgx_sigstruct_parse((const void *)(uintptr_t)i->sigstruct,
		    DJ_SGX_SIGSTRUCT, &s) != DJ_OK ||
		!is_signed(&s))
		return fail(EPERM);
	dj_sgx_mrsigner(&s, c->mrsigner);
	c->isvprodid = s.isvprodid;
	c->isvsvn = s.isvsvn;
	c->flags |= DJ_SGX_ATTR(DJ_SGX_ATTR_INIT);
	c->is_initialised = true;
	return c->is_patched && !patch_all() ? -1 : 0;
}

/* ---- dynamic memory ---- */

/* A page that no build added and that is not there now. */
bool dj_emu_eaug(uint64_t offset)
{
	uint16_t *e = dj_emu_page(offset);

	if (dj_emu_cpu.is_sgx1 || e == NULL || *e != 0 ||
		range_prot(offset) == PROT_NONE)
		return false;
	*e = DJ_SGX_REG | DJ_SGX_PENDING | DJ_SGX_R | DJ_SGX_W;
	return true;
}

static bool is_plain(uint64_t offset)
{
	uint16_t e = *dj_emu_page(offset);

	return (e & DJ_SGX_TYPE) == DJ_SGX_REG && (e & STATES) == 0;
}

static int restrict_pages(struct sgx_enclave_restrict_permissions *r)
{
	if (!dj_emu_cpu.is_initialised || !is_range(r->offset, r->length) ||
		(r->permissions & ~(uint64_t)RWX) != 0 ||
		(r->permissions & (DJ_SGX_R | DJ_SGX_W)) == DJ_SGX_W)
		return fail(EINVAL);
	for (r->count = 0; r->count < r->length; r->count += PAGE) {
		uint16_t *e = dj_emu_page(r->offset + r->count);

		if (!is_plain(r->offset + r->count))
			return fail(EFAULT);
		*e = (uint16_t)((*e & ~(unsigned)RWX) | (*e & r->permissions) |
			DJ_SGX_PR);
	}
	dj_emu_sync(r->offset, r->length);
	return 0;
}

static int modify_types(struct sgx_enclave_modify_types *t)
{
	if (!dj_emu_cpu.is_initialised || !is_range(t->offset, t->length) ||
		t->page_type != DJ_SGX_TRIM >> 8)
		return fail(EINVAL);
	for (t->count = 0; t->count < t->length; t->count += PAGE) {
		if (!is_plain(t->offset + t->count))
			return fail(EFAULT);
		*dj_emu_page(t->offset + t->count) =
			DJ_SGX_TRIM | DJ_SGX_MODIFIED;
	}
	dj_emu_sync(t->offset, t->length);
	return 0;
}

static int remove_pages(struct sgx_enclave_remove_pages *r)
{
	if (!dj_emu_cpu.is_initialised || !is_range(r->offset, r->length))
		return fail(EINVAL);
	for (r->count = 0; r->count < r->length; r->count += PAGE) {
		uint16_t *e = dj_emu_page(r->offset + r->count);

		if (*e != DJ_SGX_TRIM)
			return fail(EPERM);
		*e = 0;
	}
	return madvise(at(r->offset), r->length, MADV_DONTNEED);
}

/* SGX2's. */
static int modify(unsigned long request, void *arg)
{
	switch (request) {
	case SGX_IOC_ENCLAVE_RESTRICT_PERMISSIONS:
		return restrict_pages(arg);
	case SGX_IOC_ENCLAVE_MODIFY_TYPES:
		return modify_types(arg);
	case SGX_IOC_ENCLAVE_REMOVE_PAGES:
		return remove_pages(arg);
	default:
		return fail(ENOTTY);
	}
}

int dj_emu_control(void *ctx, unsigned long request, void *arg)
{
	(void)ctx;
	if (request != SGX_IOC_ENCLAVE_CREATE && !dj_emu_cpu.is_created)
		return fail(EINVAL);
	switch (request) {
	case SGX_IOC_ENCLAVE_CREATE:
		return create(arg);
	case SGX_IOC_ENCLAVE_ADD_PAGES:
		return add_pages(arg);
	case SGX_IOC_ENCLAVE_INIT:
		return init(arg);
	default:
		return dj_emu_cpu.is_sgx1 ? fail(ENODEV) : modify(request, arg);
	}
}

/* No page that is there may get more than it was added with. */
static bool may_map(uint64_t offset, uint64_t len, int prot)
{
	/* With SGX2 the window has no pages of the build. */
	if (offset >= DJ_SGX_WINDOW && !dj_emu_cpu.is_sgx1)
		return true;
	for (uint64_t i = 0; i < len; i += PAGE) {
		uint16_t e = *dj_emu_page(offset + i);
		unsigned may = (e & DJ_SGX_TYPE) == DJ_SGX_TCS
			? DJ_SGX_R | DJ_SGX_W
			: e;

		if (e == 0 ||
			((prot & PROT_READ) != 0 && (may & DJ_SGX_R) == 0) ||
			((prot & PROT_WRITE) != 0 && (may & DJ_SGX_W) == 0) ||
			((prot & PROT_EXEC) != 0 && (may & DJ_SGX_X) == 0))
			return false;
	}
	return true;
}

/* Has all of [from, to) these rights, by one range above all others there? */
static bool is_under(uint64_t from, uint64_t to, int prot)
{
	const struct dj_emu_cpu *c = &dj_emu_cpu;

	for (size_t i = c->range_count; i > 0; i--) {
		const struct dj_emu_range *r = &c->ranges[i - 1];

		if (r->from <= from && r->to >= to)
			return r->prot == prot;
		if (r->from < to && r->to > from)
			return false;
	}
	return false;
}

static void set_range(uint64_t from, uint64_t to, int prot)
{
	struct dj_emu_cpu *c = &dj_emu_cpu;
	size_t n = 0;

	/* What it covers counts no more. */
	for (size_t i = 0; i < c->range_count; i++) {
		if (c->ranges[i].from < from || c->ranges[i].to > to)
			c->ranges[n++] = c->ranges[i];
	}
	c->range_count = n;
	/* Nor does what is so already: code comes and goes. */
	if (!is_under(from, to, prot))
		c->ranges[c->range_count++] =
			(struct dj_emu_range){ from, to, prot };
}

bool dj_emu_map(void *ctx, uint64_t addr, uint64_t len, int prot)
{
	uint64_t offset = addr - DJ_SGX_BASE;

	(void)ctx;
	if (addr < DJ_SGX_BASE || !is_range(offset, len) ||
		!may_map(offset, len, prot)) {
		errno = EACCES;
		return false;
	}
	if (dj_emu_cpu.range_count == DJ_EMU_RANGES_MAX) {
		errno = ENOMEM;
		return false;
	}
	set_range(offset, offset + len, prot);
	/* Nothing is in the window yet when it is mapped whole. */
	if (offset < DJ_SGX_WINDOW || dj_emu_cpu.is_sgx1)
		dj_emu_sync(offset, len);
	return true;
}

bool dj_emu_protect(void *ctx, uint64_t addr, uint64_t len, int prot)
{
	if (!dj_emu_map(ctx, addr, len, prot))
		return false;
	dj_emu_sync(addr - DJ_SGX_BASE, len);
	return true;
}
