/* SPDX-License-Identifier: Apache-2.0
 * One changed lane of 1 Mi through ten stages and a sum as a oneTBB flow graph: a node a stage,
 * each over the 512-lane block that holds the lane, then the sum's path. */
#include <tbb/flow_graph.h>
#include <tbb/global_control.h>

#include "peer.h"

static const size_t LANES = (size_t)1 << 20;
static const int STAGES = 10, TRIES = 2000;
static double *stage[11], part[LANES / 512], total;
static size_t block;

static void one_stage(int k) {
    const double *s = stage[k] + block * 512;
    double *d = stage[k + 1] + block * 512, a = 1.0 + 0.01 * k, c = 0.5 * k;
    if (k & 1)
        for (int l = 0; l < 512; l++) d[l] = (s[l] > c ? s[l] : c) * a;
    else
        for (int l = 0; l < 512; l++) d[l] = s[l] * a + c;
}
static void sum_path() {
    double lanes[16] = {0};
    for (int l = 0; l < 512; l++) lanes[l & 15] += stage[STAGES][block * 512 + (size_t)l];
    for (int h = 8; h > 0; h /= 2)
        for (int l = 0; l < h; l++) lanes[l] += lanes[l + h];
    part[block] = lanes[0];
    total = 0;
    for (size_t l = block & ~(size_t)15, end = l + 16; l < end; l++) total += part[l];
}

int main() {
    using namespace tbb::flow;
    bench_pin();
    tbb::global_control limit(tbb::global_control::max_allowed_parallelism, 1);
    for (double *&s : stage) s = peer_array(LANES);
    graph g;
    broadcast_node<continue_msg> start(g);
    std::vector<std::unique_ptr<continue_node<continue_msg>>> nodes;
    for (int k = 0; k <= STAGES; k++) {
        nodes.emplace_back(new continue_node<continue_msg>(g, [k](const continue_msg &) {
            if (k < STAGES)
                one_stage(k);
            else
                sum_path();
        }));
        if (k == 0)
            make_edge(start, *nodes[0]);
        else
            make_edge(*nodes[(size_t)k - 1], *nodes[(size_t)k]);
    }
    for (int random = 0; random < 2; random++) {
        static double ns[TRIES];
        uint64_t seed = 7;
        for (int t = -100; t < TRIES; t++) {
            size_t lane = random ? bench_random(&seed) % LANES : 777777;
            double value = (double)(bench_random(&seed) >> 40);
            uint64_t from = bench_ns();
            stage[0][lane] = value, block = lane / 512;
            start.try_put(continue_msg());
            g.wait_for_all();
            if (t >= 0) ns[t] = (double)(bench_ns() - from);
        }
        peer_row("sparse",
                 random ? "oneTBB flow graph, random lane" : "oneTBB flow graph, hot lane", ns,
                 TRIES, 1e3, "us", "a node a stage, 512-lane blocks");
    }
}
