// SPDX-License-Identifier: Apache-2.0
#include "client/changes.h"

#include <stdlib.h>
#include <string.h>

#include "client/undo.h"

static bool refuse(const char *path, size_t len, const char *what,
	struct dj_err *err)
{
	char shown[256];

	dj_clean(shown, sizeof(shown), path, len);
	return dj_err_set(err, "dir.return",
		"taking back a folder: %s: %s; nothing was changed", shown,
		what);
}

/* "12/+/PATH": takes what is before PATH. */
static bool take_front(struct dj_change *x, const char **p, size_t *len,
	size_t folders)
{
	const char *end = *p + *len, *s = *p;
	size_t n = 0;

	if (s == end || (*s == '0' && s + 1 != end && s[1] != '/'))
		return false;
	for (; s < end && *s >= '0' && *s <= '9'; s++) {
		n = n * 10 + (size_t)(*s - '0');
		if (n >= folders)
			return false;
	}
	if (s == *p || end - s < 4 || s[0] != '/' || s[2] != '/' ||
		(s[1] != '+' && s[1] != '-'))
		return false;
	x->folder = n;
	x->is_gone = s[1] == '-';
	*p = s + 3;
	*len = (size_t)(end - *p);
	return true;
}

/* `..` at the front alone, and not above the folder. */
static bool target_ok(const struct dj_change *x)
{
	const char *p = x->target, *end = p + x->target_len, *slash;
	size_t up = 0;
	bool down = false;

	for (const char *s = x->path; (s = strchr(s, '/')) != NULL; s++)
		up++;
	if (*p == '/')
		return false;
	for (; p < end; p = slash + 1) {
		slash = memchr(p, '/', (size_t)(end - p));
		if (slash == NULL)
			slash = end;
		if (slash - p == 2 && p[0] == '.' && p[1] == '.') {
			if (down || up-- == 0)
				return false;
		} else if (slash - p > 1 || (slash - p == 1 && *p != '.')) {
			down = true;
		}
		if (slash == end)
			break;
	}
	return true;
}

/* No part of it is a staging folder, whose journal would be believed. */
static bool name_ok(const char *path)
{
	const char *slash;

	for (; (slash = strchr(path, '/')) != NULL; path = slash + 1)
		if (dj_undo_is_stage(path, (size_t)(slash - path)))
			return false;
	return !dj_undo_is_stage(path, strlen(path));
}

static bool add(struct dj_changes *c, const struct dj_untar_member *m,
	size_t folders, struct dj_err *err)
{
	struct dj_change x = { .type = m->type,
		.target = m->target,
		.target_len = m->target_len,
		.data = m->data,
		.size = m->size,
		.mtime = m->mtime };
	const char *path = m->path;
	size_t len = m->path_len;

	if (!take_front(&x, &path, &len, folders))
		return refuse(m->path, m->path_len,
			"it belongs to no folder that was given", err);
	if (x.is_gone && (m->type != DJ_UNTAR_FILE || m->size != 0))
		return refuse(path, len, "it is gone and has contents", err);
	if (c->count == DJ_CHANGES_MAX)
		return refuse(path, len, "too many members", err);
	if (c->count == c->cap) {
		size_t cap = c->cap == 0 ? 64 : c->cap * 2;
		void *grown = reallocarray(c->v, cap, sizeof(*c->v));

		if (grown == NULL)
			return dj_err_set(err, "internal.memory", "no memory");
		c->v = grown;
		c->cap = cap;
	}
	x.path = strndup(path, len);
	if (x.path == NULL)
		return dj_err_set(err, "internal.memory", "no memory");
	c->v[c->count++] = x;
	if (!name_ok(x.path))
		return refuse(path, len, "a name that is donjon's own", err);
	return x.type != DJ_UNTAR_LINK || target_ok(&x) ||
		refuse(path, len, "its target may lead out of the folder", err);
}

static int compare(size_t folder, bool is_gone, const char *path, size_t len,
	const struct dj_change *x)
{
	int order;

	if (folder != x->folder)
		return folder < x->folder ? -1 : 1;
	if (is_gone != x->is_gone)
		return is_gone ? 1 : -1;
	order = strncmp(path, x->path, len);
	return order != 0 ? order : (x->path[len] == '\0' ? 0 : -1);
}

static int by_name(const void *a, const void *b)
{
	const struct dj_change *x = *(struct dj_change *const *)a;
	const struct dj_change *y = *(struct dj_change *const *)b;

	return compare(x->folder, x->is_gone, x->path, strlen(x->path), y);
}

const struct dj_change *dj_changes_find(const struct dj_changes *c,
	size_t folder, bool is_gone, const char *path, size_t len)
{
	size_t low = 0, high = c->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct dj_change *x = c->sorted[mid];
		int order = compare(folder, is_gone, path, len, x);

		if (order == 0)
			return x;
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

static bool sort(struct dj_changes *c, struct dj_err *err)
{
	c->sorted = calloc(c->count + 1, sizeof(struct dj_change *));
	if (c->sorted == NULL)
		return dj_err_set(err, "internal.memory", "no memory");
	for (size_t i = 0; i < c->count; i++)
		c->sorted[i] = &c->v[i];
	qsort(c->sorted, c->count, sizeof(struct dj_change *), by_name);
	for (size_t i = 1; i < c->count; i++) {
		const char *path = c->sorted[i]->path;

		if (by_name(&c->sorted[i - 1], &c->sorted[i]) == 0)
			return refuse(path, strlen(path), "told twice", err);
	}
	return true;
}

/* All that is above a new member. */
static bool above_ok(const struct dj_changes *c, const struct dj_change *x,
	struct dj_err *err)
{
	const struct dj_change *up;

	for (const char *s = x->path; (s = strchr(s, '/')) != NULL; s++) {
		size_t n = (size_t)(s - x->path);

		up = dj_changes_find(c, x->folder, false, x->path, n);
		if (up != NULL && (up->type != DJ_UNTAR_DIR || up > x))
			return refuse(x->path, strlen(x->path),
				"what is above it is no folder, or comes later",
				err);
		if (up == NULL &&
			dj_changes_find(c, x->folder, true, x->path, n) != NULL)
			return refuse(x->path, strlen(x->path),
				"what is above it is gone", err);
	}
	return true;
}

bool dj_changes_read(struct dj_changes *c, const uint8_t *p, size_t len,
	size_t folders, struct dj_err *err)
{
	struct dj_untar_member m;
	struct dj_untar t;
	dj_status st;

	*c = (struct dj_changes){ 0 };
	dj_untar_init(&t, p, len);
	while ((st = dj_untar_next(&t, &m)) == DJ_OK && m.type != DJ_UNTAR_END)
		if (!add(c, &m, folders, err))
			return false;
	if (st != DJ_OK)
		return refuse(m.path == NULL ? "" : m.path,
			m.path == NULL ? 0 : m.path_len, t.what, err);
	if (!sort(c, err))
		return false;
	for (size_t i = 0; i < c->count; i++)
		if (!c->v[i].is_gone && !above_ok(c, &c->v[i], err))
			return false;
	return true;
}

void dj_changes_done(struct dj_changes *c)
{
	for (size_t i = 0; i < c->count; i++)
		free(c->v[i].path);
	free(c->v);
	free(c->sorted);
	*c = (struct dj_changes){ 0 };
}
