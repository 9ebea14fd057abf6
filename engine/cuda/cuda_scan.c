/* SPDX-License-Identifier: Apache-2.0
 * cuda_scan: a scan of rows as two kernels. Blocks of 512 positions of a row are folded left to
 * right by one thread in shared memory; their lanes wait in device memory, their totals come back.
 * The host joins totals to what stands before each block; a map then joins that to every lane. */
#include "../../kernels/whole_sizes.h"
#include "../core/layout.h"
#include "cuda_print.h"

enum { FOLD, NEXT, BEFORE }; /* slots */

/* Slot d = a joined with b. */
static void print_join(printer *p, u16 d, u16 a, u16 b) {
    static const u16 ops[] = {OP_ADD, OP_MUL, OP_MIN, OP_MAX};
    image_instruction r = {
        .op = ops[p->n->reduce], .type = p->n->type, .dst = d, .a = a, .b = b, .c = SLOT_NONE};
    ASSERT(whole_is_scan(p->n->reduce));
    print_op(p, &r);
}

/* %y7 = where the fold of lane %lane waits. */
static void folds_address(printer *p) {
    ASSERT(p->role == CUDA_SCAN);
    say(p, "shl.b64 %%y7, %%lane, %u", (u32)__builtin_ctz(type_bytes(p->n->type)));
    say(p, "add.u64 %%y7, %%y7, %%base");
    say(p, "add.u64 %%y7, %%y7, 0x%llx", (unsigned long long)p->plan->folds_at);
}

/* %lane: the next of the block's positions of this thread; %live whether it is one. %y2 is where it
 * stands in shared memory. */
static void print_position(printer *p) {
    unsigned long long inner = p->inner;
    say(p, "cvt.u64.u32 %%y0, %%x1");
    say(p, "add.u64 %%y1, %%first_lane, %%y0");
    say(p, "setp.lt.u64 %%live, %%y1, 0x%llx", inner);
    say(p, "selp.b64 %%y1, %%y1, 0x%llx, %%live", inner - 1);
    say(p, "mad.lo.u64 %%lane, %%unit, 0x%llx, %%y1", inner);
    say(p, "shl.b64 %%y0, %%y0, 3");
    say(p, "mov.u64 %%y2, folds");
    say(p, "add.u64 %%y2, %%y2, %%y0");
    say(p, "add.u32 %%x1, %%x1, %u", CUDA_THREADS);
    ASSERT(inner > 0);
}

static void print_again(printer *p, const char *label) {
    say(p, "setp.lt.u32 %%more, %%x1, %u", SCAN_BLOCK);
    fprintf(p->to, "\t@%%more bra.uni %s;\n", label);
    ASSERT(SCAN_BLOCK % CUDA_THREADS == 0);
}

/* One thread: %x3 positions, at least one. */
static void print_fold(printer *p, const char *bits) {
    name fold = slot_name(FOLD, p->n->type), next = slot_name(NEXT, p->n->type);
    say(p, "mov.u64 %%y2, folds");
    say(p, "ld.shared.%s %s, [%%y2]", bits, fold.text);
    say(p, "sub.u32 %%x3, %%x3, 1");
    say(p, "setp.eq.u32 %%p3, %%x3, 0");
    fprintf(p->to, "\t@%%p3 bra FOLDED;\nFOLD:\n");
    say(p, "add.u64 %%y2, %%y2, 8");
    say(p, "ld.shared.%s %s, [%%y2]", bits, next.text);
    print_join(p, FOLD, FOLD, NEXT);
    ASSERT(bits[0] == 'b');
    say(p, "st.shared.%s [%%y2], %s", bits, fold.text);
    say(p, "sub.u32 %%x3, %%x3, 1");
    say(p, "setp.ne.u32 %%p3, %%x3, 0");
    fprintf(p->to, "\t@%%p3 bra FOLD;\nFOLDED:\n");
}

/* Which block of which row, and how many positions it has: %unit, %first_lane, %x3. */
static void print_unit(printer *p) {
    unsigned long long blocks = p->leaves, inner = p->inner;
    say(p, "cvt.u64.u32 %%word, %%block");
    say(p, "mov.b64 %%unit, %%word");
    fprintf(p->to, "\t@%%dense bra BLOCK;\n");
    say(p, "shl.b64 %%y0, %%word, 3");
    say(p, "add.u64 %%y0, %%y0, %%list");
    say(p, "ld.global.u64 %%unit, [%%y0]");
    fprintf(p->to, "BLOCK:\n");
    say(p, "rem.u64 %%y0, %%unit, 0x%llx", blocks);
    say(p, "div.u64 %%unit, %%unit, 0x%llx", blocks);
    say(p, "mul.lo.u64 %%first_lane, %%y0, %u", SCAN_BLOCK);
    say(p, "sub.u64 %%y0, 0x%llx, %%first_lane", inner);
    say(p, "min.u64 %%y0, %%y0, %u", SCAN_BLOCK);
    say(p, "cvt.u32.u64 %%x3, %%y0");
    ASSERT(blocks == (inner + SCAN_BLOCK - 1) / SCAN_BLOCK);
}

/* `list` has the blocks (NULL: all), `out` takes a total each. */
void print_blocks(printer *p, u32 node) {
    u8 type = p->n->type;
    u32 width = type_bytes(type);
    const char *bits = width == 8 ? "b64" : "b32", *memory = width < 4 ? "u" : "b";
    name fold = slot_name(FOLD, type);
    print_entry(p, "blocks", node);
    ASSERT(p->role == CUDA_SCAN);
    say(p, ".shared .align 8 .b8 folds[%u]", SCAN_BLOCK * 8u);
    print_unit(p);
    say(p, "mov.b32 %%x1, %%thread");
    fprintf(p->to, "LOAD:\n");
    print_position(p);
    print_element(p, p->n->element, fold.text);
    say(p, "st.shared.%s [%%y2], %s", bits, fold.text);
    print_again(p, "LOAD");
    say(p, "bar.sync 0");
    say(p, "setp.ne.u32 %%p0, %%thread, 0");
    fprintf(p->to, "\t@%%p0 bra STORE;\n");
    print_fold(p, bits);
    say(p, "shl.b64 %%y0, %%word, %u", (u32)__builtin_ctz(width));
    say(p, "add.u64 %%y0, %%y0, %%out");
    say(p, "st.global.%s%u [%%y0], %s", memory, width * 8, fold.text);
    fprintf(p->to, "STORE:\n");
    say(p, "bar.sync 0");
    say(p, "mov.b32 %%x1, %%thread");
    fprintf(p->to, "WAITING:\n");
    print_position(p);
    say(p, "ld.shared.%s %s, [%%y2]", bits, fold.text);
    folds_address(p);
    fprintf(p->to, "\t@%%live st.global.%s%u [%%y7], %s;\n", memory, width * 8, fold.text);
    print_again(p, "WAITING");
    print_end(p);
}

/* `cells` has what stands before each block of each row. */
void print_scan(printer *p) {
    u8 type = p->n->type;
    u32 width = type_bytes(type);
    name fold = slot_name(FOLD, type), next = slot_name(NEXT, type);
    say(p, "div.u64 %%y2, %%lane, 0x%llx", (unsigned long long)p->inner);
    say(p, "rem.u64 %%y3, %%lane, 0x%llx", (unsigned long long)p->inner);
    say(p, "div.u64 %%y3, %%y3, %u", SCAN_BLOCK);
    say(p, "setp.ne.u64 %%p3, %%y3, 0");
    say(p, "mad.lo.u64 %%y2, %%y2, 0x%llx, %%y3", (unsigned long long)p->leaves);
    say(p, "shl.b64 %%y2, %%y2, %u", (u32)__builtin_ctz(width));
    say(p, "add.u64 %%y2, %%y2, %%cells");
    say(p, "ld.global.%s %s, [%%y2]", memory_type(type), slot_name(BEFORE, type).text);
    folds_address(p);
    say(p, "ld.global.%s %s, [%%y7]", memory_type(type), fold.text);
    print_join(p, NEXT, BEFORE, FOLD);
    ASSERT(p->role == CUDA_SCAN);
    say(p, "selp.%s %s, %s, %s, %%p3", move_type(type), next.text, next.text, fold.text);
    image_instruction store = {.op = IN_STORE, .type = type, .a = NEXT, .imm = p->n->output};
    print_store(p, &store);
}
