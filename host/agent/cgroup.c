// SPDX-License-Identifier: Apache-2.0
#include "host/agent/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A launcher, its page tables, the shared region: charged here as well. */
#define OVERHEAD  (UINT64_C(16) << 20)
/* Launcher and Keep; one more while the launcher clones. */
#define PROCESSES "4"

static bool put(const char *dir, const char *file, const char *text)
{
	char path[1024];
	size_t len = strlen(text);
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = write(fd, text, len);
	close(fd);
	return n == (ssize_t)len;
}

/* The group of this process in a hierarchy: name is "memory", or "" for 2. */
static bool find_own(const char *own, const char *name, char dst[static 256])
{
	char key[32];
	const char *p = own;
	const char *colon;

	snprintf(key, sizeof(key), ":%s:", name);
	while (p != NULL && *p != '\0') {
		colon = strchr(p, ':');
		if (colon != NULL && strncmp(colon, key, strlen(key)) == 0) {
			p = colon + strlen(key);
			return snprintf(dst, 256, "%.*s", (int)strcspn(p, "\n"),
				       p) < 256;
		}
		p = strchr(p, '\n');
		p = p == NULL ? NULL : p + 1;
	}
	return false;
}

static bool make_v1(struct dj_cgroup *g, const char *where, const char *root,
	const char *own)
{
	static const char *const names[DJ_CGROUP_MAX] = { "memory", "pids" };
	char path[256];

	for (size_t i = 0; i < DJ_CGROUP_MAX; i++) {
		snprintf(path, sizeof(path), "%s", where);
		if (strcmp(where, "self") == 0 &&
			!find_own(own, names[i], path))
			return false;
		snprintf(g->dir[i], sizeof(g->dir[i]), "%s/%s%s/donjond-%d",
			root, names[i], strcmp(path, "/") == 0 ? "" : path,
			(int)getpid());
		if (mkdir(g->dir[i], 0755) != 0)
			return false;
		g->count++;
	}
	return true;
}

/*
 * Version 2 lets a group have either processes or groups with limits, so
 * this process moves to a leaf of its own first.
 */
static bool make_v2(struct dj_cgroup *g, const char *where, const char *root,
	const char *own)
{
	char path[256];
	char leaf[600];
	char pid[16];

	snprintf(path, sizeof(path), "%s", where);
	if (strcmp(where, "self") == 0 && !find_own(own, "", path))
		return false;
	snprintf(g->dir[0], sizeof(g->dir[0]), "%s%s", root,
		strcmp(path, "/") == 0 ? "" : path);
	g->is_v2 = true;
	if (strcmp(where, "self") == 0) {
		snprintf(leaf, sizeof(leaf), "%s/agent", g->dir[0]);
		snprintf(pid, sizeof(pid), "%d", (int)getpid());
		if ((mkdir(leaf, 0755) != 0 && errno != EEXIST) ||
			!put(leaf, "cgroup.procs", pid))
			return false;
	}
	if (!put(g->dir[0], "cgroup.subtree_control", "+memory +pids"))
		return false;
	g->count = 1;
	return true;
}

dj_status dj_cgroup_init(const char *where, const char *root, const char *own,
	struct dj_cgroup *ret, char why[static 256])
{
	struct dj_cgroup g = { 0 };
	char path[512];
	bool good;

	snprintf(path, sizeof(path), "%s/cgroup.controllers", root);
	errno = ENOENT;
	good = access(path, F_OK) == 0 ? make_v2(&g, where, root, own)
				       : make_v1(&g, where, root, own);
	if (!good) {
		snprintf(why, 256, "%.180s: %s", g.dir[g.count % DJ_CGROUP_MAX],
			strerror(errno));
		dj_cgroup_done(&g);
		*ret = (struct dj_cgroup){ 0 };
		return DJ_E_SYS;
	}
	*ret = g;
	return DJ_OK;
}

void dj_cgroup_done(struct dj_cgroup *g)
{
	for (size_t i = 0; i < g->count && !g->is_v2; i++)
		(void)rmdir(g->dir[i]);
	g->count = 0;
}

static bool set_limits(const struct dj_cgroup *g, size_t i, const char *dir,
	uint64_t memory)
{
	char bytes[32];

	if (memory > UINT64_MAX / 2)
		memory = UINT64_MAX / 2;
	snprintf(bytes, sizeof(bytes), "%llu",
		(unsigned long long)(memory + OVERHEAD));
	if (g->is_v2)
		return put(dir, "memory.max", bytes) &&
			put(dir, "pids.max", PROCESSES);
	if (i == 0)
		return put(dir, "memory.limit_in_bytes", bytes);
	return put(dir, "pids.max", PROCESSES);
}

dj_status dj_cgroup_make(const struct dj_cgroup *g, const char *id,
	uint64_t memory, int ret_procs[static DJ_CGROUP_MAX])
{
	char path[640];
	int err;

	for (size_t i = 0; i < g->count; i++) {
		snprintf(path, sizeof(path), "%s/%s", g->dir[i], id);
		if (mkdir(path, 0755) != 0 || !set_limits(g, i, path, memory))
			goto fail;
		snprintf(path, sizeof(path), "%s/%s/cgroup.procs", g->dir[i],
			id);
		ret_procs[i] = open(path, O_WRONLY | O_CLOEXEC);
		if (ret_procs[i] < 0)
			goto fail;
	}
	return DJ_OK;

fail:
	err = errno;
	(void)dj_cgroup_remove(g, id);
	errno = err;
	return DJ_E_SYS;
}

bool dj_cgroup_remove(const struct dj_cgroup *g, const char *id)
{
	char path[640];
	bool good = true;

	for (size_t i = 0; i < g->count; i++) {
		snprintf(path, sizeof(path), "%s/%s", g->dir[i], id);
		if (rmdir(path) != 0 && errno != ENOENT)
			good = false;
	}
	return good;
}
