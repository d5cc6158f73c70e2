// SPDX-License-Identifier: Apache-2.0
#include "keep/engine/gc.h"
#include "keep/engine/num.h"
#include "keep/engine/ops.h"
#include "keep/engine/store.h"

/*
 * Two dispatchers for one set of handlers. Where the compiler can be made to
 * do tail calls, a handler is a function and the machine's state is in its
 * arguments; elsewhere handlers are labels in one function. clang-19 cannot
 * tail call through a pointer on POWER.
 */
uint32_t dj_interp_stub[2];

#if defined(__clang__) && !defined(__powerpc64__)
/* clang-19 cannot realign a stack, which its sanitizers ask for, with it. */
#if (defined(__x86_64__) || defined(__aarch64__)) && \
	!__has_feature(address_sanitizer)
#define CONVENTION __attribute__((preserve_none))
#else
#define CONVENTION
#endif
#define UNUSED __attribute__((unused))
#define STATE                                                \
	UNUSED const uint32_t *pc, UNUSED union dj_slot *fp, \
		UNUSED uint8_t *m, UNUSED uint64_t msz,      \
		UNUSED struct dj_vm *vm, UNUSED const char *base

typedef CONVENTION void handler(const uint32_t *, union dj_slot *, uint8_t *,
	uint64_t, struct dj_vm *, const char *);

#define OP(name) CONVENTION static void op_##name(STATE)
#define NEXT(n)                                                                \
	do {                                                                   \
		pc += (n);                                                     \
		__attribute__((musttail)) return (                             \
			(handler *)(uintptr_t)(base + (int32_t)pc[0]))(pc, fp, \
			m, msz, vm, base);                                     \
	} while (0)
#define LEAVE() return
#define TRAP(t)                 \
	do {                    \
		vm->trap = (t); \
		vm->pc = pc;    \
		return;         \
	} while (0)

#define DECLARE(name)      OP(name);
#define DECLARE_PAIR(a, b) OP(a##__##b);
#define DECLARE_LINK(a, b) OP(a##_to_##b);
DJ_ENGINE_OPS(DECLARE)
DJ_PAIRS(DECLARE_PAIR)
DJ_LINKS(DECLARE_LINK)
#undef DECLARE
#include "keep/engine/handlers.h"
#include "keep/engine/pair_handlers.h"

const int32_t *dj_interp_ops(void)
{
	static int32_t offsets[DJ_ENGINE_OP_COUNT];
#define ADDRESS(name)      op_##name,
#define ADDRESS_PAIR(a, b) op_##a##__##b,
#define ADDRESS_LINK(a, b) op_##a##_to_##b,
	static handler *const all[] = { DJ_ENGINE_OPS(ADDRESS)
			DJ_PAIRS(ADDRESS_PAIR) DJ_LINKS(ADDRESS_LINK) };

	for (unsigned i = 0; i < DJ_ENGINE_OP_COUNT; i++)
		offsets[i] = (int32_t)((intptr_t)all[i] - (intptr_t)all[0]);
	dj_interp_stub[0] = (uint32_t)offsets[DJ_I_compile];
	dj_interp_stub[1] = (uint32_t)offsets[DJ_I_exit];
	return offsets;
}

void dj_interp_run(struct dj_vm *vm, const uint32_t *pc, union dj_slot *fp,
	struct dj_memory *mem)
{
	const char *base = (const char *)(uintptr_t)op_compile;

	((handler *)(uintptr_t)(base + (int32_t)pc[0]))(pc, fp, mem->base,
		mem->len, vm, base);
}

#else

#define OP(name) L_##name:
#define NEXT(n)                                        \
	do {                                           \
		pc += (n);                             \
		goto *(void *)(base + (int32_t)pc[0]); \
	} while (0)
#define LEAVE() return NULL
#define TRAP(t)                 \
	do {                    \
		vm->trap = (t); \
		vm->pc = pc;    \
		return NULL;    \
	} while (0)

/* With vm == NULL: only the handlers' offsets. */
static const int32_t *run(struct dj_vm *vm, const uint32_t *pc,
	union dj_slot *fp, uint8_t *m, uint64_t msz)
{
#define OFFSET(name)      (int32_t)((char *)&&L_##name - (char *)&&L_compile),
#define OFFSET_PAIR(a, b) OFFSET(a##__##b)
#define OFFSET_LINK(a, b) OFFSET(a##_to_##b)
	static const int32_t offsets[] = { DJ_ENGINE_OPS(OFFSET)
			DJ_PAIRS(OFFSET_PAIR) DJ_LINKS(OFFSET_LINK) };
	char *const base = (char *)&&L_compile;

	if (vm == NULL)
		return offsets;
	NEXT(0);
#include "keep/engine/handlers.h"
#include "keep/engine/pair_handlers.h"
}

const int32_t *dj_interp_ops(void)
{
	const int32_t *offsets = run(NULL, NULL, NULL, NULL, 0);

	dj_interp_stub[0] = (uint32_t)offsets[DJ_I_compile];
	dj_interp_stub[1] = (uint32_t)offsets[DJ_I_exit];
	return offsets;
}

void dj_interp_run(struct dj_vm *vm, const uint32_t *pc, union dj_slot *fp,
	struct dj_memory *mem)
{
	(void)run(vm, pc, fp, mem->base, mem->len);
}
#endif
