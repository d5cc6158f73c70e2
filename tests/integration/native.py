#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""donjon build and --engine aot from outside: the cache, what is refused and
by which name. The compiler is a script here that does as it is told, so that
what is tested is what stands around it."""
import hashlib
import json
import os
import re
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import donjonlib as lib  # noqa: E402

t = lib.Tap()
tmp = tempfile.TemporaryDirectory(prefix="donjon-native-")
fake = os.path.join(tmp.name, "libexec")
cache = os.path.join(tmp.name, "cache")
module = os.path.join(tmp.name, "nop.wasm")
os.mkdir(fake)
# (func (export "_start"))
WASM = b"\0asm\1\0\0\0\1\4\1\x60\0\0\3\2\1\0\7\n\1\6_start\0\0\n\4\1\2\0\x0b"
with open(module, "wb") as f:
    f.write(WASM)
with open(os.path.join(fake, "donjon-aot"), "w") as f:
    f.write("""#!/bin/sh
[ "$1" = --id ] && { echo "${FAKE_ID:-fake 1}"; exit 0; }
echo "$*" >>"$FAKE_LOG"
[ -n "${FAKE_FAIL:-}" ] && { echo "$FAKE_FAIL" >&2; exit 1; }
echo "1 2" >&3
cat >&4
echo "2 2" >&3
""")
os.chmod(os.path.join(fake, "donjon-aot"), 0o755)
log = os.path.join(tmp.name, "log")


def donjon(*args, **env):
    e = dict(os.environ, XDG_CACHE_HOME=cache, FAKE_LOG=log)
    for k in ("DONJON_ENGINE", "DONJON_NATIVE_CACHE", "DONJON_LIBEXEC"):
        e.pop(k, None)
    e.update(env)
    return subprocess.run([lib.program("donjon")] + list(args), capture_output=True, env=e, text=True)


def build(*args, **env):
    return donjon("build", *args, module, DONJON_LIBEXEC=fake, **env)


def compiled():
    if not os.path.exists(log):
        return []
    with open(log) as f:
        return f.read().splitlines()


def entries():
    d = os.path.join(cache, "donjon", "native")
    return [os.path.join(d, n) for n in sorted(os.listdir(d))] if os.path.isdir(d) else []


def knc(isa=1, bounds=1, level=2, image=b"image", wasm=WASM, name=b"fake"):
    def part(b):
        return struct.pack(">Q", len(b)) + hashlib.sha256(b).digest()
    return (b"KNC1" + bytes([isa, bounds, level, 0]) + struct.pack(">I", len(name)) + name +
            part(wasm) + part(image) + wasm + image)


# ------------------------------------------------------------------ build
r = donjon("--json", "build", module, DONJON_LIBEXEC=fake)
t.ok(r.returncode == 0, "build compiles a module", r.stderr)
out = json.loads(r.stdout) if r.returncode == 0 else {}
t.eq(lib.check_schema(lib.load_schema("donjon.build/1"), out), "",
     "and says so as donjon.build/1")
t.eq((out.get("cached"), out.get("isa"), out.get("bounds"), out.get("wasm_bytes")),
     (False, "x86_64", "guard", len(WASM)), "for a process Keep, unless told otherwise")
t.eq(compiled(), ["--isa x86_64 --bounds guard --cpu-level 2 --optimise 2 --threads 0 --progress-fd 3 -o /dev/fd/4 -"],
     "the compiler is told all of it")
began = time.monotonic()
r = donjon("--json", "build", module, DONJON_LIBEXEC=fake)
took = time.monotonic() - began
t.ok(json.loads(r.stdout)["cached"] and len(compiled()) == 1, "the second time it comes from the cache", r.stdout)
print("# second time: %d ms" % (took * 1000))
for what, args in (("other bounds", ["--bounds", "checks"]), ("another CPU level", ["--cpu-level", "3"]),
                   ("another TEE", ["--tee", "sanctum"]), ("another optimisation", ["-O", "1"])):
    n = len(compiled())
    r = build(*args)
    t.ok(r.returncode == 0 and len(compiled()) == n + 1, what + ": compiled anew", r.stderr)
n = len(compiled())
build(FAKE_ID="fake 2")
t.eq(len(compiled()), n + 1, "another compiler: compiled anew")
build("--no-cache")
t.eq(len(compiled()), n + 2, "--no-cache: compiled anew")
t.eq(len(entries()), 6, "the cache has one file a target and compiler")

saved = os.path.join(tmp.name, "nop.knc")
r = build("-o", saved)
with open(saved, "rb") as f:
    t.ok(f.read() == knc(image=WASM, name=b"fake 1"), "-o saves KNC1: target, compiler, both parts with their digests")

for path in entries():
    with open(path, "rb") as f:
        good = f.read()
    at = len(good) * 2 // 3
    with open(path, "r+b") as f:
        f.seek(at)
        f.write(bytes([good[at] ^ 1]))
n = len(compiled())
r = build()
t.ok(r.returncode == 0 and len(compiled()) == n + 1, "a damaged file of the cache is made anew", r.stderr)
build()
t.eq(len(compiled()), n + 1, "and is good then")
with open(entries()[0], "wb") as f:
    f.write(b"KNC1")
n = len(compiled())
for args in ([], ["--bounds", "checks"], ["--cpu-level", "3"], ["--tee", "sanctum"], ["-O", "1"]):
    r = build(*args)
    t.ok(r.returncode == 0, "a short file of the cache does no harm: " + " ".join(args), r.stderr)

size = max(os.path.getsize(p) for p in entries())
time.sleep(0.02)
build(DONJON_NATIVE_CACHE=str(2 * size + 10), FAKE_ID="fake 3")
t.eq(len(entries()), 2, "DONJON_NATIVE_CACHE bounds the folder: what was used longest ago goes")
n = len(compiled())
build(FAKE_ID="fake 3")
t.eq(len(compiled()), n, "and what was just made stays")
build("--cache-clear", "--no-cache")
t.eq(entries(), [], "--cache-clear forgets all")
build(DONJON_NATIVE_CACHE="0")
t.eq(entries(), [], "DONJON_NATIVE_CACHE=0 keeps nothing")


def refused(r, name, status, what):
    return t.ok(r.returncode == status and "error[%s]" % name in r.stderr, what,
                "%d: %s" % (r.returncode, r.stderr))


refused(build("--no-cache", FAKE_FAIL="f 7: no such instruction"), "native.failed", 70, "a compiler that fails is heard")
t.ok("f 7: no such instruction" in build("--no-cache", FAKE_FAIL="f 7: no such instruction").stderr, "with its reason")
empty = os.path.join(tmp.name, "empty")
os.mkdir(empty)
refused(donjon("build", module, DONJON_LIBEXEC=empty, PATH="/nowhere"), "native.compiler", 69,
        "without the compiler the error says what to install")
with open(os.path.join(tmp.name, "bad.wasm"), "wb") as f:
    f.write(b"\0asm\1\0\0\0\xff")
refused(donjon("build", f.name, DONJON_LIBEXEC=fake), "module.invalid", 65, "what does not validate is not compiled")
refused(build("--tee", "tpm"), "tee.unknown", 64, "an unknown TEE is refused")
refused(build("--bounds", "none"), "usage.value", 64, "so are unknown bounds")

# ------------------------------------------------------------------ run
# What the fake makes is refused in the Keep: what it was told is what counts.
with open("/proc/cpuinfo") as f:
    flags = re.search(r"^flags\s*:(.*)$", f.read(), re.M).group(1).split()
level = 3 if {"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe"} <= set(flags) else 2
n = len(compiled())
for name in ("donjond", "donjon-launch", "donjon-emu"):
    os.symlink(lib.program(name), os.path.join(fake, name))
refused(donjon("run", "--tee", "process", "--engine", "aot", module, DONJON_LIBEXEC=fake,
               DONJON_IMAGES=lib.program("keep")), "module.refused", 126,
        "an image that is none is refused by the Keep")
t.ok(len(compiled()) == n + 1 and " --cpu-level %d " % level in compiled()[-1],
     "the compiler is told the CPU level that the Keep offers", compiled()[n:])
refused(donjon("run", "--engine", "jit", module), "usage.value", 64, "an unknown engine is refused")
refused(donjon("run", module, DONJON_ENGINE="jit"), "config.value", 78, "from the environment too")


def run_file(data, what, name, status=126):
    path = os.path.join(tmp.name, "x.knc")
    with open(path, "wb") as f:
        f.write(data)
    return refused(donjon("run", "--tee", "process", path), name, status, what)


k = knc()
for at in list(range(0, 16)) + list(range(16, len(k), 7)):
    if at in (4, 5, 6):
        continue  # another target: below
    d = bytearray(k)
    d[at] ^= 0x80
    if not run_file(bytes(d), "a KNC1 file changed at byte %d is refused" % at,
                    "module.invalid" if at < 4 else "native.invalid"):
        break
run_file(k[:-1], "a KNC1 file cut short is refused", "native.invalid")
for what, data in (("another instruction set", knc(isa=2)), ("a later processor", knc(level=9))):
    run_file(data, "native code for %s is refused before it is sent" % what, "native.unfit")
t.done()
