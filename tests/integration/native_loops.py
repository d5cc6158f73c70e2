#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Loops that native code has in two forms do what the interpreter does: for
every way to count and to address, at the edges of memory and of 32 bits, down
to the trap, its frames and the turn in which the fuel ends. (Of the innermost
frame the instruction is not compared: the interpreter tells the first of those
that it made one of.)"""
import os
import re
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import donjonlib as lib  # noqa: E402
from wasmbytes import leb, name, section, vec  # noqa: E402

RUN, AOT = lib.program("wasirun"), lib.program("benchaot")
for tool in (RUN, AOT):
    if not os.path.exists(tool):
        lib.skip_all("no %s: no LLVM 19 here when this was built" % os.path.basename(tool))
t = lib.Tap()
tmp = tempfile.TemporaryDirectory(prefix="donjon-loops-")


def const(n):
    return b"\x41" + leb(n, True)


def get(i):
    return b"\x20" + leb(i)


def put(i):
    return b"\x21" + leb(i)


def tee(i):
    return b"\x22" + leb(i)


ADD, SUB, MUL, SHL, NE, EQZ = b"\x6a", b"\x6b", b"\x6c", b"\x74", b"\x47", b"\x45"
LT_S, LT_U, GT_S, GT_U, LE_S, LE_U, GE_S, GE_U = (bytes([b]) for b in range(0x48, 0x50))
LOAD, LOAD8, STORE, STORE8 = (bytes([b]) for b in (0x28, 0x2d, 0x36, 0x3a))
TABLE = 1 << 15  # where the sets of arguments are


def at(op, off=0):
    return op + b"\0" + leb(off)


def module(body, sets):
    """_start: f(the set that argc names), then writes its result and a hash of the memory."""
    def code(body, locals_=b"\0"):
        b = locals_ + body + b"\x0b"
        return leb(len(b)) + b

    i32, n = b"\x7f", 6
    w = "wasi_snapshot_preview1"
    arg = [const(0) + at(LOAD) + const(4 * n) + MUL + at(LOAD, TABLE + 4 * k) for k in range(n)]
    start = (const(0) + const(4) + b"\x10\0\x1a" + b"".join(arg) + b"\x10\2" + put(0) +
             # sum = sum * 33 + each word
             b"\x03\x40" + get(1) + const(33) + MUL + get(2) + at(LOAD) + ADD + put(1) + get(2) + const(4) + ADD +
             tee(2) + const(131072) + NE + b"\x0d\0\x0b" +
             const(0) + get(0) + at(STORE) + const(4) + get(1) + at(STORE) +
             const(8) + const(0) + at(STORE) + const(12) + const(8) + at(STORE) +
             const(1) + const(8) + const(1) + const(16) + b"\x10\1\x1a")
    return (b"\0asm\1\0\0\0" +
            section(1, vec([b"\x60\2" + i32 * 2 + b"\1" + i32, b"\x60\4" + i32 * 4 + b"\1" + i32,
                            b"\x60" + leb(n) + i32 * n + b"\1" + i32, b"\x60\0\0"])) +
            section(2, vec([name(w) + name("args_sizes_get") + b"\0\0", name(w) + name("fd_write") + b"\0\1"])) +
            section(3, vec([b"\2", b"\3"])) + section(5, b"\1\0\2") +
            section(6, vec([b"\x7f\1" + const(0) + b"\x0b"])) +
            section(7, vec([name("_start") + b"\0\3", name("memory") + b"\2\0"])) +
            section(10, vec([code(body, b"\1\4\x7f"), code(start, b"\1\3\x7f")])) +
            section(11, vec([b"\0" + const(TABLE) + b"\x0b" +
                             (lambda d: leb(len(d)) + d)(struct.pack("<6I", *[0] * 6) + b"".join(
                                 struct.pack("<6I", *[v & 0xffffffff for v in s]) for s in sets))])))


def loop(body, again, tail=b""):
    return b"\x02\x40\x03\x40" + body + again + b"\x0d\0" + tail + b"\x0b\x0b"


# f(p0..p5), locals 6 to 9; what is left of p0 and local 6 is the result.
RESULT = get(0) + get(6) + ADD + b"\x23\0" + ADD
copy = get(0) + get(1) + at(LOAD) + get(2) + ADD + at(STORE)
step = get(0) + get(3) + ADD + put(0)


def moves(n):
    return get(0) + const(n) + ADD + put(0) + get(1) + const(n) + ADD + put(1)


up = get(0) + const(2) + SHL + get(1) + ADD
programs = {
    # p2 turns down to 0, pointers p0 and p1
    "a counter that goes down to zero": loop(copy + moves(4), get(2) + const(1) + SUB + tee(2)),
    "two at a time": loop(
        copy + get(0) + get(1) + at(LOAD, 4) + const(7) + ADD + at(STORE, 4) + moves(8),
        get(2) + const(2) + SUB + tee(2)),
    "going down": loop(copy + moves(-4), get(2) + const(1) + SUB + tee(2)),
    "with an offset": loop(get(0) + get(1) + at(LOAD, 65536) + at(STORE, 60000) + moves(4),
                           get(2) + const(1) + SUB + tee(2)),
    "a byte and the next": loop(
        get(0) + get(0) + at(LOAD8) + get(6) + ADD + tee(6) + at(STORE8, 1) + get(0) + const(1) + ADD + put(0),
        get(2) + const(1) + SUB + tee(2)),
    "bytes, three apart, until equal": loop(
        get(0) + get(0) + at(STORE8) + get(0) + const(3) + ADD + put(0), get(0) + get(2) + NE),
    "a way out": loop(
        get(0) + at(LOAD) + get(3) + b"\x46\x0d\1" + get(0) + get(2) + at(STORE) + get(0) + const(4) + ADD + put(0),
        get(2) + const(1) + SUB + tee(2)),
    "a store in some turns": loop(
        get(2) + const(3) + b"\x71\x04\x40" + copy + b"\x0b" + moves(4), get(2) + const(1) + SUB + tee(2)),
    "an address that is not known": loop(
        get(0) + get(1) + at(LOAD) + const(0xffff) + b"\x71" + at(LOAD8) + at(STORE) + moves(4),
        get(2) + const(1) + SUB + tee(2)),
    "a sum": loop(get(6) + get(0) + at(LOAD) + ADD + put(6) + get(0) + const(4) + ADD + put(0),
                  get(2) + const(1) + SUB + tee(2)),
    "a division that may trap": loop(
        get(0) + get(4) + get(2) + get(3) + SUB + b"\x6e" + at(STORE) + get(0) + const(4) + ADD + put(0),
        get(2) + const(1) + SUB + tee(2)),
}
# In a branch that is never taken: LLVM's poison, which no check in front of the loop may look at.
programs["an address that would be a trap"] = loop(
    const(0) + b"\x04\x40\x43" + struct.pack("<f", -81) + b"\xa9" + const(0) + at(STORE, 58) + b"\x0b" + copy + moves(4),
    get(2) + const(1) + SUB + tee(2))
programs["no loop, and no call"] = get(0) + at(LOAD) + put(6)
for what, op, by in (("<, signed", LT_S, 1), ("<, unsigned", LT_U, 3), ("<=, signed", LE_S, 2),
                     ("<=, unsigned", LE_U, 5), (">, signed", GT_S, -1), (">, unsigned", GT_U, -3),
                     (">=, signed", GE_S, -2), (">=, unsigned", GE_U, -4)):
    programs["as long as " + what] = loop(
        up + get(0) + at(STORE) + get(0) + const(by) + ADD + put(0), get(0) + get(2) + op)


def until(ends, body):
    """Loops that a branch in front leaves, and that always go back."""
    return b"\x02\x40\x03\x40" + ends + b"\x0d\1" + body + b"\x0c\0\x0b\x0b"


down = get(2) + const(1) + SUB + put(2)
programs["until a counter is zero"] = until(get(2) + EQZ, copy + moves(4) + down)
programs["a search"] = until(
    get(2) + EQZ, get(0) + at(LOAD8) + tee(6) + get(3) + b"\x46\x0d\1" + get(0) + const(1) + ADD + put(0) + down)
# The way back is in a branch, and another way falls out of the loop.
programs["bytes compared"] = (
    b"\x02\x40\x03\x40" + get(0) + at(LOAD8) + tee(6) + get(1) + at(LOAD8) + tee(7) + b"\x46\x04\x40" + moves(1) +
    get(2) + const(1) + SUB + tee(2) + b"\x0d\1\x0c\2\x0b\x0b" + get(6) + get(7) + SUB + put(6) + b"\x0b")
for what, op, by in ((">=, signed", GE_S, 1), (">=, unsigned", GE_U, 3), (">, signed", GT_S, 2),
                     (">, unsigned", GT_U, 5), ("<=, signed", LE_S, -1), ("<=, unsigned", LE_U, -3),
                     ("<, signed", LT_S, -2), ("<, unsigned", LT_U, -4)):
    programs["until " + what] = until(get(0) + get(2) + op, up + get(0) + at(STORE) + get(0) + const(by) + ADD + put(0))


def plus(to, from_=None, by=None, op=ADD):
    """p0[to] = p1[from] + p3, bytes behind the pointers."""
    return get(0) + get(1) + at(LOAD, to if from_ is None else from_) + (by or get(3)) + op + at(STORE, to)


def turns(body, step, n):
    return loop(body + moves(step), get(2) + const(n) + SUB + tee(2))


def carry(k, before, into):
    """p0[k] = the sum of what was loaded before and p1[k], which goes into a local."""
    return get(0) + b"".join(get(i) for i in before) + ADD * (len(before) - 1) + get(1) + at(LOAD, k) + tee(into) + \
        get(3) + ADD + ADD + at(STORE, k)


SUM67 = get(6) + get(7) + const(5) + MUL + ADD + put(6)
# Turns that are some copies of one: native code does them one by one, as vectors.
MUL3 = const(3) + MUL + get(3)
rolled = {
    "two copies": turns(plus(0) + plus(4), 8, 2),
    "three copies": turns(plus(0) + plus(4) + plus(8), 12, 3),
    "four copies, far behind": turns(b"".join(plus(k + 400) for k in (0, 4, 8, 12)), 16, 4),
    "copies by sums of addresses": turns(
        plus(0) + get(0) + const(4) + ADD + tee(7) + get(1) + const(4) + ADD + tee(8) + at(LOAD) + get(3) + ADD +
        at(STORE), 8, 2),
    "copies of more than one operation": turns(
        b"".join(get(0) + get(1) + at(LOAD, k) + MUL3 + ADD + get(0) + at(LOAD, k) + b"\x73" + at(STORE, k)
                 for k in (0, 4)), 8, 2),
    "copies, counted up": loop(
        plus(0) + plus(4) + moves(8) + get(6) + const(2) + ADD + tee(6) + put(9), get(6) + get(2) + LT_S),
    "copies with what the one before loaded": turns(carry(0, [6], 7) + carry(4, [7], 6), 8, 2),
    "copies with what the two before loaded": turns(
        carry(0, [6, 7], 8) + carry(4, [7, 8], 9) + get(8) + put(6) + get(9) + put(7), 8, 2) + SUM67,
    "four copies with what the two before loaded": turns(
        carry(0, [6, 7], 8) + carry(4, [7, 8], 9) + carry(8, [8, 9], 6) + carry(12, [9, 6], 7), 16, 4) + SUM67,
    "copies with one of two loads of the one before": turns(b"".join(
        get(0) + get(0) + at(LOAD, k) + get(before) + ADD + get(1) + at(LOAD, k) + tee(into) + ADD + at(STORE, k)
        for k, before, into in ((0, 6, 7), (4, 7, 6))), 8, 2),
    "copies of two stores": turns(b"".join(plus(k) + get(0) + get(0) + at(LOAD, k) + get(4) + ADD +
                                           at(STORE, k + 800) for k in (0, 4)), 8, 2),
}
programs.update(rolled)
# What looks like copies, and is not.
unrolled = {
    "copies, one by another number": turns(plus(0, by=const(5)) + plus(4, by=const(6)), 8, 2),
    "copies, one by another operation": turns(plus(0) + plus(4, op=SUB), 8, 2),
    "copies, one with its operands changed": turns(
        plus(0, op=SUB) + get(0) + get(3) + get(1) + at(LOAD, 4) + SUB + at(STORE, 4), 8, 2),
    "copies with what the three before loaded": turns(
        carry(0, [6, 7, 5], 8) + carry(4, [7, 5, 8], 9) + get(5) + put(6) + get(8) + put(7) + get(9) + put(5), 8, 2) +
    SUM67,
    "copies with what the first loaded": turns(carry(0, [6], 7) + carry(4, [6], 8) + get(7) + put(6), 8, 2),
    "copies with what two loaded, one of them another's": turns(
        carry(0, [6, 7], 8) + carry(4, [7, 6], 9) + get(8) + put(6) + get(9) + put(7), 8, 2) + SUM67,
    "copies with what two loaded, one of them too late": turns(
        carry(0, [6, 7], 8) + carry(4, [6, 8], 9) + get(8) + put(6) + get(9) + put(7), 8, 2) + SUM67,
    "copies with what was stored before": turns(b"".join(
        get(0) + get(6) + get(1) + at(LOAD, k) + ADD + tee(6) + at(STORE, k) for k in (0, 4)), 8, 2),
    "copies in the other order": turns(plus(4) + plus(0), 8, 2),
    "copies, all loads first": turns(
        get(1) + at(LOAD) + put(7) + get(1) + at(LOAD, 4) + put(8) + get(0) + get(7) + get(3) + ADD + at(STORE) +
        get(0) + get(8) + get(3) + ADD + at(STORE, 4), 8, 2),
    "copies, one of the first's load": turns(
        get(0) + get(1) + at(LOAD) + tee(7) + get(3) + ADD + at(STORE) + get(1) + at(LOAD, 4) + b"\x1a" +
        get(0) + get(7) + get(3) + ADD + at(STORE, 4), 8, 2),
    "a load and a store behind it": turns(get(0) + get(0) + at(LOAD) + get(3) + ADD + at(STORE, 4), 8, 2),
    "copies, and a global": turns(plus(0) + plus(4) + b"\x23\0" + get(3) + ADD + b"\x24\0", 8, 2),
    "copies, and a store after the last": loop(plus(0) + plus(4) + moves(8), get(2) + const(2) + SUB + tee(2),
                                               get(0) + const(5) + at(STORE, 4)),
    "copies with a gap": turns(plus(0) + plus(4), 12, 2),
    "copies that overlap": turns(plus(0) + plus(2), 8, 2),
    "copies, one further than it should": turns(plus(0) + plus(4, 8), 8, 2),
    "copies of what the turn counts": turns(plus(0, by=get(2)) + plus(4, by=get(2)), 8, 2),
    "copies, and a sum": turns(b"".join(plus(k) + get(6) + get(0) + at(LOAD, k) + ADD + put(6) for k in (0, 4)), 8, 2),
    "copies, the last but one kept": turns(get(7) + put(6) + b"".join(
        get(0) + get(1) + at(LOAD, k) + get(3) + ADD + tee(7) + at(STORE, k) for k in (0, 4)), 8, 2),
    "copies, one in some turns": turns(plus(0) + get(2) + const(3) + b"\x71\x04\x40" + plus(4) + b"\x0b", 8, 2),
    "copies that may trap": turns(b"".join(
        get(0) + get(4) + get(1) + at(LOAD, k) + get(3) + ADD + b"\x6e" + at(STORE, k)
        for k in (0, 4)), 8, 2),
    "copies down": turns(plus(4) + plus(0), -8, 2),
    "copies and a way out": b"\x02\x40\x03\x40" + plus(0) + plus(4) + get(0) + at(LOAD) + get(4) +
                            b"\x46\x0d\1" + moves(8) + get(2) + const(2) + SUB + tee(2) + b"\x0d\0\x0b\x0b",
    "copies of bytes and words": turns(plus(0) + get(0) + get(1) + at(LOAD8, 4) + get(3) + ADD + at(STORE8, 4), 8, 2),
}
programs.update(unrolled)
END = 131072
sets = [
    (1024, 2048, 100, 7, 9, 0), (1024, 1028, 37, 3, 9, 0), (1028, 1024, 37, 3, 9, 0), (4096, 4096, 9, 0, 1, 0),
    (1024, 2048, 1, 1, 1, 0), (1024, 2048, 2, 1, 1, 0), (1024, 2048, 5, 1, 1, 0), (1024, 2048, 0, 2, 2, 0),
    (1025, 2051, 63, 60, 2, 0), (END - 400, 0, 100, 7, 9, 0), (END - 400, 0, 101, 7, 9, 0),
    (0, END - 396, 99, 7, 9, 0), (END - 396, 0, 100, 7, 9, 0), (-8, 1024, 20, 7, 9, 0), (-80, 1024, -60, 7, 9, 0),
    (END - 200, 0, 100, 7, 9, 0), (0, END - 300, 100, 7, 9, 0), (396, 800, 100, 7, 9, 0), (392, 800, 100, 7, 9, 0), (1024, 2048, 99, 98, 9, 0), (5, 2048, 1000, 0, 9, 0),
    (1000, 2048, 5, 0, 9, 0), (0x7ffffff0, 2048, 0x7fffffff, 0, 9, 0), (-100, 4096, 100, 1, 1, 0),
    (100, 4096, -100, 1, 1, 0), (0, 8192, 20000, 7, 9, 0), (0x3ffffff0, 4096, 0x40000010, 1, 1, 0),
    (1024, 2048, 120, 7, 9, 0), (1024, 1036, 120, 7, 9, 0), (1036, 1024, 120, 7, 9, 0), (1024, 4096, 36, 7, 1030, 0),
    (1024, 1024, 24, 7, 9, 0), (END - 480, 0, 120, 7, 9, 0), (0, END - 476, 120, 7, 9, 0), (-16, 1024, 120, 7, 9, 0),
    (20, 4096, 3, 1, 1, 0), (3, 4096, 20, 1, 1, 0), (3, 4096, 63, 1, 1, 0), (1024, 2048, -1, 0, 1, 0),
]


def outcome(args, fuel, n):
    try:
        r = subprocess.run([RUN, "--fuel", str(fuel)] + args + ["x"] * n, capture_output=True, timeout=60)
    except subprocess.TimeoutExpired:
        return "too long"
    return r.returncode, r.stdout, re.sub(rb"at 0x[0-9a-f]+", b"at", r.stderr, count=1)


def compiled(wasm, mode):
    image = wasm + "." + mode
    r = subprocess.run([AOT, mode, wasm, image], capture_output=True)
    return image if r.returncode == 0 else r.stderr


def adds_vectors(image):
    """Has code PADDD, and not only in a constant?"""
    r = subprocess.run(["objdump", "-D", "-b", "binary", "-mi386:x86-64", image], capture_output=True, check=True)
    return re.search(rb"\bv?paddd ", r.stdout) is not None


for what, body in programs.items():
    path = os.path.join(tmp.name, "p.wasm")
    with open(path, "wb") as f:
        f.write(module(body + RESULT, sets))
    images = {m: compiled(path, m) for m in ("guard", "checks")}
    bad = []
    ends = set()
    for k in range(len(sets)):
        for fuel in (200000, 33000 + 97 * k, 40 + k):
            want = outcome([path], fuel, k)
            ends.add(want[0] if want != "too long" else None)
            for mode, image in images.items():
                got = outcome(["--" + mode, image, path], fuel, k)
                if got != want:
                    bad.append((mode, fuel, sets[k], got, want))
    t.eq(bad[:2], [], what)
    if what in rolled or what in unrolled:
        t.eq([adds_vectors(image) for image in images.values()], [what in rolled] * 2, what + ": vectors or not")
    t.ok(0 in ends and len(ends) > 1, what + ": some runs end well and some do not", ends)
t.done()
