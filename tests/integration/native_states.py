#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Loops around a switch whose states are constants (client/aot/states.c) do as
native code what the interpreter does: machines by hand, and machines at random
whose states are constants, choices, copies of each other or not known, with
ways between cases, inner machines and inner loops."""
import os
import random
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from loops import (ADD, END, EQZ, LOAD, LOAD8, LT_U, MUL, NE, STORE, SUB, at, compare,  # noqa: E402
                   const, differences, get, put, seeds, t, tee, write)
from wasmbytes import leb  # noqa: E402

AND, XOR, SHR, DIV, EQ, SELECT, REM = b"\x71", b"\x73", b"\x76", b"\x6e", b"\x46", b"\x1b", b"\x70"
BLOCK, LOOP, IF, ELSE, FIN = b"\x02\x40", b"\x03\x40", b"\x04\x40", b"\x05", b"\x0b"


def br(n):
    return b"\x0c" + leb(n)


def br_if(n):
    return b"\x0d" + leb(n)


def switch(cases, first, head, what=get(9)):
    """head and a switch over what; case k goes on to the next one unless it
    branches. What makes a case is given the label behind all of them."""
    n = len(cases)
    text = BLOCK * n + head + what + b"\x0e" + leb(len(first))
    text += b"".join(leb(k) for k in first) + leb(n - 1) + FIN
    for k, case in enumerate(cases):
        text += case(n - 1 - k) + (FIN if k < n - 1 else b"")
    return text


# p0: text, p1: counters, p2: turns, p3, p4: any; 6: a hash, 7: a byte, 8: any, 9: the state,
# and what goes around with it: 10 an f64, 11 an i64, 12 a v128
LOCALS = b"\4\4\x7f\1\x7c\1\x7e\1\x7b"
NEXT = get(0) + at(LOAD8) + put(7) + get(0) + const(1) + ADD + put(0)
DOWN = get(2) + const(1) + SUB + put(2)
NOTE = get(6) + const(33) + MUL + get(7) + ADD + put(6)


def count(k):
    place = get(1) + const(4 * k) + ADD
    return place + place + at(LOAD) + const(1) + ADD + at(STORE)


def machine(cases, ends):
    """A loop around a switch in len(ends) blocks; ends[k] is behind the k-th
    that ends. What makes a case is given the first one's label."""
    n = len(cases)
    head = get(2) + EQZ + br_if(n + len(ends) + 1) + NEXT + DOWN
    return (const(0) + put(9) + BLOCK + LOOP + BLOCK * len(ends) + switch(cases, range(n - 1), head) +
            b"".join(FIN + e for e in ends) + FIN + FIN)


def words():
    """Counts letters, digits and what is between, by a machine of four states."""
    def case(k, by_class):
        def made(out):
            text = NOTE + count(k)
            for low, n, state in by_class:
                text += get(7) + const(low) + SUB + const(n) + LT_U + IF + const(state) + put(9) + br(out + 1) + FIN
            return text + const(0) + put(9) + br(out)
        return made

    letters, digits = (97, 26), (48, 10)
    return machine([case(0, ((*letters, 1), (*digits, 2))), case(1, ((*letters, 1), (*digits, 3))),
                    case(2, ((*digits, 2), (*letters, 3))), case(3, ((*letters, 3),))], [br(0)])


def sets_to(local, value, how=lambda out: br(out)):
    """A case that does something of its own and has a state for later."""
    return lambda out: get(6) + const(5 + value) + MUL + get(7) + XOR + put(6) + const(value) + put(local) + how(out)


FLOAT = get(10) + b"\x44" + struct.pack("<d", 1.5) + b"\xa2" + get(7) + b"\xb8\xa0" + put(10)
FLOATS = get(6) + get(10) + b"\xfc\2" + XOR + put(6)
LONG = get(11) + b"\x42\x21\x7e" + get(7) + b"\xad\x7c" + tee(11) + b"\x42\x0d\x88\xa7" + get(6) + ADD + put(6)
LANES = get(12) + get(7) + b"\xfd\x11\xfd\xae\1" + tee(12) + b"\xfd\x1b\2" + get(6) + XOR + put(6)
AGAIN = get(0) + get(1) + get(2) + const(3) + AND + get(3) + get(4) + get(5) + b"\x10\2" + get(6) + ADD + put(6)
BIT = get(7) + const(1) + AND
SOME = get(7) + const(1) + SHR + const(3) + AND
HERE = get(6) + const(33) + MUL + get(9) + ADD + put(6)
by_hand = {
    "a machine of four states": words(),
    "a state that is only for later": machine(
        [sets_to(8, k) for k in (1, 2, 3, 0)], [HERE + BIT + IF + count(4) + get(8) + put(9) + FIN + HERE + br(0)]),
    "two that change places": machine(
        [sets_to(8, 2), sets_to(8, 3), sets_to(8, 1), lambda out: NOTE + br(out)],
        [HERE + get(8) + get(9) + put(8) + put(9) + br(0)]),
    "ways that meet, of which one has another": machine(
        [sets_to(8, 1), sets_to(8, 3), lambda out: HERE + br(out + 1), sets_to(8, 2)],
        [NOTE + BIT + br_if(1), count(5) + br(1), count(6) + get(8) + put(9) + br(0)]),
    "the same, the other way round": machine(
        [sets_to(8, 1), sets_to(8, 3), lambda out: HERE + br(out + 1), sets_to(8, 2)],
        [NOTE + BIT + br_if(2) + count(5) + br(1), count(7), count(6) + br(1), count(4) + get(8) + put(9) + br(0)]),
    "a state that is not known, or the same": machine(
        [sets_to(9, 1), sets_to(9, 2),
         lambda out: get(9) + put(5) + SOME + put(9) + BIT + br_if(out) + get(5) + put(9) + NOTE + br(out + 1),
         lambda out: get(9) + put(5) + SOME + put(9) + BIT + br_if(out) + get(5) + put(9) + br(out + 1)],
        [HERE + br(0)]),
    "one of two states": machine(
        [sets_to(9, k, lambda out, k=k: const(k + 1) + const(k - 1) + BIT + SELECT + put(9) + br(out))
         for k in (0, 1, 2, 3)], [HERE + br(0)]),
    "the same or another": machine(
        [sets_to(8, k, lambda out, k=k: get(9) + const(k) + BIT + SELECT + put(9) + br(out))
         for k in (1, 2, 3, 0)], [HERE + br(0)]),
}


def wide(n):
    """A table of n ways to four cases: of more than 4,096 no state goes by itself."""
    cases = [sets_to(9, k, lambda out, k=k: count(k) + br(out)) for k in (1, 2, 3, 0)]
    head = get(2) + EQZ + br_if(6) + NEXT + DOWN
    return (get(3) + put(9) + BLOCK + LOOP + BLOCK +
            switch(cases, [(k * k * 7 + k // 3) % 3 for k in range(n)], head) + FIN + br(0) + FIN + FIN)


by_hand["a table of 4,000 ways"] = wide(4000)
by_hand["one of 5,000"] = wide(5000)


class Machine:
    """A loop around a switch, at random; inside another if depth is not 0."""

    def __init__(self, rng, depth=0):
        self.rng, self.depth = rng, depth
        self.n = rng.randrange(2, 7)
        self.state = 9 - depth
        self.trap = rng.random() < 0.1
        self.kinds = rng.choice(("cccc", "cccs", "ccks", "cksuia", "ccccccu"))

    def cond(self):
        r = self.rng
        return r.choice((get(7) + const(1 << r.randrange(4)) + AND, get(6) + const(r.randrange(1, 9)) + AND,
                         get(7) + const(r.randrange(200)) + LT_U, get(2) + const(3) + AND + EQZ, get(4)))

    def set_state(self):
        """What of it is known, and how."""
        r, s = self.rng, self.state
        some = lambda: const(r.randrange(-1, self.n + 1) if r.random() < 0.1 else r.randrange(self.n))  # noqa: E731
        kind = r.choice(self.kinds)
        if kind == "c":
            return some() + put(s)
        if kind == "s":
            return r.choice((some() + some(), some() + get(s), get(s) + some())) + self.cond() + SELECT + put(s)
        if kind == "i":
            return self.cond() + IF + some() + put(s) + r.choice((b"", ELSE + some() + put(s))) + FIN
        if kind == "u":
            return r.choice((get(7) + const(3) + AND, get(3), get(s) + const(1) + ADD)) + put(s)
        if kind == "a":  # through another local, and back
            return r.choice((get(s) + put(4), get(4) + put(s), get(s) + get(4) + put(s) + put(4)))
        return b""

    def work(self):
        r = self.rng
        text = b""
        for _ in range(r.randrange(3)):
            text += r.choice((NOTE, count(r.randrange(4)), get(6) + get(self.state) + XOR + put(6),
                              b"\x23\0" + get(7) + ADD + b"\x24\0", NEXT,
                              get(6) + get(7) + const(1) + ADD + REM + put(6), FLOAT, FLOAT + FLOATS, LONG, LANES,
                              AGAIN if r.random() < 0.2 else NOTE))
        if self.trap and r.random() < 0.2:
            text += get(6) + get(7) + const(7) + AND + DIV + put(6)
        if r.random() < 0.1:  # an inner loop
            text += const(r.randrange(1, 6)) + put(5) + LOOP + NOTE + get(5) + const(1) + SUB + tee(5) + br_if(0) + FIN
        if self.depth == 0 and r.random() < 0.05:
            text += Machine(r, 1).code()
        return text

    def case(self, out):
        """To the label behind the cases, to the loop, out of it, or on."""
        r = self.rng
        text = self.work()
        for _ in range(r.randrange(3)):
            text += self.cond() + IF + self.set_state() + self.work() + br(r.choice((out + 1, out + 1, out + 2))) + FIN
        if r.random() < 0.15:
            text += self.cond() + br_if(out + 2 if r.random() < 0.3 else out)
        text += self.set_state()
        end = r.random()
        return text + (br(out) if end < 0.6 else br(out + 1) if end < 0.8 else br(out + 2) if end < 0.83 else b"")

    def code(self):
        """$end loop $on block $behind cases: from behind the last case on, both labels go the same way."""
        r, s = self.rng, self.state
        first = [r.randrange(self.n) for _ in range(self.n)] if r.random() < 0.2 else range(self.n)
        stop = get(2) + EQZ + br_if(self.n + 2)
        head = stop + DOWN + r.choice((b"", NEXT, NEXT + self.work()))
        init = r.choice((const(0), const(0), const(r.randrange(self.n)), get(3))) + put(s)
        latch = self.work() + r.choice((b"", get(s) + const(r.randrange(self.n)) + EQ + br_if(1)))
        by = r.choice((get(s), get(s), get(s), get(s) + const(1) + SUB, get(s) + const(3) + AND))
        return (init + BLOCK + LOOP + BLOCK + switch([self.case] * self.n, first, head, by) + FIN + latch +
                r.choice((br(0), get(7) + const(250) + NE + br_if(0))) + FIN + FIN)


def arguments(r):
    return (r.choice((65536, 70000, END - 300, END - 20, 1024)), r.choice((2048, 2050, END - 16, END - 10)),
            r.choice((0, 1, 5, 40, 200, 800)), r.randrange(-1, 7), r.randrange(3), 0)


def at_random(seed):
    rng = random.Random(seed)
    body = b"".join(Machine(rng).code() for _ in range(rng.choice((1, 1, 1, 2))))
    own = [arguments(rng) for _ in range(6)]
    path, images = write(body, own, rng.choice("2222220"), locals_=LOCALS)
    return differences(path, images, own,
                       [(k, fuel) for k in range(len(own)) for fuel in (200000, rng.randrange(30, 600))])


def main():
    own = [(1024, 2048, n, 0, 0, 0) for n in (0, 1, 2, 100, 3000)] + [
        (END - 9, 2048, 20, 0, 0, 0), (2000, END - 12, 99, 0, 0, 0)]
    for what, body in by_hand.items():
        path, images = write(body, own)
        compare(what, path, images, own,
                [(k, fuel) for k in range(len(own)) for fuel in (200000, 33000 + 7 * k, 33100)])
    ends = set().union(*seeds("STATES_SEED", "machines", at_random, 150, 5000))
    t.ok(0 in ends and len(ends) > 1, "of which some runs end well and some do not", ends)
    t.done()


main()
