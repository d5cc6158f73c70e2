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
for f in fuzz/fuzz_*.c; do
	n=$((n + 1))
	name=$(basename "$f" .c)
	f=build/fuzz/bin/$name
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
echo "1..$n"
exit $bad
