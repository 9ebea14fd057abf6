/* SPDX-License-Identifier: Apache-2.0
 * set: hierarchical sets of lanes; see set.h. Needs memory that was zeroed once. */
#include "set.h"

void set_open(lane_set *s, void *memory, u64 lanes) {
    ASSERT(lanes > 0 && ((uintptr_t)memory & 7) == 0);
    *s = (lane_set){.leaf = memory, .lanes = lanes};
    s->tiles = (lanes + TILE_LANES - 1) / TILE_LANES;
    u64 *at = s->leaf + s->tiles * SET_TILE_WORDS, words = s->tiles;
    do {
        words = (words + 63) / 64;
        ASSERT(s->level_count < SET_LEVELS_MAX);
        s->level[s->level_count++] = at;
        at += words;
    } while (words > 1);
    ASSERT(words == 1);
    ASSERT(s->tiles * TILE_LANES >= lanes);
}

void set_add_words(lane_set *s, u64 tile, const u64 *words, u32 count) {
    u64 any = 0, *to = s->leaf + tile * SET_TILE_WORDS;
    ASSERT(tile < s->tiles && count <= SET_TILE_WORDS);
    for (u32 k = 0; k < count; k++) {
        s->count += (u64)__builtin_popcountll(words[k] & ~to[k]);
        to[k] |= words[k];
        any |= words[k];
    }
    if (any != 0) set_mark_tile(s, tile);
}

void set_add_range(lane_set *s, u64 first, u64 count) {
    ASSERT(first <= s->lanes && count <= s->lanes - first);
    u64 end = first + count;
    while (first < end) {
        u64 word = first / 64, stop = u64_min(end, word * 64 + 64);
        u64 bits = UINT64_MAX >> (63 - ((stop - 1) & 63)) >> (first & 63) << (first & 63);
        s->count += (u64)__builtin_popcountll(bits & ~s->leaf[word]);
        s->leaf[word] |= bits;
        set_mark_tile(s, first / TILE_LANES);
        first = stop;
    }
}

void set_join(lane_set *s, u64 added) {
    u64 words = (s->tiles + 63) / 64;
    for (u32 k = 1; k < s->level_count; k++, words = (words + 63) / 64)
        for (u64 w = 0; w < words; w++)
            if (s->level[k - 1][w] != 0) s->level[k][w / 64] |= (u64)1 << (w & 63);
    s->count += added;
    ASSERT(s->count <= s->tiles * TILE_LANES);
    ASSERT(!set_is_empty(s));
}

u64 set_next_tile(const lane_set *s, u64 from) {
    u64 at = from, limit = s->tiles;
    u32 k = 0;
    for (;;) {
        if (at >= limit) return SET_NONE;
        u64 bits = s->level[k][at / 64] >> (at & 63);
        if (bits != 0) {
            at += (u64)__builtin_ctzll(bits);
            break;
        }
        if (++k == s->level_count) return SET_NONE;
        at = at / 64 + 1;
        limit = (limit + 63) / 64;
    }
    while (k > 0) {
        k--;
        at = at * 64 + (u64)__builtin_ctzll(s->level[k][at]);
    }
    return at;
}

u64 set_next(const lane_set *s, u64 from) {
    ASSERT(!s->whole);
    if (from >= s->lanes) return SET_NONE;
    u64 word = from / 64, bits = s->leaf[word] >> (from & 63) << (from & 63);
    u64 tile = from / TILE_LANES;
    for (;;) {
        u64 end = (tile + 1) * SET_TILE_WORDS;
        while (bits == 0 && ++word < end) bits = s->leaf[word];
        if (bits != 0) return word * 64 + (u64)__builtin_ctzll(bits);
        tile = set_next_tile(s, tile + 1);
        if (tile == SET_NONE) return SET_NONE;
        word = tile * SET_TILE_WORDS;
        bits = s->leaf[word];
    }
}

u32 set_tile_count(const lane_set *s, u64 tile) {
    ASSERT(tile < s->tiles);
    const u64 *words = s->leaf + tile * SET_TILE_WORDS;
    u32 count = 0;
    for (u32 k = 0; k < SET_TILE_WORDS; k++) count += (u32)__builtin_popcountll(words[k]);
    return count;
}

/* Takes a tile's bit out, and the bits above that then stand for nothing. */
static void set_unmark_tile(lane_set *s, u64 tile) {
    ASSERT(tile < s->tiles);
    for (u32 k = 0; k < s->level_count; k++) {
        u64 *word = &s->level[k][tile / 64];
        *word &= ~((u64)1 << (tile & 63));
        if (*word != 0) return;
        tile /= 64;
    }
}

void set_clear(lane_set *s) {
    for (u64 tile = set_next_tile(s, 0); tile != SET_NONE; tile = set_next_tile(s, tile)) {
        memset(s->leaf + tile * SET_TILE_WORDS, 0, SET_TILE_WORDS * sizeof(u64));
        set_unmark_tile(s, tile);
    }
    s->whole = false;
    s->count = 0;
    ASSERT(set_is_empty(s));
}
