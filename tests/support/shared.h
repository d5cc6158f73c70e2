// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdlib.h>

/*
 * Where the vectors and samples of others stand that tests read: DONJON_SHARED,
 * or beside the tree. Tests that find nothing there skip, saying so.
 */
static inline const char *shared_dir(void)
{
	const char *dir = getenv("DONJON_SHARED");

	return dir == NULL || dir[0] == '\0' ? "../shared" : dir;
}
