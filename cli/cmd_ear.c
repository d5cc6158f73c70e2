// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "attest/judge.h"
#include "cli/trust.h"
#include "cli/verbs.h"
#include "client/policy_file.h"
#include "client/record.h"
#include "client/verdict_print.h"
#include "lib/proto/evidence.h"

/*
 * An EAT Attestation Result (draft-ietf-rats-ear) as a JWT (RFC 7519, JWS of
 * RFC 7515): what the judge found, for who trusts this client's key and not
 * its word. Only for evidence that is good now.
 *
 * A Keep without protection is never "affirming": a policy that allows it
 * binds this client, not who reads the token.
 */
static const struct dj_option options[] = {
	{ "sign", 0, "FILE", "P-256 or P-384 private key: ES256, ES384" },
	{ 0 },
};

enum tier {
	TIER_AFFIRMING = 2,
	TIER_UNRECOGNIZED = 97, /* hardware that is none */
};

static bool base64url(char *dst, size_t cap, const void *src, size_t len)
{
	char *end;

	if (cap < len * 4 / 3 + 8)
		return false;
	(void)EVP_EncodeBlock((uint8_t *)dst, src, (int)len);
	end = strchr(dst, '=');
	if (end != NULL)
		*end = '\0';
	for (; *dst != '\0'; dst++) {
		if (*dst == '+')
			*dst = '-';
		else if (*dst == '/')
			*dst = '_';
	}
	return true;
}

static void set_hex(json_t *o, const char *key, const uint8_t *p, size_t len)
{
	char text[129];

	for (size_t i = 0; i < len && i < 64; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", p[i]);
	text[2 * (len < 64 ? len : 64)] = '\0';
	(void)json_object_set_new(o, key, json_string(text));
}

static json_t *claims(const struct dj_verdict *v)
{
	const char *status = v->hardware ? "affirming" : "contraindicated";
	json_t *keep = json_object();
	char tee[64];

	(void)json_object_set_new(keep, "ear.status", json_string(status));
	(void)json_object_set_new(keep, "ear.trustworthiness-vector",
		json_pack("{s:i,s:i,s:i}", "instance-identity", TIER_AFFIRMING,
			"executables", TIER_AFFIRMING, "hardware",
			v->hardware ? TIER_AFFIRMING : TIER_UNRECOGNIZED));
	(void)json_object_set_new(keep, "ear.appraisal-policy-id",
		json_string(v->policy_name));
	set_hex(keep, "donjon.policy-sha256", v->policy_sha256, 32);
	set_hex(keep, "donjon.measurement", v->measurement, v->measurement_len);
	set_hex(keep, "donjon.report-data", v->report_data, 64);
	set_hex(keep, "donjon.evidence-sha256", v->evidence_sha256, 32);
	(void)json_object_set_new(keep, "donjon.tee",
		json_string(dj_verdict_tee(v, tee, sizeof(tee))));
	(void)json_object_set_new(keep, "donjon.protection",
		json_string(v->hardware ? "hardware" : "none"));
	return json_pack("{s:s,s:I,s:{s:s,s:s},s:{s:o}}", "eat_profile",
		"tag:github.com,2023:veraison/ear", "iat", (json_int_t)v->time,
		"ear.verifier-id", "developer", "https://donjon", "build",
		"donjon " DJ_VERSION, "submods", "keep", keep);
}

/* JWS wants r || s, each as long as the group's order. */
static bool raw_signature(EVP_PKEY *key, const EVP_MD *md, size_t half,
	const char *text, uint8_t *dst)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t der[160];
	const unsigned char *p = der;
	size_t len = sizeof(der);
	ECDSA_SIG *sig = NULL;
	bool good = ctx != NULL &&
		EVP_DigestSignInit(ctx, NULL, md, NULL, key) == 1 &&
		EVP_DigestSign(ctx, der, &len, (const uint8_t *)text,
			strlen(text)) == 1;

	if (good)
		sig = d2i_ECDSA_SIG(NULL, &p, (long)len);
	good = sig != NULL &&
		BN_bn2binpad(ECDSA_SIG_get0_r(sig), dst, (int)half) ==
			(int)half &&
		BN_bn2binpad(ECDSA_SIG_get0_s(sig), dst + half, (int)half) ==
			(int)half;
	ECDSA_SIG_free(sig);
	EVP_MD_CTX_free(ctx);
	return good;
}

static bool make_token(EVP_PKEY *key, const struct dj_verdict *v, char *dst,
	size_t cap)
{
	char group[32] = "", *body;
	uint8_t raw[96];
	json_t *o = claims(v);
	size_t len, half;
	bool is_256, good;

	(void)EVP_PKEY_get_group_name(key, group, sizeof(group), NULL);
	is_256 = strcmp(group, "prime256v1") == 0;
	half = is_256 ? 32 : 48;
	body = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	good = body != NULL &&
		base64url(dst, cap,
			is_256 ? "{\"alg\":\"ES256\",\"typ\":\"JWT\"}"
			       : "{\"alg\":\"ES384\",\"typ\":\"JWT\"}",
			27);
	len = good ? strlen(dst) : 0;
	if (good) {
		dst[len++] = '.';
		good = base64url(dst + len, cap - len, body, strlen(body));
	}
	free(body);
	good = good &&
		raw_signature(key, is_256 ? EVP_sha256() : EVP_sha384(), half,
			dst, raw);
	len = good ? strlen(dst) : 0;
	if (good) {
		dst[len++] = '.';
		good = base64url(dst + len, cap - len, raw, 2 * half);
	}
	return good;
}

static int no_passphrase(char *buf, int size, int writing, void *ctx)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)ctx;
	return -1;
}

static EVP_PKEY *load_key(const char *path, struct dj_err *err)
{
	FILE *f = fopen(path, "re");
	EVP_PKEY *key = f == NULL
		? NULL
		: PEM_read_PrivateKey(f, NULL, no_passphrase, NULL);
	char group[32] = "", shown[400];

	dj_clean(shown, sizeof(shown), path, strlen(path));
	if (f == NULL) {
		(void)dj_err_set(err, "owner.key",
			"reading the signing key %s: %s", shown,
			strerror(errno));
		return NULL;
	}
	(void)fclose(f);
	if (key != NULL)
		(void)EVP_PKEY_get_group_name(key, group, sizeof(group), NULL);
	if (strcmp(group, "prime256v1") == 0 || strcmp(group, "secp384r1") == 0)
		return key;
	EVP_PKEY_free(key);
	(void)dj_err_set(err, "owner.key",
		"reading the signing key %s: it is no P-256 or P-384 private key in PEM without a passphrase",
		shown);
	return NULL;
}

static bool judge(const struct dj_cli *cli, const char *file, size_t len,
	struct dj_verdict *v, struct dj_err *err)
{
	static struct dj_policy policy;
	struct dj_bundle b;
	struct dj_judge_input in = { .purpose = DJ_JUDGE_OFFER,
		.policy = &policy,
		.time = time(NULL),
		.config_unknown = true };

	if (dj_bundle_parse((const uint8_t *)file, len, &b) != DJ_OK)
		return dj_err_set(err, "evidence.file",
			"reading evidence: this is not an evidence bundle");
	if (!dj_trust_policy(cli, &policy, err))
		return false;
	in.hello = b.hello.p;
	in.hello_len = b.hello.len;
	in.offer = b.offer.p;
	in.offer_len = b.offer.len;
	in.evidence = b.evidence.p;
	in.evidence_len = b.evidence.len;
	if (dj_judge(&in, v) == DJ_OK && v->good)
		return true;
	return dj_err_set(err, v->error == NULL ? "internal.memory" : v->error,
		"judging the evidence: refused, so nothing was signed");
}

static int run(struct dj_cli *cli)
{
	const char *path = dj_cli_value(cli, "sign");
	struct dj_verdict v = { 0 };
	struct dj_err err = { 0 };
	char token[8192], shown[300], *file = NULL;
	EVP_PKEY *key = NULL;
	size_t len = 0;
	bool good = false;

	if (path == NULL)
		return dj_cli_failf(cli, "usage.option",
			"ear: name a signing key with --sign FILE");
	dj_no_core();
	if (dj_file_read(cli->operands[0], DJ_BUNDLE_MAX, &file, &len) != DJ_OK)
		(void)dj_err_set(&err, "input.file",
			"reading the evidence %s: %s",
			dj_clean(shown, sizeof(shown), cli->operands[0],
				strlen(cli->operands[0])),
			strerror(errno));
	else if (judge(cli, file, len, &v, &err))
		key = load_key(path, &err);
	if (key != NULL)
		good = make_token(key, &v, token, sizeof(token)) ||
			dj_err_set(&err, "internal.library",
				"signing the token: OpenSSL failed");
	EVP_PKEY_free(key);
	dj_verdict_done(&v);
	free(file);
	if (!good)
		return dj_cli_fail(cli, &err);
	if (cli->json)
		return dj_cli_json(cli,
			json_pack("{s:s,s:s}", "schema", "donjon.ear/1", "ear",
				token),
			0);
	dj_cli_print("%s\n", token);
	return dj_cli_end(cli, 0);
}

const struct dj_verb dj_verb_ear = {
	.name = "ear",
	.group = DJ_GROUP_TRUST,
	.operands = "FILE",
	.summary = "turn good evidence into a signed EAR (JWT) for others",
	.options = options,
	.min_operands = 1,
	.max_operands = 1,
	.run = run,
};
