/* SPDX-License-Identifier: Apache-2.0
 * Fusion: a chain of four maps over 16 Mi f64, every lane recomputed, with every page of the chain
 * exported (so stored) and with the last one alone, interleaved in one run. */
#include "bench.h"

#define N ((u64)16 << 20)
#define TRIES 9

static const char *const head = "param n = 16_777_216\nsource x: f64[n]\n"
                                "page a = x * 1.5 + 2.0\npage b = max(a, 3.0) - x\n"
                                "page c = b * b\npage d = if c < 9.0 then a else c\n";

typedef struct {
    mmsbc_result *compiled;
    image i;
    engine *e;
} side;
static void side_open(side *s, const char *exports) {
    char text[400];
    message m = {.used = 0};
    engine_options o = {.recompute_all = true};
    snprintf(text, sizeof text, "%s%s\n", head, exports);
    s->compiled = bench_compile(text, &s->i);
    bench_try(engine_open(&s->i, &o, &s->e, &m), &m);
    f64 *x = engine_page_bytes(s->e, bench_page(&s->i, "x"));
    for (u64 k = 0; k < N; k++) x[k] = (f64)(k % 1000) * 0.01;
    bench_try(engine_epoch0(s->e, &m), &m);
}
static f64 side_run(side *s) {
    message m = {.used = 0};
    u64 start = bench_ns();
    bench_try(engine_run(s->e, &m), &m);
    engine_accept(s->e);
    return (f64)(bench_ns() - start);
}

int main(void) {
    side all, last;
    f64 stored[TRIES], fused[TRIES];
    bench_pin();
    side_open(&all, "export a, b, c, d");
    side_open(&last, "export d");
    for (int t = -1; t < TRIES; t++) {
        f64 a = side_run(&all), b = side_run(&last);
        if (t >= 0) stored[t] = a, fused[t] = b;
    }
    const void *d = engine_page(all.e, bench_page(&all.i, "d"));
    if (memcmp(d, engine_page(last.e, bench_page(&last.i, "d")), N * 8) != 0) exit(70);
    f64 base = bench_row("fusion", "chain of four maps, 16 Mi f64, four pages stored", stored,
                         TRIES, 1e6, "ms", 0, 0, "all exported");
    bench_row("fusion", "the same, the last page stored", fused, TRIES, 1e6, "ms", base, 0,
              "the others live in tiles; the page has the same bits");
    engine_close(all.e);
    engine_close(last.e);
    mmsbc_free(all.compiled);
    mmsbc_free(last.compiled);
    return 0;
}
