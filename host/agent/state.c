// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "host/agent/agent.h"
#include "host/agent/log.h"

/*
 * One JSON file a Keep in --state-dir, renamed into place: for people and
 * scripts to read, and history for the next agent. Keeps die with this
 * process, so a file that tells of a living one is of one that was lost.
 */
#define KEPT_SECONDS 3600
#define KEPT_MAX     1024

dj_status dj_state_open(struct dj_agent *a, char err[static 256])
{
	const char *dir = a->opt.state_dir;
	const char *why = NULL;
	struct stat st = { 0 };

	if (mkdir(dir, 0700) == 0 || errno == EEXIST)
		a->state = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (a->state < 0 || fstat(a->state, &st) != 0)
		why = strerror(errno);
	else if (flock(a->state, LOCK_EX | LOCK_NB) != 0)
		why = errno == EWOULDBLOCK ? "another donjond has it"
					   : strerror(errno);
	if (why != NULL) {
		snprintf(err, 256, "--state-dir %.160s: %s", dir, why);
		return DJ_E_SYS;
	}
	if ((st.st_uid == geteuid() || st.st_uid == 0) &&
		(st.st_mode & (S_IWGRP | S_IWOTH)) == 0)
		return DJ_OK;
	snprintf(err, 256,
		"--state-dir %.120s: others may write there; it must be this user's or root's, with a mode like 0700",
		dir);
	return DJ_E_INPUT;
}

int dj_state_file(const struct dj_agent *a, const char *name, int flags)
{
	int fd = openat(a->state, name,
		flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	struct stat st;

	if (fd < 0 || (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)))
		return fd;
	close(fd);
	errno = EINVAL;
	return -1;
}

#define FILE_NAME_MAX (DJ_KEEP_ID_SIZE + 8)

static void file_of(const struct dj_keep *k, char dst[static FILE_NAME_MAX])
{
	snprintf(dst, FILE_NAME_MAX, "%s.json", k->id);
}

static bool write_json(const struct dj_agent *a, const json_t *j,
	const char *name, const char *temp)
{
	int fd = dj_state_file(a, temp, O_WRONLY | O_CREAT | O_TRUNC);
	bool good;

	if (fd < 0)
		return false;
	good = json_dumpfd(j, fd, JSON_INDENT(2) | JSON_SORT_KEYS) == 0;
	close(fd);
	return good && renameat(a->state, temp, a->state, name) == 0;
}

void dj_keep_save(const struct dj_keep *k)
{
	char name[FILE_NAME_MAX];
	char temp[FILE_NAME_MAX + 4];
	json_t *j;
	bool good;

	if (k->agent->state < 0)
		return;
	file_of(k, name);
	snprintf(temp, sizeof(temp), "%s.tmp", name);
	j = dj_keep_json(k);
	good = j != NULL &&
		json_object_set_new(j, "owner", json_string(k->owner)) == 0 &&
		write_json(k->agent, j, name, temp);
	json_decref(j);
	if (!good)
		dj_log(DJ_LOG_WARN, "state.not_written", "file", name, "why",
			strerror(errno), NULL);
}

void dj_keep_unsave(const struct dj_keep *k)
{
	char name[FILE_NAME_MAX];

	if (k->agent->state < 0)
		return;
	file_of(k, name);
	(void)unlinkat(k->agent->state, name, 0);
}

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s);
	size_t m = strlen(end);

	return n > m && strcmp(s + n - m, end) == 0;
}

static const char *text_of(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s == NULL ? "" : s;
}

static time_t time_of(const json_t *j, const char *key)
{
	struct tm tm = { 0 };
	const char *end = strptime(text_of(j, key), "%Y-%m-%dT%H:%M:%SZ", &tm);

	return end == NULL || *end != '\0' ? 0 : timegm(&tm);
}

static void read_ending(struct dj_keep *k, const json_t *j)
{
	const char *how = text_of(j, "how");

	k->ended = time_of(j, "ended");
	k->ending = DJ_ENDING_LOST;
	for (enum dj_ending e = 0; e < DJ_ENDING_COUNT; e++)
		if (strcmp(how, dj_ending_name(e)) == 0)
			k->ending = e;
	k->phase = k->ending == DJ_ENDING_RELEASED ? DJ_PHASE_EXITED
						   : DJ_PHASE_GONE;
	snprintf(k->reason, sizeof(k->reason), "%s", text_of(j, "reason"));
	if (k->ended != 0 && *how != '\0')
		return;
	k->ended = time(NULL);
	k->ending = DJ_ENDING_LOST;
	k->phase = DJ_PHASE_GONE;
	snprintf(k->reason, sizeof(k->reason),
		"lost: the host agent ended without a word and was started again");
}

static void read_measurement(struct dj_keep *k, const char *hex)
{
	char byte[3] = "";
	size_t len = strlen(hex);

	if ((len != 64 && len != 96) || strspn(hex, "0123456789abcdef") != len)
		return;
	for (size_t i = 0; i < len / 2; i++) {
		memcpy(byte, hex + 2 * i, 2);
		k->measurement[i] = (uint8_t)strtoul(byte, NULL, 16);
	}
	k->measurement_len = len / 2;
}

/* A Keep without processes, from its file; NULL: damaged, or no memory. */
static struct dj_keep *keep_of(struct dj_agent *a, const json_t *j)
{
	const struct dj_tee_kind *kind = dj_tee_kind_find(text_of(j, "tee"));
	const char *id = text_of(j, "id");
	const char *owner = text_of(j, "owner");
	json_t *labels = json_object_get(j, "labels");
	struct dj_keep *k;

	if (kind == NULL || strncmp(id, "k-", 2) != 0 ||
		strlen(id) >= sizeof(k->id) || *owner == '\0' ||
		strlen(owner) >= sizeof(k->owner) || !json_is_object(labels))
		return NULL;
	k = calloc(1, sizeof(*k));
	if (k == NULL)
		return NULL;
	k->agent = a;
	k->kind = kind;
	k->is_emulated = json_is_true(json_object_get(j, "emulated"));
	k->control = k->to_host = k->to_keep = k->console_fd = -1;
	memcpy(k->id, id, strlen(id));
	memcpy(k->owner, owner, strlen(owner));
	k->ask.labels = json_incref(labels);
	k->ask.ttl = (uint32_t)json_integer_value(json_object_get(j, "ttl"));
	k->ask.config.total_memory =
		(uint64_t)json_integer_value(json_object_get(j, "memory"));
	k->created = time_of(j, "created");
	read_measurement(k, text_of(j, "measurement"));
	read_ending(k, j);
	return k;
}

/* Newest first, as the list of the living is. */
static void insert(struct dj_agent *a, struct dj_keep *k)
{
	struct dj_keep *at;
	struct dj_keep *last = NULL;

	LIST_FOREACH(at, &a->keeps, next)
	{
		if (at->created <= k->created) {
			LIST_INSERT_BEFORE(at, k, next);
			return;
		}
		last = at;
	}
	if (last == NULL)
		LIST_INSERT_HEAD(&a->keeps, k, next);
	else
		LIST_INSERT_AFTER(last, k, next);
}

/* A Keep's file is named after it, so there is one of each name. */
static bool is_its(const char *name, const json_t *j)
{
	const char *id = text_of(j, "id");
	size_t n = strlen(id);

	return strncmp(name, id, n) == 0 && strcmp(name + n, ".json") == 0;
}

/* False: the file is of no use any more. */
static bool load_one(struct dj_agent *a, const char *name, size_t *count)
{
	struct dj_keep *k = NULL;
	bool was_lost;
	json_t *j = NULL;
	int fd = dj_state_file(a, name, O_RDONLY);

	if (fd >= 0) {
		j = json_loadfd(fd, JSON_REJECT_DUPLICATES, NULL);
		close(fd);
	}
	if (j != NULL && is_its(name, j) && *count < KEPT_MAX)
		k = keep_of(a, j);
	was_lost = time_of(j, "ended") == 0;
	json_decref(j);
	if (k == NULL)
		return false;
	if (time(NULL) - k->ended > KEPT_SECONDS || k->ended > time(NULL)) {
		dj_create_done(&k->ask);
		free(k);
		return false;
	}
	insert(a, k);
	++*count;
	if (!was_lost)
		return true;
	dj_keep_say(k, k->reason);
	dj_keep_save(k);
	a->ended[DJ_ENDING_LOST]++;
	dj_event_emit(k, DJ_EVENT_LOST,
		json_pack("{s:s,s:s}", "how", "lost", "reason", k->reason));
	return true;
}

dj_status dj_state_load(struct dj_agent *a)
{
	struct dirent *e;
	size_t count = 0;
	DIR *d = opendir(a->opt.state_dir);

	if (d == NULL)
		return DJ_E_SYS;
	while ((e = readdir(d)) != NULL) {
		if (strncmp(e->d_name, "k-", 2) != 0)
			continue;
		if ((ends_with(e->d_name, ".json") &&
			    !load_one(a, e->d_name, &count)) ||
			ends_with(e->d_name, ".json.tmp"))
			(void)unlinkat(a->state, e->d_name, 0);
	}
	closedir(d);
	if (count != 0)
		dj_log(DJ_LOG_INFO, "state.history", "keeps", dj_log_num(count),
			NULL);
	return DJ_OK;
}
