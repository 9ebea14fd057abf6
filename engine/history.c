/* SPDX-License-Identifier: Apache-2.0
 * history: the rows of a history stay where they are; an epoch writes one and moves where row 0 is.
 *
 * A history of k rows has k + 1 slots, and its memory holds each slot twice, k + 1 rows apart, so
 * that the k rows from any slot on lie one behind the other: readers see a row-major page that
 * begins at another place in each epoch. The slot that is written next is the one that neither the
 * page nor its past shows, so a rejected epoch only turns back.
 *
 * Of each slot the lanes are listed in which it may differ from the slot behind it (the epoch
 * before), as that is now or was before a delta replaced it. Those lists, row by row, are the dirty
 * lanes of the page: row r now holds what row r - 1 held. They may hold lanes too many (some
 * twice), never too few.
 *
 * With a GPU nothing is turned: the node's program moves the rows, as its text says. */
#include "state.h"

#define LISTED_ALL UINT32_MAX
#define COPY_BYTES 1024u /* a row of so many is copied whole */

static u64 slot_of(const ring_state *r, u64 row) {
    u64 slot = r->head + row;
    ASSERT(row < r->slots && r->head < r->slots);
    return slot < r->slots ? slot : slot - r->slots;
}
static u8 *row_at(const ring_state *r, u64 slot) { return r->at + slot * r->row_bytes; }
static u32 *list_at(const ring_state *r, u64 slot) { return r->lists + slot * r->most; }

static u64 listed(const ring_state *r, u64 slot) {
    ASSERT(slot < r->slots);
    return r->counts[slot] == LISTED_ALL ? r->lanes : r->counts[slot];
}

static void list_add(ring_state *r, u64 slot, u64 lane) {
    u32 *count = &r->counts[slot];
    ASSERT(slot < r->slots && lane < r->lanes);
    if (*count == LISTED_ALL) return;
    if (*count == r->most)
        *count = LISTED_ALL;
    else
        list_at(r, slot)[(*count)++] = (u32)lane;
}

/* Loads hold where a page begins. */
static void steps_point(const engine *e, step *s, u32 count, u32 page) {
    for (u32 k = 0; k < count; k++, s++) {
        u16 op = s->row->op;
        u32 its = op == IN_LANE || op == IN_GATHER || op == IN_STORE ? s->row->imm
                  : op == IN_AFFINE ? e->image->affines[s->row->imm].page
                                    : 0;
        if (its == page) s->page = e->pages[page].value;
    }
}

static void node_point(engine *e, u32 node, u32 page) {
    node_state *n = &e->nodes[node];
    ASSERT(node < e->image->node_count);
    steps_point(e, n->tile, n->row->tile_count, page);
    if (n->fast != NULL) steps_point(e, n->fast, n->fast_count, page);
}

static void ring_turn(engine *e, ring_state *r, u64 head) {
    const image_page *p = &e->image->pages[r->page];
    ASSERT(head < r->slots);
    r->head = head;
    e->pages[r->page].value = row_at(r, head);
    for (u32 k = 0; k < p->reader_count; k++)
        node_point(e, e->image->reads[e->image->readers[p->reader_at + k]].node, r->page);
}

/* Visits the lanes of a set, ascending. */
static void lanes_visit(engine *e, ring_state *r, const lane_set *s,
                        void (*visit)(engine *e, ring_state *r, u64 lane)) {
    ASSERT(s->lanes == r->lanes);
    if (s->whole) {
        for (u64 lane = 0; lane < s->lanes; lane++) visit(e, r, lane);
        return;
    }
    for (u64 tile = set_next_tile(s, 0); tile != SET_NONE; tile = set_next_tile(s, tile + 1))
        for (u64 w = tile * SET_TILE_WORDS; w < (tile + 1) * SET_TILE_WORDS; w++)
            for (u64 bits = s->leaf[w]; bits != 0; bits &= bits - 1)
                visit(e, r, w * 64 + (u64)__builtin_ctzll(bits));
}

static void lane_copy(u8 *to, const u8 *from, u64 lane, u32 width) {
    lane_put(to + lane * width, lane_bits(from + lane * width, width), width);
}

/* A delta that replaced prev(of) shows in row 1, from now on. */
static void lane_replace(engine *e, ring_state *r, u64 lane) {
    const page_state *past = &e->pages[r->past];
    u64 slot = slot_of(r, 1), at = lane * past->width;
    ASSERT(lane < past->lanes);
    if (lane_bits(past->value + at, past->width) == lane_bits(row_at(r, slot) + at, past->width))
        return;
    undo_save_value(e, row_at(r, slot) + at);
    undo_save_value(e, row_at(r, slot + r->slots) + at);
    lane_copy(row_at(r, slot), past->value, lane, past->width);
    lane_copy(row_at(r, slot + r->slots), past->value, lane, past->width);
    list_add(r, slot, lane);
}

static void lane_list(engine *e, ring_state *r, u64 lane) {
    ASSERT(e->rings != NULL);
    list_add(r, r->head, lane);
}

/* A lane that did not change where the epoch before was replaced. */
static void lane_compare(engine *e, ring_state *r, u64 lane) {
    const page_state *of = &e->pages[r->of];
    const u8 *before = row_at(r, slot_of(r, 1));
    u64 at = lane * of->width;
    ASSERT(lane < of->lanes);
    if (set_has(&of->dirty, lane)) return;
    if (lane_bits(of->value + at, of->width) != lane_bits(before + at, of->width))
        list_add(r, r->head, lane);
}

/* Lanes of row 0 that differ from what row 0 was, or from row 1. */
static void row_list(engine *e, ring_state *r) {
    const lane_set *now = &e->pages[r->of].dirty;
    r->counts[r->head] = now->whole || now->count > r->most ? LISTED_ALL : 0;
    ASSERT(r->most > 0);
    if (r->counts[r->head] == LISTED_ALL) return;
    lanes_visit(e, r, now, lane_list);
    if (r->replaced) lanes_visit(e, r, &e->pages[r->past].dirty, lane_compare);
}

/* Row 0: what its slot held, k + 1 epochs ago, differs in lanes that some slot lists. */
static void row_fill(engine *e, ring_state *r) {
    const page_state *of = &e->pages[r->of];
    u8 *to = row_at(r, r->head), *twin = row_at(r, r->head + r->slots);
    u64 lanes = 0, all = 0;
    for (u64 slot = 0; slot < r->slots; slot++) {
        lanes += listed(r, slot);
        all += r->counts[slot] == LISTED_ALL;
    }
    e->stats.lanes_run += u64_min(lanes, r->lanes);
    e->stats.bytes_loaded += u64_min(lanes, r->lanes) * of->width;
    e->stats.bytes_stored += 2 * u64_min(lanes, r->lanes) * of->width;
    bool sparse = r->row_bytes > COPY_BYTES && lanes * 8 < r->lanes;
    if (e->options.histories == HISTORIES_SPARSE) sparse = all == 0;
    if (r->anew || !sparse) {
        memcpy(to, of->value, r->row_bytes);
        memcpy(twin, of->value, r->row_bytes);
        r->anew = false;
        return;
    }
    for (u64 slot = 0; slot < r->slots; slot++) {
        const u32 *list = list_at(r, slot);
        ASSERT(r->counts[slot] != LISTED_ALL);
        for (u32 k = 0; k < r->counts[slot]; k++) {
            lane_copy(to, of->value, list[k], of->width);
            lane_copy(twin, of->value, list[k], of->width);
        }
    }
}

/* The page's dirty lanes; whether any are. */
static bool dirty_make(engine *e, ring_state *r) {
    lane_set *d = &e->pages[r->page].dirty;
    u64 sum = 0;
    ASSERT(set_is_empty(d));
    for (u64 row = 0; row < r->rows; row++) sum += listed(r, slot_of(r, row));
    r->live = sum - listed(r, slot_of(r, r->rows - 1));
    e->stats.lanes_changed += sum;
    if (sum * 2 >= d->lanes) {
        d->whole = true;
        return true;
    }
    for (u64 row = 0; row < r->rows; row++) {
        u64 slot = slot_of(r, row), first = row * r->lanes;
        const u32 *list = list_at(r, slot);
        if (r->counts[slot] == LISTED_ALL)
            set_add_range(d, first, r->lanes);
        else
            for (u32 k = 0; k < r->counts[slot]; k++) set_add(d, first + list[k]);
    }
    return sum != 0;
}

void ring_run(engine *e, ring_state *r) {
    ASSERT(r->on && !r->turned);
    r->turned = true, r->live_before = r->live;
    ring_turn(e, r, slot_of(r, r->slots - 1));
    if (r->replaced) lanes_visit(e, r, &e->pages[r->past].dirty, lane_replace);
    row_list(e, r);
    row_fill(e, r);
    if (dirty_make(e, r)) page_touch(e, r->page);
}

void rings_accept(engine *e) {
    for (u32 k = 0; k < e->ring_count; k++) {
        ring_state *r = &e->rings[k];
        ASSERT(r->on || !r->turned);
        if (r->turned) e->pages[r->prev].value = e->pages[r->page].value;
        r->turned = false;
    }
}

void rings_reject(engine *e) {
    for (u32 k = 0; k < e->ring_count; k++) {
        ring_state *r = &e->rings[k];
        if (!r->turned) continue;
        ASSERT(r->on);
        ring_turn(e, r, slot_of(r, 1));
        ASSERT(e->pages[r->prev].value == e->pages[r->page].value);
        r->turned = false, r->anew = true, r->live = r->live_before;
    }
}

void rings_mark(engine *e) {
    for (u32 k = 0; k < e->ring_count; k++) {
        ASSERT(!e->rings[k].turned);
        if (e->rings[k].live != 0) set_add(&e->pending, e->nodes[e->rings[k].node].place);
    }
}

void rings_point(engine *e) {
    for (u32 k = 0; k < e->ring_count; k++) {
        const ring_state *r = &e->rings[k];
        ASSERT(r->node < e->image->node_count);
        node_point(e, r->node, r->page);
        node_point(e, r->node, r->prev);
    }
}

/* Lists of rows that lie row-major from the first slot on. */
static void ring_start(engine *e, ring_state *r) {
    u32 width = e->pages[r->page].width;
    ASSERT(r->head == 0 && !r->turned);
    memcpy(row_at(r, r->rows), row_at(r, r->rows - 1), r->row_bytes);
    memcpy(row_at(r, r->slots), r->at, r->slots * r->row_bytes);
    memset(r->counts, 0, r->slots * sizeof *r->counts);
    for (u64 slot = 0; slot + 1 < r->rows; slot++) {
        const u8 *at = row_at(r, slot), *behind = row_at(r, slot + 1);
        for (u64 lane = 0; memcmp(at, behind, r->row_bytes) != 0 && lane < r->lanes; lane++)
            if (lane_bits(at + lane * width, width) != lane_bits(behind + lane * width, width))
                list_add(r, slot, lane);
        r->live += listed(r, slot);
    }
    e->pages[r->prev].value = r->at;
    set_clear(&e->pages[r->prev].dirty);
    e->pages[r->prev].ring = r;
    r->on = true;
}

void rings_start(engine *e) {
    ASSERT(e->phase == PHASE_NEW);
    bool turn = e->cuda == NULL && e->options.histories != HISTORIES_MOVE;
    for (u32 k = 0; k < e->ring_count && turn; k++) ring_start(e, &e->rings[k]);
}

mmsb_status rings_resolve(engine *e, message *m) {
    const image *i = e->image;
    u32 count = 0;
    for (u32 k = 1; k < i->page_count; k++) count += (i->pages[k].flags & PAGE_RING) != 0;
    e->rings = ARENA_ARRAY(e->tables, ring_state, count + 1u);
    if (e->rings == NULL) return message_set(m, MMSB_OUT_OF_SPACE, "no memory for histories");
    for (u32 k = 0; k < i->later_count && e->ring_count < count; k++) {
        image_ring f;
        if (!image_ring_find(i, i->later[k], &f) || (i->pages[f.page].flags & PAGE_RING) == 0)
            continue;
        const page_state *p = &e->pages[f.page];
        ring_state *r = &e->rings[e->ring_count++];
        *r = (ring_state){.node = i->later[k],
                          .page = f.page,
                          .of = f.of,
                          .past = f.past,
                          .prev = f.prev,
                          .rows = f.rows,
                          .slots = layout_ring_slots(f.rows),
                          .lanes = f.lanes,
                          .row_bytes = f.lanes * p->width,
                          .at = p->value,
                          .most = (u32)layout_ring_lanes(f.lanes),
                          .replaced = (i->pages[f.of].flags & PAGE_STATE) != 0};
        r->counts = (u32 *)(e->memory + e->layout.pages[f.page].ring_at);
        r->lists = r->counts + r->slots;
        e->nodes[r->node].ring = r;
    }
    ASSERT(e->ring_count == count);
    return MMSB_OK;
}
