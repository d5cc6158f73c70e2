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
 * Starts image in its jail, with descriptors 3, 5 and 6 of the caller's and
 * at most data bytes of private writable memory. It runs when this returns
 * NULL; otherwise what failed, errno set, and nothing is left behind.
 */
const char *dj_jail_start(int image, uint64_t data, struct dj_jailed *ret);

/*
 * From here on the caller may talk on its sockets, wait and exit; any other
 * system call kills it. NULL, or what failed.
 */
const char *dj_jail_self(int pidfd);
