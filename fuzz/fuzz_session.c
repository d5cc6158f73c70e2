// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "keep/session.h"
#include "keep/shim.h"
#include "tests/support/ksp_client.h"

/*
 * The input is a plan: what client and host do to the core, one step after
 * the other. Whatever the plan, the Keep ends in one of the ways that are
 * its own, its frames are whole, its records open, and no output byte is
 * lost or doubled (fake_shim.c and ksp_client.c abort if not).
 */
#define MUST(cond)               \
	do {                     \
		if (!(cond))     \
			abort(); \
	} while (0)

/*
 * Each Keep is a context that is left in the middle; what the sanitizer would
 * keep for its stack would never be given back.
 */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_stack_use_after_return=0";
}

struct plan {
	const uint8_t *p;
	size_t left;
};

static struct ksp_client c;
static bool attached;
static bool host_was_evil;

static uint8_t next(struct plan *pl)
{
	if (pl->left == 0)
		return 0;
	pl->left--;
	return *pl->p++;
}

static uint64_t number(struct plan *pl)
{
	static const uint64_t edges[] = { 0, 1, 16367, 16368, 16369, 1 << 20,
		(1 << 20) + 1, UINT32_MAX, INT64_MAX, UINT64_MAX };
	uint8_t b = next(pl);

	if (b < sizeof(edges) / sizeof(edges[0]))
		return edges[b];
	return b < 128 ? (uint64_t)b - 10 : (uint64_t)b << 8 | next(pl);
}

static void put(const uint8_t *frame, size_t len)
{
	if (fake_put_frame(frame, len))
		(void)fake_run();
}

static void connect_it(struct plan *pl)
{
	static uint8_t frame[KSP_FRAME_MAX];
	uint8_t how = next(pl);
	size_t len;

	/* The old line is cut, with what is in it. */
	while (fake_get_frame(frame, &len))
		(void)fake_run();
	attached = ksp_connect(&c,
		(how & 1) != 0 ? DJ_MODE_REATTACH : DJ_MODE_NEW);
}

/* A frame of any type, well framed so that the host stays honest. */
static void stray(struct plan *pl)
{
	static uint8_t frame[8 + 2048];
	size_t len = (size_t)next(pl) << 3 | (next(pl) & 7);

	frame[0] = next(pl) & 7;
	frame[1] = next(pl) > 250 ? 2 : 1;
	frame[2] = 0;
	frame[3] = 0;
	frame[4] = 0;
	frame[5] = 0;
	frame[6] = (uint8_t)(len >> 8);
	frame[7] = (uint8_t)len;
	for (size_t i = 0; i < len; i++)
		frame[8 + i] = next(pl);
	put(frame, 8 + len);
}

/* A message that was made rightly, with one byte changed or cut. */
static void spoilt(struct plan *pl)
{
	static uint8_t frame[KSP_FRAME_MAX];
	const uint8_t *src[] = { c.hello, c.open, c.record };
	size_t lens[] = { c.hello_len, c.open_len, c.record_len };
	uint8_t which = next(pl) % 3;
	size_t len = lens[which];

	if (len < 8)
		return;
	memcpy(frame, src[which], len);
	if (len > 8)
		frame[8 + number(pl) % (len - 8)] ^= next(pl);
	put(frame, len);
}

static void record(struct plan *pl)
{
	static uint8_t data[DJ_RECORD_DATA];
	uint8_t kind = next(pl) & 15;
	uint8_t stream = next(pl);
	uint64_t off = number(pl);
	size_t len = (size_t)(number(pl) % sizeof(data));

	if (!attached || !c.c2k.is_live || kind == DJ_KIND_RELEASE)
		return;
	for (size_t i = 0; i < len && i < 64; i++)
		data[i] = next(pl);
	ksp_seal(&c, (enum dj_kind)kind, stream, off, data, len);
	put(c.record, c.record_len);
}

static void load(struct plan *pl)
{
	static const uint8_t nop[] = { 0, 'a', 's', 'm', 1, 0, 0, 0, 1, 4, 1,
		0x60, 0, 0, 3, 2, 1, 0, 7, 10, 1, 6, '_', 's', 't', 'a', 'r',
		't', 0, 0, 10, 4, 1, 2, 0, 0x0b };

	if (!attached || c.error != 0)
		return;
	ksp_load(&c, nop, sizeof(nop) - (next(pl) & 1), NULL);
	if (c.error == 0)
		ksp_run(&c);
}

static void receive(struct plan *pl)
{
	struct dj_inner in;
	uint8_t n = next(pl) & 15;

	c.auto_ack = false;
	while (n-- != 0 && attached && c.k2c.is_live && ksp_recv(&c, &in))
		if (in.kind == DJ_KIND_DATA && (n & 1) != 0 && c.error == 0)
			ksp_ack(&c, in.stream);
}

/* One field of the host's line: what an honest host never writes. */
static void evil(struct plan *pl)
{
	uint32_t *fields[] = { &fake.host.magic, &fake.host.attention,
		&fake.host.reply_seq, &fake.host.error, &fake.host.in_head,
		&fake.host.out_tail, &fake.host.len, &fake.host.zero };
	struct dj_hc_host before = fake.host;

	*fields[next(pl) & 7] += (uint32_t)number(pl);
	fake_write_line();
	host_was_evil = true;
	(void)fake_run();
	fake.host = before;
	fake_write_line();
}

static void one(struct plan *pl)
{
	switch (next(pl) % 10) {
	case 0:
	case 1:
		connect_it(pl);
		break;
	case 2:
		stray(pl);
		break;
	case 3:
		spoilt(pl);
		break;
	case 4:
	case 5:
		record(pl);
		break;
	case 6:
		load(pl);
		break;
	case 7:
		receive(pl);
		break;
	case 8:
		fake.clock[1] += number(pl);
		fake.no_report = (next(pl) & 7) == 0;
		(void)fake_run();
		break;
	case 9:
		evil(pl);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct plan pl = { data, len };

	ksp_init(&c);
	c.off.keep_id[0] = 1;
	attached = false;
	host_was_evil = false;
	fake_start(dj_keep_main, NULL, 0);
	(void)fake_run();
	/* After the host lied nothing is promised but a named end. */
	while (pl.left != 0 && fake.state != FAKE_HALTED && !host_was_evil)
		one(&pl);
	if (fake.state == FAKE_HALTED)
		MUST(fake.halt == DJ_HALT_RELEASED ||
			(fake.halt == DJ_HALT_HOST && host_was_evil));
	return 0;
}
