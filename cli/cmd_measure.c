// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "attest/policy.h"
#include "cli/trust.h"
#include "cli/verbs.h"
#include "client/json.h"
#include "client/measure.h"
#include "client/settings.h"
#include "client/snp_id_file.h"
#include "client/tees.h"

/* What a policy can ask for, in its own words. */
static void say_id(const struct dj_snp_id_file *f)
{
	char text[97];

	dj_trust_hex(f->id_key, 48, text);
	dj_cli_print("  id-key = [\"%s\"]\n", text);
	if (f->has_author) {
		dj_trust_hex(f->author_key, 48, text);
		dj_cli_print("  author-key = [\"%s\"]\n", text);
	}
	dj_trust_hex(f->id.family_id, 16, text);
	dj_cli_print("  family-id = [\"%s\"]\n", text);
	dj_trust_hex(f->id.image_id, 16, text);
	dj_cli_print("  image-id = [\"%s\"]\n", text);
	dj_cli_print("  min-guest-svn = %u\n", f->id.guest_svn);
	dj_cli_print("  # guest policy 0x%llx\n",
		(unsigned long long)f->id.policy);
}

static json_t *id_json(const struct dj_snp_id_file *f)
{
	char key[97], author[97], family[33], image[33];

	dj_trust_hex(f->id_key, 48, key);
	dj_trust_hex(f->author_key, 48, author);
	dj_trust_hex(f->id.family_id, 16, family);
	dj_trust_hex(f->id.image_id, 16, image);
	return json_pack("{s:s,s:o,s:s,s:s,s:I,s:I}", "id_key", key,
		"author_key", f->has_author ? json_string(author) : json_null(),
		"family_id", family, "image_id", image, "guest_svn",
		(json_int_t)f->id.guest_svn, "policy",
		(json_int_t)f->id.policy);
}

static json_t *line_json(const struct dj_measured *m)
{
	char text[97];

	dj_trust_hex(m->digest, m->len, text);
	return json_pack("{s:s,s:s,s:o,s:I}", "tee", dj_tee_name(m->tee),
		m->name, text, "image", dj_json_name(m->path), "pages",
		(json_int_t)m->pages);
}

static void say_line(const struct dj_cli *cli, const struct dj_measured *m)
{
	char text[97];

	dj_trust_hex(m->digest, m->len, text);
	dj_cli_print("%s %s %s\n", dj_tee_name(m->tee), m->name, text);
	if (cli->verbose > 0)
		dj_cli_print("  %s, %zu pages\n", m->path, m->pages);
}

/* tee 0: all that there are images of here. */
struct asked {
	uint8_t tee;
	const char *image, *block, *auth;
	uint64_t sgx1;
};

static int measure(const struct dj_cli *cli, const struct asked *q)
{
	struct dj_measured m[DJ_MEASURED_COUNT];
	struct dj_snp_id_file id;
	struct dj_err err = { 0 };
	json_t *list;
	size_t n = q->tee == 0
		? dj_trust_measure(cli, m, &err)
		: dj_measure(q->tee, q->image, q->sgx1, &m[0], &err);

	if (n == 0 ||
		(q->block != NULL &&
			!dj_snp_id_read(q->block, q->auth, m[0].digest, &id,
				&err)))
		return dj_cli_fail(cli, &err);
	if (!cli->json) {
		for (size_t i = 0; i < n; i++)
			say_line(cli, &m[i]);
		if (q->block != NULL)
			say_id(&id);
		return dj_cli_end(cli, 0);
	}
	list = json_array();
	for (size_t i = 0; i < n; i++)
		(void)json_array_append_new(list, line_json(&m[i]));
	return dj_cli_json(cli,
		json_pack("{s:s,s:s,s:o,s:o*}", "schema", "donjon.measure/1",
			"version", DJ_VERSION, "measurements", list, "id_block",
			q->block == NULL ? NULL : id_json(&id)),
		0);
}

static int run(struct dj_cli *cli)
{
	const char *tee = dj_cli_value(cli, "tee");
	struct asked q = { .image = dj_cli_value(cli, "image"),
		.block = dj_cli_value(cli, "id-block"),
		.auth = dj_cli_value(cli, "id-auth") };
	const struct dj_tee_choice *c;

	if (tee == NULL &&
		(q.image != NULL || q.block != NULL || q.auth != NULL ||
			dj_cli_has(cli, "sgx1")))
		return dj_cli_failf(cli, "usage.option",
			"--image, --id-block and --sgx1 are for one TEE: say which with --tee");
	/* An emulated TEE measures as what it emulates. */
	c = tee == NULL ? NULL : dj_tee_choice_find(tee);
	if (c != NULL)
		q.tee = c->tee;
	else if (tee != NULL)
		q.tee = dj_tee_number(tee);
	if (tee != NULL && q.tee == 0)
		return dj_cli_failf(cli, "tee.unknown",
			"--tee: there is no TEE of that name; this build has: "
			"process, kvm, snp, sgx");
	if ((q.block == NULL) != (q.auth == NULL) ||
		(q.block != NULL && q.tee != DJ_TEE_SNP))
		return dj_cli_failf(cli, "usage.option",
			"--id-block and --id-auth go together, with --tee snp");
	if (dj_cli_has(cli, "sgx1") &&
		!dj_size_parse(dj_cli_value(cli, "sgx1"), &q.sgx1))
		return dj_cli_failf(cli, "usage.value",
			"--sgx1: expected a size, as 256MiB");
	return measure(cli, &q);
}

static const struct dj_option options[] = {
	{ "tee", 0, "TEE",
		"of the Keep image for this TEE alone: process, kvm, snp, sgx" },
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
