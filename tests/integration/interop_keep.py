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
        keep = {"schema": "donjon.keep/1", "id": "k-1", "tee": "process", "protection": "none", "state": "new"}
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
        s.sendall(sess.k2c.seal(ref.K_READY, data=ref.ready(1, 1, kid, 0, 0, 0)))
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
                s.sendall(sess.k2c.seal(ref.K_ACK, 0, len(stdin), be(len(stdin) + (1 << 20), 8)))
            elif r["kind"] == ref.K_END and r["stream"] == 0:
                assert r["off"] == len(stdin)
                ended = True
        self.module = module
        out, err = stdin.upper(), b"played by the reference\n"
        for st, d in ((1, out), (2, err)):
            for i in range(0, len(d), 16368):
                f = sess.k2c.seal(ref.K_DATA, st, i, d[i:i + 16368])
                if lie == "flip" and st == 1:
                    f = f[:-1] + bytes([f[-1] ^ 1])
                if lie == "drop" and st == 1 and i == 16368:
                    continue
                s.sendall(f)
                if lie == "repeat" and st == 1:
                    s.sendall(f)
            if not (lie == "noend" and st == 1):
                s.sendall(sess.k2c.seal(ref.K_END, st, len(d)))
        acked = {1: 0, 2: 0}
        while (acked[1], acked[2]) != (len(out), len(err)) and lie not in ("drop", "repeat", "flip"):
            typ, p, h = self.frame(s)
            r = sess.c2k.open(h + p)
            if r["kind"] == ref.K_ACK:
                acked[r["stream"]] = r["off"]
        if lie == "cut":
            return
        ho = bytes(32) if lie == "hash" else H(out)
        ln = len(out) + (1 if lie == "length" else 0)
        hm = bytes(32) if lie == "module" else H(module)
        s.sendall(sess.k2c.seal(ref.K_EXIT, data=bytes([0, 0, 0, 0]) + be(7, 4) + be(ln, 8) + be(len(err), 8) + ho + H(err) + hm))
        typ, p, h = self.frame(s)
        self.released = sess.c2k.open(h + p)["kind"] == ref.K_RELEASE


policy = os.path.join(work, "policy.toml")
with open(policy, "w") as f:
    f.write('schema = 1\nname = "test"\n[development]\nallow = true\nroot = "%s"\n[keep]\n'
            'measurement = [ { tee = "process", sha256 = "%s" } ]\n'
            % (os.path.join(emu, "root.pem"), good_measurement.hex()))
mod = os.path.join(work, "echo.wasm")
with open(mod, "wb") as f:
    f.write(echo_module())
data = os.urandom(40000).hex().encode()


def client(agent, *extra):
    env = dict(os.environ, XDG_STATE_HOME=os.path.join(work, "state"), XDG_CONFIG_HOME=os.path.join(work, "config"))
    return subprocess.run([program("donjon"), "-H", "unix:" + agent.sock, "-p", policy, *extra, "run", mod, "arg"],
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
        ("module", "EXIT for another module")):
    a = LyingAgent(lie)
    r = client(a)
    t.ok(r.returncode in (122, 125) and b"error[" in r.stderr, "never success: " + what,
         "exit %d\n%s" % (r.returncode, r.stderr.decode(errors="replace")))
shutil.rmtree(work, ignore_errors=True)
t.done()
