// SPDX-License-Identifier: Apache-2.0
/*
 * donjon-emu-sgx: an emulated processor with one SGX Keep in it
 * (lib/proto/emu.h). Started by the launcher, never by people.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "emu/sgx/cpu.h"
#include "host/launch/sgx.h"
#include "lib/base/secret.h"
#include "lib/proto/emu.h"
#include "lib/proto/hostcall.h"

#define FD_REGION  3 /* host/launch/launch.h */
#define FD_TO_HOST 5
#define FD_TO_KEEP 6
#define NO_START   127 /* no Keep has halted: none was there */

static const struct dj_sgx_machine machine = {
	.control = dj_emu_control,
	.map = dj_emu_map,
	.protect = dj_emu_protect,
	.enter = dj_emu_enter,
};

static const char *load(const struct dj_emu_sgx_start *start, uint64_t *ret_tcs)
{
	struct dj_image img;
	struct stat st;
	const char *wrong;
	void *p;

	if (fstat(DJ_EMU_SGX_FD_IMAGE, &st) != 0)
		return "cannot look at the keep image";
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE,
		DJ_EMU_SGX_FD_IMAGE, 0);
	if (p == MAP_FAILED)
		return "cannot map the keep image";
	errno = ENOEXEC;
	if (dj_image_parse(p, (size_t)st.st_size, &img) != DJ_OK)
		return "this is not a keep image";
	img.heap = start->heap;
	wrong = dj_sgx_build(&machine, &img, start->sigstruct);
	*ret_tcs = dj_sgx_tcs_addr(&img);
	munmap(p, (size_t)st.st_size);
	return wrong;
}

static const char *make(struct dj_sgx_keep *k)
{
	struct dj_emu_sgx_start start;
	const char *wrong;

	if (read(DJ_EMU_SGX_FD_START, &start, sizeof(start)) !=
		(ssize_t)sizeof(start))
		return "no start block";
	memcpy(dj_emu_cpu.fuses, start.fuses.secret, 32);
	dj_emu_cpu.is_patched = start.fuses.is_patched != 0;
	dj_emu_cpu.is_sgx1 = start.fuses.is_sgx1 != 0;
	k->cpu = start.cpu;
	if (!dj_emu_gate_init())
		return "cannot stand in for a processor here";
	wrong = dj_sgx_map_region(FD_REGION);
	if (wrong == NULL)
		wrong = load(&start, &k->tcs);
	dj_wipe(&start, sizeof(start));
	return wrong;
}

int main(void)
{
	struct dj_sgx_keep k = { .machine = &machine,
		.to_host = FD_TO_HOST,
		.to_keep = FD_TO_KEEP };
	const char *wrong;

	dj_image_use_cpu();
	wrong = make(&k);
	if (wrong != NULL) {
		dprintf(DJ_EMU_SGX_FD_SAY, "donjon-emu-sgx: %s: %s\n", wrong,
			strerror(errno));
		return NO_START;
	}
	if (close(FD_REGION) != 0 || close_range(DJ_EMU_SGX_FD_IMAGE, ~0u, 0) ||
		!dj_emu_sgx_filter(FD_TO_HOST, FD_TO_KEEP))
		return NO_START;
	_exit(dj_sgx_run(&k));
}
