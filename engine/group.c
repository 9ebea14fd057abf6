/* SPDX-License-Identifier: Apache-2.0
 * group: keyed reductions. Members of each group lie together in index order, so a member's rank is
 * its place there; every leaf of 64 ranks keeps its partial and the path above it. */
#include "state.h"

#define GROUP_STEPS 8u /* what a gathered element costs, in steps of a program */

void group_index(engine *e, node_state *n) {
    ASSERT(n->row->kind == NODE_KEYED);
    const i32 *group = (const i32 *)e->pages[n->row->group].value;
    u64 leaves = 0, tree = 0;
    undo_save(
        e, n->order,
        (u64)((u8 *)(n->leaf_group + layout_keyed_leaves(n->keys, n->groups)) - (u8 *)n->order));
    memset(n->start, 0, (n->groups + 1) * sizeof(u32));
    for (u64 k = 0; k < n->keys; k++)
        if (group[k] >= 0) n->start[group[k] + 1]++;
    for (u64 g = 0; g < n->groups; g++) n->start[g + 1] += n->start[g];
    ASSERT(n->start[n->groups] <= n->keys);
    for (u64 g = 0; g < n->groups; g++) {
        u64 count = n->start[g + 1] - n->start[g], own = (count + LEAF_LANES - 1) / LEAF_LANES;
        n->leaf_base[g] = (u32)leaves, n->tree_base[g] = (u32)tree;
        for (u64 l = 0; l < own; l++) n->leaf_group[leaves + l] = (u32)g;
        leaves += own;
        tree += count == 0 ? 0 : layout_tree_partials(count);
    }
    n->leaf_base[n->groups] = (u32)leaves, n->tree_base[n->groups] = (u32)tree;
    ASSERT(leaves <= layout_keyed_leaves(n->keys, n->groups));
    ASSERT(tree <= n->keyed_stride);
    for (u64 k = 0; k < n->keys; k++) {
        if (group[k] < 0) continue;
        u32 place = n->start[group[k]]++;
        n->order[place] = (u32)k;
        n->rank_place[k] = place;
    }
    for (u64 g = n->groups; g > 0; g--) n->start[g] = n->start[g - 1];
    n->start[0] = 0;
}

static u8 *tree_of(const node_state *n, u64 group, u64 r, i64 **index) {
    ASSERT(group < n->groups);
    ASSERT(r < n->rest);
    u64 at = r * n->keyed_stride + n->tree_base[group];
    *index = n->partial_index != NULL ? n->partial_index + at : NULL;
    return n->partials + at * type_bytes(n->row->type);
}

static void leaf_compute(worker *w, node_state *n, u64 group, u64 r, u64 leaf) {
    engine *e = w->e;
    u64 first = n->start[group] + leaf * LEAF_LANES, lanes[LEAF_LANES];
    u32 count = (u32)u64_min(LEAF_LANES, n->start[group + 1] - first),
        width = type_bytes(n->row->type);
    ASSERT(count > 0);
    i64 *index;
    u8 *partials = tree_of(n, group, r, &index);
    for (u32 k = 0; k < count; k++) lanes[k] = (u64)n->order[first + k] * n->rest + r;
    kernel_gather(n->row->type)(w->buffer[0], e->pages[n->row->element].value, lanes, count);
    const void *present = NULL;
    if (n->row->present != 0) {
        kernel_gather(TYPE_BOOL)(w->buffer[1], e->pages[n->row->present].value, lanes, count);
        present = w->buffer[1];
    }
    if (!w->shared) undo_save(e, partials + leaf * width, width);
    if (index != NULL && !w->shared) undo_save(e, index + leaf, 8);
    i64 at = -1;
    n->leaves_of(w->buffer[0], present, count, 0, partials + leaf * width, &at);
    if (index != NULL) index[leaf] = at < 0 ? -1 : (i64)n->order[first + (u64)at];
    w->stats->lanes_run += count;
    w->stats->bytes_loaded += (u64)count * (width + (present != NULL));
}

static void path_save(engine *e, const node_state *n, u8 *partials, i64 *index, u64 leaves,
                      u64 leaf) {
    ASSERT(leaf < leaves);
    u32 width = type_bytes(n->row->type);
    for (u64 at = 0; leaves > 1;) {
        at += leaves, leaf /= 8, leaves = (leaves + 7) / 8;
        undo_save(e, partials + (at + leaf) * width, width);
        if (index != NULL) undo_save(e, index + at + leaf, 8);
    }
}

static void group_result(engine *e, node_state *n, u64 group, u64 r) {
    ASSERT(group < n->groups);
    ASSERT(n->start[group] <= n->start[group + 1]);
    u64 count = n->start[group + 1] - n->start[group],
        leaves = (count + LEAF_LANES - 1) / LEAF_LANES;
    i64 *index, none = -1;
    u8 *partials = tree_of(n, group, r, &index);
    u64 nothing = kernel_nothing(n->row->reduce, n->row->type),
        root = count == 0 ? 0 : tree_root(leaves);
    if (count == 0)
        result_store(e, n, group * n->rest + r, &nothing, &none);
    else
        result_store(e, n, group * n->rest + r, partials + root * type_bytes(n->row->type),
                     index != NULL ? index + root : NULL);
}

/* Trees of groups [from, to), without their results. */
static void groups_share(worker *w, void *context, u64 from, u64 to) {
    node_state *n = context;
    for (u64 g = from; g < to; g++) {
        u64 count = n->start[g + 1] - n->start[g], leaves = (count + LEAF_LANES - 1) / LEAF_LANES;
        for (u64 r = 0; r < n->rest; r++) {
            i64 *index;
            u8 *partials = tree_of(n, g, r, &index);
            for (u64 l = 0; l < leaves; l++) leaf_compute(w, n, g, r, l);
            tree_above_all(n, partials, index, leaves);
        }
    }
}

static void group_whole(engine *e, node_state *n) {
    ASSERT(n->partials != NULL);
    u64 bytes = n->keyed_stride * n->rest;
    undo_save(e, n->partials, bytes * type_bytes(n->row->type));
    if (n->partial_index != NULL) undo_save(e, n->partial_index, bytes * 8);
    if (!e->verify && split_is_worth(e, n->shape->lanes, GROUP_STEPS)) {
        split s = {.e = e, .units = n->groups, .share = groups_share, .context = n};
        split_run(&s);
    } else {
        groups_share(e->workers, n, 0, n->groups);
    }
    for (u64 g = 0; g < n->groups; g++)
        for (u64 r = 0; r < n->rest; r++) group_result(e, n, g, r);
}

static void leaf_unit(engine *e, node_state *n, u64 unit) {
    u64 leaf = unit / n->rest, r = unit % n->rest, g = n->leaf_group[leaf];
    ASSERT(leaf < n->leaf_base[n->groups]);
    ASSERT(leaf >= n->leaf_base[g]);
    u64 count = n->start[g + 1] - n->start[g], leaves = (count + LEAF_LANES - 1) / LEAF_LANES;
    i64 *index;
    u8 *partials = tree_of(n, g, r, &index);
    leaf_compute(e->workers, n, g, r, leaf - n->leaf_base[g]);
    path_save(e, n, partials, index, leaves, leaf - n->leaf_base[g]);
    tree_above(n, partials, index, leaves, leaf - n->leaf_base[g]);
    group_result(e, n, g, r);
}

void group_run(engine *e, node_state *n, bool index_changed) {
    ASSERT(n->row->kind == NODE_KEYED);
    ASSERT(e->pages[n->row->group].lanes == n->keys);
    if (index_changed) group_index(e, n);
    if (e->work.whole) {
        group_whole(e, n);
        return;
    }
    lane_set *s = &e->work;
    for (u64 tile = set_next_tile(s, 0); tile != SET_NONE; tile = set_next_tile(s, tile + 1))
        for (u64 w = tile * 8; w < tile * 8 + 8; w++)
            for (u64 bits = s->leaf[w]; bits != 0; bits &= bits - 1)
                leaf_unit(e, n, w * 64 + (u64)__builtin_ctzll(bits));
}
