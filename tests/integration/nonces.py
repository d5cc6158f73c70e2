#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Promise 7: no key is used with one nonce twice.

A Keep and a client whose AEAD is wrapped by a log (tests/support/nonce_log.h)
trap at the second use of a pair; here they run sessions with both suites,
key changes, reattaches and many records, and the logs of all of them are
joined: no pair is in two of them either. Last, a Keep whose record number is
set back must be stopped by its log, or the log says nothing."""
import collections
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from donjonlib import (BUILD, Agent, RefAgain, RefClient, Tap, descendants, dump, echo_module, is_keep,  # noqa: E402
                       jump, program, reference, skip_all)

ref = reference()
if os.geteuid() != 0:
    skip_all("only root may read a Keep's memory")
IMAGES = os.path.join(BUILD, "keep-nonce")
t = Tap()
pairs = collections.Counter()
sessions = 0


def log_address():
    out = subprocess.run(["nm", os.path.join(IMAGES, "process.elf")], stdout=subprocess.PIPE, text=True).stdout
    return next(int(x.split()[0], 16) for x in out.splitlines() if x.endswith(" dj_nonce_log"))


def take_log(pid):
    """The Keep's entries so far, out of its memory."""
    where = log_address()
    b = next(b[where - a:] for a, b in dump(pid) if a <= where < a + len(b))
    count = int.from_bytes(b[4:8], "little")
    table = b[8:8 + (1 << 17) * 16]
    got = [table[i:i + 16] for i in range(0, len(table), 16) if any(table[i:i + 16])]
    assert len(got) == count, (len(got), count)
    return got


def keeps_of(a):
    return {p for p in descendants(a.proc.pid) if is_keep(p)}


def pump(c, until):
    while not until():
        if not c.step():
            raise RuntimeError("ended too early")


def again(c):
    c.again_rd = None
    c.record(ref.K_AGAIN, 0, 0, os.urandom(32))
    pump(c, lambda: c.again_rd is not None)


def settle(c):
    """Until nothing is on its way: what came while AGAIN was answered was
    acknowledged, and the Keep may not have seen that yet."""
    while True:
        n = c.sess.c2k.n
        again(c)
        if c.sess.c2k.n == n + 1:
            return


def set_number(c, pid, ch, number):
    """The Keep may still acknowledge, after its answer to AGAIN."""
    for _ in range(20):
        settle(c)
        if jump(ref, pid, ch, number, False):
            return
    raise AssertionError("struct dj_chain has moved")


def whole(a, suite, size):
    """Three attaches, two key changes each way, size bytes of echo."""
    global sessions
    old = keeps_of(a)
    root, kid = os.path.join(a.emu, "root.pem"), a.create()
    c = RefClient(ref, a.session(kid), root, suites=[suite])
    c.handshake()
    pid = (keeps_of(a) - old).pop()
    c.claim()
    mod = echo_module()
    c.begin(mod, ["echo"])
    c.module(mod)
    c.run()
    data, at = os.urandom(size), 0
    for no in (1, 2, 3):
        for ch in (c.sess.c2k, c.sess.k2c):
            set_number(c, pid, ch, 65530)
        for _ in range(12):
            again(c)
        end = min(at + size // 3, size)
        while at < end:
            c.record(ref.K_DATA, 0, at, data[at:min(at + 200, end)])
            at = min(at + 200, end)
            if at % 800 == 0:
                pump(c, lambda: len(c.out[1]) == at)
        pump(c, lambda: len(c.out[1]) == at)
        assert c.sess.k2c.n > 65536 and c.sess.c2k.n > 65536
        if no < 3:
            out = c.out[1]
            c.s.close()
            c = RefAgain(ref, a.session(kid, steal=True), root, c.o["keep_id"], c.sess.ticket, no,
                         [(1, len(out)), (2, 0)], [suite])
            c.handshake()
            c.claim()
            c.out[1] = out
    c.record(ref.K_END, 0, at)
    c.finish()
    t.ok(c.out[1] == data[:at] and c.exit["how"] == 0,
         "suite %d: three attaches, six key changes, %d bytes, right" % (suite, at))
    got = take_log(pid)
    pairs.update(got)
    sessions += 1
    c.release()


with Agent("--image-dir", IMAGES) as a:
    for suite in (1, 2, 1):
        whole(a, suite, 900000)

    # Our own client, its log in a file, against the logging Keep.
    probe = RefClient(ref, a.session(a.create()), os.path.join(a.emu, "root.pem"))
    probe.handshake()
    meas = probe.measurement
    probe.s.close()
    policy = os.path.join(a.dir, "policy.toml")
    with open(policy, "w") as f:
        f.write('schema = 1\nname = "test"\n[development]\nallow = true\nroot = "%s"\n[keep]\n'
                'measurement = [ { tee = "process", sha256 = "%s" } ]\n' % (os.path.join(a.emu, "root.pem"), meas))
    module, log = os.path.join(a.dir, "echo.wasm"), os.path.join(a.dir, "nonces")
    with open(module, "wb") as f:
        f.write(echo_module())
    data, good, runs = os.urandom(300000), 0, 20
    for _ in range(runs):
        r = subprocess.run([program("tests/donjon-nonce"), "-H", "unix:" + a.sock, "-p", policy, "run", module],
                           input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           env=dict(os.environ, DONJON_NONCE_LOG=log, XDG_STATE_HOME=os.path.join(a.dir, "xs"),
                                    XDG_CONFIG_HOME=os.path.join(a.dir, "xc")))
        good += r.returncode == 0 and r.stdout == data
    t.eq(good, runs, "%d runs of our client are right" % runs)
    with open(log, "rb") as f:
        b = f.read()
    pairs.update(b[i:i + 16] for i in range(0, len(b), 16))
    sessions += runs
    twice = sum(1 for n in pairs.values() if n > 1)
    t.ok(twice == 0 and len(pairs) > 1000,
         "%d (key, nonce) pairs in %d sessions, %d used twice" % (len(pairs), sessions, twice))

    # The control: a number that goes back is a nonce that comes again.
    old = keeps_of(a)
    kid = a.create()
    c = RefClient(ref, a.session(kid), os.path.join(a.emu, "root.pem"), suites=[1])
    c.handshake()
    pid = (keeps_of(a) - old).pop()
    c.claim()
    again(c)
    assert jump(ref, pid, c.sess.k2c, 0, False)
    try:
        again(c)
        stopped = False
    except (EOFError, OSError, ref.Reject):
        stopped = True
    t.ok(stopped, "a Keep that would use a nonce again is stopped by its log")
t.done()
