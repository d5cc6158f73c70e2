// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "emu/sgx/cpu.h"
#include "host/launch/sgx.h"
#include "host/sign/sign.h"
#include "lib/evidence/sgx.h"
#include "lib/proto/hostcall.h"
#include "tests/keep/sealer.h"
#include "tests/tap.h"

/*
 * Who gets which sealing key of an SGX Keep: the shim and its EGETKEY in the
 * emulated processor, a core that tells its keys, and enclaves that differ
 * from the first in one thing each. Every enclave is a process.
 */
#define PAGE   4096
#define ASKS   8
#define SIGNED 2

static uint8_t image_file[1 << 20], changed_file[1 << 20];
static size_t image_len;
static EVP_PKEY *keys[SIGNED];

/* An enclave, and what is asked of it. */
struct who {
	bool other_image, is_debug, other_processor;
	uint16_t isvsvn, isvprodid;
	int signer;
};
struct ask {
	uint64_t op;
	struct dj_shim_seal what;
	struct sealer_answer answer;
	uint64_t left; /* copies of the key, or of a half, in the enclave */
};

static const struct who us = { .isvsvn = 3 };
static bool want_debug;

static int control(void *ctx, unsigned long request, void *arg)
{
	const struct sgx_enclave_create *c = arg;

	/* A loader that makes a debug enclave: bit 1 of the attributes. */
	if (request == SGX_IOC_ENCLAVE_CREATE && want_debug)
		((uint8_t *)(uintptr_t)c->src)[48] |= 2;
	return dj_emu_control(ctx, request, arg);
}

static const struct dj_sgx_machine machine = { .control = control,
	.map = dj_emu_map,
	.protect = dj_emu_protect,
	.enter = dj_emu_enter };

static bool sign(const struct who *w, const struct dj_image *img,
	uint8_t ret[static DJ_SGX_SIGSTRUCT])
{
	/* As donjon-sgx-sign does it, but that DEBUG may be set. */
	struct dj_sgx_sigstruct s = { .miscselect = DJ_SGX_MISCSELECT,
		.miscmask = UINT32_MAX,
		.flags = DJ_SGX_ATTR(DJ_SGX_ATTR_MODE64BIT),
		.flags_mask = ~(uint64_t)DJ_SGX_ATTR(DJ_SGX_ATTR_DEBUG),
		.xfrm = DJ_SGX_XFRM,
		.xfrm_mask = UINT64_MAX,
		.date = 0x20261126,
		.isvprodid = w->isvprodid,
		.isvsvn = w->isvsvn };

	if (dj_sgx_measure(img, s.mrenclave) != DJ_OK ||
		!dj_sgx_sign(keys[w->signer], &s))
		return false;
	dj_sgx_sigstruct_write(&s, ret);
	return true;
}

static uint8_t *region(size_t off)
{
	return (uint8_t *)(uintptr_t)(DJ_SGX_REGION + off);
}

static bool map_region(void)
{
	return mmap(region(0), DJ_HC_REGION_SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		       0) != MAP_FAILED;
}

/* Until it sleeps. */
static bool step(uint64_t tcs)
{
	struct sgx_enclave_run run = { .tcs = tcs };
	struct dj_sgx_left left;

	do {
		if (dj_sgx_enter(machine.enter, 0, DJ_SGX_EENTER, &run,
			    &left) != 0)
			return false;
	} while (left.rdi == DJ_SGX_CALL_KICK);
	return left.rdi == DJ_SGX_CALL_WAIT;
}

static uint64_t count(const uint8_t *p, size_t len, const uint8_t key[16])
{
	uint64_t n = 0;

	for (size_t i = 0; i + 16 <= len; i++)
		n += p[i] == key[0] && memcmp(p + i, key, 16) == 0;
	return n;
}

/* Looks through all of the enclave that there is, its stack included. */
static uint64_t left_in(const uint8_t key[static 32])
{
	uint64_t n = 0;

	for (uint64_t off = 0; off < (uint64_t)DJ_SGX_WINDOW + (16 << 20);
		off += PAGE) {
		const uint8_t *p =
			(const uint8_t *)(uintptr_t)(DJ_SGX_BASE + off);
		uint16_t e = *dj_emu_page(off);

		if ((e & DJ_SGX_TYPE) != DJ_SGX_REG ||
			(e & DJ_SGX_PENDING) != 0 ||
			mprotect((void *)(uintptr_t)p, PAGE,
				PROT_READ | PROT_WRITE) != 0)
			continue;
		n += count(p, PAGE, key) + count(p, PAGE, key + 16);
		dj_emu_sync(off, PAGE);
	}
	return n;
}

static bool serve(uint64_t tcs, struct ask *a, uint64_t seq)
{
	static const uint8_t none[32];
	struct sealer_command c = { .seq = seq, .op = a->op, .what = a->what };

	memcpy(region(DJ_HC_IN_OFF), &c, sizeof(c));
	if (!step(tcs))
		return false;
	memcpy(&a->answer, region(DJ_HC_OUT_OFF), sizeof(a->answer));
	if (memcmp(a->answer.key, none, 32) != 0)
		a->left = left_in(a->answer.key);
	return a->answer.seq == seq;
}

static int be(const struct who *w, struct ask *asks, size_t n)
{
	uint8_t sigstruct[DJ_SGX_SIGSTRUCT];
	struct dj_image img;

	memset(dj_emu_cpu.fuses, w->other_processor ? 8 : 7, 32);
	dj_emu_cpu.is_patched = true;
	want_debug = w->is_debug;
	if (!dj_emu_gate_init() || !map_region() ||
		dj_image_parse(w->other_image ? changed_file : image_file,
			image_len, &img) != DJ_OK ||
		!sign(w, &img, sigstruct) ||
		dj_sgx_build(&machine, &img, sigstruct) != NULL)
		return 1;
	for (size_t i = 0; i < n; i++) {
		if (!serve(dj_sgx_tcs_addr(&img), &asks[i], i + 1))
			return 2;
	}
	return 0;
}

/* Asks an enclave of its own; the answers come into asks. */
static bool ask(const struct who *w, struct ask *asks, size_t n)
{
	const size_t len = n * sizeof(*asks);
	struct ask *shared = mmap(NULL, len, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status = -1;
	pid_t pid;

	if (shared == MAP_FAILED)
		return false;
	memcpy(shared, asks, len);
	(void)fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(be(w, shared, n));
	(void)waitpid(pid, &status, 0);
	memcpy(asks, shared, len);
	(void)munmap(shared, len);
	return ok(status == 0);
}

static struct ask key_of(enum dj_shim_seal_to to, const struct dj_shim_seal *s)
{
	struct ask a = { .op = SEALER_KEY, .what = *s };

	a.what.to = to;
	return a;
}

/* The first enclave's versions, and its two keys with them. */
static struct dj_shim_seal now;
static uint8_t image_key[32], signer_key[32];

static bool same(const struct ask *a, const uint8_t key[static 32])
{
	return a->answer.status == DJ_OK && memcmp(a->answer.key, key, 32) == 0;
}

static void what_to_ask_with_has_the_versions_of_now(void)
{
	struct ask a[3] = { { .op = SEALER_NOW } };

	if (!ask(&us, a, 1))
		return;
	eq_u64(a[0].answer.status, DJ_OK);
	now = a[0].answer.now;
	eq_u64(now.to, DJ_SHIM_SEAL_IMAGE);
	eq_u64(now.svn, 3);
	eq_mem(now.platform, dj_emu_cpusvn, 16);
	a[0] = key_of(DJ_SHIM_SEAL_IMAGE, &now);
	a[1] = key_of(DJ_SHIM_SEAL_SIGNER, &now);
	if (!ask(&us, a, 2))
		return;
	ok(a[0].answer.status == DJ_OK && a[1].answer.status == DJ_OK);
	memcpy(image_key, a[0].answer.key, 32);
	memcpy(signer_key, a[1].answer.key, 32);
	ok(memcmp(image_key, signer_key, 32) != 0);
	ok(memcmp(image_key, image_key + 16, 16) != 0);
}

static void the_same_enclave_gets_it_again_and_keeps_no_copy(void)
{
	struct ask a[4] = { key_of(DJ_SHIM_SEAL_IMAGE, &now),
		key_of(DJ_SHIM_SEAL_SIGNER, &now),
		key_of(DJ_SHIM_SEAL_IMAGE, &now) };

	if (!ask(&us, a, 3))
		return;
	ok(same(&a[0], image_key) && same(&a[1], signer_key) &&
		same(&a[2], image_key));
	for (int i = 0; i < 3; i++)
		eq_u64(a[i].left, 0);
}

static void who_differs_in_one_thing_gets_another_key_or_none(void)
{
	static const struct {
		const char *what;
		struct who who;
		bool has_image, has_signer;
	} cases[] = {
		{ "the same, once more", { .isvsvn = 3 }, true, true },
		{ "another measurement", { .isvsvn = 3, .other_image = true },
			false, true },
		{ "another signer", { .isvsvn = 3, .signer = 1 }, true, false },
		{ "both", { .isvsvn = 3, .other_image = true, .signer = 1 },
			false, false },
		{ "a newer image", { .isvsvn = 4 }, true, true },
		{ "another product", { .isvsvn = 3, .isvprodid = 1 }, false,
			false },
		{ "a debug enclave", { .isvsvn = 3, .is_debug = true }, false,
			false },
		{ "another processor", { .isvsvn = 3, .other_processor = true },
			false, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ask a[2] = { key_of(DJ_SHIM_SEAL_IMAGE, &now),
			key_of(DJ_SHIM_SEAL_SIGNER, &now) };
		bool good = ask(&cases[i].who, a, 2) &&
			a[0].answer.status == DJ_OK &&
			a[1].answer.status == DJ_OK;

		if (!ok(good && same(&a[0], image_key) == cases[i].has_image &&
			    same(&a[1], signer_key) == cases[i].has_signer))
			printf("# %s\n", cases[i].what);
	}
}

static void newer_versions_are_refused_and_older_ones_are_other_keys(void)
{
	const struct who older = { .isvsvn = 2 };
	struct ask a[ASKS], b[1] = { key_of(DJ_SHIM_SEAL_SIGNER, &now) };

	for (int i = 0; i < 6; i++)
		a[i] = key_of(DJ_SHIM_SEAL_IMAGE, &now);
	a[0].what.svn = 4;
	a[1].what.svn = 0x10003; /* not 3 with what is above cut off */
	a[2].what.platform[0]++;
	a[3].what.platform[15]++;
	a[4].what.svn = 2;
	a[5].what.platform[7]--;
	if (!ask(&us, a, 6))
		return;
	for (int i = 0; i < 4; i++)
		eq_u64(a[i].answer.status, DJ_E_AUTH);
	ok(a[4].answer.status == DJ_OK && !same(&a[4], image_key));
	ok(a[5].answer.status == DJ_OK && !same(&a[5], image_key));
	/* An older image of the signer's stays out of what is sealed now. */
	if (ask(&older, b, 1))
		eq_u64(b[0].answer.status, DJ_E_AUTH);
}

static bool prepare(void)
{
	FILE *f = fopen("build/keep-test/sealer-sgx.elf", "rb");
	struct dj_image img;
	size_t last;

	if (f == NULL)
		return false;
	image_len = fread(image_file, 1, sizeof(image_file), f);
	if (fclose(f) != 0 ||
		dj_image_parse(image_file, image_len, &img) != DJ_OK)
		return false;
	/* The padding of its constants: it runs as the other does. */
	last = img.segments[0].file_off + img.segments[0].file_size - 1;
	memcpy(changed_file, image_file, image_len);
	changed_file[last] ^= 1;
	for (int i = 0; i < SIGNED; i++)
		keys[i] = dj_sgx_new_key();
	return keys[0] != NULL && keys[1] != NULL;
}

int main(void)
{
#ifdef __SANITIZE_ADDRESS__
	printf("1..0 # SKIP an enclave's addresses are the sanitizer's own\n");
	return 0;
#endif
	dj_image_use_cpu();
	if (!prepare()) {
		printf("1..0 # SKIP no build/keep-test/sealer-sgx.elf\n");
		return 0;
	}
	RUN(what_to_ask_with_has_the_versions_of_now);
	RUN(the_same_enclave_gets_it_again_and_keeps_no_copy);
	RUN(who_differs_in_one_thing_gets_another_key_or_none);
	RUN(newer_versions_are_refused_and_older_ones_are_other_keys);
	return done();
}
