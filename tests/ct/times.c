// SPDX-License-Identifier: Apache-2.0
/*
 * A second look at constant time (promises 17 and 26), by the clock: each
 * operation runs on inputs of two classes, drawn at random, and Welch's t
 * says whether the two take different times. |t| under 4.5 says that they
 * were not told apart by this many measurements, no more; `make ct` (valgrind)
 * is the proof for the code itself. The slowest tenth of all measurements is
 * left out: interrupts. By hand, `make ct-times`: it needs minutes, and no
 * result of a clock belongs in a test that must always pass.
 *
 * Argument: measurements of each, 1,000,000 unless told.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <x86intrin.h>

#include "lib/base/secret.h"
#include "lib/crypto/cpu.h"
#include "lib/crypto/hmac.h"
#include "lib/crypto/hpke.h"
#include "lib/crypto/x25519.h"
#include "lib/session/chain.h"

#define FRAME (8 + 256 + 16)

static struct dj_chain tx, rx, rx_now;
static uint8_t sealed[FRAME], frame[DJ_RECORD_FRAME_MAX];
static uint8_t data[200], a[32], b[32], enc[32];
static struct dj_key key, out;
static struct dj_inner inner;
static volatile unsigned sink;

static void random_bytes(void *p, size_t len)
{
	if (getrandom(p, len, 0) != (ssize_t)len)
		abort();
}

static unsigned below(unsigned n)
{
	uint32_t r;

	random_bytes(&r, sizeof(r));
	return r % n;
}

/*
 * Class 0 is always the same secret, class 1 another each time. Both are made
 * by the same steps: what is measured next must not see which it was in the
 * caches.
 */
static void pick(uint8_t *p, size_t len, int class)
{
	uint8_t mask = (uint8_t) - class;

	random_bytes(p, len);
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)((p[i] & mask) | (0x5a & ~mask));
}

static void compare_pick(int class)
{
	memset(b, 0x5a, sizeof(b));
	pick(a, sizeof(a), class);
}

static void compare(void)
{
	sink = dj_ct_equal(a, b, sizeof(a));
}

/* What must be found: the test of this test. */
static void leaky(void)
{
	size_t i = 0;
	volatile const uint8_t *x = a, *y = b;

	while (i < sizeof(a) && x[i] == y[i])
		i++;
	sink = i == sizeof(a);
}

static void key_pick(int class)
{
	pick(key.b, sizeof(key.b), class);
}

static void mac(void)
{
	dj_hkdf_extract("salt", 4, key.b, sizeof(key.b), &out);
}

static void scalar(void)
{
	static const uint8_t base[32] = { 9 };

	sink = dj_x25519(&key, base, &out);
}

static void decap(void)
{
	sink = dj_kem_decap(&key, enc, &out);
}

static void seal_pick(int class)
{
	pick(data, sizeof(data), class);
	tx.number = 1;
}

static void seal(void)
{
	size_t n;

	sink = dj_chain_seal(&tx, DJ_KIND_DATA, 1, 0, data, sizeof(data), 0,
		frame, sizeof(frame), &n);
}

/* A record that is refused: its first byte is wrong, or any one is. */
static void refuse_pick(int class)
{
	memcpy(frame, sealed, sizeof(sealed));
	frame[8 + below(FRAME - 8) * (unsigned)class] ^= 1u << below(8);
	rx_now = rx;
}

static void open_record(void)
{
	sink = dj_chain_open(&rx_now, frame, FRAME, &inner);
}

/* One that opens, of a data of one kind or another. */
static void open_pick(int class)
{
	size_t n;

	seal_pick(class);
	if (dj_chain_seal(&tx, DJ_KIND_DATA, 1, 0, data, sizeof(data), 0, frame,
		    sizeof(frame), &n) != DJ_OK)
		abort();
	rx_now = rx;
}

struct sum {
	double n, mean, m2;
};

static void add(struct sum *s, double x)
{
	double d = x - s->mean;

	s->n++;
	s->mean += d / s->n;
	s->m2 += d * (x - s->mean);
}

static int by_size(const void *p, const void *q)
{
	uint64_t x = *(const uint64_t *)p, y = *(const uint64_t *)q;

	return (x > y) - (x < y);
}

static double t_of(const uint64_t *took, const uint8_t *class, size_t n)
{
	uint64_t *sorted = malloc(n * sizeof(*sorted)), most;
	struct sum s[2] = { { 0 } };

	if (sorted == NULL)
		abort();
	memcpy(sorted, took, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), by_size);
	most = sorted[n - n / 10 - 1];
	free(sorted);
	for (size_t i = 0; i < n; i++) {
		if (took[i] <= most)
			add(&s[class[i]], (double)took[i]);
	}
	return (s[0].mean - s[1].mean) /
		sqrt(s[0].m2 / (s[0].n - 1) / s[0].n +
			s[1].m2 / (s[1].n - 1) / s[1].n);
}

static bool same(const char *what, void (*prepare)(int), void (*run)(void),
	size_t n)
{
	uint64_t *took = malloc(n * sizeof(*took));
	uint8_t *class = malloc(n);
	unsigned cpu;
	double t;

	if (took == NULL || class == NULL)
		abort();
	for (size_t i = 0; i < n; i++) {
		uint64_t from;

		class[i] = (uint8_t)below(2);
		prepare(class[i]);
		_mm_lfence();
		from = __rdtsc();
		_mm_lfence();
		run();
		took[i] = __rdtscp(&cpu) - from;
	}
	t = fabs(t_of(took, class, n));
	free(took);
	free(class);
	printf("%-44s %9zu measurements, |t| %.2f\n", what, n, t);
	fflush(stdout);
	return t < 4.5;
}

static bool suite(uint16_t number, const char *name, size_t n)
{
	struct dj_key s;
	size_t len;
	char what[64];
	bool good = true;

	memset(s.b, 7, sizeof(s.b));
	if (dj_chain_init(&tx, number, &s) != DJ_OK ||
		dj_chain_init(&rx, number, &s) != DJ_OK)
		abort();
	tx.number = rx.number = 1;
	if (dj_chain_seal(&tx, DJ_KIND_DATA, 1, 0, data, sizeof(data), 0,
		    sealed, sizeof(sealed), &len) != DJ_OK ||
		len != FRAME)
		abort();
	snprintf(what, sizeof(what), "seal a record, %s", name);
	good &= same(what, seal_pick, seal, n);
	snprintf(what, sizeof(what), "open a record, %s", name);
	good &= same(what, open_pick, open_record, n);
	snprintf(what, sizeof(what), "refuse a record, %s", name);
	good &= same(what, refuse_pick, open_record, n);
	return good;
}

int main(int argc, char **argv)
{
	size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
	bool good = true;

	if (n < 100) {
		fputs("usage: times [MEASUREMENTS, at least 100]\n", stderr);
		return 2;
	}
	dj_crypto_cpu(dj_crypto_cpu_detect());
	random_bytes(enc, sizeof(enc));
	good &= same("compare 32 bytes", compare_pick, compare, n);
	good &= same("HMAC-SHA-256 with a key", key_pick, mac, n);
	good &= suite(1, "suite 1", n);
	good &= suite(2, "suite 2", n);
	good &= same("X25519, a scalar", key_pick, scalar, n / 10);
	good &= same("decapsulate", key_pick, decap, n / 10);
	if (same("(a compare that ends early: must be told)", compare_pick,
		    leaky, n))
		good = false;
	puts(good ? "not told apart" : "NOT as it should be");
	return good ? 0 : 1;
}
