// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * AMD's certificates above the keys that sign reports: of each product the
 * root (ARK) and its issuers of VCEKs (ASK) and VLEKs (ASVK), PEM. They save
 * a download, and are trusted no more than if they came with the evidence:
 * the judge knows the roots by itself (attest/snp_chain.c).
 */
#define DJ_SNP_CERTS 9

extern const char *const dj_snp_certs[DJ_SNP_CERTS];
