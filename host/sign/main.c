// SPDX-License-Identifier: Apache-2.0
/*
 * donjon-sgx-sign: makes the SIGSTRUCT of an SGX image. Linux runs what any
 * key has signed; a policy that accepts MRENCLAVE need not care whose it was,
 * one that accepts MRSIGNER is the key's owner's to write.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "host/sign/sign.h"
#include "lib/evidence/sgx.h"
#include "lib/evidence/sgx_sigstruct.h"

#define IMAGE_MAX ((size_t)16 << 20)

static const char usage[] =
	"usage: donjon-sgx-sign IMAGE KEY SIGSTRUCT\n"
	"Signs a Keep image for SGX: writes SIGSTRUCTs, 1808 bytes each, for\n"
	"processors with SGX2 and then, for those without, of a Keep with\n"
	"16 MiB of memory, 32 MiB and so on up to 1 GiB. Signed by KEY, a PEM\n"
	"file with an RSA key of 3072 bits and exponent 3, which is made if it\n"
	"is not there. The date in them is SOURCE_DATE_EPOCH's, else today's.\n";

static int complain(const char *what, const char *name)
{
	unsigned long e = ERR_peek_last_error();

	(void)fprintf(stderr, "donjon-sgx-sign: %s: %s: %s\n", name, what,
		e != 0 ? ERR_reason_error_string(e) : strerror(errno));
	return EX_IOERR;
}

static EVP_PKEY *make_key(const char *path)
{
	EVP_PKEY *key = dj_sgx_new_key();
	int fd = -1;
	FILE *f = NULL;
	bool good;

	if (key != NULL)
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0)
		f = fdopen(fd, "w");
	good = f != NULL &&
		PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1;
	if (f != NULL && fclose(f) != 0)
		good = false;
	if (!good) {
		EVP_PKEY_free(key);
		key = NULL;
	}
	return key;
}

static EVP_PKEY *read_key(const char *path)
{
	FILE *f = fopen(path, "re");
	EVP_PKEY *key;

	if (f == NULL)
		return errno == ENOENT ? make_key(path) : NULL;
	key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
	(void)fclose(f);
	return key;
}

static uint32_t bcd(uint32_t n)
{
	uint32_t r = 0;

	for (unsigned shift = 0; n != 0; n /= 10, shift += 4)
		r |= n % 10 << shift;
	return r;
}

static uint32_t date(void)
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");
	time_t t =
		epoch != NULL ? (time_t)strtoll(epoch, NULL, 10) : time(NULL);
	struct tm tm = { 0 };

	(void)gmtime_r(&t, &tm);
	return bcd((uint32_t)(tm.tm_year + 1900) * 10000 +
		(uint32_t)(tm.tm_mon + 1) * 100 + (uint32_t)tm.tm_mday);
}

static bool read_image(const char *path, struct dj_image *ret)
{
	static uint8_t file[IMAGE_MAX];
	FILE *f = fopen(path, "re");
	size_t len = 0;

	if (f != NULL) {
		len = fread(file, 1, IMAGE_MAX, f);
		errno = ENOEXEC;
		(void)fclose(f);
	}
	return len != 0 && dj_image_parse(file, len, ret) == DJ_OK;
}

/* Each enclave that can be made of the image, into dst. */
static bool sign_all(EVP_PKEY *key, struct dj_image *img,
	struct dj_sgx_sigstruct *s, uint8_t *dst)
{
	for (size_t i = 0; i < DJ_SGX_SIGSTRUCTS; i++) {
		img->heap = i == 0
			? 0
			: dj_sgx_heap((uint64_t)DJ_SGX1_MIN << (i - 1));
		s->miscselect = i == 0 ? DJ_SGX_MISCSELECT : 0;
		if (dj_sgx_measure(img, s->mrenclave) != DJ_OK ||
			!dj_sgx_sign(key, s))
			return false;
		dj_sgx_sigstruct_write(s, dst + i * DJ_SGX_SIGSTRUCT);
	}
	return true;
}

_Static_assert(DJ_SGX1_MIN << (DJ_SGX_SIGSTRUCTS - 2) == DJ_SGX1_MAX,
	"one for each memory, and one");

static bool write_out(const char *path, const uint8_t *p, size_t len)
{
	FILE *f = fopen(path, "we");
	bool good = f != NULL && fwrite(p, len, 1, f) == 1;

	return f != NULL && fclose(f) == 0 && good;
}

int main(int argc, char **argv)
{
	/* Every attribute but INIT, which is not set yet, must be as here: no
	 * debug enclave runs under this signature. */
	struct dj_sgx_sigstruct s = {
		.miscmask = UINT32_MAX,
		.flags = DJ_SGX_ATTR(DJ_SGX_ATTR_MODE64BIT),
		.flags_mask = UINT64_MAX,
		.xfrm = DJ_SGX_XFRM,
		.xfrm_mask = UINT64_MAX,
		.isvprodid = 0,
		.isvsvn = 1,
	};
	uint8_t bytes[DJ_SGX_SIGSTRUCTS * DJ_SGX_SIGSTRUCT];
	struct dj_image img;
	EVP_PKEY *key;
	bool good;

	dj_image_use_cpu();
	if (argc != 4) {
		bool is_help = argc == 2 && strcmp(argv[1], "--help") == 0;

		(void)fputs(usage, is_help ? stdout : stderr);
		return is_help ? 0 : EX_USAGE;
	}
	if (!read_image(argv[1], &img) ||
		dj_sgx_measure(&img, s.mrenclave) != DJ_OK)
		return complain("not an image for SGX", argv[1]);
	s.date = date();
	key = read_key(argv[2]);
	good = key != NULL && sign_all(key, &img, &s, bytes);
	EVP_PKEY_free(key);
	if (!good)
		return complain("no RSA key of 3072 bits and exponent 3",
			argv[2]);
	return write_out(argv[3], bytes, sizeof(bytes))
		? 0
		: complain("cannot write it", argv[3]);
}
