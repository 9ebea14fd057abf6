/* SPDX-License-Identifier: Apache-2.0
 * undo: what an epoch overwrote in the mutable arena. A small write is a row of the journal: where,
 * and the 8 bytes that stood there; it lies beside the row before, so saving it misses no cache. A
 * large write, and everything once the journal is full, copies 64-byte lines to the shadow, each
 * once.
 *
 * Threads do not share the journal: it is closed for the epoch before they run.
 *
 * Rejecting restores, newest first: lines saved after the journal was full, then the journal's rows
 * from the last to the first. A line saved before that has a row of its own, so the order of all
 * writes is kept. */
#include "state.h"

static void line_copy(u8 *to, const u8 *from, u64 line) {
    memcpy(to + line * LAYOUT_LINE_BYTES, from + line * LAYOUT_LINE_BYTES, LAYOUT_LINE_BYTES);
}

/* Saves the lines of one word of the set whose bits are in `mask`. */
static void lines_save(engine *e, u64 word, u64 mask) {
    const u8 *from = e->memory + e->layout.mutable_at;
    u8 *shadow = e->memory + e->layout.undo_at;
    ASSERT(mask != 0);
    u64 fresh = mask & ~e->undo_lines.leaf[word];
    if (fresh == 0) return;
    if (fresh == UINT64_MAX) {
        memcpy(shadow + word * 64 * LAYOUT_LINE_BYTES, from + word * 64 * LAYOUT_LINE_BYTES,
               64u * LAYOUT_LINE_BYTES);
    } else {
        for (u64 bits = fresh; bits != 0; bits &= bits - 1)
            line_copy(shadow, from, word * 64 + (u64)__builtin_ctzll(bits));
    }
    set_add_mask(&e->undo_lines, word, fresh);
    for (u64 bits = fresh; bits != 0 && !e->journal_closed && e->journal_count < e->journal_most;
         bits &= bits - 1) {
        u64 line = word * 64 + (u64)__builtin_ctzll(bits);
        e->journal[e->journal_count++] = (undo_row){line * LAYOUT_LINE_BYTES | UNDO_LINE, 0};
    }
}

void undo_save_lines(engine *e, const void *at, u64 bytes) {
    u64 from = (u64)((const u8 *)at - e->memory) - e->layout.mutable_at;
    ASSERT(e->layout.undo_at != 0);
    ASSERT(bytes > 0 && from + bytes <= e->layout.mutable_bytes);
    u64 line = from / LAYOUT_LINE_BYTES, end = (from + bytes - 1) / LAYOUT_LINE_BYTES + 1;
    while (line < end) {
        u64 stop = u64_min(end, (line | 63) + 1);
        lines_save(e, line / 64,
                   UINT64_MAX >> (63 - ((stop - 1) & 63)) >> (line & 63) << (line & 63));
        line = stop;
    }
}

/* Puts lines back that have no row. */
static void lines_restore(engine *e) {
    u8 *mutable_part = e->memory + e->layout.mutable_at, *shadow = e->memory + e->layout.undo_at;
    lane_set *s = &e->undo_lines;
    for (u64 tile = set_next_tile(s, 0); tile != SET_NONE; tile = set_next_tile(s, tile + 1))
        for (u64 w = tile * 8; w < tile * 8 + 8; w++)
            for (u64 bits = s->leaf[w]; bits != 0; bits &= bits - 1)
                line_copy(mutable_part, shadow, w * 64 + (u64)__builtin_ctzll(bits));
    set_clear(s);
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
    if (e->layout.undo_at == 0) return;
    for (u64 k = 0; k < e->journal_count; k++) {
        u64 at = e->journal[k].at, line = at / LAYOUT_LINE_BYTES;
        if ((at & UNDO_LINE) != 0) e->undo_lines.leaf[line / 64] &= ~((u64)1 << (line & 63));
    }
    lines_restore(e);
    for (u64 k = e->journal_count; k > 0; k--) {
        undo_row r = e->journal[k - 1];
        ASSERT(r.at < e->layout.mutable_bytes);
        if ((r.at & UNDO_LINE) != 0)
            line_copy(mutable_part, shadow, r.at / LAYOUT_LINE_BYTES);
        else
            memcpy(mutable_part + r.at, &r.old, 8);
    }
    e->journal_count = 0;
    e->journal_closed = false;
}

void undo_forget(engine *e) {
    ASSERT(!e->undo_on);
    if (e->layout.undo_at == 0) return;
    set_clear(&e->undo_lines);
    e->journal_count = 0;
    e->journal_closed = false;
}
