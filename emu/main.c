// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "emu/emu.h"

static const char usage[] =
	"usage: donjon-emu init DIR\n"
	"       donjon-emu add snp DIR [PRODUCT [REPORT-VERSION]]\n"
	"       donjon-emu add sgx DIR\n"
	"       donjon-emu serve process|kvm|snp|sgx DIR\n"
	"Attestation hardware that is not there, for development: EMULATED, no\n"
	"protection. `donjon-emu COMMAND --help` says more; --version.\n";

static const char init_help[] =
	"usage: donjon-emu init DIR\n"
	"\n"
	"Makes DIR (mode 0700), which must not be there yet, with a development\n"
	"root and an attestation key for each emulated TEE:\n"
	"\n"
	"  root.pem root.key    the root; a policy that should accept what is\n"
	"                       emulated names root.pem and says so\n"
	"  TEE.key              attestation key\n"
	"  TEE-chain.pem        its certificate, then the root's\n"
	"\n"
	"Nothing that these keys sign protects anything. Policies without\n"
	"`[development] allow = true` and this very root refuse it.\n";

static const char add_help[] =
	"usage: donjon-emu add snp DIR [PRODUCT [REPORT-VERSION]]\n"
	"       donjon-emu add sgx DIR\n"
	"\n"
	"Adds an emulated SEV-SNP processor to DIR, which `donjon-emu init` made:\n"
	"of PRODUCT Milan, Genoa (default) or Turin, giving reports of version 2,\n"
	"3 or 5 (default). Takes seconds, for its keys are RSA-4096. A processor\n"
	"that is there stays.\n"
	"\n"
	"  snp-root.pem         its root (ARK): a policy names it besides root.pem\n"
	"  snp-chain.pem        VCEK, ASK and ARK certificates\n"
	"  snp.key snp.model    VCEK; product, report version and chip\n"
	"\n"
	"Or an SGX platform: its root (sgx-root.pem), keys, fuses and collateral.\n";

static const char serve_help[] =
	"usage: donjon-emu serve process|kvm|snp|sgx DIR\n"
	"\n"
	"Serves one Keep on the socket at descriptor 3 with the keys in DIR\n"
	"until the socket is closed. Started by donjond, not by people.\n";

static int wrong(const char *what, const char *arg)
{
	(void)fprintf(stderr, "donjon-emu: %s%s%s; try `donjon-emu --help`\n",
		what, arg == NULL ? "" : ": ", arg == NULL ? "" : arg);
	return EX_USAGE;
}

/*
 * Making keys takes OpenSSL, serving a Keep does not: so it is a program
 * beside this one, and what stays as long as a Keep is small.
 */
static int run_init(char *const args[])
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 6);

	if (n > 0) {
		memcpy(path + n, "-init", 6);
		(void)execv(path, args);
	}
	(void)fprintf(stderr, "donjon-emu: init: cannot run %s: %s\n",
		n > 0 ? path : args[0], strerror(errno));
	return EX_OSFILE;
}

static int cmd_init(int argc, char **argv)
{
	static char name[] = "donjon-emu-init";

	if (argc == 1 && strcmp(argv[0], "--help") == 0)
		return fputs(init_help, stdout) < 0;
	if (argc != 1 || argv[0][0] == '-' || argv[0][0] == '\0')
		return wrong("init takes one folder", NULL);
	return run_init((char *const[]){ name, argv[0], NULL });
}

static int cmd_add(int argc, char **argv)
{
	static char name[] = "donjon-emu-init", verb[] = "add-snp",
		    sgx[] = "add-sgx", genoa[] = "Genoa", five[] = "5";
	char *product = argc > 2 ? argv[2] : genoa;
	char *version = argc > 3 ? argv[3] : five;

	if (argc == 1 && strcmp(argv[0], "--help") == 0)
		return fputs(add_help, stdout) < 0;
	if (argc == 2 && strcmp(argv[0], "sgx") == 0 && argv[1][0] != '-' &&
		argv[1][0] != '\0')
		return run_init((char *const[]){ name, sgx, argv[1], NULL });
	if (argc < 2 || argc > 4 || strcmp(argv[0], "snp") != 0 ||
		argv[1][0] == '-' || argv[1][0] == '\0')
		return wrong("add takes `snp` or `sgx`, and a folder", NULL);
	if (strcmp(product, "Milan") != 0 && strcmp(product, "Genoa") != 0 &&
		strcmp(product, "Turin") != 0)
		return wrong("there is no such product", product);
	if ((strcmp(version, "2") != 0 || strcmp(product, "Turin") == 0) &&
		strcmp(version, "3") != 0 && strcmp(version, "5") != 0)
		return wrong("that product has no such report", version);
	return run_init(
		(char *const[]){ name, verb, argv[1], product, version, NULL });
}

static int cmd_serve(int argc, char **argv)
{
	if (argc == 1 && strcmp(argv[0], "--help") == 0)
		return fputs(serve_help, stdout) < 0;
	if (argc != 2 || argv[0][0] == '-')
		return wrong("serve takes a TEE and a folder", NULL);
	if (!dj_emu_knows(argv[0]))
		return wrong("this emulator does not know the TEE", argv[0]);
	return dj_emu_serve(argv[0], argv[1]);
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return wrong("which command?", NULL);
	if (strcmp(argv[1], "init") == 0)
		return cmd_init(argc - 2, argv + 2);
	if (strcmp(argv[1], "add") == 0)
		return cmd_add(argc - 2, argv + 2);
	if (strcmp(argv[1], "serve") == 0)
		return cmd_serve(argc - 2, argv + 2);
	if (strcmp(argv[1], "--version") == 0)
		return printf("donjon-emu %s\n", DJ_VERSION) < 0;
	if (strcmp(argv[1], "--help") == 0)
		return fputs(usage, stdout) < 0;
	return wrong("there is no command", argv[1]);
}
