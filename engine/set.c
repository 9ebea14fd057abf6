/* SPDX-License-Identifier: Apache-2.0
 * set: hierarchical sets of lanes; see set.h. Needs memory that was zeroed once. */
#include "set.h"

void set_open(lane_set *s, void *memory, u64 lanes) {
    ASSERT(lanes > 0 && ((uintptr_t)memory & 7) == 0);
    *s = (lane_set){.leaf = memory, .lanes = lanes, .low = SET_NONE};
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
        if (words[k] == 0) continue;
        s->count += set_bits(words[k] & ~to[k]);
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
        s->count += set_bits(bits & ~s->leaf[word]);
        s->leaf[word] |= bits;
        set_mark_tile(s, first / TILE_LANES);
        first = stop;
    }
}

void set_add_all(lane_set *s) {
    u64 count = s->lanes;
    ASSERT(!s->whole);
    for (u64 *words = s->leaf, k = 0;; words = s->level[k++]) {
        memset(words, 0xff, count / 64 * sizeof(u64));
        if (count % 64 != 0) words[count / 64] = ((u64)1 << (count & 63)) - 1;
        if (k == s->level_count) break;
        count = k == 0 ? s->tiles : (count + 63) / 64;
    }
    s->count = s->lanes, s->low = 0, s->high = s->tiles - 1;
    ASSERT(!set_is_empty(s));
}

void set_join(lane_set *s, u64 added) {
    u64 words = (s->tiles + 63) / 64;
    for (u32 k = 1; k < s->level_count; k++, words = (words + 63) / 64)
        for (u64 w = 0; w < words; w++)
            if (s->level[k - 1][w] != 0) s->level[k][w / 64] |= (u64)1 << (w & 63);
    s->count += added;
    s->low = 0, s->high = s->tiles - 1;
    ASSERT(s->count <= s->tiles * TILE_LANES);
    ASSERT(!set_is_empty(s));
}

u64 set_next_tile_far(const lane_set *s, u64 from) {
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
    for (u32 k = 0; k < SET_TILE_WORDS; k++) count += set_bits(words[k]);
    return count;
}

/* Takes out the bits above word `at` of level 0, which is zero now, where they stand for nothing.
 */
static void set_unmark_above(lane_set *s, u64 at) {
    ASSERT(s->level[0][at] == 0);
    for (u32 k = 1; k < s->level_count; k++) {
        u64 *word = &s->level[k][at / 64];
        *word &= ~((u64)1 << (at & 63));
        if (*word != 0) return;
        at /= 64;
    }
}

static void leaf_clear(lane_set *s, u64 tile) {
    ASSERT(tile < s->tiles);
    memset(s->leaf + tile * SET_TILE_WORDS, 0, SET_TILE_WORDS * sizeof(u64));
}

static void set_clear_many(lane_set *s) {
    for (u64 tile = set_next_tile(s, 0); tile != SET_NONE;) {
        u64 word = tile / 64;
        for (u64 bits = s->level[0][word]; bits != 0; bits &= bits - 1)
            leaf_clear(s, word * 64 + (u64)__builtin_ctzll(bits));
        s->level[0][word] = 0;
        set_unmark_above(s, word);
        tile = set_next_tile(s, word * 64 + 64);
    }
}

void set_clear(lane_set *s) {
    if (s->low == s->high) { /* the most frequent: one tile, and nothing beside it on any level */
        leaf_clear(s, s->low);
        for (u64 k = 0, at = s->low / 64; k < s->level_count; k++, at /= 64) s->level[k][at] = 0;
    } else if (s->low < s->high) {
        set_clear_many(s);
    }
    s->whole = false;
    s->count = 0;
    s->low = SET_NONE, s->high = 0;
    ASSERT(set_is_empty(s));
}
