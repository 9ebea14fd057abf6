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
u8 shape_row(maker *m, u32 rank, const u64 *dims) {
    u64 lanes = 1;
    for (u32 k = 0; k < m->shape_count; k++)
        if (m->shapes[k].rank == rank && memcmp(m->shapes[k].dims, dims, rank * sizeof *dims) == 0)
            return (u8)k;
    if (m->shape_count == SHAPES_MAX) return 255;
    for (u32 k = 0; k < rank; k++) m->shapes[m->shape_count].dims[k] = dims[k], lanes *= dims[k];
    m->shapes[m->shape_count].rank = rank, m->shapes[m->shape_count].lanes = lanes;
    return (u8)m->shape_count++;
}
/* Most graphs are small; one in thirty has pages of several thousand lanes. */
static void shapes_make(maker *m) {
    static const u32 small[] = {1, 2, 3, 4, 5, 7, 8, 9, 12, 16, 17};
    static const u32 middle[] = {31, 60, 63, 64, 65, 66, 100, 127, 128, 129};
    static const u32 large[] = {511, 512, 513, 600, 1024, 1025};
    static const u32 huge[] = {2048, 4095, 4096, 4097, 5000};
    bool big = percent(m, 3);
    shape_row(m, 0, NULL);
    for (u32 k = 0; k < 1 + below(m, 3); k++) {
        u32 size = below(m, 100), rank = size < 55 ? 1 : size < 85 ? 2 : size < 95 ? 3 : 4;
        u64 lanes = 1, dims[4], most = big ? 5000 : percent(m, 15) ? 1100 : 260;
        for (u32 x = 0; x < rank; x++) {
            u32 way = below(m, 100);
            dims[x] = way < 60 ? PICK(m, small) : way < 90 ? PICK(m, middle) : PICK(m, large);
            if (big && x + 1 == rank) dims[x] = rank == 1 ? PICK(m, huge) : PICK(m, large);
            if (lanes * dims[x] > most) dims[x] = 1 + below(m, 2);
            lanes *= dims[x];
        }
        shape_row(m, rank, dims);
    }
}
known *page_new(maker *m, const char *prefix, u8 type, u8 shape) {
    known *p = &m->pages[m->count++];
    *p = (known){.type = type,
                 .shape = shape,
                 .rank = (u8)m->shapes[shape].rank,
                 .lanes = m->shapes[shape].lanes};
    memcpy(p->dims, m->shapes[shape].dims, sizeof p->dims);
    snprintf(p->name, sizeof p->name, "%s%u", prefix, m->count);
    return p;
}
/* An extent by its name in a node, by a param, or as a number. */
static void put_extent(maker *m, const known *p, u32 axis) {
    if (m->node_shape != 255 && p->shape == m->node_shape)
        put(m, "n%u", axis);
    else if (m->node_shape == 255 && p->shape == 1 && percent(m, 50))
        put(m, percent(m, 80) ? "d%u" : "d%u + 0", axis);
    else
        put(m, "%llu", (unsigned long long)p->dims[axis]);
}
void put_shape(maker *m, const known *p) {
    put(m, "%s", type_text(p->type));
    for (u32 k = 0; k < p->rank; k++) {
        put(m, k == 0 ? "[" : ", ");
        put_extent(m, p, k);
    }
    if (p->rank > 0) put(m, "]");
}
void put_axes(maker *m, const known *p) {
    for (u32 k = 0; k < p->rank; k++) {
        put(m, "%s%c: ", k == 0 ? "[" : ", ", "ijkl"[k]);
        put_extent(m, p, k);
    }
    if (p->rank > 0) put(m, "]");
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
u8 some_type(maker *m) {
    static const u8 types[] = {TYPE_F64, TYPE_F64, TYPE_F64, TYPE_F64, TYPE_F32,
                               TYPE_F32, TYPE_I32, TYPE_I64, TYPE_U8,  TYPE_U32,
                               TYPE_U64, TYPE_I16, TYPE_I8,  TYPE_U16, TYPE_BOOL};
    return PICK(m, types);
}
u8 some_shape(maker *m) { return (u8)(m->shape_count > 1 ? 1 + below(m, m->shape_count - 1) : 0); }
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

void put_definition(maker *m, known *p, bool whole, bool stated) {
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
                                     "count", "argmin", "argmax", "any",  "all"};
    const known *key = NULL, *x = NULL;
    for (u32 k = m->first; k < m->count; k++)
        if (m->pages[k].source && m->pages[k].below > 0 && m->pages[k].rank > 0 && percent(m, 60))
            key = &m->pages[k];
    if (key == NULL) return false;
    for (u32 k = m->first; k < m->count; k++) {
        const known *p = &m->pages[k];
        bool leads = p->rank >= key->rank && memcmp(p->dims, key->dims, key->rank * 8) == 0;
        if (leads && !p->later && (x == NULL || percent(m, p->rank > key->rank ? 70 : 30))) x = p;
    }
    if (x == NULL) return false;
    u32 what = below(m, (u32)ARRAY_COUNT(of));
    bool counts = what == 5, places = what == 6 || what == 7, boolean = what >= 8;
    bool adds = what == 0 || what == 3, rows = !counts && x->rank > key->rank;
    u8 type = counts || places                       ? TYPE_I64
              : boolean                              ? TYPE_BOOL
              : what == 4 && !type_is_float(x->type) ? TYPE_F64
              : adds && type_is_signed(x->type)      ? TYPE_I64
              : adds && !type_is_float(x->type)      ? TYPE_U64
                                                     : x->type;
    if (x->type == TYPE_BOOL && !boolean && !counts) return false;
    u64 dims[4] = {key->below + (percent(m, 30) ? below(m, 5) : 0)};
    u32 rank = 1;
    for (u32 k = key->rank; rows && k < x->rank; k++) dims[rank++] = x->dims[k];
    u8 shape = shape_row(m, rank, dims);
    if (shape == 255 || m->count + 1 >= PAGES_MAX) return false;
    known xx = *x, kk = *key, *p = page_new(m, "g", type, shape);
    around a = {.whole = true, .shape = xx.shape, .quiet = true, .depth = 2};
    around b = {.whole = true, .shape = kk.shape, .quiet = true, .depth = 2};
    put(m, "page %s: ", p->name);
    put_shape(m, p);
    m->count--;
    put(m, " = %s(", of[what]);
    if (!counts) {
        put(m, "%s", xx.name);
        if (boolean && xx.type != TYPE_BOOL) put(m, " > %s", type_is_float(xx.type) ? "0.5" : "2");
        if (!boolean && percent(m, 50)) {
            put(m, percent(m, 50) ? " + " : " * ");
            expression(m, xx.type, &a, below(m, 3), true);
        }
        put(m, " ");
    }
    put(m, "by %s", kk.name);
    if (percent(m, 35)) {
        put(m, " if ");
        if (percent(m, 50) || counts)
            expression(m, TYPE_BOOL, &b, 1, false);
        else
            put(m,
                xx.type == TYPE_BOOL     ? "%s"
                : type_is_float(xx.type) ? "%s < 1.0"
                                         : "%s < 3",
                xx.name);
    }
    put(m, ")");
    if (type != TYPE_BOOL && percent(m, 25)) put(m, percent(m, 50) ? " * 3" : " + 1");
    put(m, "\n");
    m->count++;
    return true;
}

void put_later(maker *m, u32 row) {
    known *p = &m->pages[row];
    bool whole = p->rank == 0 || percent(m, 50);
    around a = inside(m, p, whole);
    put(m, "page %s", p->name);
    if (!whole) put_axes(m, p);
    bool stated = (whole && p->rank > 0) || percent(m, 60);
    if (stated) put(m, ": ");
    if (stated && whole)
        put_shape(m, p);
    else if (stated)
        put(m, "%s", type_text(p->type));
    if (p->edge) put(m, " edge %s", percent(m, 50) ? "wrap" : "clamp");
    put(m, " = init ");
    m->only_sources = true;
    expression(m, p->type, &a, 1, stated);
    m->only_sources = false;
    put(m, " then prev(%s)", p->name);
    for (u32 k = 0; !whole && k < p->rank; k++)
        put(m, "%s%c%s", k == 0 ? "[" : ", ", "ijkl"[k], k + 1 == p->rank ? "]" : "");
    put(m, p->type == TYPE_BOOL ? " != " : percent(m, 70) ? " + " : " * ");
    expression(m, p->type, &a, 1 + below(m, 2), true);
    put(m, "\n");
}

void put_event(maker *m, u32 number) {
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

static void put_constants(maker *m) {
    for (u32 k = 0; m->shape_count > 1 && k < m->shapes[1].rank; k++)
        put(m, "param d%u = %llu\n", k, (unsigned long long)m->shapes[1].dims[k]);
    if (percent(m, 40)) {
        put(m, "const c0 = %u.25\nfn fn0(x, y: f64) = x * y + c0\n", below(m, 4));
        put(m, "fn fn1(x, y) = if x < y then x - y else fn0(x, y)\n");
        m->functions = 2;
    }
}

/* A page that reads the history of a state page: whole, a row, or the largest of all rows. */
static void put_past(maker *m, u32 row) {
    known from = m->pages[row];
    u32 rows = 1 + below(m, percent(m, 80) ? 5 : 12), way = below(m, 3);
    u64 dims[4] = {rows};
    if (from.rank > 3 || from.lanes > 600 || m->count + 1 >= PAGES_MAX) return;
    memcpy(dims + 1, from.dims, from.rank * sizeof *dims);
    u8 shape = way == 0 ? shape_row(m, from.rank + 1u, dims) : from.shape;
    if (shape == 255) return;
    known *p = page_new(m, "h", from.type, shape);
    bool most = way == 2 && from.type != TYPE_BOOL;
    put(m, "page %s", p->name);
    if (way != 0 && p->rank > 0) put_axes(m, p);
    put(m, " = %shistory(%s, %u)", most ? "max(" : "", from.name, rows);
    if (way != 0) put(m, "[%c", most ? 't' : (char)('0' + below(m, rows < 10 ? rows : 10)));
    for (u32 k = 0; way != 0 && k < p->rank; k++) put(m, ", %c", "ijkl"[k]);
    if (way != 0) put(m, "]");
    if (most) put(m, " for t: %u)", rows);
    put(m, "\n");
}

static void put_graph(maker *m, const char *module) {
    u32 inputs = 2 + below(m, 4), states = below(m, 3), pages = 2 + below(m, 8);
    for (u32 k = 0; k < inputs; k++)
        put_source(m, k == 0 ? TYPE_F64 : some_type(m), percent(m, 20) ? 0 : some_shape(m));
    if (module != NULL) put_nodes(m, module);
    u32 first = m->count;
    for (u32 k = 0; k < states; k++) {
        known *p = page_new(m, "z", some_type(m), percent(m, 30) ? 0 : some_shape(m));
        p->later = true;
        p->edge = p->rank > 0 && percent(m, 60);
    }
    for (u32 k = 0; k < pages && m->count + 8 < PAGES_MAX; k++) {
        u32 way = below(m, 100);
        if (way < 15 && put_keyed(m)) continue;
        if (way < 30 && put_whole(m)) continue;
        if (way < 55 && put_use(m)) continue;
        put_page(m);
    }
    for (u32 k = 0; k < states; k++) put_later(m, first + k);
    for (u32 k = 0; k < states; k++)
        if (percent(m, 40)) put_past(m, first + k);
    put_checks(m);
}

/* Items may come in any order. An item starts a line with a letter; a node ends with its brace. */
static void shuffle_items(maker *m) {
    static char text[GRAPH_TEXT_MAX];
    u32 start[1024], count = 0;
    bool inside = false;
    memcpy(text, m->to, m->used + 1);
    for (u32 k = 0; k < m->used && count + 1 < ARRAY_COUNT(start); k++) {
        bool line = k == 0 || text[k - 1] == '\n';
        if (line && !inside && text[k] != '}') start[count++] = k;
        if (line) inside = text[k] == '}' ? false : inside || strncmp(text + k, "node ", 5) == 0;
    }
    start[count] = m->used;
    m->used = 0;
    bool taken[1024] = {false};
    for (u32 k = 0; k < count; k++) {
        u32 at = below(m, count);
        while (taken[at]) at = (at + 1) % count;
        taken[at] = true;
        put(m, "%.*s", (int)(start[at + 1] - start[at]), text + start[at]);
    }
}

u32 generate_graph(u64 seed, char to[GRAPH_TEXT_MAX], char library[GRAPH_TEXT_MAX]) {
    maker m = {.c = {seed * 0xD1342543DE82EF95u + 1}, .to = to, .node_shape = 255};
    to[0] = library[0] = 0;
    put(&m, "graph g\n");
    shapes_make(&m);
    bool nodes = percent(&m, 40), imported = nodes && percent(&m, 30), named = percent(&m, 50);
    if (imported) put(&m, named ? "import \"lib.mmsbg\" as lib\n" : "import \"lib.mmsbg\"\n");
    if (imported) {
        u32 used = m.used;
        m.to = library, m.used = 0;
        put_nodes(&m, named ? "lib." : "");
        m.to = to, m.used = used;
    }
    put_constants(&m);
    put_graph(&m, nodes && !imported ? "" : NULL);
    if (percent(&m, 30)) shuffle_items(&m);
    return m.used;
}
