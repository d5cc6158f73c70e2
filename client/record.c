// SPDX-License-Identifier: Apache-2.0
#include "client/record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAMES_MAX 1000

void dj_no_core(void)
{
	struct rlimit none = { 0, 0 };

	(void)setrlimit(RLIMIT_CORE, &none);
	/* A core_pattern that is a pipe does not ask the limit. */
	(void)prctl(PR_SET_DUMPABLE, 0);
}

bool dj_record_is_name(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len < sizeof(((struct dj_record *)0)->name) &&
		strchr("._-", name[0]) == NULL &&
		strspn(name,
			"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
		len;
}

static bool fail(struct dj_err *err, const char *doing, const char *path)
{
	return dj_err_set(err, "state.write", "%s %s: %s", doing, path,
		strerror(errno));
}

static bool sync_folder(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool good = fd >= 0 && fsync(fd) == 0;

	if (fd >= 0)
		close(fd);
	return good;
}

static bool keeps_folder(char ret[static DJ_PATH_MAX], struct dj_err *err)
{
	char state[DJ_PATH_MAX];

	if (!dj_state_make(err))
		return false;
	if (!dj_path_state(ret, "keeps") || !dj_path_state(state, "."))
		return dj_err_set(err, "state.write",
			"finding the state folder: its path is too long");
	if (mkdir(ret, 0700) < 0 && errno != EEXIST)
		return fail(err, "making the state folder", ret);
	return sync_folder(state) || fail(err, "syncing", state);
}

/* The lock ends with the process, however that ends. */
static bool lock(struct dj_record *r)
{
	r->fd = open(r->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return r->fd >= 0 && flock(r->fd, LOCK_EX | LOCK_NB) == 0;
}

bool dj_record_make(struct dj_record *r, const char *name, bool is_fixed,
	struct dj_err *err)
{
	char keeps[DJ_PATH_MAX];

	*r = (struct dj_record){ .fd = -1 };
	if (!dj_record_is_name(name) || strlen(name) > 56)
		return dj_err_set(err, "keep.name",
			"naming a Keep: a name is at most 56 letters, digits and . _ -, first a letter or digit");
	if (!keeps_folder(keeps, err))
		return false;
	for (unsigned i = 1; i < NAMES_MAX; i++) {
		if (i == 1)
			(void)snprintf(r->name, sizeof(r->name), "%s", name);
		else
			(void)snprintf(r->name, sizeof(r->name), "%.56s.%u",
				name, i);
		if (snprintf(r->dir, sizeof(r->dir), "%.4000s/%s", keeps,
			    r->name) >= (int)sizeof(r->dir))
			break;
		if (mkdir(r->dir, 0700) == 0) {
			if (lock(r) && sync_folder(keeps))
				return true;
			return fail(err, "making", r->dir);
		}
		if (errno != EEXIST)
			return fail(err, "making", r->dir);
		if (is_fixed)
			break;
	}
	return dj_err_set(err, "keep.name",
		"naming a Keep: there is one called %s", name);
}

/* Where it would be. */
static bool find(struct dj_record *r, const char *name)
{
	char keeps[DJ_PATH_MAX];

	*r = (struct dj_record){ .fd = -1 };
	if (!dj_record_is_name(name) || !dj_path_state(keeps, "keeps"))
		return false;
	(void)snprintf(r->name, sizeof(r->name), "%s", name);
	(void)snprintf(r->dir, sizeof(r->dir), "%.4000s/%s", keeps, name);
	return true;
}

bool dj_record_open(struct dj_record *r, const char *name, struct dj_err *err)
{
	char shown[100];

	dj_clean(shown, sizeof(shown), name, strlen(name));
	if (!find(r, name))
		return dj_err_set(err, "keep.unknown",
			"looking for %s: this client has no Keep of that name",
			shown);
	if (lock(r))
		return true;
	if (errno == EWOULDBLOCK) {
		close(r->fd);
		r->fd = -1;
		return dj_err_set(err, "keep.busy",
			"opening %s: another donjon is with it", shown);
	}
	return dj_err_set(err, "keep.unknown",
		"looking for %s: this client has no Keep of that name", shown);
}

bool dj_record_peek(struct dj_record *r, const char *name, struct dj_err *err)
{
	char shown[100];

	if (find(r, name)) {
		r->fd = open(r->dir,
			O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (r->fd >= 0)
			return true;
	}
	return dj_err_set(err, "keep.unknown",
		"looking for %s: this client has no Keep of that name",
		dj_clean(shown, sizeof(shown), name, strlen(name)));
}

void dj_record_close(struct dj_record *r)
{
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
}

void dj_record_remove(struct dj_record *r)
{
	DIR *d;
	const struct dirent *e;
	int fd;

	if (r->fd < 0)
		return;
	/* The ticket first: half a folder must not look like a live Keep. */
	(void)unlinkat(r->fd, "ticket", 0);
	fd = dup(r->fd);
	d = fd < 0 ? NULL : fdopendir(fd);
	if (d != NULL) {
		rewinddir(d);
		while ((e = readdir(d)) != NULL) {
			if (strcmp(e->d_name, ".") != 0 &&
				strcmp(e->d_name, "..") != 0)
				(void)unlinkat(r->fd, e->d_name, 0);
		}
		(void)closedir(d);
	} else if (fd >= 0) {
		close(fd);
	}
	(void)rmdir(r->dir);
	dj_record_close(r);
}

static bool write_all(int fd, const void *p, size_t len)
{
	const char *from = p;

	while (len > 0) {
		ssize_t n = write(fd, from, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		from += n;
		len -= (size_t)n;
	}
	return fsync(fd) == 0;
}

static bool write_at(int dir, const char *file, const char *fresh,
	const void *p, size_t len)
{
	int fd = openat(dir, fresh,
		O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	bool good = fd >= 0 && write_all(fd, p, len);
	int saved = errno;

	if (fd >= 0)
		close(fd);
	errno = saved;
	if (good && renameat(dir, fresh, dir, file) == 0 && fsync(dir) == 0)
		return true;
	saved = errno;
	(void)unlinkat(dir, fresh, 0);
	errno = saved;
	return false;
}

bool dj_record_write(struct dj_record *r, const char *file, const void *p,
	size_t len, struct dj_err *err)
{
	char fresh[64];

	(void)snprintf(fresh, sizeof(fresh), ".%.56s", file);
	return write_at(r->fd, file, fresh, p, len) ||
		dj_err_set(err, "state.write", "writing %s/%s: %s", r->dir,
			file, strerror(errno));
}

bool dj_durable_write(const char *path, const void *p, size_t len,
	struct dj_err *err)
{
	char folder[DJ_PATH_MAX], fresh[64], shown[512];
	const char *slash = strrchr(path, '/');
	const char *file = slash == NULL ? path : slash + 1;
	bool good = false;
	int dir = -1;

	if (dj_path_folder(folder, path)) {
		(void)snprintf(fresh, sizeof(fresh), ".donjon-%ld",
			(long)getpid());
		dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		good = dir >= 0 && write_at(dir, file, fresh, p, len);
	}
	if (!good)
		(void)dj_err_set(err, "output.write", "writing %s: %s",
			dj_clean(shown, sizeof(shown), path, strlen(path)),
			strerror(errno));
	if (dir >= 0)
		close(dir);
	return good;
}

uint8_t *dj_record_read(const struct dj_record *r, const char *file, size_t max,
	size_t *ret_len)
{
	int fd = openat(r->fd, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	uint8_t *p = NULL;
	size_t len = 0;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size >= 0 &&
		(uint64_t)st.st_size <= max)
		p = malloc((size_t)st.st_size + 1);
	while (p != NULL && len < (size_t)st.st_size) {
		ssize_t n = read(fd, p + len, (size_t)st.st_size - len);

		if (n <= 0) {
			free(p);
			p = NULL;
		} else {
			len += (size_t)n;
		}
	}
	close(fd);
	if (p != NULL) {
		p[len] = 0;
		*ret_len = len;
	}
	return p;
}

bool dj_record_has(const struct dj_record *r, const char *file)
{
	return faccessat(r->fd, file, F_OK, 0) == 0;
}

void dj_record_drop(struct dj_record *r, const char *file)
{
	(void)unlinkat(r->fd, file, 0);
}

bool dj_record_path(const struct dj_record *r, const char *file,
	char ret[static DJ_PATH_MAX])
{
	int n = snprintf(ret, DJ_PATH_MAX, "%.4000s/%s", r->dir, file);

	return n > 0 && n < DJ_PATH_MAX;
}

/* Whoever can read a ticket can come back in its owner's place. */
static bool is_private(const struct dj_record *r)
{
	struct stat st;

	return fstatat(r->fd, "ticket", &st, AT_SYMLINK_NOFOLLOW) != 0 ||
		(st.st_mode & 077) == 0;
}

bool dj_record_load(const struct dj_record *r, struct dj_ticket_file *ret,
	struct dj_err *err)
{
	uint8_t *p;
	size_t len = 0;
	dj_status st;

	memset(ret, 0, sizeof(*ret));
	if (!dj_record_has(r, "ticket"))
		return dj_err_set(err, "keep.none",
			"reading the ticket of %s: there is none", r->name);
	if (!is_private(r))
		return dj_err_set(err, "keep.ticket",
			"reading %s/ticket: others may read it; if none did: chmod 600",
			r->dir);
	p = dj_record_read(r, "ticket", DJ_TICKET_FILE_MAX, &len);
	if (p == NULL)
		return dj_err_set(err, "keep.ticket", "reading %s/ticket: %s",
			r->dir, strerror(errno));
	st = dj_ticket_parse(p, len, ret);
	dj_wipe(p, len);
	free(p);
	return st == DJ_OK ||
		dj_err_set(err, "keep.ticket", "reading %s/ticket: %s", r->dir,
			st == DJ_E_UNSUPPORTED
				? "it was written by another version"
				: "it is damaged");
}

bool dj_record_store(struct dj_record *r, const struct dj_ticket_file *t,
	struct dj_err *err)
{
	uint8_t *p = malloc(DJ_TICKET_FILE_MAX);
	size_t len = 0;
	bool good;

	if (p == NULL)
		return dj_err_set(err, "internal.memory", "no memory");
	good = dj_ticket_write(t, p, DJ_TICKET_FILE_MAX, &len) == DJ_OK
		? dj_record_write(r, "ticket", p, len, err)
		: dj_err_set(err, "internal.bug", "a ticket has no room");
	dj_wipe(p, DJ_TICKET_FILE_MAX);
	free(p);
	return good;
}

bool dj_record_about(const struct dj_record *r, struct dj_ticket_file *ret)
{
	size_t len = 0;
	uint8_t *p = dj_record_read(r, "about", DJ_TICKET_FILE_MAX, &len);
	bool good = p != NULL && dj_ticket_parse(p, len, ret) == DJ_OK;

	free(p);
	return good;
}

void dj_record_set_about(struct dj_record *r, const struct dj_ticket_file *t)
{
	struct dj_ticket_file *about = malloc(sizeof(*about));
	uint8_t *p = malloc(DJ_TICKET_FILE_MAX);
	size_t len = 0;
	int fd;

	if (about != NULL && p != NULL) {
		*about = *t;
		dj_key_wipe(&about->ticket.key);
		fd = openat(r->fd, "about",
			O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
			0600);
		if (fd >= 0 &&
			dj_ticket_write(about, p, DJ_TICKET_FILE_MAX, &len) ==
				DJ_OK)
			(void)!write(fd, p, len);
		if (fd >= 0)
			close(fd);
	}
	if (about != NULL)
		dj_wipe(about, sizeof(*about));
	if (p != NULL)
		dj_wipe(p, DJ_TICKET_FILE_MAX);
	free(about);
	free(p);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

char **dj_record_list(void)
{
	char keeps[DJ_PATH_MAX];
	char **list = calloc(1, sizeof(*list)), **more;
	const struct dirent *e;
	size_t n = 0;
	DIR *d = dj_path_state(keeps, "keeps") ? opendir(keeps) : NULL;

	while (list != NULL && d != NULL && (e = readdir(d)) != NULL) {
		if (!dj_record_is_name(e->d_name))
			continue;
		more = reallocarray(list, n + 2, sizeof(*list));
		if (more == NULL)
			break;
		list = more;
		list[n] = strdup(e->d_name);
		if (list[n] == NULL)
			break;
		list[++n] = NULL;
	}
	if (d != NULL)
		(void)closedir(d);
	if (n > 1)
		qsort(list, n, sizeof(*list), by_text);
	return list;
}

void dj_record_list_free(char **names)
{
	for (size_t i = 0; names != NULL && names[i] != NULL; i++)
		free(names[i]);
	free(names);
}
