// SPDX-License-Identifier: Apache-2.0
#include "client/aot/target.h"

#include <llvm-c/Core.h>
#include <llvm-c/Support.h>
#include <llvm-c/Target.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * riscv64: linker relaxation is off, so that objects say what they are.
 * Accesses that are not aligned are left to the machine: the base platform
 * (RVA20's Zicclsm) has them, in hardware or by its monitor, and bytes one by
 * one would cost every access that is.
 */
static const struct machine machines[] = {
	{ .isa = DJ_ISA_X86_64,
		.level = 2,
		.triple = "x86_64-unknown-linux-gnu",
		.cpu = "x86-64-v2",
		.features = "",
		.sp = "rsp",
		.model = LLVMCodeModelSmall,
		.cc = 0,       /* C */
		.tail_cc = 18, /* tailcc */
		.cold_cc = 15, /* preserve_all */
		.fill = 0xcc,
		.float_reg = "=x,0",
		.vector_reg = "=x,0",
		.tunes = { "generic", "znver2", "atom", "sandybridge", "slm",
			"haswell" } },
	{ .isa = DJ_ISA_X86_64,
		.level = 3,
		.triple = "x86_64-unknown-linux-gnu",
		.cpu = "x86-64-v3",
		.features = "",
		.sp = "rsp",
		.model = LLVMCodeModelSmall,
		.cc = 0,
		.tail_cc = 18,
		.cold_cc = 15,
		.fill = 0xcc,
		.float_reg = "=x,0",
		.vector_reg = "=x,0",
		.tunes = { "generic", "znver2", "atom", "sandybridge", "slm",
			"haswell" } },
	{ .isa = DJ_ISA_RISCV64,
		.level = 1,
		.triple = "riscv64-unknown-linux-gnu",
		.cpu = "generic-rv64",
		.features = "+m,+a,+f,+d,+c,-relax,+unaligned-scalar-mem",
		.abi = "lp64d",
		.sp = "sp",
		.model = LLVMCodeModelMedium,
		.cc = 0, /* C */
		.regs = { 6, 4, 4, 0 },
		.float_reg = "=f,0",
		.max_frame = 192u << 10,
		.rounds_keep_nan = true,
		.tunes = { "generic-rv64", "rocket-rv64", "sifive-u74",
			"syntacore-scr1-base", "generic-rv64", "sifive-u74" } },
	{ .isa = DJ_ISA_PPC64LE,
		.level = 9,
		.triple = "powerpc64le-unknown-linux-gnu",
		.cpu = "pwr9",
		.features = "",
		.sp = "r1",
		.model = LLVMCodeModelMedium,
		.cc = 8, /* fastcc */
		.regs = { 6, 4, 4, 6 },
		.float_reg = "=f,0",
		.vector_reg = "=v,0",
		.promotes_keep_nan = true,
		.nearest_is_rint = true,
		.rounds_twice = true,
		.tunes = { "pwr9", "pwr8", "pwr9", "pwr8", "pwr9", "pwr8" } },
};

static enum dj_isa this_isa(void)
{
#if defined(__x86_64__)
	return DJ_ISA_X86_64;
#elif defined(__riscv)
	return DJ_ISA_RISCV64;
#else
	return DJ_ISA_PPC64LE;
#endif
}

/*
 * LLVM's options are the process's: those of the first machine that it is
 * asked for.
 */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static atomic_uint first_isa;

static void set_options(void)
{
	/*
	 * Lines are all that is asked of debug information; where variables
	 * are would be looked for all the same, in an eighth of the time. A
	 * function's frame is there from its first instruction on: a fault
	 * before that would leave its caller out of the backtrace. How far a
	 * live range's region is looked for ends earlier than LLVM has it: in
	 * the largest functions that takes a tenth of all the time; not as
	 * early as would do for most, which interpreters' loops pay for. A
	 * load that a conditional move has taken in is not to become one
	 * behind a branch: that is done to volatile ones too, and with guard
	 * pages the load is the check. Two ends of blocks that are the same
	 * are not made one, which would be at neither's place in a backtrace;
	 * looking for them took 4 in 100.
	 */
	static const char *const all[] = { "donjon-aot",
		"-experimental-debug-variable-locations=false",
		"-enable-shrink-wrap=false",
		"-grow-region-complexity-budget=3000",
		"-enable-tail-merge=false",
		"-x86-cmov-converter-force-mem-operand=false" };
	/*
	 * Scheduling machine instructions again, moving them out of loops and
	 * finding equal ones took 9 in 100 of the time and gave nothing that
	 * could be measured; without the last, fewer are executed. Loops have
	 * what their addresses need from the Wasm's compiler; to look for that
	 * again took 9 in 100, and gave zstd more live values than registers:
	 * only nests have it done, in unit.c.
	 * Where constants take instructions, and processors do them in order,
	 * nobody has measured.
	 */
	static const char *const x86[] = { "-enable-misched=false",
		"-disable-machine-licm", "-disable-machine-cse",
		"-disable-lsr" };
	const size_t n = sizeof(all) / sizeof(all[0]);
	const size_t more = sizeof(x86) / sizeof(x86[0]);
	const char *args[sizeof(all) / sizeof(all[0]) +
		sizeof(x86) / sizeof(x86[0])];

	memcpy(args, all, sizeof(all));
	memcpy(args + n, x86, sizeof(x86));
	LLVMParseCommandLineOptions((int)(first_isa == DJ_ISA_X86_64 ? n + more
								     : n),
		args, "");
}

static void begin_llvm(void)
{
	set_options();
	LLVMInitializeX86TargetInfo();
	LLVMInitializeX86Target();
	LLVMInitializeX86TargetMC();
	LLVMInitializeX86AsmPrinter();
	LLVMInitializeX86Disassembler(); /* mend.c */
	LLVMInitializeRISCVTargetInfo();
	LLVMInitializeRISCVTarget();
	LLVMInitializeRISCVTargetMC();
	LLVMInitializeRISCVAsmPrinter();
	LLVMInitializePowerPCTargetInfo();
	LLVMInitializePowerPCTarget();
	LLVMInitializePowerPCTargetMC();
	LLVMInitializePowerPCAsmPrinter();
	/* Inline assembly has its reader; empty text needs none. */
	LLVMInitializePowerPCAsmParser();
}

dj_status choose_target(struct dj_aot_options *o, const struct machine **ret,
	LLVMTargetRef *ret_target, char *err, size_t cap)
{
	char *text = NULL;
	unsigned none = 0;

	if (o->isa == 0)
		o->isa = this_isa();
	(void)atomic_compare_exchange_strong(&first_isa, &none, o->isa);
	(void)pthread_once(&once, begin_llvm);
	for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++) {
		const struct machine *m = &machines[i];

		if (m->isa != o->isa ||
			(o->cpu_level != 0 && m->level != o->cpu_level))
			continue;
		if (LLVMGetTargetFromTriple(m->triple, ret_target, &text) !=
			0) {
			snprintf(err, cap, "LLVM: %.100s", text);
			LLVMDisposeMessage(text);
			return DJ_E_UNSUPPORTED;
		}
		o->cpu_level = m->level;
		*ret = m;
		return DJ_OK;
	}
	snprintf(err, cap, "no native code for instruction set %u, level %u",
		(unsigned)o->isa, o->cpu_level);
	return DJ_E_UNSUPPORTED;
}
