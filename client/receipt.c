// SPDX-License-Identifier: Apache-2.0
#include "client/receipt.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "attest/judge.h"
#include "lib/proto/evidence.h"

static json_t *hex(const uint8_t *p, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	char text[65];

	for (size_t i = 0; i < len; i++) {
		text[2 * i] = digits[p[i] >> 4];
		text[2 * i + 1] = digits[p[i] & 15];
	}
	return json_stringn(text, 2 * len);
}

static json_t *base64(const uint8_t *p, size_t len)
{
	char *text = malloc(len * 4 / 3 + 8);
	json_t *j = NULL;

	if (text != NULL) {
		(void)EVP_EncodeBlock((uint8_t *)text, p, (int)len);
		j = json_string(text);
	}
	free(text);
	return j;
}

static json_t *streams(const struct dj_outcome *o)
{
	json_t *list = json_array();

	for (size_t i = 0; i < o->stream_count; i++) {
		json_t *e = json_object();

		(void)json_object_set_new(e, "stream",
			json_integer(o->streams[i].stream));
		(void)json_object_set_new(e, "bytes",
			json_integer((json_int_t)o->streams[i].len));
		(void)json_object_set_new(e, "sha256",
			hex(o->streams[i].hash, 32));
		(void)json_array_append_new(list, e);
	}
	return list;
}

char *dj_receipt_text(const struct dj_session *s, const struct dj_job *job,
	const struct dj_outcome *o, uint8_t tee, bool emulated)
{
	uint8_t exit[DJ_EXIT_SIZE];
	json_t *j = json_object();
	char *text;

	dj_exit_write(&o->exit, exit);
	(void)json_object_set_new(j, "schema", json_string("donjon.receipt/1"));
	(void)json_object_set_new(j, "tee", json_string(dj_tee_name(tee)));
	(void)json_object_set_new(j, "emulated", json_boolean(emulated));
	(void)json_object_set_new(j, "keep_id", hex(s->keep_id, 32));
	(void)json_object_set_new(j, "config_sha256",
		hex(job->config_hash, 32));
	(void)json_object_set_new(j, "module_sha256",
		hex(o->exit.module_hash, 32));
	(void)json_object_set_new(j, "begin_sha256", hex(job->begin_hash, 32));
	(void)json_object_set_new(j, "streams", streams(o));
	(void)json_object_set_new(j, "exit", hex(exit, 8));
	(void)json_object_set_new(j, "evidence",
		base64(o->receipt, o->receipt_len));
	text = json_dumps(j, JSON_INDENT(2));
	json_decref(j);
	return text;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_hex(const json_t *o, const char *key, uint8_t *dst, size_t len)
{
	const json_t *v = json_object_get(o, key);
	const char *text = json_string_value(v);

	if (text == NULL || json_string_length(v) != 2 * len)
		return false;
	for (size_t i = 0; i < len; i++) {
		int hi = digit(text[2 * i]), lo = digit(text[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return false;
		dst[i] = (uint8_t)(hi << 4 | lo);
	}
	return true;
}

/* Both ways of a named stream, not more. */
static bool may_repeat(const struct dj_receipt_file *f, size_t i)
{
	return f->streams[i - 1].stream >= DJ_STREAM_NAMED &&
		(i < 2 || f->streams[i - 2].stream != f->streams[i - 1].stream);
}

static bool read_streams(const json_t *list, struct dj_receipt_file *f)
{
	size_t n = json_array_size(list);
	int last = -1;

	if (!json_is_array(list) || n > DJ_RECEIPT_STREAMS)
		return false;
	for (size_t i = 0; i < n; i++) {
		const json_t *e = json_array_get(list, i);
		const json_t *id = json_object_get(e, "stream");
		const json_t *len = json_object_get(e, "bytes");
		json_int_t no = json_integer_value(id);

		if (json_object_size(e) != 3 || !json_is_integer(id) ||
			!json_is_integer(len) || json_integer_value(len) < 0 ||
			no < last || no > 255 ||
			(no == last && !may_repeat(f, i)) ||
			!read_hex(e, "sha256", f->streams[i].hash, 32))
			return false;
		f->streams[i].stream = (uint8_t)no;
		f->streams[i].len = (uint64_t)json_integer_value(len);
		last = (int)no;
	}
	f->r.streams = f->streams;
	f->r.stream_count = (uint8_t)n;
	return true;
}

static bool read_evidence(const json_t *v, struct dj_receipt_file *f)
{
	const char *text = json_string_value(v);
	size_t len = json_string_length(v), pad = 0;
	int n;

	if (text == NULL || len == 0 || len % 4 != 0 ||
		len > (size_t)DJ_EVIDENCE_MAX * 4 / 3 + 4)
		return false;
	while (pad < 2 && text[len - 1 - pad] == '=')
		pad++;
	f->evidence = malloc(len);
	if (f->evidence == NULL)
		return false;
	n = EVP_DecodeBlock(f->evidence, (const uint8_t *)text, (int)len);
	if (n < (int)pad)
		return false;
	f->evidence_len = (size_t)n - pad;
	return true;
}

static bool read_object(const json_t *j, struct dj_receipt_file *f)
{
	const char *schema = json_string_value(json_object_get(j, "schema"));
	const json_t *tee = json_object_get(j, "tee");
	const json_t *emulated = json_object_get(j, "emulated");

	if (schema == NULL || strcmp(schema, "donjon.receipt/1") != 0 ||
		json_object_size(j) != 10 || !json_is_boolean(emulated) ||
		json_string_length(tee) >= sizeof(f->tee) ||
		json_string_length(tee) == 0)
		return false;
	memcpy(f->tee, json_string_value(tee), json_string_length(tee) + 1);
	f->emulated = json_is_true(emulated);
	return read_hex(j, "keep_id", f->r.keep_id, 32) &&
		read_hex(j, "config_sha256", f->r.config_hash, 32) &&
		read_hex(j, "module_sha256", f->r.module_hash, 32) &&
		read_hex(j, "begin_sha256", f->r.begin_hash, 32) &&
		read_hex(j, "exit", f->r.exit, 8) &&
		read_streams(json_object_get(j, "streams"), f) &&
		read_evidence(json_object_get(j, "evidence"), f);
}

bool dj_receipt_read(const char *text, size_t len, struct dj_receipt_file *ret,
	struct dj_err *err)
{
	json_t *j = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	bool good;

	*ret = (struct dj_receipt_file){ 0 };
	good = j != NULL && read_object(j, ret);
	json_decref(j);
	return good ||
		dj_err_set(err, "receipt.file",
			"reading a receipt: this is none, or it is damaged");
}

void dj_receipt_done(struct dj_receipt_file *f)
{
	free(f->evidence);
	f->evidence = NULL;
}
