// SPDX-License-Identifier: Apache-2.0
#include "client/curl.h"

#include <dlfcn.h>
#include <string.h>

#define LIBRARY "libcurl.so.4"

static struct dj_curl curl;

static bool find(void *lib, const char *name, void *ret)
{
	void *p = dlsym(lib, name);

	/* A function pointer, which C has no cast to from void *. */
	memcpy(ret, &p, sizeof(p));
	return p != NULL;
}

const struct dj_curl *dj_curl_load(struct dj_err *err)
{
	static void *lib;
	CURLcode (*global_init)(long);

	if (lib != NULL)
		return &curl;
	lib = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (lib != NULL && find(lib, "curl_global_init", &global_init) &&
		find(lib, "curl_easy_init", &curl.init) &&
		find(lib, "curl_easy_cleanup", &curl.cleanup) &&
		find(lib, "curl_easy_reset", &curl.reset) &&
		find(lib, "curl_easy_setopt", &curl.setopt) &&
		find(lib, "curl_easy_getinfo", &curl.getinfo) &&
		find(lib, "curl_easy_perform", &curl.perform) &&
		find(lib, "curl_easy_recv", &curl.recv) &&
		find(lib, "curl_easy_send", &curl.send) &&
		find(lib, "curl_easy_strerror", &curl.strerror) &&
		find(lib, "curl_version", &curl.version) &&
		find(lib, "curl_slist_append", &curl.slist_append) &&
		find(lib, "curl_slist_free_all", &curl.slist_free_all) &&
		global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
		return &curl;
	(void)dj_err_set(err, "internal.library",
		"preparing to reach a host by https: " LIBRARY
		" cannot be used: %s",
		lib == NULL ? dlerror() : "it lacks what is needed");
	if (lib != NULL)
		(void)dlclose(lib);
	lib = NULL;
	return NULL;
}
