// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/wasm/trap.h"
#include "tests/support/hostmem.h"
#include "tests/wasmdiff/wasmdiff.h"

const char *const engine_names[ENGINES] = { "interpreter", "guard", "checks",
	"v8" };

/*
 * What V8 tells. It has one trap for two of ours: a null function and one of
 * another type, a conversion of a NaN and of what is too large.
 */
static char folded(char trap)
{
	return (char)(trap == '5' || trap == '8' ? trap - 1 : trap);
}

static void fold(const struct text *from, struct text *ret)
{
	const char *p = from->p, *end;

	ret->len = 0;
	ret->p[0] = '\0';
	for (; *p != '\0'; p = end + 1) {
		size_t n;

		end = strchr(p, '\n');
		if (end == NULL)
			break;
		n = (size_t)(end - p);
		if (*p == '.')
			continue;
		if (n > 7 && memcmp(end - 7, " trap ", 6) == 0)
			text_add(ret, "%.*s%c\n", (int)n - 1, p,
				folded(end[-1]));
		else
			text_add(ret, "%.*s\n", (int)n, p);
	}
}

static void show(const char *what, const struct text *a, const char *other,
	const struct text *b)
{
	const char *p = a->p, *q = b->p;

	for (int shown = 0; (*p != '\0' || *q != '\0') && shown < 12;) {
		size_t n = strcspn(p, "\n"), m = strcspn(q, "\n");

		if (n != m || memcmp(p, q, n) != 0) {
			printf("# %s: %.*s\n# %s: %.*s\n", what, (int)n, p,
				other, (int)m, q);
			shown++;
		}
		p += n + (p[n] == '\n');
		q += m + (q[m] == '\n');
	}
}

/* False: there is nothing to ask V8. */
static bool plan_for(const uint8_t *bytes, size_t len, struct text *ret)
{
	struct dj_wasm_module *m;
	struct dj_wasm_error err;
	struct dj_arena arena;
	bool good;

	ret->len = 0;
	ret->p[0] = '\0';
	if (!hostmem_arena(&arena, (size_t)2 << 30))
		abort();
	good = dj_wasm_load(bytes, len, &arena, &m, &err) != DJ_OK ||
		plan_write(m, ret);
	hostmem_arena_done(&arena);
	return good;
}

/* Did a call of this name end by what V8 has not, or has at another place? */
static bool has_no_end(const struct text *seen, const char *name, size_t len)
{
	static const char trap[] = " trap ";
	const char *p = seen->p;
	int code;

	for (; *p != '\0'; p += strcspn(p, "\n") + 1) {
		if (strncmp(p, name, len) != 0 ||
			strncmp(p + len, trap, sizeof(trap) - 1) != 0)
			continue;
		code = atoi(p + len + sizeof(trap) - 1);
		if (code == DJ_TRAP_FUEL || code == DJ_TRAP_TIME ||
			code == DJ_TRAP_STACK)
			return true;
	}
	return false;
}

/* The plan without them; false: it had none. */
static bool without_endless(const struct text *seen, struct text *plan)
{
	static struct text less;
	const char *p = plan->p;

	less.len = 0;
	less.p[0] = '\0';
	for (size_t n; *p != '\0'; p += n) {
		n = strcspn(p, "\n") + 1;
		if (p[0] != 'r' ||
			!has_no_end(seen, p + 2, strcspn(p + 2, " ")))
			text_add(&less, "%.*s", (int)n, p);
	}
	if (less.len == plan->len)
		return false;
	*plan = less;
	return true;
}

/*
 * What does end, once more by the interpreter and by V8. Without one function
 * another may go on for longer, so that is asked until it holds.
 */
static bool ask_for_ends(const uint8_t *bytes, size_t len,
	const struct trial *how, struct outcome *base)
{
	static struct text plan;

	if (!plan_for(bytes, len, &plan))
		return false;
	for (int i = 0; without_endless(&base->text, &plan); i++) {
		if (i == 16)
			return false;
		engine_run(bytes, len, INTERPRETER, how, &plan, base);
	}
	/* An instance that does not start has nothing else to tell. */
	if (strncmp(base->text.p, "start\n", 6) != 0 ||
		base->text.len >= TEXT_MAX - 1)
		return false;
	(void)v8_send(bytes, len, &plan);
	return true;
}

static bool ask_v8(const uint8_t *bytes, size_t len)
{
	static struct text plan;

	if (!plan_for(bytes, len, &plan))
		return false;
	(void)v8_send(bytes, len, &plan);
	return true;
}

/*
 * What code with guard pages leaves behind where it faults is not said to be
 * exact: a store to a global or memory that later code makes good may be
 * missing. Nobody sees it in a Keep, where a trap is the end of the program.
 */
static void exact(const struct text *from, struct text *ret)
{
	const char *p = from->p;

	ret->len = 0;
	ret->p[0] = '\0';
	for (size_t n; *p != '\0'; p += n) {
		n = strcspn(p, "\n") + 1;
		if (p[0] != '~' && memcmp(p, ".~", 2) != 0)
			text_add(ret, "%.*s", (int)n, p);
	}
}

static bool same(enum engine e, const struct text *a, const struct text *b)
{
	static struct text x, y;

	if (e != GUARD)
		return strcmp(a->p, b->p) == 0;
	exact(a, &x);
	exact(b, &y);
	return strcmp(x.p, y.p) == 0;
}

static void differ(struct verdict *v, enum engine other, bool verbose,
	const struct text *a, const struct text *b)
{
	if (verbose)
		show("interpreter", a, engine_names[other], b);
	if (!v->differs)
		v->other = other;
	v->differs = true;
}

void check(const uint8_t *bytes, size_t len, const struct trial *how,
	bool verbose, struct verdict *ret)
{
	static struct outcome base, other;
	static struct text seen, v8;
	bool asks = (how->which >> V8 & 1) != 0;
	bool asked = asks && how->fuel == 0 && ask_v8(bytes, len);

	*ret = (struct verdict){ 0 };
	engine_run(bytes, len, INTERPRETER, how, NULL, &base);
	if (how->show)
		fputs(base.text.p, stdout);
	for (enum engine e = GUARD; e <= CHECKS; e++) {
		if ((how->which >> e & 1) == 0)
			continue;
		engine_run(bytes, len, e, how, NULL, &other);
		if (other.lacking) {
			ret->lacking = true;
			if (verbose)
				printf("# %s", other.text.p);
		} else if (!same(e, &base.text, &other.text)) {
			differ(ret, e, verbose, &base.text, &other.text);
		}
	}
	if (asks && how->fuel != 0)
		asked = ask_for_ends(bytes, len, how, &base);
	ret->with_v8 = asked;
	if (!asked)
		return;
	fold(&base.text, &seen);
	/* When node is gone, there is no answer, and that is a difference. */
	if (!v8_receive(&v8)) {
		v8.len = 0;
		text_add(&v8, "node is gone\n");
	}
	if (strcmp(seen.p, v8.p) != 0)
		differ(ret, V8, verbose, &seen, &v8);
}
