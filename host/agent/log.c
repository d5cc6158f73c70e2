// SPDX-License-Identifier: Apache-2.0
#include "host/agent/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static bool is_json;
static bool is_systemd;
static enum dj_log_level max_level = DJ_LOG_INFO;

void dj_log_init(bool json, enum dj_log_level max)
{
	is_json = json;
	is_systemd = getenv("JOURNAL_STREAM") != NULL;
	max_level = max;
}

struct line {
	char b[2048];
	size_t len;
};

static void put(struct line *l, const char *s)
{
	size_t n = strlen(s);

	if (n > sizeof(l->b) - 2 - l->len)
		n = sizeof(l->b) - 2 - l->len;
	memcpy(l->b + l->len, s, n);
	l->len += n;
}

static void put_escaped(struct line *l, const char *s, bool quote)
{
	char one[8];

	if (quote)
		put(l, "\"");
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			snprintf(one, sizeof(one), "\\%c", *s);
		else if (*s < ' ' || *s > '~')
			snprintf(one, sizeof(one), "\\u%04x",
				(unsigned char)*s);
		else
			snprintf(one, sizeof(one), "%c", *s);
		put(l, one);
	}
	if (quote)
		put(l, "\"");
}

static bool needs_quotes(const char *s)
{
	if (*s == '\0')
		return true;
	for (; *s != '\0'; s++)
		if (*s <= ' ' || *s > '~' || *s == '"' || *s == '=')
			return true;
	return false;
}

static void put_time(struct line *l)
{
	struct timespec now;
	struct tm tm;
	char text[40];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	put(l, text);
	snprintf(text, sizeof(text), ".%03ldZ", now.tv_nsec / 1000000);
	put(l, text);
}

static void put_head(struct line *l, enum dj_log_level level, const char *event)
{
	char pri[8];

	snprintf(pri, sizeof(pri), "%d", (int)level);
	if (is_systemd) {
		put(l, "<");
		put(l, pri);
		put(l, ">");
	}
	if (!is_json) {
		put(l, "donjond: ");
		put(l, event);
		return;
	}
	put(l, "{\"time\":\"");
	put_time(l);
	put(l, "\",\"priority\":");
	put(l, pri);
	put(l, ",\"event\":");
	put_escaped(l, event, true);
}

void dj_log(enum dj_log_level level, const char *event, ...)
{
	struct line l = { .len = 0 };
	const char *key;
	const char *value;
	ssize_t done;
	va_list ap;

	if (level > max_level)
		return;
	put_head(&l, level, event);
	va_start(ap, event);
	while ((key = va_arg(ap, const char *)) != NULL) {
		value = va_arg(ap, const char *);
		if (value == NULL)
			continue;
		put(&l, is_json ? ",\"" : " ");
		put(&l, key);
		put(&l, is_json ? "\":" : "=");
		put_escaped(&l, value, is_json || needs_quotes(value));
	}
	va_end(ap);
	if (is_json)
		put(&l, "}");
	l.b[l.len++] = '\n';
	/* stderr is the only place to complain, so a failure is lost. */
	done = write(STDERR_FILENO, l.b, l.len);
	(void)done;
}

const char *dj_log_num(unsigned long long v)
{
	static char ring[8][24];
	static unsigned next;
	char *s = ring[next++ % 8];

	snprintf(s, sizeof(ring[0]), "%llu", v);
	return s;
}
