// SPDX-License-Identifier: Apache-2.0
#include "cli/dash_judge.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "client/policy_file.h"
#include "lib/crypto/sha256.h"

static bool fail(struct dj_dash_judged *g, const char *text)
{
	(void)snprintf(g->error, sizeof(g->error), "%s", text);
	return false;
}

static bool load(const struct dj_record *r, struct dj_dash_judged *g)
{
	struct stat st;
	size_t len = 0;

	g->bundle = dj_record_read(r, "evidence", DJ_BUNDLE_MAX, &len);
	if (g->bundle == NULL)
		return fail(g, "no evidence is here");
	if (dj_bundle_parse(g->bundle, len, &g->parts) != DJ_OK)
		return fail(g, "the evidence that is here is damaged");
	g->has_parts = true;
	if (fstatat(r->fd, "evidence", &st, 0) == 0)
		g->age = (int64_t)time(NULL) - (int64_t)st.st_mtime;
	return true;
}

static bool load_policy(const char *path, const uint8_t hash[static 32],
	struct dj_policy *ret, struct dj_dash_judged *g)
{
	struct dj_toml_error why = { 0 };
	char *text = NULL;
	uint8_t now[32];
	size_t len = 0;

	if (path[0] == '\0')
		return fail(g, "no policy was named");
	if (dj_policy_load(path, ret, &why) != DJ_OK) {
		(void)snprintf(g->error, sizeof(g->error), "%.200s",
			why.text[0] == '\0' ? "its policy cannot be read"
					    : why.text);
		return false;
	}
	if (dj_file_read(path, DJ_POLICY_SIZE_MAX, &text, &len) == DJ_OK) {
		dj_sha256(text, len, now);
		g->policy_changed = memcmp(now, hash, 32) != 0;
		free(text);
	}
	return true;
}

static void judge(const struct dj_dash *d, const struct dj_ticket_file *t,
	struct dj_policy *policy, struct dj_dash_judged *g)
{
	struct dj_judge_tee tee = { t->tee, t->emulated };
	struct dj_judge_input in = {
		.purpose = DJ_JUDGE_OFFER,
		.hello = g->parts.hello.p,
		.hello_len = g->parts.hello.len,
		.offer = g->parts.offer.p,
		.offer_len = g->parts.offer.len,
		.evidence = g->parts.evidence.p,
		.evidence_len = g->parts.evidence.len,
		.policy = policy,
		.time = time(NULL),
		.tees = &tee,
		.tee_count = 1,
		.config_hash = t->config_hash,
	};
	const char *path =
		d->policy == NULL ? t->text[DJ_TICKET_POLICY] : d->policy;

	if (load_policy(path, t->policy_hash, policy, g) &&
		dj_judge(&in, &g->v) == DJ_E_NOMEM)
		(void)fail(g, "no memory");
}

void dj_dash_judge(const struct dj_dash *d, const struct dj_record *r,
	struct dj_dash_judged *ret)
{
	struct dj_ticket_file *t = calloc(1, sizeof(*t));
	struct dj_policy *policy = calloc(1, sizeof(*policy));

	memset(ret, 0, sizeof(*ret));
	if (t == NULL || policy == NULL)
		(void)fail(ret, "no memory");
	else if (load(r, ret) && !dj_record_about(r, t))
		(void)fail(ret, "what it was judged for is not known any more");
	else if (ret->has_parts)
		judge(d, t, policy, ret);
	free(policy);
	free(t);
}

void dj_dash_judged_done(struct dj_dash_judged *g)
{
	dj_verdict_done(&g->v);
	free(g->bundle);
}
