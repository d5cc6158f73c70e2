// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * Between a launcher and donjon-emu, the emulated attestation hardware: a
 * SOCK_SEQPACKET socket, one request, one answer, never two under way. The
 * emulator measures for itself: it is given the image as a sealed memfd, the
 * very one that is then started.
 *
 *   donjon-emu serve TEE DIR   what donjond starts, one for each Keep:
 *                              3 the socket, 0 and 1 /dev/null, 2 stderr;
 *                              ends when the socket is closed
 *   DIR/root.pem               the development root's certificate
 *   DIR/TEE-chain.pem          attestation key's certificate, then the
 *                              root's: EVIDENCE item 2, read by donjond
 *
 * Request: u32 op, then the op's bytes. Answer: u32 error (0 good), then the
 * op's bytes; with an error perhaps a line about it, for people. Native byte order: both ends are on one machine, one build.
 *
 *   DJ_EMU_LAUNCH  request: u8 config_hash[32], SCM_RIGHTS: the image
 *                  answer:  u8 measurement[32]
 *                  once, and first
 *   DJ_EMU_REPORT  request: u8 report_data[64]
 *                  answer:  the report, at most DJ_EMU_REPORT_MAX bytes
 *
 * The emulated secure processor (TEE snp) knows two others instead:
 *
 *   DJ_EMU_SNP_LAUNCH   request: u64 guest policy, u8 host_data[32], u8 what
 *                       the CPUID page is to be[4096], and perhaps u8 ID
 *                       block[96], u8 ID authentication[4096]; SCM_RIGHTS:
 *                       the image
 *                       answer:  u8 launch digest[48], u8 CPUID page[4096],
 *                       u8 secrets page[4096]
 *                       once, and first; the launcher's
 *   DJ_EMU_SNP_REQUEST  request: u8 guest message[4096]
 *                       answer:  u32 firmware's status instead of an error,
 *                       u8 answer[4096], which counts with status 0 alone;
 *                       the VMM's
 */
enum dj_emu_op {
	DJ_EMU_LAUNCH = 1,
	DJ_EMU_REPORT = 2,
	DJ_EMU_SNP_LAUNCH = 3,
	DJ_EMU_SNP_REQUEST = 4,
	DJ_EMU_TARGET = 5,
};

#define DJ_EMU_REPORT_MAX  0x4000
#define DJ_EMU_REQUEST_MAX 432 /* after op */

#define DJ_EMU_SNP_CONFIG       (8 + 32 + 4096)
#define DJ_EMU_SNP_ID           (96 + 4096)
#define DJ_EMU_SNP_LAUNCHED     (48 + 2 * 4096)
#define DJ_EMU_SNP_REQUEST_SIZE (4 + 4096)

/*
 * SGX. The processor is emulated in the Keep's own process, by a program
 * beside the emulator, donjon-emu-sgx, which the launcher starts in the Keep's
 * jail; the emulator proper is what stays outside: the quoting enclave.
 *
 *   DJ_EMU_LAUNCH  answer: u8 mrenclave[32], struct dj_emu_sgx_fuses
 *   DJ_EMU_REPORT  request: u8 report[432], of EREPORT for that target
 *                  answer:  a quote, version 3; EBADMSG: its MAC is wrong
 *   DJ_EMU_TARGET  request: nothing   answer: u8 targetinfo[512]
 *
 * donjon-emu-sgx has the region and the eventfds at the launcher's numbers,
 * and from DJ_EMU_SGX_FD_IMAGE on the image, struct dj_emu_sgx_start and a
 * descriptor for messages. It exits with the Keep's enum dj_halt.
 */
struct dj_emu_sgx_fuses {
	uint8_t secret[32]; /* what this processor's keys come from */
	uint32_t is_patched;
	uint32_t is_sgx1; /* it knows nothing of SGX2 */
};

struct dj_emu_sgx_start {
	struct dj_emu_sgx_fuses fuses;
	uint64_t cpu;  /* enum dj_cpu */
	uint64_t heap; /* SGX1 */
	uint8_t sigstruct[1808];
};

#define DJ_EMU_SGX_FD_IMAGE 65
#define DJ_EMU_SGX_FD_START 66
#define DJ_EMU_SGX_FD_SAY   67
