// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "client/tar.h"
#include "lib/proto/untar.h"
#include "tests/tap.h"

static char folder[64];

static void fresh_folder(void)
{
	(void)strcpy(folder, "/tmp/donjon-tar-XXXXXX");
	ok(mkdtemp(folder) != NULL && chdir(folder) == 0);
}

static void remove_folder(void)
{
	char rm[192];

	(void)snprintf(rm, sizeof(rm), "chmod -R u+w %s; rm -rf %s", folder,
		folder);
	ok(chdir("/") == 0 && system(rm) == 0);
}

static void put(const char *name, const char *text, size_t len)
{
	FILE *f = fopen(name, "w");

	ok(f != NULL && fwrite(text, 1, len, f) == len);
	if (f != NULL)
		ok(fclose(f) == 0);
}

/* The whole archive, read step bytes at a time; NULL with err. */
static uint8_t *pack(size_t step, size_t *ret_len, struct dj_err *err)
{
	struct dj_tar *t = dj_tar_open(folder, err);
	uint8_t *p = malloc(4 << 20);
	size_t len = 0, n = 1;

	while (t != NULL && n > 0) {
		if (!dj_tar_read(t, p + len, step, &n, err)) {
			dj_tar_free(t);
			t = NULL;
		}
		len += n;
	}
	if (t == NULL) {
		free(p);
		return NULL;
	}
	eq_u64(len, dj_tar_size(t));
	dj_tar_free(t);
	*ret_len = len;
	return p;
}

static void make_tree(void)
{
	static char big[100001];
	char name[64 + 1];

	memset(big, 'b', sizeof(big));
	memset(name, 'n', 64);
	name[64] = '\0';
	ok(mkdir("dir", 0755) == 0 && mkdir("dir/empty", 0700) == 0);
	put("dir/file", "text\n", 5);
	put("big", big, sizeof(big));
	put("nothing", "", 0);
	ok(symlink("../outside", "dir/link") == 0);
	/* names that ustar has no room for */
	ok(mkdir(name, 0755) == 0 && chdir(name) == 0);
	ok(mkdir(name, 0755) == 0 && chdir(name) == 0);
	put(name, "deep", 4);
	memset(big, 't', 150);
	big[150] = '\0';
	ok(symlink(big, "longlink") == 0);
	ok(chdir(folder) == 0);
}

static void the_keep_reads_back_what_was_packed(void)
{
	struct dj_err err = { 0 };
	struct dj_untar_member m;
	struct dj_untar t;
	size_t len = 0, files = 0, dirs = 0, links = 0;
	uint8_t *p;
	char last[8192] = "";
	dj_status st;

	fresh_folder();
	make_tree();
	p = pack(16368, &len, &err);
	ok(p != NULL);
	dj_untar_init(&t, p, p == NULL ? 0 : len);
	while ((st = dj_untar_next(&t, &m)) == DJ_OK &&
		m.type != DJ_UNTAR_END) {
		char path[8192];
		struct stat s;

		(void)snprintf(path, sizeof(path), "%.*s", (int)m.path_len,
			m.path);
		ok(strcmp(last, path) < 0 || last[0] == '\0');
		(void)strcpy(last, path);
		ok(lstat(path, &s) == 0);
		files += m.type == DJ_UNTAR_FILE;
		dirs += m.type == DJ_UNTAR_DIR;
		links += m.type == DJ_UNTAR_LINK;
		if (m.type == DJ_UNTAR_FILE) {
			char text[100001];
			int fd = open(path, O_RDONLY);

			eq_u64(m.size, s.st_size);
			ok(read(fd, text, sizeof(text)) == s.st_size);
			eq_mem(m.data, text, (size_t)m.size);
			close(fd);
		}
		if (m.type == DJ_UNTAR_LINK) {
			char target[4096];
			ssize_t n = readlink(path, target, sizeof(target));

			eq_u64(m.target_len, n);
			eq_mem(m.target, target, m.target_len);
		}
		eq_u64(m.mtime / 1000000000, s.st_mtim.tv_sec);
	}
	if (!ok(st == DJ_OK))
		printf("# %s at %zu of %zu\n", t.what, t.offset, len);
	eq_u64(files, 4);
	eq_u64(dirs, 4);
	eq_u64(links, 2);
	free(p);
	remove_folder();
}

static void the_same_folder_gives_the_same_bytes_in_any_steps(void)
{
	static const size_t steps[] = { 1, 511, 512, 513, 16368, 1 << 20 };
	struct dj_err err = { 0 };
	size_t len = 0;
	uint8_t *whole;

	fresh_folder();
	make_tree();
	whole = pack(4096, &len, &err);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		size_t n = 0;
		uint8_t *p = pack(steps[i], &n, &err);

		ok(p != NULL && whole != NULL && n == len &&
			memcmp(p, whole, len) == 0);
		free(p);
	}
	free(whole);
	remove_folder();
}

static void an_empty_folder_is_two_zero_blocks(void)
{
	static const uint8_t zero[1024];
	struct dj_err err = { 0 };
	size_t len = 0;
	uint8_t *p;

	fresh_folder();
	p = pack(512, &len, &err);
	eq_u64(len, 1024);
	if (p != NULL && len == 1024)
		eq_mem(p, zero, 1024);
	free(p);
	remove_folder();
}

static void what_is_no_file_is_refused_by_name(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "sock" };
	struct dj_err err = { 0 };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	fresh_folder();
	ok(mkdir("d", 0700) == 0 && mkfifo("d/pipe\x1b[1m", 0600) == 0);
	ok(dj_tar_open(folder, &err) == NULL);
	eq_str(err.info->name, "dir.entry");
	ok(strstr(err.text, "d/pipe?[1m") != NULL);
	remove_folder();

	fresh_folder();
	err = (struct dj_err){ 0 };
	ok(bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	ok(dj_tar_open(folder, &err) == NULL);
	eq_str(err.info->name, "dir.entry");
	close(fd);
	remove_folder();

	fresh_folder();
	err = (struct dj_err){ 0 };
	put("bad\xff", "", 0);
	ok(dj_tar_open(folder, &err) == NULL);
	eq_str(err.info->name, "dir.entry");
	remove_folder();

	err = (struct dj_err){ 0 };
	ok(dj_tar_open("/nonexistent", &err) == NULL);
	eq_str(err.info->name, "dir.read");
}

static void half_a_file_is_never_taken_for_a_whole_one(void)
{
	static const char *const texts[] = { "shorter", "longer than before",
		NULL };

	for (size_t i = 0; i < 3; i++) {
		struct dj_err err = { 0 };
		struct dj_tar *t;
		uint8_t buf[8192];
		size_t n;

		fresh_folder();
		put("file", "ten bytes.", 10);
		t = dj_tar_open(folder, &err);
		ok(t != NULL);
		if (texts[i] == NULL)
			ok(unlink("file") == 0);
		else
			put("file", texts[i], strlen(texts[i]));
		ok(t != NULL && !dj_tar_read(t, buf, sizeof(buf), &n, &err));
		eq_str(err.info->name, "dir.read");
		dj_tar_free(t);
		remove_folder();
	}
}

int main(void)
{
	RUN(the_keep_reads_back_what_was_packed);
	RUN(the_same_folder_gives_the_same_bytes_in_any_steps);
	RUN(an_empty_folder_is_two_zero_blocks);
	RUN(what_is_no_file_is_refused_by_name);
	RUN(half_a_file_is_never_taken_for_a_whole_one);
	return done();
}
