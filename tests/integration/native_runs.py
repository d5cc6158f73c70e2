#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Native code by the real compiler, in Keeps of DONJON_TEE: programs do the same as
interpreted, down to the trap, its backtrace and the fuel (but LACKING); what was tampered
with is refused by name."""
import hashlib
import json
import os
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import donjonlib as lib  # noqa: E402
from wasmbytes import leb, section  # noqa: E402

if not os.path.exists(lib.program("donjon-aot")):
    lib.skip_all("no donjon-aot: no LLVM 19 here when this was built")
t = lib.Tap()
tmp = tempfile.TemporaryDirectory(prefix="donjon-native-")
env = dict(os.environ, XDG_CACHE_HOME=os.path.join(tmp.name, "cache"))
env.pop("DONJON_ENGINE", None)


def donjon(*args):
    return subprocess.run([lib.program("donjon")] + list(args), capture_output=True, env=env, stdin=subprocess.DEVNULL)


def run(engine, *args):
    e = os.path.join(tmp.name, "exit.json")
    if os.path.exists(e):
        os.unlink(e)
    r = donjon("-q", "run", "--tee", lib.TEE, "--engine", engine, "--exit-file", e, *args)
    out = {}
    if os.path.exists(e):
        with open(e) as f:
            out = json.load(f)
    return r, out


def module(body, extra=b""):
    """_start calls f, whose body this is; one page of memory; names."""
    code = b"\0" + body + b"\x0b"
    names = b"\4name" + b"\1" + leb(11) + b"\2\0\5inner\1\1s"
    return (b"\0asm\1\0\0\0" + section(1, b"\1\x60\0\0") + section(3, b"\2\0\0") + section(5, b"\1\0\1") +
            section(7, b"\1\6_start\0\1") + section(10, b"\2" + leb(len(code)) + code + b"\4\0\x10\0\x0b") +
            section(0, names))


def save(name, data):
    path = os.path.join(tmp.name, name)
    with open(path, "wb") as f:
        f.write(data)
    return path


LOOP = b"\x03\x40\x0c\0\x0b"
# memory.grow by 127 MiB, then memory.fill of 127 MiB again and again.
FILLS = b"\x41\xf0\x0f\x40\0\x1a\x03\x40\x41\0\x41\1\x41\x80\x80\xc0\x3f\xfc\x0b\0\x0c\0\x0b"
programs = [
    ("unreachable", module(b"\0"), []),
    ("a load out of bounds", module(b"\x41\x80\x80\x04\x28\2\0\x1a"), []),
    ("a store out of bounds", module(b"\x41\x7f\x41\0\x36\2\0"), []),
    ("a division by zero", module(b"\x41\1\x41\0\x6d\x1a"), []),
    ("recursion without end", module(b"\x10\0"), []),
    ("a loop without end under a fuel limit", module(LOOP), ["--fuel", "100000"]),
    ("a loop without end under a time limit", module(LOOP), ["--time", "500ms"]),
    ("a loop of long instructions under a time limit", module(FILLS), ["--time", "500ms"]),
]


def places(frames):
    return [(f["func"], f["name"]) for f in frames]


for what, wasm, args in programs:
    path = save("p.wasm", wasm)
    (a, x), (b, y) = run("interp", *args, path), run("aot", *args, path)
    t.eq((b.returncode, b.stdout), (a.returncode, a.stdout), "%s: the same exit status, %d" % (what, a.returncode))
    if "time limit" in what:
        # The Keep's clock and the client's both run: either may be first.
        ends = [(e.get("exit", {}).get("how"), e.get("exit", {}).get("error")) for e in (x, y)]
        t.ok(all(e in (("limit", "limit.time"), ("stopped", "limit.time")) for e in ends), what + ": ended by it", ends)
    else:
        t.eq(y.get("exit"), x.get("exit"), what + ": the same end")
    if "time limit" in what:
        t.ok(x.get("counters"), what + ": it is the Keep that ends it", x)
        continue
    fuel = [(o.get("counters") or {}).get("fuel") for o in (x, y)]
    x, y = x.get("backtrace"), y.get("backtrace")
    if "recursion" in what:
        # Native code ends where its stack does, the interpreter at its count of
        # calls (docs/protocol.md, item 5): the numbers differ, the rest does not.
        t.ok(None not in fuel and min(fuel) > 1000, what + ": both count what they did", fuel)
        t.ok(len(y) > 10 and all(f == x[0] for f in x + y), what + ": the backtrace is the function, over and over",
             "%s\n%s" % (x[:3], y[:3]))
    else:
        t.ok(fuel[0] is not None and fuel[0] == fuel[1], what + ": the same fuel", fuel)
        if "loop" in what:
            # A limit is met between instructions: each engine names one of the loop's.
            t.ok(places(x) == places(y) and x[1:] == y[1:] and all(41 <= f[0]["offset"] <= 45 for f in (x, y)),
                 what + ": the same backtrace, but for which of the loop's instructions is named", "%s\n%s" % (x, y))
        else:
            t.eq(y, x, what + ": the same backtrace")
for name in ("hello", "kernel_matmul", "kernel_sieve", "kernel_hash"):
    path = lib.program("bench/%s.wasm" % name)
    if not os.path.exists(path):
        subprocess.run(["make", "-s", "-C", lib.ROOT, "build/bench/%s.wasm" % name], check=False, capture_output=True)
    (a, x), (b, y) = run("interp", path), run("aot", path)
    t.eq((b.returncode, b.stdout), (a.returncode, a.stdout), name + " gives the same")

# ------------------------------------------------------------------ tampering
path = save("p.wasm", module(b"\x01"))
knc = os.path.join(tmp.name, "p.knc")
r = donjon("build", "--tee", lib.TEE, "-o", knc, path)
t.ok(r.returncode == 0, "native code is built to a file", r.stderr)
t.eq(donjon("run", "--tee", lib.TEE, knc).returncode, 0, "and run as it is")
with open(knc, "rb") as f:
    good = f.read()
id_len = struct.unpack(">I", good[8:12])[0]
at = 12 + id_len
wasm_len = struct.unpack(">Q", good[at:at + 8])[0]
image = good[at + 80 + wasm_len:]


def pack(image, wasm=None, target=None):
    wasm = good[at + 80:at + 80 + wasm_len] if wasm is None else wasm
    return (good[:4] + (good[4:8] if target is None else target) + good[8:at] +
            struct.pack(">Q", len(wasm)) + hashlib.sha256(wasm).digest() +
            struct.pack(">Q", len(image)) + hashlib.sha256(image).digest() + wasm + image)


HEAD = 64  # bytes of an image's header


def judged(what, data, names=(b"module.refused", b"module.invalid", b"native.unfit", b"native.invalid")):
    r = donjon("run", "--tee", lib.TEE, save("t.knc", data))
    return r.returncode == 126 and any(n in r.stderr for n in names) or "%s: %d %r" % (what, r.returncode, r.stderr)


# What judges is the same core everywhere: other TEEs look at every fifth.
every = 1 if lib.TEE == "process" or os.environ.get("DONJON_LONG") == "1" else 5
t.ok(pack(image) == good, "the test packs as the client does")
bad = [x for x in (judged("byte %d" % i, good[:i] + bytes([good[i] ^ 1]) + good[i + 1:])
                   for i in (list(range(0, 8)) + [8, 10] + list(range(at, at + 80, 7)) + list(range(at + 80 + wasm_len, len(good), 97 * 5)))[::every]) if x is not True]
t.eq(bad, [], "a changed byte anywhere but in the compiler's name is refused")
bad = [x for x in (judged("header byte %d" % i, pack(image[:i] + bytes([image[i] ^ 0x40]) + image[i + 1:]))
                   for i in range(0, HEAD, every)) if x is not True]
t.eq(bad, [], "each byte of the image's header, with digests that hold, is refused by the Keep by name")
t.ok(judged("target", pack(image, target=bytes([2, 1, 2, 0]))) is True, "another target is refused")
r = donjon("run", "--tee", lib.TEE, save("t.knc", pack(image, wasm=module(b"\x01") + b"\0\3\1xy")))
t.ok(r.returncode == 126 and b"native code of another module" in r.stderr,
     "code with another module, be it the same but for a custom section, is refused by name", r.stderr)
r = donjon("run", "--tee", lib.TEE, save("t.knc", pack(image[:5] + b"\1" + image[6:])))
t.ok(r.returncode == 126 and b"another version of the format" in r.stderr, "so is an image of an older format", r.stderr)
bad = [x for x in (judged("cut %d" % n, pack(image[:n])) for n in (0, 1, 63, 64, 72, len(image) - 1)) if x is not True]
t.eq(bad, [], "an image cut short is refused")


def many(n):
    """n functions, each its number; _start adds them up through a table and traps if that is not the sum."""

    codes = [b"\0\x41" + leb(i, True) + b"\x0b" for i in range(n)]
    codes.append(b"\1\2\x7f\3\x40\x20\1\x20\0\x11\1\0\x6a\x21\1\x20\0\x41\1\x6a\x22\0\x41" + leb(n, True) +
                 b"\x49\x0d\0\x0b\x20\1\x41" + leb(n * (n - 1) // 2, True) + b"\x47\4\x40\0\x0b\x0b")
    return (b"\0asm\1\0\0\0" + section(1, b"\2\x60\0\0\x60\0\1\x7f") + section(3, leb(n + 1) + b"\1" * n + b"\0") +
            section(4, b"\1\x70\0" + leb(n)) + section(7, b"\1\6_start\0" + leb(n)) +
            section(9, b"\1\0\x41\0\x0b" + leb(n) + b"".join(leb(i) for i in range(n))) +
            section(10, leb(n + 1) + b"".join(leb(len(c)) + c for c in codes)))


# Tables whose digests hold. An entry that is not the compiler's own lacks its mark in the code, so it is refused, wherever it
# leads; sites say where a trap was and no more.
whole = (good, at, wasm_len, image)


def tables(image):
    funcs, types, sites = struct.unpack(">III", image[20:32])
    types_at = HEAD + 4 * funcs
    return range(HEAD, types_at), range(types_at, types_at + 8 * types), range(types_at + 8 * types, types_at + 8 * types + sites)


def ends(image):
    """How a run of this image ends, in a word or two."""
    r = donjon("run", "--tee", lib.TEE, "--time", "20s", save("t.knc", pack(image)))
    if r.returncode == 126 and b"module.refused" in r.stderr:
        return "refused by name"
    return {0: "ran as before", 134: "trap"}.get(r.returncode, "%d %r" % (r.returncode, r.stderr))


def each(images, *fine):
    """Counts of their ends, in words; and those that are not fine."""
    count, bad = {}, []
    for what, image in images:
        e = ends(image)
        count[e] = count.get(e, 0) + 1
        if e not in fine:
            bad.append("%s: %s" % (what, e))
    return ", ".join("%s %d" % (k, v) for k, v in sorted(count.items())), bad


def changed(image, where):
    return [("byte %d" % i, image[:i] + bytes([image[i] ^ 0x40]) + image[i + 1:]) for i in where]


f_at, t_at, s_at = tables(image)
entries = [struct.unpack(">I", image[i:i + 4])[0] for i in list(f_at)[::4] + list(t_at)[::4]]
code_len, rodata_len = struct.unpack(">II", image[12:20])
wrong = []
for i in list(f_at)[::4] + list(t_at)[::4]:
    own = struct.unpack(">I", image[i:i + 4])[0]
    values = set(entries) | {0, own - 1, own + 1, own + 4, own + 16, own - 8, code_len - 4, code_len, code_len + rodata_len, 0xffffffff}
    wrong += [("entry at %d: %d" % (i, v), image[:i] + struct.pack(">I", v) + image[i + 4:]) for v in sorted(values - {own}) if v >= 0]
words, bad = each(wrong[::every], "refused by name")
t.eq(bad, [], "each entry of a small image at %d wrong values, with digests that hold: %s" % (len(wrong[::every]), words))

knc = os.path.join(tmp.name, "many.knc")
r = donjon("build", "--tee", lib.TEE, "-o", knc, save("p.wasm", many(300)))
t.ok(r.returncode == 0 and donjon("run", "--tee", lib.TEE, knc).returncode == 0, "300 functions are run through a table", r.stderr)
with open(knc, "rb") as f:
    good = f.read()
wasm_len = struct.unpack(">Q", good[at:at + 8])[0]
image = good[at + 80 + wasm_len:]
for what, where, fine in zip(("entries of functions", "entries of types", "sites"), tables(image),
                             (["refused by name"], ["refused by name"], ["refused by name", "ran as before"])):
    words, bad = each(changed(image, list(where)[::97 * every] if len(where) > 97 else where), *fine)
    t.eq(bad, [], "%s, a changed byte with digests that hold: %s" % (what, words))
t.eq(donjon("run", "--tee", lib.TEE, knc).returncode, 0, "and what nobody changed runs")
good, at, wasm_len, image = whole

# ------------------------------------------------------------------ faults
f_at, _, s_at = tables(image)
body = (s_at.stop + 15) // 16 * 16


def begins_with(code):
    """Runs the module with this machine code in front of each function's."""
    b = bytearray(image)
    for i in f_at[::4]:
        at = body + struct.unpack(">I", image[i:i + 4])[0]
        b[at:at + len(code)] = code
    return run("aot", save("t.knc", pack(bytes(b))))


# mov rax, [rsp + disp]: below what the stack has now, as of a large frame.
r, x = begins_with(b"\x48\x8b\x84\x24" + struct.pack("<i", -0x120000))
t.eq((r.returncode, (x.get("exit") or {}).get("message")), (134, "running the program: call stack exhausted"),
     "a fault of native code below its stack is the program's trap")
# mov rax, [rsp + disp]: above the stack's end, where nothing is.
r, x = begins_with(b"\x48\x8b\x84\x24" + struct.pack("<i", 0x100000))
t.ok(r.returncode not in (0, 134), "any other fault ends the Keep", "%d %s %s" % (r.returncode, x, r.stderr))
r, x = begins_with(b"\x0f\x0b")
t.ok(r.returncode not in (0, 134), "so does an instruction that there is not", "%d %s %s" % (r.returncode, x, r.stderr))
t.done()
