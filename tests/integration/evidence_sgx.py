#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# Genuine SGX evidence of others, with the answers of its collection, through
# `donjon verify --tee sgx`. Needs $DONJON_SHARED/evidence/sgx.
import glob
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import sentences
from sentences import DIR, eq, test

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
DONJON = os.path.join(ROOT, "build/donjon")
SGX = os.path.join(os.environ.get("DONJON_SHARED") or os.path.join(ROOT, "..", "shared"), "evidence/sgx")
STATUSES = ["UpToDate", "SWHardeningNeeded", "ConfigurationNeeded", "ConfigurationAndSWHardeningNeeded", "OutOfDate",
            "OutOfDateConfigurationNeeded"]
ANY = "tcb-status = %s\nadvisories = \"any\"\n" % json.dumps(STATUSES)


class Case:
    def __init__(self, path):
        self.path = path
        self.name = os.path.basename(path)
        e = json.load(open(path + "/expect.json"))
        self.expect = e["expect"]
        self.facts = e
        self.at = e.get("verify_time") or "2023-02-01T00:00:00Z"
        self.quote = open(path + "/quote.bin", "rb").read()


def cases():
    return [Case(os.path.dirname(p)) for p in sorted(glob.glob(SGX + "/*/expect.json"))]


def case(start):
    return [c for c in cases() if c.name.startswith(start)][0]


def verify(quote, sgx="", collateral=(), at="2023-02-01", tee="sgx", head="", args=()):
    with open(DIR + "/quote.bin", "wb") as f:
        f.write(quote)
    with open(DIR + "/p.toml", "w") as f:
        f.write('schema = 1\nname = "test"\n%s[keep]\nmeasurement = [ { tee = "sgx", mrenclave = "%s" } ]\n[sgx]\n%s\n'
                % (head, quote[112:144].hex() if len(quote) >= 144 else "00" * 32, sgx))
    argv = [DONJON, "verify", "--json", "-p", DIR + "/p.toml", "--at", at, "--tee", tee, *args]
    for p in collateral:
        argv += ["--collateral", p]
    env = {k: v for k, v in os.environ.items() if not k.startswith("DONJON_")}
    r = subprocess.run(argv + [DIR + "/quote.bin"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                       env=dict(env, HOME=DIR))
    assert r.returncode in (0, 1), r
    v = json.loads(r.stdout)
    eq(v["good"], r.returncode == 0)
    return v


def of(c, sgx="", **kw):
    return verify(kw.pop("quote", c.quote), sgx, kw.pop("collateral", [c.path]), kw.pop("at", c.at), **kw)


def bad(v):
    return {x["name"].split(".")[1]: x.get("got", "") for x in v["checks"] if x["ok"] is False}


@test
def every_case_gets_the_answer_of_its_collection():
    for c in cases():
        e = c.expect
        debug = e.get("policy_failure") == "DEBUG" or c.facts.get("debug", False)
        v = of(c, ANY)
        b = bad(v)
        what = (c.name, b)
        if "tcb_status" in e:
            want = {"mode"} if debug else set()
            eq((c.name, set(b)), (c.name, want))
            eq((c.name, v["tcb_status"]), (c.name, e["tcb_status"]))
            if "advisories" in e:
                eq((c.name, v["advisories"]), (c.name, e["advisories"]))
            # Only what the policy lists is accepted.
            strict = bad(of(c))
            fine = e["tcb_status"] == "UpToDate" and not e.get("advisories")
            eq((c.name, "tcb" in strict), (c.name, not fine))
            # Debugging is refused unless it is asked for.
            eq(of(c, ANY + "debug = true")["error"], None)
        elif e.get("failure") == "TCB_INFO_EXPIRED":
            assert "TCB_INFO_EXPIRED" in b["collateral"], what
        elif e.get("failure") == "CRL_EXPIRED":
            assert "CRL_EXPIRED" in b["revocation"], what
        elif e.get("failure") == "PCK_CRL_ISSUER_MISMATCH":
            assert "CRL_UNKNOWN_ISSUER" in b["revocation"] and "mode" in b and "signature" not in b, what
        elif e.get("failure") == "INVALID_QUOTE_SIGNATURE":
            eq(b["signature"], "INVALID_QUOTE_SIGNATURE")
        elif e.get("failure") == "UNSUPPORTED_CERTIFICATION_DATA_TYPE":
            assert "UNSUPPORTED_CERTIFICATION_DATA_TYPE" in b["chain"], what
        elif e.get("failure", "").startswith("TCB_SIGNING_CERT_MISSING"):
            assert "TCB_SIGNING_CERT_MISSING" in b["collateral"], what
        else:
            assert False, (c.name, e)
        if "tcb_status_if_expiry_ignored" in e:
            eq(v["tcb_status"], e["tcb_status_if_expiry_ignored"])
        eq(v["protection"], "none" if b else "hardware")
        if "report" in c.facts:
            eq(v["measurement"], c.facts["report"]["mrenclave"])


@test
def files_without_telling_names_are_put_where_they_belong():
    c = case("s01")
    for i, n in enumerate(os.listdir(c.path)):
        if n not in ("quote.bin", "expect.json"):
            shutil.copy(c.path + "/" + n, DIR + "/x%d" % i)
    eq(of(c, collateral=sorted(glob.glob(DIR + "/x*")))["error"], None)
    b = bad(of(c, collateral=[]))
    eq(set(b), {"revocation", "collateral"})


@test
def intels_own_sample_is_good_under_its_own_root_alone():
    p = SGX + "/s16-intel-sample-own-root"
    quote = open(p + "/quote.dat", "rb").read()
    parts = [p + "/" + n for n in ("pckCert.pem", "pckSignChain.pem", "tcbSignChain.pem", "tcbInfo.json", "qeIdentity.json", "rootCaCrl.der",
                                   "intermediateCaCrl.der")]
    head = '[development]\nallow = true\nroot = "%s/trustedRootCaCert.pem"\n' % p
    v = verify(quote, collateral=parts, at="2020-01-01T00:00:00Z", tee="sgx-emu", head=head)
    # Its enclave has no attributes at all.
    eq(set(bad(v)), {"mode"})
    eq(v["tcb_status"], "UpToDate")
    assert "PCK_CERT_CHAIN_UNTRUSTED" in bad(verify(quote, collateral=parts, at="2020-01-01T00:00:00Z"))["chain"]
    # A document about another enclave.
    parts[4] = p + "/qveIdentity.json"
    assert "ENCLAVE_IDENTITY_INVALID" in bad(verify(quote, collateral=parts, at="2020-01-01", tee="sgx-emu", head=head))["collateral"]


@test
def intels_root_is_no_development_root():
    c = case("s01")
    head = '[development]\nallow = true\nroot = "%s/trust/intel_sgx_root_ca.pem"\n' % SGX
    b = bad(of(c, tee="sgx-emu", head=head))
    assert "PCK_CERT_CHAIN_UNTRUSTED" in b["chain"], b
    assert "TCB_SIGNING_CERT_CHAIN_UNTRUSTED" in b["collateral"], b


@test
def signed_documents_are_read_as_they_were_signed():
    c = case("s03")
    j = SGX + "/json/"
    files = [c.path + "/" + n for n in ("root_ca_crl.der", "pck_crl.der")]
    for chain in ("tcb_signing_chain_2018.pem", "tcb_signing_chain_2025.pem"):
        for name, want in (("qe_identity_2020-05-12.json", None), ("qe_identity_2020-05-12_tampered.json", "ENCLAVE_IDENTITY_INVALID_SIGNATURE"),
                           ("qe_identity_2023-09-26_pretty.json", "ENCLAVE_IDENTITY_INVALID:"), ("qe_identity_2026-01-07.json", None),
                           ("td_qe_identity_2026-01-07.json", "ENCLAVE_IDENTITY_INVALID:"), ("tcb_info_00606a000000_2023-09-26_pretty.json", "TCB_INFO_INVALID:"),
                           ("tcb_info_00806f050000_2026-01-07.json", "TCB_INFO_MISMATCH"), ("tcb_info_tdx_00806f050000_2026-01-07.json", "TCB_INFO_INVALID:")):
            b = bad(of(c, collateral=files + [j + chain, j + name]))["collateral"]
            if want is None:
                assert "ENCLAVE_IDENTITY_INVALID" not in b, (name, b)
            else:
                assert want in b, (name, b)


@test
def the_listed_changes_of_a_quote_are_refused():
    c = case("s01")
    for off, x, names in ((0, 7, "reserved"), (2, 1, "reserved"), (4, 1, "reserved"), (12, 1, "reserved"), (28, 1, "signature"), (48, 1, "signature"),
                          (96, 2, "signature mode"), (112, 1, "signature"), (368, 1, "signature"), (432, 1, "reserved"), (436, 1, "signature"),
                          (500, 1, "signature"), (564, 1, "signature"), (820, 1, "signature qe"), (822, 1, "signature"), (948, 1, "signature"),
                          (1014, 1, "signature"), (1012, 1, "reserved"), (1046, 1, "chain"), (1048, 1, "reserved"), (1112, 1, "chain")):
        q = bytearray(c.quote)
        q[off] ^= x
        eq((off, set(bad(of(c, quote=bytes(q))))), (off, set(names.split())))


@test
def what_follows_a_quote_is_said_and_left_alone():
    for start, n in (("s01", 67), ("s14", 4)):
        c = case(start)
        v = of(c, ANY)
        eq(v["error"], None)
        eq(v["ignored_bytes"], n)
        assert "ignored_bytes" not in of(c, ANY, quote=c.quote[:-n])
    c = case("s04")
    for q in (c.quote[:-1], c.quote[:1019], c.quote[:435], b""):
        assert "UNSUPPORTED_QUOTE_FORMAT" in bad(of(c, ANY, quote=q))["reserved"]


@test
def a_policy_can_say_what_a_platform_must_be():
    c = case("s01")
    ppid = c.facts["pck"]["ppid"]
    signer = c.facts["report"]["mrsigner"]
    rows = (('platforms = "%s"' % ppid, None), ('platforms = "%s"' % ("5a" * 16), "platform"), ('platforms = "any"', None),
            ('fmspc = "00606a000000"', None), ('fmspc = "00906ea10000"', "platform"),
            ("min-tcb-evaluation = 12", None), ("min-tcb-evaluation = 13", "tcb"),
            ("min-isvsvn = 1", None), ("min-isvsvn = 2", "mode"), ("xfrm = 7", None), ("xfrm = 3", "mode"),
            ('config-id = "%s"' % ("00" * 64), None), ('config-id = "%s"' % ("5a" * 64), "config"),
            ("min-config-svn = 1", "config"), ('family-id = "%s"' % ("5a" * 16), "mode"), ('ext-prod-id = "%s"' % ("00" * 16), None))
    for sgx, want in rows:
        b = bad(of(c, sgx))
        eq((sgx, set(b)), (sgx, {want} if want else set()))
    rows = ((1, 1, None), (1, 2, "measurement"), (2, 1, "measurement"))
    for prodid, svn, want in rows:
        other = c.quote[:112] + bytes(32) + c.quote[144:]
        with open(DIR + "/s.toml", "w") as f:
            f.write('schema = 1\nname = "test"\n[sgx]\nsigners = [ { mrsigner = "%s", isvprodid = %d, min-isvsvn = %d } ]\n' % (signer, prodid, svn))
        argv = [DONJON, "verify", "--json", "-p", DIR + "/s.toml", "--at", c.at, "--tee", "sgx", "--collateral", c.path, c.path + "/quote.bin"]
        v = json.loads(subprocess.run(argv, stdout=subprocess.PIPE, env=dict(os.environ, HOME=DIR)).stdout)
        eq((prodid, svn, set(bad(v))), (prodid, svn, {want} if want else set()))
        assert "signature" in bad(of(c, quote=other))


@test
def time_is_the_time_of_judging():
    c = case("s01")
    for at, names in (("2022-06-21T21:54:27Z", {"collateral"}), ("2022-06-21T21:54:28Z", set()), ("2022-07-21T21:15:11Z", set()),
                      ("2022-07-21T21:15:12Z", None), ("2030-01-01", None), ("2018-01-01", None)):
        b = set(bad(of(c, at=at)))
        if names is None:
            assert b, at
        else:
            eq((at, b), (at, names))
    assert "validity" in bad(of(c, at="2030-01-01"))


@test
def explain_shows_every_field():
    c = case("s04")
    v = of(c, args=("--explain",))
    at = 0
    for f in v["fields"]:
        eq(f["offset"], at)
        at += f["size"]
    eq(at, 1020 + 32)
    show = {f["name"]: f["value"] for f in v["fields"]}
    for name, want in (("mrenclave", "mrenclave"), ("mrsigner", "mrsigner"), ("cpusvn", "cpusvn"), ("reportdata", "reportdata")):
        eq(show[name], c.facts["report"][want])
    eq(int(show["qe.isvsvn"], 16), c.facts["qe_isvsvn"])


if not os.path.isdir(SGX):
    sentences.skip_all("no genuine evidence here (DONJON_SHARED)")
sentences.run()
