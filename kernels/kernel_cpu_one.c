/* SPDX-License-Identifier: Apache-2.0
 * kernel_cpu_one: tiles of operators with one operand, made from ops.def and meaning.h. Compiled
 * once per level. */
#include "level.h"
#include "meaning.h"

#define UNARY(op, t, T, class, result)                                                     \
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
