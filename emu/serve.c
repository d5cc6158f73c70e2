// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sysexits.h>
#include <unistd.h>

#include "emu/emu.h"
#include "emu/sgx_keep.h"
#include "emu/snp.h"
#include "lib/base/secret.h"
#include "lib/evidence/image.h"
#include "lib/evidence/process.h"
#include "lib/proto/emu.h"

#define SOCKET    3
#define SEALS     (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
#define IMAGE_MAX ((off_t)64 << 20)
#define NOBODY    65534
#define SVN       1
#define SGX       1 /* OFFER.tee */

/* The TEEs that are emulated here. Two report in one layout; snp has an
 * emulated processor of its own. */
#define SNP 2
static const struct tee {
	const char *name;
	uint16_t number; /* OFFER.tee */
} tees[] = {
	{ "process", 0x41 },
	{ "kvm", 0x40 },
	{ "snp", SNP },
	{ "sgx", SGX },
};

struct keep {
	uint16_t tee;
	struct dj_emu_key key;
	uint8_t platform[32];
	bool is_launched;
	uint8_t measurement[32];
	uint8_t config_hash[32];
	struct dj_emu_snp snp;
	struct dj_emu_sgx_platform sgx;
};

#define REQUEST_MAX (4 + DJ_EMU_SNP_CONFIG + DJ_EMU_SNP_ID)
#define ANSWER_MAX  DJ_EMU_SNP_LAUNCHED

struct request {
	uint8_t bytes[REQUEST_MAX];
	size_t len;
	int fd; /* or -1 */
};

/* dir/tee.what; at most cap bytes. */
static bool read_file(const char *dir, const char *tee, const char *what,
	char *dst, size_t cap, size_t *ret_len)
{
	char path[PATH_MAX];
	ssize_t n = -1;
	int fd = -1;

	if (snprintf(path, sizeof(path), "%s/%s.%s", dir, tee, what) <
		(int)sizeof(path))
		fd = open(path, O_RDONLY | O_CLOEXEC);
	else
		errno = ENAMETOOLONG;
	if (fd >= 0) {
		n = read(fd, dst, cap);
		close(fd);
	}
	if (n < 0) {
		(void)fprintf(stderr,
			"donjon-emu: serve: cannot read %s/%s.%s: %s; `donjon-emu init` makes a new folder, `donjon-emu add` what an old one lacks\n",
			dir, tee, what, strerror(errno));
		return false;
	}
	*ret_len = (size_t)n;
	return true;
}

static bool complain(const char *dir, const char *tee, const char *what,
	const char *wrong)
{
	if (wrong != NULL)
		(void)fprintf(stderr, "donjon-emu: serve: %s/%s.%s: %s\n", dir,
			tee, what, wrong);
	return wrong == NULL;
}

static bool read_key(const char *dir, const char *tee, struct dj_emu_key *ret)
{
	char pem[1024];
	const char *wrong;
	size_t n;

	if (!read_file(dir, tee, "key", pem, sizeof(pem), &n))
		return false;
	wrong = dj_emu_key_parse(pem, n, ret);
	dj_wipe(pem, sizeof(pem));
	return complain(dir, tee, "key", wrong);
}

/* All that is random is drawn before the filter is on. */
static bool read_snp(const char *dir, struct dj_emu_snp *ret)
{
	struct dj_emu_snp_model model;
	struct dj_emu_key384 key;
	uint8_t random[DJ_EMU_SNP_RANDOM];
	char text[1024];
	bool good;
	size_t n;

	if (!read_file(dir, "snp", "model", text, sizeof(text), &n) ||
		!complain(dir, "snp", "model",
			dj_emu_snp_model_parse(text, n, &model)) ||
		!read_file(dir, "snp", "key", text, sizeof(text), &n))
		return false;
	good = complain(dir, "snp", "key",
		       dj_emu_key384_parse(text, n, &key)) &&
		getrandom(random, sizeof(random), 0) == sizeof(random);
	if (good)
		dj_emu_snp_init(ret, &model, &key, random);
	dj_wipe(text, sizeof(text));
	dj_wipe(&key, sizeof(key));
	dj_wipe(random, sizeof(random));
	return good;
}

static bool drop_root(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	const struct __user_cap_data_struct none[2] = { 0 };

	if (setgroups(0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0 &&
		setresuid(NOBODY, NOBODY, NOBODY) == 0)
		return true;
	/* Root of a user namespace that has nobody else: someone plain. */
	return (errno == EINVAL || errno == EPERM) &&
		syscall(SYS_capset, &head, none) == 0;
}

/* No root, no core dump, no debugger, no new rights: it holds a key. */
static bool drop(void)
{
	const struct rlimit none = { 0, 0 };

	return (geteuid() != 0 || drop_root()) &&
		setrlimit(RLIMIT_CORE, &none) == 0 &&
		setrlimit(RLIMIT_FSIZE, &none) == 0 && dj_emu_filter();
}

/* False: the socket was closed. A request too long keeps its true length. */
static bool receive(struct request *ret)
{
	struct iovec iov = {
		.iov_base = ret->bytes,
		.iov_len = sizeof(ret->bytes),
	};
	union {
		struct cmsghdr head;
		uint8_t room[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *c;
	ssize_t n;

	do
		n = recvmsg(SOCKET, &msg, MSG_CMSG_CLOEXEC | MSG_TRUNC);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return false;
	ret->len = (size_t)n;
	ret->fd = -1;
	c = CMSG_FIRSTHDR(&msg);
	if (c != NULL && c->cmsg_level == SOL_SOCKET &&
		c->cmsg_type == SCM_RIGHTS &&
		c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&ret->fd, CMSG_DATA(c), sizeof(int));
	return true;
}

/* 0 or an errno. What could still change is not measured. */
static int map_image(int fd, void **ret, size_t *ret_len)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);
	void *p;

	if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &st) != 0)
		return EPERM;
	if (st.st_size <= 0 || st.st_size > IMAGE_MAX)
		return EFBIG;
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return errno;
	*ret = p;
	*ret_len = (size_t)st.st_size;
	return 0;
}

static int measure(int fd, uint16_t tee, uint8_t ret[static 32])
{
	struct dj_image img;
	dj_status status;
	size_t len = 0;
	void *p = NULL;
	int err = map_image(fd, &p, &len);

	if (err != 0)
		return err;
	status = dj_image_parse(p, len, &img);
	if (status == DJ_OK)
		status = tee == SGX ? dj_sgx_measure(&img, ret)
				    : dj_image_measure(&img, ret);
	munmap(p, len);
	return status == DJ_OK ? 0 : ENOEXEC;
}

/* Firmware's status becomes an errno that people can read. */
static int errno_of(enum dj_emu_snp_status st)
{
	return st == DJ_EMU_SNP_GOOD               ? 0
		: st == DJ_EMU_SNP_POLICY          ? EPERM
		: st == DJ_EMU_SNP_BAD_SIGNATURE   ? EKEYREJECTED
		: st == DJ_EMU_SNP_BAD_MEASUREMENT ? EBADMSG
						   : EINVAL;
}

static int on_snp_launch(struct keep *k, const struct request *req,
	uint8_t ret[static DJ_EMU_SNP_LAUNCHED])
{
	enum dj_emu_snp_status st;
	size_t len = 0;
	void *p = NULL;
	int err;

	if (k->snp.is_launched)
		return EALREADY;
	if (req->len < 4 || req->len > sizeof(req->bytes) || req->fd < 0)
		return EINVAL;
	err = map_image(req->fd, &p, &len);
	if (err != 0)
		return err;
	st = dj_emu_snp_launch(&k->snp, req->bytes + 4, req->len - 4, p, len,
		ret);
	munmap(p, len);
	return errno_of(st);
}

static int on_launch(struct keep *k, const struct request *req)
{
	int err;

	if (k->is_launched)
		return EALREADY;
	if (req->len != 4 + 32 || req->fd < 0)
		return EINVAL;
	err = measure(req->fd, k->tee, k->measurement);
	if (err != 0)
		return err;
	memcpy(k->config_hash, req->bytes + 4, 32);
	k->is_launched = true;
	return 0;
}

static int on_report(const struct keep *k, const struct request *req,
	uint8_t ret[static DJ_PROCESS_REPORT_SIZE])
{
	struct dj_process_report rep = { .tee = k->tee, .svn = SVN };

	if (!k->is_launched)
		return ENOTCONN;
	if (req->len != 4 + 64 || req->fd >= 0)
		return EINVAL;
	memcpy(rep.measurement, k->measurement, 32);
	memcpy(rep.config_hash, k->config_hash, 32);
	memcpy(rep.report_data, req->bytes + 4, 64);
	memcpy(rep.platform, k->platform, 32);
	dj_process_report_write(&rep, ret);
	dj_emu_key_sign(&k->key, ret, DJ_PROCESS_REPORT_SIGNED, rep.signature);
	dj_process_report_write(&rep, ret);
	return 0;
}

static bool answer(int err, const void *p, size_t len)
{
	static uint8_t buf[4 + DJ_EMU_REPORT_MAX];
	uint32_t e = (uint32_t)err;

	memcpy(buf, &e, 4);
	if (err != 0)
		len = 0;
	memcpy(buf + 4, p, len);
	return send(SOCKET, buf, 4 + len, MSG_NOSIGNAL) == (ssize_t)(4 + len);
}

static bool handle_snp(struct keep *k, const struct request *req, uint32_t op)
{
	uint8_t out[ANSWER_MAX] = { 0 };
	uint8_t buf[DJ_EMU_SNP_REQUEST_SIZE] = { 0 };
	uint32_t status;
	int err;

	if (op == DJ_EMU_SNP_LAUNCH) {
		err = on_snp_launch(k, req, out);
		return answer(err, out, sizeof(out));
	}
	if (op != DJ_EMU_SNP_REQUEST || req->len != sizeof(buf) || req->fd >= 0)
		return answer(EOPNOTSUPP, out, 0);
	status = dj_emu_snp_request(&k->snp, req->bytes + 4, buf + 4);
	memcpy(buf, &status, 4);
	return send(SOCKET, buf, sizeof(buf), MSG_NOSIGNAL) ==
		(ssize_t)sizeof(buf);
}

/* SGX: a REPORT becomes a quote; the Keep's processor gets its fuses. */
static bool handle_sgx(struct keep *k, const struct request *req, uint32_t op)
{
	static uint8_t quote[DJ_EMU_REPORT_MAX];
	uint8_t launched[32 + sizeof(k->sgx.fuses)];
	size_t len = 0;
	int err;

	switch (op) {
	case DJ_EMU_LAUNCH:
		err = on_launch(k, req);
		memcpy(launched, k->measurement, 32);
		memcpy(launched + 32, &k->sgx.fuses, sizeof(k->sgx.fuses));
		return answer(err, launched, sizeof(launched));
	case DJ_EMU_TARGET:
		dj_emu_sgx_target(&k->sgx, quote);
		return answer(req->len == 4 ? 0 : EINVAL, quote,
			DJ_SGX_TARGETINFO);
	case DJ_EMU_REPORT:
		err = EINVAL;
		if (req->len == 4 + DJ_SGX_REPORT && req->fd < 0)
			err = dj_emu_sgx_quote_report(&k->sgx, req->bytes + 4,
				quote, &len);
		return answer(err, quote, len);
	default:
		return answer(EOPNOTSUPP, quote, 0);
	}
}

static bool handle(struct keep *k, const struct request *req)
{
	uint8_t report[DJ_PROCESS_REPORT_SIZE] = { 0 };
	uint32_t op = 0;

	if (req->len >= 4)
		memcpy(&op, req->bytes, 4);
	if (k->tee == SNP)
		return handle_snp(k, req, op);
	if (k->tee == SGX)
		return handle_sgx(k, req, op);
	switch (op) {
	case DJ_EMU_LAUNCH:
		return answer(on_launch(k, req), k->measurement, 32);
	case DJ_EMU_REPORT:
		return answer(on_report(k, req, report), report,
			sizeof(report));
	default:
		return answer(EOPNOTSUPP, report, 0);
	}
}

bool dj_emu_knows(const char *tee)
{
	for (size_t i = 0; i < sizeof(tees) / sizeof(tees[0]); i++) {
		if (strcmp(tees[i].name, tee) == 0)
			return true;
	}
	return false;
}

int dj_emu_serve(const char *tee, const char *dir)
{
	static struct keep k;
	struct request req;
	bool good = true;

	if (fcntl(SOCKET, F_GETFD) < 0) {
		(void)fprintf(stderr,
			"donjon-emu: serve: no socket on descriptor 3; donjond(8) starts this\n");
		return EX_USAGE;
	}
	dj_image_use_cpu();
	for (size_t i = 0; i < sizeof(tees) / sizeof(tees[0]); i++) {
		if (strcmp(tees[i].name, tee) == 0)
			k.tee = tees[i].number;
	}
	if (k.tee == SNP               ? !read_snp(dir, &k.snp)
			: k.tee == SGX ? !dj_emu_sgx_read(dir, &k.sgx)
				       : !read_key(dir, tee, &k.key))
		return EX_NOINPUT;
	if (!drop()) {
		(void)fprintf(stderr,
			"donjon-emu: serve: cannot drop rights: %s\n",
			strerror(errno));
		return EX_OSERR;
	}
	if (k.tee != SNP)
		dj_emu_key_platform(&k.key, k.platform);
	while (good && receive(&req)) {
		good = handle(&k, &req);
		if (req.fd >= 0)
			close(req.fd);
	}
	dj_wipe(&k, sizeof(k));
	return 0;
}
