// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/wasmdiff/wasmdiff.h"

static int to = -1, from = -1;
static pid_t pid;

static bool read_all(void *dst, size_t len)
{
	for (char *p = dst; len > 0;) {
		ssize_t n = read(from, p, len);

		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

static bool write_all(const void *src, size_t len)
{
	for (const char *p = src; len > 0;) {
		ssize_t n = write(to, p, len);

		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

static bool start(const char *node, bool turbofan)
{
	int in[2], out[2];

	if (pipe(in) != 0 || pipe(out) != 0)
		return false;
	pid = fork();
	if (pid < 0)
		return false;
	if (pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		close(in[1]);
		close(out[0]);
		/* Flags that it does not know, a line each time. */
		if (freopen("/dev/null", "w", stderr) == NULL)
			_exit(127);
		execlp(node, node, turbofan ? "--no-liftoff" : "--liftoff",
			"tests/wasmdiff/v8.js", (char *)NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	to = in[1];
	from = out[0];
	return true;
}

uint64_t v8_begin(const char *node, bool turbofan)
{
	static struct text t;

	signal(SIGPIPE, SIG_IGN);
	if (!start(node, turbofan) || !v8_receive(&t)) {
		v8_end();
		return 0;
	}
	return strtoull(t.p, NULL, 16);
}

void v8_end(void)
{
	if (to < 0)
		return;
	close(to);
	close(from);
	to = from = -1;
	waitpid(pid, NULL, 0);
}

bool v8_send(const uint8_t *bytes, size_t len, const struct text *plan)
{
	uint32_t sizes[2] = { (uint32_t)plan->len, (uint32_t)len };

	return write_all(sizes, sizeof(sizes)) &&
		write_all(plan->p, plan->len) && write_all(bytes, len);
}

bool v8_receive(struct text *ret)
{
	uint32_t len;

	if (!read_all(&len, sizeof(len)) || len >= sizeof(ret->p) ||
		!read_all(ret->p, len))
		return false;
	ret->p[len] = '\0';
	ret->len = len;
	return true;
}
