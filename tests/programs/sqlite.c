// SPDX-License-Identifier: Apache-2.0
/* Runs the SQL of standard input on the database argv[1], a row a line. */
#include <stdio.h>
#include <stdlib.h>

#include "sqlite3.h"

static char sql[1 << 20];

static int row(void *ctx, int n, char **v, char **names)
{
	(void)ctx;
	(void)names;
	for (int i = 0; i < n; i++)
		printf("%s%s", i == 0 ? "" : "|", v[i] == NULL ? "" : v[i]);
	puts("");
	return 0;
}

int main(int argc, char **argv)
{
	char *why = NULL;
	sqlite3 *db;

	if (argc != 2 || fread(sql, 1, sizeof(sql) - 1, stdin) == 0 ||
		sqlite3_open(argv[1], &db) != SQLITE_OK)
		return 1;
	if (sqlite3_exec(db, sql, row, NULL, &why) != SQLITE_OK) {
		printf("error: %s\n", why);
		return 2;
	}
	return sqlite3_close(db) != SQLITE_OK;
}
