// SPDX-License-Identifier: Apache-2.0
#include "attest/judging.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/cert.h"
#include "lib/base/break.h"
#include "lib/base/secret.h"

struct dj_check *dj_check_begin(struct dj_judging *j, const char *name)
{
	/* The last place is never used, so that there is always one to write
	 * to; a judge with too many checks refuses everything. */
	struct dj_check *c = &j->v->checks[j->v->check_count];

	if (j->v->check_count + 1 < DJ_CHECKS_MAX)
		j->v->check_count++;
	else
		j->no_memory = true;
	c->name = name;
	c->state = DJ_CHECK_FAILED;
	return c;
}

void dj_check_say(struct dj_check *c, enum dj_check_state state)
{
	c->state = state;
}

static void set_got(struct dj_judging *j, struct dj_check *c, char *text)
{
	if (text == NULL)
		j->no_memory = true;
	free(c->got);
	c->got = text;
}

static void add_want(struct dj_judging *j, struct dj_check *c, char *text)
{
	char **list = realloc(c->want, (c->want_count + 1) * sizeof(*list));

	if (text == NULL || list == NULL) {
		j->no_memory = true;
		free(text);
		if (list != NULL)
			c->want = list;
		return;
	}
	c->want = list;
	c->want[c->want_count++] = text;
}

__attribute__((format(printf, 1, 0))) static char *format(const char *fmt,
	va_list ap)
{
	char *text;

	return vasprintf(&text, fmt, ap) < 0 ? NULL : text;
}

static char *hex(const uint8_t *p, size_t len)
{
	char *text = malloc(2 * len + 1);

	if (text == NULL)
		return NULL;
	text[0] = '\0';
	for (size_t i = 0; i < len; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", p[i]);
	return text;
}

void dj_check_got(struct dj_judging *j, struct dj_check *c, const char *fmt,
	...)
{
	va_list ap;

	va_start(ap, fmt);
	set_got(j, c, format(fmt, ap));
	va_end(ap);
}

void dj_check_want(struct dj_judging *j, struct dj_check *c, const char *fmt,
	...)
{
	va_list ap;

	va_start(ap, fmt);
	add_want(j, c, format(fmt, ap));
	va_end(ap);
}

void dj_check_got_hex(struct dj_judging *j, struct dj_check *c,
	const uint8_t *p, size_t len)
{
	set_got(j, c, hex(p, len));
}

void dj_check_want_hex(struct dj_judging *j, struct dj_check *c,
	const uint8_t *p, size_t len)
{
	add_want(j, c, hex(p, len));
}

void dj_check_simple(struct dj_judging *j, const char *name, bool good,
	const char *got, const char *want)
{
	struct dj_check *c = dj_check_begin(j, name);

	if (got != NULL)
		dj_check_got(j, c, "%s", got);
	if (want != NULL)
		dj_check_want(j, c, "%s", want);
	dj_check_say(c, good ? DJ_CHECK_OK : DJ_CHECK_FAILED);
}

void dj_check_na(struct dj_judging *j, const char *name, const char *why)
{
	struct dj_check *c = dj_check_begin(j, name);

	if (why != NULL)
		dj_check_got(j, c, "%s", why);
	dj_check_say(c, DJ_CHECK_NA);
}

void dj_check_fault(struct dj_judging *j, struct dj_check *c, unsigned line,
	const char *want, const char *fmt, ...)
{
	char *text, *all;
	va_list ap;

	va_start(ap, fmt);
	text = format(fmt, ap);
	va_end(ap);
	if (c->want_count != 0 && c->got != NULL && text != NULL) {
		if (asprintf(&all, "%s; %s", c->got, text) < 0)
			all = NULL;
		free(text);
		text = all;
	}
	set_got(j, c, text);
	if (c->want_count == 0)
		c->policy_line = line;
	dj_check_want(j, c, "%s", want);
}

void dj_check_settle(struct dj_check *c)
{
	c->state = c->want_count == 0 ? DJ_CHECK_OK : DJ_CHECK_FAILED;
}

void dj_check_validity(struct dj_judging *j, size_t count, X509 *const *cert,
	const char *const *name)
{
	struct dj_check *c;
	char span[96], when[32];
	bool good = true;

	if (count == 0) {
		dj_check_na(j, "evidence.validity", "no chain");
		return;
	}
	c = dj_check_begin(j, "evidence.validity");
	dj_time_text(j->in->time, when, sizeof(when));
	dj_check_got(j, c, "judged at %s", when);
	for (size_t i = 0; i < count; i++) {
		dj_cert_validity(cert[i], span, sizeof(span));
		dj_check_want(j, c, "%s: %s", name[i], span);
		good = good && dj_cert_valid_at(cert[i], j->in->time);
	}
	if (good)
		dj_check_say(c, DJ_CHECK_OK);
}

void dj_check_report_data(struct dj_judging *j, const uint8_t got[static 64])
{
	struct dj_check *c;
	bool is_same;

	if (!j->has_want_rd && j->in->purpose == DJ_JUDGE_ALONE) {
		dj_check_na(j, "evidence.report_data",
			"no session to compare with: neither fresh nor bound "
			"to a channel");
		return;
	}
	c = dj_check_begin(j, "evidence.report_data");
	dj_check_got_hex(j, c, got, 64);
	if (!j->has_want_rd) {
		dj_check_want(j, c, "that of HELLO and OFFER");
		return;
	}
	dj_check_want_hex(j, c, j->want_rd, 64);
	is_same = dj_ct_equal(got, j->want_rd, 64);
	DJ_BREAK(9, is_same = dj_ct_equal(got, j->want_rd, 32));
	if (is_same)
		dj_check_say(c, DJ_CHECK_OK);
}

void dj_check_measurement(struct dj_judging *j, const uint8_t *got, size_t len)
{
	const struct dj_policy *p = j->in->policy;
	struct dj_check *c = dj_check_begin(j, "evidence.measurement");
	bool found = false;

	dj_check_got_hex(j, c, got, len);
	c->policy_line = p->measures_line;
	for (size_t i = 0; i < p->measure_count; i++) {
		const struct dj_policy_measure *m = &p->measures[i];

		if (m->tee != j->v->tee || m->len != len)
			continue;
		dj_check_want_hex(j, c, m->bytes, m->len);
		if (!found && memcmp(m->bytes, got, len) == 0) {
			found = true;
			c->policy_line = m->line;
		}
	}
	if (c->want_count == 0)
		dj_check_want(j, c, "a measurement of this TEE in the policy");
	DJ_BREAK(15, found = true);
	if (found)
		dj_check_say(c, DJ_CHECK_OK);
}
