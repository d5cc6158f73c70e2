// SPDX-License-Identifier: Apache-2.0
/*
 * sgx_evidence DIR: SGX evidence made under roots of this run, for tests of
 * the command line: every fault of tests/unit/sgx_faults.h, and every status
 * that a platform and a quoting enclave can have together. A folder each, as
 * people save quotes: quote.bin, the collateral under its usual names,
 * root.pem, policy.toml. What each is, a line each on standard output: name,
 * what is wrong ("-": nothing), TCB status or "-", words. Valid around
 * SX_TIME, 2027-01-15T08:00:00Z.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/proto/evidence.h"
#include "tests/support/sgx.h"

static uint8_t made[65536];
static char folder[4096];

static void put(const char *name, const void *p, size_t len)
{
	char path[4200];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "we");
	if (f == NULL || fwrite(p, 1, len, f) != len || fclose(f) != 0) {
		perror(path);
		exit(1);
	}
}

static void write_case(const char *dir, const char *name, const struct sx *s)
{
	static const char *const names[DJ_EVIDENCE_TAGS] = {
		[DJ_EVIDENCE_REPORT] = "quote.bin",
		[DJ_EVIDENCE_TCB_INFO] = "tcb_info.json",
		[DJ_EVIDENCE_TCB_CHAIN] = "tcb_signing_chain.pem",
		[DJ_EVIDENCE_QE_ID] = "qe_identity.json",
		[DJ_EVIDENCE_QE_CHAIN] = "qe_identity_signing_chain.pem",
		[DJ_EVIDENCE_ROOT_CRL] = "root_ca_crl.der",
		[DJ_EVIDENCE_PCK_CRL] = "pck_crl.der",
		[DJ_EVIDENCE_PCK_CHAIN] = "pck_crl_issuer_chain.pem"
	};
	struct dj_evidence e;
	const char *policy;

	(void)snprintf(folder, sizeof(folder), "%s/%s", dir, name);
	if (mkdir(folder, 0700) != 0 ||
		dj_evidence_parse(made, sx_build(s, made, sizeof(made)), &e) !=
			DJ_OK) {
		perror(folder);
		exit(1);
	}
	for (size_t i = 0; i < DJ_EVIDENCE_TAGS; i++) {
		if (e.item[i].p != NULL && names[i] != NULL)
			put(names[i], e.item[i].p, e.item[i].len);
	}
	put("root.pem", sx_root(), strlen(sx_root()));
	policy = sx_policy("");
	put("policy.toml", policy, strlen(policy));
}

static void statuses(const char *dir)
{
	static const char *const all[] = { "UpToDate", "SWHardeningNeeded",
		"ConfigurationNeeded", "ConfigurationAndSWHardeningNeeded",
		"OutOfDate", "OutOfDateConfigurationNeeded", "Revoked" };
	static const char *const qe[] = { "UpToDate", "OutOfDate", "Revoked" };
	char name[128];
	struct sx s;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		for (size_t k = 0; k < sizeof(qe) / sizeof(qe[0]); k++) {
			(void)snprintf(name, sizeof(name), "tcb-%s-%s", all[i],
				qe[k]);
			sx_good(&s);
			s.pki.level[0].status = all[i];
			s.pki.qe_level[0].status = qe[k];
			write_case(dir, name, &s);
			(void)printf("%s\ttcb\t%s\t%s\n", name, all[i], qe[k]);
		}
	}
}

int main(int argc, char **argv)
{
	struct sx s;

	if (argc != 2)
		return 64;
	sx_good(&s);
	write_case(argv[1], "good", &s);
	(void)printf("good\t-\tUpToDate\t\n");
	for (int i = 0; i < FAULTS; i++) {
		/* The format, and a second chain, are not a file's to have. */
		if (i == F_format || i == F_second_chain)
			continue;
		sx_good(&s);
		sx_break(&s, (enum sx_fault)i);
		write_case(argv[1], sx_faults[i].name, &s);
		(void)printf("%s\t%s\t-\t%s\n", sx_faults[i].name,
			sx_faults[i].check, sx_faults[i].says);
	}
	statuses(argv[1]);
	return 0;
}
