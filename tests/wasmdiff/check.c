// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
static bool ask_v8(const uint8_t *bytes, size_t len)
{
	static struct text plan;
	struct dj_wasm_module *m;
	struct dj_wasm_error err;
	struct dj_arena arena;
	bool sent = false;

	if (!hostmem_arena(&arena, (size_t)64 << 20))
		abort();
	if (dj_wasm_load(bytes, len, &arena, &m, &err) != DJ_OK ||
		plan_write(m, &plan))
		sent = true;
	hostmem_arena_done(&arena);
	/* When node is gone, there is no answer, and that is a difference. */
	if (sent)
		(void)v8_send(bytes, len, &plan);
	return sent;
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
	bool asked = (how->which >> V8 & 1) != 0 && ask_v8(bytes, len);

	*ret = (struct verdict){ .with_v8 = asked };
	engine_run(bytes, len, INTERPRETER, 0, 0, &base);
	if (how->show)
		fputs(base.text.p, stdout);
	for (enum engine e = GUARD; e <= CHECKS; e++) {
		if ((how->which >> e & 1) == 0)
			continue;
		engine_run(bytes, len, e, how->optimise, how->level, &other);
		if (other.lacking) {
			ret->lacking = true;
			if (verbose)
				printf("# %s", other.text.p);
		} else if (!same(e, &base.text, &other.text)) {
			differ(ret, e, verbose, &base.text, &other.text);
		}
	}
	if (!asked)
		return;
	fold(&base.text, &seen);
	if (!v8_receive(&v8)) {
		v8.len = 0;
		text_add(&v8, "node is gone\n");
	}
	if (strcmp(seen.p, v8.p) != 0)
		differ(ret, V8, verbose, &seen, &v8);
}
