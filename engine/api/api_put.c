/* SPDX-License-Identifier: Apache-2.0
 * api_put: what a caller gives, as deltas: runs of lanes, lanes anywhere, masks, lines of text.
 * Everything is checked before the first delta is put, but for room. */
#include "api.h"

#include <fcntl.h>

#include "delta_text.h"

/* What delta_check does not know. */
mmsb_status api_delta_start(const api_pages *p, u32 page, mmsb_kind kind, delta *d, message *m) {
    u32 row = api_row(p, page, m);
    if (row == 0) return MMSB_USAGE;
    if ((u32)kind >= DELTA_KIND_COUNT)
        return message_set(m, MMSB_USAGE, "there is no kind of delta %u", (u32)kind);
    *d = (delta){.page = row, .kind = (u8)kind, .form = DELTA_RANGE, .type = p->i->pages[row].type};
    ASSERT(d->type < TYPE_COUNT);
    return MMSB_OK;
}

mmsb_status api_values_count(u64 wanted, u64 given, message *m) {
    if (given == wanted || (given == 1 && wanted != 0)) return MMSB_OK;
    return message_set(m, MMSB_USAGE, "%llu values for %llu lanes: give one, or one for each",
                       (unsigned long long)given, (unsigned long long)wanted);
}

mmsb_status api_put_range(const api_sink *s, delta *d, const void *values, u64 value_count,
                          message *m) {
    ASSERT(d->form == DELTA_RANGE);
    if (d->count == 0) return MMSB_OK;
    TRY(api_values_count(d->count, value_count, m));
    d->broadcast = value_count == 1 && d->count != 1;
    if (value_count > LANES_MAX || values == NULL)
        return message_set(m, MMSB_USAGE, "there are no values");
    d->payload = values, d->payload_bytes = value_count * type_bytes(d->type);
    return s->put(s->context, d, m);
}

/* Every value and lane is checked before the first one is queued. */
static mmsb_status scatter_check(const image *i, const delta *d, const u64 *lanes, u64 count,
                                 const void *values, u64 value_count, message *m) {
    u64 all = i->shapes[i->pages[d->page].shape].lanes;
    delta one = *d;
    ASSERT(count != 0);
    one.count = 1, one.payload = values, one.payload_bytes = type_bytes(d->type);
    TRY(delta_check(i, &one, m));
    u8 any = 0;
    for (u64 k = 0; d->type == TYPE_BOOL && k < value_count; k++) any |= ((const u8 *)values)[k];
    if (any > 1)
        return message_set(m, MMSB_WRONG, "a value of %s is neither 0 nor 1",
                           image_string(i, i->pages[d->page].name));
    for (u64 k = 0; k < count; k++)
        if (lanes[k] >= all)
            return message_set(m, MMSB_WRONG, "lane %llu is outside: %s has %llu",
                               (unsigned long long)lanes[k],
                               image_string(i, i->pages[d->page].name), (unsigned long long)all);
    return MMSB_OK;
}

mmsb_status api_put_lanes(const api_sink *s, delta *d, const u64 *lanes, u64 count,
                          const void *values, u64 value_count, message *m) {
    if (count == 0) return MMSB_OK;
    TRY(api_values_count(count, value_count, m));
    if (lanes == NULL || values == NULL)
        return message_set(m, MMSB_USAGE, "there are no lanes or no values");
    TRY(scatter_check(s->pages->i, d, lanes, count, values, value_count, m));
    u32 width = type_bytes(d->type);
    for (u64 k = 0, run; k < count; k += run) {
        for (run = 1; k + run < count && lanes[k + run] == lanes[k] + run;) run++;
        d->first = lanes[k], d->count = run;
        d->broadcast = value_count == 1 && run != 1;
        d->payload = (const u8 *)values + (value_count == 1 ? 0 : k * width);
        d->payload_bytes = d->broadcast ? width : run * width;
        TRY(s->put(s->context, d, m));
    }
    ASSERT(d->count != 0);
    return MMSB_OK;
}

mmsb_status api_put_mask(const api_sink *s, delta *d, const void *values, u64 value_count,
                         message *m) {
    const image *i = s->pages->i;
    u64 lanes = i->shapes[i->pages[d->page].shape].lanes, set = 0;
    if (d->count == 0) return MMSB_OK;
    if (d->count > lanes || d->first > lanes - d->count)
        return message_set(m, MMSB_WRONG, "%llu lanes from %llu are outside: %s has %llu",
                           (unsigned long long)d->count, (unsigned long long)d->first,
                           image_string(i, i->pages[d->page].name), (unsigned long long)lanes);
    if (d->mask == NULL) return message_set(m, MMSB_USAGE, "there is no mask");
    for (u64 k = 0; k < ALIGN_UP(d->count, 8) / 8; k++) set += (u64)__builtin_popcount(d->mask[k]);
    if (set == 0) return MMSB_OK;
    TRY(api_values_count(set, value_count, m));
    if (values == NULL) return message_set(m, MMSB_USAGE, "there are no values");
    d->form = DELTA_MASK, d->broadcast = value_count == 1 && set != 1;
    d->payload = values, d->payload_bytes = value_count * type_bytes(d->type);
    ASSERT(d->payload_bytes != 0);
    return s->put(s->context, d, m);
}

mmsb_status api_put_line(const api_sink *s, arena **memory, const char *line, message *m) {
    delta_line l;
    if (line == NULL) return message_set(m, MMSB_USAGE, "line is NULL");
    if (*memory == NULL) *memory = arena_open(0);
    if (*memory == NULL) return message_set(m, MMSB_OUT_OF_SPACE, "no memory for the line");
    mmsb_status status = delta_text_line(s->pages->i, *memory, AT_FDCWD, line, strlen(line), &l, m);
    if (status == MMSB_OK && (l.kind == LINE_COMMIT || l.kind == LINE_TICK))
        status = message_set(m, MMSB_USAGE, "commit and tick have functions of their own");
    ASSERT(status != MMSB_OK || l.kind == LINE_DELTA || l.count == 0);
    for (u32 k = 0; status == MMSB_OK && k < l.count; k++)
        status = s->put(s->context, &l.deltas[k], m);
    arena_clear(*memory);
    return status;
}
