#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Promise 31: the verifier goes by the client's time and nothing else. Saved
evidence is judged a second before, at and a second after each end of every
certificate's validity, once by --at and once by a clock that is set."""
import datetime
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from donjonlib import BUILD, Tap, program, skip_all  # noqa: E402

try:
    from cryptography import x509
except ImportError:
    skip_all("no python3-cryptography")
t = Tap()
work = tempfile.mkdtemp(prefix="donjon-test-")
env = {k: v for k, v in os.environ.items() if not k.startswith("DONJON_")}
env.update(HOME=work, XDG_STATE_HOME=work, XDG_CONFIG_HOME=work)
subprocess.run([os.path.join(BUILD, "tests/evidence_tool/evidence_tool"), work], check=True, stdout=subprocess.DEVNULL)


def judge(*pre, at=None):
    r = subprocess.run([*pre, program("donjon"), "verify", *(["--at", at] if at else []), "-p", "policy.toml", "--json",
                        "good.ksb"], cwd=work, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return r.returncode == 0, r


with open(os.path.join(work, "good.ksb"), "rb") as f:
    bundle = f.read()
end = b"-----END CERTIFICATE-----\n"
certs, at = [], bundle.find(b"-----BEGIN CERTIFICATE-----")
while at >= 0:
    stop = bundle.index(end, at) + len(end)
    certs.append(x509.load_pem_x509_certificate(bundle[at:stop]))
    at = bundle.find(b"-----BEGIN CERTIFICATE-----", stop)
utc = datetime.timezone.utc
begins = max(c.not_valid_before.replace(tzinfo=utc) for c in certs)
ends = min(c.not_valid_after.replace(tzinfo=utc) for c in certs)
t.ok(len(certs) == 2 and begins < ends, "evidence with %d certificates, good from %s to %s" % (len(certs), begins, ends))
second = datetime.timedelta(seconds=1)
faketime = shutil.which("faketime")
for when, name, want in ((begins - second, "one second before it begins", False), (begins, "when it begins", True),
                         (begins + second, "one second after", True), (ends - second, "one second before it ends", True),
                         (ends, "when it ends", True), (ends + second, "one second after that", False)):
    good, r = judge(at=when.strftime("%Y-%m-%dT%H:%M:%SZ"))
    t.ok(good == want, "%s: %s, by --at" % (name, "good" if want else "refused"), r.stdout + r.stderr)
    what = "%s: %s, by the clock" % (name, "good" if want else "refused")
    if not faketime:
        t.skip(what, "no faketime")
    elif (when == ends or when == ends - second or when == begins - second) and want == good:
        # A clock runs: the instant itself has no width. A minute does.
        when += datetime.timedelta(seconds=-60)
        good, r = judge(faketime, when.astimezone().strftime("%Y-%m-%d %H:%M:%S"))
        t.ok(good == want, what, r.stdout + r.stderr)
    else:
        when += datetime.timedelta(seconds=60)
        good, r = judge(faketime, when.astimezone().strftime("%Y-%m-%d %H:%M:%S"))
        t.ok(good == want, what, r.stdout + r.stderr)
shutil.rmtree(work, ignore_errors=True)
t.done()
