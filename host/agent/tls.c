// SPDX-License-Identifier: Apache-2.0
#include "host/agent/tls.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static dj_status fail(char err[static 256], const char *what, const char *path)
{
	unsigned long e = ERR_peek_last_error();
	const char *why = ERR_reason_error_string(e);

	snprintf(err, 256, "%s %.120s: %.80s", what, path,
		why == NULL ? strerror(errno) : why);
	ERR_clear_error();
	return DJ_E_SYS;
}

dj_status dj_tls_new(const char *cert, const char *key, const char *ca,
	bool cert_optional, SSL_CTX **ret, char err[static 256])
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	int mode = SSL_VERIFY_PEER;
	dj_status st;

	if (ctx == NULL ||
		SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1) {
		SSL_CTX_free(ctx);
		return fail(err, "TLS", "1.3");
	}
	/* No resumption: every connection shows its certificate. */
	SSL_CTX_set_num_tickets(ctx, 0);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	st = DJ_OK;
	if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1)
		st = fail(err, "certificate", cert);
	else if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
		st = fail(err, "private key", key);
	else if (ca != NULL &&
		SSL_CTX_load_verify_locations(ctx, ca, NULL) != 1)
		st = fail(err, "client CA", ca);
	if (st != DJ_OK) {
		SSL_CTX_free(ctx);
		return st;
	}
	if (ca != NULL) {
		if (!cert_optional)
			mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
		SSL_CTX_set_verify(ctx, mode, NULL);
		SSL_CTX_set_client_CA_list(ctx, SSL_load_client_CA_file(ca));
	}
	*ret = ctx;
	return DJ_OK;
}

void dj_tls_caller(SSL *ssl, char *dst, size_t cap)
{
	X509 *cert = SSL_get1_peer_certificate(ssl);
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long n;

	dst[0] = '\0';
	if (cert != NULL && bio != NULL &&
		SSL_get_verify_result(ssl) == X509_V_OK &&
		X509_NAME_print_ex(bio, X509_get_subject_name(cert), 0,
			XN_FLAG_RFC2253) >= 0) {
		n = BIO_get_mem_data(bio, &text);
		/* A subject that does not fit would stand for others too. */
		if (n > 0 && (size_t)n + 6 <= cap)
			snprintf(dst, cap, "cert:%.*s", (int)n, text);
	}
	BIO_free(bio);
	X509_free(cert);
}

#define TOKENS_MAX 256

struct dj_tokens {
	size_t count;
	struct {
		char id[64];
		uint8_t digest[32];
	} t[TOKENS_MAX];
};

static bool digest(const char *token, uint8_t ret[static 32])
{
	return EVP_Digest(token, strlen(token), ret, NULL, EVP_sha256(),
		       NULL) == 1;
}

static bool is_visible(const char *s)
{
	for (; *s != '\0'; s++)
		if (*s <= ' ' || *s > '~')
			return false;
	return true;
}

static dj_status add(struct dj_tokens *t, char *line)
{
	char *save;
	char *id = strtok_r(line, " \t\n", &save);
	char *token = strtok_r(NULL, " \t\n", &save);

	if (id == NULL || id[0] == '#')
		return DJ_OK;
	if (token == NULL || strtok_r(NULL, " \t\n", &save) != NULL ||
		strlen(id) >= sizeof(t->t[0].id) || strlen(token) < 16 ||
		strlen(token) > 256 || !is_visible(id) || !is_visible(token) ||
		t->count == TOKENS_MAX)
		return DJ_E_INPUT;
	memcpy(t->t[t->count].id, id, strlen(id) + 1);
	if (!digest(token, t->t[t->count].digest))
		return DJ_E_SYS;
	t->count++;
	return DJ_OK;
}

dj_status dj_tokens_load(const char *path, struct dj_tokens **ret,
	char err[static 256])
{
	struct dj_tokens *t = calloc(1, sizeof(*t));
	FILE *f = fopen(path, "re");
	char line[512];
	unsigned n = 0;
	dj_status st = DJ_OK;

	if (t == NULL || f == NULL) {
		snprintf(err, 256, "token file %.120s: %s", path,
			strerror(errno));
		st = DJ_E_SYS;
	}
	while (st == DJ_OK && fgets(line, sizeof(line), f) != NULL) {
		n++;
		st = add(t, line);
		if (st != DJ_OK)
			snprintf(err, 256,
				"token file %.120s: line %u is not ID TOKEN (16 to 256 characters)",
				path, n);
	}
	OPENSSL_cleanse(line, sizeof(line));
	if (f != NULL)
		(void)fclose(f);
	if (st == DJ_OK && t->count == 0) {
		snprintf(err, 256, "token file %.120s: no token", path);
		st = DJ_E_INPUT;
	}
	if (st != DJ_OK) {
		free(t);
		return st;
	}
	*ret = t;
	return DJ_OK;
}

const char *dj_tokens_find(const struct dj_tokens *t, const char *token)
{
	const char *found = NULL;
	uint8_t d[32];

	if (t == NULL || !digest(token, d))
		return NULL;
	for (size_t i = 0; i < t->count; i++)
		if (CRYPTO_memcmp(d, t->t[i].digest, sizeof(d)) == 0)
			found = t->t[i].id;
	return found;
}

void dj_tokens_free(struct dj_tokens *t)
{
	free(t);
}
