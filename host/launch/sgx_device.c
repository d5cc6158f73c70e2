// SPDX-License-Identifier: Apache-2.0
#include "host/launch/sgx_device.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host/launch/jail.h"
#include "host/launch/launch.h"
#include "host/launch/seccomp.h"
#include "host/launch/sgx.h"
#include "lib/evidence/sgx.h"

static int device = -1;

static int control(void *ctx, unsigned long request, void *arg)
{
	(void)ctx;
	return ioctl(device, request, arg) == 0 ? 0 : -1;
}

static bool map(void *ctx, uint64_t addr, uint64_t len, int prot)
{
	void *want = (void *)(uintptr_t)addr;

	(void)ctx;
	return mmap(want, len, prot, MAP_SHARED | MAP_FIXED, device, 0) == want;
}

static bool protect(void *ctx, uint64_t addr, uint64_t len, int prot)
{
	(void)ctx;
	return mprotect((void *)(uintptr_t)addr, len, prot) == 0;
}

static struct dj_sgx_machine machine = {
	.control = control,
	.map = map,
	.protect = protect,
};

/* The vDSO is the kernel's: one object, whose symbol table ends where its
 * strings begin. */
void *dj_sgx_vdso_find(const void *vdso, const char *name)
{
	const uint8_t *base = vdso;
	const Elf64_Ehdr *eh = vdso;
	const Elf64_Phdr *ph = (const void *)(base + eh->e_phoff);
	const Elf64_Sym *sym = NULL;
	const Elf64_Dyn *dyn = NULL;
	const char *names = NULL;

	for (int i = 0; i < eh->e_phnum; i++) {
		if (ph[i].p_type == PT_DYNAMIC)
			dyn = (const void *)(base + ph[i].p_offset);
	}
	for (; dyn != NULL && dyn->d_tag != DT_NULL; dyn++) {
		if (dyn->d_tag == DT_SYMTAB)
			sym = (const void *)(base + dyn->d_un.d_ptr);
		if (dyn->d_tag == DT_STRTAB)
			names = (const char *)base + dyn->d_un.d_ptr;
	}
	if (sym == NULL || names == NULL)
		return NULL;
	for (; (const void *)sym < (const void *)names; sym++) {
		if (strcmp(names + sym->st_name, name) == 0)
			return (void *)(uintptr_t)(base + sym->st_value);
	}
	return NULL;
}

static vdso_sgx_enter_enclave_t find_enter(void)
{
	const void *vdso = (const void *)(uintptr_t)getauxval(AT_SYSINFO_EHDR);
	union {
		void *p;
		vdso_sgx_enter_enclave_t enter;
	} u = { 0 };

	if (vdso != NULL)
		u.p = dj_sgx_vdso_find(vdso, "__vdso_sgx_enter_enclave");
	return u.enter;
}

const char *dj_sgx_device_make(int dev, int image, uint64_t heap,
	const uint8_t sigstruct[static DJ_SGX_SIGSTRUCT], uint64_t *ret_tcs)
{
	struct dj_image img;
	struct stat st;
	const char *wrong;
	void *p;

	machine.enter = find_enter();
	errno = ENOSYS;
	if (machine.enter == NULL)
		return "this kernel has no way into enclaves";
	device = fcntl(dev, F_DUPFD_CLOEXEC, DJ_JAIL_FD_KEPT);
	if (device < 0 || fstat(image, &st) != 0)
		return "cannot keep the device";
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, image, 0);
	if (p == MAP_FAILED)
		return "cannot map the keep image";
	errno = ENOEXEC;
	if (dj_image_parse(p, (size_t)st.st_size, &img) != DJ_OK)
		return "this is not a keep image";
	img.heap = heap;
	wrong = dj_sgx_map_region(DJ_LAUNCH_FD_REGION);
	if (wrong == NULL)
		wrong = dj_sgx_build(&machine, &img, sigstruct);
	*ret_tcs = dj_sgx_tcs_addr(&img);
	munmap(p, (size_t)st.st_size);
	return wrong;
}

/* The enclave shares this process: it is to find no call worth making. */
const char *dj_sgx_device_jail(int said)
{
	struct sock_filter insns[] = {
		SC_BEGIN,
		SC_EQ(SYS_close, 3, 0), /* of said; opens nothing */
		SC_EQ(SYS_mprotect, 2, 0),
		SC_EQ(SYS_rt_sigreturn, 1, 0),
		SC_EQ(SYS_exit_group, 0, 1),
		SC_RET_ALLOW,
		SC_EQ(SYS_ioctl, 0, 2),
		SC_LOAD(args[0]),
		SC_EQ((uint32_t)device, 6, 7),
		SC_EQ(SYS_read, 0, 2),
		SC_LOAD(args[0]),
		SC_EQ(DJ_LAUNCH_FD_TO_KEEP, 3, 4),
		SC_EQ(SYS_write, 0, 3),
		SC_LOAD(args[0]),
		SC_EQ(DJ_LAUNCH_FD_TO_HOST, 0, 1),
		SC_RET_ALLOW,
		SC_RET_KILL,
	};

	if (!dj_seccomp_take(insns, sizeof(insns) / sizeof(insns[0])))
		return "cannot jail the enclave";
	close(said);
	return NULL;
}

_Noreturn void dj_sgx_device_run(uint64_t tcs)
{
	const struct dj_sgx_keep k = { .machine = &machine,
		.tcs = tcs,
		.cpu = dj_sgx_cpu_hint(),
		.to_host = DJ_LAUNCH_FD_TO_HOST,
		.to_keep = DJ_LAUNCH_FD_TO_KEEP };

	_exit(dj_sgx_run(&k));
}
