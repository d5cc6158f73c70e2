// SPDX-License-Identifier: Apache-2.0
#include "client/run.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "attest/suggest.h"
#include "client/clock.h"
#include "client/measure.h"
#include "client/owner.h"
#include "client/policy_file.h"
#include "client/sgx_here.h"
#include "client/tees.h"
#include "client/verdict_print.h"
#include "lib/crypto/cpu.h"
#include "lib/crypto/sha256.h"
#include "lib/proto/config.h"
#include "lib/proto/evidence.h"
#include "lib/proto/offer.h"

#define IMAGE_MAX  ((size_t)64 << 20)
#define PEM_MAX    ((size_t)64 << 10)
#define WASM_PAGE  65536
/* A Keep whose client is gone does not stay for ever; a host takes no more
   than a year. */
#define IDLE_TTL_S 86400
#define TTL_MAX_S  31622400

const char *const dj_visit_phases[DJ_VISIT_COUNT] = {
	[DJ_VISIT_KEEP] = "keep",
	[DJ_VISIT_EVIDENCE] = "evidence",
	[DJ_VISIT_SESSION] = "session",
	[DJ_VISIT_SEND] = "send",
	[DJ_VISIT_RUN] = "run",
};

static void phase_begin(struct dj_visit *v, enum dj_visit_phase phase)
{
	v->phase = phase;
	v->phase_start = dj_now_ms();
	if (v->watch != NULL)
		v->watch(v->watch_ctx, phase, NULL, 0);
}

static void phase_end(struct dj_visit *v, const char *text)
{
	v->ms[v->phase] = dj_now_ms() - v->phase_start;
	if (v->watch != NULL)
		v->watch(v->watch_ctx, v->phase, text, v->ms[v->phase]);
}

/* ---- which TEE ---- */

static const struct dj_tee_choice *choose_one(const char *word,
	struct dj_err *err)
{
	static const char *const words[] = { "any", "process", "kvm", "snp",
		"snp-emu", "sgx", "sgx-emu", "tdx", "sanctum", "pef", "tdx-emu",
		"sanctum-emu", "pef-emu", NULL };
	const struct dj_tee_choice *c =
		dj_tee_choice_find(strcmp(word, "any") == 0 ? "process" : word);
	char shown[64];
	const char *near;

	if (c != NULL)
		return c;
	for (size_t i = 0; words[i] != NULL; i++) {
		if (strcmp(word, words[i]) == 0) {
			(void)dj_err_set(err, "tee.unsupported",
				"choosing a TEE: %s is not in this build",
				word);
			return NULL;
		}
	}
	near = dj_suggest(word, words);
	dj_clean(shown, sizeof(shown), word, strlen(word));
	(void)dj_err_set(err, "tee.unknown",
		"choosing a TEE: there is none called %s%s%s%s", shown,
		near == NULL ? "" : "; did you mean ", near == NULL ? "" : near,
		near == NULL ? "" : "?");
	return NULL;
}

struct wanted {
	struct dj_judge_tee *tees;
	size_t cap, count;
};

static void want(struct wanted *w, const struct dj_tee_choice *c)
{
	for (size_t i = 0; i < w->count; i++) {
		if (w->tees[i].tee == c->tee &&
			w->tees[i].emulated == c->emulated)
			return;
	}
	if (w->count < w->cap)
		w->tees[w->count++] =
			(struct dj_judge_tee){ c->tee, c->emulated };
}

/* What the policy accepts: first what protects, which has a vendor's root. */
static void want_accepted(struct wanted *w, const struct dj_policy *policy)
{
	for (int pass = 0; pass < 2; pass++) {
		for (const struct dj_tee_choice *c = dj_tee_choices;
			c->word != NULL; c++) {
			bool is_hardware = c->root == NULL;

			if (is_hardware == (pass == 0) &&
				(is_hardware || policy->development) &&
				dj_policy_wants_tee(policy, c->tee))
				want(w, c);
		}
	}
}

/* Each word may itself be a list with commas. */
bool dj_tee_choose(const char *const *words, size_t count,
	const struct dj_policy *policy, struct dj_judge_tee *ret, size_t cap,
	size_t *ret_count, struct dj_err *err)
{
	struct wanted wanted = { .tees = ret, .cap = cap };

	for (size_t i = 0; i < count; i++) {
		char *list = strdup(words[i]), *save = NULL;
		bool good = list != NULL;

		for (char *w = good ? strtok_r(list, ",", &save) : NULL;
			w != NULL && good; w = strtok_r(NULL, ",", &save)) {
			const struct dj_tee_choice *c = choose_one(w, err);
			bool is_any = policy != NULL && strcmp(w, "any") == 0;
			size_t before = wanted.count;

			good = c != NULL;
			if (good && is_any)
				want_accepted(&wanted, policy);
			/* None at all: the judge will say why not. */
			if (good && (!is_any || wanted.count == before))
				want(&wanted, c);
		}
		free(list);
		if (!good)
			return dj_err_set(err, "internal.memory", "no memory");
	}
	if (wanted.count == 0)
		return dj_err_set(err, "tee.unknown",
			"choosing a TEE: none was named");
	*ret_count = wanted.count;
	return true;
}

/* ---- what to accept ---- */

static bool load_policy(struct dj_visit *v, struct dj_err *err)
{
	struct dj_toml_error why = { 0 };

	if (dj_policy_load(v->o->policy, v->policy, &why) == DJ_OK)
		return true;
	if (why.line != 0)
		return dj_err_set(err, "policy.invalid", "%s:%u:%u: %s",
			v->o->policy, why.line, why.col, why.text);
	return dj_err_set(err, "policy.read", "reading the policy: %s",
		why.text[0] != '\0' ? why.text : strerror(errno));
}

/* Its first choice; dj_tee_choose() made it from the same table. */
static const struct dj_tee_choice *first_choice(const struct dj_visit *v)
{
	return dj_tee_choice_of(v->tees[0].tee, v->tees[0].emulated);
}

/* The memory that such a Keep's enclave is measured with, of a processor
 * without SGX2; else 0. */
static uint64_t sgx1_memory(const struct dj_visit *v,
	const struct dj_tee_choice *c)
{
	char path[DJ_PATH_MAX + 16], *mode = NULL;
	struct dj_sgx_here here;
	bool is_sgx1 = false;
	size_t len;

	if (c->tee != DJ_TEE_SGX)
		return 0;
	if (!c->emulated) {
		dj_sgx_here_look("", &here);
		is_sgx1 = here.has_sgx && !here.has_edmm;
	} else {
		(void)snprintf(path, sizeof(path), "%s/sgx.mode",
			v->agent.root);
		is_sgx1 = dj_file_read(path, 64, &mode, &len) == DJ_OK &&
			memmem(mode, len, "sgx1", 4) != NULL;
		free(mode);
	}
	return is_sgx1 ? v->o->memory : 0;
}

/*
 * Only for an agent that we started ourselves: its development root, or for
 * hardware its vendor's, and the image that lies here, measured by us.
 */
static bool first_run_policy(struct dj_visit *v, struct dj_err *err)
{
	const struct dj_tee_choice *c = first_choice(v);
	char path[DJ_PATH_MAX + 16] = "";
	struct dj_toml_error why = { 0 };
	struct dj_measured image;
	char *pem = NULL;
	size_t len = 0;
	dj_status st;

	if (!dj_measure(c->tee, NULL, sgx1_memory(v, c), &image, err))
		return false;
	if (c->root != NULL) {
		(void)snprintf(path, sizeof(path), "%s/%s", v->agent.root,
			c->root);
		if (dj_file_read(path, PEM_MAX, &pem, &len) != DJ_OK)
			return dj_err_set(err, "agent.root",
				"reading the development root %s: %s", path,
				strerror(errno));
	}
	st = dj_policy_first_run(pem, len, c->tee, image.digest, v->policy,
		&why);
	free(pem);
	return st == DJ_OK ||
		dj_err_set(err, "agent.root",
			"using the development root %s: %s", path, why.text);
}

/* What an agent that we started ourselves needs for the first choice. */
static bool prepare_choice(struct dj_visit *v, struct dj_err *err)
{
	const struct dj_tee_choice *c = first_choice(v);

	if (c->add != NULL && !dj_agent_has(v->agent.root, c->add)) {
		if (v->watch != NULL)
			v->watch(v->watch_ctx, DJ_VISIT_COUNT, c->add, 0);
		if (!dj_agent_add(v->agent.root, c->add, err))
			return false;
	}
	return v->o->policy != NULL || first_run_policy(v, err);
}

bool dj_visit_prepare(struct dj_visit *v, const struct dj_visit_options *o,
	dj_visit_watch *watch, void *ctx, struct dj_err *err)
{
	*v = (struct dj_visit){ .options = *o,
		.watch = watch,
		.watch_ctx = ctx };
	v->o = &v->options;
	v->agent.fd = v->agent.log = -1;
	dj_crypto_cpu(dj_crypto_cpu_detect());
	v->policy = calloc(1, sizeof(*v->policy));
	if (v->policy == NULL)
		return dj_err_set(err, "internal.memory", "no memory");
	if (o->policy != NULL && !load_policy(v, err))
		return false;
	if (!dj_tee_choose(o->tees, o->tee_count,
		    o->policy == NULL ? NULL : v->policy, v->tees,
		    sizeof(v->tees) / sizeof(v->tees[0]), &v->tee_count, err))
		return false;
	if (o->owner != NULL) {
		v->owner = dj_owner_load(o->owner, err);
		if (v->owner == NULL)
			return false;
	}
	if (o->host_count > 0)
		return o->policy != NULL ||
			dj_err_set(err, "policy.missing",
				"asking %s for a Keep: nothing says what to accept from it",
				o->hosts[0]);
	phase_begin(v, DJ_VISIT_KEEP);
	return dj_agent_start(&v->agent, o->verbose_agent, err) &&
		prepare_choice(v, err);
}

/* ---- ask ---- */

bool dj_visit_block(const struct dj_visit_options *o, EVP_PKEY *owner,
	uint8_t *dst, size_t cap, size_t *ret_len, struct dj_err *err)
{
	struct dj_config c = {
		.total_memory = o->memory,
		.max_memory_pages = (uint32_t)(o->memory / WASM_PAGE),
		.max_module_bytes = (uint32_t)o->module_max,
		.time_policy = o->time_policy,
		.time_ns = o->time_ns,
	};

	if (o->receipts)
		c.flags |= DJ_CONFIG_RECEIPTS;
	if (owner != NULL) {
		c.flags |= DJ_CONFIG_OWNER;
		if (!dj_owner_hash(owner, c.owner, err))
			return false;
	}
	if (o->memory / WASM_PAGE > UINT32_MAX || o->module_max > UINT32_MAX ||
		dj_config_write(&c, dst, cap, ret_len) != DJ_OK)
		return dj_err_set(err, "usage.value",
			"describing the Keep: these sizes cannot be had");
	return true;
}

/* The time that its program was given, and as long again as any Keep's. */
static json_int_t ttl_of(const struct dj_visit_options *o)
{
	uint64_t s = o->time_ms / 1000;

	return s < TTL_MAX_S - IDLE_TTL_S ? (json_int_t)(s + IDLE_TTL_S)
					  : TTL_MAX_S;
}

static json_t *request_body(const struct dj_visit *v, const uint8_t *block,
	size_t len)
{
	char text[DJ_CONFIG_MAX * 4 / 3 + 8];
	json_t *o = json_object();

	(void)EVP_EncodeBlock((uint8_t *)text, block, (int)len);
	(void)json_object_set_new(o, "tee",
		json_string(dj_tee_name(v->tees[0].tee)));
	(void)json_object_set_new(o, "emulated",
		json_boolean(v->tees[0].emulated));
	(void)json_object_set_new(o, "config", json_string(text));
	(void)json_object_set_new(o, "ttl", json_integer(ttl_of(v->o)));
	return o;
}

/* A host that only plays says so (donjond --adversary). */
static void take_adversary(struct dj_visit *v, const json_t *keep)
{
	const json_t *plan = json_object_get(keep, "adversary");

	if (json_is_string(plan))
		dj_clean(v->adversary, sizeof(v->adversary),
			json_string_value(plan), json_string_length(plan));
}

/* The host's name of a Keep becomes a path: letters, digits and - only. */
static bool take_name(struct dj_visit *v, const json_t *keep,
	struct dj_err *err)
{
	const char *id = json_string_value(json_object_get(keep, "id"));
	size_t len = id == NULL ? 0 : strlen(id);

	if (len == 0 || len >= sizeof(v->keep) - 1 ||
		strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-") != len)
		return dj_err_set(err, "host.answer",
			"asking %s for a Keep: its answer names none",
			dj_host_name(v->host));
	memcpy(v->keep, id, len + 1);
	take_adversary(v, keep);
	return true;
}

static bool ask(struct dj_visit *v, const uint8_t *block, size_t len,
	struct dj_err *err)
{
	json_t *body = request_body(v, block, len), *keep = NULL;
	bool good = dj_host_request(v->host, "POST", "/v1/keeps", body, &keep,
			    err) &&
		take_name(v, keep, err);

	json_decref(body);
	json_decref(keep);
	return good;
}

/*
 * The first TEE of the list that this host has. It is the only choice from
 * then on: the host cannot give another of the list in its place.
 */
static bool ask_in_turn(struct dj_visit *v, const struct wanted *list,
	const uint8_t *block, size_t len, struct dj_err *err)
{
	v->tee_count = 1;
	for (size_t i = 0; i < list->count; i++) {
		*err = (struct dj_err){ 0 };
		v->tees[0] = list->tees[i];
		if (i > 0 && v->agent.pid > 0 && !prepare_choice(v, err))
			return false;
		if (ask(v, block, len, err))
			return true;
		if (strcmp(err->info->name, "host.tee") != 0)
			return false;
	}
	return false;
}

static bool open_host(struct dj_visit *v, const char *url,
	const struct wanted *list, const uint8_t *block, size_t len,
	struct dj_err *err)
{
	struct dj_host_options ho = v->o->host;

	ho.url = url;
	ho.private_fd = v->agent.fd;
	v->agent.fd = -1;
	v->host = dj_host_open(&ho, err);
	if (v->host != NULL && ask_in_turn(v, list, block, len, err))
		return true;
	dj_host_free(v->host);
	v->host = NULL;
	return false;
}

/* ---- verify ---- */

static size_t choose_suites(const struct dj_policy *p, uint16_t ret[static 2])
{
	bool aes = (dj_crypto_cpu_now() & DJ_CPU_AES) != 0;
	uint16_t best[2] = { aes ? DJ_SUITE_X25519_AES256
				 : DJ_SUITE_X25519_CHACHA20,
		aes ? DJ_SUITE_X25519_CHACHA20 : DJ_SUITE_X25519_AES256 };
	size_t n = 0;

	for (size_t i = 0; i < 2; i++) {
		bool allowed = p->suite_count == 0;

		for (size_t k = 0; k < p->suite_count; k++)
			allowed = allowed || p->suites[k] == best[i];
		if (allowed)
			ret[n++] = best[i];
	}
	return n;
}

/*
 * All formats of the TEEs asked for, also those that the policy refuses: then
 * the judge says so by its name, instead of the Keep's having none of ours.
 */
static size_t choose_formats(const struct dj_visit *v,
	uint16_t ret[static DJ_FORMATS_MAX])
{
	struct dj_policy *all = malloc(sizeof(*all));
	size_t n = 0;

	if (all == NULL)
		return 0;
	*all = *v->policy;
	all->development = true;
	for (size_t i = 0; i < v->tee_count; i++)
		n += dj_judge_formats(all, v->tees[i].tee, v->tees[i].emulated,
			ret + n, DJ_FORMATS_MAX - n);
	free(all);
	return n;
}

/* A new Keep that is gone before it was ours: there was no line to cut. */
static bool never_began(const struct dj_visit *v, struct dj_err *err)
{
	if (v->keep_id == NULL && err->info == dj_err_find("session.gone"))
		err->info = dj_err_find("host.keep");
	return false;
}

static bool challenge(struct dj_visit *v, struct dj_err *err)
{
	uint16_t suites[2], formats[DJ_FORMATS_MAX];
	struct dj_challenge c = { .suites = suites, .formats = formats };
	struct dj_link link = { .fd = -1 };
	char path[128];

	c.suite_count = choose_suites(v->policy, suites);
	if (c.suite_count == 0)
		return dj_err_set(err, "policy.invalid",
			"%s:%u: none of its cipher suites is in this build",
			v->policy->file, v->policy->suites_line);
	c.format_count = choose_formats(v, formats);
	c.minclass = v->o->one_size ? DJ_CLASS_MAX : v->policy->minclass;
	c.keep_id = v->keep_id;
	/* Whoever has the ticket may end a link that nobody uses any more. */
	(void)snprintf(path, sizeof(path), "/v1/keeps/%s/session%s", v->keep,
		v->keep_id == NULL ? "" : "?steal=1");
	return (dj_host_upgrade(v->host, path, &link, err) &&
		       dj_session_challenge(&v->session, &link, &c, err)) ||
		never_began(v, err);
}

static void judge_input(struct dj_visit *v, const uint8_t *evidence, size_t len,
	struct dj_judge_input *ret)
{
	*ret = (struct dj_judge_input){
		.purpose = DJ_JUDGE_OFFER,
		.hello = v->session.hello,
		.hello_len = v->session.hello_len,
		.offer = v->session.offer,
		.offer_len = v->session.offer_len,
		.evidence = evidence,
		.evidence_len = len,
		.policy = v->policy,
		.time = time(NULL),
		.tees = v->tees,
		.tee_count = v->tee_count,
		.config_hash = v->config_hash,
		.keep_id = v->keep_id,
		.attach_no = v->resume == NULL ? 0 : v->resume->attach_no,
	};
}

static bool judge(struct dj_visit *v, struct dj_err *err)
{
	struct dj_judge_input in;

	judge_input(v, v->session.evidence, v->session.evidence_len, &in);
	v->has_verdict = true;
	if (dj_judge(&in, &v->verdict) == DJ_OK && v->verdict.good)
		return true;
	if (v->verdict.error == NULL)
		return dj_err_set(err, "internal.memory",
			"judging the evidence: no memory");
	return dj_err_set(err, v->verdict.error,
		"refused: the keep's evidence does not meet %s; nothing was sent",
		v->o->policy == NULL ? "the first-run policy"
				     : v->policy->file);
}

static bool judge_again(void *ctx, const struct dj_session *s,
	const uint8_t *evidence, size_t len,
	const uint8_t report_data[static 64], struct dj_err *err)
{
	struct dj_visit *v = ctx;
	struct dj_judge_input in;
	struct dj_verdict verdict = { 0 };
	bool good;

	(void)s;
	judge_input(v, evidence, len, &in);
	in.purpose = DJ_JUDGE_AGAIN;
	in.report_data = report_data;
	good = dj_judge(&in, &verdict) == DJ_OK && verdict.good;
	if (!good)
		(void)dj_err_set(err, "again.refused",
			"attesting again: %s does not meet %s",
			verdict.error == NULL ? "evidence" : verdict.error,
			v->policy->file);
	dj_verdict_done(&verdict);
	return good;
}

static bool judge_receipt(void *ctx, const struct dj_session *s,
	const uint8_t *evidence, size_t len,
	const uint8_t report_data[static 64], struct dj_err *err)
{
	struct dj_visit *v = ctx;
	struct dj_judge_input in;
	struct dj_verdict verdict = { 0 };
	bool good;

	(void)s;
	judge_input(v, evidence, len, &in);
	in.purpose = DJ_JUDGE_RECEIPT;
	in.report_data = report_data;
	good = dj_judge(&in, &verdict) == DJ_OK && verdict.good;
	if (!good)
		(void)dj_err_set(err, "receipt.refused",
			"checking the receipt: %s does not hold for what was sent and written here",
			verdict.error == NULL ? "it" : verdict.error);
	dj_verdict_done(&verdict);
	return good;
}

static void say_evidence(struct dj_visit *v)
{
	char text[256], hex[17];
	size_t good = 0, all = 0;

	for (size_t i = 0; i < v->verdict.check_count; i++) {
		all += v->verdict.checks[i].state != DJ_CHECK_NA;
		good += v->verdict.checks[i].state == DJ_CHECK_OK;
	}
	for (size_t i = 0; i < 8; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x",
			v->verdict.measurement[i]);
	(void)snprintf(text, sizeof(text),
		"%zu of %zu checks, measurement %s...", good, all, hex);
	phase_end(v, text);
}

static bool attest(struct dj_visit *v, struct dj_err *err)
{
	if (!judge(v, err))
		return false;
	say_evidence(v);
	return true;
}

bool dj_visit_return(struct dj_visit *v, struct dj_err *err)
{
	struct dj_host_options ho = v->o->host;
	struct dj_err ignored = { 0 };
	json_t *keep = NULL;
	char text[400];

	phase_begin(v, DJ_VISIT_KEEP);
	ho.url = v->o->hosts[0];
	ho.private_fd = -1;
	v->host = dj_host_open(&ho, err);
	if (v->host == NULL)
		return false;
	/* What it says of itself; that it says nothing stops nothing. */
	(void)snprintf(text, sizeof(text), "/v1/keeps/%.79s", v->keep);
	if (dj_host_request(v->host, "GET", text, NULL, &keep, &ignored))
		take_adversary(v, keep);
	json_decref(keep);
	(void)snprintf(text, sizeof(text), "%s on %s as %s, once more",
		dj_tee_name(v->tees[0].tee), dj_host_name(v->host), v->keep);
	phase_end(v, text);
	phase_begin(v, DJ_VISIT_EVIDENCE);
	return challenge(v, err) && attest(v, err);
}

/* A Keep of another's host that nobody will come back to. */
static void give_back(struct dj_visit *v)
{
	struct dj_err ignored = { 0 };
	char path[128];

	if (v->host == NULL || v->keep[0] == '\0' || v->is_kept ||
		v->o->host_count == 0)
		return;
	(void)snprintf(path, sizeof(path), "/v1/keeps/%s?force=1", v->keep);
	(void)dj_host_request(v->host, "DELETE", path, NULL, NULL, &ignored);
}

static void leave_host(struct dj_visit *v)
{
	dj_session_done(&v->session);
	give_back(v);
	dj_host_free(v->host);
	v->host = NULL;
	v->keep[0] = '\0';
}

/* A Keep that answers; false: nothing of it is left there. */
static bool try_host(struct dj_visit *v, const char *url,
	const struct wanted *list, const uint8_t *block, size_t len,
	struct dj_err *err)
{
	char text[400];

	if (!open_host(v, url, list, block, len, err))
		return false;
	(void)snprintf(text, sizeof(text), "%s on %s as %s",
		dj_tee_name(v->tees[0].tee), dj_host_name(v->host), v->keep);
	phase_end(v, text);
	phase_begin(v, DJ_VISIT_EVIDENCE);
	if (challenge(v, err))
		return true;
	leave_host(v);
	return false;
}

/* The first that has one; its evidence stands or falls for all of them. */
static bool try_hosts(struct dj_visit *v, struct dj_err *err)
{
	struct dj_judge_tee tees[sizeof(v->tees) / sizeof(v->tees[0])];
	const struct wanted list = { .tees = tees, .count = v->tee_count };
	uint8_t block[DJ_CONFIG_MAX];
	size_t len = 0;

	memcpy(tees, v->tees, sizeof(tees));
	if (!dj_visit_block(v->o, v->owner, block, sizeof(block), &len, err))
		return false;
	dj_sha256(block, len, v->config_hash);
	if (v->o->host_count == 0)
		return try_host(v, NULL, &list, block, len, err);
	for (size_t i = 0; i < v->o->host_count; i++) {
		*err = (struct dj_err){ 0 };
		phase_begin(v, DJ_VISIT_KEEP);
		if (try_host(v, v->o->hosts[i], &list, block, len, err))
			return true;
	}
	return false;
}

bool dj_visit_keep(struct dj_visit *v, struct dj_err *err)
{
	if (try_hosts(v, err))
		return attest(v, err);
	if (v->agent.pid > 0)
		dj_agent_explain(&v->agent, err);
	return false;
}

/* ---- seal, run ---- */

static void on_step(void *ctx, enum dj_job_step step)
{
	struct dj_visit *v = ctx;

	if (step == DJ_JOB_SENT) {
		phase_end(v, "the program");
		phase_begin(v, DJ_VISIT_RUN);
	}
	if (v->on_step != NULL)
		v->on_step(v->ready_ctx, step);
}

bool dj_visit_run(struct dj_visit *v, struct dj_job *job,
	struct dj_outcome *ret, struct dj_err *err)
{
	char text[200];

	*ret = (struct dj_outcome){ 0 };
	phase_begin(v, DJ_VISIT_SESSION);
	if (!dj_session_open(&v->session, v->owner, v->resume, err) ||
		(v->on_ready != NULL &&
			!v->on_ready(v->ready_ctx, &v->session, err)))
		return false;
	(void)snprintf(text, sizeof(text), "suite 0x%04x%s", v->session.suite,
		v->owner != NULL ? ", owner key set" : "");
	phase_end(v, text);

	phase_begin(v, DJ_VISIT_SEND);
	job->judge = judge_again;
	job->judge_receipt = judge_receipt;
	job->receipts = v->o->receipts;
	memcpy(job->config_hash, v->config_hash, 32);
	dj_sha256(job->begin, job->begin_len, job->begin_hash);
	job->report = on_step;
	job->ctx = v;
	if (!dj_job_run(&v->session, job, ret, err))
		return false;
	/* RELEASE that nobody took is none. */
	v->is_released = !ret->detached && !v->session.wire.is_deaf;
	phase_end(v, "");
	return true;
}

uint8_t *dj_visit_bundle(const struct dj_visit *v, size_t *ret_len)
{
	struct dj_bundle b = {
		.hello = { v->session.hello, v->session.hello_len },
		.offer = { v->session.offer, v->session.offer_len },
		.evidence = { v->session.evidence, v->session.evidence_len },
	};
	uint8_t *p = malloc(DJ_BUNDLE_MAX);

	if (p != NULL &&
		dj_bundle_write(&b, p, DJ_BUNDLE_MAX, ret_len) == DJ_OK)
		return p;
	free(p);
	return NULL;
}

void dj_visit_done(struct dj_visit *v)
{
	leave_host(v);
	dj_agent_end(&v->agent);
	if (v->has_verdict)
		dj_verdict_done(&v->verdict);
	v->has_verdict = false;
	EVP_PKEY_free(v->owner);
	v->owner = NULL;
	free(v->policy);
	v->policy = NULL;
}
