// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <curl/curl.h>

#include "client/errors.h"

/*
 * libcurl, loaded when a host is named by https: and not before. Its thirty
 * libraries cost 4 ms at each start, more than all else of a local run.
 *
 * The members are libcurl's functions of the same names; the options' types
 * are its manual's, since its type-checking macros do not see these.
 */
struct dj_curl {
	CURL *(*init)(void);
	void (*cleanup)(CURL *);
	void (*reset)(CURL *);
	CURLcode (*setopt)(CURL *, CURLoption, ...);
	CURLcode (*getinfo)(CURL *, CURLINFO, ...);
	CURLcode (*perform)(CURL *);
	CURLcode (*recv)(CURL *, void *, size_t, size_t *);
	CURLcode (*send)(CURL *, const void *, size_t, size_t *);
	const char *(*strerror)(CURLcode);
	char *(*version)(void);
	struct curl_slist *(*slist_append)(struct curl_slist *, const char *);
	void (*slist_free_all)(struct curl_slist *);
};

/* internal.library: it is not installed, or too old. Stays loaded. */
DJ_NODISCARD const struct dj_curl *dj_curl_load(struct dj_err *err);
