// SPDX-License-Identifier: Apache-2.0
/* build/tests/donjon-nonce: the client appends its log to $DONJON_NONCE_LOG. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/support/nonce_log.h"

static int log_fd = -1;

static void append(const uint64_t entry[2])
{
	if (write(log_fd, entry, 16) != 16)
		abort();
}

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("DONJON_NONCE_LOG");

	if (path == NULL)
		return;
	log_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (log_fd < 0)
		abort();
	dj_nonce_log_hook = append;
	dj_nonce_log_start();
}
