// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/evidence/snp_id.h"

/*
 * The ID block of an SEV-SNP launch (lib/evidence/snp_id.h), two files of the
 * folder of donjond --snp: id-block.bin, 96 bytes, and id-auth.bin, 4096. A
 * host that leaves them out starts a Keep whose report has no ID key, which a
 * policy with id-key refuses.
 */
struct dj_launch_id {
	bool is_there;
	/* Block and authentication, one after the other. */
	uint8_t bytes[DJ_SNP_ID_BLOCK + DJ_SNP_ID_AUTH];
};

/* NULL, also where there is neither file; or what is wrong, errno set. */
const char *dj_launch_id_read(const char *folder, struct dj_launch_id *ret);

/* NULL; or why firmware would refuse this launch, errno set. Signatures are
 * firmware's to check. */
const char *dj_launch_id_check(const struct dj_launch_id *id,
	const uint8_t digest[static 48], uint64_t policy);
