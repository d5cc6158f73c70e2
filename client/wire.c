// SPDX-License-Identifier: Apache-2.0
#include "client/wire.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/secret.h"
#include "lib/proto/frame.h"

dj_status dj_wire_init(struct dj_wire *w, struct dj_link *link)
{
	*w = (struct dj_wire){ .link = *link };
	*link = (struct dj_link){ .fd = -1 };
	w->in = malloc(DJ_WIRE_IN);
	w->out = malloc(DJ_WIRE_OUT);
	if (w->in != NULL && w->out != NULL)
		return DJ_OK;
	dj_wire_done(w);
	return DJ_E_NOMEM;
}

void dj_wire_done(struct dj_wire *w)
{
	if (w->in != NULL)
		dj_wipe(w->in, DJ_WIRE_IN);
	free(w->in);
	free(w->out);
	w->in = w->out = NULL;
	if (w->link.fd >= 0)
		dj_link_close(&w->link);
	w->link.fd = -1;
}

enum dj_link_got dj_wire_fill(struct dj_wire *w)
{
	enum dj_link_got got;
	size_t n = 0;

	if (w->in_at > 0) {
		memmove(w->in, w->in + w->in_at, w->in_len - w->in_at);
		w->in_len -= w->in_at;
		w->in_at = 0;
	}
	if (w->in_len == DJ_WIRE_IN)
		return DJ_LINK_SOME;
	got = dj_link_recv(&w->link, w->in + w->in_len, DJ_WIRE_IN - w->in_len,
		&n);
	if (got == DJ_LINK_SOME)
		w->in_len += n;
	return got;
}

dj_status dj_wire_next(struct dj_wire *w, uint32_t accept, uint8_t *ret_type,
	uint8_t **ret_frame, size_t *ret_len)
{
	uint8_t *p = w->in + w->in_at;
	size_t left = w->in_len - w->in_at;
	struct dj_frame f;
	dj_status st;

	if (left < DJ_FRAME_HEADER)
		return DJ_E_STATE;
	st = dj_frame_parse(p, accept, &f);
	if (st != DJ_OK)
		return st;
	if (left - DJ_FRAME_HEADER < f.len)
		return DJ_E_STATE;
	*ret_type = f.type;
	*ret_frame = p;
	*ret_len = DJ_FRAME_HEADER + f.len;
	w->in_at += *ret_len;
	dj_seen_count(&w->seen, DJ_SEEN_TO_CLIENT, f.type, *ret_len);
	return DJ_OK;
}

uint8_t *dj_wire_room(struct dj_wire *w, size_t len)
{
	if (w->out_at > 0 && DJ_WIRE_OUT - w->out_len < len) {
		memmove(w->out, w->out + w->out_at, w->out_len - w->out_at);
		w->out_len -= w->out_at;
		w->out_at = 0;
	}
	return DJ_WIRE_OUT - w->out_len < len ? NULL : w->out + w->out_len;
}

void dj_wire_take(struct dj_wire *w, size_t len)
{
	dj_seen_count(&w->seen, DJ_SEEN_TO_KEEP, w->out[w->out_len], len);
	w->out_len += len;
}

bool dj_wire_flush(struct dj_wire *w)
{
	while (!w->is_deaf && w->out_at < w->out_len) {
		size_t n = 0;

		switch (dj_link_send(&w->link, w->out + w->out_at,
			w->out_len - w->out_at, &n)) {
		case DJ_LINK_SOME:
			w->out_at += n;
			break;
		case DJ_LINK_WAIT:
			return true;
		case DJ_LINK_CLOSED:
			w->is_deaf = true;
			break;
		}
	}
	w->out_at = w->out_len = 0;
	return !w->is_deaf;
}
