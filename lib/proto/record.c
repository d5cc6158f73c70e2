// SPDX-License-Identifier: Apache-2.0
#include "lib/proto/record.h"
#include "lib/base/wr.h"
#include "lib/proto/error.h"

#define STREAM_ENTRY 9

static const uint16_t sizes[DJ_CLASS_COUNT] = { 256, 1024, 4096, 16384 };

size_t dj_class_size(uint8_t minclass)
{
	return minclass < DJ_CLASS_COUNT ? sizes[minclass] : 0;
}

dj_status dj_class_of(size_t len, uint8_t minclass, uint8_t *ret_class)
{
	for (uint8_t c = minclass; c < DJ_CLASS_COUNT; c++)
		if (len <= (size_t)sizes[c] - DJ_INNER_HEADER) {
			*ret_class = c;
			return DJ_OK;
		}
	return DJ_E_LIMIT;
}

bool dj_record_len_ok(size_t len)
{
	for (size_t c = 0; c < DJ_CLASS_COUNT; c++)
		if (len == (size_t)sizes[c] + DJ_RECORD_TAG)
			return true;
	return false;
}

#define LOW(kind)  (1u << (kind))
#define HIGH(kind) (1u << ((kind)-0x80))

static const uint32_t from_client = LOW(DJ_KIND_CLAIM) | LOW(DJ_KIND_RESUME) |
	LOW(DJ_KIND_BEGIN) | LOW(DJ_KIND_MODULE) | LOW(DJ_KIND_RUN) |
	LOW(DJ_KIND_DATA) | LOW(DJ_KIND_END) | LOW(DJ_KIND_ACK) |
	LOW(DJ_KIND_SIGNAL) | LOW(DJ_KIND_DETACH) | LOW(DJ_KIND_AGAIN) |
	LOW(DJ_KIND_RELEASE) | LOW(DJ_KIND_NOOP) | LOW(DJ_KIND_TIME);
static const uint32_t both_ways = LOW(DJ_KIND_DATA) | LOW(DJ_KIND_END) |
	LOW(DJ_KIND_ACK) | LOW(DJ_KIND_NOOP);
static const uint32_t from_keep = HIGH(DJ_KIND_READY) | HIGH(DJ_KIND_EXIT) |
	HIGH(DJ_KIND_AGAIN_RD) | HIGH(DJ_KIND_FAIL) | HIGH(DJ_KIND_TIME_ASK);

bool dj_kind_from_client(uint8_t kind)
{
	return kind < 32 && (from_client & LOW(kind)) != 0;
}

bool dj_kind_from_keep(uint8_t kind)
{
	if (kind < 0x80)
		return kind < 32 && (both_ways & LOW(kind)) != 0;
	return kind < 0x80 + 32 && (from_keep & HIGH(kind)) != 0;
}

const char *dj_kind_name(uint8_t kind)
{
	static const char *const low[] = {
		[DJ_KIND_CLAIM] = "CLAIM",
		[DJ_KIND_RESUME] = "RESUME",
		[DJ_KIND_BEGIN] = "BEGIN",
		[DJ_KIND_MODULE] = "MODULE",
		[DJ_KIND_RUN] = "RUN",
		[DJ_KIND_DATA] = "DATA",
		[DJ_KIND_END] = "END",
		[DJ_KIND_ACK] = "ACK",
		[DJ_KIND_SIGNAL] = "SIGNAL",
		[DJ_KIND_DETACH] = "DETACH",
		[DJ_KIND_AGAIN] = "AGAIN",
		[DJ_KIND_RELEASE] = "RELEASE",
		[DJ_KIND_NOOP] = "NOOP",
		[DJ_KIND_TIME] = "TIME",
	};
	static const char *const high[] = {
		[DJ_KIND_READY - 0x80] = "READY",
		[DJ_KIND_EXIT - 0x80] = "EXIT",
		[DJ_KIND_AGAIN_RD - 0x80] = "AGAIN_RD",
		[DJ_KIND_FAIL - 0x80] = "FAIL",
		[DJ_KIND_TIME_ASK - 0x80] = "TIME_ASK",
	};

	if (kind < sizeof(low) / sizeof(low[0]))
		return low[kind];
	if (kind >= 0x80 && kind < 0x80 + sizeof(high) / sizeof(high[0]))
		return high[kind - 0x80];
	return NULL;
}

/* ---- CLAIM, RESUME ---- */

dj_status dj_claim_parse(enum dj_kind kind, const uint8_t *buf, size_t len,
	struct dj_claim *ret)
{
	struct dj_rd r = dj_rd_of(buf, len);
	struct dj_claim c = { 0 };
	int last = -1;
	uint8_t n;

	n = dj_rd_u8(&r);
	if (n != 0 && n != DJ_OWNER_PART)
		dj_rd_fail(&r, DJ_E_INPUT);
	if (n == DJ_OWNER_PART)
		c.owner = dj_rd_bytes(&r, n);
	if (kind == DJ_KIND_RESUME) {
		c.streams = r.p;
		while (r.left > 0) {
			int stream = dj_rd_u8(&r);

			dj_rd_u64be(&r);
			if (stream <= last)
				dj_rd_fail(&r, DJ_E_INPUT);
			last = stream;
			c.stream_count++;
		}
	}

	if (dj_rd_end(&r) != DJ_OK)
		return r.err;
	*ret = c;
	return DJ_OK;
}

uint8_t dj_claim_stream(const struct dj_claim *c, size_t i, uint64_t *ret_next)
{
	struct dj_rd r = dj_rd_of(c->streams + i * STREAM_ENTRY, STREAM_ENTRY);
	uint8_t stream = dj_rd_u8(&r);

	*ret_next = dj_rd_u64be(&r);
	return stream;
}

dj_status dj_claim_write(const uint8_t *owner,
	const struct dj_resume_stream *streams, size_t count, uint8_t *dst,
	size_t cap, size_t *ret_len)
{
	struct dj_wr w = dj_wr_of(dst, cap);

	dj_wr_u8(&w, owner != NULL ? DJ_OWNER_PART : 0);
	if (owner != NULL)
		dj_wr_bytes(&w, owner, DJ_OWNER_PART);
	for (size_t i = 0; i < count; i++) {
		if (i > 0 && streams[i].stream <= streams[i - 1].stream)
			dj_wr_fail(&w, DJ_E_INPUT);
		dj_wr_u8(&w, streams[i].stream);
		dj_wr_u64be(&w, streams[i].next);
	}
	return dj_wr_end(&w, ret_len);
}

/* ---- READY ---- */

dj_status dj_ready_parse(const uint8_t *buf, size_t len, struct dj_ready *ret)
{
	struct dj_rd r = dj_rd_of(buf, len);
	struct dj_ready m;

	m.attach_no = dj_rd_u32be(&r);
	m.ticket_no = dj_rd_u32be(&r);
	dj_rd_copy(&r, m.keep_id, sizeof(m.keep_id));
	m.stdin_next = dj_rd_u64be(&r);
	m.phase = dj_rd_u8(&r);
	if (m.phase > DJ_PHASE_EXITED)
		dj_rd_fail(&r, DJ_E_INPUT);
	dj_rd_zero(&r, 7);
	m.module_next = dj_rd_u64be(&r);

	if (dj_rd_end(&r) != DJ_OK)
		return r.err;
	*ret = m;
	return DJ_OK;
}

void dj_ready_write(const struct dj_ready *r, uint8_t dst[static DJ_READY_SIZE])
{
	struct dj_wr w = dj_wr_of(dst, DJ_READY_SIZE);

	dj_wr_u32be(&w, r->attach_no);
	dj_wr_u32be(&w, r->ticket_no);
	dj_wr_bytes(&w, r->keep_id, sizeof(r->keep_id));
	dj_wr_u64be(&w, r->stdin_next);
	dj_wr_u8(&w, r->phase);
	dj_wr_zero(&w, 7);
	dj_wr_u64be(&w, r->module_next);
}

/* ---- EXIT ---- */

static bool trap_fits(uint8_t how, uint8_t trap)
{
	if (how == DJ_EXIT_TRAP)
		return trap >= 1 && trap <= DJ_EXIT_TRAP_MAX;
	if (how == DJ_EXIT_LIMIT)
		return trap >= DJ_LIMIT_FUEL && trap <= DJ_LIMIT_MEMORY;
	return trap == 0 && how <= DJ_EXIT_REFUSED;
}

dj_status dj_exit_parse(const uint8_t *buf, size_t len, struct dj_exit *ret)
{
	struct dj_rd r = dj_rd_of(buf, len);
	struct dj_exit e;

	e.how = dj_rd_u8(&r);
	e.trap = dj_rd_u8(&r);
	if (!trap_fits(e.how, e.trap))
		dj_rd_fail(&r, DJ_E_INPUT);
	dj_rd_zero(&r, 2);
	e.code = dj_rd_u32be(&r);
	e.stdout_len = dj_rd_u64be(&r);
	e.stderr_len = dj_rd_u64be(&r);
	dj_rd_copy(&r, e.stdout_hash, sizeof(e.stdout_hash));
	dj_rd_copy(&r, e.stderr_hash, sizeof(e.stderr_hash));
	dj_rd_copy(&r, e.module_hash, sizeof(e.module_hash));

	if (dj_rd_end(&r) != DJ_OK)
		return r.err;
	*ret = e;
	return DJ_OK;
}

void dj_exit_write(const struct dj_exit *e, uint8_t dst[static DJ_EXIT_SIZE])
{
	struct dj_wr w = dj_wr_of(dst, DJ_EXIT_SIZE);

	dj_wr_u8(&w, e->how);
	dj_wr_u8(&w, e->trap);
	dj_wr_zero(&w, 2);
	dj_wr_u32be(&w, e->code);
	dj_wr_u64be(&w, e->stdout_len);
	dj_wr_u64be(&w, e->stderr_len);
	dj_wr_bytes(&w, e->stdout_hash, sizeof(e->stdout_hash));
	dj_wr_bytes(&w, e->stderr_hash, sizeof(e->stderr_hash));
	dj_wr_bytes(&w, e->module_hash, sizeof(e->module_hash));
}

const char *dj_exit_trap_name(uint8_t trap)
{
	static const char *const names[DJ_EXIT_TRAP_MAX + 1] = {
		[1] = "unreachable",
		[2] = "memory out of bounds",
		[3] = "table out of bounds",
		[4] = "uninitialised element",
		[5] = "indirect call type mismatch",
		[6] = "integer divide by zero",
		[7] = "integer overflow",
		[8] = "invalid conversion to integer",
		[9] = "call stack exhausted",
		[10] = "uncaught exception",
		[11] = "null reference",
		[12] = "cast failure",
		[13] = "array out of bounds",
	};

	return trap <= DJ_EXIT_TRAP_MAX ? names[trap] : NULL;
}

/* ---- the small ones ---- */

dj_status dj_again_parse(const uint8_t *buf, size_t len,
	uint8_t ret[static DJ_AGAIN_SIZE])
{
	if (len != DJ_AGAIN_SIZE)
		return DJ_E_INPUT;
	memcpy(ret, buf, DJ_AGAIN_SIZE);
	return DJ_OK;
}

dj_status dj_fail_parse(const uint8_t *buf, size_t len, uint16_t *ret_code)
{
	struct dj_rd r = dj_rd_of(buf, len);
	uint16_t code = dj_rd_u16be(&r);

	if (code == DJ_ERROR_NONE || dj_error_name(code) == NULL)
		dj_rd_fail(&r, DJ_E_INPUT);
	if (dj_rd_end(&r) != DJ_OK)
		return r.err;
	*ret_code = code;
	return DJ_OK;
}

void dj_fail_write(uint16_t code, uint8_t dst[static DJ_FAIL_SIZE])
{
	struct dj_wr w = dj_wr_of(dst, DJ_FAIL_SIZE);

	dj_wr_u16be(&w, code);
}

dj_status dj_ack_parse(const struct dj_inner *in, uint64_t *ret_limit)
{
	struct dj_rd r = dj_rd_of(in->data, in->len);
	uint64_t limit = dj_rd_u64be(&r);

	if (limit < in->off)
		dj_rd_fail(&r, DJ_E_INPUT);
	if (dj_rd_end(&r) != DJ_OK)
		return r.err;
	*ret_limit = limit;
	return DJ_OK;
}

void dj_ack_write(uint64_t limit, uint8_t dst[static DJ_ACK_SIZE])
{
	struct dj_wr w = dj_wr_of(dst, DJ_ACK_SIZE);

	dj_wr_u64be(&w, limit);
}
