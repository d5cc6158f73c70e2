#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Named streams, end to end: files and pipes into a Keep and out of it, by
options and by Donjon.toml, and over the death of the client."""
import os
import shutil
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from donjonlib import Agent, Tap, program  # noqa: E402

SOURCE = r"""
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
static char b[16384];
/* What comes in under the first name goes out under the second. */
int main(int argc, char **argv)
{
	int in = open(argv[1], O_RDONLY);
	int out = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC, 0666);
	long n, total = 0;

	if (in < 0 || out < 0) {
		printf("%s\n", strerror(errno));
		return 9;
	}
	while ((n = read(in, b, sizeof(b))) > 0) {
		total += n;
		if (write(out, b, n) != n)
			return 8;
	}
	printf("%ld\n", total);
	return n == 0 ? 0 : 7;
}
"""
t = Tap()
work = tempfile.mkdtemp(prefix="donjon-streams-")
state = os.path.join(work, "state")
ENV = dict(os.environ, XDG_STATE_HOME=state, XDG_CONFIG_HOME=work + "/config")
KEEPS = os.path.join(state, "donjon", "keeps")


def path(name):
    return os.path.join(work, name)


def put(name, b):
    with open(path(name), "wb") as f:
        f.write(b)
    return path(name)


def get(name):
    with open(path(name), "rb") as f:
        return f.read()


def donjon(*args, before=(), stdout=subprocess.PIPE):
    return subprocess.run([*before, program("donjon"), *args], env=ENV, cwd=work, stdin=subprocess.DEVNULL,
                          stdout=stdout, stderr=subprocess.PIPE, timeout=120)


put("copy.c", SOURCE.encode())
if shutil.which("clang-19") is None or subprocess.run(
        ["clang-19", "--target=wasm32-wasi", "-O2", "-s", "-o", path("copy.wasm"), path("copy.c")],
        stderr=subprocess.DEVNULL).returncode != 0:
    t.skip("named streams of a program in C", "no clang-19 with a C library for wasm32-wasi")
    t.done()
data = os.urandom(3 << 20)
put("in", data)
NAMES = ["copy.wasm", "/stream/db", "/stream/log"]

r = donjon("run", "--stream", "db=in", "--stream-out", "log=out", "--receipt", "r.json", *NAMES)
t.ok(r.returncode == 0 and r.stdout == b"%d\n" % len(data) and get("out") == data,
     "a file goes in under one name and comes out under another", r.stderr)
r = donjon("run", "--stream", "x=in", "--stream-out", "x=out", "copy.wasm", "/stream/x", "/stream/x")
t.ok(r.returncode == 0 and get("out") == data, "one name goes both ways", r.stderr)
r = donjon("run", "--stream", "db=in", *NAMES)
t.ok(r.returncode == 9 and b"Read-only" in r.stdout, "what has no name is not there", r.stdout)
r = donjon("run", "--stream", "db=in", "copy.wasm", "/stream/db", "/stream/db")
t.ok(r.returncode == 9 and b"ermission" in r.stdout, "what goes in cannot be written", r.stdout)

os.mkfifo(path("pipe"))
os.mkfifo(path("drain"))
late = []


def feed():
    with open(path("pipe"), "wb") as f:
        for i in range(0, len(data), 99999):
            f.write(data[i:i + 99999])
            f.flush()


def drain():
    with open(path("drain"), "rb") as f:
        late.append(f.read())


threads = [threading.Thread(target=f) for f in (feed, drain)]
for th in threads:
    th.start()
r = donjon("run", "--stream", "db=pipe", "--stream-out", "log=drain", *NAMES)
for th in threads:
    th.join(30)
t.ok(r.returncode == 0 and late == [data], "pipes do as well", r.stderr)

put("Donjon.toml", b'schema = 1\n[streams]\nout = { log = "toml.out" }\n[secrets.db]\nfile = "in"\n')
r = donjon("run", *NAMES)
t.ok(r.returncode == 0 and get("toml.out") == data, "a secret of Donjon.toml is a stream of its name", r.stderr)
put("Donjon.toml", b'[secrets.db]\nkbs = "https://kbs.example/x"\n')
r = donjon("run", *NAMES)
t.ok(r.returncode == 78 and b"config.value" in r.stderr, "one from a key broker is refused by name", r.stderr)
os.remove(path("Donjon.toml"))
for args, code, error in ((("--stream", "db"), 64, b"usage.value"), (("--stream", "a/b=in"), 64, b"usage.value"),
                          (("--stream", "db=in", "--stream", "db=in"), 64, b"usage.value"),
                          (("--stream", "db=none"), 66, b"input.file"),
                          (("--stream-out", "db=no/where"), 74, b"output.write"),
                          (sum((["--stream", "s%d=in" % i] for i in range(17)), []), 64, b"usage.value")):
    r = donjon("run", *args, *NAMES)
    t.ok(r.returncode == code and b"error[%s]" % error in r.stderr, "%s: %s" % (" ".join(args[:4]), error.decode()),
         r.stderr)

# ------------------------------------------- a client that dies and comes back
agent = Agent()
H = ["-H", "unix:" + agent.sock, "-p", agent.policy()]
FILES = ["--stream", "db=in", "--stream-out", "log=out"]
r = donjon(*H, "start", "--name", "p", "--discard", "--stream-out", "log=/dev/null", *NAMES)
t.ok(r.returncode == 64 and b"usage.option" in r.stderr, "start wants files that another client can open", r.stderr)
r = donjon(*H, "start", "--name", "k", "--out", "o", "--receipt", "rc.json", *FILES, *NAMES)
t.ok(r.returncode == 0, "start leaves it alone when all its input is there", r.stderr)
r = donjon("attach", "k")
t.ok(r.returncode == 0 and get("out") == data and get("o") == b"%d\n" % len(data),
     "attach brings the rest", r.stderr)
r = donjon(*H[2:], "receipt", "rc.json")
t.ok(r.returncode == 0, "and a receipt that holds", r.stderr)
donjon("release", "k")


came_back = []


def lives(n, call):
    """Killed at the n-th such call, then attached to."""
    shutil.rmtree(state, ignore_errors=True)
    put("out", b"")
    with open(path("o"), "wb") as o:
        r = donjon(*H, "run", "--name", "k", *FILES, *NAMES, stdout=o,
                   before=["strace", "-o", "/dev/null", "-e", "trace=" + call, "-e",
                           "inject=%s:signal=KILL:when=%d" % (call, n)])
    if r.returncode == 0:
        return get("out") == data
    for _ in range(20):
        if not os.path.exists(KEEPS + "/k/ticket"):
            return r.returncode != 0 and get("out") in (b"", data)
        r = donjon("attach", "k")
        if b"keep.none" in r.stderr:
            return get("out") == b""
        if r.returncode == 0:
            came_back.append((call, n))
            return get("out") == data and get("o") == b"%d\n" % len(data)
    print("#", r.returncode, r.stderr.decode(errors="replace"))
    return False


if shutil.which("strace") is None or subprocess.run(["strace", "-o", "/dev/null", "true"]).returncode != 0:
    t.skip("a client killed in the middle", "strace cannot trace here")
else:
    places = [("pread64", 1), ("fdatasync", 3), ("fdatasync", 7)] + \
             [("poll", n) for n in ((5, 20, 40, 80, 160) if not os.environ.get("DONJON_LONG") else range(3, 300, 3))]
    bad = [(c, n) for c, n in places if not lives(n, c)]
    t.ok(bad == [] and len(came_back) >= 2, "killed at %d places, %d times it came back, and both files are exact"
         % (len(places), len(came_back)), bad)
agent.close()
shutil.rmtree(work)
t.done()
