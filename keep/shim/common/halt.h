// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lib/proto/hostcall.h"

/* DJ_HC_HALT in the Keep's line; the caller kicks and goes. */
void dj_post_halt(enum dj_halt code);
