/* SPDX-License-Identifier: Apache-2.0
 * Sparse: one lane of 1 Mi f64 changes, ten stages and the sum are right again; beside hand-written
 * C that recomputes the 512-lane block of every stage and the path of the sum.  */
#include "bench.h"

#define N ((u64)1 << 20)
#define STAGES 10
#define TRIES 4000

static f64 *stage[STAGES + 1], part[N / 512], total;

static void floor_block(u64 b) {
    for (u32 k = 0; k < STAGES; k++) {
        const f64 *s = stage[k] + b * 512;
        f64 *d = stage[k + 1] + b * 512;
        f64 a = 1.0 + 0.01 * k, c = 0.5 * k;
        if (k & 1)
            for (u32 l = 0; l < 512; l++) d[l] = (s[l] > c ? s[l] : c) * a;
        else
            for (u32 l = 0; l < 512; l++) d[l] = s[l] * a + c;
    }
    f64 lanes[16] = {0};
    for (u32 l = 0; l < 512; l++) lanes[l & 15] += stage[STAGES][b * 512 + l];
    for (u32 h = 8; h > 0; h /= 2)
        for (u32 l = 0; l < h; l++) lanes[l] += lanes[l + h];
    part[b] = lanes[0];
    u64 first = b & ~(u64)15;
    f64 sum = 0;
    for (u32 l = 0; l < 16; l++) sum += part[first + l];
    total = sum;
}

static void graph_text(char *to, size_t bytes) {
    int used = snprintf(to, bytes, "param n = 1_048_576\nsource s0: f64[n]\n");
    for (u32 k = 0; k < STAGES; k++) {
        f64 a = 1.0 + 0.01 * k, c = 0.5 * k;
        const char *form =
            k & 1 ? "page s%u = max(s%u, %.17g) * %.17g\n" : "page s%u = s%u * %.17g + %.17g\n";
        used +=
            snprintf(to + used, bytes - (size_t)used, form, k + 1, k, k & 1 ? c : a, k & 1 ? a : c);
    }
    snprintf(to + used, bytes - (size_t)used, "page total = sum(s%u)\n", STAGES);
}

/* %.17g may print "0" or "1", which the language reads as integers: they adapt to f64, so the text
 * stays valid. */
static void sparse(bool random, const char *name, f64 bar_ns) {
    static char text[4096];
    image i;
    message m = {.used = 0};
    engine *e = NULL;
    static f64 ours[TRIES], floor_ns[TRIES];
    graph_text(text, sizeof text);
    mmsbc_result *r = bench_compile(text, &i);
    bench_try(engine_open(&i, NULL, &e, &m), &m);
    u32 source = bench_page(&i, "s0");
    u64 seed = 7;
    f64 *first = engine_page_bytes(e, source);
    for (u64 k = 0; k < N; k++) first[k] = (f64)(bench_random(&seed) >> 40);
    for (u32 k = 0; k <= STAGES; k++)
        stage[k] = bench_memory(N * 8 + 65536), memset(stage[k], 0, N * 8);
    memcpy(stage[0], first, N * 8);
    for (u64 b = 0; b < N / 512; b++) floor_block(b);
    bench_try(engine_epoch0(e, &m), &m);
    for (int t = -500; t < TRIES; t++) {
        u64 lane = random ? bench_random(&seed) % N : 777777;
        f64 value = (f64)(bench_random(&seed) >> 40);
        u64 a = bench_ns();
        stage[0][lane] = value;
        floor_block(lane / 512);
        u64 b = bench_ns();
        bench_tick(e, source, lane, value);
        u64 c = bench_ns();
        if (t >= 0) floor_ns[t] = (f64)(b - a), ours[t] = (f64)(c - b);
    }
    f64 last = ((const f64 *)engine_page(e, bench_page(&i, "s10")))[777777];
    if (last != stage[STAGES][777777]) exit(70);
    char floor_name[96];
    snprintf(floor_name, sizeof floor_name, "floor: C, 512-lane blocks, %s lane",
             random ? "random" : "hot");
    bench_row("sparse", floor_name, floor_ns, TRIES, 1e3, "us", 0, 0, "");
    bench_row("sparse", name, ours, TRIES, 1e3, "us", bar_ns, 1.0,
              "apply + run + accept, log off; ratio to the bar of 6 us");
    engine_close(e);
    mmsbc_free(r);
    for (u32 k = 0; k <= STAGES; k++) free(stage[k]);
}

int main(void) {
    bench_pin();
    sparse(false, "one hot lane of 1 Mi, 10 stages + sum", 6000);
    sparse(true, "one random lane of 1 Mi, 10 stages + sum", 6000);
    return 0;
}
