#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A program of each language runs in a Keep and prints exactly what the
# README beside the probes says (its hashes are read there, not kept here).
set -u
cd "$(dirname "$0")/../.." || exit 1
shared=${DONJON_SHARED:-../shared}
dir=$shared/languages
if [ ! -r "$dir/README.md" ]; then
	echo "1..0 # SKIP no language probes (DONJON_SHARED)"
	exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_STATE_HOME="$work/state" XDG_CONFIG_HOME="$work/config"
n=0
bad=0
check()
{
	n=$((n + 1))
	if [ "$1" = "$2" ]; then
		echo "ok $n - $3"
	else
		bad=1
		echo "# got $1, want $2"
		sed 's/^/# /' "$work/err" | head -20
		echo "not ok $n - $3"
	fi
}
for probe in "$dir"/*/probe.wasm; do
	lang=$(basename "$(dirname "$probe")")
	want=$(sed -nE "s/^\| $lang \| ([0-9a-f]{64}) .*/\1/p" "$dir/README.md")
	build/donjon run --env PROBE=on --dir "$dir::/data:ro" "$probe" \
		/data/in.txt two >"$work/out" 2>"$work/err" </dev/null
	check "$?" 0 "$lang: exit 0"
	check "$(sha256sum <"$work/out" | cut -d' ' -f1)" "$want" "$lang: prints what its README says"
	[ "$lang" = assemblyscript ] && continue
	build/donjon run --env PROBE=on --dir "$dir::/data:ro" "$probe" \
		/data/missing >"$work/out" 2>"$work/err" </dev/null
	check "$?" 3 "$lang: exit 3 for a file that is not there"
done
echo "1..$n"
exit $bad
