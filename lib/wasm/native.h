// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/isa.h"
#include "lib/base/status.h"

/*
 * A native image: machine code that client/aot made of one module, to be run
 * by keep/engine. One flat body without relocations: code, padded to a page,
 * then constants; whoever runs it copies the body to a page's start and makes
 * the code executable.
 *
 *   offset  size  field
 *        0     4  magic, "DJNI"
 *        4     2  version, big-endian like all of this; this code speaks 2
 *        6     1  instruction set, as in an OFFER: 1 x86-64, 2 riscv64,
 *                 3 ppc64le
 *        7     1  bounds: 0 explicit checks, 1 guard pages
 *        8     1  CPU level that the code needs, as in an OFFER
 *        9     1  flags: DJ_NATIVE_THROWS, DJ_NATIVE_TAILS
 *       10     2  DJ_NATIVE_ABI: what code and engine know of each other
 *       12     4  length of the code in bytes, a multiple of 4096
 *       16     4  length of the constants
 *       20     4  functions with a body in the module
 *       24     4  types in the module, as lib/wasm/types.h numbers them
 *       28     4  length of the sites
 *       32    32  SHA-256 of the module
 *       64    4n  per function with a body: its entry in the code
 *             8n  per type: entry from the engine, entry to the engine;
 *                 0 for one that no function of the module's own, or no
 *                 import, has
 *              n  sites: LEB128 pairs, see dj_native_site()
 *                 zeros up to a multiple of 16
 *                 code, constants
 *
 * In the code, right before each entry, is its mark: DJ_NATIVE_MARK bytes that
 * say of what it is the entry, and that all of the header is as it was then.
 *
 * Nothing of it is trusted: dj_native_parse() bounds every number and asks for
 * the mark of every entry, so that what is left to trust is that the code does
 * what the compiler meant.
 */
#define DJ_NATIVE_VERSION  2
#define DJ_NATIVE_ABI      6
#define DJ_NATIVE_HEAD     64
#define DJ_NATIVE_MARK     8
#define DJ_NATIVE_PAGE     4096u
#define DJ_NATIVE_MAX_CODE (1u << 30)
/* What addresses of 32 bits, offsets of 32 and a vector can reach. */
#define DJ_NATIVE_GUARD    (((size_t)8 << 30) + 65536)
#define DJ_NATIVE_THROWS   0x01 /* may return with an exception pending */
#define DJ_NATIVE_TAILS    0x02 /* x86-64: called as tail calls need it */

struct dj_native {
	enum dj_isa isa;
	enum dj_bounds bounds;
	uint8_t cpu_level, flags;
	uint32_t func_count, type_count;
	uint32_t code_len, rodata_len, sites_len;
	uint8_t module[32];
	const uint8_t *funcs, *types, *sites; /* borrowed */
	const uint8_t *body;                  /* code_len + rodata_len bytes */
};

/*
 * Reads an image; all of it borrows from buf. DJ_E_INPUT: malformed, an entry
 * without its mark or a site table that is not in order. DJ_E_UNSUPPORTED:
 * another version, ABI or instruction set. DJ_E_LIMIT: more code than
 * DJ_NATIVE_MAX_CODE. *ret_why says which field, and is constant; it is set
 * on failure only, *ret on success only.
 */
dj_status dj_native_parse(const uint8_t *buf, size_t len, struct dj_native *ret,
	const char **ret_why);
/* The other direction: bytes that an image of these parts takes, and them. */
size_t dj_native_size(const struct dj_native *n);
dj_status dj_native_write(const struct dj_native *n, uint8_t *dst, size_t cap);

/* Was the image made of the module of this digest? It need not be whole. */
bool dj_native_is_of(const uint8_t *image, size_t len,
	const uint8_t module[32]);
/* Was it made for these, as KNC1 has them? It need not be whole either. */
bool dj_native_is_for(const uint8_t *image, size_t len, uint8_t isa,
	uint8_t bounds, uint8_t cpu_level);

/*
 * Marks. A byte of 0x60 to 0x6f and seven of 0x50 to 0x5f: with whatever comes
 * before or behind, none of it is an instruction that is forbidden, and no mark
 * begins inside another. Half of each byte is of a word that has the index, the
 * kind and a sum of the header, so that every entry has a mark of its own, and
 * another one under another header. Nothing else in compiled code looks like a
 * mark: whoever links it asks dj_native_like_mark().
 */
enum dj_native_entry {
	DJ_NATIVE_FUNC,
	DJ_NATIVE_ENTER,
	DJ_NATIVE_LEAVE
};
uint32_t dj_native_sum(const struct dj_native *n);
void dj_native_mark(uint32_t sum, enum dj_native_entry kind, uint32_t i,
	uint8_t ret[DJ_NATIVE_MARK]);
bool dj_native_like_mark(const uint8_t *p);

uint32_t dj_native_func(const struct dj_native *n, uint32_t i);
/* Takes (context, base, code, slots): loads parameters, calls, stores. */
uint32_t dj_native_enter_at(const struct dj_native *n, uint32_t type);
/* What a host function's callers jump to, with it as the context. */
uint32_t dj_native_leave_at(const struct dj_native *n, uint32_t type);

/*
 * Sites: places in the code that can trap or call, and the offsets in the
 * module's bytes of their instructions. Each is a step in the code (unsigned)
 * and one in the module (signed, not 0), from those before. The place of pc is the
 * last one that is not behind it; false if there is none.
 */
bool dj_native_site(const struct dj_native *n, uint32_t pc, uint32_t *ret);

/*
 * The first instruction that a Keep's code must not have, wherever one can
 * begin: a second line behind shim and jail. x86-64, at any byte: SYSCALL,
 * SYSENTER, INT 80, ENCLU, WRPKRU, VMCALL and the like. riscv64, at any second
 * byte: ECALL, EBREAK, returns from traps, WFI, fences of address translation.
 * ppc64le, at any fourth: sc, scv, mtspr of AMR. SIZE_MAX if there is none.
 */
size_t dj_native_forbidden(enum dj_isa isa, const uint8_t *code, size_t len);

/*
 * What code and engine know of each other, DJ_NATIVE_ABI. Offsets in bytes;
 * keep/engine/native.c asserts that its structures have them.
 *
 * x86-64 with explicit checks: a function is called with (context, base of
 * memory 0, [results], parameters...) in registers and on the stack as C says,
 * and with DJ_NATIVE_TAILS as LLVM's tailcc does; results is an array of
 * 16-byte places, there if a function has more than one result.
 *
 * x86-64 with guard pages: the constants begin with the instance's context,
 * the words in front of it and its own globals, DJ_NATIVE_CONTEXT() bytes that
 * the engine writes, for it copies the image for each instance. A function is
 * called with ([results], parameters...) as above. Who calls through a pointer
 * has its DJ_FUNC_CTX in r10 besides, where a host function wants it.
 *
 * On riscv64 and ppc64le it is called with (context, base of memory 0,
 * [results], parameters...), and nothing is on the stack: integers (results is
 * one) have 6 registers behind those two, floats and doubles 4 each, vectors
 * 6 on ppc64le; what is left is in 16-byte places of the argument area. A
 * riscv64 vector is always there, and as a result always in results. The
 * conventions are LLVM's C (lp64d) and fastcc (ELFv2, TOC pointer from r12).
 *
 * Context: of an instance; of a function of the engine the function itself.
 */
enum {
	DJ_CTX_SHARED = 0, /* of the store */
	DJ_CTX_BASE = 8,   /* of memory 0; never changes */
	DJ_CTX_MEMORY = 16,
	DJ_CTX_FUNCS = 24, /* arrays of pointers, by index */
	DJ_CTX_TABLES = 32,
	DJ_CTX_MEMORIES = 40,
	DJ_CTX_GLOBALS = 48,
	DJ_CTX_TAGS = 56,
	DJ_CTX_TYPE_IDS = 64,
	DJ_CTX_INSTANCE = 72,
	DJ_CTX_OWN_GLOBALS = 80, /* the module's own, this far apart: */
	DJ_NATIVE_GLOBAL_SIZE = 32,
	/*
	 * In front of an instance's context, n words before it for each n up to
	 * this: the first address in memory 0 that has less than n bytes left
	 * up to the memory's end, 0 if the memory is smaller than n.
	 */
	DJ_NATIVE_LIMITS = 256,

	DJ_FUNC_CODE = 16,
	DJ_FUNC_CTX = 24,
	DJ_FUNC_TYPE_ID = 32,

	DJ_MEMORY_BASE = 0,
	DJ_MEMORY_LEN = 8,
	DJ_TABLE_ELEMS = 0,
	DJ_TABLE_COUNT = 8,
	DJ_OBJECT_TYPE = 0, /* the store's number */
	DJ_STRUCT_FIELDS = 8,
	DJ_ARRAY_COUNT = 8,
	DJ_ARRAY_ELEMS = 16,

	DJ_SHARED_COUNT = 0,    /* events left until helper EVENT */
	DJ_SHARED_STACK = 8,    /* the lowest address that the stack may have */
	DJ_SHARED_CALLER = 16,  /* who calls out: a context */
	DJ_SHARED_EXN_TAG = 24, /* the exception on its way; NULL: none */
	DJ_SHARED_EXN_VALUES = 32,
	DJ_SHARED_ARGS = 40,    /* DJ_NATIVE_ARGS bytes, see below */
	DJ_SHARED_TARGET = 48,  /* where a tail call goes; of the code's own */
	DJ_SHARED_HELPERS = 56, /* pointers, by enum dj_helper */
};
/* Do the constants of such an image begin with the instance's context? */
bool dj_native_has_place(enum dj_isa isa, enum dj_bounds bounds);
#define DJ_NATIVE_CONTEXT(own_globals)                       \
	((size_t)8 * DJ_NATIVE_LIMITS + DJ_CTX_OWN_GLOBALS + \
		DJ_NATIVE_GLOBAL_SIZE * (size_t)(own_globals))

/* The argument area: as many vectors as a function may have parameters. */
#define DJ_NATIVE_ARGS ((size_t)16 * 1000)

/*
 * C functions of the engine; what traps does not return. Types and value types
 * have the module's numbers. What makes an object may collect: each word on
 * the stack that points to or into an object keeps it. So code may keep no
 * pointer that is outside of the object that it is made from.
 */
enum dj_helper {
	DJ_HELP_TRAP,  /* (ctx, u32 enum dj_trap) */
	DJ_HELP_EVENT, /* (ctx): the count has run out */
	DJ_HELP_STACK, /* (ctx): more stack, or a trap */
	DJ_HELP_CALL,  /* (func, slots): to a function of the engine */
	DJ_HELP_TYPE,  /* (ctx, func, u32 type): traps if it is not of it */
	DJ_HELP_MEMORY_GROW, /* (ctx, u32 memory, u64 n) -> u32 */
	DJ_HELP_MEMORY_INIT, /* (ctx, u32 memory, u32 data, u32 dst, src, n) */
	DJ_HELP_MEMORY_COPY, /* (ctx, u32 to, u32 from, u32 dst, src, n) */
	DJ_HELP_MEMORY_FILL, /* (ctx, u32 memory, u32 dst, byte, n) */
	DJ_HELP_DATA_DROP,   /* (ctx, u32 data) */
	DJ_HELP_TABLE_GET,   /* (ctx, u32 table, u32 i) -> ref */
	DJ_HELP_TABLE_SET,   /* (ctx, u32 table, u32 i, ref) */
	DJ_HELP_TABLE_GROW,  /* (ctx, u32 table, ref, u32 n) -> u32 */
	DJ_HELP_TABLE_FILL,  /* (ctx, u32 table, u32 dst, ref, u32 n) */
	DJ_HELP_TABLE_INIT,  /* (ctx, u32 table, u32 elem, u32 dst, src, n) */
	DJ_HELP_TABLE_COPY,  /* (ctx, u32 to, u32 from, u32 dst, src, n) */
	DJ_HELP_ELEM_DROP,   /* (ctx, u32 elem) */
	DJ_HELP_THROW,       /* (ctx, u32 tag, slots): then it is pending */
	DJ_HELP_THROW_REF,   /* (ctx, exn): the same */
	DJ_HELP_CATCH,      /* (ctx, u32 with_ref) -> exn: it is not any more */
	DJ_HELP_REF_IS,     /* (ctx, ref, u32 value type) -> u32 */
	DJ_HELP_STRUCT_NEW, /* (ctx, u32 type) -> ref, of zeros */
	DJ_HELP_ARRAY_NEW,  /* (ctx, u32 type, n, slot; NULL: 0) -> ref */
	DJ_HELP_ARRAY_DATA, /* (ctx, u32 type, data, from, n) -> ref */
	DJ_HELP_ARRAY_ELEM, /* (ctx, u32 type, elem, from, n) -> ref */
	DJ_HELP_ARRAY_FILL, /* (ctx, u32 type, ref, u32 at, slot, u32 n) */
	DJ_HELP_ARRAY_COPY, /* (ctx, u32 type, ref, u32 at, ref, u32 at, n) */
	DJ_HELP_ARRAY_INIT_DATA, /* (ctx, u32 type, ref, u32 at, data, from, n) */
	DJ_HELP_ARRAY_INIT_ELEM, /* (ctx, ref, u32 at, elem, from, n) */
	DJ_HELP_COUNT,
};
