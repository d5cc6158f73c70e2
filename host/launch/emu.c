// SPDX-License-Identifier: Apache-2.0
#include "host/launch/emu.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "host/launch/launch.h"
#include "host/vmm/vmm.h"
#include "lib/proto/emu.h"

bool dj_emu_is_there(void)
{
	return fcntl(DJ_LAUNCH_FD_EMU, F_GETFD) >= 0;
}

/* A request and the image. */
static bool send_with(int image, const void *p, size_t len)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)p, .iov_len = len };
	union {
		struct cmsghdr head;
		uint8_t room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &image, sizeof(int));
	return sendmsg(DJ_LAUNCH_FD_EMU, &msg, MSG_NOSIGNAL) == (ssize_t)len;
}

static bool send_launch(int image, const uint8_t config_hash[static 32])
{
	uint8_t buf[4 + 32];
	const uint32_t op = DJ_EMU_LAUNCH;

	memcpy(buf, &op, 4);
	memcpy(buf + 4, config_hash, 32);
	return send_with(image, buf, sizeof(buf));
}

bool dj_emu_answer(uint8_t *ret, size_t *ret_len)
{
	uint8_t buf[4 + DJ_EMU_REPORT_MAX];
	uint32_t err;
	ssize_t n = recv(DJ_LAUNCH_FD_EMU, buf, sizeof(buf), MSG_TRUNC);

	*ret_len = 0;
	if (n < 0)
		return false;
	if (n < 4 || (size_t)n > sizeof(buf)) {
		errno = n == 0 ? EPIPE : EPROTO;
		return false;
	}
	memcpy(&err, buf, 4);
	*ret_len = (size_t)n - 4;
	memcpy(ret, buf + 4, *ret_len);
	errno = (int)err;
	return err == 0;
}

bool dj_emu_launch(int image, const uint8_t config_hash[static 32],
	const uint8_t measurement[static 32], void *more, size_t more_len)
{
	uint8_t theirs[DJ_EMU_REPORT_MAX];
	size_t len;

	if (!send_launch(image, config_hash) || !dj_emu_answer(theirs, &len))
		return false;
	if (len != 32 + more_len || memcmp(theirs, measurement, 32) != 0) {
		errno = EPROTO;
		return false;
	}
	if (more_len != 0)
		memcpy(more, theirs + 32, more_len);
	return true;
}

bool dj_emu_snp_launch(int image, const uint8_t host_data[static 32],
	const uint8_t *id, struct dj_vmm_snp *snp,
	uint8_t ret_digest[static 48])
{
	uint8_t buf[4 + DJ_EMU_SNP_CONFIG + DJ_EMU_SNP_ID];
	uint8_t got[DJ_EMU_REPORT_MAX];
	size_t size = sizeof(buf) - (id == NULL ? DJ_EMU_SNP_ID : 0);
	const uint32_t op = DJ_EMU_SNP_LAUNCH;
	const uint64_t policy = DJ_LAUNCH_SNP_POLICY;
	size_t len;

	if (!dj_emu_is_there()) {
		errno = ENODEV;
		return false;
	}
	memcpy(buf, &op, 4);
	memcpy(buf + 4, &policy, 8);
	memcpy(buf + 12, host_data, 32);
	memcpy(buf + 44, snp->cpuid, sizeof(snp->cpuid));
	if (id != NULL)
		memcpy(buf + 4 + DJ_EMU_SNP_CONFIG, id, DJ_EMU_SNP_ID);
	if (!send_with(image, buf, size) || !dj_emu_answer(got, &len))
		return false;
	if (len != DJ_EMU_SNP_LAUNCHED) {
		errno = EPROTO;
		return false;
	}
	memcpy(ret_digest, got, 48);
	memcpy(snp->cpuid, got + 48, sizeof(snp->cpuid));
	memcpy(snp->secrets, got + 48 + 4096, sizeof(snp->secrets));
	snp->emu = DJ_LAUNCH_FD_EMU;
	return true;
}

bool dj_emu_ask(uint32_t op, const void *p, size_t len)
{
	uint8_t buf[4 + DJ_EMU_REQUEST_MAX];

	if (len > DJ_EMU_REQUEST_MAX) {
		errno = EMSGSIZE;
		return false;
	}
	memcpy(buf, &op, 4);
	if (len != 0)
		memcpy(buf + 4, p, len);
	return send(DJ_LAUNCH_FD_EMU, buf, 4 + len, MSG_NOSIGNAL) ==
		(ssize_t)(4 + len);
}
