// SPDX-License-Identifier: Apache-2.0
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/evidence/sgx.h"
#include "lib/evidence/sgx_sigstruct.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/*
 * What a loader or an enclave gives the processor. The first byte says which
 * structure; bytes beyond the input are zero. What is taken is written again
 * to the same bytes: no byte of it is one that nobody looks at.
 */
static uint8_t in[DJ_SGX_PAGE_SIZE], out[DJ_SGX_PAGE_SIZE];

static void tcs(void)
{
	/* The two limits, which only matter in 32-bit mode, are not kept. */
	struct dj_sgx_tcs t;

	if (dj_sgx_tcs_parse(in, &t) != DJ_OK)
		return;
	dj_sgx_tcs_write(&t, out);
	memcpy(out + 64, in + 64, 8);
	if (memcmp(in, out, DJ_SGX_PAGE_SIZE) != 0)
		abort();
}

static void targetinfo(void)
{
	struct dj_sgx_targetinfo t;

	if (dj_sgx_targetinfo_parse(in, &t) != DJ_OK)
		return;
	dj_sgx_targetinfo_write(&t, out);
	if (memcmp(in, out, DJ_SGX_TARGETINFO) != 0)
		abort();
}

static void keyrequest(void)
{
	struct dj_sgx_keyrequest k;

	if (dj_sgx_keyrequest_parse(in, &k) != DJ_OK)
		return;
	dj_sgx_keyrequest_write(&k, out);
	if (memcmp(in, out, DJ_SGX_KEYREQUEST) != 0)
		abort();
}

static void body(void)
{
	struct dj_sgx_body b;

	if (dj_sgx_body_parse(in, &b) != DJ_OK)
		return;
	dj_sgx_body_write(&b, out);
	if (memcmp(in, out, DJ_SGX_REPORT_BODY) != 0)
		abort();
}

static void sigstruct(size_t len)
{
	struct dj_sgx_sigstruct s;

	if (dj_sgx_sigstruct_parse(in, len, &s) != DJ_OK)
		return;
	dj_sgx_sigstruct_write(&s, out);
	if (len != DJ_SGX_SIGSTRUCT || memcmp(in, out, len) != 0)
		abort();
	/* Nobody here has a key: whatever it is, it ends, and says no. */
	if (dj_sgx_sigstruct_quotients(&s) && dj_sgx_sigstruct_verify(&s) &&
		memcmp(s.signature, in + 516, DJ_SGX_RSA) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len == 0 || len - 1 > sizeof(in))
		return 0;
	memset(in, 0, sizeof(in));
	memcpy(in, data + 1, len - 1);
	switch (data[0] % 5) {
	case 0:
		tcs();
		break;
	case 1:
		targetinfo();
		break;
	case 2:
		keyrequest();
		break;
	case 3:
		body();
		break;
	default:
		sigstruct(len - 1);
		break;
	}
	return 0;
}
