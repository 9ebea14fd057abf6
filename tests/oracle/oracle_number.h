/* SPDX-License-Identifier: Apache-2.0
 * oracle_number: what operators and functions do to elements and rows of elements, which are bits
 * zero-extended to a u64. */
#ifndef MMSB_ORACLE_NUMBER_H
#define MMSB_ORACLE_NUMBER_H
#include "ast.h"

/* Functions follow the operators of ast_op. */
typedef enum {
    FN_NONE = AST_OP_COUNT,
#define FUNCTION(name) FN_##name,
#define MATH(name, call) FN_##name,
#include "oracle_functions.def"
#undef FUNCTION
#undef MATH
    FN_convert,
    FN_square,
    FN_END
} oracle_function;
__extension__ typedef __int128 i128;

u16 number_function(const char *name); /* FN_NONE: there is none of that name */
i128 number_integer(u8 type, u64 bits);
u64 number_convert(u8 from, u8 to, u64 bits);
u8 number_wide(u8 type); /* of an integer sum: i64 or u64 */
/* op(v[0], v[1], v[2]), all of `type`; square: v[0] ** (i64)v[1]. */
u64 number_op(u16 op, u8 type, const u64 v[3], bool *fault);
u64 number_random(u16 fn, u64 seed, u64 c0, u64 c1);
/* In canonical order over v[0 .. n), where has[]; v is widened in place. */
u64 number_reduce(u16 fn, u8 type, u64 *v, const bool *has, u64 n);
u64 number_dot(u8 type, const u64 *x, const u64 *y, u64 n);
u64 number_product(u8 type, const u64 *x, const u64 *y, u64 y_step, u64 n); /* as matmul folds */
void number_scan(u16 fn, u8 type, const u64 *x, u64 n, u64 *to);
/* sort, argsort, topk: the first `count`. */
void number_sort(u16 fn, u8 type, const u64 *x, u64 n, u64 *to, u64 count);
u64 number_quantile(u8 type, const u64 *sorted, u64 n, u64 q, bool *fault);
#endif
