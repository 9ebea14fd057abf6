/* SPDX-License-Identifier: Apache-2.0
 * cuda_scan_run: a scan there, in two launches (cuda_scan.c). What stands before each block is kept
 * here, where undo and the CPU find it, and goes with the second launch. */
#include "cuda_private.h"

/* Tiles from each dirty block of a row to the row's end. */
static u64 scan_tiles(const engine *e, const node_state *n, u32 *list) {
    tile_list l = {.list = list};
    const lane_set *s = &e->work;
    tiles_begin(e, n, n->shape->lanes, &l);
    for (u64 at = set_next(s, 0); at != SET_NONE;) {
        u64 row = at / n->leaves, from = row * n->inner + at % n->leaves * TILE_LANES;
        ASSERT(from < (row + 1) * n->inner);
        for (u64 t = from / TILE_LANES; t <= ((row + 1) * n->inner - 1) / TILE_LANES; t++)
            tiles_add(&l, t);
        at = row + 1 == n->outer ? SET_NONE : set_next(s, (row + 1) * n->leaves);
    }
    return l.count;
}

static u64 block_of_lane(const node_state *n, u64 lane) {
    ASSERT(lane < n->shape->lanes);
    return lane / n->inner * n->leaves + lane % n->inner / TILE_LANES;
}

/* Blocks of rows that have lanes in these tiles: all lanes of a tile are made anew. */
static u64 blocks_list(const node_state *n, const u32 *tiles, u64 count, u64 *list) {
    u64 found = 0, next = 0;
    for (u64 k = 0; k < count; k++) {
        u64 first = (u64)tiles[k] * TILE_LANES,
            last = u64_min(first + TILE_LANES, n->shape->lanes) - 1;
        u64 from = u64_max(next, block_of_lane(n, first));
        next = u64_max(next, block_of_lane(n, last) + 1);
        for (u64 b = from; b < next; b++) list[found++] = b;
    }
    ASSERT(found <= n->outer * n->leaves);
    return found;
}

/* Folds and totals of the blocks in which tiles lie (NULL: of all). */
static mmsb_status blocks_run(engine *e, node_state *n, const u32 *tiles, u64 count, message *m) {
    struct cuda *c = e->cuda;
    u64 *list = (u64 *)c->staging;
    leaf_cells made = {.bytes = type_bytes(n->row->type)};
    parts p = {.dense = tiles == NULL, .units = n->outer * n->leaves};
    if (!p.dense) p.units = blocks_list(n, tiles, count, list);
    parts_place(&p, 0, p.units * sizeof(u64), p.units * made.bytes);
    ASSERT(p.units > 0);
    TRY(kernel_launch(e, c->folds[n->row - e->image->nodes], p.units, &p, 0, 0, 0, m));
    ASSERT(p.end <= c->staging_bytes);
    made.at = c->staging + p.out_at;
    scan_given(e, n, p.dense ? NULL : list, p.units, &made);
    return MMSB_OK;
}

mmsb_status scan_run(engine *e, node_state *n, message *m) {
    struct cuda *c = e->cuda;
    u64 befores = n->outer * n->leaves * type_bytes(n->row->type);
    parts p = {.dense = e->work.whole, .units = (n->shape->lanes + TILE_LANES - 1) / TILE_LANES};
    TRY(pages_send(e, n, m));
    if (p.dense) {
        TRY(blocks_run(e, n, NULL, 0, m));
    } else { /* behind all that goes with a launch of blocks */
        u32 *tiles = (u32 *)(c->staging + c->staging_bytes) - p.units;
        TRY(blocks_run(e, n, tiles, scan_tiles(e, n, tiles), m));
        p.units = scan_tiles(e, n, (u32 *)(c->staging + ALIGN_UP(befores, 64)));
    }
    parts_place(&p, befores, p.units * sizeof(u32), p.units * CUDA_CHANGED_BYTES);
    memcpy(c->staging, n->partials, befores);
    ASSERT(p.end <= c->staging_bytes);
    TRY(node_launch(e, n, &p, c->staging_at, c->shadow_at - c->pages_at,
                    e->undo_on && c->shadow_at != 0, m));
    e->stats.tiles_dense += p.units, e->stats.lanes_run += p.units * TILE_LANES;
    e->stats.bytes_loaded += p.units * TILE_LANES * type_bytes(n->row->type);
    return store_note(e, n->row->output, 0, 1, &p, m);
}
