/* SPDX-License-Identifier: Apache-2.0
 * elementary: the project's own math functions on f64, one text for every compiler and device: + -
 * * / sqrt, fma where written, integer operations and selects; no tables, no libm but fma and sqrt,
 * no contraction. Bounds are measured by tests/math and printed in docs/Determinism.md. Sources:
 * reductions and coefficients after Sun's fdlibm where a comment says so, else Taylor and series
 * coefficients. */
#ifndef MMSB_ELEMENTARY_H
#define MMSB_ELEMENTARY_H
#include "device.h"

#define MM_FMA(a, b, c) __builtin_fma((a), (b), (c))
#define MM_SQRT(x) __builtin_sqrt(x)
#define MM_NAN from_f64(0x7ff8000000000000u)
#define MM_INFINITY from_f64(0x7ff0000000000000u)
__extension__ typedef unsigned __int128 mm_u128;
#define MM_LN2H 0x1.62e42fefa39efp-1
#define MM_LN2L 0x1.abc9e3b39803fp-56
/* ln 2 to 42 bits, so that its product with an exponent is exact, and the rest. */
#define MM_LN2_SHORT 0x1.62e42fefa38p-1
#define MM_LN2_REST 0x1.ef35793c7673p-45
#define MM_MAGIC 0x1.8p52

/* A value as a sum of two: high is the value rounded, low what is left. */
typedef struct {
    f64 high, low;
} mm_pair;

ELEMENTARY f64 mm_abs(f64 x) { return from_f64(bits_f64(x) & 0x7fffffffffffffffu); }
ELEMENTARY f64 mm_sign_of(f64 magnitude, f64 sign) {
    return from_f64((bits_f64(magnitude) & 0x7fffffffffffffffu) | (bits_f64(sign) & (u64)1 << 63));
}
/* a + b exactly, for |a| >= |b| or a == 0. */
ELEMENTARY mm_pair mm_fast_sum(f64 a, f64 b) {
    f64 s = a + b;
    return (mm_pair){s, b - (s - a)};
}
ELEMENTARY mm_pair mm_sum(f64 a, f64 b) {
    f64 s = a + b, t = s - a;
    return (mm_pair){s, (a - (s - t)) + (b - t)};
}
ELEMENTARY mm_pair mm_product(f64 a, f64 b) {
    f64 p = a * b;
    return (mm_pair){p, MM_FMA(a, b, -p)};
}
/* 2^k as a float, k in [-1022, 1023]. */
ELEMENTARY f64 mm_power_of_two(i64 k) { return from_f64(((u64)k + 1023) << 52); }
/* y 2^k in two steps, so that only the last one rounds, into the subnormals or to infinity. k in
 * [-2046, 2046]; a lane whose result is not used may hold any k, so the sums are unsigned, and
 * only the low 12 bits of an exponent count. */
ELEMENTARY f64 mm_scale(f64 y, i64 k) {
    u64 both = (u64)k + 2046, half = both >> 1;
    return (y * from_f64(half << 52)) * from_f64((both - half) << 52);
}

/* e^r - 1 - r for |r| <= 0.35 (tests/math/fit.c): even and odd powers, so that two chains of fma
 * run beside each other. */
ELEMENTARY f64 mm_exp_tail(f64 r) {
    f64 z = r * r;
    f64 even = 0x1.af38a26e8b879p-26;
    even = MM_FMA(even, z, 0x1.71de0db17112ap-19);
    even = MM_FMA(even, z, 0x1.a01a01a7c3543p-13);
    even = MM_FMA(even, z, 0x1.11111111109b4p-7);
    even = MM_FMA(even, z, 0x1.5555555555556p-3);
    f64 odd = 0x1.1f6723c71b327p-29;
    odd = MM_FMA(odd, z, 0x1.27e4e1d376e58p-22);
    odd = MM_FMA(odd, z, 0x1.a01a01a4858b7p-16);
    odd = MM_FMA(odd, z, 0x1.6c16c16c167cep-10);
    odd = MM_FMA(odd, z, 0x1.5555555555555p-5);
    return MM_FMA(r * z, MM_FMA(odd, r, even), 0.5 * z);
}

/* e^(c + low) = (high + low) 2^k; c in [-746, 710], |low| small. Cody-Waite reduction. Any other c
 * gives a number without meaning. */
ELEMENTARY mm_pair mm_exp_pair(f64 c, f64 low, i64 *k) {
    f64 t = MM_FMA(c, 0x1.71547652b82fep+0, MM_MAGIC);
    f64 n = t - MM_MAGIC;
    *k = (i64)(bits_f64(t) - bits_f64(MM_MAGIC));
    f64 r = MM_FMA(-n, MM_LN2_SHORT, c), rl = n * MM_LN2_REST; /* r is exact */
    f64 rr = r - rl;
    f64 e = ((r - rr) - rl) + low;
    mm_pair a = mm_fast_sum(1.0, rr);
    f64 tail = mm_exp_tail(rr);
    f64 rest = MM_FMA(e, a.high + tail, tail) + a.low;
    return mm_fast_sum(a.high, rest);
}

/* Selects stand at the end, on results: on arguments they would be carried through what follows. */
ELEMENTARY f64 mm_exp_ends(f64 x, f64 r) {
    r = x > 710.0 ? MM_INFINITY : r;
    return x < -746.0 ? 0.0 : r;
}
/* The highest bit of it is set unless |x| <= 708, where e^x is normal. */
ELEMENTARY u64 mm_exp_far(f64 x) { return bits_f64(708.0) - bits_f64(mm_abs(x)); }
ELEMENTARY f64 mm_exp_near(f64 x) {
    i64 k;
    mm_pair y = mm_exp_pair(x, 0.0, &k);
    return y.high * mm_power_of_two(k);
}
ELEMENTARY f64 mm_exp(f64 x) {
    i64 k;
    mm_pair y = mm_exp_pair(x, 0.0, &k);
    return mm_exp_ends(x, mm_scale(y.high, k));
}

ELEMENTARY f64 mm_exp2(f64 x) {
    f64 t = x + MM_MAGIC, n = t - MM_MAGIC, f = x - n;
    i64 k = (i64)(bits_f64(t) - bits_f64(MM_MAGIC));
    mm_pair r = mm_product(f, MM_LN2H);
    f64 e = MM_FMA(f, MM_LN2L, r.low);
    f64 y = 1.0 + (r.high + (MM_FMA(r.high, e, e) + mm_exp_tail(r.high)));
    f64 out = mm_scale(y, k);
    out = x > 1025.0 ? MM_INFINITY : out;
    return x < -1080.0 ? 0.0 : out;
}

/* e^x - 1 as a pair, for |x| <= 40; *above: e^x, for x in [-40, 710]. */
ELEMENTARY mm_pair mm_expm1_pair(f64 x, f64 *above) {
    f64 t = MM_FMA(x, 0x1.71547652b82fep+0, MM_MAGIC), n = t - MM_MAGIC;
    i64 k = (i64)(bits_f64(t) - bits_f64(MM_MAGIC));
    f64 r = MM_FMA(-n, MM_LN2_SHORT, x), rl = n * MM_LN2_REST; /* r is exact */
    mm_pair a = mm_fast_sum(r, -rl);
    f64 tail = mm_exp_tail(a.high) + MM_FMA(a.high, a.low, a.low);
    mm_pair q = mm_fast_sum(a.high, tail); /* e^r - 1 */
    mm_pair one = mm_fast_sum(1.0, q.high);
    *above = mm_scale(one.high + (one.low + q.low), k);
    /* s - 1 is exact for |k| <= 53, and beyond one of the two does not count. */
    f64 s = mm_power_of_two(k), down = s - 1.0;
    mm_pair h = mm_sum(down, s * q.high);
    f64 lost = (s - down) - 1.0;
    return mm_fast_sum(h.high, MM_FMA(s, q.low, h.low) + lost);
}

ELEMENTARY f64 mm_expm1(f64 x) {
    f64 above, r = mm_expm1_pair(x, &above).high;
    r = x > 40.0 ? above : r;
    r = x > 710.0 ? MM_INFINITY : r;
    r = x < -40.0 ? -1.0 : r;
    return x == 0.0 ? x : r;
}

/* The highest bit of it is set unless x is positive, normal and finite; of |x|, unless x is finite:
 * tiles without such lanes need no selects for them. */
ELEMENTARY u64 mm_odd(f64 x) {
    return (bits_f64(x) - 0x10000000000000u) | (0x7fefffffffffffffu - bits_f64(x));
}
ELEMENTARY u64 mm_endless(f64 x) { return 0x7fefffffffffffffu - bits_f64(mm_abs(x)); }
/* x = 2^k m, m in [sqrt(1/2), sqrt(2)), for positive normal x; k as an exact float. */
ELEMENTARY f64 mm_split_normal(f64 x, f64 *k) {
    u64 t = bits_f64(x) + (0x3ff0000000000000u - 0x3fe6a09e667f3bcdu);
    *k = from_f64(0x4330000000000000u | t >> 52) - 0x1.00000000003ffp52;
    return from_f64((t & 0xfffffffffffffu) + 0x3fe6a09e667f3bcdu);
}
/* The same for any positive x. */
ELEMENTARY f64 mm_split(f64 x, f64 *k) {
    f64 up = x < 0x1p-1022 ? 0x1p54 : 1.0, adjust = x < 0x1p-1022 ? 54.0 : 0.0;
    f64 m = mm_split_normal(x * up, k);
    *k -= adjust;
    return m;
}
/* fdlibm's remainder of log: log(1 + f) = f - hf + s (hf + R), s = f / (2 + f), hf = f^2 / 2. */
ELEMENTARY f64 mm_log_rest(f64 hf, f64 s) {
    f64 z = s * s, w = z * z;
    f64 t1 =
        w * MM_FMA(w, MM_FMA(w, 0x1.39a09d078c69fp-3, 0x1.c71c51d8e78afp-3), 0x1.999999997fa04p-2);
    f64 t2 = MM_FMA(
        w, MM_FMA(w, MM_FMA(w, 0x1.2f112df3e5244p-3, 0x1.7466496cb03dep-3), 0x1.2492494229359p-2),
        0x1.5555555555593p-1);
    return s * (hf + MM_FMA(z, t2, t1));
}
ELEMENTARY f64 mm_log_special(f64 x, f64 r) {
    r = x == 0.0 ? -MM_INFINITY : r;
    r = x == MM_INFINITY ? x : r;
    return x >= 0.0 ? r : MM_NAN;
}

/* log(2^k m). */
ELEMENTARY f64 mm_log_of(f64 k, f64 m) {
    f64 f = m - 1.0, s = f / (2.0 + f), hf = 0.5 * f * f;
    f64 r = mm_log_rest(hf, s);
    return MM_FMA(k, MM_LN2_SHORT, f - (hf - MM_FMA(k, MM_LN2_REST, r)));
}
ELEMENTARY f64 mm_log(f64 x) {
    f64 k, m = mm_split(x, &k);
    return mm_log_special(x, mm_log_of(k, m));
}

ELEMENTARY f64 mm_log1p(f64 x) {
    f64 u = 1.0 + x, k;
    f64 c = (x > 1.0 ? 1.0 - (u - x) : x - (u - 1.0)) / u;
    c = u > 0x1p60 ? 0.0 : c;
    f64 m = mm_split(u, &k), f = m - 1.0, s = f / (2.0 + f), hf = 0.5 * f * f;
    f64 r = mm_log_rest(hf, s);
    f64 y = MM_FMA(k, MM_LN2_SHORT, f - (hf - (r + MM_FMA(k, MM_LN2_REST, c))));
    y = x == -1.0 ? -MM_INFINITY : y;
    y = x == MM_INFINITY ? x : y;
    y = x == 0.0 ? x : y;
    return x >= -1.0 ? y : MM_NAN;
}

/* log(m) as a high part of 32 bits and the rest, after fdlibm's e_log2.c. */
ELEMENTARY mm_pair mm_log_halves(f64 m) {
    f64 f = m - 1.0, s = f / (2.0 + f), hf = 0.5 * f * f, r = mm_log_rest(hf, s);
    f64 high = from_f64(bits_f64(f - hf) & 0xffffffff00000000u);
    return (mm_pair){high, ((f - high) - hf) + r};
}
ELEMENTARY f64 mm_log2(f64 x) {
    f64 k, m = mm_split(x, &k);
    mm_pair l = mm_log_halves(m);
    f64 high = l.high * 1.44269504072144627571e+00;
    f64 low = (l.low + l.high) * 1.67517131648865118353e-10 + l.low * 1.44269504072144627571e+00;
    mm_pair w = mm_sum(k, high);
    return mm_log_special(x, w.high + (w.low + low));
}
ELEMENTARY f64 mm_log10(f64 x) {
    f64 k, m = mm_split(x, &k);
    mm_pair l = mm_log_halves(m);
    f64 high = l.high * 4.34294481878168880939e-01;
    f64 low = k * 3.69423907715893078616e-13 + (l.low + l.high) * 2.50829467116452752298e-11 +
              l.low * 4.34294481878168880939e-01;
    mm_pair w = mm_sum(k * 3.01029995663611771306e-01, high);
    return mm_log_special(x, w.high + (w.low + low));
}

/* log(2^k m) to about 2^-65: 2 atanh(s), s = (m - 1) / (m + 1) as a pair. */
ELEMENTARY mm_pair mm_log_pair(f64 k, f64 m) {
    f64 f = m - 1.0;
    mm_pair d = mm_sum(m, 1.0);
    f64 inverse = 1.0 / d.high, sh = f * inverse;
    f64 sl = MM_FMA(-sh, d.low, MM_FMA(-sh, d.high, f)) * inverse;
    mm_pair z = mm_product(sh, sh);
    z.low += 2.0 * sh * sl;
    mm_pair p = mm_product(z.high, 0x1.5555555555555p-1); /* 2/3 z */
    p.low += MM_FMA(z.high, 0x1.5555555555555p-55, z.low * 0x1.5555555555555p-1);
    f64 w = z.high, v = w * w;
    f64 even = 0x1.df7ce152e7058p-4;
    even = MM_FMA(even, v, 0x1.3b1395d43e912p-3);
    even = MM_FMA(even, v, 0x1.c71c71c6eaa6dp-3);
    even = MM_FMA(even, v, 0x1.999999999999ap-2);
    f64 odd = 0x1.e02d70926101ap-4;
    odd = MM_FMA(odd, v, 0x1.1118c76ff0dd2p-3);
    odd = MM_FMA(odd, v, 0x1.745d177a90e0dp-3);
    odd = MM_FMA(odd, v, 0x1.2492492492521p-2);
    f64 q = MM_FMA(odd, w, even);
    mm_pair t = mm_fast_sum(p.high, q * v);
    mm_pair u = mm_fast_sum(2.0, t.high);
    f64 ul = u.low + (t.low + p.low);
    mm_pair l = mm_product(sh, u.high);
    l.low += MM_FMA(sh, ul, sl * u.high);
    mm_pair r = mm_sum(k * MM_LN2_SHORT, l.high);
    return mm_fast_sum(r.high, r.low + MM_FMA(k, MM_LN2_REST, l.low));
}

/* log|x| as mm_pow_of wants it: infinite at 0 and infinity. */
ELEMENTARY mm_pair mm_pow_log(f64 x) {
    f64 a = mm_abs(x), k, m = mm_split(a, &k);
    mm_pair l = mm_log_pair(k, m);
    l.high = a == 0.0 ? -MM_INFINITY : l.high;
    l.high = a == MM_INFINITY ? a : l.high;
    return l;
}
/* x^y for positive normal x, l its logarithm, and finite y. */
ELEMENTARY f64 mm_pow_near(mm_pair l, f64 y) {
    f64 high = y * l.high, low = MM_FMA(y, l.low, MM_FMA(y, l.high, -high));
    i64 k;
    mm_pair e = mm_exp_pair(high, low, &k);
    return mm_exp_ends(high, mm_scale(e.high, k));
}
/* Special values as C99's pow. */
ELEMENTARY f64 mm_pow_of(mm_pair l, f64 x, f64 y) {
    f64 a = mm_abs(x), r = mm_pow_near(l, y);
    r = a == 1.0 ? 1.0 : r;
    bool whole = __builtin_rint(y) == y, odd = whole && __builtin_rint(y * 0.5) != y * 0.5;
    r = odd ? mm_sign_of(r, x) : r;
    r = x < 0.0 && !whole && a != MM_INFINITY ? MM_NAN : r;
    r = x != x || y != y ? MM_NAN : r;
    return y == 0.0 || x == 1.0 ? 1.0 : r;
}
ELEMENTARY f64 mm_pow(f64 x, f64 y) { return mm_pow_of(mm_pow_log(x), x, y); }

/* Above it the angle is reduced in integers: 2^19 quarter turns keep the three-part reduction
 * exact. */
#define MM_ANGLE_MAX 823549.0

/* x = n pi/2 + high + low for |x| <= MM_ANGLE_MAX; *quarter = n mod 4. */
ELEMENTARY mm_pair mm_angle(f64 x, i64 *quarter) {
    f64 t = MM_FMA(x, 0x1.45f306dc9c883p-1, MM_MAGIC), n = t - MM_MAGIC;
    *quarter = (i64)(bits_f64(t) & 3);
    f64 r = MM_FMA(-n, 0x1.921fb54442d18p+0, x);
    mm_pair w = mm_product(n, 0x1.1a62633145c07p-54);
    mm_pair a = mm_sum(r, -w.high);
    f64 rest = a.low - w.low - n * -0x1.f1976b7ed8fbcp-110;
    return mm_fast_sum(a.high, rest);
}

/* The same for any finite x, by the bits of 2/pi that matter (Payne and Hanek): slow, one lane at a
 * time. */
ELEMENTARY mm_pair mm_angle_large(f64 x, i64 *quarter) {
    static const u64 two_over_pi[20] = {
        0xa2f9836e4e441529u, 0xfc2757d1f534ddc0u, 0xdb6295993c439041u, 0xfe5163abdebbc561u,
        0xb7246e3a424dd2e0u, 0x06492eea09d1921cu, 0xfe1deb1cb129a73eu, 0xe88235f52ebb4484u,
        0xe99c7026b45f7e41u, 0x3991d639835339f4u, 0x9c845f8bbdf9283bu, 0x1ff897ffde05980fu,
        0xef2f118b5a0a6d1fu, 0x6d367ecf27cb09b7u, 0x4f463f669e5fea2du, 0x7527bac7ebe5f17bu,
        0x3d0739f78a5292eau, 0x6bfb5fb11f8d5d08u, 0x56033046fc7b6babu, 0xf0cfbc209af4361du};
    u64 ix = bits_f64(x) & 0x7fffffffffffffffu;
    i32 exponent = (i32)(ix >> 52) - 1075; /* x = m 2^exponent */
    u64 m = (ix & 0xfffffffffffffu) | (u64)1 << 52;
    /* Bits of 2/pi from weight 2^(-first) on; those above give multiples of 4 quarter turns. */
    i32 first = exponent < 2 ? 0 : exponent - 2;
    u32 word = (u32)first >> 6, shift = (u32)first & 63;
    u64 w[4];
    for (u32 k = 0; k < 4; k++) {
        u64 high = word + k < 20 ? two_over_pi[word + k] : 0,
            low = word + k + 1 < 20 ? two_over_pi[word + k + 1] : 0;
        w[k] = shift == 0 ? high : high << shift | low >> (64 - shift);
    }
    /* p = m * w, 320 bits; its value is p 2^(exponent - first - 256). */
    mm_u128 c = 0;
    u64 p[5];
    for (i32 k = 3; k >= 0; k--) {
        c += (mm_u128)m * w[k];
        p[k + 1] = (u64)c;
        c >>= 64;
    }
    p[0] = (u64)c;
    /* The point lies 256 + first - exponent bits from the right; first - exponent is -2 (or
     * -exponent for small ones). */
    i32 point = 256 + first - exponent; /* bits right of the point */
    u32 drop = (u32)(320 - 2 - point);  /* bits left of the two that are wanted */
    u64 q[4];
    u32 dw = drop >> 6, ds = drop & 63;
    for (u32 k = 0; k < 4; k++) {
        u64 high = dw + k < 5 ? p[dw + k] : 0, low = dw + k + 1 < 5 ? p[dw + k + 1] : 0;
        q[k] = ds == 0 ? high : high << ds | low >> (64 - ds);
    }
    i64 n = (i64)(q[0] >> 62);
    u64 f0 = q[0] << 2 | q[1] >> 62, f1 = q[1] << 2 | q[2] >> 62, f2 = q[2] << 2 | q[3] >> 62;
    bool up =
        f0 >> 63 !=
        0; /* the fraction is at least a half: take the next quarter turn and a negative rest */
    n = (n + up) & 3;
    f0 = up ? ~f0 : f0, f1 = up ? ~f1 : f1, f2 = up ? ~f2 : f2;
    i32 lead = f0 != 0 ? __builtin_clzll(f0) : f1 != 0 ? 64 + __builtin_clzll(f1) : 127;
    u64 a = lead < 64 ? (lead == 0 ? f0 : f0 << lead | f1 >> (64 - lead))
                      : (lead == 64 ? f1 : f1 << (lead - 64) | f2 >> (128 - lead));
    u64 b = lead < 64 ? (lead == 0 ? f1 : f1 << lead | f2 >> (64 - lead)) : f2 << (lead - 64);
    f64 high = (f64)(a >> 11) * 0x1p-53,
        low = ((f64)(a & 2047) * 0x1p-64) + (f64)(b >> 11) * 0x1p-117;
    f64 scale = mm_power_of_two(-lead);
    mm_pair r = mm_product(high, 0x1.921fb54442d18p+0);
    f64 rest = r.low + high * 0x1.1a62633145c07p-54 + low * 0x1.921fb54442d18p+0;
    mm_pair out = mm_fast_sum(r.high, rest);
    bool negative = (bits_f64(x) >> 63 != 0) != up;
    *quarter = bits_f64(x) >> 63 != 0 ? (4 - n) & 3 : n;
    return (mm_pair){(negative ? -out.high : out.high) * scale,
                     (negative ? -out.low : out.low) * scale};
}

/* sin and cos of r.high + r.low, |r| <= pi/4, as pairs (coefficients of fdlibm's k_sin.c, k_cos.c).
 */
ELEMENTARY mm_pair mm_sin_rest(mm_pair r) {
    f64 x = r.high, z = x * x, v = z * x;
    f64 p = MM_FMA(z, 1.58969099521155010221e-10, -2.50507602534068634195e-08);
    p = MM_FMA(z, p, 2.75573137070700676789e-06);
    p = MM_FMA(z, p, -1.98412698298579493134e-04);
    p = MM_FMA(z, p, 8.33333333332248946124e-03);
    f64 c = v * MM_FMA(z, p, -1.66666666666666324348e-01) + r.low * (1.0 - 0.5 * z);
    return mm_fast_sum(x, c);
}
ELEMENTARY mm_pair mm_cos_rest(mm_pair r) {
    f64 x = r.high;
    mm_pair z = mm_product(x, x);
    f64 w = z.high;
    f64 p = MM_FMA(w, -1.13596475577881948265e-11, 2.08757232129817482790e-09);
    p = MM_FMA(w, p, -2.75573143513906633035e-07);
    p = MM_FMA(w, p, 2.48015872894767294178e-05);
    p = MM_FMA(w, p, -1.38888888888741095749e-03);
    p = MM_FMA(w, p, 4.16666666666666019037e-02);
    mm_pair h = mm_fast_sum(1.0, -0.5 * w);
    f64 c = h.low + (w * w * p - 0.5 * z.low - x * r.low);
    return mm_fast_sum(h.high, c);
}
ELEMENTARY f64 mm_sin_of(mm_pair r, i64 quarter, f64 x) {
    f64 s = mm_sin_rest(r).high, c = mm_cos_rest(r).high;
    f64 v = quarter & 1 ? c : s;
    v = quarter & 2 ? -v : v;
    v = x == 0.0 ? x : v;
    return mm_abs(x) < MM_INFINITY ? v : MM_NAN;
}
ELEMENTARY f64 mm_cos_of(mm_pair r, i64 quarter, f64 x) {
    f64 s = mm_sin_rest(r).high, c = mm_cos_rest(r).high;
    f64 v = quarter & 1 ? s : c;
    v = (quarter + 1) & 2 ? -v : v;
    return mm_abs(x) < MM_INFINITY ? v : MM_NAN;
}
ELEMENTARY f64 mm_tan_of(mm_pair r, i64 quarter, f64 x) {
    mm_pair s = mm_sin_rest(r), c = mm_cos_rest(r);
    bool turned = quarter & 1;
    mm_pair a = {turned ? -c.high : s.high, turned ? -c.low : s.low};
    mm_pair b = {turned ? s.high : c.high, turned ? s.low : c.low};
    f64 q = a.high / b.high;
    f64 v = q + ((MM_FMA(-q, b.high, a.high) + a.low) - q * b.low) / b.high;
    v = x == 0.0 ? x : v;
    return mm_abs(x) < MM_INFINITY ? v : MM_NAN;
}
/* Whole functions; the tile loops take the near ones first and redo lanes with large angles. */
#define MM_ANGLE_FUNCTION(name)                                                  \
    ELEMENTARY f64 mm_##name(f64 x) {                                            \
        i64 quarter;                                                             \
        bool large = mm_abs(x) > MM_ANGLE_MAX && mm_abs(x) < MM_INFINITY;        \
        mm_pair r = large ? mm_angle_large(x, &quarter) : mm_angle(x, &quarter); \
        return mm_##name##_of(r, quarter, x);                                    \
    }                                                                            \
    /* The same for angles up to MM_ANGLE_MAX, infinities and NaN. */            \
    ELEMENTARY f64 mm_##name##_near(f64 x) {                                     \
        i64 quarter;                                                             \
        mm_pair r = mm_angle(x, &quarter);                                       \
        return mm_##name##_of(r, quarter, x);                                    \
    }
MM_ANGLE_FUNCTION(sin)
MM_ANGLE_FUNCTION(cos)
MM_ANGLE_FUNCTION(tan)

/* The highest bit of it is set unless q = a / b, rounded, is below 2^53 and b finite. */
ELEMENTARY u64 mm_remainder_far(f64 q, f64 b) {
    return (bits_f64(0x1p53) - 1 - bits_f64(mm_abs(q))) | mm_endless(b);
}
/* There the whole quotient is that of q, or one less where q was rounded up to a whole number, and
 * both remainders are exact. */
ELEMENTARY f64 mm_remainder_near(f64 q, f64 a, f64 b) {
    f64 r = MM_FMA(-FLOAT_TRUNC_f64(mm_abs(q)), mm_abs(b), mm_abs(a));
    return mm_sign_of(r < 0.0 ? r + mm_abs(b) : r, a);
}
/* The same for any other numbers, bit by bit. */
ELEMENTARY f64 mm_remainder_long(f64 a, f64 b) {
    u64 x = bits_f64(a) & 0x7fffffffffffffffu, y = bits_f64(b) & 0x7fffffffffffffffu;
    if (y == 0 || x >= 0x7ff0000000000000u || y > 0x7ff0000000000000u) return MM_NAN;
    if (x < y) return a;
    i32 ex = (i32)(x >> 52), ey = (i32)(y >> 52);
    u64 mx = ex == 0 ? x : (x & 0xfffffffffffffu) | (u64)1 << 52;
    u64 my = ey == 0 ? y : (y & 0xfffffffffffffu) | (u64)1 << 52;
    ex += ex == 0, ey += ey == 0;
    /* Denormal numbers are brought to 53 bits first: each step below subtracts at most once. */
    for (; mx < (u64)1 << 52; ex--) mx <<= 1;
    for (; my < (u64)1 << 52; ey--) my <<= 1;
    for (; ex > ey; ex--) {
        mx = mx >= my ? mx - my : mx;
        mx <<= 1;
    }
    mx = mx >= my ? mx - my : mx;
    while (mx != 0 && mx < (u64)1 << 52 && ex > 1) mx <<= 1, ex--;
    mx >>=
        ex < 1 && mx != 0 ? 1 - ex : 0; /* exact: a remainder is a multiple of the least number */
    ex = ex < 1 ? 1 : ex;
    u64 bits = mx >= (u64)1 << 52 ? (mx & 0xfffffffffffffu) | (u64)ex << 52 : mx;
    return mm_sign_of(from_f64(bits), a);
}
/* The exact remainder of the truncated quotient, with the dividend's sign; NaN for a divisor of 0,
 * an infinite dividend, or NaN. */
ELEMENTARY f64 elementary_remainder(f64 a, f64 b) {
    f64 q = a / b;
    return mm_remainder_far(q, b) >> 63 == 0 ? mm_remainder_near(q, a, b) : mm_remainder_long(a, b);
}
#include "elementary_error.h"
#include "elementary_inverse.h"

#define elementary_exp mm_exp
#define elementary_exp2 mm_exp2
#define elementary_expm1 mm_expm1
#define elementary_log mm_log
#define elementary_log2 mm_log2
#define elementary_log10 mm_log10
#define elementary_log1p mm_log1p
#define elementary_sin mm_sin
#define elementary_cos mm_cos
#define elementary_tan mm_tan
#define elementary_asin mm_asin
#define elementary_acos mm_acos
#define elementary_atan mm_atan
#define elementary_sinh mm_sinh
#define elementary_cosh mm_cosh
#define elementary_tanh mm_tanh
#define elementary_erf mm_erf
#define elementary_erfc mm_erfc
#define elementary_cdf mm_cdf
#define elementary_pow mm_pow
#define elementary_atan2 mm_atan2
#endif
