// SPDX-License-Identifier: Apache-2.0
#include <cpuid.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "emu/sgx/cpu.h"

/*
 * Where the emulated processor is entered: by a signal or by a call. Both
 * bring the registers of what ran, and go on with those that dj_emu_enclu()
 * and dj_emu_aex() leave. One thread, so its state is static; FS is the
 * enclave's until the host's is back, and C needs the host's.
 */
#define SITE_SIZE   5
#define ALT_SIZE    (64 << 10)
#define AREA_SIZE   (16 << 10)
#define STUB        (DJ_SGX_BASE - 0x1000)
#define GATE_STACK  (64 << 10)
#define HWCAP2_FSGS 2
#define TRAP_FLAGS  0x204000

static const uint8_t site[SITE_SIZE] = { 0x0f, 0x01, 0xd7, 0x66, 0x90 };

/* Known to the assembly below. */
struct dj_emu_regs dj_emu_gate_regs;
uint64_t dj_emu_gate_fs; /* the host's */
/* To go on with after a signal. Of the flags those which sigreturn does not
 * take from its frame: NT and ID stay what they are when it is called. */
uint64_t dj_emu_trap_fs, dj_emu_trap_gs, dj_emu_trap_flags;
uint8_t dj_emu_gate_area[AREA_SIZE] __attribute__((aligned(64)));
uint8_t dj_emu_gate_stack[GATE_STACK] __attribute__((aligned(64)));
uint8_t dj_emu_is_patched;
void dj_emu_gate(void);
void dj_emu_trap(int sig, siginfo_t *info, void *uc);
void dj_emu_gate_call(void);
void dj_emu_fault_here(void);
void dj_emu_on_signal(int sig, siginfo_t *info, ucontext_t *uc, uint64_t fs,
	uint64_t gs);
extern uint8_t dj_emu_aep[];
static uint8_t alt_stack[ALT_SIZE] __attribute__((aligned(64)));

_Static_assert(offsetof(struct dj_emu_regs, r) == 64 &&
		offsetof(struct dj_emu_regs, rflags) == 128 &&
		offsetof(struct dj_emu_regs, rip) == 136 &&
		offsetof(struct dj_emu_regs, fs) == 144 &&
		offsetof(struct dj_emu_regs, gs) == 152,
	"GPRSGX's order");

/* __vdso_sgx_enter_enclave's twin: the same code shape, the same registers. */
__asm__(".text\n"
	".globl dj_emu_enter\n"
	".type dj_emu_enter, @function\n"
	"dj_emu_enter:\n"
	"	endbr64\n"
	"	pushq %rbp\n"
	"	movq %rsp, %rbp\n"
	"	pushq %rbx\n"
	"	movl %ecx, %eax\n"
	"	cmpl $2, %eax\n"
	"	jb 4f\n"
	"	cmpl $3, %eax\n"
	"	ja 4f\n"
	"	movq 16(%rbp), %rcx\n"
	"	movq (%rcx), %rbx\n"
	"	leaq dj_emu_aep(%rip), %rcx\n"
	".globl dj_emu_aep\n"
	"dj_emu_aep:\n"
	"	cmpb $0, dj_emu_is_patched(%rip)\n"
	"	jne 1f\n"
	"	.byte 0x0f, 0x01, 0xd7\n"
	"	jmp 2f\n"
	"1:	call dj_emu_gate\n"
	"2:	movq 16(%rbp), %rbx\n"
	"	movl $4, 8(%rbx)\n"
	"	xorl %eax, %eax\n"
	"3:	leaq -8(%rbp), %rsp\n"
	"	popq %rbx\n"
	"	popq %rbp\n"
	"	ret\n"
	"4:	movl $-22, %eax\n"
	"	jmp 3b\n"
	/* RAX leaf, RDI vector, RSI error code, RDX address. */
	".globl dj_emu_fault_here\n"
	"dj_emu_fault_here:\n"
	"	movq 16(%rbp), %rbx\n"
	"	movl %eax, 8(%rbx)\n"
	"	movw %di, 12(%rbx)\n"
	"	movw %si, 14(%rbx)\n"
	"	movq %rdx, 16(%rbx)\n"
	"	movl $-14, %eax\n"
	"	jmp 3b\n"
	".size dj_emu_enter, . - dj_emu_enter\n");

/* Called in ENCLU's place: the return address is the only thing it costs. */
__asm__(".globl dj_emu_gate\n"
	".type dj_emu_gate, @function\n"
	"dj_emu_gate:\n"
	"	popq dj_emu_gate_regs+136(%rip)\n"
	"	movq %rax, dj_emu_gate_regs(%rip)\n"
	"	movq %rcx, dj_emu_gate_regs+8(%rip)\n"
	"	movq %rdx, dj_emu_gate_regs+16(%rip)\n"
	"	movq %rbx, dj_emu_gate_regs+24(%rip)\n"
	"	movq %rsp, dj_emu_gate_regs+32(%rip)\n"
	"	movq %rbp, dj_emu_gate_regs+40(%rip)\n"
	"	movq %rsi, dj_emu_gate_regs+48(%rip)\n"
	"	movq %rdi, dj_emu_gate_regs+56(%rip)\n"
	"	movq %r8, dj_emu_gate_regs+64(%rip)\n"
	"	movq %r9, dj_emu_gate_regs+72(%rip)\n"
	"	movq %r10, dj_emu_gate_regs+80(%rip)\n"
	"	movq %r11, dj_emu_gate_regs+88(%rip)\n"
	"	movq %r12, dj_emu_gate_regs+96(%rip)\n"
	"	movq %r13, dj_emu_gate_regs+104(%rip)\n"
	"	movq %r14, dj_emu_gate_regs+112(%rip)\n"
	"	movq %r15, dj_emu_gate_regs+120(%rip)\n"
	"	leaq dj_emu_gate_stack+65536(%rip), %rsp\n"
	"	pushfq\n"
	"	popq dj_emu_gate_regs+128(%rip)\n"
	"	pushq $2\n"
	"	popfq\n"
	"	rdfsbase %rax\n"
	"	movq %rax, dj_emu_gate_regs+144(%rip)\n"
	"	rdgsbase %rax\n"
	"	movq %rax, dj_emu_gate_regs+152(%rip)\n"
	"	movq dj_emu_gate_fs(%rip), %rax\n"
	"	wrfsbase %rax\n"
	"	movl $-1, %eax\n"
	"	movl $-1, %edx\n"
	"	xsave64 dj_emu_gate_area(%rip)\n"
	"	call dj_emu_gate_call\n"
	"	movl $-1, %eax\n"
	"	movl $-1, %edx\n"
	"	xrstor64 dj_emu_gate_area(%rip)\n"
	"	movq dj_emu_gate_regs+144(%rip), %rax\n"
	"	wrfsbase %rax\n"
	"	movq dj_emu_gate_regs+152(%rip), %rax\n"
	"	wrgsbase %rax\n"
	"	pushq dj_emu_gate_regs+128(%rip)\n"
	"	movq dj_emu_gate_regs(%rip), %rax\n"
	"	movq dj_emu_gate_regs+8(%rip), %rcx\n"
	"	movq dj_emu_gate_regs+16(%rip), %rdx\n"
	"	movq dj_emu_gate_regs+24(%rip), %rbx\n"
	"	movq dj_emu_gate_regs+40(%rip), %rbp\n"
	"	movq dj_emu_gate_regs+48(%rip), %rsi\n"
	"	movq dj_emu_gate_regs+56(%rip), %rdi\n"
	"	movq dj_emu_gate_regs+64(%rip), %r8\n"
	"	movq dj_emu_gate_regs+72(%rip), %r9\n"
	"	movq dj_emu_gate_regs+80(%rip), %r10\n"
	"	movq dj_emu_gate_regs+88(%rip), %r11\n"
	"	movq dj_emu_gate_regs+96(%rip), %r12\n"
	"	movq dj_emu_gate_regs+104(%rip), %r13\n"
	"	movq dj_emu_gate_regs+112(%rip), %r14\n"
	"	movq dj_emu_gate_regs+120(%rip), %r15\n"
	"	popfq\n"
	"	movq dj_emu_gate_regs+32(%rip), %rsp\n"
	"	jmpq *dj_emu_gate_regs+136(%rip)\n"
	".size dj_emu_gate, . - dj_emu_gate\n");

/* A signal's handler: the kernel leaves FS and GS as they were, and AC, with
 * which no C may run. */
__asm__(".globl dj_emu_trap\n"
	".type dj_emu_trap, @function\n"
	"dj_emu_trap:\n"
	"	endbr64\n"
	"	pushq $2\n"
	"	popfq\n"
	"	rdfsbase %rcx\n"
	"	rdgsbase %r8\n"
	"	movq dj_emu_gate_fs(%rip), %rax\n"
	"	wrfsbase %rax\n"
	"	pushq %rbx\n"
	"	call dj_emu_on_signal\n"
	"	popq %rbx\n"
	"	movq dj_emu_trap_fs(%rip), %rax\n"
	"	wrfsbase %rax\n"
	"	movq dj_emu_trap_gs(%rip), %rax\n"
	"	wrgsbase %rax\n"
	"	pushq dj_emu_trap_flags(%rip)\n"
	"	popfq\n"
	"	ret\n"
	".size dj_emu_trap, . - dj_emu_trap\n");

/* RIP is after the call, whose place has the size of the patched site. */
void dj_emu_gate_call(void)
{
	struct dj_emu_regs *r = &dj_emu_gate_regs;

	r->fp = dj_emu_gate_area;
	r->rip -= SITE_SIZE;
	dj_emu_enclu(r, SITE_SIZE);
}

void dj_emu_report_fault(struct dj_emu_regs *r, uint64_t leaf,
	const struct dj_emu_event *e)
{
	r->rax = leaf;
	r->rdi = e->vector;
	r->rsi = e->error;
	/* Nobody outside learns more of it than the page. */
	r->rdx = leaf == DJ_SGX_ERESUME ? e->addr & ~UINT64_C(0xfff) : e->addr;
	r->rip = (uintptr_t)dj_emu_fault_here;
}

static void from_context(struct dj_emu_regs *r, const ucontext_t *uc,
	uint64_t fs, uint64_t gs)
{
	const greg_t *g = uc->uc_mcontext.gregs;

	*r = (struct dj_emu_regs){ .rax = (uint64_t)g[REG_RAX],
		.rcx = (uint64_t)g[REG_RCX],
		.rdx = (uint64_t)g[REG_RDX],
		.rbx = (uint64_t)g[REG_RBX],
		.rsp = (uint64_t)g[REG_RSP],
		.rbp = (uint64_t)g[REG_RBP],
		.rsi = (uint64_t)g[REG_RSI],
		.rdi = (uint64_t)g[REG_RDI],
		.rflags = (uint64_t)g[REG_EFL],
		.rip = (uint64_t)g[REG_RIP],
		.fs = fs,
		.gs = gs,
		.fp = (uint8_t *)uc->uc_mcontext.fpregs };
	for (int i = 0; i < 8; i++)
		r->r[i] = (uint64_t)g[REG_R8 + i];
}

static void to_context(const struct dj_emu_regs *r, ucontext_t *uc)
{
	greg_t *g = uc->uc_mcontext.gregs;

	g[REG_RAX] = (greg_t)r->rax;
	g[REG_RCX] = (greg_t)r->rcx;
	g[REG_RDX] = (greg_t)r->rdx;
	g[REG_RBX] = (greg_t)r->rbx;
	g[REG_RSP] = (greg_t)r->rsp;
	g[REG_RBP] = (greg_t)r->rbp;
	g[REG_RSI] = (greg_t)r->rsi;
	g[REG_RDI] = (greg_t)r->rdi;
	g[REG_EFL] = (greg_t)r->rflags;
	g[REG_RIP] = (greg_t)r->rip;
	for (int i = 0; i < 8; i++)
		g[REG_R8 + i] = (greg_t)r->r[i];
}

/* ENCLU where it may be: in pages that run. */
static bool is_enclu(const struct dj_emu_regs *r, bool is_in)
{
	uint16_t e;

	/* It was fetched, so it can be read. */
	if (!is_in)
		return r->rip % 4096 <= 4096 - 3 &&
			memcmp((const void *)(uintptr_t)r->rip, site, 3) == 0;
	e = *dj_emu_page(r->rip - DJ_SGX_BASE);
	return (e & DJ_SGX_X) != 0 && (e & DJ_SGX_R) != 0 &&
		r->rip % 4096 <= 4096 - 3 &&
		memcmp((const void *)(uintptr_t)r->rip, site, 3) == 0;
}

static bool in_elrange(uint64_t addr)
{
	return addr >= DJ_SGX_BASE && addr - DJ_SGX_BASE < DJ_SGX_SIZE;
}

/* A fault of the loader or of the emulator itself. */
static void die(int sig)
{
	static const char text[] = "donjon-emu-sgx: a fault of its own\n";

	(void)!write(2, text, sizeof(text) - 1);
	(void)signal(sig, SIG_DFL);
}

static struct dj_emu_event event_of(int sig, const ucontext_t *uc)
{
	const greg_t *g = uc->uc_mcontext.gregs;
	struct dj_emu_event e = { .vector = (uint8_t)g[REG_TRAPNO],
		.error = (uint16_t)g[REG_ERR],
		.is_interrupt = sig == SIGALRM };
	uint64_t addr = (uint64_t)g[REG_CR2];

	if (e.vector != 14)
		return e;
	e.addr = addr;
	/* The driver adds a page where one could be; it is not accepted. */
	if (in_elrange(addr)) {
		(void)dj_emu_eaug((addr - DJ_SGX_BASE) & ~UINT64_C(0xfff));
		e.error |= 0x8000;
	}
	return e;
}

void dj_emu_on_signal(int sig, siginfo_t *info, ucontext_t *uc, uint64_t fs,
	uint64_t gs)
{
	struct dj_emu_regs *r = &dj_emu_gate_regs;
	const bool is_in = dj_emu_cpu.inside != NULL;
	struct dj_emu_regs now;
	struct dj_emu_event e;

	(void)info;
	from_context(&now, uc, fs, gs);
	dj_emu_trap_fs = fs;
	dj_emu_trap_gs = gs;
	dj_emu_trap_flags = (now.rflags & TRAP_FLAGS) | 2;
	/* Between two instructions of the emulator, which hold up whatever
	 * comes from outside. */
	if (sig == SIGALRM && (!is_in || !in_elrange(now.rip)))
		return;
	*r = now;
	if ((sig == SIGILL || sig == SIGSEGV) &&
		(!is_in || in_elrange(r->rip)) && is_enclu(r, is_in)) {
		dj_emu_enclu(r, 3);
	} else if (is_in) {
		e = event_of(sig, uc);
		if (!in_elrange(r->rip))
			e = (struct dj_emu_event){ .vector = 13 };
		dj_emu_aex(r, &e);
	} else {
		die(sig);
		return;
	}
	to_context(r, uc);
	dj_emu_trap_fs = r->fs;
	dj_emu_trap_gs = r->gs;
	dj_emu_trap_flags = (r->rflags & TRAP_FLAGS) | 2;
}

static uint64_t read_fs(void)
{
	uint64_t v;

	__asm__ volatile("rdfsbase %0" : "=r"(v));
	return v;
}

static bool can_save(void)
{
	unsigned a, b, c, d;

	return (getauxval(AT_HWCAP2) & HWCAP2_FSGS) != 0 &&
		__get_cpuid_count(0xd, 0, &a, &b, &c, &d) != 0 &&
		c <= AREA_SIZE;
}

bool dj_emu_gate_init(void)
{
	static const int signals[] = { SIGILL, SIGSEGV, SIGBUS, SIGFPE, SIGTRAP,
		SIGALRM };
	const stack_t alt = { .ss_sp = alt_stack, .ss_size = ALT_SIZE };
	struct sigaction act = { .sa_sigaction = dj_emu_trap,
		.sa_flags = SA_SIGINFO | SA_ONSTACK };

	if (!can_save()) {
		errno = ENOSYS;
		return false;
	}
	dj_emu_gate_fs = read_fs();
	dj_emu_is_patched = dj_emu_cpu.is_patched;
	if (sigaltstack(&alt, NULL) != 0)
		return false;
	sigfillset(&act.sa_mask);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		if (sigaction(signals[i], &act, NULL) != 0)
			return false;
	}
	return true;
}

/* A jump to the gate, near enough for a call from the enclave. Its target is
 * aligned, for the host's AC may be set. */
static bool make_stub(void)
{
	static const uint8_t jump[] = { 0xff, 0x25, 2, 0, 0, 0, 0xcc, 0xcc };
	void *want = (void *)(uintptr_t)STUB;
	uint64_t gate = (uintptr_t)dj_emu_gate;
	static bool is_made;
	uint8_t *p;

	if (is_made)
		return true;
	p = mmap(want, 4096, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (p != want)
		return false;
	memcpy(p, jump, sizeof(jump));
	memcpy(p + sizeof(jump), &gate, 8);
	is_made = true;
	return mprotect(p, 4096, PROT_READ | PROT_EXEC) == 0;
}

bool dj_emu_patch(uint8_t *p, size_t len)
{
	if (!make_stub())
		return false;
	for (size_t i = 0; i + SITE_SIZE <= len; i++) {
		int32_t rel;

		if (memcmp(p + i, site, SITE_SIZE) != 0)
			continue;
		rel = (int32_t)(STUB - (int64_t)(uintptr_t)(p + i + SITE_SIZE));
		p[i] = 0xe8;
		memcpy(p + i + 1, &rel, 4);
	}
	return true;
}
