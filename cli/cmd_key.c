// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/common.h"
#include "cli/verbs.h"
#include "client/owner.h"
#include "client/record.h"

static const struct dj_option options[] = {
	{ "make", 0, NULL, "make a new key; FILE must not be there" },
	{ "public", 0, "FILE", "write the public half too, PEM" },
	{ 0 },
};

static bool make(const char *path, struct dj_err *err)
{
	char shown[400];
	EVP_PKEY *key = NULL;
	FILE *f = NULL;
	bool good = false;
	int fd;

	dj_clean(shown, sizeof(shown), path, strlen(path));
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return dj_err_set(err, "file.create", "making %s: %s", shown,
			strerror(errno));
	key = EVP_EC_gen("P-256");
	f = fdopen(fd, "w");
	if (f == NULL)
		close(fd);
	good = key != NULL && f != NULL &&
		PEM_write_PKCS8PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) ==
			1 &&
		fflush(f) == 0 && fsync(fd) == 0;
	if (f != NULL && fclose(f) != 0)
		good = false;
	EVP_PKEY_free(key);
	if (!good)
		(void)unlink(path);
	return good ||
		dj_err_set(err, "file.create", "writing %s: %s", shown,
			strerror(errno));
}

static bool write_public(EVP_PKEY *key, const char *path, struct dj_err *err)
{
	char *text = NULL, shown[400];
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	bool good = f != NULL && PEM_write_PUBKEY(f, key) == 1;

	if (f != NULL && fclose(f) != 0)
		good = false;
	good = good && dj_cli_write_new(path, text, len);
	free(text);
	return good ||
		dj_err_set(err, "file.create", "writing %s: %s",
			dj_clean(shown, sizeof(shown), path, strlen(path)),
			strerror(errno));
}

static int say(const struct dj_cli *cli, EVP_PKEY *key, struct dj_err *err)
{
	uint8_t hash[32], point[65];
	char hex[65], pub[131];
	size_t len = 0;

	if (!dj_owner_hash(key, hash, err) ||
		EVP_PKEY_get_octet_string_param(key, "encoded-pub-key", point,
			sizeof(point), &len) != 1)
		return dj_cli_fail(cli, err);
	for (size_t i = 0; i < sizeof(hash); i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", hash[i]);
	for (size_t i = 0; i < len; i++)
		(void)snprintf(pub + 2 * i, 3, "%02x", point[i]);
	if (cli->json)
		return dj_cli_json(cli,
			json_pack("{s:s,s:s,s:s}", "schema", "donjon.key/1",
				"owner", hex, "public", pub),
			0);
	dj_cli_print("owner   %s\npublic  %s\n", hex, pub);
	return dj_cli_end(cli, 0);
}

static int run(struct dj_cli *cli)
{
	const char *path = cli->operands[0];
	const char *pub = dj_cli_value(cli, "public");
	struct dj_err err = { 0 };
	EVP_PKEY *key;
	int status;

	dj_no_core();
	if (dj_cli_has(cli, "make") && !make(path, &err))
		return dj_cli_fail(cli, &err);
	key = dj_owner_load(path, &err);
	if (key == NULL)
		return dj_cli_fail(cli, &err);
	if (pub != NULL && !write_public(key, pub, &err)) {
		/* Nobody knows it yet: the same command can be typed again. */
		if (dj_cli_has(cli, "make"))
			(void)unlink(path);
		status = dj_cli_fail(cli, &err);
	} else {
		status = say(cli, key, &err);
	}
	EVP_PKEY_free(key);
	return status;
}

const struct dj_verb dj_verb_key = {
	.name = "key",
	.group = DJ_GROUP_TRUST,
	.operands = "FILE",
	.summary = "make or show an owner key; its private half is never shown",
	.options = options,
	.min_operands = 1,
	.max_operands = 1,
	.run = run,
};
