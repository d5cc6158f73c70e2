// SPDX-License-Identifier: Apache-2.0
#pragma once

/* The verbs, each in its cmd_NAME.c; verbs.c puts them in order. */
struct dj_verb;

extern const struct dj_verb dj_verb_run;
extern const struct dj_verb dj_verb_help, dj_verb_version;
extern const struct dj_verb dj_verb_verify, dj_verb_measure, dj_verb_policy;
