// SPDX-License-Identifier: Apache-2.0
#include "client/verdict_print.h"

#include <string.h>

#include "attest/cert.h"
#include "client/json.h"
#include "lib/proto/offer.h"

#define SHOWN_WANTS 4
#define GROUPED     6 /* names on the ok line before "(n more)" */

/* Most checks are of evidence: people need not read that word each time. */
static const char *short_name(const char *name)
{
	return strncmp(name, "evidence.", 9) == 0 ? name + 9 : name;
}

/* Long digests are cut for people; JSON has them whole. */
static void put_value(FILE *out, const char *text)
{
	size_t n = strlen(text);

	if (n >= 64 && strspn(text, "0123456789abcdef") == n)
		(void)fprintf(out, "%.16s..", text);
	else
		(void)fputs(text, out);
}

static void put_line(const struct dj_verdict *v, const struct dj_check *c,
	FILE *out)
{
	(void)fprintf(out, "  NO    %-12s", short_name(c->name));
	if (c->got != NULL) {
		(void)fputs("  got ", out);
		put_value(out, c->got);
	}
	for (size_t i = 0; i < c->want_count && i < SHOWN_WANTS; i++) {
		(void)fputs(i == 0 ? "  want " : " or ", out);
		put_value(out, c->want[i]);
	}
	if (c->want_count > SHOWN_WANTS)
		(void)fprintf(out, " or %zu more", c->want_count - SHOWN_WANTS);
	if (c->policy_line != 0)
		(void)fprintf(out, "  %s:%u", v->policy_file, c->policy_line);
	(void)fputc('\n', out);
}

static void put_grouped(const struct dj_verdict *v, FILE *out)
{
	size_t n = 0;

	for (size_t i = 0; i < v->check_count; i++) {
		const struct dj_check *c = &v->checks[i];

		if (c->state != DJ_CHECK_OK)
			continue;
		if (n < GROUPED)
			(void)fprintf(out, "%s%s", n == 0 ? "  ok    " : ", ",
				short_name(c->name));
		n++;
	}
	if (n > GROUPED)
		(void)fprintf(out, "  (%zu more)", n - GROUPED);
	if (n != 0)
		(void)fputc('\n', out);
}

static void put_check(const struct dj_verdict *v, const struct dj_check *c,
	FILE *out)
{
	if (c->state == DJ_CHECK_FAILED) {
		put_line(v, c, out);
		return;
	}
	(void)fprintf(out, "  %s", c->state == DJ_CHECK_OK ? "ok" : "- ");
	if (c->got == NULL && c->policy_line == 0)
		(void)fprintf(out, "    %s", short_name(c->name));
	else
		(void)fprintf(out, "    %-12s", short_name(c->name));
	if (c->got != NULL) {
		(void)fputs("  ", out);
		put_value(out, c->got);
	}
	if (c->policy_line != 0)
		(void)fprintf(out, "  %s:%u", v->policy_file, c->policy_line);
	(void)fputc('\n', out);
}

void dj_verdict_print(const struct dj_verdict *v, bool all, FILE *out)
{
	if (!all)
		put_grouped(v, out);
	for (size_t i = 0; i < v->check_count; i++) {
		if (all)
			put_check(v, &v->checks[i], out);
		else if (v->checks[i].state == DJ_CHECK_FAILED)
			put_line(v, &v->checks[i], out);
	}
}

const char *dj_verdict_tee(const struct dj_verdict *v, char *buf, size_t cap)
{
	const char *name = dj_tee_name(v->tee);

	(void)snprintf(buf, cap, "%s%s", name == NULL ? "unknown" : name,
		v->emulated ? " (emulated)" : "");
	return buf;
}

const char *dj_verdict_banner(const struct dj_verdict *v, char *buf, size_t cap)
{
	const char *name = dj_tee_name(v->tee);

	if (v->hardware)
		return NULL;
	(void)snprintf(buf, cap,
		"EMULATED %s keep, no protection (development root)",
		name == NULL ? "unknown" : name);
	return buf;
}

static json_t *hex(const uint8_t *p, size_t len)
{
	char text[2 * 64 + 1] = "";

	for (size_t i = 0; i < len && i < 64; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", p[i]);
	return json_string(text);
}

static json_t *check_json(const struct dj_verdict *v, const struct dj_check *c,
	bool secret_sent)
{
	json_t *o = json_object(), *want = json_array();
	char where[DJ_POLICY_PATH_MAX + 16];

	(void)json_object_set_new(o, "name", json_string(c->name));
	(void)json_object_set_new(o, "ok",
		c->state == DJ_CHECK_NA
			? json_null()
			: json_boolean(c->state == DJ_CHECK_OK));
	if (c->got != NULL)
		(void)json_object_set_new(o, "got", json_string(c->got));
	for (size_t i = 0; i < c->want_count; i++)
		(void)json_array_append_new(want, json_string(c->want[i]));
	(void)json_object_set_new(o, "want", want);
	if (c->policy_line != 0) {
		(void)snprintf(where, sizeof(where), "%s:%u", v->policy_file,
			c->policy_line);
		(void)json_object_set_new(o, "policy", json_string(where));
	}
	(void)json_object_set_new(o, "secret_sent", json_boolean(secret_sent));
	return o;
}

json_t *dj_verdict_json(const struct dj_verdict *v, const char *subject,
	bool secret_sent)
{
	json_t *o = json_object(), *checks = json_array();
	char text[64];

	(void)json_object_set_new(o, "schema", json_string("donjon.verdict/1"));
	(void)json_object_set_new(o, "subject",
		subject == NULL ? json_null() : dj_json_name(subject));
	(void)json_object_set_new(o, "good", json_boolean(v->good));
	(void)json_object_set_new(o, "error",
		v->error == NULL ? json_null() : json_string(v->error));
	(void)json_object_set_new(o, "protection",
		json_string(v->hardware ? "hardware" : "none"));
	(void)json_object_set_new(o, "policy",
		json_pack("{s:s,s:o,s:o}", "name", v->policy_name, "file",
			dj_json_name(v->policy_file), "sha256",
			hex(v->policy_sha256, 32)));
	(void)json_object_set_new(o, "tee",
		v->tee == 0 ? json_null() : json_string(dj_tee_name(v->tee)));
	(void)json_object_set_new(o, "emulated",
		json_boolean(dj_format_is_development(v->format)));
	(void)snprintf(text, sizeof(text), "0x%04x", v->format);
	(void)json_object_set_new(o, "format", json_string(text));
	(void)json_object_set_new(o, "measurement",
		v->measurement_len == 0
			? json_null()
			: hex(v->measurement, v->measurement_len));
	(void)json_object_set_new(o, "platform",
		v->has_platform ? hex(v->platform, 32) : json_null());
	if (v->tcb_status != NULL) {
		json_t *list = json_array();

		for (size_t i = 0; i < v->advisory_count; i++)
			(void)json_array_append_new(list,
				json_string(v->advisory[i]));
		(void)json_object_set_new(o, "tcb_status",
			json_string(v->tcb_status));
		(void)json_object_set_new(o, "advisories", list);
	}
	dj_time_text(v->time, text, sizeof(text));
	(void)json_object_set_new(o, "checked", json_string(text));
	for (size_t i = 0; i < v->check_count; i++)
		(void)json_array_append_new(checks,
			check_json(v, &v->checks[i], secret_sent));
	(void)json_object_set_new(o, "checks", checks);
	(void)json_object_set_new(o, "evidence_sha256",
		hex(v->evidence_sha256, 32));
	return o;
}
