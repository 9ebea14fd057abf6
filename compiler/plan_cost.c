/* SPDX-License-Identifier: Apache-2.0
 * plan_cost: changed lanes flow through the footprints in the order of the commands. */
#include "plan_cost.h"

#include "../engine/core/layout.h"
#include "../kernels/whole_sizes.h"

static f64 f64_min(f64 a, f64 b) {
    ASSERT(a >= 0 && b >= 0);
    return a < b ? a : b;
}

f64 plan_page_lanes(const image *i, u32 page) {
    ASSERT(page < i->page_count);
    return (f64)i->shapes[i->pages[page].shape].lanes;
}

f64 plan_page_bytes(const image *i, u32 page) {
    ASSERT(page < i->page_count);
    return plan_page_lanes(i, page) * type_bytes(i->pages[page].type);
}

/* The stores of a MAP's program; UINT32_MAX: how many they are. */
static u32 store_at(const image *i, u32 node, u32 which) {
    const image_node *n = &i->nodes[node];
    u32 count = 0;
    ASSERT(node < i->node_count);
    if (n->kind != NODE_MAP) return which == UINT32_MAX ? 1 : n->output;
    for (u32 c = 0; c < n->uniform_count + n->tile_count; c++) {
        const image_instruction *x = &i->instructions[n->program_at + c];
        if (x->op == IN_STORE && count++ == which) return x->imm;
    }
    return count;
}

u32 plan_store_count(const image *i, u32 node) { return store_at(i, node, UINT32_MAX); }

u32 plan_store(const image *i, u32 node, u32 which) {
    ASSERT(which < plan_store_count(i, node));
    return store_at(i, node, which);
}

bool plan_is_ring(const image *i, u32 node) {
    u32 page = store_at(i, node, 0);
    ASSERT(page < i->page_count);
    return (i->nodes[node].flags & NODE_IN_LATER) != 0 && (i->pages[page].flags & PAGE_RING) != 0;
}

/* What an epoch costs that turns a history: lanes of row 0 are written, each to two places. Lanes
 * that change in every epoch stand in every row in the end. */
static plan_work ring_work(const image *i, u32 row, f64 *changed) {
    image_ring r;
    bool found = image_ring_find(i, row, &r);
    ASSERT(found);
    f64 lanes = (f64)r.lanes, wide = type_bytes(i->pages[r.page].type);
    f64 moved = changed[r.prev] > 0 ? lanes * (f64)r.rows : changed[r.of] * (f64)r.rows;
    if (!found || moved == 0) return (plan_work){0};
    f64 written = f64_min(lanes, moved);
    changed[r.page] = moved;
    return (plan_work){written, written * wide, 2 * written * wide};
}

/* Lanes of a WHOLE node's domain that one changed lane of an operand makes it look at. */
static f64 whole_work(const image *i, u32 row, u32 page, f64 changed) {
    ASSERT(i->nodes[row].kind == NODE_WHOLE && i->nodes[row].reduce < WHOLE_COUNT);
    const image_node *n = &i->nodes[row];
    f64 domain = (f64)i->shapes[n->shape].lanes, outer = (f64)layout_outer_lanes(i, row);
    f64 inner = domain / outer, out = plan_page_lanes(i, n->output);
    if (n->reduce == WHOLE_DOT || (n->reduce == WHOLE_QUANTILE && page == n->present))
        return domain;
    if (n->reduce != WHOLE_MATMUL) return f64_min(domain, changed * inner);
    f64 columns = out / outer, rows = page == n->element ? f64_min(outer, changed) * columns : 0;
    f64 sides = page == n->present ? f64_min(columns, changed) * outer : 0;
    return f64_min(out, rows + sides) * inner;
}

/* Lanes of the domain that a changed element makes a node redo: a leaf of a reduction. */
static f64 node_unit(const image *i, u32 row) {
    const image_node *n = &i->nodes[row];
    ASSERT(row < i->node_count);
    if (n->kind == NODE_KEYED) return LEAF_LANES;
    if (n->kind != NODE_REDUCE) return 1;
    u64 lanes = i->shapes[n->shape].lanes / layout_outer_lanes(i, row);
    return f64_min(LEAF_LANES, (f64)lanes);
}

/* Domain lanes that a changed part of a read makes a node redo. */
static f64 read_work(const image *i, u32 row, const image_read *r, f64 changed) {
    ASSERT(changed >= 0 && r->node == row);
    const image_node *n = &i->nodes[row];
    f64 domain = (f64)i->shapes[n->shape].lanes, lanes = plan_page_lanes(i, r->page);
    f64 unit = node_unit(i, row);
    if (changed == 0) return 0;
    if (n->kind == NODE_WHOLE) return whole_work(i, row, r->page, changed);
    switch ((read_kind)r->kind) {
    case READ_ALL:
    case READ_GROUP: return domain;
    case READ_AFFINE:
    case READ_GATHER:
        return f64_min(domain, changed * unit * (domain > lanes ? domain / lanes : 1));
    default: return f64_min(domain, changed * unit);
    }
}

/* Bytes that `lanes` lanes of a node read: its scalars once. */
static f64 bytes_read(const image *i, const image_node *n, f64 lanes) {
    f64 bytes = 0;
    ASSERT(n->read_at + (u64)n->read_count <= i->read_count);
    for (u32 r = 0; r < n->read_count; r++) {
        const image_read *read = &i->reads[n->read_at + r];
        f64 wide = type_bytes(i->pages[read->page].type);
        bytes += read->kind == READ_ALL ? plan_page_bytes(i, read->page) : lanes * wide;
    }
    return bytes;
}

/* Marks what the node stores as changed; the bytes of it. */
static f64 bytes_written(const image *i, u32 row, f64 lanes, f64 *changed) {
    const image_node *n = &i->nodes[row];
    f64 bytes = 0;
    ASSERT(lanes > 0);
    f64 domain = (f64)i->shapes[n->shape].lanes;
    f64 moved = lanes >= domain ? domain : (f64)(u64)(lanes / node_unit(i, row) + 0.999);
    for (u32 s = 0; s < plan_store_count(i, row); s++) {
        u32 page = plan_store(i, row, s);
        changed[page] = f64_min(plan_page_lanes(i, page), moved < 1 ? 1 : moved);
        bytes += changed[page] * type_bytes(i->pages[page].type);
    }
    return bytes;
}

/* What an epoch costs in which `changed` says how many lanes of each page moved. */
static void run(plan_cost *c) {
    const image *i = c->i;
    ASSERT(i->later_count <= i->node_count);
    c->total = (plan_work){0}, c->nodes = 0;
    for (u32 k = 0; k < i->later_count; k++) {
        u32 row = i->later[k];
        const image_node *n = &i->nodes[row];
        f64 lanes = 0, domain = (f64)i->shapes[n->shape].lanes;
        c->work[k] = plan_is_ring(i, row) ? ring_work(i, row, c->changed) : (plan_work){0};
        for (u32 r = 0; r < n->read_count && !plan_is_ring(i, row); r++) {
            const image_read *read = &i->reads[n->read_at + r];
            lanes += read_work(i, row, read, c->changed[read->page]);
        }
        if (n->kind != NODE_WHOLE || n->reduce != WHOLE_MATMUL) lanes = f64_min(lanes, domain);
        if (lanes != 0)
            c->work[k] = (plan_work){lanes, bytes_read(i, n, lanes),
                                     bytes_written(i, row, lanes, c->changed)};
        plan_work w = c->work[k];
        if (w.lanes == 0) continue;
        c->nodes++;
        c->total.lanes += w.lanes, c->total.read += w.read, c->total.written += w.written;
    }
}

bool plan_cost_open(plan_cost *c, const image *i, arena *a) {
    ASSERT(i->plan != NULL);
    *c = (plan_cost){.i = i};
    c->changed = ARENA_ARRAY(a, f64, i->page_count + 1u);
    c->work = ARENA_ARRAY(a, plan_work, i->later_count + 1u);
    return c->changed != NULL && c->work != NULL;
}

static void clear(plan_cost *c) {
    ASSERT(c->i->page_count > 0);
    memset(c->changed, 0, c->i->page_count * sizeof *c->changed);
}

void plan_cost_page(plan_cost *c, u32 page, f64 lanes) {
    ASSERT(page != 0 && page < c->i->page_count && lanes >= 0);
    const image_page *p = &c->i->pages[page];
    clear(c);
    c->changed[(p->flags & PAGE_STATE) != 0 ? p->prev : page] = lanes;
    run(c);
}

void plan_cost_sources(plan_cost *c, bool all) {
    ASSERT(c->changed != NULL && c->work != NULL);
    clear(c);
    for (u32 k = 1; k < c->i->page_count; k++)
        if (c->i->pages[k].kind == PAGE_SOURCE) c->changed[k] = all ? plan_page_lanes(c->i, k) : 1;
    run(c);
}

void plan_cost_tick(plan_cost *c) {
    const image *i = c->i;
    clear(c);
    for (u32 k = 1; k < i->page_count; k++) {
        const image_page *p = &i->pages[k];
        ASSERT(p->kind != PAGE_PREV || p->of != 0);
        bool moves = p->kind == PAGE_EPOCH ||
                     (p->kind == PAGE_PREV && (i->pages[p->of].flags & PAGE_STATE) != 0);
        if (moves) c->changed[k] = plan_page_lanes(i, k);
    }
    run(c);
}
