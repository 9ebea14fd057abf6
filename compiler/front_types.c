/* SPDX-License-Identifier: Apache-2.0
 * front_types: types by unification. A class is concrete, or open: literals and params on their way
 * to what the definition asks for. What is still open when the definition ends is f64 if it holds a
 * float literal, else i64. */
#include "front_state.h"

#include <stdio.h>

u32 class_new(front *f, u8 type, u32 example) {
    ASSERT(type == TYPE_NONE || type < TYPE_COUNT);
    if (f->class_count == 0) f->class_count = 1;
    if (!arena_grow(f->memory, (void **)&f->classes, &f->class_capacity, f->class_count + 1,
                    sizeof(type_class))) {
        f->out_of_memory = true;
        return 0;
    }
    f->classes[0] = (type_class){.type = TYPE_NONE};
    f->classes[f->class_count] =
        (type_class){.parent = f->class_count, .type = type, .example = example};
    return f->class_count++;
}

u32 class_root(front *f, u32 row) {
    ASSERT(row < f->class_count);
    while (f->classes[row].parent != row) {
        f->classes[row].parent = f->classes[f->classes[row].parent].parent;
        row = f->classes[row].parent;
    }
    return row;
}

u8 class_type(front *f, u32 row) {
    ASSERT(row < f->class_count);
    return f->classes[class_root(f, row)].type;
}

const char *expr_text(front *f, u32 expr, char *to, size_t bytes) {
    ASSERT(expr < f->tree->expr_count && bytes > 0);
    u32 length = 0;
    const char *text = sources_text(f->sources, f->tree->place[expr], &length);
    bool cut = length > 40;
    snprintf(to, bytes, "%.*s%s", (int)(cut ? 37 : length), text, cut ? "..." : "");
    for (char *c = to; *c != 0; c++)
        if ((u8)*c < 0x20) *c = ' ';
    return to;
}

void fix_convert(front *f, diag_row *d, u32 expr, u8 type) {
    u32 bytes = 0;
    span at = f->tree->place[expr];
    const char *text = sources_text(f->sources, at, &bytes);
    ASSERT(expr != 0 && type < TYPE_COUNT);
    diag_fix(f->diags, d, at, "%s(%.*s)", type_text(type), (int)bytes, text);
}

/* The one type of the two to which the other converts as everyone would expect, or TYPE_NONE: the
 * float of a float and an integer, the wider of two of a kind. */
static u8 wider(u8 a, u8 b) {
    ASSERT(a < TYPE_COUNT && b < TYPE_COUNT);
    if (a == TYPE_BOOL || b == TYPE_BOOL) return TYPE_NONE;
    if (type_is_float(a) != type_is_float(b)) return type_is_float(a) ? a : b;
    bool a_wider = type_bytes(a) > type_bytes(b), same = type_bytes(a) == type_bytes(b);
    u8 most = a_wider ? a : b, least = a_wider ? b : a;
    if (same || (type_is_unsigned(most) && !type_is_unsigned(least))) return TYPE_NONE;
    return most;
}

/* Both sides of a mismatch with an operand of each, for the words. */
static void mismatch(front *f, u32 a, u32 b, u32 expr) {
    ASSERT(class_root(f, a) == a && class_root(f, b) == b && a != b);
    char x[80], y[80], where[80];
    type_class *p = &f->classes[a], *q = &f->classes[b];
    if (p->told || q->told) return;
    p->told = q->told = true;
    u32 left = f->join_left != 0 ? f->join_left : p->example,
        right = f->join_right != 0 ? f->join_right : q->example;
    const char *p_type = p->type == TYPE_NONE ? "a float literal" : type_text(p->type);
    const char *q_type = q->type == TYPE_NONE ? "a float literal" : type_text(q->type);
    diag_row *d = diag_add(f->diags, DIAG_MIXED_TYPES, f->tree->place[expr], "`%s` mixes %s and %s",
                           expr_text(f, expr, where, sizeof where), p_type, q_type);
    if (right != 0) diag_second(f->diags, d, f->tree->place[right], "this is %s", q_type);
    expr_text(f, left != 0 ? left : expr, x, sizeof x);
    expr_text(f, right != 0 ? right : expr, y, sizeof y);
    bool to_left = type_is_float(p->type) || (!type_is_float(q->type) && p->type != TYPE_NONE);
    u8 to = to_left ? p->type : q->type,
       certain = p->type == TYPE_NONE || q->type == TYPE_NONE ? TYPE_NONE : wider(p->type, q->type);
    if (certain != TYPE_NONE) to = certain, to_left = to == p->type;
    if (p->type == TYPE_BOOL || q->type == TYPE_BOOL)
        diag_help(f->diags, d,
                  "a bool is not a number: compare (`!= 0`), or convert with i64(...)");
    else if (p->type == TYPE_NONE || q->type == TYPE_NONE)
        diag_help(f->diags, d, "write the literal without a point, or convert: f64(%s)",
                  p->type == TYPE_NONE ? y : x);
    else
        diag_help(f->diags, d, "convert one side: %s(%s)", type_text(to), to_left ? y : x);
    if (certain != TYPE_NONE && f->join_left != 0 && f->join_right != 0)
        fix_convert(f, d, to_left ? right : left, to);
}

bool class_join(front *f, u32 a, u32 b, u32 expr) {
    ASSERT(a < f->class_count && b < f->class_count);
    a = class_root(f, a), b = class_root(f, b);
    if (a == b || a == 0 || b == 0) return true;
    type_class *p = &f->classes[a], *q = &f->classes[b];
    bool both = p->type != TYPE_NONE && q->type != TYPE_NONE;
    bool differ = both && p->type != q->type;
    bool float_to_other =
        (p->type != TYPE_NONE && q->type == TYPE_NONE && q->has_float && !type_is_float(p->type)) ||
        (q->type != TYPE_NONE && p->type == TYPE_NONE && p->has_float && !type_is_float(q->type));
    if (differ || float_to_other) {
        mismatch(f, a, b, expr);
        return false;
    }
    if (p->type == TYPE_NONE && q->type != TYPE_NONE) {
        u32 swap = a;
        a = b, b = swap;
        p = &f->classes[a], q = &f->classes[b];
    }
    q->parent = a;
    p->has_float |= q->has_float;
    p->told |= q->told;
    if (p->example == 0 || (p->type == TYPE_NONE && q->example != 0 && q->has_float))
        p->example = q->example;
    return true;
}

bool class_bool(front *f, u32 class, u32 expr) {
    ASSERT(expr < f->tree->expr_count);
    char text[80];
    type_class *c = &f->classes[class_root(f, class)];
    if (c->type == TYPE_BOOL || class_root(f, class) == 0 ||
        (c->type == TYPE_NONE && !c->has_float))
        return class_join(f, class, class_new(f, TYPE_BOOL, 0), expr);
    if (!c->told) {
        diag_row *d =
            diag_add(f->diags, DIAG_OPERAND_TYPE, f->tree->place[expr],
                     "a bool is needed here, but `%s` is %s", expr_text(f, expr, text, sizeof text),
                     c->type == TYPE_NONE ? "a float literal" : type_text(c->type));
        diag_help(f->diags, d, "compare it: `%s != 0`", text);
    }
    c->told = true;
    return false;
}

bool class_stated(front *f, u32 stated, u32 class, u32 expr, const char *name, span place) {
    char text[80];
    type_class *p = &f->classes[class_root(f, stated)], *q = &f->classes[class_root(f, class)];
    bool float_literal = q->type == TYPE_NONE && q->has_float && !type_is_float(p->type);
    if (p->type == TYPE_NONE || p->told || q->told || p->type == q->type ||
        (q->type == TYPE_NONE && !float_literal))
        return class_join(f, stated, class, expr);
    const char *is = q->type == TYPE_NONE ? "a float literal" : type_text(q->type);
    p->told = q->told = true;
    diag_row *d = diag_add(f->diags, DIAG_STATED_TYPE, f->tree->place[expr],
                           "`%s` is %s, but this is %s", name, type_text(p->type), is);
    diag_second(f->diags, d, place, "stated here");
    diag_help(f->diags, d, "convert it: %s(%s)", type_text(p->type),
              expr_text(f, expr, text, sizeof text));
    return false;
}

void class_rule(front *f, u32 of, u32 result, bool mean) {
    ASSERT(of < f->class_count && result < f->class_count);
    if (!arena_grow(f->memory, (void **)&f->rules, &f->rule_capacity, f->rule_count + 1,
                    sizeof(type_rule))) {
        f->out_of_memory = true;
        return;
    }
    f->rules[f->rule_count++] = (type_rule){of, result, mean, false};
}

static u8 widened(u8 type, bool mean) {
    ASSERT(type < TYPE_COUNT);
    if (type_is_float(type)) return type;
    if (mean) return TYPE_F64;
    return type_is_unsigned(type) ? TYPE_U64 : TYPE_I64;
}

/* A sum has its type, whatever is needed where it stands: then only a conversion helps. */
static void rule_join(front *f, const type_rule *r, u8 type) {
    ASSERT(type < TYPE_COUNT && r->result < f->class_count);
    u32 root = class_root(f, r->result), expr = f->classes[r->result].example;
    type_class *c = &f->classes[root];
    char text[80];
    if (expr == 0 || c->told || c->type == type || c->type == TYPE_NONE) {
        if (expr == 0) expr = c->example;
        class_join(f, r->result, class_new(f, type, expr), expr);
        return;
    }
    c->told = true;
    expr_text(f, expr, text, sizeof text);
    diag_row *d =
        diag_add(f->diags, DIAG_MIXED_TYPES, f->tree->place[expr],
                 "`%s` is %s, but %s is needed here", text, type_text(type), type_text(c->type));
    if (c->type == TYPE_BOOL)
        diag_help(f->diags, d, "compare it: `%s != 0`", text);
    else
        diag_help(f->diags, d, "convert it: %s(%s)", type_text(c->type), text);
}

/* Applies rules whose operand is known; true if any was. */
static bool rules_apply(front *f) {
    ASSERT(f->rule_first <= f->rule_count);
    bool any = false;
    for (u32 k = f->rule_first; k < f->rule_count; k++) {
        type_rule *r = &f->rules[k];
        u8 of = class_type(f, r->of);
        if (r->done || of == TYPE_NONE) continue;
        r->done = any = true;
        rule_join(f, r, widened(of, r->mean));
    }
    while (f->rule_first < f->rule_count && f->rules[f->rule_first].done) f->rule_first++;
    return any;
}

void classes_close(front *f, u32 first) {
    ASSERT(first != 0 && first <= f->class_count);
    while (rules_apply(f) && !f->out_of_memory) {
    }
    for (u32 row = first; row < f->class_count; row++) {
        type_class *c = &f->classes[row];
        if (c->parent != row || c->type != TYPE_NONE) continue;
        bool waits = false;
        for (u32 k = f->rule_first; k < f->rule_count && !waits; k++)
            waits = !f->rules[k].done && class_root(f, f->rules[k].result) == row;
        if (waits) continue;
        c->type = c->has_float ? TYPE_F64 : TYPE_I64;
        while (rules_apply(f) && !f->out_of_memory) {
        }
    }
    for (u32 row = first; row < f->class_count; row++) {
        type_class *c = &f->classes[row];
        if (c->parent == row && c->type == TYPE_NONE) c->type = c->has_float ? TYPE_F64 : TYPE_I64;
    }
    while (rules_apply(f) && !f->out_of_memory) {
    }
}
