# SPDX-License-Identifier: Apache-2.0
# $(call keep_image,SHIM,ARCH): build/keep/SHIM.elf, a measured image: lib,
# keep core and exactly one shim, by the keep's own compiler and flags. A shim
# is its own folder and those that it shares with others (KEEP_SHIM_NAME).
KEEP_SHIM_process := process common mapped plain
KEEP_SHIM_kvm := kvm vm common window mapped plain
KEEP_SHIM_snp := snp vm common window mapped
# What else of lib a shim needs.
KEEP_LIB_snp := lib/evidence/snp_msg.c
KEEP_SHIM_sgx := sgx common window
KEEP_LIB_sgx := lib/evidence/sgx.c lib/evidence/sgx_quote.c

KEEP_CORE_SRC := $(wildcard lib/base/*.c lib/crypto/*.c lib/proto/*.c lib/session/*.c \
	lib/wasm/*.c keep/*.c keep/engine/*.c keep/wasi/*.c keep/vfs/*.c)

define keep_image
KEEP_SRC_$(1) := $$(sort $$(KEEP_CORE_SRC) $$(KEEP_LIB_$(1)) $$(wildcard keep/arch/$(2)/*.c \
	keep/arch/$(2)/*.S $$(foreach d,$$(KEEP_SHIM_$(1)),keep/shim/$$(d)/*.c \
	keep/shim/$$(d)/*.S)))
KEEP_OBJ_$(1) := $$(patsubst %,build/keep/$(1).o/%.o,$$(KEEP_SRC_$(1))) \
	$$(patsubst $$(BEARSSL)/%,build/keep/$(1).o/bearssl/%.o,$$(BEARSSL_SRC))
KEEP_FLAGS_$(1) = $$(KEEP_BASE) $$(KEEP_CPU_$(2)) \
	-isystem $$(KEEP_INC) -isystem $$(BEARSSL)/inc
-include $$(patsubst %.o,%.d,$$(KEEP_OBJ_$(1)))

build/keep/$(1).o/bearssl/%.c.o: $$(BEARSSL)/%.c | deps
	@mkdir -p $$(@D)
	$$(Q)$$(KEEP_CC) $$(filter-out -W% -g,$$(KEEP_FLAGS_$(1))) \
		$$(BEARSSL_FLAGS) -ffile-prefix-map=$$(BEARSSL)=bearssl \
		-I$$(BEARSSL)/src -c -o $$@ $$<
build/keep/$(1).o/%.c.o: %.c mk/flags.mk | deps $$(BEARSSL_STAMP)
	@mkdir -p $$(@D)
	$$(Q)$$(KEEP_CC) $$(KEEP_FLAGS_$(1)) $$(if $$(filter %/mem.c,$$<),-fno-builtin) \
		$$(if $$(filter %/ring0.c,$$<),-fno-builtin -mgeneral-regs-only) \
		-MMD -MP -MF $$(@:.o=.d) -c -o $$@ $$<
build/keep/$(1).o/%.S.o: %.S mk/flags.mk | deps
	@mkdir -p $$(@D)
	$$(Q)$$(KEEP_CC) $$(KEEP_FLAGS_$(1)) -MMD -MP -MF $$(@:.o=.d) \
		-c -o $$@ $$<
build/keep/$(1).elf: $$(KEEP_OBJ_$(1)) keep/shim/$(1)/image.ld keep/shim/vm/image.ld \
		tools/check-image
	$$(Q)$$(KEEP_LD) $$(KEEP_LDFLAGS) -T keep/shim/$(1)/image.ld \
		-o $$@.tmp $$(KEEP_OBJ_$(1))
	$$(Q)tools/check-image $(1) $$@.tmp
	$$(Q)mv $$@.tmp $$@
IMAGES += build/keep/$(1).elf
endef
