// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/secret.h"
#include "lib/evidence/snp.h"
#include "lib/proto/emu.h"

/*
 * The emulated secure processor of SEV-SNP: one guest's. It measures the
 * launch page by page, makes the CPUID and secrets pages, and answers guest
 * messages; reports are in the hardware's format, signed by the VCEK of an
 * emulated chip (DIR/snp.key, P-384, SEC 1 in PEM; DIR/snp.model).
 *
 * Everything that a guest or its launcher sends is judged here as firmware
 * does; a status of firmware's is the answer, never an end of the emulator.
 */

/* An emulated chip: a text file of three lines, "product Genoa", "report 5"
 * and "chip " and 128 hexadecimal digits. */
struct dj_emu_snp_model {
	enum dj_snp_product product;
	uint32_t version; /* of the reports: 2, 3 or 5 */
	uint8_t chip_id[64];
};

/* NULL, or what is wrong with the text. */
const char *dj_emu_snp_model_parse(const char *text, size_t len,
	struct dj_emu_snp_model *ret);
/* The chip's security versions, all four of a report; also those that its
 * certificate is for. */
void dj_emu_snp_tcb(enum dj_snp_product product,
	uint8_t ret[static DJ_SNP_TCB_PARTS]);

struct dj_emu_key384 {
	uint8_t secret[48];
};

/* NULL, or what is wrong with the file's text. Wipes nothing. */
const char *dj_emu_key384_parse(const char *pem, size_t len,
	struct dj_emu_key384 *ret);
/* ECDSA with SHA-384 over p, r || s, big-endian. */
void dj_emu_key384_sign(const struct dj_emu_key384 *key, const void *p,
	size_t len, uint8_t ret[static 96]);

/* Status of firmware. */
enum dj_emu_snp_status {
	DJ_EMU_SNP_GOOD = 0,
	DJ_EMU_SNP_BAD_SIGNATURE = 0x0a,
	DJ_EMU_SNP_BAD_MEASUREMENT = 0x0b,
	DJ_EMU_SNP_POLICY = 0x07,
	DJ_EMU_SNP_INVALID_PARAM = 0x16,
	DJ_EMU_SNP_AEAD_OVERFLOW = 0x1d,
};

struct dj_emu_snp {
	struct dj_emu_snp_model model;
	struct dj_emu_key384 key;
	bool is_launched;
	uint8_t secrets[4096];
	uint64_t seqno[4];           /* used with each key so far */
	struct dj_snp_report report; /* all but what a request says */
};

/* random: for the guest's keys and REPORT_ID. */
#define DJ_EMU_SNP_RANDOM (4 * 32 + 32)
void dj_emu_snp_init(struct dj_emu_snp *s, const struct dj_emu_snp_model *m,
	const struct dj_emu_key384 *key,
	const uint8_t random[static DJ_EMU_SNP_RANDOM]);
/* Wipes it. */
void dj_emu_snp_done(struct dj_emu_snp *s);

/*
 * A launch: p has DJ_EMU_SNP_CONFIG bytes and perhaps DJ_EMU_SNP_ID more
 * (lib/proto/emu.h), image the file's. Writes what is answered.
 */
enum dj_emu_snp_status dj_emu_snp_launch(struct dj_emu_snp *s, const uint8_t *p,
	size_t len, const uint8_t *image, size_t image_len,
	uint8_t ret[static DJ_EMU_SNP_LAUNCHED]);

/* A guest message and its answer. */
enum dj_emu_snp_status dj_emu_snp_request(struct dj_emu_snp *s,
	const uint8_t request[static 4096], uint8_t ret[static 4096]);
