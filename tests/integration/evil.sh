#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The evil host (tests/evil/): a short campaign, and all deliberately broken
# builds, which must be caught. DONJON_LONG=1: the whole of it.
set -u
cd "$(dirname "$0")/../.." || exit 1
evil=build/evil
log=$(mktemp)
trap 'rm -f "$log"' EXIT
n=0
bad=0

say()
{
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n - $2"
	else
		bad=1
		sed 's/^/# /' "$log" | tail -n 60
		echo "not ok $n - $2"
	fi
}

campaign()
{
	what=$1
	shift
	"$evil" "$@" >"$log" 2>&1
	st=$?
	echo "# $(tail -n 1 "$log")"
	say "$st" "$what: nothing leaks, nothing false is accepted, nothing crashes or hangs"
}

if [ -n "${DONJON_LONG:-}" ]; then
	campaign "every single action" --all -j "$(nproc)"
	campaign "all pairs of the most telling" --pairs -j "$(nproc)"
	campaign "10,000 random plans" --random 10000 --seed 1 -j "$(nproc)"
else
	campaign "every 97th single action" --all --every 97
	campaign "150 random plans" --random 150 --seed 1
fi
campaign "the plans that are kept" --replay tests/evil/plans/*.plan

total=0
caught=0
missed=
for b in build/evil-break/*/evil; do
	[ -x "$b" ] || continue
	total=$((total + 1))
	if "$b" --stop --replay tests/evil/plans/*.plan >"$log" 2>&1; then
		missed="$missed $b"
	else
		caught=$((caught + 1))
	fi
done
echo "# {\"schema\":\"donjon.evil/1\",\"campaign\":\"controls\",\"caught\":$caught,\"total\":$total}"
[ "$total" -ge 8 ] && [ "$caught" = "$total" ]
say $? "the harness catches each broken build: $caught of $total${missed:+, missed:$missed}"
echo "1..$n"
exit $bad
