// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "client/sgx_here.h"
#include "tests/tap.h"

static const struct dj_sgx_here all = { .is_intel64 = true,
	.has_sgx = true,
	.has_flc = true,
	.has_edmm = true,
	.has_exinfo = true,
	.size_bits = 36,
	.epc = UINT64_C(64) << 20,
	.kernel = { 6, 1 },
	.group = "sgx",
	.provisioners = "sgx_prv" };

static void says(const struct dj_sgx_here *h, bool good, const char *what)
{
	char text[256], hint[256];

	ok(dj_sgx_here_explain(h, text, sizeof(text), hint, sizeof(hint)) ==
		good);
	if (!ok(strstr(text, what) != NULL))
		printf("# %s\n", text);
}

static void a_machine_with_everything_is_good(void)
{
	struct dj_sgx_line l[DJ_SGX_LINES_MAX];

	says(&all, true, "has what Keeps need");
	eq_u64(dj_sgx_here_lines(&all, l), DJ_SGX_LINES_MAX);
	for (size_t i = 0; i < DJ_SGX_LINES_MAX; i++)
		ok(l[i].good && l[i].text[0] != '\0');
}

static void what_lacks_first_is_said(void)
{
	struct dj_sgx_here h = all;

	h.aesmd = ECONNREFUSED;
	says(&h, false, "no quotes");
	h.is_noexec = true;
	says(&h, false, "noexec");
	h.device = ENOENT;
	says(&h, false, "no /dev/sgx_enclave");
	h.device = EACCES;
	says(&h, false, "may not be opened");
	h.kernel[0] = 5;
	says(&h, false, "no dynamic memory");
	h.size_bits = 34;
	says(&h, false, "32 GiB");
	h.has_exinfo = false;
	says(&h, false, "EXINFO");
	h.has_flc = false;
	says(&h, false, "launch control");
	h.is_off = true;
	says(&h, false, "firmware or kernel have it off");
	h.has_sgx = false;
	says(&h, false, "no SGX");
	h.is_guest = true;
	says(&h, false, "hypervisor shows no SGX");
	h.is_intel64 = false;
	says(&h, false, "another kind");
}

static void sgx1_will_do_on_any_kernel_with_sgx(void)
{
	struct dj_sgx_here h = all;
	struct dj_sgx_line l[DJ_SGX_LINES_MAX];

	h.has_edmm = h.has_exinfo = false;
	h.kernel[0] = 5;
	says(&h, true, "has what Keeps need");
	(void)dj_sgx_here_lines(&h, l);
	ok(l[0].good && strstr(l[0].text, "SGX1 (interpreter") != NULL);
	ok(l[2].good);
}

static void each_part_says_what_it_lacks(void)
{
	struct dj_sgx_here h = all;
	struct dj_sgx_line l[DJ_SGX_LINES_MAX];

	h.epc = 0;
	h.is_noexec = true;
	h.kernel[0] = 5;
	h.device = EACCES;
	h.provision = ENOENT;
	h.provisioners[0] = '\0';
	h.aesmd = ENOENT;
	eq_u64(dj_sgx_here_lines(&h, l), DJ_SGX_LINES_MAX);
	eq_str(l[0].name, "sgx-processor");
	ok(l[0].good && strstr(l[0].text, "SGX2") != NULL);
	ok(!l[1].good && strstr(l[1].text, "no enclave memory") != NULL);
	ok(!l[2].good && strstr(l[2].text, "needs 6.0") != NULL &&
		strstr(l[2].text, "noexec") != NULL);
	ok(!l[3].good && strstr(l[3].text, "group sgx: Permission") != NULL);
	ok(!l[4].good && strstr(l[4].text, "no /dev/sgx_provision") != NULL);
	ok(!l[5].good && strstr(l[5].text, "No such file") != NULL);
	/* Without SGX none of it is worth a line. */
	h.has_sgx = false;
	eq_u64(dj_sgx_here_lines(&h, l), 0);
}

/* ---- another machine's files ---- */

static char root[] = "/tmp/donjon-here-XXXXXX";

static void put(const char *name, const char *text)
{
	char path[256];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s%s", root, name);
	for (char *p = path + sizeof(root); *p != '\0'; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		(void)mkdir(path, 0700);
		*p = '/';
	}
	f = fopen(path, "we");
	if (f == NULL)
		abort();
	(void)fputs(text, f);
	(void)fclose(f);
}

static void a_machine_is_read_from_its_files(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct dj_sgx_here h;
	int s = socket(AF_UNIX, SOCK_STREAM, 0);

	dj_sgx_here_look(root, &h);
	ok(!h.is_intel64 && !h.has_sgx && h.device == ENOENT &&
		h.aesmd == ENOENT && h.epc == 0);
	put("/cpuid",
		"1 0 606a6 0 80000000 0\n"
		"7 0 0 4 40000000 0\n"
		"12 0 3 1 0 381f\n");
	put("/proc/cpuinfo", "processor : 0\nflags : fpu sgx_lc sgxes\n");
	put("/proc/sys/kernel/osrelease", "6.1.0-9-amd64\n");
	put("/proc/self/mounts",
		"udev /dev devtmpfs rw,nosuid,noexec,relatime 0 0\n");
	put("/sys/devices/system/node/node0/x86/sgx_total_bytes", "1048576\n");
	put("/sys/devices/system/node/node1/x86/sgx_total_bytes", "2097152\n");
	put("/dev/sgx_enclave", "");
	put("/var/run/aesmd/none", "");
	dj_sgx_here_look(root, &h);
	ok(h.is_intel64 && h.is_guest && h.has_sgx && h.has_flc && h.has_edmm &&
		h.has_exinfo);
	eq_u64(h.size_bits, 0x38);
	/* Words, not parts of them. */
	ok(h.is_off);
	ok(h.is_noexec);
	eq_u64(h.kernel[0] * 100 + h.kernel[1], 601);
	eq_u64(h.epc, 3145728);
	eq_u64(h.device, 0);
	ok(h.group[0] != '\0');
	eq_u64(h.provision, ENOENT);
	put("/proc/cpuinfo", "processor : 0\nflags : fpu sgx_lc sgx\n");
	put("/proc/self/mounts",
		"udev /dev devtmpfs rw,nosuid,relatime 0 0\n"
		"shm /dev/shm tmpfs rw,noexec 0 0\n");
	(void)snprintf(a.sun_path, sizeof(a.sun_path),
		"%s/var/run/aesmd/aesm.socket", root);
	ok(bind(s, (const struct sockaddr *)&a, sizeof(a)) == 0);
	dj_sgx_here_look(root, &h);
	ok(!h.is_off && !h.is_noexec);
	eq_u64(h.aesmd, ECONNREFUSED);
	ok(listen(s, 1) == 0);
	dj_sgx_here_look(root, &h);
	eq_u64(h.aesmd, 0);
	says(&h, true, "has what Keeps need");
	close(s);
}

static void looking_at_this_machine_does_no_harm(void)
{
	struct dj_sgx_here h;

	dj_sgx_here_look("", &h);
	ok(h.has_sgx || !h.has_edmm);
	ok(h.kernel[0] != 0);
}

int main(void)
{
	char cmd[64];
	int r;

	if (mkdtemp(root) == NULL)
		return 1;
	RUN(a_machine_with_everything_is_good);
	RUN(what_lacks_first_is_said);
	RUN(sgx1_will_do_on_any_kernel_with_sgx);
	RUN(each_part_says_what_it_lacks);
	RUN(a_machine_is_read_from_its_files);
	RUN(looking_at_this_machine_does_no_harm);
	r = done();
	(void)snprintf(cmd, sizeof(cmd), "rm -rf %s", root);
	return system(cmd) == 0 ? r : 1;
}
