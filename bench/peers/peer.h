/* SPDX-License-Identifier: Apache-2.0
 * peer: an array and one row for peers' programs, in C and C++. */
#ifndef MMSB_BENCH_PEER_H
#define MMSB_BENCH_PEER_H
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "../clock.h"

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
    qsort(ns, (size_t)n, sizeof *ns, bench_order);
    printf("%s\tpeer: %s\t%.4g\t%.4g\t%.4g\t%s\t\t\t\t%s\n", section, name, ns[n / 2] / scale,
           ns[0] / scale, ns[(n - 1) * 9 / 10] / scale, unit, note);
    fflush(stdout);
}
#endif
