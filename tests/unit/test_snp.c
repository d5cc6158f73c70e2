// SPDX-License-Identifier: Apache-2.0
#include "tests/support/snp_verdict.h"

/*
 * The judge of SEV-SNP: reports made here under a root of the test, for every
 * field and every line of a policy. test_snp_chain.c has what signed them,
 * test_snp_files.c genuine ones and what is around a report.
 */
static void good_evidence_of_every_product_and_key_is_good(void)
{
	static void (*const make[])(
		struct sn *) = { sn_good, sn_turin, sn_milan, sn_vlek };
	struct sn s;

	for (size_t i = 0; i < sizeof(make) / sizeof(make[0]); i++) {
		make[i](&s);
		accept(&s, "");
		eq_str(judge(&s), "good");
		ok(!verdict.hardware);
		ok(verdict.emulated);
		eq_u64(verdict.tee, DJ_TEE_SNP);
		eq_u64(verdict.measurement_len, 48);
	}
}

/*
 * Faults: what the policy's [snp] says, and a change of the good evidence;
 * unless `good` is SAME, a value that the same policy accepts. Some are the
 * policy's alone: their change changes nothing.
 */
struct fault {
	const char *name; /* the check that finds it */
	const char *snp;
	uint16_t off, len;
	uint64_t bad, good; /* values at off */
};

#define SAME UINT64_MAX
#define MIN  "min-tcb = { bootloader = 2, tee = 3, snp = 4, microcode = 200 }"

static const struct fault fields[] = {
	{ "evidence.reserved", "", 0, 4, 1, 4 },
	{ "evidence.reserved", "", 0, 4, 6, 3 },
	{ "evidence.reserved", "", 0, 4, 0, SAME },
	{ "evidence.reserved", "report-version = [3]", 0, 4, 5, 3 },
	{ "evidence.reserved", "", 0x34, 4, 2, SAME },
	{ "evidence.reserved", "", 0x34, 4, 0, SAME },
	{ "evidence.reserved", "", 0x48, 4, 0x20, SAME },
	{ "evidence.reserved", "", 0x48, 4, 2 << 2, SAME },
	{ "evidence.reserved", "", 0x4c, 4, 1, SAME },
	{ "evidence.reserved", "", 0x08, 8, 0x4030000, 0x2030000 },
	{ "evidence.reserved", "", 0x08, 8, 0x10000, SAME },
	{ "evidence.reserved", "", 0x18b, 1, 1, SAME },
	{ "evidence.reserved", "", 0x19f, 1, 128, SAME },
	{ "evidence.reserved", "", 0x1eb, 1, 1, SAME },
	{ "evidence.reserved", "", 0x1ef, 1, 1, SAME },
	{ "evidence.reserved", "", 0x208, 1, 1, SAME },
	{ "evidence.reserved", "", 0x29f, 1, 1, SAME },
	{ "evidence.signature", "", 0x48, 4, 2, SAME },
	{ "evidence.mode", "", 0x08, 8, 0xb0000, SAME },
	{ "evidence.mode", "", 0x08, 8, 0x70000, SAME },
	{ "evidence.mode", "", 0x30, 4, 1, SAME },
	{ "evidence.mode", "", 0x30, 4, 0x100, SAME },
	{ "evidence.mode", "vmpl = [1, 2]", 0x30, 4, 0, 1 },
	{ "evidence.mode", "vmpl = [1, 2]", 0x30, 4, 3, 2 },
	{ "evidence.mode", "single-socket = true", 0x08, 8, 0x30000, 0x130000 },
	{ "evidence.mode", "cxl = false", 0x08, 8, 0x230000, 0x30000 },
	{ "evidence.mode", "aes-256-xts = true", 0x08, 8, 0x30000, 0x430000 },
	{ "evidence.mode", "page-swap = false", 0x08, 8, 0x30000, 0x2030000 },
	{ "evidence.mode", "min-guest-svn = 3", 4, 4, 2, 3 },
	{ "evidence.mode", "min-guest-svn = 3", 4, 4, 0, 4 },
	{ "evidence.platform", "alias-check = true", 0x40, 8, 0x05, 0x20 },
	{ "evidence.platform", "tsme = true", 0x40, 8, 0x05, 0x02 },
	{ "evidence.platform", "ecc = true", 0x40, 8, 0x21, 0x44 },
	{ "evidence.tcb", MIN, 0x38, 1, 1, 3 },
	{ "evidence.tcb", MIN, 0x1f1, 1, 2, 4 },
	{ "evidence.tcb", MIN, 0x1e6, 1, 3, 5 },
	{ "evidence.tcb", MIN, 0x3f, 1, 199, 201 },
	{ "evidence.tcb", "", 0x180, 1, 1, SAME },
	{ "evidence.tcb", "", 0x187, 1, 201, SAME },
	{ "evidence.tcb", "", 0x1e0, 1, 1, 3 },
	{ "evidence.tcb", "", 0x3a, 1, 1, SAME },
	{ "evidence.tcb", "", 0x1f5, 1, 1, SAME },
	{ "evidence.tcb", "min-tcb-genoa = { snp = 5 }", 0x1e6, 1, 5, SAME },
	{ "evidence.tcb", "min-firmware = \"1.55.43\"", 0x1e8, 1, 42, 44 },
	{ "evidence.tcb", "min-firmware = \"1.55.43\"", 0x1ed, 1, 54, 56 },
	{ "evidence.tcb", "provisional = false", 0x1e8, 1, 44, SAME },
	{ "evidence.tcb", "provisional = false", 0x3f, 1, 201, SAME },
	{ "evidence.tcb", "mit-vector = 3", 0x1f8, 8, 1, 7 },
	{ "evidence.tcb", "mit-vector = 3", 0x200, 8, 2, 3 },
	{ "evidence.measurement", "", 0x90, 1, 0, SAME },
	{ "evidence.measurement", "", 0xbf, 1, 0, SAME },
	{ "evidence.platform", "", 0x1a0, 1, 0, SAME },
	{ "evidence.platform", "", 0x1df, 1, 0, SAME },
	{ "evidence.chain", "", 0x189, 1, 0x01, 0xa0 },
	{ "evidence.chain", "", 0x188, 1, 0x1b, SAME },
	{ "evidence.chain", "", 0x48, 4, DJ_SNP_KEY_VLEK << 2, SAME },
	{ "evidence.chain", "products = \"turin\"", 4, 4, 3, SAME },
	{ "evidence.chain", "signing-key = \"vlek\"", 4, 4, 3, SAME },
	{ "evidence.revocation", "max-crl-age = \"1d\"", 4, 4, 3, SAME },
};

static void every_field_below_at_and_above_its_bound_is_told_apart(void)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const struct fault *f = &fields[i];
		struct sn s;

		sn_good(&s);
		accept(&s, f->snp);
		sn_put(&s, f->off, f->len, f->bad);
		if (!eq_str(judge(&s), f->name))
			printf("# field %zu at 0x%x\n", i, f->off);
		if (f->good == SAME)
			continue;
		sn_good(&s);
		sn_put(&s, f->off, f->len, f->good);
		/* What version 3 and 4 do not have must not be there. */
		if (f->off == 0) {
			sn_put(&s, 0x1f8, 8, 0);
			sn_put(&s, 0x200, 8, 0);
		}
		if (!eq_str(judge(&s), "good"))
			printf("# field %zu at 0x%x, good\n", i, f->off);
	}
}

static void two_faults_never_hide_each_other(void)
{
	const size_t n = sizeof(fields) / sizeof(fields[0]);
	struct sn s;

	for (size_t i = 0; i < n; i++) {
		for (size_t k = i + 1; k < n; k++) {
			const struct fault *f[2] = { &fields[i], &fields[k] };
			char snp[256];

			/* A third of them, a minute for all. */
			if ((i + k) % 3 != 0 && getenv("DONJON_LONG") == NULL)
				continue;
			/* Two values at one place are one fault. */
			if (f[0]->off < f[1]->off + f[1]->len &&
				f[1]->off < f[0]->off + f[0]->len)
				continue;
			if (strcmp(f[0]->snp, f[1]->snp) == 0)
				(void)snprintf(snp, sizeof(snp), "%s",
					f[0]->snp);
			else if (strncmp(f[0]->snp, f[1]->snp, 5) == 0)
				continue;
			else
				(void)snprintf(snp, sizeof(snp), "%s\n%s",
					f[0]->snp, f[1]->snp);
			sn_good(&s);
			accept(&s, snp);
			for (size_t m = 0; m < 2; m++)
				sn_put(&s, f[m]->off, f[m]->len, f[m]->bad);
			(void)judge(&s);
			ok(!verdict.good);
			for (size_t m = 0; m < 2; m++) {
				const struct dj_check *c =
					dj_verdict_check(&verdict, f[m]->name);

				if (!ok(c != NULL &&
					    (c->state == DJ_CHECK_FAILED ||
						    c->state == DJ_CHECK_NA)))
					printf("# %zu and %zu: %s\n", i, k,
						f[m]->name);
			}
		}
	}
}

/* ---- field by field: below, equal, above, reserved ---- */

/* The check that failed, and what it says of why. */
static void told(struct sn *s, const char *name, const char *why)
{
	const struct dj_check *c;

	if (!eq_str(judge(s), name))
		printf("# for: %s\n", why);
	c = dj_verdict_check(&verdict, name);
	if (!ok(c != NULL && c->got != NULL && strstr(c->got, why) != NULL))
		printf("# %s, not: %s\n",
			c == NULL || c->got == NULL ? "nothing" : c->got, why);
}

static const struct tcb_word {
	const char *name;
	uint16_t off;
} tcb_words[] = { { "current", 0x38 }, { "reported", 0x180 },
	{ "committed", 0x1e0 }, { "launch", 0x1f0 } };

static const struct tcb_part {
	const char *name;
	uint8_t at;  /* byte of the word */
	uint8_t spl; /* the certificate's extension .3.spl */
} genoa_parts[] = { { "bootloader", 0, 1 }, { "tee", 1, 2 }, { "snp", 6, 3 },
	{ "microcode", 7, 8 } },
  turin_parts[] = { { "fmc", 0, 9 }, { "bootloader", 1, 1 }, { "tee", 2, 2 },
	  { "snp", 3, 3 }, { "microcode", 7, 8 } };

/* Nothing that is reported is above what is committed or certified. */
static void raise_all(struct sn *s, const struct tcb_part *part, unsigned value)
{
	for (size_t w = 0; w < 3; w++)
		sn_put(s, tcb_words[w].off + part->at, 1, value);
	s->spl[part->spl] = (int)value;
}

static void one_part(void (*make)(struct sn *), const struct tcb_part *part)
{
	char snp[80], why[80];
	struct sn s;
	unsigned g;

	make(&s);
	g = s.report[tcb_words[0].off + part->at];
	(void)snprintf(snp, sizeof(snp), "min-tcb = { %s = %u }", part->name,
		g);
	for (size_t w = 0; w < 4; w++) {
		make(&s);
		accept(&s, snp);
		sn_put(&s, tcb_words[w].off + part->at, 1, g - 1);
		(void)snprintf(why, sizeof(why), "%s_tcb %s %u",
			tcb_words[w].name, part->name, g - 1);
		told(&s, "evidence.tcb", why);
		make(&s);
		accept(&s, snp);
		eq_str(judge(&s), "good");
		make(&s);
		accept(&s, snp);
		if (w == 1)
			raise_all(&s, part, g + 1);
		else
			sn_put(&s, tcb_words[w].off + part->at, 1, g + 1);
		eq_str(judge(&s), "good");
	}
}

static void each_part_of_each_TCB_has_its_own_reason(void)
{
	char why[64];
	struct sn s;

	for (size_t i = 0; i < 4; i++)
		one_part(sn_good, &genoa_parts[i]);
	for (size_t i = 0; i < 5; i++)
		one_part(sn_turin, &turin_parts[i]);
	for (size_t w = 0; w < 4; w++) {
		for (unsigned at = 2; at < 6; at++) {
			sn_good(&s);
			accept(&s, "");
			sn_put(&s, tcb_words[w].off + at, 1, 1U << at);
			(void)snprintf(why, sizeof(why),
				"%s_tcb has a reserved byte set",
				tcb_words[w].name);
			told(&s, "evidence.tcb", why);
		}
	}
}

static void each_number_has_its_own_reason(void)
{
	static const struct {
		const char *snp, *check, *why;
		uint16_t off, len;
		uint64_t below, equal, above;
		bool is_exact; /* above is refused, too */
		const char *why_above;
	} t[] = {
		{ "min-guest-svn = 3", "evidence.mode", "guest_svn 2", 4, 4, 2,
			3, 4, false, NULL },
		{ "vmpl = [2]", "evidence.mode", "VMPL 1", 0x30, 4, 1, 2, 3,
			true, "VMPL 3" },
		{ "min-firmware = \"1.55.43\"", "evidence.tcb",
			"current firmware 1.55.42", 0x1e8, 1, 42, 43, 44, false,
			NULL },
		{ "min-firmware = \"1.55.43\"", "evidence.tcb",
			"current firmware 1.54.43", 0x1e9, 1, 54, 55, 56, false,
			NULL },
		{ "min-firmware = \"1.55.43\"", "evidence.tcb",
			"current firmware 0.55.43", 0x1ea, 1, 0, 1, 2, false,
			NULL },
		{ "min-firmware = \"1.55.43\"", "evidence.tcb",
			"committed firmware 1.55.42", 0x1ec, 1, 42, 43, 44,
			false, NULL },
		{ "min-firmware = \"1.55.43\"", "evidence.tcb",
			"committed firmware 1.54.43", 0x1ed, 1, 54, 55, 56,
			false, NULL },
		{ "min-firmware = \"1.55.43\"", "evidence.tcb",
			"committed firmware 0.55.43", 0x1ee, 1, 0, 1, 2, false,
			NULL },
		{ "mit-vector = 2", "evidence.tcb",
			"vectors 0x1 at launch, 0x3 now", 0x1f8, 8, 1, 2, 3,
			false, NULL },
		{ "mit-vector = 2", "evidence.tcb",
			"vectors 0x3 at launch, 0x1 now", 0x200, 8, 1, 2, 3,
			false, NULL },
		{ "report-version = [5]", "evidence.reserved",
			"report version 3", 0, 4, 3, 5, 6, true,
			"another version" },
		{ "", "evidence.reserved", "another version", 0, 4, 1, 5, 6,
			true, "another version" },
		{ "", "evidence.reserved", "another version or algorithm", 0x34,
			4, 0, 1, 2, true, "another version or algorithm" },
	};
	struct sn s;

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		const uint64_t v[3] = { t[i].below, t[i].equal, t[i].above };

		for (size_t k = 0; k < 3; k++) {
			sn_good(&s);
			accept(&s, t[i].snp);
			sn_put(&s, t[i].off, t[i].len, v[k]);
			if (t[i].off == 0 && v[k] == 3) {
				sn_put(&s, 0x1f8, 8, 0);
				sn_put(&s, 0x200, 8, 0);
			}
			if (k == 0)
				told(&s, t[i].check, t[i].why);
			else if (k == 2 && t[i].is_exact)
				told(&s, t[i].check, t[i].why_above);
			else
				eq_str(judge(&s), "good");
		}
	}
}

/* As the policy says, the other way, and with the policy's leave. */
static void one_switch(const struct dj_policy_snp_demand *d, bool is_policy)
{
	const uint16_t off = is_policy ? 0x08 : 0x40;
	uint64_t set = is_policy ? d->policy_set : d->info_set;
	uint64_t bit = set | (is_policy ? d->policy_clear : d->info_clear);
	char snp[64], other[64], why[64];
	struct sn s;

	if (bit == 0)
		return;
	(void)snprintf(snp, sizeof(snp), "%s = %s", d->key,
		d->when ? "true" : "false");
	(void)snprintf(other, sizeof(other), "%s = %s", d->key,
		d->when ? "false" : "true");
	(void)snprintf(why, sizeof(why), "bit 0x%llx is %s",
		(unsigned long long)bit, set != 0 ? "clear" : "set");
	for (int k = 0; k < 3; k++) {
		uint64_t word = 0x30000, info = 0x25;

		word = (word | d->policy_set) & ~d->policy_clear;
		info = (info | d->info_set) & ~d->info_clear;
		if (k != 0 && is_policy)
			word ^= bit;
		else if (k != 0)
			info ^= bit;
		sn_good(&s);
		accept(&s, k == 2 ? other : snp);
		sn_put(&s, 0x08, 8, word);
		sn_put(&s, 0x40, 8, info);
		if (k == 1)
			told(&s,
				off == 0x08 ? "evidence.mode"
					    : "evidence.platform",
				why);
		else
			eq_str(judge(&s), "good");
	}
}

static void each_switch_of_a_policy_has_its_own_reason(void)
{
	for (size_t i = 0; i < DJ_SNP_SWITCHES; i++) {
		one_switch(&dj_policy_snp_demands[i], true);
		one_switch(&dj_policy_snp_demands[i], false);
	}
}

/* A bit of each byte; all of them with DONJON_LONG. */
static void every_reserved_byte_must_be_zero(void)
{
	static const struct {
		uint16_t off, len;
		uint64_t keep; /* bits of the first 8 bytes that are not */
	} ranges[] = { { 0x08, 8, 0x3ffffff }, { 0x48, 4, 0x1f },
		{ 0x4c, 4, 0 }, { 0x18b, 21, 0 }, { 0x1eb, 1, 0 },
		{ 0x1ef, 1, 0 }, { 0x208, 152, 0 } };
	bool is_long = getenv("DONJON_LONG") != NULL;
	struct sn s;

	sn_good(&s);
	accept(&s, "");
	for (size_t r = 0; r < sizeof(ranges) / sizeof(ranges[0]); r++) {
		for (unsigned b = 0; b < 8U * ranges[r].len; b++) {
			unsigned at = ranges[r].off + b / 8;

			if ((b < 64 && (ranges[r].keep >> b & 1) != 0) ||
				(!is_long && b % 8 != at % 8))
				continue;
			sn_good(&s);
			s.report[at] |= (uint8_t)(1U << b % 8);
			told(&s, "evidence.reserved",
				"a reserved byte or bit that is set");
		}
	}
}

static void versions_above_127_and_tagged_chips_are_read(void)
{
	struct sn s;

	sn_good(&s);
	s.hwid_tagged = true;
	accept(&s, "");
	eq_str(judge(&s), "good");
	s.spl[8] = 255;
	eq_str(judge(&s), "evidence.tcb");
	for (size_t at = 0; at < 4; at++)
		sn_put(&s, (uint16_t[]){ 0x3f, 0x187, 0x1e7, 0x1f7 }[at], 1,
			255);
	eq_str(judge(&s), "good");
}

static void turins_parts_stand_elsewhere(void)
{
	struct sn s;

	sn_turin(&s);
	accept(&s, "min-tcb-turin = { fmc = 10 }");
	eq_str(judge(&s), "evidence.tcb");
	accept(&s, "min-tcb = { fmc = 10 }\nmin-tcb-turin = { fmc = 9 }");
	eq_str(judge(&s), "good");
	sn_put(&s, 0x1a8, 1, 1);
	eq_str(judge(&s), "evidence.platform");
	sn_turin(&s);
	sn_put(&s, 0x184, 1, 1);
	eq_str(judge(&s), "evidence.tcb");
}

static void chips_that_are_listed_are_the_only_ones(void)
{
	char snp[256] = "chips = [\"";
	struct sn s;

	for (int i = 0; i < 64; i++)
		strcat(snp, "c4");
	strcat(snp, "\"]");
	sn_good(&s);
	accept(&s, snp);
	eq_str(judge(&s), "good");
	memset(s.hwid, 0xc5, 64);
	memset(s.report + 0x1a0, 0xc5, 64);
	eq_str(judge(&s), "evidence.platform");
	sn_vlek(&s);
	eq_str(judge(&s), "evidence.platform");
	sn_turin(&s);
	accept(&s, "chips = \"c4c4c4c4c4c4c4c4\"");
	eq_str(judge(&s), "good");
}

static void a_masked_chip_needs_the_policys_leave(void)
{
	struct sn s;

	sn_good(&s);
	memset(s.report + 0x1a0, 0, 64);
	accept(&s, "");
	eq_str(judge(&s), "evidence.platform");
	accept(&s, "masked-chip = true");
	eq_str(judge(&s), "good");
}

static void a_vleks_provider_can_be_asked_for(void)
{
	struct sn s;

	sn_vlek(&s);
	accept(&s, "csp = [\"cloud.example\"]");
	eq_str(judge(&s), "good");
	accept(&s, "csp = [\"another.example\"]");
	eq_str(judge(&s), "evidence.platform");
	accept(&s, "signing-key = \"vcek\"");
	eq_str(judge(&s), "evidence.chain");
	s.csp = NULL;
	accept(&s, "");
	eq_str(judge(&s), "evidence.chain");
}

static void smt_and_the_like_need_both_policy_and_platform(void)
{
	static const struct {
		const char *snp, *name;
		uint64_t policy, info;
	} t[] = {
		{ "smt = false", "good", 0x20000, 0x24 },
		{ "smt = false", "evidence.mode", 0x30000, 0x24 },
		{ "smt = false", "evidence.platform", 0x20000, 0x25 },
		{ "rapl = false", "good", 0x830000, 0x2d },
		{ "rapl = false", "evidence.mode", 0x30000, 0x2d },
		{ "rapl = false", "evidence.platform", 0x830000, 0x25 },
		{ "ciphertext-hiding = true", "good", 0x1030000, 0x35 },
		{ "ciphertext-hiding = true", "evidence.mode", 0x30000, 0x35 },
		{ "ciphertext-hiding = true", "evidence.platform", 0x1030000,
			0x25 },
		{ "debug = true", "good", 0xb0000, 0x25 },
		{ "migration = true", "good", 0x70000, 0x25 },
		{ "", "good", 0x30000, UINT64_MAX },
	};
	struct sn s;

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		sn_good(&s);
		accept(&s, t[i].snp);
		sn_put(&s, 0x08, 8, t[i].policy);
		sn_put(&s, 0x40, 8, t[i].info);
		eq_str(judge(&s), t[i].name);
	}
}

static void identities_are_compared_where_the_policy_has_them(void)
{
	static const struct {
		const char *key;
		size_t off, len;
		const char *check;
	} ids[] = {
		{ "host-data", 0xc0, 32, "evidence.config" },
		{ "id-key", 0xe0, 48, "evidence.mode" },
		{ "author-key", 0x110, 48, "evidence.mode" },
		{ "family-id", 0x10, 16, "evidence.mode" },
		{ "image-id", 0x20, 16, "evidence.mode" },
	};
	struct sn s;

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		char snp[256];
		int n = snprintf(snp, sizeof(snp), "%s = \"", ids[i].key);

		for (size_t k = 0; k < ids[i].len; k++)
			n += snprintf(snp + n, sizeof(snp) - (size_t)n, "ab");
		(void)snprintf(snp + n, sizeof(snp) - (size_t)n, "\"");
		sn_good(&s);
		accept(&s, snp);
		sn_put(&s, 0x48, 4, 1);
		memset(s.report + ids[i].off, 0xab, ids[i].len);
		eq_str(judge(&s), "good");
		s.report[ids[i].off + ids[i].len - 1] ^= 1;
		eq_str(judge(&s), ids[i].check);
		if (i != 2)
			continue;
		s.report[ids[i].off + ids[i].len - 1] ^= 1;
		sn_put(&s, 0x48, 4, 0); /* the digest of a key not in use */
		eq_str(judge(&s), ids[i].check);
	}
}

static void HOST_DATA_is_nothing_or_the_configurations_hash(void)
{
	static const struct {
		size_t at; /* the byte that differs; 32: none */
		const char *want;
	} rows[] = { { 32, "good" }, { 0, "evidence.config" },
		{ 15, "evidence.config" }, { 31, "evidence.config" } };
	uint8_t hash[32];
	struct sn s;

	memset(hash, 0x6b, sizeof(hash));
	sn_good(&s);
	accept(&s, "");
	config_hash = hash;
	eq_str(judge(&s), "good");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memcpy(s.report + 0xc0, hash, 32);
		s.report[0xc0 + rows[i].at] ^= rows[i].at < 32;
		eq_str(judge(&s), rows[i].want);
	}
	config_hash = NULL;
}

static void numbers_of_a_signature_are_within_the_order(void)
{
	static const uint8_t order[] = { 0x73, 0x29, 0xc5, 0xcc, 0x6a, 0x19,
		0xec, 0xec, 0x7a, 0xa7, 0xb0, 0x48, 0xb2, 0x0d, 0x1a, 0x58,
		0xdf, 0x2d, 0x37, 0xf4, 0x81, 0x4d, 0x63, 0xc7 };
	struct sn s;

	sn_good(&s);
	accept(&s, "");
	s.keep_signature = true;
	for (size_t at = 0x2a0; at <= 0x2e8; at += 0x48) {
		memset(s.report + 0x2a0, 1, 48);
		memset(s.report + 0x2e8, 1, 48);
		memset(s.report + at, 0, 48);
		eq_str(judge(&s), "evidence.signature");
		memset(s.report + at, 0xff, 48);
		memcpy(s.report + at, order, sizeof(order));
		eq_str(judge(&s), "evidence.signature");
		eq_str(dj_verdict_check(&verdict, "evidence.signature")->got,
			"r or s is not within 1..n-1");
	}
}

static void reports_of_another_length_are_refused(void)
{
	struct sn s;

	sn_good(&s);
	accept(&s, "");
	for (size_t len = 0; len < DJ_SNP_REPORT_SIZE; len += 37) {
		s.report_len = len;
		eq_str(judge(&s), "evidence.reserved");
	}
}

static void a_policy_with_a_mistake_says_where(void)
{
	static const struct {
		const char *snp, *say;
	} bad[] = {
		{ "smtt = false", "did you mean \"smt\"?" },
		{ "smt = 0", "smt: expected a boolean" },
		{ "products = []", "an empty list accepts nothing" },
		{ "products = \"rome\"", "expected \"milan\"" },
		{ "signing-key = \"vmrk\"", "expected \"vcek\"" },
		{ "vmpl = 4", "vmpl: expected 0 to 3" },
		{ "vmpl = -1", "vmpl: expected 0 to 3" },
		{ "report-version = 1", "expected 2 to 5" },
		{ "min-tcb = 3", "min-tcb: expected a table" },
		{ "min-tcb = { boot = 3 }", "unknown key \"boot\"" },
		{ "min-tcb = { snp = 256 }", "snp: expected 0 to 255" },
		{ "min-firmware = \"1.55\"", "MAJOR.MINOR.BUILD" },
		{ "min-firmware = \"1.55.256\"", "MAJOR.MINOR.BUILD" },
		{ "max-crl-age = \"30\"", "expected days or hours" },
		{ "max-crl-age = \"0d\"", "expected days or hours" },
		{ "chips = \"all\"", "expected 128 hexadecimal digits" },
		{ "chips = []", "an empty list accepts nothing" },
		{ "host-data = \"00\"", "expected 64 hexadecimal digits" },
		{ "csp = [1]", "csp: expected a string" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *text = sn_policy(bad[i].snp);

		ok(dj_policy_parse(text, strlen(text), "p", &policy, &err) !=
			DJ_OK);
		eq_u64(err.line, 9);
		if (!ok(strstr(err.text, bad[i].say) != NULL))
			printf("# %s: %s\n", bad[i].snp, err.text);
	}
}

int main(void)
{
	RUN(good_evidence_of_every_product_and_key_is_good);
	RUN(every_field_below_at_and_above_its_bound_is_told_apart);
	RUN(two_faults_never_hide_each_other);
	RUN(each_part_of_each_TCB_has_its_own_reason);
	RUN(each_number_has_its_own_reason);
	RUN(each_switch_of_a_policy_has_its_own_reason);
	RUN(every_reserved_byte_must_be_zero);
	RUN(versions_above_127_and_tagged_chips_are_read);
	RUN(turins_parts_stand_elsewhere);
	RUN(chips_that_are_listed_are_the_only_ones);
	RUN(a_masked_chip_needs_the_policys_leave);
	RUN(a_vleks_provider_can_be_asked_for);
	RUN(smt_and_the_like_need_both_policy_and_platform);
	RUN(identities_are_compared_where_the_policy_has_them);
	RUN(HOST_DATA_is_nothing_or_the_configurations_hash);
	RUN(numbers_of_a_signature_are_within_the_order);
	RUN(reports_of_another_length_are_refused);
	RUN(a_policy_with_a_mistake_says_where);
	return done();
}
