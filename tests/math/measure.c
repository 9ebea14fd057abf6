/* SPDX-License-Identifier: Apache-2.0
 * measure: the largest error of each math function against MPFR.
 * usage: measure [--count N] [--seed S] [--jobs J] [--only NAME] [--f32]
 *   f64 (the default): N inputs for each function (10,000,000), shared out over the ranges of
 *     reference.c and points near their joints; prints ulp and the worst input.
 *   --f32: every 2^32 / N-th bit pattern of each function of one argument (N: 2^32, all of them).
 *     The f64 result is taken to be within 2 ulp (the first table); only where that leaves two f32
 *     values possible is MPFR asked. Prints how often, and how often the f32 is not the nearest.
 * Status 1 if a bound is passed. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reference.h"

#define TILE 512u
#define JOBS_MOST 64u
typedef struct {
    f64 ulp, x, y;    /* the worst and its input */
    u64 count, asked; /* inputs, and those that MPFR decided (--f32) */
    u64 wrong;        /* --f32: not the f32 nearest the true value; bad numbers count too */
} result;
typedef struct {
    u64 count, seed;
    u32 jobs;
    bool narrow;
    const char *only;
} options;

static u64 state;
static u64 random_bits(void) {
    u64 z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}
static f64 random_in(range r) {
    if (r.low < r.high) return r.low + (r.high - r.low) * ((f64)(random_bits() >> 11) * 0x1p-53);
    f64 x;
    u64 bits = random_bits();
    memcpy(&x, &bits, 8);
    return x;
}
/* A point moved by up to 2^44 units of its last place, small moves as likely as great ones; angles
 * are taken to a random multiple first. */
static f64 random_near(const function *f) {
    f64 x = f->near[random_bits() % f->near_count];
    if (f->op == OP_SIN || f->op == OP_COS || f->op == OP_TAN)
        x *= (f64)(random_bits() >> (random_bits() & 31) >> 32);
    u64 bits, move = random_bits();
    memcpy(&bits, &x, 8);
    bits +=
        move & 1 ? random_bits() >> (20 + move / 2 % 44) : -(random_bits() >> (20 + move / 2 % 44));
    memcpy(&x, &bits, 8);
    return x;
}

static void worse(result *to, f64 ulp, f64 x, f64 y) {
    if (ulp > to->ulp || to->count == 0) to->ulp = ulp, to->x = x, to->y = y;
    to->count++;
}

static void measure_one(const function *f, u64 count, result *to) {
    kernel_fn run = kernel_find(f->op, TYPE_F64, 0, VARIANT_VV);
    mpfr_t x, want;
    mpfr_inits2(REFERENCE_BITS, x, want, NULL);
    u32 ranges = 1;
    while (ranges < RANGES_MOST && f->ranges[ranges].low < f->ranges[ranges].high) ranges++;
    for (u64 tile = 0; tile * TILE < count; tile++) {
        _Alignas(64) f64 in[TILE], out[TILE];
        u32 from = (u32)(tile % (ranges + (f->near != NULL)));
        for (u32 k = 0; k < TILE; k++)
            in[k] = from < ranges ? random_in(f->ranges[from]) : random_near(f);
        run(out, in, NULL, NULL, TILE);
        for (u32 k = 0; k < TILE; k++) {
            mpfr_set_d(x, in[k], MPFR_RNDN);
            f->one(want, x, MPFR_RNDN);
            worse(to, ulps(out[k], want), in[k], 0);
        }
    }
    mpfr_clears(x, want, NULL);
}

static void measure_two(const function *f, u64 count, result *to) {
    kernel_fn run = kernel_find(f->op, TYPE_F64, 0, VARIANT_VV);
    mpfr_t x, y, want;
    mpfr_inits2(REFERENCE_BITS, x, y, want, NULL);
    if (f->op == OP_FMOD) mpfr_set_prec(want, 2200); /* a sum with the divisor loses nothing */
    u32 ranges = 1;
    while (ranges < RANGES_MOST && f->ranges[ranges].low < f->ranges[ranges].high) ranges++;
    for (u64 tile = 0; tile * TILE < count; tile++) {
        _Alignas(64) f64 a[TILE], b[TILE], out[TILE];
        u32 from = (u32)(tile % ranges);
        for (u32 k = 0; k < TILE; k++)
            a[k] = random_in(f->ranges[from]), b[k] = random_in(f->second[from]);
        run(out, a, b, NULL, TILE);
        for (u32 k = 0; k < TILE; k++) {
            mpfr_set_d(x, a[k], MPFR_RNDN);
            mpfr_set_d(y, b[k], MPFR_RNDN);
            f->two(want, x, y, MPFR_RNDN);
            worse(to, ulps(out[k], want), a[k], b[k]);
        }
    }
    mpfr_clears(x, y, want, NULL);
}

/* The true value decides for one f32: counts it if another f32 is nearer. The error is in f32's
 * last places, 2^29 of f64's. */
static void decide(const function *f, f32 in, f32 got, result *to) {
    mpfr_t x, want;
    mpfr_inits2(REFERENCE_BITS, x, want, NULL);
    mpfr_set_d(x, (f64)in, MPFR_RNDN);
    f->one(want, x, MPFR_RNDN);
    f32 nearest = mpfr_get_flt(want, MPFR_RNDN);
    to->asked++;
    if (memcmp(&nearest, &got, 4) != 0) {
        long exponent = mpfr_get_exp(want) - 24;
        to->wrong++;
        mpfr_d_sub(x, (f64)got, want, MPFR_RNDN);
        mpfr_mul_2si(x, x, -(exponent < -149 ? -149 : exponent), MPFR_RNDN);
        f64 ulp = fabs(mpfr_get_d(x, MPFR_RNDN));
        if (!(ulp <= to->ulp)) to->ulp = ulp, to->x = (f64)in;
    }
    mpfr_clears(x, want, NULL);
}

/* Whether 2 ulp of f64 either way reach another f32. Zeros, infinities and NaN have no neighbours:
 * they are exact, or far beyond f32. */
static bool in_doubt(f64 y) {
    u64 bits, below, above;
    memcpy(&bits, &y, 8);
    if (y == 0 || !isfinite(y)) return false;
    below = bits - 2, above = bits + 2;
    f64 a, b;
    memcpy(&a, &below, 8), memcpy(&b, &above, 8);
    return (f32)a != (f32)b;
}

static void measure_narrow(const function *f, u64 first, u64 end, u64 step, result *to) {
    kernel_fn run = kernel_find(f->op, TYPE_F32, 0, VARIANT_VV);
    kernel_fn wide = kernel_find(f->op, TYPE_F64, 0, VARIANT_VV);
    for (u64 at = first; at < end; at += step * TILE) {
        _Alignas(64) f32 in[TILE], out[TILE];
        _Alignas(64) f64 in64[TILE], out64[TILE];
        u32 n = (end - at + step - 1) / step < TILE ? (u32)((end - at + step - 1) / step) : TILE;
        for (u32 k = 0; k < n; k++) {
            u32 bits = (u32)(at + k * step);
            memcpy(&in[k], &bits, 4);
            in64[k] = (f64)in[k];
        }
        run(out, in, NULL, NULL, n);
        wide(out64, in64, NULL, NULL, n);
        for (u32 k = 0; k < n; k++) {
            f32 rounded = (f32)out64[k];
            bool number = f->inside(in64[k]);
            bool same = isnan(out[k]) ? !number && isnan(rounded)
                                      : number && memcmp(&rounded, &out[k], 4) == 0;
            if (!same) to->wrong++, to->ulp = INFINITY, to->x = in64[k];
            if (same && number && in_doubt(out64[k])) decide(f, in[k], out[k], to);
        }
        to->count += n;
    }
}

static void job(const function *f, const options *o, u32 index, result *to) {
    *to = (result){.ulp = o->narrow ? 0.5 : 0};
    state = (o->seed * JOBS_MOST + index) * 0x9e3779b97f4a7c15u + f->op;
    u64 share = o->count / o->jobs + (o->count % o->jobs > index);
    if (!o->narrow && f->one != NULL) measure_one(f, share, to);
    if (!o->narrow && f->two != NULL) measure_two(f, share, to);
    if (!o->narrow) return;
    u64 all = (u64)1 << 32, step = all / o->count, part = all / o->jobs;
    u64 end = index + 1 == o->jobs ? all : (index + 1) * part;
    measure_narrow(f, index * part, end, step == 0 ? 1 : step, to);
}

/* Runs a function's jobs in processes of their own and joins what they found. */
static bool run_jobs(const function *f, const options *o, result *to) {
    int pipes[2];
    if (pipe(pipes) != 0) return false;
    fflush(stdout);
    for (u32 k = 0; k < o->jobs; k++) {
        pid_t child = fork();
        if (child < 0) return false;
        if (child > 0) continue;
        result r;
        job(f, o, k, &r);
        _exit(write(pipes[1], &r, sizeof r) == (ssize_t)sizeof r ? 0 : 1);
    }
    close(pipes[1]);
    u32 heard = 0;
    for (result r; read(pipes[0], &r, sizeof r) == (ssize_t)sizeof r; heard++) {
        if (heard == 0 || r.ulp > to->ulp) to->ulp = r.ulp, to->x = r.x, to->y = r.y;
        to->count += r.count, to->asked += r.asked, to->wrong += r.wrong;
    }
    close(pipes[0]);
    while (wait(NULL) > 0) continue;
    return heard == o->jobs;
}

static bool report(const function *f, const options *o, const result *r) {
    if (o->narrow) {
        printf("| %s | %.7f | %.9g | %" PRIu64 " | %" PRIu64 " | %" PRIu64 " |\n", f->name, r->ulp,
               r->x, r->wrong, r->asked, r->count);
        return r->ulp <= 0.5001;
    }
    printf("| %s | %.4f | %.17g", f->name, r->ulp, r->x);
    if (f->two != NULL) printf(", %.17g", r->y);
    printf(" | %" PRIu64 " |\n", r->count);
    return r->ulp <= f->bound;
}

static bool read_options(int argc, char **argv, options *o) {
    *o = (options){.seed = 1, .jobs = 1};
    for (int k = 1; k < argc; k++) {
        const char *name = argv[k];
        if (strcmp(name, "--f32") == 0) {
            o->narrow = true;
            continue;
        }
        if (++k >= argc) return false;
        if (strcmp(name, "--count") == 0)
            o->count = strtoull(argv[k], NULL, 0);
        else if (strcmp(name, "--seed") == 0)
            o->seed = strtoull(argv[k], NULL, 0);
        else if (strcmp(name, "--jobs") == 0)
            o->jobs = (u32)strtoul(argv[k], NULL, 0);
        else if (strcmp(name, "--only") == 0)
            o->only = argv[k];
        else
            return false;
    }
    u64 most = (u64)1 << 32;
    if (o->count == 0) o->count = o->narrow ? most : 10000000;
    return o->jobs >= 1 && o->jobs <= JOBS_MOST && (!o->narrow || o->count <= most);
}

int main(int argc, char **argv) {
    options o;
    if (!read_options(argc, argv, &o)) {
        fprintf(stderr, "usage: measure [--count N] [--seed S] [--jobs J] [--only NAME] [--f32]\n");
        return 2;
    }
    bool kept = true;
    printf("kernels %s, seed %" PRIu64 "\n", kernels_level_text(kernels_choose(KERNELS_V4)),
           o.seed);
    for (u32 k = 0; k < functions_count; k++) {
        const function *f = &functions[k];
        if ((o.only != NULL && strcmp(o.only, f->name) != 0) || (o.narrow && f->one == NULL))
            continue;
        result r = {0};
        if (!run_jobs(f, &o, &r)) {
            fprintf(stderr, "measure: a job of %s ended early\n", f->name);
            return 1;
        }
        if (!report(f, &o, &r)) {
            printf("%s passes its bound\n", f->name);
            kept = false;
        }
        fflush(stdout);
    }
    return kept ? 0 : 1;
}
