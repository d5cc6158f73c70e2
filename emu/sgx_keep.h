// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "emu/sgx_qe.h"
#include "lib/evidence/sgx.h"
#include "lib/proto/emu.h"

/*
 * What stays outside of an emulated SGX Keep's process: its platform, which
 * has a quoting enclave and gives processors their fuses. In DIR, where
 * `donjon-emu add sgx DIR` put them:
 *
 *   sgx-root.pem       the root, which a policy names as it names root.pem
 *   sgx-pck.key        the platform's key; sgx-chain.pem: PCK, its CA, root
 *   sgx.fuses          32 bytes that the processor's keys are derived from
 *   sgx-tcb-info.json, sgx-tcb-chain.pem, sgx-qe-identity.json,
 *   sgx-root.crl, sgx-pck.crl   collateral: donjond adds it to evidence
 *   sgx.mode           if there, may have the words "trap", ENCLU by faults
 *                      and not by calls, and "sgx1", a processor without SGX2
 */
struct dj_emu_sgx_platform {
	struct dj_emu_sgx_qe qe;
	struct dj_emu_sgx_fuses fuses;
	char chain[DJ_EMU_REPORT_MAX];
};

/* Reads it from dir, saying on stderr what is wrong. */
bool dj_emu_sgx_read(const char *dir, struct dj_emu_sgx_platform *ret);

/* For whom a REPORT must be to be quoted here. */
void dj_emu_sgx_target(const struct dj_emu_sgx_platform *p,
	uint8_t ret[static DJ_SGX_TARGETINFO]);

/* A REPORT's quote: 0 or an errno; EBADMSG: not of this processor, or not for
 * that target. */
int dj_emu_sgx_quote_report(const struct dj_emu_sgx_platform *p,
	const uint8_t report[static DJ_SGX_REPORT],
	uint8_t ret[static DJ_EMU_REPORT_MAX], size_t *ret_len);
