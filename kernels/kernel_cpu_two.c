/* SPDX-License-Identifier: Apache-2.0
 * kernel_cpu_two: tiles of operators with two operands, each also with one value for a or b; made
 * from ops.def and meaning.h. Compiled once per level. */
#include "level.h"
#include "meaning.h"

#define BINARY_FORM(op, t, class, result, form, A, B) \
    LEVEL_PASTE(BINARY_FORM, SECOND(OWN_##op, 0, _))(op, t, class, result, form, A, B)
#define BINARY_FORM_0(op, t, class, result, form, A, B)                                        \
    static u32 op##_##t##_##form(void *to, const void *left, const void *right, const void *c, \
                                 u32 n) {                                                      \
        result *d = __builtin_assume_aligned(to, 64);                                          \
        const t *a = left, *b = right;                                                         \
        const t a0 = *a, b0 = *b;                                                              \
        (void)c, (void)a0, (void)b0;                                                           \
        LANES d[k] = (result)MEANING_##op##_##class(t, A, B, );                                \
        return 0;                                                                              \
    }
/* pow in two loops: the long chains of many vectors run beside each other so. */
#define OWN_POW _, 1
#define BINARY_FORM_1(op, t, class, result, form, A, B)                                        \
    static u32 op##_##t##_##form(void *to, const void *left, const void *right, const void *c, \
                                 u32 n) {                                                      \
        t *d = __builtin_assume_aligned(to, 64);                                               \
        const t *a = left, *b = right;                                                         \
        const t a0 = *a, b0 = *b;                                                              \
        _Alignas(64) f64 high[TILE_MOST], low[TILE_MOST];                                      \
        (void)c, (void)a0, (void)b0;                                                           \
        LANES {                                                                                \
            mm_pair l = mm_pow_log((f64)(A));                                                  \
            high[k] = l.high, low[k] = l.low;                                                  \
        }                                                                                      \
        LANES d[k] = (t)mm_pow_of((mm_pair){high[k], low[k]}, (f64)(A), (f64)(B));             \
        return 0;                                                                              \
    }
#define BINARY(op, t, class, result)                  \
    BINARY_FORM(op, t, class, result, vv, a[k], b[k]) \
    BINARY_FORM(op, t, class, result, vu, a[k], b0)   \
    BINARY_FORM(op, t, class, result, uv, a0, b[k])
#define BINARY_SAME_0(op, t, T, class) BINARY(op, t, class, t)
#define BINARY_BOOL_0(op, t, T, class) BINARY(op, t, class, u8)

/* Lanes that fault compute with the divisor 1 and give 0; guard: lanes that count. The guard may be
 * d itself, hence its copy. */
#define GUARDED_FORM(op, t, class, form, A, B)                                                 \
    static u32 op##_##t##_##form(void *to, const void *left, const void *right, const void *c, \
                                 u32 n) {                                                      \
        t *d = __builtin_assume_aligned(to, 64);                                               \
        const t *a = left, *b = right;                                                         \
        const t a0 = *a, b0 = *b;                                                              \
        u8 guard[TILE_MOST];                                                                   \
        u32 any = 0;                                                                           \
        (void)a0, (void)b0;                                                                    \
        guard_copy(guard, c, n);                                                               \
        for (u32 k = 0; k < n; k++) {                                                          \
            t x = A, y = B;                                                                    \
            bool fault = FAULT_##op(t, x, y);                                                  \
            any |= (u32)fault & guard[k];                                                      \
            y = fault ? (t)1 : y;                                                              \
            t r = MEANING_##op##_##class(t, x, y, );                                           \
            d[k] = fault ? (t)0 : r;                                                           \
        }                                                                                      \
        return any;                                                                            \
    }
#define BINARY_SAME_1(op, t, T, class)         \
    GUARDED_FORM(op, t, class, vv, a[k], b[k]) \
    GUARDED_FORM(op, t, class, vu, a[k], b0)   \
    GUARDED_FORM(op, t, class, uv, a0, b[k])

static void guard_copy(u8 *to, const void *guard, u32 n) {
    if (guard != NULL)
        memcpy(to, guard, n);
    else
        memset(to, 1, n);
}

#define OP_1(name, operands, result, faults)
#define OP_2(name, operands, result, faults) TYPES_##operands(BINARY_##result##_##faults, name)
#define OP_3(name, operands, result, faults)
#define OP(name, text, arity, operands, result, faults) OP_##arity(name, operands, result, faults)
#include "ops.def"
#undef OP
#undef OP_2

#define ROW(op, t, T, class) [OP_##op][TYPE_##T] = {op##_##t##_vv, op##_##t##_vu, op##_##t##_uv},
#define OP_2(name, operands, result, faults) TYPES_##operands(ROW, name)
#define OP(name, text, arity, operands, result, faults) OP_##arity(name, operands, result, faults)
kernel_ops LEVEL_NAME(kernel_two) = {
#include "ops.def"
};
#undef OP
