// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>

#include "attest/toml.h"

/*
 * The values of TOML that are a bare word: integers, floats, booleans, dates
 * and times. Sets type, and integer, number or boolean, of *ret, for a word
 * of len bytes with a NUL after them.
 *
 * Returns NULL, or what is wrong with the word. For a date or time the caller
 * keeps the text.
 */
const char *dj_toml_number(const char *word, size_t len,
	struct dj_toml_value *ret);

/* May this byte be part of such a word? */
bool dj_toml_is_word(char c);
