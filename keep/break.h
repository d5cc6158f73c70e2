// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * Deliberately broken Keeps, the positive control of every search for leaks:
 * a search that does not find these says nothing about the good one. Only
 * tests build them, with -DBREAK=n -DDJ_BROKEN_BUILD; in every other build
 * the macro is nothing at all.
 *
 *   1  what the client sends is left in clear in the free part of a ring
 *   2  what the Keep sends passes through the ring before it is sealed
 *   3  the chain secret of an attach is left where a report's data was
 *   4  the deadline of a wait is eight bytes of what the client sent
 *   5  what the client sends is opened in the shared region
 */
#ifndef BREAK
#define DJ_BREAK(n, ...)
#else
#ifndef DJ_BROKEN_BUILD
#error "BREAK makes a Keep that leaks: only tests may build it"
#endif
#define DJ_BREAK(n, ...)             \
	do {                         \
		if (BREAK == (n)) {  \
			__VA_ARGS__; \
		}                    \
	} while (0)
#endif
