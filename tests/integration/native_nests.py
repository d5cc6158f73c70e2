#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Loops around a loop that makes sums do as native code what they do
interpreted, whether native code does some of their turns at once or not; by
hand and at random. DONJON_LONG=1: many more; NESTS_SEED: from there on."""
import os
import random
import re
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from loops import (ADD, END, GT_S, LOAD, LT_S, LT_U, MUL, NE, SHL, STORE, SUB, at, compare, const,  # noqa: E402
                   differences, get, outcome, put, seeds, t, tee, write)

# p0: where sums go, p1: what each turn takes, p2: what it takes a column of,
# p3 and p4: turns, of the outer and the inner loop; p5: what a case likes.
# Locals: 6 to 11 i32, 12 and 13 f64, 14 and 15 f32.
LOCALS = b"\3\6\x7f\2\x7c\2\x7d"
# No NaN: two of them can be added either way.
NOISE = random.Random(2).choices([k / 64 for k in range(-512, 512) if k != 0], k=1024)
NOISE = struct.pack("<1024f", *NOISE)


class Type:
    def __init__(self, width, load, store, sum_, zero, product, add, marks):
        self.width, self.sum = width, sum_
        self.load, self.store, self.zero = load, store, zero
        self.product, self.add = product, add
        self.marks = marks  # the product, in native code


F64 = Type(8, b"\x2b", b"\x39", 12, b"\x44" + bytes(8), b"\xa2", b"\xa0", rb"\bv?mulsd ")
F32 = Type(4, b"\x2a", b"\x38", 14, b"\x43" + bytes(4), b"\x94", b"\x92", rb"\bv?mulss ")
I32 = Type(4, LOAD, STORE, 6, const(0), MUL + b"\x69", ADD, rb"\bpopcnt ")
BR, IF, ELSE, BLOCK, LOOP, BACK = b"\x0d\0", b"\x04\x40", b"\x05", b"\x02\x40", b"\x03\x40", b"\x0b"


def up(i, n):
    return get(i) + const(n) + ADD + put(i)


def sums(y, c=8, b=8, row=128, a=None, n=1, begin=None, each=b"", end=None, again=None, inner=None, last=b"",
         first=None, middle=b"", guard=None):
    """for each of p3 turns: the sum of products of p1[..] and the column p2[..] goes to p0."""
    begin = y.zero + put(y.sum) if begin is None else begin
    end = get(0) + get(y.sum) + at(y.store) if end is None else end
    a = y.width if a is None else a
    first = get(1) + put(7) + get(2) + put(8) + get(4) + put(9) if first is None else first
    turn = b"".join(get(7) + at(y.load, abs(a) * k) + get(8) + at(y.load, abs(row) * k) + y.product + get(y.sum) + y.add +
                    put(y.sum) + each for k in range(n))
    turn += up(7, a * n) + up(8, row * n)
    again = get(3) + const(1) + SUB + tee(3) if again is None else again
    inner = get(9) + const(n) + SUB + tee(9) if inner is None else inner
    body = LOOP + begin + first + LOOP + turn + inner + BR + BACK + middle + end + up(0, c) + up(2, b) + last + \
        again + BR + BACK
    return body if guard is None else guard + IF + body + BACK


def to_sum(y):
    return get(0) + get(y.sum) + at(y.store)


LOADED = get(0) + at(F64.load) + put(12)
CLEARED = get(0) + b"\x42\0" + at(b"\x37") + F64.zero + put(12)
UP = const(0) + put(9)
jammed = {
    "f64": (F64, 1, sums(F64)),
    "f32": (F32, 1, sums(F32, 4, 4)),
    "i32": (I32, 1, sums(I32, 4, 4)),
    "f64, added to": (F64, 1, sums(F64, begin=LOADED)),
    "f64, kept in memory": (F64, 1, sums(F64, begin=CLEARED, each=to_sum(F64), end=b"")),
    "f64, two copies": (F64, 2, sums(F64, n=2)),
    "f64, three copies kept in memory": (F64, 3, sums(F64, n=3, begin=CLEARED, each=to_sum(F64), end=b"")),
    "f64, rows": (F64, 1, sums(F64, b=128, row=8)),
    "f64, down": (F64, 1, sums(F64, c=-8, b=-8, row=-128, a=-8)),
    "f64, counted up": (F64, 1, sums(F64, first=get(1) + put(7) + get(2) + put(8) + UP,
                                     inner=get(9) + const(1) + ADD + tee(9) + get(4) + LT_S,
                                     again=get(10) + const(1) + ADD + tee(10) + get(3) + LT_U)),
    "f64, to a column": (F64, 1, sums(F64, c=160)),
    "f64, stored twice": (F64, 1, sums(F64, last=get(2) + get(12) + get(12) + b"\xa3" + at(F64.store, 8000))),
    "f64, an address kept over the loop": (F64, 1, sums(F64, begin=get(0) + F64.zero + put(12),
                                                        end=get(12) + at(F64.store))),
    "f64, counters kept": (F64, 1, sums(F64, last=get(7) + put(10) + get(8) + get(9) + ADD + put(11)) +
                           get(10) + get(11) + get(7) + ADD + ADD + put(6)),
    "f64, what is added moved by a shift": (F64, 1, sums(
        F64, first=get(1) + put(7) + get(2) + get(10) + const(3) + SHL + ADD + put(8) + get(4) + put(9),
        b=0, last=up(10, 1))),
    "f64, counters used": (F64, 1, sums(F64, last=get(2) + get(3) + at(STORE, 8000) + get(2) + get(10) +
                                        at(STORE, 8004) + up(10, 5))),
    "f64, a word behind": (F64, 1, sums(F64, begin=LOADED, c=16, middle=get(0) + get(9) + at(STORE, 8))),
    "f64, two late stores that overlap": (F64, 1, sums(F64, c=16, each=get(0) + get(12) + at(F64.store) + get(0) +
                                                       get(7) + at(STORE, 4) + get(0) + get(12) + at(F64.store, 2),
                                                       end=b"")),
}
T = get(12) + at(F64.store)
refused = {
    "a sum over all turns": (F64, 1, sums(F64, begin=b"")),
    "more turns each time": (F64, 1, sums(F64, last=up(4, 1))),
    "turns by what was stored": (F64, 1, sums(F64, first=get(1) + put(7) + get(2) + put(8) + get(0) + at(LOAD) +
                                              const(15) + b"\x71" + const(1) + ADD + put(9))),
    "one place": (F64, 1, sums(F64, c=0)),
    "places that overlap": (F64, 1, sums(F64, c=4)),
    "a store that moves": (F64, 1, sums(F64, each=get(8) + T)),
    "a store that is read": (F64, 1, sums(F64, each=to_sum(F64) + get(0) + at(F64.load) + put(12), end=b"")),
    "a way out": (F64, 1, BLOCK + sums(F64, last=get(0) + at(LOAD) + get(5) + b"\x46\x0d\1") + BACK),
    "a way out of the inner loop": (F64, 1, BLOCK + sums(F64, each=get(8) + at(LOAD) + get(5) + b"\x46\x0d\2") + BACK),
    "a division": (F64, 1, sums(F64, last=get(0) + get(0) + get(5) + b"\x6e" + at(STORE, 2000))),
    "a division in the inner loop": (F64, 1, sums(F64, each=get(8) + get(5) + b"\x6e" + put(10))),
    "a float to an integer": (F64, 1, sums(F64, last=get(12) + b"\xaa" + put(10))),
    "an address by what was read": (F64, 1, sums(F64, first=get(1) + put(7) + get(2) + get(1) + at(LOAD) +
                                                 const(8) + b"\x71" + ADD + put(8) + get(4) + put(9))),
    "a global": (F64, 1, sums(F64, last=b"\x23\0" + const(1) + ADD + b"\x24\0")),
    "a condition": (F64, 1, sums(F64, last=get(3) + const(1) + b"\x71" + IF + up(10, 1) + BACK)),
    "memory grown": (F64, 1, sums(F64, last=get(5) + b"\x40\0\x1a")),
    "what moves by what was read": (F64, 1, sums(F64, last=get(2) + get(1) + at(LOAD) + const(8) + b"\x71" + ADD + put(2))),
    "a local of the turn before": (F64, 1, sums(F64, last=get(10) + put(6) + get(8) + get(3) + MUL + put(10))),
    "a sum of the turn before": (F64, 1, sums(F64, end=get(0) + get(13) + at(F64.store) + get(12) + put(13))),
    "no sum": (F64, 1, sums(F64, begin=F64.zero + put(13), each=get(12) + get(13) + b"\xa0" + b"\x1a" + F64.zero + put(12))),
}
sets = [
    # to, by, column, turns, inner turns
    (8192, 1024, 1152, 16, 20, 9), (8192, 1024, 1152, 15, 20, 0), (8192, 1024, 1152, 4, 4, 1), (8192, 1024, 1152, 5, 4, 1),
    (8192, 1024, 1152, 1, 20, 1), (8192, 1024, 1152, 2, 12, 0), (8192, 1024, 1152, 7, 2, 3), (8192, 1024, 1152, 9, 1, 3),
    (8192, 1024, 1152, 40, 24, 3), (8192, 1024, 1152, 16, 0, 3), (8192, 1024, 1152, 0, 12, 3), (8192, 1024, 1152, 16, -4, 3),
    # in what is read, and beside it
    (1024, 1024, 1152, 16, 12, 5), (1056, 1024, 1152, 16, 12, 5), (1152, 1024, 1152, 16, 12, 5), (1160, 1024, 1152, 16, 12, 5),
    (2560, 1024, 1152, 16, 12, 5), (2700, 1024, 1152, 16, 12, 5), (1024 - 128, 1024, 1152, 16, 12, 5), (1024 - 120, 1024, 1152, 17, 12, 5),
    (1120, 1024, 1152, 16, 12, 5), (1112, 1024, 1152, 16, 12, 5), (1024 - 124, 1024, 2000, 16, 12, 5), (1028, 1024, 1152, 13, 12, 5),
    (1024, 1024 + 17 * 8, 4096, 17, 12, 5), (1024, 1024 + 16 * 8, 4096, 17, 12, 5), (1024, 1024 + 15 * 8, 4096, 17, 12, 5),
    # at the end of memory, and behind it
    (END - 128, 1024, 1152, 16, 12, 5), (END - 128, 1024, 1152, 17, 12, 5), (END - 124, 1024, 1152, 16, 12, 5),
    (8192, END - 96, 1152, 16, 12, 5), (8192, END - 88, 1152, 16, 12, 5), (8192, END - 48, 1152, 16, 12, 5),
    (8192, 1024, END - 12 * 128, 16, 12, 5), (8192, 1024, END - 12 * 128, 17, 12, 5), (8192, 1024, END - 11 * 128 - 120, 16, 12, 5),
    (8192, 1024, END - 11 * 128 - 64, 16, 12, 5), (8192, 1024, END - 11 * 128 - 64, 8, 12, 5), (END - 2128, 1024, 1152, 16, 12, 5),
    # around the end of 32 bits
    (-64, 1024, 1152, 16, 12, 5), (-8, 1024, 1152, 1, 12, 5), (8192, -48, 1152, 16, 12, 5), (8192, 1024, -128 * 6, 16, 12, 5),
    (8192, 1024, -64, 16, 12, 5), (64, 1024, 3000, 16, 12, 5), (8192, 40, 3000, 16, 12, 5), (8192, 1024, 512, 16, 12, 5), (8192, 1024, 8, 16, 12, 5),
    (8192, 1024, 1152, 16, 12, 0x80000000), (20000, 1024, 2000, 0x40000000, 12, 5), (8192, 1024, 1152, 24, 150, 7), (8192, 1024, 0, 90, 180, 7),
    (12000, 1024, 1152, 600, 8, 7), (8192, 1024, 3000, 16, 3, 7), (8192, 1024, 4000, 8, 36, 7), (8192, 1024, 4096, 12, 24, 7),
    # far from each other: there is room for more turns; and turns for more events than a time slice has
    (100000, 1024, 1152, 16, 12, 5), (100000, 1024, 1152, 100, 400, 5), (100000, 1024, 30000, 13, 9, 5),
]


def count_marks(y, image):
    r = subprocess.run(["objdump", "-D", "-b", "binary", "-mi386:x86-64", image], capture_output=True, check=True)
    return len(re.findall(y.marks, r.stdout))


def is_jammed(y, n, image):
    """Two forms have a product each, and the third four."""
    return count_marks(y, image) >= 5 * n


def least_fuel(path, k):
    """How much a run needs, interpreted; None: it does not end well."""
    low, high = 0, 400000
    if outcome([path], high, k)[0] != 0:
        return None
    while low < high:
        mid = (low + high) // 2
        if outcome([path], mid, k)[0] == 0:
            high = mid
        else:
            low = mid + 1
    return low


def ask(what, y, n, body, is_one):
    path, images = write(body, sets, locals_=LOCALS, noise=NOISE)
    runs = [(k, 400000) for k in range(0, len(sets), 1 if is_one else 3)]
    runs += [(k, 40 + 7 * k) for k in range(0, len(sets), 5)]
    for k in (0, 51) if is_one else (51,):
        fuel = least_fuel(path, k)
        runs += [] if fuel is None else [(k, fuel), (k, fuel - 1), (k, fuel + 1)]
    compare(what, path, images, sets, runs)
    t.eq([is_jammed(y, n, image) for image in images.values()], [is_one] * 2, what + ": turns at once or not")


class Nest:
    """Sums of all kinds, of which most can be made at once."""

    def __init__(self, r):
        self.r = r
        self.y = y = r.choice((F64, F64, F32, I32))
        w = y.width
        self.n = r.choice((1, 1, 1, 2, 3))
        self.c = r.choice((w, w, w, -w, 2 * w, 160, w // 2, 0))
        self.b = r.choice((w, w, w, -w, 128, 0, 4))
        self.row = r.choice((128, 128, -128, w, 3))
        self.a = r.choice((w, w, -w, 0, 128))

    def statement(self):
        r, y = self.r, self.y
        off = r.choice((0, 0, 4, 8, 16, 2000, 400))
        return r.choice((get(0) + get(y.sum) + at(y.store, off), get(0) + get(r.choice((3, 8, 9, 10))) + at(STORE, off),
                         get(0) + at(LOAD, off) + put(r.choice((10, 11))), up(10, r.choice((1, 8, -4))),
                         get(10) + put(11), get(r.choice((7, 8))) + put(10), get(2) + at(y.load, off) + put(y.sum + 1),
                         get(y.sum) + put(y.sum + 1), get(0) + get(y.sum + 1) + at(y.store, off)))

    def some(self, chance):
        return self.statement() if self.r.random() < chance else b""

    def body(self):
        r, y = self.r, self.y
        begin = r.choice((y.zero + put(y.sum), get(0) + at(y.load) + put(y.sum), y.zero + put(y.sum) + to_sum(y), b""))
        each = r.choice((b"", b"", to_sum(y), to_sum(y), self.some(1)))
        end = r.choice((to_sum(y), to_sum(y), b"", self.some(1)))
        if r.random() < 0.2:
            begin, end = get(0) + begin, get(y.sum) + at(y.store)
        inner = None if r.random() < 0.7 else get(9) + const(self.n) + SUB + tee(9) + const(0) + r.choice((NE, GT_S))
        again = r.choice((None, None, get(3) + const(1) + SUB + tee(3) + const(0) + GT_S,
                          get(3) + const(2) + SUB + tee(3) + const(1) + GT_S))
        return sums(y, self.c, self.b, self.row, self.a, self.n, begin + self.some(0.2), each, end, again, inner,
                    self.some(0.2) + (up(4, self.n) if r.random() < 0.05 else b""))

    def arguments(self):
        r = self.r
        outer, inner = r.choice((1, 4, 5, 8, 13, 16, 17, 40)), r.choice((1, 2, 4, 5, 8, 12, 20)) * self.n
        where = lambda step, turns: r.choice((1024, 2048, 3072, 8192, 8192, 64, END - 4096,  # noqa: E731
                                              END - abs(step) * turns, END - abs(step) * (turns - 1), 0))
        p = (where(self.c, outer), where(self.a, inner), where(self.row, inner), outer, inner, r.randrange(9))
        if r.random() < 0.4:  # beside each other
            return (p[2] + r.choice((-1, 1)) * abs(self.c) * r.choice((0, 1, outer - 1, outer)),) + p[1:]
        return tuple(v + r.choice((0, 0, 0, 4, -4)) if i < 3 else v for i, v in enumerate(p))


def at_random(seed):
    rng = random.Random(seed)
    nest = Nest(rng)
    own = [nest.arguments() for _ in range(10)]
    path, images = write(nest.body(), own, rng.choice("2222220"), locals_=LOCALS, noise=NOISE)
    runs = [(k, fuel) for k in range(len(own)) for fuel in (400000, rng.randrange(10, 400))]
    fuel = least_fuel(path, 0)
    runs += [] if fuel is None else [(0, fuel), (0, fuel - 1)]
    bad, _ = differences(path, images, own, runs)
    return bad, is_jammed(nest.y, nest.n, images["guard"])


def main():
    for cases, is_one in ((jammed, True), (refused, False)):
        for what, (y, n, body) in cases.items():
            ask(what, y, n, body, is_one)
    many = seeds("NESTS_SEED", "nests", at_random, 60, 2000)
    t.ok(sum(many) * 10 > len(many), "of which native code does turns at once for some", sum(many))
    print("# at once: %d" % sum(many))
    t.done()


main()
