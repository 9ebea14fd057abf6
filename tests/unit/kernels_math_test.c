/* SPDX-License-Identifier: Apache-2.0
 * Math functions against long double references: the bound of docs/Determinism.md is kept, and
 * special values are C99's. Whole quotients and remainders are C's. */
#include <criterion/criterion.h>
#include <math.h>

#include "kernels.h"

static u64 seed = 88172645463325252u;
static f64 between(f64 a, f64 b) {
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    return a + (b - a) * ((f64)(seed >> 11) * 0x1p-53);
}
static long double cdf_reference(long double x) {
    return 0.5L * erfcl(-x * 0.70710678118654752440084436210484903928L);
}

/* Distance in units of the last place of the f64 nearest to `want`. */
static f64 ulps(f64 got, long double want) {
    f64 nearest = (f64)want;
    int exponent;
    if (isnan(got) || isnan(want)) return isnan(got) && isnan(want) ? 0 : HUGE_VAL;
    if (isinf(nearest) || isinf(got)) return nearest == got ? 0 : HUGE_VAL;
    if (nearest == 0) return got == 0 ? 0 : HUGE_VAL;
    frexpl(want, &exponent);
    return (f64)(fabsl((long double)got - want) /
                 ldexpl(1, exponent - 53 < -1074 ? -1074 : exponent - 53));
}

static const struct {
    const char *name;
    u16 op;
    long double (*reference)(long double);
    f64 low, high, bound;
} rows[] = {
    {"exp", OP_EXP, expl, -740, 709, 1},       {"exp2", OP_EXP2, exp2l, -1070, 1023, 1},
    {"expm1", OP_EXPM1, expm1l, -1, 1, 1},     {"expm1", OP_EXPM1, expm1l, -40, 709, 1},
    {"log", OP_LOG, logl, 0, 1e3, 1},          {"log", OP_LOG, logl, 0.5, 2, 1},
    {"log2", OP_LOG2, log2l, 0.5, 2, 1},       {"log2", OP_LOG2, log2l, 0, 1e3, 1},
    {"log10", OP_LOG10, log10l, 0, 1e3, 1},    {"log1p", OP_LOG1P, log1pl, -0.999, 10, 1},
    {"sin", OP_SIN, sinl, -1000, 1000, 1},     {"sin", OP_SIN, sinl, 1e200, 1e300, 1},
    {"cos", OP_COS, cosl, -1000, 1000, 1},     {"cos", OP_COS, cosl, -1e15, 1e15, 1},
    {"tan", OP_TAN, tanl, -1000, 1000, 1},     {"asin", OP_ASIN, asinl, -1, 1, 1},
    {"acos", OP_ACOS, acosl, -1, 1, 1},        {"atan", OP_ATAN, atanl, -10, 10, 1},
    {"sinh", OP_SINH, sinhl, -3, 3, 1},        {"sinh", OP_SINH, sinhl, -710, 710, 1},
    {"cosh", OP_COSH, coshl, -710, 710, 1},    {"tanh", OP_TANH, tanhl, -5, 5, 1},
    {"erf", OP_ERF, erfl, -6, 6, 1},           {"erfc", OP_ERFC, erfcl, -6, 26, 1},
    {"cdf", OP_CDF, cdf_reference, -12, 8, 1},
};

Test(math, functions_of_one_argument_keep_their_bound) {
    for (u32 r = 0; r < ARRAY_COUNT(rows); r++) {
        kernel_fn f = kernel_find(rows[r].op, TYPE_F64, 0, VARIANT_VV);
        f64 worst = 0, at = 0;
        for (u32 t = 0; t < 100; t++) {
            _Alignas(64) f64 x[512], y[512];
            for (u32 k = 0; k < 512; k++) x[k] = between(rows[r].low, rows[r].high);
            f(y, x, NULL, NULL, 512);
            for (u32 k = 0; k < 512; k++) {
                f64 u = ulps(y[k], rows[r].reference(x[k]));
                if (u > worst) worst = u, at = x[k];
            }
        }
        cr_expect(worst <= rows[r].bound, "%s: %.3f ulp at %.17g", rows[r].name, worst, at);
    }
}

Test(math, pow_and_atan2_keep_one_ulp_and_the_special_values_of_c99) {
    static const f64 special[] = {0.0, -0.0, 1, -1,    INFINITY, -INFINITY, NAN,  0.5, -0.5,
                                  2,   -2,   3, 1e308, 5e-324,   1e-310,    0.25, 7};
    for (u32 a = 0; a < ARRAY_COUNT(special); a++) {
        for (u32 b = 0; b < ARRAY_COUNT(special); b++) {
            _Alignas(64) f64 x[8] = {special[a]}, y[8] = {special[b]}, d[8];
            kernel_find(OP_POW, TYPE_F64, 0, VARIANT_VV)(d, x, y, NULL, 1);
            f64 want = pow(x[0], y[0]);
            cr_expect(ulps(d[0], want) <= 1.6 && (isnan(want) || signbit(want) == signbit(d[0])),
                      "pow(%g, %g) is %g", x[0], y[0], d[0]);
            kernel_find(OP_ATAN2, TYPE_F64, 0, VARIANT_VV)(d, x, y, NULL, 1);
            want = atan2(x[0], y[0]);
            cr_expect(ulps(d[0], want) <= 1.6 && (isnan(want) || signbit(want) == signbit(d[0])),
                      "atan2(%g, %g) is %g", x[0], y[0], d[0]);
        }
    }
    for (u32 k = 0; k < 20000; k++) {
        _Alignas(64) f64 x[8] = {exp(between(-20, 20))}, y[8] = {between(-30, 30)}, d[8];
        kernel_find(OP_POW, TYPE_F64, 0, VARIANT_VV)(d, x, y, NULL, 1);
        cr_assert(ulps(d[0], powl(x[0], y[0])) <= 1, "pow(%.17g, %.17g)", x[0], y[0]);
    }
}

/* Edges of the type, and dividends at and beside multiples of the divisor. */
/* By way of 64 bits of the same sign. */
#define WIDE(t, x) ((t)-1 < (t)1 ? (__int128)(i64)(x) : (__int128)(u64)(x))
#define DIVISION(t, T)                                                                           \
    static void divide_##t(void) {                                                               \
        static const i64 edges[] = {1, 2, 3, 7, 10, 127, 128, 255, 0x7fff, 0x8000, 0x7fffffff};  \
        const t least = (t)-1 < 0 ? (t)((u64)1 << (8 * sizeof(t) - 1)) : 0;                      \
        for (u32 tile = 0; tile < 200; tile++) {                                                 \
            _Alignas(64) t a[512], b[512], d[3][512];                                            \
            for (u32 k = 0; k < 512; k++) {                                                      \
                i64 x = (i64)between(-0x1p62, 0x1p62), y = edges[(u64)x % ARRAY_COUNT(edges)];   \
                b[k] = (t)(k % 4 == 0 ? y : k % 4 == 1 ? -y : x >> (x & 63));                    \
                b[k] = b[k] == 0 ? (t)-1 : b[k];                                                 \
                a[k] = (t)(k % 3 == 0 ? x >> 8 : (x >> 20) / b[k] * b[k] + (i64)(k % 5) - 2);    \
                a[k] = k % 64 == 5 ? least : a[k];                                               \
            }                                                                                    \
            static const u16 ops[] = {OP_IDIV, OP_REM, OP_IMOD};                                 \
            for (u32 o = 0; o < 3; o++)                                                          \
                cr_assert(kernel_find(ops[o], TYPE_##T, 0, VARIANT_VV)(d[o], a, b, NULL, 512) == \
                          0);                                                                    \
            for (u32 k = 0; k < 512; k++) {                                                      \
                __extension__ __int128 x = WIDE(t, a[k]), y = WIDE(t, b[k]), r = x % y,          \
                                       m = r != 0 && (r < 0) != (y < 0) ? r + y : r;             \
                cr_assert(d[0][k] == (t)(x / y) && d[1][k] == (t)r && d[2][k] == (t)m,           \
                          #t ": %lld by %lld", (long long)x, (long long)y);                      \
            }                                                                                    \
        }                                                                                        \
    }
DIVISION(i8, I8)
DIVISION(i16, I16)
DIVISION(i32, I32)
DIVISION(i64, I64)
DIVISION(u8, U8)
DIVISION(u16, U16)
DIVISION(u32, U32)
DIVISION(u64, U64)
Test(math, integers_divide_as_in_c) {
    divide_i8(), divide_i16(), divide_i32(), divide_i64();
    divide_u8(), divide_u16(), divide_u32(), divide_u64();
}
