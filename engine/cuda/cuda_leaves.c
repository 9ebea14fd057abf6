/* SPDX-License-Identifier: Apache-2.0
 * cuda_leaves: kernels that give leaves of 64 in the canonical order: of reductions, of groups, of
 * dot. A block is 16 leaves of 8 lanes each: a lane folds positions l, l + 8, ... of its leaf; then
 * one thread of the eight joins them.
 *
 * ARG. %best has a lane's best value as a number of 64 bits whose order is that of the values (NaN
 * before all), %at its index, or -1. Equal values: the lesser index, so the order of joins is no
 * matter. */
#include "../core/layout.h"
#include "cuda_print.h"

static bool is_arg(const printer *p) {
    ASSERT(p->role != CUDA_MAP && p->role != CUDA_PRODUCT);
    return p->role != CUDA_DOT && p->n->reduce >= REDUCE_ARGMIN;
}
static u8 reduce_of_node(const printer *p) {
    ASSERT(!is_arg(p));
    return p->role == CUDA_DOT ? REDUCE_SUM : p->n->reduce;
}

/* d = a joined with b, as kernel_cpu_reduce.c does it. */
static void print_join(printer *p, u16 d, u16 a, u16 b) {
    static const u16 ops[REDUCE_COUNT] = {OP_ADD, OP_MUL, OP_MIN, OP_MAX};
    image_instruction r = {
        .op = ops[reduce_of_node(p)], .type = p->n->type, .dst = d, .a = a, .b = b, .c = SLOT_NONE};
    ASSERT(d < SLOTS_MAX && a < SLOTS_MAX && b < SLOTS_MAX);
    print_op(p, &r);
}

/* What leaves the other unchanged: -0 for a float's sum. */
static u64 neutral(u8 reduce, u8 type) {
    if (reduce == REDUCE_SUM && type == TYPE_F64) return (u64)1 << 63;
    if (reduce == REDUCE_SUM && type == TYPE_F32) return 1u << 31;
    ASSERT(reduce < REDUCE_ARGMIN);
    return kernel_nothing(reduce, type);
}

/* Eight values of a leaf's lanes, from shared memory into slots 0 to 7, and joined into slot 0. */
static void values_join(printer *p, const char *bits) {
    static const u16 pairs[7][2] = {{0, 4}, {2, 6}, {1, 5}, {3, 7}, {0, 2}, {1, 3}, {0, 1}};
    for (u16 k = 0; k < NODE_FAN; k++)
        say(p, "ld.shared.%s %s, [%%y0+%u]", bits, slot_name(k, p->n->type).text, k * 8u);
    for (u32 k = 0; k < ARRAY_COUNT(pairs); k++)
        print_join(p, pairs[k][0], pairs[k][0], pairs[k][1]);
}

static u16 accumulator(const printer *p) { return p->n->tile_slots; }

/* The key of NaN, which comes before all. */
static const char *first_key(const printer *p) {
    ASSERT(is_arg(p));
    return p->n->reduce == REDUCE_ARGMIN ? "0" : "0xffffffffffffffff";
}

/* %y0 = the key of a value. */
static void print_key(printer *p, name from) {
    u8 type = p->n->type;
    const char *x = from.text;
    if (type == TYPE_F64) {
        say(p, "mov.b64 %%y0, %s", x);
    } else if (type == TYPE_F32) { /* exact, and as ordered */
        say(p, "cvt.f64.f32 %%h0, %s", x);
        say(p, "mov.b64 %%y0, %%h0");
    } else if (is_wide(type)) {
        say(p, "mov.b64 %%y0, %s", x);
    } else {
        ASSERT(type_bytes(type) <= 4);
        say(p, "cvt.%s %%y0, %s", type_is_signed(type) ? "s64.s32" : "u64.u32", x);
    }
    if (type_is_signed(type) && !type_is_float(type))
        say(p, "xor.b64 %%y0, %%y0, 0x8000000000000000");
    if (!type_is_float(type)) return;
    say(p, "shr.s64 %%y1, %%y0, 63");
    say(p, "or.b64 %%y1, %%y1, 0x8000000000000000");
    say(p, "xor.b64 %%y0, %%y0, %%y1");
    say(p, "setp.num.%s %%p1, %s, %s", arithmetic(type), x, x);
    say(p, "selp.b64 %%y0, %%y0, %s, %%p1", first_key(p));
}

/* %y0 = the bits of the value whose key is %best; 0 where there is none. */
static void print_value_of_key(printer *p) {
    u8 type = p->n->type;
    say(p, "mov.b64 %%y0, %%best");
    if (type_is_signed(type) && !type_is_float(type))
        say(p, "xor.b64 %%y0, %%y0, 0x8000000000000000");
    if (type_is_float(type)) {
        say(p, "not.b64 %%y1, %%y0");
        say(p, "shr.s64 %%y1, %%y1, 63");
        say(p, "or.b64 %%y1, %%y1, 0x8000000000000000");
        say(p, "xor.b64 %%y0, %%y0, %%y1");
        say(p, "setp.eq.u64 %%p1, %%best, %s", first_key(p));
        say(p, "selp.b64 %%y0, 0x7ff8000000000000, %%y0, %%p1");
    }
    if (type == TYPE_F32) {
        say(p, "mov.b64 %%h0, %%y0");
        say(p, "cvt.rn.f32.f64 %%g0, %%h0");
        say(p, "setp.num.f32 %%p1, %%g0, %%g0");
        say(p, "selp.f32 %%g0, %%g0, 0f7FC00000, %%p1");
        say(p, "mov.b32 %%x0, %%g0");
        say(p, "cvt.u64.u32 %%y0, %%x0");
    }
    ASSERT(is_arg(p));
    say(p, "setp.lt.s64 %%p1, %%at, 0");
    say(p, "selp.b64 %%y0, 0, %%y0, %%p1");
}

/* Whether the element of a lane that is live counts. */
static void print_presence(printer *p) {
    const image_node *n = p->n;
    bool program = n->element == 0 && p->rows[p->feed].b != SLOT_NONE;
    ASSERT(n->element != 0 || p->feed != UINT32_MAX);
    if (n->present != 0) {
        print_address(p, n->present, "%lane");
        say(p, "ld.global.u8 %%x0, [%%y7]");
        say(p, "setp.ne.u32 %%p2, %%x0, 0");
    } else if (program) {
        say(p, "setp.ne.u32 %%p2, %s, 0", slot_name(p->rows[p->feed].b, TYPE_BOOL).text);
    }
    if (n->present != 0 || program) say(p, "and.pred %%live, %%live, %%p2");
}

/* %p1: key %y0 comes before %best. */
static void print_before(printer *p) {
    ASSERT(is_arg(p));
    say(p, "setp.%s.u64 %%p1, %%y0, %%best", p->n->reduce == REDUCE_ARGMIN ? "lt" : "gt");
}

static void arg_fold(printer *p, name from) {
    print_presence(p);
    print_key(p, from);
    print_before(p);
    ASSERT(p->role == CUDA_LEAVES || p->role == CUDA_KEYED);
    say(p, "setp.lt.s64 %%p2, %%at, 0");
    say(p, "or.pred %%p1, %%p1, %%p2");
    say(p, "and.pred %%p1, %%p1, %%live");
    say(p, "selp.b64 %%best, %%y0, %%best, %%p1");
    say(p, "selp.b64 %%at, %s, %%at, %%p1", p->role == CUDA_KEYED ? "%shadow" : "%first_lane");
}

/* Seven other lanes' keys and indices, joined to what the first of the eight has. */
static void args_join(printer *p) {
    u32 index = CUDA_THREADS * 8u;
    ASSERT(is_arg(p));
    for (u32 k = 1; k < NODE_FAN; k++) {
        say(p, "ld.shared.b64 %%y0, [%%y2+%u]", k * 8u);
        say(p, "ld.shared.b64 %%y1, [%%y2+%u]", index + k * 8u);
        print_before(p);
        say(p, "setp.eq.u64 %%p2, %%y0, %%best");
        say(p, "setp.lt.s64 %%p3, %%y1, %%at");
        say(p, "and.pred %%p2, %%p2, %%p3");
        say(p, "or.pred %%p1, %%p1, %%p2");
        say(p, "setp.lt.s64 %%p2, %%at, 0");
        say(p, "or.pred %%p1, %%p1, %%p2");
        say(p, "setp.ge.s64 %%p2, %%y1, 0");
        say(p, "and.pred %%p1, %%p1, %%p2");
        say(p, "selp.b64 %%best, %%y0, %%best, %%p1");
        say(p, "selp.b64 %%at, %%y1, %%at, %%p1");
    }
}

/* %lane: of position %first_lane, or of one that is there; %live whether it is. */
static void print_position(printer *p) {
    unsigned long long inner = p->inner;
    if (p->role == CUDA_KEYED) {
        say(p, "setp.lt.u64 %%live, %%first_lane, %%count");
        say(p, "sub.u64 %%y0, %%count, 1");
        say(p, "selp.b64 %%y0, %%first_lane, %%y0, %%live");
        say(p, "shl.b64 %%y0, %%y0, 2");
        say(p, "add.u64 %%y0, %%y0, %%list");
        say(p, "ld.global.u32 %%x0, [%%y0]");
        say(p, "cvt.u64.u32 %%shadow, %%x0");
        say(p, "mad.lo.u64 %%lane, %%shadow, 0x%llx, %%unit", (unsigned long long)p->rest);
    } else {
        say(p, "setp.lt.u64 %%live, %%first_lane, 0x%llx", inner);
        say(p, "selp.b64 %%lane, %%first_lane, 0x%llx, %%live", inner - 1);
        if (p->outer != 1) say(p, "mad.lo.u64 %%lane, %%unit, 0x%llx, %%lane", inner);
    }
    ASSERT(p->inner > 0 && p->rest > 0);
    say(p, "and.pred %%live, %%live, %%first");
}

/* The lane's value joined with that of one element; a dot's product is rounded with the sum. */
static void value_fold(printer *p, name from) {
    u16 element = accumulator(p);
    u8 type = p->n->type;
    const char *m = move_type(type), *t = arithmetic(type);
    name acc = slot_name(element, type), next = slot_name((u16)(element + 1), type);
    if (p->role == CUDA_DOT) {
        name y = slot_name((u16)(element + 3), type);
        print_element(p, p->n->present, y.text);
        say(p, "%s.%s %s, %s, %s, %s", type_is_float(type) ? "fma.rn" : "mad.lo", t, next.text,
            from.text, y.text, acc.text);
    } else {
        say(p, "mov.%s %s, %s", m, next.text, from.text);
        print_join(p, (u16)(element + 1), element, (u16)(element + 1));
    }
    say(p, "selp.%s %s, %s, %s, %%live", m, acc.text, next.text, acc.text);
}

/* One element of each lane of a leaf. */
static void leaf_step(printer *p) {
    name from = slot_name((u16)(accumulator(p) + 2), p->n->type);
    print_position(p);
    print_program(p);
    ASSERT(p->n->element != 0 || p->feed != UINT32_MAX);
    if (p->n->element != 0)
        print_element(p, p->n->element, from.text);
    else
        from = slot_name(p->rows[p->feed].a, p->n->type);
    (is_arg(p) ? arg_fold : value_fold)(p, from);
    say(p, "add.u64 %%first_lane, %%first_lane, 8");
}

/* %word: the leaf's place in the launch, %first whether it is one. Then what it is: %unit the row
 * (KEYED: the lane of a key), %first_lane the position of the thread's first element. */
static void print_unit(printer *p) {
    unsigned long long leaves = p->leaves;
    ASSERT(p->leaves > 0);
    say(p, "shr.u32 %%x0, %%thread, 3");
    say(p, "mul.wide.u32 %%unit, %%block, %u", CUDA_LEAVES_A_BLOCK);
    say(p, "cvt.u64.u32 %%y0, %%x0");
    say(p, "add.u64 %%unit, %%unit, %%y0");
    say(p, "setp.lt.u64 %%first, %%unit, %%count");
    say(p, "sub.u64 %%y0, %%count, 1");
    say(p, "selp.b64 %%unit, %%unit, %%y0, %%first");
    say(p, "mov.b64 %%word, %%unit");
    fprintf(p->to, "\t@%%dense bra LEAF;\n");
    say(p, "shl.b64 %%y0, %%unit, 3");
    say(p, "add.u64 %%y0, %%y0, %%list");
    say(p, "ld.global.u64 %%unit, [%%y0]");
    fprintf(p->to, "LEAF:\n");
    say(p, "mov.b64 %%y0, %%unit");
    if (p->role == CUDA_KEYED) {
        say(p, "shr.u64 %%count, %%unit, %u", CUDA_MEMBERS_SHIFT);
        say(p, "and.b64 %%unit, %%unit, 0x%llx", ((unsigned long long)1 << CUDA_MEMBERS_SHIFT) - 1);
        say(p, "rem.u64 %%y0, %%unit, 0x%llx", leaves);
        say(p, "div.u64 %%unit, %%unit, 0x%llx", leaves);
        /* The members of all slots, or of this launch's leaves one after the other. */
        say(p, "setp.eq.u64 %%p0, %%shadow, 0");
        say(p, "selp.b64 %%y0, %%y0, %%word, %%p0");
        say(p, "shl.b64 %%y0, %%y0, 8");
        say(p, "add.u64 %%list, %%cells, %%y0");
        say(p, "mov.b64 %%first_lane, 0");
    } else {
        if (p->outer != 1) {
            say(p, "rem.u64 %%y0, %%unit, 0x%llx", leaves);
            say(p, "div.u64 %%unit, %%unit, 0x%llx", leaves);
        }
        say(p, "shl.b64 %%first_lane, %%y0, 6");
    }
    say(p, "and.b32 %%x0, %%thread, 7");
    say(p, "cvt.u64.u32 %%y0, %%x0");
    say(p, "add.u64 %%first_lane, %%first_lane, %%y0");
}

/* What every thread has goes to shared memory; those that are not the first of eight end. */
static void print_share(printer *p, const char *bits, const char *value) {
    ASSERT(bits[0] == 'b');
    say(p, "mov.u64 %%y2, lanes");
    say(p, "mul.wide.u32 %%y1, %%thread, 8");
    say(p, "add.u64 %%y2, %%y2, %%y1");
    say(p, "st.shared.%s [%%y2], %s", bits, value);
    if (is_arg(p)) say(p, "st.shared.b64 [%%y2+%u], %%at", CUDA_THREADS * 8u);
    say(p, "bar.sync 0");
    say(p, "and.b32 %%x0, %%thread, 7");
    say(p, "setp.ne.u32 %%p0, %%x0, 0");
    fprintf(p->to, "\t@%%p0 bra END;\n");
}

static void print_result(printer *p, const char *bits) {
    u32 bytes = cuda_leaf_bytes(p->n), width = type_bytes(p->n->type);
    if (is_arg(p)) {
        args_join(p);
        print_value_of_key(p);
    } else {
        say(p, "mov.b64 %%y0, %%y2");
        values_join(p, bits);
    }
    ASSERT(bytes == width || bytes == CUDA_ARG_BYTES);
    say(p, "shl.b64 %%y1, %%word, %u", (u32)__builtin_ctz(bytes));
    say(p, "add.u64 %%y1, %%y1, %%out");
    if (is_arg(p)) {
        fprintf(p->to, "\t@%%first st.global.b64 [%%y1], %%y0;\n");
        fprintf(p->to, "\t@%%first st.global.b64 [%%y1+8], %%at;\n");
        return;
    }
    fprintf(p->to, "\t@%%first st.global.%s%u [%%y1], %s;\n", width < 4 ? "u" : "b", width * 8,
            slot_name(0, p->n->type).text);
}

/* `count` is the number of leaves, `list` theirs (NULL: all). KEYED: `cells` is where members of
 * slots stand, `shadow` not 0 where they are those of this launch. */
void print_leaves(printer *p, u32 node) {
    const image_node *n = p->n;
    const char *bits = type_bytes(n->type) == 8 ? "b64" : "b32";
    name acc = slot_name(accumulator(p), n->type);
    print_entry(p, cuda_role_name(p->role), node);
    ASSERT(p->role == CUDA_LEAVES || n->tile_count == 0);
    print_unit(p);
    if (is_arg(p)) {
        say(p, "mov.b64 %%best, 0");
        say(p, "mov.b64 %%at, -1");
    } else {
        u64 nothing = neutral(reduce_of_node(p), n->type);
        say(p, "mov.%s %s, %s", move_type(n->type), acc.text, immediate(n->type, nothing).text);
    }
    fprintf(p->to, "STEP:\n");
    leaf_step(p);
    say(p, "add.u32 %%step, %%step, 1");
    say(p, "setp.lt.u32 %%more, %%step, 8");
    fprintf(p->to, "\t@%%more bra.uni STEP;\n");
    if (is_arg(p))
        print_share(p, "b64", "%best");
    else
        print_share(p, bits, acc.text);
    print_result(p, bits);
    fprintf(p->to, "END:\n");
    print_end(p);
}
