// SPDX-License-Identifier: Apache-2.0
#pragma once

/* session.md 6.4, EXIT.trap; from 0x100 on: not traps of the program. */
enum dj_trap {
	DJ_TRAP_NONE = 0,
	DJ_TRAP_UNREACHABLE = 1,
	DJ_TRAP_MEMORY = 2,
	DJ_TRAP_TABLE = 3,
	DJ_TRAP_UNINITIALISED = 4,
	DJ_TRAP_INDIRECT_TYPE = 5,
	DJ_TRAP_DIVIDE = 6,
	DJ_TRAP_OVERFLOW = 7,
	DJ_TRAP_CONVERSION = 8,
	DJ_TRAP_STACK = 9,
	DJ_TRAP_EXCEPTION = 10,
	DJ_TRAP_NULL = 11,
	DJ_TRAP_CAST = 12,
	DJ_TRAP_ARRAY = 13,
	DJ_TRAP_EXIT = 0x100, /* a host function ended the program */
	DJ_TRAP_STOPPED =
		0x101, /* asked to stop (poll hook or host function) */
	DJ_TRAP_FUEL = 0x102,
	DJ_TRAP_TIME = 0x103,
	DJ_TRAP_LIMIT = 0x104, /* a memory limit in the engine itself */
};
