// SPDX-License-Identifier: Apache-2.0
#include "client/journal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void now_text(char dst[static 40])
{
	struct timespec now;
	struct tm tm;
	char when[24];

	(void)clock_gettime(CLOCK_REALTIME, &now);
	dst[0] = '\0';
	if (gmtime_r(&now.tv_sec, &tm) != NULL &&
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm) > 0)
		(void)snprintf(dst, 40, "%s.%03ldZ", when,
			now.tv_nsec / 1000000);
}

/* One write a line, so that a death leaves whole lines. */
static void append(const struct dj_record *r, const char *file, json_t *o)
{
	char *text = json_dumps(o, JSON_COMPACT), *line = NULL;
	struct stat st;
	int fd;

	json_decref(o);
	fd = openat(r->fd, file,
		O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (text != NULL && fd >= 0 && fstat(fd, &st) == 0 &&
		st.st_size < (off_t)DJ_JOURNAL_MAX) {
		int n = asprintf(&line, "%s\n", text);

		if (n > 0)
			(void)!write(fd, line, (size_t)n);
	}
	if (fd >= 0)
		close(fd);
	free(line);
	free(text);
}

void dj_journal_add(const struct dj_record *r, const char *keep,
	const char *event, json_t *detail)
{
	char when[40];

	now_text(when);
	append(r, "events",
		json_pack("{s:s,s:s,s:s,s:s,s:o,s:s,s:s}", "schema",
			"donjon.event/1", "time", when, "keep", keep, "event",
			event, "detail",
			detail == NULL ? json_object() : detail, "source",
			"client", "name", r->name));
}

void dj_journal_seen(const struct dj_record *r, const struct dj_seen *s)
{
	if (s->began != 0)
		append(r, "traffic", dj_seen_json(s));
}

static bool is_ours(const json_t *o)
{
	static const char *const keys[] = { "time", "keep", "event", "source",
		"name" };
	const char *schema = json_string_value(json_object_get(o, "schema"));

	if (schema == NULL || strcmp(schema, "donjon.event/1") != 0 ||
		!json_is_object(json_object_get(o, "detail")))
		return false;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (!json_is_string(json_object_get(o, keys[i])))
			return false;
	}
	return true;
}

static bool any(const json_t *o)
{
	return json_is_object(o);
}

static json_t *read_lines(const struct dj_record *r, const char *file,
	bool (*is_good)(const json_t *o), uint64_t *at)
{
	json_t *list = json_array();
	size_t len = 0;
	char *p = (char *)dj_record_read(r, file, 2 * DJ_JOURNAL_MAX, &len);
	const char *eol;

	for (size_t i = *at; p != NULL && i < len &&
		(eol = memchr(p + i, '\n', len - i)) != NULL;
		i = *at) {
		json_t *o = json_loadb(p + i, (size_t)(eol - p) - i,
			JSON_REJECT_DUPLICATES, NULL);

		*at = (uint64_t)(eol - p) + 1;
		if (is_good(o))
			(void)json_array_append(list, o);
		json_decref(o);
	}
	free(p);
	return list;
}

json_t *dj_journal_read(const struct dj_record *r, uint64_t *at)
{
	return read_lines(r, "events", is_ours, at);
}

json_t *dj_journal_traffic(const struct dj_record *r)
{
	uint64_t at = 0;

	return read_lines(r, "traffic", any, &at);
}
