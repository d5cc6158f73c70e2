// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "emu/emu.h"
#include "emu/sgx_pki.h"

/*
 * `donjon-emu add sgx DIR`: what emu/sgx_keep.h reads, and collateral that an
 * installation can use for years, where Intel's lasts a month.
 */
#define YEARS (INT64_C(10) * 365 * 24 * 60 * 60)
#define DAY   (INT64_C(24) * 60 * 60)

static bool write_file(int dir, const char *name, mode_t mode, const void *p,
	size_t len)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
		mode);
	bool good =
		fd >= 0 && write(fd, p, len) == (ssize_t)len && fsync(fd) == 0;

	return fd >= 0 && close(fd) == 0 && good;
}

static bool write_blob(int dir, const char *name,
	const struct dj_emu_sgx_blob *b)
{
	return write_file(dir, name, 0644, b->p, b->len);
}

/* SEC 1, which emu/key.c reads. */
static bool write_key(int dir, const char *name, EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *pem = NULL;
	long len;
	bool good = bio != NULL &&
		PEM_write_bio_PrivateKey_traditional(bio, key, NULL, NULL, 0,
			NULL, NULL) == 1;

	len = good ? BIO_get_mem_data(bio, &pem) : 0;
	good = len > 0 && write_file(dir, name, 0600, pem, (size_t)len);
	BIO_free(bio);
	return good;
}

/* The chain last: it says that all is there. */
static bool write_all(int dir, const struct dj_emu_sgx_pki *p)
{
	uint8_t fuses[32];

	return RAND_bytes(fuses, sizeof(fuses)) == 1 &&
		write_file(dir, "sgx.fuses", 0600, fuses, sizeof(fuses)) &&
		write_key(dir, "sgx-pck.key", p->pck_key) &&
		write_blob(dir, "sgx-root.pem", &p->root) &&
		write_blob(dir, "sgx-tcb-info.json", &p->tcb_info) &&
		write_blob(dir, "sgx-tcb-chain.pem", &p->tcb_chain) &&
		write_blob(dir, "sgx-qe-identity.json", &p->qe_identity) &&
		write_blob(dir, "sgx-root.crl", &p->root_crl) &&
		write_blob(dir, "sgx-pck.crl", &p->pck_crl) &&
		write_blob(dir, "sgx-chain.pem.new", &p->chain) &&
		renameat(dir, "sgx-chain.pem.new", dir, "sgx-chain.pem") == 0 &&
		fsync(dir) == 0;
}

static bool make(int dir)
{
	const int64_t now = time(NULL);
	const struct dj_emu_sgx_span span = { now - DAY, now + YEARS };
	struct dj_emu_sgx_recipe r;
	struct dj_emu_sgx_pki pki;
	bool good;

	dj_emu_sgx_recipe(&r, now);
	r.certs = r.root_crl = r.pck_crl = span;
	r.tcb_info = r.qe_identity = span;
	if (!dj_emu_sgx_pki_new(&r, &pki)) {
		errno = ENOMEM;
		return false;
	}
	good = write_all(dir, &pki);
	dj_emu_sgx_pki_free(&pki);
	return good;
}

/* What is there stays; two at a time make one. */
int dj_emu_add_sgx(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool good = fd >= 0 && flock(fd, LOCK_EX) == 0 &&
		faccessat(fd, "root.pem", R_OK, 0) == 0;
	int err;

	if (good && faccessat(fd, "sgx-chain.pem", F_OK, 0) != 0)
		good = make(fd);
	err = errno;
	if (fd >= 0)
		close(fd);
	if (good)
		return 0;
	(void)fprintf(stderr,
		"donjon-emu: add: %s: cannot write keys into this folder, which `donjon-emu init` makes: %s\n",
		dir, strerror(err));
	return EX_IOERR;
}
