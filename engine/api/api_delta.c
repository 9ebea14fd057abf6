/* SPDX-License-Identifier: Apache-2.0
 * api_delta: what is queued for an engine's next commit. A call queues all that it was asked to or
 * nothing; only where a commit grows past its limit is the whole queue dropped. */
#include "api.h"

static mmsb_status queue(void *context, const delta *d, message *m) {
    mmsb_engine *e = context;
    ASSERT(e->h.state == API_OPEN);
    mmsb_status status = session_delta(e->s, d, m);
    if (status != MMSB_OUT_OF_SPACE) return status;
    session_drop(e->s);
    message_add(m, "; all that was queued is dropped");
    return status;
}

static api_sink sink(mmsb_engine *e) {
    ASSERT(e->pages.i == &e->i);
    return (api_sink){&e->pages, queue, e};
}

mmsb_status mmsb_set(mmsb_engine *e, uint32_t page, mmsb_kind kind, uint64_t first, uint64_t count,
                     const void *values, uint64_t value_count) {
    message m;
    delta d;
    m.text[0] = 0, m.used = 0;
    TRY(api_enter_change(e));
    mmsb_status status = api_delta_start(&e->pages, page, kind, &d, &m);
    if (status == MMSB_OK) {
        d.first = first, d.count = count;
        api_sink to = sink(e);
        status = api_put_range(&to, &d, values, value_count, &m);
    }
    return api_leave(&e->h, status, &m);
}

mmsb_status mmsb_scatter(mmsb_engine *e, uint32_t page, mmsb_kind kind, const uint64_t *lanes,
                         uint64_t count, const void *values, uint64_t value_count) {
    message m = {.used = 0};
    delta d;
    TRY(api_enter_change(e));
    mmsb_status status = api_delta_start(&e->pages, page, kind, &d, &m);
    if (status == MMSB_OK) {
        api_sink to = sink(e);
        status = api_put_lanes(&to, &d, lanes, count, values, value_count, &m);
    }
    return api_leave(&e->h, status, &m);
}

mmsb_status mmsb_mask(mmsb_engine *e, uint32_t page, mmsb_kind kind, uint64_t first, uint64_t count,
                      const uint8_t *mask, const void *values, uint64_t value_count) {
    message m = {.used = 0};
    delta d;
    TRY(api_enter_change(e));
    mmsb_status status = api_delta_start(&e->pages, page, kind, &d, &m);
    if (status == MMSB_OK) {
        d.first = first, d.count = count, d.mask = mask;
        api_sink to = sink(e);
        status = api_put_mask(&to, &d, values, value_count, &m);
    }
    return api_leave(&e->h, status, &m);
}

static mmsb_status place_in(mmsb_engine *e, delta *d, void **to, message *m) {
    if (to == NULL) return message_set(m, MMSB_USAGE, "to is NULL");
    if (d->count == 0 || d->count > LANES_MAX)
        return message_set(m, MMSB_WRONG, "%llu lanes cannot be placed",
                           (unsigned long long)d->count);
    d->payload_bytes = d->count * type_bytes(d->type);
    mmsb_status status = session_delta_place(e->s, d, to, m);
    if (status == MMSB_OUT_OF_SPACE) session_drop(e->s);
    if (status == MMSB_OK && d->type == TYPE_BOOL) e->bools = *to, e->bool_count = d->count;
    ASSERT(status != MMSB_OK || *to != NULL);
    return status;
}

mmsb_status mmsb_place(mmsb_engine *e, uint32_t page, mmsb_kind kind, uint64_t first,
                       uint64_t count, void **to) {
    message m = {.used = 0};
    delta d;
    TRY(api_enter_change(e));
    mmsb_status status = api_delta_start(&e->pages, page, kind, &d, &m);
    if (status == MMSB_OK) {
        d.first = first, d.count = count;
        status = place_in(e, &d, to, &m);
    }
    return api_leave(&e->h, status, &m);
}

mmsb_status mmsb_line(mmsb_engine *e, const char *line) {
    message m = {.used = 0};
    TRY(api_enter_change(e));
    api_sink to = sink(e);
    ASSERT(to.put != NULL);
    return api_leave(&e->h, api_put_line(&to, &e->line, line, &m), &m);
}

mmsb_status mmsb_drop(mmsb_engine *e) {
    TRY(api_enter_change(e));
    session_drop(e->s);
    ASSERT(session_pending_bytes(e->s) == 0);
    return api_leave(&e->h, MMSB_OK, NULL);
}
