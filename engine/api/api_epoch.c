/* SPDX-License-Identifier: Apache-2.0
 * api_epoch: commits, ticks, and what is asked of the epoch that stands. */
#include "api.h"

static mmsb_status commit_in(mmsb_engine *e, message *m) {
    u64 before = engine_epoch(e->e);
    e->queue.count = e->queue.taken = 0;
    mmsb_status status = session_commit(e->s, NULL, m);
    ASSERT(session_pending_bytes(e->s) == 0);
    /* Also where the epoch stands and the log failed behind it. */
    if (engine_epoch(e->e) != before) api_events_take(e);
    return status;
}

mmsb_status mmsb_commit(mmsb_engine *e) {
    message m;
    m.text[0] = 0, m.used = 0;
    TRY(api_enter_change(e));
    ASSERT(e->e != NULL);
    return api_leave(&e->h, commit_in(e, &m), &m);
}

static bool tick_visit(void *context, session *s) {
    mmsb_engine *e = context;
    ASSERT(session_engine(s) == e->e);
    bool stop = api_events_take(e);
    return !stop && (e->o.on_event != NULL || api_queue_has_room(e));
}

mmsb_status mmsb_tick(mmsb_engine *e, uint64_t n, uint64_t *done) {
    message m = {.used = 0};
    u64 made = 0;
    if (done != NULL) *done = 0;
    TRY(api_enter_change(e));
    if (session_pending_bytes(e->s) != 0)
        return api_leave(
            &e->h, message_set(&m, MMSB_USAGE, "deltas are queued: commit or drop them first"), &m);
    e->queue.count = e->queue.taken = 0;
    mmsb_status status = session_ticks(e->s, n, NULL, tick_visit, e, &made, &m);
    ASSERT(made <= n);
    if (done != NULL) *done = made;
    return api_leave(&e->h, status, &m);
}

uint64_t mmsb_epoch(const mmsb_engine *e) {
    return e == NULL || e->h.state == API_UNOPENED ? 0 : engine_epoch(e->e);
}

mmsb_status mmsb_root(mmsb_engine *e, uint64_t *root) {
    message m = {.used = 0};
    if (e == NULL) return MMSB_USAGE;
    TRY(api_enter(&e->h, API_OPEN));
    if (root == NULL) return api_leave(&e->h, message_set(&m, MMSB_USAGE, "root is NULL"), &m);
    ASSERT(e->e != NULL);
    *root = engine_root(e->e);
    return api_leave(&e->h, MMSB_OK, &m);
}

mmsb_status mmsb_sync(mmsb_engine *e) {
    message m = {.used = 0};
    TRY(api_enter_change(e));
    ASSERT(e->s != NULL);
    return api_leave(&e->h, session_sync(e->s, &m), &m);
}

mmsb_status mmsb_checkpoint(mmsb_engine *e) {
    message m = {.used = 0};
    TRY(api_enter_change(e));
    ASSERT(e->s != NULL);
    return api_leave(&e->h, session_checkpoint(e->s, &m), &m);
}

mmsb_status mmsb_metrics_read(mmsb_engine *e, mmsb_metrics *out) {
    message m = {.used = 0};
    if (e == NULL) return MMSB_USAGE;
    TRY(api_enter(&e->h, API_OPEN));
    if (out == NULL || out->struct_size < sizeof *out)
        return api_leave(&e->h, message_set(&m, MMSB_USAGE, "mmsb_metrics.struct_size is not set"),
                         &m);
    const engine_stats *s = engine_statistics(e->e);
    ASSERT(s != NULL);
    *out = (mmsb_metrics){.struct_size = out->struct_size,
                          .epoch = engine_epoch(e->e),
                          .durable_epoch = session_durable_epoch(e->s),
                          .epochs = s->epochs,
                          .nodes_run = s->nodes_run,
                          .lanes_run = s->lanes_run,
                          .lanes_changed = s->lanes_changed,
                          .tiles_dense = s->tiles_dense,
                          .tiles_packed = s->tiles_packed,
                          .bytes_loaded = s->bytes_loaded,
                          .bytes_stored = s->bytes_stored,
                          .memory_bytes = engine_layout(e->e)->plan.arena_bytes,
                          .pending_bytes = session_pending_bytes(e->s),
                          .executor = session_executor_text(e->s)};
    return api_leave(&e->h, MMSB_OK, &m);
}
