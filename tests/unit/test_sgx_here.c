// SPDX-License-Identifier: Apache-2.0
#include <errno.h>

#include "client/sgx_here.h"
#include "tests/tap.h"

static const struct dj_sgx_here all = { .is_intel64 = true,
	.has_sgx = true,
	.has_flc = true,
	.has_edmm = true,
	.has_exinfo = true,
	.size_bits = 36 };

static void says(const struct dj_sgx_here *h, bool good, const char *what)
{
	char text[256], hint[256];

	ok(dj_sgx_here_explain(h, text, sizeof(text), hint, sizeof(hint)) ==
		good);
	if (!ok(strstr(text, what) != NULL))
		printf("# %s\n", text);
}

static void a_machine_with_everything_is_told_what_is_not_here(void)
{
	says(&all, true, "AESM");
}

static void what_lacks_first_is_said(void)
{
	struct dj_sgx_here h = all;

	h.device = ENOENT;
	says(&h, false, "no /dev/sgx_enclave");
	h.device = EACCES;
	says(&h, false, "may not be opened");
	h.size_bits = 34;
	says(&h, false, "32 GiB");
	h.has_exinfo = false;
	says(&h, false, "SGX1");
	h.has_exinfo = true;
	h.has_edmm = false;
	says(&h, false, "SGX1");
	h.has_flc = false;
	says(&h, false, "launch control");
	h.has_sgx = false;
	says(&h, false, "no SGX");
	h.is_intel64 = false;
	says(&h, false, "another kind");
}

static void looking_does_no_harm(void)
{
	struct dj_sgx_here h;

	dj_sgx_here_look(&h);
	ok(h.has_sgx || !h.has_edmm);
}

int main(void)
{
	RUN(a_machine_with_everything_is_told_what_is_not_here);
	RUN(what_lacks_first_is_said);
	RUN(looking_does_no_harm);
	return done();
}
