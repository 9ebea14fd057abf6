/* SPDX-License-Identifier: Apache-2.0
 * back_reduce: reductions become nodes: means and filters are rewritten to sums over selects, small
 * ones are unrolled in the canonical order, the others write a hidden page over just the variables
 * that they mention. Keyed ones get a page of groups. */
#include "back.h"

#define UNROLL_POSITIONS 64u
#define UNROLL_WORK 600u
#define LIGHT_SIZE 32u /* of an element that leaves compute */

static u32 constant(back *b, u8 type, f64 value) {
    ASSERT(type < TYPE_COUNT && type != TYPE_BOOL);
    u64 bits = (u64)(i64)value;
    f32 narrow = (f32)value;
    if (type == TYPE_F64) memcpy(&bits, &value, 8);
    if (type == TYPE_F32) bits = 0, memcpy(&bits, &narrow, 4);
    return ir_const(b->g, type, bits);
}

static u32 convert(back *b, u8 type, u32 expr) {
    ASSERT(type < TYPE_COUNT && expr < b->g->expr_count);
    return ir_op(b->g, OP_CONVERT, type, expr, 0, 0, 0);
}

static u8 reduce_of(u8 reduction) {
    ASSERT(reduction < IR_REDUCTION_COUNT);
    static const u8 kinds[IR_REDUCTION_COUNT] = {
        REDUCE_SUM, REDUCE_PROD, REDUCE_MIN, REDUCE_MAX,    REDUCE_MAX,
        REDUCE_MIN, REDUCE_SUM,  REDUCE_SUM, REDUCE_ARGMIN, REDUCE_ARGMAX};
    return kinds[reduction];
}

/* The element with the filter in it: what is left out is the identity. Counts become sums of i64.
 */
static u32 filtered_element(back *b, u8 reduction, u32 element, u32 filter) {
    ASSERT(reduction < IR_REDUCTION_COUNT && filter < b->g->expr_count);
    ir *g = b->g;
    if (reduction == IR_COUNT)
        return convert(b, TYPE_I64,
                       filter == 0    ? element
                       : element == 0 ? filter
                                      : ir_andand(g, filter, element));
    if (filter == 0) return element;
    if (reduction == IR_ANY) return ir_andand(g, filter, element);
    if (reduction == IR_ALL)
        return ir_oror(g, ir_op(g, OP_NOT, TYPE_BOOL, filter, 0, 0, 0), element);
    u8 type = g->exprs[element].type;
    u64 bits = kernel_nothing(reduce_of(reduction), type);
    if (reduction == IR_SUM && type == TYPE_F64) bits = (u64)1 << 63;
    if (reduction == IR_SUM && type == TYPE_F32) bits = (u64)1 << 31;
    if (reduction >= IR_ARGMIN) bits = 0;
    return ir_op(g, OP_SELECT, type, filter, element, ir_const(g, type, bits), 0);
}

static u32 expr_size(const back *b, u32 expr, u32 limit) {
    ASSERT(expr < b->g->expr_count);
    const ir_expr *e = &b->g->exprs[expr];
    if (limit == 0 || expr == 0) return 0;
    u32 size = 1;
    if (e->kind == IR_REDUCE) return limit;
    if (e->kind == IR_READ) {
        for (u32 k = 0; k < e->count && size < limit; k++)
            size += expr_size(b, b->g->lists[e->at + k], limit - size);
        return size;
    }
    u32 below[3] = {e->a, e->b, e->c};
    for (u32 k = 0; k < 3 && size < limit; k++) size += expr_size(b, below[k], limit - size);
    return size;
}

static u32 join_op(back *b, u8 kind, u8 type, u32 x, u32 y) {
    ASSERT(kind <= REDUCE_MAX);
    static const u16 ops[] = {OP_ADD, OP_MUL, OP_MIN, OP_MAX};
    if (x == 0 || y == 0) return x == 0 ? y : x;
    return ir_op(b->g, ops[kind], type, x, y, 0, 0);
}

/* One leaf as straight operators: lane l folds l, l + 8, ...; absent positions leave the other
 * unchanged. */
static u32 unrolled(back *b, u8 kind, u32 element, const ir_loop *loops, u32 count, u64 positions) {
    ASSERT(positions <= UNROLL_POSITIONS && count >= 1);
    u32 lanes[8] = {0}, map[32] = {0};
    u8 type = b->g->exprs[element].type;
    u64 extents[32] = {0};
    for (u32 d = 0; d < b->axes; d++) extents[d] = b->dims[d];
    for (u64 k = 0; k < positions; k++) {
        u64 rest = k;
        for (u32 l = count; l > 0; l--) {
            map[loops[l - 1].var] = ir_const(b->g, TYPE_I64, rest % loops[l - 1].extent);
            rest /= loops[l - 1].extent;
        }
        lanes[k & 7] = join_op(b, kind, type, lanes[k & 7], substitute(b, element, map, extents));
    }
    u32 left = join_op(b, kind, type, join_op(b, kind, type, lanes[0], lanes[4]),
                       join_op(b, kind, type, lanes[2], lanes[6]));
    u32 right = join_op(b, kind, type, join_op(b, kind, type, lanes[1], lanes[5]),
                        join_op(b, kind, type, lanes[3], lanes[7]));
    return join_op(b, kind, type, left, right);
}

/* Lanes of the largest page that an expression reads. Equal parts are visited once. */
static u64 largest_read(back *b, u32 expr) {
    u64 most = 1;
    u32 count = 0, now = ++b->walk_last;
    ASSERT(expr < b->g->expr_count);
    if (!arena_grow(b->memory, (void **)&b->walk_seen, &b->walk_seen_capacity, b->g->expr_count,
                    sizeof(u32)) ||
        !arena_grow(b->memory, (void **)&b->walk, &b->walk_capacity, 4, sizeof(u32))) {
        b->out_of_memory = true;
        return most;
    }
    b->walk[count++] = expr;
    while (count > 0) {
        u32 row = b->walk[--count];
        const ir_expr *e = &b->g->exprs[row];
        if (row == 0 || b->walk_seen[row] == now) continue;
        b->walk_seen[row] = now;
        u64 lanes = 1;
        const ir_page *p = &b->g->pages[e->page];
        for (u32 a = 0; e->kind == IR_READ && a < p->rank; a++) lanes *= p->dims[a];
        most = u64_max(most, lanes);
        if (e->kind == IR_READ || e->kind == IR_CONST) continue;
        if (!arena_grow(b->memory, (void **)&b->walk, &b->walk_capacity, count + 3, sizeof(u32))) {
            b->out_of_memory = true;
            return most;
        }
        b->walk[count++] = e->a, b->walk[count++] = e->b, b->walk[count++] = e->c;
    }
    return most;
}

/* The page that already holds the element lane for lane, or 0. */
static u32 plain_page(const back *b, u32 expr, const u64 *dims, u32 axes) {
    ASSERT(expr < b->g->expr_count && axes <= AXES_MAX);
    const ir_expr *e = &b->g->exprs[expr];
    if (e->kind != IR_READ || e->count != axes) return 0;
    for (u32 a = 0; a < axes; a++) {
        const ir_expr *x = &b->g->exprs[b->g->lists[e->at + a]];
        if (x->kind != IR_INDEX || x->var != a || b->g->pages[e->page].dims[a] != dims[a]) return 0;
    }
    return e->prev ? b->prev_of[e->page] : b->page_of[e->page];
}

u32 element_page(back *b, u32 expr, u32 guard, const u64 *dims, u32 axes, const char *name) {
    ASSERT(expr < b->g->expr_count && axes <= AXES_MAX);
    u32 page = plain_page(b, expr, dims, axes);
    if (page != 0) return page;
    page = back_page(b, name, b->g->exprs[expr].type, dims, axes, PAGE_HIDDEN, 0);
    map_node(b, expr, guard, dims, axes, page, 0);
    return page;
}

static bool keeps_partials(u64 inner, u64 outer) {
    ASSERT(inner >= 1 && outer >= 1);
    return inner > LEAF_LANES && outer * (inner / LEAF_LANES + 1) <= (u64)1 << 24;
}

/* Whether an element is cheap and reads only its own lane of stored pages, and scalars: then a leaf
 * of it costs less to compute than its page to store. */
static bool is_light(const back *b, u32 expr, const u64 *dims, u32 axes) {
    ASSERT(expr < b->g->expr_count);
    const ir_expr *e = &b->g->exprs[expr];
    bool heavy = (e->op >= OP_EXP && e->op <= OP_CDF) || e->op == OP_POW || e->op == OP_FMOD ||
                 e->op == OP_ATAN2;
    if (expr == 0) return true;
    switch (e->kind) {
    case IR_CONST:
    case IR_INDEX: return true;
    case IR_READ: return e->count == 0 || plain_page(b, expr, dims, axes) != 0;
    case IR_OP:
        return !heavy && !e->can_fault && is_light(b, e->a, dims, axes) &&
               is_light(b, e->b, dims, axes) && is_light(b, e->c, dims, axes);
    case IR_ANDAND:
    case IR_OROR:
        return !e->can_fault && is_light(b, e->a, dims, axes) && is_light(b, e->b, dims, axes);
    default: return false;
    }
}
/* A REDUCE node over [outer..., loops...], all renumbered from 0; returns its hidden page. */
static u32 reduce_node(back *b, u8 reduction, u32 element, u32 present, u32 guard, const u64 *dims,
                       u32 outer_axes, u32 axes) {
    ASSERT(outer_axes <= axes && axes <= AXES_MAX);
    u8 kind = reduce_of(reduction), type = b->g->exprs[element].type;
    u64 outer = 1, inner = 1;
    for (u32 d = 0; d < axes; d++) *(d < outer_axes ? &outer : &inner) *= dims[d];
    bool arg = kind >= REDUCE_ARGMIN;
    u32 page = back_page(b, "reduction", arg ? TYPE_I64 : type, dims, outer_axes, PAGE_HIDDEN, 0);
    image_node n = {.kind = NODE_REDUCE,
                    .reduce = kind,
                    .type = type,
                    .outer_axes = outer_axes,
                    .output = page,
                    .shape = back_shape(b, dims, axes)};
    if (keeps_partials(inner, outer)) n.flags |= NODE_PARTIALS;
    bool light = (n.flags & NODE_PARTIALS) != 0 && inner >= TILE_LANES &&
                 expr_size(b, element, LIGHT_SIZE) < LIGHT_SIZE && is_light(b, element, dims, axes);
    bool store = plain_page(b, element, dims, axes) != 0 || present != 0 ||
                 (!light && outer * inner <= u64_max(4 * largest_read(b, element), 4096));
    if (store) {
        n.element = element_page(b, element, guard, dims, axes, "element");
        if (present != 0) n.present = element_page(b, present, 0, dims, axes, "present");
    }
    node_begin(b, dims, axes);
    if (!store) {
        u32 v = lower_value(b, element, guard);
        value_add(b, (image_instruction){.op = IN_FEED, .type = type}, v, VALUE_NONE, VALUE_NONE,
                  false);
    }
    node_end(b, n);
    return page;
}

/* A reduction that is left after rewriting: a hidden page over the variables it mentions. */
static u32 split(back *b, u8 reduction, u32 element, u32 present, u32 guard, const ir_loop *loops,
                 u32 count) {
    ASSERT(b->g->exprs[element].type < TYPE_COUNT && count >= 1);
    u32 mask = b->g->exprs[element].vars | (present != 0 ? b->g->exprs[present].vars : 0),
        map[32] = {0}, axes = 0;
    for (u32 k = 0; k < count; k++) mask &= ~(1u << loops[k].var);
    if (!b->g->exprs[element].can_fault) guard = 0;
    if (guard != 0 && (b->g->exprs[guard].vars & ~((b->axes == 32 ? 0 : 1u << b->axes) - 1u)) != 0)
        guard = 0;
    if (guard != 0) mask |= b->g->exprs[guard].vars;
    u64 dims[AXES_MAX + 32], extents[32] = {0};
    if ((u32)__builtin_popcount(mask) + count > AXES_MAX) {
        b->too_many_axes = true;
        return value_add(b, (image_instruction){.op = IN_CONST, .type = TYPE_BOOL}, VALUE_NONE,
                         VALUE_NONE, VALUE_NONE, true);
    }
    for (u32 d = 0; d < b->axes; d++) {
        if ((mask >> d & 1) == 0) continue;
        map[d] = ir_index(b->g, axes);
        extents[axes] = dims[axes] = b->dims[d];
        axes++;
    }
    u32 outer = axes, guard_map[32];
    memcpy(guard_map, map, sizeof map);
    for (u32 k = 0; k < count; k++) {
        map[loops[k].var] = ir_index(b->g, axes);
        extents[axes] = dims[axes] = loops[k].extent;
        axes++;
    }
    ASSERT(axes <= AXES_MAX);
    u32 e = substitute(b, element, map, extents),
        p = present != 0 ? substitute(b, present, map, extents) : 0;
    u32 g = guard != 0 ? substitute(b, guard, guard_map, extents) : 0,
        shape = back_shape(b, dims, axes);
    back_hidden same = {1u + reduction, e, g, p, shape, outer, 0};
    same.page = hidden_find(b, &same);
    if (same.page == 0) {
        back_kept kept = node_suspend(b);
        same.page = reduce_node(b, reduction, e, p, g, dims, outer, axes);
        node_resume(b, &kept);
        hidden_add(b, same);
    }
    return value_page(b, same.page, mask, dims, outer);
}

u32 lower_reduction(back *b, u32 expr, u32 guard) {
    ASSERT(b->g->exprs[expr].kind == IR_REDUCE && b->g->exprs[expr].count <= 32);
    ir_expr e = b->g->exprs[expr];
    ir_loop loops[32];
    u64 positions = 1;
    for (u32 k = 0; k < e.count; k++) {
        loops[k] = b->g->loops[e.at + k];
        positions *= loops[k].extent;
    }
    u8 type = b->g->exprs[e.a].type;
    if (e.op == IR_MEAN) {
        u32 sum = ir_reduce(b->g, IR_SUM, filtered_element(b, IR_SUM, e.a, e.b), 0, loops, e.count,
                            e.position);
        u32 n = e.b == 0 ? constant(b, e.type, (f64)positions)
                         : convert(b, e.type,
                                   ir_reduce(b->g, IR_COUNT, e.b, 0, loops, e.count, e.position));
        return lower_value(b, ir_op(b->g, OP_DIV, e.type, convert(b, e.type, sum), n, 0, 0), guard);
    }
    if (e.op == IR_SUM && e.b != 0 && type_is_float(type)) {
        u32 sum = ir_reduce(b->g, IR_SUM, filtered_element(b, IR_SUM, e.a, e.b), 0, loops, e.count,
                            e.position);
        u32 n = ir_reduce(b->g, IR_COUNT, e.b, 0, loops, e.count, e.position);
        u32 none = ir_op(b->g, OP_EQ, TYPE_I64, n, ir_const(b->g, TYPE_I64, 0), 0, 0);
        return lower_value(b, ir_op(b->g, OP_SELECT, type, none, constant(b, type, 0), sum, 0),
                           guard);
    }
    u32 element = filtered_element(b, (u8)e.op, e.a, e.b), present = e.op >= IR_ARGMIN ? e.b : 0;
    u32 size = positions <= UNROLL_POSITIONS ? expr_size(b, element, UNROLL_WORK) : UNROLL_WORK;
    bool closed = b->g->exprs[expr].vars == 0;
    if (e.op < IR_ARGMIN && !closed && positions <= UNROLL_POSITIONS &&
        size * positions <= UNROLL_WORK)
        return lower_value(b, unrolled(b, reduce_of((u8)e.op), element, loops, e.count, positions),
                           guard);
    return split(b, (u8)e.op, element, present, guard, loops, e.count);
}

/* New hidden keyed page in the ir, for a mean or a filtered sum. */
static u32 keyed_part(back *b, const ir_equation *from, u32 like, u8 reduction, u8 type,
                      u32 element, u32 filter) {
    ASSERT(from->kind == EQUATION_KEYED && like < b->g->page_count);
    ir *g = b->g;
    u32 page = g->page_count, equation = g->equation_count;
    if (!arena_grow(b->memory, (void **)&g->pages, &g->page_capacity, page + 1, sizeof(ir_page)) ||
        !arena_grow(b->memory, (void **)&g->equations, &g->equation_capacity, equation + 1,
                    sizeof(ir_equation))) {
        b->out_of_memory = true;
        return 0;
    }
    g->pages[page] = g->pages[like];
    g->pages[page].type = type, g->pages[page].hidden = true,
    g->pages[page].exported = g->pages[page].state = g->pages[page].event = false;
    g->pages[page].equation = equation;
    memset(g->pages[page].edge, 0, sizeof g->pages[page].edge);
    g->equations[equation] = *from;
    g->equations[equation].page = page, g->equations[equation].reduction = reduction,
    g->equations[equation].expr = element, g->equations[equation].filter = filter;
    g->page_count++, g->equation_count++;
    return page;
}

bool keyed_prepare(back *b) {
    ASSERT(b->passes_done == BACK_NONE);
    ir *g = b->g;
    u32 pages = g->page_count;
    for (u32 page = 1; page < pages; page++) {
        ir_page p = g->pages[page];
        if (!p.live || p.equation == 0 || g->equations[p.equation].kind != EQUATION_KEYED) continue;
        ir_equation q = g->equations[p.equation];
        bool mean = q.reduction == IR_MEAN,
             sum = q.reduction == IR_SUM && q.filter != 0 && type_is_float(p.type);
        if (!mean && !sum) continue;
        u8 type = g->exprs[q.expr].type;
        u32 total =
            keyed_part(b, &q, page, IR_SUM, type, filtered_element(b, IR_SUM, q.expr, q.filter), 0);
        u32 n = keyed_part(b, &q, page, IR_COUNT, TYPE_I64,
                           q.filter != 0 ? q.filter : ir_const(g, TYPE_BOOL, 1), 0);
        if (b->out_of_memory) return false;
        g->equations[g->pages[total].equation].filter = g->equations[g->pages[n].equation].filter =
            0;
        u32 index[PAGE_AXES_MAX];
        for (u32 a = 0; a < p.rank; a++) index[a] = ir_index(g, a), g->extents[a] = p.dims[a];
        u32 x = ir_read(g, total, false, index, p.rank, 0),
            y = ir_read(g, n, false, index, p.rank, 0);
        u32 expr =
            mean ? ir_op(g, OP_DIV, p.type, convert(b, p.type, x), convert(b, p.type, y), 0, 0)
                 : ir_op(g, OP_SELECT, type,
                         ir_op(g, OP_EQ, TYPE_I64, y, ir_const(g, TYPE_I64, 0), 0, 0),
                         constant(b, type, 0), x, 0);
        g->equations[p.equation] = (ir_equation){.page = page, .kind = EQUATION_MAP, .expr = expr};
        /* Faults of a key count only where the filter holds: the parts keep it for their group
         * page. */
        g->equations[g->pages[total].equation].filter = g->equations[g->pages[n].equation].filter =
            q.filter;
        g->equations[g->pages[total].equation].reduction = (u8)(IR_SUM | 64),
        g->equations[g->pages[n].equation].reduction = (u8)(IR_COUNT | 64);
    }
    return true;
}

/* Where a key counts: where the filter holds, or, where that has the elements' shape, where it
 * holds for some element of the key's row. 0: everywhere. */
static u32 key_guard(back *b, const ir_equation *q) {
    ASSERT(q->key_rank <= q->domain_rank && q->domain_rank <= PAGE_AXES_MAX);
    ir_loop loops[PAGE_AXES_MAX];
    u32 rest = q->domain_rank - q->key_rank;
    if (q->filter == 0 || b->g->exprs[q->filter].vars >> q->key_rank == 0) return q->filter;
    for (u32 k = 0; k < rest; k++)
        loops[k] = (ir_loop){.var = q->key_rank + k, .extent = q->domain[q->key_rank + k]};
    return ir_reduce(b->g, IR_ANY, q->filter, 0, loops, rest, b->g->exprs[q->filter].position);
}

void keyed_equation(back *b, u32 row, ir_equation q, u8 flags) {
    ASSERT(q.kind == EQUATION_KEYED && q.key_rank <= q.domain_rank);
    bool part = (q.reduction & 64) != 0;
    q.reduction &= 63;
    u32 key_axes = q.key_rank, page = b->page_of[row];
    u32 check_dims = BACK_ADD(b, checks, (image_check){b->g->pages[row].dims[0], page, 0, 0, 0});
    u32 group = back_page(b, "group", TYPE_I32, q.domain, key_axes, PAGE_HIDDEN, 0);
    node_begin(b, q.domain, key_axes);
    u32 guard = key_guard(b, &q);
    u32 key = lower_value(b, q.key, guard), c = guard != 0 ? lower_value(b, guard, 0) : VALUE_NONE;
    u32 v = value_add(b,
                      (image_instruction){.op = IN_GROUP,
                                          .type = b->g->exprs[q.key].type,
                                          .imm = check_dims,
                                          .position = back_position(b, b->g->pages[row].place)},
                      VALUE_NONE, key, c, false);
    value_add(b, (image_instruction){.op = IN_STORE, .type = TYPE_I32, .imm = group}, v, VALUE_NONE,
              VALUE_NONE, false);
    node_end(b, (image_node){.kind = NODE_MAP, .shape = back_shape(b, q.domain, key_axes)});
    u32 element = q.expr != 0 ? q.expr : ir_const(b->g, TYPE_BOOL, 1), filter = part ? 0 : q.filter;
    element = filtered_element(b, q.reduction, element, filter);
    u32 present = q.reduction >= IR_ARGMIN && filter != 0
                      ? element_page(b, filter, 0, q.domain, q.domain_rank, "present")
                      : 0;
    u8 kind = reduce_of(q.reduction);
    image_node n = {.kind = NODE_KEYED,
                    .flags = flags,
                    .reduce = kind,
                    .type = b->g->exprs[element].type,
                    .outer_axes = key_axes,
                    .group = group,
                    .present = present,
                    .element = element_page(b, element, 0, q.domain, q.domain_rank, "element"),
                    .output = page,
                    .shape = back_shape(b, q.domain, q.domain_rank),
                    .position = back_position(b, b->g->pages[row].place)};
    node_begin(b, q.domain, q.domain_rank);
    node_end(b, n);
}
