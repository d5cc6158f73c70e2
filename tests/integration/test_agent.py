#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The host agent from outside: every answer of its API, the relay, and how
Keeps end. The Keeps are played by tests/agent/fake_launch.c."""
import base64
import hashlib
import json
import os
import re
import select
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from donjonlib import BUILD, Tap, kcf1, recv_frame  # noqa: E402

t = Tap()
AGENT = os.environ.get("DONJOND", os.path.join(BUILD, "donjond"))
FAKE = os.path.join(BUILD, "tests", "fake_launch")
EMU = os.path.join(BUILD, "donjon-emu")
DIR = tempfile.mkdtemp(prefix="donjon-agent-")
SOCK = os.path.join(DIR, "agent.sock")
IMAGES = os.path.join(DIR, "images")
os.mkdir(IMAGES)
open(os.path.join(IMAGES, "process.elf"), "w").close()
subprocess.run([EMU, "init", os.path.join(DIR, "emu")], check=True, stdout=subprocess.DEVNULL)
COMMON = ["--image-dir", IMAGES, "--launcher", FAKE, "--emulator", EMU, "--emulation", os.path.join(DIR, "emu")]


def start(*args, log="log", fds=()):
    f = open(os.path.join(DIR, log), "wb")
    return subprocess.Popen([AGENT, *COMMON, *args], stdin=subprocess.DEVNULL, stdout=f, stderr=f, pass_fds=fds)


def wait_for(what, seconds=5):
    end = time.time() + seconds
    while time.time() < end:
        if what():
            return True
        time.sleep(0.02)
    return False


def connect():
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(10)
    s.connect(SOCK)
    return s


def read_answer(s):
    head = b""
    while b"\r\n\r\n" not in head:
        b = s.recv(1)
        if not b:
            return None, {}, head
        head += b
    lines = head.decode().split("\r\n")
    fields = {k.lower(): v.strip() for k, v in (x.split(":", 1) for x in lines[1:] if ":" in x)}
    n, body = int(fields.get("content-length", 0)), b""
    while len(body) < n:
        body += s.recv(n - len(body))
    return int(lines[0].split()[1]), fields, body


def raw(text, s=None):
    c = s or connect()
    c.sendall(text if isinstance(text, bytes) else text.encode())
    r = read_answer(c)
    if s is None:
        c.close()
    return r


def req(method, path, body=None, s=None, **fields):
    head = "%s %s HTTP/1.1\r\nHost: x\r\n" % (method, path)
    if body is not None:
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        fields.setdefault("Content_Type", "application/json")
        head += "Content-Length: %d\r\n" % len(body)
    for k, v in fields.items():
        head += "%s: %s\r\n" % (k.replace("_", "-"), v)
    st, f, b = raw(head.encode() + b"\r\n" + (body or b""), s)
    return st, f, json.loads(b) if b and "json" in f.get("content-type", "") else b


def block(mode=None):
    m = mode.encode() if mode else b""
    return kcf1() + (struct.pack(">HH", 0x7000, len(m)) + m if mode else b"")


def ask(mode=None, **more):
    return dict({"tee": "process", "config": base64.b64encode(block(mode)).decode()}, **more)


def create(mode=None, **more):
    st, _, k = req("POST", "/v1/keeps", ask(mode, **more))
    assert st == 201, (st, k)
    return k["id"]


def session(kid, query=""):
    s = connect()
    s.sendall(("GET /v1/keeps/%s/session%s HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
               "Upgrade: donjon-session/1\r\n\r\n" % (kid, query)).encode())
    st, f, _ = read_answer(s)
    assert st == 101, st
    return s


def frame(typ, payload):
    return struct.pack(">BBHI", typ, 1, 0, len(payload)) + payload


HELLO = b"KSP1\1\1\0\0" + bytes(range(32)) + bytes(32) + b"\0\1\x80\1"


def hello(s):
    s.sendall(frame(1, HELLO))
    return recv_frame(s), recv_frame(s)


def keep(kid):
    return req("GET", "/v1/keeps/" + kid)[2]


def problem(r, status, name):
    return r[0] == status and r[1].get("content-type") == "application/problem+json" and r[2]["error"] == name \
        and r[2]["status"] == status


def rejected(name, body, error):
    r = req("POST", "/v1/keeps", body)
    t.ok(problem(r, 400, error), "POST with %s is refused as %s" % (name, error), r)


trace = os.path.join(DIR, "frames.jsonl")
agent = start("--socket", SOCK, "--state-dir", os.path.join(DIR, "state"), "--trace-frames", trace, "--max-keeps", "6", "-v")
assert wait_for(lambda: os.path.exists(SOCK)), open(os.path.join(DIR, "log")).read()

# ---------------------------------------------------------------- answers
t.eq(oct(os.stat(SOCK).st_mode & 0o777), "0o660", "the socket has mode 0660")
t.eq(raw("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")[::2], (200, b"ok\n"), "GET /healthz says ok")
r = req("GET", "/v1/agent", X_Request_Id="a-1", traceparent="00-aa-bb-01")
t.ok(r[0] == 200 and r[2]["schema"] == "donjon.agent/1" and r[2]["capacity"]["keeps"] == 6
     and r[2]["capacity"]["free"] == 6 and r[2]["capacity"]["memory_free"] == r[2]["capacity"]["memory"] > 1 << 28,
     "GET /v1/agent tells the free capacity", r)
p = [x for x in r[2]["tees"] if x["tee"] == "process"][0]
t.ok(p["available"] and p["protection"] == "none" and p["evidence_formats"] == [0x8001], "it lists the process TEE", p)
snp = [x for x in r[2]["tees"] if x["tee"] == "snp"]
t.ok(len(snp) == 2 and not any(x["available"] for x in snp) and all(x["reason"] for x in snp),
     "it says why another TEE cannot be had", snp)
t.ok(r[1].get("x-request-id") == "a-1" and r[1].get("traceparent") == "00-aa-bb-01", "request ids are echoed", r[1])
t.ok("x-request-id" not in req("GET", "/healthz", X_Request_Id="a b")[1], "a request id with a space is not")
t.ok(problem(req("GET", "/nope"), 404, "http.path"), "an unknown path is 404")
t.ok(problem(req("GET", "/v1/keeps/K1"), 404, "http.path"), "a path with a capital is no Keep's")
r = req("PUT", "/v1/keeps")
t.ok(problem(r, 405, "http.method") and r[1]["allow"] == "GET, HEAD, POST", "a wrong verb is 405 with Allow", r)
c = connect()
c.sendall(b"HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
head = b""
while head.count(b"HTTP/1.1 200 OK") < 2 or not head.endswith(b"ok\n"):
    head += c.recv(4096)
t.ok(head.count(b"ok\n") == 1, "HEAD gets no body, and requests may be pipelined", head)
c.close()
for name, text, status in [
        ("two Content-Length", "POST /v1/keeps HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400),
        ("Transfer-Encoding", "POST /v1/keeps HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", 501),
        ("no Host", "GET /healthz HTTP/1.1\r\n\r\n", 400),
        ("a folded line", "GET /healthz HTTP/1.1\r\nHost: x\r\n y: z\r\n\r\n", 400),
        ("a bare LF", "GET /healthz HTTP/1.1\nHost: x\r\n\r\n\r\n", 400),
        ("HTTP/2.0", "GET /healthz HTTP/2.0\r\nHost: x\r\n\r\n", 505),
        ("another Expect", "GET /healthz HTTP/1.1\r\nHost: x\r\nExpect: cake\r\n\r\n", 417),
        ("a body over 1 MiB", "POST /v1/keeps HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n", 413),
        ("a head over 16 KiB", "GET /healthz HTTP/1.1\r\nHost: x\r\nA: " + "a" * 16384 + "\r\n\r\n", 431)]:
    r = raw(text)
    t.ok(r[0] == status and r[1].get("connection") == "close", "%s is %d and the end" % (name, status), r)
c = connect()
c.sendall(b"POST /v1/keeps HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
          b"Expect: 100-continue\r\n\r\n")
t.ok(c.recv(100).startswith(b"HTTP/1.1 100 Continue\r\n\r\n"), "Expect: 100-continue is answered first")
t.eq(raw(b"{}", c)[0], 400, "and then the body is read")
c.close()

# ---------------------------------------------------------------- POST
good = ask()
rejected("no JSON", b"{", "request.json")
rejected("an array", b"[]", "request.json")
rejected("a key twice", b'{"tee":"process","tee":"process"}', "request.json")
rejected("an unknown key", dict(good, confg=1), "request.unknown-key")
rejected("an unknown key that is cut within a letter", {"a" * 63 + "\u00e9": 1}, "request.unknown-key")
t.ok("did you mean \"config\"" in req("POST", "/v1/keeps", {"confg": 1})[2]["detail"], "a near key is suggested")
rejected("no tee", {"config": good["config"]}, "request.missing")
rejected("no config", {"tee": "process"}, "request.missing")
rejected("a block that is none", dict(good, config="AAAA"), "request.config")
rejected("loose base64", dict(good, config=good["config"] + "\n"), "request.config")
rejected("ttl 0", dict(good, ttl=0), "request.value")
rejected("a label that is a number", dict(good, labels={"a": 1}), "request.value")
rejected("an unknown TEE", dict(good, tee="abc"), "tee.unknown")
t.ok(problem(req("POST", "/v1/keeps", dict(good, tee="snp")), 404, "tee.unavailable"), "a TEE that is not here is 404")
t.ok(problem(req("POST", "/v1/keeps", good, Content_Type="text/plain"), 415, "http.type"), "another type is 415")
r = req("POST", "/v1/keeps", ask(labels={"job": "a"}, ttl=600), Idempotency_Key="one")
k1 = r[2]["id"]
t.ok(r[0] == 201 and r[1]["location"] == "/v1/keeps/" + k1 and r[2]["protection"] == "none", "POST makes a Keep", r)
r = req("POST", "/v1/keeps", ask(labels={"job": "a"}, ttl=600), Idempotency_Key="one")
t.eq((r[0], r[2]["id"]), (201, k1), "the same key and body give the same Keep")
t.ok(problem(req("POST", "/v1/keeps", good, Idempotency_Key="one"), 409, "request.key-reused"), "another body is 409")
t.ok(wait_for(lambda: keep(k1)["state"] == "fresh"), "it gets fresh", keep(k1))
t.eq(keep(k1)["measurement"][:4], "face", "and shows what the launcher measured")
t.eq(json.load(open(os.path.join(DIR, "state", k1 + ".json")))["id"], k1, "--state-dir has its file")
k2 = create()
ids = [k["id"] for k in req("GET", "/v1/keeps")[2]["keeps"]]
t.eq(ids, [k2, k1], "GET /v1/keeps lists both, newest first")
t.eq([k["id"] for k in req("GET", "/v1/keeps?label=job%3Da")[2]["keeps"]], [k1], "label= chooses")
t.eq([k["id"] for k in req("GET", "/v1/keeps?label=job%3Db")[2]["keeps"]], [], "by its value")
t.eq(req("GET", "/v1/keeps?state=gone")[2]["keeps"], [], "state= chooses")
r = req("GET", "/v1/keeps?limit=1")
t.eq(([k["id"] for k in r[2]["keeps"]], r[2]["after"]), ([k2], k2), "limit= cuts and says where")
t.eq([k["id"] for k in req("GET", "/v1/keeps?after=" + k2)[2]["keeps"]], [k1], "after= goes on there")
for q in ("limit=0", "limit=x", "limit=1&limit=1", "labl=a", "state=%zz"):
    t.eq(req("GET", "/v1/keeps?" + q)[0], 400, "?%s is 400" % q)
t.ok(problem(req("GET", "/v1/keeps/k-000000000000"), 404, "keep.unknown"), "no such Keep is 404")
if os.getuid() == 0:
    def other(where, *more):
        r = subprocess.run(["curl", "-sS", "--unix-socket", SOCK, "-w", "\n%{http_code}", *more, "http://x/v1/keeps" + where],
                           stdout=subprocess.PIPE, preexec_fn=lambda: (os.setgid(65534), os.setuid(65534)))
        body, status = r.stdout.rsplit(b"\n", 1)
        return int(status), json.loads(body or "null")
    os.chmod(DIR, 0o755)
    os.chmod(SOCK, 0o666)
    t.eq(other("/" + k1)[0], 404, "another user's Keep is 404")
    t.eq(other("")[1]["keeps"], [], "nor is it in his list")
    r = other("", "-H", "Content-Type: application/json", "-H", "Idempotency-Key: one", "-d",
              json.dumps(ask(labels={"job": "a"}, ttl=600)))
    t.ok(r[0] == 201 and r[1]["id"] not in (k1, k2), "his key is not ours: he gets a Keep of his own", r)
    t.eq([k["id"] for k in req("GET", "/v1/keeps")[2]["keeps"]], [k2, k1], "which is not in our list")
    t.eq(other("/%s?force=1" % r[1]["id"], "-X", "DELETE")[0], 204, "he can delete it")
    t.eq(other("/%s?force=1" % k1, "-X", "DELETE")[0], 404, "and not ours")
    os.chmod(SOCK, 0o660)
else:
    t.skip("another user's Keep is 404", "not root")

# ---------------------------------------------------------------- sessions
r = req("GET", "/v1/keeps/%s/session" % k1)
t.ok(problem(r, 426, "session.upgrade") and r[1]["upgrade"] == "donjon-session/1", "without Upgrade it is 426", r)
t.ok(problem(req("GET", "/v1/keeps/%s/evidence" % k1), 404, "evidence.none"), "no evidence before an offer is 404")
s = session(k1)
of, ev = hello(s)
t.eq((of[0], of[1]), (2, b"OFFER of a fake"), "HELLO brings OFFER")
t.ok(ev[0] == 3 and ev[1][:4] == b"\x80\x01\0\1" and ev[1][4:8] == b"\0\1\0\0", "then EVIDENCE, format 0x8001, offer", ev)
chain = open(os.path.join(DIR, "emu", "process-chain.pem"), "rb").read()
t.ok(ev[1].endswith(chain) and ev[1][12 + 72:12 + 104] == HELLO[8:40], "with the report and the chain")
r = req("GET", "/v1/keeps/%s/evidence" % k1)
t.ok(r[0] == 200 and bytes.fromhex(r[2]["evidence"]) == ev[1] and bytes.fromhex(r[2]["hello"]) == HELLO
     and bytes.fromhex(r[2]["offer"]) == of[1], "GET evidence has all three as relayed", r)
rec = [os.urandom(n + 16) for n in (256, 1024, 4096, 16384)]
s.sendall(b"".join(frame(5, x) for x in rec))
t.ok([recv_frame(s)[1] for x in rec] == rec, "records of four sizes come back whole")
t.eq(keep(k1)["state"], "owned", "after the first record the Keep is owned")
for cut in (1, 7, 8, 9, 300):
    f = frame(5, rec[0])
    s.sendall(f[:cut])
    time.sleep(0.01)
    s.sendall(f[cut:])
    t.ok(recv_frame(s)[1] == rec[0], "a record cut after %d bytes arrives whole" % cut)
t.ok(problem(req("GET", "/v1/keeps/%s/session" % k1, Connection="Upgrade", Upgrade="donjon-session/1"), 409,
             "session.busy"), "a second link is 409")
s2 = session(k1, "?steal=1")
f = recv_frame(s)
t.ok(f[0] == 15 and f[1][:2] == b"\0\x10" and s.recv(1) == b"", "?steal=1 ends the first with BUSY", f)
t.eq(hello(s2)[0][1], b"OFFER of a fake", "and serves the second")
s.close()
s2.sendall(frame(1, HELLO) + frame(5, rec[1]))
s2.close()
s = session(k1, "?steal=1")
s.sendall(frame(1, HELLO))
a, b, c = recv_frame(s), recv_frame(s), None
t.eq((a[0], b[0]), (2, 3), "answers to a link that is gone do not reach the next one")
s.sendall(frame(5, rec[2]))
t.ok(recv_frame(s)[1] == rec[2], "nor do its records")


def bad(name, data):
    x = session(k2, "?steal=1")
    x.sendall(data)
    g = recv_frame(x)
    t.ok(g[0] == 15 and g[1][:2] == b"\0\1" and x.recv(1) == b"", "%s ends the link with BAD_FRAME" % name, g)
    x.close()


bad("version 2", b"\5\2\0\0\0\0\1\x10")
bad("a reserved bit", b"\5\1\0\1\0\0\1\x10")
bad("a client's OFFER", frame(2, b"x"))
bad("a client's EVIDENCE", frame(3, b"x"))
bad("type 7", frame(7, b"x"))
bad("a HELLO over 104", struct.pack(">BBHI", 1, 1, 0, 105))
bad("a RECORD over 16400", struct.pack(">BBHI", 5, 1, 0, 16401))
t.eq(keep(k2)["state"], "fresh", "and the Keep lives on")

# back-pressure: nothing is lost when the client does not read
big = frame(5, os.urandom(16400)) * 16
sent, total = 0, 2000
stop = threading.Event()


def pump():
    for _ in range(total // 16):
        s.sendall(big)
    stop.set()


s.settimeout(60)
th = threading.Thread(target=pump)
th.start()
time.sleep(0.5)
t.ok(not stop.is_set(), "a client that does not read is not read from for ever")
began, got = time.time(), 0
while got < total // 16 * 16 * 16408:
    b = s.recv(1 << 20)
    if not b:
        break
    got += len(b)
th.join()
t.eq(got, total // 16 * 16 * 16408, "and every byte arrives once it reads")
print("# %.0f MB/s each way through the agent" % (got / (time.time() - began) / 1e6))

# ---------------------------------------------------------------- ends


def ending(mode, how, reason, state="gone"):
    kid = create(mode)
    if mode == "fail":
        wait_for(lambda: keep(kid)["state"] == "gone")
        frames = []
    else:
        x = session(kid)
        hello(x)
        x.sendall(frame(5, rec[0]))
        frames = []
        try:
            while True:
                frames.append(recv_frame(x))
        except EOFError:
            pass
        x.close()
        t.ok(frames and frames[-1][0] == 15 and frames[-1][1][:2] == b"\0\x12" and
             re.search(reason, frames[-1][1][2:].decode()), "%s: the link ends with KEEP_GONE and why" % mode, frames)
    k = keep(kid)
    t.ok(k["state"] == state and k["how"] == how and re.search(reason, k["reason"]), "%s: state %s, %s" %
         (mode, state, how), k)
    con = req("GET", "/v1/keeps/%s/console" % kid)[2].decode()
    t.ok(re.search(reason, con), "%s: the console says so" % mode, con)
    t.eq(req("GET", "/v1/keeps/%s/session" % kid, Connection="Upgrade", Upgrade="donjon-session/1")[0], 410,
         "%s: no more sessions" % mode)
    t.eq(req("DELETE", "/v1/keeps/" + kid)[0], 204, "%s: it can be deleted" % mode)
    return frames


ending("sigsys", "died", "killed by SIGSYS: tried a system call that it may not make")
ending("vanish", "died", "its launcher is gone|exited with 7")
ending("badline", "caught", "out_head outside of the ring")
ending("badop", "caught", "number of a call")
ending("busy", "caught", "call during a report")
ending("badframe", "caught", "impossible frame")
ending("fail", "failed", "did not start: no memory for the image")
fr = ending("halt", "released", "released by its client", "exited")
t.eq([f[0] for f in fr], [5, 5, 5, 5, 15], "what a Keep sent before it halted arrives first")
kid = create("mute")
s3 = session(kid)
s3.sendall(frame(1, HELLO))
f = recv_frame(s3)
t.ok(f[0] == 15 and f[1][:2] == b"\0\x11", "a failed report is NO_EVIDENCE", f)
s3.close()
req("DELETE", "/v1/keeps/%s?force=1" % kid)
kid = create("again")
s3 = session(kid)
hello(s3)
s3.sendall(frame(5, rec[0]))
fr = [recv_frame(s3), recv_frame(s3)]
t.ok(sorted(f[0] for f in fr) == [3, 5] and [f for f in fr if f[0] == 3][0][1][:4] == b"\x80\x01\0\2",
     "AGAIN brings EVIDENCE with purpose 2", fr)
r = req("GET", "/v1/keeps/%s/evidence" % kid)[2]
t.eq((r["evidence"][4:8], r["hello"]), ("0001", HELLO.hex()), "and GET evidence keeps what belongs to the OFFER")
s3.close()
req("DELETE", "/v1/keeps/%s?force=1" % kid)
for mode in ("late", "lost"):
    kid = create(mode)
    s3 = session(kid)
    hello(s3)
    s3.sendall(frame(5, rec[0]))
    time.sleep(0.1)
    s3.close()
    s3 = session(kid, "?steal=1")
    time.sleep(0.4)
    t.eq([f[0] for f in hello(s3)], [2, 3], "%s: what a report for an earlier link brings does not reach the next" % mode)
    s3.close()
    req("DELETE", "/v1/keeps/%s?force=1" % kid)
kid = create("tick")
s3 = session(kid)
hello(s3)
began = time.time()
for _ in range(10):
    recv_frame(s3)
took = time.time() - began
t.ok(0.15 < took < 1, "WAIT deadlines are kept (10 of 20 ms)", took)
r = req("POST", "/v1/keeps/%s/kill" % kid)
t.eq(r[0], 202, "POST kill is 202")
t.ok(problem(req("POST", "/v1/keeps/%s/kill" % kid), 409, "keep.over"), "a second is 409")
f = recv_frame(s3)
while f[0] == 5:
    f = recv_frame(s3)
t.ok(f[0] == 15 and b"killed by its owner" in f[1], "its link hears KEEP_GONE", f)
req("DELETE", "/v1/keeps/" + kid)
t.ok(problem(req("GET", "/v1/keeps/" + kid), 410, "keep.deleted"), "a deleted Keep is 410")
t.ok(not os.path.exists(os.path.join(DIR, "state", kid + ".json")), "and its state file is gone")
t.ok(problem(req("DELETE", "/v1/keeps/" + k2), 409, "keep.running"), "DELETE of a living Keep is 409")
t.eq(req("DELETE", "/v1/keeps/%s?force=1" % k2)[0], 204, "?force=1 ends it")
kid = create(ttl=1)
t.ok(wait_for(lambda: keep(kid)["state"] == "gone") and "ttl" in keep(kid)["reason"], "ttl ends a Keep", keep(kid))
req("DELETE", "/v1/keeps/" + kid)

# ---------------------------------------------------------------- history
# 1,024 Keeps that ended are remembered: of whoever has most, the oldest go.
if os.getuid() == 0:
    def flood(count):
        """Keeps of another caller that end at once."""
        pid = os.fork()
        if pid == 0:
            os.setgid(65534)
            os.setuid(65534)
            while count > 0:
                count -= req("POST", "/v1/keeps", ask("fail"))[0] == 201
            os._exit(0)
        return os.waitpid(pid, 0)[1] == 0

    os.chmod(SOCK, 0o666)
    ended, lives = create("fail"), create()
    t.ok(flood(1040), "another caller may make Keeps that end")
    req("POST", "/v1/keeps/%s/kill" % lives)
    t.ok(flood(256), "and more of them")
    t.eq([keep(k).get("how") for k in (ended, lives)], ["failed", "killed"], "which push none of ours out of the history")
    os.chmod(SOCK, 0o660)
    for k in (ended, lives):
        req("DELETE", "/v1/keeps/" + k)
else:
    t.skip("a caller's Keeps push no other's out of the history", "not root")

# ---------------------------------------------------------------- limits
more = [create() for _ in range(5)]
r = req("POST", "/v1/keeps", good)
t.ok(problem(r, 429, "host.full") and r[1]["retry-after"] == "5", "one owner of all Keeps gets 429", r)
t.eq(req("GET", "/v1/agent")[2]["capacity"]["free"], 0, "and the capacity is 0")
for kid in more:
    req("DELETE", "/v1/keeps/%s?force=1" % kid)

# ---------------------------------------------------------------- the rest
r = req("GET", "/v1/collateral/process")
t.ok(r[0] == 200 and r[2]["items"][0]["pem"].encode() == chain, "collateral has the chain", r)
t.eq(req("GET", "/v1/collateral/process", If_None_Match=r[1]["etag"])[0], 304, "its ETag gives 304")
t.eq(req("GET", "/v1/collateral/sgx")[0], 404, "there is none for another TEE")
metrics = req("GET", "/metrics")[2].decode()
t.ok('donjon_keeps_ended_total{how="caught"} 4' in metrics, "metrics count", metrics)
if shutil.which("promtool"):
    p = subprocess.run(["promtool", "check", "metrics"], input=metrics.encode(), stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT)
    t.ok(p.returncode == 0, "promtool has no complaint", p.stdout.decode())
else:
    t.skip("promtool has no complaint", "no promtool")
lines = [json.loads(x) for x in open(trace)]
t.ok(lines[0]["type"] == "HELLO" and lines[0]["size"] == len(HELLO) and lines[0]["first"] == HELLO[:16].hex()
     and lines[0]["direction"] == "to-keep", "--trace-frames has a line a frame", lines[0])
log = open(os.path.join(DIR, "log"), "rb").read()
t.ok(rec[0][:8] not in log and rec[0][:8].hex().encode() not in log, "the log has no byte of a record")
pids = [int(x) for x in subprocess.run(["ps", "--ppid", str(agent.pid), "-o", "pid="], stdout=subprocess.PIPE)
        .stdout.split()]
t.ok(len(pids) == 2, "a living Keep is two processes", pids)
agent.send_signal(signal.SIGTERM)
f = recv_frame(s)
t.ok(f[0] == 15 and b"the host agent stops" in f[1], "SIGTERM: links hear why", f)
t.eq(agent.wait(10), 0, "SIGTERM: the agent ends with 0")
t.ok(not any(os.path.exists("/proc/%d" % p) for p in pids), "SIGTERM: no process is left")
t.ok(not os.path.exists(SOCK), "SIGTERM: its socket is gone")

# ---------------------------------------------------------------- kill -9, private
agent = start("--socket", SOCK)
wait_for(lambda: os.path.exists(SOCK))
kid = create()
wait_for(lambda: keep(kid)["state"] == "fresh")
pids = [int(x) for x in subprocess.run(["ps", "--ppid", str(agent.pid), "-o", "pid="], stdout=subprocess.PIPE)
        .stdout.split()]
agent.kill()
agent.wait()
t.ok(wait_for(lambda: not any(os.path.exists("/proc/%d/exe" % p) and os.readlink("/proc/%d/exe" % p) for p in pids
                              if os.path.exists("/proc/%d/stat" % p) and
                              open("/proc/%d/stat" % p).read().split()[2] != "Z")), "kill -9: no Keep is left")
agent = start("--socket", SOCK)
t.ok(wait_for(lambda: not subprocess.run(["curl", "-sf", "--unix-socket", SOCK, "http://x/healthz"],
                                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode),
     "a stale socket is replaced")
second = start("--socket", SOCK, log="log2")
t.eq(second.wait(5), 71, "a living one is not")
agent.terminate()
agent.wait(10)
a, b = socket.socketpair()
a.settimeout(10)
agent = start("--private-fd", str(b.fileno()), fds=(b.fileno(),))
b.close()
st, _, k = req("POST", "/v1/keeps", ask(), s=a)
t.eq(st, 201, "--private-fd: POST on the connected socket")
a.sendall(("GET /v1/keeps/%s/session HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: donjon-session/1\r\n\r\n"
           % k["id"]).encode())
t.eq(read_answer(a)[0], 101, "--private-fd: and the session on the same one")
t.eq(hello(a)[0][1], b"OFFER of a fake", "--private-fd: it relays")
a.close()
t.eq(agent.wait(10), 0, "--private-fd: the agent ends with the connection")
a, b = socket.socketpair()
agent = start("--private-fd", str(b.fileno()), fds=(b.fileno(),))
b.close()
a.close()
t.eq(agent.wait(10), 0, "--private-fd: also before any request")

# ---------------------------------------------------------------- TLS


def openssl(*args):
    subprocess.run(["openssl", *args], check=True, cwd=DIR, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def make_cert(name, ca=None):
    args = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
            name + ".key", "-out", name + ".pem", "-subj", "/CN=" + name, "-days", "2",
            "-addext", "subjectAltName=IP:127.0.0.1"]
    if ca:
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", name + ".key",
                "-out", name + ".csr", "-subj", "/CN=" + name)
        openssl("x509", "-req", "-in", name + ".csr", "-CA", ca + ".pem", "-CAkey", ca + ".key", "-CAcreateserial",
                "-out", name + ".pem", "-days", "2")
    else:
        openssl(*args)


def path(n):
    return os.path.join(DIR, n)


make_cert("server")
make_cert("ca")
make_cert("alice", "ca")
make_cert("mallory")
TOKEN = "0123456789abcdef0123456789abcdef"
with open(path("tokens"), "w") as f:
    f.write("# who may\nbob %s\n" % TOKEN)
probe = socket.socket()
probe.bind(("127.0.0.1", 0))
PORT = probe.getsockname()[1]
probe.close()


def tls(cert=None, version=None):
    c = ssl.create_default_context(cafile=path("server.pem"))
    if cert:
        c.load_cert_chain(path(cert + ".pem"), path(cert + ".key"))
    if version:
        c.maximum_version = version
    x = c.wrap_socket(socket.create_connection(("127.0.0.1", PORT), 10), server_hostname="127.0.0.1")
    return x


def tls_status(cert=None, version=None, where="/v1/keeps", **fields):
    try:
        x = tls(cert, version)
        st = req("GET", where, s=x, **fields)[0]
        x.close()
        return st or "cut"
    except (ssl.SSLError, ConnectionError) as e:
        return "refused"


def wait_port():
    def up():
        try:
            socket.create_connection(("127.0.0.1", PORT), 1).close()
            return True
        except OSError:
            return False
    return wait_for(up)


TLS = ["--listen", "127.0.0.1:%d" % PORT, "--tls-cert", path("server.pem"), "--tls-key", path("server.key")]
agent = start(*TLS, "--client-ca", path("ca.pem"))
wait_port()
t.eq(tls_status("alice"), 200, "TLS: a client certificate of the CA comes in")
t.ok(tls_status("mallory") in ("refused", "cut"), "TLS: another does not")
t.ok(tls_status() in ("refused", "cut"), "TLS: none does not")
t.eq(tls_status("alice", ssl.TLSVersion.TLSv1_2), "refused", "TLS: 1.2 is refused")
x = tls("alice")


def is_probed():
    """The kernel's timer of the agent's end of x is keepalive's."""
    with open("/proc/net/tcp") as f:
        rows = [r.split() for r in f]
    return [r[5][:2] for r in rows if r[1].endswith(":%04X" % PORT) and
            r[2].endswith(":%04X" % x.getsockname()[1])] == ["02"]


t.ok(wait_for(is_probed), "TLS: a peer that is gone without a word is found out")
st, _, k = req("POST", "/v1/keeps", ask(), s=x)
x.sendall(("GET /v1/keeps/%s/session HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: donjon-session/1\r\n\r\n"
           % k["id"]).encode())
t.eq(read_answer(x)[0], 101, "TLS: a session opens")
hello(x)
t.ok(True, "TLS: OFFER and EVIDENCE come through")
for i in range(3):
    x.sendall(b"".join(frame(5, r) for r in rec))
    for r in rec:
        assert recv_frame(x)[1] == r
t.ok(True, "TLS: records of four sizes come back whole")
data = frame(5, rec[3]) * 400
# One thread for both ways: an SSL object must not be used by two.
x.setblocking(False)
began = time.time()
got = sent = 0
while got < len(data) and time.time() - began < 60:
    select.select([x], [x] if sent < len(data) else [], [], 1)
    try:
        if sent < len(data):
            sent += x.send(data[sent:sent + 65536])
    except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
        pass
    try:
        while got < len(data):
            got += len(x.recv(65536))
    except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
        pass
t.ok(got == len(data), "TLS: 6.5 MB there and back")
print("# %.0f MB/s each way over TLS" % (got / (time.time() - began) / 1e6))
x.close()
agent.terminate()
t.eq(agent.wait(10), 0, "TLS: SIGTERM ends it")
agent = start(*TLS, "--client-ca", path("ca.pem"), "--token-file", path("tokens"))
wait_port()
t.eq(tls_status(Authorization="Bearer " + TOKEN), 200, "a bearer token comes in")
t.eq(tls_status(Authorization="Bearer " + TOKEN[:-1] + "0"), 401, "a wrong one is 401")
# Tokens are compared by digest: one that agrees in the beginning of that.
near = next(x for x in ("%032x" % i for i in range(1 << 16))
            if hashlib.sha256(x.encode()).digest()[:1] == hashlib.sha256(TOKEN.encode()).digest()[:1])
t.eq(tls_status(Authorization="Bearer " + near), 401, "so is one whose digest begins as the good one's")
t.eq(tls_status(), 401, "none is 401")
t.eq(tls_status(where="/healthz"), 200, "/healthz needs none")
t.eq(tls_status("alice"), 200, "a certificate does as well")
agent.terminate()
agent.wait(10)

# ---------------------------------------------------------------- systemd
if shutil.which("systemd-socket-activate"):
    log = open(path("log4"), "wb")
    agent = subprocess.Popen(["systemd-socket-activate", "-l", SOCK, AGENT, *COMMON], stdout=log, stderr=log)
    wait_for(lambda: os.path.exists(SOCK))
    t.eq(req("GET", "/healthz")[0], 200, "socket activation: the passed socket is served")
    agent.terminate()
    agent.wait(10)
else:
    t.skip("socket activation: the passed socket is served", "no systemd-socket-activate")
n = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
n.bind(path("notify"))
n.settimeout(5)
if os.path.exists(SOCK):
    os.unlink(SOCK)
os.environ["NOTIFY_SOCKET"] = path("notify")
agent = start("--socket", SOCK)
t.eq(n.recv(100), b"READY=1", "sd_notify: READY=1")
agent.terminate()
t.eq(n.recv(100), b"STOPPING=1", "sd_notify: STOPPING=1")
agent.wait(10)
shutil.rmtree(DIR, ignore_errors=True)
t.done()
