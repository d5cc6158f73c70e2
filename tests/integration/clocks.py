#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The four time policies: what a program sees, that the launch block says
which, and that the client's time is the client's and not the host's."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from donjonlib import Agent, Tap, program  # noqa: E402

SOURCE = r"""
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
static long long ns(clockid_t id)
{
	struct timespec t;
	clock_gettime(id, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}
int main(void)
{
	long long r = ns(CLOCK_REALTIME), m = ns(CLOCK_MONOTONIC);
	struct stat st;
	FILE *f;

	usleep(300000);
	f = fopen("/tmp/f", "w");
	fclose(f);
	stat("/tmp/f", &st);
	printf("%lld %lld %lld %lld\n", r, ns(CLOCK_REALTIME) - r, ns(CLOCK_MONOTONIC) - m,
		st.st_mtim.tv_sec * 1000000000ll + st.st_mtim.tv_nsec - r);
	return 0;
}
"""
t = Tap()
work = tempfile.mkdtemp(prefix="donjon-clocks-")
ENV = dict(os.environ, XDG_STATE_HOME=work + "/state", XDG_CONFIG_HOME=work + "/config")


def donjon(*args, before=()):
    return subprocess.run([*before, program("donjon"), *args], env=ENV, cwd=work, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)


with open(work + "/clocks.c", "w") as f:
    f.write(SOURCE)
if shutil.which("clang-19") is None or subprocess.run(
        ["clang-19", "--target=wasm32-wasi", "-O2", "-s", "-o", work + "/clocks.wasm", work + "/clocks.c"],
        stderr=subprocess.DEVNULL).returncode != 0:
    t.skip("the clocks of a program in C", "no clang-19 with a C library for wasm32-wasi")
    t.done()
agent = Agent()
H = ["-H", "unix:" + agent.sock, "-p", agent.policy()]


def seen(policy, *before):
    r = donjon(*H, "run", "--clock", policy, "clocks.wasm", before=before)
    if r.returncode != 0:
        print("#", r.stderr.decode(errors="replace"))
        return [-1] * 4
    return [int(w) for w in r.stdout.split()]


def sleeps(v):
    return all(2.9e8 < x < 30e9 for x in v)


now = time.time() * 1e9
real, later, mono, file = seen("host")
t.ok(abs(real - now) < 60e9 and sleeps([later, mono, file]), "host: the host's time goes on", (real, later, mono, file))
real, later, mono, file = seen("fixed:2026-01-31T12:00:00Z")
t.ok(1769860800e9 == real and later == 300000000 == mono and file == later,
     "fixed: the instant that was asked for, and a sleep that takes no time", (real, later, mono, file))
first, again = seen("counting"), seen("counting")
t.ok(first == again and 0 < first[0] < 1e9 and sleeps(first[1:]), "counting: the same in each run", (first, again))
real, later, mono, file = seen("client")
t.ok(abs(real - now) < 60e9 and sleeps([later, mono, file]), "client: this client's time goes on", (real, later, mono, file))
if shutil.which("faketime") is None:
    t.skip("client: not the host's", "no faketime")
else:
    ahead = seen("client", "faketime", "-f", "+2h")
    other = seen("host", "faketime", "-f", "+2h")
    t.ok(abs(ahead[0] - now - 7200e9) < 120e9 and sleeps(ahead[1:]),
         "client: with a client that is two hours ahead, so is the program", ahead)
    t.ok(abs(other[0] - now) < 120e9, "host: with the same client it is not", other)
r = donjon("run", "--clock", "fixed:soon", "clocks.wasm")
t.ok(r.returncode == 64 and b"usage.value" in r.stderr, "what is no policy is refused by name", r.stderr)
with open(work + "/Donjon.toml", "w") as f:
    f.write('[keep]\nclock = "fixed:77"\n')
r = donjon("run", "clocks.wasm")
t.ok(r.returncode == 0 and r.stdout.startswith(b"77000000000 "), "Donjon.toml has it as keep.clock", r.stderr)
os.remove(work + "/Donjon.toml")

hashes = {}
for policy in ("host", "fixed:1", "fixed:2", "counting", "client"):
    r = donjon(*H, "run", "--clock", policy, "--receipt", "r.json", "clocks.wasm")
    with open(work + "/r.json") as f:
        hashes[policy] = json.load(f)["config_sha256"]
t.eq(len(set(hashes.values())), 5, "each has its own config_hash, which evidence and receipts are over")
# A program that was left asks when its client is back.
r = donjon(*H, "start", "--name", "c", "--out", "o", "--clock", "client", "clocks.wasm")
time.sleep(1)
back = donjon("attach", "c")
with open(work + "/o") as f:
    line = f.read()
t.ok(r.returncode == 0 and back.returncode == 0 and len(line.split()) == 4, "client: one that was left waits for its client",
     (line, r.stderr, back.stderr))
agent.close()
shutil.rmtree(work)
t.done()
