/* SPDX-License-Identifier: Apache-2.0
 * cuda_print: the PTX text of an image: a kernel for each node that runs on the GPU, behind the
 * math functions that they call. Names are numbers of rows; nothing of the image's strings is in
 * it. PTX 7.0 for sm_75: every driver since takes it. */
#include "cuda_print.h"

#include <stdarg.h>
#include <stdlib.h>

#include "../../kernels/cuda_text.h"
#include "../core/layout.h"

void say(printer *p, const char *format, ...) {
    va_list list;
    va_start(list, format);
    fputc('\t', p->to);
    vfprintf(p->to, format, list);
    fputs(";\n", p->to);
    va_end(list);
}

static char class_of(u8 type) {
    if (type_is_float(type)) return type == TYPE_F64 ? 'd' : 'f';
    return is_wide(type) ? 'l' : 'r';
}

name slot_name(u16 slot, u8 type) {
    name n;
    ASSERT(slot != SLOT_NONE && type < TYPE_COUNT);
    snprintf(n.text, sizeof n.text, "%%%s%c%u", (slot & SLOT_UNIFORM) != 0 ? "u" : "",
             class_of(type), slot & ~SLOT_UNIFORM);
    return n;
}

name immediate(u8 type, u64 bits) {
    name n;
    u32 width = type_bytes(type);
    if (width < 8) bits &= ((u64)1 << 8 * width) - 1;
    bool negative = type_is_signed(type) && (bits >> (8 * width - 1) & 1) != 0;
    if (negative && width < 8) bits |= UINT64_MAX << 8 * width;
    if (width < 8) bits &= UINT32_MAX;
    snprintf(n.text, sizeof n.text,
             type == TYPE_F64   ? "0d%016llX"
             : type == TYPE_F32 ? "0f%08llX"
                                : "0x%llx",
             (unsigned long long)bits);
    return n;
}

/* The type of an operand (0: a, 1: b, 2: c), or TYPE_NONE where there is none. */
static u8 operand_type(const image_instruction *r, u32 operand) {
    const u16 slots[3] = {r->a, r->b, r->c};
    ASSERT(operand < 3);
    if (slots[operand] == SLOT_NONE) return TYPE_NONE;
    switch (r->op) {
    case IN_STORE: return operand == 0 ? r->type : TYPE_NONE;
    case IN_FEED: return operand == 0 ? r->type : operand == 1 ? TYPE_BOOL : TYPE_NONE;
    case IN_GATHER: return operand == 0 ? r->type2 : TYPE_NONE;
    case IN_AFFINE: return operand == 2 ? TYPE_BOOL : TYPE_NONE;
    case IN_AXIS: return operand == 0 ? TYPE_I64 : operand == 1 ? r->type : TYPE_BOOL;
    case IN_GROUP: return operand == 1 ? r->type : operand == 2 ? TYPE_BOOL : TYPE_NONE;
    default: break;
    }
    if (r->op >= INSTRUCTION_FIRST) return TYPE_NONE;
    const op_row *info = op_info(r->op);
    if (operand == 2 && info->faults) return TYPE_BOOL;
    if (operand >= info->arity) return TYPE_NONE;
    return r->op == OP_SELECT && operand == 0 ? TYPE_BOOL : r->type;
}

/* A uniform slot: what stands in it when tiles run; a constant, or the cell that the host fills. */
static void uniform_load(printer *p, u16 slot, u8 type) {
    const image_instruction *u = p->rows - p->n->uniform_count, *found = NULL;
    for (u32 k = 0; k < p->n->uniform_count; k++)
        if (u[k].dst == slot) found = &u[k];
    ASSERT(found != NULL);
    name d = slot_name(slot, type);
    if (found->op == IN_CONST) {
        say(p, "mov.%s %s, %s", move_type(type), d.text,
            immediate(type, p->i->constants[found->imm]).text);
        return;
    }
    static const char *const loads[4][2] = {{"u8", "s8"}, {"u16", "s16"}, {"u32", "s32"}};
    u32 width = type_bytes(type), at = (slot & ~SLOT_UNIFORM) * LAYOUT_CELL_BYTES;
    const char *load = type_is_float(type) ? arithmetic(type)
                       : width == 8        ? "u64"
                                           : loads[width / 2][type_is_signed(type)];
    say(p, "ld.global.%s %s, [%%cells+%u]", load, d.text, at);
}

static void uniforms_load(printer *p) {
    u8 seen[SLOTS_MAX] = {0};
    for (u32 k = 0; k < p->n->tile_count; k++) {
        const image_instruction *r = &p->rows[k];
        const u16 slots[3] = {r->a, r->b, r->c};
        for (u32 o = 0; o < 3; o++) {
            u8 type = operand_type(r, o);
            if (type == TYPE_NONE || (slots[o] & SLOT_UNIFORM) == 0) continue;
            u16 slot = slots[o] & (u16)~SLOT_UNIFORM;
            /* Types of one class differ in how a cell is extended: the last instruction that
             * wrote it had one type, so its readers agree. */
            u8 bit = class_of(type) == 'd'   ? 1
                     : class_of(type) == 'f' ? 2
                     : class_of(type) == 'l' ? 4
                                             : 8;
            ASSERT(slot < SLOTS_MAX);
            if ((seen[slot] & bit) == 0) uniform_load(p, slots[o], type);
            seen[slot] |= bit;
        }
    }
}

static void registers(printer *p) {
    /* LEAVES need three more than the program, and eight to join. */
    u32 tile = p->n->tile_slots + 9u, uniform = p->n->uniform_slots + 1u;
    ASSERT(tile <= SLOTS_MAX + 9u && uniform <= SLOTS_MAX + 1u);
    say(p, ".reg .pred %%p<6>, %%live, %%bad, %%save, %%first, %%more, %%dense");
    say(p, ".reg .b32 %%r<%u>, %%ur<%u>, %%x<8>, %%thread, %%block, %%step", tile, uniform);
    say(p, ".reg .b64 %%l<%u>, %%ul<%u>, %%y<8>, %%c<%u>", tile, uniform, AXES_MAX);
    say(p, ".reg .f32 %%f<%u>, %%uf<%u>, %%g<4>", tile, uniform);
    say(p, ".reg .f64 %%d<%u>, %%ud<%u>, %%h<4>", tile, uniform);
    say(p, ".reg .b64 %%base, %%shadow, %%cells, %%list, %%out, %%fault, %%count, %%unit, %%lane, "
           "%%word, %%first_lane");
}

/* The parameters of both kinds of kernel, in the order of cuda_run.c's launch. */
static void entry(printer *p, const char *kind, u32 node) {
    static const char *const names[] = {"base", "shadow", "cells", "list", "out", "fault", "count"};
    fprintf(p->to, ".visible .entry %s_%u(", kind, node);
    for (u32 k = 0; k < ARRAY_COUNT(names); k++)
        fprintf(p->to, "%s.param .u64 %s", k == 0 ? "" : ", ", names[k]);
    fprintf(p->to, ")\n.maxntid %u, 1, 1\n{\n", CUDA_THREADS);
    registers(p);
    if (p->n->kind == NODE_REDUCE) say(p, ".shared .align 8 .b8 lanes[%u]", CUDA_THREADS * 8u);
    for (u32 k = 0; k < ARRAY_COUNT(names); k++) {
        say(p, "ld.param.u64 %%%s, [%s]", names[k], names[k]);
        if (k == 3) say(p, "setp.eq.u64 %%dense, %%list, 0");
        if (k != 1 && k != 6) say(p, "cvta.to.global.u64 %%%s, %%%s", names[k], names[k]);
    }
    say(p, "mov.u32 %%thread, %%tid.x");
    say(p, "mov.u32 %%block, %%ctaid.x");
    say(p, "setp.ne.u32 %%bad, %%thread, %%thread");
    say(p, "mov.u32 %%step, 0");
    uniforms_load(p);
}

/* The rows of the program, but for FEED. */
static void program(printer *p) {
    p->feed = UINT32_MAX, p->store = 0;
    if (needs_coordinates(p)) print_coordinates(p);
    for (u32 k = 0; k < p->n->tile_count; k++) {
        const image_instruction *r = &p->rows[k];
        ASSERT(r->op != IN_CONST && r->op != IN_SCALAR);
        if (r->op < INSTRUCTION_FIRST)
            print_op(p, r);
        else if (r->op == IN_STORE)
            print_store(p, r);
        else if (r->op == IN_FEED)
            p->feed = k;
        else
            print_load(p, r);
    }
}

static void fault_end(printer *p) {
    fprintf(p->to, "\t@%%bad st.global.u32 [%%fault], 1;\n");
    say(p, "ret");
    fprintf(p->to, "}\n");
    ASSERT(p->n->kind < NODE_KIND_COUNT);
}

/* A block is a tile: 128 threads go over its 512 lanes in four steps. `count` is not 0 where old
 * values are kept. */
static void print_map(printer *p, u32 node) {
    u64 lanes = p->i->shapes[p->n->shape].lanes;
    p->store_count = 0;
    for (u32 k = 0; k < p->n->tile_count; k++) p->store_count += p->rows[k].op == IN_STORE;
    ASSERT(lanes > 1);
    entry(p, "map", node);
    say(p, "setp.ne.u64 %%save, %%count, 0");
    say(p, "cvt.u64.u32 %%unit, %%block");
    fprintf(p->to, "\t@%%dense bra TILE;\n");
    say(p, "shl.b64 %%y0, %%unit, 2");
    say(p, "add.u64 %%y0, %%y0, %%list");
    say(p, "ld.global.u32 %%x0, [%%y0]");
    say(p, "cvt.u64.u32 %%unit, %%x0");
    fprintf(p->to, "TILE:\n");
    say(p, "shl.b64 %%first_lane, %%unit, 9");
    say(p, "and.b32 %%x0, %%thread, 31");
    say(p, "setp.eq.u32 %%first, %%x0, 0");
    say(p, "mul.wide.u32 %%word, %%block, %u", p->store_count * CUDA_CHANGED_BYTES);
    say(p, "add.u64 %%word, %%word, %%out");
    say(p, "shr.u32 %%x0, %%thread, 5");
    say(p, "mul.wide.u32 %%y0, %%x0, 4");
    say(p, "add.u64 %%word, %%word, %%y0");
    say(p, "cvt.u64.u32 %%y0, %%thread");
    say(p, "add.u64 %%first_lane, %%first_lane, %%y0");
    fprintf(p->to, "STEP:\n");
    say(p, "setp.lt.u64 %%live, %%first_lane, 0x%llx", (unsigned long long)lanes);
    say(p, "selp.b64 %%lane, %%first_lane, 0x%llx, %%live", (unsigned long long)lanes - 1);
    program(p);
    say(p, "add.u64 %%first_lane, %%first_lane, %u", CUDA_THREADS);
    say(p, "add.u64 %%word, %%word, 16");
    say(p, "add.u32 %%step, %%step, 1");
    say(p, "setp.lt.u32 %%more, %%step, %u", TILE_LANES / CUDA_THREADS);
    fprintf(p->to, "\t@%%more bra.uni STEP;\n");
    fault_end(p);
}

/* d = a joined with b, as kernel_cpu_reduce.c does it. */
static void print_join(printer *p, u16 d, u16 a, u16 b) {
    static const u16 ops[REDUCE_COUNT] = {OP_ADD, OP_MUL, OP_MIN, OP_MAX};
    image_instruction r = {
        .op = ops[p->n->reduce], .type = p->n->type, .dst = d, .a = a, .b = b, .c = SLOT_NONE};
    ASSERT(p->n->reduce < REDUCE_ARGMIN);
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
static void leaf_join(printer *p, const char *bits) {
    static const u16 pairs[7][2] = {{0, 4}, {2, 6}, {1, 5}, {3, 7}, {0, 2}, {1, 3}, {0, 1}};
    for (u16 k = 0; k < NODE_FAN; k++)
        say(p, "ld.shared.%s %s, [%%y0+%u]", bits, slot_name(k, p->n->type).text, k * 8u);
    for (u32 k = 0; k < ARRAY_COUNT(pairs); k++)
        print_join(p, pairs[k][0], pairs[k][0], pairs[k][1]);
}

static u16 accumulator(const printer *p) { return p->n->tile_slots; }

/* One element of each lane of a leaf: its value joined to the lane's. */
static void leaf_step(printer *p, unsigned long long inner, const char *m, name acc) {
    u16 element = accumulator(p);
    say(p, "setp.lt.u64 %%live, %%first_lane, 0x%llx", inner);
    say(p, "selp.b64 %%lane, %%first_lane, 0x%llx, %%live", inner - 1);
    if (p->outer != 1) say(p, "mad.lo.u64 %%lane, %%unit, 0x%llx, %%lane", inner);
    say(p, "and.pred %%live, %%live, %%first");
    program(p);
    name from = slot_name((u16)(element + 2), p->n->type);
    if (p->n->element != 0)
        print_element(p, p->n->element, from.text);
    else
        from = slot_name(p->rows[p->feed].a, p->n->type);
    ASSERT(p->n->element != 0 || p->feed != UINT32_MAX);
    say(p, "mov.%s %s, %s", m, slot_name((u16)(element + 1), p->n->type).text, from.text);
    print_join(p, (u16)(element + 1), element, (u16)(element + 1));
    say(p, "selp.%s %s, %s, %s, %%live", m, acc.text,
        slot_name((u16)(element + 1), p->n->type).text, acc.text);
    say(p, "add.u64 %%first_lane, %%first_lane, 8");
}

/* A block is 16 leaves of 8 lanes each: a lane folds positions l, l + 8, ... of its leaf; then one
 * thread of the eight joins them. `count` is the number of leaves, `list` theirs (NULL: all). */
static void print_leaves(printer *p, u32 node) {
    const image_node *n = p->n;
    unsigned long long inner = p->inner;
    const char *m = move_type(n->type), *bits = type_bytes(n->type) == 8 ? "b64" : "b32";
    name acc = slot_name(accumulator(p), n->type);
    entry(p, "leaves", node);
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
    if (p->outer != 1) {
        say(p, "rem.u64 %%y0, %%unit, 0x%llx", (unsigned long long)p->leaves);
        say(p, "div.u64 %%unit, %%unit, 0x%llx", (unsigned long long)p->leaves);
    }
    say(p, "shl.b64 %%first_lane, %%y0, 6");
    say(p, "and.b32 %%x0, %%thread, 7");
    say(p, "cvt.u64.u32 %%y0, %%x0");
    say(p, "add.u64 %%first_lane, %%first_lane, %%y0");
    say(p, "mov.%s %s, %s", m, acc.text, immediate(n->type, neutral(n->reduce, n->type)).text);
    fprintf(p->to, "STEP:\n");
    leaf_step(p, inner, m, acc);
    say(p, "add.u32 %%step, %%step, 1");
    say(p, "setp.lt.u32 %%more, %%step, 8");
    fprintf(p->to, "\t@%%more bra.uni STEP;\n");
    say(p, "mov.u64 %%y0, lanes");
    say(p, "mul.wide.u32 %%y1, %%thread, 8");
    say(p, "add.u64 %%y1, %%y0, %%y1");
    say(p, "st.shared.%s [%%y1], %s", bits, acc.text);
    say(p, "bar.sync 0");
    say(p, "and.b32 %%x0, %%thread, 7");
    say(p, "setp.ne.u32 %%p0, %%x0, 0");
    fprintf(p->to, "\t@%%p0 bra END;\n");
    say(p, "mov.b64 %%y0, %%y1");
    leaf_join(p, bits);
    u32 width = type_bytes(n->type);
    say(p, "shl.b64 %%y1, %%word, %u", (u32)__builtin_ctz(width));
    say(p, "add.u64 %%y1, %%y1, %%out");
    fprintf(p->to, "\t@%%first st.global.%s%u [%%y1], %s;\n", width < 4 ? "u" : "b", width * 8,
            slot_name(0, n->type).text);
    fprintf(p->to, "END:\n");
    fault_end(p);
}

/* Whether some kernel calls mmsb_NAME, `bytes` at name. */
static bool is_called(const image *i, const cuda_plan *p, const char *at, size_t bytes) {
    for (u32 node = 0; node < i->node_count; node++) {
        const image_node *n = &i->nodes[node];
        if (p->roles[node] == CUDA_ON_CPU) continue;
        for (u32 k = 0; k < n->tile_count; k++) {
            const image_instruction *r = &i->instructions[n->program_at + n->uniform_count + k];
            const char *f = r->op < OP_COUNT ? op_function(r->op, r->type) : NULL;
            if (f != NULL && strlen(f) == bytes && memcmp(f, at, bytes) == 0) return true;
        }
    }
    ASSERT(bytes > 0);
    return false;
}

/* The items of nvcc's text (they begin with a dot at the start of a line): of its functions those
 * that are called, all else. */
static void functions(const image *i, const cuda_plan *p, FILE *to) {
    const char *at = (const char *)kernel_cuda_text;
    ASSERT(*at != 0);
    while (*at != 0 && *at != '.') at++;
    while (*at != 0) {
        const char *end = at, *f = strstr(at, " mmsb_");
        do {
            const char *next = strstr(end + 1, "\n.");
            end = next == NULL ? end + strlen(end) : next + 1;
        } while (strncmp(end, ".max", 4) == 0 || strncmp(end, ".min", 4) == 0);
        bool function = strncmp(at, ".visible .func", 14) == 0 && f != NULL && f < end;
        if (!function || is_called(i, p, f + 6, strcspn(f + 6, "(")))
            fwrite(at, 1, (size_t)(end - at), to);
        at = end;
    }
}

bool cuda_print(const image *i, const cuda_plan *p, FILE *to) {
    ASSERT(cuda_is_built());
    fputs("// Made by MMSB. No operation here may be contracted.\n", to);
    fputs(".version 7.0\n.target sm_75\n.address_size 64\n", to);
    functions(i, p, to);
    for (u32 k = 0; k < i->node_count; k++) {
        const image_node *n = &i->nodes[k];
        printer x = {.to = to,
                     .i = i,
                     .plan = p,
                     .n = n,
                     .rows = i->instructions + n->program_at + n->uniform_count};
        if (p->roles[k] == CUDA_MAP) print_map(&x, k);
        if (p->roles[k] != CUDA_LEAVES) continue;
        x.outer = layout_outer_lanes(i, k);
        x.inner = i->shapes[n->shape].lanes / x.outer, x.leaves = cuda_leaves_each(i, k);
        print_leaves(&x, k);
    }
    return ferror(to) == 0;
}
