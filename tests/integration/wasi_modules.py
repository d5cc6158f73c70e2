#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Programs that nobody here wrote, on our engine and WASI (build/wasirun):
the language probes and Node's WASI tests, with what they must print."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
SHARED = os.environ.get('DONJON_SHARED', os.path.join(ROOT, '..', 'shared'))
WASIRUN = os.path.join(ROOT, 'build', 'wasirun')
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


def node_tests():
    origin = os.path.join(SHARED, 'wasi-modules', 'node-tests')
    for name in sorted(os.listdir(origin)):
        if not name.endswith('.json'):
            continue
        with open(os.path.join(origin, name), encoding='utf-8') as f:
            spec = json.load(f)
        with tempfile.TemporaryDirectory() as work:
            copy = os.path.join(work, 't')
            shutil.copytree(origin, copy)
            for link, target in spec.get('symlinks', {}).items():
                os.symlink(target, os.path.join(copy, link))
            args = ['--arg0', spec['arg0']]
            for k, v in spec['env'].items():
                args += ['--env', '%s=%s' % (k, v)]
            for guest, host in spec['preopens'].items():
                if host is None:
                    args += ['--tmp', guest]
                else:
                    args += ['--dir', '%s::%s' %
                             (os.path.join(copy, host), guest)]
            args += [os.path.join(copy, name[:-5] + '.wasm')] + spec['args']
            r = run(args, spec.get('stdin', '').encode())
        result(r.returncode == spec['exit_code'] and
               r.stdout == spec['stdout'].encode(),
               "Node's WASI test " + name[:-5],
               'exit status %d\n%s' % (r.returncode, (
                   r.stdout + r.stderr).decode('utf-8', 'replace')))


def main():
    if not os.path.isdir(os.path.join(SHARED, 'wasi-modules')):
        print('1..0 # SKIP no third-party modules beside the tree')
        return 0
    if not os.access(WASIRUN, os.X_OK):
        print('Bail out! build/wasirun is missing')
        return 1
    probes()
    node_tests()
    print('1..%d' % count)
    return failed != 0


if __name__ == '__main__':
    sys.exit(main())
