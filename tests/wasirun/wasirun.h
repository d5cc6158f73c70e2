// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * build/wasirun: runs a module with our engine and WASI on this machine,
 * without a Keep. A developer's tool and test; nothing is protected.
 *
 *   main.c          arguments, the run
 *   stdio_stream.c  keep/stream.h over standard input and output
 */

/* Writes out what the program wrote. */
void stdio_stream_flush(void);
