/* SPDX-License-Identifier: Apache-2.0
 * set: a hierarchical set of lanes over memory that layout.h planned: a bit a lane, a bit a tile of
 * 512, then a bit for each word below. Adding and finding cost what is touched; nothing scans what
 * is clean. One thread at a time. */
#ifndef MMSB_SET_H
#define MMSB_SET_H
#include "core/image.h"

#define SET_LEVELS_MAX 6u
#define SET_NONE UINT64_MAX
typedef struct {
    u64 *leaf;                  /* 8 words a tile */
    u64 *level[SET_LEVELS_MAX]; /* level[0]: a bit a tile */
    u32 level_count;
    bool whole; /* every lane is in it, whatever the bits say */
    u64 lanes, tiles;
    u64 count; /* lanes added since it was cleared, counting repeats of set_add_words once a bit */
} lane_set;

void set_open(lane_set *s, void *memory, u64 lanes);
static inline bool set_is_empty(const lane_set *s) {
    return !s->whole && s->level[s->level_count - 1][0] == 0;
}
static inline bool set_has(const lane_set *s, u64 lane) {
    return s->whole || (s->leaf[lane / 64] >> (lane & 63) & 1) != 0;
}
void set_mark_tile(lane_set *s, u64 tile);
static inline void set_add(lane_set *s, u64 lane) {
    u64 bit = (u64)1 << (lane & 63), *word = &s->leaf[lane / 64];
    s->count += (*word & bit) == 0;
    *word |= bit;
    set_mark_tile(s, lane / TILE_LANES);
}
/* Adds up to 8 words of lanes of one tile. */
void set_add_words(lane_set *s, u64 tile, const u64 *words, u32 count);
/* The first tile at or after `from` that holds a lane, or SET_NONE. Not for whole sets. */
u64 set_next_tile(const lane_set *s, u64 from);
/* Empties it at the cost of what it holds. */
void set_clear(lane_set *s);
#endif
