#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What an SGX Keep reads outside of its enclave, in a whole session in the
emulated processor: every access of the shared region stops (tests/support/
look.py), and so does every call of the functions that may make one. Accesses
are whole aligned words; those of a call are the words it was asked for, each
once and upward; no byte of a frame is asked for twice. Keeps that look twice,
or at less than a word, are caught."""
import os
import subprocess
import sys

os.environ["DONJON_TEE"] = "sgx-emu"
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from donjonlib import Agent, Tap, program, reference, skip_all  # noqa: E402
from look import HOST, IN, LINE, OUT, session  # noqa: E402

if os.uname().machine != "x86_64":
    skip_all("page protection is changed from outside on x86-64 alone")
if os.geteuid() != 0:
    skip_all("not root")
t = Tap()
ref = reference()
WORD = 8
CALLS = {"dj_shim_copy_in": "in", "dj_shim_copy_out": "out", "dj_shim_attention": "attention"}


def functions(image):
    """{address: name} of an image's."""
    out = subprocess.run(["nm", image], stdout=subprocess.PIPE, check=True, text=True).stdout
    got = {int(line.split()[0], 16): CALLS[line.split()[2]] for line in out.splitlines() if line.split()[2] in CALLS}
    assert len(got) == len(CALLS), image
    return got


def words(off, n):
    return list(range(off - off % WORD, off + n, WORD))


class Look:
    """What was seen, call by call."""

    def __init__(self, seen):
        self.odd, self.strays, self.wrong, self.hosts, self.bytes = [], [], [], [], {}
        self.accesses = self.reads = 0
        call, did = None, []
        for what in seen + [("end", 0, 0)]:
            if isinstance(what[0], str):
                self.judge(call, did)
                call, did = what, []
                continue
            off, is_read, n = what
            self.accesses += 1
            self.reads += is_read
            did.append((off, is_read))
            if off % WORD or n != WORD:
                self.odd.append(what)

    def judge(self, call, did):
        if call is None:
            self.strays += did
            return
        name, off, n = call
        read = [o for o, is_read in did if is_read]
        written = [o for o, is_read in did if not is_read]
        if name == "in":
            for b in range(off, off + n) if IN <= off < OUT else ():
                self.bytes[b] = self.bytes.get(b, 0) + 1
            if written or read != words(off, n):
                self.wrong.append((call, did))
        elif name == "attention":
            if written or read != [HOST]:
                self.wrong.append((call, did))
        # Of what it writes in part it reads the rest first; all is its own.
        elif name == "out" and (written != words(off, n) or not set(read) <= {written[0], written[-1]} or
                                any(HOST <= o < OUT for o in written)):
            self.wrong.append((call, did))
        if name == "in" and not (off + n <= HOST + LINE + 1024 or 0x2000 <= off < 0x8000 or IN <= off < OUT):
            self.hosts.append(call)

    def twice(self):
        return [b for b, n in self.bytes.items() if n > 1]


def look(image_dir=None, size=30000):
    args = ["--image-dir", image_dir] if image_dir else []
    calls = functions(os.path.join(image_dir or program("keep"), "sgx.elf"))
    with Agent(*args) as a:
        tr, good = session(a, ref, calls, size)
    return Look(tr.seen), good and not tr.error, tr.error


l, good, error = look()
t.ok(good, "a session goes on while every access of outside memory is watched", error)
t.ok(len(l.bytes) > 30000, "%d bytes of frames were asked for, in %d accesses, %d of them reads"
     % (len(l.bytes), l.accesses, l.reads))
t.eq(l.odd, [], "each access is a whole aligned word of 8 bytes")
t.eq(l.twice(), [], "no byte of a frame was asked for twice")
t.eq(l.wrong[:3], [], "a call looks at the words that it was asked for, each once, upward")
t.eq(l.strays + l.hosts, [], "and nothing is looked at besides")
for name, what, found in (("7", "a Keep that fetches a frame's header twice", lambda x: x.twice()),
                          ("bytes", "a shim that looks at less than a word", lambda x: x.odd)):
    broken = program("keep-break-sgx/" + name)
    l, good, error = look(broken, 1000)
    t.ok(len(found(l)) > 0, what + " is caught", error)
t.done()
