/* SPDX-License-Identifier: Apache-2.0
 * elementary_error: erf, erfc and the normal distribution's function. Rules and purpose as
 * elementary.h. Coefficients: tests/math/fit.c, fit_ratio.py. */
#ifndef MMSB_ELEMENTARY_ERROR_H
#define MMSB_ELEMENTARY_ERROR_H
#include "elementary.h"

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
/* e^(a^2/2) F(-a), F the normal distribution's function, is 7/16 / (a + 27/32) and a rest of at
 * most a tenth of it: here p / q for a in [0, 38.6], z = a^2. */
ELEMENTARY f64 mm_normal_rest(f64 a, f64 z) {
    f64 pe = -0x1.73e4c583911b4p-21;
    pe = MM_FMA(pe, z, -0x1.6e256a6858e5ap-16);
    pe = MM_FMA(pe, z, 0x1.02b964094dcbcp-9);
    pe = MM_FMA(pe, z, 0x1.a095ea0a0f38cp-5);
    pe = MM_FMA(pe, z, 0x1.a349186f2432dp-3);
    pe = MM_FMA(pe, z, -0x1.2f684bda12f68p-6);
    f64 po = -0x1.1c0509003eff6p-25;
    po = MM_FMA(po, z, -0x1.a494170d8d2cfp-18);
    po = MM_FMA(po, z, 0x1.ed49526aa9f44p-14);
    po = MM_FMA(po, z, 0x1.a31db9f3f5054p-7);
    po = MM_FMA(po, z, 0x1.0c17eb6df57dp-3);
    po = MM_FMA(po, z, 0x1.2e60efc337d68p-3);
    f64 qe = 0x1.cc617472678f3p-21;
    qe = MM_FMA(qe, z, 0x1.a0a20bc3201b4p-12);
    qe = MM_FMA(qe, z, 0x1.bc16117b244b9p-6);
    qe = MM_FMA(qe, z, 0x1.1723cba76ce1ep-1);
    qe = MM_FMA(qe, z, 0x1.c0beb9e35e60ep+1);
    qe = MM_FMA(qe, z, 0x1.756a4205eaaffp+2);
    qe = MM_FMA(qe, z, 0x1p+0);
    f64 qo = 0x1.b725591a5026ep-16;
    qo = MM_FMA(qo, z, 0x1.fe55659b39505p-9);
    qo = MM_FMA(qo, z, 0x1.1e9825eed602p-3);
    qo = MM_FMA(qo, z, 0x1.9a7465612e88dp+0);
    qo = MM_FMA(qo, z, 0x1.6093eb8bda8d1p+2);
    qo = MM_FMA(qo, z, 0x1.d5afcadca61d2p+1);
    return MM_FMA(po, a, pe) / MM_FMA(qo, a, qe);
}
/* F(-b) up for b = a + low in [0, 38.6], and some number for larger b: |low| at most an ulp of a;
 * square factor = b^2 / 2, factor a power of two. Rounded once, into the subnormals too. */
ELEMENTARY f64 mm_normal_tail(f64 a, f64 low, mm_pair square, f64 factor, f64 up) {
    /* a + 27/32 = d exactly, and what a has below 2^-44. */
    f64 cut = (a + 0x1.8p8) - 0x1.8p8, below = (a - cut) + low, d = cut + 0.84375;
    f64 part = 1.0 / d, g = 0.4375 * part;
    f64 miss = MM_FMA(-g, below, MM_FMA(-g, d, 0.4375));
    f64 g_low = MM_FMA(miss, part, mm_normal_rest(a, a * a));
    /* e^(-b^2/2) as in mm_exp_pair. The low bits of t are the exponent that n stands for, and 1723
     * more: 1023 for a float's, and 700 that are taken back at the end. */
    f64 t = MM_FMA(square.high, -0x1.71547652b82fep+0 * factor, MM_MAGIC + 1723.0);
    f64 n = t - (MM_MAGIC + 1723.0);
    f64 r = MM_FMA(-n, MM_LN2_SHORT, -factor * square.high), rl = n * MM_LN2_REST; /* r is exact */
    f64 rr = r - rl, e = MM_FMA(square.low, -factor, (r - rr) - rl);
    mm_pair one = mm_fast_sum(1.0, rr);
    f64 tail = mm_exp_tail(rr);
    f64 rest = MM_FMA(e, one.high + tail, tail) + one.low;
    mm_pair y = mm_product(one.high, g);
    f64 sum = y.high + MM_FMA(one.high, g_low, MM_FMA(rest, g + g_low, y.low));
    return (sum * from_f64(bits_f64(t) << 52)) * (0x1p-700 * up);
}
/* The normal distribution's function. */
ELEMENTARY f64 mm_cdf(f64 x) {
    f64 a = mm_abs(x), t = mm_normal_tail(a, 0.0, mm_product(x, x), 0.5, 1.0);
    t = a > 38.6 ? 0.0 : t;
    return x < 0.0 ? t : 1.0 - t;
}
/* 2 F(-x sqrt 2), the product taken to twice the precision. */
ELEMENTARY f64 mm_erfc(f64 x) {
    f64 a = mm_abs(x);
    mm_pair b = mm_product(a, 0x1.6a09e667f3bcdp+0);
    f64 low = MM_FMA(a, -0x1.bdd3413b26456p-54, b.low);
    f64 t = mm_normal_tail(b.high, low, mm_product(x, x), 1.0, 2.0);
    t = a > 27.3 ? 0.0 : t;
    return x < 0.0 ? 2.0 - t : t;
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
