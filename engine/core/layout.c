/* SPDX-License-Identifier: Apache-2.0
 * layout: sizes and places of everything that a run holds. Needs rows whose references are in
 * range; never reads page contents. Sums are checked: no size passes 2^46 bytes. */
#include "layout.h"

#include "../../kernels/whole_sizes.h"

#define LAYOUT_BYTES_MAX (1ull << 46)
#define LAYOUT_PART_ALIGN 4096u
/* Large pages of equal size would stand a power of two apart: lanes that are computed together
 * would then share the same sets of the caches and banks of the memory, which costs up to 1.6x
 * (bench/README.md). So each stands a little further than the one before it ended. */
#define STAGGER_FROM_BYTES ((u64)1 << 20)
#define STAGGER_BYTES ((u64)64 << 10)

/* Where the next thing goes. `over` stays set once a size has passed the limit. */
typedef struct {
    u64 at;
    bool over;
} cursor;

static u64 cursor_take(cursor *c, u64 bytes, u64 align) {
    ASSERT(align != 0 && (align & (align - 1)) == 0);
    ASSERT(c->at <= LAYOUT_BYTES_MAX);
    u64 at = ALIGN_UP(c->at, align);
    if (bytes > LAYOUT_BYTES_MAX || at > LAYOUT_BYTES_MAX - bytes) {
        c->over = true;
        return c->at;
    }
    c->at = at + bytes;
    return at;
}

/* count * size, or more than any limit. */
static u64 product(u64 count, u64 size) {
    ASSERT(size != 0);
    u64 bytes;
    return __builtin_mul_overflow(count, size, &bytes) ? UINT64_MAX / 2 : bytes;
}

u64 layout_tree_partials(u64 n) {
    ASSERT(n > 0);
    u64 level = n / LEAF_LANES + (n % LEAF_LANES != 0), sum = level;
    while (level > 1) {
        level = (level + NODE_FAN - 1) / NODE_FAN;
        sum += level;
    }
    return sum;
}

u64 layout_keyed_slots(u64 keys, u64 groups) {
    ASSERT(groups > 0 && groups <= LAYOUT_BYTES_MAX);
    ASSERT(keys > 0 && keys <= LAYOUT_BYTES_MAX);
    return (keys / LEAF_LANES + groups) * LEAF_LANES;
}

u64 layout_set_bytes(u64 lanes) {
    ASSERT(lanes <= LAYOUT_BYTES_MAX);
    u64 tiles = lanes / TILE_LANES + (lanes % TILE_LANES != 0);
    u64 words = tiles * (TILE_LANES / 64), level = tiles;
    do {
        level = (level + 63) / 64;
        words += level;
    } while (level > 1);
    return words * 8;
}

u64 layout_outer_lanes(const image *i, u32 node) {
    const image_node *n = &i->nodes[node];
    ASSERT(n->outer_axes <= AXES_MAX);
    u64 lanes = 1;
    for (u32 axis = 0; axis < n->outer_axes; axis++) lanes *= i->shapes[n->shape].dims[axis];
    return lanes;
}

u64 layout_scan_blocks(u64 inner) {
    ASSERT(inner > 0);
    return inner / SCAN_BLOCK + (inner % SCAN_BLOCK != 0);
}

static u64 page_lanes(const image *i, u32 page) {
    ASSERT(page < i->page_count);
    return i->shapes[i->pages[page].shape].lanes;
}

static bool page_is_ring(const image *i, u32 page) {
    ASSERT(page < i->page_count);
    return (i->pages[page].flags & PAGE_RING) != 0;
}

u64 layout_whole_output(const image *i, u32 node) {
    ASSERT(i->nodes[node].kind == NODE_WHOLE || i->nodes[node].kind == NODE_KERNEL);
    const image_node *n = &i->nodes[node];
    if (n->kind == NODE_KERNEL) return ALIGN_UP(product(page_lanes(i, n->output), 8), 64);
    u64 inner = i->shapes[n->shape].lanes / layout_outer_lanes(i, node);
    if (n->reduce == WHOLE_MATMUL) return ALIGN_UP(product(page_lanes(i, n->output), 8), 64);
    if (n->reduce == WHOLE_DOT) return ALIGN_UP((inner / LEAF_LANES + 2) * 8, 64);
    return ALIGN_UP(inner * 8, 64);
}

u64 layout_keyed_rest(const image *i, u32 node) {
    ASSERT(i->nodes[node].kind == NODE_KEYED);
    return i->shapes[i->nodes[node].shape].lanes / layout_outer_lanes(i, node);
}

u64 layout_keyed_groups(const image *i, u32 node) {
    ASSERT(i->nodes[node].kind == NODE_KEYED);
    return i->shapes[i->pages[i->nodes[node].output].shape].dims[0];
}

#define OP(name, text, arity, operands, result, faults) faults,
static const u8 operator_faults[] = {
#include "../../kernels/ops.def"
};
#undef OP

static bool instruction_can_fault(const image *i, const image_instruction *n) {
    ASSERT(n->op < INSTRUCTION_COUNT);
    if (n->op < ARRAY_COUNT(operator_faults)) return operator_faults[n->op] != 0;
    if (n->op == IN_AFFINE) return i->affines[n->imm].checked != 0;
    if (n->op == IN_AXIS) return i->checks[n->imm].edge == EDGE_NONE;
    return n->op == IN_GROUP;
}

static bool node_can_fault(const image_node *n) {
    ASSERT(n->kind < NODE_KIND_COUNT);
    if (n->kind == NODE_KERNEL) return true;
    return n->kind == NODE_WHOLE && n->reduce == WHOLE_QUANTILE && n->present != 0;
}

/* A history's guard keeps its reads inside (image_ring_find). */
static bool node_is_ring(const image *i, const image_node *n) {
    u32 end = n->program_at + n->uniform_count + n->tile_count;
    ASSERT(n->kind < NODE_KIND_COUNT);
    if (n->tile_count == 0) return false;
    const image_instruction *last = &i->instructions[end - 1];
    return last->op == IN_STORE && page_is_ring(i, last->imm);
}

bool layout_can_reject(const image *i) {
    bool can = i->assert_count > 0;
    for (u32 n = 0; n < i->node_count && !can; n++) {
        const image_node *node = &i->nodes[n];
        if ((node->flags & NODE_IN_LATER) == 0 || node_is_ring(i, node)) continue;
        can = can || node_can_fault(node);
        for (u32 k = 0; k < node->uniform_count + node->tile_count; k++) {
            can = can || instruction_can_fault(i, &i->instructions[node->program_at + k]);
        }
    }
    return can;
}

/* All rows twice; or, where nothing is turned (a GPU), the page and its PREV page. */
static u64 ring_bytes(const image *i, u32 page) {
    const image_shape *s = &i->shapes[i->pages[page].shape];
    ASSERT(s->axis_count > 0);
    u64 width = type_bytes(i->pages[page].type), row = product(s->lanes / s->dims[0], width);
    u64 twice = product(2 * layout_ring_slots(s->dims[0]), row);
    u64 both = u64_min(product(s->lanes, width), UINT64_MAX / 4);
    return u64_max(u64_min(twice, UINT64_MAX / 4), ALIGN_UP(both, LAYOUT_PART_ALIGN) + both);
}

/* Values of all pages of one sort: PREV pages, or the others. */
static u64 layout_values(const image *i, layout *l, cursor *c, bool prev) {
    u64 before = c->at;
    for (u32 p = 1; p < i->page_count; p++) {
        if ((i->pages[p].kind == PAGE_PREV) != prev) continue;
        u64 width = type_bytes(i->pages[p].type);
        u64 bytes = product(ALIGN_UP(page_lanes(i, p), LEAF_LANES), width);
        if (prev && page_is_ring(i, i->pages[p].of)) {
            l->pages[p].value_at = l->pages[i->pages[p].of].value_at +
                                   ALIGN_UP(page_lanes(i, p) * width, LAYOUT_PART_ALIGN);
            continue;
        }
        if (page_is_ring(i, p)) bytes = ring_bytes(i, p);
        l->pages[p].value_at = cursor_take(c, bytes, LAYOUT_PART_ALIGN);
        if (bytes >= STAGGER_FROM_BYTES) cursor_take(c, STAGGER_BYTES, LAYOUT_PART_ALIGN);
    }
    /* A tile that starts at the last lane may be read whole. */
    cursor_take(c, TILE_LANES * 8, 64);
    ASSERT(c->at >= before);
    cursor_take(c, 0, LAYOUT_PART_ALIGN);
    return c->at - before;
}

static bool node_is_arg(const image_node *n) {
    ASSERT(n->kind < NODE_KIND_COUNT);
    return n->kind < NODE_WHOLE && (n->reduce == REDUCE_ARGMIN || n->reduce == REDUCE_ARGMAX);
}

bool layout_keyed_packs(const image *i, u32 node) {
    const image_node *n = &i->nodes[node];
    return n->kind == NODE_KEYED && !node_is_arg(n) &&
           layout_outer_lanes(i, node) / LEAF_LANES >= layout_keyed_groups(i, node);
}

static u64 node_partials(const image *i, u32 node) {
    ASSERT(node < i->node_count);
    const image_node *n = &i->nodes[node];
    u64 outer = layout_outer_lanes(i, node), lanes = i->shapes[n->shape].lanes;
    if (n->kind == NODE_KEYED) {
        u64 slots = layout_keyed_slots(outer, layout_keyed_groups(i, node));
        return product(2 * (slots / LEAF_LANES), lanes / outer);
    }
    if (n->kind == NODE_WHOLE)
        return whole_is_scan(n->reduce) ? product(layout_scan_blocks(lanes / outer), outer) : 0;
    bool keeps = n->kind == NODE_REDUCE && (n->flags & NODE_PARTIALS) != 0;
    return keeps ? product(layout_tree_partials(lanes / outer), outer) : 0;
}

static u64 layout_partials(const image *i, layout *l, cursor *c) {
    ASSERT(c->over || c->at % LAYOUT_PART_ALIGN == 0);
    u64 before = c->at;
    for (u32 n = 0; n < i->node_count; n++) {
        u64 count = node_partials(i, n);
        if (count == 0) continue;
        u64 values = ALIGN_UP(product(count, type_bytes(i->nodes[n].type)), 64);
        u64 index = node_is_arg(&i->nodes[n]) ? product(count, 8) : 0;
        l->nodes[n].partials_at = cursor_take(c, u64_min(values, UINT64_MAX / 4) + index, 64);
    }
    cursor_take(c, 0, LAYOUT_PART_ALIGN);
    return c->at - before;
}

static bool page_has_inverse(const image *i, u32 page) {
    const image_page *p = &i->pages[page];
    u64 lanes = page_lanes(i, page);
    if ((p->flags & PAGE_OFFSETS) == 0 || lanes <= LEAF_LANES || lanes >= UINT32_MAX) return false;
    ASSERT(p->of < i->page_count);
    return page_lanes(i, p->of) < UINT32_MAX;
}

static u64 layout_indexes(const image *i, layout *l, cursor *c) {
    ASSERT(c->over || c->at % LAYOUT_PART_ALIGN == 0);
    u64 before = c->at;
    for (u32 p = 1; p < i->page_count; p++) {
        if (!page_has_inverse(i, p)) continue;
        u64 cells = page_lanes(i, i->pages[p].of) + page_lanes(i, p);
        l->pages[p].inverse_at = cursor_take(c, cells * 4, 64);
    }
    for (u32 n = 0; n < i->node_count; n++) {
        if (i->nodes[n].kind != NODE_KEYED) continue;
        u64 keys = layout_outer_lanes(i, n), groups = layout_keyed_groups(i, n);
        u64 slots = layout_keyed_slots(keys, groups);
        if (slots >= UINT32_MAX) c->over = true;
        u64 cells = slots + keys + 2 * groups + 1 + slots / LEAF_LANES;
        l->nodes[n].group_at = cursor_take(c, cells * 4, 64);
        u64 values = product(slots, layout_keyed_rest(i, n));
        if (layout_keyed_packs(i, n))
            l->nodes[n].packed_at =
                cursor_take(c, product(values, type_bytes(i->nodes[n].type)), 64);
    }
    cursor_take(c, 0, LAYOUT_PART_ALIGN);
    return c->at - before;
}

/* Lanes of gathers by target: written between epochs only, so they stand behind the mutable part.
 */
static u64 layout_orders(const image *i, layout *l, cursor *c) {
    u64 before = c->at;
    for (u32 p = 1; p < i->page_count; p++) {
        if (!page_has_inverse(i, p)) continue;
        u64 cells = page_lanes(i, i->pages[p].of) + 1 + page_lanes(i, p);
        l->pages[p].order_at = cursor_take(c, cells * 4, 64);
    }
    cursor_take(c, 0, LAYOUT_PART_ALIGN);
    return c->at - before;
}

static u64 layout_dirty(const image *i, layout *l, cursor *c) {
    ASSERT(c->over || c->at % LAYOUT_PART_ALIGN == 0);
    u64 before = c->at;
    for (u32 p = 1; p < i->page_count; p++) {
        l->pages[p].dirty_at = cursor_take(c, layout_set_bytes(page_lanes(i, p)), 64);
        if (!page_is_ring(i, p)) continue;
        const image_shape *s = &i->shapes[i->pages[p].shape];
        u64 each = 4 * (1 + layout_ring_lanes(s->lanes / s->dims[0]));
        l->pages[p].ring_at = cursor_take(c, product(layout_ring_slots(s->dims[0]), each), 64);
    }
    l->pending_at = cursor_take(c, layout_set_bytes(i->later_count + 1u), 64);
    cursor_take(c, 0, LAYOUT_PART_ALIGN);
    return c->at - before;
}

static u64 layout_undo(const image *i, layout *l, cursor *c) {
    if (!i->can_reject) return 0;
    u64 before = c->at;
    u64 lines = l->mutable_bytes / LAYOUT_LINE_BYTES;
    ASSERT(l->mutable_bytes % LAYOUT_LINE_BYTES == 0);
    l->undo_at = cursor_take(c, l->mutable_bytes, LAYOUT_PART_ALIGN);
    l->undo_lines_at = cursor_take(c, layout_set_bytes(lines), LAYOUT_PART_ALIGN);
    l->journal_rows = u64_min(LAYOUT_UNDO_ROWS_MAX, lines);
    l->journal_at = cursor_take(c, l->journal_rows * LAYOUT_UNDO_ROW_BYTES, LAYOUT_PART_ALIGN);
    cursor_take(c, 0, LAYOUT_PART_ALIGN);
    return c->at - before;
}

/* What a node's worklist counts: lanes of its domain, outer lanes or leaves of a REDUCE with a
 * program, leaves of a KEYED. */
static u64 node_work_lanes(const image *i, u32 node) {
    const image_node *n = &i->nodes[node];
    u64 lanes = i->shapes[n->shape].lanes, outer = layout_outer_lanes(i, node);
    u64 inner = lanes / outer, leaves = inner / LEAF_LANES + (inner % LEAF_LANES != 0);
    ASSERT(inner > 0);
    ASSERT(leaves > 0);
    if (n->kind == NODE_REDUCE && n->element == 0) {
        return (n->flags & NODE_PARTIALS) != 0 ? outer * leaves : outer;
    }
    if (n->kind == NODE_WHOLE && n->reduce == WHOLE_MATMUL)
        return u64_max(lanes, outer + page_lanes(i, n->output) / outer);
    if (n->kind != NODE_KEYED) return lanes;
    u64 slots = layout_keyed_slots(outer, layout_keyed_groups(i, node));
    return u64_max(lanes, product(slots / LEAF_LANES, inner));
}

static u64 layout_scratch(const image *i, layout *l, cursor *c) {
    u64 before = c->at, tile = LAYOUT_SLOT_BYTES;
    l->work_lanes = 1;
    for (u32 n = 0; n < i->node_count; n++) {
        const image_node *node = &i->nodes[n];
        l->tile_slots = node->tile_slots > l->tile_slots ? node->tile_slots : l->tile_slots;
        l->uniform_slots =
            node->uniform_slots > l->uniform_slots ? node->uniform_slots : l->uniform_slots;
        l->work_lanes = u64_max(l->work_lanes, node_work_lanes(i, n));
    }
    u64 whole = 0;
    for (u32 n = 0; n < i->node_count; n++) {
        const image_node *node = &i->nodes[n];
        if (node->kind == NODE_KERNEL) whole = u64_max(whole, layout_whole_output(i, n));
        if (node->kind != NODE_WHOLE) continue;
        u64 outer = layout_outer_lanes(i, n), inner = i->shapes[node->shape].lanes / outer;
        u64 columns = node->reduce == WHOLE_MATMUL ? page_lanes(i, node->output) / outer : 0;
        u64 needed = whole_scratch_bytes(node->reduce, node->type, inner, columns);
        whole = u64_max(whole, u64_min(needed, UINT64_MAX / 4) + layout_whole_output(i, n));
    }
    ASSERT(l->work_lanes >= 1);
    if (l->work_lanes > LAYOUT_BYTES_MAX) c->over = true;
    l->slots_at = l->scratch_at = cursor_take(c, l->tile_slots * tile, 64);
    l->coordinates_at = cursor_take(c, AXES_MAX * tile, 64);
    l->buffers_at = cursor_take(c, LAYOUT_TILE_BUFFERS * tile, 64);
    l->spread_at = cursor_take(c, l->uniform_slots * tile, 64);
    l->cells_at = cursor_take(c, (u64)l->uniform_slots * LAYOUT_CELL_BYTES + tile, 64);
    l->whole_at = cursor_take(c, whole, 64);
    if (!c->over) l->work_at = cursor_take(c, layout_set_bytes(l->work_lanes), 64);
    cursor_take(c, 0, LAYOUT_PART_ALIGN);
    return c->at - before;
}

u64 layout_worker_bytes(const layout *l) {
    ASSERT(l->tile_slots <= SLOTS_MAX);
    return ((u64)l->tile_slots + AXES_MAX + LAYOUT_TILE_BUFFERS) * LAYOUT_SLOT_BYTES;
}

/* Parts stand one behind the other, aligned, and add up to the whole. */
static void layout_prove(const layout *l) {
    const image_plan *p = &l->plan;
    u64 end = l->mutable_at + l->mutable_bytes + l->order_bytes;
    ASSERT(l->mutable_at % LAYOUT_PART_ALIGN == 0);
    ASSERT(p->arena_bytes % LAYOUT_PART_ALIGN == 0);
    ASSERT(p->pages_bytes + p->prev_bytes + p->partials_bytes + p->index_bytes - l->order_bytes ==
           l->mutable_bytes);
    ASSERT(l->pending_at >= end && l->pending_at < end + p->dirty_bytes);
    ASSERT(l->undo_at == 0 || l->undo_at == end + p->dirty_bytes);
    ASSERT(l->undo_at == 0 || l->undo_lines_at >= l->undo_at + l->mutable_bytes);
    ASSERT(l->scratch_at == end + p->dirty_bytes + p->undo_bytes);
    ASSERT(l->slots_at < l->cells_at && l->cells_at <= l->whole_at && l->whole_at <= l->work_at);
    ASSERT(l->work_at + layout_set_bytes(l->work_lanes) <= p->arena_bytes);
    ASSERT(l->scratch_at + p->scratch_bytes == p->arena_bytes);
}

mmsb_status layout_compute(const image *i, arena *a, layout *out, message *m) {
    memset(out, 0, sizeof(*out));
    out->pages = ARENA_ARRAY(a, layout_page, i->page_count + 1u);
    out->nodes = ARENA_ARRAY(a, layout_node, i->node_count + 1u);
    if (out->pages == NULL || out->nodes == NULL) {
        return message_set(m, MMSB_OUT_OF_SPACE, "no memory for the memory plan of %u pages",
                           i->page_count);
    }
    cursor c = {.at = LAYOUT_CONTROL_BYTES};
    image_plan *plan = &out->plan;
    out->mutable_at = c.at;
    plan->pages_bytes = layout_values(i, out, &c, false);
    plan->prev_bytes = layout_values(i, out, &c, true);
    plan->partials_bytes = layout_partials(i, out, &c);
    plan->index_bytes = layout_indexes(i, out, &c);
    out->mutable_bytes = c.at - out->mutable_at;
    out->order_bytes = layout_orders(i, out, &c);
    plan->index_bytes += out->order_bytes;
    plan->dirty_bytes = layout_dirty(i, out, &c);
    plan->undo_bytes = layout_undo(i, out, &c);
    plan->scratch_bytes = layout_scratch(i, out, &c);
    plan->arena_bytes = c.at;
    if (c.over || c.at > LAYOUT_BYTES_MAX) {
        return message_set(m, MMSB_OUT_OF_SPACE,
                           "the graph needs more than %llu TiB, or one of its indexes more than "
                           "2^32 entries: make its pages smaller",
                           LAYOUT_BYTES_MAX >> 40);
    }
    layout_prove(out);
    return MMSB_OK;
}
