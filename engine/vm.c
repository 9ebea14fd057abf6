/* SPDX-License-Identifier: Apache-2.0
 * vm: runs a node's program over a tile: up to 512 consecutive lanes (dense) or 512 lanes of a list
 * (packed). Same-lane loads of dense tiles are pointers into the page. Decisions about the graph
 * were taken at open; here steps are walked. */
#include "state.h"

static const void *operand_at(const engine *e, operand o) {
    switch (o.place) {
    case AT_TILE: return e->slots[o.slot];
    case AT_CELL: return cell_at(e, o.slot);
    case AT_SPREAD: return spread_at(e, o.slot);
    default: return NULL;
    }
}

void vm_uniform(engine *e, node_state *n) {
    ASSERT(n->row->uniform_slots <= e->layout.uniform_slots);
    e->count = 1, e->base = 0, e->lanes_at = NULL;
    for (u32 k = 0; k < n->row->uniform_count; k++) {
        const step *s = &n->uniform[k];
        const image_instruction *r = s->row;
        void *to = cell_at(e, r->dst);
        if (r->op == IN_CONST) {
            number_cell(to, e->image->constants[r->imm]);
        } else if (r->op == IN_SCALAR) {
            memcpy(to, s->page, type_bytes(r->type));
        } else {
            const void *a = operand_at(e, s->a), *b = operand_at(e, s->b), *c = operand_at(e, s->c);
            if (s->fn(to, a, b, c, 1) != 0)
                fault_note(e, s, 0, number_word(r->type, a), number_word(r->type, b));
        }
    }
    for (u32 k = 0; k < n->spread_count; k++) {
        u64 bits;
        memcpy(&bits, cell_at(e, n->spread[k]), 8);
        u8 type = e->spread_types[n->first_spread + k];
        kernel_spread(type, spread_at(e, n->spread[k]), bits, TILE_LANES);
    }
}

/* The next tile's bytes, on their way while this one is computed: tiles are too short for the
 * processor to see by itself how several pages go on. All at once they would stand in the way of
 * the loads, so each step asks for some. */
#define FETCH_PAGES 8u
#define FETCH_LINES 16u
typedef struct {
    const u8 *at[FETCH_PAGES], *end[FETCH_PAGES];
    u32 first, count;
} fetch;

static void fetch_plan(fetch *f, const u8 *tile, u32 bytes) {
    if (f->count == FETCH_PAGES) return;
    f->at[f->count] = tile + bytes, f->end[f->count] = tile + 2 * (u64)bytes;
    f->count++;
}

static inline void fetch_some(fetch *f) {
    for (u32 line = 0; f->first < f->count && line < FETCH_LINES; line++) {
        __builtin_prefetch(f->at[f->first], 0, 2);
        f->at[f->first] += 64;
        if (f->at[f->first] >= f->end[f->first]) f->first++;
    }
}

static void run_load(engine *e, node_state *n, const step *s, fetch *f) {
    const image_instruction *r = s->row;
    u32 width = type_bytes(r->type);
    void *to = slot_at(e, r->dst);
    const u8 *guard = operand_at(e, s->c);
    e->slots[r->dst] = to;
    switch (r->op) {
    case IN_LANE:
        if (e->lanes_at == NULL) {
            e->slots[r->dst] = (u8 *)s->page + e->base * width;
            if (e->work.whole) fetch_plan(f, e->slots[r->dst], e->count * width);
        } else
            kernel_gather(r->type)(to, s->page, e->lanes_at, e->count);
        return;
    case IN_AFFINE: load_affine(e, n, s, to, guard); return;
    case IN_GATHER:
        kernel_offsets(r->type, r->type2)(to, s->page, operand_at(e, s->a),
                                          e->image->pages[r->imm].fill, e->count);
        return;
    case IN_IOTA: memcpy(to, e->coordinates[r->imm], e->count * sizeof(i64)); return;
    case IN_AXIS: load_axis(e, s, to, operand_at(e, s->a), operand_at(e, s->b), guard); return;
    case IN_GROUP: load_group(e, s, to, operand_at(e, s->b), guard); return;
    default: ASSERT(r->op == IN_LANE);
    }
}

static void find_lane_fault(engine *e, const step *s, const void *a, const void *b,
                            const u8 *guard) {
    ASSERT(e->probe != NULL);
    ASSERT(s->faults);
    u32 width = type_bytes(s->row->type);
    for (u32 k = 0; k < e->count; k++) {
        _Alignas(64) u8 out[64];
        const u8 *x = (const u8 *)a + (u64)k * width, *y = (const u8 *)b + (u64)k * width;
        if (s->fn(out, x, y, guard == NULL ? NULL : guard + k, 1) != 0)
            fault_note(e, s, k, number_word(s->row->type, x), number_word(s->row->type, y));
    }
}

static void run_tile(engine *e, node_state *n) {
    fetch f;
    f.first = f.count = 0;
    e->feed = NULL;
    if (n->iota || (n->coordinates && e->lanes_at != NULL)) load_coordinates(e, n);
    for (u32 k = 0; k < n->row->tile_count; k++) {
        const step *s = &n->tile[k];
        const image_instruction *r = s->row;
        if (r->op < INSTRUCTION_FIRST) {
            void *to = slot_at(e, r->dst);
            const void *a = operand_at(e, s->a), *b = operand_at(e, s->b), *c = operand_at(e, s->c);
            if (s->faults && e->probe != NULL) find_lane_fault(e, s, a, b, c);
            if (s->fn(to, a, b, c, e->count) != 0) e->fault = 1;
            e->slots[r->dst] = to;
        } else if (r->op == IN_STORE) {
            if (e->probe == NULL) store_lanes(e, s, operand_at(e, s->a));
        } else if (r->op == IN_FEED) {
            e->feed = s;
            e->feed_at = operand_at(e, s->a);
            e->present_at = operand_at(e, s->b);
        } else {
            run_load(e, n, s, &f);
            continue;
        }
        fetch_some(&f);
    }
    while (f.first < f.count) fetch_some(&f);
    e->stats.lanes_run += e->count;
}

void vm_dense(engine *e, node_state *n, u64 base, u32 count) {
    ASSERT(count > 0 && count <= TILE_LANES);
    e->base = base, e->count = count, e->lanes_at = NULL;
    e->stats.tiles_dense++;
    run_tile(e, n);
}

void vm_packed(engine *e, node_state *n, const u64 *lanes, u32 count) {
    ASSERT(count > 0 && count <= TILE_LANES);
    e->base = 0, e->count = count, e->lanes_at = lanes;
    e->stats.tiles_packed++;
    run_tile(e, n);
}
