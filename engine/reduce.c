/* SPDX-License-Identifier: Apache-2.0
 * reduce: canonical reductions over stored elements or a program's, whole or from the leaves that
 * changed. Stored partials are the tree's levels one after the other; without them a row's leaves
 * are joined as they come. */
#include "state.h"

#define LEVELS 16u
#define LEAVES_AHEAD 6u /* of a chunk, whose elements are on their way */
#define LEAVES_CHUNK 512u

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

static inline void join_at(const node_state *n, u8 *partials, i64 *index, u64 level_at,
                           u64 level_count, u64 parent) {
    ASSERT(parent * NODE_FAN < level_count);
    u32 width = type_bytes(n->row->type);
    u64 first = parent * 8, count = u64_min(8, level_count - first),
        to = level_at + level_count + parent;
    i64 at = -1;
    u64 value = 0;
    n->join(partials + (level_at + first) * width, index != NULL ? index + level_at + first : NULL,
            (u32)count, &value, &at);
    lane_put(partials + to * width, value, width);
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

void tree_above(engine *e, const node_state *n, u8 *partials, i64 *index, u64 leaves, u64 *list,
                u32 count) {
    u32 width = type_bytes(n->row->type);
    for (u64 at = 0; leaves > 1;) {
        u32 parents = 0;
        for (u32 k = 0; k < count; k++) {
            u64 parent = list[k] / NODE_FAN;
            if (parents == 0 || list[parents - 1] != parent) list[parents++] = parent;
        }
        count = parents;
        for (u32 k = 0; k < count; k++) {
            undo_save_value(e, partials + (at + leaves + list[k]) * width);
            if (index != NULL) undo_save_value(e, index + at + leaves + list[k]);
            join_at(n, partials, index, at, leaves, list[k]);
        }
        at += leaves;
        leaves = (leaves + NODE_FAN - 1) / NODE_FAN;
    }
}

void result_store(engine *e, node_state *n, u64 lane, const void *value, const i64 *index) {
    ASSERT(lane < e->pages[n->row->output].lanes);
    ASSERT(index != NULL || n->row->reduce < REDUCE_ARGMIN);
    bool arg = n->row->reduce >= REDUCE_ARGMIN;
    e->stats.bytes_stored += e->pages[n->row->output].width;
    page_set_lane(e, n->row->output, lane, arg ? (const void *)index : value);
}

/* Elements of `count` positions of an outer lane from position `first`: where they lie. */
static const void *elements_at(worker *w, node_state *n, u64 outer, u64 first, u32 count,
                               const void **present) {
    ASSERT(outer < n->outer);
    ASSERT(count <= n->inner - first);
    u64 lane = outer * n->inner + first;
    if (n->row->element != 0) {
        const page_state *p = &w->e->pages[n->row->element];
        *present = n->row->present != 0 ? w->e->pages[n->row->present].value + lane : NULL;
        w->stats->lanes_run += count;
        w->stats->bytes_loaded += (u64)count * (p->width + (*present != NULL));
        return p->value + lane * p->width;
    }
    vm_dense(w, n, lane, count);
    ASSERT(w->feed != NULL);
    *present = w->present_at;
    return w->feed_at;
}

static u8 *row_partials(const node_state *n, u64 outer, i64 **index) {
    ASSERT(outer < n->outer);
    ASSERT(n->partials != NULL);
    *index = n->partial_index != NULL ? n->partial_index + outer * n->tree : NULL;
    return n->partials + outer * n->tree * type_bytes(n->row->type);
}

/* Leaves of tiles [from, to) of a row that keeps partials. */
static void row_leaves(worker *w, node_state *n, u64 outer, u64 from, u64 to) {
    u32 width = type_bytes(n->row->type);
    i64 *index;
    u8 *partials = row_partials(n, outer, &index);
    for (u64 first = from * TILE_LANES; first < u64_min(n->inner, to * TILE_LANES);
         first += TILE_LANES) {
        u32 count = (u32)u64_min(TILE_LANES, n->inner - first);
        const void *present, *at = elements_at(w, n, outer, first, count, &present);
        u64 leaf = first / LEAF_LANES;
        n->leaves_of(at, present, count, (i64)first, partials + leaf * width,
                     index != NULL ? index + leaf : NULL);
    }
}

node_state *reduce_of(engine *e, u32 page) {
    const image *i = e->image;
    const image_page *p = &i->pages[page];
    for (u32 k = 0; k < p->reader_count; k++) {
        u32 node = i->reads[i->readers[p->reader_at + k]].node;
        const image_node *n = &i->nodes[node];
        if (n->kind == NODE_REDUCE && n->element == page && n->present == 0 &&
            (n->flags & NODE_PARTIALS) != 0 && layout_outer_lanes(i, node) == 1)
            return &e->nodes[node];
    }
    return NULL;
}

void reduce_leaves(worker *w, node_state *n, u64 first, const void *from, u32 count) {
    ASSERT(first % LEAF_LANES == 0 && n->outer == 1);
    ASSERT(count <= n->inner - first);
    i64 *index;
    u8 *partials = row_partials(n, 0, &index);
    u64 leaf = first / LEAF_LANES;
    n->leaves_of(from, NULL, count, (i64)first, partials + leaf * type_bytes(n->row->type),
                 index != NULL ? index + leaf : NULL);
    w->stats->lanes_run += count;
}

static u64 row_tiles(const node_state *n) { return (n->inner + TILE_LANES - 1) / TILE_LANES; }

static void row_join(const node_state *n, u64 outer) {
    i64 *index;
    u8 *partials = row_partials(n, outer, &index);
    tree_above_all(n, partials, index, n->leaves);
}

static void row_result(engine *e, node_state *n, u64 outer) {
    u64 root = tree_root(n->leaves);
    i64 *index;
    u8 *partials = row_partials(n, outer, &index);
    result_store(e, n, outer, partials + root * type_bytes(n->row->type),
                 index != NULL ? index + root : NULL);
}

/* A row without partials: its value. */
static void row_value(worker *w, node_state *n, u64 outer, u64 *value, i64 *at) {
    ASSERT(outer < n->outer);
    climber c;
    u64 values[8];
    i64 index[8] = {0};
    u32 width = type_bytes(n->row->type);
    *value = 0, *at = -1;
    if (n->inner <= LEAF_LANES) { /* one leaf is the whole tree */
        const void *present, *from = elements_at(w, n, outer, 0, (u32)n->inner, &present);
        n->leaves_of(from, present, (u32)n->inner, 0, value, at);
        return;
    }
    memset(c.held, 0, sizeof c.held);
    for (u64 first = 0; first < n->inner; first += TILE_LANES) {
        u32 count = (u32)u64_min(TILE_LANES, n->inner - first);
        const void *present, *from = elements_at(w, n, outer, first, count, &present);
        n->leaves_of(from, present, count, (i64)first, values, index);
        for (u32 leaf = 0; leaf * LEAF_LANES < count; leaf++)
            climb(n, &c, (u8 *)values + (u64)leaf * width, index[leaf]);
    }
    climb_end(n, &c, value, at);
}

static void row_passing(engine *e, node_state *n, u64 outer) {
    u64 value;
    i64 at;
    row_value(e->workers, n, outer, &value, &at);
    result_store(e, n, outer, &value, &at);
}

/* One leaf of a row with partials, without the path above it. */
static void leaf_redo(engine *e, node_state *n, u64 outer, u64 leaf) {
    ASSERT(leaf < n->leaves);
    u32 width = type_bytes(n->row->type);
    u64 tree = outer * n->tree + leaf, first = leaf * LEAF_LANES;
    i64 *index = n->partial_index != NULL ? n->partial_index + tree : NULL;
    u32 count = (u32)u64_min(LEAF_LANES, n->inner - first);
    const void *present, *from = elements_at(e->workers, n, outer, first, count, &present);
    undo_save_value(e, n->partials + tree * width);
    if (index != NULL) undo_save_value(e, index);
    n->leaves_of(from, present, count, (i64)first, n->partials + tree * width, index);
}

static void leaf_fetch(engine *e, const node_state *n, u64 unit) {
    if (n->row->element == 0) return;
    const page_state *p = &e->pages[n->row->element];
    u64 lane = unit * LEAF_LANES;
    if (n->outer != 1) lane = unit / n->leaves * n->inner + unit % n->leaves * LEAF_LANES;
    const u8 *at = p->value + lane * p->width;
    for (u32 line = 0; line < LEAF_LANES * p->width; line += 64) __builtin_prefetch(at + line);
}

/* Units of one chunk, ascending: leaves of a row lie together, and share what is above them. */
static void units_run(engine *e, node_state *n, u64 *unit, u32 count) {
    ASSERT(count <= LEAVES_CHUNK);
    for (u32 k = 0; k < LEAVES_AHEAD && k < count; k++) leaf_fetch(e, n, unit[k]);
    for (u32 k = 0; k < count;) {
        u64 outer = n->outer == 1 ? 0 : unit[k] / n->leaves, first = outer * n->leaves;
        u32 from = k;
        for (; k < count && unit[k] < first + n->leaves; k++) {
            if (k + LEAVES_AHEAD < count) leaf_fetch(e, n, unit[k + LEAVES_AHEAD]);
            unit[k] -= first;
            leaf_redo(e, n, outer, unit[k]);
        }
        i64 *index;
        u8 *partials = row_partials(n, outer, &index);
        tree_above(e, n, partials, index, n->leaves, unit + from, k - from);
        row_result(e, n, outer);
    }
}

/* What threads share: tiles of one row, whole rows with partials, or values of rows. */
typedef struct {
    node_state *n;
    u64 first; /* row */
    u64 *values;
    i64 *index;
} rows_part;

static void leaves_share(worker *w, void *context, u64 from, u64 to) {
    rows_part *p = context;
    row_leaves(w, p->n, p->first, from, to);
}

static void trees_share(worker *w, void *context, u64 from, u64 to) {
    rows_part *p = context;
    ASSERT(to <= p->n->outer);
    for (u64 row = from; row < to; row++) {
        row_leaves(w, p->n, row, 0, row_tiles(p->n));
        row_join(p->n, row);
    }
}

static void values_share(worker *w, void *context, u64 from, u64 to) {
    rows_part *p = context;
    ASSERT(to <= TILE_LANES);
    for (u64 row = from; row < to; row++)
        row_value(w, p->n, p->first + row, &p->values[row], &p->index[row]);
}

static void whole_passing(engine *e, node_state *n, bool split_up) {
    rows_part p = {
        .n = n, .values = e->workers[0].buffer[2], .index = (i64 *)e->workers[0].buffer[3]};
    for (u64 count; p.first < n->outer; p.first += count) {
        count = u64_min(TILE_LANES, n->outer - p.first);
        split s = {.e = e, .units = count, .share = values_share, .context = &p};
        if (split_up && count > 1)
            split_run(&s);
        else
            values_share(e->workers, &p, 0, count);
        for (u64 row = 0; row < count; row++)
            result_store(e, n, p.first + row, &p.values[row], &p.index[row]);
    }
}

static void whole_stored(engine *e, node_state *n, bool split_up) {
    if (n->leaves_pass == e->pass) {
        row_join(n, 0);
        row_result(e, n, 0);
        return;
    }
    rows_part p = {.n = n};
    bool long_rows = row_tiles(n) >= n->outer;
    split s = {.e = e, .context = &p};
    s.units = long_rows ? row_tiles(n) : n->outer;
    s.share = long_rows ? leaves_share : trees_share;
    undo_save(e, n->partials, n->outer * n->tree * type_bytes(n->row->type));
    if (n->partial_index != NULL) undo_save(e, n->partial_index, n->outer * n->tree * 8);
    if (!split_up) {
        trees_share(e->workers, &p, 0, n->outer);
    } else if (!long_rows) {
        split_run(&s);
    } else {
        for (; p.first < n->outer; p.first++) {
            split_run(&s);
            row_join(n, p.first);
        }
    }
    for (u64 row = 0; row < n->outer; row++) row_result(e, n, row);
}

static void given_whole(engine *e, node_state *n, leaf_cells *made) {
    u64 count = n->outer * n->tree;
    i64 *index;
    ASSERT(n->partials != NULL);
    undo_save(e, n->partials, count * type_bytes(n->row->type));
    if (n->partial_index != NULL) undo_save(e, n->partial_index, count * sizeof(i64));
    for (u64 row = 0; row < n->outer; row++) {
        u8 *partials = row_partials(n, row, &index);
        for (u64 leaf = 0; leaf < n->leaves; leaf++)
            cell_take(n, made, partials + leaf * type_bytes(n->row->type),
                      index != NULL ? index + leaf : NULL);
        row_join(n, row);
        row_result(e, n, row);
    }
}

/* A leaf is a row. */
static void given_rows(engine *e, node_state *n, const u64 *unit, u64 count, leaf_cells *made) {
    bool arg = n->row->reduce >= REDUCE_ARGMIN;
    ASSERT(n->leaves == 1);
    for (u64 k = 0; k < count; k++) {
        u64 value = 0;
        i64 at = -1;
        cell_take(n, made, &value, arg ? &at : NULL);
        result_store(e, n, unit == NULL ? k : unit[k], &value, arg ? &at : NULL);
    }
}

void reduce_given(engine *e, node_state *n, u64 *unit, u64 count, leaf_cells *made) {
    u32 width = type_bytes(n->row->type);
    ASSERT(n->row->kind == NODE_REDUCE);
    if ((n->row->flags & NODE_PARTIALS) == 0) {
        given_rows(e, n, unit, count, made);
        return;
    }
    if (unit == NULL) {
        given_whole(e, n, made);
        return;
    }
    for (u64 k = 0, from; k < count;) {
        u64 outer = unit[k] / n->leaves, first = outer * n->leaves;
        i64 *index;
        u8 *partials = row_partials(n, outer, &index);
        for (from = k; k < count && k - from < LEAVES_CHUNK && unit[k] < first + n->leaves; k++) {
            unit[k] -= first;
            undo_save_value(e, partials + unit[k] * width);
            if (index != NULL) undo_save_value(e, index + unit[k]);
            cell_take(n, made, partials + unit[k] * width, index != NULL ? index + unit[k] : NULL);
        }
        tree_above(e, n, partials, index, n->leaves, unit + from, (u32)(k - from));
        row_result(e, n, outer);
    }
}

void reduce_run(engine *e, node_state *n) {
    ASSERT(n->row->kind == NODE_REDUCE);
    bool stored = (n->row->flags & NODE_PARTIALS) != 0;
    if (e->work.whole) {
        bool split_up = !e->verify && split_is_worth(e, n->shape->lanes, n->row->tile_count + 1);
        (stored ? whole_stored : whole_passing)(e, n, split_up);
        return;
    }
    u64 unit[LEAVES_CHUNK];
    u32 count = 0;
    lane_set *s = &e->work;
    for (u64 tile = set_next_tile(s, 0); tile != SET_NONE; tile = set_next_tile(s, tile + 1)) {
        for (u64 w = tile * 8; w < tile * 8 + 8; w++) {
            for (u64 bits = s->leaf[w]; bits != 0; bits &= bits - 1) {
                u64 next = w * 64 + (u64)__builtin_ctzll(bits);
                if (!stored) {
                    row_passing(e, n, next);
                    continue;
                }
                if (count == LEAVES_CHUNK) units_run(e, n, unit, count), count = 0;
                unit[count++] = next;
            }
        }
    }
    if (stored) units_run(e, n, unit, count);
}
