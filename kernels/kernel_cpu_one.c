/* SPDX-License-Identifier: Apache-2.0
 * kernel_cpu_one: tiles of operators with one operand, made from ops.def and meaning.h. Compiled
 * once per level. */
#include "level.h"
#include "meaning.h"

/* f32 of a function is the f64 one's, rounded once. */
#define NARROW(op)                                                                         \
    static u32 op##_f32(void *to, const void *from, const void *b, const void *c, u32 n) { \
        _Alignas(64) f64 wide[TILE_MOST];                                                  \
        WIDEN(wide, from, n);                                                              \
        op##_f64(wide, wide, b, c, n);                                                     \
        NARROWED(to, wide, n);                                                             \
        return 0;                                                                          \
    }
/* sin, cos and tan of a tile whose angles are all within MM_ANGLE_MAX need no table of 2/pi, and
 * vectorise; other tiles redo their large lanes one by one, with the same bits as mm_sin's. */
#define ANGLE(op, name)                                                                    \
    static u32 op##_f64(void *to, const void *from, const void *b, const void *c, u32 n) { \
        f64 *d = __builtin_assume_aligned(to, 64);                                         \
        const f64 *a = from;                                                               \
        f64 kept[TILE_MOST];                                                               \
        u32 large = 0;                                                                     \
        (void)b, (void)c;                                                                  \
        for (u32 k = 0; k < n; k++) large |= FLOAT_ABS_f64(a[k]) > MM_ANGLE_MAX;           \
        if (large != 0) memcpy(kept, a, n * sizeof *kept);                                 \
        LANES d[k] = mm_##name##_near(a[k]);                                               \
        for (u32 k = 0; large != 0 && k < n; k++)                                          \
            if (FLOAT_ABS_f64(kept[k]) > MM_ANGLE_MAX) d[k] = mm_##name(kept[k]);          \
        return 0;                                                                          \
    }                                                                                      \
    NARROW(op)
ANGLE(SIN, sin)
ANGLE(COS, cos)
ANGLE(TAN, tan)

/* The selects of overflow, and a scale in two steps, are for tiles that need them. */
static u32 EXP_f64(void *to, const void *from, const void *b, const void *c, u32 n) {
    f64 *d = __builtin_assume_aligned(to, 64);
    const f64 *a = from;
    u64 far = 0;
    (void)b, (void)c;
    LANES far |= mm_exp_far(a[k]);
    if (far >> 63 == 0) {
        LANES d[k] = mm_exp_near(a[k]);
    } else {
        LANES d[k] = mm_exp(a[k]);
    }
    return 0;
}
NARROW(EXP)

/* log in two loops: the long chains of many vectors run beside each other so. The selects of
 * special values are for tiles that have any. */
static u32 LOG_f64(void *to, const void *from, const void *b, const void *c, u32 n) {
    f64 *d = __builtin_assume_aligned(to, 64);
    const f64 *a = from;
    _Alignas(64) f64 power[TILE_MOST], part[TILE_MOST];
    u64 odd = 0;
    (void)b, (void)c;
    LANES {
        odd |= mm_odd(a[k]);
        part[k] = mm_split_normal(a[k], &power[k]);
    }
    if (odd >> 63 == 0) {
        LANES d[k] = mm_log_of(power[k], part[k]);
    } else {
        LANES d[k] = mm_log(a[k]);
    }
    return 0;
}
NARROW(LOG)

/* 1: those above. 2: the other functions, whose f32 is narrowed. 0: the rest. */
#define OWN_SIN _, 1
#define OWN_COS _, 1
#define OWN_TAN _, 1
#define OWN_EXP _, 1
#define OWN_LOG _, 1
#define OWN_EXP2 _, 2
#define OWN_EXPM1 _, 2
#define OWN_LOG2 _, 2
#define OWN_LOG10 _, 2
#define OWN_LOG1P _, 2
#define OWN_ASIN _, 2
#define OWN_ACOS _, 2
#define OWN_ATAN _, 2
#define OWN_SINH _, 2
#define OWN_COSH _, 2
#define OWN_TANH _, 2
#define OWN_ERF _, 2
#define OWN_ERFC _, 2
#define OWN_CDF _, 2
#define UNARY(op, t, T, class, result) \
    LEVEL_PASTE(UNARY, SECOND(OWN_##op, 0, _))(op, t, T, class, result)
#define UNARY_1(op, t, T, class, result)
#define UNARY_2(op, t, T, class, result) UNARY_##T(op, t, T, class, result)
#define UNARY_F64(op, t, T, class, result) UNARY_0(op, t, T, class, result) NARROW(op)
#define UNARY_F32(op, t, T, class, result)
#define UNARY_0(op, t, T, class, result)                                                   \
    static u32 op##_##t(void *to, const void *from, const void *b, const void *c, u32 n) { \
        result *d = __builtin_assume_aligned(to, 64);                                      \
        const t *a = from;                                                                 \
        (void)b, (void)c;                                                                  \
        LANES d[k] = (result)MEANING_##op##_##class(t, a[k], , );                          \
        return 0;                                                                          \
    }
#define UNARY_SAME(op, t, T, class) UNARY(op, t, T, class, t)
#define UNARY_BOOL(op, t, T, class) UNARY(op, t, T, class, u8)
#define UNARY_OTHER(op, t, T, class)
#define OP_1(name, operands, result) MAKE(UNARY_##result, name, operands)
#define OP_2(name, operands, result)
#define OP_3(name, operands, result)
#define OP(name, text, arity, operands, result, faults) OP_##arity(name, operands, result)
#include "ops.def"
#undef OP
#undef OP_1

#define ROW_OWN(op, t, T, class) [OP_##op][TYPE_##T] = {op##_##t},
#define ROW_FOR(op, t, T, class) ROW_MADE(op, FOR_##t, T)
#define ROW_MADE(op, t, T) ROW_OWN(op, t, T, )
#define ROWS_SAME(op, operands) ROWS_OF(ROW, op, operands)
#define ROWS_BOOL ROWS_SAME
#define ROWS_OTHER(op, operands) /* CONVERT */
#define OP_1(name, operands, result) ROWS_##result(name, operands)
#define OP(name, text, arity, operands, result, faults) OP_##arity(name, operands, result)
kernel_ops LEVEL_NAME(kernel_one) = {
#include "ops.def"
};
#undef OP
