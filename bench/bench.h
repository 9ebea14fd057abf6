/* SPDX-License-Identifier: Apache-2.0
 * bench: timing, statistics and one result row for every benchmark. Rows go to stdout,
 * tab-separated: section, case, median, best, p90, unit, ratio to the floor ("" where it is the
 * floor), bar, verdict, note */
#ifndef MMSB_BENCH_H
#define MMSB_BENCH_H
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "clock.h"
#include "engine.h"
#include "kernels.h"
#include "mmsbc.h"
#include "native.h"
#include "session.h"

/* Prints a row of n samples in ns, shown divided by `scale`; returns the median in ns. floor_ns 0:
 * this is a floor. bar: the ratio that must not be passed, 0: none. */
static inline f64 bench_row(const char *section, const char *name, f64 *ns, u32 n, f64 scale,
                            const char *unit, f64 floor_ns, f64 bar, const char *note) {
    qsort(ns, n, sizeof *ns, bench_order);
    f64 median = ns[n / 2], best = ns[0], late = ns[(u64)(n - 1) * 9 / 10];
    printf("%s\t%s\t%.4g\t%.4g\t%.4g\t%s\t", section, name, median / scale, best / scale,
           late / scale, unit);
    if (floor_ns > 0) printf("%.3g", median / floor_ns);
    printf("\t");
    if (bar > 0)
        printf("%.3g\t%s", bar, median <= bar * floor_ns ? "ok" : "MISSED");
    else
        printf("\t");
    printf("\t%s\n", note);
    fflush(stdout);
    return median;
}

static inline f64 bench_least(const f64 *ns, u32 n) {
    f64 least = ns[0];
    for (u32 k = 1; k < n; k++) least = ns[k] < least ? ns[k] : least;
    return least;
}

/* A row whose one figure is the best of many rounds, in turn with the floor's: for short loops on a
 * machine that others use. floor 0: this is a floor. bar: as bench_row's. */
static inline void bench_best(const char *section, const char *name, const char *side, f64 best,
                              const char *unit, f64 floor, f64 bar) {
    printf("%s\t%s, %s\t\t%.4g\t\t%s\t", section, name, side, best, unit);
    if (floor > 0) printf("%.3g", best / floor);
    printf("\t");
    if (bar > 0)
        printf("%.3g\t%s", bar, best <= bar * floor ? "ok" : "MISSED");
    else
        printf("\t");
    printf("\t\n");
    fflush(stdout);
}

static inline void *bench_memory(u64 bytes) {
    u64 align = 2u << 20;
    void *p = aligned_alloc(align, ALIGN_UP(bytes, align));
    if (p == NULL) {
        fprintf(stderr, "bench: out of memory for %llu bytes\n", (unsigned long long)bytes);
        exit(5);
    }
    madvise(p, ALIGN_UP(bytes, align), MADV_HUGEPAGE);
    return p;
}

/* Compiles text and opens its image; exits with the diagnostics on stderr where that fails. */
static inline mmsbc_result *bench_compile(const char *text, image *out) {
    mmsbc_options o = {
        .name = "bench.mmsbg", .text = text, .bytes = strlen(text), .messages = stderr};
    mmsbc_result *r = NULL;
    message m = {.used = 0};
    size_t bytes = 0;
    if (mmsbc_compile(&o, &r) != 0) exit(70);
    const void *at = mmsbc_image(r, &bytes);
    if (image_verify(at, bytes, out, &m) != MMSB_OK) {
        fprintf(stderr, "bench: %s\n", m.text);
        exit(70);
    }
    return r;
}

static inline void bench_try(mmsb_status status, const message *m) {
    if (status == MMSB_OK) return;
    fprintf(stderr, "bench: %s: %s\n", status_text(status), m->text);
    exit(status_exit(status));
}

/* An epoch of one delta: one f64 lane set. */
static inline void bench_tick(engine *e, u32 page, u64 lane, f64 value) {
    message m = {.used = 0};
    delta d = {.page = page,
               .type = TYPE_F64,
               .first = lane,
               .count = 1,
               .payload_bytes = 8,
               .payload = &value};
    engine_apply(e, &d);
    bench_try(engine_run(e, &m), &m);
    engine_accept(e);
}

static inline u32 bench_page(const image *i, const char *name) {
    u32 page = image_find_page(i, name, strlen(name));
    if (page == 0) {
        fprintf(stderr, "bench: the graph has no page %s\n", name);
        exit(70);
    }
    return page;
}

/* Gives an opened engine native code, compiled anew; false where there is no compiler. */
static inline bool bench_native(engine *e) {
    message m = {.used = 0};
    arena *a = arena_open(0);
    native_plan p;
    void *library;
    const native_table *t;
    u32 refused = 0;
    int fd;
    bool done = a != NULL &&
                native_compile_image(engine_image(e), a, &p, &library, &fd, &t, &m) == MMSB_OK &&
                t != NULL && native_install(e, &p, t, &refused, &m) == MMSB_OK && refused == 0;
    if (!done) fprintf(stderr, "skipped: native: %s\n", m.text);
    arena_close(a);
    return done;
}
#endif
