/* SPDX-License-Identifier: Apache-2.0
 * layout: where everything of a run lies in the one arena, computed from the image's tables alone. The compiler calls
 * it for the plan, the loader to verify the plan, the engine to find its memory: one function, one truth. */
#ifndef MMSB_LAYOUT_H
#define MMSB_LAYOUT_H
#include "arena.h"
#include "image.h"

/* Byte offsets in the arena; 0 means "has none" (offset 0 is the control block). */
typedef struct {
    u64 value_at;   /* 4096-aligned, ALIGN_UP(lanes, 64) * type bytes, readable one tile past the end */
    u64 dirty_at;   /* bitmap: leaf words (a bit a lane, 8 words a tile), then summaries (a bit a tile, then 64 to 1) */
    u64 inverse_at; /* OFFSETS pages: u32 head[target lanes], next[lanes], prev[lanes]; 0 for ≤ 64 lanes or ≥ 2^32 - 1 */
} layout_page;
typedef struct {
    u64 partials_at; /* REDUCE with NODE_PARTIALS, KEYED: tree levels; ARG also an i64 index per partial, after the values */
    u64 group_at;    /* KEYED: member order, ranks, starts (see group.h) */
} layout_node;
typedef struct {
    layout_page *pages; /* image.page_count rows */
    layout_node *nodes;
    u64 undo_at;        /* shadow of the mutable part of the arena, and a bit per 64-byte line; 0: none */
    u64 mutable_at, mutable_bytes;
    u64 scratch_at;
    image_plan plan;
} layout;

/* Needs: row references in range (image_verify checks them first). Takes its tables from `a`. MMSB_OUT_OF_SPACE where
 * sizes pass 2^46 bytes or `a` is full. */
mmsb_status layout_compute(const image *i, arena *a, layout *out, message *m);
/* Partials of a tree over n elements: ceil(n/64) leaves, then levels of ceil(/8) down to 1. */
u64 layout_tree_partials(u64 n);
#endif
