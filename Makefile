# SPDX-License-Identifier: Apache-2.0
# One graph. Goals: all demo check check-long lint bench bench-engine fuzz size
# install deb format clean. `make demo` and `make check` install what they need.
CC := $(if $(filter default,$(origin CC)),gcc,$(CC))
SHELL := /bin/sh
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:
.DEFAULT_GOAL := all
Q := $(if $(V),,@)
ifeq ($(filter -j%,$(MAKEFLAGS))$(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc)
endif

VERSION := $(shell cat VERSION)
prefix ?= /usr
B := build/$(if $(filter 1,$(SAN)),san,host)

include mk/flags.mk

# Set-up: goals a person types on a fresh machine install what is missing.
.PHONY: deps deps-demo deps-check deps-bench
deps-demo:
	@tools/deps demo
deps-check:
	@tools/deps check
deps-bench:
	@tools/deps bench
deps: $(if $(filter demo,$(MAKECMDGOALS)),deps-demo) \
	$(if $(filter check check-long lint bench fuzz deb,$(MAKECMDGOALS)),deps-check) \
	$(if $(filter bench-engine,$(MAKECMDGOALS)),deps-bench)

# BearSSL: Debian's source package, built per target with that target's flags.
BEARSSL := build/bearssl
BEARSSL_STAMP := $(BEARSSL)/.fetched
# Only what we use; fixed names, for the folder may not be there yet.
include mk/bearssl.mk
BEARSSL_SRC := $(addprefix $(BEARSSL)/src/,$(BEARSSL_FILES))
$(BEARSSL_STAMP): | deps
	@tools/deps bearssl $(BEARSSL)
	@touch $@
$(BEARSSL_SRC): $(BEARSSL_STAMP) ;

# Hosted libraries: objects by folder, an archive a group.
obj = $(patsubst %,$(B)/%.o,$(1))
LIB_SRC := $(wildcard lib/*/*.c)
KEEP_SRC := $(wildcard keep/*.c keep/engine/*.c keep/wasi/*.c keep/vfs/*.c)
ATTEST_SRC := $(wildcard attest/*.c)
CLIENT_SRC := $(wildcard client/*.c)
HOST_SRC := $(filter-out host/agent/main.c,$(wildcard host/agent/*.c host/aesm/*.c host/*.c))
# Needs llvm-19-dev, which only `make check` installs: in no goal of `all`.
AOT_SRC := $(filter-out client/aot/main.c,$(wildcard client/aot/*.c))
EMU_SRC := $(filter-out emu/main.c emu/main_init.c emu/sgx/main.c,$(wildcard emu/*.c emu/*/*.c))
CLI_SRC := $(wildcard cli/*.c)
LAUNCH_SRC := $(wildcard host/launch/*.c host/vmm/*.c host/aesm/*.c)
# The loader of SGX Keeps alone: also a part of their emulated processor.
SGX_LOADER_SRC := host/launch/sgx_build.c host/launch/sgx_enter.c host/launch/sgx_run.c

$(B)/%.c.o: %.c mk/flags.mk | deps $(BEARSSL_STAMP)
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOSTED) $(CFLAGS) -isystem $(BEARSSL)/inc \
		-DDJ_VERSION='"$(VERSION)"' -MMD -MP -MF $(@:.o=.d) -c -o $@ $<
$(B)/bearssl/%.c.o: $(BEARSSL)/%.c | deps
	@mkdir -p $(@D)
	$(Q)$(CC) -fPIE -g $(BEARSSL_FLAGS) -I$(BEARSSL)/inc -I$(BEARSSL)/src \
		-c -o $@ $<
-include $(shell find $(B) -name '*.d' 2>/dev/null)

LLVM_INC := /usr/lib/llvm-19/include
LLVM_LD := -L/usr/lib/llvm-19/lib -lLLVM-19 -lpthread
$(B)/client/aot/%.c.o: client/aot/%.c mk/flags.mk | deps
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOSTED) $(CFLAGS) -isystem $(LLVM_INC) \
		-DDJ_VERSION='"$(VERSION)"' -MMD -MP -MF $(@:.o=.d) -c -o $@ $<

ifeq ($(SAN),1)
# Instrumented, gcc 12 no longer sees that the writing cursor's room is bounded.
$(B)/lib/evidence/snp_id.c.o: CFLAGS += -Wno-stringop-overflow
endif

define archive
$(B)/$(1).a: $$(call obj,$(2)) $(3)
	@mkdir -p $$(@D)
	@rm -f $$@
	$$(Q)ar rcsD $$@ $$^
endef
$(eval $(call archive,lib,$(LIB_SRC)))
$(eval $(call archive,keep,$(KEEP_SRC)))
$(eval $(call archive,attest,$(ATTEST_SRC)))
$(eval $(call archive,client,$(CLIENT_SRC)))
$(eval $(call archive,aot,$(AOT_SRC)))
$(eval $(call archive,host,$(HOST_SRC)))
$(eval $(call archive,emu,$(EMU_SRC)))
$(eval $(call archive,bearssl,,$(patsubst $(BEARSSL)/%,$(B)/bearssl/%.o,$(BEARSSL_SRC))))

link = $(Q)$(CC) $(HOSTED_LD) $(LDFLAGS) -o $@ $(filter %.o %.a,$^)

# Keep images.
IMAGES :=
KEEP_INC = $(shell $(KEEP_CC) -print-resource-dir)/include
include mk/image.mk
$(eval $(call keep_image,process,x86_64))
$(eval $(call keep_image,kvm,x86_64))
$(eval $(call keep_image,snp,x86_64))
$(eval $(call keep_image,sgx,x86_64))

# An enclave runs under a signature of its image: by a key of who builds it,
# unless there is one already (a release's, brought along).
SGX_KEY ?= build/sgx.key
build/keep/sgx.sig: build/keep/sgx.elf build/donjon-sgx-sign
	$(Q)build/donjon-sgx-sign build/keep/sgx.elf $(SGX_KEY) $@
IMAGES += build/keep/sgx.sig

PROGRAMS := build/donjon build/donjond build/donjon-launch build/donjon-emu \
	build/donjon-emu-init build/donjon-emu-sgx build/donjon-sgx-sign
ifeq ($(SAN),1)
PROGRAMS := $(patsubst build/%,build/san/%,$(PROGRAMS))
endif
P := $(if $(filter 1,$(SAN)),build/san,build)

# donjon dash's style sheet and script are part of the program.
$(call obj,cli/dash_files.c): $(wildcard cli/dash/*)
$(P)/donjon: $(call obj,$(CLI_SRC)) $(B)/client.a $(B)/attest.a $(B)/lib.a $(B)/bearssl.a
	$(link) -ljansson -lcrypto -levent_core -levent_extra -lpthread
# The compiler for native code, where LLVM is. Not in `make demo`.
HAVE_LLVM := $(wildcard $(LLVM_INC)/llvm-c/Core.h)
$(P)/donjon-aot: $(call obj,client/aot/main.c) $(B)/aot.a $(B)/client.a \
		$(B)/attest.a $(B)/lib.a $(B)/bearssl.a
	$(link) $(LLVM_LD) -ljansson -lcrypto
$(P)/donjond: $(call obj,host/agent/main.c) $(B)/host.a $(B)/lib.a
	$(link) -levent -levent_openssl -ljansson -lssl -lcrypto
# Static, and for fixed addresses: both stay as long as a Keep does, and pages
# that relocation has written to are shared with nobody.
SMALL_LD := $(if $(filter 1,$(SAN)),$(HOSTED_LD),-static -no-pie \
	-Wl,-z,noexecstack,-z,separate-code,-z,relro,-z,now)
$(P)/donjon-launch: $(call obj,$(LAUNCH_SRC)) $(B)/lib.a $(B)/bearssl.a
	$(Q)$(CC) $(SMALL_LD) $(LDFLAGS) -o $@ $(filter %.o %.a,$^)
$(P)/donjon-emu: $(call obj,emu/main.c) $(B)/emu.a $(B)/lib.a $(B)/bearssl.a
	$(Q)$(CC) $(SMALL_LD) $(LDFLAGS) -o $@ $(filter %.o %.a,$^)
$(P)/donjon-emu-sgx: $(call obj,emu/sgx/main.c $(SGX_LOADER_SRC)) $(B)/emu.a \
		$(B)/lib.a $(B)/bearssl.a
	$(Q)$(CC) $(SMALL_LD) $(LDFLAGS) -o $@ $(filter %.o %.a,$^)
$(P)/donjon-sgx-sign: $(call obj,$(wildcard host/sign/*.c)) $(B)/lib.a $(B)/bearssl.a
	$(link) -lcrypto
$(P)/donjon-emu-init: $(call obj,emu/main_init.c) $(B)/emu.a $(B)/lib.a $(B)/bearssl.a
	$(link) -lcrypto

.PHONY: all images no-llvm
all: $(PROGRAMS) $(IMAGES) $(if $(HAVE_LLVM),$(P)/donjon-aot,no-llvm)
no-llvm:
	@echo "donjon-aot is left out: no LLVM 19 (package llvm-19-dev)"
images: $(IMAGES)

# Tests: a program per file. Unit tests link everything but the mains.
UNIT := $(patsubst %.c,$(P)/%,$(wildcard tests/unit/*.c))
TEST_SUPPORT := $(wildcard tests/support/*.c)
NONCE_WRAP := -Wl,--wrap=dj_aead_seal
$(P)/tests/%: $(B)/tests/%.c.o $(call obj,$(TEST_SUPPORT)) $(B)/client.a \
		$(B)/attest.a $(B)/host.a $(B)/keep.a $(B)/emu.a $(B)/lib.a $(B)/bearssl.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOSTED_LD) $(LDFLAGS) $(NONCE_WRAP) -o $@ $(filter %.o,$^) \
		-Wl,--start-group $(filter %.a,$^) -Wl,--end-group \
		-levent -levent_openssl -ljansson -lssl -lcrypto -lm \
		$(if $(filter %/aot.a,$^),-u dj_aot_compile $(LLVM_LD))
# These run in both engines, but not with sanitizers.
ifneq ($(SAN),1)
$(patsubst %,$(P)/tests/unit/test_engine_%,3_0 fused gc legacy limits tamper vector): $(B)/aot.a
$(P)/tests/unit/test_aot: $(B)/aot.a
endif
include mk/tests.mk
include mk/install.mk

.PHONY: demo
demo: all
	@tools/demo

.PHONY: size clean format
size: $(IMAGES)
	@tools/size
clean:
	rm -rf build/*
format:
	clang-format -i $$(git ls-files '*.c' '*.h')
