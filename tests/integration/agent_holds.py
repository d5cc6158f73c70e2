#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A host agent that holds: quotas, time, memory, events, history over a
restart, control groups, silent strangers, no descriptors, no processes. The
Keeps are real ones; nothing here needs the reference client."""
import base64
import glob
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from donjonlib import Agent, Tap, UnixHTTP, kcf1, program, recv_frame  # noqa: E402

t = Tap()
HELLO = b"KSP1\2\1\0\0" + bytes(range(32)) + bytes(32) + b"\0\1\0\2\x80\1"  # suites 1, 2; format 0x8001


def wait_for(what, seconds=10):
    end = time.time() + seconds
    while time.time() < end:
        if what():
            return True
        time.sleep(0.02)
    return False


def http(agent, method, path, body=None, headers=None):
    """Status, fields, body."""
    c = UnixHTTP(agent.sock)
    h = dict(headers or {})
    if body is not None:
        h["Content-Type"] = "application/json"
    c.request(method, path, None if body is None else json.dumps(body), h)
    r = c.getresponse()
    data = r.read()
    c.close()
    try:
        return r.status, r.headers, json.loads(data)
    except ValueError:
        return r.status, r.headers, data.decode()


def ask(memory=None, **more):
    return dict({"tee": "process", "config": base64.b64encode(kcf1(memory=memory)).decode()}, **more)


def create(agent, memory=None, **more):
    st, _, k = http(agent, "POST", "/v1/keeps", ask(memory, **more))
    assert st == 201, (st, k)
    return k["id"]


def fresh(agent, kid):
    return wait_for(lambda: http(agent, "GET", "/v1/keeps/" + kid)[2]["state"] == "fresh")


def refused(r, status, name, what, retry=True):
    t.ok(r[0] == status and r[2]["error"] == name and (r[1]["Retry-After"] is not None) == retry,
         "%s: %d %s%s" % (what, status, name, " with Retry-After" if retry else ""), r)


def children(pid):
    out, todo = [], [pid]
    while todo:
        p = todo.pop()
        for f in glob.glob("/proc/%d/task/*/children" % p):
            try:
                with open(f) as fh:
                    kids = [int(x) for x in fh.read().split()]
            except OSError:
                continue
            out += kids
            todo += kids
    return out


def fds(pid):
    return len(os.listdir("/proc/%d/fd" % pid))


class Stream:
    """A text/event-stream, read event by event."""

    def __init__(self, agent, path, last=None):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(10)
        self.s.connect(agent.sock)
        self.s.sendall(("GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n" % (
            path, "" if last is None else "Last-Event-ID: %s\r\n" % last)).encode())
        self.f = self.s.makefile("rb")
        self.head = b"".join(iter(lambda: self.f.readline(), b"\r\n")).decode()

    def next(self):
        """The next event, or None at the end."""
        ev = {}
        while True:
            try:
                line = self.f.readline().decode()
            except (socket.timeout, TimeoutError):
                return "nothing came"
            if not line:
                return None
            line = line.rstrip("\n")
            if not line and ev:
                return ev
            if line and line[0] != ":":
                k, v = line.split(": ", 1)
                ev[k] = json.loads(v) if k == "data" else v

    def rest(self):
        return list(iter(self.next, None))

    def close(self):
        self.f.close()
        self.s.close()


MiB = 1 << 20

# ---------------------------------------------------------------- quotas
with Agent("--max-keeps", "4", "--memory", "400MiB", "--max-caller-memory", "300MiB", "--max-caller-keeps", "3",
           "--max-ttl", "60") as a:
    first = create(a, 100 * MiB)
    refused(http(a, "POST", "/v1/keeps", ask(250 * MiB)), 429, "quota.memory", "memory beyond the caller's quota")
    refused(http(a, "POST", "/v1/keeps", ask(301 * MiB)), 429, "quota.memory",
            "memory that no caller may have", retry=False)
    r = http(a, "GET", "/v1/agent")[2]["capacity"]
    t.ok(r["memory"] == 400 * MiB and r["memory_free"] == 300 * MiB, "the free memory is told", r)
    more = [create(a, 64 * MiB), create(a, 64 * MiB)]
    refused(http(a, "POST", "/v1/keeps", ask(16 * MiB)), 429, "quota.keeps", "Keeps beyond the caller's quota")
    t.eq(http(a, "GET", "/v1/keeps/" + first)[2]["ttl"], 60, "a Keep without a ttl gets the host's")
    http(a, "DELETE", "/v1/keeps/%s?force=1" % first)
    t.eq(http(a, "POST", "/v1/keeps", ask(16 * MiB, ttl=3600))[2].get("ttl"), 60,
         "what ended is counted no more, and a longer ttl is cut to the host's")
with Agent("--max-keeps", "3", "--memory", "200MiB", "--max-ttl", "3") as a:
    refused(http(a, "POST", "/v1/keeps", ask(201 * MiB)), 503, "host.memory", "memory that the host has not", retry=False)
    kid = create(a, 150 * MiB)
    refused(http(a, "POST", "/v1/keeps", ask(100 * MiB)), 503, "host.memory", "memory that others have")
    link = a.session(kid)
    over = wait_for(lambda: http(a, "GET", "/v1/keeps/" + kid)[2]["state"] == "gone", 15)
    k = http(a, "GET", "/v1/keeps/" + kid)[2]
    t.ok(over and k["how"] == "killed" and "ttl" in k["reason"], "a Keep past its ttl is ended, and says so", k)
    typ, payload, _ = recv_frame(link)
    t.ok(typ == 15 and b"ttl" in payload, "and its client is told", (typ, payload))
    link.close()
    t.ok(wait_for(lambda: not children(a.proc.pid)), "and no process of it is left", children(a.proc.pid))
    create(a, 150 * MiB)
    t.ok(True, "its memory can be had again")

# ---------------------------------------------------------------- events
with Agent() as a:
    everything = Stream(a, "/v1/events")
    t.ok(" 200 " in everything.head and "text/event-stream" in everything.head, "GET /v1/events is a stream", everything.head)
    kid = create(a)
    fresh(a, kid)
    link = a.session(kid)
    link.sendall(b"\1\1\0\0" + len(HELLO).to_bytes(4, "big") + HELLO)
    recv_frame(link)
    recv_frame(link)
    link.close()
    seen = [everything.next() for _ in range(4)]
    t.eq([e["event"] for e in seen], ["created", "attached", "offered", "detached"], "it brings what happens, in order")
    d = seen[0]["data"]
    t.ok(d["schema"] == "donjon.event/1" and d["keep"] == kid and d["event"] == "created" and d["id"] == int(seen[0]["id"])
         and d["detail"]["tee"] == "process" and d["time"].endswith("Z"), "as donjon.event/1 objects", d)
    console = Stream(a, "/v1/keeps/%s/console?follow=1" % kid)
    http(a, "POST", "/v1/keeps/%s/kill" % kid)
    e = everything.next()
    t.ok(e["event"] == "lost" and e["data"]["detail"]["how"] == "killed", "a killed Keep is lost, with the reason", e)
    lines = console.f.read().decode().splitlines()
    t.ok(any("started" in x for x in lines) and lines[-1].endswith("killed by its owner"),
         "console?follow=1 ends with the Keep's last line", lines)
    again = Stream(a, "/v1/events?follow=0", seen[1]["id"]).rest()
    t.eq([x["event"] for x in again], ["offered", "detached", "lost"], "Last-Event-ID gives what came after, once")
    t.eq([x["id"] for x in Stream(a, "/v1/keeps/%s/events?follow=0" % kid).rest()], [x["id"] for x in seen] + [e["id"]],
         "a Keep's stream begins with its whole history")
    other = create(a)
    one = Stream(a, "/v1/keeps/%s/events" % other)
    t.eq(one.next()["data"]["keep"], other, "a Keep's stream has its own events only")
    t.eq(http(a, "GET", "/v1/events", headers={"Last-Event-ID": "x"})[2]["error"], "events.id", "a bad Last-Event-ID is refused")
    t.eq(http(a, "GET", "/v1/events?folow=0")[2]["error"], "query.unknown", "a misspelt parameter is refused")
    many = [Stream(a, "/v1/events") for _ in range(15)]
    refused(http(a, "GET", "/v1/events"), 429, "events.limit", "streams beyond a caller's share")
    for s in many + [one, everything, console]:
        s.close()
    t.ok(wait_for(lambda: "donjon_event_streams 0" in http(a, "GET", "/metrics")[2]), "closed streams are let go")
    # A frame in two halves, one with the request, for a Keep that is not up yet.
    answers = []
    for _ in range(8):
        early = create(a, 16 * MiB)
        link = socket.socket(socket.AF_UNIX)
        link.settimeout(10)
        link.connect(a.sock)
        whole = b"\1\1\0\0" + len(HELLO).to_bytes(4, "big") + HELLO
        link.sendall(("GET /v1/keeps/%s/session HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
                      "Upgrade: donjon-session/1\r\n\r\n" % early).encode() + whole[:40])
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += link.recv(1)
        link.sendall(whole[40:])
        answers.append(recv_frame(link)[0])
        link.close()
        http(a, "DELETE", "/v1/keeps/%s?force=1" % early)
    t.eq(answers, [2] * 8, "what comes with the request for a session goes first")
    # A stream that nobody reads must not cost the agent its memory.
    deaf = Stream(a, "/v1/events")
    for _ in range(1500):
        s = a.session(other)
        s.close()
    text = http(a, "GET", "/metrics")[2]
    t.ok("donjon_event_streams 0" in text, "a stream that does not read is closed", [x for x in text.splitlines() if "streams" in x])
    deaf.close()
    if shutil.which("promtool"):
        r = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        t.ok(r.returncode == 0 and r.stdout == "", "promtool has no complaint", r.stdout)
    else:
        t.skip("promtool has no complaint", "no promtool")

# ---------------------------------------------------------------- history
state = tempfile.mkdtemp(prefix="donjon-state-")
with Agent("--state-dir", state) as a:
    ended = create(a, labels={"job": "a"})
    fresh(a, ended)
    http(a, "POST", "/v1/keeps/%s/kill" % ended)
    lost = create(a)
    deleted = create(a)
    http(a, "DELETE", "/v1/keeps/%s?force=1" % deleted)
    fresh(a, lost)
    before = Stream(a, "/v1/events?follow=0").rest()
    procs = children(a.proc.pid)
    a.proc.kill()
    a.proc.wait()
    t.ok(wait_for(lambda: not any(os.path.exists("/proc/%d" % p) for p in procs)), "kill -9 of the agent leaves no process")
with open(os.path.join(state, "k-000000000000.json"), "w") as f:
    f.write("{not json")
with open(os.path.join(state, "events.jsonl"), "a") as f:
    f.write(json.dumps(dict(before[-1]["data"], id=2 ** 63 - 1, owner="uid:%d" % os.getuid())) + "\n")
    f.write('{"schema":"donjon.event/1","id":')
with Agent("--state-dir", state) as a:
    k = http(a, "GET", "/v1/keeps/" + lost)[2]
    t.ok(k["state"] == "gone" and k["how"] == "lost" and "started again" in k["reason"] and k["ended"],
         "after a restart a Keep that lived is gone, lost", k)
    k = http(a, "GET", "/v1/keeps/" + ended)[2]
    t.ok(k["state"] == "gone" and k["how"] == "killed" and k["labels"] == {"job": "a"} and len(k["measurement"]) == 64,
         "one that had ended is as it was", k)
    r = http(a, "GET", "/v1/keeps/%s/session" % lost, headers={"Connection": "Upgrade", "Upgrade": "donjon-session/1"})
    t.ok(r[0] == 410 and r[2]["error"] == "keep.gone", "its session is 410", r)
    t.eq(http(a, "GET", "/v1/keeps/" + deleted)[0], 404, "a deleted one is not brought back")
    t.eq(sorted(x["id"] for x in http(a, "GET", "/v1/keeps")[2]["keeps"]), sorted([lost, ended]), "the list has them")
    after = Stream(a, "/v1/events?follow=0").rest()
    t.eq([x["id"] for x in after[:len(before)]], [x["id"] for x in before], "events of the agent before are at hand")
    t.ok(after[-1]["event"] == "lost" and after[-1]["data"]["keep"] == lost and int(after[-1]["id"]) > int(before[-1]["id"]),
         "and the loss is the next", after[-1])
    t.ok(not os.path.exists(os.path.join(state, "k-000000000000.json")), "a damaged file is removed")
    t.ok("events.damaged" in a.read_log(), "a damaged line is said, and skipped")
    http(a, "DELETE", "/v1/keeps/" + lost)
    r = http(a, "GET", "/v1/keeps/" + lost)
    t.ok(r[0] == 410 and not os.path.exists(os.path.join(state, lost + ".json")), "deleted history is 410", r)
with Agent("--state-dir", state) as a:
    t.eq(len(Stream(a, "/v1/events?follow=0").rest()), len(after), "no line was spoilt by the half one")
    kid = create(a)
    fresh(a, kid)
    mine = os.path.join(state, kid + ".json")
    t.eq(os.stat(mine).st_mode & 0o777, 0o600, "a Keep's file is for the agent's user only")
    with open("/proc/%d/cmdline" % a.proc.pid) as f:
        again = f.read().split("\0")[:-1]
    r = subprocess.run(again, stderr=subprocess.PIPE, text=True)
    t.ok(r.returncode == 71 and "another donjond has it" in r.stderr, "a second agent does not get a folder in use", r)
    with open(mine) as f:
        t.eq(json.load(f)["state"], "fresh", "nor does it call the living lost")
shutil.rmtree(state)


def start_with(state):
    r = subprocess.run([program("donjond"), "--socket", os.path.join(state, "x", "sock"), "--state-dir", state],
                       stderr=subprocess.PIPE, text=True)
    return r.returncode, "others may write there" in r.stderr


state = tempfile.mkdtemp(prefix="donjon-state-")
for mode, want in ((0o755, (71, False)), (0o770, (78, True)), (0o1777, (78, True))):
    os.chmod(state, mode)
    t.eq(start_with(state), want, "a state folder of mode %o is %s" % (mode, "refused" if want[1] else "taken"))
os.chmod(state, 0o700)
if os.geteuid() == 0:
    os.chown(state, 54321, 54321)
    t.eq(start_with(state), (78, True), "one of another user is refused")
    os.chown(state, 0, 0)
else:
    t.skip("one of another user is refused", "not root")

victim = state + "-victim"
with open(victim, "w") as f:
    f.write("precious")
told = {"schema": "donjon.keep/1", "tee": "process", "emulated": True, "labels": {}, "owner": "uid:%d" % os.getuid(),
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "ended": None}
os.mkdir(os.path.join(state, "k-"))
for name, kid in (("k-1", "k-1"), ("k-2", "k-1"), ("k-3", "k-/../../" + os.path.basename(victim)[:-5]), ("k-4", "k-4")):
    with open(os.path.join(state, name + ".json"), "w") as f:
        json.dump(dict(told, id=kid), f)
os.symlink(victim, os.path.join(state, "k-1.json.tmp"))
os.rename(os.path.join(state, "k-4.json"), os.path.join(state, "4"))
os.symlink("4", os.path.join(state, "k-4.json"))
os.mkfifo(os.path.join(state, "k-5.json"))
os.mkfifo(os.path.join(state, "events.jsonl.1"))
with Agent("--state-dir", state) as a:
    t.eq([k["id"] for k in http(a, "GET", "/v1/keeps")[2]["keeps"]], ["k-1"],
         "of files that are odd none is taken for a Keep's, nor waited for")
with open(victim) as f:
    t.eq(f.read(), "precious", "and none is followed out of the folder")
os.unlink(victim)
shutil.rmtree(state)

# ---------------------------------------------------------------- the next one's socket
if shutil.which("strace") is None:
    t.skip("an agent that ends leaves the next one's socket", "no strace")
else:
    d = tempfile.mkdtemp(prefix="donjon-socket-")
    sock = os.path.join(d, "agent.sock")

    def on_socket(*wrap):
        p = subprocess.Popen([*wrap, program("donjond"), "--socket", sock], stderr=subprocess.DEVNULL)
        return p, wait_for(lambda: p.poll() is not None or os.path.exists(sock))

    slow, _ = on_socket("strace", "-o", "/dev/null", "-e", "trace=unlink", "-e", "inject=unlink:delay_enter=1000000")
    time.sleep(0.2)
    for pid in children(slow.pid):
        os.kill(pid, signal.SIGTERM)
    time.sleep(0.4)
    following, _ = on_socket()
    slow.wait()
    t.ok(following.poll() is not None or os.path.exists(sock), "an agent that ends leaves the next one's socket")
    if following.poll() is None:
        following.terminate()
    following.wait()
    shutil.rmtree(d)

    # One that is slow to listen is not seen before it does.
    d = tempfile.mkdtemp(prefix="donjon-socket-")
    sock = os.path.join(d, "agent.sock")
    p, seen = on_socket("strace", "-f", "-o", "/dev/null", "-e", "trace=listen", "-e", "inject=listen:delay_enter=500000")
    s = socket.socket(socket.AF_UNIX)
    t.ok(seen and s.connect_ex(sock) == 0, "who sees the agent's socket can connect")
    s.close()
    t.eq(os.listdir(d), ["agent.sock"], "and it has no other name")
    for pid in children(p.pid):
        os.kill(pid, signal.SIGTERM)
    p.wait()
    shutil.rmtree(d)
d = tempfile.mkdtemp(prefix="donjon-socket-")
sock = os.path.join(d, "a" * (90 - len(d)), "b" * 15)
r = subprocess.run([program("donjond"), "--socket", sock], stderr=subprocess.PIPE, text=True)
t.ok(r.returncode == 78 and "bytes too long" in r.stderr, "a path that is too long is said so", r)
shutil.rmtree(d)

# Somebody listens there who accepts nobody, and has as many waiting as he may.
d = tempfile.mkdtemp(prefix="donjon-socket-")
busy = socket.socket(socket.AF_UNIX)
busy.bind(os.path.join(d, "agent.sock"))
busy.listen(0)
waiting = [socket.socket(socket.AF_UNIX) for _ in range(4)]
for s in waiting:
    s.setblocking(False)
    s.connect_ex(os.path.join(d, "agent.sock"))
p = subprocess.Popen([program("donjond"), "--socket", os.path.join(d, "agent.sock")], stderr=subprocess.PIPE, text=True)
try:
    r = p.communicate(timeout=5)
except subprocess.TimeoutExpired:
    r = "it waits"
    p.kill()
t.ok(p.wait() == 71 and "in use" in r[1], "a socket whose owner does not accept is in use", r)
for s in waiting + [busy]:
    s.close()
shutil.rmtree(d)

# ---------------------------------------------------------------- control groups
with Agent("--cgroup", "self") as a:
    if "cgroup.unavailable" in a.read_log():
        t.eq(a.read_log().count("cgroup.unavailable"), 1, "what groups cannot be had is said once")
        kid = create(a)
        t.ok(fresh(a, kid), "and Keeps start without")
        t.skip("a Keep has its group", "no control groups may be made here")
    else:
        kid = create(a, 64 * MiB)
        fresh(a, kid)
        dirs = glob.glob("/sys/fs/cgroup/**/" + kid, recursive=True)
        memory = [d for d in dirs if os.path.exists(os.path.join(d, "memory.limit_in_bytes"))
                  or os.path.exists(os.path.join(d, "memory.max"))]
        with open(os.path.join(memory[0], "cgroup.procs")) as f:
            inside = sorted(int(x) for x in f.read().split())
        names = [os.path.basename(os.readlink("/proc/%d/exe" % p)) for p in inside]
        t.ok(len(inside) == 2 and "donjon-launch" in names, "launcher and Keep are in the Keep's group", (inside, names))
        f = os.path.join(memory[0], "memory.limit_in_bytes")
        with open(f if os.path.exists(f) else os.path.join(memory[0], "memory.max")) as fh:
            t.eq(int(fh.read()), 80 * MiB, "its memory is what was asked for and 16 MiB")
        http(a, "POST", "/v1/keeps/%s/kill" % kid)
        t.ok(wait_for(lambda: not any(os.path.exists(d) for d in dirs)), "it goes with the Keep", dirs)
    own = a.proc.pid
t.eq(glob.glob("/sys/fs/cgroup/**/donjond-%d" % own, recursive=True), [], "no group is left behind")
with Agent("--cgroup", "/donjon-is-not-here") as a:
    t.eq(a.read_log().count("cgroup.unavailable"), 1, "a group that is not there is said once")
    t.ok(fresh(a, create(a)), "and Keeps start")

# ---------------------------------------------------------------- strangers
with Agent("--max-waiting", "32", "--max-keeps", "8") as a:
    kid = create(a)
    link = a.session(kid)
    silent = []
    for _ in range(200):
        s = socket.socket(socket.AF_UNIX)
        s.connect(a.sock)
        silent.append(s)
    worst = 0
    for _ in range(50):
        began = time.time()
        assert http(a, "GET", "/healthz")[0] == 200
        worst = max(worst, time.time() - began)
    t.ok(worst < 1, "200 silent connections delay no request (%.0f ms at worst)" % (worst * 1e3))
    link.sendall(b"\1\1\0\0" + len(HELLO).to_bytes(4, "big") + HELLO)
    t.eq(recv_frame(link)[0], 2, "nor a session")
    text = http(a, "GET", "/metrics")[2]
    n = int([x for x in text.splitlines() if x.startswith("donjon_http_evicted_total")][0].split()[1])
    t.ok(n >= 184, "the oldest made room", n)
    for s in silent:
        s.close()
    link.close()

    def takes_others(what, begin):
        """Connections that a caller holds after their answer's end."""
        held = []
        for _ in range(150):
            s = socket.socket(socket.AF_UNIX)
            s.settimeout(5)
            held.append(s)
            try:
                s.connect(a.sock)
                s.sendall(begin)
                s.recv(1)
            except OSError:
                break
        began = time.time()
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(5)
        try:
            s.connect(a.sock)
            s.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            got = s.recv(15)
        except OSError as e:
            got = e
        t.ok(got == b"HTTP/1.1 200 OK", "%s, held, delay no request (%.0f ms)" % (what, (time.time() - began) * 1e3), got)
        for c in held + [s]:
            c.close()

    takes_others("150 streams at their end", b"GET /v1/events?follow=0 HTTP/1.1\r\nHost: x\r\n\r\n")
    takes_others("150 links that others took the place of", (
        "GET /v1/keeps/%s/session?steal=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
        "Upgrade: donjon-session/1\r\n\r\n" % kid).encode())
if os.geteuid() != 0:
    t.skip("streams of many callers delay no request", "not root")
else:
    with Agent("--max-keeps", "1", "--max-waiting", "4") as a:
        os.chmod(a.dir, 0o755)
        os.chmod(a.sock, 0o666)
        callers = []
        for uid in range(54321, 54327):
            ready, done = os.pipe()
            pid = os.fork()
            if pid == 0:
                os.setgid(uid)
                os.setuid(uid)
                hold = []
                for _ in range(16):
                    hold.append(socket.socket(socket.AF_UNIX))
                    hold[-1].settimeout(2)
                    try:
                        hold[-1].connect(a.sock)
                        hold[-1].sendall(b"GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n")
                        hold[-1].recv(1)
                    except OSError:
                        break
                os.close(done)
                signal.pause()
            callers.append(pid)
            os.close(done)
            os.read(ready, 1)
            os.close(ready)
        try:
            got = http(a, "GET", "/healthz")[0]
        except OSError as e:
            got = e
        t.eq(got, 200, "streams of many callers delay no request")
        for pid in callers:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
with Agent("--max-rate", "20") as a:
    c = socket.socket(socket.AF_UNIX)
    c.settimeout(10)
    c.connect(a.sock)
    # In one piece, so that a slow machine does not stretch it.
    c.sendall(b"GET /v1/keeps HTTP/1.1\r\nHost: x\r\n\r\n" * 60)
    got = b""
    while got.count(b"HTTP/1.1 ") < 60 or not got.endswith(b"}"):
        got += c.recv(65536)
    c.close()
    n = got.count(b"HTTP/1.1 200 ")
    t.ok(20 <= n < 50 and got.count(b"HTTP/1.1 429 ") == 60 - n == got.count(b"Retry-After: 1\r\n"),
         "one caller's requests have a rate", (n, got[-300:]))
    t.eq(http(a, "GET", "/healthz")[0], 200, "which does not hold for /healthz")
    time.sleep(1.1)
    t.eq(http(a, "GET", "/v1/agent")[0], 200, "a second later it may again")

# ---------------------------------------------------------------- nothing left to give
with Agent("--max-keeps", "64") as a:
    base = fds(a.proc.pid)
    resource.prlimit(a.proc.pid, resource.RLIMIT_NOFILE, (base + 30, base + 30))
    kids, r = [], None
    for _ in range(20):
        r = http(a, "POST", "/v1/keeps", ask(16 * MiB))
        if r[0] != 201:
            break
        kids.append(r[2]["id"])
    refused(r, 503, "host.resources", "without descriptors a Keep is refused")
    t.ok("Too many open files" in r[2]["detail"], "with the reason", r[2])
    t.ok(kids and all(fresh(a, k) for k in kids), "those that started live on (%d)" % len(kids))
    hold = []
    for _ in range(40):
        s = socket.socket(socket.AF_UNIX)
        s.setblocking(False)
        try:
            s.connect(a.sock)
        except OSError:
            pass
        hold.append(s)
    time.sleep(0.3)
    t.ok(a.proc.poll() is None, "connections beyond the descriptors do not end it")
    for s in hold:
        s.close()
    t.ok(wait_for(lambda: http(a, "GET", "/healthz")[0] == 200, 20), "it answers once they are gone")
    http(a, "DELETE", "/v1/keeps/%s?force=1" % kids[0])
    t.ok(wait_for(lambda: http(a, "POST", "/v1/keeps", ask(16 * MiB))[0] == 201), "what one gave back another may have")
    for k in http(a, "GET", "/v1/keeps")[2]["keeps"]:
        http(a, "DELETE", "/v1/keeps/%s?force=1" % k["id"])
    t.ok(wait_for(lambda: fds(a.proc.pid) <= base + 1 and not children(a.proc.pid)), "descriptors return to where they were",
         (base, fds(a.proc.pid), children(a.proc.pid)))


def few_processes():
    os.setgroups([])
    os.setresgid(54321, 54321, 54321)
    os.setresuid(54321, 54321, 54321)
    resource.setrlimit(resource.RLIMIT_NPROC, (9, 9))


def others_can_run(path):
    """Every folder on the way lets others through."""
    while path != "/":
        if not os.stat(path).st_mode & 1:
            return False
        path = os.path.dirname(path)
    return True


if os.geteuid() != 0 or not others_can_run(os.path.realpath(program("donjond"))):
    t.skip("no process to be had is a refusal", "not root, or programs are where others cannot run them")
else:
    d = tempfile.mkdtemp(prefix="donjon-few-")
    os.chown(d, 54321, 54321)
    a = Agent.__new__(Agent)
    a.dir, a.sock, a.emu = d, os.path.join(d, "agent.sock"), os.path.join(d, "emu")
    a.log = open(os.path.join(d, "agent.log"), "wb")

    def as_other():
        os.setgroups([])
        os.setresgid(54321, 54321, 54321)
        os.setresuid(54321, 54321, 54321)
    subprocess.run([program("donjon-emu"), "init", a.emu], check=True, preexec_fn=as_other, stdout=subprocess.DEVNULL)
    a.proc = subprocess.Popen([program("donjond"), "--socket", a.sock, "--emulation", a.emu], preexec_fn=few_processes,
                              stdin=subprocess.DEVNULL, stdout=a.log, stderr=a.log)
    assert wait_for(lambda: os.path.exists(a.sock)), a.read_log()
    kids, r = [], None
    for _ in range(8):
        r = http(a, "POST", "/v1/keeps", ask(16 * MiB))
        if r[0] != 201:
            break
        kids.append(r[2]["id"])
        wait_for(lambda: http(a, "GET", "/v1/keeps/" + kids[-1])[2]["state"] != "new")
    last = [http(a, "GET", "/v1/keeps/" + k)[2] for k in kids]
    t.ok((r[0] == 503 and r[2]["error"] == "host.resources") or any(k.get("how") == "failed" for k in last),
         "no process to be had is a refusal", (r, last))
    t.ok(sum(k["state"] == "fresh" for k in last) >= 1, "the Keeps before it live on", last)
    for k in kids:
        http(a, "DELETE", "/v1/keeps/%s?force=1" % k)
    t.ok(wait_for(lambda: not children(a.proc.pid)), "nothing half-started is left", children(a.proc.pid))
    t.ok(fresh(a, create(a, 16 * MiB)), "and then Keeps start again")
    a.proc.send_signal(signal.SIGTERM)
    t.eq(a.proc.wait(10), 0, "it ends in order")
    a.log.close()
    shutil.rmtree(d)
t.done()
