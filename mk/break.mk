# SPDX-License-Identifier: Apache-2.0
# Keeps with one promise broken on purpose (keep/break.h): only what the
# macro touches is compiled again, the rest is the good image's objects.
BREAKS := 1 2 3 4 5 7
BREAK_SRC := $(shell grep -l '"keep/break.h"' keep/*.c 2>/dev/null)

define broken_keep
build/keep-break/$(1).o/%.c.o: %.c keep/break.h mk/flags.mk | deps $$(BEARSSL_STAMP)
	@mkdir -p $$(@D)
	$$(Q)$$(KEEP_CC) $$(KEEP_FLAGS_process) -DDJ_BROKEN_BUILD -DBREAK=$(1) \
		-MMD -MP -MF $$(@:.o=.d) -c -o $$@ $$<
build/keep-break/$(1)/process.elf: \
		$$(patsubst %,build/keep-break/$(1).o/%.o,$$(BREAK_SRC)) \
		$$(filter-out $$(patsubst %,build/keep/process.o/%.o,$$(BREAK_SRC)),$$(KEEP_OBJ_process))
	@mkdir -p $$(@D)
	$$(Q)$$(KEEP_LD) $$(KEEP_LDFLAGS) -T keep/shim/process/image.ld -o $$@ $$^
-include $$(patsubst %,build/keep-break/$(1).o/%.d,$$(basename $$(BREAK_SRC)))
TEST_TOOLS += build/keep-break/$(1)/process.elf
endef
$(foreach n,$(BREAKS),$(eval $(call broken_keep,$(n))))

# The same for SGX, signed, for tests/integration/sgx_look.py: a second look,
# and a shim that reads by the byte.
build/keep-break-sgx/%/sgx.sig: build/keep-break-sgx/%/sgx.elf build/donjon-sgx-sign build/keep/sgx.sig
	$(Q)build/donjon-sgx-sign $< $(SGX_KEY) $@
build/keep-break-sgx/7/sgx.elf: $(patsubst %,build/keep-break/7.o/%.o,$(BREAK_SRC)) \
		$(filter-out $(patsubst %,build/keep/sgx.o/%.o,$(BREAK_SRC)),$(KEEP_OBJ_sgx))
	@mkdir -p $(@D)
	$(Q)$(KEEP_LD) $(KEEP_LDFLAGS) -T keep/shim/sgx/image.ld -o $@ $^
build/keep-break-sgx/bytes/sgx.elf: build/keep-test/tests/keep/careless_region.c.o \
		$(filter-out %/region.c.o,$(KEEP_OBJ_sgx))
	@mkdir -p $(@D)
	$(Q)$(KEEP_LD) $(KEEP_LDFLAGS) -T keep/shim/sgx/image.ld -o $@ $^
TEST_TOOLS += build/keep-break-sgx/7/sgx.sig build/keep-break-sgx/bytes/sgx.sig
-include build/keep-test/tests/keep/careless_region.c.d
