// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "client/errors.h"

/* Where things lie on this machine. */
#define DJ_PATH_MAX 4096

/*
 * $XDG_CONFIG_HOME/donjon/NAME, $XDG_STATE_HOME/donjon/NAME and
 * $XDG_CACHE_HOME/donjon/NAME (or below ~/.config, ~/.local/state, ~/.cache). False: no home and no variable, or too long.
 */
bool dj_path_config(char ret[static DJ_PATH_MAX], const char *name);
bool dj_path_state(char ret[static DJ_PATH_MAX], const char *name);
bool dj_path_cache(char ret[static DJ_PATH_MAX], const char *name);

/* The folder that path is in, "." for a bare name. ENAMETOOLONG if false. */
bool dj_path_folder(char ret[static DJ_PATH_MAX], const char *path);

/*
 * Makes the state folder and its parents, mode 0700. state.write: it cannot
 * be made, or cannot be written.
 */
DJ_NODISCARD bool dj_state_make(struct dj_err *err);

/*
 * A program of ours: in $DONJON_LIBEXEC if that is set, and only there, else
 * beside this one, then where `make install` puts it from here, then below
 * /usr. False: nowhere.
 */
bool dj_path_program(char ret[static DJ_PATH_MAX], const char *name);
/* The folder of Keep images likewise: $DONJON_IMAGES, keep/ beside this
   program, ../lib/donjon/keep, /usr/lib/donjon/keep. False: none of them is there. */
bool dj_path_images(char ret[static DJ_PATH_MAX]);
