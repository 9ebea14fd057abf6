/* SPDX-License-Identifier: Apache-2.0
 * front_constants: params, consts and shapes. Params are integers, overridden by -D; consts are
 * elements, computed through the same terms and kernels as pages. */
#include "front_state.h"

#include "../engine/core/number.h"

#include <stdio.h>

static bool not_constant(front *f, u32 expr, const char *what) {
    ASSERT(expr < f->tree->expr_count);
    if (f->tree->kind[expr] != AST_ERROR) {
        char text[80];
        diag_row *d = diag_add(f->diags, DIAG_NOT_CONSTANT, f->tree->place[expr], "`%s` is not %s",
                               expr_text(f, expr, text, sizeof text), what);
        diag_help(f->diags, d,
                  "use integers, params and + - * / %% ** << >> & | ^, if, min, max on them");
    }
    return false;
}

static bool overflowed(front *f, u32 expr) {
    ASSERT(expr < f->tree->expr_count);
    diag_row *d = diag_add(f->diags, DIAG_DIMENSION, f->tree->place[expr],
                           "this integer does not fit in 64 bits, or divides by zero");
    diag_help(f->diags, d, "params are 64-bit signed integers");
    return false;
}

static bool integer_power(i64 base, i64 exponent, i64 *out) {
    ASSERT(out != NULL);
    *out = 1;
    if (exponent < 0) return false;
    for (i64 k = 0; k < exponent; k++)
        if (__builtin_mul_overflow(*out, base, out) || (k > 64 && base > 1)) return false;
    return true;
}

static bool binary_integer(front *f, u32 expr, u8 op, i64 a, i64 b, i64 *v) {
    ASSERT(op < AST_OP_COUNT && expr < f->tree->expr_count);
    bool bad = false;
    switch (op) {
    case AST_OP_ADD: bad = __builtin_add_overflow(a, b, v); break;
    case AST_OP_SUB: bad = __builtin_sub_overflow(a, b, v); break;
    case AST_OP_MUL: bad = __builtin_mul_overflow(a, b, v); break;
    case AST_OP_DIV:
    case AST_OP_REM:
        bad = b == 0 || (a == INT64_MIN && b == -1);
        if (!bad) *v = op == AST_OP_DIV ? a / b : a % b;
        break;
    case AST_OP_POW: bad = !integer_power(a, b, v); break;
    case AST_OP_SHL: *v = (i64)((u64)a << (b & 63)); break;
    case AST_OP_SHR: *v = a >> (b & 63); break;
    case AST_OP_AND: *v = a & b; break;
    case AST_OP_OR: *v = a | b; break;
    case AST_OP_XOR: *v = a ^ b; break;
    default: return not_constant(f, expr, "a constant integer");
    }
    return bad ? overflowed(f, expr) : true;
}

/* Functions of constant integers: as those of i64, but what does not fit is an error. */
static bool function_integer(front *f, u32 expr, const char *name, const i64 *x, u32 count,
                             i64 *v) {
    ASSERT(f->tree->kind[expr] == AST_CALL);
    bool least = strcmp(name, "min") == 0, most = strcmp(name, "max") == 0;
    *v = x[0];
    for (u32 k = 1; k < count && (least || most); k++)
        if (least ? x[k] < *v : x[k] > *v) *v = x[k];
    if (least || most) return true;
    if (count == 1 && strcmp(name, "abs") == 0)
        return x[0] < 0 && __builtin_sub_overflow(0, x[0], v) ? overflowed(f, expr) : true;
    if (count == 1 && strcmp(name, "sign") == 0) {
        *v = (x[0] > 0) - (x[0] < 0);
    } else if (count == 3 && strcmp(name, "clamp") == 0) {
        *v = x[0] > x[1] ? x[0] : x[1];
        if (*v > x[2]) *v = x[2];
    } else if (count == 2 && strcmp(name, "mod") == 0) {
        if (!binary_integer(f, expr, AST_OP_REM, x[0], x[1], v)) return false;
        if (*v != 0 && (*v < 0) != (x[1] < 0)) *v += x[1];
    } else {
        return not_constant(f, expr, "a constant integer");
    }
    return true;
}

static bool call_integer(front *f, u32 scope_row, u32 expr, i64 *v) {
    ASSERT(f->tree->kind[expr] == AST_CALL);
    const ast_call *call = &f->tree->calls[f->tree->a[expr]];
    i64 *x = ARENA_ARRAY(f->memory, i64, call->arg_count + 1u);
    bool plain = call->form == CALL_PLAIN && call->qualifier == 0 && call->arg_count > 0;
    if (x == NULL) f->out_of_memory = true;
    if (x == NULL || !plain || names_find(f, scope_row, call->name, true) != 0)
        return not_constant(f, expr, "a constant integer");
    for (u32 k = 0; k < call->arg_count; k++)
        if (!constant_integer(f, scope_row, f->tree->lists[call->arg_at + k], &x[k])) return false;
    return function_integer(f, expr, ast_text(f->tree, call->name), x, call->arg_count, v);
}

static bool condition_compare(u8 op, i64 a, i64 b) {
    ASSERT(op >= AST_OP_EQ && op <= AST_OP_GE);
    switch (op) {
    case AST_OP_EQ: return a == b;
    case AST_OP_NE: return a != b;
    case AST_OP_LT: return a < b;
    case AST_OP_LE: return a <= b;
    case AST_OP_GT: return a > b;
    default: return a >= b;
    }
}

/* The condition of a constant `if`. */
static bool constant_condition(front *f, u32 scope_row, u32 expr, bool *v) {
    ASSERT(expr < f->tree->expr_count && scope_row < f->scope_count);
    const ast *t = f->tree;
    u8 op = t->op[expr];
    i64 a, b;
    switch (t->kind[expr]) {
    case AST_BOOL: *v = t->a[expr] != 0; return true;
    case AST_UNARY:
        if (op != AST_OP_NOT) break;
        if (!constant_condition(f, scope_row, t->a[expr], v)) return false;
        *v = !*v;
        return true;
    case AST_BINARY:
        if (op == AST_OP_ANDAND || op == AST_OP_OROR) {
            if (!constant_condition(f, scope_row, t->a[expr], v)) return false;
            return *v == (op == AST_OP_OROR) || constant_condition(f, scope_row, t->b[expr], v);
        }
        if (op < AST_OP_EQ || op > AST_OP_GE) break;
        if (!constant_integer(f, scope_row, t->a[expr], &a)) return false;
        if (!constant_integer(f, scope_row, t->b[expr], &b)) return false;
        *v = condition_compare(op, a, b);
        return true;
    default: break;
    }
    return not_constant(f, expr, "a comparison of constant integers");
}

static bool named_integer(front *f, u32 scope_row, u32 expr, i64 *v) {
    ASSERT(f->tree->kind[expr] == AST_NAME || f->tree->kind[expr] == AST_MEMBER);
    const ast *t = f->tree;
    span place = t->place[expr];
    u32 row = t->kind[expr] == AST_NAME
                  ? names_need(f, scope_row, t->a[expr], false, place)
                  : names_member(f, scope_row, t->a[expr], t->b[expr], false, place);
    if (row == 0 || !constant_symbol(f, row)) return false;
    const symbol *s = &f->symbols[row];
    if (s->kind == SYMBOL_PARAM) {
        *v = (i64)s->bits;
        return true;
    }
    if (s->kind != SYMBOL_CONST || !type_is_integer(s->type))
        return not_constant(f, expr, "a param or an integer const");
    u32 unused = 64 - 8 * type_bytes(s->type);
    *v = type_is_signed(s->type) ? (i64)(s->bits << unused) >> unused : (i64)s->bits;
    return true;
}

bool constant_integer(front *f, u32 scope_row, u32 expr, i64 *v) {
    ASSERT(expr < f->tree->expr_count && scope_row < f->scope_count);
    const ast *t = f->tree;
    i64 a, b;
    bool yes;
    switch (t->kind[expr]) {
    case AST_INTEGER:
        *v = (i64)t->integers[t->a[expr]];
        return *v >= 0 ? true : overflowed(f, expr);
    case AST_NAME:
    case AST_MEMBER: return named_integer(f, scope_row, expr, v);
    case AST_CALL: return call_integer(f, scope_row, expr, v);
    case AST_UNARY:
        if (!constant_integer(f, scope_row, t->a[expr], &a)) return false;
        if (t->op[expr] == AST_OP_NEG)
            return __builtin_sub_overflow(0, a, v) ? overflowed(f, expr) : true;
        if (t->op[expr] == AST_OP_NOT) return not_constant(f, expr, "a constant integer");
        *v = ~a;
        return true;
    case AST_BINARY:
        if (!constant_integer(f, scope_row, t->a[expr], &a)) return false;
        if (!constant_integer(f, scope_row, t->b[expr], &b)) return false;
        return binary_integer(f, expr, t->op[expr], a, b, v);
    case AST_IF:
        if (!constant_condition(f, scope_row, t->a[expr], &yes)) return false;
        return constant_integer(f, scope_row, yes ? t->b[expr] : t->c[expr], v);
    default: return not_constant(f, expr, "a constant integer");
    }
}

bool constant_shape(front *f, u32 scope_row, const u32 *exprs, u32 count, u32 *shape) {
    ASSERT(count == 0 || exprs != NULL);
    u64 dims[PAGE_AXES_MAX] = {1, 1, 1, 1}, lanes = 1;
    if (count > PAGE_AXES_MAX) {
        diag_row *d = diag_add(f->diags, DIAG_DIMENSION, f->tree->place[exprs[PAGE_AXES_MAX]],
                               "a page has at most %u dimensions", PAGE_AXES_MAX);
        diag_help(f->diags, d, "join dimensions: [a * b, c]");
        return false;
    }
    for (u32 k = 0; k < count; k++) {
        i64 v;
        span place = f->tree->place[exprs[k]];
        if (!constant_integer(f, scope_row, exprs[k], &v) || f->waits) return false;
        if (v < 1) {
            diag_row *d = diag_add(f->diags, DIAG_DIMENSION, place,
                                   "a dimension of %lld is not possible", (long long)v);
            diag_help(f->diags, d, "every dimension is at least 1");
            return false;
        }
        dims[k] = (u64)v;
        if (__builtin_mul_overflow(lanes, dims[k], &lanes) || lanes > LANES_MAX) {
            diag_row *d = diag_add(f->diags, DIAG_DIMENSION, place,
                                   "a page of more than %llu elements is not possible",
                                   (unsigned long long)LANES_MAX);
            diag_help(f->diags, d, "make the dimensions smaller");
            return false;
        }
    }
    *shape = shape_add(f, dims, count);
    return true;
}

bool constant_element(front *f, u32 scope_row, u32 expr, u8 *type, u64 *bits) {
    ASSERT(*type == TYPE_NONE || *type < TYPE_COUNT);
    u32 was_scope = f->scope, was_page = f->page, was_depth = f->depth, was_base = f->local_base;
    bool was_whole = f->whole, was_start = f->source_start, was_keyed = f->keyed_allowed;
    u32 first_class = f->class_count, first_term = f->term_count, errors = f->diags->error_count;
    f->term_first = f->term_count, f->limit_hit = false;
    f->scope = scope_row, f->page = 0, f->depth = 0, f->local_base = f->local_count;
    f->whole = true, f->source_start = true, f->keyed_allowed = false;
    u32 row = elaborate(f, expr);
    bool ok = !term_bad(f, row);
    if (ok && *type != TYPE_NONE)
        ok = class_join(f, f->terms[row].class, class_new(f, *type, expr), expr);
    classes_close(f, first_class == 0 ? 1 : first_class);
    terms_check(f, first_term, f->term_count);
    ok = ok && f->diags->error_count == errors;
    if (ok) {
        f->context++;
        u32 value = lower_term(f, row);
        ok = value != 0 && f->ir->exprs[value].kind == IR_CONST;
        if (ok)
            *type = f->ir->exprs[value].type, *bits = f->ir->exprs[value].bits;
        else if (f->diags->error_count == errors)
            not_constant(f, expr, "a constant");
    }
    f->scope = was_scope, f->page = was_page, f->depth = was_depth, f->local_base = was_base;
    f->whole = was_whole, f->source_start = was_start, f->keyed_allowed = was_keyed;
    return ok;
}

/* The param that `NAME=...` or `MODULE.NAME=...` sets; 0: none. */
static u32 define_row(front *f, const char *d) {
    ASSERT(f->passes_done >= PASS_NAMES);
    const char *equals = strchr(d, '='), *dot = strchr(d, '.');
    size_t bytes = equals == NULL ? strlen(d) : (size_t)(equals - d);
    bool member = dot != NULL && dot < d + bytes;
    size_t head = member ? (size_t)(dot - d) : bytes;
    u32 row = names_find(f, 1, ast_string(f->tree, d, (u32)head), false);
    if (member && row != 0 && f->symbols[row].kind == SYMBOL_MODULE)
        row = names_here(f, f->symbols[row].target,
                         ast_string(f->tree, dot + 1, (u32)(bytes - head - 1)), false);
    else if (member)
        row = 0;
    return row != 0 && f->symbols[row].kind == SYMBOL_PARAM ? row : 0;
}

/* The last -D for a param of the graph file or of a file that it imports. */
static bool define_value(front *f, u32 row, i64 *v) {
    ASSERT(f->symbols[row].kind == SYMBOL_PARAM);
    bool found = false;
    for (size_t k = 0; k < f->options->define_count; k++) {
        const char *d = f->options->defines[k], *equals = strchr(d, '=');
        u64 bits;
        if (equals == NULL || define_row(f, d) != row) continue;
        if (number_parse(TYPE_I64, equals + 1, strlen(equals + 1), &bits) == NUMBER_OK)
            *v = (i64)bits, found = true;
    }
    return found;
}

static bool cycle_told(front *f, const symbol *s) {
    ASSERT(s->kind == SYMBOL_PARAM || s->kind == SYMBOL_CONST);
    diag_row *d = diag_add(f->diags, DIAG_CONSTANT_CYCLE, s->place, "`%s` needs itself",
                           ast_text(f->tree, s->name));
    diag_help(f->diags, d, "params and consts may only need ones that do not need them back");
    return false;
}

static u32 stated_shape(front *f, u32 scope_row, u32 expr);
/* The shape that a page states, or that its argument's pages do. */
static u32 page_stated_shape(front *f, front_page of) {
    const ast *t = f->tree;
    u32 shape = 0, exprs[PAGE_AXES_MAX];
    ASSERT(of.item < f->tree->item_count && of.argument < f->tree->expr_count);
    if (of.shape_known) return of.shape;
    if (of.item == 0) return of.argument != 0 ? stated_shape(f, of.scope, of.argument) : 0;
    const ast_item *item = &t->items[of.item];
    u32 count = item->indexed ? item->axis_count : item->has_shape ? item->shape_count : 0;
    for (u32 k = 0; k < count && k < PAGE_AXES_MAX; k++)
        exprs[k] = item->indexed ? t->axes[item->axis_at + k].extent : t->lists[item->shape_at + k];
    bool was = f->waits;
    f->waits = false;
    bool known =
        count > 0 && count <= PAGE_AXES_MAX && constant_shape(f, of.scope, exprs, count, &shape);
    f->waits = was;
    return known ? shape : 0;
}

/* The shape that the pages in an argument state: known before its definition, which may lie on a
 * cycle through the node. 0 where none does. */
static u32 stated_shape(front *f, u32 scope_row, u32 expr) {
    ASSERT(expr < f->tree->expr_count && scope_row < f->scope_count);
    const ast *t = f->tree;
    u32 row = 0, shape = 0;
    switch (t->kind[expr]) {
    case AST_NAME: row = names_find(f, scope_row, t->a[expr], false); break;
    case AST_MEMBER:
        row = names_member(f, scope_row, t->a[expr], t->b[expr], false, t->place[expr]);
        break;
    case AST_UNARY: return stated_shape(f, scope_row, t->a[expr]);
    case AST_BINARY:
        shape = stated_shape(f, scope_row, t->a[expr]);
        return shape != 0 ? shape : stated_shape(f, scope_row, t->b[expr]);
    case AST_CALL: {
        const ast_call *c = &t->calls[t->a[expr]];
        bool prev = strcmp(ast_text(t, c->name), "prev") == 0 && c->arg_count == 1;
        return prev ? stated_shape(f, scope_row, t->lists[c->arg_at]) : 0;
    }
    default: return 0;
    }
    bool page = row != 0 && f->symbols[row].kind == SYMBOL_PAGE;
    return page ? page_stated_shape(f, f->pages[f->symbols[row].page]) : 0;
}

/* A node's param bound by the shape of an argument: axis `bits` of page `page`. */
static bool bound_by_shape(front *f, symbol *s) {
    ASSERT(s->page != 0 && s->page < f->ir->page_count && s->bits < UINT32_MAX);
    const front_page *p = &f->pages[s->page];
    s->progress = BUSY;
    u32 axis = (u32)s->bits, shape = page_stated_shape(f, *p);
    s->progress = FRESH;
    u32 axes = shape == 0 ? 0 : f->shapes[shape].axis_count;
    f->waits |= !p->shape_known && shape == 0;
    if (!p->shape_known && shape == 0) return true;
    s->progress = DONE;
    s->bits = axis < axes ? f->shapes[shape].dims[axis] : 1;
    if (axis < axes) return true;
    diag_row *d = diag_add(f->diags, DIAG_SHAPES_DIFFER, f->tree->place[p->argument],
                           "this argument has %u dimensions, and the node wants more", axes);
    diag_second(f->diags, d, s->place, "`%s` is bound here", ast_text(f->tree, s->name));
    diag_help(f->diags, d, "pass a page of the parameter's shape");
    return false;
}

bool constant_symbol(front *f, u32 row) {
    ASSERT(row != 0 && row < f->symbol_count);
    symbol *s = &f->symbols[row];
    if ((s->kind != SYMBOL_PARAM && s->kind != SYMBOL_CONST) || s->progress == DONE) return true;
    if (s->progress == BUSY) return cycle_told(f, s);
    if (s->kind == SYMBOL_PARAM && s->target == 1) return bound_by_shape(f, s);
    s->progress = BUSY;
    if (s->expr != 0) {
        i64 v = 1;
        bool known = constant_integer(f, s->expr_scope, s->expr, &v) && !f->waits;
        f->symbols[row].bits = known ? (u64)v : 1;
        f->symbols[row].progress = f->waits ? FRESH : DONE;
        return known || f->waits;
    }
    const ast_item *item = &f->tree->items[s->item];
    bool ok;
    if (s->kind == SYMBOL_PARAM) {
        i64 v = 0;
        ok = define_value(f, row, &v) || constant_integer(f, s->scope, item->expr, &v);
        f->symbols[row].bits = ok ? (u64)v : 1;
    } else {
        u8 type = item->type;
        u64 bits = 0;
        ok = constant_element(f, s->scope, item->expr, &type, &bits);
        f->symbols[row].type = ok ? type : TYPE_F64;
        f->symbols[row].bits = bits;
    }
    f->symbols[row].progress = DONE;
    return ok;
}

static void defines_check(front *f) {
    ASSERT(f->passes_done == PASS_NAMES);
    for (size_t k = 0; k < f->options->define_count; k++) {
        const char *d = f->options->defines[k], *equals = strchr(d, '=');
        u64 bits;
        span top = {0, 0, 0};
        size_t bytes = equals == NULL ? strlen(d) : (size_t)(equals - d);
        bool number = equals != NULL &&
                      number_parse(TYPE_I64, equals + 1, strlen(equals + 1), &bits) == NUMBER_OK;
        if (number && define_row(f, d) != 0) continue;
        diag_row *row_told =
            diag_add(f->diags, DIAG_UNKNOWN_DEFINE, top, "-D %s sets nothing: %s", d,
                     !number ? "it is not NAME=INTEGER" : "the graph has no param of that name");
        if (memchr(d, '.', bytes) == NULL)
            diag_help(f->diags, row_told, "declare it: `param %.*s = 1`", (int)bytes, d);
        else
            diag_help(f->diags, row_told, "a param of `import ... as m` is set as m.NAME");
    }
}

/* Constants on the way to one that is wanted, the latest last, so that a long chain of them costs
 * no C stack. seen: FRESH, BUSY while it is on the way, DONE. */
typedef struct {
    u32 *rows;
    u8 *seen;
    u32 count, capacity;
} constant_path;

static void constant_visit(front *f, u32 row, void *context) {
    constant_path *p = context;
    const symbol *s = &f->symbols[row];
    bool wanted = s->kind == SYMBOL_CONST || s->kind == SYMBOL_FN ||
                  (s->kind == SYMBOL_PARAM && s->target == 0 && s->page == 0);
    ASSERT(row < f->symbol_count);
    if (!wanted || s->item == 0 || p->seen[row] == DONE) return;
    if (p->seen[row] == BUSY) {
        if (s->kind == SYMBOL_FN || s->progress == DONE) return;
        cycle_told(f, s);
        f->symbols[row].progress = DONE, p->seen[row] = DONE;
        f->symbols[row].type = TYPE_F64;
        return;
    }
    if (!arena_grow(f->memory, (void **)&p->rows, &p->capacity, p->count + 1, sizeof(u32))) {
        f->out_of_memory = true;
        return;
    }
    p->rows[p->count++] = row;
}

/* What a constant needs is computed before it. A row is visited twice: on the way down it is BUSY
 * and pushes its needs; when it comes up again they are done. */
static void constants_from(front *f, constant_path *p, u32 start) {
    ASSERT(p->count == 0);
    constant_visit(f, start, p);
    while (p->count > 0 && !f->out_of_memory) {
        u32 row = p->rows[p->count - 1];
        const symbol *s = &f->symbols[row];
        if (p->seen[row] != FRESH) {
            p->count--;
            if (p->seen[row] == BUSY && s->kind != SYMBOL_FN) constant_symbol(f, row);
            p->seen[row] = DONE;
            continue;
        }
        p->seen[row] = BUSY;
        if (s->progress != DONE)
            names_visit(f, s->scope, f->tree->items[s->item].expr, constant_visit, p);
    }
    p->count = 0;
}

bool constants_all(front *f) {
    ASSERT(f->passes_done == PASS_NAMES);
    defines_check(f);
    constant_path path = {.seen = ARENA_ARRAY(f->memory, u8, f->symbol_count + 1u)};
    if (path.seen == NULL) return false;
    for (u32 row = 1; row < f->symbol_count && !f->out_of_memory; row++)
        if (f->symbols[row].kind != SYMBOL_FN) {
            constants_from(f, &path, row);
            if (f->symbols[row].page == 0) constant_symbol(f, row);
        }
    f->waits = false;
    return !f->out_of_memory;
}
