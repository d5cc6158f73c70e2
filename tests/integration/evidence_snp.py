#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""donjon verify on genuine SEV-SNP evidence of others (DONJON_SHARED): every
case gets the answer that its collection gives, in every form it is kept in."""
import glob
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import sentences
from sentences import DIR, eq, test

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
DONJON = os.path.join(ROOT, "build/donjon")
SNP = os.path.join(os.environ.get("DONJON_SHARED") or os.path.join(ROOT, "..", "shared"), "evidence/snp")
CA = os.path.join(SNP, "ca")
PRODUCTS = ("milan", "genoa", "turin")


class Case:
    def __init__(self, path):
        self.path = path
        self.name = os.path.basename(path)
        self.expect = json.load(open(path + "/expect.json"))
        self.at = self.expect["verify_time"]
        self.report = open(path + "/report.bin", "rb").read()
        self.product = [p for p in PRODUCTS if p in self.name][0]

    def cas(self, form="der", names=("ark", "ask", "asvk")):
        return ["%s/%s-%s.%s" % (CA, n, self.product, form) for n in names]


def cases():
    return [Case(os.path.dirname(p)) for p in sorted(glob.glob(SNP + "/*/expect.json"))]


def case(start):
    return [c for c in cases() if c.name.startswith(start)][0]


def verify(c, chain, snp="", file=None, at=None, crl=(), tee="snp", args=()):
    measurement = c.report[0x90:0xc0].hex()
    with open(DIR + "/p.toml", "w") as f:
        f.write('schema = 1\nname = "test"\n[keep]\nmeasurement = [ { tee = "snp", sha384 = "%s" } ]\n[snp]\n%s\n' % (measurement, snp))
    argv = [DONJON, "verify", "--json", "-p", DIR + "/p.toml", "--at", at or c.at, "--tee", tee, *args]
    for p in chain:
        argv += ["--chain", p]
    for p in crl:
        argv += ["--crl", p]
    env = {k: v for k, v in os.environ.items() if not k.startswith("DONJON_")}
    r = subprocess.run(argv + [file or c.path + "/report.bin"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                       env=dict(env, HOME=DIR))
    assert r.returncode in (0, 1), r
    v = json.loads(r.stdout)
    eq(v["good"], r.returncode == 0)
    return v


def error(*args, **kw):
    return verify(*args, **kw)["error"]


@test
def every_case_gets_the_answer_of_its_collection():
    for c in cases():
        for fact in c.expect["facts"]:
            v = verify(c, [c.path + "/" + fact["vek"]] + c.cas())
            good = fact["chain"].startswith("ok") and fact["sig"] and fact["tcb"] and fact["keysel"] and fact.get("hwid", True)
            good = good and not fact["debug"] and fact["vmpl"] == 0
            assert v["good"] == good, (c.name, fact["vek"], v["error"])
            eq(v["protection"], "hardware" if good else "none")
            bad = {x["name"] for x in v["checks"] if x["ok"] is False}
            eq("evidence.chain" in bad, not fact["chain"].startswith("ok"))
            eq("evidence.signature" in bad, not fact["sig"])
            eq("evidence.tcb" in bad, not fact["tcb"])
            eq("evidence.platform" in bad, not fact.get("hwid", True))
            eq("evidence.mode" in bad, fact["debug"] or fact["vmpl"] != 0)
            # The prose of the collection and its facts say the same.
            if len(c.expect["facts"]) == 1 and re.match("ACCEPT|REJECT", c.expect["expect"]):
                eq(good, c.expect["expect"].startswith("ACCEPT"))


@test
def a_vlek_at_vmpl_1_is_good_only_where_that_is_named():
    c = case("05")
    vek = [c.path + "/vek.der"]
    eq(error(c, vek + c.cas()), "evidence.mode")
    eq(error(c, vek + c.cas(), "vmpl = [0, 1]"), None)
    eq(error(c, vek + c.cas(), "vmpl = 1\ncsp = \"cc-us-east-2.amazonaws.com\""), None)
    eq(error(c, vek + c.cas(), "vmpl = 1\ncsp = \"cc-us-west-2.amazonaws.com\""), "evidence.platform")
    eq(error(c, vek + c.cas(), "vmpl = 1", at="2025-12-11"), "evidence.validity")
    # An issuer of VCEKs does not make a VLEK.
    eq(error(c, [case("01").path + "/vek.der"] + c.cas(), "vmpl = 1"), "evidence.chain")


@test
def debugging_is_refused_unless_it_is_asked_for():
    c = case("02")
    eq(error(c, [c.path + "/vek.der"] + c.cas(), "debug = true"), None)


@test
def the_key_alone_needs_no_other_file_and_no_key_is_anothers():
    for c in cases():
        vek = [c.path + "/vek.der"]
        v = "vmpl = [0, 1]\ndebug = true"
        for other in PRODUCTS:
            eq(error(c, vek + ["%s/%s-%s.der" % (CA, n, other) for n in ("ark", "ask", "asvk")], v), None)
        eq(error(c, vek, v), None)
        eq(error(c, vek + c.cas(names=("ask", "asvk")), v), None)
        eq(error(c, c.cas(), v), "evidence.chain")
        eq(error(c, [], v), "evidence.chain")
        eq(error(c, vek + c.cas(), v, tee="snp-emu"), "evidence.development")
    a, b = case("01"), case("11")
    assert error(a, [b.path + "/vek.der"] + a.cas()) in ("evidence.signature", "evidence.validity")


@test
def certificates_are_judged_at_the_stated_time():
    for c in cases():
        for at in ("2020-01-01", "2040-01-01"):
            assert "evidence.validity" in [x["name"] for x in verify(c, [c.path + "/vek.der"] + c.cas(), at=at)["checks"] if x["ok"] is False]


@test
def pem_and_any_order_are_the_same():
    c = case("09")
    eq(error(c, c.cas("pem") + [c.path + "/vek.der"]), None)
    with open(DIR + "/all.pem", "w") as f:
        for p in c.cas("pem"):
            f.write("subject: someone\n" + open(p).read())
    eq(error(c, [DIR + "/all.pem", c.path + "/vek.der"]), None)


@test
def configfs_tsm_blobs_are_read():
    c = case("08")
    eq(error(c, [c.path + "/auxblob.bin"]), None)
    eq(error(c, [], file=c.path + "/tsm_report.json"), None)
    blob = bytearray(open(c.path + "/auxblob.bin", "rb").read())
    blob[16] ^= 1
    open(DIR + "/aux.bin", "wb").write(blob)
    r = subprocess.run([DONJON, "verify", "-p", DIR + "/p.toml", "--tee", "snp", "--chain", DIR + "/aux.bin", c.path + "/report.bin"],
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    eq(r.returncode, 65)
    assert r.stderr.startswith("error[evidence.file]"), r.stderr


@test
def azures_reports_bind_their_runtime_data():
    for c in (case("06"), case("07")):
        chain = [c.path + "/vek.der"] + c.cas()
        v = verify(c, chain, file=c.path + "/hcl_report.bin")
        eq(v["error"], None)
        eq([x["ok"] for x in v["checks"] if x["name"] == "evidence.report_data"], [True])
        hcl = bytearray(open(c.path + "/hcl_report.bin", "rb").read())
        hcl[1240] ^= 1
        open(DIR + "/hcl.bin", "wb").write(hcl)
        eq(error(c, chain, file=DIR + "/hcl.bin"), "evidence.report_data")


@test
def lists_are_the_roots_and_as_fresh_as_the_policy_says():
    c = case("08")
    good = [CA + "/ask-genoa-revoked-0x20001.der", c.path + "/vek.der"] + c.cas()
    lists = [CA + "/crl-genoa-2022-10-31.der"]
    eq(error(c, good, crl=lists), None)
    eq(error(c, good, 'max-crl-age = "400d"', crl=lists), "evidence.revocation")
    eq(error(c, good, 'max-crl-age = "400d"'), "evidence.revocation")
    eq(error(c, good, crl=[CA + "/crl-milan-2022-05-09.der"]), "evidence.revocation")


@test
def bounds_on_genuine_reports_hold_from_both_sides():
    rows = (("01", "min-tcb = { bootloader = 3, snp = 8, microcode = 115 }", None),
            ("01", "min-tcb = { snp = 9 }", "evidence.tcb"),
            ("04", "min-tcb = { snp = 23 }", None), ("04", "min-tcb = { snp = 24 }", "evidence.tcb"),
            ("07", "provisional = false", "evidence.tcb"), ("01", "provisional = false", None),
            ("03", "smt = false", "evidence.mode"), ("03", "alias-check = true", None), ("01", "alias-check = true", "evidence.platform"),
            ("09", "mit-vector = 1", None), ("09", "mit-vector = 2", "evidence.tcb"), ("08", "mit-vector = 1", "evidence.tcb"),
            ("10", "min-tcb = { fmc = 0, bootloader = 1, snp = 2, microcode = 71 }", None), ("10", "min-tcb = { fmc = 1 }", "evidence.tcb"),
            ("10", 'chips = "3b42092f69c656d3"', None), ("10", 'chips = "3b42092f69c656d4"', "evidence.platform"),
            ("10", "min-tcb = { snp = 20 }\nmin-tcb-turin = { snp = 2 }", None), ("09", "products = [\"milan\"]", "evidence.chain"),
            ("11", "min-guest-svn = 1", None), ("11", "min-guest-svn = 2", "evidence.mode"), ("06", "min-guest-svn = 12", None),
            ("09", "report-version = 5", None), ("03", "report-version = 5", "evidence.reserved"))
    for start, snp, want in rows:
        c = case(start)
        assert error(c, [c.path + "/vek.der"] + c.cas(), snp) == want, (start, snp)
    for start, key, off, n, check in (("13", "host-data", 0xc0, 32, "config"), ("13", "id-key", 0xe0, 48, "mode"),
                                      ("11", "author-key", 0x110, 48, "mode"), ("13", "family-id", 0x10, 16, "mode"),
                                      ("01", "author-key", 0x110, 48, "mode")):
        c = case(start)
        there = '%s = "%s"' % (key, c.report[off:off + n].hex())
        eq(error(c, [c.path + "/vek.der"] + c.cas(), there), "evidence.mode" if start == "01" else None)
        eq(error(c, [c.path + "/vek.der"] + c.cas(), '%s = "%s"' % (key, "5a" * n)), "evidence." + check)


@test
def cut_and_extended_reports_are_refused():
    c = case("03")
    for b in (c.report[:-1], c.report[:0x2a0], c.report[:1], c.report + b"\0", c.report + bytes(64), b""):
        open(DIR + "/cut.bin", "wb").write(b)
        eq(error(c, [c.path + "/vek.der"] + c.cas(), file=DIR + "/cut.bin"), "evidence.reserved")


@test
def explain_shows_every_field():
    for c in cases():
        v = verify(c, [c.path + "/vek.der"] + c.cas(), args=("--explain",))
        at = 0
        for f in v["fields"]:
            eq(f["offset"], at)
            at += f["size"]
        eq(at, 1184)
        show = {f["name"]: f["value"] for f in v["fields"]}
        want = c.expect["report"]
        eq(int(show["version"], 16), want["version"])
        eq(int(show["policy"], 16), int(want["policy"], 16))
        eq(show["measurement"], want["measurement"])
        eq(show["chip_id"], want["chip_id"])
        eq(show["report_id_ma"], want["report_id_ma"])
        eq(bytes.fromhex(show["reported_tcb"])[::-1].hex(), "%016x" % int(want["reported_tcb"], 16))
        eq([int(show["current_" + n], 16) for n in ("major", "minor", "build")], want["cur"])


if not os.path.isdir(SNP):
    sentences.skip_all("no genuine evidence here (DONJON_SHARED)")
sentences.run()
