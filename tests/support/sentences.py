# SPDX-License-Identifier: Apache-2.0
#
# Tests whose function names are the sentences that hold, for scripts that
# assert: @test on each, then run(). DIR is a folder of the run's own.
import shutil
import sys
import tempfile

DIR = tempfile.mkdtemp(prefix="donjon-test-")
tests = []


def test(f):
    tests.append(f)
    return f


def eq(got, want):
    assert got == want, "%r, not %r" % (got, want)


def skip_all(why):
    shutil.rmtree(DIR)
    print("1..0 # SKIP " + why)
    sys.exit(0)


def run():
    fails = 0
    try:
        for i, f in enumerate(tests, 1):
            name = f.__name__.replace("_", " ")
            try:
                f()
                print("ok %d - %s" % (i, name))
            except AssertionError as e:
                fails += 1
                print("# " + str(e).replace("\n", "\n# "))
                print("not ok %d - %s" % (i, name))
    finally:
        shutil.rmtree(DIR)
    print("1..%d" % len(tests))
    sys.exit(1 if fails else 0)
