#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The reference's client side completes sessions with our Keep, through our
host agent: suites, owner, re-attestation, stop, a program that computes."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from donjonlib import (FORMAT, Agent, RefClient, Tap, echo_module, kcf1, measurement, report_data,  # noqa: E402
                       parse_evidence, recv_frame, reference, spin_module)

ref = reference()
t = Tap()
H = ref.H


def good(c, module, out):
    e = c.exit
    return (e["how"] == 0 and e["code"] == 0 and c.out[1] == out and e["out"] == len(out)
            and e["hout"] == H(out) and e["hmod"] == H(module))


def offered_native(info):
    """Items 4 and 5 of an offer: is native code taken, with which bounds, and for which CPU level?"""
    taken, bounds, level = False, 0, 0
    while info:
        tag, n = int.from_bytes(info[:2], "big"), int.from_bytes(info[2:4], "big")
        if tag == 4:
            taken, bounds = info[6] == 1, info[5]
        if tag == 5:
            level = int.from_bytes(info[4:12], "big")
        info = info[4 + n:]
    return taken, bounds, level


with Agent() as a:
    root = a.root
    want = measurement()
    data = os.urandom(300000)
    mod = echo_module()
    for suite in (1, 2):
        cfg = kcf1()
        c = RefClient(ref, a.session(a.create(cfg)), root, suites=[suite], config_hash=H(cfg))
        c.handshake()
        t.eq(c.o["suite"], suite, "suite %#06x is the one offered" % suite)
        t.eq(c.o["config_hash"], H(cfg), "OFFER names the block that was asked for")
        t.eq(c.measurement, want, "the measurement in the evidence is the one computed offline")
        c.claim()
        c.begin(mod, ["echo"])
        c.module(mod)
        c.run()
        c.stdin(data)
        c.finish()
        t.ok(good(c, mod, data), "echo of %d bytes is exact, EXIT's hashes hold" % len(data), c.exit)
        c.release()

    c = RefClient(ref, a.session(a.create()), root, suites=[0x7777, 0x0002, 0x0001])
    c.handshake()
    t.eq(c.o["suite"], 2, "the first suite of ours that the Keep has is taken")
    c.claim()

    c = RefClient(ref, a.session(a.create()), root, minclass=3)
    c.handshake()
    c.claim()
    c.begin(mod, ["echo"])
    c.module(mod)
    c.run()
    c.stdin(b"x")
    sizes = set()
    real = c.sess.k2c.open
    c.sess.k2c.open = lambda fr: (sizes.add(len(fr)), real(fr))[1]
    c.finish()
    t.ok(good(c, mod, b"x") and sizes == {8 + 16384 + 16}, "with minclass 3 every record of the Keep has one size", sizes)
    c.release()

    # a program that computes for ever is re-attested, then stopped
    c = RefClient(ref, a.session(a.create()), root)
    c.handshake()
    c.claim()
    spin = spin_module()
    c.begin(spin, ["spin"])
    c.module(spin)
    c.run()
    nonce = os.urandom(32)
    c.record(ref.K_AGAIN, data=nonce)
    while c.again_rd is None or not c.evidence:
        c.s.settimeout(10)
        if c.again_rd is None:
            c.step()
        else:
            kind, p, _ = recv_frame(c.s)
            if kind == ref.T_EVIDENCE:
                c.evidence.append(p)
    want_rd = ref.again_rd(c.sess.again, nonce, 1)
    fmt, purpose, items = parse_evidence(c.evidence[0])
    t.eq(c.again_rd, want_rd[:32], "AGAIN_RD is what section 7 says, while the program computes")
    t.ok(report_data(items[1]) == want_rd and purpose == 2, "and the evidence beside it carries it")
    c.record(ref.K_SIGNAL, 0)
    c.finish()
    t.eq(c.exit["how"], 2, "a for(;;); program is stopped by SIGNAL")
    c.release()

    # native code that its own envelope gainsays: our client would not send it
    taken, bounds_here, level_here = offered_native(c.o["info"])

    def envelope(isa=1, bounds=bounds_here, level=2, wasm=mod, image=b"x" * 100, hwasm=None, himage=None):
        return (b"KNC1" + bytes([isa, bounds, level, 0]) + (2).to_bytes(4, "big") + b"me" +
                len(wasm).to_bytes(8, "big") + (hwasm or H(wasm)) + len(image).to_bytes(8, "big") + (himage or H(image)) +
                wasm + image)

    def near(d):
        return d[:-1] + bytes([d[-1] ^ 1])

    for knc, says in ((envelope(isa=2), b"another instruction set"), (envelope(level=level_here + 1), b"a later processor"),
                      (envelope(bounds=2), b"bounds"), (envelope(hwasm=near(H(mod))), b"the digest of the module"),
                      (envelope(himage=near(H(b"x" * 100))), b"the digest of the native code"),
                      (envelope(), b"native code of another module")):
        c = RefClient(ref, a.session(a.create()), root)
        c.handshake()
        c.claim()
        c.begin(knc, ["native"], form=1)
        c.module(knc)
        c.run()
        c.finish()
        if not taken:
            says = b"takes no native code"
        t.ok(c.exit["how"] == 5 and says in c.out[3], "the Keep says of native code: %s" % says.decode(), (c.exit, c.out[3]))
        c.release()

    # an owner
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, utils
    key = ec.generate_private_key(ec.SECP256R1())
    pub = key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    cfg = kcf1(owner=H(pub))

    def owner_part(c, k=key, p=pub):
        r, s = utils.decode_dss_signature(k.sign(
            ref.owner_tbs(ref.binding(c.hello, c.offer), c.sess.auth), ec.ECDSA(hashes.SHA256())))
        return bytes([129]) + p + r.to_bytes(32, "big") + s.to_bytes(32, "big")

    # An answer is for the link whose frame it answers, however the next comes.
    keep = a.create()
    mine = []
    for _ in range(50):
        s = a.session(keep, steal=True)
        s.sendall(ref.frame(ref.T_HELLO, ref.hello(os.urandom(32), [1, 2], [FORMAT])))
        mine.append([recv_frame(s)[0], recv_frame(s)[0]])
        s.sendall(ref.frame(ref.T_OPEN, bytes(72)) + ref.frame(ref.T_RECORD, bytes(272)) * 3)
    t.eq(mine, [[ref.T_OFFER, ref.T_EVIDENCE]] * 50, "a link that was stolen from one with bad frames gets its own OFFER first, 50 times")

    keep = a.create(cfg)
    other = ec.generate_private_key(ec.SECP256R1())
    opub = other.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    for what, part in (("no owner part", lambda c: b"\0"),
                       ("another's key", lambda c: owner_part(c, other, opub)),
                       ("another's signature under the owner's key", lambda c: owner_part(c, other, pub))):
        c = RefClient(ref, a.session(keep, steal=True), root)
        c.handshake()
        try:
            c.claim(part(c))
            t.ok(False, "a CLAIM with %s is refused" % what)
        except ref.Reject as e:
            t.ok("FAIL 14" in str(e), "a CLAIM with %s is BAD_OWNER" % what, e)
        c.s.close()
    c = RefClient(ref, a.session(keep, steal=True), root)
    c.handshake()
    c.claim(owner_part(c))
    t.ok(True, "the owner's CLAIM is taken by the same Keep, which stayed fresh")
    c.begin(mod, ["echo"])
    c.module(mod)
    c.run()
    c.stdin(b"mine")
    c.finish()
    t.ok(good(c, mod, b"mine"), "and its program runs")
    c.release()
    # mode 1: cut, come back, and what goes wrong on the way
    keep = a.create()
    c = RefClient(ref, a.session(keep), root)
    c.handshake()
    c.claim()
    c.begin(mod, ["echo"])
    c.module(mod)
    c.run()
    for i in range(0, 100000, 10000):
        c.record(ref.K_DATA, 0, i, data[i:i + 10000])
    while len(c.out[1]) < 50000:
        c.step()
    first = (c.ready_no, c.sess.ticket)
    c.s.close()
    d = c.reattach(a.session(keep, steal=True))
    sent = int.from_bytes(d.ready["data"][40:48], "big")
    t.ok(d.attach_no == 2 and d.ready_no == 2 and d.ready["data"][48] == 2 and 50000 <= sent <= 100000,
         "RESUME: attach 2, ticket 2, running, so much of the input is there", d.ready)
    second = (d.ready_no, d.sess.ticket)
    d.s.close()
    # nothing was sent after READY 2: both tickets are good until one is confirmed
    e = d.reattach(a.session(keep, steal=True), ticket=first)
    t.eq(e.attach_no, 3, "a ticket is good until the next is confirmed")
    e.s.close()
    f = e.reattach(a.session(keep, steal=True))
    t.eq(f.attach_no, 4, "and so is the newest")
    for i in range(sent, len(data), 16000):
        f.record(ref.K_DATA, 0, i, data[i:i + 16000])
    f.record(ref.K_END, 0, len(data))
    f.step()
    for what, use in (("replaced", first), ("unconfirmed and replaced", second), ("used, then confirmed", (e.ready_no, e.sess.ticket))):
        link = a.session(keep, steal=True)
        try:
            f.reattach(link, ticket=use)
            t.ok(False, "a ticket that was %s is refused" % what)
        except ref.Reject as x:
            t.ok("says 10" in str(x), "a ticket that was %s is NO_TICKET" % what, x)
            # The RESUME behind it is answered too, on this link, not the next.
            t.eq(recv_frame(link)[1][:2], b"\0\x0d", "and the RESUME behind it BAD_ORDER")
    try:
        f.reattach(a.session(keep, steal=True), ticket=(f.ready_no, os.urandom(32)))
        t.ok(False, "another key under the right number is refused")
    except ref.Reject as x:
        t.ok("says 11" in str(x), "another key under the right number does not open", x)
    try:
        f.reattach(a.session(keep, steal=True), keep_id=os.urandom(32))
        t.ok(False, "a HELLO for another Keep is refused")
    except ref.Reject as x:
        t.ok("frame 15" in str(x) and "\\x00\\x06" in str(x), "a HELLO for another Keep is WRONG_KEEP", x)
    g = RefClient(ref, a.session(keep, steal=True), root)
    try:
        g.handshake()
        t.ok(False, "a new session with an owned Keep is refused")
    except ref.Reject as x:
        t.ok("frame 15" in str(x) and "\\x00\\x04" in str(x), "a new session with an owned Keep is KEEP_OWNED", x)
    # double RESUME: the second HELLO ends the first attach
    h = f.reattach(a.session(keep, steal=True))
    i = h.reattach(a.session(keep, steal=True))
    try:
        h.record(ref.K_NOOP)
        while True:
            h.step()
    except (OSError, EOFError, ref.Reject):
        t.ok(i.attach_no == h.attach_no + 1, "a second RESUME ends the first attach")
    # What was on its way when a link was stolen is lost: READY says from where.
    if i.ready["data"][48] < 3:
        for at in range(int.from_bytes(i.ready["data"][40:48], "big"), len(data), 16000):
            i.record(ref.K_DATA, 0, at, data[at:at + 16000])
        i.record(ref.K_END, 0, len(data))
    i.finish()
    t.ok(good(i, mod, data), "the output is exact over %d attaches" % i.attach_no, i.exit)
    i.s.close()
    j = i.reattach(a.session(keep, steal=True))
    j.finish()
    t.ok(j.exit == i.exit and j.ready["data"][48] == 3, "EXIT comes again at every attach", j.exit)
    j.release()
t.done()
