/* SPDX-License-Identifier: Apache-2.0
 * image: looking things up in a verified image. Allocates nothing but image_index's table. */
#include "image.h"
#include <stdio.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

static bool page_is_found(const image_page *p) {
    ASSERT(p->kind < PAGE_KIND_COUNT);
    return (p->flags & PAGE_HIDDEN) == 0 && p->kind != PAGE_PREV && p->kind != PAGE_EPOCH;
}

static bool page_is_named(const image *i, u32 page, const char *name, size_t count) {
    const char *text = image_string(i, i->pages[page].name);
    ASSERT(page < i->page_count);
    return strlen(text) == count && memcmp(text, name, count) == 0;
}

/* Slots from a name's own on, up to the first empty one. */
u32 image_find_page(const image *i, const char *name, size_t count) {
    ASSERT(name != NULL || count == 0);
    if (i->name_slots != NULL) {
        u64 at = XXH3_64bits(name, count) & i->name_mask;
        while (i->name_slots[at] != 0 && !page_is_named(i, i->name_slots[at], name, count))
            at = (at + 1) & i->name_mask;
        return i->name_slots[at];
    }
    for (u32 page = 1; page < i->page_count; page++)
        if (page_is_found(&i->pages[page]) && page_is_named(i, page, name, count)) return page;
    return 0;
}

#define INDEX_FROM 32u /* pages; fewer are looked at as quickly one by one */

void image_index(image *i, arena *memory) {
    u64 capacity = 64;
    if (i->page_count < INDEX_FROM) return;
    while (capacity < (u64)i->page_count * 2) capacity *= 2;
    u32 *slots = ARENA_ARRAY(memory, u32, capacity);
    for (u32 page = 1; page < i->page_count && slots != NULL; page++) {
        if (!page_is_found(&i->pages[page])) continue;
        const char *name = image_string(i, i->pages[page].name);
        u64 at = XXH3_64bits(name, strlen(name)) & (capacity - 1);
        while (slots[at] != 0) at = (at + 1) & (capacity - 1);
        slots[at] = page;
    }
    ASSERT(capacity <= UINT32_MAX);
    i->name_slots = slots, i->name_mask = (u32)(capacity - 1);
}

/* A PREV page is told by the page that it lags. */
static int lane_name(const image *i, u32 page, char *to, size_t bytes) {
    ASSERT(page < i->page_count);
    ASSERT(bytes > 0);
    const image_page *p = &i->pages[page];
    if (p->kind == PAGE_EPOCH) return snprintf(to, bytes, "epoch");
    if (p->kind != PAGE_PREV) return snprintf(to, bytes, "%s", image_string(i, p->name));
    return snprintf(to, bytes, "prev(%s)", image_string(i, i->pages[p->of].name));
}

void image_lane_text(const image *i, u32 page, u64 lane, char *to, size_t bytes) {
    ASSERT(page > 0 && page < i->page_count && bytes > 0);
    const image_shape *s = &i->shapes[i->pages[page].shape];
    ASSERT(lane < s->lanes);
    size_t used = (size_t)lane_name(i, page, to, bytes);
    u64 below = s->lanes;
    for (u32 axis = 0; axis < s->axis_count && used < bytes; axis++) {
        below /= s->dims[axis];
        u64 at = lane / below % s->dims[axis];
        const char *close = axis + 1 == s->axis_count ? "]" : "";
        int more = snprintf(to + used, bytes - used, "%s%llu%s", axis == 0 ? "[" : ", ",
                            (unsigned long long)at, close);
        used += (size_t)more;
    }
}
