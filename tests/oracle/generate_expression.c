/* SPDX-License-Identifier: Apache-2.0
 * generate_expression: random expressions, each made for a type. */
#include "generate_maker.h"
#include <stdio.h>

void put(maker *m, const char *format, ...) {
    va_list list;
    va_start(list, format);
    u32 room = GRAPH_TEXT_MAX - m->used;
    int n = vsnprintf(m->to + m->used, room, format, list);
    m->used += n < 0 || (u32)n >= room ? 0 : (u32)n;
    va_end(list);
}

/* ---- leaves ---- */
void literal(maker *m, u8 type, bool free) {
    static const char *const floats[] = {"0.0", "1.0",  "0.5",    "2.0", "1.5",  "3.25",
                                         "0.1", "10.0", "1.0e-3", "7.0", "100.0"};
    static const char *const odd[] = {"inf", "nan", "pi", "1.0e30", "1.0e-30"};
    bool minus = percent(m, 25) && !type_is_unsigned(type);
    if (type == TYPE_BOOL) {
        put(m, percent(m, 50) ? "true" : "false");
        return;
    }
    if (minus) put(m, "(-");
    if (free && m->node_params > 0 && percent(m, 15))
        put(m, "k%u", below(m, m->node_params));
    else if (!type_is_float(type))
        put(m, percent(m, 90) ? "%u" : "0x%x", percent(m, 80) ? below(m, 12) : below(m, 127));
    else if (free && percent(m, 3))
        put(m, "%s", PICK(m, odd));
    else
        put(m, "%s", PICK(m, floats));
    if (!free) {
        while (m->used > 0 && !type_is_float(type) && strchr(" (-", m->to[m->used - 1]) == NULL)
            m->used--;
        if (!type_is_float(type)) put(m, "%u", below(m, 12));
        put(m, "%s", type_text(type));
    }
    if (minus) put(m, ")");
}

const known *page_like(maker *m, u8 type, u8 shape, u8 rank) {
    const known *fit = NULL;
    u32 seen = 0;
    for (u32 k = m->first; k < m->count; k++) {
        const known *p = &m->pages[k];
        if (m->only_sources && !p->source) continue;
        bool fits = (type == TYPE_NONE || p->type == type) && (shape == 255 || p->shape == shape) &&
                    (rank == 9 || p->rank == rank);
        if (fits && below(m, ++seen) == 0) fit = p;
    }
    return fit;
}
void page_name(maker *m, const known *p) {
    if (p->later)
        put(m, percent(m, 10) ? "prev(prev(%s))" : "prev(%s)", p->name);
    else if (percent(m, 8))
        put(m, percent(m, 20) ? "prev(prev(%s))" : "prev(%s)", p->name);
    else
        put(m, "%s", p->name);
}

/* ---- index expressions ---- */
static void number(maker *m, u64 n) { put(m, "%llu", (unsigned long long)n); }

/* An index in [0, dim), by construction. */
static void index_inside(maker *m, around *a, u64 dim) {
    const variable *v = a->count > 0 ? &a->vars[below(m, a->count)] : NULL;
    u32 way = below(m, 10);
    if (v == NULL || way == 0)
        number(m, below(m, (u32)dim));
    else if (way < 6 && v->extent <= dim)
        put(m, "%c", v->name);
    else if (way < 7 && v->extent <= dim)
        put(m, "%llu - %c", (unsigned long long)(dim - 1), v->name);
    else if (way == 7 && v->extent <= 2 * dim)
        put(m, "%c / 2", v->name);
    else if (way == 8 && a->count > 1)
        put(m, "(%c + %c) %% %llu", a->vars[0].name, a->vars[1].name, (unsigned long long)dim);
    else
        put(m, "(%c * %u + %u) %% %llu", v->name, 1 + below(m, 5), below(m, 9),
            (unsigned long long)dim);
}

static void page_read(maker *m, around *a, const known *p);
/* Through another page: kept inside by clamp, or trusted to the edge or to chance. */
static bool index_gather(maker *m, around *a, const known *target, u64 dim) {
    const known *k = page_like(m, TYPE_NONE, 255, 9);
    if (k == NULL || !type_is_integer(k->type) || k->later || a->depth > 2) return false;
    bool safe = target->edge || (k->source && k->below != 0 && k->below <= dim && !a->quiet);
    a->depth++;
    if (!safe) put(m, "clamp(i64(");
    page_read(m, a, k);
    if (!safe) put(m, "), 0, %llu)", (unsigned long long)(dim - 1));
    a->depth--;
    return true;
}

void index_list(maker *m, around *a, const known *p) {
    for (u32 k = 0; k < p->rank; k++) {
        const variable *v =
            a->count > 0 ? &a->vars[(k + (percent(m, 80) ? 0 : below(m, a->count))) % a->count]
                         : NULL;
        put(m, k == 0 ? "[" : ", ");
        if (percent(m, 20) && index_gather(m, a, p, p->dims[k])) continue;
        if (v != NULL && v->extent <= p->dims[k] && percent(m, 55))
            put(m, "%c", v->name);
        else if (v != NULL && p->edge && percent(m, 75))
            put(m, percent(m, 80) ? "%c %s %u" : "%c * 2 %s %u", v->name,
                percent(m, 50) ? "-" : "+", 1 + below(m, percent(m, 90) ? 3 : 70));
        else
            index_inside(m, a, p->dims[k]);
    }
    if (p->rank > 0) put(m, "]");
}

static void page_read(maker *m, around *a, const known *p) {
    /* A guarded stencil without an edge. */
    if (!a->whole && !p->edge && p->rank == 1 && a->count > 0 && p->type == TYPE_F64 &&
        percent(m, 15)) {
        char v = a->vars[below(m, a->count)].name;
        put(m, "(if %c + 1 < %llu then ", v, (unsigned long long)p->dims[0]);
        page_name(m, p);
        put(m, "[%c + 1] else ", v);
        page_name(m, p);
        put(m, "[0])");
        return;
    }
    around scalar = {.whole = true, .depth = a->depth, .quiet = a->quiet};
    page_name(m, p);
    if (!(a->whole && (p->shape == a->shape || p->rank == 0)))
        index_list(m, a->whole ? &scalar : a, p);
}

static void leaf(maker *m, u8 type, around *a, bool free) {
    const known *p = page_like(m, type, a->whole && percent(m, 80) ? a->shape : 255, 9);
    const known *other = page_like(m, TYPE_NONE, a->whole && percent(m, 80) ? a->shape : 255, 9);
    u32 way = below(m, 12);
    if (free && way < 2)
        literal(m, type, true);
    else if (p != NULL && way < 10)
        page_read(m, a, p);
    else if (other != NULL && way < 9) {
        put(m, "%s(", type_text(type));
        page_read(m, a, other);
        put(m, ")");
    } else if (type != TYPE_BOOL && a->count > 0 && !a->whole) {
        if (type != TYPE_I64) put(m, "%s(", type_text(type));
        put(m, "%c", a->vars[below(m, a->count)].name);
        if (type != TYPE_I64) put(m, ")");
    } else if (type != TYPE_BOOL && percent(m, 15))
        put(m, "%s(epoch)", type_text(type));
    else
        literal(m, type, free);
}

/* ---- reductions ---- */
/* sum(...) and friends of a whole page: a scalar wherever it stands. */
static bool whole_reduction(maker *m, u8 type, around *a, u32 depth) {
    static const char *const same[] = {"min", "max", "sum", "prod", "mean"};
    const known *p = page_like(m, type == TYPE_BOOL || type == TYPE_I64 ? TYPE_NONE : type, 255, 9);
    if (p == NULL || p->rank == 0 || a->depth > 1) return false;
    around inner = {.whole = true, .shape = p->shape, .depth = a->depth + 1, .quiet = true};
    if (type == TYPE_I64 && percent(m, 40)) {
        put(m, percent(m, 50) ? "argmin(" : "argmax(");
        expression(m, p->type, &inner, 1, false);
    } else if (type == TYPE_I64 || type == TYPE_BOOL) {
        put(m, type == TYPE_I64 ? "count(" : percent(m, 50) ? "any(" : "all(");
        expression(m, TYPE_BOOL, &inner, 2, false);
    } else if (type_is_float(type) || type == TYPE_U64) {
        put(m, "%s(", same[below(m, type_is_float(type) ? 5 : 4)]);
        expression(m, type, &inner, depth < 2 ? depth : 2, false);
    } else {
        put(m, percent(m, 50) ? "min(" : "max(");
        expression(m, type, &inner, 1, false);
    }
    put(m, ")");
    return true;
}

static bool for_reduction(maker *m, u8 type, around *a, u32 depth) {
    static const char *const any[] = {"sum", "prod", "min", "max", "mean"};
    static const u32 extents[] = {1, 2, 3, 3, 3, 4, 5, 8, 9, 17, 63, 64, 65, 130};
    if (a->whole || a->count > 4 || a->depth > 1) return false;
    around inner = *a;
    inner.depth++;
    u32 loops = 1 + (percent(m, 30) ? 1 : 0);
    char text[64] = "";
    for (u32 k = 0, at = 0; k < loops; k++) {
        u32 extent = PICK(m, extents);
        while (extent > 1 && inner.cost * extent > 40000) extent /= 2;
        inner.vars[inner.count++] = (variable){(char)('p' + inner.count), extent};
        inner.cost *= extent;
        at += (u32)snprintf(text + at, sizeof text - at, "%s%c: %u", k == 0 ? " for " : ", ",
                            inner.vars[inner.count - 1].name, extent);
    }
    if (type == TYPE_BOOL)
        put(m, percent(m, 50) ? "any(" : "all(");
    else if (type == TYPE_I64)
        put(m, percent(m, 50)   ? "sum("
               : percent(m, 50) ? "min("
               : percent(m, 50) ? "argmin(f64("
                                : "count((");
    else if (type_is_float(type) || type == TYPE_U64)
        put(m, "%s(", any[below(m, type_is_float(type) ? 5 : 4)]);
    else
        put(m, percent(m, 50) ? "min(" : "max(");
    bool nested = m->to[m->used - 1] == '(' && m->to[m->used - 2] != 'n' &&
                  strchr("4(", m->to[m->used - 2]) != NULL;
    expression(m, nested && m->to[m->used - 2] == '(' ? TYPE_BOOL : type, &inner, depth, false);
    if (nested) put(m, ")");
    put(m, "%s", text);
    if (percent(m, 30)) {
        put(m, " if ");
        expression(m, TYPE_BOOL, &inner, 1, false);
    }
    put(m, ")");
    return true;
}

/* ---- operators ---- */
static void binary(maker *m, u8 type, const char *op, around *a, u32 depth, bool free) {
    bool left = percent(m, 50);
    put(m, "(");
    expression(m, type, a, depth - 1, free || left);
    put(m, " %s ", op);
    expression(m, type, a, depth - 1, free || !left);
    put(m, ")");
}
static void call(maker *m, u8 type, const char *name, u32 count, around *a, u32 depth, bool free) {
    put(m, "%s(", name);
    for (u32 k = 0; k < count; k++) {
        if (k > 0) put(m, ", ");
        expression(m, type, a, depth - 1, free || k > 0);
    }
    put(m, ")");
}

static void float_operation(maker *m, u8 type, around *a, u32 depth, bool free) {
    static const char *const ops[] = {"+", "-", "*", "+", "-", "*", "/"};
    static const char *const unary[] = {"abs", "sign", "floor", "ceil", "round", "trunc", "sqrt"};
    static const char *const math[] = {"exp",  "exp2", "expm1", "log",  "log2", "log10", "log1p",
                                       "sin",  "cos",  "tan",   "asin", "acos", "atan",  "sinh",
                                       "cosh", "tanh", "erf",   "erfc", "cdf"};
    static const char *const two[] = {"min", "max", "pow", "mod", "atan2"};
    u32 way = below(m, 20);
    if (way < 9)
        binary(m, type, PICK(m, ops), a, depth, free);
    else if (way < 11)
        call(m, type, PICK(m, unary), 1, a, depth, free);
    else if (way < 13)
        call(m, type, PICK(m, math), 1, a, depth, free);
    else if (way < 15)
        call(m, type, PICK(m, two), 2, a, depth, free);
    else if (way == 15)
        call(m, type, percent(m, 50) ? "fma" : "clamp", 3, a, depth, free);
    else if (way == 16) {
        put(m, "(");
        expression(m, type, a, depth - 1, free);
        put(m, " ** %s%u)", percent(m, 30) ? "-" : "", below(m, 9));
    } else if (way == 17 && m->functions > 0 && type == TYPE_F64) {
        put(m, "fn%u(", below(m, m->functions));
        expression(m, type, a, depth - 1, false);
        put(m, ", ");
        expression(m, type, a, depth - 1, true);
        put(m, ")");
    } else if (way == 18) {
        put(m, "(-");
        expression(m, type, a, depth - 1, free);
        put(m, ")");
    } else {
        static const u8 from[] = {TYPE_F32, TYPE_F64,  TYPE_I32, TYPE_U8,
                                  TYPE_I64, TYPE_BOOL, TYPE_U64, TYPE_I16};
        put(m, "%s(", type_text(type));
        expression(m, PICK(m, from), a, depth - 1, false);
        put(m, ")");
    }
}

static void integer_operation(maker *m, u8 type, around *a, u32 depth, bool free) {
    static const char *const ops[] = {"+", "-", "*", "&", "|", "^", "<<", ">>", "+", "-"};
    static const char *const divide[] = {"/", "%"};
    static const u8 from[] = {TYPE_F32,  TYPE_F64, TYPE_I32, TYPE_U8, TYPE_I64,
                              TYPE_BOOL, TYPE_U64, TYPE_I16, TYPE_U32};
    u32 way = below(m, 20);
    if (way < 10)
        binary(m, type, PICK(m, ops), a, depth, free);
    else if (way < 12) {
        put(m, "(");
        expression(m, type, a, depth - 1, false);
        put(m, " %s ", PICK(m, divide));
        if (a->quiet || percent(m, 80)) {
            put(m, "%u)", 1 + below(m, 9));
            return;
        }
        bool raw = percent(m, 10);
        put(m, raw ? "" : "(");
        expression(m, type, a, depth - 1, true);
        put(m, raw ? ")" : " | 1))");
    } else if (way == 12) {
        put(m, "mod(");
        expression(m, type, a, depth - 1, false);
        put(m, ", %u)", 1 + below(m, 9));
    } else if (way < 15)
        call(m, type, percent(m, 50) ? "min" : "max", 2 + below(m, 2), a, depth, free);
    else if (way == 15)
        call(m, type,
             percent(m, 50)   ? "abs"
             : percent(m, 50) ? "popcount"
                              : "clz",
             1, a, depth, free);
    else if (way == 16) {
        put(m, "(~");
        expression(m, type, a, depth - 1, free);
        put(m, ")");
    } else if (way == 17) {
        put(m, "(");
        expression(m, type, a, depth - 1, false);
        put(m, " ** %u)", below(m, 6));
    } else {
        put(m, "%s(", type_text(type));
        expression(m, PICK(m, from), a, depth - 1, false);
        put(m, ")");
    }
}

static void bool_operation(maker *m, around *a, u32 depth) {
    static const char *const compare[] = {"<", "<=", ">", ">=", "==", "!="};
    static const char *const logic[] = {"&&", "||", "&", "|", "^", "==", "!="};
    static const u8 of[] = {TYPE_F64, TYPE_F64, TYPE_F32, TYPE_I32,
                            TYPE_I64, TYPE_U8,  TYPE_U32, TYPE_U64};
    u32 way = below(m, 10);
    if (way < 6) {
        u8 type = PICK(m, of);
        put(m, "(");
        expression(m, type, a, depth - 1, false);
        put(m, " %s ", PICK(m, compare));
        expression(m, type, a, depth - 1, true);
        put(m, ")");
    } else if (way < 8)
        binary(m, TYPE_BOOL, PICK(m, logic), a, depth, true);
    else if (way == 8) {
        put(m, "(!");
        expression(m, TYPE_BOOL, a, depth - 1, true);
        put(m, ")");
    } else {
        put(m, percent(m, 50) ? "isnan(" : "isfinite(");
        expression(m, TYPE_F64, a, depth - 1, false);
        put(m, ")");
    }
}

void expression(maker *m, u8 type, around *a, u32 depth, bool free) {
    u32 way = below(m, 100);
    if (way >= 94 && whole_function(m, type, a)) return;
    if (way >= 92 && random_number(m, type, a)) return;
    if (depth > 0 && way == 91 && !m->only_sources) {
        put(m, "(init ");
        expression(m, type, a, depth - 1, free);
        put(m, " then ");
        expression(m, type, a, depth - 1, true);
        put(m, ")");
        return;
    }
    if (depth == 0 || way < 12) {
        leaf(m, type, a, free);
    } else if (way < 20) {
        put(m, "(if ");
        expression(m, TYPE_BOOL, a, depth - 1, false);
        put(m, " then ");
        bool quiet = a->quiet;
        expression(m, type, a, depth - 1, free);
        put(m, " else ");
        expression(m, type, a, depth - 1, true);
        put(m, ")");
        a->quiet = quiet;
    } else if (way < 24) {
        u32 name = m->lets++;
        put(m, "(let t%u = ", name);
        expression(m, type, a, depth - 1, false);
        put(m, " in t%u %s ", name, type == TYPE_BOOL ? "!=" : percent(m, 50) ? "*" : "+");
        expression(m, type, a, depth - 1, true);
        put(m, ")");
    } else if (way < 31 && whole_reduction(m, type, a, depth - 1)) {
        return;
    } else if (way < 40 && for_reduction(m, type, a, depth - 1)) {
        return;
    } else if (type == TYPE_BOOL) {
        bool_operation(m, a, depth);
    } else if (type_is_float(type)) {
        float_operation(m, type, a, depth, free);
    } else {
        integer_operation(m, type, a, depth, free);
    }
}
