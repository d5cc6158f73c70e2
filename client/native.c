// SPDX-License-Identifier: Apache-2.0
#include "client/native.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "client/clock.h"
#include "client/file.h"
#include "client/paths.h"
#include "client/settings.h"
#include "lib/crypto/sha256.h"
#include "lib/proto/offer.h"

#define COMPILER    "donjon-aot"
#define PROGRESS_FD 3
#define IMAGE_FD    4
#define MODULE_MAX  ((size_t)1 << 30)
#define ENTRY_MAX   ((size_t)3 << 30)
#define CACHE_MAX   (UINT64_C(1) << 30)
#define HASH        32
#define TAIL        (HASH + 8) /* of a file of the cache: H(module), a sum */
#define HEAD_MAX    (12 + DJ_KNC_ID_MAX + 2 * 40)

/* ---- the compiler ---- */

static bool on_path(char ret[static DJ_PATH_MAX])
{
	const char *p = getenv("PATH");

	while (p != NULL && *p != '\0') {
		size_t n = strcspn(p, ":");

		if (n > 0 && n < DJ_PATH_MAX / 2 && p[0] == '/') {
			(void)snprintf(ret, DJ_PATH_MAX, "%.*s/" COMPILER,
				(int)n, p);
			if (access(ret, X_OK) == 0)
				return true;
		}
		p += n + (p[n] == ':');
	}
	return false;
}

struct child {
	pid_t pid;
	int log;  /* its standard error */
	int said; /* its standard output, or its progress */
};

static _Noreturn void in_child(char *const argv[], int in, int out, int said,
	bool progress, int log, pid_t parent)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	/* Numbers above those that are to be: none is overwritten. */
	in = fcntl(in, F_DUPFD, 10);
	out = fcntl(out, F_DUPFD, 10);
	said = fcntl(said, F_DUPFD, 10);
	if (in < 0 || out < 0 || said < 0 || dup2(in, STDIN_FILENO) < 0 ||
		dup2(progress ? log : said, STDOUT_FILENO) < 0 ||
		dup2(log, STDERR_FILENO) < 0 || dup2(said, PROGRESS_FD) < 0 ||
		dup2(out, IMAGE_FD) < 0)
		_exit(127);
	close(in);
	close(out);
	close(said);
	(void)execv(argv[0], argv);
	dprintf(STDERR_FILENO, "%s\n", strerror(errno));
	_exit(127);
}

/* in, out: descriptors of the module and the image; -1 for neither. */
static bool start(struct child *c, char *const argv[], int in, int out)
{
	pid_t parent = getpid();
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int pair[2];

	*c = (struct child){ .pid = -1, .said = -1 };
	c->log = memfd_create(COMPILER, MFD_CLOEXEC);
	if (null < 0 || c->log < 0 || pipe2(pair, O_CLOEXEC) < 0) {
		close(null);
		return false;
	}
	c->said = pair[0];
	c->pid = fork();
	if (c->pid == 0)
		in_child(argv, in < 0 ? null : in, out < 0 ? null : out,
			pair[1], in >= 0, c->log, parent);
	close(pair[1]);
	close(null);
	return c->pid > 0;
}

/* Its exit status, or -1; the last of what it said in err is in text. */
static int finish(struct child *c, char *text, size_t cap)
{
	char said[512];
	int status = -1;
	ssize_t n = -1;

	if (c->pid > 0) {
		while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
			continue;
	}
	if (c->log >= 0) {
		n = pread(c->log, said, sizeof(said), 0);
		close(c->log);
	}
	while (n > 0 && said[n - 1] == '\n')
		n--;
	dj_clean(text, cap, said, n > 0 ? (size_t)n : 0);
	if (c->said >= 0)
		close(c->said);
	return status;
}

static ssize_t read_some(int fd, char *dst, size_t cap)
{
	ssize_t n;

	do {
		n = read(fd, dst, cap);
	} while (n < 0 && errno == EINTR);
	return n;
}

/* The answer takes a while, in which there is something else to do. */
static bool ask_id(char program[static DJ_PATH_MAX], struct child *c)
{
	char word[] = "--id";
	char *argv[] = { program, word, NULL };

	return start(c, argv, -1, -1);
}

static bool hear_id(const char *program, struct child *c, bool good,
	char id[static DJ_KNC_ID_MAX + 1], struct dj_err *err)
{
	char why[300];
	size_t len = 0;
	ssize_t n = 0;

	while (good && len < DJ_KNC_ID_MAX &&
		(n = read_some(c->said, id + len, DJ_KNC_ID_MAX - len)) > 0)
		len += (size_t)n;
	good = finish(c, why, sizeof(why)) == 0 && good && n >= 0;
	while (len > 0 && id[len - 1] == '\n')
		len--;
	id[len] = '\0';
	return (good && len > 0) ||
		dj_err_set(err, "native.compiler",
			"asking %s for its version: %s", program,
			why[0] == '\0' ? "it says nothing" : why);
}

static void follow(const struct dj_native_want *want, int fd)
{
	char line[64];
	size_t len = 0;
	char c;

	while (read_some(fd, &c, 1) == 1) {
		unsigned long long done = 0, total = 0;
		char *rest;

		if (c != '\n') {
			if (len < sizeof(line) - 1)
				line[len++] = c;
			continue;
		}
		line[len] = '\0';
		len = 0;
		done = strtoull(line, &rest, 10);
		total = strtoull(rest, NULL, 10);
		if (want->progress != NULL && total != 0)
			want->progress(want->ctx, done, total);
	}
}

static int module_file(const uint8_t *wasm, size_t len)
{
	int fd = memfd_create("module", MFD_CLOEXEC);

	for (size_t at = 0; fd >= 0 && at < len;) {
		ssize_t n = write(fd, wasm + at, len - at);

		if (n > 0) {
			at += (size_t)n;
		} else if (n == 0 || errno != EINTR) {
			close(fd);
			return -1;
		}
	}
	if (fd >= 0)
		(void)lseek(fd, 0, SEEK_SET);
	return fd;
}

static const char *isa_name(uint8_t isa)
{
	switch ((enum dj_isa)isa) {
	case DJ_ISA_X86_64:
		return "x86_64";
	case DJ_ISA_RISCV64:
		return "riscv64";
	case DJ_ISA_PPC64LE:
		return "ppc64le";
	}
	return "?";
}

/* The image, in a descriptor of its own. */
static bool compile(char program[static DJ_PATH_MAX], const char *name,
	int module, int image, const struct dj_native_want *w,
	struct dj_err *err)
{
	char isa[16], cpu[8], opt[8], threads[16], why[300];
	char words[][16] = { "--isa", "--bounds", "checks", "--cpu-level",
		"--optimise", "--threads", "--progress-fd", "3", "-o",
		"/dev/fd/4", "-" };
	char *argv[] = { program, words[0], isa, words[1], words[2], words[3],
		cpu, words[4], opt, words[5], threads, words[6], words[7],
		words[8], words[9], words[10], NULL };
	struct child c;
	bool good;

	(void)snprintf(isa, sizeof(isa), "%s", isa_name(w->isa));
	if (w->bounds == DJ_BOUNDS_GUARD)
		(void)snprintf(words[2], sizeof(words[2]), "guard");
	(void)snprintf(cpu, sizeof(cpu), "%u", w->cpu_level);
	(void)snprintf(opt, sizeof(opt), "%u", w->optimise);
	(void)snprintf(threads, sizeof(threads), "%u", w->threads);
	good = start(&c, argv, module, image);
	if (good)
		follow(w, c.said);
	good = finish(&c, why, sizeof(why)) == 0 && good;
	return good ||
		dj_err_set(err, "native.failed", "compiling %s: %s", name,
			why[0] == '\0' ? COMPILER " failed" : why);
}

/* With room behind for the cache's. */
static bool pack(struct dj_knc *p, struct dj_native_made *ret)
{
	size_t wasm = (size_t)p->wasm_len, image = (size_t)p->image_len;
	size_t head;

	dj_sha256(p->wasm, wasm, p->wasm_hash);
	dj_sha256(p->image, image, p->image_hash);
	ret->bytes = malloc(HEAD_MAX + wasm + image + TAIL);
	if (ret->bytes == NULL ||
		dj_knc_write_head(p, ret->bytes, HEAD_MAX, &head) != DJ_OK)
		return false;
	memcpy(ret->bytes + head, p->wasm, wasm);
	memcpy(ret->bytes + head + wasm, p->image, image);
	ret->len = head + wasm + image;
	return true;
}

/* Compiles, and packs what came out. */
static bool make(char program[static DJ_PATH_MAX], const char *id,
	const char *name, const uint8_t *wasm, size_t len,
	const struct dj_native_want *w, struct dj_native_made *ret,
	struct dj_err *err)
{
	struct dj_knc p = { .isa = w->isa,
		.bounds = w->bounds,
		.cpu_level = w->cpu_level,
		.compiler = id,
		.compiler_len = strlen(id),
		.wasm = wasm,
		.wasm_len = len };
	int module = module_file(wasm, len);
	int image = memfd_create("image", MFD_CLOEXEC);
	void *map = MAP_FAILED;
	struct stat st;
	bool good = false;

	if (module < 0 || image < 0)
		(void)dj_err_set(err, "internal.memory", "compiling: %s",
			strerror(errno));
	else
		good = compile(program, name, module, image, w, err);
	if (good &&
		(fstat(image, &st) < 0 || st.st_size <= 0 ||
			(uint64_t)st.st_size > MODULE_MAX))
		good = dj_err_set(err, "native.failed",
			"compiling %s: " COMPILER " made nothing", name);
	if (good) {
		p.image_len = (uint64_t)st.st_size;
		map = mmap(NULL, (size_t)p.image_len, PROT_READ, MAP_PRIVATE,
			image, 0);
		p.image = map;
		good = map != MAP_FAILED && pack(&p, ret);
		if (!good)
			(void)dj_err_set(err, "internal.memory",
				"packing native code: no memory");
	}
	if (map != MAP_FAILED)
		(void)munmap(map, (size_t)p.image_len);
	if (module >= 0)
		close(module);
	if (image >= 0)
		close(image);
	return good;
}

/* ---- the cache ---- */

static void add_number(struct dj_sha256 *h, uint64_t v)
{
	uint8_t b[8];

	for (int i = 0; i < 8; i++)
		b[i] = (uint8_t)(v >> (56 - 8 * i));
	dj_sha256_update(h, b, sizeof(b));
}

/* The compiler's file too: while it is worked on, its id stays the same. */
static bool cache_path(char ret[static DJ_PATH_MAX], const char *program,
	const char *id, const uint8_t wasm_hash[static HASH],
	const struct dj_native_want *w)
{
	static const char what[] = "donjon native code 2";
	uint8_t sum[HASH];
	char name[16 + 2 * HASH];
	struct dj_sha256 h;
	struct stat st;

	if (w->no_cache || stat(program, &st) < 0)
		return false;
	dj_sha256_init(&h);
	dj_sha256_update(&h, (const uint8_t *)what, sizeof(what));
	dj_sha256_update(&h, (const uint8_t *)id, strlen(id) + 1);
	add_number(&h, (uint64_t)st.st_size);
	add_number(&h, (uint64_t)st.st_mtim.tv_sec);
	add_number(&h, (uint64_t)st.st_mtim.tv_nsec);
	add_number(&h,
		(uint64_t)w->isa << 24 | (uint64_t)w->bounds << 16 |
			(uint64_t)w->cpu_level << 8 | w->optimise);
	dj_sha256_update(&h, wasm_hash, HASH);
	dj_sha256_final(&h, sum);
	(void)snprintf(name, sizeof(name), "native/");
	for (size_t i = 0; i < HASH; i++)
		(void)snprintf(name + 7 + 2 * i, 3, "%02x", sum[i]);
	return dj_path_cache(ret, name);
}

static bool make_folders(const char *file)
{
	char path[DJ_PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s", file);
	for (char *p = strchr(path + 1, '/'); p != NULL;
		p = strchr(p + 1, '/')) {
		*p = '\0';
		if (mkdir(path, 0700) < 0 && errno != EEXIST)
			return false;
		*p = '/';
	}
	return true;
}

/*
 * Against damage alone, many times faster than a digest: whoever can write to
 * the cache could mend a digest too, and the Keep has those of the envelope.
 * Each step can be undone, so one changed word is always seen.
 */
static void add_words(uint64_t h[static 4], const uint8_t p[static 32])
{
	uint64_t w[4];

	memcpy(w, p, sizeof(w));
	for (int i = 0; i < 4; i++) {
		h[i] ^= w[i];
		h[i] = (h[i] << 29 | h[i] >> 35) * UINT64_C(0x9e3779b97f4a7c15);
	}
}

static uint64_t damage_sum(const uint8_t *p, size_t len)
{
	uint64_t h[4] = { len, 1, 2, 3 };
	uint8_t rest[32] = { 0 };
	size_t at = 0;

	for (; len - at >= sizeof(rest); at += sizeof(rest))
		add_words(h, p + at);
	memcpy(rest, p + at, len - at);
	add_words(h, rest);
	memcpy(rest, h, sizeof(rest));
	h[0] = 0;
	for (int i = 0; i < 4; i++)
		add_words(h, rest);
	return h[0] ^ h[1] ^ h[2] ^ h[3];
}

/* The file as it is, mapped: it is large, and nothing of it is changed. */
static uint8_t *map_file(const char *path, size_t *ret_len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *p = MAP_FAILED;
	struct stat st;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
		(uint64_t)st.st_size <= ENTRY_MAX) {
		*ret_len = (size_t)st.st_size;
		p = mmap(NULL, *ret_len, PROT_READ, MAP_PRIVATE | MAP_POPULATE,
			fd, 0);
	}
	close(fd);
	return p == MAP_FAILED ? NULL : p;
}

/* One that does not hold is removed: it is made anew. */
static bool cache_get(const char *path, const uint8_t wasm_hash[static HASH],
	struct dj_native_made *ret)
{
	const char *why;
	size_t n = 0;
	uint8_t *p = map_file(path, &n);
	uint64_t sum;

	if (p != NULL && n > TAIL) {
		memcpy(&sum, p + n - sizeof(sum), sizeof(sum));
		if (damage_sum(p, n - sizeof(sum)) == sum &&
			dj_knc_parse(p, n - TAIL, &ret->packed, &why) ==
				DJ_OK &&
			memcmp(ret->packed.wasm_hash, wasm_hash, HASH) == 0) {
			ret->bytes = p;
			ret->len = n - TAIL;
			ret->mapped = n;
			memcpy(ret->hash, p + n - TAIL, HASH);
			(void)utimensat(AT_FDCWD, path, NULL, 0);
			return true;
		}
	}
	if (p != NULL)
		(void)munmap(p, n);
	(void)unlink(path);
	return false;
}

static uint64_t cache_max(void)
{
	const char *text = getenv("DONJON_NATIVE_CACHE");
	uint64_t max;

	if (text == NULL || text[0] == '\0')
		return CACHE_MAX;
	return dj_size_parse(text, &max) ? max : 0;
}

/* The file used longest ago, and the sum of all. */
static uint64_t survey(DIR *d, char oldest[static NAME_MAX + 1])
{
	struct timespec best = { 0 };
	const struct dirent *e;
	uint64_t sum = 0;

	oldest[0] = '\0';
	rewinddir(d);
	while ((e = readdir(d)) != NULL) {
		struct stat st;

		if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) <
				0 ||
			!S_ISREG(st.st_mode))
			continue;
		sum += (uint64_t)st.st_size;
		if (oldest[0] != '\0' &&
			(st.st_mtim.tv_sec > best.tv_sec ||
				(st.st_mtim.tv_sec == best.tv_sec &&
					st.st_mtim.tv_nsec >= best.tv_nsec)))
			continue;
		best = st.st_mtim;
		(void)snprintf(oldest, NAME_MAX + 1, "%s", e->d_name);
	}
	return sum;
}

static bool cache_trim(uint64_t max)
{
	char path[DJ_PATH_MAX], oldest[NAME_MAX + 1];
	DIR *d = dj_path_cache(path, "native") ? opendir(path) : NULL;
	bool good = true;

	if (d == NULL)
		return true;
	while (good && survey(d, oldest) > max && oldest[0] != '\0')
		good = unlinkat(dirfd(d), oldest, 0) == 0;
	(void)closedir(d);
	return good;
}

bool dj_native_cache_clear(void)
{
	return cache_trim(0);
}

/* A cache that cannot be written costs time only. */
static void cache_put(const char *path, struct dj_native_made *m)
{
	char temp[DJ_PATH_MAX + 16];
	uint64_t max = cache_max();
	size_t at = 0, n = m->len + TAIL;
	uint64_t sum;
	int fd;

	if (n > max || !make_folders(path))
		return;
	(void)snprintf(temp, sizeof(temp), "%s.XXXXXX", path);
	fd = mkostemp(temp, O_CLOEXEC);
	if (fd < 0)
		return;
	/* There is room for it: make() saw to that. */
	memcpy(m->bytes + m->len, m->hash, HASH);
	sum = damage_sum(m->bytes, m->len + HASH);
	memcpy(m->bytes + m->len + HASH, &sum, sizeof(sum));
	while (at < n) {
		ssize_t w = write(fd, m->bytes + at, n - at);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			break;
		at += (size_t)w;
	}
	if (close(fd) < 0 || at < n || rename(temp, path) < 0)
		(void)unlink(temp);
	else
		(void)cache_trim(max);
}

/* ---- */

bool dj_native_make(const char *name, const uint8_t *wasm, size_t len,
	const struct dj_native_want *asked, struct dj_native_made *ret,
	struct dj_err *err)
{
	struct dj_native_want want = *asked;
	char program[DJ_PATH_MAX], path[DJ_PATH_MAX];
	char id[DJ_KNC_ID_MAX + 1], shown[300];
	uint8_t wasm_hash[HASH];
	int64_t began = dj_now_ms();
	struct child compiler;
	const char *why;
	bool keeps;

	*ret = (struct dj_native_made){ 0 };
	if (want.optimise == DJ_NATIVE_BY_SIZE)
		want.optimise = len > DJ_NATIVE_LARGE ? 0 : 2;
	name = dj_clean(shown, sizeof(shown), name, strlen(name));
	if (!dj_path_program(program, COMPILER) && !on_path(program))
		return dj_err_set(err, "native.compiler",
			"compiling %s: there is no " COMPILER
			" beside this program, in libexec or on PATH",
			name);
	keeps = ask_id(program, &compiler);
	dj_sha256(wasm, len, wasm_hash);
	if (!hear_id(program, &compiler, keeps, id, err))
		return false;
	keeps = cache_path(path, program, id, wasm_hash, &want);
	ret->is_cached = keeps && cache_get(path, wasm_hash, ret);
	if (!ret->is_cached &&
		!make(program, id, name, wasm, len, &want, ret, err))
		return false;
	if (dj_knc_parse(ret->bytes, ret->len, &ret->packed, &why) != DJ_OK)
		return dj_err_set(err, "native.failed", "compiling %s: %s",
			name, why);
	if (!ret->is_cached)
		dj_sha256(ret->bytes, ret->len, ret->hash);
	if (keeps && !ret->is_cached)
		cache_put(path, ret);
	ret->ms = dj_now_ms() - began;
	return true;
}

void dj_native_done(struct dj_native_made *m)
{
	if (m->mapped != 0)
		(void)munmap(m->bytes, m->mapped);
	else
		free(m->bytes);
	m->bytes = NULL;
}

bool dj_native_is(const uint8_t *bytes, size_t len)
{
	return len >= 4 && memcmp(bytes, "KNC1", 4) == 0;
}

static bool is_digest(const uint8_t *p, uint64_t len,
	const uint8_t want[static HASH])
{
	uint8_t got[HASH];

	dj_sha256(p, (size_t)len, got);
	return memcmp(got, want, HASH) == 0;
}

bool dj_native_open(const uint8_t *bytes, size_t len, struct dj_knc *ret,
	const char **ret_why)
{
	struct dj_knc k;

	if (dj_knc_parse(bytes, len, &k, ret_why) != DJ_OK)
		return false;
	*ret_why = "the digest of the module is not the envelope's";
	if (!is_digest(k.wasm, k.wasm_len, k.wasm_hash))
		return false;
	*ret_why = "the digest of the native code is not the envelope's";
	if (!is_digest(k.image, k.image_len, k.image_hash))
		return false;
	*ret = k;
	return true;
}

bool dj_native_fits(const struct dj_knc *p, const struct dj_offer_info *info,
	struct dj_err *err)
{
	const char *why = NULL;

	if (!info->has_native || !info->has_cpu_level ||
		info->native_accepted != 1)
		why = "it takes no native code";
	else if (p != NULL && p->isa != info->native_isa)
		why = "the native code is for another instruction set";
	else if (p != NULL && p->bounds > info->native_bounds)
		why = "the native code needs guard pages, which it has not";
	else if (p != NULL && p->cpu_level > info->cpu_level)
		why = "the native code needs a later processor";
	return why == NULL ||
		dj_err_set(err, "native.unfit",
			"asking the Keep what it takes: %s", why);
}
