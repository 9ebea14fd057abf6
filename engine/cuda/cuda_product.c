/* SPDX-License-Identifier: Apache-2.0
 * cuda_product: a matrix product as a map over the lanes of its output. A lane folds by fma in k
 * order within chunks of 512, each in a loop of its own; their results join as nodes do, written
 * out: registers of a level are eight, and the one that they are joined to is of the next. */
#include "../../kernels/whole_sizes.h"
#include "../core/layout.h"
#include "cuda_print.h"

static u64 chunks_of(const printer *p) {
    ASSERT(p->role == CUDA_PRODUCT && p->inner > 0);
    return (p->inner + SCAN_BLOCK - 1) / SCAN_BLOCK;
}

/* Slots: the result, two operands, then eight a level. */
enum { RESULT, LEFT, RIGHT, LEVELS_FROM };

u32 product_slots(const printer *p) {
    u32 slots = LEVELS_FROM;
    ASSERT(p->inner <= CUDA_PRODUCT_K_MOST);
    for (u64 count = chunks_of(p); count > 1; count = (count + NODE_FAN - 1) / NODE_FAN)
        slots += NODE_FAN;
    return slots;
}

/* One chunk into slot `to`: %y0 and %y1 go on over both operands. */
static void print_chunk(printer *p, u64 chunk, u16 to, u64 columns) {
    u8 type = p->n->type;
    u64 depth = u64_min(SCAN_BLOCK, p->inner - chunk * SCAN_BLOCK), width = type_bytes(type);
    u64 zero = type_is_float(type) ? (u64)1 << (8 * width - 1) : 0;
    name fold = slot_name(to, type), a = slot_name(LEFT, type), b = slot_name(RIGHT, type);
    ASSERT(depth > 0);
    say(p, "mov.%s %s, %s", move_type(type), fold.text, immediate(type, zero).text);
    say(p, "mov.b32 %%x0, %u", (u32)depth);
    fprintf(p->to, "CHUNK%llu:\n", (unsigned long long)chunk);
    say(p, "ld.global.%s %s, [%%y0]", memory_type(type), a.text);
    say(p, "ld.global.%s %s, [%%y1]", memory_type(type), b.text);
    say(p, "%s.%s %s, %s, %s, %s", type_is_float(type) ? "fma.rn" : "mad.lo", arithmetic(type),
        fold.text, a.text, b.text, fold.text);
    say(p, "add.u64 %%y0, %%y0, %u", (u32)width);
    say(p, "add.u64 %%y1, %%y1, 0x%llx", (unsigned long long)(columns * width));
    say(p, "sub.u32 %%x0, %%x0, 1");
    say(p, "setp.ne.u32 %%p1, %%x0, 0");
    fprintf(p->to, "\t@%%p1 bra.uni CHUNK%llu;\n", (unsigned long long)chunk);
}

/* Eight slots from `first` on, of which `count` are there, joined into `to`: what is absent leaves
 * the other unchanged. */
static void join_nodes(printer *p, u16 first, u32 count, u16 to) {
    static const u8 pairs[7][2] = {{0, 4}, {2, 6}, {1, 5}, {3, 7}, {0, 2}, {1, 3}, {0, 1}};
    ASSERT(count >= 1 && count <= NODE_FAN);
    for (u32 k = 0; k < ARRAY_COUNT(pairs); k++) {
        u32 a = pairs[k][0], b = pairs[k][1];
        /* The right one's first chunk is its own number: it stands for those above it. */
        if (b >= count) continue;
        image_instruction r = {.op = OP_ADD,
                               .type = p->n->type,
                               .dst = (u16)(first + a),
                               .a = (u16)(first + a),
                               .b = (u16)(first + b),
                               .c = SLOT_NONE};
        print_op(p, &r);
    }
    say(p, "mov.%s %s, %s", move_type(p->n->type), slot_name(to, p->n->type).text,
        slot_name(first, p->n->type).text);
}

/* Chunks [first, end) of a node whose children have `span` chunks each, into `to`. */
static void print_node(printer *p, u64 first, u64 end, u64 span, u16 level_slot, u16 to,
                       u64 columns) {
    ASSERT(first < end);
    if (span == 0) {
        print_chunk(p, first, to, columns);
        return;
    }
    u32 count = 0;
    for (u64 at = first; at < end; at += span)
        print_node(p, at, u64_min(at + span, end), span / NODE_FAN, (u16)(level_slot - NODE_FAN),
                   (u16)(level_slot + count++), columns);
    join_nodes(p, level_slot, count, to);
}

void print_product(printer *p) {
    const image_node *n = p->n;
    u64 columns = p->i->shapes[p->i->pages[n->output].shape].lanes / p->outer, span = 0;
    u32 shift = (u32)__builtin_ctz(type_bytes(n->type)), top = product_slots(p) - NODE_FAN;
    for (u64 count = chunks_of(p); count > 1; count = (count + NODE_FAN - 1) / NODE_FAN)
        span = span == 0 ? 1 : span * NODE_FAN;
    say(p, "div.u64 %%y2, %%lane, 0x%llx", (unsigned long long)columns);
    say(p, "rem.u64 %%y1, %%lane, 0x%llx", (unsigned long long)columns);
    say(p, "mul.lo.u64 %%y2, %%y2, 0x%llx", (unsigned long long)p->inner);
    print_address(p, n->element, "%y2");
    say(p, "mov.b64 %%y0, %%y7");
    print_address(p, n->present, "%y1");
    say(p, "mov.b64 %%y1, %%y7");
    ASSERT(shift <= 3);
    print_node(p, 0, chunks_of(p), span, (u16)top, RESULT, columns);
    image_instruction store = {.op = IN_STORE, .type = n->type, .a = RESULT, .imm = n->output};
    print_store(p, &store);
}
