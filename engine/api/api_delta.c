/* SPDX-License-Identifier: Apache-2.0
 * api_delta: what is queued for the next commit. A call queues all that it was asked to or nothing;
 * only where a commit grows past its limit is the whole queue dropped. */
#include "api.h"

#include <fcntl.h>

#include "delta_text.h"

static mmsb_status queue(mmsb_engine *e, const delta *d, message *m) {
    ASSERT(e->state == API_OPEN);
    mmsb_status status = session_delta(e->s, d, m);
    if (status != MMSB_OUT_OF_SPACE) return status;
    session_drop(e->s);
    message_add(m, "; all that was queued is dropped");
    return status;
}

/* Page, kind and the number of values, which delta_check does not know. */
static mmsb_status delta_start(mmsb_engine *e, u32 page, mmsb_kind kind, delta *d, message *m) {
    u32 row = api_row(e, page, m);
    if (row == 0) return MMSB_USAGE;
    if ((u32)kind >= DELTA_KIND_COUNT)
        return message_set(m, MMSB_USAGE, "there is no kind of delta %u", (u32)kind);
    *d = (delta){.page = row, .kind = (u8)kind, .form = DELTA_RANGE, .type = e->i.pages[row].type};
    ASSERT(d->type < TYPE_COUNT);
    return MMSB_OK;
}

static mmsb_status values_count(u64 wanted, u64 given, message *m) {
    if (given == wanted || (given == 1 && wanted != 0)) return MMSB_OK;
    return message_set(m, MMSB_USAGE, "%llu values for %llu lanes: give one, or one for each",
                       (unsigned long long)given, (unsigned long long)wanted);
}

static mmsb_status set_in(mmsb_engine *e, delta *d, const void *values, u64 value_count,
                          message *m) {
    ASSERT(d->form == DELTA_RANGE);
    if (d->count == 0) return MMSB_OK;
    TRY(values_count(d->count, value_count, m));
    d->broadcast = value_count == 1 && d->count != 1;
    if (value_count > LANES_MAX || values == NULL)
        return message_set(m, MMSB_USAGE, "there are no values");
    d->payload = values, d->payload_bytes = value_count * type_bytes(d->type);
    return queue(e, d, m);
}

mmsb_status mmsb_set(mmsb_engine *e, uint32_t page, mmsb_kind kind, uint64_t first, uint64_t count,
                     const void *values, uint64_t value_count) {
    message m;
    delta d;
    m.text[0] = 0, m.used = 0;
    TRY(api_enter_change(e));
    mmsb_status status = delta_start(e, page, kind, &d, &m);
    if (status == MMSB_OK) {
        d.first = first, d.count = count;
        status = set_in(e, &d, values, value_count, &m);
    }
    return api_leave(e, status, &m);
}

/* Every value and lane is checked before the first one is queued. */
static mmsb_status scatter_check(const mmsb_engine *e, const delta *d, const u64 *lanes, u64 count,
                                 const void *values, u64 value_count, message *m) {
    u64 all = e->i.shapes[e->i.pages[d->page].shape].lanes;
    delta one = *d;
    ASSERT(count != 0);
    one.count = 1, one.payload = values, one.payload_bytes = type_bytes(d->type);
    TRY(delta_check(&e->i, &one, m));
    u8 any = 0;
    for (u64 k = 0; d->type == TYPE_BOOL && k < value_count; k++) any |= ((const u8 *)values)[k];
    if (any > 1)
        return message_set(m, MMSB_WRONG, "a value of %s is neither 0 nor 1",
                           image_string(&e->i, e->i.pages[d->page].name));
    for (u64 k = 0; k < count; k++)
        if (lanes[k] >= all)
            return message_set(
                m, MMSB_WRONG, "lane %llu is outside: %s has %llu", (unsigned long long)lanes[k],
                image_string(&e->i, e->i.pages[d->page].name), (unsigned long long)all);
    return MMSB_OK;
}

static mmsb_status scatter_in(mmsb_engine *e, delta *d, const u64 *lanes, u64 count,
                              const void *values, u64 value_count, message *m) {
    if (count == 0) return MMSB_OK;
    TRY(values_count(count, value_count, m));
    if (lanes == NULL || values == NULL)
        return message_set(m, MMSB_USAGE, "there are no lanes or no values");
    TRY(scatter_check(e, d, lanes, count, values, value_count, m));
    u32 width = type_bytes(d->type);
    for (u64 k = 0, run; k < count; k += run) {
        for (run = 1; k + run < count && lanes[k + run] == lanes[k] + run;) run++;
        d->first = lanes[k], d->count = run;
        d->broadcast = value_count == 1 && run != 1;
        d->payload = (const u8 *)values + (value_count == 1 ? 0 : k * width);
        d->payload_bytes = d->broadcast ? width : run * width;
        TRY(queue(e, d, m));
    }
    ASSERT(d->count != 0);
    return MMSB_OK;
}

mmsb_status mmsb_scatter(mmsb_engine *e, uint32_t page, mmsb_kind kind, const uint64_t *lanes,
                         uint64_t count, const void *values, uint64_t value_count) {
    message m = {.used = 0};
    delta d;
    TRY(api_enter_change(e));
    mmsb_status status = delta_start(e, page, kind, &d, &m);
    if (status == MMSB_OK) status = scatter_in(e, &d, lanes, count, values, value_count, &m);
    return api_leave(e, status, &m);
}

static mmsb_status mask_in(mmsb_engine *e, delta *d, const void *values, u64 value_count,
                           message *m) {
    u64 lanes = e->i.shapes[e->i.pages[d->page].shape].lanes, set = 0;
    if (d->count == 0) return MMSB_OK;
    if (d->count > lanes || d->first > lanes - d->count)
        return message_set(m, MMSB_WRONG, "%llu lanes from %llu are outside: %s has %llu",
                           (unsigned long long)d->count, (unsigned long long)d->first,
                           image_string(&e->i, e->i.pages[d->page].name),
                           (unsigned long long)lanes);
    if (d->mask == NULL) return message_set(m, MMSB_USAGE, "there is no mask");
    for (u64 k = 0; k < ALIGN_UP(d->count, 8) / 8; k++) set += (u64)__builtin_popcount(d->mask[k]);
    if (set == 0) return MMSB_OK;
    TRY(values_count(set, value_count, m));
    if (values == NULL) return message_set(m, MMSB_USAGE, "there are no values");
    d->form = DELTA_MASK, d->broadcast = value_count == 1 && set != 1;
    d->payload = values, d->payload_bytes = value_count * type_bytes(d->type);
    ASSERT(d->payload_bytes != 0);
    return queue(e, d, m);
}

mmsb_status mmsb_mask(mmsb_engine *e, uint32_t page, mmsb_kind kind, uint64_t first, uint64_t count,
                      const uint8_t *mask, const void *values, uint64_t value_count) {
    message m = {.used = 0};
    delta d;
    TRY(api_enter_change(e));
    mmsb_status status = delta_start(e, page, kind, &d, &m);
    if (status == MMSB_OK) {
        d.first = first, d.count = count, d.mask = mask;
        status = mask_in(e, &d, values, value_count, &m);
    }
    return api_leave(e, status, &m);
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
    mmsb_status status = delta_start(e, page, kind, &d, &m);
    if (status == MMSB_OK) {
        d.first = first, d.count = count;
        status = place_in(e, &d, to, &m);
    }
    return api_leave(e, status, &m);
}

static mmsb_status line_in(mmsb_engine *e, const char *line, message *m) {
    delta_line l;
    if (line == NULL) return message_set(m, MMSB_USAGE, "line is NULL");
    if (e->line == NULL) e->line = arena_open(0);
    if (e->line == NULL) return message_set(m, MMSB_OUT_OF_SPACE, "no memory for the line");
    TRY(delta_text_line(&e->i, e->line, AT_FDCWD, line, strlen(line), &l, m));
    if (l.kind == LINE_COMMIT || l.kind == LINE_TICK)
        return message_set(m, MMSB_USAGE, "commit and tick have functions of their own");
    ASSERT(l.kind == LINE_DELTA || l.count == 0);
    for (u32 k = 0; k < l.count; k++) TRY(queue(e, &l.deltas[k], m));
    return MMSB_OK;
}

mmsb_status mmsb_line(mmsb_engine *e, const char *line) {
    message m = {.used = 0};
    TRY(api_enter_change(e));
    mmsb_status status = line_in(e, line, &m);
    if (e->line != NULL) arena_clear(e->line);
    return api_leave(e, status, &m);
}

mmsb_status mmsb_drop(mmsb_engine *e) {
    TRY(api_enter_change(e));
    session_drop(e->s);
    ASSERT(session_pending_bytes(e->s) == 0);
    return api_leave(e, MMSB_OK, NULL);
}
