// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "keep/shim.h"
#include "keep/shim/vm/vm.h"

/*
 * A core for tests of the VM shim: does the one thing that the host's first
 * word in the ring to it asks for. What must not be survived is followed by
 * an end that says it was: DJ_HALT_CONFIG, which nothing else here gives.
 * tests/integration/vm_jail.py is the host and has the names.
 */
#define GIB (UINT64_C(1) << 30)

static uint8_t code[16] = { 0xc3 };
static uint8_t descriptor[10];

static void write_to(uint64_t addr)
{
	*(volatile uint8_t *)addr = 0xcc;
}

static uint8_t read_from(uint64_t addr)
{
	return *(const volatile uint8_t *)addr;
}

static void jump_to(uint64_t addr)
{
	__asm__ volatile("call *%0" : : "r"(addr) : "memory");
}

static int recurse(volatile char *outer, int n)
{
	volatile char here[1024];

	here[n % 1024] = outer[0];
	return n == 0 ? here[0] : recurse(here, n - 1) + here[1];
}

static uint64_t address(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

static void gate(uint64_t call, uint64_t a, uint64_t b, uint64_t c)
{
	(void)dj_vm_gate(call, a, b, c);
}

static void instruction(uint64_t which)
{
	uint64_t v = 0;

	switch (which) {
	case 0:
		__asm__ volatile("hlt");
		break;
	case 1:
		__asm__ volatile("cli");
		break;
	case 2:
		__asm__ volatile("sti");
		break;
	case 3:
		__asm__ volatile("outb %b0, $0x10" : : "a"(0));
		break;
	case 4:
		__asm__ volatile("outb %b0, $0x11" : : "a"(DJ_HALT_CONFIG));
		break;
	case 5:
		__asm__ volatile("inb $0x60, %b0" : "=a"(v));
		break;
	case 6:
		__asm__ volatile("movq %%cr3, %0" : "=r"(v));
		break;
	case 7:
		__asm__ volatile("movq %0, %%cr0" : : "r"(v));
		break;
	case 8:
		__asm__ volatile("rdmsr" : : "c"(0xc0000080) : "eax", "edx");
		break;
	case 9:
		__asm__ volatile("wrmsr" : : "c"(0xc0000082), "a"(0), "d"(0));
		break;
	case 10:
		__asm__ volatile("lgdt %0" : : "m"(descriptor));
		break;
	case 11:
		__asm__ volatile("lidt %0" : : "m"(descriptor));
		break;
	case 12:
		__asm__ volatile("ltr %w0" : : "r"(SEL_TSS));
		break;
	case 13:
		__asm__ volatile("xsetbv" : : "a"(1), "d"(0), "c"(0));
		break;
	case 14:
		__asm__ volatile("int3");
		break;
	case 15:
		__asm__ volatile("int $0x80" : : "a"(DJ_GATE_KICK));
		break;
	case 16:
		__asm__ volatile("syscall" : : "a"(0) : "rcx", "r11");
		break;
	case 17:
		__asm__ volatile("ud2");
		break;
	case 18:
		__asm__ volatile("divl %0" : : "r"(0) : "eax", "edx");
		break;
	case 19:
		/* To ring 0's segments, with the stack that we have. */
		__asm__ volatile("movq %%rsp, %%rax\n\t"
				 "pushq $0x10\n\tpushq %%rax\n\tpushq $2\n\t"
				 "pushq $0x08\n\tleaq 1f(%%rip), %%rax\n\t"
				 "pushq %%rax\n\tiretq\n1:"
				 :
				 :
				 : "rax", "memory");
		break;
	default:
		break;
	}
}

/* Committed memory with a function that does nothing; it is run once. */
static uint8_t *new_code(size_t len)
{
	uint8_t *p = dj_shim_reserve(len);

	(void)!dj_shim_commit(p, len);
	*p = 0xc3;
	if (dj_shim_exec(p, DJ_SHIM_PAGE) != DJ_OK)
		dj_shim_halt(DJ_HALT_BUG);
	jump_to(address(p));
	return p;
}

static void memory(uint64_t which)
{
	static const char constant = 1;
	uint8_t on_stack[16] = { 0xc3 };
	volatile char c = constant;
	uint8_t *p;

	switch (which) {
	case 0:
		(void)read_from(0);
		break;
	case 1:
		write_to(address(&dj_keep_main));
		break;
	case 2:
		write_to(address(&constant));
		break;
	case 3:
		jump_to(address(code));
		break;
	case 4:
		jump_to(address(on_stack));
		break;
	case 5:
		(void)read_from(DJ_VM_IMAGE);
		break;
	case 6:
		write_to(DJ_VM_TABLES);
		break;
	case 7:
		(void)read_from(RING0_CODE);
		break;
	case 8:
		jump_to(RING0_GATE);
		break;
	case 9:
		(void)recurse(&c, 1 << 20);
		break;
	case 10:
		write_to(DJ_VM_STACK + DJ_VM_STACK_SIZE);
		break;
	case 11: /* inside the large page, outside the region */
		(void)read_from(DJ_VM_REGION + DJ_HC_REGION_SIZE);
		break;
	case 12:
		jump_to(DJ_VM_REGION);
		break;
	case 13:
		p = dj_shim_reserve(DJ_SHIM_PAGE);
		write_to(address(p));
		break;
	case 14: /* the page after what was committed */
		p = dj_shim_reserve(GIB);
		(void)!dj_shim_commit(p, 3 * DJ_SHIM_PAGE);
		write_to(address(p) + 3 * DJ_SHIM_PAGE - 1);
		write_to(address(p) + 3 * DJ_SHIM_PAGE);
		break;
	case 15:
		p = dj_shim_reserve(DJ_SHIM_PAGE);
		(void)!dj_shim_commit(p, DJ_SHIM_PAGE);
		write_to(address(p));
		dj_shim_release(p, DJ_SHIM_PAGE);
		(void)read_from(address(p));
		break;
	case 16:
		p = dj_shim_reserve(DJ_SHIM_PAGE);
		(void)!dj_shim_commit(p, DJ_SHIM_PAGE);
		*p = 0xc3;
		jump_to(address(p));
		break;
	case 17:
		p = dj_shim_reserve(4 * DJ_VM_LARGE);
		(void)!dj_shim_commit(p, 4 * DJ_VM_LARGE);
		write_to(address(p));
		dj_shim_release(p, 4 * DJ_VM_LARGE);
		write_to(address(p));
		break;
	case 18: /* a frame that the host never gave */
		gate(DJ_GATE_MAP, WINDOW, DJ_VM_FRAMES + 2 * GIB, 1);
		write_to(WINDOW);
		break;
	case 19: /* not a canonical address */
		(void)read_from(UINT64_C(1) << 60);
		break;
	case 20:
		p = new_code(DJ_SHIM_PAGE);
		write_to(address(p));
		break;
	case 21: /* a page of a large one, which its neighbours stay */
		p = new_code(2 * DJ_VM_LARGE);
		write_to(address(p) + DJ_SHIM_PAGE);
		write_to(address(p));
		break;
	case 22:
		p = new_code(2 * DJ_VM_LARGE);
		p[DJ_SHIM_PAGE] = 0xc3;
		jump_to(address(p) + DJ_SHIM_PAGE);
		break;
	case 23:
		p = new_code(DJ_SHIM_PAGE);
		dj_shim_unexec(p, DJ_SHIM_PAGE);
		*(volatile uint8_t *)p = 0xc3;
		jump_to(address(p));
		break;
	default:
		break;
	}
}

static void calls(uint64_t which)
{
	const uint64_t end = (uint64_t)DJ_VM_FRAMES_MAX * DJ_SHIM_PAGE;
	const struct {
		uint64_t call, a, b, c;
	} table[] = {
		{ 0, 0, 0, 0 },
		{ 1, 0, 0, 0 },
		{ DJ_GATE_UNMAP + 1, 0, 0, 0 },
		{ DJ_GATE_MAP, DJ_VM_IMAGE, DJ_VM_FRAMES, 1 },
		{ DJ_GATE_MAP, WINDOW - DJ_SHIM_PAGE, DJ_VM_FRAMES, 1 },
		{ DJ_GATE_MAP, WINDOW_END, DJ_VM_FRAMES, 1 },
		{ DJ_GATE_MAP, UINT64_MAX - 4095, DJ_VM_FRAMES, 1 },
		{ DJ_GATE_MAP, WINDOW + 1, DJ_VM_FRAMES, 1 },
		{ DJ_GATE_MAP, WINDOW, DJ_VM_FRAMES + 1, 1 },
		{ DJ_GATE_MAP, WINDOW, DJ_VM_IMAGE, 1 },
		{ DJ_GATE_MAP, WINDOW, DJ_VM_TABLES, 1 },
		{ DJ_GATE_MAP, WINDOW, DJ_VM_REGION, 1 },
		{ DJ_GATE_MAP, WINDOW, DJ_VM_FRAMES - DJ_SHIM_PAGE, 1 },
		{ DJ_GATE_MAP, WINDOW, DJ_VM_FRAMES + end, 1 },
		{ DJ_GATE_MAP, WINDOW, DJ_VM_FRAMES, 0 },
		{ DJ_GATE_MAP, WINDOW, DJ_VM_FRAMES, 513 },
		{ DJ_GATE_MAP, WINDOW, DJ_VM_FRAMES, UINT64_MAX },
		{ DJ_GATE_MAP, WINDOW + DJ_SHIM_PAGE, DJ_VM_FRAMES, 512 },
		{ DJ_GATE_MAP, WINDOW, DJ_VM_FRAMES + DJ_SHIM_PAGE, 512 },
		{ DJ_GATE_UNMAP, DJ_VM_IMAGE, 0, 1 },
		{ DJ_GATE_UNMAP, DJ_VM_STACK, 0, 512 },
		{ DJ_GATE_UNMAP, WINDOW, 0, 0 },
		{ DJ_GATE_UNMAP, WINDOW_END, 0, 1 },
		{ DJ_GATE_EXEC + 1, 0, 0, 0 },
		{ DJ_GATE_EXEC, DJ_VM_IMAGE, 1, 1 },
		{ DJ_GATE_EXEC, DJ_VM_STACK, 1, 1 },
		{ DJ_GATE_EXEC, WINDOW, 1, 1 },
		{ DJ_GATE_EXEC, WINDOW, 1, 0 },
		{ DJ_GATE_EXEC, WINDOW_END, 1, 1 },
	};

	if (which < sizeof(table) / sizeof(table[0]))
		gate(table[which].call, table[which].a, table[which].b,
			table[which].c);
}

static bool is_all(const uint8_t *p, size_t len, uint8_t want)
{
	for (size_t i = 0; i < len; i++) {
		if (p[i] != want)
			return false;
	}
	return true;
}

/* What the memory functions promise, with a limit of 24 MiB. Over and over:
 * frames go round, in large pages and in small ones. */
static bool honest(void)
{
	const size_t large = 3 * DJ_VM_LARGE + 5 * DJ_SHIM_PAGE;
	const size_t small = 7 * DJ_SHIM_PAGE;
	uint64_t peak;

	dj_shim_memory_limit(24 << 20);
	for (int i = 0; i < 12; i++) {
		uint8_t *a = dj_shim_reserve(large);
		uint8_t *b = dj_shim_reserve(8 * GIB);

		if (a == NULL || b == NULL || dj_shim_commit(a, large) != DJ_OK)
			return false;
		for (size_t off = 0; off < 64 * small; off += small) {
			if (dj_shim_commit(b + off, small) != DJ_OK)
				return false;
		}
		if (!is_all(a, large, 0) || !is_all(b, 64 * small, 0))
			return false;
		memset(a, 0xa5, large);
		memset(b, 0x5a, 64 * small);
		if (!is_all(a, large, 0xa5) || !is_all(b, 64 * small, 0x5a) ||
			dj_shim_committed(&peak) != large + 64 * small ||
			dj_shim_commit(b + GIB, 17 << 20) != DJ_E_NOMEM)
			return false;
		dj_shim_release(i % 2 == 0 ? a : b,
			i % 2 == 0 ? large : 8 * GIB);
		dj_shim_release(i % 2 == 0 ? b : a,
			i % 2 == 0 ? 8 * GIB : large);
	}
	return dj_shim_committed(&peak) == 0 && peak == large + 64 * small;
}

/* No native code runs here: every fault is one. */
void dj_keep_fault(uintptr_t pc, uintptr_t addr, uintptr_t fp)
{
	(void)pc;
	(void)addr;
	(void)fp;
}

_Noreturn void dj_keep_main(void)
{
	uint64_t what[2];

	dj_shim_copy_in(DJ_HC_IN_OFF, what, sizeof(what));
	switch (what[0]) {
	case 1:
		instruction(what[1]);
		break;
	case 2:
		memory(what[1]);
		break;
	case 3:
		calls(what[1]);
		break;
	case 4:
		dj_shim_halt(honest() ? DJ_HALT_RELEASED : DJ_HALT_BUG);
	default:
		dj_shim_halt(DJ_HALT_RELEASED);
	}
	dj_shim_halt(DJ_HALT_CONFIG);
}

dj_status dj_hc_call(enum dj_hc_op op, uint64_t arg, uint64_t *ret_value,
	uint32_t *ret_len)
{
	(void)op;
	(void)arg;
	(void)ret_value;
	(void)ret_len;
	return DJ_E_HOST;
}
