// SPDX-License-Identifier: Apache-2.0
/*
 * Enough of WASI for the benchmarks under wabt's wasm2c: arguments, clocks,
 * output. What else a module imports gets a stub that answers ENOSYS, made
 * by tools/bench-engine. Addresses are trusted: the modules are our own.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "module.h"

#define WASI(name) Z_wasi_snapshot_preview1Z_##name
#define HOST       struct Z_wasi_snapshot_preview1_instance_t *h

enum {
	BADF = 8,
	FILETYPE_CHARACTERS = 2
};

struct Z_wasi_snapshot_preview1_instance_t {
	int argc;
	char **argv;
};

static Z_bench_instance_t inst;

static uint8_t *at(u32 addr)
{
	return inst.w2c_memory.data + addr;
}

static void put(u32 addr, u32 v)
{
	memcpy(at(addr), &v, sizeof(v));
}

static u32 get(u32 addr)
{
	u32 v;

	memcpy(&v, at(addr), sizeof(v));
	return v;
}

u32 WASI(args_sizes_get)(HOST, u32 count, u32 size)
{
	size_t n = 0;

	for (int i = 0; i < h->argc; i++)
		n += strlen(h->argv[i]) + 1;
	put(count, (u32)h->argc);
	put(size, (u32)n);
	return 0;
}

u32 WASI(args_get)(HOST, u32 list, u32 text)
{
	for (int i = 0; i < h->argc; i++) {
		size_t n = strlen(h->argv[i]) + 1;

		put(list + 4 * (u32)i, text);
		memcpy(at(text), h->argv[i], n);
		text += (u32)n;
	}
	return 0;
}

u32 WASI(clock_time_get)(HOST, u32 id, u64 precision, u32 ret)
{
	struct timespec t;
	u64 ns;

	(void)h;
	(void)precision;
	clock_gettime(id == 0 ? CLOCK_REALTIME : CLOCK_MONOTONIC, &t);
	ns = (u64)t.tv_sec * 1000000000 + (u64)t.tv_nsec;
	memcpy(at(ret), &ns, sizeof(ns));
	return 0;
}

u32 WASI(fd_write)(HOST, u32 fd, u32 list, u32 count, u32 ret)
{
	u32 total = 0;

	(void)h;
	if (fd != 1 && fd != 2)
		return BADF;
	for (u32 i = 0; i < count; i++) {
		u32 len = get(list + 8 * i + 4);

		if (write((int)fd, at(get(list + 8 * i)), len) != (ssize_t)len)
			return BADF;
		total += len;
	}
	put(ret, total);
	return 0;
}

u32 WASI(fd_fdstat_get)(HOST, u32 fd, u32 ret)
{
	(void)h;
	if (fd > 2)
		return BADF;
	memset(at(ret), 0, 24);
	*at(ret) = FILETYPE_CHARACTERS;
	memset(at(ret) + 8, 0xff, 16);
	return 0;
}

u32 WASI(fd_prestat_get)(HOST, u32 fd, u32 ret)
{
	(void)h;
	(void)fd;
	(void)ret;
	return BADF;
}

void WASI(proc_exit)(HOST, u32 code)
{
	(void)h;
	exit((int)code);
}

int main(int argc, char **argv)
{
	struct Z_wasi_snapshot_preview1_instance_t host = { argc, argv };

	wasm_rt_init();
	Z_bench_init_module();
	Z_bench_instantiate(&inst, &host);
	Z_benchZ__start(&inst);
	return 0;
}
