/* SPDX-License-Identifier: Apache-2.0
 * front_calls: calls of built-in functions, conversions and user functions, reductions, reads with
 * an index, prev and history. */
#include "front_state.h"

#include <stdio.h>

static const struct {
    const char *name;
    u16 op;
    u8 least, most;
} builtins[] = {
    {"abs", OP_ABS, 1, 1},           {"sign", OP_SIGN, 1, 1},         {"floor", OP_FLOOR, 1, 1},
    {"ceil", OP_CEIL, 1, 1},         {"round", OP_ROUND, 1, 1},       {"trunc", OP_TRUNC, 1, 1},
    {"sqrt", OP_SQRT, 1, 1},         {"exp", OP_EXP, 1, 1},           {"exp2", OP_EXP2, 1, 1},
    {"expm1", OP_EXPM1, 1, 1},       {"log", OP_LOG, 1, 1},           {"log2", OP_LOG2, 1, 1},
    {"log10", OP_LOG10, 1, 1},       {"log1p", OP_LOG1P, 1, 1},       {"sin", OP_SIN, 1, 1},
    {"cos", OP_COS, 1, 1},           {"tan", OP_TAN, 1, 1},           {"asin", OP_ASIN, 1, 1},
    {"acos", OP_ACOS, 1, 1},         {"atan", OP_ATAN, 1, 1},         {"sinh", OP_SINH, 1, 1},
    {"cosh", OP_COSH, 1, 1},         {"tanh", OP_TANH, 1, 1},         {"erf", OP_ERF, 1, 1},
    {"erfc", OP_ERFC, 1, 1},         {"cdf", OP_CDF, 1, 1},           {"isnan", OP_ISNAN, 1, 1},
    {"isfinite", OP_ISFINITE, 1, 1}, {"popcount", OP_POPCOUNT, 1, 1}, {"clz", OP_CLZ, 1, 1},
    {"pow", OP_POW, 2, 2},           {"mod", OP_FMOD, 2, 2},          {"atan2", OP_ATAN2, 2, 2},
    {"fma", OP_FMA, 3, 3},           {"min", OP_MIN, 2, 255},         {"max", OP_MAX, 2, 255}};
static const char *const reductions[IR_REDUCTION_COUNT] = {
    "sum", "prod", "min", "max", "any", "all", "count", "mean", "argmin", "argmax"};
static u32 arity(front *f, u32 expr, const char *name, const char *wanted) {
    ASSERT(f->tree->kind[expr] == AST_CALL);
    const ast_call *call = &f->tree->calls[f->tree->a[expr]];
    diag_row *d = diag_add(f->diags, DIAG_ARITY, f->tree->place[expr], "`%s` takes %s, not %u",
                           name, wanted, call->arg_count);
    diag_help(f->diags, d, "see docs/Language.md, \"Functions\"");
    return term_error(f, expr);
}

static u32 builtin(front *f, u32 expr, u32 which) {
    ASSERT(which < ARRAY_COUNT(builtins));
    const ast_call *call = &f->tree->calls[f->tree->a[expr]];
    char wanted[40];
    u32 least = builtins[which].least, most = builtins[which].most;
    snprintf(wanted, sizeof wanted, most == 255 ? "%u or more arguments" : "%u argument%s", least,
             least == 1 ? "" : "s");
    if (call->arg_count < least || call->arg_count > most)
        return arity(f, expr, builtins[which].name, wanted);
    u32 in[3] = {0}, args[3] = {0};
    u32 at = call->arg_at, count = call->arg_count;
    for (u32 k = 0; k < 3 && k < count; k++) args[k] = f->tree->lists[at + k];
    if (most != 255) {
        for (u32 k = 0; k < count; k++) in[k] = elaborate(f, args[k]);
        return term_operate(f, builtins[which].op, in, count, expr);
    }
    u32 row = elaborate(f, args[0]);
    for (u32 k = 1; k < count; k++) {
        in[0] = row, in[1] = elaborate(f, f->tree->lists[at + k]);
        row = term_operate(f, builtins[which].op, in, 2, expr);
    }
    return row;
}

static u32 clamped(front *f, u32 expr) {
    ASSERT(f->tree->kind[expr] == AST_CALL);
    const ast_call *call = &f->tree->calls[f->tree->a[expr]];
    if (call->arg_count != 3) return arity(f, expr, "clamp", "3 arguments: clamp(x, low, high)");
    u32 at = call->arg_at;
    u32 in[2] = {elaborate(f, f->tree->lists[at]), elaborate(f, f->tree->lists[at + 1])};
    in[0] = term_operate(f, OP_MAX, in, 2, expr);
    in[1] = elaborate(f, f->tree->lists[at + 2]);
    return term_operate(f, OP_MIN, in, 2, expr);
}

static u32 conversion(front *f, u32 expr, u8 type) {
    ASSERT(type < TYPE_COUNT);
    const ast_call *call = &f->tree->calls[f->tree->a[expr]];
    if (call->arg_count != 1 || call->form != CALL_PLAIN)
        return arity(f, expr, type_text(type), "1 argument");
    u32 a = elaborate(f, f->tree->lists[call->arg_at]);
    if (term_bad(f, a)) return a;
    return term_add(f, (term){.kind = TERM_CONVERT,
                              .a = a,
                              .type = type,
                              .shape = f->terms[a].shape,
                              .vars = f->terms[a].vars,
                              .expr = expr,
                              .class = class_new(f, type, expr)});
}

/* An argument whose type is known and is not the one that the parameter states. */
static bool parameter_differs(front *f, u32 arg, const ast_parameter *p, const char *function) {
    ASSERT(arg < f->term_count);
    u32 expr = f->terms[arg].expr;
    u8 type = class_type(f, f->terms[arg].class);
    char text[80];
    if (p->type == TYPE_NONE || type == TYPE_NONE || type == p->type) return false;
    diag_row *d = diag_add(f->diags, DIAG_MIXED_TYPES, f->tree->place[expr],
                           "`%s` is %s, but parameter `%s` of %s is %s",
                           expr_text(f, expr, text, sizeof text), type_text(type),
                           ast_text(f->tree, p->name), function, type_text(p->type));
    diag_help(f->diags, d, "convert it: %s(%s)", type_text(p->type), text);
    return true;
}

/* Elaborates a call's arguments where it stands, and only then makes its parameters locals: an
 * argument that has a parameter's name means what it does outside. */
static void parameters_bind(front *f, u32 expr, const ast_item *item, u32 at, const char *name) {
    u32 first = f->argument_count;
    ASSERT(at + (u64)item->parameter_count <= f->tree->list_count);
    for (u32 k = 0; k < item->parameter_count && !f->out_of_memory; k++) {
        u32 arg = elaborate(f, f->tree->lists[at + k]);
        const ast_parameter *p = &f->tree->parameters[item->parameter_at + k];
        if (!term_bad(f, arg) && parameter_differs(f, arg, p, name))
            arg = 0;
        else if (!term_bad(f, arg) && p->type != TYPE_NONE &&
                 !class_join(f, f->terms[arg].class, class_new(f, p->type, 0), f->terms[arg].expr))
            arg = 0;
        if (arg == 0) arg = term_error(f, expr);
        if (arena_grow(f->memory, (void **)&f->arguments, &f->argument_capacity,
                       f->argument_count + 1, sizeof(u32)))
            f->arguments[f->argument_count++] = arg;
        else
            f->out_of_memory = true;
    }
    for (u32 k = 0; first + k < f->argument_count; k++)
        local_push(f, (local){.name = f->tree->parameters[item->parameter_at + k].name,
                              .term = f->arguments[first + k]});
    f->argument_count = first;
}

static u32 user_function(front *f, u32 expr, u32 symbol_row) {
    ASSERT(f->symbols[symbol_row].kind == SYMBOL_FN);
    ASSERT(f->fn_depth <= ARRAY_COUNT(f->fn_stack));
    const ast_call *call = &f->tree->calls[f->tree->a[expr]];
    const symbol *s = &f->symbols[symbol_row];
    const ast_item *item = &f->tree->items[s->item];
    const char *name = ast_text(f->tree, s->name);
    for (u32 k = 0; k < f->fn_depth; k++) {
        if (f->fn_stack[k] != symbol_row) continue;
        diag_row *d =
            diag_add(f->diags, DIAG_RECURSION, f->tree->place[expr], "`%s` calls itself", name);
        diag_second(f->diags, d, item->name_span, "defined here");
        diag_help(f->diags, d,
                  "functions are inlined and cannot recurse; use prev() to loop over epochs");
        return term_error(f, expr);
    }
    char wanted[40];
    snprintf(wanted, sizeof wanted, "%u argument%s", item->parameter_count,
             item->parameter_count == 1 ? "" : "s");
    if (call->form != CALL_PLAIN || call->arg_count != item->parameter_count)
        return arity(f, expr, name, wanted);
    if (f->fn_depth == ARRAY_COUNT(f->fn_stack)) {
        diag_row *d =
            diag_add(f->diags, DIAG_TOO_DEEP, f->tree->place[expr],
                     "functions call each other more than %u deep", (u32)ARRAY_COUNT(f->fn_stack));
        diag_help(f->diags, d, "join some of them");
        return term_error(f, expr);
    }
    u32 before = f->local_count, was_base = f->local_base, was_scope = f->scope;
    parameters_bind(f, expr, item, call->arg_at, name);
    f->local_base = before;
    f->scope = s->scope;
    f->fn_stack[f->fn_depth++] = symbol_row;
    f->symbols[symbol_row].called = true;
    u32 row = elaborate(f, item->expr);
    f->fn_depth--;
    f->local_count = before, f->local_base = was_base, f->scope = was_scope;
    return row;
}

/* Pushes the loops of `for k: p, l: q`; false after an error. */
static bool loops_push(front *f, const ast_call *call, u32 *at) {
    ASSERT(call->form == CALL_FOR && f->depth <= 31);
    *at = f->loop_count;
    if (!arena_grow(f->memory, (void **)&f->loops, &f->loop_capacity,
                    f->loop_count + call->loop_count + 1, sizeof(ir_loop))) {
        f->out_of_memory = true;
        return false;
    }
    f->loop_count += call->loop_count;
    u64 lanes = 1;
    for (u32 k = 0; k < call->loop_count; k++) {
        const ast_axis *axis = &f->tree->axes[call->loop_at + k];
        i64 extent;
        if (!constant_integer(f, f->scope, axis->extent, &extent) || f->waits) return false;
        bool large = extent >= 1 &&
                     (__builtin_mul_overflow(lanes, (u64)extent, &lanes) || lanes > LANES_MAX);
        if (extent < 1 || large || f->depth >= 31) {
            diag_row *d = diag_add(f->diags, DIAG_DIMENSION, axis->place,
                                   "a loop over %lld is not possible", (long long)extent);
            diag_help(f->diags, d, "bounds are at least 1, and loops nest at most 31 deep");
            return false;
        }
        f->extents[f->depth] = (u64)extent;
        f->loops[*at + k] = (ir_loop){.var = f->depth, .extent = (u64)extent};
        local_push(f, (local){.name = axis->name, .var = f->depth, .extent = (u64)extent});
        f->depth++;
    }
    return true;
}

static bool wants_bool(u8 reduction) {
    ASSERT(reduction < IR_REDUCTION_COUNT);
    return reduction == IR_ANY || reduction == IR_ALL || reduction == IR_COUNT;
}

/* The class of a reduction's result. */
static u32 reduced_class(front *f, u8 reduction, u32 class, u32 expr) {
    ASSERT(reduction < IR_REDUCTION_COUNT && class < f->class_count);
    switch (reduction) {
    case IR_ANY:
    case IR_ALL: return class_new(f, TYPE_BOOL, expr);
    case IR_COUNT:
    case IR_ARGMIN:
    case IR_ARGMAX: return class_new(f, TYPE_I64, expr);
    case IR_MIN:
    case IR_MAX: return class;
    default: break;
    }
    u32 result = class_new(f, TYPE_NONE, expr);
    class_rule(f, class, result, reduction == IR_MEAN);
    return result;
}

static bool element_fits(front *f, u8 reduction, u32 element) {
    ASSERT(element != 0 && element < f->term_count);
    if (!wants_bool(reduction)) return true;
    return class_bool(f, f->terms[element].class, f->terms[element].expr);
}

static u32 reduce_for(front *f, u32 expr, u8 reduction) {
    ASSERT(reduction < IR_REDUCTION_COUNT);
    const ast_call *call = &f->tree->calls[f->tree->a[expr]];
    u32 before = f->local_count, was_depth = f->depth, at, count = call->loop_count;
    u32 arg = f->tree->lists[call->arg_at], filter_expr = call->filter;
    bool was_whole = f->whole;
    if (call->arg_count != 1)
        return arity(f, expr, reductions[reduction], "one expression before `for`");
    bool ok = loops_push(f, call, &at);
    f->whole = false;
    u32 element = ok ? elaborate(f, arg) : 0, filter = 0;
    if (ok && filter_expr != 0) filter = elaborate(f, filter_expr);
    f->local_count = before, f->depth = was_depth, f->whole = was_whole;
    if (!ok || term_bad(f, element) || (filter_expr != 0 && term_bad(f, filter)))
        return element != 0 && f->terms[element].kind == TERM_UNKNOWN ? element
                                                                      : term_error(f, expr);
    if (filter != 0 && !class_bool(f, f->terms[filter].class, f->terms[filter].expr))
        return term_error(f, expr);
    if (!element_fits(f, reduction, element)) return term_error(f, expr);
    u32 vars = f->terms[element].vars | (filter != 0 ? f->terms[filter].vars : 0);
    for (u32 k = 0; k < count; k++) vars &= ~(1u << f->loops[at + k].var);
    return term_add(f, (term){.kind = TERM_REDUCE,
                              .op = reduction,
                              .a = element,
                              .b = filter,
                              .at = at,
                              .count = count,
                              .vars = vars,
                              .expr = expr,
                              .class = reduced_class(f, reduction, f->terms[element].class, expr)});
}

static u32 reduce_whole(front *f, u32 expr, u8 reduction) {
    ASSERT(reduction < IR_REDUCTION_COUNT);
    const ast_call *call = &f->tree->calls[f->tree->a[expr]];
    bool was_whole = f->whole;
    u32 was_base = f->local_base;
    f->whole = true;
    u32 element = elaborate(f, f->tree->lists[call->arg_at]);
    f->whole = was_whole, f->local_base = was_base;
    if (term_bad(f, element)) return element;
    if (!element_fits(f, reduction, element)) return term_error(f, expr);
    if (f->terms[element].vars != 0) {
        diag_row *d =
            diag_add(f->diags, DIAG_NOT_INDEXED, f->tree->place[f->terms[element].expr],
                     "the argument of `%s` mentions an index variable", reductions[reduction]);
        diag_help(f->diags, d, "name the loop: `%s(... for k: n)`", reductions[reduction]);
        return term_error(f, expr);
    }
    return term_add(f, (term){.kind = TERM_WHOLE,
                              .op = reduction,
                              .a = element,
                              .expr = expr,
                              .class = reduced_class(f, reduction, f->terms[element].class, expr)});
}

static u32 keyed_error(front *f, u32 expr, diag_code code, const char *text, const char *help) {
    ASSERT(text != NULL && help != NULL);
    diag_row *d = diag_add(f->diags, code, f->tree->place[expr], "%s", text);
    diag_help(f->diags, d, "%s", help);
    return term_error(f, expr);
}

/* Whether the key's shape is the leading dimensions of the element's. */
static bool leads(const front *f, u32 key, u32 element) {
    ASSERT(key < f->shape_count || key == 0);
    const front_shape *k = &f->shapes[key], *e = &f->shapes[element];
    if (key == 0 || k->axis_count > e->axis_count) return false;
    return memcmp(k->dims, e->dims, k->axis_count * sizeof(u64)) == 0;
}

static u32 reduce_by(front *f, u32 expr, u8 reduction) {
    ASSERT(f->tree->calls[f->tree->a[expr]].form == CALL_BY);
    const ast_call *call = &f->tree->calls[f->tree->a[expr]];
    const char *owner = f->page == 0 ? "result" : f->ir->pages[f->page].name;
    const ast_item *item = f->page == 0 ? NULL : &f->tree->items[f->pages[f->page].item];
    char help[400];
    if (!f->whole || f->page == 0 || f->depth != 0)
        return keyed_error(
            f, expr, DIAG_KEYED_PLACE, "a keyed reduction stands only in whole-page form",
            "give it a page of its own: `page p: f64[G] = sum(x by key)`, then read p[i]");
    snprintf(help, sizeof help,
             "state the result: `page %.100s: T[G] = ...`, G groups then the remaining dimensions",
             owner);
    if (item == NULL || !item->has_shape)
        return keyed_error(f, expr, DIAG_KEYED_SHAPE, "a keyed reduction needs a stated shape",
                           help);
    u32 stated = f->pages[f->page].shape;
    u32 arg = call->arg_count == 1 ? f->tree->lists[call->arg_at] : 0, key_expr = call->key,
        filter_expr = call->filter;
    if (call->arg_count > 1 || (arg == 0 && reduction != IR_COUNT))
        return arity(f, expr, reductions[reduction], "one expression before `by`");
    u32 key = elaborate(f, key_expr), element = arg != 0 ? elaborate(f, arg) : 0;
    u32 filter = filter_expr != 0 ? elaborate(f, filter_expr) : 0;
    if (term_bad(f, key) || (arg != 0 && term_bad(f, element)) ||
        (filter_expr != 0 && term_bad(f, filter)))
        return term_bad(f, key) ? key : term_error(f, expr);
    u32 domain = arg != 0 ? f->terms[element].shape : f->terms[key].shape,
        key_shape = f->terms[key].shape;
    if (arg != 0 && !element_fits(f, reduction, element)) return term_error(f, expr);
    if (filter != 0 && !class_bool(f, f->terms[filter].class, f->terms[filter].expr))
        return term_error(f, expr);
    if (!leads(f, key_shape, domain))
        return keyed_error(f, expr, DIAG_KEYED_SHAPE,
                           "the key's shape is not the leading dimensions of what is reduced",
                           "give every row its key: x: f64[n, ...] by key: u32[n]");
    u32 filter_shape = filter != 0 ? f->terms[filter].shape : 0;
    if (filter_shape != 0 && !leads(f, filter_shape, domain))
        return keyed_error(f, expr, DIAG_KEYED_SHAPE,
                           "the `if` has another shape than what is reduced",
                           "give it the key's shape");
    u32 keys = f->shapes[key_shape].axis_count, rest = f->shapes[domain].axis_count - keys;
    bool fits =
        f->shapes[stated].axis_count == rest + 1 &&
        memcmp(f->shapes[stated].dims + 1, f->shapes[domain].dims + keys, rest * sizeof(u64)) == 0;
    if (!fits)
        return keyed_error(f, expr, DIAG_KEYED_SHAPE,
                           "the stated shape is not [groups, remaining dimensions]", help);
    u32 hidden = page_add_hidden(f, reductions[reduction], expr);
    if (hidden == 0) return 0;
    front_page *p = &f->pages[hidden];
    p->shape = stated, p->shape_known = true, p->progress = DONE, p->term = element,
    p->key_term = key, p->filter_term = filter;
    p->domain_shape = domain;
    p->group = f->pages[f->page].group;
    u32 class = arg != 0 ? f->terms[element].class : class_new(f, TYPE_BOOL, expr);
    u32 result = reduced_class(f, reduction, class, expr);
    f->pages[hidden].class = result;
    f->pages[hidden].keyed = (u8)(reduction + 1);
    return term_page(f, hidden, false, expr);
}

u32 elaborate_reduction(front *f, u32 expr, u8 reduction) {
    ASSERT(reduction < IR_REDUCTION_COUNT);
    const ast_call *call = &f->tree->calls[f->tree->a[expr]];
    if (call->form == CALL_FOR) return reduce_for(f, expr, reduction);
    if (call->form == CALL_BY) return reduce_by(f, expr, reduction);
    if (call->arg_count != 1)
        return arity(f, expr, reductions[reduction], "1 argument, or `for`, or `by`");
    return reduce_whole(f, expr, reduction);
}

/* The page that prev or history is asked of; prev of prev is a hidden page. 0 after an error or an
 * unknown shape. */
u32 lagged_page(front *f, u32 expr, bool *unknown) {
    ASSERT(expr < f->tree->expr_count);
    const ast *t = f->tree;
    u32 row = 0;
    if (t->kind[expr] == AST_NAME) {
        for (u32 k = f->local_count; k > f->local_base; k--) {
            const local *l = &f->locals[k - 1];
            if (l->name == t->a[expr] && l->term != 0 && f->terms[l->term].page != 0 &&
                !f->terms[l->term].prev)
                return f->terms[l->term].page;
            if (l->name == t->a[expr]) goto wrong;
        }
        row = names_need(f, f->scope, t->a[expr], false, t->place[expr]);
        if (row == 0) return 0;
    } else if (t->kind[expr] == AST_MEMBER) {
        row = names_member(f, f->scope, t->a[expr], t->b[expr], false, t->place[expr]);
        if (row == 0) return 0;
    } else if (t->kind[expr] == AST_CALL &&
               strcmp(ast_text(t, t->calls[t->a[expr]].name), "prev") == 0) {
        const ast_call *call = &t->calls[t->a[expr]];
        if (call->arg_count != 1) goto wrong;
        u32 of = lagged_page(f, t->lists[call->arg_at], unknown);
        if (of == 0) return 0;
        if (!f->pages[of].shape_known) {
            *unknown = true;
            return 0;
        }
        if (f->pages[of].prev_page != 0) return f->pages[of].prev_page;
        u32 hidden = page_add_hidden(f, "prev", expr);
        if (hidden == 0) return 0;
        front_page *p = &f->pages[hidden];
        p->shape = f->pages[of].shape, p->shape_known = true, p->class = f->pages[of].class,
        p->progress = DONE;
        p->prev_of = of, p->group = f->pages[of].group;
        memcpy(f->ir->pages[hidden].edge, f->ir->pages[of].edge, sizeof f->ir->pages[of].edge);
        memcpy(f->ir->pages[hidden].fill, f->ir->pages[of].fill, sizeof f->ir->pages[of].fill);
        p->term = term_page(f, of, true, expr);
        f->pages[of].prev_page = hidden;
        return hidden;
    }
    if (row != 0 && f->symbols[row].kind == SYMBOL_PAGE) return f->symbols[row].page;
wrong:;
    char text[80];
    diag_row *d = diag_add(f->diags, DIAG_PREV_ARGUMENT, t->place[expr], "`%s` is not a page",
                           expr_text(f, expr, text, sizeof text));
    diag_help(f->diags, d,
              "prev and history take a page, or prev of one: name the expression as a page first");
    return 0;
}

u32 term_prev(front *f, u32 expr) {
    ASSERT(f->tree->kind[expr] == AST_CALL);
    const ast_call *call = &f->tree->calls[f->tree->a[expr]];
    bool unknown = false;
    if (call->arg_count != 1 || call->form != CALL_PLAIN)
        return arity(f, expr, "prev", "1 argument");
    u32 page = lagged_page(f, f->tree->lists[call->arg_at], &unknown);
    if (unknown) {
        f->unknown = true;
        return term_add(
            f, (term){.kind = TERM_UNKNOWN, .expr = expr, .class = class_new(f, TYPE_NONE, expr)});
    }
    return page == 0 ? term_error(f, expr) : term_page(f, page, true, expr);
}

/* What stands in the functions' name space, called: a function or kernel of the user's. */
static u32 user_call(front *f, u32 expr, u32 row, const ast_call *call) {
    const char *name = ast_text(f->tree, call->name);
    if (f->symbols[row].kind == SYMBOL_FN) return user_function(f, expr, row);
    if (f->symbols[row].kind == SYMBOL_KERNEL) return elaborate_kernel(f, expr, row);
    diag_row *d = diag_add(f->diags, DIAG_UNKNOWN_FUNCTION, call->name_span,
                           "`%s` is a node, not a function", name);
    diag_help(f->diags, d, "instantiate it: `use o = %s(...)`, then read `o.RESULT`", name);
    return term_error(f, expr);
}

u32 elaborate_call(front *f, u32 expr) {
    ASSERT(f->tree->kind[expr] == AST_CALL);
    const ast_call *call = &f->tree->calls[f->tree->a[expr]];
    const char *name = ast_text(f->tree, call->name);
    if (call->qualifier != 0) {
        u32 member =
            names_member(f, f->scope, call->qualifier, call->name, true, f->tree->place[expr]);
        if (member == 0) return term_error(f, expr);
        return user_call(f, expr, member, call);
    }
    u32 row = names_find(f, f->scope, call->name, true);
    if (row != 0) return user_call(f, expr, row, call);
    u8 type = type_find(name, strlen(name));
    if (type != TYPE_NONE) return conversion(f, expr, type);
    for (u32 k = 0; k < IR_REDUCTION_COUNT; k++) {
        bool elementwise =
            (k == IR_MIN || k == IR_MAX) && call->form == CALL_PLAIN && call->arg_count > 1;
        if (strcmp(name, reductions[k]) == 0 && !elementwise)
            return elaborate_reduction(f, expr, (u8)k);
    }
    if (strcmp(name, "prev") == 0) return term_prev(f, expr);
    bool random = strcmp(name, "rand_u32") == 0 || strcmp(name, "uniform") == 0 ||
                  strcmp(name, "normal") == 0;
    if (random) return elaborate_random(f, expr);
    if (strcmp(name, "clamp") == 0) return clamped(f, expr);
    for (u32 k = 0; k < ARRAY_COUNT(builtins); k++)
        if (strcmp(name, builtins[k].name) == 0 && call->form == CALL_PLAIN)
            return builtin(f, expr, k);
    u32 which;
    if (whole_is_function(name, &which)) return elaborate_whole(f, expr, which);
    if (strcmp(name, "history") == 0 || strcmp(name, "transpose") == 0) {
        bool unknown = false;
        u32 page = elaborate_function_page(f, expr, &unknown);
        if (unknown) {
            f->unknown = true;
            return term_add(
                f,
                (term){.kind = TERM_UNKNOWN, .expr = expr, .class = class_new(f, TYPE_NONE, expr)});
        }
        return page == 0 ? term_error(f, expr) : term_page(f, page, false, expr);
    }
    names_need(f, f->scope, call->name, true, call->name_span);
    return term_error(f, expr);
}

u32 elaborate_index(front *f, u32 expr) {
    ASSERT(f->tree->kind[expr] == AST_INDEX);
    const ast *t = f->tree;
    u32 base_expr = t->a[expr], at = t->b[expr], count = t->c[expr];
    bool was_whole = f->whole;
    f->whole = true;
    u32 base = elaborate(f, base_expr);
    f->whole = was_whole;
    if (term_bad(f, base)) return base;
    char text[80], shape[120];
    const term *b = &f->terms[base];
    u32 axes = b->shape == 0 ? 0 : f->shapes[b->shape].axis_count;
    if (b->kind != TERM_PAGE && b->kind != TERM_READ && axes != 0 && b->vars == 0) {
        u32 page = term_as_page(f, base);
        if (page == 0) return term_error(f, expr);
        f->whole = true;
        base = term_page(f, page, false, base_expr);
        f->whole = was_whole;
        b = &f->terms[base];
    }
    if (b->kind != TERM_PAGE && b->kind != TERM_READ) {
        diag_row *d =
            diag_add(f->diags, DIAG_NOT_A_PAGE, t->place[base_expr], "`%s` cannot be indexed",
                     expr_text(f, base_expr, text, sizeof text));
        diag_help(f->diags, d, "name it as a page, then index the page");
        return term_error(f, expr);
    }
    if (b->kind == TERM_READ || axes != count) {
        diag_row *d = diag_add(
            f->diags, DIAG_INDEX_COUNT, t->place[expr], "`%s` %s%s, but %u ind%s given",
            expr_text(f, base_expr, text, sizeof text), axes == 0 ? "is " : "has shape ",
            shape_text(f, b->shape, shape, sizeof shape), count, count == 1 ? "ex is" : "ices are");
        diag_help(f->diags, d,
                  axes == 0 ? "a scalar is read by its name alone"
                            : "a read has one index for each dimension");
        return term_error(f, expr);
    }
    term read = {.kind = TERM_READ,
                 .page = b->page,
                 .prev = b->prev,
                 .class = b->class,
                 .expr = expr,
                 .count = count};
    u32 index[PAGE_AXES_MAX];
    for (u32 k = 0; k < count; k++) {
        index[k] = elaborate(f, t->lists[at + k]);
        if (term_bad(f, index[k])) return index[k];
        read.vars |= f->terms[index[k]].vars;
        if (f->terms[index[k]].shape == 0) continue;
        diag_row *d = diag_add(f->diags, DIAG_NOT_SCALAR, t->place[t->lists[at + k]],
                               "an index is a scalar, but `%s` is %s",
                               expr_text(f, t->lists[at + k], text, sizeof text),
                               shape_text(f, f->terms[index[k]].shape, shape, sizeof shape));
        diag_help(f->diags, d, "use index form: `page NAME[i: n] = x[k[i]]`");
        return term_error(f, expr);
    }
    if (!arena_grow(f->memory, (void **)&f->lists, &f->list_capacity, f->list_count + count + 1,
                    sizeof(u32)))
        return 0;
    read.at = f->list_count;
    memcpy(f->lists + f->list_count, index, count * sizeof(u32));
    f->list_count += count;
    return term_add(f, read);
}
