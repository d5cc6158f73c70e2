// SPDX-License-Identifier: Apache-2.0
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "attest/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void say(void *ctx, unsigned line, const char *text)
{
	(void)line;
	if (text[0] == '\0')
		abort();
	++*(size_t *)ctx;
}

/* A policy that was read accepts something, and says all it needs for that;
 * one that was not is empty. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct dj_policy empty;
	static struct dj_policy p;
	struct dj_toml_error err = { 0 };
	size_t warned = 0;

	if (dj_policy_parse((const char *)data, len, "p.toml", &p, &err) !=
		DJ_OK) {
		if (memcmp(&p, &empty, sizeof(p)) != 0 || err.line == 0 ||
			err.text[0] == '\0')
			abort();
		return 0;
	}
	if (p.measure_count == 0 || (p.development && p.root_count == 0) ||
		p.minclass > 3 || p.name[0] == '\0')
		abort();
	for (size_t i = 0; i < p.measure_count; i++) {
		if (p.measures[i].line == 0 ||
			p.measures[i].len !=
				(p.measures[i].tee == DJ_TEE_SNP ? 48 : 32) ||
			!dj_policy_wants_tee(&p, p.measures[i].tee))
			abort();
	}
	if (p.snp.products.bits == 0 || p.snp.keys.bits == 0 ||
		p.snp.versions.bits == 0 || p.snp.vmpl.bits == 0)
		abort();
	for (size_t i = 0; i < p.root_count; i++) {
		if (p.roots[i].der_len != 0 || p.roots[i].path[0] == '\0')
			abort();
		if (dj_policy_set_root(&p, i, (const char *)data, len, &err) ==
			DJ_OK)
			abort(); /* this text is a policy, not a certificate */
	}
	if (dj_policy_warnings(&p, say, &warned) != warned)
		abort();
	return 0;
}
