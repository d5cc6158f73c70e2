#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The model of attach, streams and exit (models/attach.pml beside the project),
# searched whole by Spin: cut links, replayed OPENs, killed clients and Keeps
# lose or double no byte, record the result once, start the work once. A model
# with one rule taken away must fail, or the search says nothing.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
model=$(readlink -f "${DONJON_SHARED:-$root/../shared}/spec/models/attach.pml")
if [ ! -r "$model" ]; then
	echo "1..0 # SKIP no models (DONJON_SHARED)"
	exit 0
fi
if ! command -v spin >/dev/null; then
	echo "1..0 # SKIP no spin"
	exit 0
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/donjon-spin-XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
n=0
bad=0

# search NAME WANT DEFINES...: WANT errors, 0 or 1
search()
{
	name=$1
	want=$2
	shift 2
	n=$((n + 1))
	if spin "$@" -a "$model" >log 2>&1 &&
		cc -O1 -DSAFETY -w -o pan pan.c >>log 2>&1; then
		./pan -m3000000 -w26 >log 2>&1
	fi
	errors=$(sed -n 's/.*errors: \([0-9]*\).*/\1/p' log)
	states=$(sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' log)
	if [ "$errors" = "$want" ] && ! grep -q 'max search depth too small\|out of memory' log; then
		echo "ok $n - $name: errors $errors in $states states"
	else
		sed 's/^/# /' log | head -n 20
		echo "not ok $n - $name: errors ${errors:-?}, wanted $want"
		bad=1
	fi
}

faults=3
[ -n "${DONJON_LONG:-}" ] && faults=5
search "attach, $faults faults" 0 -DFAULTS=$faults
search "attach, $faults faults, the Keep killed too" 0 -DKILLKEEP -DFAULTS=$((faults - faults / 5))
for bug in NO_RETAIN LATE_TICKET NO_OFFSET; do
	search "without a rule (BUG_$bug) it is found" 1 -DBUG_$bug -DFAULTS=3
done
echo "1..$n"
exit $bad
