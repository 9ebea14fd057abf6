/* SPDX-License-Identifier: Apache-2.0
 * front_check: operators against the types that unification found, and literals against their
 * ranges. Needs: classes closed. */
#include "front_state.h"

#include <stdio.h>

/* From here on a number rounds to infinity in f32. */
#define F32_INFINITE 0x1.ffffffp127

/* The operator that an element type asks for: integers divide, take remainders and powers in their
 * own way. */
u16 op_for_type(u16 op, u8 type);
u16 op_for_type(u16 op, u8 type) {
    ASSERT(op < OP_COUNT);
    bool integer = type_is_integer(type);
    if (op == OP_DIV && integer) return OP_IDIV;
    if (op == OP_FMOD && integer) return OP_IMOD;
    if (op == OP_POW && integer) return OP_IPOW;
    return op;
}

static const char *operands_text(char operands) {
    switch (operands) {
    case 'N': return "integers and floats";
    case 'F': return "floats";
    case 'I': return "integers";
    case 'J': return "integers and bools";
    case 'B': return "bools";
    default: return "any type";
    }
}

static void check_op(front *f, const term *t) {
    ASSERT(t->kind == TERM_OP && t->op < OP_COUNT);
    u32 operand = t->op == OP_SELECT ? t->b : t->a;
    u8 type = class_type(f, f->terms[operand].class);
    u16 op = op_for_type(t->op, type);
    const op_row *info = op_info(op);
    char text[80];
    if (type == TYPE_NONE || op_takes(op, type)) return;
    if (t->op == OP_XOR && type_is_float(type)) {
        diag_row *d = diag_add(f->diags, DIAG_CARET_ON_FLOAT, f->tree->op_place[t->expr],
                               "`^` is exclusive or, and floats have none");
        diag_help(f->diags, d, "write `**` for powers: `x ** 2`");
        diag_fix(f->diags, d, f->tree->op_place[t->expr], "**");
        return;
    }
    diag_row *d = diag_add(
        f->diags, DIAG_OPERAND_TYPE, f->tree->place[t->expr], "`%s` takes %s, but `%s` is %s",
        info->text, operands_text(op_for_type(t->op, TYPE_I64) != t->op ? 'N' : info->operands),
        expr_text(f, f->terms[operand].expr, text, sizeof text), type_text(type));
    if (t->op == OP_REM && type_is_float(type)) {
        diag_help(f->diags, d, "write mod(x, y), which takes floats: its result has y's sign");
    } else if (type == TYPE_BOOL) {
        diag_help(f->diags, d, "convert the bool: i64(%s)", text);
    } else if (info->operands == 'F') {
        diag_help(f->diags, d, "convert it: f64(%s)", text);
        fix_convert(f, d, f->terms[operand].expr, TYPE_F64);
    } else if (info->operands == 'B') {
        diag_help(f->diags, d, "compare it: %s != 0", text);
    } else {
        diag_help(f->diags, d, "convert it: i64(%s)", text);
    }
}

static void check_literal(front *f, const term *t) {
    ASSERT(t->kind == TERM_INTEGER);
    u8 type = class_type(f, t->class);
    bool minus = t->op == 1 && t->bits != 0;
    char text[80];
    if (type_is_float(type)) return;
    bool integer = type_is_integer(type),
         negative =
             integer && ((i64)t->bits < 0 && f->tree->kind[t->expr] != AST_INTEGER && !minus);
    u32 width = integer ? 8 * type_bytes(type) : 1;
    u64 top = width == 64 ? UINT64_MAX : ((u64)1 << width) - 1,
        magnitude = negative ? 0 - t->bits : t->bits;
    bool below = minus != negative && (minus || negative);
    u64 most = type_is_signed(type) ? (top >> 1) + (below ? 1 : 0) : below ? 0 : top;
    if (integer && magnitude <= most) return;
    expr_text(f, t->expr, text, sizeof text);
    if (!integer) {
        diag_row *d = diag_add(f->diags, DIAG_MIXED_TYPES, f->tree->place[t->expr],
                               "`%s` is a number where a bool is needed", text);
        diag_help(f->diags, d, "write true or false, or compare");
        return;
    }
    bool named = f->tree->kind[t->expr] == AST_NAME || f->tree->kind[t->expr] == AST_MEMBER;
    char value[40] = "";
    if (named) snprintf(value, sizeof value, " is %lld, which", (long long)(i64)t->bits);
    diag_row *d = diag_add(f->diags, DIAG_LITERAL_RANGE, f->tree->place[t->expr],
                           "%s%s does not fit in %s", text, value, type_text(type));
    if (type_is_signed(type))
        diag_help(f->diags, d, "%s holds %lld to %llu; convert the other side to a wider type",
                  type_text(type), (long long)(-(i64)(top >> 1) - 1),
                  (unsigned long long)(top >> 1));
    else
        diag_help(f->diags, d, "%s holds 0 to %llu; convert the other side to a wider type",
                  type_text(type), (unsigned long long)top);
}

static void check_float(front *f, const term *t) {
    ASSERT(t->kind == TERM_FLOAT);
    const ast *tree = f->tree;
    if (class_type(f, t->class) != TYPE_F32 || tree->kind[t->expr] != AST_FLOAT) return;
    f64 value = tree->floats[tree->a[t->expr]];
    char text[80];
    if (value < F32_INFINITE) return;
    diag_row *d = diag_add(f->diags, DIAG_LITERAL_RANGE, tree->place[t->expr],
                           "%s does not fit in f32", expr_text(f, t->expr, text, sizeof text));
    diag_help(f->diags, d, "f32 holds up to 3.4028235e38; write `inf` for infinity");
}

static void need_integer(front *f, u32 row, const char *what) {
    ASSERT(row < f->term_count);
    u8 type = class_type(f, f->terms[row].class);
    char text[80];
    if (type_is_integer(type)) return;
    diag_row *d = diag_add(f->diags, DIAG_OPERAND_TYPE, f->tree->place[f->terms[row].expr],
                           "%s is an integer, but `%s` is %s", what,
                           expr_text(f, f->terms[row].expr, text, sizeof text), type_text(type));
    diag_help(f->diags, d, "convert it: i64(%s)", text);
}

void keys_check(front *f) {
    ASSERT(f->passes_done == PASS_PAGES);
    for (u32 page = 1; page < f->ir->page_count; page++)
        if (f->pages[page].keyed != 0) need_integer(f, f->pages[page].key_term, "an index or key");
}

static void need_number(front *f, const term *t) {
    ASSERT(t->kind == TERM_REDUCE || t->kind == TERM_WHOLE);
    u8 type = class_type(f, f->terms[t->a].class);
    bool number = t->op == IR_SUM || t->op == IR_PROD || t->op == IR_MEAN;
    char text[80];
    if (!number || type != TYPE_BOOL) return;
    diag_row *d = diag_add(f->diags, DIAG_OPERAND_TYPE, f->tree->place[t->expr],
                           "`%s` is bool, and bools do not add up",
                           expr_text(f, f->terms[t->a].expr, text, sizeof text));
    diag_help(f->diags, d, "count(%s), or sum(i64(%s))", text, text);
}

void terms_check(front *f, u32 first, u32 end) {
    ASSERT(end <= f->term_count && (first <= end || end == 0));
    for (u32 row = first == 0 ? 1 : first; row < end; row++) {
        const term *t = &f->terms[row];
        switch (t->kind) {
        case TERM_OP: check_op(f, t); break;
        case TERM_POWER: {
            u8 type = class_type(f, f->terms[t->a].class);
            if (type == TYPE_BOOL) {
                diag_row *d = diag_add(f->diags, DIAG_OPERAND_TYPE, f->tree->place[t->expr],
                                       "`**` takes integers and floats, but its base is bool");
                diag_help(f->diags, d, "convert it: i64(...)");
            }
            break;
        }
        case TERM_INTEGER:
            if (class_type(f, t->class) != TYPE_NONE) check_literal(f, t);
            break;
        case TERM_FLOAT: check_float(f, t); break;
        case TERM_READ:
            for (u32 k = 0; k < t->count; k++)
                need_integer(f, f->lists[t->at + k], "an index or key");
            break;
        case TERM_CONVERT:
            if (t->op == 1) need_integer(f, t->a, "a seed or counter");
            break;
        case TERM_REDUCE:
        case TERM_WHOLE: need_number(f, t); break;
        default: break;
        }
    }
}
