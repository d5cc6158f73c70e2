// SPDX-License-Identifier: Apache-2.0
#include "client/snp_here.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lib/base/rd.h"

/* linux/psp-sev.h, which Debian 12's headers have without the command. */
#define SEV_ISSUE_CMD       0xc0105300UL
#define SNP_PLATFORM_STATUS 9
#define STATE_INIT          1

struct command {
	uint32_t cmd;
	uint64_t data;
	uint32_t error;
} __attribute__((packed));
_Static_assert(sizeof(struct command) == 16, "the kernel's");

static int real_open(const char *path)
{
	return open(path, O_RDWR | O_CLOEXEC);
}

static int real_ioctl(int fd, unsigned long op, void *arg)
{
	return ioctl(fd, op, arg);
}

const struct dj_snp_device dj_snp_device = { real_open, real_ioctl, close };

void dj_snp_here_look(const struct dj_snp_device *d, struct dj_snp_here *ret)
{
	struct dj_snp_here h = { 0 };
	struct command c = { .cmd = SNP_PLATFORM_STATUS,
		.data = (uint64_t)(uintptr_t)h.status };
	int fd = d->open("/dev/sev");

	h.device = fd < 0 ? errno : 0;
	if (fd >= 0) {
		h.asked = d->ioctl(fd, SEV_ISSUE_CMD, &c) == 0 ? 0 : errno;
		h.error = c.error;
		(void)d->close(fd);
	}
	*ret = h;
}

/* SNP_PLATFORM_STATUS, packed. */
struct status {
	uint8_t major, minor, state;
	bool has_rmp;
	uint32_t build, flags, guests;
	uint8_t current[8], reported[8];
};

static struct status status_of(const uint8_t b[static DJ_SNP_STATUS_SIZE])
{
	struct dj_rd r = dj_rd_of(b, DJ_SNP_STATUS_SIZE);
	struct status s;

	s.major = dj_rd_u8(&r);
	s.minor = dj_rd_u8(&r);
	s.state = dj_rd_u8(&r);
	s.has_rmp = (dj_rd_u8(&r) & 1) != 0;
	s.build = dj_rd_u32le(&r);
	s.flags = dj_rd_u32le(&r);
	s.guests = dj_rd_u32le(&r);
	dj_rd_copy(&r, s.current, sizeof(s.current));
	dj_rd_copy(&r, s.reported, sizeof(s.reported));
	return s;
}

/* What lacks, and what would help. */
static const char *lacks(const struct dj_snp_here *h, const char **ret_hint)
{
	struct status s = status_of(h->status);

	*ret_hint = "";
	if (h->device == EACCES || h->device == EPERM) {
		*ret_hint = "be in the group of /dev/sev (kvm), or root";
		return "/dev/sev may not be opened";
	}
	if (h->device != 0) {
		*ret_hint = "an AMD EPYC of the third generation or later, "
			    "SEV-SNP on in its firmware, Linux 6.11";
		return "no /dev/sev: no AMD secure processor that Linux knows";
	}
	if (h->asked != 0) {
		*ret_hint = "SEV-SNP on in the firmware, kvm_amd.sev_snp=1";
		return "the secure processor does not say its SEV-SNP status";
	}
	if (s.state != STATE_INIT) {
		*ret_hint = "kvm_amd loaded with sev_snp=1";
		return "SEV-SNP firmware is not initialised";
	}
	if (!s.has_rmp) {
		*ret_hint = "memory for the RMP, set aside by the firmware";
		return "the RMP is not initialised";
	}
	return NULL;
}

/* All flags that are set, in words. */
static void say_flags(uint32_t flags, char *dst, size_t cap)
{
	static const char *const words[] = {
		"chip id masked (certificates cannot be fetched by it)",
		"chip key masked (reports are not signed)",
		"VLEK loaded",
		"feature info",
		"RAPL off",
		"ciphertext hiding possible",
		"ciphertext hiding on",
	};
	size_t n = 0;

	dst[0] = '\0';
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if ((flags >> i & 1) != 0 && n < cap)
			n += (size_t)snprintf(dst + n, cap - n, ", %s",
				words[i]);
	}
}

static void say_tcb(const uint8_t *tcb, char dst[static 24])
{
	for (size_t i = 0; i < 8; i++)
		(void)snprintf(dst + 3 * i, 4, "%02x%s", tcb[i],
			i == 7 ? "" : ":");
}

bool dj_snp_here_explain(const struct dj_snp_here *h, char *text,
	size_t text_cap, char *hint, size_t hint_cap)
{
	const char *help = "";
	const char *wrong = lacks(h, &help);
	struct status s = status_of(h->status);
	char flags[256], current[24], reported[24];

	(void)snprintf(hint, hint_cap, "%s", help);
	if (wrong != NULL) {
		bool is_said = h->device == 0 && h->asked != 0 && h->error != 0;

		(void)snprintf(text, text_cap, "%s%s", wrong,
			is_said ? ": it refuses" : "");
		return false;
	}
	say_flags(s.flags, flags, sizeof(flags));
	say_tcb(s.current, current);
	say_tcb(s.reported, reported);
	(void)snprintf(text, text_cap,
		"firmware %u.%u.%u, %u guests, TCB %s%s%s%s", s.major, s.minor,
		s.build, s.guests, current,
		memcmp(s.current, s.reported, 8) == 0 ? ""
						      : " but reported as ",
		memcmp(s.current, s.reported, 8) == 0 ? "" : reported, flags);
	return true;
}
