# SPDX-License-Identifier: Apache-2.0
# The Wasm suite's runner for machines that are not here, static, run under
# qemu-user by tests/integration/other_machines.sh: build/cross/ARCH/spectest.
# By the keep's compiler with Debian's C libraries for them; jansson is built
# from Debian's source package, for riscv64 has no package in Debian 12.
JANSSON := build/jansson
JANSSON_STAMP := $(JANSSON)/.fetched
JANSSON_SRC := $(patsubst %,$(JANSSON)/src/%.c,dump error hashtable \
	hashtable_seed load memory pack_unpack strbuffer strconv utf value version)
CROSS_SRC := $(wildcard lib/base/*.c lib/wasm/*.c keep/engine/*.c \
	tests/spectest/*.c) tests/support/hostmem.c \
	tests/support/hostnative.c

$(JANSSON_STAMP): | deps
	@tools/deps source jansson $(JANSSON)
	@sed -e 's/@json_inline@/inline/' -e 's/@json_have_localeconv@/0/' \
		-e 's/@json_[a-z_]*@/1/' $(JANSSON)/src/jansson_config.h.in \
		>$(JANSSON)/src/jansson_config.h
	@: >$(JANSSON)/src/jansson_private_config.h
	@touch $@
$(JANSSON_SRC): $(JANSSON_STAMP) ;

# $(call cross,ARCH)
define cross
CROSS_FLAGS_$(1) := $$(filter-out $$(GCC_WARN),$$(BASE) $$(WARN)) -O2 \
	-D_GNU_SOURCE -I. $$(filter-out -mno-red-zone,$$(KEEP_CPU_$(1)))
CROSS_OBJ_$(1) := $$(patsubst %,build/cross/$(1)/o/%.o,$$(CROSS_SRC) $$(JANSSON_SRC))
build/cross/$(1)/o/build/%.c.o: build/%.c | deps
	@mkdir -p $$(@D)
	$$(Q)$$(KEEP_CC) $$(CROSS_FLAGS_$(1)) -w -DHAVE_STDINT_H -DHAVE_UNISTD_H \
		-DHAVE_SYS_TYPES_H -DINITIAL_HASHTABLE_ORDER=3 -c -o $$@ $$<
build/cross/$(1)/o/%.c.o: %.c mk/flags.mk | deps $$(JANSSON_STAMP)
	@mkdir -p $$(@D)
	$$(Q)$$(KEEP_CC) $$(CROSS_FLAGS_$(1)) -isystem $$(JANSSON)/src -MMD -MP \
		-MF $$(@:.o=.d) -c -o $$@ $$<
build/cross/$(1)/spectest: $$(CROSS_OBJ_$(1))
	$$(Q)$$(KEEP_CC) $$(CROSS_FLAGS_$(1)) -static -fuse-ld=lld-19 -o $$@ $$^ -lm
-include $$(CROSS_OBJ_$(1):.o=.d)
TEST_TOOLS += build/cross/$(1)/spectest
endef
$(eval $(call cross,riscv64))
$(eval $(call cross,ppc64le))
