// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fake_shim.h"
#include "tests/support/nonce_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "keep/shim.h"

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#define FIBER_START(save, p, n) __sanitizer_start_switch_fiber(save, p, n)
#define FIBER_END(save, p, n)   __sanitizer_finish_switch_fiber(save, p, n)
#else
#define FIBER_START(save, p, n) ((void)(save), (void)(p), (void)(n))
#define FIBER_END(save, p, n)   ((void)(save), (void)(p), (void)(n))
#endif

#define STACK_SIZE ((size_t)2 << 20)
#define RANGES     4096

struct dj_shim_info dj_shim_info = {
	.tee = 0x41,
	.isa = 1,
	.bounds = 1,
	.native_code = 0,
	.cpu_level = 2,
};

struct fake fake;

/*
 * Weak, so that a test which starts no Keep need not link one: every unit
 * test is linked with this file.
 */
#pragma weak dj_hc_call

/* What the Keep holds, for the scans and to give back at the next start. */
struct range {
	uint8_t *p;
	size_t len;
};

static struct range reserved[RANGES], committed[RANGES];
static size_t reserved_count, committed_count;
static ucontext_t keep_ctx, test_ctx;
static uint8_t *stack;
static const void *test_stack;
static size_t test_stack_size;
static void *keep_fiber, *test_fiber;
static unsigned looks;
static void (*keep_main)(void);

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "fake shim: %s\n", what);
	abort();
}

/* ---- contexts ---- */

static void to_test(void)
{
	FIBER_START(&keep_fiber, test_stack, test_stack_size);
	swapcontext(&keep_ctx, &test_ctx);
	FIBER_END(keep_fiber, &test_stack, &test_stack_size);
}

static void entry(void)
{
	FIBER_END(NULL, &test_stack, &test_stack_size);
	keep_main();
}

enum fake_state fake_run(void)
{
	if (fake.state == FAKE_HALTED)
		return FAKE_HALTED;
	FIBER_START(&test_fiber, stack, STACK_SIZE);
	swapcontext(&test_ctx, &keep_ctx);
	FIBER_END(test_fiber, NULL, NULL);
	return fake.state;
}

/* ---- start ---- */

static void give_back(void)
{
	for (size_t i = 0; i < reserved_count; i++)
		munmap(reserved[i].p, reserved[i].len);
	reserved_count = 0;
	committed_count = 0;
}

void fake_start(void (*main_fn)(void), const void *block, size_t len)
{
	uint8_t *region = fake.region;
	uint32_t n = (uint32_t)len;

	dj_nonce_log_start();
	give_back();
	if (region == NULL) {
		region = mmap(NULL, DJ_HC_REGION_SIZE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		must(region != MAP_FAILED && stack != MAP_FAILED, "no memory");
	}
	memset(region, 0, DJ_HC_REGION_SIZE);
	fake = (struct fake){
		.region = region,
		.host = { .magic = DJ_HC_MAGIC },
		.clock = { UINT64_C(1700000000000000000), 1000000000 },
		.clock_step = 1000,
		.random_state = 1,
		.limit = UINT64_MAX,
	};
	memcpy(region + DJ_HC_CONFIG_OFF, &n, sizeof(n));
	if (len != 0)
		memcpy(region + DJ_HC_CONFIG_OFF + sizeof(n), block, len);
	fake_write_line();
	looks = 0;
	getcontext(&keep_ctx);
	keep_ctx.uc_stack.ss_sp = stack;
	keep_ctx.uc_stack.ss_size = STACK_SIZE;
	keep_ctx.uc_link = NULL;
	keep_main = main_fn;
	makecontext(&keep_ctx, entry, 0);
}

/* ---- the honest host ---- */

void fake_write_line(void)
{
	memcpy(fake.region + DJ_HC_HOST_OFF, &fake.host, sizeof(fake.host));
}

static struct dj_hc_keep keep_line(void)
{
	struct dj_hc_keep k;

	memcpy(&k, fake.region + DJ_HC_KEEP_OFF, sizeof(k));
	return k;
}

static void ring_copy_in(uint32_t pos, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		fake.region[DJ_HC_IN_OFF + (pos + i) % DJ_HC_RING] = p[i];
}

bool fake_put_frame(const void *frame, size_t len)
{
	uint32_t used = fake.host.in_head - keep_line().in_tail;

	if (len > DJ_HC_RING - used)
		return false;
	ring_copy_in(fake.host.in_head, frame, len);
	fake.host.in_head += (uint32_t)len;
	fake_write_line();
	return true;
}

static uint8_t out_byte(uint32_t pos)
{
	return fake.region[DJ_HC_OUT_OFF + pos % DJ_HC_RING];
}

bool fake_get_frame(uint8_t *buf, size_t *ret_len)
{
	uint32_t tail = fake.host.out_tail;
	uint32_t have = keep_line().out_head - tail;
	uint32_t n;

	must(have <= DJ_HC_RING, "the Keep overran its ring");
	if (have == 0)
		return false;
	must(have >= 8, "a frame was published in part");
	n = 8 +
		((uint32_t)out_byte(tail + 4) << 24 |
			(uint32_t)out_byte(tail + 5) << 16 |
			(uint32_t)out_byte(tail + 6) << 8 | out_byte(tail + 7));
	must(n <= have && n <= 8 + 16400, "a frame was published in part");
	for (uint32_t i = 0; i < n; i++)
		buf[i] = out_byte(tail + i);
	fake.host.out_tail += n;
	fake_write_line();
	*ret_len = n;
	return true;
}

void fake_serve(const struct dj_hc_keep *call)
{
	if (call->op == DJ_HC_CLOCK) {
		fake.clock[call->arg & 1] += fake.clock_step;
		fake.host.value = fake.clock[call->arg & 1];
		fake.host.error = 0;
		fake.clocks++;
	} else if (call->op == DJ_HC_REPORT) {
		memcpy(fake.report_data, fake.region + DJ_HC_DATA_OFF, 64);
		fake.host.len = 1184;
		fake.host.error = fake.no_report ? 95 : 0;
		fake.reports++;
	} else {
		return;
	}
	fake.host.reply_seq = call->seq;
	fake_write_line();
}

/* ---- keep/shim.h ---- */

void dj_shim_copy_in(size_t off, void *dst, size_t len)
{
	must(off <= DJ_HC_REGION_SIZE && len <= DJ_HC_REGION_SIZE - off,
		"copy in outside the region");
	if (fake.before_copy_in != NULL)
		fake.before_copy_in(off, len);
	memcpy(dst, fake.region + off, len);
	if (fake.after_copy_in != NULL)
		fake.after_copy_in(off, len);
}

void dj_shim_copy_out(size_t off, const void *src, size_t len)
{
	must(off <= DJ_HC_REGION_SIZE && len <= DJ_HC_REGION_SIZE - off,
		"copy out outside the region");
	must(off + len <= DJ_HC_HOST_OFF || off >= DJ_HC_OUT_OFF,
		"the Keep wrote to a line of the host");
	memcpy(fake.region + off, src, len);
	if (fake.after_copy_out != NULL)
		fake.after_copy_out(off, len);
}

bool dj_shim_attention(void)
{
	if (fake.yield_after != 0 && ++looks >= fake.yield_after) {
		looks = 0;
		fake.state = FAKE_COMPUTES;
		to_test();
	}
	return fake.attention;
}

void dj_shim_kick(void)
{
	struct dj_hc_keep k = keep_line();

	fake.kicks++;
	must(k.begin == k.seq, "a call was kicked half written");
	if (k.op == DJ_HC_WAIT)
		fake.deadline = k.arg;
	if (k.seq == fake.host.reply_seq || k.op == DJ_HC_NONE)
		return;
	if (fake.serve != NULL)
		fake.serve(&k);
	else
		fake_serve(&k);
}

void dj_shim_wait(void)
{
	fake.waits++;
	fake.state = FAKE_WAITS;
	to_test();
}

dj_status dj_shim_random(void *dst, size_t len)
{
	uint8_t *p = dst;

	if (fake.no_random)
		return DJ_E_HOST;
	/* splitmix64: the run is a function of the seed. */
	for (size_t i = 0; i < len; i++) {
		uint64_t z = fake.random_state += UINT64_C(0x9e3779b97f4a7c15);

		z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
		z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
		p[i] = (uint8_t)(z ^ z >> 31);
	}
	return DJ_OK;
}

dj_status dj_shim_report(const uint8_t data[static 64])
{
	uint64_t value;
	uint32_t len;

	dj_shim_copy_out(DJ_HC_DATA_OFF, data, 64);
	return dj_hc_call(DJ_HC_REPORT, 0, &value, &len);
}

void dj_shim_memory_limit(uint64_t total)
{
	fake.limit = total;
}

void *dj_shim_reserve(size_t len)
{
	void *p;

	must(len != 0 && len % DJ_SHIM_PAGE == 0, "reserve of a broken page");
	p = mmap(NULL, len, PROT_NONE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED || reserved_count == RANGES)
		return NULL;
	reserved[reserved_count++] = (struct range){ p, len };
	return p;
}

dj_status dj_shim_commit(void *p, size_t len)
{
	must(((uintptr_t)p | len) % DJ_SHIM_PAGE == 0,
		"commit of a broken page");
	if (len > fake.limit - fake.committed)
		return DJ_E_NOMEM;
	must(committed_count < RANGES, "too many commits");
	must(mprotect(p, len, PROT_READ | PROT_WRITE) == 0,
		"commit of what was not reserved");
	committed[committed_count++] = (struct range){ p, len };
	fake.committed += len;
	if (fake.committed > fake.peak)
		fake.peak = fake.committed;
	return DJ_OK;
}

dj_status dj_shim_exec(void *p, size_t len)
{
	return mprotect(p, len, PROT_READ | PROT_EXEC) == 0 ? DJ_OK : DJ_E_SYS;
}

void dj_shim_unexec(void *p, size_t len)
{
	must(mprotect(p, len, PROT_READ | PROT_WRITE) == 0,
		"code of what was not reserved");
}

static void forget(struct range *list, size_t *count, const uint8_t *p,
	size_t len, uint64_t *ret_dropped)
{
	for (size_t i = *count; i > 0; i--) {
		if (list[i - 1].p < p || list[i - 1].p >= p + len)
			continue;
		*ret_dropped += list[i - 1].len;
		list[i - 1] = list[--*count];
	}
}

/* What is given back may be another's next: it is wiped before. */
static bool is_wiped(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < committed_count; i++) {
		const struct range *r = &committed[i];

		if (r->p >= p && r->p < p + len &&
			(r->p[0] != 0 ||
				memcmp(r->p, r->p + 1, r->len - 1) != 0))
			return false;
	}
	return true;
}

void dj_shim_release(void *p, size_t len)
{
	uint64_t gone = 0, back = 0;

	must(len % DJ_SHIM_PAGE == 0, "release of a broken page");
	must(is_wiped(p, len), "release of what was not wiped");
	forget(committed, &committed_count, p, len, &gone);
	forget(reserved, &reserved_count, p, len, &back);
	must(back == len, "release of what was not reserved");
	must(fake.committed >= gone, "accounting");
	fake.committed -= gone;
	munmap(p, len);
}

uint64_t dj_shim_committed(uint64_t *ret_peak)
{
	*ret_peak = fake.peak;
	return fake.committed;
}

_Noreturn void dj_shim_halt(enum dj_halt code)
{
	fake.state = FAKE_HALTED;
	fake.halt = code;
	to_test();
	abort();
}

/* ---- scans ---- */

__attribute__((no_sanitize("address", "undefined"))) static bool same8(
	const uint8_t *a, const uint8_t *b)
{
	for (int i = 0; i < 8; i++)
		if (a[i] != b[i])
			return false;
	return true;
}

/* Not memmem: it may not look between variables under the sanitizer. */
__attribute__((no_sanitize("address", "undefined"))) static bool has(
	const uint8_t *hay, size_t len, const uint8_t *needle,
	size_t needle_len)
{
	static uint8_t first[65536];
	bool found = false;

	for (size_t i = 0; i + 8 <= needle_len; i++)
		first[needle[i] | needle[i + 1] << 8] = 1;
	for (size_t at = 0; at + 8 <= len && !found; at++) {
		if (!first[hay[at] | hay[at + 1] << 8])
			continue;
		for (size_t i = 0; i + 8 <= needle_len && !found; i++)
			found = same8(hay + at, needle + i);
	}
	for (size_t i = 0; i + 8 <= needle_len; i++)
		first[needle[i] | needle[i + 1] << 8] = 0;
	return found;
}

bool fake_region_has(const void *needle, size_t len)
{
	return has(fake.region, DJ_HC_REGION_SIZE, needle, len);
}

/* This program's own data: the core's static state is in there. */
extern uint8_t __data_start[], _end[];

bool fake_memory_has(const void *needle, size_t len)
{
	if (has(__data_start, (size_t)(_end - __data_start), needle, len) ||
		has(stack, STACK_SIZE, needle, len))
		return true;
	for (size_t i = 0; i < committed_count; i++)
		if (has(committed[i].p, committed[i].len, needle, len))
			return true;
	return false;
}
