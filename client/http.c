// SPDX-License-Identifier: Apache-2.0
#include "client/http.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/rand.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "client/clock.h"
#include "client/curl.h"
#include "client/policy_file.h"
#include "lib/base/secret.h"

#define ANSWER_MAX ((size_t)1 << 20)
#define HEAD_MAX   16384
#define TOKEN_MAX  4096
#define KEY_SIZE   64

struct dj_host {
	const struct dj_curl *lib; /* NULL: not by https */
	CURL *curl;
	char name[256];
	char base[256]; /* scheme and authority of request URLs */
	char *socket;   /* path of a Unix socket, or NULL */
	char *ca, *cert, *key;
	char *auth; /* "Authorization: Bearer ...", or NULL */
	int private_fd;
	char error[CURL_ERROR_SIZE];
};

struct answer {
	char *p;
	size_t len;
};

void dj_host_free(struct dj_host *h)
{
	if (h == NULL)
		return;
	if (h->curl != NULL)
		h->lib->cleanup(h->curl);
	if (h->auth != NULL)
		dj_wipe(h->auth, strlen(h->auth));
	free(h->auth);
	free(h->socket);
	free(h->ca);
	free(h->cert);
	free(h->key);
	if (h->private_fd >= 0)
		close(h->private_fd);
	free(h);
}

const char *dj_host_name(const struct dj_host *h)
{
	return h->name;
}

static bool read_token(struct dj_host *h, const char *path, struct dj_err *err)
{
	char *text;
	size_t len;
	bool good = true;

	if (dj_file_read(path, TOKEN_MAX, &text, &len) != DJ_OK)
		return dj_err_set(err, "input.file", "reading the token %s: %s",
			path, strerror(errno));
	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
		text[--len] = '\0';
	for (size_t i = 0; i < len; i++)
		good = good && text[i] > ' ' && text[i] < 0x7f;
	if (!good || len == 0)
		(void)dj_err_set(err, "input.file",
			"the token file %s holds something else than one word",
			path);
	else if (asprintf(&h->auth, "Authorization: Bearer %s", text) < 0)
		good = dj_err_set(err, "internal.memory", "no memory");
	dj_wipe(text, len);
	free(text);
	return good && len != 0;
}

static bool set_url(struct dj_host *h, const char *url, struct dj_err *err)
{
	char shown[200];
	size_t len;

	dj_clean(shown, sizeof(shown), url, strlen(url));
	(void)snprintf(h->name, sizeof(h->name), "%s", shown);
	if (strncmp(url, "unix:", 5) == 0) {
		const char *path = url + 5;

		if (strncmp(path, "//", 2) == 0)
			path += 2;
		if (path[0] == '\0' ||
			strlen(path) >=
				sizeof(((struct sockaddr_un *)0)->sun_path))
			return dj_err_set(err, "usage.value",
				"host %s: the path of the socket is empty or too long",
				shown);
		h->socket = strdup(path);
		(void)strcpy(h->base, "http://127.0.0.1");
		return h->socket != NULL ||
			dj_err_set(err, "internal.memory", "no memory");
	}
	len = strlen(url);
	while (len > 8 && url[len - 1] == '/')
		len--;
	if (strncmp(url, "https://", 8) != 0 || len == 8 ||
		len >= sizeof(h->base) ||
		memchr(url + 8, '/', len - 8) != NULL ||
		strpbrk(url + 8, "@?# ") != NULL)
		return dj_err_set(err, "usage.value",
			"host %s: write unix:PATH or https://NAME:PORT", shown);
	memcpy(h->base, url, len);
	return true;
}

static char *copy(const char *s)
{
	return s == NULL ? NULL : strdup(s);
}

static bool use_curl(struct dj_host *h, struct dj_err *err)
{
	h->lib = dj_curl_load(err);
	if (h->lib == NULL)
		return false;
	h->curl = h->lib->init();
	return h->curl != NULL ||
		dj_err_set(err, "internal.memory", "no memory");
}

struct dj_host *dj_host_open(const struct dj_host_options *o,
	struct dj_err *err)
{
	struct dj_host *h = calloc(1, sizeof(*h));

	if (h == NULL) {
		(void)dj_err_set(err, "internal.memory",
			"preparing to reach the host: no memory");
		return NULL;
	}
	h->private_fd = o->private_fd;
	h->ca = copy(o->ca);
	h->cert = copy(o->cert);
	h->key = copy(o->key);
	if (o->private_fd >= 0) {
		(void)strcpy(h->name, "private agent");
		(void)strcpy(h->base, "http://127.0.0.1");
	} else if (!set_url(h, o->url, err)) {
		goto fail;
	}
	if (o->token_file != NULL && !read_token(h, o->token_file, err))
		goto fail;
	if (o->private_fd < 0 && h->socket == NULL && !use_curl(h, err))
		goto fail;
	return h;

fail:
	dj_host_free(h);
	return NULL;
}

static size_t take_answer(char *p, size_t size, size_t count, void *ctx)
{
	struct answer *a = ctx;
	size_t len = size * count;
	char *grown;

	if (len > ANSWER_MAX - a->len)
		return 0;
	grown = realloc(a->p, a->len + len + 1);
	if (grown == NULL)
		return 0;
	memcpy(grown + a->len, p, len);
	a->p = grown;
	a->len += len;
	grown[a->len] = '\0';
	return len;
}

static void set_transport(struct dj_host *h, CURL *c)
{
	h->lib->setopt(c, CURLOPT_ERRORBUFFER, h->error);
	h->lib->setopt(c, CURLOPT_NOSIGNAL, 1L);
	h->lib->setopt(c, CURLOPT_CONNECTTIMEOUT, 10L);
	h->lib->setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	h->lib->setopt(c, CURLOPT_PROTOCOLS_STR, "https");
	h->lib->setopt(c, CURLOPT_TCP_NODELAY, 1L);
	h->lib->setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_3);
	if (h->ca != NULL) {
		h->lib->setopt(c, CURLOPT_CAINFO, h->ca);
		h->lib->setopt(c, CURLOPT_CAPATH, (char *)NULL);
	}
	if (h->cert != NULL)
		h->lib->setopt(c, CURLOPT_SSLCERT, h->cert);
	if (h->key != NULL)
		h->lib->setopt(c, CURLOPT_SSLKEY, h->key);
}

static bool fail_transport(const struct dj_host *h, CURLcode code,
	struct dj_err *err)
{
	const char *why =
		h->error[0] != '\0' ? h->error : h->lib->strerror(code);
	char shown[CURL_ERROR_SIZE];
	const char *name = "host.absent";

	dj_clean(shown, sizeof(shown), why, strlen(why));
	switch ((int)code) {
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
		name = "host.tls";
		break;
	case CURLE_GOT_NOTHING:
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_WRITE_ERROR:
	case CURLE_PARTIAL_FILE:
	case CURLE_UNSUPPORTED_PROTOCOL:
		name = "host.answer";
		break;
	case CURLE_OUT_OF_MEMORY:
		name = "internal.memory";
		break;
	default:
		break;
	}
	return dj_err_set(err, name, "asking %s: %s", h->name, shown);
}

/* title and detail of an application/problem+json, cleaned. */
static void host_says(const json_t *o, char *dst, size_t cap)
{
	const char *title = json_string_value(json_object_get(o, "title"));
	const char *detail = json_string_value(json_object_get(o, "detail"));
	char both[512];

	(void)snprintf(both, sizeof(both), "%s%s%s", title == NULL ? "" : title,
		title != NULL && detail != NULL ? ": " : "",
		detail == NULL ? "" : detail);
	dj_clean(dst, cap, both, strlen(both));
}

static bool fail_status(const struct dj_host *h, const char *what, int status,
	const json_t *body, struct dj_err *err)
{
	bool is_post = strncmp(what, "POST", 4) == 0;
	const char *name = "host.refused";
	char said[300];

	if (status == 401 || status == 403)
		name = "host.denied";
	else if (status == 404 && is_post)
		name = "host.tee";
	else if (status == 429 || status == 503)
		name = "host.busy";
	else if (status == 410)
		name = "session.gone";
	else if (status < 400)
		name = "host.answer";
	host_says(body, said, sizeof(said));
	return dj_err_set(err, name, "asking %s: %s: status %d%s%s%s", h->name,
		what, status, said[0] == '\0' ? "" : "; the host says \"", said,
		said[0] == '\0' ? "" : "\"");
}

static bool judge_answer(const struct dj_host *h, const char *what, long status,
	const struct answer *a, json_t **ret, struct dj_err *err)
{
	json_error_t why;
	json_t *o = NULL;

	if (a->len > 0)
		o = json_loadb(a->p, a->len, JSON_REJECT_DUPLICATES, &why);
	if (status < 200 || status > 299) {
		(void)fail_status(h, what, (int)status, o, err);
		json_decref(o);
		return false;
	}
	if (ret == NULL) {
		json_decref(o);
		return true;
	}
	if (a->len > 0 && o == NULL)
		return dj_err_set(err, "host.answer",
			"asking %s: %s: the answer is not JSON", h->name, what);
	*ret = o;
	return true;
}

/* A request that was sent twice makes one Keep. */
static bool idempotency_key(char dst[static KEY_SIZE], struct dj_err *err)
{
	uint8_t random[16];

	if (RAND_bytes(random, sizeof(random)) != 1)
		return dj_err_set(err, "internal.bug",
			"naming a request: OpenSSL has no random bytes");
	(void)strcpy(dst, "Idempotency-Key: ");
	for (size_t i = 0; i < sizeof(random); i++)
		(void)snprintf(dst + strlen(dst), 3, "%02x", random[i]);
	return true;
}

/* key: that of a request with a body, or NULL. */
static struct curl_slist *headers(const struct dj_host *h, const char *key)
{
	struct curl_slist *list = h->lib->slist_append(NULL, "Expect:");

	list = h->lib->slist_append(list, "Accept: application/json");
	if (h->auth != NULL)
		list = h->lib->slist_append(list, h->auth);
	if (key == NULL)
		return list;
	list = h->lib->slist_append(list, "Content-Type: application/json");
	return h->lib->slist_append(list, key);
}

enum dj_link_got dj_link_recv(struct dj_link *l, void *buf, size_t cap,
	size_t *ret_len)
{
	ssize_t n;

	if (l->fd < 0)
		return DJ_LINK_CLOSED;
	if (l->curl != NULL) {
		size_t got = 0;
		CURLcode code = l->lib->recv(l->curl, buf, cap, &got);

		if (code == CURLE_AGAIN)
			return DJ_LINK_WAIT;
		if (code != CURLE_OK || got == 0)
			return DJ_LINK_CLOSED;
		*ret_len = got;
		return DJ_LINK_SOME;
	}
	do {
		n = recv(l->fd, buf, cap, MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return DJ_LINK_WAIT;
	if (n <= 0)
		return DJ_LINK_CLOSED;
	*ret_len = (size_t)n;
	return DJ_LINK_SOME;
}

enum dj_link_got dj_link_send(struct dj_link *l, const void *buf, size_t len,
	size_t *ret_len)
{
	ssize_t n;

	if (l->fd < 0)
		return DJ_LINK_CLOSED;
	if (l->curl != NULL) {
		size_t put = 0;
		CURLcode code = l->lib->send(l->curl, buf, len, &put);

		if (code == CURLE_AGAIN)
			return DJ_LINK_WAIT;
		if (code != CURLE_OK)
			return DJ_LINK_CLOSED;
		*ret_len = put;
		return put == 0 ? DJ_LINK_WAIT : DJ_LINK_SOME;
	}
	do {
		n = send(l->fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return DJ_LINK_WAIT;
	if (n <= 0)
		return DJ_LINK_CLOSED;
	*ret_len = (size_t)n;
	return DJ_LINK_SOME;
}

void dj_link_close(struct dj_link *l)
{
	if (l->curl != NULL)
		l->lib->cleanup(l->curl);
	else if (l->fd >= 0)
		close(l->fd);
	l->curl = NULL;
	l->fd = -1;
}

static bool connect_socket(struct dj_host *h, struct dj_link *ret,
	struct dj_err *err)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)strncpy(a.sun_path, h->socket, sizeof(a.sun_path) - 1);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		(void)dj_err_set(err,
			errno == EACCES ? "host.denied" : "host.absent",
			"asking %s: %s", h->name, strerror(errno));
		if (fd >= 0)
			close(fd);
		return false;
	}
	ret->fd = fd;
	return true;
}

static bool connect_tls(struct dj_host *h, struct dj_link *ret,
	struct dj_err *err)
{
	curl_socket_t fd = -1;
	CURL *c = h->lib->init();
	CURLcode code;

	if (c == NULL)
		return dj_err_set(err, "internal.memory", "no memory");
	h->error[0] = '\0';
	set_transport(h, c);
	h->lib->setopt(c, CURLOPT_URL, h->base);
	h->lib->setopt(c, CURLOPT_CONNECT_ONLY, 1L);
	code = h->lib->perform(c);
	if (code == CURLE_OK)
		code = h->lib->getinfo(c, CURLINFO_ACTIVESOCKET, &fd);
	if (code != CURLE_OK) {
		(void)fail_transport(h, code, err);
		h->lib->cleanup(c);
		return false;
	}
	/* The buffer is of *h, which may be gone before the link. */
	h->lib->setopt(c, CURLOPT_ERRORBUFFER, (char *)NULL);
	ret->lib = h->lib;
	ret->curl = c;
	ret->fd = fd;
	return true;
}

static bool wait_for(int fd, short events, int64_t deadline)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = events };
		int64_t left = deadline - dj_now_ms();
		int n = poll(&p, 1, left > 0 ? (int)left : 0);

		if (n > 0)
			return true;
		if (n == 0 || errno != EINTR)
			return false;
	}
}

static int64_t in_30_seconds(void)
{
	return dj_now_ms() + 30000;
}

static bool send_all(struct dj_link *l, const char *p, size_t len)
{
	int64_t deadline = in_30_seconds();

	while (len > 0) {
		size_t n = 0;

		switch (dj_link_send(l, p, len, &n)) {
		case DJ_LINK_SOME:
			p += n;
			len -= n;
			break;
		case DJ_LINK_WAIT:
			if (!wait_for(l->fd, POLLOUT, deadline))
				return false;
			break;
		case DJ_LINK_CLOSED:
			return false;
		}
	}
	return true;
}

static bool recv_all(struct dj_link *l, char *p, size_t len)
{
	int64_t deadline = in_30_seconds();

	while (len > 0) {
		size_t n = 0;

		switch (dj_link_recv(l, p, len, &n)) {
		case DJ_LINK_SOME:
			p += n;
			len -= n;
			break;
		case DJ_LINK_WAIT:
			if (!wait_for(l->fd, POLLIN, deadline))
				return false;
			break;
		case DJ_LINK_CLOSED:
			return false;
		}
	}
	return true;
}

/* Up to the empty line and not a byte more: frames come after it. */
static bool recv_head(struct dj_link *l, char *head, size_t *ret_len)
{
	int64_t deadline = in_30_seconds();
	size_t len = 0, n;

	while (len < HEAD_MAX) {
		switch (dj_link_recv(l, head + len, 1, &n)) {
		case DJ_LINK_SOME:
			len++;
			break;
		case DJ_LINK_WAIT:
			if (!wait_for(l->fd, POLLIN, deadline))
				return false;
			continue;
		case DJ_LINK_CLOSED:
			return false;
		}
		if (len >= 4 && memcmp(head + len - 4, "\r\n\r\n", 4) == 0) {
			*ret_len = len;
			return true;
		}
	}
	return false;
}

/* The value of the first header of this name, without spaces around it. */
static const char *find_header(const char *head, size_t len, const char *name,
	size_t *ret_len)
{
	const char *end = head + len;
	size_t n = strlen(name);

	for (const char *p = head; p < end;) {
		const char *eol = memchr(p, '\n', (size_t)(end - p));
		const char *at = p + n + 1;

		if (eol == NULL)
			return NULL;
		if ((size_t)(eol - p) > n && p[n] == ':' &&
			strncasecmp(p, name, n) == 0) {
			while (at < eol && (*at == ' ' || *at == '\t'))
				at++;
			while (eol > at && isspace((unsigned char)eol[-1]))
				eol--;
			*ret_len = (size_t)(eol - at);
			return at;
		}
		p = eol + 1;
	}
	return NULL;
}

/* Has the header this value? ASCII case ignored. */
static bool has_header(const char *head, size_t len, const char *name,
	const char *value)
{
	size_t n = 0;
	const char *v = find_header(head, len, name, &n);

	return v != NULL && n == strlen(value) && strncasecmp(v, value, n) == 0;
}

int dj_http_status(const char *head, size_t len)
{
	if (len < 14 || memcmp(head, "HTTP/1.1 ", 9) != 0 ||
		!isdigit((unsigned char)head[9]) ||
		!isdigit((unsigned char)head[10]) ||
		!isdigit((unsigned char)head[11]) ||
		(head[12] != ' ' && head[12] != '\r') ||
		memchr(head, '\0', len) != NULL)
		return 0;
	return (head[9] - '0') * 100 + (head[10] - '0') * 10 + head[11] - '0';
}

int dj_http_upgrade_status(const char *head, size_t len)
{
	int status = dj_http_status(head, len);

	if (status == 101 &&
		(!has_header(head, len, "Upgrade", "donjon-session/1") ||
			!has_header(head, len, "Connection", "Upgrade")))
		return 0;
	return status;
}

bool dj_http_length(const char *head, size_t len, size_t max, size_t *ret)
{
	const char *v;
	size_t left, n = 0;

	/* Two framings at once are how answers are smuggled. */
	if (find_header(head, len, "Transfer-Encoding", &left) != NULL)
		return false;
	v = find_header(head, len, "Content-Length", &left);
	if (v == NULL || left == 0 || left > 9 ||
		find_header(v + left, (size_t)(head + len - v) - left,
			"Content-Length", &n) != NULL)
		return false;
	n = 0;
	for (size_t i = 0; i < left; i++) {
		if (!isdigit((unsigned char)v[i]))
			return false;
		n = n * 10 + (size_t)(v[i] - '0');
	}
	if (n > max)
		return false;
	*ret = n;
	return true;
}

static bool request_by_curl(struct dj_host *h, const char *method,
	const char *path, const char *text, struct answer *answer,
	long *ret_status, struct dj_err *err)
{
	char url[768];
	char key[KEY_SIZE];
	struct curl_slist *list;
	CURLcode code;

	if (!idempotency_key(key, err))
		return false;
	list = headers(h, text == NULL ? NULL : key);
	(void)snprintf(url, sizeof(url), "%s%s", h->base, path);
	h->lib->reset(h->curl);
	h->error[0] = '\0';
	set_transport(h, h->curl);
	h->lib->setopt(h->curl, CURLOPT_URL, url);
	h->lib->setopt(h->curl, CURLOPT_TIMEOUT, 120L);
	h->lib->setopt(h->curl, CURLOPT_HTTPHEADER, list);
	h->lib->setopt(h->curl, CURLOPT_WRITEFUNCTION, take_answer);
	h->lib->setopt(h->curl, CURLOPT_WRITEDATA, answer);
	if (text != NULL)
		h->lib->setopt(h->curl, CURLOPT_POSTFIELDS, text);
	h->lib->setopt(h->curl, CURLOPT_CUSTOMREQUEST, method);
	code = h->lib->perform(h->curl);
	h->lib->slist_free_all(list);
	if (code != CURLE_OK)
		return fail_transport(h, code, err);
	h->lib->getinfo(h->curl, CURLINFO_RESPONSE_CODE, ret_status);
	return true;
}

static bool talk(const struct dj_host *h, struct dj_link *l,
	const char *request, size_t len, struct answer *answer,
	long *ret_status, struct dj_err *err)
{
	char head[HEAD_MAX];
	size_t left = 0, head_len;

	if (!send_all(l, request, len) || !recv_head(l, head, &head_len))
		return dj_err_set(err,
			h->private_fd >= 0 ? "agent.start" : "host.answer",
			"asking %s: it ended without an answer", h->name);
	*ret_status = dj_http_status(head, head_len);
	if (*ret_status == 0 ||
		(*ret_status != 204 &&
			!dj_http_length(head, head_len, ANSWER_MAX, &left)))
		return dj_err_set(err, "host.answer",
			"asking %s: the answer is not HTTP/1.1 with a length",
			h->name);
	answer->p = calloc(1, left + 1);
	if (answer->p == NULL)
		return dj_err_set(err, "internal.memory", "no memory");
	answer->len = left;
	return recv_all(l, answer->p, left) ||
		dj_err_set(err, "host.answer",
			"asking %s: the answer was cut short", h->name);
}

/*
 * Over a Unix socket, and over the private agent's one connection, which
 * later is the session's: our own donjond answers with a Content-Length,
 * anything else is refused.
 */
static bool request_by_hand(struct dj_host *h, const char *method,
	const char *path, const char *text, struct answer *answer,
	long *ret_status, struct dj_err *err)
{
	struct dj_link l = { .fd = h->private_fd };
	size_t body = text == NULL ? 0 : strlen(text);
	char key[KEY_SIZE];
	char *request = NULL;
	bool good;

	if (!idempotency_key(key, err))
		return false;
	if (asprintf(&request,
		    "%s %s HTTP/1.1\r\nHost: private\r\n"
		    "Accept: application/json\r\n%s%s"
		    "Content-Type: application/json\r\n%s\r\n"
		    "Content-Length: %zu\r\n\r\n%s",
		    method, path, h->auth == NULL ? "" : h->auth,
		    h->auth == NULL ? "" : "\r\n", key, body,
		    text == NULL ? "" : text) < 0)
		return dj_err_set(err, "internal.memory", "no memory");
	good = h->private_fd >= 0 || connect_socket(h, &l, err);
	good = good &&
		talk(h, &l, request, strlen(request), answer, ret_status, err);
	if (h->private_fd < 0)
		dj_link_close(&l);
	dj_wipe(request, strlen(request));
	free(request);
	return good;
}

bool dj_host_request(struct dj_host *h, const char *method, const char *path,
	json_t *body, json_t **ret, struct dj_err *err)
{
	struct answer answer = { 0 };
	char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);
	char what[400];
	long status = 0;
	bool good;

	(void)snprintf(what, sizeof(what), "%s %s", method, path);
	good = h->lib == NULL
		? request_by_hand(h, method, path, text, &answer, &status, err)
		: request_by_curl(h, method, path, text, &answer, &status, err);
	if (good)
		good = judge_answer(h, what, status, &answer, ret, err);
	free(answer.p);
	free(text);
	return good;
}

/* Sends a request on a link of its own and reads the head of the answer. */
static bool ask_on_link(struct dj_host *h, const char *path, const char *fields,
	const char *doing, char head[static HEAD_MAX], size_t *ret_len,
	struct dj_link *ret, struct dj_err *err)
{
	struct dj_link l = { .fd = -1 };
	const char *host = strstr(h->base, "//") + 2;
	char *request = NULL;
	bool good;

	if (h->private_fd >= 0)
		l.fd = fcntl(h->private_fd, F_DUPFD_CLOEXEC, 3);
	else if (!(h->socket != NULL ? connect_socket(h, &l, err)
				     : connect_tls(h, &l, err)))
		return false;
	if (asprintf(&request, "GET %s HTTP/1.1\r\nHost: %s\r\n%s%s%s\r\n",
		    path, host, fields, h->auth == NULL ? "" : h->auth,
		    h->auth == NULL ? "" : "\r\n") < 0) {
		dj_link_close(&l);
		return dj_err_set(err, "internal.memory", "no memory");
	}
	good = send_all(&l, request, strlen(request)) &&
		recv_head(&l, head, ret_len);
	dj_wipe(request, strlen(request));
	free(request);
	if (!good) {
		dj_link_close(&l);
		return dj_err_set(err, "host.answer", "%s at %s: no answer",
			doing, h->name);
	}
	*ret = l;
	return true;
}

bool dj_host_upgrade(struct dj_host *h, const char *path, struct dj_link *ret,
	struct dj_err *err)
{
	struct dj_link l = { .fd = -1 };
	char head[HEAD_MAX];
	size_t len = 0;
	int status;

	if (!ask_on_link(h, path,
		    "Connection: Upgrade\r\nUpgrade: donjon-session/1\r\n",
		    "opening a session", head, &len, &l, err))
		return false;
	status = dj_http_upgrade_status(head, len);
	if (status == 101) {
		*ret = l;
		return true;
	}
	dj_link_close(&l);
	if (status == 0)
		return dj_err_set(err, "host.answer",
			"opening a session at %s: the answer is not HTTP/1.1 or names another protocol",
			h->name);
	return fail_status(h, "GET session", status, NULL, err);
}

bool dj_host_stream(struct dj_host *h, const char *path, const char *last_id,
	struct dj_link *ret, struct dj_err *err)
{
	struct dj_link l = { .fd = -1 };
	char head[HEAD_MAX], fields[160];
	size_t len = 0;
	int status;

	(void)snprintf(fields, sizeof(fields),
		"Accept: text/event-stream\r\nLast-Event-ID: %.40s\r\n",
		last_id);
	if (!ask_on_link(h, path, fields, "asking for events", head, &len, &l,
		    err))
		return false;
	status = dj_http_status(head, len);
	if (status == 200 &&
		has_header(head, len, "Content-Type", "text/event-stream") &&
		find_header(head, len, "Transfer-Encoding", &len) == NULL) {
		*ret = l;
		return true;
	}
	dj_link_close(&l);
	if (status == 0 || (status >= 200 && status < 300))
		return dj_err_set(err, "host.answer",
			"asking %s for events: the answer is no plain stream of events",
			h->name);
	return fail_status(h, "GET events", status, NULL, err);
}
