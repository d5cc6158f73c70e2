// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>

#include "attest/toml.h"
#include "lib/base/status.h"

/*
 * Did you mean: the word of known (NULL at the end) nearest to word, by
 * insertions, deletions, substitutions and swaps of neighbours, case ignored;
 * NULL if none is near (more than a third of the word's length away, at least
 * 1). Of equally near ones the first. Words over 64 bytes have no neighbour.
 */
const char *dj_suggest(const char *word, const char *const *known);

/*
 * Is every key of the table one of known (NULL at the end)? If not, DJ_E_INPUT
 * and err names the first unknown one with its place, `where` ("[keep]") and
 * the nearest known key.
 */
dj_status dj_toml_check_keys(const struct dj_toml_value *table,
	const char *where, const char *const *known, struct dj_toml_error *err);
