/* SPDX-License-Identifier: Apache-2.0
 * set: a hierarchical set of lanes over memory that layout.h planned: a bit a lane, a bit a tile of
 * 512, then a bit for each word below. Adding and finding cost what is touched; nothing scans what
 * is clean. One thread at a time.
 *
 * Invariant: the bit above a word that is not zero is set. (It may stand above a zero word: lanes
 * may be taken out of leaf words by hand.) */
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
    bool whole; /* every lane is in it, whatever the bits say */
    u64 lanes, tiles;
    u64 count;     /* lanes added since it was cleared */
    u64 low, high; /* every marked tile is in [low, high]; low > high: none since it was cleared */
} lane_set;

/* How many bits are set; most words hold none or one. */
static inline u32 set_bits(u64 x) {
    if ((x & (x - 1)) == 0) return x != 0;
    x -= x >> 1 & 0x5555555555555555u;
    x = (x & 0x3333333333333333u) + (x >> 2 & 0x3333333333333333u);
    x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fu;
    return (u32)(x * 0x0101010101010101u >> 56);
}

/* Over layout_set_bytes(lanes) zeroed bytes. */
void set_open(lane_set *s, void *memory, u64 lanes);
static inline bool set_is_empty(const lane_set *s) {
    return !s->whole && s->level[s->level_count - 1][0] == 0;
}
static inline bool set_has(const lane_set *s, u64 lane) {
    return s->whole || (s->leaf[lane / 64] >> (lane & 63) & 1) != 0;
}
/* Says that a tile's leaf words may be other than zero. */
static inline void set_mark_tile(lane_set *s, u64 tile) {
    s->low = u64_min(s->low, tile);
    s->high = u64_max(s->high, tile);
    for (u32 k = 0; k < s->level_count; k++) {
        u64 *word = &s->level[k][tile / 64], before = *word;
        *word = before | (u64)1 << (tile & 63);
        if (before != 0) return;
        tile /= 64;
    }
}
static inline void set_add(lane_set *s, u64 lane) {
    u64 bit = (u64)1 << (lane & 63), *word = &s->leaf[lane / 64], before = *word;
    *word = before | bit;
    s->count += (before & bit) == 0;
    if (before == 0) set_mark_tile(s, lane / TILE_LANES);
}
/* Adds the lanes of leaf word `word` whose bits are set in `mask`, which is not 0. */
static inline void set_add_mask(lane_set *s, u64 word, u64 mask) {
    u64 before = s->leaf[word];
    s->leaf[word] = before | mask;
    s->count += set_bits(mask & ~before);
    if (before == 0) set_mark_tile(s, word / SET_TILE_WORDS);
}
/* Adds the lanes of a tile whose bits are set in `count` ≤ 8 words. */
void set_add_words(lane_set *s, u64 tile, const u64 *words, u32 count);
/* Adds lanes [first, first + count). */
void set_add_range(lane_set *s, u64 first, u64 count);
/* Adds every lane, by its bit. */
void set_add_all(lane_set *s);
/* After several workers have filled leaf words and level[0] by themselves: the levels above, and
 * the count. */
void set_join(lane_set *s, u64 added);
/* The first marked tile at or after `from`, or SET_NONE. Not for whole sets. */
u64 set_next_tile_far(const lane_set *s, u64 from);
static inline u64 set_next_tile(const lane_set *s, u64 from) {
    if (from > s->high) return SET_NONE;
    if (from < s->tiles) {
        u64 bits = s->level[0][from / 64] >> (from & 63);
        if (bits != 0) return from + (u64)__builtin_ctzll(bits);
    }
    return set_next_tile_far(s, from);
}
/* The first lane at or after `from`, or SET_NONE. Not for whole sets. */
u64 set_next(const lane_set *s, u64 from);
/* Lanes of a tile that are in it, by its bits. */
u32 set_tile_count(const lane_set *s, u64 tile);
/* Empties it at the cost of what it holds. */
void set_clear(lane_set *s);
#endif
