/* SPDX-License-Identifier: Apache-2.0
 * split: work of one node shared out among threads: a fixed, contiguous part of its tiles, rows or
 * leaves for each, so that every lane is computed as one thread computes it and the bits are the
 * same. Only where the work is worth waking somebody. */
#include "state.h"

/* Lanes times steps of a program from which on threads pay: some 50 µs of one thread's time. */
#define SPLIT_FROM ((u64)1 << 19)

bool split_is_worth(const engine *e, u64 lanes, u32 steps) {
    u64 from = e->options.split_from != 0 ? e->options.split_from : SPLIT_FROM;
    ASSERT(lanes > 0);
    return e->crew != NULL && lanes >= from / (steps + 1);
}

static void split_part(void *context, u32 number) {
    split *s = context;
    worker *w = &s->e->workers[number];
    u64 count = s->e->worker_count;
    ASSERT(number < count);
    u64 from = s->units * number / count, to = s->units * (number + 1) / count;
    if (from < to) s->share(w, s->context, from, to);
}

void split_run(split *s) {
    engine *e = s->e;
    ASSERT(e->crew != NULL && e->probe == NULL);
    if (e->undo_on) e->journal_closed = true;
    for (u32 k = 0; k < e->worker_count; k++) {
        worker *w = &e->workers[k];
        w->shared = true, w->sum = 0;
        if (k != 0) w->fault = 0, w->own = (engine_stats){0};
        memset(w->changed, 0, e->store_most * sizeof *w->changed);
    }
    crew_run(e->crew, split_part, s);
    for (u32 k = 0; k < e->worker_count; k++) {
        worker *w = &e->workers[k];
        w->shared = false;
        e->fault |= w->fault;
        if (k == 0) continue;
        e->stats.lanes_run += w->own.lanes_run, e->stats.tiles_dense += w->own.tiles_dense;
        e->stats.bytes_stored += w->own.bytes_stored;
        e->stats.bytes_loaded += w->own.bytes_loaded;
        ASSERT(w->own.tiles_packed == 0 && w->own.lanes_changed == 0);
    }
}

static void worker_open(engine *e, worker *w, u8 *scratch) {
    u8 *at = scratch;
    ASSERT(((uintptr_t)scratch & 63) == 0);
    w->e = e;
    w->stats = w == e->workers ? &e->stats : &w->own;
    w->slot_memory = at, at += (u64)e->layout.tile_slots * LAYOUT_SLOT_BYTES;
    for (u32 k = 0; k < AXES_MAX; k++, at += LAYOUT_SLOT_BYTES) w->coordinates[k] = (i64 *)at;
    for (u32 k = 0; k < ARRAY_COUNT(w->buffer); k++, at += LAYOUT_SLOT_BYTES)
        w->buffer[k] = (u64 *)at;
    w->lane_list = (u64 *)at, at += LAYOUT_SLOT_BYTES;
    ASSERT((u64)(at - scratch) <= layout_worker_bytes(&e->layout));
}

static bool worker_tables(engine *e, worker *w) {
    ASSERT(e->worker_count > 0);
    w->slots = ARENA_ARRAY(e->tables, void *, e->layout.tile_slots + 1u);
    w->changed = ARENA_ARRAY(e->tables, u64, e->store_most + 1u);
    return w->slots != NULL && w->changed != NULL;
}

mmsb_status split_open(engine *e, message *m) {
    u32 threads = e->options.threads == 0 ? 1 : e->options.threads;
    u64 each = layout_worker_bytes(&e->layout);
    ASSERT(e->workers == NULL);
    if (threads > CREW_MOST)
        return message_set(m, MMSB_USAGE, "at most %u threads can share the work", CREW_MOST);
    e->workers = ARENA_ARRAY(e->tables, worker, threads);
    e->worker_count = threads;
    bool taken = e->workers != NULL;
    for (u32 k = 0; taken && k < threads; k++) taken = worker_tables(e, &e->workers[k]);
    if (!taken) return message_set(m, MMSB_OUT_OF_SPACE, "no memory for the tables of threads");
    worker_open(e, &e->workers[0], e->memory + e->layout.scratch_at);
    if (threads == 1) return MMSB_OK;
    e->more_bytes = (threads - 1) * each;
    e->more_memory = region_take(e->more_bytes);
    if (e->more_memory == NULL)
        return message_set(m, MMSB_OUT_OF_SPACE, "no memory for the scratch of %u threads",
                           threads);
    for (u32 k = 1; k < threads; k++)
        worker_open(e, &e->workers[k], e->more_memory + (k - 1) * each);
    e->crew = crew_open(e->tables, threads);
    if (e->crew == NULL)
        return message_set(m, MMSB_OUT_OF_SPACE, "the system gives no %u threads: ask for fewer",
                           threads);
    return MMSB_OK;
}

void split_close(engine *e) {
    crew_close(e->crew);
    if (e->more_memory != NULL) region_give_back(e->more_memory, e->more_bytes);
    e->crew = NULL, e->more_memory = NULL;
}
