#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The ID block of an SEV-SNP launch, from the owner's key to the verdict: by a
second implementation of its bytes, over an emulated secure processor. donjon
measure judges the files, donjond --snp hands them to each launch, firmware
checks them, the report names the key, and a policy asks for it."""
import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile

os.environ["DONJON_TEE"] = "snp-emu"
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from donjonlib import Agent, Tap, measurement, program, skip_all  # noqa: E402

if not os.access("/dev/kvm", os.R_OK | os.W_OK):
    skip_all("no /dev/kvm that can be opened")
try:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
except ImportError:
    skip_all("no python3-cryptography")

t = Tap()
DIGEST = bytes.fromhex(measurement())
FAMILY, IMAGE, POLICY = bytes(range(16)), b"i" * 16, 0x30000
work = tempfile.TemporaryDirectory(prefix="donjon-snp-id-")
MODULE = os.path.join(work.name, "m.wasm")
with open(MODULE, "wb") as f:  # (func (export "_start")), memory
    f.write(bytes.fromhex("0061736d010000000104016000000302010005030100010713020" +
                          "66d656d6f72790200065f737461727400000a040102000b"))


def le(v):
    return v.to_bytes(72, "little")


def key_bytes(key):
    n = key.public_key().public_numbers()
    return (struct.pack("<I", 2) + le(n.x) + le(n.y)).ljust(0x404, b"\0")


def sign(key, data):
    r, s = decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA384())))
    return (le(r) + le(s)).ljust(512, b"\0")


def block(digest=DIGEST, svn=7, policy=POLICY):
    return digest + FAMILY + IMAGE + struct.pack("<IIQ", 1, svn, policy)


def auth(b, key, author=None):
    a = struct.pack("<II", 1, 1 if author else 0).ljust(0x40, b"\0") + sign(key, b) + key_bytes(key)
    a = a.ljust(0x680, b"\0")
    if author:
        a += sign(author, key_bytes(key)) + key_bytes(author)
    return a.ljust(4096, b"\0")


def digest_of(key):
    return hashlib.sha384(key_bytes(key)).hexdigest()


owner, author, other = (ec.generate_private_key(ec.SECP384R1()) for _ in range(3))
folder = os.path.join(work.name, "snp")
os.mkdir(folder)


def put(b, a):
    for name, data in (("id-block.bin", b), ("id-auth.bin", a)):
        with open(os.path.join(folder, name), "wb") as f:
            f.write(data)


def measure(*args):
    r = subprocess.run([program("donjon"), "measure", "--tee", "snp", "--json", "--id-block",
                        os.path.join(folder, "id-block.bin"), "--id-auth", os.path.join(folder, "id-auth.bin"), *args],
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return r.returncode, r.stdout + r.stderr


# ---- donjon measure
good = block()
put(good, auth(good, owner, author))
code, out = measure()
said = json.loads(out).get("id_block", {}) if code == 0 else {}
t.eq((said.get("id_key"), said.get("author_key"), said.get("guest_svn"), said.get("family_id")),
     (digest_of(owner), digest_of(author), 7, FAMILY.hex()), "measure says what a policy can ask of a good ID block")
bad = {"of another image": (block(digest=bytes(48)), owner), "signed by another key": (good, other)}
for what, (b, key) in bad.items():
    a = auth(b, owner) if what.startswith("of") else auth(b, key)[:0x240] + auth(b, owner)[0x240:]
    put(b, a)
    code, out = measure()
    t.ok(code == 65 and "idblock.invalid" in out, "measure refuses one " + what, out)
put(good[:95], auth(good, owner))
code, out = measure()
t.ok(code == 65 and "idblock.invalid" in out, "measure refuses one of another size", out)

# ---- a launch
put(good, auth(good, owner, author))
with Agent("--snp", folder) as agent:
    plain = open(agent.policy()).read()

    def run(snp):
        path = os.path.join(work.name, "policy.toml")
        with open(path, "w") as f:
            f.write(plain + "[snp]\n" + snp + "\n")
        r = subprocess.run([program("donjon"), "-H", "unix:" + agent.sock, "-p", path, "run", "--tee", "snp-emu", MODULE],
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                           env=dict(os.environ, XDG_STATE_HOME=work.name))
        return r.returncode, r.stderr

    asked = 'id-key = ["%s"]\nauthor-key = ["%s"]\nfamily-id = ["%s"]\nmin-guest-svn = 7' % (
        digest_of(owner), digest_of(author), FAMILY.hex())
    code, err = run(asked)
    t.ok(code == 0, "a policy that asks for the ID block is met by a launch with it", err)
    for what, snp in (("ID key", 'id-key = ["%s"]' % digest_of(other)),
                      ("author key", 'author-key = ["%s"]' % digest_of(other)), ("version", "min-guest-svn = 8"),
                      ("family", 'family-id = ["%s"]' % ("0" * 32))):
        code, err = run(snp)
        t.ok(code != 0 and "evidence.mode" in err, "one that asks for another %s refuses it" % what, err)
    for what, b, a, word in (
            ("another image", block(digest=bytes(48)), None, "another image"),
            ("another guest policy", block(policy=0xb0000), None, "another guest policy"),
            ("a signature by another key", good, auth(good, other)[:0x240] + auth(good, owner)[0x240:], "refused"),
            ("half of the files", good, b"", "id-auth.bin")):
        put(b, auth(b, owner) if a is None else a)
        code, err = run("")
        # The client may come too late to hear it from the host itself.
        t.ok(code != 0 and word in err + agent.read_log(), "a launch with %s is refused, by name" % what,
             err + agent.read_log()[-600:])
    shutil.rmtree(folder)
    code, err = run(asked)
    t.ok(code != 0 and "evidence.mode" in err, "a host that leaves the ID block out is refused by the policy", err)
t.done()
