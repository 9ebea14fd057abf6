/* SPDX-License-Identifier: Apache-2.0
 * oracle_number: one element at a time, as language.md's "Numbers" says. Floats are computed in C's
 * own arithmetic of their width; f32 math functions are the f64 ones rounded once. */
#include "oracle_number.h"
#include "elementary.h"
#include <math.h>

static f64 as_float(u8 type, u64 bits) {
    f64 wide;
    f32 narrow;
    memcpy(&wide, &bits, 8);
    memcpy(&narrow, &bits, 4);
    return type == TYPE_F32 ? (f64)narrow : wide;
}

static u64 of_float(u8 type, f64 value) {
    u64 bits = 0;
    f32 narrow = (f32)value;
    if (isnan(value)) return type == TYPE_F32 ? 0x7fc00000u : 0x7ff8000000000000u;
    if (type == TYPE_F32)
        memcpy(&bits, &narrow, 4);
    else
        memcpy(&bits, &value, 8);
    return bits;
}

static u32 width(u8 type) { return 8 * type_bytes(type); }
static u64 cut(u8 type, u64 value) {
    return width(type) == 64 ? value : value & ((1ull << width(type)) - 1);
}

i128 number_integer(u8 type, u64 bits) {
    if (!type_is_signed(type)) return (i128)bits;
    u32 unused = 64 - width(type);
    return (i128)((i64)(bits << unused) >> unused);
}

static u64 from_float(u8 to, f64 value) {
    u32 bits = width(to);
    f64 end = ldexp(1.0, (int)(type_is_signed(to) ? bits - 1 : bits));
    if (isnan(value)) return 0;
    if (type_is_signed(to)) {
        if (value >= end) return (1ull << (bits - 1)) - 1;
        if (value < -end) return 1ull << (bits - 1);
        return cut(to, (u64)(i64)value);
    }
    if (value >= end) return cut(to, UINT64_MAX);
    return value <= 0 ? 0 : (u64)value;
}

u64 number_convert(u8 from, u8 to, u64 bits) {
    bool floating = type_is_float(from);
    if (to == TYPE_BOOL) return floating ? as_float(from, bits) != 0.0 : bits != 0;
    if (type_is_float(to)) {
        if (floating) return of_float(to, as_float(from, bits));
        i128 value = number_integer(from, bits); /* a single rounding, from the integer itself */
        return of_float(to, to == TYPE_F32 ? (f64)(f32)value : (f64)value);
    }
    return floating ? from_float(to, as_float(from, bits))
                    : cut(to, (u64)number_integer(from, bits));
}

static f64 float_mod(f64 a, f64 b) {
    f64 rest = fmod(a, b);
    if (rest == 0.0) return copysign(0.0, b);
    return (rest < 0) != (b < 0) ? rest + b : rest;
}

/* NaN if either is; -0 below +0. */
static f64 float_extreme(f64 a, f64 b, bool largest) {
    if (isnan(a) || isnan(b)) return NAN;
    if (a == b) return (signbit(a) != 0) == largest ? b : a;
    return (a > b) == largest ? a : b;
}

static u64 float_square(u8 type, u64 base, i64 power) {
    u64 count = (u64)(power < 0 ? -power : power), one = of_float(type, 1.0);
    if (count == 0) return one;
    u64 result = base;
    u32 top = 63u - (u32)__builtin_clzll(count);
    while (top-- > 0) {
        result = of_float(type, as_float(type, result) * as_float(type, result));
        if (count >> top & 1)
            result = of_float(type, as_float(type, result) * as_float(type, base));
    }
    return power < 0 ? of_float(type, 1.0 / as_float(type, result)) : result;
}

static f64 (*const MATH1[FN_END])(f64) = {
#define MATH(name) [FN_##name] = elementary_##name
    MATH(exp),          MATH(exp2),       MATH(expm1),       MATH(log),          MATH(log2),
    MATH(log10),        MATH(log1p),      MATH(sin),         MATH(cos),          MATH(tan),
    MATH(asin),         MATH(acos),       MATH(atan),        MATH(sinh),         MATH(cosh),
    MATH(tanh),         MATH(erf),        MATH(erfc),        MATH(cdf),
#undef MATH
    [FN_floor] = floor, [FN_ceil] = ceil, [FN_round] = rint, [FN_trunc] = trunc, [FN_sqrt] = sqrt};

static u64 float_op(u16 op, u8 type, const u64 v[3]) {
    f64 a = as_float(type, v[0]), b = as_float(type, v[1]), c = as_float(type, v[2]);
    if (op < FN_END && MATH1[op]) return of_float(type, MATH1[op](a));
    switch (op) {
    case AST_OP_EQ: return a == b;
    case AST_OP_NE: return a != b;
    case AST_OP_LT: return a < b;
    case AST_OP_LE: return a <= b;
    case AST_OP_GT: return a > b;
    case AST_OP_GE: return a >= b;
    case AST_OP_NEG: return of_float(type, -a);
    case AST_OP_ADD: return of_float(type, a + b);
    case AST_OP_SUB: return of_float(type, a - b);
    case AST_OP_MUL: return of_float(type, a * b);
    case AST_OP_DIV: return of_float(type, a / b);
    case AST_OP_POW:
    case FN_pow: return of_float(type, elementary_pow(a, b));
    case FN_atan2: return of_float(type, elementary_atan2(a, b));
    case FN_mod: return of_float(type, float_mod(a, b));
    case FN_fma:
        return of_float(type, type == TYPE_F32 ? (f64)fmaf((f32)a, (f32)b, (f32)c) : fma(a, b, c));
    case FN_abs: return of_float(type, fabs(a));
    case FN_sign: return of_float(type, isnan(a) ? a : (f64)((a > 0) - (a < 0)));
    case FN_isnan: return isnan(a) != 0;
    case FN_isfinite: return isfinite(a) != 0;
    case FN_min: return of_float(type, float_extreme(a, b, false));
    case FN_max: return of_float(type, float_extreme(a, b, true));
    default: return 0;
    }
}

static u64 integer_power(u8 type, u64 base, i128 power, bool *fault) {
    u64 result = 1;
    if (power < 0) {
        *fault = true;
        return 0;
    }
    for (; power > 0; power >>= 1, base *= base)
        if (power & 1) result *= base;
    return cut(type, result);
}

static u64 integer_op(u16 op, u8 type, const u64 v[3], bool *fault) {
    i128 a = number_integer(type, v[0]), b = number_integer(type, v[1]);
    u64 count = v[1] & (width(type) - 1); /* of a shift, modulo the width */
    if ((op == AST_OP_DIV || op == AST_OP_REM || op == FN_mod) && b == 0) {
        *fault = true;
        return 0;
    }
    switch (op) {
    case AST_OP_EQ: return a == b;
    case AST_OP_NE: return a != b;
    case AST_OP_LT: return a < b;
    case AST_OP_LE: return a <= b;
    case AST_OP_GT: return a > b;
    case AST_OP_GE: return a >= b;
    case AST_OP_NOT: return !v[0];
    case AST_OP_BITNOT: return type == TYPE_BOOL ? !v[0] : cut(type, ~v[0]);
    case AST_OP_NEG: return cut(type, (u64)-a);
    case AST_OP_ADD: return cut(type, (u64)(a + b));
    case AST_OP_SUB: return cut(type, (u64)(a - b));
    case AST_OP_MUL: return cut(type, v[0] * v[1]);
    case AST_OP_DIV: return cut(type, (u64)(a / b));
    case AST_OP_REM: return cut(type, (u64)(a % b));
    case FN_mod: return cut(type, (u64)(a % b != 0 && (a % b < 0) != (b < 0) ? a % b + b : a % b));
    case AST_OP_AND: return v[0] & v[1];
    case AST_OP_OR: return v[0] | v[1];
    case AST_OP_XOR: return v[0] ^ v[1];
    case AST_OP_SHL: return cut(type, v[0] << count);
    case AST_OP_SHR: return cut(type, (u64)(a >> count));
    case AST_OP_POW:
    case FN_pow: return integer_power(type, v[0], b, fault);
    case FN_abs: return cut(type, (u64)(a < 0 ? -a : a));
    case FN_sign: return cut(type, (u64)((a > 0) - (a < 0)));
    case FN_popcount: return (u64)__builtin_popcountll(v[0]);
    case FN_clz: return v[0] == 0 ? width(type) : (u64)__builtin_clzll(v[0]) - (64 - width(type));
    case FN_min: return a < b ? v[0] : v[1];
    case FN_max: return a > b ? v[0] : v[1];
    default: return 0;
    }
}

u64 number_op(u16 op, u8 type, u8 to, const u64 v[3], bool *fault) {
    if (op == FN_convert) return number_convert(type, to, v[0]);
    if (op == FN_square && type_is_float(type)) return float_square(type, v[0], (i64)v[1]);
    if (op == FN_square) return integer_power(type, v[0], (i64)v[1], fault);
    if (op == FN_clamp) {
        u64 low[3] = {v[0], v[1], 0};
        u64 high[3] = {number_op(FN_max, type, type, low, fault), v[2], 0};
        return number_op(FN_min, type, type, high, fault);
    }
    return type_is_float(type) ? float_op(op, type, v) : integer_op(op, type, v, fault);
}

u16 number_function(const char *name, u32 *arity) {
    static const struct {
        const char *name;
        u32 arity;
    } rows[] = {
#define FUNCTION(name, arity) {#name, arity},
#include "oracle_functions.def"
#undef FUNCTION
    };
    for (u32 k = 0; k < ARRAY_COUNT(rows); k++) {
        *arity = rows[k].arity;
        if (strcmp(rows[k].name, name) == 0) return (u16)(FN_NONE + 1 + k);
    }
    return FN_NONE;
}

typedef struct {
    u64 bits;
    bool has;
} part;

/* Joining with an absent value returns the other unchanged. */
static part join(u16 op, u8 type, part a, part b) {
    bool fault = false;
    if (!a.has) return b;
    if (!b.has) return a;
    return (part){number_op(op, type, type, (const u64[3]){a.bits, b.bits, 0}, &fault), true};
}

/* ((0+4)+(2+6))+((1+5)+(3+7)) */
static part join_eight(u16 op, u8 type, const part p[8]) {
    part even = join(op, type, join(op, type, p[0], p[4]), join(op, type, p[2], p[6]));
    part odd = join(op, type, join(op, type, p[1], p[5]), join(op, type, p[3], p[7]));
    return join(op, type, even, odd);
}

static part leaf(u16 op, u8 type, const u64 *v, const bool *has, u64 n, u64 first) {
    part lanes[8] = {{0, false}};
    for (u64 k = 0; k < 64 && first + k < n; k++)
        lanes[k % 8] = join(op, type, lanes[k % 8], (part){v[first + k], has[first + k]});
    return join_eight(op, type, lanes);
}

/* The tree over positions [first, first + span), span a power of 8 times 64. */
static part subtree(u16 op, u8 type, const u64 *v, const bool *has, u64 n, u64 first, u64 reach) {
    part children[8] = {{0, false}};
    if (reach == 64) return leaf(op, type, v, has, n, first);
    for (u32 k = 0; k < 8; k++)
        if (first + k * (reach / 8) < n)
            children[k] = subtree(op, type, v, has, n, first + k * (reach / 8), reach / 8);
    return join_eight(op, type, children);
}

u64 number_reduce(u16 op, u8 type, const u64 *v, const bool *has, u64 n, bool *any) {
    u64 reach = 64;
    while (reach < n) reach *= 8;
    part root = subtree(op, type, v, has, n, 0, reach);
    *any = root.has;
    return root.bits;
}
