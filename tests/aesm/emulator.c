// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/aesm/aesm.h"
#include "host/launch/quoter.h"
#include "lib/proto/emu.h"

/*
 * In donjon-emu's place, for tests/integration/aesm.py: the processor is the
 * emulated one, its quotes are got as on hardware, by the launcher's own code,
 * from who listens at DIR/aesm.socket.
 *
 *   emulator serve sgx DIR
 */
#define SOCKET 3

static int start(const char *tee, const char *dir)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 32);
	int s[2];

	if (n <= 0 || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s) != 0)
		return -1;
	path[n] = '\0';
	/* build/tests/aesm/emulator, build/donjon-emu */
	for (int i = 0; i < 3; i++)
		*strrchr(path, '/') = '\0';
	(void)strcat(path, "/donjon-emu");
	if (fork() == 0) {
		(void)dup2(s[1], SOCKET);
		(void)close_range(SOCKET + 1, ~0u, 0);
		(void)execl(path, path, "serve", tee, dir, (char *)NULL);
		_exit(127);
	}
	close(s[1]);
	return s[0];
}

/* A message with the descriptor that comes with it, as it is. */
static ssize_t take(struct msghdr *m, struct iovec *iov, void *room,
	size_t room_len)
{
	*m = (struct msghdr){ .msg_iov = iov,
		.msg_iovlen = 1,
		.msg_control = room,
		.msg_controllen = room_len };
	return recvmsg(SOCKET, m, 0);
}

int main(int argc, char **argv)
{
	static uint8_t buf[4 + DJ_EMU_REPORT_MAX];
	_Alignas(struct cmsghdr) uint8_t room[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { .iov_base = buf };
	char path[PATH_MAX];
	struct dj_aesm a = { .path = path, .patience_ms = 2000 };
	struct msghdr m;
	int emu = argc == 4 ? start(argv[2], argv[3]) : -1;
	ssize_t n;

	if (emu < 0 ||
		snprintf(path, sizeof(path), "%s/aesm.socket", argv[3]) < 0)
		return 64;
	for (;;) {
		uint32_t op = 0;

		iov.iov_len = sizeof(buf);
		n = take(&m, &iov, room, sizeof(room));
		if (n < 4)
			return 0;
		memcpy(&op, buf, 4);
		if (op != DJ_EMU_LAUNCH) {
			if (!dj_quoter_answer(SOCKET, &a, buf, (size_t)n))
				return 1;
			continue;
		}
		iov.iov_len = (size_t)n;
		if (sendmsg(emu, &m, 0) != n ||
			(n = recv(emu, buf, sizeof(buf), 0)) < 0 ||
			send(SOCKET, buf, (size_t)n, 0) != n)
			return 1;
	}
}
