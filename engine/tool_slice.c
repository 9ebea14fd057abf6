/* SPDX-License-Identifier: Apache-2.0
 * tool_slice: see tool_slice.h. A node's outputs stand for lanes of its domain,
 * and those for lanes of what it reads; forward it goes the other way, by
 * trying every lane of the domain. */
#include "tool_slice.h"

#include "../kernels/whole_sizes.h"
#include "state.h"

#define NO_LANE UINT64_MAX

static u64 lanes_of(const slice *s, u32 page) {
    ASSERT(page < s->i->page_count);
    return s->i->shapes[s->i->pages[page].shape].lanes;
}

mmsb_status slice_open(slice *s, engine *e, message *m) {
    ASSERT(e != NULL);
    const image *i = engine_image(e);
    u64 most = 1;
    for (u32 k = 0; k < i->shape_count; k++) most = u64_max(most, i->shapes[k].lanes);
    *s = (slice){.e = e, .i = i, .memory = arena_open(0)};
    if (s->memory != NULL) {
        s->marks = ARENA_ARRAY(s->memory, u64 *, i->page_count);
        s->domain = ARENA_ARRAY(s->memory, u64, most / 64 + 1);
    }
    if (s->domain != NULL && s->marks != NULL) {
        memset(s->marks, 0, i->page_count * sizeof *s->marks);
        return MMSB_OK;
    }
    return message_set(m, MMSB_OUT_OF_SPACE, "no memory for the lanes of %s",
                       image_string(i, i->head->name));
}

void slice_close(slice *s) {
    ASSERT(s != NULL);
    arena_close(s->memory);
    s->memory = NULL;
}

void slice_mark(slice *s, u32 page, u64 lane) {
    ASSERT(page != 0 && lane < lanes_of(s, page));
    u64 words = lanes_of(s, page) / 64 + 1;
    if (s->marks[page] == NULL) {
        s->marks[page] = ARENA_ARRAY(s->memory, u64, words);
        if (s->marks[page] == NULL) {
            s->failed = true;
            return;
        }
        memset(s->marks[page], 0, words * 8);
    }
    u64 bit = (u64)1 << (lane & 63), *word = &s->marks[page][lane / 64];
    s->added += (*word & bit) == 0;
    *word |= bit;
}

bool slice_has(const slice *s, u32 page, u64 lane) {
    ASSERT(lane < lanes_of(s, page));
    return s->marks[page] != NULL && (s->marks[page][lane / 64] >> (lane & 63) & 1) != 0;
}

u64 slice_count(const slice *s, u32 page) {
    ASSERT(page < s->i->page_count);
    u64 count = 0;
    for (u64 k = 0; s->marks[page] != NULL && k <= lanes_of(s, page) / 64; k++)
        count += (u64)__builtin_popcountll(s->marks[page][k]);
    return count;
}

static void mark_all(slice *s, u32 page) {
    ASSERT(page != 0);
    for (u64 lane = 0; lane < lanes_of(s, page); lane++) slice_mark(s, page, lane);
}

static void domain_put(slice *s, u64 from, u64 to) {
    ASSERT(from <= to);
    for (u64 d = from; d < to; d++) s->domain[d / 64] |= (u64)1 << (d & 63);
}
static bool domain_has(const slice *s, u64 d) { return (s->domain[d / 64] >> (d & 63) & 1) != 0; }

static bool domain_any(const slice *s, u64 lanes) {
    ASSERT(lanes >= 1);
    for (u64 k = 0; k <= (lanes - 1) / 64; k++)
        if (s->domain[k] != 0) return true;
    return false;
}

/* The lane that an affine read takes at lane d of the domain; NO_LANE: a fill,
 * or none. */
static u64 affine_lane(const slice *s, const image_node *n, const image_affine *a, u64 d) {
    ASSERT(a->page != 0 && a->axis_count <= AXES_MAX);
    const image_shape *domain = &s->i->shapes[n->shape];
    const image_page *p = &s->i->pages[a->page];
    const image_shape *page = &s->i->shapes[p->shape];
    i64 at[AXES_MAX];
    u64 lane = 0;
    for (u32 k = domain->axis_count; k > 0; k--)
        at[k - 1] = (i64)(d % domain->dims[k - 1]), d /= domain->dims[k - 1];
    for (u32 k = 0; k < a->axis_count; k++) {
        const image_affine_axis *x = &s->i->affine_axes[a->axis_at + k];
        i64 index = x->constant;
        for (u32 t = 0; t < x->term_count; t++)
            index += s->i->terms[x->term_at + t].coefficient * at[s->i->terms[x->term_at + t].axis];
        index = edge_index(k < PAGE_AXES_MAX ? p->edge[k] : EDGE_NONE, index, page->dims[k], k);
        if (index < 0) return NO_LANE;
        lane = lane * page->dims[k] + (u64)index;
    }
    return lane;
}

/* The lane that a read for one lane takes at lane d of the domain. */
static u64 read_lane(const slice *s, const image_node *n, const image_read *r, u64 d) {
    ASSERT(r->kind != READ_ALL && r->kind != READ_GROUP);
    if (r->kind == READ_AFFINE) return affine_lane(s, n, &s->i->affines[r->arg], d);
    if (r->kind != READ_GATHER) return d;
    const void *offsets = engine_page(s->e, r->arg);
    i64 at = s->i->pages[r->arg].type == TYPE_I32 ? ((const i32 *)offsets)[d]
                                                  : ((const i64 *)offsets)[d];
    return at < 0 ? NO_LANE : (u64)at;
}

static u64 inner_lanes(const slice *s, const image_node *n, u32 outer_axes) {
    const image_shape *domain = &s->i->shapes[n->shape];
    u64 inner = 1;
    ASSERT(outer_axes <= domain->axis_count);
    for (u32 k = outer_axes; k < domain->axis_count; k++) inner *= domain->dims[k];
    return inner;
}

/* Rows of a WHOLE node: lanes of the domain and of the output that belong
 * together. */
static void whole_rows(const slice *s, const image_node *n, u64 *in, u64 *out) {
    ASSERT(n->kind == NODE_WHOLE);
    const image_shape *domain = &s->i->shapes[n->shape];
    u64 rows = 1;
    *in = domain->axis_count == 0 ? 1 : domain->dims[domain->axis_count - 1];
    if (n->reduce == WHOLE_MATMUL && domain->axis_count < 2) *in = domain->lanes;
    if (n->reduce == WHOLE_DOT) *in = domain->lanes;
    rows = domain->lanes / *in;
    *out = lanes_of(s, n->output) / rows;
}

/* Lanes of the domain behind the marked outputs. */
static void domain_back(slice *s, const image_node *n) {
    ASSERT(n->kind < NODE_KIND_COUNT);
    const image_shape *domain = &s->i->shapes[n->shape];
    memset(s->domain, 0, (domain->lanes / 64 + 1) * 8);
    if (n->kind == NODE_MAP) {
        const image_instruction *p = s->i->instructions + n->program_at;
        for (u32 k = 0; k < n->uniform_count + n->tile_count; k++)
            for (u64 w = 0;
                 p[k].op == IN_STORE && s->marks[p[k].imm] != NULL && w <= domain->lanes / 64; w++)
                s->domain[w] |= s->marks[p[k].imm][w];
        return;
    }
    if (s->marks[n->output] == NULL) return;
    u64 in = 1, out = 1;
    if (n->kind == NODE_KEYED) {
        const i32 *group = engine_page(s->e, n->group);
        u64 rest = inner_lanes(s, n, n->outer_axes);
        for (u64 d = 0; d < domain->lanes; d++)
            if (group[d / rest] >= 0 &&
                slice_has(s, n->output, (u64)group[d / rest] * rest + d % rest))
                domain_put(s, d, d + 1);
        return;
    }
    if (n->kind == NODE_REDUCE) in = inner_lanes(s, n, n->outer_axes);
    if (n->kind == NODE_WHOLE) whole_rows(s, n, &in, &out);
    if (n->kind == NODE_KERNEL) in = domain->lanes, out = lanes_of(s, n->output);
    for (u64 o = 0; o < lanes_of(s, n->output); o++)
        if (slice_has(s, n->output, o)) {
            domain_put(s, o / out * in, o / out * in + in);
            o = (o / out + 1) * out - 1; /* the row is in */
        }
}

static void node_back(slice *s, u32 row) {
    ASSERT(row < s->i->node_count);
    const image_node *n = &s->i->nodes[row];
    u64 lanes = s->i->shapes[n->shape].lanes,
        rest = n->kind == NODE_KEYED ? inner_lanes(s, n, n->outer_axes) : 1;
    domain_back(s, n);
    if (!domain_any(s, lanes)) return;
    for (u32 k = 0; k < n->read_count; k++) {
        const image_read *r = &s->i->reads[n->read_at + k];
        bool whole = n->kind == NODE_KERNEL || (n->kind == NODE_WHOLE && r->page != n->element);
        if (whole || r->kind == READ_ALL) {
            mark_all(s, r->page);
            continue;
        }
        for (u64 d = 0; d < lanes; d++) {
            if (!domain_has(s, d)) continue;
            u64 lane = r->kind == READ_GROUP ? d / rest : read_lane(s, n, r, d);
            if (n->kind == NODE_WHOLE) lane = d;
            if (lane != NO_LANE) slice_mark(s, r->page, lane);
        }
    }
}

void slice_back(slice *s, bool later) {
    ASSERT(s->marks != NULL);
    const u32 *list = later ? s->i->later : s->i->epoch0;
    for (u32 k = later ? s->i->later_count : s->i->epoch0_count; k > 0; k--)
        node_back(s, list[k - 1]);
}

/* Lanes of the domain that a change of the marked lanes makes again. True:
 * every output. */
static bool domain_forward(slice *s, const image_node *n) {
    u64 lanes = s->i->shapes[n->shape].lanes;
    ASSERT(lanes >= 1);
    memset(s->domain, 0, (lanes / 64 + 1) * 8);
    for (u32 k = 0; k < n->read_count; k++) {
        const image_read *r = &s->i->reads[n->read_at + k];
        if (s->marks[r->page] == NULL) continue;
        bool element = n->kind == NODE_WHOLE && r->page == n->element;
        if (r->kind == READ_GROUP || (n->kind == NODE_WHOLE && !element)) return true;
        if (r->kind == READ_ALL && !element) domain_put(s, 0, lanes);
        for (u64 d = 0; d < lanes && (r->kind != READ_ALL || element); d++) {
            u64 lane = element ? d : read_lane(s, n, r, d);
            if (lane != NO_LANE && slice_has(s, r->page, lane)) domain_put(s, d, d + 1);
        }
    }
    return false;
}

static void node_forward(slice *s, u32 row) {
    ASSERT(row < s->i->node_count);
    const image_node *n = &s->i->nodes[row];
    const image_instruction *p = s->i->instructions + n->program_at;
    u64 lanes = s->i->shapes[n->shape].lanes, in = 1, out = 1;
    bool all = domain_forward(s, n);
    if (!all && !domain_any(s, lanes)) return;
    if (n->kind != NODE_MAP && (all || n->kind == NODE_KERNEL)) {
        mark_all(s, n->output);
        return;
    }
    if (n->kind == NODE_REDUCE) in = inner_lanes(s, n, n->outer_axes);
    if (n->kind == NODE_WHOLE) whole_rows(s, n, &in, &out);
    const i32 *group = n->kind == NODE_KEYED ? engine_page(s->e, n->group) : NULL;
    u64 rest = n->kind == NODE_KEYED ? inner_lanes(s, n, n->outer_axes) : 1;
    for (u64 d = 0; d < lanes; d++) {
        if (!domain_has(s, d)) continue;
        for (u32 k = 0; n->kind == NODE_MAP && k < n->uniform_count + n->tile_count; k++)
            if (p[k].op == IN_STORE) slice_mark(s, p[k].imm, d);
        if (n->kind == NODE_KEYED && group[d / rest] >= 0)
            slice_mark(s, n->output, (u64)group[d / rest] * rest + d % rest);
        if (n->kind != NODE_REDUCE && n->kind != NODE_WHOLE) continue;
        for (u64 o = 0; o < out; o++) slice_mark(s, n->output, d / in * out + o);
        d = (d / in + 1) * in - 1; /* the row is in */
    }
}

void slice_forward(slice *s) {
    ASSERT(s->marks != NULL);
    for (u32 k = 0; k < s->i->later_count; k++) node_forward(s, s->i->later[k]);
}

static void copy_marks(const slice *s, u32 from, slice *into, u32 to) {
    ASSERT(lanes_of(s, from) == lanes_of(into, to));
    for (u64 lane = 0; s->marks[from] != NULL && lane < lanes_of(s, from); lane++)
        if (slice_has(s, from, lane)) slice_mark(into, to, lane);
}

void slice_last(const slice *s, slice *before) {
    ASSERT(s->i == before->i);
    for (u32 page = 1; page < s->i->page_count; page++)
        if (s->i->pages[page].kind == PAGE_PREV) copy_marks(s, page, before, s->i->pages[page].of);
}

void slice_next(const slice *s, slice *later) {
    ASSERT(s->i == later->i);
    for (u32 page = 1; page < s->i->page_count; page++)
        if (s->i->pages[page].kind == PAGE_PREV) copy_marks(s, s->i->pages[page].of, later, page);
}
