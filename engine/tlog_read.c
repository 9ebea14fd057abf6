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

static bool bytes_are_zero(const u8 *at, u64 bytes) {
    for (u64 k = 0; k < bytes; k++)
        if (at[k] != 0) return false;
    return true;
}

mmsb_status tlog_segment_check(const u8 *bytes, u64 byte_count, u64 number, tlog_segment *out,
                               message *m) {
    ASSERT(out != NULL);
    ASSERT(number > 0);
    llu n = number;
    if (byte_count < TLOG_START)
        return message_set(m, MMSB_DAMAGED, "log-%llu: %llu bytes are less than a segment's head",
                           n, (llu)byte_count);
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

static mmsb_status segment_load(tlog_reader *r, u64 number, message *m) {
    ASSERT(number > 0);
    ASSERT(r->uuid != NULL);
    char name[40];
    tlog_segment head;
    file_unmap(r->bytes, r->byte_count);
    r->bytes = NULL, r->byte_count = 0;
    tlog_segment_name(number, name);
    const void *bytes;
    int fd = r->files->open_at(r->files, r->folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
    if (fd == -2 /* ENOENT */)
        return message_set(m, MMSB_DAMAGED,
                           "%s is missing: epochs after %llu up to segment %llu cannot be known",
                           name, (llu)r->place.epoch, (llu)r->last_segment);
    if (fd < 0) return file_failed(m, "open", name, fd);
    mmsb_status s = file_map_fd(r->files, fd, name, &bytes, &r->byte_count, m);
    r->files->close(r->files, fd);
    TRY(s);
    r->bytes = bytes;
    TRY(tlog_segment_check(r->bytes, r->byte_count, number, &head, m));
    if (memcmp(head.uuid, r->uuid, 16) != 0 || head.image_digest != r->image_digest)
        return message_set(m, MMSB_DAMAGED, "%s: this segment belongs to another log", name);
    if (head.digest_prev != r->place.digest_prev || head.epoch != r->place.epoch)
        return message_set(
            m, MMSB_DAMAGED,
            "%s: it goes on after epoch %llu, but the segment before ends with epoch "
            "%llu: epochs in between are lost",
            name, (llu)head.epoch, (llu)r->place.epoch);
    r->place.segment = number, r->place.offset = TLOG_START;
    r->segment_end = r->byte_count;
    return MMSB_OK;
}

mmsb_status tlog_read_open(tlog_reader *r, message *m) {
    ASSERT(r->files != NULL);
    ASSERT(r->last_segment > 0);
    r->bytes = NULL, r->byte_count = 0, r->torn_bytes = 0;
    memset(&r->place, 0, sizeof r->place);
    return segment_load(r, 1, m);
}

/* Whether a whole record that was written for this place stands at `at`. */
static bool record_is_whole(const tlog_reader *r, u64 at, u64 seed) {
    ASSERT(at >= TLOG_START);
    ASSERT(at % 8 == 0);
    tlog_head h;
    if (at + sizeof h > r->byte_count) return false;
    memcpy(&h, r->bytes + at, sizeof h);
    if (h.place != (r->place.segment << 40 | at) || h.kind == TLOG_END ||
        h.kind >= TLOG_KIND_COUNT || h.flags != 0 || h.body_bytes % 8 != 0 ||
        h.body_bytes > r->byte_count - at - sizeof h)
        return false;
    return h.digest == XXH3_64bits_withSeed(r->bytes + at + 8, sizeof h - 8 + h.body_bytes, seed);
}

static mmsb_status damage(const tlog_reader *r, u64 last, message *m) {
    ASSERT(last >= r->place.epoch);
    return message_set(
        m, MMSB_DAMAGED,
        "log-%llu: offset %llu: damaged behind epoch %llu; what was durable up to epoch "
        "%llu cannot be read. Restore the file from a copy; nothing was changed",
        (llu)r->place.segment, (llu)r->place.offset, (llu)r->place.epoch, (llu)last);
}

/* The bytes at the place are no record: clean end, torn tail, or damage. */
static mmsb_status end_classify(tlog_reader *r, message *m) {
    ASSERT(r->place.offset >= TLOG_START);
    u64 at = r->place.offset, seed = tlog_seed(r->uuid);
    u64 rest = r->byte_count > at ? r->byte_count - at : 0;
    bool clean = bytes_are_zero(r->bytes + u64_min(at, r->byte_count), rest);
    u64 durable = r->known_durable;
    bool later = r->place.segment < r->last_segment, sealed = false;
    for (u64 k = at + 8; !clean && k + sizeof(tlog_head) <= r->byte_count; k += 8) {
        if (!record_is_whole(r, k, seed)) continue;
        tlog_head h;
        memcpy(&h, r->bytes + k, sizeof h);
        durable = u64_max(durable, h.durable);
        /* These two are written after all before them was synced. */
        sealed = sealed || h.kind == TLOG_SEAL || h.kind == TLOG_CLOSE;
    }
    if (later && clean) return segment_load(r, r->place.segment + 1, m);
    if (later || sealed || durable > r->place.epoch)
        return damage(r, u64_max(durable, r->place.epoch), m);
    for (u64 k = rest; k > 0 && r->torn_bytes == 0; k--)
        if (r->bytes[at + k - 1] != 0) r->torn_bytes = k;
    return MMSB_OK;
}

mmsb_status tlog_read_next(tlog_reader *r, const tlog_head **record, message *m) {
    ASSERT(record != NULL);
    *record = NULL;
    for (u64 before = r->place.segment;; before = r->place.segment) {
        if (r->torn_bytes == 0 && record_is_whole(r, r->place.offset, tlog_seed(r->uuid))) break;
        TRY(end_classify(r, m));
        if (r->place.segment == before) return MMSB_OK;
    }
    const tlog_head *h = (const void *)(r->bytes + r->place.offset);
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
    ASSERT(r->place.offset <= r->byte_count);
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

void tlog_read_close(tlog_reader *r) {
    file_unmap(r->bytes, r->byte_count);
    r->bytes = NULL;
}
