// SPDX-License-Identifier: Apache-2.0
#include "client/aot/emit.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/*
 * A module is cut into parts by the bytes of its bodies, whatever the number
 * of threads, so that the image is the same. Where the code of a function
 * happens to have forbidden bytes, it is made again with other choices, and
 * the linker takes the later one.
 */
#define PART_BYTES           24576u
#define MAX_VARIANTS         24u
#define MAX_THREADS          64
/* Of processor time, for a part: far more than code takes that has an end. */
#define PATIENCE_MS          60000u
#define PATIENCE_MS_PER_BYTE 1u
/* A ppc64le call reaches 32 MiB of code; of bodies, what is surely less. */
#define NEAR_BYTES           (2u << 20)

const char *dj_aot_compiler_id(void)
{
	static char id[64];
	unsigned major, minor, patch;

	LLVMGetVersion(&major, &minor, &patch);
	snprintf(id, sizeof(id),
		"donjon " DJ_VERSION " llvm %u.%u.%u abi %d.%d code %d", major,
		minor, patch, DJ_NATIVE_VERSION, DJ_NATIVE_ABI, DJ_AOT_CODE);
	return id;
}

/* ---- parts ---- */

struct worker {
	struct work *w;
	pthread_t thread;
	clockid_t clock; /* its processor time */
	uint64_t since;  /* by it, when the part at hand was taken */
	uint32_t part;
	bool busy;
};

struct work {
	const struct job *job;
	struct part *parts;
	struct object *objects;
	uint32_t *funcs; /* 0, 1, 2, ... */
	uint32_t count, cap, next, done;
	uint64_t bytes_done, bytes_total;
	bool over;            /* nobody has a part, nobody takes one */
	pthread_mutex_t lock; /* of what follows, and of workers */
	pthread_cond_t ended; /* over is set */
	struct worker workers[MAX_THREADS];
	dj_status st;
	char *err;
	size_t err_cap;
};

static bool add_part(struct work *w, struct part part)
{
	if (w->count == w->cap) {
		uint32_t n = w->cap == 0 ? 64 : w->cap * 2;
		struct part *p = reallocarray(w->parts, n, sizeof(*p));
		struct object *o;

		if (p == NULL)
			return false;
		w->parts = p;
		o = reallocarray(w->objects, n, sizeof(*o));
		if (o == NULL)
			return false;
		w->objects = o;
		w->cap = n;
	}
	w->parts[w->count] = part;
	w->objects[w->count++] = (struct object){ 0 };
	return true;
}

/* The entries come first, so that no function is in front of them. */
static bool cut(struct work *w)
{
	const struct dj_wasm_module *m = w->job->m;
	uint32_t first = m->imported_funcs, size = 0;

	w->funcs = malloc(((size_t)m->func_count + 1) * sizeof(*w->funcs));
	if (w->funcs == NULL || !add_part(w, (struct part){ .thunks = true }))
		return false;
	for (uint32_t i = 0; i < m->func_count; i++)
		w->funcs[i] = i;
	for (uint32_t i = first; i < m->func_count; i++) {
		size += m->funcs[i].len + 64;
		if (size < PART_BYTES && i + 1 < m->func_count)
			continue;
		if (!add_part(w,
			    (struct part){ .funcs = w->funcs + first,
				    .n = i + 1 - first }))
			return false;
		first = i + 1;
		size = 0;
	}
	return true;
}

static uint64_t part_size(const struct work *w, const struct part *p)
{
	uint64_t size = 1;

	for (uint32_t i = 0; i < p->n; i++)
		size += w->job->m->funcs[p->funcs[i]].len;
	return size;
}

static void part_done(struct work *w, const struct part *p, dj_status st,
	const char *why)
{
	const struct dj_aot_options *o = &w->job->opt;

	(void)pthread_mutex_lock(&w->lock);
	w->bytes_done += part_size(w, p);
	if (st != DJ_OK && w->st == DJ_OK) {
		w->st = st;
		snprintf(w->err, w->err_cap, "%s", why);
	}
	if (w->st == DJ_OK && o->progress != NULL &&
		!o->progress(o->progress_ctx, w->bytes_done, w->bytes_total)) {
		w->st = DJ_E_STATE;
		snprintf(w->err, w->err_cap, "given up");
	}
	(void)pthread_mutex_unlock(&w->lock);
}

static uint64_t milliseconds(clockid_t clock)
{
	struct timespec t = { 0 };

	(void)clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static bool take_part(struct worker *k)
{
	struct work *w = k->w;

	(void)pthread_mutex_lock(&w->lock);
	k->busy = w->st == DJ_OK && w->next < w->count;
	if (k->busy) {
		k->part = w->next++;
		k->since = milliseconds(k->clock);
	}
	(void)pthread_mutex_unlock(&w->lock);
	return k->busy;
}

static void *run(void *arg)
{
	struct worker *k = arg;
	struct work *w = k->w;

	if (pthread_getcpuclockid(pthread_self(), &k->clock) != 0)
		k->clock = CLOCK_MONOTONIC;
	while (take_part(k)) {
		char why[200] = "out of memory";
		const struct part *p = &w->parts[k->part];
		dj_status st = unit_compile(w->job, p, &w->objects[k->part],
			why, sizeof(why));

		part_done(w, p, st, why);
	}
	return NULL;
}

/* ---- parts that come to no end ---- */

static uint64_t patience(const struct work *w, const struct part *p)
{
	uint32_t fixed = w->job->opt.patience_ms;

	return fixed != 0
		? fixed
		: PATIENCE_MS + part_size(w, p) * PATIENCE_MS_PER_BYTE;
}

/* A part that has had more than its time; locked. */
static const struct worker *overdue(const struct work *w)
{
	for (unsigned i = 0; i < MAX_THREADS; i++) {
		const struct worker *k = &w->workers[i];

		if (k->busy &&
			milliseconds(k->clock) - k->since >
				patience(w, &w->parts[k->part]))
			return k;
	}
	return NULL;
}

/* When to look next: in a second, or as soon as somebody is that impatient. */
static struct timespec next_look(const struct work *w)
{
	uint32_t ms = w->job->opt.patience_ms;
	struct timespec t;

	if (ms == 0 || ms > 1000)
		ms = 1000;
	(void)clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec += (long)ms * 1000000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

static void say_overdue(const struct work *w, const struct worker *k, char *why,
	size_t cap)
{
	const struct part *p = &w->parts[k->part];
	unsigned s = (unsigned)((milliseconds(k->clock) - k->since) / 1000);

	if (p->n == 0)
		snprintf(why, cap,
			"LLVM comes to no end with the entries of types (%u s "
			"so far); use --engine interp",
			s);
	else
		snprintf(why, cap,
			"LLVM comes to no end with functions %u to %u (%u s so "
			"far); use --engine interp",
			p->funcs[0], p->funcs[0] + p->n - 1, s);
}

static void *watch(void *arg)
{
	struct work *w = arg;
	const struct dj_aot_options *o = &w->job->opt;
	const struct worker *k = NULL;
	struct timespec until;
	char why[200];

	(void)pthread_mutex_lock(&w->lock);
	while (!w->over && k == NULL) {
		until = next_look(w);
		(void)pthread_cond_timedwait(&w->ended, &w->lock, &until);
		k = w->over ? NULL : overdue(w);
	}
	if (k != NULL)
		say_overdue(w, k, why, sizeof(why));
	(void)pthread_mutex_unlock(&w->lock);
	if (k != NULL)
		o->stuck(o->progress_ctx, why);
	return NULL;
}

static unsigned thread_count(const struct dj_aot_options *o, uint32_t parts)
{
	long n = o->threads != 0 ? (long)o->threads
				 : sysconf(_SC_NPROCESSORS_ONLN);

	if (n < 1)
		n = 1;
	if (n > MAX_THREADS)
		n = MAX_THREADS;
	return n > (long)parts ? (unsigned)parts : (unsigned)n;
}

static dj_status run_all(struct work *w)
{
	unsigned n = thread_count(&w->job->opt, w->count - w->next), started;
	pthread_t watcher;
	bool watched = false;

	for (unsigned i = 0; i < MAX_THREADS; i++)
		w->workers[i] = (struct worker){ .w = w };
	w->over = false;
	if (w->job->opt.stuck != NULL)
		watched = pthread_create(&watcher, NULL, watch, w) == 0;
	/* This thread is one of them; a start that fails is one less. */
	for (started = 0; started + 1 < n; started++)
		if (pthread_create(&w->workers[started + 1].thread, NULL, run,
			    &w->workers[started + 1]) != 0)
			break;
	(void)run(&w->workers[0]);
	for (unsigned i = 0; i < started; i++)
		(void)pthread_join(w->workers[i + 1].thread, NULL);
	(void)pthread_mutex_lock(&w->lock);
	w->over = true;
	(void)pthread_cond_signal(&w->ended);
	(void)pthread_mutex_unlock(&w->lock);
	if (watched)
		(void)pthread_join(watcher, NULL);
	return w->st;
}

/* ---- one image ---- */

/* Those that have forbidden bytes, once more, as variant v. */
static bool again(struct work *w, const uint8_t *bad, unsigned v)
{
	const struct dj_wasm_module *m = w->job->m;
	uint32_t own = m->func_count - m->imported_funcs;

	if (bad[own] != 0) {
		free(w->objects[0].bytes);
		w->objects[0] = (struct object){ 0 };
		w->parts[0].variant = v;
		if (unit_compile(w->job, &w->parts[0], &w->objects[0], w->err,
			    w->err_cap) != DJ_OK)
			return false;
	}
	for (uint32_t i = 0; i < own; i++)
		if (bad[i] != 0 &&
			!add_part(w,
				(struct part){ .funcs = w->funcs +
						m->imported_funcs + i,
					.n = 1,
					.variant = v }))
			return false;
	return true;
}

static dj_status link_until_clean(struct work *w, uint8_t **ret,
	size_t *ret_len)
{
	const struct dj_wasm_module *m = w->job->m;
	uint32_t own = m->func_count - m->imported_funcs;
	unsigned looks =
		w->job->opt.looks == 0 ? MAX_VARIANTS : w->job->opt.looks;
	uint8_t *bad = malloc((size_t)own + 1);
	dj_status st = DJ_E_NOMEM;

	*ret = NULL;
	for (unsigned v = 1; bad != NULL && v <= looks; v++) {
		memset(bad, 0, (size_t)own + 1);
		st = link_objects(w->job, w->objects, w->count, ret, ret_len,
			bad, w->err, w->err_cap);
		if (st != DJ_E_STATE)
			break;
		snprintf(w->err, w->err_cap,
			"native code without forbidden bytes cannot be made");
		if (!again(w, bad, v)) {
			st = DJ_E_SYS;
			break;
		}
		st = run_all(w);
		if (st != DJ_OK)
			break;
	}
	/* Every variant was made, and none was clean. */
	if (st == DJ_OK && *ret == NULL)
		st = DJ_E_LIMIT;
	free(bad);
	return st;
}

/* What is done if any function needs it. And is every instruction known? */
static dj_status look_through(struct job *j, char *err, size_t cap)
{
	const struct dj_wasm_module *m = j->m;
	bool tails = j->opt.tails;
	uint64_t bytes = 0;

	j->throws = m->tag_count != 0;
	for (uint32_t i = m->imported_funcs; i < m->func_count; i++) {
		uint32_t at = 0, op = 0;
		struct plan p;
		dj_status st = plan_make(m, i, j->dispatched, &p, &at, &op);

		if (st != DJ_OK) {
			snprintf(err, cap,
				"function %u, offset 0x%x: instruction 0x%x "
				"is not known to the compiler",
				i, at, op);
			return st;
		}
		tails = tails || p.tails;
		j->throws = j->throws || p.throws;
		j->far_calls = j->far_calls || p.jumps_out;
		bytes += m->funcs[i].len;
		plan_free(&p);
	}
	j->cc = tails && j->machine->tail_cc != 0 ? j->machine->tail_cc
						  : j->machine->cc;
	j->far_calls = j->opt.isa == DJ_ISA_PPC64LE &&
		(j->far_calls || bytes > NEAR_BYTES);
	return DJ_OK;
}

static bool find_ways(struct job *j)
{
	const struct dj_wasm_module *m = j->m;

	j->ways = calloc((size_t)m->types.count + 1, 1);
	j->dispatched = calloc((size_t)m->types.count + 1, sizeof(bool));
	if (j->ways == NULL || j->dispatched == NULL)
		return false;
	for (uint32_t i = 0; i < m->func_count; i++)
		j->ways[m->funcs[i].type] |=
			i < m->imported_funcs ? WAY_LEAVE : WAY_ENTER;
	return true;
}

bool dj_aot_tails(const struct dj_wasm_module *m)
{
	bool tails = false;

	for (uint32_t i = m->imported_funcs; i < m->func_count && !tails; i++) {
		uint32_t at = 0, op = 0;
		struct plan p;

		if (plan_make(m, i, NULL, &p, &at, &op) != DJ_OK)
			continue;
		tails = p.tails;
		plan_free(&p);
	}
	return tails;
}

dj_status dj_aot_compile(const struct dj_wasm_module *module,
	const struct dj_aot_options *options, uint8_t **ret, size_t *ret_len,
	char *err, size_t cap)
{
	struct job j = { .m = module, .opt = *options };
	struct work w = { .job = &j, .err = err, .err_cap = cap };
	dj_status st = choose_target(&j.opt, &j.machine, &j.target, err, cap);

	if (st != DJ_OK)
		return st;
	snprintf(err, cap, "out of memory");
	st = find_ways(&j) ? look_through(&j, err, cap) : DJ_E_NOMEM;
	if (st != DJ_OK || pthread_mutex_init(&w.lock, NULL) != 0) {
		st = st != DJ_OK ? st : DJ_E_SYS;
		goto out;
	}
	if (pthread_cond_init(&w.ended, NULL) != 0) {
		(void)pthread_mutex_destroy(&w.lock);
		st = DJ_E_SYS;
		goto out;
	}
	snprintf(err, cap, "out of memory");
	st = DJ_E_NOMEM;
	if (cut(&w)) {
		for (uint32_t i = 0; i < w.count; i++)
			w.bytes_total += part_size(&w, &w.parts[i]);
		st = run_all(&w);
	}
	if (st == DJ_OK)
		st = link_until_clean(&w, ret, ret_len);
	(void)pthread_cond_destroy(&w.ended);
	(void)pthread_mutex_destroy(&w.lock);
	for (uint32_t i = 0; i < w.count; i++)
		free(w.objects[i].bytes);
	free(w.objects);
	free(w.parts);
	free(w.funcs);
out:
	free(j.ways);
	free(j.dispatched);
	return st;
}
