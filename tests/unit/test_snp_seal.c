// SPDX-License-Identifier: Apache-2.0
/*
 * Who gets which sealing key of an SEV-SNP Keep: the shim's ring 3 with its
 * pages where it has them, a gate, and behind it the emulated secure processor,
 * with guests that differ from the first in one thing each.
 */
#define dj_shim_report   snp_report
#define dj_shim_info     snp_info
#define dj_shim_copy_out snp_copy_out
#define dj_shim_halt     snp_halt
#define dj_hc_call       snp_hc_call
#define dj_vm_gate       snp_gate
#include "keep/shim/snp/seal.c"
#include "keep/shim/snp/shim.c"

#include "emu/snp.h"
#include "tests/support/snp_pages.h"
#include "tests/tap.h"

static struct dj_emu_snp emu;
static uint8_t *secrets, *cpuid, *req, *rsp;
static unsigned gates, outs;

uint64_t snp_gate(uint64_t call, uint64_t a, uint64_t b, uint64_t c)
{
	(void)a;
	(void)b;
	(void)c;
	ok(call == DJ_GATE_ASK);
	gates++;
	return dj_emu_snp_request(&emu, req, rsp) == DJ_EMU_SNP_GOOD ? 0 : 1;
}

void snp_copy_out(size_t off, const void *src, size_t len)
{
	(void)off;
	(void)src;
	(void)len;
	outs++;
}

dj_status snp_hc_call(enum dj_hc_op op, uint64_t arg, uint64_t *ret_value,
	uint32_t *ret_len)
{
	(void)op;
	(void)arg;
	(void)ret_value;
	(void)ret_len;
	return DJ_E_HOST;
}

_Noreturn void snp_halt(enum dj_halt code)
{
	printf("not ok - halted with %d\n", code);
	exit(1);
}

/* A guest, and what it runs on. */
struct who {
	uint8_t measurement, chip;
	uint32_t svn;
	uint64_t policy;
	uint8_t microcode; /* committed */
};
static const struct who us = { .measurement = 1,
	.chip = 1,
	.svn = 3,
	.policy = 0x30000,
	.microcode = 84 };

/* It boots: new keys for messages, the same chip unless who says. */
static void begin(const struct who *w)
{
	static uint8_t boots;
	struct dj_emu_snp_model model = { .product = DJ_SNP_GENOA,
		.version = 5,
		.chip_id = { w->chip } };
	struct dj_emu_key384 key = { { [47] = w->chip } };
	uint8_t random[DJ_EMU_SNP_RANDOM];

	memset(random, ++boots, sizeof(random));
	dj_emu_snp_init(&emu, &model, &key, random);
	emu.is_launched = true;
	memset(emu.report.measurement, w->measurement, 48);
	emu.report.guest_svn = w->svn;
	emu.report.policy = w->policy;
	emu.report.committed[7] = w->microcode;
	memcpy(secrets, emu.secrets, 4096);
	memset(cpuid, 0, 4096);
	(void)dj_vm_begin();
	gates = outs = 0;
}

static dj_status key_for(const struct who *w, const struct dj_shim_seal *s,
	struct dj_key *ret)
{
	begin(w);
	return dj_shim_seal_key(s, ret);
}

static struct dj_shim_seal sealed;
static struct dj_key ours;

static void seal(void)
{
	begin(&us);
	eq_u64(dj_shim_seal_now(&sealed), DJ_OK);
	eq_u64(dj_shim_seal_key(&sealed, &ours), DJ_OK);
	eq_u64(outs, 0);
}

static void the_same_Keep_gets_it_again_after_a_restart(void)
{
	struct dj_key again;

	seal();
	eq_u64(sealed.svn, us.svn);
	eq_u64(sealed.platform[7], us.microcode);
	eq_u64(key_for(&us, &sealed, &again), DJ_OK);
	eq_mem(again.b, ours.b, 32);
}

static void another_image_chip_or_policy_gets_another(void)
{
	struct who other[3] = { us, us, us };
	struct dj_key theirs;

	seal();
	other[0].measurement = 2;
	other[1].chip = 2;
	other[2].policy |= 1 << 19; /* may be debugged */
	for (size_t i = 0; i < 3; i++) {
		eq_u64(key_for(&other[i], &sealed, &theirs), DJ_OK);
		ok(memcmp(theirs.b, ours.b, 32) != 0);
	}
}

static void a_newer_guest_or_platform_gets_the_key_of_then(void)
{
	struct who newer[2] = { us, us };
	struct dj_shim_seal now;
	struct dj_key theirs;

	seal();
	newer[0].svn++;
	newer[1].microcode++;
	for (size_t i = 0; i < 2; i++) {
		eq_u64(key_for(&newer[i], &sealed, &theirs), DJ_OK);
		eq_mem(theirs.b, ours.b, 32);
		eq_u64(dj_shim_seal_now(&now), DJ_OK);
		eq_u64(dj_shim_seal_key(&now, &theirs), DJ_OK);
		ok(memcmp(theirs.b, ours.b, 32) != 0);
	}
}

static void an_older_one_gets_none_and_can_still_report(void)
{
	struct who older[2] = { us, us };
	struct dj_key theirs = { { 0 } }, zero = { { 0 } };

	seal();
	older[0].svn--;
	older[1].microcode--;
	for (size_t i = 0; i < 2; i++) {
		struct dj_shim_seal now;

		eq_u64(key_for(&older[i], &sealed, &theirs), DJ_E_AUTH);
		eq_mem(theirs.b, zero.b, 32);
		eq_u64(dj_shim_seal_now(&now), DJ_OK);
	}
}

/* As software of a higher VMPL in the same guest would ask for it. */
static void another_VMPL_gets_another(void)
{
	struct dj_snp_key_req q = { .fields = FIELDS,
		.vmpl = 1,
		.guest_svn = us.svn };
	struct dj_snp_msg m = { .type = DJ_SNP_MSG_KEY_REQ,
		.size = DJ_SNP_KEY_REQ_SIZE };
	struct dj_snp_msg answer;
	struct dj_key theirs;

	seal();
	memcpy(&q.tcb, sealed.platform, 8);
	dj_snp_key_req_write(&q, m.payload);
	eq_u64(dj_snp_firmware_ask(&m, &answer), DJ_OK);
	eq_u64(dj_snp_key_rsp_parse(answer.payload, answer.size, &theirs),
		DJ_OK);
	ok(memcmp(theirs.b, ours.b, 32) != 0);
}

static void what_firmware_cannot_bind_is_not_there(void)
{
	struct dj_shim_seal s;
	struct dj_key key;

	seal();
	s = sealed;
	s.to = DJ_SHIM_SEAL_SIGNER;
	gates = 0;
	eq_u64(dj_shim_seal_key(&s, &key), DJ_E_UNSUPPORTED);
	s = sealed;
	s.platform[8] = 1;
	eq_u64(dj_shim_seal_key(&s, &key), DJ_E_AUTH);
	eq_u64(gates, 0);
}

static void a_host_that_spoils_the_answer_ends_the_key_of_messages(void)
{
	struct dj_key key;

	seal();
	emu.seqno[0] += 2;
	eq_u64(dj_shim_seal_key(&sealed, &key), DJ_E_HOST);
	emu.seqno[0] -= 2;
	eq_u64(dj_shim_seal_key(&sealed, &key), DJ_E_HOST);
	eq_u64(dj_shim_seal_now(&sealed), DJ_E_HOST);
}

int main(void)
{
	if (!snp_pages(&secrets, &cpuid, &req, &rsp)) {
		printf("1..0 # SKIP these addresses are in use here\n");
		return 0;
	}
	RUN(the_same_Keep_gets_it_again_after_a_restart);
	RUN(another_image_chip_or_policy_gets_another);
	RUN(a_newer_guest_or_platform_gets_the_key_of_then);
	RUN(an_older_one_gets_none_and_can_still_report);
	RUN(another_VMPL_gets_another);
	RUN(what_firmware_cannot_bind_is_not_there);
	RUN(a_host_that_spoils_the_answer_ends_the_key_of_messages);
	return done();
}
