/* SPDX-License-Identifier: Apache-2.0
 * api_pages: pages by number and name, views, snapshots. Changes nothing. */
#include "api.h"

#include <stdio.h>

#define NAME_MOST 64u

u32 api_row(mmsb_engine *e, u32 page, message *m) {
    ASSERT(e->page_count == 0 || e->rows != NULL);
    if (page < e->page_count) return e->rows[page];
    message_set(m, MMSB_USAGE, "there is no page number %u: the graph has %u", page, e->page_count);
    return 0;
}

uint32_t mmsb_page_count(const mmsb_engine *e) { return e == NULL ? 0 : e->page_count; }

/* How many letters must change; NAME_MOST for long names. */
static u32 distance(const char *a, const char *b) {
    size_t n = strlen(a), w = strlen(b);
    u32 row[NAME_MOST + 1];
    if (n > NAME_MOST || w > NAME_MOST) return NAME_MOST;
    for (u32 k = 0; k <= w; k++) row[k] = k;
    for (u32 r = 1; r <= n; r++) {
        u32 corner = row[0];
        row[0] = r;
        for (u32 k = 1; k <= w; k++) {
            u32 change = corner + (a[r - 1] != b[k - 1]);
            corner = row[k];
            u32 least = row[k] < row[k - 1] ? row[k] + 1 : row[k - 1] + 1;
            row[k] = change < least ? change : least;
        }
    }
    ASSERT(row[w] <= NAME_MOST);
    return row[w];
}

static mmsb_status no_page(const mmsb_engine *e, const char *name, message *m) {
    u32 best = NAME_MOST;
    const char *near = NULL;
    for (u32 k = 0; k < e->page_count; k++) {
        const char *other = image_string(&e->i, e->i.pages[e->rows[k]].name);
        u32 far = distance(name, other);
        if (far < best) best = far, near = other;
    }
    ASSERT(near == NULL || best < NAME_MOST);
    if (near != NULL && best <= 2 && best < strlen(near))
        return message_set(m, MMSB_WRONG, "there is no page `%.80s`; did you mean `%s`?", name,
                           near);
    return message_set(m, MMSB_WRONG, "there is no page `%.80s` that is kept", name);
}

mmsb_status mmsb_page_find(mmsb_engine *e, const char *name, uint32_t *page) {
    message m = {.used = 0};
    if (e == NULL) return MMSB_USAGE;
    if (name == NULL || page == NULL)
        return api_words(e, message_set(&m, MMSB_USAGE, "name or page is NULL"), &m);
    ASSERT(e->page_count == 0 || e->rows != NULL);
    for (u32 k = 0; k < e->page_count; k++) {
        if (strcmp(image_string(&e->i, e->i.pages[e->rows[k]].name), name) != 0) continue;
        *page = k;
        return MMSB_OK;
    }
    return api_words(e, no_page(e, name, &m), &m);
}

static u32 flags_of(const mmsb_engine *e, u32 row) {
    const image_page *p = &e->i.pages[row];
    ASSERT(row > 0 && row < e->i.page_count);
    return (p->kind == PAGE_SOURCE ? MMSB_PAGE_SOURCE : 0u) |
           ((p->flags & PAGE_STATE) != 0 ? MMSB_PAGE_STATE : 0u) |
           ((p->flags & PAGE_EXPORTED) != 0 ? MMSB_PAGE_EXPORTED : 0u) |
           ((p->flags & PAGE_EVENT) != 0 ? MMSB_PAGE_EVENT : 0u);
}

mmsb_status mmsb_page_describe(mmsb_engine *e, uint32_t page, mmsb_page_info *out) {
    message m = {.used = 0};
    if (e == NULL) return MMSB_USAGE;
    if (out == NULL || out->struct_size < sizeof *out)
        return api_words(e, message_set(&m, MMSB_USAGE, "mmsb_page_info.struct_size is not set"),
                         &m);
    u32 row = api_row(e, page, &m);
    if (row == 0) return api_words(e, MMSB_USAGE, &m);
    const image_page *p = &e->i.pages[row];
    const image_shape *s = &e->i.shapes[p->shape];
    const image_position *at = &e->i.positions[p->position];
    mmsb_page_info info = {.struct_size = out->struct_size,
                           .type = p->type,
                           .flags = flags_of(e, row),
                           .axes = s->axis_count,
                           .lanes = s->lanes,
                           .bytes = s->lanes * type_bytes(p->type),
                           .name = image_string(&e->i, p->name),
                           .file = image_string(&e->i, p->position == 0 ? 0 : at->file),
                           .line = p->position == 0 ? 0 : at->line};
    ASSERT(s->axis_count <= PAGE_AXES_MAX);
    for (u32 a = 0; a < PAGE_AXES_MAX; a++) info.dims[a] = a < s->axis_count ? s->dims[a] : 1;
    *out = info;
    return MMSB_OK;
}

/* 0 with words: the page is not there or has another type. */
static u32 view_row(mmsb_engine *e, u32 page, u32 type, message *m) {
    u32 row = api_row(e, page, m);
    if (row == 0 || type == MMSB_ANY || e->i.pages[row].type == type) return row;
    message_set(m, MMSB_USAGE, "%s is a page of %s, not of %s",
                image_string(&e->i, e->i.pages[row].name), type_text(e->i.pages[row].type),
                type < TYPE_COUNT ? type_text((u8)type) : "that type");
    return 0;
}

const void *mmsb_view(mmsb_engine *e, uint32_t page, mmsb_type type) {
    message m = {.used = 0};
    if (e == NULL) return NULL;
    if (e->state == API_UNOPENED) {
        api_words(e, message_set(&m, MMSB_USAGE, "the engine did not open"), &m);
        return NULL;
    }
    u32 row = view_row(e, page, (u32)type, &m);
    if (row == 0) {
        api_words(e, MMSB_USAGE, &m);
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
        u32 row = api_row(e, pages == NULL ? k : pages[k], m);
        if (row == 0) return 0;
        const image_page *p = &e->i.pages[row];
        bytes += ALIGN_UP(e->i.shapes[p->shape].lanes * type_bytes(p->type), 64);
    }
    ASSERT(bytes % 64 == 0);
    return ALIGN_UP(bytes, 4096);
}

static void snapshot_fill(const mmsb_engine *e, const u32 *pages, mmsb_snapshot *s) {
    u64 at = ALIGN_UP(sizeof *s + s->count * sizeof s->pages[0], 64);
    for (u32 k = 0; k < s->count; k++) {
        u32 page = pages == NULL ? k : pages[k], row = e->rows[page];
        const image_page *p = &e->i.pages[row];
        u64 bytes = e->i.shapes[p->shape].lanes * type_bytes(p->type);
        memcpy((u8 *)s + at, engine_page(e->e, row), bytes);
        s->pages[k].at = at, s->pages[k].page = page, s->pages[k].type = p->type;
        at += ALIGN_UP(bytes, 64);
    }
    ASSERT(at <= s->bytes);
}

mmsb_status mmsb_snapshot_take(mmsb_engine *e, const uint32_t *pages, uint32_t count,
                               mmsb_snapshot **out) {
    message m = {.used = 0};
    TRY(api_enter(e, API_OPEN));
    if (out == NULL || (pages == NULL && count != 0))
        return api_leave(e, message_set(&m, MMSB_USAGE, "pages or out is NULL"), &m);
    *out = NULL;
    if (count == 0) pages = NULL, count = e->page_count;
    u64 bytes = snapshot_plan(e, pages, count, &m);
    if (bytes == 0) return api_leave(e, MMSB_USAGE, &m);
    mmsb_snapshot *s = region_take(bytes);
    if (s == NULL)
        return api_leave(e,
                         message_set(&m, MMSB_OUT_OF_SPACE, "the snapshot needs %llu bytes",
                                     (unsigned long long)bytes),
                         &m);
    s->bytes = bytes, s->epoch = engine_epoch(e->e), s->count = count;
    snapshot_fill(e, pages, s);
    *out = s;
    ASSERT(s->count != 0 || e->page_count == 0);
    return api_leave(e, MMSB_OK, &m);
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
