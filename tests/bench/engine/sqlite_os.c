// SPDX-License-Identifier: Apache-2.0
/* SQLite's idea of an operating system here: its own demonstration VFS. */
#include "sqlite3.h"

sqlite3_vfs *sqlite3_demovfs(void);

int sqlite3_os_init(void);
int sqlite3_os_init(void)
{
	return sqlite3_vfs_register(sqlite3_demovfs(), 1);
}

int sqlite3_os_end(void);
int sqlite3_os_end(void)
{
	return SQLITE_OK;
}
