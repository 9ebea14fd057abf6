/* SPDX-License-Identifier: Apache-2.0
 * cuda_ops: each operator of ops.def as PTX with the bits of kernels/meaning.h: rounding stands
 * with every operation that rounds, selects are selp, and math functions are calls of the text
 * that nvcc made of the same headers. */
#include "cuda_print.h"

bool is_wide(u8 type) { return type == TYPE_I64 || type == TYPE_U64; }

const char *arithmetic(u8 type) {
    switch (type) {
    case TYPE_F64: return "f64";
    case TYPE_F32: return "f32";
    case TYPE_I64: return "s64";
    case TYPE_U64: return "u64";
    default: return type_is_signed(type) ? "s32" : "u32";
    }
}

const char *move_type(u8 type) {
    switch (type) {
    case TYPE_F64: return "f64";
    case TYPE_F32: return "f32";
    default: return is_wide(type) ? "b64" : "b32";
    }
}

void narrow(printer *p, u8 type, const char *at) {
    switch (type) {
    case TYPE_I8: say(p, "cvt.s32.s8 %s, %s", at, at); return;
    case TYPE_I16: say(p, "cvt.s32.s16 %s, %s", at, at); return;
    case TYPE_BOOL:
    case TYPE_U8: say(p, "and.b32 %s, %s, 255", at, at); return;
    case TYPE_U16: say(p, "and.b32 %s, %s, 65535", at, at); return;
    default: return;
    }
}

const char *op_function(u16 op, u8 type) {
    if (op == OP_FMOD) return type == TYPE_F32 ? "modulo_f32" : "modulo_f64";
    if (op == OP_IPOW) return is_wide(type) ? "power_64" : "power_32";
    if (op == OP_POW) return "pow";
    if (op == OP_ATAN2) return "atan2";
    return op >= OP_EXP && op <= OP_CDF ? op_info(op)->text : NULL;
}

/* Calls a function of one or two values held in registers of type `t` ("f64"). */
static void call(printer *p, const char *function, const char *t, const char *to, const char *a,
                 const char *b) {
    const char *bits = t[1] == '3' ? "b32" : "b64";
    ASSERT(function != NULL);
    fprintf(p->to, "\t{\n");
    say(p, ".param .%s a0", bits);
    if (b != NULL) say(p, ".param .%s a1", bits);
    say(p, ".param .%s out", bits);
    say(p, "st.param.%s [a0], %s", t, a);
    if (b != NULL) say(p, "st.param.%s [a1], %s", t, b);
    say(p, "call.uni (out), mmsb_%s, (a0%s)", function, b != NULL ? ", a1" : "");
    say(p, "ld.param.%s %s, [out]", t, to);
    fprintf(p->to, "\t}\n");
}

/* A math function on f64; an f32 is widened and rounded once. */
static void print_function(printer *p, const image_instruction *r, name d, name a, name b) {
    const char *f = op_function(r->op, r->type);
    bool two = op_info(r->op)->arity == 2;
    if (r->type == TYPE_F64 || r->op == OP_FMOD) {
        call(p, f, arithmetic(r->type), d.text, a.text, two ? b.text : NULL);
        return;
    }
    ASSERT(r->type == TYPE_F32);
    say(p, "cvt.f64.f32 %%h0, %s", a.text);
    if (two) say(p, "cvt.f64.f32 %%h1, %s", b.text);
    call(p, f, "f64", "%h2", "%h0", two ? "%h1" : NULL);
    say(p, "cvt.rn.f32.f64 %s, %%h2", d.text);
}

/* Float to integer: held inside the range first, so that the cast never sees another value. */
static void convert_saturating(printer *p, const image_instruction *r, name d, name a) {
    static const f64 least[TYPE_COUNT] = {
        [TYPE_I8] = -128, [TYPE_I16] = -32768, [TYPE_I32] = -0x1p31, [TYPE_I64] = -0x1p63};
    static const f64 most64[TYPE_COUNT] = {[TYPE_I8] = 127,
                                           [TYPE_I16] = 32767,
                                           [TYPE_I32] = 2147483647.0,
                                           [TYPE_U8] = 255,
                                           [TYPE_U16] = 65535,
                                           [TYPE_U32] = 4294967295.0,
                                           [TYPE_I64] = 0x1.fffffffffffffp62,
                                           [TYPE_U64] = 0x1.fffffffffffffp63};
    static const f64 most32[TYPE_COUNT] = {[TYPE_I8] = 127,
                                           [TYPE_I16] = 32767,
                                           [TYPE_I32] = 0x1.fffffep30,
                                           [TYPE_U8] = 255,
                                           [TYPE_U16] = 65535,
                                           [TYPE_U32] = 0x1.fffffep31,
                                           [TYPE_I64] = 0x1.fffffep62,
                                           [TYPE_U64] = 0x1.fffffep63};
    static const u64 top[TYPE_COUNT] = {
        [TYPE_I8] = INT8_MAX,    [TYPE_I16] = INT16_MAX, [TYPE_I32] = INT32_MAX,
        [TYPE_I64] = INT64_MAX,  [TYPE_U8] = UINT8_MAX,  [TYPE_U16] = UINT16_MAX,
        [TYPE_U32] = UINT32_MAX, [TYPE_U64] = UINT64_MAX};
    static const i64 bottom[TYPE_COUNT] = {[TYPE_I8] = INT8_MIN,
                                           [TYPE_I16] = INT16_MIN,
                                           [TYPE_I32] = INT32_MIN,
                                           [TYPE_I64] = INT64_MIN};
    u8 to = r->type2;
    bool narrow_source = r->type == TYPE_F32;
    f64 low = least[to], high = narrow_source ? most32[to] : most64[to];
    f32 low32 = (f32)low, high32 = (f32)high;
    u64 low_bits = 0, high_bits = 0;
    memcpy(&low_bits, narrow_source ? (void *)&low32 : (void *)&low, narrow_source ? 4 : 8);
    memcpy(&high_bits, narrow_source ? (void *)&high32 : (void *)&high, narrow_source ? 4 : 8);
    name l = immediate(r->type, low_bits), h = immediate(r->type, high_bits);
    const char *t = arithmetic(r->type), *held = narrow_source ? "%g0" : "%h0";
    ASSERT(type_is_integer(to));
    say(p, "setp.ge.%s %%p1, %s, %s", t, a.text, l.text);
    say(p, "selp.%s %s, %s, %s, %%p1", t, held, a.text, l.text);
    say(p, "setp.le.%s %%p1, %s, %s", t, held, h.text);
    say(p, "selp.%s %s, %s, %s, %%p1", t, held, held, h.text);
    say(p, "setp.num.%s %%p1, %s, %s", t, a.text, a.text);
    say(p, "selp.%s %s, %s, %s, %%p1", t, held, held, immediate(r->type, 0).text);
    say(p, "setp.gt.%s %%p1, %s, %s", t, a.text, h.text);
    say(p, "setp.lt.%s %%p2, %s, %s", t, a.text, l.text);
    say(p, "cvt.rzi.%s.%s %s, %s", arithmetic(to), t, d.text, held);
    say(p, "selp.%s %s, %s, %s, %%p1", move_type(to), d.text, immediate(to, top[to]).text, d.text);
    say(p, "selp.%s %s, %s, %s, %%p2", move_type(to), d.text, immediate(to, (u64)bottom[to]).text,
        d.text);
}

static void print_convert(printer *p, const image_instruction *r, name a) {
    u8 from = r->type, to = r->type2;
    name d = slot_name(r->dst, to);
    const char *f = arithmetic(from), *t = arithmetic(to);
    ASSERT(from < TYPE_COUNT && to < TYPE_COUNT);
    if (from == to) {
        say(p, "mov.%s %s, %s", move_type(to), d.text, a.text);
    } else if (to == TYPE_BOOL) {
        say(p, "setp.%s.%s %%p1, %s, %s", type_is_float(from) ? "neu" : "ne", f, a.text,
            immediate(from, 0).text);
        say(p, "selp.b32 %s, 1, 0, %%p1", d.text);
    } else if (type_is_float(from) && type_is_float(to)) {
        say(p, "cvt%s.%s.%s %s, %s", to == TYPE_F32 ? ".rn" : "", t, f, d.text, a.text);
    } else if (type_is_float(from)) {
        convert_saturating(p, r, d, a);
    } else if (type_is_float(to)) {
        say(p, "cvt.rn.%s.%s %s, %s", t, f, d.text, a.text);
    } else if (is_wide(from) && is_wide(to)) {
        say(p, "mov.b64 %s, %s", d.text, a.text);
    } else if (is_wide(to)) {
        say(p, "cvt.%s.%s %s, %s", type_is_signed(from) ? "s64" : "u64", f, d.text, a.text);
    } else {
        if (is_wide(from))
            say(p, "cvt.u32.u64 %s, %s", d.text, a.text);
        else
            say(p, "mov.b32 %s, %s", d.text, a.text);
        narrow(p, to, d.text);
    }
}

static void compare(printer *p, const char *how, u8 type, name d, name a, name b) {
    ASSERT(type < TYPE_COUNT);
    say(p, "setp.%s.%s %%p1, %s, %s", how, arithmetic(type), a.text, b.text);
    say(p, "selp.b32 %s, 1, 0, %%p1", d.text);
}

/* The lesser of a and b into `to`: -0 below +0, NaN goes through. */
static void least(printer *p, u8 type, const char *to, const char *a, const char *b) {
    const char *t = arithmetic(type), *bits = type == TYPE_F64 ? "b64" : "b32";
    char c = type == TYPE_F64 ? 'y' : 'x', tie = type == TYPE_F64 ? 'h' : 'g';
    ASSERT(type_is_float(type));
    say(p, "mov.%s %%%c0, %s", bits, c, a);
    say(p, "mov.%s %%%c1, %s", bits, c, b);
    say(p, "or.%s %%%c0, %%%c0, %%%c1", bits, c, c, c);
    say(p, "mov.%s %%%c2, %%%c0", bits, tie, c);
    say(p, "setp.lt.%s %%p1, %s, %s", t, b, a);
    say(p, "setp.lt.%s %%p2, %s, %s", t, a, b);
    say(p, "selp.%s %%%c2, %s, %%%c2, %%p1", t, tie, b, tie);
    say(p, "selp.%s %s, %s, %%%c2, %%p2", t, to, a, tie);
}

/* d = the lesser (greater) of a and b; the greater is the negated lesser of the negated. */
static void print_extreme(printer *p, u8 type, bool greater, name d, name a, name b) {
    const char *t = arithmetic(type);
    char c = type == TYPE_F64 ? 'h' : 'g', x[8], y[8];
    if (type == TYPE_BOOL) {
        say(p, "%s.b32 %s, %s, %s", greater ? "or" : "and", d.text, a.text, b.text);
    } else if (!type_is_float(type)) {
        say(p, "%s.%s %s, %s, %s", greater ? "max" : "min", t, d.text, a.text, b.text);
    } else if (!greater) {
        least(p, type, d.text, a.text, b.text);
    } else {
        snprintf(x, sizeof x, "%%%c0", c), snprintf(y, sizeof y, "%%%c1", c);
        say(p, "neg.%s %s, %s", t, x, a.text);
        say(p, "neg.%s %s, %s", t, y, b.text);
        least(p, type, d.text, x, y);
        say(p, "neg.%s %s, %s", t, d.text, d.text);
    }
}

/* a sign: the selects of MEANING_SIGN. */
static void print_sign(printer *p, u8 type, name d, name a) {
    const char *t = arithmetic(type), *m = move_type(type);
    name zero = immediate(type, 0);
    if (!type_is_float(type)) {
        const char *minus = is_wide(type) ? "0xffffffffffffffff" : "0xffffffff";
        say(p, "setp.gt.%s %%p1, %s, 0", t, a.text);
        say(p, "setp.lt.%s %%p2, %s, 0", t, a.text);
        say(p, "selp.%s %s, 1, 0, %%p1", m, d.text);
        say(p, "selp.%s %s, %s, %s, %%p2", m, d.text, minus, d.text);
        return;
    }
    f64 one = 1;
    f32 one32 = 1;
    u64 bits = 0;
    memcpy(&bits, type == TYPE_F64 ? (void *)&one : (void *)&one32, type_bytes(type));
    u64 sign = (u64)1 << (8 * type_bytes(type) - 1);
    say(p, "setp.gt.%s %%p1, %s, %s", t, a.text, zero.text);
    say(p, "setp.lt.%s %%p2, %s, %s", t, a.text, zero.text);
    say(p, "setp.eq.%s %%p3, %s, %s", t, a.text, zero.text);
    say(p, "selp.%s %s, %s, %s, %%p3", t, d.text, zero.text, a.text);
    say(p, "selp.%s %s, %s, %s, %%p2", t, d.text, immediate(type, bits | sign).text, d.text);
    say(p, "selp.%s %s, %s, %s, %%p1", t, d.text, immediate(type, bits).text, d.text);
}

/* Bits that the type has, zero-extended, into %x0 or %y0; then popc or clz. */
static void print_count(printer *p, const image_instruction *r, name d, name a) {
    const char *how = r->op == OP_CLZ ? "clz" : "popc";
    u32 width = 8 * type_bytes(r->type);
    if (is_wide(r->type)) {
        say(p, "%s.b64 %%x0, %s", how, a.text);
        say(p, "cvt.u64.u32 %s, %%x0", d.text);
        return;
    }
    ASSERT(width <= 32);
    say(p, "and.b32 %%x0, %s, 0x%x", a.text, width == 32 ? UINT32_MAX : (1u << width) - 1);
    say(p, "%s.b32 %%x0, %%x0", how);
    if (r->op == OP_CLZ) say(p, "sub.s32 %%x0, %%x0, %u", 32 - width);
    say(p, "mov.b32 %s, %%x0", d.text);
}

/* IDIV, REM, IMOD (the guard may share its register with the result): 0 where the divisor is 0,
 * which faults; -1 negates, so that nothing overflows.
 */
static void print_divide(printer *p, const image_instruction *r, name d, name a, name b) {
    bool wide = is_wide(r->type), has_sign = type_is_signed(r->type);
    const char *t = arithmetic(r->type), *m = move_type(r->type);
    char c = wide ? 'y' : 'x';
    ASSERT(type_is_integer(r->type));
    say(p, "mov.%s %%%c0, %s", m, c, a.text);
    say(p, "mov.%s %%%c1, %s", m, c, b.text);
    say(p, "setp.eq.%s %%p0, %%%c1, 0", t, c);
    say(p, "and.pred %%p4, %%p0, %%p0");
    fault_raise(p, r->c);
    say(p, "selp.%s %%%c2, 1, %%%c1, %%p4", m, c, c);
    if (has_sign) say(p, "setp.eq.%s %%p1, %%%c1, -1", t, c);
    if (has_sign) say(p, "selp.%s %%%c2, 1, %%%c2, %%p1", m, c, c);
    say(p, "%s.%s %s, %%%c0, %%%c2", r->op == OP_IDIV ? "div" : "rem", t, d.text, c, c);
    if (r->op == OP_IDIV) {
        if (has_sign) say(p, "neg.%s %%%c0, %%%c0", t, c, c);
        if (has_sign) say(p, "selp.%s %s, %%%c0, %s, %%p1", m, d.text, c, d.text);
        say(p, "selp.%s %s, 0, %s, %%p4", m, d.text, d.text);
        narrow(p, r->type, d.text);
    }
    if (r->op == OP_IMOD && has_sign) {
        say(p, "xor.%s %%%c0, %s, %%%c1", m, c, d.text, c);
        say(p, "setp.lt.%s %%p1, %%%c0, 0", t, c);
        say(p, "setp.ne.%s %%p2, %s, 0", t, d.text);
        say(p, "and.pred %%p1, %%p1, %%p2");
        say(p, "add.%s %%%c0, %s, %%%c1", t, c, d.text, c);
        say(p, "selp.%s %s, %%%c0, %s, %%p1", m, d.text, c, d.text);
    }
}

static void print_power(printer *p, const image_instruction *r, name d, name a, name b) {
    bool wide = is_wide(r->type);
    const char *m = move_type(r->type), *t = wide ? "b64" : "b32";
    char x[8], y[8];
    snprintf(x, sizeof x, "%%%c0", wide ? 'y' : 'x'), snprintf(y, sizeof y, "%%%c1", x[1]);
    ASSERT(type_is_integer(r->type));
    if (type_is_signed(r->type)) {
        say(p, "setp.lt.%s %%p0, %s, 0", arithmetic(r->type), b.text);
        say(p, "and.pred %%p4, %%p0, %%p0");
        fault_raise(p, r->c);
        say(p, "selp.%s %s, 0, %s, %%p4", m, y, b.text);
    } else {
        say(p, "mov.%s %s, %s", m, y, b.text);
    }
    say(p, "mov.%s %s, %s", m, x, a.text);
    call(p, op_function(r->op, r->type), t, d.text, x, y);
    narrow(p, r->type, d.text);
    if (type_is_signed(r->type)) say(p, "selp.%s %s, 0, %s, %%p4", m, d.text, d.text);
}

static void print_shift(printer *p, const image_instruction *r, name d, name a, name b) {
    bool wide = is_wide(r->type);
    ASSERT(r->op == OP_SHL || r->op == OP_SHR);
    if (wide)
        say(p, "cvt.u32.u64 %%x0, %s", b.text);
    else
        say(p, "mov.b32 %%x0, %s", b.text);
    say(p, "and.b32 %%x0, %%x0, %u", 8 * type_bytes(r->type) - 1);
    if (r->op == OP_SHL)
        say(p, "shl.%s %s, %s, %%x0", move_type(r->type), d.text, a.text);
    else
        say(p, "shr.%s %s, %s, %%x0", arithmetic(r->type), d.text, a.text);
    narrow(p, r->type, d.text);
}

static const char *rounded(u8 type) { return type_is_float(type) ? ".rn" : ""; }

/* (a*b)+c and its like: two roundings, never one. */
static void print_pair(printer *p, const image_instruction *r, name d, name a, name b, name c) {
    u8 type = r->type;
    const char *t = arithmetic(type), *round = rounded(type);
    const char *product = type_is_float(type) ? "mul.rn" : "mul.lo";
    char x[8];
    snprintf(x, sizeof x, "%%%c0",
             type == TYPE_F64   ? 'h'
             : type == TYPE_F32 ? 'g'
             : is_wide(type)    ? 'y'
                                : 'x');
    if (r->op == OP_SUBMUL) {
        say(p, "sub%s.%s %s, %s, %s", round, t, x, a.text, b.text);
        say(p, "%s.%s %s, %s, %s", product, t, d.text, x, c.text);
    } else {
        say(p, "%s.%s %s, %s, %s", product, t, x, a.text, b.text);
        bool from_c = r->op == OP_NMULADD;
        say(p, "%s%s.%s %s, %s, %s", r->op == OP_MULADD ? "add" : "sub", round, t, d.text,
            from_c ? c.text : x, from_c ? x : c.text);
    }
    narrow(p, type, d.text);
}

static void print_one(printer *p, const image_instruction *r, name d, name a) {
    const char *t = arithmetic(r->type), *m = move_type(r->type);
    switch (r->op) {
    case OP_NEG:
        say(p, type_is_float(r->type) ? "neg.%s %s, %s" : "sub.%s %s, 0, %s", t, d.text, a.text);
        break;
    case OP_NOT: say(p, "xor.b32 %s, %s, 1", d.text, a.text); return;
    case OP_BITNOT:
        if (r->type == TYPE_BOOL)
            say(p, "xor.b32 %s, %s, 1", d.text, a.text);
        else
            say(p, "not.%s %s, %s", m, d.text, a.text);
        break;
    case OP_ABS:
        if (type_is_float(r->type))
            say(p, "abs.%s %s, %s", t, d.text, a.text);
        else if (type_is_signed(r->type))
            say(p, "setp.lt.%s %%p1, %s, 0", t, a.text),
                say(p, "sub.%s %%%c0, 0, %s", t, is_wide(r->type) ? 'y' : 'x', a.text),
                say(p, "selp.%s %s, %%%c0, %s, %%p1", m, d.text, is_wide(r->type) ? 'y' : 'x',
                    a.text);
        else
            say(p, "mov.%s %s, %s", m, d.text, a.text);
        break;
    case OP_SIGN: print_sign(p, r->type, d, a); return;
    case OP_FLOOR: say(p, "cvt.rmi.%s.%s %s, %s", t, t, d.text, a.text); return;
    case OP_CEIL: say(p, "cvt.rpi.%s.%s %s, %s", t, t, d.text, a.text); return;
    case OP_ROUND: say(p, "cvt.rni.%s.%s %s, %s", t, t, d.text, a.text); return;
    case OP_TRUNC: say(p, "cvt.rzi.%s.%s %s, %s", t, t, d.text, a.text); return;
    case OP_SQRT: say(p, "sqrt.rn.%s %s, %s", t, d.text, a.text); return;
    case OP_ISNAN: compare(p, "nan", r->type, d, a, a); return;
    case OP_ISFINITE:
        say(p, "sub.rn.%s %%%c0, %s, %s", t, r->type == TYPE_F64 ? 'h' : 'g', a.text, a.text);
        say(p, "setp.eq.%s %%p1, %%%c0, %s", t, r->type == TYPE_F64 ? 'h' : 'g',
            immediate(r->type, 0).text);
        say(p, "selp.b32 %s, 1, 0, %%p1", d.text);
        return;
    default: print_count(p, r, d, a); return;
    }
    narrow(p, r->type, d.text);
}

static void print_two(printer *p, const image_instruction *r, name d, name a, name b) {
    const char *t = arithmetic(r->type), *round = rounded(r->type), *m = move_type(r->type);
    switch (r->op) {
    case OP_ADD: say(p, "add%s.%s %s, %s, %s", round, t, d.text, a.text, b.text); break;
    case OP_SUB: say(p, "sub%s.%s %s, %s, %s", round, t, d.text, a.text, b.text); break;
    case OP_MUL:
        say(p, "mul%s.%s %s, %s, %s", type_is_float(r->type) ? ".rn" : ".lo", t, d.text, a.text,
            b.text);
        break;
    case OP_DIV: say(p, "div.rn.%s %s, %s, %s", t, d.text, a.text, b.text); return;
    case OP_IDIV:
    case OP_REM:
    case OP_IMOD: print_divide(p, r, d, a, b); return;
    case OP_IPOW: print_power(p, r, d, a, b); return;
    case OP_MIN:
    case OP_MAX: print_extreme(p, r->type, r->op == OP_MAX, d, a, b); return;
    case OP_AND: say(p, "and.%s %s, %s, %s", m, d.text, a.text, b.text); return;
    case OP_OR: say(p, "or.%s %s, %s, %s", m, d.text, a.text, b.text); return;
    case OP_XOR: say(p, "xor.%s %s, %s, %s", m, d.text, a.text, b.text); return;
    case OP_SHL:
    case OP_SHR: print_shift(p, r, d, a, b); return;
    case OP_EQ: compare(p, "eq", r->type, d, a, b); return;
    case OP_NE: compare(p, type_is_float(r->type) ? "neu" : "ne", r->type, d, a, b); return;
    case OP_LT: compare(p, "lt", r->type, d, a, b); return;
    default:
        ASSERT(r->op == OP_LE);
        compare(p, "le", r->type, d, a, b);
        return;
    }
    narrow(p, r->type, d.text);
}

void print_op(printer *p, const image_instruction *r) {
    const op_row *info = op_info(r->op);
    ASSERT(r->op < OP_COUNT);
    name a = slot_name(r->a, r->op == OP_SELECT ? TYPE_BOOL : r->type);
    name b = info->arity > 1 ? slot_name(r->b, r->type) : a;
    name c = info->arity > 2 ? slot_name(r->c, r->type) : a;
    name d = slot_name(r->dst, info->result_bool ? TYPE_BOOL : r->type);
    if (r->op == OP_CONVERT) {
        print_convert(p, r, a);
    } else if (op_function(r->op, r->type) != NULL && r->op != OP_IPOW) {
        print_function(p, r, d, a, b);
    } else if (r->op == OP_SELECT) {
        say(p, "setp.ne.u32 %%p1, %s, 0", a.text);
        say(p, "selp.%s %s, %s, %s, %%p1", move_type(r->type), d.text, b.text, c.text);
    } else if (r->op == OP_FMA) {
        say(p, "fma.rn.%s %s, %s, %s, %s", arithmetic(r->type), d.text, a.text, b.text, c.text);
    } else if (info->arity == 3) {
        print_pair(p, r, d, a, b, c);
    } else if (info->arity == 1) {
        print_one(p, r, d, a);
    } else {
        print_two(p, r, d, a, b);
    }
}
