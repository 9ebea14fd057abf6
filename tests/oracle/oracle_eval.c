/* SPDX-License-Identifier: Apache-2.0
 * oracle_eval: expressions as whole arrays over a domain: the lanes of a page, in index form those
 * of its index variables, inside `for` also those of its loops. */
#include "oracle_private.h"

static array array_of(oracle *o, u32 e, const place *at, u8 type, u32 back);

static u64 *room(oracle *o, u64 lanes) {
    u64 *to = ARENA_ARRAY(o->scratch, u64, lanes);
    ASSERT(to != NULL);
    return to;
}
u64 constant(oracle *o, u32 e, binding *names, u8 type) {
    return eval(o, e, &(place){.names = names, .lanes = 1}, type)[0];
}

/* ---- expressions: lane by lane ---- */
static bool counts(const place *at, u64 lane) { return at->on == NULL || at->on[lane]; }
/* The same place, where only lanes with c == wanted count. */
static place under(oracle *o, const place *at, const u64 *c, bool wanted) {
    place p = *at;
    bool *on = ARENA_ARRAY(o->scratch, bool, at->lanes);
    ASSERT(on != NULL);
    for (u64 l = 0; l < at->lanes; l++) on[l] = counts(at, l) && (c[l] != 0) == wanted;
    p.on = on;
    return p;
}
/* The whole page of that form; its faults count if any of the lanes that need it does. */
static place domain(oracle *o, const place *at, oracle_form f) {
    place p = {.names = at->names, .lanes = lanes_of(f), .rank = f.rank};
    bool any = false;
    memcpy(p.dims, f.dims, sizeof f.dims);
    for (u64 l = 0; l < at->lanes; l++) any |= counts(at, l);
    return any ? p : under(o, &p, room(o, p.lanes), true);
}
static u64 *fill(oracle *o, const place *at, u64 bits) {
    u64 *to = room(o, at->lanes);
    for (u64 l = 0; l < at->lanes; l++) to[l] = bits;
    return to;
}
static u64 *spread(oracle *o, array a, const place *at) {
    u64 *to = fill(o, at, a.v[0]);
    if (lanes_of(a.form) == at->lanes) memcpy(to, a.v, at->lanes * sizeof(u64));
    if (a.form.rank > 0 && lanes_of(a.form) != at->lanes) refuse(o, "two shapes that differ");
    return to;
}
static u64 *convert(u8 from, u8 to, u64 lanes, u64 *v) {
    for (u64 l = 0; l < lanes; l++) v[l] = number_convert(from, to, v[l]);
    return v;
}
/* op of up to three operands of type `of`, into the first. */
static u64 *map(oracle *o, u16 op, u8 of, const place *at, u64 *const v[3]) {
    for (u64 l = 0; l < at->lanes; l++) {
        bool fault = false;
        u64 in[3] = {v[0][l], v[1] != NULL ? v[1][l] : 0, v[2] != NULL ? v[2][l] : 0};
        v[0][l] = number_op(op, of, in, &fault);
        o->fault |= fault && counts(at, l);
    }
    return v[0];
}

static u64 *eval_name(oracle *o, u32 e, const place *at, u8 type) {
    const binding *b = named(o, e, at->names);
    place in = *at;
    in.names = b->env;
    switch (b->kind) {
    case ITEM_CONST:
    case BOUND_EXPR: return eval(o, b->expr, &in, type);
    case ITEM_PARAM: return convert(TYPE_I64, type, at->lanes, eval(o, b->expr, &in, TYPE_I64));
    case BOUND_DIMENSION:
        return fill(o, at, number_convert(TYPE_I64, type, o->pages[b->row].form.dims[b->expr]));
    case BOUND_AXIS: {
        u64 *to = room(o, at->lanes), step = 1;
        for (u32 k = at->rank; k-- > b->row + 1;) step *= at->dims[k];
        for (u64 l = 0; l < at->lanes; l++) to[l] = l / step % at->dims[b->row];
        return to;
    }
    default: return spread(o, array_of(o, e, at, type, 0), at);
    }
}

static u64 *eval_binary(oracle *o, u32 e, const place *at, u8 type) {
    const ast *t = o->tree;
    u8 op = t->op[e], of = type;
    oracle_form right = form_of(o, t->b[e], at->names);
    if (op >= AST_OP_EQ && op <= AST_OP_GE)
        of = settle(stronger(form_of(o, t->a[e], at->names).type, right.type));
    u64 *a = eval(o, t->a[e], at, of);
    if (op == AST_OP_OROR || op == AST_OP_ANDAND) {
        place in = under(o, at, a, op == AST_OP_ANDAND);
        u64 *b = eval(o, t->b[e], &in, of);
        for (u64 l = 0; l < at->lanes; l++) a[l] = op == AST_OP_OROR ? a[l] | b[l] : a[l] & b[l];
        return a;
    }
    if (op == AST_OP_POW && right.type == FREE_INTEGER) {
        u64 *power = eval(o, t->b[e], at, TYPE_I64);
        bool small = (i64)power[0] >= -64 && (i64)power[0] <= 64;
        if (small) return map(o, FN_square, of, at, (u64 *[3]){a, power, NULL});
    }
    return map(o, op, of, at, (u64 *[3]){a, eval(o, t->b[e], at, of), NULL});
}

/* ---- reads ---- */
enum { OUTSIDE = -2, FILLED = -1 };
/* The coordinate that an index names on one axis. */
static i64 coordinate(u8 edge, i128 index, i64 dim) {
    i64 period = edge == 3 ? 2 * (dim - 1) : dim;
    if (index >= 0 && index < dim) return (i64)index;
    if (edge == 1) return index < 0 ? 0 : dim - 1;
    if (edge == 0 || edge == 4) return edge == 4 ? FILLED : OUTSIDE;
    if (period == 0) return 0;
    i64 at = (i64)(((index % period) + period) % period);
    return at < dim ? at : period - at;
}
static const ast_edge *edge_of(const oracle *o, const array *a, u32 axis) {
    static const ast_edge none = {0};
    const ast_item *i = a->page != NULL ? a->page->item : NULL;
    if (i == NULL || i->edge_count == 0 || axis < a->skip) return &none;
    return &o->tree->edges[i->edge_at + (i->edge_count == 1 ? 0 : axis - a->skip)];
}
static u64 *eval_index(oracle *o, u32 e, const place *at, u8 type) {
    const ast *t = o->tree;
    array a = array_of(o, t->a[e], at, type, 0);
    u64 *to = room(o, at->lanes), *index[4], filled[4];
    u8 of[4];
    if (t->c[e] != a.form.rank) return refuse(o, "a read with too few indices"), to;
    for (u32 k = 0; k < a.form.rank; k++) {
        u32 x = t->lists[t->b[e] + k];
        const ast_edge *edge = edge_of(o, &a, k);
        of[k] = type_of(o, x, at->names);
        index[k] = eval(o, x, at, of[k]);
        filled[k] = edge->kind == 4 ? constant(o, edge->value, a.page->names, type) : 0;
    }
    for (u64 l = 0; l < at->lanes; l++) {
        u64 lane = 0;
        const u64 *fills = NULL;
        bool outside = false;
        for (u32 k = 0; k < a.form.rank; k++) {
            i64 dim = (i64)a.form.dims[k];
            i64 c = coordinate(edge_of(o, &a, k)->kind, number_integer(of[k], index[k][l]), dim);
            outside |= c == OUTSIDE;
            if (c == FILLED && fills == NULL) fills = &filled[k];
            lane = lane * (u64)dim + (u64)(c < 0 ? 0 : c);
        }
        o->fault |= outside && counts(at, l);
        to[l] = outside ? 0 : fills != NULL ? *fills : a.v[lane];
    }
    return to;
}

/* ---- calls ---- */
/* The type of what a function takes, given its result's. */
static u8 operand_type(oracle *o, u16 fn, u32 arg, binding *names, u8 type) {
    if (fn == FN_any || fn == FN_all || fn == FN_count) return TYPE_BOOL;
    bool keeps = fn == FN_min || fn == FN_max || fn == FN_cummin || fn == FN_cummax ||
                 fn == FN_sort || fn == FN_topk || (fn >= FN_transpose && fn <= FN_history);
    return keeps ? type : type_of(o, arg, names);
}

static u64 *eval_for(oracle *o, const ast_call *c, u16 fn, const place *at, u8 type) {
    place in = *at;
    in.names = bind_axes(o, c->loop_at, c->loop_count, at->rank, at->names);
    if (in.rank + c->loop_count > ARRAY_COUNT(in.dims))
        return refuse(o, "deep loops"), fill(o, at, 0);
    for (u32 k = 0; k < c->loop_count; k++) {
        u32 extent = o->tree->axes[c->loop_at + k].extent;
        in.lanes *= in.dims[in.rank++] = constant(o, extent, at->names, TYPE_I64);
    }
    u64 n = in.lanes / at->lanes, *outer = room(o, in.lanes), *to = room(o, at->lanes);
    for (u64 l = 0; l < in.lanes; l++) outer[l] = counts(at, l / n);
    in.on = NULL;
    in = under(o, &in, outer, true);
    if (c->filter != 0) in = under(o, &in, eval(o, c->filter, &in, TYPE_BOOL), true);
    u8 of = operand_type(o, fn, argument(o, c, 0), in.names, type);
    u64 *v = eval(o, argument(o, c, 0), &in, of);
    for (u64 l = 0; l < at->lanes; l++) to[l] = number_reduce(fn, of, v + l * n, in.on + l * n, n);
    return to;
}

/* The key's shape leads that of x; the filter's leads it too, or is a scalar. */
static u64 *eval_keyed(oracle *o, const ast_call *c, u16 fn, const place *at, u8 type) {
    oracle_form key_form = form_of(o, c->key, at->names);
    u32 x_expr = c->arg_count > 0 ? argument(o, c, 0) : c->key;
    place in = domain(o, at, form_of(o, x_expr, at->names)), keys = domain(o, at, key_form);
    u64 rest = in.lanes / keys.lanes, *present = fill(o, &in, 1), *needed = room(o, keys.lanes);
    if (c->filter != 0) {
        place filters = domain(o, at, form_of(o, c->filter, at->names));
        u64 *filter = eval(o, c->filter, &filters, TYPE_BOOL), each = in.lanes / filters.lanes;
        for (u64 l = 0; l < in.lanes; l++) present[l] = filter[l / each];
    }
    for (u64 l = 0; l < in.lanes; l++) needed[l / rest] |= present[l];
    in = under(o, &in, present, true), keys = under(o, &keys, needed, true);
    u8 of = c->arg_count == 0 ? TYPE_BOOL : operand_type(o, fn, x_expr, at->names, type);
    u64 *x = c->arg_count == 0 ? fill(o, &in, 1) : eval(o, x_expr, &in, of);
    u64 *key = eval(o, c->key, &keys, settle(key_form.type)), groups = at->lanes / rest;
    u64 *to = room(o, at->lanes), *v = room(o, keys.lanes), *index = room(o, keys.lanes);
    bool *has = (bool *)room(o, keys.lanes);
    for (u64 q = 0; q < keys.lanes; q++) {
        i128 value = number_integer(settle(key_form.type), key[q]);
        bool outside = value < 0 || value >= (i128)groups;
        o->fault |= outside && keys.on[q];
        if (outside) key[q] = UINT64_MAX;
    }
    for (u64 l = 0; l < at->lanes; l++) {
        u64 rank = 0;
        for (u64 q = 0; q < keys.lanes; q++) {
            if (key[q] != l / rest) continue;
            index[rank] = q, has[rank] = present[q * rest + l % rest] != 0;
            v[rank++] = x[q * rest + l % rest];
        }
        to[l] = number_reduce(fn, of, v, has, rank);
        if ((fn == FN_argmin || fn == FN_argmax) && to[l] < rank) to[l] = index[to[l]];
    }
    return to;
}

static u64 *eval_random(oracle *o, const ast_call *c, u16 fn, const place *at) {
    u64 *v[3] = {NULL, NULL, fill(o, at, 0)};
    for (u32 k = 0; k < 3 && k < c->arg_count; k++) {
        u8 of = type_of(o, argument(o, c, k), at->names);
        v[k] = convert(of, TYPE_U64, at->lanes, eval(o, argument(o, c, k), at, of));
    }
    if (v[0] == NULL || v[1] == NULL) return v[2]; /* the parser saw to two arguments */
    for (u64 l = 0; l < at->lanes; l++) v[0][l] = number_random(fn, v[0][l], v[1][l], v[2][l]);
    return v[0];
}

static u64 *eval_call(oracle *o, u32 e, const place *at, u8 type) {
    const ast_call *c = call_of(o, e);
    binding *user = callee(c, at->names);
    u16 fn = number_function(called(o, c));
    u64 *v[3] = {NULL, NULL, NULL};
    if (user != NULL) {
        place in = *at;
        in.names = enter(o, user, c, at->names);
        return eval(o, o->tree->items[user->row].expr, &in, type);
    }
    if (reduces(fn, c) && c->form == CALL_FOR) return eval_for(o, c, fn, at, type);
    if (reduces(fn, c) && c->form == CALL_BY) return eval_keyed(o, c, fn, at, type);
    if (reduces(fn, c) || (fn >= FN_cumsum && fn <= FN_history))
        return spread(o, array_of(o, e, at, type, 0), at);
    if (fn >= FN_rand_u32 && fn <= FN_normal) return eval_random(o, c, fn, at);
    bool same = fn != FN_NONE && fn != FN_isnan && fn != FN_isfinite;
    u8 of = same ? type : type_of(o, argument(o, c, 0), at->names);
    for (u32 k = 0; k < 3 && k < c->arg_count; k++) v[k] = eval(o, argument(o, c, k), at, of);
    if (fn == FN_NONE) return convert(of, type, at->lanes, v[0]);
    map(o, fn, of, at, v);
    for (u32 k = 2; (fn == FN_min || fn == FN_max) && k < c->arg_count; k++) {
        v[1] = eval(o, argument(o, c, k), at, of);
        map(o, fn, of, at, v);
    }
    return v[0];
}

u64 *eval(oracle *o, u32 e, const place *at, u8 type) {
    const ast *t = o->tree;
    u64 *a, bits;
    place in = *at;
    switch (t->kind[e]) {
    case AST_INTEGER: return fill(o, at, number_convert(TYPE_U64, type, t->integers[t->a[e]]));
    case AST_FLOAT:
        memcpy(&bits, &t->floats[t->a[e]], sizeof bits);
        return fill(o, at, number_convert(TYPE_F64, type, bits));
    case AST_INF: return fill(o, at, number_convert(TYPE_F64, type, 0x7ff0000000000000u));
    case AST_NAN: return fill(o, at, number_convert(TYPE_F64, type, 0x7ff8000000000000u));
    case AST_PI: return fill(o, at, number_convert(TYPE_F64, type, 0x400921fb54442d18u));
    case AST_BOOL: return fill(o, at, t->a[e]);
    case AST_EPOCH: return fill(o, at, o->epoch);
    case AST_NAME:
    case AST_MEMBER: return eval_name(o, e, at, type);
    case AST_UNARY: return map(o, t->op[e], type, at, (u64 *[3]){eval(o, t->a[e], at, type)});
    case AST_BINARY: return eval_binary(o, e, at, type);
    case AST_CALL: return eval_call(o, e, at, type);
    case AST_INDEX: return eval_index(o, e, at, type);
    case AST_INIT: return eval(o, o->epoch == 0 ? t->a[e] : t->b[e], at, type);
    case AST_LET: in.names = bind_let(o, e, at->names); return eval(o, t->c[e], &in, type);
    case AST_IF: {
        u64 *c = eval(o, t->a[e], at, TYPE_BOOL), *b;
        place then = under(o, at, c, true), other = under(o, at, c, false);
        a = eval(o, t->b[e], &then, type), b = eval(o, t->c[e], &other, type);
        for (u64 l = 0; l < at->lanes; l++) a[l] = c[l] ? a[l] : b[l];
        return a;
    }
    default: return refuse(o, "an expression that the oracle does not know"), fill(o, at, 0);
    }
}

/* ---- whole pages ---- */
static u64 *matmul(oracle *o, const array *x, const array *y, u8 type, u64 lanes) {
    u64 *to = room(o, lanes), n = y->form.dims[0],
        columns = y->form.rank == 2 ? y->form.dims[1] : 1;
    for (u64 l = 0; l < lanes; l++)
        to[l] = number_product(type, x->v + l / columns * n, y->v + l % columns, columns, n);
    return to;
}

static u64 *transpose(oracle *o, const array *x) {
    u64 *to = room(o, lanes_of(x->form));
    for (u64 l = 0; l < lanes_of(x->form); l++) {
        u64 rest = l, lane = 0;
        for (u32 k = x->form.rank; k-- > 0; rest /= x->form.dims[k])
            lane = lane * x->form.dims[k] + rest % x->form.dims[k];
        to[lane] = x->v[l];
    }
    return to;
}

/* A reduction or function of whole pages: a->form is the result's. */
static void whole_call(oracle *o, const ast_call *c, u16 fn, const place *at, u8 type, array *a) {
    u8 of = operand_type(o, fn, argument(o, c, 0), at->names, type);
    array x = array_of(o, argument(o, c, 0), at, of, 0), y = x;
    u64 lanes = lanes_of(x.form), n = x.form.rank > 0 ? x.form.dims[x.form.rank - 1] : 1;
    u64 to_n = fn == FN_topk ? a->form.dims[a->form.rank - 1] : n, q = 0x3fe0000000000000u;
    place all = {.lanes = lanes};
    u64 *v = spread(o, x, &all);
    if (fn == FN_dot || fn == FN_matmul) y = array_of(o, argument(o, c, 1), at, type, 0);
    if (fn == FN_quantile) q = array_of(o, argument(o, c, 1), at, type, 0).v[0];
    if (fn == FN_median) q = number_convert(TYPE_F64, type, q);
    a->v = room(o, lanes_of(a->form));
    if (fn <= FN_argmax) {
        place on = under(o, &all, fill(o, &all, 1), true);
        a->v[0] = number_reduce(fn, of, v, on.on, lanes);
    }
    if (fn == FN_dot) a->v[0] = number_dot(of, x.v, y.v, lanes);
    if (fn == FN_matmul) a->v = matmul(o, &x, &y, of, lanes_of(a->form));
    if (fn == FN_transpose) a->v = transpose(o, &x);
    if (fn == FN_dot || fn == FN_matmul || fn == FN_transpose || fn <= FN_argmax) return;
    bool sorts = fn == FN_sort || fn == FN_argsort || fn == FN_topk;
    if (!sorts && fn != FN_cummin && fn != FN_cummax) convert(of, type, lanes, v);
    for (u64 row = 0; row < lanes / n; row++) {
        bool fault = false;
        u64 *from = v + row * n, *to = a->v + row * to_n, *sorted = room(o, n);
        if (fn <= FN_cummax) number_scan(fn, type, from, n, to);
        if (sorts) number_sort(fn, of, from, n, to, to_n);
        if (sorts || fn <= FN_cummax) continue;
        number_sort(FN_sort, type, from, n, sorted, n);
        a->v[row] = number_quantile(type, sorted, n, q, &fault);
        for (u64 l = 0; l < at->lanes; l++) o->fault |= fault && counts(at, l);
    }
}

/* A page as it was `back` epochs ago. */
static u64 *page_values(oracle *o, oracle_page *p, u32 back) {
    if (back > 0 && o->epoch > 0) return p->past[back > o->epoch ? 0 : o->epoch + 1 - back];
    page_evaluate(o, p);
    return p->now;
}

/* The whole page that an expression names or makes, `back` epochs ago. */
static array array_of(oracle *o, u32 e, const place *at, u8 type, u32 back) {
    u8 kind = o->tree->kind[e];
    const binding *b = kind == AST_NAME || kind == AST_MEMBER ? named(o, e, at->names) : NULL;
    const ast_call *c =
        kind == AST_CALL && callee(call_of(o, e), at->names) == NULL ? call_of(o, e) : NULL;
    u16 fn = c != NULL ? number_function(called(o, c)) : FN_NONE;
    array a = {.form = form_of(o, e, at->names)};
    place in = domain(o, at, a.form);
    if (b != NULL && b->kind == ITEM_PAGE) {
        a.page = &o->pages[b->row], a.v = page_values(o, &o->pages[b->row], back);
    } else if (b != NULL && b->kind == BOUND_EXPR) {
        in = *at, in.names = b->env;
        return array_of(o, b->expr, &in, type, back);
    } else if (fn == FN_prev) {
        return array_of(o, argument(o, c, 0), at, type, back + 1);
    } else if (fn == FN_history) {
        array row = array_of(o, argument(o, c, 0), at, type, back);
        u64 lanes = lanes_of(row.form);
        a.page = row.page, a.skip = row.skip + 1, a.v = room(o, in.lanes);
        for (u32 k = 0; k < a.form.dims[0]; k++) {
            row = array_of(o, argument(o, c, 0), at, type, back + k);
            memcpy(a.v + k * lanes, row.v, lanes * sizeof(u64));
        }
    } else if (c != NULL && c->form == CALL_PLAIN &&
               (reduces(fn, c) || (fn >= FN_cumsum && fn < FN_prev))) {
        whole_call(o, c, fn, at, type, &a);
    } else {
        a.v = eval(o, e, &in, type);
    }
    return a;
}
