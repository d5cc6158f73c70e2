#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The examples, each built by the command that its first comment gives, run in
# a Keep with a known answer. A language whose compiler is not here is
# skipped by name (Go's is in bookworm-backports); AssemblyScript's is fetched
# with npm, where that is.
set -u
cd "$(dirname "$0")/../.." || exit 1
top=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_STATE_HOME="$work/state" XDG_CONFIG_HOME="$work/config"
n=0
bad=0
skip()
{
	n=$((n + 1))
	echo "ok $n - $1 # SKIP $2"
}

# build SOURCE: runs its own command, in a copy.
build()
{
	cp "$1" "$work/" || return 1
	command=$(sed -nE 's#^( \*|//!?)[[:space:]]+((clang|rustc|npx asc|GOOS=).*)#\2#p' "$1")
	(cd "$work" && eval "$command") >"$work/err" 2>&1
}
# example NAME WANT: what the last run printed.
example()
{
	n=$((n + 1))
	if [ "$(cat "$work/out")" = "$2" ]; then
		echo "ok $n - $1"
	else
		bad=1
		sed 's/^/# /' "$work/out" "$work/err" | head -20
		echo "not ok $n - $1"
	fi
}
keep()
{
	"$top/build/donjon" run "$@" >"$work/out" 2>>"$work/err"
}

mkdir "$work/d"
printf 'the keep\nis the key\n' >"$work/d/text"
if build examples/c/words.c; then
	keep "$work/words.wasm" <"$work/d/text"
	example "C: words" "$(printf '5 words, 4 of them different\n    2 the\n    1 is\n    1 keep\n    1 key')"
else
	skip "C: words" "no C library for wasm32-wasi"
fi
if build examples/cpp/index.cpp; then
	keep --dir "$work/d::/d:ro" "$work/index.wasm" /d/text </dev/null
	example "C++: index" "$(printf 'is: 2\nkeep: 1\nkey: 2\nthe: 1 2')"
else
	skip "C++: index" "no C++ library for wasm32-wasi"
fi
if ! command -v rustc >/dev/null ||
	[ ! -d "$(rustc --print target-libdir --target wasm32-wasip1 2>/dev/null)" ]; then
	skip "Rust: totals" "no rustc with the target wasm32-wasip1"
elif build examples/rust/totals.rs; then
	printf 'a,b\n1,2.5\n3,4\n' >"$work/d/table"
	keep "$work/totals.wasm" <"$work/d/table"
	example "Rust: totals" "$(printf 'a 4\nb 6.5\nrows 2')"
else
	example "Rust: totals is built" built
fi
# wasip1 is in Go since 1.21; Debian 12 itself has 1.19.
go=$(command -v /usr/lib/go-1.23/bin/go || command -v go)
if [ -z "$go" ] || [ "$(GOOS=wasip1 GOARCH=wasm "$go" env GOOS 2>/dev/null)" != wasip1 ] ||
	! "$go" tool dist list 2>/dev/null | grep -qx wasip1/wasm; then
	skip "Go: tally" "no Go with the target wasip1"
elif PATH=$(dirname "$go"):$PATH GOCACHE=${GOCACHE:-$work/go} build examples/go/tally.go; then
	printf 'the lock of the keep\n' >"$work/d/text2"
	keep --memory 512MiB --dir "$work/d::/data:ro" "$work/tally.wasm" /data/text /data/text2 </dev/null
	example "Go: tally" "$(printf '4 the\n2 keep\n1 is')"
	rm "$work/d/text2"
else
	example "Go: tally is built" built
fi
# Both packages and nothing that they would run.
if [ ! -d build/npm/as/node_modules ] && command -v npm >/dev/null; then
	mkdir -p build/npm/as
	npm install --silent --ignore-scripts --fetch-retries=0 \
		--prefix build/npm/as assemblyscript@0.28.20 \
		@assemblyscript/wasi-shim@0.1.0 >/dev/null 2>&1 ||
		rm -rf build/npm/as
fi
if [ -d build/npm/as/node_modules ]; then
	ln -s "$top/build/npm/as/node_modules" "$work/node_modules"
	build examples/assemblyscript/primes.ts
	keep "$work/primes.wasm" 1000000 </dev/null
	example "AssemblyScript: primes" "78498 999983"
else
	skip "AssemblyScript: primes" "no AssemblyScript from npm"
fi
echo "1..$n"
exit $bad
