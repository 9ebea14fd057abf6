/* SPDX-License-Identifier: Apache-2.0
 * undo: the shadow of the mutable arena. The first write to a 64-byte line in an epoch copies it;
 * rejecting copies lines back. */
#include "state.h"

void undo_save_slow(engine *e, const void *at, u64 bytes) {
    ASSERT(bytes > 0);
    ASSERT(e->layout.undo_at != 0);
    u64 from = (u64)((const u8 *)at - e->memory) - e->layout.mutable_at;
    ASSERT(from + bytes <= e->layout.mutable_bytes);
    u8 *mutable_part = e->memory + e->layout.mutable_at, *shadow = e->memory + e->layout.undo_at;
    for (u64 line = from / LAYOUT_LINE_BYTES; line <= (from + bytes - 1) / LAYOUT_LINE_BYTES;
         line++) {
        if (set_has(&e->undo_lines, line)) continue;
        memcpy(shadow + line * LAYOUT_LINE_BYTES, mutable_part + line * LAYOUT_LINE_BYTES,
               LAYOUT_LINE_BYTES);
        set_add(&e->undo_lines, line);
    }
}

/* Workers save the lines of their own tiles; a word of the set may hold another's lines too. */
void undo_save_shared(engine *e, const void *at, u64 bytes) {
    u64 from = (u64)((const u8 *)at - e->memory) - e->layout.mutable_at;
    ASSERT(bytes > 0);
    ASSERT(from % LAYOUT_LINE_BYTES == 0);
    ASSERT(from + bytes <= e->layout.mutable_bytes);
    u8 *mutable_part = e->memory + e->layout.mutable_at, *shadow = e->memory + e->layout.undo_at;
    u64 end = (from + bytes - 1) / LAYOUT_LINE_BYTES + 1;
    for (u64 line = from / LAYOUT_LINE_BYTES, stop; line < end; line = stop) {
        stop = u64_min(end, (line | 63) + 1);
        u64 *word = &e->undo_lines.leaf[line / 64];
        u64 mask = (stop - line == 64 ? UINT64_MAX : ((u64)1 << (stop - line)) - 1) << (line & 63);
        u64 news = mask & ~__atomic_load_n(word, __ATOMIC_RELAXED);
        if (news == 0) continue;
        for (u64 bits = news; bits != 0; bits &= bits - 1) {
            u64 at_line = (line & ~(u64)63) + (u64)__builtin_ctzll(bits);
            memcpy(shadow + at_line * LAYOUT_LINE_BYTES, mutable_part + at_line * LAYOUT_LINE_BYTES,
                   LAYOUT_LINE_BYTES);
        }
        __atomic_fetch_or(word, news, __ATOMIC_RELAXED);
    }
}

void undo_join(engine *e, const void *at, u64 bytes) {
    u64 from = (u64)((const u8 *)at - e->memory) - e->layout.mutable_at;
    u64 first = from / LAYOUT_LINE_BYTES / TILE_LANES;
    ASSERT(from + bytes <= e->layout.mutable_bytes);
    for (u64 tile = first; tile <= (from + bytes - 1) / LAYOUT_LINE_BYTES / TILE_LANES; tile++)
        set_mark_tile(&e->undo_lines, tile);
}

void undo_restore(engine *e) {
    ASSERT(!e->undo_on);
    u8 *mutable_part = e->memory + e->layout.mutable_at, *shadow = e->memory + e->layout.undo_at;
    lane_set *s = &e->undo_lines;
    if (e->layout.undo_at == 0) return;
    for (u64 tile = set_next_tile(s, 0); tile != SET_NONE; tile = set_next_tile(s, tile + 1)) {
        for (u64 w = tile * 8; w < tile * 8 + 8; w++) {
            for (u64 bits = s->leaf[w]; bits != 0; bits &= bits - 1) {
                u64 line = w * 64 + (u64)__builtin_ctzll(bits);
                memcpy(mutable_part + line * LAYOUT_LINE_BYTES, shadow + line * LAYOUT_LINE_BYTES,
                       LAYOUT_LINE_BYTES);
            }
        }
    }
    set_clear(s);
}

void undo_forget(engine *e) {
    ASSERT(!e->undo_on);
    if (e->layout.undo_at != 0) set_clear(&e->undo_lines);
}
