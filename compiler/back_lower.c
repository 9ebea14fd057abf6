/* SPDX-License-Identifier: Apache-2.0
 * back_lower: an expression over the domain in hand becomes values of its node's program. A guard
 * is an expression, too: faults count only where it holds. Equal pairs of expression and guard are
 * one value. */
#include "back.h"

u32 value_add(back *b, image_instruction row, u32 a, u32 x, u32 c, bool uniform) {
    ASSERT(row.op < INSTRUCTION_COUNT && (row.type < TYPE_COUNT || b->out_of_memory));
    if (!arena_grow(b->memory, (void **)&b->values, &b->value_capacity, b->value_count + 1,
                    sizeof(back_value))) {
        b->out_of_memory = true;
        return 0;
    }
    b->values[b->value_count] = (back_value){row, a, x, c, uniform, 0};
    return b->value_count++;
}

static bool is_uniform(const back *b, u32 v) {
    ASSERT(v == VALUE_NONE || v < b->value_count);
    return v == VALUE_NONE || b->values[v].uniform;
}

static u32 operate(back *b, u16 op, u8 type, u8 type2, u32 a, u32 x, u32 c, u32 position) {
    ASSERT(op < OP_COUNT && type < TYPE_COUNT);
    bool uniform = is_uniform(b, a) && is_uniform(b, x) && is_uniform(b, c);
    return value_add(
        b, (image_instruction){.op = op, .type = type, .type2 = type2, .position = position}, a, x,
        c, uniform);
}

/* A hidden page that depends on the axes of `mask` only, read in the domain in hand. */
u32 value_page(back *b, u32 page, u32 mask, const u64 *dims, u32 axes) {
    ASSERT(page < b->pages_count && axes <= b->axes);
    u8 type = b->pages[page].type;
    if (axes == 0)
        return value_add(b, (image_instruction){.op = IN_SCALAR, .type = type, .imm = page},
                         VALUE_NONE, VALUE_NONE, VALUE_NONE, true);
    if (axes == b->axes)
        return value_add(b, (image_instruction){.op = IN_LANE, .type = type, .imm = page},
                         VALUE_NONE, VALUE_NONE, VALUE_NONE, false);
    u32 first = b->affine_axes_count, at = 0;
    for (u32 d = 0; d < b->axes; d++) {
        if ((mask >> d & 1) == 0) continue;
        u32 term = BACK_ADD(b, terms, (image_term){d, 0, 1});
        BACK_ADD(b, affine_axes, (image_affine_axis){0, term, 1});
        at++;
    }
    ASSERT(at == axes && dims != NULL);
    u32 row = BACK_ADD(b, affines, (image_affine){page, first, axes, 0});
    return value_add(b, (image_instruction){.op = IN_AFFINE, .type = type, .imm = row}, VALUE_NONE,
                     VALUE_NONE, VALUE_NONE, false);
}

static u32 read_page(back *b, const ir_expr *e) {
    ASSERT(e->kind == IR_READ && e->page < b->g->page_count);
    return e->prev ? b->prev_of[e->page] : b->page_of[e->page];
}

/* Every index affine: one row, or the same lane. */
static __attribute__((noinline)) u32 affine_read(back *b, const ir_expr *e, const ir_affine *f,
                                                 u32 guard) {
    ASSERT(e->kind == IR_READ && e->count == b->g->pages[e->page].rank);
    const ir_page *p = &b->g->pages[e->page];
    bool same = p->rank == b->axes, checked = false;
    u64 extents[32] = {0};
    for (u32 d = 0; d < b->axes; d++) extents[d] = b->dims[d];
    for (u32 a = 0; a < p->rank; a++) {
        i64 low, high;
        ir_affine_range(&f[a], extents, &low, &high);
        checked = checked || (p->edge[a] == EDGE_NONE && (low < 0 || high >= (i64)p->dims[a]));
        same = same && f[a].constant == 0 && p->dims[a] == b->dims[a];
        for (u32 d = 0; d < b->axes && same; d++) same = f[a].coefficient[d] == (d == a);
    }
    u32 page = read_page(b, e);
    if (same)
        return value_add(b, (image_instruction){.op = IN_LANE, .type = e->type, .imm = page},
                         VALUE_NONE, VALUE_NONE, VALUE_NONE, false);
    u32 first = b->affine_axes_count;
    for (u32 a = 0; a < p->rank; a++) {
        u32 term_at = b->terms_count, terms = 0;
        for (u32 d = 0; d < b->axes; d++) {
            if (f[a].coefficient[d] == 0) continue;
            BACK_ADD(b, terms, (image_term){d, 0, f[a].coefficient[d]});
            terms++;
        }
        BACK_ADD(b, affine_axes, (image_affine_axis){f[a].constant, term_at, terms});
    }
    u32 row = BACK_ADD(b, affines, (image_affine){page, first, p->rank, checked});
    u32 c = checked && guard != 0 ? lower_value(b, guard, 0) : VALUE_NONE;
    return value_add(b,
                     (image_instruction){.op = IN_AFFINE,
                                         .type = e->type,
                                         .imm = row,
                                         .position = back_position(b, e->position)},
                     VALUE_NONE, VALUE_NONE, c, false);
}

/* The chain of AXIS steps that flattens a read's indices; the last one's type fits the target. */
static u32 offset_value(back *b, const ir_expr *e, u32 guard, bool narrow) {
    ASSERT(e->kind == IR_READ && e->count == b->g->pages[e->page].rank);
    const ir_page *p = &b->g->pages[e->page];
    u32 so_far = VALUE_NONE, c = VALUE_NONE;
    if (guard != 0) c = lower_value(b, guard, 0);
    for (u32 a = 0; a < p->rank; a++) {
        u32 index = lower_value(b, b->g->lists[e->at + a], guard);
        u32 check =
            BACK_ADD(b, checks, (image_check){p->dims[a], read_page(b, e), (u8)a, p->edge[a], 0});
        so_far = value_add(b,
                           (image_instruction){.op = IN_AXIS,
                                               .type = b->g->exprs[b->g->lists[e->at + a]].type,
                                               .imm = check,
                                               .position = back_position(b, e->position)},
                           so_far, index, c, false);
    }
    return narrow ? operate(b, OP_CONVERT, TYPE_I64, TYPE_I32, so_far, VALUE_NONE, VALUE_NONE, 0)
                  : so_far;
}

/* A read through indices: a hidden page of offsets over this domain, then a gather. */
static __attribute__((noinline)) u32 gather_read(back *b, u32 expr, u32 guard) {
    ASSERT(b->g->exprs[expr].kind == IR_READ);
    ir_expr e = b->g->exprs[expr];
    const ir_page *p = &b->g->pages[e.page];
    u64 lanes = 1;
    for (u32 a = 0; a < p->rank; a++) lanes *= p->dims[a];
    u8 type = lanes < (u64)1 << 31 ? TYPE_I32 : TYPE_I64;
    u32 page, dims_shape = back_shape(b, b->dims, b->axes);
    back_hidden same = {.expr = expr, .guard = guard, .shape = dims_shape};
    page = hidden_find(b, &same);
    if (page == 0) {
        page = back_page(b, "offsets", type, b->dims, b->axes, PAGE_HIDDEN | PAGE_OFFSETS,
                         back_position(b, e.position));
        b->pages[page].of = read_page(b, &e);
        back_kept kept = node_suspend(b);
        node_begin(b, kept.dims, kept.axes);
        u32 v = offset_value(b, &e, guard, type == TYPE_I32);
        value_add(b, (image_instruction){.op = IN_STORE, .type = type, .imm = page}, v, VALUE_NONE,
                  VALUE_NONE, false);
        node_end(b, (image_node){.kind = NODE_MAP, .shape = dims_shape});
        node_resume(b, &kept);
        same.page = page;
        hidden_add(b, same);
    }
    u32 offset = b->axes == 0
                     ? value_add(b, (image_instruction){.op = IN_LANE, .type = type, .imm = page},
                                 VALUE_NONE, VALUE_NONE, VALUE_NONE, false)
                     : value_page(b, page, 0, b->dims, b->axes);
    return value_add(b,
                     (image_instruction){
                         .op = IN_GATHER, .type = e.type, .type2 = type, .imm = read_page(b, &e)},
                     offset, VALUE_NONE, VALUE_NONE, false);
}

/* Whether a read takes the lane in hand: its indices are the coordinates, its page is as large. */
static bool same_lane(const back *b, const ir_expr *e) {
    ASSERT(e->kind == IR_READ && e->count <= PAGE_AXES_MAX);
    const ir_page *p = &b->g->pages[e->page];
    bool same = e->count == b->axes;
    for (u32 a = 0; a < e->count && same; a++) {
        const ir_expr *x = &b->g->exprs[b->g->lists[e->at + a]];
        same = x->kind == IR_INDEX && x->var == a && p->dims[a] == b->dims[a];
    }
    return same;
}

static __attribute__((noinline)) u32 lower_read(back *b, u32 expr, u32 guard) {
    ASSERT(b->g->exprs[expr].kind == IR_READ);
    ir_expr e = b->g->exprs[expr];
    ir_affine f[PAGE_AXES_MAX];
    u64 extents[32] = {0};
    if (e.count == 0 || same_lane(b, &e))
        return value_add(b,
                         (image_instruction){.op = e.count == 0 ? IN_SCALAR : IN_LANE,
                                             .type = e.type,
                                             .imm = read_page(b, &e)},
                         VALUE_NONE, VALUE_NONE, VALUE_NONE, e.count == 0);
    for (u32 d = 0; d < b->axes; d++) extents[d] = b->dims[d];
    for (u32 a = 0; a < e.count; a++)
        if (!ir_affine_of(b->g, b->g->lists[e.at + a], extents, &f[a]))
            return gather_read(b, expr, guard);
    return affine_read(b, &e, f, guard);
}

static u32 both(back *b, u32 guard, u32 more) {
    ASSERT(guard < b->g->expr_count && more <= b->g->expr_count);
    return guard == 0 ? more : ir_andand(b->g, guard, more);
}
static u32 not_of(back *b, u32 expr) {
    ASSERT(b->g->exprs[expr].type == TYPE_BOOL);
    return ir_op(b->g, OP_NOT, TYPE_BOOL, expr, 0, 0, 0);
}

static u32 lower_op(back *b, u32 expr, u32 guard) {
    ASSERT(b->g->exprs[expr].kind == IR_OP && b->g->exprs[expr].op < OP_COUNT);
    ir_expr e = b->g->exprs[expr];
    const op_row *info = op_info(e.op);
    u32 in[3] = {VALUE_NONE, VALUE_NONE, VALUE_NONE};
    u8 type = b->g->exprs[e.op == OP_SELECT ? e.b : e.a].type;
    in[0] = lower_value(b, e.a, guard);
    if (e.op == OP_SELECT) {
        in[1] = lower_value(b, e.b, b->g->exprs[e.b].can_fault ? both(b, guard, e.a) : 0);
        in[2] =
            lower_value(b, e.c, b->g->exprs[e.c].can_fault ? both(b, guard, not_of(b, e.a)) : 0);
    } else {
        if (info->arity > 1) in[1] = lower_value(b, e.b, guard);
        if (info->arity > 2) in[2] = lower_value(b, e.c, guard);
    }
    if (info->faults && guard != 0) in[2] = lower_value(b, guard, 0);
    return operate(b, e.op, type, e.op == OP_CONVERT ? e.type : 0, in[0], in[1], in[2],
                   info->faults ? back_position(b, e.position) : 0);
}

static u32 lower_shortcut(back *b, u32 expr, u32 guard) {
    ASSERT(b->g->exprs[expr].type == TYPE_BOOL);
    ir_expr e = b->g->exprs[expr];
    bool conjunction = e.kind == IR_ANDAND;
    u32 more = conjunction ? e.a : not_of(b, e.a);
    u32 x = lower_value(b, e.a, guard),
        y = lower_value(b, e.b, b->g->exprs[e.b].can_fault ? both(b, guard, more) : 0);
    return operate(b, conjunction ? OP_AND : OP_OR, TYPE_BOOL, 0, x, y, VALUE_NONE, 0);
}

static u32 lower_fresh(back *b, u32 expr, u32 guard) {
    ASSERT(b->axes <= AXES_MAX);
    const ir_expr *e = &b->g->exprs[expr];
    switch (e->kind) {
    case IR_CONST: {
        u32 row = BACK_ADD(b, constants, e->bits);
        return value_add(b, (image_instruction){.op = IN_CONST, .type = e->type, .imm = row},
                         VALUE_NONE, VALUE_NONE, VALUE_NONE, true);
    }
    case IR_INDEX:
        return value_add(b, (image_instruction){.op = IN_IOTA, .type = TYPE_I64, .imm = e->var},
                         VALUE_NONE, VALUE_NONE, VALUE_NONE, false);
    case IR_EPOCH:
        return value_add(
            b, (image_instruction){.op = IN_SCALAR, .type = TYPE_U64, .imm = b->epoch_page},
            VALUE_NONE, VALUE_NONE, VALUE_NONE, true);
    case IR_READ: return lower_read(b, expr, guard);
    case IR_OP: return lower_op(b, expr, guard);
    case IR_ANDAND:
    case IR_OROR: return lower_shortcut(b, expr, guard);
    case IR_REDUCE: return lower_reduction(b, expr, guard);
    default: ASSERT(e->kind == IR_REDUCE); return 0;
    }
}

/* Without a guard an expression's place is its row, so that those of a node stand side by side; the
 * two are inverse modulo every power of two. */
#define MEMO_SPREAD 2654435761u
#define MEMO_GATHER 244002641u
static_assert((u32)(MEMO_SPREAD * MEMO_GATHER) == 1, "one undoes the other");

u32 lower_value(back *b, u32 expr, u32 guard) {
    ASSERT(expr < b->g->expr_count && guard < b->g->expr_count);
    ASSERT(guard == 0 || b->g->exprs[guard].type == TYPE_BOOL);
    if (b->out_of_memory || expr == 0) {
        b->out_of_memory = true;
        return value_add(b, (image_instruction){.op = IN_CONST, .type = TYPE_BOOL}, VALUE_NONE,
                         VALUE_NONE, VALUE_NONE, true);
    }
    if (!b->g->exprs[expr].can_fault) guard = 0;
    u32 at = ((expr * MEMO_SPREAD ^ guard * 40503u) * MEMO_GATHER) & b->memo_mask;
    back_memo *m = &b->memo[at];
    if (m->stamp == b->stamp && m->expr == expr && m->guard == guard) return m->value;
    u32 value = lower_fresh(b, expr, guard);
    m = &b->memo[at];
    *m = (back_memo){expr, guard, value, b->stamp};
    return value;
}
