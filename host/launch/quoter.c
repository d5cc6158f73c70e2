// SPDX-License-Identifier: Apache-2.0
#include "host/launch/quoter.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host/launch/launch.h"
#include "host/launch/seccomp.h"
#include "lib/evidence/sgx.h"
#include "lib/proto/emu.h"

#define SOCKET      3
#define PATIENCE_MS 30000
#define LINE        256

bool dj_quoter_filter(void)
{
	struct sock_filter insns[] = {
		SC_BEGIN,
		SC_ALLOW(SYS_connect),
		SC_ALLOW(SYS_poll),
		SC_ALLOW(SYS_recvfrom),
		SC_ALLOW(SYS_sendto),
		SC_ALLOW(SYS_close),
		SC_ALLOW(SYS_clock_gettime),
		SC_ALLOW(SYS_clock_nanosleep),
		SC_ALLOW(SYS_restart_syscall),
		SC_ALLOW(SYS_exit_group),
		SC_EQ(SYS_socket, 0, 2),
		SC_LOAD(args[0]),
		SC_EQ(AF_UNIX, 1, 0),
		SC_RET_KILL,
		SC_RET_ALLOW,
	};

	return dj_seccomp_take(insns, sizeof(insns) / sizeof(insns[0]));
}

static bool answer(int sock, int err, const uint8_t *p, size_t len)
{
	uint8_t buf[4 + DJ_EMU_REPORT_MAX];
	const uint32_t e = (uint32_t)err;

	memcpy(buf, &e, 4);
	if (len != 0)
		memcpy(buf + 4, p, len);
	return send(sock, buf, 4 + len, MSG_NOSIGNAL) == (ssize_t)(4 + len);
}

/* What is wrong, in words; their length. */
static size_t explain(const struct dj_aesm *a, enum dj_aesm_wrong wrong,
	int err, char dst[static LINE])
{
	const bool has_why = wrong == DJ_AESM_NO_DAEMON;
	int n = snprintf(dst, LINE, "no quote: %s (%.108s%s%s)",
		dj_aesm_text(a, wrong), a->path, has_why ? ": " : "",
		has_why ? strerror(err) : "");

	return n < 0 ? 0 : strnlen(dst, LINE);
}

bool dj_quoter_answer(int sock, struct dj_aesm *a, const uint8_t *request,
	size_t len)
{
	enum dj_aesm_wrong wrong = DJ_AESM_GOOD;
	uint8_t got[DJ_EMU_REPORT_MAX];
	size_t n = DJ_SGX_TARGETINFO;
	uint32_t op = 0;

	if (len >= 4)
		memcpy(&op, request, 4);
	errno = 0;
	if (op == DJ_EMU_TARGET && len == 4)
		wrong = dj_aesm_target(a, got);
	else if (op == DJ_EMU_REPORT && len == 4 + DJ_SGX_REPORT)
		wrong = dj_aesm_quote(a, request + 4, got, sizeof(got), &n);
	else
		return answer(sock, EOPNOTSUPP, NULL, 0);
	if (wrong != DJ_AESM_GOOD)
		n = explain(a, wrong, errno, (char *)got);
	return answer(sock, dj_aesm_errno(wrong), got, n);
}

static _Noreturn void serve(const char *path)
{
	struct dj_aesm a = { .path = path, .patience_ms = PATIENCE_MS };
	uint8_t buf[4 + DJ_EMU_REQUEST_MAX];
	ssize_t n;

	do
		n = recv(SOCKET, buf, sizeof(buf), MSG_TRUNC);
	while ((n > 0 && dj_quoter_answer(SOCKET, &a, buf, (size_t)n)) ||
		(n < 0 && errno == EINTR));
	_exit(0);
}

/* With nothing of the launcher's but its stderr. */
static _Noreturn void become(const char *path, int sock, int tied)
{
	const struct rlimit none = { 0, 0 };

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || close(tied) != 0 ||
		dup2(sock, SOCKET) != SOCKET ||
		close_range(SOCKET + 1, ~0u, 0) != 0 ||
		prctl(PR_SET_NAME, "donjon-quotes") != 0 ||
		setrlimit(RLIMIT_CORE, &none) != 0 ||
		setrlimit(RLIMIT_FSIZE, &none) != 0 || !dj_quoter_filter())
		_exit(127);
	serve(path);
}

const char *dj_quoter_start(const char *aesm_path)
{
	int s[2], tied[2];
	pid_t pid;
	char c;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, s) != 0 ||
		pipe2(tied, O_CLOEXEC) != 0)
		return "cannot make a socket";
	pid = fork();
	if (pid == 0) {
		close(s[0]);
		become(aesm_path, s[1], tied[1]);
	}
	close(s[1]);
	close(tied[1]);
	if (pid < 0)
		return "cannot make a process for quotes";
	/* It is tied to us before we go on, or is gone already. */
	(void)!read(tied[0], &c, 1);
	close(tied[0]);
	if (dup3(s[0], DJ_LAUNCH_FD_EMU, O_CLOEXEC) != DJ_LAUNCH_FD_EMU)
		return "cannot keep the socket for quotes";
	close(s[0]);
	return NULL;
}
