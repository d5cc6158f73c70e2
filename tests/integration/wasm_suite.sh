#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The W3C's scripts on our engine (build/spectest). What the engine does not
# have is skipped by name in its output; a failure is a failure. And the frames
# of a trap, and what is known of a memory's end, which the suite does not ask.
set -u
cd "$(dirname "$0")/../.." || exit 1
suite=${DONJON_SHARED:-../shared}/wasm-spec
[ -d "$suite" ] || {
	echo "1..0 # SKIP no wasm-spec beside the tree"
	exit 0
}
out=$(mktemp)
own=$(mktemp -d)
trap 'rm -rf "$out" "$own"' EXIT
n=0
bad=0

# result STATUS NAME
result()
{
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n - $2: $(tail -n 1 "$out")"
	else
		echo "not ok $n - $2: $(tail -n 1 "$out")"
		sed 's/^/# /' "$out" | head -n 20
		bad=1
	fi
}

groups="1.0 2.0/core 2.0/simd 3.0/core 3.0/bulk-memory 3.0/multi-memory
	3.0/memory64 3.0/relaxed-simd 3.0/simd 3.0/exceptions 3.0/gc
	proposals-debian proposals"
for group in $groups; do
	build/spectest "$suite/$group" >"$out" 2>&1
	result $? "$group"
done

# Native code: all of it with guard pages, and with explicit checks what has
# most to do with memory; all of that too in the long run.
for group in $groups; do
	build/spectest --native guard "$suite/$group" >"$out" 2>&1
	result $? "$group, native, guard pages"
done
[ -n "${DONJON_LONG:-}" ] || groups="1.0 3.0/memory64 3.0/multi-memory 3.0/gc"
for group in $groups; do
	build/spectest --native checks "$suite/$group" >"$out" 2>&1
	result $? "$group, native, explicit checks"
done

tests/support/backtrace_script.py "$own"
for engine in "" "--native guard" "--native checks" "--native guard,O2"; do
	# shellcheck disable=SC2086  # two words or none
	build/spectest $engine --wasm 3.0 "$own/backtrace.json" >"$out" 2>&1
	result $? "backtraces, ${engine:-interpreted}"
done

tests/support/links_script.py "$own"
for engine in "" "--native guard" "--native checks,O2"; do
	# shellcheck disable=SC2086
	build/spectest $engine --wasm 3.0 "$own/links.json" >"$out" 2>&1
	# Two that cannot be linked would be a feature that is not there.
	grep -q "^6 passed, 0 failed, 0 skipped" "$out"
	result $? "a tail call in one of two modules, ${engine:-interpreted}"
done

tests/support/memory_script.py "$own"
for engine in "" "--native guard" "--native checks" "--native guard,O2" \
	"--native checks,O2"; do
	# shellcheck disable=SC2086
	build/spectest $engine --wasm 3.0 "$own/memory.json" >"$out" 2>&1
	result $? "a memory's end, ${engine:-interpreted}"
	case $engine in *guard*) continue ;; esac
	# shellcheck disable=SC2086
	build/spectest $engine --wasm 3.0 "$own/after_trap.json" >"$out" 2>&1
	result $? "what is written before a trap, ${engine:-interpreted}"
done

echo "1..$n"
exit $bad
