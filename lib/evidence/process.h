// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/base/status.h"

/*
 * The report of a `process` Keep, evidence format 0x8001, and of a `kvm` Keep,
 * 0x8002: development only. Nothing protects such a Keep from its host; the
 * report exists so that the whole path can be walked (docs/tees/). Numbers
 * are big-endian.
 *
 *   offset  size  field
 *        0     4  "DJPR"
 *        4     2  version, 1
 *        6     2  OFFER.tee, 0x41 or 0x40
 *        8    32  measurement of the image, dj_image_measure()
 *       40    32  config_hash: SHA-256 of the launch configuration block
 *       72    64  report_data
 *      136    32  platform: SHA-256 of the attestation key's SPKI (DER)
 *      168     8  security version of the emulator, 1
 *      176    64  ECDSA P-256 with SHA-256 over bytes 0..175, r || s
 *      240        end
 *
 * EVIDENCE carries it as item 1, and as item 2 the chain in PEM: attestation
 * key's certificate, then the development root's.
 */
#define DJ_PROCESS_REPORT_SIZE   240
#define DJ_PROCESS_REPORT_SIGNED 176

struct dj_process_report {
	uint16_t tee;
	uint8_t measurement[32];
	uint8_t config_hash[32];
	uint8_t report_data[64];
	uint8_t platform[32];
	uint64_t svn;
	uint8_t signature[64];
};

/*
 * Reads a report that a stranger handed over. DJ_E_INPUT for any other length
 * or magic, DJ_E_UNSUPPORTED for another version. That it is genuine is the
 * judge's business (attest/).
 */
dj_status dj_process_report_parse(const uint8_t *buf, size_t len,
	struct dj_process_report *ret);
/* Writes all of it; the signature is made over dst[0..175] by the caller. */
void dj_process_report_write(const struct dj_process_report *rep,
	uint8_t dst[static DJ_PROCESS_REPORT_SIZE]);
