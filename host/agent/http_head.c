// SPDX-License-Identifier: Apache-2.0
#include "host/agent/http_head.h"

#include <string.h>
#include <strings.h>

static bool is_tchar(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
		(c >= 'a' && c <= 'z') ||
		(c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_token(const char *s)
{
	if (*s == '\0')
		return false;
	while (is_tchar(*s))
		s++;
	return *s == '\0';
}

/* Cuts the next line, ended by CRLF, off *p; NULL if it is not a line. */
static char *next_line(char **p, char *end)
{
	char *line = *p;
	char *cr = memchr(line, '\r', (size_t)(end - line));

	if (cr == NULL || end - cr < 2 || cr[1] != '\n')
		return NULL;
	*cr = '\0';
	*p = cr + 2;
	for (char *c = line; c < cr; c++)
		if (((unsigned char)*c < 0x20 && *c != '\t') || *c == 0x7f)
			return NULL;
	return line;
}

static char *cut(char *s, char at)
{
	char *c = strchr(s, at);

	if (c == NULL)
		return NULL;
	*c = '\0';
	return c + 1;
}

static int request_line(char *line, struct dj_http_head *h)
{
	char *target = cut(line, ' ');
	char *version = target == NULL ? NULL : cut(target, ' ');

	if (version == NULL || !is_token(line) || target[0] != '/')
		return 400;
	for (const char *c = target; *c != '\0'; c++)
		if (*c <= ' ' || *c > '~' || *c == '#')
			return 400;
	if (strncmp(version, "HTTP/", 5) != 0 || strlen(version) != 8)
		return 400;
	h->is_http10 = strcmp(version, "HTTP/1.0") == 0;
	if (!h->is_http10 && strcmp(version, "HTTP/1.1") != 0)
		return 505;
	h->method = line;
	h->path = target;
	h->query = cut(target, '?');
	return 0;
}

static int field_line(char *line, struct dj_http_head *h)
{
	char *value = cut(line, ':');
	size_t n;

	if (value == NULL || !is_token(line))
		return 400;
	if (h->field_count == DJ_HTTP_FIELDS_MAX)
		return 431;
	value += strspn(value, " \t");
	n = strlen(value);
	while (n > 0 && (value[n - 1] == ' ' || value[n - 1] == '\t'))
		value[--n] = '\0';
	h->fields[h->field_count++] = (struct dj_http_field){ line, value };
	return 0;
}

static size_t count_fields(const struct dj_http_head *h, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < h->field_count; i++)
		n += strcasecmp(h->fields[i].name, name) == 0;
	return n;
}

static int body_length(const char *s, uint64_t *ret)
{
	uint64_t v = 0;

	if (*s == '\0' || strlen(s) > 19)
		return 400;
	for (; *s != '\0'; s++) {
		if (*s < '0' || *s > '9')
			return 400;
		v = v * 10 + (uint64_t)(*s - '0');
	}
	if (v > DJ_HTTP_BODY_MAX)
		return 413;
	*ret = v;
	return 0;
}

/* What the fields mean for the connection. */
static int framing(struct dj_http_head *h)
{
	const char *length = dj_http_field(h, "Content-Length");
	const char *expect = dj_http_field(h, "Expect");
	size_t hosts = count_fields(h, "Host");

	if (hosts > 1 || (hosts == 0 && !h->is_http10))
		return 400;
	if (count_fields(h, "Transfer-Encoding") != 0)
		return 501;
	if (count_fields(h, "Content-Length") > 1)
		return 400;
	for (size_t i = 0; i < h->field_count; i++) {
		if (strcasecmp(h->fields[i].name, "Connection") != 0)
			continue;
		h->wants_close |=
			dj_http_has_token(h->fields[i].value, "close");
		h->wants_upgrade |=
			dj_http_has_token(h->fields[i].value, "upgrade");
	}
	h->wants_close |= h->is_http10;
	if (expect != NULL && strcasecmp(expect, "100-continue") != 0)
		return 417;
	h->wants_continue = expect != NULL && !h->is_http10;
	return length == NULL ? 0 : body_length(length, &h->body_len);
}

static int parse(char *buf, size_t len, struct dj_http_head *h)
{
	char *p = buf;
	char *end = buf + len;
	char *line;
	int status;

	if (len > DJ_HTTP_HEAD_MAX)
		return 431;
	if (memchr(buf, '\0', len) != NULL)
		return 400;
	line = next_line(&p, end);
	if (line == NULL)
		return 400;
	status = request_line(line, h);
	while (status == 0) {
		line = next_line(&p, end);
		if (line == NULL)
			return 400;
		if (*line == '\0')
			break;
		status = field_line(line, h);
	}
	if (status == 0 && p != end)
		return 400;
	return status != 0 ? status : framing(h);
}

dj_status dj_http_parse(char *buf, size_t len, struct dj_http_head *ret,
	int *ret_status)
{
	struct dj_http_head h = { 0 };
	int status = parse(buf, len, &h);

	if (status != 0) {
		*ret_status = status;
		return DJ_E_INPUT;
	}
	*ret = h;
	return DJ_OK;
}

const char *dj_http_field(const struct dj_http_head *h, const char *name)
{
	for (size_t i = 0; i < h->field_count; i++)
		if (strcasecmp(h->fields[i].name, name) == 0)
			return h->fields[i].value;
	return NULL;
}

bool dj_http_has_token(const char *list, const char *token)
{
	size_t want = strlen(token);
	size_t n;

	while (*list != '\0') {
		list += strspn(list, " \t,");
		n = strcspn(list, " \t,");
		if (n == want && strncasecmp(list, token, n) == 0)
			return true;
		list += n;
	}
	return false;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static dj_status decode(const char *s, size_t n, char *dst, size_t cap)
{
	size_t len = 0;
	int c;

	for (size_t i = 0; i < n; i++) {
		c = s[i] == '+' ? ' ' : (unsigned char)s[i];
		if (s[i] == '%') {
			if (n - i < 3 || hex(s[i + 1]) < 0 || hex(s[i + 2]) < 0)
				return DJ_E_INPUT;
			c = hex(s[i + 1]) * 16 + hex(s[i + 2]);
			i += 2;
		}
		if (c == 0)
			return DJ_E_INPUT;
		if (len + 1 >= cap)
			return DJ_E_LIMIT;
		dst[len++] = (char)c;
	}
	dst[len] = '\0';
	return DJ_OK;
}

dj_status dj_http_query(const char *query, const char *name, char *dst,
	size_t cap)
{
	const char *found = NULL;
	size_t found_len = 0;
	size_t name_len = strlen(name);
	size_t n;

	for (const char *p = query; p != NULL && *p != '\0';
		p += n + (p[n] == '&')) {
		n = strcspn(p, "&");
		if (n < name_len || strncmp(p, name, name_len) != 0 ||
			(n > name_len && p[name_len] != '='))
			continue;
		if (found != NULL)
			return DJ_E_INPUT;
		found = n > name_len ? p + name_len + 1 : p + n;
		found_len = (size_t)(p + n - found);
	}
	if (found == NULL)
		return DJ_E_STATE;
	return decode(found, found_len, dst, cap);
}

bool dj_http_is_id(const char *s)
{
	size_t n = 0;

	while (s[n] > ' ' && s[n] <= '~')
		n++;
	return n >= 1 && n <= 128 && s[n] == '\0';
}
