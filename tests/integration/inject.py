#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Promise 20: kill -9 and errors at system calls of the client, the host
agent, and launcher and Keep, by strace's injection. Whatever happens: success
only with the right output, else an error with a name and the exit code that
says which; the output file is a prefix of the truth at every end; nobody
hangs; no process stays.

In make check every so manieth place, a shifting sample; all places with
DONJON_LONG=1."""
import collections
import ctypes
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from donjonlib import Tap, echo_module, program, skip_all  # noqa: E402

if shutil.which("strace") is None:
    skip_all("no strace")
LONG = bool(os.environ.get("DONJON_LONG"))
SEED = int(os.environ.get("DONJON_SEED", "20"))
rnd = random.Random(SEED)
# Orphans of what is killed become ours, so that they can be counted.
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
t = Tap()
work = tempfile.mkdtemp(prefix="donjon-test-")
module = os.path.join(work, "echo.wasm")
with open(module, "wb") as f:
    f.write(echo_module())
data = random.Random(1).randbytes(400000)
with open(os.path.join(work, "in"), "wb") as f:
    f.write(data)
env = dict(os.environ, XDG_STATE_HOME=os.path.join(work, "state"), XDG_CONFIG_HOME=os.path.join(work, "config"))
NAMED = {122, 123, 125, 126, 127, 124, 64, 65, 66, 69, 70, 73, 74, 75, 76, 77, 78}
total = collections.Counter()


def left_behind():
    """Processes that still run after ten seconds; they are then killed."""
    end = time.time() + 10
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return 0
        if pid == 0:
            if time.time() > end:
                break
            time.sleep(0.005)
    kids = subprocess.run(["pgrep", "-P", str(os.getpid())], stdout=subprocess.PIPE, text=True).stdout.split()
    names = []
    for k in kids:
        try:
            with open("/proc/%s/status" % k) as f:
                names.append(" ".join(f.read().split()[:12]))
            os.kill(int(k), signal.SIGKILL)
        except OSError:
            pass
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return names


class Result:
    pass


def client(*wrap, host=None):
    """One run; stdin and stdout are files."""
    r = Result()
    out = os.path.join(work, "out")
    args = [program("donjon")] + (["-H", host, "-p", os.path.join(work, "policy.toml")] if host else [])
    with open(os.path.join(work, "in"), "rb") as i, open(out, "wb") as o, \
            tempfile.TemporaryFile() as e:
        try:
            r.code = subprocess.run([*wrap, *args, "run", module], stdin=i, stdout=o, stderr=e, env=env,
                                    timeout=30).returncode
        except subprocess.TimeoutExpired:
            r.code = "hang"
        e.seek(0)
        r.err = e.read().decode(errors="replace")
    with open(out, "rb") as f:
        r.out = f.read()
    return r


def trouble(r, killed=False, mute=False):
    """What is wrong with how a run ended; None: nothing. mute: it may have
    been the error's own line that could not be written."""
    if r.code == "hang":
        return "hangs"
    if not data.startswith(r.out):
        return "%d bytes of output are not a prefix of the truth" % len(r.out)
    if r.code == 0:
        return None if r.out == data else "success with %d of %d bytes" % (len(r.out), len(data))
    if r.code < 0:
        return None if killed and r.code == -signal.SIGKILL else "dies of signal %d" % -r.code
    if r.code not in NAMED:
        return "exit %d" % r.code
    if "error[" not in r.err and not mute:
        return "exit %d without a named error: %s" % (r.code, r.err[-200:])
    return None


def counts(path):
    """Calls by name: the most of one process."""
    n = collections.defaultdict(collections.Counter)
    with open(path, errors="replace") as f:
        for line in f:
            m = re.match(r"(?:(\d+) +)?(?:<\.\.\. )?([a-z_0-9]+)\(", line)
            if m and "resumed" not in line:
                n[m.group(2)][m.group(1)] += 1
    return {k: max(v.values()) for k, v in n.items() if k not in ("exit_group", "execve")}


def places(c, want):
    every = [(name, n) for name in sorted(c) for n in range(1, c[name] + 1)]
    if LONG or len(every) <= want:
        return every
    step = len(every) / want
    first = rnd.random() * step
    return [every[int(first + i * step)] for i in range(want)]


def errors_of(c, want, names, errs, skip=None):
    skip = skip or {}
    every = [(name, n, e) for name in names if name in c for n in range(skip.get(name, 0) + 1, c[name] + 1)
             for e in errs]
    return every if LONG or len(every) <= want else rnd.sample(every, want)


def own(path):
    """Calls before our own code runs, by name: the loader's, which ends with
    giving back ld.so.cache."""
    c = collections.Counter()
    with open(path, errors="replace") as f:
        for line in f:
            name = line.split("(")[0]
            c[name] += 1
            if name == "munmap":
                return c
    return c


def inject(name, n, what):
    return ["strace", "-qq", "-o", "/dev/null", "-e", "trace=" + name, "-e", "inject=%s:%s:when=%d" % (name, what, n)]


def campaign(what, runs, one):
    bad, ends = [], collections.Counter()
    for p in runs:
        r, why = one(*p)
        ends[r.code] += 1
        rest = left_behind()
        if why or rest:
            bad.append("%s: %s%s" % (" ".join(map(str, p)), why or "", " left behind: %s" % rest if rest else ""))
    total[what] += len(runs)
    t.ok(not bad, "%s: %d places, 0 wrong ends (%s)" % (what, len(runs), ", ".join(
        "%s: %d" % (k, v) for k, v in sorted(ends.items(), key=str))), "\n".join(bad))


# ---- the client, with a private agent
log = os.path.join(work, "log")
r = client("strace", "-qq", "-o", log)
t.ok(trouble(r) is None and r.code == 0, "an untouched run is right", r.err)
calls = counts(log)


def kill_client(name, n):
    r = client(*inject(name, n, "signal=KILL"))
    return r, trouble(r, killed=True)


def fail_client(name, n, err):
    r = client(*inject(name, n, "error=" + err))
    return r, trouble(r, mute=name == "write")


campaign("kill -9 of the client", places(calls, 40), kill_client)
campaign("errors in the client", errors_of(
    calls, 50, ["read", "recvfrom", "sendto", "write", "openat", "mmap", "poll", "newfstatat", "close",
                 "socketpair", "clone", "signalfd4", "memfd_create", "getrandom", "lseek", "pread64", "mremap",
                 "mkdir", "socket", "connect", "fcntl", "ftruncate", "fsync", "rename"],
    ["ENOSPC", "EIO", "EINTR", "ENOMEM"], own(log)), fail_client)

# ---- the host agent
emu, sock = os.path.join(work, "emu"), os.path.join(work, "sock")
subprocess.run([program("donjon-emu"), "init", emu], check=True, stdout=subprocess.DEVNULL)
meas = re.search("[0-9a-f]{64}", subprocess.run([program("donjon"), "measure", "--tee", "process", "--json"],
                                                stdout=subprocess.PIPE, text=True).stdout).group()
with open(os.path.join(work, "policy.toml"), "w") as f:
    f.write('schema = 1\nname = "test"\n[development]\nallow = true\nroot = "%s"\n'
            '[keep]\nmeasurement = [ { tee = "process", sha256 = "%s" } ]\n' % (os.path.join(emu, "root.pem"), meas))


def with_agent(wrap=(), launcher=None, lost_signal=False, again=False):
    """A run by an agent of its own under strace; the agent is then ended, and
    again when it is about to be."""
    if os.path.exists(sock):
        os.unlink(sock)
    args = [program("donjond"), "--socket", sock, "--emulation", emu, "--state-dir", os.path.join(work, "agent")]
    with open(os.path.join(work, "agent.log"), "wb") as lg:
        a = subprocess.Popen([*wrap, *args, *(["--launcher", launcher] if launcher else [])],
                             stdin=subprocess.DEVNULL, stdout=lg, stderr=lg)
    end = time.time() + 5
    while not os.path.exists(sock) and a.poll() is None and time.time() < end:
        time.sleep(0.005)
    r = client(host="unix:" + sock)
    # An agent that is killed or ended itself needs no signal; -D makes it ours.
    if a.poll() is None:
        a.send_signal(signal.SIGTERM)
    if again:
        time.sleep(0.5)
        a.send_signal(signal.SIGTERM)
    for patience in (5, 10) if lost_signal else (10,):
        try:
            r.agent = a.wait(patience)
            return r
        except subprocess.TimeoutExpired:
            # The event loop's own handler writes what signal came; where that
            # write is the one that is made to fail, the signal is lost.
            a.send_signal(signal.SIGTERM)
    a.kill()
    a.wait()
    r.agent = "hang"
    return r


r = with_agent(["strace", "-D", "-qq", "-o", log])
t.ok(trouble(r) is None and r.code == 0 and r.agent == 0, "an untouched run by an agent is right",
     "%s %s\n%s" % (r.code, r.agent, r.err))
time.sleep(0.1)
left_behind()
calls = counts(log)

r = with_agent(["strace", "-D", "-qq", "-o", "/dev/null", "--inject=unlink:delay_enter=1500000"], again=True)
t.ok(trouble(r) is None and r.code == 0 and r.agent == 0 and not os.path.exists(sock),
     "a second SIGTERM does not cut off the end", "%s %s" % (r.code, r.agent))
left_behind()


def kill_agent(name, n):
    w = inject(name, n, "signal=KILL")
    r = with_agent([w[0], "-D", *w[1:]])
    return r, trouble(r) or (None if r.agent in (0, -9) else "the agent ends with %s" % r.agent)


def fail_agent(name, n, err):
    w = inject(name, n, "error=" + err)
    r = with_agent([w[0], "-D", *w[1:]], lost_signal=name == "write")
    return r, trouble(r) or (None if isinstance(r.agent, int) and r.agent >= 0 else "the agent ends with %s" % r.agent)


campaign("kill -9 of the host agent", places(calls, 20), kill_agent)
# Its plain writes are kicks of an eventfd, which know no error but this one; a
# timer that is set as it should be knows none.
campaign("errors in the host agent", errors_of(calls, 5, ["write"], ["EINTR"], own(log)) + errors_of(
    calls, 25, ["read", "recvmsg", "recvfrom", "sendto", "sendmsg", "writev", "readv", "openat", "mmap",
                "accept4", "epoll_wait", "eventfd2", "socketpair", "memfd_create", "ftruncate",
                "clone", "clone3", "vfork", "pidfd_open", "close", "dup3", "ioctl", "fcntl"],
    ["ENOSPC", "EIO", "EINTR", "ENOMEM", "EMFILE"], own(log)), fail_agent)

# ---- launcher and Keep, one process each, followed from the launcher
wrapper = os.path.join(work, "launch")


def launcher(*strace):
    with open(wrapper, "w") as f:
        f.write("#!/bin/sh\nexec %s %s \"$@\"\n" % (" ".join(strace), program("donjon-launch")))
    os.chmod(wrapper, 0o755)
    return wrapper


r = with_agent(launcher=launcher("strace", "-D", "-f", "-qq", "-o", log))
t.ok(trouble(r) is None and r.code == 0, "an untouched run by a followed launcher is right", r.err)
time.sleep(0.1)
left_behind()
calls = counts(log)


def kill_keep(name, n):
    w = inject(name, n, "signal=KILL")
    r = with_agent(launcher=launcher(w[0], "-D", "-f", *w[1:]))
    return r, trouble(r) or (None if r.agent == 0 else "the agent ends with %s" % r.agent)


def fail_keep(name, n, err):
    w = inject(name, n, "error=" + err)
    r = with_agent(launcher=launcher(w[0], "-D", "-f", *w[1:]))
    return r, trouble(r) or (None if r.agent == 0 else "the agent ends with %s" % r.agent)


campaign("kill -9 of launcher and Keep", places(calls, 25), kill_keep)
campaign("errors in launcher and Keep", errors_of(
    calls, 25, [n for n in calls if n not in ("close", "brk")], ["EIO", "EINTR", "ENOMEM", "EPERM"]), fail_keep)
shutil.rmtree(work, ignore_errors=True)
print("# seed %d, %d runs: %s" % (SEED, sum(total.values()), dict(total)))
t.done()
