/* SPDX-License-Identifier: Apache-2.0
 * generate: writes a graph item by item, keeping in mind what is already defined, and changes to
 * its pages. */
#include "generate_maker.h"
#include <math.h>
#include <stdio.h>

u64 chance_next(chance *c) {
    u64 z = c->state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}
u32 chance_below(chance *c, u32 n) { return (u32)((chance_next(c) >> 32) * n >> 32); }
bool chance_percent(chance *c, u32 percent) { return chance_below(c, 100) < percent; }

/* ---- shapes ---- */
static void shapes_make(maker *m) {
    static const u32 small[] = {1, 2, 3, 4, 5, 7, 8, 9, 12, 16, 17};
    static const u32 middle[] = {31, 60, 63, 64, 65, 66, 100, 127, 128, 129};
    static const u32 large[] = {511, 512, 513, 600, 1024, 1025};
    m->shapes[0].lanes = 1;
    m->shape_count = 1;
    for (u32 k = 0; k < 1 + below(m, 3); k++) {
        u32 size = below(m, 100), rank = size < 55 ? 1 : size < 85 ? 2 : size < 95 ? 3 : 4;
        u64 lanes = 1;
        for (u32 x = 0; x < rank; x++) {
            u32 way = below(m, 100);
            u64 dim = way < 45 || lanes > 200 ? PICK(m, small)
                      : way < 85              ? PICK(m, middle)
                                              : PICK(m, large);
            if (rank == 1 && way == 99) dim = 4097;
            if (lanes * dim > 4200) dim = 2;
            m->shapes[m->shape_count].dims[x] = dim;
            lanes *= dim;
        }
        m->shapes[m->shape_count].rank = rank;
        m->shapes[m->shape_count++].lanes = lanes;
    }
}
static known *page_new(maker *m, const char *prefix, u8 type, u8 shape) {
    known *p = &m->pages[m->count++];
    *p = (known){.type = type,
                 .shape = shape,
                 .rank = (u8)m->shapes[shape].rank,
                 .lanes = m->shapes[shape].lanes};
    memcpy(p->dims, m->shapes[shape].dims, sizeof p->dims);
    snprintf(p->name, sizeof p->name, "%s%u", prefix, m->count);
    return p;
}
static void put_shape(maker *m, const known *p) {
    put(m, "%s", type_text(p->type));
    for (u32 k = 0; k < p->rank; k++)
        put(m, "%s%llu%s", k == 0 ? "[" : ", ", (unsigned long long)p->dims[k],
            k + 1 == p->rank ? "]" : "");
}
static void put_axes(maker *m, const known *p) {
    for (u32 k = 0; k < p->rank; k++)
        put(m, "%s%c: %llu%s", k == 0 ? "[" : ", ", "ijkl"[k], (unsigned long long)p -> dims[k],
            k + 1 == p -> rank ? "]" : "");
}
static void put_edges(maker *m, known *p) {
    static const char *const edges[] = {"clamp", "wrap", "mirror", "fill "};
    if (p->rank == 0 || percent(m, 45)) return;
    u32 count = percent(m, 60) ? 1 : p->rank;
    put(m, " edge ");
    for (u32 k = 0; k < count; k++) {
        u32 edge = below(m, 4);
        put(m, "%s%s", k == 0 ? "" : ", ", edges[edge]);
        if (edge == 3) literal(m, p->type, true);
    }
    p->edge = true;
}
static u8 some_type(maker *m) {
    static const u8 types[] = {TYPE_F64, TYPE_F64, TYPE_F64, TYPE_F64, TYPE_F32,
                               TYPE_F32, TYPE_I32, TYPE_I64, TYPE_U8,  TYPE_U32,
                               TYPE_U64, TYPE_I16, TYPE_I8,  TYPE_U16, TYPE_BOOL};
    return PICK(m, types);
}
static u8 some_shape(maker *m) {
    return (u8)(m->shape_count > 1 ? 1 + below(m, m->shape_count - 1) : 0);
}
static around inside(const maker *m, const known *p, bool whole) {
    around a = {.whole = whole,
                .shape = p->shape,
                .cost = m->shapes[p->shape < SHAPES_MAX ? p->shape : 0].lanes};
    a.cost = p->lanes;
    for (u32 k = 0; !whole && k < p->rank; k++)
        a.vars[a.count++] = (variable){"ijkl"[k], p -> dims[k]};
    return a;
}

/* ---- items ---- */
static void put_source(maker *m, u8 type, u8 shape) {
    known *p = page_new(m, "s", type, shape);
    bool indexed = p->rank > 0 && percent(m, 70);
    p->source = true;
    put(m, "source %s", p->name);
    if (indexed) put_axes(m, p);
    put(m, ": ");
    if (indexed)
        put(m, "%s", type_text(type));
    else
        put_shape(m, p);
    put_edges(m, p);
    char last = p->rank > 1 ? 'j' : 'i';
    u32 step = 1 + below(m, 11), shift = below(m, 20),
        most = 2 + below(m, percent(m, 60) ? 10 : 60);
    if (!indexed) {
        bool starts = percent(m, 60);
        if (starts) put(m, " = ");
        if (starts) literal(m, type, true);
    } else if (type == TYPE_BOOL) {
        put(m, " = (i * %u + %c) %% 5 %s %u", step, last, percent(m, 50) ? "==" : "<",
            1 + below(m, 3));
    } else if (type_is_float(type)) {
        put(m, " = %s((i * %u + %c * %u) %% %u) * 0.25 - %u.0", type_text(type), step, last, shift,
            most, below(m, 5));
    } else {
        put(m, " = %s((i * %u + %c + %u) %% %u)", type_text(type), step, last, shift, most);
        p->below = most;
    }
    put(m, "\n");
}

static void put_definition(maker *m, known *p, bool whole, bool stated) {
    around a = inside(m, p, whole);
    u32 depth = 1 + below(m, 5);
    put(m, "page %s", p->name);
    if (!whole) put_axes(m, p);
    if (stated) put(m, ": ");
    if (stated && whole)
        put_shape(m, p);
    else if (stated)
        put(m, "%s", type_text(p->type));
    put_edges(m, p);
    put(m, " = ");
    m->count--; /* the page itself is not known yet */
    expression(m, p->type, &a, depth, stated);
    m->count++;
    put(m, "\n");
}
static void put_page(maker *m) {
    u8 type = some_type(m), shape = percent(m, 30) ? 0 : some_shape(m);
    known *p = page_new(m, "p", type, shape);
    bool whole = p->rank == 0 || percent(m, 45);
    put_definition(m, p, whole, (whole && p->rank > 0) || percent(m, 70));
}

/* A keyed reduction by an integer source; false where there is none. */
static bool put_keyed(maker *m) {
    static const char *const of[] = {"sum",   "min",    "max",    "prod", "mean",
                                     "count", "argmin", "argmax", "any"};
    const known *key = NULL;
    for (u32 k = 0; k < m->count; k++)
        if (m->pages[k].source && m->pages[k].below > 0 && m->pages[k].rank > 0 && percent(m, 60))
            key = &m->pages[k];
    if (key == NULL || m->shape_count == SHAPES_MAX) return false;
    u32 what = below(m, (u32)ARRAY_COUNT(of));
    bool counts = what == 5, places = what == 6 || what == 7, boolean = what == 8;
    u8 type = boolean          ? TYPE_BOOL
              : percent(m, 60) ? TYPE_F64
              : percent(m, 50) ? TYPE_F32
              : what == 4      ? TYPE_F64 /* an integer mean is f64, stated as such */
                               : TYPE_I64;
    u8 shape = (u8)m->shape_count++, key_shape = key->shape;
    char key_name[8];
    memcpy(key_name, key->name, sizeof key_name);
    u64 groups = key->below + (percent(m, 30) ? below(m, 5) : 0);
    m->shapes[shape].rank = 1, m->shapes[shape].dims[0] = groups, m->shapes[shape].lanes = groups;
    known *p = page_new(m, "g", counts || places ? TYPE_I64 : type, shape);
    around a = {.whole = true, .shape = key_shape, .quiet = true, .cost = 1, .depth = 2};
    put(m, "page %s: ", p->name);
    put_shape(m, p);
    m->count--;
    put(m, " = %s(", of[what]);
    if (!counts) {
        const known *x = page_like(m, type, key_shape, 9); /* gives the argument its shape */
        if (x != NULL && !x->later)
            put(m, "(%s", x->name);
        else
            put(m, "(%s(%s)", type_text(type), key_name);
        put(m, type == TYPE_BOOL ? " != " : percent(m, 50) ? " + " : " * ");
        expression(m, type, &a, below(m, 3), true);
        put(m, ")");
    }
    put(m, " by %s", key_name);
    if (percent(m, 35)) {
        put(m, " if ");
        expression(m, TYPE_BOOL, &a, 1, false);
    }
    put(m, ")\n");
    m->count++;
    return true;
}

static void put_later(maker *m, u32 row) {
    known *p = &m->pages[row];
    bool whole = p->rank == 0 || percent(m, 50);
    around a = inside(m, p, whole);
    put(m, "page %s", p->name);
    if (!whole) put_axes(m, p);
    put(m, ": ");
    if (whole)
        put_shape(m, p);
    else
        put(m, "%s", type_text(p->type));
    if (p->edge) put(m, " edge %s", percent(m, 50) ? "wrap" : "clamp");
    put(m, " = init ");
    m->only_sources = true;
    expression(m, p->type, &a, 1, true);
    m->only_sources = false;
    put(m, " then prev(%s)", p->name);
    for (u32 k = 0; !whole && k < p->rank; k++)
        put(m, "%s%c%s", k == 0 ? "[" : ", ", "ijkl"[k], k + 1 == p->rank ? "]" : "");
    put(m, p->type == TYPE_BOOL ? " != " : percent(m, 70) ? " + " : " * ");
    expression(m, p->type, &a, 1 + below(m, 2), true);
    put(m, "\n");
}

static void put_event(maker *m, u32 number) {
    around a = {.whole = true, .quiet = true};
    put(m, "event e%u = ", number);
    expression(m, TYPE_BOOL, &a, 3, false);
    u32 count = below(m, 3);
    for (u32 k = 0; k < count; k++) {
        put(m, k == 0 ? " with " : ", ");
        expression(m, some_type(m), &a, 1, false);
    }
    put(m, "\n");
}

static void put_checks(maker *m) {
    const known *p = page_like(m, percent(m, 60) ? TYPE_F64 : TYPE_I32, 255, 9);
    u32 events = below(m, 3);
    for (u32 k = 0; k < events; k++) put_event(m, k);
    if (p != NULL && p->source && percent(m, 50))
        put(m, "assert %s(%s < %u%s)%s\n", p->rank > 0 ? "all" : "", p->name, 60 + below(m, 60),
            p->type == TYPE_F64 ? ".0" : "", percent(m, 50) ? " \"too large\"" : "");
    /* Half of the graphs export a part of their pages: the others may be fused away. */
    bool part = percent(m, 50);
    u32 exports = 0, share = 10 + below(m, 50);
    for (u32 k = 0; part && k < m->count; k++)
        if (percent(m, m->pages[k].source ? 5 : share))
            put(m, "%s%s", exports++ == 0 ? "export " : ", ", m->pages[k].name);
    if (exports > 0) put(m, "\n");
}

u32 generate_graph(u64 seed, char to[GRAPH_TEXT_MAX]) {
    maker m = {.c = {seed * 0xD1342543DE82EF95u + 1}, .to = to};
    to[0] = 0;
    put(&m, "graph g\n");
    shapes_make(&m);
    if (percent(&m, 40)) {
        put(&m, "fn fn0(x, y: f64) = x * y + %u.5\n", below(&m, 4));
        put(&m, "fn fn1(x, y) = if x < y then x - y else fn0(x, y)\n");
        m.functions = 2;
    }
    u32 inputs = 2 + below(&m, 4), states = below(&m, 3), pages = 2 + below(&m, 9);
    for (u32 k = 0; k < inputs; k++)
        put_source(&m, k == 0 ? TYPE_F64 : some_type(&m), percent(&m, 20) ? 0 : some_shape(&m));
    u32 first = m.count;
    for (u32 k = 0; k < states; k++) {
        known *p = page_new(&m, "z", some_type(&m), percent(&m, 30) ? 0 : some_shape(&m));
        p->later = true;
        p->edge = p->rank > 0 && percent(&m, 60);
    }
    for (u32 k = 0; k < pages; k++)
        if (!(percent(&m, 15) && put_keyed(&m))) put_page(&m);
    for (u32 k = 0; k < states; k++) put_later(&m, first + k);
    put_checks(&m);
    return m.used;
}

/* ---- changes ---- */
static u64 some_bits(chance *c, u8 type) {
    static const f64 floats[] = {0.0,  -0.0, 1.0,   -1.0,   0.5,      3.0,       17.25, -40.0,
                                 75.0, 1e-3, 1e300, -1e300, INFINITY, -INFINITY, NAN,   5e-324};
    if (type == TYPE_BOOL) return chance_below(c, 2);
    if (!type_is_float(type)) {
        u64 bits = chance_percent(c, 90) ? chance_below(c, 9) : chance_next(c);
        return type_bytes(type) == 8 ? bits : bits & ((1ull << 8 * type_bytes(type)) - 1);
    }
    f64 value = chance_percent(c, 25)
                    ? floats[chance_below(c, chance_percent(c, 70) ? 8 : (u32)ARRAY_COUNT(floats))]
                    : (f64)chance_below(c, 400) / 16.0 - 10.0;
    f32 narrow = (f32)value;
    u64 bits = 0;
    if (type == TYPE_F32)
        memcpy(&bits, &narrow, 4);
    else
        memcpy(&bits, &value, 8);
    return bits;
}

bool generate_delta(chance *c, const oracle *o, generated_delta *out) {
    u32 seen = 0;
    for (u32 k = 0; k < o->page_count; k++) {
        const oracle_page *p = &o->pages[k];
        bool takes = p->kind == ITEM_SOURCE || (p->kind == ITEM_PAGE && p->state && p->live);
        if (takes && p->lanes <= GENERATE_CHANGES_MAX && chance_below(c, ++seen) == 0)
            out->page = k;
    }
    if (seen == 0) return false;
    const oracle_page *p = &o->pages[out->page];
    u32 pattern = chance_below(c, 6), kinds = type_is_float(p->type) ? 4 : 7;
    u8 least = p->type == TYPE_BOOL ? CHANGE_AND : CHANGE_ADD;
    out->kind = chance_percent(c, 60) ? CHANGE_SET : (u8)(least + chance_below(c, kinds - least));
    out->broadcast = chance_percent(c, 30);
    out->masked = pattern == 3 || pattern == 4;
    out->first = pattern == 5 ? 0 : chance_below(c, (u32)p->lanes);
    u64 room = p->lanes - out->first;
    out->count = pattern < 2 ? 1 : pattern == 5 ? p->lanes : 1 + chance_below(c, (u32)room);
    out->used = 0;
    memset(out->mask, 0, sizeof out->mask);
    u32 share = 1 + chance_below(c, 60);
    for (u64 k = 0; out->masked && k < out->count; k++)
        if (pattern == 3 ? k % 64 == 0 : chance_percent(c, share))
            out->mask[k / 8] |= (u8)(1u << k % 8), out->used++;
    if (!out->masked) out->used = out->count;
    for (u64 k = 0; k < (out->broadcast ? 1 : out->used); k++) out->bits[k] = some_bits(c, p->type);
    return out->used > 0;
}
