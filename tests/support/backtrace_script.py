#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""backtrace_script.py DIR: a script for build/spectest whose module traps below six calls, one of them through a table, in
each way there is, and which frames the trap must have: "frames" in its JSON, innermost first."""
import json
import os
import sys

from wasmbytes import leb, section

CALLS = ["main", "one", "two", "three", "four", "five", "leaf"]  # by index; three calls four through the table


# What leaf does for argument i: operands, the instruction that traps, its name in the suite. A result is dropped.
TRAPS = [
    (b"", b"\x00", False, "unreachable"),
    (b"\x41\x7c", b"\x28\x02\x00", True, "out of bounds memory access"),                       # i32.load -4
    (b"\x20\x00\x41\xfe\xff\x03\x6a\x41\x00", b"\x36\x02\x00", False, "out of bounds memory access"),  # i32.store 65536
    (b"\x41\x01\x20\x00\x41\x03\x6b", b"\x6d", True, "integer divide by zero"),
    (b"\x41\x7f\x41\x00\x41\x08", b"\xfc\x0b\x00", False, "out of bounds memory access"),      # memory.fill
    (b"\x41\x00\x41\x00", b"\x11\x00\x00", True, "uninitialized element"),                     # call_indirect, null
    (b"\x41\x00\x41\x09", b"\x11\x00\x00", True, "undefined element"),
    (b"\x41\x02", b"\x11\x01\x00", False, "indirect call type mismatch"),
    (b"\x43\x00\x00\xc0\x7f", b"\xa8", True, "invalid conversion to integer"),                 # i32.trunc_f32_s nan
    (b"\x41\x09", b"\x25\x00", True, "out of bounds table access"),                            # table.get
]


# Two ends of leaf that are the same but for where they are: a call of a function that traps, and a return.
STOP, STOPS = len(CALLS), 2


def leaf():
    """The code, and where in it each trap is."""
    code, at = b"\x00", []
    for i, (operands, insn, has_result, _) in enumerate(TRAPS):
        code += b"\x20\x00\x41" + leb(i) + b"\x46\x04\x40" + operands
        at.append(len(code))
        code += insn + (b"\x1a" if has_result else b"") + b"\x0b"
    for i in range(len(TRAPS), len(TRAPS) + STOPS):
        code += b"\x20\x00\x41" + leb(i) + b"\x46\x04\x40"
        at.append(len(code))
        code += b"\x10" + leb(STOP) + b"\x20\x00\x0f\x0b"
    return code + b"\x20\x00\x0b", at


def caller(i):
    """Calls the next one, and adds one to what it gives."""
    code = b"\x00\x20\x00" + (b"\x41\x02" if CALLS[i] == "three" else b"")
    at = len(code)
    code += b"\x11\x00\x00" if CALLS[i] == "three" else b"\x10" + leb(i + 1)
    return code + b"\x41\x01\x6a\x0b", at


bodies = [caller(i) for i in range(len(CALLS) - 1)] + [leaf(), (b"\x00\x00\x0b", 1)]
head = (b"\0asm\1\0\0\0" + section(1, b"\x02\x60\x01\x7f\x01\x7f\x60\x00\x00") +
        section(3, leb(STOP + 1) + b"\0" * STOP + b"\1") + section(4, b"\x01\x70\x00\x04") + section(5, b"\x01\x01\x01\x01") +
        section(7, b"\x01\x03run\x00\x00") + section(9, b"\x01\x00\x41\x02\x0b\x01" + leb(CALLS.index("four"))))
code, starts = leb(STOP + 1), []
for b, _ in bodies:
    code += leb(len(b))
    starts.append(len(code))
    code += b
base = len(head) + 1 + len(leb(len(code)))
NAMES = CALLS + ["stop"]
names = b"".join(leb(i) + leb(len(n)) + n.encode() for i, n in enumerate(NAMES))
module = head + section(10, code) + section(0, b"\4name" + section(1, leb(len(NAMES)) + names))


def place(i, at):
    return [NAMES[i], base + starts[i] + at]


callers = [place(i, bodies[i][1]) for i in reversed(range(len(CALLS) - 1))]
commands = [{"type": "module", "line": 1, "filename": "backtrace.wasm"}]
leaf_at = bodies[STOP - 1][1]
for i, text in enumerate([t[3] for t in TRAPS] + ["unreachable"] * STOPS):
    below = [place(STOP, bodies[STOP][1])] if i >= len(TRAPS) else []
    commands.append({"type": "assert_trap", "line": i + 2, "text": text,
                     "action": {"type": "invoke", "field": "run", "args": [{"type": "i32", "value": str(i)}]},
                     "frames": below + [place(STOP - 1, leaf_at[i])] + callers})
with open(os.path.join(sys.argv[1], "backtrace.wasm"), "wb") as f:
    f.write(module)
with open(os.path.join(sys.argv[1], "backtrace.json"), "w") as f:
    json.dump({"source_filename": "backtrace_script.py", "commands": commands}, f)
