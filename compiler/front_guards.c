/* SPDX-License-Identifier: Apache-2.0
 * front_guards: hidden pages (a scan, a keyed sum, an argument) that stand only where an `if`, an
 * `&&`, a filter or an `init` may leave them out: their faults count only where one of the reads
 * counts. Needs: equations. Gives: such equations with that condition in front. */
#include "front_state.h"

#include "../kernels/whole_sizes.h"

#define STEPS_MAX 2000000u /* of the walk through all equations; past it nothing is guarded */

/* The variables around an expression. */
typedef struct {
    u32 depth;
    u64 extents[32];
} surroundings;

typedef enum { GUARD_IF, GUARD_IF_NOT, GUARD_FIRST, GUARD_LATER } guard_kind;
/* Conditions under which an expression counts, innermost first. */
typedef struct link {
    const struct link *up;
    const surroundings *in;
    u32 condition;
    u32 latest; /* hidden page that the condition reads, the last one; 0: none */
    guard_kind kind;
} link;

typedef struct {
    front *f;
    ir *g;
    u32 *latest; /* of an expression: the last hidden page below it */
    u32 expr_count, steps;
    u32 *guard, *guard_latest; /* of a hidden page; 0: no read of it was seen */
    u8 *always;                /* of a hidden page: some read of it always counts */
} guards;

static void walk(guards *s, u32 row, const link *up, const surroundings *in);
static u32 later(u32 a, u32 b) { return a > b ? a : b; }

bool page_is_part(const front *f, u32 page) {
    ASSERT(page < f->ir->page_count);
    return f->pages[page].keyed != 0 || f->pages[page].whole != 0 || f->pages[page].part;
}

/* True where it may hold for some value of the variables around it; 0: it always may. */
static u32 closed(guards *s, u32 row, const surroundings *in, u32 place) {
    ASSERT(row != 0 && in->depth <= 32);
    ir_loop loops[32];
    if (s->g->exprs[row].vars == 0) return row;
    for (u32 k = 0; k < in->depth; k++) {
        if (in->extents[k] == 0) return 0;
        loops[k] = (ir_loop){.var = k, .extent = in->extents[k]};
    }
    return ir_reduce(s->g, IR_ANY, row, 0, loops, in->depth, place);
}

static u32 condition_of(guards *s, const link *l, u32 place) {
    ir *g = s->g;
    u32 no = ir_const(g, TYPE_BOOL, 0), yes = ir_const(g, TYPE_BOOL, 1);
    switch (l->kind) {
    case GUARD_IF: return l->condition;
    case GUARD_IF_NOT: return ir_op(g, OP_NOT, TYPE_BOOL, l->condition, 0, 0, place);
    case GUARD_FIRST: return ir_init(g, yes, no);
    default: return ir_init(g, no, yes);
    }
}

/* One read of a hidden page. A condition that reads it, or a later one, is left out: the page would
 * need itself. */
static void note(guards *s, u32 page, const link *up) {
    ASSERT(page != 0 && page < s->g->page_count);
    ir *g = s->g;
    u32 place = g->pages[page].place, all = 0, inner = 0;
    if (s->always[page]) return;
    for (const link *l = up; l != NULL; l = l->up) {
        if (l->latest >= page) continue;
        u32 one = condition_of(s, l, place);
        inner = inner == 0 ? one : ir_andand(g, one, inner);
        if (l->latest > s->guard_latest[page]) s->guard_latest[page] = l->latest;
        if (l->up != NULL && l->up->in == l->in) continue;
        u32 outer = closed(s, inner, l->in, place);
        if (outer != 0) all = all == 0 ? outer : ir_andand(g, outer, all);
        inner = 0;
    }
    if (inner != 0 && (inner = closed(s, inner, up->in, place)) != 0)
        all = all == 0 ? inner : ir_andand(g, inner, all);
    s->always[page] = all == 0;
    if (all == 0) return;
    s->guard[page] = s->guard[page] == 0 ? all : ir_oror(g, s->guard[page], all);
}

static void walk_under(guards *s, u32 row, guard_kind kind, u32 condition, const link *up,
                       const surroundings *in) {
    ASSERT(condition < s->expr_count);
    link here = {up, in, condition, s->latest[condition], kind};
    walk(s, row, &here, in);
}

static void walk_reduce(guards *s, ir_expr e, const link *up, const surroundings *in) {
    ASSERT(e.kind == IR_REDUCE && e.count >= 1);
    surroundings inner = *in;
    for (u32 k = 0; k < e.count; k++) {
        const ir_loop *l = &s->g->loops[e.at + k];
        inner.extents[l->var] = l->extent;
        inner.depth = l->var + 1;
    }
    walk(s, e.b, up, &inner);
    if (e.b == 0)
        walk(s, e.a, up, &inner);
    else
        walk_under(s, e.a, GUARD_IF, e.b, up, &inner);
}

static void walk_op(guards *s, ir_expr e, const link *up, const surroundings *in) {
    walk(s, e.a, up, in);
    if (e.kind != IR_OP) {
        walk_under(s, e.b, e.kind == IR_ANDAND ? GUARD_IF : GUARD_IF_NOT, e.a, up, in);
    } else if (e.op == OP_SELECT) {
        walk_under(s, e.b, GUARD_IF, e.a, up, in);
        walk_under(s, e.c, GUARD_IF_NOT, e.a, up, in);
    } else {
        walk(s, e.b, up, in);
        walk(s, e.c, up, in);
    }
}

static void walk(guards *s, u32 row, const link *up, const surroundings *in) {
    ASSERT(row < s->expr_count);
    if (s->latest[row] == 0 || s->steps >= STEPS_MAX) return;
    s->steps++;
    const ir_expr e = s->g->exprs[row];
    switch (e.kind) {
    case IR_READ:
        if (page_is_part(s->f, e.page)) note(s, e.page, up);
        for (u32 k = 0; k < e.count; k++) walk(s, s->g->lists[e.at + k], up, in);
        return;
    case IR_REDUCE: walk_reduce(s, e, up, in); return;
    case IR_INIT:
        walk_under(s, e.a, GUARD_FIRST, 0, up, in);
        walk_under(s, e.b, GUARD_LATER, 0, up, in);
        return;
    case IR_OP:
    case IR_ANDAND:
    case IR_OROR: walk_op(s, e, up, in); return;
    default: return;
    }
}

static void walk_equation(guards *s, u32 page, const link *up) {
    ASSERT(s->g->pages[page].equation != 0);
    const ir_page *p = &s->g->pages[page];
    const ir_equation e = s->g->equations[p->equation];
    surroundings in = {.depth = e.kind == EQUATION_MAP ? p->rank : e.domain_rank}, second = in;
    if (e.kind == EQUATION_WHOLE) second.depth = e.key_rank;
    for (u32 k = 0; k < PAGE_AXES_MAX; k++) {
        in.extents[k] = e.kind == EQUATION_MAP ? p->dims[k] : e.domain[k];
        second.extents[k] = e.kind == EQUATION_WHOLE ? e.key_domain[k] : in.extents[k];
    }
    walk(s, e.filter, up, &in);
    if (e.kind == EQUATION_KEYED && e.filter != 0) {
        walk_under(s, e.expr, GUARD_IF, e.filter, up, &in);
        walk_under(s, e.key, GUARD_IF, e.filter, up, &in);
    } else {
        walk(s, e.expr, up, &in);
        walk(s, e.key, up, &second);
    }
}

static u32 otherwise(ir *g, u32 guard, u32 row, bool half, u32 place) {
    ASSERT(guard != 0 && row != 0);
    u8 type = g->exprs[row].type;
    u64 bits = 0;
    f64 wide = 0.5;
    f32 narrow = 0.5f;
    if (half) memcpy(&bits, type == TYPE_F64 ? (void *)&wide : (void *)&narrow, type_bytes(type));
    return ir_op(g, OP_SELECT, type, guard, row, ir_const(g, type, bits), place);
}

static void guard_apply(guards *s, u32 page) {
    ir *g = s->g;
    ir_equation e = g->equations[g->pages[page].equation];
    u32 guard = s->guard[page], place = g->pages[page].place;
    bool quantile = e.kind == EQUATION_WHOLE && e.reduction == WHOLE_QUANTILE &&
                    g->exprs[e.key].kind != IR_CONST;
    ASSERT(guard != 0 && g->exprs[guard].vars == 0);
    if (e.kind == EQUATION_KEYED) {
        e.filter = e.filter == 0 ? guard : ir_andand(g, guard, e.filter);
    } else {
        if (g->exprs[e.expr].can_fault) e.expr = otherwise(g, guard, e.expr, false, place);
        if (e.key != 0 && (quantile || g->exprs[e.key].can_fault))
            e.key = otherwise(g, guard, e.key, quantile, place);
    }
    if (e.kind == EQUATION_KEYED ? e.filter == 0 : e.expr == 0)
        s->f->out_of_memory = true;
    else
        g->equations[g->pages[page].equation] = e;
}

/* The last hidden page below each expression: rows stand behind what they are made of. What is
 * read one epoch later (the rows of a history) always counts. */
static void latest_find(guards *s) {
    ASSERT(s->latest != NULL);
    for (u32 row = 1; row < s->expr_count; row++) {
        const ir_expr *e = &s->g->exprs[row];
        bool leaf = e->kind == IR_CONST || e->kind == IR_INDEX || e->kind == IR_EPOCH;
        u32 most = e->kind == IR_READ && page_is_part(s->f, e->page) ? e->page : 0;
        if (most != 0 && e->prev) s->always[most] = 1;
        for (u32 k = 0; e->kind == IR_READ && k < e->count; k++)
            most = later(most, s->latest[s->g->lists[e->at + k]]);
        if (!leaf && e->kind != IR_READ)
            most = later(s->latest[e->a], later(s->latest[e->b], s->latest[e->c]));
        s->latest[row] = most;
    }
}

bool parts_guard(front *f) {
    ASSERT(f->passes_done == PASS_EQUATIONS);
    ir *g = f->ir;
    guards s = {.f = f, .g = g, .expr_count = g->expr_count};
    u32 pages = g->page_count, parts = 0;
    for (u32 page = 1; page < pages; page++) parts += page_is_part(f, page);
    if (parts == 0) return true;
    s.latest = ARENA_ARRAY(f->memory, u32, s.expr_count);
    s.guard = ARENA_ARRAY(f->memory, u32, pages);
    s.guard_latest = ARENA_ARRAY(f->memory, u32, pages);
    s.always = ARENA_ARRAY(f->memory, u8, pages);
    if (s.latest == NULL || s.guard == NULL || s.guard_latest == NULL || s.always == NULL) {
        f->out_of_memory = true;
        return false;
    }
    latest_find(&s);
    for (u32 page = 1; page < pages; page++)
        if (g->pages[page].equation != 0 && !page_is_part(f, page)) walk_equation(&s, page, NULL);
    for (u32 page = pages - 1; page > 0 && s.steps < STEPS_MAX; page--) {
        if (g->pages[page].equation == 0 || !page_is_part(f, page)) continue;
        bool guarded = !s.always[page] && s.guard[page] != 0;
        surroundings none = {.depth = 0};
        link of_page = {NULL, &none, s.guard[page], s.guard_latest[page], GUARD_IF};
        walk_equation(&s, page, guarded ? &of_page : NULL);
        if (guarded && s.steps < STEPS_MAX) guard_apply(&s, page);
    }
    return !f->out_of_memory;
}
