# SPDX-License-Identifier: Apache-2.0
# Flags. Hosted programs take a packager's CFLAGS/LDFLAGS on top; a keep image
# takes ours alone, so that nothing outside this file moves a measured byte.

WERROR ?= 1
WARN := -Wall -Wextra -Wshadow -Wvla -Wundef -Wcast-qual -Wpointer-arith \
	-Wwrite-strings -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes \
	-Wredundant-decls -Wimplicit-fallthrough -Wswitch-enum -Wconversion \
	-Wno-sign-conversion
GCC_WARN := -Wlogical-op -Wduplicated-cond -Wduplicated-branches \
	-Wcast-align=strict
# A product and a sum are two roundings: what Wasm says, and the same on
# machines with and without a fused instruction.
BASE := -std=gnu2x -fno-strict-aliasing -fno-common -ffp-contract=off -g
ifeq ($(WERROR),1)
WARN += -Werror
endif

HOSTED := $(BASE) $(WARN) -O2 -fPIE -D_GNU_SOURCE -I. \
	-fstack-protector-strong -fstack-clash-protection -fcf-protection \
	-ftrivial-auto-var-init=zero
HOSTED_LD := -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code
ifneq ($(findstring gcc,$(notdir $(CC)))$(filter cc,$(CC)),)
HOSTED += $(GCC_WARN)
endif
ifeq ($(SAN),1)
HOSTED += -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer
HOSTED_LD += -fsanitize=address,undefined
else
HOSTED += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
endif

# Keep images: one compiler for every instruction set, named with its version,
# and no way for an environment or a configuration file to add to its flags.
KEEP_CC := env -u CPATH -u C_INCLUDE_PATH -u CCC_OVERRIDE_OPTIONS \
	clang-19 --no-default-config
KEEP_LD := ld.lld-19
KEEP_BASE := $(BASE) $(WARN) -O2 -ffreestanding -nostdinc -fPIE \
	-fvisibility=hidden -fno-asynchronous-unwind-tables \
	-ftrivial-auto-var-init=zero -ffunction-sections -fdata-sections \
	-fno-stack-protector -ffile-prefix-map=$(CURDIR)/=./ \
	-ffile-prefix-map=$(CURDIR)=. -Wdate-time -Ikeep/include -I.
KEEP_CPU_x86_64 := --target=x86_64-linux-gnu -march=x86-64-v2 -mno-red-zone
KEEP_CPU_riscv64 := --target=riscv64-linux-gnu -march=rv64gc -mabi=lp64d
KEEP_CPU_ppc64le := --target=powerpc64le-linux-gnu -mcpu=pwr9 \
	-Wno-deprecated-altivec-src-compat
KEEP_LDFLAGS := -nostdlib -static -no-pie --gc-sections --fatal-warnings \
	--build-id=none --orphan-handling=error --no-undefined -z noexecstack

# BearSSL is someone else's code: our flags, not our warnings.
BEARSSL_FLAGS := -std=gnu99 -O2 -fno-strict-aliasing -fno-common -w \
	-DBR_USE_URANDOM=0 -DBR_USE_UNIX_TIME=0 -DBR_RDRAND=0
