/* SPDX-License-Identifier: Apache-2.0
 * mmsb: runs a compiled graph (.mmsbx) inside another program. C99 and C++11; link with -lmmsb.
 *
 * An engine holds the pages of one graph. Deltas are queued, a commit makes the next epoch of them
 * or rejects them whole, events tell what became true, views show the pages where they lie.
 *
 * What holds for every function:
 * - Status: MMSB_OK is 0. Whatever else comes back, mmsb_message() has the words, and what the call
 *   was to change is as before, where the function does not say otherwise.
 * - Threads: one thread at a time works on an engine; a second one, or a call from inside a
 *   callback, gets MMSB_BUSY and no words. Which thread it is does not matter. Different engines
 *   are independent. Snapshots never change: any number of threads may read one.
 * - fork: an engine belongs to the process that opened it. In a child every function that would
 *   change or write something gives MMSB_FORKED and does nothing; mmsb_free gives back the handle.
 * - Ownership: what goes in is copied. What comes out stays the engine's, until mmsb_free.
 * - Nothing is printed, no signal handler is set, nothing calls exit. Only a failed internal
 *   assertion, which is a bug of the library, ends the process (status 70).
 * - Lanes are the elements of a page in row-major order, numbered from 0.
 * - Structs begin with struct_size: set it to sizeof the struct. Zeros elsewhere are the defaults.
 *
 * Lines that begin with `>` are examples. The tests run them on an engine `e` of this graph:
 *   source price: f64[4] = 100.0
 *   source qty: i64[4] = 1
 *   source on: bool[4] = true
 *   page value: f64[4] = price * f64(qty)
 *   page total = sum(value)
 *   assert all(price > 0.0) "price not positive"
 *   event rich = total > 1000.0 with total
 *   export value, total */
#ifndef MMSB_H
#define MMSB_H
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define MMSB_API __attribute__((visibility("default")))
#else
#define MMSB_API
#endif

/* The number in the SONAME: programs run with any libmmsb of the same one. */
#define MMSB_ABI 1

typedef enum mmsb_status {
    MMSB_OK = 0,
    MMSB_WRONG = 1,        /* the graph or the data is wrong */
    MMSB_REJECTED = 2,     /* the epoch was rejected: a fault, a failed assert */
    MMSB_USAGE = 3,        /* wrong use of a function */
    MMSB_IO = 4,           /* input or output failed */
    MMSB_DAMAGED = 5,      /* an image, a log or a checkpoint is damaged */
    MMSB_OUT_OF_SPACE = 6, /* memory, or a limit */
    MMSB_ABSENT = 7,       /* a device or feature is not there */
    MMSB_BUSY = 8,         /* in use by another process or thread */
    MMSB_BUG = 9,          /* internal error */
    MMSB_FORKED = 10       /* the engine belongs to the parent process */
} mmsb_status;

/* Element types. A bool is one byte, 0 or 1. */
typedef enum mmsb_type {
    MMSB_BOOL = 0,
    MMSB_I8 = 1,
    MMSB_I16 = 2,
    MMSB_I32 = 3,
    MMSB_I64 = 4,
    MMSB_U8 = 5,
    MMSB_U16 = 6,
    MMSB_U32 = 7,
    MMSB_U64 = 8,
    MMSB_F32 = 9,
    MMSB_F64 = 10,
    MMSB_ANY = 255 /* mmsb_view: whatever the page has */
} mmsb_type;

/* What a delta does with an element: = += min= max= &= |= ^=. The last three are for integers and
 * bools; MMSB_ADD is not for bools. */
typedef enum mmsb_kind {
    MMSB_SET = 0,
    MMSB_ADD = 1,
    MMSB_MIN = 2,
    MMSB_MAX = 3,
    MMSB_AND = 4,
    MMSB_OR = 5,
    MMSB_XOR = 6
} mmsb_kind;

/* When an epoch is on disk (with a state directory). */
typedef enum mmsb_durability {
    MMSB_DURABLE_BATCH = 0, /* within about a millisecond, many at once */
    MMSB_DURABLE_NONE = 1,  /* at mmsb_sync, mmsb_checkpoint and mmsb_close */
    MMSB_DURABLE_EPOCH = 2, /* before mmsb_commit returns */
    MMSB_DURABLE_SEALED = 3 /* the same, and a synced seal behind it */
} mmsb_durability;

/* Who computes; the bits are the same. */
typedef enum mmsb_executor {
    MMSB_EXECUTOR_VM = 0,
    MMSB_EXECUTOR_NATIVE = 1, /* compiled by the system's cc; MMSB_ABSENT where there is none */
    MMSB_EXECUTOR_AUTO = 2,   /* native, or a GPU, where it pays */
    MMSB_EXECUTOR_CUDA = 3    /* a GPU; MMSB_ABSENT or MMSB_OUT_OF_SPACE where it cannot be */
} mmsb_executor;

typedef struct mmsb_engine mmsb_engine;
typedef struct mmsb_snapshot mmsb_snapshot;
typedef struct mmsb_graph mmsb_graph; /* what mmsbc --emit=c gives: `mmsb_compiled` */

/* First contents of a source: a file (.npy, .csv), or lanes in memory, exactly as many bytes as the
 * page has and of its type. */
typedef struct mmsb_input {
    const char *page;
    const char *path;  /* NULL: `lanes` */
    const void *lanes; /* read during mmsb_open only */
    uint64_t lane_bytes;
    uint32_t type; /* mmsb_type of the lanes */
    uint32_t zero;
} mmsb_input;

/* An event that fired, or a scalar that it carries. */
typedef struct mmsb_scalar {
    uint64_t bits; /* the value's own bits, zero-extended (signed: sign-extended) */
    double number; /* the value, rounded to a double where it is a large integer */
    uint32_t type; /* mmsb_type */
    uint32_t zero;
} mmsb_scalar;
typedef struct mmsb_event {
    uint32_t struct_size;
    uint32_t value_count;
    uint64_t epoch;            /* in which it fired */
    const char *name;          /* lives as long as the engine */
    const mmsb_scalar *values; /* the `with` values, valid until the next commit or tick */
} mmsb_event;

enum {
    MMSB_ALLOW_KERNELS = 1, /* libraries that the graph names may be loaded: they may do anything */
    MMSB_MIGRATE = 2        /* a state directory of another graph is carried over to this one */
};

typedef struct mmsb_options {
    uint32_t struct_size;
    uint32_t flags; /* MMSB_ALLOW_KERNELS, MMSB_MIGRATE */
    /* The graph: one of path, image, graph (mmsb_replay: none of them needed). `from` files lie
     * beside path; with image or graph that says no more than this, and nothing is read there
     * (NULL: the current directory). */
    const char *path;  /* of a .mmsbx */
    const void *image; /* bytes of one, copied */
    uint64_t image_bytes;
    const mmsb_graph *graph; /* &mmsb_compiled of mmsbc --emit=c */
    const char *state; /* directory for log and checkpoints; recovered where it is. NULL: none */
    const mmsb_input *inputs;
    uint32_t input_count;
    uint32_t durability;        /* mmsb_durability */
    uint32_t executor;          /* mmsb_executor */
    uint32_t threads;           /* that share large nodes; 0: 1; at most 64 */
    uint64_t checkpoint_epochs; /* a checkpoint every so many epochs; 0: at 0 and at close */
    uint64_t audit_epochs;      /* the root is logged so often; 0: 64 */
    uint64_t oracle_epochs;     /* so often all is computed anew and compared; 0: never */
    uint32_t event_room;        /* events that one call can keep for mmsb_event_next; 0: 1024 */
    uint32_t zero;
    /* Called for every event as it fires, on the thread that commits, ticks or replays, instead of
     * keeping it. It may read pages. Not zero ends a tick or replay after that epoch. */
    int (*on_event)(void *context, const mmsb_event *event);
    void *event_context;
    /* Called with one line for a person (recovery reports, fallbacks), on the calling thread. */
    void (*note)(void *context, const char *line);
    void *note_context;
} mmsb_options;

enum {
    MMSB_PAGE_SOURCE = 1,   /* takes deltas */
    MMSB_PAGE_STATE = 2,    /* takes deltas: they replace the value before */
    MMSB_PAGE_EXPORTED = 4, /* named by `export`, or all where there is none */
    MMSB_PAGE_EVENT = 8     /* the bool of an event */
};
typedef struct mmsb_page_info {
    uint32_t struct_size;
    uint32_t type;  /* mmsb_type */
    uint32_t flags; /* MMSB_PAGE_ bits */
    uint32_t axes;  /* 0 (a scalar) to 4 */
    uint64_t dims[4];
    uint64_t lanes; /* their product; 1 for a scalar */
    uint64_t bytes; /* lanes times the size of an element */
    const char *name;
    const char *file; /* where it is defined, for messages; "" where it is not known */
    uint64_t line;
} mmsb_page_info;

typedef struct mmsb_metrics {
    uint32_t struct_size;
    uint32_t zero;
    uint64_t epoch;         /* of the state that is shown */
    uint64_t durable_epoch; /* every epoch up to it survives power loss; 0 without directory */
    uint64_t epochs;        /* made since it was opened, recovery and replay included */
    uint64_t nodes_run;     /* equations with something to do */
    uint64_t lanes_run;     /* lanes that were computed */
    uint64_t lanes_changed; /* of them and of deltas: those that got other bits */
    uint64_t tiles_dense, tiles_packed;
    uint64_t bytes_loaded, bytes_stored;
    uint64_t memory_bytes;  /* of pages and all that belongs to them, taken once at open */
    uint64_t pending_bytes; /* of deltas that are queued */
    const char *executor;   /* "vm", "native" or "cuda" */
} mmsb_metrics;

/* The library's version, "0.1.0". Any thread.
 *
 * > CHECK(mmsb_version()[0] != 0); */
MMSB_API const char *mmsb_version(void);

/* What a status means, in a few words; "unknown status" for other numbers. Any thread.
 *
 * > CHECK(strcmp(mmsb_status_text(MMSB_OK), "ok") == 0); */
MMSB_API const char *mmsb_status_text(mmsb_status status);

/* Opens a graph: verifies the image, takes all memory, recovers the state directory or starts it,
 * evaluates epoch 0. *out is an engine also after a failure, for mmsb_message and mmsb_free alone
 * (NULL only where memory is short or `out` is NULL). MMSB_WRONG: image, inputs or epoch 0;
 * MMSB_DAMAGED: image or directory; MMSB_BUSY: another process, or this one, has the directory.
 *
 * > mmsb_options o = {.struct_size = sizeof o};
 * > mmsb_engine *second = NULL;
 * > o.path = IMAGE;
 * > CHECK(mmsb_open(&o, &second) == MMSB_OK);
 * > mmsb_free(second); */
MMSB_API mmsb_status mmsb_open(const mmsb_options *options, mmsb_engine **out);

/* Opens the state directory options->state as it was at the end of epoch `to` (UINT64_MAX: its
 * last), by running the log from checkpoint 0 and checking every logged root; options->on_event
 * hears all events. The directory is only read and may be in use; its own graph runs where options
 * name none. The engine goes on like any other, but keeps nothing. MMSB_DAMAGED with an engine
 * that can be read: a root differs (words name the epoch). Threads as mmsb_open.
 *
 * > mmsb_options o = {.struct_size = sizeof o};
 * > mmsb_engine *past = NULL;
 * > CHECK(mmsb_commit(e) == MMSB_OK && mmsb_commit(e) == MMSB_OK && mmsb_sync(e) == MMSB_OK);
 * > o.state = STATE;
 * > CHECK(mmsb_replay(&o, 1, &past) == MMSB_OK && mmsb_epoch(past) == 1);
 * > mmsb_free(past); */
MMSB_API mmsb_status mmsb_replay(const mmsb_options *options, uint64_t to, mmsb_engine **out);

/* The words of the last call that did not give MMSB_OK; "" before that. Never NULL; valid until
 * the next such call. `engine` may be NULL ("no memory").
 *
 * > CHECK(mmsb_line(e, "price[9] = 1") == MMSB_WRONG);
 * > CHECK(strstr(mmsb_message(e), "outside 0..4") != NULL); */
MMSB_API const char *mmsb_message(const mmsb_engine *engine);

/* Ends the work: queued deltas are dropped, everything is synced, a checkpoint written, the
 * directory given free, threads of the log ended. Pages, events, root and metrics can still be
 * read; what would change something gives MMSB_USAGE. A second call does nothing.
 *
 * > CHECK(mmsb_close(e) == MMSB_OK && mmsb_commit(e) == MMSB_USAGE);
 * > CHECK(*(const double *)mmsb_view(e, TOTAL, MMSB_F64) == 400.0); */
MMSB_API mmsb_status mmsb_close(mmsb_engine *engine);

/* Gives everything back, after mmsb_close if that was not called; views end here. NULL is allowed.
 * In a forked child only the handle: the memory stays until the child ends.
 *
 * > mmsb_free(NULL); */
MMSB_API void mmsb_free(mmsb_engine *engine);

/* How many pages can be read: they have the numbers 0 to count - 1, in the graph's order. The
 * numbers are the same for every engine of an image. Never fails.
 *
 * > CHECK(mmsb_page_count(e) == 6); */
MMSB_API uint32_t mmsb_page_count(const mmsb_engine *engine);

/* The number of the page of that name. MMSB_WRONG: there is none (the words propose another).
 *
 * > uint32_t page;
 * > CHECK(mmsb_page_find(e, "qty", &page) == MMSB_OK);
 * > CHECK(mmsb_page_find(e, "pric", &page) == MMSB_WRONG); */
MMSB_API mmsb_status mmsb_page_find(mmsb_engine *engine, const char *name, uint32_t *page);

/* Name, type, shape and place of a page. MMSB_USAGE: no such number, or struct_size is not set.
 *
 * > mmsb_page_info info = {.struct_size = sizeof info};
 * > CHECK(mmsb_page_describe(e, PRICE, &info) == MMSB_OK && info.type == MMSB_F64);
 * > CHECK(info.axes == 1 && info.dims[0] == 4 && (info.flags & MMSB_PAGE_SOURCE)); */
MMSB_API mmsb_status mmsb_page_describe(mmsb_engine *engine, uint32_t page, mmsb_page_info *out);

/* The lanes of a page where they lie, no copy, aligned to 4096; `type` is what the caller expects.
 * The address stays; the values are those of the last epoch, also after a rejected one, and change
 * in the next commit or tick: a reader on another thread takes a snapshot instead. Writing there
 * is undefined. NULL with words: no such page, or it has another type. In a callback the values
 * are those of the epoch that fired.
 *
 * > const double *value = (const double *)mmsb_view(e, VALUE, MMSB_F64);
 * > CHECK(value != NULL && value[3] == 100.0);
 * > CHECK(mmsb_view(e, VALUE, MMSB_I32) == NULL); */
MMSB_API const void *mmsb_view(mmsb_engine *engine, uint32_t page, mmsb_type type);

/* Queues a change of the lanes [first, first + count) of a source or state page. values: elements
 * of the page's type, one for each lane, or one for all (value_count is count or 1); copied.
 * MMSB_WRONG: the page takes no deltas, lanes outside, kind or value not for the type; the queue
 * is as before. MMSB_OUT_OF_SPACE: a commit holds 4 GiB; then all that was queued is dropped.
 *
 * > double bid = 101.25, more = 1.0;
 * > CHECK(mmsb_set(e, PRICE, MMSB_SET, 2, 1, &bid, 1) == MMSB_OK);
 * > CHECK(mmsb_set(e, PRICE, MMSB_ADD, 0, 4, &more, 1) == MMSB_OK);
 * > CHECK(mmsb_commit(e) == MMSB_OK);
 * > CHECK(((const double *)mmsb_view(e, PRICE, MMSB_F64))[2] == 102.25); */
MMSB_API mmsb_status mmsb_set(mmsb_engine *engine, uint32_t page, mmsb_kind kind, uint64_t first,
                              uint64_t count, const void *values, uint64_t value_count);

/* The same for `count` lanes anywhere: lane lanes[k] gets values[k] (or values[0]). Lanes may
 * repeat; they are changed in order. Errors as mmsb_set.
 *
 * > uint64_t lanes[3] = {3, 0, 3};
 * > int64_t values[3] = {5, 6, 7};
 * > CHECK(mmsb_scatter(e, QTY, MMSB_ADD, lanes, 3, values, 3) == MMSB_OK);
 * > CHECK(mmsb_commit(e) == MMSB_OK);
 * > CHECK(((const int64_t *)mmsb_view(e, QTY, MMSB_I64))[3] == 13); */
MMSB_API mmsb_status mmsb_scatter(mmsb_engine *engine, uint32_t page, mmsb_kind kind,
                                  const uint64_t *lanes, uint64_t count, const void *values,
                                  uint64_t value_count);

/* The same for the lanes of [first, first + count) whose bit is set: bit k % 8 of mask[k / 8] is
 * lane first + k; bits past the end are 0. values: one for each set bit, in order, or one for all.
 * Errors as mmsb_set.
 *
 * > uint8_t mask = 5;
 * > uint8_t off = 0;
 * > CHECK(mmsb_mask(e, ON, MMSB_AND, 0, 4, &mask, &off, 1) == MMSB_OK);
 * > CHECK(mmsb_commit(e) == MMSB_OK);
 * > CHECK(((const uint8_t *)mmsb_view(e, ON, MMSB_BOOL))[2] == 0); */
MMSB_API mmsb_status mmsb_mask(mmsb_engine *engine, uint32_t page, mmsb_kind kind, uint64_t first,
                               uint64_t count, const uint8_t *mask, const void *values,
                               uint64_t value_count);

/* In place: queues a change of [first, first + count) whose `count` values the caller writes to
 * *to, where the log and the engine will read them, before the next call on this engine. What is
 * not written is undefined (bools: false). Errors as mmsb_set.
 *
 * > void *to;
 * > CHECK(mmsb_place(e, PRICE, MMSB_SET, 0, 4, &to) == MMSB_OK);
 * > for (int k = 0; k < 4; k++) ((double *)to)[k] = k + 1.0;
 * > CHECK(mmsb_commit(e) == MMSB_OK);
 * > CHECK(*(const double *)mmsb_view(e, TOTAL, MMSB_F64) == 10.0); */
MMSB_API mmsb_status mmsb_place(mmsb_engine *engine, uint32_t page, mmsb_kind kind, uint64_t first,
                                uint64_t count, void **to);

/* Queues what a line of a delta file says (docs/Language.md, "Deltas"), without newline:
 * "price[3..5] += 1, 2"; blank lines and comments do nothing. @FILE is relative to the current
 * directory. MMSB_WRONG: words say what is wrong; the queue is as before. `commit` and `tick` are
 * MMSB_USAGE.
 *
 * > CHECK(mmsb_line(e, "price[1..3] = 2.5, 3.5 // a comment") == MMSB_OK);
 * > CHECK(mmsb_commit(e) == MMSB_OK); */
MMSB_API mmsb_status mmsb_line(mmsb_engine *engine, const char *line);

/* Forgets what is queued.
 *
 * > CHECK(mmsb_line(e, "price[0] = 5") == MMSB_OK && mmsb_drop(e) == MMSB_OK);
 * > CHECK(mmsb_commit(e) == MMSB_OK);
 * > CHECK(((const double *)mmsb_view(e, PRICE, MMSB_F64))[0] == 100.0); */
MMSB_API mmsb_status mmsb_drop(mmsb_engine *engine);

/* Makes the next epoch of what is queued; of nothing, a tick. MMSB_REJECTED: a fault or a failed
 * assert; the words name page, index, values and source line, the deltas are dropped, the state is
 * bit for bit as before, nothing is logged. MMSB_IO: the disk took no more, and the deltas are
 * dropped; or the log failed: then pages may show the epoch that was not kept, every later change
 * is refused, and the engine can only be closed. A checkpoint that fails is told to `note` only.
 *
 * > CHECK(mmsb_line(e, "price[1] = -1") == MMSB_OK);
 * > CHECK(mmsb_commit(e) == MMSB_REJECTED && mmsb_epoch(e) == 0);
 * > CHECK(strstr(mmsb_message(e), "price not positive") != NULL); */
MMSB_API mmsb_status mmsb_commit(mmsb_engine *engine);

/* Up to n epochs without deltas. What is queued must be committed first (MMSB_USAGE). Stops at the
 * first rejected one (MMSB_REJECTED), when a callback says so, or before an epoch whose events
 * would not find room; *done, if not NULL, says how many were made.
 *
 * > uint64_t done;
 * > CHECK(mmsb_tick(e, 10, &done) == MMSB_OK && done == 10 && mmsb_epoch(e) == 10); */
MMSB_API mmsb_status mmsb_tick(mmsb_engine *engine, uint64_t n, uint64_t *done);

/* The next event of the last commit or tick, in the order in which they fired: 1 and *out, or 0
 * where there is none left. Each commit and tick forgets what was not taken. Nothing is kept where
 * options->on_event is set.
 *
 * > mmsb_event event = {.struct_size = sizeof event};
 * > CHECK(mmsb_line(e, "price[0] = 900") == MMSB_OK && mmsb_commit(e) == MMSB_OK);
 * > CHECK(mmsb_event_next(e, &event) == 1 && strcmp(event.name, "rich") == 0);
 * > CHECK(event.epoch == 1 && event.values[0].number == 1200.0);
 * > CHECK(mmsb_event_next(e, &event) == 0); */
MMSB_API int mmsb_event_next(mmsb_engine *engine, mmsb_event *out);

/* The number of the last epoch. Never fails; 0 for an engine that did not open.
 *
 * > CHECK(mmsb_commit(e) == MMSB_OK && mmsb_epoch(e) == 1); */
MMSB_API uint64_t mmsb_epoch(const mmsb_engine *engine);

/* The digest of the whole state at the last epoch: the same for the same graph, deltas and commits
 * on every machine and executor. Costs the pages that changed since it was last asked.
 *
 * > uint64_t before, after;
 * > CHECK(mmsb_root(e, &before) == MMSB_OK && mmsb_commit(e) == MMSB_OK);
 * > CHECK(mmsb_root(e, &after) == MMSB_OK && before != after); */
MMSB_API mmsb_status mmsb_root(mmsb_engine *engine, uint64_t *root);

/* Returns when every epoch so far survives power loss. Without a directory there is nothing to do.
 * MMSB_IO is final: see mmsb_commit.
 *
 * > mmsb_metrics m = {.struct_size = sizeof m};
 * > CHECK(mmsb_commit(e) == MMSB_OK && mmsb_sync(e) == MMSB_OK);
 * > CHECK(mmsb_metrics_read(e, &m) == MMSB_OK && m.durable_epoch == 1); */
MMSB_API mmsb_status mmsb_sync(mmsb_engine *engine);

/* Writes a checkpoint of the last epoch, from which the next opening starts. Without a directory
 * there is nothing to do. MMSB_IO: it is not written; the log goes on.
 *
 * > CHECK(mmsb_commit(e) == MMSB_OK && mmsb_checkpoint(e) == MMSB_OK); */
MMSB_API mmsb_status mmsb_checkpoint(mmsb_engine *engine);

/* Counters. MMSB_USAGE: struct_size is not set.
 *
 * > mmsb_metrics m = {.struct_size = sizeof m};
 * > CHECK(mmsb_commit(e) == MMSB_OK && mmsb_metrics_read(e, &m) == MMSB_OK && m.epochs == 1); */
MMSB_API mmsb_status mmsb_metrics_read(mmsb_engine *engine, mmsb_metrics *out);

/* A copy of pages at the last epoch, which other threads may read and which outlives the engine.
 * pages: `count` page numbers; count 0: all pages. Freed with mmsb_snapshot_free.
 *
 * > mmsb_snapshot *now = NULL;
 * > uint32_t page = TOTAL;
 * > CHECK(mmsb_snapshot_take(e, &page, 1, &now) == MMSB_OK && mmsb_snapshot_epoch(now) == 0);
 * > CHECK(*(const double *)mmsb_snapshot_view(now, TOTAL, MMSB_F64) == 400.0);
 * > mmsb_snapshot_free(now); */
MMSB_API mmsb_status mmsb_snapshot_take(mmsb_engine *engine, const uint32_t *pages, uint32_t count,
                                        mmsb_snapshot **out);

/* The lanes of a page of the snapshot, aligned to 64; NULL where it has not that page or type. Any
 * thread.
 *
 * > mmsb_snapshot *now = NULL;
 * > CHECK(mmsb_snapshot_take(e, NULL, 0, &now) == MMSB_OK);
 * > CHECK(((const int64_t *)mmsb_snapshot_view(now, QTY, MMSB_I64))[0] == 1);
 * > mmsb_snapshot_free(now); */
MMSB_API const void *mmsb_snapshot_view(const mmsb_snapshot *snapshot, uint32_t page,
                                        mmsb_type type);

/* The epoch of which it is a copy. Any thread.
 *
 * > mmsb_snapshot *now = NULL;
 * > CHECK(mmsb_commit(e) == MMSB_OK && mmsb_snapshot_take(e, NULL, 0, &now) == MMSB_OK);
 * > CHECK(mmsb_snapshot_epoch(now) == 1);
 * > mmsb_snapshot_free(now); */
MMSB_API uint64_t mmsb_snapshot_epoch(const mmsb_snapshot *snapshot);

/* NULL is allowed. One thread, after the last reader.
 *
 * > mmsb_snapshot_free(NULL); */
MMSB_API void mmsb_snapshot_free(mmsb_snapshot *snapshot);

#ifdef __cplusplus
}
#endif
#endif
