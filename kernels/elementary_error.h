/* SPDX-License-Identifier: Apache-2.0
 * elementary_error: erf, erfc and the normal distribution's function. Rules and purpose as
 * elementary.h. Coefficients: tests/math/fit.c. */
#ifndef MMSB_ELEMENTARY_ERROR_H
#define MMSB_ELEMENTARY_ERROR_H
#include "elementary.h"

/* (1 + 2a) e^(a^2) erfc(a) for a in [0.5, 27.5], as a pair: it stays in [1, 1.3], and of the
 * polynomial only its constant weighs. w = (a - 2.5) / (a + 2) spreads the range evenly, and where
 * w is least exact the function is flat. */
ELEMENTARY mm_pair mm_erfc_shape(f64 a) {
    f64 w = (a - 2.5) / (a + 2.0), v = w * w;
    f64 even = -0x1.ecebcb7dbbab8p-28;
    even = MM_FMA(even, v, 0x1.640b22f19ac81p-25);
    even = MM_FMA(even, v, -0x1.449c17845f989p-24);
    even = MM_FMA(even, v, -0x1.0c92055470405p-22);
    even = MM_FMA(even, v, 0x1.4596a565095b5p-19);
    even = MM_FMA(even, v, -0x1.5db4acee7d0b9p-17);
    even = MM_FMA(even, v, 0x1.f1d2eb63e2ee2p-16);
    even = MM_FMA(even, v, -0x1.7203183cc4138p-15);
    even = MM_FMA(even, v, -0x1.529902e503807p-14);
    even = MM_FMA(even, v, -0x1.243dda4db4053p-10);
    even = MM_FMA(even, v, 0x1.907640b9a2909p-4);
    even = MM_FMA(even, v, -0x1.c30e5424b85e7p-4);
    f64 odd = -0x1.75386e4007a19p-28;
    odd = MM_FMA(odd, v, 0x1.16d0fe1f88095p-24);
    odd = MM_FMA(odd, v, -0x1.616e7f6c64c34p-22);
    odd = MM_FMA(odd, v, 0x1.c5c4fb6d7ab53p-21);
    odd = MM_FMA(odd, v, 0x1.0fcf40c6cb363p-22);
    odd = MM_FMA(odd, v, -0x1.0aecc845b4614p-16);
    odd = MM_FMA(odd, v, 0x1.e2a1e8046be62p-14);
    odd = MM_FMA(odd, v, -0x1.684f2b37c275fp-11);
    odd = MM_FMA(odd, v, 0x1.2838bcdd03d61p-8);
    odd = MM_FMA(odd, v, -0x1.23a16f975c9f4p-5);
    odd = MM_FMA(odd, v, -0x1.75a52f565303dp-4);
    mm_pair r = mm_fast_sum(0x1.43cc6f6c9672cp+0, w * MM_FMA(odd, w, even));
    r.low += 0x1.a17003c9fb902p-56;
    return r;
}
/* erfc(a + low) as a pair times 2^*k, for a in [0.5, 27.5], and some number for other a; |low| at
 * most an ulp of a. The square is taken to twice the precision, and the quotient by 1 + 2a too. */
ELEMENTARY mm_pair mm_erfc_tail(f64 a, f64 low, i64 *k) {
    mm_pair square = mm_product(a, a);
    mm_pair e = mm_exp_pair(-square.high, -MM_FMA(2.0 * a, low, square.low), k);
    mm_pair s = mm_erfc_shape(a), d = mm_sum(1.0, 2.0 * a), n = mm_product(e.high, s.high);
    n.low += MM_FMA(e.high, s.low, e.low * s.high);
    d.low += 2.0 * low;
    f64 inverse = 1.0 / d.high, q = n.high * inverse;
    return mm_fast_sum(q, (MM_FMA(-q, d.high, n.high) + MM_FMA(-q, d.low, n.low)) * inverse);
}
/* erf(x) / x - 1 for z = x^2 in [0, 49/64]. */
ELEMENTARY f64 mm_erf_centre(f64 z) {
    f64 w = z * z;
    f64 even = 0x1.e54e0b125aa0ep-27;
    even = MM_FMA(even, w, 0x1.b9c122086a54dp-20);
    even = MM_FMA(even, w, 0x1.f9a31006a22b8p-14);
    even = MM_FMA(even, w, 0x1.565bcd0bd44b2p-8);
    even = MM_FMA(even, w, 0x1.ce2f21a0429cp-4);
    even = MM_FMA(even, w, 0x1.06eba8214db69p-3);
    f64 odd = -0x1.dc9f88b60f3fep-31;
    odd = MM_FMA(odd, w, -0x1.5dd082c89108p-23);
    odd = MM_FMA(odd, w, -0x1.f4d01d5def3f9p-17);
    odd = MM_FMA(odd, w, -0x1.c02db3658a15p-11);
    odd = MM_FMA(odd, w, -0x1.b82ce3127ba38p-6);
    odd = MM_FMA(odd, w, -0x1.812746b0379e5p-2);
    return MM_FMA(odd, z, even);
}
/* erfc(x + low) / 2^down, rounded once; |low| is at most an ulp of x. */
ELEMENTARY f64 mm_erfc_sum(f64 x, f64 low, i64 down) {
    f64 unit = mm_power_of_two(-down);
    f64 a = mm_abs(x), z = x * x;
    i64 k;
    mm_pair tail = mm_erfc_tail(a, mm_sign_of(1.0, x) * low, &k);
    /* 1 - erf(x), and erf's slope for low: 2/sqrt(pi) (1 - z + z^2/2) */
    f64 slope =
        MM_FMA(z, MM_FMA(z, 0x1.20dd750429b6dp-1, -0x1.20dd750429b6dp+0), 0x1.20dd750429b6dp+0);
    mm_pair h = mm_fast_sum(1.0, -x);
    f64 centre = h.high + MM_FMA(-x, mm_erf_centre(z), MM_FMA(-slope, low, h.low));
    f64 small = mm_scale(tail.high, (i64)((u64)k - (u64)down));
    small = a > 27.3 ? 0.0 : small;
    f64 scale = mm_power_of_two(k);
    mm_pair two = mm_fast_sum(2.0, -tail.high * scale);
    f64 large = MM_FMA(-tail.low, scale, two.low) + two.high;
    large = a > 6.0 ? 2.0 : large;
    f64 far = x < 0.0 ? large * unit : small;
    return a < 0.5 ? centre * unit : far;
}
ELEMENTARY f64 mm_erfc(f64 x) { return mm_erfc_sum(x, 0.0, 0); }
/* The normal distribution's: erfc(-x / sqrt 2) / 2, the quotient taken to twice the precision. */
ELEMENTARY f64 mm_cdf(f64 x) {
    mm_pair t = mm_product(-x, 0x1.6a09e667f3bcdp-1);
    return mm_erfc_sum(t.high, MM_FMA(x, 0x1.bdd3413b26456p-55, t.low), 1);
}
/* log(erfc(7/8 + u)) but for its constant, for u in [0, 5.125], so exact that erfc misses by 2^-55
 * at most: fewer and fewer bits as erfc falls. */
#define MM_LOG_ERFC -0x1.88672ea9b34dcp+0
#define MM_LOG_ERFC_REST 0x1.11433bfd472dbp-55
ELEMENTARY f64 mm_erfc_log(f64 u) {
    f64 v = u * u;
    f64 even = -0x1.6ac5ac593d5ddp-35;
    even = MM_FMA(even, v, -0x1.3411dfa807af1p-28);
    even = MM_FMA(even, v, -0x1.9d3ff777bb353p-24);
    even = MM_FMA(even, v, -0x1.28b87b2fc3fdfp-23);
    even = MM_FMA(even, v, 0x1.982616ce4dad1p-17);
    even = MM_FMA(even, v, 0x1.f1574583bfa9fp-15);
    even = MM_FMA(even, v, -0x1.19049a40e91a6p-9);
    even = MM_FMA(even, v, -0x1.802c27938a865p-5);
    even = MM_FMA(even, v, -0x1.3711709c17b43p+1);
    f64 odd = 0x1.938da6a396ed9p-40;
    odd = MM_FMA(odd, v, 0x1.2de3fa2069a0ap-31);
    odd = MM_FMA(odd, v, 0x1.ab4836e2c6129p-26);
    odd = MM_FMA(odd, v, 0x1.ff5de6ba2ee47p-23);
    odd = MM_FMA(odd, v, -0x1.1195c0da62e79p-19);
    odd = MM_FMA(odd, v, -0x1.4a4db655b06e2p-15);
    odd = MM_FMA(odd, v, 0x1.a5137d4d301a9p-13);
    odd = MM_FMA(odd, v, 0x1.730b0e97041dbp-7);
    odd = MM_FMA(odd, v, -0x1.a730790b4d444p-1);
    return u * MM_FMA(odd, u, even);
}
/* Below 7/8 odd powers, above 1 - e^log(erfc), where an ulp of erfc is less than half of erf's.
 * From 6 on erf is 1. */
ELEMENTARY f64 mm_erf(f64 x) {
    f64 a = mm_abs(x), near = MM_FMA(x, mm_erf_centre(x * x), x);
    mm_pair p = mm_fast_sum(MM_LOG_ERFC, mm_erfc_log(a - 0.875));
    f64 t = MM_FMA(p.high, 0x1.71547652b82fep+0, MM_MAGIC), n = t - MM_MAGIC;
    f64 r = MM_FMA(-n, MM_LN2L, p.low + MM_LOG_ERFC_REST) + MM_FMA(-n, MM_LN2H, p.high);
    f64 scale = mm_power_of_two((i64)(bits_f64(t) - bits_f64(MM_MAGIC)));
    f64 far = MM_FMA(-(1.0 + (r + mm_exp_tail(r))), scale, 1.0);
    far = mm_sign_of(a > 6.0 ? 1.0 : far, x);
    return a < 0.875 ? near : far;
}
#endif
