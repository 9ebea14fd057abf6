/* SPDX-License-Identifier: Apache-2.0
 * kernel_cpu_one: tiles of operators with one operand, made from ops.def and meaning.h. Compiled
 * once per level. */
#include "level.h"
#include "meaning.h"

/* sin, cos and tan of a tile whose angles are all within MM_ANGLE_MAX need no table of 2/pi, and
 * vectorise; other tiles redo their large lanes one by one, with the same bits as mm_sin's. */
#define ANGLE(op, name, t)                                                                   \
    static u32 op##_##t(void *to, const void *from, const void *b, const void *c, u32 n) {   \
        t *d = __builtin_assume_aligned(to, 64);                                             \
        const t *a = from;                                                                   \
        t kept[TILE_MOST];                                                                   \
        u32 large = 0;                                                                       \
        (void)b, (void)c;                                                                    \
        for (u32 k = 0; k < n; k++) large |= FLOAT_ABS_##t(a[k]) > (t)MM_ANGLE_MAX;          \
        if (large != 0) memcpy(kept, a, n * sizeof(t));                                      \
        LANES d[k] = (t)mm_##name##_near((f64)a[k]);                                         \
        for (u32 k = 0; large != 0 && k < n; k++)                                            \
            if (FLOAT_ABS_##t(kept[k]) > (t)MM_ANGLE_MAX) d[k] = (t)mm_##name((f64)kept[k]); \
        return 0;                                                                            \
    }
ANGLE(SIN, sin, f64)
ANGLE(COS, cos, f64)
ANGLE(TAN, tan, f64)
ANGLE(SIN, sin, f32)
ANGLE(COS, cos, f32)
ANGLE(TAN, tan, f32)

/* log in two loops: the long chains of many vectors run beside each other so. */
#define LOG_TILE(op, t)                                                                    \
    static u32 op##_##t(void *to, const void *from, const void *b, const void *c, u32 n) { \
        t *d = __builtin_assume_aligned(to, 64);                                           \
        const t *a = from;                                                                 \
        _Alignas(64) f64 power[TILE_MOST], part[TILE_MOST];                                \
        (void)b, (void)c;                                                                  \
        LANES part[k] = mm_split((f64)a[k], &power[k]);                                    \
        LANES d[k] = (t)mm_log_of(power[k], part[k], (f64)a[k]);                           \
        return 0;                                                                          \
    }
LOG_TILE(LOG, f64)
LOG_TILE(LOG, f32)

/* 1 for those above. */
#define OWN_SIN _, 1
#define OWN_COS _, 1
#define OWN_TAN _, 1
#define OWN_LOG _, 1
#define UNARY(op, t, T, class, result) \
    LEVEL_PASTE(UNARY, SECOND(OWN_##op, 0, _))(op, t, T, class, result)
#define UNARY_1(op, t, T, class, result)
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
#define OP_1(name, operands, result) TYPES_##operands(UNARY_##result, name)
#define OP_2(name, operands, result)
#define OP_3(name, operands, result)
#define OP(name, text, arity, operands, result, faults) OP_##arity(name, operands, result)
#include "ops.def"
#undef OP
#undef OP_1

#define ROW_SAME(op, t, T, class) [OP_##op][TYPE_##T] = {op##_##t},
#define ROW_BOOL ROW_SAME
#define ROW_OTHER(op, t, T, class)
#define OP_1(name, operands, result) TYPES_##operands(ROW_##result, name)
#define OP(name, text, arity, operands, result, faults) OP_##arity(name, operands, result)
kernel_ops LEVEL_NAME(kernel_one) = {
#include "ops.def"
};
#undef OP
