/* SPDX-License-Identifier: Apache-2.0
 * vm: runs a node's program over a tile: up to 512 consecutive lanes (dense) or 512 lanes of a list
 * (packed). Same-lane loads of dense tiles are pointers into the page. Decisions about the graph
 * were taken at open; here steps are walked. */
#include "state.h"

static const void *operand_at(const worker *w, operand o) {
    switch (o.place) {
    case AT_TILE: return w->slots[o.slot];
    case AT_CELL: return cell_at(w->e, o.slot);
    case AT_SPREAD: return spread_at(w->e, o.slot);
    default: return NULL;
    }
}

void vm_uniform(worker *w, node_state *n) {
    ASSERT(w->e->spread_lanes > 0 && w->e->spread_lanes <= TILE_LANES);
    engine *e = w->e;
    ASSERT(n->row->uniform_slots <= e->layout.uniform_slots);
    w->count = 1, w->base = 0, w->lanes_at = NULL;
    for (u32 k = 0; k < n->row->uniform_count; k++) {
        const step *s = &n->uniform[k];
        const image_instruction *r = s->row;
        void *to = cell_at(e, r->dst);
        if (r->op == IN_CONST) {
            number_cell(to, e->image->constants[r->imm]);
        } else if (r->op == IN_SCALAR) {
            memcpy(to, s->page, type_bytes(r->type));
        } else {
            const void *a = operand_at(w, s->a), *b = operand_at(w, s->b), *c = operand_at(w, s->c);
            if (s->fn(to, a, b, c, 1) != 0)
                fault_note(w, s, 0, number_word(r->type, a), number_word(r->type, b));
        }
    }
    for (u32 k = 0; k < n->spread_count; k++) {
        u64 bits;
        memcpy(&bits, cell_at(e, n->spread[k]), 8);
        u8 type = e->spread_types[n->first_spread + k];
        kernel_spread(type, spread_at(e, n->spread[k]), bits, e->spread_lanes);
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

static void run_load(worker *w, node_state *n, const step *s, fetch *f) {
    const image_instruction *r = s->row;
    u32 width = s->width;
    void *to = slot_at(w, r->dst);
    const u8 *guard = operand_at(w, s->c);
    w->slots[r->dst] = to;
    switch (r->op) {
    case IN_LANE:
        if (w->lanes_at == NULL) {
            w->slots[r->dst] = (u8 *)s->page + w->base * width;
            if (w->e->work.whole && n->fast == NULL)
                fetch_plan(f, w->slots[r->dst], w->count * width);
        } else
            s->gather(to, s->page, w->lanes_at, w->count);
        return;
    case IN_AFFINE: load_affine(w, n, s, to, guard); return;
    case IN_GATHER:
        s->offsets(to, s->page, operand_at(w, s->a), w->e->image->pages[r->imm].fill, w->count);
        return;
    case IN_IOTA: memcpy(to, w->coordinates[r->imm], w->count * sizeof(i64)); return;
    case IN_AXIS: load_axis(w, s, to, operand_at(w, s->a), operand_at(w, s->b), guard); return;
    case IN_GROUP: load_group(w, s, to, operand_at(w, s->b), guard); return;
    default: ASSERT(r->op == IN_LANE);
    }
}

static void find_lane_fault(worker *w, const step *s, const void *a, const void *b,
                            const u8 *guard) {
    ASSERT(w->e->probe != NULL);
    ASSERT(s->faults);
    u32 width = type_bytes(s->row->type);
    for (u32 k = 0; k < w->count; k++) {
        _Alignas(64) u8 out[64];
        const u8 *x = (const u8 *)a + (u64)k * width, *y = (const u8 *)b + (u64)k * width;
        if (s->fn(out, x, y, guard == NULL ? NULL : guard + k, 1) != 0)
            fault_note(w, s, k, number_word(s->row->type, x), number_word(s->row->type, y));
    }
}

/* Slots may hold pointers into pages: results go to the slots' own memory. */
static void run_native(worker *w, const step *s) {
    ASSERT(s->out_count != 0);
    for (u32 k = 0; k < s->out_count; k++) w->slots[s->outs[k]] = slot_at(w, s->outs[k]);
    s->native(w->slots, cell_at(w->e, 0), w->count);
}

/* A step that is no load, on w's lanes. A call of its own would cost one lane's way 6 %. */
static inline __attribute__((always_inline)) void run_step(worker *w, const step *s) {
    const image_instruction *r = s->row;
    if (r->op < INSTRUCTION_FIRST) {
        void *to = slot_at(w, r->dst);
        const void *a = operand_at(w, s->a), *b = operand_at(w, s->b), *c = operand_at(w, s->c);
        if (s->faults && w->e->probe != NULL) find_lane_fault(w, s, a, b, c);
        if (s->fn(to, a, b, c, w->count) != 0) w->fault = 1;
        w->slots[r->dst] = to;
    } else if (r->op == IN_STORE) {
        if (w->e->probe == NULL) store_lanes(w, s, operand_at(w, s->a));
    } else if (r->op == IN_FEED) {
        w->feed = s;
        w->feed_at = operand_at(w, s->a);
        w->present_at = operand_at(w, s->b);
    } else {
        ASSERT(r->op == STEP_NATIVE);
        run_native(w, s);
    }
}

static inline bool step_is_load(const step *s) {
    u16 op = s->row->op;
    return op >= INSTRUCTION_FIRST && op != IN_STORE && op != IN_FEED && op != STEP_NATIVE;
}

static void run_tile(worker *w, node_state *n) {
    /* A fault is found, and a check made, by the VM alone. */
    bool fast = n->fast != NULL && w->e->probe == NULL && !w->e->verify;
    const step *list = fast ? n->fast : n->tile;
    u32 steps = fast ? n->fast_count : n->row->tile_count;
    fetch f;
    f.first = f.count = 0;
    w->feed = NULL;
    if (n->iota || (n->coordinates && w->lanes_at != NULL)) load_coordinates(w, n);
    for (u32 k = 0; k < steps; k++) {
        if (step_is_load(&list[k])) {
            run_load(w, n, &list[k], &f);
        } else {
            run_step(w, &list[k]);
            fetch_some(&f);
        }
    }
    while (f.first < f.count) fetch_some(&f);
    w->stats->lanes_run += w->count;
    w->stats->bytes_loaded += (u64)w->count * n->load_bytes;
}

/* A tile of compiled code whose pages are larger than the caches, in short pieces, so that all
 * pages go on together: what is stored around the caches has not left them, and the processor sees
 * every page as one stream. */
#define PIECE_LANES 128u
static void run_pieces(worker *w, node_state *n) {
    ASSERT(w->lanes_at == NULL && w->e->probe == NULL);
    u64 base = w->base, end = base + w->count;
    for (w->base = base; w->base < end; w->base += PIECE_LANES) {
        w->count = end - w->base < PIECE_LANES ? (u32)(end - w->base) : PIECE_LANES;
        if (n->iota) load_coordinates(w, n);
        for (u32 k = 0; k < n->fast_count; k++) {
            const step *s = &n->fast[k];
            if (s->row->op == IN_LANE)
                w->slots[s->row->dst] = (u8 *)s->page + w->base * s->width;
            else if (step_is_load(s))
                run_load(w, n, s, NULL);
            else
                run_step(w, s);
        }
    }
    w->stats->lanes_run += end - base;
    w->stats->bytes_loaded += (end - base) * n->load_bytes;
}

void vm_dense(worker *w, node_state *n, u64 base, u32 count) {
    ASSERT(count > 0 && count <= TILE_LANES);
    w->base = base, w->count = count, w->lanes_at = NULL;
    w->stats->tiles_dense++;
    if (w->e->streams && n->fast != NULL && w->e->probe == NULL)
        run_pieces(w, n);
    else
        run_tile(w, n);
}

/* Few lanes wait for memory, page after page: all their lines are asked for at once. */
#define FETCH_LANES 16u
static void fetch_lanes(const engine *e, const node_state *n, const u64 *lanes, u32 count) {
    for (u32 k = 0; k < n->row->tile_count; k++) {
        const step *s = &n->tile[k];
        if (s->row->op != IN_STORE && s->row->op != IN_LANE) continue;
        const u64 *dirty = e->pages[s->row->imm].dirty.leaf;
        for (u32 l = 0; l < count; l++) {
            __builtin_prefetch((const u8 *)s->page + lanes[l] * s->width);
            if (s->row->op == IN_STORE) __builtin_prefetch(dirty + lanes[l] / 64);
        }
    }
}

void vm_packed(worker *w, node_state *n, const u64 *lanes, u32 count) {
    ASSERT(count > 0 && count <= TILE_LANES);
    if (count <= FETCH_LANES) fetch_lanes(w->e, n, lanes, count);
    w->base = 0, w->count = count, w->lanes_at = lanes;
    w->stats->tiles_packed++;
    run_tile(w, n);
}
