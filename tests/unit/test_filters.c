// SPDX-License-Identifier: Apache-2.0
#include <linux/kvm.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "emu/emu.h"
#include "emu/sgx/cpu.h"
#include "host/launch/jail.h"
#include "host/launch/launch.h"
#include "host/launch/quoter.h"
#include "host/launch/sgx_device.h"
#include "host/vmm/vmm.h"
#include "tests/tap.h"

/*
 * What the system call filters of the processes around a Keep let through:
 * each filter is taken by a child, which makes one call under it. A call's
 * argument that no filter knows is ODD, so that nothing comes of calls that a
 * filter should have refused and did not.
 */
#define ODD       0x7fff0000L
#define CALLS     480 /* past the last one of Linux 6.x */
#define NO_FILTER 77
#define OTHER_FD  9

/* The kernel's own trampolines, which no filter sees since Linux 6.14. */
#define URETPROBE 335
#define UPROBE    336

#define PIDFD 31
#define CPU   41
#define EMU   40

static bool launcher(void)
{
	return dj_jail_self(PIDFD) == NULL;
}

static bool vm(void)
{
	static const struct dj_vmm vmm = { .cpu = CPU, .emu = EMU };

	return dj_vmm_jail(&vmm, OTHER_FD) == NULL;
}

static bool vm_without_emulator(void)
{
	static const struct dj_vmm vmm = { .cpu = CPU, .emu = -1 };

	return dj_vmm_jail(&vmm, OTHER_FD) == NULL;
}

/* Its device was never opened: -1, which is no descriptor. */
static bool enclave(void)
{
	return dj_sgx_device_jail(OTHER_FD) == NULL;
}

static bool emulated_enclave(void)
{
	return dj_emu_sgx_filter(DJ_LAUNCH_FD_TO_HOST, DJ_LAUNCH_FD_TO_KEEP);
}

/* How a child ends that makes this call, then exits with 0. */
static int end_of(bool (*take)(void), long nr, long a, long b, long c)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		alarm(5); /* a call that waits was let through, too */
		/* Of rt_sigreturn; a sanitizer would write of it. */
		(void)signal(SIGSEGV, SIG_DFL);
		if (!take())
			_exit(NO_FILTER);
		syscall(nr, a, b, c, ODD, ODD, ODD);
		syscall(SYS_exit_group, 0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return status;
}

static bool passes(bool (*take)(void), long nr, long a, long b, long c)
{
	int status = end_of(take, nr, a, b, c);

	return status != -1 &&
		!(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) &&
		!(WIFEXITED(status) && WEXITSTATUS(status) == NO_FILTER);
}

static bool dies(bool (*take)(void), long nr, long a, long b, long c)
{
	int status = end_of(take, nr, a, b, c);

	return status != -1 && WIFSIGNALED(status) &&
		WTERMSIG(status) == SIGSYS;
}

/* Of all calls, with arguments of no meaning, exactly these; ends with -1. */
static void only(bool (*take)(void), const long *free)
{
	for (long nr = 0; nr < CALLS && tap_bad == 0; nr++) {
		bool is_free = false;

		if (nr == URETPROBE || nr == UPROBE)
			continue;
		for (const long *f = free; *f >= 0; f++)
			is_free = is_free || *f == nr;
		if (is_free)
			ok(passes(take, nr, ODD, ODD, ODD));
		else
			ok(dies(take, nr, ODD, ODD, ODD));
		if (tap_bad != 0)
			printf("# call %ld\n", nr);
	}
}

/* nr on each descriptor up to EMU + 2: allowed on a, b and no other. */
static void only_on(bool (*take)(void), long nr, long second, int a, int b)
{
	for (int fd = 0; fd < EMU + 3; fd++) {
		if (fd == a || fd == b)
			ok(passes(take, nr, fd, second, 0));
		else
			ok(dies(take, nr, fd, second, 0));
	}
}

static void a_launcher_makes_no_other_call(void)
{
	static const long free[] = { SYS_poll, SYS_restart_syscall, SYS_waitid,
		SYS_exit_group, -1 };

	only(launcher, free);
}

static void a_launcher_signals_its_keep_alone(void)
{
	only_on(launcher, SYS_pidfd_send_signal, 0, PIDFD, PIDFD);
}

static void a_launcher_talks_to_its_agent_and_emulator_alone(void)
{
	only_on(launcher, SYS_recvfrom, 0, DJ_LAUNCH_FD_CONTROL,
		DJ_LAUNCH_FD_EMU);
	only_on(launcher, SYS_sendto, 0, DJ_LAUNCH_FD_CONTROL,
		DJ_LAUNCH_FD_EMU);
}

static void a_vm_makes_no_other_call(void)
{
	static const long free[] = { SYS_close, SYS_exit_group, -1 };

	only(vm, free);
	only(vm_without_emulator, free);
}

static void a_vm_reads_and_writes_its_own_descriptors(void)
{
	only_on(vm, SYS_read, 0, DJ_LAUNCH_FD_TO_KEEP, EMU);
	only_on(vm, SYS_write, 0, DJ_LAUNCH_FD_TO_HOST, EMU);
	only_on(vm_without_emulator, SYS_read, 0, DJ_LAUNCH_FD_TO_KEEP,
		DJ_LAUNCH_FD_TO_KEEP);
	only_on(vm_without_emulator, SYS_write, 0, DJ_LAUNCH_FD_TO_HOST,
		DJ_LAUNCH_FD_TO_HOST);
}

static void a_vm_asks_its_processor_to_run_and_nothing_else(void)
{
	only_on(vm, SYS_ioctl, KVM_RUN, CPU, CPU);
	for (unsigned int nr = 0; nr < 256; nr++) {
		const long cmd = (long)_IO(KVMIO, nr);

		if (cmd != KVM_RUN)
			ok(dies(vm, SYS_ioctl, CPU, cmd, 0));
	}
	ok(dies(vm, SYS_ioctl, CPU, KVM_SET_REGS, 0));
}

static void an_enclaves_process_makes_no_other_call(void)
{
	static const long free[] = { SYS_close, SYS_mprotect, SYS_rt_sigreturn,
		SYS_exit_group, -1 };

	only(enclave, free);
}

static void an_enclaves_process_uses_its_device_and_eventfds(void)
{
	only_on(enclave, SYS_read, 0, DJ_LAUNCH_FD_TO_KEEP,
		DJ_LAUNCH_FD_TO_KEEP);
	only_on(enclave, SYS_write, 0, DJ_LAUNCH_FD_TO_HOST,
		DJ_LAUNCH_FD_TO_HOST);
	for (int fd = 0; fd < EMU; fd++)
		ok(dies(enclave, SYS_ioctl, fd, ODD, 0));
	ok(passes(enclave, SYS_ioctl, -1, ODD, 0));
}

static void an_emulated_enclave_makes_no_other_call(void)
{
	static const long free[] = { SYS_mprotect, SYS_madvise, SYS_getrandom,
		SYS_rt_sigreturn, SYS_exit_group, -1 };

	only(emulated_enclave, free);
	only_on(emulated_enclave, SYS_read, 0, DJ_LAUNCH_FD_TO_KEEP,
		DJ_LAUNCH_FD_TO_KEEP);
	only_on(emulated_enclave, SYS_write, 0, DJ_LAUNCH_FD_TO_HOST,
		DJ_LAUNCH_FD_TO_HOST);
}

static void an_emulator_serves_and_maps_to_read(void)
{
	static const long free[] = { SYS_recvmsg, SYS_sendto, SYS_fcntl,
		SYS_fstat, SYS_newfstatat, SYS_munmap, SYS_close,
		SYS_exit_group, -1 };
	const long prots[] = { PROT_NONE, PROT_WRITE, PROT_READ | PROT_WRITE,
		PROT_READ | PROT_EXEC, PROT_EXEC };

	only(dj_emu_filter, free);
	ok(passes(dj_emu_filter, SYS_mmap, 0, 4096, PROT_READ));
	for (size_t i = 0; i < sizeof(prots) / sizeof(prots[0]); i++)
		ok(dies(dj_emu_filter, SYS_mmap, 0, 4096, prots[i]));
}

static void a_quoter_makes_unix_sockets_alone(void)
{
	static const long free[] = { SYS_connect, SYS_poll, SYS_recvfrom,
		SYS_sendto, SYS_close, SYS_clock_gettime, SYS_clock_nanosleep,
		SYS_restart_syscall, SYS_exit_group, -1 };

	only(dj_quoter_filter, free);
	for (int family = 0; family < AF_MAX; family++) {
		if (family == AF_UNIX)
			ok(passes(dj_quoter_filter, SYS_socket, family, 0, 0));
		else
			ok(dies(dj_quoter_filter, SYS_socket, family, 0, 0));
	}
}

static bool (*const every[])(void) = { launcher, vm, vm_without_emulator,
	enclave, emulated_enclave, dj_emu_filter, dj_quoter_filter };
#define EVERY (sizeof(every) / sizeof(every[0]))

#ifdef __x86_64__
/* x32's numbers are those of x86-64 with a bit set. */
static void calls_of_x32_die(void)
{
	for (size_t i = 0; i < EVERY; i++) {
		ok(dies(every[i], 0x40000000L | SYS_exit_group, 0, 0, 0));
		ok(dies(every[i], 0x40000000L | SYS_close, 0, 0, 0));
	}
}

/*
 * 231 ends a process on x86-64, which is allowed, and is another call in the
 * i386 table. A kernel without i386 kills with SIGSEGV.
 */
static void calls_of_i386_die(void)
{
	for (size_t i = 0; i < EVERY; i++) {
		int status = -1;
		pid_t pid = fork();

		if (pid == 0) {
			long ret = SYS_exit_group;

			if (!every[i]())
				_exit(NO_FILTER);
			__asm__ volatile("int $0x80" : "+a"(ret) : : "memory");
			syscall(SYS_exit_group, 0);
		}
		ok(pid > 0 && waitpid(pid, &status, 0) == pid);
		ok(WIFSIGNALED(status) &&
			(WTERMSIG(status) == SIGSYS ||
				WTERMSIG(status) == SIGSEGV));
	}
}
#endif

int main(void)
{
	RUN(a_launcher_makes_no_other_call);
	RUN(a_launcher_signals_its_keep_alone);
	RUN(a_launcher_talks_to_its_agent_and_emulator_alone);
	RUN(a_vm_makes_no_other_call);
	RUN(a_vm_reads_and_writes_its_own_descriptors);
	RUN(a_vm_asks_its_processor_to_run_and_nothing_else);
	RUN(an_enclaves_process_makes_no_other_call);
	RUN(an_enclaves_process_uses_its_device_and_eventfds);
	RUN(an_emulated_enclave_makes_no_other_call);
	RUN(an_emulator_serves_and_maps_to_read);
	RUN(a_quoter_makes_unix_sockets_alone);
#ifdef __x86_64__
	RUN(calls_of_x32_die);
	RUN(calls_of_i386_die);
#endif
	return done();
}
