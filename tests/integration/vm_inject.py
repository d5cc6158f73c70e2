#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a host can force into a VM Keep: each exception and 20 interrupt
vectors at random instants of a whole session, interpreted and native
(tests/vm_session); a page fault that did not happen; and the same against
images made to handle one of them, which the test has to catch.
INJECT_COUNT: instants a vector (20)."""
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from donjonlib import BUILD, Tap, program, skip_all  # noqa: E402

if not os.access("/dev/kvm", os.R_OK | os.W_OK):
    skip_all("no /dev/kvm that can be opened")
t = Tap()
COUNT = os.environ.get("INJECT_COUNT", "1000" if os.environ.get("DONJON_LONG") == "1" else "20")
KVM, SNP = (os.path.join(BUILD, "keep", tee + ".elf") for tee in ("kvm", "snp"))
WASM = os.path.join(BUILD, "tests", "vm_session.wasm")
VECTORS = 52
work = tempfile.TemporaryDirectory()


def session(*args):
    r = subprocess.run([program("tests/vm_session"), *args], stdout=subprocess.PIPE, text=True)
    return r.returncode, r.stdout


def inject(image, module, what):
    code, out = session("inject", image, module, COUNT)
    t.ok(code == 0 and out.count("\nok") == VECTORS + 1,
         "%s: the right result or a fault, nothing to see: %d vectors at %s instants each" % (what, VECTORS, COUNT), out)
    for line in out.splitlines():
        if line.startswith("# "):
            print(line)


inject(KVM, WASM, "kvm")
inject(SNP, WASM, "snp (emulated)")
if os.path.exists(program("donjon-aot")):
    native = os.path.join(work.name, "session.knc")
    subprocess.run([program("donjon"), "build", "-q", "--no-cache", "--tee", "kvm", "-o", native, WASM], check=True,
                   stdout=subprocess.DEVNULL)
    inject(KVM, native, "kvm, native code")
    if os.environ.get("DONJON_LONG") == "1":
        inject(SNP, native, "snp (emulated), native code")
    # CR2 is the processor's: zero until a fault that did happen, which is the last.
    for image, what in ((KVM, "kvm"), (SNP, "snp (emulated)")):
        code, out = session("trap", image, native, "20")
        t.ok(code == 0, what + ": a page fault that did not happen ends the Keep, and is no trap of the program", out)
        print("".join(line + "\n" for line in out.splitlines() if line.startswith("# ")), end="")
else:
    t.skip("the same with native code", "no donjon-aot (LLVM 19)")

# Ring 0's data is the first segment, its IDT the fourth page; its code the
# second, with room at the end: inc eax, inc rdx, iretq.
with open(KVM, "rb") as f:
    good = f.read()
DATA, TEXT = 0x1000, 0x6000
assert good[TEXT + 0xff0:TEXT + 0x1000] == b"\xcc" * 16


def handles(vector):
    b = bytearray(good)
    gate = DATA + 0x3000 + 16 * vector
    assert b[gate:gate + 4] == b"\0\x50\x08\0"
    b[gate:gate + 2] = b"\xf0\x5f"
    b[TEXT + 0xff0:TEXT + 0xff8] = b"\x48\xff\xc0\x48\xff\xc2\x48\xcf"
    path = os.path.join(work.name, "handles-%d.elf" % vector)
    with open(path, "wb") as out:
        out.write(b)
    return path


# At 20 instants out of millions what it does to registers may matter to nothing: then 20 others.
for vector in (0x80, 6):
    image, tries = handles(vector), 0
    code, out = 0, ""
    while code == 0 and tries < 10:
        code, out = session("inject", image, WASM, "20", str(1 + 100 * tries))
        tries += 1
    t.ok(code != 0 and "ok 1 " in out, "an image that handles vector %d is caught" % vector, out)
    print("# in run %d" % tries)
t.done()
