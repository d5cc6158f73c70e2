// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lib/base/status.h"

/* Listening sockets; err gets one line on failure (DJ_E_SYS, DJ_E_INPUT). */

/* Mode 0660, group donjon where there is one. A stale socket is replaced, one
   that answers is not. The path is there only once it can be connected to. */
dj_status dj_socket_unix(const char *path, int *ret, char err[static 256]);
/* ADDR:PORT or [ADDR]:PORT, numeric. */
dj_status dj_socket_tcp(const char *where, int *ret, char err[static 256]);
