/* SPDX-License-Identifier: Apache-2.0
 * tlog: the writing side. One thread appends; with DURABILITY_BATCH a second one syncs. `lock`
 * guards durable, appended, failed, stop; fd changes only while the second thread is idle. */
#include "tlog.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "core/image.h"

#define SEGMENT_BYTES (64ull << 20)
#define AHEAD_FIRST (256ull << 10)
#define AHEAD_MOST (8ull << 20)
#define ZERO_BYTES (256u << 10)
#define GATHER_NS 1000000

struct tlog {
    tlog_options o;
    tlog_place place;
    int fd;
    char name[40];
    u64 zeroed_to; /* bytes of the segment that are written: records, then zeros */
    u64 limit;     /* of the segment */
    u64 appended;  /* epoch of the last record */
    u64 durable;
    u64 records, synced; /* appended, and how many of them are durable */
    int failed;          /* errno of a failure that is final */
    bool threaded, stop, hurry, dirty, busy;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake, done;
};

u64 tlog_seed(const u8 uuid[16]) {
    u64 half[2];
    memcpy(half, uuid, 16);
    return half[0] ^ half[1];
}

void tlog_segment_name(u64 number, char to[40]) {
    snprintf(to, 40, "log-%llu", (unsigned long long)number);
}

static mmsb_status zeros_write(tlog *t, int fd, u64 from, u64 to, message *m) {
    ASSERT(fd >= 0);
    ASSERT(from < to);
    static const u8 zeros[ZERO_BYTES];
    int reserved = t->o.files->reserve(t->o.files, fd, from, to - from);
    if (reserved < 0 && reserved != -EOPNOTSUPP && reserved != -EINVAL)
        return file_failed(m, "reserve log bytes in", t->name, reserved);
    for (u64 at = from; at < to; at += ZERO_BYTES)
        TRY(file_write_all(t->o.files, fd, zeros, u64_min(ZERO_BYTES, to - at), at, t->name, m));
    return MMSB_OK;
}

static void log_fail(tlog *t, int error) {
    ASSERT(error > 0);
    if (t->threaded) pthread_mutex_lock(&t->lock);
    t->failed = error;
    if (t->threaded) pthread_mutex_unlock(&t->lock);
}

/* A segment appears under its name whole: written beside, synced, renamed, folder synced. */
static mmsb_status segment_write(tlog *t, int fd, u64 number, u64 zeroed, message *m) {
    ASSERT(fd >= 0);
    ASSERT(zeroed >= TLOG_START);
    static const u8 magic[9] = TLOG_MAGIC;
    _Alignas(8) u8 head[TLOG_START] = {0};
    tlog_segment *s = (tlog_segment *)head;
    memcpy(s->magic, magic, 8);
    s->version = TLOG_VERSION, s->math_version = MATH_VERSION, s->root_version = ROOT_VERSION;
    memcpy(s->uuid, t->o.uuid, 16);
    s->number = number, s->epoch = t->place.epoch, s->digest_prev = t->place.digest_prev;
    s->image_digest = t->o.image_digest;
    s->digest = XXH3_64bits_withSeed(head + 16, TLOG_START - 16, tlog_seed(t->o.uuid));
    TRY(zeros_write(t, fd, 0, zeroed, m));
    TRY(file_write_all(t->o.files, fd, head, TLOG_START, 0, t->name, m));
    int synced = t->o.files->sync(t->o.files, fd);
    return synced < 0 ? file_failed(m, "sync", t->name, synced) : MMSB_OK;
}

static mmsb_status segment_create(tlog *t, u64 record_bytes, message *m) {
    file_calls *f = t->o.files;
    char beside[64], name[40];
    u64 number = t->place.segment + 1;
    u64 limit = u64_max(t->o.segment_bytes, TLOG_START + ALIGN_UP(record_bytes, 64));
    u64 zeroed = u64_min(limit, TLOG_START + u64_max(AHEAD_FIRST, ALIGN_UP(record_bytes, 4096)));
    tlog_segment_name(number, name);
    ASSERT(limit >= zeroed);
    snprintf(beside, sizeof beside, "%s.new", name);
    int fd = f->open_at(f, t->o.folder, beside, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW, 0666);
    if (fd < 0) return file_failed(m, "create", name, fd);
    mmsb_status s = segment_write(t, fd, number, zeroed, m);
    int renamed = s == MMSB_OK ? f->rename_at(f, t->o.folder, beside, name) : 0;
    if (renamed < 0) s = file_failed(m, "rename a new segment to", name, renamed);
    int synced = s == MMSB_OK ? f->sync(f, t->o.folder) : 0;
    if (synced < 0) { /* the segment has its name: no record may go to the one before any more */
        log_fail(t, -synced);
        s = file_failed(m, "sync the folder of", name, synced);
    }
    if (s != MMSB_OK) {
        if (synced == 0) f->unlink_at(f, t->o.folder, beside);
        f->close(f, fd);
        return s;
    }
    if (t->fd >= 0) f->close(f, t->fd);
    t->fd = fd, t->limit = limit, t->zeroed_to = zeroed;
    t->place.segment = number, t->place.offset = TLOG_START;
    memcpy(t->name, name, sizeof name);
    return MMSB_OK;
}

static void *sync_thread(void *context) {
    tlog *t = context;
    pthread_mutex_lock(&t->lock);
    for (;;) {
        while (!t->stop && !(t->dirty && (t->hurry || t->o.mode == DURABILITY_BATCH)))
            pthread_cond_wait(&t->wake, &t->lock);
        if (t->stop) break;
        if (!t->hurry) { /* gathers what comes in the next millisecond */
            struct timespec until;
            clock_gettime(CLOCK_MONOTONIC, &until);
            until.tv_nsec += GATHER_NS;
            until.tv_sec += until.tv_nsec / 1000000000, until.tv_nsec %= 1000000000;
            while (!t->hurry && !t->stop &&
                   pthread_cond_timedwait(&t->wake, &t->lock, &until) != ETIMEDOUT) {
            }
        }
        if (t->stop) break;
        u64 epoch = t->appended, records = t->records;
        ASSERT(epoch >= t->durable);
        t->dirty = false, t->busy = true, t->hurry = false;
        pthread_mutex_unlock(&t->lock);
        int synced = t->o.files->sync_data(t->o.files, t->fd);
        pthread_mutex_lock(&t->lock);
        t->busy = false;
        if (synced < 0)
            t->failed = -synced;
        else
            t->durable = epoch, t->synced = records;
        pthread_cond_broadcast(&t->done);
        if (synced < 0) break;
    }
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

/* Waits by a clock that nobody sets; signals go to other threads. */
static bool thread_start(tlog *t) {
    sigset_t all, before;
    ASSERT(!t->threaded);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    t->threaded = pthread_create(&t->thread, NULL, sync_thread, t) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return t->threaded;
}

static mmsb_status failed_words(const tlog *t, int error, message *m) {
    ASSERT(error != 0);
    char reason[128];
    return message_set(
        m, MMSB_IO,
        "%s: writing or syncing the log failed (%s): nothing more is taken; what was "
        "said to be durable is, the rest is known after the next start",
        t->name, strerror_r(error, reason, sizeof reason));
}

mmsb_status tlog_open(const tlog_options *o, const tlog_place *place, tlog **out, message *m) {
    ASSERT(place->segment == 0 || place->offset >= TLOG_START);
    ASSERT(place->segment != 0 || place->epoch == 0);
    tlog *t = region_take(sizeof *t);
    *out = NULL;
    if (t == NULL) return message_set(m, MMSB_OUT_OF_SPACE, "no memory for the log");
    t->o = *o, t->place = *place, t->fd = -1;
    if (t->o.segment_bytes == 0) t->o.segment_bytes = SEGMENT_BYTES;
    t->appended = t->durable = place->epoch;
    tlog_segment_name(place->segment, t->name);
    pthread_mutex_init(&t->lock, NULL);
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&t->wake, &clock);
    pthread_condattr_destroy(&clock);
    pthread_cond_init(&t->done, NULL);
    mmsb_status s = MMSB_OK;
    if (place->segment == 0) {
        tlog_segment_name(1, t->name);
        s = segment_create(t, 0, m);
    } else {
        t->fd = o->files->open_at(o->files, o->folder, t->name, O_RDWR | O_NOFOLLOW, 0);
        i64 size = t->fd < 0 ? t->fd : o->files->size(o->files, t->fd);
        if (size < 0) s = file_failed(m, "open", t->name, size);
        t->zeroed_to = size < 0 ? 0 : (u64)size;
        t->limit = u64_max(t->o.segment_bytes, t->zeroed_to);
        /* What was recovered may only be in the page cache: nobody sees it before it is synced. */
        int synced = s == MMSB_OK ? o->files->sync(o->files, t->fd) : 0;
        if (synced < 0) s = file_failed(m, "sync", t->name, synced);
    }
    bool threaded = o->mode == DURABILITY_BATCH || (o->mode == DURABILITY_NONE && o->background);
    if (s == MMSB_OK && threaded && !thread_start(t))
        s = message_set(m, MMSB_OUT_OF_SPACE, "no thread for syncing the log");
    if (s != MMSB_OK) {
        tlog_close(t);
        return s;
    }
    *out = t;
    return MMSB_OK;
}

mmsb_status tlog_reserve(tlog *t, u64 bytes, message *m) {
    ASSERT(bytes % 8 == 0);
    ASSERT(t->place.segment > 0);
    u64 need = t->place.offset + bytes;
    if (need > t->limit) {
        TRY(tlog_sync(t, m));
        return segment_create(t, bytes, m);
    }
    if (need <= t->zeroed_to) return MMSB_OK;
    u64 ahead = u64_min(AHEAD_MOST, u64_max(AHEAD_FIRST, t->zeroed_to));
    u64 to = u64_min(t->limit, ALIGN_UP(u64_max(need, t->zeroed_to + ahead), 4096));
    u64 least = u64_min(t->limit, ALIGN_UP(need, 4096));
    mmsb_status s = zeros_write(t, t->fd, t->zeroed_to, to, m);
    if (s != MMSB_OK && least < to) { /* the disk is nearly full: not ahead, then */
        to = least;
        s = zeros_write(t, t->fd, t->zeroed_to, to, m);
    }
    if (s == MMSB_OK) t->zeroed_to = to;
    return s;
}

mmsb_status tlog_append(tlog *t, tlog_head *record, message *m) {
    ASSERT(record->epoch >= t->place.epoch);
    u64 bytes = sizeof *record + record->body_bytes;
    ASSERT(record->kind > TLOG_END && record->kind < TLOG_KIND_COUNT);
    ASSERT(bytes % 8 == 0 && t->place.offset + bytes <= t->zeroed_to);
    if (t->threaded) pthread_mutex_lock(&t->lock);
    int failed = t->failed;
    record->durable = t->durable;
    if (t->threaded) pthread_mutex_unlock(&t->lock);
    if (failed != 0) return failed_words(t, failed, m);
    record->digest_prev = t->place.digest_prev;
    record->place = t->place.segment << 40 | t->place.offset;
    record->digest = XXH3_64bits_withSeed((const u8 *)record + 8, bytes - 8, tlog_seed(t->o.uuid));
    mmsb_status s = file_write_all(t->o.files, t->fd, record, bytes, t->place.offset, t->name, m);
    if (t->threaded) pthread_mutex_lock(&t->lock);
    if (s != MMSB_OK) t->failed = EIO;
    if (s == MMSB_OK) {
        t->place.digest_prev = record->digest, t->place.offset += bytes;
        t->place.epoch = t->appended = record->epoch, t->records++;
        if (!t->dirty && t->threaded && t->o.mode == DURABILITY_BATCH)
            pthread_cond_signal(&t->wake);
        t->dirty = true;
    }
    if (t->threaded) pthread_mutex_unlock(&t->lock);
    return s;
}

mmsb_status tlog_sync(tlog *t, message *m) {
    if (t->threaded) {
        pthread_mutex_lock(&t->lock);
        while ((t->dirty || t->busy) && t->failed == 0) {
            t->hurry = true;
            pthread_cond_signal(&t->wake);
            pthread_cond_wait(&t->done, &t->lock);
        }
        int failed = t->failed;
        pthread_mutex_unlock(&t->lock);
        return failed != 0 ? failed_words(t, failed, m) : MMSB_OK;
    }
    if (t->failed != 0) return failed_words(t, t->failed, m);
    if (!t->dirty) return MMSB_OK;
    int synced = t->o.files->sync_data(t->o.files, t->fd);
    if (synced < 0) {
        t->failed = -synced;
        return failed_words(t, t->failed, m);
    }
    t->dirty = false;
    t->durable = t->appended, t->synced = t->records;
    return MMSB_OK;
}

u64 tlog_mark(tlog *t) {
    pthread_mutex_lock(&t->lock);
    u64 records = t->records;
    ASSERT(records >= t->synced);
    pthread_mutex_unlock(&t->lock);
    return records;
}

mmsb_status tlog_wait(tlog *t, u64 mark, message *m) {
    ASSERT(t->threaded);
    pthread_mutex_lock(&t->lock);
    while (t->synced < mark && t->failed == 0) {
        t->hurry = true;
        pthread_cond_signal(&t->wake);
        pthread_cond_wait(&t->done, &t->lock);
    }
    int failed = t->synced < mark ? t->failed : 0;
    pthread_mutex_unlock(&t->lock);
    return failed != 0 ? failed_words(t, failed, m) : MMSB_OK;
}

tlog_place tlog_at(const tlog *t) {
    ASSERT(t->place.offset >= TLOG_START);
    return t->place;
}

bool tlog_failed(tlog *t) {
    ASSERT(t->place.segment > 0);
    if (t->threaded) pthread_mutex_lock(&t->lock);
    bool failed = t->failed != 0;
    if (t->threaded) pthread_mutex_unlock(&t->lock);
    return failed;
}

u64 tlog_durable_epoch(tlog *t) {
    pthread_mutex_lock(&t->lock);
    u64 epoch = t->durable;
    ASSERT(epoch <= t->appended);
    pthread_mutex_unlock(&t->lock);
    return epoch;
}

void tlog_close(tlog *t) {
    if (t == NULL) return;
    if (t->threaded) {
        pthread_mutex_lock(&t->lock);
        t->stop = true;
        pthread_cond_signal(&t->wake);
        pthread_mutex_unlock(&t->lock);
        pthread_join(t->thread, NULL);
    }
    if (t->fd >= 0) t->o.files->close(t->o.files, t->fd);
    pthread_mutex_destroy(&t->lock);
    pthread_cond_destroy(&t->wake);
    pthread_cond_destroy(&t->done);
    region_give_back(t, sizeof *t);
}
