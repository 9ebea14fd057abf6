/* SPDX-License-Identifier: Apache-2.0
 * cuda_run: one node there: what it reads is sent, its work list and uniform cells go with the
 * launch, what changed and whether a lane faulted come back. Every launch ends before the next. */
#include "cuda_private.h"

mmsb_status cuda_call(struct cuda *c, int code, const char *what, message *m) {
    message words;
    if (code == 0) return MMSB_OK;
    words.text[0] = 0, words.used = 0;
    mmsb_status s = cuda_driver_status(&c->d, code, what, &words);
    ASSERT(s != MMSB_OK);
    if (!c->failed) c->words = words;
    c->failed = true;
    if (m != NULL && m != &c->words) *m = c->words;
    return s;
}

mmsb_status cuda_launch(engine *e, void *function, u64 blocks, u32 threads, u64 *parameters,
                        u32 count, message *m) {
    struct cuda *c = e->cuda;
    void *at[8];
    ASSERT(count <= ARRAY_COUNT(at) && function != NULL);
    ASSERT(blocks > 0 && blocks < (u64)1 << 31);
    for (u32 k = 0; k < count; k++) at[k] = &parameters[k];
    e->stats.cuda_launches++;
    return CUDA(c, launch, "cuLaunchKernel", function, (unsigned)blocks, 1, 1, threads, 1, 1, 0,
                c->d.stream, at, NULL);
}

mmsb_status cuda_wait(engine *e, message *m) {
    struct cuda *c = e->cuda;
    TRY(CUDA(c, stream_wait, "cuStreamSynchronize", c->d.stream));
    c->batch.busy = false;
    ASSERT(!c->failed);
    return MMSB_OK;
}

/* Lanes that e->work would go over. */
static u64 lanes_of_work(const engine *e, const node_state *n) {
    u8 role = role_of_node(e, n);
    u64 all = n->shape->lanes;
    ASSERT(role != CUDA_ON_CPU);
    if (role == CUDA_PRODUCT) all *= e->pages[n->row->output].lanes / n->outer;
    if (e->work.whole) return all;
    if (role == CUDA_PRODUCT) return all / u64_max(n->outer, 1) * e->work.count;
    u64 each = role == CUDA_MAP ? 1 : role == CUDA_SCAN ? TILE_LANES : LEAF_LANES;
    return u64_min(all, e->work.count * each);
}

bool cuda_takes(const engine *e, const node_state *n) {
    if (e->cuda == NULL || e->verify || e->probe != NULL) return false;
    if (role_of_node(e, n) == CUDA_ON_CPU) return false;
    ASSERT(n->shape->lanes > 1);
    if (e->options.gpu_percent != 0) {
        u64 x = e->cuda->drawn = e->cuda->drawn * 6364136223846793005u + 1442695040888963407u;
        return (x >> 33) % 100 < e->options.gpu_percent;
    }
    return !e->cuda->automatic || cuda_is_faster(e, n, lanes_of_work(e, n));
}

void parts_place(parts *p, u64 cells, u64 list_bytes, u64 out_bytes) {
    p->list_at = ALIGN_UP(cells, 64);
    p->fault_at = p->list_at + ALIGN_UP(p->dense ? 0 : list_bytes, 64);
    p->out_at = p->fault_at + FAULT_BYTES;
    p->end = p->out_at + ALIGN_UP(out_bytes, 64);
    ASSERT(p->end >= p->out_at);
}

/* Tiles of one block of 4096 bytes of the narrowest page that is stored. */
static u64 tiles_a_block(const engine *e, const node_state *n) {
    u64 tiles = 1;
    for (u32 k = 0; k < n->row->tile_count + PAGES_MORE; k++) {
        bool stored;
        u32 page = node_page(e, n, k, &stored);
        if (stored) tiles = u64_max(tiles, 8 / e->pages[page].width);
    }
    ASSERT(tiles <= 8);
    return tiles;
}

void tiles_add(tile_list *l, u64 tile) {
    u64 from = tile / l->together * l->together;
    ASSERT(tile < l->tiles);
    if (from < l->next) return;
    l->next = u64_min(from + l->together, l->tiles);
    for (u64 k = from; k < l->next; k++) l->list[l->count++] = (u32)k;
}

void tiles_begin(const engine *e, const node_state *n, u64 lanes, tile_list *l) {
    ASSERT(lanes > 1);
    l->together = tiles_a_block(e, n);
    l->tiles = (lanes + TILE_LANES - 1) / TILE_LANES;
    l->next = l->count = 0;
}

/* Those of e->work; of a product: those of the rows in it. */
static u64 tiles_list(const engine *e, const node_state *n, u64 lanes, u32 *list) {
    tile_list l = {.list = list};
    tiles_begin(e, n, lanes, &l);
    const lane_set *s = &e->work;
    ASSERT(!s->whole);
    if (role_of_node(e, n) == CUDA_PRODUCT) {
        u64 columns = lanes / n->outer;
        for (u64 row = set_next(s, 0); row != SET_NONE && row < n->outer;
             row = set_next(s, row + 1))
            for (u64 t = row * columns / TILE_LANES; t <= ((row + 1) * columns - 1) / TILE_LANES;
                 t++)
                tiles_add(&l, t);
        return l.count;
    }
    for (u64 tile = set_next_tile(s, 0); tile != SET_NONE; tile = set_next_tile(s, tile + 1))
        tiles_add(&l, tile);
    return l.count;
}

/* What a node loads, and what it stores: old values decide what has changed. In epoch 0 all is new.
 */
mmsb_status pages_send(engine *e, const node_state *n, message *m) {
    bool renewed = e->first_run && e->work.whole;
    for (u32 k = 0; k < n->row->tile_count + PAGES_MORE; k++) {
        bool stored;
        u32 page = node_page(e, n, k, &stored);
        if (page == 0) continue;
        if (stored && renewed)
            copy_renewed(e, page);
        else
            TRY(page_send(e, page, m));
    }
    ASSERT(e->cuda->batch.count < BATCH_BLOCKS);
    return batch_send(e, m);
}

/* The uniform part runs here; its cells go with the launch. */
void cells_make(engine *e, node_state *n, u8 *to) {
    e->spread_lanes = 1;
    vm_uniform(e->workers, n);
    ASSERT(n->row->uniform_slots <= e->layout.uniform_slots);
    memcpy(to, cell_at(e, 0), (u64)n->row->uniform_slots * LAYOUT_CELL_BYTES);
}

mmsb_status kernel_launch(engine *e, void *kernel, u64 blocks, const parts *p, u64 cells,
                          u64 shadow, u64 last, message *m) {
    struct cuda *c = e->cuda;
    u64 at = c->staging_at, list = p->dense ? 0 : at + p->list_at, fault = at + p->fault_at;
    u64 parameters[7] = {c->pages_at, shadow, cells, list, at + p->out_at, fault, last};
    ASSERT(p->units > 0 && blocks > 0);
    ASSERT(p->end <= c->staging_bytes);
    memset(c->staging + p->fault_at, 0, FAULT_BYTES);
    TRY(CUDA(c, copy_in, "a work list to the GPU", at, c->staging, p->out_at, c->d.stream));
    TRY(cuda_launch(e, kernel, blocks, CUDA_THREADS, parameters, 7, m));
    TRY(CUDA(c, copy_out, "results from the GPU", c->staging + p->fault_at, fault,
             p->end - p->fault_at, c->d.stream));
    TRY(cuda_wait(e, m));
    e->stats.cuda_bytes_in += p->out_at, e->stats.cuda_bytes_out += p->end - p->fault_at;
    u32 found;
    memcpy(&found, c->staging + p->fault_at, 4);
    e->fault |= found;
    return MMSB_OK;
}

mmsb_status node_launch(engine *e, const node_state *n, const parts *p, u64 cells, u64 shadow,
                        u64 last, message *m) {
    u64 a_block = cuda_maps(role_of_node(e, n)) ? 1 : CUDA_LEAVES_A_BLOCK;
    ASSERT(p->units > 0);
    return kernel_launch(e, e->cuda->functions[n->row - e->image->nodes],
                         (p->units + a_block - 1) / a_block, p, cells, shadow, last, m);
}

/* Lanes of one tile of a page that got other bits. */
static void tile_changed(engine *e, u32 page, u64 tile, const u64 changed[8]) {
    page_state *p = &e->pages[page];
    u64 before = p->dirty.count;
    u32 words = (u32)u64_min(8, (p->lanes - tile * TILE_LANES + 63) / 64);
    ASSERT(tile * TILE_LANES < p->lanes);
    set_add_words(&p->dirty, tile, changed, words);
    e->stats.lanes_changed += p->dirty.count - before;
    page_touch(e, page);
    copy_changed(e, page, tile);
}

mmsb_status store_note(engine *e, u32 page, u32 store, u32 stores, const parts *p, message *m) {
    const u8 *words = e->cuda->staging + p->out_at + (u64)store * CUDA_CHANGED_BYTES;
    const u32 *list = (const u32 *)(e->cuda->staging + p->list_at);
    ASSERT(stores > store);
    for (u64 k = 0; k < p->units; k++) {
        u64 changed[8], any = 0, tile = p->dense ? k : list[k];
        memcpy(changed, words + k * stores * CUDA_CHANGED_BYTES, sizeof changed);
        copy_wrote(e, page, tile);
        for (u32 w = 0; w < 8; w++) any |= changed[w];
        if (e->first_run)
            copy_changed(e, page, tile);
        else if (any != 0)
            tile_changed(e, page, tile, changed);
    }
    e->stats.bytes_stored += p->units * TILE_LANES * e->pages[page].width;
    return e->cuda->plan.pages[page].resident ? MMSB_OK : cuda_page_to_host(e, page, m);
}

/* Whether all of a node that maps lanes is run. */
static bool map_is_whole(const engine *e, const node_state *n, u64 lanes) {
    ASSERT(lanes > 1);
    if (role_of_node(e, n) == CUDA_MAP) return e->work.whole || e->work.count * 2 >= lanes;
    /* Columns of a product lie in every tile. */
    return e->work.whole || set_next(&e->work, n->outer) != SET_NONE;
}

/* Nodes that map lanes, products among them. */
static mmsb_status map_run(engine *e, node_state *n, message *m) {
    struct cuda *c = e->cuda;
    u32 rows = n->row->tile_count + PAGES_MORE, stores = 0, store = 0;
    bool product = role_of_node(e, n) == CUDA_PRODUCT, stored;
    u64 lanes = product ? e->pages[n->row->output].lanes : n->shape->lanes;
    u64 cells = (u64)n->row->uniform_slots * LAYOUT_CELL_BYTES;
    for (u32 k = 0; k < rows; k++) node_page(e, n, k, &stored), stores += stored;
    e->work.whole = map_is_whole(e, n, lanes);
    parts p = {.dense = e->work.whole, .units = (lanes + TILE_LANES - 1) / TILE_LANES};
    if (!p.dense) p.units = tiles_list(e, n, lanes, (u32 *)(c->staging + ALIGN_UP(cells, 64)));
    parts_place(&p, cells, p.units * sizeof(u32), p.units * stores * CUDA_CHANGED_BYTES);
    cells_make(e, n, c->staging);
    TRY(pages_send(e, n, m));
    TRY(node_launch(e, n, &p, c->staging_at, c->shadow_at - c->pages_at,
                    e->undo_on && c->shadow_at != 0, m));
    e->stats.tiles_dense += p.units, e->stats.lanes_run += p.units * TILE_LANES;
    e->stats.bytes_loaded += p.units * TILE_LANES * n->load_bytes;
    ASSERT(stores <= c->plan.stores_most);
    for (u32 k = 0; k < rows; k++) {
        u32 page = node_page(e, n, k, &stored);
        if (stored) TRY(store_note(e, page, store++, stores, &p, m));
    }
    return MMSB_OK;
}

mmsb_status cuda_node_run(engine *e, node_state *n, message *m) {
    struct cuda *c = e->cuda;
    ASSERT(!set_is_empty(&e->work));
    if (c->failed) {
        if (m != NULL) *m = c->words;
        return MMSB_ABSENT;
    }
    TRY(CUDA(c, context_set, "cuCtxSetCurrent", c->d.context));
    e->stats.cuda_nodes++;
    u8 role = role_of_node(e, n);
    ASSERT(role != CUDA_ON_CPU && (role == CUDA_MAP) == (n->row->kind == NODE_MAP));
    if (role == CUDA_SCAN) return scan_run(e, n, m);
    return cuda_maps(role) ? map_run(e, n, m) : leaves_run(e, n, m);
}
