#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Loops that native code has in two forms do what the interpreter does: for
every way to count and to address, at the edges of memory and of 32 bits, down
to the trap, its frames and the turn in which the fuel ends. (Of the innermost
frame the instruction is not compared: the interpreter tells the first of those
that it made one of.)"""
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from loops import (ADD, EQZ, GE_S, GE_U, GT_S, GT_U, LE_S, LE_U, LOAD, LOAD8, LT_S, LT_U, NE, SHL,  # noqa: E402
                   STORE, STORE8, SUB, at, compare, const, copy, get, loop, moves, put, sets, t, tee, write)

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
for what, body in programs.items():
    path, images = write(body, sets)
    compare(what, path, images, sets,
            [(k, fuel) for k in range(len(sets)) for fuel in (200000, 33000 + 97 * k, 40 + k)])
t.done()
