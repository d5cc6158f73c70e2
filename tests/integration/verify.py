#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""donjon verify, policy and measure from outside: what they say, how they
exit, and that no changed byte of a saved bundle is found good."""
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
DONJON = os.path.join(ROOT, "build/donjon")
TOOL = os.path.join(ROOT, "build/tests/evidence_tool/evidence_tool")
AT = "2027-01-15T08:00:00Z"
tests = []
fails = 0


def donjon(*args, env=None):
    e = dict(os.environ, HOME=DIR, XDG_STATE_HOME=DIR + "/state", XDG_CONFIG_HOME=DIR + "/config")
    for name in list(e):
        if name.startswith("DONJON_") and name not in ("DONJON_LIBEXEC", "DONJON_IMAGES", "DONJON_SHARED"):
            del e[name]
    e.update(env or {})
    return subprocess.run([DONJON, *args], cwd=DIR, env=e, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def verify(*args, at=AT):
    return donjon("verify", "--at", at, "-p", "policy.toml", *args)


def test(f):
    tests.append(f)
    return f


def eq(got, want):
    assert got == want, "%r, not %r" % (got, want)


def edit(name, new, pattern, text):
    old = open(os.path.join(DIR, name)).read()
    done, n = re.subn(pattern, text, old)
    assert n == 1, pattern
    open(os.path.join(DIR, new), "w").write(done)


@test
def a_good_bundle_is_good_and_its_lack_of_protection_is_said():
    r = verify("good.ksb")
    eq(r.returncode, 0)
    eq(r.stdout.split("\n")[0], "donjon: EMULATED process keep, no protection (development root)")
    assert "good: good.ksb meets policy.toml" in r.stdout, r.stdout
    eq(r.stderr, "")


@test
def the_json_verdict_names_every_check():
    r = verify("--json", "good.ksb")
    eq(r.returncode, 0)
    v = json.loads(r.stdout)
    eq(list(v)[0], "schema")
    eq((v["schema"], v["good"], v["protection"], v["emulated"], v["tee"]), ("donjon.verdict/1", True, "none", True, "process"))
    eq(v["checked"], AT)
    names = [c["name"] for c in v["checks"]]
    eq(len(names), len(set(names)))
    for name in ("offer.state", "evidence.chain", "evidence.signature", "evidence.report_data", "evidence.measurement"):
        eq([c["ok"] for c in v["checks"] if c["name"] == name], [True])
    eq([c["policy"] for c in v["checks"] if c["name"] == "evidence.measurement"], ["policy.toml:7"])


@test
def a_refusal_names_check_got_want_and_policy_line():
    edit("policy.toml", "other.toml", r'"3e3e', '"d1d1')
    r = donjon("verify", "--at", AT, "-p", "other.toml", "good.ksb")
    eq(r.returncode, 1)
    assert "(evidence.measurement)" in r.stdout, r.stdout
    assert re.search(r"^  NO    measurement   got 3e3e3e3e3e3e3e3e\.\.  want d1d13e3e3e3e3e3e\.\.  other\.toml:7$", r.stdout, re.M), r.stdout
    v = json.loads(donjon("verify", "--at", AT, "-p", "other.toml", "--json", "good.ksb").stdout)
    bad = [c for c in v["checks"] if c["ok"] is False]
    eq((len(bad), bad[0]["name"], bad[0]["policy"], bad[0]["secret_sent"]), (1, "evidence.measurement", "other.toml:7", False))
    eq((v["error"], v["good"]), ("evidence.measurement", False))


@test
def a_policy_without_development_refuses():
    edit("policy.toml", "prod.toml", r"allow = true", "allow = false")
    r = donjon("verify", "--at", AT, "-p", "prod.toml", "good.ksb")
    eq(r.returncode, 1)
    assert "(evidence.development)" in r.stdout, r.stdout


@test
def the_time_of_judging_can_be_stated():
    eq(verify("good.ksb", at="2027-01-15").returncode, 0)
    eq(verify("good.ksb", at="1800000000").returncode, 0)
    r = verify("good.ksb", at="2028-01-15")
    eq(r.returncode, 1)
    assert "(evidence.validity)" in r.stdout, r.stdout
    r = verify("good.ksb", at="soon")
    eq(r.returncode, 64)
    assert r.stderr.startswith("error[usage.value]"), r.stderr


@test
def a_bare_report_is_judged_with_its_chain():
    eq(verify("--tee", "process", "--chain", "chain.pem", "report.bin").returncode, 0)
    eq(verify("--tee", "process", "--chain", "root.pem", "report.bin").returncode, 1)
    eq(verify("--tee", "process", "report.bin").returncode, 64)
    eq(verify("--chain", "chain.pem", "report.bin").returncode, 64)
    eq(verify("--tee", "snp", "--chain", "chain.pem", "report.bin").returncode, 1)
    r = verify("--tee", "tdx", "--chain", "chain.pem", "report.bin")
    assert r.stderr.startswith("error[tee.unsupported]"), r.stderr


@test
def explain_shows_every_field_with_its_place():
    r = verify("--explain", "good.ksb")
    eq(r.returncode, 0)
    at = 0
    for m in re.finditer(r"^ +(\d+) +(\d+)  \S+ +\S", r.stdout, re.M):
        eq(int(m.group(1)), at)
        at += int(m.group(2))
    eq(at, 240)
    eq(sum(f["size"] for f in json.loads(verify("--explain", "--json", "good.ksb").stdout)["fields"]), 240)


@test
def changed_bundles_are_never_good():
    good = open(DIR + "/good.ksb", "rb").read()
    rng = random.Random(7)
    for n in range(60):
        b = bytearray(good)
        kind = n % 3
        if kind == 0:
            b[rng.randrange(len(b))] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del b[rng.randrange(len(b)):]
        else:
            b += bytes(rng.randrange(1, 65))
        open(DIR + "/changed.ksb", "wb").write(b)
        r = verify("changed.ksb")
        assert r.returncode in (1, 65), (n, r)


@test
def files_that_are_not_there_or_not_evidence_are_errors():
    r = verify("nowhere.ksb")
    eq(r.returncode, 66)
    assert r.stderr.startswith("error[input.file]"), r.stderr
    r = verify("policy.toml")
    eq(r.returncode, 65)
    assert r.stderr.startswith("error[evidence.file]"), r.stderr
    r = donjon("verify", "good.ksb")
    eq(r.returncode, 78)
    assert r.stderr.startswith("error[policy.missing]"), r.stderr
    r = donjon("verify", "-p", "nowhere.toml", "good.ksb")
    assert r.stderr.startswith("error[policy.read]"), r.stderr
    eq(donjon("verify", "--at", AT, "good.ksb", env={"DONJON_POLICY": DIR + "/policy.toml"}).returncode, 0)


@test
def policy_check_says_no_with_line_and_reason():
    eq(donjon("policy", "check", "policy.toml").returncode, 0)
    open(DIR + "/bad.toml", "w").write('schema = 1\nname = "x"\n[keep]\nmeasurment = []\n')
    r = donjon("policy", "check", "bad.toml")
    eq(r.returncode, 1)
    eq(r.stdout, 'bad.toml:4:1: unknown key "measurment" in [keep]; did you mean "measurement"?\n')
    v = json.loads(donjon("policy", "--json", "check", "bad.toml").stdout)
    eq((v["schema"], v["good"], v["error"]), ("donjon.policy/1", False, "policy.invalid"))
    v = json.loads(donjon("policy", "--json", "check", "policy.toml").stdout)
    eq((v["good"], v["warnings"][0]["line"]), (True, 4))


@test
def policy_explain_says_what_is_accepted():
    r = donjon("policy", "explain", "policy.toml")
    eq(r.returncode, 0)
    assert "process " + "3e" * 32 + " (line 7)" in r.stdout, r.stdout
    assert "ACCEPTED, nothing protects them (line 4)" in r.stdout, r.stdout


def have_image():
    return donjon("measure").returncode == 0


@test
def policy_init_writes_a_policy_that_check_accepts():
    if not have_image():
        return "no Keep image was built"
    digest = donjon("measure", "--tee", "process").stdout.split()[2]
    eq(len(digest), 64)
    r = donjon("policy", "init")
    eq(r.returncode, 0)
    assert digest in r.stdout, r.stdout
    r = donjon("policy", "--root", "root.pem", "--allow-development", "init", "new.toml")
    eq((r.returncode, r.stdout), (0, ""))
    r = donjon("policy", "check", "new.toml")
    eq(r.returncode, 0)
    assert "development roots are allowed" in r.stdout, r.stdout
    r = donjon("policy", "init", "new.toml")
    assert r.returncode != 0 and "File exists" in r.stderr, r
    v = json.loads(donjon("measure", "--tee", "process", "--json").stdout)
    eq((v["schema"], v["measurements"][0]["sha256"]), ("donjon.measure/1", digest))


@test
def measure_says_all_that_this_build_has():
    if not have_image():
        return "no Keep image was built"
    lines = donjon("measure").stdout.splitlines()
    eq([x.split()[0] for x in lines], ["process", "kvm", "snp", "sgx"])
    for x in lines:
        tee, name, digest = x.split()
        eq(donjon("measure", "--tee", tee).stdout, x + "\n")
        if tee in ("sgx", "snp"):
            eq(donjon("measure", "--tee", tee + "-emu").stdout, x + "\n")
    v = json.loads(donjon("measure", "--json").stdout)
    eq([m["tee"] for m in v["measurements"]], [x.split()[0] for x in lines])
    few = os.path.join(DIR, "few")
    os.mkdir(few)
    r = donjon("measure", env={"DONJON_IMAGES": few})
    assert r.returncode != 0 and "error[image.read]" in r.stderr, r
    image = json.loads(donjon("measure", "--tee", "kvm", "--json").stdout)["measurements"][0]["image"]
    shutil.copy(image, few)
    r = donjon("measure", env={"DONJON_IMAGES": few})
    eq((r.returncode, r.stdout), (0, lines[1] + "\n"))
    eq(r.stderr.count("not measured: "), 3)
    for args in (("--image", "policy.toml"), ("--sgx1", "64MiB"), ("--id-block", "x", "--id-auth", "x")):
        r = donjon("measure", *args)
        assert r.returncode == 64 and "--tee" in r.stderr, r


@test
def measure_refuses_what_is_no_image():
    r = donjon("measure", "--tee", "process", "--image", "policy.toml")
    eq(r.returncode, 65)
    assert r.stderr.startswith("error[image.invalid]"), r.stderr
    r = donjon("measure", "--tee", "tdx")
    assert r.stderr.startswith("error[tee.unsupported]"), r.stderr


DIR = tempfile.mkdtemp(prefix="donjon-verify-")
try:
    subprocess.run([TOOL, DIR], check=True)
    for i, f in enumerate(tests, 1):
        name = f.__name__.replace("_", " ")
        try:
            why = f()
            print("ok %d - %s%s" % (i, name, " # SKIP " + why if why else ""))
        except AssertionError as e:
            fails += 1
            print("# " + str(e).replace("\n", "\n# "))
            print("not ok %d - %s" % (i, name))
finally:
    shutil.rmtree(DIR)
print("1..%d" % len(tests))
sys.exit(1 if fails else 0)
