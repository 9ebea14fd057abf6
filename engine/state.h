/* SPDX-License-Identifier: Apache-2.0
 * state: the tables of a running graph, shared by the engine's modules. Private to engine/.
 * Everything is resolved once, at open. */
#ifndef MMSB_STATE_H
#define MMSB_STATE_H
#include "../kernels/kernels.h"
#include "crew.h"
#include "engine.h"
#include "native.h"
#include "set.h"

/* Where an operand lies: a tile slot, a uniform cell, or a uniform spread over a tile. */
typedef enum { AT_NONE, AT_TILE, AT_CELL, AT_SPREAD } operand_place;
typedef struct {
    u16 slot;
    u8 place;
} operand;
typedef struct {
    const image_instruction *row;
    u32 store; /* IN_STORE: which of its node's */
    union {
        kernel_fn fn; /* operators */
        kernel_gather_fn gather;
        kernel_offsets_fn offsets;
        kernel_scatter_fn scatter; /* stores */
        native_fn native;          /* STEP_NATIVE; its results' slots are in outs */
    };
    kernel_store_fn put;     /* stores, dense */
    kernel_stream_fn stream; /* the same around the caches */
    struct node_state *sums; /* stores: a reduction whose leaves are made meanwhile, or NULL */
    const u16 *outs;
    u32 out_count;
    operand a, b, c; /* as the kernel wants them; loads: c is the guard */
    void *page;      /* loads and stores: the page's lanes */
    u8 width;        /* bytes of row->type */
    bool faults;
} step;
#define STEP_NATIVE INSTRUCTION_COUNT /* op of a step that calls a compiled function */
typedef struct node_state {
    const image_node *row;
    const image_shape *shape;
    step *uniform, *tile; /* uniform_count, tile_count */
    step *fast;           /* fast_count: the tile program with native calls; NULL: none */
    u32 fast_count;
    u16 *spread; /* uniform slots to spread before tiles run */
    u32 spread_count, first_spread;
    bool coordinates; /* some step needs coordinates in packed tiles */
    bool iota;
    bool forced;      /* in LATER, not in EPOCH0: whole in epoch 1 */
    u64 leaves_pass;  /* REDUCE: the pass in which its leaves were made as its elements were stored
                       */
    u64 outer, inner; /* REDUCE */
    u64 leaves;       /* per outer lane; WHOLE scans: blocks */
    u64 tree;         /* partials per outer lane */
    u32 place;        /* in LATER */
    u32 load_bytes;   /* of pages, for a lane of its program */
    u32 first_assert, assert_count;
    u8 *partials;
    i64 *partial_index;
    kernel_leaves_fn leaves_of;
    kernel_join_fn join;
    u32 *order, *slot_of, *start, *count, *leaf_group; /* KEYED; see layout.h */
    u8 *packed;                                        /* NULL: elements are gathered by order */
    u64 keys, rest, groups, slots;
    bool keys_anew; /* KEYED: order and slots are built from the group page in this run */
    /* KEYED: built whole in this epoch without undo; a rejection builds it again. */
    bool remade;
    struct node_state *remade_next;
    struct ring_state *ring; /* it keeps a history that is turned, or NULL */
} node_state;
typedef struct {
    const image_page *row;
    u8 *value;
    u64 lanes;
    u32 width;
    lane_set dirty;
    u32 *head, *next, *start, *order; /* inverse of an OFFSETS page; NULL: none */
    u64 moved, moved_before; /* lanes that moved since the order was built; by the last epoch */
    bool inverse_stale;
    u64 target_lanes;
    bool touched; /* stands in touched[] */
    bool stale;   /* its digest */
    u64 key, digest;
    struct ring_state *ring; /* PREV: its page is turned, nothing is copied here */
} page_state;
/* A history of `rows` rows: see history.c. */
typedef struct ring_state {
    u32 node, page, of, past, prev; /* as in image_ring */
    u64 rows, slots, lanes, row_bytes;
    u8 *at;      /* slots, then their twins */
    u64 head;    /* slot of row 0 */
    u32 *counts; /* of each slot: lanes listed */
    u32 *lists;  /* of each slot `most` lanes */
    u32 most;
    u64 live, live_before; /* lanes that will be dirty in the next epoch, whatever changes */
    bool on;
    bool replaced; /* deltas may replace what the last epoch held */
    bool turned;   /* in this epoch */
    bool anew;     /* the next slot holds what a rejected epoch wrote */
} ring_state;
/* An AFFINE row ready to walk. */
typedef struct {
    const image_page *page;
    u64 dims[AXES_MAX], strides[AXES_MAX];
    i64 coefficient[AXES_MAX][AXES_MAX]; /* [page axis][domain axis] */
    i64 constant[AXES_MAX];
    u32 axes;
    bool checked;
    bool shift;     /* each axis: its own domain axis plus a constant, same dims */
    i64 flat_shift; /* of a shift: the page's lane minus the domain's, inside */
} affine_state;

/* What one thread needs to run tiles: scratch, and the tile that it is at. Uniform cells and spread
 * slots are the engine's: made once a node, only read by tiles. */
typedef struct worker {
    struct engine *e;
    void **slots;
    u8 *slot_memory;
    u64 *lane_list; /* 512 */
    u64 *buffer[4]; /* a tile each */
    i64 *coordinates[AXES_MAX];
    u32 packed_count; /* lanes being collected */
    u32 count;
    u64 base;            /* dense: first lane */
    const u64 *lanes_at; /* packed: the lanes; NULL: dense */
    const step *feed;
    const void *feed_at, *present_at;
    u32 fault;
    bool shared;         /* others run tiles of the same node */
    u64 *changed;        /* shared: lanes newly changed, by the node's stores */
    u64 sum;             /* of a digest's share */
    engine_stats *stats; /* the engine's for the first worker */
    engine_stats own;
} worker;

/* The first fault of a node, in order of page, lane, instruction. */
typedef struct {
    bool found;
    u32 page_order;
    u64 lane;
    u32 instruction; /* row of the image */
    u64 values[2];
    struct node_state *node;
} fault_record;

/* NEW → epoch 0 or recovery → READY → apply*, run → RAN → accept → READY; a fault: FAULT → reject →
 * READY. */
typedef enum { PHASE_NEW, PHASE_READY, PHASE_RAN, PHASE_FAULT } engine_phase;
/* A row of the undo journal: 8 bytes at offset `at` of the mutable part, or, with UNDO_LINE, a line
 * that the shadow holds. */
typedef struct {
    u64 at, old;
} undo_row;
#define UNDO_LINE 1u
static_assert(sizeof(undo_row) == LAYOUT_UNDO_ROW_BYTES, "the plan counts rows");

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
    lane_set work, pending;
    lane_set undo_lines;
    undo_row *journal;
    u64 journal_count, journal_most;
    bool journal_closed; /* threads have saved lines since: order is known of lines only */
    bool undo_on;        /* writes save their lines */
    node_state *remade;  /* what undo does not cover (groups_reject); NULL: none */
    bool streams;        /* the node that runs stores around the caches (store_streams) */
    u64 pass;            /* over the commands: epoch 0, an epoch, a check; from 1 on */
    bool first_run;      /* epoch 0: nothing is compared for inverses, they are built after */
    bool has_prev, recovered;
    u64 old_count;
    engine_phase phase;
    u32 *touched;
    u32 touched_count;
    u64 epoch;
    u32 epoch_page;
    worker *workers; /* worker_count; the first is the caller's thread */
    u32 worker_count;
    u32 store_most;  /* stores of any node */
    crew *crew;      /* NULL: one thread */
    u8 *more_memory; /* scratch of the other workers */
    u64 more_bytes;
    u8 *native_memory; /* tile slots of native schedules, where they need more than programs do */
    u64 native_bytes;
    u32 native_calls; /* in use */
    u32 spread_lanes; /* how far vm_uniform spreads values that every lane shares */
    u8 *spread_types; /* of the nodes' spread slots, one after the other */
    u16 *spread_slots;
    u32 fault;
    fault_record *probe; /* looking for the fault: stores do nothing */
    bool verify;         /* engine_check: a change is a bug */
    bool verify_failed;
    u32 verify_page;
    u64 verify_lane;
    u32 *inverses; /* pages that have one */
    u32 inverse_count;
    u32 *fired;
    u32 fired_count;
    u8 *event_before;
    ring_state *rings; /* histories that are turned */
    u32 ring_count;
    user_kernel *kernels; /* by row of KERNELS */
    i32 kernel_fault;     /* number that a kernel gave */
    u32 *sorted;          /* rooted pages by name */
    u32 sorted_count;
    bool *saved;
    struct cuda *cuda;   /* a GPU that takes nodes; NULL: none (cuda/cuda.h) */
    shared_region share; /* over the pages' values; bytes 0: none */
    void (*watch)(void *context, const engine *e);
    void *watch_context;
    engine_stats stats;
};

static inline void *cell_at(const engine *e, u16 slot) {
    return e->memory + e->layout.cells_at + (u64)(slot & ~SLOT_UNIFORM) * LAYOUT_CELL_BYTES;
}
static inline void *spread_at(const engine *e, u16 slot) {
    return e->memory + e->layout.spread_at + (u64)(slot & ~SLOT_UNIFORM) * LAYOUT_SLOT_BYTES;
}
static inline void *slot_at(const worker *w, u16 slot) {
    return w->slot_memory + (u64)slot * LAYOUT_SLOT_BYTES;
}

/* One lane's bits, zero-extended; its width is 1, 2, 4 or 8. */
static inline u64 lane_bits(const void *at, u32 width) {
    u64 bits = 0;
    switch (width) {
    case 1: memcpy(&bits, at, 1); break;
    case 2: memcpy(&bits, at, 2); break;
    case 4: memcpy(&bits, at, 4); break;
    default: memcpy(&bits, at, 8);
    }
    return bits;
}
static inline void lane_put(void *at, u64 bits, u32 width) {
    switch (width) {
    case 1: memcpy(at, &bits, 1); break;
    case 2: memcpy(at, &bits, 2); break;
    case 4: memcpy(at, &bits, 4); break;
    default: memcpy(at, &bits, 8);
    }
}

static inline void number_cell(void *cell, u64 bits) { memcpy(cell, &bits, 8); }
static inline u64 number_word(u8 type, const void *at) {
    u64 bits = 0;
    if (at != NULL) memcpy(&bits, at, type_bytes(type));
    return bits;
}

/* share.c: page values in memory that other processes can map */
mmsb_status share_open(engine *e, message *m);
void share_close(engine *e);
/* resolve.c: tables at open */
mmsb_status resolve_all(engine *e, message *m);
void step_resolve(engine *e, node_state *n, step *s, const image_instruction *r, bool uniform);
/* undo.c: before `bytes` at `at` (inside the mutable part) are written in an epoch */
void undo_save_lines(engine *e, const void *at, u64 bytes);
static inline void undo_save(engine *e, const void *at, u64 bytes) {
    if (e->undo_on) undo_save_lines(e, at, bytes);
}
/* The same for one value of 1, 2, 4 or 8 bytes, aligned to its size. */
static inline void undo_save_value(engine *e, const void *at) {
    if (!e->undo_on) return;
    u64 from = ((u64)((const u8 *)at - e->memory) - e->layout.mutable_at) & ~(u64)7;
    if (e->journal_closed || e->journal_count == e->journal_most) {
        undo_save_lines(e, at, 1);
        return;
    }
    undo_row *r = &e->journal[e->journal_count++];
    r->at = from;
    memcpy(&r->old, e->memory + e->layout.mutable_at + from, 8);
}
/* One of several workers saves lines of its own tiles; then, once all are done, undo_join over what
 * they may have saved. */
void undo_save_shared(engine *e, const void *at, u64 bytes);
void undo_join(engine *e, const void *at, u64 bytes);
void undo_restore(engine *e);
void undo_forget(engine *e);
/* vm.c */
void vm_uniform(worker *w, node_state *n);
void vm_dense(worker *w, node_state *n, u64 base, u32 count);
void vm_packed(worker *w, node_state *n, const u64 *lanes, u32 count);
/* vm_load.c */
void load_affine(worker *w, node_state *n, const step *s, void *to, const u8 *guard);
void load_coordinates(worker *w, const node_state *n);
void load_axis(worker *w, const step *s, i64 *to, const i64 *sofar, const void *index,
               const u8 *guard);
void load_group(worker *w, const step *s, i32 *to, const void *key, const u8 *guard);
i64 edge_index(u8 edge, i64 index, u64 dim,
               u32 axis); /* inside, or -1 - axis (fill), or INT64_MIN (outside) */
/* store.c */
void store_lanes(worker *w, const step *s, const void *from);
/* Whether a node stores around the caches: nobody asks which lanes changed, in epoch 0 and where
 * every node runs whole anyway, and its pages are larger than the caches. */
bool store_streams(const engine *e, const node_state *n);
void store_streams_begin(engine *e, const node_state *n);
void store_streams_end(engine *e, const node_state *n); /* all lanes changed */
/* After workers ran a node's tiles: what only one may write. */
void store_join(engine *e, const node_state *n);
void page_changed_lane(engine *e, u32 page, u64 lane);
void page_touch(engine *e, u32 page);
void page_set_lane(engine *e, u32 page, u64 lane,
                   const void *bits); /* canonical, compared, with undo */
/* reduce.c: the reduction of all lanes of a page that keeps its partials, or NULL; its leaves from
 * position `first` on, a multiple of 64, of elements that are being stored. */
node_state *reduce_of(engine *e, u32 page);
void reduce_leaves(worker *w, node_state *n, u64 first, const void *from, u32 count);
/* footprint.c: adds to e->work what a node must redo for one dirty read; may make it whole */
void footprint_add(engine *e, node_state *n, const image_read *r);
u64 work_unit(const node_state *n, u64 lane);
/* inverse.c */
void inverse_build(engine *e, u32 page);
void inverse_move(engine *e, page_state *p, u64 lane, i64 from, i64 to);
void inverses_accept(engine *e); /* builds stale ones anew */
void inverses_reject(engine *e); /* after undo_restore */
static inline i64 offset_at(const page_state *p, u64 lane) {
    return p->width == 4 ? ((const i32 *)p->value)[lane] : ((const i64 *)p->value)[lane];
}
/* split.c: work of one node shared out among the workers, where it is worth it */
bool split_is_worth(const engine *e, u64 lanes, u32 steps);
/* Runs share for every worker with its part [from, to) of `units`. */
typedef struct {
    engine *e;
    u64 units;
    void (*share)(worker *w, void *context, u64 from, u64 to);
    void *context;
} split;
void split_run(split *s);
mmsb_status split_open(engine *e, message *m);
void split_close(engine *e);
/* reduce.c, group.c: run on e->work */
void reduce_run(engine *e, node_state *n);
/* Leaves that were made elsewhere, one after the other: a value, or, of ARG, 8 bytes for it and an
 * index. */
typedef struct {
    const u8 *at;
    u32 bytes;
} leaf_cells;
static inline void cell_take(const node_state *n, leaf_cells *c, void *value, i64 *index) {
    ASSERT(c->at != NULL && (c->bytes == 2 * sizeof(u64)) == (index != NULL));
    memcpy(value, c->at, type_bytes(n->row->type));
    if (index != NULL) memcpy(index, c->at + sizeof(u64), sizeof *index);
    c->at += c->bytes;
}
/* `count` leaves, of the units in `unit` (used up; they are e->work's, ascending) or, where it is
 * NULL, of every leaf of every row. */
void reduce_given(engine *e, node_state *n, u64 *unit, u64 count, leaf_cells *made);
void dot_given(engine *e, node_state *n, leaf_cells *made);
/* The same for totals of a scan's blocks: what stands before the blocks behind them. */
void scan_given(engine *e, node_state *n, const u64 *unit, u64 count, leaf_cells *made);
/* Leaves of e->work that have members, ascending; above the unit how many. Builds what keys_anew
 * asks for. Then the same with leaves for these. */
#define GROUP_MEMBERS_SHIFT 56u
u64 group_leaves(engine *e, node_state *n, u64 *list);
void group_given(engine *e, node_state *n, leaf_cells *made);
/* history.c: one epoch of a history; what follows its end; what the next one must look at */
mmsb_status rings_resolve(engine *e, message *m);
void rings_start(engine *e); /* pages hold their rows, row-major: from now on they are turned */
void ring_run(engine *e, ring_state *r);
void rings_accept(engine *e);
void rings_reject(engine *e); /* after undo_restore */
void rings_mark(engine *e);
void rings_point(engine *e); /* before their programs are run, for a check */
/* user_kernel.c: KERNEL nodes */
void kernel_run(engine *e, node_state *n);
mmsb_status kernel_word(engine *e, const node_state *n, message *m);
void group_run(engine *e, node_state *n);
/* After undo was forgotten or restored: what was built whole without it is kept, or built again. */
void groups_accept(engine *e);
void groups_reject(engine *e);
/* Before the footprints of a KEYED node: brings order and packed elements up to the changed keys,
 * and notes the leaves that must be redone. Makes the work whole where all of it is built anew. */
void group_rekey(engine *e, node_state *n);
#define SLOT_OF_NONE UINT32_MAX
static inline u64 leaf_unit_of(const node_state *n, u64 slot, u64 r) {
    return r * (n->slots / LEAF_LANES) + slot / LEAF_LANES;
}
/* rows.c: WHOLE nodes */
void rows_run(engine *e, node_state *n);
/* Puts made lanes into a page; only those with other bits change it. */
void result_put(engine *e, u32 page, u64 first, const u8 *from, u64 count);
void rows_mark(engine *e, const node_state *n, u32 page, u64 lane);
/* The tree over `count` leaves at partials (index for ARG): levels above the leaves, all of them or
 * above some. */
void tree_above_all(const node_state *n, u8 *partials, i64 *index, u64 leaves);
/* Redoes what stands above `count` leaves, ascending, each once; `list` is used up. */
void tree_above(engine *e, const node_state *n, u8 *partials, i64 *index, u64 leaves, u64 *list,
                u32 count);
u64 tree_root(u64 leaves);
void result_store(engine *e, node_state *n, u64 lane, const void *value, const i64 *index);
/* wave.c */
mmsb_status node_run(engine *e, u32 node, bool whole, message *m);
mmsb_status waves_run(engine *e, const u32 *list, u32 count, message *m);
void readers_mark(engine *e, u32 page);
/* fault.c */
mmsb_status fault_word(engine *e, node_state *n, bool whole, message *m);
mmsb_status assert_word(engine *e, const image_assert *a, message *m);
void fault_note(worker *w, const step *s, u32 lane, u64 value0, u64 value1);
#endif
