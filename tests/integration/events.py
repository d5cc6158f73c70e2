#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""donjon events: what hosts say and what was seen here, in order; followed
over an agent that is killed and comes back, every event once; a host that
lies."""
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from donjonlib import Agent, Tap, check_schema, echo_module, load_schema, program, spin_module  # noqa: E402

t = Tap()
work = tempfile.mkdtemp(prefix="donjon-events-")
ENV = dict(os.environ, XDG_STATE_HOME=work + "/state", XDG_CONFIG_HOME=work + "/config")
SCHEMA = load_schema("donjon.event/1")


def donjon(*args, stdin=b"", timeout=60):
    return subprocess.run([program("donjon"), *args], env=ENV, cwd=work, input=stdin, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=timeout)


def lines(out):
    return [json.loads(x) for x in out.decode().splitlines()]


def wait_for(what, seconds=20):
    end = time.time() + seconds
    while time.time() < end:
        if what():
            return True
        time.sleep(0.05)
    return False


class Follower:
    """donjon events -f, its lines as they come."""

    def __init__(self, *args):
        self.p = subprocess.Popen([program("donjon"), "--json", *args, "events", "-f"], env=ENV, cwd=work,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        self.got, self.said = [], b""
        threading.Thread(target=self.read, daemon=True).start()
        threading.Thread(target=self.listen, daemon=True).start()

    def read(self):
        for line in self.p.stdout:
            self.got.append(json.loads(line))

    def listen(self):
        for line in self.p.stderr:
            self.said += line

    def of_host(self):
        return [e for e in self.got if e["source"] == "host"]

    def close(self):
        self.p.terminate()
        self.p.wait(10)


echo, spin = work + "/echo.wasm", work + "/spin.wasm"
for path, m in ((echo, echo_module()), (spin, spin_module())):
    with open(path, "wb") as f:
        f.write(m)
with open(work + "/in", "wb") as f:
    f.write(b"x" * 1000)

with Agent() as agent:
    H = ["-H", "unix:" + agent.sock, "-p", agent.policy()]
    live = Follower(*H)
    r = subprocess.run([program("donjon"), *H, "start", "--name", "job", "--out", work + "/out", echo], env=ENV, cwd=work,
                       stdin=open(work + "/in"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    t.ok(r.returncode == 0, "a program is started", r.stderr)
    r = donjon("attach", "job")
    t.ok(r.returncode == 0, "and comes to its end", r.stderr)
    r = donjon("--json", *H, "events")
    e = lines(r.stdout)
    t.eq([b for b in (check_schema(SCHEMA, x) for x in e) if b], [], "each line of donjon --json events is donjon.event/1")
    t.eq([x["event"] for x in e if x["source"] == "host"],
         ["created", "attached", "offered", "claimed", "detached", "attached", "offered", "detached", "released"],
         "the host tells of its links")
    mine = [x["event"] for x in e if x["source"] == "client" and x["event"] != "attested"]
    # It may end before its client leaves, or after.
    t.ok(sorted(mine) == ["attached", "claimed", "detached", "exited", "released", "running"]
         and mine[:2] == ["claimed", "running"] and mine[-1] == "released", "the client tells what a host cannot know", mine)
    t.ok(all(x["name"] == "job" for x in e), "both by the name that the Keep has here", e)
    t.eq([x["detail"] for x in e if x["event"] == "exited"], [{"how": "exit", "code": 0}], "with how the program ended")
    stamps = [x["time"][:19] for x in e]
    t.eq(stamps, sorted(stamps), "in the order of time")
    r = donjon("--json", "events", "job")
    t.ok(r.returncode == 0 and lines(r.stdout) and all(x["name"] == "job" for x in lines(r.stdout)), "one Keep's are to be had by its name", r)
    r = donjon("--json", *H, "events", "--after", str(max(x.get("id", 0) for x in e)))
    t.eq([x for x in lines(r.stdout) if x["source"] == "host"], [], "--after leaves out what was seen")
    r = donjon(*H, "events")
    t.ok(b"\x1b" not in r.stdout and b"the host says" in r.stdout and b"seen here" in r.stdout, "people are told who says it", r.stdout)
    t.ok(wait_for(lambda: len(live.got) >= len(e)), "a follower has them all", live.got)

    # An agent that is killed and comes back, with history and without a gap.
    agent.proc.send_signal(signal.SIGKILL)
    agent.proc.wait()
    t.ok(wait_for(lambda: b"trying again" in live.said), "it says that its host is gone", live.said)
    os.unlink(agent.sock)
    agent.proc = subprocess.Popen(agent.proc.args, stdin=subprocess.DEVNULL, stdout=agent.log, stderr=agent.log)
    t.ok(wait_for(lambda: os.path.exists(agent.sock)), "the agent comes back")
    r = donjon(*H, "run", echo, stdin=b"y")
    t.ok(r.returncode == 0, "a program runs there", r.stderr)
    want = lines(donjon("--json", *H, "events").stdout)
    want = [x["id"] for x in want if x["source"] == "host"]
    t.ok(wait_for(lambda: len(live.of_host()) >= len(want), 40), "the follower goes on by itself", live.said)
    t.eq([x["id"] for x in live.of_host()], want, "with every event once")
    t.ok(b"answers again" in live.said, "and says so", live.said)
    live.close()

    # What cannot be had.
    r = donjon("events", "nobody")
    t.ok(r.returncode == 66 and b"error[keep.unknown]" in r.stderr, "a Keep that is none: keep.unknown", r)
    r = donjon("-H", "unix:%s/none" % work, "-p", agent.policy(), "events")
    t.ok(r.returncode == 69 and b"error[host.absent]" in r.stderr, "a host that is none: host.absent", r)
    r = donjon("-H", "unix:%s/none" % work, "-p", agent.policy(), "events", "-f")
    t.ok(r.returncode == 69, "also when following", r)
    r = donjon("-H", "unix:%s/none" % work, *H, "--json", "events")
    t.ok(r.returncode == 69 and len(r.stdout.splitlines()) > 5, "one of two hosts: what there is, and the error", r)
    full = open("/dev/full", "w")
    r = subprocess.run([program("donjon"), *H, "events"], env=ENV, stdout=full, stderr=subprocess.PIPE)
    t.ok(r.returncode == 74 and b"error[output.full]" in r.stderr, "a full disk: output.full", r.stderr)

# A host that lies.
GOOD = {"schema": "donjon.event/1", "id": 5, "time": "2026-11-26T11:00:00Z", "keep": "k-1", "event": "lost",
        "detail": {"why": "\x1b[31mred\u0007", "\x1b": 1}}
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


def event(**more):
    return b"data: " + json.dumps(dict(GOOD, **more)).encode() + b"\n\n"


def liar(answer):
    path = work + "/liar"
    if os.path.exists(path):
        os.unlink(path)
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.bind(path)
    s.listen(5)

    def serve():
        c, _ = s.accept()
        c.recv(65536)
        try:
            c.sendall(answer)
        except OSError:
            pass
        c.close()
        s.close()
    threading.Thread(target=serve, daemon=True).start()
    return donjon("-H", "unix:" + path, "-p", "none.toml", "events")


r = liar(HEAD + event())
t.ok(r.returncode == 0 and b"lost" in r.stdout and b"\x1b" not in r.stdout and b"\7" not in r.stdout,
     "what a host says reaches a terminal clean", r)
r = liar(HEAD + event() + event(id=4) + event() + event(id=6, event="released"))
t.ok(r.returncode == 0 and r.stdout.count(b" the host says ") == 2, "an event that comes twice, or goes back, is not told", r)
for what, answer in (("bytes that are no event", HEAD + b"data: {}\n\n"), ("an id that is none", HEAD + event(id=-1)),
                     ("a line without end", HEAD + b"data: " + b"x" * 20000), ("another type", HEAD.replace(b"event-stream", b"plain") + event()),
                     ("chunks", HEAD.replace(b"Connection", b"Transfer-Encoding: chunked\r\nConnection") + event()),
                     ("no answer", b""), ("no HTTP", b"hello\r\n\r\n"), ("an upgrade", b"HTTP/1.1 101 Switching\r\n\r\n")):
    r = liar(answer)
    t.ok(r.returncode in (69, 76) and b"error[host." in r.stderr, "%s: an error" % what, r)
t.done()
