/* SPDX-License-Identifier: Apache-2.0
 * remez: the polynomial of a degree with the least weighted error. */
#ifndef MMSB_MATH_REMEZ_H
#define MMSB_MATH_REMEZ_H
#include <mpfr.h>

#define REMEZ_BITS 400
typedef void (*remez_function)(mpfr_t to, const mpfr_t at);

/* c: degree + 1 numbers of REMEZ_BITS, given the coefficients rounded to f64. weight: by what an
 * error at a point counts, NULL: 1. Gives the largest weighted error after rounding. */
double remez(remez_function f, double (*weight)(double), double low, double high, int degree,
             mpfr_t *c);
#endif
