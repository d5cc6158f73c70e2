# SPDX-License-Identifier: Apache-2.0
"""What the integration tests share: TAP, an agent to talk to, and a client
and a Keep driven by the executable reference of KSP/1 (ksp_ref.py, which
stands beside the project and is loaded from there, never copied)."""
import base64
import fcntl
import http.client
import importlib.util
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

from wasmbytes import leb, name, section, vec

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHARED = os.environ.get("DONJON_SHARED", os.path.join(ROOT, "..", "shared"))
BUILD = os.environ.get("DONJON_BUILD", os.path.join(ROOT, "build"))
# One parameter runs the same tests over another TEE.
TEE = os.environ.get("DONJON_TEE", "process")
FORMAT_PROCESS, TEE_PROCESS = 0x8001, 0x41
FORMAT, TEE_NUMBER = {"process": (FORMAT_PROCESS, TEE_PROCESS), "kvm": (0x8002, 0x40),
                      "snp-emu": (0x8102, 2), "sgx-emu": (0x8101, 1)}[TEE]
TEE_NAME = TEE[:-4] if TEE.endswith("-emu") else TEE  # in the API and in policies
DIGEST, DIGEST_HEX, ROOT_PEM = {"snp": ("sha384", 96, "snp-root.pem"), "sgx": ("mrenclave", 64, "sgx-root.pem")}.get(
    TEE_NAME, ("sha256", 64, "root.pem"))


def shared(*path):
    return os.path.join(SHARED, *path)


def program(name):
    return os.path.join(BUILD, name)


# ------------------------------------------------------------------ TAP
class Tap:
    def __init__(self):
        self.n = self.bad = 0

    def ok(self, good, what, note=""):
        self.n += 1
        if not good:
            self.bad += 1
            for line in str(note).splitlines()[:40]:
                print("# " + line)
        print("%s %d - %s" % ("ok" if good else "not ok", self.n, what), flush=True)
        return good

    def eq(self, got, want, what):
        return self.ok(got == want, what, "got  %r\nwant %r" % (got, want))

    def skip(self, what, why):
        self.n += 1
        print("ok %d - %s # SKIP %s" % (self.n, what, why), flush=True)

    def done(self):
        print("1..%d" % self.n, flush=True)
        sys.exit(1 if self.bad else 0)


def skip_all(why):
    print("1..0 # SKIP " + why)
    sys.exit(0)


def reference():
    """The reference implementation as a module, or the whole test skips."""
    path = shared("spec", "ksp_ref.py")
    if not os.path.exists(path):
        skip_all("no reference implementation (DONJON_SHARED)")
    try:
        import cryptography  # noqa: F401
    except ImportError:
        skip_all("no python3-cryptography")
    sys.dont_write_bytecode = True
    spec = importlib.util.spec_from_file_location("ksp_ref", path)
    mod = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(mod)
    return mod


# ------------------------------------------------------------------ the agent
class UnixHTTP(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=20)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(20)
        self.sock.connect(self.path)


class Agent:
    """donjond on a Unix socket in a folder of its own, with a development
    root of its own."""

    def __init__(self, *args, env=None):
        self.dir = tempfile.mkdtemp(prefix="donjon-test-")
        self.sock = os.path.join(self.dir, "agent.sock")
        self.emu = os.path.join(self.dir, "emu")
        self.trace = os.path.join(self.dir, "frames.jsonl")
        self.log = open(os.path.join(self.dir, "agent.log"), "wb")
        subprocess.run([program("donjon-emu"), "init", self.emu], check=True,
                       stdout=subprocess.DEVNULL)
        add_emulator(self.emu)
        self.root = os.path.join(self.emu, ROOT_PEM)
        self.proc = subprocess.Popen(
            [program("donjond"), "--socket", self.sock, "--emulation", self.emu,
             "--trace-frames", self.trace, "--state-dir", os.path.join(self.dir, "state"),
             *args],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, env=env)
        end = time.time() + 10
        while True:
            try:
                if self.request("GET", "/healthz")[0] == 200:
                    break
            except OSError:
                pass
            if time.time() > end or self.proc.poll() is not None:
                raise RuntimeError("donjond does not answer: " + self.read_log())
            time.sleep(0.02)

    def read_log(self):
        self.log.flush()
        with open(self.log.name, errors="replace") as f:
            return f.read()

    def request(self, method, path, body=None, headers=None):
        c = UnixHTTP(self.sock)
        try:
            c.request(method, path, None if body is None else json.dumps(body),
                      dict(headers or {}, **({"Content-Type": "application/json"} if body is not None else {})))
            r = c.getresponse()
            data = r.read()
            try:
                return r.status, json.loads(data) if data else None
            except ValueError:
                return r.status, data
        finally:
            c.close()

    def create(self, config=None):
        status, keep = self.request("POST", "/v1/keeps", {
            "tee": TEE_NAME, "emulated": TEE != TEE_NAME, "config": base64.b64encode(config or kcf1()).decode()})
        if status != 201:
            raise RuntimeError("no keep: %s %s" % (status, keep))
        return keep["id"]

    def session(self, keep_id, steal=False):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        s.settimeout(30)
        s.connect(self.sock)
        s.sendall(("GET /v1/keeps/%s/session%s HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
                   "Upgrade: donjon-session/1\r\n\r\n" % (keep_id, "?steal=1" if steal else "")).encode())
        head = b""
        while b"\r\n\r\n" not in head:
            b = s.recv(1)
            if not b:
                raise RuntimeError("no session: " + head.decode(errors="replace"))
            head += b
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise RuntimeError("no session: " + head.decode(errors="replace"))
        return s

    def policy(self):
        """A policy file that accepts this agent's Keeps and no others."""
        path = os.path.join(self.dir, "policy.toml")
        with open(path, "w") as f:
            f.write('schema = 1\nname = "test"\n[development]\nallow = true\nroot = "%s"\n'
                    '[keep]\nmeasurement = [ { tee = "%s", %s = "%s" } ]\n'
                    % (self.root, TEE_NAME, DIGEST, measurement()))
        return path

    def close(self):
        self.proc.terminate()
        try:
            self.proc.wait(10)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait()
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *a):
        self.close()


def measurement():
    more = ["--sgx1", "256MiB"] if "sgx1" in os.environ.get("DONJON_SGX_MODE", "") else []
    out = subprocess.run([program("donjon"), "measure", "--tee", TEE_NAME, "--json"] + more, check=True,
                         stdout=subprocess.PIPE).stdout
    return find_hex(json.loads(out))


def find_hex(o):
    """The first hex string of a measurement's length in a JSON value."""
    if isinstance(o, str) and len(o) == DIGEST_HEX:
        return o
    for v in (o.values() if isinstance(o, dict) else o if isinstance(o, list) else ()):
        r = find_hex(v)
        if r:
            return r
    return None


def add_emulator(folder):
    """The keys of the emulated secure processor, in a folder that donjon-emu
    init made. They take seconds to make, so a build makes them once."""
    if TEE == "sgx-emu":
        subprocess.run([program("donjon-emu"), "add", "sgx", folder], check=True)
        if os.environ.get("DONJON_SGX_MODE"):
            with open(os.path.join(folder, "sgx.mode"), "w") as f:
                f.write(os.environ["DONJON_SGX_MODE"])
    if TEE != "snp-emu":
        return
    made = os.path.join(BUILD, "tests", "emu-snp")
    os.makedirs(os.path.dirname(made), exist_ok=True)
    with open(made + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(os.path.join(made, "snp-chain.pem")):
            shutil.rmtree(made, ignore_errors=True)
            subprocess.run([program("donjon-emu"), "init", made], check=True)
            subprocess.run([program("donjon-emu"), "add", "snp", made], check=True)
    for name in os.listdir(made):
        if name.startswith("snp"):
            shutil.copy(os.path.join(made, name), folder)


def kcf1(owner=None, flags=0, pages=256, module=32 << 20, memory=None):
    def be(v, n):
        return int(v).to_bytes(n, "big")
    b = b"KCF1" + be(flags | (1 if owner else 0), 2) + be(0, 2) + (owner or bytes(32)) + be(pages, 4) + be(module, 4)
    if memory:
        b += be(1, 2) + be(8, 2) + be(memory, 8)
    return b


# ------------------------------------------------------------------ processes
def descendants(pid):
    out, todo = [], [pid]
    while todo:
        p = todo.pop()
        kids = subprocess.run(["pgrep", "-P", str(p)], stdout=subprocess.PIPE, text=True).stdout.split()
        out += [int(k) for k in kids]
        todo += [int(k) for k in kids]
    return out


def is_keep(pid):
    """The Keep itself: the process that runs the image, its VM, or the
    emulated processor that has its enclave."""
    try:
        exe = os.readlink("/proc/%d/exe" % pid)
        return "memfd:" in exe or exe.endswith("/donjon-emu-sgx") or any(
            "kvm-vcpu" in os.readlink(f.path) for f in os.scandir("/proc/%d/fd" % pid))
    except OSError:
        return False


def dump(pid):
    """What a process can read of itself and shares with nobody: [(address,
    bytes)], by a reader with the right to (root)."""
    out = []
    with open("/proc/%d/maps" % pid) as maps, open("/proc/%d/mem" % pid, "rb", 0) as mem:
        for line in maps:
            span, perm = line.split()[:2]
            if "r" not in perm or "s" in perm or "[v" in line:
                continue
            a, b = (int(x, 16) for x in span.split("-"))
            got = b""
            try:
                mem.seek(a)
                while len(got) < b - a:
                    d = mem.read(min(b - a - len(got), 1 << 24))
                    if not d:
                        break
                    got += d
            except (OSError, ValueError):
                pass
            out.append((a, got))
    return out

def all_of(b, needle):
    i = b.find(needle)
    while i >= 0:
        yield i
        i = b.find(needle, i + 1)


def jump(ref, pid, chain, number, has_epoch):
    """Sets a chain's record number in the Keep's memory: iv and number stand
    in one struct dj_chain. The reference's chain follows. False, and nothing is
    changed: a record is on its way."""
    iv = ref.expand(chain.secret, b"keep-session-v1 iv", 12)
    where = [a + i for a, b in dump(pid) for i in all_of(b, iv)]
    assert len(where) == 1, where
    base = where[0] - 56  # is_live, alg, number, secret, epoch, iv
    with open("/proc/%d/mem" % pid, "r+b", 0) as f:
        f.seek(base + 8)
        if int.from_bytes(f.read(8), "little") != chain.n:
            return False
        f.seek(base + 8)
        f.write(number.to_bytes(8, "little"))
        if has_epoch:
            f.seek(base + 48)
            f.write((number >> 16).to_bytes(8, "little"))
    chain.n = number
    if has_epoch:
        chain.epoch = number >> 16
    return True


# ------------------------------------------------------------------ schemas
TYPES = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool, "null": type(None)}


def check_schema(schema, value, where="$"):
    """The few words of JSON Schema that docs/schemas uses; "" if it holds."""
    if "const" in schema and value != schema["const"]:
        return "%s is %r" % (where, value)
    if "enum" in schema and value not in schema["enum"]:
        return "%s is %r" % (where, value)
    want = schema.get("type")
    if want:
        want = want if isinstance(want, list) else [want]
        if not any(isinstance(value, TYPES[w]) and not (w == "integer" and isinstance(value, bool)) for w in want):
            return "%s is not %s" % (where, want)
    if "pattern" in schema and isinstance(value, str) and not re.search(schema["pattern"], value):
        return "%s is %r" % (where, value)
    if isinstance(value, dict):
        for k in schema.get("required", []):
            if k not in value:
                return "%s has no %s" % (where, k)
        for k, sub in schema.get("properties", {}).items():
            if k in value:
                bad = check_schema(sub, value[k], where + "." + k)
                if bad:
                    return bad
    if isinstance(value, list) and "items" in schema:
        for i, v in enumerate(value):
            bad = check_schema(schema["items"], v, "%s[%d]" % (where, i))
            if bad:
                return bad
    return ""


def load_schema(name):
    with open(os.path.join(ROOT, "docs/schemas", name.replace("/", ".") + ".json")) as f:
        return json.load(f)


# ------------------------------------------------------------------ frames
def recv_exact(s, n):
    b = b""
    while len(b) < n:
        x = s.recv(n - len(b))
        if not x:
            raise EOFError("link closed")
        b += x
    return b


def recv_frame(s):
    h = recv_exact(s, 8)
    return h[0], recv_exact(s, int.from_bytes(h[4:8], "big")), h


def parse_evidence(b):
    fmt, purpose = struct.unpack(">HH", b[:4])
    items, p = {}, 4
    while p < len(b):
        tag, zero, n = struct.unpack(">HHI", b[p:p + 8])
        assert zero == 0 and p + 8 + n <= len(b)
        items[tag] = b[p + 8:p + 8 + n]
        p += 8 + n
    return fmt, purpose, items


def report_data(report):
    """Where the format has it."""
    at = {0x8101: 48 + 320, 0x8102: 0x50}.get(FORMAT, 72)
    return report[at:at + 64]


def check_evidence(ref, b, report_data, root_pem, config_hash=None):
    """An independent judge of the development formats, by Debian's python3-cryptography."""
    import hashlib
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, utils
    fmt, _, items = parse_evidence(b)
    rep = items[1]
    if FORMAT == 0x8102:
        return check_snp(ref, fmt, items, report_data, root_pem, config_hash)
    if FORMAT == 0x8101:
        return check_sgx(ref, fmt, items, report_data, root_pem)
    if fmt != FORMAT or len(rep) != 240 or rep[:8] != b"DJPR\0\1" + TEE_NUMBER.to_bytes(2, "big"):
        raise ref.Reject("EVIDENCE")
    end = b"-----END CERTIFICATE-----\n"
    leaf, root = (x509.load_pem_x509_certificate(p + end) for p in items[2].split(end)[:2])
    with open(root_pem, "rb") as f:
        want = x509.load_pem_x509_certificate(f.read())
    if root != want:
        raise ref.Reject("EVIDENCE root")
    root.public_key().verify(leaf.signature, leaf.tbs_certificate_bytes, ec.ECDSA(leaf.signature_hash_algorithm))
    r, s = int.from_bytes(rep[176:208], "big"), int.from_bytes(rep[208:240], "big")
    leaf.public_key().verify(utils.encode_dss_signature(r, s), rep[:176], ec.ECDSA(hashes.SHA256()))
    spki = leaf.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if rep[136:168] != hashlib.sha256(spki).digest():
        raise ref.Reject("EVIDENCE platform")
    if rep[72:136] != report_data:
        raise ref.Reject("EVIDENCE report_data")
    if config_hash is not None and rep[40:72] != config_hash:
        raise ref.Reject("EVIDENCE config")
    return rep[8:40].hex()


def check_snp(ref, fmt, items, report_data, root_pem, config_hash):
    """SEV-SNP's report under the chain of an emulated chip (56860 section 7.3)."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding, utils
    rep = items[1]
    end = b"-----END CERTIFICATE-----\n"
    vcek, ask, ark = (x509.load_pem_x509_certificate(p + end) for p in items[2].split(end)[:3])
    with open(root_pem, "rb") as f:
        want = x509.load_pem_x509_certificate(f.read())
    if fmt != FORMAT or len(rep) != 1184 or ark != want:
        raise ref.Reject("EVIDENCE root")
    pss = padding.PSS(padding.MGF1(hashes.SHA384()), 48)
    for cert, by in ((ask, ark), (vcek, ask)):
        by.public_key().verify(cert.signature, cert.tbs_certificate_bytes, pss, hashes.SHA384())
    r, s = (int.from_bytes(rep[o:o + 72], "little") for o in (0x2a0, 0x2e8))
    vcek.public_key().verify(utils.encode_dss_signature(r, s), rep[:0x2a0], ec.ECDSA(hashes.SHA384()))
    if rep[0x50:0x90] != report_data:
        raise ref.Reject("EVIDENCE report_data")
    if config_hash is not None and rep[0xc0:0xe0] != config_hash:
        raise ref.Reject("EVIDENCE config")
    return rep[0x90:0xc0].hex()


def check_sgx(ref, fmt, items, report_data, root_pem):
    """A quote, version 3, under the chain in it. The configuration's hash is
    in OFFER, which report_data binds."""
    import hashlib
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, utils
    q = items[1]

    def verify(key, sig, data):
        r, s = int.from_bytes(sig[:32], "big"), int.from_bytes(sig[32:], "big")
        key.verify(utils.encode_dss_signature(r, s), data, ec.ECDSA(hashes.SHA256()))
    end = b"-----END CERTIFICATE-----\n"
    n = 1014 + int.from_bytes(q[1012:1014], "little")
    pck, ca, root = (x509.load_pem_x509_certificate(p + end) for p in q[n + 6:].split(end)[:3])
    with open(root_pem, "rb") as f:
        want = x509.load_pem_x509_certificate(f.read())
    if fmt != FORMAT or q[:2] != b"\3\0" or root != want or q[n:n + 2] != b"\5\0":
        raise ref.Reject("EVIDENCE root")
    for cert, by in ((ca, root), (pck, ca)):
        by.public_key().verify(cert.signature, cert.tbs_certificate_bytes, ec.ECDSA(cert.signature_hash_algorithm))
    verify(pck.public_key(), q[948:1012], q[564:948])
    if q[564 + 320:564 + 384] != hashlib.sha256(q[500:564] + q[1014:n]).digest() + bytes(32):
        raise ref.Reject("EVIDENCE key")
    verify(ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\4" + q[500:564]), q[436:500], q[:432])
    if q[48 + 320:48 + 384] != report_data:
        raise ref.Reject("EVIDENCE report_data")
    return q[48 + 64:48 + 96].hex()


class RefClient:
    """A whole mode-0 session by the reference's client side."""

    def __init__(self, ref, sock, root_pem, suites=(1, 2), minclass=0, config_hash=None):
        self.ref, self.s, self.root, self.config_hash = ref, sock, root_pem, config_hash
        self.hello = ref.hello(os.urandom(32), list(suites), [FORMAT], minclass=minclass)
        self.minclass = minclass
        self.out = {1: b"", 2: b"", 3: b""}
        self.ended, self.exit, self.again_rd = set(), None, None
        self.evidence = []

    def send(self, typ, payload):
        self.s.sendall(self.ref.frame(typ, payload))

    def reattach(self, sock, out=None, ticket=None, keep_id=None, owner=b"\0"):
        """Another attach of the same Keep, on another link, under the ticket
        that this attach made (or another): READY's record. out: how much of
        each stream is wanted again from its beginning, by default none."""
        ref = self.ref
        no, key = ticket or (self.ready_no, self.sess.ticket)
        kid = keep_id or self.o["keep_id"]
        n = RefClient.__new__(RefClient)
        n.ref, n.s, n.root, n.config_hash, n.minclass = ref, sock, self.root, self.config_hash, self.minclass
        n.hello = ref.hello(os.urandom(32), [1, 2], [FORMAT], mode=1, keep_id=kid, minclass=self.minclass)
        n.out, n.ended, n.exit, n.again_rd, n.evidence = dict(self.out), set(), None, None, []
        n.ticket, n.ticket_no = key, no
        n.handshake()
        n.send(ref.T_OPEN, n.open)
        n.record(ref.K_RESUME, data=owner + b"".join(bytes([s]) + ref.be(len(b), 8) for s, b in sorted(n.out.items())))
        n.ready = n.next()
        if n.ready["kind"] != ref.K_READY:
            raise ref.Reject("FAIL %d" % int.from_bytes(n.ready["data"][:2], "big"))
        assert n.ready["data"][8:40] == kid
        n.attach_no, n.ready_no = struct.unpack(">II", n.ready["data"][:8])
        return n

    def handshake(self):
        ref = self.ref
        self.send(ref.T_HELLO, self.hello)
        t, self.offer, _ = recv_frame(self.s)
        if t != ref.T_OFFER:
            raise ref.Reject("frame %d: %r" % (t, self.offer))
        t, self.ev, _ = recv_frame(self.s)
        if t != ref.T_EVIDENCE:
            raise ref.Reject("frame %d, not EVIDENCE" % t)

        def verify(report_data, evidence):
            self.measurement = check_evidence(ref, evidence, report_data, self.root, self.config_hash)
        cl = ref.Client(self.hello, verify, getattr(self, "ticket", None), getattr(self, "ticket_no", 0))
        self.open = cl.on_offer(self.offer, self.ev, skE=os.urandom(32))
        self.sess = cl.session
        self.o = ref.parse_offer(self.offer)

    def record(self, kind, stream=0, off=0, data=b""):
        self.s.sendall(self.sess.c2k.seal(kind, stream, off, data, self.minclass))

    def claim(self, owner=b"\0"):
        self.send(self.ref.T_OPEN, self.open)
        self.record(self.ref.K_CLAIM, data=owner)
        r = self.next()
        if r["kind"] == self.ref.K_FAIL:
            raise self.ref.Reject("FAIL %d" % int.from_bytes(r["data"][:2], "big"))
        if r["kind"] != self.ref.K_READY:
            raise self.ref.Reject("not READY: %r" % r)
        assert r["data"][8:40] == self.o["keep_id"] and len(r["data"]) == 64
        self.attach_no, self.ready_no = struct.unpack(">II", r["data"][:8])
        return r

    def next(self):
        """The next record; EVIDENCE frames on the way are kept."""
        while True:
            t, p, h = recv_frame(self.s)
            if t == self.ref.T_EVIDENCE:
                self.evidence.append(p)
                continue
            if t == self.ref.T_ERROR:
                raise self.ref.Reject("host says %d %r" % (int.from_bytes(p[:2], "big"), p[2:]))
            assert t == self.ref.T_RECORD, t
            return self.sess.k2c.open(h + p)

    def begin(self, module, args=(), env=(), items=b"", form=0):
        be = self.ref.be
        body = be(len(module), 8) + self.ref.H(module) + bytes([form]) + bytes(7)
        for tag, vals in ((1, args), (2, env)):
            for v in vals:
                v = v if isinstance(v, bytes) else v.encode()
                body += be(tag, 2) + be(len(v), 2) + v
        body += items
        for i in range(0, len(body), 16368):
            part = body[i:i + 16368]
            self.record(self.ref.K_BEGIN, 1 if i + len(part) < len(body) else 0, i, part)

    def module(self, module):
        for i in range(0, len(module), 16368):
            self.record(self.ref.K_MODULE, 0, i, module[i:i + 16368])

    def tree(self, stream, tar):
        for i in range(0, len(tar), 16368):
            self.record(self.ref.K_DATA, stream, i, tar[i:i + 16368])
        self.record(self.ref.K_END, stream, len(tar))

    def stdin(self, data):
        for i in range(0, len(data), 16368):
            self.record(self.ref.K_DATA, 0, i, data[i:i + 16368])
        self.record(self.ref.K_END, 0, len(data))

    def run(self):
        self.record(self.ref.K_RUN)

    def ack(self, stream):
        n = len(self.out[stream])
        self.record(self.ref.K_ACK, stream, n, self.ref.be(n + (1 << 20), 8))

    def step(self):
        """Takes one record; False once EXIT came."""
        ref, r = self.ref, self.next()
        k, st = r["kind"], r["stream"]
        if k == ref.K_DATA:
            assert r["off"] == len(self.out[st]), (r["off"], len(self.out[st]))
            self.out[st] += r["data"]
            self.ack(st)
        elif k == ref.K_END:
            assert r["off"] == len(self.out[st])
            self.ended.add(st)
        elif k == ref.K_AGAIN_RD:
            self.again_rd = r["data"]
        elif k == ref.K_EXIT:
            d = r["data"]
            assert len(d) == 120, len(d)
            self.exit = dict(how=d[0], trap=d[1], code=int.from_bytes(d[4:8], "big"),
                             out=int.from_bytes(d[8:16], "big"), err=int.from_bytes(d[16:24], "big"),
                             hout=d[24:56], herr=d[56:88], hmod=d[88:120])
            return False
        elif k == ref.K_FAIL:
            raise ref.Reject("FAIL %d" % int.from_bytes(r["data"][:2], "big"))
        elif k not in (ref.K_NOOP, ref.K_ACK):
            raise ref.Reject("kind %#x" % k)
        return True

    def finish(self):
        while self.step():
            pass
        return self.exit

    def release(self):
        self.record(self.ref.K_RELEASE)


class RefAgain(RefClient):
    """The reference's mode 1."""

    def __init__(self, ref, sock, root, keep_id, ticket, no, nexts, suites):
        super().__init__(ref, sock, root, suites=suites)
        self.hello = ref.hello(os.urandom(32), list(suites), [FORMAT], 1, keep_id)
        self.ticket, self.no, self.nexts = ticket, no, nexts

    def handshake(self):
        self.send(self.ref.T_HELLO, self.hello)
        t_, self.offer, _ = recv_frame(self.s)
        ref = self.ref
        assert t_ == ref.T_OFFER, self.offer
        _, self.ev, _ = recv_frame(self.s)
        cl = ref.Client(self.hello, lambda rd, ev: check_evidence(ref, ev, rd, self.root), self.ticket, self.no)
        self.skE = os.urandom(32)
        self.open = cl.on_offer(self.offer, self.ev, skE=self.skE)
        self.sess, self.o = cl.session, ref.parse_offer(self.offer)

    def claim(self, owner=b"\0"):
        ref, be = self.ref, self.ref.be
        self.send(ref.T_OPEN, self.open)
        self.record(ref.K_RESUME, data=owner + b"".join(
            bytes([s]) + be(n, 8) for s, n in self.nexts))
        r = self.next()
        assert r["kind"] == ref.K_READY, r
        return r


# ------------------------------------------------------------------ modules
def wasm(body, imports=("fd_read", "fd_write"), data=b"", pages=1):
    """A module whose _start has this body (locals included); imports are
    preview-1 functions of type (i32 i32 i32 i32) -> i32."""
    return (b"\0asm\1\0\0\0" + section(1, vec([b"\x60\x04\x7f\x7f\x7f\x7f\x01\x7f", b"\x60\x00\x00"]))
            + section(2, vec([name("wasi_snapshot_preview1") + name(f) + b"\x00\x00" for f in imports]))
            + section(3, vec([b"\x01"])) + section(5, vec([b"\x00" + leb(pages)]))
            + section(7, vec([name("memory") + b"\x02\x00", name("_start") + b"\x00" + leb(len(imports))]))
            + section(10, vec([leb(len(body)) + body]))
            + (section(11, vec([b"\x00\x41\x80\x08\x0b" + leb(len(data)) + data])) if data else b""))


def echo_module(data=b""):
    """Copies stdin to stdout in pieces of 4 KiB; data lies at 1024, unused."""
    return wasm(b"\x00\x03\x40"
                b"\x41\x00\x41\x80\x20\x36\x02\x00"              # [0] = 4096, base
                b"\x41\x00\x41\x80\x20\x36\x02\x04"              # [4] = 4096, length
                b"\x41\x00\x41\x00\x41\x01\x41\x08\x10\x00\x1a"  # fd_read(0, 0, 1, 8)
                b"\x41\x00\x41\x00\x28\x02\x08\x36\x02\x04"      # [4] = [8]
                b"\x41\x01\x41\x00\x41\x01\x41\x0c\x10\x01\x1a"  # fd_write(1, 0, 1, 12)
                b"\x41\x00\x28\x02\x08\x0d\x00"                  # again while count != 0
                b"\x0b\x0b", data=data)


def late_module():
    """As echo_module; after the input's end LATE zero bytes more, which are
    more than any window: it cannot end while nobody takes its output."""
    return wasm(b"\x01\x01\x7f\x03\x40"
                b"\x41\x00\x41\x80\x20\x36\x02\x00"
                b"\x41\x00\x41\x80\x20\x36\x02\x04"
                b"\x41\x00\x41\x00\x41\x01\x41\x08\x10\x00\x1a"
                b"\x41\x00\x41\x00\x28\x02\x08\x36\x02\x04"
                b"\x41\x01\x41\x00\x41\x01\x41\x0c\x10\x01\x1a"
                b"\x41\x00\x28\x02\x08\x0d\x00\x0b"
                b"\x41\x00\x41\x80\x80\x01\x36\x02\x00"          # [0] = 16384, base
                b"\x41\x00\x41\x80\x20\x36\x02\x04"              # [4] = 4096, length
                b"\x41\x80\x20\x21\x00\x03\x40"                  # 4096 times
                b"\x41\x01\x41\x00\x41\x01\x41\x0c\x10\x01\x1a"  # fd_write(1, 0, 1, 12)
                b"\x20\x00\x41\x01\x6b\x22\x00\x0d\x00"
                b"\x0b\x0b")


LATE = 4096 * 4096


def spin_module():
    return wasm(b"\x00\x03\x40\x0c\x00\x0b\x0b")
