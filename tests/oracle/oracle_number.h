/* SPDX-License-Identifier: Apache-2.0
 * oracle_number: what an operator does to elements, one at a time. */
#ifndef MMSB_ORACLE_NUMBER_H
#define MMSB_ORACLE_NUMBER_H
#include "ast.h"

/* Functions follow the operators of ast_op. */
typedef enum {
    FN_NONE = AST_OP_COUNT,
#define FUNCTION(name, arity) FN_##name,
#include "oracle_functions.def"
#undef FUNCTION
    FN_convert,
    FN_square,
    FN_END
} oracle_function;

/* The function of that name, FN_NONE: none. *arity 0: two or more. */
u16 number_function(const char *name, u32 *arity);
/* Bits of op(v[0], v[1], v[2]), all of `type`; convert: from `type` to `to`; square: v[0] **
 * (i64)v[1]. */
u64 number_op(u16 op, u8 type, u8 to, const u64 v[3], bool *fault);
u64 number_convert(u8 from, u8 to, u64 bits);
/* The value of an integer, whatever its type. */
__extension__ typedef __int128 i128;
i128 number_integer(u8 type, u64 bits);

/* Canonical reduction by its plainest reading; has[k] says that position k is present. `op`:
 * AST_OP_ADD, AST_OP_MUL, FN_min, FN_max. Sets *any to whether anything is present. */
u64 number_reduce(u16 op, u8 type, const u64 *v, const bool *has, u64 n, bool *any);
#endif
