// SPDX-License-Identifier: Apache-2.0
#include "client/paths.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool below(char ret[static DJ_PATH_MAX], const char *variable,
	const char *folder, const char *name)
{
	const char *base = getenv(variable);
	const char *home = getenv("HOME");
	int n;

	/* The XDG base directory specification: relative ones are ignored. */
	if (base != NULL && base[0] == '/')
		n = snprintf(ret, DJ_PATH_MAX, "%s/donjon/%s", base, name);
	else if (home != NULL && home[0] == '/')
		n = snprintf(ret, DJ_PATH_MAX, "%s/%s/donjon/%s", home, folder,
			name);
	else
		return false;
	return n > 0 && n < DJ_PATH_MAX;
}

bool dj_path_config(char ret[static DJ_PATH_MAX], const char *name)
{
	return below(ret, "XDG_CONFIG_HOME", ".config", name);
}

bool dj_path_state(char ret[static DJ_PATH_MAX], const char *name)
{
	return below(ret, "XDG_STATE_HOME", ".local/state", name);
}

bool dj_path_cache(char ret[static DJ_PATH_MAX], const char *name)
{
	return below(ret, "XDG_CACHE_HOME", ".cache", name);
}

bool dj_path_folder(char ret[static DJ_PATH_MAX], const char *path)
{
	const char *slash = strrchr(path, '/');

	if (strlen(path) >= DJ_PATH_MAX) {
		errno = ENAMETOOLONG;
		return false;
	}
	(void)snprintf(ret, DJ_PATH_MAX, "%.*s",
		slash == NULL ? 1 : (int)(slash - path) + (slash == path),
		slash == NULL ? "." : path);
	return true;
}

bool dj_state_make(struct dj_err *err)
{
	char path[DJ_PATH_MAX];

	if (!dj_path_state(path, ""))
		return dj_err_set(err, "state.write",
			"finding the state folder: neither HOME nor XDG_STATE_HOME is set to an absolute path");
	for (char *p = strchr(path + 1, '/'); p != NULL;
		p = strchr(p + 1, '/')) {
		*p = '\0';
		if (mkdir(path, 0700) < 0 && errno != EEXIST)
			return dj_err_set(err, "state.write",
				"making the state folder %s: %s", path,
				strerror(errno));
		*p = '/';
	}
	if (access(path, W_OK | X_OK) < 0)
		return dj_err_set(err, "state.write",
			"writing to the state folder %s: %s", path,
			strerror(errno));
	return true;
}

/* The folder of this program's file. */
static bool own_folder(char ret[static DJ_PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", ret, DJ_PATH_MAX - 1);
	char *slash;

	if (n <= 0)
		return false;
	ret[n] = '\0';
	slash = strrchr(ret, '/');
	if (slash == NULL)
		return false;
	*slash = '\0';
	return true;
}

static bool join(char ret[static DJ_PATH_MAX], const char *folder,
	const char *name, int mode)
{
	int n = snprintf(ret, DJ_PATH_MAX, "%s/%s", folder, name);

	return n > 0 && n < DJ_PATH_MAX && access(ret, mode) == 0;
}

bool dj_path_program(char ret[static DJ_PATH_MAX], const char *name)
{
	static const char *const places[] = { "/usr/libexec/donjon",
		"/usr/lib/donjon", "/usr/sbin", "/usr/bin" };
	static const char *const near[] = { "../libexec/donjon", "../sbin" };
	const char *chosen = getenv("DONJON_LIBEXEC");
	char own[DJ_PATH_MAX];
	char folder[DJ_PATH_MAX + 32];

	if (chosen != NULL && chosen[0] != '\0')
		return join(ret, chosen, name, X_OK);
	if (own_folder(own)) {
		if (join(ret, own, name, X_OK))
			return true;
		for (size_t i = 0; i < sizeof(near) / sizeof(near[0]); i++) {
			(void)snprintf(folder, sizeof(folder), "%s/%s", own,
				near[i]);
			if (join(ret, folder, name, X_OK))
				return true;
		}
	}
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (join(ret, places[i], name, X_OK))
			return true;
	}
	return false;
}

bool dj_path_images(char ret[static DJ_PATH_MAX])
{
	const char *chosen = getenv("DONJON_IMAGES");
	char own[DJ_PATH_MAX];

	if (chosen != NULL && chosen[0] != '\0')
		return join(ret, chosen, ".", X_OK);
	if (own_folder(own) &&
		(join(ret, own, "keep", X_OK) ||
			join(ret, own, "../lib/donjon/keep", X_OK)))
		return true;
	return join(ret, "/usr/lib/donjon", "keep", X_OK);
}
