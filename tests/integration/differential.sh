#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Modules at random (tests/wasmgen) by interpreter, native code and V8:
# values, traps, memories, tables, globals, calls out, fuel. 2,000 of them; with
# DONJON_LONG=1 on to 200,000, and 10,000 of wasm-opt's, where an earlier run
# ended (build/wasmdiff.state, build/wasmdiff.ttf.state).
set -u
cd "$(dirname "$0")/../.." || exit 1
[ -x build/wasmdiff ] || {
	echo "1..0 # SKIP no build/wasmdiff: no LLVM 19 here when this was built"
	exit 0
}
node=$(command -v "${NODE:-node}") || node=none
out=$(mktemp)
trap 'rm -f "$out"' EXIT
n=0
bad=0

# result STATUS NAME
result()
{
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n - $2: $(tail -n 1 "$out")"
	else
		sed 's/^/# /' "$out" | head -n 60
		echo "not ok $n - $2: $(tail -n 1 "$out")"
		bad=1
	fi
}

# go_on STATE COUNT OPTION...: to COUNT, from where an earlier run ended
go_on()
{
	state=$1
	left=$(($2 - $(sed -n 's/^next \([0-9]*\) .*/\1/p' "$state" \
		2>/dev/null || echo 0)))
	shift 2
	build/wasmdiff --node "$node" --alternate --state "$state" \
		--count $((left > 0 ? left : 0)) "$@" >"$out"
}

if [ "${DONJON_LONG:-}" = 1 ]; then
	go_on build/wasmdiff.state 200000
	result $? "200,000 modules do the same in all engines"
else
	build/wasmdiff --node "$node" --alternate --count 2000 >"$out"
	result $? "2,000 modules do the same in all engines"
fi
if ! command -v wasm-opt >/dev/null; then
	n=$((n + 1))
	echo "ok $n - modules of wasm-opt's fuzzer too # SKIP no wasm-opt"
elif [ "${DONJON_LONG:-}" = 1 ]; then
	go_on build/wasmdiff.ttf.state 10000 --ttf
	result $? "10,000 modules of wasm-opt's fuzzer too"
else
	build/wasmdiff --node "$node" --alternate --ttf --count 100 >"$out"
	result $? "100 modules of wasm-opt's fuzzer too"
fi
if [ "$node" = none ]; then
	n=$((n + 1))
	echo "ok $n - V8 agrees # SKIP no node"
fi
echo "1..$n"
exit $bad
