/* SPDX-License-Identifier: Apache-2.0
 * front_terms: an expression of a definition becomes terms: names resolved, functions and lets
 * inlined, shapes found. */
#include "front_state.h"

#include <stdio.h>

#define TERMS_MAX 16000000u
#define DEFINITION_TERMS_MAX 1000000u
#define TERM_HEIGHT_MAX 6000u
#define LEVEL_MAX                                                                   \
    1200u /* of elaborate(), whose frames are larger than those of the passes after \
           */

/* Sets how deep the term's expression is; false past what the passes may recurse into. A power
 * becomes at most 13 operators, a small reduction 12. */
static bool height_set(const front *f, term *t) {
    u32 below[3] = {t->a, t->b, t->c}, most = 0;
    for (u32 k = 0; k < 3; k++)
        if (below[k] != 0 && f->terms[below[k]].height > most) most = f->terms[below[k]].height;
    for (u32 k = 0; t->kind == TERM_READ && k < t->count; k++)
        if (f->terms[f->lists[t->at + k]].height > most)
            most = f->terms[f->lists[t->at + k]].height;
    bool many = t->kind == TERM_POWER || t->kind == TERM_REDUCE || t->kind == TERM_WHOLE;
    t->height = most + (many ? 13 : 1);
    ASSERT(t->height > most);
    return t->height <= TERM_HEIGHT_MAX;
}

static u32 too_deep(front *f, u32 expr) {
    diag_row *d =
        diag_add(f->diags, DIAG_TOO_DEEP, f->tree->place[expr],
                 "with functions and lets put in, this nests more than %u deep", LEVEL_MAX);
    ASSERT(expr < f->tree->expr_count);
    diag_help(f->diags, d, "name a part of it as a page of its own");
    return term_error(f, expr);
}

u32 term_add(front *f, term t) {
    ASSERT(t.kind != TERM_NONE && t.kind <= TERM_WHOLE);
    ASSERT(t.a <= f->term_count && t.b <= f->term_count && t.c <= f->term_count);
    if (f->term_count == 0) f->term_count = 1;
    bool many = f->term_count > TERMS_MAX || f->term_count - f->term_first > DEFINITION_TERMS_MAX;
    if (f->limit_hit) return 0;
    if (many || !height_set(f, &t)) {
        diag_row *d = diag_add(f->diags, DIAG_LIMIT, f->tree->place[t.expr],
                               "inlining functions makes this expression too large");
        diag_help(f->diags, d, "name repeated parts as pages");
        f->limit_hit = true;
        return 0;
    }
    if (!arena_grow(f->memory, (void **)&f->terms, &f->term_capacity, f->term_count + 1,
                    sizeof(term))) {
        f->out_of_memory = true;
        return 0;
    }
    f->terms[0] = (term){.kind = TERM_ERROR};
    f->terms[f->term_count] = t;
    return f->term_count++;
}

u32 term_error(front *f, u32 expr) {
    ASSERT(expr < f->tree->expr_count);
    return term_add(
        f, (term){.kind = TERM_ERROR, .expr = expr, .class = class_new(f, TYPE_NONE, expr)});
}

bool term_bad(const front *f, u32 row) {
    ASSERT(row < f->term_count || row == 0);
    return row == 0 || f->terms[row].kind == TERM_ERROR || f->terms[row].kind == TERM_UNKNOWN;
}

u32 shape_add(front *f, const u64 *dims, u32 count) {
    ASSERT(count <= PAGE_AXES_MAX);
    if (f->shape_count == 0) f->shape_count = 1;
    if (count == 0) return 0;
    for (u32 k = f->shape_count; k > 1 && k + 8 > f->shape_count; k--) {
        const front_shape *s = &f->shapes[k - 1];
        if (s->axis_count == count && memcmp(s->dims, dims, count * sizeof(u64)) == 0) return k - 1;
    }
    if (!arena_grow(f->memory, (void **)&f->shapes, &f->shape_capacity, f->shape_count + 1,
                    sizeof(front_shape))) {
        f->out_of_memory = true;
        return 0;
    }
    f->shapes[0] = (front_shape){.axis_count = 0, .dims = {1, 1, 1, 1}};
    front_shape s = {.axis_count = count, .dims = {1, 1, 1, 1}};
    memcpy(s.dims, dims, count * sizeof(u64));
    f->shapes[f->shape_count] = s;
    return f->shape_count++;
}

const char *shape_text(const front *f, u32 shape, char *to, size_t bytes) {
    ASSERT(shape == 0 || shape < f->shape_count);
    if (shape == 0) {
        snprintf(to, bytes, "a scalar");
        return to;
    }
    int used = snprintf(to, bytes, "[");
    for (u32 k = 0; k < f->shapes[shape].axis_count; k++)
        used += snprintf(to + used, bytes - (size_t)used, "%s%llu", k == 0 ? "" : ", ",
                         (unsigned long long)f->shapes[shape].dims[k]);
    snprintf(to + used, bytes - (size_t)used, "]");
    return to;
}

bool shape_same(const front *f, u32 a, u32 b) {
    ASSERT((a == 0 || a < f->shape_count) && (b == 0 || b < f->shape_count));
    return a == b || (a != 0 && b != 0 && f->shapes[a].axis_count == f->shapes[b].axis_count &&
                      memcmp(f->shapes[a].dims, f->shapes[b].dims, sizeof f->shapes[a].dims) == 0);
}

/* x[i, j] of the axes [from, from + count) */
static void indexed_text(char *to, size_t bytes, const char *name, u32 from, u32 count) {
    ASSERT(from + count <= PAGE_AXES_MAX && bytes > 0);
    u32 used = (u32)snprintf(to, bytes, "%s", name);
    for (u32 k = 0; k < count && used < bytes; k++)
        used += (u32)snprintf(to + used, bytes - used, "%s%c%s", k == 0 ? "[" : ", ",
                              "ijkl"[from + k], k + 1 == count ? "]" : "");
}

/* Where the smaller shape lies in the larger one: at its end, at its start (UINT32_MAX: nowhere).
 */
static u32 axes_match(const front_shape *large, const front_shape *small) {
    ASSERT(small->axis_count <= large->axis_count);
    u32 more = large->axis_count - small->axis_count;
    size_t bytes = small->axis_count * sizeof small->dims[0];
    if (memcmp(large->dims + more, small->dims, bytes) == 0) return more;
    return memcmp(large->dims, small->dims, bytes) == 0 ? 0 : UINT32_MAX;
}

/* The index form that was meant by an operator on [h, w] and [w] or [h]. */
static bool index_form_help(front *f, diag_row *d, u32 a, u32 b, u32 expr) {
    ASSERT(f->terms[a].shape != 0 && f->terms[b].shape != 0);
    const front_shape *x = &f->shapes[f->terms[a].shape], *y = &f->shapes[f->terms[b].shape];
    bool swap = x->axis_count < y->axis_count;
    u32 at = axes_match(swap ? y : x, swap ? x : y), bytes;
    char left[80], right[80], p[120], q[120], axes[160] = "";
    if (x->axis_count == y->axis_count || at == UINT32_MAX || f->tree->kind[expr] != AST_BINARY ||
        f->page == 0)
        return false;
    const front_shape *large = swap ? y : x;
    u32 used = 0;
    for (u32 k = 0; k < large->axis_count; k++)
        used += (u32)snprintf(axes + used, sizeof axes - used, "%s%c: %llu", k == 0 ? "" : ", ",
                              "ijkl"[k], (unsigned long long)large -> dims[k]);
    expr_text(f, f->terms[a].expr, left, sizeof left);
    expr_text(f, f->terms[b].expr, right, sizeof right);
    indexed_text(p, sizeof p, left, swap ? at : 0, x->axis_count);
    indexed_text(q, sizeof q, right, swap ? 0 : at, y->axis_count);
    const char *operator= sources_text(f->sources, f->tree->op_place[expr], &bytes);
    diag_help(f->diags, d, "say which elements meet: `page %s[%s] = %s %.*s %s`",
              f->ir->pages[f->page].name, axes, p, (int)bytes, operator, q);
    return true;
}

bool shape_join(front *f, u32 a, u32 b, u32 expr, u32 *shape) {
    ASSERT(a != 0 && b != 0 && a < f->term_count && b < f->term_count);
    u32 x = f->terms[a].shape, y = f->terms[b].shape;
    *shape = x != 0 ? x : y;
    if (x == 0 || y == 0 || shape_same(f, x, y)) return true;
    char p[120], q[120], left[80], right[80];
    expr_text(f, f->terms[a].expr, left, sizeof left);
    expr_text(f, f->terms[b].expr, right, sizeof right);
    diag_row *d =
        diag_add(f->diags, DIAG_SHAPES_DIFFER, f->tree->place[expr], "`%s` is %s but `%s` is %s",
                 left, shape_text(f, x, p, sizeof p), right, shape_text(f, y, q, sizeof q));
    diag_second(f->diags, d, f->tree->place[f->terms[b].expr], "%s", q);
    if (index_form_help(f, d, a, b, expr)) return false;
    diag_help(
        f->diags, d,
        "say which elements meet in index form: `page NAME[i: n, ...] = ... %s[i] ... %s[...]`",
        left, right);
    return false;
}

u32 local_push(front *f, local l) {
    ASSERT(f->local_base <= f->local_count);
    if (!arena_grow(f->memory, (void **)&f->locals, &f->local_capacity, f->local_count + 1,
                    sizeof(local))) {
        f->out_of_memory = true;
        return 0;
    }
    f->locals[f->local_count] = l;
    return f->local_count++;
}

static u32 leaf(front *f, u8 kind, u8 type, u64 bits, u32 expr) {
    ASSERT(type == TYPE_NONE || type < TYPE_COUNT);
    return term_add(
        f, (term){.kind = kind, .bits = bits, .expr = expr, .class = class_new(f, type, expr)});
}

static u32 open_float(front *f, u32 expr) {
    ASSERT(f->tree->kind[expr] >= AST_FLOAT && f->tree->kind[expr] <= AST_PI);
    u32 row = leaf(f, TERM_FLOAT, TYPE_NONE, 0, expr);
    if (row != 0) f->classes[f->terms[row].class].has_float = true;
    return row;
}

u32 term_page(front *f, u32 page, bool prev, u32 expr) {
    ASSERT(page != 0 && page < f->ir->page_count);
    front_page *p = &f->pages[page];
    if (f->source_start) {
        diag_row *d =
            diag_add(f->diags, DIAG_SOURCE_START, f->tree->place[expr],
                     "`%s` is a page, and only consts, params and index variables may stand here",
                     f->ir->pages[page].name);
        diag_help(f->diags, d, "pages have no value before epoch 0; use a derived page instead");
        return term_error(f, expr);
    }
    if (p->wrong) return term_error(f, expr); /* told where it is defined */
    if (!p->shape_known) {
        f->unknown = true;
        return term_add(
            f, (term){.kind = TERM_UNKNOWN, .expr = expr, .class = class_new(f, TYPE_NONE, expr)});
    }
    if (!f->whole && p->shape != 0) {
        char text[80], shape[120];
        diag_row *d = diag_add(f->diags, DIAG_NOT_INDEXED, f->tree->place[expr],
                               "`%s` has shape %s and needs an index here",
                               expr_text(f, expr, text, sizeof text),
                               shape_text(f, p->shape, shape, sizeof shape));
        diag_help(f->diags, d,
                  "in index form every page is read with one index for each dimension: `%s[i]`",
                  text);
        return term_error(f, expr);
    }
    term t = {.kind = TERM_PAGE,
              .prev = prev,
              .page = page,
              .shape = p->shape,
              .class = p->class,
              .expr = expr};
    if (p->shape == 0) t.kind = TERM_READ;
    return term_add(f, t);
}

static u32 symbol_term(front *f, u32 row, u32 expr) {
    ASSERT(row != 0 && row < f->symbol_count);
    const symbol *s = &f->symbols[row];
    switch (s->kind) {
    case SYMBOL_PARAM:
        if (!constant_symbol(f, row)) return term_error(f, expr);
        return leaf(f, TERM_INTEGER, TYPE_NONE, f->symbols[row].bits, expr);
    case SYMBOL_CONST:
        if (!constant_symbol(f, row)) return term_error(f, expr);
        return leaf(f, TERM_CONST, f->symbols[row].type, f->symbols[row].bits, expr);
    case SYMBOL_PAGE: return term_page(f, s->page, false, expr);
    default: break;
    }
    diag_row *d = diag_add(f->diags, DIAG_NOT_A_PAGE, f->tree->place[expr], "`%s` is not a value",
                           ast_text(f->tree, s->name));
    diag_help(f->diags, d, "name one of its members: `%s.member`", ast_text(f->tree, s->name));
    return term_error(f, expr);
}

static u32 name_term(front *f, u32 expr) {
    ASSERT(f->tree->kind[expr] == AST_NAME && f->local_base <= f->local_count);
    u32 name = f->tree->a[expr];
    for (u32 k = f->local_count; k > f->local_base; k--) {
        const local *l = &f->locals[k - 1];
        if (l->name != name) continue;
        if (l->term != 0) return l->term;
        return term_add(f, (term){.kind = TERM_INDEX,
                                  .bits = l->var,
                                  .vars = 1u << l->var,
                                  .expr = expr,
                                  .class = class_new(f, TYPE_I64, expr)});
    }
    u32 row = names_need(f, f->scope, name, false, f->tree->place[expr]);
    return row == 0 ? term_error(f, expr) : symbol_term(f, row, expr);
}

/* An operator on terms of one class; the result's class is theirs, or bool. */
u32 term_operate(front *f, u16 op, const u32 *in, u32 count, u32 expr) {
    ASSERT(count >= 1 && count <= 3 && op < OP_COUNT);
    term t = {.kind = TERM_OP, .op = op, .expr = expr};
    u32 *slots[3] = {&t.a, &t.b, &t.c};
    u32 first = op == OP_SELECT ? 1 : 0;
    for (u32 k = 0; k < count; k++)
        if (term_bad(f, in[k])) return in[k] == 0 ? term_error(f, expr) : in[k];
    for (u32 k = 0; k < count; k++) {
        *slots[k] = in[k];
        t.vars |= f->terms[in[k]].vars;
        if (k > 0) {
            u32 shape;
            u32 a = t.shape != 0 ? in[0] : in[k];
            for (u32 j = 0; j < k; j++)
                if (f->terms[in[j]].shape != 0) a = in[j];
            if (!shape_join(f, a, in[k], expr, &shape)) return term_error(f, expr);
            t.shape = t.shape != 0 ? t.shape : shape;
        } else {
            t.shape = f->terms[in[0]].shape;
        }
        f->join_left = f->terms[in[first]].expr, f->join_right = f->terms[in[k]].expr;
        bool joined =
            k <= first || class_join(f, f->terms[in[first]].class, f->terms[in[k]].class, expr);
        f->join_left = f->join_right = 0;
        if (!joined) return term_error(f, expr);
    }
    if (op == OP_SELECT && !class_bool(f, f->terms[in[0]].class, f->terms[in[0]].expr))
        return term_error(f, expr);
    t.class = op_info(op)->result_bool ? class_new(f, TYPE_BOOL, expr) : f->terms[in[first]].class;
    return term_add(f, t);
}

static u32 unary(front *f, u32 expr) {
    ASSERT(f->tree->kind[expr] == AST_UNARY);
    static const u16 ops[] = {
        [AST_OP_NEG] = OP_NEG, [AST_OP_NOT] = OP_NOT, [AST_OP_BITNOT] = OP_BITNOT};
    u32 below = f->tree->a[expr];
    u32 bytes;
    bool bare = *sources_text(f->sources, f->tree->place[below], &bytes) != '(';
    if (f->tree->op[expr] == AST_OP_NEG && f->tree->kind[below] == AST_INTEGER && bare) {
        /* A minus directly before an integer literal belongs to it. */
        u32 row = elaborate(f, below);
        if (!term_bad(f, row)) {
            f->terms[row].expr = expr;
            f->terms[row].op = 1;
        }
        return row;
    }
    u32 a = elaborate(f, below);
    return term_operate(f, ops[f->tree->op[expr]], &a, 1, expr);
}

/* && and ||: bools; faults of the right side are guarded by the left. */
static u32 shortcut(front *f, u8 kind, u32 expr) {
    ASSERT(kind == TERM_ANDAND || kind == TERM_OROR);
    u32 in[2] = {elaborate(f, f->tree->a[expr]), elaborate(f, f->tree->b[expr])}, shape;
    for (u32 k = 0; k < 2; k++) {
        if (term_bad(f, in[k])) return in[k];
        if (!class_bool(f, f->terms[in[k]].class, f->terms[in[k]].expr)) return term_error(f, expr);
    }
    if (!shape_join(f, in[0], in[1], expr, &shape)) return term_error(f, expr);
    return term_add(f, (term){.kind = kind,
                              .a = in[0],
                              .b = in[1],
                              .shape = shape,
                              .expr = expr,
                              .vars = f->terms[in[0]].vars | f->terms[in[1]].vars,
                              .class = class_new(f, TYPE_BOOL, expr)});
}

/* A constant integer without a point, such as 3 or -n: its value, for x ** c. `steps` bounds how
 * many terms are looked at. */
static bool literal_exponent(front *f, u32 row, i64 *value, u32 *steps) {
    const term *t = &f->terms[row];
    ASSERT(row != 0 && row < f->term_count);
    if (*steps == 0) return false;
    --*steps;
    if (t->kind == TERM_INTEGER) {
        *value = t->op == 1 ? (i64)(0 - t->bits) : (i64)t->bits;
        return t->op == 1 ? *value <= 0 : *value >= 0; /* else past the i64: not small */
    }
    i64 a, b;
    if (t->kind == TERM_CONST &&
        type_is_integer(t->type == 0 ? class_type(f, t->class) : t->type)) {
        u8 type = class_type(f, t->class);
        u32 unused = 64 - 8 * type_bytes(type);
        *value = type_is_signed(type) ? (i64)(t->bits << unused) >> unused : (i64)t->bits;
        return type_is_signed(type) || *value >= 0;
    }
    if (t->kind != TERM_OP || !literal_exponent(f, t->a, &a, steps)) return false;
    if (t->op == OP_NEG) return !__builtin_sub_overflow(0, a, value);
    if (op_info(t->op)->arity != 2 || !literal_exponent(f, t->b, &b, steps)) return false;
    switch (t->op) {
    case OP_ADD: return !__builtin_add_overflow(a, b, value);
    case OP_SUB: return !__builtin_sub_overflow(a, b, value);
    case OP_MUL: return !__builtin_mul_overflow(a, b, value);
    default: return false;
    }
}

static u32 power(front *f, u32 expr) {
    ASSERT(f->tree->op[expr] == AST_OP_POW);
    u32 in[2] = {elaborate(f, f->tree->a[expr]), elaborate(f, f->tree->b[expr])};
    i64 exponent = 0;
    for (u32 k = 0; k < 2; k++)
        if (term_bad(f, in[k])) return in[k];
    u32 steps = 256;
    if (literal_exponent(f, in[1], &exponent, &steps) && exponent >= -64 && exponent <= 64) {
        const term *x = &f->terms[in[0]];
        return term_add(f, (term){.kind = TERM_POWER,
                                  .a = in[0],
                                  .exponent = (i8)exponent,
                                  .shape = x->shape,
                                  .vars = x->vars,
                                  .expr = expr,
                                  .class = x->class});
    }
    return term_operate(f, OP_POW, in, 2, expr);
}

static u32 binary(front *f, u32 expr) {
    ASSERT(f->tree->kind[expr] == AST_BINARY && f->tree->op[expr] < AST_OP_COUNT);
    static const u16 ops[AST_OP_COUNT] = {
        [AST_OP_EQ] = OP_EQ,   [AST_OP_NE] = OP_NE,   [AST_OP_LT] = OP_LT,   [AST_OP_LE] = OP_LE,
        [AST_OP_GT] = OP_LT,   [AST_OP_GE] = OP_LE,   [AST_OP_OR] = OP_OR,   [AST_OP_XOR] = OP_XOR,
        [AST_OP_AND] = OP_AND, [AST_OP_SHL] = OP_SHL, [AST_OP_SHR] = OP_SHR, [AST_OP_ADD] = OP_ADD,
        [AST_OP_SUB] = OP_SUB, [AST_OP_MUL] = OP_MUL, [AST_OP_DIV] = OP_DIV, [AST_OP_REM] = OP_REM};
    u8 op = f->tree->op[expr];
    if (op == AST_OP_ANDAND || op == AST_OP_OROR)
        return shortcut(f, op == AST_OP_ANDAND ? TERM_ANDAND : TERM_OROR, expr);
    if (op == AST_OP_POW) return power(f, expr);
    u32 in[2] = {elaborate(f, f->tree->a[expr]), elaborate(f, f->tree->b[expr])};
    if (op == AST_OP_GT || op == AST_OP_GE) {
        u32 swap = in[0];
        in[0] = in[1], in[1] = swap;
    }
    return term_operate(f, ops[op], in, 2, expr);
}

static u32 select_term(front *f, u32 expr) {
    ASSERT(f->tree->kind[expr] == AST_IF);
    /* An else-if chain is read from its end, so that its length costs no stack. */
    const ast *t = f->tree;
    u32 count = 0, at = expr;
    while (t->kind[at] == AST_IF) count++, at = t->c[at];
    u32 *chain = ARENA_ARRAY(f->memory, u32, count);
    if (chain == NULL) return 0;
    at = expr;
    for (u32 k = 0; k < count; k++) chain[k] = at, at = t->c[at];
    u32 row = elaborate(f, at);
    for (u32 k = count; k > 0; k--) {
        u32 in[3] = {elaborate(f, t->a[chain[k - 1]]), elaborate(f, t->b[chain[k - 1]]), row};
        row = term_operate(f, OP_SELECT, in, 3, chain[k - 1]);
    }
    return row;
}

static u32 init_term(front *f, u32 expr) {
    ASSERT(f->tree->kind[expr] == AST_INIT);
    if (f->source_start) {
        diag_row *d = diag_add(f->diags, DIAG_SOURCE_START, f->tree->place[expr],
                               "`init` stands only in pages: sources and consts have one start");
        diag_help(f->diags, d, "use a derived page instead");
        return term_error(f, expr);
    }
    if (f->start_only) return elaborate(f, f->tree->a[expr]);
    u32 a = elaborate(f, f->tree->a[expr]), b = elaborate(f, f->tree->b[expr]), shape;
    if (term_bad(f, a) || term_bad(f, b)) return term_bad(f, a) ? a : b;
    if (!class_join(f, f->terms[a].class, f->terms[b].class, expr) ||
        !shape_join(f, a, b, expr, &shape))
        return term_error(f, expr);
    return term_add(f, (term){.kind = TERM_INIT,
                              .a = a,
                              .b = b,
                              .shape = shape,
                              .expr = expr,
                              .vars = f->terms[a].vars | f->terms[b].vars,
                              .class = f->terms[b].class});
}

static u32 let_term(front *f, u32 expr) {
    ASSERT(f->tree->kind[expr] == AST_LET);
    u32 before = f->local_count, body = expr;
    while (f->tree->kind[body] == AST_LET) {
        u32 value = elaborate(f, f->tree->b[body]);
        local_push(
            f, (local){.name = f->tree->a[body], .term = value == 0 ? term_error(f, body) : value});
        body = f->tree->c[body];
    }
    u32 row = elaborate(f, body);
    f->local_count = before;
    return row;
}

static u32 member_term(front *f, u32 expr) {
    ASSERT(f->tree->kind[expr] == AST_MEMBER);
    u32 row =
        names_member(f, f->scope, f->tree->a[expr], f->tree->b[expr], false, f->tree->place[expr]);
    return row == 0 ? term_error(f, expr) : symbol_term(f, row, expr);
}

static u32 elaborate_form(front *f, u32 expr) {
    ASSERT(expr < f->tree->expr_count && f->local_base <= f->local_count);
    const ast *t = f->tree;
    if (f->out_of_memory || f->limit_hit) return 0;
    switch (t->kind[expr]) {
    case AST_INTEGER: return leaf(f, TERM_INTEGER, (u8)t->b[expr], t->integers[t->a[expr]], expr);
    case AST_FLOAT:
        if ((u8)t->b[expr] != TYPE_NONE) return leaf(f, TERM_FLOAT, (u8)t->b[expr], 0, expr);
        return open_float(f, expr);
    case AST_INF:
    case AST_NAN:
    case AST_PI: return open_float(f, expr);
    case AST_BOOL: return leaf(f, TERM_CONST, TYPE_BOOL, t->a[expr], expr);
    case AST_EPOCH:
        if (f->source_start) {
            diag_row *d =
                diag_add(f->diags, DIAG_NOT_CONSTANT, t->place[expr], "`epoch` is not a constant");
            diag_help(f->diags, d, "use it in a page");
            return term_error(f, expr);
        }
        return leaf(f, TERM_EPOCH, TYPE_U64, 0, expr);
    case AST_NAME: return name_term(f, expr);
    case AST_MEMBER: return member_term(f, expr);
    case AST_UNARY: return unary(f, expr);
    case AST_BINARY: return binary(f, expr);
    case AST_IF: return select_term(f, expr);
    case AST_LET: return let_term(f, expr);
    case AST_INIT: return init_term(f, expr);
    case AST_CALL: return elaborate_call(f, expr);
    case AST_INDEX: return elaborate_index(f, expr);
    default: return term_error(f, expr);
    }
}

u32 elaborate(front *f, u32 expr) {
    if (f->level == LEVEL_MAX) return too_deep(f, expr);
    f->level++;
    u32 row = elaborate_form(f, expr);
    ASSERT(f->level != 0);
    f->level--;
    return row;
}
