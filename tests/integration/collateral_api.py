#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""GET /v1/collateral/TEE serves the items that go with EVIDENCE, session.md
3.6: of real hardware from the folders of --snp and --sgx, else the emulated
TEE's; by tag, as text where it is some, and with an ETag."""
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from donjonlib import Agent, Tap, program  # noqa: E402

t = Tap()
work = tempfile.mkdtemp(prefix="donjon-test-")
SGX = {"tcb_info.json": b'{"tcbInfo":{}}', "tcb_signing_chain.pem": b"chain of the TCB info\n",
       "qe_identity.json": b'{"enclaveIdentity":{}}', "qe_identity_signing_chain.pem": b"chain of the QE identity\n",
       "root_ca_crl.der": b"\x30\x82\x00\xff", "pck_crl.der": b"\x30\x80", "pck_crl_issuer_chain.pem": b"\xff\xfe"}


def folder(files):
    d = tempfile.mkdtemp(dir=work)
    for name, data in files.items():
        with open(os.path.join(d, name), "wb") as f:
            f.write(data)
    return d


def items(agent, tee):
    st, j = agent.request("GET", "/v1/collateral/" + tee)
    return (st, j["emulated"] if st == 200 else None,
            {i["tag"]: {k: v for k, v in i.items() if k != "tag"} for i in j["items"]} if st == 200 else {})


def text(name):
    return SGX[name].decode()


agent = Agent("--sgx", folder(SGX))
st, emulated, got = items(agent, "sgx")
t.eq((st, emulated), (200, False), "what --sgx has is the hardware's")
t.eq(got, {4: {"name": "tcb-info", "json": text("tcb_info.json")}, 5: {"name": "tcb-chain", "pem": text("tcb_signing_chain.pem")},
           6: {"name": "qe-identity", "json": text("qe_identity.json")},
           7: {"name": "qe-chain", "pem": text("qe_identity_signing_chain.pem")},
           8: {"name": "root-crl", "hex": "308200ff"}, 9: {"name": "pck-crl", "hex": "3080"},
           10: {"name": "pck-chain", "hex": "fffe"}}, "all of it, by tag, and as hex what is no text")
t.eq(items(agent, "process")[1:], (True, {2: {"name": "chain", "pem": open(os.path.join(agent.emu, "process-chain.pem")).read()}}),
     "the emulated process has its chain")
t.eq(items(agent, "snp")[0], 404, "there is none for a TEE that it has no files of")
t.eq(items(agent, "none")[0], 404, "nor for one that there is not")
agent.close()

part = {k: v for k, v in SGX.items() if k in ("tcb_info.json", "pck_crl.der")}
agent = Agent("--sgx", folder(part), "--snp", folder({}))
t.eq(sorted(items(agent, "sgx")[2]), [4, 9], "of a folder that lacks some it is what is there")
t.eq(items(agent, "snp")[0], 404, "and of an empty one nothing")
agent.close()

agent = Agent()
subprocess.run([program("donjon-emu"), "add", "sgx", agent.emu], check=True, stdout=subprocess.DEVNULL)
st, emulated, got = items(agent, "sgx")
t.eq((st, emulated, sorted(got)), (200, True, [4, 5, 6, 8, 9]), "an emulated SGX has what goes with its quotes")
t.ok("pem" in got[5] and "json" in got[4] and got[8]["hex"].startswith("30"), "in the same forms", got)
agent.close()
subprocess.run(["rm", "-rf", work], check=True)
t.done()
