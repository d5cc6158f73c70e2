#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Programs from Debian's source packages, built for wasm32-wasi as they are and
# run in a Keep with known answers, interpreted and natively: Lua (its errors
# are longjmp, so exceptions here), SQLite on a database in the Keep, and zstd
# both ways.
set -u
cd "$(dirname "$0")/../.." || exit 1
if ! command -v clang-19 >/dev/null; then
	echo "1..0 # SKIP no clang-19"
	exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_STATE_HOME="$work/state" XDG_CONFIG_HOME="$work/config"
export XDG_CACHE_HOME="$work/cache"
engines="interp aot"
[ -x build/donjon-aot ] || engines=interp
own=tests/programs
src=build/bench/src
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
skip()
{
	n=$((n + 1))
	echo "ok $n - $1 # SKIP $2"
}
wasm()
{
	clang-19 --target=wasm32-wasi -O2 -s -w -Wl,-z,stack-size=1048576 "$@" \
		>"$work/err" 2>&1
}
keep()
{
	build/donjon run --engine "$engine" "$@"
}
source_of()
{
	tools/deps source "$1" "$src/$1" >"$work/err" 2>&1
}

if source_of lua5.4; then
	mkdir -p "$work/inc"
	echo '#define DEB_HOST_MULTIARCH "none"' >"$work/inc/lua5.4-deb-multiarch.h"
	# shellcheck disable=SC2046  # names without spaces
	wasm -mexception-handling -mllvm -wasm-enable-eh -mllvm -wasm-enable-sjlj \
		-I$own/lua -I"$src/lua5.4/src" -I"$work/inc" -DL_tmpnam=32 \
		-D_WASI_EMULATED_SIGNAL -D_WASI_EMULATED_PROCESS_CLOCKS \
		-o "$work/lua.wasm" $own/lua/sjlj.c \
		$(find "$src/lua5.4/src" -name '*.c' ! -name luac.c) \
		-lwasi-emulated-signal -lwasi-emulated-process-clocks
	check "$?" 0 "Lua is built, setjmp and all"
	for engine in $engines; do
		keep --dir $own/lua::/l:ro "$work/lua.wasm" /l/known.lua /tmp \
			>"$work/out" 2>"$work/err" </dev/null
		code=$?
		check "$code" 5 "$engine: it exits with the code of os.exit"
		check "$(sha256sum <"$work/out")" "$(sha256sum <$own/lua/known.out)" \
			"$engine: and prints what a native Lua prints"
	done
else
	skip Lua "Debian's sources cannot be reached"
fi

if ! command -v tclsh >/dev/null; then
	skip SQLite "no tclsh, which makes its one file"
elif source_of sqlite3; then
	one=build/bench/engine/sqlite-amalgamation
	top=$PWD
	mkdir -p $one
	if [ ! -s $one/sqlite3.c ]; then
		(cd $one && "$top/$src/sqlite3/configure" --disable-tcl \
			--disable-readline && make sqlite3.c) >"$work/err" 2>&1
	fi
	wasm -DSQLITE_OS_OTHER=1 -DSQLITE_THREADSAFE=0 -DSQLITE_TEMP_STORE=3 \
		-DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_OMIT_WAL -I$one \
		-o "$work/sqlite.wasm" $own/sqlite.c $one/sqlite3.c \
		"$src/sqlite3/src/test_demovfs.c" tests/bench/engine/sqlite_os.c
	check "$?" 0 "SQLite is built"
	for engine in $engines; do
		mkdir "$work/db-$engine"
		keep --dir "$work/db-$engine::/db" "$work/sqlite.wasm" /db/known.db \
			<$own/known.sql >"$work/out" 2>"$work/err"
		check "$?" 0 "$engine: it runs a script"
		check "$(cat "$work/out")" "$(cat $own/known.sql.out)" \
			"$engine: and answers as a native SQLite does"
		python3 -c 'import sqlite3' 2>/dev/null || continue
		check "$(python3 - "$work/db-$engine/known.db" <<-'PY'
			import sqlite3, sys
			db = sqlite3.connect(sys.argv[1])
			print(*db.execute("pragma integrity_check").fetchone(),
			      *db.execute("select count(*), sum(v) from t").fetchone())
		PY
		)" "ok 20000 1264602.75" \
			"$engine: the database that comes back is whole, says another SQLite"
	done
else
	skip SQLite "Debian's sources cannot be reached"
fi

if source_of libzstd; then
	lib=$src/libzstd/lib
	wasm -DZSTD_DISABLE_ASM=1 -I$lib -o "$work/zstd.wasm" $own/zstd.c \
		$lib/common/*.c $lib/compress/*.c $lib/decompress/*.c
	check "$?" 0 "zstd is built"
	cat keep/engine/*.c lib/wasm/*.c client/*.c >"$work/text"
	for engine in $engines; do
		keep "$work/zstd.wasm" c 9 <"$work/text" >"$work/z" 2>"$work/err"
		check "$?" 0 "$engine: it packs"
		check "$(($(stat -c %s "$work/z") * 3 < $(stat -c %s "$work/text")))" 1 \
			"$engine: to less than a third"
		keep "$work/zstd.wasm" d <"$work/z" >"$work/back" 2>"$work/err"
		check "$? $(sha256sum <"$work/back")" "0 $(sha256sum <"$work/text")" \
			"$engine: and unpacks it"
		if ! command -v zstd >/dev/null; then
			skip "zstd against a native one" "no zstd"
			continue
		fi
		check "$(zstd -dc <"$work/z" | sha256sum)" "$(sha256sum <"$work/text")" \
			"$engine: a native zstd unpacks it too"
		zstd -19 -qc <"$work/text" >"$work/z19"
		keep "$work/zstd.wasm" d <"$work/z19" >"$work/back" 2>"$work/err"
		check "$? $(sha256sum <"$work/back")" "0 $(sha256sum <"$work/text")" \
			"$engine: and it what a native one packed"
	done
else
	skip zstd "Debian's sources cannot be reached"
fi
[ "$engines" = interp ] && skip natively "no donjon-aot: no LLVM 19 here"
echo "1..$n"
exit $bad
