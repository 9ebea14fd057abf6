/* SPDX-License-Identifier: Apache-2.0
 * api_events: events on their way to the caller: to its function at once, or kept until the next
 * commit or tick. All memory is taken at open. */
#include "api.h"

#include "core/number.h"

#define EVENT_ROOM 1024u

bool api_queue_open(mmsb_engine *e) {
    u32 most = e->i.event_count, wanted = e->o.event_room == 0 ? EVENT_ROOM : e->o.event_room;
    api_queue *q = &e->queue;
    ASSERT(q->events == NULL);
    if (most == 0) return true;
    q->room = e->o.on_event != NULL || wanted < most ? most : wanted;
    for (u32 k = 0; k < most; k++)
        if (e->i.events[k].value_count > q->value_room) q->value_room = e->i.events[k].value_count;
    q->fired = ARENA_ARRAY(e->memory, u32, most);
    q->events = ARENA_ARRAY(e->memory, mmsb_event, q->room);
    q->values = ARENA_ARRAY(e->memory, mmsb_scalar, (u64)q->room * q->value_room + 1);
    return q->fired != NULL && q->events != NULL && q->values != NULL;
}

bool api_queue_has_room(const mmsb_engine *e) {
    ASSERT(e->queue.count <= e->queue.room);
    return e->queue.room - e->queue.count >= e->i.event_count;
}

static mmsb_scalar scalar_of(const mmsb_engine *e, u32 row) {
    ASSERT(row > 0 && row < e->i.page_count);
    u8 type = e->i.pages[row].type;
    u64 bits = number_load(type, engine_page(e->e, row));
    mmsb_scalar v = {.bits = bits, .number = number_as_f64(type, bits), .type = type};
    u32 unused = 64 - 8 * type_bytes(type);
    if (type_is_signed(type)) v.bits = (u64)((i64)(bits << unused) >> unused);
    return v;
}

static void event_fill(mmsb_engine *e, u32 row, u32 at) {
    const image_event *event = &e->i.events[row];
    mmsb_scalar *values = e->queue.values + (u64)at * e->queue.value_room;
    ASSERT(at < e->queue.room && event->value_count <= e->queue.value_room);
    for (u32 k = 0; k < event->value_count; k++)
        values[k] = scalar_of(e, e->i.event_values[event->value_at + k]);
    e->queue.events[at] = (mmsb_event){.struct_size = sizeof(mmsb_event),
                                       .value_count = event->value_count,
                                       .epoch = engine_epoch(e->e),
                                       .name = image_string(&e->i, event->name),
                                       .values = values};
}

bool api_events_take(mmsb_engine *e) {
    u32 count = engine_fired(e->e, e->queue.fired, e->i.event_count);
    bool stop = false;
    ASSERT(count <= e->i.event_count);
    for (u32 k = 0; k < count; k++) {
        u32 at = e->o.on_event != NULL ? 0 : e->queue.count++;
        event_fill(e, e->queue.fired[k], at);
        if (e->o.on_event != NULL && e->o.on_event(e->o.event_context, &e->queue.events[at]) != 0)
            stop = true;
    }
    return stop;
}

int mmsb_event_next(mmsb_engine *e, mmsb_event *out) {
    if (e == NULL || out == NULL || out->struct_size < sizeof *out || api_is_forked(&e->h))
        return 0;
    ASSERT(e->queue.taken <= e->queue.count);
    if (e->queue.taken == e->queue.count) return 0;
    u32 size = out->struct_size;
    *out = e->queue.events[e->queue.taken++];
    out->struct_size = size;
    return 1;
}
