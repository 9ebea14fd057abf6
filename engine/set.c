/* SPDX-License-Identifier: Apache-2.0
 * set: see set.h. */
#include "set.h"

#define TILE_WORDS (TILE_LANES / 64)

void set_open(lane_set *s, void *memory, u64 lanes) {
    *s = (lane_set){.leaf = memory, .lanes = lanes, .tiles = (lanes + TILE_LANES - 1) / TILE_LANES};
    u64 *at = s->leaf + s->tiles * TILE_WORDS, words = s->tiles;
    do {
        words = (words + 63) / 64;
        ASSERT(s->level_count < SET_LEVELS_MAX);
        s->level[s->level_count++] = at;
        at += words;
    } while (words > 1);
}

void set_mark_tile(lane_set *s, u64 tile) {
    for (u32 k = 0; k < s->level_count; k++) {
        u64 *word = &s->level[k][tile / 64], before = *word;
        *word = before | (u64)1 << (tile & 63);
        if (before != 0) return;
        tile /= 64;
    }
}

void set_add_words(lane_set *s, u64 tile, const u64 *words, u32 count) {
    u64 any = 0, *to = s->leaf + tile * TILE_WORDS;
    ASSERT(tile < s->tiles && count <= TILE_WORDS);
    for (u32 k = 0; k < count; k++) {
        s->count += (u64)__builtin_popcountll(words[k] & ~to[k]);
        to[k] |= words[k];
        any |= words[k];
    }
    if (any != 0) set_mark_tile(s, tile);
}

u64 set_next_tile(const lane_set *s, u64 from) {
    u64 at = from;
    u32 k = 0;
    for (;;) {
        u64 word = at / 64,
            limit = k == 0 ? s->tiles : (s->tiles + ((u64)1 << (6 * k)) - 1) >> (6 * k);
        if (at >= limit) return SET_NONE;
        u64 bits = s->level[k][word] >> (at & 63);
        if (bits != 0) {
            at += (u64)__builtin_ctzll(bits);
            break;
        }
        if (k + 1 == s->level_count) return SET_NONE;
        at = word + 1;
        k++;
    }
    while (k > 0) {
        k--;
        at = at * 64 + (u64)__builtin_ctzll(s->level[k][at]);
    }
    return at;
}

void set_clear(lane_set *s) {
    for (u64 tile = set_next_tile(s, 0); tile != SET_NONE; tile = set_next_tile(s, tile + 1))
        memset(s->leaf + tile * TILE_WORDS, 0, TILE_WORDS * sizeof(u64));
    for (u32 k = s->level_count; k > 1; k--) {
        /* A word of a level is nonzero only where its bit above is set. */
        u64 words = k == s->level_count ? 1 : (s->tiles + ((u64)1 << (6 * k)) - 1) >> (6 * k);
        for (u64 w = 0; w < words; w++) {
            for (u64 bits = s->level[k - 1][w]; bits != 0; bits &= bits - 1)
                s->level[k - 2][w * 64 + (u64)__builtin_ctzll(bits)] = 0;
        }
    }
    s->level[s->level_count - 1][0] = 0;
    s->whole = false;
    s->count = 0;
}
