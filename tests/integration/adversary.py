#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""donjond --adversary: an evil host for users to try. Whatever it does, a run
ends with the program's own output or with an error, or waits for what the host
keeps back; and everybody is told that it plays. ADVERSARY_SEEDS: how many random plans (24; DONJON_LONG: 500)."""
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from donjonlib import Agent, Tap, echo_module, program  # noqa: E402

t = Tap()
work = tempfile.mkdtemp(prefix="donjon-adversary-")
ENV = dict(os.environ, XDG_STATE_HOME=work + "/state", XDG_CONFIG_HOME=work + "/config")
SEEDS = int(os.environ.get("ADVERSARY_SEEDS", 500 if os.environ.get("DONJON_LONG") else 24))
DATA = os.urandom(100000)
MARK = b"donjon: ADVERSARY: this host says that it attacks this keep, for a test: "


def put(name, data):
    with open(os.path.join(work, name), "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())
    return os.path.join(work, name)


echo = put("echo.wasm", echo_module())


# A client waits two minutes before it gives a silent host up.
PATIENCE = 140 if os.environ.get("DONJON_LONG") else 20


def run(agent, *more, data=DATA):
    """Exit status (None: it still waited), output, what was said."""
    p = subprocess.Popen([program("donjon"), "-H", "unix:" + agent.sock, "-p", agent.dir + "/policy.toml", *more, "run", echo], env=ENV,
                         cwd=work, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        out, err = p.communicate(data, PATIENCE)
    except subprocess.TimeoutExpired:
        p.kill()
        out, err = p.communicate()
        return None, out, err
    return p.returncode, out, err


def with_plan(plan, *more, **kw):
    with Agent("--adversary", put("plan", plan), *more) as a:
        a.policy()
        return (*run(a, **kw), a.read_log())


# It is said to everybody.
with Agent("--adversary", put("plan", "seed 1\nk2c.record 1000000 drop\n")) as a:
    a.policy()
    code, out, err = run(a)
    t.ok(code == 0 and out == DATA, "a plan that meets nothing changes nothing", err)
    t.ok(MARK + b"seed 1; k2c.record 1000000 drop\n" in err, "the client says that it is attacked, and how", err)
    code, out, err = run(a, "--json")
    o = [json.loads(x) for x in err.splitlines() if x.startswith(b"{")]
    t.ok(len(o) == 1 and o[0]["adversary"].startswith("seed 1"), "so does its JSON", err)
    t.ok("agent.ADVERSARY" in a.read_log() and "adversary.keep" in a.read_log(), "so does the log", a.read_log())
    t.eq(a.request("GET", "/v1/agent")[1].get("adversary"), work + "/plan", "so does the agent")
    keep = a.create()
    t.ok("k2c.record" in a.request("GET", "/v1/keeps/" + keep)[1].get("adversary", ""), "so does each keep")
    tees = a.request("GET", "/v1/agent")[1]["tees"]
    t.eq([x for x in tees if x["available"] and x["protection"] == "hardware"], [], "it has no keep that hardware protects")
with Agent() as a:
    a.policy()
    t.ok("adversary" not in a.request("GET", "/v1/agent")[1] and MARK not in run(a)[2], "an honest host says nothing of the sort")
for what, args in (("no emulation", ["--socket", work + "/s", "--adversary", "7"]),
                   ("a plan that is none", ["--socket", work + "/s", "--emulation", work, "--adversary", put("bad", "c2k.open 0 smash\n")]),
                   ("a file that is not there", ["--socket", work + "/s", "--emulation", work, "--adversary", work + "/none"])):
    r = subprocess.run([program("donjond"), *args], stderr=subprocess.PIPE, timeout=20)
    t.ok(r.returncode in (64, 71, 78) and b"adversary" in r.stderr, "%s: donjond does not start" % what, r)

# What is certain of single steps.
for plan, good, what in (
        ("k2c.record 1 flip 100", False, "a bit of a record"), ("k2c.evidence 0 flip 900", False, "a bit of the evidence"),
        ("k2c.offer 0 flip 200", False, "a bit of the offer"), ("c2k.open 0 flip 400", False, "a bit of OPEN"),
        ("c2k.record 2 drop", False, "a lost record"), ("k2c.record 2 repeat", False, "a record twice"),
        ("k2c.record 2 swap", False, "two records in each other's place"), ("c2k.record 3 close", False, "a cut line"),
        ("launch.config 0 flip 330", False, "a bit of the launch block"), ("launch.image 0 flip 2000000", False, "a bit of the image"),
        ("call.wait 0 set magic 0", False, "an impossible answer"), ("event 0 kill keep", False, "a killed keep"),
        ("k2c.error 0 drop", True, "a loss of what is not sent")):
    code, out, err, log = with_plan(plan + "\n", data=DATA)
    if good:
        t.ok(code == 0 and out == DATA, "%s: it ends well" % what, err)
    else:
        t.ok(code not in (0, None) and DATA.startswith(out) and b"error[" in err, "%s: an error" % what, "%s %s\n%s" % (code, err, log))
with Agent("--adversary", put("plan", "k2c.offer 0 replace\nk2c.evidence 0 replace\n")) as a:
    a.policy()
    run(a)  # nothing to replay yet: it waits
    code, out, err = run(a)
    t.ok(code == 123 and b"evidence.report_data" in err and b"nothing was sent" in err,
         "offer and evidence of an earlier session: refused, nothing was sent", err)

# Random plans.
ends, wrong, hung = {}, [], []
with Agent("--adversary", "1", "--max-keeps", "1024") as a, ThreadPoolExecutor(8) as pool:
    a.policy()
    for seed, (code, out, err) in enumerate(pool.map(lambda _: run(a, data=DATA[:20000]), range(SEEDS)), 1):
        ends[code] = ends.get(code, 0) + 1
        if code is None:
            hung.append(seed)
        if code is None and DATA.startswith(out):
            continue
        if (code == 0 and out != DATA[:20000]) or not DATA.startswith(out) or code in (-11, -6) or (code != 0 and b"error[" not in err):
            wrong.append((seed, code, err[-300:]))
    t.ok(a.proc.poll() is None, "the host agent survives its own attacks", a.read_log()[-3000:])
print("# %d random plans: %s" % (SEEDS, ", ".join("%d %s" % (n, "waited" if c is None else "ended with %d" % c) for c, n in sorted(ends.items(), key=str))))
t.eq(wrong, [], "%d random plans: the right output or an error, each time" % SEEDS)
if PATIENCE > 120:
    t.eq(hung, [], "and an end, each time")
t.done()
