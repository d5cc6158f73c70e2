// SPDX-License-Identifier: Apache-2.0
#pragma once

/* Leaks to test the search for leaks with; numbers 1 to 5 of the list. */
#include "lib/base/break.h"
