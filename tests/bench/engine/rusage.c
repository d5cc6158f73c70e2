// SPDX-License-Identifier: Apache-2.0
/*
 * rusage FILE COMMAND...: runs it and writes to FILE, in one line, user and
 * system time, wall time (microseconds), peak memory (KiB) and the exit
 * code. Small, since a child's peak begins with what its parent had.
 */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static long long micros(struct timeval t)
{
	return t.tv_sec * 1000000LL + t.tv_usec;
}

int main(int argc, char **argv)
{
	long long begin = now();
	struct rusage u;
	int st;
	pid_t pid;
	FILE *f;

	if (argc < 3)
		return 64;
	pid = vfork();
	if (pid == 0) {
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &st, 0, &u) != pid)
		return 71;
	f = fopen(argv[1], "w");
	if (f == NULL)
		return 73;
	fprintf(f, "%lld %lld %lld %ld %d\n", micros(u.ru_utime),
		micros(u.ru_stime), now() - begin, u.ru_maxrss,
		WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st));
	return fclose(f) == 0 ? 0 : 74;
}
