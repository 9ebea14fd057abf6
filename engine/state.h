/* SPDX-License-Identifier: Apache-2.0
 * state: the tables of a running graph, shared by the engine's own files and by nobody else.
 * Everything in them is resolved once, when the engine is opened. */
#ifndef MMSB_STATE_H
#define MMSB_STATE_H
#include "../kernels/kernels.h"
#include "engine.h"
#include "set.h"

/* Tiles with at least this many lanes to do run dense, others are packed. */
#define DENSE_LANES 96u
/* Levels of a reduction tree, leaves included: 64 * 8^13 > LANES_MAX. */
#define TREE_LEVELS 14u

/* An operand is a row of vm.at: tile slots first, then uniform cells, then cells spread over a
 * tile; the last row is NULL, for "none". */
typedef u32 operand;

typedef struct {
    const image_instruction *row;
    kernel_fn fn; /* operators; NULL: a load or store by row->op */
    operand dst, a, b, c;
    void *own; /* what `dst` is: its slot's or cell's own memory */
    union {
        kernel_gather_fn gather;   /* IN_LANE */
        kernel_offsets_fn offsets; /* IN_GATHER */
        kernel_store_fn store;     /* IN_STORE */
    } dense;
    kernel_scatter_fn scatter; /* IN_STORE */
    u8 can_fault;
} step;

/* One page axis of an AFFINES row: index = constant + sum of coefficient * coordinate. */
typedef struct {
    i64 constant;
    i64 coefficient[AXES_MAX];
    i64 dim, stride;
    u8 edge;
} affine_axis;
typedef struct {
    u32 page, axis_count;
    affine_axis axes[AXES_MAX];
} affine_state;

typedef struct {
    const image_page *row;
    u8 *value;
    u64 lanes;
    u32 width;
    bool touched;     /* stands in engine.touched */
    bool stale;       /* its digest is of older lanes */
    bool saved;       /* engine_is_saved */
    lane_set dirty;   /* lanes changed in this epoch; of a PREV page: since the epoch before */
    u64 key, digest;  /* rooted pages */
    u32 first_assert; /* its rows of engine.asserts */
    u32 assert_count;
    /* Inverse of an OFFSETS page: lanes by what they point at. NULL: none.
     * head[p] is a lane + 1 with offset p, next[lane] the next one + 1; 0 ends. */
    u32 *head, *next, *before;
    u64 target_lanes;
    bool inverse_valid;
    u64 inverse_built, inverse_dropped; /* engine.run when that happened */
} page_state;

typedef struct {
    const image_node *row;
    const image_shape *shape;
    step *uniform, *tile; /* uniform_count, tile_count of the row */
    u16 *spread;          /* uniform slots that tiles want spread, and the type of each */
    u8 *spread_type;
    u32 spread_count;
    u32 place;            /* in LATER */
    bool stale;           /* what it keeps is not of this state: it runs whole next time */
    bool needs_coordinates;
    const step *feed;
    u64 outer, inner;     /* REDUCE, KEYED: lanes of the leading axes, lanes per such lane */
    u64 work_lanes;       /* what engine.work counts when it runs */
    kernel_leaves_fn leaves;
    kernel_join_fn join;
    u32 width;            /* of an element */
    bool arg;
    u8 *partials;         /* NULL: none are kept */
    i64 *partial_index;   /* ARG */
    u64 tree;             /* REDUCE: partials per outer lane; KEYED: per lane beside the key */
    /* KEYED */
    u64 keys, rest, groups;
    u32 *order, *rank_place, *start, *leaf_base, *tree_base, *leaf_group;
} node_state;

/* The first fault of a node, by page, lane and instruction. */
typedef struct {
    bool found;
    u32 page_order;
    u64 lane;
    const step *at;
    u64 a, b;        /* values of its operands, or index and axis of a load */
} fault_record;

/* What runs programs: slots and the tile at work. One per thread. */
typedef struct {
    engine *engine;
    void **at;       /* see operand */
    i64 *coordinates[AXES_MAX];
    u8 *buffer[LAYOUT_TILE_BUFFERS]; /* a tile each */
    u64 first;       /* dense: its first lane */
    const u64 *lanes; /* packed: its lanes; NULL: dense */
    u32 count;
    bool stores;     /* false: looking for a fault, nothing is written */
    bool located;    /* packed coordinates are of this tile */
    u32 fault;
    const u8 *skip;  /* pages that are not stored, by row; NULL: none */
} vm;

struct engine {
    const image *image;
    layout layout;
    arena *tables;
    u8 *memory;
    u64 memory_bytes;
    engine_options options;
    page_state *pages;
    node_state *nodes;
    affine_state *affines;
    u32 *asserts;       /* rows of image.asserts by page */
    u32 *later_readers; /* places in LATER, as image.readers */
    lane_set work, pending, undo_lines;
    bool undo_on;       /* writes save their lines first */
    bool started;       /* epoch 0 is done */
    bool later_started; /* an epoch after 0 was accepted */
    bool running;       /* the epoch in the making has begun */
    u64 run;            /* counts epochs in the making, rejected ones too */
    u64 epoch;
    u32 epoch_page;
    u32 *touched;       /* pages with dirty lanes, PREV pages not among them */
    u32 touched_count;
    u32 *behind;        /* PREV pages with dirty lanes */
    u32 behind_count;
    u32 *ran;           /* stale nodes that ran in this epoch */
    u32 ran_count;
    u64 *packed;        /* lanes being collected */
    u32 packed_count;
    vm vm;
    u64 root_epoch;
    u32 *fired;
    u32 fired_count;
    u8 *event_was;      /* by row of image.events: its bool after the last accepted epoch */
    u32 *rooted;        /* rooted pages by name */
    u32 rooted_count;
    u64 *root_words;
    struct workers *workers;
    engine_stats stats;
};

static inline void *vm_slot(const engine *e, u32 slot) {
    return e->memory + e->layout.slots_at + (u64)slot * LAYOUT_SLOT_BYTES;
}
static inline void *vm_cell(const engine *e, u32 slot) {
    return e->memory + e->layout.cells_at + (u64)slot * LAYOUT_CELL_BYTES;
}
static inline u64 bits_load(u32 width, const void *at) {
    u64 bits = 0;
    memcpy(&bits, at, width);
    return bits;
}

/* resolve.c: fills the tables of an engine whose image and layout are set. */
mmsb_status resolve_all(engine *e, message *m);
u32 operand_none(const engine *e);

/* undo.c: saves the lines of [at, at + bytes), in the mutable part, before they are written. */
void undo_save_lines(engine *e, const void *at, u64 bytes);
static inline void undo_save(engine *e, const void *at, u64 bytes) {
    if (e->undo_on) undo_save_lines(e, at, bytes);
}
void undo_restore(engine *e); /* puts every saved line back */
void undo_forget(engine *e);

/* store.c: all writes to pages. */
void page_touch(engine *e, u32 page); /* it has dirty lanes: lists it, wakes its readers */
/* Sets a lane to canonical bits where they differ, and says that it changed. */
void page_set_lane(engine *e, u32 page, u64 lane, u64 bits);
void store_tile(vm *v, const step *s);
void readers_wake(engine *e, u32 page);

/* vm.c: a node's program over its uniforms, over a dense tile, over up to 512 lanes. */
void vm_begin(vm *v, node_state *n);
void vm_dense(vm *v, node_state *n, u64 first, u32 count);
void vm_packed(vm *v, node_state *n, const u64 *lanes, u32 count);
/* Runs one step (of the tile part) of the tile at work. Returns whether it faulted. */
u32 vm_step(vm *v, node_state *n, const step *s);
void vm_tile(vm *v, u64 first, const u64 *lanes, u32 count); /* sets the tile at work */

/* vm_load.c, vm_affine.c */
u32 load_axis(const vm *v, const step *s);
u32 load_group(const vm *v, const step *s);
void load_iota(vm *v, const node_state *n, const step *s);
u32 load_affine(vm *v, const node_state *n, const step *s);
void load_locate(vm *v, const node_state *n); /* coordinates of the tile's lanes, once a tile */
/* The index that an edge makes of `index`: inside, EDGE_IS_FILL or EDGE_IS_OUTSIDE. dim ≥ 1. */
#define EDGE_IS_FILL (-1)
#define EDGE_IS_OUTSIDE (-2)
i64 edge_index(u8 edge, i64 index, i64 dim);

/* footprint.c: adds to engine.work what a node has to redo because of one read's dirty page. */
void footprint_add(engine *e, node_state *n, const image_read *r);
/* Adds all of a node's work. */
void work_add_all(engine *e, node_state *n);
bool work_is_all(const engine *e, const node_state *n);
/* Adds what stands for domain lane `lane`, or for lanes [first, first + count). */
void work_add_lanes(engine *e, node_state *n, u64 first, u64 count);

/* inverse.c */
void inverse_ready(engine *e, u32 page); /* builds it where it is not valid */
void inverse_drop(engine *e, u32 page);
void inverse_move(engine *e, page_state *p, u64 lane, i64 from, i64 to);
void inverse_reject(engine *e);

/* tree.c: canonical trees of partials. */
typedef struct {
    u8 *values;
    i64 *index;  /* ARG, or NULL */
    u64 level_at[TREE_LEVELS + 1]; /* first partial of each level; level 0 are the leaves */
    u64 level_count[TREE_LEVELS];
    u32 levels;
} tree;
typedef struct {
    u64 waiting[TREE_LEVELS]; /* by level: the node whose children change, or SET_NONE */
} tree_path;
void tree_open(tree *t, u8 *values, i64 *index, u64 elements);
void tree_join_all(engine *e, const node_state *n, tree *t);
/* Leaves change in ascending order: tree_path_open, tree_path_leaf for each, tree_path_close. */
void tree_path_open(tree_path *p);
void tree_path_leaf(engine *e, const node_state *n, tree *t, tree_path *p, u64 leaf);
void tree_path_close(engine *e, const node_state *n, tree *t, tree_path *p);
/* Writes one leaf of ≤ 64 elements. Returns whether its bits changed. */
bool tree_leaf(engine *e, const node_state *n, tree *t, u64 leaf, const void *elements,
               const void *present, u32 count);
/* The result of element k ≥ 64 at a time without keeping partials. */
typedef struct {
    u64 values[TREE_LEVELS][NODE_FAN];
    i64 index[TREE_LEVELS][NODE_FAN];
    u32 counts[TREE_LEVELS];
} tree_stream;
void tree_stream_open(tree_stream *t);
void tree_stream_tile(const node_state *n, tree_stream *t, const void *elements,
                      const void *present, u32 count, u64 first);
u64 tree_stream_close(const node_state *n, tree_stream *t, i64 *index);

/* reduce.c, group.c: run a node on engine.work. */
void reduce_run(engine *e, node_state *n, bool whole);
void group_run(engine *e, node_state *n, bool whole);
void group_index(engine *e, node_state *n);

/* wave.c */
mmsb_status waves_run_all(engine *e, const u32 *list, u32 count, message *m);
mmsb_status waves_run(engine *e, message *m);
mmsb_status node_run(engine *e, u32 node, bool whole, message *m);

/* fault.c: finds the node's first fault on engine.work (or everywhere) and words it. */
mmsb_status fault_word(engine *e, node_state *n, bool whole, message *m);
mmsb_status assert_word(engine *e, const image_assert *a, message *m);

/* events.c */
void events_note(engine *e);
void events_accept(engine *e);
#endif
