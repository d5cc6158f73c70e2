// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <unistd.h>

#include "host/launch/sgx.h"
#include "lib/base/size.h"
#include "lib/evidence/sgx_layout.h"
#include "lib/proto/hostcall.h"

/* Faults in a row that the Keep's handler may answer with "go on". */
#define FAULTS_MAX 16

struct call {
	uint64_t number, a, b, c;
};

static bool kick(const struct dj_sgx_keep *k)
{
	const uint64_t one = 1;

	return write(k->to_host, &one, sizeof(one)) == (ssize_t)sizeof(one);
}

static bool await(const struct dj_sgx_keep *k)
{
	uint64_t kicks;

	return read(k->to_keep, &kicks, sizeof(kicks)) ==
		(ssize_t)sizeof(kicks) ||
		errno == EINTR;
}

/*
 * Pages of the window, in whole requests: the kernel may stop early. What it
 * says of the page that stopped it is for people who look with strace.
 */
static bool restrict_pages(const struct dj_sgx_machine *m, uint64_t off,
	uint64_t len, uint64_t prot)
{
	struct sgx_enclave_restrict_permissions r = { .offset = off,
		.length = len,
		.permissions = prot };

	while (r.length != 0) {
		r.count = 0;
		if (m->control(m->ctx, SGX_IOC_ENCLAVE_RESTRICT_PERMISSIONS,
			    &r) != 0 &&
			errno != EINTR)
			return false;
		r.offset += r.count;
		r.length -= r.count;
	}
	return true;
}

static bool trim_pages(const struct dj_sgx_machine *m, uint64_t off,
	uint64_t len)
{
	struct sgx_enclave_modify_types t = { .offset = off,
		.length = len,
		.page_type = DJ_SGX_TRIM >> 8 };

	while (t.length != 0) {
		t.count = 0;
		if (m->control(m->ctx, SGX_IOC_ENCLAVE_MODIFY_TYPES, &t) != 0 &&
			errno != EINTR)
			return false;
		t.offset += t.count;
		t.length -= t.count;
	}
	return true;
}

static bool remove_pages(const struct dj_sgx_machine *m, uint64_t off,
	uint64_t len)
{
	struct sgx_enclave_remove_pages r = { .offset = off, .length = len };

	while (r.length != 0) {
		r.count = 0;
		if (m->control(m->ctx, SGX_IOC_ENCLAVE_REMOVE_PAGES, &r) != 0 &&
			errno != EINTR)
			return false;
		r.offset += r.count;
		r.length -= r.count;
	}
	return true;
}

/* A call about pages: of the window alone, so that it moves nothing that the
 * loader has mapped, and never for what can be written and run. */
static bool on_pages(const struct dj_sgx_machine *m, const struct call *c)
{
	const uint64_t off = c->a - DJ_SGX_BASE;

	if (c->a < DJ_SGX_BASE || off < DJ_SGX_WINDOW ||
		!dj_range_ok(off, c->b, DJ_SGX_SIZE) || off % 4096 != 0 ||
		c->b % 4096 != 0 || c->b == 0 || c->c > 7 ||
		(c->c & (DJ_SGX_W | DJ_SGX_X)) == (DJ_SGX_W | DJ_SGX_X))
		return false;
	switch (c->number) {
	case DJ_SGX_CALL_PROTECT:
		return m->protect(m->ctx, c->a, c->b, (int)c->c);
	case DJ_SGX_CALL_RESTRICT:
		return restrict_pages(m, off, c->b, c->c);
	case DJ_SGX_CALL_TRIM:
		return trim_pages(m, off, c->b);
	default:
		return remove_pages(m, off, c->b);
	}
}

/* False: the Keep is over, *ret_code how. *ret_answer is for the next EENTER
 * otherwise. */
static bool on_call(const struct dj_sgx_keep *k, const struct call *c,
	uint64_t *ret_answer, uint8_t *ret_code)
{
	bool good = true;

	*ret_answer = 0;
	*ret_code = DJ_HALT_HOST;
	switch (c->number) {
	case DJ_SGX_CALL_KICK:
		good = kick(k);
		break;
	case DJ_SGX_CALL_WAIT:
		good = await(k);
		break;
	case DJ_SGX_CALL_PROTECT:
	case DJ_SGX_CALL_RESTRICT:
	case DJ_SGX_CALL_TRIM:
	case DJ_SGX_CALL_REMOVE:
		*ret_answer = on_pages(k->machine, c) ? 0 : 1;
		break;
	case DJ_SGX_CALL_HALT:
		*ret_code =
			c->a < DJ_HALT_COUNT ? (uint8_t)c->a : DJ_HALT_FAULT;
		return false;
	default:
		*ret_code = DJ_HALT_FAULT;
		return false;
	}
	return good;
}

/* The thread has faulted: its own handler says what is to be done. */
static bool on_fault(const struct dj_sgx_keep *k, struct sgx_enclave_run *run,
	unsigned *faults)
{
	struct dj_sgx_left left;

	return ++*faults <= FAULTS_MAX &&
		dj_sgx_enter(k->machine->enter, 0, DJ_SGX_EENTER, run, &left) ==
		0 &&
		left.rdi == DJ_SGX_CALL_HANDLED;
}

uint8_t dj_sgx_run(const struct dj_sgx_keep *k)
{
	struct sgx_enclave_run run = { .tcs = k->tcs };
	unsigned function = DJ_SGX_EENTER;
	unsigned faults = 0;
	uint64_t answer = k->cpu;
	struct dj_sgx_left left;
	uint8_t code;

	/* One call for both: a Keep that is resumed leaves with the stack it was
	 * entered with, whose frame must be this one again. */
	for (;;) {
		int r = dj_sgx_enter(k->machine->enter, answer, function, &run,
			&left);

		if (r == 0) {
			struct call c = { left.rdi, left.rsi, left.rdx,
				left.r8 };

			faults = 0;
			if (!on_call(k, &c, &answer, &code))
				break;
			function = DJ_SGX_EENTER;
			continue;
		}
		/* ERESUME: inside. EENTER: it cannot even be entered. */
		code = DJ_HALT_FAULT;
		if (r != -EFAULT || run.function != DJ_SGX_ERESUME ||
			!on_fault(k, &run, &faults))
			break;
		function = DJ_SGX_ERESUME;
	}
	(void)kick(k);
	return code;
}
