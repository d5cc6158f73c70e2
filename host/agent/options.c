// SPDX-License-Identifier: Apache-2.0
#include "host/agent/options.h"

#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* One row an option: what --help prints and getopt reads are the same. */
static const struct row {
	const char *name;
	const char *arg; /* NULL: a switch */
	int id;
	const char *help;
} rows[] = {
	{ "socket", "PATH", 's',
		"serve a Unix socket, mode 0660, group donjon" },
	{ "listen", "ADDR:PORT", 'l', "serve TLS 1.3 on a TCP port" },
	{ "tls-cert", "FILE", 'c', "certificate chain for --listen, PEM" },
	{ "tls-key", "FILE", 'k', "its private key, PEM" },
	{ "client-ca", "FILE", 'C',
		"accept clients with certificates of this CA" },
	{ "token-file", "FILE", 't',
		"accept bearer tokens: lines of ID TOKEN" },
	{ "private-fd", "N", 'p', "serve one connected socket, end with it" },
	{ "image-dir", "DIR", 'i', "Keep images" },
	{ "launcher", "FILE", 'L', "donjon-launch" },
	{ "emulator", "FILE", 'E', "donjon-emu" },
	{ "emulation", "DIR", 'e', "offer emulated TEEs, with DIR's root" },
	{ "snp", "DIR", 8, "certificates of this SEV-SNP chip, ID block" },
	{ "sgx", "DIR", 9, "collateral of this SGX platform" },
	{ "state-dir", "DIR", 'd', "keep one JSON file a Keep here" },
	{ "max-keeps", "N", 'm', "Keeps at a time, 64 if not said" },
	{ "max-caller-keeps", "N", 1, "Keeps at a time of one caller" },
	{ "memory", "SIZE", 2, "memory of all Keeps, like 16GiB" },
	{ "max-caller-memory", "SIZE", 3, "memory of one caller's Keeps" },
	{ "max-ttl", "SECONDS", 4, "the longest that a Keep may stay" },
	{ "max-waiting", "N", 5, "connections without a request, 256" },
	{ "max-rate", "N", 6, "requests a second of one caller, 2000" },
	{ "adversary", "SEED|PLAN", 'a',
		"TESTS ONLY: attack every Keep, development ones only" },
	{ "cgroup", "self|PATH", 7, "control group for groups of Keeps" },
	{ "trace-frames", "FILE", 'T', "one JSON line a relayed frame" },
	{ "log-format", "text|json", 'f', "form of the log on stderr" },
	{ "verbose", NULL, 'v', "log more (-v)" },
	{ "version", NULL, 'V', "print the version" },
	{ "help", NULL, 'h', "print this" },
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

void dj_options_help(FILE *to)
{
	char left[40];

	fprintf(to,
		"donjond: the host agent: starts Keeps and relays what it cannot read\n"
		"usage: donjond --socket PATH | --listen ADDR:PORT | --private-fd N\n"
		"               [OPTIONS]\n\n");
	for (size_t i = 0; i < ROWS; i++) {
		snprintf(left, sizeof(left), "--%s %s", rows[i].name,
			rows[i].arg == NULL ? "" : rows[i].arg);
		fprintf(to, "  %-26s %s\n", left, rows[i].help);
	}
	fprintf(to, "\nSee donjond(8).\n");
}

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

/* Levenshtein's distance; words of over 31 letters are far from all. */
static size_t distance(const char *a, const char *b)
{
	size_t row[32];
	size_t diagonal;
	size_t above;
	size_t n = strlen(b);

	if (n > 31 || strlen(a) > 31)
		return 32;
	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 0; a[i] != '\0'; i++) {
		diagonal = row[0];
		row[0] = i + 1;
		for (size_t j = 0; j < n; j++) {
			above = row[j + 1];
			row[j + 1] = min3(above + 1, row[j] + 1,
				diagonal + (a[i] != b[j]));
			diagonal = above;
		}
	}
	return row[n];
}

const char *dj_near_name(const char *word, const char *const *names)
{
	const char *best = NULL;
	size_t least = 32;
	size_t d;

	for (; *names != NULL; names++) {
		d = distance(word, *names);
		if (d < least) {
			least = d;
			best = *names;
		}
	}
	return best != NULL && least * 3 <= strlen(best) ? best : NULL;
}

static dj_status unknown(const char *arg, char err[static 256])
{
	const char *names[ROWS + 1] = { NULL };
	const char *near = NULL;
	char word[32];

	snprintf(word, sizeof(word), "%.*s", (int)strcspn(arg, "="), arg);
	for (size_t i = 0; i < ROWS; i++)
		names[i] = rows[i].name;
	if (strncmp(word, "--", 2) == 0)
		near = dj_near_name(word + 2, names);
	snprintf(err, 256, "no option %.31s%s%s%s", word,
		near == NULL ? "" : "; did you mean --",
		near == NULL ? "" : near, near == NULL ? "" : "?");
	return DJ_E_INPUT;
}

static dj_status number(const char *name, const char *s, unsigned long max,
	unsigned long *ret, char err[static 256])
{
	unsigned long v;
	char *end;

	errno = 0;
	v = strtoul(s, &end, 10);
	if (*s < '0' || *s > '9' || errno != 0 || *end != '\0' || v > max) {
		snprintf(err, 256, "--%s: %.64s is not a number up to %lu",
			name, s, max);
		return DJ_E_INPUT;
	}
	*ret = v;
	return DJ_OK;
}

/* Bytes, or a number with KiB, MiB, GiB or TiB. */
static dj_status size(const char *name, const char *s, uint64_t *ret,
	char err[static 256])
{
	static const char *const units[] = { "", "KiB", "MiB", "GiB", "TiB" };
	unsigned long long v;
	char *end;

	errno = 0;
	v = strtoull(s, &end, 10);
	if (*s >= '0' && *s <= '9' && errno == 0)
		for (unsigned i = 0; i < sizeof(units) / sizeof(units[0]); i++)
			if (strcmp(end, units[i]) == 0 &&
				v <= UINT64_MAX >> (10 * i)) {
				*ret = (uint64_t)v << (10 * i);
				return DJ_OK;
			}
	snprintf(err, 256, "--%s: %.64s is no size like 512MiB or 16GiB", name,
		s);
	return DJ_E_INPUT;
}

/* The limits: plain numbers, each with its own most. */
static dj_status set_limit(struct dj_options *o, int id, const char *arg,
	char err[static 256])
{
	const struct {
		int id;
		const char *name;
		unsigned long max;
		uint32_t *to;
	} numbers[] = {
		{ 'm', "max-keeps", DJ_MAX_KEEPS_LIMIT, &o->max_keeps },
		{ 1, "max-caller-keeps", DJ_MAX_KEEPS_LIMIT,
			&o->max_caller_keeps },
		{ 4, "max-ttl", 31622400, &o->max_ttl },
		{ 5, "max-waiting", 65536, &o->max_waiting },
		{ 6, "max-rate", 1000000, &o->max_rate },
	};
	unsigned long n = 0;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (numbers[i].id != id)
			continue;
		if (number(numbers[i].name, arg, numbers[i].max, &n, err) !=
			DJ_OK)
			return DJ_E_INPUT;
		*numbers[i].to = (uint32_t)n;
		return DJ_OK;
	}
	if (id == 3)
		return size("max-caller-memory", arg, &o->max_caller_memory,
			err);
	o->has_memory = true;
	return size("memory", arg, &o->memory, err);
}

static dj_status set(struct dj_options *o, int id, char *arg,
	char err[static 256])
{
	const struct {
		int id;
		const char **to;
	} texts[] = {
		{ 's', &o->socket },
		{ 'l', &o->listen },
		{ 'c', &o->tls_cert },
		{ 'k', &o->tls_key },
		{ 'C', &o->client_ca },
		{ 't', &o->token_file },
		{ 'i', &o->image_dir },
		{ 'L', &o->launcher },
		{ 'E', &o->emulator },
		{ 'e', &o->emulation },
		{ 'd', &o->state_dir },
		{ 'T', &o->trace_frames },
		{ 7, &o->cgroup },
		{ 8, &o->snp },
		{ 9, &o->sgx },
	};
	unsigned long n = 0;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (texts[i].id == id) {
			*texts[i].to = arg;
			return DJ_OK;
		}
	}
	switch (id) {
	case 'p':
		if (number("private-fd", arg, 1023, &n, err) != DJ_OK)
			return DJ_E_INPUT;
		o->private_fd = (int)n;
		return DJ_OK;
	case 'm':
	case 1:
	case 2:
	case 3:
	case 4:
	case 5:
	case 6:
		return set_limit(o, id, arg, err);
	case 'a':
		o->adversary = arg;
		return DJ_OK;
	case 'f':
		if (strcmp(arg, "text") != 0 && strcmp(arg, "json") != 0) {
			snprintf(err, 256,
				"--log-format is text or json, not %.64s", arg);
			return DJ_E_INPUT;
		}
		o->log_json = arg[0] == 'j';
		return DJ_OK;
	case 'v':
		o->verbose++;
		return DJ_OK;
	case 'V':
		o->want_version = true;
		return DJ_OK;
	default:
		o->want_help = true;
		return DJ_OK;
	}
}

/* getopt takes --sock for --socket; an abbreviation is refused, so that a
   script goes on meaning the same when options are added. */
static bool is_abbreviated(const char *arg, const char *name)
{
	size_t n = strcspn(arg, "=");

	return strncmp(arg, "--", 2) == 0 &&
		(n - 2 != strlen(name) || strncmp(arg + 2, name, n - 2) != 0);
}

static dj_status judge(const struct dj_options *o, char err[static 256])
{
	const char *why = NULL;

	if (o->want_help || o->want_version)
		return DJ_OK;
	if (o->listen != NULL && (o->tls_cert == NULL || o->tls_key == NULL))
		why = "--listen needs --tls-cert and --tls-key";
	else if (o->listen != NULL && o->client_ca == NULL &&
		o->token_file == NULL)
		why = "--listen needs --client-ca or --token-file, or anybody could start Keeps";
	else if (o->private_fd >= 0 && (o->socket != NULL || o->listen != NULL))
		why = "--private-fd goes with no other socket";
	else if (o->adversary != NULL && o->emulation == NULL)
		why = "--adversary needs --emulation: it is for development Keeps only";
	else if (o->max_keeps == 0)
		why = "--max-keeps must be at least 1";
	else if (o->max_waiting < 4 || o->max_rate == 0)
		why = "--max-waiting must be at least 4, --max-rate at least 1";
	else if (o->cgroup != NULL && strcmp(o->cgroup, "self") != 0 &&
		(o->cgroup[0] != '/' || strstr(o->cgroup, "..") != NULL))
		why = "--cgroup is self or a path that begins with /";
	if (why == NULL)
		return DJ_OK;
	snprintf(err, 256, "%s", why);
	return DJ_E_INPUT;
}

dj_status dj_options_parse(int argc, char **argv, struct dj_options *ret,
	char err[static 256])
{
	struct dj_options o = { .private_fd = -1,
		.max_keeps = DJ_MAX_KEEPS_DEFAULT,
		.max_waiting = DJ_MAX_WAITING_DEFAULT,
		.max_rate = DJ_MAX_RATE_DEFAULT };
	struct option longs[ROWS + 1] = { 0 };
	int index;
	int at;
	int c;

	for (size_t i = 0; i < ROWS; i++)
		longs[i] = (struct option){ rows[i].name,
			rows[i].arg != NULL ? required_argument : no_argument,
			NULL, 256 + (int)i };
	opterr = 0;
	optind = 0;
	for (;;) {
		at = optind == 0 ? 1 : optind;
		c = getopt_long(argc, argv, "+:v", longs, &index);
		if (c == -1)
			break;
		if (c == ':') {
			snprintf(err, 256, "%.64s needs a value", argv[at]);
			return DJ_E_INPUT;
		}
		if (c != 'v' &&
			(c < 256 ||
				is_abbreviated(argv[at], rows[c - 256].name)))
			return unknown(argv[at], err);
		if (set(&o, c == 'v' ? 'v' : rows[c - 256].id, optarg, err) !=
			DJ_OK)
			return DJ_E_INPUT;
	}
	if (optind < argc) {
		snprintf(err, 256, "no argument is wanted: %.64s",
			argv[optind]);
		return DJ_E_INPUT;
	}
	if (judge(&o, err) != DJ_OK)
		return DJ_E_INPUT;
	*ret = o;
	return DJ_OK;
}
