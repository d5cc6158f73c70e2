// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>

/*
 * What may be branched on though it was computed from a secret: that a tag
 * held, that a point was of low order, how long a record's data is. The tests
 * in tests/ct run under valgrind with every secret marked undefined and
 * DJ_CT defined; this marks such a result defined again. Else it does nothing.
 */
#ifdef DJ_CT
#include <valgrind/memcheck.h>
#define dj_ct_public(p, len) (void)VALGRIND_MAKE_MEM_DEFINED((p), (len))
#define dj_ct_secret(p, len) (void)VALGRIND_MAKE_MEM_UNDEFINED((p), (len))
#else
#define dj_ct_public(p, len) ((void)(p), (void)(len))
#endif
