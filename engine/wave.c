/* SPDX-License-Identifier: Apache-2.0
 * wave: walks commands in dependency order; only nodes whose pages changed are visited. A node's
 * worklist becomes dense tiles where many lanes of a tile are in it, and packed tiles gathered from
 * many where few are. */
#include "state.h"

#define DENSE_LANES 96u /* of 512: from here on a dense tile is cheaper than packing */

void readers_mark(engine *e, u32 page) {
    const image_page *p = &e->image->pages[page];
    for (u32 k = 0; k < p->reader_count; k++) {
        const image_read *r = &e->image->reads[e->image->readers[p->reader_at + k]];
        set_add(&e->pending, e->nodes[r->node].place);
    }
}

static void packed_flush(engine *e, node_state *n) {
    ASSERT(e->packed_count <= TILE_LANES);
    if (e->packed_count == 0) return;
    u32 count = e->packed_count;
    e->packed_count = 0;
    vm_packed(e, n, e->lane_list, count);
}

static void tile_run(engine *e, node_state *n, u64 tile) {
    ASSERT(tile * TILE_LANES < n->shape->lanes);
    const u64 *w = e->work.leaf + tile * 8;
    u32 count = 0;
    for (u32 k = 0; k < 8; k++) count += (u32)__builtin_popcountll(w[k]);
    u64 base = tile * TILE_LANES;
    if (count >= DENSE_LANES) {
        vm_dense(e, n, base, (u32)u64_min(TILE_LANES, n->shape->lanes - base));
        return;
    }
    if (e->packed_count + count > TILE_LANES) packed_flush(e, n);
    for (u32 k = 0; k < 8; k++)
        for (u64 bits = w[k]; bits != 0; bits &= bits - 1)
            e->lane_list[e->packed_count++] = base + k * 64 + (u64)__builtin_ctzll(bits);
}

static void map_run(engine *e, node_state *n) {
    ASSERT(n->row->kind == NODE_MAP);
    u64 lanes = n->shape->lanes;
    vm_uniform(e, n);
    if (e->work.whole || e->work.count * 2 >= lanes) {
        e->work.whole = true;
        for (u64 base = 0; base < lanes; base += TILE_LANES)
            vm_dense(e, n, base, (u32)u64_min(TILE_LANES, lanes - base));
        kernel_stream_end();
        return;
    }
    for (u64 tile = set_next_tile(&e->work, 0); tile != SET_NONE;
         tile = set_next_tile(&e->work, tile + 1))
        tile_run(e, n, tile);
    packed_flush(e, n);
}

static mmsb_status asserts_check(engine *e, const node_state *n, message *m) {
    ASSERT(n->first_assert + n->assert_count <= e->image->assert_count);
    for (u32 k = 0; k < n->assert_count; k++) {
        const image_assert *a = &e->image->asserts[n->first_assert + k];
        if (e->pages[a->page].value[0] == 0) return assert_word(e, a, m);
    }
    return MMSB_OK;
}

mmsb_status node_run(engine *e, u32 row, bool whole, message *m) {
    ASSERT(row < e->image->node_count);
    ASSERT(set_is_empty(&e->work));
    node_state *n = &e->nodes[row];
    bool groups = whole;
    e->work.whole = whole;
    for (u32 k = 0; k < n->row->read_count; k++) {
        const image_read *r = &e->image->reads[n->row->read_at + k];
        groups = groups || (r->kind == READ_GROUP && !set_is_empty(&e->pages[r->page].dirty));
    }
    /* After a key has changed the ranks are those of other keys: an element's leaf is not known. */
    for (u32 k = 0; !groups && k < n->row->read_count; k++)
        footprint_add(e, n, &e->image->reads[n->row->read_at + k]);
    e->work.whole = e->work.whole || groups;
    if (set_is_empty(&e->work)) return MMSB_OK;
    e->stats.nodes_run++;
    e->fault = 0;
    if (n->row->kind == NODE_MAP) {
        map_run(e, n);
    } else if (n->row->kind == NODE_REDUCE) {
        vm_uniform(e, n);
        reduce_run(e, n);
    } else if (n->row->kind == NODE_WHOLE) {
        rows_run(e, n);
    } else if (n->row->kind == NODE_KERNEL) {
        kernel_run(e, n);
    } else {
        group_run(e, n, groups);
    }
    mmsb_status s = e->fault != 0 ? fault_word(e, n, e->work.whole, m) : MMSB_OK;
    set_clear(&e->work);
    return s != MMSB_OK ? s : asserts_check(e, n, m);
}

mmsb_status waves_run(engine *e, const u32 *list, u32 count, message *m) {
    ASSERT(list != NULL || count == 0);
    for (u32 k = 0; k < count; k++) TRY(node_run(e, list[k], true, m));
    return MMSB_OK;
}
