// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>

#include "lib/base/status.h"

/* The file's bytes and a NUL after them, to be freed; at most max bytes, else
 * DJ_E_LIMIT. Only regular files and pipes; "-" is standard input. */
dj_status dj_file_read(const char *path, size_t max, char **ret,
	size_t *ret_len);
