#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""SGX evidence that no genuine sample stands for, made under development roots
(tests/sgx_evidence), through `donjon verify`: each fault by its name, and each
status that a platform and its quoting enclave can have together."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import sentences  # noqa: E402
from donjonlib import program  # noqa: E402
from sentences import DIR, eq, test  # noqa: E402

TOOL = program("tests/sgx_evidence/sgx_evidence")
STATUSES = ["UpToDate", "SWHardeningNeeded", "ConfigurationNeeded", "ConfigurationAndSWHardeningNeeded", "OutOfDate",
            "OutOfDateConfigurationNeeded"]
ENV = dict({k: v for k, v in os.environ.items() if not k.startswith("DONJON_")}, HOME=DIR)


def verify(name, tee="sgx-emu", sgx="", dev=True):
    folder = os.path.join(DIR, name)
    with open(folder + "/policy.toml") as f:
        policy = f.read()
    assert "[sgx]" in policy
    policy = policy.replace("[sgx]", "[sgx]\n" + sgx)
    head, _, rest = policy.partition("[development]")
    rest = rest[rest.index("[", 1):] if rest else ""
    with open(folder + "/p.toml", "w") as f:
        f.write(head + ('[development]\nallow = true\nroot = "root.pem"\n' if dev else "") + rest)
    r = subprocess.run([program("donjon"), "verify", "--json", "-p", folder + "/p.toml", "--at", "2027-01-15T08:00:00Z",
                        "--tee", tee, "--collateral", folder, folder + "/quote.bin"],
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENV)
    assert r.returncode in (0, 1), r
    v = json.loads(r.stdout)
    eq(v["good"], r.returncode == 0)
    return v


def converged(platform, qe):
    """Intel's rule for what a platform and its quoting enclave are together."""
    if "Revoked" in (platform, qe):
        return "Revoked"
    if qe == "OutOfDate":
        return "OutOfDateConfigurationNeeded" if "Configuration" in platform else "OutOfDate"
    return platform


@test
def good_evidence_is_good_under_its_root_alone():
    v = verify("good")
    eq((v["error"], v["tcb_status"], v["protection"]), (None, "UpToDate", "none"))
    assert verify("good", dev=False)["good"] is False
    v = verify("good", tee="sgx")
    assert any("PCK_CERT_CHAIN_UNTRUSTED" in c.get("got", "") for c in v["checks"]), v


@test
def every_fault_is_refused_by_its_name():
    n = 0
    for name, check, status, says in CASES:
        if check in ("-", "tcb") or status != "-":
            continue
        v = verify(name)
        eq((name, v["error"]), (name, check))
        got = [c.get("got", "") for c in v["checks"] if c["name"] == check][0]
        assert says in got, (name, got)
        n += 1
    assert n >= 60, n


@test
def every_status_of_platform_and_quoting_enclave_is_told_and_accepted_only_by_name():
    n = 0
    for name, check, platform, qe in CASES:
        if check != "tcb":
            continue
        want = converged(platform, qe)
        v = verify(name)
        eq((name, v["tcb_status"], v["error"]), (name, want, None if want == "UpToDate" else "evidence.tcb"))
        if want != "Revoked":
            eq((name, verify(name, sgx="tcb-status = %s" % json.dumps([want]))["error"]), (name, None))
        n += 1
    eq(n, 21)


CASES = [line.split("\t") for line in subprocess.run([TOOL, DIR], stdout=subprocess.PIPE, check=True,
                                                     text=True).stdout.splitlines()]
sentences.run()
