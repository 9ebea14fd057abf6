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
