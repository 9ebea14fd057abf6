/* SPDX-License-Identifier: Apache-2.0 */
#include "reference.h"

#include <math.h>

static int cdf(mpfr_t to, const mpfr_t x, mpfr_rnd_t mode) {
    mpfr_t t, two;
    mpfr_inits2(REFERENCE_BITS + 20, t, two, NULL);
    mpfr_set_ui(two, 2, MPFR_RNDN);
    mpfr_sqrt(two, two, MPFR_RNDN);
    mpfr_div(t, x, two, MPFR_RNDN);
    mpfr_neg(t, t, MPFR_RNDN);
    mpfr_erfc(to, t, mode);
    mpfr_clears(t, two, NULL);
    return mpfr_div_2ui(to, to, 1, mode);
}

/* The remainder with the divisor's sign. A zero takes the divisor's sign too. */
static int modulo(mpfr_t to, const mpfr_t x, const mpfr_t y, mpfr_rnd_t mode) {
    int inexact = mpfr_fmod(to, x, y, mode);
    if (mpfr_zero_p(to)) return mpfr_copysign(to, to, y, mode);
    if (mpfr_number_p(to) && mpfr_sgn(to) * mpfr_sgn(y) < 0) {
        if (mpfr_inf_p(y)) return mpfr_set(to, y, mode);
        return mpfr_add(to, to, y, mode);
    }
    return inexact;
}

static bool any(f64 x) { return !isnan(x); }
static bool not_endless(f64 x) { return isfinite(x); }
static bool positive(f64 x) { return x >= 0; }
static bool above_minus_one(f64 x) { return x >= -1; }
static bool within_one(f64 x) { return fabs(x) <= 1; }

#define BITS \
    { 0, 0 }
#define NEAR(points) .near = points, .near_count = ARRAY_COUNT(points)
static const f64 about_one[] = {1, 0x1.6a09e667f3bcdp-1, 0x1.6a09e667f3bcdp+0, 2, 0.5};
static const f64 about_zero[] = {0.34657359027997264, -0.34657359027997264, 1e-8, -1e-8, 1, -1};
static const f64 turns[] = {0x1.921fb54442d18p-1, 0x1.921fb54442d18p+0, 0x1.921fb54442d18p+1,
                            0x1.2d97c7f3321d2p+2, 0x1.921fb54442d18p+2, 823549.0};
static const f64 halves[] = {0.5, -0.5, 1, -1};
static const f64 joints[] = {0.4375, 0.6875, 1.1875, 2.4375};
static const f64 hyperbolic[] = {0.6, -0.6, 19.5, 710.4};
static const f64 errors[] = {0.5, -0.5, 26.54, 27.22};
static const f64 normal[] = {0x1.6a09e667f3bcdp-1, -0x1.6a09e667f3bcdp-1, -37.5, -38.48};

#define ONE(n, o, b, r, where) .name = n, .op = OP_##o, .bound = b, .one = r, .inside = where
const function functions[] = {
    {ONE("exp", EXP, 0.8, mpfr_exp, any),
     .ranges = {BITS, {-746, 710}, {-1, 1}, {-20, 20}, {-745.2, -708}}, NEAR(about_zero)},
    {ONE("exp2", EXP2, 0.9, mpfr_exp2, any),
     .ranges = {BITS, {-1075, 1024}, {-1, 1}, {-20, 20}, {-1075, -1020}}, NEAR(halves)},
    {ONE("expm1", EXPM1, 0.9, mpfr_expm1, any),
     .ranges = {BITS, {-40, 710}, {-1, 1}, {-0.1, 0.1}, {-5, 5}, {0.34, 0.35}}, NEAR(about_zero)},
    {ONE("log", LOG, 0.9, mpfr_log, positive),
     .ranges = {BITS, {0, 1e3}, {0.5, 2}, {0.99, 1.01}, {0, 1e300}}, NEAR(about_one)},
    {ONE("log2", LOG2, 0.9, mpfr_log2, positive),
     .ranges = {BITS, {0, 1e3}, {0.5, 2}, {0.99, 1.01}, {0, 1e300}}, NEAR(about_one)},
    {ONE("log10", LOG10, 0.9, mpfr_log10, positive),
     .ranges = {BITS, {0, 1e3}, {0.5, 2}, {0.99, 1.01}, {0, 1e300}}, NEAR(about_one)},
    {ONE("log1p", LOG1P, 0.9, mpfr_log1p, above_minus_one),
     .ranges = {BITS, {-1, 10}, {-0.5, 1}, {-0.01, 0.01}, {0, 1e300}}, NEAR(about_zero)},
    {ONE("sin", SIN, 0.9, mpfr_sin, not_endless),
     .ranges = {BITS, {-7, 7}, {-1e3, 1e3}, {-823549, 823549}, {-1e15, 1e15}, {1e200, 1e300}},
     NEAR(turns)},
    {ONE("cos", COS, 0.9, mpfr_cos, not_endless),
     .ranges = {BITS, {-7, 7}, {-1e3, 1e3}, {-823549, 823549}, {-1e15, 1e15}, {1e200, 1e300}},
     NEAR(turns)},
    {ONE("tan", TAN, 0.95, mpfr_tan, not_endless),
     .ranges = {BITS, {-7, 7}, {-1e3, 1e3}, {-823549, 823549}, {-1e15, 1e15}, {1e200, 1e300}},
     NEAR(turns)},
    {ONE("asin", ASIN, 0.8, mpfr_asin, within_one),
     .ranges = {BITS, {-1, 1}, {0.49, 0.51}, {0.99, 1}}, NEAR(halves)},
    {ONE("acos", ACOS, 0.8, mpfr_acos, within_one),
     .ranges = {BITS, {-1, 1}, {0.49, 0.51}, {0.99, 1}}, NEAR(halves)},
    {ONE("atan", ATAN, 0.8, mpfr_atan, any), .ranges = {BITS, {-10, 10}, {-1, 1}, {0, 3}},
     NEAR(joints)},
    {ONE("sinh", SINH, 0.8, mpfr_sinh, any), .ranges = {BITS, {-3, 3}, {-711, 711}, {-0.6, 0.6}},
     NEAR(hyperbolic)},
    {ONE("cosh", COSH, 0.8, mpfr_cosh, any), .ranges = {BITS, {-3, 3}, {-711, 711}, {-0.6, 0.6}},
     NEAR(hyperbolic)},
    {ONE("tanh", TANH, 0.9, mpfr_tanh, any), .ranges = {BITS, {-3, 3}, {-20, 20}, {-0.6, 0.6}},
     NEAR(hyperbolic)},
    {ONE("erf", ERF, 1, mpfr_erf, any), .ranges = {BITS, {-6, 6}, {-0.6, 0.6}, {0.45, 1.5}},
     NEAR(errors)},
    {ONE("erfc", ERFC, 1, mpfr_erfc, any),
     .ranges = {BITS, {-6, 28}, {-1, 1}, {0.45, 1.5}, {0.5, 6}, {26.4, 27.3}}, NEAR(errors)},
    {ONE("cdf", CDF, 1, cdf, any),
     .ranges = {BITS, {-39, 9}, {-1.5, 1.5}, {-3, -0.6}, {-8, 0}, {-38.6, -37.4}}, NEAR(normal)},
    {.name = "pow",
     .op = OP_POW,
     .bound = 1,
     .two = mpfr_pow,
     .ranges = {BITS, {0, 10}, {0.9, 1.1}, {0, 1e300}, {0, 2}, {-10, 10}},
     .second = {BITS, {-300, 300}, {-7000, 7000}, {-1.1, 1.1}, {-1e3, 1e3}, {-3, 3}}},
    {.name = "atan2",
     .op = OP_ATAN2,
     .bound = 0.9,
     .two = mpfr_atan2,
     .ranges = {BITS, {-10, 10}, {-1, 1}, {-1e300, 1e300}, {-1e-300, 1e-300}},
     .second = {BITS, {-10, 10}, {-1e3, 1e3}, {-1e300, 1e300}, {-1e-300, 1e-300}}},
    {.name = "mod",
     .op = OP_FMOD,
     .bound = 0.5,
     .two = modulo,
     .ranges = {BITS, {-10, 10}, {-1e6, 1e6}, {-1e300, 1e300}},
     .second = {BITS, {-10, 10}, {-7, 7}, {-1e290, 1e290}}},
};
const u32 functions_count = ARRAY_COUNT(functions);

f64 ulps(f64 got, mpfr_t want) {
    if (isnan(got) || mpfr_nan_p(want)) return isnan(got) && mpfr_nan_p(want) ? 0 : INFINITY;
    f64 nearest = mpfr_get_d(want, MPFR_RNDN);
    if (isinf(nearest) || isinf(got) || mpfr_zero_p(want))
        return nearest == got && (!signbit(nearest) == !signbit(got)) ? 0 : INFINITY;
    long exponent = mpfr_get_exp(want) - 53;
    mpfr_t miss;
    mpfr_init2(miss, REFERENCE_BITS);
    mpfr_d_sub(miss, got, want, MPFR_RNDN);
    mpfr_mul_2si(miss, miss, -(exponent < -1074 ? -1074 : exponent), MPFR_RNDN);
    f64 u = fabs(mpfr_get_d(miss, MPFR_RNDN));
    mpfr_clear(miss);
    return u;
}
