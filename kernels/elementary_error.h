/* SPDX-License-Identifier: Apache-2.0
 * elementary_error: erf, erfc and the normal distribution's function. Rules and purpose as
 * elementary.h. Coefficients: tests/math/fit.c. */
#ifndef MMSB_ELEMENTARY_ERROR_H
#define MMSB_ELEMENTARY_ERROR_H
#include "elementary.h"

/* (1 + 2a) e^(a^2) erfc(a) for a in [0.5, 27.5], as a pair: it stays in [1, 1.3], and of the
 * polynomial only its constant weighs. w = (a - 2.5) / (a + 3) spreads the range evenly, and where
 * w is least exact the function is flat. */
ELEMENTARY mm_pair mm_erfc_shape(f64 a) {
    f64 w = (a - 2.5) / (a + 3.0);
    f64 p = -0x1.9873eb399aa51p-24;
    p = MM_FMA(p, w, 0x1.3e7a9f1beb668p-22);
    p = MM_FMA(p, w, 0x1.e6a6ffa740fdp-23);
    p = MM_FMA(p, w, -0x1.51e0cc1837a56p-20);
    p = MM_FMA(p, w, -0x1.605b85a89014fp-20);
    p = MM_FMA(p, w, 0x1.26ef06ae49236p-18);
    p = MM_FMA(p, w, 0x1.25cc2d020f818p-17);
    p = MM_FMA(p, w, -0x1.12c17e2488e3bp-16);
    p = MM_FMA(p, w, -0x1.aa4cb0c4e71afp-15);
    p = MM_FMA(p, w, 0x1.422a057fd1041p-14);
    p = MM_FMA(p, w, 0x1.24df9a08eccc2p-12);
    p = MM_FMA(p, w, -0x1.178ae99c16cbp-11);
    p = MM_FMA(p, w, -0x1.68e7535d126c2p-10);
    p = MM_FMA(p, w, 0x1.450604cdf40afp-8);
    p = MM_FMA(p, w, 0x1.c32f3697ffcf7p-10);
    p = MM_FMA(p, w, -0x1.57c0ad6ec5337p-5);
    p = MM_FMA(p, w, 0x1.0249e6b27a123p-3);
    p = MM_FMA(p, w, -0x1.bcbc1f91f5825p-3);
    p = MM_FMA(p, w, 0x1.dc00d1916432bp-3);
    p = MM_FMA(p, w, -0x1.b3a7039ce7fbep-4);
    p = MM_FMA(p, w, -0x1.13a5336bc6009p-3);
    mm_pair r = mm_fast_sum(0x1.43cc6f6c9672cp+0, w * p);
    r.low += 0x1.d6ed1317e33d2p-56;
    return r;
}
/* erfc(a + low) as a pair times 2^*k, for a >= 0.5; |low| at most an ulp of a. The square is taken
 * to twice the precision, and the quotient by 1 + 2a too. */
ELEMENTARY mm_pair mm_erfc_tail(f64 a, f64 low, i64 *k) {
    mm_pair square = mm_product(a, a);
    f64 c = square.high > 746.0 ? -746.0 : -square.high;
    mm_pair e = mm_exp_pair(c, -MM_FMA(2.0 * a, low, square.low), k);
    mm_pair s = mm_erfc_shape(a), d = mm_sum(1.0, 2.0 * a), n = mm_product(e.high, s.high);
    n.low += MM_FMA(e.high, s.low, e.low * s.high);
    d.low += 2.0 * low;
    f64 inverse = 1.0 / d.high, q = n.high * inverse;
    return mm_fast_sum(q, (MM_FMA(-q, d.high, n.high) + MM_FMA(-q, d.low, n.low)) * inverse);
}
/* erf(x) / x - 1 for z = x^2 in [0, 0.25]. */
ELEMENTARY f64 mm_erf_centre(f64 z) {
    f64 p = 0x1.c60ae51ab3f1ap-27;
    p = MM_FMA(p, z, -0x1.5d7686ab64503p-23);
    p = MM_FMA(p, z, 0x1.b9d19f64adbf7p-20);
    p = MM_FMA(p, z, -0x1.f4d1cff2bc65dp-17);
    p = MM_FMA(p, z, 0x1.f9a324a3275e4p-14);
    p = MM_FMA(p, z, -0x1.c02db3f9d6c61p-11);
    p = MM_FMA(p, z, 0x1.565bcd0e5f5ap-8);
    p = MM_FMA(p, z, -0x1.b82ce312889f2p-6);
    p = MM_FMA(p, z, 0x1.ce2f21a042bep-4);
    p = MM_FMA(p, z, -0x1.812746b0379e7p-2);
    p = MM_FMA(p, z, 0x1.06eba8214db69p-3);
    return p;
}
ELEMENTARY f64 mm_erf(f64 x) {
    f64 a = mm_abs(x), c = a > 6.0 ? 6.0 : a;
    i64 k;
    mm_pair tail = mm_erfc_tail(c < 0.5 ? 0.5 : c, 0.0, &k);
    f64 scale = mm_power_of_two(k); /* k >= -52 */
    mm_pair far = mm_fast_sum(1.0, -tail.high * scale);
    f64 r = a < 0.5 ? MM_FMA(x, mm_erf_centre(c * c), x)
                    : mm_sign_of(far.high + (far.low - tail.low * scale), x);
    return x == x ? r : MM_NAN;
}
/* erfc(x + low); |low| is at most an ulp of x. */
ELEMENTARY f64 mm_erfc_sum(f64 x, f64 low) {
    f64 a = mm_abs(x), c = a > 28.0 ? 28.0 : a, z = c * c;
    i64 k;
    mm_pair tail = mm_erfc_tail(c < 0.5 ? 0.5 : c, x < 0.0 ? -low : low, &k);
    /* 1 - erf(x) and erf's slope, 2/sqrt(pi) e^(-x^2) */
    f64 slope = MM_FMA(z, MM_FMA(z, 0.5, -1.0), 1.0) * 0x1.20dd750429b6dp+0;
    mm_pair h = mm_fast_sum(1.0, -x);
    f64 centre = h.high + MM_FMA(-x, mm_erf_centre(z), MM_FMA(-slope, low, h.low));
    f64 small = mm_scale(tail.high, k);
    mm_pair turned = mm_fast_sum(2.0, -small);
    f64 far = x < 0.0 ? turned.high + (turned.low - mm_scale(tail.low, k)) : small;
    f64 r = a < 0.5 ? centre : far;
    return x == x ? r : MM_NAN;
}
ELEMENTARY f64 mm_erfc(f64 x) { return mm_erfc_sum(x, 0.0); }
/* The normal distribution's: erfc(-x / sqrt 2) / 2, the quotient taken to twice the precision. */
ELEMENTARY f64 mm_cdf(f64 x) {
    f64 c = x > 40.0 ? 40.0 : x < -40.0 ? -40.0 : x;
    mm_pair t = mm_product(-c, 0x1.6a09e667f3bcdp-1);
    f64 r = 0.5 * mm_erfc_sum(t.high, MM_FMA(c, 0x1.bdd3413b26456p-55, t.low));
    return x == x ? r : MM_NAN;
}
#endif
