// SPDX-License-Identifier: Apache-2.0
#include "client/sgx_here.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "lib/evidence/sgx_layout.h"

static void look_at_processor(struct dj_sgx_here *h)
{
#if defined(__x86_64__)
	unsigned a = 0, b = 0, c = 0, d = 0;

	h->is_intel64 = true;
	if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0)
		return;
	h->has_sgx = (b >> 2 & 1) != 0;
	h->has_flc = (c >> 30 & 1) != 0;
	if (!h->has_sgx || __get_cpuid_count(0x12, 0, &a, &b, &c, &d) == 0)
		return;
	h->has_edmm = (a >> 1 & 1) != 0;
	h->has_exinfo = (b & 1) != 0;
	h->size_bits = d >> 8 & 0xff;
#else
	(void)h;
#endif
}

void dj_sgx_here_look(struct dj_sgx_here *ret)
{
	int fd;

	memset(ret, 0, sizeof(*ret));
	look_at_processor(ret);
	fd = open("/dev/sgx_enclave", O_RDWR | O_CLOEXEC);
	ret->device = fd < 0 ? errno : 0;
	if (fd >= 0)
		close(fd);
}

/* What is in the way first, and what would help. */
static const char *lacks(const struct dj_sgx_here *h, const char **ret_hint)
{
	*ret_hint = "";
	if (!h->is_intel64)
		return "this processor is of another kind";
	if (!h->has_sgx) {
		*ret_hint =
			"a processor with SGX, switched on in its firmware, "
			"and passed on by a hypervisor";
		return "the processor has no SGX, or it is off";
	}
	if (!h->has_flc) {
		*ret_hint = "firmware that unlocks launch control";
		return "SGX without flexible launch control, which Linux needs";
	}
	if (!h->has_edmm || !h->has_exinfo)
		return "SGX1: Keeps need SGX2 (EDMM, EXINFO)";
	if (UINT64_C(1) << (h->size_bits & 63) < DJ_SGX_SIZE)
		return "enclaves of 32 GiB of addresses do not fit here";
	if (h->device == EACCES || h->device == EPERM) {
		*ret_hint = "be in the group of /dev/sgx_enclave (sgx)";
		return "/dev/sgx_enclave may not be opened";
	}
	if (h->device != 0) {
		*ret_hint = "Linux 6.0 or later with CONFIG_X86_SGX";
		return "no /dev/sgx_enclave";
	}
	return NULL;
}

bool dj_sgx_here_explain(const struct dj_sgx_here *h, char *text,
	size_t text_cap, char *hint, size_t hint_cap)
{
	const char *help = "";
	const char *wrong = lacks(h, &help);

	(void)snprintf(text, text_cap, "%s",
		wrong != NULL
			? wrong
			: "this machine has what Keeps need of SGX; quotes of "
			  "its AESM are not in this version, so none can be "
			  "attested");
	(void)snprintf(hint, hint_cap, "%s", help);
	return wrong == NULL;
}
