// SPDX-License-Identifier: Apache-2.0
#include "client/json.h"

#include <string.h>

#include "client/errors.h"
#include "client/paths.h"

json_t *dj_json_name(const char *name)
{
	char shown[DJ_PATH_MAX];

	if (dj_is_utf8(name, strlen(name)))
		return json_string(name);
	return json_string(dj_clean(shown, sizeof(shown), name, strlen(name)));
}
