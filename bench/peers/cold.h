/* SPDX-License-Identifier: Apache-2.0
 * cold: inputs of the cold graph, as bench_cold.c has them. */
#ifndef MMSB_BENCH_COLD_H
#define MMSB_BENCH_COLD_H
#include "peer.h"

#define COLD_LANES ((size_t)16 << 20)
#define COLD_LIMIT 500.0
#define COLD_TRIES 7
struct cold {
    double *price, *qty, *cost, *fx, *value, *pnl, *cap, *risk;
};
static inline struct cold cold_make(void) {
    double *p[8];
    uint64_t seed = 42;
    for (int k = 0; k < 8; k++) p[k] = peer_array(COLD_LANES);
    for (int k = 0; k < 4; k++)
        for (size_t l = 0; l < COLD_LANES; l++)
            p[k][l] = 1.0 + (double)(bench_random(&seed) >> 40) * 1e-6;
    struct cold c = {p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7]};
    return c;
}
#endif
