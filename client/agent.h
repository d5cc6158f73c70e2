// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "client/errors.h"
#include "client/paths.h"

/*
 * A private host agent: a donjond of our own for one Keep, a process of its
 * own that serves one connected socket and ends with it. Its Keeps are
 * emulated, under a development root that lies in the state folder and is
 * made when it is first needed.
 */
struct dj_agent {
	pid_t pid;                /* 0: none */
	int fd;                   /* our end; -1: given away */
	int log;                  /* what it wrote on stderr */
	char root[DJ_PATH_MAX];   /* folder of the development root */
	char images[DJ_PATH_MAX]; /* folder of the Keep images */
};

/*
 * verbose: its log goes to our stderr. state.write, agent.root, agent.start.
 */
DJ_NODISCARD bool dj_agent_start(struct dj_agent *a, bool verbose,
	struct dj_err *err);

/* The development root, made if absent; path of its folder in ret. */
DJ_NODISCARD bool dj_agent_root(char ret[static DJ_PATH_MAX],
	struct dj_err *err);

/* Are the keys of that emulated TEE in such a folder? */
bool dj_agent_has(const char *root, const char *tee);
/* Makes them if they are absent, which takes seconds. */
DJ_NODISCARD bool dj_agent_add(const char *root, const char *tee,
	struct dj_err *err);

/* Adds what the agent said last to an error that it may explain. */
void dj_agent_explain(const struct dj_agent *a, struct dj_err *err);

/* Closes the socket, waits; ends it by force after some seconds. */
void dj_agent_end(struct dj_agent *a);
