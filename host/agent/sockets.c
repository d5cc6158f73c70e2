// SPDX-License-Identifier: Apache-2.0
#include "host/agent/sockets.h"

#include <errno.h>
#include <grp.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 128

static dj_status fail(int fd, const char *what, char err[static 256])
{
	snprintf(err, 256, "%.180s: %s", what, strerror(errno));
	if (fd >= 0)
		close(fd);
	return DJ_E_SYS;
}

/* Nobody listens there any more. */
static bool is_stale(const struct sockaddr_un *sa)
{
	struct stat st;
	int fd;
	bool refused;

	if (lstat(sa->sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
		return false;
	/* One that accepts nobody just now is not waited for. */
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	refused = connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) != 0 &&
		errno == ECONNREFUSED;
	close(fd);
	return refused;
}

/* The path's name while nobody may see it. */
static dj_status name_unix(const char *path, struct sockaddr_un *sa,
	struct sockaddr_un *early, char err[static 256])
{
	int n = snprintf(early->sun_path, sizeof(early->sun_path), "%s.%07ld",
		path, (long)getpid());

	if (n < 0 || (size_t)n >= sizeof(early->sun_path)) {
		snprintf(err, 256, "--socket: the path is %zu bytes too long",
			(size_t)n - sizeof(early->sun_path) + 1);
		return DJ_E_INPUT;
	}
	memcpy(sa->sun_path, path, strlen(path) + 1);
	return DJ_OK;
}

static dj_status listen_early(int fd, const struct sockaddr_un *early)
{
	struct group *g = getgrnam("donjon");
	mode_t mask;
	int bad;

	/* What an agent of our number left when it was killed. */
	if (is_stale(early))
		(void)unlink(early->sun_path);
	/* Never wider than it will be, not even for a moment. */
	mask = umask(0117);
	bad = bind(fd, (const struct sockaddr *)early, sizeof(*early));
	umask(mask);
	if (bad != 0 ||
		(g != NULL &&
			chown(early->sun_path, (uid_t)-1, g->gr_gid) != 0 &&
			errno != EPERM))
		return DJ_E_SYS;
	return listen(fd, BACKLOG) == 0 ? DJ_OK : DJ_E_SYS;
}

dj_status dj_socket_unix(const char *path, int *ret, char err[static 256])
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct sockaddr_un early = { .sun_family = AF_UNIX };
	dj_status st = name_unix(path, &sa, &early, err);
	int fd;

	if (st != DJ_OK)
		return st;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fail(fd, path, err);
	if (is_stale(&sa))
		(void)unlink(path);
	/* It has its name only once it listens: who sees the path can connect,
	   and no second agent finds one that refuses and takes it for stale. */
	if (listen_early(fd, &early) != DJ_OK ||
		link(early.sun_path, path) != 0) {
		if (errno == EEXIST)
			errno = EADDRINUSE;
		st = fail(fd, path, err);
	} else {
		*ret = fd;
	}
	(void)unlink(early.sun_path);
	return st;
}

static dj_status bind_to(const struct addrinfo *ai, const char *where, int *ret,
	char *err)
{
	int one = 1;
	int fd = socket(ai->ai_family,
		SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, ai->ai_protocol);

	if (fd < 0 ||
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) !=
			0 ||
		bind(fd, ai->ai_addr, ai->ai_addrlen) != 0 ||
		listen(fd, BACKLOG) != 0)
		return fail(fd, where, err);
	*ret = fd;
	return DJ_OK;
}

dj_status dj_socket_tcp(const char *where, int *ret, char err[static 256])
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV |
			AI_PASSIVE,
		.ai_socktype = SOCK_STREAM };
	struct addrinfo *ai = NULL;
	const char *colon = strrchr(where, ':');
	char host[64];
	size_t n = colon == NULL ? 0 : (size_t)(colon - where);
	dj_status st;

	if (n >= 2 && where[0] == '[' && where[n - 1] == ']') {
		where++;
		n -= 2;
	}
	if (n == 0 || n >= sizeof(host)) {
		snprintf(err, 256, "--listen wants ADDR:PORT");
		return DJ_E_INPUT;
	}
	memcpy(host, where, n);
	host[n] = '\0';
	if (getaddrinfo(host, colon + 1, &hints, &ai) != 0) {
		snprintf(err, 256,
			"--listen: %.63s is not a numeric address and port",
			where);
		return DJ_E_INPUT;
	}
	st = bind_to(ai, where, ret, err);
	freeaddrinfo(ai);
	return st;
}
