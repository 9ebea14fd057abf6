/* SPDX-License-Identifier: Apache-2.0
 * share: page values in memory that other processes can map, and what an accepted epoch changed.
 * Knows nothing of those processes. */
#include "state.h"

/* The values of all pages but PREV pages stand first in the mutable part: one file holds them. */
mmsb_status share_open(engine *e, message *m) {
    ASSERT(e->memory != NULL && e->share.bytes == 0);
    u64 bytes = e->layout.plan.pages_bytes;
    ASSERT(bytes != 0 && e->layout.mutable_at % 4096 == 0 && bytes % 4096 == 0);
    int failed = shared_take(&e->share, bytes, e->memory + e->layout.mutable_at, false);
    if (failed == 0) return MMSB_OK;
    return message_set(m, MMSB_OUT_OF_SPACE,
                       "no %llu bytes of shared memory for the pages: %s (memfd with "
                       "F_SEAL_FUTURE_WRITE needs Linux 5.1)",
                       (unsigned long long)bytes, strerror(-failed));
}

void share_close(engine *e) {
    ASSERT(e->share.bytes == 0 || e->memory != NULL);
    if (e->share.bytes != 0) shared_give_back(&e->share);
    ASSERT(e->share.bytes == 0);
}

const shared_region *engine_share(const engine *e) {
    ASSERT(e->options.shared);
    return &e->share;
}

void engine_watch(engine *e, void (*visit)(void *context, const engine *e), void *context) {
    ASSERT(visit == NULL || e->watch == NULL);
    e->watch = visit, e->watch_context = context;
}

u32 engine_touched(const engine *e, const u32 **pages) {
    ASSERT(e->touched_count < e->image->page_count);
    *pages = e->touched;
    return e->touched_count;
}

void engine_changed(const engine *e, u32 page, u64 gap,
                    void (*visit)(void *context, u64 first, u64 count), void *context) {
    ASSERT(page < e->image->page_count);
    ASSERT(visit != NULL);
    const lane_set *d = &e->pages[page].dirty;
    if (d->whole) {
        visit(context, 0, d->lanes);
        return;
    }
    u64 first = 0, end = 0; /* the run so far; empty: none */
    for (u64 tile = set_next_tile(d, 0); tile != SET_NONE; tile = set_next_tile(d, tile + 1))
        for (u64 w = tile * SET_TILE_WORDS; w < (tile + 1) * SET_TILE_WORDS; w++)
            for (u64 bits = d->leaf[w]; bits != 0; bits &= bits - 1) {
                u64 lane = w * 64 + (u64)__builtin_ctzll(bits);
                if (end != 0 && lane - end >= gap) {
                    visit(context, first, end - first);
                    end = 0;
                }
                if (end == 0) first = lane;
                end = lane + 1;
            }
    ASSERT(end <= d->lanes);
    if (end != 0) visit(context, first, end - first);
}
