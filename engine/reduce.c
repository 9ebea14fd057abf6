/* SPDX-License-Identifier: Apache-2.0
 * reduce: canonical reductions over stored elements or a program's, whole or from the leaves that
 * changed. Stored partials are the tree's levels one after the other; without them a row's leaves
 * are joined as they come. */
#include "state.h"

#define LEVELS 16u

/* Joins as they come: up to eight values wait on each level. */
typedef struct {
    u64 value[LEVELS][8];
    i64 index[LEVELS][8];
    u32 held[LEVELS];
} climber;

static void climb(const node_state *n, climber *c, const void *value, i64 index) {
    u32 width = type_bytes(n->row->type);
    for (u32 level = 0;; level++) {
        u32 at = c->held[level]++;
        ASSERT(at < NODE_FAN);
        memcpy((u8 *)c->value[level] + (u64)at * width, value, width);
        c->index[level][at] = index;
        if (at < 7 || level + 1 == LEVELS) return;
        static _Thread_local _Alignas(8) u8 joined[8];
        n->join(c->value[level], c->index[level], 8, joined, &index);
        c->held[level] = 0;
        value = joined;
    }
}

static void climb_end(const node_state *n, climber *c, void *value, i64 *index) {
    u32 width = type_bytes(n->row->type), top = LEVELS - 1;
    u64 joined = 0;
    i64 at = -1;
    while (top > 0 && c->held[top] == 0) top--;
    ASSERT(c->held[top] > 0);
    ASSERT(c->held[top] <= NODE_FAN);
    for (u32 level = 0; level < top; level++) {
        if (c->held[level] == 0) continue;
        n->join(c->value[level], c->index[level], c->held[level], &joined, &at);
        u32 slot = c->held[level + 1]++;
        memcpy((u8 *)c->value[level + 1] + (u64)slot * width, &joined, width);
        c->index[level + 1][slot] = at;
        if (slot == 7 && level + 1 == top && top + 1 < LEVELS) {
            n->join(c->value[top], c->index[top], 8, &joined, &at);
            memcpy(value, &joined, width);
            *index = at;
            return;
        }
    }
    if (c->held[top] == 1) {
        memcpy(value, c->value[top], width);
        *index = c->index[top][0];
        return;
    }
    n->join(c->value[top], c->index[top], c->held[top], &joined, &at);
    memcpy(value, &joined, width);
    *index = at;
}

u64 tree_root(u64 leaves) {
    ASSERT(leaves > 0);
    u64 at = 0;
    while (leaves > 1) at += leaves, leaves = (leaves + 7) / 8;
    return at;
}

static void join_at(const node_state *n, u8 *partials, i64 *index, u64 level_at, u64 level_count,
                    u64 parent) {
    ASSERT(parent * NODE_FAN < level_count);
    u32 width = type_bytes(n->row->type);
    u64 first = parent * 8, count = u64_min(8, level_count - first),
        to = level_at + level_count + parent;
    i64 at = -1;
    u64 value = 0;
    n->join(partials + (level_at + first) * width, index != NULL ? index + level_at + first : NULL,
            (u32)count, &value, &at);
    memcpy(partials + to * width, &value, width);
    if (index != NULL) index[to] = at;
}

void tree_above_all(const node_state *n, u8 *partials, i64 *index, u64 leaves) {
    ASSERT(partials != NULL);
    for (u64 at = 0; leaves > 1;) {
        u64 parents = (leaves + 7) / 8;
        for (u64 p = 0; p < parents; p++) join_at(n, partials, index, at, leaves, p);
        at += leaves;
        leaves = parents;
    }
}

void tree_above(const node_state *n, u8 *partials, i64 *index, u64 leaves, u64 leaf) {
    ASSERT(leaf < leaves);
    for (u64 at = 0; leaves > 1;) {
        leaf /= 8;
        join_at(n, partials, index, at, leaves, leaf);
        at += leaves;
        leaves = (leaves + 7) / 8;
    }
}

void result_store(engine *e, node_state *n, u64 lane, const void *value, const i64 *index) {
    ASSERT(lane < e->pages[n->row->output].lanes);
    ASSERT(index != NULL || n->row->reduce < REDUCE_ARGMIN);
    bool arg = n->row->reduce >= REDUCE_ARGMIN;
    page_set_lane(e, n->row->output, lane, arg ? (const void *)index : value);
}

/* Elements of `count` positions of an outer lane from position `first`: where they lie. */
static const void *elements_at(engine *e, node_state *n, u64 outer, u64 first, u32 count,
                               const void **present) {
    ASSERT(outer < n->outer);
    ASSERT(count <= n->inner - first);
    u64 lane = outer * n->inner + first;
    if (n->row->element != 0) {
        const page_state *p = &e->pages[n->row->element];
        *present = n->row->present != 0 ? e->pages[n->row->present].value + lane : NULL;
        return p->value + lane * p->width;
    }
    vm_dense(e, n, lane, count);
    ASSERT(e->feed != NULL);
    *present = e->present_at;
    return e->feed_at;
}

static void row_stored(engine *e, node_state *n, u64 outer) {
    ASSERT(outer < n->outer);
    ASSERT(n->partials != NULL);
    u32 width = type_bytes(n->row->type);
    u8 *partials = n->partials + outer * n->tree * width;
    i64 *index = n->partial_index != NULL ? n->partial_index + outer * n->tree : NULL;
    undo_save(e, partials, n->tree * width);
    if (index != NULL) undo_save(e, index, n->tree * 8);
    for (u64 first = 0; first < n->inner; first += TILE_LANES) {
        u32 count = (u32)u64_min(TILE_LANES, n->inner - first);
        const void *present, *from = elements_at(e, n, outer, first, count, &present);
        u64 leaf = first / LEAF_LANES;
        n->leaves_of(from, present, count, (i64)first, partials + leaf * width,
                     index != NULL ? index + leaf : NULL);
    }
    tree_above_all(n, partials, index, n->leaves);
    u64 root = tree_root(n->leaves);
    result_store(e, n, outer, partials + root * width, index != NULL ? index + root : NULL);
}

static void row_passing(engine *e, node_state *n, u64 outer) {
    ASSERT(outer < n->outer);
    climber c;
    u64 values[8], value = 0;
    i64 index[8] = {0}, at = -1;
    u32 width = type_bytes(n->row->type);
    memset(c.held, 0, sizeof c.held);
    for (u64 first = 0; first < n->inner; first += TILE_LANES) {
        u32 count = (u32)u64_min(TILE_LANES, n->inner - first);
        const void *present, *from = elements_at(e, n, outer, first, count, &present);
        n->leaves_of(from, present, count, (i64)first, values, index);
        for (u32 leaf = 0; leaf * LEAF_LANES < count; leaf++)
            climb(n, &c, (u8 *)values + (u64)leaf * width, index[leaf]);
    }
    climb_end(n, &c, &value, &at);
    result_store(e, n, outer, &value, &at);
}

/* One leaf of a row with partials, and the path above it. */
static void leaf_redo(engine *e, node_state *n, u64 outer, u64 leaf) {
    ASSERT(outer < n->outer);
    ASSERT(leaf < n->leaves);
    ASSERT(n->partials != NULL);
    u32 width = type_bytes(n->row->type);
    u8 *partials = n->partials + outer * n->tree * width;
    i64 *index = n->partial_index != NULL ? n->partial_index + outer * n->tree : NULL;
    u64 first = leaf * LEAF_LANES;
    u32 count = (u32)u64_min(LEAF_LANES, n->inner - first);
    const void *present, *from = elements_at(e, n, outer, first, count, &present);
    u64 at = leaf, level_at = 0;
    for (u64 level = n->leaves;; level = (level + 7) / 8) {
        undo_save(e, partials + (level_at + at) * width, width);
        if (index != NULL) undo_save(e, index + level_at + at, 8);
        if (level == 1) break;
        level_at += level, at /= 8;
    }
    n->leaves_of(from, present, count, (i64)first, partials + leaf * width,
                 index != NULL ? index + leaf : NULL);
    tree_above(n, partials, index, n->leaves, leaf);
}

static void unit_run(engine *e, node_state *n, u64 unit) {
    ASSERT(unit < e->layout.work_lanes);
    if ((n->row->flags & NODE_PARTIALS) == 0) {
        row_passing(e, n, unit);
        return;
    }
    u64 outer = unit / n->leaves, root = tree_root(n->leaves);
    leaf_redo(e, n, outer, unit % n->leaves);
    u32 width = type_bytes(n->row->type);
    result_store(e, n, outer, n->partials + (outer * n->tree + root) * width,
                 n->partial_index != NULL ? n->partial_index + outer * n->tree + root : NULL);
}

void reduce_run(engine *e, node_state *n) {
    ASSERT(n->row->kind == NODE_REDUCE);
    if (e->work.whole) {
        for (u64 outer = 0; outer < n->outer; outer++) {
            if ((n->row->flags & NODE_PARTIALS) != 0)
                row_stored(e, n, outer);
            else
                row_passing(e, n, outer);
        }
        return;
    }
    lane_set *s = &e->work;
    for (u64 tile = set_next_tile(s, 0); tile != SET_NONE; tile = set_next_tile(s, tile + 1))
        for (u64 w = tile * 8; w < tile * 8 + 8; w++)
            for (u64 bits = s->leaf[w]; bits != 0; bits &= bits - 1)
                unit_run(e, n, w * 64 + (u64)__builtin_ctzll(bits));
}
