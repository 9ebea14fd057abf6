/* SPDX-License-Identifier: Apache-2.0
 * front_random: Philox4x32-10 and the numbers made from it, written as ordinary integer operators
 * on u64, so that every executor has them with the same bits. Source: Salmon, Moraes, Dror, Shaw,
 * "Parallel random numbers: as easy as 1, 2, 3", 2011. */
#include "front_state.h"

typedef struct {
    front *f;
    u32 expr;
} builder;

static u32 word(builder *b, u64 value) {
    ASSERT(value <= UINT32_MAX);
    return term_add(b->f, (term){.kind = TERM_CONST,
                                 .bits = value,
                                 .expr = b->expr,
                                 .class = class_new(b->f, TYPE_U64, b->expr)});
}
static u32 op(builder *b, u16 op_, u32 x, u32 y) {
    ASSERT(op_ < OP_COUNT);
    u32 in[2] = {x, y};
    return term_operate(b->f, op_, in, 2, b->expr);
}
static u32 low(builder *b, u32 x) {
    ASSERT(x < b->f->term_count);
    return op(b, OP_AND, x, word(b, 0xffffffffu));
}
static u32 high(builder *b, u32 x) {
    ASSERT(x < b->f->term_count);
    return op(b, OP_SHR, x, word(b, 32));
}
static u32 convert(builder *b, u8 type, u32 x) {
    ASSERT(type < TYPE_COUNT && x < b->f->term_count);
    const term *t = &b->f->terms[x];
    return term_add(b->f, (term){.kind = TERM_CONVERT,
                                 .a = x,
                                 .type = type,
                                 .shape = t->shape,
                                 .vars = t->vars,
                                 .expr = b->expr,
                                 .class = class_new(b->f, type, b->expr)});
}

/* Ten rounds; words c[4] of 32 bits each, key of two. */
static void philox(builder *b, u32 c[4], u32 key0, u32 key1) {
    for (u32 round = 0; round < 10 && !b->f->out_of_memory; round++) {
        u32 x = op(b, OP_MUL, word(b, 0xD2511F53u), c[0]),
            y = op(b, OP_MUL, word(b, 0xCD9E8D57u), c[2]);
        u32 n0 = op(b, OP_XOR, op(b, OP_XOR, high(b, y), c[1]), key0),
            n2 = op(b, OP_XOR, op(b, OP_XOR, high(b, x), c[3]), key1);
        c[0] = n0, c[1] = low(b, y), c[2] = n2, c[3] = low(b, x);
        key0 = low(b, op(b, OP_ADD, key0, word(b, 0x9E3779B9u)));
        key1 = low(b, op(b, OP_ADD, key1, word(b, 0xBB67AE85u)));
    }
}

static u32 number(builder *b, f64 value) {
    u64 bits;
    memcpy(&bits, &value, 8);
    return term_add(b->f, (term){.kind = TERM_CONST,
                                 .bits = bits,
                                 .expr = b->expr,
                                 .class = class_new(b->f, TYPE_F64, b->expr)});
}

/* Two words, low first, to [0, 1). */
static u32 unit(builder *b, u32 first, u32 second) {
    ASSERT(first < b->f->term_count && second < b->f->term_count);
    u32 bits = op(b, OP_OR, first, op(b, OP_SHL, second, word(b, 32)));
    return op(b, OP_MUL, convert(b, TYPE_F64, op(b, OP_SHR, bits, word(b, 11))),
              number(b, 0x1p-53));
}

static u32 one(builder *b, u16 op_, u32 x) {
    ASSERT(op_ < OP_COUNT);
    return term_operate(b->f, op_, &x, 1, b->expr);
}

u32 elaborate_random(front *f, u32 expr) {
    ASSERT(f->tree->kind[expr] == AST_CALL);
    const ast_call *call = &f->tree->calls[f->tree->a[expr]];
    const char *name = ast_text(f->tree, call->name);
    builder b = {f, expr};
    u32 count = call->arg_count, at = call->arg_at, in[3];
    if (count < 2 || count > 3 || call->form != CALL_PLAIN) {
        diag_row *d = diag_add(f->diags, DIAG_ARITY, f->tree->place[expr],
                               "`%s` takes a seed and one or two counters", name);
        diag_help(f->diags, d, "%s(seed, i) or %s(seed, i, epoch)", name, name);
        return term_error(f, expr);
    }
    for (u32 k = 0; k < count; k++) {
        in[k] = elaborate(f, f->tree->lists[at + k]);
        if (term_bad(f, in[k])) return in[k];
        in[k] = convert(&b, TYPE_U64, in[k]);
        f->terms[in[k]].op = 1; /* of an integer only */
    }
    if (count == 2) in[2] = word(&b, 0);
    u32 c[4] = {low(&b, in[1]), high(&b, in[1]), low(&b, in[2]), high(&b, in[2])};
    philox(&b, c, low(&b, in[0]), high(&b, in[0]));
    if (strcmp(name, "rand_u32") == 0) return convert(&b, TYPE_U32, c[0]);
    u32 u0 = unit(&b, c[0], c[1]);
    if (strcmp(name, "uniform") == 0) return u0;
    u32 radius =
        one(&b, OP_SQRT,
            op(&b, OP_MUL, number(&b, -2.0), one(&b, OP_LOG, op(&b, OP_SUB, number(&b, 1.0), u0))));
    u32 angle = op(&b, OP_MUL, number(&b, 0x1.921fb54442d18p+2), unit(&b, c[2], c[3]));
    return op(&b, OP_MUL, radius, one(&b, OP_COS, angle));
}
