#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""memory_script.py DIR: scripts for build/spectest about what a compiler may remember of a memory's end: while it grows, in
whose hands it grows, on which ways an address was checked (memory.json); and what is written before an access that traps, as
not all native code has it (after_trap.json)."""
import json
import os
import sys

from wasmbytes import leb, name, section, vec

I32, VOID = b"\x7f", b"\x40"
OUT = "out of bounds memory access"


def const(n):
    return b"\x41" + leb(n, True)


def get(i):
    return b"\x20" + leb(i)


def load8(off=0):
    return b"\x2d\x00" + leb(off)


def load64(off=0):
    return b"\x29\x00" + leb(off) + b"\xa7"


def store(off=0):
    return b"\x36\x00" + leb(off)


DROP, END = b"\x1a", b"\x0b"
BLOCK, LOOP, IF = b"\x02" + VOID, b"\x03" + VOID, b"\x04" + VOID


def br_if(n):
    return b"\x0d" + leb(n)


# Of type (i32 i32) -> i32, with one i32 more. What is called is by its place here.
LOCALS = b"\x01\x01" + I32
BODIES = {
    "load8": get(0) + load8(),
    "load64": get(0) + load64(),
    "near": get(0) + load8(255),
    "far": get(0) + load8(256),
    "grow": get(0) + b"\x40\x00",
    "first": const(0) + load8(),
    "last": const(65535) + load8(),
    "behind": const(65535) + load8(1),
    # Each turn grows the memory by a page in a callee and writes to the new one; how often is parameter 0.
    "turns": (LOOP + const(1) + const(0) + b"\x10\x04" + const(16) + b"\x74" + get(0) + store(252) +
              get(0) + const(1) + b"\x6b\x22\x00" + br_if(0) + END + get(1) + load8(252)),
    # The second one is not in memory; the first is.
    "two": get(0) + const(7) + store(0) + get(0) + const(7) + store(4) + const(0),
    # On the way out of the block the address has not been checked.
    "skipped": BLOCK + get(1) + br_if(0) + get(0) + load8(8) + DROP + END + get(0) + load8(8),
    # Nor here, where another one has been in its place.
    "other": (BLOCK + get(1) + IF + const(0) + get(1) + b"\x6a" + load8(8) + DROP + get(1) + br_if(1) + END +
              get(0) + load8(8) + DROP + END + get(0) + load8(8)),
    # And here it has on all ways, but less of it.
    "less": BLOCK + get(0) + load8(3) + DROP + get(1) + br_if(0) + get(0) + load8(8) + DROP + END + get(0) + load64(),
    # Loops that are also left in another way than by the branch back: 7 from parameter 0 up to parameter 1; where there is
    # another byte than 7, or parameter 1.
    "fill": (BLOCK + LOOP + get(0) + get(1) + b"\x46" + br_if(1) + get(0) + const(7) + b"\x3a\x00\x00" +
             get(0) + const(1) + b"\x6a\x21\x00" + b"\x0c\x00" + END + END + get(0)),
    "find": (BLOCK + LOOP + get(0) + load8() + const(7) + b"\x46" + IF + get(0) + const(1) + b"\x6a\x22\x00" + get(1) +
             b"\x47" + br_if(1) + b"\x0c\x02" + END + END + END + get(0)),
    # A loop as compilers unroll it: words from parameter 0 on, parameter 1 of them and an even number, are w * 5 + 3.
    "words": (LOOP + b"".join(get(0) + get(0) + b"\x28\x00" + leb(k) + const(5) + b"\x6c" + const(3) + b"\x6a" + store(k)
                              for k in (0, 4)) +
              get(0) + const(8) + b"\x6a\x21\x00" + get(1) + const(2) + b"\x6b\x22\x01" + br_if(0) + END + get(0)),
    # The same, and the word before is added, a quarter of a page on.
    "sums": (LOOP + get(0) + get(2) + get(0) + b"\x28\x00\x00\x22\x02" + b"\x6a" + store(16384) +
             get(0) + get(2) + get(0) + b"\x28\x00\x04\x22\x02" + b"\x6a" + store(16388) +
             get(0) + const(8) + b"\x6a\x21\x00" + get(1) + const(2) + b"\x6b\x22\x01" + br_if(0) + END + get(0)),
}


def module(pages, imported):
    types = b"\x01\x60\x02\x7f\x7f\x01\x7f"
    limits = b"\x01" + leb(pages) + b"\x10"
    out = b"\0asm\1\0\0\0" + section(1, types)
    if imported:
        out += section(2, b"\x01\x01a\x01m\x02" + limits)
    out += section(3, vec([b"\0"] * len(BODIES)))
    if not imported:
        out += section(5, b"\x01" + limits)
    exports = [name("m") + b"\x02\x00"] + [name(n) + b"\x00" + leb(i) for i, n in enumerate(BODIES)]
    code = [LOCALS + c + END for c in BODIES.values()]
    return out + section(7, vec(exports)) + section(10, vec([leb(len(c)) + c for c in code]))


commands = []


def add(**kw):
    commands.append(dict(kw, line=len(commands) + 1))


def make(of, pages, imported=False):
    with open(os.path.join(sys.argv[1], of + ".wasm"), "wb") as f:
        f.write(module(pages, imported))
    add(type="module", filename=of + ".wasm", name="$" + of)


def action(of, field, a, b):
    return {"type": "invoke", "module": "$" + of, "field": field, "args": [
        {"type": "i32", "value": str(v & 0xffffffff)} for v in (a, b)]}


def gives(of, field, value, a=0, b=0):
    add(type="assert_return", action=action(of, field, a, b), expected=[{"type": "i32", "value": str(value)}])


def traps(of, field, a=0, b=0):
    add(type="assert_trap", action=action(of, field, a, b), text=OUT)


def end_is(of, end):
    for field, width in (("load8", 1), ("load64", 8), ("near", 256), ("far", 257)):
        if end >= width:
            gives(of, field, 0, end - width)
        traps(of, field, max(end - width + 1, 0))
        traps(of, field, -1)
        traps(of, field, -width)


make("none", 0)
end_is("none", 0)
traps("none", "first")
traps("none", "last")
gives("none", "grow", 0, 1)
end_is("none", 65536)
gives("none", "first", 0)
gives("none", "last", 0)
traps("none", "behind")

make("a", 1)
add(type="register", name="$a", **{"as": "a"})
make("b", 1, True)
make("c", 1, True)
for of in "abc":
    end_is(of, 65536)
for of, pages in (("a", 1), ("b", 2), ("c", 3)):
    gives(of, "grow", pages, 1)
    for other in "abc":
        end_is(other, (pages + 1) << 16)
gives("b", "turns", 1, 4, 7 << 16)
for of in "abc":
    end_is(of, 8 << 16)
gives("a", "turns", 2, 2, 8 << 16)
traps("a", "turns", 7, 0)
end_is("c", 16 << 16)

make("d", 1)
traps("d", "two", 65532)
traps("d", "two", 65533)
gives("d", "skipped", 0, 65527)
traps("d", "skipped", 65528)
traps("d", "skipped", 65528, 1)
traps("d", "other", 65528, 1)
traps("d", "other", 65528)
gives("d", "less", 0, 65520, 1)
traps("d", "less", 65532, 1)
traps("d", "less", 65529, 1)
gives("d", "less", 0, 65520)

make("e", 1)
gives("e", "fill", 300, 100, 300)
gives("e", "load8", 0, 99)
gives("e", "load8", 7, 100)
gives("e", "load8", 7, 299)
gives("e", "load8", 0, 300)
gives("e", "fill", 5, 5, 5)
for end in (101, 102, 104, 105, 106, 299, 300):
    gives("e", "find", end, 100, end)
gives("e", "find", 300, 100, 301)
gives("e", "find", 300, 100, 70000)
gives("e", "find", 5, 5, 70000)
traps("e", "fill", 65500, 65537)
traps("e", "find", 65500, 65537)
gives("e", "fill", 65536, 65400, 65536)
gives("e", "find", 65536, 65500, 65536)
traps("e", "find", 65400, 5)

make("g", 1)
gives("g", "words", 1160, 1000, 40)
gives("g", "words", 1164, 1012, 38)
for place, value in ((996, 0), (1000, 3), (1008, 3), (1012, 18), (1156, 18), (1160, 3), (1164, 0)):
    gives("g", "load8", value, place)
gives("g", "sums", 1160, 1000, 40)
gives("g", "load8", 3, 17384)
gives("g", "load8", 6, 17384 + 4)
gives("g", "load8", 3 + 18, 17384 + 12)
gives("g", "load8", 36, 17384 + 156)
gives("g", "load8", 0, 17384 + 160)
gives("g", "words", 65536, 65536 - 160, 40)
gives("g", "load8", 3, 65532)
gives("g", "sums", 49152, 49152 - 160, 40)
traps("g", "sums", 49152 - 160, 42)
traps("g", "words", 65536 - 160, 42)
traps("g", "words", -16, 40)


def write(script):
    with open(os.path.join(sys.argv[1], script + ".json"), "w") as f:
        json.dump({"source_filename": "memory_script.py", "commands": commands}, f)
    commands.clear()


write("memory")
make("f", 1)
traps("f", "two", 65532)
gives("f", "load8", 7, 65532)
traps("f", "two", 65533)
gives("f", "load8", 0, 65533)
traps("f", "fill", 65500, 65537)
gives("f", "load8", 7, 65500)
gives("f", "load8", 7, 65535)
write("after_trap")
