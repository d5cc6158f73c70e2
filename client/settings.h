// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/errors.h"

/*
 * What was configured, and where. A later source replaces an earlier one,
 * value by value:
 *
 *   built in, /etc/donjon/config.toml, $XDG_CONFIG_HOME/donjon/config.toml,
 *   ./Donjon.toml (or ./Enarx.toml, or --config FILE in their place),
 *   DONJON_* variables, options
 *
 * Files are Donjon.toml as docs/man/donjon.1.scd has it; Enarx.toml's top
 * level args, env and files are taken too. Paths in a file are meant from
 * that file's folder. Unknown keys are errors.
 */
enum dj_setting {
	DJ_SET_MODULE,
	DJ_SET_ARGS, /* list */
	DJ_SET_ENV,  /* list of NAME=value */
	DJ_SET_SHA256,
	DJ_SET_TEE,    /* list */
	DJ_SET_MEMORY, /* as written; dj_size_parse() */
	DJ_SET_TIME,   /* as written; dj_time_parse() */
	DJ_SET_ENGINE,
	DJ_SET_CLOCK,
	DJ_SET_OWNER,
	DJ_SET_HOST, /* list of URLs */
	DJ_SET_CA,
	DJ_SET_CERT,
	DJ_SET_KEY,
	DJ_SET_TOKEN_FILE,
	DJ_SET_POLICY,
	DJ_SET_STREAMS_IN,
	DJ_SET_STREAMS_OUT,
	DJ_SET_STDIN, /* "stdin" or "null", and so on */
	DJ_SET_STDOUT,
	DJ_SET_STDERR,
	DJ_SET_COUNT
};

struct dj_setting_value {
	char **items; /* owned; NULL-ended */
	size_t count;
	char origin[256]; /* "./Donjon.toml:5", "DONJON_HOST", "--host" */
};

struct dj_settings {
	struct dj_setting_value v[DJ_SET_COUNT];
};

/* "program.module" and so on. */
const char *dj_setting_key(enum dj_setting which);
/* Is it a list? */
bool dj_setting_is_list(enum dj_setting which);
/* Its environment variable, or NULL. */
const char *dj_setting_variable(enum dj_setting which);

/* The last item, NULL if it is not set. */
const char *dj_settings_get(const struct dj_settings *s, enum dj_setting which);

/*
 * All sources but options. file: of --config, or NULL. config.read,
 * config.syntax, config.key, config.value, config.steward. Release with
 * dj_settings_done() in any case.
 */
DJ_NODISCARD bool dj_settings_load(struct dj_settings *s, const char *file,
	struct dj_err *err);
void dj_settings_done(struct dj_settings *s);

/* One file's text, for tests; name is its path. */
DJ_NODISCARD bool dj_settings_read(struct dj_settings *s, const char *text,
	size_t len, const char *name, struct dj_err *err);

/* Replaces a value by one item, or with append adds one. */
DJ_NODISCARD bool dj_settings_set(struct dj_settings *s, enum dj_setting which,
	const char *item, const char *origin, bool append, struct dj_err *err);

/*
 * "256MiB", "1GiB", "512KiB", "4096": bytes; "10min", "30s", "500ms", "2h",
 * "45": milliseconds, plain numbers being seconds. False for anything else
 * and for 0.
 */
bool dj_size_parse(const char *text, uint64_t *ret_bytes);
bool dj_time_parse(const char *text, uint64_t *ret_ms);

/*
 * A time policy: "host", "counting", "client", or "fixed:" and seconds since
 * 1970 or a time such as 2026-01-31T12:00:00Z.
 */
bool dj_clock_parse(const char *text, uint8_t *ret_policy, uint64_t *ret_ns);
