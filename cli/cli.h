// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "client/errors.h"

/*
 * The command line. A verb is a const struct dj_verb in a file of its own,
 * cli/cmd_NAME.c, named dj_verb_NAME and listed in cli/verbs.c. Help, man
 * page checks, completion and did-you-mean all come from these tables.
 *
 * main() parses everything before it calls a verb: options of this verb and
 * the common ones, anywhere before the first operand ("+": what follows the
 * first operand belongs to it), long names whole, `--` ends them. A verb
 * never sees argv. It returns the exit status.
 */
struct dj_option {
	const char *name; /* long name, without dashes; NULL ends a table */
	char letter;      /* 0: none */
	const char *arg;  /* "FILE"; NULL: takes no argument */
	const char *help; /* one line, lower case, no full stop */
};

enum dj_verb_group {
	DJ_GROUP_EVERYDAY,
	DJ_GROUP_TRUST,
	DJ_GROUP_PROGRAMS,
	DJ_GROUP_MACHINE,
	DJ_GROUP_COUNT
};

struct dj_cli;

struct dj_verb {
	const char *name;
	enum dj_verb_group group;
	const char *operands;            /* "MODULE [ARGS...]"; "": none */
	const char *summary;             /* one line, as in the help */
	const struct dj_option *options; /* ended by a NULL name; may be NULL */
	/* Words the first operand must be one of (`policy check`), NULL-ended;
	   NULL: any. */
	const char *const *words;
	size_t min_operands;
	size_t max_operands; /* SIZE_MAX: no limit */
	int (*run)(struct dj_cli *cli);
};

/* Every verb, in the order of the help; ended by NULL. */
extern const struct dj_verb *const dj_verbs[];
/* Options that every verb takes; ended by a NULL name. */
extern const struct dj_option dj_common_options[];
extern const char *const dj_group_names[DJ_GROUP_COUNT];

const struct dj_verb *dj_verb_find(const char *name);

struct dj_given {
	const struct dj_option *option;
	const char *value; /* NULL where the option takes none */
};

/* What was typed. Everything is borrowed from argv and the environment. */
struct dj_cli {
	const struct dj_verb *verb;
	struct dj_given *given; /* in order */
	size_t given_count;
	char **operands; /* operands[operand_count] == NULL */
	size_t operand_count;
	int verbose; /* -v given so often */
	bool quiet;
	bool json;
	bool color; /* stderr is a terminal and nobody said no */
};

/* The last value given for the option of this long name, or NULL. */
const char *dj_cli_value(const struct dj_cli *cli, const char *name);
/* Was the option given? */
bool dj_cli_has(const struct dj_cli *cli, const char *name);
/*
 * Each value in order: i counts up from 0; NULL after the last.
 *   for (size_t i = 0; (v = dj_cli_next(cli, "env", &i)) != NULL;)
 */
const char *dj_cli_next(const struct dj_cli *cli, const char *name, size_t *i);

/*
 * Prints an error the one way: `error[name]: text` and the hint on stderr;
 * with --json a donjon.error/1 object on stdout. Returns its exit status for
 * this verb. dj_cli_failf makes the error on the spot.
 */
int dj_cli_fail(const struct dj_cli *cli, const struct dj_err *err);
/* The text alone, for who says it in an object of its own. */
int dj_cli_say_error(const struct dj_cli *cli, const struct dj_err *err);
/* The object alone. */
json_t *dj_cli_error_json(const struct dj_cli *cli, const struct dj_err *err);
int dj_cli_failf(const struct dj_cli *cli, const char *name, const char *fmt,
	...) __attribute__((format(printf, 3, 4)));

/*
 * One JSON object on stdout, on a line, keys in order of insertion; takes
 * the reference. The caller puts "schema" first. Returns status, or the exit
 * status of the error io.write, which it prints, when stdout takes no more.
 */
int dj_cli_json(const struct dj_cli *cli, json_t *object, int status);
/* printf to stdout; a failure is found by dj_cli_end(). */
void dj_cli_print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Flushes stdout and returns status, or that of the error io.write. */
int dj_cli_end(const struct dj_cli *cli, int status);
/* A line on stderr, "donjon: ...", unless -q. */
void dj_cli_note(const struct dj_cli *cli, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
