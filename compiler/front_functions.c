/* SPDX-License-Identifier: Apache-2.0
 * front_functions: whole-page functions that are pages in disguise. history(x, k) is a hidden state
 * page that shifts by one row an epoch; transpose(x) is a read with its indices turned round. */
#include "front_state.h"

static u32 index_term(front *f, u32 var, u32 expr) {
    ASSERT(var < 32);
    return term_add(f, (term){.kind = TERM_INDEX,
                              .bits = var,
                              .vars = 1u << var,
                              .expr = expr,
                              .class = class_new(f, TYPE_I64, expr)});
}

static u32 integer_term(front *f, u64 value, u32 expr) {
    ASSERT(expr < f->tree->expr_count);
    return term_add(f, (term){.kind = TERM_CONST,
                              .bits = value,
                              .expr = expr,
                              .class = class_new(f, TYPE_I64, expr)});
}

static u32 read_term(front *f, u32 page, bool prev, const u32 *index, u32 count, u32 expr) {
    ASSERT(page != 0 && page < f->ir->page_count && count <= PAGE_AXES_MAX);
    term t = {.kind = TERM_READ,
              .page = page,
              .prev = prev,
              .class = f->pages[page].class,
              .expr = expr,
              .count = count};
    if (!arena_grow(f->memory, (void **)&f->lists, &f->list_capacity, f->list_count + count + 1,
                    sizeof(u32))) {
        f->out_of_memory = true;
        return 0;
    }
    t.at = f->list_count;
    for (u32 k = 0; k < count; k++) {
        f->lists[f->list_count + k] = index[k];
        t.vars |= f->terms[index[k]].vars;
    }
    f->list_count += count;
    return term_add(f, t);
}

static u32 hidden_page(front *f, const char *what, const u64 *dims, u32 count, u32 class,
                       u32 expr) {
    ASSERT(count <= PAGE_AXES_MAX && class < f->class_count);
    u32 page = page_add_hidden(f, what, expr);
    if (page == 0) return 0;
    front_page *p = &f->pages[page];
    p->shape = shape_add(f, dims, count), p->shape_known = true, p->class = class,
    p->progress = DONE, p->part = true;
    p->group = f->page != 0 ? f->pages[f->page].group : 0;
    return page;
}

void history_edges(front *f, u32 page) {
    const ir_page *of = &f->ir->pages[f->pages[page].history_of];
    ASSERT(f->pages[page].history_of != 0);
    for (u32 k = 0; k + 1 < PAGE_AXES_MAX; k++) {
        f->ir->pages[page].edge[k + 1] = of->edge[k];
        f->ir->pages[page].fill[k + 1] = of->fill[k];
    }
}

/* H[r, i...] = init x[i...] then if r == 0 then x[i...] else if r == 1 then prev(x)[i...] else
 * prev(H)[r - 1, i...]: a delta that replaced prev(x) shows in row 1, and in later rows from then
 * on. */
static u32 history_rows(front *f, u32 of, u64 rows, u32 expr) {
    ASSERT(rows >= 1 && f->pages[of].shape_known);
    const front_shape *s = f->pages[of].shape == 0 ? NULL : &f->shapes[f->pages[of].shape];
    u32 axes = s == NULL ? 0 : s->axis_count, index[PAGE_AXES_MAX + 1], shifted[PAGE_AXES_MAX + 1];
    u64 dims[PAGE_AXES_MAX] = {rows};
    for (u32 k = 0; k < axes; k++) dims[k + 1] = s->dims[k];
    u32 page = hidden_page(f, "history", dims, axes + 1, f->pages[of].class, expr);
    if (page == 0) return 0;
    f->pages[page].history_of = of;
    history_edges(f, page);
    for (u32 k = 0; k <= axes; k++) index[k] = shifted[k] = index_term(f, k, expr);
    u32 step[2] = {index[0], integer_term(f, 1, expr)};
    shifted[0] = term_operate(f, OP_SUB, step, 2, expr);
    u32 first[2] = {index[0], integer_term(f, 0, expr)},
        second[2] = {index[0], integer_term(f, 1, expr)};
    u32 inner[3] = {term_operate(f, OP_EQ, second, 2, expr),
                    read_term(f, of, true, index + 1, axes, expr),
                    read_term(f, page, true, shifted, axes + 1, expr)};
    u32 outer[3] = {term_operate(f, OP_EQ, first, 2, expr),
                    read_term(f, of, false, index + 1, axes, expr), 0};
    outer[2] = term_operate(f, OP_SELECT, inner, 3, expr);
    u32 later = term_operate(f, OP_SELECT, outer, 3, expr),
        start = read_term(f, of, false, index + 1, axes, expr);
    if (later == 0 || start == 0) return 0;
    f->pages[page].term = term_add(f, (term){.kind = TERM_INIT,
                                             .a = start,
                                             .b = later,
                                             .expr = expr,
                                             .vars = f->terms[later].vars,
                                             .class = f->pages[of].class});
    return page;
}

static u32 history_page(front *f, u32 expr, bool *unknown) {
    ASSERT(f->tree->kind[expr] == AST_CALL);
    const ast_call *call = &f->tree->calls[f->tree->a[expr]];
    i64 rows;
    if (call->arg_count != 2 || call->form != CALL_PLAIN) {
        diag_row *d = diag_add(f->diags, DIAG_ARITY, f->tree->place[expr],
                               "`history` takes 2 arguments: history(page, rows)");
        diag_help(f->diags, d, "rows is a constant integer");
        return 0;
    }
    u32 of_expr = f->tree->lists[call->arg_at], rows_expr = f->tree->lists[call->arg_at + 1];
    if (!constant_integer(f, f->scope, rows_expr, &rows) || f->waits) return 0;
    u32 of = lagged_page(f, of_expr, unknown);
    if (of == 0) return 0;
    if (!f->pages[of].shape_known) {
        *unknown = true;
        return 0;
    }
    u32 shape = f->pages[of].shape, axes = shape == 0 ? 0 : f->shapes[shape].axis_count;
    u64 lanes = 1;
    for (u32 k = 0; k < axes; k++) lanes *= f->shapes[shape].dims[k];
    if (rows < 1 || axes + 1 > PAGE_AXES_MAX || (u64)rows > LANES_MAX / lanes) {
        diag_row *d =
            diag_add(f->diags, DIAG_DIMENSION, f->tree->place[rows_expr],
                     "a history of %lld rows of this page is not possible", (long long)rows);
        diag_help(f->diags, d, "at least 1 row, at most %u dimensions in all", PAGE_AXES_MAX);
        return 0;
    }
    return history_rows(f, of, (u64)rows, expr);
}

static u32 transposed_page(front *f, u32 expr) {
    ASSERT(f->tree->kind[expr] == AST_CALL);
    const ast_call *call = &f->tree->calls[f->tree->a[expr]];
    bool was_whole = f->whole;
    if (call->arg_count != 1 || call->form != CALL_PLAIN) {
        diag_row *d =
            diag_add(f->diags, DIAG_ARITY, f->tree->place[expr], "`transpose` takes 1 argument");
        diag_help(f->diags, d, "transpose(a)");
        return 0;
    }
    f->whole = true;
    u32 a = elaborate(f, f->tree->lists[call->arg_at]);
    f->whole = was_whole;
    if (term_bad(f, a)) return 0;
    u32 shape = f->terms[a].shape, class = f->terms[a].class;
    if (shape == 0 || f->terms[a].vars != 0) {
        diag_row *d = diag_add(f->diags, DIAG_NOT_INDEXED, f->tree->place[expr],
                               "`transpose` takes a whole page");
        diag_help(f->diags, d, "in index form write the indices in the other order: a[j, i]");
        return 0;
    }
    u64 dims[PAGE_AXES_MAX];
    u32 axes = f->shapes[shape].axis_count, page = f->terms[a].page, index[PAGE_AXES_MAX];
    bool prev = f->terms[a].prev;
    if (f->terms[a].kind != TERM_PAGE) {
        page = hidden_page(f, "argument", f->shapes[shape].dims, axes, class, expr), prev = false;
        if (page == 0) return 0;
        f->pages[page].term = a;
    }
    for (u32 k = 0; k < axes; k++) dims[k] = f->shapes[shape].dims[axes - 1 - k];
    u32 result = hidden_page(f, "transpose", dims, axes, class, expr);
    if (result == 0) return 0;
    for (u32 k = 0; k < axes; k++) index[k] = index_term(f, axes - 1 - k, expr);
    f->pages[result].term = read_term(f, page, prev, index, axes, expr);
    return result;
}

u32 elaborate_function_page(front *f, u32 expr, bool *unknown) {
    ASSERT(f->tree->kind[expr] == AST_CALL);
    const ast_call *call = &f->tree->calls[f->tree->a[expr]];
    bool history = strcmp(ast_text(f->tree, call->name), "history") == 0;
    return history ? history_page(f, expr, unknown) : transposed_page(f, expr);
}
