/* SPDX-License-Identifier: Apache-2.0
 * front_lower: terms to ir. Whole pages become reads at the equation's index variables; loops get
 * their final numbers; powers by a constant become squarings; literals take their bits. Reads that
 * nothing guards and that leave their page are told here. */
#include "front_state.h"

#include "../engine/core/number.h"
#include "../kernels/whole_sizes.h"

#include <stdio.h>

u16 op_for_type(u16 op, u8 type);

/* Where a term is lowered: the index expressions that stand for a whole page's coordinates, and the
 * numbers of variables. */
typedef struct {
    u32 index[PAGE_AXES_MAX];
    u32 axes;
    u8 var[32]; /* ir's number of each of the terms' variables */
    u32 depth;  /* ir variables in scope */
    bool guarded;
    u32 id;
} context;

static u32 lower(front *f, u32 row, const context *c);

static u32 place_of(front *f, u32 expr) {
    ASSERT(f->page < f->ir->page_count || f->page == 0);
    return ir_place_add(f->ir, f->tree->place[expr],
                        f->page != 0 ? f->ir->pages[f->page].name : "");
}

static context context_new(front *f, const context *from) {
    ASSERT(from->axes <= PAGE_AXES_MAX && from->depth <= 32);
    context c = *from;
    c.id = ++f->context;
    return c;
}

static context context_guarded(front *f, const context *from) {
    ASSERT(from->id != 0);
    context c = from->guarded ? *from : context_new(f, from);
    c.guarded = true;
    return c;
}

/* Its buffer stands in a frame of its own: the callers recurse. */
static __attribute__((noinline)) u64 literal_bits(front *f, const term *t, u8 type) {
    ASSERT(type < TYPE_COUNT && (t->kind == TERM_INTEGER || t->kind == TERM_FLOAT));
    char text[1100];
    u64 bits = 0, value = t->op == 1 ? 0 - t->bits : t->bits;
    if (t->kind == TERM_INTEGER) {
        if (!type_is_float(type)) {
            u32 width = 8 * type_bytes(type);
            return width == 64 ? value : value & (((u64)1 << width) - 1);
        }
        bool minus = t->op == 1 || (f->tree->kind[t->expr] != AST_INTEGER && (i64)t->bits < 0);
        u64 magnitude = t->op == 1 ? t->bits : minus ? 0 - t->bits : t->bits;
        f64 wide = minus ? -(f64)magnitude : (f64)magnitude;
        f32 narrow = minus ? -(f32)magnitude : (f32)magnitude;
        memcpy(&bits, type == TYPE_F64 ? (void *)&wide : (void *)&narrow, type_bytes(type));
        return bits;
    }
    static const char *const words[] = {
        [AST_INF] = "inf", [AST_NAN] = "nan", [AST_PI] = "3.14159265358979323846264338327950288"};
    u8 kind = f->tree->kind[t->expr];
    u32 bytes = 0;
    if (kind == AST_FLOAT && type == TYPE_F64) {
        memcpy(&bits, &f->tree->floats[f->tree->a[t->expr]], 8); /* as the lexer has read it */
        return bits;
    }
    if (kind == AST_FLOAT) {
        span at = f->tree->place[t->expr];
        const char *from = sources_text(f->sources, at, &bytes);
        while (bytes > 0 && (*from == '(' || *from == ' ')) from++, bytes--;
        while (bytes > 0 && (from[bytes - 1] == ')' || from[bytes - 1] == ' ')) bytes--;
        u32 suffix =
            bytes > 3 && from[bytes - 3] == 'f' && type_find(from + bytes - 3, 3) != TYPE_NONE ? 3
                                                                                               : 0;
        bytes = bytes - suffix < sizeof text ? bytes - suffix : (u32)sizeof text - 1;
        memcpy(text, from, bytes);
        number_parse(type, text, bytes, &bits);
        return bits;
    }
    number_parse(type, words[kind], strlen(words[kind]), &bits);
    return bits;
}

static u32 one_of(front *f, u8 type) {
    ASSERT(type < TYPE_COUNT);
    f64 wide = 1;
    f32 narrow = 1;
    u64 bits = 1;
    if (type == TYPE_F64) memcpy(&bits, &wide, 8);
    if (type == TYPE_F32) memcpy(&bits, &narrow, 4);
    return ir_const(f->ir, type, bits);
}

/* x ** c from the most significant bit of |c| on; a negative one is one reciprocal. Integers to a
 * negative power fault. */
static u32 lower_power(front *f, const term *t, const context *c) {
    ASSERT(t->kind == TERM_POWER && t->exponent >= -64 && t->exponent <= 64);
    u32 x = lower(f, t->a, c), expr = t->expr, place = place_of(f, expr);
    i64 exponent = t->exponent;
    if (x == 0) return 0;
    u8 type = f->ir->exprs[x].type;
    u64 n = (u64)(exponent < 0 ? -exponent : exponent);
    if (exponent < 0 && !type_is_float(type)) {
        u64 mask = type_bytes(type) == 8 ? UINT64_MAX : ((u64)1 << (8 * type_bytes(type))) - 1;
        return ir_op(f->ir, OP_IPOW, type, x, ir_const(f->ir, type, (u64)exponent & mask), 0,
                     place);
    }
    u32 r = n == 0 ? one_of(f, type) : x;
    if (n == 0 && (f->ir->exprs[x].reads || f->ir->exprs[x].can_fault)) {
        /* x ** 0 is 1, but what x reads stays live, and its faults count. */
        u32 whatever = ir_oror(f->ir, ir_op(f->ir, OP_EQ, type, x, x, 0, place),
                               ir_const(f->ir, TYPE_BOOL, 1));
        r = ir_op(f->ir, OP_SELECT, type, whatever, r, r, place);
    }
    u32 top = n == 0 ? 0 : 63 - (u32)__builtin_clzll(n);
    for (u32 bit = top; bit > 0 && n != 0; bit--) {
        r = ir_op(f->ir, OP_MUL, type, r, r, 0, place);
        if (n >> (bit - 1) & 1) r = ir_op(f->ir, OP_MUL, type, r, x, 0, place);
    }
    return exponent < 0 ? ir_op(f->ir, OP_DIV, type, one_of(f, type), r, 0, place) : r;
}

/* An unguarded affine read that leaves its page somewhere and has no edge there. */
static void check_inside(front *f, const term *t, u32 page, const u32 *index, const context *c) {
    ASSERT(page != 0 && page < f->ir->page_count);
    const ir_page *p = &f->ir->pages[page];
    for (u32 k = 0; k < p->rank && !c->guarded; k++) {
        ir_affine a;
        i64 low, high;
        if (p->edge[k] != EDGE_NONE || ir_index_inside(f->ir, index[k], p->dims[k]) ||
            !ir_affine_of(f->ir, index[k], f->ir->extents, &a))
            continue;
        ir_affine_range(&a, f->ir->extents, &low, &high);
        char runs[64];
        if (low == high)
            snprintf(runs, sizeof runs, "is %lld", (long long)low);
        else
            snprintf(runs, sizeof runs, "runs from %lld to %lld", (long long)low, (long long)high);
        diag_row *d = diag_add(f->diags, DIAG_OUTSIDE, f->tree->place[t->expr],
                               "the index %s, but %s%s%s has 0 to %llu there", runs,
                               p->hidden ? "" : "`", p->hidden ? "what is read" : p->name,
                               p->hidden ? "" : "`", (unsigned long long)p->dims[k] - 1);
        if (p->hidden) {
            diag_help(f->diags, d,
                      "it has no edge there: stay inside, or guard the read with `if`");
            return;
        }
        if (p->place != 0 && !p->hidden)
            diag_second(f->diags, d, f->ir->places[p->place].at, "`%s` has no edge", p->name);
        diag_help(f->diags, d,
                  "give it one: `%s ... edge clamp` (or wrap, mirror, fill 0), "
                  "or guard the read with `if`",
                  p->name);
        return;
    }
}

static __attribute__((noinline)) u32 lower_read(front *f, const term *t, const context *c) {
    ASSERT(t->kind == TERM_READ && t->count == f->ir->pages[t->page].rank);
    u32 index[PAGE_AXES_MAX], page = t->page, count = t->count, at = t->at;
    term copy = *t;
    for (u32 k = 0; k < count; k++) {
        index[k] = lower(f, f->lists[at + k], c);
        if (index[k] == 0) return 0;
    }
    check_inside(f, &copy, page, index, c);
    return ir_read(f->ir, page, copy.prev, index, count, place_of(f, copy.expr));
}

static u32 lower_whole_page(front *f, const term *t, const context *c) {
    ASSERT(c->axes == f->ir->pages[t->page].rank);
    return ir_read(f->ir, t->page, t->prev, c->index, c->axes, place_of(f, t->expr));
}

static u32 lower_op(front *f, const term *t, const context *c) {
    ASSERT(t->kind == TERM_OP && t->op < OP_COUNT);
    u32 in[3] = {t->a, t->b, t->c}, expr = t->expr, out[3] = {0};
    u16 op = t->op;
    u32 arity = op_info(op)->arity;
    if (op == OP_SELECT) {
        context arm = context_guarded(f, c);
        out[0] = lower(f, in[0], c), out[1] = lower(f, in[1], &arm), out[2] = lower(f, in[2], &arm);
    } else {
        for (u32 k = 0; k < arity; k++) out[k] = lower(f, in[k], c);
    }
    for (u32 k = 0; k < arity; k++)
        if (out[k] == 0) return 0;
    u8 type = f->ir->exprs[out[op == OP_SELECT ? 1 : 0]].type;
    if (type == TYPE_BOOL && op == OP_NOT) return ir_op(f->ir, op, type, out[0], 0, 0, 0);
    return ir_op(f->ir, op_for_type(op, type), type, out[0], out[1], out[2], place_of(f, expr));
}

/* The element as the reduction adds it: integers of a sum or product are widened first. */
static u32 widen_element(front *f, u8 reduction, u32 element) {
    ASSERT(element != 0 && reduction < IR_REDUCTION_COUNT);
    u8 type = f->ir->exprs[element].type;
    bool wide = (reduction == IR_SUM || reduction == IR_PROD || reduction == IR_MEAN) &&
                type_is_integer(type);
    if (!wide) return element;
    return ir_op(f->ir, OP_CONVERT, type_is_unsigned(type) ? TYPE_U64 : TYPE_I64, element, 0, 0, 0);
}

static __attribute__((noinline)) u32 lower_reduce(front *f, const term *t, const context *c) {
    ASSERT(t->kind == TERM_REDUCE && t->count >= 1 && t->count <= 32);
    ir_loop loops[32];
    context inner = context_new(f, c);
    u32 base = t->vars == 0 ? 0 : c->depth, count = t->count, element_row = t->a, filter_row = t->b,
        expr = t->expr;
    u8 reduction = (u8)t->op;
    u64 was[32];
    if (base + count > 32) {
        diag_row *d = diag_add(f->diags, DIAG_LIMIT, f->tree->place[expr],
                               "more than 32 indices are in scope here");
        diag_help(f->diags, d, "name the inner reduction as a page");
        return 0;
    }
    memcpy(was, f->ir->extents, sizeof was);
    for (u32 k = 0; k < count; k++) {
        const ir_loop *l = &f->loops[t->at + k];
        loops[k] = (ir_loop){.var = base + k, .extent = l->extent};
        inner.var[l->var] = (u8)(base + k);
        f->ir->extents[base + k] = l->extent;
    }
    inner.depth = base + count;
    if (t->vars == 0) inner.guarded = false;
    u32 filter = filter_row != 0 ? lower(f, filter_row, &inner) : 0;
    context guarded = filter_row != 0 ? context_guarded(f, &inner) : inner;
    u32 element = lower(f, element_row, &guarded);
    u32 row = 0;
    if (element != 0 && (filter_row == 0 || filter != 0))
        row = ir_reduce(f->ir, reduction, widen_element(f, reduction, element), filter, loops,
                        count, place_of(f, expr));
    memcpy(f->ir->extents, was, sizeof was);
    return row;
}

static __attribute__((noinline)) u32 lower_whole(front *f, const term *t, const context *c) {
    ASSERT(t->kind == TERM_WHOLE && f->terms[t->a].vars == 0);
    const front_shape *s = &f->shapes[f->terms[t->a].shape];
    u32 axes = f->terms[t->a].shape == 0 ? 0 : s->axis_count, element_row = t->a, expr = t->expr;
    u8 reduction = (u8)t->op;
    ir_loop loops[PAGE_AXES_MAX];
    context inner = context_new(f, c);
    u64 was[32];
    memcpy(was, f->ir->extents, sizeof was);
    memset(f->ir->extents, 0, sizeof was);
    inner.axes = axes, inner.depth = axes, inner.guarded = false;
    for (u32 k = 0; k < axes; k++) {
        loops[k] = (ir_loop){.var = k, .extent = s->dims[k]};
        inner.index[k] = ir_index(f->ir, k);
        f->ir->extents[k] = s->dims[k];
    }
    if (axes == 0) {
        loops[0] = (ir_loop){.var = 0, .extent = 1};
        f->ir->extents[0] = 1;
    }
    u32 element = lower(f, element_row, &inner);
    u32 row = element == 0 ? 0
                           : ir_reduce(f->ir, reduction, widen_element(f, reduction, element), 0,
                                       loops, axes == 0 ? 1 : axes, place_of(f, expr));
    memcpy(f->ir->extents, was, sizeof was);
    return row;
}

static u32 lower_fresh(front *f, u32 row, const context *c) {
    ASSERT(row != 0 && row < f->term_count && class_type(f, f->terms[row].class) != TYPE_NONE);
    term t = f->terms[row];
    u8 type = class_type(f, t.class);
    switch (t.kind) {
    case TERM_INTEGER:
    case TERM_FLOAT: return ir_const(f->ir, type, literal_bits(f, &t, type));
    case TERM_CONST: return ir_const(f->ir, type, t.bits);
    case TERM_INDEX: return ir_index(f->ir, c->var[t.bits]);
    case TERM_EPOCH: return ir_epoch(f->ir);
    case TERM_PAGE: return lower_whole_page(f, &t, c);
    case TERM_READ: return lower_read(f, &t, c);
    case TERM_OP: return lower_op(f, &t, c);
    case TERM_CONVERT: {
        u32 a = lower(f, t.a, c);
        return a == 0 ? 0 : ir_op(f->ir, OP_CONVERT, t.type, a, 0, 0, place_of(f, t.expr));
    }
    case TERM_POWER: return lower_power(f, &t, c);
    case TERM_ANDAND:
    case TERM_OROR: {
        u32 a = lower(f, t.a, c);
        context right = context_guarded(f, c);
        u32 b = lower(f, t.b, &right);
        return t.kind == TERM_ANDAND ? ir_andand(f->ir, a, b) : ir_oror(f->ir, a, b);
    }
    case TERM_INIT: {
        u32 a = lower(f, t.a, c);
        return ir_init(f->ir, a, lower(f, t.b, c));
    }
    case TERM_REDUCE: return lower_reduce(f, &t, c);
    case TERM_WHOLE: return lower_whole(f, &t, c);
    default: return 0;
    }
}

static u32 lower(front *f, u32 row, const context *c) {
    ASSERT(c->id != 0 && row < f->term_count);
    if (row == 0 || f->out_of_memory) return 0;
    if (f->terms[row].memo_context == c->id && c->id != 0) return f->terms[row].memo;
    u32 result = lower_fresh(f, row, c);
    f->terms[row].memo_context = c->id, f->terms[row].memo = result;
    return result;
}

static context context_first(front *f, const u64 *dims, u32 axes) {
    ASSERT(axes <= PAGE_AXES_MAX);
    context c = {.axes = axes, .depth = axes, .id = ++f->context};
    memset(f->ir->extents, 0, sizeof f->ir->extents);
    for (u32 k = 0; k < 32; k++) c.var[k] = (u8)k;
    for (u32 k = 0; k < axes; k++) {
        c.index[k] = ir_index(f->ir, k);
        f->ir->extents[k] = dims[k];
    }
    return c;
}

u32 lower_term(front *f, u32 row) {
    ASSERT(row != 0 && row < f->term_count);
    context c = context_first(f, NULL, 0);
    return lower(f, row, &c);
}

static u32 equation_add(front *f, ir_equation e) {
    ASSERT(e.page != 0 && e.page < f->ir->page_count && e.expr < f->ir->expr_count);
    ir *g = f->ir;
    u32 row = g->equation_count == 0 ? 1 : g->equation_count;
    if (!arena_grow(f->memory, (void **)&g->equations, &g->equation_capacity, row + 1,
                    sizeof(ir_equation))) {
        f->out_of_memory = true;
        return 0;
    }
    if (row == 1) g->equations[0] = (ir_equation){0};
    g->equations[row] = e;
    g->equation_count = row + 1;
    return row;
}

static void lower_keyed(front *f, u32 page) {
    ASSERT(f->pages[page].keyed != 0 && f->pages[page].key_term != 0);
    const front_page *p = &f->pages[page];
    const front_shape *domain = &f->shapes[p->domain_shape];
    u32 key_axes = f->shapes[f->terms[p->key_term].shape].axis_count;
    ir_equation e = {.page = page,
                     .kind = EQUATION_KEYED,
                     .reduction = (u8)(p->keyed - 1),
                     .key_rank = (u8)key_axes,
                     .domain_rank = (u8)domain->axis_count};
    for (u32 k = 0; k < PAGE_AXES_MAX; k++)
        e.domain[k] = k < domain->axis_count ? domain->dims[k] : 1;
    context whole = context_first(f, domain->dims, domain->axis_count), keys = whole;
    keys.axes = key_axes, keys.id = ++f->context;
    context guarded = p->filter_term != 0 ? context_guarded(f, &whole) : whole;
    context key_guarded = p->filter_term != 0 ? context_guarded(f, &keys) : keys;
    if (p->filter_term != 0) {
        bool wide = f->terms[p->filter_term].shape != 0 &&
                    f->shapes[f->terms[p->filter_term].shape].axis_count != key_axes;
        e.filter = lower(f, p->filter_term, wide ? &whole : &keys);
    }
    e.key = lower(f, p->key_term, &key_guarded);
    if (p->term != 0) {
        e.expr = lower(f, p->term, &guarded);
        if (e.expr != 0) e.expr = widen_element(f, e.reduction, e.expr);
    }
    f->ir->pages[page].equation = equation_add(f, e);
}

/* A scan, sort, product ...: each operand over its own indices. */
static void lower_whole_function(front *f, u32 page) {
    ASSERT(f->pages[page].whole != 0 && f->pages[page].term != 0);
    const front_page *p = &f->pages[page];
    const front_shape *domain = &f->shapes[p->domain_shape];
    ir_equation e = {.page = page,
                     .kind = EQUATION_WHOLE,
                     .reduction = (u8)(p->whole - 1),
                     .domain_rank = (u8)domain->axis_count};
    if (!whole_check(f, page)) return;
    memcpy(e.domain, domain->dims, domain->axis_count * sizeof(u64));
    context c = context_first(f, domain->dims, domain->axis_count);
    e.expr = lower(f, p->term, &c);
    if (e.expr == 0) return;
    if (p->key_term != 0) {
        u32 shape = f->terms[p->key_term].shape;
        e.key_rank = shape == 0 ? 0 : (u8)f->shapes[shape].axis_count;
        for (u32 k = 0; k < e.key_rank; k++) e.key_domain[k] = f->shapes[shape].dims[k];
        context second = context_first(f, e.key_domain, e.key_rank);
        e.key = lower(f, p->key_term, &second);
        if (e.key == 0) return;
    } else if (e.reduction == WHOLE_QUANTILE) {
        u8 type = f->ir->pages[page].type;
        f64 half = 0.5;
        f32 narrow = 0.5f;
        u64 bits = 0;
        memcpy(&bits, type == TYPE_F64 ? (void *)&half : (void *)&narrow, type_bytes(type));
        e.key = ir_const(f->ir, type, bits);
    }
    f->ir->pages[page].equation = equation_add(f, e);
}

static void page_lower(front *f, u32 page) {
    ASSERT(f->ir->pages[page].equation == 0 && f->ir->pages[page].type < TYPE_COUNT);
    front_page *p = &f->pages[page];
    ir_page *out = &f->ir->pages[page];
    if (p->kernel != 0) {
        out->equation = equation_add(
            f, (ir_equation){.page = page, .kind = EQUATION_KERNEL, .kernel = p->kernel});
        return;
    }
    if (p->keyed != 0 || p->whole != 0) {
        (p->keyed != 0 ? lower_keyed : lower_whole_function)(f, page);
        return;
    }
    if (p->term == 0) return;
    context c = context_first(f, out->dims, out->rank);
    u32 expr = lower(f, p->term, &c);
    if (expr == 0) return;
    f->ir->pages[page].equation =
        equation_add(f, (ir_equation){.page = page, .kind = EQUATION_MAP, .expr = expr});
}

bool pages_lower(front *f) {
    ASSERT(f->passes_done == PASS_PAGES && f->diags->error_count == 0);
    for (u32 page = 1; page < f->ir->page_count; page++) {
        const front_page *p = &f->pages[page];
        ir_page *out = &f->ir->pages[page];
        out->type = class_type(f, p->class);
        out->rank = p->shape == 0 ? 0 : (u8)f->shapes[p->shape].axis_count;
        for (u32 k = 0; k < PAGE_AXES_MAX; k++)
            out->dims[k] = p->shape == 0 ? 1 : f->shapes[p->shape].dims[k];
    }
    for (u32 page = 1; page < f->ir->page_count && !f->out_of_memory; page++) {
        f->page = page;
        page_lower(f, page);
    }
    return !f->out_of_memory;
}
