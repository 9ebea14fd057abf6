/* SPDX-License-Identifier: Apache-2.0
 * front_pages: definitions in dependency order. Pages that need each other (through prev too) form
 * a group and share their literals' types; groups are taken in order, so that a page's shape and
 * type are known where it is read. No recursion over the graph. */
#include "front_state.h"

#include <stdio.h>

/* Edges of the graph of names: page -> pages that its definition may mention. */
typedef struct {
    u32 *first, *to; /* CSR by page */
    u32 *seen, page; /* of each symbol: the last page that named it */
    u32 count, capacity;
} name_edges;

static void edge_add(front *f, name_edges *e, u32 page) {
    ASSERT(page != 0 && page < f->ir->page_count);
    if (!arena_grow(f->memory, (void **)&e->to, &e->capacity, e->count + 1, sizeof(u32))) {
        f->out_of_memory = true;
        return;
    }
    e->to[e->count++] = page;
}

static void mentions(front *f, name_edges *e, u32 scope_row, u32 expr);

/* A node's param that is bound by an argument's shape needs that argument; one that is given needs
 * what its expression names. Each symbol counts once a page. */
static void mention(front *f, u32 row, void *context) {
    name_edges *e = context;
    ASSERT(row != 0 && row < f->symbol_count);
    if (e->seen[row] == e->page) return;
    e->seen[row] = e->page;
    if (f->symbols[row].page != 0) edge_add(f, e, f->symbols[row].page);
    if (f->symbols[row].expr != 0) mentions(f, e, f->symbols[row].expr_scope, f->symbols[row].expr);
}

/* Every page that an expression names. */
static void mentions(front *f, name_edges *e, u32 scope_row, u32 expr) {
    ASSERT(expr < f->tree->expr_count && (expr == 0 || scope_row != 0));
    if (expr != 0) names_visit(f, scope_row, expr, mention, e);
}

static bool edges_build(front *f, name_edges *e, u32 pages) {
    ASSERT(e->count == 0 && pages == f->ir->page_count);
    e->first = ARENA_ARRAY(f->memory, u32, pages + 1);
    e->seen = ARENA_ARRAY(f->memory, u32, f->symbol_count + 1u);
    if (e->first == NULL || e->seen == NULL) return false;
    for (u32 page = 1; page < pages; page++) {
        e->first[page] = e->count, e->page = page;
        u32 row = f->pages[page].item, in = f->pages[page].scope;
        const ast_item *item = &f->tree->items[row];
        if (row == 0) mentions(f, e, in, f->pages[page].argument);
        if (row == 0) continue;
        mentions(f, e, in, item->expr);
        for (u32 k = 0; k < item->shape_count; k++)
            mentions(f, e, in, f->tree->lists[item->shape_at + k]);
        for (u32 k = 0; k < item->axis_count; k++)
            mentions(f, e, in, f->tree->axes[item->axis_at + k].extent);
    }
    e->first[pages] = e->count;
    return !f->out_of_memory;
}

/* Tarjan's strongly connected components with a stack of its own; order[] gets pages, those needed
 * first. */
typedef struct {
    u32 *number, *low, *stack, *call, *at, *order;
    bool *on_stack;
    u32 next, stack_count, order_count;
} components;

static void component_close(front *f, components *c, u32 page) {
    ASSERT(c->stack_count > 0 && c->low[page] == c->number[page]);
    u32 member;
    do {
        member = c->stack[--c->stack_count];
        c->on_stack[member] = false;
        f->pages[member].group = page;
        c->order[c->order_count++] = member;
    } while (member != page);
}

static void components_from(front *f, const name_edges *e, components *c, u32 start) {
    ASSERT(c->number[start] == 0 && c->stack_count == 0);
    u32 depth = 0;
    c->call[0] = start;
    c->number[start] = c->low[start] = ++c->next;
    c->stack[c->stack_count++] = start, c->on_stack[start] = true, c->at[start] = e->first[start];
    for (;;) {
        u32 page = c->call[depth];
        if (c->at[page] < e->first[page + 1]) {
            u32 to = e->to[c->at[page]++];
            if (c->number[to] == 0) {
                c->number[to] = c->low[to] = ++c->next;
                c->stack[c->stack_count++] = to, c->on_stack[to] = true, c->at[to] = e->first[to];
                c->call[++depth] = to;
            } else if (c->on_stack[to] && c->number[to] < c->low[page]) {
                c->low[page] = c->number[to];
            }
            continue;
        }
        if (c->low[page] == c->number[page]) component_close(f, c, page);
        if (depth == 0) return;
        u32 parent = c->call[--depth];
        if (c->low[page] < c->low[parent]) c->low[parent] = c->low[page];
    }
}

static bool components_find(front *f, const name_edges *e, components *c, u32 pages) {
    ASSERT(e->first != NULL && pages > 0);
    u32 **tables[] = {&c->number, &c->low, &c->stack, &c->call, &c->at, &c->order};
    for (u32 k = 0; k < ARRAY_COUNT(tables); k++) {
        *tables[k] = ARENA_ARRAY(f->memory, u32, pages);
        if (*tables[k] == NULL) return false;
    }
    c->on_stack = ARENA_ARRAY(f->memory, bool, pages);
    if (c->on_stack == NULL) return false;
    for (u32 page = 1; page < pages; page++)
        if (c->number[page] == 0) components_from(f, e, c, page);
    return true;
}

static void edges_read(front *f, u32 page, const ast_item *item) {
    ASSERT(item->edge_count == 0 || item->edge_at < f->tree->edge_count);
    ir_page *p = &f->ir->pages[page];
    u32 axes = f->pages[page].shape == 0 ? 0 : f->shapes[f->pages[page].shape].axis_count;
    if (item->edge_count == 0) return;
    if (axes == 0) {
        diag_row *d = diag_add(f->diags, DIAG_EDGE_COUNT, f->tree->edges[item->edge_at].place,
                               "a scalar has no axes, and so no edge");
        diag_help(f->diags, d, "remove the edge, or give the page a shape");
        return;
    }
    if (item->edge_count != 1 && item->edge_count != axes) {
        diag_row *d = diag_add(f->diags, DIAG_EDGE_COUNT, f->tree->edges[item->edge_at].place,
                               "%u edges for %u axes", item->edge_count, axes);
        diag_help(f->diags, d, "give one edge for all axes, or one for each");
        return;
    }
    for (u32 k = 0; k < axes; k++) {
        const ast_edge *e = &f->tree->edges[item->edge_at + (item->edge_count == 1 ? 0 : k)];
        p->edge[k] = e->kind;
        if (e->kind != EDGE_FILL) continue;
        u8 type = class_type(f, f->pages[page].class);
        if (type != TYPE_NONE &&
            !constant_element(f, f->pages[page].scope, e->value, &type, &p->fill[k]))
            p->edge[k] = EDGE_CLAMP;
    }
}

/* What the item states: axes, shape, type. False after an error, or where a dimension waits for the
 * shape of an argument: then it is read again. */
static bool header_read(front *f, u32 page) {
    ASSERT(page != 0 && page < f->ir->page_count);
    ASSERT(f->pages[page].progress != DONE);
    front_page *p = &f->pages[page];
    if (p->item == 0 && p->class == 0) p->class = class_new(f, p->argument_type, 0);
    if (p->item == 0) return true;
    const ast_item *item = &f->tree->items[p->item];
    if (p->class == 0)
        p->class = class_new(f, item->kind == ITEM_EVENT ? TYPE_BOOL : item->type, 0);
    u32 exprs[32], shape = 0;
    bool ok = true;
    f->waits = false;
    if (item->indexed) {
        for (u32 k = 0; k < item->axis_count && k < 32; k++)
            exprs[k] = f->tree->axes[item->axis_at + k].extent;
        ok = constant_shape(f, p->scope, exprs, item->axis_count, &shape);
        if (ok && item->has_shape) {
            diag_row *d = diag_add(f->diags, DIAG_STATED_SHAPE, item->name_span,
                                   "`%s` states its shape twice", f->ir->pages[page].name);
            diag_help(f->diags, d, "in index form the axes are the shape: write `: %s`",
                      type_text(item->type));
        }
    } else if (item->has_shape) {
        ok =
            constant_shape(f, p->scope, f->tree->lists + item->shape_at, item->shape_count, &shape);
    }
    f->pages[page].header_waits = f->waits;
    f->pages[page].shape = shape;
    if (f->waits) return false;
    f->pages[page].shape_known =
        !ok || item->indexed || item->type != TYPE_NONE || item->kind == ITEM_EVENT;
    return ok;
}

/* A state page took the shape of its scalar `init`, and the rest is an array. */
static void shape_unstated(front *f, u32 page, u32 shape) {
    ASSERT(shape != 0 && f->pages[page].item != 0);
    char text[120];
    diag_row *d =
        diag_add(f->diags, DIAG_SHAPE_UNKNOWN, f->tree->items[f->pages[page].item].name_span,
                 "the shape of `%s` must be stated: its `init` is a scalar, the rest is %s",
                 f->ir->pages[page].name, shape_text(f, shape, text, sizeof text));
    diag_help(f->diags, d, "write `page %s: %s%s = ...`", f->ir->pages[page].name,
              type_text(class_type(f, f->pages[page].class) == TYPE_NONE
                            ? TYPE_F64
                            : class_type(f, f->pages[page].class)),
              text);
}

static void stated_check(front *f, u32 page, u32 row) {
    ASSERT(row != 0 && row < f->term_count && f->pages[page].progress == DONE);
    front_page *p = &f->pages[page];
    const ast_item *item = p->item != 0 ? &f->tree->items[p->item] : NULL;
    u32 shape = f->terms[row].shape;
    char a[120], b[120];
    if (!p->shape_known)
        p->shape = shape, p->shape_known = true;
    else if (shape != 0 && !shape_same(f, shape, p->shape)) {
        bool scalar = item == NULL ? p->parameter == 0 : item->kind == ITEM_EVENT;
        if (p->shape == 0 && scalar) {
            diag_row *d = diag_add(f->diags, DIAG_NOT_SCALAR, f->tree->place[f->terms[row].expr],
                                   "asserts, events and their values are scalars, but this is %s",
                                   shape_text(f, shape, b, sizeof b));
            diag_help(f->diags, d, "reduce it: any(...), all(...), sum(...), or read one element");
            return;
        }
        if (item != NULL && item->type == TYPE_NONE && item->kind == ITEM_PAGE && !item->indexed) {
            shape_unstated(f, page, shape);
            return;
        }
        diag_row *d =
            diag_add(f->diags, DIAG_STATED_SHAPE, f->tree->place[f->terms[row].expr],
                     "`%s` is stated as %s, but this is %s", f->ir->pages[page].name,
                     shape_text(f, p->shape, a, sizeof a), shape_text(f, shape, b, sizeof b));
        if (item != NULL) diag_second(f->diags, d, item->name_span, "stated here");
        diag_help(f->diags, d, "state %s, or reduce the expression", b);
    }
    if (item != NULL && item->kind != ITEM_EVENT)
        class_stated(f, p->class, f->terms[row].class, f->terms[row].expr, f->ir->pages[page].name,
                     item->name_span);
    else if (item != NULL || p->argument_type == TYPE_BOOL)
        class_bool(f, f->terms[row].class, f->terms[row].expr);
    else
        class_join(f, p->class, f->terms[row].class, f->terms[row].expr);
}

/* Takes back an attempt: the hidden pages and terms from these rows on. Its literals never met what
 * would have decided their type, so nothing may look at them. */
void attempt_forget(front *f, u32 pages, u32 terms) {
    ASSERT(pages <= f->ir->page_count && terms <= f->term_count);
    for (u32 k = terms; k < f->term_count; k++) f->terms[k].kind = TERM_ERROR;
    for (u32 k = pages; k < f->ir->page_count; k++) {
        u32 of = f->pages[k].prev_of;
        if (of != 0 && of < pages && f->pages[of].prev_page == k) f->pages[of].prev_page = 0;
    }
    f->ir->page_count = pages;
}

/* Elaborates one definition; false where a shape that it needs is not known yet. */
static bool define(front *f, u32 page) {
    ASSERT(f->pages[page].progress != DONE);
    front_page *p = &f->pages[page];
    const ast_item *item = &f->tree->items[p->item];
    if (p->header_waits && !header_read(f, page) && f->pages[page].header_waits) return false;
    p = &f->pages[page];
    f->page = page, f->scope = p->scope, f->depth = 0, f->local_count = f->local_base = 0;
    f->whole = !item->indexed, f->unknown = f->waits = false;
    f->term_first = f->term_count, f->limit_hit = false;
    f->source_start = item->kind == ITEM_SOURCE;
    u32 errors = f->diags->error_count, pages = f->ir->page_count, terms = f->term_count;
    u32 expr = p->item != 0 ? item->expr : p->argument;
    bool stated = p->shape_known && p->item != 0 && item->type != TYPE_NONE;
    for (u32 k = 0; item->indexed && k < item->axis_count && k < PAGE_AXES_MAX; k++) {
        const ast_axis *axis = &f->tree->axes[item->axis_at + k];
        f->extents[k] = p->shape == 0 ? 1 : f->shapes[p->shape].dims[k];
        local_push(f, (local){.name = axis->name, .var = k, .extent = f->extents[k]});
        f->depth++;
    }
    u32 row = elaborate(f, expr);
    f->source_start = false;
    f->local_count = 0;
    if ((f->unknown || f->waits) && f->diags->error_count == errors) {
        attempt_forget(f, pages, terms); /* made again when more shapes are known */
        return false;
    }
    f->pages[page].progress = DONE;
    f->pages[page].term = row;
    if (!term_bad(f, row)) {
        stated_check(f, page, row);
        return true;
    }
    f->pages[page].shape_known = true, f->pages[page].wrong = !stated;
    return true;
}

/* A definition as epoch 0 takes it, first parts of `init` only, may have a shape where the whole
 * has not yet: tried when nothing else is known. Its errors are left to the whole definition. */
static bool shape_from_start(front *f, u32 page) {
    ASSERT(f->pages[page].progress != DONE);
    front_page *p = &f->pages[page];
    if (p->shape_known || p->header_waits) return false;
    u32 expr = p->item != 0 ? f->tree->items[p->item].expr : p->argument;
    f->page = page, f->scope = p->scope, f->depth = 0, f->local_count = f->local_base = 0,
    f->whole = true, f->unknown = f->waits = false, f->term_first = f->term_count;
    f->limit_hit = false;
    u32 errors = f->diags->error_count, told = f->diags->count, pages = f->ir->page_count,
        terms = f->term_count;
    f->start_only = true;
    u32 row = elaborate(f, expr);
    f->start_only = false, f->local_count = 0;
    bool bad = f->diags->error_count != errors,
         known = !f->unknown && !f->waits && !term_bad(f, row);
    u32 shape = known ? f->terms[row].shape : 0;
    attempt_forget(f, pages, terms);
    f->diags->count = told, f->diags->error_count = errors;
    if (bad || known) f->pages[page].shape = shape, f->pages[page].shape_known = true;
    return f->pages[page].shape_known;
}

/* Whether a definition reads the past of anything. */
static bool reads_past(const front *f, u32 page) {
    ASSERT(page != 0 && page < f->ir->page_count);
    const ast *t = f->tree;
    const ast_item *item = &t->items[f->pages[page].item];
    if (f->pages[page].item == 0) return false;
    for (u32 k = 1; k < t->call_count; k++) {
        const ast_call *call = &t->calls[k];
        bool inside = call->name_span.file == item->whole.file &&
                      call->name_span.begin >= item->whole.begin &&
                      call->name_span.end <= item->whole.end;
        const char *name = ast_text(t, call->name);
        if (inside && (strcmp(name, "prev") == 0 || strcmp(name, "history") == 0)) return true;
    }
    return false;
}

/* A group whose shapes cannot be found has a cycle without init: told once, as a path. */
static void shape_unknown(front *f, const name_edges *e, u32 page) {
    ASSERT(f->pages[page].progress != DONE);
    char text[1000];
    u32 path[64], count = 0, at = page, used = 0, from = 0;
    bool past = false, closed = false;
    while (count < ARRAY_COUNT(path) && !closed) {
        path[count++] = at;
        u32 next = 0;
        for (u32 k = e->first[at]; k < e->first[at + 1] && next == 0; k++)
            if (f->pages[e->to[k]].group == f->pages[page].group) next = e->to[k];
        if (next == 0) break;
        for (u32 k = 0; k < count && !closed; k++) closed = path[k] == next, from = k;
        at = next;
    }
    for (u32 k = from; k < count && used < 800; k++) {
        past = past || reads_past(f, path[k]);
        used +=
            (u32)snprintf(text + used, sizeof text - used, "%s -> ", f->ir->pages[path[k]].name);
    }
    snprintf(text + used, sizeof text - used, "%s", f->ir->pages[path[from]].name);
    const ir_page *first = &f->ir->pages[path[from]];
    span where = f->ir->places[first->place].at;
    if (past) {
        diag_row *d =
            diag_add(f->diags, DIAG_NEEDS_INIT, where,
                     "`%s` needs its own past before there is one: %s", first->name, text);
        diag_help(f->diags, d, "say what it starts with: `page %s = init ... then ...`",
                  first->name);
    } else {
        diag_row *d = diag_add(f->diags, DIAG_CYCLE, where,
                               "pages need each other in the same epoch: %s", text);
        diag_help(f->diags, d,
                  "read the past of one of them, with a start: `init ... then ... prev(%s) ...`",
                  first->name);
    }
}

static void group_elaborate(front *f, const name_edges *e, const u32 *members, u32 count) {
    ASSERT(count > 0);
    u32 first_class = f->class_count == 0 ? 1 : f->class_count,
        first_term = f->term_count == 0 ? 1 : f->term_count;
    f->rule_first = f->rule_count;
    u32 left = count;
    for (u32 k = 0; k < count; k++) {
        front_page *p = &f->pages[members[k]];
        if (header_read(f, members[k]) || f->pages[members[k]].header_waits) continue;
        f->pages[members[k]].wrong = true, f->pages[members[k]].progress = DONE;
        ASSERT(p->item != 0);
        left--;
    }
    while (left > 0 && !f->out_of_memory) {
        u32 before = left;
        for (u32 k = 0; k < count; k++) {
            front_page *p = &f->pages[members[k]];
            bool has_body = p->item != 0 ? f->tree->items[p->item].expr != 0 : p->argument != 0;
            if (p->progress == DONE) continue;
            if (!has_body) {
                p->progress = DONE, p->shape_known = true;
                left--;
            } else if (define(f, members[k])) {
                left--;
            }
        }
        if (left < before || left == 0) continue;
        bool any = false;
        for (u32 k = 0; k < count; k++)
            any |= f->pages[members[k]].progress != DONE && shape_from_start(f, members[k]);
        if (any) continue;
        bool told = false;
        for (u32 k = 0; k < count; k++) {
            if (f->pages[members[k]].progress == DONE) continue;
            if (!told) shape_unknown(f, e, members[k]);
            told = true;
            f->pages[members[k]].progress = DONE, f->pages[members[k]].shape_known = true;
        }
        break;
    }
    classes_close(f, first_class);
    terms_check(f, first_term, f->term_count);
    for (u32 k = 0; k < count; k++) {
        u32 item = f->pages[members[k]].item;
        if (item != 0) edges_read(f, members[k], &f->tree->items[item]);
    }
}

/* Hidden pages copy what their page's edges turned out to be. */
static void hidden_edges(front *f) {
    ASSERT(f->ir->page_count > 0);
    for (u32 page = 1; page < f->ir->page_count; page++) {
        u32 of = f->pages[page].prev_of;
        if (of == 0) continue;
        memcpy(f->ir->pages[page].edge, f->ir->pages[of].edge, sizeof f->ir->pages[of].edge);
        memcpy(f->ir->pages[page].fill, f->ir->pages[of].fill, sizeof f->ir->pages[of].fill);
    }
    for (u32 page = 1; page < f->ir->page_count; page++)
        if (f->pages[page].history_of != 0) history_edges(f, page);
}

bool pages_elaborate(front *f) {
    ASSERT(f->passes_done == PASS_ITEMS);
    u32 pages = f->ir->page_count;
    name_edges e = {0};
    components c = {0};
    if (pages == 0) return true;
    if (!edges_build(f, &e, pages) || !components_find(f, &e, &c, pages)) return false;
    ASSERT(c.order_count == pages - 1);
    for (u32 k = 0; k < c.order_count && !f->out_of_memory;) {
        u32 end = k + 1;
        while (end < c.order_count && f->pages[c.order[end]].group == f->pages[c.order[k]].group)
            end++;
        group_elaborate(f, &e, c.order + k, end - k);
        ASSERT(f->pages[c.order[k]].shape_known || f->out_of_memory);
        k = end;
    }
    hidden_edges(f);
    arena_give_back(f->memory, e.to, (u64)e.capacity * sizeof(u32));
    arena_give_back(f->memory, e.seen, (f->symbol_count + 1u) * sizeof(u32));
    u32 *tables[] = {e.first, c.number, c.low, c.stack, c.call, c.at, c.order};
    for (u32 k = 0; k < ARRAY_COUNT(tables); k++)
        arena_give_back(f->memory, tables[k], pages * sizeof(u32));
    return !f->out_of_memory;
}
