// SPDX-License-Identifier: Apache-2.0
#include "keep/engine/store.h"

const char *dj_trap_text(enum dj_trap trap)
{
	switch (trap) {
	case DJ_TRAP_NONE:
		return "none";
	case DJ_TRAP_UNREACHABLE:
		return "unreachable";
	case DJ_TRAP_MEMORY:
		return "out of bounds memory access";
	case DJ_TRAP_TABLE:
		return "out of bounds table access";
	case DJ_TRAP_UNINITIALISED:
		return "uninitialized element";
	case DJ_TRAP_INDIRECT_TYPE:
		return "indirect call type mismatch";
	case DJ_TRAP_DIVIDE:
		return "integer divide by zero";
	case DJ_TRAP_OVERFLOW:
		return "integer overflow";
	case DJ_TRAP_CONVERSION:
		return "invalid conversion to integer";
	case DJ_TRAP_STACK:
		return "call stack exhausted";
	case DJ_TRAP_EXCEPTION:
		return "uncaught exception";
	case DJ_TRAP_NULL:
		return "null reference";
	case DJ_TRAP_CAST:
		return "cast failure";
	case DJ_TRAP_ARRAY:
		return "out of bounds array access";
	case DJ_TRAP_EXIT:
		return "ended by a host function";
	case DJ_TRAP_STOPPED:
		return "stopped";
	case DJ_TRAP_FUEL:
		return "fuel exhausted";
	case DJ_TRAP_TIME:
		return "time limit reached";
	case DJ_TRAP_LIMIT:
		return "out of engine memory";
	}
	return "unknown trap";
}
