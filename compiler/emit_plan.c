/* SPDX-License-Identifier: Apache-2.0
 * emit_plan: the cost report of an image, as text and as JSON: memory by purpose, nodes by wave,
 * and the lanes and bytes that a change of one lane, or of all, of each source costs. Needs a
 * verified image. The figures follow the footprints; cutoff only makes a run cheaper. */
#include "emit_plan.h"

#include <stdlib.h>

#include "../engine/core/layout.h"
#include "../kernels/whole_sizes.h"

typedef unsigned long long llu;
typedef struct {
    f64 nodes, lanes, bytes;
} plan_cost;

static f64 f64_min(f64 a, f64 b) { return a < b ? a : b; }
static f64 page_lanes(const image *i, u32 page) {
    ASSERT(page < i->page_count);
    return (f64)i->shapes[i->pages[page].shape].lanes;
}

/* Lanes of a WHOLE node's domain that one changed lane of an operand makes it look at. */
static f64 whole_work(const image *i, u32 row, u32 page, f64 changed) {
    ASSERT(i->nodes[row].kind == NODE_WHOLE && i->nodes[row].reduce < WHOLE_COUNT);
    const image_node *n = &i->nodes[row];
    f64 domain = (f64)i->shapes[n->shape].lanes, outer = (f64)layout_outer_lanes(i, row);
    f64 inner = domain / outer, out = page_lanes(i, n->output);
    if (n->reduce == WHOLE_DOT || (n->reduce == WHOLE_QUANTILE && page == n->present))
        return domain;
    if (n->reduce != WHOLE_MATMUL) return f64_min(domain, changed * inner);
    f64 columns = out / outer, rows = page == n->element ? f64_min(outer, changed) * columns : 0;
    f64 sides = page == n->present ? f64_min(columns, changed) * outer : 0;
    return f64_min(out, rows + sides) * inner;
}

/* Domain lanes that a changed part of a read makes a node redo. */
static f64 read_work(const image *i, u32 row, const image_read *r, f64 changed) {
    ASSERT(changed >= 0 && r->node == row);
    const image_node *n = &i->nodes[row];
    f64 domain = (f64)i->shapes[n->shape].lanes, lanes = page_lanes(i, r->page);
    bool tree = n->kind == NODE_REDUCE || n->kind == NODE_KEYED;
    f64 unit = tree ? LEAF_LANES : 1;
    if (changed == 0) return 0;
    if (n->kind == NODE_WHOLE) return whole_work(i, row, r->page, changed);
    switch ((read_kind)r->kind) {
    case READ_ALL:
    case READ_GROUP: return domain;
    case READ_AFFINE:
    case READ_GATHER:
        return f64_min(domain, changed * unit * (domain > lanes ? domain / lanes : 1));
    default: return f64_min(domain, changed * unit);
    }
}

static f64 node_width(const image *i, const image_node *n) {
    ASSERT(n->kind < NODE_KIND_COUNT);
    f64 width = 0;
    for (u32 r = 0; r < n->read_count; r++)
        width += type_bytes(i->pages[i->reads[n->read_at + r].page].type);
    for (u32 c = 0; c < n->uniform_count + n->tile_count; c++) {
        const image_instruction *x = &i->instructions[n->program_at + c];
        if (x->op == IN_STORE) width += type_bytes(i->pages[x->imm].type);
    }
    return n->kind == NODE_MAP ? width : width + type_bytes(i->pages[n->output].type);
}

static void outputs_change(const image *i, u32 row, f64 work, f64 *changed) {
    ASSERT(row < i->node_count && work >= 0);
    const image_node *n = &i->nodes[row];
    for (u32 c = 0; c < n->uniform_count + n->tile_count; c++) {
        const image_instruction *x = &i->instructions[n->program_at + c];
        if (x->op == IN_STORE) changed[x->imm] = f64_min(page_lanes(i, x->imm), work);
    }
    if (n->kind == NODE_MAP) return;
    f64 out = page_lanes(i, n->output), units = n->kind == NODE_WHOLE ? work : work / LEAF_LANES;
    changed[n->output] = f64_min(out, units < 1 ? 1 : units);
}

/* What an epoch costs in which `changed` says how many lanes of each page moved. */
static plan_cost cost_of(const image *i, f64 *changed) {
    ASSERT(i->later_count <= i->node_count);
    plan_cost cost = {0};
    for (u32 k = 0; k < i->later_count; k++) {
        u32 row = i->later[k];
        const image_node *n = &i->nodes[row];
        f64 work = 0, domain = (f64)i->shapes[n->shape].lanes;
        for (u32 r = 0; r < n->read_count; r++) {
            const image_read *read = &i->reads[n->read_at + r];
            work += read_work(i, row, read, changed[read->page]);
        }
        if (work == 0) continue;
        if (n->kind != NODE_WHOLE || n->reduce != WHOLE_MATMUL) work = f64_min(work, domain);
        cost.nodes++, cost.lanes += work, cost.bytes += work * node_width(i, n);
        outputs_change(i, row, work, changed);
    }
    return cost;
}

static plan_cost source_cost(const image *i, f64 *changed, u32 page, f64 lanes) {
    ASSERT(page != 0 && page < i->page_count && lanes >= 0);
    memset(changed, 0, i->page_count * sizeof *changed);
    changed[page] = lanes;
    return cost_of(i, changed);
}

/* A tick: the epoch's number, and pages read by prev where all of them move. */
static plan_cost tick_cost(const image *i, f64 *changed) {
    ASSERT(i->page_count > 0);
    memset(changed, 0, i->page_count * sizeof *changed);
    for (u32 k = 1; k < i->page_count; k++) {
        const image_page *p = &i->pages[k];
        bool moves = p->kind == PAGE_EPOCH ||
                     (p->kind == PAGE_PREV && (i->pages[p->of].flags & PAGE_STATE) != 0);
        if (moves) changed[k] = page_lanes(i, k);
    }
    return cost_of(i, changed);
}

static f64 bytes_stored(const image *i, u32 row) {
    ASSERT(row < i->node_count);
    const image_node *n = &i->nodes[row];
    f64 bytes = 0;
    for (u32 c = 0; c < n->uniform_count + n->tile_count; c++) {
        const image_instruction *x = &i->instructions[n->program_at + c];
        if (x->op == IN_STORE) bytes += page_lanes(i, x->imm) * type_bytes(i->pages[x->imm].type);
    }
    return n->kind == NODE_MAP
               ? bytes
               : bytes + page_lanes(i, n->output) * type_bytes(i->pages[n->output].type);
}

static void names_print(const image *i, u32 row, const char *quote, FILE *to) {
    ASSERT(row < i->node_count);
    const image_node *n = &i->nodes[row];
    const char *between = "";
    for (u32 c = 0; c < n->uniform_count + n->tile_count; c++) {
        const image_instruction *x = &i->instructions[n->program_at + c];
        if (x->op != IN_STORE) continue;
        fprintf(to, "%s%s%s%s", between, quote, image_string(i, i->pages[x->imm].name), quote);
        between = ", ";
    }
    if (n->kind != NODE_MAP)
        fprintf(to, "%s%s%s", quote, image_string(i, i->pages[n->output].name), quote);
}

static const char *kind_text(const image_node *n) {
    ASSERT(n->kind != NODE_WHOLE || n->reduce < WHOLE_COUNT);
    static const char *const wholes[WHOLE_COUNT] = {"cumsum", "cumprod", "cummin", "cummax",
                                                    "sort",   "argsort", "topk",   "quantile",
                                                    "matmul", "dot"};
    static const char *const reduces[REDUCE_COUNT] = {"sum", "prod",   "min",
                                                      "max", "argmin", "argmax"};
    if (n->kind == NODE_MAP) return "map";
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

static void text_print(const image *i, f64 *changed, FILE *to) {
    fprintf(to, "graph %s: %u pages, %u nodes, %u waves\n\nmemory in bytes\n",
            image_string(i, i->head->name), i->page_count - 1, i->node_count, wave_count(i));
    for (u32 k = 0; k < ARRAY_COUNT(purposes); k++)
        fprintf(to, "  %-12s %15llu\n", purposes[k].name, (llu)purpose_bytes(i, k));
    fprintf(to, "\n%5s %-9s %15s %15s  %s\n", "wave", "node", "lanes", "bytes stored", "pages");
    for (u32 k = 0; k < i->later_count; k++) {
        const image_node *n = &i->nodes[i->later[k]];
        fprintf(to, "%5u %-9s %15llu %15.0f  ", n->wave1, kind_text(n),
                (llu)i->shapes[n->shape].lanes, bytes_stored(i, i->later[k]));
        names_print(i, i->later[k], "", to);
        fprintf(to, "\n");
    }
    fprintf(to, "\n%-24s %7s %15s %15s %7s %15s %15s\n", "when this changes", "nodes", "lanes",
            "bytes", "nodes", "lanes", "bytes");
    fprintf(to, "%-24s %39s %39s\n", "", "one lane", "all lanes");
    for (u32 k = 1; k < i->page_count; k++) {
        if (i->pages[k].kind != PAGE_SOURCE) continue;
        plan_cost one = source_cost(i, changed, k, 1),
                  all = source_cost(i, changed, k, page_lanes(i, k));
        fprintf(to, "%-24s %7.0f %15.0f %15.0f %7.0f %15.0f %15.0f\n",
                image_string(i, i->pages[k].name), one.nodes, one.lanes, one.bytes, all.nodes,
                all.lanes, all.bytes);
    }
    plan_cost tick = tick_cost(i, changed);
    fprintf(to, "%-24s %39s %7.0f %15.0f %15.0f\n", "a tick, at most", "", tick.nodes, tick.lanes,
            tick.bytes);
}

static void json_cost(const char *name, plan_cost c, FILE *to) {
    fprintf(to, "\"%s\": {\"nodes\": %.0f, \"lanes\": %.0f, \"bytes\": %.0f}", name, c.nodes,
            c.lanes, c.bytes);
}

static void json_print(const image *i, f64 *changed, FILE *to) {
    fprintf(to, "{\"graph\": \"%s\", \"waves\": %u,\n \"memory\": {",
            image_string(i, i->head->name), wave_count(i));
    for (u32 k = 0; k < ARRAY_COUNT(purposes); k++)
        fprintf(to, "%s\"%s\": %llu", k == 0 ? "" : ", ", purposes[k].name,
                (llu)purpose_bytes(i, k));
    fprintf(to, "},\n \"nodes\": [");
    for (u32 k = 0; k < i->later_count; k++) {
        const image_node *n = &i->nodes[i->later[k]];
        fprintf(
            to,
            "%s\n  {\"wave\": %u, \"kind\": \"%s\", \"lanes\": %llu, \"bytes\": %.0f, \"pages\": [",
            k == 0 ? "" : ",", n->wave1, kind_text(n), (llu)i->shapes[n->shape].lanes,
            bytes_stored(i, i->later[k]));
        names_print(i, i->later[k], "\"", to);
        fprintf(to, "]}");
    }
    fprintf(to, "],\n \"sources\": [");
    const char *between = "";
    for (u32 k = 1; k < i->page_count; k++) {
        if (i->pages[k].kind != PAGE_SOURCE) continue;
        fprintf(to, "%s\n  {\"name\": \"%s\", ", between, image_string(i, i->pages[k].name));
        json_cost("one", source_cost(i, changed, k, 1), to);
        fprintf(to, ", ");
        json_cost("all", source_cost(i, changed, k, page_lanes(i, k)), to);
        fprintf(to, "}");
        between = ",";
    }
    fprintf(to, "],\n ");
    json_cost("tick", tick_cost(i, changed), to);
    fprintf(to, "}\n");
}

int plan_emit(const image *i, bool json, FILE *to) {
    ASSERT(i->plan != NULL);
    f64 *changed = calloc(i->page_count + 1u, sizeof *changed);
    if (changed == NULL) return 1;
    (json ? json_print : text_print)(i, changed, to);
    free(changed);
    return 0;
}

mmsb_status plan_budget(const image *i, const plan_limits *limits, message *m) {
    ASSERT(limits->page_count == 0 || limits->pages != NULL);
    u64 bytes = i->plan->arena_bytes;
    u32 waves = wave_count(i);
    if (limits->bytes_max != 0 && bytes > limits->bytes_max) {
        u32 most = 0;
        for (u32 k = 1; k < i->page_count; k++)
            if (page_lanes(i, k) * type_bytes(i->pages[k].type) >
                page_lanes(i, most) * type_bytes(i->pages[most].type))
                most = k;
        return message_set(
            m, MMSB_WRONG,
            "the run needs %llu bytes, the budget is %llu; its largest page is %s (%.0f)",
            (llu)bytes, (llu)limits->bytes_max, image_string(i, i->pages[most].name),
            page_lanes(i, most) * type_bytes(i->pages[most].type));
    }
    if (limits->waves_max != 0 && waves > limits->waves_max)
        return message_set(m, MMSB_WRONG, "the graph has %u waves, the budget is %llu", waves,
                           (llu)limits->waves_max);
    f64 *changed = calloc(i->page_count + 1u, sizeof *changed);
    mmsb_status status = changed == NULL ? message_set(m, MMSB_OUT_OF_SPACE, "no memory") : MMSB_OK;
    for (u32 k = 0; k < limits->page_count && status == MMSB_OK; k++) {
        const plan_page_limit *p = &limits->pages[k];
        u32 page = image_find_page(i, p->name, p->name_bytes);
        if (page == 0) {
            status = message_set(m, MMSB_USAGE, "a budget names %.*s, but there is no such page",
                                 (int)p->name_bytes, p->name);
            break;
        }
        f64 lanes = source_cost(i, changed, page, 1).lanes;
        if (lanes > (f64)p->lanes_max)
            status = message_set(m, MMSB_WRONG,
                                 "one changed lane of %.*s redoes %.0f lanes, the budget is %llu",
                                 (int)p->name_bytes, p->name, lanes, (llu)p->lanes_max);
    }
    free(changed);
    return status;
}
