# SPDX-License-Identifier: Apache-2.0
# The evil host (tests/evil/): keep core, judge and client in one program, by
# the fuzzers' compiler and flags, watched through --wrap. build/evil-break/N
# is the same with one promise broken (lib/base/break.h): only what the macro
# touches is compiled again, and linked before the archive.
comma := ,
EVIL_BREAKS := 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15
EVIL_BREAK_SRC := $(shell grep -lE 'DJ_BREAK.[0-9]' keep/*.c lib/*/*.c client/*.c \
	attest/*.c 2>/dev/null)
EVIL_OBJ := $(patsubst %,build/fuzz/o/%.o,$(wildcard tests/evil/*.c) \
	$(filter-out %/ksp_client.c %/nonce_log.c %/sgx.c,$(TEST_SUPPORT)))
EVIL_LIB := $(patsubst %,build/fuzz/o/%.o,$(LIB_SRC) $(KEEP_SRC) $(ATTEST_SRC) \
	$(CLIENT_SRC) host/agent/plan.c host/agent/tap.c)
EVIL_WRAP := $(patsubst %,-Wl$(comma)--wrap=%,poll clock_gettime RAND_bytes \
	RAND_priv_bytes dj_link_recv dj_link_send dj_link_close dj_aead_init \
	dj_aead_seal dj_kem_decap dj_keys_derive dj_chain_init dj_chain_seal \
	dj_chain_open)
EVIL_LINK = $(Q)$(FUZZ_CC) -fsanitize=address,undefined $(EVIL_WRAP) -o $@ \
	$(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group \
	-ljansson -lcrypto -lm

build/evil.a: $(EVIL_LIB)
	@rm -f $@
	$(Q)ar rcsD $@ $^
build/evil: $(EVIL_OBJ) build/host/tests/scan/scanner.c.o \
		build/evil.a build/host/bearssl.a
	$(EVIL_LINK)

define broken_evil
build/evil-break/$(1).o/%.c.o: %.c lib/base/break.h mk/flags.mk | deps $$(BEARSSL_STAMP)
	@mkdir -p $$(@D)
	$$(Q)$$(FUZZ_CC) $$(FUZZ_FLAGS) -isystem $$(BEARSSL)/inc \
		-DDJ_BROKEN_BUILD -DBREAK=$(1) -MMD -MP -MF $$(@:.o=.d) -c -o $$@ $$<
build/evil-break/$(1)/evil: $$(patsubst %,build/evil-break/$(1).o/%.o,$$(shell \
		grep -lE 'DJ_BREAK.$(1),' $$(EVIL_BREAK_SRC))) $$(EVIL_OBJ) \
		build/host/tests/scan/scanner.c.o build/evil.a build/host/bearssl.a
	@mkdir -p $$(@D)
	$$(EVIL_LINK)
-include $$(patsubst %,build/evil-break/$(1).o/%.d,$$(basename $$(EVIL_BREAK_SRC)))
TEST_TOOLS += build/evil-break/$(1)/evil
endef
$(foreach n,$(EVIL_BREAKS),$(eval $(call broken_evil,$(n))))
TEST_TOOLS += build/evil
