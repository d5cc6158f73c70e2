// SPDX-License-Identifier: Apache-2.0
#include "lib/evidence/snp_id.h"

#include <string.h>

#include "lib/base/rd.h"
#include "lib/base/wr.h"
#include "lib/base/zero.h"

#define VERSION     1
#define ALGO_P384   1
#define CURVE_P384  2
#define NUMBER_SIZE 72

void dj_snp_id_write(const struct dj_snp_id *id,
	uint8_t dst[static DJ_SNP_ID_BLOCK])
{
	struct dj_wr w = dj_wr_of(dst, DJ_SNP_ID_BLOCK);

	dj_wr_bytes(&w, id->digest, sizeof(id->digest));
	dj_wr_bytes(&w, id->family_id, sizeof(id->family_id));
	dj_wr_bytes(&w, id->image_id, sizeof(id->image_id));
	dj_wr_le(&w, VERSION, 4);
	dj_wr_le(&w, id->guest_svn, 4);
	dj_wr_le(&w, id->policy, 8);
}

dj_status dj_snp_id_parse(const uint8_t p[static DJ_SNP_ID_BLOCK],
	struct dj_snp_id *ret)
{
	struct dj_rd r = dj_rd_of(p, DJ_SNP_ID_BLOCK);
	struct dj_snp_id id;

	dj_rd_copy(&r, id.digest, sizeof(id.digest));
	dj_rd_copy(&r, id.family_id, sizeof(id.family_id));
	dj_rd_copy(&r, id.image_id, sizeof(id.image_id));
	if (dj_rd_le(&r, 4) != VERSION)
		dj_rd_fail(&r, DJ_E_UNSUPPORTED);
	id.guest_svn = (uint32_t)dj_rd_le(&r, 4);
	id.policy = dj_rd_le(&r, 8);
	if (dj_rd_end(&r) != DJ_OK)
		return r.err;
	*ret = id;
	return DJ_OK;
}

/* 48 bytes little-endian, then 24 of zeros. */
static void read_number(struct dj_rd *r, uint8_t ret[static 48])
{
	uint8_t le[48];

	dj_rd_copy(r, le, sizeof(le));
	for (size_t i = 0; i < sizeof(le); i++)
		ret[i] = le[sizeof(le) - 1 - i];
	dj_rd_zero(r, NUMBER_SIZE - sizeof(le));
}

static void write_number(struct dj_wr *w, const uint8_t be[static 48])
{
	for (size_t i = 0; i < 48; i++)
		dj_wr_u8(w, be[47 - i]);
	dj_wr_zero(w, NUMBER_SIZE - 48);
}

/* Signature, 512 bytes, and the key that made it, in that order. */
static void read_signer(struct dj_rd *r, struct dj_snp_id_signer *s)
{
	struct dj_rd k;

	read_number(r, s->signature);
	read_number(r, s->signature + 48);
	dj_rd_zero(r, 512 - 2 * NUMBER_SIZE);
	s->key = dj_rd_bytes(r, DJ_SNP_ID_KEY);
	if (s->key == NULL)
		return;
	k = dj_rd_of(s->key, DJ_SNP_ID_KEY);
	if (dj_rd_le(&k, 4) != CURVE_P384)
		dj_rd_fail(&k, DJ_E_UNSUPPORTED);
	s->point[0] = 4;
	read_number(&k, s->point + 1);
	read_number(&k, s->point + 49);
	dj_rd_zero(&k, DJ_SNP_ID_KEY - 4 - 2 * NUMBER_SIZE);
	if (dj_rd_end(&k) != DJ_OK)
		dj_rd_fail(r, k.err);
}

dj_status dj_snp_id_auth_parse(const uint8_t p[static DJ_SNP_ID_AUTH],
	struct dj_snp_id_auth *ret)
{
	struct dj_rd r = dj_rd_of(p, DJ_SNP_ID_AUTH);
	struct dj_snp_id_auth a = { 0 };
	uint64_t algo = dj_rd_le(&r, 4), author = dj_rd_le(&r, 4);

	if (algo != ALGO_P384 || (author != 0 && author != ALGO_P384))
		dj_rd_fail(&r, DJ_E_UNSUPPORTED);
	a.has_author = author != 0;
	dj_rd_zero(&r, 0x38);
	read_signer(&r, &a.id);
	dj_rd_zero(&r, 0x680 - 0x240 - DJ_SNP_ID_KEY);
	if (a.has_author)
		read_signer(&r, &a.author);
	else
		dj_rd_zero(&r, 512 + DJ_SNP_ID_KEY);
	dj_rd_zero(&r, DJ_SNP_ID_AUTH - 0x880 - DJ_SNP_ID_KEY);
	if (dj_rd_end(&r) != DJ_OK)
		return r.err;
	*ret = a;
	return DJ_OK;
}

static void write_signer(struct dj_wr *w, const struct dj_snp_id_signer *s)
{
	write_number(w, s->signature);
	write_number(w, s->signature + 48);
	dj_wr_zero(w, 512 - 2 * NUMBER_SIZE);
	dj_wr_le(w, CURVE_P384, 4);
	write_number(w, s->point + 1);
	write_number(w, s->point + 49);
	dj_wr_zero(w, DJ_SNP_ID_KEY - 4 - 2 * NUMBER_SIZE);
}

void dj_snp_id_auth_write(const struct dj_snp_id_auth *a,
	uint8_t dst[static DJ_SNP_ID_AUTH])
{
	struct dj_wr w = dj_wr_of(dst, DJ_SNP_ID_AUTH);

	dj_wr_le(&w, ALGO_P384, 4);
	dj_wr_le(&w, a->has_author ? ALGO_P384 : 0, 4);
	dj_wr_zero(&w, 0x38);
	write_signer(&w, &a->id);
	dj_wr_zero(&w, 0x680 - 0x240 - DJ_SNP_ID_KEY);
	if (a->has_author)
		write_signer(&w, &a->author);
	else
		dj_wr_zero(&w, 512 + DJ_SNP_ID_KEY);
	dj_wr_zero(&w, DJ_SNP_ID_AUTH - 0x880 - DJ_SNP_ID_KEY);
}
