// SPDX-License-Identifier: Apache-2.0
#include "client/hosts.h"

#include <stdlib.h>
#include <string.h>

#include "client/record.h"
#include "lib/base/secret.h"

static bool add(struct dj_hosts *h, const struct dj_host_options *o,
	size_t *ret, struct dj_err *err)
{
	struct dj_host *host = dj_host_open(o, err);

	if (host == NULL)
		return false;
	for (size_t i = 0; i < h->count; i++) {
		if (strcmp(dj_host_name(h->list[i]), dj_host_name(host)) != 0)
			continue;
		dj_host_free(host);
		*ret = i;
		return true;
	}
	if (h->count == DJ_HOSTS_MAX) {
		dj_host_free(host);
		return dj_err_set(err, "usage.option", "more than %d hosts",
			DJ_HOSTS_MAX);
	}
	*ret = h->count;
	h->list[h->count++] = host;
	return true;
}

bool dj_hosts_add(struct dj_hosts *h, const struct dj_host_options *o,
	struct dj_err *err)
{
	size_t ignored;

	return add(h, o, &ignored, err);
}

static const char *or_null(const char *text)
{
	return text[0] == '\0' ? NULL : text;
}

bool dj_hosts_add_ticket(struct dj_hosts *h, const struct dj_ticket_file *t,
	size_t *ret, struct dj_err *err)
{
	struct dj_host_options o = {
		.url = t->text[DJ_TICKET_HOST],
		.ca = or_null(t->text[DJ_TICKET_CA]),
		.cert = or_null(t->text[DJ_TICKET_CERT]),
		.key = or_null(t->text[DJ_TICKET_KEY]),
		.token_file = or_null(t->text[DJ_TICKET_TOKEN_FILE]),
		.private_fd = -1,
	};
	size_t at;

	if (!add(h, &o, &at, err))
		return false;
	if (ret != NULL)
		*ret = at;
	return true;
}

void dj_hosts_add_tickets(struct dj_hosts *h)
{
	struct dj_ticket_file *t = malloc(sizeof(*t));
	char **names = dj_record_list();

	for (size_t i = 0; t != NULL && names != NULL && names[i] != NULL;
		i++) {
		struct dj_err ignored = { 0 };
		struct dj_record r;

		if (!dj_record_peek(&r, names[i], &ignored))
			continue;
		if (dj_record_load(&r, t, &ignored))
			(void)dj_hosts_add_ticket(h, t, NULL, &ignored);
		dj_record_close(&r);
		dj_wipe(t, sizeof(*t));
	}
	dj_record_list_free(names);
	free(t);
}

void dj_hosts_done(struct dj_hosts *h)
{
	for (size_t i = 0; i < h->count; i++)
		dj_host_free(h->list[i]);
	h->count = 0;
}
