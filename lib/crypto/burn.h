// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * Wipes 4 KiB of stack below the caller: what deeper calls, BearSSL's above
 * all, spilled there of a secret. Called once after an operation with
 * long-lived keys, not per record.
 */
void dj_burn_stack(void);
