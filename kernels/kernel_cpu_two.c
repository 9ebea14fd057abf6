/* SPDX-License-Identifier: Apache-2.0
 * kernel_cpu_two: tiles of operators with two operands, each also with one value for a or b; made
 * from ops.def and meaning.h. Compiled once per level. */
#include "level.h"
#include "meaning.h"

#define BINARY_FORM(op, t, class, result, form, A, B)                                          \
    static u32 op##_##t##_##form(void *to, const void *left, const void *right, const void *c, \
                                 u32 n) {                                                      \
        result *d = __builtin_assume_aligned(to, 64);                                          \
        const t *a = left, *b = right;                                                         \
        const t a0 = *a, b0 = *b;                                                              \
        (void)c, (void)a0, (void)b0;                                                           \
        LANES d[k] = (result)MEANING_##op##_##class(t, A, B, );                                \
        return 0;                                                                              \
    }
/* f32 of a function is the f64 one's, rounded once. */
#define NARROW_FORM(op, form, lanes_a, lanes_b)                                               \
    static u32 op##_f32_##form(void *d, const void *a, const void *b, const void *c, u32 n) { \
        _Alignas(64) f64 x[TILE_MOST], y[TILE_MOST];                                          \
        WIDEN(x, a, lanes_a);                                                                 \
        WIDEN(y, b, lanes_b);                                                                 \
        op##_f64_##form(x, x, y, c, n);                                                       \
        NARROWED(d, x, n);                                                                    \
        return 0;                                                                             \
    }
#define NARROW(op)            \
    NARROW_FORM(op, vv, n, n) \
    NARROW_FORM(op, vu, n, 1) \
    NARROW_FORM(op, uv, 1, n)
#define SWAP(op, t)                                                                         \
    static u32 op##_##t##_uv(void *d, const void *a, const void *b, const void *c, u32 n) { \
        return op##_##t##_vu(d, b, a, c, n);                                                \
    }

/* pow in two loops: the long chains of many vectors run beside each other so. The selects of
 * special values are for tiles that have any. */
#define POW_FORM(form, A, B)                                                                \
    static u32 POW_f64_##form(void *to, const void *left, const void *right, const void *c, \
                              u32 n) {                                                      \
        f64 *d = __builtin_assume_aligned(to, 64);                                          \
        const f64 *a = left, *b = right;                                                    \
        const f64 a0 = *a, b0 = *b;                                                         \
        _Alignas(64) f64 high[TILE_MOST], low[TILE_MOST];                                   \
        u64 odd = 0;                                                                        \
        (void)c, (void)a0, (void)b0;                                                        \
        LANES {                                                                             \
            f64 power, part = mm_split_normal(A, &power);                                   \
            mm_pair l = mm_log_pair(power, part);                                           \
            odd |= mm_odd(A) | mm_endless(B);                                               \
            high[k] = l.high, low[k] = l.low;                                               \
        }                                                                                   \
        if (odd >> 63 == 0) {                                                               \
            LANES d[k] = mm_pow_near((mm_pair){high[k], low[k]}, B);                        \
        } else {                                                                            \
            LANES d[k] = mm_pow(A, B);                                                      \
        }                                                                                   \
        return 0;                                                                           \
    }
POW_FORM(vv, a[k], b[k])
POW_FORM(vu, a[k], b0)
POW_FORM(uv, a0, b[k])

NARROW(POW)

/* mod of a tile in which no quotient is of 2^53 or more, no divisor infinite, nothing NaN. f32 is
 * the f64 one's too: a sum of two f32 rounds once so. */
static u32 FMOD_f64_vv(void *to, const void *left, const void *right, const void *c, u32 n) {
    f64 *d = __builtin_assume_aligned(to, 64);
    const f64 *a = left, *b = right;
    _Alignas(64) f64 q[TILE_MOST];
    u64 far = 0;
    (void)c;
    LANES {
        q[k] = a[k] / b[k];
        far |= mm_remainder_far(q[k], b[k]);
    }
    if (far >> 63 == 0) {
        LANES d[k] = modulo_of_f64(mm_remainder_near(q[k], a[k], b[k]), b[k]);
    } else {
        LANES d[k] = modulo_f64(a[k], b[k]);
    }
    return 0;
}
NARROW_FORM(FMOD, vv, n, n)

/* The forms with one value: 0 each from the text; 1 the second from the first, the other way round;
 * 2 none, where the operator takes many times as long as spreading the value does, and f32
 * narrowed; 3 all is above; 4 above, as 2. */
#define FORMS_ADD _, 1
#define FORMS_MUL _, 1
#define FORMS_MIN _, 1
#define FORMS_MAX _, 1
#define FORMS_AND _, 1
#define FORMS_OR _, 1
#define FORMS_XOR _, 1
#define FORMS_EQ _, 1
#define FORMS_NE _, 1
#define FORMS_IDIV _, 2
#define FORMS_REM _, 2
#define FORMS_IMOD _, 2
#define FORMS_IPOW _, 2
#define FORMS_ATAN2 _, 2
#define FORMS_POW _, 3
#define FORMS_FMOD _, 4
#define BINARY(op, t, class, result) \
    LEVEL_PASTE(BINARY, SECOND(FORMS_##op, 0, _))(op, t, class, result)
#define BINARY_0(op, t, class, result)                \
    BINARY_FORM(op, t, class, result, vv, a[k], b[k]) \
    BINARY_FORM(op, t, class, result, vu, a[k], b0)   \
    BINARY_FORM(op, t, class, result, uv, a0, b[k])
#define BINARY_1(op, t, class, result)                \
    BINARY_FORM(op, t, class, result, vv, a[k], b[k]) \
    BINARY_FORM(op, t, class, result, vu, a[k], b0)   \
    SWAP(op, t)
#define BINARY_2(op, t, class, result) BINARY_2_##t(op, t, class, result)
#define BINARY_2_f32(op, t, class, result)
#define BINARY_2_f64(op, t, class, result)            \
    BINARY_FORM(op, t, class, result, vv, a[k], b[k]) \
    NARROW_FORM(op, vv, n, n)
#define BINARY_3(op, t, class, result)
#define BINARY_4(op, t, class, result)
#define BINARY_SAME_0(op, t, T, class) BINARY(op, t, class, t)
#define BINARY_BOOL_0(op, t, T, class) BINARY(op, t, class, u8)

/* Lanes that fault compute with the divisor 1 and give 0; guard: lanes that count. The guard may be
 * d itself, hence its copy. */
#define BINARY_SAME_1(op, t, T, class)                                                     \
    static u32 op##_##t##_vv(void *to, const void *left, const void *right, const void *c, \
                             u32 n) {                                                      \
        t *d = __builtin_assume_aligned(to, 64);                                           \
        const t *a = left, *b = right;                                                     \
        u8 guard[TILE_MOST];                                                               \
        u32 any = 0;                                                                       \
        guard_copy(guard, c, n);                                                           \
        LANES {                                                                            \
            t x = a[k], y = b[k];                                                          \
            bool fault = FAULT_##op(t, x, y);                                              \
            any |= (u32)fault & guard[k];                                                  \
            y = fault ? (t)1 : y;                                                          \
            t r = MEANING_##op##_##class(t, x, y, );                                       \
            d[k] = fault ? (t)0 : r;                                                       \
        }                                                                                  \
        return any;                                                                        \
    }

static void guard_copy(u8 *to, const void *guard, u32 n) {
    if (guard != NULL)
        memcpy(to, guard, n);
    else
        memset(to, 1, n);
}

#define OP_1(name, operands, result, faults)
#define OP_2(name, operands, result, faults) MAKE(BINARY_##result##_##faults, name, operands)
#define OP_3(name, operands, result, faults)
#define OP(name, text, arity, operands, result, faults) OP_##arity(name, operands, result, faults)
#include "ops.def"
#undef OP
#undef OP_2

#define ROW_OWN(op, t, T, class) \
    [OP_##op][TYPE_##T] = LEVEL_PASTE(ROW, SECOND(FORMS_##op, 0, _))(op, t),
#define ROW_0(op, t) \
    { op##_##t##_vv, op##_##t##_vu, op##_##t##_uv }
#define ROW_1 ROW_0
#define ROW_2(op, t) \
    { op##_##t##_vv }
#define ROW_3 ROW_0
#define ROW_4 ROW_2
#define ROW_FOR(op, t, T, class) ROW_MADE(op, FOR_##t, T)
#define ROW_MADE(op, t, T) ROW_OWN(op, t, T, )
#define OP_2(name, operands, result, faults) ROWS_OF(ROW, name, operands)
#define OP(name, text, arity, operands, result, faults) OP_##arity(name, operands, result, faults)
kernel_ops LEVEL_NAME(kernel_two) = {
#include "ops.def"
};
#undef OP
