// SPDX-License-Identifier: Apache-2.0
#include "host/launch/image.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEALS    (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
#define FILE_MAX ((off_t)64 << 20)
#ifndef MFD_EXEC
#define MFD_EXEC 0x10u /* Linux 6.3 */
#endif

static int new_memfd(void)
{
	unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = memfd_create("donjon-keep", flags | MFD_EXEC);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("donjon-keep", flags);
	return fd;
}

/* All of path, at most FILE_MAX bytes; *ret_len is what was copied. */
static int copy_sealed(const char *path, size_t *ret_len)
{
	int from = open(path, O_RDONLY | O_CLOEXEC);
	int to = -1;
	size_t left;
	struct stat st;
	ssize_t n;

	if (from < 0 || fstat(from, &st) != 0)
		goto fail;
	if (!S_ISREG(st.st_mode) || st.st_size <= 0 || st.st_size > FILE_MAX) {
		errno = EINVAL;
		goto fail;
	}
	to = new_memfd();
	if (to < 0)
		goto fail;
	for (left = (size_t)st.st_size; left != 0; left -= (size_t)n) {
		n = sendfile(to, from, NULL, left);
		if (n == 0)
			errno = EIO; /* it became shorter */
		if (n <= 0)
			goto fail;
	}
	if (fcntl(to, F_ADD_SEALS, SEALS) != 0)
		goto fail;
	close(from);
	*ret_len = (size_t)st.st_size;
	return to;

fail:
	if (to >= 0)
		close(to);
	if (from >= 0)
		close(from);
	return -1;
}

static const char *look(const uint8_t *file, size_t len,
	dj_measure_image *measure, struct dj_loaded *ret)
{
	struct dj_image img;

	if (dj_image_parse(file, len, &img) != DJ_OK ||
		measure(&img, ret->measurement) != DJ_OK) {
		errno = ENOEXEC;
		return "this file is not a keep image";
	}
	ret->writable = 0;
	for (size_t i = 0; i < img.segment_count; i++) {
		if ((img.segments[i].perm & DJ_IMAGE_W) != 0)
			ret->writable += img.segments[i].mem_size;
	}
	return NULL;
}

const char *dj_loaded_open(const char *path, dj_measure_image *measure,
	struct dj_loaded *ret)
{
	struct dj_loaded l;
	const char *wrong;
	size_t len;
	void *p;

	l.fd = copy_sealed(path, &len);
	if (l.fd < 0)
		return "cannot read the keep image";
	p = mmap(NULL, len, PROT_READ, MAP_PRIVATE, l.fd, 0);
	if (p == MAP_FAILED) {
		wrong = "cannot map the keep image";
	} else {
		wrong = look(p, len, measure, &l);
		munmap(p, len);
	}
	if (wrong != NULL) {
		close(l.fd);
		return wrong;
	}
	*ret = l;
	return NULL;
}
