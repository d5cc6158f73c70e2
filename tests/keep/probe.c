// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "keep/shim.h"

/*
 * A core for tests of the process shim and its jail: behaves as it is told
 * by the host, and badly if told to. tests/integration/process_jail.py is the
 * host. Commands are messages of 32 bytes in the ring's first place; the
 * answer is 8 bytes at the start of the out ring, then the bytes asked for.
 *
 *   0  u64 sequence number, not 0: changed last
 *   8  u64 op, enum below      16, 24  u64 arguments
 */
enum op {
	ECHO = 1,    /* arguments: length; bytes follow at 64 */
	SYSCALL = 2, /* argument: which of calls[] */
	RANDOM = 3,  /* argument: how many bytes */
	MEMORY = 4,  /* argument: what to ask of the memory functions */
	FAULT = 5,   /* argument: enum fault */
	HALT = 6,    /* argument: the code */
	REPORT = 7,  /* 64 bytes follow at 64 */
	SPIN = 8,    /* computes until attention is set */
	HASH = 9,    /* FNV-1a of [first, first + second) of its memory */
	SEAL = 10,   /* argument: 0 what to seal with, 1 the key */
	OLD = 11,    /* argument: number of a call by int 0x80 */
};

enum fault {
	READ_NULL,
	WRITE_CODE,
	RUN_DATA,
	STACK,
	DIVIDE,
	TRAP,
	ILLEGAL
};

struct command {
	uint64_t seq, op, a, b;
};

int64_t dj_process_syscall(int64_t nr, uint64_t a, uint64_t b, uint64_t c,
	uint64_t d, uint64_t e, uint64_t f);

struct call {
	int64_t nr;
	uint64_t a, b, c, d, e, f;
};

static char path[] = "/etc/passwd";
static uint64_t word = 1;
#define P(x) ((uint64_t)(uintptr_t)(x))

/* Order and names as in tests/integration/process_jail.py. */
static int64_t do_call(uint64_t which)
{
	const uint64_t page = P(path) & ~4095ul;
	const uint64_t none = (uint64_t)-1;
	const struct call calls[] = {
		{ 2, P(path), 0, 0, 0, 0, 0 },           /* open */
		{ 257, none - 99, P(path), 0, 0, 0, 0 }, /* openat */
		{ 41, 2, 1, 0, 0, 0, 0 },                /* socket */
		{ 57, 0, 0, 0, 0, 0, 0 },                /* fork */
		{ 56, 17, 0, 0, 0, 0, 0 },               /* clone */
		{ 435, 0, 0, 0, 0, 0, 0 },               /* clone3 */
		{ 59, P(path), 0, 0, 0, 0, 0 },          /* execve */
		{ 322, 0, P(path), 0, 0, 4096, 0 },      /* execveat */
		{ 101, 16, 1, 0, 0, 0, 0 },              /* ptrace */
		{ 62, 1, 9, 0, 0, 0, 0 },                /* kill */
		{ 310, 1, 0, 0, 0, 0, 0 },               /* process_vm_readv */
		{ 9, 0, 4096, 7, 0x22, none, 0 },        /* mmap W+X */
		{ 9, 0, 4096, 5, 0x22, none, 0 },        /* mmap X */
		{ 9, 0, 4096, 3, 0x22, none, 0 },        /* mmap W */
		{ 9, 0, 4096, 0, 0x1, 5, 0 },            /* mmap a descriptor */
		{ 9, 0x400000, 4096, 0, 0x4032, none, 0 }, /* mmap fixed */
		{ 10, page, 4096, 7, 0, 0, 0 },            /* mprotect W+X */
		{ 10, page, 4096, 4, 0, 0, 0 },           /* mprotect X alone */
		{ 1, 6, P(&word), 8, 0, 0, 0 },           /* write to 6 */
		{ 1, 2, P(&word), 8, 0, 0, 0 },           /* write to 2 */
		{ 1, 5, P(&word), 4, 0, 0, 0 },           /* write 4 bytes */
		{ 1, 0x100000005, P(&word), 8, 0, 0, 0 }, /* high half set */
		{ 0, 5, P(&word), 8, 0, 0, 0 },           /* read from 5 */
		{ 0, 3, P(&word), 8, 0, 0, 0 },           /* read from 3 */
		{ 32, 5, 0, 0, 0, 0, 0 },                 /* dup */
		{ 3, 5, 0, 0, 0, 0, 0 },                  /* close */
		{ 157, 4, 1, 0, 0, 0, 0 },                /* prctl dumpable */
		{ 317, 0, 0, 0, 0, 0, 0 },                /* seccomp */
		{ 16, 5, 0, 0, 0, 0, 0 },                 /* ioctl */
		{ 39, 0, 0, 0, 0, 0, 0 },                 /* getpid */
		{ 228, 1, P(&word), 0, 0, 0, 0 },         /* clock_gettime */
		{ 15, 0, 0, 0, 0, 0, 0 },                 /* rt_sigreturn */
		{ 425, 1, P(&word), 0, 0, 0, 0 },         /* io_uring_setup */
		{ 321, 0, P(&word), 8, 0, 0, 0 },         /* bpf */
		{ 0x40000000 + 1, 5, P(&word), 8, 0, 0, 0 }, /* x32 write */
	};
	const struct call *c = &calls[which];

	if (which >= sizeof(calls) / sizeof(calls[0]))
		return -1;
	return dj_process_syscall(c->nr, c->a, c->b, c->c, c->d, c->e, c->f);
}

/* The other way into the kernel, which the check of images forbids. */
static void run(const void *code)
{
	void (*f)(void);

	memcpy(&f, &code, sizeof(f));
	f();
}

static int recurse(volatile char *outer, int n)
{
	volatile char here[1024];

	here[n % 1024] = outer[0];
	return n == 0 ? here[0] : recurse(here, n - 1) + here[1];
}

static int64_t do_fault(enum fault what)
{
	static const char byte = 1;
	volatile char *null = NULL;
	int zero = 0;
	volatile char *code;
	char c = 0;

	__asm__("" : "+r"(null));
	switch (what) {
	case READ_NULL:
		return *null;
	case WRITE_CODE:
		code = (volatile char *)(uintptr_t)&dj_keep_main;
		*code = 1;
		return 0;
	case RUN_DATA:
		run(&word);
		return 0;
	case STACK:
		c = byte;
		return recurse(&c, 1 << 20);
	case DIVIDE:
		__asm__ volatile("divl %0" : : "r"(zero) : "eax", "edx");
		return 0;
	case TRAP:
		__asm__ volatile("int3");
		return 0;
	case ILLEGAL:
		__asm__ volatile("ud2");
		return 0;
	}
	return -1;
}

/* Each returns 0 when the promise of keep/shim.h holds. */
static int64_t do_memory(uint64_t limit)
{
	const size_t len = 1 << 20;
	uint64_t before, peak;
	uint8_t *p, *q;

	dj_shim_memory_limit(limit);
	before = dj_shim_committed(&peak);
	if (before != 0)
		return 1;
	p = dj_shim_reserve((size_t)8 << 30);
	q = dj_shim_reserve(len);
	if (p == NULL || q == NULL)
		return 2;
	if (dj_shim_commit(p, limit) != DJ_OK)
		return 3;
	if (dj_shim_commit(q, 4096) != DJ_E_NOMEM)
		return 4;
	if (dj_shim_committed(&peak) != limit || peak != limit)
		return 5;
	for (size_t i = 0; i < limit; i += 4096) {
		if (p[i] != 0)
			return 6;
		p[i] = 1;
	}
	dj_shim_release(p, (size_t)8 << 30);
	if (dj_shim_committed(&peak) != 0 || peak != limit)
		return 7;
	if (dj_shim_commit(q, len) != DJ_OK || q[len - 1] != 0)
		return 8;
	dj_shim_release(q, len);
	return 0;
}

static uint8_t buf[4096];

static dj_status do_seal(bool is_key)
{
	struct dj_shim_seal s = { 0 };
	DJ_SECRET struct dj_key key;

	return is_key ? dj_shim_seal_key(&s, &key) : dj_shim_seal_now(&s);
}

/* Native code that makes a call of the 32-bit machine, with zeros. */
static int64_t do_old(uint64_t nr)
{
	/* Inverted: the bytes themselves have no place in an image. */
	static const uint8_t code[] = { (uint8_t)~0xb8, 0, 0xff, 0xff, 0xff,
		(uint8_t)~0x31, (uint8_t)~0xdb, (uint8_t)~0x31, (uint8_t)~0xc9,
		(uint8_t)~0x31, (uint8_t)~0xd2, (uint8_t)~0xcd, (uint8_t)~0x80,
		(uint8_t)~0xc3 };
	uint8_t *p = dj_shim_reserve(DJ_SHIM_PAGE);

	if (p == NULL || dj_shim_commit(p, DJ_SHIM_PAGE) != DJ_OK)
		return -1;
	for (size_t i = 0; i < sizeof(code); i++)
		p[i] = (uint8_t)~code[i];
	p[1] = (uint8_t)nr;
	if (dj_shim_exec(p, DJ_SHIM_PAGE) != DJ_OK)
		return -1;
	run(p);
	return 0;
}

static int64_t act(const struct command *c, size_t *ret_len)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	switch ((enum op)c->op) {
	case ECHO:
		*ret_len = c->a < sizeof(buf) ? c->a : sizeof(buf);
		dj_shim_copy_in(DJ_HC_IN_OFF + 64 + c->b, buf, *ret_len);
		return 0;
	case SYSCALL:
		return do_call(c->a);
	case RANDOM:
		*ret_len = c->a < sizeof(buf) ? c->a : sizeof(buf);
		return dj_shim_random(buf, *ret_len);
	case MEMORY:
		return do_memory(c->a);
	case FAULT:
		return do_fault((enum fault)c->a);
	case HALT:
		dj_shim_halt((enum dj_halt)c->a);
	case REPORT:
		dj_shim_copy_in(DJ_HC_IN_OFF + 64, buf, 64);
		return dj_shim_report(buf);
	case SPIN:
		while (!dj_shim_attention())
			h = h * 3 + 1;
		return 0;
	case HASH:
		for (uint64_t i = 0; i < c->b; i++)
			h = (h ^ ((const uint8_t *)(uintptr_t)c->a)[i]) *
				UINT64_C(0x100000001b3);
		return (int64_t)h;
	case SEAL:
		return do_seal(c->a == 1);
	case OLD:
		return do_old(c->a);
	}
	return -1;
}

/* No native code runs here: every fault is one. */
void dj_keep_fault(uintptr_t pc, uintptr_t addr, uintptr_t fp)
{
	(void)pc;
	(void)addr;
	(void)fp;
}

_Noreturn void dj_keep_main(void)
{
	struct command c;
	uint64_t done = 0;
	int64_t r;
	size_t len;

	for (;;) {
		dj_shim_copy_in(DJ_HC_IN_OFF, &c, sizeof(c));
		if (c.seq == done) {
			dj_shim_wait();
			continue;
		}
		len = 0;
		r = act(&c, &len);
		done = c.seq;
		dj_shim_copy_out(DJ_HC_OUT_OFF + 64, buf, len);
		dj_shim_copy_out(DJ_HC_OUT_OFF + 8, &r, sizeof(r));
		dj_shim_copy_out(DJ_HC_OUT_OFF, &done, sizeof(done));
		dj_shim_kick();
	}
}

/* The core's hostcall, in its shortest form. */
dj_status dj_hc_call(enum dj_hc_op op, uint64_t arg, uint64_t *ret_value,
	uint32_t *ret_len)
{
	static uint32_t seq;
	struct dj_hc_keep k = { .magic = DJ_HC_MAGIC, .op = op, .arg = arg };
	struct dj_hc_host h;

	dj_shim_copy_out(DJ_HC_KEEP_OFF, &k, sizeof(k));
	seq++;
	dj_shim_copy_out(DJ_HC_KEEP_OFF + offsetof(struct dj_hc_keep, seq),
		&seq, sizeof(seq));
	dj_shim_kick();
	do {
		dj_shim_wait();
		dj_shim_copy_in(DJ_HC_HOST_OFF, &h, sizeof(h));
	} while (h.reply_seq != seq);
	*ret_value = h.value;
	*ret_len = h.len;
	return h.error == 0 ? DJ_OK : DJ_E_HOST;
}
