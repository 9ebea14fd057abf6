/* SPDX-License-Identifier: Apache-2.0
 * elementary_inverse: inverse and hyperbolic functions, error functions. Rules and purpose as
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

/* e^a / 2 and e^-a / 2 as one pair: (e^a + sign e^-a) / 2 for a in [0, 711]. */
ELEMENTARY f64 mm_hyperbolic(f64 a, f64 sign) {
    f64 c = a > 711.0 ? 711.0 : a;
    i64 k;
    mm_pair y = mm_exp_pair(c, 0.0, &k);
    f64 inverse = 1.0 / y.high, down = mm_scale(sign, k > 60 ? -120 : -2 * k);
    f64 low = MM_FMA(-inverse, y.high, 1.0) * inverse - y.low * inverse * inverse;
    mm_pair s = mm_sum(y.high, down * inverse);
    return mm_scale(s.high + (s.low + (y.low + down * low)), k - 1);
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
    r = a == MM_INFINITY || x == 0.0 ? x : r;
    return x == x ? r : MM_NAN;
}
ELEMENTARY f64 mm_cosh(f64 x) {
    f64 a = mm_abs(x), r = mm_hyperbolic(a, 1.0);
    r = a == MM_INFINITY ? a : r;
    return x == x ? r : MM_NAN;
}
ELEMENTARY f64 mm_tanh(f64 x) {
    f64 a = mm_abs(x);
    mm_pair e = mm_expm1_pair(a > 19.5 ? 39.0 : 2.0 * a);
    mm_pair d = mm_sum(e.high, 2.0);
    f64 q = e.high / d.high;
    q += ((MM_FMA(-q, d.high, e.high) + e.low) - q * (d.low + e.low)) / d.high;
    f64 r = mm_sign_of(a > 19.5 ? 1.0 : q, x);
    r = x == 0.0 ? x : r;
    return x == x ? r : MM_NAN;
}

/* erfc of a + low for a >= 0.84375, as a pair: e^(-a^2 - 0.5625 + R/S) / a (fdlibm's s_erf.c), the
 * square taken to twice the precision. */
ELEMENTARY mm_pair mm_erfc_tail(f64 a, f64 low) {
    f64 s = 1.0 / (a * a);
    bool near = a < 1.0 / 0.35;
    f64 r = near ? -9.81432934416914548592e+00 : 0.0;
    r = MM_FMA(s, r, near ? -8.12874355063065934246e+01 : -4.83519191608651397019e+02);
    r = MM_FMA(s, r, near ? -1.84605092906711035994e+02 : -1.02509513161107724954e+03);
    r = MM_FMA(s, r, near ? -1.62396669462573470355e+02 : -6.37566443368389627722e+02);
    r = MM_FMA(s, r, near ? -6.23753324503260060396e+01 : -1.60636384855821916062e+02);
    r = MM_FMA(s, r, near ? -1.05586262253232909814e+01 : -1.77579549177547519889e+01);
    r = MM_FMA(s, r, near ? -6.93858572707181764372e-01 : -7.99283237680523006574e-01);
    r = MM_FMA(s, r, near ? -9.86494403484714822705e-03 : -9.86494292470009928597e-03);
    f64 d = near ? -6.04244152148580987438e-02 : 0.0;
    d = MM_FMA(s, d, near ? 6.57024977031928170135e+00 : -2.24409524465858183362e+01);
    d = MM_FMA(s, d, near ? 1.08635005541779435134e+02 : 4.74528541206955367215e+02);
    d = MM_FMA(s, d, near ? 4.29008140027567833386e+02 : 2.55305040643316442583e+03);
    d = MM_FMA(s, d, near ? 6.45387271733267880336e+02 : 3.19985821950859553908e+03);
    d = MM_FMA(s, d, near ? 4.34565877475229228821e+02 : 1.53672958608443695994e+03);
    d = MM_FMA(s, d, near ? 1.37657754143519042600e+02 : 3.25792512996573918826e+02);
    d = MM_FMA(s, d, near ? 1.96512716674392571292e+01 : 3.03380607434824582924e+01);
    d = MM_FMA(s, d, 1.0);
    mm_pair square = mm_product(a, a);
    square.low += 2.0 * a * low;
    mm_pair e = mm_sum(-square.high, r / d - 0.5625);
    f64 c = e.high < -746.0 ? -746.0 : e.high;
    i64 k;
    mm_pair y = mm_exp_pair(c, e.low - square.low, &k);
    f64 q = y.high / a;
    f64 ql = ((MM_FMA(-q, a, y.high) + y.low) - q * low) / a;
    mm_pair sum = mm_fast_sum(q, ql);
    return (mm_pair){mm_scale(sum.high, k), mm_scale(sum.low, k)};
}
/* erf(x) = x + x y for |x| < 0.84375. */
ELEMENTARY f64 mm_erf_centre(f64 z) {
    f64 r = MM_FMA(z, -2.37630166566501626084e-05, -5.77027029648944159157e-03);
    r = MM_FMA(z, r, -2.84817495755985104766e-02);
    r = MM_FMA(z, r, -3.25042107247001499370e-01);
    r = MM_FMA(z, r, 1.28379167095512558561e-01);
    f64 s = MM_FMA(z, -3.96022827877536812320e-06, 1.32494738004321644526e-04);
    s = MM_FMA(z, s, 5.08130628187576562776e-03);
    s = MM_FMA(z, s, 6.50222499887672944485e-02);
    s = MM_FMA(z, s, 3.97917223959155352819e-01);
    s = MM_FMA(z, s, 1.0);
    return r / s;
}
/* erf(x) - 0.845062911510467529297 for |x| in [0.84375, 1.25), s = |x| - 1. */
ELEMENTARY f64 mm_erf_middle(f64 s) {
    f64 p = MM_FMA(s, -2.16637559486879084300e-03, 3.54783043256182359371e-02);
    p = MM_FMA(s, p, -1.10894694282396677476e-01);
    p = MM_FMA(s, p, 3.18346619901161753674e-01);
    p = MM_FMA(s, p, -3.72207876035701323847e-01);
    p = MM_FMA(s, p, 4.14856118683748331666e-01);
    p = MM_FMA(s, p, -2.36211856075265944077e-03);
    f64 q = MM_FMA(s, 1.19844998467991074170e-02, 1.36370839120290507362e-02);
    q = MM_FMA(s, q, 1.26171219808761642112e-01);
    q = MM_FMA(s, q, 7.18286544141962662868e-02);
    q = MM_FMA(s, q, 5.40397917702171048937e-01);
    q = MM_FMA(s, q, 1.06420880400844228286e-01);
    q = MM_FMA(s, q, 1.0);
    return p / q;
}
ELEMENTARY f64 mm_erf(f64 x) {
    f64 a = mm_abs(x), c = a > 6.0 ? 6.0 : a;
    mm_pair tail = mm_erfc_tail(c < 0.84375 ? 0.84375 : c, 0.0);
    f64 centre = x + x * mm_erf_centre(c * c);
    f64 middle = 8.45062911510467529297e-01 + mm_erf_middle(c - 1.0);
    f64 far = 1.0 - tail.high;
    f64 r = a < 0.84375 ? centre : mm_sign_of(a < 1.25 ? middle : far, x);
    return x == x ? r : MM_NAN;
}
/* erfc(x + low); |low| is at most an ulp of x. */
ELEMENTARY f64 mm_erfc_sum(f64 x, f64 low) {
    f64 a = mm_abs(x), c = a > 28.0 ? 28.0 : a;
    f64 al = x < 0.0 ? -low : low;
    mm_pair tail = mm_erfc_tail(c < 0.84375 ? 0.84375 : c, al);
    f64 y = mm_erf_centre(c * c);
    f64 slope = -1.12837916709551257390e+00 * low *
                (c < 0.84375 ? 1.0 - c * c : 0.0); /* -2/sqrt(pi) e^(-x^2) low */
    mm_pair h = mm_sum(1.0, -x);
    f64 centre = h.high + (h.low + (slope - x * y));
    f64 middle = mm_erf_middle(c - 1.0), ml = -0.4151074974205947 * al; /* 2/sqrt(pi)/e */
    f64 upper = x < 0.0 ? 1.0 + (8.45062911510467529297e-01 + middle)
                        : (1.0 - 8.45062911510467529297e-01) - (middle - ml);
    f64 far = x < 0.0 ? 2.0 - tail.high : tail.high;
    far = x > 28.0 ? 0.0 : far;
    f64 r = a < 0.84375 ? centre : a < 1.25 ? upper : far;
    return x == x ? r : MM_NAN;
}
ELEMENTARY f64 mm_erfc(f64 x) { return mm_erfc_sum(x, 0.0); }
/* The normal distribution's: erfc(-x / sqrt 2) / 2, the quotient taken to twice the precision. */
ELEMENTARY f64 mm_cdf(f64 x) {
    f64 c = x > 40.0 ? 40.0 : x < -40.0 ? -40.0 : x;
    mm_pair t = mm_product(-c, 0x1.6a09e667f3bcdp-1);
    f64 low = t.low + -c * -0x1.bdd3413b26456p-55;
    f64 r = 0.5 * mm_erfc_sum(t.high, low);
    return x == x ? r : MM_NAN;
}
#endif
