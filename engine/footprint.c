/* SPDX-License-Identifier: Apache-2.0
 * footprint: from the dirty lanes of a page to the lanes of a node that must be redone: the read's
 * map turned round. Exact for lane, shift, stride, broadcast and gather reads; never less than what
 * changed. Past half a page the whole node is redone. */
#include "state.h"

u64 work_unit(const node_state *n, u64 lane) {
    ASSERT(lane < n->shape->lanes);
    if (n->row->kind != NODE_REDUCE) return lane;
    u64 outer = lane / n->inner;
    if ((n->row->flags & NODE_PARTIALS) == 0) return outer;
    return outer * n->leaves + lane % n->inner / LEAF_LANES;
}

/* Tries of affine_lane before it gives up: so many, and so many for each lane of the domain. */
#define STEPS_MORE 64u
#define STEPS_EACH 4u

typedef struct {
    engine *e;
    const node_state *n;
    const affine_state *f;
    i64 page_at[AXES_MAX]; /* coordinates of the page's lane */
    i64 at[AXES_MAX];      /* coordinates of the domain's lane, where set */
    bool set[AXES_MAX];
    u64 steps; /* what is left to try before the whole node is cheaper */
} solver;

static void solve_axis(solver *s, u32 axis);

static void solve_free(solver *s, u32 axis) {
    ASSERT(axis <= s->n->shape->axis_count);
    const image_shape *shape = s->n->shape;
    if (axis == shape->axis_count) {
        u64 lane = 0;
        for (u32 d = 0; d < axis; d++) lane = lane * shape->dims[d] + (u64)s->at[d];
        set_add(&s->e->work, work_unit(s->n, lane));
        return;
    }
    if (s->set[axis]) {
        solve_free(s, axis + 1);
        return;
    }
    for (u64 k = 0; k < shape->dims[axis]; k++) {
        s->at[axis] = (i64)k;
        solve_free(s, axis + 1);
    }
}

static i64 floor_divide(i64 a, i64 b) {
    ASSERT(b != 0);
    i64 q = a / b;
    return q - (a % b != 0 && (a < 0) != (b < 0));
}

/* Domain coordinates whose terms on this axis add up to `rest`, largest coefficient first. */
static void solve_terms(solver *s, u32 axis, i64 rest) {
    ASSERT(axis < s->f->axes);
    const image_shape *shape = s->n->shape;
    const i64 *c = s->f->coefficient[axis];
    u32 best = AXES_MAX;
    i64 low = 0, high = 0;
    if (s->steps == 0) s->e->work.whole = true;
    if (s->e->work.whole) return;
    s->steps--;
    for (u32 d = 0; d < shape->axis_count; d++) {
        if (c[d] == 0 || s->set[d]) continue;
        if (best == AXES_MAX || (c[d] < 0 ? -c[d] : c[d]) > (c[best] < 0 ? -c[best] : c[best]))
            best = d;
    }
    if (best == AXES_MAX) {
        for (u32 d = 0; d < shape->axis_count; d++) rest -= c[d] * (s->set[d] ? s->at[d] : 0);
        if (rest == 0) solve_axis(s, axis + 1);
        return;
    }
    for (u32 d = 0; d < shape->axis_count; d++) {
        if (c[d] == 0 || d == best) continue;
        i64 reach = s->set[d] ? c[d] * s->at[d] : c[d] * ((i64)shape->dims[d] - 1);
        if (s->set[d])
            low += reach, high += reach;
        else if (reach < 0)
            low += reach;
        else
            high += reach;
    }
    /* rest - c x must lie in [low, high]. */
    i64 a = c[best] > 0 ? rest - high : rest - low, b = c[best] > 0 ? rest - low : rest - high;
    i64 from = -floor_divide(-a, c[best]), to = floor_divide(b, c[best]);
    from = from < 0 ? 0 : from;
    to = to >= (i64)shape->dims[best] ? (i64)shape->dims[best] - 1 : to;
    s->set[best] = true;
    for (i64 x = from; x <= to; x++) {
        s->at[best] = x;
        solve_terms(s, axis, rest);
    }
    s->set[best] = false;
}

/* Every index that the page's edge brings to page_at[axis]. */
static void solve_axis(solver *s, u32 axis) {
    ASSERT(axis <= s->f->axes);
    const affine_state *f = s->f;
    if (axis == f->axes) {
        solve_free(s, 0);
        return;
    }
    i64 low = f->constant[axis], high = low, dim = (i64)f->dims[axis], t = s->page_at[axis];
    for (u32 d = 0; d < s->n->shape->axis_count; d++) {
        i64 reach = f->coefficient[axis][d] * ((i64)s->n->shape->dims[d] - 1);
        low += reach < 0 ? reach : 0;
        high += reach > 0 ? reach : 0;
    }
    ASSERT(low <= high);
    u8 edge = axis < PAGE_AXES_MAX ? f->page->edge[axis] : EDGE_NONE;
    if ((low >= 0 && high < dim) || edge == EDGE_NONE || edge == EDGE_FILL) {
        solve_terms(s, axis, t - f->constant[axis]);
        return;
    }
    const bool *whole = &s->e->work.whole;
    if (edge == EDGE_CLAMP) {
        for (i64 x = t == 0 ? low : t; !*whole && x <= (t == dim - 1 ? high : t); x++)
            solve_terms(s, axis, x - f->constant[axis]);
        return;
    }
    i64 period = edge == EDGE_WRAP ? dim : dim == 1 ? 1 : 2 * (dim - 1);
    i64 first = t + floor_divide(low - t, period) * period,
        mirrored = -t + floor_divide(low + t, period) * period;
    for (i64 x = first; !*whole && x <= high; x += period)
        if (x >= low) solve_terms(s, axis, x - f->constant[axis]);
    bool twin = edge == EDGE_MIRROR && dim > 1 && t != 0 && t != dim - 1;
    for (i64 x = mirrored; twin && !*whole && x <= high; x += period)
        if (x >= low) solve_terms(s, axis, x - f->constant[axis]);
}

static void affine_lane(engine *e, const node_state *n, const affine_state *f, u64 lane) {
    ASSERT(f->axes <= AXES_MAX);
    /* An index may reach far outside: `x[i * 1_000_000]` under an edge. */
    solver s = {.e = e, .n = n, .f = f, .steps = STEPS_MORE + STEPS_EACH * n->shape->lanes};
    bool inner = f->shift;
    for (u32 a = f->axes; a > 0; a--) {
        u64 at = lane % f->dims[a - 1];
        i64 to = (i64)at - f->constant[a - 1];
        s.page_at[a - 1] = (i64)at;
        /* Two from the border on no edge can bring another index here. */
        inner = inner && to >= 0 && to < (i64)f->dims[a - 1] && at > 1 && at + 2 < f->dims[a - 1] &&
                f->constant[a - 1] >= -1 && f->constant[a - 1] <= 1;
        lane /= f->dims[a - 1];
    }
    if (!inner) {
        solve_axis(&s, 0);
        return;
    }
    u64 out = 0;
    for (u32 a = 0; a < f->axes; a++) out = out * f->dims[a] + (u64)(s.page_at[a] - f->constant[a]);
    set_add(&e->work, work_unit(n, out));
}

/* Whether no edge can bring another index to 64 lanes of a page from `lane` on, and their shift
 * stays inside. */
static bool word_is_inner(const affine_state *f, u64 lane) {
    ASSERT(f->shift && f->axes > 0);
    ASSERT(lane % 64 == 0);
    u64 more = 63;
    for (u32 a = f->axes; a > 0; a--) {
        u64 at = lane % f->dims[a - 1];
        if (at < 2 || at + more + 2 >= f->dims[a - 1] || f->constant[a - 1] < -1 ||
            f->constant[a - 1] > 1)
            return false;
        lane /= f->dims[a - 1];
        more = 0;
    }
    return true;
}

/* The changed lanes of a word of a page's set, turned round through a shift at once. */
static void shift_word(engine *e, const affine_state *f, u64 word, u64 bits) {
    ASSERT(bits != 0);
    u64 to = word * 64 - (u64)f->flat_shift, by = to & 63;
    u64 low = bits << by, high = by == 0 ? 0 : bits >> (64 - by);
    if (low != 0) set_add_mask(&e->work, to / 64, low);
    if (high != 0) set_add_mask(&e->work, to / 64 + 1, high);
}

#define LANES_AHEAD 12u /* of a target, whose offsets are on their way */

/* The lanes that stood at the target when the order was built, where they still do, and those that
 * have come since. */
static void gather_lane(engine *e, const node_state *n, const page_state *offsets, u64 lane) {
    ASSERT(lane < offsets->target_lanes);
    ASSERT(!offsets->inverse_stale);
    const u32 *at = offsets->order + offsets->start[lane],
              *end = offsets->order + offsets->start[lane + 1];
    bool map = n->row->kind == NODE_MAP;
    if (offsets->moved == 0 && map) {
        for (; at < end; at++) set_add(&e->work, *at);
        return;
    }
    for (; at < end; at++) {
        if (at + LANES_AHEAD < end)
            __builtin_prefetch(offsets->value + (u64)at[LANES_AHEAD] * offsets->width);
        if (offset_at(offsets, *at) == (i64)lane) set_add(&e->work, work_unit(n, *at));
    }
    for (u32 k = offsets->head[lane]; k != 0; k = offsets->next[k - 1])
        set_add(&e->work, work_unit(n, k - 1));
}

/* Offsets without lists: each is looked up. */
static void gather_scan(engine *e, const node_state *n, const page_state *offsets,
                        const lane_set *dirty) {
    ASSERT(offsets->inverse_stale || (offsets->head == NULL && offsets->lanes <= LEAF_LANES));
    for (u64 lane = 0; lane < offsets->lanes; lane++) {
        i64 at = offset_at(offsets, lane);
        if (at >= 0 && set_has(dirty, (u64)at)) set_add(&e->work, work_unit(n, lane));
    }
}

static void element_lane(engine *e, const node_state *n, u32 page, u64 lane) {
    ASSERT(page < e->image->page_count);
    if (n->row->kind == NODE_WHOLE)
        rows_mark(e, n, page, lane);
    else
        set_add(&e->work, work_unit(n, lane));
}

/* Elements of keys that changed, anywhere in memory: for all of them what is touched next is asked
 * for before it is waited for. */
#define ELEMENTS_MOST 64u
static void keyed_elements(engine *e, const node_state *n, u32 page, const u64 *lanes, u32 count) {
    const page_state *p = &e->pages[page];
    u32 slots[ELEMENTS_MOST];
    u64 rest = n->rest, of[ELEMENTS_MOST];
    ASSERT(n->row->kind == NODE_KEYED && count <= ELEMENTS_MOST);
    for (u32 k = 0; k < count; k++) {
        of[k] = rest == 1 ? 0 : lanes[k] % rest;
        __builtin_prefetch(&n->slot_of[rest == 1 ? lanes[k] : lanes[k] / rest]);
    }
    for (u32 k = 0; k < count; k++) {
        slots[k] = n->slot_of[rest == 1 ? lanes[k] : lanes[k] / rest];
        if (slots[k] != SLOT_OF_NONE && n->packed != NULL)
            __builtin_prefetch(n->packed + (of[k] * n->slots + slots[k]) * p->width, 1);
    }
    for (u32 k = 0; k < count; k++) {
        if (slots[k] == SLOT_OF_NONE) continue;
        ASSERT(slots[k] < n->slots);
        if (n->packed != NULL) {
            u8 *to = n->packed + (of[k] * n->slots + slots[k]) * p->width;
            undo_save_value(e, to);
            memcpy(to, p->value + lanes[k] * p->width, p->width);
        }
        set_add(&e->work, leaf_unit_of(n, slots[k], of[k]));
    }
}

static void keyed_add(engine *e, const node_state *n, u32 page, const lane_set *d) {
    u64 lanes[ELEMENTS_MOST];
    u32 count = 0;
    ASSERT(d == &e->pages[page].dirty);
    for (u64 tile = set_next_tile(d, 0); tile != SET_NONE; tile = set_next_tile(d, tile + 1)) {
        for (u64 w = tile * 8; w < tile * 8 + 8; w++) {
            for (u64 bits = d->leaf[w]; bits != 0; bits &= bits - 1) {
                if (count == ELEMENTS_MOST) keyed_elements(e, n, page, lanes, count), count = 0;
                lanes[count++] = w * 64 + (u64)__builtin_ctzll(bits);
            }
        }
    }
    keyed_elements(e, n, page, lanes, count);
}

static void lane_visit(engine *e, const node_state *n, const image_read *r, u64 lane) {
    switch (r->kind) {
    case READ_AFFINE: affine_lane(e, n, &e->affines[r->arg], lane); return;
    case READ_GATHER: gather_lane(e, n, &e->pages[r->arg], lane); return;
    case READ_ELEMENT: element_lane(e, n, r->page, lane); return;
    default: set_add(&e->work, work_unit(n, lane));
    }
}

void footprint_add(engine *e, node_state *n, const image_read *r) {
    ASSERT(r->page < e->image->page_count);
    ASSERT(r->kind < READ_KIND_COUNT);
    const page_state *p = &e->pages[r->page];
    const lane_set *d = &p->dirty;
    bool many = d->whole || d->count * 2 >= p->lanes;
    ASSERT(d->lanes == p->lanes);
    if (e->work.whole || set_is_empty(d) || r->kind == READ_GROUP) return; /* group_rekey did it */
    if (r->kind == READ_ALL ||
        (many && (p->lanes > 1 || n->shape->lanes == 1 || r->kind != READ_GATHER))) {
        e->work.whole = true;
        return;
    }
    if (r->kind == READ_GATHER &&
        (e->pages[r->arg].head == NULL || e->pages[r->arg].inverse_stale)) {
        if (e->pages[r->arg].lanes <= LEAF_LANES || e->pages[r->arg].inverse_stale)
            gather_scan(e, n, &e->pages[r->arg], d);
        else
            e->work.whole = true;
        return;
    }
    if (r->kind == READ_ELEMENT && n->row->kind == NODE_KEYED) {
        keyed_add(e, n, r->page, d);
        return;
    }
    bool plain = r->kind == READ_LANE && n->row->kind == NODE_MAP;
    /* A word of the page's set is a leaf of the one row. */
    bool leaves = (r->kind == READ_LANE || r->kind == READ_ELEMENT) &&
                  n->row->kind == NODE_REDUCE && n->outer == 1 &&
                  (n->row->flags & NODE_PARTIALS) != 0;
    bool shifts = r->kind == READ_AFFINE && e->affines[r->arg].shift && n->row->kind == NODE_MAP;
    for (u64 tile = set_next_tile(d, 0); tile != SET_NONE; tile = set_next_tile(d, tile + 1)) {
        if (plain) {
            set_add_words(&e->work, tile, d->leaf + tile * 8, 8);
            continue;
        }
        if (leaves) {
            for (u64 w = tile * 8; w < tile * 8 + 8; w++)
                if (d->leaf[w] != 0) set_add(&e->work, w);
            continue;
        }
        for (u64 w = tile * 8; w < tile * 8 + 8; w++) {
            if (shifts && d->leaf[w] != 0 && word_is_inner(&e->affines[r->arg], w * 64)) {
                shift_word(e, &e->affines[r->arg], w, d->leaf[w]);
                continue;
            }
            for (u64 bits = d->leaf[w]; bits != 0; bits &= bits - 1)
                lane_visit(e, n, r, w * 64 + (u64)__builtin_ctzll(bits));
        }
    }
}
