// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/base/status.h"

/*
 * TLS 1.3 towards clients on TCP. It keeps strangers from the host; between
 * tenant and Keep it is not trusted with anything (session.md 1).
 *
 * ca NULL: no client certificates. cert_optional: a client without one may
 * come in and be judged by its token. DJ_E_SYS: a file does not do; err says
 * which. The caller owns *ret (SSL_CTX_free).
 */
dj_status dj_tls_new(const char *cert, const char *key, const char *ca,
	bool cert_optional, SSL_CTX **ret, char err[static 256]);

/* "cert:" and the subject (RFC 2253), or "" without a certificate. */
void dj_tls_caller(SSL *ssl, char *dst, size_t cap);

/*
 * Bearer tokens: a file of lines "ID TOKEN", # comments. IDs are names in
 * logs, tokens are 16 to 256 visible characters.
 */
struct dj_tokens;
dj_status dj_tokens_load(const char *path, struct dj_tokens **ret,
	char err[static 256]);
/* The ID of token, or NULL; takes the same time whichever it is. */
const char *dj_tokens_find(const struct dj_tokens *t, const char *token);
void dj_tokens_free(struct dj_tokens *t);
