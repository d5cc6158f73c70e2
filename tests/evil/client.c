// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <openssl/rand.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "client/http.h"
#include "client/job.h"
#include "client/session.h"
#include "tests/evil/evil.h"

/*
 * The product's client (client/session.c, client/job*.c) with its socket,
 * clock and randomness replaced. When it polls, the host and the Keep run.
 */
#define LINK_FD   0x3fffffff
#define POLLS_MAX 3000

static struct {
	int64_t now_ms;
	uint64_t random;
	unsigned polls;
	int in, out[2]; /* memfd, pipe */
	uint8_t got[EVIL_INPUT + 4096];
	size_t got_len;
} c = { .in = -1, .out = { -1, -1 } };

/* ---- what the client calls ---- */

enum dj_link_got __wrap_dj_link_recv(struct dj_link *link, void *buf,
	size_t cap, size_t *ret_len);
enum dj_link_got __wrap_dj_link_recv(struct dj_link *link, void *buf,
	size_t cap, size_t *ret_len)
{
	(void)link;
	*ret_len = evil_link_get(buf, cap);
	if (*ret_len != 0)
		return DJ_LINK_SOME;
	return evil_link_is_closed() ? DJ_LINK_CLOSED : DJ_LINK_WAIT;
}

enum dj_link_got __wrap_dj_link_send(struct dj_link *link, const void *buf,
	size_t len, size_t *ret_len);
enum dj_link_got __wrap_dj_link_send(struct dj_link *link, const void *buf,
	size_t len, size_t *ret_len)
{
	(void)link;
	if (evil_link_is_closed())
		return DJ_LINK_CLOSED;
	evil_link_put(buf, len);
	*ret_len = len;
	return DJ_LINK_SOME;
}

void __wrap_dj_link_close(struct dj_link *link);
void __wrap_dj_link_close(struct dj_link *link)
{
	link->fd = -1;
}

int __real_clock_gettime(clockid_t clock, struct timespec *t);
int __wrap_clock_gettime(clockid_t clock, struct timespec *t);
int __wrap_clock_gettime(clockid_t clock, struct timespec *t)
{
	(void)clock;
	*t = (struct timespec){ .tv_sec = c.now_ms / 1000,
		.tv_nsec = c.now_ms % 1000 * 1000000 };
	return 0;
}

int __wrap_RAND_bytes(unsigned char *buf, int num);
int __wrap_RAND_bytes(unsigned char *buf, int num)
{
	for (int i = 0; i < num; i++)
		buf[i] = (unsigned char)dj_plan_draw(&c.random);
	return 1;
}

int __wrap_RAND_priv_bytes(unsigned char *buf, int num);
int __wrap_RAND_priv_bytes(unsigned char *buf, int num)
{
	return __wrap_RAND_bytes(buf, num);
}

/* ---- output ---- */

uint64_t client_durable(void)
{
	int n = 0;

	if (c.out[0] < 0)
		return c.got_len;
	(void)ioctl(c.out[0], FIONREAD, &n);
	return c.got_len + (uint64_t)n;
}

static void drain(void)
{
	ssize_t n =
		read(c.out[0], c.got + c.got_len, sizeof(c.got) - c.got_len);

	if (n > 0)
		c.got_len += (size_t)n;
	if (evil_is_true() &&
		(c.got_len > EVIL_INPUT ||
			memcmp(c.got, evil_work.out, c.got_len) != 0))
		evil_fault(EVIL_ONCE, "output is no prefix of the truth");
}

int __wrap_poll(struct pollfd *p, nfds_t n, int timeout);

static int ready(struct pollfd *p, nfds_t n)
{
	int count = 0;

	for (nfds_t i = 0; i < n; i++) {
		p[i].revents = 0;
		if (p[i].fd == LINK_FD) {
			if (evil_link_waiting() != 0 || evil_link_is_closed())
				p[i].revents = POLLIN;
			p[i].revents |= p[i].events & POLLOUT;
		} else if (p[i].fd == c.in) {
			p[i].revents = POLLIN;
		} else if (p[i].fd >= 0 && (p[i].events & POLLOUT) != 0) {
			p[i].revents = POLLOUT;
		}
		count += p[i].revents != 0;
	}
	return count;
}

int __wrap_poll(struct pollfd *p, nfds_t n, int timeout)
{
	int count;

	if (++c.polls > POLLS_MAX) {
		evil_fault(EVIL_HANG, "the client polled %u times", c.polls);
		evil_link_cut();
	}
	c.now_ms++;
	if (c.out[0] >= 0)
		drain();
	evil_step();
	count = ready(p, n);
	if (count == 0 && timeout != 0) {
		evil_stall();
		evil_step();
		count = ready(p, n);
	}
	if (count == 0 && timeout > 0)
		c.now_ms += timeout;
	return count;
}

/* ---- a session ---- */

static bool judge_again(void *ctx, const struct dj_session *s,
	const uint8_t *evidence, size_t len,
	const uint8_t report_data[static 64], struct dj_err *err)
{
	(void)ctx;
	(void)s;
	(void)evidence;
	(void)len;
	(void)report_data;
	return dj_err_set(err, "again.refused", "nobody asked");
}

static bool talk(struct dj_session *s, struct dj_outcome *out,
	struct dj_err *err)
{
	static const uint16_t suites[] = { DJ_SUITE_X25519_AES256,
		DJ_SUITE_X25519_CHACHA20 };
	static const uint16_t formats[] = { DJ_FORMAT_PROCESS };
	const struct dj_challenge what = {
		.suites = suites + evil_plan()->seed % 2,
		.suite_count = 1,
		.formats = formats,
		.format_count = 1,
		.minclass = 0,
	};
	struct dj_job job = {
		.module = evil_work.module,
		.module_len = evil_work.module_len,
		.begin = evil_work.begin,
		.begin_len = evil_work.begin_len,
		.in_fd = c.in,
		.out_fd = c.out[1],
		.err_fd = -1,
		.judge = judge_again,
	};
	struct dj_link link = { .fd = LINK_FD };

	memcpy(job.module_hash, evil_work.module_hash, 32);
	return dj_session_challenge(s, &link, &what, err) &&
		evil_judge(s->hello, s->hello_len, s->offer, s->offer_len,
			s->evidence, s->evidence_len, NULL, 0, err) &&
		dj_session_open(s, NULL, NULL, err) &&
		dj_job_run(s, &job, out, err);
}

static void begin(void)
{
	if (c.in < 0) {
		c.in = memfd_create("input", MFD_CLOEXEC);
		if (c.in < 0 ||
			write(c.in, evil_work.in, EVIL_INPUT) != EVIL_INPUT)
			abort();
	}
	(void)lseek(c.in, 0, SEEK_SET);
	if (pipe2(c.out, O_CLOEXEC | O_NONBLOCK) != 0)
		abort();
	(void)fcntl(c.out[1], F_SETPIPE_SZ, 4096);
	c.now_ms = 1000;
	c.random = evil_plan()->seed;
	c.polls = 0;
	c.got_len = 0;
}

bool client_run(struct dj_err *err)
{
	struct dj_session s = { 0 };
	struct dj_outcome out = { 0 };
	bool good;

	begin();
	good = talk(&s, &out, err);
	dj_session_done(&s);
	dj_outcome_done(&out);
	drain();
	drain();
	if (good &&
		(!out.has_exit || c.got_len != EVIL_INPUT ||
			out.exit.how != DJ_EXIT_EXIT || out.exit.code != 42))
		evil_fault(EVIL_ACCEPT, "success with another outcome");
	close(c.out[0]);
	close(c.out[1]);
	c.out[0] = c.out[1] = -1;
	return good;
}
