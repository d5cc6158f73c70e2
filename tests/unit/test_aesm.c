// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/aesm/aesm.h"
#include "host/launch/launch.h"
#include "host/launch/quoter.h"
#include "lib/base/wr.h"
#include "lib/proto/emu.h"
#include "tests/tap.h"

/*
 * The client of aesmd: its bytes, and against a daemon that answers rightly
 * or in one wrong way.
 */

/* ---- messages ---- */

static uint8_t key_id[DJ_AESM_KEY_ID], report[432];

static void requests_have_the_bytes_of_the_sheet(void)
{
	/* Made by hand: 1000000 is c0 84 3d, field 21 of bytes aa 01. */
	static const uint8_t count[] = { 7, 0, 0, 0, 0xaa, 1, 4, 0x48, 0xc0,
		0x84, 0x3d };
	static const uint8_t keys[] = { 10, 0, 0, 0, 0xb2, 1, 7, 8, 0x80, 4,
		0x48, 0xc0, 0x84, 0x3d };
	static const uint8_t init[] = { 0x0e, 1, 0, 0, 0x7a, 0x8b, 2, 0x0a,
		0x80, 2 };
	static const uint8_t init_end[] = { 0x18, 1, 0x20, 32, 0x48, 0xc0, 0x84,
		0x3d };
	struct dj_aesm_request q = { .op = DJ_AESM_KEY_COUNT,
		.key_id = key_id,
		.report = report,
		.timeout = 1000000 };
	uint8_t buf[DJ_AESM_REQUEST_MAX];
	size_t len = 0;

	eq_u64(dj_aesm_request_write(&q, buf, sizeof(buf), &len), DJ_OK);
	eq_u64(len, sizeof(count));
	eq_mem(buf, count, sizeof(count));
	q.op = DJ_AESM_KEYS;
	q.size = 512;
	eq_u64(dj_aesm_request_write(&q, buf, sizeof(buf), &len), DJ_OK);
	eq_u64(len, sizeof(keys));
	eq_mem(buf, keys, sizeof(keys));
	q.op = DJ_AESM_INIT;
	q.size = 32;
	eq_u64(dj_aesm_request_write(&q, buf, sizeof(buf), &len), DJ_OK);
	eq_u64(len, 10 + 256 + sizeof(init_end));
	eq_mem(buf, init, sizeof(init));
	eq_mem(buf + 266, init_end, sizeof(init_end));
	q.op = DJ_AESM_QUOTE;
	eq_u64(dj_aesm_request_write(&q, buf, sizeof(buf), &len), DJ_OK);
	for (size_t cap = 0; cap < len; cap++)
		eq_u64(dj_aesm_request_write(&q, buf, cap, &len), DJ_E_LIMIT);
}

struct bytes {
	uint8_t p[2048];
	size_t len;
};

static void put(struct bytes *b, const void *p, size_t len)
{
	memcpy(b->p + b->len, p, len);
	b->len += len;
}

static void put_varint(struct bytes *b, uint64_t v)
{
	uint8_t c;

	do {
		c = (uint8_t)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));
		put(b, &c, 1);
		v >>= 7;
	} while (v != 0);
}

static void put_number(struct bytes *b, unsigned field, uint64_t v)
{
	put_varint(b, field << 3);
	put_varint(b, v);
}

static void put_bytes(struct bytes *b, unsigned field, const void *p,
	size_t len)
{
	put_varint(b, field << 3 | 2);
	put_varint(b, len);
	put(b, p, len);
}

static struct bytes wrap(unsigned op, const struct bytes *in)
{
	struct bytes b = { .len = 0 };

	put_bytes(&b, op, in->p, in->len);
	return b;
}

static dj_status parse(unsigned op, const struct bytes *in,
	struct dj_aesm_reply *ret)
{
	struct bytes b = wrap(op, in);

	return dj_aesm_reply_parse((enum dj_aesm_op)op, b.p, b.len, ret);
}

static void replies_are_read_and_unknown_fields_passed_over(void)
{
	struct dj_aesm_reply r = { 0 };
	struct bytes b = { .len = 0 };
	const uint8_t fixed[8] = { 1 };

	put_number(&b, 1, 0);
	put_number(&b, 77, UINT64_MAX);
	put_varint(&b, 78 << 3 | 1);
	put(&b, fixed, 8);
	put_varint(&b, 79 << 3 | 5);
	put(&b, fixed, 4);
	put_bytes(&b, 80, "what", 4);
	put_bytes(&b, 2, "target", 6);
	put_number(&b, 3, 300);
	eq_u64(parse(DJ_AESM_INIT, &b, &r), DJ_OK);
	eq_u64(r.error, 0);
	eq_u64(r.number, 300);
	eq_u64(r.bytes_len, 6);
	eq_mem(r.bytes, "target", 6);
	/* A field that another op's reply has is nothing to this one. */
	b.len = 0;
	put_number(&b, 1, 44);
	put_bytes(&b, 3, "x", 1);
	eq_u64(parse(DJ_AESM_QUOTE, &b, &r), DJ_OK);
	eq_u64(r.error, 44);
	ok(r.bytes == NULL && r.number == 0);
}

static void what_is_no_reply_is_refused(void)
{
	static const struct {
		const char *what;
		size_t len;
		uint8_t p[24];
	} cases[] = {
		{ "nothing", 0, { 0 } },
		{ "another op's", 4, { 0x7a, 2, 8, 0 } },
		{ "no error field", 5, { 0xaa, 1, 2, 0x10, 1 } },
		{ "an empty reply", 3, { 0xaa, 1, 0 } },
		{ "the error twice", 7, { 0xaa, 1, 4, 8, 0, 8, 0 } },
		{ "the number twice", 9,
			{ 0xaa, 1, 6, 8, 0, 0x10, 1, 0x10, 1 } },
		{ "the error as bytes", 5, { 0xaa, 1, 2, 0x0a, 0 } },
		{ "the number as bytes", 7, { 0xaa, 1, 4, 8, 0, 0x12, 0 } },
		{ "an error of 33 bits", 9,
			{ 0xaa, 1, 6, 8, 0x80, 0x80, 0x80, 0x80, 0x10 } },
		{ "a length too long", 5, { 0xaa, 1, 3, 8, 0 } },
		{ "bytes after it", 6, { 0xaa, 1, 2, 8, 0, 0 } },
		{ "field 0", 7, { 0xaa, 1, 4, 8, 0, 0, 1 } },
		{ "a group", 7, { 0xaa, 1, 4, 8, 0, 0x1b, 0x1c } },
		{ "wire type 7", 6, { 0xaa, 1, 3, 8, 0, 0x1f } },
		{ "a varint of eleven bytes", 16,
			{ 0xaa, 1, 13, 8, 0, 0x18, 0x80, 0x80, 0x80, 0x80, 0x80,
				0x80, 0x80, 0x80, 0x80, 0x80 } },
		{ "a varint of 65 bits", 16,
			{ 0xaa, 1, 13, 8, 0, 0x18, 0x80, 0x80, 0x80, 0x80, 0x80,
				0x80, 0x80, 0x80, 0x80, 2 } },
		{ "a length of 2^64 - 1", 18,
			{ 0xaa, 1, 15, 8, 0, 0x22, 0xff, 0xff, 0xff, 0xff, 0xff,
				0xff, 0xff, 0xff, 0xff, 1, 0, 0 } },
		{ "not in bytes", 3, { 0xa8, 1, 0 } },
	};
	struct dj_aesm_reply r = { .number = 99 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (!ok(dj_aesm_reply_parse(DJ_AESM_KEY_COUNT, cases[i].p,
				cases[i].len, &r) == DJ_E_INPUT))
			printf("# %s\n", cases[i].what);
	}
	eq_u64(r.number, 99);
}

static void every_truncation_is_refused(void)
{
	struct dj_aesm_reply r;
	struct bytes b = { .len = 0 }, whole;

	put_number(&b, 1, 0);
	put_bytes(&b, 2, report, 300);
	whole = wrap(DJ_AESM_QUOTE, &b);
	for (size_t n = 0; n < whole.len; n++)
		ok(dj_aesm_reply_parse(DJ_AESM_QUOTE, whole.p, n, &r) ==
			DJ_E_INPUT);
	eq_u64(dj_aesm_reply_parse(DJ_AESM_QUOTE, whole.p, whole.len, &r),
		DJ_OK);
	eq_u64(r.bytes_len, 300);
}

static void the_key_for_ecdsa_is_chosen(void)
{
	uint8_t list[3 * DJ_AESM_KEY_ID] = { 0 };

	ok(dj_aesm_key_choose(list, sizeof(list)) == NULL);
	list[154] = 1;
	list[256 + 154] = 2;
	list[512 + 154] = 2;
	ok(dj_aesm_key_choose(list, sizeof(list)) == list + 256);
	list[256 + 157] = 1;
	ok(dj_aesm_key_choose(list, sizeof(list)) == list + 512);
	ok(dj_aesm_key_choose(list, sizeof(list) - 1) == NULL);
	ok(dj_aesm_key_choose(list, 0) == NULL);
}

/* ---- the daemon ---- */

enum evil {
	HONEST,
	CLOSES,       /* without an answer */
	CLOSES_LATER, /* in the middle of one */
	SILENT,
	DRIPS, /* a byte, then nothing */
	LENGTH_0,
	LENGTH_HUGE,
	ANOTHER_OPS,
	TWO_BYTES_MORE,
	SAYS_BUSY_TWICE,
	SAYS_BUSY,
	ERROR_44,
	ERROR_1234,
	ERROR_38,
	NO_KEYS,
	MANY_KEYS,
	SHORT_LIST,
	ONLY_EPID,
	PUB_KEY_0,
	PUB_KEY_HUGE,
	SHORT_TARGET,
	LONG_TARGET,
	QUOTE_0,
	QUOTE_HUGE,
	QUOTE_LONGER, /* than it said */
	NO_QUOTE,
	EVILS
};

/* Which op it is evil at; 0: all. */
static unsigned at;

static unsigned op_of(const uint8_t *p)
{
	return p[0] == 0xaa    ? 21u
		: p[0] == 0xb2 ? 22u
		: p[0] == 0x7a ? 15u
		: p[0] == 0x82 ? 16u
			       : 17u;
}

static void fill(struct bytes *b, unsigned op, enum evil e, uint32_t error)
{
	static const uint8_t quote[1201] = { 3 };
	uint8_t list[2 * DJ_AESM_KEY_ID] = { 0 }, target[513];

	memset(target, 't', sizeof(target));
	list[154] = 1;
	list[256 + 154] = e == ONLY_EPID ? 1 : 2;
	put_number(b, 1, error);
	if (op == 21)
		put_number(b, 2, e == NO_KEYS ? 0 : e == MANY_KEYS ? 33 : 2);
	else if (op == 22)
		put_bytes(b, 2, list,
			sizeof(list) - (e == SHORT_LIST ? 256 : 0));
	else if (op == 16)
		put_number(b, 2,
			e == QUOTE_0              ? 0
				: e == QUOTE_HUGE ? 0x4001
						  : 1200);
	else if (op == 17 && e != NO_QUOTE)
		put_bytes(b, 2, quote, e == QUOTE_LONGER ? 1201 : 1100);
	if (op != 15)
		return;
	put_number(b, 3, e == PUB_KEY_0 ? 0 : e == PUB_KEY_HUGE ? 0x1001 : 32);
	put_bytes(b, 2, target,
		e == SHORT_TARGET          ? 511
			: e == LONG_TARGET ? 513
					   : 512);
}

static uint32_t error_of(enum evil e, unsigned n)
{
	return e == SAYS_BUSY || (e == SAYS_BUSY_TWICE && n < 2) ? 18
		: e == ERROR_44                                  ? 44
		: e == ERROR_1234                                ? 1234
		: e == ERROR_38                                  ? 38
								 : 0;
}

static void serve_one(int c, enum evil how, unsigned n)
{
	struct bytes in = { .len = 0 }, b = { .len = 0 }, out;
	uint32_t len;
	unsigned op;
	enum evil e;

	if (recv(c, &len, 4, MSG_WAITALL) != 4 || len > sizeof(in.p) ||
		recv(c, in.p, len, MSG_WAITALL) != (ssize_t)len)
		return;
	op = op_of(in.p);
	e = at == 0 || at == op ? how : HONEST;
	if (e == CLOSES)
		return;
	fill(&b, op, e, error_of(e, n));
	out = wrap(e == ANOTHER_OPS ? op ^ 1 : op, &b);
	len = e == LENGTH_0        ? 0
		: e == LENGTH_HUGE ? 0x10000000
				   : (uint32_t)out.len;
	if (e == TWO_BYTES_MORE) {
		out.len += 2;
		len += 2;
	}
	if (e != SILENT)
		(void)send(c, &len, e == DRIPS ? 1 : 4, MSG_NOSIGNAL);
	if (e == SILENT || e == DRIPS) {
		/* Until the client has had enough. */
		(void)recv(c, &len, 1, 0);
		return;
	}
	(void)send(c, out.p, e == CLOSES_LATER ? out.len / 2 : out.len,
		MSG_NOSIGNAL);
}

static char dir[] = "/tmp/donjon-aesm-XXXXXX";
static char path[64];

static pid_t start_daemon(enum evil e)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t pid;

	(void)unlink(path);
	memcpy(a.sun_path, path, strlen(path) + 1);
	if (bind(s, (const struct sockaddr *)&a, sizeof(a)) != 0 ||
		listen(s, 8) != 0)
		abort();
	(void)fflush(stdout);
	pid = fork();
	for (unsigned n = 0; pid == 0; n++) {
		int c = accept(s, NULL, NULL);

		serve_one(c, e, n);
		close(c);
	}
	close(s);
	return pid;
}

static void stop_daemon(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

/* Target info, then a quote: the first that is wrong. */
static enum dj_aesm_wrong run(struct dj_aesm *a)
{
	uint8_t target[512], quote[2048];
	enum dj_aesm_wrong w = dj_aesm_target(a, target);
	size_t len = 0;

	if (w != DJ_AESM_GOOD)
		return w;
	eq_u64(target[0], 't');
	w = dj_aesm_quote(a, report, quote, sizeof(quote), &len);
	if (w == DJ_AESM_GOOD)
		eq_u64(len, 1100);
	return w;
}

static enum dj_aesm_wrong run_with(enum evil e, unsigned where,
	struct dj_aesm *a)
{
	enum dj_aesm_wrong w;
	pid_t pid;

	*a = (struct dj_aesm){ .path = path, .patience_ms = 200 };
	at = where;
	pid = start_daemon(e);
	w = run(a);
	stop_daemon(pid);
	return w;
}

static void an_honest_daemon_gives_a_quote(void)
{
	struct dj_aesm a;

	eq_u64(run_with(HONEST, 0, &a), DJ_AESM_GOOD);
	eq_u64(a.key_id[154], 2);
	eq_u64(run_with(SAYS_BUSY_TWICE, 21, &a), DJ_AESM_GOOD);
}

static void each_wrong_daemon_is_named(void)
{
	static const struct {
		enum evil evil;
		unsigned at;
		enum dj_aesm_wrong want;
		const char *text;
	} cases[] = {
		{ CLOSES, 21, DJ_AESM_HUNG_UP, "closed" },
		{ CLOSES, 17, DJ_AESM_HUNG_UP, "closed" },
		{ CLOSES_LATER, 15, DJ_AESM_HUNG_UP, "closed" },
		{ SILENT, 16, DJ_AESM_TOO_SLOW, "in time" },
		{ DRIPS, 22, DJ_AESM_TOO_SLOW, "in time" },
		{ LENGTH_0, 21, DJ_AESM_BAD_REPLY, "malformed" },
		{ LENGTH_HUGE, 17, DJ_AESM_BAD_REPLY, "malformed" },
		{ ANOTHER_OPS, 15, DJ_AESM_BAD_REPLY, "malformed" },
		{ TWO_BYTES_MORE, 16, DJ_AESM_BAD_REPLY, "malformed" },
		{ SAYS_BUSY, 16, DJ_AESM_BUSY, "busy" },
		{ ERROR_44, 15, DJ_AESM_REFUSED, "PCCS" },
		{ ERROR_1234, 17, DJ_AESM_REFUSED, "no name" },
		{ ERROR_38, 15, DJ_AESM_NO_ALGORITHM, "ECDSA" },
		{ NO_KEYS, 21, DJ_AESM_NO_ALGORITHM, "ECDSA" },
		{ MANY_KEYS, 21, DJ_AESM_BAD_REPLY, "malformed" },
		{ SHORT_LIST, 22, DJ_AESM_BAD_REPLY, "malformed" },
		{ ONLY_EPID, 22, DJ_AESM_NO_ALGORITHM, "ECDSA" },
		{ PUB_KEY_0, 15, DJ_AESM_BAD_REPLY, "malformed" },
		{ PUB_KEY_HUGE, 15, DJ_AESM_BAD_REPLY, "malformed" },
		{ SHORT_TARGET, 15, DJ_AESM_BAD_REPLY, "malformed" },
		{ LONG_TARGET, 15, DJ_AESM_BAD_REPLY, "malformed" },
		{ QUOTE_0, 16, DJ_AESM_BAD_REPLY, "malformed" },
		{ QUOTE_HUGE, 16, DJ_AESM_BAD_REPLY, "malformed" },
		{ QUOTE_LONGER, 17, DJ_AESM_BAD_REPLY, "malformed" },
		{ NO_QUOTE, 17, DJ_AESM_BAD_REPLY, "malformed" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dj_aesm a;
		enum dj_aesm_wrong w = run_with(cases[i].evil, cases[i].at, &a);

		if (!ok(w == cases[i].want && dj_aesm_errno(w) != 0 &&
			    strstr(dj_aesm_text(&a, w), cases[i].text) != NULL))
			printf("# evil %d at %u: %d, %s\n", cases[i].evil,
				cases[i].at, w, dj_aesm_text(&a, w));
	}
}

static void nobody_there_is_said_with_its_reason(void)
{
	char longer[200];
	struct dj_aesm a = { .path = path, .patience_ms = 200 };

	(void)unlink(path);
	eq_u64(run(&a), DJ_AESM_NO_DAEMON);
	eq_u64(errno, ENOENT);
	/* Bound and left: nobody listens. */
	stop_daemon(start_daemon(HONEST));
	eq_u64(run(&a), DJ_AESM_NO_DAEMON);
	eq_u64(errno, ECONNREFUSED);
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	a.path = longer;
	eq_u64(run(&a), DJ_AESM_NO_DAEMON);
	eq_u64(errno, ENAMETOOLONG);
}

static void a_buffer_too_small_for_the_quote_is_not_written(void)
{
	uint8_t small[1199];
	struct dj_aesm a = { .path = path, .patience_ms = 200 };
	pid_t pid = start_daemon(HONEST);
	size_t len = 7;

	memset(small, 0xee, sizeof(small));
	eq_u64(dj_aesm_quote(&a, report, small, sizeof(small), &len),
		DJ_AESM_BAD_REPLY);
	ok(len == 7 && small[0] == 0xee);
	stop_daemon(pid);
}

/* ---- the launcher's process for it ---- */

static uint8_t said[4 + DJ_EMU_REPORT_MAX];

static uint32_t ask(uint32_t op, size_t more, ssize_t *ret_len)
{
	uint32_t error = 0;

	memset(said, 0, sizeof(said));
	memcpy(said, &op, 4);
	if (send(DJ_LAUNCH_FD_EMU, said, 4 + more, 0) != (ssize_t)(4 + more))
		return 9999;
	memset(said, 0, sizeof(said));
	*ret_len = recv(DJ_LAUNCH_FD_EMU, said, sizeof(said), 0);
	memcpy(&error, said, 4);
	return error;
}

/* In a process of its own: descriptors 3 and 7 are tap's or the shell's. */
static int launcher(void)
{
	ssize_t n = 0;
	int bad = 0;

	if (dj_quoter_start(path) != NULL)
		return 100;
	bad += ask(DJ_EMU_TARGET, 0, &n) != 0 || n != 4 + 512;
	bad += ask(DJ_EMU_REPORT, 432, &n) != 0 || n != 4 + 1100;
	bad += ask(DJ_EMU_REPORT, 431, &n) != EOPNOTSUPP || n != 4;
	bad += ask(DJ_EMU_TARGET, 1, &n) != EOPNOTSUPP;
	bad += ask(DJ_EMU_LAUNCH, 32, &n) != EOPNOTSUPP;
	bad += ask(999, 0, &n) != EOPNOTSUPP;
	return bad;
}

static int launcher_without(void)
{
	const char *text = (const char *)said + 4;
	ssize_t n = 0;

	if (dj_quoter_start(path) != NULL)
		return 100;
	/* Twice: it lives on. */
	if (ask(DJ_EMU_TARGET, 0, &n) != ENOTCONN ||
		ask(DJ_EMU_REPORT, 432, &n) != ENOTCONN || n < 40)
		return 1;
	return strstr(text, "no quote: aesmd cannot be reached") == text &&
			strstr(text, path) != NULL &&
			strstr(text, "No such file") != NULL
		? 0
		: 3;
}

static void alone(int (*fn)(void))
{
	int status = -1;
	pid_t pid;

#ifdef __SANITIZE_ADDRESS__
	skip("the quoter's filter has no room for a sanitizer's calls");
	return;
#endif
	(void)fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(fn());
	(void)waitpid(pid, &status, 0);
	eq_u64(status, 0);
}

static void a_launcher_gets_quotes_as_from_an_emulator(void)
{
	pid_t pid = start_daemon(HONEST);

	alone(launcher);
	stop_daemon(pid);
}

static void a_launcher_is_told_why_there_are_none(void)
{
	(void)unlink(path);
	alone(launcher_without);
}

int main(void)
{
	if (mkdtemp(dir) == NULL)
		return 1;
	(void)snprintf(path, sizeof(path), "%s/aesm.socket", dir);
	RUN(requests_have_the_bytes_of_the_sheet);
	RUN(replies_are_read_and_unknown_fields_passed_over);
	RUN(what_is_no_reply_is_refused);
	RUN(every_truncation_is_refused);
	RUN(the_key_for_ecdsa_is_chosen);
	RUN(an_honest_daemon_gives_a_quote);
	RUN(each_wrong_daemon_is_named);
	RUN(nobody_there_is_said_with_its_reason);
	RUN(a_buffer_too_small_for_the_quote_is_not_written);
	RUN(a_launcher_gets_quotes_as_from_an_emulator);
	RUN(a_launcher_is_told_why_there_are_none);
	(void)unlink(path);
	(void)rmdir(dir);
	return done();
}
