/* SPDX-License-Identifier: Apache-2.0
 * engine: state of one graph and the step from epoch to epoch. Owns the arena. Knows neither files
 * nor logs: session.h adds those. One thread calls it at a time. After engine_epoch0 (or
 * engine_restored) nothing is allocated.
 *
 *   engine_open → fill sources (engine_page_bytes, or engine_first for expressions) → engine_epoch0
 *   then for each epoch: engine_apply* → engine_run → (append to the log) → engine_accept, or
 * engine_reject. */
#ifndef MMSB_ENGINE_H
#define MMSB_ENGINE_H
#include "core/image.h"
#include "core/layout.h"
#include "delta.h"

typedef struct engine engine;
/* How histories that only equations read are kept; the bits are the same (tests). */
typedef enum {
    HISTORIES_TURN,   /* in rings, but with a GPU; a new row is copied whole or lane by lane */
    HISTORIES_SPARSE, /* in rings, lane by lane wherever the lanes are known */
    HISTORIES_MOVE    /* row-major: an epoch moves all rows */
} engine_histories;
typedef struct {
    u32 threads;        /* 0: 1; at most 64; the bits are the same */
    u64 split_from;     /* lanes times steps from which on threads share a node; 0: 2^19 (tests) */
    u64 stream_from;    /* bytes from which on a node stores around the caches; 0: 8 MiB (tests) */
    u32 gpu_percent;    /* of the runs of nodes that an open GPU takes; 0: all (tests; same bits) */
    bool recompute_all; /* every epoch recomputes every lane of every node (tests; same bits) */
    engine_histories histories;
    bool shared; /* page values lie in memory that other processes can map: engine_share */
} engine_options;

/* What was done since engine_open, rejected epochs and checks included. */
typedef struct {
    u64 epochs;        /* accepted */
    u64 nodes_run;     /* nodes with something to do */
    u64 lanes_run;     /* lanes that a program, a reduction or a whole-row function went over */
    u64 lanes_changed; /* stored lanes that got other bits, by nodes and by deltas */
    u64 tiles_dense, tiles_packed;
    u64 bytes_loaded; /* of pages, by nodes: lanes times their reads, whether or not in a cache */
    u64 bytes_stored; /* to pages, by nodes, equal bits included */
    /* With a GPU: nodes that it ran, nodes that stayed on the CPU, launches, bytes moved. */
    u64 cuda_nodes, cuda_nodes_here, cuda_launches, cuda_bytes_in, cuda_bytes_out;
} engine_stats;

/* image must outlive the engine. MMSB_OUT_OF_SPACE names the plan's figure. */
mmsb_status engine_open(const image *i, const engine_options *options, engine **out, message *m);
void engine_close(engine *e);
const image *engine_image(const engine *e);
const layout *engine_layout(const engine *e);
u64 engine_epoch(const engine *e); /* of the last accepted epoch */
/* A page's lanes, row-major. Readable between epochs; writable only before epoch 0 (sources). */
const void *engine_page(const engine *e, u32 page);
/* Brings a page that only a GPU has back, so that engine_page gives what counts; engine_page does
 * so itself, and has no way to say that it failed. */
mmsb_status engine_fetch(const engine *e, u32 page, message *m);
void *engine_page_bytes(engine *e, u32 page);

/* A user's own kernel: the result's lanes into out (zeroed before), the arguments' lanes in in[],
 * dims of the result, then of each argument. 0, or the number of a fault. Must be pure. */
typedef i32 (*user_kernel)(void *out, const void *const *in, const i64 *dims);
/* Gives a row of KERNELS its function: all of them, before engine_first. */
void engine_kernel_set(engine *e, u32 kernel, user_kernel function);

/* Runs FIRST: sources that start as an expression, but for those whose page's skip[page] is set
 * (NULL: none). A fault is MMSB_WRONG with its words. */
mmsb_status engine_first(engine *e, const u8 *skip, message *m);
/* Canonicalises NaNs of sources, evaluates EPOCH0 whole; PREV pages get the epoch's values. A fault
 * or failed assert: MMSB_WRONG. */
mmsb_status engine_epoch0(engine *e, message *m);
/* Makes the NaNs of a page's lanes canonical, wherever they lie. */
void engine_canonicalise(const image *i, u32 page, void *lanes);
/* For recovery. The caller has filled sources and every page for which engine_is_saved() holds, as
 * they were at the end of `epoch` (> 0). Recomputes the rest whole; marks all of PREV dirty, so
 * that the next epoch is right. */
mmsb_status engine_restored(engine *e, u64 epoch, message *m);
/* Sources, pages with a PREV page, and stored pages that depend on a PREV page or on epoch: what a
 * checkpoint holds. */
bool engine_is_saved(const engine *e, u32 page);

/* Applies one delta that delta_check accepted to the epoch that is being made. Order counts. Never
 * fails. */
void engine_apply(engine *e, const delta *d);
/* Brings the first lines that the delta will touch near: a hint, worth it a few deltas ahead. */
void engine_prefetch(const engine *e, const delta *d);
/* Runs the waves. MMSB_OK, or MMSB_REJECTED (a fault or failed assert; the words name page, index,
 * values, source line): then call engine_reject. */
mmsb_status engine_run(engine *e, message *m);
/* Makes the epoch the current one: epoch + 1, PREV pages brought up to date, dirty sets cleared. */
void engine_accept(engine *e);
/* Puts everything back to the last accepted epoch, bit for bit, deltas included (also before
 * engine_run). */
void engine_reject(engine *e);
/* Between engine_run and engine_accept: recomputes every node whole and says whether any bit
 * changed (MMSB_BUG, names the page and lane): incremental = from scratch. */
mmsb_status engine_check(engine *e, message *m);
/* After engine_run or engine_accept of it: events whose bool went from false to true in that epoch,
 * in image order. Writes up to `most` rows of image.events; returns how many fired. Their values
 * are lanes 0 of the event's value pages. */
u32 engine_fired(const engine *e, u32 *rows, u32 most);
const engine_stats *engine_statistics(const engine *e);
/* Root of the last accepted epoch (engine.md, "Root"). Cost: pages changed since it was last asked.
 */
u64 engine_root(engine *e);
u64 engine_page_digest(engine *e, u32 page); /* a rooted page's digest; 0 for others */
/* Where page values lie, with engine_options.shared: a page's are at value_at - mutable_at of the
 * layout. Changes from engine_apply on until engine_accept or engine_reject. */
const shared_region *engine_share(const engine *e);
/* Called by engine_accept, the epoch counted and its changes still known: engine_touched and
 * engine_changed may be called there, and only there. One at a time; NULL ends it. */
void engine_watch(engine *e, void (*visit)(void *context, const engine *e), void *context);
/* Pages with changed lanes, PREV pages among them, in no order. */
u32 engine_touched(const engine *e, const u32 **pages);
/* At least the changed lanes of a page, ascending, as runs: two whose gap is less than `gap` lanes
 * are one. */
void engine_changed(const engine *e, u32 page, u64 gap,
                    void (*visit)(void *context, u64 first, u64 count), void *context);
#endif
