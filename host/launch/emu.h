// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The launcher's end of the emulator's socket (lib/proto/emu.h), descriptor
 * DJ_LAUNCH_FD_EMU. Each returns false with errno set.
 */

/* Was one given? */
bool dj_emu_is_there(void);

/*
 * Hands the image over and compares: both must have measured the same. more:
 * len bytes that this TEE's emulator says besides.
 */
bool dj_emu_launch(int image, const uint8_t config_hash[static 32],
	const uint8_t measurement[static 32], void *more, size_t len);

/*
 * The launch of an SNP guest with an emulated secure processor: in, snp->cpuid
 * is what the table should be; out, both pages as firmware made them, and the
 * launch digest. The CPUID page is the emulator's from there on. id: NULL, or
 * DJ_EMU_SNP_ID bytes.
 */
struct dj_vmm_snp;
bool dj_emu_snp_launch(int image, const uint8_t host_data[static 32],
	const uint8_t *id, struct dj_vmm_snp *snp,
	uint8_t ret_digest[static 48]);

/* A request of at most DJ_EMU_REQUEST_MAX bytes. */
bool dj_emu_ask(uint32_t op, const void *p, size_t len);
/* After poll(2) said so. ret has room for DJ_EMU_REPORT_MAX bytes; with an
 * error of the other end's it has what that end said of it, in words. */
bool dj_emu_answer(uint8_t *ret, size_t *ret_len);
