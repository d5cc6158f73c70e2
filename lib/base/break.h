// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * Deliberately broken builds, the positive control of every search for
 * faults: a search that does not find these says nothing about the good one.
 * Only tests build them, with -DBREAK=n -DDJ_BROKEN_BUILD; in every other
 * build the macro is nothing at all.
 *
 * A leak, found by tests/integration/canary.py and tests/evil:
 *   1  what the client sends is left in clear in the free part of a ring
 *   2  what the Keep sends passes through the ring before it is sealed
 *   3  the chain secret of an attach is left where a report's data was
 *   4  the deadline of a wait is eight bytes of what the client sent
 *   5  what the client sends is opened in the shared region
 *
 * A check that is not there, found by tests/evil:
 *   6  how far the host says that it has written is not bounded
 *   7  a frame's header is fetched again after it was judged
 *   8  two records are sealed under one nonce
 *   9  the judge does not look at the label half of report_data
 *  10  the client acknowledges output before it is written
 *  11  the Keep changes output, and the client does not compare EXIT's hashes
 *  12  an offer stays after OPEN, and a second OPEN is taken
 *  13  padding need not be zero
 *  14  the client does not wait for READY
 *  15  the judge does not look at the measurement
 */
#ifndef BREAK
#define DJ_BREAK(n, ...)
#else
#ifndef DJ_BROKEN_BUILD
#error "BREAK makes a program that is unsafe: only tests may build it"
#endif
#define DJ_BREAK(n, ...)             \
	do {                         \
		if (BREAK == (n)) {  \
			__VA_ARGS__; \
		}                    \
	} while (0)
#endif
