// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/aesm/aesm.h"

/*
 * Quotes for a Keep on SGX hardware: a process beside its launcher, which is
 * jailed too well to ask anybody. The launcher talks to it as it does to
 * emulated attestation hardware (lib/proto/emu.h, DJ_EMU_TARGET and
 * DJ_EMU_REPORT), on the same descriptor, and it asks aesmd; an error comes
 * with the reason in words. It ends with the launcher. Never run on hardware; against
 * a stand-in for aesmd in tests/unit/test_aesm.c and tests/integration/aesm.py.
 */

/* DJ_LAUNCH_FD_EMU is its socket then. NULL, or what failed, errno set. */
const char *dj_quoter_start(const char *aesm_path);

/* One request of the launcher's, answered on sock; false: sock is gone. */
bool dj_quoter_answer(int sock, struct dj_aesm *a, const uint8_t *request,
	size_t len);

/*
 * From here on what talking to sockets takes, and of those it makes only Unix
 * ones; anything else kills.
 */
bool dj_quoter_filter(void);
