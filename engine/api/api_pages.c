/* SPDX-License-Identifier: Apache-2.0
 * api_pages: an engine's pages, views, snapshots. Changes nothing. */
#include "api.h"

uint32_t mmsb_page_count(const mmsb_engine *e) { return e == NULL ? 0 : e->pages.count; }

mmsb_status mmsb_page_find(mmsb_engine *e, const char *name, uint32_t *page) {
    message m = {.used = 0};
    if (e == NULL) return MMSB_USAGE;
    ASSERT(e->pages.count == 0 || e->pages.i == &e->i);
    return api_words(&e->h, api_find(&e->pages, name, page, &m), &m);
}

mmsb_status mmsb_page_describe(mmsb_engine *e, uint32_t page, mmsb_page_info *out) {
    message m = {.used = 0};
    if (e == NULL) return MMSB_USAGE;
    ASSERT(e->pages.count == 0 || e->pages.i == &e->i);
    return api_words(&e->h, api_describe(&e->pages, page, out, &m), &m);
}

const void *mmsb_view(mmsb_engine *e, uint32_t page, mmsb_type type) {
    message m = {.used = 0};
    if (e == NULL) return NULL;
    if (e->h.state == API_UNOPENED) {
        api_words(&e->h, message_set(&m, MMSB_USAGE, "the engine did not open"), &m);
        return NULL;
    }
    u32 row = api_row_typed(&e->pages, page, (u32)type, &m);
    if (row == 0) {
        api_words(&e->h, MMSB_USAGE, &m);
        return NULL;
    }
    ASSERT(((uintptr_t)engine_page(e->e, row) & 4095) == 0);
    return engine_page(e->e, row);
}

/* Lanes of the page with row rows[k] stand at `at[k]` of the region. */
struct mmsb_snapshot {
    u64 bytes, epoch;
    u32 count, zero;
    struct {
        u64 at;
        u32 page;
        u32 type;
    } pages[];
};

static u64 snapshot_plan(mmsb_engine *e, const u32 *pages, u32 count, message *m) {
    u64 bytes =
        ALIGN_UP(sizeof(mmsb_snapshot) + count * sizeof(((mmsb_snapshot *)0)->pages[0]), 64);
    for (u32 k = 0; k < count; k++) {
        u32 row = api_row(&e->pages, pages == NULL ? k : pages[k], m);
        if (row == 0) return 0;
        bytes += ALIGN_UP(api_page_bytes(&e->i, row), 64);
    }
    ASSERT(bytes % 64 == 0);
    return ALIGN_UP(bytes, 4096);
}

static void snapshot_fill(const mmsb_engine *e, const u32 *pages, mmsb_snapshot *s) {
    u64 at = ALIGN_UP(sizeof *s + s->count * sizeof s->pages[0], 64);
    for (u32 k = 0; k < s->count; k++) {
        u32 page = pages == NULL ? k : pages[k], row = e->pages.rows[page];
        u64 bytes = api_page_bytes(&e->i, row);
        memcpy((u8 *)s + at, engine_page(e->e, row), bytes);
        s->pages[k].at = at, s->pages[k].page = page, s->pages[k].type = e->i.pages[row].type;
        at += ALIGN_UP(bytes, 64);
    }
    ASSERT(at <= s->bytes);
}

mmsb_status mmsb_snapshot_take(mmsb_engine *e, const uint32_t *pages, uint32_t count,
                               mmsb_snapshot **out) {
    message m = {.used = 0};
    if (e == NULL) return MMSB_USAGE;
    TRY(api_enter(&e->h, API_OPEN));
    if (out == NULL || (pages == NULL && count != 0))
        return api_leave(&e->h, message_set(&m, MMSB_USAGE, "pages or out is NULL"), &m);
    *out = NULL;
    if (count == 0) pages = NULL, count = e->pages.count;
    u64 bytes = snapshot_plan(e, pages, count, &m);
    if (bytes == 0) return api_leave(&e->h, MMSB_USAGE, &m);
    mmsb_snapshot *s = region_take(bytes);
    if (s == NULL)
        return api_leave(&e->h,
                         message_set(&m, MMSB_OUT_OF_SPACE, "the snapshot needs %llu bytes",
                                     (unsigned long long)bytes),
                         &m);
    s->bytes = bytes, s->epoch = engine_epoch(e->e), s->count = count;
    snapshot_fill(e, pages, s);
    *out = s;
    ASSERT(s->count != 0 || e->pages.count == 0);
    return api_leave(&e->h, MMSB_OK, &m);
}

const void *mmsb_snapshot_view(const mmsb_snapshot *s, uint32_t page, mmsb_type type) {
    for (u32 k = 0; s != NULL && k < s->count; k++)
        if (s->pages[k].page == page && (type == MMSB_ANY || s->pages[k].type == (u32)type))
            return (const u8 *)s + s->pages[k].at;
    return NULL;
}

uint64_t mmsb_snapshot_epoch(const mmsb_snapshot *s) { return s == NULL ? 0 : s->epoch; }

void mmsb_snapshot_free(mmsb_snapshot *s) {
    if (s != NULL) region_give_back(s, s->bytes);
}
