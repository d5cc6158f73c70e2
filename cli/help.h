// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/cli.h"

/* The verbs, grouped. */
void dj_help_all(void);
void dj_help_verb(const struct dj_verb *verb);
void dj_help_error(const struct dj_err_info *info);
