/* SPDX-License-Identifier: Apache-2.0
 * back: from equations (ir.h) to an image: reductions and gathers split into nodes of their own,
 * programs, footprints, waves. Private to compiler/back*.c but for back_build. A node's program is
 * built as values (one per instruction); slots are given out when it ends. */
#ifndef MMSB_BACK_H
#define MMSB_BACK_H
#include "emit_plan.h"
#include "ir.h"

#define VALUE_NONE UINT32_MAX
typedef struct {
    image_instruction row; /* dst, a, b, c are values until slots are given out */
    u32 a, b, c;
    bool uniform;
    u32 last; /* last instruction that uses it */
} back_value;
/* What a hidden page holds; equal ones are one page. */
typedef struct {
    u32 kind; /* 0: offsets of a gather; 1 + ir_reduction: of a reduction */
    u32 expr, guard, present;
    u32 shape, outer;
    u32 page;
} back_hidden;
typedef struct {
    u32 expr, guard, value, stamp;
} back_memo;
typedef struct back_slots back_slots;
/* What a nested node must give back: the node in hand. */
typedef struct {
    back_value *values;
    u32 value_count, value_capacity, stamp, axes;
    u64 dims[AXES_MAX];
} back_kept;
/* Pages that fusion made needless: nothing reads them but their own node, nobody outside may. */
typedef struct {
    plan_fused *fused;
    u32 fused_count, fused_capacity;
} back_report;

/* Passes in their order; back.passes_done is the last that has ended. */
typedef enum {
    BACK_NONE,
    BACK_PAGES,  /* image pages of all live pages */
    BACK_NODES,  /* every equation has its nodes */
    BACK_MODES,  /* hidden nodes run where their readers do */
    BACK_WAVES,  /* commands in dependency order */
    BACK_FUSED,  /* nodes are final */
    BACK_READERS /* footprints grouped by page; all sections filled */
} back_pass;
typedef struct back {
    ir *g;
    arena *memory;
    bool out_of_memory;
    u8 passes_done;
    u32 front_rows;         /* exprs that the front made: resolve's memo covers them */
    u32 *page_of, *prev_of; /* image pages of ir pages */
    back_report *report;
    u32 epoch_page, node_definition;
    u32 *writer[3], writer_count; /* of each page in EPOCH0, LATER, FIRST: the writing node, + 1 */
    bool too_many_axes, too_large;
    u32 limit_page; /* the ir page that set one of them, 0: none */
    u32 stamp_last, sub_last;
    const char *last_page;
    const source_file *last_file;
    u32 last_line; /* of the last position */
    back_hidden *hidden;
    u32 hidden_count, hidden_capacity;
    u32 *walk, walk_capacity, *walk_seen, walk_seen_capacity, walk_last;
    u32 *hidden_table, hidden_table_capacity; /* hash table of rows + 1 */
    u32 *shape_table, shape_table_capacity;
    back_slots *slots;                      /* of the node that ends */
    u32 *read_last, read_last_capacity;     /* of each page: its last row of reads, + 1 */
    u32 *read_before, read_before_capacity; /* of each read: the one of that page before, + 1 */
    back_value *spare;                      /* room for the values of the next node */
    u32 spare_capacity;
    /* the node in hand */
    back_value *values;
    u32 value_count, value_capacity;
    back_memo *memo;
    u32 memo_mask, stamp;
    u64 dims[AXES_MAX];
    u32 axes;
    const char *page_name;
    /* substitution */
    u32 *sub_to, *sub_stamp, sub_capacity, sub_now;
    /* sections */
    char *strings;
    u32 string_bytes, string_capacity;
#define SECTION(type, name) \
    type *name;             \
    u32 name##_count, name##_capacity;
    SECTION(image_shape, shapes)
    SECTION(image_page, pages)
    SECTION(image_node, nodes)
    SECTION(u32, definitions) /* per node: order of definition */
    SECTION(image_instruction, instructions)
    SECTION(u64, constants)
    SECTION(image_affine, affines)
    SECTION(image_affine_axis, affine_axes)
    SECTION(image_term, terms)
    SECTION(image_check, checks)
    SECTION(image_read, reads)
    SECTION(u32, readers)
    SECTION(u32, first)
    SECTION(u32, epoch0)
    SECTION(u32, later)
    SECTION(image_position, positions)
    SECTION(image_assert, asserts)
    SECTION(image_event, events)
    SECTION(u32, event_values)
    SECTION(image_file, files)
    SECTION(u32, exports)
    SECTION(image_kernel, kernels)
    SECTION(u32, kernel_pages)
#undef SECTION
    u32 *position_of; /* image positions of ir places */
} back;
#define BACK_ADD(b, name, ...)                                                                  \
    (arena_grow((b)->memory, (void **)&(b)->name, &(b)->name##_capacity, (b)->name##_count + 1, \
                sizeof *(b)->name)                                                              \
         ? ((b)->name[(b)->name##_count] = __VA_ARGS__, (b)->name##_count++)                    \
         : ((b)->out_of_memory = true, 0))

/* The image of a checked graph, in `memory`; *bytes its length. MMSB_OUT_OF_SPACE. */
mmsb_status back_build(ir *g, arena *memory, void **image_bytes, u64 *bytes, back_report *report,
                       message *m);

/* back_fuse.c */
bool nodes_fuse(back *b);
/* back_drop.c */
/* Of each image page: whether it may go once nothing outside its node reads it. NULL: no memory. */
bool *pages_loose(const back *b);
/* Takes the pages of gone[] out of the tables: no node reads or writes them. */
bool pages_drop(back *b, const bool *gone);
/* back_nodes.c */
u32 back_page(back *b, const char *name, u8 type, const u64 *dims, u32 axes, u8 flags,
              u32 position);
u32 back_shape(back *b, const u64 *dims, u32 axes);
u32 back_string(back *b, const char *text, size_t bytes);
u32 back_position(back *b, u32 place);
u32 map_node(back *b, u32 expr, u32 guard, const u64 *dims, u32 axes, u32 page, u8 flags);
void node_begin(back *b, const u64 *dims, u32 axes);
u32 node_end(back *b, image_node n);
/* Puts the node in hand aside, so that another can be built; node_resume goes on with it. */
back_kept node_suspend(back *b);
void node_resume(back *b, const back_kept *k);
/* The page of an equal row, or 0. */
u32 hidden_find(const back *b, const back_hidden *h);
void hidden_add(back *b, back_hidden h);
u32 substitute(back *b, u32 expr, const u32 *map, const u64 *extents);
/* back_lower.c */
u32 lower_value(back *b, u32 expr, u32 guard);
u32 value_add(back *b, image_instruction row, u32 a, u32 x, u32 c, bool uniform);
u32 value_page(back *b, u32 page, u32 mask, const u64 *dims, u32 axes);
/* back_reduce.c */
u32 lower_reduction(back *b, u32 expr, u32 guard);
void keyed_equation(back *b, u32 ir_page_row, ir_equation q, u8 flags);
bool keyed_prepare(back *b);
u32 element_page(back *b, u32 expr, u32 guard, const u64 *dims, u32 axes, const char *name);
/* back_whole.c */
void whole_equation(back *b, u32 ir_page_row, ir_equation q, u8 flags);
/* back_kernel.c */
void kernel_equation(back *b, u32 ir_page_row, ir_equation q);
/* back_ring.c: marks histories that the engine can turn; before nodes are fused */
bool rings_choose(back *b);
/* back_image.c */
void back_view(const back *b, image *i); /* the tables so far */
mmsb_status back_write(back *b, void **image_bytes, u64 *bytes, message *m);
#endif
