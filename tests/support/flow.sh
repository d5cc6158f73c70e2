#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# flow.sh TEE: the tests of the flow once more, over the Keeps of another TEE
# than process: the same scripts, one parameter (tests/support/donjonlib.py, and
# the client's own DONJON_TEE). Called by tests/integration/flow_*.sh.
set -u
cd "$(dirname "$0")/../.." || exit 1
if [ "$1" != sgx-emu ] && ! { [ -r /dev/kvm ] && [ -w /dev/kvm ]; }; then
	echo "1..0 # SKIP no /dev/kvm that can be opened"
	exit 0
fi
out=$(mktemp)
state=$(mktemp -d)
trap 'rm -rf "$out" "$state"' EXIT
export DONJON_TEE="$1"
if [ -n "${DONJON_SGX_MODE:-}" ]; then
	# For the clients that start an agent themselves.
	export XDG_STATE_HOME="$state"
	mkdir "$state/donjon"
	build/donjon-emu init "$state/donjon/emulation" &&
		build/donjon-emu add sgx "$state/donjon/emulation" || exit 1
	echo "$DONJON_SGX_MODE" >"$state/donjon/emulation/sgx.mode"
fi
n=0
bad=0
scripts="interop_client.py splice.py canary.py languages.sh wasi_modules.py clocks.py durable.py streams.py native_runs.py"
# By native code as well, where there is a compiler for it.
[ -x build/donjon-aot ] && scripts="$scripts durable.py:aot"
# Fewer, for a second way of the same TEE.
[ -n "${FLOW:-}" ] && [ "${DONJON_LONG:-}" != 1 ] && scripts=$FLOW
[ "${DONJON_LONG:-}" = 1 ] && scripts="$scripts files_back.sh big_files.sh examples.sh streams.py:aot"
for script in $scripts; do
	n=$((n + 1))
	engine=${script#*:}
	[ "$engine" = "$script" ] && engine=${DONJON_ENGINE:-interp}
	if DONJON_ENGINE=$engine "tests/integration/${script%:*}" >"$out" 2>&1; then
		echo "ok $n - over $DONJON_TEE: $script, $(grep -c '^ok' "$out") tests"
	else
		bad=1
		grep -v '^ok' "$out" | sed 's/^/# /' | head -40
		echo "not ok $n - over $DONJON_TEE: $script"
	fi
done
echo "1..$n"
exit $bad
