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
}

void set_add_words(lane_set *s, u64 tile, const u64 words[SET_TILE_WORDS]) {
    u64 any = 0, *to = s->leaf + tile * SET_TILE_WORDS;
    for (u32 k = 0; k < SET_TILE_WORDS; k++) {
        to[k] |= words[k];
        any |= words[k];
    }
    if (any != 0) set_mark_tile(s, tile);
}

/* Bits [low, high) of a word, 0 ≤ low < high ≤ 64. */
static u64 bits_between(u64 low, u64 high) {
    u64 below_high = high == 64 ? UINT64_MAX : ((u64)1 << high) - 1;
    return below_high & ~(((u64)1 << low) - 1);
}

void set_add_range(lane_set *s, u64 first, u64 count) {
    ASSERT(first <= s->lanes && count <= s->lanes - first);
    u64 end = first + count;
    while (first < end) {
        u64 tile = first / TILE_LANES, stop = u64_min(end, (tile + 1) * TILE_LANES);
        while (first < stop) {
            u64 next = u64_min(stop, (first / 64 + 1) * 64);
            s->leaf[first / 64] |= bits_between(first & 63, next - (first & ~(u64)63));
            first = next;
        }
        set_mark_tile(s, tile);
    }
}

void set_add_set(lane_set *s, const lane_set *from) {
    ASSERT(s->tiles >= from->tiles);
    for (u64 t = set_next_tile(from, 0); t != SET_NONE; t = set_next_tile(from, t + 1)) {
        set_add_words(s, t, from->leaf + t * SET_TILE_WORDS);
    }
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
    if (from >= s->lanes) return SET_NONE;
    u64 tile = from / TILE_LANES, word = from / 64;
    u64 bits = s->leaf[word] >> (from & 63) << (from & 63);
    for (u64 end = (tile + 1) * SET_TILE_WORDS; bits == 0 && ++word < end;) bits = s->leaf[word];
    if (bits == 0) {
        tile = set_next_tile(s, tile + 1);
        if (tile == SET_NONE) return SET_NONE;
        word = tile * SET_TILE_WORDS;
        while ((bits = s->leaf[word]) == 0) word++;
    }
    return word * 64 + (u64)__builtin_ctzll(bits);
}

u64 set_run_end(const lane_set *s, u64 from) {
    ASSERT(from < s->lanes && set_has(s, from));
    u64 word = from / 64, words = s->tiles * SET_TILE_WORDS;
    u64 clear = ~s->leaf[word] >> (from & 63) << (from & 63);
    while (clear == 0) {
        if (++word == words) return s->lanes;
        clear = ~s->leaf[word];
    }
    return u64_min(s->lanes, word * 64 + (u64)__builtin_ctzll(clear));
}

u32 set_tile_count(const lane_set *s, u64 tile) {
    const u64 *words = s->leaf + tile * SET_TILE_WORDS;
    u32 count = 0;
    for (u32 k = 0; k < SET_TILE_WORDS; k++) count += (u32)__builtin_popcountll(words[k]);
    return count;
}

u64 set_count(const lane_set *s, u64 most) {
    u64 count = 0;
    for (u64 t = set_next_tile(s, 0); t != SET_NONE && count <= most; t = set_next_tile(s, t + 1)) {
        count += set_tile_count(s, t);
    }
    return count;
}

/* Takes a tile's bit out, and the bits above that then stand for nothing. */
static void set_unmark_tile(lane_set *s, u64 tile) {
    for (u32 k = 0; k < s->level_count; k++) {
        u64 *word = &s->level[k][tile / 64];
        *word &= ~((u64)1 << (tile & 63));
        if (*word != 0) return;
        tile /= 64;
    }
}

void set_settle_tile(lane_set *s, u64 tile) {
    ASSERT(tile < s->tiles);
    if (set_tile_count(s, tile) > 0) {
        set_mark_tile(s, tile);
    } else {
        set_unmark_tile(s, tile);
    }
}

void set_remove(lane_set *s, u64 lane) {
    ASSERT(lane < s->lanes);
    s->leaf[lane / 64] &= ~((u64)1 << (lane & 63));
    set_settle_tile(s, lane / TILE_LANES);
}

void set_clear(lane_set *s) {
    for (u64 t = set_next_tile(s, 0); t != SET_NONE; t = set_next_tile(s, t)) {
        memset(s->leaf + t * SET_TILE_WORDS, 0, SET_TILE_WORDS * sizeof(u64));
        set_unmark_tile(s, t);
    }
    ASSERT(set_is_empty(s));
}
