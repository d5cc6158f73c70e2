// SPDX-License-Identifier: Apache-2.0
#include "tests/support/ksp_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/crypto/sha256.h"
#include "lib/session/binding.h"

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "ksp client: %s\n", what);
	abort();
}

static void draw(struct ksp_client *c, uint8_t ret[static 32])
{
	uint64_t n = ++c->seed;

	dj_sha256(&n, sizeof(n), ret);
}

void ksp_done(struct ksp_client *c)
{
	for (size_t i = 0; i < KSP_STREAMS; i++)
		free(c->out[i]);
	memset(c, 0, sizeof(*c));
}

void ksp_init(struct ksp_client *c)
{
	ksp_done(c);
	c->suite = DJ_SUITE_X25519_CHACHA20;
	c->auto_ack = true;
	for (size_t i = 0; i < KSP_STREAMS; i++)
		c->out_end[i] = UINT64_MAX;
	for (size_t i = 0; i < 256; i++)
		c->in_limit[i] = DJ_STREAM_WINDOW;
}

static void frame_of(uint8_t *frame, enum dj_frame_type type, size_t len)
{
	dj_frame_write(frame, type, (uint32_t)len);
}

void ksp_make_hello(struct ksp_client *c, enum dj_mode mode)
{
	struct dj_hello h = {
		.mode = (uint8_t)mode,
		.minclass = c->minclass,
		.suite_count = 1,
		.format_count = 1,
		.suites = { c->suite },
		.formats = { DJ_FORMAT_PROCESS },
	};
	size_t len;

	draw(c, h.nonce);
	if (mode == DJ_MODE_REATTACH)
		memcpy(h.keep_id, c->off.keep_id, 32);
	must(dj_hello_write(&h, c->hello + 8, DJ_HELLO_MAX, &len) == DJ_OK,
		"HELLO");
	frame_of(c->hello, DJ_FRAME_HELLO, len);
	c->hello_len = 8 + len;
}

void ksp_send_frame(struct ksp_client *c, const void *frame, size_t len)
{
	c->error = 0;
	c->was_fail = false;
	must(fake_put_frame(frame, len), "no room in the ring");
	(void)fake_run();
}

static bool next_frame(struct ksp_client *c, uint8_t *ret_type)
{
	struct dj_error_msg msg;

	if (!fake_get_frame(c->frame, &c->frame_len))
		return false;
	*ret_type = c->frame[0];
	if (*ret_type == DJ_FRAME_ERROR) {
		must(dj_error_parse(c->frame + 8, c->frame_len - 8, &msg) ==
				DJ_OK,
			"an ERROR that is none");
		c->error = msg.code;
		c->was_fail = false;
	}
	return true;
}

bool ksp_take_offer(struct ksp_client *c)
{
	uint8_t type, b[32], report[64];
	struct dj_hello h;

	if (!next_frame(c, &type) || type != DJ_FRAME_OFFER)
		return false;
	c->offer_len = c->frame_len - 8;
	memcpy(c->offer, c->frame + 8, c->offer_len);
	if (dj_hello_parse(c->hello + 8, c->hello_len - 8, &h) != DJ_OK ||
		dj_offer_parse(c->offer, c->offer_len, &c->off) != DJ_OK ||
		memcmp(c->off.config_hash, c->config_hash, 32) != 0)
		return false;
	if (h.mode == DJ_MODE_NEW
			? c->off.state != DJ_KEEP_FRESH || c->off.attach_no != 0
			: c->off.state != DJ_KEEP_OWNED ||
				memcmp(c->off.keep_id, h.keep_id, 32) != 0)
		return false;
	dj_binding(c->hello + 8, c->hello_len - 8, c->offer, c->offer_len, b);
	dj_report_data(b, DJ_LABEL_OFFER, report);
	return memcmp(report, fake.report_data, sizeof(report)) == 0;
}

bool ksp_make_open(struct ksp_client *c, enum dj_mode mode)
{
	struct dj_key ephemeral;
	size_t len;

	draw(c, ephemeral.b);
	if (dj_client_open(c->hello + 8, c->hello_len - 8, c->offer,
		    c->offer_len, &ephemeral,
		    mode == DJ_MODE_NEW ? NULL : &c->ticket, c->open + 8,
		    DJ_OPEN_MAX, &len, &c->keys, c->binding) != DJ_ERROR_NONE)
		return false;
	frame_of(c->open, DJ_FRAME_OPEN, len);
	c->open_len = 8 + len;
	must(dj_chain_init(&c->c2k, c->suite, &c->keys.c2k) == DJ_OK, "c2k");
	must(dj_chain_init(&c->k2c, c->suite, &c->keys.k2c) == DJ_OK, "k2c");
	return true;
}

void ksp_seal(struct ksp_client *c, enum dj_kind kind, uint8_t stream,
	uint64_t off, const void *data, size_t len)
{
	must(dj_chain_seal(&c->c2k, kind, stream, off, data, len, c->minclass,
		     c->record, sizeof(c->record), &c->record_len) == DJ_OK,
		"seal");
}

void ksp_send(struct ksp_client *c, enum dj_kind kind, uint8_t stream,
	uint64_t off, const void *data, size_t len)
{
	ksp_seal(c, kind, stream, off, data, len);
	ksp_send_frame(c, c->record, c->record_len);
}

void ksp_make_first(struct ksp_client *c, enum dj_mode mode,
	const uint8_t *owner, const struct dj_resume_stream *streams,
	size_t count)
{
	uint8_t data[256];
	size_t len;

	must(dj_claim_write(owner, streams, count, data, sizeof(data), &len) ==
			DJ_OK,
		"CLAIM");
	ksp_seal(c, mode == DJ_MODE_NEW ? DJ_KIND_CLAIM : DJ_KIND_RESUME, 0, 0,
		data, len);
}

bool ksp_take_ready(struct ksp_client *c)
{
	struct dj_inner in;

	if (!ksp_recv(c, &in) || in.kind != DJ_KIND_READY)
		return false;
	if (dj_ready_parse(in.data, in.len, &c->ready) != DJ_OK ||
		memcmp(c->ready.keep_id, c->off.keep_id, 32) != 0)
		return false;
	c->ticket.no = c->ready.ticket_no;
	c->ticket.key = c->keys.ticket;
	return true;
}

bool ksp_offered(struct ksp_client *c, enum dj_mode mode)
{
	ksp_make_hello(c, mode);
	ksp_send_frame(c, c->hello, c->hello_len);
	return ksp_take_offer(c);
}

bool ksp_keyed(struct ksp_client *c, enum dj_mode mode)
{
	if (!ksp_offered(c, mode) || !ksp_make_open(c, mode))
		return false;
	ksp_send_frame(c, c->open, c->open_len);
	return true;
}

bool ksp_connect(struct ksp_client *c, enum dj_mode mode)
{
	struct dj_resume_stream streams[KSP_STREAMS];
	size_t n = 0;

	for (uint8_t i = 1; i < KSP_STREAMS && mode != DJ_MODE_NEW; i++)
		if (i <= 3 || (i >= DJ_STREAM_NAMED && c->out_len[i] != 0))
			streams[n++] =
				(struct dj_resume_stream){ i, c->out_len[i] };
	if (!ksp_keyed(c, mode))
		return false;
	ksp_make_first(c, mode, NULL, streams, n);
	ksp_send_frame(c, c->record, c->record_len);
	return ksp_take_ready(c);
}

void ksp_ack(struct ksp_client *c, uint8_t stream)
{
	uint8_t data[DJ_ACK_SIZE];

	dj_ack_write(c->out_len[stream] + DJ_STREAM_WINDOW, data);
	ksp_send(c, DJ_KIND_ACK, stream, c->out_len[stream], data,
		sizeof(data));
}

size_t ksp_send_stream(struct ksp_client *c, uint8_t stream, uint64_t off,
	const void *data, size_t len, bool end)
{
	const uint8_t *p = data;
	size_t done = 0;

	while (done < len && c->error == 0) {
		uint64_t room = c->in_limit[stream] - (off + done);
		size_t n = len - done < DJ_RECORD_DATA ? len - done
						       : DJ_RECORD_DATA;

		if (room < n)
			n = (size_t)room;
		if (n == 0)
			return done;
		ksp_send(c, DJ_KIND_DATA, stream, off + done, p + done, n);
		done += n;
		ksp_drain(c);
	}
	if (end && c->error == 0) {
		ksp_send(c, DJ_KIND_END, stream, off + len, NULL, 0);
		ksp_drain(c);
	}
	return done;
}

static void take_data(struct ksp_client *c, const struct dj_inner *in)
{
	must(in->stream < KSP_STREAMS, "a stream that is none");
	must(in->off == c->out_len[in->stream], "output lost or doubled");
	c->out[in->stream] =
		realloc(c->out[in->stream], (size_t)in->off + in->len);
	must(c->out[in->stream] != NULL, "no memory");
	memcpy(c->out[in->stream] + in->off, in->data, in->len);
	c->out_len[in->stream] += in->len;
}

static void note(struct ksp_client *c, const struct dj_inner *in)
{
	uint16_t code;

	switch (in->kind) {
	case DJ_KIND_DATA:
		take_data(c, in);
		break;
	case DJ_KIND_END:
		must(in->off == c->out_len[in->stream],
			"END of another length");
		c->out_end[in->stream] = in->off;
		break;
	case DJ_KIND_ACK:
		c->in_acked[in->stream] = in->off;
		must(dj_ack_parse(in, &c->in_limit[in->stream]) == DJ_OK,
			"ACK");
		break;
	case DJ_KIND_AGAIN_RD:
		must(dj_again_parse(in->data, in->len, c->again_rd) == DJ_OK,
			"AGAIN_RD");
		c->has_again_rd = true;
		break;
	case DJ_KIND_EXIT:
		must(dj_exit_parse(in->data, in->len, &c->exit) == DJ_OK,
			"EXIT");
		c->has_exit = true;
		c->exits++;
		break;
	case DJ_KIND_TIME_ASK:
		c->time_asks++;
		c->time_ask = in->off;
		break;
	case DJ_KIND_FAIL:
		must(dj_fail_parse(in->data, in->len, &code) == DJ_OK, "FAIL");
		c->error = code;
		c->was_fail = true;
		break;
	default:
		break;
	}
}

bool ksp_recv(struct ksp_client *c, struct dj_inner *ret)
{
	uint8_t type;

	if (!next_frame(c, &type) || type != DJ_FRAME_RECORD)
		return false;
	for (uint8_t k = 0; k < 4; k++)
		c->sizes[k] += c->frame_len == 24 + dj_class_size(k);
	must(dj_chain_open(&c->k2c, c->frame, c->frame_len, ret) ==
			DJ_ERROR_NONE,
		"a record of the Keep does not open");
	note(c, ret);
	return true;
}

void ksp_drain(struct ksp_client *c)
{
	struct dj_inner in;

	for (;;) {
		bool any = false;

		while (ksp_recv(c, &in)) {
			any = true;
			if (in.kind == DJ_KIND_DATA && c->auto_ack)
				ksp_ack(c, in.stream);
		}
		if (!any || fake.state == FAKE_HALTED)
			return;
		(void)fake_run();
	}
}

void ksp_load(struct ksp_client *c, const void *module, size_t len,
	void (*items)(struct dj_wr *w))
{
	static uint8_t body[DJ_BEGIN_MAX];
	struct dj_wr w = dj_wr_of(body, sizeof(body));
	uint8_t hash[32];
	size_t size;

	dj_sha256(module, len, hash);
	dj_begin_write_head(&w, len, hash,
		len > 4 && memcmp(module, "KNC1", 4) == 0 ? DJ_MODULE_NATIVE
							  : DJ_MODULE_WASM);
	if (items != NULL)
		items(&w);
	must(dj_wr_end(&w, &size) == DJ_OK, "BEGIN");
	for (size_t at = 0; at < size && c->error == 0;) {
		size_t n =
			size - at < DJ_RECORD_DATA ? size - at : DJ_RECORD_DATA;

		ksp_send(c, DJ_KIND_BEGIN, at + n < size, at, body + at, n);
		at += n;
		ksp_drain(c);
	}
	for (size_t at = 0; at < len && c->error == 0;) {
		size_t n =
			len - at < DJ_RECORD_DATA ? len - at : DJ_RECORD_DATA;

		ksp_send(c, DJ_KIND_MODULE, 0, at, (const uint8_t *)module + at,
			n);
		at += n;
		ksp_drain(c);
	}
}

void ksp_run(struct ksp_client *c)
{
	ksp_send(c, DJ_KIND_RUN, 0, 0, NULL, 0);
	ksp_drain(c);
}
