// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/errors.h"
#include "client/job.h"

/*
 * A program made ready to be sent: the module's bytes, BEGIN's body
 * (session.md 6.4), the folders it may read.
 */
#define DJ_MODULE_MAX ((size_t)1 << 30)

struct dj_program_options {
	const char *module; /* path, "-": standard input */
	const char *sha256; /* hex, or NULL */
	const char *argv0;  /* NULL: the module's file name */
	const char *const *args;
	size_t arg_count;
	const char *const *env; /* NAME=value; a later one replaces */
	size_t env_count;
	const char *const *env_files; /* before env */
	size_t env_file_count;
	const char *const *dirs; /* HOST::GUEST or HOST::GUEST:ro */
	size_t dir_count;
	bool no_tmp; /* else there is an empty /tmp in memory */
	const char *const *streams_in; /* NAME=FILE */
	size_t stream_in_count;
	const char *const *streams_out;
	size_t stream_out_count;
	uint64_t fuel;    /* 0: no limit */
	uint64_t time_ms; /* 0: no limit */
};

struct dj_program {
	uint8_t *module; /* Wasm, or KNC1 if is_native */
	bool is_native;
	size_t module_len;
	size_t module_mapped; /* as of struct dj_native_made */
	uint8_t module_hash[32];
	uint8_t *begin;
	size_t begin_len;
	struct dj_tar *trees[DJ_TREES_MAX];
	size_t tree_count;
	char *returned[DJ_TREES_MAX]; /* folders whose changes come back */
	size_t returned_count;
	int returned_fd;                     /* where they are gathered; -1 */
	struct dj_named named[DJ_NAMED_MAX]; /* their descriptors are owned */
	size_t named_count;
};

/*
 * module.*, input.file, output.write, dir.*, usage.value. Release with dj_program_done() in
 * any case.
 */
DJ_NODISCARD bool dj_program_load(struct dj_program *p,
	const struct dj_program_options *o, struct dj_err *err);
void dj_program_done(struct dj_program *p);

/*
 * What is sent becomes native code of the module: takes m's bytes, as
 * dj_native_make() made them.
 */
struct dj_native_made;
void dj_program_replace(struct dj_program *p, const struct dj_native_made *m);

/* Copies what a job needs; the program must outlive it. */
void dj_program_job(const struct dj_program *p, struct dj_job *ret);
