/* SPDX-License-Identifier: Apache-2.0
 * kernel_cpu_three: tiles of operators with three operands, each also with one value for a or c (b
 * or c for SELECT); made from ops.def and meaning.h. Compiled once per level. */
#include "level.h"
#include "meaning.h"

#define TERNARY_FORM(op, t, class, form, A, C)                                    \
    static u32 op##_##t##_##form(void *to, const void *first, const void *second, \
                                 const void *third, u32 n) {                      \
        t *d = __builtin_assume_aligned(to, 64);                                  \
        const t *a = first, *b = second, *c = third;                              \
        const t a0 = *a, c0 = *c;                                                 \
        (void)a0, (void)c0;                                                       \
        LANES d[k] = (t)MEANING_##op##_##class(t, A, b[k], C);                    \
        return 0;                                                                 \
    }
#define TERNARY(op, t, T, class)               \
    TERNARY_FORM(op, t, class, vv, a[k], c[k]) \
    TERNARY_FORM(op, t, class, vu, a[k], c0)   \
    TERNARY_FORM(op, t, class, uv, a0, c[k])

/* SELECT is bitwise, so by width. d may be the condition's tile: its lanes are narrower, hence the
 * copy. */
#define SELECT_FORM(t, form, B, C)                                                  \
    static u32 SELECT_##t##_##form(void *to, const void *first, const void *second, \
                                   const void *third, u32 n) {                      \
        t *d = __builtin_assume_aligned(to, 64);                                    \
        const t *b = second, *c = third;                                            \
        const t b0 = *b, c0 = *c;                                                   \
        const u8 *a = first;                                                        \
        u8 copy[TILE_MOST];                                                         \
        (void)b0, (void)c0;                                                         \
        if (to == first) a = memcpy(copy, first, n);                                \
        LANES d[k] = a[k] != 0 ? B : C;                                             \
        return 0;                                                                   \
    }
#define SELECT(t)                  \
    SELECT_FORM(t, vv, b[k], c[k]) \
    SELECT_FORM(t, vu, b[k], c0)   \
    SELECT_FORM(t, uv, b0, c[k])
SELECT(u8)
SELECT(u16)
SELECT(u32)
SELECT(u64)

#define OP_1(name, operands)
#define OP_2(name, operands)
#define OP_3(name, operands) OP_3_##operands(name)
#define OP_3_N(name) MAKE(TERNARY, name, N)
#define OP_3_F(name) MAKE(TERNARY, name, F)
#define OP_3_A(name) /* SELECT */
#define OP(name, text, arity, operands, result, faults) OP_##arity(name, operands)
#include "ops.def"
#undef OP
#undef OP_3_A

#define FORMS(op, t) \
    { op##_##t##_vv, op##_##t##_vu, op##_##t##_uv }
#define ROW_OWN(op, t, T, class) [OP_##op][TYPE_##T] = FORMS(op, t),
#define ROW_FOR(op, t, T, class) ROW_MADE(op, FOR_##t, T)
#define ROW_MADE(op, t, T) ROW_OWN(op, t, T, )
#undef OP_3_N
#undef OP_3_F
#define OP_3_N(name) ROWS_OF(ROW, name, N)
#define OP_3_F(name) ROWS_OF(ROW, name, F)
#define OP_3_A(name)                                                             \
    [OP_##name] = {[TYPE_BOOL] = FORMS(name, u8), [TYPE_I8] = FORMS(name, u8),   \
                   [TYPE_U8] = FORMS(name, u8),   [TYPE_I16] = FORMS(name, u16), \
                   [TYPE_U16] = FORMS(name, u16), [TYPE_I32] = FORMS(name, u32), \
                   [TYPE_U32] = FORMS(name, u32), [TYPE_F32] = FORMS(name, u32), \
                   [TYPE_I64] = FORMS(name, u64), [TYPE_U64] = FORMS(name, u64), \
                   [TYPE_F64] = FORMS(name, u64)},
#define OP(name, text, arity, operands, result, faults) OP_##arity(name, operands)
kernel_ops LEVEL_NAME(kernel_three) = {
#include "ops.def"
};
#undef OP
