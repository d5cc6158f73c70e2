// SPDX-License-Identifier: Apache-2.0
#include "lib/base/status.h"

static const char *const names[DJ_STATUS_COUNT] = {
	[DJ_OK] = "DJ_OK",
	[DJ_E_INPUT] = "DJ_E_INPUT",
	[DJ_E_LIMIT] = "DJ_E_LIMIT",
	[DJ_E_AUTH] = "DJ_E_AUTH",
	[DJ_E_STATE] = "DJ_E_STATE",
	[DJ_E_HOST] = "DJ_E_HOST",
	[DJ_E_NOMEM] = "DJ_E_NOMEM",
	[DJ_E_UNSUPPORTED] = "DJ_E_UNSUPPORTED",
	[DJ_E_SYS] = "DJ_E_SYS",
};

const char *dj_status_name(dj_status st)
{
	if ((unsigned)st >= DJ_STATUS_COUNT)
		return "DJ_E_?";
	return names[st];
}
