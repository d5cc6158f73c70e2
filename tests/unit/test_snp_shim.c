// SPDX-License-Identifier: Apache-2.0
/*
 * The guest's side of guest messages against a firmware, or a host between,
 * that answers anything. The shim itself, with its three pages where it has
 * them, a gate that answers in the place of ring 0, and no host.
 */
#include <stdio.h>
/* The tests' own shim has these names too. */
#define dj_shim_report   snp_report
#define dj_shim_info     snp_info
#define dj_shim_copy_out snp_copy_out
#define dj_shim_halt     snp_halt
#define dj_hc_call       snp_hc_call
#define dj_vm_gate       snp_gate
#include "keep/shim/snp/shim.c"

#include "tests/support/snp_pages.h"
#include "tests/tap.h"

static struct dj_key key;
static uint8_t *secrets, *cpuid, *req, *rsp;

enum evil {
	HONEST,
	BUSY_TWICE,
	BUSY_FOR_EVER,
	REFUSES,
	SAYS_NOTHING,
	ECHOES,
	REPEATS, /* the answer before */
	SKIPS,
	ANOTHER_TYPE,
	ANOTHER_VERSION,
	ANOTHER_KEY,
	TAG,
	PAYLOAD,
	TOO_LONG,
	STATUS, /* sealed: firmware says no */
	SHORT,  /* sealed: a size that is not that of the report */
};

static enum evil evil;
static unsigned gates, reports;
static uint8_t last[4096], first_request[4096];
static uint64_t told_arg;

uint64_t snp_gate(uint64_t call, uint64_t a, uint64_t b, uint64_t c)
{
	struct dj_snp_msg m, r = { .version = 1 };
	struct dj_key k = key;

	(void)a;
	(void)b;
	(void)c;
	ok(call == DJ_GATE_ASK);
	if (++gates == 1)
		memcpy(first_request, req, 4096);
	else
		ok(evil != BUSY_TWICE || memcmp(first_request, req, 4096) == 0);
	if (evil == BUSY_FOR_EVER || (evil == BUSY_TWICE && gates < 3))
		return 2;
	if (evil == REFUSES)
		return 1;
	memset(rsp, 0, 4096);
	if (evil == SAYS_NOTHING)
		return 0;
	if (!ok(dj_snp_msg_open(req, &key, &m) == DJ_OK))
		return 1;
	r.seqno = m.seqno + (evil == SKIPS ? 3 : 1);
	r.type = evil == ANOTHER_TYPE ? DJ_SNP_MSG_KEY_RSP
				      : DJ_SNP_MSG_REPORT_RSP;
	r.version = evil == ANOTHER_VERSION ? 2 : 1;
	r.size = DJ_SNP_RSP_HEAD + 1184;
	r.payload[0] = evil == STATUS ? 0x16 : 0;
	r.payload[4] = 0xa0;
	r.payload[5] = evil == SHORT ? 3 : 4;
	memcpy(r.payload + 0x70, m.payload, 64);
	k.b[0] ^= evil == ANOTHER_KEY;
	ok(dj_snp_msg_seal(&r, &k, rsp) == DJ_OK);
	rsp[0] ^= evil == TAG;
	rsp[0x100] ^= evil == PAYLOAD;
	rsp[0x37] |= evil == TOO_LONG ? 0xff : 0;
	if (evil == ECHOES)
		memcpy(rsp, req, 4096);
	if (evil == REPEATS)
		memcpy(rsp, last, 4096);
	memcpy(last, rsp, 4096);
	return 0;
}

void snp_copy_out(size_t off, const void *src, size_t len)
{
	(void)src;
	ok(off + len <= DJ_HC_HOST_OFF);
	reports += off == DJ_HC_OWN_OFF;
}

dj_status snp_hc_call(enum dj_hc_op op, uint64_t arg, uint64_t *ret_value,
	uint32_t *ret_len)
{
	(void)ret_value;
	(void)ret_len;
	ok(op == DJ_HC_REPORT);
	told_arg = arg;
	return DJ_OK;
}

_Noreturn void snp_halt(enum dj_halt code)
{
	printf("not ok - halted with %d\n", code);
	exit(1);
}

static void begin(void)
{
	for (size_t i = 0; i < 4096; i++)
		secrets[i] = (uint8_t)(i * 11 + 1);
	memset(secrets + DJ_SNP_SECRETS_SEQNO, 0, 16);
	memcpy(&key, secrets + DJ_SNP_SECRETS_VMPCK0, 32);
	memset(cpuid, 0, 4096);
	evil = HONEST;
	gates = reports = 0;
	(void)dj_vm_begin();
}

/* The page of firmware, 56860 section 8.17.2.6: leaf, EBX and ECX. */
static void say(uint32_t i, uint32_t leaf, uint32_t b, uint32_t c)
{
	uint8_t *entry = cpuid + 16 + (size_t)48 * i;
	uint32_t n = i + 1;

	memcpy(cpuid, &n, 4);
	memcpy(entry, &leaf, 4);
	memcpy(entry + 28, &b, 4);
	memcpy(entry + 32, &c, 4);
}

static uint64_t level_with(uint32_t one_c, uint32_t seven_b, uint32_t ext_c)
{
	begin();
	eq_u64(dj_shim_info.cpu_level, 2);
	say(0, 1, 0, one_c);
	say(1, 7, seven_b, 0);
	say(2, 0x80000001, 0, ext_c);
	(void)dj_vm_begin();
	return dj_shim_info.cpu_level;
}

/* OSXSAVE is not firmware's to say, XSAVE is. */
static void the_cpu_level_is_what_firmware_vouches_for(void)
{
	const uint32_t one =
		1u << 12 | 1u << 22 | 1u << 26 | 1u << 28 | 1u << 29;
	const uint32_t seven = 1u << 3 | 1u << 5 | 1u << 8, ext = 1u << 5;

	if (!__builtin_cpu_supports("avx")) {
		skip("no AVX on this machine, whose XCR0 is read");
		return;
	}
	eq_u64(level_with(one, seven, ext), 3);
	eq_u64(level_with(one & ~(1u << 26), seven, ext), 2);
	eq_u64(level_with(one & ~(1u << 22), seven, ext), 2);
	eq_u64(level_with(one, seven & ~(1u << 8), ext), 2);
	eq_u64(level_with(one, seven, 0), 2);
}

static dj_status ask_with(enum evil e)
{
	uint8_t data[64];

	memset(data, 0x3d, sizeof(data));
	evil = e;
	gates = 0;
	return snp_report(data);
}

static void the_page_of_secrets_is_wiped_before_the_core_runs(void)
{
	uint8_t any = 0;

	begin();
	for (size_t i = 0; i < 4096; i++)
		any |= secrets[i];
	eq_u64(any, 0);
}

static void honest_answers_make_reports_in_order(void)
{
	struct dj_snp_msg_claim claim;

	begin();
	for (uint64_t i = 0; i < 5; i++) {
		eq_u64(ask_with(HONEST), DJ_OK);
		dj_snp_msg_claim(req, &claim);
		eq_u64(claim.seqno, 2 * i + 1);
		eq_u64(told_arg, 2 | 1184 << 8);
	}
	eq_u64(reports, 5);
}

static void a_busy_host_gets_the_same_bytes_again(void)
{
	begin();
	eq_u64(ask_with(BUSY_TWICE), DJ_OK);
	eq_u64(gates, 3);
	eq_u64(ask_with(BUSY_FOR_EVER), DJ_E_HOST);
	eq_u64(gates, BUSY_TRIES);
	eq_u64(ask_with(HONEST), DJ_E_HOST);
	eq_u64(gates, 0);
}

/* After any of them the key is gone: nothing is ever sealed with it again. */
static void an_answer_that_is_none_ends_the_use_of_the_key(void)
{
	for (int e = REFUSES; e <= TOO_LONG; e++) {
		uint8_t any = 0;

		begin();
		eq_u64(ask_with(HONEST), DJ_OK);
		if (!eq_u64(ask_with((enum evil)e), DJ_E_HOST))
			printf("# answer %d\n", e);
		eq_u64(reports, 1);
		for (size_t i = 0; i < 32; i++)
			any |= vmpck.b[i];
		eq_u64(any, 0);
		eq_u64(ask_with(HONEST), DJ_E_HOST);
		eq_u64(gates, 0);
	}
}

static void firmware_that_says_no_may_be_asked_again(void)
{
	begin();
	eq_u64(ask_with(STATUS), DJ_E_HOST);
	eq_u64(ask_with(SHORT), DJ_E_HOST);
	eq_u64(reports, 0);
	eq_u64(ask_with(HONEST), DJ_OK);
	eq_u64(reports, 1);
}

static void numbers_run_out_before_they_repeat(void)
{
	begin();
	seqno = UINT32_MAX - 1;
	eq_u64(ask_with(HONEST), DJ_OK);
	eq_u64(ask_with(HONEST), DJ_E_HOST);
	eq_u64(gates, 0);
}

int main(void)
{
	if (!snp_pages(&secrets, &cpuid, &req, &rsp)) {
		printf("1..0 # SKIP no room at the guest's addresses\n");
		return 0;
	}
	RUN(the_page_of_secrets_is_wiped_before_the_core_runs);
	RUN(the_cpu_level_is_what_firmware_vouches_for);
	RUN(honest_answers_make_reports_in_order);
	RUN(a_busy_host_gets_the_same_bytes_again);
	RUN(an_answer_that_is_none_ends_the_use_of_the_key);
	RUN(firmware_that_says_no_may_be_asked_again);
	RUN(numbers_run_out_before_they_repeat);
	return done();
}
