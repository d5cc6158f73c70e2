#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Programs that nobody here wrote, on our engine and WASI (build/wasirun):
the language probes, and Node's WASI tests by build/wasitest, in a Keep and
natively too."""

import hashlib
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
SHARED = os.environ.get('DONJON_SHARED', os.path.join(ROOT, '..', 'shared'))
WASIRUN = os.path.join(ROOT, 'build', 'wasirun')
WASITEST = os.path.join(ROOT, 'build', 'wasitest')
TIMEOUT = 120
count = 0
failed = 0


def result(good, name, why=''):
    global count, failed
    count += 1
    failed += not good
    print('%s %d - %s' % ('ok' if good else 'not ok', count, name))
    if not good:
        for line in why.splitlines()[:12]:
            print('# ' + line)
    sys.stdout.flush()


def run(args, stdin=b''):
    try:
        return subprocess.run([WASIRUN] + args, input=stdin,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired as e:
        return subprocess.CompletedProcess(args, -1, e.stdout or b'',
                                           b'timed out')


def probes():
    folder = os.path.join(SHARED, 'languages')
    want = {}
    with open(os.path.join(folder, 'README.md'), encoding='utf-8') as f:
        for line in f:
            cells = [c.strip() for c in line.split('|')]
            if len(cells) > 3 and len(cells[2]) == 64:
                want[cells[1]] = cells[2]
    for lang in sorted(want):
        module = os.path.join(folder, lang, 'probe.wasm')
        base = ['--ro', folder + '::/data', '--env', 'PROBE=on', module]
        r = run(base + ['/data/in.txt', 'two'])
        result(hashlib.sha256(r.stdout).hexdigest() == want[lang],
               'the %s probe prints what it should' % lang,
               (r.stdout + r.stderr).decode('utf-8', 'replace'))
        if lang != 'assemblyscript':
            r = run(base + ['/data/none'])
            result(r.returncode == 3,
                   'the %s probe misses a missing file' % lang,
                   'exit status %d' % r.returncode)


def node_tests(where, options):
    origin = os.path.join(SHARED, 'wasi-modules', 'node-tests')
    with tempfile.TemporaryDirectory() as state:
        r = subprocess.run([WASITEST] + options + [origin],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           env=dict(os.environ, XDG_STATE_HOME=state,
                                    XDG_CACHE_HOME=state),
                           check=False)
    lines = r.stdout.decode('utf-8', 'replace').splitlines()
    for line in lines[:-1]:
        state, name = line.split(' ', 1)
        if state in ('ok', 'FAIL'):
            result(state == 'ok', "Node's WASI test %s, %s" %
                   (name.split(':')[0], where), name)
    result(lines[-1].endswith('passed, 0 failed, 0 skipped'),
           'wasitest sums them up: ' + lines[-1].replace('#', ''))


def native():
    if not os.access(os.path.join(ROOT, 'build', 'donjon-aot'), os.X_OK):
        print('ok %d # SKIP natively: no donjon-aot, no LLVM 19 here' %
              (count + 1))
        return 1
    node_tests('natively in a Keep', ['--keep', '--engine', 'aot'])
    if os.environ.get('DONJON_LONG'):
        for bounds in ('guard', 'checks'):
            node_tests('natively, ' + bounds,
                       ['--engine', 'aot', '--bounds', bounds])
    return 0


def main():
    if not os.path.isdir(os.path.join(SHARED, 'wasi-modules')):
        print('1..0 # SKIP no third-party modules beside the tree')
        return 0
    if not os.access(WASIRUN, os.X_OK):
        print('Bail out! build/wasirun is missing')
        return 1
    probes()
    node_tests('hosted', [])
    node_tests('in a Keep', ['--keep'])
    skipped = native()
    print('1..%d' % (count + skipped))
    return failed != 0


if __name__ == '__main__':
    sys.exit(main())
