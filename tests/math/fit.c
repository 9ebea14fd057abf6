/* SPDX-License-Identifier: Apache-2.0
 * fit: prints the polynomial coefficients of kernels/elementary*.h that no book gives:
 * interpolation at Chebyshev points in 400 bits, then the largest error over a dense grid with the
 * coefficients rounded to f64.
 * usage: math_fit erf|tail|exp|log [DEGREE]
 *   erf   erf(x) / x - 1, x in [0, 7/8], in z = x^2; remez.c
 *   tail  log(erfc(7/8 + u)), u in [0, 5.125], a miss counted by what it does to erfc; remez.c
 *   exp   (e^r - 1 - r - r^2 / 2) / r^3, |r| <= ln(2) / 2
 *   log   (2 atanh(s) - 2s - 2/3 s^3) / s^5, s up to (sqrt 2 - 1) / (sqrt 2 + 1), in z = s^2 */
#include <math.h>
#include <mpfr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "remez.h"

#define BITS REMEZ_BITS
#define DEGREE_MOST 40
#define NEAR MPFR_RNDN

static void erf_ratio(mpfr_t to, const mpfr_t z) {
    mpfr_t x;
    mpfr_init2(x, BITS);
    mpfr_set(x, z, NEAR);
    if (mpfr_zero_p(x)) mpfr_set_d(x, 1e-60, NEAR);
    mpfr_sqrt(x, x, NEAR);
    mpfr_erf(to, x, NEAR);
    mpfr_div(to, to, x, NEAR);
    mpfr_sub_ui(to, to, 1, NEAR);
    mpfr_clear(x);
}

static void erfc_log(mpfr_t to, const mpfr_t u) {
    mpfr_t x;
    mpfr_init2(x, BITS);
    mpfr_add_d(x, u, 0.875, NEAR);
    mpfr_erfc(to, x, NEAR);
    mpfr_log(to, to, NEAR);
    mpfr_clear(x);
}
static double one(double at) { return at == at ? 1 : 0; }
static double erfc_weight(double u) { return erfc(u + 0.875); }

static void exp_rest(mpfr_t to, const mpfr_t r) {
    mpfr_t t;
    mpfr_init2(t, BITS);
    mpfr_expm1(to, r, NEAR);
    mpfr_sub(to, to, r, NEAR);
    mpfr_sqr(t, r, NEAR);
    mpfr_div_ui(t, t, 2, NEAR);
    mpfr_sub(to, to, t, NEAR);
    mpfr_pow_ui(t, r, 3, NEAR);
    mpfr_div(to, to, t, NEAR);
    mpfr_clear(t);
}

static void log_rest(mpfr_t to, const mpfr_t z) {
    mpfr_t s, t;
    mpfr_inits2(BITS, s, t, NULL);
    mpfr_sqrt(s, z, NEAR);
    mpfr_atanh(to, s, NEAR);
    mpfr_div(to, to, s, NEAR);
    mpfr_sub_ui(to, to, 1, NEAR);
    mpfr_div_ui(t, z, 3, NEAR);
    mpfr_sub(to, to, t, NEAR);
    mpfr_sqr(t, z, NEAR);
    mpfr_div(to, to, t, NEAR);
    mpfr_mul_ui(to, to, 2, NEAR);
    mpfr_clears(s, t, NULL);
}

typedef void (*function)(mpfr_t to, const mpfr_t at);

/* Newton's divided differences at the Chebyshev points, then expanded about 0. */
static void fit(function f, double low, double high, int degree, mpfr_t *c) {
    mpfr_t x[DEGREE_MOST + 1], t;
    mpfr_init2(t, BITS);
    for (int k = 0; k <= degree; k++) {
        mpfr_inits2(BITS, x[k], c[k], NULL);
        mpfr_const_pi(t, NEAR);
        mpfr_mul_d(t, t, k + 0.5, NEAR);
        mpfr_div_ui(t, t, (unsigned long)degree + 1, NEAR);
        mpfr_cos(t, t, NEAR);
        mpfr_mul_d(t, t, (high - low) / 2, NEAR);
        mpfr_add_d(x[k], t, (high + low) / 2, NEAR);
        f(c[k], x[k]);
    }
    for (int j = 1; j <= degree; j++)
        for (int k = degree; k >= j; k--) {
            mpfr_sub(c[k], c[k], c[k - 1], NEAR);
            mpfr_sub(t, x[k], x[k - j], NEAR);
            mpfr_div(c[k], c[k], t, NEAR);
        }
    for (int j = degree - 1; j >= 0; j--)
        for (int k = j; k < degree; k++) {
            mpfr_mul(t, c[k + 1], x[j], NEAR);
            mpfr_sub(c[k], c[k], t, NEAR);
        }
}

static const struct {
    const char *name;
    function f;
    int degree;
    double low, high;
    double (*weight)(double); /* NULL: interpolation */
} rows[] = {
    {"erf", erf_ratio, 11, 0, 0.765626, one},
    {"tail", erfc_log, 18, 0, 5.125, erfc_weight},
    {"exp", exp_rest, 9, -0.34658, 0.34659, NULL},
    {"log", log_rest, 7, 1e-30, 0.029438, NULL},
};

int main(int argc, char **argv) {
    unsigned row = 0;
    while (argc > 1 && row < ARRAY_COUNT(rows) && strcmp(argv[1], rows[row].name) != 0) row++;
    if (argc < 2 || row == ARRAY_COUNT(rows)) return 2;
    int degree = argc > 2 ? (int)strtol(argv[2], NULL, 10) : rows[row].degree;
    double low = rows[row].low, high = rows[row].high, worst = 0;
    function f = rows[row].f;
    if (degree < 1 || degree > DEGREE_MOST) return 2;
    mpfr_t c[DEGREE_MOST + 1], x, want, got, rest;
    mpfr_inits2(BITS, x, want, got, rest, NULL);
    if (rows[row].weight != NULL) {
        for (int k = 0; k <= degree; k++) mpfr_init2(c[k], BITS);
        worst = remez(f, rows[row].weight, low, high, degree, c);
    } else
        fit(f, low, high, degree, c);
    mpfr_set(rest, c[0], NEAR);
    for (int k = 0; k <= degree; k++) {
        mpfr_set_d(c[k], mpfr_get_d(c[k], NEAR), NEAR);
        printf("%2d %a\n", k, mpfr_get_d(c[k], NEAR));
    }
    mpfr_sub(rest, rest, c[0], NEAR);
    printf("what 0 lacks %a\n", mpfr_get_d(rest, NEAR));
    for (int n = 0; n <= 2000 && rows[row].weight == NULL; n++) {
        mpfr_set_d(x, low + (high - low) * n / 2000, NEAR);
        f(want, x);
        mpfr_set(got, c[degree], NEAR);
        for (int k = degree - 1; k >= 0; k--) {
            mpfr_mul(got, got, x, NEAR);
            mpfr_add(got, got, c[k], NEAR);
        }
        mpfr_add(got, got, rest, NEAR);
        mpfr_sub(got, got, want, NEAR);
        double miss = fabs(mpfr_get_d(got, NEAR));
        if (miss > worst) worst = miss;
    }
    printf("largest error 2^%.2f\n", log2(worst));
    return 0;
}
