/* SPDX-License-Identifier: Apache-2.0
 * store: results into pages, with comparison, undo, dirty lanes and the inverse lists of offsets.
 */
#include "state.h"

#define STREAM_FROM_BYTES ((u64)8 << 20)

void page_touch(engine *e, u32 page) {
    page_state *p = &e->pages[page];
    if (p->touched) return;
    ASSERT(page != 0);
    p->touched = true;
    p->stale = true;
    e->touched[e->touched_count++] = page;
    readers_mark(e, page);
}

void page_changed_lane(engine *e, u32 page, u64 lane) {
    ASSERT(lane < e->pages[page].lanes);
    set_add(&e->pages[page].dirty, lane);
    e->stats.lanes_changed++;
    if (e->verify && !e->verify_failed)
        e->verify_failed = true, e->verify_page = page, e->verify_lane = lane;
    page_touch(e, page);
}

void page_set_lane(engine *e, u32 page, u64 lane, const void *bits) {
    ASSERT(lane < e->pages[page].lanes);
    page_state *p = &e->pages[page];
    u64 now = 0, then = 0;
    memcpy(&now, bits, p->width);
    now = type_canonical(p->row->type, now);
    u8 *at = p->value + lane * p->width;
    memcpy(&then, at, p->width);
    if (now == then) return;
    undo_save(e, at, p->width);
    memcpy(at, &now, p->width);
    page_changed_lane(e, page, lane);
}

/* Offsets that change move in the inverse lists before they are stored. */
static void offsets_move(engine *e, page_state *p, const void *from) {
    ASSERT(p->width == 4 || p->width == 8);
    for (u32 k = 0; k < e->count; k++) {
        u64 lane = e->lanes_at != NULL ? e->lanes_at[k] : e->base + k;
        i64 old = p->width == 4 ? ((const i32 *)p->value)[lane] : ((const i64 *)p->value)[lane];
        i64 now = p->width == 4 ? ((const i32 *)from)[k] : ((const i64 *)from)[k];
        if (old != now) inverse_move(e, p, lane, old, now);
    }
}

static void changed_words(engine *e, u32 page, const u64 *changed, u32 count) {
    page_state *p = &e->pages[page];
    u64 before = p->dirty.count;
    if (e->lanes_at != NULL) {
        for (u32 w = 0; w * 64 < count; w++)
            for (u64 bits = changed[w]; bits != 0; bits &= bits - 1)
                set_add(&p->dirty, e->lanes_at[w * 64 + (u32)__builtin_ctzll(bits)]);
    } else {
        set_add_words(&p->dirty, e->base / TILE_LANES, changed, (count + 63) / 64);
    }
    e->stats.lanes_changed += p->dirty.count - before;
    if (e->verify && !e->verify_failed) {
        u32 w = 0;
        while (changed[w] == 0) w++;
        u32 k = w * 64 + (u32)__builtin_ctzll(changed[w]);
        e->verify_failed = true, e->verify_page = page;
        e->verify_lane = e->lanes_at != NULL ? e->lanes_at[k] : e->base + k;
    }
    page_touch(e, page);
}

static void lanes_cut(u64 changed[8], u32 count) {
    ASSERT(count <= TILE_LANES);
    for (u32 w = 0; w < 8; w++) {
        u32 left = count > w * 64 ? count - w * 64 : 0;
        changed[w] = left == 0 ? 0 : UINT64_MAX >> (left >= 64 ? 0 : 64 - left);
    }
}

/* Whether nobody asks which lanes of a dense tile changed, and the page is larger than the caches:
 * in epoch 0 and where every node runs whole anyway. */
static bool store_streams(const engine *e, const page_state *p) {
    ASSERT(p->lanes > 0);
    return (e->first_run || e->options.recompute_all) && e->work.whole && !e->verify &&
           p->lanes * p->width >= STREAM_FROM_BYTES;
}

void store_lanes(engine *e, const step *s, const void *from) {
    u32 page = s->row->imm;
    page_state *p = &e->pages[page];
    u64 changed[8];
    u32 any;
    if (p->head != NULL && !e->first_run) offsets_move(e, p, from);
    if (e->lanes_at != NULL) {
        for (u32 k = 0; k < e->count && e->undo_on; k++)
            undo_save(e, p->value + e->lanes_at[k] * p->width, p->width);
        any = kernel_scatter(p->row->type)(p->value, from, e->lanes_at, e->count, changed);
    } else {
        ASSERT(e->base % TILE_LANES == 0);
        u8 *at = p->value + e->base * p->width;
        undo_save(e, at, (u64)e->count * p->width);
        if (store_streams(e, p)) {
            kernel_stream(p->row->type)(at, from, e->count);
            memset(changed, 0xff, sizeof changed);
            if (e->count < TILE_LANES) lanes_cut(changed, e->count);
            any = 1;
        } else {
            any = kernel_store(p->row->type)(at, from, e->count, changed);
        }
    }
    e->stats.bytes_stored += (u64)e->count * p->width;
    if (any) changed_words(e, page, changed, e->count);
}
