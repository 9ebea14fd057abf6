/* SPDX-License-Identifier: Apache-2.0
 * front: the front's passes in order, and the items that are not definitions of pages: asserts,
 * events' values, exports. */
#include "front.h"

#include "front_state.h"

/* A hidden scalar page for an assert's condition or an event's value. */
static u32 scalar_page(front *f, const char *what, u32 scope_row, u32 expr, u8 type) {
    ASSERT(scope_row != 0 && scope_row < f->scope_count && expr < f->tree->expr_count);
    ASSERT(type == TYPE_BOOL || type == TYPE_NONE);
    f->page = 0, f->scope = scope_row;
    u32 page = page_add_hidden(f, what, expr);
    if (page == 0) return 0;
    f->pages[page].scope = scope_row;
    f->pages[page].argument = expr;
    f->pages[page].argument_type = type;
    f->ir->pages[page].live = true;
    return page;
}

static void assert_add(front *f, u32 scope_row, const ast_item *item) {
    ASSERT(item->kind == ITEM_ASSERT && item->expr < f->tree->expr_count);
    ir *g = f->ir;
    u32 page = scalar_page(f, "assert", scope_row, item->expr, TYPE_BOOL);
    if (page == 0 || !arena_grow(f->memory, (void **)&g->asserts, &g->assert_capacity,
                                 g->assert_count + 1, sizeof(ir_assert))) {
        f->out_of_memory = true;
        return;
    }
    f->pages[page].shape_known = true;
    g->asserts[g->assert_count++] =
        (ir_assert){page, ast_text(f->tree, item->text), g->pages[page].place};
}

static void event_add(front *f, u32 scope_row, const ast_item *item) {
    ASSERT(item->kind == ITEM_EVENT && f->passes_done == PASS_CONSTANTS);
    ir *g = f->ir;
    u32 row = names_find(f, scope_row, item->name, false);
    u32 page = row != 0 ? f->symbols[row].page : 0, values[64];
    if (page == 0) return;
    if (item->list_count > ARRAY_COUNT(values)) {
        diag_row *d = diag_add(f->diags, DIAG_LIMIT, item->name_span,
                               "an event carries at most %u values", (u32)ARRAY_COUNT(values));
        diag_help(f->diags, d, "split the event");
        return;
    }
    for (u32 k = 0; k < item->list_count; k++)
        values[k] =
            scalar_page(f, "value", scope_row, f->tree->lists[item->list_at + k], TYPE_NONE);
    if (!arena_grow(f->memory, (void **)&g->events, &g->event_capacity, g->event_count + 1,
                    sizeof(ir_event)) ||
        !arena_grow(f->memory, (void **)&g->lists, &g->list_capacity,
                    g->list_count + item->list_count + 1, sizeof(u32))) {
        f->out_of_memory = true;
        return;
    }
    g->events[g->event_count++] =
        (ir_event){page, g->pages[page].name, g->list_count, item->list_count};
    for (u32 k = 0; k < item->list_count; k++) {
        g->lists[g->list_count++] = values[k];
        f->pages[values[k]].shape_known = true;
    }
}

/* Asserts and events of a scope, and of the instances in it. */
static void others_collect(front *f, u32 scope_row, const u32 *items, u32 count) {
    ASSERT(scope_row != 0 && scope_row < f->scope_count);
    for (u32 k = 0; k < count && !f->out_of_memory; k++) {
        ast_item item = f->tree->items[items[k]];
        if (item.kind == ITEM_ASSERT) assert_add(f, scope_row, &item);
        if (item.kind == ITEM_EVENT) event_add(f, scope_row, &item);
    }
}

static void others_all(front *f) {
    ASSERT(f->passes_done == PASS_CONSTANTS);
    for (u32 k = 0; k < f->tree->top_count; k++) {
        u32 item = f->tree->top[k];
        if (f->tree->items[item].whole.file == 0) others_collect(f, 1, &item, 1);
    }
    for (u32 row = 1; row < f->symbol_count && !f->out_of_memory; row++) {
        symbol s = f->symbols[row];
        if (s.kind != SYMBOL_USE || s.node == 0) continue;
        ast_item item = f->tree->items[s.node];
        others_collect(f, s.target, f->tree->lists + item.item_at, item.item_count);
    }
}

/* Whether an expression reads a hidden page, which may fault; true where that takes too long. */
static bool reads_part(const front *f, u32 row, u32 *steps) {
    const ir_expr *e = &f->ir->exprs[row];
    bool leaf = row == 0 || e->kind == IR_CONST || e->kind == IR_INDEX || e->kind == IR_EPOCH;
    ASSERT(row < f->ir->expr_count);
    if (leaf) return false;
    if (*steps == 0) return true;
    --*steps;
    if (e->kind == IR_READ) {
        bool found = page_is_part(f, e->page);
        for (u32 k = 0; k < e->count && !found; k++)
            found = reads_part(f, f->ir->lists[e->at + k], steps);
        return found;
    }
    return reads_part(f, e->a, steps) || reads_part(f, e->b, steps) || reads_part(f, e->c, steps);
}

/* An event's values count faults only in the epoch that fires: value = event && !prev(event) ? e :
 * zero. */
static void values_guard(front *f) {
    ASSERT(f->passes_done == PASS_EQUATIONS && f->diags->error_count == 0);
    ir *g = f->ir;
    for (u32 k = 0; k < g->event_count; k++) {
        const ir_event e = g->events[k];
        for (u32 v = 0; v < e.value_count; v++) {
            u32 page = g->lists[e.value_at + v];
            ir_equation *q = &g->equations[g->pages[page].equation];
            u32 steps = 1000;
            bool may = g->exprs[q->expr].can_fault || reads_part(f, q->expr, &steps);
            if (g->pages[page].equation == 0 || !may) continue;
            u32 now = ir_read(g, e.page, false, NULL, 0, g->pages[page].place);
            u32 before = ir_read(g, e.page, true, NULL, 0, g->pages[page].place);
            u32 rising = ir_andand(g, now, ir_op(g, OP_NOT, TYPE_BOOL, before, 0, 0, 0));
            u8 type = g->pages[page].type;
            q->expr = ir_op(g, OP_SELECT, type, rising, q->expr, ir_const(g, type, 0), 0);
        }
    }
}

static void export_page(front *f, u32 page) {
    ASSERT(page != 0 && page < f->ir->page_count);
    ir *g = f->ir;
    if (g->pages[page].exported) return;
    if (!arena_grow(f->memory, (void **)&g->exports, &g->export_capacity, g->export_count + 1,
                    sizeof(u32))) {
        f->out_of_memory = true;
        return;
    }
    g->pages[page].exported = true;
    g->exports[g->export_count++] = page;
}

/* Whether a page of an instance is a result of its node: o.y. */
static bool is_result(const front *f, const symbol *page, const ast_item *node) {
    ASSERT(page->kind == SYMBOL_PAGE && node->kind == ITEM_NODE);
    for (u32 k = 0; k < node->list_count; k++)
        if (f->tree->a[f->tree->lists[node->list_at + k]] == page->name) return true;
    return false;
}

/* Without an export item: every page at top level and every result of a `use` there. What else has
 * a name can be looked at, so it stays stored where it is live. */
static void exports_default(front *f) {
    ASSERT(f->ir->export_count == 0);
    u32 *node_of = ARENA_ARRAY(f->memory, u32, f->scope_count + 1u);
    if (node_of == NULL) {
        f->out_of_memory = true;
        return;
    }
    for (u32 row = 1; row < f->symbol_count; row++)
        if (f->symbols[row].kind == SYMBOL_USE && f->symbols[row].scope == 1)
            node_of[f->symbols[row].target] = f->symbols[row].node;
    for (u32 row = 1; row < f->symbol_count && !f->out_of_memory; row++) {
        const symbol *s = &f->symbols[row];
        if (s->kind != SYMBOL_PAGE || s->page == 0 || f->pages[s->page].item == 0) continue;
        u32 node = node_of[s->scope];
        bool open = s->scope == 1 || (node != 0 && is_result(f, s, &f->tree->items[node]));
        f->ir->pages[s->page].kept = !open;
        if (open && !f->ir->pages[s->page].event) export_page(f, s->page);
    }
}

static void exports_all(front *f) {
    ASSERT(f->passes_done == PASS_CONSTANTS);
    bool any = false;
    for (u32 k = 0; k < f->tree->top_count; k++) {
        ast_item item = f->tree->items[f->tree->top[k]];
        if (item.kind != ITEM_EXPORT || item.whole.file != 0) continue;
        any = true;
        for (u32 n = 0; n < item.list_count; n++) {
            u32 expr = f->tree->lists[item.list_at + n];
            span place = f->tree->place[expr];
            u32 row = f->tree->kind[expr] == AST_NAME
                          ? names_need(f, 1, f->tree->a[expr], false, place)
                          : names_member(f, 1, f->tree->a[expr], f->tree->b[expr], false, place);
            if (row != 0 && f->symbols[row].kind == SYMBOL_PAGE)
                export_page(f, f->symbols[row].page);
            else if (row != 0) {
                diag_row *d = diag_add(f->diags, DIAG_NOT_A_PAGE, place, "`%s` is not a page",
                                       ast_text(f->tree, f->symbols[row].name));
                diag_help(f->diags, d, "export pages, sources, events and results of `use`");
            }
        }
    }
    if (!any) exports_default(f);
}

static void sources_files(front *f) {
    ASSERT(f->passes_done == PASS_PAGES && f->diags->error_count == 0);
    for (u32 page = 1; page < f->ir->page_count; page++) {
        const ast_item *item = &f->tree->items[f->pages[page].item];
        if (f->pages[page].item != 0 && item->kind == ITEM_SOURCE && item->text != 0)
            f->ir->pages[page].file = ast_text(f->tree, item->text);
    }
}

/* The tables that only the front reads: what follows takes their memory. */
static void tables_give_back(front *f) {
    ASSERT(f->passes_done == PASS_TIME);
    arena *a = f->memory;
    arena_give_back(a, f->terms, (u64)f->term_capacity * sizeof *f->terms);
    arena_give_back(a, f->pages, (u64)f->page_capacity * sizeof *f->pages);
    arena_give_back(a, f->symbols, (u64)f->symbol_capacity * sizeof *f->symbols);
    arena_give_back(a, f->symbol_table, (u64)f->symbol_table_capacity * sizeof(u32));
    arena_give_back(a, f->classes, (u64)f->class_capacity * sizeof *f->classes);
    arena_give_back(a, f->rules, (u64)f->rule_capacity * sizeof *f->rules);
    arena_give_back(a, f->lists, (u64)f->list_capacity * sizeof *f->lists);
    arena_give_back(a, f->loops, (u64)f->loop_capacity * sizeof *f->loops);
    arena_give_back(a, f->shapes, (u64)f->shape_capacity * sizeof *f->shapes);
}

static bool passes(front *f) {
    ASSERT(f->passes_done == PASS_NONE);
    if (!names_collect(f)) return false;
    f->passes_done = PASS_NAMES;
    if (!constants_all(f)) return false;
    f->passes_done = PASS_CONSTANTS;
    others_all(f);
    exports_all(f);
    f->passes_done = PASS_ITEMS;
    if (f->out_of_memory || !pages_elaborate(f)) return false;
    functions_check(f);
    f->passes_done = PASS_PAGES;
    if (f->diags->error_count == 0) keys_check(f);
    if (f->diags->error_count == 0) instances_check(f);
    if (f->diags->error_count != 0) return true;
    sources_files(f);
    if (!pages_lower(f) || f->diags->error_count != 0) return !f->out_of_memory;
    f->passes_done = PASS_EQUATIONS;
    values_guard(f);
    if (!parts_guard(f)) return false;
    if (!time_check(f) || f->diags->error_count != 0) return !f->out_of_memory;
    f->passes_done = PASS_TIME;
    tables_give_back(f);
    return !f->out_of_memory;
}

mmsb_status front_build(sources *s, ast *t, const front_options *options, arena *memory, diags *d,
                        ir *out) {
    ASSERT(t->items != NULL || t->top_count == 0);
    front *f = arena_take(memory, sizeof *f, _Alignof(front));
    if (f == NULL) return MMSB_OUT_OF_SPACE;
    ASSERT(s->count != 0 && d->sources == s);
    *out = (ir){.memory = memory, .sources = s, .diags = d, .name = ""};
    *f = (front){
        .tree = t, .sources = s, .options = options, .memory = memory, .diags = d, .ir = out};
    class_new(f, TYPE_NONE, 0);
    ir_place_add(out, (span){0, 0, 0}, "");
    bool ok = passes(f);
    return ok && !f->out_of_memory && !t->out_of_memory ? MMSB_OK : MMSB_OUT_OF_SPACE;
}
