/* SPDX-License-Identifier: Apache-2.0
 * api: what stands behind the handles of mmsb.h and mmsb_bus.h. A handle of an engine owns its
 * image, session, queue of events; one of a bus its connection; each the words of its last failure.
 * Private to engine/api. */
#ifndef MMSB_API_PRIVATE_H
#define MMSB_API_PRIVATE_H
#include "mmsb.h"

#include <stdatomic.h>
#include <sys/types.h>

#include "core/arena.h"
#include "delta.h"
#include "session.h"

#define STATUS(name, number, exit, text) static_assert(MMSB_##name == number, "mmsb.h differs");
#include "core/status.def"
#undef STATUS
#define TYPE(name, text, ctype, bytes, class, npy) \
    static_assert((int)MMSB_##name == (int)TYPE_##name, "mmsb.h differs");
#include "core/types.def"
#undef TYPE
static_assert((int)MMSB_SET == DELTA_SET && (int)MMSB_ADD == DELTA_ADD &&
                  (int)MMSB_MIN == DELTA_MIN && (int)MMSB_MAX == DELTA_MAX &&
                  (int)MMSB_AND == DELTA_AND && (int)MMSB_OR == DELTA_OR &&
                  (int)MMSB_XOR == DELTA_XOR,
              "mmsb.h differs");
static_assert((int)MMSB_DURABLE_BATCH == DURABILITY_BATCH &&
                  (int)MMSB_DURABLE_NONE == DURABILITY_NONE &&
                  (int)MMSB_DURABLE_EPOCH == DURABILITY_EPOCH &&
                  (int)MMSB_DURABLE_SEALED == DURABILITY_SEALED,
              "mmsb.h differs");
static_assert((int)MMSB_EXECUTOR_VM == EXECUTOR_VM &&
                  (int)MMSB_EXECUTOR_NATIVE == EXECUTOR_NATIVE &&
                  (int)MMSB_EXECUTOR_AUTO == EXECUTOR_AUTO &&
                  (int)MMSB_EXECUTOR_CUDA == EXECUTOR_CUDA,
              "mmsb.h differs");

/* The order is that of a life. */
typedef enum { API_UNOPENED, API_OPEN, API_CLOSED } api_state;

/* What every handle has: its words, its process, the thread that works on it. */
typedef struct {
    message m;
    const volatile u32 *mark; /* 1; 0 in a forked child, where the system can do that */
    bool marked;
    pid_t process;
    atomic_bool busy;
    api_state state;
    const char *what; /* "engine", "bus" */
} api_handle;

/* The pages that a caller sees by number: rows of PAGES. */
typedef struct {
    const image *i;
    u32 *rows; /* ascending */
    u32 count;
} api_pages;

/* events[0 .. event_count), taken up to event_taken; the values of the k-th begin at
 * values[k * value_room]. */
typedef struct {
    mmsb_event *events;
    mmsb_scalar *values;
    u32 *fired; /* rows of EVENTS, of one epoch */
    u32 room, value_room, count, taken;
} api_queue;

struct mmsb_engine {
    api_handle h;
    arena *memory; /* this handle, names, tables */
    arena *line;   /* of mmsb_line; NULL: none yet */
    mmsb_options o;
    const void *bytes; /* of the image, by file_map or region_take */
    u64 byte_count;
    bool mapped;
    image i;
    session *s;
    engine *e;
    api_pages pages;
    u8 *bools; /* values being written in place that must become 0 or 1; NULL: none */
    u64 bool_count;
    api_queue queue;
};

/* Every call that works begins with one of these and ends with api_leave. MMSB_BUSY and a NULL
 * handle leave no words. */
mmsb_status api_enter(api_handle *h, api_state least);
/* The same for what changes an engine, which must be open. Ends a mmsb_place. */
mmsb_status api_enter_change(mmsb_engine *e);
mmsb_status api_leave(api_handle *h, mmsb_status status, const message *m);
void api_handle_open(api_handle *h, const char *what);
void api_handle_close(api_handle *h);
bool api_is_forked(const api_handle *h);
/* The words of a status that is not MMSB_OK, for functions that do not enter. */
mmsb_status api_words(api_handle *h, mmsb_status status, const message *m);

/* api_table.c: pages by number and name. Row of PAGES of a page number; 0 with words: none. */
u32 api_row(const api_pages *p, u32 page, message *m);
/* The same, also where the page has not that type. */
u32 api_row_typed(const api_pages *p, u32 page, u32 type, message *m);
mmsb_status api_find(const api_pages *p, const char *name, u32 *page, message *m);
mmsb_status api_describe(const api_pages *p, u32 page, mmsb_page_info *out, message *m);
u64 api_page_bytes(const image *i, u32 row);

/* api_put.c: what callers give, as deltas. `put` takes each; it copies and checks. */
typedef struct {
    const api_pages *pages;
    mmsb_status (*put)(void *context, const delta *d, message *m);
    void *context;
} api_sink;
/* Page and kind, for the functions that build a delta themselves. */
mmsb_status api_delta_start(const api_pages *p, u32 page, mmsb_kind kind, delta *d, message *m);
mmsb_status api_values_count(u64 wanted, u64 given, message *m);
mmsb_status api_put_range(const api_sink *s, delta *d, const void *values, u64 value_count,
                          message *m);
mmsb_status api_put_lanes(const api_sink *s, delta *d, const u64 *lanes, u64 count,
                          const void *values, u64 value_count, message *m);
mmsb_status api_put_mask(const api_sink *s, delta *d, const void *values, u64 value_count,
                         message *m);
/* memory: an arena kept for lines, opened here where it is NULL. */
mmsb_status api_put_line(const api_sink *s, arena **memory, const char *line, message *m);

/* api_events.c: what fired in the last epoch goes to the callback or into the queue. True: the
 * callback wants to stop. */
bool api_events_take(mmsb_engine *e);
bool api_queue_open(mmsb_engine *e);
/* Whether the queue has room for whatever one epoch can fire. */
bool api_queue_has_room(const mmsb_engine *e);
#endif
