#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The W3C's scripts on our engine's builds for riscv64 and ppc64le, under
# qemu-user, interpreted and as native code that build/spectest makes for them
# here. A sample, for an emulated machine is slow; all with DONJON_LONG=1. And
# the frames of a trap (tests/support/backtrace_script.py), in all three ways.
set -u
cd "$(dirname "$0")/../.." || exit 1
suite=${DONJON_SHARED:-../shared}/wasm-spec
[ -d "$suite" ] || {
	echo "1..0 # SKIP no wasm-spec beside the tree"
	exit 0
}
out=$(mktemp)
images=$(mktemp -d)
trap 'rm -rf "$out" "$images" "$images.list" "$images.own"' EXIT
n=0
bad=0
groups="2.0/simd 3.0/relaxed-simd 3.0/multi-memory 3.0/exceptions
	proposals-debian/tail-call"
scalar="1.0/conversions 1.0/float_exprs 1.0/f32 1.0/f64 1.0/i32 1.0/i64
	1.0/float_misc 1.0/call_indirect 1.0/memory_trap 1.0/names"
numbers=$scalar
native_groups="1.0 2.0/core 2.0/simd 3.0/core 3.0/bulk-memory 3.0/multi-memory
	3.0/memory64 3.0/relaxed-simd 3.0/simd 3.0/exceptions 3.0/gc
	proposals-debian proposals"
[ -n "${DONJON_LONG:-}" ] && {
	groups="$groups 1.0 2.0/core 3.0/core 3.0/bulk-memory 3.0/memory64
		3.0/simd 3.0/gc proposals-debian proposals"
	scalar=
}

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

# native ARCH BOUNDS NAME FILE.json|FOLDER...: from the suite's folder.
native()
{
	arch=$1 bounds=$2 name="$1 $3, native, $2"
	shift 3
	# What the compiler lacks is skipped there, by name; a failure is one.
	if ! (cd "$suite" && "$tree/build/spectest" --native "$bounds" \
		--native-to "$images" --isa "$arch" "$@") >"$out" 2>&1; then
		result 1 "$name"
		return
	fi
	(cd "$suite" && "qemu-$arch-static" \
		"$tree/build/cross/$arch/spectest" --native "$bounds" \
		--native-from "$images" --pages 1024 "$@") >"$out" 2>&1
	result $? "$name"
	rm -f "$images"/*
}

# The same for a group, script by script: qemu-user keeps a record of every
# page that was ever reserved, which guard pages are many of.
guarded()
{
	bad_scripts=0 passed=0
	(cd "$suite" && find "$2" -name '*.json' | sort) >"$images.list"
	while read -r script; do
		if ! (cd "$suite" && "$tree/build/spectest" --native guard \
			--native-to "$images" --isa "$1" "$script" &&
			"qemu-$1-static" "$tree/build/cross/$1/spectest" \
				--native guard --native-from "$images" \
				--pages 1024 "$script") >"$out" 2>&1; then
			bad_scripts=$((bad_scripts + 1))
			sed 's/^/# /' "$out" | head -n 5
		fi
		passed=$((passed + $(sed -n '$s/ passed.*//p' "$out")))
		rm -f "$images"/*
	done <"$images.list"
	echo "$passed passed, $bad_scripts scripts failed" >"$out"
	result "$bad_scripts" "$1 $2, native, guard"
}

tree=$PWD
suite=$(cd "$suite" && pwd)
mkdir "$images.own"
tests/support/backtrace_script.py "$images.own"
tests/support/memory_script.py "$images.own"
for arch in riscv64 ppc64le; do
	for bounds in checks guard; do
		native "$arch" "$bounds" backtraces --wasm 3.0 \
			"$images.own/backtrace.json"
		# With vectors where the machine has them.
		native "$arch" "$bounds,O2" "memory's end" \
			"$images.own/memory.json"
	done
	if [ -n "${DONJON_LONG:-}" ]; then
		for group in $native_groups; do
			native "$arch" checks "$group" "$group"
			guarded "$arch" "$group"
		done
		continue
	fi
	# shellcheck disable=SC2086  # a list of names
	native "$arch" checks "1.0, numbers and traps" $numbers
	for group in 3.0/relaxed-simd 3.0/multi-memory 3.0/exceptions 3.0/gc \
		proposals-debian/tail-call; do
		native "$arch" checks "$group" "$group"
	done
	native "$arch" guard "memory" 1.0/memory_trap 1.0/address 1.0/endianness
done

# qemu-user keeps a record of every page that was ever reserved: small
# memories, and a limit, so that it ends before the machine does.
# shellcheck disable=SC3045  # dash and bash have it
ulimit -v 12000000
for arch in riscv64 ppc64le; do
	for group in $groups; do
		qemu-$arch-static build/cross/$arch/spectest --pages 1024 \
			"$suite/$group" >"$out" 2>&1
		result $? "$arch $group"
	done
	qemu-$arch-static build/cross/$arch/spectest --wasm 3.0 --pages 1024 \
		"$images.own/backtrace.json" >"$out" 2>&1
	result $? "$arch backtraces"
	[ -z "$scalar" ] && continue
	# shellcheck disable=SC2086  # a list of names
	(cd "$suite" && qemu-$arch-static "$OLDPWD/build/cross/$arch/spectest" \
		--wasm 1.0 --pages 1024 $scalar) >"$out" 2>&1
	result $? "$arch 1.0, numbers and traps"
done

echo "1..$n"
exit $bad
