/* SPDX-License-Identifier: Apache-2.0
 * cuda_leaves_run: leaves are made there; the trees above them stay here, where undo and later
 * epochs find them, and so does which member of a group stands in which slot. */
#include "cuda_private.h"

/* Leaves of e->work, by their number over all rows. */
static u64 leaves_list(const engine *e, u64 *list) {
    u64 count = 0;
    const lane_set *s = &e->work;
    for (u64 tile = set_next_tile(s, 0); tile != SET_NONE; tile = set_next_tile(s, tile + 1))
        for (u64 w = tile * 8; w < tile * 8 + 8; w++)
            for (u64 bits = s->leaf[w]; bits != 0; bits &= bits - 1)
                list[count++] = w * 64 + (u64)__builtin_ctzll(bits);
    ASSERT(count <= s->lanes);
    return count;
}

static_assert(GROUP_MEMBERS_SHIFT == CUDA_MEMBERS_SHIFT, "the list goes as it is");

/* Where members stand: in the order of all slots, which lies there, or, for few leaves, in one that
 * goes with the launch, 64 a leaf, at the staging's begin. */
static mmsb_status order_send(engine *e, const node_state *n, bool few, const u64 *list, u64 count,
                              message *m) {
    struct cuda *c = e->cuda;
    u32 node = (u32)(n->row - e->image->nodes);
    u64 each = LEAF_LANES * sizeof(u32), leaf = ((u64)1 << GROUP_MEMBERS_SHIFT) - 1;
    ASSERT(count > 0 && n->order != NULL);
    for (u64 k = 0; few && k < count; k++) {
        u64 slot = (list[k] & leaf) % (n->slots / LEAF_LANES) * LEAF_LANES;
        memcpy(c->staging + k * each, n->order + slot, each);
    }
    if (few || c->order_sent[node]) return MMSB_OK;
    u64 bytes = n->start[n->groups] * sizeof(u32);
    TRY(CUDA(c, copy_in, "members of groups to the GPU", c->pages_at + c->plan.orders[node],
             n->order, bytes, c->d.stream));
    e->stats.cuda_bytes_in += bytes;
    c->order_sent[node] = true;
    return MMSB_OK;
}

/* Every leaf has 64 members at most, and stands in the list with their number. */
static mmsb_status keyed_run(engine *e, node_state *n, message *m) {
    struct cuda *c = e->cuda;
    u64 all = n->slots / LEAF_LANES * n->rest, each = LEAF_LANES * sizeof(u32);
    bool few = !e->work.whole && e->work.count * ORDER_PART <= all;
    u64 cells = few ? e->work.count * each : 0, *list = (u64 *)(c->staging + cells);
    parts p = {.units = group_leaves(e, n, list)};
    leaf_cells made = {.bytes = cuda_leaf_bytes(n->row)};
    if (p.units != 0) {
        parts_place(&p, cells, p.units * sizeof(u64), p.units * made.bytes);
        TRY(pages_send(e, n, m));
        TRY(order_send(e, n, few, list, p.units, m));
        u64 order = few ? c->staging_at : c->pages_at + c->plan.orders[n->row - e->image->nodes];
        TRY(node_launch(e, n, &p, order, few, p.units, m));
        made.at = c->staging + p.out_at;
    }
    ASSERT(p.units <= all);
    e->stats.lanes_run += p.units * LEAF_LANES;
    e->stats.bytes_loaded += p.units * LEAF_LANES * type_bytes(n->row->type);
    group_given(e, n, &made);
    return MMSB_OK;
}

mmsb_status leaves_run(engine *e, node_state *n, message *m) {
    u8 role = role_of_node(e, n);
    if (role == CUDA_KEYED) return keyed_run(e, n, m);
    ASSERT(role == CUDA_LEAVES || role == CUDA_DOT);
    u64 cells = (u64)n->row->uniform_slots * LAYOUT_CELL_BYTES;
    parts p = {.dense = e->work.whole || role == CUDA_DOT, .units = n->outer * n->leaves};
    leaf_cells made = {.bytes = cuda_leaf_bytes(n->row)};
    u64 *list = (u64 *)(e->cuda->staging + ALIGN_UP(cells, 64));
    if (role == CUDA_DOT) p.units = (n->inner + LEAF_LANES - 1) / LEAF_LANES;
    if (!p.dense) p.units = leaves_list(e, list);
    parts_place(&p, cells, p.units * sizeof(u64), p.units * made.bytes);
    cells_make(e, n, e->cuda->staging);
    TRY(pages_send(e, n, m));
    TRY(node_launch(e, n, &p, e->cuda->staging_at, 0, p.units, m));
    e->stats.lanes_run += p.units * LEAF_LANES;
    e->stats.bytes_loaded += p.units * LEAF_LANES * n->load_bytes;
    made.at = e->cuda->staging + p.out_at;
    if (role == CUDA_DOT)
        dot_given(e, n, &made);
    else
        reduce_given(e, n, p.dense ? NULL : list, p.units, &made);
    return MMSB_OK;
}
