// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "host/agent/keep.h"

/*
 * What a host has of its SEV-SNP platform, in the folder of donjond --snp:
 *
 *   certs.bin        a certificate table, as hosts keep it for extended guest
 *                    requests (56421 section 4.1.8.1); or, and for what is not
 *                    in it:
 *   vek.der          the certificate of the chip's key for its reported TCB,
 *   cert_chain.pem   its issuer's and the root's,
 *   crl.der          their list: what donjon collateral --tee snp fetches
 *   id-block.bin, id-auth.bin   given to each launch (host/launch/snp_id.h)
 *
 * Read anew for each report, so that a new TCB needs no new donjond. Nothing
 * is believed here: the client judges all of it.
 */
struct dj_snp_host {
	struct dj_blob chain; /* PEM, leaf first: EVIDENCE item 2 */
	struct dj_blob crls;  /* item 3; may be absent */
};

/* NULL; or what lacks, constant, with whatever there is in ret. Free both
 * blobs in either case. */
const char *dj_snp_host_read(const char *folder, struct dj_snp_host *ret);
