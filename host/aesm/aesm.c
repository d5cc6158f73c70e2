// SPDX-License-Identifier: Apache-2.0
#include "host/aesm/aesm.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/rd.h"

#define TARGET        512
#define BUSY          18 /* aesmd's */
#define NO_KEY        38
#define TRIES         4 /* at a daemon that is busy, and the pause between */
#define PAUSE_MS      250
/* What Enarx asks with; its unit is aesmd's own business. Ours is patience. */
#define THEIR_TIMEOUT 1000000

static int64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Until fd can be read (or written) or time is up. */
static bool ready(int fd, short what, int64_t until)
{
	struct pollfd p = { .fd = fd, .events = what };

	for (;;) {
		int64_t left = until - now_ms();
		int n = poll(&p, 1, left > 0 ? (int)left : 0);

		if (n > 0)
			return true;
		if (n == 0 || errno != EINTR)
			return false;
	}
}

static enum dj_aesm_wrong connect_to(const char *path, int *ret)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	size_t len = strlen(path);
	int fd;

	errno = ENAMETOOLONG;
	if (len >= sizeof(a.sun_path))
		return DJ_AESM_NO_DAEMON;
	memcpy(a.sun_path, path, len + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* A queue that is full is said at once: EAGAIN. */
	if (fd < 0 ||
		connect(fd, (const struct sockaddr *)&a, sizeof(a)) != 0) {
		int err = errno;

		if (fd >= 0)
			close(fd);
		errno = err;
		return err == EAGAIN ? DJ_AESM_BUSY : DJ_AESM_NO_DAEMON;
	}
	*ret = fd;
	return DJ_AESM_GOOD;
}

static enum dj_aesm_wrong send_all(int fd, const uint8_t *p, size_t len,
	int64_t until)
{
	while (len != 0) {
		ssize_t n;

		if (!ready(fd, POLLOUT, until))
			return DJ_AESM_TOO_SLOW;
		n = send(fd, p, len, MSG_NOSIGNAL);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return DJ_AESM_HUNG_UP;
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
	return DJ_AESM_GOOD;
}

static enum dj_aesm_wrong read_all(int fd, uint8_t *p, size_t len,
	int64_t until)
{
	while (len != 0) {
		ssize_t n;

		if (!ready(fd, POLLIN, until))
			return DJ_AESM_TOO_SLOW;
		n = recv(fd, p, len, 0);
		if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
			return DJ_AESM_HUNG_UP;
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
	return DJ_AESM_GOOD;
}

struct exchange {
	uint8_t bytes[DJ_AESM_REPLY_MAX];
	struct dj_aesm_reply reply; /* borrows from them */
};

static enum dj_aesm_wrong talk(int fd, const struct dj_aesm_request *q,
	int64_t until, struct exchange *x)
{
	uint8_t out[DJ_AESM_REQUEST_MAX], head[4];
	enum dj_aesm_wrong wrong;
	struct dj_rd r;
	size_t len = 0;

	if (dj_aesm_request_write(q, out, sizeof(out), &len) != DJ_OK)
		return DJ_AESM_BAD_REPLY;
	wrong = send_all(fd, out, len, until);
	if (wrong == DJ_AESM_GOOD)
		wrong = read_all(fd, head, sizeof(head), until);
	if (wrong != DJ_AESM_GOOD)
		return wrong;
	r = dj_rd_of(head, sizeof(head));
	len = dj_rd_u32le(&r);
	if (len == 0 || len > sizeof(x->bytes))
		return DJ_AESM_BAD_REPLY;
	wrong = read_all(fd, x->bytes, len, until);
	if (wrong != DJ_AESM_GOOD)
		return wrong;
	return dj_aesm_reply_parse(q->op, x->bytes, len, &x->reply) == DJ_OK
		? DJ_AESM_GOOD
		: DJ_AESM_BAD_REPLY;
}

static enum dj_aesm_wrong ask_once(struct dj_aesm *a,
	const struct dj_aesm_request *q, struct exchange *x)
{
	const int64_t until = now_ms() + a->patience_ms;
	enum dj_aesm_wrong wrong;
	int fd = -1;

	wrong = connect_to(a->path, &fd);
	if (wrong != DJ_AESM_GOOD)
		return wrong;
	wrong = talk(fd, q, until, x);
	close(fd);
	if (wrong != DJ_AESM_GOOD || x->reply.error == 0)
		return wrong;
	a->code = x->reply.error;
	return a->code == BUSY      ? DJ_AESM_BUSY
		: a->code == NO_KEY ? DJ_AESM_NO_ALGORITHM
				    : DJ_AESM_REFUSED;
}

/* A daemon that is busy is asked again, a few times. */
static enum dj_aesm_wrong ask(struct dj_aesm *a, struct dj_aesm_request q,
	struct exchange *x)
{
	const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000L };
	enum dj_aesm_wrong wrong = DJ_AESM_BUSY;

	q.timeout = THEIR_TIMEOUT;
	for (int i = 0; i < TRIES && wrong == DJ_AESM_BUSY; i++) {
		if (i != 0)
			(void)nanosleep(&pause, NULL);
		wrong = ask_once(a, &q, x);
	}
	return wrong;
}

static enum dj_aesm_wrong choose_key(struct dj_aesm *a, struct exchange *x)
{
	struct dj_aesm_request q = { .op = DJ_AESM_KEY_COUNT };
	enum dj_aesm_wrong wrong = ask(a, q, x);
	const uint8_t *key;
	uint64_t count;

	if (wrong != DJ_AESM_GOOD)
		return wrong;
	count = x->reply.number;
	if (count == 0)
		return DJ_AESM_NO_ALGORITHM;
	if (count > DJ_AESM_KEYS_MAX)
		return DJ_AESM_BAD_REPLY;
	q.op = DJ_AESM_KEYS;
	q.size = count * DJ_AESM_KEY_ID;
	wrong = ask(a, q, x);
	if (wrong != DJ_AESM_GOOD)
		return wrong;
	if (x->reply.bytes_len != q.size)
		return DJ_AESM_BAD_REPLY;
	key = dj_aesm_key_choose(x->reply.bytes, x->reply.bytes_len);
	if (key == NULL)
		return DJ_AESM_NO_ALGORITHM;
	memcpy(a->key_id, key, sizeof(a->key_id));
	return DJ_AESM_GOOD;
}

/* The size first, as aesmd wants it; what it sizes is of no use to us. */
static enum dj_aesm_wrong init_key(struct dj_aesm *a, struct exchange *x)
{
	struct dj_aesm_request q = { .op = DJ_AESM_INIT, .key_id = a->key_id };
	enum dj_aesm_wrong wrong = ask(a, q, x);

	if (wrong != DJ_AESM_GOOD)
		return wrong;
	q.size = x->reply.number;
	if (q.size == 0 || q.size > DJ_AESM_PUB_MAX)
		return DJ_AESM_BAD_REPLY;
	wrong = ask(a, q, x);
	if (wrong == DJ_AESM_GOOD && x->reply.bytes_len != TARGET)
		wrong = DJ_AESM_BAD_REPLY;
	return wrong;
}

enum dj_aesm_wrong dj_aesm_target(struct dj_aesm *a, uint8_t ret[static 512])
{
	struct exchange x;
	enum dj_aesm_wrong wrong = choose_key(a, &x);

	if (wrong == DJ_AESM_GOOD)
		wrong = init_key(a, &x);
	if (wrong == DJ_AESM_GOOD)
		memcpy(ret, x.reply.bytes, TARGET);
	return wrong;
}

enum dj_aesm_wrong dj_aesm_quote(struct dj_aesm *a,
	const uint8_t report[static 432], uint8_t *dst, size_t cap,
	size_t *ret_len)
{
	struct dj_aesm_request q = { .op = DJ_AESM_QUOTE_SIZE,
		.key_id = a->key_id };
	struct exchange x;
	enum dj_aesm_wrong wrong = ask(a, q, &x);

	if (wrong != DJ_AESM_GOOD)
		return wrong;
	q.op = DJ_AESM_QUOTE;
	q.report = report;
	q.size = x.reply.number;
	if (q.size == 0 || q.size > DJ_AESM_QUOTE_MAX || q.size > cap)
		return DJ_AESM_BAD_REPLY;
	wrong = ask(a, q, &x);
	if (wrong != DJ_AESM_GOOD)
		return wrong;
	if (x.reply.bytes_len == 0 || x.reply.bytes_len > q.size)
		return DJ_AESM_BAD_REPLY;
	memcpy(dst, x.reply.bytes, x.reply.bytes_len);
	*ret_len = x.reply.bytes_len;
	return DJ_AESM_GOOD;
}

static const char *text_of_code(uint32_t code)
{
	switch (code) {
	case 1:
		return "aesmd had an unexpected error";
	case 3:
		return "aesmd refused a parameter";
	case 17:
		return "aesmd has stopped its service";
	case 22:
		return "aesmd could not read the request";
	case 29:
		return "the machine is out of enclave memory (EPC)";
	case 30:
		return "aesmd's quoting service is not available";
	case 31:
		return "aesmd does not recognise this platform";
	case 42:
		return "aesmd's attestation key is not initialised";
	case 43:
		return "the certification of aesmd's attestation key is invalid";
	case 44:
		return "aesmd has no certificates of this platform: is its PCCS "
		       "configured (/etc/sgx_default_qcnl.conf)?";
	case 45:
		return "aesmd could not make a report of its own";
	case 47:
		return "aesmd says that the report is not for its quoting enclave";
	default:
		return "aesmd answered an error that has no name here";
	}
}

const char *dj_aesm_text(const struct dj_aesm *a, enum dj_aesm_wrong wrong)
{
	static const char *const texts[DJ_AESM_WRONGS] = {
		[DJ_AESM_GOOD] = "nothing is wrong",
		[DJ_AESM_NO_DAEMON] = "aesmd cannot be reached at its socket",
		[DJ_AESM_TOO_SLOW] = "aesmd did not answer in time",
		[DJ_AESM_HUNG_UP] = "aesmd closed the connection",
		[DJ_AESM_BAD_REPLY] = "aesmd's answer is malformed",
		[DJ_AESM_BUSY] = "aesmd is busy",
		[DJ_AESM_NO_ALGORITHM] =
			"aesmd has no attestation key for ECDSA (DCAP)",
	};

	return wrong == DJ_AESM_REFUSED ? text_of_code(a->code) : texts[wrong];
}

int dj_aesm_errno(enum dj_aesm_wrong wrong)
{
	static const int numbers[DJ_AESM_WRONGS] = {
		[DJ_AESM_NO_DAEMON] = ENOTCONN,
		[DJ_AESM_TOO_SLOW] = ETIMEDOUT,
		[DJ_AESM_HUNG_UP] = ECONNRESET,
		[DJ_AESM_BAD_REPLY] = EPROTO,
		[DJ_AESM_BUSY] = EBUSY,
		[DJ_AESM_NO_ALGORITHM] = EOPNOTSUPP,
		[DJ_AESM_REFUSED] = EREMOTEIO,
	};

	return numbers[wrong];
}
