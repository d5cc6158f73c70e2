#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# donjon collateral against stand-ins of Intel's and AMD's services on loopback,
# with genuine files ($DONJON_SHARED/evidence) at the time they were in force.
import glob
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import sentences
from sentences import DIR, eq, test

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
DONJON = os.path.join(ROOT, "build/donjon")
SHARED = os.environ.get("DONJON_SHARED") or os.path.join(ROOT, "..", "shared")
SGX = SHARED + "/evidence/sgx/s03-icelake-swhardening-2026-07"
SNP = SHARED + "/evidence/snp"
NOW = "2026-08-01 00:00:00"
asked = []
answers = {}


def read(path):
    with open(path, "rb") as f:
        return f.read()


class Service(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        asked.append(self.path)
        status, body, headers = answers.get(self.path) or answers.get("*") or (404, b"no", {})
        self.send_response(status)
        for k, v in headers.items():
            self.send_header(k, v)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def intel(crl=lambda b: b):
    pem = urllib.parse.quote(read(SGX + "/tcb_signing_chain.pem").decode())
    at = "/sgx/certification/v4/"
    return {at + "tcb?fmspc=00606a000000": (200, read(SGX + "/tcb_info.json"), {"TCB-Info-Issuer-Chain": pem}),
            at + "qe/identity": (200, read(SGX + "/qe_identity.json"), {"SGX-Enclave-Identity-Issuer-Chain": pem}),
            at + "pckcrl?ca=platform&encoding=der": (200, crl(read(SGX + "/pck_crl.der")), {}),
            at + "rootcacrl": (200, crl(read(SGX + "/root_ca_crl.der")), {})}


def run(file, folder, tee="sgx", now=NOW, args=()):
    asked.clear()
    env = {k: v for k, v in os.environ.items() if not k.startswith("DONJON_")}
    r = subprocess.run(["faketime", "-f", now, DONJON, "collateral", "--json", "--tee", tee, "-o", folder, "--url", URL, *args, file],
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(env, HOME=DIR, TZ="UTC"))
    assert r.stdout, r
    return r.returncode, json.loads(r.stdout)


def fresh(name):
    shutil.rmtree(DIR + "/" + name, ignore_errors=True)
    return DIR + "/" + name


@test
def a_quotes_collateral_is_fetched_and_judges_it():
    answers.clear()
    answers.update(intel())
    d = fresh("a")
    code, o = run(SGX + "/quote.bin", d)
    eq((code, o["fetched"], o["kept"]), (0, 4, 0))
    eq(o["until"], "2026-08-22T22:07:20Z")
    eq(sorted(asked), sorted(intel()))
    with open(DIR + "/p.toml", "w") as f:
        f.write('schema = 1\nname = "t"\n[keep]\nmeasurement = [ { tee = "sgx", mrenclave = "%s" } ]\n[sgx]\n'
                'tcb-status = "SWHardeningNeeded"\nadvisories = "INTEL-SA-00615"\n' % read(SGX + "/quote.bin")[112:144].hex())
    r = subprocess.run([DONJON, "verify", "-p", DIR + "/p.toml", "--tee", "sgx", "--at", "2026-08-01", "--collateral", d, SGX + "/quote.bin"],
                       stdout=subprocess.PIPE, text=True, env=dict(os.environ, HOME=DIR))
    assert r.returncode == 0, r.stdout


@test
def a_bundle_that_evidence_saved_will_do():
    quote = read(SGX + "/quote.bin")
    evidence = bytes((0, 1, 0, 1)) + bytes((0, 1, 0, 0)) + len(quote).to_bytes(4, "big") + quote
    with open(DIR + "/saved.ksb", "wb") as f:
        f.write(b"KSB1" + (1).to_bytes(4, "big") + b"h" + (1).to_bytes(4, "big") + b"o" + evidence)
    code, o = run(DIR + "/saved.ksb", fresh("k"))
    eq((code, o["fetched"]), (0, 4))
    with open(DIR + "/saved.ksb", "r+b") as f:
        f.seek(18)
        f.write(b"\xff")
    assert run(DIR + "/saved.ksb", fresh("k"))[0] != 0


@test
def what_is_in_force_is_not_asked_for_again():
    d = DIR + "/a"
    code, o = run(SGX + "/quote.bin", d)
    eq((code, o["fetched"], o["kept"], asked), (0, 0, 4, []))
    # The list of the PCK's CA is out of force first.
    code, o = run(SGX + "/quote.bin", d, now="2026-08-23 00:00:00")
    eq((code, o["kept"]), (0, 3))
    eq(asked, ["/sgx/certification/v4/pckcrl?ca=platform&encoding=der"])
    code, o = run(SGX + "/quote.bin", d, args=("--refresh",))
    eq((code, o["fetched"]), (0, 4))


@test
def a_pccs_sends_lists_as_digits():
    answers.clear()
    answers.update(intel(lambda b: b.hex().encode()))
    d = fresh("b")
    eq(run(SGX + "/quote.bin", d)[0], 0)
    eq(read(d + "/pck_crl.der"), read(SGX + "/pck_crl.der"))


@test
def what_was_not_asked_for_is_not_kept():
    for path, other, name in (("tcb?fmspc=00606a000000", b"{}", "tcb_info.json"), ("qe/identity", b"<html>", "qe_identity.json"),
                              ("tcb?fmspc=00606a000000", read(SGX + "/qe_identity.json"), "tcb_info.json"),
                              ("pckcrl?ca=platform&encoding=der", b"\x30\x00", "pck_crl.der"), ("rootcacrl", b"", "root_ca_crl.der")):
        answers.clear()
        answers.update(intel())
        status, _, headers = answers["/sgx/certification/v4/" + path]
        answers["/sgx/certification/v4/" + path] = (status, other, headers)
        d = fresh("c")
        code, o = run(SGX + "/quote.bin", d)
        assert (code, o["error"]) in ((76, "collateral.answer"), (69, "collateral.fetch")), o
        assert not os.path.exists(d + "/" + name), name
    # No chain beside the document.
    answers.update(intel())
    answers["/sgx/certification/v4/qe/identity"] = (200, read(SGX + "/qe_identity.json"), {})
    eq(run(SGX + "/quote.bin", fresh("c"))[1]["error"], "collateral.answer")


@test
def a_service_that_fails_is_left_alone_longer_each_time():
    answers.clear()
    answers["*"] = (500, b"no", {})
    d = fresh("d")
    waits = []
    for at in ("00:00:00", "00:00:31", "00:01:32"):
        code, o = run(SGX + "/quote.bin", d, now="2026-08-01 " + at)
        eq((code, o["error"], len(asked)), (69, "collateral.fetch", 1))
        waits.append(int(read(d + "/.retry").split()[1]))
    eq(waits, [30, 60, 120])
    code, o = run(SGX + "/quote.bin", d, now="2026-08-01 00:02:00")
    eq((code, o["error"], asked), (75, "collateral.backoff", []))
    answers.update(intel())
    eq(run(SGX + "/quote.bin", d, now="2026-08-01 00:02:01", args=("--refresh",))[0], 0)
    assert not os.path.exists(d + "/.retry")
    # As long as it asks for.
    answers.clear()
    answers["*"] = (429, b"", {"Retry-After": "1000"})
    code, o = run(SGX + "/quote.bin", d, now="2026-08-01 00:02:02", args=("--refresh",))
    eq((code, o["error"]), (75, "collateral.busy"))
    eq(read(d + "/.retry").split()[1], b"1000")
    # What is there stays.
    eq(read(d + "/tcb_info.json"), read(SGX + "/tcb_info.json"))


@test
def amds_service_is_asked_as_it_spells_things():
    for case, want in (("01", "/vcek/v1/Milan/"), ("09", "/vcek/v1/Genoa/"), ("10", "/vcek/v1/Turin/3b42092f69c656d3?fmcSPL=0&blSPL=1&")):
        path = glob.glob(SNP + "/%s*" % case)[0]
        product = want.split("/")[3]
        answers.clear()
        chain = b"".join(read("%s/ca/%s-%s.pem" % (SNP, n, product.lower())) for n in ("ask", "ark"))
        answers["/vcek/v1/%s/cert_chain" % product] = (200, chain, {})
        answers["/vcek/v1/%s/crl" % product] = (200, read(glob.glob(SNP + "/ca/crl-*.der")[0]), {})
        answers["*"] = (200, read(path + "/vek.der"), {})
        d = fresh("e")
        code, o = run(path + "/report.bin", d, tee="snp")
        eq((code, o["fetched"]), (0, 3))
        assert asked[0].startswith(want), asked
        eq(read(d + "/vek.der"), read(path + "/vek.der"))
        with open(DIR + "/s.toml", "w") as f:
            f.write('schema = 1\nname = "t"\n[keep]\nmeasurement = [ { tee = "snp", sha384 = "%s" } ]\n' % read(path + "/report.bin")[0x90:0xc0].hex())
        os.remove(d + "/crl.der")
        at = json.load(open(path + "/expect.json"))["verify_time"]
        r = subprocess.run([DONJON, "verify", "-p", DIR + "/s.toml", "--tee", "snp", "--at", at, "--collateral", d, path + "/report.bin"],
                           stdout=subprocess.PIPE, text=True, env=dict(os.environ, HOME=DIR))
        assert r.returncode == 0, r.stdout


@test
def nonsense_is_refused_by_name():
    for file, tee, code, name in (("/dev/null", "sgx", 65, "evidence.file"), (SGX + "/tcb_info.json", "sgx", 65, "evidence.file"),
                                  (SGX + "/quote.bin", "snp", 65, "evidence.file"), (SGX + "/quote.bin", "kvm", 64, "tee.unsupported")):
        got, o = run(file, fresh("f"), tee=tee)
        assert o["error"] == name or file == "/dev/null", o
    got, o = run(SGX + "/quote.bin", fresh("f"), args=("--url", "ftp://127.0.0.1/"))
    eq(o["error"], "usage.value")


if not os.path.isdir(SGX) or not os.path.isdir(SNP):
    sentences.skip_all("no genuine evidence here (DONJON_SHARED)")
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
URL = "http://127.0.0.1:%d" % server.server_port
threading.Thread(target=server.serve_forever, daemon=True).start()
sentences.run()
