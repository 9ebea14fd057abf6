/* SPDX-License-Identifier: Apache-2.0
 * api_bus: attaching to a bus and reading it. Checks what a caller may get wrong; bus/client.c does
 * the work and asserts that it was checked. */
#include "api_bus.h"

#include <sys/socket.h>

#define OPTIONS_FIRST_BYTES 40u /* of mmsb_bus_options in ABI 1 */

const char *mmsb_bus_message(const mmsb_bus *h) {
    return h == NULL ? "no memory for a bus" : h->h.m.text;
}

mmsb_status api_bus_enter(mmsb_bus *h) {
    if (h == NULL) return MMSB_USAGE;
    TRY(api_enter(&h->h, API_OPEN));
    message m;
    ASSERT(h->b != NULL);
    if (h->h.state == API_OPEN) return MMSB_OK;
    return api_leave(&h->h, message_set(&m, MMSB_USAGE, "the bus is detached"), &m);
}

/* For what only reads memory, which stays mapped. */
static mmsb_status enter_mapped(mmsb_bus *h) {
    if (h == NULL) return MMSB_USAGE;
    TRY(api_enter(&h->h, API_OPEN));
    ASSERT(h->b != NULL);
    return MMSB_OK;
}

static mmsb_status options_check(const mmsb_bus_options *o, message *m) {
    static_assert(sizeof(mmsb_bus_options) == OPTIONS_FIRST_BYTES,
                  "grows at its end; its first size stays a size");
    if (o == NULL || o->struct_size < OPTIONS_FIRST_BYTES)
        return message_set(m, MMSB_USAGE, "mmsb_bus_options.struct_size is not set");
    for (u64 k = sizeof *o; k < o->struct_size; k++)
        if (((const u8 *)o)[k] != 0)
            return message_set(m, MMSB_USAGE,
                               "mmsb_bus_options has a field that libmmsb " MMSB_VERSION
                               " does not know: a newer library is needed");
    if (o->name == NULL) return message_set(m, MMSB_USAGE, "the name of a bus is missing");
    ASSERT(o->struct_size >= OPTIONS_FIRST_BYTES);
    return MMSB_OK;
}

/* The bus's table and the graph's must tell the same: deltas are made from the graph's. */
static mmsb_status pages_read(mmsb_bus *h, message *m) {
    u32 count = bus_page_count(h->b);
    TRY(bus_image(h->b, &h->pages.i, m));
    h->pages.rows = ARENA_ARRAY(h->memory, u32, count + 1u);
    if (h->pages.rows == NULL)
        return message_set(m, MMSB_OUT_OF_SPACE, "no memory for the table of pages");
    for (u32 k = 0; k < count; k++) {
        bus_page_info p;
        bus_page_get(h->b, k, &p);
        const image *i = h->pages.i;
        bool same = p.image_row > (k == 0 ? 0 : h->pages.rows[k - 1]) &&
                    p.image_row < i->page_count && i->pages[p.image_row].type == p.type &&
                    i->shapes[i->pages[p.image_row].shape].lanes == p.lanes;
        if (!same)
            return message_set(m, MMSB_DAMAGED, "the bus's pages are not those of its graph");
        h->pages.rows[k] = p.image_row;
    }
    h->pages.count = count;
    ASSERT(h->pages.i->page_count > count);
    return MMSB_OK;
}

static mmsb_status attach_in(mmsb_bus *h, const mmsb_bus_options *options, message *m) {
    ASSERT(h->b == NULL);
    TRY(options_check(options, m));
    bus_options o = {
        .ring_bytes = options->ring_bytes, .stream = options->stream, .spin_ns = options->spin_ns};
    TRY(bus_attach(options->name, &o, &h->b, m));
    h->stream = options->stream;
    h->next_number = bus_last_request(h->b) + 1;
    return pages_read(h, m);
}

mmsb_status mmsb_bus_attach(const mmsb_bus_options *options, mmsb_bus **out) {
    if (out == NULL) return MMSB_USAGE;
    message m = {.used = 0};
    arena *a = arena_open(0);
    mmsb_bus *h = *out = a == NULL ? NULL : arena_take(a, sizeof *h, _Alignof(mmsb_bus));
    if (h == NULL) {
        arena_close(a);
        return MMSB_OUT_OF_SPACE;
    }
    h->memory = a;
    api_handle_open(&h->h, "bus");
    atomic_store(&h->h.busy, true);
    mmsb_status status = attach_in(h, options, &m);
    if (status == MMSB_OK) {
        h->h.state = API_OPEN;
    } else {
        bus_detach(h->b);
        h->b = NULL, h->pages = (api_pages){0};
    }
    ASSERT((status == MMSB_OK) == (h->b != NULL));
    return api_leave(&h->h, status, &m);
}

mmsb_status mmsb_bus_detach(mmsb_bus *h) {
    if (h == NULL) return MMSB_USAGE;
    TRY(api_enter(&h->h, API_UNOPENED));
    if (h->h.state == API_OPEN) {
        ASSERT(h->b != NULL);
        bus_drop(h->b);
        /* The hang-up, also where a forked child holds the socket. */
        shutdown(bus_descriptor(h->b), SHUT_RDWR);
        h->leased = false;
        h->h.state = API_CLOSED;
    }
    return api_leave(&h->h, MMSB_OK, NULL);
}

void mmsb_bus_free(mmsb_bus *h) {
    if (h == NULL) return;
    ASSERT(h->memory != NULL);
    if (h->b != NULL && !api_is_forked(&h->h)) shutdown(bus_descriptor(h->b), SHUT_RDWR);
    bus_detach(h->b); /* closes and unmaps, here alone */
    api_handle_close(&h->h);
    arena_close(h->line);
    arena_close(h->memory);
}

uint32_t mmsb_bus_page_count(const mmsb_bus *h) { return h == NULL ? 0 : h->pages.count; }

mmsb_status mmsb_bus_page_find(mmsb_bus *h, const char *name, uint32_t *page) {
    message m = {.used = 0};
    TRY(enter_mapped(h));
    ASSERT(h->pages.i != NULL);
    return api_leave(&h->h, api_find(&h->pages, name, page, &m), &m);
}

mmsb_status mmsb_bus_page_describe(mmsb_bus *h, uint32_t page, mmsb_page_info *out) {
    message m = {.used = 0};
    TRY(enter_mapped(h));
    ASSERT(h->pages.i != NULL);
    return api_leave(&h->h, api_describe(&h->pages, page, out, &m), &m);
}

uint64_t mmsb_bus_epoch(const mmsb_bus *h) {
    return h == NULL || h->b == NULL ? 0 : bus_epoch(h->b);
}

mmsb_status mmsb_bus_state_read(mmsb_bus *h, mmsb_bus_state *out) {
    message m = {.used = 0};
    TRY(enter_mapped(h));
    if (out == NULL || out->struct_size < sizeof *out)
        return api_leave(&h->h,
                         message_set(&m, MMSB_USAGE, "mmsb_bus_state.struct_size is not set"), &m);
    *out = (mmsb_bus_state){
        .struct_size = out->struct_size,
        .flags = (bus_keeps_log(h->b) ? (u32)MMSB_BUS_LOG : 0u) |
                 (bus_has_leases(h->b) ? (u32)MMSB_BUS_LEASES : 0u),
        .epoch = bus_epoch(h->b),
        .durable_epoch = bus_durable_epoch(h->b),
        .last_number = bus_last_request(h->b),
        .next_number = h->next_number,
        .unanswered = h->unanswered,
        .pending_bytes = bus_pending_bytes(h->b),
    };
    ASSERT(out->next_number != 0);
    mmsb_status status = h->h.state == API_CLOSED
                             ? message_set(&m, MMSB_USAGE, "the bus is detached")
                             : bus_alive(h->b, &m);
    return api_leave(&h->h, status, &m);
}

const void *mmsb_bus_view(mmsb_bus *h, uint32_t page, mmsb_type type) {
    message m = {.used = 0};
    if (enter_mapped(h) != MMSB_OK) return NULL;
    u32 row = api_row_typed(&h->pages, page, (u32)type, &m);
    const void *at = row == 0 ? NULL : bus_page_at(h->b, page);
    ASSERT(((uintptr_t)at & 4095) == 0);
    api_leave(&h->h, at == NULL ? MMSB_USAGE : MMSB_OK, &m);
    return at;
}

/* No words: other threads may be at work. */
mmsb_status mmsb_bus_view_begin(const mmsb_bus *h, mmsb_bus_mark *mark) {
    bus_view v;
    if (h == NULL || mark == NULL || h->b == NULL) return MMSB_USAGE;
    if (api_is_forked(&h->h)) return MMSB_FORKED;
    TRY(bus_view_begin(h->b, &v, NULL));
    ASSERT((v.sequence & 1) == 0);
    mark->sequence = v.sequence, mark->epoch = v.epoch;
    return MMSB_OK;
}

int mmsb_bus_view_end(const mmsb_bus *h, const mmsb_bus_mark *mark) {
    if (h == NULL || mark == NULL || h->b == NULL || (mark->sequence & 1) != 0) return 0;
    bus_view v = {.sequence = mark->sequence, .epoch = mark->epoch};
    return bus_view_end(h->b, &v);
}

mmsb_status mmsb_bus_read(mmsb_bus *h, uint32_t page, mmsb_type type, uint64_t first,
                          uint64_t count, void *to, uint64_t *epoch) {
    message m = {.used = 0};
    TRY(enter_mapped(h));
    mmsb_status status = MMSB_USAGE;
    if (to == NULL && count != 0)
        message_set(&m, MMSB_USAGE, "there is no place for the lanes");
    else if (api_row_typed(&h->pages, page, (u32)type, &m) != 0)
        status = bus_read(h->b, page, first, count, to, epoch, &m);
    ASSERT(status == MMSB_OK || m.text[0] != 0);
    return api_leave(&h->h, status, &m);
}

mmsb_status mmsb_bus_lease(mmsb_bus *h, uint64_t timeout_ns, uint64_t *epoch) {
    message m = {.used = 0};
    TRY(api_bus_enter(h));
    mmsb_status status = bus_lease(h->b, timeout_ns, epoch, &m);
    if (status == MMSB_OK) h->leased = true;
    ASSERT(status != MMSB_OK || bus_has_leases(h->b));
    return api_leave(&h->h, status, &m);
}

const void *mmsb_bus_leased(mmsb_bus *h, uint32_t page, mmsb_type type) {
    message m = {.used = 0};
    const void *at = NULL;
    if (enter_mapped(h) != MMSB_OK) return NULL;
    if (!h->leased)
        message_set(&m, MMSB_USAGE, "no lease is held");
    else if (api_row_typed(&h->pages, page, (u32)type, &m) != 0)
        at = bus_leased(h->b, page);
    ASSERT(((uintptr_t)at & 4095) == 0);
    api_leave(&h->h, at == NULL ? MMSB_USAGE : MMSB_OK, &m);
    return at;
}

mmsb_status mmsb_bus_lease_end(mmsb_bus *h) {
    TRY(api_bus_enter(h));
    bus_lease_end(h->b);
    h->leased = false;
    ASSERT(h->h.state == API_OPEN);
    return api_leave(&h->h, MMSB_OK, NULL);
}

/* No words, no claim of the handle: another thread is at work on it. */
mmsb_status mmsb_bus_interrupt(mmsb_bus *h) {
    if (h == NULL || h->b == NULL) return MMSB_USAGE;
    if (api_is_forked(&h->h)) return MMSB_FORKED;
    ASSERT(h->pages.i != NULL);
    bus_interrupt(h->b);
    return MMSB_OK;
}

mmsb_status mmsb_bus_changes(mmsb_bus *h, mmsb_bus_change *to, uint32_t most, uint32_t *count,
                             int *missed) {
    message m = {.used = 0};
    bus_changed rows[64];
    TRY(enter_mapped(h));
    if ((to == NULL && most != 0) || count == NULL || missed == NULL)
        return api_leave(&h->h, message_set(&m, MMSB_USAGE, "to, count or missed is NULL"), &m);
    bool lost = false;
    u32 done = 0, got = 1;
    while (!lost && got != 0 && done < most) {
        got = bus_changes(h->b, rows, (u32)u64_min(most - done, ARRAY_COUNT(rows)), &lost);
        for (u32 k = 0; k < got; k++)
            to[done++] =
                (mmsb_bus_change){rows[k].epoch, rows[k].first, rows[k].count, rows[k].page, 0};
    }
    ASSERT(done <= most);
    *missed = lost, *count = lost ? 0 : done;
    return api_leave(&h->h, MMSB_OK, &m);
}
