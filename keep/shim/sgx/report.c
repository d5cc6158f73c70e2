// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "keep/shim.h"
#include "keep/shim/sgx/sgx.h"

/*
 * A report is made for the quoting enclave, whose target info the host
 * brings; for whom it is changes nothing in what it says.
 */
#define TARGETINFO 512
#define REPORT     432

static uint8_t target[TARGETINFO] __attribute__((aligned(512)));
static uint8_t report[512] __attribute__((aligned(512)));
static uint8_t bytes[64] __attribute__((aligned(128)));

/* EREPORT faults on what is reserved: CET's fields, and the end. */
static void clear_reserved(void)
{
	memset(target + 48, 0, 2);
	memset(target + 56, 0, 8);
	memset(target + 128, 0, TARGETINFO - 128);
}

dj_status dj_shim_report(const uint8_t data[static 64])
{
	uint64_t value;
	uint32_t len;
	dj_status st;

	st = dj_hc_call(DJ_HC_REPORT, 1, &value, &len);
	if (st != DJ_OK)
		return st;
	if (len != TARGETINFO)
		return DJ_E_HOST;
	dj_shim_copy_in(DJ_HC_TARGET_OFF, target, TARGETINFO);
	clear_reserved();
	memcpy(bytes, data, sizeof(bytes));
	(void)dj_sgx_enclu(DJ_SGX_EREPORT, target, bytes, report);
	dj_shim_copy_out(DJ_HC_DATA_OFF, bytes, sizeof(bytes));
	dj_shim_copy_out(DJ_HC_OWN_OFF, report, REPORT);
	st = dj_hc_call(DJ_HC_REPORT, DJ_HC_REPORT_OWN | REPORT << 8, &value,
		&len);
	return st == DJ_OK && len == 0 ? DJ_E_HOST : st;
}
