#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Folders that come back from a Keep, end to end: changed, new and removed
# files, and nothing at all from a program that did not end by itself.
set -u
cd "$(dirname "$0")/../.." || exit 1
if ! command -v clang-19 >/dev/null; then
	echo "1..0 # SKIP no clang-19"
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

cat >"$work/edit.c" <<'C'
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0)
		exit(90);
}
int main(int argc, char **argv)
{
	put("/data/a", "changed\n");
	put("/two/x", "in the other\n");
	if (remove("/data/sub/b") != 0 || rmdir("/data/sub") != 0 ||
		mkdir("/data/new", 0777) != 0)
		return 91;
	put("/data/new/f", "new\n");
	if (symlink(argv[2], "/data/new/l") != 0)
		return 92;
	if (argv[1][0] == 'f')
		__builtin_trap();
	for (int i = 0; argv[1][0] == 'b' && i < 3000; i++) {
		char name[64];
		snprintf(name, sizeof(name), "/data/new/many-%d", i);
		put(name, "some text\n");
	}
	return argc > 3 ? atoi(argv[3]) : 0;
}
C
if ! clang-19 --target=wasm32-wasi -O2 -s -o "$work/edit.wasm" \
	"$work/edit.c" 2>"$work/err"; then
	echo "1..0 # SKIP no C library for wasm32-wasi"
	exit 0
fi

fresh()
{
	rm -rf "$work/d" "$work/two"
	mkdir -p "$work/d/sub" "$work/two"
	echo one >"$work/d/a"
	echo two >"$work/d/sub/b"
	echo same >"$work/d/same"
}
state()
{
	(cd "$work" && find d two -printf '%p %y %l\n' | LC_ALL=C sort &&
		find d two -type f | LC_ALL=C sort | xargs cat) | sha256sum
}
run()
{
	build/donjon run --dir "$work/d::/data" --dir "$work/two::/two" \
		"$work/edit.wasm" "$@" >"$work/out" 2>"$work/err" </dev/null
}

fresh
before=$(state)
run fault ../a
check "$?" 134 "a program that traps"
check "$(state)" "$before" "changes nothing here"
run end d/../../..
check "$?" 74 "a link that may lead out is refused"
check "$(grep -c 'dir.return' "$work/err")" 1 "by its name"
check "$(state)" "$before" "and with it all the rest"
run end ../a 7
check "$?" 7 "a program that ends by itself, with its own code"
check "$(cat "$work/d/a" "$work/d/new/f" "$work/d/new/l" "$work/two/x")" \
	"$(printf 'changed\nnew\nchanged\nin the other')" "brings back what it wrote"
check "$(cd "$work/d" && find . | LC_ALL=C sort | tr '\n' ' ')" \
	". ./a ./new ./new/f ./new/l ./same " "and takes away what it removed"
check "$(find "$work" -name '.donjon*' | wc -l)" 0 "and leaves nothing beside it"
fresh
run big ../a
check "$?" 0 "more than a window comes back"
check "$(find "$work/d/new" -name 'many-*' | wc -l)" 3000 "all of it"
fresh
build/donjon run --dir "$work/d::/data:ro" --dir "$work/two::/two" \
	"$work/edit.wasm" end ../a >"$work/out" 2>"$work/err" </dev/null
check "$?" 90 "a folder with :ro cannot be written"
check "$(state)" "$before" "and stays"
echo "1..$n"
exit $bad
