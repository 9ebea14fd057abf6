/* SPDX-License-Identifier: Apache-2.0
 * ir: builders of the equations' expressions. Equal expressions become one row; constants are
 * folded with the kernels, so that a folded value has the bits that the run would give. Never
 * reports: the caller has checked types. */
#include "ir.h"

static u64 mix(u64 h, u64 x) {
    h = (h ^ x) * 0x9E3779B97F4A7C15u;
    return h ^ h >> 29;
}

/* Hash of what an expression is: of what its lists hold, not of where they lie. Places tell
 * expressions apart only where a fault could name them. */
static u32 expr_hash(const ir *g, const ir_expr *e) {
    ASSERT(e->kind < IR_KIND_COUNT);
    ASSERT(e->at + (u64)e->count <= (e->kind == IR_REDUCE ? g->loop_count : g->list_count));
    u64 h =
        mix(e->kind | (u64)e->type << 8 | (u64)e->op << 16 | (u64)e->prev << 32 | (u64)e->var << 40,
            e->bits);
    h = mix(h, e->a | (u64)e->b << 32);
    h = mix(h, e->c | (u64)(e->can_fault ? e->position : 0) << 32);
    h = mix(h, e->count | (u64)e->page << 32);
    if (e->kind == IR_READ)
        for (u32 k = 0; k < e->count; k++) h = mix(h, g->lists[e->at + k]);
    if (e->kind == IR_REDUCE)
        for (u32 k = 0; k < e->count; k++) h = mix(h, g->loops[e->at + k].extent + k);
    return (u32)(h ^ h >> 32);
}

static bool expr_equal(const ir *g, const ir_expr *a, const ir_expr *b) {
    ASSERT(a->kind < IR_KIND_COUNT && b->kind < IR_KIND_COUNT);
    bool same = a->kind == b->kind && a->type == b->type && a->op == b->op && a->prev == b->prev &&
                a->a == b->a && a->b == b->b && a->c == b->c && a->count == b->count &&
                a->page == b->page && a->var == b->var && a->bits == b->bits &&
                a->can_fault == b->can_fault && (!a->can_fault || a->position == b->position);
    if (!same || a->count == 0) return same;
    if (a->kind == IR_READ)
        return memcmp(g->lists + a->at, g->lists + b->at, a->count * sizeof(u32)) == 0;
    return memcmp(g->loops + a->at, g->loops + b->at, a->count * sizeof(ir_loop)) == 0;
}

static bool table_grow(ir *g) {
    u32 was = g->expr_table_capacity, capacity = was == 0 ? 1024 : was * 2;
    ASSERT((was & (was - 1)) == 0);
    ir_slot *table = ARENA_ARRAY(g->memory, ir_slot, capacity);
    if (table == NULL) return false;
    for (u32 k = 0; k < was; k++) {
        const ir_slot s = g->expr_table[k];
        if (s.row == 0) continue;
        u32 at = s.hash & (capacity - 1);
        while (table[at].row != 0) at = (at + 1) & (capacity - 1);
        table[at] = s;
    }
    arena_give_back(g->memory, g->expr_table, was * sizeof(ir_slot));
    g->expr_table = table;
    g->expr_table_capacity = capacity;
    return true;
}

static u32 expr_add(ir *g, ir_expr e) {
    ASSERT(e.kind != IR_NONE && e.kind < IR_KIND_COUNT && e.type < TYPE_COUNT);
    ASSERT(e.a <= g->expr_count && e.b <= g->expr_count && e.c <= g->expr_count);
    if (g->expr_count == 0) g->expr_count = 1;
    e.reads = e.kind == IR_READ, e.inits = e.kind == IR_INIT;
    if (e.kind == IR_OP || e.kind >= IR_ANDAND) {
        const ir_expr *a = &g->exprs[e.a], *b = &g->exprs[e.b], *c = &g->exprs[e.c];
        e.reads = a->reads | b->reads | c->reads;
        e.inits |= a->inits | b->inits | c->inits;
    }
    for (u32 k = 0; e.kind == IR_READ && k < e.count; k++)
        e.inits |= g->exprs[g->lists[e.at + k]].inits;
    if (g->expr_count >= g->expr_table_capacity / 4 * 3 && !table_grow(g)) return 0;
    u32 hash = expr_hash(g, &e), mask = g->expr_table_capacity - 1, at = hash & mask;
    for (; g->expr_table[at].row != 0; at = (at + 1) & mask) {
        const ir_slot s = g->expr_table[at];
        if (s.hash == hash && expr_equal(g, &g->exprs[s.row], &e)) return s.row;
    }
    if (!arena_grow(g->memory, (void **)&g->exprs, &g->expr_capacity, g->expr_count + 1,
                    sizeof(ir_expr)))
        return 0;
    if (g->expr_count == 1) g->exprs[0] = (ir_expr){0};
    g->exprs[g->expr_count] = e;
    g->inits = g->inits || e.inits;
    g->expr_table[at] = (ir_slot){g->expr_count, hash};
    return g->expr_count++;
}

u32 ir_const(ir *g, u8 type, u64 bits) {
    ASSERT(type < TYPE_COUNT);
    return expr_add(g,
                    (ir_expr){.kind = IR_CONST, .type = type, .bits = type_canonical(type, bits)});
}

u32 ir_index(ir *g, u32 var) {
    ASSERT(var < 32);
    return expr_add(
        g, (ir_expr){.kind = IR_INDEX, .type = TYPE_I64, .var = (u8)var, .vars = 1u << var});
}

u32 ir_epoch(ir *g) { return expr_add(g, (ir_expr){.kind = IR_EPOCH, .type = TYPE_U64}); }

bool ir_index_inside(const ir *g, u32 index, u64 dim) {
    ASSERT(index != 0 && index < g->expr_count && dim >= 1);
    ir_affine f;
    const ir_expr *x = &g->exprs[index];
    if (x->kind == IR_INDEX) return g->extents[x->var] <= dim;
    i64 low, high;
    if (!ir_affine_of(g, index, g->extents, &f)) return false;
    ir_affine_range(&f, g->extents, &low, &high);
    return low >= 0 && (u64)high < dim;
}

u32 ir_read(ir *g, u32 page, bool prev, const u32 *index, u32 count, u32 place) {
    ASSERT(page != 0 && page < g->page_count && place < g->place_count);
    const ir_page *p = &g->pages[page];
    ir_expr e = {.kind = IR_READ,
                 .type = p->type,
                 .prev = prev,
                 .page = page,
                 .count = count,
                 .position = place};
    ASSERT(count == p->rank);
    if (!arena_grow(g->memory, (void **)&g->lists, &g->list_capacity, g->list_count + count + 1,
                    sizeof(u32)))
        return 0;
    e.at = g->list_count;
    for (u32 k = 0; k < count; k++) {
        if (index[k] == 0) return 0;
        const ir_expr *x = &g->exprs[index[k]];
        g->lists[e.at + k] = index[k];
        e.vars |= x->vars;
        e.can_fault |= x->can_fault;
        if (p->edge[k] == EDGE_NONE && !ir_index_inside(g, index[k], p->dims[k])) e.can_fault = 1;
    }
    g->list_count += count;
    return expr_add(g, e);
}

/* The constant that an operator gives on constants; false where it would fault or there is no
 * kernel. */
static bool fold(const ir *g, u16 op, u8 type, u8 type2, u32 a, u32 b, u32 c, u64 *bits) {
    ASSERT(op < OP_COUNT && type < TYPE_COUNT);
    u64 in[3][8] = {{0}};
    _Alignas(64) u64 out[8] = {0};
    u32 rows[3] = {a, b, c};
    const op_row *info = op_info(op);
    for (u32 k = 0; k < info->arity; k++) {
        if (g->exprs[rows[k]].kind != IR_CONST) return false;
        in[k][0] = g->exprs[rows[k]].bits;
    }
    kernel_fn f = kernel_find(op, type, type2, VARIANT_VV);
    if (f == NULL) return false;
    if (f(out, in[0], in[1], info->arity == 3 ? in[2] : NULL, 1) != 0) return false;
    *bits = out[0];
    return true;
}

u32 ir_op(ir *g, u16 op, u8 type, u32 a, u32 b, u32 c, u32 place) {
    ASSERT(op < OP_COUNT && type < TYPE_COUNT && place < g->place_count);
    const op_row *info = op_info(op);
    u32 rows[3] = {a, b, c};
    for (u32 k = 0; k < info->arity; k++)
        if (rows[k] == 0) return 0;
    u8 from = op == OP_CONVERT ? g->exprs[a].type : type;
    if (op == OP_CONVERT && from == type) return a;
    if (op == OP_SELECT && g->exprs[a].kind == IR_CONST) {
        bool taken = g->exprs[a].bits != 0;
        if (!g->exprs[taken ? c : b].reads) return taken ? b : c;
    }
    u8 result = info->result_bool ? TYPE_BOOL : type;
    u64 bits;
    if (fold(g, op, from, op == OP_CONVERT ? type : 0, a, b, c, &bits)) {
        u32 width = 8 * type_bytes(result);
        return ir_const(g, result, width == 64 ? bits : bits & (((u64)1 << width) - 1));
    }
    ir_expr e = {.kind = IR_OP,
                 .type = result,
                 .op = op,
                 .a = a,
                 .b = b,
                 .c = c,
                 .position = place,
                 .can_fault = info->faults};
    if (info->faults && op != OP_IPOW && g->exprs[b].kind == IR_CONST && g->exprs[b].bits != 0)
        e.can_fault = 0; /* division by a constant that is not zero */
    for (u32 k = 0; k < info->arity; k++) {
        e.vars |= g->exprs[rows[k]].vars;
        e.can_fault |= g->exprs[rows[k]].can_fault;
    }
    return expr_add(g, e);
}

static u32 shortcut(ir *g, u8 kind, u32 a, u32 b) {
    ASSERT(kind == IR_ANDAND || kind == IR_OROR);
    ASSERT(a <= g->expr_count && b <= g->expr_count);
    if (a == 0 || b == 0) return 0;
    const ir_expr *x = &g->exprs[a], *y = &g->exprs[b];
    bool second = x->kind == IR_CONST && (x->bits != 0) == (kind == IR_ANDAND);
    if (x->kind == IR_CONST && (second || !y->reads)) return second ? b : a;
    return expr_add(g, (ir_expr){.kind = kind,
                                 .type = TYPE_BOOL,
                                 .a = a,
                                 .b = b,
                                 .vars = x->vars | y->vars,
                                 .can_fault = x->can_fault | y->can_fault,
                                 .position = y->position});
}

u32 ir_andand(ir *g, u32 a, u32 b) { return shortcut(g, IR_ANDAND, a, b); }
u32 ir_oror(ir *g, u32 a, u32 b) { return shortcut(g, IR_OROR, a, b); }

static u8 reduction_type(u8 reduction, u8 element) {
    ASSERT(reduction < IR_REDUCTION_COUNT && element < TYPE_COUNT);
    switch (reduction) {
    case IR_COUNT:
    case IR_ARGMIN:
    case IR_ARGMAX: return TYPE_I64;
    case IR_ANY:
    case IR_ALL: return TYPE_BOOL;
    case IR_MEAN: return type_is_float(element) ? element : TYPE_F64;
    default: return element;
    }
}

u32 ir_reduce(ir *g, u8 reduction, u32 element, u32 filter, const ir_loop *loops, u32 count,
              u32 place) {
    ASSERT(count >= 1 && count <= 32 && reduction < IR_REDUCTION_COUNT);
    if (element == 0 || !arena_grow(g->memory, (void **)&g->loops, &g->loop_capacity,
                                    g->loop_count + count + 1, sizeof(ir_loop)))
        return 0;
    const ir_expr *x = &g->exprs[element], *y = &g->exprs[filter];
    ir_expr e = {.kind = IR_REDUCE,
                 .type = reduction_type(reduction, x->type),
                 .op = reduction,
                 .a = element,
                 .b = filter,
                 .at = g->loop_count,
                 .count = count,
                 .position = place,
                 .vars = x->vars | y->vars,
                 .can_fault = x->can_fault | y->can_fault};
    for (u32 k = 0; k < count; k++) {
        g->loops[e.at + k] = loops[k];
        e.vars &= ~(1u << loops[k].var);
    }
    if (count != 0) e.var = (u8)loops[0].var;
    g->loop_count += count;
    return expr_add(g, e);
}

u32 ir_init(ir *g, u32 a, u32 b) {
    ASSERT(a <= g->expr_count && b <= g->expr_count);
    if (a == 0 || b == 0) return 0;
    const ir_expr *x = &g->exprs[a], *y = &g->exprs[b];
    return expr_add(g, (ir_expr){.kind = IR_INIT,
                                 .type = x->type,
                                 .a = a,
                                 .b = b,
                                 .vars = x->vars | y->vars,
                                 .can_fault = x->can_fault | y->can_fault,
                                 .position = x->position});
}

u32 ir_place_add(ir *g, span at, const char *page) {
    ASSERT(at.file < g->sources->count && at.begin <= at.end);
    if (g->place_count == 0) g->place_count = 1;
    if (!arena_grow(g->memory, (void **)&g->places, &g->place_capacity, g->place_count + 1,
                    sizeof(ir_place)))
        return 0;
    ir_place *last = &g->places[g->place_count - 1];
    if (g->place_count > 1 && last->page == page && last->at.begin == at.begin &&
        last->at.end == at.end && last->at.file == at.file)
        return g->place_count - 1;
    g->places[g->place_count] = (ir_place){at, page};
    return g->place_count++;
}
