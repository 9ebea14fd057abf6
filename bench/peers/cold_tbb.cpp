/* SPDX-License-Identifier: Apache-2.0
 * The cold graph with oneTBB: one deterministic reduction over the fused body. */
#include <functional>
#include <tbb/blocked_range.h>
#include <tbb/global_control.h>
#include <tbb/parallel_reduce.h>

#include "cold.h"

using range = tbb::blocked_range<size_t>;
static cold c;

static double body(const range &r, double sum) {
    double part[8] = {0};
    for (size_t i = r.begin(); i < r.end(); i += 8)
        for (size_t j = 0; j < 8; j++) {
            size_t q = i + j;
            double v = c.price[q] * c.qty[q], x = (c.price[q] - c.cost[q]) * c.qty[q] * c.fx[q];
            double k = x < -COLD_LIMIT ? -COLD_LIMIT : x;
            k = k > COLD_LIMIT ? COLD_LIMIT : k;
            c.value[q] = v, c.pnl[q] = x, c.cap[q] = k, c.risk[q] = x < 0 ? v : k;
            part[j] += x;
        }
    for (double p : part) sum += p;
    return sum;
}

int main() {
    c = cold_make();
    for (int threads = 1; threads <= 2; threads++) {
        tbb::global_control limit(tbb::global_control::max_allowed_parallelism, (size_t)threads);
        double ns[COLD_TRIES], total = 0;
        for (int t = -1; t < COLD_TRIES; t++) {
            uint64_t start = bench_ns();
            total = tbb::parallel_deterministic_reduce(range(0, COLD_LANES, 16384), 0.0, body,
                                                       std::plus<double>());
            if (t >= 0) ns[t] = (double)(bench_ns() - start);
        }
        char name[64], note[64];
        snprintf(name, sizeof name, "oneTBB, fused by hand, %d thread%s", threads,
                 threads > 1 ? "s" : "");
        snprintf(note, sizeof note, "total %.9g", total);
        peer_row("cold", name, ns, COLD_TRIES, 1e6, "ms", note);
    }
}
