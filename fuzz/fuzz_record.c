// SPDX-License-Identifier: Apache-2.0
/*
 * The input is a kind, then a body: the parsers of what records carry; then
 * a frame header; then the whole as the plaintext of a record, sealed as a
 * client gone bad would.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/proto/error.h"
#include "lib/proto/frame.h"
#include "lib/session/chain.h"

#define MUST(cond)               \
	do {                     \
		if (!(cond))     \
			abort(); \
	} while (0)

static void bodies(uint8_t *p, size_t len)
{
	uint8_t back[128], nonce[DJ_AGAIN_SIZE];
	struct dj_inner in = { .off = len, .data = p, .len = len };
	struct dj_error_msg msg;
	struct dj_ready ready;
	struct dj_claim claim;
	struct dj_exit e;
	uint64_t limit, next;
	uint16_t code;
	char text[DJ_ERROR_TEXT_MAX + 1];

	for (uint8_t kind = DJ_KIND_CLAIM; kind <= DJ_KIND_RESUME; kind++) {
		if (dj_claim_parse((enum dj_kind)kind, p, len, &claim) != DJ_OK)
			continue;
		MUST(claim.stream_count <= 256);
		for (size_t i = 0; i < claim.stream_count; i++)
			(void)dj_claim_stream(&claim, i, &next);
	}
	if (dj_ready_parse(p, len, &ready) == DJ_OK) {
		dj_ready_write(&ready, back);
		MUST(memcmp(back, p, len) == 0);
	}
	if (dj_exit_parse(p, len, &e) == DJ_OK) {
		dj_exit_write(&e, back);
		MUST(memcmp(back, p, len) == 0);
	}
	if (dj_ack_parse(&in, &limit) == DJ_OK)
		MUST(limit >= in.off);
	if (dj_fail_parse(p, len, &code) == DJ_OK)
		MUST(dj_error_name(code) != NULL && code != 0);
	MUST((dj_again_parse(p, len, nonce) == DJ_OK) == (len == 32));
	if (dj_error_parse(p, len, &msg) == DJ_OK) {
		dj_error_text(&msg, text);
		MUST(strlen(text) == msg.text_len);
	}
}

static void record(const uint8_t *p, size_t len)
{
	static const struct dj_key secret = { { 1 } };
	static uint8_t frame[DJ_RECORD_FRAME_MAX];
	struct dj_chain c;
	struct dj_inner in;
	size_t size = len <= 256 ? 256 : len <= 1024 ? 1024 : 4096;

	MUST(dj_chain_init(&c, 1, &secret) == DJ_OK);
	memset(frame, 0, sizeof(frame));
	dj_frame_write(frame, DJ_FRAME_RECORD, (uint32_t)(size + 16));
	memcpy(frame + 8, p, len < size ? len : size);
	dj_aead_seal(&c.aead, c.iv, frame, 8, frame + 8, size,
		frame + 8 + size);
	if (dj_chain_open(&c, frame, size + 24, &in) != DJ_ERROR_NONE) {
		MUST(!c.is_live);
		return;
	}
	MUST(in.data == frame + DJ_CHAIN_DATA_OFF && in.len <= size - 16);
	for (size_t i = 16 + in.len; i < size; i++)
		MUST(frame[8 + i] == 0);
	dj_chain_done(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len == 0 ? 1 : len);
	struct dj_frame f;

	MUST(copy != NULL);
	memcpy(copy, data, len);
	bodies(copy, len);
	if (len >= 8 && dj_frame_parse(data, 0xffffffff, &f) == DJ_OK)
		MUST(f.len <= dj_frame_max(f.type));
	record(data, len);
	free(copy);
	return 0;
}
