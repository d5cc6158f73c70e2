#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The packages: made, installed into a fresh Debian 12, used, removed and
# purged there. The fresh system is made once by debootstrap and kept as
# build/chroot/base.tar.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${DONJON_BUILD:-$root/build}
base=$root/build/chroot/base.tar
n=0
bad=0

ok() # STATUS SENTENCE: output of the last command is in $work/out
{
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n - $2"
	else
		bad=1
		sed 's/^/# /' "$work/out" | tail -20
		echo "not ok $n - $2"
	fi
}
check() # SENTENCE COMMAND...
{
	what=$1
	shift
	"$@" >"$work/out" 2>&1 </dev/null
	ok $? "$what"
}
skip_all()
{
	echo "1..0 # SKIP $1"
	exit 0
}

[ "$(id -u)" = 0 ] || skip_all "not root"
for c in debootstrap dh unshare; do
	command -v $c >/dev/null || skip_all "no $c"
done
work=$(mktemp -d)
chroot=$work/root
trap 'rm -rf "$work"' EXIT
mkdir "$chroot"
chmod 755 "$work" "$chroot"

debs=${DONJON_DEBS:-$root/build/deb}
if [ -z "${DONJON_DEBS:-}" ] && ! make -C "$root" --no-print-directory deb >"$work/out" 2>&1 </dev/null; then
	ok 1 "make deb makes the packages"
	echo "1..1"
	exit 1
fi
# What the packages want of Debian, and what the test itself does.
wants=$(for d in "$debs"/donjon*.deb; do
	case $d in */donjon-aot_*) ;; *) dpkg-deb -f "$d" Depends ;; esac
done | tr ',' '\n' | sed -E 's/\(.*//; s/\|.*//; s/ //g' | grep -vE '^(donjon.*|)$' | sort -u | tr '\n' ',')
# One that is of other packages is made anew.
[ "$(cat "$base.wants" 2>/dev/null)" = "$wants" ] || rm -f "$base"
if [ ! -e "$base" ]; then
	mirror=$(sed -nE 's/^(URIs:|deb( \[[^]]*\])?) *(https?:[^ ]*\/debian)\/?( .*)?$/\3/p' \
		/etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -n 1)
	debootstrap --variant=minbase --include="${wants}systemd,ca-certificates" \
		bookworm "$chroot" "${mirror:-http://deb.debian.org/debian}" \
		>"$work/out" 2>&1 || skip_all "debootstrap failed: $(tail -n 1 "$work/out")"
	# Security's packages too, as this machine has them.
	cp -a /etc/apt/sources.list /etc/apt/sources.list.d "$chroot/etc/apt/" 2>/dev/null
	cp -a /etc/apt/trusted.gpg.d /usr/share/keyrings/. "$chroot/usr/share/keyrings/" 2>/dev/null
	cp -L /etc/resolv.conf "$chroot/etc/"
	if ! chroot "$chroot" sh -c 'apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qqy upgrade' \
		>"$work/out" 2>&1; then
		skip_all "the fresh system cannot be brought up to date: $(tail -n 1 "$work/out")"
	fi
	chroot "$chroot" apt-get clean
	rm -rf "$chroot"/var/lib/apt/lists/*
	mkdir -p "$(dirname "$base")"
	tar -C "$chroot" --one-file-system -cf "$base.tmp" . && mv "$base.tmp" "$base"
	echo "$wants" >"$base.wants"
else
	tar -C "$chroot" -xf "$base"
fi

# What the chroot runs sees its own processes and /proc only, and nothing of
# it is left when the command ends.
in_chroot()
{
	# shellcheck disable=SC2016  # the inner shell's
	unshare --mount --pid --fork --kill-child bash -c '
		mount -t proc proc "$0/proc" && mount -t tmpfs tmpfs "$0/run" &&
		exec chroot "$0" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 "$@"' \
		"$chroot" "$@"
}
inventory()
{
	(cd "$chroot" && find . -xdev \( -path ./var/lib/dpkg -o -path ./var/cache -o -path ./var/log -o \
		-path ./var/lib/systemd \) -prune -o -print | sort)
}

mkdir "$chroot/debs"
cp "$debs"/*.deb "$chroot/debs/" || skip_all "no packages in $debs"
# LLVM is 150 MB: that package is looked into, and not installed.
# shellcheck disable=SC2016  # for the inner shell
check "donjon-aot is a package of its own" sh -c 'dpkg-deb -c "$1"/debs/donjon-aot_*.deb |
	grep libexec/donjon/donjon-aot && dpkg-deb -f "$1"/debs/donjon-aot_*.deb Depends | grep libllvm19' sh "$chroot"
rm -f "$chroot"/debs/donjon-aot_*.deb
inventory >"$work/before"
in_chroot getent passwd donjon >"$work/out" 2>&1
[ $? = 2 ]
ok $? "a fresh Debian has no user donjon"
check "they install" in_chroot env DEBIAN_FRONTEND=noninteractive dpkg -i -R /debs
check "the packages' user is there" in_chroot getent passwd donjon
check "programs know their version" in_chroot sh -c 'donjon version && donjond --version && /usr/libexec/donjon/donjon-emu --version'
cmp "$chroot/usr/lib/donjon/keep/process.elf" "$build/keep/process.elf" >"$work/out" 2>&1
ok $? "the keep image is the one that was built, to the byte"
check "systemd finds no fault with the units" in_chroot systemd-analyze verify --man=no donjond.service donjond.socket
[ ! -s "$work/out" ]
ok $? "and has nothing to say about them"
check "manual pages are in their places" in_chroot ls /usr/share/man/man1/donjon.1.gz /usr/share/man/man5/donjon-policy.5.gz /usr/share/man/man8/donjond.8.gz
check "the bash completion loads" in_chroot bash -n /usr/share/bash-completion/completions/donjon

python3 - "$root" >"$chroot/echo.wasm" <<-'EOF'
	import sys
	sys.path.insert(0, sys.argv[1] + "/tests/support")
	sys.dont_write_bytecode = True
	from donjonlib import echo_module
	sys.stdout.buffer.write(echo_module())
EOF
# shellcheck disable=SC2016
check "a plain user runs a program, with nothing set up" in_chroot setpriv --reuid 1000 --regid 1000 --clear-groups \
	sh -c 'export HOME=/tmp/me; mkdir $HOME && echo from the chroot | donjon run /echo.wasm >/tmp/out && grep -qx "from the chroot" /tmp/out'
# shellcheck disable=SC2016
check "the service's own command runs as its user, and a Keep in it" in_chroot sh -c '
	set -e
	mkdir -m 750 /run/donjon && chown donjon:donjon /run/donjon
	setpriv --reuid donjon --regid donjon --init-groups /usr/libexec/donjon/donjon-emu init /run/donjon/emu
	setpriv --reuid donjon --regid donjon --init-groups --no-new-privs --bounding-set=-all \
		donjond --socket /run/donjon/agent.sock --state-dir /run/donjon/keeps --emulation /run/donjon/emu &
	agent=$!
	for i in 1 2 3 4 5 6 7 8 9 10; do [ -S /run/donjon/agent.sock ] && break; sleep 0.2; done
	m=$(donjon measure --tee process --json | grep -oE "[0-9a-f]{64}" | head -n 1)
	cat >/tmp/p.toml <<-EOF
		schema = 1
		name = "test"
		[development]
		allow = true
		root = "/run/donjon/emu/root.pem"
		[keep]
		measurement = [ { tee = "process", sha256 = "$m" } ]
	EOF
	echo served | donjon -H unix:/run/donjon/agent.sock -p /tmp/p.toml run /echo.wasm >/tmp/out2
	grep -qx served /tmp/out2
	ls /run/donjon/keeps/events.jsonl
	kill $agent && wait $agent'
rm -rf "$chroot/tmp/me" "$chroot"/tmp/out* "$chroot/tmp/p.toml" "$chroot/echo.wasm"
check "they purge" in_chroot env DEBIAN_FRONTEND=noninteractive dpkg --purge donjon-client donjon-agent donjon-emu donjon-keep
inventory >"$work/after"
# The user stays, as Debian's packages leave it: files may be his.
diff "$work/before" "$work/after" | grep -vE '^[0-9,acd]+$|/etc/(passwd|group|shadow|gshadow)-?$|/debs|/root/' >"$work/out"
[ ! -s "$work/out" ]
ok $? "and leave nothing behind"
echo "1..$n"
exit $bad
