#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""donjon from outside: what each mistake is called and how it exits, what
help, completion and man pages say of the one table, that JSON is of its
schema, that every hint can be typed, that no escape byte goes into a pipe."""
import glob
import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from donjonlib import ROOT, Agent, Tap, check_schema, echo_module, load_schema, program  # noqa: E402
from wasmbytes import leb, name, section, vec  # noqa: E402

t = Tap()
work = tempfile.mkdtemp(prefix="donjon-cli-")
ENV = {k: v for k, v in os.environ.items() if not k.startswith("DONJON_") or k in ("DONJON_LIBEXEC", "DONJON_IMAGES")}
ENV.update(HOME=work, XDG_STATE_HOME=work + "/state", XDG_CONFIG_HOME=work + "/config")
ENV.pop("NO_COLOR", None)


def donjon(*args, env=None, cwd=None, stdin=b"", stdout=subprocess.PIPE):
    return subprocess.run([program("donjon"), *args], env=dict(ENV, **(env or {})), cwd=cwd or work, input=stdin,
                          stdout=stdout, stderr=subprocess.PIPE, timeout=60)


# ------------------------------------------------------------- some modules
def module(body, imports=()):
    return (b"\0asm\1\0\0\0" + section(1, vec([b"\x60\0\0"]))
            + (section(2, vec([name("env") + name(i) + b"\0\0" for i in imports])) if imports else b"")
            + section(3, vec([b"\0"])) + section(5, vec([b"\0\1"]))
            + section(7, vec([name("memory") + b"\2\0", name("_start") + b"\0" + leb(len(imports))]))
            + section(10, vec([leb(len(body)) + body]))
            + section(0, name("name") + section(1, vec([leb(len(imports)) + name("mai\x1b[31mn")]))))


def put(file, data):
    path = os.path.join(work, file)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())
    return path


echo = put("echo.wasm", echo_module())
trap = put("trap.wasm", module(b"\0\0\x0b"))
spin = put("spin.wasm", module(b"\0\3\x40\x0c\0\x0b\x0b"))
invalid = put("invalid.wasm", module(b"\0\x6a\x1a\x0b"))
imports = put("imports.wasm", module(b"\0\x0b", ["no_such_thing"]))
nothing = put("nothing.wasm", module(b"\0\x0b"))
put("notwasm.wasm", "hello")

# ------------------------------------------------------------------ schemas
def is_of_schema(text, want):
    line = [x for x in text.decode().splitlines() if x.startswith("{")]
    if len(line) != 1:
        return "%d objects" % len(line)
    if not line[0].startswith('{"schema":"donjon.'):
        return "schema does not come first"
    value = json.loads(line[0])
    if value["schema"] != want:
        return "it is " + value["schema"]
    return check_schema(load_schema(want), value)


# ------------------------------------------------------------------- errors
provoked = set()


def refused(code, error, what, *args, env=None, cwd=None, stdin=b"", part=b"", stdout=subprocess.PIPE):
    r = donjon(*args, env=env, cwd=cwd, stdin=stdin, stdout=stdout)
    line = [x for x in r.stderr.splitlines() if x.startswith(b"error[")]
    good = r.returncode == code and len(line) == 1 and line[0].startswith(b"error[%s]: " % error.encode()) and part in r.stderr
    t.ok(good, "%s: %s, exit %d" % (what, error, code), "exit %d\n%s" % (r.returncode, r.stderr.decode(errors="replace")))
    provoked.add(error)
    return r


refused(64, "usage.verb", "a verb that is none has a neighbour", "rum", part=b"did you mean run?")
refused(64, "usage.option", "so has an option", "--jsn", "version", part=b"did you mean --json?")
refused(64, "usage.option", "an option of another verb is unknown", "version", "--tee", "any", part=b"version:")
refused(64, "usage.option", "an abbreviation is no option", "run", "--memo", "1MiB", echo, part=b"--memory")
refused(64, "usage.option", "nor is an unknown letter", "-Z", "version")
refused(64, "usage.value", "an option wants its value", "run", "--tee")
refused(64, "usage.value", "a switch takes none", "--json=1", "version")
refused(64, "usage.operand", "a missing argument", "show")
refused(64, "usage.operand", "an argument too many", "version", "now")
refused(64, "usage.operand", "a word that is none of a verb's", "completion", "bush", part=b"did you mean bash?")
refused(64, "usage.operand", "no module at all", "run")
refused(64, "usage.topic", "help on nothing", "help", "program.trp", part=b"program.trap")
refused(64, "usage.value", "a size that is none", "run", "--memory", "1MB", echo)
refused(64, "usage.value", "a time that is none", "run", "--time", "soon", echo)
refused(78, "config.value", "the same of a variable", "run", echo, env={"DONJON_TIME": "soon"}, part=b"DONJON_TIME: ")
refused(64, "usage.value", "a number that is none", "run", "--fuel", "0", echo)
refused(127, "module.missing", "a module that is not there", "run", "nowhere.wasm")
refused(66, "module.missing", "the same for another verb", "show", "nowhere.wasm")
refused(126, "module.read", "a folder for a module", "run", work)
refused(126, "module.invalid", "a module that is none", "run", "notwasm.wasm")
refused(126, "module.invalid", "a module that does not validate", "run", invalid, part=b"at byte ")
refused(65, "module.invalid", "the same by show", "show", invalid, part=b"at byte ")
refused(126, "module.refused", "an import that no Keep has", "run", imports, part=b"no_such_thing")
refused(64, "tee.unknown", "a TEE that is none", "run", "--tee", "proces", echo, part=b"did you mean process?")
for tee, device in (("snp", "/dev/sev"), ("sgx", "/dev/sgx_enclave")):
    if not os.path.exists(device):
        refused(125, "host.tee", "no weaker TEE in the place of %s" % tee, "run", "--tee", tee, echo)
for tee in ("tdx", "tdx-emu", "pef"):
    refused(125, "tee.unsupported", "no weaker TEE in the place of %s" % tee, "run", "--tee", tee, echo)
refused(78, "policy.read", "a policy that is not there", "-p", "none.toml", "run", echo)
put("bad.toml", 'schema = 1\nname = "bad"\n[keep]\nmesurement = []\n')
refused(78, "policy.invalid", "a policy with an unknown key", "-p", "bad.toml", "run", echo, part=b"bad.toml:4:")
refused(78, "policy.missing", "a stranger's host without a policy", "-H", "unix:/nonexistent", "run", echo)
put("some.toml", 'schema = 1\nname = "some"\n[keep]\nmeasurement = [ { tee = "process", sha256 = "%s" } ]\n' % ("00" * 32))
refused(64, "usage.value", "a URL that is none", "-H", "http://x", "-p", "some.toml", "run", echo, part=b"https://")
refused(125, "host.absent", "a host agent that is not there", "-H", "unix:%s/none" % work, "-p", "some.toml", "run", echo)
refused(69, "host.absent", "the same for another verb", "-H", "unix:%s/none" % work, "-p", "some.toml", "evidence")
put("k/Donjon.toml", "[keep]\nmemry = 1\n")
refused(78, "config.key", "an unknown key", "config", cwd=work + "/k", part=b"did you mean \"memory\"?")
put("s/Donjon.toml", "x = = 1\n")
refused(78, "config.syntax", "a file that is not TOML", "config", cwd=work + "/s", part=b"./Donjon.toml:1:")
put("v/Donjon.toml", "[keep]\nmemory = true\n")
refused(78, "config.value", "a value of the wrong type", "config", cwd=work + "/v", part=b"./Donjon.toml:2:")
put("e/Enarx.toml", 'steward = "https://x"\n')
refused(78, "config.steward", "a steward", "config", cwd=work + "/e")
refused(78, "config.read", "a configuration that is not there", "--json", "config", "--config", "none.toml")
os.mkdir(os.path.join(work, "nowhere"))
os.symlink("gone.toml", os.path.join(work, "nowhere", "Donjon.toml"))
refused(78, "config.read", "a configuration that is a link to nothing", "--json", "config", cwd=os.path.join(work, "nowhere"))
refused(64, "usage.value", "a folder without a place in the keep", "run", "--dir", "/etc", echo, part=b":ro")
refused(66, "dir.read", "a folder that is not there", "run", "--dir", "/nonexistent::/x:ro", echo)
os.mkdir(work + "/fifo")
os.mkfifo(work + "/fifo/p")
refused(65, "dir.entry", "a pipe in a folder", "run", "--dir", work + "/fifo::/x:ro", echo)
refused(66, "input.file", "variables that are not there", "run", "--env-file", "none", echo)
refused(66, "input.file", "a receipt that is not there", "receipt", "none.json", part=b"none.json: No such file")
refused(66, "input.file", "evidence that is not there", "-p", "none.toml", "ear", "--sign", "none.pem", "none.ev",
        part=b"none.ev: No such file")
put("notakey.pem", "x")
refused(65, "owner.key", "an owner key that is none", "run", "--owner", "notakey.pem", echo)
refused(134, "program.trap", "a trap, with its function's name clean", "run", trap, part=b"mai?[31mn")
refused(124, "limit.time", "the time limit", "run", "--time", "300ms", spin)
refused(124, "limit.fuel", "the fuel limit", "run", "--fuel", "100000", spin)
refused(73, "state.write", "a state folder that cannot be", "run", echo, env={"XDG_STATE_HOME": "/proc/nowhere"})
refused(125, "agent.start", "an agent that is not installed", "run", echo, env={"DONJON_LIBEXEC": work})
refused(73, "file.create", "init does not overwrite", "init", cwd=work + "/k")
small = os.path.join(work, "small")
os.mkdir(small)
if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", small], stderr=subprocess.DEVNULL).returncode == 0:
    with open(small + "/fill", "wb") as f:
        f.write(b"x" * 4096)
    donjon("key", "--make", "full.pem")
    refused(73, "file.create", "init on a full disk", "init", cwd=small)
    refused(74, "output.write", "a policy on a full disk", "policy", "init", small + "/p.toml")
    refused(73, "file.create", "a public key on a full disk", "key", "--public", small + "/pub", "full.pem")
    t.eq(os.listdir(small), ["fill"], "none of them leaves half a file")
    subprocess.run(["umount", small], check=True)
else:
    t.skip("nothing is left half written", "no mount")
put("taken.pem", "x")
refused(78, "policy.invalid", "a policy with a root that is none", "policy", "init", "--allow-development",
        "--root", "taken.pem", "none.toml")
t.ok(not os.path.exists(os.path.join(work, "none.toml")), "it is not left there")
refused(73, "file.create", "a public key where something is", "key", "--make", "--public", "taken.pem", "new.pem")
t.ok(not os.path.exists(work + "/new.pem"), "leaves no private key either: the command can be typed again")
with open("/dev/full", "w") as full:
    refused(74, "output.full", "a full disk below the program", "run", echo, stdin=b"x" * 10000, stdout=full)
    refused(74, "output.full", "a full disk below another verb", "help", stdout=full)

# a pipe whose reader goes
p = subprocess.Popen([program("donjon"), "run", echo], env=ENV, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
p.stdin.write(b"a")
p.stdin.flush()
p.stdout.read(1)
p.stdout.close()
p.stdin.write(b"b" * 1000)
p.stdin.close()
err = p.stderr.read()
t.ok(p.wait(20) == 74 and b"error[output.closed]" in err, "a reader that goes: output.closed, exit 74", err)
provoked.add("output.closed")

# ------------------------------------------------------------------ signals
for second, code, error in ((False, 143, b"program.stopped"), (True, 137, b"program.killed")):
    p = subprocess.Popen([program("donjon"), "-v", "run", spin], env=ENV, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    seen = b""
    while b"send " not in seen:
        line = p.stderr.readline()
        if not line:
            break
        seen += line
    if second:
        p.send_signal(signal.SIGSTOP)
        p.send_signal(signal.SIGINT)
        p.send_signal(signal.SIGTERM)
        p.send_signal(signal.SIGCONT)
    else:
        p.send_signal(signal.SIGINT)
    seen += p.stderr.read()
    t.ok(p.wait(20) == code and b"error[" + error in seen, "%s signal: %s, exit %d"
         % ("a second" if second else "a first", error.decode(), code), seen.decode(errors="replace"))
    provoked.add(error.decode())

# ------------------------------------------------- a client that is no more
def children(pid):
    out = []
    for stat in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(stat) as f:
                fields = f.read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            out.append(int(stat.split("/")[2]))
    return out + [y for x in out for y in children(x)]


def is_alive(pid):
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


p = subprocess.Popen([program("donjon"), "-v", "run", spin], env=ENV, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
seen = b""
while b"send " not in seen:
    seen += p.stderr.readline() or b"send "
family = children(p.pid)
p.kill()
p.wait()
end = time.time() + 5
while time.time() < end and any(is_alive(x) for x in family):
    time.sleep(0.05)
t.ok(len(family) >= 3 and not any(is_alive(x) for x in family), "a killed client leaves no agent, launcher or Keep behind", family)

# The first run makes the development root; here that takes its time.
slow = os.path.join(work, "slow")
os.mkdir(slow)
for x in ("donjond", "donjon-launch"):
    os.symlink(os.path.abspath(program(x)), os.path.join(slow, x))
put("slow/donjon-emu", '#!/bin/sh\nmkdir "$2.new-1"; sleep 1; rmdir "$2.new-1"; exec %s "$@"\n' % os.path.abspath(program("donjon-emu")))
os.chmod(slow + "/donjon-emu", 0o755)
p = subprocess.Popen([program("donjon"), "run", nothing], env=dict(ENV, DONJON_LIBEXEC=slow, XDG_STATE_HOME=work + "/state3"),
                     stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
time.sleep(0.5)
p.send_signal(signal.SIGINT)
p.wait(20)
t.ok(p.returncode == -signal.SIGINT and os.listdir(work + "/state3/donjon") == ["emulation"],
     "Ctrl-C in a first run leaves no keys half made", (p.returncode, os.listdir(work + "/state3/donjon")))

# --------------------------------------------------------------- what works
r = donjon("run", echo, stdin=b"hello\n")
t.ok(r.returncode == 0 and r.stdout == b"hello\n", "a program runs with one command", r.stderr)
banner = b"donjon: EMULATED process keep, no protection (development root)\n"
t.ok(r.stderr == banner, "and says that nothing protects it, and nothing else", r.stderr)
if not os.path.exists("/dev/sev"):
    r = donjon("run", "--tee", "snp,process", echo, stdin=b"hello\n")
    t.ok(r.returncode == 0 and r.stdout == b"hello\n" and r.stderr == banner, "of a list of TEEs the first that can be had", r.stderr)
r = donjon("-q", echo, stdin=b"x")
t.ok(r.returncode == 0 and r.stdout == b"x" and r.stderr == banner, "so does donjon -q MODULE.wasm", r.stderr)
with open(echo, "rb") as f:
    r = donjon("run", "-", stdin=f.read())
t.ok(r.returncode == 0 and r.stdout == b"", "a module comes from standard input, the program's is then empty", r.stderr)
r = donjon("-v", "run", echo)
phases = [x.split()[0] for x in r.stderr.decode().splitlines() if not x.startswith("donjon:")]
t.eq(phases, ["keep", "evidence", "session", "send", "run"], "-v says a line for each phase")
subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", work + "/owner.pem"], check=True)
r = donjon("run", "--owner", "owner.pem", "--again", "1", "--one-size", echo, stdin=b"mine")
t.ok(r.returncode == 0 and r.stdout == b"mine", "an owner's Keep takes the owner's claim", r.stderr)
data = os.urandom(3 << 20)
r = donjon("run", echo, stdin=data)
t.ok(r.stdout == data, "3 MiB go in and come back as they are", r.stderr)
r = donjon("run", "--steady", "5", echo, stdin=data[:200000])
t.ok(r.stdout == data[:200000], "so do 200 kB in steady traffic", r.stderr)
p = subprocess.Popen([program("donjon"), "-v", "run", "--again", "1", echo], env=ENV, stdin=subprocess.PIPE,
                     stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
time.sleep(2.5)
out = p.communicate()[1]
t.ok(p.returncode == 0 and b"attested again" in out, "a running Keep attests again with --again", out)
mods = sorted(os.listdir(work + "/state/donjon"))
t.eq(mods, ["emulation"], "the state folder holds the development root and nothing else")
jobs = []
for i in range(4):
    jobs.append(subprocess.Popen([program("donjon"), "-q", "run", nothing], env=dict(ENV, XDG_STATE_HOME=work + "/state2"),
                                 stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
t.eq([j.wait(60) for j in jobs], [0] * 4, "first runs at the same time make one root")
t.eq(os.listdir(work + "/state2/donjon"), ["emulation"], "and leave nothing half made")

# -------------------------------------------------------------- a host agent
agent = Agent()
put("agent.toml", 'schema = 1\nname = "agent"\n[development]\nallow = true\nroot = "%s"\n[keep]\nmeasurement = [ { tee = "process", sha256 = "%s" } ]\n'
    % (agent.emu + "/root.pem", json.loads(donjon("--json", "measure", "--tee", "process").stdout)["measurements"][0]["sha256"]))
r = donjon("-H", "unix:" + agent.sock, "-p", "agent.toml", "run", echo, stdin=b"there")
t.ok(r.returncode == 0 and r.stdout == b"there", "a program runs at another's host agent", r.stderr)
r = donjon("-H", "unix:/nonexistent", "-H", "unix:" + agent.sock, "-p", "agent.toml", "run", echo, stdin=b"next")
t.ok(r.returncode == 0 and r.stdout == b"next", "hosts are tried in order", r.stderr)
live = [k for k in agent.request("GET", "/v1/keeps")[1].get("keeps", []) if k.get("state") not in ("gone", "exited")]
t.eq(live, [], "no Keep is left there")
bad = Agent("--launcher", "/bin/false")
refused(125, "host.keep", "a host whose Keeps do not start: nothing was cut off", "-H", "unix:" + bad.sock, "-p", "agent.toml", "run", echo)
refused(69, "host.keep", "the same for another verb", "-H", "unix:" + bad.sock, "-p", "agent.toml", "evidence")
r = donjon("-H", "unix:" + bad.sock, "-H", "unix:" + agent.sock, "-p", "agent.toml", "run", echo, stdin=b"after")
t.ok(r.returncode == 0 and r.stdout == b"after", "the next host is tried when a Keep does not start", r.stderr)
t.eq(bad.request("GET", "/v1/keeps")[1]["keeps"], [], "nothing is left at the first one")
bad.proc.terminate()
bad.proc.wait()
donjon("-H", "unix:" + agent.sock, "-p", "agent.toml", "evidence", "-o", work + "/good.ev")
put("strict.toml", open(work + "/agent.toml").read().replace("allow = true", "allow = false"))
r = refused(123, "evidence.development", "a policy that allows no development", "-H", "unix:" + agent.sock, "-p", "strict.toml", "run", echo)
t.ok(b"nothing was sent" in r.stderr and b"NO " in r.stderr, "it lists the checks and says that nothing was sent", r.stderr)
refused(65, "owner.key", "a signing key that is not there", "-p", "agent.toml", "ear", "--sign", "none.pem", work + "/good.ev",
        part=b"none.pem: No such file")
hint = re.search(rb"next: donjon (.*)", r.stderr)
r = donjon(*(hint.group(1).decode().split() if hint else ["false"]))
t.ok(r.returncode == 1 and b"evidence.development" in r.stdout + r.stderr, "and its hint judges what was saved", r.stdout + r.stderr)
for name_ in ("of two words.toml", "long" * 50 + ".toml"):
    put(name_, open(work + "/strict.toml").read())
    r = refused(123, "evidence.development", "the same under a name that no hint can have", "-H", "unix:" + agent.sock, "-p", name_, "run", echo)
    saved = re.search(rb"evidence was saved as (.*)", r.stderr)
    hint = re.search(rb"next: donjon (.*)", r.stderr)
    t.ok(hint and donjon(*hint.group(1).decode().split()).returncode == 0 and saved and os.path.exists(saved.group(1)),
         "its hint can be typed, and it says where the evidence is", r.stderr)
put("other.toml", re.sub('sha256 = "[0-9a-f]*"', 'sha256 = "%s"' % ("00" * 32), open(work + "/agent.toml").read()))
refused(123, "evidence.measurement", "an image that the policy does not name", "-H", "unix:" + agent.sock, "-p", "other.toml", "run", echo,
        part=b"other.toml:")
put("sum/Donjon.toml", '[program]\nmodule = "%s"\nsha256 = "%s"\n' % (echo, "ab" * 32))
refused(126, "module.sha256", "another module than the configured one", "run", cwd=work + "/sum")
p = subprocess.Popen([program("donjon"), "-v", "-H", "unix:" + agent.sock, "-p", "agent.toml", "run", spin], env=ENV, cwd=work,
                     stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
seen = b""
while b"send " not in seen:
    seen += p.stderr.readline() or b"send "
agent.proc.kill()
seen += p.stderr.read()
t.ok(p.wait(20) == 122 and b"error[session.cut]" in seen, "a host that goes away: session.cut, exit 122", seen.decode(errors="replace"))
provoked.add("session.cut")
agent.proc.wait()
agent = Agent("--max-keeps", "1")
put("agent.toml", re.sub('root = "[^"]*"', 'root = "%s/root.pem"' % agent.emu, open(work + "/agent.toml").read()))
agent.create()
refused(125, "host.busy", "a host that is full", "-H", "unix:" + agent.sock, "-p", "agent.toml", "run", echo)
agent.proc.terminate()
agent.proc.wait()

# ---------------------------------------------------------------------- TLS
subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "k.pem", "-out",
                "c.pem", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"], cwd=work, check=True,
               stderr=subprocess.DEVNULL)
put("tokens", "me " + "s" * 40 + "\n")
put("token", "s" * 40 + "\n")
with socket.socket() as s:
    s.bind(("127.0.0.1", 0))
    url = "https://localhost:%d" % s.getsockname()[1]
p = subprocess.Popen([program("donjond"), "--listen", "127.0.0.1:" + url.rsplit(":", 1)[1], "--tls-cert", "c.pem", "--tls-key", "k.pem",
                      "--token-file", "tokens", "--emulation", agent.emu], cwd=work, stderr=subprocess.PIPE)
p.stderr.readline()
r = donjon("-H", url, "--ca", "c.pem", "--token-file", "token", "-p", "agent.toml", "run", echo, stdin=data)
t.ok(r.returncode == 0 and r.stdout == data, "3 MiB go to a host over TLS and back", r.stderr)
refused(125, "host.tls", "a host whose certificate nobody vouches for", "-H", url, "--token-file", "token", "-p", "agent.toml", "run", echo)
refused(125, "host.denied", "a host that wants a token", "-H", url, "--ca", "c.pem", "-p", "agent.toml", "run", echo)
p.terminate()
p.wait()

# --------------------------------------------------------------------- JSON
# Another machine's files, in the place of /, for what doctor says of SGX.
for file, text in (("cpuid", "1 0 0 0 0 0\n7 0 0 4 40000000 0\n12 0 3 1 0 381f\n"), ("proc/cpuinfo", "flags : sgx\n"),
                   ("proc/sys/kernel/osrelease", "6.1.0\n"),
                   ("sys/devices/system/node/node0/x86/sgx_total_bytes", "134217728\n")):
    put("machine/" + file, text)
r = donjon("doctor", env={"DONJON_DOCTOR_ROOT": os.path.join(work, "machine")})
t.ok(b"sgx-processor  OK  SGX2, launch control open" in r.stdout and b"sgx-memory     OK  128 MiB" in r.stdout and
     b"sgx            NO  no /dev/sgx_enclave; needs: Linux 6.0 or later" in r.stdout,
     "doctor explains what lacks of SGX where the processor has it", r.stdout.decode())
r = donjon("doctor", env={"DONJON_DOCTOR_ROOT": os.path.join(work, "nothing-here")})
t.ok(b"sgx-processor" not in r.stdout and b"sgx            NO  " in r.stdout and b"sgx-emu        OK" in r.stdout,
     "and where it has not, that alone", r.stdout.decode())

for want, args, code in (("donjon.version/1", ["version"], 0), ("donjon.config/1", ["config"], 0), ("donjon.doctor/1", ["doctor"], 0),
                         ("donjon.doctor/1", ["doctor", "--tee", "tdx"], 1), ("donjon.errors/1", ["help", "errors"], 0),
                         ("donjon.module/1", ["show", echo], 0), ("donjon.measure/1", ["measure"], 0),
                         ("donjon.verdict/1", ["evidence", "-o", work + "/saved"], 0), ("donjon.error/1", ["show", invalid], 65),
                         ("donjon.file/1", ["init"], 0)):
    r = donjon("--json", *args)
    t.ok(r.returncode == code, "donjon --json %s exits %d" % (args[0], code), "%d %s" % (r.returncode, r.stderr))
    t.eq(is_of_schema(r.stdout, want), "", "and is of schema " + want)
os.remove(work + "/Donjon.toml")
for args, code in (([echo], 0), ([trap], 134), ([spin, "--fuel"], 124)):
    r = donjon("--json", "run", "--exit-file", work + "/exit.json", *(["--fuel", "1000"] if len(args) > 1 else []), args[0])
    t.eq(is_of_schema(r.stderr, "donjon.outcome/1"), "", "a run that exits %d says donjon.outcome/1 on stderr" % code)
    with open(work + "/exit.json") as f:
        t.eq(json.load(f).get("status"), code, "and in its exit file")
for args, error in ((["nowhere.wasm"], "module.missing"), (["--tee", "tdx", echo], "tee.unsupported"),
                    (["-H", "unix:%s/none" % work, "-p", "some.toml", echo], "host.absent")):
    r = donjon("run", "--exit-file", work + "/exit.json", *args)
    with open(work + "/exit.json") as f:
        j = json.load(f)
    t.eq((j.get("error"), j.get("exit"), check_schema(load_schema("donjon.error/1"), j)), (error, r.returncode, ""),
         "an exit file is never that of the run before: " + error)
for option in ("--exit-file", "--receipt"):
    for place in (work + "/no/folder/x", work + "/k"):
        r = refused(74, "output.write", "%s in a place that takes none" % option, "run", option, place, echo, stdin=b"words")
        t.eq(r.stdout, b"", "and the program was not run first")
r = donjon("--json", "measure", "--tee", "process", "--image", b"no\xff.elf")
t.eq(is_of_schema(r.stdout, "donjon.error/1"), "", "a name that is no UTF-8 leaves an error its message")
shutil.copy(echo, work.encode() + b"/e\xff.wasm")
for want, args in (("donjon.build/1", ["build", b"e\xff.wasm"]), ("donjon.verdict/1", ["-p", "agent.toml", "verify", b"g\xff.ev"])):
    shutil.copy(work + "/good.ev", work.encode() + b"/g\xff.ev")
    r = donjon("--json", *args)
    t.eq(is_of_schema(r.stdout, want), "", "nor is a value missing in " + want)
shutil.copy(os.path.join(os.path.dirname(program("donjon")), "keep/process.elf"), work.encode() + b"/i\xff.elf")
r = donjon("--json", "measure", "--tee", "process", "--image", b"i\xff.elf")
t.eq(len(json.loads(r.stdout)["measurements"]), 1, "nor is a measurement")
r = donjon("--json", "run", "nowhere.wasm")
t.eq(is_of_schema(r.stderr, "donjon.error/1"), "", "a run that did not begin says donjon.error/1 on stderr")
t.eq(r.stdout, b"", "its stdout is the program's")

# ------------------------------------------------- help, man, completion, init
r = donjon("--version")
t.ok(r.returncode == 0 and r.stdout == donjon("version").stdout, "--version is the verb version", r)
table = json.loads(donjon("--json", "help", "errors").stdout)["errors"]
bad = [e["name"] for e in table if donjon("help", e["name"]).returncode != 0]
t.eq(bad, [], "each of %d errors has a help page" % len(table))
top = donjon("help").stdout.decode()
verbs = re.findall(r"^  ([a-z]+) {2,}", top, re.M)
t.ok(len(verbs) > 8 and "run" in verbs, "help lists the verbs", top)
options = {}
for v in verbs:
    r = donjon("help", v)
    options[v] = re.findall(r"--([a-z0-9-]+)", r.stdout.decode().split("Options of", 1)[-1])
    same = donjon(v, "--help")
    if r.returncode != 0 or same.stdout != r.stdout:
        t.ok(False, "help of " + v)
with open(os.path.join(ROOT, "docs/man/donjon.1.scd")) as f:
    man = f.read()
missing = [v for v in verbs if "\n*%s*" % v not in man]
missing += ["%s --%s" % (v, o) for v in verbs for o in options[v] if "*--%s*" % o not in man]
t.eq(missing, [], "donjon(1) has every verb and option")
r = subprocess.run([os.path.join(ROOT, "tools/errors-page"), program("donjon")], stdout=subprocess.PIPE)
with open(os.path.join(ROOT, "docs/man/donjon-errors.7.scd"), "rb") as f:
    t.ok(f.read() == r.stdout, "donjon-errors(7) is what tools/errors-page makes")
tees = [x["tee"] for x in json.loads(donjon("--json", "doctor").stdout)["tees"] if x["reason"] != "not in this build"]
for where, text in (("run", donjon("help", "run").stdout), ("tee.unknown", donjon("help", "tee.unknown").stdout)):
    t.eq([x for x in tees if not re.search(r"\b%s[,;]" % x, text.decode())], [], "every TEE of this build is in the help of " + where)
for shell in ("bash", "zsh", "fish"):
    script = donjon("completion", shell).stdout.decode()
    missing = [v for v in verbs if not re.search(r"\b%s\b" % v, script)]
    missing += [o for v in verbs for o in options[v] if o not in script]
    t.eq(missing, [], "%s completion has every verb and option" % shell)
    if shutil.which(shell):
        r = subprocess.run([shell, "-n"], input=script.encode(), stderr=subprocess.PIPE)
        t.ok(r.returncode == 0, "and %s reads it" % shell, r.stderr)
    else:
        t.skip("and %s reads it" % shell, "no " + shell)
r = subprocess.run(["bash", "-c", donjon("completion", "bash").stdout.decode()
                    + "\nCOMP_WORDS=(donjon ru); COMP_CWORD=1; _donjon; echo \"${COMPREPLY[@]}\""], stdout=subprocess.PIPE, cwd=work)
t.eq(r.stdout.split(), [b"run"], "ru completes to run")
os.makedirs(work + "/i")
r = donjon("init", cwd=work + "/i")
text = open(work + "/i/Donjon.toml").read()
t.ok(r.returncode == 0 and donjon("config", cwd=work + "/i").returncode == 0, "what init writes is read back", r.stderr)
put("i2/Donjon.toml", re.sub(r'(?m)^# ([a-z-]+ = )', r"\1", text).replace('sha256 = ""', 'sha256 = "00"'))
r = donjon("--json", "config", cwd=work + "/i2")
t.ok(r.returncode == 0 and len(json.loads(r.stdout)["values"]) > 12, "and each line of it that is a comment, too", r.stderr)
r = donjon("config", cwd=work + "/i", env={"DONJON_MEMORY": "1GiB"})
t.ok(b"1GiB  (DONJON_MEMORY)" in r.stdout, "config says where a value came from", r.stdout)

# -------------------------------------------------------------------- hints
# A word of a hint that stands for something is none: hints are typed as they are.
codes = {"doctor": (0,), "version": (0,), "help": (0,), "init": (0, 73), "config": (0,), "measure": (0,), "policy": (0, 73)}
bad = []
for hint in sorted({e["hint"] for e in table if e["hint"]}):
    w = hint.split()
    r = donjon(*w[1:])
    if w[0] != "donjon" or r.returncode not in codes.get(w[1], (0,)):
        bad.append((hint, r.returncode))
t.eq(bad, [], "every hint of the table can be typed")


# --------------------------------------------------------------------- pty
def in_terminal(*args):
    """stderr and stdout on a pty; what a person would see."""
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(work)
        os.execve(program("donjon"), ["donjon", *args], dict(ENV, TERM="xterm"))
    out = b""
    while select.select([fd], [], [], 30)[0]:
        try:
            got = os.read(fd, 65536)
        except OSError:
            break
        if not got:
            break
        out += got
    os.waitpid(pid, 0)
    os.close(fd)
    return out


out = in_terminal("run", "nowhere.wasm")
t.ok(b"\x1b[1;31merror[module.missing]" in out, "a terminal gets colour", out)
t.ok(b"\x1b" not in in_terminal("--no-color", "run", "nowhere.wasm"), "not with --no-color")
t.ok(b"\x1b" not in in_terminal("-v", "--no-color", "run", trap), "nor does a program's name move the cursor")
escapes = []
for args in (["run", "nowhere.wasm"], ["-v", "run", trap], ["doctor"], ["help"], ["rum\x1b[31m"], ["run", "\x1b[31m.wasm"],
             ["show", trap], ["measure", "--tee", "process", "--image", "\x1b[1m"], ["policy", "init", "\x1b/p.toml"], ["evidence", "-o", work + "/saved2"], ["--json", "run", trap], ["run", "--tee", "\x1b[1m", echo]):
    r = donjon(*args, env={"TERM": "xterm"})
    if b"\x1b" in r.stdout or b"\x1b" in r.stderr:
        escapes.append(args)
t.eq(escapes, [], "no escape byte goes into a pipe")

left = sorted({e["name"] for e in table} - provoked)
print("# not provoked here: " + " ".join(left))
shutil.rmtree(work, ignore_errors=True)
t.done()
