/* SPDX-License-Identifier: Apache-2.0
 * checkpoint: see checkpoint.h for the format. */
#include "checkpoint.h"

#include <fcntl.h>
#include <stdio.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "core/window.h"

typedef unsigned long long llu;

#define LOAD_BYTES ((u64)128 << 10) /* of a page, read at once */

static u64 page_bytes(const image *i, u32 page) {
    ASSERT(page > 0 && page < i->page_count);
    return i->shapes[i->pages[page].shape].lanes * type_bytes(i->pages[page].type);
}

/* What is in the file: at epoch 0 the sources alone, since the rest follows from them. */
static bool page_is_in(const engine *e, u32 page, u64 epoch) {
    ASSERT(page > 0 && page < engine_image(e)->page_count);
    const image *i = engine_image(e);
    return epoch == 0 ? i->pages[page].kind == PAGE_SOURCE : engine_is_saved(e, page);
}

static u64 parts_make(engine *e, checkpoint_head *h, const checkpoint_request *requests,
                      file_part *parts, checkpoint_page *rows) {
    static const u8 zeros[64];
    const image *i = engine_image(e);
    u32 count = 3, row = 0;
    u64 at = sizeof *h + h->request_count * sizeof *requests + h->page_count * sizeof *rows;
    parts[0] = (file_part){h, sizeof *h};
    parts[1] = (file_part){requests, h->request_count * sizeof *requests};
    parts[2] = (file_part){rows, h->page_count * sizeof *rows};
    for (u32 k = 1; k < i->page_count; k++) {
        if (!page_is_in(e, k, h->epoch)) continue;
        u64 aligned = ALIGN_UP(at, 64), bytes = page_bytes(i, k);
        parts[count++] = (file_part){zeros, aligned - at};
        parts[count++] = (file_part){engine_page(e, k), bytes};
        rows[row++] = (checkpoint_page){.page = k, .at = aligned, .bytes = bytes};
        at = aligned + bytes;
    }
    h->bytes = at;
    ASSERT(row == h->page_count);
    ASSERT(count == 3 + 2 * h->page_count);
    return count;
}

static u64 parts_digest(const file_part *parts, u64 count, u64 seed) {
    ASSERT(count >= 3);
    ASSERT(parts[0].bytes == sizeof(checkpoint_head));
    XXH3_state_t s;
    XXH3_INITSTATE(&s);
    XXH3_64bits_reset_withSeed(&s, seed);
    XXH3_64bits_update(&s, (const u8 *)parts[0].from + 16, parts[0].bytes - 16);
    for (u64 k = 1; k < count; k++)
        if (parts[k].bytes != 0) XXH3_64bits_update(&s, parts[k].from, parts[k].bytes);
    return XXH3_64bits_digest(&s);
}

bool checkpoint_room_take(checkpoint_room *room, arena *a, const image *i) {
    ASSERT(i->page_count > 0);
    room->parts = ARENA_ARRAY(a, file_part, 3 + 2ull * i->page_count);
    room->rows = ARENA_ARRAY(a, checkpoint_page, i->page_count);
    return room->parts != NULL && room->rows != NULL;
}

mmsb_status checkpoint_begin(file_calls *f, int folder, engine *e, const u8 uuid[16],
                             const checkpoint_room *room, const tlog_place *place,
                             const checkpoint_request *requests, u32 request_count, file_fresh *out,
                             message *m) {
    ASSERT(room->parts != NULL);
    ASSERT(place->segment > 0);
    ASSERT(place->epoch == engine_epoch(e));
    const image *i = engine_image(e);
    static const u8 magic[9] = CHECKPOINT_MAGIC;
    checkpoint_head h = {.version = CHECKPOINT_VERSION,
                         .math_version = MATH_VERSION,
                         .root_version = ROOT_VERSION,
                         .epoch = engine_epoch(e),
                         .image_digest = i->head->digest,
                         .root = engine_root(e),
                         .segment = place->segment,
                         .offset = place->offset,
                         .digest_prev = place->digest_prev,
                         .request_count = request_count};
    memcpy(h.magic, magic, 8);
    memcpy(h.uuid, uuid, 16);
    for (u32 k = 1; k < i->page_count; k++) {
        if (!page_is_in(e, k, h.epoch)) continue;
        TRY(engine_fetch(e, k, m));
        h.page_count++;
    }
    u64 count = parts_make(e, &h, requests, room->parts, room->rows);
    char name[48];
    h.digest = parts_digest(room->parts, count, tlog_seed(uuid));
    snprintf(name, sizeof name, "checkpoint-%llu", (llu)h.epoch);
    return file_fresh_begin(f, folder, name, room->parts, (u32)count, out, m);
}

mmsb_status checkpoint_write(file_calls *f, int folder, engine *e, const u8 uuid[16],
                             const checkpoint_room *room, const tlog_place *place,
                             const checkpoint_request *requests, u32 request_count, message *m) {
    file_fresh w;
    ASSERT(folder >= 0);
    TRY(checkpoint_begin(f, folder, e, uuid, room, place, requests, request_count, &w, m));
    return file_fresh_end(f, &w, true, m);
}

static mmsb_status damaged(u64 epoch, const char *why, message *m) {
    ASSERT(why != NULL);
    return message_set(m, MMSB_DAMAGED, "checkpoint-%llu: %s", (llu)epoch, why);
}

static mmsb_status rows_check(const checkpoint *c, const image *i, u64 epoch, message *m) {
    ASSERT(c->byte_count >= sizeof(checkpoint_head));
    const checkpoint_head *h = c->head;
    u64 at = sizeof *h + (u64)h->request_count * sizeof(checkpoint_request) +
             (u64)h->page_count * sizeof(checkpoint_page);
    if (at > c->byte_count) return damaged(epoch, "its tables are cut off", m);
    for (u32 k = 0; k < h->page_count; k++) {
        checkpoint_page row;
        memcpy(&row, &c->pages[k], sizeof row);
        if (row.page == 0 || row.page >= i->page_count || row.bytes != page_bytes(i, row.page) ||
            row.at != ALIGN_UP(at, 64) || row.at > c->byte_count ||
            row.bytes > c->byte_count - row.at)
            return damaged(epoch, "a page does not fit the graph", m);
        at = row.at + row.bytes;
    }
    return at == c->byte_count ? MMSB_OK : damaged(epoch, "bytes follow the last page", m);
}

static mmsb_status head_check(const checkpoint *c, u64 epoch, message *m) {
    const checkpoint_head *h = c->head;
    if (c->byte_count < sizeof *h) return damaged(epoch, "it is shorter than its head", m);
    if (memcmp(h->magic, CHECKPOINT_MAGIC, 8) != 0) return damaged(epoch, "not a checkpoint", m);
    if (h->version != CHECKPOINT_VERSION || h->math_version != MATH_VERSION ||
        h->root_version != ROOT_VERSION)
        return message_set(m, MMSB_WRONG,
                           "checkpoint-%llu: written with version %u, math %u, root %u, which this "
                           "build does not read",
                           (llu)epoch, h->version, h->math_version, h->root_version);
    if (h->bytes != c->byte_count) return damaged(epoch, "its length is wrong", m);
    return MMSB_OK;
}

/* Once the digest is known to be right. */
static mmsb_status head_fits(const checkpoint *c, u64 epoch, const image *i, const u8 *uuid,
                             message *m) {
    const checkpoint_head *h = c->head;
    ASSERT(h->bytes == c->byte_count);
    if (h->epoch != epoch) return damaged(epoch, "it holds another epoch", m);
    if (uuid != NULL && memcmp(uuid, h->uuid, 16) != 0)
        return damaged(epoch, "it belongs to another log", m);
    if (h->image_digest != i->head->digest)
        return message_set(m, MMSB_WRONG,
                           "checkpoint-%llu was made by another image than graph.mmsbx",
                           (llu)epoch);
    return MMSB_OK;
}

mmsb_status checkpoint_read(file_calls *f, int folder, u64 epoch, const image *i, const u8 *uuid,
                            checkpoint *out, message *m) {
    ASSERT(out != NULL);
    char name[48];
    const void *bytes;
    snprintf(name, sizeof name, "checkpoint-%llu", (llu)epoch);
    memset(out, 0, sizeof *out);
    TRY(file_map(f, folder, name, &bytes, &out->byte_count, m));
    out->bytes = bytes;
    out->head = bytes;
    mmsb_status s = head_check(out, epoch, m);
    const checkpoint_head *h = out->head;
    if (s == MMSB_OK && h->digest != XXH3_64bits_withSeed(out->bytes + 16, out->byte_count - 16,
                                                          tlog_seed(h->uuid)))
        s = damaged(epoch, "its digest is wrong", m);
    if (s == MMSB_OK) s = head_fits(out, epoch, i, uuid, m);
    if (s == MMSB_OK) {
        out->requests = (const void *)(out->bytes + sizeof *out->head);
        out->pages = (const void *)(out->requests + out->head->request_count);
        s = rows_check(out, i, epoch, m);
    }
    if (s != MMSB_OK) checkpoint_free(out);
    return s;
}

/* A checkpoint whose pages go straight where they belong; what was read is hashed while the caches
 * hold it. */
typedef struct {
    file_window file;
    XXH3_state_t hash;
    u64 hashed; /* bytes of the file */
} loader;

/* Hashes bytes [hashed, to) and, with `into`, copies them there. */
static mmsb_status load_bytes(loader *l, u64 to, u8 *into, message *m) {
    ASSERT(to >= l->hashed && to <= l->file.size);
    while (l->hashed < to) {
        u64 count = u64_min(to - l->hashed, LOAD_BYTES);
        const u8 *bytes = into;
        if (into != NULL && count == LOAD_BYTES) {
            TRY(file_read_all(l->file.files, l->file.fd, into, count, l->hashed, l->file.name, m));
        } else {
            TRY(window_at(&l->file, l->hashed, count, &bytes, m));
            if (into != NULL) memcpy(into, bytes, count);
        }
        XXH3_64bits_update(&l->hash, bytes, count);
        l->hashed += count;
        if (into != NULL) into += count;
    }
    return MMSB_OK;
}

/* Head and tables in memory of their own; nothing in them is trusted before the digest is. */
static mmsb_status load_tables(loader *l, checkpoint *c, const image *i, u64 epoch, message *m) {
    ASSERT(c->bytes == NULL);
    checkpoint_head h;
    checkpoint seen = {.head = &h, .byte_count = l->file.size};
    const u8 *bytes;
    if (l->file.size >= sizeof h) {
        TRY(window_at(&l->file, 0, sizeof h, &bytes, m));
        memcpy(&h, bytes, sizeof h);
    }
    TRY(head_check(&seen, epoch, m));
    u64 tables = sizeof h + (u64)h.request_count * sizeof(checkpoint_request) +
                 (u64)h.page_count * sizeof(checkpoint_page);
    if (tables > l->file.size) return damaged(epoch, "its tables are cut off", m);
    u8 *memory = region_take(tables);
    if (memory == NULL) return message_set(m, MMSB_OUT_OF_SPACE, "no memory for a checkpoint");
    c->bytes = memory, c->byte_count = tables;
    memcpy(memory, &h, sizeof h);
    c->head = (const void *)memory;
    c->requests = (const void *)(memory + sizeof h);
    c->pages = (const void *)(c->requests + h.request_count);
    l->hashed = 16;
    XXH3_INITSTATE(&l->hash);
    XXH3_64bits_reset_withSeed(&l->hash, tlog_seed(h.uuid));
    XXH3_64bits_update(&l->hash, memory + 16, sizeof h - 16);
    l->hashed = sizeof h;
    TRY(load_bytes(l, tables, memory + sizeof h, m));
    seen.pages = c->pages;
    return rows_check(&seen, i, epoch, m);
}

static mmsb_status load_pages(loader *l, const checkpoint *c, engine *e, u64 epoch, message *m) {
    ASSERT(l->hashed == c->byte_count);
    for (u32 k = 0; k < c->head->page_count; k++) {
        const checkpoint_page *row = &c->pages[k];
        if (!page_is_in(e, row->page, epoch))
            return damaged(epoch, "it holds pages that are not saved", m);
        TRY(load_bytes(l, row->at, NULL, m));
        TRY(load_bytes(l, row->at + row->bytes, engine_page_bytes(e, row->page), m));
    }
    ASSERT(l->hashed == l->file.size);
    if (XXH3_64bits_digest(&l->hash) != c->head->digest)
        return damaged(epoch, "its digest is wrong", m);
    return MMSB_OK;
}

mmsb_status checkpoint_load(file_calls *f, int folder, u64 epoch, engine *e, checkpoint *out,
                            message *m) {
    ASSERT(out != NULL);
    const image *i = engine_image(e);
    char name[48];
    loader l = {.file = {.fd = -1}};
    memset(out, 0, sizeof *out);
    snprintf(name, sizeof name, "checkpoint-%llu", (llu)epoch);
    int fd = f->open_at(f, folder, name, O_RDONLY | O_NONBLOCK, 0);
    if (fd < 0) return file_failed(m, "open", name, fd);
    TRY(window_open(&l.file, f, fd, name, m));
    u64 size = l.file.size;
    mmsb_status s = load_tables(&l, out, i, epoch, m);
    if (s == MMSB_OK) {
        s = load_pages(&l, out, e, epoch, m);
        checkpoint whole = {.head = out->head, .byte_count = size};
        if (s == MMSB_OK) s = head_fits(&whole, epoch, i, NULL, m);
        /* The engine is as it was opened again. */
        for (u32 k = 0; s != MMSB_OK && k < out->head->page_count; k++)
            if (page_is_in(e, out->pages[k].page, epoch))
                memset(engine_page_bytes(e, out->pages[k].page), 0, out->pages[k].bytes);
    }
    window_close(&l.file);
    if (s != MMSB_OK) checkpoint_free(out);
    return s;
}

void checkpoint_free(checkpoint *c) {
    file_unmap(c->bytes, c->byte_count);
    memset(c, 0, sizeof *c);
}

mmsb_status checkpoint_restored(const checkpoint *c, engine *e, message *m) {
    ASSERT(c->head != NULL);
    const checkpoint_head *h = c->head;
    u32 row = 0;
    for (u32 k = 1; k < engine_image(e)->page_count; k++) {
        if (!page_is_in(e, k, h->epoch)) continue;
        if (row == h->page_count || c->pages[row].page != k)
            return damaged(h->epoch, "a page that the graph needs is missing", m);
        row++;
    }
    if (row != h->page_count) return damaged(h->epoch, "it holds pages that are not saved", m);
    mmsb_status s = h->epoch == 0 ? engine_epoch0(e, m) : engine_restored(e, h->epoch, m);
    if (s != MMSB_OK) return s;
    ASSERT(engine_epoch(e) == h->epoch);
    if (engine_root(e) != h->root)
        return message_set(m, MMSB_DAMAGED,
                           "checkpoint-%llu: its root is 0x%016llx, but its pages give 0x%016llx",
                           (llu)h->epoch, (llu)h->root, (llu)engine_root(e));
    return MMSB_OK;
}
