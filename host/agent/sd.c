// SPDX-License-Identifier: Apache-2.0
#include "host/agent/sd.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

dj_status dj_sd_notify(const char *address, const char *state)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	socklen_t len;
	ssize_t n;
	int fd;
	int saved;

	if (address == NULL)
		return DJ_OK;
	if ((address[0] != '/' && address[0] != '@') || address[1] == '\0' ||
		strlen(address) >= sizeof(sa.sun_path))
		return DJ_E_INPUT;
	memcpy(sa.sun_path, address, strlen(address));
	if (address[0] == '@')
		sa.sun_path[0] = '\0';
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
		strlen(address));

	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return DJ_E_SYS;
	n = sendto(fd, state, strlen(state), MSG_NOSIGNAL,
		(const struct sockaddr *)&sa, len);
	saved = errno;
	close(fd);
	errno = saved;
	return n < 0 ? DJ_E_SYS : DJ_OK;
}

static bool number(const char *s, long *ret)
{
	char *end;

	if (*s < '0' || *s > '9')
		return false;
	errno = 0;
	*ret = strtol(s, &end, 10);
	return errno == 0 && *end == '\0' && *ret <= INT_MAX;
}

dj_status dj_sd_listen_fds(const char *pid, const char *fds, int self,
	int *ret_count)
{
	long want;
	long n;

	*ret_count = 0;
	if (pid == NULL || fds == NULL)
		return DJ_OK;
	if (!number(pid, &want) || !number(fds, &n))
		return DJ_E_INPUT;
	if (want != self)
		return DJ_OK;
	if (n > DJ_SD_LISTEN_MAX)
		return DJ_E_LIMIT;
	*ret_count = (int)n;
	return DJ_OK;
}

void dj_sd_listen_name(const char *names, int i, char *dst, size_t cap)
{
	size_t n;

	dst[0] = '\0';
	while (names != NULL && i > 0) {
		names = strchr(names, ':');
		names = names == NULL ? NULL : names + 1;
		i--;
	}
	if (names == NULL)
		return;
	n = strcspn(names, ":");
	if (n >= cap)
		n = cap - 1;
	memcpy(dst, names, n);
	dst[n] = '\0';
}
