#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Emulated SGX with ENCLU done by faults, not by calls.
export DONJON_SGX_MODE=trap
export FLOW="interop_client.py splice.py languages.sh native_runs.py"
exec "$(dirname "$0")/../support/flow.sh" sgx-emu
