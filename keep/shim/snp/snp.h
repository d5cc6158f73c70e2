// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * Inside the shim of an SNP Keep; also read by the assembler. Numbers are of
 * the GHCB specification (56421) and of AMD's manual, volume 2.
 */
#include "lib/proto/vm.h"

#define MSR_EFER       0xc0000080
#define MSR_GHCB       0xc0010130
#define MSR_SEV_STATUS 0xc0010131

/* SEV, SEV-ES and SEV-SNP; and what needs no work of a guest: host IBS
 * prevention, BTB isolation, IBS virtualisation, SMT protection, IBPB on
 * entry. */
#define SEV_STATUS_SNP     0x7
#define SEV_STATUS_ALLOWED 0x824300

/* GHCB MSR: "terminate", reason set in bits 12 to 15, reason above. */
#define SNP_TERMINATE   0x100
#define SNP_UNSUPPORTED (SNP_TERMINATE + (2 << 16))
#define SNP_ENDED       (SNP_TERMINATE + (DJ_VM_SNP_REASONS << 12))

#ifndef __ASSEMBLER__
#include <stddef.h>
#include <stdint.h>

#include "lib/base/status.h"

/* From exit.S, in ring 0. */
void dj_snp_out(uint32_t port);
/* The message in DJ_VM_REQUEST: 0 answered in DJ_VM_RESPONSE, 2 not now and
 * untouched, 1 anything else. */
uint64_t dj_snp_ask(void);

/*
 * Ring 3's: a guest message, but for number and version, and its answer.
 * DJ_E_HOST: no answer, and none from here on. And a report over data: *ret is
 * within answer. DJ_E_HOST also if firmware gave none.
 */
struct dj_snp_msg;
dj_status dj_snp_firmware_ask(struct dj_snp_msg *req, struct dj_snp_msg *ret);
dj_status dj_snp_report_ask(const uint8_t data[static 64],
	struct dj_snp_msg *answer, const uint8_t **ret, size_t *ret_len);
#endif
