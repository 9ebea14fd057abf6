/* SPDX-License-Identifier: Apache-2.0
 * elementary_inverse: inverse and hyperbolic functions. Rules and purpose as
 * elementary.h. */
#ifndef MMSB_ELEMENTARY_INVERSE_H
#define MMSB_ELEMENTARY_INVERSE_H
#include "elementary.h"

/* R(z) of fdlibm's e_asin.c: asin(x) = x + x R(x^2). */
ELEMENTARY f64 mm_asin_rest(f64 z) {
    f64 p = MM_FMA(z, 3.47933107596021167570e-05, 7.91534994289814532176e-04);
    p = MM_FMA(z, p, -4.00555345006794114027e-02);
    p = MM_FMA(z, p, 2.01212532134862925881e-01);
    p = MM_FMA(z, p, -3.25565818622400915405e-01);
    p = z * MM_FMA(z, p, 1.66666666666666657415e-01);
    f64 q = MM_FMA(z, 7.70381505559019352791e-02, -6.88283971605453293030e-01);
    q = MM_FMA(z, q, 2.02094576023350569471e+00);
    q = MM_FMA(z, q, -2.40339491173441421878e+00);
    q = MM_FMA(z, q, 1.0);
    return p / q;
}
/* acos(a) for a in [0.5, 1], as a pair: 2 asin(sqrt((1 - a) / 2)). */
ELEMENTARY mm_pair mm_acos_upper(f64 a) {
    f64 z = (1.0 - a) * 0.5, s = MM_SQRT(z), r = mm_asin_rest(z);
    f64 c = s > 0.0 ? MM_FMA(-s, s, z) / (2.0 * s) : 0.0;
    return mm_fast_sum(2.0 * s, 2.0 * (s * r + c));
}
ELEMENTARY f64 mm_asin(f64 x) {
    f64 a = mm_abs(x), low = x + x * mm_asin_rest(x * x);
    mm_pair u = mm_acos_upper(a > 1.0 ? 1.0 : a);
    mm_pair d = mm_fast_sum(0x1.921fb54442d18p+0, -u.high);
    f64 high = mm_sign_of(d.high + ((d.low - u.low) + 0x1.1a62633145c07p-54), x);
    f64 r = a < 0.5 ? low : high;
    r = x == 0.0 ? x : r;
    return a <= 1.0 ? r : MM_NAN;
}
ELEMENTARY f64 mm_acos(f64 x) {
    f64 a = mm_abs(x), t = x * mm_asin_rest(x * x);
    mm_pair d = mm_fast_sum(0x1.921fb54442d18p+0, -x);
    f64 middle = d.high + (d.low + (0x1.1a62633145c07p-54 - t));
    mm_pair u = mm_acos_upper(a > 1.0 ? 1.0 : a);
    mm_pair n = mm_fast_sum(0x1.921fb54442d18p+1, -u.high);
    f64 below = n.high + ((n.low - u.low) + 0x1.1a62633145c07p-53);
    f64 r = a < 0.5 ? middle : x > 0.0 ? u.high : below;
    return a <= 1.0 ? r : MM_NAN;
}

/* atan(t + low) for t >= 0, as a pair; intervals and coefficients of fdlibm's s_atan.c. */
ELEMENTARY mm_pair mm_atan_pair(f64 t, f64 low) {
    bool b0 = t >= 0.4375, b1 = t >= 0.6875, b2 = t >= 1.1875, b3 = t >= 2.4375;
    f64 at = b3   ? 0.0
             : b2 ? 1.5
             : b1 ? 1.0
             : b0 ? 0.5
                  : 0.0; /* atan(x) = atan(at) + atan((x - at) / (1 + at x)) */
    f64 high = b3   ? 0x1.921fb54442d18p+0
               : b2 ? 9.82793723247329054082e-01
               : b1 ? 7.85398163397448278999e-01
               : b0 ? 4.63647609000806093515e-01
                    : 0.0;
    f64 tail = b3   ? 0x1.1a62633145c07p-54
               : b2 ? 1.39033110312309984516e-17
               : b1 ? 3.06161699786838301793e-17
               : b0 ? 2.26987774529616870924e-17
                    : 0.0;
    f64 n = b3 ? -1.0 : t - at;
    mm_pair d = b3 ? (mm_pair){t, low} : mm_sum(1.0, at * t);
    d.low += b3 ? 0.0 : MM_FMA(at, t, -(at * t)) + at * low;
    f64 nl = b3 ? 0.0 : low;
    f64 x = n / d.high;
    f64 xl = ((MM_FMA(-x, d.high, n) + nl) - x * d.low) / d.high;
    xl = d.high > 0x1p1000 ? 0.0 : xl;
    f64 z = x * x, w = z * z;
    f64 s1 = MM_FMA(w, 1.62858201153657823623e-02, 4.97687799461593236017e-02);
    s1 = MM_FMA(w, s1, 6.66107313738753120669e-02);
    s1 = MM_FMA(w, s1, 9.09088713343650656196e-02);
    s1 = MM_FMA(w, s1, 1.42857142725034663711e-01);
    s1 = z * MM_FMA(w, s1, 3.33333333333329318027e-01);
    f64 s2 = MM_FMA(w, -3.65315727442169155270e-02, -5.83357013379057348645e-02);
    s2 = MM_FMA(w, s2, -7.69187620504482999495e-02);
    s2 = MM_FMA(w, s2, -1.11111104054623557880e-01);
    s2 = w * MM_FMA(w, s2, -1.99999999998764832476e-01);
    f64 rest = xl - x * (s1 + s2) + tail;
    mm_pair h = mm_sum(high, x);
    return mm_fast_sum(h.high, h.low + rest);
}
ELEMENTARY f64 mm_atan(f64 x) {
    f64 a = mm_abs(x);
    f64 r = mm_sign_of(mm_atan_pair(a > 0x1p200 ? 0x1p200 : a, 0.0).high, x);
    r = x == 0.0 ? x : r;
    return x == x ? r : MM_NAN;
}
/* Special values as C99's atan2. */
ELEMENTARY f64 mm_atan2(f64 y, f64 x) {
    f64 ax = mm_abs(x), ay = mm_abs(y);
    bool swap = ay > ax;
    f64 n = swap ? ax : ay, d = swap ? ay : ax;
    bool small = d<0x1p-900, huge = d> 0x1p900;
    f64 scale = small ? 0x1p120 : huge ? 0x1p-120 : 1.0;
    n *= scale, d *= scale;
    bool both = ax == MM_INFINITY && ay == MM_INFINITY;
    f64 q = d == 0.0 ? 0.0 : both ? 1.0 : n / d;
    f64 ql = d == 0.0 || d > 0x1p1000 || both ? 0.0 : MM_FMA(-q, d, n) / d;
    mm_pair a = mm_atan_pair(q, ql);
    mm_pair quarter = mm_fast_sum(0x1.921fb54442d18p+0, -a.high);
    quarter.low += 0x1.1a62633145c07p-54 - a.low;
    quarter = mm_fast_sum(quarter.high, quarter.low);
    a = swap ? quarter : a;
    mm_pair half = mm_fast_sum(0x1.921fb54442d18p+1, -a.high);
    half.low += 0x1.1a62633145c07p-53 - a.low;
    f64 r = bits_f64(x) >> 63 != 0 ? half.high + half.low : a.high;
    r = !swap && bits_f64(x) >> 63 == 0 && q == 0.0 ? 0.0 : r;
    r = mm_sign_of(r, y);
    return x != x || y != y ? MM_NAN : r;
}

/* (e^a + sign e^-a) / 2 for a >= 0. From 20 on e^-a does not count, so its exponent stays small. */
ELEMENTARY f64 mm_hyperbolic(f64 a, f64 sign) {
    i64 k;
    mm_pair y = mm_exp_pair(a, 0.0, &k);
    f64 inverse = 1.0 / y.high, down = sign * mm_power_of_two((i64)(0 - 2 * (u64)k));
    f64 low = MM_FMA(-inverse, y.high, 1.0) * inverse - y.low * inverse * inverse;
    mm_pair s = mm_sum(y.high, down * inverse);
    f64 sum = s.high + (s.low + MM_FMA(down, low, y.low));
    f64 r = mm_scale(a > 20.0 ? y.high : sum, (i64)((u64)k - 1));
    return a > 711.0 ? MM_INFINITY : r;
}
ELEMENTARY f64 mm_sinh(f64 x) {
    f64 a = mm_abs(x), z = x * x;
    f64 p = MM_FMA(z, 0x1.e542ba4020225p-62, 0x1.952c77030ad4ap-49);
    p = MM_FMA(z, p, 0x1.ae7f3e733b81fp-41);
    p = MM_FMA(z, p, 0x1.6124613a86d09p-33);
    p = MM_FMA(z, p, 0x1.ae64567f544e4p-26);
    p = MM_FMA(z, p, 0x1.71de3a556c734p-19);
    p = MM_FMA(z, p, 0x1.a01a01a01a01ap-13);
    p = MM_FMA(z, p, 0x1.1111111111111p-7);
    p = MM_FMA(z, p, 0x1.5555555555555p-3);
    f64 small = x + x * (z * p);
    f64 r = a < 0.6 ? small : mm_sign_of(mm_hyperbolic(a, -1.0), x);
    return x == 0.0 ? x : r;
}
ELEMENTARY f64 mm_cosh(f64 x) { return mm_hyperbolic(mm_abs(x), 1.0); }
ELEMENTARY f64 mm_tanh(f64 x) {
    f64 a = mm_abs(x), above;
    mm_pair e = mm_expm1_pair(2.0 * a, &above);
    mm_pair d = mm_sum(e.high, 2.0);
    f64 inverse = 1.0 / d.high, q = e.high * inverse;
    q += (MM_FMA(-q, d.high, e.high) + MM_FMA(-q, d.low + e.low, e.low)) * inverse;
    f64 r = mm_sign_of(a > 19.5 ? 1.0 : q, x);
    return x == 0.0 ? x : r;
}
#endif
