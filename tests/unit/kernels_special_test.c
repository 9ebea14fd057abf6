/* SPDX-License-Identifier: Apache-2.0
 * Special values of the math functions: zeros, infinities, NaN, denormals, huge arguments, exact
 * cases and ends of ranges, in f64 and f32, at every kernel level that this processor has. A row
 * is bits, not a distance, but for NaN (any) and rows marked as near: within 1 ulp. */
#include <criterion/criterion.h>
#include <math.h>

#include "elementary.h"
#include "level.h"

#define INF HUGE_VAL
#define LEAST 0x1p-1074
#define PI 0x1.921fb54442d18p+1
#define HALF_PI 0x1.921fb54442d18p+0
#define ANY_NAN __builtin_nan("")

typedef struct {
    u16 op;
    f64 x, want;
} one_row;
typedef struct {
    u16 op;
    f64 x, y, want;
} two_row;

/* Odd functions through zero keep its sign and, where the slope there is 1, tiny arguments. */
#define ODD(op) \
    {op, 0.0, 0.0}, {op, -0.0, -0.0}, { op, ANY_NAN, ANY_NAN }
#define SLOPE_ONE(op) \
    ODD(op), {op, LEAST, LEAST}, {op, -LEAST, -LEAST}, { op, 0x1p-1000, 0x1p-1000 }
#define FROM_ONE(op) \
    {op, 0.0, 1}, {op, -0.0, 1}, {op, LEAST, 1}, {op, -LEAST, 1}, { op, ANY_NAN, ANY_NAN }
/* Rows whose wanted value is the f64 nearest the true one: exact cases, ends, wide flats. */
static const one_row exact[] = {
    FROM_ONE(OP_EXP),
    {OP_EXP, INF, INF},
    {OP_EXP, -INF, 0},
    {OP_EXP, 709.79, INF},
    {OP_EXP, 1e300, INF},
    {OP_EXP, -745.2, 0},
    {OP_EXP, -1e300, 0},
    {OP_EXP, -745.0, LEAST},
    FROM_ONE(OP_EXP2),
    {OP_EXP2, INF, INF},
    {OP_EXP2, -INF, 0},
    {OP_EXP2, 1024, INF},
    {OP_EXP2, 1023, 0x1p1023},
    {OP_EXP2, 10, 1024},
    {OP_EXP2, -1, 0.5},
    {OP_EXP2, -1022, 0x1p-1022},
    {OP_EXP2, -1074, LEAST},
    {OP_EXP2, -1075, 0},
    {OP_EXP2, 1e300, INF},
    {OP_EXP2, -1e300, 0},
    SLOPE_ONE(OP_EXPM1),
    {OP_EXPM1, INF, INF},
    {OP_EXPM1, -INF, -1},
    {OP_EXPM1, 709.79, INF},
    {OP_EXPM1, -50, -1},
    {OP_EXPM1, -1e300, -1},
    {OP_EXPM1, 1e300, INF},
    {OP_LOG, 1, 0.0},
    {OP_LOG, 0.0, -INF},
    {OP_LOG, -0.0, -INF},
    {OP_LOG, INF, INF},
    {OP_LOG, -1, ANY_NAN},
    {OP_LOG, -INF, ANY_NAN},
    {OP_LOG, ANY_NAN, ANY_NAN},
    {OP_LOG, -LEAST, ANY_NAN},
    {OP_LOG, LEAST, -0x1.74385446d71c3p+9},
    {OP_LOG2, 1, 0.0},
    {OP_LOG2, 8, 3},
    {OP_LOG2, 0.25, -2},
    {OP_LOG2, 0x1p1023, 1023},
    {OP_LOG2, LEAST, -1074},
    {OP_LOG2, 0.0, -INF},
    {OP_LOG2, -0.0, -INF},
    {OP_LOG2, INF, INF},
    {OP_LOG2, -1, ANY_NAN},
    {OP_LOG2, -INF, ANY_NAN},
    {OP_LOG2, ANY_NAN, ANY_NAN},
    {OP_LOG10, 1, 0.0},
    {OP_LOG10, 10, 1},
    {OP_LOG10, 1000, 3},
    {OP_LOG10, 1e22, 22},
    {OP_LOG10, 0.0, -INF},
    {OP_LOG10, -0.0, -INF},
    {OP_LOG10, INF, INF},
    {OP_LOG10, -1, ANY_NAN},
    {OP_LOG10, ANY_NAN, ANY_NAN},
    SLOPE_ONE(OP_LOG1P),
    {OP_LOG1P, -1, -INF},
    {OP_LOG1P, INF, INF},
    {OP_LOG1P, -2, ANY_NAN},
    {OP_LOG1P, -INF, ANY_NAN},
    SLOPE_ONE(OP_SIN),
    {OP_SIN, INF, ANY_NAN},
    {OP_SIN, -INF, ANY_NAN},
    {OP_SIN, 1e300, -0x1.a2c16b010e385p-1},
    {OP_SIN, -1e300, 0x1.a2c16b010e385p-1},
    {OP_SIN, 0x1.fffffffffffffp1023, 0x1.452fc98b34e97p-8},
    FROM_ONE(OP_COS),
    {OP_COS, INF, ANY_NAN},
    {OP_COS, -INF, ANY_NAN},
    {OP_COS, 1e300, -0x1.2699022adc4c1p-1},
    {OP_COS, 0x1.fffffffffffffp1023, -0x1.fffe62ecfab75p-1},
    SLOPE_ONE(OP_TAN),
    {OP_TAN, INF, ANY_NAN},
    {OP_TAN, -INF, ANY_NAN},
    SLOPE_ONE(OP_ASIN),
    {OP_ASIN, 1, HALF_PI},
    {OP_ASIN, -1, -HALF_PI},
    {OP_ASIN, 1.5, ANY_NAN},
    {OP_ASIN, INF, ANY_NAN},
    {OP_ASIN, -INF, ANY_NAN},
    {OP_ACOS, 1, 0.0},
    {OP_ACOS, -1, PI},
    {OP_ACOS, 0.0, HALF_PI},
    {OP_ACOS, -0.0, HALF_PI},
    {OP_ACOS, LEAST, HALF_PI},
    {OP_ACOS, -1.5, ANY_NAN},
    {OP_ACOS, INF, ANY_NAN},
    {OP_ACOS, ANY_NAN, ANY_NAN},
    SLOPE_ONE(OP_ATAN),
    {OP_ATAN, INF, HALF_PI},
    {OP_ATAN, -INF, -HALF_PI},
    {OP_ATAN, 1e300, HALF_PI},
    {OP_ATAN, 1, HALF_PI / 2},
    {OP_ATAN, -1, -HALF_PI / 2},
    SLOPE_ONE(OP_SINH),
    {OP_SINH, INF, INF},
    {OP_SINH, -INF, -INF},
    {OP_SINH, 711, INF},
    {OP_SINH, -1e300, -INF},
    FROM_ONE(OP_COSH),
    {OP_COSH, INF, INF},
    {OP_COSH, -INF, INF},
    {OP_COSH, -711, INF},
    {OP_COSH, 1e300, INF},
    SLOPE_ONE(OP_TANH),
    {OP_TANH, INF, 1},
    {OP_TANH, -INF, -1},
    {OP_TANH, 25, 1},
    {OP_TANH, -1e300, -1},
    ODD(OP_ERF),
    {OP_ERF, INF, 1},
    {OP_ERF, -INF, -1},
    {OP_ERF, 6.5, 1},
    {OP_ERF, -1e300, -1},
    {OP_ERF, LEAST, LEAST},
    FROM_ONE(OP_ERFC),
    {OP_ERFC, INF, 0},
    {OP_ERFC, -INF, 2},
    {OP_ERFC, 28, 0},
    {OP_ERFC, 1e300, 0},
    {OP_ERFC, -1e300, 2},
    {OP_ERFC, -6.5, 2},
    {OP_ERFC, 27.2, 2 * LEAST},
    {OP_CDF, 0.0, 0.5},
    {OP_CDF, -0.0, 0.5},
    {OP_CDF, INF, 1},
    {OP_CDF, -INF, 0},
    {OP_CDF, ANY_NAN, ANY_NAN},
    {OP_CDF, -39, 0},
    {OP_CDF, -1e300, 0},
    {OP_CDF, 1e300, 1},
    {OP_CDF, 9, 1},
    {OP_CDF, -38.4, 13 * LEAST},
};
static const two_row exact_two[] = {
    {OP_POW, 0.0, 3, 0.0},
    {OP_POW, -0.0, 3, -0.0},
    {OP_POW, -0.0, 2, 0.0},
    {OP_POW, 0.0, 0.5, 0.0},
    {OP_POW, 0.0, -1, INF},
    {OP_POW, -0.0, -1, -INF},
    {OP_POW, -0.0, -2, INF},
    {OP_POW, 0.0, -INF, INF},
    {OP_POW, -0.0, -INF, INF},
    {OP_POW, 0.0, INF, 0.0},
    {OP_POW, -1, INF, 1},
    {OP_POW, -1, -INF, 1},
    {OP_POW, 1, ANY_NAN, 1},
    {OP_POW, 1, INF, 1},
    {OP_POW, ANY_NAN, 0.0, 1},
    {OP_POW, ANY_NAN, -0.0, 1},
    {OP_POW, INF, 0.0, 1},
    {OP_POW, 0.0, 0.0, 1},
    {OP_POW, -3, 0.0, 1},
    {OP_POW, ANY_NAN, 1, ANY_NAN},
    {OP_POW, 2, ANY_NAN, ANY_NAN},
    {OP_POW, -1, ANY_NAN, ANY_NAN},
    {OP_POW, -8, 1.0 / 3, ANY_NAN},
    {OP_POW, -LEAST, 0.5, ANY_NAN},
    {OP_POW, 0.5, -INF, INF},
    {OP_POW, 2, -INF, 0.0},
    {OP_POW, 0.5, INF, 0.0},
    {OP_POW, 2, INF, INF},
    {OP_POW, -0.5, INF, 0.0},
    {OP_POW, -2, INF, INF},
    {OP_POW, -INF, -3, -0.0},
    {OP_POW, -INF, -2, 0.0},
    {OP_POW, -INF, 3, -INF},
    {OP_POW, -INF, 2, INF},
    {OP_POW, -INF, 0.5, INF},
    {OP_POW, INF, -1, 0.0},
    {OP_POW, INF, 1, INF},
    {OP_POW, -INF, INF, INF},
    {OP_POW, -INF, -INF, 0.0},
    {OP_POW, 2, 10, 1024},
    {OP_POW, -2, 3, -8},
    {OP_POW, 2, -1074, LEAST},
    {OP_POW, 2, 1024, INF},
    {OP_POW, -2, 1025, -INF},
    {OP_POW, 2, -1080, 0.0},
    {OP_POW, -2, -1081, -0.0},
    {OP_POW, 9, 0.5, 3},
    {OP_POW, 10, 22, 1e22},
    {OP_POW, -1, 0x1p53, 1},
    {OP_POW, -1, 0x1.fffffffffffffp52, -1},
    {OP_POW, LEAST, 1, LEAST},
    {OP_POW, LEAST, -1, INF},
    {OP_POW, 1e300, 1e300, INF},
    {OP_POW, 1e300, -1e300, 0.0},
    {OP_POW, 7, 1, 7},
    {OP_POW, 0x1p-500, 2, 0x1p-1000},
    {OP_ATAN2, 0.0, 1, 0.0},
    {OP_ATAN2, -0.0, 1, -0.0},
    {OP_ATAN2, 0.0, -1, PI},
    {OP_ATAN2, -0.0, -1, -PI},
    {OP_ATAN2, 0.0, 0.0, 0.0},
    {OP_ATAN2, -0.0, 0.0, -0.0},
    {OP_ATAN2, 0.0, -0.0, PI},
    {OP_ATAN2, -0.0, -0.0, -PI},
    {OP_ATAN2, 1, 0.0, HALF_PI},
    {OP_ATAN2, -1, 0.0, -HALF_PI},
    {OP_ATAN2, 1, -0.0, HALF_PI},
    {OP_ATAN2, -1, -0.0, -HALF_PI},
    {OP_ATAN2, 1, 1, HALF_PI / 2},
    {OP_ATAN2, 1, -1, 3 * (HALF_PI / 2)},
    {OP_ATAN2, -1, 1, -HALF_PI / 2},
    {OP_ATAN2, -1, -1, -3 * (HALF_PI / 2)},
    {OP_ATAN2, INF, INF, HALF_PI / 2},
    {OP_ATAN2, INF, -INF, 3 * (HALF_PI / 2)},
    {OP_ATAN2, -INF, INF, -HALF_PI / 2},
    {OP_ATAN2, -INF, -INF, -3 * (HALF_PI / 2)},
    {OP_ATAN2, INF, 1, HALF_PI},
    {OP_ATAN2, -INF, 1, -HALF_PI},
    {OP_ATAN2, 1, INF, 0.0},
    {OP_ATAN2, -1, INF, -0.0},
    {OP_ATAN2, 1, -INF, PI},
    {OP_ATAN2, -1, -INF, -PI},
    {OP_ATAN2, ANY_NAN, 1, ANY_NAN},
    {OP_ATAN2, 1, ANY_NAN, ANY_NAN},
    {OP_ATAN2, LEAST, LEAST, HALF_PI / 2},
    {OP_ATAN2, 1e308, 1e308, HALF_PI / 2},
    {OP_ATAN2, LEAST, 1e308, 0.0},
    {OP_ATAN2, 1e308, LEAST, HALF_PI},
    {OP_FMOD, 5, 3, 2},
    {OP_FMOD, -5, 3, 1},
    {OP_FMOD, 5, -3, -1},
    {OP_FMOD, -5, -3, -2},
    {OP_FMOD, 6, 3, 0.0},
    {OP_FMOD, -6, 3, 0.0},
    {OP_FMOD, 6, -3, -0.0},
    {OP_FMOD, 0.0, 3, 0.0},
    {OP_FMOD, 1, 0.0, ANY_NAN},
    {OP_FMOD, INF, 3, ANY_NAN},
    {OP_FMOD, ANY_NAN, 3, ANY_NAN},
    {OP_FMOD, 3, ANY_NAN, ANY_NAN},
    {OP_FMOD, 1, INF, 1},
    {OP_FMOD, -1, INF, INF},
    {OP_FMOD, LEAST, 1, LEAST},
    {OP_FMOD, 3 * LEAST, 2 * LEAST, LEAST},
    {OP_FMOD, 1e300, 3, 0.0},
};

static u64 bits_of(f64 x) {
    u64 bits;
    memcpy(&bits, &x, 8);
    return bits;
}
static u32 bits_of_f32(f32 x) {
    u32 bits;
    memcpy(&bits, &x, 4);
    return bits;
}
static bool same(f64 a, f64 b) { return (isnan(a) && isnan(b)) || bits_of(a) == bits_of(b); }
static bool same_f32(f32 a, f32 b) {
    return (isnan(a) && isnan(b)) || bits_of_f32(a) == bits_of_f32(b);
}

static kernel_fn kernel_at(kernels_level l, u16 op, u8 type) {
    const kernel_level *level = kernel_level_of(l);
    return level == NULL ? NULL : (*level->ops[op_info(op)->arity])[op][type][VARIANT_VV];
}

/* Runs one lane in a tile of 13, so that vectors and the rest of the tile both see it. */
static void check_one(kernels_level l, const one_row *r) {
    _Alignas(64) f64 x[16], d[16];
    _Alignas(64) f32 x32[32], d32[32];
    kernel_fn f = kernel_at(l, r->op, TYPE_F64), g = kernel_at(l, r->op, TYPE_F32);
    if (f == NULL) return;
    f32 narrow = (f32)r->x;
    for (u32 k = 0; k < 13; k++) x[k] = r->x, x32[k] = narrow;
    f(d, x, NULL, NULL, 13);
    g(d32, x32, NULL, NULL, 13);
    for (u32 k = 0; k < 13; k++)
        cr_expect(same(d[k], r->want), "%s %s(%a) is %a, lane %u", kernels_level_text(l),
                  op_info(r->op)->text, r->x, d[k], k);
    if ((f64)narrow != r->x && !isnan(r->x)) return; /* no such f32: its row would be another */
    for (u32 k = 0; k < 13; k++)
        cr_expect(same_f32(d32[k], (f32)r->want), "%s f32 %s(%a) is %a, lane %u",
                  kernels_level_text(l), op_info(r->op)->text, r->x, (f64)d32[k], k);
}

static void check_two(kernels_level l, const two_row *r) {
    _Alignas(64) f64 x[16], y[16], d[16];
    _Alignas(64) f32 x32[32], y32[32], d32[32];
    kernel_fn f = kernel_at(l, r->op, TYPE_F64), g = kernel_at(l, r->op, TYPE_F32);
    if (f == NULL) return;
    for (u32 k = 0; k < 13; k++) {
        x[k] = r->x, y[k] = r->y;
        x32[k] = (f32)r->x, y32[k] = (f32)r->y;
    }
    f(d, x, y, NULL, 13);
    g(d32, x32, y32, NULL, 13);
    for (u32 k = 0; k < 13; k++)
        cr_expect(same(d[k], r->want), "%s %s(%a, %a) is %a, lane %u", kernels_level_text(l),
                  op_info(r->op)->text, r->x, r->y, d[k], k);
    if (!same((f64)x32[0], r->x) || !same((f64)y32[0], r->y)) return;
    for (u32 k = 0; k < 13; k++)
        cr_expect(same_f32(d32[k], (f32)r->want), "%s f32 %s(%a, %a) is %a, lane %u",
                  kernels_level_text(l), op_info(r->op)->text, r->x, r->y, (f64)d32[k], k);
}

Test(special, every_level_gives_the_special_values) {
    for (u32 l = 0; l < KERNELS_LEVELS; l++) {
        for (u32 k = 0; k < ARRAY_COUNT(exact); k++) check_one((kernels_level)l, &exact[k]);
        for (u32 k = 0; k < ARRAY_COUNT(exact_two); k++) check_two((kernels_level)l, &exact_two[k]);
    }
}

/* NaN of either sign, quiet or signalling, with any payload: NaN comes out, but where C99 says that
 * the other operand decides (pow). */
Test(special, every_function_hands_nan_on) {
    static const u64 nans[] = {0x7ff8000000000000u, 0xfff8000000000000u, 0x7ff0000000000001u,
                               0xfff4000000001234u, 0x7fffffffffffffffu};
    for (u32 l = 0; l < KERNELS_LEVELS; l++)
        for (u32 op = OP_EXP; op <= OP_CDF; op++)
            for (u32 k = 0; k < ARRAY_COUNT(nans); k++) {
                f64 x;
                memcpy(&x, &nans[k], 8);
                check_one((kernels_level)l, &(one_row){(u16)op, x, ANY_NAN});
            }
    for (u32 l = 0; l < KERNELS_LEVELS; l++)
        for (u32 k = 0; k < ARRAY_COUNT(nans); k++) {
            f64 x;
            memcpy(&x, &nans[k], 8);
            check_two((kernels_level)l, &(two_row){OP_ATAN2, x, 2, ANY_NAN});
            check_two((kernels_level)l, &(two_row){OP_ATAN2, 2, x, ANY_NAN});
            check_two((kernels_level)l, &(two_row){OP_FMOD, x, 2, ANY_NAN});
            check_two((kernels_level)l, &(two_row){OP_FMOD, 2, x, ANY_NAN});
            check_two((kernels_level)l, &(two_row){OP_POW, x, 2, ANY_NAN});
            check_two((kernels_level)l, &(two_row){OP_POW, 2, x, ANY_NAN});
        }
}

Test(special, every_function_has_a_row) {
    for (u32 row = 0; row < OP_COUNT; row++) {
        u16 op = (u16)row;
        bool measured = op >= OP_EXP && op <= OP_CDF, found = false;
        if (!measured && op != OP_POW && op != OP_ATAN2 && op != OP_FMOD) continue;
        for (u32 k = 0; k < ARRAY_COUNT(exact); k++) found |= exact[k].op == op;
        for (u32 k = 0; k < ARRAY_COUNT(exact_two); k++) found |= exact_two[k].op == op;
        cr_expect(found, "%s has no row", op_info(op)->text);
    }
}

/* All levels give the same bits on one stream of inputs of every kind; NaN is canonical. */
Test(special, levels_agree_on_a_million_inputs) {
    static const u16 ops[] = {OP_EXP,   OP_EXP2, OP_EXPM1, OP_LOG,  OP_LOG2, OP_LOG10,
                              OP_LOG1P, OP_SIN,  OP_COS,   OP_TAN,  OP_ASIN, OP_ACOS,
                              OP_ATAN,  OP_SINH, OP_COSH,  OP_TANH, OP_ERF,  OP_ERFC,
                              OP_CDF,   OP_POW,  OP_ATAN2, OP_FMOD};
    u64 seed = 0x9e3779b97f4a7c15u;
    for (u32 t = 0; t < 100; t++) {
        _Alignas(64) f64 x[512], y[512], want[512], got[512];
        for (u32 k = 0; k < 512; k++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            u64 a = seed ^ seed >> 29, b = a * 0xbf58476d1ce4e5b9u;
            memcpy(&x[k], &a, 8), memcpy(&y[k], &b, 8);
            if (t % 2 != 0) x[k] = (f64)(i64)a * 0x1p-59, y[k] = (f64)(i64)b * 0x1p-60;
        }
        for (u32 o = 0; o < ARRAY_COUNT(ops); o++) {
            kernel_at(KERNELS_PORTABLE, ops[o], TYPE_F64)(want, x, y, NULL, 512);
            for (u32 l = KERNELS_V3; l < KERNELS_LEVELS; l++) {
                kernel_fn f = kernel_at((kernels_level)l, ops[o], TYPE_F64);
                if (f == NULL) continue;
                f(got, x, y, NULL, 512);
                for (u32 k = 0; k < 512; k++)
                    cr_assert(same(got[k], want[k]), "%s(%a, %a): %s gives %a, portable %a",
                              op_info(ops[o])->text, x[k], y[k],
                              kernels_level_text((kernels_level)l), got[k], want[k]);
            }
        }
    }
}

Test(special, a_tile_may_be_its_own_operand_where_angles_are_large) {
    for (u32 l = 0; l < KERNELS_LEVELS; l++) {
        _Alignas(64) f64 x[512], d[512];
        kernel_fn f = kernel_at((kernels_level)l, OP_SIN, TYPE_F64);
        if (f == NULL) continue;
        for (u32 k = 0; k < 512; k++) x[k] = k % 7 == 3 ? 1e18 + 1e15 * k : k * 0.37;
        f(d, x, NULL, NULL, 512);
        f(x, x, NULL, NULL, 512);
        cr_expect(memcmp(d, x, sizeof d) == 0, "level %s", kernels_level_text((kernels_level)l));
    }
}

/* Tiles of ordinary lanes go without selects; the same lanes beside an odd one do not. */
Test(special, a_special_lane_changes_no_other_lane_of_its_tile) {
    static const two_row odd[] = {
        {OP_EXP, 800, 0, INF},         {OP_EXP, ANY_NAN, 0, ANY_NAN}, {OP_LOG, -1, 0, ANY_NAN},
        {OP_LOG, INF, 0, INF},         {OP_LOG, 0, 0, -INF},          {OP_POW, -2, 3, -8},
        {OP_POW, 2, ANY_NAN, ANY_NAN}, {OP_POW, 1, INF, 1},           {OP_POW, 0, -1, INF},
        {OP_FMOD, 1e300, 7, 1},        {OP_FMOD, 5, 0, ANY_NAN},      {OP_FMOD, -5, INF, INF},
    };
    for (u32 l = 0; l < KERNELS_LEVELS; l++) {
        for (u32 r = 0; r < ARRAY_COUNT(odd); r++) {
            _Alignas(64) f64 x[512], y[512], plain[512], mixed[512];
            kernel_fn f = kernel_at((kernels_level)l, odd[r].op, TYPE_F64);
            if (f == NULL) continue;
            for (u32 k = 0; k < 512; k++) x[k] = 0.003 + 0.37 * k, y[k] = 20 - 0.13 * k;
            f(plain, x, y, NULL, 512);
            x[100] = odd[r].x, y[100] = odd[r].y;
            f(mixed, x, y, NULL, 512);
            f(x, x, y, NULL, 512);
            cr_expect(memcmp(mixed, x, sizeof x) == 0, "%s, own operand", op_info(odd[r].op)->text);
            for (u32 k = 0; k < 512; k++)
                cr_expect(same(mixed[k], k == 100 ? odd[r].want : plain[k]),
                          "%s, row %u, lane %u: %a beside %a", op_info(odd[r].op)->text, r, k,
                          mixed[k], plain[k]);
        }
    }
}

/* Dividends at and beside multiples of the divisor, where a rounded quotient misleads. */
Test(special, a_remainder_by_the_quotient_is_that_bit_by_bit) {
    u64 seed = 1, near = 0;
    for (u32 n = 0; n < 400000; n++) {
        u64 bits[2];
        for (u32 k = 0; k < 2; k++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            bits[k] = (seed ^ seed >> 29) * 0xbf58476d1ce4e5b9u;
            bits[k] ^= bits[k] >> 32;
        }
        f64 b = (f64)(i64)bits[0] * (n % 3 == 0 ? 0x1p-1060 : n % 3 == 1 ? 0x1p-63 : 0x1p900);
        f64 a = (f64)((bits[1] >> 11) >> (bits[1] & 63) % 53) * b;
        for (i32 beside = -2; beside <= 2; beside++) {
            u64 at = bits_of(a) + (u64)(i64)beside;
            f64 x, q;
            memcpy(&x, &at, 8);
            q = x / b;
            if (mm_remainder_far(q, b) >> 63 != 0) continue;
            near++;
            cr_assert(same(mm_remainder_near(q, x, b), mm_remainder_long(x, b)), "%a mod %a", x, b);
        }
    }
    cr_expect(near > 1000000);
}
