// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdint.h>
#include <sys/types.h>

/*
 * The walls around a process Keep that its own shim does not build: another
 * user, namespaces, an empty root, limits; and those around the launcher.
 */

/*
 * For a launcher started as root: nobody, with no capabilities. NULL, or
 * what failed. Files that only root may read must be open by now.
 */
const char *dj_jail_drop_root(void);

struct dj_jailed {
	pid_t pid;
	int pidfd;
};

/*
 * What is to run in the jail. Either a process that executes the image, or,
 * with the three functions, the child itself. make: in its namespaces, with
 * the caller's descriptors; those that are to stay it moves to
 * DJ_JAIL_FD_KEPT or above. ready: with these, 3, 5 and 6 alone; takes away
 * what run does not need and closes said. Both give NULL, or what failed,
 * errno set.
 */
#define DJ_JAIL_FD_KEPT 64

struct dj_jail_body {
	int image;
	uint64_t data; /* bytes of private writable memory that it may have */
	const char *(*make)(void *ctx);
	const char *(*ready)(void *ctx, int said);
	void (*run)(void *ctx); /* does not return */
	void *ctx;
};

/*
 * Starts the body in its jail. It runs when this returns NULL; otherwise what
 * failed, errno set, and nothing is left behind.
 */
const char *dj_jail_start(const struct dj_jail_body *body,
	struct dj_jailed *ret);

/*
 * From here on the caller may talk on its sockets, wait and exit; any other
 * system call kills it. NULL, or what failed.
 */
const char *dj_jail_self(int pidfd);
