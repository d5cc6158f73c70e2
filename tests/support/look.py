# SPDX-License-Identifier: Apache-2.0
"""Every access of the shared region by a real Keep, seen from outside: the
region is taken away from it by page protection, each access is noted, let
through alone, and the region is taken away again. Needs root, ptrace, x86-64."""
import ctypes
import os
import signal
import threading

from donjonlib import RefClient, descendants, echo_module, is_keep, skip_all

HOST, CONFIG, IN, OUT, END = 0x1000, 0x6000, 0x8000, 0x28000, 0x48000
LINE, ATTENTION = 64, HOST + 4

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long
CONT, STEP, GETREGS, SETREGS, GETSIGINFO, SEIZE, INTERRUPT = 7, 9, 12, 13, 0x4202, 0x4206, 0x4207
EXITKILL, SUSPEND_SECCOMP = 1 << 20, 1 << 21
NAMES = ("r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base "
         "ds es fs gs").split()


class Regs(ctypes.Structure):
    _fields_ = [(n, ctypes.c_ulonglong) for n in NAMES]


def ptrace(op, pid, addr=0, data=0):
    r = libc.ptrace(op, pid, addr, data)
    if r < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return r


class Tracer(threading.Thread):
    """All ptrace of one Keep is one thread's. calls: {address: name} of
    functions; each call of one is noted as well, as its name and first and
    third argument (of copy_in and copy_out: offset and length)."""

    def __init__(self, pid, calls=None):
        super().__init__(daemon=True)
        self.pid, self.ready, self.error, self.seen = pid, threading.Event(), "", []
        self.calls, self.first = calls or {}, {}

    def run(self):
        try:
            self.begin()
            self.ready.set()
            self.loop()
        except (OSError, AssertionError, StopIteration) as e:
            self.error = self.error or repr(e)
        self.ready.set()

    def regs(self):
        r = Regs()
        ptrace(GETREGS, self.pid, 0, ctypes.addressof(r))
        return r

    def put(self, r):
        ptrace(SETREGS, self.pid, 0, ctypes.addressof(r))

    def step(self):
        ptrace(STEP, self.pid)
        _, status = os.waitpid(self.pid, 0)
        assert os.WIFSTOPPED(status) and os.WSTOPSIG(status) == signal.SIGTRAP, status

    def protect(self, prot):
        """mprotect of the region, made by the Keep itself."""
        was, r = self.regs(), self.regs()
        r.rip, r.rax, r.rdi, r.rsi, r.rdx, r.orig_rax = self.syscall, 10, self.base, END, prot, (1 << 64) - 1
        self.put(r)
        self.step()
        assert self.regs().rax == 0, hex(self.regs().rax)
        self.put(was)

    def begin(self):
        with open("/proc/%d/maps" % self.pid) as f:
            maps = [x.split() for x in f]
        spans = [(tuple(int(v, 16) for v in m[0].split("-")), m[1], " ".join(m[5:])) for m in maps]
        self.base = next(a for (a, b), _, name in spans if "donjon-region" in name and b - a == END)
        self.mem = open("/proc/%d/mem" % self.pid, "r+b", 0)
        for (a, b), perm, _ in spans:
            if "x" not in perm:
                continue
            self.mem.seek(a)
            try:
                i = self.mem.read(b - a).find(b"\x0f\x05")
            except OSError:
                continue
            if i >= 0:
                self.syscall = a + i
                break
        ptrace(SEIZE, self.pid, 0, EXITKILL | SUSPEND_SECCOMP)
        ptrace(INTERRUPT, self.pid)
        os.waitpid(self.pid, 0)
        r = self.regs()
        if r.rax > (1 << 64) - 600:  # its wait was broken off: again, later
            r.rip, r.rax = r.rip - 2, r.orig_rax
            r.orig_rax = (1 << 64) - 1
            self.put(r)
        for at in self.calls:
            self.mem.seek(at)
            self.first[at] = self.mem.read(1)
            self.poke(at, b"\xcc")
        self.protect(0)

    def poke(self, at, b):
        self.mem.seek(at)
        self.mem.write(b)

    def on_call(self):
        """Is it at a function that is watched? Then past its first byte."""
        r = self.regs()
        at = r.rip - 1
        if at not in self.calls:
            return False
        self.seen.append((self.calls[at], r.rdi, r.rdx))
        r.rip = at
        self.put(r)
        self.poke(at, self.first[at])
        self.step()
        self.poke(at, b"\xcc")
        return True

    def access(self, r):
        """(is it a read, how many bytes) of the instruction there."""
        self.mem.seek(r.rip)
        code = self.mem.read(8)
        wide, i = False, 0
        while code[i] in (0x66, 0xf2, 0xf3) or 0x40 <= code[i] <= 0x4f:
            wide = wide or 0x48 <= code[i] <= 0x4f
            i += 1
        op = code[i]
        if op in (0x8b, 0x89, 0xc7, 0x83, 0x3b, 0x39, 0x81, 0x85):
            return op not in (0x89, 0xc7), 8 if wide else 4
        if op in (0x8a, 0x88, 0xc6, 0x80, 0x3a):
            return op not in (0x88, 0xc6), 1
        if op == 0x0f and code[i + 1] in (0xb6, 0xbe):
            return True, 1
        if op == 0x0f and code[i + 1] in (0x10, 0x11, 0x6f, 0x7f):
            return code[i + 1] in (0x10, 0x6f), 16
        self.error = "an instruction that is not known: " + code.hex()
        raise StopIteration

    def loop(self):
        sig = 0
        info = (ctypes.c_uint64 * 16)()
        while True:
            ptrace(CONT, self.pid, 0, sig)
            sig = 0
            _, status = os.waitpid(self.pid, 0)
            if not os.WIFSTOPPED(status):
                return
            if os.WSTOPSIG(status) == signal.SIGTRAP and status >> 16 == 0 and self.on_call():
                continue
            if os.WSTOPSIG(status) != signal.SIGSEGV:
                sig = os.WSTOPSIG(status) if status >> 16 == 0 and os.WSTOPSIG(status) != signal.SIGTRAP else 0
                continue
            ptrace(GETSIGINFO, self.pid, 0, ctypes.addressof(info))
            off = info[2] - self.base
            if not 0 <= off < END:
                sig = signal.SIGSEGV
                continue
            self.seen.append((off, *self.access(self.regs())))
            self.protect(3)
            self.step()
            self.protect(0)


def session(a, ref, calls=None, size=30000):
    """One session of a Keep that is watched: accesses, output, what broke."""
    keep = a.create()
    while a.request("GET", "/v1/keeps/" + keep)[1]["state"] != "fresh":
        pass
    pid = [p for p in descendants(a.proc.pid) if is_keep(p)][0]
    tr = Tracer(pid, calls)
    tr.start()
    tr.ready.wait(30)
    if tr.error:
        skip_all("the Keep cannot be traced so: " + tr.error)
    data = os.urandom(size)
    c = RefClient(ref, a.session(keep), a.root)
    c.s.settimeout(120)
    c.handshake()
    c.claim()
    c.begin(echo_module(), ["echo"])
    c.module(echo_module())
    c.stdin(data)
    c.run()
    e = c.finish()
    c.release()
    tr.join(60)
    return tr, c.out[1] == data and e["code"] == 0
