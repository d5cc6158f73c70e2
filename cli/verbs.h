// SPDX-License-Identifier: Apache-2.0
#pragma once

/* The verbs, each in its cmd_NAME.c; verbs.c puts them in order. */
struct dj_verb;

extern const struct dj_verb dj_verb_run, dj_verb_start, dj_verb_attach,
	dj_verb_ps, dj_verb_inspect, dj_verb_stop, dj_verb_release,
	dj_verb_events;
extern const struct dj_verb dj_verb_receipt, dj_verb_key, dj_verb_ear;
extern const struct dj_verb dj_verb_verify, dj_verb_evidence, dj_verb_measure,
	dj_verb_collateral, dj_verb_policy;
extern const struct dj_verb dj_verb_build, dj_verb_show, dj_verb_init;
extern const struct dj_verb dj_verb_doctor, dj_verb_config, dj_verb_version,
	dj_verb_completion, dj_verb_help, dj_verb_dash;
