#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""SGX1, whose enclaves have all their memory from the start: MRENCLAVE of
both forms computed once more from the ELF file, by other code; the SIGSTRUCTs
are for these enclaves; what such a Keep refuses."""
import hashlib
import json
import os
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import donjonlib as lib  # noqa: E402

t = lib.Tap()
PAGE, BASE, WINDOW, SIZE, MIB = 4096, 0x1000000000, 0x40000000, 0x800000000, 1 << 20
IMAGE = os.path.join(lib.BUILD, "keep", "sgx.elf")


def pages(heap):
    """(offset, SECINFO.FLAGS, content or None) of every EADD."""
    with open(IMAGE, "rb") as f:
        elf = f.read()
    entry, phoff = struct.unpack_from("<QQ", elf, 24)
    end = 0
    for i in range(struct.unpack_from("<H", elf, 56)[0]):
        kind, flags, off, addr, _, filesz, memsz, _ = struct.unpack_from("<IIQQQQQQ", elf, phoff + 56 * i)
        if kind != 1:
            continue
        perm = (flags >> 2 & 1) | (flags & 2) | (flags & 1) << 2
        for at in range(0, memsz, PAGE):
            yield addr - BASE + at, 0x200 | perm, elf[off + at:off + min(at + PAGE, filesz)].ljust(PAGE, b"\0")
        end = addr - BASE + memsz
    own = end + 3 * PAGE
    tcs = struct.pack("<QQQIIQQQQII", 0, 0, end + PAGE, 0, 2, entry - BASE, 0, own, own, 0xfff, 0xfff)
    yield end, 0x100, tcs.ljust(PAGE, b"\0")
    yield end + PAGE, 0x203, bytes(PAGE)
    yield end + 2 * PAGE, 0x203, bytes(PAGE)
    yield own, 0x203, bytes(PAGE - 8) + struct.pack("<Q", heap)
    for at in range(0, heap, PAGE):
        yield WINDOW + at, 0x203, None


def mrenclave(heap):
    h = hashlib.sha256(b"ECREATE\0" + struct.pack("<IQ", 1, SIZE) + bytes(44))
    for at, flags, content in pages(heap):
        h.update(b"EADD\0\0\0\0" + struct.pack("<QQ", at, flags) + bytes(40))
        for i in range(0, PAGE if content is not None else 0, 256):
            h.update(b"EEXTEND\0" + struct.pack("<Q", at + i) + bytes(48) + content[i:i + 256])
    return h.hexdigest()


def measured(*args):
    out = subprocess.run([lib.program("donjon"), "measure", "--tee", "sgx", "--json", *args], check=True,
                         stdout=subprocess.PIPE).stdout
    return json.loads(out)["measurements"][0]["mrenclave"]


with open(IMAGE[:-4] + ".sig", "rb") as f:
    sigs = f.read()
t.eq(len(sigs), 8 * 1808, "there is a SIGSTRUCT for SGX2 and one for each memory of SGX1")
ours = [sigs[i + 960:i + 992].hex() for i in range(0, len(sigs), 1808)]
t.eq(measured(), mrenclave(0), "with SGX2, other code gets the same MRENCLAVE")
t.eq(ours[0], mrenclave(0), "and the first SIGSTRUCT is for it")
for i, size in enumerate((16, 32, 64)):
    want = mrenclave((4 * size + 64) * MIB)
    t.eq((measured("--sgx1", "%dMiB" % size), ours[1 + i]), (want, want), "with SGX1 and %d MiB too" % size)
t.eq(measured("--sgx1", "17MiB"), ours[2], "in between it is the next power of two")
t.eq(measured("--sgx1", "1GiB"), ours[7], "up to 1 GiB")
r = subprocess.run([lib.program("donjon"), "measure", "--tee", "sgx", "--sgx1", "1025MiB"], capture_output=True)
t.ok(r.returncode == 64 and b"at most 1 GiB" in r.stderr, "more is refused", r.stderr)

tmp = tempfile.TemporaryDirectory(prefix="donjon-sgx1-")
env = dict(os.environ, XDG_STATE_HOME=tmp.name, DONJON_TEE="sgx-emu")
emulation = os.path.join(tmp.name, "donjon", "emulation")
os.makedirs(os.path.dirname(emulation))
for args in (["init", emulation], ["add", "sgx", emulation]):
    subprocess.run([lib.program("donjon-emu")] + args, check=True)
wasm = os.path.join(tmp.name, "nop.wasm")
with open(wasm, "wb") as f:
    f.write(b"\0asm\1\0\0\0\1\4\1\x60\0\0\3\2\1\0\7\n\1\6_start\0\0\n\4\1\2\0\x0b")


def run(*args):
    return subprocess.run([lib.program("donjon"), "-v", "run", "--tee", "sgx-emu", *args, wasm], env=env, capture_output=True)


t.eq(run().returncode, 0, "a Keep with SGX2 runs")
for mode in ("sgx1", "trap sgx1"):
    with open(os.path.join(emulation, "sgx.mode"), "w") as f:
        f.write(mode)
    r = run("-m", "20MiB")
    t.ok(r.returncode == 0, mode + ": so does one without", r.stderr)
    t.ok(ours[2][:8].encode() in r.stderr, "under the measurement for its memory", r.stderr)
r = run("-m", "2GiB")
t.ok(r.returncode != 0 and b"at most 1 GiB" in r.stderr, "not with more memory than there are signatures for", r.stderr)
r = subprocess.run([lib.program("donjon-emu-sgx")])
t.eq(r.returncode, 127, "a processor that never had an enclave does not say that a Keep has halted")
r = run("--engine", "aot")
t.ok(r.returncode != 0 and b"native.unfit" in r.stderr, "native code is refused by name", r.stderr)
t.done()
