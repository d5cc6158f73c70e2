// SPDX-License-Identifier: Apache-2.0
#include "cli/verbs.h"

#include <string.h>

#include "cli/cli.h"

const char *const dj_group_names[DJ_GROUP_COUNT] = {
	[DJ_GROUP_EVERYDAY] = "Everyday",
	[DJ_GROUP_TRUST] = "Trust",
	[DJ_GROUP_PROGRAMS] = "Programs",
	[DJ_GROUP_MACHINE] = "Machine",
};

const struct dj_option dj_common_options[] = {
	{ "host", 'H', "URL", "host agent: unix:PATH or https://NAME:PORT" },
	{ "policy", 'p', "FILE", "what to accept as a Keep" },
	{ "verbose", 'v', NULL, "a line for each phase, with its time" },
	{ "quiet", 'q', NULL, "errors and the protection line only" },
	{ "json", 0, NULL, "results as JSON" },
	{ "no-color", 0, NULL, "no colours, even on a terminal" },
	{ "ca", 0, "FILE", "certificates that the host agent may show" },
	{ "cert", 0, "FILE", "our certificate for the host agent" },
	{ "key", 0, "FILE", "the key of --cert" },
	{ "token-file", 0, "FILE", "bearer token for the host agent" },
	{ "help", 'h', NULL, "help for this verb" },
	{ 0 },
};

const struct dj_verb *const dj_verbs[] = {
	&dj_verb_run,
	&dj_verb_start,
	&dj_verb_attach,
	&dj_verb_ps,
	&dj_verb_inspect,
	&dj_verb_stop,
	&dj_verb_release,
	&dj_verb_events,
	&dj_verb_verify,
	&dj_verb_evidence,
	&dj_verb_collateral,
	&dj_verb_measure,
	&dj_verb_policy,
	&dj_verb_receipt,
	&dj_verb_key,
	&dj_verb_ear,
	&dj_verb_build,
	&dj_verb_show,
	&dj_verb_init,
	&dj_verb_dash,
	&dj_verb_doctor,
	&dj_verb_config,
	&dj_verb_version,
	&dj_verb_completion,
	&dj_verb_help,
	NULL,
};

const struct dj_verb *dj_verb_find(const char *name)
{
	for (size_t i = 0; dj_verbs[i] != NULL; i++) {
		if (strcmp(dj_verbs[i]->name, name) == 0)
			return dj_verbs[i];
	}
	return NULL;
}
