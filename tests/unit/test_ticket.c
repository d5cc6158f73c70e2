// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/record.h"
#include "client/ticket.h"
#include "lib/crypto/sha256.h"
#include "tests/tap.h"

#define HEAD 292 /* of a ticket file, up to its texts */

static struct dj_ticket_file good, back;
static uint8_t buf[DJ_TICKET_FILE_MAX];
static size_t len;

static void write_good(void)
{
	memset(&good, 0, sizeof(good));
	good.ticket.no = good.attach_no = 7;
	memset(good.ticket.key.b, 0x5a, 32);
	memset(good.keep_id, 1, 32);
	memset(good.module_hash, 2, 32);
	good.module_len = 12345;
	good.tee = 0x41;
	good.emulated = true;
	good.trees = 2;
	good.flags = DJ_TICKET_RECEIPTS;
	good.out_base = 99;
	strcpy(good.text[DJ_TICKET_HOST], "unix:/run/donjon/agent.sock");
	strcpy(good.text[DJ_TICKET_KEEP], "k-1");
	strcpy(good.text[DJ_TICKET_OUT], "/tmp/out");
	eq_u64(dj_ticket_write(&good, buf, sizeof(buf), &len), DJ_OK);
}

/* As if the change had been written so: the sum follows it. */
static dj_status parse_changed(size_t at, uint8_t value)
{
	uint8_t copy[1024];

	memcpy(copy, buf, len);
	copy[at] = value;
	dj_sha256(copy, len - 32, copy + len - 32);
	return dj_ticket_parse(copy, len, &back);
}

static void a_ticket_comes_back_as_it_was_written(void)
{
	write_good();
	eq_u64(dj_ticket_parse(buf, len, &back), DJ_OK);
	eq_mem(&back, &good, sizeof(good));
}

static void every_truncation_is_refused_and_leaves_nothing(void)
{
	static const struct dj_ticket_file nothing;
	size_t taken = 0;

	write_good();
	for (size_t n = 0; n < len; n++) {
		taken += dj_ticket_parse(buf, n, &back) == DJ_OK;
		taken += memcmp(&back, &nothing, sizeof(back)) != 0;
	}
	eq_u64(taken, 0);
	buf[len] = 0;
	eq_u64(dj_ticket_parse(buf, len + 1, &back), DJ_E_INPUT);
}

static void every_changed_byte_is_refused(void)
{
	size_t taken = 0;

	write_good();
	for (size_t i = 0; i < len; i++) {
		buf[i] ^= 1;
		taken += dj_ticket_parse(buf, len, &back) == DJ_OK;
		buf[i] ^= 1;
	}
	eq_u64(taken, 0);
}

static void a_field_that_cannot_be_is_refused_though_the_sum_holds(void)
{
	static const struct {
		const char *what;
		size_t at;
		uint8_t value;
		dj_status want;
	} cases[] = {
		{ "another file", 0, 'X', DJ_E_INPUT },
		{ "another version", 3, '2', DJ_E_UNSUPPORTED },
		{ "ticket number and attach differ", 7, 8, DJ_E_INPUT },
		{ "emulated is neither yes nor no", 221, 2, DJ_E_INPUT },
		{ "more trees than streams", 222, 17, DJ_E_INPUT },
		{ "the zero byte", 223, 1, DJ_E_INPUT },
		{ "a flag nobody knows", 224, 1, DJ_E_INPUT },
		{ "a text longer than the rest", HEAD, 0x0f, DJ_E_INPUT },
		{ "a text with a zero in it", HEAD + 3, 0, DJ_E_INPUT },
	};

	write_good();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ok(parse_changed(cases[i].at, cases[i].value) == cases[i].want);
	}
}

static void a_ticket_without_a_host_is_none(void)
{
	write_good();
	good.text[DJ_TICKET_HOST][0] = '\0';
	eq_u64(dj_ticket_write(&good, buf, sizeof(buf), &len), DJ_OK);
	eq_u64(dj_ticket_parse(buf, len, &back), DJ_E_INPUT);
}

static void the_longest_texts_have_room_and_one_byte_less_has_not(void)
{
	write_good();
	for (size_t i = 0; i < DJ_TICKET_TEXTS; i++) {
		memset(good.text[i], 'a', DJ_PATH_MAX - 1);
		good.text[i][DJ_PATH_MAX - 1] = '\0';
	}
	eq_u64(dj_ticket_write(&good, buf, sizeof(buf), &len), DJ_OK);
	eq_u64(dj_ticket_parse(buf, len, &back), DJ_OK);
	ok(memcmp(&back, &good, sizeof(good)) == 0);
	eq_u64(dj_ticket_write(&good, buf, len - 1, &len), DJ_E_LIMIT);
}

static void names_that_would_be_paths_are_none(void)
{
	ok(dj_record_is_name("k-7f3a91"));
	ok(dj_record_is_name("A.b_c-9"));
	ok(!dj_record_is_name(""));
	ok(!dj_record_is_name("."));
	ok(!dj_record_is_name(".."));
	ok(!dj_record_is_name("-x"));
	ok(!dj_record_is_name("a/b"));
	ok(!dj_record_is_name("a b"));
	ok(!dj_record_is_name(
		"0123456789012345678901234567890123456789012345678901234567890123"));
}

static char state[] = "/tmp/donjon-ticket-XXXXXX";

static void a_folder_is_one_process_s_at_a_time(void)
{
	struct dj_record a, b;
	struct dj_err err = { 0 };
	int status = 0;
	pid_t pid;

	ok(mkdtemp(state) != NULL);
	ok(setenv("XDG_STATE_HOME", state, 1) == 0);
	ok(dj_record_make(&a, "job", true, &err));
	ok(!dj_record_make(&b, "job", true, &err));
	ok(err.info != NULL && strcmp(err.info->name, "keep.name") == 0);
	err = (struct dj_err){ 0 };
	ok(dj_record_make(&b, "job", false, &err));
	ok(strcmp(b.name, "job.2") == 0);
	dj_record_remove(&b);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		struct dj_err e = { 0 };

		_exit(!dj_record_open(&b, "job", &e) &&
					strcmp(e.info->name, "keep.busy") == 0
				? 0
				: 1);
	}
	ok(waitpid(pid, &status, 0) == pid && status == 0);
	dj_record_close(&a);
	ok(dj_record_open(&a, "job", &err));
	dj_record_close(&a);
}

static void a_ticket_is_replaced_at_once_or_not_at_all(void)
{
	struct dj_record r;
	struct dj_err err = { 0 };
	struct stat st;
	char path[DJ_PATH_MAX];

	write_good();
	ok(dj_record_open(&r, "job", &err));
	ok(fstat(r.fd, &st) == 0 && (st.st_mode & 0777) == 0700);
	ok(dj_record_store(&r, &good, &err));
	ok(dj_record_path(&r, "ticket", path));
	ok(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
	/* What a client that died in the middle leaves changes nothing. */
	ok(dj_record_path(&r, ".ticket", path));
	close(open(path, O_WRONLY | O_CREAT, 0600));
	ok(dj_record_load(&r, &back, &err));
	eq_mem(&back, &good, sizeof(good));
	good.ticket.no = good.attach_no = 8;
	ok(dj_record_store(&r, &good, &err));
	ok(dj_record_load(&r, &back, &err));
	eq_u64(back.ticket.no, 8);
	ok(!dj_record_has(&r, ".ticket"));
	dj_record_remove(&r);
	err = (struct dj_err){ 0 };
	ok(!dj_record_open(&r, "job", &err));
	ok(strcmp(err.info->name, "keep.unknown") == 0);
}

static void a_link_in_the_place_of_a_ticket_is_not_followed(void)
{
	struct dj_record r;
	struct dj_err err = { 0 };

	char keeps[64];

	/* A good one, where only the link is wrong. */
	write_good();
	ok(dj_record_make(&r, "link", true, &err));
	ok(dj_record_store(&r, &good, &err));
	ok(dj_record_load(&r, &back, &err));
	ok(renameat(r.fd, "ticket", r.fd, "elsewhere") == 0);
	ok(symlinkat("elsewhere", r.fd, "ticket") == 0);
	ok(!dj_record_load(&r, &back, &err));
	ok(strcmp(err.info->name, "keep.ticket") == 0);
	dj_record_remove(&r);
	(void)snprintf(keeps, sizeof(keeps), "%s/donjon/keeps", state);
	ok(rmdir(keeps) == 0);
	(void)snprintf(keeps, sizeof(keeps), "%s/donjon", state);
	ok(rmdir(keeps) == 0);
}

int main(void)
{
	RUN(a_ticket_comes_back_as_it_was_written);
	RUN(every_truncation_is_refused_and_leaves_nothing);
	RUN(every_changed_byte_is_refused);
	RUN(a_field_that_cannot_be_is_refused_though_the_sum_holds);
	RUN(a_ticket_without_a_host_is_none);
	RUN(the_longest_texts_have_room_and_one_byte_less_has_not);
	RUN(names_that_would_be_paths_are_none);
	RUN(a_folder_is_one_process_s_at_a_time);
	RUN(a_ticket_is_replaced_at_once_or_not_at_all);
	RUN(a_link_in_the_place_of_a_ticket_is_not_followed);
	(void)rmdir(state);
	return done();
}
