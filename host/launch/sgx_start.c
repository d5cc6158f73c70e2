// SPDX-License-Identifier: Apache-2.0
#include "host/launch/sgx_start.h"

#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/launch/launch.h"
#include "host/launch/sgx.h"
#include "host/launch/sgx_device.h"
#include "lib/evidence/sgx.h"

static bool read_sigstructs(const char *image_path, struct dj_sgx_start *s)
{
	char path[PATH_MAX];
	size_t len = strlen(image_path);
	ssize_t n;
	int fd;

	if (len < 5 || len >= sizeof(path) ||
		strcmp(image_path + len - 4, ".elf") != 0) {
		errno = EINVAL;
		return false;
	}
	memcpy(path, image_path, len + 1);
	memcpy(path + len - 4, ".sig", 4);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, s->sigstructs, sizeof(s->sigstructs));
	close(fd);
	errno = EINVAL;
	s->sigstruct_count = n <= 0 ? 0 : (size_t)n / DJ_SGX_SIGSTRUCT;
	return n > 0 && n % DJ_SGX_SIGSTRUCT == 0;
}

static int open_program(void)
{
	static const char name[] = "donjon-emu-sgx";
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *slash;

	if (n <= 0)
		return -1;
	path[n] = '\0';
	slash = strrchr(path, '/');
	if (slash == NULL ||
		sizeof(path) - (size_t)(slash + 1 - path) < sizeof(name)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(slash + 1, name, sizeof(name));
	return open(path, O_PATH | O_CLOEXEC);
}

const char *dj_sgx_start_open(const char *image_path, bool is_emulated,
	struct dj_sgx_start *ret)
{
	struct dj_sgx_start s = { .image = -1,
		.program = -1,
		.device = -1,
		.start = -1 };

	if (!read_sigstructs(image_path, &s))
		return "cannot read the image's SIGSTRUCT";
	if (is_emulated)
		s.program = open_program();
	else
		s.device = open("/dev/sgx_enclave", O_RDWR | O_CLOEXEC);
	if (s.program < 0 && s.device < 0)
		return is_emulated ? "cannot open donjon-emu-sgx"
				   : "cannot open /dev/sgx_enclave";
	*ret = s;
	return NULL;
}

static bool has_edmm(const struct dj_sgx_start *s)
{
	unsigned a = 0, b, c, d;

	if (s->program >= 0)
		return s->fuses.is_sgx1 == 0;
	return __get_cpuid_count(0x12, 0, &a, &b, &c, &d) != 0 && (a & 2) != 0;
}

/* The image with that heap. */
static bool measure(int fd, uint64_t heap, uint8_t ret[static 32])
{
	struct dj_image img;
	struct stat st;
	void *p = MAP_FAILED;
	bool good;

	if (fstat(fd, &st) == 0)
		p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd,
			0);
	if (p == MAP_FAILED)
		return false;
	good = dj_image_parse(p, (size_t)st.st_size, &img) == DJ_OK;
	img.heap = heap;
	good = good && dj_sgx_measure(&img, ret) == DJ_OK;
	munmap(p, (size_t)st.st_size);
	return good;
}

const char *dj_sgx_start_choose(struct dj_sgx_start *s, int image,
	uint64_t total, uint8_t measurement[static 32])
{
	struct dj_sgx_sigstruct sig;

	if (!has_edmm(s)) {
		s->heap = dj_sgx_heap(total);
		errno = E2BIG;
		if (s->heap == 0)
			return "without SGX2 a Keep has at most 1 GiB of memory";
		if (!measure(image, s->heap, measurement))
			return "cannot measure the keep image";
	}
	errno = ENOENT;
	for (size_t i = 0; i < s->sigstruct_count; i++) {
		if (dj_sgx_sigstruct_parse(s->sigstructs[i], DJ_SGX_SIGSTRUCT,
			    &sig) != DJ_OK ||
			memcmp(sig.mrenclave, measurement, 32) != 0)
			continue;
		s->sigstruct = s->sigstructs[i];
		return NULL;
	}
	return "no SIGSTRUCT is for this image";
}

static bool move(int fd, int to)
{
	return dup3(fd, to, 0) == to;
}

static int write_start(const struct dj_sgx_start *s)
{
	struct dj_emu_sgx_start block = { .fuses = s->fuses,
		.cpu = dj_sgx_cpu_hint(),
		.heap = s->heap };
	int fd = memfd_create("donjon-start", MFD_CLOEXEC);

	memcpy(block.sigstruct, s->sigstruct, sizeof(block.sigstruct));
	if (fd >= 0 &&
		(write(fd, &block, sizeof(block)) != (ssize_t)sizeof(block) ||
			lseek(fd, 0, SEEK_SET) != 0)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static const char *make(void *ctx)
{
	struct dj_sgx_start *s = ctx;

	if (s->program < 0)
		return dj_sgx_device_make(s->device, s->image, s->heap,
			s->sigstruct, &s->tcs);
	s->start = write_start(s);
	s->program = fcntl(s->program, F_DUPFD_CLOEXEC, DJ_EMU_SGX_FD_SAY + 1);
	if (s->start < 0 || s->program < 0 ||
		!move(s->image, DJ_EMU_SGX_FD_IMAGE) ||
		!move(s->start, DJ_EMU_SGX_FD_START) ||
		!move(2, DJ_EMU_SGX_FD_SAY))
		return "cannot give the emulated processor its image";
	return NULL;
}

/* The program's start closes said, or the child says why it did not. */
static const char *ready(void *ctx, int said)
{
	const struct dj_sgx_start *s = ctx;
	static char name[] = "donjon-keep";
	char *const argv[] = { name, NULL };
	char *const envp[] = { NULL };

	if (s->program < 0)
		return dj_sgx_device_jail(said);
	(void)execveat(s->program, "", argv, envp, AT_EMPTY_PATH);
	return "cannot start donjon-emu-sgx";
}

static void run(void *ctx)
{
	const struct dj_sgx_start *s = ctx;

	dj_sgx_device_run(s->tcs);
}

void dj_sgx_start_body(struct dj_sgx_start *s, struct dj_jail_body *body)
{
	body->make = make;
	body->ready = ready;
	body->run = run;
	body->ctx = s;
}
