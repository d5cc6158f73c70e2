// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <llvm-c/Core.h>
#include <stdbool.h>

/*
 * A loop that asks in each turn which state it is in, and knows the answer
 * where it went into that state, is better off going there at once: what lies
 * between the two is made once for each state. f is in SSA form and has been
 * simplified. True: it has changed, and some of its values are in memory, for
 * mem2reg to bring back; it may have another such loop.
 */
bool thread_states(LLVMValueRef f);
