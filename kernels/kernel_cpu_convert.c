/* SPDX-License-Identifier: Apache-2.0
 * kernel_cpu_convert: CONVERT from every element type to every other. Compiled once per level. */
#include "level.h"
#include "meaning.h"

/* Float to integer: truncates and saturates; the cast itself never sees a value outside its
 * range. LEAST and MOST are the extreme floats whose truncation is in range. */
#define SATURATE(from, to, LEAST, MOST, MIN, MAX)           \
    ELEMENTARY to saturate_##from##_##to(from x) {          \
        from held = x >= (from)(LEAST) ? x : (from)(LEAST); \
        held = held <= (from)(MOST) ? held : (from)(MOST);  \
        held = x == x ? held : 0;                           \
        to r = (to)held;                                    \
        r = x > (from)(MOST) ? (to)(MAX) : r;               \
        return x < (from)(LEAST) ? (to)(MIN) : r;           \
    }
#define SATURATE_SMALL(from)                                 \
    SATURATE(from, i8, -128, 127, INT8_MIN, INT8_MAX)        \
    SATURATE(from, i16, -32768, 32767, INT16_MIN, INT16_MAX) \
    SATURATE(from, u8, 0, 255, 0, UINT8_MAX)                 \
    SATURATE(from, u16, 0, 65535, 0, UINT16_MAX)
SATURATE_SMALL(f32)
SATURATE_SMALL(f64)
SATURATE(f32, i32, -0x1p31f, 0x1.fffffep30f, INT32_MIN, INT32_MAX)
SATURATE(f64, i32, -2147483648.0, 2147483647.0, INT32_MIN, INT32_MAX)
SATURATE(f32, u32, 0, 0x1.fffffep31f, 0, UINT32_MAX)
SATURATE(f64, u32, 0, 4294967295.0, 0, UINT32_MAX)
SATURATE(f32, i64, -0x1p63f, 0x1.fffffep62f, INT64_MIN, INT64_MAX)
SATURATE(f64, i64, -0x1p63, 0x1.fffffffffffffp62, INT64_MIN, INT64_MAX)
SATURATE(f32, u64, 0, 0x1.fffffep63f, 0, UINT64_MAX)
SATURATE(f64, u64, 0, 0x1.fffffffffffffp63, 0, UINT64_MAX)

/* Casts between integers wrap; to a float they round once, to nearest. */
#define CAST_II(from, to, x) (to)(x)
#define CAST_IF(from, to, x) (to)(x)
#define CAST_FF(from, to, x) (to)(x)
#define CAST_BI(from, to, x) (to)(x)
#define CAST_BF(from, to, x) (to)(x)
#define CAST_BB(from, to, x) (to)(x)
#define CAST_IB(from, to, x) (to)((x) != 0)
#define CAST_FB(from, to, x) (to)((x) != 0)
#define CAST_FI(from, to, x) saturate_##from##_##to(x)

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
#define CONVERT_TO(X, from, FROM, of) \
    X(from, FROM, of, i8, I8, I)      \
    X(from, FROM, of, i16, I16, I)    \
    X(from, FROM, of, i32, I32, I)    \
    X(from, FROM, of, i64, I64, I)    \
    X(from, FROM, of, u8, U8, I)      \
    X(from, FROM, of, u16, U16, I)    \
    X(from, FROM, of, u32, U32, I)    \
    X(from, FROM, of, u64, U64, I)    \
    X(from, FROM, of, f32, F32, F)    \
    X(from, FROM, of, f64, F64, F)    \
    X(from, FROM, of, bool8, BOOL, B)
#define FUNCTIONS(op, from, FROM, of) CONVERT_TO(CONVERT, from, FROM, of)
TYPES_A(FUNCTIONS, CONVERT)

#define ENTRY(from, FROM, of, to, TO, class) [TYPE_##FROM][TYPE_##TO] = from##_to_##to,
#define ENTRIES(op, from, FROM, of) CONVERT_TO(ENTRY, from, FROM, of)
const kernel_fn LEVEL_NAME(kernel_convert)[TYPE_COUNT][TYPE_COUNT] = {TYPES_A(ENTRIES, CONVERT)};
