// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "emu/emu.h"

#define DAY      (24L * 60 * 60)
#define VALIDITY (3650 * DAY)

struct identity {
	EVP_PKEY *key;
	X509 *cert;
};

static void identity_free(struct identity *id)
{
	EVP_PKEY_free(id->key);
	X509_free(id->cert);
}

static bool add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *ext;
	X509V3_CTX ctx;
	bool good;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	good = ext != NULL && X509_add_ext(cert, ext, -1) == 1;
	X509_EXTENSION_free(ext);
	return good;
}

/* 63 random bits: positive, and never zero in practice. */
static bool set_serial(X509 *cert)
{
	uint64_t n = 0;

	return RAND_bytes((unsigned char *)&n, sizeof(n)) == 1 &&
		ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert),
			(n >> 1) | 1) == 1;
}

static bool set_name(X509 *cert, const char *cn)
{
	X509_NAME *name = X509_get_subject_name(cert);

	return X509_NAME_add_entry_by_txt(name, "O", MBSTRING_ASC,
		       (const unsigned char *)"donjon development", -1, -1,
		       0) == 1 &&
		X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
			(const unsigned char *)cn, -1, -1, 0) == 1;
}

static bool add_extensions(X509 *cert, X509 *issuer)
{
	if (cert == issuer)
		return add_extension(cert, issuer, NID_basic_constraints,
			       "critical,CA:TRUE,pathlen:0") &&
			add_extension(cert, issuer, NID_key_usage,
				"critical,keyCertSign,cRLSign") &&
			add_extension(cert, issuer, NID_subject_key_identifier,
				"hash");
	return add_extension(cert, issuer, NID_basic_constraints,
		       "critical,CA:FALSE") &&
		add_extension(cert, issuer, NID_key_usage,
			"critical,digitalSignature") &&
		add_extension(cert, issuer, NID_subject_key_identifier,
			"hash") &&
		add_extension(cert, issuer, NID_authority_key_identifier,
			"keyid:always");
}

/* A new key and its certificate; issuer NULL: by itself. */
static bool identity_new(struct identity *id, const struct identity *issuer,
	const char *cn)
{
	const struct identity *by = issuer == NULL ? id : issuer;

	*id = (struct identity){ 0 };
	id->key = EVP_EC_gen("P-256");
	id->cert = X509_new();
	return id->key != NULL && id->cert != NULL &&
		X509_set_version(id->cert, X509_VERSION_3) == 1 &&
		set_serial(id->cert) && set_name(id->cert, cn) &&
		X509_set_issuer_name(id->cert,
			X509_get_subject_name(by->cert)) == 1 &&
		X509_gmtime_adj(X509_getm_notBefore(id->cert), -DAY) != NULL &&
		X509_gmtime_adj(X509_getm_notAfter(id->cert), VALIDITY) !=
		NULL &&
		X509_set_pubkey(id->cert, id->key) == 1 &&
		add_extensions(id->cert, by->cert) &&
		X509_sign(id->cert, by->key, EVP_sha256()) > 0;
}

static FILE *create(int dir, const char *name, mode_t mode)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
		mode);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

	if (f == NULL && fd >= 0)
		close(fd);
	return f;
}

static bool finish(FILE *f, bool good)
{
	good = good && fflush(f) == 0 && fsync(fileno(f)) == 0;
	return fclose(f) == 0 && good;
}

/* SEC 1, which emu/key.c reads; PKCS #8 would say the same in more bytes. */
static bool write_key(int dir, const char *name, EVP_PKEY *key)
{
	FILE *f = create(dir, name, 0600);
	BIO *bio = f == NULL ? NULL : BIO_new_fp(f, BIO_NOCLOSE);
	bool good = bio != NULL &&
		PEM_write_bio_PrivateKey_traditional(bio, key, NULL, NULL, 0,
			NULL, NULL) == 1;

	BIO_free(bio);
	return f != NULL && finish(f, good);
}

static bool write_certs(int dir, const char *name, X509 *one, X509 *two)
{
	FILE *f = create(dir, name, 0644);
	bool good = f != NULL && PEM_write_X509(f, one) == 1 &&
		(two == NULL || PEM_write_X509(f, two) == 1);

	return f != NULL && finish(f, good);
}

static bool fill(int dir)
{
	struct identity root, process = { 0 }, kvm = { 0 };
	char cn[64];
	uint32_t n = 0;
	bool good;

	/* A name of its own, so that two installations are told apart. */
	good = RAND_bytes((unsigned char *)&n, sizeof(n)) == 1;
	(void)snprintf(cn, sizeof(cn),
		"donjon development root %08x EMULATED no protection", n);
	good = identity_new(&root, NULL, cn) && good &&
		identity_new(&process, &root,
			"donjon process attestation EMULATED no protection") &&
		identity_new(&kvm, &root,
			"donjon kvm attestation EMULATED no protection") &&
		write_key(dir, "root.key", root.key) &&
		write_certs(dir, "root.pem", root.cert, NULL) &&
		write_key(dir, "process.key", process.key) &&
		write_certs(dir, "process-chain.pem", process.cert,
			root.cert) &&
		write_key(dir, "kvm.key", kvm.key) &&
		write_certs(dir, "kvm-chain.pem", kvm.cert, root.cert) &&
		fsync(dir) == 0;
	identity_free(&root);
	identity_free(&process);
	identity_free(&kvm);
	return good;
}

static void remove_all(const char *path, int dir)
{
	static const char *const names[] = { "root.key", "root.pem",
		"process.key", "process-chain.pem", "kvm.key",
		"kvm-chain.pem" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)unlinkat(dir, names[i], 0);
	(void)rmdir(path);
}

static int complain(const char *dir, const char *what, int err)
{
	unsigned long e = ERR_peek_last_error();

	(void)fprintf(stderr, "donjon-emu: init: %s: %s: %s\n", dir, what,
		e != 0 ? ERR_reason_error_string(e) : strerror(err));
	return err == EEXIST || err == ENOTEMPTY || err == ENOTDIR
		? EX_CANTCREAT
		: EX_IOERR;
}

/* All of it under another name first: there is never half a folder. */
int dj_emu_init(const char *dir)
{
	char tmp[PATH_MAX];
	int fd, err;

	if (snprintf(tmp, sizeof(tmp), "%s.new-XXXXXX", dir) >=
		(int)sizeof(tmp))
		return complain(dir, "the name is too long", ENAMETOOLONG);
	if (mkdtemp(tmp) == NULL)
		return complain(dir,
			"cannot make a folder beside it; does its parent exist?",
			errno);
	fd = open(tmp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || !fill(fd)) {
		err = errno;
		if (fd >= 0)
			remove_all(tmp, fd);
		return complain(dir, "cannot write keys", err);
	}
	if (rename(tmp, dir) != 0) {
		err = errno;
		remove_all(tmp, fd);
		close(fd);
		return complain(dir,
			"is there already and stays as it is; choose another folder, or remove it if nothing trusts its root",
			err);
	}
	close(fd);
	return 0;
}
