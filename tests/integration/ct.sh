#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# No branch and no index depends on a secret (tests/ct/session.c).
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=build/ct/session
log=build/ct/log

if ! command -v valgrind >/dev/null; then
	echo "1..0 # SKIP no valgrind"
	exit 0
fi
if [ ! -x $bin ]; then
	echo "1..0 # SKIP $bin was not built here: not an x86-64 machine"
	exit 0
fi

bad=0
if valgrind -q --error-exitcode=9 $bin >$log 2>&1; then
	echo "ok 1 - no branch and no index depends on a secret"
else
	sed 's/^/# /' $log | head -n 40
	echo "not ok 1 - no branch and no index depends on a secret"
	bad=1
fi
valgrind -q --error-exitcode=9 $bin leak >$log 2>&1
if [ $? = 9 ]; then
	echo "ok 2 - a branch on a secret is found"
else
	echo "not ok 2 - a branch on a secret is found"
	bad=1
fi
echo "1..2"
exit $bad
