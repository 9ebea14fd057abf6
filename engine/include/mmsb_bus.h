/* SPDX-License-Identifier: Apache-2.0
 * mmsb_bus: attaches to an engine that another process serves (mmsb-run --serve NAME), reads whole
 * epochs of its live pages without copying, sends it deltas. C99 and C++11; link with -lmmsb.
 *
 * What holds for every function:
 * - Status: MMSB_OK is 0. Whatever else comes back, mmsb_bus_message() has the words, and what the
 *   call was to change is as before, where the function does not say otherwise. MMSB_IO: the engine
 *   has closed, failed, or is gone.
 * - Threads: one thread at a time works on a handle, a waiting one included; a second one gets
 *   MMSB_BUSY and no words. mmsb_bus_epoch, mmsb_bus_view_begin, mmsb_bus_view_end and
 *   mmsb_bus_interrupt are for any number of threads at any time, as are the lanes themselves.
 *   Handles are independent.
 * - fork: a handle belongs to the process that attached. A child gets MMSB_FORKED; lanes stay
 *   readable there until its mmsb_bus_free.
 * - Lanes that a handle gave out stay mapped until mmsb_bus_free, whatever becomes of the engine.
 *   They are read-only: writing there ends the process.
 * - Ownership: what goes in is copied. What comes out stays the handle's, until mmsb_bus_free.
 * - Nothing is printed, no thread is started, no signal handler is set, nothing calls exit. Only a
 *   failed internal assertion, which is a bug of the library, ends the process (status 70).
 * - Times are nanoseconds; UINT64_MAX is no limit, 0 only looks. A limit that has passed is
 *   MMSB_BUSY. Pages have the numbers that mmsb.h gives them.
 *
 * Lines that begin with `>` are examples. The tests run them on a handle `b`, attached to the bus
 * BUS of an engine that serves the graph of mmsb.h with a state directory. */
#ifndef MMSB_BUS_H
#define MMSB_BUS_H
#include "mmsb.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mmsb_bus mmsb_bus;

typedef struct mmsb_bus_options {
    uint32_t struct_size;
    uint32_t zero;
    const char *name;    /* what the engine serves: mmsb-run --serve NAME, of the same user */
    uint64_t ring_bytes; /* for what is sent, a power of two, 4 KiB to 16 MiB; 0: 1 MiB. No commit
                          * is larger */
    uint64_t stream;     /* not 0: commits are logged under it with their numbers; one that is sent
                          * again counts once */
    uint64_t spin_ns;    /* how long a wait looks before it sleeps; 0: 20,000, for an answer 100,000
                          * unless answers keep taking longer or there is one processor */
} mmsb_bus_options;

enum {
    MMSB_BUS_LOG = 1,   /* the engine keeps a log that is synced: epochs become durable */
    MMSB_BUS_LEASES = 2 /* the engine has room for leases */
};
typedef struct mmsb_bus_state {
    uint32_t struct_size;
    uint32_t flags;         /* MMSB_BUS_LOG, MMSB_BUS_LEASES */
    uint64_t epoch;         /* last published */
    uint64_t durable_epoch; /* every epoch up to it survives power loss; 0 without a log */
    uint64_t last_number;   /* of the stream, in the log when this handle attached */
    uint64_t next_number;   /* of the next commit */
    uint64_t unanswered;    /* commits sent whose answers were not taken */
    uint64_t pending_bytes; /* of the commit being made */
} mmsb_bus_state;

/* What mmsb_bus_view_begin notes for mmsb_bus_view_end. */
typedef struct mmsb_bus_mark {
    uint64_t sequence;
    uint64_t epoch; /* of what is read between them */
} mmsb_bus_mark;

/* Lanes that an epoch changed. */
typedef struct mmsb_bus_change {
    uint64_t epoch;
    uint64_t first, count;
    uint32_t page;
    uint32_t zero;
} mmsb_bus_change;

typedef struct mmsb_bus_answer {
    uint32_t struct_size;
    uint32_t status; /* MMSB_OK: applied, every reader sees it. Else nothing has changed */
    uint64_t number; /* of the commit */
    uint64_t epoch;  /* that it made; where it made none, the one that stood */
    uint32_t again;  /* 1: this number, or a later one, was in the log: nothing has changed now */
    uint32_t zero;
    const char *words; /* of the engine, "" where applied; valid until the next call */
} mmsb_bus_answer;

/* Attaches. *out is a handle also after a failure, for mmsb_bus_message and mmsb_bus_free alone
 * (NULL only where memory is short or `out` is NULL). MMSB_ABSENT: nobody serves that name, or in
 * another version. MMSB_BUSY: no room for another client.
 *
 * > mmsb_bus_options o = {.struct_size = sizeof o, .name = BUS};
 * > mmsb_bus *second = NULL;
 * > CHECK(mmsb_bus_attach(&o, &second) == MMSB_OK);
 * > mmsb_bus_free(second); */
MMSB_API mmsb_status mmsb_bus_attach(const mmsb_bus_options *options, mmsb_bus **out);

/* Leaves the engine: ends a lease, drops what was not sent, gives the place to others. What was
 * sent is applied while the engine serves, but nobody hears the answer. Pages can still be read. A
 * second call does nothing.
 *
 * > CHECK(mmsb_bus_detach(b) == MMSB_OK && mmsb_bus_commit(b, 0, NULL) == MMSB_USAGE);
 * > CHECK(*(const double *)mmsb_bus_view(b, TOTAL, MMSB_F64) == 400.0); */
MMSB_API mmsb_status mmsb_bus_detach(mmsb_bus *bus);

/* Gives everything back, after mmsb_bus_detach if that was not called; lanes end here. NULL is
 * allowed. In a forked child the parent's connection is left alone.
 *
 * > mmsb_bus_free(NULL); */
MMSB_API void mmsb_bus_free(mmsb_bus *bus);

/* The words of the last call that did not give MMSB_OK; "" before that. Never NULL; valid until
 * the next such call. `bus` may be NULL ("no memory").
 *
 * > CHECK(mmsb_bus_line(b, "price[9] = 1") == MMSB_WRONG);
 * > CHECK(strstr(mmsb_bus_message(b), "outside 0..4") != NULL); */
MMSB_API const char *mmsb_bus_message(const mmsb_bus *bus);

/* How many pages can be read: they have the numbers 0 to count - 1, those of mmsb.h. Never fails;
 * 0 for a handle that did not attach.
 *
 * > CHECK(mmsb_bus_page_count(b) == 6); */
MMSB_API uint32_t mmsb_bus_page_count(const mmsb_bus *bus);

/* The number of the page of that name. MMSB_WRONG: there is none (the words propose another).
 *
 * > uint32_t page;
 * > CHECK(mmsb_bus_page_find(b, "qty", &page) == MMSB_OK && page == QTY);
 * > CHECK(mmsb_bus_page_find(b, "pric", &page) == MMSB_WRONG); */
MMSB_API mmsb_status mmsb_bus_page_find(mmsb_bus *bus, const char *name, uint32_t *page);

/* Name, type, shape and place of a page. MMSB_USAGE: no such number, or struct_size is not set.
 *
 * > mmsb_page_info info = {.struct_size = sizeof info};
 * > CHECK(mmsb_bus_page_describe(b, PRICE, &info) == MMSB_OK && info.type == MMSB_F64);
 * > CHECK(info.axes == 1 && info.dims[0] == 4 && (info.flags & MMSB_PAGE_SOURCE)); */
MMSB_API mmsb_status mmsb_bus_page_describe(mmsb_bus *bus, uint32_t page, mmsb_page_info *out);

/* The number of the last epoch that is published. Never fails; 0 for a handle that did not attach.
 * Any thread.
 *
 * > CHECK(mmsb_bus_epoch(b) == 0); */
MMSB_API uint64_t mmsb_bus_epoch(const mmsb_bus *bus);

/* How things stand. *out is filled also with MMSB_IO, which says that the engine has closed, failed
 * or is gone. MMSB_USAGE: struct_size is not set.
 *
 * > mmsb_bus_state s = {.struct_size = sizeof s};
 * > CHECK(mmsb_bus_state_read(b, &s) == MMSB_OK && s.epoch == 0 && s.next_number == 1);
 * > CHECK(s.flags == (MMSB_BUS_LOG | MMSB_BUS_LEASES)); */
MMSB_API mmsb_status mmsb_bus_state_read(mmsb_bus *bus, mmsb_bus_state *out);

/* The lanes of a page where the engine computes them, no copy, aligned to 4096, row-major; `type`
 * is what the caller expects, or MMSB_ANY. The address stays, the values move while the engine
 * works: read between mmsb_bus_view_begin and mmsb_bus_view_end. NULL with words: no such page, or
 * it has another type.
 *
 * > CHECK(mmsb_bus_view(b, VALUE, MMSB_F64) != NULL && mmsb_bus_view(b, VALUE, MMSB_I32) == NULL);
 */
MMSB_API const void *mmsb_bus_view(mmsb_bus *bus, uint32_t page, mmsb_type type);

/* Waits for a whole epoch and notes which it is. What is read of all pages from here on is of that
 * epoch if mmsb_bus_view_end says 1, and of no epoch else: read again. Costs two loads; takes no
 * lock. MMSB_BUSY: none for a second: take a lease. Leaves no words. Any thread.
 *
 * > mmsb_bus_mark mark;
 * > const double *value = (const double *)mmsb_bus_view(b, VALUE, MMSB_F64);
 * > double sum;
 * > do {
 * >     CHECK(mmsb_bus_view_begin(b, &mark) == MMSB_OK);
 * >     sum = value[0] + value[1] + value[2] + value[3];
 * > } while (!mmsb_bus_view_end(b, &mark));
 * > CHECK(sum == 400.0 && mark.epoch == 0); */
MMSB_API mmsb_status mmsb_bus_view_begin(const mmsb_bus *bus, mmsb_bus_mark *mark);

/* 1: everything read since mmsb_bus_view_begin was of mark->epoch. 0: read again. Any thread.
 *
 * > mmsb_bus_mark mark;
 * > CHECK(mmsb_bus_view_begin(b, &mark) == MMSB_OK && mmsb_bus_view_end(b, &mark) == 1);
 * > CHECK(mmsb_bus_view_begin(b, &mark) == MMSB_OK && mmsb_bus_line(b, "qty[0] = 2") == MMSB_OK);
 * > mmsb_bus_answer a = {.struct_size = sizeof a};
 * > CHECK(mmsb_bus_commit(b, 0, NULL) == MMSB_OK);
 * > CHECK(mmsb_bus_answer_next(b, SECONDS, &a) == MMSB_OK && mmsb_bus_view_end(b, &mark) == 0); */
MMSB_API int mmsb_bus_view_end(const mmsb_bus *bus, const mmsb_bus_mark *mark);

/* Copies the lanes [first, first + count) of a page of that type, all of one epoch, whose number
 * goes to *epoch (may be NULL). MMSB_BUSY: epochs follow each other faster than that for a second:
 * take a lease.
 *
 * > int64_t two[2];
 * > uint64_t epoch;
 * > CHECK(mmsb_bus_read(b, QTY, MMSB_I64, 1, 2, two, &epoch) == MMSB_OK && two[1] == 1);
 * > CHECK(mmsb_bus_read(b, QTY, MMSB_I64, 3, 2, two, NULL) == MMSB_USAGE); */
MMSB_API mmsb_status mmsb_bus_read(mmsb_bus *bus, uint32_t page, mmsb_type type, uint64_t first,
                                   uint64_t count, void *to, uint64_t *epoch);

/* Pins the epoch that stands, and every page of it, until mmsb_bus_lease_end: nothing moves,
 * nothing is tried again; commits that this handle sent before are in it. One a handle
 * (MMSB_USAGE). MMSB_BUSY: all leases are held at other epochs, answers are not taken, or the
 * engine, which does one thing at a time, did not come to it within timeout_ns. MMSB_ABSENT: the
 * engine has none (--leases 0).
 *
 * > uint64_t epoch = 9;
 * > CHECK(mmsb_bus_lease(b, SECONDS, &epoch) == MMSB_OK && epoch == 0);
 * > CHECK(mmsb_bus_lease(b, SECONDS, &epoch) == MMSB_USAGE);
 * > CHECK(mmsb_bus_lease_end(b) == MMSB_OK); */
MMSB_API mmsb_status mmsb_bus_lease(mmsb_bus *bus, uint64_t timeout_ns, uint64_t *epoch);

/* The lanes of a page at the epoch of the lease, as mmsb_bus_view. After the lease they stay mapped
 * and hold what others lease. NULL with words: also where no lease is held.
 *
 * > mmsb_bus_answer a = {.struct_size = sizeof a};
 * > CHECK(mmsb_bus_lease(b, SECONDS, NULL) == MMSB_OK);
 * > const int64_t *qty = (const int64_t *)mmsb_bus_leased(b, QTY, MMSB_I64);
 * > CHECK(mmsb_bus_line(b, "qty[0] = 2") == MMSB_OK && mmsb_bus_commit(b, 0, NULL) == MMSB_OK);
 * > CHECK(mmsb_bus_answer_next(b, SECONDS, &a) == MMSB_OK && qty[0] == 1);
 * > CHECK(*(const int64_t *)mmsb_bus_view(b, QTY, MMSB_I64) == 2); */
MMSB_API const void *mmsb_bus_leased(mmsb_bus *bus, uint32_t page, mmsb_type type);

/* Ends the lease; without one it does nothing. Others can have it when the engine has heard.
 *
 * > CHECK(mmsb_bus_lease_end(b) == MMSB_OK && mmsb_bus_leased(b, QTY, MMSB_I64) == NULL); */
MMSB_API mmsb_status mmsb_bus_lease_end(mmsb_bus *bus);

/* Which lanes epochs changed since the last call (or the attach), at least those, oldest first:
 * fills up to `most`, *count says how many. *missed is 1 where some were lost, or one epoch changed
 * too much to list: then *count is 0, and everything must be read. The values that stand may be
 * newer than the row's epoch; their rows come then.
 *
 * > mmsb_bus_answer a = {.struct_size = sizeof a};
 * > mmsb_bus_change rows[8];
 * > uint32_t count;
 * > int missed;
 * > CHECK(mmsb_bus_line(b, "qty[2] = 5") == MMSB_OK && mmsb_bus_commit(b, 0, NULL) == MMSB_OK);
 * > CHECK(mmsb_bus_answer_next(b, SECONDS, &a) == MMSB_OK);
 * > CHECK(mmsb_bus_changes(b, rows, 8, &count, &missed) == MMSB_OK && count > 1 && !missed);
 * > CHECK(rows[0].epoch == 1 && rows[0].page == QTY && rows[0].first == 2 && rows[0].count == 1);
 */
MMSB_API mmsb_status mmsb_bus_changes(mmsb_bus *bus, mmsb_bus_change *to, uint32_t most,
                                      uint32_t *count, int *missed);

/* Returns when an epoch after `epoch` is published. MMSB_BUSY: not within timeout_ns.
 *
 * > CHECK(mmsb_bus_wait(b, mmsb_bus_epoch(b), 1000000) == MMSB_BUSY);
 * > CHECK(mmsb_bus_commit(b, 0, NULL) == MMSB_OK && mmsb_bus_wait(b, 0, SECONDS) == MMSB_OK); */
MMSB_API mmsb_status mmsb_bus_wait(mmsb_bus *bus, uint64_t epoch, uint64_t timeout_ns);

/* Returns when `epoch` survives power loss. MMSB_BUSY: not within timeout_ns. MMSB_ABSENT: the
 * engine keeps no log that is synced.
 *
 * > mmsb_bus_answer a = {.struct_size = sizeof a};
 * > CHECK(mmsb_bus_commit(b, 0, NULL) == MMSB_OK);
 * > CHECK(mmsb_bus_answer_next(b, SECONDS, &a) == MMSB_OK);
 * > CHECK(mmsb_bus_wait_durable(b, a.epoch, SECONDS) == MMSB_OK); */
MMSB_API mmsb_status mmsb_bus_wait_durable(mmsb_bus *bus, uint64_t epoch, uint64_t timeout_ns);

/* The call that waits on this handle (mmsb_bus_lease, _wait, _wait_durable, _answer_next), or else
 * the next one that would wait, comes back with MMSB_BUSY though its time is not over. What there
 * is without waiting is given. From any thread and from signal handlers, before mmsb_bus_free;
 * leaves no words.
 *
 * > CHECK(mmsb_bus_interrupt(b) == MMSB_OK);
 * > CHECK(mmsb_bus_wait(b, 0, UINT64_MAX) == MMSB_BUSY);
 * > CHECK(strstr(mmsb_bus_message(b), "interrupted") != NULL); */
MMSB_API mmsb_status mmsb_bus_interrupt(mmsb_bus *bus);

/* Adds a change of the lanes [first, first + count) of a source or state page to the commit being
 * made. values: elements of the page's type, one for each lane, or one for all (value_count is
 * count or 1); copied. MMSB_WRONG: the page takes no deltas, lanes outside, kind or value not for
 * the type. MMSB_OUT_OF_SPACE: the commit would not fit the ring.
 *
 * > double bid = 101.25;
 * > mmsb_bus_answer a = {.struct_size = sizeof a};
 * > CHECK(mmsb_bus_set(b, PRICE, MMSB_SET, 2, 1, &bid, 1) == MMSB_OK);
 * > CHECK(mmsb_bus_commit(b, 0, NULL) == MMSB_OK);
 * > CHECK(mmsb_bus_answer_next(b, SECONDS, &a) == MMSB_OK && a.status == MMSB_OK);
 * > CHECK(((const double *)mmsb_bus_view(b, PRICE, MMSB_F64))[2] == 101.25); */
MMSB_API mmsb_status mmsb_bus_set(mmsb_bus *bus, uint32_t page, mmsb_kind kind, uint64_t first,
                                  uint64_t count, const void *values, uint64_t value_count);

/* The same for `count` lanes anywhere: lane lanes[k] gets values[k] (or values[0]). Lanes may
 * repeat; they are changed in order. Errors as mmsb_bus_set.
 *
 * > uint64_t lanes[3] = {3, 0, 3};
 * > int64_t values[3] = {5, 6, 7};
 * > mmsb_bus_answer a = {.struct_size = sizeof a};
 * > CHECK(mmsb_bus_scatter(b, QTY, MMSB_ADD, lanes, 3, values, 3) == MMSB_OK);
 * > CHECK(mmsb_bus_commit(b, 0, NULL) == MMSB_OK);
 * > CHECK(mmsb_bus_answer_next(b, SECONDS, &a) == MMSB_OK && a.status == MMSB_OK);
 * > CHECK(((const int64_t *)mmsb_bus_view(b, QTY, MMSB_I64))[3] == 13); */
MMSB_API mmsb_status mmsb_bus_scatter(mmsb_bus *bus, uint32_t page, mmsb_kind kind,
                                      const uint64_t *lanes, uint64_t count, const void *values,
                                      uint64_t value_count);

/* The same for the lanes of [first, first + count) whose bit is set: bit k % 8 of mask[k / 8] is
 * lane first + k; bits past the end are 0. values: one for each set bit, in order, or one for all.
 * Errors as mmsb_bus_set.
 *
 * > uint8_t mask = 5;
 * > int64_t two[2] = {7, 8};
 * > mmsb_bus_answer a = {.struct_size = sizeof a};
 * > CHECK(mmsb_bus_mask(b, QTY, MMSB_SET, 1, 3, &mask, two, 2) == MMSB_OK);
 * > CHECK(mmsb_bus_commit(b, 0, NULL) == MMSB_OK);
 * > CHECK(mmsb_bus_answer_next(b, SECONDS, &a) == MMSB_OK && a.status == MMSB_OK);
 * > CHECK(((const int64_t *)mmsb_bus_view(b, QTY, MMSB_I64))[3] == 8); */
MMSB_API mmsb_status mmsb_bus_mask(mmsb_bus *bus, uint32_t page, mmsb_kind kind, uint64_t first,
                                   uint64_t count, const uint8_t *mask, const void *values,
                                   uint64_t value_count);

/* Adds what a line of a delta file says (docs/Language.md, "Deltas"), without newline:
 * "price[3..5] += 1, 2"; blank lines and comments do nothing. @FILE is read here, relative to the
 * current directory. MMSB_USAGE: `commit` and `tick`. Errors as mmsb_bus_set.
 *
 * > mmsb_bus_answer a = {.struct_size = sizeof a};
 * > CHECK(mmsb_bus_line(b, "price[1..3] = 2.5, 3.5 // a comment") == MMSB_OK);
 * > CHECK(mmsb_bus_commit(b, 0, NULL) == MMSB_OK);
 * > CHECK(mmsb_bus_answer_next(b, SECONDS, &a) == MMSB_OK && a.epoch == 1); */
MMSB_API mmsb_status mmsb_bus_line(mmsb_bus *bus, const char *line);

/* Forgets the commit being made.
 *
 * > mmsb_bus_state s = {.struct_size = sizeof s};
 * > CHECK(mmsb_bus_line(b, "price[0] = 5") == MMSB_OK && mmsb_bus_drop(b) == MMSB_OK);
 * > CHECK(mmsb_bus_state_read(b, &s) == MMSB_OK && s.pending_bytes == 0); */
MMSB_API mmsb_status mmsb_bus_drop(mmsb_bus *bus);

/* Sends the commit being made (empty: a tick) and does not wait: the engine makes one epoch of it,
 * or none. Its number goes to *sent (may be NULL). number: 0, the next; else, with a stream, this
 * one: a commit that is sent again with its number counts once. MMSB_BUSY: the ring is full, the
 * commit is kept: take an answer, then send it.
 *
 * > uint64_t first, second;
 * > CHECK(mmsb_bus_commit(b, 0, &first) == MMSB_OK && first == 1);
 * > CHECK(mmsb_bus_commit(b, 0, &second) == MMSB_OK && second == 2);
 * > CHECK(mmsb_bus_commit(b, 2, NULL) == MMSB_USAGE); */
MMSB_API mmsb_status mmsb_bus_commit(mmsb_bus *bus, uint64_t number, uint64_t *sent);

/* Waits for the next answer, in the order of commits. MMSB_BUSY: not within timeout_ns. MMSB_USAGE:
 * no commit was sent whose answer was not taken, or struct_size is not set. out->status is the
 * commit's: MMSB_REJECTED, with the engine's words, where a fault or an assert was in the way.
 *
 * > mmsb_bus_answer a = {.struct_size = sizeof a};
 * > CHECK(mmsb_bus_line(b, "price[1] = -1") == MMSB_OK && mmsb_bus_commit(b, 0, NULL) == MMSB_OK);
 * > CHECK(mmsb_bus_answer_next(b, SECONDS, &a) == MMSB_OK && a.status == MMSB_REJECTED);
 * > CHECK(strstr(a.words, "price not positive") != NULL && mmsb_bus_epoch(b) == 0);
 * > CHECK(mmsb_bus_answer_next(b, 0, &a) == MMSB_USAGE); */
MMSB_API mmsb_status mmsb_bus_answer_next(mmsb_bus *bus, uint64_t timeout_ns, mmsb_bus_answer *out);

/* For event loops: a descriptor that becomes readable at the next answer, epoch or durable epoch,
 * and when the engine is gone. It must only be polled. Each call arms it for one time, so: call,
 * then look (mmsb_bus_epoch, mmsb_bus_answer_next), then wait for it, then call again. The same
 * each time; -1 with words: a failure.
 *
 * > CHECK(mmsb_bus_descriptor(b) >= 0 && mmsb_bus_detach(b) == MMSB_OK);
 * > CHECK(mmsb_bus_descriptor(b) == -1); */
MMSB_API int mmsb_bus_descriptor(mmsb_bus *bus);

#ifdef __cplusplus
}
#endif
#endif
