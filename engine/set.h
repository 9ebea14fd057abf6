/* SPDX-License-Identifier: Apache-2.0
 * set: a hierarchical set of lanes over memory that layout.h planned: a bit a lane, a bit a tile
 * of 512, then a bit for each word below. Adding and finding cost what is touched; nothing scans
 * what is clean. One thread at a time.
 *
 * Invariant: a bit above is set exactly where the word (or the 8 leaf words) below is not zero. */
#ifndef MMSB_SET_H
#define MMSB_SET_H
#include "core/image.h"

#define SET_LEVELS_MAX 6u
#define SET_NONE UINT64_MAX
#define SET_TILE_WORDS (TILE_LANES / 64)

typedef struct {
    u64 *leaf;                  /* 8 words a tile */
    u64 *level[SET_LEVELS_MAX]; /* level[0]: a bit a tile */
    u32 level_count;
    u64 lanes, tiles;
} lane_set;

/* Over layout_set_bytes(lanes) zeroed bytes. */
void set_open(lane_set *s, void *memory, u64 lanes);
static inline bool set_is_empty(const lane_set *s) {
    return s->level[s->level_count - 1][0] == 0;
}
static inline bool set_has(const lane_set *s, u64 lane) {
    return (s->leaf[lane / 64] >> (lane & 63) & 1) != 0;
}
/* Says that a tile's leaf words are not zero. */
static inline void set_mark_tile(lane_set *s, u64 tile) {
    for (u32 k = 0; k < s->level_count; k++) {
        u64 *word = &s->level[k][tile / 64], before = *word;
        *word = before | (u64)1 << (tile & 63);
        if (before != 0) return;
        tile /= 64;
    }
}
static inline void set_add(lane_set *s, u64 lane) {
    u64 *word = &s->leaf[lane / 64], before = *word;
    *word = before | (u64)1 << (lane & 63);
    if (before == 0) set_mark_tile(s, lane / TILE_LANES);
}
/* Adds lanes [first, first + count). */
void set_add_range(lane_set *s, u64 first, u64 count);
/* Adds the lanes of a tile whose bits are set in 8 words. */
void set_add_words(lane_set *s, u64 tile, const u64 words[SET_TILE_WORDS]);
/* Adds every lane of `from`, a set over as many lanes. */
void set_add_set(lane_set *s, const lane_set *from);
/* The first tile at or after `from` that holds a lane, or SET_NONE. */
u64 set_next_tile(const lane_set *s, u64 from);
/* The first lane at or after `from`, or SET_NONE. */
u64 set_next(const lane_set *s, u64 from);
/* The end of the run of lanes that starts at `from`, which is in the set. */
u64 set_run_end(const lane_set *s, u64 from);
/* How many lanes of a tile are in it. */
u32 set_tile_count(const lane_set *s, u64 tile);
/* How many lanes are in it; stops counting past `most`. Costs the tiles that hold lanes. */
u64 set_count(const lane_set *s, u64 most);
/* Takes the tile's 8 leaf words as they now are into the levels above. */
void set_settle_tile(lane_set *s, u64 tile);
/* Takes one lane out. */
void set_remove(lane_set *s, u64 lane);
/* Empties it at the cost of what it holds. */
void set_clear(lane_set *s);
#endif
