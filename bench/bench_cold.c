/* SPDX-License-Identifier: Apache-2.0
 * Cold: 16 Mi f64, four inputs, four outputs and a sum, everything recomputed; beside hand-written
 * fused C (plain stores and non-temporal stores) of the same work, interleaved in one run. */
#include <immintrin.h>

#include "bench.h"

#define N ((u64)16 << 20)
#define TRIES 9
#define LIMIT 500.0

static const char *text = "param n = 16_777_216\n"
                          "source price: f64[n]\nsource qty: f64[n]\nsource cost: f64[n]\n"
                          "source fx: f64[n]\n"
                          "page value = price * qty\n"
                          "page pnl = (price - cost) * qty * fx\n"
                          "page cap = clamp(pnl, -500.0, 500.0)\n"
                          "page risk = if pnl < 0.0 then value else cap\n"
                          "page total = sum(pnl)\n";

static f64 *in[4], *out[4];
static f64 floor_total;

/* One pass over blocks of 512: every output stored, the sum kept in 16 lanes a block. */
#define FLOOR(name, STORE)                                                                       \
    static void name(void) {                                                                     \
        __m512d low = _mm512_set1_pd(-LIMIT), high = _mm512_set1_pd(LIMIT);                      \
        __m512d zero = _mm512_setzero_pd();                                                      \
        f64 total = 0;                                                                           \
        for (u64 b = 0; b < N; b += 512) {                                                       \
            __m512d s = zero;                                                                    \
            for (u64 k = b; k < b + 512; k += 8) {                                               \
                __m512d p = _mm512_load_pd(in[0] + k), q = _mm512_load_pd(in[1] + k);            \
                __m512d v = _mm512_mul_pd(p, q);                                                 \
                __m512d x =                                                                      \
                    _mm512_mul_pd(_mm512_mul_pd(_mm512_sub_pd(p, _mm512_load_pd(in[2] + k)), q), \
                                  _mm512_load_pd(in[3] + k));                                    \
                __m512d c = _mm512_min_pd(_mm512_max_pd(x, low), high);                          \
                __m512d r = _mm512_mask_blend_pd(_mm512_cmp_pd_mask(x, zero, _CMP_LT_OQ), c, v); \
                STORE(out[0] + k, v);                                                            \
                STORE(out[1] + k, x);                                                            \
                STORE(out[2] + k, c);                                                            \
                STORE(out[3] + k, r);                                                            \
                s = _mm512_add_pd(s, x);                                                         \
            }                                                                                    \
            total += _mm512_reduce_add_pd(s);                                                    \
        }                                                                                        \
        floor_total = total;                                                                     \
    }
#ifdef __AVX512F__
FLOOR(floor_plain, _mm512_store_pd)
FLOOR(floor_streamed, _mm512_stream_pd)
#else
/* The same on AVX2: four lanes a vector, two vectors a round. */
#define FLOOR_HALF(k, STORE)                                                                       \
    {                                                                                              \
        __m256d p = _mm256_load_pd(in[0] + (k)), q = _mm256_load_pd(in[1] + (k));                  \
        __m256d v = _mm256_mul_pd(p, q);                                                           \
        __m256d x = _mm256_mul_pd(_mm256_mul_pd(_mm256_sub_pd(p, _mm256_load_pd(in[2] + (k))), q), \
                                  _mm256_load_pd(in[3] + (k)));                                    \
        __m256d c = _mm256_min_pd(_mm256_max_pd(x, low), high);                                    \
        __m256d r = _mm256_blendv_pd(c, v, _mm256_cmp_pd(x, zero, _CMP_LT_OQ));                    \
        STORE(out[0] + (k), v);                                                                    \
        STORE(out[1] + (k), x);                                                                    \
        STORE(out[2] + (k), c);                                                                    \
        STORE(out[3] + (k), r);                                                                    \
        s = _mm256_add_pd(s, x);                                                                   \
    }
#define FLOOR_AVX2(name, STORE)                                             \
    static void name(void) {                                                \
        __m256d low = _mm256_set1_pd(-LIMIT), high = _mm256_set1_pd(LIMIT); \
        __m256d zero = _mm256_setzero_pd();                                 \
        f64 total = 0;                                                      \
        for (u64 b = 0; b < N; b += 512) {                                  \
            __m256d s = zero;                                               \
            for (u64 k = b; k < b + 512; k += 8) {                          \
                FLOOR_HALF(k, STORE)                                        \
                FLOOR_HALF(k + 4, STORE)                                    \
            }                                                               \
            total += (s[0] + s[1]) + (s[2] + s[3]);                         \
        }                                                                   \
        floor_total = total;                                                \
    }
FLOOR_AVX2(floor_plain, _mm256_store_pd)
FLOOR_AVX2(floor_streamed, _mm256_stream_pd)
#endif

static void fill(engine *e, const image *i) {
    static const char *names[4] = {"price", "qty", "cost", "fx"};
    u64 seed = 42;
    for (u32 s = 0; s < 4; s++) {
        f64 *page = engine_page_bytes(e, bench_page(i, names[s]));
        for (u64 k = 0; k < N; k++) page[k] = 1.0 + (f64)(bench_random(&seed) >> 40) * 1e-6;
        in[s] = bench_memory(N * 8);
        memcpy(in[s], page, N * 8);
        out[s] = bench_memory(N * 8);
        memset(out[s], 0, N * 8);
    }
}

static void check(engine *e, const image *i) {
    static const char *names[4] = {"value", "pnl", "cap", "risk"};
    for (u32 s = 0; s < 4; s++) {
        if (memcmp(engine_page(e, bench_page(i, names[s])), out[s], N * 8) != 0) {
            fprintf(stderr, "bench: page %s differs from the floor's\n", names[s]);
            exit(70);
        }
    }
    f64 total = *(const f64 *)engine_page(e, bench_page(i, "total"));
    if (fabs(total - floor_total) > 1e-9 * fabs(floor_total)) exit(70);
}

int main(void) {
    image i;
    message m = {.used = 0};
    engine *e = NULL;
    engine *shared = NULL, *native = NULL;
    f64 compiled[TRIES], ours[TRIES], plain[TRIES], streamed[TRIES], two[TRIES];
    mmsbc_result *r = bench_compile(text, &i);
    engine_options o = {.recompute_all = true};
    bench_try(engine_open(&i, &o, &e, &m), &m);
    o.threads = 2;
    bench_try(engine_open(&i, &o, &shared, &m), &m);
    o.threads = 1;
    bench_try(engine_open(&i, &o, &native, &m), &m);
    bool has_native = bench_native(native);
    bench_pin(); /* the second thread stays free to go elsewhere */
    fill(e, &i);
    for (u32 p = 1; p < i.page_count; p++)
        if (i.pages[p].kind == PAGE_SOURCE) {
            memcpy(engine_page_bytes(shared, p), engine_page(e, p), N * 8);
            memcpy(engine_page_bytes(native, p), engine_page(e, p), N * 8);
        }
    bench_try(engine_epoch0(e, &m), &m);
    bench_try(engine_epoch0(shared, &m), &m);
    bench_try(engine_epoch0(native, &m), &m);
    for (int t = -1; t < TRIES; t++) {
        u64 a = bench_ns();
        floor_plain();
        u64 b = bench_ns();
        floor_streamed();
        u64 c = bench_ns();
        bench_try(engine_run(e, &m), &m);
        engine_accept(e);
        u64 d = bench_ns();
        bench_try(engine_run(shared, &m), &m);
        engine_accept(shared);
        u64 f = bench_ns();
        bench_try(engine_run(native, &m), &m);
        engine_accept(native);
        u64 g = bench_ns();
        if (t < 0) continue;
        compiled[t] = (f64)(g - f);
        plain[t] = (f64)(b - a), streamed[t] = (f64)(c - b), ours[t] = (f64)(d - c);
        two[t] = (f64)(f - d);
    }
    check(e, &i);
    check(shared, &i);
    check(native, &i);
    if (engine_root(e) != engine_root(shared) || engine_root(e) != engine_root(native)) exit(70);
    bench_row("cold", "floor: C, fused, plain stores", plain, TRIES, 1e6, "ms", 0, 0, "");
    f64 base = bench_row("cold", "floor: C, fused, non-temporal stores", streamed, TRIES, 1e6, "ms",
                         0, 0, "the bar is against this row");
    f64 one = bench_row("cold", "16 Mi f64, 4 outputs + sum, all lanes recomputed", ours, TRIES,
                        1e6, "ms", base, 2.5, "tile VM, 1 thread; pages bit-equal to the floor's");
    bench_row("cold", "the same, 2 threads", two, TRIES, 1e6, "ms", one, 0,
              "ratio to the row above; one root");
    if (has_native)
        bench_row("cold", "the same, native, 1 thread", compiled, TRIES, 1e6, "ms", base, 1.25,
                  "ratio to the floor with non-temporal stores; one root");
    engine_close(e);
    engine_close(native);
    engine_close(shared);
    mmsbc_free(r);
    return 0;
}
