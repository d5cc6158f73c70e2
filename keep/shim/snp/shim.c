// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "keep/arch/x86_64/cpu.h"
#include "keep/shim.h"
#include "keep/shim/common/random.h"
#include "keep/shim/snp/snp.h"
#include "keep/shim/vm/vm.h"
#include "lib/base/secret.h"
#include "lib/crypto/cpu.h"
#include "lib/evidence/snp_msg.h"

/*
 * What SEV-SNP adds to the shim of a VM Keep, in ring 3: its report, asked of
 * the secure processor in sealed messages.
 *
 * One key, one counter. The page in which firmware left the keys is wiped
 * before the core runs; and whatever goes wrong with a message ends the use
 * of the key, since one number must never seal two messages.
 */
#define BUSY_TRIES 1000

struct dj_shim_info dj_shim_info = {
	.tee = 2,
	.isa = 1,
	.bounds = 1,
	.native_code = 1,
};

static struct dj_key vmpck;
static bool has_key;
static uint64_t seqno; /* the last that was used */

static const uint8_t *const cpuid_page = (const uint8_t *)DJ_VM_CPUID;

uint32_t dj_vm_begin(void)
{
	uint8_t *secrets = (uint8_t *)DJ_VM_SECRETS;
	uint32_t sent;
	uint32_t one = dj_snp_cpuid_find(cpuid_page, 1, 0).ecx;
	uint32_t seven = dj_snp_cpuid_find(cpuid_page, 7, 0).ebx;
	uint32_t ext = dj_snp_cpuid_find(cpuid_page, 0x80000001, 0).ecx;
	bool has_xsave = (one & 1U << 26) != 0;
	uint32_t xcr0 = has_xsave ? dj_crypto_cpu_xcr0() : 0;

	memcpy(&vmpck, secrets + DJ_SNP_SECRETS_VMPCK0, sizeof(vmpck));
	memcpy(&sent, secrets + DJ_SNP_SECRETS_SEQNO, sizeof(sent));
	dj_wipe(secrets, DJ_SHIM_PAGE);
	seqno = sent;
	has_key = true;
	/* Whether OSXSAVE is on is ours to know: ring 0 has set it. */
	one = has_xsave ? one | 1U << 27 : one & ~(1U << 27);
	dj_shim_info.cpu_level = dj_arch_level_of(one, seven, ext, xcr0);
	return dj_crypto_cpu_of(one, seven, xcr0);
}

uint64_t dj_shim_generators(void)
{
	return dj_arch_cpu_of(dj_snp_cpuid_find(cpuid_page, 1, 0).ecx,
		dj_snp_cpuid_find(cpuid_page, 7, 0).ebx);
}

static void forget(void)
{
	dj_key_wipe(&vmpck);
	has_key = false;
}

/* Aligned, each word once: the pages are shared with the host. */
static void page_out(uintptr_t to, const uint8_t *page)
{
	for (size_t i = 0; i < DJ_SNP_MSG_SIZE; i += 8) {
		uint64_t v;

		memcpy(&v, page + i, 8);
		*(volatile uint64_t *)(to + i) = v;
	}
}

static void page_in(uint8_t *page, uintptr_t from)
{
	for (size_t i = 0; i < DJ_SNP_MSG_SIZE; i += 8) {
		uint64_t v = *(const volatile uint64_t *)(from + i);

		memcpy(page + i, &v, 8);
	}
}

/* The same message until it is taken. */
static bool send(void)
{
	uint64_t answer = 2;

	for (int i = 0; i < BUSY_TRIES && answer == 2; i++)
		answer = dj_vm_gate(DJ_GATE_ASK, 0, 0, 0);
	return answer == 0;
}

dj_status dj_snp_firmware_ask(struct dj_snp_msg *req, struct dj_snp_msg *ret)
{
	uint8_t page[DJ_SNP_MSG_SIZE];

	if (!has_key || seqno > UINT32_MAX)
		return DJ_E_HOST;
	req->seqno = seqno + 1;
	req->version = 1;
	if (dj_snp_msg_seal(req, &vmpck, page) != DJ_OK)
		dj_shim_halt(DJ_HALT_BUG);
	page_out(DJ_VM_REQUEST, page);
	if (send()) {
		page_in(page, DJ_VM_RESPONSE);
		if (dj_snp_msg_answer(page, &vmpck, req, ret) == DJ_OK) {
			seqno += 2;
			return DJ_OK;
		}
	}
	forget();
	return DJ_E_HOST;
}

dj_status dj_snp_report_ask(const uint8_t data[static 64],
	struct dj_snp_msg *answer, const uint8_t **ret, size_t *ret_len)
{
	struct dj_snp_msg req = { .type = DJ_SNP_MSG_REPORT_REQ,
		.size = DJ_SNP_REPORT_REQ_SIZE };
	struct dj_snp_report_req r = { .vmpl = 0 };
	dj_status st;

	memcpy(r.data, data, sizeof(r.data));
	dj_snp_report_req_write(&r, req.payload);
	st = dj_snp_firmware_ask(&req, answer);
	return st == DJ_OK ? dj_snp_report_rsp_parse(answer->payload,
				     answer->size, ret, ret_len)
			   : st;
}

dj_status dj_shim_report(const uint8_t data[static 64])
{
	struct dj_snp_msg answer;
	const uint8_t *report;
	size_t len;
	uint64_t value;
	uint32_t none;
	dj_status st = dj_snp_report_ask(data, &answer, &report, &len);

	if (st != DJ_OK || len > DJ_HC_OWN_MAX)
		return DJ_E_HOST;
	dj_shim_copy_out(DJ_HC_DATA_OFF, data, 64);
	dj_shim_copy_out(DJ_HC_OWN_OFF, report, len);
	return dj_hc_call(DJ_HC_REPORT, DJ_HC_REPORT_OWN | (uint64_t)len << 8,
		&value, &none);
}
