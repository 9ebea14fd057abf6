/* SPDX-License-Identifier: Apache-2.0
 * generate_whole: scans, sorts, order statistics, products, transposes, history and random numbers.
 */
#include "generate_maker.h"

typedef enum {
    CUMSUM,
    CUMPROD,
    CUMMIN,
    CUMMAX,
    SORT,
    ARGSORT,
    TOPK,
    MEDIAN,
    QUANTILE,
    TRANSPOSE,
    HISTORY,
    DOT,
    MATMUL,
    WHOLE_COUNT
} whole_kind;
static const char *const NAMES[] = {"cumsum",  "cumprod", "cummin", "cummax",   "sort",
                                    "argsort", "topk",    "median", "quantile", "transpose",
                                    "history", "dot",     "matmul"};

/* The type that the function makes of one; TYPE_NONE: it does not take it. */
static u8 made_type(u8 kind, u8 of) {
    bool arithmetic = kind <= CUMMAX || kind == MEDIAN || kind == QUANTILE || kind >= DOT;
    if (of == TYPE_BOOL && arithmetic) return TYPE_NONE;
    if (kind == ARGSORT) return TYPE_I64;
    if (type_is_float(of)) return of;
    if (kind == MEDIAN || kind == QUANTILE) return TYPE_F64;
    return kind > CUMPROD ? of : type_is_signed(of) ? TYPE_I64 : TYPE_U64;
}

/* A whole page: by name, or in an expression. */
static void argument(maker *m, const known *p) {
    around a = {.whole = true, .shape = p->shape, .quiet = !m->loud, .depth = 3};
    bool alone = p->shape == 255 || percent(m, 65);
    known copy = *p;
    if (!alone) put(m, "(");
    page_name(m, &copy);
    if (alone) return;
    put(m, copy.type == TYPE_BOOL ? " != " : percent(m, 60) ? " + " : " * ");
    expression(m, copy.type, &a, 1, true);
    put(m, ")");
}

static void put_second(maker *m, u8 kind, const known *p, const known *other, known *r) {
    static const char *const shares[] = {"0.0", "1.0", "0.5", "0.25", "0.9", "0.333", "0.999"};
    const known *q = kind == QUANTILE ? page_like(m, r->type, 0, 0) : NULL;
    if (kind == TOPK) put(m, ", %u", (u32)r->dims[r->rank - 1]);
    if (kind == HISTORY) put(m, ", %u", (u32)r->dims[0]);
    if (kind == DOT) put(m, ", "), argument(m, other);
    if (kind == QUANTILE && q != NULL && !q->later && percent(m, 30))
        put(m, ", 1.0 / (1.0 + abs(if isfinite(%s) then %s else 1.0))", q->name, q->name);
    else if (kind == QUANTILE)
        put(m, ", %s", PICK(m, shares));
    (void)p;
}

/* x [m, k] with y [k, n], y a vector, x a vector, or x with its own transpose. */
static bool put_matmul(maker *m, const known *p, known *r) {
    const known *y = NULL;
    for (u32 k = m->first; k < m->count; k++) {
        const known *q = &m->pages[k];
        bool fits = q->type == p->type && q->rank <= 2 && q->rank > 0 && q->rank + p->rank > 2 &&
                    q->dims[0] == p->dims[p->rank - 1] && !(m->only_sources && !q->source);
        if (fits && (y == NULL || percent(m, 50))) y = q;
    }
    bool own = p->rank == 2 && (y == NULL || percent(m, 30));
    if (p->rank > 2 || (y == NULL && !own)) return false;
    u64 columns = own ? p->dims[0] : y->rank == 2 ? y->dims[1] : 1;
    r->rank = 0;
    if (p->rank == 2) r->dims[r->rank++] = p->dims[0];
    if (own || y->rank == 2) r->dims[r->rank++] = columns;
    if (p->lanes * columns > 60000) return false;
    known left = *p, right = own ? *p : *y;
    put(m, "matmul(");
    argument(m, &left);
    put(m, own ? ", transpose(" : ", ");
    argument(m, &right);
    put(m, own ? "))" : ")");
    return true;
}

/* Writes some function of that type (TYPE_NONE: of any) and tells what it makes. */
static bool whole_text(maker *m, u8 type, known *r) {
    for (u32 tries = 0; tries < 8; tries++) {
        u8 kind = (u8)below(m, WHOLE_COUNT);
        const known *p = page_like(m, TYPE_NONE, 255, 9);
        if (p == NULL || p->rank == 0 || p->lanes > 6000) continue;
        u8 made = made_type(kind, p->type);
        if (made == TYPE_NONE || (type != TYPE_NONE && made != type)) continue;
        if ((kind == HISTORY && (p->rank > 3 || p->lanes > 600)) ||
            (kind == TRANSPOSE && p->rank < 2 && percent(m, 80)))
            continue;
        known from = *p;
        *r = (known){.type = made, .rank = from.rank, .shape = 255};
        memcpy(r->dims, from.dims, sizeof r->dims);
        if (kind == MATMUL && !put_matmul(m, &from, r)) continue;
        if (kind == TOPK) r->dims[r->rank - 1] = 1 + below(m, (u32)from.dims[from.rank - 1]);
        if (kind == MEDIAN || kind == QUANTILE) r->rank--;
        if (kind == DOT) r->rank = 0;
        for (u32 k = 0; kind == TRANSPOSE && k < from.rank; k++)
            r->dims[k] = from.dims[from.rank - 1 - k];
        if (kind == HISTORY) {
            memmove(r->dims + 1, r->dims, 3 * sizeof *r->dims);
            r->dims[0] = 1 + below(m, percent(m, 80) ? 5 : 12), r->rank++;
        }
        r->lanes = 1;
        for (u32 k = 0; k < r->rank; k++) r->lanes *= r->dims[k];
        if (kind == MATMUL) return true;
        const known *other = kind == DOT ? page_like(m, from.type, from.shape, 9) : NULL;
        put(m, "%s(", NAMES[kind]);
        if (kind == HISTORY)
            put(m, from.later || percent(m, 15) ? "prev(%s)" : "%s", from.name);
        else
            argument(m, &from);
        put_second(m, kind, &from, other != NULL ? other : &from, r);
        put(m, ")");
        return true;
    }
    return false;
}

bool whole_function(maker *m, u8 type, around *a) {
    known r;
    around scalar = {.whole = true, .depth = 3, .quiet = true};
    if (a->depth > 1 || !whole_text(m, type, &r)) return false;
    bool same = a->whole && r.rank == m->shapes[a->shape].rank &&
                memcmp(r.dims, m->shapes[a->shape].dims, r.rank * sizeof *r.dims) == 0;
    if (r.rank > 0 && !same) index_list(m, a->whole ? &scalar : a, &r);
    return true;
}

bool put_whole(maker *m) {
    u32 used = m->used;
    known r;
    put(m, "page w%u = ", m->count + 1);
    m->loud = true;
    u8 shape = !whole_text(m, TYPE_NONE, &r) ? 255 : shape_row(m, r.rank, r.dims);
    m->loud = false;
    if (shape == 255) {
        m->used = used, m->to[used] = 0;
        return false;
    }
    page_new(m, "w", r.type, shape);
    put(m, "\n");
    return true;
}

bool random_number(maker *m, u8 type, around *a) {
    if (type != TYPE_U32 && type != TYPE_F64) return false;
    around inner = *a;
    inner.depth = 3;
    put(m, "%s(", type == TYPE_U32 ? "rand_u32" : percent(m, 50) ? "uniform" : "normal");
    if (percent(m, 70))
        put(m, "%u, ", below(m, 1000));
    else
        expression(m, percent(m, 50) ? TYPE_U64 : TYPE_I32, &inner, 0, false), put(m, ", ");
    if (a->count > 0 && !a->whole && percent(m, 70))
        put(m, "%c", a->vars[below(m, a->count)].name);
    else
        expression(m, percent(m, 50) ? TYPE_I64 : TYPE_U8, &inner, 0, false);
    put(m, percent(m, 50) ? ", epoch)" : ")");
    return true;
}
