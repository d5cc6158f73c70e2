#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every malformed or invalid module of the WebAssembly suite is refused by
name by the client, before any host is asked; and by the Keep itself, for a
client that sends it all the same (EXIT says 5, the stream of diagnostics why)."""
import glob
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from donjonlib import (Agent, RefClient, Tap, program, reference, shared, skip_all, spin_module)  # noqa: E402

ref = reference()
if not os.path.isdir(shared("wasm-spec")):
    skip_all("no WebAssembly suite (DONJON_SHARED)")
t = Tap()
bad = []
# The newest version's: what an older one refused, the engine may take now.
for path in sorted(glob.glob(shared("wasm-spec", "3.0/core", "*", "*.json"))):
    with open(path) as f:
        for c in json.load(f)["commands"]:
            if c["type"] in ("assert_malformed", "assert_invalid") and c["filename"].endswith(".wasm"):
                bad.append(os.path.join(os.path.dirname(path), c["filename"]))
work = tempfile.TemporaryDirectory(prefix="donjon-test-")
# No host answers here: a client that asked one would say so, not 126.
env = dict(os.environ, XDG_STATE_HOME=work.name, XDG_CONFIG_HOME=work.name)
policy = os.path.join(work.name, "policy.toml")
with open(policy, "w") as f:
    f.write('schema = 1\nname = "none"\n[keep]\nmeasurement = [ { tee = "process", sha256 = "%s" } ]\n' % ("00" * 32))


def client(path):
    r = subprocess.run([program("donjon"), "-H", "unix:" + work.name + "/none.sock", "-p", policy, "run", path], env=env,
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return path, r.returncode, r.stdout, r.stderr.decode(errors="replace")


with ThreadPoolExecutor(2) as pool:
    rows = list(pool.map(client, bad))
wrong = [r for r in rows if r[1] != 126 or r[2] or "error[module." not in r[3]]
t.ok(bad and not wrong, "the client refuses %d of %d bad modules by name, exit 126" % (len(bad) - len(wrong), len(bad)),
     "\n".join("%s: exit %d %s" % (os.path.relpath(w[0], shared()), w[1], w[3].strip()) for w in wrong[:20]))

step = 25
some = bad[::step]
with Agent() as a:
    root = os.path.join(a.emu, "root.pem")
    wrong = []

    def through(data):
        c = RefClient(ref, a.session(a.create()), root, suites=[2])
        c.handshake()
        c.claim()
        c.begin(data, ["x"])
        c.module(data)
        c.run()
        c.finish()
        c.release()
        return c
    for path in some:
        with open(path, "rb") as f:
            c = through(f.read())
        if c.exit["how"] != 5 or not c.out[3] or c.out[1]:
            wrong.append((path, c.exit["how"], c.out[3]))
    t.ok(not wrong, "the Keep refuses each of %d (every %dth) with EXIT 5 and a reason" % (len(some), step),
         "\n".join(map(str, wrong[:10])))
    for what, data in (("an empty module", b""), ("a cut module", spin_module()[:-3])):
        c = through(data)
        t.eq(c.exit["how"], 5, what + " is refused by the Keep")
    c = RefClient(ref, a.session(a.create()), root, suites=[2])
    c.handshake()
    c.claim()
    try:
        c.begin(bytes(33 << 20), ["x"])
        c.finish()
        t.ok(False, "a module over the block's limit is refused")
    except ref.Reject as e:
        t.eq(str(e), "FAIL 15", "a module over the block's limit is TOO_BIG")
t.done()
