/* SPDX-License-Identifier: Apache-2.0
 * oracle_math: what NumPy lacks, over arrays: the math functions of kernels/ and fma. */
#include "elementary.h"
#include <math.h>

#define FUNCTION __attribute__((visibility("default"))) void
#define ONE(name)                                                    \
    FUNCTION oracle_##name(u64 n, const f64 *x, f64 *to);            \
    FUNCTION oracle_##name(u64 n, const f64 *x, f64 *to) {           \
        for (u64 k = 0; k < n; k++) to[k] = elementary_##name(x[k]); \
    }
#define TWO(name)                                                          \
    FUNCTION oracle_##name(u64 n, const f64 *x, const f64 *y, f64 *to);    \
    FUNCTION oracle_##name(u64 n, const f64 *x, const f64 *y, f64 *to) {   \
        for (u64 k = 0; k < n; k++) to[k] = elementary_##name(x[k], y[k]); \
    }
#define THREE(name, type)                                                                  \
    FUNCTION oracle_##name(u64 n, const type *x, const type *y, const type *z, type *to);  \
    FUNCTION oracle_##name(u64 n, const type *x, const type *y, const type *z, type *to) { \
        for (u64 k = 0; k < n; k++) to[k] = name(x[k], y[k], z[k]);                        \
    }
ONE(exp)
ONE(exp2)
ONE(expm1)
ONE(log)
ONE(log2)
ONE(log10)
ONE(log1p)
ONE(sin)
ONE(cos)
ONE(tan)
ONE(asin)
ONE(acos)
ONE(atan)
ONE(sinh)
ONE(cosh)
ONE(tanh)
ONE(erf)
ONE(erfc)
ONE(cdf)
TWO(pow)
TWO(atan2)
THREE(fma, f64)
THREE(fmaf, f32)
