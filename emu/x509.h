// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What certificates of development roots are made with. False: no memory. */

/* An extension as OpenSSL's configuration files write it. */
bool dj_emu_x509_extend(X509 *cert, X509 *issuer, int nid, const char *value);
/* One of bytes, not critical. */
bool dj_emu_x509_extend_raw(X509 *cert, const char *oid, const uint8_t *p,
	size_t len);
/* Adds "O" or "CN" and so on. */
bool dj_emu_x509_name(X509_NAME *name, const char *field, const char *value);
/* 127 random bits: positive, and never zero. */
bool dj_emu_x509_serial(X509 *cert);
