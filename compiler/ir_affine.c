/* SPDX-License-Identifier: Apache-2.0
 * ir_affine: whether an index is constant + sum of coefficient * variable over its whole domain. */
#include "ir.h"

#define VALUE_MAX ((i64)1 << 62)

static i64 signed_value(u8 type, u64 bits) {
    ASSERT(type_is_integer(type));
    u32 unused = 64 - 8 * type_bytes(type);
    if (type_is_signed(type)) return (i64)(bits << unused) >> unused;
    return (i64)bits;
}

void ir_affine_range(const ir_affine *f, const u64 extents[32], i64 *low, i64 *high) {
    ASSERT(f->constant > -VALUE_MAX && f->constant < VALUE_MAX);
    *low = *high = f->constant;
    for (u32 v = 0; v < 32; v++) {
        i64 reach = f->coefficient[v] * (i64)(extents[v] == 0 ? 0 : extents[v] - 1);
        if (reach < 0)
            *low += reach;
        else
            *high += reach;
    }
}

/* |value| < 2^62 over the domain, computed without overflow. */
static bool in_reach(const ir_affine *f, const u64 extents[32]) {
    f64 most = f->constant < 0 ? -(f64)f->constant : (f64)f->constant;
    for (u32 v = 0; v < 32; v++) {
        f64 c = f->coefficient[v] < 0 ? -(f64)f->coefficient[v] : (f64)f->coefficient[v];
        most += c * (f64)extents[v];
    }
    return most < (f64)VALUE_MAX;
}

/* Whether every value of f over the domain is a value of `type`, so that converting to it changes
 * nothing. */
static bool fits(const ir_affine *f, const u64 extents[32], u8 type) {
    ASSERT(type_is_integer(type));
    i64 low, high;
    u32 width = 8 * type_bytes(type);
    ir_affine_range(f, extents, &low, &high);
    if (type_is_unsigned(type)) return low >= 0 && (width == 64 || high < (i64)1 << width);
    if (!type_is_signed(type)) return false;
    return width == 64 || (low >= -((i64)1 << (width - 1)) && high < (i64)1 << (width - 1));
}

/* Steps that one question may take: an expression that names itself twice at every level would
 * otherwise take 2^levels. Beyond them it counts as not affine. */
#define STEPS_MAX 4096u
static bool affine(const ir *g, u32 expr, const u64 extents[32], ir_affine *out, u32 *steps);

static bool combine(const ir *g, const ir_expr *e, const u64 extents[32], ir_affine *out,
                    u32 *steps) {
    ASSERT(e->op == OP_ADD || e->op == OP_SUB);
    ir_affine a, b;
    if (!affine(g, e->a, extents, &a, steps) || !affine(g, e->b, extents, &b, steps)) return false;
    i64 sign = e->op == OP_SUB ? -1 : 1;
    out->constant = a.constant + sign * b.constant;
    for (u32 v = 0; v < 32; v++) out->coefficient[v] = a.coefficient[v] + sign * b.coefficient[v];
    return true;
}

static bool scale(const ir *g, const ir_expr *e, const u64 extents[32], ir_affine *out,
                  u32 *steps) {
    ASSERT(e->op == OP_MUL);
    ir_affine a, b;
    if (!affine(g, e->a, extents, &a, steps) || !affine(g, e->b, extents, &b, steps)) return false;
    bool a_constant = g->exprs[e->a].kind == IR_CONST, b_constant = g->exprs[e->b].kind == IR_CONST;
    if (!a_constant && !b_constant) return false;
    i64 factor = a_constant ? a.constant : b.constant;
    const ir_affine *f = a_constant ? &b : &a;
    if (__builtin_mul_overflow(f->constant, factor, &out->constant)) return false;
    for (u32 v = 0; v < 32; v++)
        if (__builtin_mul_overflow(f->coefficient[v], factor, &out->coefficient[v])) return false;
    return true;
}

static bool affine(const ir *g, u32 expr, const u64 extents[32], ir_affine *out, u32 *steps) {
    ASSERT(expr != 0 && expr < g->expr_count);
    const ir_expr *e = &g->exprs[expr];
    memset(out, 0, sizeof *out);
    if (*steps == 0) return false;
    --*steps;
    if (e->kind == IR_CONST) {
        if (!type_is_integer(e->type)) return false;
        out->constant = signed_value(e->type, e->bits);
        bool wrapped = type_is_unsigned(e->type) && out->constant < 0;
        return !wrapped && out->constant > -VALUE_MAX && out->constant < VALUE_MAX;
    }
    if (e->kind == IR_INDEX) {
        out->coefficient[e->var] = 1;
        return true;
    }
    if (e->kind != IR_OP || !type_is_integer(e->type)) return false;
    bool ok = false;
    switch (e->op) {
    case OP_ADD:
    case OP_SUB: ok = combine(g, e, extents, out, steps); break;
    case OP_MUL: ok = scale(g, e, extents, out, steps); break;
    case OP_CONVERT: ok = affine(g, e->a, extents, out, steps); break;
    case OP_NEG: {
        ir_affine a;
        ok = affine(g, e->a, extents, &a, steps);
        out->constant = -a.constant;
        for (u32 v = 0; v < 32; v++) out->coefficient[v] = -a.coefficient[v];
        break;
    }
    default: return false;
    }
    return ok && in_reach(out, extents) && fits(out, extents, e->type);
}

bool ir_affine_of(const ir *g, u32 expr, const u64 extents[32], ir_affine *out) {
    u32 steps = STEPS_MAX;
    ASSERT(expr != 0 && expr < g->expr_count);
    return affine(g, expr, extents, out, &steps);
}
