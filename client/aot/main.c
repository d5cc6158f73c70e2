// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "client/aot/aot.h"
#include "client/file.h"
#include "client/module.h"

#define MODULE_MAX ((size_t)1 << 30)

/*
 * donjon-aot: native code from a module. What client/native.c starts; by hand
 * it is good for looking at what comes out.
 */
static const char usage[] =
	"usage: donjon-aot [OPTION]... -o IMAGE MODULE | --id\n"
	"  --isa x86_64|riscv64|ppc64le   default: this machine's\n"
	"  --bounds checks|guard          default: checks\n"
	"  --cpu-level N                  as a Keep's offer has it; 0: the least\n"
	"  --optimise 0..3                default: 2\n"
	"  --threads N                    0: as many as there are processors\n"
	"  --progress-fd FD               lines \"DONE TOTAL\"\n"
	"  --patience MS                  of processor time, for a part of the\n"
	"                                 module; 0: a minute and 1 ms a byte\n"
	"MODULE - is standard input. Prints nothing but errors.\n";

struct request {
	struct dj_aot_options options;
	const char *out, *module;
	int progress_fd;
	bool id;
};

static bool progress(void *ctx, uint64_t done, uint64_t total)
{
	const struct request *r = ctx;
	char line[48];
	int n = snprintf(line, sizeof(line), "%llu %llu\n",
		(unsigned long long)done, (unsigned long long)total);

	/* Nobody listens any more: nobody wants the code either. */
	return write(r->progress_fd, line, (size_t)n) == n;
}

static _Noreturn void stuck(void *ctx, const char *why)
{
	(void)ctx;
	fprintf(stderr, "%s: %s\n", dj_status_name(DJ_E_LIMIT), why);
	_exit(1);
}

static bool number(const char *text, unsigned long max, unsigned long *ret)
{
	char *end;

	errno = 0;
	*ret = strtoul(text, &end, 10);
	return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 &&
		*ret <= max;
}

static bool word(const char *text, const char *const *words, size_t count,
	size_t *ret)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(text, words[i]) == 0) {
			*ret = i;
			return true;
		}
	}
	return false;
}

static bool option(struct request *r, int c, const char *arg)
{
	static const char *const isas[] = { "x86_64", "riscv64", "ppc64le" };
	static const char *const bounds[] = { "checks", "guard" };
	unsigned long v = 0;
	size_t i = 0;

	switch (c) {
	case 'i':
		r->id = true;
		return true;
	case 'o':
		r->out = arg;
		return true;
	case 'm':
		if (!word(arg, isas, 3, &i))
			return false;
		r->options.isa = (enum dj_isa)(i + 1);
		return true;
	case 'b':
		if (!word(arg, bounds, 2, &i))
			return false;
		r->options.bounds = (enum dj_bounds)i;
		return true;
	case 'c':
		if (!number(arg, UINT8_MAX, &v))
			return false;
		r->options.cpu_level = (uint8_t)v;
		return true;
	case 'O':
		if (!number(arg, 3, &v))
			return false;
		r->options.optimise = (uint8_t)v;
		return true;
	case 'j':
		if (!number(arg, 1024, &v))
			return false;
		r->options.threads = (unsigned)v;
		return true;
	case 'w':
		if (!number(arg, UINT32_MAX, &v))
			return false;
		r->options.patience_ms = (uint32_t)v;
		return true;
	case 'p':
		if (!number(arg, 1023, &v))
			return false;
		r->progress_fd = (int)v;
		r->options.progress = progress;
		return true;
	default:
		return false;
	}
}

static bool parse(int argc, char **argv, struct request *r)
{
	static const struct option names[] = { { "id", 0, NULL, 'i' },
		{ "isa", 1, NULL, 'm' }, { "bounds", 1, NULL, 'b' },
		{ "cpu-level", 1, NULL, 'c' }, { "optimise", 1, NULL, 'O' },
		{ "threads", 1, NULL, 'j' }, { "progress-fd", 1, NULL, 'p' },
		{ "patience", 1, NULL, 'w' }, { NULL, 0, NULL, 0 } };
	int c;

	*r = (struct request){
		.options.optimise = 2,
		.options.stuck = stuck,
	};
	r->options.progress_ctx = r;
	while ((c = getopt_long(argc, argv, "o:O:j:", names, NULL)) >= 0) {
		if (!option(r, c, optarg))
			return false;
	}
	if (r->id)
		return optind == argc;
	if (optind + 1 != argc || r->out == NULL)
		return false;
	r->module = argv[optind];
	return true;
}

static bool save(const char *path, const uint8_t *p, size_t len)
{
	FILE *f = fopen(path, "wb");
	bool good = f != NULL && fwrite(p, 1, len, f) == len;

	if (f != NULL && fclose(f) != 0)
		good = false;
	if (!good)
		fprintf(stderr, "writing %s: %s\n", path, strerror(errno));
	return good;
}

static bool compile(const struct request *r)
{
	struct dj_module_view view;
	struct dj_err err = { 0 };
	char why[400] = "no reason";
	uint8_t *image = NULL;
	char *bytes;
	size_t len, image_len;
	dj_status st;
	bool good;

	if (dj_file_read(r->module, MODULE_MAX, &bytes, &len) != DJ_OK) {
		fprintf(stderr, "reading %s: %s\n", r->module, strerror(errno));
		return false;
	}
	good = dj_module_view(&view, r->module, (uint8_t *)bytes, len, &err);
	if (good) {
		st = dj_aot_compile(view.module, &r->options, &image,
			&image_len, why, sizeof(why));
		good = st == DJ_OK;
		if (!good)
			fprintf(stderr, "%s: %s\n", dj_status_name(st), why);
	} else {
		fprintf(stderr, "%s\n", err.text);
	}
	good = good && save(r->out, image, image_len);
	free(image);
	dj_module_view_done(&view);
	free(bytes);
	return good;
}

int main(int argc, char **argv)
{
	const struct rlimit none = { 0, 0 };
	struct request r;

	/* The module may be secret: no core dump, no way to more rights. */
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return fputs(usage, stdout) < 0 || fflush(stdout) != 0 ? 74 : 0;
	if (!parse(argc, argv, &r)) {
		fputs(usage, stderr);
		return 64;
	}
	if (!r.id)
		return compile(&r) ? 0 : 1;
	puts(dj_aot_compiler_id());
	return fflush(stdout) == 0 ? 0 : 74;
}
