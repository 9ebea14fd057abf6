/* SPDX-License-Identifier: Apache-2.0
 * Black-Scholes call and put of 4 Mi options, f64, everything recomputed, beside the same in C with
 * glibc's functions (erfc for the distribution), interleaved in one run. */
#include "bench.h"

#define N ((u64)4 << 20)
#define TRIES 7
#define RATE 0.03

static const char *text = "param n = 4_194_304\n"
                          "source s: f64[n]\nsource k: f64[n]\nsource t: f64[n]\nsource v: f64[n]\n"
                          "page d = (log(s / k) + (0.03 + 0.5 * v * v) * t) / (v * sqrt(t))\n"
                          "page call = s * cdf(d) - k * exp(-0.03 * t) * cdf(d - v * sqrt(t))\n"
                          "page put = call - s + k * exp(-0.03 * t)\n"
                          "export call, put\n";

static f64 *in[4], *call, *put;

static void floor_libm(void) {
    for (u64 i = 0; i < N; i++) {
        f64 s = in[0][i], k = in[1][i], t = in[2][i], v = in[3][i], w = v * sqrt(t);
        f64 d1 = (log(s / k) + (RATE + 0.5 * v * v) * t) / w, d2 = d1 - w;
        f64 e = k * exp(-RATE * t);
        f64 c = s * 0.5 * erfc(-d1 * M_SQRT1_2) - e * 0.5 * erfc(-d2 * M_SQRT1_2);
        call[i] = c, put[i] = c - s + e;
    }
}

static void fill(engine *e, const image *i) {
    static const char *const names[4] = {"s", "k", "t", "v"};
    static const f64 low[4] = {50, 50, 0.1, 0.1}, step[4] = {0.01, 0.01, 0.0002, 0.00004};
    u64 seed = 7;
    for (u32 a = 0; a < 4; a++) {
        f64 *page = engine_page_bytes(e, bench_page(i, names[a]));
        in[a] = bench_memory(N * 8);
        for (u64 l = 0; l < N; l++)
            in[a][l] = page[l] = low[a] + (f64)(bench_random(&seed) % 10000) * step[a];
    }
    call = bench_memory(N * 8), put = bench_memory(N * 8);
}

int main(void) {
    image i;
    message m = {.used = 0};
    engine *e = NULL;
    f64 ours[TRIES], libm[TRIES];
    mmsbc_result *r = bench_compile(text, &i);
    engine_options o = {.recompute_all = true};
    bench_try(engine_open(&i, &o, &e, &m), &m);
    bench_pin();
    fill(e, &i);
    bench_try(engine_epoch0(e, &m), &m);
    for (int t = -1; t < TRIES; t++) {
        u64 a = bench_ns();
        floor_libm();
        u64 b = bench_ns();
        bench_try(engine_run(e, &m), &m);
        engine_accept(e);
        u64 c = bench_ns();
        if (t >= 0) libm[t] = (f64)(b - a), ours[t] = (f64)(c - b);
    }
    const f64 *page = engine_page(e, bench_page(&i, "call"));
    for (u64 l = 0; l < N; l++)
        if (!(fabs(page[l] - call[l]) < 1e-11)) exit(70);
    f64 base = bench_row("scholes", "C with glibc's log, exp, erfc", libm, TRIES, 1e6, "ms", 0, 0,
                         "4 Mi options; the published machine: 224-253 ms");
    bench_row("scholes", "4 Mi options, call and put", ours, TRIES, 1e6, "ms", base, 0.25,
              "bit-stable; bar: 60 ms where glibc needs 240");
    engine_close(e);
    mmsbc_free(r);
    return 0;
}
