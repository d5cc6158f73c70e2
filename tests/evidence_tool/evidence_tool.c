// SPDX-License-Identifier: Apache-2.0
/*
 * evidence_tool DIR: writes evidence of a process Keep, made under a root of
 * its own, for tests of the command line: good.ksb (a bundle), report.bin,
 * chain.pem, root.pem, and policy.toml, which accepts it. Valid around
 * EV_TIME, 2027-01-15T08:00:00Z.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/evidence.h"

static void put(const char *dir, const char *name, const void *p, size_t len)
{
	char path[4096];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	if (f == NULL || fwrite(p, 1, len, f) != len || fclose(f) != 0) {
		perror(path);
		exit(1);
	}
}

int main(int argc, char **argv)
{
	static uint8_t evidence[16384], bundle[32768];
	static char chain[8192], policy[1024];
	uint8_t report[DJ_PROCESS_REPORT_SIZE];
	struct dj_bundle b = { 0 };
	size_t len = 0;
	struct ev ev;

	if (argc != 2)
		return 64;
	ev_good(&ev);
	ev_report(&ev, report);
	ev_chain(&ev, chain, sizeof(chain));
	b.hello.p = ev.hello;
	b.hello.len = ev.hello_len;
	b.offer.p = ev.offer;
	b.offer.len = ev.offer_len;
	b.evidence.p = evidence;
	b.evidence.len = ev_pack(&ev, report, sizeof(report), chain,
		strlen(chain), evidence, sizeof(evidence));
	if (dj_bundle_write(&b, bundle, sizeof(bundle), &len) != DJ_OK)
		return 1;
	put(argv[1], "good.ksb", bundle, len);
	put(argv[1], "report.bin", report, sizeof(report));
	put(argv[1], "chain.pem", chain, strlen(chain));
	put(argv[1], "root.pem", ev_root_pem(), strlen(ev_root_pem()));
	strcpy(policy,
		"schema = 1\nname = \"test\"\n[development]\n"
		"allow = true\nroot = \"root.pem\"\n[keep]\n"
		"measurement = [ { tee = \"process\", sha256 = \"");
	for (size_t i = 0; i < 32; i++)
		strcat(policy, "3e");
	strcat(policy, "\" } ]\n");
	put(argv[1], "policy.toml", policy, strlen(policy));
	return 0;
}
