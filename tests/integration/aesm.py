#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Quotes from aesmd: a Keep in the emulated SGX processor whose quotes the
launcher's own code gets over AESM's socket, from a stand-in for the daemon
that is written here from the protocol's table alone and has the emulated
quoting enclave make them; and the same daemon when it fails.
"""
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

os.environ["DONJON_TEE"] = "sgx-emu"
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from donjonlib import Agent, Tap, echo_module, program  # noqa: E402
from wasmbytes import leb  # noqa: E402

EMULATOR = program("tests/aesm/emulator")
t = Tap()
LAUNCH, REPORT, TARGET = 1, 2, 5
INIT, SIZE, QUOTE, COUNT, KEYS = 15, 16, 17, 21, 22


# ------------------------------------------------------------- protobuf
def field(number, value):
    if isinstance(value, int):
        return leb(number << 3) + leb(value)
    return leb(number << 3 | 2) + leb(len(value)) + value


def read_varint(b, p):
    v = shift = 0
    while True:
        v |= (b[p] & 0x7f) << shift
        shift += 7
        p += 1
        if b[p - 1] < 0x80:
            return v, p


def fields(b):
    out, p = {}, 0
    while p < len(b):
        tag, p = read_varint(b, p)
        assert tag >> 3 not in out and tag & 7 in (0, 2), "a request that is none"
        out[tag >> 3], p = read_varint(b, p)
        if tag & 7 == 2:
            n = out[tag >> 3]
            assert p + n <= len(b), "a length too long"
            out[tag >> 3], p = b[p:p + n], p + n
    return out


# ------------------------------------------------------------- the daemon
class Aesmd:
    """aesmd with the emulated quoting enclave in it. wrong: {op: error}."""

    def __init__(self, folder):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.qe = ours
        self.emu = subprocess.Popen([program("donjon-emu"), "serve", "sgx", folder], close_fds=False,
                                    preexec_fn=lambda: (os.dup2(theirs.fileno(), 3), os.closerange(4, 200)))
        theirs.close()
        self.path = os.path.join(folder, "aesm.socket")
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(self.path)
        os.chmod(self.path, 0o777)
        self.listener.listen(8)
        self.seen, self.wrong, self.bad = [], {}, []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            c, _ = self.listener.accept()
            with c:
                c.settimeout(10)
                try:
                    self.one(c)
                except (AssertionError, OSError, IndexError, ValueError) as e:
                    self.bad.append(repr(e))

    def one(self, c):
        n = struct.unpack("<I", c.recv(4, socket.MSG_WAITALL))[0]
        request = fields(c.recv(n, socket.MSG_WAITALL))
        assert len(request) == 1, "more than one request in a message"
        op, body = request.popitem()
        f = fields(body)
        assert 9 in f and f[9] > 0, "no timeout"
        self.seen.append(op)
        if op in self.wrong:
            reply = field(1, self.wrong[op])
        else:
            reply = field(1, 0) + self.answer(op, f)
        reply = field(op, reply)
        c.sendall(struct.pack("<I", len(reply)) + reply)

    def ask(self, op, data=b""):
        self.qe.sendall(struct.pack("<I", op) + data)
        got = self.qe.recv(20000)
        assert struct.unpack("<I", got[:4])[0] == 0, "the quoting enclave refuses: %r" % got
        return got[4:]

    def answer(self, op, f):
        key = bytearray(512)
        key[154], key[256 + 154] = 1, 2  # EPID first, as on many machines
        if op == COUNT:
            return field(2, 2)
        if op == KEYS:
            assert f[1] == 512
            return field(2, bytes(key))
        if op in (INIT, SIZE, QUOTE):
            assert f[2 if op == QUOTE else 1] == key[256:], "not the key for ECDSA"
        if op == INIT:
            assert (f[3] == 0 and 4 not in f) or (f[3] == 1 and f[4] == 32)
            return field(3, 32) if f[3] == 0 else field(2, self.ask(TARGET)) + field(4, bytes(32))
        if op == SIZE:
            return field(2, 8000)
        assert op == QUOTE and len(f[1]) == 432 and f[4] == 8000
        return field(2, self.ask(REPORT, f[1]))

    def close(self):
        self.listener.close()
        self.qe.close()
        self.emu.wait(10)


def run(a, *args):
    return subprocess.run([program("donjon"), "run", "-H", "unix:" + a.sock, "--tee", "sgx-emu", "-p", a.policy(),
                           *args, wasm.name], input=b"words for aesmd\n", stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=60,
                          env=dict(os.environ, HOME=a.dir, XDG_STATE_HOME=a.dir + "/client"))


with tempfile.NamedTemporaryFile(suffix=".wasm") as wasm, Agent("--emulator", EMULATOR) as a:
    wasm.write(echo_module())
    wasm.flush()
    r = run(a)
    t.ok(r.returncode != 0 and b"words" not in r.stdout, "without a daemon no program is sent", r.stderr)
    time.sleep(0.2)
    t.ok("aesmd cannot be reached" in a.read_log(), "and the host agent's log says why", a.read_log())
    d = Aesmd(a.emu)
    r = run(a)
    t.ok(r.returncode == 0 and r.stdout == b"words for aesmd\n", "with a quote from aesmd a program runs", r.stderr)
    t.eq(d.seen, [COUNT, KEYS, INIT, INIT, SIZE, QUOTE], "which was asked for in six steps")
    t.eq(d.bad, [], "each of them well formed")
    for op, error, text in ((COUNT, 30, "not available"), (INIT, 44, "PCCS"), (QUOTE, 47, "not for its quoting"),
                            (KEYS, 18, "aesmd is busy"), (INIT, 38, "no attestation key for ECDSA")):
        d.wrong = {op: error}
        r = run(a)
        time.sleep(0.2)
        t.ok(r.returncode != 0 and r.stdout == b"" and text in a.read_log(),
             "error %d at step %d: no program is sent, and the log says %r" % (error, op, text),
             r.stderr.decode(errors="replace") + a.read_log())
    d.wrong = {}
    r = run(a)
    t.ok(r.returncode == 0 and r.stdout == b"words for aesmd\n", "and when it works again, so do Keeps", r.stderr)
    d.close()
t.done()
