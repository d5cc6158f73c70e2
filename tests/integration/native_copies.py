#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Loops that a compiler to Wasm has unrolled do as native code what they do
interpreted, whether native code takes their turns for copies of one thing or
not; by hand, what is one and what only looks like one, and at random.
DONJON_LONG=1: many more; COPIES_SEED: from there on."""
import os
import random
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from loops import (ADD, END, LOAD, LOAD8, LT_S, MUL, NE, SHL, STORE, STORE8, SUB, at,  # noqa: E402
                   compare, const, differences, get, loop, moves, put, seeds, sets, t, tee, write)


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
NOT_LAST = get(2) + const(2) + SUB + tee(2) + const(0) + NE + put(9)
LATER = get(0) + get(1) + at(LOAD, 4) + tee(7) + get(3) + ADD + at(STORE, 4)
MUL3 = const(3) + MUL + get(3)
rolled = {
    "two copies": turns(plus(0) + plus(4), 8, 2),
    "two copies, one with a local of its own": turns(plus(0) + LATER, 8, 2),
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
    "copies down that carry": turns(carry(4, [6], 7) + carry(0, [7], 6), -8, 2),
    "copies with gaps that carry": turns(carry(0, [6], 7) + carry(8, [7], 6), 16, 2),
    "copies with gaps that carry over two": turns(
        carry(0, [6, 7], 8) + carry(8, [7, 8], 9) + get(8) + put(6) + get(9) + put(7), 16, 2) + SUM67,
    "copies in all turns but the last": loop(NOT_LAST + get(9) + b"\x04\x40" + plus(0) + plus(4) + b"\x0b" + moves(8),
                                             get(9)),
    "one of two copies in all turns but the last": loop(
        NOT_LAST + get(9) + b"\x04\x40" + plus(0) + b"\x05" + plus(4) + b"\x0b" + moves(8), get(9)),
    "copies in the last turn": loop(
        NOT_LAST + b"\x02\x40" + get(9) + b"\x0d\0" + plus(0) + plus(4) + b"\x0b" + moves(8), get(9)),
    "copies, what one loaded is the result a turn later": b"\x03\x7f" + get(7) + plus(0) + LATER +
    moves(8) + get(2) + const(2) + SUB + tee(2) + b"\x0d\0\x0b" + put(6),
    "copies, what one loaded is kept a turn later": loop(get(7) + plus(0) + LATER + moves(8),
                                                         get(2) + const(2) + SUB + tee(2), put(6)),
    "copies, a product is kept a turn later": loop(
        get(7) + plus(0) + plus(4) + get(2) + const(3) + MUL + put(7) + moves(8), get(2) + const(2) + SUB + tee(2),
        put(6)),
    "copies of bytes and words": turns(plus(0) + get(0) + get(1) + at(LOAD8, 4) + get(3) + ADD + at(STORE8, 4), 8, 2),
}


def adds_vectors(image):
    """Has code a sum of vectors, and not only in a constant?"""
    r = subprocess.run(["objdump", "-D", "-b", "binary", "-mi386:x86-64", image], capture_output=True, check=True)
    return re.search(rb"\bv?padd[bd] ", r.stdout) is not None

AND, OR, XOR = b"\x71", b"\x72", b"\x73"


class Copies:
    """A turn of some copies, and in half of the cases a fault in one of them."""

    def __init__(self, rng):
        self.rng = rng
        self.n = rng.choice((2, 2, 2, 3, 4))
        self.width = rng.choice((4, 4, 4, 1))
        self.down = rng.random() < 0.15
        self.carries = rng.random() < 0.4
        self.uses = [rng.random() < 0.6 for _ in range(3)]
        self.statements = [(rng.randrange(2), self.offset(), self.tree(3)) for _ in range(rng.choice((1, 1, 2, 3)))]
        self.bad = rng.randrange(1, self.n) if rng.random() < 0.5 else None

    def offset(self):
        return self.rng.choice((0, 0, 0, self.width, 2 * self.width, 400, 3))

    def tree(self, depth):
        r = self.rng
        if depth == 0 or r.random() < 0.2:
            return r.choice((("load", r.randrange(2), self.offset()), ("get", r.choice((3, 4))),
                             ("const", r.randrange(-9, 99)), ("before",)))
        if depth == 3 or r.random() < 0.5:
            return ("op", r.choice((ADD, SUB, MUL, AND, OR, XOR)), ("load", r.randrange(2), self.offset()),
                    self.tree(depth - 1))
        return ("op", r.choice((ADD, SUB, MUL, AND, OR, XOR, SHL)), self.tree(depth - 1), self.tree(depth - 1))

    def spoilt(self, tree):
        """Another tree: a number, an operation or a place is not what it was."""
        r = self.rng
        kind = tree[0]
        if kind == "op" and r.random() < 0.7:
            k = r.randrange(2, 4)
            return tree[:k] + (self.spoilt(tree[k]),) + tree[k + 1:]
        if kind == "op":
            return ("op", r.choice((ADD, SUB, XOR)), tree[3], tree[2])
        if kind == "load":
            return r.choice((("load", 1 - tree[1], tree[2]), ("load", tree[1], tree[2] + self.width)))
        return r.choice((("const", 77), ("get", 3), ("load", 0, 0)))

    def code(self, tree, c, before, into):
        kind = tree[0]
        if kind == "op":
            return self.code(tree[2], c, before, into) + self.code(tree[3], c, before, into) + tree[1]
        if kind == "get":
            return get(tree[1])
        if kind == "const":
            return const(tree[1])
        if kind == "before" and self.carries:
            return get(before)
        _, base, off = tree if kind == "load" else ("load", 1, 0)
        place = off + self.width * (self.n - 1 - c if self.down else c)
        text = get(base) + at(LOAD if self.width == 4 else LOAD8, place)
        return text + (tee(into) if self.carries and (base, off) == (1, 0) else b"")

    def body(self):
        r, text, before = self.rng, b"", 6
        for c in range(self.n):
            statements = list(self.statements)
            if c == self.bad:
                k = r.randrange(len(statements))
                base, off, tree = statements[k]
                statements[k] = r.choice(((1 - base, off, tree), (base, off + self.width, tree)) +
                                         ((base, off, self.spoilt(tree)),) * 4)
                if r.random() < 0.2:
                    r.shuffle(statements)
            into = 13 - before
            if self.carries:  # in any case, and the same for each copy
                text += get(before) + put(into)
            for base, off, tree in statements:
                place = off + self.width * (self.n - 1 - c if self.down else c)
                text += get(base) + self.code(tree, c, before, into) + at(STORE if self.width == 4 else STORE8, place)
            before = into if self.carries else before
        if before != 6:
            text += get(7) + put(6)
        step = self.n * self.width * (-1 if self.down else 1)
        return loop(text + moves(step), get(2) + const(self.n) + SUB + tee(2))

    def arguments(self):
        r = self.rng
        turns_ = r.choice((120, 60, 24, 12, self.n, 7))
        where = r.choice((1024, 2048, END - turns_ * self.width, END - turns_ * self.width - 400, 0, 4000))
        return (where + r.choice((0, 0, 1, 4, 8)), r.choice((where, where, 1024, 3000)) + r.choice((0, 4, 16, 800)),
                turns_, r.randrange(-3, 9), r.randrange(99), 0)


def at_random(seed):
    rng = random.Random(seed)
    copies = Copies(rng)
    own = [copies.arguments() for _ in range(8)]
    path, images = write(copies.body(), own, rng.choice("22220"))
    bad, _ = differences(path, images, own, [(k, fuel) for k in range(len(own)) for fuel in (200000, rng.randrange(30, 300))])
    return bad, copies.bad is None and adds_vectors(images["guard"])


def main():
    for what, body in {**rolled, **unrolled}.items():
        path, images = write(body, sets)
        compare(what, path, images, sets,
                [(k, fuel) for k in range(len(sets)) for fuel in (200000, 33000 + 97 * k, 40 + k)])
        t.eq([adds_vectors(image) for image in images.values()], [what in rolled] * 2, what + ": vectors or not")
        path, images = write(body, sets, "0")
        bad, _ = differences(path, images, sets, [(k, 200000) for k in range(len(sets))])
        t.eq(bad[:2], [], what + ": not optimised")
    vectors = seeds("COPIES_SEED", "loops", at_random, 60, 2000)
    t.ok(sum(vectors) * 20 > len(vectors), "of which native code has vectors for some", sum(vectors))
    print("# vectors: %d" % sum(vectors))
    t.done()


main()
