/* SPDX-License-Identifier: Apache-2.0
 * front_whole: scans, sorts, order statistics and products: each is a hidden page whose operands
 * are whole-page expressions, also inside index form. */
#include "../kernels/whole_sizes.h"
#include "front_state.h"

typedef struct {
    const char *name;
    u8 kind, arguments;
} whole_row;
static const whole_row wholes[] = {{"cumsum", WHOLE_CUMSUM, 1},   {"cumprod", WHOLE_CUMPROD, 1},
                                   {"cummin", WHOLE_CUMMIN, 1},   {"cummax", WHOLE_CUMMAX, 1},
                                   {"sort", WHOLE_SORT, 1},       {"argsort", WHOLE_ARGSORT, 1},
                                   {"topk", WHOLE_TOPK, 2},       {"quantile", WHOLE_QUANTILE, 2},
                                   {"median", WHOLE_QUANTILE, 1}, {"matmul", WHOLE_MATMUL, 2},
                                   {"dot", WHOLE_DOT, 2}};

bool whole_is_function(const char *name, u32 *which) {
    for (u32 k = 0; k < ARRAY_COUNT(wholes); k++) {
        if (strcmp(name, wholes[k].name) != 0) continue;
        *which = k;
        return true;
    }
    return false;
}

static u32 wrong(front *f, diag_code code, u32 expr, const char *text, const char *help) {
    ASSERT(text != NULL && help != NULL);
    diag_row *d = diag_add(f->diags, code, f->tree->place[expr], "%s", text);
    diag_help(f->diags, d, "%s", help);
    return 0;
}

/* An argument as a whole-page expression; 0 after an error, TERM_UNKNOWN where a shape is. */
static u32 argument(front *f, u32 expr, const char *name) {
    ASSERT(expr < f->tree->expr_count);
    bool was = f->whole;
    char text[120];
    f->whole = true;
    u32 row = elaborate(f, expr);
    f->whole = was;
    if (term_bad(f, row) || f->terms[row].vars == 0) return row;
    snprintf(text, sizeof text, "the argument of `%s` mentions an index variable", name);
    return wrong(f, DIAG_NOT_INDEXED, expr, text,
                 "its arguments are whole pages: name the expression as a page first");
}

static bool result_shape(front *f, u8 kind, u32 x, u32 y, u64 k, u32 expr, const char *name,
                         u64 *dims, u32 *axes) {
    ASSERT(kind < WHOLE_COUNT && x < f->term_count && y < f->term_count);
    const front_shape none = {0};
    const front_shape *a = f->terms[x].shape == 0 ? &none : &f->shapes[f->terms[x].shape];
    const front_shape *c = y == 0 || f->terms[y].shape == 0 ? &none : &f->shapes[f->terms[y].shape];
    char text[200], left[80], right[80];
    if (a->axis_count == 0) {
        snprintf(text, sizeof text, "`%s` needs an array, but this is a scalar", name);
        return wrong(f, DIAG_SHAPES_DIFFER, expr, text, "it works along the last axis of a page");
    }
    memcpy(dims, a->dims, sizeof a->dims);
    *axes = a->axis_count;
    if (kind == WHOLE_TOPK) dims[*axes - 1] = k;
    if (kind == WHOLE_QUANTILE) --*axes;
    if (kind < WHOLE_MATMUL) return true;
    snprintf(text, sizeof text, "`%s` of %s and %s", name,
             shape_text(f, f->terms[x].shape, left, sizeof left),
             shape_text(f, f->terms[y].shape, right, sizeof right));
    if (kind == WHOLE_DOT) {
        *axes = 0;
        bool same =
            c->axis_count == a->axis_count && memcmp(a->dims, c->dims, a->axis_count * 8) == 0;
        return same || wrong(f, DIAG_SHAPES_DIFFER, expr, text, "both need the same shape");
    }
    bool fits = a->axis_count <= 2 && c->axis_count >= 1 && c->axis_count <= 2 &&
                a->axis_count + c->axis_count > 2 && a->dims[a->axis_count - 1] == c->dims[0] &&
                c->dims[0] <= MATMUL_K_MAX;
    if (!fits)
        return wrong(f, DIAG_SHAPES_DIFFER, expr, text,
                     "matmul takes [m, k] and [k, n]; one of them may be a vector of k");
    *axes = 0;
    if (a->axis_count == 2) dims[(*axes)++] = a->dims[0];
    if (c->axis_count == 2) dims[(*axes)++] = c->dims[1];
    return true;
}

static bool constant_count(front *f, u32 expr, u64 most, u64 *k) {
    ASSERT(most >= 1);
    i64 value;
    char text[120];
    if (!constant_integer(f, f->scope, expr, &value) || f->waits) return false;
    *k = (u64)value;
    if (value >= 1 && (u64)value <= most) return true;
    snprintf(text, sizeof text, "`topk` of %lld of %llu elements is not possible", (long long)value,
             (unsigned long long)most);
    return wrong(f, DIAG_DIMENSION, expr, text, "take at least 1 and at most all of the last axis");
}

/* The class of the result; 0 after an error. */
static u32 result_class(front *f, u8 kind, u32 x, u32 y, u32 expr) {
    ASSERT(kind < WHOLE_COUNT && x != 0);
    u32 class = f->terms[x].class, result;
    switch (kind) {
    case WHOLE_CUMSUM:
    case WHOLE_CUMPROD:
        result = class_new(f, TYPE_NONE, expr);
        class_rule(f, class, result, false);
        return result;
    case WHOLE_QUANTILE:
        result = class_new(f, TYPE_NONE, expr);
        class_rule(f, class, result, true);
        return result;
    case WHOLE_ARGSORT: return class_new(f, TYPE_I64, expr);
    case WHOLE_MATMUL:
    case WHOLE_DOT: return class_join(f, class, f->terms[y].class, expr) ? class : 0;
    default: return class;
    }
}

static u32 quantile_argument(front *f, u32 y, u32 expr) {
    ASSERT(y != 0 && y < f->term_count);
    if (f->terms[y].shape == 0) return y;
    return wrong(f, DIAG_NOT_SCALAR, expr, "the q of `quantile` is a scalar",
                 "write quantile(x, 0.95), or name a scalar page");
}

u32 elaborate_whole(front *f, u32 expr, u32 which) {
    ASSERT(which < ARRAY_COUNT(wholes));
    const whole_row *w = &wholes[which];
    const ast_call *call = &f->tree->calls[f->tree->a[expr]];
    u32 args[2] = {0}, x, y = 0;
    u64 dims[PAGE_AXES_MAX], k = 0;
    u32 axes;
    char text[120];
    if (call->form != CALL_PLAIN || call->arg_count != w->arguments) {
        snprintf(text, sizeof text, "`%s` takes %u argument%s, not %u", w->name, w->arguments,
                 w->arguments == 1 ? "" : "s", call->arg_count);
        wrong(f, DIAG_ARITY, expr, text, "see docs/Language.md, \"Functions\"");
        return term_error(f, expr);
    }
    for (u32 a = 0; a < w->arguments; a++) args[a] = f->tree->lists[call->arg_at + a];
    x = argument(f, args[0], w->name);
    if (x == 0) return term_error(f, expr);
    if (term_bad(f, x)) return x;
    u32 shape = f->terms[x].shape;
    u64 last = shape == 0 ? 1 : f->shapes[shape].dims[f->shapes[shape].axis_count - 1];
    if (w->kind == WHOLE_TOPK && !constant_count(f, args[1], last, &k)) return term_error(f, expr);
    if (args[1] != 0 && w->kind != WHOLE_TOPK) {
        y = argument(f, args[1], w->name);
        if (y == 0) return term_error(f, expr);
        if (term_bad(f, y)) return y;
    }
    if (w->kind == WHOLE_QUANTILE && y != 0 && quantile_argument(f, y, args[1]) == 0)
        return term_error(f, expr);
    if (!result_shape(f, w->kind, x, y, k, expr, w->name, dims, &axes)) return term_error(f, expr);
    u32 class = result_class(f, w->kind, x, y, expr);
    u32 page = class == 0 ? 0 : page_add_hidden(f, w->name, expr);
    if (page == 0) return term_error(f, expr);
    if (w->kind == WHOLE_QUANTILE && y != 0 && !class_join(f, f->terms[y].class, class, args[1]))
        return term_error(f, expr);
    front_page *p = &f->pages[page];
    p->shape = axes == 0 ? 0 : shape_add(f, dims, axes), p->shape_known = true, p->progress = DONE;
    p->class = class, p->term = x, p->key_term = y, p->domain_shape = shape;
    p->whole = (u8)(w->kind + 1);
    p->group = f->page != 0 ? f->pages[f->page].group : 0;
    return term_page(f, page, false, expr);
}

/* Types are known: which functions a type has. False after an error. */
bool whole_check(front *f, u32 page) {
    ASSERT(f->pages[page].whole != 0 && f->pages[page].term != 0);
    const front_page *p = &f->pages[page];
    u8 kind = (u8)(p->whole - 1), type = class_type(f, f->terms[p->term].class);
    bool any = kind == WHOLE_SORT || kind == WHOLE_ARGSORT || kind == WHOLE_TOPK;
    if (any || type != TYPE_BOOL) return true;
    u32 expr = f->terms[p->term].expr;
    char text[200], of[80];
    snprintf(text, sizeof text, "`%s` is bool, which this function does not take",
             expr_text(f, expr, of, sizeof of));
    wrong(f, DIAG_OPERAND_TYPE, expr, text, "convert it: i64(...)");
    return false;
}
