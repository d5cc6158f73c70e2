#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Our client completes a session with a Keep played by the reference, behind
an agent of a few lines; then the same Keep and agent lie in every way that a
client can see, and the client names each lie and never reports success."""
import base64
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from donjonlib import (FORMAT_PROCESS, TEE_PROCESS, Tap, echo_module, measurement, program,  # noqa: E402
                       recv_exact, reference)

ref = reference()
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec, utils  # noqa: E402

t = Tap()
H, be = ref.H, ref.be
work = tempfile.mkdtemp(prefix="donjon-test-")
emu = os.path.join(work, "emu")
subprocess.run([program("donjon-emu"), "init", emu], check=True, stdout=subprocess.DEVNULL)
with open(os.path.join(emu, "process.key"), "rb") as f:
    att_key = serialization.load_pem_private_key(f.read(), None)
with open(os.path.join(emu, "process-chain.pem"), "rb") as f:
    chain = f.read()
spki = att_key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
good_measurement = bytes.fromhex(measurement())


def report(report_data, config_hash, meas):
    b = (b"DJPR" + be(1, 2) + be(TEE_PROCESS, 2) + meas + config_hash + report_data + hashlib.sha256(spki).digest() + be(1, 8))
    r, s = utils.decode_dss_signature(att_key.sign(b, ec.ECDSA(hashes.SHA256())))
    return b + be(r, 32) + be(s, 32)


def evidence(rep, purpose=1):
    out = be(FORMAT_PROCESS, 2) + be(purpose, 2)
    for tag, v in ((1, rep), (2, chain)):
        out += be(tag, 2) + be(0, 2) + be(len(v), 4) + v
    return out


class LyingAgent(threading.Thread):
    """One agent, one Keep, one session; `lie` names what it does wrong."""

    def __init__(self, lie=None):
        super().__init__(daemon=True)
        self.lie, self.sock = lie, os.path.join(work, "s%d.sock" % LyingAgent.count)
        LyingAgent.count += 1
        self.l = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.l.bind(self.sock)
        self.l.listen(8)
        self.cfg, self.seen, self.trouble = b"", [], None
        self.start()

    count = 0

    def run(self):
        while True:
            try:
                s, _ = self.l.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(s,), daemon=True).start()

    def serve(self, s):
        try:
            s.settimeout(20)
            while self.request(s):
                pass
        except (OSError, EOFError, ref.Reject) as e:
            self.trouble = e
        finally:
            s.close()

    def answer(self, s, status, body):
        b = json.dumps(body).encode() if body is not None else b""
        loc = "Location: /v1/keeps/k-1\r\n" if status == 201 else ""
        s.sendall(("HTTP/1.1 %d X\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n"
                   % (status, loc, len(b))).encode() + b)

    def request(self, s):
        head = b""
        while b"\r\n\r\n" not in head:
            head += recv_exact(s, 1)
        lines = head.decode().split("\r\n")
        method, path, _ = lines[0].split(" ")
        hdr = {k.lower(): v.strip() for k, v in (x.split(":", 1) for x in lines[1:] if ":" in x)}
        if hdr.get("expect", "").lower() == "100-continue":
            s.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = recv_exact(s, int(hdr.get("content-length", 0)))
        name = "../keeps/k-1" if self.lie == "name" else "k-1"
        keep = {"schema": "donjon.keep/1", "id": name, "tee": "process", "protection": "none", "state": "new"}
        if method == "POST" and path == "/v1/keeps":
            self.cfg = base64.b64decode(json.loads(body)["config"])
            self.answer(s, 201, keep)
        elif path.startswith("/v1/keeps/k-1/session"):
            s.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: donjon-session/1\r\n\r\n")
            self.session(s)
            return False
        elif path == "/v1/agent":
            self.answer(s, 200, {"schema": "donjon.agent/1", "version": "0.1.0", "tees": [
                {"tee": "process", "emulated": False, "formats": [FORMAT_PROCESS]}]})
        elif path.startswith("/v1/keeps/k-1"):
            self.answer(s, 204 if method == "DELETE" else 200, None if method == "DELETE" else keep)
        else:
            self.answer(s, 404, {"status": 404, "title": "not found", "error": "agent.not_found"})
        return True

    def frame(self, s):
        h = recv_exact(s, 8)
        p = recv_exact(s, int.from_bytes(h[4:8], "big"))
        self.seen.append(h[0])
        return h[0], p, h

    def session(self, s):
        lie = self.lie
        typ, hello, _ = self.frame(s)
        assert typ == ref.T_HELLO
        ch = H(self.cfg)
        keep = ref.Keep(TEE_PROCESS, os.urandom(32), bytes(32) if lie == "config" else ch)
        sk = os.urandom(32)
        if lie == "owned":
            h = ref.parse_hello(hello)
            off = ref.offer(h["suites"][0], TEE_PROCESS, 1, 1, keep.keep_id, os.urandom(32), ch, ref.x25519_pub(sk))
            rd = ref.report_data(hello, off)
        else:
            off, rd = keep.on_hello(hello, os.urandom(32), sk)
        if lie == "suite":
            off = off[:4] + be(0x0011, 2) + off[6:112] + be(1216, 2) + bytes(1216) + be(0, 2)
            rd = ref.report_data(hello, off)
        if lie == "stale":
            rd = ref.report_data(hello[:8] + bytes(32) + hello[40:], off)
        if lie == "label":
            rd = rd[:32] + ref.LABEL_RECEIPT
        meas = bytes(32) if lie == "measurement" else good_measurement
        rep = report(rd, ch, meas)
        if lie == "signature":
            rep = rep[:-1] + bytes([rep[-1] ^ 1])
        s.sendall(ref.frame(ref.T_OFFER, off))
        s.sendall(ref.frame(ref.T_EVIDENCE, evidence(rep, 2 if lie == "purpose" else 1)))
        typ, opn, _ = self.frame(s)
        assert typ == ref.T_OPEN
        sess = keep.on_open(opn)
        typ, p, h = self.frame(s)
        claim = sess.c2k.open(h + p)
        assert claim["kind"] == ref.K_CLAIM
        kid = bytes(32) if lie == "ready" else keep.keep_id
        s.sendall(sess.k2c.seal(ref.K_READY, data=ref.ready(
            1, 2 if lie == "ticket" else 1, kid, lie == "has input", 2 if lie == "runs" else 0, lie == "has module")))
        if lie == "uninvited":
            s.sendall(ref.frame(ref.T_EVIDENCE, evidence(rep, 2)))
        body, module, stdin, ended, run = b"", b"", b"", False, False
        while not (run and ended):
            typ, p, h = self.frame(s)
            assert typ == ref.T_RECORD, typ
            r = sess.c2k.open(h + p)
            if r["kind"] == ref.K_BEGIN:
                assert r["off"] == len(body)
                body += r["data"]
            elif r["kind"] == ref.K_MODULE:
                assert r["off"] == len(module)
                module += r["data"]
            elif r["kind"] == ref.K_RUN:
                assert int.from_bytes(body[:8], "big") == len(module) and body[8:40] == H(module)
                run = True
            elif r["kind"] == ref.K_DATA and r["stream"] == 0:
                assert r["off"] == len(stdin)
                stdin += r["data"]
                ack = len(stdin) + (1 << 19 if lie == "ack" else 0)
                s.sendall(sess.k2c.seal(ref.K_ACK, 0, ack, be(len(stdin) + (1 << 20), 8)))
            elif r["kind"] == ref.K_END and r["stream"] == 0:
                assert r["off"] == len(stdin)
                ended = True
        self.module = module
        out, err = stdin.upper(), b"played by the reference\n"
        if lie == "flood":
            out = bytes(3 << 19)
        for st, d in ((1, out), (2, err)):
            for i in range(0, len(d), 16368):
                f = sess.k2c.seal(ref.K_DATA, st, i, d[i:i + 16368])
                if lie == "gap" and st == 1 and i == 0:
                    f = sess.k2c.seal(ref.K_DATA, st, 1, d[:16367])
                if lie == "flip" and st == 1:
                    f = f[:-1] + bytes([f[-1] ^ 1])
                if lie == "drop" and st == 1 and i == 16368:
                    continue
                s.sendall(f)
                if lie == "repeat" and st == 1:
                    s.sendall(f)
            if not (lie == "noend" and st == 1):
                s.sendall(sess.k2c.seal(ref.K_END, st, len(d)))
        acked, nonce = {1: 0, 2: 0}, None
        asked = lie is not None and lie.startswith("again")
        while ((acked[1], acked[2]) != (len(out), len(err)) and lie not in ("drop", "repeat", "flip")) or (asked and nonce is None):
            typ, p, h = self.frame(s)
            r = sess.c2k.open(h + p)
            if r["kind"] == ref.K_ACK:
                acked[r["stream"]] = r["off"]
            if r["kind"] == ref.K_AGAIN:
                nonce = r["data"]
        if asked:
            now = ref.again_rd(sess.again, nonce, 1)
            rep = report(rd if lie == "again, old" else now, ch, bytes(32) if lie == "again, image" else good_measurement)
            s.sendall(sess.k2c.seal(ref.K_AGAIN_RD, data=H(b"") if lie == "again, answer" else now[:32])
                      + ref.frame(ref.T_EVIDENCE, evidence(rep, 1 if lie == "again, purpose" else 2)))
        if lie == "cut":
            return
        ho = bytes(32) if lie == "hash" else H(out)
        ln = len(out) + (1 if lie == "length" else 0)
        hm = bytes(32) if lie == "module" else H(module)
        he = bytes(32) if lie == "err hash" else H(err)
        s.sendall(sess.k2c.seal(ref.K_EXIT, data=bytes([0, 0, 0, 0]) + be(7, 4) + be(ln, 8) + be(len(err) + (lie == "err length"), 8) + ho + he + hm))
        typ, p, h = self.frame(s)
        self.released = sess.c2k.open(h + p)["kind"] == ref.K_RELEASE


class DurableAgent(LyingAgent):
    """Mode 1: a Keep that answers its input in capitals, cut after each
    `cuts` records from the client; `lie` as above."""

    def __init__(self, lie=None, cuts=(4, 6, 5)):
        self.cuts, self.keep, self.phase = list(cuts), None, 0
        self.body, self.mod, self.stdin, self.ended, self.acked = b"", b"", b"", False, {1: 0, 2: 0}
        self.wants, self.runs, self.nos, self.released = [], 0, [], False
        super().__init__(lie)

    def ready(self):
        k = self.keep
        no = k.attach_no - 1 if self.lie == "attach" and k.attach_no > 1 else k.attach_no
        return ref.ready(no, no, k.keep_id, len(self.stdin), self.phase, len(self.mod))

    def session(self, s):
        typ, hello, _ = self.frame(s)
        assert typ == ref.T_HELLO
        ch = H(self.cfg)
        if self.keep is None:
            self.keep = ref.Keep(TEE_PROCESS, os.urandom(32), ch)
        k = self.keep
        if self.lie and k.state == 1 and self.lie in ("WRONG_KEEP", "KEEP_FRESH"):
            s.sendall(ref.frame(ref.T_ERROR, be(6 if self.lie == "WRONG_KEEP" else 5, 2)))
            return
        if self.lie == "other" and k.state == 1:
            k.keep_id = ref.parse_hello(hello)["keep_id"][:31] + b"x"
            sk = os.urandom(32)
            off = ref.offer(ref.parse_hello(hello)["suites"][0], TEE_PROCESS, 1, k.attach_no, k.keep_id, os.urandom(32), ch, ref.x25519_pub(sk))
            rd = ref.report_data(hello, off)
        else:
            off, rd = k.on_hello(hello, os.urandom(32), os.urandom(32))
        s.sendall(ref.frame(ref.T_OFFER, off) + ref.frame(ref.T_EVIDENCE, evidence(report(rd, ch, good_measurement))))
        typ, opn, _ = self.frame(s)
        assert typ == ref.T_OPEN
        self.nos.append(int.from_bytes(opn[36:40], "big"))
        sess = k.on_open(opn)
        typ, p, h = self.frame(s)
        first = sess.c2k.open(h + p)
        assert first["kind"] == (ref.K_RESUME if k.state else ref.K_CLAIM)
        d = first["data"][1 + first["data"][0]:]
        want = {d[i]: int.from_bytes(d[i + 1:i + 9], "big") for i in range(0, len(d), 9)}
        self.wants.append(want)
        k.state, k.attach_no = 1, k.attach_no + 1
        new = {k.attach_no: sess.ticket}
        k.tickets = {**{n: t for n, t in k.tickets.items() if n == self.nos[-1]}, **new}
        s.sendall(sess.k2c.seal(ref.K_READY, data=self.ready()))
        cut = self.cuts.pop(0) if self.cuts else 1 << 30
        sent, ends, acked = {1: want.get(1, 0), 2: want.get(2, 0)}, set(), dict(want)
        exit_sent = False
        while True:
            if self.phase >= 2:
                out = {1: self.stdin.upper(), 2: b"played by the reference\n"}
                for st in (1, 2):
                    while sent[st] < len(out[st]):
                        piece = out[st][sent[st]:sent[st] + 7000]
                        s.sendall(sess.k2c.seal(ref.K_DATA, st, sent[st], piece))
                        sent[st] += len(piece)
                    if self.ended and st not in ends:
                        s.sendall(sess.k2c.seal(ref.K_END, st, len(out[st])))
                        ends.add(st)
                self.phase = 3 if self.ended else 2
                if self.ended and not exit_sent and all(acked.get(st, 0) == len(out[st]) for st in out):
                    exit_sent = True
                    s.sendall(sess.k2c.seal(ref.K_END, 3, 0) + sess.k2c.seal(
                        ref.K_EXIT, data=bytes(4) + be(7, 4) + be(len(out[1]), 8) + be(len(out[2]), 8) + H(out[1]) + H(out[2]) + H(self.mod)))
            if cut == 0:
                return
            typ, p, h = self.frame(s)
            r = sess.c2k.open(h + p)
            k.tickets, cut = new, cut - 1
            if r["kind"] == ref.K_BEGIN:
                self.body, self.phase = r["data"], 1
            elif r["kind"] == ref.K_MODULE:
                assert r["off"] == len(self.mod)
                self.mod += r["data"]
            elif r["kind"] == ref.K_RUN:
                self.runs, self.phase = self.runs + 1, 2
            elif r["kind"] == ref.K_DATA:
                assert r["off"] == len(self.stdin), (r["off"], len(self.stdin))
                self.stdin += r["data"]
                s.sendall(sess.k2c.seal(ref.K_ACK, 0, len(self.stdin), be(len(self.stdin) + (1 << 20), 8)))
            elif r["kind"] == ref.K_END:
                assert r["off"] == len(self.stdin)
                self.ended = True
            elif r["kind"] == ref.K_ACK:
                acked[r["stream"]] = r["off"]
            elif r["kind"] == ref.K_RELEASE:
                self.released = True
                return


policy = os.path.join(work, "policy.toml")
with open(policy, "w") as f:
    f.write('schema = 1\nname = "test"\n[development]\nallow = true\nroot = "%s"\n[keep]\n'
            'measurement = [ { tee = "process", sha256 = "%s" } ]\n'
            % (os.path.join(emu, "root.pem"), good_measurement.hex()))
mod = os.path.join(work, "echo.wasm")
with open(mod, "wb") as f:
    f.write(echo_module())
data = os.urandom(40000).hex().encode()


def client(agent, *options):
    env = dict(os.environ, XDG_STATE_HOME=os.path.join(work, "state"), XDG_CONFIG_HOME=os.path.join(work, "config"))
    return subprocess.run([program("donjon"), "-H", "unix:" + agent.sock, "-p", policy, "run", *options, mod, "arg"],
                          input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, timeout=60)


a = LyingAgent()
r = client(a)
t.eq(r.returncode, 7, "the exit code of the program that the reference plays comes back")
t.ok(r.stdout == data.upper(), "its output is exact, %d bytes" % len(data), r.stderr.decode(errors="replace"))
t.ok(b"played by the reference" in r.stderr, "and its stderr")
t.ok(a.module == echo_module(), "the module arrived as it was")

before = "nothing secret is sent: no OPEN left the client"
for lie, code, what in (
        ("config", 123, "a launch block that was not asked for"),
        ("suite", 123, "a suite that was not offered"),
        ("owned", 123, "an owned Keep"),
        ("stale", 123, "evidence for another HELLO"),
        ("label", 123, "a report made for another purpose"),
        ("purpose", 123, "evidence that says it is for something else"),
        ("measurement", 123, "an image that the policy does not name"),
        ("signature", 123, "a report with a broken signature")):
    a = LyingAgent(lie)
    r = client(a)
    t.ok(r.returncode == code and b"error[" in r.stderr and not r.stdout, "refused by name: " + what,
         "exit %d\n%s" % (r.returncode, r.stderr.decode(errors="replace")))
    t.eq(a.seen, [ref.T_HELLO], before)
for lie, what in (
        ("ready", "READY of another Keep"), ("flip", "a changed record"), ("drop", "a missing record"),
        ("repeat", "a repeated record"), ("noend", "a stream without END"), ("cut", "a session without EXIT"),
        ("hash", "EXIT with another hash of stdout"), ("length", "EXIT with another length"),
        ("module", "EXIT for another module"), ("ticket", "READY with another ticket's number"),
        ("runs", "a fresh Keep in which something runs"), ("has input", "one that has input"),
        ("has module", "one that has a module"), ("uninvited", "evidence that nobody asked for"),
        ("ack", "input acknowledged that was not sent"), ("gap", "a stream that begins at its second byte"),
        ("err length", "EXIT with another length of stderr"), ("err hash", "with another hash of it")):
    a = LyingAgent(lie)
    r = client(a)
    t.ok(r.returncode in (122, 125) and b"error[" in r.stderr, "never success: " + what,
         "exit %d\n%s" % (r.returncode, r.stderr.decode(errors="replace")))

a = LyingAgent("again")
r = client(a, "--again", "1")
t.ok(r.returncode == 7 and r.stdout == data.upper() and b"again" not in r.stderr, "a Keep that proves itself again goes on", r.stderr)
for lie, what in (("again, image", "evidence of another image"), ("again, old", "the evidence of the beginning"),
                  ("again, answer", "an answer for another session"), ("again, purpose", "evidence for something else")):
    a = LyingAgent(lie)
    r = client(a, "--again", "1")
    t.ok(r.returncode in (122, 123) and b"error[again.refused]" in r.stderr, "asked again, by name: " + what,
         "exit %d\n%s" % (r.returncode, r.stderr.decode(errors="replace")))
a = LyingAgent("name")
r = client(a)
t.ok(b"error[host.answer]" in r.stderr and a.seen == [], "by name: a Keep whose name is a path", r.stderr.decode(errors="replace"))
a = LyingAgent()
r = client(a, "--stream-out", "more=" + os.path.join(work, "more"))
t.ok(r.returncode == 122 and b"a named stream did not" in r.stderr, "by name: an end before that of a named stream",
     "exit %d\n%s" % (r.returncode, r.stderr.decode(errors="replace")))

# Nobody reads the output, so what the Keep may send is all that there can be.
a = LyingAgent("flood")
unread, full = os.pipe()
env = dict(os.environ, XDG_STATE_HOME=os.path.join(work, "state"), XDG_CONFIG_HOME=os.path.join(work, "config"))
r = subprocess.run([program("donjon"), "-H", "unix:" + a.sock, "-p", policy, "run", mod], input=data, stdout=full,
                   stderr=subprocess.PIPE, env=env, timeout=60)
t.ok(r.returncode == 122 and b"beyond what it may send" in r.stderr, "by name: more output than was granted", r.stderr.decode(errors="replace"))
os.close(unread)
os.close(full)

# ------------------------------------------------------------------- mode 1
with open(os.path.join(work, "data"), "wb") as f:
    f.write(data)


def durable(agent, verb, *extra):
    env = dict(os.environ, XDG_STATE_HOME=os.path.join(work, "state"), XDG_CONFIG_HOME=os.path.join(work, "config"))
    with open(os.path.join(work, "data"), "rb") as i, open(os.path.join(work, "out"), "wb" if verb == "run" else "ab") as o, \
            open(os.path.join(work, "err"), "wb" if verb == "run" else "ab") as e:
        args = ["-H", "unix:" + agent.sock, "-p", policy, "run", "--name", "r", mod] if verb == "run" else [verb, "r"]
        r = subprocess.run([program("donjon"), *args], stdin=i, stdout=o if verb == "run" else subprocess.PIPE, stderr=e, env=env, timeout=60)
    with open(os.path.join(work, "err"), "rb") as e:
        r.stderr = e.read()
    return r


a = DurableAgent(cuts=(2, 2, 2, 2))
r = durable(a, "run")
codes = [r.returncode]
while codes[-1] == 122 and len(codes) < 9:
    r = durable(a, "attach")
    codes.append(r.returncode)
t.eq(codes, [122, 122, 122, 122, 7], "cut four times, our client comes back each time, and the exit code is the program's")
with open(os.path.join(work, "out"), "rb") as f:
    t.ok(f.read() == data.upper(), "the output is exact", r.stderr.decode(errors="replace"))
t.ok(a.mod == echo_module() and a.runs == 1 and a.released, "the module arrived once, the work was started once, the Keep released", a.trouble)
t.eq(a.nos, list(range(5)), "each time under the ticket of the attach before")
t.ok(all(w[1] <= len(data) for w in a.wants[1:]) and sorted(w[1] for w in a.wants[1:]) == [w[1] for w in a.wants[1:]],
     "RESUME names the next byte of each output, which never goes back", a.wants)
subprocess.run([program("donjon"), "release", "r"], env=dict(os.environ, XDG_STATE_HOME=os.path.join(work, "state")), check=True)
for lie, code, error, what in (("other", 123, "offer.state", "an offer of another Keep"),
                               ("WRONG_KEEP", 122, "session.wrong-keep", "the host's word that it is another"),
                               ("KEEP_FRESH", 122, "session.wrong-keep", "or a fresh one"),
                               ("attach", 122, "session.protocol", "READY with an old attach number")):
    a = DurableAgent(lie, cuts=(9, 9, 9))
    r = durable(a, "run")
    t.eq(r.returncode, 122, "cut off")
    r = durable(a, "attach")
    t.ok(r.returncode == code and b"error[%s]" % error.encode() in r.stderr, "by name: " + what,
         "exit %d\n%s" % (r.returncode, r.stderr.decode(errors="replace")))
    env = dict(os.environ, XDG_STATE_HOME=os.path.join(work, "state"))
    subprocess.run([program("donjon"), "stop", "--kill", "r"], env=env, stderr=subprocess.DEVNULL)
    subprocess.run([program("donjon"), "release", "r"], env=env, stderr=subprocess.DEVNULL)
    shutil.rmtree(os.path.join(work, "state", "donjon", "keeps"), ignore_errors=True)
shutil.rmtree(work, ignore_errors=True)
t.done()
