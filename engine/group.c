/* SPDX-License-Identifier: Apache-2.0
 * group: keyed reductions. Members of a group stand in slots of its own, in index order, so a
 * member's rank is its slot less the first; every leaf of 64 ranks keeps its partial and the path
 * above it. Where groups are large the elements themselves stand in slots too: a leaf is then read
 * in one piece instead of from 64 places. A changed key moves the members behind it in the two
 * groups by a slot; many changed keys build everything anew. */
#include "cuda/cuda.h"
#include "state.h"

#define LEAVES_AHEAD 6u /* of a chunk, whose elements are on their way */
#define LEAVES_CHUNK 512u
#define GROUP_STEPS 8u /* what an element of a group costs, in steps of a program */

/* Index, packed elements and trees follow from the pages that undo brings back: where they are
 * built whole, saving them would cost as much as building them, so a rejection builds them again.
 * With a GPU they are saved: the elements may lie there. */
static bool remade(engine *e, node_state *n) {
    ASSERT(n->row->kind == NODE_KEYED);
    if (e->cuda != NULL) return false;
    if (e->undo_on && !n->remade) {
        n->remade = true, n->remade_next = e->remade;
        e->remade = n;
    }
    return true;
}

#define COUNTS 4u /* of one group in a row: an addition does not wait for that before it */
#define COUNTS_GROUPS_MAX 512u
static void members_count(const i32 *group, u64 keys, u64 groups, u32 *restrict count) {
    u32 part[COUNTS][COUNTS_GROUPS_MAX + 1];
    u64 k = 0;
    memset(count, 0, groups * sizeof(u32));
    if (groups <= COUNTS_GROUPS_MAX) {
        for (u32 c = 0; c < COUNTS; c++) memset(part[c], 0, (groups + 1) * sizeof(u32));
        for (; k + COUNTS <= keys; k += COUNTS)
            for (u32 c = 0; c < COUNTS; c++) part[c][group[k + c] + 1]++; /* [0]: in no group */
        for (u64 g = 0; g < groups; g++)
            for (u32 c = 0; c < COUNTS; c++) count[g] += part[c][g + 1];
    }
    for (; k < keys; k++)
        if (group[k] >= 0) count[group[k]]++;
}

/* Gives every key its slot; the others put its element there too. */
typedef void place_fn(const node_state *n, const i32 *group, const void *elements);
#define PLACE(name, move)                                                                \
    static void name(const node_state *n, const i32 *restrict group, const void *from) { \
        const u32 *restrict start = n->start;                                            \
        u32 *restrict used = n->count, *restrict order = n->order;                       \
        u32 *restrict slot_of = n->slot_of;                                              \
        void *restrict to = n->packed;                                                   \
        for (u64 k = 0; k < n->keys; k++) {                                              \
            u32 slot = SLOT_OF_NONE;                                                     \
            if (group[k] >= 0) {                                                         \
                slot = start[group[k]] + used[group[k]]++;                               \
                order[slot] = (u32)k;                                                    \
                move;                                                                    \
            }                                                                            \
            slot_of[k] = slot;                                                           \
        }                                                                                \
    }
PLACE(place_all, (void)from; (void)to)
PLACE(place_u32, ((u32 *)to)[slot] = ((const u32 *)from)[k])
PLACE(place_u64, ((u64 *)to)[slot] = ((const u64 *)from)[k])

/* Segments of whole leaves with a free slot each; members by index. True: the packed elements are
 * there as well. */
static bool index_build(engine *e, node_state *n) {
    ASSERT(n->row->kind == NODE_KEYED);
    u32 width = e->pages[n->row->element].width;
    const i32 *group = (const i32 *)e->pages[n->row->group].value;
    bool again = remade(e, n);
    if (!again)
        undo_save(e, n->order,
                  (u64)((u8 *)(n->leaf_group + n->slots / LEAF_LANES) - (u8 *)n->order));
    members_count(group, n->keys, n->groups, n->count);
    u64 leaf = 0;
    for (u64 g = 0; g < n->groups; g++) {
        u64 own = n->count[g] / LEAF_LANES + 1;
        n->start[g] = (u32)(leaf * LEAF_LANES);
        for (u64 l = 0; l < own; l++) n->leaf_group[leaf + l] = (u32)g;
        leaf += own;
        n->count[g] = 0;
    }
    ASSERT(leaf * LEAF_LANES <= n->slots);
    n->start[n->groups] = (u32)(leaf * LEAF_LANES);
    place_fn *place = place_all;
    if (again && n->packed != NULL && n->rest == 1 && width == 8) place = place_u64;
    if (again && n->packed != NULL && n->rest == 1 && width == 4) place = place_u32;
    place(n, group, e->pages[n->row->element].value);
    return place != place_all;
}

static u8 *packed_at(const node_state *n, u64 slot, u64 r) {
    return n->packed + (r * n->slots + slot) * type_bytes(n->row->type);
}

static void leaves_mark(engine *e, const node_state *n, u64 first, u64 end) {
    ASSERT(end <= n->slots / LEAF_LANES);
    for (u64 r = 0; r < n->rest; r++)
        for (u64 leaf = first; leaf < end; leaf++)
            set_add(&e->work, leaf_unit_of(n, leaf * LEAF_LANES, r));
}

/* What stands in slots [from, end) of a group goes to `to`; one of from, to is the other + 1. */
static void slots_move(engine *e, node_state *n, u64 from, u64 end, u64 to) {
    u64 first = u64_min(from, to), count = end - from, width = type_bytes(n->row->type);
    ASSERT(from + 1 == to || to + 1 == from);
    undo_save(e, n->order + first, (count + 1) * sizeof(u32));
    memmove(n->order + to, n->order + from, count * sizeof(u32));
    for (u64 r = 0; n->packed != NULL && r < n->rest; r++) {
        undo_save(e, packed_at(n, first, r), (count + 1) * width);
        memmove(packed_at(n, to, r), packed_at(n, from, r), count * width);
    }
    for (u64 k = 0; k < count; k++) {
        u32 *place = &n->slot_of[n->order[to + k]];
        undo_save_value(e, place);
        *place = (u32)(to + k);
    }
}

/* The leaves of group g from `slot` on, or all where their number has changed: its tree has another
 * shape then. An empty group keeps one, for its result. */
static void group_mark(engine *e, const node_state *n, u64 g, u64 slot, bool reshaped) {
    u64 first = n->start[g] / LEAF_LANES, own = (n->count[g] + LEAF_LANES - 1u) / LEAF_LANES;
    leaves_mark(e, n, reshaped ? first : slot / LEAF_LANES, first + (own == 0 ? 1 : own));
}

static void member_out(engine *e, node_state *n, u64 g, u64 slot) {
    u64 end = n->start[g] + n->count[g];
    ASSERT(slot >= n->start[g] && slot < end);
    undo_save_value(e, &n->count[g]);
    slots_move(e, n, slot + 1, end, slot);
    n->count[g]--;
    group_mark(e, n, g, slot, n->count[g] % LEAF_LANES == 0);
}

static void member_in(engine *e, node_state *n, u64 g, u64 key) {
    u64 low = n->start[g], high = low + n->count[g], end = high;
    const page_state *p = &e->pages[n->row->element];
    ASSERT(end < n->start[g + 1]); /* a slot is free */
    while (low < high) {
        u64 middle = low + (high - low) / 2;
        if (n->order[middle] < key)
            low = middle + 1;
        else
            high = middle;
    }
    undo_save_value(e, &n->count[g]);
    slots_move(e, n, low, end, low + 1);
    n->order[low] = (u32)key;
    n->slot_of[key] = (u32)low;
    for (u64 r = 0; n->packed != NULL && r < n->rest; r++)
        memcpy(packed_at(n, low, r), p->value + (key * n->rest + r) * p->width, p->width);
    n->count[g]++;
    group_mark(e, n, g, low, n->count[g] % LEAF_LANES == 1);
}

/* False where the key's new group has no free slot. */
static bool key_move(engine *e, node_state *n, u64 key) {
    i32 to = ((const i32 *)e->pages[n->row->group].value)[key];
    u32 slot = n->slot_of[key];
    if (to >= 0 && n->start[to] + n->count[to] == n->start[to + 1]) return false;
    undo_save_value(e, &n->slot_of[key]);
    n->slot_of[key] = SLOT_OF_NONE;
    if (slot != SLOT_OF_NONE) member_out(e, n, n->leaf_group[slot / LEAF_LANES], slot);
    if (to >= 0) member_in(e, n, (u64)to, key);
    return true;
}

void group_rekey(engine *e, node_state *n) {
    const lane_set *d = &e->pages[n->row->group].dirty;
    ASSERT(n->row->kind == NODE_KEYED && d->lanes == n->keys);
    n->keys_anew = e->work.whole;
    if (set_is_empty(d) && !n->keys_anew) return;
    cuda_order_moved(e, n);
    if (n->keys_anew) return;
    n->keys_anew = d->whole || (d->count > 1 && d->count * 4 > n->groups);
    for (u64 k = n->keys_anew ? SET_NONE : set_next(d, 0); k != SET_NONE; k = set_next(d, k + 1)) {
        if (key_move(e, n, k)) continue;
        n->keys_anew = true;
        break;
    }
    e->work.whole = n->keys_anew;
}

static u8 *tree_of(const node_state *n, u64 group, u64 r, i64 **index) {
    u64 at = 2 * leaf_unit_of(n, n->start[group], r);
    *index = n->partial_index != NULL ? n->partial_index + at : NULL;
    return n->partials + at * type_bytes(n->row->type);
}

/* Without packed elements: they are gathered. */
static void leaf_gather(worker *w, node_state *n, u64 first, u32 count, u64 r, void *out, i64 *at) {
    engine *e = w->e;
    u64 lanes[LEAF_LANES];
    ASSERT(count <= LEAF_LANES && n->packed == NULL);
    for (u32 k = 0; k < count; k++) lanes[k] = (u64)n->order[first + k] * n->rest + r;
    kernel_gather(n->row->type)(w->buffer[0], e->pages[n->row->element].value, lanes, count);
    const void *present = NULL;
    if (n->row->present != 0) {
        kernel_gather(TYPE_BOOL)(w->buffer[1], e->pages[n->row->present].value, lanes, count);
        present = w->buffer[1];
    }
    n->leaves_of(w->buffer[0], present, count, 0, out, at);
    w->stats->bytes_loaded += (u64)count * (type_bytes(n->row->type) + (present != NULL));
}

static void leaf_compute(worker *w, node_state *n, u64 group, u64 r, u64 leaf) {
    engine *e = w->e;
    u64 first = n->start[group] + leaf * LEAF_LANES;
    ASSERT(first < n->start[group] + n->count[group]);
    u32 count = (u32)u64_min(LEAF_LANES, n->start[group] + n->count[group] - first);
    i64 *index, at = -1;
    u8 *out = tree_of(n, group, r, &index) + leaf * type_bytes(n->row->type);
    if (!w->shared) undo_save_value(e, out);
    w->stats->lanes_run += count;
    if (n->packed != NULL) {
        w->stats->bytes_loaded += (u64)count * type_bytes(n->row->type);
        n->leaves_of(packed_at(n, first, r), NULL, count, 0, out, NULL);
        return;
    }
    leaf_gather(w, n, first, count, r, out, &at);
    if (index == NULL) return;
    if (!w->shared) undo_save_value(e, index + leaf);
    index[leaf] = at < 0 ? -1 : (i64)n->order[first + (u64)at];
}

static void group_result(engine *e, node_state *n, u64 group, u64 r) {
    u64 count = n->count[group], leaves = (count + LEAF_LANES - 1) / LEAF_LANES;
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

/* The most frequent ones, an element a key. */
#define PACK(word)                                                        \
    static void pack_##word(word *restrict to, const word *restrict from, \
                            const u32 *restrict slot_of, u64 keys) {      \
        for (u64 k = 0; k < keys; k++)                                    \
            if (slot_of[k] != SLOT_OF_NONE) to[slot_of[k]] = from[k];     \
    }
PACK(u32)
PACK(u64)

static void packed_fill(engine *e, node_state *n) {
    const page_state *p = &e->pages[n->row->element];
    ASSERT(n->packed != NULL);
    if (!remade(e, n)) undo_save(e, n->packed, n->slots * n->rest * p->width);
    if (n->rest == 1 && p->width == 8) {
        pack_u64((u64 *)n->packed, (const u64 *)p->value, n->slot_of, n->keys);
    } else if (n->rest == 1 && p->width == 4) {
        pack_u32((u32 *)n->packed, (const u32 *)p->value, n->slot_of, n->keys);
    } else {
        for (u64 k = 0; k < n->keys; k++) {
            const u8 *from = p->value + k * n->rest * p->width;
            for (u64 r = 0; n->slot_of[k] != SLOT_OF_NONE && r < n->rest; r++)
                memcpy(packed_at(n, n->slot_of[k], r), from + r * p->width, p->width);
        }
    }
}

/* The leaves of a group of packed elements, a tile at a time. */
static void leaves_packed(worker *w, node_state *n, u64 g, u64 r) {
    u64 first = n->start[g], count = n->count[g], width = type_bytes(n->row->type);
    i64 *index;
    u8 *partials = tree_of(n, g, r, &index);
    for (u64 at = 0; at < count; at += TILE_LANES)
        n->leaves_of(packed_at(n, first + at, r), NULL, (u32)u64_min(TILE_LANES, count - at), 0,
                     partials + at / LEAF_LANES * width, NULL);
    w->stats->lanes_run += count;
    w->stats->bytes_loaded += count * width;
}

/* Trees of groups [from, to), without their results. */
static void groups_share(worker *w, void *context, u64 from, u64 to) {
    node_state *n = context;
    ASSERT(to <= n->groups);
    for (u64 g = from; g < to; g++) {
        u64 leaves = (n->count[g] + LEAF_LANES - 1u) / LEAF_LANES;
        for (u64 r = 0; r < n->rest; r++) {
            i64 *index;
            u8 *partials = tree_of(n, g, r, &index);
            if (n->packed != NULL)
                leaves_packed(w, n, g, r);
            else
                for (u64 l = 0; l < leaves; l++) leaf_compute(w, n, g, r, l);
            tree_above_all(n, partials, index, leaves);
        }
    }
}

static void trees_save(engine *e, node_state *n) {
    u64 count = 2 * (n->slots / LEAF_LANES) * n->rest;
    ASSERT(e->work.whole);
    if (remade(e, n)) return;
    undo_save(e, n->partials, count * type_bytes(n->row->type));
    if (n->partial_index != NULL) undo_save(e, n->partial_index, count * 8);
}

static void group_whole(engine *e, node_state *n) {
    trees_save(e, n);
    bool packed = n->keys_anew && index_build(e, n);
    if (n->packed != NULL && !packed) packed_fill(e, n);
    if (!e->verify && split_is_worth(e, n->shape->lanes, GROUP_STEPS)) {
        split s = {.e = e, .units = n->groups, .share = groups_share, .context = n};
        split_run(&s);
    } else {
        groups_share(e->workers, n, 0, n->groups);
    }
    for (u64 g = 0; g < n->groups; g++)
        for (u64 r = 0; r < n->rest; r++) group_result(e, n, g, r);
}

/* Forgets what was built whole; `again`: builds it from the pages that stand now. */
static void remade_end(engine *e, bool again) {
    ASSERT(!e->undo_on);
    for (node_state *n = e->remade; n != NULL; n = n->remade_next) {
        n->remade = false;
        if (!again) continue;
        if (!index_build(e, n) && n->packed != NULL) packed_fill(e, n);
        groups_share(e->workers, n, 0, n->groups);
    }
    e->remade = NULL;
}

void groups_accept(engine *e) { remade_end(e, false); }

void groups_reject(engine *e) {
    u64 before = kernels_fp_enter();
    ASSERT(e->cuda == NULL || e->remade == NULL);
    remade_end(e, true);
    kernels_fp_leave(before);
}

static void leaf_fetch(const node_state *n, u64 unit) {
    u64 leaves = n->slots / LEAF_LANES;
    const u8 *at = packed_at(n, unit % leaves * LEAF_LANES, unit / leaves);
    u32 bytes = LEAF_LANES * type_bytes(n->row->type);
    for (u32 line = 0; line < bytes; line += 64) __builtin_prefetch(at + line);
}

static void leaf_given(engine *e, node_state *n, u64 group, u64 r, u64 leaf, leaf_cells *made) {
    i64 *index;
    u8 *out = tree_of(n, group, r, &index) + leaf * type_bytes(n->row->type);
    ASSERT(n->packed == NULL);
    undo_save_value(e, out);
    if (index != NULL) undo_save_value(e, index + leaf);
    cell_take(n, made, out, index != NULL ? index + leaf : NULL);
}

/* Units of one chunk, ascending: leaves of a group lie together, and share what is above them.
 * `made`: those that have members, or NULL: they are computed here. */
static void units_run(engine *e, node_state *n, u64 *unit, u32 count, leaf_cells *made) {
    u64 leaves = n->slots / LEAF_LANES;
    for (u32 k = 0; n->packed != NULL && k < LEAVES_AHEAD && k < count; k++) leaf_fetch(n, unit[k]);
    for (u32 k = 0; k < count;) {
        u64 r = unit[k] / leaves, g = n->leaf_group[unit[k] % leaves];
        u64 first = r * leaves + n->start[g] / LEAF_LANES,
            end = r * leaves + n->start[g + 1] / LEAF_LANES;
        u32 from = k, used = k;
        for (; k < count && unit[k] < end; k++) {
            if (n->packed != NULL && k + LEAVES_AHEAD < count)
                leaf_fetch(n, unit[k + LEAVES_AHEAD]);
            u64 leaf = unit[k] - first;
            /* A leaf that was marked may have lost its last member since. */
            if (leaf * LEAF_LANES >= n->count[g]) continue;
            if (made == NULL)
                leaf_compute(e->workers, n, g, r, leaf);
            else
                leaf_given(e, n, g, r, leaf, made);
            unit[used++] = leaf;
        }
        i64 *index;
        u8 *partials = tree_of(n, g, r, &index);
        if (used != from)
            tree_above(e, n, partials, index, (n->count[g] + LEAF_LANES - 1u) / LEAF_LANES,
                       unit + from, used - from);
        group_result(e, n, g, r);
    }
}

static void work_go_over(engine *e, node_state *n, leaf_cells *made) {
    u64 unit[LEAVES_CHUNK];
    u32 count = 0;
    lane_set *s = &e->work;
    ASSERT(!s->whole);
    for (u64 tile = set_next_tile(s, 0); tile != SET_NONE; tile = set_next_tile(s, tile + 1)) {
        for (u64 w = tile * 8; w < tile * 8 + 8; w++) {
            for (u64 bits = s->leaf[w]; bits != 0; bits &= bits - 1) {
                if (count == LEAVES_CHUNK) units_run(e, n, unit, count, made), count = 0;
                unit[count++] = w * 64 + (u64)__builtin_ctzll(bits);
            }
        }
    }
    units_run(e, n, unit, count, made);
}

void group_run(engine *e, node_state *n) {
    if (e->work.whole) {
        group_whole(e, n);
        return;
    }
    work_go_over(e, n, NULL);
}

static u64 leaf_listed(const node_state *n, u64 unit) {
    u64 leaf = unit % (n->slots / LEAF_LANES), g = n->leaf_group[leaf];
    u64 before = leaf * LEAF_LANES - n->start[g];
    ASSERT(g < n->groups && before < n->count[g]);
    return unit | u64_min(LEAF_LANES, n->count[g] - before) << GROUP_MEMBERS_SHIFT;
}

u64 group_leaves(engine *e, node_state *n, u64 *list) {
    u64 count = 0, leaves = n->slots / LEAF_LANES;
    const lane_set *s = &e->work;
    if (s->whole && n->keys_anew) index_build(e, n);
    for (u64 r = 0; s->whole && r < n->rest; r++)
        for (u64 g = 0; g < n->groups; g++)
            for (u64 at = 0; at < n->count[g]; at += LEAF_LANES)
                list[count++] = leaf_listed(n, leaf_unit_of(n, n->start[g] + at, r));
    for (u64 unit = s->whole ? SET_NONE : set_next(s, 0); unit != SET_NONE;
         unit = set_next(s, unit + 1)) {
        u64 leaf = unit % leaves, g = n->leaf_group[leaf];
        ASSERT(leaf * LEAF_LANES >= n->start[g]);
        if (leaf * LEAF_LANES - n->start[g] < n->count[g]) list[count++] = leaf_listed(n, unit);
    }
    return count;
}

void group_given(engine *e, node_state *n, leaf_cells *made) {
    u32 width = type_bytes(n->row->type);
    if (!e->work.whole) {
        work_go_over(e, n, made);
        return;
    }
    trees_save(e, n);
    for (u64 r = 0; r < n->rest; r++) {
        for (u64 g = 0; g < n->groups; g++) {
            u64 leaves = (n->count[g] + LEAF_LANES - 1u) / LEAF_LANES;
            i64 *index;
            u8 *partials = tree_of(n, g, r, &index);
            ASSERT(n->packed == NULL);
            for (u64 l = 0; l < leaves; l++)
                cell_take(n, made, partials + l * width, index != NULL ? index + l : NULL);
            tree_above_all(n, partials, index, leaves);
            group_result(e, n, g, r);
        }
    }
}
