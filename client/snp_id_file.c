// SPDX-License-Identifier: Apache-2.0
#include "client/snp_id_file.h"

#include <stdlib.h>
#include <string.h>

#include "client/policy_file.h"
#include "lib/crypto/sha384.h"

static bool read_exact(const char *path, uint8_t *dst, size_t size,
	struct dj_err *err)
{
	char *bytes = NULL;
	size_t len = 0;
	dj_status st = dj_file_read(path, size, &bytes, &len);

	if (st == DJ_OK && len == size)
		memcpy(dst, bytes, size);
	free(bytes);
	if (st == DJ_OK && len == size)
		return true;
	return dj_err_set(err,
		st == DJ_OK || st == DJ_E_LIMIT ? "idblock.invalid"
						: "input.file",
		"%.300s: cannot be read, or has not %zu bytes", path, size);
}

/* NULL, or what is wrong. */
static const char *judge(const uint8_t *block, const uint8_t *auth,
	const uint8_t *digest, struct dj_snp_id_file *ret)
{
	struct dj_snp_id_auth a;

	if (dj_snp_id_parse(block, &ret->id) != DJ_OK)
		return "not an ID block of version 1";
	if (dj_snp_id_auth_parse(auth, &a) != DJ_OK)
		return "not ID authentication with P-384";
	if (!dj_snp_id_verify(&a.id, block, DJ_SNP_ID_BLOCK))
		return "the ID key has not signed this block";
	if (a.has_author &&
		!dj_snp_id_verify(&a.author, a.id.key, DJ_SNP_ID_KEY))
		return "the author key has not signed the ID key";
	if (memcmp(ret->id.digest, digest, 48) != 0)
		return "it is of another image";
	dj_sha384(a.id.key, DJ_SNP_ID_KEY, ret->id_key);
	ret->has_author = a.has_author;
	if (a.has_author)
		dj_sha384(a.author.key, DJ_SNP_ID_KEY, ret->author_key);
	return NULL;
}

bool dj_snp_id_read(const char *block, const char *auth,
	const uint8_t digest[static 48], struct dj_snp_id_file *ret,
	struct dj_err *err)
{
	uint8_t b[DJ_SNP_ID_BLOCK], a[DJ_SNP_ID_AUTH];
	struct dj_snp_id_file f = { 0 };
	const char *wrong;

	if (!read_exact(block, b, sizeof(b), err) ||
		!read_exact(auth, a, sizeof(a), err))
		return false;
	wrong = judge(b, a, digest, &f);
	if (wrong != NULL)
		return dj_err_set(err, "idblock.invalid", "%.300s: %s", block,
			wrong);
	*ret = f;
	return true;
}
