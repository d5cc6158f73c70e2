// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What this machine has of Intel SGX, for doctor: found by looking, explained
 * by pure functions.
 */
struct dj_sgx_here {
	bool is_intel64; /* the processor is of that kind at all */
	bool is_guest;   /* a hypervisor says that it is there */
	bool has_sgx;    /* CPUID 7: in the processor, not hidden */
	bool has_flc;    /* launch control, without which Linux has no driver */
	bool has_edmm;   /* SGX2 */
	bool has_exinfo;
	bool is_off;        /* the kernel does not list it: off in firmware */
	unsigned size_bits; /* the largest enclave */
	uint64_t epc;       /* enclave memory of all nodes; 0: not known */
	unsigned kernel[2]; /* version; 0.0: not known */
	int device;         /* opening /dev/sgx_enclave: 0 or an errno */
	char group[32];     /* whose it is; "" if it is not there */
	bool is_noexec;     /* /dev is mounted so: no enclave can have code */
	int provision;      /* /dev/sgx_provision, aesmd's: 0 or an errno */
	char provisioners[32]; /* its group */
	int aesmd;             /* connecting to its socket: 0 or an errno */
};

/* root: "", or for tests a folder in the place of /, whose file `cpuid` has
 * the processor's answers: lines of six hexadecimal numbers, leaf, subleaf,
 * EAX, EBX, ECX, EDX. */
void dj_sgx_here_look(const char *root, struct dj_sgx_here *ret);

/* True: a Keep could run here. text: what is there or lacks; hint: what would
 * help, or nothing. */
bool dj_sgx_here_explain(const struct dj_sgx_here *h, char *text,
	size_t text_cap, char *hint, size_t hint_cap);

/* Part by part, where the processor has SGX; none otherwise. */
struct dj_sgx_line {
	const char *name;
	bool good;
	char text[200];
};
#define DJ_SGX_LINES_MAX 6
size_t dj_sgx_here_lines(const struct dj_sgx_here *h,
	struct dj_sgx_line ret[static DJ_SGX_LINES_MAX]);
