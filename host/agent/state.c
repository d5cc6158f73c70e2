// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/agent/agent.h"
#include "host/agent/log.h"

/*
 * One JSON file a Keep in --state-dir, renamed into place, for people and
 * scripts to read. Nothing is read back: Keeps die with this process, so
 * files found at the start tell of none that lives and are removed.
 */
void dj_keep_save(const struct dj_keep *k)
{
	char path[4096 + 64];
	char temp[4096 + 80];
	json_t *j;
	bool good;

	if (k->agent->opt.state_dir == NULL)
		return;
	snprintf(path, sizeof(path), "%s/%s.json", k->agent->opt.state_dir,
		k->id);
	snprintf(temp, sizeof(temp), "%s.tmp", path);
	j = dj_keep_json(k);
	good = j != NULL &&
		json_dump_file(j, temp, JSON_INDENT(2) | JSON_SORT_KEYS) == 0 &&
		rename(temp, path) == 0;
	json_decref(j);
	if (!good)
		dj_log(DJ_LOG_WARN, "state.not_written", "file", path, "why",
			strerror(errno), NULL);
}

void dj_keep_unsave(const struct dj_keep *k)
{
	char path[4096 + 64];

	if (k->agent->opt.state_dir == NULL)
		return;
	snprintf(path, sizeof(path), "%s/%s.json", k->agent->opt.state_dir,
		k->id);
	(void)unlink(path);
}

static bool is_ours(const char *name)
{
	size_t n = strlen(name);

	return strncmp(name, "k-", 2) == 0 &&
		((n > 5 && strcmp(name + n - 5, ".json") == 0) ||
			(n > 9 && strcmp(name + n - 9, ".json.tmp") == 0));
}

dj_status dj_state_clear(const char *dir)
{
	DIR *d = NULL;
	struct dirent *e;

	if (mkdir(dir, 0700) == 0 || errno == EEXIST)
		d = opendir(dir);
	if (d == NULL)
		return DJ_E_SYS;
	while ((e = readdir(d)) != NULL)
		if (is_ours(e->d_name))
			(void)unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
	return DJ_OK;
}
