// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <jansson.h>

/*
 * A file's name as a JSON string. JSON has no other text than UTF-8: in a name
 * that is none, what does not fit becomes `?`, so that the value is there.
 */
json_t *dj_json_name(const char *name);
