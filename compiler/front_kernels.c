/* SPDX-License-Identifier: Apache-2.0
 * front_kernels: calls of a user's own C kernels. Each call is a hidden page; its arguments are
 * pages, hidden ones where they are expressions. */
#include "front_state.h"

/* A scope in which the dimensions that the kernel's parameters name are known. */
static u32 kernel_scope(front *f, const symbol *kernel) {
    ASSERT(kernel->kind == SYMBOL_KERNEL);
    return names_scope(f, kernel->scope, f->scopes[kernel->scope].file, true, "");
}

static void dimension_bind(front *f, u32 inside, u32 expr, u64 value) {
    u32 name = f->tree->a[expr];
    ASSERT(f->scopes[inside].instance && f->tree->kind[expr] == AST_NAME);
    if (names_here(f, inside, name, false) != 0) return;
    symbol_add(f, (symbol){.kind = SYMBOL_PARAM,
                           .name = name,
                           .scope = inside,
                           .bits = value,
                           .progress = DONE,
                           .place = f->tree->place[expr]});
}

static bool shape_wrong(front *f, u32 term_row, const ast_parameter *p, const char *wanted) {
    ASSERT(term_row != 0 && term_row < f->term_count);
    char shape[120];
    diag_row *d = diag_add(f->diags, DIAG_SHAPES_DIFFER, f->tree->place[f->terms[term_row].expr],
                           "this argument is %s, but the kernel's `%s` is %s",
                           f->terms[term_row].shape == 0
                               ? "a scalar"
                               : shape_text(f, f->terms[term_row].shape, shape, sizeof shape),
                           ast_text(f->tree, p->name), wanted);
    diag_second(f->diags, d, p->place, "stated here");
    diag_help(f->diags, d, "pass a page of that shape");
    return false;
}

/* Binds bare names of the parameter's shape, then holds the argument's shape against it. */
static bool argument_fits(front *f, u32 inside, const ast_parameter *p, u32 term_row) {
    ASSERT(!p->is_param && p->type != TYPE_NONE);
    u32 shape = f->terms[term_row].shape;
    front_shape is = shape == 0 ? (front_shape){0} : f->shapes[shape];
    u32 wanted = p->has_shape ? p->shape_count : 0;
    char text[160] = "a scalar";
    if (wanted != is.axis_count) {
        if (wanted != 0) snprintf(text, sizeof text, "an array of %u dimensions", wanted);
        return shape_wrong(f, term_row, p, text);
    }
    for (u32 k = 0; k < wanted; k++) {
        u32 expr = f->tree->lists[p->shape_at + k];
        i64 value;
        if (f->tree->kind[expr] == AST_NAME) dimension_bind(f, inside, expr, is.dims[k]);
        if (!constant_integer(f, inside, expr, &value)) return false;
        if ((u64)value == is.dims[k]) continue;
        snprintf(text, sizeof text, "%lld on dimension %u", (long long)value, k + 1);
        return shape_wrong(f, term_row, p, text);
    }
    return class_join(f, f->terms[term_row].class, class_new(f, p->type, 0),
                      f->terms[term_row].expr);
}

u32 term_as_page(front *f, u32 term_row) {
    ASSERT(term_row < f->term_count);
    const term t = f->terms[term_row];
    if (t.kind == TERM_PAGE && !t.prev) return t.page;
    u32 page = page_add_hidden(f, "argument", t.expr);
    if (page == 0) return 0;
    front_page *p = &f->pages[page];
    p->shape = t.shape, p->shape_known = true, p->progress = DONE, p->part = true;
    p->class = t.class, p->term = term_row;
    p->group = f->page != 0 ? f->pages[f->page].group : 0;
    return page;
}

static u32 told(front *f, diag_code code, u32 expr, const ast_item *item, const char *text,
                const char *help) {
    diag_row *d = diag_add(f->diags, code, f->tree->place[expr], "%s", text);
    diag_second(f->diags, d, item->name_span, "defined here");
    diag_help(f->diags, d, "%s", help);
    return term_error(f, expr);
}

/* One argument: its page into *page (0: a `param`). A term to give up with, or 0. */
static u32 argument_take(front *f, u32 inside, const ast_parameter *p, u32 expr, u32 *page) {
    ASSERT(inside != 0 && expr != 0);
    *page = 0;
    if (p->is_param) {
        i64 value = 1;
        if (!constant_integer(f, f->scope, expr, &value)) return term_error(f, expr);
        symbol_add(f, (symbol){.kind = SYMBOL_PARAM,
                               .name = p->name,
                               .scope = inside,
                               .bits = (u64)value,
                               .progress = DONE,
                               .place = p->place});
        return 0;
    }
    bool was = f->whole;
    f->whole = true;
    u32 row = elaborate(f, expr);
    f->whole = was;
    if (term_bad(f, row)) return row;
    if (f->terms[row].vars != 0) {
        diag_row *d = diag_add(f->diags, DIAG_NOT_INDEXED, f->tree->place[expr],
                               "the argument of a kernel mentions an index variable");
        diag_help(f->diags, d,
                  "its arguments are whole pages: name the expression as a page first");
        return term_error(f, expr);
    }
    if (!argument_fits(f, inside, p, row)) return term_error(f, expr);
    *page = term_as_page(f, row);
    return *page == 0 ? term_error(f, expr) : 0;
}

static u32 kernel_add(front *f, const ast_item *item, const u32 *pages, u32 count) {
    ASSERT(item->kind == ITEM_KERNEL && count <= KERNEL_ARGUMENTS_MAX);
    ir *g = f->ir;
    u32 row = g->kernel_count == 0 ? 1 : g->kernel_count;
    if (!arena_grow(f->memory, (void **)&g->kernels, &g->kernel_capacity, row + 1,
                    sizeof(ir_kernel)) ||
        !arena_grow(f->memory, (void **)&g->lists, &g->list_capacity, g->list_count + count + 1,
                    sizeof(u32))) {
        f->out_of_memory = true;
        return 0;
    }
    g->kernels[row] = (ir_kernel){
        .library = ast_text(f->tree, item->text),
        .symbol = ast_text(f->tree, item->symbol),
        .at = g->list_count,
        .count = count,
        .place = ir_place_add(g, item->name_span, f->page != 0 ? g->pages[f->page].name : "")};
    for (u32 k = 0; k < count; k++) g->lists[g->list_count++] = pages[k];
    g->kernel_count = row + 1;
    return row;
}

u32 elaborate_kernel(front *f, u32 expr, u32 symbol_row) {
    ASSERT(f->symbols[symbol_row].kind == SYMBOL_KERNEL);
    const ast_call call = f->tree->calls[f->tree->a[expr]];
    const symbol kernel = f->symbols[symbol_row];
    const ast_item item = f->tree->items[kernel.item];
    u32 pages[KERNEL_ARGUMENTS_MAX], count = 0, inside = kernel_scope(f, &kernel), shape = 0;
    char text[160];
    ASSERT(item.kind == ITEM_KERNEL);
    if (call.form != CALL_PLAIN || call.arg_count != item.parameter_count) {
        snprintf(text, sizeof text, "kernel `%.60s` takes %u argument%s, not %u",
                 ast_text(f->tree, item.name), item.parameter_count,
                 item.parameter_count == 1 ? "" : "s", call.arg_count);
        return told(f, DIAG_ARITY, expr, &item, text, "give one argument for each parameter");
    }
    if (item.parameter_count > KERNEL_ARGUMENTS_MAX)
        return told(f, DIAG_ARITY, expr, &item, "a kernel takes at most 64 arguments",
                    "join some of them into one page");
    for (u32 k = 0; k < item.parameter_count && inside != 0; k++) {
        const ast_parameter p = f->tree->parameters[item.parameter_at + k];
        if (!p.is_param && p.type == TYPE_NONE)
            return told(f, DIAG_STATED_TYPE, expr, &item, "a kernel's parameters state their types",
                        "write `x: f64[n]`");
        u32 given_up = argument_take(f, inside, &p, f->tree->lists[call.arg_at + k], &pages[count]);
        if (given_up != 0) return given_up;
        count += pages[count] != 0;
    }
    if (inside == 0 || (item.has_shape && !constant_shape(f, inside, f->tree->lists + item.shape_at,
                                                          item.shape_count, &shape)))
        return term_error(f, expr);
    u32 page = page_add_hidden(f, "kernel", expr);
    if (page == 0) return term_error(f, expr);
    front_page *p = &f->pages[page];
    p->shape = shape, p->shape_known = true, p->progress = DONE;
    p->class = class_new(f, item.type, expr);
    p->kernel = kernel_add(f, &item, pages, count);
    p->group = f->page != 0 ? f->pages[f->page].group : 0;
    return term_page(f, page, false, expr);
}
