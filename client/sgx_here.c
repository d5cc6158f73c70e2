// SPDX-License-Identifier: Apache-2.0
#include "client/sgx_here.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "lib/evidence/sgx_layout.h"

#define AESM  "/var/run/aesmd/aesm.socket" /* host/aesm/aesm.h */
#define NODES 64

struct regs {
	unsigned a, b, c, d;
};

static FILE *open_at(const char *root, const char *name)
{
	char path[4096];

	if (snprintf(path, sizeof(path), "%s%s", root, name) >=
		(int)sizeof(path))
		return NULL;
	return fopen(path, "re");
}

/* Of the file that stands for the processor in tests. */
static bool fake_cpuid(const char *root, unsigned leaf, struct regs *ret)
{
	FILE *f = open_at(root, "/cpuid");
	bool found = false;
	char line[256];

	while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL) {
		unsigned long v[6];
		char *at = line;

		for (size_t i = 0; i < 6; i++)
			v[i] = strtoul(at, &at, 16);
		found = v[0] == leaf && v[1] == 0;
		if (found)
			*ret = (struct regs){ (unsigned)v[2], (unsigned)v[3],
				(unsigned)v[4], (unsigned)v[5] };
	}
	if (f != NULL)
		(void)fclose(f);
	return found;
}

static bool ask_cpuid(const char *root, unsigned leaf, struct regs *ret)
{
	if (root[0] != '\0')
		return fake_cpuid(root, leaf, ret);
#if defined(__x86_64__)
	return __get_cpuid_count(leaf, 0, &ret->a, &ret->b, &ret->c, &ret->d) !=
		0;
#else
	return false;
#endif
}

static void look_at_processor(const char *root, struct dj_sgx_here *h)
{
	struct regs r = { 0 };

	if (!ask_cpuid(root, 1, &r))
		return;
	h->is_intel64 = true;
	h->is_guest = r.c >> 31 != 0;
	if (!ask_cpuid(root, 7, &r))
		return;
	h->has_sgx = (r.b >> 2 & 1) != 0;
	h->has_flc = (r.c >> 30 & 1) != 0;
	if (!h->has_sgx || !ask_cpuid(root, 0x12, &r))
		return;
	h->has_edmm = (r.a >> 1 & 1) != 0;
	h->has_exinfo = (r.b & 1) != 0;
	h->size_bits = r.d >> 8 & 0xff;
}

/* Is there a line with both words? */
static bool has_words(const char *root, const char *name, const char *one,
	const char *two)
{
	FILE *f = open_at(root, name);
	bool found = false;
	char line[8192];

	while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL) {
		bool has_one = false, has_two = false;
		char *rest = NULL;

		for (char *w = strtok_r(line, " ,:\t\n", &rest); w != NULL;
			w = strtok_r(NULL, " ,:\t\n", &rest)) {
			has_one = has_one || strcmp(w, one) == 0;
			has_two = has_two || strcmp(w, two) == 0;
		}
		found = has_one && has_two;
	}
	if (f != NULL)
		(void)fclose(f);
	return found;
}

/* The first line; empty if there is none. */
static void read_line(const char *root, const char *name, char dst[static 64])
{
	FILE *f = open_at(root, name);

	if (f == NULL || fgets(dst, 64, f) == NULL)
		dst[0] = '\0';
	if (f != NULL)
		(void)fclose(f);
}

static void look_at_kernel(const char *root, struct dj_sgx_here *h)
{
	char line[64];
	char *at = line;

	read_line(root, "/proc/sys/kernel/osrelease", line);
	h->kernel[0] = (unsigned)strtoul(line, &at, 10);
	h->kernel[1] = *at == '.' ? (unsigned)strtoul(at + 1, NULL, 10) : 0;
	h->is_off = !has_words(root, "/proc/cpuinfo", "flags", "sgx");
	h->is_noexec = has_words(root, "/proc/self/mounts", "/dev", "noexec");
}

/* What the kernel says of each memory node (Linux 5.17 and later). */
static void look_at_memory(const char *root, struct dj_sgx_here *h)
{
	char name[80], line[64];

	for (int n = 0; n < NODES; n++) {
		(void)snprintf(name, sizeof(name),
			"/sys/devices/system/node/node%d/x86/sgx_total_bytes",
			n);
		read_line(root, name, line);
		h->epc += strtoull(line, NULL, 10);
	}
}

static int look_at_device(const char *root, const char *name, char group[32])
{
	char path[4096];
	struct stat st;
	const struct group *g;
	int fd;

	(void)snprintf(path, sizeof(path), "%s%s", root, name);
	if (stat(path, &st) != 0)
		return errno;
	g = getgrgid(st.st_gid);
	(void)snprintf(group, 32, "%.31s", g == NULL ? "?" : g->gr_name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

static int look_at_aesmd(const char *root)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd, err;

	if (snprintf(a.sun_path, sizeof(a.sun_path), "%s%s", root, AESM) >=
		(int)sizeof(a.sun_path))
		return ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return errno;
	err = connect(fd, (const struct sockaddr *)&a, sizeof(a)) == 0 ? 0
								       : errno;
	close(fd);
	/* It listens, to more than it can take. */
	return err == EAGAIN ? 0 : err;
}

void dj_sgx_here_look(const char *root, struct dj_sgx_here *ret)
{
	memset(ret, 0, sizeof(*ret));
	look_at_processor(root, ret);
	look_at_kernel(root, ret);
	look_at_memory(root, ret);
	ret->device = look_at_device(root, "/dev/sgx_enclave", ret->group);
	ret->provision =
		look_at_device(root, "/dev/sgx_provision", ret->provisioners);
	ret->aesmd = look_at_aesmd(root);
}

static bool is_old(const struct dj_sgx_here *h)
{
	return h->has_edmm && h->kernel[0] != 0 && h->kernel[0] < 6;
}

static const char *lacks_processor(const struct dj_sgx_here *h,
	const char **ret_hint)
{
	*ret_hint = "";
	if (!h->is_intel64)
		return "this processor is of another kind";
	if (!h->has_sgx) {
		*ret_hint = h->is_guest
			? "a machine whose hypervisor passes SGX on"
			: "a processor with SGX, not disabled for good";
		return h->is_guest ? "the hypervisor shows no SGX"
				   : "the processor has no SGX, or it is off";
	}
	if (h->is_off) {
		*ret_hint =
			"SGX enabled in the firmware's set-up, and a kernel "
			"with CONFIG_X86_SGX";
		return "the processor has SGX, firmware or kernel have it off";
	}
	if (!h->has_flc) {
		*ret_hint = "firmware that unlocks launch control";
		return "SGX without flexible launch control, which Linux needs";
	}
	if (h->has_edmm && !h->has_exinfo)
		return "SGX2 without EXINFO, which Keeps need";
	if (UINT64_C(1) << (h->size_bits & 63) < DJ_SGX_SIZE)
		return "enclaves of 32 GiB of addresses do not fit here";
	return NULL;
}

/* What is in the way first, and what would help. */
static const char *lacks(const struct dj_sgx_here *h, const char **ret_hint)
{
	const char *wrong = lacks_processor(h, ret_hint);

	if (wrong != NULL)
		return wrong;
	if (is_old(h)) {
		*ret_hint = "Linux 6.0 or later";
		return "the kernel has no dynamic memory for enclaves";
	}
	if (h->device == EACCES || h->device == EPERM) {
		*ret_hint = "be in the group of /dev/sgx_enclave (sgx)";
		return "/dev/sgx_enclave may not be opened";
	}
	if (h->device != 0) {
		*ret_hint = "Linux 6.0 or later with CONFIG_X86_SGX";
		return "no /dev/sgx_enclave";
	}
	if (h->is_noexec) {
		*ret_hint = "mount -o remount,exec /dev";
		return "/dev is mounted noexec: enclaves could have no code";
	}
	if (h->aesmd != 0) {
		*ret_hint = "aesmd, with the DCAP quoting plugin "
			    "(sgx-aesm-service, libsgx-aesm-quote-ex-plugin)";
		return "Keeps would start but have no quotes: no aesmd at " AESM;
	}
	return NULL;
}

bool dj_sgx_here_explain(const struct dj_sgx_here *h, char *text,
	size_t text_cap, char *hint, size_t hint_cap)
{
	const char *help = "";
	const char *wrong = lacks(h, &help);

	(void)snprintf(text, text_cap, "%s",
		wrong != NULL ? wrong
			      : "this machine has what Keeps need of SGX");
	(void)snprintf(hint, hint_cap, "%s", help);
	return wrong == NULL;
}

static void device_text(char text[200], const char *path, int err,
	const char *group)
{
	if (group[0] == '\0')
		(void)snprintf(text, 200, "no %s", path);
	else
		(void)snprintf(text, 200, "%s, group %s%s%s", path, group,
			err == 0 ? "" : ": ", err == 0 ? "" : strerror(err));
}

size_t dj_sgx_here_lines(const struct dj_sgx_here *h,
	struct dj_sgx_line ret[static DJ_SGX_LINES_MAX])
{
	const char *none = "";
	struct dj_sgx_line *l = ret;

	if (!h->has_sgx)
		return 0;
	*l = (struct dj_sgx_line){ .name = "sgx-processor",
		.good = lacks_processor(h, &none) == NULL };
	(void)snprintf(l++->text, 200,
		"%s, launch control %s, EXINFO %s, enclaves of 2^%u bytes%s",
		h->has_edmm ? "SGX2"
			    : "SGX1 (interpreter, memory fixed at start)",
		h->has_flc ? "open" : "locked", h->has_exinfo ? "yes" : "no",
		h->size_bits, h->is_off ? ", off in firmware or kernel" : "");
	*l = (struct dj_sgx_line){ .name = "sgx-memory", .good = h->epc != 0 };
	(void)snprintf(l++->text, 200,
		h->epc == 0 ? "the kernel names no enclave memory (EPC)"
			    : "%llu MiB of enclave memory (EPC)",
		(unsigned long long)h->epc >> 20);
	*l = (struct dj_sgx_line){ .name = "sgx-kernel",
		.good = !is_old(h) && !h->is_noexec };
	(void)snprintf(l++->text, 200, "Linux %u.%u%s%s", h->kernel[0],
		h->kernel[1], is_old(h) ? ", needs 6.0 (EDMM)" : "",
		h->is_noexec ? ", /dev is mounted noexec" : "");
	*l = (struct dj_sgx_line){ .name = "sgx-device",
		.good = h->device == 0 };
	device_text(l++->text, "/dev/sgx_enclave", h->device, h->group);
	/* aesmd needs it, we do not: being in its group is no good idea. */
	*l = (struct dj_sgx_line){ .name = "sgx-provision",
		.good = h->provision != ENOENT };
	device_text(l->text, "/dev/sgx_provision", 0, h->provisioners);
	(void)snprintf(l->text + strlen(l->text), 200 - strlen(l->text),
		" (for aesmd's quoting enclave)");
	l++;
	*l = (struct dj_sgx_line){ .name = "sgx-aesmd", .good = h->aesmd == 0 };
	(void)snprintf(l++->text, 200, "%s%s%s", AESM,
		h->aesmd == 0 ? ": somebody listens" : ": ",
		h->aesmd == 0 ? "" : strerror(h->aesmd));
	return (size_t)(l - ret);
}
