/* SPDX-License-Identifier: Apache-2.0
 * peer: timing and one row for peers' programs, in C and C++. */
#ifndef MMSB_BENCH_PEER_H
#define MMSB_BENCH_PEER_H
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

static inline double peer_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}
static inline uint64_t peer_random(uint64_t *s) { /* xorshift64*, as bench.h's */
    uint64_t x = *s;
    x ^= x >> 12, x ^= x << 25, x ^= x >> 27;
    *s = x;
    return x * 2685821657736338717u;
}
static inline void peer_pin(void) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(0, &set);
    sched_setaffinity(0, sizeof set, &set);
}
static inline int peer_order(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}
static inline double *peer_array(size_t count) {
    size_t align = (size_t)2 << 20, bytes = (count * 8 + align - 1) / align * align;
    double *p = (double *)aligned_alloc(align, bytes);
    if (p == NULL) exit(5);
    madvise(p, bytes, MADV_HUGEPAGE);
    for (size_t k = 0; k < count; k++) p[k] = 0;
    return p;
}
static inline void peer_row(const char *section, const char *name, double *ns, int n, double scale,
                            const char *unit, const char *note) {
    qsort(ns, (size_t)n, sizeof *ns, peer_order);
    printf("%s\tpeer: %s\t%.4g\t%.4g\t%.4g\t%s\t\t\t\t%s\n", section, name, ns[n / 2] / scale,
           ns[0] / scale, ns[(n - 1) * 9 / 10] / scale, unit, note);
    fflush(stdout);
}
#endif
