#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""links_script.py DIR: a script for build/spectest whose second module has a tail call and imports a function, with more parameters
than registers, of the first, which has none: native code of both has to be called in one way (DJ_NATIVE_TAILS)."""
import json
import os
import sys

from wasmbytes import leb, section

COUNT = 9
SUM_TYPE = b"\x60" + leb(COUNT) + b"\x7f" * COUNT + b"\x01\x7f"
ONE_TYPE = b"\x60\x01\x7f\x01\x7f"
MAGIC = b"\0asm\1\0\0\0"


def code(*bodies):
    bodies = [b"\x00" + b + b"\x0b" for b in bodies]
    return section(10, leb(len(bodies)) + b"".join(leb(len(b)) + b for b in bodies))


def call(op):
    """Of function 0, with parameter 0 and 1 to 8."""
    return b"\x20\x00" + b"".join(b"\x41" + leb(i) for i in range(1, COUNT)) + op + b"\x00"


first = (MAGIC + section(1, b"\x01" + SUM_TYPE) + section(3, b"\x01\x00") + section(7, b"\x01\x03sum\x00\x00") +
         code(b"\x20\x00" + b"".join(b"\x20" + leb(i) + b"\x6a" for i in range(1, COUNT))))
# In a row, so that a stack pointer that comes back wrong is seen.
second = (MAGIC + section(1, b"\x02" + SUM_TYPE + ONE_TYPE) + section(2, b"\x01\x01a\x03sum\x00\x00") + section(3, b"\x02\x01\x01") +
          section(7, b"\x02\x03row\x00\x01\x04jump\x00\x02") +
          code(call(b"\x10") + (call(b"\x10") + b"\x6a") * 3, call(b"\x12")))
for name, module in ("links_a.wasm", first), ("links_b.wasm", second):
    with open(os.path.join(sys.argv[1], name), "wb") as f:
        f.write(module)


def gives(line, field, arg, want):
    return {"type": "assert_return", "line": line,
            "action": {"type": "invoke", "field": field, "args": [{"type": "i32", "value": str(arg)}]},
            "expected": [{"type": "i32", "value": str(want)}]}


commands = [{"type": "module", "line": 1, "filename": "links_a.wasm"},
            {"type": "register", "line": 2, "as": "a"},
            {"type": "module", "line": 3, "filename": "links_b.wasm"},
            gives(4, "row", 5, 4 * 41), gives(5, "jump", 6, 42), gives(6, "row", 7, 4 * 43)]
with open(os.path.join(sys.argv[1], "links.json"), "w") as f:
    json.dump({"source_filename": "links_script.py", "commands": commands}, f)
