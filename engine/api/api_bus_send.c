/* SPDX-License-Identifier: Apache-2.0
 * api_bus_send: deltas and commits to a bus, their answers, waiting. A call adds all that it was
 * asked to or nothing. */
#include "api_bus.h"

static mmsb_status put(void *context, const delta *d, message *m) {
    mmsb_bus *h = context;
    ASSERT(h->h.state == API_OPEN);
    TRY(delta_check(h->pages.i, d, m));
    return bus_delta(h->b, d, m);
}

static api_sink sink(mmsb_bus *h) {
    ASSERT(h->pages.i != NULL);
    return (api_sink){&h->pages, put, h};
}

mmsb_status mmsb_bus_set(mmsb_bus *h, uint32_t page, mmsb_kind kind, uint64_t first, uint64_t count,
                         const void *values, uint64_t value_count) {
    message m = {.used = 0};
    delta d;
    TRY(api_bus_enter(h));
    api_sink to = sink(h);
    mmsb_status status = api_delta_start(&h->pages, page, kind, &d, &m);
    if (status == MMSB_OK) {
        d.first = first, d.count = count;
        status = api_put_range(&to, &d, values, value_count, &m);
    }
    return api_leave(&h->h, status, &m);
}

mmsb_status mmsb_bus_scatter(mmsb_bus *h, uint32_t page, mmsb_kind kind, const uint64_t *lanes,
                             uint64_t count, const void *values, uint64_t value_count) {
    message m = {.used = 0};
    delta d;
    TRY(api_bus_enter(h));
    api_sink to = sink(h);
    u64 before = bus_pending_bytes(h->b);
    mmsb_status status = api_delta_start(&h->pages, page, kind, &d, &m);
    if (status == MMSB_OK) status = api_put_lanes(&to, &d, lanes, count, values, value_count, &m);
    if (status != MMSB_OK) bus_drop_to(h->b, before);
    return api_leave(&h->h, status, &m);
}

mmsb_status mmsb_bus_mask(mmsb_bus *h, uint32_t page, mmsb_kind kind, uint64_t first,
                          uint64_t count, const uint8_t *mask, const void *values,
                          uint64_t value_count) {
    message m = {.used = 0};
    delta d;
    TRY(api_bus_enter(h));
    api_sink to = sink(h);
    mmsb_status status = api_delta_start(&h->pages, page, kind, &d, &m);
    if (status == MMSB_OK) {
        d.first = first, d.count = count, d.mask = mask;
        status = api_put_mask(&to, &d, values, value_count, &m);
    }
    return api_leave(&h->h, status, &m);
}

mmsb_status mmsb_bus_line(mmsb_bus *h, const char *line) {
    message m = {.used = 0};
    TRY(api_bus_enter(h));
    api_sink to = sink(h);
    u64 before = bus_pending_bytes(h->b);
    mmsb_status status = api_put_line(&to, &h->line, line, &m);
    if (status != MMSB_OK) bus_drop_to(h->b, before);
    ASSERT(bus_pending_bytes(h->b) >= before);
    return api_leave(&h->h, status, &m);
}

mmsb_status mmsb_bus_drop(mmsb_bus *h) {
    TRY(api_bus_enter(h));
    bus_drop(h->b);
    ASSERT(bus_pending_bytes(h->b) == 0);
    return api_leave(&h->h, MMSB_OK, NULL);
}

static mmsb_status commit_in(mmsb_bus *h, u64 number, u64 *sent, message *m) {
    u64 id = 0;
    ASSERT(h->next_number != 0);
    if (number != 0 && h->stream == 0)
        return message_set(m, MMSB_USAGE,
                           "a commit has a number of one's own only under a stream: "
                           "mmsb_bus_options.stream");
    TRY(bus_next_id(h->b, number != 0 ? number : h->next_number, m));
    TRY(bus_commit(h->b, &id, m));
    h->next_number = u64_max(h->next_number, id + 1), h->unanswered++;
    if (sent != NULL) *sent = id;
    return MMSB_OK;
}

mmsb_status mmsb_bus_commit(mmsb_bus *h, uint64_t number, uint64_t *sent) {
    message m = {.used = 0};
    TRY(api_bus_enter(h));
    ASSERT(h->pages.i != NULL);
    return api_leave(&h->h, commit_in(h, number, sent, &m), &m);
}

static mmsb_status answer_in(mmsb_bus *h, u64 timeout_ns, mmsb_bus_answer *out, message *m) {
    bus_answer a;
    if (out == NULL || out->struct_size < sizeof *out)
        return message_set(m, MMSB_USAGE, "mmsb_bus_answer.struct_size is not set");
    TRY(bus_answer_wait(h->b, &a, timeout_ns, m));
    ASSERT(h->unanswered > 0);
    h->unanswered--;
    *out = (mmsb_bus_answer){.struct_size = out->struct_size,
                             .status = (u32)a.status,
                             .number = a.id,
                             .epoch = a.epoch,
                             .again = a.again,
                             .words = a.words};
    return MMSB_OK;
}

mmsb_status mmsb_bus_answer_next(mmsb_bus *h, uint64_t timeout_ns, mmsb_bus_answer *out) {
    message m = {.used = 0};
    TRY(api_bus_enter(h));
    ASSERT(h->b != NULL);
    return api_leave(&h->h, answer_in(h, timeout_ns, out, &m), &m);
}

mmsb_status mmsb_bus_wait(mmsb_bus *h, uint64_t epoch, uint64_t timeout_ns) {
    message m = {.used = 0};
    TRY(api_bus_enter(h));
    mmsb_status status = bus_wait_epoch(h->b, epoch, timeout_ns, &m);
    ASSERT(status != MMSB_OK || bus_epoch(h->b) > epoch);
    return api_leave(&h->h, status, &m);
}

mmsb_status mmsb_bus_wait_durable(mmsb_bus *h, uint64_t epoch, uint64_t timeout_ns) {
    message m = {.used = 0};
    TRY(api_bus_enter(h));
    mmsb_status status = bus_durable_wait(h->b, epoch, timeout_ns, &m);
    ASSERT(status != MMSB_OK || bus_durable_epoch(h->b) >= epoch);
    return api_leave(&h->h, status, &m);
}

int mmsb_bus_descriptor(mmsb_bus *h) {
    if (api_bus_enter(h) != MMSB_OK) return -1;
    int descriptor = bus_descriptor(h->b);
    ASSERT(descriptor >= 0);
    bus_arm(h->b); /* what is there already the caller sees when it looks */
    api_leave(&h->h, MMSB_OK, NULL);
    return descriptor;
}
