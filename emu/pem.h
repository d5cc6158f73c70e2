// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * The DER of a PEM file with one EC PRIVATE KEY, which must be want bytes.
 * NULL, or what is wrong; dst may then have part of it, for the caller to
 * wipe.
 */
const char *dj_emu_pem_key(const char *pem, size_t len, uint8_t *dst,
	size_t want);
