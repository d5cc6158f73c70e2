#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Sessions that survive their client: tickets, reattach, verbs of a Keep that
was left, and the client killed at its system calls during a 4 MiB two-way
transfer: at every 25th and where files are renamed; with DONJON_LONG=1 at
each."""
import base64
import collections
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from donjonlib import (TEE_NAME, LATE, Agent, Tap, check_schema, echo_module, late_module, load_schema,  # noqa: E402
                       program, spin_module)

t = Tap()
work = tempfile.mkdtemp(prefix="donjon-durable-")
LONG = bool(os.environ.get("DONJON_LONG"))
data = os.urandom(4 << 20)


def put(name, b):
    with open(os.path.join(work, name), "wb") as f:
        f.write(b)
    return os.path.join(work, name)


def get(name):
    try:
        with open(os.path.join(work, name), "rb") as f:
            return f.read()
    except FileNotFoundError:
        return None


echo, spin, big = put("echo.wasm", echo_module()), put("spin.wasm", spin_module()), put("in", data)
late = put("late.wasm", late_module())
small = put("small", b"a few words\n")
if os.environ.get("DONJON_ENGINE") == "aot":
    # What runs, and so what a receipt names, is the package.
    for path in (echo, late):
        subprocess.run([program("donjon"), "build", "-q", "--no-cache", "--tee", TEE_NAME, "-o", path[:-4] + "knc", path],
                       check=True, stdout=subprocess.DEVNULL)
    echo, late = echo[:-4] + "knc", late[:-4] + "knc"
agent = Agent()
H = ["-H", "unix:" + agent.sock, "-p", agent.policy()]
state = os.path.join(work, "state")
ENV = dict(os.environ, XDG_STATE_HOME=state, XDG_CONFIG_HOME=work + "/config")
KEEPS = os.path.join(state, "donjon", "keeps")


def donjon(*args, stdin=None, stdout=subprocess.PIPE, before=(), env=None):
    i = open(stdin or os.devnull, "rb")
    o = open(stdout, "wb") if isinstance(stdout, str) else stdout
    try:
        return subprocess.run([*before, program("donjon"), *args], env=env or ENV, cwd=work, stdin=i, stdout=o,
                              stderr=subprocess.PIPE, timeout=120)
    finally:
        i.close()
        if o is not stdout:
            o.close()


def names():
    return sorted(os.listdir(KEEPS)) if os.path.isdir(KEEPS) else []


def exits(r, code, what, error=None):
    good = r.returncode == code and (error is None or b"error[%s]" % error.encode() in r.stderr)
    return t.ok(good, what, "exit %d\n%s%s" % (r.returncode, (r.stdout or b"").decode(errors="replace"),
                                               r.stderr.decode(errors="replace")))


def says(r, schema, did, what, how=None):
    """One object of that schema on standard output; how: the outcome it has."""
    try:
        value = json.loads(r.stdout)
    except ValueError:
        value = {}
    good = check_schema(load_schema(schema), value) == "" and value["did"] == did
    good = good and value.get("outcome", {}).get("exit", {}).get("how") == how
    if good and how is not None:
        good = check_schema(load_schema("donjon.outcome/1"), value["outcome"]) == ""
    return t.ok(good and r.returncode == 0, what, repr(r.stdout))


def live():
    return [k for k in agent.request("GET", "/v1/keeps")[1]["keeps"] if k["state"] not in ("gone", "exited")]


# ------------------------------------------------------------------- verbs
r = donjon(*H, "run", "--exit-file", "exit.json", echo, stdin=big, stdout=work + "/out")
exits(r, 0, "a run with its output in a file ends as any other")
t.ok(get("out") == data and json.loads(get("exit.json"))["status"] == 0 and names() == [] and live() == [],
     "its output is whole, its exit file written, nothing is left", names())
r = donjon(*H, "run", echo, stdin=small)
t.ok(r.returncode == 0 and r.stdout == get("small") and b"nobody can come back" in r.stderr,
     "one with its output in a pipe says that nobody can come back", r.stderr)

r = donjon(*H, "start", "--name", "job", "--out", "o", "--receipt", "rc.json", late, stdin=big)
exits(r, 0, "start leaves the Keep alone when its input is there")
t.eq(r.stdout, b"job\n", "and prints its name")
mode = os.stat(KEEPS + "/job/ticket").st_mode & 0o777
t.eq((mode, os.stat(KEEPS + "/job").st_mode & 0o777), (0o600, 0o700), "the ticket is for its owner alone")
r = donjon("--json", "ps")
k = json.loads(r.stdout)["keeps"]
t.ok(len(k) == 1 and k[0]["name"] == "job" and k[0]["state"] == "running" and k[0]["host_says"]["state"] == "owned"
     and k[0]["protection"] == "none", "ps lists it, with what its host says", r.stdout)
exits(donjon("release", "job"), 75, "what has not ended is not released", "keep.running")
r = donjon("--json", "verify", "job")
v = json.loads(r.stdout)
t.ok(r.returncode == 0 and v["good"] and v["subject"] == "job" and "offer.config" not in
     [c["name"] for c in v["checks"] if not c["ok"]], "verify judges a Keep's evidence by the policy it was accepted by", r)
put("none.toml", re.sub(rb'"[0-9a-f]{64,96}"', lambda m: b'"' + (len(m[0]) - 2) * b"0" + b'"', get(agent.policy())))
r = donjon("-p", "none.toml", "verify", "job")
t.ok(r.returncode == 1 and b"refused: job" in r.stdout, "or by another", r)
policy = agent.policy()
kept = get(policy)
put(policy, kept + b"\n")
exits(donjon("verify", "job"), 78, "not by one that has changed since", "keep.policy")
put(policy, kept)
exits(donjon("verify", "jib"), 66, "a name that is neither file nor Keep is told so", "input.file")
os.rename(KEEPS + "/job/evidence", work + "/job.evidence")
exits(donjon("verify", "job"), 65, "a Keep whose evidence is not here has none", "evidence.file")
exits(donjon(*H[2:], "verify", "job.evidence"), 0, "and as a file it is what it was")
os.rename(work + "/job.evidence", KEEPS + "/job/evidence")
exits(donjon(*H, "start", "--name", "job", "--discard", echo), 64, "a name is given once", "keep.name")
for where in (("--out", "o"), ("--out", "o3", "--err", "o")):
    exits(donjon(*H, "start", "--name", "two", *where, echo), 74, "a file is one Keep's", "output.write")
part = get("o")
exits(donjon(*H, "start", "--name", "job", "--out", "o", "--err", "small", late, stdin=big), 74, "not again by the same command", "output.write")
exits(donjon(*H, "start", "--name", "job", "--out", "in", late, stdin=small), 64, "nor to another file", "keep.name")
donjon("-H", "unix:/nonexistent", *H[2:], "start", "--out", "o", late)
t.ok(get("o") == part and get("small") == b"a few words\n" and get("in") == data, "and what did not start empties no file")
r = donjon("attach", "job")
exits(r, 0, "attach returns the program's exit code")
t.ok(get("o") == data + bytes(LATE), "and the output is exact, %d bytes" % (len(data) + LATE))
t.eq(live(), [], "the Keep was released")
t.ok(not os.path.exists(KEEPS + "/job/ticket") and os.path.exists(KEEPS + "/job/result"),
     "the ticket is gone, the result is there")
exits(donjon("attach", "job"), 0, "attach to what has ended returns it again")
exits(donjon("release", "job"), 0, "release forgets it")
t.eq(names(), [], "and nothing is left")
exits(donjon("attach", "job"), 66, "then nobody knows it", "keep.unknown")

r = donjon(*H[2:], "receipt", "--in", "in", "--out", "o", "--module", late, "rc.json")
exits(r, 0, "the receipt holds for module, input and output")
exits(donjon(*H[2:], "receipt", "--out", "small", "rc.json"), 1, "not for another output", "receipt.refused")
rc = json.loads(get("rc.json"))
bad = []
for key in ("keep_id", "config_sha256", "module_sha256", "begin_sha256", "exit"):
    lie = dict(rc, **{key: ("0" if rc[key][0] != "0" else "1") + rc[key][1:]})
    put("lie.json", json.dumps(lie).encode())
    if donjon(*H[2:], "receipt", "lie.json").returncode != 1:
        bad.append(key)
lie = dict(rc, streams=[dict(rc["streams"][0], bytes=rc["streams"][0]["bytes"] - 1)] + rc["streams"][1:])
put("lie.json", json.dumps(lie).encode())
if donjon(*H[2:], "receipt", "lie.json").returncode != 1:
    bad.append("streams")
t.eq(bad, [], "each value that is changed makes it refused")
put("lie.json", get("rc.json")[:-30])
exits(donjon(*H[2:], "receipt", "lie.json"), 65, "a cut receipt is none", "receipt.file")
for what, stdin, args in (("from a file", small, [echo]), ("that it does not read", big, ["--fuel", "1000", spin])):
    r = donjon(*H, "run", "--receipt", "r2.json", *args, stdin=stdin)
    t.ok(r.returncode in (0, 124) and donjon(*H[2:], "receipt", "r2.json").returncode == 0,
         "a run with input %s gives a receipt that holds" % what, r.stderr)

exits(donjon(*H, "start", "--name", "cut", "--out", "o2", late, stdin=big), 0, "one more is started")
put("o2", b"")
r = donjon("attach", "cut")
exits(r, 122, "an output that is shorter than the Keep knows is told by its name", "output.read")
t.ok(b"next: donjon stop --kill cut\n" in r.stderr, "and what can still be done", r.stderr)
exits(donjon("stop", "--kill", "cut"), 0, "that ends it")
exits(donjon("release", "cut"), 0, "and it is forgotten")

r = donjon(*H, "start", "--discard", "--name", "s", spin)
exits(r, 0, "a program that does not end is started")
says(donjon("--json", "stop", "s"), "donjon.stop/1", "stopped", "stop ends it", "stopped")
says(donjon("--json", "stop", "s"), "donjon.stop/1", "ended", "a second time it has ended", "stopped")
exits(donjon("attach", "s"), 143, "and attach says so", "program.stopped")
says(donjon("--json", "release", "s"), "donjon.release/1", "released", "released")
# As if the client had been killed between the result and the release.
exits(donjon(*H, "start", "--discard", "--name", "r", spin), 0, "one whose ticket is still there")
ticket = os.path.join(KEEPS, "r", "ticket")
shutil.copytree(os.path.join(KEEPS, "r"), os.path.join(work, "r.kept"))


def before_release():
    for name in ("ticket", "module", "begin", "streams", "diag"):
        shutil.copy(os.path.join(work, "r.kept", name), os.path.join(KEEPS, "r", name))


says(donjon("--json", "stop", "r"), "donjon.stop/1", "stopped", "when it has ended", "stopped")
before_release()
os.unlink(os.path.join(KEEPS, "r", "events"))
says(donjon("--json", "stop", "r"), "donjon.stop/1", "ended", "is not asked by stop", "stopped")
t.ok(os.path.exists(ticket), "nor is the way to it given up")
os.rename(agent.sock, agent.sock + ".away")
r = donjon("attach", "r")
os.rename(agent.sock + ".away", agent.sock)
exits(r, 143, "attach gives its result also where its host cannot be reached", "program.stopped")
t.ok(b"could not be told" in r.stderr and b"donjon release r" in r.stderr and os.path.exists(ticket),
     "says that the Keep has not heard, and keeps the way to it", r.stderr)
os.chmod(ticket, 0o644)
exits(donjon("attach", "r"), 143, "and where its ticket may not be used", "program.stopped")
t.ok(os.path.exists(ticket), "which stays")
os.chmod(ticket, 0o600)
exits(donjon("attach", "r"), 143, "once more, with the host there", "program.stopped")
t.ok(not os.path.exists(ticket), "which says that the Keep is gone: the way to it is given up")
before_release()
says(donjon("--json", "release", "r"), "donjon.release/1", "forgotten", "that it was released is not said of one that is gone")
exits(donjon(*H, "start", "--discard", "--name", "s", spin), 0, "another")
says(donjon("--json", "stop", "--kill", "s"), "donjon.stop/1", "killed", "stop --kill ends the Keep")
t.eq(live(), [], "the host has none")
exits(donjon("attach", "s"), 122, "there is no way back", "keep.none")
says(donjon("--json", "release", "s"), "donjon.release/1", "forgotten", "but it can be forgotten")
exits(donjon(*H, "start", "--discard", "--name", "f", spin), 0, "one more")
exits(donjon("release", "f"), 75, "not released, for it runs", "keep.running")
exits(donjon("release", "--forget", "f"), 0, "it can be forgotten all the same")
t.eq((live(), names()), ([], []), "and its host has ended it")
exits(donjon("start", "--discard", echo), 64, "start wants a host", "usage.option")
exits(donjon(*H, "start", echo), 64, "and a place for the output", "usage.option")

subprocess.run([program("donjon"), "key", "--make", "owner.pem"], cwd=work, env=ENV, check=True, stdout=subprocess.DEVNULL)
t.eq(os.stat(work + "/owner.pem").st_mode & 0o777, 0o600, "key makes a key for its owner alone")
exits(donjon("key", "--make", "owner.pem"), 73, "and does not overwrite one", "file.create")
r = donjon(*H, "start", "--owner", "owner.pem", "--name", "mine", "--out", "o3", echo, stdin=small)
exits(r, 0, "a Keep with an owner is started")
exits(donjon("attach", "mine"), 0, "the owner comes back with a signature")
t.eq(get("o3"), get("small"), "and has the output")
donjon("release", "mine")

# -------------------------------------------------------------------- ear
r = donjon(*H, "evidence", "-o", "bundle")
for bits, curve, alg in ((256, "prime256v1", "ES256"), (384, "secp384r1", "ES384")):
    subprocess.run(["openssl", "ecparam", "-name", curve, "-genkey", "-noout", "-out", "sign.pem"], cwd=work, check=True)
    r = donjon(*H[2:], "ear", "--sign", "sign.pem", "bundle")
    exits(r, 0, "good evidence becomes a token, %s" % alg)
    parts = r.stdout.decode().strip().split(".")
    head, body, sig = (base64.urlsafe_b64decode(p + "=" * (-len(p) % 4)) for p in parts)
    keep = json.loads(body)["submods"]["keep"]
    t.ok(json.loads(head)["alg"] == alg and keep["ear.status"] == "contraindicated" and keep["donjon.protection"] == "none",
         "which says that nothing protects this Keep", body)
    try:
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec, utils
        with open(work + "/sign.pem", "rb") as f:
            pub = serialization.load_pem_private_key(f.read(), None).public_key()
        n = bits // 8
        der = utils.encode_dss_signature(int.from_bytes(sig[:n], "big"), int.from_bytes(sig[n:], "big"))
        pub.verify(der, ".".join(parts[:2]).encode(), ec.ECDSA(hashes.SHA256() if bits == 256 else hashes.SHA384()))
        t.ok(len(sig) == 2 * n, "and its signature holds elsewhere")
    except ImportError:
        t.skip("and its signature holds elsewhere", "no python3-cryptography")
r = donjon("--json", *H[2:], "ear", "--sign", "sign.pem", "bundle")
j = json.loads(r.stdout)
t.ok(check_schema(load_schema("donjon.ear/1"), j) == "" and len(j["ear"].split(".")) == 3, "with --json it is a donjon.ear/1", r)
bundle = get("bundle")
put("bundle", bundle[:-40] + bytes([bundle[-40] ^ 1]) + bundle[-39:])
r = donjon(*H[2:], "ear", "--sign", "sign.pem", "bundle")
t.ok(r.returncode == 1 and r.stdout == b"", "evidence that does not hold gives none", r.stderr)
exits(donjon(*H[2:], "ear", "bundle"), 64, "nor does no key", "usage.option")

# ------------------------------------------------- signals, locks, policies
p = subprocess.Popen([program("donjon"), *H, "start", "--name", "w", "--discard", spin], env=ENV, cwd=work,
                     stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
p.wait(30)
p = subprocess.Popen([program("donjon"), "-v", "attach", "w"], env=ENV, cwd=work, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
seen = b""
while b"session " not in seen:
    seen += p.stderr.readline() or b"session "
exits(donjon("attach", "w"), 75, "one process at a time comes back", "keep.busy")
p.send_signal(signal.SIGINT)
seen += p.stderr.read()
t.ok(p.wait(20) == 122 and b"donjon attach w" in seen and len(live()) == 1, "Ctrl-C leaves the Keep running, exit 122", seen)
pol = H[3]
with open(pol, "rb") as f:
    text = f.read()
with open(pol, "ab") as f:
    f.write(b"# changed\n")
exits(donjon("attach", "w"), 78, "a policy that changed is not the one that was used", "keep.policy")
with open(pol, "wb") as f:
    f.write(text)
ticket = open(KEEPS + "/w/ticket", "rb").read()
put("thief", ticket)
with open(KEEPS + "/w/ticket", "wb") as f:
    f.write(ticket[:-1])
exits(donjon("attach", "w"), 122, "a cut ticket is none", "keep.ticket")
with open(KEEPS + "/w/ticket", "wb") as f:
    f.write(ticket)
os.chmod(KEEPS + "/w/ticket", 0o640)
r = donjon("attach", "w")
exits(r, 122, "nor is one that others may read", "keep.ticket")
t.ok(b"chmod 600" in r.stderr, "and what to do about it", r.stderr)
exits(donjon("release", "w"), 74, "nor is its Keep forgotten, which lives", "keep.ticket")
t.eq((len(live()), names()), (1, ["w"]), "and can be come back to")
os.chmod(KEEPS + "/w/ticket", 0o600)
# A thief with a copy comes back and leaves again; his folder is another state.
shutil.copytree(state, work + "/thief-state")
p = subprocess.Popen([program("donjon"), "-v", "attach", "w"], env=dict(ENV, XDG_STATE_HOME=work + "/thief-state"), cwd=work,
                     stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
while b"session " not in (p.stderr.readline() or b"session "):
    pass
time.sleep(0.3)
p.send_signal(signal.SIGINT)
p.communicate()
exits(donjon("attach", "w"), 122, "a ticket that a thief has used is refused by name", "session.ticket")
shutil.rmtree(work + "/thief-state")
donjon("stop", "--kill", "w")
donjon("release", "w")
exits(donjon(*H, "start", "--discard", "--name", "w", spin), 0, "one more")
shutil.copytree(state, work + "/thief-state")
exits(donjon("stop", "w", env=dict(ENV, XDG_STATE_HOME=work + "/thief-state")), 0, "a copy of the ticket works once")
exits(donjon("attach", "w"), 122, "then the owner is told that the Keep is gone", "session.gone")
donjon("stop", "--kill", "w")
donjon("release", "w")
t.eq((names(), live()), ([], []), "all is forgotten")


# ---------------------------------------------------------------- campaign
def fresh(n):
    shutil.rmtree(state, ignore_errors=True)
    for f in ("k.out", "k.json"):
        if os.path.exists(work + "/" + f):
            os.remove(work + "/" + f)


RUN = [*H, "run", "--name", "k", "--exit-file", "k.json", echo]
CALL = re.compile(r"^(?:\d+ +)?([a-z0-9_]+)\(")


def trace(*args, **kw):
    """The system calls of one run, as (name, how many of that name so far)."""
    log = work + "/strace.log"
    donjon(*args, before=["strace", "-o", log], **kw)
    seen, calls = collections.Counter(), []
    with open(log, errors="replace") as f:
        for line in f:
            m = CALL.match(line)
            if m and m.group(1) not in ("execve", "exit_group"):
                seen[m.group(1)] += 1
                calls.append((m.group(1), seen[m.group(1)]))
    return calls


def killed(call, *args, **kw):
    return donjon(*args, before=["strace", "-o", "/dev/null", "-e", "trace=" + call[0], "-e",
                                 "inject=%s:signal=KILL:when=%d" % call], **kw)


def after(call, r):
    """What must hold after the client died there; "" or what does not."""
    if r.returncode == 0:
        done = True
    elif not names():
        # Before there was a folder, or after everything was done.
        done = get("k.json") is not None
        if not done and get("k.out") not in (b"", None):
            return "output without a ticket"
    elif not os.path.exists(KEEPS + "/k/ticket") and not os.path.exists(KEEPS + "/k/result"):
        done = False
    else:
        first = get("k.json")
        r = donjon("attach", "k")
        if b"error[keep.none]" in r.stderr:
            return "" if get("k.out") == b"" else "output of an unclaimed Keep"
        if r.returncode != 0:
            return "attach: %d %s" % (r.returncode, r.stderr.decode(errors="replace"))
        if first is not None and get("k.json") != first:
            return "the result was recorded twice"
        done = True
    if done and get("k.out") != data:
        return "output differs: %d bytes" % len(get("k.out") or b"")
    if done and json.loads(get("k.json"))["exit"] != {"how": "exit", "code": 0}:
        return "exit file: %s" % get("k.json")
    return ""


if shutil.which("strace") is None or subprocess.run(["strace", "-o", "/dev/null", "true"]).returncode != 0:
    t.skip("a client killed at its system calls", "strace cannot trace here")
else:
    fresh(0)
    calls = trace(*RUN, stdin=big, stdout=work + "/k.out")
    points = calls if LONG else sorted({*calls[::25], *[c for c in calls if c[0] in ("rename", "renameat", "mkdir")]}, key=calls.index)
    print("# %d system calls, %d places" % (len(calls), len(points)))
    bad, began = [], 0
    for call in points:
        fresh(call)
        before = len(agent.request("GET", "/v1/keeps")[1]["keeps"])
        r = killed(call, *RUN, stdin=big, stdout=work + "/k.out")
        why = after(call, r)
        if why:
            bad.append((call, r.returncode, why))
        keeps = agent.request("GET", "/v1/keeps")[1]["keeps"]
        began += get("k.json") is not None
        for k in keeps:
            if k["state"] not in ("gone", "exited"):
                agent.request("DELETE", "/v1/keeps/%s?force=1" % k["id"])
    t.eq(bad, [], "killed at %d places: output exact, result once, work started once (%d had begun)" % (len(points), began))
    # attach killed too, and attached again
    fresh(0)
    bad = []
    donjon(*H, "start", "--name", "k", "--exit-file", "k.json", "--out", "k.out", echo, stdin=big)
    calls = trace("attach", "k")
    for call in (calls[::25] if LONG else calls[40::max(1, len(calls) // 6)]):
        fresh(call)
        donjon(*H, "start", "--name", "k", "--exit-file", "k.json", "--out", "k.out", echo, stdin=big)
        r = killed(call, "attach", "k")
        why = after(call, r)
        if why:
            bad.append((call, r.returncode, why))
    t.eq(bad, [], "attach itself killed, and attached again: the same")

# ------------------------------------------------- the other side is killed
for who in ("donjond", "keep"):
    fresh(0)
    p = subprocess.Popen([program("donjon"), "-v", *H, "run", "--name", "k", spin], env=ENV, cwd=work, stdin=subprocess.DEVNULL,
                         stdout=open(work + "/k.out", "wb"), stderr=subprocess.PIPE)
    seen = b""
    while b"send " not in seen:
        seen += p.stderr.readline() or b"send "
    family = [int(x) for x in subprocess.run(["pgrep", "-P", str(agent.proc.pid)], stdout=subprocess.PIPE).stdout.split()]
    family += [int(y) for x in family for y in subprocess.run(["pgrep", "-P", str(x)], stdout=subprocess.PIPE).stdout.split()]
    os.kill(agent.proc.pid if who == "donjond" else family[-1], signal.SIGKILL)
    seen += p.stderr.read()
    t.ok(p.wait(30) == 122, "%s killed: cut off, exit 122" % who, seen.decode(errors="replace"))
    r = donjon("attach", "k")
    exits(r, 122, "and attach is no success", "host.absent" if who == "donjond" else "session.gone")
    if who == "donjond":
        agent.proc.wait()
    end = time.time() + 10

    def alive(pid):
        try:
            with open("/proc/%d/stat" % pid) as f:
                return f.read().rsplit(")", 1)[1].split()[0] != "Z"
        except OSError:
            return False
    while time.time() < end and any(alive(x) for x in family if who == "donjond"):
        time.sleep(0.05)
    t.ok(who == "keep" or (family and not any(alive(x) for x in family)), "no process of it is left", family)
    if who == "donjond":
        agent = Agent()
        H = ["-H", "unix:" + agent.sock, "-p", agent.policy()]
r = donjon(*H, "start", "--name", "long", "--time", "3d", "--discard", spin)
ttl = [k["ttl"] for k in agent.request("GET", "/v1/keeps")[1]["keeps"] if k["state"] == "owned"]
t.ok(r.returncode == 0 and len(ttl) == 1 and ttl[0] >= 3 * 86400, "a program with three days has a Keep for as long", (r, ttl))
wide = [f for f in os.listdir(os.path.join(KEEPS, "long")) if os.stat(os.path.join(KEEPS, "long", f)).st_mode & 0o077]
t.eq(wide, [], "all files of a Keep's folder are for their owner only")
donjon("stop", "--kill", "long")
exits(donjon(*H, "start", "--discard", "--name", "gone", spin), 0, "one whose host then goes for good")
agent.close()
exits(donjon("stop", "--kill", "gone"), 69, "nobody can stop it", "host.absent")
exits(donjon("release", "gone"), 75, "it may run", "keep.running")
r = donjon("release", "--forget", "gone")
t.ok(r.returncode == 0 and b"may live on" in r.stderr and "gone" not in names(), "but it can be forgotten", r.stderr)
shutil.rmtree(work, ignore_errors=True)
t.done()
