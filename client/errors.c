// SPDX-License-Identifier: Apache-2.0
#include "client/errors.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/tees.h"

/*
 * Sorted by name: dj_err_find() relies on it, a test asks for it. Name, exit
 * status, exit status of run, what, why, next command.
 */
// clang-format off
const struct dj_err_info dj_errs[] = {
{ "again.refused", 123, 123,
	"a running Keep could not prove itself again",
	"With --again the Keep must show fresh evidence while the program "
	"runs. What came did not hold, or nothing came in time. The session "
	"was ended at once; what had been sent before is in a Keep that was "
	"genuine when the session began.",
	"donjon doctor" },
{ "agent.root", 70, 125,
	"the development root could not be made",
	"Emulated Keeps are signed under a root of this installation, made "
	"once by donjon-emu in the state folder. The text says what "
	"donjon-emu reported. Removing the named folder makes the next run "
	"try from the beginning.",
	"donjon doctor" },
{ "agent.start", 69, 125,
	"the private host agent could not be started",
	"Without --host, donjon starts a donjond of its own for one run. "
	"donjond, donjon-launch, donjon-emu and the Keep image must lie "
	"beside donjon or in the installed places; the variables "
	"DONJON_LIBEXEC and DONJON_IMAGES name other folders.",
	"donjon doctor" },
{ "collateral.answer", 76, 76,
	"a service sent something else than was asked for",
	"What came from the service is not the document, list or certificate "
	"of that name. Nothing of it was kept.",
	"donjon help collateral" },
{ "collateral.backoff", 75, 75,
	"the service failed a moment ago and is left alone for now",
	"After a failure a service is asked again only after a while, twice as "
	"long each time. What the folder has stays. --refresh asks at once.",
	"donjon help collateral" },
{ "collateral.busy", 75, 75,
	"the service asks to be left alone for now",
	"Vendors limit how often they are asked. It is asked again when the time "
	"that it named is over; a PCCS beside the machine (--url) has no such "
	"limit.",
	"donjon help collateral" },
{ "collateral.fetch", 69, 69,
	"a service did not give what was asked for",
	"The vendor's service, or the one of --url, cannot be reached or answers "
	"with an error. What the folder has stays; evidence can be judged with "
	"it as long as it is in force.",
	"donjon help collateral" },
{ "config.key", 78, 78,
	"a configuration file has a key nobody knows",
	"Keys are never ignored, since a misspelt one may be the one that "
	"protects. The text names the file, the line and the nearest key "
	"that exists.",
	"donjon init --print" },
{ "config.read", 78, 78,
	"a configuration file cannot be read",
	"The file was named by --config or found in one of the usual places, "
	"and it is there, but it cannot be read or is too big (64 KiB).",
	"donjon config" },
{ "config.steward", 78, 78,
	"Enarx.toml names a steward",
	"A steward verifies Keeps in the place of the tenant. With donjon "
	"this client verifies every Keep itself, so there is nothing for a "
	"steward to do; take the line out, and describe what you accept in a "
	"policy.",
	"donjon help run" },
{ "config.syntax", 78, 78,
	"a configuration file is not TOML",
	"The text names the file, the line, and what was expected there.",
	"donjon init --print" },
{ "config.value", 78, 78,
	"a configuration value cannot be used",
	"A key in a file or a DONJON_ variable has a value of the wrong type "
	"or out of its range. The text names where it came from.",
	"donjon config" },
{ "dash.listen", 69, 69,
	"the local page cannot be served there",
	"donjon dash listens on 127.0.0.1 alone. Another program has the "
	"port, or this one may not have it; without --port a free one is "
	"taken.",
	"donjon help dash" },
{ "dir.entry", 65, 65,
	"a folder holds what a Keep cannot be given",
	"Only regular files, directories and symbolic links go into a Keep. "
	"Devices, sockets and pipes mean nothing there and are refused by "
	"name, not left out, so that a program never sees half a folder.",
	NULL },
{ "dir.read", 66, 66,
	"a folder for the Keep cannot be read",
	"Something below the folder given with --dir could not be opened or "
	"changed while it was packed.",
	NULL },
{ "dir.return", 74, 74,
	"what a program changed could not be put in place",
	"A folder given with --dir HOST::GUEST comes back from the Keep as a "
	"whole or not at all. What came was refused, or could not be written "
	"here; the text says which file and why. Unless it says otherwise, "
	"nothing in the folder was changed.",
	"donjon help run" },
{ "evidence.chain", 1, 123,
	"the certificates do not lead to a root in the policy",
	"The attestation key's certificates must lead, link by link, to a "
	"root certificate that the policy names. Nothing secret was sent.",
	"donjon help verify" },
{ "evidence.collateral", 1, 123,
	"what the vendor says of the platform is missing, not genuine, not in "
	"force, or about another platform",
	"A quote of SGX is judged by TCB info and a QE identity, signed by "
	"Intel and good for about a month. Fetch them anew for the platform, "
	"or judge saved evidence at the time it was made (--at). Nothing "
	"secret was sent.",
	"donjon help verify" },
{ "evidence.config", 1, 123,
	"the report names another configuration than the offer",
	"The report's own copy of the configuration hash differs from the "
	"one in the offer. Nothing secret was sent.",
	"donjon help verify" },
{ "evidence.development", 1, 123,
	"the evidence is of a development Keep, which the policy does not "
	"allow",
	"Development Keeps are signed under a root that an installation made "
	"for itself; nothing protects them from their host. A policy must "
	"say [development] allow = true to accept one. Nothing secret was "
	"sent.",
	"donjon help verify" },
{ "evidence.file", 65, 65,
	"the file holds no evidence",
	"A bundle is what donjon evidence -o and a refused run save: it "
	"begins with KSB1. A bare report, an Azure HCL report or configfs-tsm's "
	"blobs are judged with --tee and --chain.",
	"donjon help verify" },
{ "evidence.format", 1, 123,
	"the evidence does not parse, or is of a format that does not fit "
	"the TEE",
	"The host packs the evidence; what came cannot be read, or is of a "
	"format that this client did not ask for. Nothing secret was sent.",
	"donjon help verify" },
{ "evidence.measurement", 1, 123,
	"the Keep runs code that the policy does not name",
	"The measurement names the exact bytes that run in the Keep. This "
	"one is not in the policy's list: another release, or other code. "
	"donjon measure prints what this release's Keep should have. Nothing "
	"secret was sent.",
	"donjon measure" },
{ "evidence.mode", 1, 123,
	"the TEE runs in a mode that the policy does not allow",
	"A TEE that can be debugged or moved is not closed to its host. "
	"Nothing secret was sent.",
	"donjon help verify" },
{ "evidence.platform", 1, 123,
	"the machine is none of those in the policy",
	"The policy lists the processors or attestation keys it accepts, and "
	"this is none of them. Nothing secret was sent.",
	"donjon help verify" },
{ "evidence.qe", 1, 123,
	"the quote was made by another quoting enclave than the vendor's",
	"The enclave that signed the quote is not what the QE identity "
	"describes. Nothing secret was sent.",
	"donjon help verify" },
{ "evidence.report_data", 1, 123,
	"the evidence is old, or of another channel",
	"The report must cover this client's nonce and this Keep's one-time "
	"key. One that does not was made for another session or another "
	"purpose. Nothing secret was sent.",
	"donjon help verify" },
{ "evidence.reserved", 1, 123,
	"the evidence has values where there must be none",
	"A field that must be zero is not, or bytes are left over. Genuine "
	"evidence has neither. Nothing secret was sent.",
	"donjon help verify" },
{ "evidence.revocation", 1, 123,
	"a certificate was revoked",
	"The maker took back a certificate of this platform. Nothing secret "
	"was sent.",
	"donjon help verify" },
{ "evidence.signature", 1, 123,
	"the report's signature does not hold",
	"The report was changed, or another key signed it. Nothing secret "
	"was sent.",
	"donjon help verify" },
{ "evidence.tcb", 1, 123,
	"the platform's security versions are below the policy's",
	"Firmware or microcode of the platform is older than the policy "
	"allows; known attacks may work on it. Nothing secret was sent.",
	"donjon help verify" },
{ "evidence.tee", 1, 123,
	"the evidence is of another TEE than was asked for",
	"The report itself is of another kind of Keep than --tee or the "
	"policy wants. Nothing secret was sent.",
	"donjon help verify" },
{ "evidence.validity", 1, 123,
	"a certificate is not valid now",
	"One of the certificates is not yet or no longer valid. See that "
	"this machine's clock is right. Nothing secret was sent.",
	"donjon help verify" },
{ "file.create", 73, 73,
	"a file cannot be made",
	"The file is there already, which donjon does not overwrite, or its "
	"folder cannot be written.",
	NULL },
{ "host.absent", 69, 125,
	"no host agent answers",
	"Nothing listens at the address, or it cannot be reached. For the "
	"machine's own agent see whether donjond runs and whether you are in "
	"the group donjon. Without --host no agent is needed.",
	"donjon doctor" },
{ "host.answer", 76, 125,
	"the host agent answered what it must not",
	"The answer is not of the API that this client speaks: another "
	"program listens there, or the versions do not fit. Nothing secret "
	"was sent.",
	"donjon version" },
{ "host.busy", 75, 125,
	"the host has no room for another Keep",
	"The agent's limits or the machine's memory are reached. Try again "
	"later, ask for less with --memory, or name another host.",
	NULL },
{ "host.denied", 77, 125,
	"the host agent does not let us in",
	"The agent wants a client certificate (--cert, --key), a token "
	"(--token-file), or membership in the group donjon.",
	"donjon help run" },
{ "host.keep", 69, 125,
	"the host's Keep did not start, or ended at once",
	"The host made a Keep that was gone before it was ours: nothing was "
	"sent and nothing ran. The reason is in the text, as the host says "
	"it. Ask for less with --memory, or name another host as well: they "
	"are tried in order.",
	"donjon doctor" },
{ "host.refused", 69, 125,
	"the host agent refused the request",
	"The agent understood and said no; its reason is in the text, as the "
	"host says it.",
	"donjon doctor" },
{ "host.tee", 69, 125,
	"the host has no such TEE",
	"The TEE asked for cannot be had there. donjon never takes a weaker "
	"one in its place: name another host or say with --tee what else "
	"would do.",
	"donjon doctor" },
{ "host.tls", 77, 125,
	"the host agent's certificate does not hold",
	"TLS to the agent failed. The certificate must be for the name in "
	"the URL and lead to --ca. This protects the host's door and the "
	"size and time of what you send; the Keep is judged by its own "
	"evidence in any case.",
	NULL },
{ "idblock.invalid", 65, 65,
	"the ID block is none for this image",
	"An ID block names the launch digest that its signer allows; firmware "
	"launches nothing else with it. It must be signed by the key in its ID "
	"authentication, and by that key's author where there is one.",
	"donjon measure --tee snp" },
{ "image.invalid", 65, 125,
	"the file is no Keep image",
	"A Keep image is a static ELF file of whole pages, as the build "
	"makes it; nothing else can be measured.",
	"donjon measure" },
{ "image.read", 66, 125,
	"the Keep image cannot be read",
	"The image lies in keep/ beside donjon or in /usr/lib/donjon/keep; "
	"DONJON_IMAGES names another folder, --image one file.",
	"donjon doctor" },
{ "input.file", 66, 66,
	"an input file cannot be read",
	"The text names the file and the reason.",
	NULL },
{ "input.read", 74, 74,
	"reading the program's input failed",
	"Standard input, or the file in its place, gave an error before its "
	"end. The program was not told that its input ended: it was stopped.",
	NULL },
{ "internal.bug", 70, 70,
	"donjon found a mistake in itself",
	"This should not happen. Please report what you did and the text.",
	"donjon version" },
{ "internal.library", 70, 70,
	"a library that is needed here is not installed",
	"Hosts named by https: are reached with libcurl, which is loaded only "
	"then. On Debian it is the package libcurl4.",
	"donjon version -v" },
{ "internal.memory", 70, 70,
	"this machine has no memory left",
	"An allocation failed on this side; the Keep is not involved.",
	NULL },
{ "keep.busy", 75, 75,
	"another donjon is with this Keep",
	"Only one process at a time comes back to a Keep, so that its output "
	"is written once. End the other one, or wait for it.",
	"donjon ps" },
{ "keep.input", 66, 122,
	"the Keep wants input that nobody has any more",
	"The input came from a pipe and its reader died. If it can be had "
	"again as a file, attach with --in FILE; else stop the Keep.",
	"donjon help attach" },
{ "keep.name", 64, 64,
	"a Keep cannot have this name",
	"A name is letters, digits and . _ -, and no other Keep of this "
	"client may have it. Release the other one first.",
	"donjon ps -a" },
{ "keep.none", 69, 122,
	"there is no ticket for this Keep",
	"The client ended before the Keep was claimed, or the Keep was given "
	"up. Nothing of the program runs there: release it and start again.",
	"donjon ps -a" },
{ "keep.policy", 78, 78,
	"the policy changed since this Keep was accepted",
	"A ticket names the policy that was used, by its hash. Put the old "
	"file back to come back to the Keep.",
	"donjon ps" },
{ "keep.running", 75, 75,
	"the Keep has not finished",
	"Its result is not here yet. Attach to it, or stop it first. One "
	"whose host is gone for good is forgotten by donjon release --forget.",
	"donjon ps" },
{ "keep.ticket", 74, 122,
	"the ticket cannot be used",
	"The file is damaged, of another version, for others to read too, or "
	"what belongs to it is gone. donjon release --forget gives it up.",
	"donjon ps -a" },
{ "keep.unknown", 66, 66,
	"this client has no such Keep",
	"Names are those that start printed, or --name gave.",
	"donjon ps -a" },
{ "limit.fuel", 124, 124,
	"the program used up its fuel",
	"--fuel limits how many steps a program may take. It was ended "
	"there; what it had written until then is complete.",
	NULL },
{ "limit.memory", 137, 137,
	"the program needed more memory than it was given",
	"--memory limits all private memory of the Keep: module, files, "
	"stacks, /tmp and the program's own memory. The program was ended; "
	"what it had written until then is complete.",
	"donjon help run" },
{ "limit.time", 124, 124,
	"the time limit was reached",
	"--time limits how long the program may run, by this client's clock "
	"and, inside the Keep, by the host's. The program was ended; what it "
	"had written until then is complete.",
	NULL },
{ "module.big", 65, 126,
	"the module is bigger than a Keep takes",
	"The Keep said in its offer how large a module it can hold; --memory "
	"raises that.",
	"donjon help run" },
{ "module.invalid", 65, 126,
	"the module is not valid WebAssembly",
	"The bytes do not decode or do not validate; the text says where. It "
	"was found here or inside the Keep; in neither case did any of it "
	"run.",
	"donjon help show" },
{ "module.missing", 66, 127,
	"the module is not there",
	"No such file. The module is the first word after the options of "
	"run.",
	"donjon help run" },
{ "module.read", 66, 126,
	"the module cannot be read",
	"The file is there, but it cannot be read, or it is not a regular "
	"file.",
	NULL },
{ "module.refused", 65, 126,
	"the Keep cannot run this module",
	"The module is valid but cannot be started: it imports a function "
	"that the Keep does not offer, or has no entry point, or asks for "
	"more than its limits. The text says which.",
	"donjon help show" },
{ "module.sha256", 65, 126,
	"the module is not the one that was named",
	"The configuration gives the SHA-256 that the module must have, and "
	"this file has another.",
	NULL },
{ "module.unsupported", 65, 126,
	"the module needs a feature this build lacks",
	"The module uses a WebAssembly feature beyond those of this engine; "
	"the text names it.",
	"donjon help show" },
{ "native.compiler", 69, 125,
	"the compiler for native code is not here",
	"--engine aot and donjon build need the program donjon-aot: beside "
	"donjon, in libexec, or on PATH. On Debian it is the package "
	"donjon-aot.",
	"donjon help build" },
{ "native.failed", 70, 126,
	"native code could not be made",
	"donjon-aot said why. The module may still run with --engine interp.",
	"donjon help build" },
{ "native.invalid", 65, 126,
	"the file of native code is damaged",
	"It begins as native code, but its parts or its digests do not hold. "
	"Make it again from the module.",
	"donjon help build" },
{ "native.unfit", 65, 126,
	"the native code is not for this Keep",
	"The Keep said what it takes: whether native code at all, for which "
	"instruction set and processor, with or without guard pages. Nothing "
	"was sent.",
	"donjon help build" },
{ "offer.config", 1, 123,
	"the Keep runs with another configuration than was asked for",
	"Memory, owner and sizes are in the launch configuration block; the "
	"Keep says the hash of the one it was started with. The host started "
	"it with another. Nothing secret was sent.",
	"donjon help verify" },
{ "offer.format", 1, 123,
	"the Keep's offer does not parse",
	"The Keep or its host sent an offer that is not one. Nothing secret "
	"was sent.",
	"donjon help verify" },
{ "offer.state", 1, 123,
	"the Keep belongs to somebody already",
	"A new session needs a fresh Keep. A Keep that somebody has claimed "
	"serves nobody else for the rest of its life. Nothing secret was "
	"sent.",
	"donjon help verify" },
{ "offer.suite", 1, 123,
	"the Keep chose a cipher suite that was not offered",
	"Either the host changed messages, or the Keep and this client share "
	"no suite that the policy allows. Nothing secret was sent.",
	"donjon help verify" },
{ "offer.tee", 1, 123,
	"the Keep is of another TEE than was asked for",
	"The host gave a Keep of another kind than --tee or the policy "
	"wants. donjon never takes a weaker one in its place. Nothing secret "
	"was sent.",
	"donjon help verify" },
{ "output.closed", 74, 74,
	"nobody reads the program's output any more",
	"The other end of a pipe was closed. The program was stopped; what "
	"it wrote after that is lost.",
	NULL },
{ "output.full", 74, 74,
	"no space is left for the program's output",
	"The disk or quota is full. The program was stopped. The output is "
	"incomplete.",
	NULL },
{ "output.read", 74, 122,
	"what is here of the output cannot be read",
	"To go on where the output ends, its file must be there and as it "
	"was left. It was removed, cut or cannot be read.",
	"donjon ps" },
{ "output.write", 74, 74,
	"the program's output cannot be written",
	"Writing failed with the reason in the text. The program was "
	"stopped. The output is incomplete.",
	NULL },
{ "owner.key", 65, 65,
	"the owner key cannot be used",
	"--owner wants a file with a P-256 private key in PEM. Make one "
	"with: donjon key --make FILE",
	"donjon key --help" },
{ "policy.invalid", 78, 78,
	"the policy is not valid",
	"The text names the line and what is wrong there. A policy with a "
	"mistake in it accepts nothing.",
	"donjon policy init" },
{ "policy.missing", 78, 78,
	"no policy says what to accept from this host",
	"A host agent that donjon has not started itself is a stranger: name "
	"with --policy, DONJON_POLICY or [policy] in Donjon.toml what its "
	"Keeps must be.",
	"donjon policy init" },
{ "policy.read", 78, 78,
	"the policy cannot be read",
	"The file named with --policy or in the configuration cannot be "
	"opened.",
	"donjon policy init" },
{ "program.engine", 70, 70,
	"the Keep's engine gave up",
	"Not the program but the engine that runs it failed; the text says "
	"how. Please report it.",
	"donjon version" },
{ "program.killed", 137, 137,
	"the Keep was ended by force",
	"A second signal came before the program had stopped. Its output is "
	"incomplete.",
	NULL },
{ "program.stopped", 143, 143,
	"the program was stopped",
	"A signal asked the program to end, and it did not end by itself.",
	NULL },
{ "program.trap", 134, 134,
	"the program trapped",
	"The program did what WebAssembly forbids and was ended there. The "
	"trap and the calls that led to it are in the text; all output "
	"before it is complete.",
	NULL },
{ "receipt.file", 65, 65,
	"a file is not a receipt",
	"Receipts are written by run and start with --receipt FILE, as JSON "
	"of schema donjon.receipt/1.",
	"donjon help receipt" },
{ "receipt.missing", 76, 122,
	"the Keep or its host gave no receipt",
	"The program ended, but the evidence over its result did not come. "
	"The output is complete; the Keep was not released, so attach may "
	"still get it.",
	"donjon ps" },
{ "receipt.refused", 1, 123,
	"a receipt does not hold",
	"Its evidence is not over this program, this input and this output, "
	"or does not meet the policy.",
	"donjon help receipt" },
{ "session.cut", 122, 122,
	"the line to the Keep was cut",
	"The connection ended before the Keep had told how the program "
	"ended: the outcome is unknown. What was printed until then is true "
	"but incomplete. The Keep's host or the network did this, or the "
	"Keep ended.",
	"donjon doctor" },
{ "session.fail", 76, 122,
	"the Keep ended the session",
	"The Keep itself said, inside the encrypted session, that it cannot "
	"go on. The text has its code.",
	"donjon version" },
{ "session.gone", 69, 122,
	"the host says that the Keep is gone",
	"It ended, was killed, or its time was over. What was written of its "
	"output is right, and may not be all.",
	"donjon ps -a" },
{ "session.host", 69, 125,
	"the host ended the session before it began",
	"The host, or the Keep in clear, sent an error before anything "
	"secret was sent. Nobody vouches for such a text.",
	"donjon doctor" },
{ "session.offer", 76, 125,
	"the Keep's offer is not what was asked for",
	"The offer is malformed, is for another configuration, or is of a "
	"Keep that somebody owns already. Nothing secret was sent.",
	"donjon doctor" },
{ "session.output", 76, 122,
	"the output is not what the program wrote",
	"At its end the Keep gave lengths and hashes of the program's "
	"output, and what was written here differs. Do not use the output.",
	NULL },
{ "session.owned", 76, 125,
	"the Keep has an owner already",
	"A Keep serves the client that claimed it first. This one was claimed "
	"by somebody: perhaps the host offered the same Keep twice. Nothing "
	"was sent.",
	"donjon doctor" },
{ "session.protocol", 76, 122,
	"the session was tampered with, or the versions do not fit",
	"A record did not open or came out of order. The session was ended "
	"at once; the outcome of the program is unknown.",
	"donjon version" },
{ "session.ticket", 76, 122,
	"the Keep does not know our ticket",
	"A ticket is good until the next is confirmed. Somebody who has a "
	"copy of this one has come back with it, or the host answers falsely.",
	"donjon ps" },
{ "session.wrong-keep", 76, 122,
	"this is another Keep than the one asked for",
	"The host put another Keep, or a fresh one, in the place of ours. "
	"Nothing was sent.",
	"donjon ps" },
{ "state.write", 73, 73,
	"the state folder cannot be written",
	"The development root and saved evidence are kept there. Make the "
	"folder writable, or name another one with XDG_STATE_HOME.",
	NULL },
{ "tee.unknown", 64, 64,
	"there is no TEE of that name",
	"--tee takes a list of: any, " DJ_TEE_WORDS "; names of TEEs that other "
	"builds have are recognised and said to be absent here.",
	"donjon help run" },
{ "tee.unsupported", 69, 125,
	"this build has no such TEE",
	"The TEE is known but not in this build. donjon never takes a weaker "
	"one in its place.",
	"donjon doctor" },
{ "usage.operand", 64, 64,
	"an argument is missing or too many",
	"The help of the verb shows what it takes.",
	"donjon help" },
{ "usage.option", 64, 64,
	"there is no such option",
	"Options are written in full. Those of donjon come before the "
	"module, those of the program after it.",
	"donjon help" },
{ "usage.topic", 64, 64,
	"there is no help on this",
	"Help knows verbs and the names of errors.",
	"donjon help" },
{ "usage.value", 64, 64,
	"an option has a value that cannot be used",
	"The text names the option and what it takes.",
	"donjon help" },
{ "usage.verb", 64, 64,
	"there is no such verb",
	"The verbs are listed by: donjon help. A module to be run must end "
	"in .wasm to be taken for one.",
	"donjon help" },
};
// clang-format on

const size_t dj_err_count = sizeof(dj_errs) / sizeof(dj_errs[0]);

static int by_name(const void *key, const void *entry)
{
	const struct dj_err_info *info = entry;

	return strcmp(key, info->name);
}

const struct dj_err_info *dj_err_find(const char *name)
{
	return bsearch(name, dj_errs, dj_err_count, sizeof(dj_errs[0]),
		by_name);
}

bool dj_err_set(struct dj_err *err, const char *name, const char *fmt, ...)
{
	char text[sizeof(err->text)];
	va_list ap;

	if (err->info != NULL)
		return false;
	err->info = dj_err_find(name);
	assert(err->info != NULL);
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	dj_clean(err->text, sizeof(err->text), text, strlen(text));
	return false;
}

void dj_err_hint(struct dj_err *err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(err->hint, sizeof(err->hint), fmt, ap);
	va_end(ap);
}

/* The well-formed UTF-8 sequence at p: its length and value, or 0. */
static size_t utf8(const uint8_t *p, size_t left, uint32_t *ret)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = p[0] < 0xc0 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	uint32_t c = p[0];

	if ((c >= 0x80 && c < 0xc2) || c >= 0xf5 || n > left)
		return 0;
	if (n > 1)
		c &= 0xffu >> (n + 1);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	*ret = c;
	return n;
}

bool dj_is_utf8(const char *text, size_t len)
{
	const uint8_t *p = (const uint8_t *)text;
	uint32_t c;

	while (len > 0) {
		size_t n = utf8(p, len, &c);

		if (n == 0)
			return false;
		p += n;
		len -= n;
	}
	return true;
}

/* Controls, C0 and C1, and what reorders or hides text in a line. */
static bool is_unfit(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) ||
		(c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
		(c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
}

char *dj_clean(char *dst, size_t cap, const char *src, size_t len)
{
	const uint8_t *p = (const uint8_t *)src;
	size_t out = 0;

	while (len > 0) {
		uint32_t c = 0;
		size_t n = utf8(p, len, &c);
		size_t take = n == 0 ? 1 : n;
		bool is_good = n != 0 && !is_unfit(c);

		if (out + (is_good ? n : 1) >= cap)
			break;
		if (is_good)
			memcpy(dst + out, p, n);
		else
			dst[out] = '?';
		out += is_good ? n : 1;
		p += take;
		len -= take;
	}
	dst[out] = '\0';
	return dst;
}
