// SPDX-License-Identifier: Apache-2.0
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "attest/cert.h"
#include "attest/judge.h"
#include "tests/support/evidence.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/*
 * The first byte: 0, what follows is EVIDENCE; 1, what follows is a chain in
 * PEM; else edits of good evidence, u16 position and a byte to add each. Only
 * the very bytes of the good evidence may be found good.
 */
static struct ev ev;
static struct dj_policy policy;
static uint8_t good[16384];
static size_t good_len;

static void set_up(void)
{
	struct dj_toml_error err;

	ev_good(&ev);
	good_len = ev_build(&ev, good, sizeof(good));
	if (dj_policy_first_run(ev_root_pem(), strlen(ev_root_pem()),
		    DJ_TEE_PROCESS, ev.report.measurement, &policy,
		    &err) != DJ_OK)
		abort();
}

static void judge(const uint8_t *p, size_t len)
{
	struct dj_judge_input in = { .purpose = DJ_JUDGE_OFFER,
		.hello = ev.hello,
		.hello_len = ev.hello_len,
		.offer = ev.offer,
		.offer_len = ev.offer_len,
		.evidence = p,
		.evidence_len = len,
		.policy = &policy,
		.time = EV_TIME,
		.config_unknown = true };
	struct dj_verdict v;
	bool same = len == good_len && memcmp(p, good, len) == 0;

	if ((dj_judge(&in, &v) == DJ_OK) != same || v.good != same)
		abort();
	if (v.hardware || (v.error == NULL) != same)
		abort();
	dj_verdict_done(&v);
}

static void judge_edits(const uint8_t *data, size_t len)
{
	static uint8_t changed[sizeof(good)];

	memcpy(changed, good, good_len);
	for (; len >= 3; data += 3, len -= 3)
		changed[((size_t)data[0] << 8 | data[1]) % good_len] += data[2];
	judge(changed, good_len);
}

static void read_chain(const uint8_t *data, size_t len)
{
	X509 *cert[2] = { NULL, NULL };

	if (dj_pem_certs((const char *)data, len, 2, cert) != NULL)
		return;
	(void)dj_cert_is_leaf(cert[0], cert[1]);
	(void)dj_cert_is_root(cert[1]);
	(void)dj_cert_valid_at(cert[0], EV_TIME);
	X509_free(cert[0]);
	X509_free(cert[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (good_len == 0)
		set_up();
	if (len == 0)
		return 0;
	if (data[0] == 0)
		judge(data + 1, len - 1);
	else if (data[0] == 1)
		read_chain(data + 1, len - 1);
	else
		judge_edits(data + 1, len - 1);
	return 0;
}
