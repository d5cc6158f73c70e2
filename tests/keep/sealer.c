// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "keep/shim.h"
#include "tests/keep/sealer.h"

/*
 * A core for tests of sealing keys, in any shim: gives the host, who is the
 * test, what a Keep would give nobody.
 */
static void serve(const struct sealer_command *c, struct sealer_answer *a)
{
	DJ_SECRET struct dj_key key = { 0 };

	if (c->op == SEALER_NOW)
		a->status = dj_shim_seal_now(&a->now);
	else
		a->status = dj_shim_seal_key(&c->what, &key);
	memcpy(a->key, key.b, sizeof(a->key));
}

/* No native code runs here: every fault is one. */
void dj_keep_fault(uintptr_t pc, uintptr_t addr, uintptr_t fp)
{
	(void)pc;
	(void)addr;
	(void)fp;
}

_Noreturn void dj_keep_main(void)
{
	struct sealer_command c;
	struct sealer_answer a;
	uint64_t done = 0;

	for (;;) {
		dj_shim_copy_in(DJ_HC_IN_OFF, &c, sizeof(c));
		if (c.seq == done) {
			dj_shim_wait();
			continue;
		}
		memset(&a, 0, sizeof(a));
		serve(&c, &a);
		a.seq = done = c.seq;
		dj_shim_copy_out(DJ_HC_OUT_OFF, &a, sizeof(a));
		dj_wipe(&a, sizeof(a));
		dj_shim_kick();
	}
}

/* Nothing of the shim's that is used here asks the host. */
dj_status dj_hc_call(enum dj_hc_op op, uint64_t arg, uint64_t *ret_value,
	uint32_t *ret_len)
{
	(void)op;
	(void)arg;
	(void)ret_value;
	(void)ret_len;
	return DJ_E_HOST;
}
