// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "emu/sgx_pki.h"
#include "lib/evidence/sgx_quote.h"

/*
 * SGX evidence made in a test by the emulator's own services, under a root of
 * the run: sx_good() fills a recipe, the test changes it, sx_build() makes
 * EVIDENCE.
 */
#define SX_TIME INT64_C(1800000000) /* 2027-01-15T08:00:00Z */

struct sx {
	struct dj_emu_sgx_recipe pki;
	struct dj_sgx_body body;
	uint16_t format;
	/* Done to the quote when it is signed: each byte of it xor with. */
	size_t flip_at; /* 0: none */
	uint8_t flip;
	bool no_root_crl, no_pck_crl, no_tcb_info, no_qe_identity;
	bool own_qe_chain;
	bool swap_crls;
	bool second_chain; /* beside the quote's */
};

void sx_good(struct sx *s);
/* EVIDENCE's payload; its length. What root it has stays until the next. */
size_t sx_build(const struct sx *s, uint8_t *dst, size_t cap);
const char *sx_root(void); /* PEM */
/* A policy that accepts sx_good()'s measurement under that root; extra is what
 * stands in [sgx]. */
const char *sx_policy(const char *extra);

/* Every fault that good evidence can be given (tests/unit/sgx_faults.h): which
 * check finds it first, and words of what that says. */
enum sx_fault {
#define FAULT(name, change, check, says) F_##name,
#include "tests/unit/sgx_faults.h"
#undef FAULT
	FAULTS
};
struct sx_fault_info {
	const char *name, *check, *says;
};
extern const struct sx_fault_info sx_faults[FAULTS];
void sx_break(struct sx *s, enum sx_fault which);
