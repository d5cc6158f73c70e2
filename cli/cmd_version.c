// SPDX-License-Identifier: Apache-2.0
#include <openssl/crypto.h>

#include "cli/cli.h"
#include "cli/verbs.h"
#include "client/curl.h"

static int run(struct dj_cli *cli)
{
	struct dj_err err = { 0 };
	const struct dj_curl *lib;
	const char *curl;
	json_t *o;

	if (!cli->json && cli->verbose == 0) {
		dj_cli_print("donjon %s\n", DJ_VERSION);
		return dj_cli_end(cli, 0);
	}
	lib = dj_curl_load(&err);
	curl = lib == NULL ? "not installed" : lib->version();
	if (!cli->json) {
		dj_cli_print("donjon %s\n", DJ_VERSION);
		dj_cli_print("session protocol KSP/1\n%s\n%s\n",
			OpenSSL_version(OPENSSL_VERSION), curl);
		return dj_cli_end(cli, 0);
	}
	o = json_object();
	(void)json_object_set_new(o, "schema", json_string("donjon.version/1"));
	(void)json_object_set_new(o, "version", json_string(DJ_VERSION));
	(void)json_object_set_new(o, "protocol", json_string("KSP/1"));
	(void)json_object_set_new(o, "openssl",
		json_string(OpenSSL_version(OPENSSL_VERSION)));
	(void)json_object_set_new(o, "curl", json_string(curl));
	return dj_cli_json(cli, o, 0);
}

const struct dj_verb dj_verb_version = {
	.name = "version",
	.group = DJ_GROUP_MACHINE,
	.operands = "",
	.summary = "the version of donjon and of what it stands on (-v)",
	.run = run,
};
