// SPDX-License-Identifier: Apache-2.0
#include "client/session.h"

#include <errno.h>
#include <openssl/rand.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "client/clock.h"
#include "client/owner.h"
#include "lib/base/break.h"
#include "lib/proto/error.h"
#include "lib/proto/open.h"
#include "lib/session/handshake.h"

#define PATIENCE_MS 120000

void dj_session_done(struct dj_session *s)
{
	dj_chain_done(&s->tx);
	dj_chain_done(&s->rx);
	dj_key_wipe(&s->again);
	dj_key_wipe(&s->ticket.key);
	if (s->wire.in != NULL)
		dj_wire_done(&s->wire);
	free(s->evidence);
	s->evidence = NULL;
}

bool dj_session_error_frame(const uint8_t *payload, size_t len,
	const char *name, struct dj_err *err)
{
	char text[DJ_ERROR_TEXT_MAX + 1];
	struct dj_error_msg m;
	const char *code;

	if (dj_error_parse(payload, len, &m) != DJ_OK)
		return dj_err_set(err, name,
			"the host ended the session and gave no reason that can be read");
	dj_error_text(&m, text);
	code = dj_error_name(m.code);
	return dj_err_set(err, name,
		"the session was ended; the host says %s%s%s%s",
		code == NULL ? "an unknown code" : code,
		text[0] == '\0' ? "" : ", \"", text,
		text[0] == '\0' ? "" : "\"");
}

/* Before READY some codes tell a person more than that the host said so. */
static const char *name_of(const uint8_t *payload, size_t len)
{
	struct dj_error_msg m;

	if (dj_error_parse(payload, len, &m) != DJ_OK)
		return "session.host";
	switch (m.code) {
	case DJ_ERROR_KEEP_OWNED:
		return "session.owned";
	case DJ_ERROR_KEEP_FRESH:
	case DJ_ERROR_WRONG_KEEP:
		return "session.wrong-keep";
	case DJ_ERROR_NO_TICKET:
		return "session.ticket";
	case DJ_ERROR_KEEP_GONE:
		return "session.gone";
	default:
		return "session.host";
	}
}

static bool wait_link(struct dj_session *s, int64_t deadline)
{
	short events = POLLIN;

	for (;;) {
		struct pollfd p = { .fd = s->wire.link.fd };
		int64_t left = deadline - dj_now_ms();
		int n;

		if (!dj_wire_is_flushed(&s->wire))
			events |= POLLOUT;
		p.events = events;
		n = poll(&p, 1, left > 0 ? (int)left : 0);
		if (n > 0)
			return true;
		if (n == 0 || errno != EINTR)
			return false;
	}
}

/* Sends what is queued and waits for one frame. */
static bool exchange(struct dj_session *s, uint32_t accept, uint8_t *ret_type,
	uint8_t **ret_frame, size_t *ret_len, const char *what,
	const char *bad_frame, struct dj_err *err)
{
	bool was_deaf = s->wire.is_deaf;
	int64_t deadline =
		dj_now_ms() + (was_deaf ? DJ_WIRE_HEAR_OUT_MS : PATIENCE_MS);

	for (;;) {
		dj_status st = dj_wire_next(&s->wire,
			accept | DJ_FRAME_BIT(DJ_FRAME_ERROR), ret_type,
			ret_frame, ret_len);

		if (st == DJ_OK && *ret_type == DJ_FRAME_ERROR)
			return dj_session_error_frame(*ret_frame +
					DJ_FRAME_HEADER,
				*ret_len - DJ_FRAME_HEADER,
				name_of(*ret_frame + DJ_FRAME_HEADER,
					*ret_len - DJ_FRAME_HEADER),
				err);
		if (st == DJ_OK)
			return true;
		if (st != DJ_E_STATE)
			return dj_err_set(err, bad_frame,
				"waiting for %s: what came is not one", what);
		was_deaf = s->wire.is_deaf;
		if (!dj_wire_flush(&s->wire) && !was_deaf)
			deadline = dj_now_ms() + DJ_WIRE_HEAR_OUT_MS;
		switch (dj_wire_fill(&s->wire)) {
		case DJ_LINK_SOME:
			break;
		case DJ_LINK_WAIT:
			if (wait_link(s, deadline))
				break;
			if (!s->wire.is_deaf)
				return dj_err_set(err, "session.host",
					"waiting for %s: nothing came in %d s",
					what, PATIENCE_MS / 1000);
			__attribute__((fallthrough));
		case DJ_LINK_CLOSED:
			return dj_err_set(err, "session.host",
				"waiting for %s: the host closed the line",
				what);
		}
	}
}

static bool send_frame(struct dj_session *s, enum dj_frame_type type,
	const uint8_t *payload, size_t len, struct dj_err *err)
{
	uint8_t *p = dj_wire_room(&s->wire, DJ_FRAME_HEADER + len);

	if (p == NULL)
		return dj_err_set(err, "internal.bug", "no room for a frame");
	dj_frame_write(p, type, (uint32_t)len);
	memcpy(p + DJ_FRAME_HEADER, payload, len);
	dj_wire_take(&s->wire, DJ_FRAME_HEADER + len);
	return true;
}

static bool send_hello(struct dj_session *s, const struct dj_challenge *what,
	struct dj_err *err)
{
	struct dj_hello h = { .mode = DJ_MODE_NEW, .minclass = what->minclass };

	if (what->keep_id != NULL) {
		h.mode = DJ_MODE_REATTACH;
		memcpy(h.keep_id, what->keep_id, sizeof(h.keep_id));
	}
	for (; h.suite_count < what->suite_count &&
		h.suite_count < DJ_SUITES_MAX;
		h.suite_count++)
		h.suites[h.suite_count] = what->suites[h.suite_count];
	for (; h.format_count < what->format_count &&
		h.format_count < DJ_FORMATS_MAX;
		h.format_count++)
		h.formats[h.format_count] = what->formats[h.format_count];
	if (RAND_bytes(h.nonce, sizeof(h.nonce)) != 1)
		return dj_err_set(err, "internal.bug",
			"making a nonce: OpenSSL has no random bytes");
	if (dj_hello_write(&h, s->hello, sizeof(s->hello), &s->hello_len) !=
		DJ_OK)
		return dj_err_set(err, "internal.bug",
			"HELLO cannot be written: %zu suites, %zu formats",
			what->suite_count, what->format_count);
	return send_frame(s, DJ_FRAME_HELLO, s->hello, s->hello_len, err);
}

bool dj_session_challenge(struct dj_session *s, struct dj_link *link,
	const struct dj_challenge *what, struct dj_err *err)
{
	uint8_t *frame;
	uint8_t type;
	size_t len;

	*s = (struct dj_session){ .minclass = what->minclass };
	if (dj_wire_init(&s->wire, link) != DJ_OK)
		return dj_err_set(err, "internal.memory",
			"beginning a session: no memory");
	if (!send_hello(s, what, err) ||
		!exchange(s, DJ_FRAME_BIT(DJ_FRAME_OFFER), &type, &frame, &len,
			"the Keep's offer", "session.offer", err))
		return false;
	s->offer_len = len - DJ_FRAME_HEADER;
	memcpy(s->offer, frame + DJ_FRAME_HEADER, s->offer_len);

	if (!exchange(s, DJ_FRAME_BIT(DJ_FRAME_EVIDENCE), &type, &frame, &len,
		    "the Keep's evidence", "session.offer", err))
		return false;
	s->evidence_len = len - DJ_FRAME_HEADER;
	s->evidence = malloc(s->evidence_len + 1);
	if (s->evidence == NULL)
		return dj_err_set(err, "internal.memory",
			"keeping the evidence: no memory");
	memcpy(s->evidence, frame + DJ_FRAME_HEADER, s->evidence_len);
	return true;
}

static bool send_claim(struct dj_session *s, EVP_PKEY *owner,
	const struct dj_resume *resume, const uint8_t binding[static 32],
	const struct dj_key *auth, struct dj_err *err)
{
	uint8_t part[DJ_OWNER_PART],
		claim[1 + DJ_OWNER_PART + (3 + DJ_NAMED_MAX) * 9];
	size_t len, frame_len;
	uint8_t *p;

	if (owner != NULL && !dj_owner_sign(owner, binding, auth, part, err))
		return false;
	p = dj_wire_room(&s->wire, DJ_RECORD_FRAME_MAX);
	if (p == NULL ||
		dj_claim_write(owner == NULL ? NULL : part,
			resume == NULL ? NULL : resume->streams,
			resume == NULL ? 0 : resume->stream_count, claim,
			sizeof(claim), &len) != DJ_OK ||
		dj_chain_seal(&s->tx,
			resume == NULL ? DJ_KIND_CLAIM : DJ_KIND_RESUME, 0, 0,
			claim, len, s->minclass, p, DJ_RECORD_FRAME_MAX,
			&frame_len) != DJ_OK)
		return dj_err_set(err, "internal.bug",
			"CLAIM cannot be written");
	dj_wire_take(&s->wire, frame_len);
	return true;
}

/* A fresh Keep has nothing; one that was left has been attached since. */
static bool is_ours(const struct dj_ready *r, const struct dj_resume *resume)
{
	if (r->ticket_no != r->attach_no)
		return false;
	if (resume != NULL)
		return r->attach_no > resume->attach_no;
	return r->attach_no == 1 && r->phase == DJ_PHASE_EMPTY &&
		r->stdin_next == 0 && r->module_next == 0;
}

static bool read_ready(struct dj_session *s, const struct dj_resume *resume,
	struct dj_err *err)
{
	struct dj_offer offer;
	struct dj_ready ready;
	struct dj_inner in;
	uint8_t *frame;
	uint8_t type;
	size_t len;
	uint16_t code;

	if (!exchange(s, DJ_FRAME_BIT(DJ_FRAME_RECORD), &type, &frame, &len,
		    "the Keep's READY", "session.protocol", err))
		return false;
	if (dj_chain_open(&s->rx, frame, len, &in) != DJ_ERROR_NONE)
		return dj_err_set(err, "session.protocol",
			"waiting for the Keep's READY: a record does not open");
	if (in.kind == DJ_KIND_FAIL &&
		dj_fail_parse(in.data, in.len, &code) == DJ_OK &&
		resume != NULL && code == DJ_ERROR_BAD_ORDER)
		return dj_err_set(err, "output.read",
			"the Keep cannot go on where the output here ends: a file of it is not as it was left");
	if (in.kind == DJ_KIND_FAIL &&
		dj_fail_parse(in.data, in.len, &code) == DJ_OK)
		return dj_err_set(err, "session.fail",
			"the Keep did not take the claim: %s",
			dj_error_name(code));
	if (in.kind != DJ_KIND_READY ||
		dj_ready_parse(in.data, in.len, &ready) != DJ_OK ||
		dj_offer_parse(s->offer, s->offer_len, &offer) != DJ_OK ||
		memcmp(ready.keep_id, offer.keep_id, 32) != 0 ||
		!is_ours(&ready, resume))
		return dj_err_set(err, "session.protocol",
			"the Keep's READY is not that of the %s Keep that made the offer",
			resume == NULL ? "fresh" : "same");
	s->ready = ready;
	s->ticket.no = ready.ticket_no;
	s->attach_no = ready.attach_no;
	memcpy(s->keep_id, ready.keep_id, sizeof(s->keep_id));
	return true;
}

bool dj_session_open(struct dj_session *s, EVP_PKEY *owner,
	const struct dj_resume *resume, struct dj_err *err)
{
	DJ_SECRET struct dj_key ephemeral = { 0 };
	struct dj_keys keys = { 0 };
	uint8_t binding[32], open[DJ_OPEN_MAX];
	size_t len;
	bool good = false;

	if (RAND_priv_bytes(ephemeral.b, sizeof(ephemeral.b)) != 1)
		return dj_err_set(err, "internal.bug",
			"making a key: OpenSSL has no random bytes");
	if (dj_client_open(s->hello, s->hello_len, s->offer, s->offer_len,
		    &ephemeral, resume == NULL ? NULL : &resume->ticket, open,
		    sizeof(open), &len, &keys, binding) != DJ_ERROR_NONE) {
		(void)dj_err_set(err, "session.offer",
			"opening the session: the Keep's key cannot be used");
		goto out;
	}
	if (dj_chain_init(&s->tx, keys.suite, &keys.c2k) != DJ_OK ||
		dj_chain_init(&s->rx, keys.suite, &keys.k2c) != DJ_OK) {
		(void)dj_err_set(err, "session.offer",
			"opening the session: suite 0x%04x is not in this build",
			keys.suite);
		goto out;
	}
	s->again = keys.again;
	s->ticket.key = keys.ticket;
	s->suite = keys.suite;
	memcpy(s->sid, keys.sid, sizeof(s->sid));
	good = send_frame(s, DJ_FRAME_OPEN, open, len, err) &&
		send_claim(s, owner, resume, binding, &keys.auth, err);
	DJ_BREAK(14, goto out);
	good = good && read_ready(s, resume, err);
out:
	dj_keys_wipe(&keys);
	return good;
}
