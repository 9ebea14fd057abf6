/* SPDX-License-Identifier: Apache-2.0
 * cuda_measure: which side a node is run on where that may be chosen. What a launch takes, a byte
 * between the sides, and a step of a lane here is measured when the GPU is opened; what a node has
 * to move is counted. Whatever comes out, the bits are the same. */
#include <time.h>

#include "cuda_private.h"

#define TRIES 5u
#define CPU_TILES 64u

static f64 now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    ASSERT(t.tv_sec >= 0);
    return (f64)t.tv_sec * 1e9 + (f64)t.tv_nsec;
}

/* A launch, what goes with it, and what comes back of it. */
static mmsb_status launch_once(engine *e, f64 *ns, message *m) {
    struct cuda *c = e->cuda;
    u64 head = BATCH_BLOCKS * sizeof(u64);
    u64 parameters[3] = {c->pages_at, c->batch_at, c->batch_at + head};
    f64 from = now();
    ASSERT(c->batch.count == 0);
    c->batch.places[0] = 0;
    TRY(CUDA(c, copy_in, "places to the GPU", c->batch_at, c->batch.places, head, c->d.stream));
    TRY(cuda_launch(e, c->blocks_out, 1, 256, parameters, 3, m));
    TRY(CUDA(c, copy_out, "blocks from the GPU", c->batch.packed, c->batch_at + head,
             CUDA_BLOCK_BYTES, c->d.stream));
    TRY(cuda_wait(e, m));
    *ns = now() - from;
    return MMSB_OK;
}

static mmsb_status copy_once(engine *e, f64 *ns, message *m) {
    struct cuda *c = e->cuda;
    u64 bytes = BATCH_BLOCKS * (u64)CUDA_BLOCK_BYTES, at = BATCH_BLOCKS * sizeof(u64);
    f64 from = now();
    ASSERT(c->batch.packed != NULL);
    TRY(CUDA(c, copy_in, "blocks to the GPU", c->batch_at + at, c->batch.packed, bytes,
             c->d.stream));
    TRY(cuda_wait(e, m));
    *ns = (now() - from) / (f64)bytes;
    return MMSB_OK;
}

/* A step of a program, as the VM runs it. */
static f64 lane_once(engine *e) {
    kernel_fn fn = kernel_find(OP_MULADD, TYPE_F64, TYPE_F64, VARIANT_VV);
    u64 *const *b = e->workers[0].buffer;
    ASSERT(fn != NULL);
    for (u32 k = 0; k < 3; k++) memset(b[k], 0, TILE_LANES * sizeof(u64));
    f64 from = now();
    for (u32 k = 0; k < CPU_TILES; k++) fn(b[3], b[0], b[1], b[2], TILE_LANES);
    return (now() - from) / (CPU_TILES * TILE_LANES);
}

static f64 lesser(f64 a, f64 b) { return a < b ? a : b; }

mmsb_status cuda_measure(engine *e, message *m) {
    cuda_costs *x = &e->cuda->costs;
    u64 before = kernels_fp_enter(), launches = e->stats.cuda_launches;
    mmsb_status s = MMSB_OK;
    *x = (cuda_costs){1e18, 1e18, 1e18};
    for (u32 k = 0; s == MMSB_OK && k < TRIES; k++) {
        f64 launch = 0, byte = 0;
        s = launch_once(e, &launch, m);
        if (s == MMSB_OK) s = copy_once(e, &byte, m);
        x->launch = lesser(x->launch, launch), x->byte = lesser(x->byte, byte);
        x->lane = lesser(x->lane, lane_once(e));
    }
    e->stats.cuda_launches = launches; /* those of nodes are counted */
    kernels_fp_leave(before);
    ASSERT(s != MMSB_OK || (x->launch > 0 && x->byte > 0 && x->lane > 0));
    return s;
}

/* Blocks of a page that would go over, those that the host changed in this epoch among them. */
static u64 blocks_stale(const engine *e, u32 page, bool here) {
    const page_copy *c = &e->cuda->copies[page];
    const lane_set *d = &e->pages[page].dirty;
    const u64 *bits = here ? c->host_stale : c->device_stale;
    u64 count = 0;
    ASSERT(c->blocks != 0);
    if (here ? c->any_host : c->any_device)
        for (u64 w = 0; w < (c->blocks + 63) / 64; w++) count += (u64)__builtin_popcountll(bits[w]);
    if (!here) count += d->whole ? c->blocks : d->count;
    return u64_min(count, c->blocks);
}

/* What goes over, and comes back, of a node that is run there; what comes back first where it is
 * run here. */
static void bytes_of_work(const engine *e, const node_state *n, u64 lanes, u64 *there, u64 *here) {
    const cuda_plan *p = &e->cuda->plan;
    u8 role = role_of_node(e, n);
    *there = *here = 0;
    ASSERT(lanes > 0);
    for (u32 k = 0; k < n->row->tile_count + PAGES_MORE; k++) {
        bool stored;
        u32 page = node_page(e, n, k, &stored);
        if (page == 0) continue;
        u64 all = e->pages[page].lanes;
        if (!stored || !e->first_run) *there += blocks_stale(e, page, false) * CUDA_BLOCK_BYTES;
        *here += blocks_stale(e, page, true) * CUDA_BLOCK_BYTES;
        if (stored && !p->pages[page].resident)
            *there += u64_min(lanes, all) * e->pages[page].width;
    }
    if (!cuda_maps(role)) *there += (lanes / LEAF_LANES + 1) * (8 + cuda_leaf_bytes(n->row));
    if (role == CUDA_KEYED)
        *there += e->cuda->order_sent[n->row - e->image->nodes] ? 0 : lanes * sizeof(u32);
}

bool cuda_is_faster(const engine *e, const node_state *n, u64 lanes) {
    const cuda_costs *x = &e->cuda->costs;
    u32 launches = role_of_node(e, n) == CUDA_SCAN ? 2 : 1, steps = n->row->tile_count + 1;
    f64 work = (f64)lanes * steps * x->lane;
    u64 there, here;
    ASSERT(e->cuda->automatic && x->lane > 0);
    if (split_is_worth(e, n->shape->lanes, steps)) work /= e->worker_count;
    if (work < x->launch) return false; /* most often; without counting */
    bytes_of_work(e, n, lanes, &there, &here);
    return launches * x->launch + (f64)there * x->byte < work + (f64)here * x->byte;
}
