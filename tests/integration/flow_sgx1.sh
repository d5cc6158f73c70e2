#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Emulated SGX without SGX2: all memory is in the enclave from the start.
export DONJON_SGX_MODE=sgx1
export FLOW="interop_client.py splice.py languages.sh wasi_modules.py"
exec "$(dirname "$0")/../support/flow.sh" sgx-emu
