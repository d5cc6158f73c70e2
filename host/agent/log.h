// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>

/*
 * One line an event on stderr: a stable event name and pairs of key and
 * value, all strings, ended by NULL:
 *
 *   dj_log(DJ_LOG_INFO, "keep.started", "keep", k->id, "tee", "snp", NULL);
 *
 * Text: `donjond: keep.started keep=k-1 tee=snp`, with `<N>` before it under
 * systemd; json: one object a line. Values are escaped, so a stranger's text
 * cannot make lines. No byte of a tenant's comes here: callers log names,
 * counts and codes, never payloads.
 */
enum dj_log_level {
	DJ_LOG_ERROR = 3,
	DJ_LOG_WARN = 4,
	DJ_LOG_INFO = 6,
	DJ_LOG_DEBUG = 7,
};

/* Shows levels up to max. */
void dj_log_init(bool json, enum dj_log_level max);
__attribute__((sentinel)) void dj_log(enum dj_log_level level,
	const char *event, ...);

/* A number for a value; the text lives until the eighth call after it. */
const char *dj_log_num(unsigned long long v);
