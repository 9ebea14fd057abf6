/* SPDX-License-Identifier: Apache-2.0
 * bench_math: each math function on 512-lane tiles that stay in L1, at each kernel level that this
 * processor has, beside glibc's scalar function in the same run. The two are timed in turn; the
 * best of many rounds counts. ns an element.
 * usage: bench_math [FUNCTION] */
#include "bench.h"

#include "level.h"

#define ELEMENTS 1024u
#define TILE 512u
#define ROUNDS 60u
#define REPEATS 20u

static f64 scalar_cdf(f64 x) { return 0.5 * erfc(-x * M_SQRT1_2); }
static f64 scalar_mod(f64 x, f64 y) {
    f64 r = fmod(x, y);
    return r != 0 && (r < 0) != (y < 0) ? r + y : r;
}
typedef f64 (*scalar_one)(f64);
typedef f64 (*scalar_two)(f64, f64);
/* bar: how many times faster than glibc the best level must be, 0: none. */
static const struct {
    const char *name;
    u16 op;
    scalar_one one;
    scalar_two two;
    f64 low, high, bar;
} rows[] = {
    {"exp", OP_EXP, exp, NULL, -20, 20, 3},
    {"exp2", OP_EXP2, exp2, NULL, -20, 20, 0},
    {"expm1", OP_EXPM1, expm1, NULL, -5, 5, 0},
    {"log", OP_LOG, log, NULL, 0.01, 1000, 3},
    {"log2", OP_LOG2, log2, NULL, 0.01, 1000, 0},
    {"log10", OP_LOG10, log10, NULL, 0.01, 1000, 0},
    {"log1p", OP_LOG1P, log1p, NULL, -0.9, 10, 0},
    {"sin", OP_SIN, sin, NULL, -100, 100, 3},
    {"sin, 1 lane in 64 above 1e6", OP_SIN, sin, NULL, -100, 100, 0},
    {"cos", OP_COS, cos, NULL, -100, 100, 3},
    {"tan", OP_TAN, tan, NULL, -100, 100, 0},
    {"asin", OP_ASIN, asin, NULL, -1, 1, 0},
    {"acos", OP_ACOS, acos, NULL, -1, 1, 0},
    {"atan", OP_ATAN, atan, NULL, -10, 10, 0},
    {"sinh", OP_SINH, sinh, NULL, -10, 10, 0},
    {"cosh", OP_COSH, cosh, NULL, -10, 10, 0},
    {"tanh", OP_TANH, tanh, NULL, -5, 5, 0},
    {"erf", OP_ERF, erf, NULL, -4, 4, 3},
    {"erfc", OP_ERFC, erfc, NULL, -4, 10, 0},
    {"cdf", OP_CDF, scalar_cdf, NULL, -6, 6, 3},
    {"pow", OP_POW, NULL, pow, 0.1, 10, 2},
    {"atan2", OP_ATAN2, NULL, atan2, -10, 10, 0},
    {"mod", OP_FMOD, NULL, scalar_mod, -10, 10, 0},
};

static f64 x[ELEMENTS] __attribute__((aligned(64))), y[ELEMENTS] __attribute__((aligned(64)));
static f64 out[ELEMENTS] __attribute__((aligned(64)));

static f64 time_level(const kernel_level *level, u32 row) {
    u16 op = rows[row].op;
    kernel_fn f = (*level->ops[op_info(op)->arity])[op][TYPE_F64][VARIANT_VV];
    u64 start = bench_ns();
    for (u32 r = 0; r < REPEATS; r++)
        for (u32 k = 0; k < ELEMENTS; k += TILE) f(out + k, x + k, y + k, NULL, TILE);
    return (f64)(bench_ns() - start) / (REPEATS * ELEMENTS);
}

static f64 time_scalar(u32 row) {
    u64 start = bench_ns();
    for (u32 r = 0; r < REPEATS; r++) {
        if (rows[row].one != NULL)
            for (u32 k = 0; k < ELEMENTS; k++) out[k] = rows[row].one(x[k]);
        else
            for (u32 k = 0; k < ELEMENTS; k++) out[k] = rows[row].two(x[k], y[k]);
        __asm__ volatile("" : : "r"(out) : "memory");
    }
    return (f64)(bench_ns() - start) / (REPEATS * ELEMENTS);
}

static void fill(u32 row) {
    u64 seed = 7;
    bool huge = strchr(rows[row].name, ',') != NULL;
    for (u32 k = 0; k < ELEMENTS; k++) {
        f64 u = (f64)(bench_random(&seed) >> 11) * 0x1p-53;
        f64 v = (f64)(bench_random(&seed) >> 11) * 0x1p-53;
        x[k] = rows[row].low + (rows[row].high - rows[row].low) * u;
        x[k] = huge && k % 64 == 5 ? x[k] * 1e20 : x[k];
        y[k] = -10 + 20 * v;
    }
}

int main(int argc, char **argv) {
    bench_pin();
    for (u32 row = 0; row < ARRAY_COUNT(rows); row++) {
        static f64 ns[KERNELS_LEVELS + 1][ROUNDS];
        kernels_level top = KERNELS_PORTABLE;
        if (argc > 1 && strcmp(argv[1], rows[row].name) != 0) continue;
        fill(row);
        for (u32 r = 0; r < ROUNDS; r++) {
            ns[KERNELS_LEVELS][r] = time_scalar(row);
            for (u32 l = KERNELS_V3; l < KERNELS_LEVELS; l++) {
                const kernel_level *level = kernel_level_of((kernels_level)l);
                if (level == NULL) continue;
                ns[l][r] = time_level(level, row);
                top = (kernels_level)l;
            }
        }
        f64 floor = bench_least(ns[KERNELS_LEVELS], ROUNDS);
        bench_best("math", rows[row].name, "glibc", floor, "ns/element", 0, 0);
        for (u32 l = KERNELS_V3; l < KERNELS_LEVELS; l++)
            if (l <= (u32)top)
                bench_best("math", rows[row].name, kernels_level_text((kernels_level)l),
                           bench_least(ns[l], ROUNDS), "ns/element", floor,
                           rows[row].bar > 0 ? 1 / rows[row].bar : 0);
    }
    return 0;
}
