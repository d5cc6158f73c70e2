// SPDX-License-Identifier: Apache-2.0
#include "cli/args.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attest/suggest.h"

#define OPTIONS_MAX 64

/* The tables as getopt wants them. val is an index into of[] plus 256. */
struct tables {
	struct option longs[OPTIONS_MAX + 1];
	const struct dj_option *of[OPTIONS_MAX];
	const char *names[OPTIONS_MAX + 1];
	char shorts[2 * OPTIONS_MAX + 3];
	size_t count;
};

static void add_options(struct tables *t, const struct dj_option *o)
{
	char *s = t->shorts + strlen(t->shorts);

	for (; o != NULL && o->name != NULL && t->count < OPTIONS_MAX; o++) {
		t->longs[t->count] = (struct option){ o->name,
			o->arg != NULL ? required_argument : no_argument, NULL,
			256 + (int)t->count };
		t->of[t->count] = o;
		t->names[t->count++] = o->name;
		if (o->letter != 0) {
			*s++ = o->letter;
			if (o->arg != NULL)
				*s++ = ':';
		}
	}
	*s = '\0';
}

/* Before the verb, and where the operands may be a program's own. */
static bool takes_all(const struct dj_verb *verb)
{
	return verb == NULL || verb->max_operands == SIZE_MAX;
}

static void make_tables(struct tables *t, const struct dj_verb *verb)
{
	memset(t, 0, sizeof(*t));
	/*
	 * '+': stop at the first operand, since what follows may be for the
	 * program; '-': operands come as option 1, in their place, where the
	 * verb knows how many it takes. ':': tell a missing argument.
	 */
	strcpy(t->shorts, takes_all(verb) ? "+:" : "-:");
	add_options(t, dj_common_options);
	if (verb != NULL)
		add_options(t, verb->options);
}

static const struct dj_option *option_of(const struct tables *t, int c)
{
	if (c >= 256)
		return t->of[c - 256];
	for (size_t i = 0; i < t->count; i++) {
		if (t->of[i]->letter == c)
			return t->of[i];
	}
	return NULL;
}

static bool unknown_option(const struct dj_verb *verb, const struct tables *t,
	const char *word, struct dj_err *err)
{
	char shown[80], name[64];
	const char *near = NULL;
	size_t len = strcspn(word, "=");

	if (strncmp(word, "--", 2) == 0 && len - 2 < sizeof(name)) {
		memcpy(name, word + 2, len - 2);
		name[len - 2] = '\0';
		near = dj_suggest(name, t->names);
		for (size_t i = 0; near == NULL && i < t->count; i++) {
			if (strncmp(t->names[i], name, strlen(name)) == 0)
				near = t->names[i];
		}
	}
	dj_clean(shown, sizeof(shown), word, len);
	(void)dj_err_set(err, "usage.option", "%s%sthere is no option %s%s%s%s",
		verb == NULL ? "" : verb->name, verb == NULL ? "" : ": ", shown,
		near == NULL ? "" : "; did you mean --",
		near == NULL ? "" : near, near == NULL ? "" : "?");
	if (verb != NULL)
		dj_err_hint(err, "donjon help %s", verb->name);
	return false;
}

/* getopt takes abbreviations, and those change meaning with new options. */
static bool is_whole(const struct tables *t, const char *word)
{
	size_t len = strcspn(word + 2, "=");

	for (size_t i = 0; i < t->count; i++) {
		if (strlen(t->names[i]) == len &&
			memcmp(t->names[i], word + 2, len) == 0)
			return true;
	}
	return false;
}

static bool take(struct dj_cli *cli, const struct dj_option *o, char *value)
{
	struct dj_given *p =
		reallocarray(cli->given, cli->given_count + 1, sizeof(*p));

	if (p == NULL)
		return false;
	cli->given = p;
	p[cli->given_count++] = (struct dj_given){ o, value };
	if (o->letter == 'v')
		cli->verbose++;
	return true;
}

/*
 * Options up to the first operand, or among them; argv[0] is skipped. Operands
 * end up side by side from argv[*ret_next] on.
 */
static bool read_options(struct dj_cli *cli, int argc, char **argv,
	int *ret_next, struct dj_err *err)
{
	struct tables t;
	int operands = 0;
	int c;

	make_tables(&t, cli->verb);
	opterr = 0;
	optind = 0; /* glibc: begin anew */
	for (;;) {
		int at = optind == 0 ? 1 : optind;
		const char *word = at < argc ? argv[at] : "";

		if (strncmp(word, "--", 2) == 0 && word[2] != '\0' &&
			!is_whole(&t, word))
			return unknown_option(cli->verb, &t, word, err);
		c = getopt_long(argc, argv, t.shorts, t.longs, NULL);
		if (c == -1)
			break;
		if (c == 1) {
			/* Slots up to here are read already. */
			argv[1 + operands++] = optarg;
			continue;
		}
		if (c == ':') {
			(void)dj_err_set(err, "usage.value",
				"option %s needs a value", word);
			if (cli->verb != NULL)
				dj_err_hint(err, "donjon help %s",
					cli->verb->name);
			return false;
		}
		if (c == '?' && optopt >= 256)
			return dj_err_set(err, "usage.value",
				"option --%s takes no value",
				t.of[optopt - 256]->name);
		if (c == '?') {
			char letter[3] = { '-', (char)optopt, '\0' };

			return unknown_option(cli->verb, &t,
				optopt == 0 ? word : letter, err);
		}
		if (!take(cli, option_of(&t, c), optarg))
			return dj_err_set(err, "internal.memory",
				"reading the command line: no memory");
	}
	memmove(argv + optind - operands, argv + 1,
		(size_t)operands * sizeof(*argv));
	*ret_next = optind - operands;
	return true;
}

static bool is_module(const char *word)
{
	size_t len = strlen(word);
	uint8_t magic[4] = { 0 };
	int fd;

	if (len > 5 && strcmp(word + len - 5, ".wasm") == 0)
		return true;
	fd = open(word, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return false;
	if (read(fd, magic, sizeof(magic)) != (ssize_t)sizeof(magic))
		magic[0] = 1;
	close(fd);
	return memcmp(magic, "\0asm", 4) == 0;
}

static bool unknown_verb(const char *word, struct dj_err *err)
{
	const char *names[64];
	const char *near;
	char shown[80];
	size_t n = 0;

	for (; dj_verbs[n] != NULL && n < 63; n++)
		names[n] = dj_verbs[n]->name;
	names[n] = NULL;
	near = dj_suggest(word, names);
	dj_clean(shown, sizeof(shown), word, strlen(word));
	return dj_err_set(err, "usage.verb", "there is no verb %s%s%s%s", shown,
		near == NULL ? "" : "; did you mean ", near == NULL ? "" : near,
		near == NULL ? "" : "?");
}

static bool check_operands(const struct dj_cli *cli, struct dj_err *err)
{
	const struct dj_verb *v = cli->verb;
	char shown[80];

	if (cli->operand_count < v->min_operands) {
		(void)dj_err_set(err, "usage.operand", "%s: %s is missing",
			v->name, v->operands);
	} else if (cli->operand_count > v->max_operands) {
		const char *word = cli->operands[v->max_operands];

		dj_clean(shown, sizeof(shown), word, strlen(word));
		(void)dj_err_set(err, "usage.operand",
			"%s: %s is one argument too many", v->name, shown);
	} else if (v->words != NULL && cli->operand_count > 0) {
		const char *near;

		for (size_t i = 0; v->words[i] != NULL; i++) {
			if (strcmp(v->words[i], cli->operands[0]) == 0)
				return true;
		}
		near = dj_suggest(cli->operands[0], v->words);
		dj_clean(shown, sizeof(shown), cli->operands[0],
			strlen(cli->operands[0]));
		(void)dj_err_set(err, "usage.operand",
			"%s: %s is none of %s%s%s%s", v->name, shown,
			v->operands, near == NULL ? "" : "; did you mean ",
			near == NULL ? "" : near, near == NULL ? "" : "?");
	} else {
		return true;
	}
	dj_err_hint(err, "donjon help %s", v->name);
	return false;
}

static void settle(struct dj_cli *cli)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	cli->quiet = dj_cli_has(cli, "quiet");
	cli->json = dj_cli_has(cli, "json");
	cli->color = isatty(STDERR_FILENO) && !dj_cli_has(cli, "no-color") &&
		(no_color == NULL || no_color[0] == '\0') &&
		(term == NULL || strcmp(term, "dumb") != 0);
}

bool dj_args_parse(int argc, char **argv, struct dj_cli *ret,
	struct dj_err *err)
{
	static char version[] = "version";
	int next = 0;
	bool good;

	*ret = (struct dj_cli){ 0 };
	/* Every program has it, and it is a verb here. */
	if (argc > 1 && strcmp(argv[1], "--version") == 0)
		argv[1] = version;
	good = read_options(ret, argc, argv, &next, err);
	settle(ret);
	if (!good)
		return false;
	if (next >= argc)
		return true; /* no verb: main() says what there is */

	ret->verb = dj_verb_find(argv[next]);
	if (ret->verb == NULL && is_module(argv[next])) {
		ret->verb = dj_verb_find("run");
		next--; /* the module is the first operand */
		ret->operands = argv + next + 1;
		ret->operand_count = (size_t)(argc - next - 1);
	} else if (ret->verb == NULL) {
		return unknown_verb(argv[next], err);
	} else {
		int at = next;

		good = read_options(ret, argc - at, argv + at, &next, err);
		settle(ret);
		if (!good)
			return false;
		ret->operands = argv + at + next;
		ret->operand_count = (size_t)(argc - at - next);
	}
	if (dj_cli_has(ret, "help"))
		return true;
	return check_operands(ret, err);
}

void dj_args_done(struct dj_cli *cli)
{
	free(cli->given);
	cli->given = NULL;
	cli->given_count = 0;
}

bool dj_cli_has(const struct dj_cli *cli, const char *name)
{
	for (size_t i = 0; i < cli->given_count; i++) {
		if (strcmp(cli->given[i].option->name, name) == 0)
			return true;
	}
	return false;
}

const char *dj_cli_value(const struct dj_cli *cli, const char *name)
{
	for (size_t i = cli->given_count; i > 0; i--) {
		if (strcmp(cli->given[i - 1].option->name, name) == 0)
			return cli->given[i - 1].value;
	}
	return NULL;
}

const char *dj_cli_next(const struct dj_cli *cli, const char *name, size_t *i)
{
	while (*i < cli->given_count) {
		const struct dj_given *g = &cli->given[(*i)++];

		if (strcmp(g->option->name, name) == 0)
			return g->value;
	}
	return NULL;
}
