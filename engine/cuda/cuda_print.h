/* SPDX-License-Identifier: Apache-2.0
 * cuda_print: the writer of one kernel, shared by the files that write its parts. Private to
 * engine/cuda.
 *
 * Registers. A tile slot is %r (32 bits: bool and integers to 32, extended by their sign), %l (64),
 * %f or %d of its number; a uniform slot the same with a u. %x %y %g %h %p are for one instruction.
 * Every operation that rounds says how, so that no assembler may join two. */
#ifndef MMSB_CUDA_PRINT_H
#define MMSB_CUDA_PRINT_H
#include "../../kernels/kernels.h"
#include "cuda_plan.h"

typedef struct {
    FILE *to;
    const image *i;
    const cuda_plan *plan;
    const image_node *n;
    const image_instruction *rows; /* of the tile program */
    u8 role;
    u64 inner, outer, rest; /* lanes of a row, rows; KEYED: lanes of a key */
    u64 leaves;             /* cuda_leaves_each */
    u32 store, store_count;
    u32 feed; /* row of FEED, or UINT32_MAX */
} printer;
typedef struct {
    char text[24];
} name;

void say(printer *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The register of a slot that holds `type`; an immediate of that type. */
name slot_name(u16 slot, u8 type);
name immediate(u8 type, u64 bits);
/* "s32", "u64", "f64": arithmetic in registers; "b32" or "b64" or "f64": moves and selects. */
const char *arithmetic(u8 type);
const char *move_type(u8 type);
const char *memory_type(u8 type); /* as it lies in a page */
bool is_wide(u8 type);            /* 64-bit integers */
/* Keeps the bits that the type has. */
void narrow(printer *p, u8 type, const char *at);
/* %p0 has what makes a lane fault: it counts where the lane is live and its guard is set. */
void fault_raise(printer *p, u16 guard);
/* cuda_ops.c: an operator of ops.def. Every dst is written after all operands are read. */
void print_op(printer *p, const image_instruction *r);
/* How the math function of an operator is called, or NULL. */
const char *op_function(u16 op, u8 type);
/* cuda_loads.c: reads other than operators; a store. %lane has the lane. */
void print_load(printer *p, const image_instruction *r);
void print_store(printer *p, const image_instruction *r);
void print_element(printer *p, u32 page, const char *to); /* lane %lane of a page */
/* cuda_print.c: head, uniform cells and end of a kernel; its program but for FEED, of which it
 * keeps the row. */
void print_entry(printer *p, const char *kind, u32 node);
void print_end(printer *p);
void print_program(printer *p);
/* cuda_leaves.c: the kernel of LEAVES, KEYED and DOT; cuda_product.c: what a lane of PRODUCT does,
 * its store included. */
void print_leaves(printer *p, u32 node);
void print_product(printer *p);
u32 product_slots(const printer *p);
/* cuda_scan.c: the kernel that folds a scan's blocks, which is called blocks_N; what a lane of SCAN
 * does, its store included. */
void print_blocks(printer *p, u32 node);
void print_scan(printer *p);
/* %y7 = where lane `lane` of a page lies. */
void print_address(printer *p, u32 page, const char *lane);
void print_coordinates(printer *p);
bool needs_coordinates(const printer *p);
#endif
