# SPDX-License-Identifier: Apache-2.0
# Tests: unit programs, integration scripts, fuzz targets, constant time, lint.
# Definitions first, goals last: a goal's list is read where it stands.
JOBS := $(shell nproc)
SCRIPTS := $(wildcard tests/integration/*.sh tests/integration/*.py)
TEST_TOOLS :=

TEST_TOOLS += $(P)/donjon-aot
include mk/break.mk
include mk/cross.mk
# The canary test's scanner, and its tap into the agent's shared regions.
TEST_TOOLS += build/tests/scan build/tests/region_tap.so
TEST_TOOLS += build/tests/toml_dump/toml_dump \
	build/tests/evidence_tool/evidence_tool \
	build/tests/sgx_evidence/sgx_evidence
build/tests/scan: build/host/tests/scan/scan.c.o build/host/tests/scan/scanner.c.o
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOSTED_LD) -o $@ $^
build/tests/region_tap.so: tests/scan/region_tap.c lib/proto/hostcall.h | deps
	@mkdir -p $(@D)
	$(Q)$(CC) $(filter-out -fPIE,$(HOSTED)) -fPIC -shared -o $@ $< -ldl

# Constant time: lib and BearSSL by the keep's compiler, secrets marked
# undefined, run under valgrind by tests/integration/ct.sh (lib/crypto/ct.h).
CT_FLAGS := $(filter-out $(GCC_WARN) -g,$(BASE) $(WARN)) -O2 -gdwarf-4 \
	-march=x86-64-v2 -D_GNU_SOURCE -DDJ_CT=1 -I. -isystem $(BEARSSL)/inc
CT_OBJ := $(patsubst %,build/ct/o/%.o,$(filter lib/base/% lib/crypto/% \
	lib/proto/% lib/session/%,$(LIB_SRC)) tests/ct/session.c)
CT_BEARSSL := $(patsubst $(BEARSSL)/%,build/ct/o/bearssl/%.o,$(BEARSSL_SRC))
build/ct/o/bearssl/%.c.o: $(BEARSSL)/%.c | deps
	@mkdir -p $(@D)
	$(Q)$(KEEP_CC) -gdwarf-4 -march=x86-64-v2 $(BEARSSL_FLAGS) \
		-I$(BEARSSL)/inc -I$(BEARSSL)/src -c -o $@ $<
build/ct/o/%.c.o: %.c mk/flags.mk | deps $(BEARSSL_STAMP)
	@mkdir -p $(@D)
	$(Q)$(KEEP_CC) $(CT_FLAGS) -MMD -MP -MF $(@:.o=.d) -c -o $@ $<
-include $(shell find build/ct -name '*.d' 2>/dev/null)
build/ct/session: $(CT_OBJ) $(CT_BEARSSL)
	$(Q)$(KEEP_CC) -o $@ $^
build/ct/times: $(filter-out %/session.c.o,$(CT_OBJ)) build/ct/o/tests/ct/times.c.o $(CT_BEARSSL)
	$(Q)$(KEEP_CC) -o $@ $^ -lm
ifeq ($(shell uname -m),x86_64)
TEST_TOOLS += build/ct/session
endif

# Fuzzers: one per parser, all of our code instrumented, clang's libFuzzer.
FUZZ_CC := clang-19
FUZZ_FLAGS := $(filter-out $(GCC_WARN) -fstack-clash-protection,$(BASE) $(WARN)) \
	-O1 -D_GNU_SOURCE -I. -DDJ_FUZZ=1 -mllvm -asan-stack-dynamic-alloca=0 \
	-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
FUZZERS := $(patsubst fuzz/%.c,build/fuzz/bin/%,$(wildcard fuzz/fuzz_*.c))
FUZZ_LIB := $(patsubst %,build/fuzz/o/%.o,$(LIB_SRC) $(KEEP_SRC) $(ATTEST_SRC) \
	$(CLIENT_SRC) $(HOST_SRC) $(EMU_SRC))
build/fuzz/o/%.c.o: %.c mk/flags.mk mk/tests.mk | deps $(BEARSSL_STAMP)
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(FUZZ_FLAGS) -isystem $(BEARSSL)/inc \
		-DDJ_VERSION='"$(VERSION)"' -MMD -MP -MF $(@:.o=.d) -c -o $@ $<
-include $(shell find build/fuzz -name '*.d' 2>/dev/null)
build/fuzz/all.a: $(FUZZ_LIB)
	@rm -f $@
	$(Q)ar rcsD $@ $^
build/fuzz/bin/%: build/fuzz/o/fuzz/%.c.o $(patsubst %,build/fuzz/o/%.o,$(TEST_SUPPORT)) \
		build/fuzz/all.a build/host/bearssl.a
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) -fsanitize=fuzzer,address,undefined $(NONCE_WRAP) -o $@ $(filter %.o,$^) \
		-Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(FUZZ_LD) \
		-levent -levent_openssl -ljansson -lssl -lcrypto -lm

# This one compiles native code.
build/fuzz/bin/fuzz_wasi: build/host/aot.a
build/fuzz/bin/fuzz_wasi: FUZZ_LD := $(LLVM_LD)

include mk/evil.mk

# Benchmarks: medians in one run, against native or a bare loop.
BENCH_WASM := $(patsubst tests/bench/%.c,build/bench/%.wasm,$(filter-out \
	tests/bench/aead.c,$(wildcard tests/bench/*.c)))
BENCH_NATIVE := $(patsubst %.wasm,%.native,$(filter build/bench/kernel_% \
	build/bench/files.wasm,$(BENCH_WASM)))
build/bench/%.wasm: tests/bench/%.c | deps
	@mkdir -p $(@D)
	$(Q)clang-19 --target=wasm32-wasi -O2 -s -o $@ $<
build/bench/%.native: tests/bench/%.c | deps
	@mkdir -p $(@D)
	$(Q)gcc -O2 -o $@ $<
# The keep's own objects of BearSSL, so that the yardstick is the same build.
build/bench/aead: tests/bench/aead.c build/keep/process.elf
	@mkdir -p $(@D)
	$(Q)clang-19 -O2 -no-pie -I$(BEARSSL)/inc -o $@ $< \
		$(patsubst $(BEARSSL)/%,build/keep/process.o/bearssl/%.o,$(BEARSSL_SRC)) \
		-Wl,--gc-sections
bench: all $(BENCH_WASM) $(BENCH_NATIVE) build/bench/aead build/tests/vm_session \
		build/tests/vm_session.wasm build/tests/unit/test_sgx_entry
	@tools/bench
# The engine alone: the Keep's own objects of it, with wasirun around them.
build/bench/wasirun: $(P)/wasirun build/keep/process.elf
	@mkdir -p $(@D)
	$(Q)clang-19 -no-pie -o $@ $(call obj,$(wildcard tests/wasirun/*.c) \
		tests/support/hostmem.c tests/support/hostnative.c) \
		$(patsubst %,build/keep/process.o/%.o, \
		$(wildcard keep/engine/*.c lib/wasm/*.c)) -Wl,--start-group \
		$(patsubst %,$(B)/%.a,client keep lib bearssl) \
		-Wl,--end-group -ljansson
BENCH_ENGINE ?=
bench-engine: build/bench/wasirun $(P)/benchaot
	@tools/bench-engine $(BENCH_ENGINE)

# Lint: include rules, clang-tidy on everything, gcc's analyzer on what is
# measured, shell scripts.
TIDY_SRC := $(shell git ls-files 'lib/*.c' 'keep/*.c' 'attest/*.c' 'client/*.c' \
	'host/*.c' 'emu/*.c' 'cli/*.c' 2>/dev/null)
LINT := $(patsubst %,build/lint/%.ok,$(TIDY_SRC))
build/lint/%.c.ok: %.c .clang-tidy | deps $(BEARSSL_STAMP)
	@mkdir -p $(@D)
	$(Q)clang-tidy --quiet $< -- $(filter-out -Werror -fstack-clash-protection \
		-ftrivial-auto-var-init=zero \
		$(GCC_WARN),$(HOSTED)) -Wno-unknown-warning-option \
		-isystem $(BEARSSL)/inc -isystem $(LLVM_INC) -DDJ_VERSION='"$(VERSION)"' 2>$@.err || \
		{ cat $@.err; exit 1; }
	$(Q)case $< in lib/*|keep/*) gcc -fanalyzer $(HOSTED) \
		-isystem $(BEARSSL)/inc -c -o /dev/null $< ;; esac
	$(Q)gcc $(HOSTED) -isystem $(BEARSSL)/inc -isystem $(LLVM_INC) -MM -MP -MT $@ \
		-MF $(@:.ok=.d) $<
	@touch $@
-include $(shell find build/lint -name '*.d' 2>/dev/null)

# Developer tools that are tests too: the Wasm suite's runner (FILE.json or
# folders), and a program on our engine and WASI without a Keep.
define test_tool
$(P)/$(1): $(call obj,$(wildcard tests/$(1)/*.c) tests/support/hostmem.c) \
		$(B)/client.a $(B)/keep.a $(B)/lib.a $(B)/bearssl.a $(2)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(HOSTED_LD) $$(LDFLAGS) -o $$@ $$(filter %.o,$$^) \
		-Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group -ljansson $(3)
endef
$(eval $(call test_tool,spectest,$(B)/aot.a $(call obj,tests/support/hostnative.c),-u dj_aot_compile $(LLVM_LD)))
$(eval $(call test_tool,wasirun,$(call obj,tests/support/hostnative.c)))
# Modules at random, by all engines and node's V8.
$(eval $(call test_tool,wasmdiff,$(B)/aot.a $(call obj,$(wildcard tests/wasmgen/*.c) \
	tests/support/hostnative.c),$(LLVM_LD)))
# The native compiler as a program, for bench-engine.
$(eval $(call test_tool,benchaot,$(B)/aot.a $(call obj,tests/support/hostnative.c),$(LLVM_LD)))
# Modules with what they must do: run by wasirun, or by donjon in a Keep.
$(eval $(call test_tool,wasitest))
TEST_TOOLS += $(P)/spectest $(P)/wasirun $(P)/wasitest $(P)/wasmdiff $(P)/benchaot

# The process shim under a core that does as it is told (tests/keep/probe.c).
PROBE := build/keep-test/process.elf
build/keep-test/%.c.o: %.c mk/flags.mk | deps $(BEARSSL_STAMP)
	@mkdir -p $(@D)
	$(Q)$(KEEP_CC) $(KEEP_FLAGS_process) -MMD -MP -MF $(@:.o=.d) -c -o $@ $<
$(PROBE): build/keep-test/tests/keep/probe.c.o keep/shim/process/image.ld \
		$(filter-out $(patsubst %,build/keep/process.o/%.o,$(KEEP_SRC) $(wildcard lib/wasm/*.c)),$(KEEP_OBJ_process))
	$(Q)$(KEEP_LD) $(KEEP_LDFLAGS) -T keep/shim/process/image.ld -o $@ \
		$(filter %.o,$^)
	$(Q)tools/check-image process $@
TEST_TOOLS += $(PROBE)
-include build/keep-test/tests/keep/probe.c.d

# A program's calls to WASI, without a program.
$(filter $(P)/tests/unit/test_wasi_%,$(UNIT)): $(call obj,tests/wasi/program.c)
# insn.c is what of the compiler has nothing of LLVM.
$(P)/tests/unit/test_wasmgen: $(call obj,$(wildcard tests/wasmgen/*.c) client/aot/insn.c)

# What a guest's exits ask for; the launcher is in no archive.
$(P)/tests/unit/test_vmm $(P)/tests/unit/test_vmm_snp: $(B)/host/vmm/exit.c.o \
		$(B)/host/vmm/ghcb.c.o $(B)/host/vmm/cpuid.c.o $(B)/host/vmm/snp.c.o

# The enclave in the emulated processor, by the loader.
$(P)/tests/unit/test_sgx_enclave $(P)/tests/unit/test_sgx_entry: $(call obj,$(SGX_LOADER_SRC)) \
		| build/keep/sgx.sig
$(P)/tests/unit/test_sgx_loader: $(call obj,$(SGX_LOADER_SRC) host/launch/sgx_device.c) \
		| build/keep/sgx.sig

# What each process around a Keep may call.
$(P)/tests/unit/test_filters: $(call obj,$(SGX_LOADER_SRC) host/launch/filter.c \
		host/launch/quoter.c host/launch/sgx_device.c host/vmm/filter.c)

# The launcher's process that asks aesmd.
$(P)/tests/unit/test_aesm: $(call obj,host/launch/quoter.c)

build/tests/aesm/emulator: build/host/tests/aesm/emulator.c.o \
		build/host/host/launch/quoter.c.o build/host/host.a build/host/lib.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOSTED_LD) -o $@ $^
TEST_TOOLS += build/tests/aesm/emulator

# Sealing keys of each TEE, given to the test (tests/keep/sealer.c).
build/keep-test/sealer-%.elf: build/keep-test/tests/keep/sealer.c.o keep/shim/%/image.ld \
		keep/shim/vm/image.ld build/keep/%.elf
	$(Q)$(KEEP_LD) $(KEEP_LDFLAGS) -T keep/shim/$*/image.ld -o $@ $< \
		$(filter-out $(patsubst %,build/keep/$*.o/%.o,$(KEEP_SRC) $(wildcard lib/wasm/*.c)),$(KEEP_OBJ_$*))
	$(Q)tools/check-image $* $@
SEALERS := $(patsubst %,build/keep-test/sealer-%.elf,sgx snp)
TEST_TOOLS += $(SEALERS)
-include build/keep-test/tests/keep/sealer.c.d
$(P)/tests/unit/test_sgx_seal: $(call obj,$(SGX_LOADER_SRC) host/sign/sign.c) \
		| build/keep-test/sealer-sgx.elf

# The ID block is the launcher's.
$(P)/tests/unit/test_agent_snp: $(B)/host/launch/snp_id.c.o

$(P)/tests/unit/test_arch: $(B)/keep/arch/x86_64/cpu.c.o

# The SNP shim itself, ring 3's part.
$(P)/tests/unit/test_snp_shim $(P)/tests/unit/test_snp_seal: $(B)/keep/arch/x86_64/cpu.c.o

# A whole session of a VM Keep in one process, disturbed or counted.
build/tests/vm_session: $(patsubst %,build/host/%.o,tests/vm_session/vm.c tests/vm_session/main.c \
		tests/support/ksp_client.c tests/scan/scanner.c $(wildcard host/vmm/*.c) host/agent/serve.c) build/host/emu.a build/host/lib.a \
		build/host/bearssl.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOSTED_LD) -Wl,--wrap=mmap -o $@ $^
build/tests/vm_session.wasm: tests/vm_session/program.c | deps
	@mkdir -p $(@D)
	$(Q)clang-19 --target=wasm32-wasi -O2 -s -o $@ $<
TEST_TOOLS += build/tests/vm_session build/tests/vm_session.wasm

# The VM shim under a core that does what it must not (tests/keep/evil_vm.c).
EVIL_VM := build/keep-test/kvm.elf
$(EVIL_VM): build/keep-test/tests/keep/evil_vm.c.o keep/shim/kvm/image.ld keep/shim/vm/image.ld \
		$(filter-out $(patsubst %,build/keep/kvm.o/%.o,$(KEEP_SRC) $(wildcard lib/wasm/*.c)),$(KEEP_OBJ_kvm))
	$(Q)$(KEEP_LD) $(KEEP_LDFLAGS) -T keep/shim/kvm/image.ld -o $@ \
		$(filter %.o,$^)
EVIL_SNP := build/keep-test/snp.elf
$(EVIL_SNP): build/keep-test/tests/keep/evil_vm.c.o keep/shim/snp/image.ld keep/shim/vm/image.ld \
		$(filter-out $(patsubst %,build/keep/snp.o/%.o,$(KEEP_SRC) $(wildcard lib/wasm/*.c)),$(KEEP_OBJ_snp))
	$(Q)$(KEEP_LD) $(KEEP_LDFLAGS) -T keep/shim/snp/image.ld -o $@ \
		$(filter %.o,$^)
TEST_TOOLS += $(EVIL_VM) $(EVIL_SNP)
-include build/keep-test/tests/keep/evil_vm.c.d

# The image and the client with a log of each (key, nonce) around their AEAD
# (tests/support/nonce_log.h): the same objects, linked with one more.
build/keep-nonce/%.c.o: %.c mk/flags.mk | deps $(BEARSSL_STAMP)
	@mkdir -p $(@D)
	$(Q)$(KEEP_CC) $(KEEP_FLAGS_process) -DNONCE_LOG_ON=true -MMD -MP \
		-MF $(@:.o=.d) -c -o $@ $<
build/keep-nonce/process.elf: build/keep-nonce/tests/support/nonce_log.c.o \
		$(KEEP_OBJ_process) keep/shim/process/image.ld
	$(Q)$(KEEP_LD) $(KEEP_LDFLAGS) --wrap=dj_aead_seal \
		-T keep/shim/process/image.ld -o $@ $(filter %.o,$^)
build/tests/donjon-nonce: $(call obj,$(CLI_SRC) tests/support/nonce_log.c \
		tests/nonce/client_log.c) $(B)/client.a $(B)/attest.a $(B)/lib.a \
		$(B)/bearssl.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOSTED_LD) $(LDFLAGS) $(NONCE_WRAP) -o $@ $(filter %.o %.a,$^) \
		-ljansson -lssl -lcrypto -levent_core -levent_extra -lpthread
TEST_TOOLS += build/keep-nonce/process.elf build/tests/donjon-nonce
-include build/keep-nonce/tests/support/nonce_log.c.d

# A launcher and Keep in one that does as it is told, for the agent's tests.
build/tests/fake_launch: build/host/tests/agent/fake_launch.c.o
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOSTED_LD) -o $@ $^
TEST_TOOLS += build/tests/fake_launch

# Goals.
.PHONY: check check-long unit lint fuzz bench bench-engine ct ct-times
unit: $(UNIT) $(if $(SAN),,$(TEST_TOOLS))
	@tools/run-tests -j$(JOBS) $(UNIT)

# Everything, with short counts. The last line says how it went.
check: all $(UNIT) $(TEST_TOOLS) $(FUZZERS) | deps
	@tools/check-includes
	@FUZZ_SECONDS=$${FUZZ_SECONDS:-10} \
		tools/run-tests -j$(JOBS) $(UNIT) $(SCRIPTS)

# The same with everything's long counts: hours.
check-long: all $(UNIT) $(TEST_TOOLS) $(FUZZERS) | deps
	@DONJON_LONG=1 FUZZ_SECONDS=$${FUZZ_SECONDS:-1800} \
		tools/run-tests -j$(JOBS) $(UNIT) $(SCRIPTS)

ct: build/ct/session
	@V=1 tools/run-tests tests/integration/ct.sh

ct-times: build/ct/times
	@build/ct/times

fuzz: $(FUZZERS)
	@FUZZ_SECONDS=$${FUZZ_SECONDS:-60} V=1 tools/run-tests tests/integration/fuzz.sh

lint: $(LINT)
	@tools/check-includes
	@clang-format --dry-run -Werror $$(git ls-files '*.c' '*.h')
	@shellcheck $$(git grep -lE '^#!/bin/(ba)?sh' -- tools tests .ci)
