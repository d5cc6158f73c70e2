#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The jail of a process Keep, from outside and from inside.

donjon-launch starts the real shim under a core that does as it is told
(tests/keep/probe.c): what Linux says of the process, what happens when the
inside tries what it must not, how every end is reported, and that the
emulator's report is what an independent reading of docs/tees/process.md says.
"""
import ctypes
import hashlib
import mmap
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from donjonlib import BUILD, Tap  # noqa: E402

t = Tap()
LAUNCH = os.path.join(BUILD, "donjon-launch")
EMU = os.path.join(BUILD, "donjon-emu")
IMAGE = os.path.join(BUILD, "keep-test", "process.elf")
REGION_SIZE, IN, OUT, HOST, REPORT, CONFIG = 0x48000, 0x8000, 0x28000, 0x1000, 0x2000, 0x6000
STARTED, FAILED, REPORTED, ENDED, ASK_REPORT, KILL = 1, 2, 3, 4, 16, 17
ECHO, SYSCALL, RANDOM, MEMORY, FAULT, HALT, ASK, SPIN, HASH, SEAL, OLD = range(1, 12)
CONFIG_BLOCK = b"KCF1" + bytes(36) + struct.pack(">II", 16, 1 << 20) + struct.pack(">HHQ", 1, 8, 16 << 20)
CALLS = ["open", "openat", "socket", "fork", "clone", "clone3", "execve", "execveat", "ptrace", "kill",
         "process_vm_readv", "mmap writable and executable", "mmap executable", "mmap writable",
         "mmap of a descriptor", "mmap at a fixed place", "mprotect writable and executable",
         "mprotect executable alone", "write to the host's eventfd", "write to stderr",
         "write of another length", "write with the descriptor's high half set",
         "read from the wrong eventfd", "read from the region's descriptor", "dup", "close",
         "prctl", "seccomp", "ioctl", "getpid", "clock_gettime", "rt_sigreturn", "io_uring_setup",
         "bpf", "an x32 call"]
FAULTS = ["reading address 0", "writing code", "running data", "a stack overflow",
          "dividing by zero", "a breakpoint", "an undefined instruction"]


def place(fds):
    """In the child: puts descriptors at their numbers, none in another's way."""
    def run():
        high = {n: os.dup2(fd, 100 + n) for n, fd in fds.items()}
        for n, fd in high.items():
            os.dup2(fd, n)
            os.close(fd)
    return run


class Keep:
    def __init__(self, image=IMAGE, emu=None, config=CONFIG_BLOCK, wrap=(), uid=None):
        self.region_fd = os.memfd_create("region")
        os.ftruncate(self.region_fd, REGION_SIZE)
        self.region = mmap.mmap(self.region_fd, REGION_SIZE)
        self.region[HOST:HOST + 4] = struct.pack("<I", 0x31484a44)
        self.region[CONFIG:CONFIG + 4 + len(config)] = struct.pack("<I", len(config)) + config
        self.kicks = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.to_keep = os.eventfd(0, os.EFD_CLOEXEC)
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control.settimeout(20)
        self.stderr = tempfile.TemporaryFile()
        fds = {3: self.region_fd, 4: theirs.fileno(), 5: self.kicks, 6: self.to_keep}
        self.emu = None
        if emu:
            mine, emus = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self.emu = subprocess.Popen([EMU, "serve", "process", emu], close_fds=False,
                                        preexec_fn=place({3: emus.fileno()}), stderr=self.stderr)
            emus.close()
            fds[7] = mine.fileno()
        place_fds = place(fds)

        def child():
            place_fds()
            os.closerange(8 if emu else 7, 200)
            if uid:
                os.setgroups([])
                os.setresgid(uid, uid, uid)
                os.setresuid(uid, uid, uid)
        self.proc = subprocess.Popen([*wrap, LAUNCH, "process", image], close_fds=False, preexec_fn=child,
                                     stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                     stderr=self.stderr)
        theirs.close()
        if emu:
            mine.close()
        self.first = self.recv()
        self.seq = 0
        self.pid = None
        if self.first[0] == STARTED:
            kids = open("/proc/%d/task/%d/children" % (self.proc.pid, self.proc.pid)).read().split()
            self.pid = int(kids[0]) if kids else None

    def recv(self):
        m = self.control.recv(20000)
        if not m:
            return (None, None, b"")
        kind, value, n, zero = struct.unpack("<IIII", m[:16])
        assert n == len(m) - 16 and zero == 0
        return kind, value, m[16:]

    def send(self, kind, data=b""):
        self.control.send(struct.pack("<IIII", kind, 0, len(data), 0) + data)

    def command(self, op, a=0, b=0, data=b""):
        self.region[IN + 64:IN + 64 + len(data)] = data
        self.region[IN + 8:IN + 32] = struct.pack("<QQQ", op, a, b)
        self.seq += 1
        self.region[IN:IN + 8] = struct.pack("<Q", self.seq)
        os.eventfd_write(self.to_keep, 1)

    def answer(self, length=0):
        end = time.time() + 20
        while struct.unpack("<Q", self.region[OUT:OUT + 8])[0] != self.seq:
            if time.time() > end:
                raise TimeoutError("the Keep does not answer")
            ready = select.select([self.kicks, self.control], [], [], 1)[0]
            if self.kicks in ready:
                os.eventfd_read(self.kicks)
            elif self.control in ready:
                return self.recv(), b""
        return struct.unpack("<q", self.region[OUT + 8:OUT + 16])[0], \
            bytes(self.region[OUT + 64:OUT + 64 + length])

    def ended(self):
        """The wait status, however the Keep ended."""
        while True:
            kind, value, _ = self.recv()
            if kind in (ENDED, None):
                self.proc.wait(20)
                return value

    def close(self):
        self.control.close()
        self.proc.wait(20)
        if self.emu:
            self.emu.wait(20)
        self.region.close()
        for fd in (self.region_fd, self.kicks, self.to_keep):
            os.close(fd)

    def log(self):
        self.stderr.seek(0)
        return self.stderr.read().decode()


def status(pid):
    return dict(line.rstrip("\n").split(":\t", 1) for line in open("/proc/%d/status" % pid))


def measure(path):
    """The measurement, from docs/tees/process.md and nothing else."""
    f = open(path, "rb").read()
    entry, phoff = struct.unpack_from("<QQ", f, 24)
    digest = hashlib.sha256(b"donjon image v1".ljust(32, b"\0") + struct.pack(">QQ", entry, 0)).digest()
    for i in range(struct.unpack_from("<H", f, 56)[0]):
        kind, flags, off, addr, _, size, mem, _ = struct.unpack_from("<IIQQQQQQ", f, phoff + 56 * i)
        if kind != 1:
            continue
        perm = (flags >> 2 & 1) | (flags & 2) | (flags & 1) << 2
        for page in range(0, mem, 4096):
            has = page < size
            head = struct.pack(">QBB6x", addr + page, perm, has)
            body = f[off + page:off + page + 4096] if has else b""
            digest = hashlib.sha256(digest + head + body).digest()
    return digest


def can_have_namespaces():
    """Some containers, and every chroot, refuse them."""
    return subprocess.run(["unshare", "-Urm", "true"], stderr=subprocess.DEVNULL).returncode == 0


def outside():
    k = Keep()
    t.ok(k.first[0] == STARTED, "a Keep starts", str(k.first) + k.log())
    walls = can_have_namespaces()
    if walls:
        t.eq(k.log(), "", "the jail is complete on this machine")
    else:
        t.ok("no namespaces" in k.log(), "that there are no namespaces is said", k.log())
    t.eq(k.first[2], measure(IMAGE), "the measurement is what an independent walk gives")
    data = os.urandom(300)
    k.command(ECHO, 300, 0, data)
    t.eq(k.answer(300), (0, data), "bytes go in and out of the shared region")
    k.command(ECHO, 131, 3, data)
    t.eq(k.answer(131), (0, data[3:134]), "also where nothing is aligned")
    s = status(k.pid)
    t.eq((s["Seccomp"], s["NoNewPrivs"]), ("2", "1"), "a filter is on and no new privileges can be had")
    t.eq([int(s["Cap" + c], 16) for c in ("Inh", "Prm", "Eff", "Bnd", "Amb")], [0] * 5,
         "the Keep has no capability and can get none")
    t.ok("0" not in s["Uid"].split(), "the Keep is not root", s["Uid"])
    if walls:
        t.eq(len(s["NSpid"].split()), 2, "the Keep is in a process namespace of its own")
    else:
        t.skip("namespaces and an empty root of its own", "no user namespaces here")
    for ns in ("user", "mnt", "pid", "ipc", "uts") if walls else ():
        t.ok(os.readlink("/proc/%d/ns/%s" % (k.pid, ns)) != os.readlink("/proc/self/ns/" + ns),
             "the Keep has its own %s namespace" % ns)
    if walls:
        t.eq(os.listdir("/proc/%d/root/" % k.pid), [], "its root is empty")
    t.eq(open("/proc/%d/environ" % k.pid).read(), "", "it has no environment")
    fds = {int(n): os.readlink("/proc/%d/fd/%s" % (k.pid, n)) for n in os.listdir("/proc/%d/fd" % k.pid)}
    t.ok(sorted(fds) == [5, 6] and all("eventfd" in v for v in fds.values()),
         "it has two descriptors, both eventfds", fds)
    maps = open("/proc/%d/maps" % k.pid).read()
    t.ok("[vdso]" not in maps and "[stack]" not in maps and "[vvar" not in maps,
         "nothing is mapped but image, region and our stacks", maps)
    t.ok(not any("w" in m.split()[1] and "x" in m.split()[1] for m in maps.splitlines()),
         "no page is writable and executable", maps)
    lim = {x[:26].strip(): x[26:].split()[:2] for x in open("/proc/%d/limits" % k.pid).read().splitlines()}
    t.eq([lim[x] for x in ("Max core file size", "Max file size", "Max processes", "Max locked memory", "Max msgqueue size")],
         [["0", "0"]] * 5, "it leaves no core, writes no file, makes no process, locks and queues nothing")
    t.eq(lim["Max open files"], ["7", "7"], "it can have no descriptor but those")
    if open("/proc/self/uid_map").read().split() == ["0", "0", "4294967295"]:
        t.eq(os.stat("/proc/%d/mem" % k.pid).st_uid, 0, "nobody of its own kind can look into it")
    else:
        t.skip("nobody of its own kind can look into it", "in a user namespace, where root shows as nobody")
    rss = int(s["VmRSS"].split()[0])
    t.ok(rss < 600, "an idle Keep is below 600 KiB", "%d KiB" % rss)
    ls = status(k.proc.pid)
    t.eq((ls["Seccomp"], ls["NoNewPrivs"], int(ls["CapEff"], 16)), ("2", "1", 0), "the launcher is jailed too")
    print("# Keep %s, launcher %s resident" % (s["VmRSS"].strip(), ls["VmRSS"].strip()))
    k.command(RANDOM, 4096)
    r, a = k.answer(4096)
    k.command(RANDOM, 4096)
    r2, b = k.answer(4096)
    t.ok(r == r2 == 0 and a != b and len({a[i:i + 8] for i in range(0, 4096, 8)}) == 512,
         "random bytes come from the processor and differ")
    for a, what in enumerate(("no versions to seal with", "no key to seal with")):
        k.command(SEAL, a)
        t.eq(k.answer()[0], 7, "it says by name that it has " + what)
    k.command(MEMORY, 4 << 20)
    t.eq(k.answer()[0], 0, "memory is zero, counted and limited exactly")
    k.command(MEMORY, 64 << 20)
    t.eq(k.answer()[0], 3, "the kernel refuses more than the launch block says")
    k.command(SPIN)
    time.sleep(0.05)
    k.region[HOST + 4:HOST + 8] = struct.pack("<I", 1)
    t.eq(k.answer()[0], 0, "the attention word is seen while computing")
    k.command(ECHO)
    k.answer()
    used = [sum(map(int, open("/proc/%d/stat" % p).read().split(") ")[1].split()[11:13]))
            for p in (k.pid, k.proc.pid)]
    time.sleep(0.5)
    later = [sum(map(int, open("/proc/%d/stat" % p).read().split(") ")[1].split()[11:13]))
             for p in (k.pid, k.proc.pid)]
    t.eq(later, used, "an idle Keep and its launcher use no time")
    k.command(HALT, 2)
    t.eq(k.ended(), 2 << 8, "a halt is reported with its code")
    t.eq(struct.unpack("<I", k.region[4:8])[0], 4, "and stands in the Keep's line")
    k.close()


def inside():
    for i, name in enumerate(CALLS):
        k = Keep()
        k.command(SYSCALL, i)
        t.eq(k.ended(), int(signal.SIGSYS), "%s kills the Keep" % name)
        k.close()
    # Numbers that the filter lets through mean something else there.
    for nr, name in ((0, "restart_syscall"), (1, "exit"), (9, "link"), (10, "unlink"), (11, "execve")):
        k = Keep()
        k.command(OLD, nr)
        t.ok(k.ended() in (int(signal.SIGSYS), 6 << 8), "%s of the 32-bit machine ends the Keep" % name)
        k.close()
    k = Keep()
    last = REGION_SIZE - IN - 64 - 16
    k.command(ECHO, 16, last)
    t.eq(k.answer(16), (0, bytes(16)), "the last bytes of the region can be read")
    k.command(ECHO, 17, last)
    t.eq(k.ended(), 5 << 8, "one more halts it as a bug of its own")
    k.close()
    for i, name in enumerate(FAULTS):
        k = Keep()
        k.command(FAULT, i)
        t.eq(k.ended(), 6 << 8, "%s halts it as a fault" % name)
        k.close()


def gone(pid, seconds=5):
    end = time.time() + seconds
    while time.time() < end:
        try:
            if open("/proc/%d/stat" % pid).read().split(") ")[1][0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.01)
    return False


def ends():
    k = Keep()
    k.send(KILL)
    t.eq(k.ended(), int(signal.SIGKILL), "donjond can kill a Keep")
    k.close()
    k = Keep()
    k.proc.kill()
    t.ok(gone(k.pid), "the Keep dies with its launcher")
    k.close()
    k = Keep()
    k.control.close()
    t.ok(gone(k.pid) and gone(k.proc.pid), "both end when the control socket closes")
    k.close()
    k = Keep()
    k.control.send(b"nonsense")
    t.eq(k.ended(), int(signal.SIGKILL), "a message that cannot be ends both")
    k.close()
    k = Keep()
    os.kill(k.pid, signal.SIGSTOP)
    os.kill(k.pid, signal.SIGCONT)
    k.command(ECHO, 3, 0, b"abc")
    t.eq(k.answer(3), (0, b"abc"), "a stop and a continue do not disturb a waiting Keep")
    k.close()


def orphans():
    """The agent is killed while someone else still holds its sockets."""
    mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    agent = os.fork()
    if agent == 0:
        k = Keep()
        socket.send_fds(theirs, [struct.pack("<II", k.proc.pid, k.pid or 0)], [k.control.fileno()])
        signal.pause()
    data, fds, _, _ = socket.recv_fds(mine, 8, 1)
    launcher, keep = struct.unpack("<II", data)
    os.kill(agent, signal.SIGKILL)
    t.ok(gone(keep) and gone(launcher), "both die when the agent is killed")
    os.waitpid(agent, 0)
    os.close(fds[0])


def refused():
    """A kernel that grants no namespaces: said aloud, and still a jail."""
    wrap = ["unshare", "-Ur", "sh", "-c", "echo 0 >/proc/sys/user/max_user_namespaces && exec \"$@\"", "sh"]
    if subprocess.run([*wrap, "true"], capture_output=True).returncode != 0:
        t.skip("without namespaces there still is a jail", "no user namespaces here")
        return
    k = Keep(wrap=wrap)
    t.ok(k.first[0] == STARTED, "a Keep starts where namespaces are refused", str(k.first) + k.log())
    t.ok("no namespaces" in k.log(), "and the agent's log says so", k.log())
    k.command(ECHO)
    k.answer()
    s = status(k.pid)
    t.eq((s["Seccomp"], s["NoNewPrivs"], [int(s["Cap" + c], 16) for c in ("Prm", "Eff", "Bnd", "Amb")]),
         ("2", "1", [0] * 4), "it has a filter and no capability all the same")
    k.close()


def failures():
    with tempfile.TemporaryDirectory() as d:
        bad = os.path.join(d, "bad.elf")
        open(bad, "wb").write(b"\x7fELF" + bytes(100))
        k = Keep(bad)
        t.ok(k.first[0] == FAILED and k.first[2] == b"this file is not a keep image",
             "a file that is no image is refused by name", k.first)
        k.close()
        k = Keep(os.path.join(d, "none"))
        t.ok(k.first[:2] == (FAILED, 2) and b"cannot read" in k.first[2], "a missing image too", k.first)
        k.close()
    k = Keep()
    k.send(ASK_REPORT, bytes(64))
    t.eq(k.recv()[:2], (REPORTED, 38), "without an emulator there is no report")
    k.close()


def reports():
    with tempfile.TemporaryDirectory() as d:
        os.chmod(d, 0o755)
        root = os.path.join(d, "emu")
        t.eq(subprocess.run([EMU, "init", root]).returncode, 0, "a development root is made")
        t.eq({n: os.stat(os.path.join(root, n)).st_mode & 0o777 for n in sorted(os.listdir(root))},
             {"kvm-chain.pem": 0o644, "kvm.key": 0o600, "process-chain.pem": 0o644, "process.key": 0o600,
              "root.key": 0o600, "root.pem": 0o644},
             "its files and their modes")
        t.eq(os.stat(root).st_mode & 0o777, 0o700, "its folder is closed to others")
        before = open(os.path.join(root, "root.pem")).read()
        r = subprocess.run([EMU, "init", root], capture_output=True, text=True)
        t.ok(r.returncode != 0 and open(os.path.join(root, "root.pem")).read() == before
             and os.listdir(d) == ["emu"], "an existing root is refused and untouched", r.stderr)
        v = subprocess.run(["openssl", "verify", "-x509_strict", "-CAfile", os.path.join(root, "root.pem"),
                            os.path.join(root, "process-chain.pem")], capture_output=True, text=True)
        t.eq(v.returncode, 0, "openssl verifies the chain")
        names = subprocess.run("openssl crl2pkcs7 -nocrl -certfile %s/process-chain.pem | "
                               "openssl pkcs7 -print_certs -noout" % root, shell=True,
                               capture_output=True, text=True).stdout
        subjects = [n for n in names.splitlines() if n.startswith("subject")]
        t.ok(len(subjects) == 2 and "development root" in subjects[1] and
             all("EMULATED no protection" in s for s in subjects), "leaf first, and both say EMULATED", names)
        k = Keep(emu=root)
        t.ok(k.first[0] == STARTED, "a Keep starts under the emulator", str(k.first) + k.log())
        data = os.urandom(64)
        k.command(ASK, data=data)
        while struct.unpack("<I", k.region[8:12])[0] != 1:
            time.sleep(0.001)
        t.eq((struct.unpack("<I", k.region[4:8])[0], bytes(k.region[0x40:0x80])), (1, data),
             "the shim leaves the report's data with the host")
        k.send(ASK_REPORT, data)
        kind, value, rep = k.recv()
        t.eq((kind, value, len(rep)), (REPORTED, 0, 240), "the emulator reports")
        spki = subprocess.run("openssl x509 -in %s/process-chain.pem -pubkey -noout | "
                              "openssl pkey -pubin -outform DER" % root, shell=True, capture_output=True).stdout
        t.eq(rep[:176], b"DJPR" + struct.pack(">HH", 1, 0x41) + measure(IMAGE) +
             hashlib.sha256(CONFIG_BLOCK).digest() + data + hashlib.sha256(spki).digest() +
             struct.pack(">Q", 1), "what is signed is what the layout says")

        def integer(b):
            b = b.lstrip(b"\0")
            b = (b"\0" if b[0] & 0x80 else b"") + b
            return b"\x02" + bytes([len(b)]) + b
        body = integer(rep[176:208]) + integer(rep[208:240])
        for n, b in (("key", spki), ("sig", b"\x30" + bytes([len(body)]) + body), ("msg", rep[:176])):
            open(os.path.join(d, n), "wb").write(b)
        v = subprocess.run(["openssl", "dgst", "-sha256", "-verify", d + "/key", "-keyform", "DER",
                            "-signature", d + "/sig", d + "/msg"], capture_output=True, text=True)
        t.eq(v.stdout.strip(), "Verified OK", "openssl verifies the signature")
        k.region[HOST + 8:HOST + 32] = struct.pack("<IIIIII", 1, 0, 0, 0, len(rep), 0)
        os.eventfd_write(k.to_keep, 1)
        t.eq(k.answer()[0], 0, "the Keep learns that its report is there")
        s = status(k.emu.pid)
        t.eq((s["Seccomp"], s["NoNewPrivs"], int(s["CapEff"], 16), "0" in s["Uid"].split()),
             ("2", "1", 0, False), "the emulator keeps no rights")
        print("# emulator %s resident" % s["VmRSS"].strip())
        emu = k.emu.pid
        k.close()
        t.ok(gone(emu), "the emulator ends with its Keep")
        unsealed(root)
        if os.geteuid() == 0:
            k = Keep(uid=1000)
            t.eq(k.first[0], STARTED, "nobody needs root to start a Keep")
            t.ok("0" not in status(k.pid)["Uid"].split(), "and it then has the caller's user", k.log())
            k.close()
        else:
            t.skip("nobody needs root to start a Keep", "not root: every Keep above shows it")


def unsealed(root):
    """The emulator measures nothing that can still change."""
    mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    p = subprocess.Popen([EMU, "serve", "process", root], close_fds=False,
                         preexec_fn=place({3: theirs.fileno()}))
    theirs.close()
    fd = os.memfd_create("image")
    os.write(fd, open(IMAGE, "rb").read())

    def ask(op, data, fds=()):
        socket.send_fds(mine, [struct.pack("<I", op) + data], list(fds))
        r = mine.recv(1000)
        return struct.unpack("<I", r[:4])[0], r[4:]
    t.eq(ask(2, bytes(64)), (107, b""), "no report before a launch")
    t.eq(ask(1, bytes(32), [fd]), (1, b""), "an image that is not sealed is refused")
    t.eq(ask(1, bytes(32)), (22, b""), "no image is refused")
    t.eq(ask(1, bytes(31), [fd]), (22, b""), "a short launch is refused")
    t.eq(ask(9, b""), (95, b""), "an unknown operation is refused")
    t.eq(ask(1, bytes(4000)), (22, b""), "a long launch is refused")
    sealed = os.memfd_create("image", os.MFD_ALLOW_SEALING)
    os.write(sealed, open(IMAGE, "rb").read())
    ctypes.CDLL(None).fcntl(sealed, 1033, 15)
    t.eq(ask(1, bytes(32), [sealed]), (0, measure(IMAGE)), "a sealed image is measured")
    t.eq(ask(1, bytes(32), [sealed]), (114, b""), "a second launch is refused")
    mine.close()
    t.eq(p.wait(10), 0, "it ends with its socket")


for part in (outside, inside, ends, orphans, refused, failures, reports):
    part()
t.done()
