// SPDX-License-Identifier: Apache-2.0
#include <errno.h>

#include "client/snp_here.h"
#include "tests/tap.h"

/* A fake /dev/sev: what opening and asking give, and what it answers. */
static int open_errno, ioctl_errno, opened, closed;
static uint32_t firmware_error;
static uint8_t answer[DJ_SNP_STATUS_SIZE];
static unsigned long seen_op;
static uint32_t seen_cmd;

static int fake_open(const char *path)
{
	eq_str(path, "/dev/sev");
	errno = open_errno;
	opened += open_errno == 0;
	return open_errno == 0 ? 77 : -1;
}

static int fake_ioctl(int fd, unsigned long op, void *arg)
{
	uint8_t *c = arg;
	void *data;

	eq_u64(fd, 77);
	seen_op = op;
	memcpy(&seen_cmd, c, 4);
	memcpy(&data, c + 4, 8);
	memcpy(data, answer, sizeof(answer));
	memcpy(c + 12, &firmware_error, 4);
	errno = ioctl_errno;
	return ioctl_errno == 0 ? 0 : -1;
}

static int fake_close(int fd)
{
	eq_u64(fd, 77);
	closed++;
	return 0;
}

static const struct dj_snp_device device = { fake_open, fake_ioctl,
	fake_close };

/* 1.55 build 43, initialised, with an RMP, 3 guests. */
static void good_answer(void)
{
	static const uint8_t good[DJ_SNP_STATUS_SIZE] = { 1, 55, 1, 1, 43, 0, 0,
		0, 0, 0, 0, 0, 3, 0, 0, 0, 10, 0, 0, 0, 0, 0, 23, 84, 10, 0, 0,
		0, 0, 0, 23, 84 };

	open_errno = ioctl_errno = opened = closed = 0;
	firmware_error = 0;
	memcpy(answer, good, sizeof(good));
}

static void says(bool good, const char *what)
{
	char text[512], hint[256];
	struct dj_snp_here h;

	dj_snp_here_look(&device, &h);
	ok(dj_snp_here_explain(&h, text, sizeof(text), hint, sizeof(hint)) ==
		good);
	if (!ok(strstr(text, what) != NULL))
		printf("# %s\n", text);
	ok(good == (hint[0] == '\0'));
	eq_u64(opened, closed);
}

static void a_ready_platform_is_told_with_its_versions(void)
{
	good_answer();
	says(true, "firmware 1.55.43, 3 guests, TCB 0a:00:00:00:00:00:17:54");
	eq_u64(seen_op, 0xc0105300);
	eq_u64(seen_cmd, 9);
	answer[24] = 9;
	says(true, "but reported as 09:00:00:00:00:00:17:54");
}

static void each_flag_is_told_in_words(void)
{
	static const char *const words[] = { "chip id masked",
		"chip key masked", "VLEK loaded", "feature info", "RAPL off",
		"ciphertext hiding possible", "ciphertext hiding on" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		good_answer();
		answer[8] = (uint8_t)(1 << i);
		says(true, words[i]);
	}
	answer[8] = 0xff;
	answer[11] = 0xff;
	says(true, words[6]);
}

static void what_lacks_is_said(void)
{
	good_answer();
	answer[3] = 0;
	says(false, "RMP is not");
	answer[2] = 0;
	says(false, "not initialised");
	ioctl_errno = EIO;
	firmware_error = 1;
	says(false, "refuses");
	ioctl_errno = ENOTTY;
	firmware_error = 0;
	says(false, "does not say");
	open_errno = EACCES;
	says(false, "may not be opened");
	open_errno = ENOENT;
	says(false, "no /dev/sev");
}

static void looking_at_this_machine_does_no_harm(void)
{
	char text[512], hint[256];
	struct dj_snp_here h;

	dj_snp_here_look(&dj_snp_device, &h);
	(void)dj_snp_here_explain(&h, text, sizeof(text), hint, sizeof(hint));
	ok(text[0] != '\0');
}

int main(void)
{
	RUN(a_ready_platform_is_told_with_its_versions);
	RUN(each_flag_is_told_in_words);
	RUN(what_lacks_is_said);
	RUN(looking_at_this_machine_does_no_harm);
	return done();
}
