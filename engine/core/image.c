/* SPDX-License-Identifier: Apache-2.0
 * image: looking things up in a verified image. Allocates nothing. */
#include "image.h"
#include <stdio.h>

u32 image_find_page(const image *i, const char *name, size_t count) {
    ASSERT(name != NULL || count == 0);
    for (u32 page = 1; page < i->page_count; page++) {
        const image_page *p = &i->pages[page];
        if ((p->flags & PAGE_HIDDEN) != 0 || p->kind == PAGE_PREV || p->kind == PAGE_EPOCH)
            continue;
        const char *text = image_string(i, p->name);
        if (strlen(text) == count && memcmp(text, name, count) == 0) return page;
    }
    return 0;
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
