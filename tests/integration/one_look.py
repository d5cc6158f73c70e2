#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Oracle O7 on a real Keep: no byte of a frame in the shared region is read
twice, and the host's line is read whole, once a look. The region is taken away
from the Keep by page protection, so that every access of it stops; each is
noted, let through alone, and the region is taken away again. A Keep that looks
twice is caught. Needs root, ptrace, x86-64."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from donjonlib import TEE, Agent, Tap, program, reference, skip_all  # noqa: E402
from look import ATTENTION, HOST, IN, LINE, OUT, session  # noqa: E402

if os.uname().machine != "x86_64" or TEE != "process":
    skip_all("page protection is changed from outside on x86-64 process Keeps only")
if os.geteuid() != 0:
    skip_all("not root")
t = Tap()
ref = reference()


def twice(seen):
    """Bytes of frames that were read more than once, and of the line within
    one look: a look goes upward."""
    count, again, last = {}, [], -1
    for off, is_read, n in seen:
        if not is_read:
            continue
        if IN <= off < OUT:
            for b in range(off, off + n):
                count[b] = count.get(b, 0) + 1
        elif HOST <= off < HOST + LINE and not (off == ATTENTION and n == 4):
            if off <= last and off != HOST:
                again.append(off)
            last = off
    return [b for b, k in count.items() if k > 1], again, len(count)


with Agent() as a:
    tr, good = session(a, ref)
    rings, line, n = twice(tr.seen)
    t.ok(good and not tr.error, "a session goes on while every access of the shared region is watched", tr.error)
    t.ok(n > 30000, "each byte of its frames was read: %d, in %d accesses" % (n, len(tr.seen)))
    t.eq(rings, [], "and none of them twice")
    t.eq(line, [], "the host's line is read upward, each field once a look")
    t.eq([x for x in tr.seen if x[1] and not (HOST <= x[0] < HOST + LINE or IN <= x[0] < OUT)], [],
         "and nothing else of it is read after the start")
    t.eq([x for x in tr.seen if not x[1] and (HOST <= x[0] < OUT)], [], "nor is anything written that is the host's")
with Agent("--image-dir", program("keep-break/7")) as a:
    tr, good = session(a, ref)
    t.ok(len(twice(tr.seen)[0]) > 0, "a Keep that fetches a frame's header twice is caught", tr.error)
t.done()
