// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "attest/sgx.h"
#include "lib/base/rd.h"

/*
 * The extension is a SEQUENCE of pairs { OID, value }, all OIDs below
 * 1.2.840.113741.1.13.1, in their order: 5 pairs from the Processor CA, 7 from
 * the Platform CA. Read strictly: DER, every pair, nothing else.
 */
enum {
	DER_BOOLEAN = 0x01,
	DER_INTEGER = 0x02,
	DER_OCTETS = 0x04,
	DER_OID = 0x06,
	DER_ENUMERATED = 0x0a,
	DER_SEQUENCE = 0x30,
};

static const uint8_t base[] = { 0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d,
	0x01 };

/* One element of that tag, its content as a cursor. */
static struct dj_rd element(struct dj_rd *r, uint8_t tag)
{
	size_t len, more;
	const uint8_t *p;

	if (dj_rd_u8(r) != tag)
		dj_rd_fail(r, DJ_E_INPUT);
	len = dj_rd_u8(r);
	if (len >= 0x80) {
		more = len & 0x7f;
		if (more < 1 || more > 2)
			dj_rd_fail(r, DJ_E_INPUT);
		len = (size_t)dj_rd_be(r, more);
		/* The shortest form alone. */
		if (len < 0x80 || (more == 2 && len < 0x100))
			dj_rd_fail(r, DJ_E_INPUT);
	}
	p = dj_rd_bytes(r, len);
	return p == NULL ? (struct dj_rd){ .err = DJ_E_INPUT }
			 : dj_rd_of(p, len);
}

/* All of that cursor was wanted: its failure is r's. */
static void ends(struct dj_rd *r, struct dj_rd *inner)
{
	if (dj_rd_end(inner) != DJ_OK)
		dj_rd_fail(r, DJ_E_INPUT);
}

/* The next pair, of this number below base (0: none) or below that one's. */
static struct dj_rd pair(struct dj_rd *r, uint8_t above, uint8_t number)
{
	struct dj_rd both = element(r, DER_SEQUENCE);
	struct dj_rd oid = element(&both, DER_OID);
	const uint8_t *p = dj_rd_bytes(&oid, sizeof(base));

	if (p != NULL && memcmp(p, base, sizeof(base)) != 0)
		dj_rd_fail(&oid, DJ_E_INPUT);
	if (above != 0 && dj_rd_u8(&oid) != above)
		dj_rd_fail(&oid, DJ_E_INPUT);
	if (dj_rd_u8(&oid) != number)
		dj_rd_fail(&oid, DJ_E_INPUT);
	ends(&both, &oid);
	if (both.err != DJ_OK)
		dj_rd_fail(r, DJ_E_INPUT);
	return both;
}

static void octets(struct dj_rd *r, uint8_t above, uint8_t number, uint8_t *dst,
	size_t size)
{
	struct dj_rd both = pair(r, above, number);
	struct dj_rd v = element(&both, DER_OCTETS);

	dj_rd_copy(&v, dst, size);
	ends(&both, &v);
	ends(r, &both);
}

/* 0 to max, of two bytes at most. */
static uint16_t value(struct dj_rd *both, uint8_t tag, uint16_t max)
{
	struct dj_rd v = element(both, tag);
	size_t len = v.left;
	uint32_t n;
	uint8_t first = len == 0 ? 0xff : v.p[0];

	n = (uint32_t)dj_rd_be(&v, len <= 3 ? len : 0);
	/* Negative, or a zero in front that nothing needs. */
	if (len < 1 || first >= 0x80 || n > max ||
		(len > 1 && first == 0 && (n >> (8 * (len - 2)) & 0x80) == 0))
		dj_rd_fail(&v, DJ_E_INPUT);
	ends(both, &v);
	return (uint16_t)n;
}

static uint16_t number(struct dj_rd *r, uint8_t above, uint8_t at, uint8_t tag,
	uint16_t max)
{
	struct dj_rd both = pair(r, above, at);
	uint16_t n = value(&both, tag, max);

	ends(r, &both);
	return n;
}

static bool boolean(struct dj_rd *r, uint8_t above, uint8_t at)
{
	struct dj_rd both = pair(r, above, at);
	struct dj_rd v = element(&both, DER_BOOLEAN);
	uint8_t b = dj_rd_u8(&v);

	if (b != 0 && b != 0xff)
		dj_rd_fail(&v, DJ_E_INPUT);
	ends(&both, &v);
	ends(r, &both);
	return b != 0;
}

static void read_tcb(struct dj_rd *r, struct dj_sgx_pck *p)
{
	struct dj_rd both = pair(r, 0, 2);
	struct dj_rd list = element(&both, DER_SEQUENCE);

	for (uint8_t i = 0; i < DJ_SGX_COMPONENTS; i++)
		p->svn[i] = (uint8_t)number(&list, 2, (uint8_t)(i + 1),
			DER_INTEGER, UINT8_MAX);
	p->pcesvn = number(&list, 2, 17, DER_INTEGER, UINT16_MAX);
	octets(&list, 2, 18, p->cpusvn, sizeof(p->cpusvn));
	ends(&both, &list);
	ends(r, &both);
}

static void read_configuration(struct dj_rd *r, struct dj_sgx_pck *p)
{
	struct dj_rd both = pair(r, 0, 7);
	struct dj_rd list = element(&both, DER_SEQUENCE);

	p->is_dynamic = boolean(&list, 7, 1);
	p->has_cached_keys = boolean(&list, 7, 2);
	p->has_smt = boolean(&list, 7, 3);
	ends(&both, &list);
	ends(r, &both);
}

const char *dj_sgx_pck_parse(const uint8_t *buf, size_t len,
	struct dj_sgx_pck *ret)
{
	struct dj_rd all = dj_rd_of(buf, len);
	struct dj_rd r = element(&all, DER_SEQUENCE);
	struct dj_sgx_pck p = { 0 };

	octets(&r, 0, 1, p.ppid, sizeof(p.ppid));
	read_tcb(&r, &p);
	octets(&r, 0, 3, p.pceid, sizeof(p.pceid));
	octets(&r, 0, 4, p.fmspc, sizeof(p.fmspc));
	p.type = (uint8_t)number(&r, 0, 5, DER_ENUMERATED, 2);
	if (r.err == DJ_OK && r.left != 0) {
		p.has_platform = true;
		octets(&r, 0, 6, p.instance, sizeof(p.instance));
		read_configuration(&r, &p);
	}
	ends(&all, &r);
	if (dj_rd_end(&all) != DJ_OK)
		return "its SGX extension does not parse";
	*ret = p;
	return NULL;
}
