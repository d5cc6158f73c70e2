// SPDX-License-Identifier: Apache-2.0
/*
 * donjon-launch: one Keep's launcher (host/launch/launch.h). It is started
 * by donjond, never by people; its errors go to donjond as messages.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/launch/emu.h"
#include "host/launch/image.h"
#include "host/launch/jail.h"
#include "host/launch/launch.h"
#include "host/launch/quoter.h"
#include "host/launch/sgx_start.h"
#include "host/launch/snp_id.h"
#include "host/vmm/vmm.h"
#include "lib/base/secret.h"
#include "lib/evidence/image.h"
#include "lib/evidence/sgx.h"
#include "lib/evidence/snp_launch.h"
#include "lib/proto/config.h"
#include "lib/proto/emu.h"
#include "lib/proto/hostcall.h"

/* The shim's stacks, and what Linux itself accounts to a process. */
#define DATA_OVERHEAD (UINT64_C(2) << 20)

static const char usage[] =
	"usage: donjon-launch process|kvm|snp|sgx IMAGE [FOLDER]\n"
	"Starts one Keep for donjond, which passes descriptors 3 to 7.\n"
	"Not meant to be run by hand: see donjond(8).\n";

static void send_msg(uint32_t type, uint32_t value, const void *p, size_t len)
{
	uint8_t buf[DJ_LAUNCH_MSG_MAX];
	struct dj_launch_msg msg = {
		.type = type,
		.value = value,
		.len = (uint32_t)len,
	};

	memcpy(buf, &msg, sizeof(msg));
	if (len != 0)
		memcpy(buf + sizeof(msg), p, len);
	/* If nobody listens any more, the poll says so. */
	(void)send(DJ_LAUNCH_FD_CONTROL, buf, sizeof(msg) + len, MSG_NOSIGNAL);
}

static _Noreturn void failed(const char *what)
{
	send_msg(DJ_LAUNCH_FAILED, (uint32_t)errno, what, strlen(what));
	exit(1);
}

/* Death of donjond is our death, also if it died before we asked. */
static void tie_to_parent(void)
{
	struct pollfd p = { .fd = DJ_LAUNCH_FD_CONTROL };

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
		failed("cannot tie the launcher to donjond");
	if (poll(&p, 1, 0) < 0 || p.revents != 0)
		exit(1);
}

static void read_config(uint8_t ret_hash[static 32], uint64_t *ret_total)
{
	uint8_t block[DJ_HC_CONFIG_MAX];
	struct dj_config c;
	uint32_t len;

	errno = EINVAL;
	if (pread(DJ_LAUNCH_FD_REGION, &len, 4, DJ_HC_CONFIG_OFF) != 4 ||
		len > sizeof(block) ||
		pread(DJ_LAUNCH_FD_REGION, block, len, DJ_HC_CONFIG_OFF + 4) !=
			(ssize_t)len)
		failed("the shared region has no launch configuration block");
	dj_config_hash(block, len, ret_hash);
	/* A block that does not parse halts the Keep, which says so better. */
	*ret_total = dj_config_parse(block, len, &c) == DJ_OK
		? c.total_memory
		: DJ_CONFIG_MEMORY_DEFAULT;
}

/* Limits that donjond wants are not optional. */
static void enter_cgroups(void)
{
	for (int fd = DJ_LAUNCH_FD_CGROUP; fd < DJ_LAUNCH_FD_CGROUP + 2; fd++) {
		if (fcntl(fd, F_GETFD) < 0)
			continue;
		if (write(fd, "0", 1) != 1)
			failed("cannot enter the Keep's control group");
		close(fd);
	}
}

/* A VM, between the parts of the jail. */
struct machine {
	int kvm; /* /dev/kvm, opened while we may; -1: a process */
	int image;
	uint64_t total;
	bool is_snp;
	int sev; /* /dev/sev; 0: the secure processor is emulated */
	uint8_t host_data[32];
	struct dj_vmm_snp snp;
	struct dj_launch_id id;
	struct dj_vmm vmm;
};

static const char *make_vm(void *ctx)
{
	struct machine *m = ctx;

	const struct dj_vmm_plan plan = { .kvm = m->kvm,
		.image = m->image,
		.total = m->total,
		.snp = m->is_snp && m->sev == 0 ? &m->snp : NULL,
		.sev = m->sev,
		.policy = DJ_LAUNCH_SNP_POLICY,
		.host_data = m->host_data,
		.id_block = m->id.is_there ? m->id.bytes : NULL,
		.id_auth =
			m->id.is_there ? m->id.bytes + DJ_SNP_ID_BLOCK : NULL };

	return dj_vmm_new(&plan, &m->vmm);
}

static const char *jail_vm(void *ctx, int said)
{
	struct machine *m = ctx;

	return dj_vmm_jail(&m->vmm, said);
}

static _Noreturn void run_vm(void *ctx)
{
	struct machine *m = ctx;

	dj_vmm_run(&m->vmm);
}

static const char *start(const struct dj_loaded *image, struct machine *m,
	struct dj_sgx_start *sgx, struct dj_jailed *ret)
{
	struct dj_jail_body body = {
		.image = image->fd,
		.data = m->total + image->writable + DATA_OVERHEAD,
	};

	m->image = image->fd;
	if (sgx != NULL) {
		sgx->image = image->fd;
		body.data += sgx->heap + DJ_SGX_DATA_OVERHEAD;
		dj_sgx_start_body(sgx, &body);
	}
	if (m->kvm >= 0) {
		body.make = make_vm;
		body.ready = jail_vm;
		body.run = run_vm;
		body.ctx = m;
	}
	return dj_jail_start(&body, ret);
}

struct state {
	struct dj_jailed keep;
	bool is_sgx;
	bool has_emu;  /* or aesmd's stand-in for one: who makes reports */
	bool is_asked; /* a report is under way */
};

static void kill_keep(const struct state *s)
{
	(void)syscall(SYS_pidfd_send_signal, s->keep.pidfd, SIGKILL, NULL, 0);
}

static void on_report(struct state *s, enum dj_launch_type type,
	const uint8_t *data, size_t len)
{
	int err = !s->has_emu ? ENOSYS : s->is_asked ? EBUSY : 0;
	uint32_t op = type == DJ_LAUNCH_TARGET ? (uint32_t)DJ_EMU_TARGET
					       : (uint32_t)DJ_EMU_REPORT;

	if (err == 0 && !dj_emu_ask(op, data, len))
		err = errno;
	if (err != 0)
		send_msg(DJ_LAUNCH_REPORTED, (uint32_t)err, NULL, 0);
	else
		s->is_asked = true;
}

static void on_emu(struct state *s)
{
	uint8_t report[DJ_EMU_REPORT_MAX];
	size_t len = 0;
	int err = dj_emu_answer(report, &len) ? 0 : errno;

	if (s->is_asked)
		send_msg(DJ_LAUNCH_REPORTED, (uint32_t)err, report, len);
	s->is_asked = false;
	if (err == EPIPE || err == ECONNRESET)
		s->has_emu = false;
}

/* False: donjond is gone, or talks nonsense. */
static bool on_control(struct state *s)
{
	uint8_t buf[sizeof(struct dj_launch_msg) + DJ_LAUNCH_ASK_MAX];
	struct dj_launch_msg msg;
	ssize_t n = recv(DJ_LAUNCH_FD_CONTROL, buf, sizeof(buf), MSG_TRUNC);

	if (n < (ssize_t)sizeof(msg) || (size_t)n > sizeof(buf))
		return false;
	memcpy(&msg, buf, sizeof(msg));
	if (msg.len != (size_t)n - sizeof(msg) || msg.zero != 0)
		return false;
	if (msg.type == DJ_LAUNCH_KILL && msg.len == 0) {
		kill_keep(s);
		return true;
	}
	if ((msg.type != DJ_LAUNCH_REPORT ||
		    msg.len != (s->is_sgx ? DJ_SGX_REPORT : 64)) &&
		(msg.type != DJ_LAUNCH_TARGET || msg.len != 0))
		return false;
	on_report(s, (enum dj_launch_type)msg.type, buf + sizeof(msg), msg.len);
	return true;
}

/* As waitpid(2) would have put it. */
static uint32_t wait_status(const siginfo_t *si)
{
	uint32_t status = (uint32_t)si->si_status;

	if (si->si_code == CLD_EXITED)
		return (status & 0xff) << 8;
	return status | (si->si_code == CLD_DUMPED ? 0x80 : 0);
}

static void serve(struct state *s)
{
	struct pollfd p[3] = {
		{ .fd = DJ_LAUNCH_FD_CONTROL, .events = POLLIN },
		{ .fd = s->keep.pidfd, .events = POLLIN },
		{ .fd = DJ_LAUNCH_FD_EMU, .events = POLLIN },
	};
	siginfo_t si = { 0 };

	while (p[1].revents == 0) {
		p[2].fd = s->has_emu ? DJ_LAUNCH_FD_EMU : -1;
		if (poll(p, 3, -1) < 0 && errno != EINTR)
			break;
		if (p[2].revents != 0)
			on_emu(s);
		if (p[0].revents != 0 && !on_control(s)) {
			kill_keep(s);
			p[0].fd = -1;
		}
	}
	kill_keep(s);
	if (waitid(P_PIDFD, (id_t)s->keep.pidfd, &si, WEXITED) == 0)
		send_msg(DJ_LAUNCH_ENDED, wait_status(&si), NULL, 0);
}

enum kind {
	KIND_PROCESS,
	KIND_KVM,
	KIND_SNP,
	KIND_SGX,
	KINDS
};

static enum kind kind_of(const char *name)
{
	static const char *const names[KINDS] = { "process", "kvm", "snp",
		"sgx" };
	int k = 0;

	while (k < KINDS && strcmp(names[k], name) != 0)
		k++;
	return (enum kind)k;
}

/* What is opened while files can be. */
static const char *open_all(enum kind kind, const char *path,
	const char *folder, struct dj_loaded *image, struct machine *m)
{
	const char *wrong = dj_loaded_open(path,
		kind == KIND_SGX ? dj_sgx_measure : dj_image_measure, image);

	if (wrong != NULL || kind == KIND_PROCESS || kind == KIND_SGX)
		return wrong;
	m->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (m->kvm < 0)
		return "cannot open /dev/kvm";
	m->is_snp = kind == KIND_SNP;
	if (m->is_snp && folder != NULL) {
		wrong = dj_launch_id_read(folder, &m->id);
		if (wrong != NULL)
			return wrong;
	}
	if (m->is_snp && !dj_emu_is_there()) {
		m->sev = open("/dev/sev", O_RDWR | O_CLOEXEC);
		return m->sev > 0 ? NULL : "cannot open /dev/sev";
	}
	if (m->is_snp && !dj_vmm_cpuid_page(m->kvm, m->snp.cpuid))
		return "cannot learn what KVM's processors have";
	return NULL;
}

/* The launch digest of firmware's, which only a report can vouch for. */
static void measure_snp(int image, uint8_t ret[static 48])
{
	struct dj_image img;
	struct dj_snp_launch l = { 0 };
	struct stat st;
	void *p = MAP_FAILED;

	if (fstat(image, &st) == 0)
		p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE,
			image, 0);
	if (p == MAP_FAILED)
		failed("cannot map the keep image");
	if (dj_image_parse(p, (size_t)st.st_size, &img) != DJ_OK ||
		dj_snp_measure(&img, &l) != DJ_OK)
		failed("this file is not a keep image");
	munmap(p, (size_t)st.st_size);
	memcpy(ret, l.digest, 48);
}

/* An emulator measures for itself; ret is the measurement of the TEE. */
static size_t emulate(struct state *s, const struct dj_loaded *image,
	struct machine *m, struct dj_sgx_start *sgx,
	const uint8_t config_hash[static 32], uint8_t ret[static 48])
{
	if (m->sev != 0 || m->id.is_there)
		measure_snp(image->fd, ret);
	if (m->id.is_there) {
		const char *wrong =
			dj_launch_id_check(&m->id, ret, DJ_LAUNCH_SNP_POLICY);

		if (wrong != NULL)
			failed(wrong);
	}
	if (m->sev != 0) {
		memcpy(m->host_data, config_hash, sizeof(m->host_data));
		return 48;
	}
	if (m->is_snp) {
		if (!dj_emu_snp_launch(image->fd, config_hash,
			    m->id.is_there ? m->id.bytes : NULL, &m->snp, ret))
			failed("the emulated secure processor refused the launch");
		/* From here on it is the VM's to talk to. */
		s->has_emu = false;
		return 48;
	}
	memcpy(ret, image->measurement, 32);
	if (s->has_emu &&
		!dj_emu_launch(image->fd, config_hash, image->measurement,
			&sgx->fuses, s->is_sgx ? sizeof(sgx->fuses) : 0))
		failed("the emulator did not take the image");
	return 32;
}

int main(int argc, char **argv)
{
	static struct machine m = { .kvm = -1 };
	enum kind kind = argc == 3 || argc == 4 ? kind_of(argv[1]) : KINDS;
	uint8_t config_hash[32], measurement[48];
	struct dj_loaded image;
	struct state s = { 0 };
	static struct dj_sgx_start sgx;
	const char *wrong;
	size_t len;

	if (kind == KINDS) {
		bool is_help = argc == 2 && strcmp(argv[1], "--help") == 0;

		(void)fputs(usage, is_help ? stdout : stderr);
		return is_help ? 0 : 64;
	}
	s.has_emu = dj_emu_is_there();
	enter_cgroups();
	dj_image_use_cpu();
	s.is_sgx = kind == KIND_SGX;
	wrong = open_all(kind, argv[2], argv[3], &image, &m);
	if (s.is_sgx && wrong == NULL)
		wrong = dj_sgx_start_open(argv[2], s.has_emu, &sgx);
	if (wrong == NULL)
		wrong = dj_jail_drop_root();
	if (wrong != NULL)
		failed(wrong);
	tie_to_parent();
	read_config(config_hash, &m.total);
	len = emulate(&s, &image, &m, &sgx, config_hash, measurement);
	if (s.is_sgx)
		wrong = dj_sgx_start_choose(&sgx, image.fd, m.total,
			measurement);
	if (wrong != NULL)
		failed(wrong);
	if (s.is_sgx && !s.has_emu) {
		wrong = dj_quoter_start(DJ_AESM_PATH);
		if (wrong != NULL)
			failed(wrong);
		s.has_emu = true;
	}
	if (m.total > UINT64_MAX / 2)
		m.total = UINT64_MAX / 2;
	wrong = start(&image, &m, s.is_sgx ? &sgx : NULL, &s.keep);
	dj_wipe(&m.snp, sizeof(m.snp));
	dj_wipe(&sgx.fuses, sizeof(sgx.fuses));
	close(image.fd);
	if (m.kvm >= 0)
		close(m.kvm);
	if (m.sev > 0)
		close(m.sev);
	if (wrong == NULL)
		wrong = dj_jail_self(s.keep.pidfd);
	if (wrong != NULL)
		failed(wrong);
	send_msg(DJ_LAUNCH_STARTED, 0, measurement, len);
	serve(&s);
	return 0;
}
