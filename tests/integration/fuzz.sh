#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Runs every fuzz target for FUZZ_SECONDS from its seeds (fuzz/seeds/NAME/) and
# what earlier runs found (build/fuzz/corpus/NAME/).
set -u
cd "$(dirname "$0")/../.." || exit 1
seconds=${FUZZ_SECONDS:-10}
n=0
bad=0
for f in build/fuzz/bin/fuzz_*; do
	[ -x "$f" ] || continue
	n=$((n + 1))
	name=$(basename "$f")
	corpus=build/fuzz/corpus/$name
	log=build/fuzz/$name.log
	mkdir -p "$corpus"
	set -- "$corpus"
	[ -d "fuzz/seeds/${name#fuzz_}" ] && set -- "$@" "fuzz/seeds/${name#fuzz_}"
	if "$f" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
		-artifact_prefix="build/fuzz/$name-" "$@" >"$log" 2>&1; then
		runs=$(sed -n 's/^Done \([0-9]*\) runs.*/\1/p' "$log")
		echo "ok $n - $name finds nothing in $seconds s ($runs runs)"
	else
		bad=1
		tail -n 25 "$log" | sed 's/^/# /'
		echo "not ok $n - $name"
	fi
done
if [ "$n" = 0 ]; then
	echo "1..0 # SKIP no fuzz target was built"
	exit 0
fi
echo "1..$n"
exit $bad
