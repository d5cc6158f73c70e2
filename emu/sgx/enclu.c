// SPDX-License-Identifier: Apache-2.0
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "emu/sgx/cpu.h"
#include "emu/sgx/keys.h"
#include "lib/base/rd.h"
#include "lib/base/secret.h"
#include "lib/base/zero.h"

/*
 * The leaves of ENCLU (SDM volume 3, chapter 40). Operands are looked at with
 * the enclave's own rights, by EPCM: none can make the emulator fault.
 */
#define PAGE ((uint64_t)DJ_SGX_PAGE_SIZE)
#define RWX  (DJ_SGX_R | DJ_SGX_W | DJ_SGX_X)

#define FLAG_CF 0x001
#define FLAG_PF 0x004
#define FLAG_AF 0x010
#define FLAG_ZF 0x040
#define FLAG_SF 0x080
#define FLAG_TF 0x100
#define FLAG_OF 0x800

#define ERR_ATTRIBUTES_MISMATCH 19
#define ERR_INVALID_ATTRIBUTE   2
#define ERR_INVALID_CPUSVN      32
#define ERR_INVALID_ISVSVN      64
#define ERR_INVALID_KEYNAME     256

#define GP 13
#define PF 14

/* What a leaf comes to: 0, or the vector of its fault and where. */
struct fault {
	uint8_t vector;
	uint16_t error;
	uint64_t addr;
};
static const struct fault none;
static const struct fault gp = { .vector = GP };

static struct fault page_fault(uint64_t addr, bool is_write)
{
	return (struct fault){ .vector = PF,
		.error = (uint16_t)(0x8004 | (is_write ? 2 : 0)),
		.addr = addr };
}

static bool in_elrange(uint64_t addr)
{
	return addr >= DJ_SGX_BASE && addr - DJ_SGX_BASE < DJ_SGX_SIZE;
}

static uint8_t *at(uint64_t addr)
{
	return (uint8_t *)(uintptr_t)addr;
}

/* An operand of len bytes, which its alignment keeps inside one page. */
static struct fault operand(uint64_t addr, uint64_t align, bool is_write)
{
	const uint16_t want = is_write ? DJ_SGX_R | DJ_SGX_W : DJ_SGX_R;
	uint16_t e;

	if (addr % align != 0 || !in_elrange(addr))
		return gp;
	e = *dj_emu_page(addr - DJ_SGX_BASE);
	if ((e & DJ_SGX_TYPE) != DJ_SGX_REG || (e & want) != want ||
		(e & (DJ_SGX_PENDING | DJ_SGX_MODIFIED)) != 0)
		return page_fault(addr, is_write);
	return none;
}

static void answer(struct dj_emu_regs *r, uint64_t error)
{
	r->rax = error;
	r->rflags &= ~(uint64_t)(FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF |
		FLAG_SF | FLAG_OF);
	if (error != 0)
		r->rflags |= FLAG_ZF;
}

static void fill_body(struct dj_sgx_body *b)
{
	const struct dj_emu_cpu *c = &dj_emu_cpu;

	memcpy(b->cpusvn, dj_emu_cpusvn, sizeof(b->cpusvn));
	b->miscselect = c->misc;
	b->flags = c->flags;
	b->xfrm = c->xfrm;
	memcpy(b->mrenclave, c->mrenclave, 32);
	memcpy(b->mrsigner, c->mrsigner, 32);
	b->isvprodid = c->isvprodid;
	b->isvsvn = c->isvsvn;
}

static struct fault ereport(struct dj_emu_regs *r)
{
	struct dj_sgx_body body = { 0 };
	struct dj_sgx_targetinfo target;
	uint8_t out[DJ_SGX_REPORT] = { 0 };
	uint8_t key[16];
	struct fault f = operand(r->rbx, 512, false);

	if (f.vector == 0)
		f = operand(r->rcx, 128, false);
	if (f.vector == 0)
		f = operand(r->rdx, 512, true);
	if (f.vector != 0)
		return f;
	if (dj_sgx_targetinfo_parse(at(r->rbx), &target) != DJ_OK)
		return gp;
	fill_body(&body);
	memcpy(body.reportdata, at(r->rcx), 64);
	dj_sgx_body_write(&body, out);
	/* KEYID: random since power-on; here it is anew for each report. */
	if (getrandom(out + DJ_SGX_REPORT_BODY, DJ_SGX_KEYID, 0) !=
		DJ_SGX_KEYID)
		return gp;
	dj_emu_sgx_report_key(dj_emu_cpu.fuses, &target,
		out + DJ_SGX_REPORT_BODY, key);
	dj_emu_cmac(key, out, DJ_SGX_REPORT_BODY / 16,
		out + DJ_SGX_REPORT_BODY + DJ_SGX_KEYID);
	memcpy(at(r->rdx), out, sizeof(out));
	dj_wipe(key, sizeof(key));
	return none;
}

/* Not above what this processor has, byte by byte. */
static bool is_cpusvn(const uint8_t svn[static 16])
{
	for (size_t i = 0; i < 16; i++) {
		if (svn[i] > dj_emu_cpusvn[i])
			return false;
	}
	return true;
}

static uint64_t seal_key(const struct dj_sgx_keyrequest *q,
	uint8_t ret[static 16])
{
	const struct dj_emu_cpu *c = &dj_emu_cpu;
	struct dj_emu_key_input in = { .name = q->name,
		.policy = q->policy,
		.isvsvn = q->isvsvn,
		.isvprodid = c->isvprodid,
		/* INIT and DEBUG always count. */
		.flags = c->flags & (q->flags_mask | 3),
		.xfrm = c->xfrm & q->xfrm_mask,
		.flags_mask = q->flags_mask,
		.xfrm_mask = q->xfrm_mask,
		.misc = c->misc & q->miscmask,
		.miscmask = q->miscmask };

	if (!is_cpusvn(q->cpusvn))
		return ERR_INVALID_CPUSVN;
	if (q->isvsvn > c->isvsvn)
		return ERR_INVALID_ISVSVN;
	memcpy(in.cpusvn, q->cpusvn, sizeof(in.cpusvn));
	memcpy(in.keyid, q->keyid, sizeof(in.keyid));
	if ((q->policy & DJ_SGX_POLICY_MRENCLAVE) != 0)
		memcpy(in.mrenclave, c->mrenclave, 32);
	if ((q->policy & DJ_SGX_POLICY_MRSIGNER) != 0)
		memcpy(in.mrsigner, c->mrsigner, 32);
	dj_emu_sgx_key(c->fuses, &in, ret);
	return 0;
}

static void own_report_key(const struct dj_sgx_keyrequest *q,
	uint8_t ret[static 16])
{
	const struct dj_emu_cpu *c = &dj_emu_cpu;
	struct dj_sgx_targetinfo self = { .flags = c->flags,
		.xfrm = c->xfrm,
		.miscselect = c->misc };

	memcpy(self.mrenclave, c->mrenclave, 32);
	dj_emu_sgx_report_key(c->fuses, &self, q->keyid, ret);
}

static struct fault egetkey(struct dj_emu_regs *r)
{
	struct dj_sgx_keyrequest q;
	uint8_t key[16];
	uint64_t error = 0;
	struct fault f = operand(r->rbx, 512, false);

	if (f.vector == 0)
		f = operand(r->rcx, 16, true);
	if (f.vector != 0)
		return f;
	/* Without KSS there are two policies and no CONFIGSVN. */
	if (dj_sgx_keyrequest_parse(at(r->rbx), &q) != DJ_OK ||
		(q.policy & ~3) != 0 || q.configsvn != 0)
		return gp;
	switch (q.name) {
	case DJ_SGX_KEY_SEAL:
		error = seal_key(&q, key);
		break;
	case DJ_SGX_KEY_REPORT:
		own_report_key(&q, key);
		break;
	case DJ_SGX_KEY_EINITTOKEN:
	case DJ_SGX_KEY_PROVISION:
	case DJ_SGX_KEY_PROVISION_SEAL:
		error = ERR_INVALID_ATTRIBUTE;
		break;
	default:
		error = ERR_INVALID_KEYNAME;
		break;
	}
	if (error == 0)
		memcpy(at(r->rcx), key, sizeof(key));
	dj_wipe(key, sizeof(key));
	answer(r, error);
	return none;
}

static struct fault read_secinfo(uint64_t addr, uint64_t *ret)
{
	struct fault f = operand(addr, 64, false);
	struct dj_rd r;

	if (f.vector != 0)
		return f;
	r = dj_rd_of(at(addr), 64);
	*ret = dj_rd_u64le(&r);
	dj_rd_zero(&r, 56);
	return dj_rd_end(&r) == DJ_OK ? none : gp;
}

static struct fault eaccept(struct dj_emu_regs *r)
{
	uint64_t want = 0;
	struct fault f = read_secinfo(r->rbx, &want);
	uint16_t *e;

	if (f.vector != 0)
		return f;
	if (r->rcx % PAGE != 0 || !in_elrange(r->rcx))
		return gp;
	e = dj_emu_page(r->rcx - DJ_SGX_BASE);
	/* The fault that brings the driver in, and the instruction again. */
	if (*e == 0 && !dj_emu_eaug(r->rcx - DJ_SGX_BASE))
		return page_fault(r->rcx, true);
	if (*e != want) {
		answer(r, ERR_ATTRIBUTES_MISMATCH);
		return none;
	}
	*e = (uint16_t)(*e &
		~(unsigned)(DJ_SGX_PENDING | DJ_SGX_MODIFIED | DJ_SGX_PR));
	if ((*e & DJ_SGX_TYPE) == DJ_SGX_REG)
		dj_emu_sync(r->rcx - DJ_SGX_BASE, PAGE);
	answer(r, 0);
	return none;
}

static struct fault emodpe(struct dj_emu_regs *r)
{
	uint64_t want = 0;
	struct fault f = read_secinfo(r->rbx, &want);
	uint16_t *e;

	if (f.vector != 0)
		return f;
	if (r->rcx % PAGE != 0 || !in_elrange(r->rcx))
		return gp;
	e = dj_emu_page(r->rcx - DJ_SGX_BASE);
	if ((*e & DJ_SGX_TYPE) != DJ_SGX_REG ||
		(*e & (DJ_SGX_PENDING | DJ_SGX_MODIFIED)) != 0)
		return page_fault(r->rcx, true);
	/* No page that can be written and not be read. */
	if (((*e | want) & (DJ_SGX_R | DJ_SGX_W)) == DJ_SGX_W)
		return gp;
	/* A processor would; but no page of ours is ever both, so a shim that
	 * forgot to take W away is to be seen. */
	if (((*e | want) & (DJ_SGX_W | DJ_SGX_X)) == (DJ_SGX_W | DJ_SGX_X))
		return gp;
	*e = (uint16_t)(*e | (want & RWX));
	dj_emu_sync(r->rcx - DJ_SGX_BASE, PAGE);
	return none;
}

/* A copy of one page becomes the content of one that is not accepted. */
static struct fault eacceptcopy(struct dj_emu_regs *r)
{
	uint64_t want = 0;
	struct fault f = read_secinfo(r->rbx, &want);
	uint16_t *e;

	if (f.vector == 0)
		f = operand(r->rdx, PAGE, false);
	if (f.vector != 0)
		return f;
	if (r->rcx % PAGE != 0 || !in_elrange(r->rcx) ||
		(want & ~(uint64_t)RWX) != DJ_SGX_REG ||
		(want & (DJ_SGX_R | DJ_SGX_W)) == DJ_SGX_W)
		return gp;
	e = dj_emu_page(r->rcx - DJ_SGX_BASE);
	if (*e == 0 && !dj_emu_eaug(r->rcx - DJ_SGX_BASE))
		return page_fault(r->rcx, true);
	if (*e != (DJ_SGX_REG | DJ_SGX_PENDING | DJ_SGX_R | DJ_SGX_W)) {
		answer(r, ERR_ATTRIBUTES_MISMATCH);
		return none;
	}
	if (!dj_emu_fill(r->rcx - DJ_SGX_BASE, at(r->rdx)))
		return gp;
	*e = (uint16_t)want;
	dj_emu_sync(r->rcx - DJ_SGX_BASE, PAGE);
	answer(r, 0);
	return none;
}

static struct dj_emu_tcs *find_tcs(uint64_t addr)
{
	struct dj_emu_cpu *c = &dj_emu_cpu;

	for (size_t i = 0; i < c->tcs_count; i++) {
		if (addr - DJ_SGX_BASE == c->tcs[i].offset)
			return &c->tcs[i];
	}
	return NULL;
}

static void save_outside(const struct dj_emu_regs *r)
{
	dj_emu_cpu.host_fs = r->fs;
	dj_emu_cpu.host_gs = r->gs;
}

/* URSP and URBP of the frame that an AEX would use. */
static void save_stack(const struct dj_emu_tcs *t, const struct dj_emu_regs *r)
{
	uint8_t *gpr = at(DJ_SGX_BASE + t->is.ossa +
		((uint64_t)t->cssa + 1) * dj_emu_cpu.ssa_pages * PAGE - 184);

	memcpy(gpr + 144, &r->rsp, 8);
	memcpy(gpr + 152, &r->rbp, 8);
}

static struct fault eenter(struct dj_emu_regs *r, uint64_t after)
{
	struct dj_emu_tcs *t = find_tcs(r->rbx);

	if (r->rbx % PAGE != 0 || !dj_emu_cpu.is_initialised)
		return gp;
	if (t == NULL)
		return page_fault(r->rbx, false);
	if (t->busy || t->cssa >= t->is.nssa)
		return gp;
	t->busy = true;
	t->aep = r->rcx;
	save_stack(t, r);
	save_outside(r);
	r->fs = DJ_SGX_BASE + t->is.ofs;
	r->gs = DJ_SGX_BASE + t->is.ogs;
	r->rax = t->cssa;
	r->rcx = after;
	r->rip = DJ_SGX_BASE + t->is.oentry;
	r->rflags &= ~(uint64_t)FLAG_TF;
	dj_emu_cpu.inside = t;
	return none;
}

static struct fault eresume(struct dj_emu_regs *r)
{
	struct dj_emu_tcs *t = find_tcs(r->rbx);

	if (r->rbx % PAGE != 0 || !dj_emu_cpu.is_initialised)
		return gp;
	if (t == NULL)
		return page_fault(r->rbx, false);
	if (t->busy || t->cssa == 0)
		return gp;
	save_outside(r);
	t->aep = r->rcx;
	if (!dj_emu_resume(r, t))
		return gp;
	t->busy = true;
	dj_emu_cpu.inside = t;
	return none;
}

static struct fault eexit(struct dj_emu_regs *r)
{
	struct dj_emu_cpu *c = &dj_emu_cpu;

	/* Outside, what is inside reads as ones: that code would not run. */
	if (in_elrange(r->rbx))
		return gp;
	r->rcx = c->inside->aep;
	r->rip = r->rbx;
	r->fs = c->host_fs;
	r->gs = c->host_gs;
	c->inside->busy = false;
	c->inside = NULL;
	return none;
}

static struct fault leaf_inside(struct dj_emu_regs *r, uint64_t leaf)
{
	if (leaf >= DJ_SGX_EACCEPT && dj_emu_cpu.is_sgx1)
		return gp;
	switch (leaf) {
	case DJ_SGX_EREPORT:
		return ereport(r);
	case DJ_SGX_EGETKEY:
		return egetkey(r);
	case DJ_SGX_EEXIT:
		return eexit(r);
	case DJ_SGX_EACCEPT:
		return eaccept(r);
	case DJ_SGX_EMODPE:
		return emodpe(r);
	case DJ_SGX_EACCEPTCOPY:
		return eacceptcopy(r);
	default:
		return gp; /* EENTER and ERESUME inside, and what is none */
	}
}

void dj_emu_enclu(struct dj_emu_regs *r, uint64_t len)
{
	const bool was_inside = dj_emu_cpu.inside != NULL;
	const uint64_t leaf = (uint32_t)r->rax;
	const uint64_t site = r->rip;
	struct fault f = gp;

	if (leaf < 16)
		dj_emu_cpu.leaves[leaf]++;
	if (was_inside)
		f = leaf_inside(r, leaf);
	else if (leaf == DJ_SGX_EENTER)
		f = eenter(r, site + len);
	else if (leaf == DJ_SGX_ERESUME)
		f = eresume(r);
	if (f.vector != 0) {
		struct dj_emu_event e = { .vector = f.vector,
			.error = f.error,
			.addr = f.addr };

		if (was_inside)
			dj_emu_aex(r, &e);
		else
			dj_emu_report_fault(r, leaf, &e);
	} else if (was_inside && leaf != DJ_SGX_EEXIT) {
		r->rip = site + len;
	}
}
