#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Promise 30: what a host sees of a session is sizes and times, so inputs of
one size class must leave one trace. A host that writes down every frame
(donjond --trace-frames) compares sessions that differ in input, output,
arguments and exit code. What a program does (here: to which of its streams it
writes) may show in the order of records; that is the tenant's to know."""
import json
import os
import random
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from donjonlib import Agent, Tap, program  # noqa: E402

SOURCE = r"""
#include <stdlib.h>
#include <unistd.h>
/* Gives back its input changed and in another order. */
int main(int argc, char **argv)
{
	static char b[65536], out[65536];
	long n = 0, got;

	while ((got = read(0, b + n, sizeof(b) - n)) > 0)
		n += got;
	for (long i = 0; i < n; i++)
		out[i] = b[n - 1 - i] ^ (char)n;
	write(1, out, n);
	return atoi(argv[1]);
}
"""
t = Tap()
rng = random.Random(30)
count = 1000 if os.environ.get("DONJON_LONG") else 100
work = tempfile.TemporaryDirectory(prefix="donjon-traces-")
ENV = dict(os.environ, XDG_STATE_HOME=os.path.join(work.name, "state"),
           XDG_CONFIG_HOME=os.path.join(work.name, "config"))
with open(os.path.join(work.name, "a.c"), "w") as f:
    f.write(SOURCE)
MODULE = os.path.join(work.name, "a.wasm")
subprocess.run(["clang-19", "--target=wasm32-wasi", "-O2", "-o", MODULE, os.path.join(work.name, "a.c")], check=True)


def session(agent, policy, data, args, flags=()):
    """What the host saw: for each direction its frames' types and sizes."""
    seen = os.path.getsize(agent.trace) if os.path.exists(agent.trace) else 0
    r = subprocess.run([program("donjon"), "run", "--host", "unix:" + agent.sock, "--policy", policy, *flags, MODULE, *args],
                       env=ENV, input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    n = len(data)
    want = bytes(b ^ (n & 255) for b in reversed(data))
    if r.returncode != int(args[0]) or r.stdout != want:
        raise RuntimeError("%d %r" % (r.returncode, r.stderr))
    way = {}
    with open(agent.trace) as f:
        f.seek(seen)
        for line in f:
            x = json.loads(line)
            way.setdefault(x["direction"], []).append((x["type"], x["size"]))
    return tuple(sorted((k, tuple(v)) for k, v in way.items()))


def inputs(low, high, n):
    """Inputs of low to high bytes, both ends among them, of random, equal and text bytes."""
    for i in range(n):
        size = (low, high)[i] if i < 2 else rng.randint(low, high)
        fill = i % 3
        data = rng.randbytes(size) if fill == 0 else bytes([rng.randrange(256)]) * size if fill == 1 else \
            (b"the same old song " * (size // 18 + 1))[:size]
        yield data, (str(rng.randrange(100)),)


def traces(agent, policy, low, high, n, flags=()):
    found = {}
    for data, args in inputs(low, high, n):
        found.setdefault(session(agent, policy, data, args, flags), []).append((len(data), args))
    return found


def tell(found):
    return "\n".join("%s\n    %s" % (v[:4], k) for k, v in found.items())


with Agent() as agent:
    policy = agent.policy()
    # A record's plaintext has 16 bytes of its own; `--one-size` makes all of one class.
    for low, high, what in ((1, 240, "256 bytes"), (241, 1008, "1,024 bytes"), (1009, 4080, "4,096 bytes")):
        found = traces(agent, policy, low, high, count // 4)
        t.ok(len(found) == 1, "%d different inputs of the class of %s leave one trace" % (count // 4, what), tell(found))
    found = traces(agent, policy, 1, 16368, count // 4, ("--one-size",))
    t.ok(len(found) == 1, "%d inputs of 1 to 16,368 bytes leave one trace with --one-size" % (count // 4), tell(found))
    found = traces(agent, policy, 241, 1008, 1) | traces(agent, policy, 1, 240, 1)
    t.ok(len(found) == 2, "two classes are told apart, so a trace would show a difference")
    sizes = {size for way in session(agent, policy, b"x" * 5000, ("3",), ("--steady", "5"))
             for kind, size in way[1] if kind == "RECORD"}
    t.ok(len(sizes) == 1, "in steady traffic every record has one size", sizes)
t.done()
