#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Many Keeps at once. 100 of them in `make check`; DONJON_LONG=1 (make
check-long) or --keeps N --seconds S by hand: 1,000 and a minute.

Every Keep is verified, claimed and given a program by the reference client;
all of them wait in the middle of their programs at the same time; then each
must give back its own input. Beside them, connections that never say a word.
At the end descriptors, memory and processes are where they were."""
import base64
import collections
import http.client
import json
import os
import random
import resource
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from donjonlib import (Agent, RefClient, Tap, UnixHTTP, echo_module, kcf1, reference,  # noqa: E402
                       skip_all)


def option(name, short, full):
    if name in sys.argv:
        return int(sys.argv[sys.argv.index(name) + 1])
    return full if os.environ.get("DONJON_LONG") else short


KEEPS = option("--keeps", 100, 1000)
SECONDS = option("--seconds", 3, 60)
SILENT = option("--silent", 200, 1000)
GOOD = min(50, KEEPS)
ref = reference()
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
if hard < 8 * KEEPS + SILENT + 200:
    skip_all("only %d descriptors" % hard)
t = Tap()
MEMORY = 16 << 20
BODY = json.dumps({"tee": "process", "config": base64.b64encode(kcf1(memory=MEMORY)).decode()})
MODULE = echo_module()


class Link:
    """One HTTP connection, kept while the agent keeps it: an idle one gives
    way to newer ones."""

    def __init__(self, agent):
        self.c = UnixHTTP(agent.sock)

    def __call__(self, method, path, body=None):
        fields = {"Content-Type": "application/json"} if body else {}
        try:
            self.c.request(method, path, body, fields)
            r = self.c.getresponse()
        except (ConnectionError, http.client.HTTPException):
            self.c.close()
            self.c.request(method, path, body, fields)
            r = self.c.getresponse()
        data = r.read()
        return r.status, json.loads(data) if data and data[:1] in b"{[" else data.decode()


def wait_for(what, seconds=30):
    end = time.time() + seconds
    while time.time() < end:
        if what():
            return True
        time.sleep(0.05)
    return False


def family(pid):
    out, todo = [], [pid]
    while todo:
        p = todo.pop()
        try:
            with open("/proc/%d/task/%d/children" % (p, p)) as f:
                kids = [int(x) for x in f.read().split()]
        except OSError:
            continue
        out += kids
        todo += kids
    return out


def fds(pid):
    return len(os.listdir("/proc/%d/fd" % pid))


def pss(pid):
    try:
        with open("/proc/%d/smaps_rollup" % pid) as f:
            return next(int(x.split()[1]) for x in f if x.startswith("Pss:"))
    except (OSError, StopIteration):
        return 0


def by_program(pids):
    """KiB of PSS by program."""
    out = collections.Counter()
    for p in pids:
        try:
            exe = os.readlink("/proc/%d/exe" % p)
        except OSError:
            continue
        out["Keep" if "memfd:" in exe else os.path.basename(exe)] += pss(p)
    return out


def cpu(pid):
    """Seconds of the agent, and of its children that ended."""
    with open("/proc/%d/stat" % pid) as f:
        x = f.read().rsplit(")", 1)[1].split()
    hz = os.sysconf("SC_CLK_TCK")
    return (int(x[11]) + int(x[12])) / hz, (int(x[13]) + int(x[14])) / hz


def sustained(agent, seconds):
    """Creates Keeps, each seen running and deleted while 40 others live."""
    ask, queue = Link(agent), collections.deque()
    made = up = 0
    own, kids = cpu(agent.proc.pid)
    began = time.time()
    while time.time() - began < seconds:
        st, k = ask("POST", "/v1/keeps", BODY)
        if st != 201:
            return made, up, k
        made += 1
        queue.append(k["id"])
        if len(queue) > 40:
            kid = queue.popleft()
            up += wait_for(lambda: ask("GET", "/v1/keeps/" + kid)[1]["state"] == "fresh")
            ask("DELETE", "/v1/keeps/%s?force=1" % kid)
    took = time.time() - began
    while queue:
        kid = queue.popleft()
        up += wait_for(lambda: ask("GET", "/v1/keeps/" + kid)[1]["state"] == "fresh")
        ask("DELETE", "/v1/keeps/%s?force=1" % kid)
    wait_for(lambda: not family(agent.proc.pid))
    own2, kids2 = cpu(agent.proc.pid)
    print("# %d creates in %.1f s: %.0f a second; a create took %.1f ms of CPU, %.1f of them donjond's"
          % (made, took, made / took, 1e3 * (own2 - own + kids2 - kids) / made, 1e3 * (own2 - own) / made))
    return made, up, None


def hold(agent, ids):
    """Sessions whose programs have read their input and wait for more."""
    out = []
    for i, kid in enumerate(ids):
        c = RefClient(ref, agent.session(kid), os.path.join(agent.emu, "root.pem"))
        c.handshake()
        c.claim()
        c.begin(MODULE, args=["echo"])
        c.module(MODULE)
        c.text = b"%d of %d " % (i, len(ids)) + random.randbytes(40)
        c.record(ref.K_DATA, 0, 0, c.text)
        c.run()
        out.append(c)
    return out


def finish(c):
    c.record(ref.K_END, 0, len(c.text))
    c.finish()
    good = c.exit["how"] == 0 and c.exit["code"] == 0 and c.out[1] == c.text and c.out[2] == b""
    c.release()
    c.s.close()
    return good


with Agent("--max-keeps", str(KEEPS + 8), "--memory", str((KEEPS + 64) * MEMORY), "--max-rate", "100000") as a:
    ask = Link(a)
    # What a first Keep makes the agent load is not what Keeps leave behind.
    first = ask("POST", "/v1/keeps", BODY)[1]["id"]
    for c in hold(a, [first]):
        t.ok(finish(c), "one Keep works")
    wait_for(lambda: not family(a.proc.pid))
    fds0, pss0 = fds(a.proc.pid), pss(a.proc.pid)

    began = time.time()
    ids = []
    for _ in range(KEEPS):
        st, k = ask("POST", "/v1/keeps", BODY)
        if st != 201:
            print("# %s %s" % (st, k))
            break
        ids.append(k["id"])
    print("# %d Keeps asked for in %.1f s" % (len(ids), time.time() - began))
    t.eq(len(ids), KEEPS, "%d Keeps start" % KEEPS)
    t.ok(wait_for(lambda: 'donjon_keeps{state="fresh"} %d\n' % KEEPS in ask("GET", "/metrics")[1], 120), "and are up at once")
    procs = family(a.proc.pid)
    t.eq(len(procs), 3 * KEEPS, "each is three processes")
    some = by_program(procs)
    each = sum(some.values()) / KEEPS
    print("# PSS of one idle Keep: %s; together %.0f KiB" % (
        ", ".join("%s %.0f" % (n, v / KEEPS) for n, v in sorted(some.items())), each))
    t.ok(each < 1024, "an idle Keep with all that belongs to it takes less than 1 MiB", each)

    began = time.time()
    sessions = hold(a, ids)
    print("# %d sessions verified and running in %.1f s; PSS of one in its program: %.0f KiB" % (
        KEEPS, time.time() - began, sum(by_program(family(a.proc.pid)).values()) / KEEPS))
    t.ok('donjon_keeps{state="owned"} %d\n' % KEEPS in ask("GET", "/metrics")[1], "%d programs run at once" % KEEPS)

    silent = []
    for _ in range(SILENT):
        s = socket.socket(socket.AF_UNIX)
        s.connect(a.sock)
        silent.append(s)
    times = []
    good = 0
    for c in sessions[:GOOD]:
        began = time.time()
        good += finish(c)
        times.append(time.time() - began)
    t.eq(good, GOOD, "%d sessions end rightly beside %d silent connections" % (GOOD, SILENT))
    times.sort()
    print("# a program's end, median %.1f ms, worst %.1f ms" % (1e3 * times[len(times) // 2], 1e3 * times[-1]))
    t.ok(times[-1] < 2, "none of them waits", times[-1])
    for s in silent:
        s.close()
    t.eq(sum(finish(c) for c in sessions[GOOD:]), KEEPS - GOOD, "every other program gives back its own input")
    t.ok(wait_for(lambda: not family(a.proc.pid), 60), "no process is left", len(family(a.proc.pid)))
    for kid in ids:
        ask("DELETE", "/v1/keeps/" + kid)
    t.ok(wait_for(lambda: fds(a.proc.pid) <= fds0 + 1), "descriptors are where they were", (fds0, fds(a.proc.pid)))

    made, up, why = sustained(a, SECONDS)
    t.ok(why is None and up == made, "Keeps are created and deleted for %d s, and each one runs" % SECONDS, (made, up, why))
    t.ok(wait_for(lambda: fds(a.proc.pid) <= fds0 + 1) and not family(a.proc.pid), "again nothing is left", fds(a.proc.pid))
    # donjond gives memory back when it sweeps, once a minute. Its history of
    # events is at most 4,096, and that of deleted ids 1,024: each may keep a
    # page, so how much that is differs. What is full does not grow any more.
    limit = pss0 + 10240
    if made > 4096:
        time.sleep(65)
        limit = pss(a.proc.pid) + 2048
        more, up, why = sustained(a, SECONDS)
        t.ok(why is None and up == more, "and again as long, as good", (more, up, why))
        made += more
    wait_for(lambda: fds(a.proc.pid) <= fds0 + 1 and not family(a.proc.pid))
    wait_for(lambda: pss(a.proc.pid) < limit, 70)
    now = pss(a.proc.pid)
    print("# donjond: %d descriptors and %d KiB before, %d and %d after %d Keeps" % (fds0, pss0, fds(a.proc.pid), now, made))
    t.ok(now < limit, "donjond's memory does not grow but for its history of events", (pss0, limit, now))
t.done()
