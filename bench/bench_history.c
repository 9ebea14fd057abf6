/* SPDX-License-Identifier: Apache-2.0
 * bench_history: what an epoch of a graph over a history costs: a FIR filter of 256 taps and the
 * sum of 252 days, 1000 lanes each; the same lane, another lane, or every lane changes in each
 * epoch. Epochs behind the first 300 run inside measured(), for counting instructions with
 * callgrind. usage: bench_history fir|sum|row same|random|all EPOCHS */
#include "bench.h"

#define LANES 1000u
#define BEFORE 300u /* epochs until every row has another past */

static engine *e;
static image i;
static u32 page, epochs;
static char how;

__attribute__((noinline)) void measured(void);

static void one_epoch(void) {
    static u64 seed = 7;
    static f64 values[LANES];
    message m = {.used = 0};
    u32 count = how == 'a' ? LANES : 1;
    for (u32 k = 0; k < count; k++) values[k] = 1.0 + (f64)(bench_random(&seed) >> 40);
    delta d = {.page = page,
               .type = TYPE_F64,
               .first = how == 'a'   ? 0
                        : how == 's' ? 777
                                     : bench_random(&seed) % LANES,
               .count = count,
               .payload_bytes = count * sizeof(f64),
               .payload = values};
    engine_apply(e, &d);
    bench_try(engine_run(e, &m), &m);
    engine_accept(e);
}

void measured(void) {
    for (u32 k = 0; k < epochs; k++) one_epoch();
}

int main(int count, char **arguments) {
    static const char *texts[] = {
        "source x: f64[1000]\nsource c: f64[256] = 0.01\n"
        "page y[i: 1000] = sum(c[k] * history(x, 256)[k, i] for k: 256)\nexport y\n",
        "source x: f64[1000]\npage y[i: 1000] = sum(history(x, 252)[k, i] for k: 252)\nexport y\n",
        "source x: f64[1000]\npage y[i: 1000] = history(x, 252)[251, i]\nexport y\n"};
    message m = {.used = 0};
    if (count != 4) return 2;
    const char *text = texts[arguments[1][0] == 'f' ? 0 : arguments[1][0] == 's' ? 1 : 2];
    how = arguments[2][0], epochs = (u32)strtoul(arguments[3], NULL, 10);
    bench_compile(text, &i);
    bench_try(engine_open(&i, NULL, &e, &m), &m);
    page = bench_page(&i, "x");
    bench_try(engine_epoch0(e, &m), &m);
    for (u32 k = 0; k < BEFORE; k++) one_epoch();
    u64 before = bench_ns();
    measured();
    printf("%s, %s: %.1f us an epoch; root 0x%016llx\n", arguments[1], arguments[2],
           (f64)(bench_ns() - before) / 1000 / epochs, (unsigned long long)engine_root(e));
    engine_close(e);
    return 0;
}
