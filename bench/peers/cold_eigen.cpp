/* SPDX-License-Identifier: Apache-2.0
 * The cold graph with Eigen arrays: one expression a page. */
#include <Eigen/Core>

#include "cold.h"

using array = Eigen::Map<Eigen::ArrayXd, Eigen::Aligned64>;

int main() {
    bench_pin();
    cold c = cold_make();
    array price(c.price, COLD_LANES), qty(c.qty, COLD_LANES), cost(c.cost, COLD_LANES);
    array fx(c.fx, COLD_LANES), value(c.value, COLD_LANES), pnl(c.pnl, COLD_LANES);
    array cap(c.cap, COLD_LANES), risk(c.risk, COLD_LANES);
    double ns[COLD_TRIES], total = 0;
    for (int t = -1; t < COLD_TRIES; t++) {
        uint64_t start = bench_ns();
        value = price * qty;
        pnl = (price - cost) * qty * fx;
        cap = pnl.max(-COLD_LIMIT).min(COLD_LIMIT);
        risk = (pnl < 0).select(value, cap);
        total = pnl.sum();
        if (t >= 0) ns[t] = (double)(bench_ns() - start);
    }
    char note[64];
    snprintf(note, sizeof note, "one expression a page; total %.9g", total);
    peer_row("cold", "Eigen arrays", ns, COLD_TRIES, 1e6, "ms", note);
}
