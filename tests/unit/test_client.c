// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <openssl/ec.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/errors.h"
#include "client/http.h"
#include "client/job.h"
#include "client/program.h"
#include "client/run.h"
#include "client/settings.h"
#include "client/sink.h"
#include "lib/proto/begin.h"
#include "lib/proto/config.h"
#include "lib/proto/error.h"
#include "tests/tap.h"

/* A folder of the test's own, removed at the end. */
static char folder[] = "/tmp/donjon-client-XXXXXX";

static void put_file(const char *name, const char *text)
{
	char path[256];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "w");
	ok(f != NULL);
	if (f != NULL) {
		(void)fputs(text, f);
		(void)fclose(f);
	}
}

static const char *name_of(const struct dj_err *err)
{
	return err->info == NULL ? "(none)" : err->info->name;
}

/* ---- errors ---- */

static void the_table_of_errors_is_sorted_and_whole(void)
{
	for (size_t i = 0; i < dj_err_count; i++) {
		const struct dj_err_info *e = &dj_errs[i];

		if (i > 0)
			ok(strcmp(dj_errs[i - 1].name, e->name) < 0);
		ok(dj_err_find(e->name) == e);
		ok(strlen(e->what) > 10 && e->what[strlen(e->what) - 1] != '.');
		ok(strlen(e->why) > 20 && e->why[strlen(e->why) - 1] != ' ');
		ok(e->exit > 0 && e->exit < 256);
		ok(e->run_exit > 0 && e->run_exit < 256);
	}
	ok(dj_err_find("no.such") == NULL);
	ok(dj_err_find("") == NULL);
}

static void every_check_of_the_judge_is_an_error_that_refuses(void)
{
	static const char *const checks[] = { "offer.format", "offer.suite",
		"offer.state", "offer.config", "offer.tee", "evidence.format",
		"evidence.tee", "evidence.development", "evidence.reserved",
		"evidence.chain", "evidence.validity", "evidence.revocation",
		"evidence.signature", "evidence.report_data",
		"evidence.measurement", "evidence.config", "evidence.mode",
		"evidence.tcb", "evidence.platform" };

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		const struct dj_err_info *e = dj_err_find(checks[i]);

		ok(e != NULL);
		if (e != NULL) {
			eq_u64(e->exit, 1);
			eq_u64(e->run_exit, 123);
		}
	}
}

static void the_first_error_stays(void)
{
	struct dj_err err = { 0 };

	ok(!dj_err_set(&err, "host.absent", "one %d", 1));
	ok(!dj_err_set(&err, "host.tls", "two"));
	eq_str(name_of(&err), "host.absent");
	eq_str(err.text, "one 1");
}

static void text_of_strangers_moves_no_cursor(void)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "plain", "plain" }, { "a\x1b[31mb", "a?[31mb" },
		{ "line\nline\r\t", "line?line??" },
		{ "\x7f\x9b"
		  "1m",
			"??1m" },
		{ "\xc2\x9b"
		  "1m",
			"?1m" }, /* C1 CSI in UTF-8 */
		{ "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
		{ "\xe2\x80\xae"
		  "abc",
			"?abc" },          /* right-to-left override */
		{ "\xc0\xaf", "??" },      /* overlong */
		{ "\xed\xa0\x80", "???" }, /* surrogate */
		{ "\xe2\x82", "??" },      /* cut short */
	};
	char buf[64], small[4];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		eq_str(dj_clean(buf, sizeof(buf), cases[i].in,
			       strlen(cases[i].in)),
			cases[i].out);
	eq_str(dj_clean(small, sizeof(small), "abcdef", 6), "abc");
	eq_str(dj_clean(small, sizeof(small), "ab\xc3\xbc", 4), "ab");
}

/* ---- exit status ---- */

static void an_exit_record_becomes_one_status(void)
{
	static const struct {
		uint8_t how, trap;
		uint32_t code;
		int status;
		const char *name;
	} cases[] = {
		{ DJ_EXIT_EXIT, 0, 0, 0, NULL },
		{ DJ_EXIT_EXIT, 0, 7, 7, NULL },
		{ DJ_EXIT_EXIT, 0, 255, 255, NULL },
		{ DJ_EXIT_EXIT, 0, 256, 1, NULL },
		{ DJ_EXIT_EXIT, 0, 0x80000000, 1, NULL },
		{ DJ_EXIT_TRAP, 1, 0, 134, "program.trap" },
		{ DJ_EXIT_STOPPED, 0, 0, 143, "program.stopped" },
		{ DJ_EXIT_ENGINE, 0, 0, 70, "program.engine" },
		{ DJ_EXIT_LIMIT, DJ_LIMIT_FUEL, 0, 124, "limit.fuel" },
		{ DJ_EXIT_LIMIT, DJ_LIMIT_WALL, 0, 124, "limit.time" },
		{ DJ_EXIT_LIMIT, DJ_LIMIT_MEMORY, 0, 137, "limit.memory" },
		{ DJ_EXIT_LIMIT, 99, 0, 70, "program.engine" },
		{ DJ_EXIT_REFUSED, 0, 0, 126, "module.refused" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dj_exit e = { .how = cases[i].how,
			.trap = cases[i].trap,
			.code = cases[i].code };
		const char *name = "(unset)";

		eq_u64(dj_outcome_status(&e, &name), cases[i].status);
		if (cases[i].name == NULL)
			ok(name == NULL);
		else
			eq_str(name, cases[i].name);
	}
}

/* ---- settings ---- */

static bool read_text(struct dj_settings *s, const char *text,
	struct dj_err *err)
{
	return dj_settings_read(s, text, strlen(text), "/x/y/t.toml", err);
}

static void a_later_source_replaces_an_earlier_one(void)
{
	struct dj_settings s = { 0 };
	struct dj_err err = { 0 };

	ok(dj_settings_set(&s, DJ_SET_MEMORY, "1MiB", "built in", false, &err));
	ok(dj_settings_set(&s, DJ_SET_ARGS, "old", "built in", false, &err));
	ok(read_text(&s,
		"[program]\nargs = [\"a\", \"b\"]\n[keep]\nmemory = \"2MiB\"\n",
		&err));
	eq_str(dj_settings_get(&s, DJ_SET_MEMORY), "2MiB");
	eq_str(s.v[DJ_SET_MEMORY].origin, "/x/y/t.toml:4");
	eq_u64(s.v[DJ_SET_ARGS].count, 2);
	eq_str(s.v[DJ_SET_ARGS].items[0], "a");
	ok(dj_settings_set(&s, DJ_SET_MEMORY, "3MiB", "--memory", false, &err));
	eq_str(dj_settings_get(&s, DJ_SET_MEMORY), "3MiB");
	eq_str(s.v[DJ_SET_MEMORY].origin, "--memory");
	ok(err.info == NULL);
	dj_settings_done(&s);
}

static void the_order_of_sources_is_file_variable(void)
{
	struct dj_settings s = { 0 };
	struct dj_err err = { 0 };
	char file[256], was[512];

	ok(getcwd(was, sizeof(was)) != NULL);
	ok(chdir(folder) == 0);
	ok(setenv("XDG_CONFIG_HOME", folder, 1) == 0);
	ok(mkdir("donjon", 0700) == 0);
	put_file("donjon/config.toml",
		"[keep]\nmemory = \"1MiB\"\ntime = \"1s\"\n"
		"[policy]\nfile = \"p.toml\"\n");
	put_file("Donjon.toml", "[keep]\nmemory = \"2MiB\"\n");
	(void)unsetenv("DONJON_MEMORY");
	ok(dj_settings_load(&s, NULL, &err));
	eq_str(dj_settings_get(&s, DJ_SET_MEMORY), "2MiB");
	eq_str(dj_settings_get(&s, DJ_SET_TIME), "1s");
	/* a path is meant from the folder of the file that names it */
	(void)snprintf(file, sizeof(file), "%s/donjon/p.toml", folder);
	eq_str(dj_settings_get(&s, DJ_SET_POLICY), file);
	dj_settings_done(&s);

	s = (struct dj_settings){ 0 };
	ok(setenv("DONJON_MEMORY", "4MiB", 1) == 0);
	ok(dj_settings_load(&s, NULL, &err));
	eq_str(dj_settings_get(&s, DJ_SET_MEMORY), "4MiB");
	eq_str(s.v[DJ_SET_MEMORY].origin, "DONJON_MEMORY");
	dj_settings_done(&s);
	(void)unsetenv("DONJON_MEMORY");

	s = (struct dj_settings){ 0 };
	put_file("other.toml", "[keep]\nmemory = \"5MiB\"\n");
	ok(dj_settings_load(&s, "other.toml", &err));
	eq_str(dj_settings_get(&s, DJ_SET_MEMORY), "5MiB");
	dj_settings_done(&s);

	s = (struct dj_settings){ 0 };
	ok(!dj_settings_load(&s, "absent.toml", &err));
	eq_str(name_of(&err), "config.read");
	dj_settings_done(&s);
	ok(chdir(was) == 0);
}

static void a_bad_configuration_is_refused_by_name_and_place(void)
{
	static const struct {
		const char *what, *text, *name, *part;
	} cases[] = {
		{ "not TOML", "x = = 1\n", "config.syntax", "t.toml:1:" },
		{ "unknown table", "[kep]\n", "config.key", "keep" },
		{ "unknown key", "[keep]\nmemry = 1\n", "config.key",
			"memory" },
		{ "other schema", "schema = 2\n", "config.value", "1" },
		{ "type", "[keep]\nmemory = true\n", "config.value",
			"keep.memory" },
		{ "args", "[program]\nargs = \"a\"\n", "config.value", "list" },
		{ "arg", "args = [1]\n", "config.value", "list" },
		{ "env", "[program]\nenv = [\"A=1\"]\n", "config.value",
			"table" },
		{ "env value", "env = { A = 1 }\n", "config.value", "table" },
		{ "a table that is none", "keep = 1\n", "config.value",
			"table" },
		{ "steward", "steward = \"https://x\"\n", "config.steward",
			"steward" },
		{ "sockets", "[[files]]\nkind = \"listen\"\n", "config.value",
			"sockets" },
		{ "order", "[[files]]\nkind = \"stdout\"\n", "config.value",
			"order" },
		{ "receipts", "[keep]\nreceipt = true\n", "config.value",
			"receipts" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dj_settings s = { 0 };
		struct dj_err err = { 0 };

		ok(!read_text(&s, cases[i].text, &err));
		eq_str(name_of(&err), cases[i].name);
		if (!ok(strstr(err.text, cases[i].part) != NULL))
			printf("# %s: %s\n", cases[i].what, err.text);
		dj_settings_done(&s);
	}
}

static void enarx_files_are_taken_as_they_are(void)
{
	struct dj_settings s = { 0 };
	struct dj_err err = { 0 };

	ok(read_text(&s,
		"args = [\"--x\"]\n"
		"[[files]]\nkind = \"null\"\n"
		"[[files]]\nname = \"STDOUT\"\nkind = \"stdout\"\n"
		"[env]\nA = \"1\"\nB = \"=2\"\n",
		&err));
	eq_str(name_of(&err), "(none)");
	eq_str(dj_settings_get(&s, DJ_SET_ARGS), "--x");
	eq_u64(s.v[DJ_SET_ENV].count, 2);
	eq_str(s.v[DJ_SET_ENV].items[1], "B==2");
	eq_str(dj_settings_get(&s, DJ_SET_STDIN), "null");
	eq_str(dj_settings_get(&s, DJ_SET_STDOUT), "stdout");
	eq_str(dj_settings_get(&s, DJ_SET_STDERR), "null");
	dj_settings_done(&s);
}

static void sizes_and_times_have_units(void)
{
	static const struct {
		const char *text;
		uint64_t bytes, ms; /* 0: refused */
	} cases[] = {
		{ "1", 1, 1000 },
		{ "256MiB", 256 << 20, 0 },
		{ "1GiB", 1 << 30, 0 },
		{ "3K", 3072, 0 },
		{ "10min", 0, 600000 },
		{ "500ms", 0, 500 },
		{ "2h", 0, 7200000 },
		{ "0", 0, 0 },
		{ "", 0, 0 },
		{ "-1", 0, 0 },
		{ "1.5s", 0, 0 },
		{ "1 s", 0, 0 },
		{ "1MB", 0, 0 },
		{ "18446744073709551615", UINT64_MAX, 0 },
		{ "18446744073709551616", 0, 0 },
		{ "18014398509481984K", 0, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t bytes = 0, ms = 0;

		eq_u64(dj_size_parse(cases[i].text, &bytes),
			cases[i].bytes != 0);
		eq_u64(bytes, cases[i].bytes);
		eq_u64(dj_time_parse(cases[i].text, &ms), cases[i].ms != 0);
		eq_u64(ms, cases[i].ms);
	}
}

/* ---- the launch block ---- */

static void the_launch_block_says_what_was_asked_for(void)
{
	struct dj_visit_options o = { .memory = 64 << 20, .module_max = 12345 };
	EVP_PKEY *owner = EVP_EC_gen("P-256");
	uint8_t block[DJ_CONFIG_MAX], pub[65], hash[32];
	struct dj_err err = { 0 };
	struct dj_config c;
	size_t len = 0, n;

	ok(dj_visit_block(&o, NULL, block, sizeof(block), &len, &err));
	ok(dj_config_parse(block, len, &c) == DJ_OK);
	eq_u64(c.flags, 0);
	eq_u64(c.total_memory, 64 << 20);
	eq_u64(c.max_memory_pages, (64 << 20) / 65536);
	eq_u64(c.max_module_bytes, 12345);

	ok(owner != NULL &&
		dj_visit_block(&o, owner, block, sizeof(block), &len, &err));
	ok(dj_config_parse(block, len, &c) == DJ_OK);
	eq_u64(c.flags, DJ_CONFIG_OWNER);
	ok(EVP_PKEY_get_octet_string_param(owner, "encoded-pub-key", pub,
		   sizeof(pub), &n) == 1);
	eq_u64(n, 65);
	ok(EVP_Q_digest(NULL, "SHA256", NULL, pub, n, hash, NULL) == 1);
	eq_mem(c.owner, hash, 32);
	EVP_PKEY_free(owner);

	o.module_max = (uint64_t)1 << 32;
	ok(!dj_visit_block(&o, NULL, block, sizeof(block), &len, &err));
	eq_str(name_of(&err), "usage.value");
}

static void a_wanted_tee_is_never_exchanged_for_another(void)
{
	static const struct {
		const char *word, *name;
	} cases[] = { { "tdx", "tee.unsupported" }, { "snp", "(none)" },
		{ "snp-emu", "(none)" }, { "kvm", "(none)" },
		{ "process,tdx", "tee.unsupported" },
		{ "proces", "tee.unknown" }, { "", "tee.unknown" },
		{ ",", "tee.unknown" }, { "process", "(none)" },
		{ "any", "(none)" }, { "any,process", "(none)" } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dj_judge_tee tees[4];
		struct dj_err err = { 0 };
		size_t n = 0;

		eq_u64(dj_tee_choose(&cases[i].word, 1, NULL, tees, 4, &n,
			       &err),
			strcmp(cases[i].name, "(none)") == 0);
		eq_str(name_of(&err), cases[i].name);
		if (err.info == NULL)
			eq_u64(n, 1);
	}
}

static void any_is_what_the_policy_accepts_best_first(void)
{
	static const struct dj_judge_tee mixed[] = { { DJ_TEE_SNP, false },
		{ DJ_TEE_PROCESS, false }, { DJ_TEE_SNP, true } };
	static const char *const any[] = { "any" };
	struct dj_policy *policy = calloc(1, sizeof(*policy));
	struct dj_judge_tee tees[8];
	struct dj_err err = { 0 };
	size_t n = 0;

	policy->measures[0].tee = DJ_TEE_PROCESS;
	policy->measures[1].tee = DJ_TEE_SNP;
	policy->measure_count = 2;
	policy->development = true;
	ok(dj_tee_choose(any, 1, policy, tees, 8, &n, &err));
	eq_u64(n, 3);
	for (size_t i = 0; i < n; i++) {
		eq_u64(tees[i].tee, mixed[i].tee);
		eq_u64(tees[i].emulated, mixed[i].emulated);
	}
	policy->development = false;
	ok(dj_tee_choose(any, 1, policy, tees, 8, &n, &err));
	eq_u64(n, 1);
	eq_u64(tees[0].tee, DJ_TEE_SNP);
	ok(!tees[0].emulated);
	/* Nothing: then it is the judge that says no. */
	policy->measure_count = 1;
	ok(dj_tee_choose(any, 1, policy, tees, 8, &n, &err));
	eq_u64(n, 1);
	eq_u64(tees[0].tee, DJ_TEE_PROCESS);
	free(policy);
}

/* ---- programs ---- */

static bool load(struct dj_program *p, struct dj_program_options *o,
	struct dj_err *err)
{
	static char module[256];

	(void)snprintf(module, sizeof(module), "%s/m.wasm", folder);
	o->module = o->module == NULL ? module : o->module;
	return dj_program_load(p, o, err);
}

static void put_module(void)
{
	char path[256];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/m.wasm", folder);
	f = fopen(path, "w");
	ok(f != NULL && fwrite("\0asm\1\0\0\0", 1, 8, f) == 8);
	if (f != NULL)
		(void)fclose(f);
}

static void begin_carries_arguments_variables_folders_and_limits(void)
{
	static const char *const args[] = { "--a", "" };
	static const char *const env[] = { "A=1", "B=2", "A=3" };
	char spec[300], file[300];
	const char *dirs[] = { spec }, *env_files[] = { file };
	struct dj_program_options o = { .args = args,
		.arg_count = 2,
		.env = env,
		.env_count = 3,
		.env_files = env_files,
		.env_file_count = 1,
		.dirs = dirs,
		.dir_count = 1,
		.fuel = 99,
		.time_ms = 1500 };
	static const char *const want[] = { "m.wasm", "--a", "", "B=2", "C=x y",
		"A=3", "/data", "/tmp" };
	struct dj_program p;
	struct dj_begin b;
	struct dj_begin_item item;
	struct dj_err err = { 0 };
	size_t at = 0, n = 0;

	put_module();
	put_file("vars", "# no\n\nB=0\r\nC=x y\n");
	(void)snprintf(file, sizeof(file), "%s/vars", folder);
	(void)snprintf(spec, sizeof(spec), "%s::/data:ro", folder);
	ok(load(&p, &o, &err));
	eq_str(err.text, "");
	ok(dj_begin_parse(p.begin, p.begin_len, &b) == DJ_OK);
	eq_u64(b.module_len, 8);
	eq_mem(b.module_hash, p.module_hash, 32);
	eq_u64(b.limits.fuel, 99);
	eq_u64(b.limits.wall_ms, 1500);
	eq_u64(b.env_count, 3);
	eq_u64(p.tree_count, 1);
	while (dj_begin_next(&b, &at, &item)) {
		bool found = false;

		for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
			found = found ||
				(strlen(want[i]) == item.text_len &&
					memcmp(want[i], item.text,
						item.text_len) == 0);
		ok(found);
		n++;
	}
	eq_u64(n, sizeof(want) / sizeof(want[0]));
	dj_program_done(&p);
}

static void a_folder_without_ro_comes_back(void)
{
	char spec[300];
	const char *dirs[] = { spec };
	struct dj_program_options o = { .dirs = dirs, .dir_count = 1 };
	struct dj_program p;
	struct dj_begin b;
	struct dj_begin_item item = { 0 };
	struct dj_err err = { 0 };
	struct dj_job job = { 0 };
	size_t at = 0;

	put_module();
	(void)snprintf(spec, sizeof(spec), "%s::/data", folder);
	ok(load(&p, &o, &err));
	eq_str(err.text, "");
	ok(dj_begin_parse(p.begin, p.begin_len, &b) == DJ_OK);
	while (dj_begin_next(&b, &at, &item) && item.tag != DJ_BEGIN_PREOPEN)
		;
	eq_u64(item.kind, DJ_PREOPEN_OVERLAY);
	eq_u64(item.flags, DJ_PREOPEN_RETURN);
	eq_u64(item.stream, DJ_STREAM_TREE_FIRST);
	dj_program_job(&p, &job);
	eq_u64(job.returned_count, 1);
	eq_str(job.returned[0], folder);
	ok(job.returned_fd >= 0);
	dj_program_done(&p);
}

static void a_program_that_cannot_be_sent_is_refused_by_name(void)
{
	static const char *const no_eq[] = { "NAME" },
				 *const no_name[] = { "=1" };
	static const char *const one[] = { "/tmp" },
				 *const gone[] = { "/nonexistent::/x:ro" };
	static const struct {
		const char *name;
		struct dj_program_options o;
	} cases[] = {
		{ "module.missing", { .module = "/nonexistent.wasm" } },
		{ "module.read", { .module = "/tmp" } },
		{ "module.invalid", { .module = "/proc/self/status" } },
		{ "module.sha256", { .sha256 = "00" } },
		{ "usage.value", { .env = no_eq, .env_count = 1 } },
		{ "usage.value", { .env = no_name, .env_count = 1 } },
		{ "usage.value", { .dirs = one, .dir_count = 1 } },
		{ "dir.read", { .dirs = gone, .dir_count = 1 } },
		{ "input.file", { .env_files = gone, .env_file_count = 1 } },
	};

	put_module();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dj_program_options o = cases[i].o;
		struct dj_program p;
		struct dj_err err = { 0 };

		ok(!load(&p, &o, &err));
		eq_str(name_of(&err), cases[i].name);
		dj_program_done(&p);
	}
}

/* ---- answers of a host ---- */

static void an_upgrade_must_be_to_our_protocol(void)
{
	static const struct {
		const char *head;
		int status;
	} cases[] = {
		{ "HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: donjon-session/1\r\n\r\n",
			101 },
		{ "HTTP/1.1 101 X\r\nconnection: upgrade\r\nUPGRADE:  donjon-session/1 \r\n\r\n",
			101 },
		{ "HTTP/1.1 101 X\r\nUpgrade: donjon-session/1\r\n\r\n", 0 },
		{ "HTTP/1.1 101 X\r\nConnection: Upgrade\r\n\r\n", 0 },
		{ "HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: donjon-session/12\r\n\r\n",
			0 },
		{ "HTTP/1.1 409 Conflict\r\n\r\n", 409 },
		{ "HTTP/1.0 101 X\r\n\r\n", 0 },
		{ "HTTP/1.1 1x1 X\r\n\r\n", 0 },
		{ "garbage\r\n\r\nmore and more", 0 },
		{ "", 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		eq_u64(dj_http_upgrade_status(cases[i].head,
			       strlen(cases[i].head)),
			cases[i].status);
}

static void an_answer_has_one_length_within_its_limit(void)
{
	static const struct {
		const char *head;
		bool good;
		size_t len;
	} cases[] = {
		{ "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n", true, 12 },
		{ "HTTP/1.1 200 OK\r\ncontent-length:0\r\n\r\n", true, 0 },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", true, 100 },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n", false, 0 },
		{ "HTTP/1.1 200 OK\r\n\r\n", false, 0 },
		{ "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", false, 0 },
		{ "HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\n", false, 0 },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
			false, 0 },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
			false, 0 },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
			false, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t n = 0;

		eq_u64(dj_http_length(cases[i].head, strlen(cases[i].head), 100,
			       &n),
			cases[i].good);
		eq_u64(n, cases[i].len);
	}
}

/* ---- output ---- */

static void a_full_disk_and_a_closed_pipe_have_names(void)
{
	struct dj_err err = { 0 };
	struct dj_sink s;
	int fd = open("/dev/full", O_WRONLY), pair[2];

	dj_sink_init(&s, "there", fd);
	ok(dj_sink_put(&s, "x", 1, &err));
	ok(!dj_sink_flush(&s, &err));
	eq_str(name_of(&err), "output.full");
	eq_u64(s.written, 0);
	dj_sink_done(&s);
	close(fd);

	err = (struct dj_err){ 0 };
	ok(pipe(pair) == 0);
	dj_sink_init(&s, "there", pair[1]);
	close(pair[0]);
	ok(dj_sink_put(&s, "x", 1, &err));
	ok(!dj_sink_flush(&s, &err));
	eq_str(name_of(&err), "output.closed");
	dj_sink_done(&s);
	close(pair[1]);
}

static void what_a_slow_reader_leaves_waits_and_counts_as_unwritten(void)
{
	static char data[300000], back[300000];
	struct dj_err err = { 0 };
	struct dj_sink s;
	size_t got = 0;
	int pair[2];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 7 + i / 251);
	ok(pipe(pair) == 0);
	dj_sink_init(&s, "there", pair[1]);
	ok(s.own_fd >= 0);
	ok(dj_sink_put(&s, data, sizeof(data), &err));
	eq_u64(s.next, sizeof(data));
	while (got < sizeof(data)) {
		ssize_t n;

		ok(dj_sink_flush(&s, &err));
		ok(s.written <= s.next);
		n = read(pair[0], back + got, sizeof(back) - got);
		if (n <= 0)
			break;
		got += (size_t)n;
		eq_u64(s.is_full, s.written < s.next);
	}
	eq_u64(s.written, sizeof(data));
	eq_mem(data, back, sizeof(data));
	dj_sink_done(&s);
	close(pair[0]);
	close(pair[1]);
}

/* ---- a line that is closed with a reason ---- */

static const struct dj_key a_secret = { { 1 } };

/* Writes `noops` records and then why it ends, and takes nothing. */
static int host_that_ends(size_t noops, const char *why)
{
	static uint8_t frame[DJ_RECORD_FRAME_MAX];
	struct dj_chain c = { 0 };
	size_t len = 0;
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd) != 0)
		return -1;
	(void)shutdown(fd[1], SHUT_RD);
	if (fork() != 0) {
		close(fd[1]);
		return fd[0];
	}
	close(fd[0]);
	(void)dj_chain_init(&c, DJ_SUITE_X25519_AES256, &a_secret);
	for (size_t i = 0; i < noops; i++) {
		if (dj_chain_seal(&c, DJ_KIND_NOOP, 0, 0, NULL, 0, 3, frame,
			    sizeof(frame), &len) != DJ_OK ||
			write(fd[1], frame, len) != (ssize_t)len)
			_exit(1);
	}
	if (dj_error_write(DJ_ERROR_KEEP_GONE, why, frame + DJ_FRAME_HEADER,
		    DJ_ERROR_MAX, &len) != DJ_OK)
		_exit(1);
	dj_frame_write(frame, DJ_FRAME_ERROR, (uint32_t)len);
	len += DJ_FRAME_HEADER;
	_exit(write(fd[1], frame, len) != (ssize_t)len);
}

static void a_host_that_takes_no_challenge_is_heard(void)
{
	static const uint16_t suite = DJ_SUITE_X25519_AES256, format = 0x8001;
	struct dj_challenge c = { .suites = &suite,
		.suite_count = 1,
		.formats = &format,
		.format_count = 1 };
	struct dj_link link = { .fd = host_that_ends(0, "its time was over") };
	static struct dj_session s;
	struct dj_err err = { 0 };
	int status = 0;

	ok(!dj_session_challenge(&s, &link, &c, &err));
	eq_str(name_of(&err), "session.gone");
	ok(strstr(err.text, "its time was over") != NULL);
	dj_session_done(&s);
	(void)wait(&status);
	eq_u64((uint64_t)status, 0);
}

static void a_Keep_that_takes_no_program_is_heard_to_its_end(void)
{
	struct dj_link link = { .fd = host_that_ends(40,
					"killed by its owner") };
	static uint8_t module[1 << 20];
	static struct dj_session s;
	struct dj_job job = { .module = module,
		.module_len = sizeof(module),
		.in_fd = -1,
		.out_fd = -1,
		.err_fd = -1 };
	struct dj_outcome out;
	struct dj_err err = { 0 };
	int status = 0;

	s = (struct dj_session){ .suite = DJ_SUITE_X25519_AES256 };
	eq_u64(dj_wire_init(&s.wire, &link), DJ_OK);
	eq_u64(dj_chain_init(&s.tx, s.suite, &a_secret), DJ_OK);
	eq_u64(dj_chain_init(&s.rx, s.suite, &a_secret), DJ_OK);
	ok(!dj_job_run(&s, &job, &out, &err));
	eq_str(name_of(&err), "session.cut");
	ok(strstr(err.text, "killed by its owner") != NULL);
	dj_outcome_done(&out);
	dj_session_done(&s);
	(void)wait(&status);
	eq_u64((uint64_t)status, 0);
}

int main(void)
{
	char rm[64];

	(void)signal(SIGPIPE, SIG_IGN);
	if (mkdtemp(folder) == NULL)
		return 1;
	RUN(the_table_of_errors_is_sorted_and_whole);
	RUN(every_check_of_the_judge_is_an_error_that_refuses);
	RUN(the_first_error_stays);
	RUN(text_of_strangers_moves_no_cursor);
	RUN(an_exit_record_becomes_one_status);
	RUN(a_later_source_replaces_an_earlier_one);
	RUN(the_order_of_sources_is_file_variable);
	RUN(a_bad_configuration_is_refused_by_name_and_place);
	RUN(enarx_files_are_taken_as_they_are);
	RUN(sizes_and_times_have_units);
	RUN(the_launch_block_says_what_was_asked_for);
	RUN(a_wanted_tee_is_never_exchanged_for_another);
	RUN(any_is_what_the_policy_accepts_best_first);
	RUN(begin_carries_arguments_variables_folders_and_limits);
	RUN(a_folder_without_ro_comes_back);
	RUN(a_program_that_cannot_be_sent_is_refused_by_name);
	RUN(an_upgrade_must_be_to_our_protocol);
	RUN(an_answer_has_one_length_within_its_limit);
	RUN(a_full_disk_and_a_closed_pipe_have_names);
	RUN(what_a_slow_reader_leaves_waits_and_counts_as_unwritten);
	RUN(a_host_that_takes_no_challenge_is_heard);
	RUN(a_Keep_that_takes_no_program_is_heard_to_its_end);
	(void)snprintf(rm, sizeof(rm), "rm -rf %s", folder);
	(void)!system(rm);
	return done();
}
