// SPDX-License-Identifier: Apache-2.0
#include "tests/tap.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attest/policy.h"
#include "client/policy_file.h"
#include "client/verdict_print.h"
#include "tests/support/evidence.h"

#define HEX64 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define HEAD  "schema = 1\nname = \"p\"\n"
#define KEEP                                                             \
	"[keep]\nmeasurement = [ { tee = \"process\", sha256 = \"" HEX64 \
	"\" } ]\n"

static struct dj_policy p;
static struct dj_toml_error err;

static dj_status parse(const char *text)
{
	memset(&err, 0, sizeof(err));
	return dj_policy_parse(text, strlen(text), "p.toml", &p, &err);
}

static void a_whole_policy_is_read_with_its_lines(void)
{
	eq_u64(parse(HEAD "[development]\nallow = true\n"
			  "root = [\"a.pem\",\n\"/b.pem\"]\n" KEEP
			  "[process]\nplatforms = [\"" HEX64 "\"]\n"
			  "[session]\nsuites = [0x0002, 0x0001]\nminclass = 3"),
		DJ_OK);
	eq_str(p.name, "p");
	eq_str(p.file, "p.toml");
	ok(p.development);
	eq_u64(p.development_line, 4);
	eq_u64(p.root_count, 2);
	eq_str(p.roots[1].path, "/b.pem");
	eq_u64(p.roots[0].line * 100 + p.roots[1].line, 506);
	eq_u64(p.roots[0].der_len, 0);
	eq_u64(p.measure_count, 1);
	eq_u64(p.measures[0].tee, DJ_TEE_PROCESS);
	eq_u64(p.measures[0].bytes[31], 0x1f);
	eq_u64(p.measures[0].line, 8);
	eq_u64(p.platform_count, 1);
	eq_u64(p.suite_count, 2);
	eq_u64(p.suites[0], 2);
	eq_u64(p.minclass, 3);
	ok(dj_policy_wants_tee(&p, DJ_TEE_PROCESS));
	ok(!dj_policy_wants_tee(&p, DJ_TEE_SNP));
}

static void the_least_policy_allows_no_development(void)
{
	eq_u64(parse(HEAD KEEP), DJ_OK);
	ok(!p.development);
	eq_u64(p.root_count, 0);
	eq_u64(p.suite_count, 0);
}

static const struct {
	const char *text;
	dj_status st;
	unsigned line;
	const char *say;
} bad[] = {
	{ "", DJ_E_INPUT, 1, "expected schema = 1" },
	{ "schema = 2\nname = \"p\"\n" KEEP, DJ_E_INPUT, 1,
		"expected schema = 1" },
	{ "schema = \"1\"\n", DJ_E_INPUT, 1,
		"schema: expected an integer, not string" },
	{ "schema = 1\n" KEEP, DJ_E_INPUT, 1, "expected name" },
	{ "schema = 1\nname = \"\"\n" KEEP, DJ_E_INPUT, 2, "name: expected 1" },
	{ "schema = 1\nname = \"a\\u001bb\"\n" KEEP, DJ_E_INPUT, 2,
		"name: expected 1" },
	{ "schema = 1\nname = \"a\\u0000b\"\n" KEEP, DJ_E_INPUT, 2,
		"name: expected 1" },
	{ HEAD, DJ_E_INPUT, 1, "no measurement" },
	{ HEAD "[keep]\nmeasurement = []\n", DJ_E_INPUT, 4, "no measurement" },
	{ HEAD "[kep]\n", DJ_E_INPUT, 3, "did you mean \"keep\"?" },
	{ HEAD "keep = 1\n", DJ_E_INPUT, 3, "keep: expected a table" },
	{ HEAD "[keep]\nmeasurment = []\n", DJ_E_INPUT, 4,
		"unknown key \"measurment\" in [keep]; did you mean "
		"\"measurement\"?" },
	{ HEAD "[keep]\nrelease = [\"0.1.0\"]\n", DJ_E_UNSUPPORTED, 4,
		"release: this client carries no measurements" },
	{ HEAD "[keep]\nmeasurement = [ { sha256 = \"" HEX64 "\" } ]",
		DJ_E_INPUT, 4, "expected tee" },
	{ HEAD "[keep]\nmeasurement = [ { tee = \"porcess\" } ]", DJ_E_INPUT, 4,
		"expected tee" },
	{ HEAD "[keep]\nmeasurement = [\n{ tee = \"tdx\", sha384 = \"\" } ]",
		DJ_E_UNSUPPORTED, 5, "cannot judge tdx Keeps" },
	{ HEAD "[keep]\nmeasurement = [ { tee = \"process\" } ]", DJ_E_INPUT, 4,
		"expected sha256" },
	{ HEAD "[keep]\nmeasurement = [ { tee = \"process\", sha256 = "
	       "\"00\" } ]",
		DJ_E_INPUT, 4, "expected 64 hexadecimal digits" },
	{ HEAD "[keep]\nmeasurement = [ { tee = \"process\", sha256 = \"" HEX64
	       "00\" } ]",
		DJ_E_INPUT, 4, "expected 64 hexadecimal digits" },
	{ HEAD "[keep]\nmeasurement = [ { tee = \"process\", sha256 = "
	       "\"g00102030405060708090a0b0c0d0e0f"
	       "101112131415161718191a1b1c1d1e1f\" } ]",
		DJ_E_INPUT, 4, "expected 64 hexadecimal digits" },
	{ HEAD "[keep]\nmeasurement = [ { tee = \"process\", sha384 = \"" HEX64
	       "\" } ]",
		DJ_E_INPUT, 4, "unknown key \"sha384\" in measurement" },
	{ HEAD KEEP "[tdx]\n", DJ_E_UNSUPPORTED, 5, "cannot judge tdx" },
	{ HEAD KEEP "[kvm]\n", DJ_E_INPUT, 5, "knows no demands on kvm" },
	{ HEAD KEEP "[development]\n", DJ_E_INPUT, 5, "expected allow" },
	{ HEAD KEEP "[development]\nallow = \"true\"\n", DJ_E_INPUT, 6,
		"allow: expected a boolean" },
	{ HEAD KEEP "[development]\nallow = true\n", DJ_E_INPUT, 6,
		"allows without a root" },
	{ HEAD KEEP "[development]\nallow = true\nroot = []\n", DJ_E_INPUT, 6,
		"allows without a root" },
	{ HEAD KEEP "[development]\nallow = true\nroot = 1\n", DJ_E_INPUT, 7,
		"root: expected a string" },
	{ HEAD KEEP "[development]\nallow = true\nroot = [[]]\n", DJ_E_INPUT, 7,
		"root: expected a string" },
	{ HEAD KEEP "[development]\nallow = true\nrot = \"\"\n", DJ_E_INPUT, 7,
		"did you mean \"root\"?" },
	{ HEAD KEEP "[session]\nsuites = []\n", DJ_E_INPUT, 6,
		"an empty list" },
	{ HEAD KEEP "[session]\nsuites = [3]\n", DJ_E_INPUT, 6,
		"suites: expected 0x0001" },
	{ HEAD KEEP "[session]\nsuites = [0x10001]\n", DJ_E_INPUT, 6,
		"suites: expected 0x0001" },
	{ HEAD KEEP "[session]\nsuites = [1,1,1,1,1,1,1,1,1]\n", DJ_E_LIMIT, 6,
		"more than 8" },
	{ HEAD KEEP "[session]\nminclass = 4\n", DJ_E_INPUT, 6,
		"expected 0 to 3" },
	{ HEAD KEEP "[session]\nminclass = -1\n", DJ_E_INPUT, 6,
		"expected 0 to 3" },
	{ HEAD KEEP "[process]\nplatforms = []\n", DJ_E_INPUT, 6,
		"an empty list" },
	{ HEAD KEEP "[process]\nchips = \"any\"\n", DJ_E_INPUT, 6,
		"unknown key" },
	{ HEAD KEEP "x = ", DJ_E_INPUT, 5, "expected a value" },
};

static void a_mistake_is_refused_with_its_line_and_accepts_nothing(void)
{
	static const struct dj_policy empty;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		eq_u64(parse(bad[i].text), bad[i].st);
		eq_u64(err.line, bad[i].line);
		if (!ok(strstr(err.text, bad[i].say) != NULL))
			printf("# %zu: %s, not %s\n", i, err.text, bad[i].say);
		eq_mem(&p, &empty, sizeof(p));
	}
}

static void lists_have_limits(void)
{
	static char text[65536];

	for (int n = DJ_POLICY_MEASURES_MAX; n <= DJ_POLICY_MEASURES_MAX + 1;
		n++) {
		strcpy(text, HEAD "[keep]\nmeasurement = [\n");
		for (int i = 0; i < n; i++)
			strcat(text,
				"{ tee = \"process\", sha256 = \"" HEX64
				"\" },\n");
		strcat(text, "]\n");
		eq_u64(parse(text),
			n == DJ_POLICY_MEASURES_MAX ? DJ_OK : DJ_E_LIMIT);
	}
}

#define DEV "[development]\nallow = true\nroot = \"root.pem\"\n"

static void a_root_is_one_strict_certificate_of_a_ca(void)
{
	char pem[8192];
	struct ev ev;

	eq_u64(parse(HEAD DEV KEEP), DJ_OK);
	eq_u64(dj_policy_set_root(&p, 0, ev_root_pem(), strlen(ev_root_pem()),
		       &err),
		DJ_OK);
	ok(p.roots[0].der_len > 0);
	/* Twice, nothing, half. */
	snprintf(pem, sizeof(pem), "%s%s", ev_root_pem(), ev_root_pem());
	eq_u64(dj_policy_set_root(&p, 0, pem, strlen(pem), &err), DJ_E_INPUT);
	eq_u64(p.roots[0].der_len, 0);
	eq_u64(err.line, 5);
	for (size_t n = 0; n < strlen(ev_root_pem()); n++)
		eq_u64(dj_policy_set_root(&p, 0, ev_root_pem(), n, &err),
			DJ_E_INPUT);
	/* A leaf is no root. */
	ev_good(&ev);
	ev.only_leaf = true;
	ev_chain(&ev, pem, sizeof(pem));
	eq_u64(dj_policy_set_root(&p, 0, pem, strlen(pem), &err), DJ_E_INPUT);
	ok(strstr(err.text, "no CA certificate") != NULL);
	ev.leaf = ev.root;
	ev.leaf.key = ev.leaf.signer = EV_KEY_P384;
	ev_chain(&ev, pem, sizeof(pem));
	eq_u64(dj_policy_set_root(&p, 0, pem, strlen(pem), &err), DJ_E_INPUT);
	ok(strstr(err.text, "not on P-256") != NULL);
}

static void a_first_run_accepts_one_root_and_one_measurement(void)
{
	uint8_t digest[32];

	memset(digest, 0xd1, sizeof(digest));
	eq_u64(dj_policy_first_run(ev_root_pem(), strlen(ev_root_pem()),
		       DJ_TEE_PROCESS, digest, &p, &err),
		DJ_OK);
	ok(p.development);
	eq_u64(p.root_count, 1);
	eq_u64(p.measure_count, 1);
	eq_mem(p.measures[0].bytes, digest, 32);
	ok(dj_policy_first_run(ev_root_pem(), 10, DJ_TEE_PROCESS, digest, &p,
		   &err) != DJ_OK);
	ok(!p.development);
	ok(dj_policy_first_run(ev_root_pem(), strlen(ev_root_pem()), DJ_TEE_TDX,
		   digest, &p, &err) != DJ_OK);
	ok(!p.development);
}

static void a_first_run_on_hardware_allows_no_development(void)
{
	uint8_t digest[48];

	memset(digest, 0xd2, sizeof(digest));
	eq_u64(dj_policy_first_run(NULL, 0, DJ_TEE_SNP, digest, &p, &err),
		DJ_OK);
	ok(!p.development);
	eq_u64(p.root_count, 0);
	eq_u64(p.measures[0].len, 48);
	eq_mem(p.measures[0].bytes, digest, 48);
}

static unsigned warned[8];
static size_t warnings;

static void on_warning(void *ctx, unsigned line, const char *text)
{
	(void)ctx;
	ok(text[0] != '\0');
	if (warnings < 8)
		warned[warnings++] = line;
}

static void what_a_careful_reader_would_say_is_said(void)
{
	eq_u64(parse(HEAD DEV KEEP), DJ_OK);
	warnings = 0;
	eq_u64(dj_policy_warnings(&p, on_warning, NULL), 2);
	eq_u64(warned[0], 4);
	eq_u64(warned[1], 0);
	eq_u64(parse(HEAD KEEP), DJ_OK);
	warnings = 0;
	eq_u64(dj_policy_warnings(&p, on_warning, NULL), 1);
	eq_u64(warned[0], 4);
	eq_u64(parse(HEAD "[keep]\nmeasurement = [\n"
			  "{ tee = \"process\", sha256 = \"" HEX64 "\" },\n"
			  "{ tee = \"process\", sha256 = \"" HEX64 "\" } ]\n"),
		DJ_OK);
	warnings = 0;
	eq_u64(dj_policy_warnings(&p, on_warning, NULL), 2);
	eq_u64(warned[1], 6);
}

static void write_file(const char *dir, const char *name, const char *text)
{
	char path[300];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	if (!ok(f != NULL))
		return;
	fputs(text, f);
	fclose(f);
}

static void roots_are_found_from_the_policys_folder(void)
{
	char dir[] = "/tmp/donjon-policy-XXXXXX", path[300];

	if (!ok(mkdtemp(dir) != NULL))
		return;
	snprintf(path, sizeof(path), "%s/p.toml", dir);
	eq_u64(dj_policy_load(path, &p, &err), DJ_E_SYS);
	eq_u64(err.line, 0);
	write_file(dir, "p.toml", HEAD DEV KEEP);
	eq_u64(dj_policy_load(path, &p, &err), DJ_E_SYS);
	eq_u64(err.line, 5);
	ok(strstr(err.text, "root.pem: No such file") != NULL);
	write_file(dir, "root.pem", ev_root_pem());
	eq_u64(dj_policy_load(path, &p, &err), DJ_OK);
	ok(p.roots[0].der_len > 0);
	eq_str(p.file, path);
	write_file(dir, "root.pem", "text");
	eq_u64(dj_policy_load(path, &p, &err), DJ_E_INPUT);
	eq_u64(p.measure_count, 0);
	eq_u64(dj_policy_load(dir, &p, &err), DJ_E_SYS);
	unlink(path);
	snprintf(path, sizeof(path), "%s/root.pem", dir);
	unlink(path);
	rmdir(dir);
}

/* Printing: what run and verify show. */
static void a_refusal_shows_got_want_and_policy_line(void)
{
	static uint8_t evidence[16384];
	struct dj_judge_input in = { .purpose = DJ_JUDGE_OFFER,
		.evidence = evidence,
		.time = EV_TIME,
		.config_unknown = true,
		.policy = &p };
	uint8_t digest[32] = { 0xd1 };
	struct dj_verdict v;
	char *text = NULL, line[128];
	size_t len = 0;
	struct ev ev;
	json_t *o;
	FILE *f;

	ev_good(&ev);
	in.hello = ev.hello;
	in.hello_len = ev.hello_len;
	in.offer = ev.offer;
	in.offer_len = ev.offer_len;
	in.evidence_len = ev_build(&ev, evidence, sizeof(evidence));
	eq_u64(dj_policy_first_run(ev_root_pem(), strlen(ev_root_pem()),
		       DJ_TEE_PROCESS, digest, &p, &err),
		DJ_OK);
	eq_u64(dj_judge(&in, &v), DJ_E_AUTH);
	f = open_memstream(&text, &len);
	dj_verdict_print(&v, false, f);
	fclose(f);
	ok(strstr(text,
		   "  NO    measurement   got 3e3e3e3e3e3e3e3e..  want "
		   "d100000000000000..  (first run):7\n") != NULL);
	ok(strstr(text, "  ok    ") != NULL);
	free(text);
	eq_str(dj_verdict_banner(&v, line, sizeof(line)),
		"EMULATED process keep, no protection (development root)");
	o = dj_verdict_json(&v, "file", false);
	eq_str(json_string_value(json_object_get(o, "schema")),
		"donjon.verdict/1");
	eq_str(json_string_value(json_object_get(o, "protection")), "none");
	eq_str(json_string_value(json_object_get(o, "error")),
		"evidence.measurement");
	ok(json_is_false(json_object_get(o, "good")));
	eq_u64(json_array_size(json_object_get(o, "checks")), v.check_count);
	json_decref(o);
	dj_verdict_done(&v);
}

int main(void)
{
	RUN(a_whole_policy_is_read_with_its_lines);
	RUN(the_least_policy_allows_no_development);
	RUN(a_mistake_is_refused_with_its_line_and_accepts_nothing);
	RUN(lists_have_limits);
	RUN(a_root_is_one_strict_certificate_of_a_ca);
	RUN(a_first_run_accepts_one_root_and_one_measurement);
	RUN(a_first_run_on_hardware_allows_no_development);
	RUN(what_a_careful_reader_would_say_is_said);
	RUN(roots_are_found_from_the_policys_folder);
	RUN(a_refusal_shows_got_want_and_policy_line);
	return done();
}
