/* SPDX-License-Identifier: Apache-2.0
 * oracle_term: from the tree of a definition to terms. */
#include "oracle_term.h"

static const char *const REDUCTIONS[] = {"",    "sum",   "prod", "min",    "max",   "any",
                                         "all", "count", "mean", "argmin", "argmax"};

void oracle_refuse(oracle *o, const char *why) {
    if (o->refused == NULL) o->refused = why;
}
static const char *text(const oracle *o, u32 string) { return ast_text(o->tree, string); }
static const ast_call *call_of(const oracle *o, u32 e) { return &o->tree->calls[o->tree->a[e]]; }
static u32 argument(const oracle *o, const ast_call *c, u32 k) {
    return o->tree->lists[c->arg_at + k];
}

static const binding *bound(const binding *names, u32 name) {
    while (names != NULL && names->name != name) names = names->next;
    return names;
}
const binding *name_bind(oracle *o, const binding *next, binding b) {
    binding *row = ARENA_ARRAY(o->memory, binding, 1);
    *row = b;
    row->next = next;
    return row;
}

/* The item of that name among those of `kind`, 0: none. */
static u32 item_of(const oracle *o, u8 kind, u32 name) {
    for (u32 k = 1; k < o->tree->item_count; k++)
        if (o->tree->items[k].kind == kind && o->tree->items[k].name == name) return k;
    return 0;
}
static u32 page_of(const oracle *o, u32 name) {
    for (u32 k = 0; k < o->page_count; k++)
        if (o->pages[k].kind != ITEM_ASSERT && o->tree->items[o->pages[k].item].name == name)
            return k;
    return UINT32_MAX;
}

/* The bindings inside a call of a function: its parameters alone. */
static const binding *enter(oracle *o, const ast_item *fn, const ast_call *c,
                            const binding *outer) {
    const binding *inner = NULL;
    for (u32 k = 0; k < c->arg_count && k < fn->parameter_count; k++) {
        const ast_parameter *p = &o->tree->parameters[fn->parameter_at + k];
        inner = name_bind(o, inner, (binding){p->name, argument(o, c, k), 0, p->type, outer, NULL});
    }
    return inner;
}
static const ast_item *function_of(const oracle *o, const ast_call *c) {
    u32 item = c->qualifier == 0 ? item_of(o, ITEM_FN, c->name) : 0;
    return item == 0 ? NULL : &o->tree->items[item];
}
static u8 reduction_of(const oracle *o, const ast_call *c) {
    for (u8 k = 1; k < ARRAY_COUNT(REDUCTIONS); k++)
        if (strcmp(text(o, c->name), REDUCTIONS[k]) == 0)
            return (k == R_MIN || k == R_MAX) && c->form == CALL_PLAIN && c->arg_count > 1 ? R_NONE
                                                                                           : k;
    return R_NONE;
}

/* ---- types ---- */
static u8 stronger(u8 a, u8 b) {
    if (a < TYPE_COUNT || b < TYPE_COUNT) return a < TYPE_COUNT ? a : b;
    if (a == UNKNOWN || b == UNKNOWN) return UNKNOWN;
    return a == FREE_FLOAT ? a : b;
}
/* A free type becomes what is wanted, or its default. */
u8 type_settle(u8 type, u8 want) {
    if (type < TYPE_COUNT) return type;
    if (want < TYPE_COUNT) return want;
    return type == FREE_FLOAT ? TYPE_F64 : TYPE_I64;
}
static u8 reduced_type(u8 reduction, u8 type) {
    if (reduction == R_ANY || reduction == R_ALL) return TYPE_BOOL;
    if (reduction == R_COUNT || reduction >= R_ARGMIN) return TYPE_I64;
    if (type >= TYPE_COUNT || reduction == R_MIN || reduction == R_MAX || type_is_float(type))
        return type;
    if (reduction == R_MEAN) return TYPE_F64;
    return type_is_signed(type) ? TYPE_I64 : TYPE_U64;
}

static u8 infer_call(oracle *o, const ast_call *c, const binding *names) {
    const char *name = text(o, c->name);
    u8 type = type_find(name, strlen(name)), reduction = reduction_of(o, c);
    const ast_item *fn = function_of(o, c);
    if (type != TYPE_NONE) return type;
    if (fn != NULL) return type_of(o, fn->expr, enter(o, fn, c, names));
    if (strcmp(name, "isnan") == 0 || strcmp(name, "isfinite") == 0) return TYPE_BOOL;
    if (reduction == R_COUNT) return TYPE_I64;
    type = FREE_INTEGER;
    for (u32 k = 0; c->form == CALL_FOR && k < c->loop_count; k++)
        names = name_bind(
            o, names, (binding){o->tree->axes[c->loop_at + k].name, 0, 0, TYPE_NONE, NULL, NULL});
    for (u32 k = 0; k < c->arg_count; k++)
        type = stronger(type, type_of(o, argument(o, c, k), names));
    return reduction == R_NONE ? type : reduced_type(reduction, type);
}

static u8 infer_name(oracle *o, u32 name, const binding *names) {
    const binding *b = bound(names, name);
    if (b != NULL && b->expr == 0) return TYPE_I64;
    if (b != NULL) return b->type != TYPE_NONE ? b->type : type_of(o, b->expr, b->outer);
    u32 page = page_of(o, name), constant = item_of(o, ITEM_CONST, name);
    if (page != UINT32_MAX)
        return o->pages[page].type == UNKNOWN && o->guess ? FREE_INTEGER : o->pages[page].type;
    if (constant == 0) return FREE_INTEGER;
    const ast_item *i = &o->tree->items[constant];
    return i->type != TYPE_NONE ? i->type : type_settle(type_of(o, i->expr, NULL), TYPE_NONE);
}

u8 type_of(oracle *o, u32 e, const binding *names) {
    const ast *t = o->tree;
    switch (t->kind[e]) {
    case AST_INTEGER: return t->b[e] != TYPE_NONE ? (u8)t->b[e] : FREE_INTEGER;
    case AST_FLOAT: return t->b[e] != TYPE_NONE ? (u8)t->b[e] : FREE_FLOAT;
    case AST_BOOL: return TYPE_BOOL;
    case AST_INF:
    case AST_NAN:
    case AST_PI: return FREE_FLOAT;
    case AST_EPOCH: return TYPE_U64;
    case AST_NAME: return infer_name(o, t->a[e], names);
    case AST_UNARY: return t->op[e] == AST_OP_NOT ? TYPE_BOOL : type_of(o, t->a[e], names);
    case AST_BINARY:
        if (t->op[e] >= AST_OP_OROR && t->op[e] <= AST_OP_GE) return TYPE_BOOL;
        return stronger(type_of(o, t->a[e], names), type_of(o, t->b[e], names));
    case AST_CALL: return infer_call(o, call_of(o, e), names);
    case AST_INDEX: return type_of(o, t->a[e], names);
    case AST_IF: return stronger(type_of(o, t->b[e], names), type_of(o, t->c[e], names));
    case AST_INIT: return stronger(type_of(o, t->a[e], names), type_of(o, t->b[e], names));
    case AST_LET:
        return type_of(o, t->c[e],
                       name_bind(o, names, (binding){t->a[e], t->b[e], 0, TYPE_NONE, names, NULL}));
    default: oracle_refuse(o, "an expression that the oracle does not know"); return FREE_INTEGER;
    }
}

/* ---- shapes of whole-page form ---- */
static shape larger(shape a, shape b) { return a.rank != 0 ? a : b; }
shape page_shape(oracle *o, u32 row) {
    oracle_page *p = &o->pages[row];
    if (!p->shaped && !p->busy) {
        p->busy = true;
        shape s = shape_of(o, o->tree->items[p->item].expr, NULL);
        p->busy = false;
        p->shaped = true;
        p->rank = (u8)s.rank;
        memcpy(p->dims, s.dims, sizeof s.dims);
    }
    shape s = {p->rank, {1, 1, 1, 1}, 1};
    for (u32 k = 0; k < p->rank; k++) s.lanes *= s.dims[k] = p->dims[k];
    return s;
}

shape shape_of(oracle *o, u32 e, const binding *names) {
    const ast *t = o->tree;
    shape s = {0, {1, 1, 1, 1}, 1};
    const ast_call *c = t->kind[e] == AST_CALL ? call_of(o, e) : NULL;
    const binding *b = t->kind[e] == AST_NAME ? bound(names, t->a[e]) : NULL;
    u32 page = t->kind[e] == AST_NAME && b == NULL ? page_of(o, t->a[e]) : UINT32_MAX;
    switch (t->kind[e]) {
    case AST_NAME:
        if (b != NULL) return b->expr != 0 ? shape_of(o, b->expr, b->outer) : s;
        return page != UINT32_MAX ? page_shape(o, page) : s;
    case AST_UNARY: return shape_of(o, t->a[e], names);
    case AST_BINARY:
    case AST_INIT: return larger(shape_of(o, t->a[e], names), shape_of(o, t->b[e], names));
    case AST_IF:
        s = larger(shape_of(o, t->a[e], names), shape_of(o, t->b[e], names));
        return larger(s, shape_of(o, t->c[e], names));
    case AST_LET:
        return shape_of(
            o, t->c[e],
            name_bind(o, names, (binding){t->a[e], t->b[e], 0, TYPE_NONE, names, NULL}));
    case AST_CALL:
        for (u32 k = 0; reduction_of(o, c) == R_NONE && k < c->arg_count; k++)
            s = larger(s, shape_of(o, argument(o, c, k), names));
        return s;
    default: return s;
    }
}

/* ---- terms ---- */
static oracle_term *term(oracle *o, u8 kind, u8 type) {
    oracle_term *t = ARENA_ARRAY(o->memory, oracle_term, 1);
    t->kind = kind;
    t->type = type;
    return t;
}
static oracle_term *constant(oracle *o, u8 type, u8 from, u64 bits) {
    oracle_term *t = term(o, T_CONST, type);
    t->bits = number_convert(from, type, bits);
    return t;
}
static oracle_term *operation(oracle *o, u16 op, u8 type, oracle_term *a, oracle_term *b,
                              oracle_term *c) {
    oracle_term *t = term(o, T_OP, type);
    t->op = op;
    t->kid[0] = a, t->kid[1] = b, t->kid[2] = c;
    return t;
}
i64 integer_of(oracle *o, u32 e) {
    place nowhere = {{0}, 0};
    return (i64)term_value(o, term_of(o, e, (scope){NULL, 0, 0}, TYPE_I64), &nowhere);
}
static u64 f64_bits(f64 value) {
    u64 bits;
    memcpy(&bits, &value, 8);
    return bits;
}
static void room(oracle *o, oracle_term *t, u64 lanes) {
    t->values = ARENA_ARRAY(o->memory, u64, lanes);
    t->has = ARENA_ARRAY(o->memory, bool, lanes);
    if (t->values == NULL || t->has == NULL) oracle_refuse(o, "memory is short");
}

/* The page behind x, prev(x), prev(prev(x)). */
static u32 target(oracle *o, u32 e, const binding *names, u32 *back) {
    const ast *t = o->tree;
    if (t->kind[e] == AST_CALL && strcmp(text(o, call_of(o, e)->name), "prev") == 0) {
        u32 page = target(o, argument(o, call_of(o, e), 0), names, back);
        if (++*back > ORACLE_PREV_MAX) oracle_refuse(o, "too many prev"), *back = ORACLE_PREV_MAX;
        return page;
    }
    const binding *b = t->kind[e] == AST_NAME ? bound(names, t->a[e]) : NULL;
    if (b != NULL && b->expr != 0) return target(o, b->expr, b->outer, back);
    u32 page = t->kind[e] == AST_NAME && b == NULL ? page_of(o, t->a[e]) : UINT32_MAX;
    if (page == UINT32_MAX) oracle_refuse(o, "prev or index of what is not a page");
    return page == UINT32_MAX ? 0 : page;
}
static oracle_term *read_term(oracle *o, u32 e, const binding *names, u8 kind) {
    u32 back = 0, page = target(o, e, names, &back);
    oracle_term *t = term(o, kind, o->pages[page].type);
    t->page = page, t->back = back;
    return t;
}

static oracle_term *elaborate_name(oracle *o, u32 e, scope s, u8 want) {
    const binding *b = bound(s.names, o->tree->a[e]);
    if (b != NULL && b->expr == 0) {
        oracle_term *t = term(o, T_VAR, TYPE_I64);
        t->var = b->var;
        return t;
    }
    if (b != NULL) {
        s.names = b->outer;
        return term_of(o, b->expr, s, b->type != TYPE_NONE ? b->type : want);
    }
    u32 name = o->tree->a[e], param = item_of(o, ITEM_PARAM, name),
        row = item_of(o, ITEM_CONST, name);
    scope top = {NULL, 0, 0};
    if (param != 0)
        return constant(o, type_settle(FREE_INTEGER, want), TYPE_I64,
                        (u64)integer_of(o, o->tree->items[param].expr));
    if (row != 0) return term_of(o, o->tree->items[row].expr, top, infer_name(o, name, NULL));
    return read_term(o, e, s.names, T_LANE);
}

static oracle_term *elaborate_reduction(oracle *o, const ast_call *c, u8 reduction, scope s,
                                        u8 want) {
    oracle_term *t = term(o,
                          c->form == CALL_FOR  ? T_FOR
                          : c->form == CALL_BY ? T_KEYED
                                               : T_WHOLE,
                          TYPE_I64);
    bool boolean = reduction >= R_ANY && reduction <= R_COUNT;
    t->reduction = reduction;
    t->lanes = 1, t->groups = s.groups, t->count = c->loop_count, t->var = s.vars;
    const binding *outside = s.names;
    for (u32 k = 0; c->form == CALL_FOR && k < c->loop_count; k++) {
        const ast_axis *x = &o->tree->axes[c->loop_at + k];
        s.names = name_bind(o, s.names, (binding){x->name, 0, s.vars++, TYPE_NONE, NULL, NULL});
        t->lanes *= t->extent[k] = (u64)integer_of(o, x->extent);
    }
    if (s.vars >= VARS_MAX) oracle_refuse(o, "too many index variables");
    shape key = {0, {1, 1, 1, 1}, 1}, whole = key;
    if (c->form == CALL_BY) {
        key = shape_of(o, c->key, outside);
        t->kid[1] = term_of(o, c->key, s, TYPE_NONE);
        t->filter_by_key = c->filter != 0 && shape_of(o, c->filter, outside).lanes == key.lanes;
    }
    if (c->form != CALL_FOR) {
        whole = c->arg_count > 0 ? shape_of(o, argument(o, c, 0), outside) : key;
        t->lanes = whole.lanes, t->key_lanes = key.lanes;
    }
    u8 of = c->arg_count > 0 && !boolean ? type_settle(type_of(o, argument(o, c, 0), s.names), want)
                                         : TYPE_BOOL;
    if (c->arg_count > 0) t->kid[0] = term_of(o, argument(o, c, 0), s, of);
    if (c->filter != 0) t->kid[2] = term_of(o, c->filter, s, TYPE_BOOL);
    t->type = reduced_type(reduction, of);
    room(o, t, t->lanes);
    if (c->form == CALL_BY)
        t->result = ARENA_ARRAY(o->memory, u64, t->groups * (t->lanes / t->key_lanes));
    return t;
}

static oracle_term *elaborate_call(oracle *o, u32 e, scope s, u8 want) {
    const ast_call *c = call_of(o, e);
    const char *name = text(o, c->name);
    u8 to = type_find(name, strlen(name)), reduction = reduction_of(o, c);
    const ast_item *fn = function_of(o, c);
    u32 arity = 0;
    u16 op = number_function(name, &arity);
    if (to != TYPE_NONE) {
        u8 from = type_settle(type_of(o, argument(o, c, 0), s.names), TYPE_NONE);
        oracle_term *t =
            operation(o, FN_convert, to, term_of(o, argument(o, c, 0), s, from), NULL, NULL);
        return t;
    }
    if (fn != NULL) {
        s.names = enter(o, fn, c, s.names);
        return term_of(o, fn->expr, s, want);
    }
    if (strcmp(name, "prev") == 0) return read_term(o, e, s.names, T_LANE);
    if (reduction != R_NONE) return elaborate_reduction(o, c, reduction, s, want);
    if (op == FN_NONE) oracle_refuse(o, "a function that the oracle does not know");
    u8 of = FREE_INTEGER;
    for (u32 k = 0; k < c->arg_count; k++)
        of = stronger(of, type_of(o, argument(o, c, k), s.names));
    bool tests = op == FN_isnan || op == FN_isfinite;
    of = type_settle(of, tests ? TYPE_F64 : want);
    oracle_term *kid[3] = {NULL, NULL, NULL};
    for (u32 k = 0; k < c->arg_count && k < 2; k++) kid[k] = term_of(o, argument(o, c, k), s, of);
    if (arity == 3) kid[2] = term_of(o, argument(o, c, 2), s, of);
    oracle_term *t = operation(o, op, tests ? TYPE_BOOL : of, kid[0], kid[1], kid[2]);
    for (u32 k = 2; arity == 0 && k < c->arg_count; k++)
        t = operation(o, op, of, t, term_of(o, argument(o, c, k), s, of), NULL);
    return t;
}

static oracle_term *elaborate_binary(oracle *o, u32 e, scope s, u8 want) {
    const ast *t = o->tree;
    u8 op = t->op[e], left = type_of(o, t->a[e], s.names), right = type_of(o, t->b[e], s.names);
    if (op == AST_OP_OROR || op == AST_OP_ANDAND) {
        oracle_term *r = operation(o, op, TYPE_BOOL, term_of(o, t->a[e], s, TYPE_BOOL),
                                   term_of(o, t->b[e], s, TYPE_BOOL), NULL);
        r->kind = op == AST_OP_OROR ? T_OR : T_AND;
        return r;
    }
    bool compares = op >= AST_OP_EQ && op <= AST_OP_GE;
    u8 of = type_settle(stronger(left, right), compares ? TYPE_NONE : want);
    oracle_term *a = term_of(o, t->a[e], s, of), *b = term_of(o, t->b[e], s, of);
    if (op == AST_OP_POW && type_is_float(of) && right == FREE_INTEGER) {
        place nowhere = {{0}, 0};
        oracle_term *power = term_of(o, t->b[e], s, TYPE_I64);
        i64 value = (i64)term_value(o, power, &nowhere);
        if (value >= -64 && value <= 64) return operation(o, FN_square, of, a, power, NULL);
    }
    return operation(o, op, compares ? TYPE_BOOL : of, a, b, NULL);
}

oracle_term *term_of(oracle *o, u32 e, scope s, u8 want) {
    const ast *t = o->tree;
    u8 type = type_settle(type_of(o, e, s.names), want);
    oracle_term *r;
    switch (t->kind[e]) {
    case AST_INTEGER: return constant(o, type, TYPE_U64, t->integers[t->a[e]]);
    case AST_FLOAT: return constant(o, type, TYPE_F64, f64_bits(t->floats[t->a[e]]));
    case AST_BOOL: return constant(o, TYPE_BOOL, TYPE_BOOL, t->a[e]);
    case AST_INF: return constant(o, type, TYPE_F64, 0x7ff0000000000000u);
    case AST_NAN: return constant(o, type, TYPE_F64, 0x7ff8000000000000u);
    case AST_PI: return constant(o, type, TYPE_F64, f64_bits(3.14159265358979323846));
    case AST_EPOCH: return term(o, T_EPOCH, TYPE_U64);
    case AST_NAME: return elaborate_name(o, e, s, want);
    case AST_UNARY: return operation(o, t->op[e], type, term_of(o, t->a[e], s, type), NULL, NULL);
    case AST_BINARY: return elaborate_binary(o, e, s, want);
    case AST_CALL: return elaborate_call(o, e, s, want);
    case AST_INDEX:
        r = read_term(o, t->a[e], s.names, T_READ);
        for (r->count = 0; r->count < t->c[e] && r->count < 4; r->count++)
            r->kid[r->count] = term_of(o, t->lists[t->b[e] + r->count], s, TYPE_NONE);
        return r;
    case AST_IF:
    case AST_INIT:
        r = term(o, t->kind[e] == AST_IF ? T_IF : T_INIT, type);
        r->kid[0] = term_of(o, t->a[e], s, t->kind[e] == AST_IF ? TYPE_BOOL : type);
        r->kid[1] = term_of(o, t->b[e], s, type);
        if (t->kind[e] == AST_IF) r->kid[2] = term_of(o, t->c[e], s, type);
        return r;
    case AST_LET:
        s.names = name_bind(o, s.names, (binding){t->a[e], t->b[e], 0, TYPE_NONE, s.names, NULL});
        return term_of(o, t->c[e], s, want);
    default:
        oracle_refuse(o, "an expression that the oracle does not know");
        return constant(o, type, TYPE_I64, 0);
    }
}
