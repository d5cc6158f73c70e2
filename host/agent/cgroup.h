// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/status.h"

/*
 * A control group for each Keep (its launcher, its process), so that neither
 * takes more memory or processes than the launch block grants, whatever the
 * jail does. Version 2, or version 1's memory and pids side by side. Groups
 * are made below a folder of ours; the launcher enters its own before it does
 * anything else (host/launch/launch.h), so nothing escapes by being quick.
 */
#define DJ_CGROUP_MAX 2 /* hierarchies */

struct dj_cgroup {
	size_t count; /* 0: no groups */
	bool is_v2;
	char dir[DJ_CGROUP_MAX][512]; /* our folder in each hierarchy */
};

/*
 * where: "self", below the group of this process, or a path from the root of
 * the hierarchies that exists and is ours. root is "/sys/fs/cgroup" but in
 * tests; own the text of /proc/self/cgroup. On failure nothing is left
 * behind, *ret has no groups, and why is one line.
 */
dj_status dj_cgroup_init(const char *where, const char *root, const char *own,
	struct dj_cgroup *ret, char why[static 256]);
void dj_cgroup_done(struct dj_cgroup *g);

/* Makes the Keep's groups and opens their cgroup.procs for the launcher. */
dj_status dj_cgroup_make(const struct dj_cgroup *g, const char *id,
	uint64_t memory, int ret_procs[static DJ_CGROUP_MAX]);
/* False: somebody is still in them; try again later. */
bool dj_cgroup_remove(const struct dj_cgroup *g, const char *id);
