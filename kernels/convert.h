/* SPDX-License-Identifier: Apache-2.0
 * convert: what CONVERT gives for one lane, from every element type to every other:
 * CAST_of_class(from, to, x), classes I integers, F floats, B bool. Text for gcc, clang and nvcc.
 */
#ifndef MMSB_KERNEL_CONVERT_H
#define MMSB_KERNEL_CONVERT_H
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
#endif
