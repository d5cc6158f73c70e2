// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "attest/cert.h"
#include "cli/dash.h"
#include "cli/dash_judge.h"
#include "cli/keeps.h"
#include "client/html.h"
#include "client/journal.h"
#include "client/measure.h"
#include "client/verdict_print.h"
#include "lib/proto/offer.h"

/* The page of one Keep, in four parts: verdict, evidence, time line, what its
   host could learn. */
#define FIELDS_MAX 128
#define ROW        16
#define COLOURS    8

static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s == NULL ? "" : s;
}

static long long number_of(const json_t *o, const char *key)
{
	return (long long)json_integer_value(json_object_get(o, key));
}

/* ---- verdict ---- */

static void put_check(FILE *out, const struct dj_check *c)
{
	static const char *const words[] = { "ok", "NO", "n/a" };
	static const char *const classes[] = { "good", "bad", "na" };

	(void)fprintf(out,
		"<tr%s><td><span class=\"tag %s\">%s</span></td>"
		"<th scope=\"row\"><a data-row href=\"/help/",
		c->state == DJ_CHECK_FAILED ? " class=\"failed\"" : "",
		classes[c->state], words[c->state]);
	dj_html_str(out, c->name);
	(void)fputs("\">", out);
	dj_html_str(out, c->name);
	(void)fputs("</a></th><td class=\"value\">", out);
	dj_html_str(out, c->got);
	(void)fputs("</td><td class=\"value\">", out);
	for (size_t i = 0; i < c->want_count; i++) {
		if (i > 0)
			(void)fputs("<br>", out);
		dj_html_str(out, c->want[i]);
	}
	(void)fputs("</td><td>", out);
	if (c->policy_line != 0)
		(void)fprintf(out, "line %u", c->policy_line);
	(void)fputs("</td></tr>\n", out);
}

/* The same number, from the image on this disk. */
static void put_measured(FILE *out, const struct dj_verdict *v)
{
	struct dj_measured *m = malloc(sizeof(*m));
	struct dj_err why = { 0 };

	(void)fputs("<p>Measured here (<code>donjon measure</code>): ", out);
	if (m == NULL || !dj_measure(v->tee, NULL, 0, m, &why)) {
		(void)fputs("<span class=\"quiet\">not possible: ", out);
		dj_html_str(out, why.text);
		(void)fputs("</span></p>", out);
		free(m);
		return;
	}
	(void)fputs("<code class=\"value\">", out);
	for (size_t i = 0; i < m->len; i++)
		(void)fprintf(out, "%02x", m->digest[i]);
	if (v->measurement_len == m->len &&
		memcmp(v->measurement, m->digest, m->len) == 0)
		(void)fputs("</code> <span class=\"tag good\">the keep's image "
			    "is this installation's</span></p>",
			out);
	else
		(void)fputs("</code> <span class=\"tag na\">another image than "
			    "this installation's</span></p>",
			out);
	free(m);
}

static void put_verdict(FILE *out, const struct dj_dash_judged *g)
{
	const struct dj_verdict *v = &g->v;
	size_t counts[3] = { 0 };
	char when[32];

	(void)fputs("<section id=\"verdict\"><h2>Verdict</h2>", out);
	if (g->error[0] != '\0') {
		(void)fputs("<p><span class=\"tag na\">not judged</span> ",
			out);
		dj_html_str(out, g->error);
		(void)fputs("</p></section>\n", out);
		return;
	}
	for (size_t i = 0; i < v->check_count; i++)
		counts[v->checks[i].state]++;
	dj_time_text(v->time, when, sizeof(when));
	(void)fprintf(out,
		"<p class=\"lead\"><span class=\"tag %s\">%s</span> %zu checks "
		"hold, %zu do not, %zu do not apply; judged %s, evidence of ",
		v->good ? "good" : "bad", v->good ? "good" : "refused",
		counts[DJ_CHECK_OK], counts[DJ_CHECK_FAILED],
		counts[DJ_CHECK_NA], when);
	dj_dash_ago(out, g->age);
	(void)fputs(" ago, by the policy <code>", out);
	dj_html_str(out, v->policy_file);
	(void)fputs("</code></p>", out);
	if (g->policy_changed)
		(void)fputs("<p class=\"no\">This policy is not as it was when "
			    "the keep was accepted.</p>",
			out);
	(void)fputs("<div class=\"wide\"><table class=\"checks\"><thead><tr>"
		    "<th></th><th>Check</th><th>Got</th><th>Wanted</th>"
		    "<th>Policy</th></tr></thead><tbody>\n",
		out);
	for (size_t i = 0; i < v->check_count; i++)
		put_check(out, &v->checks[i]);
	(void)fputs("</tbody></table></div>", out);
	put_measured(out, v);
	(void)fputs("</section>\n", out);
}

/* ---- evidence ---- */

struct field {
	size_t off, len;
	char name[32], value[160];
};

struct map {
	struct field field[FIELDS_MAX];
	size_t count;
};

static void on_field(void *ctx, size_t off, size_t len, const char *name,
	const char *value)
{
	struct map *m = ctx;
	struct field *f = &m->field[m->count];

	if (m->count == FIELDS_MAX)
		return;
	f->off = off;
	f->len = len;
	(void)snprintf(f->name, sizeof(f->name), "%s", name);
	(void)snprintf(f->value, sizeof(f->value), "%s", value);
	m->count++;
}

/* The field that a byte is of; count: of none that was named. */
static size_t field_at(const struct map *m, size_t off)
{
	size_t i;

	for (i = 0; i < m->count; i++) {
		if (off >= m->field[i].off &&
			off - m->field[i].off < m->field[i].len)
			break;
	}
	return i;
}

static void put_row(FILE *out, const struct map *m, const uint8_t *p,
	size_t len, size_t from)
{
	size_t end = from + ROW < len ? from + ROW : len;
	size_t open = SIZE_MAX;

	(void)fprintf(out, "<span class=\"off\">%04zx</span>  ", from);
	for (size_t i = from; i < end; i++) {
		size_t f = field_at(m, i);

		if (f != open) {
			if (open != SIZE_MAX)
				(void)fputs("</span>", out);
			if (i > from)
				(void)fputc(' ', out);
			if (f == m->count)
				(void)fputs("<span class=\"none\">", out);
			else
				(void)fprintf(out,
					"<span class=\"c%zu\" data-f=\"%zu\" "
					"title=\"%s\">",
					f % COLOURS, f, m->field[f].name);
			open = f;
		} else {
			(void)fputc(' ', out);
		}
		(void)fprintf(out, "%02x", p[i]);
	}
	(void)fputs(open == SIZE_MAX ? "\n" : "</span>\n", out);
}

/* What a field is for, in a word or two. */
static const char *meaning(const char *name)
{
	static const struct {
		const char *name, *text;
	} known[] = {
		{ "measurement", "the exact bytes that run in the keep" },
		{ "mrenclave", "the exact bytes that run in the keep" },
		{ "mrtd", "the exact bytes that run in the keep" },
		{ "report_data",
			"this client's nonce and this very channel's key" },
		{ "reportdata",
			"this client's nonce and this very channel's key" },
		{ "config_hash", "the launch block that was asked for" },
		{ "host_data", "the launch block that was asked for" },
		{ "platform", "the attestation key of this machine" },
		{ "chip_id", "this very processor" },
		{ "signature.r", "the signature over all before it" },
		{ "signature.s", "the signature over all before it" },
		{ "policy", "what the launch was allowed" },
		{ "svn", "security version of what signs" },
		{ "version", "of this layout" },
		{ "magic", "says what this is" },
		{ "tee", "which kind of environment" },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(name, known[i].name) == 0)
			return known[i].text;
	}
	return "";
}

static void put_legend(FILE *out, const struct map *m)
{
	(void)fputs(
		"<div class=\"wide\"><table class=\"legend\"><thead><tr><th>"
		"Field</th><th>At</th><th>Bytes</th><th>Value</th><th>What "
		"it is</th></tr></thead><tbody>\n",
		out);
	for (size_t i = 0; i < m->count; i++) {
		const struct field *f = &m->field[i];

		(void)fprintf(out,
			"<tr id=\"f%zu\" data-row data-f=\"%zu\" tabindex=\"0\">"
			"<th scope=\"row\"><span class=\"chip c%zu\"></span>",
			i, i, i % COLOURS);
		dj_html_str(out, f->name);
		(void)fprintf(out,
			"</th><td>0x%zx</td><td>%zu</td>"
			"<td class=\"value\">",
			f->off, f->len);
		dj_html_str(out, f->value);
		(void)fputs("</td><td class=\"quiet\">", out);
		dj_html_str(out, meaning(f->name));
		(void)fputs("</td></tr>\n", out);
	}
	(void)fputs("</tbody></table></div>", out);
}

static void put_evidence(FILE *out, const char *name,
	const struct dj_dash_judged *g)
{
	struct map *m = calloc(1, sizeof(*m));
	const struct dj_evidence_item *it;
	struct dj_evidence e;

	(void)fputs("<section id=\"evidence\"><h2>Evidence</h2>", out);
	if (m == NULL || !g->has_parts ||
		dj_evidence_parse(g->parts.evidence.p, g->parts.evidence.len,
			&e) != DJ_OK ||
		e.item[DJ_EVIDENCE_REPORT].p == NULL) {
		(void)fputs("<p>None that can be read.</p></section>\n", out);
		free(m);
		return;
	}
	it = &e.item[DJ_EVIDENCE_REPORT];
	(void)dj_judge_explain(g->parts.evidence.p, g->parts.evidence.len,
		on_field, m);
	(void)fprintf(out, "<p>The report, %zu bytes, format 0x%04x. ", it->len,
		e.format);
	(void)fputs("<a href=\"/evidence/", out);
	dj_html_str(out, name);
	(void)fputs("\">Save the bundle</a>, to be judged elsewhere with "
		    "<code>donjon verify</code>.</p>"
		    "<div class=\"bytes\"><pre class=\"map\" "
		    "aria-label=\"the report's bytes\">",
		out);
	for (size_t i = 0; i < it->len; i += ROW)
		put_row(out, m, it->p, it->len, i);
	(void)fputs("</pre>", out);
	put_legend(out, m);
	(void)fputs("</div></section>\n", out);
	free(m);
}

/* ---- time line ---- */

static void put_time_line(FILE *out, const struct dj_record *r,
	const struct dj_dash_said *said, size_t count, const char *host,
	const char *id)
{
	uint64_t at = 0;
	json_t *all = dj_journal_read(r, &at), *e, **list;
	size_t n;

	for (size_t i = 0; i < count; i++) {
		if (strcmp(said[i].name, host) != 0)
			continue;
		json_array_foreach(said[i].events, n, e)
		{
			if (strcmp(text_of(e, "keep"), id) == 0)
				(void)json_array_append(all, e);
		}
	}
	(void)fputs("<section id=\"time\"><h2>Time line</h2>"
		    "<ol class=\"events line\">\n",
		out);
	list = dj_dash_sorted(all);
	n = json_array_size(all);
	for (size_t i = 0; list != NULL && i < n; i++)
		dj_dash_event(out, list[i], false);
	(void)fputs("</ol></section>\n", out);
	free(list);
	json_decref(all);
}

/* ---- what the host could learn ---- */

static void put_bars(FILE *out, const json_t *line, double top, double wide)
{
	static const char *const ways[] = { "to-keep", "to-client" };
	const json_t *v;
	size_t i;

	for (size_t w = 0; w < 2; w++) {
		json_array_foreach(json_object_get(line, ways[w]), i, v)
		{
			double h = 54.0 * (double)json_integer_value(v) / top;

			if (json_integer_value(v) > 0 && h < 1)
				h = 1;
			if (h > 0)
				(void)fprintf(out,
					"<rect class=\"w%zu\" x=\"%.1f\" "
					"y=\"%.1f\" width=\"%.1f\" "
					"height=\"%.1f\"/>",
					w, (double)i * wide,
					w == 0 ? 60 - h : 60.0, wide - 1, h);
		}
	}
}

/* Frames in time: to the Keep upward, to the client downward. */
static void put_chart(FILE *out, const json_t *line)
{
	static const char *const ways[] = { "to-keep", "to-client" };
	const json_t *v;
	json_int_t top = 1;
	size_t i, bins = 16;

	for (size_t w = 0; w < 2; w++) {
		json_array_foreach(json_object_get(line, ways[w]), i, v)
		{
			if (json_integer_value(v) > top)
				top = json_integer_value(v);
		}
		if (json_array_size(json_object_get(line, ways[w])) > bins)
			bins = json_array_size(json_object_get(line, ways[w]));
	}
	(void)fprintf(out,
		"<figure><svg viewBox=\"0 0 640 120\" role=\"img\" "
		"aria-label=\"frames in time\">"
		"<line class=\"axis\" x1=\"0\" y1=\"60\" x2=\"640\" y2=\"60\"/>");
	put_bars(out, line, (double)top, 640.0 / (double)bins);
	(void)fprintf(out,
		"</svg><figcaption><span class=\"chip w0\"></span> to the keep "
		"<span class=\"chip w1\"></span> to the client; a bar is "
		"%lld ms, the highest %lld frames</figcaption></figure>",
		number_of(line, "ms"), (long long)top);
}

static const char *const kinds[][2] = {
	{ "hello", "HELLO" },
	{ "offer", "OFFER" },
	{ "evidence", "EVIDENCE" },
	{ "open", "OPEN" },
	{ "record-256", "record, 256 bytes" },
	{ "record-1024", "record, 1 KiB" },
	{ "record-4096", "record, 4 KiB" },
	{ "record-16384", "record, 16 KiB" },
	{ "record-odd", "record of another size" },
	{ "error", "ERROR" },
};

static void put_counts(FILE *out, const json_t *t)
{
	(void)fputs(
		"<div class=\"wide\"><table class=\"counts\"><thead><tr><th>"
		"Frame</th><th>To the keep</th><th>To the client</th></tr>"
		"</thead><tbody>\n",
		out);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const json_t *a = json_object_get(json_object_get(t, "to-keep"),
			kinds[i][0]);
		const json_t *b =
			json_object_get(json_object_get(t, "to-client"),
				kinds[i][0]);

		if (a == NULL && b == NULL)
			continue;
		(void)fprintf(out,
			"<tr><th scope=\"row\">%s</th><td>%lld</td>"
			"<td>%lld</td></tr>\n",
			kinds[i][1], number_of(a, "frames"),
			number_of(b, "frames"));
	}
	(void)fputs("</tbody></table></div>", out);
}

static void put_attach(FILE *out, const json_t *t, size_t no)
{
	(void)fprintf(out, "<h3>Link %zu, from ", no);
	dj_dash_time(out, text_of(t, "began"));
	(void)fputs(", counted here</h3><div class=\"pair\">", out);
	put_counts(out, t);
	put_chart(out, json_object_get(t, "line"));
	(void)fputs("</div>\n", out);
}

static void put_learnt(FILE *out, const struct dj_record *r, const json_t *says,
	const json_t *keep)
{
	json_t *links = dj_journal_traffic(r), *t;
	size_t i, n = json_array_size(links);

	(void)fputs(
		"<section id=\"seen\"><h2>What the host could learn</h2>"
		"<div class=\"pair\"><div><h3>Could see</h3><ul>"
		"<li>that this client asked for a keep, when, from where, and "
		"how much memory it has</li>"
		"<li>the launch block: sizes, the hash of an owner's key, "
		"whether receipts are wanted</li>"
		"<li>number, direction, size class and time of every frame, "
		"below</li>"
		"<li>from those: about how long the program and its streams are "
		"(padded to 256, 1024, 4096 or 16384 bytes a record), how long it "
		"ran, and when it waited for input</li></ul></div>"
		"<div><h3>Could not see</h3><ul>"
		"<li>the program, its arguments, variables and files</li>"
		"<li>input, output, how it ended</li>"
		"<li>any key or ticket</li></ul>",
		out);
	if (strcmp(text_of(keep, "protection"), "hardware") != 0)
		(void)fputs("<p class=\"no\">This keep is emulated: its host "
			    "could read all of it in the keep's memory. The "
			    "list is what hardware would leave.</p>",
			out);
	(void)fputs("</div></div>\n", out);
	if (n == 0)
		(void)fputs("<p>The link is open, or its client died: no count "
			    "of ours yet.</p>",
			out);
	json_array_foreach(links, i, t) put_attach(out, t, i + 1);
	t = json_object_get(says, "traffic");
	if (t != NULL) {
		(void)fputs("<h3>All links so far <span class=\"says\">host "
			    "says</span></h3>",
			out);
		put_counts(out, t);
	}
	(void)fputs("</section>\n", out);
	json_decref(links);
}

/* ---- the head of it ---- */

static void put_fact(FILE *out, const char *what, const char *value)
{
	if (value[0] == '\0')
		return;
	(void)fprintf(out, "<dt>%s</dt><dd>", what);
	dj_html_str(out, value);
	(void)fputs("</dd>", out);
}

static void put_facts(FILE *out, const json_t *j)
{
	const json_t *says = json_object_get(j, "host_says");
	const json_t *module = json_object_get(j, "module");
	const json_t *result = json_object_get(j, "result");
	const json_t *e = json_object_get(result, "exit");
	char tee[40];

	(void)fputs("<dl class=\"facts\"><dt>State</dt><dd>", out);
	dj_dash_state(out, text_of(j, "state"));
	if (says != NULL) {
		(void)fputs(" <span class=\"says\">host says</span> ", out);
		dj_html_str(out, text_of(says, "state"));
	}
	(void)fputs("</dd>", out);
	put_fact(out, "Host", text_of(j, "host"));
	put_fact(out, "Its name there", text_of(j, "id"));
	put_fact(out, "TEE", dj_keep_tee(j, tee, sizeof(tee)));
	put_fact(out, "Started", text_of(j, "started"));
	put_fact(out, "Program (SHA-256)", text_of(module, "sha256"));
	put_fact(out, "Output", text_of(j, "out"));
	put_fact(out, "Ended by", text_of(e, "how"));
	put_fact(out, "Why", text_of(e, "message"));
	(void)fputs("</dl>\n", out);
}

bool dj_dash_keep(const struct dj_dash *d, const char *name, FILE *out)
{
	struct dj_dash_said *said =
		calloc(DJ_HOSTS_MAX, sizeof(struct dj_dash_said));
	size_t count = said == NULL ? 0 : dj_dash_hosts_count(d->hosts);
	struct dj_err ignored = { 0 };
	struct dj_dash_judged g;
	struct dj_record r;
	json_t *j, *says;

	if (said == NULL || !dj_record_peek(&r, name, &ignored)) {
		free(said);
		return false;
	}
	for (size_t i = 0; i < count; i++)
		dj_dash_hosts_said(d->hosts, i, &said[i]);
	j = dj_keep_json(&r, NULL);
	says = dj_dash_said_keep(said, count, text_of(j, "host"),
		text_of(j, "id"));
	json_decref(j);
	j = dj_keep_json(&r, says);
	dj_dash_judge(d, &r, &g);

	dj_dash_begin(out, name, true);
	if (strcmp(text_of(j, "protection"), "hardware") != 0)
		(void)fprintf(out,
			"<p class=\"band\" role=\"status\">EMULATED %s keep, no "
			"protection (development root)</p>\n",
			text_of(j, "tee"));
	(void)fputs("<h1>", out);
	dj_html_str(out, name);
	(void)fputs(
		"</h1><nav class=\"parts\"><a href=\"#verdict\">Verdict</a> "
		"<a href=\"#evidence\">Evidence</a> "
		"<a href=\"#time\">Time line</a> "
		"<a href=\"#seen\">What the host could learn</a></nav>\n",
		out);
	put_facts(out, j);
	put_verdict(out, &g);
	put_evidence(out, name, &g);
	put_time_line(out, &r, said, count, text_of(j, "host"),
		text_of(j, "id"));
	put_learnt(out, &r, says, j);
	dj_dash_end(out);

	dj_dash_judged_done(&g);
	json_decref(j);
	for (size_t i = 0; i < count; i++)
		dj_dash_said_done(&said[i]);
	free(said);
	dj_record_close(&r);
	return true;
}
