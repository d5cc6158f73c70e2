#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Promise 8: what a Keep no longer needs is not in its memory any more.

A real Keep's private memory is read (as root: the TEE is `process`) at
labelled points of one session and searched for the whole of each secret that
was alive until then; at each point the secrets that must still be there are
searched too, so that a search that reads the wrong memory fails. After
RELEASE, the process is held at its exit, and nothing at all may be left: no
key, no byte of program, arguments, input, files or computed output."""
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from donjonlib import (Agent, RefClient, RefAgain, Tap, all_of, check_evidence, descendants, dump,  # noqa: E402
                       echo_module, is_keep, jump, recv_frame, reference, skip_all)

ref = reference()
if os.geteuid() != 0:
    skip_all("only root may read a Keep's memory")
t = Tap()
be = ref.be
hits = points = 0


class Memory:
    """A Keep's private memory at one point: every readable mapping but the
    shared region (which is the host's: canary.py scans that)."""

    def __init__(self, pid):
        self.parts = dump(pid)

    def find(self, needle):
        return [a + i for a, b in self.parts for i in all_of(b, needle)]


def windows(secret):
    """8-byte windows, every 4 bytes: a part of a secret is a secret."""
    return [secret[i:i + 8] for i in range(0, len(secret) - 7, 4)]


def at(label, pid, gone, there=()):
    global hits, points
    m = Memory(pid)
    points += 1
    found = {k: [hex(a) for w in windows(v) for a in m.find(w)][:4] for k, v in gone.items()}
    found = {k: v for k, v in found.items() if v}
    hits += len(found)
    size = sum(len(b) for _, b in m.parts)
    t.ok(not found, "%s: none of %d secrets in %d KiB of private memory" % (label, len(gone), size >> 10), found)
    for k, v in dict(there).items():
        t.ok(m.find(v), "%s: the search finds what must be there: %s" % (label, k))
    return m


def epoch_keys(chain_secret, name):
    return {name + " secret": chain_secret,
            name + " key": ref.expand(chain_secret, b"keep-session-v1 key", 32),
            name + " iv": ref.expand(chain_secret, b"keep-session-v1 iv", 12)}


def kem_key(m, keep_id, pk):
    """The Keep's one-use key: the 32 bytes whose public key is in OFFER; it
    stands beside keep_id in struct dj_pending."""
    for _, b in m.parts:
        for i in all_of(b, keep_id):
            for j in range(max(0, i - 128), i + 128):
                w = b[j:j + 32]
                if len(w) == 32 and ref.x25519_pub(w) == pk:
                    return w
    return None


def pump(c, until):
    while not until():
        if not c.step():
            raise RuntimeError("ended too early")


def will_stop(pid):
    """Will hold the process at its next write: a quiet Keep that gets RELEASE
    wipes, kicks its host (a write of eight bytes) and exits."""
    p = subprocess.Popen(["strace", "-qq", "-o", "/dev/null", "-p", str(pid), "-e", "trace=write", "-e",
                          "inject=write:delay_enter=60000000"], stdin=subprocess.DEVNULL)
    end = time.time() + 10
    while time.time() < end:
        with open("/proc/%d/status" % pid) as f:
            if "TracerPid:\t0\n" not in f.read():
                return p
        time.sleep(0.02)
    raise RuntimeError("strace does not attach")


def tar(name, data):
    h = bytearray(512)
    for off, b in ((0, name.encode()), (100, b"0000644\0"), (108, b"0000000\0"), (116, b"0000000\0"),
                   (124, b"%011o\0" % len(data)), (136, b"00000000000\0"), (156, b"0"), (257, b"ustar\x0000"),
                   (148, b"        ")):
        h[off:off + len(b)] = b
    h[148:156] = b"%06o\0 " % sum(h)
    return bytes(h) + data + bytes(-len(data) % 512) + bytes(1024)


def whole(suite):
    can = {k: os.urandom(32) for k in ("program", "stdin", "file")}
    can.update({k: bytes(33 + x % 90 for x in os.urandom(32)) for k in ("argument", "environment")})
    with Agent() as a:
        root = os.path.join(a.emu, "root.pem")
        kid = a.create()
        c = RefClient(ref, a.session(kid), root, suites=[suite])
        c.send(ref.T_HELLO, c.hello)
        _, c.offer, _ = recv_frame(c.s)
        _, c.ev, _ = recv_frame(c.s)
        o = ref.parse_offer(c.offer)
        pid = next(p for p in descendants(a.proc.pid) if is_keep(p))
        name = "suite %d, " % suite

        # OFFERED: the one-use key is there. After OPEN it is not.
        sk = kem_key(Memory(pid), o["keep_id"], o["pk"])
        t.ok(sk is not None, name + "before OPEN: the one-use key is in memory")
        skE = os.urandom(32)
        cl = ref.Client(c.hello, lambda rd, ev: check_evidence(ref, ev, rd, root))
        c.open, c.o = cl.on_offer(c.offer, c.ev, skE=skE), o
        c.sess = s1 = cl.session
        dh = ref.x25519(skE, o["pk"])
        ss = ref.dhkem_ss(dh, ref.x25519_pub(skE), o["pk"])
        first = {"KEM key": sk, "X25519 result": dh, "KEM secret": ss, "exporter": s1.hpke.exporter_secret,
                 "auth": s1.auth, "c2k S0": s1.c2k.secret, "k2c S0": s1.k2c.secret}
        c.claim()
        live = {"ticket 1": s1.ticket, "again": s1.again,
                "c2k iv 0": ref.expand(s1.c2k.secret, b"keep-session-v1 iv", 12)}
        at(name + "after OPEN", pid, first, live)

        # Records on both sides of 2^16, and the keys before it are gone.
        old = dict(first)
        for ch, n in ((s1.c2k, "c2k 0"), (s1.k2c, "k2c 0")):
            old.update(epoch_keys(ch.secret, n))
            assert jump(ref, pid, ch, 65534, False)
        mod = echo_module(can["program"])
        item = bytes([1, 0, 16, 0]) + b"/data"
        c.begin(mod, ["echo", can["argument"].decode()], ["C=" + can["environment"].decode()],
                be(3, 2) + be(len(item), 2) + item)
        c.module(mod)
        c.tree(16, tar("canary", can["file"]))
        c.run()
        c.record(ref.K_DATA, 0, 0, can["stdin"])
        pump(c, lambda: len(c.out[1]) == 32)
        while s1.k2c.n <= 65536:
            c.record(ref.K_AGAIN, 0, 0, os.urandom(32))
            c.again_rd = None
            pump(c, lambda: c.again_rd is not None)
        t.ok(s1.c2k.n > 65536 and s1.k2c.n > 65536 and c.out[1] == can["stdin"],
             name + "records pass number 65,536 both ways")
        for ch in (s1.c2k, s1.k2c):
            ch._at()
        old.update({"c2k S1": s1.c2k.secret, "k2c S1": s1.k2c.secret})
        iv1 = ref.expand(s1.c2k.secret, b"keep-session-v1 iv", 12)
        at(name + "after the key change", pid, old, {"c2k iv 1": iv1, "ticket 1": s1.ticket})

        # DETACH: the attach's keys are gone, the ticket stays.
        for ch, n in ((s1.c2k, "c2k 1"), (s1.k2c, "k2c 1")):
            old.update(epoch_keys(ch.secret, n))
        old["again"] = s1.again
        c.record(ref.K_DETACH)
        end = time.time() + 5
        while Memory(pid).find(s1.again) and time.time() < end:
            time.sleep(0.02)
        c.s.close()
        at(name + "after DETACH", pid, old, {"ticket 1": s1.ticket, "the program's input": can["stdin"],
                                               "its file": can["file"]})

        # Reattach: READY makes a ticket, the first record after it confirms.
        d = RefAgain(ref, a.session(kid), root, o["keep_id"], s1.ticket, 1, [(1, 32), (2, 0)], [suite])
        d.handshake()
        d.claim()
        s2 = d.sess
        d.out[1] = can["stdin"]
        old.update({"attach 2: " + k: v for k, v in {
            "exporter": s2.hpke.exporter_secret, "auth": s2.auth, "c2k S0": s2.c2k.secret,
            "k2c S0": s2.k2c.secret, "X25519 result": ref.x25519(d.skE, d.o["pk"])}.items()})
        at(name + "after reattach, before its confirmation", pid, old,
           {"ticket 1": s1.ticket, "ticket 2": s2.ticket})
        d.again_rd = None
        d.record(ref.K_AGAIN, 0, 0, os.urandom(32))
        pump(d, lambda: d.again_rd is not None)
        old["ticket 1"] = s1.ticket
        at(name + "after its confirmation", pid, old, {"ticket 2": s2.ticket})

        # Near 2^48 a chain ends rather than use a number twice.
        assert jump(ref, pid, s2.k2c, (1 << 48) - 2, True)
        sent = 0
        d.s.settimeout(1)
        try:
            for _ in range(4):
                d.again_rd = None
                d.record(ref.K_AGAIN, 0, 0, os.urandom(32))
                pump(d, lambda: d.again_rd is not None)
                sent += 1
        except (EOFError, OSError, RuntimeError, ref.Reject):
            pass
        t.eq(sent, 2, name + "two records are left before number 2^48, then the attach ends")
        d.s.close()

        # The end: a third attach, the program runs out, RELEASE.
        e = RefAgain(ref, a.session(kid), root, o["keep_id"], s2.ticket, 2, [(1, 32), (2, 0)], [suite])
        e.handshake()
        e.claim()
        s3 = e.sess
        e.out[1] = can["stdin"]
        e.record(ref.K_END, 0, 32)
        e.finish()
        t.eq((e.exit["how"], e.exit["code"], e.exit["hout"]), (0, 0, ref.H(can["stdin"])),
             name + "the program ends well after three attaches")
        last = {"attach 3: " + k: v for k, v in {
            "ticket": s3.ticket, "again": s3.again, "exporter": s3.hpke.exporter_secret}.items()}
        for ch, n in ((s3.c2k, "attach 3: c2k"), (s3.k2c, "attach 3: k2c")):
            last.update(epoch_keys(ch.secret, n))
        last.update(old)
        last["ticket 2"] = s2.ticket
        last.update(can)
        last["module"] = mod[-64:]
        at(name + "before RELEASE", pid, {}, {"program": can["program"], "input": can["stdin"]})
        st = will_stop(pid)
        e.release()
        end = time.time() + 10
        while time.time() < end:
            with open("/proc/%d/syscall" % pid) as f:
                if f.read().startswith("1 "):  # write
                    break
            time.sleep(0.02)
        at(name + "after RELEASE, at the exit", pid, last)
        st.kill()
        st.wait()
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it went on from where it was held, to its end


for suite in (1, 2):
    whole(suite)
print("# %d points, %d secrets found" % (points, hits))
t.done()
