#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# tools/check-image refuses each instruction that an enclave may not run, and
# the bytes of ENCLU wherever they are not meant; the image itself passes.
set -u
cd "$(dirname "$0")/../.." || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
n=0
bad=0

say()
{
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n - $2"
	else
		bad=1
		sed 's/^/# /' "$work/said"
		echo "not ok $n - $2"
	fi
}

# Assembly on standard input, as an image.
check()
{
	{
		echo '.data; .long 1; .section .rodata, "a"; .long 1'
		echo '.section .text.entry, "ax"; .globl dj_sgx_entry; dj_sgx_entry:'
		cat
	} >"$work/x.S"
	clang-19 --target=x86_64-linux-gnu -c -o "$work/x.o" "$work/x.S" &&
		ld.lld-19 -nostdlib -static -no-pie --build-id=none -z noexecstack \
			-T keep/shim/sgx/image.ld -o "$work/x.elf" "$work/x.o"
	tools/check-image sgx "$work/x.elf" >"$work/said" 2>&1
}

if [ "$(uname -m)" != x86_64 ]; then
	echo "1..0 # SKIP not an x86-64 machine"
	exit 0
fi
tools/check-image sgx build/keep/sgx.elf >"$work/said" 2>&1
say $? "the image passes"
echo 'nop' | check
! grep -q 'may not run' "$work/said" && grep -q 'ENCLU at 0 places' "$work/said"
say $? "an image without ENCLU is none"

cat >"$work/ops" <<'EOF'
cpuid
getsec
rdpmc
sgdt (%rax)
sidt (%rax)
sldt %eax
str %eax
smsw %eax
vmcall
vmfunc
inb %dx, %al
outb %al, %dx
insb
outsb
lcall *(%rax)
ljmp *(%rax)
lret
int $0x80
iretq
lfs (%rax), %ecx
lgs (%rax), %ecx
lss (%rax), %ecx
syscall
sysenter
sysexit
rdtsc
rdtscp
rdfsbase %rax
wrfsbase %rax
rdgsbase %rax
wrgsbase %rax
swapgs
popfq
xsave (%rax)
xsavec (%rax)
xsaveopt (%rax)
xrstor (%rax)
xrstors (%rax)
xrstor64 (%rax)
verw %ax
hlt
cli
sti
rdmsr
wrmsr
xsetbv
invd
wbinvd
encls
enclu
mov %cr0, %rax
mov %rax, %db7
mov %ax, %ds
mov %ax, %ss
pop %fs
pop %gs
wrpkru
EOF
awk '{ printf ".type op%d, @function\nop%d:\n\t%s\n", NR, NR, $0 }' "$work/ops" | check
i=0
while read -r op; do
	i=$((i + 1))
	grep -q "may not run here: op$i:" "$work/said"
	say $? "an enclave may not run: $op"
done <"$work/ops"

# In the middle of an instruction, and across two.
check <<'EOF'
movl $0x90d7010f, %eax
.byte 0xb8, 0, 0, 0x0f, 0x01
xlat
EOF
grep -q 'ENCLU at 2 places' "$work/said"
say $? "the bytes of ENCLU are found inside of others"
echo "1..$n"
exit $bad
