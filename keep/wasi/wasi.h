// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keep/engine/engine.h"
#include "keep/vfs/changes.h"
#include "lib/base/arena.h"
#include "lib/base/status.h"

/*
 * WASI preview 1 for one program run, over keep/vfs and keep/stream.h.
 *
 *   dj_wasi_new(arena, &config, &w);
 *   dj_wasi_set_store(w, store);
 *   dj_instance_new(store, module, dj_wasi_resolve, w, ...);
 *   trap = dj_call(... "_start" ...);
 *   DJ_TRAP_EXIT: dj_wasi_exit_code(w); a return from _start is exit 0.
 *
 * Every function of wasi_snapshot_preview1 and of wasi_unstable (preview 0)
 * resolves. What the Keep does not have answers so: proc_raise ENOSYS, the
 * sock_ functions ENOTSOCK. No call traps the Keep, whatever its arguments:
 * pointers outside linear memory are EFAULT, and nothing has happened then.
 *
 * Rights are those of the specification: a descriptor has what it was opened
 * with, never more than its directory passes on, and a call without its
 * right is ENOTCAPABLE. Preopens have all that apply to a directory; a
 * read-only tree answers EROFS.
 */
struct dj_wasi;

struct dj_wasi_text { /* not terminated; no NUL inside */
	const char *p;
	uint32_t len;
};

enum dj_wasi_preopen_kind {  /* session.md 6.4, item 3 */
	DJ_WASI_PACKED = 1,  /* read-only tree from a tar */
	DJ_WASI_MEMORY = 2,  /* empty writable tree in memory */
	DJ_WASI_OVERLAY = 3, /* packed tree, writable: changes stay here */
};

struct dj_wasi_preopen {
	enum dj_wasi_preopen_kind kind;
	struct dj_wasi_text path; /* guest path, "/data" */
	const uint8_t *tar;       /* borrowed for the run; NULL for MEMORY */
	size_t tar_len;
	bool is_returned; /* dj_wasi_return() tells what changed */
};

/*
 * A stream of the session with a name (session.md 6.4, item 4): the file of
 * that name in the folder DJ_WASI_STREAMS, a preopen behind all others, which
 * is there only if there are such streams. All who open it share it.
 */
#define DJ_WASI_STREAMS "/stream"

struct dj_wasi_stream {
	struct dj_wasi_text name;
	uint8_t number;
	bool is_in, is_out; /* may be read, written by the program */
};

/* Why dj_wasi_new refused a tree, for a message to the tenant. */
struct dj_wasi_error {
	size_t preopen;   /* which of the preopens */
	const char *what; /* "bad checksum"; constant text */
	char name[64];    /* of the member, cut; not clean for a terminal */
};

struct dj_wasi_config {
	const struct dj_wasi_text *args; /* args[0] is the program's name */
	size_t arg_count;
	const struct dj_wasi_text *env; /* NAME=value */
	size_t env_count;
	const struct dj_wasi_preopen *preopens; /* descriptors 3, 4, ... */
	size_t preopen_count;
	const struct dj_wasi_stream *streams;
	size_t stream_count;
	uint32_t max_open_files; /* 0: 1024; 65,536 is the most */
	/*
	 * What programs put into writable trees lives in one range of
	 * max_file_bytes, reserved by dj_wasi_new and committed as it fills,
	 * so that it counts against the Keep's memory; no more: ENOSPC.
	 */
	struct dj_mem_ops mem;
	uint64_t max_file_bytes;     /* in all writable trees together */
	struct dj_wasi_error *error; /* filled in on failure; may be NULL */
};

/*
 * All strings and tars are borrowed and outlive the run; arrays too. DJ_E_INPUT:
 * a tar that does not parse or names a member outside its tree, a string with
 * NUL, a preopen of no known kind; DJ_E_UNSUPPORTED: a member that is neither
 * file, folder nor symbolic link; DJ_E_LIMIT: names too long, more preopens
 * than open files; DJ_E_NOMEM. Also DJ_E_INPUT: a stream's name that no file
 * can have.
 */
dj_status dj_wasi_new(struct dj_arena *arena,
	const struct dj_wasi_config *config, struct dj_wasi **ret);

/* A dj_resolve_fn; ctx is the dj_wasi. store is where functions are made. */
void dj_wasi_set_store(struct dj_wasi *w, struct dj_store *store);
dj_status dj_wasi_resolve(void *ctx, const struct dj_wasm_import *import,
	struct dj_extern *ret);

/*
 * After the run: what the program changed in the preopens that are returned,
 * numbered from 0 in their order, as an archive (keep/vfs/changes.h) of at
 * most max bytes. DJ_E_LIMIT sets *ret_what; or what put said.
 */
bool dj_wasi_returns(const struct dj_wasi *w);
dj_status dj_wasi_return(struct dj_wasi *w, dj_vfs_put *put, void *ctx,
	uint64_t max, const char **ret_what);

uint32_t dj_wasi_exit_code(const struct dj_wasi *w);
/* Gives back what mem.reserve gave. */
void dj_wasi_done(struct dj_wasi *w);
