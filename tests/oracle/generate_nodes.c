/* SPDX-License-Identifier: Apache-2.0
 * generate_nodes: nodes with pages, states, checks and nodes of their own, and their instances. */
#include "generate_maker.h"
#include <stdio.h>

/* Nodes for arguments of any size; results have the first argument's shape. */
static const struct {
    const char *name, *arguments, *results[3], *text;
} WRITTEN[] = {
    {"roll",
     "vk",
     {"mid", "dev"},
     "node roll(x: f64[n], param k) -> (mid, dev) {\n"
     "  page past = history(x, k)\n"
     "  page mid[i: n] = sum(past[j, i] for j: k) / f64(k)\n"
     "  page dev[i: n] = sqrt(sum((past[j, i] - mid[i]) ** 2 for j: k) / f64(k))\n}\n"},
    {"track",
     "vss",
     {"x", "p"},
     "node track(z: f64[n], q: f64, r: f64) -> (x, p) {\n"
     "  page before: f64[n] = init r then prev(p) + q\n"
     "  page gain: f64[n] = init 1.0 then before / (before + r)\n"
     "  page x: f64[n] = init z then prev(x) + gain * (z - prev(x))\n"
     "  page p: f64[n] = init r then (1.0 - gain) * before\n"
     "  event wide = max(p) > 2.0 with max(p), argmax(p)\n}\n"},
    {"heat",
     "ms",
     {"u"},
     "node heat(first: f64[h, w], k: f64) -> (u) {\n"
     "  page u[i: h, j: w] edge clamp, mirror = init first[i, j] then\n"
     "    let m = prev(u)[i, j] in m + k * (prev(u)[i-1, j] + prev(u)[i, j+1] - 2.0 * m)\n}\n"},
    {"ranks",
     "v",
     {"r", "s"},
     "node ranks(x: f64[n]) -> (r, s) {\n"
     "  page r[i: n] = f64(argsort(x)[i] * n)\n"
     "  page s = cumsum(x) - median(x)\n"
     "  event up = s[n-1] > prev(s)[n-1] with s[0], max(x)\n"
     "  assert count(isnan(x)) < n + 1 \"more than all\"\n}\n"},
    {"diff", "g", {"d"}, "node diff(x) -> (d) {\n  page d = x - prev(x)\n}\n"},
    {"gram",
     "m",
     {"y"},
     "node gram(a: f64[m, n]) -> (y) {\n  page t = matmul(transpose(a), a)\n"
     "  page y = matmul(a, t)\n  use o = ema(y, 0.5)\n  page z = o.y\n}\n"
     "node ema(x, rate: f64) -> (y) {\n"
     "  page y = init x then prev(y) + rate * (x - prev(y))\n}\n"},
    {"twice",
     "vk",
     {"y"},
     "node twice(x: f64[n], param k) -> (y) {\n  use a = inner(x, k + 1)\n"
     "  use b = inner(a.y + x, k)\n  page y = a.y + b.y * f64(k) + b.keep\n}\n"
     "node inner(x: f64[n], param k) -> (y) {\n  page keep = prev(x)\n"
     "  page y[i: n] = sum(x[(i + j) % n] for j: k) + keep[i]\n"
     "  event odd = y[0] != keep[0]\n}\n"}};

static void put_written(maker *m, const char *module) {
    u32 row = below(m, (u32)ARRAY_COUNT(WRITTEN));
    node_made *n = &m->nodes[m->node_count];
    char name[24];
    snprintf(name, sizeof name, "%s%s", module, WRITTEN[row].name);
    for (u32 k = 0; k < m->node_count; k++)
        if (strcmp(m->nodes[k].name, name) == 0) return;
    *n = (node_made){.result_count = 0};
    m->node_count++;
    memcpy(n->name, name, sizeof n->name);
    snprintf(n->arguments, sizeof n->arguments, "%s", WRITTEN[row].arguments);
    for (u32 k = 0; k < 3 && WRITTEN[row].results[k] != NULL; k++) {
        known *r = &n->results[n->result_count++];
        *r = (known){.type = TYPE_F64, .shape = 255};
        snprintf(r->name, sizeof r->name, "%s", WRITTEN[row].results[k]);
    }
    put(m, "%s", WRITTEN[row].text);
}

/* The parameters of a node of random pages; the first one's shape names its extents. */
static void put_parameters(maker *m, node_made *n) {
    u32 count = 1 + below(m, 3);
    put(m, "node %s(", strchr(n->name, '.') != NULL ? strchr(n->name, '.') + 1 : n->name);
    for (u32 k = 0; k < count; k++) {
        u8 type = k == 0 ? TYPE_F64 : some_type(m);
        bool scalar = k > 0 && percent(m, 40);
        if (k > 0) put(m, ", ");
        if (k > 0 && percent(m, 25)) {
            put(m, "param k%u", m->node_params++);
            n->arguments[k] = 'k';
            continue;
        }
        known *p = page_new(m, "x", type, scalar ? 0 : m->node_shape);
        p->source = true;
        put(m, "%s", p->name);
        if (k == 0 || percent(m, 80)) put(m, ": "), put_shape(m, p);
        n->like[k] = *p;
        n->arguments[k] = 'x';
    }
    put(m, ") -> (");
}

static void put_body(maker *m) {
    u32 states = below(m, 2), row = m->count, pages = 1 + below(m, 3);
    if (states > 0) {
        known *z = page_new(m, "z", some_type(m), percent(m, 30) ? 0 : m->node_shape);
        z->later = true;
    }
    for (u32 k = 0; k < pages; k++) {
        if (percent(m, 20) && put_use(m)) continue;
        known *p = page_new(m, "p", some_type(m), percent(m, 25) ? 0 : m->node_shape);
        bool whole = p->rank == 0 || percent(m, 45);
        put_definition(m, p, whole, (whole && p->rank > 0) || percent(m, 70));
    }
    if (states > 0) put_later(m, row);
    if (percent(m, 30)) put_event(m, 0);
    if (percent(m, 15)) put(m, "assert all(%s < 90.0 || true)\n", m->pages[m->first].name);
}

static void put_random_node(maker *m, const char *module) {
    node_made n = {.result_count = 0};
    u32 first = m->first, count = m->count, functions = m->functions;
    if (m->node_count == NODES_MAX || m->shape_count < 2) return;
    snprintf(n.name, sizeof n.name, "%snode%u", module, m->lets++);
    m->first = m->count, m->node_shape = some_shape(m), m->functions = 0, m->node_params = 0;
    put_parameters(m, &n);
    u32 hole = m->used, inside = m->count;
    static char body[GRAPH_TEXT_MAX];
    put(m, ") {\n");
    put_body(m);
    put(m, "}\n");
    snprintf(body, sizeof body, "%s", m->to + hole);
    m->used = hole;
    for (u32 k = inside; k < m->count && n.result_count < 3; k++) {
        const known *p = &m->pages[k];
        bool member = strchr(p->name, '.') != NULL;
        if (member || (n.result_count > 0 && percent(m, 50))) continue;
        put(m, n.result_count == 0 ? "%s" : ", %s", p->name);
        n.results[n.result_count] = *p;
        n.results[n.result_count++].later = false;
    }
    if (n.result_count == 0) put(m, "%s", m->pages[m->first].name);
    put(m, "%s", body);
    m->first = first, m->count = count, m->node_shape = 255, m->functions = functions;
    m->node_params = 0;
    if (n.result_count > 0) m->nodes[m->node_count++] = n;
}

void put_nodes(maker *m, const char *module) {
    u32 wanted = 1 + below(m, 3);
    for (u32 k = 0; k < wanted && m->node_count + 1 < NODES_MAX; k++)
        if (percent(m, 45))
            put_written(m, module);
        else
            put_random_node(m, module);
}

/* The argument for one letter; NULL-named where none fits. */
static known fitting(maker *m, const node_made *n, u32 k) {
    char letter = n->arguments[k];
    const known *p = NULL;
    known none = {.rank = 0};
    if (letter == 'v' || letter == 'm') p = page_like(m, TYPE_F64, 255, letter == 'v' ? 1 : 2);
    if (letter == 'g') p = page_like(m, TYPE_F64, 255, 9);
    if (letter == 'x') p = page_like(m, n->like[k].type, n->like[k].shape, 9);
    if (p == NULL || p->lanes > 3000) return none;
    return *p;
}

bool put_use(maker *m) {
    if (m->node_count == 0 || m->count + 8 > PAGES_MAX) return false;
    node_made n = m->nodes[below(m, m->node_count)];
    known given[8];
    u32 count = (u32)strlen(n.arguments);
    for (u32 k = 0; k < count; k++) {
        bool shaped =
            strchr("vmg", n.arguments[k]) != NULL || (n.arguments[k] == 'x' && n.like[k].rank > 0);
        given[k] = fitting(m, &n, k);
        if (shaped && given[k].name[0] == 0) return false;
    }
    const char *name =
        m->node_shape != 255 && strchr(n.name, '.') ? strchr(n.name, '.') + 1 : n.name;
    u32 use = m->uses++;
    around scalar = {.whole = true, .quiet = true, .depth = 2};
    put(m, "use o%u = %s(", use, name);
    for (u32 k = 0; k < count; k++) {
        if (k > 0) put(m, ", ");
        bool page = given[k].name[0] != 0;
        u8 type = n.arguments[k] == 'x' ? n.like[k].type : TYPE_F64;
        if (n.arguments[k] == 'k')
            put(m, "%u", 1 + below(m, 4));
        else if (!page)
            expression(m, type, &scalar, 1, false);
        else {
            page_name(m, &given[k]);
            if (type != TYPE_BOOL && percent(m, 25))
                put(m, " + %s", type_is_float(type) ? "0.5" : "1");
        }
    }
    put(m, ")\n");
    for (u32 k = 0; k < n.result_count; k++) {
        known r = n.results[k], *p = &m->pages[m->count++];
        if (r.shape == 255) {
            r.shape = given[0].shape, r.rank = given[0].rank, r.lanes = given[0].lanes;
            memcpy(r.dims, given[0].dims, sizeof r.dims);
        }
        *p = r;
        p->edge = p->source = false;
        snprintf(p->name, sizeof p->name, "o%u.%.12s", use, r.name);
    }
    return true;
}
