/* SPDX-License-Identifier: Apache-2.0
 * oracle_number: as language.md's "Numbers" says, by its plainest reading. Integers are computed in
 * 128 bits and wrapped; floats in double, which rounds + - * / sqrt to f32 as f32 would; f32 math
 * functions are the f64 ones rounded once. */
#include "oracle_number.h"
#include "elementary.h"
#include <math.h>
#include <stdlib.h>

static f64 as_float(u8 type, u64 bits) {
    f64 wide;
    f32 narrow;
    memcpy(&wide, &bits, 8);
    memcpy(&narrow, &bits, 4);
    return type == TYPE_F32 ? (f64)narrow : wide;
}
static u64 of_float(u8 type, f64 value) {
    u64 bits = 0;
    f32 narrow = (f32)value;
    memcpy(&bits, type == TYPE_F32 ? (void *)&narrow : (void *)&value, type_bytes(type));
    return type_canonical(type, bits);
}
static u32 width(u8 type) { return 8 * type_bytes(type); }
static u64 cut(u8 type, i128 value) {
    return (u64)value << (64 - width(type)) >> (64 - width(type));
}
i128 number_integer(u8 type, u64 bits) {
    u32 unused = 64 - width(type);
    return type_is_signed(type) ? (i128)((i64)(bits << unused) >> unused) : (i128)bits;
}
u8 number_wide(u8 type) {
    return type_is_float(type) ? type : type_is_signed(type) ? TYPE_I64 : TYPE_U64;
}

/* The largest or smallest value of a type. */
static u64 limit(u8 type, bool most) {
    if (type_is_float(type)) return of_float(type, most ? INFINITY : -INFINITY);
    if (type == TYPE_BOOL) return most;
    i128 end = (i128)1 << (width(type) - type_is_signed(type));
    return cut(type, most ? end - 1 : type_is_signed(type) ? -end : 0);
}

u64 number_convert(u8 from, u8 to, u64 bits) {
    f64 value = as_float(from, bits);
    i128 integer = number_integer(from, bits);
    if (!type_is_float(from)) {
        if (to == TYPE_BOOL) return bits != 0;
        if (!type_is_float(to)) return cut(to, integer);
        return of_float(to, to == TYPE_F32 ? (f64)(f32)integer : (f64)integer);
    }
    if (to == TYPE_BOOL) return value != 0;
    if (type_is_float(to)) return of_float(to, value);
    if (isnan(value)) return 0;
    if (value >= (f64)number_integer(to, limit(to, true))) return limit(to, true);
    if (value <= (f64)number_integer(to, limit(to, false))) return limit(to, false);
    return cut(to, (i128)value);
}

/* Orders as sort does: -0 before +0, NaN last. */
static i128 order(u8 type, u64 bits) {
    if (!type_is_float(type)) return number_integer(type, bits);
    i128 magnitude = bits & ~(1ull << (width(type) - 1));
    return bits == (u64)magnitude ? magnitude : -magnitude - 1;
}

static u64 integer_power(u8 type, u64 base, i128 power, bool *fault) {
    u64 result = 1;
    *fault |= power < 0;
    for (; power > 0; power >>= 1, base *= base)
        if (power & 1) result *= base;
    return cut(type, result);
}
static u64 float_square(u8 type, f64 base, i64 power) {
    u64 count = (u64)(power < 0 ? -power : power), result = of_float(type, 1.0);
    for (u32 bit = 64; bit-- > 0;) {
        if (count >> bit == 0) continue;
        f64 half = as_float(type, result);
        result = of_float(type, half * half);
        if (count >> bit & 1) result = of_float(type, as_float(type, result) * base);
    }
    return power < 0 ? of_float(type, 1.0 / as_float(type, result)) : result;
}
static f64 float_mod(f64 a, f64 b) {
    f64 rest = fmod(a, b);
    if (rest == 0.0) return copysign(0.0, b);
    return (rest < 0) != (b < 0) ? rest + b : rest;
}

/* What floats and integers have in common; a and b are their values. */
#define COMMON_CASES(a, b)                                                   \
    case AST_OP_EQ: return (a) == (b);                                       \
    case AST_OP_NE: return (a) != (b);                                       \
    case AST_OP_LT: return (a) < (b);                                        \
    case AST_OP_LE: return (a) <= (b);                                       \
    case AST_OP_GT: return (a) > (b);                                        \
    case AST_OP_GE: return (a) >= (b);                                       \
    case FN_min: return order(type, v[1]) < order(type, v[0]) ? v[1] : v[0]; \
    case FN_max: return order(type, v[1]) > order(type, v[0]) ? v[1] : v[0]

static u64 float_op(u16 op, u8 type, const u64 v[3]) {
    f64 a = as_float(type, v[0]), b = as_float(type, v[1]), c = as_float(type, v[2]);
    if (op == FN_min && (isnan(a) || isnan(b))) return isnan(a) ? v[0] : v[1];
    switch (op) {
        COMMON_CASES(a, b);
    case AST_OP_NEG: return of_float(type, -a);
    case AST_OP_ADD: return of_float(type, a + b);
    case AST_OP_SUB: return of_float(type, a - b);
    case AST_OP_MUL: return of_float(type, a * b);
    case AST_OP_DIV: return of_float(type, a / b);
    case AST_OP_POW:
    case FN_pow: return of_float(type, elementary_pow(a, b));
    case FN_atan2: return of_float(type, elementary_atan2(a, b));
    case FN_mod: return of_float(type, float_mod(a, b));
    case FN_fma:
        return of_float(type, type == TYPE_F32 ? (f64)fmaf((f32)a, (f32)b, (f32)c) : fma(a, b, c));
    case FN_abs: return of_float(type, fabs(a));
    case FN_sign: return of_float(type, isnan(a) ? a : (f64)((a > 0) - (a < 0)));
    case FN_isnan: return isnan(a) != 0;
    case FN_isfinite: return isfinite(a) != 0;
#define FUNCTION(name)
#define MATH(name, call) \
    case FN_##name:      \
        return of_float(type, call(a));
#include "oracle_functions.def"
#undef FUNCTION
#undef MATH
    default: return 0;
    }
}

static u64 integer_op(u16 op, u8 type, const u64 v[3], bool *fault) {
    i128 a = number_integer(type, v[0]), b = number_integer(type, v[1]);
    u64 shift = v[1] & (width(type) - 1);
    if ((op == AST_OP_DIV || op == AST_OP_REM || op == FN_mod) && b == 0) {
        *fault = true;
        return 0;
    }
    switch (op) {
        COMMON_CASES(a, b);
    case AST_OP_NOT: return !v[0];
    case AST_OP_BITNOT: return type == TYPE_BOOL ? !v[0] : cut(type, ~a);
    case AST_OP_NEG: return cut(type, -a);
    case AST_OP_ADD: return cut(type, a + b);
    case AST_OP_SUB: return cut(type, a - b);
    case AST_OP_MUL: return cut(type, v[0] * v[1]);
    case AST_OP_DIV: return cut(type, a / b);
    case AST_OP_REM: return cut(type, a % b);
    case FN_mod: return cut(type, a % b != 0 && (a % b < 0) != (b < 0) ? a % b + b : a % b);
    case AST_OP_AND: return v[0] & v[1];
    case AST_OP_OR: return v[0] | v[1];
    case AST_OP_XOR: return v[0] ^ v[1];
    case AST_OP_SHL: return cut(type, v[0] << shift);
    case AST_OP_SHR: return cut(type, a >> shift);
    case AST_OP_POW:
    case FN_pow: return integer_power(type, v[0], b, fault);
    case FN_fma: return cut(type, v[0] * v[1] + v[2]);
    case FN_abs: return cut(type, a < 0 ? -a : a);
    case FN_sign: return cut(type, (a > 0) - (a < 0));
    case FN_popcount: return (u64)__builtin_popcountll(v[0]);
    case FN_clz: return v[0] == 0 ? width(type) : (u64)__builtin_clzll(v[0]) - (64 - width(type));
    default: return 0;
    }
}

u64 number_op(u16 op, u8 type, const u64 v[3], bool *fault) {
    bool floats = type_is_float(type);
    if (op == FN_square && floats) return float_square(type, as_float(type, v[0]), (i64)v[1]);
    if (op == FN_square) return integer_power(type, v[0], (i64)v[1], fault);
    if (op == FN_clamp) {
        u64 high[3] = {number_op(FN_max, type, v, fault), v[2], 0};
        return number_op(FN_min, type, high, fault);
    }
    return floats ? float_op(op, type, v) : integer_op(op, type, v, fault);
}
static u64 op2(u16 op, u8 type, u64 a, u64 b) {
    bool fault = false;
    return number_op(op, type, (const u64[3]){a, b, 0}, &fault);
}
static u64 times_add(u8 type, u64 a, u64 b, u64 c) {
    bool fault = false;
    return number_op(FN_fma, type, (const u64[3]){a, b, c}, &fault);
}

u16 number_function(const char *name) {
    static const char *const names[] = {
#define FUNCTION(name) #name,
#define MATH(name, call) #name,
#include "oracle_functions.def"
    };
    for (u32 k = 0; k < ARRAY_COUNT(names); k++)
        if (strcmp(names[k], name) == 0) return (u16)(FN_NONE + 1 + k);
    return FN_NONE;
}

/* Philox4x32-10. */
u64 number_random(u16 fn, u64 seed, u64 c0, u64 c1) {
    u32 c[4] = {(u32)c0, (u32)(c0 >> 32), (u32)c1, (u32)(c1 >> 32)};
    u32 key[2] = {(u32)seed, (u32)(seed >> 32)};
    for (u32 round = 0; round < 10; round++, key[0] += 0x9E3779B9u, key[1] += 0xBB67AE85u) {
        u64 x = (u64)c[0] * 0xD2511F53u, y = (u64)c[2] * 0xCD9E8D57u;
        u32 next[4] = {(u32)(y >> 32) ^ c[1] ^ key[0], (u32)y, (u32)(x >> 32) ^ c[3] ^ key[1],
                       (u32)x};
        memcpy(c, next, sizeof c);
    }
    f64 u0 = (f64)((c[0] | (u64)c[1] << 32) >> 11) * 0x1p-53;
    f64 u1 = (f64)((c[2] | (u64)c[3] << 32) >> 11) * 0x1p-53;
    f64 normal = sqrt(-2.0 * elementary_log(1.0 - u0)) * elementary_cos(0x1.921fb54442d18p+2 * u1);
    return fn == FN_rand_u32 ? c[0] : of_float(TYPE_F64, fn == FN_uniform ? u0 : normal);
}

/* ---- the canonical order ---- */
typedef struct {
    u64 bits;
    bool has;
} part;
typedef struct {
    u16 op;
    u8 type;
    const u64 *v, *times; /* times: of dot, else NULL */
    const bool *has;      /* NULL: all */
    u64 n, leaf;          /* leaf: 64 positions, or 1: v are results to join as nodes */
} fold;

/* Joining with an absent value returns the other unchanged. */
static part join(const fold *f, part a, part b) {
    if (!a.has || !b.has) return a.has ? a : b;
    return (part){op2(f->op, f->type, a.bits, b.bits), true};
}

/* Over positions [first, first + reach), reach a power of 8 times a leaf. */
static part tree(const fold *f, u64 first, u64 reach) {
    part p[8] = {{0, false}};
    bool leaf = reach == f->leaf;
    if (reach == 1) return (part){f->v[first], true};
    for (u64 k = 0; k < (leaf ? reach : 8); k++) {
        u64 at = first + (leaf ? k : k * (reach / 8));
        if (at >= f->n) break;
        part *lane = &p[k % 8];
        if (!leaf)
            *lane = tree(f, at, reach / 8);
        else if (f->times != NULL && lane->has)
            lane->bits = times_add(f->type, f->v[at], f->times[at], lane->bits);
        else if (f->times != NULL)
            *lane = (part){op2(AST_OP_MUL, f->type, f->v[at], f->times[at]), true};
        else
            *lane = join(f, *lane, (part){f->v[at], f->has == NULL || f->has[at]});
    }
    return join(f, join(f, join(f, p[0], p[4]), join(f, p[2], p[6])),
                join(f, join(f, p[1], p[5]), join(f, p[3], p[7])));
}
static part root(const fold *f) {
    u64 reach = f->leaf;
    while (reach < f->n) reach *= 8;
    return f->n == 0 ? (part){0, false} : tree(f, 0, reach);
}

u64 number_reduce(u16 fn, u8 of, u64 *v, const bool *has, u64 n) {
    u64 present = 0, hold = 0;
    for (u64 k = 0; k < n; k++) present += has[k], hold += has[k] && v[k] != 0;
    if (fn == FN_count) return hold;
    if (fn == FN_any || fn == FN_all) return fn == FN_any ? hold > 0 : hold == present;
    bool adds = fn == FN_sum || fn == FN_mean, least = fn == FN_min || fn == FN_argmin;
    u8 type = adds || fn == FN_prod ? number_wide(of) : of;
    for (u64 k = 0; k < n; k++) v[k] = number_convert(of, type, v[k]);
    u16 op = adds ? AST_OP_ADD : fn == FN_prod ? AST_OP_MUL : least ? FN_min : FN_max;
    part all = root(&(fold){op, type, v, NULL, has, n, 64});
    if (fn == FN_mean) {
        u8 to = type_is_float(of) ? of : TYPE_F64;
        u64 total = number_convert(type, to, all.has ? all.bits : 0);
        return op2(AST_OP_DIV, to, total, number_convert(TYPE_U64, to, present));
    }
    for (u64 k = 0; k < n && fn >= FN_argmin; k++)
        if (has[k] && v[k] == all.bits) return k;
    if (fn >= FN_argmin) return UINT64_MAX;
    if (all.has) return all.bits;
    if (adds) return 0;
    return fn == FN_prod ? number_convert(TYPE_U64, type, 1) : limit(type, least);
}

u64 number_dot(u8 type, const u64 *x, const u64 *y, u64 n) {
    return root(&(fold){AST_OP_ADD, type, x, y, NULL, n, 64}).bits;
}

u64 number_product(u8 type, const u64 *x, const u64 *y, u64 y_step, u64 n) {
    u64 chunks[64], count = 0;
    for (u64 k = 0; k < n && k < 64 * 512; k++) {
        if (k % 512 == 0)
            chunks[count++] = op2(AST_OP_MUL, type, x[k], y[k * y_step]);
        else
            chunks[count - 1] = times_add(type, x[k], y[k * y_step], chunks[count - 1]);
    }
    return root(&(fold){AST_OP_ADD, type, chunks, NULL, NULL, count, 1}).bits;
}

/* ---- rows ---- */
void number_scan(u16 fn, u8 type, const u64 *x, u64 n, u64 *to) {
    u16 op = fn == FN_cumsum    ? AST_OP_ADD
             : fn == FN_cumprod ? AST_OP_MUL
             : fn == FN_cummin  ? FN_min
                                : FN_max;
    u64 before = 0, block = 0; /* folds of the blocks before, and of this one so far */
    for (u64 k = 0; k < n; k++) {
        if (k > 0 && k % 512 == 0) before = k == 512 ? block : op2(op, type, before, block);
        block = k % 512 == 0 ? x[k] : op2(op, type, block, x[k]);
        to[k] = k < 512 ? block : op2(op, type, before, block);
    }
}

typedef struct {
    i128 key;
    u64 at;
} ordered;
static int compare_ordered(const void *a, const void *b) {
    const ordered *x = a, *y = b;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}
void number_sort(u16 fn, u8 type, const u64 *x, u64 n, u64 *to, u64 count) {
    ordered *rows = calloc(n, sizeof *rows);
    ASSERT(rows != NULL);
    for (u64 k = 0; k < n; k++) {
        bool nan = type_is_float(type) && isnan(as_float(type, x[k]));
        i128 key = order(type, x[k]);
        rows[k] = (ordered){fn == FN_topk && !nan ? -key : key, k};
    }
    qsort(rows, n, sizeof *rows, compare_ordered);
    for (u64 k = 0; k < count; k++) to[k] = fn == FN_argsort ? rows[k].at : x[rows[k].at];
    free(rows);
}

u64 number_quantile(u8 type, const u64 *sorted, u64 n, u64 q, bool *fault) {
    f64 share = as_float(type, q);
    *fault |= !(share >= 0 && share <= 1);
    if (*fault || isnan(as_float(type, sorted[n - 1]))) return sorted[n - 1];
    u64 h = op2(AST_OP_MUL, type, q, number_convert(TYPE_U64, type, n - 1));
    u64 low = u64_min((u64)as_float(type, h), n - 1), a = sorted[low];
    u64 rest = op2(AST_OP_SUB, type, h, number_convert(TYPE_U64, type, low));
    u64 step = op2(AST_OP_SUB, type, sorted[u64_min(low + 1, n - 1)], a);
    return op2(AST_OP_ADD, type, a, op2(AST_OP_MUL, type, step, rest));
}
