// SPDX-License-Identifier: Apache-2.0
#include "emu/sgx_keep.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "emu/sgx/keys.h"
#include "lib/base/secret.h"
#include "lib/crypto/ct.h"

static bool read_file(const char *dir, const char *name, void *dst, size_t cap,
	size_t *ret_len)
{
	char path[PATH_MAX];
	ssize_t n = -1;
	int fd = -1;

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) <
		(int)sizeof(path))
		fd = open(path, O_RDONLY | O_CLOEXEC);
	else
		errno = ENAMETOOLONG;
	if (fd >= 0) {
		n = read(fd, dst, cap);
		close(fd);
	}
	if (n < 0)
		return false;
	*ret_len = (size_t)n;
	return true;
}

static bool complain(const char *dir, const char *name, const char *what)
{
	(void)fprintf(stderr,
		"donjon-emu: serve: %s/%s: %s; `donjon-emu add sgx` makes it\n",
		dir, name, what);
	return false;
}

static bool read_pck(const char *dir, struct dj_emu_key *ret)
{
	char pem[1024];
	size_t len = 0;
	const char *wrong;

	if (!read_file(dir, "sgx-pck.key", pem, sizeof(pem), &len))
		return complain(dir, "sgx-pck.key", strerror(errno));
	wrong = dj_emu_key_parse(pem, len, ret);
	dj_wipe(pem, sizeof(pem));
	return wrong == NULL || complain(dir, "sgx-pck.key", wrong);
}

static bool read_fuses(const char *dir, struct dj_emu_sgx_fuses *ret)
{
	uint8_t fuses[33];
	char mode[32] = "";
	size_t n = 0;

	if (!read_file(dir, "sgx.fuses", fuses, sizeof(fuses), &n))
		return complain(dir, "sgx.fuses", strerror(errno));
	if (n != 32)
		return complain(dir, "sgx.fuses", "not 32 bytes");
	memcpy(ret->secret, fuses, 32);
	dj_wipe(fuses, sizeof(fuses));
	(void)read_file(dir, "sgx.mode", mode, sizeof(mode) - 1, &n);
	ret->is_patched = strstr(mode, "trap") == NULL;
	ret->is_sgx1 = strstr(mode, "sgx1") != NULL;
	return true;
}

/* An attestation key for this Keep alone: the PCK vouches for any. */
static bool make_qe(struct dj_emu_sgx_platform *p, const struct dj_emu_key *pck,
	size_t chain_len)
{
	uint8_t secret[32];
	bool good = false;

	for (int i = 0; i < 4 && !good; i++)
		good = getrandom(secret, sizeof(secret), 0) ==
				(ssize_t)sizeof(secret) &&
			dj_emu_sgx_qe_init(&p->qe, pck, secret, p->chain,
				chain_len) == DJ_OK;
	dj_wipe(secret, sizeof(secret));
	return good;
}

bool dj_emu_sgx_read(const char *dir, struct dj_emu_sgx_platform *ret)
{
	struct dj_emu_key pck;
	size_t len = 0;
	bool good;

	if (!read_file(dir, "sgx-chain.pem", ret->chain, sizeof(ret->chain),
		    &len))
		return complain(dir, "sgx-chain.pem", strerror(errno));
	if (!read_pck(dir, &pck))
		return false;
	good = read_fuses(dir, &ret->fuses) &&
		(make_qe(ret, &pck, len) ||
			complain(dir, "sgx-pck.key", "no key can be made"));
	dj_wipe(&pck, sizeof(pck));
	return good;
}

static void target(const struct dj_emu_sgx_platform *p,
	struct dj_sgx_targetinfo *t)
{
	const struct dj_sgx_body *qe = &p->qe.body;

	*t = (struct dj_sgx_targetinfo){ .flags = qe->flags,
		.xfrm = qe->xfrm,
		.miscselect = qe->miscselect };
	memcpy(t->mrenclave, qe->mrenclave, sizeof(t->mrenclave));
}

void dj_emu_sgx_target(const struct dj_emu_sgx_platform *p,
	uint8_t ret[static DJ_SGX_TARGETINFO])
{
	struct dj_sgx_targetinfo t;

	target(p, &t);
	dj_sgx_targetinfo_write(&t, ret);
}

/* As the QE does: with its own report key. */
static bool is_ours(const struct dj_emu_sgx_platform *p,
	const uint8_t report[static DJ_SGX_REPORT])
{
	const uint8_t *keyid = report + DJ_SGX_REPORT_BODY;
	struct dj_sgx_targetinfo t;
	uint8_t key[16], mac[16];

	target(p, &t);
	dj_emu_sgx_report_key(p->fuses.secret, &t, keyid, key);
	dj_emu_cmac(key, report, DJ_SGX_REPORT_BODY / 16, mac);
	dj_wipe(key, sizeof(key));
	return dj_ct_equal(mac, keyid + DJ_SGX_KEYID, sizeof(mac));
}

int dj_emu_sgx_quote_report(const struct dj_emu_sgx_platform *p,
	const uint8_t report[static DJ_SGX_REPORT],
	uint8_t ret[static DJ_EMU_REPORT_MAX], size_t *ret_len)
{
	struct dj_sgx_body body;

	if (!is_ours(p, report) || dj_sgx_body_parse(report, &body) != DJ_OK)
		return EBADMSG;
	return dj_emu_sgx_quote(&p->qe, &body, ret, DJ_EMU_REPORT_MAX,
		       ret_len) == DJ_OK
		? 0
		: EMSGSIZE;
}
