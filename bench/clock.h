/* SPDX-License-Identifier: Apache-2.0
 * clock: time, a generator and a pinned processor for benchmarks, in C and in C++ (peers). */
#ifndef MMSB_BENCH_CLOCK_H
#define MMSB_BENCH_CLOCK_H
#include <sched.h>
#include <stdint.h>
#include <time.h>

static inline uint64_t bench_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline uint64_t bench_random(uint64_t *s) { /* xorshift64* */
    uint64_t x = *s;
    x ^= x >> 12, x ^= x << 25, x ^= x >> 27;
    *s = x;
    return x * 2685821657736338717u;
}

static inline void bench_pin(void) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(0, &set);
    sched_setaffinity(0, sizeof set, &set);
}

static inline int bench_order(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}
#endif
