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
 * op's bytes. Native byte order: both ends are on one machine, one build.
 *
 *   DJ_EMU_LAUNCH  request: u8 config_hash[32], SCM_RIGHTS: the image
 *                  answer:  u8 measurement[32]
 *                  once, and first
 *   DJ_EMU_REPORT  request: u8 report_data[64]
 *                  answer:  the report, at most DJ_EMU_REPORT_MAX bytes
 */
enum dj_emu_op {
	DJ_EMU_LAUNCH = 1,
	DJ_EMU_REPORT = 2,
};

#define DJ_EMU_REPORT_MAX 0x4000
