#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a host can force into a VM Keep: each exception and 20 interrupt
vectors at random instants (tests/vm_inject); and the same against an image
made to handle one of them, which the test has to catch."""
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from donjonlib import BUILD, Tap, program, skip_all  # noqa: E402

if not os.access("/dev/kvm", os.R_OK | os.W_OK):
    skip_all("no /dev/kvm that can be opened")
t = Tap()
COUNT = os.environ.get("INJECT_COUNT", "20")
GOOD = os.path.join(BUILD, "keep-test", "kvm.elf")
SNP = os.path.join(BUILD, "keep-test", "snp.elf")
INT_80 = 32 + 12  # its place in the tool's list


def inject(image, *args):
    r = subprocess.run([program("tests/vm_inject"), image, *args], stdout=subprocess.PIPE, text=True)
    return r.returncode, r.stdout


for image, what in ((GOOD, "kvm"), (SNP, "snp (emulated)")):
    code, out = inject(image, COUNT)
    t.ok(code == 0 and out.count("\nok") == 52,
         "%s: the right result or a fault, for 52 vectors at %s instants each" % (what, COUNT), out)
    for line in out.splitlines():
        if line.startswith("# "):
            print(line)

# Ring 0's data is the first segment, its IDT the fourth page; its code the
# second, with room at the end: inc eax, inc rdx, iretq.
with open(GOOD, "rb") as f:
    b = bytearray(f.read())
data, text = 0x1000, 0x6000
gate = data + 0x3000 + 16 * 0x80
assert b[gate:gate + 4] == b"\0\x50\x08\0" and b[text + 0xff0:text + 0x1000] == b"\xcc" * 16
b[gate:gate + 2] = b"\xf0\x5f"
b[text + 0xff0:text + 0xff8] = b"\x48\xff\xc0\x48\xff\xc2\x48\xcf"
with tempfile.NamedTemporaryFile() as bad:
    bad.write(b)
    bad.flush()
    code, out = inject(bad.name, "60", str(INT_80))
    t.ok(code != 0 and "ok 1 " in out, "an image that handles one of them is caught", out)
t.done()
