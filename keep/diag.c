// SPDX-License-Identifier: Apache-2.0
#include "keep/diag.h"

#include <string.h>

#include "keep/flow.h"

static void raw(const char *s)
{
	dj_flow_diag(s, strlen(s));
}

static void number(uint64_t v)
{
	char buf[20];
	size_t i = sizeof(buf);

	do {
		buf[--i] = (char)('0' + v % 10);
		v /= 10;
	} while (v != 0);
	dj_flow_diag(buf + i, sizeof(buf) - i);
}

static void escape(uint32_t unit)
{
	static const char hex[] = "0123456789abcdef";
	char buf[6] = { '\\', 'u' };

	for (int i = 0; i < 4; i++)
		buf[2 + i] = hex[unit >> (12 - 4 * i) & 15];
	dj_flow_diag(buf, sizeof(buf));
}

/* One character of [p, p + left), at least a byte; 0xfffd if it is none. */
static size_t character(const uint8_t *p, size_t left, uint32_t *ret)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = 0;
	uint32_t c;

	*ret = 0xfffd;
	if (p[0] < 0x80) {
		*ret = p[0];
		return 1;
	}
	if ((p[0] & 0xe0) == 0xc0)
		n = 2;
	else if ((p[0] & 0xf0) == 0xe0)
		n = 3;
	else if ((p[0] & 0xf8) == 0xf0)
		n = 4;
	if (n == 0 || n > left)
		return 1;
	c = p[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 1;
		c = c << 6 | (p[i] & 0x3fu);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 1;
	*ret = c;
	return n;
}

static void text(const char *s, size_t len)
{
	const uint8_t *p = (const uint8_t *)s;
	uint32_t c;

	if (len > DJ_DIAG_NAME)
		len = DJ_DIAG_NAME;
	raw("\"");
	while (len != 0) {
		size_t n = character(p, len, &c);

		if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
			dj_flow_diag(p, 1);
		} else if (c >= 0x10000) {
			escape(0xd800 + ((c - 0x10000) >> 10));
			escape(0xdc00 + ((c - 0x10000) & 0x3ff));
		} else {
			escape(c);
		}
		p += n;
		len -= n;
	}
	raw("\"");
}

void dj_diag_refused(const char *what, const char *name, size_t name_len,
	size_t offset)
{
	raw("{\"refused\":");
	text(what, strlen(what));
	if (name != NULL) {
		raw(",\"name\":");
		text(name, name_len);
	}
	if (offset != DJ_DIAG_NO_OFFSET) {
		raw(",\"offset\":");
		number(offset);
	}
	raw("}\n");
}

static void frame(const struct dj_frame *f)
{
	struct dj_wasm_name name;

	raw("{\"func\":");
	number(f->func);
	if (f->inst != NULL &&
		dj_wasm_func_name(dj_instance_module(f->inst), f->func,
			&name)) {
		raw(",\"name\":");
		text(name.p, name.len);
	}
	raw(",\"offset\":");
	number(f->offset);
	raw("}");
}

void dj_diag_trap(const char *what, unsigned code,
	const struct dj_frame *frames, size_t count)
{
	raw("{\"trap\":");
	text(what, strlen(what));
	raw(",\"code\":");
	number(code);
	raw(",\"backtrace\":[");
	for (size_t i = 0; i < count; i++) {
		if (i != 0)
			raw(",");
		frame(&frames[i]);
	}
	raw("]}\n");
}

void dj_diag_counters(uint64_t fuel, uint64_t memory, uint64_t stdin_len)
{
	raw("{\"counters\":{\"fuel\":");
	number(fuel);
	raw(",\"memory\":");
	number(memory);
	raw(",\"stdin\":");
	number(stdin_len);
	raw("}}\n");
}
