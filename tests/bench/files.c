// SPDX-License-Identifier: Apache-2.0
/*
 * Files: how long each kind of operation takes, by the program's own clock.
 * Prints "NAME NANOSECONDS" a line, each the time of one operation. argv[1]:
 * an empty folder, /tmp if not given.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SIZE  (16l << 20)
#define ROUND 4
#define NAMES 1000
#define STATS 40

static char path[4096], buf[65536];

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void say(const char *name, long long start, long count)
{
	printf("%s %lld\n", name, (now() - start) / count);
}

static void pieces(int fd, size_t piece, const char *write_name,
	const char *read_name)
{
	long n = SIZE / (long)piece * ROUND;
	long long start = now();

	for (long i = 0; i < n; i++)
		if (pwrite(fd, buf, piece, i * (long)piece % SIZE) !=
			(ssize_t)piece)
			die("write");
	say(write_name, start, n);
	start = now();
	for (long i = 0; i < n; i++)
		if (pread(fd, buf, piece, i * (long)piece % SIZE) !=
			(ssize_t)piece)
			die("read");
	say(read_name, start, n);
}

/* Made before any clock runs: they are the program's work, not files'. */
static char *file[NAMES];

static void make_names(void)
{
	for (int i = 0; i < NAMES; i++)
		if (asprintf(&file[i], "%s/file-%d", path, i) < 0)
			die("names");
}

static void names(void)
{
	long long start;
	struct dirent *d;
	struct stat st;
	DIR *dir;
	long n = 0;
	int fd;

	make_names();
	start = now();
	for (int i = 0; i < NAMES; i++) {
		fd = open(file[i], O_CREAT | O_WRONLY, 0600);
		if (fd < 0 || close(fd) != 0)
			die(file[i]);
	}
	say("create", start, NAMES);
	start = now();
	for (int k = 0; k < STATS; k++)
		for (int i = 0; i < NAMES; i++)
			if (stat(file[i], &st) != 0)
				die(file[i]);
	say("stat", start, (long)STATS * NAMES);
	start = now();
	for (int k = 0; k < STATS; k++) {
		dir = opendir(path);
		while (dir != NULL && (d = readdir(dir)) != NULL)
			n++;
		if (dir == NULL || closedir(dir) != 0)
			die(path);
	}
	say("readdir", start, n);
	start = now();
	for (int i = 0; i < NAMES; i++)
		if (unlink(file[i]) != 0)
			die(file[i]);
	say("unlink", start, NAMES);
}

int main(int argc, char **argv)
{
	char name[4200];
	int fd;

	snprintf(path, sizeof(path), "%s/bench-files",
		argc > 1 ? argv[1] : "/tmp");
	if (mkdir(path, 0700) != 0)
		die(path);
	snprintf(name, sizeof(name), "%s/data", path);
	memset(buf, 'x', sizeof(buf));
	fd = open(name, O_CREAT | O_RDWR, 0600);
	if (fd < 0)
		die(name);
	for (long i = 0; i < SIZE / (long)sizeof(buf); i++)
		if (write(fd, buf, sizeof(buf)) != sizeof(buf))
			die(name);
	pieces(fd, 4096, "write-4K", "read-4K");
	pieces(fd, 65536, "write-64K", "read-64K");
	if (close(fd) != 0 || unlink(name) != 0)
		die(name);
	names();
	return rmdir(path) != 0;
}
