// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attest/judge.h"
#include "host/agent/sgx_host.h"
#include "lib/evidence/sgx_files.h"
#include "lib/proto/frame.h"
#include "tests/support/sgx.h"
#include "tests/tap.h"

/*
 * What a host with SGX adds to its Keeps' quotes: from files as donjon
 * collateral names them, with documents made here, judged.
 */
static char folder[] = "/tmp/donjon-sgx-host-XXXXXX";
static uint8_t made[65536], again[65536];
static struct dj_evidence good;
static struct dj_policy policy;

static const char *path_of(size_t i)
{
	static char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", folder,
		dj_sgx_files[i].name);
	return path;
}

static void put(size_t i, const void *p, size_t len)
{
	FILE *f = fopen(path_of(i), "wbe");

	if (f == NULL || fwrite(p, 1, len, f) != len || fclose(f) != 0)
		abort();
}

static void put_all(void)
{
	for (size_t i = 0; i < DJ_SGX_FILES; i++) {
		const struct dj_evidence_item *it =
			&good.item[dj_sgx_files[i].tag];

		(void)unlink(path_of(i));
		if (it->p != NULL)
			put(i, it->p, it->len);
	}
}

/* The quote with what the host adds: does a client take it? */
static bool is_taken(const struct dj_sgx_host *h)
{
	struct dj_judge_input in = { .purpose = DJ_JUDGE_ALONE,
		.evidence = again,
		.policy = &policy,
		.time = SX_TIME };
	struct dj_evidence e = { .format = good.format,
		.purpose = good.purpose };
	struct dj_verdict v;
	bool is_good;

	e.item[DJ_EVIDENCE_REPORT] = good.item[DJ_EVIDENCE_REPORT];
	for (size_t i = 0; i < DJ_EVIDENCE_TAGS; i++) {
		if (h->item[i].p != NULL)
			e.item[i] = (struct dj_evidence_item){ h->item[i].p,
				h->item[i].len };
	}
	if (dj_evidence_write(&e, again, sizeof(again), &in.evidence_len) !=
		DJ_OK)
		return false;
	is_good = dj_judge(&in, &v) == DJ_OK;
	dj_verdict_done(&v);
	return is_good;
}

static void with_all_files_a_client_takes_the_quote(void)
{
	struct dj_sgx_host h;

	put_all();
	ok(dj_sgx_host_read(folder, &h) == NULL);
	ok(is_taken(&h));
	dj_sgx_host_free(&h);
}

static void each_file_that_lacks_is_named_and_the_quote_refused(void)
{
	for (size_t i = 0; i < DJ_SGX_FILES; i++) {
		struct dj_sgx_host h;
		const char *lacks;

		put_all();
		(void)unlink(path_of(i));
		lacks = dj_sgx_host_read(folder, &h);
		if (dj_sgx_files[i].is_needed)
			eq_str(lacks == NULL ? "" : lacks,
				dj_sgx_files[i].name);
		else
			ok(lacks == NULL);
		ok(is_taken(&h) == !dj_sgx_files[i].is_needed);
		dj_sgx_host_free(&h);
	}
}

static void empty_and_endless_files_are_none(void)
{
	struct dj_sgx_host h;

	put_all();
	put(0, "", 0);
	eq_str(dj_sgx_host_read(folder, &h), "tcb_info.json");
	ok(h.item[DJ_EVIDENCE_TCB_INFO].p == NULL &&
		h.item[DJ_EVIDENCE_QE_ID].p != NULL);
	dj_sgx_host_free(&h);
	memset(again, '{', sizeof(again));
	put(0, again, 65535);
	ok(dj_sgx_host_read(folder, &h) == NULL);
	dj_sgx_host_free(&h);
	put(0, again, 65536);
	eq_str(dj_sgx_host_read(folder, &h), "tcb_info.json");
	dj_sgx_host_free(&h);
	eq_str(dj_sgx_host_read("/nonexistent", &h), "tcb_info.json");
	dj_sgx_host_free(&h);
}

int main(void)
{
	struct dj_toml_error err;
	const char *text = sx_policy("");
	struct sx s;
	int r;

	sx_good(&s);
	if (mkdtemp(folder) == NULL ||
		dj_evidence_parse(made, sx_build(&s, made, sizeof(made)),
			&good) != DJ_OK ||
		dj_policy_parse(text, strlen(text), "p", &policy, &err) !=
			DJ_OK ||
		dj_policy_set_root(&policy, 0, sx_root(), strlen(sx_root()),
			&err) != DJ_OK)
		return 1;
	RUN(with_all_files_a_client_takes_the_quote);
	RUN(each_file_that_lacks_is_named_and_the_quote_refused);
	RUN(empty_and_endless_files_are_none);
	r = done();
	for (size_t i = 0; i < DJ_SGX_FILES; i++)
		(void)unlink(path_of(i));
	(void)rmdir(folder);
	return r;
}
