# SPDX-License-Identifier: Apache-2.0
"""Modules with one loop, run with sets of arguments by the interpreter and as
native code of both kinds: what native_loops.py and its neighbours have in
common. Says skip where there was no LLVM to build benchaot with."""
import os
import random
import re
import struct
import subprocess
import tempfile

import donjonlib as lib
from wasmbytes import leb, name, section, vec

RUN, AOT = lib.program("wasirun"), lib.program("benchaot")
if not os.path.exists(AOT):
    lib.skip_all("no benchaot: no LLVM 19 here when this was built")
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
END = 131072
NOISE = random.Random(1).randbytes(4096)


def at(op, off=0):
    return op + b"\0" + leb(off)


def data(place, what):
    return b"\0" + const(place) + b"\x0b" + leb(len(what)) + what


def module(body, sets, locals_=b"\1\4\x7f", noise=NOISE):
    """_start: f(the set that argc names), then writes its result and a hash of the memory."""
    def code(body, own=b"\0"):
        b = own + body + b"\x0b"
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
            section(10, vec([code(body, locals_), code(start, b"\1\3\x7f")])) +
            section(11, vec([data(1024, noise), data(END - len(noise), noise),
                             data(TABLE, struct.pack("<6I", *[0] * 6) + b"".join(
                                 struct.pack("<6I", *[v & 0xffffffff for v in s]) for s in sets))])))


def loop(body, again, tail=b""):
    return b"\x02\x40\x03\x40" + body + again + b"\x0d\0" + tail + b"\x0b\x0b"


# f(p0..p5), locals 6 to 9; what is left of p0 and local 6 is the result.
RESULT = get(0) + get(6) + ADD + b"\x23\0" + ADD
copy = get(0) + get(1) + at(LOAD) + get(2) + ADD + at(STORE)


def moves(n):
    return get(0) + const(n) + ADD + put(0) + get(1) + const(n) + ADD + put(1)


# Arguments at the edges: of memory, of 32 bits, of overlapping, of turns.
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
MODES = ("guard", "checks")


def outcome(args, fuel, n):
    try:
        r = subprocess.run([RUN, "--fuel", str(fuel)] + args + ["x"] * n, capture_output=True, timeout=60)
    except subprocess.TimeoutExpired:
        return "too long"
    return r.returncode, r.stdout, re.sub(rb"at 0x[0-9a-f]+", b"at", r.stderr, count=1)


def compiled(wasm, mode, level):
    image = wasm + "." + mode + level
    subprocess.run([AOT, mode, wasm, image, level], check=True)
    return image


def write(body, sets, level="2", **how):
    path = os.path.join(tmp.name, "p.wasm")
    with open(path, "wb") as f:
        f.write(module(body + RESULT, sets, **how))
    return path, {m: compiled(path, m, level) for m in MODES}


def differences(path, images, args, runs):
    """Runs of (number of a set, fuel) that are not as interpreted; and how those end."""
    bad, ends = [], set()
    for k, fuel in runs:
        want = outcome([path], fuel, k)
        ends.add(want[0] if want != "too long" else None)
        for mode, image in images.items():
            got = outcome(["--" + mode, image, path], fuel, k)
            if got != want:
                bad.append((mode, fuel, args[k], got, want))
    return bad, ends


def compare(what, path, images, args, runs):
    """The same, as a test; some of the runs must end well, and some not."""
    bad, ends = differences(path, images, args, runs)
    t.eq(bad[:2], [], what)
    t.ok(0 in ends and len(ends) > 1, what + ": some runs end well and some do not", ends)


def seeds(env, what, ask, count, many):
    """Asks of each seed from that in the environment on: what differs, and something of it. All the latter; of many
    seeds with DONJON_LONG=1."""
    first = int(os.environ.get(env, "1"))
    n = many if os.environ.get("DONJON_LONG") else count
    wrong, all_ = {}, []
    for seed in range(first, first + n):
        bad, some = ask(seed)
        all_.append(some)
        if bad:
            wrong[seed] = bad[0]
    t.eq(wrong, {}, "%d %s at random, from seed %d" % (n, what, first))
    return all_
