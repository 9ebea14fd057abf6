/* SPDX-License-Identifier: Apache-2.0
 * reference: which functions are measured, where, by which bound, and their true value by MPFR. */
#ifndef MMSB_MATH_REFERENCE_H
#define MMSB_MATH_REFERENCE_H
#include <mpfr.h>

#include "kernels.h"

#define REFERENCE_BITS 128
#define RANGES_MOST 6u

typedef int (*reference_one)(mpfr_t to, const mpfr_t x, mpfr_rnd_t mode);
typedef int (*reference_two)(mpfr_t to, const mpfr_t x, const mpfr_t y, mpfr_rnd_t mode);
typedef struct {
    f64 low, high; /* uniform between; low == high: all of f64's bit patterns */
} range;
typedef struct {
    const char *name;
    u16 op;
    f64 bound; /* ulp: what docs/Determinism.md promises */
    reference_one one;
    reference_two two;
    range ranges[RANGES_MOST]; /* of x; ends at the first empty one after the first */
    range second[RANGES_MOST]; /* of y, beside each of x */
    bool (*inside)(f64 x);     /* whether the function of x is a number */
    const f64 *near;           /* points around which inputs crowd, NULL: none */
    u32 near_count;
} function;
extern const function functions[];
extern const u32 functions_count;

/* Distance of `got` to the true value in units of that value's last place (2^-1074 at least);
 * infinite where one is a number and the other is not, or signs of zeros and infinities differ. */
f64 ulps(f64 got, mpfr_t want);
#endif
