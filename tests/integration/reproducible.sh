#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What runs is what was built: the same sources, built in another folder, by
# another umask, locale and time zone, with a packager's flags in the
# environment, give the same keep image, bit for bit. And the measurement
# would change if a source did.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/donjon-rebuild-XXXXXX")
trap 'rm -rf "$work"' EXIT
n=0
bad=0
result()
{
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		bad=1
	fi
}

build()
{
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u MAKEOVERRIDES "$@" \
		make -s -C "$copy" build/keep/process.elf >"$work/log" 2>&1 ||
		sed 's/^/# /' "$work/log"
}

copy="$work/a much longer path/than the first"
copy=$(printf '%s' "$copy" | tr ' ' '_')
umask 077
mkdir -p "$copy/build"
(cd "$root" && cp -R Makefile VERSION mk tools lib keep "$copy" &&
	cp -R build/bearssl "$copy/build")
mkdir "$work/include"
echo '#error "the environment reached the image"' >"$work/include/stdint.h"
build CPATH="$work/include" C_INCLUDE_PATH="$work/include" \
	CCC_OVERRIDE_OPTIONS='+-O0' SOURCE_DATE_EPOCH=1 LC_ALL=C.UTF-8 TZ=Asia/Tokyo CFLAGS='-O0 -g3 -DNDEBUG -fstack-protector' \
	CPPFLAGS='-DBREAK=1 -D_FORTIFY_SOURCE=2' LDFLAGS='-Wl,-z,now -Wl,--build-id' \
	ASFLAGS=-gdwarf CC=false USER=nobody HOME=/nonexistent
cmp "$root/build/keep/process.elf" "$copy/build/keep/process.elf" 2>&1 | sed 's/^/# /'
cmp -s "$root/build/keep/process.elf" "$copy/build/keep/process.elf"
result $? "another folder, umask, locale, time zone and packager's flags give the same image"
! grep -aq -e "$root" -e "$work" "$copy/build/keep/process.elf"
result $? "no path of the machine is in it"

sed -i 's/DJ_HALT_HOST, 0, 0/DJ_HALT_BUG, 0, 0/' "$copy/keep/shim/process/shim.c"
build CC=gcc
! cmp -s "$root/build/keep/process.elf" "$copy/build/keep/process.elf"
result $? "a change of the source changes the image"
echo "1..$n"
exit $bad
