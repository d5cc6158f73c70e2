#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Promise 3: evidence, OFFER, OPEN and records belong to one Keep and one
session. Three Keeps of one image, three sessions each: every part of one is
shown to every other, and refused by, or for, it by name."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from donjonlib import (Agent, RefClient, Tap, check_evidence, kcf1, recv_frame, reference)  # noqa: E402

ref = reference()
t = Tap()
KEEPS = SESSIONS = 3
ERR = {8: "NO_OFFER", 9: "STALE_OFFER", 7: "BAD_OPEN", 11: "BAD_RECORD", 13: "BAD_ORDER", 2: "BAD_HELLO",
       6: "WRONG_KEEP", 5: "KEEP_FRESH", 4: "KEEP_OWNED"}


def error_of(s):
    """The name of the ERROR frame that comes next."""
    s.settimeout(10)
    try:
        kind, p, _ = recv_frame(s)
    except (EOFError, OSError):
        return "closed"
    return ERR.get(int.from_bytes(p[:2], "big"), "?") if kind == ref.T_ERROR else "frame %d" % kind


class Sess:
    """A handshake up to OPEN made, not sent."""

    def __init__(self, a, keep):
        self.c = RefClient(ref, a.session(keep, steal=True), a.root, suites=[2])
        self.c.handshake()
        c = self.c
        self.rd = ref.report_data(c.hello, c.offer)
        self.first = c.sess.c2k.seal(ref.K_CLAIM, data=b"\0")


with Agent() as a:
    root = a.root
    keeps = [a.create(kcf1()) for _ in range(KEEPS)]
    sess = [[Sess(a, k) for _ in range(SESSIONS)] for k in keeps]
    flat = [(i, j, sess[i][j]) for i in range(KEEPS) for j in range(SESSIONS)]
    t.eq(len({s.c.measurement for _, _, s in flat}), 1, "one image: the same measurement")
    t.eq(len({s.c.o["keep_id"] for _, _, s in flat}), KEEPS, "each Keep has a keep_id of its own")
    t.ok(all(len({s.c.o["keep_id"] for s in row}) == 1 for row in sess), "and keeps it")
    for what, get in (("KEM key", lambda s: s.c.o["pk"]), ("keep_nonce", lambda s: s.c.o["nonce"]),
                      ("record key", lambda s: s.c.sess.k2c.secret), ("exporter", lambda s: s.c.sess.hpke.exporter_secret)):
        t.eq(len({get(s) for _, _, s in flat}), KEEPS * SESSIONS, "no %s twice in %d sessions" % (what, len(flat)))

    refused = total = 0
    for i, j, s in flat:
        for k, m, o in flat:
            if (i, j) == (k, m):
                continue
            total += 1
            try:
                check_evidence(ref, o.c.ev, s.rd, root)
            except ref.Reject as e:
                refused += str(e) == "EVIDENCE report_data"
    t.eq(refused, total, "evidence of one is refused for any other: report_data, %d of %d" % (refused, total))
    refused = total = 0
    for i, j, s in flat:
        for k, m, o in flat:
            if (i, j) != (k, m):
                total += 1
                try:
                    check_evidence(ref, s.c.ev, ref.report_data(s.c.hello, o.c.offer), root)
                except ref.Reject:
                    refused += 1
    t.eq(refused, total, "an OFFER of one under the evidence of another: %d of %d" % (refused, total))

    # OPEN of every session shown to every Keep with a fresh offer out.
    good = total = 0
    names = set()
    for k in range(KEEPS):
        for i, j, s in flat:
            c = RefClient(ref, a.session(keeps[k], steal=True), root, suites=[2])
            c.handshake()
            c.send(ref.T_OPEN, s.c.open)
            total += 1
            e = error_of(c.s)
            names.add(e)
            good += e == "STALE_OFFER"
            c.s.close()
    t.eq((good, names), (total, {"STALE_OFFER"}), "OPEN of another session, or of an earlier offer: STALE_OFFER, %d of %d" % (good, total))

    # The right OPEN, then a first record of every other session.
    good = total = 0
    names = set()
    for k in range(KEEPS):
        for i, j, s in flat:
            c = RefClient(ref, a.session(keeps[k], steal=True), root, suites=[2])
            c.handshake()
            c.send(ref.T_OPEN, c.open)
            c.s.sendall(s.first)
            total += 1
            e = error_of(c.s)
            names.add(e)
            good += e == "BAD_RECORD"
            c.s.close()
    t.eq((good, names), (total, {"BAD_RECORD"}), "a first record of another session: BAD_RECORD, %d of %d" % (good, total))

    # HELLO shown again gets another offer: nothing of the old one opens it.
    for k in range(KEEPS):
        old = sess[k][0]
        s = a.session(keeps[k], steal=True)
        s.sendall(ref.frame(ref.T_HELLO, old.c.hello))
        _, offer, _ = recv_frame(s)
        recv_frame(s)
        t.ok(offer != old.c.offer, "Keep %d: the same HELLO again gets another OFFER" % k)
        s.sendall(ref.frame(ref.T_OPEN, old.c.open))
        t.eq(error_of(s), "STALE_OFFER", "Keep %d: and the old OPEN is refused" % k)
        s.close()

    # One decapsulation per key: the OPEN that was taken is gone.
    for k in range(KEEPS):
        c = RefClient(ref, a.session(keeps[k], steal=True), root, suites=[2])
        c.handshake()
        c.claim()
        c.send(ref.T_OPEN, c.open)
        t.eq(error_of(c.s), "BAD_ORDER", "Keep %d: a replayed OPEN inside an attach is BAD_ORDER" % k)
t.done()
