#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The walls of a Keep on plain KVM, from inside and from outside.

donjon-launch starts the real VM shim under a core that does the one thing it
is told (tests/keep/evil_vm.c). Whatever ring 3 may not do ends the Keep with
a processor fault, and the launcher says so.
"""
import mmap
import os
import re
import socket
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from donjonlib import BUILD, Tap, skip_all  # noqa: E402

if not os.access("/dev/kvm", os.R_OK | os.W_OK):
    skip_all("no /dev/kvm that can be opened")
t = Tap()
LAUNCH = os.path.join(BUILD, "donjon-launch")
EVIL = os.path.join(BUILD, "keep-test", "kvm.elf")
GOOD = os.path.join(BUILD, "keep", "kvm.elf")
REGION_SIZE, IN, HOST, CONFIG = 0x48000, 0x8000, 0x1000, 0x6000
STARTED, FAILED, ENDED, KILL = 1, 2, 4, 17
RELEASED, SURVIVED, FAULT = 0, 4, 6


def config(total):
    return b"KCF1" + bytes(36) + struct.pack(">II", 16, 1 << 20) + struct.pack(">HHQ", 1, 8, total)


INSTRUCTIONS = ["hlt", "cli", "sti", "out to the kick's port", "out to the halt's port", "in", "reading cr3",
                "writing cr0", "rdmsr", "wrmsr", "lgdt", "lidt", "ltr", "xsetbv", "a breakpoint elsewhere",
                "int 0x80", "syscall", "an undefined instruction", "dividing by zero", "iretq to ring 0"]
MEMORY = ["reading address 0", "writing code", "writing constants", "running data", "running the stack",
          "reading ring 0's data", "writing page tables", "reading ring 0's code", "jumping into ring 0",
          "a stack overflow", "a stack underflow", "reading past the shared region", "running the shared region",
          "touching what is only reserved", "touching the page after what is committed", "touching what was released",
          "running committed memory", "touching large pages that were released",
          "touching a frame that the host does not have", "an address that is not canonical", "writing what became code",
          "writing what became code in a large page", "running what is beside it", "running what was code"]
CALLS = ["number 0", "number 1", "the number after the last", "map over the image", "map below the window",
         "map at its end", "map at the end of everything", "map at half an address", "map half a frame", "map the image",
         "map page tables", "map the shared region", "map the page before the frames", "map the page after them",
         "map nothing", "map 513 pages", "map very many pages", "map across a large page", "map across one of frames",
         "unmap the image", "unmap the stack", "unmap nothing", "unmap the window's end", "the number after all of them",
         "make the image code", "make the stack code", "make code of what is not there", "make code of nothing",
         "make code of the window's end"]


class Keep:
    def __init__(self, image, group=0, which=0, total=32 << 20):
        self.fd = os.memfd_create("region")
        os.ftruncate(self.fd, REGION_SIZE)
        self.region = mmap.mmap(self.fd, REGION_SIZE)
        block = config(total)
        self.region[HOST:HOST + 4] = struct.pack("<I", 0x31484a44)
        self.region[CONFIG:CONFIG + 4 + len(block)] = struct.pack("<I", len(block)) + block
        self.region[IN:IN + 16] = struct.pack("<QQ", group, which)
        self.kicks = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.to_keep = os.eventfd(0, os.EFD_CLOEXEC)
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control.settimeout(20)
        self.stderr = tempfile.TemporaryFile()
        fds = {3: self.fd, 4: theirs.fileno(), 5: self.kicks, 6: self.to_keep}

        def child():
            high = {n: os.dup2(fd, 100 + n) for n, fd in fds.items()}
            for n, fd in high.items():
                os.dup2(fd, n)
            os.closerange(7, 200)
        self.proc = subprocess.Popen([LAUNCH, "kvm", image], close_fds=False, preexec_fn=child,
                                     stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.stderr)
        theirs.close()
        self.first = self.recv()

    def recv(self):
        m = self.control.recv(20000)
        if not m:
            return None, None, b""
        kind, value, n, zero = struct.unpack("<IIII", m[:16])
        return kind, value, m[16:]

    def send(self, kind):
        self.control.send(struct.pack("<IIII", kind, 0, 0, 0))

    def vm(self):
        """The process that is the VM."""
        return int(open("/proc/%d/task/%d/children" % (self.proc.pid, self.proc.pid)).read().split()[0])

    def close(self):
        self.control.close()
        self.proc.wait(20)
        for fd in (self.fd, self.kicks, self.to_keep):
            os.close(fd)
        self.stderr.close()


def end_of(group, which, **kw):
    k = Keep(EVIL, group, which, **kw)
    try:
        if k.first[0] != STARTED:
            return k.first
        kind, value, _ = k.recv()
        return "ended", kind == ENDED and os.waitstatus_to_exitcode(value)
    finally:
        k.close()


def inside():
    t.eq(end_of(0, 0), ("ended", RELEASED), "a core that does nothing ends as it says")
    for group, names in ((1, INSTRUCTIONS), (2, MEMORY), (3, CALLS)):
        for which, name in enumerate(names):
            what = {1: "%s", 2: "%s", 3: "the call: %s"}[group] % name
            t.eq(end_of(group, which), ("ended", FAULT), what + " ends it with a fault")
        t.eq(end_of(group, len(names)), ("ended", SURVIVED), "and nothing at all is survived")
    t.eq(end_of(4, 0), ("ended", RELEASED), "memory is zero when new, its own, counted, and comes back")


def outside():
    with open("/dev/null") as null:
        r = subprocess.run([LAUNCH, "kvm"], stdin=null, stderr=subprocess.DEVNULL)
    t.eq(r.returncode, 64, "without an image it is a usage error")
    k = Keep(GOOD)
    if not t.eq(k.first[0], STARTED, "the real image starts"):
        print("# %r" % (k.first,))
        return
    pid = k.vm()
    st = dict(line.split(":\t", 1) for line in open("/proc/%d/status" % pid).read().splitlines() if ":\t" in line)
    t.eq((st["Seccomp"], st["NoNewPrivs"]), ("2", "1"), "it has a filter, and can get no new rights")
    t.ok(re.fullmatch("0+", st["CapBnd"]), "it has no capabilities to gain", st["CapBnd"])
    t.ok("0" not in st["Uid"].split() or os.getuid() != 0, "it is not root", st["Uid"])
    links = {os.readlink(f.path) for f in os.scandir("/proc/%d/fd" % pid)}
    t.ok(len(links) <= 4 and any("kvm-vcpu" in x for x in links) and not any(x.startswith("/dev") for x in links),
         "it has its processor, the region and two eventfds", links)
    if subprocess.run(["unshare", "-Urm", "true"], stderr=subprocess.DEVNULL).returncode == 0:
        t.eq(os.listdir("/proc/%d/root" % pid), [], "its root is empty")
    else:
        t.skip("its root is empty", "no user namespaces here")
    k.send(KILL)
    kind, value, _ = k.recv()
    t.eq((kind, value & 0x7f), (ENDED, 9), "told to kill it, the launcher does and says so")
    k.close()
    k = Keep(GOOD)
    pid = k.vm()
    k.proc.kill()
    k.proc.wait()
    for _ in range(100):
        if not os.path.exists("/proc/%d" % pid) or open("/proc/%d/stat" % pid).read().split(")")[1].split()[0] == "Z":
            break
        time.sleep(0.02)
    else:
        pid = None
    t.ok(pid, "killed, the launcher takes the VM with it")
    k.close()
    k = Keep(GOOD, total=5 << 30)
    t.ok(k.first[0] == FAILED and b"4 GiB" in k.first[2], "more memory than it can have is refused", k.first)
    k.close()
    k = Keep(os.path.join(BUILD, "keep", "process.elf"))
    t.ok(k.first[0] == FAILED and b"not one for a VM" in k.first[2], "so is the image of another TEE", k.first)
    k.close()


outside()
inside()
t.done()
