#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# make install, anywhere: what is installed finds its own parts.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
command -v scdoc >/dev/null || {
	echo "1..0 # SKIP no scdoc"
	exit 0
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
n=0
bad=0
check() # SENTENCE COMMAND...
{
	what=$1
	shift
	n=$((n + 1))
	if "$@" >"$work/out" 2>&1 </dev/null; then
		echo "ok $n - $what"
	else
		bad=1
		sed 's/^/# /' "$work/out" | tail -20
		echo "not ok $n - $what"
	fi
}
at=$work/there/opt/donjon
check "make install DESTDIR= prefix= installs" make -C "$root" --no-print-directory \
	install DESTDIR="$work/there" prefix=/opt/donjon
for f in bin/donjon sbin/donjond libexec/donjon/donjon-launch libexec/donjon/donjon-emu \
	libexec/donjon/donjon-emu-init libexec/donjon/donjon-emu-sgx lib/donjon/keep/process.elf \
	lib/donjon/keep/sgx.elf lib/donjon/keep/sgx.sig lib/systemd/system/donjond.service \
	lib/systemd/system/donjond.socket lib/sysusers.d/donjon.conf share/man/man1/donjon.1 \
	share/man/man5/donjon-policy.5 share/man/man7/donjon-errors.7 share/man/man8/donjond.8 \
	share/bash-completion/completions/donjon share/zsh/vendor-completions/_donjon \
	share/fish/vendor_completions.d/donjon.fish; do
	check "$f is there" test -s "$at/$f"
done
check "nothing is outside of the prefix" sh -c "! find '$work/there' -type f | grep -v '^$at/'"
python3 - "$root" >"$work/echo.wasm" <<-'EOF'
	import sys
	sys.path.insert(0, sys.argv[1] + "/tests/support")
	sys.dont_write_bytecode = True
	from donjonlib import echo_module
	sys.stdout.buffer.write(echo_module())
EOF
# shellcheck disable=SC2016
check "a program runs with what was installed, and nothing of the build tree" \
	env -u DONJON_LIBEXEC -u DONJON_IMAGES XDG_STATE_HOME="$work/state" XDG_CONFIG_HOME="$work/config" \
	strace -f -qq -e trace=execve -o "$work/trace" sh -c 'echo hello | "$0" run "$1" | grep -qx hello' \
	"$at/bin/donjon" "$work/echo.wasm"
check "the agent, launcher and emulator that ran are those" sh -c "
	for p in sbin/donjond libexec/donjon/donjon-launch libexec/donjon/donjon-emu; do
		grep -q \"execve(\\\"$at/.*\${p##*/}\\\"\" '$work/trace' || exit 1
	done; ! grep -q '\"$root/build' '$work/trace'"
echo "1..$n"
exit $bad
