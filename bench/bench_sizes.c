/* SPDX-License-Identifier: Apache-2.0
 * Time against size: one changed lane of n, beside a full recompute of n; a million-page graph with
 * one dirty source; memory beside the plan. usage: bench_sizes [MOST_LANES] */
#include <sys/resource.h>

#include "bench.h"

#define TRIES 401

static message m;

/* y = x * 1.5 + 2 stored, and its sum. The full recompute is the same engine told to redo all. */
static void lanes(u64 n) {
    char text[200], name[96];
    f64 one[TRIES], all[9];
    image i;
    engine *sparse = NULL, *whole = NULL;
    engine_options every = {.recompute_all = true};
    snprintf(text, sizeof text,
             "source x: f64[%llu]\npage y = x * 1.5 + 2.0\npage total = sum(y)\n",
             (unsigned long long)n);
    mmsbc_result *r = bench_compile(text, &i);
    u32 x = bench_page(&i, "x");
    u64 seed = 11;
    bench_try(engine_open(&i, &every, &whole, &m), &m);
    bench_try(engine_epoch0(whole, &m), &m);
    u32 whole_tries = n > 10000000 ? 3 : 9;
    for (u32 t = 0; t < whole_tries; t++) {
        u64 start = bench_ns();
        bench_tick(whole, x, bench_random(&seed) % n, 1.0 + t);
        all[t] = (f64)(bench_ns() - start);
    }
    engine_close(whole);
    bench_try(engine_open(&i, NULL, &sparse, &m), &m);
    bench_try(engine_epoch0(sparse, &m), &m);
    for (u32 t = 0; t < TRIES; t++) {
        u64 lane = bench_random(&seed) % n, start = bench_ns();
        bench_tick(sparse, x, lane, 2.0 + t);
        one[t] = (f64)(bench_ns() - start);
    }
    bench_try(engine_run(sparse, &m), &m);
    bench_try(engine_check(sparse, &m), &m);
    engine_accept(sparse);
    snprintf(name, sizeof name, "%llu lanes, all recomputed", (unsigned long long)n);
    f64 base = bench_row("size", name, all, whole_tries, 1e3, "us", 0, 0, "1 thread");
    snprintf(name, sizeof name, "%llu lanes, one random lane changed", (unsigned long long)n);
    bench_row("size", name, one, TRIES, 1e3, "us", base, 0, "ratio to all of them");
    engine_close(sparse);
    mmsbc_free(r);
}

/* n scalar pages in chains of 16 behind n / 16 sources: one source changes. */
static f64 clean(u64 n, f64 small) {
    size_t room = (size_t)n * 48 + 64, used = 0;
    char *text = malloc(room), name[96];
    f64 ns[TRIES];
    image i;
    engine *e = NULL;
    if (text == NULL) exit(5);
    for (u64 k = 0; k < n; k++) {
        unsigned long long id = k;
        if (k % 16 == 0)
            used += (size_t)snprintf(text + used, room - used, "source p%llu: f64 = 1.0\n", id);
        else
            used += (size_t)snprintf(text + used, room - used, "page p%llu = p%llu * 1.5\n", id,
                                     id - 1);
    }
    mmsbc_result *r = bench_compile(text, &i);
    free(text);
    bench_try(engine_open(&i, NULL, &e, &m), &m);
    bench_try(engine_epoch0(e, &m), &m);
    u32 p0 = bench_page(&i, "p0");
    for (u32 t = 0; t < TRIES; t++) {
        u64 start = bench_ns();
        bench_tick(e, p0, 0, 3.0 + t);
        ns[t] = (f64)(bench_ns() - start);
    }
    snprintf(name, sizeof name, "%llu pages, one source of them dirty, its path of 15",
             (unsigned long long)n);
    f64 median;
    if (small == 0) {
        median = bench_row("clean", name, ns, TRIES, 1e3, "us", 0, 0, "the path alone");
    } else {
        median = bench_row("clean", name, ns, TRIES, 1e3, "us", small + 1000, 1.0,
                           "ratio to the path alone + 1 us");
    }
    engine_close(e);
    mmsbc_free(r);
    return median;
}

static f64 resident(void) {
    char line[128], *second = NULL;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f == NULL || fgets(line, sizeof line, f) == NULL || (second = strchr(line, ' ')) == NULL)
        exit(74);
    fclose(f);
    return (f64)strtoull(second, NULL, 10) * (f64)sysconf(_SC_PAGESIZE);
}
/* What 10,000 pages of 1 KiB cost in memory once each was written: the original needs 1,226 bytes.
 */
static void memory(void) {
    enum { PAGES = 10000, LANES = 128 };
    char *text = malloc(PAGES * 40);
    size_t used = 0;
    image i;
    engine *e = NULL;
    if (text == NULL) exit(5);
    for (u32 k = 0; k < PAGES; k++)
        used += (size_t)snprintf(text + used, PAGES * 40 - used, "source s%u: f64[128]\n", k);
    mmsbc_result *r = bench_compile(text, &i);
    free(text);
    f64 before = resident();
    bench_try(engine_open(&i, NULL, &e, &m), &m);
    u32 first = bench_page(&i, "s0");
    for (u32 k = 0; k < PAGES; k++) memset(engine_page_bytes(e, first + k), 0x3f, LANES * 8);
    bench_try(engine_epoch0(e, &m), &m);
    f64 bytes = (resident() - before) / PAGES;
    bench_row("memory", "resident, a page of 1 KiB, 10,000 written", &bytes, 1, 1, "bytes", 1226, 0,
              "the original's own figure: 1226 bytes; pages are 4 KiB-aligned");
    engine_close(e);
    mmsbc_free(r);
}

int main(int count, char **arguments) {
    u64 most = count > 1 ? strtoull(arguments[1], NULL, 10) : 100000000;
    bench_pin();
    memory();
    for (u64 n = 1000; n <= most; n *= 10) lanes(n);
    clean(1 << 20, clean(16, 0));
    return 0;
}
