/* SPDX-License-Identifier: Apache-2.0
 * emit_plan: the cost report of an image, as text and as JSON: memory by purpose, nodes by wave
 * with what a change costs each, what a change of each source and a tick cost in all, and the pages
 * that fusion left out. Also the budgets. Needs a verified image. */
#include "emit_plan.h"

#include "../kernels/whole_sizes.h"
#include "plan_cost.h"

typedef unsigned long long llu;
/* The node table's figures, of each row of LATER. */
typedef struct {
    plan_work *one, *all, *tick;
} node_work;

static f64 bytes_stored(const image *i, u32 row) {
    f64 bytes = 0;
    ASSERT(row < i->node_count);
    for (u32 s = 0; s < plan_store_count(i, row); s++)
        bytes += plan_page_bytes(i, plan_store(i, row, s));
    return bytes;
}

static void names_print(const image *i, u32 row, const char *quote, FILE *to) {
    ASSERT(row < i->node_count);
    for (u32 s = 0; s < plan_store_count(i, row); s++) {
        const image_page *p = &i->pages[plan_store(i, row, s)];
        fprintf(to, "%s%s%s%s", s == 0 ? "" : ", ", quote, image_string(i, p->name), quote);
    }
}

static const char *kind_text(const image *i, u32 row) {
    const image_node *n = &i->nodes[row];
    ASSERT(n->kind != NODE_WHOLE || n->reduce < WHOLE_COUNT);
    static const char *const wholes[WHOLE_COUNT] = {"cumsum", "cumprod", "cummin", "cummax",
                                                    "sort",   "argsort", "topk",   "quantile",
                                                    "matmul", "dot"};
    static const char *const reduces[REDUCE_COUNT] = {"sum", "prod",   "min",
                                                      "max", "argmin", "argmax"};
    if (n->kind == NODE_MAP) return plan_is_ring(i, row) ? "ring" : "map";
    if (n->kind == NODE_KERNEL) return "kernel";
    return n->kind == NODE_WHOLE ? wholes[n->reduce] : reduces[n->reduce];
}

static const struct {
    const char *name;
    size_t at;
} purposes[] = {{"pages", offsetof(image_plan, pages_bytes)},
                {"prev", offsetof(image_plan, prev_bytes)},
                {"dirty sets", offsetof(image_plan, dirty_bytes)},
                {"partials", offsetof(image_plan, partials_bytes)},
                {"indexes", offsetof(image_plan, index_bytes)},
                {"undo", offsetof(image_plan, undo_bytes)},
                {"scratch", offsetof(image_plan, scratch_bytes)},
                {"total", offsetof(image_plan, arena_bytes)}};
static u64 purpose_bytes(const image *i, u32 k) {
    ASSERT(k < ARRAY_COUNT(purposes));
    u64 bytes;
    memcpy(&bytes, (const u8 *)i->plan + purposes[k].at, 8);
    return bytes;
}

static u32 wave_count(const image *i) {
    u32 waves = 0;
    for (u32 k = 0; k < i->later_count; k++) {
        u32 wave = i->nodes[i->later[k]].wave1 + 1;
        waves = wave > waves ? wave : waves;
    }
    return waves;
}

static plan_work *work_copy(const plan_cost *c, arena *a) {
    u64 bytes = c->i->later_count * sizeof(plan_work);
    plan_work *copy = arena_take(a, bytes + 1, _Alignof(plan_work));
    ASSERT(c->nodes <= c->i->later_count);
    if (copy != NULL && bytes != 0) memcpy(copy, c->work, bytes);
    return copy;
}

static void text_nodes(const image *i, const node_work *w, FILE *to) {
    fprintf(to, "\n%42s %31s %31s %15s\n%4s %-8s %12s %15s %15s %15s %15s %15s %15s  pages\n", "",
            "one lane of each source", "all lanes of each source", "a tick, at most", "wave",
            "node", "lanes", "bytes stored", "read", "written", "read", "written", "lanes");
    for (u32 k = 0; k < i->later_count; k++) {
        const image_node *n = &i->nodes[i->later[k]];
        fprintf(to, "%4u %-8s %12llu %15.0f %15.0f %15.0f %15.0f %15.0f %15.0f  ", n->wave1,
                kind_text(i, i->later[k]), (llu)i->shapes[n->shape].lanes,
                bytes_stored(i, i->later[k]), w->one[k].read, w->one[k].written, w->all[k].read,
                w->all[k].written, w->tick[k].lanes);
        ASSERT(n->wave1 < i->later_count);
        names_print(i, i->later[k], "", to);
        fprintf(to, "\n");
    }
}

/* How a history's rows are kept, and why. */
static const char *ring_text(const image *i, u32 row, u32 page) {
    ASSERT(page < i->page_count);
    if (plan_is_ring(i, row))
        return "ring: an epoch writes row 0, twice; row r is dirty where row r - 1 was";
    for (u32 k = 0; k < i->kernel_page_count; k++)
        if (i->kernel_pages[k] == page)
            return "row-major: an epoch moves every row; a kernel reads them";
    return "row-major: an epoch moves every row";
}

/* Histories, and how their rows are kept. */
static void text_rings(const image *i, FILE *to) {
    bool any = false;
    image_ring r;
    for (u32 k = 0; k < i->later_count; k++) {
        if ((i->nodes[i->later[k]].flags & NODE_IN_EPOCH0) != 0 ||
            !image_ring_find(i, i->later[k], &r))
            continue;
        ASSERT(r.rows >= 2);
        f64 row = (f64)r.lanes * type_bytes(i->pages[r.page].type);
        if (!any)
            fprintf(to, "\n%-32s %12s %15s  %s\n", "histories", "rows", "bytes a row", "kept as");
        any = true;
        fprintf(to, "  %-30s %12llu %15.0f  %s\n", image_string(i, i->pages[r.page].name),
                (llu)r.rows, row, ring_text(i, i->later[k], r.page));
    }
}

static void text_fused(const plan_fused *f, u32 count, FILE *to) {
    if (count != 0) fprintf(to, "\nfused away, neither stored nor readable%26s\n", "bytes saved");
    for (u32 k = 0; k < count; k++) {
        ASSERT(f[k].lanes >= 1 && f[k].type < TYPE_COUNT);
        fprintf(to, "  %-46s %15llu\n", f[k].name, (llu)(f[k].lanes * type_bytes(f[k].type)));
    }
}

static void text_row(const char *name, const plan_cost *c, FILE *to) {
    ASSERT(c->nodes <= c->i->later_count);
    fprintf(to, "%-24s %7u %15.0f %15.0f %15.0f\n", name, c->nodes, c->total.lanes, c->total.read,
            c->total.written);
}

static void text_print(plan_cost *c, const node_work *w, const plan_fused *f, u32 fused, FILE *to) {
    const image *i = c->i;
    char name[300];
    fprintf(to, "graph %s: %u pages, %u nodes, %u waves\n\nmemory in bytes\n",
            image_string(i, i->head->name), i->page_count - 1, i->node_count, wave_count(i));
    for (u32 k = 0; k < ARRAY_COUNT(purposes); k++)
        fprintf(to, "  %-12s %15llu\n", purposes[k].name, (llu)purpose_bytes(i, k));
    text_nodes(i, w, to);
    text_rings(i, to);
    text_fused(f, fused, to);
    fprintf(to, "\n%-24s %7s %15s %15s %15s\n", "when this changes", "nodes", "lanes", "bytes read",
            "written");
    for (u32 k = 1; k < i->page_count; k++) {
        if (i->pages[k].kind != PAGE_SOURCE) continue;
        ASSERT(plan_page_lanes(i, k) >= 1);
        const char *page = image_string(i, i->pages[k].name);
        bool scalar = plan_page_lanes(i, k) == 1;
        plan_cost_page(c, k, 1);
        snprintf(name, sizeof name, "%s%s", page, scalar ? "" : ", one lane");
        text_row(name, c, to);
        if (scalar) continue;
        plan_cost_page(c, k, plan_page_lanes(i, k));
        snprintf(name, sizeof name, "%s, all", page);
        text_row(name, c, to);
    }
    plan_cost_tick(c);
    text_row("a tick, at most", c, to);
}

static void json_work(const char *name, plan_work w, FILE *to) {
    ASSERT(w.lanes >= 0 && w.read >= 0 && w.written >= 0);
    fprintf(to, "\"%s\": {\"lanes\": %.0f, \"read\": %.0f, \"written\": %.0f}", name, w.lanes,
            w.read, w.written);
}

static void json_nodes(const image *i, const node_work *w, FILE *to) {
    fprintf(to, " \"nodes\": [");
    for (u32 k = 0; k < i->later_count; k++) {
        const image_node *n = &i->nodes[i->later[k]];
        ASSERT(i->later[k] < i->node_count);
        fprintf(to, "%s\n  {\"wave\": %u, \"kind\": \"%s\", \"lanes\": %llu, \"bytes\": %.0f, ",
                k == 0 ? "" : ",", n->wave1, kind_text(i, i->later[k]),
                (llu)i->shapes[n->shape].lanes, bytes_stored(i, i->later[k]));
        json_work("one", w->one[k], to);
        fprintf(to, ", ");
        json_work("all", w->all[k], to);
        fprintf(to, ", ");
        json_work("tick", w->tick[k], to);
        fprintf(to, ", \"pages\": [");
        names_print(i, i->later[k], "\"", to);
        fprintf(to, "]}");
    }
    fprintf(to, "],\n");
}

static void json_print(plan_cost *c, const node_work *w, const plan_fused *f, u32 fused, FILE *to) {
    const image *i = c->i;
    fprintf(to, "{\"graph\": \"%s\", \"waves\": %u,\n \"memory\": {",
            image_string(i, i->head->name), wave_count(i));
    for (u32 k = 0; k < ARRAY_COUNT(purposes); k++)
        fprintf(to, "%s\"%s\": %llu", k == 0 ? "" : ", ", purposes[k].name,
                (llu)purpose_bytes(i, k));
    fprintf(to, "},\n");
    json_nodes(i, w, to);
    fprintf(to, " \"fused\": [");
    for (u32 k = 0; k < fused; k++)
        fprintf(to, "%s\n  {\"name\": \"%s\", \"bytes\": %llu}", k == 0 ? "" : ",", f[k].name,
                (llu)(f[k].lanes * type_bytes(f[k].type)));
    fprintf(to, "],\n \"sources\": [");
    const char *between = "";
    for (u32 k = 1; k < i->page_count; k++) {
        if (i->pages[k].kind != PAGE_SOURCE) continue;
        ASSERT(plan_page_lanes(i, k) >= 1);
        fprintf(to, "%s\n  {\"name\": \"%s\", ", between, image_string(i, i->pages[k].name));
        plan_cost_page(c, k, 1);
        json_work("one", c->total, to);
        fprintf(to, ", ");
        plan_cost_page(c, k, plan_page_lanes(i, k));
        json_work("all", c->total, to);
        fprintf(to, "}");
        between = ",";
    }
    fprintf(to, "],\n ");
    plan_cost_tick(c);
    json_work("tick", c->total, to);
    fprintf(to, "}\n");
}

int plan_emit(const image *i, const plan_fused *f, u32 fused, bool json, FILE *to) {
    arena *a = arena_open(0);
    plan_cost c;
    node_work w = {NULL, NULL, NULL};
    ASSERT(fused == 0 || f != NULL);
    if (a == NULL) return 1;
    bool ok = plan_cost_open(&c, i, a);
    if (ok) plan_cost_sources(&c, false), w.one = work_copy(&c, a);
    if (ok) plan_cost_sources(&c, true), w.all = work_copy(&c, a);
    if (ok) plan_cost_tick(&c), w.tick = work_copy(&c, a);
    ok = ok && w.one != NULL && w.all != NULL && w.tick != NULL;
    if (ok) (json ? json_print : text_print)(&c, &w, f, fused, to);
    arena_close(a);
    return ok ? 0 : 1;
}

/* The page that takes the most memory. */
static u32 page_largest(const image *i) {
    u32 most = 1;
    ASSERT(i->page_count > 1);
    for (u32 k = 1; k < i->page_count; k++)
        if (plan_page_bytes(i, k) > plan_page_bytes(i, most)) most = k;
    return i->pages[most].kind == PAGE_PREV ? i->pages[most].of : most;
}

static void bytes_check(const image *i, u64 most, plan_broken *out, message *m) {
    u64 bytes = i->plan->arena_bytes;
    ASSERT(out->page == 0);
    if (most == 0 || bytes <= most || i->page_count < 2) return;
    out->page = page_largest(i);
    message_set(m, MMSB_WRONG,
                "the run needs %llu bytes, its budget is %llu; most are of `%s`: %.0f", (llu)bytes,
                (llu)most, image_string(i, i->pages[out->page].name),
                plan_page_bytes(i, out->page));
}

static void waves_check(const image *i, u64 most, plan_broken *out, message *m) {
    u32 waves = wave_count(i);
    ASSERT(out->page == 0);
    for (u32 k = 0; most != 0 && waves > most && k < i->later_count && out->page == 0; k++)
        if (i->nodes[i->later[k]].wave1 >= most) out->page = plan_store(i, i->later[k], 0);
    if (out->page != 0)
        message_set(m, MMSB_WRONG,
                    "the graph has %u waves, its budget is %llu; `%s` is the first past it", waves,
                    (llu)most, image_string(i, i->pages[out->page].name));
}

static mmsb_status page_check(plan_cost *c, const plan_page_limit *p, plan_broken *out,
                              message *m) {
    const image *i = c->i;
    u32 page = image_find_page(i, p->name, p->name_bytes), worst = 0;
    bool takes = page != 0 &&
                 (i->pages[page].kind == PAGE_SOURCE || (i->pages[page].flags & PAGE_STATE) != 0);
    ASSERT(out->page == 0);
    if (!takes)
        return message_set(m, MMSB_USAGE, "a budget names %.*s, which is no source or state page",
                           (int)u64_min(p->name_bytes, 200), p->name);
    plan_cost_page(c, page, 1);
    if (c->total.lanes <= (f64)p->lanes_max) return MMSB_OK;
    for (u32 k = 0; k < i->later_count; k++)
        if (c->work[k].lanes > c->work[worst].lanes) worst = k;
    u32 most = plan_store(i, i->later[worst], 0);
    out->page = page;
    message_set(m, MMSB_WRONG,
                "one changed lane of `%s` redoes %.0f lanes, its budget is %llu; most are of `%s`",
                image_string(i, i->pages[page].name), c->total.lanes, (llu)p->lanes_max,
                image_string(i, i->pages[most].name));
    return MMSB_WRONG;
}

mmsb_status plan_budget(const image *i, const plan_limits *limits, arena *a, plan_broken *out,
                        message *m) {
    plan_cost c;
    ASSERT(limits->page_count == 0 || limits->pages != NULL);
    *out = (plan_broken){0};
    bytes_check(i, limits->bytes_max, out, m);
    if (out->page == 0) waves_check(i, limits->waves_max, out, m);
    if (out->page != 0) return MMSB_WRONG;
    if (limits->page_count == 0) return MMSB_OK;
    if (!plan_cost_open(&c, i, a)) return message_set(m, MMSB_OUT_OF_SPACE, "no memory");
    for (u32 k = 0; k < limits->page_count; k++) TRY(page_check(&c, &limits->pages[k], out, m));
    return MMSB_OK;
}
