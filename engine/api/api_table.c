/* SPDX-License-Identifier: Apache-2.0
 * api_table: pages by number and name, for both handles. Changes nothing. */
#include "api.h"

#include <stdlib.h>

#define NAME_MOST 64u

u32 api_row(const api_pages *p, u32 page, message *m) {
    ASSERT(p->count == 0 || p->rows != NULL);
    if (page < p->count) return p->rows[page];
    message_set(m, MMSB_USAGE, "there is no page number %u: the graph has %u", page, p->count);
    return 0;
}

static const char *name_of(const api_pages *p, u32 page) {
    ASSERT(page < p->count);
    return image_string(p->i, p->i->pages[p->rows[page]].name);
}

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

static mmsb_status no_page(const api_pages *p, const char *name, message *m) {
    u32 best = NAME_MOST;
    const char *near = NULL;
    for (u32 k = 0; k < p->count; k++) {
        const char *other = name_of(p, k);
        u32 far = distance(name, other);
        if (far < best) best = far, near = other;
    }
    ASSERT(near == NULL || best < NAME_MOST);
    if (near != NULL && best <= 2 && best < strlen(near))
        return message_set(m, MMSB_WRONG, "there is no page `%.80s`; did you mean `%s`?", name,
                           near);
    return message_set(m, MMSB_WRONG, "there is no page `%.80s` that is kept", name);
}

static int row_order(const void *x, const void *y) {
    u32 a = *(const u32 *)x, b = *(const u32 *)y;
    return (a > b) - (a < b);
}

mmsb_status api_find(const api_pages *p, const char *name, u32 *page, message *m) {
    if (name == NULL || page == NULL) return message_set(m, MMSB_USAGE, "name or page is NULL");
    ASSERT(p->count == 0 || p->rows != NULL);
    u32 row = p->count == 0 ? 0 : image_find_page(p->i, name, strlen(name));
    const u32 *found = row == 0 ? NULL : bsearch(&row, p->rows, p->count, sizeof row, row_order);
    if (found == NULL) return no_page(p, name, m);
    *page = (u32)(found - p->rows);
    return MMSB_OK;
}

static u32 flags_of(const image_page *p) {
    ASSERT(p->kind < PAGE_KIND_COUNT);
    return (p->kind == PAGE_SOURCE ? MMSB_PAGE_SOURCE : 0u) |
           ((p->flags & PAGE_STATE) != 0 ? MMSB_PAGE_STATE : 0u) |
           ((p->flags & PAGE_EXPORTED) != 0 ? MMSB_PAGE_EXPORTED : 0u) |
           ((p->flags & PAGE_EVENT) != 0 ? MMSB_PAGE_EVENT : 0u);
}

u64 api_page_bytes(const image *i, u32 row) {
    ASSERT(row > 0 && row < i->page_count);
    return i->shapes[i->pages[row].shape].lanes * type_bytes(i->pages[row].type);
}

mmsb_status api_describe(const api_pages *all, u32 page, mmsb_page_info *out, message *m) {
    if (out == NULL || out->struct_size < sizeof *out)
        return message_set(m, MMSB_USAGE, "mmsb_page_info.struct_size is not set");
    u32 row = api_row(all, page, m);
    if (row == 0) return MMSB_USAGE;
    const image *i = all->i;
    const image_page *p = &i->pages[row];
    const image_shape *s = &i->shapes[p->shape];
    const image_position *at = &i->positions[p->position];
    mmsb_page_info info = {.struct_size = out->struct_size,
                           .type = p->type,
                           .flags = flags_of(p),
                           .axes = s->axis_count,
                           .lanes = s->lanes,
                           .bytes = api_page_bytes(i, row),
                           .name = image_string(i, p->name),
                           .file = image_string(i, p->position == 0 ? 0 : at->file),
                           .line = p->position == 0 ? 0 : at->line};
    ASSERT(s->axis_count <= PAGE_AXES_MAX);
    for (u32 a = 0; a < PAGE_AXES_MAX; a++) info.dims[a] = a < s->axis_count ? s->dims[a] : 1;
    *out = info;
    return MMSB_OK;
}

u32 api_row_typed(const api_pages *p, u32 page, u32 type, message *m) {
    u32 row = api_row(p, page, m);
    if (row == 0 || type == MMSB_ANY || p->i->pages[row].type == type) return row;
    ASSERT(row < p->i->page_count);
    message_set(m, MMSB_USAGE, "%s is a page of %s, not of %s", name_of(p, page),
                type_text(p->i->pages[row].type),
                type < TYPE_COUNT ? type_text((u8)type) : "that type");
    return 0;
}
