#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# All 72 ready-built modules of WebAssembly/wasi-testsuite, branch
# prod/testsuite-base, hosted and in a Keep, interpreted and natively. They
# are not stored here: DONJON_WASI_TESTSUITE names a checkout of that branch
# (its folder tests/).
set -u
cd "$(dirname "$0")/../.." || exit 1
suite=${DONJON_WASI_TESTSUITE:-}
if [ -z "$suite" ]; then
	echo "1..0 # SKIP no wasi-testsuite (DONJON_WASI_TESTSUITE)"
	exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_STATE_HOME="$work/state" XDG_CONFIG_HOME="$work/config"
export XDG_CACHE_HOME="$work/cache"
n=0
bad=0
# suite NAME OPTION...
run()
{
	name=$1
	shift
	build/wasitest "$@" "$suite/tests/c/testsuite/wasm32-wasip1" \
		"$suite/tests/rust/testsuite/wasm32-wasip1" \
		"$suite/tests/assemblyscript/testsuite/wasm32-wasip1" \
		>"$work/log" 2>&1 </dev/null
	n=$((n + 1))
	last=$(tail -n 1 "$work/log")
	if [ "$last" = "72 passed, 0 failed, 0 skipped" ]; then
		echo "ok $n - $name: $last"
	else
		bad=1
		grep -v '^ok' "$work/log" | sed 's/^/# /' | head -60
		echo "not ok $n - $name: $last"
	fi
}
run "hosted"
run "in a Keep" --keep
if [ -x build/donjon-aot ]; then
	run "natively, guard pages" --engine aot
	run "natively, explicit checks" --engine aot --bounds checks
	run "natively in a Keep" --keep --engine aot
else
	n=$((n + 1))
	echo "ok $n - natively # SKIP no donjon-aot: no LLVM 19 here"
fi
echo "1..$n"
exit $bad
