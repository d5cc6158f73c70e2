// SPDX-License-Identifier: Apache-2.0
#include "host/agent/serve.h"

#include <string.h>

/* A line belongs to one writer, so fields of ours are plain stores, ordered
   by the last one; the Keep's are read through volatile, each once. */
static struct dj_hc_host *host_line(const struct dj_serve *s)
{
	return (struct dj_hc_host *)(void *)(s->region + DJ_HC_HOST_OFF);
}

dj_status dj_serve_init(struct dj_serve *s, uint8_t *region,
	const uint8_t *block, size_t block_len)
{
	uint32_t len = (uint32_t)block_len;

	if (block_len > DJ_HC_CONFIG_MAX)
		return DJ_E_LIMIT;
	*s = (struct dj_serve){ .region = region };
	memcpy(region + DJ_HC_CONFIG_OFF, &len, sizeof(len));
	if (block_len != 0)
		memcpy(region + DJ_HC_CONFIG_OFF + 4, block, block_len);
	*host_line(s) = (struct dj_hc_host){ .magic = DJ_HC_MAGIC };
	return DJ_OK;
}

/*
 * Positions and seq with acquire, before what they vouch for; op before arg,
 * for a halt has no number; begin last, to show a call being written.
 */
void dj_serve_copy(const struct dj_serve *s, struct dj_hc_keep *ret)
{
	const struct dj_hc_keep *k = (const void *)(s->region + DJ_HC_KEEP_OFF);
	const volatile struct dj_hc_keep *v = k;

	ret->seq = __atomic_load_n(&k->seq, __ATOMIC_ACQUIRE);
	/* In this order: out_head then has all that answers those frames. */
	ret->in_tail = __atomic_load_n(&k->in_tail, __ATOMIC_ACQUIRE);
	ret->out_head = __atomic_load_n(&k->out_head, __ATOMIC_ACQUIRE);
	ret->op = __atomic_load_n(&k->op, __ATOMIC_ACQUIRE);
	ret->arg = __atomic_load_n(&k->arg, __ATOMIC_ACQUIRE);
	ret->begin = __atomic_load_n(&k->begin, __ATOMIC_ACQUIRE);
	ret->magic = v->magic;
	ret->zero = v->zero;
	for (size_t i = 0; i < sizeof(ret->pad); i++)
		ret->pad[i] = v->pad[i];
}

static const uint8_t zeroes[sizeof(((struct dj_hc_keep *)0)->pad)];

static const char *judge_call(const struct dj_hc_keep *line)
{
	switch (line->op) {
	case DJ_HC_REPORT:
		if ((line->arg & 0xff) == DJ_HC_REPORT_OWN &&
			line->arg >> 8 != 0 && line->arg >> 8 <= DJ_HC_OWN_MAX)
			return NULL;
		return line->arg > 1 ? "argument of a call" : NULL;
	case DJ_HC_CLOCK:
		return line->arg > 1 ? "argument of a call" : NULL;
	case DJ_HC_WAIT:
		return NULL;
	default:
		return "number of a call";
	}
}

/* A Keep that has not started yet shows an all-zero line. */
static bool is_blank(const struct dj_hc_keep *line)
{
	return line->magic == 0 && line->op == 0 && line->seq == 0 &&
		line->in_tail == 0 && line->out_head == 0 && line->zero == 0 &&
		line->arg == 0 && line->begin == 0 &&
		memcmp(line->pad, zeroes, sizeof(zeroes)) == 0;
}

static const char *judge_line(const struct dj_serve *s,
	const struct dj_hc_keep *line)
{
	if (line->magic != DJ_HC_MAGIC)
		return "magic";
	if (line->zero != 0 || memcmp(line->pad, zeroes, sizeof(zeroes)) != 0)
		return "reserved bytes";
	if (line->out_head - s->out_tail > DJ_HC_RING)
		return "out_head outside of the ring";
	if (line->out_head - s->out_tail < s->out_head - s->out_tail)
		return "out_head went back";
	if (line->in_tail - s->in_tail > s->in_head - s->in_tail)
		return "in_tail outside of what was sent";
	return NULL;
}

/* A Keep may halt before its line is set up. */
static dj_status decode_halt(const struct dj_serve *s,
	const struct dj_hc_keep *line, struct dj_serve_seen *ret,
	const char **ret_why)
{
	if (line->arg >= DJ_HALT_COUNT) {
		*ret_why = "halt code";
		return DJ_E_INPUT;
	}
	*ret = (struct dj_serve_seen){ .is_up = s->is_up,
		.in_tail = s->in_tail,
		.out_head = s->out_head,
		.seq = s->seq,
		.is_call = true,
		.op = DJ_HC_HALT,
		.arg = line->arg };
	/* What was published before is still to be sent on. */
	if (judge_line(s, line) == NULL) {
		ret->is_up = true;
		ret->in_tail = line->in_tail;
		ret->out_head = line->out_head;
	}
	return DJ_OK;
}

dj_status dj_serve_decode(const struct dj_serve *s,
	const struct dj_hc_keep *line, struct dj_serve_seen *ret,
	const char **ret_why)
{
	struct dj_serve_seen seen = { 0 };
	const char *why;

	if (line->op == DJ_HC_HALT)
		return decode_halt(s, line, ret, ret_why);
	if (!s->is_up && is_blank(line)) {
		*ret = seen;
		return DJ_OK;
	}
	why = judge_line(s, line);
	seen.is_call = line->seq != s->seq && line->begin == line->seq;
	if (why == NULL && seen.is_call)
		why = judge_call(line);
	if (why != NULL) {
		*ret_why = why;
		return DJ_E_INPUT;
	}
	seen.is_up = true;
	seen.in_tail = line->in_tail;
	seen.out_head = line->out_head;
	seen.seq = seen.is_call ? line->seq : s->seq;
	seen.op = seen.is_call ? (enum dj_hc_op)line->op : DJ_HC_NONE;
	seen.arg = seen.is_call ? line->arg : 0;
	*ret = seen;
	return DJ_OK;
}

void dj_serve_accept(struct dj_serve *s, const struct dj_serve_seen *seen)
{
	s->is_up = seen->is_up;
	s->in_tail = seen->in_tail;
	s->out_head = seen->out_head;
	s->seq = seen->seq;
}

static void copy_once(void *dst, const uint8_t *src, size_t len)
{
	memcpy(dst, src, len);
	__asm__ volatile("" : : "r"(dst) : "memory");
}

void dj_serve_report_data(const struct dj_serve *s, uint8_t ret[static 64])
{
	copy_once(ret, s->region + DJ_HC_DATA_OFF, 64);
}

void dj_serve_report_own(const struct dj_serve *s, uint8_t *dst, size_t len)
{
	copy_once(dst, s->region + DJ_HC_OWN_OFF, len);
}

void dj_serve_target(struct dj_serve *s, const uint8_t *p, uint32_t len)
{
	memcpy(s->region + DJ_HC_TARGET_OFF, p,
		len < DJ_HC_TARGET_MAX ? len : DJ_HC_TARGET_MAX);
}

static struct dj_serve_span span(uint8_t *ring, uint32_t pos, uint32_t len)
{
	uint32_t off = pos % DJ_HC_RING;
	uint32_t first = DJ_HC_RING - off;

	if (first > len)
		first = len;
	return (struct dj_serve_span){ { ring + off, ring },
		{ first, len - first } };
}

struct dj_serve_span dj_serve_in_span(const struct dj_serve *s, uint32_t pos,
	uint32_t len)
{
	return span(s->region + DJ_HC_IN_OFF, pos, len);
}

struct dj_serve_span dj_serve_out_span(const struct dj_serve *s, uint32_t pos,
	uint32_t len)
{
	return span(s->region + DJ_HC_OUT_OFF, pos, len);
}

void dj_serve_out_copy(const struct dj_serve *s, uint32_t pos, void *dst,
	uint32_t len)
{
	struct dj_serve_span sp = dj_serve_out_span(s, pos, len);

	copy_once(dst, sp.p[0], sp.n[0]);
	if (sp.n[1] != 0)
		copy_once((uint8_t *)dst + sp.n[0], sp.p[1], sp.n[1]);
}

void dj_serve_publish_in(struct dj_serve *s, uint32_t len)
{
	s->in_head += len;
	__atomic_store_n(&host_line(s)->in_head, s->in_head, __ATOMIC_RELEASE);
}

void dj_serve_release_out(struct dj_serve *s, uint32_t len)
{
	s->out_tail += len;
	__atomic_store_n(&host_line(s)->out_tail, s->out_tail,
		__ATOMIC_RELEASE);
}

void dj_serve_attention(struct dj_serve *s, bool on)
{
	__atomic_store_n(&host_line(s)->attention, on, __ATOMIC_RELEASE);
}

void dj_serve_reply(struct dj_serve *s, const struct dj_serve_reply *reply)
{
	struct dj_hc_host *h = host_line(s);

	if (reply->bytes != NULL && reply->len != 0)
		memcpy(s->region + DJ_HC_REPORT_OFF, reply->bytes, reply->len);
	h->error = reply->error;
	h->len = reply->len;
	h->value = reply->value;
	__atomic_store_n(&h->reply_seq, s->seq, __ATOMIC_RELEASE);
}
