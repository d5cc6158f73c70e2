// SPDX-License-Identifier: Apache-2.0
#include "attest/sgx_doc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/hex.h"

/* What jansson would let through here and no signer ever sends. */
#define DOC_MAX ((size_t)256 << 10)

static const char *const statuses[DJ_SGX_STATUSES] = {
	[DJ_SGX_UP_TO_DATE] = "UpToDate",
	[DJ_SGX_SW_HARDENING] = "SWHardeningNeeded",
	[DJ_SGX_CONFIGURATION] = "ConfigurationNeeded",
	[DJ_SGX_CONFIGURATION_SW_HARDENING] =
		"ConfigurationAndSWHardeningNeeded",
	[DJ_SGX_OUT_OF_DATE] = "OutOfDate",
	[DJ_SGX_OUT_OF_DATE_CONFIGURATION] = "OutOfDateConfigurationNeeded",
	[DJ_SGX_REVOKED] = "Revoked",
};

const char *dj_sgx_status_name(enum dj_sgx_status s)
{
	return statuses[s];
}

bool dj_sgx_status_of(const char *text, enum dj_sgx_status *ret)
{
	for (int i = 0; i < DJ_SGX_STATUSES; i++) {
		if (strcmp(statuses[i], text) == 0) {
			*ret = (enum dj_sgx_status)i;
			return true;
		}
	}
	return false;
}

enum dj_sgx_status dj_sgx_converge(enum dj_sgx_status platform,
	enum dj_sgx_status qe)
{
	if (qe == DJ_SGX_REVOKED || platform == DJ_SGX_REVOKED)
		return DJ_SGX_REVOKED;
	if (qe == DJ_SGX_UP_TO_DATE)
		return platform;
	/* An identity has no other statuses; were there one, it is no better. */
	switch (platform) {
	case DJ_SGX_UP_TO_DATE:
	case DJ_SGX_SW_HARDENING:
		return DJ_SGX_OUT_OF_DATE;
	case DJ_SGX_CONFIGURATION:
	case DJ_SGX_CONFIGURATION_SW_HARDENING:
		return DJ_SGX_OUT_OF_DATE_CONFIGURATION;
	case DJ_SGX_OUT_OF_DATE:
	case DJ_SGX_OUT_OF_DATE_CONFIGURATION:
	case DJ_SGX_REVOKED:
	case DJ_SGX_STATUSES:
		break;
	}
	return platform;
}

/* The outside: {"NAME":{...},"signature":"..."} */

static bool literal(const uint8_t **p, const uint8_t *end, const char *text)
{
	size_t n = strlen(text);

	if ((size_t)(end - *p) < n || memcmp(*p, text, n) != 0)
		return false;
	*p += n;
	return true;
}

/* Past the object that begins at p; NULL: it does not end. */
static const uint8_t *past_object(const uint8_t *p, const uint8_t *end)
{
	size_t depth = 0;
	bool in_string = false;

	for (; p < end; p++) {
		if (in_string) {
			if (*p == '\\' && end - p > 1)
				p++;
			else if (*p == '"')
				in_string = false;
		} else if (*p == '"') {
			in_string = true;
		} else if (*p == '{') {
			depth++;
		} else if (*p == '}' && --depth == 0) {
			return p + 1;
		}
	}
	return NULL;
}

static bool hex(const char *s, size_t len, uint8_t *dst, size_t size)
{
	if (len != 2 * size)
		return false;
	for (size_t i = 0; i < size; i++) {
		int hi = dj_hex_digit(s[2 * i]);
		int lo = dj_hex_digit(s[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return false;
		dst[i] = (uint8_t)(hi << 4 | lo);
	}
	return true;
}

static bool take_apart(const uint8_t *p, size_t len, const char *name,
	struct dj_sgx_doc *d)
{
	const uint8_t *end = p + len, *body_end;
	char open[32];

	(void)snprintf(open, sizeof(open), "{\"%s\":", name);
	if (!literal(&p, end, open) || p == end || *p != '{')
		return false;
	d->body = p;
	body_end = past_object(p, end);
	if (body_end == NULL)
		return false;
	d->body_len = (size_t)(body_end - p);
	p = body_end;
	if (!literal(&p, end, ",\"signature\":\"") || end - p < 128 ||
		!hex((const char *)p, 128, d->signature, 64))
		return false;
	p += 128;
	if (!literal(&p, end, "\"}"))
		return false;
	(void)literal(&p, end, "\n");
	return p == end;
}

/* Members of the body; the first that is not as it must be is remembered. */
struct reader {
	const json_t *o;
	const char *wrong; /* the member's name */
};

static void fail(struct reader *r, const char *key)
{
	if (r->wrong == NULL)
		r->wrong = key;
}

static const char *text_of(struct reader *r, const char *key)
{
	const char *s = json_string_value(json_object_get(r->o, key));

	if (s == NULL)
		fail(r, key);
	return s == NULL ? "" : s;
}

static uint64_t number_of(struct reader *r, const char *key, uint64_t max)
{
	const json_t *v = json_object_get(r->o, key);
	json_int_t n = json_integer_value(v);

	if (!json_is_integer(v) || n < 0 || (uint64_t)n > max) {
		fail(r, key);
		return 0;
	}
	return (uint64_t)n;
}

static void bytes_of(struct reader *r, const char *key, uint8_t *dst,
	size_t size)
{
	const char *s = text_of(r, key);

	if (!hex(s, strlen(s), dst, size))
		fail(r, key);
}

static uint32_t word_of(struct reader *r, const char *key)
{
	uint8_t b[4] = { 0 };

	bytes_of(r, key, b, sizeof(b));
	/* As the bytes stand in a report. */
	return (uint32_t)b[3] << 24 | (uint32_t)b[2] << 16 |
		(uint32_t)b[1] << 8 | b[0];
}

/* 2026-07-30T16:11:16Z and nothing else. */
static int64_t time_of(struct reader *r, const char *key)
{
	static const char form[] = "dddd-dd-ddTdd:dd:ddZ";
	const char *s = text_of(r, key);
	struct tm tm = { 0 };
	const char *end;

	if (strlen(s) != strlen(form)) {
		fail(r, key);
		return 0;
	}
	for (size_t i = 0; form[i] != '\0'; i++) {
		bool digit = s[i] >= '0' && s[i] <= '9';

		if (form[i] == 'd' ? !digit : s[i] != form[i])
			fail(r, key);
	}
	end = strptime(s, "%Y-%m-%dT%H:%M:%SZ", &tm);
	if (end == NULL || *end != '\0')
		fail(r, key);
	return timegm(&tm);
}

static void read_advisories(struct reader *r, struct dj_sgx_level *l)
{
	const json_t *list = json_object_get(r->o, "advisoryIDs");

	if (list == NULL)
		return;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *s = json_string_value(json_array_get(list, i));

		/* Names are shown and compared: letters, digits, hyphens. */
		if (s == NULL || strlen(s) == 0 ||
			strlen(s) >= DJ_SGX_ADVISORY_MAX ||
			strspn(s,
				"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				"abcdefghijklmnopqrstuvwxyz0123456789-") !=
				strlen(s))
			fail(r, "advisoryIDs");
	}
	if (!json_is_array(list))
		fail(r, "advisoryIDs");
	l->advisories = list;
}

static void read_svns(struct reader *r, unsigned version,
	struct dj_sgx_level *l)
{
	const json_t *list = json_object_get(r->o, "sgxtcbcomponents");
	char key[24];

	for (size_t i = 0; i < DJ_SGX_COMPONENTS; i++) {
		struct reader c = { .o = json_array_get(list, i) };

		if (version == 3) {
			l->svn[i] = (uint8_t)number_of(&c, "svn", UINT8_MAX);
		} else {
			(void)snprintf(key, sizeof(key), "sgxtcbcomp%02zusvn",
				i + 1);
			c.o = r->o;
			l->svn[i] = (uint8_t)number_of(&c, key, UINT8_MAX);
		}
		if (c.wrong != NULL)
			fail(r, "sgxtcbcomponents");
	}
	if (version == 3 && json_array_size(list) != DJ_SGX_COMPONENTS)
		fail(r, "sgxtcbcomponents");
	l->pcesvn = (uint16_t)number_of(r, "pcesvn", UINT16_MAX);
}

/* Version 0: that of a QE identity, which has one number alone. */
static void read_level(struct reader *r, unsigned version,
	struct dj_sgx_level *l)
{
	struct reader tcb = { .o = json_object_get(r->o, "tcb") };

	if (version == 0)
		l->pcesvn = (uint16_t)number_of(&tcb, "isvsvn", UINT16_MAX);
	else
		read_svns(&tcb, version, l);
	if (tcb.wrong != NULL)
		fail(r, tcb.wrong);
	if (!dj_sgx_status_of(text_of(r, "tcbStatus"), &l->status))
		fail(r, "tcbStatus");
	read_advisories(r, l);
}

static int higher_first(const void *a, const void *b)
{
	const struct dj_sgx_level *x = a, *y = b;
	int by_svn = memcmp(y->svn, x->svn, sizeof(x->svn));

	return by_svn != 0 ? by_svn : y->pcesvn - x->pcesvn;
}

static void read_levels(struct reader *r, unsigned version,
	struct dj_sgx_doc *d)
{
	const json_t *list = json_object_get(r->o, "tcbLevels");
	size_t n = json_array_size(list);

	if (n == 0 || n > DJ_SGX_LEVELS_MAX) {
		fail(r, "tcbLevels");
		return;
	}
	for (size_t i = 0; i < n; i++) {
		struct reader l = { .o = json_array_get(list, i) };

		read_level(&l, version, &d->level[i]);
		if (l.wrong != NULL)
			fail(r, l.wrong);
	}
	d->level_count = n;
	qsort(d->level, n, sizeof(d->level[0]), higher_first);
	for (size_t i = 1; i < n; i++) {
		if (higher_first(&d->level[i - 1], &d->level[i]) == 0)
			fail(r, "tcbLevels");
	}
}

static void read_common(struct reader *r, struct dj_sgx_doc *d)
{
	d->issued = time_of(r, "issueDate");
	d->next = time_of(r, "nextUpdate");
	d->evaluation =
		(uint32_t)number_of(r, "tcbEvaluationDataNumber", UINT32_MAX);
}

static const char *open_doc(const uint8_t *p, size_t len, const char *name,
	struct dj_sgx_doc *d, struct reader *r)
{
	memset(d, 0, sizeof(*d));
	if (len > DOC_MAX)
		return "more than 256 KiB";
	if (!take_apart(p, len, name, d))
		return "not a body and its signature, as served";
	d->root = json_loadb((const char *)d->body, d->body_len,
		JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(d->root))
		return "a body that is not JSON";
	r->o = d->root;
	return NULL;
}

const char *dj_sgx_tcb_info_parse(const uint8_t *p, size_t len,
	struct dj_sgx_doc *ret)
{
	struct reader r = { 0 };
	const char *wrong = open_doc(p, len, "tcbInfo", ret, &r), *id;
	unsigned version;

	if (wrong != NULL)
		return wrong;
	version = (unsigned)number_of(&r, "version", 3);
	/* Version 2 knew nothing but SGX. */
	id = version == 2 && json_object_get(r.o, "id") == NULL
		? "SGX"
		: text_of(&r, "id");
	if (r.wrong != NULL || version < 2)
		return "another version";
	if (strcmp(id, "SGX") != 0)
		return "not about SGX";
	if (number_of(&r, "tcbType", 0) != 0)
		fail(&r, "tcbType");
	bytes_of(&r, "fmspc", ret->fmspc, sizeof(ret->fmspc));
	bytes_of(&r, "pceId", ret->pceid, sizeof(ret->pceid));
	read_common(&r, ret);
	read_levels(&r, version, ret);
	return r.wrong;
}

const char *dj_sgx_qe_identity_parse(const uint8_t *p, size_t len,
	struct dj_sgx_doc *ret)
{
	struct reader r = { 0 };
	const char *wrong = open_doc(p, len, "enclaveIdentity", ret, &r);

	if (wrong != NULL)
		return wrong;
	if (number_of(&r, "version", 2) != 2)
		return "another version";
	if (strcmp(text_of(&r, "id"), "QE") != 0)
		return "not of the quoting enclave of SGX";
	read_common(&r, ret);
	ret->miscselect = word_of(&r, "miscselect");
	ret->miscselect_mask = word_of(&r, "miscselectMask");
	bytes_of(&r, "attributes", ret->attributes, 16);
	bytes_of(&r, "attributesMask", ret->attributes_mask, 16);
	bytes_of(&r, "mrsigner", ret->mrsigner, 32);
	ret->isvprodid = (uint16_t)number_of(&r, "isvprodid", UINT16_MAX);
	read_levels(&r, 0, ret);
	return r.wrong;
}

void dj_sgx_doc_done(struct dj_sgx_doc *d)
{
	json_decref(d->root);
	d->root = NULL;
}
