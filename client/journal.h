// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "client/record.h"
#include "client/seen.h"

/*
 * What this client itself knows of a Keep's life, a line of JSON each in the
 * file `events` of its folder: donjon.event/1 with "source":"client" and no
 * id. A host can neither know nor forge these: claimed, attached, running,
 * attested, detached, exited, released.
 *
 * The journal is for people. It is not durable, and a full disk costs its
 * lines and nothing else: the ticket and the result are what must be there.
 */
#define DJ_JOURNAL_MAX ((size_t)1 << 20)

/* keep: the host's name for it. detail may be NULL; the reference is taken. */
void dj_journal_add(const struct dj_record *r, const char *keep,
	const char *event, json_t *detail);

/*
 * Appends what could be seen of an attach (client/seen.h) to the file
 * `traffic`, a line each, with the same promise.
 */
void dj_journal_seen(const struct dj_record *r, const struct dj_seen *s);

/*
 * The lines from byte *at on, which moves behind them: an array, to be
 * released. Half a line and lines that are none are left out.
 */
json_t *dj_journal_read(const struct dj_record *r, uint64_t *at);
/* All lines of `traffic` likewise. */
json_t *dj_journal_traffic(const struct dj_record *r);
