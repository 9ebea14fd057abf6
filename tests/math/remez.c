/* SPDX-License-Identifier: Apache-2.0
 * remez: the exchange algorithm over a grid; see remez.h. */
#include "remez.h"

#include <math.h>
#include <stdlib.h>

#define NEAR MPFR_RNDN
#define GRID 3000
#define ROUNDS 30

/* Points, their values and weights, kept for every round. */
typedef struct {
    mpfr_t x, f;
    double weight, miss;
} point;

/* Gauss with the largest pivot; rows of `size` unknowns and the right side. */
static void solve(mpfr_t *m, int size) {
    mpfr_t t;
    mpfr_init2(t, REMEZ_BITS);
    for (int c = 0; c < size; c++) {
        int best = c;
        for (int r = c + 1; r < size; r++)
            if (mpfr_cmpabs(m[r * (size + 1) + c], m[best * (size + 1) + c]) > 0) best = r;
        for (int k = 0; k <= size; k++) mpfr_swap(m[c * (size + 1) + k], m[best * (size + 1) + k]);
        for (int r = 0; r < size; r++) {
            if (r == c) continue;
            mpfr_t *to = &m[r * (size + 1)], *from = &m[c * (size + 1)], factor;
            mpfr_init2(factor, REMEZ_BITS);
            mpfr_div(factor, to[c], from[c], NEAR);
            for (int k = c; k <= size; k++) {
                mpfr_mul(t, factor, from[k], NEAR);
                mpfr_sub(to[k], to[k], t, NEAR);
            }
            mpfr_clear(factor);
        }
    }
    for (int r = 0; r < size; r++)
        mpfr_div(m[r * (size + 1) + size], m[r * (size + 1) + size], m[r * (size + 1) + r], NEAR);
    mpfr_clear(t);
}

/* The polynomial whose weighted error is +-e in turn at the chosen points. */
static void level(const point *p, const int *chosen, int degree, mpfr_t *c) {
    int size = degree + 2;
    mpfr_t *m = malloc(sizeof *m * (size_t)(size * (size + 1)));
    if (m == NULL) abort();
    for (int k = 0; k < size * (size + 1); k++) mpfr_init2(m[k], REMEZ_BITS);
    for (int r = 0; r < size; r++) {
        const point *at = &p[chosen[r]];
        mpfr_t *row = &m[r * (size + 1)];
        mpfr_set_ui(row[0], 1, NEAR);
        for (int k = 1; k <= degree; k++) mpfr_mul(row[k], row[k - 1], at->x, NEAR);
        mpfr_set_d(row[degree + 1], (r % 2 == 0 ? 1 : -1) / at->weight, NEAR);
        mpfr_set(row[size], at->f, NEAR);
    }
    solve(m, size);
    for (int k = 0; k <= degree; k++) mpfr_set(c[k], m[k * (size + 1) + size], NEAR);
    for (int k = 0; k < size * (size + 1); k++) mpfr_clear(m[k]);
    free(m);
}

static void misses(point *p, int degree, mpfr_t *c) {
    mpfr_t t;
    mpfr_init2(t, REMEZ_BITS);
    for (int n = 0; n <= GRID; n++) {
        mpfr_set(t, c[degree], NEAR);
        for (int k = degree - 1; k >= 0; k--) mpfr_fma(t, t, p[n].x, c[k], NEAR);
        mpfr_sub(t, p[n].f, t, NEAR);
        p[n].miss = mpfr_get_d(t, NEAR) * p[n].weight;
    }
    mpfr_clear(t);
}

/* The largest point of each run of one sign; runs too many fall off the weaker end. */
static int peaks(const point *p, int wanted, int *chosen) {
    int found[GRID + 1], count = 0, from = 0;
    for (int n = 0; n <= GRID; n++) {
        if (count > 0 && signbit(p[n].miss) == signbit(p[found[count - 1]].miss)) {
            if (fabs(p[n].miss) > fabs(p[found[count - 1]].miss)) found[count - 1] = n;
        } else
            found[count++] = n;
    }
    while (count - from > wanted) {
        if (fabs(p[found[from]].miss) < fabs(p[found[count - 1]].miss))
            from++;
        else
            count--;
    }
    for (int k = 0; k < count - from; k++) chosen[k] = found[from + k];
    return count - from;
}

double remez(remez_function f, double (*weight)(double), double low, double high, int degree,
             mpfr_t *c) {
    static point p[GRID + 1];
    int chosen[GRID + 1];
    for (int n = 0; n <= GRID; n++) {
        double at = (low + high) / 2 - (high - low) / 2 * cos(3.14159265358979 * n / GRID);
        mpfr_inits2(REMEZ_BITS, p[n].x, p[n].f, NULL);
        mpfr_set_d(p[n].x, at < low ? low : at > high ? high : at, NEAR);
        f(p[n].f, p[n].x);
        p[n].weight = weight != NULL ? weight(at) : 1;
    }
    for (int k = 0; k < degree + 2; k++) chosen[k] = k * GRID / (degree + 1);
    double worst = 0;
    for (int round = 0; round < ROUNDS; round++) {
        level(p, chosen, degree, c);
        misses(p, degree, c);
        if (peaks(p, degree + 2, chosen) < degree + 2) break;
    }
    for (int k = 1; k <= degree; k++) mpfr_set_d(c[k], mpfr_get_d(c[k], NEAR), NEAR);
    misses(p, degree, c);
    for (int n = 0; n <= GRID; n++) {
        worst = fabs(p[n].miss) > worst ? fabs(p[n].miss) : worst;
        mpfr_clears(p[n].x, p[n].f, NULL);
    }
    return worst;
}
