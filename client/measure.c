// SPDX-License-Identifier: Apache-2.0
#include "client/measure.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/policy_file.h"
#include "lib/evidence/image.h"
#include "lib/evidence/sgx.h"
#include "lib/evidence/snp_launch.h"
#include "lib/proto/offer.h"

#define IMAGE_FILE_MAX ((size_t)64 << 20)

static bool find(uint8_t tee, const char *file, char dst[static DJ_PATH_MAX],
	struct dj_err *err)
{
	char dir[DJ_PATH_MAX];

	if (file != NULL) {
		if (snprintf(dst, DJ_PATH_MAX, "%s", file) < DJ_PATH_MAX)
			return true;
		return dj_err_set(err, "image.read",
			"%.200s: the path is too long", file);
	}
	if (!dj_path_images(dir))
		return dj_err_set(err, "image.read",
			"no folder of Keep images beside this program or in "
			"/usr/lib/donjon");
	if (snprintf(dst, DJ_PATH_MAX, "%s/%s.elf", dir, dj_tee_name(tee)) <
		DJ_PATH_MAX)
		return true;
	return dj_err_set(err, "image.read", "%.200s: the path is too long",
		dir);
}

const uint8_t dj_measured_tees[DJ_MEASURED_COUNT] = { DJ_TEE_PROCESS,
	DJ_TEE_KVM, DJ_TEE_SNP, DJ_TEE_SGX };

static bool has_image(uint8_t tee)
{
	return memchr(dj_measured_tees, tee, sizeof(dj_measured_tees)) != NULL;
}

static bool measure(uint8_t tee, const struct dj_image *img,
	struct dj_measured *m)
{
	struct dj_snp_launch l;

	if (tee == DJ_TEE_SGX) {
		m->name = "mrenclave";
		m->len = 32;
		/* TCS, SSA and the thread's page. */
		m->pages = DJ_SGX_TAIL_PAGES +
			(size_t)(img->heap / DJ_SGX_PAGE_SIZE);
		return dj_sgx_measure(img, m->digest) == DJ_OK;
	}
	if (tee != DJ_TEE_SNP) {
		m->name = "sha256";
		m->len = 32;
		return dj_image_measure(img, m->digest) == DJ_OK;
	}
	m->name = "sha384";
	m->len = 48;
	if (dj_snp_measure(img, &l) != DJ_OK)
		return false;
	memcpy(m->digest, l.digest, 48);
	/* CPUID page, secrets page and VMSA: the others are the image's. */
	m->pages = 3;
	return true;
}

bool dj_measure(uint8_t tee, const char *file, uint64_t sgx1,
	struct dj_measured *ret, struct dj_err *err)
{
	struct dj_measured m = { .tee = tee };
	struct dj_image img;
	char *bytes = NULL;
	size_t len = 0;
	dj_status st;
	bool good;

	if (!has_image(tee))
		return dj_err_set(err, "tee.unsupported",
			"this build has no Keep image for %s; it has: process, kvm, snp, sgx",
			dj_tee_name(tee) == NULL ? "that TEE"
						 : dj_tee_name(tee));
	if (sgx1 != 0 && (tee != DJ_TEE_SGX || dj_sgx_heap(sgx1) == 0))
		return dj_err_set(err, "usage.value",
			"without SGX2 a Keep has at most 1 GiB of memory, and "
			"no other TEE measures it");
	if (!find(tee, file, m.path, err))
		return false;
	st = dj_file_read(m.path, IMAGE_FILE_MAX, &bytes, &len);
	if (st == DJ_E_LIMIT)
		return dj_err_set(err, "image.invalid",
			"%.300s: more than %zu bytes", m.path, IMAGE_FILE_MAX);
	if (st != DJ_OK)
		return dj_err_set(err, "image.read", "%.300s: %s", m.path,
			strerror(errno));
	good = dj_image_parse((const uint8_t *)bytes, len, &img) == DJ_OK;
	img.heap = good && sgx1 != 0 ? dj_sgx_heap(sgx1) : 0;
	good = good && measure(tee, &img, &m);
	for (size_t i = 0; good && i < img.segment_count; i++)
		m.pages += (size_t)(img.segments[i].mem_size / DJ_IMAGE_PAGE);
	free(bytes);
	if (!good)
		return dj_err_set(err, "image.invalid",
			"%.300s: this is not a Keep image", m.path);
	*ret = m;
	return true;
}
