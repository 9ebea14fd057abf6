/* SPDX-License-Identifier: Apache-2.0
 * level: what one build of the kernel_cpu*.c texts gives, and the words they share. KERNEL_LEVEL
 * names the build; kernels.c is the only reader of the tables. */
#ifndef MMSB_KERNEL_LEVEL_H
#define MMSB_KERNEL_LEVEL_H
#include "kernels.h"

#define LEVEL_PASTE_(a, b) a##_##b
#define LEVEL_PASTE(a, b) LEVEL_PASTE_(a, b)
#define LEVEL_NAME(name) LEVEL_PASTE(name, KERNEL_LEVEL)

/* The lanes of a tile do not depend on each other; d may be an operand, lane for lane. */
#if defined(__clang__)
#define LANES _Pragma("clang loop vectorize(assume_safety)") for (u32 k = 0; k < n; k++)
#else
#define LANES _Pragma("GCC ivdep") for (u32 k = 0; k < n; k++)
#endif
#define TILE_MOST 512u
/* The second argument: a macro defined as `_, 1` puts a 1 in the place of a default. */
#define SECOND_(a, b, ...) b
#define SECOND(...) SECOND_(__VA_ARGS__)

/* Operators that give the same bits of signed and unsigned integers, and of bool: they are made for
 * the unsigned types (and floats) alone, and the rows of the others name those, FOR_type. */
#define SIGNLESS_NEG _, 1
#define SIGNLESS_POPCOUNT _, 1
#define SIGNLESS_CLZ _, 1
#define SIGNLESS_ADD _, 1
#define SIGNLESS_SUB _, 1
#define SIGNLESS_MUL _, 1
#define SIGNLESS_AND _, 1
#define SIGNLESS_OR _, 1
#define SIGNLESS_XOR _, 1
#define SIGNLESS_EQ _, 1
#define SIGNLESS_NE _, 1
#define SIGNLESS_MULADD _, 1
#define SIGNLESS_MULSUB _, 1
#define SIGNLESS_SUBMUL _, 1
#define SIGNLESS_NMULADD _, 1
#define IS_SIGNLESS(op) SECOND(SIGNLESS_##op, 0, _)
#define FOR_i8 u8
#define FOR_i16 u16
#define FOR_i32 u32
#define FOR_i64 u64
#define FOR_u8 u8
#define FOR_u16 u16
#define FOR_u32 u32
#define FOR_u64 u64
#define FOR_f32 f32
#define FOR_f64 f64
#define FOR_bool8 u8
/* X(op, type, TYPE, class) for each type that a function of op is made for. */
#define MAKE(X, op, operands) LEVEL_PASTE(MAKE, IS_SIGNLESS(op))(X, op, operands)
#define MAKE_0(X, op, operands) TYPES_##operands(X, op)
#define MAKE_1(X, op, operands) \
    X(op, u8, U8, I)            \
    X(op, u16, U16, I) X(op, u32, U32, I) X(op, u64, U64, I) FLOATS_##operands(X, op)
#define FLOATS_I(X, op)
#define FLOATS_J(X, op)
#define FLOATS_N(X, op) TYPES_F(X, op)
#define FLOATS_A(X, op) TYPES_F(X, op)
/* X_OWN(op, type, TYPE, class), or X_FOR of signless ones, for each type of op. */
#define ROWS_OF(X, op, operands) LEVEL_PASTE(ROWS_OF, IS_SIGNLESS(op))(X, op, operands)
#define ROWS_OF_0(X, op, operands) TYPES_##operands(X##_OWN, op)
#define ROWS_OF_1(X, op, operands) TYPES_##operands(X##_FOR, op)

/* [op][type][variant]; NULL where there is none. */
typedef const kernel_fn kernel_ops[OP_COUNT][TYPE_COUNT][VARIANT_COUNT];
typedef struct {
    kernel_store_fn store[TYPE_COUNT];
    kernel_scatter_fn scatter[TYPE_COUNT];
    kernel_stream_fn stream[TYPE_COUNT];
    kernel_gather_fn gather[TYPE_COUNT];
    kernel_strided_fn strided[TYPE_COUNT];
    kernel_offsets_fn offsets[TYPE_COUNT][2]; /* i32, i64 */
    u64 (*digest[TYPE_COUNT])(const void *page, u64 first, u64 count, u64 key);
} kernel_memory;
#define REDUCES 6u
typedef struct {
    kernel_leaves_fn leaves[REDUCES][TYPE_COUNT];
    kernel_join_fn join[REDUCES][TYPE_COUNT];
} kernel_reduces;
typedef struct {
    kernel_ops *ops[4];                     /* by arity; 0: none */
    const kernel_fn (*convert)[TYPE_COUNT]; /* [from][to] */
    const kernel_memory *memory;
    const kernel_reduces *reduces;
} kernel_level;

#define LEVEL_DECLARE(level)                                                        \
    extern const kernel_level kernel_level_##level;                                 \
    extern kernel_ops kernel_one_##level, kernel_two_##level, kernel_three_##level; \
    extern const kernel_fn kernel_convert_##level[TYPE_COUNT][TYPE_COUNT];          \
    extern const kernel_memory kernel_memory_##level;                               \
    extern const kernel_reduces kernel_reduces_##level;
LEVEL_DECLARE(portable)
LEVEL_DECLARE(v3)
LEVEL_DECLARE(v4)

/* A tile of f32 as f64, and back, rounded once. */
#define WIDEN(to, from, n) LEVEL_NAME(kernel_convert)[TYPE_F32][TYPE_F64](to, from, NULL, NULL, n)
#define NARROWED(to, from, n) \
    LEVEL_NAME(kernel_convert)[TYPE_F64][TYPE_F32](to, from, NULL, NULL, n)

/* The level's table, or NULL where this processor or this build has none (tests compare levels). */
const kernel_level *kernel_level_of(kernels_level level);
#endif
