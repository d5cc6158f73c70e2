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
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sysexits.h>
#include <unistd.h>

#include "emu/emu.h"
#include "lib/base/secret.h"
#include "lib/evidence/image.h"
#include "lib/evidence/process.h"
#include "lib/proto/emu.h"

#define SOCKET    3
#define SEALS     (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
#define IMAGE_MAX ((off_t)64 << 20)
#define NOBODY    65534
#define SVN       1

/* The TEEs that are emulated here: all report in the one layout. */
static const struct tee {
	const char *name;
	uint16_t number; /* OFFER.tee */
} tees[] = {
	{ "process", 0x41 },
	{ "kvm", 0x40 },
};

struct keep {
	uint16_t tee;
	struct dj_emu_key key;
	uint8_t platform[32];
	bool is_launched;
	uint8_t measurement[32];
	uint8_t config_hash[32];
};

struct request {
	uint8_t bytes[4 + 64];
	size_t len;
	int fd; /* or -1 */
};

static bool read_key(const char *dir, const char *tee, struct dj_emu_key *ret)
{
	char path[PATH_MAX], pem[1024];
	const char *wrong;
	ssize_t n = -1;
	int fd = -1;

	if (snprintf(path, sizeof(path), "%s/%s.key", dir, tee) <
		(int)sizeof(path))
		fd = open(path, O_RDONLY | O_CLOEXEC);
	else
		errno = ENAMETOOLONG;
	if (fd >= 0) {
		n = read(fd, pem, sizeof(pem));
		close(fd);
	}
	if (n < 0) {
		(void)fprintf(stderr,
			"donjon-emu: serve: cannot read %s/%s.key: %s; `donjon-emu init` makes it in a new folder\n",
			dir, tee, strerror(errno));
		return false;
	}
	wrong = dj_emu_key_parse(pem, (size_t)n, ret);
	dj_wipe(pem, sizeof(pem));
	if (wrong != NULL)
		(void)fprintf(stderr, "donjon-emu: serve: %s/%s.key: %s\n", dir,
			tee, wrong);
	return wrong == NULL;
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
		setrlimit(RLIMIT_FSIZE, &none) == 0 &&
		prctl(PR_SET_DUMPABLE, 0) == 0 &&
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && dj_emu_filter();
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
static int measure(int fd, uint8_t ret[static 32])
{
	struct dj_image img;
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);
	dj_status status;
	void *p;

	if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &st) != 0)
		return EPERM;
	if (st.st_size <= 0 || st.st_size > IMAGE_MAX)
		return EFBIG;
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return errno;
	status = dj_image_parse(p, (size_t)st.st_size, &img);
	if (status == DJ_OK)
		status = dj_image_measure(&img, ret);
	munmap(p, (size_t)st.st_size);
	return status == DJ_OK ? 0 : ENOEXEC;
}

static int on_launch(struct keep *k, const struct request *req)
{
	int err;

	if (k->is_launched)
		return EALREADY;
	if (req->len != 4 + 32 || req->fd < 0)
		return EINVAL;
	err = measure(req->fd, k->measurement);
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
	uint8_t buf[4 + DJ_PROCESS_REPORT_SIZE];
	uint32_t e = (uint32_t)err;

	memcpy(buf, &e, 4);
	if (err != 0)
		len = 0;
	memcpy(buf + 4, p, len);
	return send(SOCKET, buf, 4 + len, MSG_NOSIGNAL) == (ssize_t)(4 + len);
}

static bool handle(struct keep *k, const struct request *req)
{
	uint8_t report[DJ_PROCESS_REPORT_SIZE] = { 0 };
	uint32_t op = 0;

	if (req->len >= 4)
		memcpy(&op, req->bytes, 4);
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
	struct keep k = { 0 };
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
	if (!read_key(dir, tee, &k.key))
		return EX_NOINPUT;
	if (!drop()) {
		(void)fprintf(stderr,
			"donjon-emu: serve: cannot drop rights: %s\n",
			strerror(errno));
		return EX_OSERR;
	}
	dj_emu_key_platform(&k.key, k.platform);
	while (good && receive(&req)) {
		good = handle(&k, &req);
		if (req.fd >= 0)
			close(req.fd);
	}
	dj_wipe(&k, sizeof(k));
	return 0;
}
