/* SPDX-License-Identifier: Apache-2.0
 * meaning: what each operator of ops.def gives for one lane (language.md, "Numbers"), a line an
 * operator: MEANING_NAME_class(t, a, b, c), class I integers, F floats, B bool. Text for gcc, clang
 * and nvcc: no branch on data, nothing fused that is not written as fma. */
#ifndef MMSB_KERNEL_MEANING_H
#define MMSB_KERNEL_MEANING_H
#include "elementary.h"

/* X(op, type, TYPE, class) for each element type of a letter of ops.def. */
#define TYPES_I(X, op) \
    X(op, i8, I8, I)   \
    X(op, i16, I16, I) \
    X(op, i32, I32, I) \
    X(op, i64, I64, I) X(op, u8, U8, I) X(op, u16, U16, I) X(op, u32, U32, I) X(op, u64, U64, I)
#define TYPES_F(X, op) X(op, f32, F32, F) X(op, f64, F64, F)
#define TYPES_B(X, op) X(op, bool8, BOOL, B)
#define TYPES_N(X, op) TYPES_I(X, op) TYPES_F(X, op)
#define TYPES_J(X, op) TYPES_I(X, op) TYPES_B(X, op)
#define TYPES_A(X, op) TYPES_N(X, op) TYPES_B(X, op)
typedef u8 bool8;

/* Integers are computed in an unsigned type of at least 32 bits, where overflow wraps. */
typedef u32 wide_i8, wide_i16, wide_i32, wide_u8, wide_u16, wide_u32;
typedef u64 wide_i64, wide_u64;
typedef u8 bare_i8, bare_u8;
typedef u16 bare_i16, bare_u16;
typedef u32 bare_i32, bare_u32;
typedef u64 bare_i64, bare_u64;
#define W(t, x) ((wide_##t)(x))
#define WIDTH(t) (8u * (u32)sizeof(t))

/* Floats: selects that order -0 below +0 and let NaN through. */
#define FLOAT_LEAST(t)                                                   \
    ELEMENTARY t least_##t(t a, t b) {                                   \
        t tie = from_##t(bits_##t(a) | bits_##t(b)); /* equal, or NaN */ \
        return a < b ? a : b < a ? b : tie;                              \
    }                                                                    \
    ELEMENTARY t most_##t(t a, t b) { return -least_##t(-a, -b); }
FLOAT_LEAST(f32)
FLOAT_LEAST(f64)

#define INTEGER_HELPERS(t)                                                                   \
    ELEMENTARY u32 clz_##t(t x) { return x == 0 ? WIDTH(t) : count_zeros_##t((bare_##t)x); } \
    ELEMENTARY t power_##t(t x, t e) {                                                       \
        wide_##t r = 1, b = (wide_##t)x;                                                     \
        for (bare_##t left = (bare_##t)e; left != 0; left = (bare_##t)(left >> 1)) {         \
            r = left & 1 ? r * b : r;                                                        \
            b *= b;                                                                          \
        }                                                                                    \
        return (t)r;                                                                         \
    }
#define count_zeros_i8(x) ((u32)__builtin_clz(x) - 24u)
#define count_zeros_u8(x) ((u32)__builtin_clz(x) - 24u)
#define count_zeros_i16(x) ((u32)__builtin_clz(x) - 16u)
#define count_zeros_u16(x) ((u32)__builtin_clz(x) - 16u)
#define count_zeros_i32(x) ((u32)__builtin_clz(x))
#define count_zeros_u32(x) ((u32)__builtin_clz(x))
#define count_zeros_i64(x) ((u32)__builtin_clzll(x))
#define count_zeros_u64(x) ((u32)__builtin_clzll(x))
INTEGER_HELPERS(i8)
INTEGER_HELPERS(i16)
INTEGER_HELPERS(i32)
INTEGER_HELPERS(i64)
INTEGER_HELPERS(u8)
INTEGER_HELPERS(u16)
INTEGER_HELPERS(u32)
INTEGER_HELPERS(u64)

/* Division by a divisor that is not 0; MIN / -1 wraps to MIN. Up to 32 bits through a float: its
 * rounded quotient reaches no whole number that the true one does not, and vectors can divide so.
 * The low bits of the sum are the whole number. A GPU is quicker with integers. */
#define DIVIDE_BY(t, f, one)                                       \
    ELEMENTARY t quotient_##t(t a, t b) {                          \
        return (t)bits_##f(FLOAT_TRUNC_##f((f)a / (f)b) + (f)one); \
    }
#define IS_MINUS_ONE(t, b) ((t)-1 < (t)0 && (b) == (t)-1)
#define DIVIDE(t)                                                  \
    ELEMENTARY t quotient_##t(t a, t b) {                          \
        return IS_MINUS_ONE(t, b) ? (t)(0 - W(t, a)) : (t)(a / b); \
    }
#if defined(__CUDACC__)
DIVIDE(i8)
DIVIDE(i16)
DIVIDE(i32)
DIVIDE(u8)
DIVIDE(u16)
DIVIDE(u32)
#else
DIVIDE_BY(i8, f32, 0x1.8p23)
DIVIDE_BY(i16, f32, 0x1.8p23)
DIVIDE_BY(i32, f64, 0x1.8p52)
DIVIDE_BY(u8, f32, 0x1.8p23)
DIVIDE_BY(u16, f32, 0x1.8p23)
DIVIDE_BY(u32, f64, 0x1.8p52)
#endif
DIVIDE(i64)
DIVIDE(u64)
#define QUOTIENT(t, a, b) quotient_##t(a, b)
#define REMAINDER(t, a, b) (t)(W(t, a) - W(t, quotient_##t(a, b)) * W(t, b))
#define INTEGER_MODULO(t)                                          \
    ELEMENTARY t modulo_##t(t a, t b) {                            \
        t r = REMAINDER(t, a, b);                                  \
        return r != 0 && (r ^ b) < 0 ? (t)(W(t, r) + W(t, b)) : r; \
    }
#define UNSIGNED_MODULO(t) \
    ELEMENTARY t modulo_##t(t a, t b) { return REMAINDER(t, a, b); }
INTEGER_MODULO(i8)
INTEGER_MODULO(i16)
INTEGER_MODULO(i32)
INTEGER_MODULO(i64)
UNSIGNED_MODULO(u8)
UNSIGNED_MODULO(u16)
UNSIGNED_MODULO(u32)
UNSIGNED_MODULO(u64)

#define POPCOUNT(t, x) \
    (sizeof(t) == 8 ? __builtin_popcountll((u64)(x)) : __builtin_popcount((bare_##t)(x)))

/* One operand. */
#define MEANING_NEG_I(t, a, b, c) (t)(0 - W(t, a))
#define MEANING_NEG_F(t, a, b, c) (-(a))
#define MEANING_NOT_B(t, a, b, c) (t)((a) ^ 1)
#define MEANING_BITNOT_I(t, a, b, c) (t)(~(a))
#define MEANING_BITNOT_B(t, a, b, c) (t)((a) ^ 1)
#define MEANING_ABS_I(t, a, b, c) ((a) < (t)1 ? (t)(0 - W(t, a)) : (a))
#define MEANING_ABS_F(t, a, b, c) FLOAT_ABS_##t(a)
#define MEANING_SIGN_I(t, a, b, c) (t)(((a) > (t)0) - ((a) < (t)1 && (a) != (t)0))
#define MEANING_SIGN_F(t, a, b, c) ((a) > 0 ? (t)1 : (a) < 0 ? (t)-1 : (a) == 0 ? (t)0 : (a))
#define MEANING_FLOOR_F(t, a, b, c) FLOAT_FLOOR_##t(a)
#define MEANING_CEIL_F(t, a, b, c) FLOAT_CEIL_##t(a)
#define MEANING_ROUND_F(t, a, b, c) FLOAT_ROUND_##t(a)
#define MEANING_TRUNC_F(t, a, b, c) FLOAT_TRUNC_##t(a)
#define MEANING_SQRT_F(t, a, b, c) FLOAT_SQRT_##t(a)
/* f32 functions are computed in f64 and rounded once. */
#define MEANING_EXP_F(t, a, b, c) (t) elementary_exp((f64)(a))
#define MEANING_EXP2_F(t, a, b, c) (t) elementary_exp2((f64)(a))
#define MEANING_EXPM1_F(t, a, b, c) (t) elementary_expm1((f64)(a))
#define MEANING_LOG_F(t, a, b, c) (t) elementary_log((f64)(a))
#define MEANING_LOG2_F(t, a, b, c) (t) elementary_log2((f64)(a))
#define MEANING_LOG10_F(t, a, b, c) (t) elementary_log10((f64)(a))
#define MEANING_LOG1P_F(t, a, b, c) (t) elementary_log1p((f64)(a))
#define MEANING_SIN_F(t, a, b, c) (t) elementary_sin((f64)(a))
#define MEANING_COS_F(t, a, b, c) (t) elementary_cos((f64)(a))
#define MEANING_TAN_F(t, a, b, c) (t) elementary_tan((f64)(a))
#define MEANING_ASIN_F(t, a, b, c) (t) elementary_asin((f64)(a))
#define MEANING_ACOS_F(t, a, b, c) (t) elementary_acos((f64)(a))
#define MEANING_ATAN_F(t, a, b, c) (t) elementary_atan((f64)(a))
#define MEANING_SINH_F(t, a, b, c) (t) elementary_sinh((f64)(a))
#define MEANING_COSH_F(t, a, b, c) (t) elementary_cosh((f64)(a))
#define MEANING_TANH_F(t, a, b, c) (t) elementary_tanh((f64)(a))
#define MEANING_ERF_F(t, a, b, c) (t) elementary_erf((f64)(a))
#define MEANING_ERFC_F(t, a, b, c) (t) elementary_erfc((f64)(a))
#define MEANING_CDF_F(t, a, b, c) (t) elementary_cdf((f64)(a))
#define MEANING_ISNAN_F(t, a, b, c) ((a) != (a))
#define MEANING_ISFINITE_F(t, a, b, c) ((a) - (a) == 0)
#define MEANING_POPCOUNT_I(t, a, b, c) (t) POPCOUNT(t, a)
#define MEANING_CLZ_I(t, a, b, c) (t) clz_##t(a)

/* The divisor's sign, the exact remainder of magnitudes r; -0 and infinities as Python's %. */
#define FLOAT_MODULO(t)                                                   \
    ELEMENTARY t modulo_of_##t(t r, t b) {                                \
        t signed_zero = from_##t(bits_##t(b) & bits_##t((t)-0.0));        \
        return r == 0 ? signed_zero : (r < 0) != (b < 0) ? r + b : r;     \
    }                                                                     \
    ELEMENTARY t modulo_##t(t a, t b) {                                   \
        return modulo_of_##t((t)elementary_remainder((f64)a, (f64)b), b); \
    }
FLOAT_MODULO(f32)
FLOAT_MODULO(f64)

/* Two operands. */
#define MEANING_ADD_I(t, a, b, c) (t)(W(t, a) + W(t, b))
#define MEANING_ADD_F(t, a, b, c) ((a) + (b))
#define MEANING_SUB_I(t, a, b, c) (t)(W(t, a) - W(t, b))
#define MEANING_SUB_F(t, a, b, c) ((a) - (b))
#define MEANING_MUL_I(t, a, b, c) (t)(W(t, a) * W(t, b))
#define MEANING_MUL_F(t, a, b, c) ((a) * (b))
#define MEANING_DIV_F(t, a, b, c) ((a) / (b))
#define MEANING_IDIV_I(t, a, b, c) QUOTIENT(t, a, b)
#define MEANING_REM_I(t, a, b, c) REMAINDER(t, a, b)
#define MEANING_IMOD_I(t, a, b, c) modulo_##t(a, b)
#define MEANING_IPOW_I(t, a, b, c) power_##t(a, b)
#define MEANING_MIN_I(t, a, b, c) ((a) < (b) ? (a) : (b))
#define MEANING_MIN_F(t, a, b, c) least_##t(a, b)
#define MEANING_MIN_B(t, a, b, c) (t)((a) & (b))
#define MEANING_MAX_I(t, a, b, c) ((a) > (b) ? (a) : (b))
#define MEANING_MAX_F(t, a, b, c) most_##t(a, b)
#define MEANING_MAX_B(t, a, b, c) (t)((a) | (b))
#define MEANING_AND_I(t, a, b, c) (t)((a) & (b))
#define MEANING_AND_B MEANING_AND_I
#define MEANING_OR_I(t, a, b, c) (t)((a) | (b))
#define MEANING_OR_B MEANING_OR_I
#define MEANING_XOR_I(t, a, b, c) (t)((a) ^ (b))
#define MEANING_XOR_B MEANING_XOR_I
#define MEANING_SHL_I(t, a, b, c) (t)(W(t, a) << (W(t, b) & (WIDTH(t) - 1)))
#define MEANING_SHR_I(t, a, b, c) (t)((a) >> (W(t, b) & (WIDTH(t) - 1)))
#define MEANING_EQ_I(t, a, b, c) ((a) == (b))
#define MEANING_EQ_F MEANING_EQ_I
#define MEANING_EQ_B MEANING_EQ_I
#define MEANING_NE_I(t, a, b, c) ((a) != (b))
#define MEANING_NE_F MEANING_NE_I
#define MEANING_NE_B MEANING_NE_I
#define MEANING_LT_I(t, a, b, c) ((a) < (b))
#define MEANING_LT_F MEANING_LT_I
#define MEANING_LT_B MEANING_LT_I
#define MEANING_LE_I(t, a, b, c) ((a) <= (b))
#define MEANING_LE_F MEANING_LE_I
#define MEANING_LE_B MEANING_LE_I
#define MEANING_POW_F(t, a, b, c) (t) elementary_pow((f64)(a), (f64)(b))
#define MEANING_ATAN2_F(t, a, b, c) (t) elementary_atan2((f64)(a), (f64)(b))
#define MEANING_FMOD_F(t, a, b, c) modulo_##t(a, b)
/* A lane that faults; its result is 0. */
#define FAULT_IDIV(t, a, b) ((b) == 0)
#define FAULT_REM FAULT_IDIV
#define FAULT_IMOD FAULT_IDIV
#define FAULT_IPOW(t, a, b) ((b) < (t)1 && (b) != (t)0)

/* Three operands. */
#define MEANING_FMA_F(t, a, b, c) FLOAT_FMA_##t(a, b, c)
#define MEANING_MULADD_I(t, a, b, c) (t)(W(t, a) * W(t, b) + W(t, c))
#define MEANING_MULADD_F(t, a, b, c) ((a) * (b) + (c))
#define MEANING_MULSUB_I(t, a, b, c) (t)(W(t, a) * W(t, b) - W(t, c))
#define MEANING_MULSUB_F(t, a, b, c) ((a) * (b) - (c))
#define MEANING_SUBMUL_I(t, a, b, c) (t)((W(t, a) - W(t, b)) * W(t, c))
#define MEANING_SUBMUL_F(t, a, b, c) (((a) - (b)) * (c))
#define MEANING_NMULADD_I(t, a, b, c) (t)(W(t, c) - W(t, a) * W(t, b))
#define MEANING_NMULADD_F(t, a, b, c) ((c) - (a) * (b))
#endif
