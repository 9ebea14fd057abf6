/* SPDX-License-Identifier: Apache-2.0
 * wave: walks commands in dependency order; only nodes whose pages changed are visited. A node's
 * worklist becomes dense tiles where many lanes of a tile are in it, and packed tiles gathered from
 * many where few are. */
#include "cuda/cuda.h"
#include "state.h"

#define DENSE_LANES 96u /* of 512: from here on a dense tile is cheaper than packing */

void readers_mark(engine *e, u32 page) {
    const image_page *p = &e->image->pages[page];
    for (u32 k = 0; k < p->reader_count; k++) {
        const image_read *r = &e->image->reads[e->image->readers[p->reader_at + k]];
        set_add(&e->pending, e->nodes[r->node].place);
    }
}

static void packed_flush(worker *w, node_state *n) {
    ASSERT(w->packed_count <= TILE_LANES);
    if (w->packed_count == 0) return;
    u32 count = w->packed_count;
    w->packed_count = 0;
    vm_packed(w, n, w->lane_list, count);
}

/* A tile of few lanes adds them to the list; one of many is run where it lies. */
static void tile_run(worker *w, node_state *n, u64 tile) {
    const u64 *bits_at = w->e->work.leaf + tile * SET_TILE_WORDS;
    u64 base = tile * TILE_LANES;
    ASSERT(base < n->shape->lanes);
    if (w->packed_count + DENSE_LANES > TILE_LANES) packed_flush(w, n);
    u32 first = w->packed_count, at = first;
    for (u32 k = 0; k < SET_TILE_WORDS; k++) {
        for (u64 bits = bits_at[k]; bits != 0; bits &= bits - 1) {
            if (at - first == DENSE_LANES - 1) {
                vm_dense(w, n, base, (u32)u64_min(TILE_LANES, n->shape->lanes - base));
                return;
            }
            w->lane_list[at++] = base + k * 64 + (u64)__builtin_ctzll(bits);
        }
    }
    w->packed_count = at;
}

/* Tiles [from, to) of a node that is run whole. */
static void map_share(worker *w, void *context, u64 from, u64 to) {
    node_state *n = context;
    u64 lanes = n->shape->lanes;
    for (u64 base = from * TILE_LANES; base < u64_min(lanes, to * TILE_LANES); base += TILE_LANES)
        vm_dense(w, n, base, (u32)u64_min(TILE_LANES, lanes - base));
    kernel_stream_end();
}

/* Whether only lanes of a worker's own tiles are written: lists of offsets are everybody's. */
static bool map_can_split(const engine *e, const node_state *n) {
    if (e->verify || !split_is_worth(e, n->shape->lanes, n->row->tile_count)) return false;
    for (u32 k = 0; k < n->row->tile_count && !e->first_run; k++)
        if (n->tile[k].row->op == IN_STORE && e->pages[n->tile[k].row->imm].head != NULL)
            return false;
    return true;
}

static void map_whole(engine *e, node_state *n, u64 tiles) {
    split s = {.e = e, .units = tiles, .share = map_share, .context = n};
    bool several = map_can_split(e, n);
    e->streams = store_streams(e, n);
    if (e->streams) store_streams_begin(e, n);
    if (several)
        split_run(&s);
    else
        map_share(e->workers, n, 0, tiles);
    if (several) store_join(e, n);
    if (e->streams) store_streams_end(e, n);
}

static void map_run(engine *e, node_state *n) {
    ASSERT(n->row->kind == NODE_MAP);
    worker *w = e->workers;
    u64 lanes = n->shape->lanes, tiles = (lanes + TILE_LANES - 1) / TILE_LANES;
    e->work.whole = e->work.whole || e->work.count * 2 >= lanes;
    bool few = !e->work.whole && e->work.count < DENSE_LANES;
    e->spread_lanes = few ? (u32)e->work.count : (u32)u64_min(lanes, TILE_LANES);
    vm_uniform(w, n);
    if (e->work.whole) {
        map_whole(e, n, tiles);
        return;
    }
    for (u64 tile = set_next_tile(&e->work, 0); tile != SET_NONE;
         tile = set_next_tile(&e->work, tile + 1))
        tile_run(w, n, tile);
    packed_flush(w, n);
}

static mmsb_status asserts_check(engine *e, const node_state *n, message *m) {
    ASSERT(n->first_assert + n->assert_count <= e->image->assert_count);
    for (u32 k = 0; k < n->assert_count; k++) {
        const image_assert *a = &e->image->asserts[n->first_assert + k];
        if (e->pages[a->page].value[0] == 0) return assert_word(e, a, m);
    }
    return MMSB_OK;
}

static void node_run_here(engine *e, node_state *n) {
    ASSERT(!set_is_empty(&e->work));
    if (n->row->kind == NODE_MAP) {
        map_run(e, n);
    } else if (n->row->kind == NODE_REDUCE) {
        e->spread_lanes = TILE_LANES;
        vm_uniform(e->workers, n);
        reduce_run(e, n);
    } else if (n->row->kind == NODE_WHOLE) {
        rows_run(e, n);
    } else if (n->row->kind == NODE_KERNEL) {
        kernel_run(e, n);
    } else {
        group_run(e, n);
    }
}

/* With a GPU: there, or here once what the node touches has come back. */
static mmsb_status node_run_cuda(engine *e, node_state *n, message *m) {
    ASSERT(e->cuda != NULL);
    if (cuda_takes(e, n)) {
        TRY(cuda_node_run(e, n, m));
    } else {
        TRY(cuda_node_to_host(e, n, m));
        e->stats.cuda_nodes_here++;
        node_run_here(e, n);
    }
    return (e->fault | e->workers[0].fault) != 0 ? cuda_reads_to_host(e, n, m) : MMSB_OK;
}

/* Finds a node's work and does it; leaves the work for whoever clears it. */
static mmsb_status work_run(engine *e, node_state *n, message *m) {
    if (n->ring != NULL && n->ring->on && !e->verify) {
        e->stats.nodes_run++;
        ring_run(e, n->ring);
        return MMSB_OK;
    }
    if (e->cuda != NULL && n->row->kind == NODE_KEYED) TRY(cuda_keys_to_host(e, n, m));
    if (n->row->kind == NODE_KEYED) group_rekey(e, n);
    for (u32 k = 0; !e->work.whole && k < n->row->read_count; k++)
        footprint_add(e, n, &e->image->reads[n->row->read_at + k]);
    if (set_is_empty(&e->work)) return MMSB_OK;
    e->stats.nodes_run++;
    e->fault = e->workers[0].fault = 0;
    if (e->cuda != NULL)
        TRY(node_run_cuda(e, n, m));
    else
        node_run_here(e, n);
    e->fault |= e->workers[0].fault;
    return e->fault != 0 ? fault_word(e, n, e->work.whole, m) : asserts_check(e, n, m);
}

mmsb_status node_run(engine *e, u32 row, bool whole, message *m) {
    ASSERT(row < e->image->node_count);
    ASSERT(set_is_empty(&e->work));
    e->work.whole = whole;
    mmsb_status s = work_run(e, &e->nodes[row], m);
    set_clear(&e->work); /* also where a GPU failed */
    return s;
}

mmsb_status waves_run(engine *e, const u32 *list, u32 count, message *m) {
    ASSERT(list != NULL || count == 0);
    for (u32 k = 0; k < count; k++) TRY(node_run(e, list[k], true, m));
    return MMSB_OK;
}
