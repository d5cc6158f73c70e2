// SPDX-License-Identifier: Apache-2.0
#include "client/sse.h"

#include <ctype.h>
#include <string.h>

static dj_status add_data(struct dj_sse *s, const char *p, size_t len)
{
	/* A line feed between, a NUL behind. */
	if (len + 2 > sizeof(s->data) - s->data_len)
		return DJ_E_LIMIT;
	if (s->has_data)
		s->data[s->data_len++] = '\n';
	memcpy(s->data + s->data_len, p, len);
	s->data_len += len;
	s->has_data = true;
	return DJ_OK;
}

static dj_status take_line(struct dj_sse *s, dj_sse_take *take, void *ctx)
{
	const char *colon = memchr(s->line, ':', s->line_len);
	size_t name = colon == NULL ? s->line_len : (size_t)(colon - s->line);
	size_t from = colon == NULL ? s->line_len : name + 1;

	if (s->line_len == 0) {
		s->data[s->data_len] = '\0';
		if (s->has_data)
			take(ctx, s->data, s->data_len);
		s->data_len = 0;
		s->has_data = false;
		return DJ_OK;
	}
	if (from < s->line_len && s->line[from] == ' ')
		from++;
	if (name == 4 && memcmp(s->line, "data", 4) == 0)
		return add_data(s, s->line + from, s->line_len - from);
	return DJ_OK;
}

dj_status dj_sse_feed(struct dj_sse *s, const char *p, size_t len,
	dj_sse_take *take, void *ctx)
{
	for (size_t i = 0; i < len; i++) {
		bool is_crlf = s->after_cr && p[i] == '\n';
		dj_status st;

		s->after_cr = p[i] == '\r';
		if (is_crlf)
			continue;
		if (p[i] != '\n' && p[i] != '\r') {
			if (s->line_len == sizeof(s->line))
				return DJ_E_LIMIT;
			s->line[s->line_len++] = p[i];
			continue;
		}
		st = take_line(s, take, ctx);
		s->line_len = 0;
		if (st != DJ_OK)
			return st;
	}
	return DJ_OK;
}

/* "2026-01-31T12:00:00Z", with or without a fraction. */
static bool is_time(const char *t)
{
	static const char form[] = "dddd-dd-ddTdd:dd:dd";

	for (size_t i = 0; i < sizeof(form) - 1; i++, t++) {
		if (form[i] == 'd' ? !isdigit((unsigned char)*t)
				   : *t != form[i])
			return false;
	}
	if (*t == '.') {
		size_t digits = strspn(t + 1, "0123456789");

		if (digits == 0 || digits > 9)
			return false;
		t += 1 + digits;
	}
	return strcmp(t, "Z") == 0;
}

static bool is_word(const char *t, const char *others, size_t max)
{
	size_t n = 0;

	for (; t[n] != '\0'; n++) {
		if (n == max ||
			(!isalnum((unsigned char)t[n]) &&
				strchr(others, t[n]) == NULL))
			return false;
	}
	return n > 0;
}

json_t *dj_event_read(const char *data, size_t len, uint64_t *ret_id)
{
	json_t *o = json_loadb(data, len, JSON_REJECT_DUPLICATES, NULL);
	const char *schema, *time, *keep, *event;
	json_t *detail, *ret = NULL;
	json_int_t id;

	/* A key that is missing is refused, one that is new is not. */
	if (json_unpack(o, "{s:s,s:I,s:s,s:s,s:s,s:o}", "schema", &schema, "id",
		    &id, "time", &time, "keep", &keep, "event", &event,
		    "detail", &detail) == 0 &&
		strcmp(schema, "donjon.event/1") == 0 && id > 0 &&
		is_time(time) && is_word(keep, "._-", 79) &&
		is_word(event, "-", 24) && json_is_object(detail)) {
		ret = json_pack("{s:s,s:I,s:s,s:s,s:s,s:O}", "schema", schema,
			"id", id, "time", time, "keep", keep, "event", event,
			"detail", detail);
		*ret_id = (uint64_t)id;
	}
	json_decref(o);
	return ret;
}
