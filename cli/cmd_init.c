// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/common.h"
#include "cli/verbs.h"

/* Read back by a test: what is written here must be what is read. */
static const char template[] =
	"# Donjon.toml: how to run the program of this folder; donjon(1).\n"
	"# Options and DONJON_ variables go before what stands here.\n"
	"schema = 1\n"
	"\n"
	"[program]\n"
	"# module = \"program.wasm\"\n"
	"# args = [\"--fast\"]\n"
	"# env = { LANG = \"C.UTF-8\" }\n"
	"# sha256 = \"\"              # a module with another one is refused\n"
	"\n"
	"[keep]\n"
	"tee = [\"any\"]              # what the policy accepts, best first\n"
	"memory = \"256MiB\"          # all private memory of the Keep\n"
	"# time = \"10min\"           # then the program is ended\n"
	"# owner = \"owner.pem\"      # P-256 private key: yours alone\n"
	"\n"
	"[host]\n"
	"# No host: a private agent on this machine, emulated, not protected.\n"
	"# url = [\"https://host7:7443\", \"unix:/run/donjon/agent.sock\"]\n"
	"# ca = \"agents.pem\"\n"
	"# cert = \"me.pem\"\n"
	"# key = \"me.key\"\n"
	"# token-file = \"token\"\n"
	"\n"
	"[policy]\n"
	"# file = \"policy.toml\"     # a must for a host that is not your own\n";

static const struct dj_option options[] = {
	{ "print", 0, NULL, "to standard output, nothing is written" },
	{ 0 },
};

static int run(struct dj_cli *cli)
{
	static const char name[] = "Donjon.toml";

	if (dj_cli_has(cli, "print")) {
		dj_cli_print("%s", template);
		return dj_cli_end(cli, 0);
	}
	/* Half a file would be read, and not be written again. */
	if (!dj_cli_write_new(name, template, sizeof(template) - 1))
		return dj_cli_failf(cli, "file.create", "writing %s: %s", name,
			strerror(errno));
	if (cli->json)
		return dj_cli_json(cli,
			json_pack("{s:s,s:s}", "schema", "donjon.file/1",
				"file", name),
			0);
	dj_cli_note(cli, "wrote %s", name);
	return 0;
}

const struct dj_verb dj_verb_init = {
	.name = "init",
	.group = DJ_GROUP_PROGRAMS,
	.operands = "",
	.summary = "write a commented Donjon.toml",
	.options = options,
	.run = run,
};
