// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/errors.h"
#include "lib/proto/knc.h"

/*
 * Native code of a module, as KNC1 (lib/proto/knc.h), made by the
 * program donjon-aot: a process of its own, so that this one stays small and
 * a compiler's fault is not ours. Its interface: --id says what it is; the
 * module is its standard input, -o the image, --progress-fd gets lines
 * "DONE TOTAL".
 *
 * What was made is kept in $XDG_CACHE_HOME/donjon/native, a file a key, which
 * is a digest over the module, the compiler's id and file, and all options.
 * A file ends in its own SHA-256 and is made anew if that does not hold. The
 * folder has at most DONJON_NATIVE_CACHE bytes (default 1GiB; 0: nothing is
 * kept): what was used longest ago goes first.
 */
#define DJ_NATIVE_BY_SIZE UINT8_MAX
#define DJ_NATIVE_LARGE   ((size_t)8 << 20)

struct dj_native_want {
	uint8_t isa, bounds, cpu_level; /* as in an OFFER */
	/*
	 * 0 to 3, or DJ_NATIVE_BY_SIZE: 2, and 0 for a module of more than
	 * DJ_NATIVE_LARGE bytes, which would take many minutes.
	 */
	uint8_t optimise;
	unsigned threads; /* 0: as many as processors */
	bool no_cache;
	/* Called as parts are done; may be NULL. */
	void (*progress)(void *ctx, uint64_t done, uint64_t total);
	void *ctx;
};

struct dj_native_made {
	uint8_t *bytes; /* KNC1, owned; read-only if it is mapped */
	size_t len;
	size_t mapped;    /* bytes begins a mapping of so many; 0: malloc()ed */
	uint8_t hash[32]; /* of all of it: H(module) */
	struct dj_knc packed;
	bool is_cached; /* was there before */
	int64_t ms;
};

/* native.compiler, native.failed, internal.memory. name is for messages. */
DJ_NODISCARD bool dj_native_make(const char *name, const uint8_t *wasm,
	size_t len, const struct dj_native_want *want,
	struct dj_native_made *ret, struct dj_err *err);
void dj_native_done(struct dj_native_made *m);

/* The cache loses all it has; returns false if there is something left. */
bool dj_native_cache_clear(void);

/* Does it begin as KNC1? */
bool dj_native_is(const uint8_t *bytes, size_t len);
/* Parses and compares both digests; false: *ret_why, constant, says why. */
bool dj_native_open(const uint8_t *bytes, size_t len, struct dj_knc *ret,
	const char **ret_why);
/*
 * Does it fit what an OFFER says of its Keep? native.unfit. p NULL: would
 * any native code?
 */
struct dj_offer_info;
DJ_NODISCARD bool dj_native_fits(const struct dj_knc *p,
	const struct dj_offer_info *info, struct dj_err *err);
