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
    /* Leaves need three more than the program, and eight to join; a product eight a level. */
    u32 tile = p->n->tile_slots + 9u, uniform = p->n->uniform_slots + 1u;
    if (p->role == CUDA_PRODUCT) tile += product_slots(p);
    ASSERT(tile <= SLOTS_MAX + 99u && uniform <= SLOTS_MAX + 1u);
    say(p, ".reg .pred %%p<6>, %%live, %%bad, %%save, %%first, %%more, %%dense");
    say(p, ".reg .b32 %%r<%u>, %%ur<%u>, %%x<8>, %%thread, %%block, %%step", tile, uniform);
    say(p, ".reg .b64 %%l<%u>, %%ul<%u>, %%y<8>, %%c<%u>", tile, uniform, AXES_MAX);
    say(p, ".reg .f32 %%f<%u>, %%uf<%u>, %%g<4>", tile, uniform);
    say(p, ".reg .f64 %%d<%u>, %%ud<%u>, %%h<4>", tile, uniform);
    say(p, ".reg .b64 %%base, %%shadow, %%cells, %%list, %%out, %%fault, %%count, %%unit, %%lane, "
           "%%word, %%first_lane, %%best, %%at");
}

/* The parameters of every kernel, in the order of cuda_run.c's launch. */
void print_entry(printer *p, const char *kind, u32 node) {
    static const char *const names[] = {"base", "shadow", "cells", "list", "out", "fault", "count"};
    fprintf(p->to, ".visible .entry %s_%u(", kind, node);
    for (u32 k = 0; k < ARRAY_COUNT(names); k++)
        fprintf(p->to, "%s.param .u64 %s", k == 0 ? "" : ", ", names[k]);
    fprintf(p->to, ")\n.maxntid %u, 1, 1\n{\n", CUDA_THREADS);
    registers(p);
    ASSERT(p->role != CUDA_ON_CPU);
    if (!cuda_maps(p->role)) say(p, ".shared .align 8 .b8 lanes[%u]", CUDA_THREADS * 16u);
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
void print_program(printer *p) {
    p->feed = UINT32_MAX;
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

void print_end(printer *p) {
    fprintf(p->to, "\t@%%bad st.global.u32 [%%fault], 1;\n");
    say(p, "ret");
    fprintf(p->to, "}\n");
    ASSERT(p->n->kind < NODE_KIND_COUNT);
}

/* A block is a tile: 128 threads go over its 512 lanes in four steps. `count` is not 0 where old
 * values are kept. */
static void print_map(printer *p, u32 node) {
    void (*const lane)(printer * of) = p->role == CUDA_PRODUCT ? print_product
                                       : p->role == CUDA_SCAN  ? print_scan
                                                               : print_program;
    u32 shape = p->role == CUDA_PRODUCT ? p->i->pages[p->n->output].shape : p->n->shape;
    u64 lanes = p->i->shapes[shape].lanes;
    p->store_count = p->role != CUDA_MAP;
    for (u32 k = 0; k < p->n->tile_count; k++) p->store_count += p->rows[k].op == IN_STORE;
    ASSERT(lanes > 1);
    print_entry(p, cuda_role_name(p->role), node);
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
    p->store = 0;
    lane(p);
    say(p, "add.u64 %%first_lane, %%first_lane, %u", CUDA_THREADS);
    say(p, "add.u64 %%word, %%word, 16");
    say(p, "add.u32 %%step, %%step, 1");
    say(p, "setp.lt.u32 %%more, %%step, %u", TILE_LANES / CUDA_THREADS);
    fprintf(p->to, "\t@%%more bra.uni STEP;\n");
    print_end(p);
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
        u8 role = p->roles[k];
        if (role == CUDA_ON_CPU) continue;
        printer x = {.to = to,
                     .i = i,
                     .plan = p,
                     .n = n,
                     .role = role,
                     .rows = i->instructions + n->program_at + n->uniform_count};
        x.outer = layout_outer_lanes(i, k), x.inner = i->shapes[n->shape].lanes / x.outer;
        x.rest = role == CUDA_KEYED ? layout_keyed_rest(i, k) : 1;
        x.leaves = cuda_leaves_each(i, k);
        if (role == CUDA_SCAN) print_blocks(&x, k);
        (cuda_maps(role) ? print_map : print_leaves)(&x, k);
    }
    return ferror(to) == 0;
}
