// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "attest/policy.h"
#include "cli/cli.h"
#include "cli/verbs.h"
#include "client/json.h"
#include "client/measure.h"
#include "client/settings.h"
#include "client/snp_id_file.h"

static void hex(const uint8_t *p, size_t len, char *dst)
{
	for (size_t i = 0; i < len; i++)
		(void)snprintf(dst + 2 * i, 3, "%02x", p[i]);
}

/* What a policy can ask for, in its own words. */
static void say_id(const struct dj_snp_id_file *f)
{
	char text[97];

	hex(f->id_key, 48, text);
	dj_cli_print("  id-key = [\"%s\"]\n", text);
	if (f->has_author) {
		hex(f->author_key, 48, text);
		dj_cli_print("  author-key = [\"%s\"]\n", text);
	}
	hex(f->id.family_id, 16, text);
	dj_cli_print("  family-id = [\"%s\"]\n", text);
	hex(f->id.image_id, 16, text);
	dj_cli_print("  image-id = [\"%s\"]\n", text);
	dj_cli_print("  min-guest-svn = %u\n", f->id.guest_svn);
	dj_cli_print("  # guest policy 0x%llx\n",
		(unsigned long long)f->id.policy);
}

static json_t *id_json(const struct dj_snp_id_file *f)
{
	char key[97], author[97], family[33], image[33];

	hex(f->id_key, 48, key);
	hex(f->author_key, 48, author);
	hex(f->id.family_id, 16, family);
	hex(f->id.image_id, 16, image);
	return json_pack("{s:s,s:o,s:s,s:s,s:I,s:I}", "id_key", key,
		"author_key", f->has_author ? json_string(author) : json_null(),
		"family_id", family, "image_id", image, "guest_svn",
		(json_int_t)f->id.guest_svn, "policy",
		(json_int_t)f->id.policy);
}

static int say(const struct dj_cli *cli, const char *tee,
	const struct dj_measured *m, const struct dj_snp_id_file *id)
{
	char text[97];
	json_t *o, *list;

	hex(m->digest, m->len, text);
	if (!cli->json) {
		dj_cli_print("%s %s %s\n", tee, m->name, text);
		if (cli->verbose > 0)
			dj_cli_print("  %s, %zu pages\n", m->path, m->pages);
		if (id != NULL)
			say_id(id);
		return dj_cli_end(cli, 0);
	}
	o = json_object();
	(void)json_object_set_new(o, "schema", json_string("donjon.measure/1"));
	(void)json_object_set_new(o, "version", json_string(DJ_VERSION));
	list = json_array();
	(void)json_array_append_new(list,
		json_pack("{s:s,s:s,s:o,s:I}", "tee", tee, m->name, text,
			"image", dj_json_name(m->path), "pages",
			(json_int_t)m->pages));
	(void)json_object_set_new(o, "measurements", list);
	if (id != NULL)
		(void)json_object_set_new(o, "id_block", id_json(id));
	return dj_cli_json(cli, o, 0);
}

static int run(struct dj_cli *cli)
{
	const char *tee = dj_cli_value(cli, "tee");
	const char *block = dj_cli_value(cli, "id-block");
	const char *auth = dj_cli_value(cli, "id-auth");
	struct dj_snp_id_file id;
	struct dj_measured m;
	struct dj_err err = { 0 };
	uint64_t sgx1 = 0;
	uint8_t number;

	if (tee == NULL)
		tee = dj_tee_name(DJ_TEE_PROCESS);
	number = dj_tee_number(tee);
	if (number == 0)
		return dj_cli_failf(cli, "tee.unknown",
			"--tee: there is no TEE of that name; this build has: "
			"process, kvm, snp, sgx");
	if ((block == NULL) != (auth == NULL) ||
		(block != NULL && number != DJ_TEE_SNP))
		return dj_cli_failf(cli, "usage.option",
			"--id-block and --id-auth go together, with --tee snp");
	if (dj_cli_has(cli, "sgx1") &&
		!dj_size_parse(dj_cli_value(cli, "sgx1"), &sgx1))
		return dj_cli_failf(cli, "usage.value",
			"--sgx1: expected a size, as 256MiB");
	if (!dj_measure(number, dj_cli_value(cli, "image"), sgx1, &m, &err) ||
		(block != NULL &&
			!dj_snp_id_read(block, auth, m.digest, &id, &err)))
		return dj_cli_fail(cli, &err);
	return say(cli, tee, &m, block == NULL ? NULL : &id);
}

static const struct dj_option options[] = {
	{ "tee", 0, "TEE",
		"of the Keep image for this TEE: process (default), kvm, snp, sgx" },
	{ "sgx1", 0, "SIZE",
		"of a Keep with this memory on a processor without SGX2" },
	{ "image", 0, "FILE", "of this image, not the installed one" },
	{ "id-block", 0, "FILE",
		"an SEV-SNP ID block: is it of this image, and what a policy can ask" },
	{ "id-auth", 0, "FILE", "its ID authentication" },
	{ 0 },
};

const struct dj_verb dj_verb_measure = {
	.name = "measure",
	.group = DJ_GROUP_TRUST,
	.operands = "",
	.summary = "what a Keep's measurement must be, computed here",
	.options = options,
	.run = run,
};
