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
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "emu/emu.h"
#include "emu/snp.h"
#include "emu/x509.h"

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

static bool set_name(X509 *cert, const char *cn)
{
	X509_NAME *name = X509_get_subject_name(cert);

	return dj_emu_x509_name(name, "O", "donjon development") &&
		dj_emu_x509_name(name, "CN", cn);
}

static bool add_extensions(X509 *cert, X509 *issuer)
{
	if (cert == issuer)
		return dj_emu_x509_extend(cert, issuer, NID_basic_constraints,
			       "critical,CA:TRUE,pathlen:0") &&
			dj_emu_x509_extend(cert, issuer, NID_key_usage,
				"critical,keyCertSign,cRLSign") &&
			dj_emu_x509_extend(cert, issuer,
				NID_subject_key_identifier, "hash");
	return dj_emu_x509_extend(cert, issuer, NID_basic_constraints,
		       "critical,CA:FALSE") &&
		dj_emu_x509_extend(cert, issuer, NID_key_usage,
			"critical,digitalSignature") &&
		dj_emu_x509_extend(cert, issuer, NID_subject_key_identifier,
			"hash") &&
		dj_emu_x509_extend(cert, issuer, NID_authority_key_identifier,
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
		dj_emu_x509_serial(id->cert) && set_name(id->cert, cn) &&
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

/*
 * The certificates of an emulated chip, as AMD's are: RSA-4096 with PSS above,
 * P-384 below, security versions and chip in the key's. Only their O says
 * whose they are. One root for these alone, since a root signs in one way.
 */
#define OID "1.3.6.1.4.1.3704.1."

static bool set_chip_name(X509_NAME *name, const char *cn)
{
	static const char o[] = "donjon development EMULATED no protection";

	return dj_emu_x509_name(name, "O", o) &&
		dj_emu_x509_name(name, "CN", cn);
}

static bool sign_pss(X509 *cert, EVP_PKEY *key)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *p = NULL;
	bool good = ctx != NULL &&
		EVP_DigestSignInit(ctx, &p, EVP_sha384(), NULL, key) == 1 &&
		EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_PSS_PADDING) > 0 &&
		EVP_PKEY_CTX_set_rsa_mgf1_md(p, EVP_sha384()) > 0 &&
		EVP_PKEY_CTX_set_rsa_pss_saltlen(p, 48) > 0 &&
		X509_sign_ctx(cert, ctx) > 0;

	EVP_MD_CTX_free(ctx);
	return good;
}

static bool add_small(X509 *cert, const char *oid, uint8_t v)
{
	uint8_t der[4] = { 2, v < 128 ? 1 : 2, 0, 0 };

	der[v < 128 ? 2 : 3] = v;
	return dj_emu_x509_extend_raw(cert, oid, der, v < 128 ? 3 : 4);
}

static bool add_product(X509 *cert, enum dj_snp_product product)
{
	uint8_t der[34] = { 0x16 };
	int n = snprintf((char *)der + 2, sizeof(der) - 2, "%s%s",
		dj_snp_product_name(product),
		product == DJ_SNP_MILAN ? "-B0" : "");

	der[1] = (uint8_t)n;
	return dj_emu_x509_extend_raw(cert, OID "2", der, 2 + (size_t)n);
}

static bool add_chip(X509 *cert, const struct dj_emu_snp_model *m)
{
	bool turin = m->product == DJ_SNP_TURIN;
	uint8_t tcb[DJ_SNP_TCB_PARTS];

	dj_emu_snp_tcb(m->product, tcb);
	return add_small(cert, OID "1", turin) &&
		add_product(cert, m->product) &&
		add_small(cert, OID "3.1", tcb[DJ_SNP_TCB_BOOTLOADER]) &&
		add_small(cert, OID "3.2", tcb[DJ_SNP_TCB_TEE]) &&
		add_small(cert, OID "3.3", tcb[DJ_SNP_TCB_SNP]) &&
		(turin || add_small(cert, OID "3.4", 0)) &&
		add_small(cert, OID "3.5", 0) &&
		add_small(cert, OID "3.6", 0) &&
		add_small(cert, OID "3.7", 0) &&
		add_small(cert, OID "3.8", tcb[DJ_SNP_TCB_MICROCODE]) &&
		(!turin || add_small(cert, OID "3.9", tcb[DJ_SNP_TCB_FMC])) &&
		dj_emu_x509_extend_raw(cert, OID "4", m->chip_id,
			turin ? 8 : 64);
}

/* m: a VCEK's certificate; NULL: one that signs others, with its key. */
static bool chip_cert(struct identity *id, const struct identity *issuer,
	const char *cn, const struct dj_emu_snp_model *m)
{
	X509_NAME *name;

	if (m != NULL)
		id->key = EVP_EC_gen("P-384");
	id->cert = X509_new();
	if (id->key == NULL || id->cert == NULL)
		return false;
	if (issuer == NULL)
		issuer = id;
	name = X509_get_subject_name(id->cert);
	return X509_set_version(id->cert, X509_VERSION_3) == 1 &&
		(m != NULL || dj_emu_x509_serial(id->cert)) &&
		set_chip_name(name, cn) &&
		X509_set_issuer_name(id->cert,
			X509_get_subject_name(issuer->cert)) == 1 &&
		X509_gmtime_adj(X509_getm_notBefore(id->cert), -DAY) != NULL &&
		X509_gmtime_adj(X509_getm_notAfter(id->cert), VALIDITY) !=
		NULL &&
		X509_set_pubkey(id->cert, id->key) == 1 &&
		(m != NULL ? add_chip(id->cert, m)
			   : dj_emu_x509_extend(id->cert, issuer->cert,
				     NID_basic_constraints,
				     "critical,CA:TRUE") &&
					dj_emu_x509_extend(id->cert,
						issuer->cert, NID_key_usage,
						"critical,keyCertSign,cRLSign")) &&
		sign_pss(id->cert, issuer->key);
}

static bool write_model(int dir, const struct dj_emu_snp_model *m)
{
	FILE *f = create(dir, "snp.model.new", 0644);
	bool good = f != NULL &&
		fprintf(f, "product %s\nreport %u\nchip ",
			dj_snp_product_name(m->product), m->version) > 0;

	for (size_t i = 0; i < sizeof(m->chip_id) && good; i++)
		good = fprintf(f, "%02x", m->chip_id[i]) == 2;
	return f != NULL && finish(f, good && fputc('\n', f) != EOF);
}

static bool write_chain(int dir, const struct identity id[static 3])
{
	FILE *f = create(dir, "snp-chain.pem.new", 0644);
	bool good = f != NULL;

	for (size_t i = 0; i < 3 && good; i++)
		good = PEM_write_X509(f, id[i].cert) == 1;
	return f != NULL && finish(f, good);
}

/* Key, ASK, ARK; the chain's file last, which says that all is there. */
static const char *const snp_files[] = { "snp.key", "snp.model", "snp-root.pem",
	"snp-chain.pem" };

static bool write_snp(int dir, const struct identity id[static 3],
	const struct dj_emu_snp_model *m)
{
	char from[32];
	bool good;

	for (size_t i = 0; i < sizeof(snp_files) / sizeof(snp_files[0]); i++) {
		/* Of a run that was killed. */
		(void)snprintf(from, sizeof(from), "%s.new", snp_files[i]);
		(void)unlinkat(dir, from, 0);
	}
	good = write_key(dir, "snp.key.new", id[0].key) &&
		write_model(dir, m) &&
		write_certs(dir, "snp-root.pem.new", id[2].cert, NULL) &&
		write_chain(dir, id);
	for (size_t i = 0; i < sizeof(snp_files) / sizeof(snp_files[0]); i++) {
		(void)snprintf(from, sizeof(from), "%s.new", snp_files[i]);
		if (good)
			good = renameat(dir, from, dir, snp_files[i]) == 0;
		else
			(void)unlinkat(dir, from, 0);
	}
	return good && fsync(dir) == 0;
}

static void *make_rsa(void *ret)
{
	*(EVP_PKEY **)ret = EVP_RSA_gen(4096);
	return NULL;
}

/* A second or two each: at the same time. */
static void make_two(struct identity *a, struct identity *b)
{
	pthread_t other;
	bool is_started = pthread_create(&other, NULL, make_rsa, &a->key) == 0;

	(void)make_rsa(&b->key);
	if (is_started)
		(void)pthread_join(other, NULL);
	else
		(void)make_rsa(&a->key);
}

static bool make_snp(int dir, const struct dj_emu_snp_model *m)
{
	const char *product = dj_snp_product_name(m->product);
	struct identity id[3] = { 0 };
	char ark[32], ask[32];
	bool good;

	(void)snprintf(ark, sizeof(ark), "ARK-%s", product);
	(void)snprintf(ask, sizeof(ask), "SEV-%s", product);
	make_two(&id[2], &id[1]);
	good = chip_cert(&id[2], NULL, ark, NULL) &&
		chip_cert(&id[1], &id[2], ask, NULL) &&
		chip_cert(&id[0], &id[1], "SEV-VCEK", m) &&
		write_snp(dir, id, m);
	for (size_t i = 0; i < 3; i++)
		identity_free(&id[i]);
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

/* What is there stays; two at a time make one. */
int dj_emu_add_snp(const char *dir, enum dj_snp_product product,
	uint32_t version)
{
	struct dj_emu_snp_model m = { .product = product, .version = version };
	size_t chip = product == DJ_SNP_TURIN ? 8 : sizeof(m.chip_id);
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool good = fd >= 0 && flock(fd, LOCK_EX) == 0 &&
		faccessat(fd, "root.pem", R_OK, 0) == 0;
	int err = errno;

	if (!good) {
		if (fd >= 0)
			close(fd);
		return complain(dir,
			"this is no folder that `donjon-emu init` made", err);
	}
	if (faccessat(fd, "snp-chain.pem", F_OK, 0) != 0)
		good = RAND_bytes(m.chip_id, (int)chip) == 1 &&
			make_snp(fd, &m);
	err = errno;
	close(fd);
	return good ? 0 : complain(dir, "cannot write keys", err);
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
