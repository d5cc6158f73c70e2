// SPDX-License-Identifier: Apache-2.0
#include "keep/wasi/call.h"

/* A Keep has no sockets, so no descriptor is one. */
static enum dj_errno no_socket(struct call *c)
{
	struct fd *f;
	enum dj_errno e = wasi_fd_get(c->w, arg32(c, 0), 0, &f);

	return e == DJ_ESUCCESS ? DJ_ENOTSOCK : e;
}

static const struct wasi_fn fns[] = {
	{ "sock_accept", "iii", no_socket, false },
	{ "sock_recv", "iiiiii", no_socket, false },
	{ "sock_send", "iiiii", no_socket, false },
	{ "sock_shutdown", "ii", no_socket, false },
};
const struct wasi_group wasi_sock = GROUP(fns);
