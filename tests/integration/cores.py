#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Promise 27: no secret in logs and core dumps. Core dumps are allowed
without limit; client, Keep and launcher are then crashed in mid-session, and
none of them leaves one. The client's most talkative output, its state and the
agent's logs are searched for canaries in program, arguments, environment,
input and output."""
import base64
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from donjonlib import Agent, Tap, descendants, echo_module, is_keep, program  # noqa: E402

t = Tap()
work = tempfile.mkdtemp(prefix="donjon-test-")
try:
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
except (ValueError, OSError):
    pass
allowed = resource.getrlimit(resource.RLIMIT_CORE)[0] != 0


def limit_of(pid):
    with open("/proc/%d/limits" % pid) as f:
        return next(x.split()[4] for x in f if x.startswith("Max core file size"))


def dumped(status):
    return bool(status & 0x80)


control = subprocess.Popen(["sleep", "100"], cwd=work)
time.sleep(0.1)
control.send_signal(signal.SIGABRT)
control_dumps = dumped(os.waitpid(control.pid, 0)[1])
for n in os.listdir(work):
    os.unlink(os.path.join(work, n))
if allowed and control_dumps:
    t.ok(True, "a process that allows it does leave a core dump")
else:
    t.skip("a process that allows it does leave a core dump", "core dumps are off on this machine")

can = {k: os.urandom(24) for k in ("program", "input")}
can.update({k: base64.b32encode(os.urandom(15)) for k in ("argument", "environment")})
module = os.path.join(work, "echo.wasm")
with open(module, "wb") as f:
    f.write(echo_module(can["program"]))
env = dict(os.environ, XDG_STATE_HOME=os.path.join(work, "state"), XDG_CONFIG_HOME=os.path.join(work, "config"))


def start(a, err):
    p = subprocess.Popen([program("donjon"), "-v", "-H", "unix:" + a.sock, "-p", a.policy(), "run",
                          "-e", "CANARY=" + can["environment"].decode(), module, can["argument"].decode()],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=err, env=env, cwd=work)
    p.stdin.write(can["input"])
    p.stdin.flush()
    got = b""
    while len(got) < len(can["input"]):
        b = os.read(p.stdout.fileno(), 4096)
        if not b:
            raise RuntimeError("no echo")
        got += b
    assert got == can["input"]
    return p


with Agent() as a, open(os.path.join(work, "stderr"), "wb") as err:
    for sig in (signal.SIGSEGV, signal.SIGABRT):
        p = start(a, err)
        t.eq(limit_of(p.pid), "0", "the client's limit for core dumps is 0")
        p.send_signal(sig)
        _, status = os.waitpid(p.pid, 0)
        t.ok(os.WTERMSIG(status) == sig and not dumped(status), "the client leaves none at %s" % sig.name, status)
        for f in (p.stdin, p.stdout):
            f.close()
    p = start(a, err)
    kids = [k for k in descendants(a.proc.pid)]
    keeps = [k for k in kids if is_keep(k)]
    t.eq({limit_of(k) for k in keeps}, {"0"}, "so are the Keeps'")
    # Whoever a crash of the Keep is told to, it is not a file.
    for k in keeps:
        os.kill(k, signal.SIGSEGV)
    p.stdin.close()
    p.stdout.read()
    code = p.wait(20)
    t.eq(code, 122, "a crashed Keep is a run that was cut off")
    p = start(a, err)
    p.stdin.close()
    t.ok(p.stdout.read() == b"" and p.wait(20) == 0, "and the next run is right")
    left = [os.path.join(d, n) for d, _, ns in os.walk(work) for n in ns if n.startswith("core")]
    t.eq(left, [], "no core file was left")

    files = [os.path.join(work, "stderr"), a.log.name, a.trace]
    for top in (os.path.join(work, "state"), os.path.join(a.dir, "state")):
        files += [os.path.join(d, n) for d, _, ns in os.walk(top) for n in ns]
    hits, size = [], 0
    for name in files:
        with open(name, "rb") as f:
            b = f.read()
        size += len(b)
        for k, v in can.items():
            forms = [v, v.hex().encode(), base64.b64encode(v)]
            hits += ["%s in %s" % (k, name) for x in forms if x[:12] in b]
    t.ok(not hits and size > 1000, "0 canaries in %d bytes of %d logs and state files" % (size, len(files)),
         "\n".join(hits))
    modes = [oct(os.stat(os.path.join(d, n)).st_mode & 0o77) for d, _, ns in os.walk(os.path.join(work, "state"))
             for n in ns if n.endswith((".key", ".ticket", ".json"))]
    t.ok(all(m == "0o0" for m in modes), "keys and tickets are for their owner alone", modes)
shutil.rmtree(work, ignore_errors=True)
t.done()
