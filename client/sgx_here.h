// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * What this machine has of Intel SGX, for doctor: found by looking, explained
 * by a pure function.
 */
struct dj_sgx_here {
	bool is_intel64; /* the processor is of that kind at all */
	bool has_sgx;    /* CPUID 7: in the processor, and on in the firmware */
	bool has_flc;    /* launch control, without which Linux has no driver */
	bool has_edmm;   /* SGX2 */
	bool has_exinfo;
	unsigned size_bits; /* the largest enclave */
	int device;         /* opening /dev/sgx_enclave: 0 or an errno */
};

void dj_sgx_here_look(struct dj_sgx_here *ret);

/* True: a Keep could run here. text: what is there or lacks; hint: what would
 * help, or nothing. */
bool dj_sgx_here_explain(const struct dj_sgx_here *h, char *text,
	size_t text_cap, char *hint, size_t hint_cap);
