/* SPDX-License-Identifier: Apache-2.0
 * kernel_cpu_convert: CONVERT from every element type to every other. Integers and bool to a signed
 * type go by the name of the unsigned one: the bits are the same. Compiled once per level. */
#include "convert.h"
#include "level.h"

/* Where d is the operand's tile and its lanes are wider, the operand is copied first. */
#define CONVERT(from, FROM, of, to, TO, class)                                                    \
    static u32 from##_to_##to(void *result, const void *x, const void *b, const void *c, u32 n) { \
        to *d = __builtin_assume_aligned(result, 64);                                             \
        const from *a = x;                                                                        \
        from copy[TILE_MOST];                                                                     \
        (void)b, (void)c;                                                                         \
        if (sizeof(to) > sizeof(from) && result == x) a = memcpy(copy, x, n * sizeof(from));      \
        LANES d[k] = CAST_##of##class(from, to, a[k]);                                            \
        return 0;                                                                                 \
    }
#define CONVERT_SIGNED(X, from, FROM, of) \
    X(from, FROM, of, i8, I8, I)          \
    X(from, FROM, of, i16, I16, I)        \
    X(from, FROM, of, i32, I32, I)        \
    X(from, FROM, of, i64, I64, I)
#define CONVERT_OTHERS(X, from, FROM, of) \
    X(from, FROM, of, u8, U8, I)          \
    X(from, FROM, of, u16, U16, I)        \
    X(from, FROM, of, u32, U32, I)        \
    X(from, FROM, of, u64, U64, I)        \
    X(from, FROM, of, f32, F32, F)        \
    X(from, FROM, of, f64, F64, F)        \
    X(from, FROM, of, bool8, BOOL, B)
#define FUNCTIONS_I(op, from, FROM, of) CONVERT_OTHERS(CONVERT, from, FROM, of)
#define FUNCTIONS_B FUNCTIONS_I
#define FUNCTIONS_F(op, from, FROM, of) \
    FUNCTIONS_I(op, from, FROM, of) CONVERT_SIGNED(CONVERT, from, FROM, of)
#define FUNCTIONS(op, from, FROM, of) FUNCTIONS_##of(op, from, FROM, of)
TYPES_A(FUNCTIONS, CONVERT)

#define ENTRY(from, FROM, of, to, TO, class) [TYPE_##FROM][TYPE_##TO] = from##_to_##to,
#define ENTRY_FOR(from, FROM, of, to, TO, class) ENTRY_MADE(from, FROM, of, FOR_##to, TO, class)
#define ENTRY_MADE(from, FROM, of, to, TO, class) ENTRY(from, FROM, of, to, TO, class)
#define ENTRIES_I(from, FROM, of) CONVERT_SIGNED(ENTRY_FOR, from, FROM, of)
#define ENTRIES_B ENTRIES_I
#define ENTRIES_F(from, FROM, of) CONVERT_SIGNED(ENTRY, from, FROM, of)
#define ENTRIES(op, from, FROM, of) \
    ENTRIES_##of(from, FROM, of) CONVERT_OTHERS(ENTRY, from, FROM, of)
const kernel_fn LEVEL_NAME(kernel_convert)[TYPE_COUNT][TYPE_COUNT] = {TYPES_A(ENTRIES, CONVERT)};
