// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/base/status.h"

/* donjond's command line (donjond(8)); strings are borrowed from argv. */
struct dj_options {
	const char *socket;
	const char *listen; /* ADDR:PORT */
	const char *tls_cert;
	const char *tls_key;
	const char *client_ca;
	const char *token_file;
	int private_fd;        /* -1: none */
	const char *image_dir; /* NULL: look beside the program */
	const char *launcher;
	const char *emulator;
	const char *emulation; /* NULL: no emulated TEE */
	const char *snp;       /* NULL: no certificates, no ID block */
	const char *sgx;       /* NULL: no collateral */
	const char *state_dir;
	const char *trace_frames;
	const char *cgroup;    /* NULL: none */
	const char *adversary; /* SEED or a plan; NULL: none */
	uint32_t max_keeps;
	uint32_t max_caller_keeps;  /* 0: max_keeps is the only limit */
	uint64_t memory;            /* of all Keeps; see has_memory */
	uint64_t max_caller_memory; /* 0: memory is the only limit */
	bool has_memory;            /* false: what the machine has */
	uint32_t max_ttl;           /* 0: a Keep may stay for ever */
	uint32_t max_waiting;       /* connections without a request */
	uint32_t max_rate;          /* requests a second, of one caller */
	bool log_json;
	int verbose;
	bool want_help;
	bool want_version;
};

#define DJ_MAX_KEEPS_DEFAULT   64
#define DJ_MAX_KEEPS_LIMIT     4096
#define DJ_MAX_WAITING_DEFAULT 256
#define DJ_MAX_RATE_DEFAULT    2000

/*
 * DJ_E_INPUT: the text in err (one line, without newline) says what is wrong
 * and, for an unknown option, which one may have been meant.
 */
dj_status dj_options_parse(int argc, char **argv, struct dj_options *ret,
	char err[static 256]);
void dj_options_help(FILE *to);

/*
 * The name in names (ended by NULL) nearest to word, or NULL if none is near:
 * at most a third of it wrong.
 */
const char *dj_near_name(const char *word, const char *const *names);
