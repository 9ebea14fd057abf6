/* SPDX-License-Identifier: Apache-2.0
 * layout: where everything of a run lies in the one arena, computed from the image's tables alone.
 * The compiler calls it for the plan, the loader to verify the plan, the engine to find its memory:
 * one function, one truth.
 *
 * Order in the arena: control block, then the mutable part (values, PREV values, partials,
 * indexes), dirty sets, undo, scratch. Each part starts at a multiple of 4096. */
#ifndef MMSB_LAYOUT_H
#define MMSB_LAYOUT_H
#include "arena.h"
#include "image.h"

#define LAYOUT_CONTROL_BYTES 4096u
#define LAYOUT_SLOT_BYTES 4096u /* of a tile slot: TILE_LANES values of 8 bytes */
#define LAYOUT_CELL_BYTES 64u   /* of a uniform slot */
#define LAYOUT_TILE_BUFFERS 8u  /* tile-sized buffers beside the slots (lane lists, leaves) */
#define LAYOUT_LINE_BYTES 64u   /* what undo saves at a time */
#define LAYOUT_UNDO_ROW_BYTES 16u
#define LAYOUT_UNDO_ROWS_MAX (1u << 16) /* of the undo journal; a row a line below that */

/* Byte offsets in the arena; 0 means "has none" (offset 0 is the control block). */
typedef struct {
    u64 value_at; /* 4096-aligned, ALIGN_UP(lanes, 64) * type bytes, readable one tile past the end;
                     of a RING page's PREV page: behind the page's, in the same memory */
    u64 dirty_at; /* set of lanes: layout_set_bytes(lanes) */
    u64 inverse_at; /* OFFSETS pages: u32 head[target lanes], next[lanes]; 0 for ≤ 64 lanes or ≥
                       2^32 - 1 */
    u64 order_at;   /* its lanes by target: u32 start[target lanes + 1], order[lanes]; written
                       between epochs only, so undo does not cover it */
    u64 ring_at;    /* RING pages: for each of layout_ring_slots rows u32 count, then for each
                       u32 lanes[layout_ring_lanes] */
} layout_page;

/* KEYED with K key lanes, G groups, R lanes per key lane. Members of a group stand in slots of its
 * own, in index order: S = layout_keyed_slots(K, G), whole leaves, at least one free slot a group.
 * The index holds u32 arrays order[S], slot_of[K], start[G+1], count[G], leaf_group[S/64], in this
 * order. Partials: R times two for each leaf (a group's tree begins at twice its first leaf). */
typedef struct {
    u64 partials_at; /* REDUCE with NODE_PARTIALS: for each outer lane layout_tree_partials(inner)
                        values; KEYED. For ARG an i64 index per partial, 64-aligned after all values
                      */
    u64 group_at;    /* KEYED */
    u64 packed_at;   /* KEYED with layout_keyed_packs: R times the elements of every slot, so that a
                        leaf lies together */
} layout_node;

typedef struct {
    layout_page *pages; /* image.page_count rows */
    layout_node *nodes;
    u64 mutable_at, mutable_bytes;
    u64 order_bytes; /* of the orders of gathers, behind the mutable part; counted as indexes */
    u64 undo_at;     /* shadow of the mutable part; 0: none */
    u64 journal_at;  /* undo rows */
    u64 journal_rows;
    u64 undo_lines_at;  /* set of its lines: layout_set_bytes(mutable_bytes / LAYOUT_LINE_BYTES) */
    u64 scratch_at;     /* = slots_at */
    u64 slots_at;       /* tile slots of the largest program */
    u64 coordinates_at; /* a tile of i64 per domain axis; behind the slots */
    u64 buffers_at;     /* LAYOUT_TILE_BUFFERS tiles; behind the coordinates */
    u64 spread_at;      /* uniform slots of the largest program, spread to tiles */
    u64 cells_at;       /* uniform slots, a cell each */
    u64 whole_at;       /* of the largest WHOLE node: its output, then what its kernel needs */
    u64 work_at;        /* set of work_lanes */
    u64 work_lanes;     /* of the largest domain, or count of its leaves */
    u64 pending_at;     /* set of places in LATER */
    u32 tile_slots, uniform_slots; /* the most of any node */
    image_plan plan;
} layout;

/* Needs: row references in range (image_verify checks them first) and i->can_reject set. Takes its
 * tables from `a`. MMSB_OUT_OF_SPACE where sizes pass 2^46 bytes or `a` is full. */
mmsb_status layout_compute(const image *i, arena *a, layout *out, message *m);
/* Whether a node of LATER can fault or there is an assert: what image.can_reject says. */
bool layout_can_reject(const image *i);
/* Partials of a tree over n elements: ceil(n/64) leaves, then levels of ceil(/8) down to 1. */
u64 layout_tree_partials(u64 n);
/* Slots of a KEYED node: room for every way to part `keys` into `groups` segments of whole leaves
 * with a free slot each. */
u64 layout_keyed_slots(u64 keys, u64 groups);
/* Whether elements are kept packed: groups of 64 and more on average, and no ARG. */
bool layout_keyed_packs(const image *i, u32 node);
/* A RING page has a row more than it shows, and each twice: those that it shows then always lie one
 * behind the other, wherever they begin. */
static inline u64 layout_ring_slots(u64 rows) { return rows + 1; }
/* Lanes that are listed for a row; of more, all count as changed. */
static inline u64 layout_ring_lanes(u64 lanes) { return lanes <= 64 ? lanes : lanes / 4; }
/* A hierarchical set of lanes: leaf words (a bit a lane, 8 words a tile), then a bit a tile, then a
 * bit for each word below, up to one word. */
u64 layout_set_bytes(u64 lanes);
/* Lanes per key lane, and groups, of a KEYED node. */
u64 layout_keyed_rest(const image *i, u32 node);
u64 layout_keyed_groups(const image *i, u32 node);
/* Blocks of a scan's row: carries that a WHOLE scan keeps. */
u64 layout_scan_blocks(u64 inner);
/* Bytes that a WHOLE node's output takes in scratch. */
u64 layout_whole_output(const image *i, u32 node);
/* Tile slots, coordinates and buffers: what each further thread has of its own, beside the plan. */
u64 layout_worker_bytes(const layout *l);
/* Lanes of a node's leading outer_axes. */
u64 layout_outer_lanes(const image *i, u32 node);
#endif
