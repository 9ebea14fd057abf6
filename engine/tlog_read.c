/* SPDX-License-Identifier: Apache-2.0
 * tlog_read: the reading side: whole records in order, and what their end means. A record that is
 * not whole is a torn tail, unless something proves that it was once durable: a later record whose
 * durable mark covers it, a checkpoint, a later segment. */
#include <fcntl.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "core/image.h"
#include "tlog.h"

typedef unsigned long long llu;

#define REST_BYTES ((u64)256 << 10) /* looked at together behind the last record */

/* How many bytes there are up to the last that is not zero. */
static u64 bytes_used(const u8 *at, u64 bytes) {
    ASSERT(at != NULL || bytes == 0);
    u64 used = 0, k = 0;
    for (; k + 64 <= bytes; k += 64) {
        u64 words[8], any = 0;
        memcpy(words, at + k, sizeof words);
        for (u32 w = 0; w < 8; w++) any |= words[w];
        if (any != 0) used = k + 64;
    }
    for (; k < bytes; k++)
        if (at[k] != 0) used = k + 1;
    while (used > 0 && at[used - 1] == 0) used--;
    return used;
}

static mmsb_status segment_check(file_window *w, u64 number, tlog_segment *out, message *m) {
    ASSERT(out != NULL);
    ASSERT(number > 0);
    llu n = number;
    const u8 *bytes;
    if (w->size < TLOG_START)
        return message_set(m, MMSB_DAMAGED, "log-%llu: %llu bytes are less than a segment's head",
                           n, (llu)w->size);
    TRY(window_at(w, 0, TLOG_START, &bytes, m));
    memcpy(out, bytes, sizeof *out);
    if (memcmp(out->magic, TLOG_MAGIC, 8) != 0)
        return message_set(m, MMSB_DAMAGED, "log-%llu: offset 0: not a log segment", n);
    if (out->version != TLOG_VERSION)
        return message_set(m, MMSB_WRONG, "log-%llu: version %u; this build reads version %u", n,
                           out->version, TLOG_VERSION);
    if (out->digest != XXH3_64bits_withSeed(bytes + 16, TLOG_START - 16, tlog_seed(out->uuid)))
        return message_set(m, MMSB_DAMAGED, "log-%llu: offset 8: the head's digest is wrong", n);
    if (out->number != number)
        return message_set(m, MMSB_DAMAGED, "log-%llu: this file is segment %llu", n,
                           (llu)out->number);
    if (out->math_version != MATH_VERSION || out->root_version != ROOT_VERSION)
        return message_set(
            m, MMSB_WRONG,
            "log-%llu: written with math version %u, root version %u; this build has "
            "%u and %u",
            n, out->math_version, out->root_version, MATH_VERSION, ROOT_VERSION);
    return MMSB_OK;
}

mmsb_status tlog_segment_read(file_calls *f, int folder, u64 number, tlog_segment *out,
                              message *m) {
    ASSERT(f != NULL);
    char name[40];
    file_window w = {.fd = -1};
    tlog_segment_name(number, name);
    int fd = f->open_at(f, folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
    if (fd < 0) return file_failed(m, "open", name, fd);
    TRY(window_open(&w, f, fd, name, m));
    mmsb_status s = segment_check(&w, number, out, m);
    window_close(&w);
    return s;
}

static mmsb_status segment_load(tlog_reader *r, u64 number, message *m) {
    ASSERT(number > 0);
    ASSERT(r->uuid != NULL);
    tlog_segment head;
    file_window *w = &r->window;
    if (w->files != NULL && w->fd >= 0) w->files->close(w->files, w->fd);
    w->fd = -1, w->size = w->from = w->filled = 0;
    tlog_segment_name(number, r->name);
    const char *name = r->name;
    int fd = r->files->open_at(r->files, r->folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
    if (fd == -2 /* ENOENT */)
        return message_set(m, MMSB_DAMAGED,
                           "%s is missing: epochs after %llu up to segment %llu cannot be known",
                           name, (llu)r->place.epoch, (llu)r->last_segment);
    if (fd < 0) return file_failed(m, "open", name, fd);
    TRY(window_open(w, r->files, fd, name, m));
    TRY(segment_check(w, number, &head, m));
    if (memcmp(head.uuid, r->uuid, 16) != 0 || head.image_digest != r->image_digest)
        return message_set(m, MMSB_DAMAGED, "%s: this segment belongs to another log", name);
    if (head.digest_prev != r->place.digest_prev || head.epoch != r->place.epoch)
        return message_set(
            m, MMSB_DAMAGED,
            "%s: it goes on after epoch %llu, but the segment before ends with epoch "
            "%llu: epochs in between are lost",
            name, (llu)head.epoch, (llu)r->place.epoch);
    r->place.segment = number, r->place.offset = TLOG_START;
    return MMSB_OK;
}

mmsb_status tlog_read_open(tlog_reader *r, message *m) {
    ASSERT(r->files != NULL);
    ASSERT(r->last_segment > 0);
    r->window = (file_window){.fd = -1};
    r->torn_bytes = 0;
    memset(&r->place, 0, sizeof r->place);
    return segment_load(r, 1, m);
}

/* The whole record that was written for place `at`, or NULL where none stands there. */
static mmsb_status record_at(tlog_reader *r, u64 at, u64 seed, const tlog_head **out, message *m) {
    ASSERT(at >= TLOG_START);
    ASSERT(at % 8 == 0);
    tlog_head h;
    const u8 *bytes;
    u64 size = r->window.size;
    *out = NULL;
    if (at > size || size - at < sizeof h) return MMSB_OK;
    TRY(window_at(&r->window, at, sizeof h, &bytes, m));
    memcpy(&h, bytes, sizeof h);
    if (h.place != (r->place.segment << 40 | at) || h.kind == TLOG_END ||
        h.kind >= TLOG_KIND_COUNT || h.flags != 0 || h.body_bytes % 8 != 0 ||
        h.body_bytes > size - at - sizeof h)
        return MMSB_OK;
    TRY(window_at(&r->window, at, sizeof h + h.body_bytes, &bytes, m));
    /* What was read again may be other bytes. */
    bool same = memcmp(bytes, &h, sizeof h) == 0;
    if (same && h.digest == XXH3_64bits_withSeed(bytes + 8, sizeof h - 8 + h.body_bytes, seed))
        *out = (const void *)bytes;
    return MMSB_OK;
}

static mmsb_status damage(const tlog_reader *r, u64 last, message *m) {
    ASSERT(last >= r->place.epoch);
    return message_set(
        m, MMSB_DAMAGED,
        "log-%llu: offset %llu: damaged behind epoch %llu; what was durable up to epoch "
        "%llu cannot be read. Restore the file from a copy; nothing was changed",
        (llu)r->place.segment, (llu)r->place.offset, (llu)r->place.epoch, (llu)last);
}

/* How many bytes from `at` on there are up to the last that is not zero. */
static mmsb_status rest_used(tlog_reader *r, u64 at, u64 *used, message *m) {
    ASSERT(used != NULL);
    u64 end = r->window.size;
    *used = 0;
    for (u64 k = at, part; k < end; k += part) {
        const u8 *bytes;
        part = u64_min(REST_BYTES, end - k);
        TRY(window_at(&r->window, k, part, &bytes, m));
        u64 here = bytes_used(bytes, part);
        if (here != 0) *used = k - at + here;
    }
    return MMSB_OK;
}

/* The bytes at the place are no record: clean end, torn tail, or damage. */
static mmsb_status end_classify(tlog_reader *r, message *m) {
    ASSERT(r->place.offset >= TLOG_START);
    u64 at = r->place.offset, seed = tlog_seed(r->uuid), size = r->window.size, used;
    TRY(rest_used(r, at, &used, m));
    u64 durable = r->known_durable;
    bool later = r->place.segment < r->last_segment, sealed = false;
    for (u64 k = at + 8; k < at + used && k + sizeof(tlog_head) <= size; k += 8) {
        const tlog_head *h;
        TRY(record_at(r, k, seed, &h, m));
        if (h == NULL) continue;
        durable = u64_max(durable, h->durable);
        /* These two are written after all before them was synced. */
        sealed = sealed || h->kind == TLOG_SEAL || h->kind == TLOG_CLOSE;
    }
    if (later && used == 0) return segment_load(r, r->place.segment + 1, m);
    if (later || sealed || durable > r->place.epoch)
        return damage(r, u64_max(durable, r->place.epoch), m);
    r->torn_bytes = used;
    return MMSB_OK;
}

mmsb_status tlog_read_next(tlog_reader *r, const tlog_head **record, message *m) {
    ASSERT(record != NULL);
    const tlog_head *h = NULL;
    *record = NULL;
    for (u64 before = r->place.segment;; before = r->place.segment) {
        if (r->torn_bytes == 0) TRY(record_at(r, r->place.offset, tlog_seed(r->uuid), &h, m));
        if (h != NULL) break;
        TRY(end_classify(r, m));
        if (r->place.segment == before) return MMSB_OK;
    }
    u64 next = r->place.epoch;
    bool makes = h->kind == TLOG_EPOCH || h->kind == TLOG_TICKS;
    u64 made = h->kind == TLOG_EPOCH ? 1 : 0;
    if (h->kind == TLOG_TICKS && h->body_bytes == 8) memcpy(&made, h + 1, 8);
    bool body_fits = h->kind == TLOG_EPOCH || h->body_bytes == (h->kind == TLOG_SEAL ? 0 : 8);
    if (h->digest_prev != r->place.digest_prev || !body_fits || (makes && made == 0) ||
        h->epoch < next || h->epoch - next != made)
        return message_set(
            m, MMSB_DAMAGED,
            "log-%llu: offset %llu: a whole record of epoch %llu does not follow epoch "
            "%llu: records are missing or moved",
            (llu)r->place.segment, (llu)r->place.offset, (llu)h->epoch, (llu)next);
    r->place.offset += sizeof *h + h->body_bytes;
    ASSERT(r->place.offset <= r->window.size);
    r->place.digest_prev = h->digest;
    r->place.epoch = h->epoch;
    *record = h;
    return MMSB_OK;
}

mmsb_status tlog_cut(tlog_reader *r, message *m) {
    ASSERT(r->torn_bytes != 0);
    ASSERT(r->place.segment > 0);
    static const u8 zeros[4096];
    char name[40];
    tlog_segment_name(r->place.segment, name);
    int fd = r->files->open_at(r->files, r->folder, name, O_RDWR | O_NOFOLLOW, 0);
    if (fd < 0) return file_failed(m, "open", name, fd);
    mmsb_status s = MMSB_OK;
    u64 end = r->place.offset + r->torn_bytes;
    for (u64 at = r->place.offset; s == MMSB_OK && at < end; at += sizeof zeros)
        s = file_write_all(r->files, fd, zeros, u64_min(sizeof zeros, end - at), at, name, m);
    int synced = s == MMSB_OK ? r->files->sync(r->files, fd) : 0;
    if (synced < 0) s = file_failed(m, "sync", name, synced);
    r->files->close(r->files, fd);
    return s;
}

void tlog_read_close(tlog_reader *r) { window_close(&r->window); }
