// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "keep/shim.h"

/*
 * Between tests and tests/keep/sealer.c. The command is at DJ_HC_IN_OFF, its
 * seq changed last and never 0; the answer, with that seq, at DJ_HC_OUT_OFF.
 */
enum sealer_op {
	SEALER_NOW = 1,
	SEALER_KEY = 2,
};

struct sealer_command {
	uint64_t seq, op;
	struct dj_shim_seal what;
};

struct sealer_answer {
	uint64_t seq;
	dj_status status;
	struct dj_shim_seal now; /* of SEALER_NOW */
	uint8_t key[32];         /* of SEALER_KEY */
};
