/* SPDX-License-Identifier: Apache-2.0
 * client: a process's end of a bus: reads whole epochs of another process's live graph without
 * copying, sends deltas, waits. Never prints, never ends the process, starts no thread, installs no
 * handler. One thread uses a handle at a time; any number of handles may be open.
 *
 * Whatever happens to the engine, memory that a handle gave out stays mapped until bus_detach: it
 * then holds the last epoch, or, where the engine was killed within one, is told to be torn
 * (MMSB_IO). A handle belongs to the process that opened it: a child made by fork must not use it.
 *
 * Every function that can fail returns a status and, where m is not NULL, says why in words. */
#ifndef MMSB_BUS_CLIENT_H
#define MMSB_BUS_CLIENT_H
#include "../core/image.h"
#include "../delta.h"

typedef struct bus bus;
typedef struct {
    u64 ring_bytes; /* for requests, a power of two, 4 KiB to 16 MiB; 0: 1 MiB. No commit is larger
                     */
    u64 stream;     /* not 0: numbers of commits are logged under it, and sent again count once */
    u64 spin_ns;    /* how long a wait looks before it sleeps; 0: 20 µs, for answers 100 µs */
} bus_options;
/* Attaches to the engine that serves `name` (same user). options may be NULL. MMSB_ABSENT: nobody
 * serves it, or in another version. MMSB_BUSY: no room for another client. */
mmsb_status bus_attach(const char *name, const bus_options *options, bus **out, message *m);
/* Ends a lease, unmaps, frees. NULL is allowed. */
void bus_detach(bus *b);

/* What can be read: sources, state pages, stored pages with a name; rows from 0. */
typedef struct {
    const char *name;
    u8 type; /* type_id */
    u32 axis_count;
    u64 dims[4], lanes;
    bool takes;    /* deltas */
    bool exported; /* by the graph */
    u32 image_row; /* what a delta names */
} bus_page_info;
#define BUS_PAGE_NONE UINT32_MAX
u32 bus_page_count(const bus *b);
void bus_page_get(const bus *b, u32 page, bus_page_info *out);
u32 bus_page_find(const bus *b, const char *name, u64 bytes); /* or BUS_PAGE_NONE */
/* The graph itself, verified at the first call; lives as long as the handle. */
mmsb_status bus_image(bus *b, const image **out, message *m);

u64 bus_epoch(const bus *b);         /* last published */
u64 bus_durable_epoch(const bus *b); /* survives power loss; 0 where the engine keeps no log */
bool bus_keeps_log(const bus *b);
bool bus_has_leases(const bus *b);
/* MMSB_OK: the engine lives. MMSB_IO: it has closed, failed, or is gone; m says which. */
mmsb_status bus_alive(const bus *b, message *m);
/* Counters of the engine, in the order of BUS_COUNTERS; NULL past the last. */
const char *bus_counter(const bus *b, u32 k, u64 *value, const char **text);

/* Reading without copying: pages may move on while they are read. begin waits for a whole epoch
 * and gives its number; whatever was read from pages until end is of that epoch if end says true,
 * and of no epoch else: read again. MMSB_BUSY: none for a second (commits follow each other without
 * a gap, or one takes that long): take a lease. */
typedef struct {
    u64 sequence, epoch;
} bus_view;
mmsb_status bus_view_begin(const bus *b, bus_view *v, message *m);
bool bus_view_end(const bus *b, const bus_view *v);
/* A page's lanes, row-major, 4096-aligned, read-only: a write ends the process. */
const void *bus_page_at(const bus *b, u32 page);
/* Copies lanes of one page; tries until they are of one epoch, whose number goes to *epoch (may be
 * NULL). */
mmsb_status bus_read(const bus *b, u32 page, u64 first, u64 count, void *to, u64 *epoch,
                     message *m);

/* Pins the epoch that stands, and every page of it, until bus_lease_end: nothing moves, nothing is
 * tried again. Sees the commits of this handle sent before. One a handle. MMSB_BUSY: all homes are
 * pinned at other epochs, or the engine did not come to it within timeout_ns. MMSB_ABSENT: the
 * engine serves none (--leases 0). */
mmsb_status bus_lease(bus *b, u64 timeout_ns, u64 *epoch, message *m);
const void *bus_leased(const bus *b, u32 page); /* needs a lease */
void bus_lease_end(bus *b);

/* Lanes that epochs changed (at least those), oldest first, each row once a handle. Fills up to
 * `most`. *missed: rows were lost since the last call, or all pages changed: read everything. */
typedef struct {
    u64 epoch;
    u32 page;
    u64 first, count;
} bus_changed;
u32 bus_changes(bus *b, bus_changed *to, u32 most, bool *missed);
/* Returns when an epoch after `epoch` is published. MMSB_BUSY: not within timeout_ns (UINT64_MAX:
 * no limit). */
mmsb_status bus_wait_epoch(bus *b, u64 epoch, u64 timeout_ns, message *m);

/* Adds a delta to the commit being made: copied; the engine checks it. MMSB_OUT_OF_SPACE: the
 * commit would not fit the ring; it stays as it was. MMSB_WRONG: no delta at all. */
mmsb_status bus_delta(bus *b, const delta *d, message *m);
void bus_drop(bus *b); /* forgets it */
u64 bus_pending_bytes(const bus *b);
/* Forgets what was added since the commit had that many bytes. */
void bus_drop_to(bus *b, u64 pending_bytes);
/* Sends the commit (empty: a tick); *id is its request's, rising from 1 (with a stream: from the
 * last number logged). MMSB_BUSY: the ring is full: nothing was sent, the commit is kept, send it
 * later. */
mmsb_status bus_commit(bus *b, u64 *id, message *m);
/* With a stream: the number of the next commit, to send one again after a crash. */
mmsb_status bus_next_id(bus *b, u64 id, message *m);
u64 bus_last_request(const bus *b); /* of the stream, in the log at attach */

/* An answer to a commit. APPLIED is status MMSB_OK: all readers see it. DURABLE is
 * bus_durable_epoch() >= epoch. */
typedef struct {
    u64 id, epoch;
    mmsb_status status; /* REJECTED, WRONG and so on: nothing changed, words say why */
    bool again;         /* its number, or a later one, was in the log: taken before, not now */
    const char *words;  /* until the next call */
} bus_answer;
/* The next answer, if there is one: *got. Answers come in the order of commits. */
mmsb_status bus_answer_next(bus *b, bus_answer *a, bool *got, message *m);
/* Waits for the next answer. MMSB_BUSY: not within timeout_ns. */
mmsb_status bus_answer_wait(bus *b, bus_answer *a, u64 timeout_ns, message *m);
/* Waits until the engine has taken enough requests for `bytes` of deltas to be sent. MMSB_BUSY: not
 * within timeout_ns, or not before answers are taken: their ring is full. */
mmsb_status bus_room_wait(bus *b, u64 bytes, u64 timeout_ns, message *m);
/* Waits until `epoch` is durable. MMSB_ABSENT: the engine keeps no log. */
mmsb_status bus_durable_wait(bus *b, u64 epoch, u64 timeout_ns, message *m);
/* From any thread, and from signal handlers: the wait that goes on, or the next that would, comes
 * back with MMSB_BUSY. */
void bus_interrupt(bus *b);
/* For event loops: becomes readable when what was armed by bus_arm has come, and when the engine
 * is gone. After it did, bus_arm again before waiting again; true: something is there already, or
 * has come since the last bus_arm: look before waiting. */
int bus_descriptor(const bus *b);
bool bus_arm(bus *b);
#endif
