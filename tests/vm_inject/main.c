// SPDX-License-Identifier: Apache-2.0
/*
 * vm_inject IMAGE [COUNT [VECTOR]]: what a host can force into a VM Keep. Runs the
 * image of tests/keep/evil_vm.c at its honest work in our own VMM's machine,
 * COUNT times for each of the 32 exceptions and 20 interrupt vectors, stops
 * it at a random instant and forces the vector in with KVM_SET_VCPU_EVENTS.
 * Good: the right result, or an end with a fault. TAP.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/launch/launch.h"
#include "host/vmm/vmm.h"
#include "lib/proto/hostcall.h"
#include "tests/tap.h"

#define INTERRUPTS 20
#define VECTORS    (32 + INTERRUPTS)
#define TOTAL      ((uint64_t)32 << 20)
#define SPAN_US    12000 /* the work takes about so long */

enum verdict {
	RIGHT,
	FAULT,
	WRONG,
	NOT_FORCED,
	LATE, /* it had ended by then, rightly */
	VERDICTS
};

static const char *const verdicts[] = { "right", "fault", "WRONG", "not forced",
	"over before" };

static void on_alarm(int sig)
{
	(void)sig;
}

/* With an error code: double fault, TSS, segment, stack, protection, page,
 * alignment, control protection, VMM communication, security. */
static bool has_error(unsigned nr)
{
	return nr == 8 || (nr >= 10 && nr <= 14) || nr == 17 || nr == 21 ||
		nr == 29 || nr == 30;
}

static bool force(int cpu, unsigned nr)
{
	static const uint8_t interrupts[INTERRUPTS] = { 32, 33, 34, 39, 46, 48,
		64, 0x41, 0x50, 0x60, 0x70, 0x7f, 0x80, 0x81, 0x90, 0xa0, 0xd1,
		0xec, 0xfd, 0xff };
	struct kvm_vcpu_events ev;

	if (ioctl(cpu, KVM_GET_VCPU_EVENTS, &ev) != 0)
		return false;
	if (nr >= 32) {
		ev.interrupt.injected = 1;
		ev.interrupt.nr = interrupts[nr - 32];
	} else if (nr == 2) {
		ev.nmi.injected = 1;
	} else {
		ev.exception.injected = 1;
		ev.exception.nr = (uint8_t)nr;
		ev.exception.has_error_code = has_error(nr);
		ev.exception.error_code = 0;
	}
	return ioctl(cpu, KVM_SET_VCPU_EVENTS, &ev) == 0;
}

/* Until the Keep ends, or the alarm rings; true: it has ended. */
static bool run(const struct dj_vmm *v, uint8_t *ret_code)
{
	for (;;) {
		if (ioctl(v->cpu, KVM_RUN, 0) != 0) {
			if (errno == EINTR)
				return false;
			*ret_code = DJ_HALT_FAULT;
			return true;
		}
		switch (dj_vmm_step(v, ret_code)) {
		case DJ_VMM_END:
			return true;
		case DJ_VMM_AGAIN:
			if (v->run->exit_reason == KVM_EXIT_INTR)
				return false;
			break;
		case DJ_VMM_KICK:
		case DJ_VMM_WAIT:
			break;
		}
	}
}

static void set_region(const uint64_t what[2], uint8_t **ret)
{
	int fd = memfd_create("region", 0);

	if (fd < 0 || ftruncate(fd, DJ_HC_REGION_SIZE) != 0 ||
		(fd != DJ_LAUNCH_FD_REGION &&
			dup2(fd, DJ_LAUNCH_FD_REGION) < 0))
		_exit(99);
	*ret = mmap(NULL, DJ_HC_REGION_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
		DJ_LAUNCH_FD_REGION, 0);
	if (*ret == MAP_FAILED)
		_exit(99);
	memcpy(*ret + DJ_HC_IN_OFF, what, 16);
}

/* An emulated SNP guest, whose processor it never asks for anything. */
static bool is_snp;

static void make_snp(int kvm, struct dj_vmm_snp *ret)
{
	if (!dj_vmm_cpuid_page(kvm, ret->cpuid))
		_exit(99);
	memset(ret->secrets, 0x5e, sizeof(ret->secrets));
	ret->emu = open("/dev/null", O_RDWR);
}

/* In a process of its own. vector VECTORS: nothing is forced. */
static enum verdict one(const char *image, unsigned vector, unsigned us,
	uint64_t *result)
{
	static const uint64_t work[2] = { 5, 0 };
	struct itimerval soon = { .it_value = { .tv_usec = us } };
	struct sigaction act = { .sa_handler = on_alarm };
	int kvm = fcntl(open("/dev/kvm", O_RDWR), F_DUPFD, 32);
	int fd = fcntl(open(image, O_RDONLY), F_DUPFD, 32);
	static struct dj_vmm_snp snp;
	struct dj_vmm v;
	uint8_t code = 0xff;
	uint8_t *region;
	const char *wrong;
	bool is_over;

	set_region(work, &region);
	if (is_snp)
		make_snp(kvm, &snp);
	wrong = dj_vmm_new(&(struct dj_vmm_plan){ .kvm = kvm,
				   .image = fd,
				   .total = TOTAL,
				   .snp = is_snp ? &snp : NULL },
		&v);
	if (wrong != NULL) {
		printf("# %s: %s\n", wrong, strerror(errno));
		_exit(99);
	}
	sigaction(SIGALRM, &act, NULL);
	if (vector < VECTORS)
		setitimer(ITIMER_REAL, &soon, NULL);
	is_over = run(&v, &code);
	if (!is_over && !force(v.cpu, vector))
		return NOT_FORCED;
	if (!is_over) {
		/* A Keep that hangs is no answer either. */
		soon.it_value.tv_sec = 5;
		setitimer(ITIMER_REAL, &soon, NULL);
		if (!run(&v, &code))
			return WRONG;
	}
	if (code == DJ_HALT_FAULT)
		return FAULT;
	if (vector == VECTORS)
		memcpy(result, region + DJ_HC_OUT_OFF, 8);
	if (code != DJ_HALT_RELEASED ||
		memcmp(result, region + DJ_HC_OUT_OFF, 8) != 0)
		return WRONG;
	return is_over && vector < VECTORS ? LATE : RIGHT;
}

static enum verdict in_child(const char *image, unsigned vector, unsigned us,
	uint64_t *result)
{
	int status;
	pid_t pid;

	(void)fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit((int)one(image, vector, us, result));
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
		WEXITSTATUS(status) >= VERDICTS)
		return WRONG;
	return (enum verdict)WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
	unsigned count = argc > 2 ? (unsigned)atoi(argv[2]) : 20;
	unsigned only = argc > 3 ? (unsigned)atoi(argv[3]) : VECTORS;
	unsigned n = 1;
	uint64_t *result;
	bool is_good;
	unsigned seen[VERDICTS] = { 0 };

	if (argc < 2)
		return 64;
	/* By its name, as images are called. */
	is_snp = strstr(argv[1], "/snp.elf") != NULL;
	if (access("/dev/kvm", R_OK | W_OK) != 0) {
		printf("1..0 # SKIP no /dev/kvm that can be opened\n");
		return 0;
	}
	result = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	is_good = in_child(argv[1], VECTORS, 0, result) == RIGHT;
	printf("%s 1 - left alone, it does its work\n",
		is_good ? "ok" : "not ok");
	srandom(1);
	for (unsigned v = 0; v < VECTORS; v++) {
		unsigned bad = 0;

		if (only != VECTORS && only != v)
			continue;
		for (unsigned i = 0; i < count; i++) {
			unsigned us = 500 + (unsigned)random() % SPAN_US;
			enum verdict r = in_child(argv[1], v, us, result);

			seen[r]++;
			bad += r == WRONG || r == NOT_FORCED;
		}
		printf("%s %u - %s %u, forced at %u instants\n",
			bad == 0 ? "ok" : "not ok", ++n,
			v < 32 ? "exception" : "interrupt vector no.",
			v < 32 ? v : v - 32, count);
	}
	for (unsigned i = 0; i < VERDICTS; i++)
		printf("# %s: %u\n", verdicts[i], seen[i]);
	printf("1..%u\n", n);
	return !is_good || seen[WRONG] + seen[NOT_FORCED] != 0;
}
